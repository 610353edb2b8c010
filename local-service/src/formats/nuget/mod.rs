//! NuGet feeds, protocol version 3: the service index, packages, registrations, search, pushing.
//!
//! What the service documents, and what is chosen here where it is silent:
//!
//! - The service index names everything else, so all other paths are a choice. Registrations are at `registration4`
//!   (the one path of the service that has been seen), with semantic versions 2.0.0 and packed if the client asks for
//!   that; `registration` is the same for clients that know neither.
//! - Versions have NuGet's normal form, lowercase: three or four numbers without leading zeros, no build metadata. The
//!   API takes them in any form. Names are lowercase; the author's spelling is what registrations show.
//! - A package is read when it is pushed: its nuspec must be there and valid, and say the same as nothing else. A
//!   readme is kept if the nuspec names one. Signatures are neither asked for nor checked.
//! - The same package again is accepted, other bytes under its version are a conflict, as for every format here.
//! - `Unlisted` is `listed: false`, and stays downloadable; `Archived` and `Disposed` are not there. A client cannot
//!   unlist or delete (405): the service documents no permission for it.
//! - Search looks at what is stored in the repository and its upstreams, and asks no public source.
//! - Versions of a public source are described as its registration says; their packages are checked against the hash
//!   in its catalog, where it has one.
//! - Not served: version 2 of the protocol, symbol packages, `packages.config` search by type.

mod content;
mod external;
mod merge;
mod nuspec;
mod publish;
mod registration;
mod search;
mod version;

use codeartifact::PackageFormat;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Dependency, Refusal, Subject, Visit};
use crate::{
    http::{Reply, answer},
    state::PackageKey,
};

/// What a request asks for.
enum Ask<'a> {
    Index,
    Versions { id: &'a str },
    Package { id: &'a str, version: &'a str },
    Nuspec { id: &'a str, version: &'a str },
    Registration { hive: Hive, id: &'a str },
    RegistrationLeaf { hive: Hive, id: &'a str, version: &'a str },
    Search,
    Autocomplete,
    Push,
}

/// A set of registrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hive {
    /// For clients that know only the older versions of semantic versions.
    Plain,
    /// All versions, packed if the client takes that.
    SemVer2,
}

impl Hive {
    const fn folder(self) -> &'static str {
        match self {
            Self::Plain => "registration",
            Self::SemVer2 => "registration4",
        }
    }
}

impl<'a> Ask<'a> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Index => "nuget:index",
            Self::Versions { .. } => "nuget:versions",
            Self::Package { .. } => "nuget:download",
            Self::Nuspec { .. } => "nuget:nuspec",
            Self::Registration { .. } | Self::RegistrationLeaf { .. } => "nuget:registration",
            Self::Search => "nuget:search",
            Self::Autocomplete => "nuget:autocomplete",
            Self::Push => "nuget:push",
        }
    }

    /// What a path below the repository asks for, and whether the method is one for it.
    fn read(method: &Method, path: &[&'a str]) -> Result<Self, Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let (ask, served) = match *path {
            ["v3", "index.json"] => (Self::Index, reads),
            ["v3", "flatcontainer", id, "index.json"] => (Self::Versions { id }, reads),
            ["v3", "flatcontainer", id, version, file] => {
                (Self::file(id, version, file).ok_or(Refusal::NoSuchPath)?, reads)
            }
            ["v3", hive @ ("registration" | "registration4"), id, file] => {
                let hive = if hive == "registration" { Hive::Plain } else { Hive::SemVer2 };
                let ask = match file.strip_suffix(".json").ok_or(Refusal::NoSuchPath)? {
                    "index" => Self::Registration { hive, id },
                    version => Self::RegistrationLeaf { hive, id, version },
                };
                (ask, reads)
            }
            ["v3", "search"] => (Self::Search, reads),
            ["v3", "autocomplete"] => (Self::Autocomplete, reads),
            // Clients put a slash after the address that the index gives.
            ["v3", "package"] | ["v3", "package", ""] => (Self::Push, method == Method::PUT),
            // To delete or to list again.
            ["v3", "package", _, _] => return Err(Refusal::Method),
            _ => return Err(Refusal::NoSuchPath),
        };
        if served { Ok(ask) } else { Err(Refusal::Method) }
    }

    fn file(id: &'a str, version: &'a str, file: &str) -> Option<Self> {
        let file = file.to_lowercase();
        if file == format!("{id}.nuspec").to_lowercase() {
            Some(Self::Nuspec { id, version })
        } else if file == format!("{id}.{version}.nupkg").to_lowercase() {
            Some(Self::Package { id, version })
        } else {
            None
        }
    }
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("nuget:unknown", |ask| ask.request_name())
}

/// Package and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    match *path {
        ["v3", "flatcontainer", id, version, _] => Some(Subject::of(id, Some(version))),
        ["v3", "flatcontainer", id, _] => Some(Subject::of(id, None)),
        ["v3", "registration" | "registration4", id, file] => {
            let version = file.strip_suffix(".json").filter(|version| *version != "index");
            Some(Subject::of(id, version))
        }
        _ => None,
    }
}

