//! A workspace as it lies there: its members, which of them are to be published, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};
use clients::cargo::RegistryName;
use codeartifact::{Endpoint, Host, Trust};

use super::cargo::Cargo;
use super::cargo_config::CargoConfig;
use super::error::PublishError;

/// A workspace found at a path.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The folder of the root manifest.
    pub(super) root: PathBuf,
    /// What cargo says of it.
    pub(super) metadata: Metadata,
    /// The one member asked for, where the path names a member's folder and not the root.
    only: Option<String>,
}

/// Which members are published, and which are not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// By name, each after what it depends on.
    pub(super) published: Vec<String>,
    /// Name and reason.
    pub(super) skipped: Vec<(String, String)>,
}

/// Decides whether a registry name in `package.publish` stands for the repository that is published to.
pub(super) struct Registries<'a> {
    pub(super) config: &'a CargoConfig<'a>,
    pub(super) target: &'a Endpoint,
    pub(super) trust: &'a Trust,
}

impl Registries<'_> {
    /// By its configured index; a name not configured at all is taken to be the repository's own, the name that
    /// `configure cargo` gives by default.
    fn names_target(&self, name: &str) -> bool {
        match self.config.registry_index(name) {
            Some(index) => self.is_target(&index),
            None => RegistryName::choose(None, self.target.repository()).is_ok_and(|own| own.as_str() == name),
        }
    }

    /// Whether an index URL is that of the repository that is published to.
    pub(super) fn is_target(&self, index: &str) -> bool {
        matches!(Endpoint::recognise(index.as_bytes(), self.trust), Ok(Some(endpoint))
            if endpoint.base_url() == self.target.base_url())
    }
}

impl Workspace {
    /// The workspace at `path`: a folder with a manifest, or the manifest.
    pub(super) fn at(path: &Path, host: &Host) -> Result<Self, PublishError> {
        let none = || PublishError::NoManifest { path: path.to_owned() };
        let path = path.canonicalize().map_err(|_| none())?;
        let manifest = if path.is_dir() { path.join("Cargo.toml") } else { path };
        if manifest.file_name().is_none_or(|name| name != "Cargo.toml") || !manifest.is_file() {
            return Err(none());
        }
        let folder = manifest.parent().expect("a file is in a folder").to_owned();
        let metadata = Cargo::in_folder(folder.clone(), host).metadata(&manifest)?;
        let root = PathBuf::from(metadata.workspace_root.as_str());
        let only = if folder == root { None } else { metadata.packages.iter().find(|it| it.manifest_path == manifest) };
        Ok(Self { root, only: only.map(|package| package.name.to_string()), metadata })
    }

