//! One request through the proxy: with a token to the service, and what came of it to the client; or what is kept, where
//! the service says that it still holds, or cannot be asked.

use std::{
    io::{self, Read as _},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use codeartifact::{AuthorizationToken, PackageFormat};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use local_service::OutwardError;
use tokio::{sync::mpsc, task::spawn_blocking};
use zeroize::Zeroizing;

use super::{
    cache::{Cache, Note},
    carried::{Carried, PIECES, Upload},
    rewrite,
    serve::{Proxy, refusal},
    target::Target,
    tokens::NoToken,
};

/// For the header of an answer; for one that the service gives only once it has stored what was sent.
const ANSWER: Duration = Duration::from_mins(1);
const ANSWER_TO_UPLOAD: Duration = Duration::from_mins(10);

/// For the next piece of an answer.
const STALL: Duration = Duration::from_mins(1);

/// What is rewritten is held in memory, up to so much.
const LARGEST_DOCUMENT: usize = 256 << 20;

/// Headers that are about one connection, or about who asks.
const NOT_PASSED: [&str; 15] = [
    "host",
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "accept-encoding",
    "expect",
    "cookie",
];

/// Headers of answers that are about the connection to the service, or would have the client ask for a password.
const NOT_GIVEN: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "www-authenticate",
    "strict-transport-security",
    "alt-svc",
];

/// Headers that are kept with what is cached.
const KEPT: [&str; 6] = ["content-type", "etag", "last-modified", "content-disposition", "link", "content-version"];

/// Says where an answer is from.
const FROM: HeaderName = HeaderName::from_static("x-codeartifact-proxy");

/// The service gave no answer, or there was no token to ask it with.
enum NoAnswer {
    Token(NoToken),
    Way(OutwardError),
}

impl NoAnswer {
    fn is_unreachable(&self) -> bool {
        match self {
            Self::Token(problem) => problem.is_unreachable,
            Self::Way(problem) => matches!(problem, OutwardError::Unreachable(_)),
        }
    }

    /// Not 401 where there is no token: clients would ask for a password that nobody has. Nor 5xx where trying again does
    /// not help: they would try again.
    fn response(&self) -> Response<Carried> {
        match self {
            Self::Token(problem) if problem.is_unreachable => refusal(StatusCode::BAD_GATEWAY, &problem.message),
            Self::Token(problem) => refusal(StatusCode::FORBIDDEN, &problem.message),
            Self::Way(problem @ OutwardError::Forbidden { .. }) => refusal(StatusCode::FORBIDDEN, &problem.to_string()),
            Self::Way(problem) => {
                refusal(StatusCode::BAD_GATEWAY, &format!("the service cannot be reached: {problem}"))
            }
        }
    }
}

/// What is kept of what is asked for, and under which key more would be.
struct Known {
    cache: Arc<Cache>,
    key: String,
    note: Option<Note>,
}

/// Where an answer is kept, under which key, with which headers.
type Keeping = (Arc<Cache>, String, Vec<(String, String)>);

