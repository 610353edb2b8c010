//! Ruby gems: the Dependencies API, gems and their specifications, `gem push`, and a compact index.
//!
//! What the service documents, and what is chosen here where it is silent:
//!
//! - The service has the Dependencies API only: no compact index (`versions`, `info/NAME`, `names`) and none of the
//!   `specs.4.8.gz` files. So it serves `gem install` of RubyGems up to 3.5.18. The compact index is an addition of
//!   this service, for the clients that have come since; Bundler asks for it first and does without it there.
//! - Everything that the service does not support is not found: `yank`, `owner`, `search`, `fetch`, the full index.
//! - A gem built for several platforms is one version with an asset for each. The same gem pushed again changes
//!   nothing; another one of the same name, version and platform is a conflict. (The service does not say.)
//! - Lists and dependencies are of `Published` versions. What is `Unlisted` is still downloaded by name, as there;
//!   Bundler looks for locked versions in the lists, and does not find it.
//! - Versions keep their spelling: `1.0` and `1.0.0` are two versions, although RubyGems thinks them equal.
//! - A version of a public source lists all of the source's platforms; the gem of each comes when it is asked for.
//! - Errors are plain text, because `gem push` prints them as they come.

mod archive;
mod external;
mod index;
mod listing;
mod marshal;
mod order;
mod publish;
mod specification;
mod yaml;

use std::{io::Write as _, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use codeartifact::PackageFormat;
use flate2::{Compression, write::ZlibEncoder};
use hyper::{
    Method, StatusCode,
    header::{self, HeaderValue},
};

use self::{
    listing::{Builds, file_name, may_grow, meanings},
    marshal::Value,
    specification::is_name,
};
use super::{Dependency, Refusal, Sources, Subject, Visit, prepared::Prepared};
use crate::{
    external::Document,
    failure::{Failure, ResourceKind},
    http::{
        Reply, answer,
        conditional::{self, Wanted},
        header_value,
    },
    resolve::{Reach, Source},
    state::{PackageKey, Version},
};

/// The type of errors, and of the compact index.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const BINARY: &str = "application/octet-stream";

/// Gems asked for at once. Bundler asks for 100, and one with a longer URL than that is refused by most servers.
const ASKED: usize = 500;

/// What a request asks for.
enum Ask<'a> {
    /// Clients look whether anything is there.
    Root,
    Dependencies,
    /// `NAME-VERSION[-PLATFORM]`
    Gem {
        full_name: &'a str,
    },
    Specification {
        full_name: &'a str,
    },
    Push,
    Versions,
    Names,
    Info {
        name: &'a str,
    },
}

impl Ask<'_> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Root => "ruby:root",
            Self::Dependencies => "ruby:dependencies",
            Self::Gem { .. } => "ruby:gem",
            Self::Specification { .. } => "ruby:specification",
            Self::Push => "ruby:push",
            Self::Versions => "ruby:versions",
            Self::Names => "ruby:names",
            Self::Info { .. } => "ruby:info",
        }
    }

    /// What a path below the repository asks for. A method that is not for it is not found, as all that is not served.
    fn read<'a>(method: &Method, path: &[&'a str]) -> Option<Ask<'a>> {
        if method == Method::POST {
            return matches!(path, ["api", "v1", "gems"]).then_some(Ask::Push);
        }
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        match *path {
            [] | [""] => Some(Ask::Root),
            ["api", "v1", "dependencies"] => Some(Ask::Dependencies),
            ["gems", file] => file.strip_suffix(".gem").map(|full_name| Ask::Gem { full_name }),
            ["quick", "Marshal.4.8", file] => {
                file.strip_suffix(".gemspec.rz").map(|full_name| Ask::Specification { full_name })
            }
            ["versions"] => Some(Ask::Versions),
            ["names"] => Some(Ask::Names),
            ["info", name] => is_name(name).then_some(Ask::Info { name }),
            _ => None,
        }
    }
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("ruby:unknown", |ask| ask.request_name())
}

/// Gem and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    match Ask::read(&Method::GET, path)? {
        Ask::Gem { full_name } | Ask::Specification { full_name } => {
            let (name, version, _) = *meanings(full_name).first()?;
            Some(Subject::of(name, Some(version)))
        }
        Ask::Info { name } => Some(Subject::of(name, None)),
        Ask::Root | Ask::Dependencies | Ask::Push | Ask::Versions | Ask::Names => None,
    }
}

/// An error as `gem push` prints it.
pub(crate) fn error(status: StatusCode, message: String) -> Reply {
    answer::reply(status, TEXT, message)
}