    /// All members.
    pub(super) fn members(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    /// Which members are published to the repository, and in which order.
    pub(super) fn select(&self, registries: &Registries<'_>) -> Result<Selection, PublishError> {
        select(&self.members(), self.only.as_deref(), &|name| registries.names_target(name)).and_then(|selection| {
            if selection.published.is_empty() {
                let (path, skipped) = (self.root.clone(), selection.skipped);
                return Err(PublishError::NothingToPublish { path, skipped });
            }
            Ok(selection)
        })
    }
}

/// The folder of a package.
pub(super) fn folder_of(package: &Package) -> &Path {
    package.manifest_path.parent().expect("a manifest is in a folder").as_std_path()
}

/// Whether what is published asks for this dependency: a development dependency without a version is left out.
pub(super) fn is_kept(dependency: &Dependency) -> bool {
    dependency.kind != DependencyKind::Development
        || dependency.path.is_none()
        || dependency.req != semver::VersionReq::STAR
}

fn select(
    members: &[&Package],
    only: Option<&str>,
    names_target: &dyn Fn(&str) -> bool,
) -> Result<Selection, PublishError> {
    let by_folder: BTreeMap<&Path, &Package> = members.iter().map(|member| (folder_of(member), *member)).collect();
    let needs = |member: &Package| -> Vec<&Package> {
        let kept = member.dependencies.iter().filter(|dependency| is_kept(dependency));
        let paths = kept.filter_map(|dependency| dependency.path.as_ref());
        paths.filter_map(|path| by_folder.get(path.as_std_path()).copied()).collect()
    };

    let mut published: BTreeMap<&str, &Package> = BTreeMap::new();
    let mut skipped = BTreeMap::new();
    for member in members {
        let reason = match &member.publish {
            None => None,
            Some(names) if names.is_empty() => Some("its manifest says `publish = false`".to_owned()),
            Some(names) if names.iter().any(|name| names_target(name)) => None,
            Some(names) => Some(format!("its manifest says `publish = {names:?}`, which is not this repository")),
        };
        match reason {
            None => drop(published.insert(&member.name, member)),
            Some(reason) => drop(skipped.insert(member.name.to_string(), reason)),
        }
    }
    if let Some(only) = only {
        let mut wanted = BTreeSet::new();
        let mut open: Vec<&Package> = published.get(only).copied().into_iter().collect();
        while let Some(member) = open.pop() {
            if wanted.insert(member.name.to_string()) {
                open.extend(needs(member));
            }
        }
        published.retain(|name, _| wanted.contains(*name));
        skipped.retain(|name, _| name == only || wanted.contains(name));
    }
    for member in published.values() {
        for needed in needs(member) {
            if let Some(reason) = skipped.get(needed.name.as_str()) {
                return Err(PublishError::DependsOnUnpublished {
                    krate: member.name.to_string(),
                    dependency: needed.name.to_string(),
                    reason: reason.clone(),
                });
            }
        }
    }

    let mut order = Vec::new();
    let mut open: BTreeMap<&str, BTreeSet<&str>> = published
        .values()
        .map(|member| {
            let needed = needs(member).into_iter().map(|needed| needed.name.as_str());
            // A package may use itself in its tests and examples.
            (member.name.as_str(), needed.filter(|name| *name != member.name.as_str()).collect())
        })
        .collect();
    while !open.is_empty() {
        let ready = open.iter().find(|(_, needed)| needed.iter().all(|name| !open.contains_key(name)));
        let Some(name) = ready.map(|(name, _)| *name) else {
            return Err(PublishError::Circle { crates: circle(&open) });
        };
        open.remove(name);
        order.push(name.to_owned());
    }
    Ok(Selection { published: order, skipped: skipped.into_iter().collect() })
}

/// One circle among packages that all wait for another.
fn circle(open: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut next = open.keys().next().copied();
    while let Some(name) = next {
        if let Some(start) = path.iter().position(|known| *known == name) {
            return path.split_off(start).into_iter().map(str::to_owned).collect();
        }
        path.push(name);
        next = open[name].iter().copied().find(|needed| open.contains_key(needed));
    }
    path.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn package(name: &str, publish: &Value, needs: &[(&str, Option<&str>, &str)]) -> Package {
        let dependencies: Vec<_> = needs
            .iter()
            .map(|(name, kind, req)| {
                json!({ "name": name, "req": req, "kind": kind, "optional": false, "uses_default_features": true,
                    "features": [], "path": format!("/w/{name}") })
            })
            .collect();
        serde_json::from_value(json!({
            "name": name, "version": "1.0.0", "id": name, "dependencies": dependencies, "targets": [],
            "features": {}, "manifest_path": format!("/w/{name}/Cargo.toml"), "publish": publish,
        }))
        .unwrap()
    }

    fn chosen(packages: &[Package], only: Option<&str>) -> Result<Selection, PublishError> {
        select(&packages.iter().collect::<Vec<_>>(), only, &|name| name == "ours")
    }

    #[test]
    fn each_member_comes_after_what_it_needs() {
        let packages = [
            package("app", &Value::Null, &[("util", None, "^1"), ("core", Some("build"), "^1")]),
            package("core", &Value::Null, &[("app", Some("dev"), "*")]),
            package("util", &Value::Null, &[("macros", None, "^1"), ("core", None, "^1")]),
            package("macros", &Value::Null, &[("macros", Some("dev"), "^1")]),
        ];
        assert_eq!(chosen(&packages, None).unwrap().published, ["core", "macros", "util", "app"]);
        assert_eq!(chosen(&packages, Some("util")).unwrap().published, ["core", "macros", "util"]);
    }

    #[test]
    fn what_may_not_be_published_is_left_out_with_its_reason() {
        let packages = [
            package("a", &Value::Null, &[]),
            package("b", &json!([]), &[("a", None, "^1")]),
            package("c", &json!(["theirs", "ours"]), &[]),
            package("d", &json!(["theirs"]), &[]),
        ];
        let selection = chosen(&packages, None).unwrap();
        assert_eq!(selection.published, ["a", "c"]);
        let reasons: Vec<_> = selection.skipped.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(reasons, ["b", "d"]);
        assert!(selection.skipped[1].1.contains("theirs"), "{:?}", selection.skipped);
    }

    #[test]
    fn a_published_member_cannot_need_one_that_is_not() {
        for (kind, req, refused) in
            [(None, "^1", true), (Some("build"), "*", true), (Some("dev"), "^1", true), (Some("dev"), "*", false)]
        {
            let packages = [package("a", &Value::Null, &[("secret", kind, req)]), package("secret", &json!([]), &[])];
            let result = chosen(&packages, None);
            assert_eq!(matches!(result, Err(PublishError::DependsOnUnpublished { .. })), refused, "{kind:?} {req}");
        }
    }

    #[test]
    fn a_circle_is_named() {
        let packages = [
            package("z", &Value::Null, &[("a", None, "^1")]),
            package("a", &Value::Null, &[("b", Some("dev"), "^1")]),
            package("b", &Value::Null, &[("a", None, "^1")]),
        ];
        match chosen(&packages, None) {
            Err(PublishError::Circle { crates }) => assert_eq!(crates, ["a", "b"]),
            other => panic!("{other:?}"),
        }
    }
}
