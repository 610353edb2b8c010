//! Python packages: simple pages, distributions, uploads.
//!
//! What the service documents, and what is chosen here where it is silent:
//!
//! - Simple pages are HTML and JSON, by `Accept`; what accepts neither gets 406. A project is found under every
//!   spelling of its name, and served where it was asked for. The list of projects, search and release documents are
//!   not served, as there.
//! - Versions are kept in PEP 440's normal form, so that a wheel and an sdist of one version meet in it however their
//!   builders spell it. An upload must have a file name that says its project and version.
//! - Digests that an upload announces are checked: SHA-256, MD5 and BLAKE2b-256. The same file again is accepted, other
//!   bytes under its name are a conflict. A distribution's own metadata completes what the form leaves out; it is
//!   refused if it is another project's, or larger than any honest one.
//! - `FILE.metadata` (PEP 658) is served and announced for wheels that are stored and could be read: the service does not
//!   say whether it has it.
//! - From a public source the record of a version lists all files as soon as one is fetched; the others are awaited, and
//!   come when they are first asked for. While the source is away they are not on the page. What it says of yanked files
//!   is passed on; nothing can be yanked here.
//! - A `HEAD` for a file that was not fetched is answered from the source's page, where that says the size.

mod accept;
mod anchors;
mod archive;
mod file_name;
mod listing;
mod metadata;
mod page;
mod reading;
mod source;
mod upload;
mod version;

use std::sync::Arc;

use codeartifact::PackageFormat;
use hyper::{
    Method, Response, StatusCode,
    header::{self, HeaderValue},
};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{Dependency, Refusal, Sources, Subject, Visit, entity_tag};
use crate::{
    assets::Digest,
    external,
    failure::{Failure, ResourceKind},
    http::{
        Reply,
        answer::{self, AnswerBody, Streamed},
        conditional, header_value,
    },
    resolve::Reach,
    service::Service,
    state::{Origin, PackageKey, RepositoryKey, Version},
};
use listing::{Listing, mirror_over};
use source::{Asked, Found};

/// Of every distribution: nobody is to unpack one on the way.
const FILE: &str = "application/octet-stream";

/// What a request asks for.
enum Ask<'a> {
    Page {
        project: &'a str,
    },
    /// The page's address without its slash: relative links would lead elsewhere.
    PageWithoutSlash {
        project: &'a str,
    },
    File {
        project: &'a str,
        version: &'a str,
        file: &'a str,
    },
    Metadata {
        project: &'a str,
        version: &'a str,
        file: &'a str,
    },
    Upload,
}

impl Ask<'_> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Page { .. } | Self::PageWithoutSlash { .. } => "pypi:simple",
            Self::File { .. } => "pypi:download",
            Self::Metadata { .. } => "pypi:metadata",
            Self::Upload => "pypi:upload",
        }
    }

    /// What a path below the repository asks for, and whether the method is one for it.
    fn read<'a>(method: &Method, path: &[&'a str]) -> Result<Ask<'a>, Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let (ask, served) = match *path {
            [] | [""] => (Ask::Upload, method == Method::POST),
            ["simple", project, ""] if !project.is_empty() => (Ask::Page { project }, reads),
            ["simple", project] if !project.is_empty() => (Ask::PageWithoutSlash { project }, reads),
            ["simple", project, version, file] => match file.strip_suffix(".metadata") {
                Some(file) => (Ask::Metadata { project, version, file }, reads),
                None => (Ask::File { project, version, file }, reads),
            },
            _ => return Err(Refusal::NoSuchPath),
        };
        if served { Ok(ask) } else { Err(Refusal::Method) }
    }
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("pypi:unknown", |ask| ask.request_name())
}

/// Project and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    match *path {
        ["simple", project, version, _] => Some(Subject::of(&file_name::normal(project), Some(version))),
        ["simple", project, ..] => Some(Subject::of(&file_name::normal(project), None)),
        _ => None,
    }
}

