//! How versions come into a repository: published by a client, fetched from a public source, retained from an
//! upstream.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    coordinate::{DomainKey, PackageKey, RepositoryKey},
    draft::Draft,
    groups::Restriction,
    model::{AboutVersion, Asset, Awaited, Control, Origin, OriginControls, Package, Status, Version},
    package::same_spelling,
};
use crate::{
    assets::{Content, Digest},
    failure::{Failure, ResourceKind},
    resolve::{Reach, Source, Step},
};

/// Assets of one version.
pub(super) const ASSETS: usize = 150;

/// A version as it arrives, whole or a part of it.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) package: PackageKey,
    /// As the API spells it.
    pub(crate) name: String,
    /// As its author spells it, where that is not the name.
    pub(crate) display_name: Option<String>,
    pub(crate) version: String,
    pub(crate) assets: Vec<Asset>,
    /// What the source lists beside them.
    pub(crate) awaited: Vec<Awaited>,
    pub(crate) about: AboutVersion,
    pub(crate) listing: Box<str>,
    pub(crate) readme: Option<String>,
    /// Words of the package that mean this version from now on.
    pub(crate) tags: Vec<String>,
    /// Completes it by what is in an asset that came from a public source, given its content and name. Blocks.
    pub(crate) inspect: Option<Inspect>,
}

/// Reads an asset's content, and tells what is in it.
pub(crate) type Inspect = fn(Content, &str, &mut NewVersion);

/// How the part of a version that arrives goes together with what is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// A new version begins as `Unfinished`.
    pub(crate) unfinished: bool,
    /// Makes one listing of the one that is there and the one that comes.
    pub(crate) merge: fn(&str, &str) -> Box<str>,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    New,
    /// It was there with the same bytes; nothing changed.
    Identical,
}

impl NewVersion {
    /// A version with nothing in it.
    pub(crate) fn new(package: PackageKey, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            package,
            name: name.into(),
            display_name: None,
            version: version.into(),
            assets: Vec::new(),
            awaited: Vec::new(),
            about: AboutVersion::default(),
            listing: Box::default(),
            readme: None,
            tags: Vec::new(),
            inspect: None,
        }
    }
}

/// The revision names the content, so that the same content elsewhere has the same one: a digest over assets and
/// metadata. (What the service itself computes is not public; its revisions look like this.)
pub(super) fn revision(version: &Version) -> String {
    let Version { assets, about, listing, readme, .. } = version;
    let content = serde_json::to_vec(&(assets, about, listing, readme)).expect("assets and metadata are plain data");
    STANDARD.encode(Digest::of(&content).as_bytes())
}

impl Draft {
    /// Publishes a whole version through a package manager's protocol.
    ///
    /// The same bytes again change nothing. Other bytes, a version that is reachable upstream, another spelling of
    /// the name and a package closed to publishing are conflicts.
    pub(crate) fn publish(&mut self, repository: &RepositoryKey, new: NewVersion) -> Result<Published, Failure> {
        if let Some(existing) = self.admit(repository, &new)? {
            same_content(&existing, &new)?;
            self.set_tags(repository, &new.package, &new.tags, &new.version)?;
            return Ok(Published::Identical);
        }
        self.arrive(repository, new, Origin::Internal { repository: repository.name.clone() }, Status::Published)?;
        Ok(Published::New)
    }

    /// Publishes assets of a version that grows: a version may take more at any time, and never other bytes under a
    /// name that it has.
    pub(crate) fn publish_part(
        &mut self,
        repository: &RepositoryKey,
        new: NewVersion,
        part: Part,
    ) -> Result<Published, Failure> {
        let Some(existing) = self.admit(repository, &new)? else {
            let status = if part.unfinished { Status::Unfinished } else { Status::Published };
            self.arrive(repository, new, Origin::Internal { repository: repository.name.clone() }, status)?;
            return Ok(Published::New);
        };
        if !matches!(existing.status, Status::Published | Status::Unfinished) {
            return Err(has_status(&existing, &new.name));
        }
        for asset in &new.assets {
            if let Some(stored) = existing.asset(&asset.name)
                && stored.digests.sha256 != asset.digests.sha256
            {
                return Err(other_bytes(&existing, stored, asset));
            }
        }
        self.set_tags(repository, &new.package, &new.tags, &new.version)?;
        let package = new.package.clone();
        match self.grown(&repository.domain, &existing, new, part.merge)? {
            Some(grown) => self.put_version(repository, &package, grown).map(|()| Published::New),
            None => Ok(Published::Identical),
        }
    }

