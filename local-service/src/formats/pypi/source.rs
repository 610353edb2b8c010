//! Distributions of a public source: its simple pages, JSON or HTML.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{
    anchors::anchors,
    file_name,
    listing::{Facts, Listing, mirror_over},
    reading,
};
use crate::{
    assets::Expected,
    external::{Document, ExternalError, Fetch, Wanted},
    resolve::Source,
    service::Service,
    state::{Awaited, NewVersion, PackageKey},
};

/// Bytes of a simple page: the largest ones there are have some tens of MiB.
const PAGE: u64 = 128 << 20;
/// JSON is exact and says more; what old mirrors have is HTML.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
/// Bytes of a text that a page is believed.
const TEXT: usize = 1_024;

/// A distribution on a source's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) file: String,
    /// In its normal form.
    pub(super) version: String,
    /// As on the page: relative to it.
    link: String,
    pub(super) expected: Expected,
    pub(super) size: Option<u64>,
    pub(super) facts: Facts,
}

/// What a source has of a version.
pub(super) enum Found {
    /// The file.
    File {
        fetch: Box<Fetch>,
        size: Option<u64>,
    },
    /// Other files of the version.
    Other,
    Nothing,
}

/// A file of a version, as a client names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) key: &'a PackageKey,
    /// Normalised.
    pub(super) project: &'a str,
    /// Normalised.
    pub(super) version: &'a str,
    pub(super) file: &'a str,
}

/// A project's page; `None` if the source has none.
pub(super) async fn page(
    service: &Service,
    source: &Source,
    project: &str,
) -> Result<Option<Arc<Document>>, ExternalError> {
    let wanted = Wanted { link: format!("{project}/"), accept: ACCEPT, limit: PAGE };
    service.external.document(&service.counters, source.connection, &wanted).await
}

/// The distributions on a page, read once. What is none, or of another project, is left out, as clients do.
pub(super) fn read<'a>(document: &'a Document, project: &str) -> &'a [Listed] {
    document.read(|document| read_page(document, project))
}

/// The same, before it is needed: a large page is read where that delays nobody else.
pub(super) async fn read_aside<'a>(document: &'a Arc<Document>, project: &str) -> &'a [Listed] {
    let project = project.to_owned();
    document.read_aside(move |document| read_page(document, &project)).await
}

fn read_page(document: &Document, project: &str) -> Vec<Listed> {
    if document.content_type.to_ascii_lowercase().contains("json") {
        read_json(&document.bytes, project)
    } else {
        read_html(&String::from_utf8_lossy(&document.bytes), project)
    }
}

/// The first source that has something of the version decides about it.
pub(super) async fn find(service: &Service, sources: &[Source], asked: &Asked<'_>) -> Result<Found, ExternalError> {
    let mut away = None;
    for source in sources {
        let document = match page(service, source, asked.project).await {
            Ok(Some(document)) => document,
            Ok(None) => continue,
            Err(error) => {
                away = Some(error);
                continue;
            }
        };
        let listed = read_aside(&document, asked.project).await;
        let listed: Vec<&Listed> = listed.iter().filter(|listed| listed.version == asked.version).collect();
        if !listed.is_empty() {
            return found(source, &document, &listed, asked);
        }
    }
    away.map_or(Ok(Found::Nothing), Err)
}

fn found(source: &Source, document: &Document, listed: &[&Listed], asked: &Asked<'_>) -> Result<Found, ExternalError> {
    let Some(file) = listed.iter().find(|listed| listed.file == asked.file) else { return Ok(Found::Other) };
    let awaited = listed.iter().filter(|other| other.file != asked.file).map(|other| Awaited {
        name: other.file.clone(),
        size: other.size,
        sha256: other.expected.sha256,
    });
    let files = listed.iter().map(|listed| (listed.file.clone(), listed.facts.clone())).collect();
    let new = NewVersion {
        awaited: awaited.collect(),
        listing: Listing { requires_dist: Vec::new(), files }.text(),
        inspect: Some(reading::complete),
        ..NewVersion::new(asked.key.clone(), asked.project, asked.version)
    };
    let fetch = Fetch {
        source: source.clone(),
        link: document.link(&file.link)?,
        asset: file.file.clone(),
        expected: file.expected.clone(),
        new,
        merge: mirror_over,
    };
    Ok(Found::File { fetch: Box::new(fetch), size: file.size })
}

#[derive(Deserialize)]
struct Page {
    files: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PageFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    size: Option<u64>,
    upload_time: Option<String>,
    #[serde(default)]
    yanked: Value,
}