/// Answers a request for a Python package index.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    match Ask::read(visit.method, &path)? {
        Ask::Page { project } => page(visit, project).await,
        Ask::PageWithoutSlash { project } => with_slash(visit, project),
        Ask::File { project, version, file } => download(visit, project, version, file).await,
        Ask::Metadata { project, version, file } => metadata(visit, project, version, file).await,
        Ask::Upload => upload::upload(visit).await,
    }
}

/// A project's key and normalised name, if it can be a project's.
fn project_key(project: &str) -> Result<(PackageKey, String), Refusal> {
    if file_name::is_project(project) {
        let name = file_name::normal(project);
        Ok((PackageKey::new(PackageFormat::Pypi, "", &name), name))
    } else {
        Err(Refusal::NoSuchPath)
    }
}

fn with_slash(visit: &Visit<'_>, project: &str) -> Result<Reply, Refusal> {
    let (_, name) = project_key(project)?;
    let mut reply = answer::empty(StatusCode::MOVED_PERMANENTLY);
    reply.headers_mut().insert(header::LOCATION, header_value(&format!("{}/simple/{name}/", visit.base_url)));
    Ok(reply)
}

async fn page(visit: &Visit<'_>, project: &str) -> Result<Reply, Refusal> {
    let (key, name) = project_key(project)?;
    let Some(form) = accept::form(visit.headers) else {
        let message = "simple pages are served as text/html, application/vnd.pypi.simple.v1+html and \
                       application/vnd.pypi.simple.v1+json";
        return Ok(answer::json(StatusCode::NOT_ACCEPTABLE, &serde_json::json!({ "message": message })));
    };
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &key, &name);
    let packages = reach.packages().cloned().collect();
    let mut documents = Vec::new();
    for source in reach.sources() {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(source::page(visit.service, &source, &name).await.ok().flatten());
    }
    for document in &documents {
        source::read_aside(document, &name).await;
    }
    let sources = Sources { packages, documents, ..Sources::default() };
    let what = format!("{} {name}", if form.is_json() { "json" } else { "html" });
    let (project, json) = (name.clone(), form.is_json());
    let render =
        move |sources: &Sources| if json { page::json(sources, &project) } else { page::html(sources, &project) };
    let prepared = visit
        .service
        .prepared
        .prepared(&visit.repository, PackageFormat::Pypi, &what, sources, render)
        .await
        .ok_or_else(|| Failure::not_found(ResourceKind::Package, format!("pypi//{name}")))?;
    let mut reply = prepared.reply(visit.headers, form.content_type()).await;
    reply.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(reply)
}

/// A distribution. A version that comes from an upstream is kept in the addressed repository before it is sent: then it
/// stays there, whatever becomes of the upstream. A `HEAD` retains nothing.
async fn download(visit: &Visit<'_>, project: &str, version: &str, file: &str) -> Result<Reply, Refusal> {
    let (key, name) = project_key(project)?;
    let absent = || Failure::not_found(ResourceKind::Asset, file);
    let version = version::normal(version).ok_or_else(absent)?;
    let asked = Asked { key: &key, project: &name, version: &version, file };
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, first, &key, &name);
    let found = reach.version(&version);
    match source::find(visit.service, &reach.sources_before(found.as_ref()), &asked).await {
        Ok(Found::File { fetch, size }) => return fetched(visit, *fetch, size).await,
        Ok(Found::Other) => return Err(absent().into()),
        Ok(Found::Nothing) => {}
        // A source that is down has nothing: what is stored further on counts then.
        Err(_) if found.is_some() => {}
        Err(error) => return Err(error.into()),
    }
    let found = found.filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
    if let Some(asset) = found.version.asset(file) {
        if found.repository.name == first.name || visit.method == Method::HEAD {
            return visit.asset(asset, FILE);
        }
        let (repository, key) = (visit.repository.clone(), key.clone());
        let retained =
            visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &name, &version)).await?;
        let asset = retained.asset(file).filter(|_| retained.status.downloadable()).ok_or_else(absent)?;
        return visit.asset(asset, FILE);
    }
    // Another repository may have got the file meanwhile; else it is the source's.
    if let Some(adopted) = adopt(visit.service, &visit.repository, &asked).await {
        return visit.asset(adopted.asset(file).ok_or_else(absent)?, FILE);
    }
    match source::find(visit.service, &sources_of(&reach, found.version), &asked).await? {
        Found::File { fetch, size } => fetched(visit, *fetch, size).await,
        Found::Other | Found::Nothing => Err(absent().into()),
    }
}

