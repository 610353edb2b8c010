//! What is changed in the manifests of the staged copy, and only there: the version, the requirements among published
//! members, and what would not hold outside the workspace. A manifest in which nothing has to change keeps its bytes.
//!
//! Beyond the version, three things change so that cargo packs any workspace for a repository it knows nothing of:
//!
//! - `package.publish = [...]` goes (it was obeyed already), and so does `registry = "..."` of a dependency on another
//!   published member: cargo lays the crates being packed over one registry, and looks there for all of them;
//! - a path that leads out of the copy becomes absolute; where the dependency has a version, too, it goes, because
//!   cargo drops it anyway when it packs, and the packed original would tell of this machine's folders;
//! - a path alone to another published member gets a version where one is given for all (else cargo asks for one).

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use semver::Version;
use toml_edit::{DocumentMut, Item, TableLike, value};

use super::error::PublishError;

/// What has to be known to rewrite the manifests of a workspace.
#[derive(Debug)]
pub(super) struct Rewrite<'a> {
    /// The version of all published members, where there is one for all.
    pub(super) version: Option<&'a Version>,
    /// The folders of the published members, in the original.
    pub(super) published: &'a BTreeSet<PathBuf>,
    /// Of these, the ones whose version is another one now. Requirements on the others stay as their authors wrote
    /// them: a version that is the manifests' own makes the same crates as the manifests do.
    pub(super) changed: &'a BTreeSet<PathBuf>,
    /// Of these, the ones that a published package needs by path alone, without a version.
    pub(super) versionless: &'a BTreeSet<PathBuf>,
    /// The folders that were copied, in the original.
    pub(super) copied: &'a [PathBuf],
}

impl Rewrite<'_> {
    /// The manifest of the package or workspace in `folder` (of the original) as the copy has it; `None` where
    /// nothing changes.
    pub(super) fn apply(&self, text: &str, folder: &Path, path: &Path) -> Result<Option<String>, PublishError> {
        let mut document: DocumentMut =
            text.parse().map_err(|source| PublishError::Manifest { path: path.to_owned(), source })?;
        let is_published = self.published.contains(folder);
        let mut changed = false;
        if is_published && let Some(package) = document.get_mut("package").and_then(Item::as_table_like_mut) {
            changed |= self.package(package, self.changed.contains(folder));
        }
        changed |= self.dependency_tables(document.as_table_mut(), folder, is_published);
        if let Some(targets) = document.get_mut("target").and_then(Item::as_table_like_mut) {
            for (_, target) in targets.iter_mut() {
                if let Some(target) = target.as_table_like_mut() {
                    changed |= self.dependency_tables(target, folder, is_published);
                }
            }
        }
        if let Some(workspace) = document.get_mut("workspace").and_then(Item::as_table_like_mut) {
            // What inherits from here decides whether it is a development dependency.
            changed |= self.dependencies(workspace, "dependencies", folder, Place::Workspace);
        }
        for patches in ["patch", "replace"] {
            let Some(patches) = document.get_mut(patches).and_then(Item::as_table_like_mut) else { continue };
            for (_, patch) in patches.iter_mut() {
                for (_, entry) in patch.as_table_like_mut().into_iter().flat_map(|table| table.iter_mut()) {
                    changed |= entry.as_table_like_mut().is_some_and(|entry| self.make_absolute(entry, folder));
                }
            }
        }
        Ok(changed.then(|| document.to_string()))
    }

    fn package(&self, package: &mut dyn TableLike, has_other_version: bool) -> bool {
        let mut changed = false;
        if let Some(version) = self.version.filter(|_| has_other_version) {
            package.insert("version", value(version.to_string()));
            changed = true;
        }
        if package.get("publish").is_some_and(|publish| publish.as_bool().is_none()) {
            package.remove("publish");
            changed = true;
        }
        changed
    }

    fn dependency_tables(&self, parent: &mut dyn TableLike, folder: &Path, is_published: bool) -> bool {
        let mut changed = false;
        for key in ["dependencies", "build-dependencies", "build_dependencies"] {
            let place = if is_published { Place::Published } else { Place::Unpublished };
            changed |= self.dependencies(parent, key, folder, place);
        }
        for key in ["dev-dependencies", "dev_dependencies"] {
            let place = if is_published { Place::PublishedTests } else { Place::Unpublished };
            changed |= self.dependencies(parent, key, folder, place);
        }
        changed
    }

    fn dependencies(&self, parent: &mut dyn TableLike, key: &str, folder: &Path, place: Place) -> bool {
        let Some(table) = parent.get_mut(key).and_then(Item::as_table_like_mut) else { return false };
        let mut changed = false;
        let mut dropped = Vec::new();
        for (name, entry) in table.iter_mut() {
            let Some(entry) = entry.as_table_like_mut() else { continue };
            let Some(leads_to) = entry.get("path").and_then(Item::as_str).map(|path| joined(folder, path)) else {
                continue;
            };
            let has_version = entry.contains_key("version");
            if self.published.contains(&leads_to) {
                for registry in ["registry", "registry-index"] {
                    changed |= entry.remove(registry).is_some();
                }
                let lacking =
                    place == Place::Published || (place == Place::Workspace && self.versionless.contains(&leads_to));
                let outdated = has_version && self.changed.contains(&leads_to);
                let required = self.version.map(|version| format!("={version}"));
                if let Some(required) = required.filter(|_| outdated || (lacking && !has_version)) {
                    entry.insert("version", value(required));
                    changed = true;
                }
                changed |= self.make_absolute(entry, folder);
            } else if self.is_copied(&leads_to) || !place.is_packed() {
                changed |= self.make_absolute(entry, folder);
            } else if has_version {
                changed |= entry.remove("path").is_some();
            } else if place == Place::PublishedTests {
                dropped.push(name.get().to_owned());
            } else {
                changed |= self.make_absolute(entry, folder);
            }
        }
        for name in dropped {
            changed |= table.remove(&name).is_some();
        }
        changed
    }

    /// Makes a path that leads out of the copy absolute, and an absolute one into what was copied relative.
    fn make_absolute(&self, entry: &mut dyn TableLike, folder: &Path) -> bool {
        let Some(path) = entry.get("path").and_then(Item::as_str).map(PathBuf::from) else { return false };
        let leads_to = normal(&folder.join(&path));
        let new = match (self.is_copied(&leads_to), path.is_absolute()) {
            (true, true) => between(folder, &leads_to),
            (false, false) => leads_to,
            _ => return false,
        };
        entry.insert("path", value(new.to_string_lossy().into_owned()));
        true
    }

    fn is_copied(&self, path: &Path) -> bool {
        self.copied.iter().any(|copied| path.starts_with(copied))
    }
}

