//! Deployment: files, their checksums, and the metadata that publishes them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use hyper::StatusCode;

use super::{
    checksum_of,
    document::{METADATA, Metadata, SnapshotFile},
    external,
    listing::{self, Kind, Listing},
    path::{self, Algorithm, Coordinate, File},
    pom,
};
use crate::{
    assets::{Digests, Hasher, Pin, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{PayloadError, Reply, answer},
    resolve::Reach,
    state::{
        Asset, Draft, Expectations, NewSnapshot, NewVersion, PackageKey, Part, Published, RepositoryKey, Status,
        VersionChange,
    },
};

/// Bytes of one asset: the service's quota.
const ASSET: u64 = 5 << 30;
/// Bytes of a checksum file.
const CHECKSUM: u64 = 4 << 10;
/// Uploaded metadata whose checksums may still come.
const ANNOUNCED: usize = 4_096;

/// The name of uploaded metadata among a version's assets.
const METADATA_ASSET: &str = "maven-metadata.xml";

/// Digests of uploaded metadata: what is stored of it does not tell, for it is no asset of a version that is
/// published already. The checksums follow at once, so memory is enough.
#[derive(Default)]
pub(crate) struct Announced(Mutex<HashMap<(RepositoryKey, String), Digests>>);

impl Announced {
    fn remember(&self, visit: &Visit<'_>, bytes: &[u8]) {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if announced.len() >= ANNOUNCED {
            announced.clear();
        }
        announced.insert((visit.repository.clone(), visit.path.join("/")), hasher.finish());
    }

    fn of(&self, repository: &RepositoryKey, path: &str) -> Option<Digests> {
        let announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        announced.get(&(repository.clone(), path.to_owned())).cloned()
    }
}

/// A file of a version, which is `Unfinished` if it is new.
pub(super) async fn file(visit: &mut Visit<'_>, file: &File) -> Result<Reply, Refusal> {
    if file.coordinate.is_snapshot() && file.build.is_none() {
        let message = "a snapshot's file has its time in its name, as Maven 3 sends it: `-SNAPSHOT` alone is not taken";
        return Err(Refusal::Invalid(message.to_owned()));
    }
    let mut new = NewVersion::new(file.coordinate.key(), file.coordinate.artifact.as_str(), file.version());
    refuse_upstream(visit, file, &new).await?;
    let mut upload = Upload::new(&visit.service.assets);
    if file.name == file.pom() {
        let bytes = visit.payload.read_all(pom::POM).await?;
        let (about, listing) = pom::read(&bytes);
        new = NewVersion { about, listing: listing.text(), ..new };
        upload.push(bytes).await.map_err(|error| not_kept(&error))?;
    } else {
        let too_large = || PayloadError::TooLarge { limit: ASSET };
        if visit.payload.announced().is_some_and(|size| size > ASSET) {
            return Err(too_large().into());
        }
        while let Some(bytes) = visit.payload.next().await? {
            upload.push(bytes).await.map_err(|error| not_kept(&error))?;
            if upload.size() > ASSET {
                return Err(too_large().into());
            }
        }
    }
    let pin = upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))?;
    new.assets.push(asset_of(&pin, &file.name));
    let repository = visit.repository.clone();
    let part = Part { unfinished: true, merge: listing::merged };
    let published = visit.service.journal.apply(move |draft| draft.publish_part(&repository, new, part)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    Ok(answer::empty(match published? {
        Published::New => StatusCode::CREATED,
        Published::Identical => StatusCode::OK,
    }))
}

