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
}

/// Packs the members named, of the copy, without building them. `original` is what cargo says of the workspace as it
/// was before anything was rewritten.
pub(super) fn pack(
    stage: &Stage,
    cargo: &Cargo,
    original: &Metadata,
    names: &[String],
    registries: &Registries<'_>,
    events: &mut dyn FnMut(PublishEvent),
) -> Result<Vec<PackedCrate>, PublishError> {
    let metadata = cargo.metadata(stage.manifest())?;
    run(stage, cargo, &metadata, names, false, registries, events)?;
    let members: BTreeMap<&str, &Package> =
        metadata.workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect();
    let packed = names.iter().map(|name| {
        let package = members.get(name.as_str()).expect("the copy has the members of the original");
        let file = stage.target_dir().join(packed_file(name, &package.version.to_string()));
        let (size, sha256) = digest(&file)?;
        Ok(PackedCrate {
            name: name.clone(),
            version: package.version.to_string(),
            dependencies: dependencies(package, &own_dependencies(original, name), registries),
            file,
            size,
            sha256,
        })
    });
    packed.collect()
}

/// Builds what is packed, as a consumer would, before it is uploaded. Cargo packs once more for that: from then on
/// these files are the ones.
pub(super) fn verify(
    stage: &Stage,
    cargo: &Cargo,
    packed: &mut [PackedCrate],
    registries: &Registries<'_>,
    events: &mut dyn FnMut(PublishEvent),
) -> Result<(), PublishError> {
    let metadata = cargo.metadata(stage.manifest())?;
    let names: Vec<_> = packed.iter().map(|krate| krate.name.clone()).collect();
    run(stage, cargo, &metadata, &names, true, registries, events)?;
    for krate in packed {
        (krate.size, krate.sha256) = digest(&krate.file)?;
    }
    Ok(())
}

fn run(
    stage: &Stage,
    cargo: &Cargo,
    metadata: &Metadata,
    names: &[String],
    verify: bool,
    registries: &Registries<'_>,
    events: &mut dyn FnMut(PublishEvent),
) -> Result<(), PublishError> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let resolution = if stands_alone(metadata) { Resolution::Alone } else { registries.config.resolution() };
    let target_dir = stage.target_dir();
    let packing = Packing {
        manifest: stage.manifest(),
        target_dir: &target_dir,
        packages: &names,
        verify,
        resolution: &resolution,
    };
    cargo.run("cargo package", &packing.command().arguments, &target_dir.join("build"), events)
}

/// Whether the members of a workspace depend on nothing but each other, so that nothing has to be looked up.
fn stands_alone(metadata: &Metadata) -> bool {
    let members = metadata.workspace_packages();
    let folders: BTreeSet<&Path> = members.iter().map(|member| folder_of(member)).collect();
    let dependencies = members.iter().flat_map(|member| &member.dependencies);
    let mut paths = dependencies.map(|dependency| dependency.path.as_ref());
    paths.all(|path| path.is_some_and(|path| folders.contains(path.as_std_path())))
}

/// The packages that a member of the original workspace names by path: its own kind, wherever they are.
fn own_dependencies<'a>(original: &'a Metadata, name: &str) -> BTreeSet<&'a str> {
    let member = original.packages.iter().find(|package| package.name.as_str() == name);
    let dependencies = member.into_iter().flat_map(|member| &member.dependencies);
    dependencies.filter(|dependency| dependency.path.is_some()).map(|dependency| dependency.name.as_str()).collect()
}

/// The dependencies as the index records them.
fn dependencies(package: &Package, own: &BTreeSet<&str>, registries: &Registries<'_>) -> Vec<NewDependency> {
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
        registry: if own.contains(dependency.name.as_str()) { None } else { registry(dependency, registries) },
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

    /// Makes the lock file in it name what is stored, by [`super::lock`].
    pub(super) fn correct_lock(&mut self, stored: &Digests) -> Result<(), PublishError> {
        // A crate that was packed without one has nothing to correct.
        let lock = match text_of(self.open()?, self.size, &self.name, &self.version, "Cargo.lock") {
            Err(ArchiveError::Missing { .. }) => return Ok(()),
            lock => lock.map_err(|source| self.unreadable(source))?,
        };
        let Some(lock) = lock::corrected(&lock, stored) else { return Ok(()) };
        let root = format!("{}-{}", self.name, self.version);
        let bytes = lock::replaced(self.open()?, &root, &lock).map_err(|source| self.unreadable(source))?;
        std::fs::write(&self.file, bytes).map_err(PublishError::file("write", &self.file))?;
        (self.size, self.sha256) = digest(&self.file)?;
        Ok(())
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
