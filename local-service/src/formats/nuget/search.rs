//! Search and completion, over what is stored in the repository and its upstreams.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use codeartifact::PackageFormat;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::merge::{Shown, shown};
use crate::{
    formats::{Refusal, Sources, Visit},
    http::{Reply, answer},
    resolve::{Reach, reachable},
    state::PackageKey,
};

/// Results of one answer: the public registry's bound.
const TAKE: usize = 1_000;
const TAKE_DEFAULT: usize = 20;

/// What a search asks for.
struct Search {
    words: Vec<String>,
    skip: usize,
    take: usize,
    prerelease: bool,
    semver2: bool,
}

/// A package that is found: its listed versions that the client can use, oldest first.
struct Hit {
    id: String,
    versions: Vec<Shown>,
}

impl Search {
    fn read(visit: &Visit<'_>) -> Result<Self, Refusal> {
        let count = |name: &str, default: usize| match visit.query.get(name).filter(|text| !text.is_empty()) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Refusal::Invalid(format!("`{name}` must be a number from 0"))),
        };
        let query = visit.query.get("q").unwrap_or_default().to_lowercase();
        Ok(Self {
            words: query.split_whitespace().map(ToOwned::to_owned).collect(),
            skip: count("skip", 0)?,
            take: count("take", TAKE_DEFAULT)?.min(TAKE),
            prerelease: visit.query.get("prerelease").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            semver2: visit.query.get("semVerLevel").is_some_and(|level| level.starts_with('2')),
        })
    }

    fn usable(&self, shown: &Shown) -> bool {
        shown.listed && (self.prerelease || !shown.parsed.is_prerelease()) && (self.semver2 || !shown.semver2)
    }

    /// Every word must be somewhere in what the newest version says of itself.
    fn matches(&self, hit: &Hit) -> bool {
        let Some(newest) = hit.versions.last() else { return false };
        let listing = &newest.listing;
        let texts = [&listing.title, &listing.description, &listing.authors];
        let tags = listing.tags.iter();
        let said: Vec<String> =
            texts.into_iter().flatten().chain(tags).map(|text| text.to_lowercase()).chain([hit.id.clone()]).collect();
        self.words.iter().all(|word| {
            let exact = word.strip_prefix("packageid:").or_else(|| word.strip_prefix("id:"));
            exact.map_or_else(|| said.iter().any(|text| text.contains(word)), |id| hit.id == id)
        })
    }

    /// The packages of these, the best first: the one of this very name, those that begin with it, the others.
    fn page<'a>(&self, hits: &'a mut [Hit]) -> impl Iterator<Item = &'a Hit> {
        let whole = self.words.join(" ");
        hits.sort_by_cached_key(|hit| (hit.id != whole, !hit.id.starts_with(&whole), hit.id.clone()));
        hits.iter().skip(self.skip).take(self.take)
    }
}

/// All packages with a version that the search can show.
fn hits(visit: &Visit<'_>, search: &Search, wanted: impl Fn(&Hit) -> bool) -> Result<Vec<Hit>, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let keys: BTreeSet<PackageKey> = reachable(domain, first)
        .iter()
        .flat_map(|repository| repository.packages())
        .map(|package| package.key.clone())
        .filter(|key| key.format == PackageFormat::Nuget)
        .collect();
    let found = keys.into_iter().filter_map(|key| {
        let packages: Vec<Arc<_>> = Reach::new(domain, first, &key, key.name()).packages().cloned().collect();
        let mut versions = shown(&Sources { packages, ..Sources::default() });
        versions.retain(|shown| search.usable(shown));
        let hit = Hit { id: key.name().to_owned(), versions };
        (!hit.versions.is_empty() && wanted(&hit)).then_some(hit)
    });
    Ok(found.collect())
}

pub(super) fn search(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let search = Search::read(visit)?;
    let kind = visit.query.get("packageType").filter(|kind| !kind.is_empty());
    let mut hits = hits(visit, &search, |hit| search.matches(hit) && kind.is_none_or(|kind| has_type(hit, kind)))?;
    let total = hits.len();
    let data: Vec<Value> = search.page(&mut hits).filter_map(|hit| result(visit, hit)).collect();
    Ok(answer::json(StatusCode::OK, &json!({ "totalHits": total, "data": data })))
}

/// A package without types is a dependency.
fn types(shown: &Shown) -> Vec<&str> {
    let named: Vec<&str> = shown.listing.package_types.iter().map(String::as_str).collect();
    if named.is_empty() { vec!["Dependency"] } else { named }
}

fn has_type(hit: &Hit, kind: &str) -> bool {
    hit.versions.last().is_some_and(|newest| types(newest).iter().any(|name| name.eq_ignore_ascii_case(kind)))
}

fn result(visit: &Visit<'_>, hit: &Hit) -> Option<Value> {
    let newest = hit.versions.last()?;
    let listing = &newest.listing;
    let folder = format!("{}/v3/registration4/{}", visit.base_url, hit.id);
    let versions: Vec<Value> = hit
        .versions
        .iter()
        .map(|shown| {
            let leaf = format!("{folder}/{}.json", shown.version);
            json!({ "@id": leaf, "version": shown.listing.version, "downloads": 0 })
        })
        .collect();
    let kinds: Vec<Value> = types(newest).iter().map(|name| json!({ "name": name })).collect();
    let mut result = json!({
        "@id": format!("{folder}/index.json"),
        "@type": "Package",
        "registration": format!("{folder}/index.json"),
        "id": listing.id,
        "version": listing.version,
        "description": listing.description.as_deref().unwrap_or_default(),
        "summary": listing.summary.as_deref().unwrap_or_default(),
        "title": listing.title.as_deref().unwrap_or(&listing.id),
        "tags": listing.tags,
        "authors": listing.authors.iter().collect::<Vec<_>>(),
        "totalDownloads": 0,
        "verified": false,
        "packageTypes": kinds,
        "versions": versions,
    });
    for (name, value) in
        [("projectUrl", &listing.project_url), ("licenseUrl", &listing.license_url), ("iconUrl", &listing.icon_url)]
    {
        if let Some(value) = value {
            result[name] = json!(value);
        }
    }
    Some(result)
}

/// The ids that a text occurs in, or the versions of one id.
pub(super) fn autocomplete(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let search = Search::read(visit)?;
    let answer = if let Some(id) = visit.query.get("id") {
        let id = id.to_lowercase();
        let found = hits(visit, &search, |hit| hit.id == id)?;
        let versions: Vec<&str> =
            found.iter().flat_map(|hit| &hit.versions).map(|shown| shown.version.as_str()).collect();
        json!({ "data": versions })
    } else {
        let mut found = hits(visit, &search, |hit| search.words.iter().all(|word| hit.id.contains(word)))?;
        let total = found.len();
        let spelled: BTreeMap<String, String> =
            found.iter().filter_map(|hit| Some((hit.id.clone(), hit.versions.last()?.listing.id.clone()))).collect();
        let ids: Vec<&String> = search.page(&mut found).filter_map(|hit| spelled.get(&hit.id)).collect();
        json!({ "totalHits": total, "data": ids })
    };
    Ok(answer::json(StatusCode::OK, &answer))
}
