//! The npm registry: packuments merged over the upstreams, tarballs, `publish`, `deprecate` and `dist-tag`.
//!
//! Documented by the service: which commands work (install, publish, deprecate, dist-tag, view, outdated, ping and
//! what needs no more than these) and which do not (unpublish, search, audit, whoami, login, access, owner, token and
//! others: 404, which npm passes over in silence where it only tries); one asset per version, named `package.tgz`; a
//! copy takes the tags along that mean the version; the upstream's tag wins; `time` has the times of the first
//! publication; `latest`, if it is there, is the version displayed by default.
//!
//! Chosen here, where the documentation is silent:
//! - A published document has one version and one tarball. Versions without a tarball beside it are refused, and so
//!   are attestations: they would have to be an asset of their own.
//! - A document without a tarball changes `deprecated` of versions in the addressed repository and nothing else; a
//!   change to a version that is only upstream is a conflict.
//! - A tag that means a version that clients do not see counts nowhere. Tags are set on versions in the addressed
//!   repository only.
//! - Abbreviated documents have `time`, too: clients that refuse young versions refuse those without a time.
//! - A package has no readme in its packument; the API has it per version.
//! - What a source announces must be there: a version without a digest is not fetched.

mod body;
mod external;
mod manifest;
mod name;
mod packument;
mod publish;
mod tags;

use hyper::{
    Method, StatusCode,
    header::{self, HeaderValue},
};
use serde_json::{Value, json};

use self::{
    manifest::Manifest,
    name::Name,
    packument::{Layers, View},
};
use super::{Dependency, Refusal, Subject, Visit};
use crate::{
    failure::{Failure, ResourceKind},
    http::{Reply, answer},
    resolve::Reach,
    state::Version,
};

/// The one asset of a version.
const ASSET: &str = "package.tgz";
const TARBALL: &str = "application/octet-stream";
/// The media type of an abbreviated document.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Ask<'a> {
    Ping,
    Packument(Name),
    Put(Name),
    Manifest(Name, &'a str),
    Tarball(Name, &'a str),
    Tags(Name),
    SetTag(Name, &'a str),
    RemoveTag(Name, &'a str),
}

impl Ask<'_> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Ping => "npm:ping",
            Self::Packument(_) => "npm:packument",
            Self::Put(_) => "npm:publish",
            Self::Manifest(..) => "npm:manifest",
            Self::Tarball(..) => "npm:tarball",
            Self::Tags(_) => "npm:dist-tags",
            Self::SetTag(..) => "npm:dist-tag-add",
            Self::RemoveTag(..) => "npm:dist-tag-rm",
        }
    }

    /// What a path below the repository asks for, and whether the method is one for it. The final slash that some
    /// tools send is passed over.
    fn read<'a>(method: &Method, path: &[&'a str]) -> Result<Ask<'a>, Refusal> {
        let path = path.strip_suffix(&[""]).unwrap_or(path);
        let reads = method == Method::GET || method == Method::HEAD;
        let served = |ask: Ask<'a>, served: bool| if served { Ok(ask) } else { Err(Refusal::Method) };
        if let ["-", "ping"] = path {
            return served(Ask::Ping, reads);
        }
        if let ["-", "package", rest @ ..] = path {
            let (name, rest) = Name::of_path(rest).ok_or(Refusal::NoSuchPath)?;
            return match rest {
                ["dist-tags"] => served(Ask::Tags(name), reads),
                ["dist-tags", tag] if method == Method::DELETE => Ok(Ask::RemoveTag(name, tag)),
                ["dist-tags", tag] => served(Ask::SetTag(name, tag), method == Method::PUT || method == Method::POST),
                _ => Err(Refusal::NoSuchPath),
            };
        }
        let (name, rest) = Name::of_path(path).ok_or(Refusal::NoSuchPath)?;
        match rest {
            [] if method == Method::PUT => Ok(Ask::Put(name)),
            [] => served(Ask::Packument(name), reads),
            ["-", .., file] => {
                // Some tools keep the scope before the file's name.
                let file = file.rsplit('/').next().unwrap_or(file);
                let version = name.version_of(file).ok_or(Refusal::NoSuchPath)?;
                served(Ask::Tarball(name, version), reads)
            }
            // Unpublishing; `-rev` is no version.
            ["-rev", ..] => Err(Refusal::Method),
            // `-/whoami`, `-/v1/search` and the like; a package of that name has a version behind it.
            [_] if name.base() == "-" => Err(Refusal::NoSuchPath),
            [word] if name::is_version(word) => served(Ask::Manifest(name, word), reads),
            _ => Err(Refusal::NoSuchPath),
        }
    }
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("npm:unknown", |ask| ask.request_name())
}

