//! The data plane: `/d/DOMAIN-OWNER/FORMAT/REPOSITORY/…`, one file or folder per format. Translation only.
//!
//! Every request needs a token of the domain, in whatever form the client sends it; the challenge is Basic, because
//! some clients send nothing until they are asked and understand nothing else. A domain's Region is not part of the
//! URL: it is the token's.

mod archive;
pub(crate) mod cargo;
mod generic;
pub(crate) mod maven;
mod multipart;
pub(crate) mod npm;
mod nuget;
mod permission;
mod prepared;
pub(crate) mod pypi;
pub(crate) mod ruby;
mod subject;
mod swift;

use std::{
    io,
    sync::{Arc, OnceLock},
};

use codeartifact::{AccountId, DomainName, PackageFormat};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderValue},
};
use serde_json::json;

use multipart::MultipartError;
pub(crate) use prepared::{PreparedCache, Sources};
use subject::Subject;
pub(crate) use subject::described;

use permission::Permission;

use crate::{
    assets::Digest,
    audit::Noted,
    external::ExternalError,
    failure::{Failure, ResourceKind},
    http::{
        Payload, PayloadError, Query, Reply, Request, Target,
        answer::{self, AnswerBody},
        conditional::{self, Wanted},
    },
    policy::Circumstances,
    resolve::left_out,
    service::Service,
    state::{Asset, DomainKey, PackageKey, RepositoryKey, Version},
    tokens::{Claims, TokenError},
};

/// What a client is asked for.
const CHALLENGE: &str = "Basic realm=\"AWS CodeArtifact\"";

/// A dependency of a version, as the API lists it.
pub(crate) struct Dependency {
    pub(crate) namespace: Option<String>,
    pub(crate) package: String,
    /// The format's word for the kind of dependency; empty if it has none.
    pub(crate) kind: &'static str,
    pub(crate) requirement: String,
}

/// A licence of a version, as the API lists it.
pub(crate) struct License {
    pub(crate) name: Option<String>,
    pub(crate) url: Option<String>,
}

/// A request for a repository by a client whose token was accepted.
pub(crate) struct Visit<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) repository: RepositoryKey,
    /// The repository's URL as this client knows it, without the final slash.
    pub(crate) base_url: String,
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    /// The path below the repository.
    pub(crate) path: Vec<&'a str>,
    pub(crate) query: &'a Query,
    pub(crate) payload: &'a mut Payload,
    /// Who asks; reading or changing as such is allowed already.
    permission: Permission,
    /// What is changed, for the audit trail.
    noted: &'a OnceLock<Noted>,
}

/// Why a data-plane request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}: ask for one with `aws codeartifact get-authorization-token`")]
    Token(#[from] TokenError),
    #[error("the token is for another domain")]
    OtherDomain,
    #[error("nothing is served at this path")]
    NoSuchPath,
    #[error("this method is not served at this path")]
    Method,
    #[error("{0}")]
    Invalid(String),
    #[error("{what} does not exist here, and was not looked for everywhere: {why}")]
    Hidden { what: String, why: String },
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    External(#[from] ExternalError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Form(#[from] MultipartError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::OtherDomain => StatusCode::FORBIDDEN,
            Self::External(ExternalError::OtherContent { .. }) => StatusCode::BAD_GATEWAY,
            // As there: what cannot be had from a source is not found.
            Self::NoSuchPath | Self::Hidden { .. } | Self::External(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Failure(failure) => failure.status(),
            Self::Payload(error) => error.status(),
            Self::Form(error) => error.status(),
        }
    }
}

/// Domain, format and repository of a path; the rest is the format's.
struct Place<'a> {
    name: DomainName,
    owner: AccountId,
    format: PackageFormat,
    repository: &'a str,
    path: Vec<&'a str>,
}

/// What a request is called in counters and fault rules.
pub(crate) fn request_name(method: &Method, target: &Target) -> &'static str {
    let parts = target.parts();
    let ["d", _, format, _, path @ ..] = parts.as_slice() else { return "unknown" };
    match format.parse() {
        Ok(PackageFormat::Cargo) => cargo::request_name(method, path),
        Ok(PackageFormat::Generic) => "generic:asset",
        Ok(PackageFormat::Maven) => maven::request_name(method, path),
        Ok(PackageFormat::Npm) => npm::request_name(method, path),
        Ok(PackageFormat::Nuget) => nuget::request_name(method, path),
        Ok(PackageFormat::Pypi) => pypi::request_name(method, path),
        Ok(PackageFormat::Ruby) => ruby::request_name(method, path),
        Ok(PackageFormat::Swift) => swift::request_name(method, path),
        Err(_) => "unknown",
    }
}

/// Answers a data-plane request.
pub(crate) async fn serve(service: &Arc<Service>, request: &mut Request) -> Reply {
    let outcome = answer_to(service, request).await;
    outcome.unwrap_or_else(|refusal| refused(request, &explained(service, request, refusal)))
}

