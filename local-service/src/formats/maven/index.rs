//! `maven-metadata.xml`: of an artifact, of a snapshot, of a group; made of what is there, and prepared in memory.

use std::{collections::BTreeMap, sync::Arc};

use codeartifact::PackageFormat;
use time::OffsetDateTime;

use super::{
    checksum_reply,
    document::{self, Metadata, Plugin},
    external,
    listing::{Kind, Listing},
    order::Comparable,
    path::{self, Algorithm, Coordinate},
};
use crate::{
    assets::Hasher,
    failure::{Failure, ResourceKind},
    formats::{
        Refusal, Visit,
        prepared::{Prepared, Sources},
    },
    http::Reply,
    resolve::Reach,
    state::{Millis, PackageKey, Repository, Status, Version},
};

type Render = dyn Fn(&Sources) -> Option<String> + Send;

/// The versions of the artifact that the folders name; or, if there are none, the plugins of the group that they name.
pub(super) async fn index(
    visit: &Visit<'_>,
    folders: &[String],
    checksum: Option<Algorithm>,
) -> Result<Reply, Refusal> {
    let (artifact, group) = folders.split_last().ok_or(Refusal::NoSuchPath)?;
    let group = path::joined(group);
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let key = PackageKey::new(PackageFormat::Maven, &group, artifact);
    let reach = Reach::new(domain, first, &key, artifact);
    let mut documents = Vec::new();
    let mut problem = None;
    for source in reach.sources() {
        match external::metadata(visit, &source, path::index_link(folders)).await {
            Ok(found) => documents.extend(found),
            // A source that is down has nothing; what is stored here is served all the same.
            Err(error) => problem = Some(error),
        }
    }
    let prepared = async |what: String, sources: Sources, render: Box<Render>| {
        let render = move |sources: &Sources| render(sources).map(String::into_bytes);
        visit.service.prepared.prepared(&visit.repository, PackageFormat::Maven, &what, sources, render).await
    };
    let mut found = None;
    if !group.is_empty() {
        let packages = reach.packages().cloned().collect();
        let sources = Sources { packages, documents: documents.clone(), ..Sources::default() };
        let what = format!("{group}:{artifact}");
        let artifact = artifact.to_owned();
        found = prepared(what, sources, Box::new(move |sources| artifact_of(&group, &artifact, sources))).await;
    }
    if found.is_none() {
        let group = path::joined(folders);
        let repositories = reach.steps().iter().map(|step| Arc::clone(step.repository)).collect();
        let sources = Sources { repositories, documents, ..Sources::default() };
        found = prepared(format!("{group}:"), sources, Box::new(move |sources| group_of(&group, sources))).await;
    }
    match (found, problem) {
        (Some(found), _) => Ok(sent(visit, found, checksum).await),
        (None, Some(problem)) => Err(problem.into()),
        (None, None) => Err(Failure::not_found(ResourceKind::Package, key.path()).into()),
    }
}

/// The files of the build that a snapshot version shows.
pub(super) async fn snapshot(
    visit: &Visit<'_>,
    coordinate: &Coordinate,
    checksum: Option<Algorithm>,
) -> Result<Reply, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let key = coordinate.key();
    let reach = Reach::new(domain, first, &key, &coordinate.artifact);
    let absent = || Failure::not_found(ResourceKind::PackageVersion, coordinate.to_string());
    let found = reach.version(&coordinate.version).ok_or_else(absent)?;
    let sources = Sources { packages: vec![Arc::clone(found.package)], ..Sources::default() };
    let what = coordinate.to_string();
    let (of, version) = (coordinate.clone(), Arc::clone(found.version));
    let render = move |_: &Sources| snapshot_of(&of, &version).map(String::into_bytes);
    let prepared = visit.service.prepared.prepared(&visit.repository, PackageFormat::Maven, &what, sources, render);
    Ok(sent(visit, prepared.await.ok_or_else(absent)?, checksum).await)
}

async fn sent(visit: &Visit<'_>, prepared: Prepared, checksum: Option<Algorithm>) -> Reply {
    match checksum {
        None => prepared.reply(visit.headers, "application/xml").await,
        Some(algorithm) => {
            let mut hasher = Hasher::default();
            hasher.update(&prepared.bytes);
            checksum_reply(&hasher.finish(), algorithm)
        }
    }
}

