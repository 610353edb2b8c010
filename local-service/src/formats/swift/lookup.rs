//! Which packages belong to a repository of sources.

use std::collections::BTreeSet;

use codeartifact::PackageFormat;
use hyper::StatusCode;
use serde_json::json;

use super::listing::Listing;
use crate::{
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{Reply, answer},
    resolve::{Reach, reachable},
    state::Status,
};

/// The packages whose metadata names this URL, by any published release.
pub(super) fn identifiers(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let url = visit.query.get("url").filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| Refusal::Invalid("the parameter `url` is missing".to_owned()))?;
    let wanted = normal(url);
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let keys: BTreeSet<_> = reachable(domain, first)
        .iter()
        .flat_map(|repository| repository.packages())
        .filter(|package| package.key.format == PackageFormat::Swift)
        .map(|package| &package.key)
        .collect();
    let mut found = Vec::new();
    for key in keys {
        let reach = Reach::new(domain, first, key, key.name());
        let names_it = reach.packages().flat_map(|package| package.versions()).any(|(_, version)| {
            version.status == Status::Published
                && Listing::of(&version.listing).repository_urls().any(|url| normal(url) == wanted)
        });
        if names_it {
            found.push(format!("{}.{}", key.namespace, key.name()));
        }
    }
    if found.is_empty() {
        return Err(Failure::not_found(ResourceKind::Package, url).into());
    }
    Ok(answer::json(StatusCode::OK, &json!({ "identifiers": found })))
}

/// The same repository has many spellings.
fn normal(url: &str) -> String {
    let url = url.trim().to_ascii_lowercase();
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url).to_owned()
}