/// Answers a request for a gem repository.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    match Ask::read(visit.method, &path).ok_or(Refusal::NoSuchPath)? {
        Ask::Root => Ok(answer::reply(StatusCode::OK, TEXT, Bytes::new())),
        Ask::Dependencies => dependencies_api(visit).await,
        Ask::Gem { full_name } => gem(visit, full_name).await,
        Ask::Specification { full_name } => gem_specification(visit, full_name).await,
        Ask::Push => publish::push(visit).await,
        Ask::Versions => Ok(text(visit, index::versions(visit).await?)),
        Ask::Names => Ok(text(visit, index::names(visit).await?)),
        Ask::Info { name } => {
            let sources = sources(visit, name).await?;
            let of = name.to_owned();
            let prepared = visit
                .service
                .prepared
                .prepared(&visit.repository, PackageFormat::Ruby, name, sources, move |sources| {
                    listing::info(&of, sources)
                })
                .await
                .ok_or_else(|| Failure::not_found(ResourceKind::Package, format!("ruby//{name}")))?;
            Ok(text(visit, prepared))
        }
    }
}

/// A file of the compact index.
///
/// Bundler goes on from what it has (`Range`) and compares what came of it with the entity tag, which must be the MD5
/// of the whole file; since 2.5 it looks at `Repr-Digest` instead.
fn text(visit: &Visit<'_>, prepared: Prepared) -> Reply {
    let etag = format!("\"{}\"", prepared.md5());
    let digest = format!("sha-256=:{}:", STANDARD.encode(prepared.digest.as_bytes()));
    let bytes = prepared.bytes;
    let size = bytes.len() as u64;
    let mut reply = if conditional::has_already(visit.headers, &etag) {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let (status, part, range) = match conditional::wanted(visit.headers, size, &etag) {
            Wanted::All => (StatusCode::OK, bytes, None),
            Wanted::Part { offset, length } => {
                let range = format!("bytes {offset}-{}/{size}", offset + length - 1);
                let at = |place: u64| usize::try_from(place).expect("a place in bytes that are in memory");
                (StatusCode::PARTIAL_CONTENT, bytes.slice(at(offset)..at(offset + length)), Some(range))
            }
            Wanted::None => (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new(), Some(format!("bytes */{size}"))),
        };
        let mut reply = answer::reply(status, TEXT, part);
        if let Some(range) = range {
            reply.headers_mut().insert(header::CONTENT_RANGE, header_value(&range));
        }
        reply
    };
    let headers = reply.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, header_value(&etag));
    headers.insert("repr-digest", header_value(&digest));
    reply
}

/// What the answers about a gem are made of.
async fn sources(visit: &Visit<'_>, name: &str) -> Result<Sources, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let key = PackageKey::new(PackageFormat::Ruby, "", name);
    let reach = Reach::new(domain, repository, &key, name);
    let packages = reach.packages().cloned().collect();
    let mut documents: Vec<Arc<Document>> = Vec::new();
    for source in reach.sources() {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(external::info(visit, &source, name).await.ok().flatten());
    }
    Ok(Sources { packages, documents, ..Sources::default() })
}

/// The service's own way to dependencies: gems by name, in Ruby's `Marshal` format. Without a name: nothing, which
/// tells a client that the API is there.
async fn dependencies_api(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let asked = visit.query.get("gems").unwrap_or_default();
    let names: Vec<&str> = asked.split(',').filter(|name| is_name(name)).collect();
    if asked.is_empty() {
        return Ok(answer::reply(StatusCode::OK, BINARY, Bytes::new()));
    }
    if names.len() > ASKED {
        return Err(Refusal::Invalid(format!("{ASKED} gems can be asked for at once, and these are {}", names.len())));
    }
    let mut gems = Vec::new();
    for name in names {
        let sources = sources(visit, name).await?;
        gems.extend(listing::listed(name, &sources).into_iter().map(|listed| {
            let dependencies = listed.build.dependencies.into_iter();
            let dependencies =
                dependencies.map(|(name, requirement)| Value::Array(vec![Value::Text(name), Value::Text(requirement)]));
            Value::Hash(vec![
                (Value::Symbol("name"), Value::text(name)),
                (Value::Symbol("number"), Value::Text(listed.version)),
                (Value::Symbol("platform"), Value::Text(listed.platform)),
                (Value::Symbol("dependencies"), Value::Array(dependencies.collect())),
            ])
        }));
    }
    let bytes = Value::Array(gems).dump();
    let etag = super::entity_tag(&crate::assets::Digest::of(&bytes));
    Ok(conditional::prepared(visit.headers, BINARY, bytes.into(), &etag))
}

/// Where a gem is.
enum Place {
    /// Stored; in the addressed repository already, or to be kept there first.
    Stored {
        key: PackageKey,
        name: String,
        version: Arc<Version>,
        file: String,
        here: bool,
    },
    Source {
        source: Source,
        key: PackageKey,
        gem: (String, String, String),
    },
}