impl Proxy {
    /// Answers a request that passed the guard.
    pub(super) async fn pass(self: &Arc<Self>, request: Request<Incoming>) -> Response<Carried> {
        let (parts, body) = request.into_parts();
        let target = match Target::of(&parts.uri, &self.tokens.trust()) {
            Ok(target) => target,
            Err(error) => return refusal(StatusCode::NOT_FOUND, &error.to_string()),
        };
        let upload = match Upload::of(body).await {
            Ok(upload) => upload,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("the upload broke off: {error}")),
        };
        let known = self.known(&parts, &upload, &target).await;
        let domain = self.tokens.domain(&target);
        if domain.is_away()
            && let Some(response) = self.stale(&parts, &target, known.as_ref()).await
        {
            return response;
        }
        let response = match self.asked(&parts, &target, &upload, known.as_ref()).await {
            Ok(response) => response,
            Err(problem) => {
                if problem.is_unreachable() {
                    domain.answered(false);
                    if let Some(response) = self.stale(&parts, &target, known.as_ref()).await {
                        return response;
                    }
                }
                return problem.response();
            }
        };
        let status = response.status();
        domain.answered(true);
        if status.is_server_error()
            && let Some(response) = self.stale(&parts, &target, known.as_ref()).await
        {
            return response;
        }
        if let Some(known) = &known {
            if status == StatusCode::NOT_MODIFIED
                && let Some(note) = known.note.as_ref().filter(|_| !is_conditional(&parts.headers))
            {
                known.cache.renew(note);
                if let Some(response) = self.kept(&parts, &target, known, note, "kept").await {
                    return response;
                }
                // It was spoilt, and is gone: the whole of it, once more.
                let unknown = Known { cache: Arc::clone(&known.cache), key: known.key.clone(), note: None };
                return match self.asked(&parts, &target, &upload, Some(&unknown)).await {
                    Ok(response) => self.given(response, &parts, &target, Some(&unknown)).await,
                    Err(problem) => problem.response(),
                };
            }
            if matches!(status.as_u16(), 401 | 403 | 404 | 410) {
                // Withdrawn, or no longer for this user: not to be had offline either.
                known.cache.forget(&known.key);
            }
        }
        self.given(response, &parts, &target, known.as_ref()).await
    }

    /// What is kept; nothing where an answer is not to be.
    async fn known(&self, parts: &Parts, upload: &Upload, target: &Target) -> Option<Known> {
        let cache = self.cache.as_ref()?;
        if parts.method != Method::GET || !upload.is_nothing() || parts.headers.contains_key(header::RANGE) {
            return None;
        }
        let scope = self.tokens.scope(target).ok()?;
        let accept = parts.headers.get(header::ACCEPT).filter(|_| !target.is_asset());
        let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let key = format!("{scope}\n{}\n{accept}", target.url);
        let (cache, wanted) = (Arc::clone(cache), key.clone());
        let looking = Arc::clone(&cache);
        let note = spawn_blocking(move || looking.find(&wanted)).await.ok().flatten();
        Some(Known { cache, key, note })
    }

    /// What is kept, as far as it may be served without the service.
    async fn stale(&self, parts: &Parts, target: &Target, known: Option<&Known>) -> Option<Response<Carried>> {
        let known = known?;
        let note = known.note.as_ref()?;
        if !target.is_asset() && note.age(self.clock.now()) > self.stale_for {
            return None;
        }
        self.kept(parts, target, known, note, "stale").await
    }

    /// What is kept, if it is still what it was.
    async fn kept(
        &self,
        parts: &Parts,
        target: &Target,
        known: &Known,
        note: &Note,
        from: &'static str,
    ) -> Option<Response<Carried>> {
        let mut response = Response::new(Carried::empty());
        for (name, value) in &note.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert(FROM, HeaderValue::from_static(from));
        let has_it = note.etag().is_some_and(|etag| has_already(&parts.headers, etag));
        if has_it {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let (cache, wanted) = (Arc::clone(&known.cache), note.clone());
            let is_document = rewrite::is_document(target, response.headers());
            let body = spawn_blocking(move || {
                let mut file = cache.content(&wanted)?;
                if !is_document {
                    return Some(Carried::file(file, wanted.size));
                }
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).ok()?;
                Some(Carried::Whole(Some(bytes.into())))
            });
            *response.body_mut() = match body.await.ok().flatten()? {
                Carried::Whole(Some(bytes)) => {
                    let listening = self.listening.to_string();
                    Carried::Whole(Some(rewrite::document(bytes.into(), target, &listening).into()))
                }
                body => body,
            };
        }
        rewrite::headers(response.headers_mut(), target, &self.listening.to_string());
        self.activity.kept.fetch_add(1, Ordering::Relaxed);
        Some(response)
    }

    /// Asks the service; once more with another token where it refuses the first.
    async fn asked(
        &self,
        parts: &Parts,
        target: &Target,
        upload: &Upload,
        known: Option<&Known>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let limit = if upload.is_nothing() { ANSWER } else { ANSWER_TO_UPLOAD };
        let token = self.tokens.token_for(target).await.map_err(NoAnswer::Token)?;
        let send = async |token: &AuthorizationToken| {
            let request = outgoing(parts, target, upload, known, token);
            self.outward.send(request, limit).await.map_err(NoAnswer::Way)
        };
        let response = send(&token).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let token = self.tokens.another(target, &token).await.map_err(NoAnswer::Token)?;
        send(&token).await
    }

    /// The service's answer as the client gets it, kept on the way where it may be.
    async fn given(
        &self,
        response: Response<Incoming>,
        parts: &Parts,
        target: &Target,
        known: Option<&Known>,
    ) -> Response<Carried> {
        let (mut head, body) = response.into_parts();
        for name in NOT_GIVEN {
            head.headers.remove(name);
        }
        let length = body.size_hint().exact();
        let known = known.filter(|_| head.status == StatusCode::OK);
        let kept: Vec<(String, String)> = KEPT
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), head.headers.get(*name)?.to_str().ok()?.to_owned())))
            .collect();
        head.headers.insert(FROM, HeaderValue::from_static("passed"));
        let is_document = rewrite::is_document(target, &head.headers);
        let listening = self.listening.to_string();
        rewrite::headers(&mut head.headers, target, &listening);
        let has_body = parts.method != Method::HEAD && head.status != StatusCode::NOT_MODIFIED;
        let body = if !has_body {
            if is_document {
                head.headers.remove(header::CONTENT_LENGTH);
            }
            Carried::empty()
        } else if is_document {
            head.headers.remove(header::CONTENT_LENGTH);
            match collected(body, &mut head.headers).await {
                Ok(bytes) => {
                    if let Some(Known { cache, key, .. }) = known {
                        let (cache, key, content) = (Arc::clone(cache), key.clone(), bytes.clone());
                        let keeping = spawn_blocking(move || {
                            let mut unfinished = cache.begin()?;
                            unfinished.write(&content)?;
                            cache.keep(unfinished, key, kept)
                        });
                        // A full disk is no reason to answer less.
                        drop(keeping.await);
                    }
                    Carried::Whole(Some(rewrite::document(bytes.into(), target, &listening).into()))
                }
                Err(error) => return refusal(StatusCode::BAD_GATEWAY, &format!("the answer broke off: {error}")),
            }
        } else {
            let known = known.filter(|_| !head.headers.contains_key(header::CONTENT_ENCODING) && target.is_asset());
            let kept = known.map(|known| (Arc::clone(&known.cache), known.key.clone(), kept));
            streamed(body, length, kept)
        };
        Response::from_parts(head, body)
    }
}