/// Where a dependency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Of a published package, and so part of what is published.
    Published,
    /// Of a published package's tests: part of what is published only with a version.
    PublishedTests,
    /// Of a member that is not published.
    Unpublished,
    /// For members to inherit.
    Workspace,
}

impl Place {
    /// Whether the text ends up in a packed crate.
    fn is_packed(self) -> bool {
        match self {
            Place::Published | Place::PublishedTests => true,
            // Only the root package's manifest holds it; then the path is one of this machine as it always was.
            Place::Unpublished | Place::Workspace => false,
        }
    }
}

fn joined(folder: &Path, path: &str) -> PathBuf {
    normal(&folder.join(path))
}

/// A path without `.` and `..`, as cargo reads them: by the text.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(result.pop()),
            part => result.push(part),
        }
    }
    result
}

/// The relative path from a folder to another.
fn between(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies to a manifest in `/w/FOLDER`; members a and b of `/w` are published, c is not, `/o` is elsewhere.
    fn rewritten(version: Option<&str>, folder: &str, text: &str) -> Option<String> {
        let version = version.map(|text| Version::parse(text).unwrap());
        let rewrite = Rewrite {
            version: version.as_ref(),
            published: &["/w", "/w/a", "/w/b", "/w/same"].map(PathBuf::from).into(),
            changed: &["/w", "/w/a", "/w/b"].map(PathBuf::from).into(),
            versionless: &["/w/b"].map(PathBuf::from).into(),
            copied: &["/w".into()],
        };
        let path = Path::new("/w").join(folder);
        let path = if folder.is_empty() { Path::new("/w") } else { &path };
        rewrite.apply(text, path, Path::new("Cargo.toml")).unwrap()
    }

    #[test]
    fn nothing_to_change_changes_nothing() {
        let text = "# mine\n[package]\nname = \"a\"\nversion  =  \"1.0.0\" # kept\npublish = true\n\
            [dependencies]\nb = { path = \"../b\", version = \"1\" }\n[dev-dependencies]\nc.path = \"../c\"\n\
            serde = \"1\"\n";
        assert_eq!(rewritten(None, "a", text), None);
    }

    #[test]
    fn a_version_for_all_reaches_every_table() {
        let text = "\
[package]
name = \"a\"
version.workspace = true # all the same
publish = [\"ours\"]

[dependencies]
renamed = { package = \"b\", path = \"../b\", version = \"0.1\", registry = \"ours\" } # why
bare = { package = \"b\", path = \"../b\" }
serde = \"1\"

[dev-dependencies]
b = { path = \"../b\" }
c = { path = \"../c\", version = \"0.1\" }

[build-dependencies.b]
path = \"../b\"
version = \"0.1\"

[target.'cfg(unix)'.dependencies]
b = { path = \"./../b\", version = \"0.1\", optional = true }
inherited.workspace = true
";
        let expected = "\
[package]
name = \"a\"
version = \"0.2.0-dev.1\"

[dependencies]
renamed = { package = \"b\", path = \"../b\", version = \"=0.2.0-dev.1\" } # why
bare = { package = \"b\", path = \"../b\" , version = \"=0.2.0-dev.1\" }
serde = \"1\"

[dev-dependencies]
b = { path = \"../b\" }
c = { path = \"../c\", version = \"0.1\" }

[build-dependencies.b]
path = \"../b\"
version = \"=0.2.0-dev.1\"

[target.'cfg(unix)'.dependencies]
b = { path = \"./../b\", version = \"=0.2.0-dev.1\", optional = true }
inherited.workspace = true
";
        similar(&rewritten(Some("0.2.0-dev.1"), "a", text).unwrap(), expected);
    }

    #[test]
    fn a_version_that_is_the_manifests_own_changes_nothing() {
        let text = "[package]\nname = \"same\"\nversion.workspace = true\n[dependencies]\n\
            same = { path = \"../same\", version = \"2\" }\n";
        assert_eq!(rewritten(Some("2.0.0"), "same", text), None);
    }

    #[test]
    fn members_that_inherit_get_it_from_the_root() {
        let text = "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nversion = \"0.1.0\"\n\
            [workspace.dependencies]\na = { path = \"a\", version = \"0.1.0\" }\nb = { path = \"b\" }\n\
            c = { path = \"c\", version = \"0.1.0\" }\n";
        let new = rewritten(Some("2.0.0"), "", text).unwrap();
        let document: DocumentMut = new.parse().unwrap();
        let dependency = |name: &str| document["workspace"]["dependencies"][name].get("version").and_then(Item::as_str);
        assert_eq!(
            [dependency("a"), dependency("b"), dependency("c")],
            [Some("=2.0.0"), Some("=2.0.0"), Some("0.1.0")]
        );
        assert_eq!(document["workspace"]["package"]["version"].as_str(), Some("0.1.0"));
    }

    #[test]
    fn a_member_that_is_not_published_follows_those_that_are() {
        let text = "[package]\nname = \"c\"\nversion = \"0.1.0\"\n[dependencies]\n\
            a = { path = \"../a\", version = \"0.1.0\" }\n";
        let new = rewritten(Some("2.0.0"), "c", text).unwrap();
        assert!(new.contains("version = \"=2.0.0\"") && new.contains("version = \"0.1.0\""), "{new}");
    }

    #[test]
    fn what_leads_out_of_the_copy_still_leads_there() {
        let text = "[package]\nname = \"a\"\n[dependencies]\nout = { path = \"../../o/out\", version = \"1\" }\n\
            bare = { path = \"../../o/bare\" }\nin = { path = \"/w/c\", version = \"1\" }\n\
            [dev-dependencies]\ntests = { path = \"../../o/tests\" }\n[patch.x]\np = { path = \"../../o/p\" }\n";
        let document: DocumentMut = rewritten(None, "a", text).unwrap().parse().unwrap();
        let path = |table: &str, name: &str| document[table].get(name).and_then(|it| it.get("path")).cloned();
        let path = |table, name| path(table, name).and_then(|item| item.as_str().map(str::to_owned));
        assert_eq!(path("dependencies", "out"), None);
        assert_eq!(path("dependencies", "bare").as_deref(), Some("/o/bare"));
        assert_eq!(path("dependencies", "in").as_deref(), Some("../c"));
        assert!(document["dev-dependencies"].get("tests").is_none());
        assert_eq!(document["patch"]["x"]["p"]["path"].as_str(), Some("/o/p"));
    }

    #[test]
    fn a_faulty_manifest_is_named_with_its_place() {
        let none = &BTreeSet::new();
        let rewrite = Rewrite { version: None, published: none, changed: none, versionless: none, copied: &[] };
        let error = rewrite.apply("[package", Path::new("/w"), Path::new("/w/Cargo.toml")).unwrap_err();
        assert!(error.to_string().contains("/w/Cargo.toml"), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("line 1"));
    }

    /// Equal but for blanks, which inline tables gain and lose at their ends.
    fn similar(one: &str, other: &str) {
        let plain = |text: &str| text.lines().map(|line| line.replace(' ', "")).collect::<Vec<_>>();
        assert_eq!(plain(one), plain(other), "\n{one}");
    }
}
