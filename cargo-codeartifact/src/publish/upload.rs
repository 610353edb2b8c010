//! The way of a packed crate into the repository: one `PUT`, then the index until the version shows in it.
//!
//! What counts is what is stored, not what an answer says: after a 409, a failure of the service or a broken
//! connection the repository is read again, and the same bytes found there are a success. The token goes to the
//! repository's own endpoint only: no redirect is followed, and the loopback never through a proxy.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use clients::cargo::publish::{index_entry, index_path};
use codeartifact::{Authorize, Endpoint, Host};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy, SendBody};

use super::error::PublishError;
use super::pack::PackedCrate;
use super::stored::{Repository, Stored};

/// How often a request that may succeed later is sent.
const TRIES: u32 = 4;
/// The first pause between tries, doubled for each.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
/// The longest pause, whatever `Retry-After` asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a version may take to show in the index after it was accepted; cargo waits as long.
const VISIBLE_WITHIN: Duration = Duration::from_mins(1);
/// The most of an answer that is read: an index file of a crate with tens of thousands of versions fits.
const MOST_ANSWER: u64 = 64 << 20;
/// The most of a refusal that is read.
const MOST_DETAIL: u64 = 64 << 10;

/// A repository endpoint with a token to it.
pub(super) struct Registry<'a> {
    agent: Agent,
    endpoint: &'a Endpoint,
    authorize: &'a dyn Authorize,
    visible_within: Duration,
}

/// How an upload ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Uploaded {
    /// These bytes are stored.
    Stored,
    /// Someone else was first, with the same content; its SHA-256.
    SomeoneElses(String),
}

/// What became of a request.
enum Answer {
    /// It was accepted.
    Accepted,
    /// It was refused, and will be again.
    Refused { status: u16, detail: String },
    /// It may have been carried out or not.
    Unknown { pause: Option<Duration>, error: PublishError },
}

