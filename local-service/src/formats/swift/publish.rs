//! Publishing: a form with the archive, its metadata and their signatures.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{StatusCode, header};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{Package, listing::Listing, manifest, problem};
use crate::{
    assets::{Pin, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit, multipart::Multipart},
    http::{Reply, answer, header_text, header_value},
    state::{Asset, NewVersion},
};

/// Bytes of the metadata.
const METADATA: u64 = 1 << 20;
/// Bytes of a signature: with its certificates a few thousand.
const SIGNATURE: u64 = 64 << 10;
/// Bytes of the name of a signature's format.
const FORMAT: usize = 64;

/// What came in the form.
#[derive(Default)]
struct Received {
    archive: Option<Pin>,
    signature: Option<Vec<u8>>,
    metadata: Option<Vec<u8>>,
    metadata_signature: Option<Vec<u8>>,
}

pub(super) async fn publish(visit: &mut Visit<'_>, package: Package<'_>, version: &str) -> Result<Reply, Refusal> {
    // Before the body is read: a client that waits to be asked for it is not asked in vain.
    let bad = |extension| version.to_ascii_lowercase().ends_with(extension);
    if semver::Version::parse(version).is_err() || version.len() > 255 || bad(".zip") || bad(".json") {
        return Ok(problem(StatusCode::BAD_REQUEST, "the version is not a semantic version 2.0.0"));
    }
    let received = receive(visit).await?;
    let Some(pin) = received.archive else {
        return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "the form has no part `source-archive`"));
    };
    let Some(metadata) = metadata(received.metadata.as_deref()) else {
        return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid JSON provided for release metadata"));
    };
    let signature_format = header_text(visit.headers, "x-swift-package-signature-format");
    let signature_format = signature_format.filter(|format| (1..=FORMAT).contains(&format.len()));
    if received.signature.is_some() && signature_format.is_none() {
        let detail = "the archive is signed, and the header X-Swift-Package-Signature-Format does not say how";
        return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let opened = visit.service.assets.open(&visit.repository.domain, &pin.digests().sha256);
    let content = opened.map_err(|error| Failure::storage(&error))?;
    let found = spawn_blocking(move || manifest::find(content)).await;
    let manifests = match found.map_err(|_| Failure::internal("reading the archive was stopped"))? {
        Ok(manifests) => manifests,
        Err(error) => return Ok(problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())),
    };
    let listing = Listing {
        scope: package.scope.to_owned(),
        name: package.name.to_owned(),
        metadata,
        signature_format: signature_format.filter(|_| received.signature.is_some()).map(ToOwned::to_owned),
        signature: received.signature.map(|bytes| STANDARD.encode(bytes)),
        metadata_signature: received.metadata_signature.map(|bytes| STANDARD.encode(bytes)),
        manifests,
    };
    let key = package.key();
    let name = key.name().to_owned();
    let address = format!("{}/{}/{name}/{version}", visit.base_url, key.namespace);
    let asset = Asset { name: format!("{name}-{version}.zip"), size: pin.size(), digests: pin.digests().clone() };
    let new = NewVersion {
        display_name: Some(package.name.to_owned()).filter(|spelled| *spelled != name),
        about: listing.about(),
        listing: listing.to_json(),
        assets: vec![asset],
        ..NewVersion::new(key, name, version)
    };
    let repository = visit.repository.clone();
    let published = visit.service.journal.apply(move |draft| {
        let (_, found) = draft.state.repository(&repository)?;
        let existing = found.package_like(&new.package).and_then(|package| package.version_like(&new.version));
        if existing.is_some_and(|existing| existing.status.downloadable() && !same(&existing.listing, &new.listing)) {
            let message = format!("a release with version {} already exists", new.version);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message));
        }
        draft.publish(&repository, new)
    });
    let published = published.await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    let mut reply = answer::empty(StatusCode::CREATED);
    reply.headers_mut().insert(header::LOCATION, header_value(&address));
    Ok(reply)
}

/// The metadata is a JSON object, or not there.
fn metadata(sent: Option<&[u8]>) -> Option<Value> {
    let Some(bytes) = sent else { return Some(json!({})) };
    serde_json::from_slice(bytes).ok().filter(Value::is_object)
}

/// Did the same come with both? The spelling of the name does not count.
fn same(stored: &str, given: &str) -> bool {
    let content = |json| Listing { scope: String::new(), name: String::new(), ..Listing::of(json) };
    content(stored) == content(given)
}

/// The client says that its metadata is quoted-printable, and sends it as it is: so it is taken as it is.
async fn receive(visit: &mut Visit<'_>) -> Result<Received, Refusal> {
    let domain = visit.repository.domain.clone();
    let assets = &visit.service.assets;
    let mut form = Multipart::new(visit.headers, visit.payload)?;
    let mut received = Received::default();
    while let Some(part) = form.next().await? {
        let twice = match part.name.as_str() {
            "source-archive" => {
                let mut upload = Upload::new(assets);
                while let Some(piece) = form.piece().await? {
                    upload.push(piece).await.map_err(|error| not_kept(&error))?;
                }
                let pin = upload.keep(domain.clone(), None).await.map_err(|error| not_kept(&error))?;
                received.archive.replace(pin).is_some()
            }
            "source-archive-signature" => {
                received.signature.replace(form.read_all(&part.name, SIGNATURE).await?).is_some()
            }
            "metadata" => received.metadata.replace(form.read_all(&part.name, METADATA).await?).is_some(),
            "metadata-signature" => {
                received.metadata_signature.replace(form.read_all(&part.name, SIGNATURE).await?).is_some()
            }
            // Parts of later versions of the protocol.
            _ => false,
        };
        if twice {
            return Err(Refusal::Invalid(format!("the form has the part `{}` twice", part.name)));
        }
    }
    visit.payload.end().await?;
    Ok(received)
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "source-archive", error.to_string()),
    }
}
