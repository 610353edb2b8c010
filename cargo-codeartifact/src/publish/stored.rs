//! What the repository has of a crate already, and whether that is what is packed now.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use codeartifact::PackageFormat;
use codeartifact::control_plane::{Asset, ControlPlane, PackageId, PackageVersionStatus, RepositoryId};

use super::archive::Contents;
use super::error::PublishError;
use super::pack::{PackedCrate, digest};

/// The repository, asked through the control plane.
pub(super) struct Repository<'a> {
    pub(super) control_plane: &'a dyn ControlPlane,
    pub(super) id: &'a RepositoryId,
}

/// What is stored under a crate's name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    /// Nothing: the version is free.
    Nothing,
    /// The same content; its SHA-256, which may not be that of what is packed now.
    Identical(String),
}

impl Repository<'_> {
    /// What is stored under the name and version of `krate`; an error where it is anything but the same. The stored
    /// file, where it has to be read, goes to `scratch`.
    pub(super) fn compare(&self, krate: &PackedCrate, scratch: &Path) -> Result<Stored, PublishError> {
        let Some(asset) = self.crate_file(krate)? else { return Ok(Stored::Nothing) };
        if asset.sha256.eq_ignore_ascii_case(&krate.sha256) {
            return Ok(Stored::Identical(krate.sha256.clone()));
        }
        // The bytes differ at least by the commit: what counts is what they hold.
        let (size, sha256) = self.download(krate, &asset, scratch)?;
        let file = File::open(scratch).map_err(PublishError::file("open", scratch))?;
        let stored = Contents::read(BufReader::new(file), size, &krate.name, &krate.version);
        let differences = match stored {
            Ok(stored) => krate.contents()?.differences(&stored),
            Err(source) => {
                let (krate, version) = (krate.name.clone(), krate.version.clone());
                return Err(PublishError::Archive { krate, version, which: "stored", source: source.into() });
            }
        };
        if differences.is_empty() {
            return Ok(Stored::Identical(sha256));
        }
        Err(PublishError::DifferentContent {
            krate: krate.name.clone(),
            version: krate.version.clone(),
            stored: sha256,
            packed: krate.sha256.clone(),
            differences,
        })
    }

    /// The SHA-256 of the stored file, without reading it; `None` where the version is not there.
    pub(super) fn digest(&self, krate: &PackedCrate) -> Result<Option<String>, PublishError> {
        Ok(self.crate_file(krate)?.map(|asset| asset.sha256.to_lowercase()))
    }

    fn crate_file(&self, krate: &PackedCrate) -> Result<Option<Asset>, PublishError> {
        let package = PackageId { format: PackageFormat::Cargo, namespace: None, name: krate.name.clone() };
        let described = self.control_plane.describe_package_version(self.id, &package, &krate.version)?;
        match described.map(|version| version.status) {
            None | Some(PackageVersionStatus::Deleted) => return Ok(None),
            Some(PackageVersionStatus::Published | PackageVersionStatus::Unlisted) => {}
            Some(
                status @ (PackageVersionStatus::Unfinished
                | PackageVersionStatus::Archived
                | PackageVersionStatus::Disposed),
            ) => {
                let (krate, version) = (krate.name.clone(), krate.version.clone());
                return Err(PublishError::NotReusable { krate, version, status });
            }
        }
        let assets = self.control_plane.list_package_version_assets(self.id, &package, &krate.version)?;
        let is_crate = |asset: &Asset| Path::new(&asset.name).extension().is_some_and(|ending| ending == "crate");
        match assets.into_iter().find(is_crate) {
            Some(asset) => Ok(Some(asset)),
            None => Err(PublishError::NoCrateFile { krate: krate.name.clone(), version: krate.version.clone() }),
        }
    }

    /// Fetches the stored file; its size and SHA-256, which must be those the listing gave.
    fn download(&self, krate: &PackedCrate, asset: &Asset, to: &Path) -> Result<(u64, String), PublishError> {
        let package = PackageId { format: PackageFormat::Cargo, namespace: None, name: krate.name.clone() };
        let mut file = File::create(to).map_err(PublishError::file("create", to))?;
        self.control_plane.get_package_version_asset(self.id, &package, &krate.version, &asset.name, &mut file)?;
        let (size, sha256) = digest(to)?;
        if sha256.eq_ignore_ascii_case(&asset.sha256) {
            return Ok((size, sha256));
        }
        let damaged = std::io::Error::other(format!("the service lists SHA-256 {}, but sent {sha256}", asset.sha256));
        let (krate, version) = (krate.name.clone(), krate.version.clone());
        Err(PublishError::Archive { krate, version, which: "stored", source: Box::new(damaged.into()) })
    }
}