impl<'a> Registry<'a> {
    /// The registry at `endpoint`, reached as the environment says.
    pub(super) fn new(endpoint: &'a Endpoint, authorize: &'a dyn Authorize, host: &Host) -> Result<Self, PublishError> {
        let tls = TlsConfig::builder().root_certs(roots(host)?).build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(if endpoint.is_loopback() { None } else { proxy(host)? })
            .tls_config(tls)
            .user_agent(concat!("cargo-codeartifact/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_write(Some(Duration::from_mins(1)))
            .timeout_recv_response(Some(Duration::from_mins(1)))
            .timeout_per_read(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Ok(Self { agent, endpoint, authorize, visible_within: VISIBLE_WITHIN })
    }

    /// Uploads a crate whose version was free a moment ago.
    pub(super) fn upload(
        &self,
        krate: &PackedCrate,
        repository: &Repository<'_>,
        scratch: &std::path::Path,
    ) -> Result<Uploaded, PublishError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (pause, error) = match self.put(krate)? {
                Answer::Accepted => return Ok(Uploaded::Stored),
                Answer::Refused { status: 409, detail } => match repository.compare(krate, scratch)? {
                    Stored::Identical(sha256) if sha256 == krate.sha256 => return Ok(Uploaded::Stored),
                    Stored::Identical(sha256) => return Ok(Uploaded::SomeoneElses(sha256)),
                    // The version is not here: it is reachable upstream, or the name is not to be published.
                    Stored::Nothing => return Err(self.refused(krate, 409, detail)),
                },
                Answer::Refused { status, detail } => return Err(self.refused(krate, status, detail)),
                Answer::Unknown { pause, error } => (pause, error),
            };
            if repository.digest(krate)?.as_ref() == Some(&krate.sha256) {
                return Ok(Uploaded::Stored);
            }
            if tries == TRIES {
                return Err(error);
            }
            thread::sleep(pause.unwrap_or_else(|| backoff(tries)));
        }
    }

    fn put(&self, krate: &PackedCrate) -> Result<Answer, PublishError> {
        let too_large = || PublishError::TooLarge {
            krate: krate.name.clone(),
            version: krate.version.clone(),
            size: krate.size,
            limit: u64::from(u32::MAX),
        };
        let upload = krate.metadata()?.upload(krate.size).ok_or_else(too_large)?;
        let length = upload.head.len() as u64 + krate.size;
        let url = format!("{}{}", self.endpoint.base_url(), upload.path);
        let mut body = upload.head.as_slice().chain(krate.open()?.take(krate.size));
        let token = self.authorize.token_for(self.endpoint)?;
        let request = self
            .agent
            .put(&url)
            .header("Authorization", token.expose())
            .header("Accept", "application/json")
            .header("Content-Length", length.to_string());
        drop(token);
        match request.send(SendBody::from_reader(&mut body)) {
            Ok(mut response) => {
                let status = response.status().as_u16();
                let pause = retry_after(&response);
                let detail = detail(response.body_mut());
                Ok(match status {
                    200..=299 => Answer::Accepted,
                    429 | 500..=599 => Answer::Unknown { pause, error: self.refused(krate, status, detail) },
                    _ => Answer::Refused { status, detail },
                })
            }
            Err(source) => Ok(Answer::Unknown { pause: None, error: PublishError::Unreachable { url, source } }),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as what the registry did")]
    fn refused(&self, krate: &PackedCrate, status: u16, detail: String) -> PublishError {
        PublishError::Refused { krate: krate.name.clone(), version: krate.version.clone(), status, detail }
    }

    /// Waits until the index shows the version with this digest, so that whoever depends on it finds it.
    pub(super) fn wait_until_visible(&self, krate: &PackedCrate, sha256: &str) -> Result<(), PublishError> {
        let url = format!("{}{}", self.endpoint.base_url(), index_path(&krate.name));
        let started = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            if let Some(shown) = self.shown(&url, krate)? {
                if shown.eq_ignore_ascii_case(sha256) {
                    return Ok(());
                }
                let (krate, version, sent) = (krate.name.clone(), krate.version.clone(), sha256.to_owned());
                return Err(PublishError::OtherDigest { krate, version, shown, sent });
            }
            if started.elapsed() + pause > self.visible_within {
                let seconds = self.visible_within.as_secs();
                return Err(PublishError::NotVisible {
                    krate: krate.name.clone(),
                    version: krate.version.clone(),
                    seconds,
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// The digest that the index shows for a version; `None` where it does not show, or the service is busy.
    fn shown(&self, url: &str, krate: &PackedCrate) -> Result<Option<String>, PublishError> {
        let token = self.authorize.token_for(self.endpoint)?;
        let request = self.agent.get(url).header("Authorization", token.expose()).header("Accept", "text/plain");
        drop(token);
        let Ok(mut response) = request.call() else { return Ok(None) };
        match response.status().as_u16() {
            200 => {
                let text = response.body_mut().with_config().limit(MOST_ANSWER).read_to_string();
                Ok(text.ok().and_then(|text| index_entry(&text, &krate.version)).map(|entry| entry.cksum))
            }
            404 | 410 | 429 | 451 | 500..=599 => Ok(None),
            status => {
                let detail = detail(response.body_mut());
                Err(PublishError::IndexRefused { krate: krate.name.clone(), status, detail })
            }
        }
    }
}

/// What a refusal says: the registry API's `errors`, the service's `message`, or the start of anything else.
fn detail(body: &mut Body) -> String {
    let mut bytes = Vec::new();
    // What could be read of a torn answer still says more than nothing.
    let _ = body.as_reader().take(MOST_DETAIL).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else {
        return text.chars().take(300).collect();
    };
    let errors = json["errors"].as_array().into_iter().flatten();
    let details: Vec<_> = errors.filter_map(|error| error["detail"].as_str()).collect();
    match (details.is_empty(), json["message"].as_str()) {
        (false, _) => details.join("; "),
        (true, Some(message)) => message.to_owned(),
        (true, None) => String::new(),
    }
}

fn retry_after(response: &ureq::http::Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// A pause between half and all of the doubled one, so that many who failed together do not come back together.
fn backoff(tries: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << tries.min(8).saturating_sub(1)).min(LONGEST_PAUSE);
    let share = RandomState::new().hash_one(tries) % 1000;
    whole / 2 + (whole / 2).mul_f64(f64::from(u16::try_from(share).unwrap_or_default()) / 1000.0)
}

/// The proxy that the environment names for HTTPS, with its exceptions.
fn proxy(host: &Host) -> Result<Option<Proxy>, PublishError> {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let Some(address) = host.var(name) else { continue };
        let unusable = |source: ureq::Error| PublishError::Connection { name, source: Box::new(source) };
        let plain = Proxy::new(address).map_err(unusable)?;
        let Some(exceptions) = host.var("NO_PROXY").or_else(|| host.var("no_proxy")) else { return Ok(Some(plain)) };
        let mut builder = Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
        if let Some(user) = plain.username() {
            builder = builder.username(user);
        }
        if let Some(password) = plain.password() {
            builder = builder.password(password);
        }
        for exception in exceptions.split(',').map(str::trim).filter(|exception| !exception.is_empty()) {
            builder = builder.no_proxy(exception);
        }
        return builder.build().map(Some).map_err(unusable);
    }
    Ok(None)
}

/// The certificates trusted: those of `AWS_CA_BUNDLE`, as for the AWS tools, else the well-known ones.
fn roots(host: &Host) -> Result<RootCerts, PublishError> {
    const NAME: &str = "AWS_CA_BUNDLE";
    let Some(path) = host.var_os(NAME) else { return Ok(RootCerts::WebPki) };
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| PublishError::Connection { name: NAME, source };
    let pem = std::fs::read(path).map_err(|source| unusable(source.into()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|source| unusable(source.into()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(unusable("the file holds no certificate".into()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
