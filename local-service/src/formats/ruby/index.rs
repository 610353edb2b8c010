//! The compact index over all gems that a repository reaches: `versions` and `names`.

use std::{collections::BTreeMap, sync::Arc};

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
    formats::{Refusal, Sources, Visit},
    resolve::{Reach, Source, reachable},
    state::{Package, PackageKey},
};

/// MD5 in lowercase hexadecimal: how clients compare the files of a compact index.
pub(super) fn md5(bytes: &[u8]) -> String {
    let digest: Hex<16> = Hex::from_bytes(&Md5::digest(bytes)).expect("an MD5 has 16 bytes");
    digest.to_string()
}

/// Stored packages by name with what is looked at for each, and the public sources' own file.
struct Everything {
    gems: BTreeMap<String, (Vec<Arc<Package>>, Vec<Source>)>,
    documents: Vec<Arc<Document>>,
}

async fn everything(visit: &Visit<'_>, file: &str) -> Result<Everything, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let mut gems = BTreeMap::new();
    let mut sources = Vec::new();
    for repository in reachable(domain, first) {
        let connection = repository.about.connection.filter(|connection| connection.format() == PackageFormat::Ruby);
        sources.extend(connection.map(|connection| Source { connection, repository: repository.name.clone() }));
        for package in repository.packages().filter(|package| package.key.format == PackageFormat::Ruby) {
            let name = &package.about.name;
            if !gems.contains_key(name) {
                let key = PackageKey::new(PackageFormat::Ruby, "", name);
                let reach = Reach::new(domain, first, &key, name);
                gems.insert(name.clone(), (reach.packages().cloned().collect(), reach.sources()));
            }
        }
    }
    let mut documents = Vec::new();
    for source in sources {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(external::index(visit, &source, file).await.ok().flatten());
    }
    Ok(Everything { gems, documents })
}

/// `versions`: a line for each gem, with the digest of its `info` file. A public source's file comes first, as it is;
/// lines for what it does not know, or not so, come after, and count more.
pub(super) async fn versions(visit: &Visit<'_>) -> Result<Vec<u8>, Refusal> {
    let Everything { gems, documents } = everything(visit, "versions").await?;
    let mut versions = header(visit, &documents)?;
    for document in documents.iter().skip(1) {
        // One header is enough.
        let body = match find(&document.bytes, b"\n---\n") {
            Some(at) => &document.bytes[at + 5..],
            None => &document.bytes,
        };
        versions.extend_from_slice(body);
        end_line(&mut versions);
    }
    for (name, (packages, sources)) in gems {
        let nearest = nearest(&packages);
        if !sources.is_empty() && !documents.is_empty() && nearest.values().all(|version| may_grow(version)) {
            // As the source says it.
            continue;
        }
        let mut infos = Vec::new();
        for source in &sources {
            infos.extend(external::info(visit, source, &name).await.ok().flatten());
        }
        let sources = Sources { packages, documents: infos, ..Sources::default() };
        let Some(info) = listing::info(&name, &sources) else { continue };
        let listed = listing::listed(&name, &sources);
        let builds: Vec<String> = listed.iter().map(|listed| build_name(&listed.version, &listed.platform)).collect();
        versions.extend_from_slice(format!("{name} {} {}\n", builds.join(","), md5(&info)).as_bytes());
    }
    Ok(versions)
}

fn header(visit: &Visit<'_>, documents: &[Arc<Document>]) -> Result<Vec<u8>, Refusal> {
    if let Some(document) = documents.first() {
        let mut bytes = document.bytes.to_vec();
        end_line(&mut bytes);
        return Ok(bytes);
    }
    let state = visit.service.journal.snapshot();
    let (_, repository) = state.repository(&visit.repository)?;
    // The same as long as the repository is: a client must be able to go on from what it has.
    let created = OffsetDateTime::from_unix_timestamp_nanos(i128::from(repository.about.created) * 1_000_000);
    let created = created.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
    Ok(format!("created_at: {created}\n---\n").into_bytes())
}

/// `names`: all of them, in order.
pub(super) async fn names(visit: &Visit<'_>) -> Result<Vec<u8>, Refusal> {
    let Everything { gems, documents } = everything(visit, "names").await?;
    let mut names: std::collections::BTreeSet<String> = gems
        .into_iter()
        .filter(|(name, (packages, _))| {
            let sources = Sources { packages: packages.clone(), ..Sources::default() };
            !listing::listed(name, &sources).is_empty()
        })
        .map(|(name, _)| name)
        .collect();
    for document in &documents {
        let text = String::from_utf8_lossy(&document.bytes);
        names.extend(
            text.lines().filter(|line| super::specification::is_name(line) && *line != "---").map(ToOwned::to_owned),
        );
    }
    let mut file = "---\n".to_owned();
    for name in names {
        file.push_str(&name);
        file.push('\n');
    }
    Ok(file.into_bytes())
}

fn end_line(bytes: &mut Vec<u8>) {
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