/// What is not found because it was not looked for is said to be so. It is not found all the same: what is blocked is
/// hidden, and clients go on with what else they know.
fn explained(service: &Service, request: &Request, refusal: Refusal) -> Refusal {
    let Refusal::Failure(Failure::NotFound { resource }) = &refusal else { return refusal };
    if !matches!(resource.kind, ResourceKind::Package | ResourceKind::PackageVersion | ResourceKind::Asset) {
        return refusal;
    }
    let reasons = || {
        let about = described(&request.method, &request.target)?;
        let (name, region) = (about.subject.name?, request.trace.region()?);
        let domain = DomainKey { region: region.clone(), owner: about.owner, name: about.domain };
        let repository = RepositoryKey { domain, name: about.repository.parse().ok()? };
        let key = PackageKey::new(about.format, about.subject.namespace.as_deref().unwrap_or_default(), &name);
        let state = service.journal.snapshot();
        let (domain, first) = state.repository(&repository).ok()?;
        Some(left_out(domain, first, &key, &name)).filter(|reasons| !reasons.is_empty())
    };
    match reasons() {
        Some(reasons) => Refusal::Hidden { what: resource.to_string(), why: reasons.join("; ") },
        None => refusal,
    }
}

async fn answer_to(service: &Arc<Service>, request: &mut Request) -> Result<Reply, Refusal> {
    let claims = authenticate(service, request)?;
    let parts = request.target.parts();
    let place = place(&parts).ok_or(Refusal::NoSuchPath)?;
    if place.name != claims.domain.name || place.owner != claims.domain.owner {
        return Err(Refusal::OtherDomain);
    }
    let state = service.journal.snapshot();
    let domain = state.domain(&claims.domain)?;
    if domain.about.created != claims.created {
        // Of an earlier domain of the same name.
        return Err(TokenError::Foreign.into());
    }
    let name = place.repository.parse().map_err(|_| Refusal::NoSuchPath)?;
    let permission = Permission {
        principal: service.identities.principal(&claims.principal).ok_or(TokenError::Unknown)?,
        circumstances: Circumstances { source: request.peer, secure: request.secure, now: service.clock.millis() },
    };
    request.trace.caller(&permission.principal, &claims.domain.region, None);
    let key = RepositoryKey { domain: claims.domain.clone(), name };
    permission.check(domain, &key, place.format, &request.method, &place.path)?;
    domain.repository(&key.name)?;
    let Place { name: domain, owner, format, repository, path } = place;
    let mut visit = Visit {
        service,
        repository: key,
        base_url: format!("{}://{}/d/{domain}-{owner}/{format}/{repository}", service.scheme(), request.authority),
        method: &request.method,
        headers: &request.headers,
        path,
        query: &request.target.query,
        payload: &mut request.payload,
        permission,
        noted: &request.trace.noted,
    };
    match format {
        PackageFormat::Cargo => cargo::serve(&mut visit).await,
        PackageFormat::Generic => generic::serve(&visit),

        PackageFormat::Maven => maven::serve(&mut visit).await,

        PackageFormat::Npm => npm::serve(&mut visit).await,

        PackageFormat::Nuget => nuget::serve(&mut visit).await,

        PackageFormat::Pypi => pypi::serve(&mut visit).await,

        PackageFormat::Ruby => ruby::serve(&mut visit).await,

        PackageFormat::Swift => swift::serve(&mut visit).await,
    }
}

fn authenticate(service: &Service, request: &Request) -> Result<Arc<Claims>, TokenError> {
    let mut given = request.headers.get_all(header::AUTHORIZATION).iter();
    let header = given.next();
    if given.next().is_some() {
        return Err(TokenError::Foreign);
    }
    let claims = service.tokens.verify_header(header.map(HeaderValue::as_bytes), service.clock.millis())?;
    if request.token_expired { Err(TokenError::Expired) } else { Ok(claims) }
}

/// `d/DOMAIN-OWNER/FORMAT/REPOSITORY/…`: the owner is the last twelve characters, a domain's name may have dashes.
fn place<'a>(parts: &[&'a str]) -> Option<Place<'a>> {
    let ["d", domain, format, repository, path @ ..] = parts else {
        return None;
    };
    let (name, owner) = domain.rsplit_once('-')?;
    Some(Place {
        name: name.parse().ok()?,
        owner: owner.parse().ok()?,
        format: format.parse().ok()?,
        repository,
        path: path.to_vec(),
    })
}

/// A scripted failure, as the format's clients read it.
pub(crate) fn refusal(request: &Request, failure: &Failure) -> Reply {
    let mut reply = refused(request, &Refusal::Failure(failure.clone()));
    if let Failure::Scripted { retry_after: Some(after), .. } = failure {
        reply.headers_mut().insert(header::RETRY_AFTER, after.as_secs().into());
    }
    reply
}

