//! Manifests: found when an archive is published, read out of it when they are asked for. Never run.

use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use tokio::task::spawn_blocking;

use super::{
    Package,
    listing::{Listing, Manifest},
    release,
};
use crate::{
    assets::Content,
    failure::{Failure, ResourceKind},
    formats::{
        Refusal, Visit,
        archive::{Archive, ArchiveError},
    },
    http::{Reply, answer, header_value},
};

/// Bytes of a manifest.
const SIZE: u64 = 1 << 20;
/// Manifests for versions of Swift, of one release.
const MANIFESTS: usize = 64;
const PLAIN: &str = "Package.swift";

/// An archive that is no package.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPackage {
    #[error("the source archive cannot be read: {0}")]
    Archive(#[from] ArchiveError),
    #[error("package doesn't contain a valid manifest (Package.swift) file")]
    NoManifest,
    #[error("the source archive has more than {MANIFESTS} manifests")]
    TooMany,
}

/// The manifests of an archive: in its root, or in the one folder that everything is in. Blocks.
pub(super) fn find(content: Content) -> Result<Vec<Manifest>, NoPackage> {
    let mut archive = Archive::open(content)?;
    let folder = folder(&archive).ok_or(NoPackage::NoManifest)?;
    let named: Vec<(String, String)> = archive
        .names()
        .filter_map(|entry| Some((entry.strip_prefix(&folder)?.to_owned(), entry.to_owned())))
        .filter(|(file, _)| file == PLAIN || swift_version(file).is_some())
        .collect();
    if named.len() > MANIFESTS {
        return Err(NoPackage::TooMany);
    }
    let mut manifests = Vec::new();
    for (file, entry) in named {
        let bytes = archive.read(&entry, SIZE)?.ok_or(NoPackage::NoManifest)?;
        let text = String::from_utf8(bytes).map_err(|_| NoPackage::NoManifest)?;
        manifests.push(Manifest { tools: tools_version(&text), file, entry });
    }
    manifests.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(manifests)
}

/// What stands before `Package.swift`: nothing, or a folder with a slash.
fn folder(archive: &Archive) -> Option<String> {
    let mut found = archive.names().filter_map(|entry| entry.strip_suffix(PLAIN)).filter(|folder| {
        folder.is_empty() || (folder.ends_with('/') && !folder.starts_with('/') && folder.matches('/').count() == 1)
    });
    let all: Vec<&str> = found.by_ref().collect();
    match all[..] {
        _ if all.contains(&"") => Some(String::new()),
        [folder] => Some(folder.to_owned()),
        // None, or one in each of several folders.
        _ => None,
    }
}

/// The version in `Package@swift-VERSION.swift`: one to three numbers.
fn swift_version(file: &str) -> Option<&str> {
    let version = file.strip_prefix("Package@swift-")?.strip_suffix(".swift")?;
    let number = |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|byte| byte.is_ascii_digit());
    (version.split('.').count() <= 3 && version.split('.').all(number)).then_some(version)
}

/// The version in the comment that a manifest begins with.
fn tools_version(text: &str) -> Option<String> {
    let line = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty())?;
    let comment = line.trim().strip_prefix("//")?.trim_start();
    let (name, rest) = comment.split_once(':')?;
    let version: String = rest.trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (name.trim().eq_ignore_ascii_case("swift-tools-version") && (1..=16).contains(&version.len())).then_some(version)
}