/// Package and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    let of_package = path.strip_prefix(&["-", "package"]);
    let (name, rest) = Name::of_path(of_package.unwrap_or(path)).filter(|(name, _)| name.base() != "-")?;
    let version = match rest {
        _ if of_package.is_some() => None,
        ["-", .., file] => name.version_of(file.rsplit('/').next().unwrap_or(file)),
        // A tag stands in the same place.
        [version] => Some(*version).filter(|version| semver::Version::parse(version).is_ok()),
        _ => None,
    };
    Some(Subject::of(name.base(), version).within(&name.key().namespace))
}

/// An error as npm prints it.
pub(crate) fn error_body(message: &str) -> Value {
    json!({ "error": message })
}

/// Answers a request for an npm registry.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    match Ask::read(visit.method, &path)? {
        Ask::Ping => Ok(answer::json(StatusCode::OK, &json!({}))),
        Ask::Packument(name) => packument(visit, &name).await,
        Ask::Put(name) => publish::put(visit, &name).await,
        Ask::Manifest(name, word) => manifest(visit, &name, word).await,
        Ask::Tarball(name, version) => tarball(visit, &name, version).await,
        Ask::Tags(name) => tags::list(visit, &name).await,
        Ask::SetTag(name, tag) => tags::set(visit, &name, tag).await,
        Ask::RemoveTag(name, tag) => tags::remove(visit, &name, tag).await,
    }
}

/// All versions, or only what installing them needs: as the client says it takes it.
async fn packument(visit: &Visit<'_>, name: &Name) -> Result<Reply, Refusal> {
    let abbreviated = visit
        .headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|it| it.contains(ABBREVIATED)));
    let layers = Layers::gather(visit, name).await?;
    let prepared = layers.prepared(visit, name, abbreviated).await.ok_or_else(|| packument::not_found(name))?;
    let content_type = if abbreviated { ABBREVIATED } else { "application/json" };
    let mut reply = prepared.reply(visit.headers, content_type).await;
    reply.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(reply)
}

/// One version, by itself or by a tag.
async fn manifest(visit: &Visit<'_>, name: &Name, word: &str) -> Result<Reply, Refusal> {
    let layers = Layers::gather(visit, name).await?;
    let (of, asked, base_url) = (name.clone(), word.to_owned(), visit.base_url.clone());
    let look = move |view: &View<'_>| view.version(&asked).and_then(|version| view.manifest(&of, version, &base_url));
    let shown = layers.look(look).await;
    let shown = shown.ok_or_else(|| Failure::not_found(ResourceKind::PackageVersion, format!("{name}@{word}")))?;
    Ok(answer::reply(StatusCode::OK, "application/json", shown))
}

