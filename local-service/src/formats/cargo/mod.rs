//! Cargo registries: the sparse index, publishing, downloads, yanking.
//!
//! What the service documents, and what is chosen here where it is silent:
//!
//! - `config.json` needs a token like everything else: cargo asks without one first, and must be told.
//! - One crate has one name: `Foo-Bar` cannot be published beside `foo_bar`. A version cannot be published beside
//!   one that differs in build metadata only. (The service leaves names untouched and does not say.)
//! - `Unlisted` is `yanked: true`: a version that is not in the index at all would break builds that have it locked.
//!   `Archived` and `Disposed` are left out. `yank` sets `Unlisted`, and `unyank` sets `Published`, on versions that
//!   are in the addressed repository.
//! - A dependency recorded with `registry: null` ("this registry") stays so: a copied version then finds its
//!   dependencies in the repository that it was copied to.
//! - Search and owners are not served, as there.

mod document;
mod external;
mod index;
mod publish;

use codeartifact::PackageFormat;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Dependency, Refusal, Sources, Subject, Visit};
use crate::{
    failure::{Failure, ResourceKind},
    http::{Reply, answer},
    resolve::Reach,
    state::{Expectations, Millis, PackageKey, Status, VersionChange},
};

/// What a request asks for.
enum Ask<'a> {
    Config,
    Index { name: &'a str },
    Publish,
    Download { name: &'a str, version: &'a str },
    Yank { name: &'a str, version: &'a str, yanked: bool },
    Versions { name: &'a str },
}

impl Ask<'_> {
    fn request_name(&self) -> &'static str {
        match self {
            Self::Config => "cargo:config",
            Self::Index { .. } => "cargo:index",
            Self::Publish => "cargo:publish",
            Self::Download { .. } => "cargo:download",
            Self::Yank { yanked: true, .. } => "cargo:yank",
            Self::Yank { yanked: false, .. } => "cargo:unyank",
            Self::Versions { .. } => "cargo:versions",
        }
    }

    /// What a path below the repository asks for, and whether the method is one for it.
    fn read<'a>(method: &Method, path: &[&'a str]) -> Result<Ask<'a>, Refusal> {
        let reads = method == Method::GET || method == Method::HEAD;
        let (ask, served) = match *path {
            ["config.json"] => (Ask::Config, reads),
            ["api", "v1", "crates", "new"] => (Ask::Publish, method == Method::PUT),
            ["api", "v1", "crates", name, "versions"] => (Ask::Versions { name }, reads),
            ["api", "v1", "crates", name, version, "download"] => (Ask::Download { name, version }, reads),
            ["api", "v1", "crates", name, version, "yank"] => {
                (Ask::Yank { name, version, yanked: true }, method == Method::DELETE)
            }
            ["api", "v1", "crates", name, version, "unyank"] => {
                (Ask::Yank { name, version, yanked: false }, method == Method::PUT)
            }
            _ => (Ask::Index { name: index::name_of(path).ok_or(Refusal::NoSuchPath)? }, reads),
        };
        if served { Ok(ask) } else { Err(Refusal::Method) }
    }
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, path: &[&str]) -> &'static str {
    Ask::read(method, path).map_or("cargo:unknown", |ask| ask.request_name())
}

/// Crate and version that a path names.
pub(crate) fn subject(path: &[&str]) -> Option<Subject> {
    match *path {
        ["config.json"] | ["api", "v1", "crates", "new"] => None,
        ["api", "v1", "crates", name, version, _] => Some(Subject::of(name, Some(version))),
        ["api", "v1", "crates", name, ..] => Some(Subject::of(name, None)),
        _ => index::name_of(path).map(|name| Subject::of(name, None)),
    }
}

/// An error as cargo prints it.
pub(crate) fn error_body(message: &str) -> Value {
    json!({ "errors": [{ "detail": message }] })
}

/// Answers a request for a Cargo registry.
pub(crate) async fn serve(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let path = visit.path.clone();
    match Ask::read(visit.method, &path)? {
        Ask::Config => Ok(config(visit)),
        Ask::Index { name } => index(visit, name).await,
        Ask::Publish => publish::publish(visit).await,
        Ask::Download { name, version } => download(visit, name, version).await,
        Ask::Yank { name, version, yanked } => yank(visit, name, version, yanked).await,
        Ask::Versions { name } => versions(visit, name),
    }
}

/// `dl` has no marker, so cargo appends `/CRATE/VERSION/download`.
fn config(visit: &Visit<'_>) -> Reply {
    let base = &visit.base_url;
    answer::json(StatusCode::OK, &json!({ "dl": format!("{base}/api/v1/crates"), "api": base, "auth-required": true }))
}

