//! The compact index over all gems that a repository reaches: `versions` and `names`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use codeartifact::PackageFormat;
use md5::{Digest as _, Md5};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    external,
    listing::{self, build_name, may_grow, nearest},
};
use crate::{
    assets::Hex,
    external::Document,
    failure::Failure,
    formats::{Refusal, Sources, Visit, prepared::Prepared},
    resolve::{Reach, Source, reachable},
    state::{Domain, Millis, Package, PackageKey, Repository},
};

/// MD5 in lowercase hexadecimal: how clients compare the files of a compact index.
pub(super) fn md5(bytes: &[u8]) -> String {
    let digest: Hex<16> = Hex::from_bytes(&Md5::digest(bytes)).expect("an MD5 has 16 bytes");
    digest.to_string()
}

/// All gems of a domain that a repository reaches.
type Gems = BTreeMap<String, Sources>;

/// `versions` or `names`, prepared.
///
/// It is made anew when anything in the domain has changed, or the public source's own file has been asked for again:
/// what the source says of one gem counts until then.
async fn prepared(
    visit: &Visit<'_>,
    file: &'static str,
    render: fn(&Gems, &[Arc<Document>], Millis) -> Vec<u8>,
) -> Result<Prepared, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let mut documents = Vec::new();
    for repository in reachable(domain, first) {
        let connection = repository.about.connection.filter(|connection| connection.format() == PackageFormat::Ruby);
        let source = connection.map(|connection| Source { connection, repository: repository.name.clone() });
        if let Some(source) = source {
            // A source that is down has nothing; what is stored here is served all the same.
            documents.extend(external::index(visit, &source, file).await.ok().flatten());
        }
    }
    let sources = Sources { domains: vec![Arc::clone(domain)], documents, ..Sources::default() };
    // No gem has such a name.
    let what = format!("/{file}");
    let cache = &visit.service.prepared;
    if let Some(found) = cache.find(&visit.repository, PackageFormat::Ruby, &what, &sources) {
        return Ok(found);
    }
    let gems = gems(visit, domain, first, (file, !sources.documents.is_empty())).await;
    let created = first.about.created;
    let render = move |sources: &Sources| Some(render(&gems, &sources.documents, created));
    let made = cache.prepared(&visit.repository, PackageFormat::Ruby, &what, sources, render).await;
    Ok(made.ok_or_else(|| Failure::internal("there is an index of nothing, too"))?)
}

/// The gems that are to have a line of their own: those that a public source has not, or has otherwise.
async fn gems(visit: &Visit<'_>, domain: &Domain, first: &Arc<Repository>, (file, listed): (&str, bool)) -> Gems {
    let mut gems = Gems::new();
    let repositories = reachable(domain, first);
    let packages = repositories.iter().flat_map(|repository| repository.packages());
    for package in packages.filter(|package| package.key.format == PackageFormat::Ruby) {
        let name = &package.about.name;
        if gems.contains_key(name) {
            continue;
        }
        let key = PackageKey::new(PackageFormat::Ruby, "", name);
        let reach = Reach::new(domain, first, &key, name);
        let packages: Vec<Arc<Package>> = reach.packages().cloned().collect();
        let sources = if file == "versions" { reach.sources() } else { Vec::new() };
        if listed && !sources.is_empty() && nearest(&packages).values().all(|version| may_grow(version)) {
            // As the source says it.
            continue;
        }
        let mut documents = Vec::new();
        for source in &sources {
            documents.extend(external::info(visit, source, name).await.ok().flatten());
        }
        gems.insert(name.clone(), Sources { packages, documents, ..Sources::default() });
    }
    gems
}

/// `versions`: a line for each gem, with the digest of its `info` file. A public source's file comes first, as it is;
/// lines for what it does not know, or not so, come after, and count more.
pub(super) async fn versions(visit: &Visit<'_>) -> Result<Prepared, Refusal> {
    prepared(visit, "versions", |gems, documents, created| {
        let mut versions = header(documents, created);
        for document in documents.iter().skip(1) {
            // One header is enough.
            let body = match find(&document.bytes, b"\n---\n") {
                Some(at) => &document.bytes[at + 5..],
                None => &document.bytes,
            };
            versions.extend_from_slice(body);
            end_line(&mut versions);
        }
        for (name, sources) in gems {
            let Some(info) = listing::info(name, sources) else { continue };
            let listed = listing::listed(name, sources);
            let builds: Vec<String> =
                listed.iter().map(|listed| build_name(&listed.version, &listed.platform)).collect();
            versions.extend_from_slice(format!("{name} {} {}\n", builds.join(","), md5(&info)).as_bytes());
        }
        versions
    })
    .await
}

fn header(documents: &[Arc<Document>], created: Millis) -> Vec<u8> {
    if let Some(document) = documents.first() {
        let mut bytes = document.bytes.to_vec();
        end_line(&mut bytes);
        return bytes;
    }
    // The same as long as the repository is: a client must be able to go on from what it has.
    let created = OffsetDateTime::from_unix_timestamp_nanos(i128::from(created) * 1_000_000);
    let created = created.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
    format!("created_at: {created}\n---\n").into_bytes()
}

/// `names`: all of them, in order.
pub(super) async fn names(visit: &Visit<'_>) -> Result<Prepared, Refusal> {
    prepared(visit, "names", |gems, documents, _| {
        let stored = |sources: &Sources| Sources { packages: sources.packages.clone(), ..Sources::default() };
        let own = gems.iter().filter(|(name, sources)| !listing::listed(name, &stored(sources)).is_empty());
        let mut names: BTreeSet<&str> = own.map(|(name, _)| name.as_str()).collect();
        for document in documents {
            let lines = std::str::from_utf8(&document.bytes).unwrap_or_default().lines();
            names.extend(lines.filter(|line| super::specification::is_name(line) && *line != "---"));
        }
        let mut file = "---\n".to_owned();
        for name in names {
            file.push_str(name);
            file.push('\n');
        }
        file.into_bytes()
    })
    .await
}

fn end_line(bytes: &mut Vec<u8>) {
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
