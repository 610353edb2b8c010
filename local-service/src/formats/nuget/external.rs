//! Packages of a public source: what its own service index leads to.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use codeartifact::PackageFormat;
use serde_json::Value;

use super::{
    nuspec::{self, Group, Listing, Needed, Nuspec, tags},
    publish::asset_name,
};
use crate::{
    assets::{Expected, Hex},
    external::{Document, ExternalError, Fetch, Wanted},
    formats::{Refusal, Visit},
    resolve::Source,
    state::{NewVersion, PackageKey, VersionKey},
};

/// Bytes of a service index, of a list of versions, of an entry of the catalog.
const SMALL: u64 = 4 << 20;
/// Bytes of a registration, and of each of its pages.
const REGISTRATION: u64 = 64 << 20;
/// Pages of a registration: more versions than any package has.
const PAGES: usize = 400;
const JSON: &str = "application/json";

/// Registrations by what they hold: those with all versions first.
const REGISTRATIONS: [&str; 6] = [
    "RegistrationsBaseUrl/3.6.0",
    "RegistrationsBaseUrl/Versioned",
    "RegistrationsBaseUrl/3.4.0",
    "RegistrationsBaseUrl/3.0.0-rc",
    "RegistrationsBaseUrl/3.0.0-beta",
    "RegistrationsBaseUrl",
];
const BASE_ADDRESS: [&str; 1] = ["PackageBaseAddress/3.0.0"];

type Asked = Result<Option<Arc<Document>>, ExternalError>;

async fn ask(visit: &Visit<'_>, source: &Source, link: String, accept: &'static str, limit: u64) -> Asked {
    let wanted = Wanted { link, accept, limit };
    visit.service.external.document(&visit.service.counters, source.connection, &wanted).await
}

/// The address of a resource that the source has, with a slash at its end.
async fn resource(visit: &Visit<'_>, source: &Source, types: &[&str]) -> Result<Option<String>, ExternalError> {
    let link = visit.service.external.service_index(source.connection).await?;
    let Some(index) = ask(visit, source, link, JSON, SMALL).await? else { return Ok(None) };
    let parsed: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    let resources = parsed["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let address = |kind: &&str| {
        let found = resources.iter().find(|resource| has_type(&resource["@type"], kind));
        found.and_then(|resource| resource["@id"].as_str())
    };
    let Some(address) = types.iter().find_map(address) else { return Ok(None) };
    Ok(Some(format!("{}/", index.link(address)?.trim_end_matches('/'))))
}

/// One type, or several.
fn has_type(value: &Value, wanted: &str) -> bool {
    value.as_str() == Some(wanted)
        || value.as_array().is_some_and(|types| types.iter().any(|name| name.as_str() == Some(wanted)))
}

/// The list of a package's versions; `None` if the source has none.
pub(super) async fn versions(visit: &Visit<'_>, source: &Source, id: &str) -> Asked {
    let Some(base) = resource(visit, source, &BASE_ADDRESS).await? else { return Ok(None) };
    ask(visit, source, format!("{base}{id}/index.json"), JSON, SMALL).await
}

/// The versions in such a list.
pub(super) fn read_versions(document: &Document) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Versions {
        versions: Vec<String>,
    }
    serde_json::from_slice::<Versions>(&document.bytes).map(|list| list.versions).unwrap_or_default()
}

/// A version's nuspec.
pub(super) async fn nuspec(visit: &Visit<'_>, source: &Source, id: &str, version: &str) -> Asked {
    let Some(base) = resource(visit, source, &BASE_ADDRESS).await? else { return Ok(None) };
    ask(visit, source, format!("{base}{id}/{version}/{id}.nuspec"), "application/xml, */*", nuspec::SIZE).await
}

/// A package's registration: its index, and the pages that are not in it. Empty if the source has none.
pub(super) async fn registration(
    visit: &Visit<'_>,
    source: &Source,
    id: &str,
) -> Result<Vec<Arc<Document>>, ExternalError> {
    let Some(base) = resource(visit, source, &REGISTRATIONS).await? else { return Ok(Vec::new()) };
    let Some(index) = ask(visit, source, format!("{base}{id}/index.json"), JSON, REGISTRATION).await? else {
        return Ok(Vec::new());
    };
    let links = pages_elsewhere(&index)?;
    let mut documents = vec![index];
    for link in links.into_iter().take(PAGES) {
        documents.extend(ask(visit, source, link, JSON, REGISTRATION).await?);
    }
    Ok(documents)
}