fn read_json(bytes: &[u8], project: &str) -> Vec<Listed> {
    let Ok(page) = serde_json::from_slice::<Page>(bytes) else { return Vec::new() };
    // One by one: an entry that is odd spoils no other.
    let files = page.files.into_iter().filter_map(|file| serde_json::from_value::<PageFile>(file).ok());
    files
        .filter_map(|file| {
            let (_, version) = file_name::read(&file.filename, project)?;
            let yanked = match file.yanked {
                Value::Bool(true) => Some(String::new()),
                Value::String(reason) if !reason.is_empty() => Some(bounded(reason).unwrap_or_default()),
                _ => None,
            };
            Some(Listed {
                file: file.filename,
                version,
                link: file.url,
                expected: expected(file.hashes.iter().map(|(name, digest)| (name.as_str(), digest.as_str()))),
                size: file.size,
                facts: Facts {
                    requires_python: file.requires_python.and_then(bounded),
                    upload_time: file.upload_time.and_then(bounded),
                    yanked,
                    core_metadata: None,
                },
            })
        })
        .collect()
}

fn read_html(html: &str, project: &str) -> Vec<Listed> {
    let listed = anchors(html).into_iter().filter_map(|anchor| {
        let file = anchor.text.trim().to_owned();
        let (_, version) = file_name::read(&file, project)?;
        let link = anchor.attribute("href")?.to_owned();
        let digest = link.split_once('#').and_then(|(_, fragment)| fragment.split_once('='));
        let text = |name: &str| anchor.attribute(name).map(ToOwned::to_owned).and_then(bounded);
        let facts = Facts {
            requires_python: text("data-requires-python"),
            upload_time: text("data-upload-time"),
            // There is yanked, with or without a reason.
            yanked: anchor.attribute("data-yanked").map(|reason| bounded(reason.to_owned()).unwrap_or_default()),
            core_metadata: None,
        };
        Some(Listed { expected: expected(digest.into_iter()), file, version, link, size: None, facts })
    });
    listed.collect()
}

/// The digests that can be checked.
fn expected<'a>(digests: impl Iterator<Item = (&'a str, &'a str)>) -> Expected {
    let mut expected = Expected::default();
    for (algorithm, digest) in digests {
        let digest = digest.to_ascii_lowercase();
        match algorithm {
            "md5" => expected.md5 = digest.parse().ok(),
            "sha1" => expected.sha1 = digest.parse().ok(),
            "sha256" => expected.sha256 = digest.parse().ok(),
            "sha512" => expected.sha512 = digest.parse().ok(),
            _ => {}
        }
    }
    expected
}

fn bounded(text: String) -> Option<String> {
    (!text.is_empty() && text.len() <= TEXT && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::assets::Digest;

    #[test]
    fn both_forms_say_the_same() {
        let digest = Digest::of(b"x").to_string();
        let json = json!({
            "meta": { "api-version": "1.1" }, "name": "six",
            "files": [
                {
                    "filename": "six-1.0-py3-none-any.whl", "url": "../../f/six-1.0-py3-none-any.whl",
                    "hashes": { "sha256": digest }, "requires-python": ">=3,<4", "yanked": "broken",
                },
                { "filename": "six-1.0.exe", "url": "x", "hashes": {} },
                { "filename": 3 },
                { "filename": "seven-1.0.tar.gz", "url": "x", "hashes": {} },
            ],
        });
        let html = format!(
            "<!DOCTYPE html><html><body><a HREF='../../f/six-1.0-py3-none-any.whl#sha256={digest}' \
             data-requires-python=\"&gt;=3,&lt;4\" data-yanked=broken>six-1.0-py3-none-any.whl</a><br>\
             <a href=x>six-1.0.exe</a><a href=\"x\">seven-1.0.tar.gz</a></body>"
        );
        let [from_json, from_html] = [read_json(json.to_string().as_bytes(), "six"), read_html(&html, "six")];
        assert_eq!(from_html.len(), 1, "{from_html:?}");
        let [mut json, html] = [from_json[0].clone(), from_html[0].clone()];
        assert_eq!(html.link, format!("{}#sha256={digest}", json.link));
        json.link = html.link.clone();
        assert_eq!(json, html);
        assert_eq!(json.facts.yanked.as_deref(), Some("broken"));
        assert_eq!(json.facts.requires_python.as_deref(), Some(">=3,<4"));
    }

    #[test]
    fn what_is_no_page_lists_nothing() {
        let deep = vec![b'['; 100_000];
        for bytes in [&b""[..], b"{}", b"[]", b"{\"files\":3}", &deep] {
            assert!(read_json(bytes, "six").is_empty());
        }
    }
}
