//! Uploads: the form that twine, uv and Poetry send, one distribution at a time.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::task::spawn_blocking;

use super::{
    archive::ArchiveProblem,
    file_name::{self, Kind},
    listing::{Facts, Listing, publish_beside},
    metadata::Metadata,
    reading,
    source::{self, Asked, Found},
    version,
};
use crate::{
    assets::{Expected, Hex, Pin, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit, multipart::Multipart},
    http::{PayloadError, Reply, answer},
    resolve::Reach,
    service::Service,
    state::{Asset, Millis, NewVersion, PackageKey, Part},
};

/// Bytes of one distribution: the service's quota.
const ASSET: u64 = 5 << 30;
/// Bytes of all fields together; descriptions are among them.
const TEXT: u64 = 8 << 20;

/// What a form holds beside the file.
#[derive(Default)]
struct Fields {
    action: Option<String>,
    file_type: Option<String>,
    expected: Expected,
    blake2: Option<Hex<32>>,
    metadata: Metadata,
}

impl Fields {
    fn set(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        fn digest<const N: usize>(name: &str, value: &str) -> Result<Option<Hex<N>>, Refusal> {
            if value.is_empty() {
                return Ok(None);
            }
            value.parse().map(Some).map_err(|error| Refusal::Invalid(format!("`{name}`: {error}")))
        }
        match name {
            ":action" => self.action = Some(value),
            "filetype" => self.file_type = Some(value),
            "md5_digest" => self.expected.md5 = digest(name, &value)?,
            "sha256_digest" => self.expected.sha256 = digest(name, &value)?,
            "blake2_256_digest" => self.blake2 = digest(name, &value)?,
            _ => self.metadata.set(name, value),
        }
        Ok(())
    }
}

/// A form that was read; its file is in staging.
struct Sent {
    fields: Fields,
    file: String,
    upload: Upload,
}