fn pages_elsewhere(index: &Document) -> Result<Vec<String>, ExternalError> {
    let parsed: Value = serde_json::from_slice(&index.bytes).unwrap_or_default();
    let pages = parsed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let elsewhere = pages.iter().filter(|page| !page["items"].is_array());
    elsewhere.filter_map(|page| page["@id"].as_str()).map(|link| index.link(link)).collect()
}

/// The versions in a registration's index or page; what is none is passed over.
pub(super) fn read(document: &Document) -> Vec<Listing> {
    entries(document).iter().filter_map(listing).collect()
}

fn entries(document: &Document) -> Vec<Value> {
    let mut parsed: Value = serde_json::from_slice(&document.bytes).unwrap_or_default();
    let mut items = take_items(&mut parsed);
    // An index has pages, and a page has leaves.
    if items.iter().any(|item| item["items"].is_array()) {
        items = items.iter_mut().flat_map(take_items).collect();
    }
    items.into_iter().map(|mut leaf| leaf["catalogEntry"].take()).filter(Value::is_object).collect()
}

fn take_items(node: &mut Value) -> Vec<Value> {
    match node.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn listing(entry: &Value) -> Option<Listing> {
    let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    // Text, or a list of texts: sources differ.
    let texts = |name: &str| match &entry[name] {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        Value::String(text) => tags(text),
        _ => Vec::new(),
    };
    let published = text("published");
    // An unlisted version is dated to 1900 in old registrations.
    let dated_away = published.as_deref().is_some_and(|date| date.starts_with("1900"));
    let groups = entry["dependencyGroups"].as_array().map(Vec::as_slice).unwrap_or_default();
    Some(Listing {
        id: text("id").filter(|id| nuspec::is_id(id))?,
        version: text("version")?,
        title: text("title"),
        authors: text("authors").or_else(|| Some(texts("authors").join(", ")).filter(|authors| !authors.is_empty())),
        description: text("description"),
        summary: text("summary"),
        language: text("language"),
        tags: texts("tags"),
        project_url: text("projectUrl"),
        repository_url: None,
        license_expression: text("licenseExpression"),
        license_url: text("licenseUrl"),
        icon_url: text("iconUrl"),
        min_client_version: text("minClientVersion"),
        require_license_acceptance: entry["requireLicenseAcceptance"].as_bool().unwrap_or_default(),
        package_types: Vec::new(),
        groups: groups.iter().map(group).collect(),
        unlisted: entry["listed"].as_bool() == Some(false) || dated_away,
        published,
    })
}

fn group(group: &Value) -> Group {
    let dependencies = group["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let needed = |dependency: &Value| {
        let range = dependency["range"].as_str().unwrap_or_default().to_owned();
        let id = dependency["id"].as_str().filter(|id| nuspec::is_id(id))?;
        Some(Needed { id: id.to_owned(), range })
    };
    let framework = group["targetFramework"].as_str().filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    Group { framework, dependencies: dependencies.iter().filter_map(needed).collect() }
}

/// What is to be fetched for a version, if a source has it.
pub(super) async fn find(
    visit: &Visit<'_>,
    source: &Source,
    package: &PackageKey,
    version: &str,
) -> Result<Option<Fetch>, Refusal> {
    let id = package.name();
    let Some(list) = versions(visit, source, id).await? else { return Ok(None) };
    let wanted = VersionKey::new(PackageFormat::Nuget, version);
    let is_wanted = |version: &str| VersionKey::new(PackageFormat::Nuget, version) == wanted;
    if !read_versions(&list).iter().any(|version| is_wanted(version)) {
        return Ok(None);
    }
    let version = wanted.as_str();
    let Some(base) = resource(visit, source, &BASE_ADDRESS).await? else { return Ok(None) };
    let documents = registration(visit, source, id).await?;
    let entry = documents.iter().find_map(|document| {
        let entry = entries(document).into_iter().find(|entry| entry["version"].as_str().is_some_and(is_wanted))?;
        Some((Arc::clone(document), entry))
    });
    let expected = match &entry {
        Some((document, entry)) => announced(visit, source, document, entry).await?,
        None => Expected::default(),
    };
    let listed =
        entry.as_ref().and_then(|(_, entry)| listing(entry)).filter(|listed| listed.id.eq_ignore_ascii_case(id));
    let described = nuspec(visit, source, id, version).await?;
    let described = described.and_then(|document| Nuspec::read(&document.bytes).ok());
    let described = described.filter(|nuspec| nuspec.listing.id.eq_ignore_ascii_case(id));
    let new = new_version(package, version, described, listed);
    Ok(Some(Fetch {
        source: source.clone(),
        link: format!("{base}{id}/{version}/{}", asset_name(id, version)),
        asset: asset_name(id, version),
        expected,
        new,
        merge: |stored, _| stored.into(),
    }))
}

/// The nuspec says what the package is, the registration when it was published and whether it is listed.
fn new_version(package: &PackageKey, version: &str, described: Option<Nuspec>, listed: Option<Listing>) -> NewVersion {
    let about = described.as_ref().map(Nuspec::about).or_else(|| listed.as_ref().map(|listed| listed.about(None)));
    let (published, unlisted) =
        listed.as_ref().map(|listed| (listed.published.clone(), listed.unlisted)).unwrap_or_default();
    let plain = || Listing { id: package.name().to_owned(), version: version.to_owned(), ..Listing::default() };
    let listing = described.map(|nuspec| nuspec.listing).or(listed).unwrap_or_else(plain);
    let listing = Listing { published, unlisted, ..listing };
    NewVersion {
        display_name: Some(listing.id.clone()).filter(|id| id != package.name()),
        about: about.unwrap_or_default(),
        listing: listing.to_json(),
        ..NewVersion::new(package.clone(), package.name(), version)
    }
}

/// The digest that the source announces: in the registration's entry, or in the catalog's that it names.
async fn announced(
    visit: &Visit<'_>,
    source: &Source,
    document: &Document,
    entry: &Value,
) -> Result<Expected, ExternalError> {
    if let Some(expected) = hash(entry) {
        return Ok(expected);
    }
    let Some(link) = entry["@id"].as_str().filter(|link| !link.is_empty()) else { return Ok(Expected::default()) };
    let catalog = ask(visit, source, document.link(link)?, JSON, SMALL).await?;
    let details: Value = catalog.and_then(|details| serde_json::from_slice(&details.bytes).ok()).unwrap_or_default();
    Ok(hash(&details).unwrap_or_default())
}

fn hash(details: &Value) -> Option<Expected> {
    let bytes = STANDARD.decode(details["packageHash"].as_str()?).ok()?;
    let algorithm = details["packageHashAlgorithm"].as_str().unwrap_or("SHA512");
    let none = Expected::default();
    if algorithm.eq_ignore_ascii_case("SHA512") {
        Some(Expected { sha512: Some(Hex::from_bytes(&bytes)?), ..none })
    } else if algorithm.eq_ignore_ascii_case("SHA256") {
        Some(Expected { sha256: Some(Hex::from_bytes(&bytes)?), ..none })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_of_all_sources_are_read() {
        let entry = json!({
            "id": "Acme.Text", "version": "1.0.0+b", "published": "2020-01-02T03:04:05Z", "tags": ["a", "b"],
            "authors": ["A", "B"], "description": "", "listed": false,
            "dependencyGroups": [
                { "targetFramework": "net8.0", "dependencies": [{ "id": "Core", "range": "[1.0, )" }, { "id": "../x" }] },
                {},
            ],
        });
        let listing = listing(&entry).unwrap();
        assert_eq!((listing.authors.as_deref(), listing.description.as_deref()), (Some("A, B"), None));
        assert_eq!((listing.tags.len(), listing.unlisted, listing.groups.len()), (2, true, 2));
        assert_eq!(listing.groups[0].dependencies.len(), 1, "no id is a path");
        let old = json!({ "id": "a", "version": "1.0.0", "published": "1900-01-01T00:00:00+00:00", "tags": "x y" });
        let old = super::listing(&old).unwrap();
        assert!(old.unlisted && old.tags.len() == 2);
        for bad in [json!({}), json!({ "id": "a" }), json!({ "id": "a/b", "version": "1.0.0" }), json!("x")] {
            assert!(super::listing(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn hashes() {
        let hash = |algorithm: &str, bytes: &[u8]| {
            hash(&json!({ "packageHash": STANDARD.encode(bytes), "packageHashAlgorithm": algorithm }))
        };
        assert!(hash("SHA512", &[1; 64]).unwrap().sha512.is_some());
        assert!(hash("sha256", &[1; 32]).unwrap().sha256.is_some());
        assert!(hash("SHA512", &[1; 32]).is_none() && hash("MD5", &[1; 16]).is_none());
        assert!(super::hash(&json!({})).is_none());
    }
}