/// The sources that a stored version may be completed from: the one that it came from.
fn sources_of(reach: &Reach<'_>, version: &Version) -> Vec<crate::resolve::Source> {
    let Origin::External { connection } = version.origin else { return Vec::new() };
    reach.sources().into_iter().filter(|source| source.connection == connection).collect()
}

async fn fetched(visit: &Visit<'_>, fetch: external::Fetch, size: Option<u64>) -> Result<Reply, Refusal> {
    match size {
        Some(size) if visit.method == Method::HEAD => {
            // Its length without its bytes, which a HEAD does not send.
            let (_, nothing) = mpsc::channel(1);
            let mut reply = Response::new(AnswerBody::Streamed(Streamed::new(nothing, size)));
            reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FILE));
            reply.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            Ok(reply)
        }
        _ => visit.fetch(fetch, FILE).await,
    }
}

/// Takes an awaited file over from another repository of the domain that has it.
async fn adopt(service: &Service, repository: &RepositoryKey, asked: &Asked<'_>) -> Option<Arc<Version>> {
    let (repository, key) = (repository.clone(), asked.key.clone());
    let [name, version, file] = [asked.project, asked.version, asked.file].map(ToOwned::to_owned);
    let adopting =
        service.journal.apply(move |draft| draft.adopt(&repository, &key, &name, &version, &file, mirror_over));
    adopting.await.ok()
}

/// Brings an awaited file of a version that is stored in the repository.
pub(crate) async fn awaited(
    service: &Arc<Service>,
    repository: &RepositoryKey,
    key: &PackageKey,
    name: &str,
    version: &Version,
    file: &str,
) -> Result<Arc<Version>, Refusal> {
    let asked = Asked { key, project: name, version: &version.version, file };
    if let Some(adopted) = adopt(service, repository, &asked).await {
        return Ok(adopted);
    }
    let state = service.journal.snapshot();
    let (domain, first) = state.repository(repository)?;
    let sources = sources_of(&Reach::new(domain, first, key, name), version);
    match source::find(service, &sources, &asked).await? {
        Found::File { fetch, .. } => external::fetch(service, repository, *fetch).await,
        Found::Other | Found::Nothing => Err(Failure::not_found(ResourceKind::Asset, file).into()),
    }
}

/// A wheel's `METADATA`, of wheels that are stored.
async fn metadata(visit: &Visit<'_>, project: &str, version: &str, file: &str) -> Result<Reply, Refusal> {
    let (key, name) = project_key(project)?;
    let absent = || Failure::not_found(ResourceKind::Asset, format!("{file}.metadata"));
    let version = version::normal(version).ok_or_else(absent)?;
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, first, &key, &name);
    let found = reach.version(&version).filter(|found| found.version.status.downloadable()).ok_or_else(absent)?;
    let asset = found.version.asset(file).ok_or_else(absent)?;
    Listing::read(&found.version.listing).files.get(file).and_then(|facts| facts.core_metadata).ok_or_else(absent)?;
    let content = visit
        .service
        .assets
        .open(&visit.repository.domain, &asset.digests.sha256)
        .map_err(|error| Failure::storage(&error))?;
    let file = file.to_owned();
    let read = spawn_blocking(move || archive::metadata(content, &file, &name)).await;
    let bytes = read.ok().and_then(Result::ok).ok_or_else(absent)?;
    let etag = entity_tag(&Digest::of(&bytes));
    Ok(conditional::prepared(visit.headers, "text/plain; charset=utf-8", bytes.into(), &etag))
}

/// The `Requires-Dist` of a version.
pub(crate) fn dependencies(version: &Version) -> Vec<Dependency> {
    Listing::read(&version.listing).requires_dist.iter().map(|text| metadata::dependency(text)).collect()
}