/// All published versions, the nearest record of each deciding, and what public sources have beside them.
fn artifact_of(group: &str, artifact: &str, sources: &Sources) -> Option<String> {
    let mut listed: BTreeMap<String, bool> = BTreeMap::new();
    let mut youngest: Millis = 0;
    for (_, version) in sources.packages.iter().flat_map(|package| package.versions()) {
        if !listed.contains_key(&version.version) {
            let published = version.status == Status::Published;
            listed.insert(version.version.clone(), published);
            if published {
                youngest = youngest.max(version.published);
            }
        }
    }
    let mut last_updated = date(youngest);
    for read in sources.documents.iter().filter_map(|document| Metadata::read(&document.bytes).ok()) {
        let mut any = false;
        // Snapshots are never fetched from a source, and what cannot be the name of a version is none.
        for version in read.versions {
            let name = path::read(&["g", artifact, &version, "f"]).is_some() && !path::is_snapshot(&version);
            if name {
                listed.entry(version).or_insert(true);
                any = true;
            }
        }
        let dated = read.last_updated.filter(|date| date.len() == 14 && date.bytes().all(|b| b.is_ascii_digit()));
        if let Some(date) = dated.filter(|date| any && *date > last_updated) {
            last_updated = date;
        }
    }
    let mut versions: Vec<&str> =
        listed.iter().filter(|(_, published)| **published).map(|(version, _)| version.as_str()).collect();
    if versions.is_empty() {
        return None;
    }
    versions.sort_by_cached_key(|version| Comparable::new(version));
    let release = versions.iter().rev().find(|version| !path::is_snapshot(version)).copied();
    Some(document::of_artifact(group, artifact, &versions, release, &last_updated))
}

fn snapshot_of(coordinate: &Coordinate, version: &Version) -> Option<String> {
    let Coordinate { group, artifact, version: name } = coordinate;
    let listing = Listing::of(version);
    let build = listing.build.filter(|_| version.status == Status::Published)?;
    let stamp = path::stamp(name, &build)?;
    let file = |kind: &Kind| {
        let classifier = if kind.classifier.is_empty() { String::new() } else { format!("-{}", kind.classifier) };
        format!("{artifact}-{build}{classifier}.{}", kind.extension)
    };
    // As the publisher names them: a file's name alone does not tell where a classifier with a point in it ends.
    let mut kinds: Vec<Kind> = listing.kinds.into_iter().filter(|kind| version.asset(&file(kind)).is_some()).collect();
    let named: Vec<String> = kinds.iter().map(file).collect();
    for asset in version.assets.iter().filter(|asset| !named.contains(&asset.name)) {
        if let Some((classifier, extension)) = path::kind(artifact, &build, &asset.name) {
            let classifier = classifier.unwrap_or_default().to_owned();
            kinds.push(Kind { classifier, extension: extension.to_owned() });
        }
    }
    kinds.sort();
    kinds.dedup();
    Some(document::of_snapshot(group, artifact, name, &build, stamp, &kinds))
}

/// The plugins that are published in a group, nearest first, and what public sources list.
fn group_of(group: &str, sources: &Sources) -> Option<String> {
    let mut plugins: BTreeMap<String, Plugin> = BTreeMap::new();
    for plugin in sources.repositories.iter().flat_map(|repository| plugins_in(repository, group)) {
        plugins.entry(plugin.prefix.clone()).or_insert(plugin);
    }
    for read in sources.documents.iter().filter_map(|document| Metadata::read(&document.bytes).ok()) {
        for plugin in read.plugins {
            plugins.entry(plugin.prefix.clone()).or_insert(plugin);
        }
    }
    let plugins: Vec<Plugin> = plugins.into_values().collect();
    (!plugins.is_empty()).then(|| document::of_group(&plugins))
}

fn plugins_in(repository: &Repository, group: &str) -> Vec<Plugin> {
    let packages = repository.packages().filter(|package| {
        package.key.format == PackageFormat::Maven
            && package.key.namespace == group
            // Cheap, and true of every plugin that Maven finds by a prefix; the POM decides.
            && package.about.name.contains("plugin")
    });
    let is_plugin = |version: &Version| {
        version.status == Status::Published && Listing::of(version).packaging.as_deref() == Some("maven-plugin")
    };
    packages
        .filter(|package| package.versions().any(|(_, version)| is_plugin(version)))
        .map(|package| {
            let artifact = package.about.name.clone();
            Plugin { name: artifact.clone(), prefix: prefix(&artifact), artifact }
        })
        .collect()
}

/// The prefix that Maven's plugin tools give an artifact that does not say one.
fn prefix(artifact: &str) -> String {
    if artifact == "maven-plugin-plugin" {
        return "plugin".to_owned();
    }
    let without = |text: &str, word: &str| {
        let mut text = text.to_owned();
        for spelled in [format!("-{word}-"), format!("-{word}"), format!("{word}-"), word.to_owned()] {
            text = text.replace(&spelled, "");
        }
        text
    };
    without(&without(artifact, "maven"), "plugin")
}

/// As metadata has it: the digits of a time.
fn date(millis: Millis) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second) = time.to_hms();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_plugins() {
        for (artifact, expected) in [
            ("maven-deploy-plugin", "deploy"),
            ("versions-maven-plugin", "versions"),
            ("maven-plugin-plugin", "plugin"),
            ("spring-boot-maven-plugin", "spring-boot"),
            ("thing-plugin", "thing"),
        ] {
            assert_eq!(prefix(artifact), expected);
        }
    }

    #[test]
    fn dates_have_digits_only() {
        assert_eq!(date(1_800_000_000_000), "20270115080000");
        assert_eq!(date(0), "19700101000000");
    }
}