/// The request as the service gets it.
fn outgoing(
    parts: &Parts,
    target: &Target,
    upload: &Upload,
    known: Option<&Known>,
    token: &AuthorizationToken,
) -> Request<Carried> {
    let mut request = Request::new(upload.body());
    *request.method_mut() = parts.method.clone();
    // A target is made of an endpoint and a path that hyper took already.
    *request.uri_mut() = target.url.parse().unwrap_or_default();
    let of_connection = |name: &HeaderName| {
        let named = parts.headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        named.flat_map(|value| value.split(',')).any(|named| named.trim().eq_ignore_ascii_case(name.as_str()))
    };
    let headers = request.headers_mut();
    for (name, value) in &parts.headers {
        if !NOT_PASSED.contains(&name.as_str()) && !of_connection(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    // Nor in parts.
    if !target.is_asset() {
        headers.remove(header::RANGE);
    }
    // What is to be read here must not come packed.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(etag) = known.and_then(|known| known.note.as_ref()?.etag()).filter(|_| !is_conditional(&parts.headers))
        && let Ok(etag) = HeaderValue::from_str(etag)
    {
        headers.insert(header::IF_NONE_MATCH, etag);
    }
    if let Some(authorization) = authorization(target.endpoint.format(), token) {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    request
}

/// As the format's own clients bring it.
fn authorization(format: PackageFormat, token: &AuthorizationToken) -> Option<HeaderValue> {
    let text = Zeroizing::new(match format {
        PackageFormat::Npm | PackageFormat::Swift | PackageFormat::Generic => format!("Bearer {}", token.expose()),
        PackageFormat::Cargo => token.expose().to_owned(),
        PackageFormat::Pypi | PackageFormat::Maven | PackageFormat::Nuget | PackageFormat::Ruby => {
            let pair = Zeroizing::new(format!("aws:{}", token.expose()));
            format!("Basic {}", STANDARD.encode(pair.as_bytes()))
        }
    });
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_conditional(headers: &HeaderMap) -> bool {
    let conditions = [header::IF_NONE_MATCH, header::IF_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE];
    conditions.iter().any(|name| headers.contains_key(name))
}

/// Weak comparison, as `If-None-Match` asks for.
fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

/// A document as text, unpacked where the service packed it nevertheless.
async fn collected(body: Incoming, headers: &mut HeaderMap) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let bytes =
        tokio::time::timeout(ANSWER_TO_UPLOAD, Limited::new(body, LARGEST_DOCUMENT).collect()).await??.to_bytes();
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(bytes),
        Some(b"gzip") => {
            headers.remove(header::CONTENT_ENCODING);
            let unpacked = spawn_blocking(move || {
                let mut unpacked = Vec::new();
                let limit = LARGEST_DOCUMENT as u64;
                flate2::read::MultiGzDecoder::new(&*bytes).take(limit).read_to_end(&mut unpacked)?;
                io::Result::Ok(unpacked)
            });
            Ok(unpacked.await??.into())
        }
        Some(_) => Err("it is packed in a way that nobody asked for".into()),
    }
}

/// To the client as it comes, and into the cache at the same time.
///
/// The last piece waits until the rest is kept: whoever has the whole of it finds it there from then on.
fn streamed(mut body: Incoming, length: Option<u64>, kept: Option<Keeping>) -> Carried {
    let (to_client, pieces) = mpsc::channel(PIECES);
    let (to_disk, mut on_disk) = mpsc::channel::<Bytes>(PIECES);
    let writing = kept.map(|(cache, key, headers)| {
        let beginning = Arc::clone(&cache);
        let writing = spawn_blocking(move || {
            let mut unfinished = beginning.begin()?;
            while let Some(piece) = on_disk.blocking_recv() {
                unfinished.write(&piece)?;
            }
            io::Result::Ok(unfinished)
        });
        (writing, cache, key, headers)
    });
    tokio::spawn(async move {
        let mut last: Option<Bytes> = None;
        let broken = loop {
            let frame = match tokio::time::timeout(STALL, body.frame()).await {
                Err(_) => break Some(io::ErrorKind::TimedOut.into()),
                Ok(None) => break None,
                Ok(Some(Err(error))) => break Some(io::Error::other(error)),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            if writing.is_some() {
                // A writer that gave up says so at the end.
                let _ = to_disk.send(piece.clone()).await;
            }
            if let Some(previous) = last.replace(piece)
                && to_client.send(Ok(previous)).await.is_err()
            {
                // The client went away; what is unfinished goes, too.
                return;
            }
        };
        drop(to_disk);
        if let Some(error) = broken {
            let _ = to_client.send(Err(error)).await;
            return;
        }
        if let Some((writing, cache, key, headers)) = writing
            && let Ok(Ok(unfinished)) = writing.await
        {
            // A full disk is no reason to answer less.
            drop(spawn_blocking(move || cache.keep(unfinished, key, headers)).await);
        }
        if let Some(last) = last {
            let _ = to_client.send(Ok(last)).await;
        }
    });
    Carried::Pieces { pieces, left: length }
}
