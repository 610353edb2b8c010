//! Packing: cargo does it, in the staged copy, for all members at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};
use clients::cargo::publish::{NewCrate, NewDependency, Packing, Resolution, packed_file};
use sha2::{Digest, Sha256};

use super::PublishEvent;
use super::archive::{ArchiveError, Contents, text_of};
use super::cargo::Cargo;
use super::error::PublishError;
use super::lock::{self, Digests};
use super::staging::Stage;
use super::workspace::{Registries, folder_of, is_kept};

/// A packed crate.
#[derive(Debug)]
pub(super) struct PackedCrate {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) file: PathBuf,
    pub(super) size: u64,
    /// SHA-256 of the file, lowercase hex.
    pub(super) sha256: String,
    dependencies: Vec<NewDependency>,
    /// The names of those dependencies that the manifest of the original gives a path.
    own: BTreeSet<String>,
}

/// Packs the members of a staged workspace.
pub(super) struct Packer<'a> {
    pub(super) stage: &'a Stage,
    pub(super) cargo: &'a Cargo,
    pub(super) registries: &'a Registries<'a>,
    /// What cargo says of the workspace as it was before anything was rewritten.
    pub(super) original: &'a Metadata,
    /// The members that are published, each after what it needs.
    pub(super) names: &'a [String],
}

impl Packer<'_> {
    /// Packs, and does not build.
    pub(super) fn pack(&self, events: &mut dyn FnMut(PublishEvent)) -> Result<Vec<PackedCrate>, PublishError> {
        let metadata = self.cargo.metadata(self.stage.manifest())?;
        self.run(&metadata, false, events)?;
        let members: BTreeMap<&str, &Package> =
            metadata.workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect();
        let packed = self.names.iter().map(|name| {
            let package = members.get(name.as_str()).expect("the copy has the members of the original");
            let file = self.stage.target_dir().join(packed_file(name, &package.version.to_string()));
            let (size, sha256) = digest(&file)?;
            let own = own_dependencies(self.original, name);
            Ok(PackedCrate {
                name: name.clone(),
                version: package.version.to_string(),
                dependencies: dependencies(package, &own, self.registries),
                file,
                size,
                sha256,
                own,
            })
        });
        let mut packed = packed.collect::<Result<Vec<_>, PublishError>>()?;
        settle(&metadata, &mut packed)?;
        Ok(packed)
    }

    /// Builds what is packed, as a consumer would, before it is uploaded. Cargo packs once more for that: from then on
    /// these files are the ones.
    pub(super) fn verify(
        &self,
        packed: &mut [PackedCrate],
        events: &mut dyn FnMut(PublishEvent),
    ) -> Result<(), PublishError> {
        let metadata = self.cargo.metadata(self.stage.manifest())?;
        self.run(&metadata, true, events)?;
        for krate in &mut *packed {
            (krate.size, krate.sha256) = digest(&krate.file)?;
        }
        settle(&metadata, packed)
    }

    fn run(&self, metadata: &Metadata, verify: bool, events: &mut dyn FnMut(PublishEvent)) -> Result<(), PublishError> {
        let packages: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let alone = stands_alone(metadata);
        let resolution = if alone { Resolution::Alone } else { Resolution::Registries { own: self.own(metadata) } };
        let target_dir = self.stage.target_dir();
        let packing = Packing {
            manifest: self.stage.manifest(),
            target_dir: &target_dir,
            packages: &packages,
            verify,
            resolution: &resolution,
        };
        self.cargo.run("cargo package", &packing.command().arguments, &target_dir.join("build"), events)
    }

    /// The folders of the workspace's own packages: published members, in the copy, and what members name by a path
    /// that leads out of it.
    fn own(&self, metadata: &Metadata) -> Vec<(String, PathBuf)> {
        let members = metadata.workspace_packages();
        let published = members.iter().filter(|member| self.names.contains(&member.name));
        let mut own: BTreeMap<String, PathBuf> =
            published.map(|member| (member.name.to_string(), folder_of(member).to_owned())).collect();
        let inside: BTreeSet<&Path> = self.original.packages.iter().map(folder_of).collect();
        for dependency in self.original.packages.iter().flat_map(|package| &package.dependencies) {
            if let Some(path) = dependency.path.as_ref().filter(|path| !inside.contains(path.as_std_path())) {
                own.entry(dependency.name.clone()).or_insert_with(|| path.as_std_path().to_owned());
            }
        }
        own.into_iter().collect()
    }
}