fn refused(request: &Request, refusal: &Refusal) -> Reply {
    let status = refusal.status();
    let message = refusal.to_string();
    let mut reply = match request.target.parts().get(2) {
        Some(&"cargo") => answer::json(status, &cargo::error_body(&message)),
        Some(&"npm") => answer::json(status, &npm::error_body(&message)),
        Some(&"ruby") => ruby::error(status, message),
        Some(&"swift") => swift::problem(status, &message),
        _ => answer::json(status, &json!({ "message": message })),
    };
    if status == StatusCode::UNAUTHORIZED {
        reply.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    reply
}

/// The dependencies of a version, as its format recorded them.
pub(crate) fn dependencies(format: PackageFormat, version: &Version) -> Vec<Dependency> {
    match format {
        PackageFormat::Cargo => cargo::dependencies(version),
        // The service has none of the former; the latter's are a program's, which is not run.
        PackageFormat::Generic | PackageFormat::Swift => Vec::new(),

        PackageFormat::Maven => maven::dependencies(version),

        PackageFormat::Npm => npm::dependencies(version),

        PackageFormat::Nuget => nuget::dependencies(version),

        PackageFormat::Pypi => pypi::dependencies(version),

        PackageFormat::Ruby => ruby::dependencies(version),
    }
}

/// The licences of a version, as its format recorded them.
pub(crate) fn licenses(format: PackageFormat, version: &Version) -> Vec<License> {
    match format {
        PackageFormat::Maven => maven::licenses(version),
        PackageFormat::Cargo
        | PackageFormat::Generic
        | PackageFormat::Npm
        | PackageFormat::Nuget
        | PackageFormat::Pypi
        | PackageFormat::Ruby
        | PackageFormat::Swift => {
            let name = version.about.license.clone();
            name.into_iter().map(|name| License { name: Some(name), url: None }).collect()
        }
    }
}

/// Brings an asset that a stored version lists and nobody fetched yet, from wherever the format has it from; gives the
/// version that has it. What cannot be had is not found.
pub(crate) async fn awaited(
    service: &Arc<Service>,
    repository: &RepositoryKey,
    package: &PackageKey,
    name: &str,
    version: &Version,
    asset: &str,
) -> Result<Arc<Version>, Failure> {
    let absent = || Failure::not_found(ResourceKind::Asset, asset);
    if !version.status.downloadable() || !version.awaited.iter().any(|awaited| awaited.name == asset) {
        return Err(absent());
    }
    let brought = match package.format {
        PackageFormat::Pypi => pypi::awaited(service, repository, package, name, version, asset).await,
        // Theirs come when a package manager asks, or are never awaited.
        PackageFormat::Cargo
        | PackageFormat::Generic
        | PackageFormat::Maven
        | PackageFormat::Npm
        | PackageFormat::Nuget
        | PackageFormat::Ruby
        | PackageFormat::Swift => return Err(absent()),
    };
    brought.map_err(|refusal| match refusal {
        Refusal::Failure(failure) => failure,
        _ => absent(),
    })
}

/// Part of an asset's bytes, as the body of an answer. That the file is as long as it was is looked at whenever it is
/// opened; its digest is not computed again.
pub(crate) fn asset_body(
    service: &Service,
    domain: &DomainKey,
    asset: &Asset,
    offset: u64,
    length: u64,
) -> Result<AnswerBody, Failure> {
    let digest = &asset.digests.sha256;
    service
        .assets
        .open(domain, digest)
        .and_then(|content| AnswerBody::content(content, asset.size, offset, length))
        .map_err(|error| {
            // Deleted between the look at the model and the opening of the file: then it is simply not there.
            let gone = error.kind() == io::ErrorKind::NotFound && !service.journal.snapshot().holds(domain, digest);
            if gone { Failure::not_found(ResourceKind::Asset, asset.name.as_str()) } else { Failure::storage(&error) }
        })
}

impl Visit<'_> {
    /// An asset, or the part of it that is asked for, or that the client has it already.
    pub(crate) fn asset(&self, asset: &Asset, content_type: &'static str) -> Result<Reply, Refusal> {
        let etag = entity_tag(&asset.digests.sha256);
        let mut reply = if conditional::has_already(self.headers, &etag) {
            answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            self.asset_part(asset, content_type, conditional::wanted(self.headers, asset.size, &etag))?
        };
        let headers = reply.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::ETAG, crate::http::header_value(&etag));
        Ok(reply)
    }

    fn asset_part(&self, asset: &Asset, content_type: &'static str, wanted: Wanted) -> Result<Reply, Refusal> {
        let (status, offset, length, range) = match wanted {
            Wanted::All => (StatusCode::OK, 0, asset.size, None),
            Wanted::Part { offset, length } => {
                let range = format!("bytes {offset}-{}/{}", offset + length - 1, asset.size);
                (StatusCode::PARTIAL_CONTENT, offset, length, Some(range))
            }
            Wanted::None => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0, Some(format!("bytes */{}", asset.size))),
        };
        let body = asset_body(self.service, &self.repository.domain, asset, offset, length)?;
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(range) = range {
            reply.headers_mut().insert(header::CONTENT_RANGE, crate::http::header_value(&range));
        }
        Ok(reply)
    }
}

/// A strong entity tag: the content's digest.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}
