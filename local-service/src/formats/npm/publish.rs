//! `npm publish` and `npm deprecate`: one request, told apart by its attachment.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    ASSET,
    body::{Body, BodyError},
    external,
    manifest::{Manifest, Members, is_readme},
    name::{Name, is_tag},
    packument::{Layers, Record, not_found},
};
use crate::{
    assets::{Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{PayloadError, Reply, answer},
    resolve::Reach,
    state::{Asset, NewVersion},
};

/// Bytes of the document, without the tarball: deprecating sends all versions of a package.
const DOCUMENT: usize = 64 << 20;
/// Bytes of a tarball: the service's quota for assets.
const TARBALL: u64 = 5 << 30;

/// The document. The attachment's name and `dist.tarball` are made up by clients and mean nothing: scoped packages
/// have their scope in them twice.
#[derive(Deserialize)]
struct Publication<'a> {
    name: Option<String>,
    #[serde(default, rename = "dist-tags")]
    tags: BTreeMap<String, Value>,
    #[serde(borrow, default)]
    versions: Members<'a>,
    #[serde(borrow, default, rename = "_attachments")]
    attachments: Members<'a>,
    readme: Option<Value>,
}

pub(super) async fn put(visit: &mut Visit<'_>, name: &Name) -> Result<Reply, Refusal> {
    let mut upload = Upload::new(&visit.service.assets);
    let mut body = Body::new(DOCUMENT);
    while let Some(piece) = visit.payload.next().await? {
        let data = body.push(&piece).map_err(refused)?;
        if !data.is_empty() {
            upload.push(data.into()).await.map_err(|error| not_kept(&error))?;
        }
        if upload.size() > TARBALL {
            return Err(PayloadError::TooLarge { limit: TARBALL }.into());
        }
    }
    let (document, attachment) = body.end().map_err(refused)?;
    let publication: Publication<'_> = serde_json::from_slice(&document)
        .map_err(|error| invalid(format!("the body is no document of a package: {error}")))?;
    if publication.name.as_ref().is_some_and(|said| *said != name.to_string()) {
        return Err(invalid(format!("the path says `{name}`, and the body names another package")));
    }
    match attachment {
        Some(attachment) => {
            let version = publication.versions.keys().next().map(String::as_str);
            visit.may_publish(&name.key(), name.base(), version)?;
            publish(visit, name, &publication, &attachment, upload).await
        }
        None if publication.attachments.is_empty() => {
            visit.may_change_metadata(&name.key(), name.base())?;
            deprecate(visit, name, &publication).await
        }
        None => Err(invalid("the attachment has no data".to_owned())),
    }
}

/// One version with its tarball. A version without one is never taken from the body: so none can be smuggled in beside
/// another, nor be overwritten.
async fn publish(
    visit: &Visit<'_>,
    name: &Name,
    publication: &Publication<'_>,
    attachment: &str,
    upload: Upload,
) -> Result<Reply, Refusal> {
    let mut versions = publication.versions.iter();
    let (Some((version, manifest)), None) = (versions.next(), versions.next()) else {
        return Err(invalid("one version at a time is published, the one whose tarball is attached".to_owned()));
    };
    if publication.attachments.len() != 1 {
        return Err(refused(BodyError::Second));
    }
    if attachment.ends_with(".sigstore") {
        return Err(invalid("the tarball is missing".to_owned()));
    }
    if version.len() > 255 || semver::Version::parse(version).is_err() {
        return Err(invalid(format!("`{version}` is no version: npm's have three numbers, as in 1.2.3")));
    }
    // Parsed as a whole once, so that nothing is stored that could not be read again.
    if let Err(error) = serde_json::from_str::<Value>(manifest.get()) {
        return Err(invalid(format!("the manifest of {version} cannot be read: {error}")));
    }
    let (manifest, dist) = Manifest::read(manifest.get(), None)
        .ok_or_else(|| invalid(format!("the manifest of {version} is no object")))?;
    let holds = |member: &str, expected: &str| {
        manifest.get(member).is_none() || manifest.text(member).as_deref() == Some(expected)
    };
    if !holds("name", &name.to_string()) || !holds("version", version) {
        return Err(invalid(format!("the manifest of {version} is another package's or another version's")));
    }
    let length = publication.attachments.values().next().and_then(|attached| {
        let attached: BTreeMap<String, Value> = serde_json::from_str(attached.get()).ok()?;
        attached.get("length")?.as_u64()
    });
    if length.is_some_and(|length| length != upload.size()) {
        return Err(invalid("the attachment is not as long as it says".to_owned()));
    }
    for (tag, tagged) in &publication.tags {
        if tagged.as_str() != Some(version) || !is_tag(tag) {
            return Err(invalid(format!("the tag `{tag}` is not for the published version, or is no tag")));
        }
    }
    let expected = dist.sums.expected().ok_or_else(|| invalid("`dist` has a digest that is none".to_owned()))?;
    let pin = upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))?;
    expected.check(pin.digests()).map_err(|other| invalid(other.to_string()))?;

    let text = |value: &Value| value.as_str().filter(|text| is_readme(text)).map(ToOwned::to_owned);
    let own = publication.versions.values().next().and_then(|manifest| {
        let manifest: Members<'_> = serde_json::from_str(manifest.get()).ok()?;
        text(&serde_json::from_str(manifest.get("readme")?.get()).ok()?)
    });
    let asset = Asset { name: ASSET.to_owned(), size: pin.size(), digests: pin.digests().clone() };
    let new = NewVersion {
        display_name: name.display_name(),
        about: manifest.about(),
        listing: manifest.listing(),
        readme: own.or_else(|| publication.readme.as_ref().and_then(text)),
        assets: vec![asset],
        tags: publication.tags.keys().cloned().collect(),
        ..NewVersion::new(name.key(), name.base(), version.as_str())
    };
    refuse_upstream(visit, name, &new).await?;
    let repository = visit.repository.clone();
    let published = visit.service.journal.apply(move |draft| draft.publish(&repository, new)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    Ok(done())
}

