//! Simple pages: the files of a project, merged over the upstreams and the public source, as HTML (PEP 503) and as JSON
//! (PEP 691, 700). Addresses are relative (`VERSION/FILE`), so that one page is right under every name of this service.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use codeartifact::PackageFormat;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    listing::{Facts, Listing},
    source,
};
use crate::{
    formats::Sources,
    state::{Origin, Package, Status, Version, VersionKey},
};

use std::sync::Arc;

/// What stands for itself in an address. A plus sign does not: some read it as a space.
const ADDRESS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'!');

/// A file on a page.
struct Entry {
    version: String,
    size: Option<u64>,
    sha256: Option<String>,
    md5: Option<String>,
    facts: Facts,
}

/// Of each version the nearest record, whatever its status: a hidden one hides what is further away.
fn nearest(packages: &[Arc<Package>]) -> BTreeMap<&VersionKey, &Arc<Version>> {
    let mut nearest = BTreeMap::new();
    for package in packages {
        for (key, version) in package.versions() {
            nearest.entry(key).or_insert(version);
        }
    }
    nearest
}

/// The files that clients see, by name.
fn entries(sources: &Sources, project: &str) -> BTreeMap<String, Entry> {
    let nearest = nearest(&sources.packages);
    let mut entries = BTreeMap::new();
    for version in nearest.values().filter(|version| version.status == Status::Published) {
        let mut listing = Listing::read(&version.listing);
        for asset in &version.assets {
            let entry = Entry {
                version: version.version.clone(),
                size: Some(asset.size),
                sha256: Some(asset.digests.sha256.to_string()),
                md5: Some(asset.digests.md5.to_string()),
                facts: listing.files.remove(&asset.name).unwrap_or_default(),
            };
            entries.insert(asset.name.clone(), entry);
        }
    }
    let mut decided: BTreeMap<String, usize> = BTreeMap::new();
    for (at, document) in sources.documents.iter().enumerate() {
        for listed in source::read(document, project) {
            let record = nearest.get(&VersionKey::new(PackageFormat::Pypi, &listed.version));
            // What came from a public source may have got more files there; what was published here has none there.
            let open = record.is_none_or(|record| {
                record.status == Status::Published && matches!(record.origin, Origin::External { .. })
            });
            if !open || *decided.entry(listed.version.clone()).or_insert(at) != at {
                continue;
            }
            let entry = entries.entry(listed.file.clone()).or_insert_with(|| Entry {
                version: listed.version.clone(),
                size: listed.size,
                sha256: listed.expected.sha256.map(|digest| digest.to_string()),
                md5: listed.expected.md5.map(|digest| digest.to_string()),
                facts: listed.facts.clone(),
            });
            entry.facts.yanked.clone_from(&listed.facts.yanked);
        }
    }
    entries
}

/// The page as JSON; `None` if no file is seen.
pub(super) fn json(sources: &Sources, project: &str) -> Option<Vec<u8>> {
    let entries = entries(sources, project);
    if entries.is_empty() {
        return None;
    }
    let versions: BTreeSet<&str> = entries.values().map(|entry| entry.version.as_str()).collect();
    // From 1.1 on a page says every file's size, and not all sources do.
    let api = if entries.values().all(|entry| entry.size.is_some()) { "1.1" } else { "1.0" };
    let files: Vec<Value> = entries.iter().map(|(file, entry)| json_file(file, entry)).collect();
    let page = json!({ "meta": { "api-version": api }, "name": project, "versions": versions, "files": files });
    Some(page.to_string().into_bytes())
}

fn json_file(file: &str, entry: &Entry) -> Value {
    let Entry { version, size, sha256, md5, facts } = entry;
    let digests = [("sha256", sha256), ("md5", md5)];
    let hashes: Map<String, Value> =
        digests.into_iter().filter_map(|(name, digest)| Some((name.to_owned(), json!(digest.as_ref()?)))).collect();
    let metadata = facts.core_metadata.map(|digest| json!({ "sha256": digest.to_string() }));
    let yanked = match facts.yanked.as_deref() {
        None => json!(false),
        Some("") => json!(true),
        Some(reason) => json!(reason),
    };
    let members = [
        ("filename", Some(json!(file))),
        ("url", Some(json!(address(version, file)))),
        ("hashes", Some(Value::Object(hashes))),
        ("requires-python", facts.requires_python.as_ref().map(|text| json!(text))),
        ("size", size.map(|size| json!(size))),
        ("upload-time", facts.upload_time.as_ref().map(|text| json!(text))),
        ("yanked", Some(yanked)),
        // PEP 658 under its new name alone: pip before 23.2 ends with a fault of its own where an object stands under the
        // old one, which is why PEP 714 made the new one.
        ("core-metadata", metadata),
    ];
    Value::Object(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// The page as HTML; `None` if no file is seen.
pub(super) fn html(sources: &Sources, project: &str) -> Option<Vec<u8>> {
    let entries = entries(sources, project);
    if entries.is_empty() {
        return None;
    }
    let mut page = format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.1\">\n\
         <title>Links for {project}</title>\n</head>\n<body>\n<h1>Links for {project}</h1>\n"
    );
    for (file, entry) in &entries {
        page.push_str("<a href=\"");
        page.push_str(&escaped(&address(&entry.version, file)));
        match (&entry.sha256, &entry.md5) {
            (Some(digest), _) => drop(write!(page, "#sha256={digest}")),
            (None, Some(digest)) => drop(write!(page, "#md5={digest}")),
            (None, None) => {}
        }
        page.push('"');
        let metadata = entry.facts.core_metadata.map(|digest| format!("sha256={digest}"));
        for (name, value) in [
            ("requires-python", &entry.facts.requires_python),
            ("upload-time", &entry.facts.upload_time),
            ("yanked", &entry.facts.yanked),
            ("core-metadata", &metadata),
            ("dist-info-metadata", &metadata),
        ] {
            if let Some(value) = value {
                let _ = write!(page, " data-{name}=\"{}\"", escaped(value));
            }
        }
        let _ = writeln!(page, ">{}</a><br>", escaped(file));
    }
    page.push_str("</body>\n</html>\n");
    Some(page.into_bytes())
}

/// Relative to the project's page.
fn address(version: &str, file: &str) -> String {
    format!("{}/{}", utf8_percent_encode(version, ADDRESS), utf8_percent_encode(file, ADDRESS))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