/// Makes sure that what was locked are the workspace's own, and that lock files name them as a registry will.
fn settle(metadata: &Metadata, packed: &mut [PackedCrate]) -> Result<(), PublishError> {
    let digests: BTreeSet<String> = packed.iter().map(|krate| krate.sha256.clone()).collect();
    packed.iter().try_for_each(|krate| krate.refuse_strangers(&digests))?;
    let dependencies = metadata.packages.iter().flat_map(|package| &package.dependencies);
    let mut sources = dependencies.filter(|it| it.registry.is_none()).filter_map(|it| it.source.as_ref());
    let default = sources.find(|source| source.repr.starts_with("registry+")).map(|source| source.repr.as_str());
    let mut known = Digests::new();
    for krate in packed {
        krate.correct_lock(&known, default)?;
        known.insert((krate.name.clone(), krate.version.clone()), krate.sha256.clone());
    }
    Ok(())
}

/// Whether the members of a workspace depend on nothing but each other, so that nothing has to be looked up.
fn stands_alone(metadata: &Metadata) -> bool {
    let members = metadata.workspace_packages();
    let folders: BTreeSet<&Path> = members.iter().map(|member| folder_of(member)).collect();
    let dependencies = members.iter().flat_map(|member| &member.dependencies);
    let mut paths = dependencies.map(|dependency| dependency.path.as_ref());
    paths.all(|path| path.is_some_and(|path| folders.contains(path.as_std_path())))
}

/// The packages that a member of the original workspace names by path, wherever they are: a development dependency
/// without a version is none, because it is left out of what is published.
fn own_dependencies(original: &Metadata, name: &str) -> BTreeSet<String> {
    let member = original.packages.iter().find(|package| package.name.as_str() == name);
    let dependencies = member.into_iter().flat_map(|member| &member.dependencies);
    let own = dependencies.filter(|dependency| dependency.path.is_some() && is_kept(dependency));
    own.map(|dependency| dependency.name.clone()).filter(|dependency| dependency != name).collect()
}

/// The dependencies as the index records them.
fn dependencies(package: &Package, own: &BTreeSet<String>, registries: &Registries<'_>) -> Vec<NewDependency> {
    let kept = package.dependencies.iter().filter(|dependency| is_kept(dependency));
    kept.map(|dependency| NewDependency {
        optional: dependency.optional,
        default_features: dependency.uses_default_features,
        name: dependency.name.clone(),
        features: dependency.features.clone(),
        version_req: dependency.req.to_string(),
        target: dependency.target.as_ref().map(ToString::to_string),
        kind: match dependency.kind {
            DependencyKind::Development => "dev",
            DependencyKind::Build => "build",
            _ => "normal",
        },
        registry: if own.contains(&dependency.name) { None } else { registry(dependency, registries) },
        explicit_name_in_toml: dependency.rename.clone(),
    })
    .collect()
}

/// The registry a dependency comes from; none where it is the one that is published to. The default registry's address
/// is the one cargo states. For a git repository it is left to [`PackedCrate::metadata`].
fn registry(dependency: &Dependency, registries: &Registries<'_>) -> Option<String> {
    let source = dependency.source.as_ref().map(|source| source.repr.as_str());
    let index = dependency.registry.as_deref().or(source)?;
    let index = index.strip_prefix("registry+").unwrap_or(index);
    (!registries.is_target(index)).then(|| index.to_owned())
}