/// What a public source has under this version cannot be published beside it. A source that is down cannot be asked,
/// and then does not stand in the way, as there.
async fn refuse_upstream(visit: &Visit<'_>, name: &Name, new: &NewVersion) -> Result<(), Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &new.package, &new.name);
    if reach.version(&new.version).is_some() {
        return Ok(());
    }
    for source in reach.sources() {
        if let Ok(Some(_)) = external::find(visit, &source, name, &new.version).await {
            let message = format!("version {} of `{name}` exists in {}", new.version, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

/// The whole document comes back with other `deprecated` members. Of everything else in it nothing is taken; and what
/// is not in the addressed repository cannot be changed through it.
async fn deprecate(visit: &Visit<'_>, name: &Name, publication: &Publication<'_>) -> Result<Reply, Refusal> {
    let layers = Layers::gather(visit, name).await?;
    let opened = layers.open();
    let view = layers.view(&opened);
    if view.records.is_empty() {
        return Err(not_found(name).into());
    }
    let state = visit.service.journal.snapshot();
    let own = state.repository(&visit.repository)?.1.package_like(&name.key());
    let mut changed = Vec::new();
    for (version, sent) in &publication.versions {
        let Some(record) = view.records.get(version.as_str()).filter(|_| view.shows(version)) else {
            return Err(invalid(format!("version {version} of `{name}` comes without its tarball")));
        };
        let sent: Members<'_> =
            serde_json::from_str(sent.get()).map_err(|_| invalid(format!("the manifest of {version} is no object")))?;
        let Some((mut manifest, _)) = record.manifest() else { continue };
        let message = sent.get("deprecated").copied().filter(|message| is_message(message));
        if message.map(RawValue::get) == manifest.get("deprecated").map(RawValue::get) {
            continue;
        }
        let there = matches!(record, Record::Stored(_)) && own.is_some_and(|own| own.version(version).is_some());
        if !there {
            let message = format!("version {version} of `{name}` is not in this repository: change it where it is");
            return Err(Failure::conflict(ResourceKind::PackageVersion, version.as_str(), message).into());
        }
        manifest.set_deprecated(message);
        changed.push((version.clone(), manifest.listing()));
    }
    if !changed.is_empty() {
        let (repository, package) = (visit.repository.clone(), name.key());
        visit.service.journal.apply(move |draft| draft.relist(&repository, &package, changed)).await?;
    }
    Ok(done())
}

/// A text, and not the empty one that takes a deprecation back.
fn is_message(raw: &RawValue) -> bool {
    serde_json::from_str::<String>(raw.get()).is_ok_and(|text| !text.is_empty())
}

fn done() -> Reply {
    answer::json(StatusCode::OK, &json!({ "ok": true, "success": true }))
}

fn invalid(message: String) -> Refusal {
    Refusal::Invalid(message)
}

fn refused(error: BodyError) -> Refusal {
    match error {
        BodyError::Payload(error) => error.into(),
        BodyError::Base64 | BodyError::Second | BodyError::Json => invalid(error.to_string()),
    }
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, ASSET, error.to_string()),
    }
}
