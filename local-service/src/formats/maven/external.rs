//! Versions of a public source: the POM says that there is one, the `.sha1` files say what its files are.

use std::{sync::Arc, time::UNIX_EPOCH};

use super::{listing, path::File, pom};
use crate::{
    assets::{Expected, Upload},
    external::{Document, ExternalError, Fetch, Wanted},
    formats::{Refusal, Visit},
    resolve::Source,
    state::{Asset, Millis, NewVersion, Version},
};

/// Bytes of a checksum file; some have the file's name in them.
const CHECKSUM: u64 = 4 << 10;

fn wanted(link: String, limit: u64) -> Wanted {
    Wanted { link, accept: "*/*", limit }
}

/// Metadata of a source; `None` if it has none there.
pub(super) async fn metadata(
    visit: &Visit<'_>,
    source: &Source,
    link: String,
) -> Result<Option<Arc<Document>>, ExternalError> {
    let wanted = wanted(link, super::document::METADATA);
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// Does the source have the version that the file is of?
pub(super) async fn has(visit: &Visit<'_>, source: &Source, file: &File) -> Result<bool, ExternalError> {
    Ok(pom_of(visit, source, file).await?.is_some())
}

async fn pom_of(visit: &Visit<'_>, source: &Source, file: &File) -> Result<Option<Arc<Document>>, ExternalError> {
    let wanted = wanted(file.coordinate.link(&file.pom()), pom::POM);
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// Brings in the version that a file is of, with its POM; `None` if the source does not have it. Gives the record of
/// the addressed repository.
pub(super) async fn ingest(visit: &Visit<'_>, source: &Source, file: &File) -> Result<Option<Arc<Version>>, Refusal> {
    let Some(document) = pom_of(visit, source, file).await? else { return Ok(None) };
    let link = file.coordinate.link(&file.pom());
    let expected = announced(visit, source, &link).await?;
    let mut upload = Upload::new(&visit.service.assets);
    upload.push(document.bytes.clone()).await.map_err(|_| ExternalError::Storage)?;
    let pin = upload.keep(visit.repository.domain.clone(), None).await.map_err(|_| ExternalError::Storage)?;
    expected.check(pin.digests()).map_err(|other| ExternalError::OtherContent {
        connection: source.connection,
        algorithm: other.algorithm,
        expected: other.expected,
        found: other.found,
    })?;
    let (about, mut listing) = pom::read(&document.bytes);
    listing.modified = document.last_modified.as_deref().and_then(millis);
    let new = NewVersion {
        about,
        listing: listing.text(),
        assets: vec![Asset { name: file.pom(), size: pin.size(), digests: pin.digests().clone() }],
        ..NewVersion::new(file.coordinate.key(), file.coordinate.artifact.as_str(), file.version())
    };
    let (addressed, from) = (visit.repository.clone(), source.clone());
    let kept = visit.service.journal.apply(move |draft| draft.ingest(&addressed, &from, &new, listing::merged)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    let kept = kept?;
    // It is stored now, so it need not be remembered.
    visit.service.external.forget(source.connection, &wanted(link, pom::POM));
    Ok(Some(kept))
}

/// A file that the source may have beside a version's POM.
pub(super) async fn fetch_of(
    visit: &Visit<'_>,
    source: &Source,
    file: &File,
    record: &Version,
) -> Result<Fetch, Refusal> {
    let link = file.link();
    let expected = announced(visit, source, &link).await?;
    Ok(Fetch {
        source: source.clone(),
        link,
        asset: file.name.clone(),
        expected,
        // Where only one of the two repositories has the record, the other gets the same.
        new: NewVersion {
            about: record.about.clone(),
            listing: record.listing.clone(),
            ..NewVersion::new(file.coordinate.key(), file.coordinate.artifact.as_str(), file.version())
        },
        merge: listing::merged,
    })
}

/// The SHA-1 that the source has for a file. Many old files have none, or one that is not one.
async fn announced(visit: &Visit<'_>, source: &Source, link: &str) -> Result<Expected, ExternalError> {
    let wanted = wanted(format!("{link}.sha1"), CHECKSUM);
    let external = &visit.service.external;
    let document = match external.document(&visit.service.counters, source.connection, &wanted).await {
        Err(ExternalError::TooLarge { .. }) => None,
        other => other?,
    };
    // Asked for once: the file itself is stored after that.
    external.forget(source.connection, &wanted);
    Ok(Expected { sha1: document.and_then(|document| sha1(&document.bytes)), ..Expected::default() })
}

fn sha1(bytes: &[u8]) -> Option<crate::assets::Hex<20>> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.split_whitespace().next()?.to_ascii_lowercase().parse().ok()
}

fn millis(date: &str) -> Option<Millis> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_files_have_many_forms() {
        let digits = "0a".repeat(20);
        for good in [digits.clone(), format!("{digits}\n"), digits.to_uppercase(), format!("{digits}  lib-1.0.jar\n")] {
            assert_eq!(sha1(good.as_bytes()).unwrap().to_string(), digits);
        }
        for bad in ["", "<html>", "0a", &format!("lib-1.0.jar: {digits}")] {
            assert!(sha1(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn dates() {
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(millis("yesterday"), None);
    }
}
