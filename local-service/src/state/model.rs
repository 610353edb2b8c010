//! The model in memory: domains, repositories, packages and versions in maps whose copy costs nothing.
//!
//! A clone of [`State`] shares everything with the original. So readers keep a snapshot as long as they like, and a
//! transition works on a clone that is thrown away if it is refused.

use std::{collections::BTreeMap, sync::Arc};

use codeartifact::{AccountId, RepositoryName};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use super::{
    as_text,
    coordinate::{DomainKey, PackageKey, RepositoryKey, VersionKey, normalises_versions},
    groups::Groups,
    policy::Policy,
};
use crate::{
    assets::{Digest, Digests},
    external::Connection,
    failure::{Failure, ResourceKind},
};

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// Everything the service knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(super) domains: OrdMap<DomainKey, Arc<Domain>>,
}

/// A domain with all that is in it.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) about: AboutDomain,
    pub(super) repositories: OrdMap<RepositoryName, Arc<Repository>>,
    pub(crate) groups: Groups,
    /// Stored assets by digest, each once however many versions have it, and how many references there are.
    pub(super) assets: OrdMap<Digest, u32>,
    /// Stored texts (readmes), the same.
    pub(super) texts: OrdMap<Digest, u32>,
    pub(super) asset_bytes: u64,
}

/// A domain's own record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AboutDomain {
    pub(crate) created: Millis,
    pub(crate) encryption_key: String,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) policy: Option<Policy>,
}

/// A repository with its packages.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) name: RepositoryName,
    pub(crate) about: AboutRepository,
    pub(super) packages: OrdMap<PackageKey, Arc<Package>>,
}

/// A repository's own record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AboutRepository {
    #[serde(with = "as_text")]
    pub(crate) administrator: AccountId,
    pub(crate) created: Millis,
    pub(crate) description: Option<String>,
    #[serde(with = "as_text::list")]
    pub(crate) upstreams: Vec<RepositoryName>,
    pub(crate) tags: Tags,
    /// One at most, and then no upstreams: the service allows either.
    #[serde(default)]
    pub(crate) connection: Option<Connection>,
    #[serde(default)]
    pub(crate) policy: Option<Policy>,
}

/// A package of a repository with its versions.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) key: PackageKey,
    pub(crate) about: AboutPackage,
    pub(super) versions: OrdMap<VersionKey, Arc<Version>>,
}

/// A package's own record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AboutPackage {
    /// As the API spells it: as first published, or normalised where the API's names are.
    pub(crate) name: String,
    /// As its author spells it, where that is not the name.
    #[serde(default)]
    pub(crate) display_name: Option<String>,
    pub(crate) origin: OriginControls,
    /// Words for versions, such as npm's `latest`.
    #[serde(default)]
    pub(crate) tags: Tags,
}

/// May versions of a package be published here, may they come from upstream? Both are always set together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OriginControls {
    pub(crate) publish: Control,
    pub(crate) upstream: Control,
}

/// One origin control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Control {
    Allow,
    Block,
}

/// A version of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the API's word for what a version is called")]
pub(crate) struct Version {
    /// As published.
    pub(crate) version: String,
    /// Names the content: assets and metadata, not the status.
    pub(crate) revision: String,
    pub(crate) status: Status,
    /// When it came into the domain; copies and retained versions keep it.
    pub(crate) published: Millis,
    pub(crate) origin: Origin,
    pub(crate) assets: Vec<Asset>,
    /// Assets that the external source lists and nobody has asked for yet.
    #[serde(default)]
    pub(crate) awaited: Vec<Awaited>,
    pub(crate) about: AboutVersion,
    /// What the format's own metadata says of this version: written and read by the format only.
    pub(crate) listing: Box<str>,
    /// The stored text of its readme.
    pub(crate) readme: Option<Digest>,
}

/// What `DescribePackageVersion` tells of a version beyond its state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AboutVersion {
    pub(crate) summary: Option<String>,
    pub(crate) home_page: Option<String>,
    pub(crate) source_code_repository: Option<String>,
    pub(crate) license: Option<String>,
}

/// A version's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Published,
    Unfinished,
    Unlisted,
    Archived,
    Disposed,
}

/// How a version came into the domain: fixed then, and carried by copies and by retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Origin {
    /// Published into this repository.
    Internal {
        #[serde(with = "as_text")]
        repository: RepositoryName,
    },
    /// Fetched through this external connection.
    External { connection: Connection },
}