/// The tarball. A version that comes from an upstream is kept in the addressed repository before it is sent: then it
/// stays there, whatever becomes of the upstream. A HEAD retains nothing that is stored already.
async fn tarball(visit: &Visit<'_>, name: &Name, version: &str) -> Result<Reply, Refusal> {
    let key = name.key();
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let absent = || Failure::not_found(ResourceKind::PackageVersion, format!("{name}@{version}"));
    let reach = Reach::new(domain, first, &key, name.base());
    let found = reach.version(version);
    for source in reach.sources_before(found.as_ref()) {
        match external::find(visit, &source, name, version).await {
            Ok(Some(fetch)) => return visit.fetch(fetch, TARBALL).await,
            // A source that is down has nothing: what is stored further on counts then.
            Err(_) if found.is_some() => {}
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    let found = found.filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
    let record = if found.repository.name == first.name || visit.method == Method::HEAD {
        found.version.clone()
    } else {
        let (repository, base, version) = (visit.repository.clone(), name.base().to_owned(), version.to_owned());
        let retained =
            visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &base, &version)).await?;
        Some(retained).filter(|retained| retained.status.downloadable()).ok_or_else(absent)?
    };
    let asset = record.asset(ASSET).ok_or_else(absent)?;
    visit.asset(asset, TARBALL)
}

/// The dependencies in a version's manifest.
pub(crate) fn dependencies(version: &Version) -> Vec<Dependency> {
    Manifest::stored(&version.listing).map(|manifest| manifest.dependencies()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, path: &str) -> Option<&'static str> {
        let path: Vec<_> = path.split('/').map(|segment| segment.replace("%2f", "/")).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Ask::read(method, &path).ok().map(|ask| ask.request_name())
    }

    #[test]
    fn what_paths_ask_for() {
        for (path, expected) in [
            ("left", "npm:packument"),
            ("left/", "npm:packument"),
            ("@acme%2fleft", "npm:packument"),
            ("@acme/left", "npm:packument"),
            ("left/1.0.0", "npm:manifest"),
            ("left/latest", "npm:manifest"),
            ("@acme%2fleft/1.0.0", "npm:manifest"),
            ("@acme/left/1.0.0", "npm:manifest"),
            ("left/-/left-1.0.0.tgz", "npm:tarball"),
            ("@acme/left/-/left-1.0.0.tgz", "npm:tarball"),
            ("@acme%2fleft/-/left-1.0.0.tgz", "npm:tarball"),
            ("@acme/left/-/@acme/left-1.0.0.tgz", "npm:tarball"),
            ("@acme%2fleft/-/@acme%2fleft-1.0.0.tgz", "npm:tarball"),
            ("-/package/left/dist-tags", "npm:dist-tags"),
            ("-/package/@acme%2fleft/dist-tags", "npm:dist-tags"),
            ("-/ping", "npm:ping"),
            ("-", "npm:packument"),
        ] {
            assert_eq!(asked(&Method::GET, path), Some(expected), "{path}");
        }
        for (method, path, expected) in [
            (Method::PUT, "@acme%2fleft", "npm:publish"),
            (Method::PUT, "-/package/left/dist-tags/beta", "npm:dist-tag-add"),
            (Method::DELETE, "-/package/@acme/left/dist-tags/beta", "npm:dist-tag-rm"),
        ] {
            assert_eq!(asked(&method, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_not_served() {
        for path in [
            "",
            "-/whoami",
            "-/v1/search",
            "-/npm/v1/user",
            "-/npm/v1/security/advisories/bulk",
            "left/-/right-1.0.0.tgz",
            "left/-/left-1.0.0.tgz/-rev/1",
            "left/a/b",
            ".left",
            "@acme",
            "@acme%2fleft%2fx",
        ] {
            assert_eq!(asked(&Method::GET, path), None, "{path}");
        }
        for (method, path) in [
            (Method::POST, "-/npm/v1/security/audits/quick"),
            (Method::PUT, "left/-rev/1-0"),
            (Method::DELETE, "left/-rev/1-0"),
            (Method::DELETE, "left"),
            (Method::DELETE, "left/-/left-1.0.0.tgz/-rev/1"),
            (Method::PUT, "-/user/org.couchdb.user:me"),
        ] {
            assert_eq!(asked(&method, path), None, "{path}");
        }
    }
}