/// The places to look for a gem in, by any meaning of its name: sources that come before what is stored first.
fn places(visit: &Visit<'_>, full_name: &str) -> Result<Vec<Place>, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let mut stored = Vec::new();
    let mut elsewhere = Vec::new();
    for (name, version, platform) in meanings(full_name) {
        let key = PackageKey::new(PackageFormat::Ruby, "", name);
        let reach = Reach::new(domain, first, &key, name);
        let found = reach.version(version);
        let file = file_name(name, version, platform);
        let has = found.as_ref().is_some_and(|found| found.version.asset(&file).is_some());
        let sources = match &found {
            // A version of a public source may have more builds than are stored.
            Some(found) if !has && may_grow(found.version) => reach.sources(),
            found => reach.sources_before(found.as_ref()),
        };
        let gem = (name.to_owned(), version.to_owned(), platform.to_owned());
        let source = |source| Place::Source { source, key: key.clone(), gem: gem.clone() };
        // Before what is stored by the same meaning, after what is stored by another.
        let places = if has { &mut stored } else { &mut elsewhere };
        places.extend(sources.into_iter().map(source));
        if let Some(found) = found.filter(|found| has && found.version.status.downloadable()) {
            let here = found.repository.name == first.name;
            stored.push(Place::Stored {
                key: key.clone(),
                name: name.to_owned(),
                version: found.version.clone(),
                file,
                here,
            });
        }
    }
    stored.append(&mut elsewhere);
    Ok(stored)
}

fn absent(full_name: &str) -> Failure {
    Failure::not_found(ResourceKind::Asset, format!("{full_name}.gem"))
}

/// The gem. One that comes from an upstream is kept in the addressed repository before it is sent: then it stays
/// there, whatever becomes of the upstream. A HEAD retains nothing that is stored already; how long a gem of a public
/// source is, only the gem says.
async fn gem(visit: &Visit<'_>, full_name: &str) -> Result<Reply, Refusal> {
    let mut down = None;
    for place in places(visit, full_name)? {
        match place {
            Place::Source { source, key, gem: (name, version, platform) } => {
                match external::find(visit, &source, &key, (&name, &version, &platform)).await {
                    Ok(Some(fetch)) => return visit.fetch(fetch, BINARY).await,
                    Ok(None) => {}
                    // A source that is down has nothing: what is stored further on counts then.
                    Err(error) => down = Some(error),
                }
            }
            Place::Stored { key, name, version, file, here } => {
                let record = if here || visit.method == Method::HEAD {
                    version
                } else {
                    retained(visit, key, name, &version).await?
                };
                let asset =
                    record.asset(&file).filter(|_| record.status.downloadable()).ok_or_else(|| absent(full_name))?;
                return visit.asset(asset, BINARY);
            }
        }
    }
    Err(down.unwrap_or_else(|| absent(full_name).into()))
}

async fn retained(
    visit: &Visit<'_>,
    key: PackageKey,
    name: String,
    version: &Version,
) -> Result<Arc<Version>, Refusal> {
    let (repository, version) = (visit.repository.clone(), version.version.clone());
    Ok(visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &name, &version)).await?)
}

/// The packed specification: of what is stored made from the gem, of what is not as its source has it.
async fn gem_specification(visit: &Visit<'_>, full_name: &str) -> Result<Reply, Refusal> {
    let mut down = None;
    for place in places(visit, full_name)? {
        match place {
            Place::Source { source, gem: (name, version, platform), .. } => {
                let known = external::builds(visit, &source, &name, &version).await;
                match known {
                    Ok(builds) if builds.iter().any(|build| build.platform == platform) => {
                        match external::specification(visit, &source, full_name).await {
                            Ok(Some(document)) => return Ok(packed(visit, document.bytes.clone())),
                            Ok(None) => {}
                            Err(error) => down = Some(error.into()),
                        }
                    }
                    Ok(_) => {}
                    Err(error) => down = Some(error.into()),
                }
            }
            Place::Stored { version, file, .. } => {
                let asset = version.asset(&file).ok_or_else(|| absent(full_name))?;
                let specification = publish::read(visit, &asset.digests.sha256, archive::specification).await?;
                let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
                let written = packer.write_all(&specification.dump()).and_then(|()| packer.finish());
                return Ok(packed(visit, written.map_err(|error| Failure::storage(&error))?.into()));
            }
        }
    }
    Err(down.unwrap_or_else(|| absent(full_name).into()))
}

fn packed(visit: &Visit<'_>, bytes: Bytes) -> Reply {
    let etag = super::entity_tag(&crate::assets::Digest::of(&bytes));
    conditional::prepared(visit.headers, BINARY, bytes, &etag)
}

/// The dependencies of a version, in RubyGems' words for their kinds; those of all its platforms.
pub(crate) fn dependencies(version: &Version) -> Vec<Dependency> {
    Builds::read(&version.listing)
        .dependencies()
        .into_iter()
        .map(|(development, package, requirement)| Dependency {
            namespace: None,
            package: package.to_owned(),
            kind: if development { "development" } else { "runtime" },
            requirement: requirement.to_owned(),
        })
        .collect()
}
