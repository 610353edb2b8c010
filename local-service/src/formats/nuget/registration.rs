//! Registrations: everything about all versions of a package, in pages that are all in the index.

use codeartifact::PackageFormat;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    Hive, content, external, key,
    merge::{Shown, shown},
    version::range,
};
use crate::{
    failure::{Failure, ResourceKind},
    formats::{Refusal, Sources, Visit},
    http::{Reply, answer},
    state::VersionKey,
};

/// Versions of a page: what the public registry has.
const PAGE: usize = 64;
const JSON: &str = "application/json";

/// Where things are, as this client knows it.
struct Links<'a> {
    base: &'a str,
    hive: Hive,
    /// Lowercase.
    id: &'a str,
}

impl Links<'_> {
    fn index(&self) -> String {
        format!("{}/v3/{}/{}/index.json", self.base, self.hive.folder(), self.id)
    }

    fn leaf(&self, version: &str) -> String {
        format!("{}/v3/{}/{}/{version}.json", self.base, self.hive.folder(), self.id)
    }

    fn package(&self, version: &str) -> String {
        let Self { base, id, .. } = self;
        format!("{base}/v3/flatcontainer/{id}/{version}/{id}.{version}.nupkg")
    }
}

/// The registration index.
pub(super) async fn index(visit: &Visit<'_>, hive: Hive, id: &str) -> Result<Reply, Refusal> {
    let package = key(id)?;
    let id = id.to_lowercase();
    let sources = sources(visit, &id).await?;
    // The links in it are the client's: another name of this machine makes another document.
    let what = format!("{}\0{id}\0{}", hive.folder(), visit.base_url);
    let base = visit.base_url.clone();
    let prepared = visit
        .service
        .prepared
        .prepared(&visit.repository, PackageFormat::Nuget, &what, sources, move |sources| {
            let links = Links { base: &base, hive, id: &id };
            Some(render(&links, &visible(sources, hive))?.to_string().into_bytes())
        })
        .await
        .ok_or_else(|| Failure::not_found(ResourceKind::Package, package.path()))?;
    Ok(prepared.reply(visit.headers, JSON).await)
}

/// One version.
pub(super) async fn leaf(visit: &Visit<'_>, hive: Hive, id: &str, version: &str) -> Result<Reply, Refusal> {
    key(id)?;
    let id = id.to_lowercase();
    let sources = sources(visit, &id).await?;
    let wanted = VersionKey::new(PackageFormat::Nuget, version);
    let found = visible(&sources, hive).into_iter().find(|shown| shown.version == wanted.as_str());
    let shown = found.ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, version))?;
    let links = Links { base: &visit.base_url, hive, id: &id };
    let mut leaf = leaf_of(&links, &shown);
    leaf["listed"] = json!(shown.listed);
    leaf["published"] = json!(shown.published);
    Ok(answer::json(StatusCode::OK, &leaf))
}

/// What a registration of this package is made of.
async fn sources(visit: &Visit<'_>, id: &str) -> Result<Sources, Refusal> {
    let package = key(id)?;
    let state = visit.service.journal.snapshot();
    let (packages, public) = content::reach(visit, &state, &package, id)?;
    let mut documents = Vec::new();
    for source in public {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(external::registration(visit, &source, id).await.unwrap_or_default());
    }
    Ok(Sources { packages, documents, ..Sources::default() })
}

fn visible(sources: &Sources, hive: Hive) -> Vec<Shown> {
    let mut versions = shown(sources);
    versions.retain(|shown| hive == Hive::SemVer2 || !shown.semver2);
    versions
}

fn render(links: &Links<'_>, versions: &[Shown]) -> Option<Value> {
    let index = links.index();
    let pages: Vec<Value> = versions
        .chunks(PAGE)
        .filter_map(|page| {
            let (lower, upper) = (&page.first()?.version, &page.last()?.version);
            let items: Vec<Value> = page.iter().map(|shown| leaf_of(links, shown)).collect();
            Some(json!({
                "@id": format!("{index}#page/{lower}/{upper}"),
                "@type": "catalog:CatalogPage",
                "count": items.len(),
                "items": items,
                "lower": lower,
                "upper": upper,
                "parent": index,
            }))
        })
        .collect();
    let kinds = ["catalog:CatalogRoot", "PackageRegistration", "catalog:Permalink"];
    (!pages.is_empty()).then(|| json!({ "@id": index, "@type": kinds, "count": pages.len(), "items": pages }))
}

fn leaf_of(links: &Links<'_>, shown: &Shown) -> Value {
    let (leaf, package) = (links.leaf(&shown.version), links.package(&shown.version));
    json!({
        "@id": leaf,
        "@type": "Package",
        "catalogEntry": entry(links, shown),
        "packageContent": package,
        "registration": links.index(),
    })
}

fn entry(links: &Links<'_>, shown: &Shown) -> Value {
    let listing = &shown.listing;
    let groups: Vec<Value> = listing
        .groups
        .iter()
        .map(|group| {
            let needed = group.dependencies.iter().map(|needed| {
                let base = Links { id: &needed.id.to_lowercase(), ..*links }.index();
                json!({ "@type": "PackageDependency", "id": needed.id, "range": range(&needed.range), "registration": base })
            });
            let mut object = json!({ "@type": "PackageDependencyGroup" });
            if let Some(framework) = &group.framework {
                object["targetFramework"] = json!(framework);
            }
            if !group.dependencies.is_empty() {
                object["dependencies"] = needed.collect();
            }
            object
        })
        .collect();
    let mut entry = json!({
        "@id": links.leaf(&shown.version),
        "@type": "PackageDetails",
        "id": listing.id,
        "version": listing.version,
        "listed": shown.listed,
        "published": shown.published,
        "packageContent": links.package(&shown.version),
        "requireLicenseAcceptance": listing.require_license_acceptance,
        "tags": listing.tags,
    });
    for (name, value) in [
        ("authors", &listing.authors),
        ("description", &listing.description),
        ("iconUrl", &listing.icon_url),
        ("language", &listing.language),
        ("licenseExpression", &listing.license_expression),
        ("licenseUrl", &listing.license_url),
        ("minClientVersion", &listing.min_client_version),
        ("projectUrl", &listing.project_url),
        ("summary", &listing.summary),
        ("title", &listing.title),
    ] {
        if let Some(value) = value {
            entry[name] = json!(value);
        }
    }
    if !groups.is_empty() {
        entry["dependencyGroups"] = json!(groups);
    }
    entry
}