async fn index(visit: &Visit<'_>, name: &str) -> Result<Reply, Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let package = PackageKey::new(PackageFormat::Cargo, "", name);
    let reach = Reach::new(domain, repository, &package, name);
    let packages: Vec<_> =
        reach.packages().filter(|package| package.about.name.eq_ignore_ascii_case(name)).cloned().collect();
    let mut documents = Vec::new();
    for source in reach.sources() {
        // A source that is down has nothing; what is stored here is served all the same.
        documents.extend(external::index(visit, &source, name).await.ok().flatten());
    }
    let sources = Sources { packages, documents, ..Sources::default() };
    let prepared = visit
        .service
        .prepared
        .prepared(&visit.repository, PackageFormat::Cargo, name, sources, index::render)
        .await
        .ok_or_else(|| Failure::not_found(ResourceKind::Package, format!("cargo//{name}")))?;
    Ok(prepared.reply(visit.headers, "text/plain; charset=utf-8").await)
}

/// The crate. A version that comes from an upstream is kept in the addressed repository before it is sent: then it
/// stays there, whatever becomes of the upstream. A HEAD retains nothing.
async fn download(visit: &Visit<'_>, name: &str, version: &str) -> Result<Reply, Refusal> {
    let key = crate_key(name)?;
    let state = visit.service.journal.snapshot();
    let (domain, first) = state.repository(&visit.repository)?;
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version);
    let reach = Reach::new(domain, first, &key, name);
    let found = reach.version(version);
    for source in reach.sources_before(found.as_ref()) {
        match external::find(visit, &source, &key, name, version).await {
            Ok(Some(fetch)) => return visit.fetch(fetch, CRATE).await,
            // A source that is down has nothing: what is stored further on counts then.
            Err(_) if found.is_some() => {}
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
    let found = found
        .filter(|found| found.package.about.name == name && found.version.version == version)
        .filter(|found| found.version.status.downloadable())
        .ok_or_else(absent)?;
    let record = if found.repository.name == first.name || visit.method == Method::HEAD {
        found.version.clone()
    } else {
        let (repository, key) = (visit.repository.clone(), key.clone());
        let (name, version) = (name.to_owned(), version.to_owned());
        let retained =
            visit.service.journal.apply(move |draft| draft.retain(&repository, &key, &name, &version)).await?;
        Some(retained).filter(|retained| retained.status.downloadable()).ok_or_else(absent)?
    };
    let asset = record.assets.first().ok_or_else(absent)?;
    visit.asset(asset, CRATE)
}

const CRATE: &str = "application/x-tar";

async fn yank(visit: &Visit<'_>, name: &str, version: &str, yanked: bool) -> Result<Reply, Refusal> {
    let package = crate_key(name)?;
    let change = VersionChange {
        repository: visit.repository.clone(),
        package,
        name: name.to_owned(),
        versions: vec![version.to_owned()],
        expectations: Expectations::default(),
    };
    let target = if yanked { Status::Unlisted } else { Status::Published };
    visit
        .service
        .journal
        .apply(move |draft| {
            let package = draft.state.package(&change.repository, &change.package, &change.name)?;
            let version = &change.versions[0];
            // What cargo cannot see it cannot yank.
            let visible = package.version(version).is_some_and(|version| version.status.downloadable());
            if !visible {
                return Err(Failure::not_found(ResourceKind::PackageVersion, version.as_str()));
            }
            draft.set_status(&change, target)
        })
        .await?;
    Ok(answer::json(StatusCode::OK, &json!({ "ok": true })))
}

/// All versions with their times, merged like the index.
fn versions(visit: &Visit<'_>, name: &str) -> Result<Reply, Refusal> {
    let key = crate_key(name)?;
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &key, name);
    let packages: Vec<_> = reach.packages().filter(|package| package.about.name == name).cloned().collect();
    let listed: Vec<Value> = index::merge(&packages)
        .into_iter()
        .map(|version| {
            let asset = version.assets.first();
            json!({
                "crate": name,
                "num": version.version,
                "created_at": date(version.published),
                "updated_at": date(version.published),
                "yanked": version.status == Status::Unlisted,
                "crate_size": asset.map(|asset| asset.size),
                "checksum": asset.map(|asset| asset.digests.sha256.to_string()),
            })
        })
        .collect();
    if listed.is_empty() {
        return Err(Failure::not_found(ResourceKind::Package, format!("cargo//{name}")).into());
    }
    Ok(answer::json(StatusCode::OK, &json!({ "versions": listed })))
}

fn date(millis: Millis) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    time.format(&Rfc3339).ok()
}

fn crate_key(name: &str) -> Result<PackageKey, Refusal> {
    if document::is_crate_name(name) {
        Ok(PackageKey::new(PackageFormat::Cargo, "", name))
    } else {
        Err(Refusal::NoSuchPath)
    }
}

/// The dependencies in a version's index line. The API's documentation has no words for Cargo's kinds; npm's are used
/// where they mean the same, cargo's own for build dependencies.
pub(crate) fn dependencies(version: &crate::state::Version) -> Vec<Dependency> {
    document::read_dependencies(&version.listing)
}
