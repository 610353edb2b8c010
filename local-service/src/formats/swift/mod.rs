//! Swift package registries, protocol version 1: releases, manifests, source archives, publishing.
//!
//! What the service documents, and what is chosen here where it is silent:
//!
//! - The scope is the API's namespace. Scope and name are lowercase, in answers too.
//! - Versions are semantic versions 2.0.0, and neither end in `.zip` nor in `.json`: paths do.
//! - A manifest is given as it stands in the source archive, and never run: so dependencies are not known, and the
//!   API lists none. An archive without one is refused (422).
//! - The same release again is accepted, as for every format here; another archive, other metadata or another
//!   signature under its version are a conflict. Publishing is done when it is answered, whatever is preferred.
//! - Signatures are kept and given back, and not checked.
//! - `Unlisted` releases are not listed, and stay downloadable; `Archived` and `Disposed` are not there.
//! - There is no public source of this format.

mod listing;
mod lookup;
mod manifest;
mod negotiation;
mod publish;
mod release;

use codeartifact::PackageFormat;
use hyper::{
    Method, StatusCode,
    header::{self, HeaderValue},
};
use serde_json::json;

use self::negotiation::Media;
use super::{Refusal, Subject, Visit};
use crate::{
    http::{Reply, answer},
    state::PackageKey,
};

/// What a request asks for.
enum Ask<'a> {
    Login,
    Identifiers,
    Releases { package: Package<'a> },
    Release { package: Package<'a>, version: &'a str },
    Manifest { package: Package<'a>, version: &'a str },
    Archive { package: Package<'a>, version: &'a str },
    Publish { package: Package<'a>, version: &'a str },
}

/// Scope and name, as a path spells them.
#[derive(Clone, Copy)]
struct Package<'a> {
    scope: &'a str,
    name: &'a str,
}

impl<'a> Package<'a> {
    fn read(scope: &'a str, name: &'a str) -> Result<Self, Refusal> {
        let good = is_word(scope, 39, "-") && is_word(name, 100, "-_");
        if good { Ok(Self { scope, name }) } else { Err(Refusal::NoSuchPath) }
    }

    fn key(self) -> PackageKey {
        PackageKey::new(PackageFormat::Swift, self.scope, self.name)
    }
}

/// ASCII letters and digits, with single separators between: the protocol's rule for scopes and names.
fn is_word(text: &str, most: usize, separators: &str) -> bool {
    let parts = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= most && text.split(|c| separators.contains(c)).all(parts)
}

impl<'a> Ask<'a> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Login => "swift:login",
            Self::Identifiers => "swift:identifiers",
            Self::Releases { .. } => "swift:releases",
            Self::Release { .. } => "swift:release",
            Self::Manifest { .. } => "swift:manifest",
            Self::Archive { .. } => "swift:download",
            Self::Publish { .. } => "swift:publish",
        }
    }

    /// What a path below the repository asks for, and whether the method is one for it.
    fn read(method: &Method, path: &[&'a str]) -> Result<Self, Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let (ask, served) = match *path {
            ["login"] => (Self::Login, method == Method::POST),
            ["identifiers"] => (Self::Identifiers, reads),
            [scope, name] => {
                let name = name.strip_suffix(".json").unwrap_or(name);
                (Self::Releases { package: Package::read(scope, name)? }, reads)
            }
            [scope, name, version] => {
                let package = Package::read(scope, name)?;
                if method == Method::PUT {
                    (Self::Publish { package, version }, true)
                } else if let Some(version) = version.strip_suffix(".zip") {
                    (Self::Archive { package, version }, reads)
                } else {
                    (Self::Release { package, version: version.strip_suffix(".json").unwrap_or(version) }, reads)
                }
            }
            [scope, name, version, "Package.swift"] => {
                (Self::Manifest { package: Package::read(scope, name)?, version }, reads)
            }
            _ => return Err(Refusal::NoSuchPath),
        };
        if served { Ok(ask) } else { Err(Refusal::Method) }
    }

    fn media(&self) -> Media {
        match self {
            Self::Manifest { .. } => Media::Swift,
            Self::Archive { .. } => Media::Zip,
            Self::Login | Self::Identifiers | Self::Releases { .. } | Self::Release { .. } | Self::Publish { .. } => {
                Media::Json
            }
        }
    }
}

/// Package and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    let [scope, name, rest @ ..] = path else { return None };
    let whole = |text: &str| [".zip", ".json"].iter().find_map(|end| Some(text.strip_suffix(end)?.to_owned()));
    let version = rest.first().map(|version| whole(version).unwrap_or_else(|| (*version).to_owned()));
    let name = name.strip_suffix(".json").unwrap_or(name);
    Some(Subject::of(name, version.as_deref()).within(scope))
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("swift:unknown", |ask| ask.request_name())
}

/// Answers a request for a registry.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    let ask = Ask::read(visit.method, &path)?;
    if let Err((status, detail)) = negotiation::check(visit.headers, ask.media()) {
        return Ok(problem(status, detail));
    }
    let mut reply = match ask {
        // Whoever comes here has shown a good token.
        Ask::Login => answer::empty(StatusCode::OK),
        Ask::Identifiers => lookup::identifiers(visit)?,
        Ask::Releases { package } => release::list(visit, package)?,
        Ask::Release { package, version } => release::describe(visit, package, version)?,
        Ask::Manifest { package, version } => manifest::give(visit, package, version).await?,
        Ask::Archive { package, version } => release::archive(visit, package, version).await?,
        Ask::Publish { package, version } => publish::publish(visit, package, version).await?,
    };
    reply.headers_mut().insert("content-version", HeaderValue::from_static("1"));
    Ok(reply)
}

/// An error as the protocol has it.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Reply {
    let body = json!({ "status": status.as_u16(), "detail": detail });
    let mut reply = answer::reply(status, "application/problem+json", body.to_string());
    let headers = reply.headers_mut();
    headers.insert("content-version", HeaderValue::from_static("1"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let name = |method: Method, path: &str| request_name(&method, &path.split('/').collect::<Vec<_>>());
        for (path, expected) in [
            ("acme/LinkedList", "swift:releases"),
            ("acme/LinkedList.json", "swift:releases"),
            ("acme/LinkedList/1.0.0", "swift:release"),
            ("acme/LinkedList/1.0.0.json", "swift:release"),
            ("acme/LinkedList/1.0.0.zip", "swift:download"),
            ("acme/LinkedList/1.0.0/Package.swift", "swift:manifest"),
            ("identifiers", "swift:identifiers"),
            ("-acme/x", "swift:unknown"),
            ("a--b/x", "swift:unknown"),
            ("a_b/x", "swift:unknown"),
            ("a/x.y", "swift:unknown"),
            ("a/x_-y", "swift:unknown"),
            ("login", "swift:unknown"),
        ] {
            assert_eq!(name(Method::GET, path), expected, "{path}");
        }
        assert_eq!(name(Method::POST, "login"), "swift:login");
        assert_eq!(name(Method::PUT, "a/x/1.0.0"), "swift:publish");
        assert!(!is_word(&"a".repeat(40), 39, "-") && is_word(&"a".repeat(39), 39, "-"));
    }
}