/// Answers a request for a NuGet feed.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    match Ask::read(visit.method, &path)? {
        Ask::Index => Ok(index(visit)),
        Ask::Versions { id } => content::versions(visit, id).await,
        Ask::Package { id, version } => content::package(visit, id, version).await,
        Ask::Nuspec { id, version } => content::nuspec(visit, id, version).await,
        Ask::Registration { hive, id } => registration::index(visit, hive, id).await,
        Ask::RegistrationLeaf { hive, id, version } => registration::leaf(visit, hive, id, version).await,
        Ask::Search => search::search(visit),
        Ask::Autocomplete => search::autocomplete(visit),
        Ask::Push => publish::push(visit).await,
    }
}

/// The service index. Clients take the newest of the types that they know; the address is the same.
fn index(visit: &Visit<'_>) -> Reply {
    let base = &visit.base_url;
    let resources: Vec<Value> = [
        ("v3/flatcontainer/", &["PackageBaseAddress/3.0.0"][..]),
        (
            "v3/registration/",
            &["RegistrationsBaseUrl", "RegistrationsBaseUrl/3.0.0-beta", "RegistrationsBaseUrl/3.0.0-rc"],
        ),
        ("v3/registration4/", &["RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl/Versioned"]),
        (
            "v3/search",
            &[
                "SearchQueryService",
                "SearchQueryService/3.0.0-beta",
                "SearchQueryService/3.0.0-rc",
                "SearchQueryService/3.5.0",
            ],
        ),
        (
            "v3/autocomplete",
            &["SearchAutocompleteService", "SearchAutocompleteService/3.0.0-rc", "SearchAutocompleteService/3.5.0"],
        ),
        ("v3/package", &["PackagePublish/2.0.0"]),
    ]
    .into_iter()
    .flat_map(|(path, types)| types.iter().map(move |name| json!({ "@id": format!("{base}/{path}"), "@type": name })))
    .map(|mut resource| {
        // Newer clients pass over a versioned resource that does not say from which client on it counts.
        if resource["@type"] == "RegistrationsBaseUrl/Versioned" {
            resource["clientVersion"] = json!("4.3.0-alpha");
        }
        resource
    })
    .collect();
    answer::json(StatusCode::OK, &json!({ "version": "3.0.0", "resources": resources }))
}

/// The package that an id in a path names.
fn key(id: &str) -> Result<PackageKey, Refusal> {
    if nuspec::is_id(id) { Ok(PackageKey::new(PackageFormat::Nuget, "", id)) } else { Err(Refusal::NoSuchPath) }
}

/// The dependencies in a version's nuspec, each once however many target frameworks have it. The API has no word for
/// their kind.
pub(crate) fn dependencies(version: &crate::state::Version) -> Vec<Dependency> {
    let mut listed: Vec<Dependency> = Vec::new();
    for needed in nuspec::Listing::of(&version.listing).groups.into_iter().flat_map(|group| group.dependencies) {
        let package = needed.id.to_lowercase();
        if !listed.iter().any(|known| known.package == package && known.requirement == needed.range) {
            listed.push(Dependency { namespace: None, package, kind: "", requirement: needed.range });
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let name = |method: Method, path: &str| request_name(&method, &path.split('/').collect::<Vec<_>>());
        for (path, expected) in [
            ("v3/index.json", "nuget:index"),
            ("v3/flatcontainer/a/index.json", "nuget:versions"),
            ("v3/flatcontainer/a/1.0.0/a.1.0.0.nupkg", "nuget:download"),
            ("v3/flatcontainer/A/1.0.0-B/a.1.0.0-b.nupkg", "nuget:download"),
            ("v3/flatcontainer/a/1.0.0/a.nuspec", "nuget:nuspec"),
            ("v3/flatcontainer/a/1.0.0/b.1.0.0.nupkg", "nuget:unknown"),
            ("v3/flatcontainer/a/1.0.0/a.1.0.0.nupkg/x", "nuget:unknown"),
            ("v3/registration/a/index.json", "nuget:registration"),
            ("v3/registration4/a/1.0.0.json", "nuget:registration"),
            ("v3/registration5/a/index.json", "nuget:unknown"),
            ("v2/Packages", "nuget:unknown"),
        ] {
            assert_eq!(name(Method::GET, path), expected, "{path}");
        }
        assert_eq!(name(Method::PUT, "v3/package"), "nuget:push");
        assert_eq!(name(Method::PUT, "v3/package/"), "nuget:push");
        assert!(matches!(Ask::read(&Method::DELETE, &["v3", "package", "a", "1.0.0"]), Err(Refusal::Method)));
        assert!(matches!(Ask::read(&Method::POST, &["v3", "index.json"]), Err(Refusal::Method)));
    }
}