/// What a public source has under this version cannot be published beside it. A source that is down cannot be asked,
/// and then does not stand in the way, as there. Snapshots of a source are nobody's here.
async fn refuse_upstream(visit: &Visit<'_>, file: &File, new: &NewVersion) -> Result<(), Refusal> {
    if file.coordinate.is_snapshot() {
        return Ok(());
    }
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &new.package, &new.name);
    if reach.version(&new.version).is_some() {
        return Ok(());
    }
    for source in reach.sources() {
        if external::has(visit, &source, file).await.unwrap_or_default() {
            let message = format!("version {} of `{}` exists in {}", new.version, new.name, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

/// A checksum of a file: compared, and never stored. One that does not match keeps the version from being published.
pub(super) async fn checksum(visit: &mut Visit<'_>, file: &File, algorithm: Algorithm) -> Result<Reply, Refusal> {
    let given = given(visit).await?;
    let state = visit.service.journal.snapshot();
    let (_, repository) = state.repository(&visit.repository)?;
    let key = file.coordinate.key();
    let record = repository.package_like(&key).and_then(|package| package.version(file.version()));
    let asset = record.and_then(|record| Some((record, record.asset(&file.name)?)));
    let (record, asset) = asset.ok_or_else(|| Failure::not_found(ResourceKind::Asset, file.name.as_str()))?;
    let compared = same(&given, &asset.digests, algorithm, &file.name);
    let name = format!("{}{}", file.name, algorithm.suffix());
    let recorded = Listing::of(record).mismatched.contains(&name);
    if record.status == Status::Unfinished && compared.is_err() != recorded {
        let listing = Listing { mismatched: BTreeSet::from([name]), ..Listing::default() }.text();
        let new = NewVersion { listing, ..NewVersion::new(key, file.coordinate.artifact.as_str(), file.version()) };
        let merge = if compared.is_err() { listing::merged } else { listing::matched };
        let repository = visit.repository.clone();
        let part = Part { unfinished: true, merge };
        visit.service.journal.apply(move |draft| draft.publish_part(&repository, new, part)).await?;
    }
    compared.map(|()| answer::empty(StatusCode::OK))
}

/// A checksum of metadata that was uploaded just before.
pub(super) async fn metadata_checksum(visit: &mut Visit<'_>, algorithm: Algorithm) -> Result<Reply, Refusal> {
    let given = given(visit).await?;
    let path = visit.path.join("/");
    let file = path.strip_suffix(algorithm.suffix()).unwrap_or(&path);
    let digests = visit.service.announced.of(&visit.repository, file);
    let digests = digests.ok_or_else(|| Failure::not_found(ResourceKind::Asset, file))?;
    same(&given, &digests, algorithm, METADATA_ASSET).map(|()| answer::empty(StatusCode::OK))
}

/// The digits of a checksum file; some have the file's name behind them.
async fn given(visit: &mut Visit<'_>) -> Result<String, Refusal> {
    let bytes = visit.payload.read_all(CHECKSUM).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}

/// Upper-case digits do not match, as there.
fn same(given: &str, digests: &Digests, algorithm: Algorithm, file: &str) -> Result<(), Refusal> {
    let stored = checksum_of(digests, algorithm);
    if given == stored {
        return Ok(());
    }
    let shown: String = given.chars().take(128).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    let suffix = algorithm.suffix();
    Err(Refusal::Invalid(format!("`{file}{suffix}` is `{shown}`, and the stored file has {stored}")))
}

/// The metadata of an artifact: publishes the versions that it names and that are here. Of a group: nothing to do.
pub(super) async fn index(visit: &mut Visit<'_>, folders: &[String]) -> Result<Reply, Refusal> {
    let (bytes, metadata) = metadata(visit).await?;
    let (artifact, group) = folders.split_last().ok_or(Refusal::NoSuchPath)?;
    if metadata.versions.is_empty() && !metadata.plugins.is_empty() {
        visit.service.announced.remember(visit, &bytes);
        return Ok(answer::empty(StatusCode::OK));
    }
    if group.is_empty() || metadata.versions.is_empty() {
        return Err(Refusal::Invalid("the metadata names no version".to_owned()));
    }
    let package = PackageKey::new(codeartifact::PackageFormat::Maven, &path::joined(group), artifact);
    let (repository, name) = (visit.repository.clone(), artifact.clone());
    let pin = kept(visit, &bytes).await?;
    let asset = asset_of(&pin, METADATA_ASSET);
    let published = visit
        .service
        .journal
        .apply(move |draft| publish_named(draft, &repository, &package, &name, metadata.versions, &asset))
        .await;
    drop(pin);
    let status = if published? { StatusCode::CREATED } else { StatusCode::OK };
    visit.service.announced.remember(visit, &bytes);
    Ok(answer::empty(status))
}

/// Publishes the unfinished ones of these versions; says whether there was one.
fn publish_named(
    draft: &mut Draft,
    repository: &RepositoryKey,
    package: &PackageKey,
    name: &str,
    versions: Vec<String>,
    asset: &Asset,
) -> Result<bool, Failure> {
    let found = draft.state.package(repository, package, name)?;
    let here: Vec<_> = versions.iter().filter_map(|version| found.version(version)).cloned().collect();
    if here.is_empty() {
        let named = versions.into_iter().next().unwrap_or_default();
        return Err(Failure::not_found(ResourceKind::PackageVersion, named));
    }
    let unfinished: Vec<_> = here.into_iter().filter(|version| version.status == Status::Unfinished).collect();
    for version in &unfinished {
        matches(&Listing::of(version), &version.version)?;
        let new = NewVersion {
            assets: vec![asset.clone()],
            ..NewVersion::new(package.clone(), name, version.version.as_str())
        };
        // What an earlier upload of it left stays: it is no client's to read.
        if version.asset(METADATA_ASSET).is_none() {
            let part = Part { unfinished: true, merge: |stored, _| stored.into() };
            draft.publish_part(repository, new, part)?;
        }
    }
    if unfinished.is_empty() {
        return Ok(false);
    }
    let change = VersionChange {
        repository: repository.clone(),
        package: package.clone(),
        name: name.to_owned(),
        versions: unfinished.iter().map(|version| version.version.clone()).collect(),
        expectations: Expectations::default(),
    };
    draft.set_status(&change, Status::Published)?;
    Ok(true)
}

fn matches(listing: &Listing, version: &str) -> Result<(), Failure> {
    let wrong: Vec<&str> = listing.mismatched.iter().map(String::as_str).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong = wrong.join("`, `");
    Err(Failure::other(format!("version {version} cannot be published: `{wrong}` did not match the stored files")))
}

/// The metadata of a snapshot: the snapshot version shows the build that it names.
pub(super) async fn snapshot(visit: &mut Visit<'_>, coordinate: &Coordinate) -> Result<Reply, Refusal> {
    let (bytes, metadata) = metadata(visit).await?;
    let base = coordinate.version.strip_suffix("SNAPSHOT").unwrap_or_default();
    let build = metadata.snapshot.map(|(time, number)| format!("{base}{time}-{number}"));
    let build = build
        .filter(|build| path::stamp(&coordinate.version, build).is_some())
        .ok_or_else(|| Refusal::Invalid("the metadata names no build with a time and a number".to_owned()))?;
    let kinds: Vec<Kind> = metadata.files.into_iter().filter(|file| file.value == build).map(of_file).collect();
    let pin = kept(visit, &bytes).await?;
    let new = NewSnapshot {
        package: coordinate.key(),
        name: coordinate.artifact.clone(),
        version: coordinate.version.clone(),
        build: build.clone(),
        asset: asset_of(&pin, METADATA_ASSET),
    };
    let repository = visit.repository.clone();
    let published = visit
        .service
        .journal
        .apply(move |draft| {
            draft.publish_snapshot(&repository, new, |record| {
                let listing = Listing::of(record);
                matches(&listing, &record.version)?;
                Ok(Listing { build: Some(build), kinds, ..listing }.text())
            })
        })
        .await;
    drop(pin);
    published?;
    visit.service.announced.remember(visit, &bytes);
    Ok(answer::empty(StatusCode::CREATED))
}

fn of_file(file: SnapshotFile) -> Kind {
    file.kind
}

async fn metadata(visit: &mut Visit<'_>) -> Result<(Bytes, Metadata), Refusal> {
    let bytes = visit.payload.read_all(METADATA).await?;
    let read =
        Metadata::read(&bytes).map_err(|error| Refusal::Invalid(format!("the metadata cannot be read: {error}")))?;
    Ok((bytes, read))
}

async fn kept(visit: &Visit<'_>, bytes: &Bytes) -> Result<Pin, Failure> {
    let mut upload = Upload::new(&visit.service.assets);
    upload.push(bytes.clone()).await.map_err(|error| not_kept(&error))?;
    upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))
}

fn asset_of(pin: &Pin, name: &str) -> Asset {
    Asset { name: name.to_owned(), size: pin.size(), digests: pin.digests().clone() }
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "file", error.to_string()),
    }
}