/// The manifest that a client asks for, or where the plain one is.
pub(super) async fn give(visit: &Visit<'_>, package: Package<'_>, version: &str) -> Result<Reply, Refusal> {
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let record = release::find(visit, package, version)?.ok_or_else(absent)?;
    let listing = Listing::of(&record.listing);
    let key = package.key();
    let address = format!("{}/{}/{}/{version}/{PLAIN}", visit.base_url, key.namespace, key.name());
    let asked = visit.query.get("swift-version");
    let file = asked.map_or_else(|| PLAIN.to_owned(), |version| format!("Package@swift-{version}.swift"));
    let Some(manifest) = listing.manifests.iter().find(|manifest| manifest.file == file).cloned() else {
        let mut reply = answer::empty(StatusCode::SEE_OTHER);
        reply.headers_mut().insert(header::LOCATION, header_value(&address));
        return if asked.is_some() { Ok(reply) } else { Err(absent().into()) };
    };
    let asset = record.assets.first().ok_or_else(absent)?;
    let opened = visit.service.assets.open(&visit.repository.domain, &asset.digests.sha256);
    let content = opened.map_err(|error| Failure::storage(&error))?;
    let entry = manifest.entry;
    let read = spawn_blocking(move || Archive::open(content)?.read(&entry, SIZE)).await;
    let read = read.map_err(|_| Failure::internal("reading the archive was stopped"))?;
    let bytes = read.map_err(|error| Failure::internal(error.to_string()))?.ok_or_else(absent)?;
    let mut reply = answer::reply(StatusCode::OK, "text/x-swift", bytes);
    let headers = reply.headers_mut();
    let disposition = format!("attachment; filename=\"{file}\"");
    headers.insert(header::CONTENT_DISPOSITION, header_value(&disposition));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, immutable"));
    if file == PLAIN {
        let alternates: Vec<String> = listing.manifests.iter().filter_map(|other| alternate(&address, other)).collect();
        if !alternates.is_empty() {
            headers.insert(header::LINK, header_value(&alternates.join(", ")));
        }
    }
    Ok(reply)
}

fn alternate(address: &str, manifest: &Manifest) -> Option<String> {
    let Manifest { file, tools, .. } = manifest;
    let version = swift_version(file)?;
    let tools = tools.as_ref().map(|tools| format!("; swift-tools-version=\"{tools}\"")).unwrap_or_default();
    Some(format!("<{address}?swift-version={version}>; rel=\"alternate\"; filename=\"{file}\"{tools}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::archive::tests::zip;

    fn files(entries: &[(&str, &[u8])]) -> Option<Vec<String>> {
        let found = find(Content::Bytes(zip(entries).into())).ok()?;
        Some(found.into_iter().map(|manifest| manifest.entry).collect())
    }

    #[test]
    fn manifests_are_in_the_root_or_in_one_folder() {
        let text = b"// swift-tools-version:5.9\n".as_slice();
        assert_eq!(files(&[("Package.swift", text), ("x/Package.swift", text)]).unwrap(), ["Package.swift"]);
        let inside = [("a/Package.swift", text), ("a/Package@swift-5.swift", text), ("a/Sources/Package.swift", text)];
        assert_eq!(files(&inside).unwrap(), ["a/Package.swift", "a/Package@swift-5.swift"]);
        for none in [&[("a/Package.swift", text), ("b/Package.swift", text)][..], &[("a/b/Package.swift", text)], &[]] {
            assert_eq!(files(none), None);
        }
        assert_eq!(files(&[("Package.swift", &[0xFF])]), None, "no text");
        assert_eq!(files(&[("Package.swift", &vec![b' '; 2 << 20])]), None, "too large");
    }

    #[test]
    fn versions_of_swift_and_of_tools() {
        assert_eq!(swift_version("Package@swift-5.10.1.swift"), Some("5.10.1"));
        for bad in ["Package@swift-.swift", "Package@swift-5.x.swift", "Package@swift-1.2.3.4.swift", PLAIN] {
            assert_eq!(swift_version(bad), None, "{bad}");
        }
        assert_eq!(tools_version("// swift-tools-version: 5.9\nx").as_deref(), Some("5.9"));
        assert_eq!(tools_version("\n//swift-tools-version:5.3;x").as_deref(), Some("5.3"));
        assert_eq!(tools_version("import Foundation"), None);
    }
}