/// The registry that a lock file has a package from.
fn locked_registry(lock: &str, name: &str) -> Option<String> {
    let document: toml_edit::DocumentMut = lock.parse().ok()?;
    let packages = document.get("package")?.as_array_of_tables()?;
    let package = packages.iter().find(|package| package.get("name").and_then(|it| it.as_str()) == Some(name))?;
    package.get("source")?.as_str()?.strip_prefix("registry+").map(str::to_owned)
}

/// Size and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<(u64, String), PublishError> {
    let mut file = File::open(path).map_err(PublishError::file("open", path))?;
    let mut digest = Sha256::new();
    let size = io::copy(&mut file, &mut digest).map_err(PublishError::file("read", path))?;
    Ok((size, hex(&digest.finalize())))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory succeeds");
        text
    })
}

impl PackedCrate {
    /// What is in it.
    pub(super) fn contents(&self) -> Result<Contents, PublishError> {
        let read = Contents::read(self.open()?, self.size, &self.name, &self.version);
        read.map_err(|source| self.unreadable(source))
    }

    /// What the registry is told of it.
    pub(super) fn metadata(&self) -> Result<NewCrate, PublishError> {
        let text = |path: &str| {
            let text = text_of(self.open()?, self.size, &self.name, &self.version, path);
            text.map_err(|source| self.unreadable(source))
        };
        let new = NewCrate::read(&text("Cargo.toml")?, self.dependencies.clone());
        let mut new = new.map_err(|source| PublishError::PackedManifest { krate: self.name.clone(), source })?;
        // Packed, a dependency on a git repository is one on the default registry. Cargo states where in the lock file.
        for dependency in &mut new.deps {
            if dependency.registry.as_ref().is_some_and(|registry| registry.starts_with("git+")) {
                dependency.registry = locked_registry(&text("Cargo.lock")?, &dependency.name);
            }
        }
        if let Some(readme) = &new.readme_file {
            new.readme = Some(text(readme)?);
        }
        Ok(new)
    }

    /// Fails where the lock file shows that cargo took another's crate for one of the workspace's own: those are locked
    /// by their folder, or with one of `digests`.
    fn refuse_strangers(&self, digests: &BTreeSet<String>) -> Result<(), PublishError> {
        let Some(lock) = self.lock_file()? else { return Ok(()) };
        match self.own.iter().find(|name| !lock::has_own(&lock, name, digests)) {
            None => Ok(()),
            Some(name) => Err(PublishError::StrangersCrate { krate: self.name.clone(), dependency: name.clone() }),
        }
    }

    /// Makes the lock file in it name siblings by these digests; see [`super::lock`].
    pub(super) fn correct_lock(&mut self, digests: &Digests, default: Option<&str>) -> Result<(), PublishError> {
        let Some(lock) = self.lock_file()? else { return Ok(()) };
        let Some(lock) = lock::corrected(&lock, digests, default) else { return Ok(()) };
        let root = format!("{}-{}", self.name, self.version);
        let bytes = lock::replaced(self.open()?, &root, &lock).map_err(|source| self.unreadable(source))?;
        std::fs::write(&self.file, bytes).map_err(PublishError::file("write", &self.file))?;
        (self.size, self.sha256) = digest(&self.file)?;
        Ok(())
    }

    /// The text of the packed lock file, if one was packed.
    fn lock_file(&self) -> Result<Option<String>, PublishError> {
        match text_of(self.open()?, self.size, &self.name, &self.version, "Cargo.lock") {
            Err(ArchiveError::Missing { .. }) => Ok(None),
            lock => lock.map(Some).map_err(|source| self.unreadable(source)),
        }
    }

    /// The file, from its start.
    pub(super) fn open(&self) -> Result<BufReader<File>, PublishError> {
        File::open(&self.file).map(BufReader::new).map_err(PublishError::file("open", &self.file))
    }

    fn unreadable(&self, source: ArchiveError) -> PublishError {
        PublishError::Archive {
            krate: self.name.clone(),
            version: self.version.clone(),
            which: "packed",
            source: source.into(),
        }
    }
}