/// An asset of a version that is listed and not stored: its bytes come when a client asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Awaited {
    pub(crate) name: String,
    /// As the source says, if it does.
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<Digest>,
}

/// An asset of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asset {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) digests: Digests,
}

impl AboutPackage {
    pub(super) fn new(name: &str, display_name: Option<String>, origin: OriginControls) -> Self {
        Self { name: name.to_owned(), display_name, origin, tags: Tags::new() }
    }
}

impl OriginControls {
    /// First published here: nothing from upstream may take the name.
    pub(crate) const PUBLISHED: Self = Self { publish: Control::Allow, upstream: Control::Block };
    /// First retained from an upstream. The service documents this for public sources only; the same is chosen here
    /// for internal ones.
    pub(crate) const RETAINED: Self = Self { publish: Control::Block, upstream: Control::Allow };
}

impl Control {
    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Block => "BLOCK",
        }
    }
}

impl Status {
    /// The API's word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::Unfinished => "Unfinished",
            Self::Unlisted => "Unlisted",
            Self::Archived => "Archived",
            Self::Disposed => "Disposed",
        }
    }

    /// May its assets be downloaded?
    pub(crate) const fn downloadable(self) -> bool {
        matches!(self, Self::Published | Self::Unlisted)
    }
}

impl Origin {
    /// The API's `originType`.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Internal { .. } => "INTERNAL",
            Self::External { .. } => "EXTERNAL",
        }
    }
}

impl Version {
    /// An asset by its name.
    pub(crate) fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
}

impl Package {
    /// A version by exactly the spelling it was published under, where the format has no normal form.
    pub(crate) fn version(&self, version: &str) -> Option<&Arc<Version>> {
        self.version_like(version).filter(|found| found.version == version || normalises_versions(self.key.format))
    }

    /// The version that has this one's key, whatever its spelling.
    pub(crate) fn version_like(&self, version: &str) -> Option<&Arc<Version>> {
        self.versions.get(&VersionKey::new(self.key.format, version))
    }

    /// All versions, by key.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (&VersionKey, &Arc<Version>)> {
        self.versions.iter()
    }
}

impl Repository {
    /// A package by exactly the spelling it was published under.
    pub(crate) fn package(&self, key: &PackageKey, name: &str) -> Option<&Arc<Package>> {
        self.packages.get(key).filter(|package| package.about.name == name)
    }

    /// The package that has this key, whatever its spelling.
    pub(crate) fn package_like(&self, key: &PackageKey) -> Option<&Arc<Package>> {
        self.packages.get(key)
    }

    /// All packages, by key.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Arc<Package>> {
        self.packages.values()
    }
}

impl Domain {
    /// A repository, or the API's error for a missing one.
    pub(crate) fn repository(&self, name: &RepositoryName) -> Result<&Arc<Repository>, Failure> {
        self.repositories.get(name).ok_or_else(|| Failure::not_found(ResourceKind::Repository, name.as_str()))
    }

    /// All repositories, by name.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &Arc<Repository>> {
        self.repositories.values()
    }

    /// How many repositories there are.
    pub(crate) fn repository_count(&self) -> usize {
        self.repositories.len()
    }

    /// Bytes stored, each asset counted once.
    pub(crate) fn asset_bytes(&self) -> u64 {
        self.asset_bytes
    }

    /// Is the asset referenced by a version?
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.assets.contains_key(digest)
    }
}

impl State {
    /// A domain, or the API's error for a missing one.
    pub(crate) fn domain(&self, key: &DomainKey) -> Result<&Arc<Domain>, Failure> {
        self.domains.get(key).ok_or_else(|| Failure::not_found(ResourceKind::Domain, key.name.as_str()))
    }

    /// A repository with the domain it is in.
    pub(crate) fn repository(&self, key: &RepositoryKey) -> Result<(&Arc<Domain>, &Arc<Repository>), Failure> {
        let domain = self.domain(&key.domain)?;
        Ok((domain, domain.repository(&key.name)?))
    }

    /// All domains, by key.
    pub(crate) fn domains(&self) -> impl Iterator<Item = (&DomainKey, &Arc<Domain>)> {
        self.domains.iter()
    }

    /// Does a version of this domain have the asset?
    pub(crate) fn holds(&self, domain: &DomainKey, digest: &Digest) -> bool {
        self.domains.get(domain).is_some_and(|domain| domain.holds(digest))
    }
}