pub(super) async fn upload(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let Sent { fields, file, upload } = receive(visit).await?;
    visit.payload.end().await?;
    let Fields { action, file_type, expected, blake2, metadata } = fields;
    if let Some(action) = action.filter(|action| action != "file_upload") {
        return Err(invalid(format!("`:action` is `{}`: only `file_upload` is served", action.escape_debug())));
    }
    let spelled = metadata.name.clone().ok_or_else(|| invalid("`name` is missing"))?;
    if !file_name::is_project(&spelled) {
        return Err(invalid("`name` is no project's name: letters, digits, `.`, `_` and `-`"));
    }
    let project = file_name::normal(&spelled);
    let given = metadata.version.as_deref().ok_or_else(|| invalid("`version` is missing"))?;
    let version =
        version::normal(given).ok_or_else(|| invalid(format!("`{}` is no version (PEP 440)", given.escape_debug())))?;
    let kind = match file_name::read(&file, &project) {
        Some((kind, named)) if named == version && file_name::is_publishable(&file) => kind,
        _ => {
            let message = "is no wheel (.whl) or sdist (.tar.gz, .zip) of that project and version";
            return Err(invalid(format!("`{}` {message}: `{project}` {version}", file.escape_debug())));
        }
    };
    let announced_kind = match kind {
        Kind::Wheel => "bdist_wheel",
        Kind::Sdist => "sdist",
    };
    if file_type.is_some_and(|file_type| file_type != announced_kind) {
        return Err(invalid(format!("`filetype` is not `{announced_kind}`, which `{file}` is")));
    }

    let pin = upload.keep(visit.repository.domain.clone(), None).await.map_err(|error| not_kept(&error))?;
    expected.check(pin.digests()).map_err(|error| invalid(error.to_string()))?;
    let asset = Asset { name: file, size: pin.size(), digests: pin.digests().clone() };
    let read = look_into(visit.service, &pin, &asset, &project, blake2).await?;
    if let Some(read) = &read {
        same_package(&read.metadata, &project, &version)?;
    }
    let core_metadata = read.as_ref().and_then(|read| read.digest);
    // twine normalises the name that it sends; the distribution has it as its author spells it.
    let own = read.as_ref().and_then(|read| read.metadata.name.clone());
    let display_name = own.map_or(spelled, |name| name.trim().to_owned());
    let metadata = metadata.or(read.map(|read| read.metadata).unwrap_or_default());

    let facts = Facts {
        requires_python: metadata.requires_python.clone(),
        upload_time: date(visit.service.clock.millis()),
        yanked: None,
        core_metadata,
    };
    let listing =
        Listing { requires_dist: metadata.requires_dist.clone(), files: [(asset.name.clone(), facts)].into() };
    let new = NewVersion {
        display_name: Some(display_name).filter(|name| *name != project),
        about: metadata.about(),
        listing: listing.text(),
        readme: metadata.description,
        assets: vec![asset],
        ..NewVersion::new(PackageKey::new(codeartifact::PackageFormat::Pypi, "", &project), project, version)
    };
    visit.may_publish(&new.package, &new.name, Some(&new.version))?;
    refuse_upstream(visit, &new).await?;
    let repository = visit.repository.clone();
    let part = Part { unfinished: false, merge: publish_beside };
    let published = visit.service.journal.apply(move |draft| draft.publish_part(&repository, new, part)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    Ok(answer::json(StatusCode::OK, &json!({})))
}

/// Reads the form; the file goes to the store as it comes.
async fn receive(visit: &mut Visit<'_>) -> Result<Sent, Refusal> {
    // Twice the text: what stands around it counts, too.
    let limit = ASSET + 2 * TEXT;
    if visit.payload.announced().is_some_and(|announced| announced > limit) {
        return Err(PayloadError::TooLarge { limit }.into());
    }
    let mut form = Multipart::new(visit.headers, visit.payload)?;
    let mut fields = Fields::default();
    let mut content = None;
    let mut left = TEXT;
    while let Some(part) = form.next().await? {
        let name = part.name;
        if name != "content" {
            let text = form.read_all(&name, left).await?;
            left -= text.len() as u64;
            let text =
                String::from_utf8(text).map_err(|_| invalid(format!("`{}` is not UTF-8", name.escape_debug())))?;
            fields.set(&name, text)?;
            continue;
        }
        if content.is_some() {
            return Err(invalid("the form has two files: one distribution is uploaded at a time"));
        }
        let file = part.file_name.ok_or_else(|| invalid("the file has no name"))?;
        let mut upload = Upload::new(&visit.service.assets);
        while let Some(piece) = form.piece().await? {
            upload.push(piece).await.map_err(|error| not_kept(&error))?;
            if upload.size() > ASSET {
                let message = format!("an asset has {ASSET} bytes at most");
                return Err(Failure::quota(ResourceKind::Asset, file, message).into());
            }
        }
        content = Some((file, upload));
    }
    let (file, upload) = content.ok_or_else(|| invalid("`content` is missing: the distribution itself"))?;
    Ok(Sent { fields, file, upload })
}

/// Checks the digest that the store does not compute, and reads what the distribution says of itself. One that cannot
/// be read is stored as it is: the service does not say that it refuses any.
async fn look_into(
    service: &Arc<Service>,
    pin: &Pin,
    asset: &Asset,
    project: &str,
    blake2: Option<Hex<32>>,
) -> Result<Option<reading::Read>, Refusal> {
    let open = || service.assets.open(pin.domain(), &asset.digests.sha256).map_err(|error| Failure::storage(&error));
    let (to_read, to_hash) = (open()?, open()?);
    let (file, project) = (asset.name.clone(), project.to_owned());
    let looked = spawn_blocking(move || {
        let found = blake2.map(|_| reading::blake2b_256(to_hash)).transpose();
        (found, reading::read(to_read, &file, &project))
    });
    let (found, read) = looked.await.map_err(|_| Failure::internal("reading the distribution was stopped"))?;
    let found = found.map_err(|error| Failure::storage(&error))?;
    if let (Some(expected), Some(found)) = (blake2, found)
        && expected != found
    {
        return Err(invalid(format!("the content has BLAKE2b-256 {found}, and {expected} was announced")));
    }
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ArchiveProblem::Unreadable) => Ok(None),
        Err(problem @ ArchiveProblem::TooLarge) => Err(invalid(problem.to_string())),
    }
}

/// A distribution that says it is another one would install as that.
fn same_package(metadata: &Metadata, project: &str, version: &str) -> Result<(), Refusal> {
    let other_name = metadata.name.as_ref().is_some_and(|name| file_name::normal(name.trim()) != project);
    let other_version = metadata.version.as_ref().is_some_and(|said| version::normal(said).as_deref() != Some(version));
    if other_name || other_version {
        return Err(invalid(format!("the distribution's own metadata is not of `{project}` {version}")));
    }
    Ok(())
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
    let asked = Asked { key: &new.package, project: &new.name, version: &new.version, file: "" };
    for source in reach.sources() {
        if let Ok(Found::Other | Found::File { .. }) =
            source::find(visit.service, std::slice::from_ref(&source), &asked).await
        {
            let message = format!("version {} of `{}` exists in {}", new.version, new.name, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

fn date(millis: Millis) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    time.format(&Rfc3339).ok()
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Invalid(message.into())
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "content", error.to_string()),
    }
}
