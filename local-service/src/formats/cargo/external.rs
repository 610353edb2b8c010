//! Crates of a public source: its sparse index, and where it says that the crates are.

use serde_json::{Map, Value};

use crate::{
    assets::{Digest, Expected},
    external::{Document, ExternalError, Fetch, Wanted},
    formats::{Refusal, Visit},
    resolve::Source,
    state::{NewVersion, PackageKey},
};

/// Bytes of an index file: the largest ones there are have a few MiB.
const INDEX: u64 = 64 << 20;
const CONFIG: u64 = 64 << 10;

/// A version in an index file.
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) yanked: bool,
    /// As this service stores it: the object without `yanked`.
    pub(super) line: Box<str>,
    checksum: Option<Digest>,
}

/// The versions of an index file; a line that is none is left out, as cargo does.
pub(super) fn read(document: &Document) -> Vec<Listed> {
    document.bytes.split(|byte| *byte == b'\n').filter_map(listed).collect()
}

fn listed(line: &[u8]) -> Option<Listed> {
    let mut line: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| line.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let (name, version) = (text("name")?, text("vers")?);
    let checksum = text("cksum").and_then(|digest| digest.parse().ok());
    let yanked = line.remove("yanked").and_then(|yanked| yanked.as_bool()).unwrap_or_default();
    Some(Listed { name, version, yanked, line: Value::Object(line).to_string().into(), checksum })
}

/// The index file of a crate, by its lowercase name; `None` if the source has none.
pub(super) async fn index(
    visit: &Visit<'_>,
    source: &Source,
    name: &str,
) -> Result<Option<std::sync::Arc<Document>>, ExternalError> {
    let folder = match name.len() {
        1 | 2 => name.len().to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    let wanted = Wanted { link: format!("{folder}/{name}"), accept: "text/plain", limit: INDEX };
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// What is to be fetched for a version, if a source has it.
pub(super) async fn find(
    visit: &Visit<'_>,
    source: &Source,
    package: &PackageKey,
    name: &str,
    version: &str,
) -> Result<Option<Fetch>, Refusal> {
    let Some(document) = index(visit, source, &name.to_ascii_lowercase()).await? else { return Ok(None) };
    let Some(listed) = read(&document).into_iter().find(|listed| listed.name == name && listed.version == version)
    else {
        return Ok(None);
    };
    let checksum = listed.checksum.ok_or_else(|| Refusal::Invalid(format!("the source has no checksum of {name}")))?;
    let link = download_link(&config(visit, source).await?, &listed, &checksum);
    Ok(Some(Fetch {
        source: source.clone(),
        link,
        asset: format!("{name}-{version}.crate"),
        expected: Expected { sha256: Some(checksum), ..Expected::default() },
        new: NewVersion { listing: listed.line, ..NewVersion::new(package.clone(), name, version) },
        merge: |stored, _| stored.into(),
    }))
}

/// The `dl` of the source's `config.json`.
async fn config(visit: &Visit<'_>, source: &Source) -> Result<String, Refusal> {
    let wanted = Wanted { link: "config.json".to_owned(), accept: "application/json", limit: CONFIG };
    let document = visit.service.external.document(&visit.service.counters, source.connection, &wanted).await?;
    let config: Option<Value> = document.and_then(|document| serde_json::from_slice(&document.bytes).ok());
    let dl = config.as_ref().and_then(|config| config.get("dl")).and_then(Value::as_str);
    dl.map(ToOwned::to_owned).ok_or_else(|| Refusal::Invalid("the source has no config.json with a `dl`".to_owned()))
}

/// Cargo's rule: without a marker, the usual path is appended.
fn download_link(dl: &str, listed: &Listed, checksum: &Digest) -> String {
    let Listed { name, version, .. } = listed;
    if !dl.contains('{') {
        return format!("{}/{name}/{version}/download", dl.trim_end_matches('/'));
    }
    let prefix = |name: &str| match name.len() {
        1 | 2 => name.len().to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    };
    dl.replace("{crate}", name)
        .replace("{version}", version)
        .replace("{prefix}", &prefix(name))
        .replace("{lowerprefix}", &prefix(&name.to_ascii_lowercase()))
        .replace("{sha256-checksum}", &checksum.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_stored_without_what_may_change() {
        let line = br#"{"name":"a","vers":"1.0.0","deps":[],"cksum":"00","features":{},"yanked":true,"links":null}"#;
        let listed = listed(line).unwrap();
        assert!(listed.yanked && !listed.line.contains("yanked") && listed.line.ends_with('}'));
        assert!(super::listed(b"").is_none());
        assert!(super::listed(b"{\"vers\":\"1.0.0\"}").is_none());
    }

    #[test]
    fn where_a_crate_is() {
        let digest = Digest::of(b"");
        let listed = |name: &str| Listed {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            yanked: false,
            line: Box::default(),
            checksum: None,
        };
        let link = |dl, name| download_link(dl, &listed(name), &digest);
        assert_eq!(link("https://a.example/dl", "Abc"), "https://a.example/dl/Abc/1.0.0/download");
        assert_eq!(
            link("https://a.example/{lowerprefix}/{prefix}/{crate}-{version}.crate", "Abcd"),
            "https://a.example/ab/cd/Ab/cd/Abcd-1.0.0.crate"
        );
        assert_eq!(link("https://a.example/{sha256-checksum}", "a"), format!("https://a.example/{digest}"));
    }
}
