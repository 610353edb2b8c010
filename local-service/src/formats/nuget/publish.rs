//! `nuget push`: a form with the package in it. What the package says of itself is read out of it.

use hyper::StatusCode;

use super::{
    content::{self, Unpacked},
    external,
    nuspec::Nuspec,
};
use crate::{
    assets::{Pin, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit, multipart::Multipart},
    http::{Reply, answer},
    resolve::Reach,
    state::{Asset, NewVersion, PackageKey, VersionKey},
};

/// Bytes of a readme that are kept: what the public registry takes.
const README: u64 = 1 << 20;

pub(super) async fn push(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let pin = receive(visit).await?;
    let opened = visit.service.assets.open(&visit.repository.domain, &pin.digests().sha256);
    let content = opened.map_err(|error| Failure::storage(&error))?;
    let unpacked = content::unpack(content).await?.map_err(|error| Refusal::Invalid(error.to_string()))?;
    let new = described(unpacked, &pin).await?;
    visit.may_publish(&new.package, &new.name, Some(&new.version))?;
    refuse_upstream(visit, &new).await?;
    let repository = visit.repository.clone();
    let published = visit.service.journal.apply(move |draft| draft.publish(&repository, new)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    Ok(answer::empty(StatusCode::CREATED))
}

/// The first file of the form. Clients call it `package`; some give it no file name.
async fn receive(visit: &mut Visit<'_>) -> Result<Pin, Refusal> {
    let mut form = Multipart::new(visit.headers, visit.payload)?;
    let mut upload = Upload::new(&visit.service.assets);
    if form.next().await?.is_none() {
        return Err(Refusal::Invalid("the form has no file in it".to_owned()));
    }
    while let Some(piece) = form.piece().await? {
        upload.push(piece).await.map_err(|error| not_kept(&error))?;
    }
    if form.next().await?.is_some() {
        return Err(Refusal::Invalid("the form has more than one part".to_owned()));
    }
    visit.payload.end().await?;
    Ok(upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))?)
}

async fn described(unpacked: Unpacked, pin: &Pin) -> Result<NewVersion, Refusal> {
    let nuspec = Nuspec::read(&unpacked.nuspec).map_err(Refusal::Invalid)?;
    let readme = match nuspec.readme.clone() {
        Some(file) => unpacked.text(file, README).await?,
        None => None,
    };
    let name = nuspec.listing.id.to_lowercase();
    let package = PackageKey::new(codeartifact::PackageFormat::Nuget, "", &name);
    let version = VersionKey::new(package.format, &nuspec.listing.version).as_str().to_owned();
    let asset = Asset { name: asset_name(&name, &version), size: pin.size(), digests: pin.digests().clone() };
    Ok(NewVersion {
        display_name: Some(nuspec.listing.id.clone()).filter(|id| *id != name),
        about: nuspec.about(),
        listing: nuspec.listing.to_json(),
        readme: readme.filter(|text| !text.is_empty()),
        assets: vec![asset],
        ..NewVersion::new(package, name, version)
    })
}

/// Both in lowercase.
pub(super) fn asset_name(id: &str, version: &str) -> String {
    format!("{id}.{version}.nupkg")
}

/// What a public source has under this version cannot be published beside it. A source that is down cannot be asked,
/// and then does not stand in the way, as there.
async fn refuse_upstream(visit: &Visit<'_>, new: &NewVersion) -> Result<(), Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &new.package, &new.name);
    if reach.version(&new.version).is_some() {
        return Ok(());
    }
    let wanted = VersionKey::new(new.package.format, &new.version);
    for source in reach.sources() {
        let Ok(Some(listed)) = external::versions(visit, &source, &new.name).await else { continue };
        let there = external::read_versions(&listed);
        if there.iter().any(|version| VersionKey::new(new.package.format, version) == wanted) {
            let message = format!("version {} of `{}` exists in {}", new.version, new.name, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "package", error.to_string()),
    }
}