    /// Keeps what was fetched through an external connection: in the repository that has the connection, and in the
    /// one that the client asked; returns the record of the latter. The content that is there already stays.
    pub(crate) fn ingest(
        &mut self,
        addressed: &RepositoryKey,
        source: &Source,
        new: &NewVersion,
        merge: fn(&str, &str) -> Box<str>,
    ) -> Result<Arc<Version>, Failure> {
        let store = RepositoryKey { domain: addressed.domain.clone(), name: source.repository.clone() };
        let (_, found) = self.state.repository(&store)?;
        if found.about.connection != Some(source.connection) {
            // Disassociated meanwhile.
            return Err(Failure::not_found(ResourceKind::PackageVersion, &new.version));
        }
        let places = [Some(&store), Some(addressed).filter(|addressed| **addressed != store)];
        for place in places.into_iter().flatten() {
            let existing = self.state.repository(place)?.1.package_like(&new.package).cloned();
            match existing.as_ref().and_then(|package| package.version_like(&new.version)) {
                None => {
                    let origin = Origin::External { connection: source.connection };
                    self.arrive(place, new.clone(), origin, Status::Published)?;
                }
                Some(existing) if existing.status.downloadable() => {
                    let existing = Arc::clone(existing);
                    if let Some(grown) = self.grown(&place.domain, &existing, new.clone(), merge)? {
                        self.put_version(place, &new.package, grown)?;
                    }
                }
                // Archived or disposed here: what is upstream does not bring it back.
                Some(_) => {}
            }
        }
        let (_, repository) = self.state.repository(addressed)?;
        let version = repository.package_like(&new.package).and_then(|package| package.version_like(&new.version));
        version.cloned().ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, &new.version))
    }

    /// Keeps a version that a client fetched through `repository` in that repository; returns the nearest record.
    ///
    /// The tags come along that mean the version where it was found, as they do from a public source: so it can be
    /// installed by them when the upstream is gone. One that the repository has for a version of its own stays.
    pub(crate) fn retain(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        name: &str,
        version: &str,
    ) -> Result<Arc<Version>, Failure> {
        let (domain, first) = self.state.repository(repository)?;
        let reach = Reach::new(domain, first, package, name);
        let found = reach.version(version).ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, version))?;
        let fetched = Arc::clone(found.version);
        if found.repository.name != repository.name && fetched.status.downloadable() {
            let about = found.package.about.clone();
            let own = first.package_like(package).cloned();
            let is_own = |tag: &String| {
                let tagged = own.as_ref().and_then(|own| own.version(own.about.tags.get(tag)?));
                tagged.is_some_and(|tagged| tagged.origin == Origin::Internal { repository: repository.name.clone() })
            };
            let mut tags = tags_of(found.package, &fetched.version);
            tags.retain(|tag| !is_own(tag));
            self.ensure_package(repository, package, &about.name, about.display_name, OriginControls::RETAINED)?;
            self.set_tags(repository, package, &tags, &fetched.version)?;
            self.put_version(repository, package, fetched.as_ref().clone())?;
        }
        Ok(fetched)
    }

    /// Keeps in `repository` the nearest record of a version with an asset that it lacks and another repository has: one
    /// that is awaited, or that came there later. Returns the record.
    pub(crate) fn adopt(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        name: &str,
        version: &str,
        asset: &str,
        merge: fn(&str, &str) -> Box<str>,
    ) -> Result<Arc<Version>, Failure> {
        let absent = || Failure::not_found(ResourceKind::Asset, asset);
        let (domain, first) = self.state.repository(repository)?;
        let reach = Reach::new(domain, first, package, name);
        let found = reach.version(version).filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
        if found.version.asset(asset).is_some() {
            return self.retain(repository, package, name, version);
        }
        let announced = found.version.awaited.iter().find(|awaited| awaited.name == asset);
        let announced = announced.and_then(|awaited| awaited.sha256);
        let stored = |step: &Step<'_>| {
            let version = step.repository.package_like(package)?.version_like(version)?;
            let same_origin = version.status.downloadable() && version.origin == found.version.origin;
            let asset = version.asset(asset).filter(|_| same_origin)?;
            let same_bytes = announced.is_none_or(|digest| digest == asset.digests.sha256);
            same_bytes.then(|| (Arc::clone(version), asset.clone()))
        };
        let (other, asset) = reach.steps().iter().find_map(stored).ok_or_else(absent)?;
        let existing = Arc::clone(found.version);
        let about = found.package.about.clone();
        let new = NewVersion {
            assets: vec![asset],
            about: other.about.clone(),
            listing: other.listing.clone(),
            ..NewVersion::new(package.clone(), name, version)
        };
        let grown = self.grown(&repository.domain, &existing, new, merge)?;
        let mut grown = grown.unwrap_or_else(|| existing.as_ref().clone());
        grown.readme = grown.readme.or(other.readme);
        grown.revision = revision(&grown);
        self.ensure_package(repository, package, &about.name, about.display_name, OriginControls::RETAINED)?;
        self.put_version(repository, package, grown.clone())?;
        Ok(Arc::new(grown))
    }

    /// May the version be published here? Gives the one that is there already.
    pub(super) fn admit(&self, repository: &RepositoryKey, new: &NewVersion) -> Result<Option<Arc<Version>>, Failure> {
        let (domain, found) = self.state.repository(repository)?;
        let conflict = |message| Failure::conflict(ResourceKind::PackageVersion, &new.version, message);
        let reach = Reach::new(domain, found, &new.package, &new.name);
        for package in reach.packages() {
            same_spelling(package, &new.name)?;
        }
        let own = found.package_like(&new.package);
        if own.is_some_and(|package| package.about.origin.publish == Control::Block) {
            return Err(conflict(format!("package `{}` is closed to publishing in `{}`", new.name, repository.name)));
        }
        if let Some(reason) = domain.restricted(Restriction::Publish, &new.package, &new.name, &repository.name) {
            return Err(conflict(reason));
        }
        match reach.version(&new.version) {
            Some(found) if found.repository.name == repository.name => Ok(Some(Arc::clone(found.version))),
            Some(upstream) => Err(conflict(format!(
                "version {} of `{}` exists in upstream `{}`",
                new.version, new.name, upstream.repository.name
            ))),
            None => Ok(None),
        }
    }

    fn arrive(
        &mut self,
        repository: &RepositoryKey,
        new: NewVersion,
        origin: Origin,
        status: Status,
    ) -> Result<(), Failure> {
        let controls = match origin {
            Origin::Internal { .. } => OriginControls::PUBLISHED,
            Origin::External { .. } => OriginControls::RETAINED,
        };
        let readme = new.readme.as_deref().map(|text| self.put_text(&repository.domain, text));
        self.ensure_package(repository, &new.package, &new.name, new.display_name, controls)?;
        let mut version = Version {
            revision: String::new(),
            version: new.version,
            status,
            published: self.now,
            origin,
            assets: new.assets,
            awaited: new.awaited,
            about: new.about,
            listing: new.listing,
            readme,
        };
        version.revision = revision(&version);
        self.set_tags(repository, &new.package, &new.tags, &version.version)?;
        self.put_version(repository, &new.package, version)
    }

    /// The version with what came to it; `None` if nothing did. What it has is never replaced.
    fn grown(
        &mut self,
        domain: &DomainKey,
        existing: &Version,
        new: NewVersion,
        merge: fn(&str, &str) -> Box<str>,
    ) -> Result<Option<Version>, Failure> {
        let mut grown = existing.clone();
        for asset in new.assets {
            if grown.asset(&asset.name).is_none() {
                grown.assets.push(asset);
            }
        }
        if grown.assets.len() > ASSETS {
            let message = format!("a version has {ASSETS} assets at most");
            return Err(Failure::quota(ResourceKind::PackageVersion, &existing.version, message));
        }
        grown.assets.sort_by(|a, b| a.name.cmp(&b.name));
        for awaited in new.awaited {
            if !grown.awaited.iter().any(|known| known.name == awaited.name) {
                grown.awaited.push(awaited);
            }
        }
        let Version { assets, awaited, .. } = &mut grown;
        awaited.retain(|awaited| !assets.iter().any(|asset| asset.name == awaited.name));
        let AboutVersion { summary, home_page, source_code_repository, license } = new.about;
        let about = &mut grown.about;
        for (known, new) in [
            (&mut about.summary, summary),
            (&mut about.home_page, home_page),
            (&mut about.source_code_repository, source_code_repository),
            (&mut about.license, license),
        ] {
            if known.is_none() {
                *known = new;
            }
        }
        grown.listing = merge(&existing.listing, &new.listing);
        if grown.readme.is_none() {
            grown.readme = new.readme.as_deref().map(|text| self.put_text(domain, text));
        }
        if grown == *existing {
            return Ok(None);
        }
        grown.revision = revision(&grown);
        Ok(Some(grown))
    }

    /// Makes words of a package mean a version.
    pub(crate) fn set_tags(
        &mut self,
        repository: &RepositoryKey,
        package: &PackageKey,
        tags: &[String],
        version: &str,
    ) -> Result<(), Failure> {
        let (_, found) = self.state.repository(repository)?;
        let Some(about) = found.package_like(package).map(|package| package.about.clone()) else { return Ok(()) };
        if tags.iter().all(|tag| about.tags.get(tag).is_some_and(|known| known == version)) {
            return Ok(());
        }
        let mut about = about;
        about.tags.extend(tags.iter().map(|tag| (tag.clone(), version.to_owned())));
        self.put_package(repository, package, about)
    }
}

