//! `gem push`: the gem is the body. It is kept first and read from there, so that its size does not matter.

use std::io::{Cursor, Read};

use hyper::StatusCode;
use tokio::task::spawn_blocking;

use super::{
    archive::{self, GemError},
    external,
    listing::{self, Builds, build_name, file_name},
    specification::Specification,
};
use crate::{
    assets::{Content, Digest, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{PayloadError, Reply, answer},
    resolve::Reach,
    state::{AboutVersion, Asset, NewVersion, PackageKey, Part},
};

/// Bytes of a gem: the service's quota for assets.
const GEM: u64 = 5 << 30;

pub(super) async fn push(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    if visit.payload.announced().is_some_and(|size| size > GEM) {
        return Err(PayloadError::TooLarge { limit: GEM }.into());
    }
    let mut upload = Upload::new(&visit.service.assets);
    while let Some(bytes) = visit.payload.next().await? {
        upload.push(bytes).await.map_err(|error| not_kept(&error))?;
        if upload.size() > GEM {
            return Err(PayloadError::TooLarge { limit: GEM }.into());
        }
    }
    let pin = upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))?;
    let gem = read(visit, &pin.digests().sha256, archive::verified).await?;

    let asset = Asset {
        name: file_name(&gem.name, &gem.version, &gem.platform),
        size: pin.size(),
        digests: pin.digests().clone(),
    };
    let package = PackageKey::new(codeartifact::PackageFormat::Ruby, "", &gem.name);
    let new = NewVersion {
        about: about(&gem),
        listing: Builds::one(&gem).to_listing(),
        assets: vec![asset],
        ..NewVersion::new(package, &gem.name, &gem.version)
    };
    visit.may_publish(&new.package, &new.name, Some(&new.version))?;
    refuse_upstream(visit, &new).await?;
    let repository = visit.repository.clone();
    let part = Part { unfinished: false, merge: listing::merge };
    let published = visit.service.journal.apply(move |draft| draft.publish_part(&repository, new, part)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    let registered = format!("Successfully registered gem: {} ({})", gem.name, build_name(&gem.version, &gem.platform));
    Ok(answer::reply(StatusCode::OK, super::TEXT, registered))
}

/// Reads a stored gem.
pub(super) async fn read(
    visit: &Visit<'_>,
    gem: &Digest,
    how: fn(&mut dyn Read) -> Result<Specification, GemError>,
) -> Result<Specification, Refusal> {
    let content = visit.service.assets.open(&visit.repository.domain, gem).map_err(|error| Failure::storage(&error))?;
    let reading = spawn_blocking(move || match content {
        Content::Bytes(bytes) => how(&mut Cursor::new(bytes)),
        Content::File(file) => how(&mut std::io::BufReader::new(file)),
    });
    let stopped = |_| Failure::internal("the reading of a gem was stopped");
    reading.await.map_err(stopped)?.map_err(|error| Refusal::Invalid(error.to_string()))
}

fn about(gem: &Specification) -> AboutVersion {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let source = gem.metadata.iter().find(|(key, _)| key == "source_code_uri").map(|(_, uri)| uri.as_str());
    AboutVersion {
        summary: text(gem.summary.as_deref()),
        home_page: text(gem.homepage.as_deref()),
        source_code_repository: text(source),
        license: text(Some(gem.licenses.join(", ").as_str())),
    }
}

/// What a public source has under this version cannot be pushed beside it. A source that is down cannot be asked, and
/// then does not stand in the way, as there.
async fn refuse_upstream(visit: &Visit<'_>, new: &NewVersion) -> Result<(), Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &new.package, &new.name);
    if reach.version(&new.version).is_some() {
        return Ok(());
    }
    for source in reach.sources() {
        let builds = external::builds(visit, &source, &new.name, &new.version).await;
        if builds.is_ok_and(|builds| !builds.is_empty()) {
            let message = format!("version {} of `{}` exists in {}", new.version, new.name, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "gem", error.to_string()),
    }
}