/// The words that mean a version.
pub(super) fn tags_of(package: &Package, version: &str) -> Vec<String> {
    package.about.tags.iter().filter(|(_, tagged)| *tagged == version).map(|(tag, _)| tag.clone()).collect()
}

fn has_status(existing: &Version, name: &str) -> Failure {
    let message = format!("version {} of `{name}` has status {}", existing.version, existing.status.as_str());
    Failure::conflict(ResourceKind::PackageVersion, &existing.version, message)
}

/// An asset comes with other bytes than are stored under its name.
pub(super) fn other_bytes(existing: &Version, stored: &Asset, new: &Asset) -> Failure {
    let message = format!(
        "asset `{}` of version {} exists with other content: stored SHA-256 {}, given SHA-256 {}",
        new.name, existing.version, stored.digests.sha256, new.digests.sha256
    );
    Failure::conflict(ResourceKind::Asset, &new.name, message)
}

/// Publishing what is there already is no error if it is the same, and the record is one that clients see.
fn same_content(existing: &Version, new: &NewVersion) -> Result<(), Failure> {
    let conflict = |message| Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message));
    if existing.version != new.version {
        return conflict(format!(
            "`{}` has version {} already, which is the same to its clients",
            new.name, existing.version
        ));
    }
    if existing.status != Status::Published {
        return Err(has_status(existing, &new.name));
    }
    for asset in &new.assets {
        let stored = existing.asset(&asset.name).map(|stored| stored.digests.sha256);
        if stored != Some(asset.digests.sha256) {
            let stored = stored.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
            return conflict(format!(
                "version {} of `{}` exists with other content: stored SHA-256 {stored}, given SHA-256 {}",
                new.version, new.name, asset.digests.sha256
            ));
        }
    }
    Ok(())
}
