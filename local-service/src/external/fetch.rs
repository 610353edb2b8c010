//! Assets of public sources: into the store, and to the client at the same time.
//!
//! One request for an asset, however many clients want it at once: the first one's is carried on to its end even if
//! that client goes away, the others wait and are served from the store. What a client got whole is kept: the last
//! bytes are sent when the record is committed. What does not have the announced digest is not kept, and the
//! connection to the client is cut.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ExternalError, documents};
use crate::{
    assets::{Expected, Pin, Upload},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{
        Reply,
        answer::{AnswerBody, Streamed},
    },
    resolve::Source,
    service::Service,
    state::{Asset, DomainKey, NewVersion, RepositoryKey, Version},
};

/// Pieces on their way to the client.
const PIECES: usize = 4;

/// An asset to be fetched, and the version that it is part of.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(crate) source: Source,
    /// Below the source's address, or a whole URL that the source gave.
    pub(crate) link: String,
    /// The asset's name in the version.
    pub(crate) asset: String,
    /// What the source announced.
    pub(crate) expected: Expected,
    /// The version as the source describes it, without this asset.
    pub(crate) new: NewVersion,
    /// Makes one listing of the one that is there and the one that comes.
    pub(crate) merge: fn(&str, &str) -> Box<str>,
}

/// Which asset of which domain is being fetched.
type Flight = (DomainKey, String);

/// Fetches in progress.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Flight, watch::Receiver<()>>>);

enum Role {
    /// Fetches; the others learn of its end when this is dropped.
    Leader(watch::Sender<()>),
    Follower(watch::Receiver<()>),
}

impl Flights {
    fn join(&self, flight: &Flight) -> Role {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match flights.get(flight) {
            // One whose leader is gone is over.
            Some(ended) if ended.has_changed().is_ok() => Role::Follower(ended.clone()),
            _ => {
                let (leading, ended) = watch::channel(());
                flights.insert(flight.clone(), ended);
                Role::Leader(leading)
            }
        }
    }

    fn leave(&self, flight: &Flight) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(flight);
    }
}

/// What came of the beginning of a fetch.
enum Begun {
    /// The answer goes to the client as it comes; its length is known.
    Streaming(Reply),
    /// The asset is stored.
    Stored(Arc<Version>),
}

impl Visit<'_> {
    /// Fetches an asset that is not stored, keeps it, and gives it to the client.
    pub(crate) async fn fetch(&self, fetch: Fetch, content_type: &'static str) -> Result<Reply, Refusal> {
        // What is not sent from the first byte to the last is sent from the store.
        let whole = self.method == hyper::Method::GET && !self.headers.contains_key(header::RANGE);
        let name = fetch.asset.clone();
        match begin(self.service, &self.repository, fetch, whole.then_some(content_type)).await? {
            Begun::Streaming(reply) => Ok(reply),
            Begun::Stored(version) => {
                let asset = version.asset(&name).ok_or_else(|| Failure::not_found(ResourceKind::Asset, name))?;
                self.asset(asset, content_type)
            }
        }
    }
}

/// Fetches an asset that is not stored and keeps it; returns the version that has it.
pub(crate) async fn fetch(
    service: &Arc<Service>,
    addressed: &RepositoryKey,
    fetch: Fetch,
) -> Result<Arc<Version>, Refusal> {
    match begin(service, addressed, fetch, None).await? {
        Begun::Stored(version) => Ok(version),
        Begun::Streaming(_) => unreachable!("nothing is streamed where no content type is given"),
    }
}

async fn begin(
    service: &Arc<Service>,
    addressed: &RepositoryKey,
    fetch: Fetch,
    stream_as: Option<&'static str>,
) -> Result<Begun, Refusal> {
    let flight = (addressed.domain.clone(), format!("{}\0{}", fetch.source.connection, fetch.link));
    loop {
        match service.external.flights.join(&flight) {
            Role::Follower(mut ended) => {
                // An error says that the leader is gone: then it has succeeded, or it is this one's turn.
                drop(ended.changed().await);
                if let Some(version) = share(service, addressed, &fetch).await? {
                    return Ok(Begun::Stored(version));
                }
            }
            Role::Leader(leading) => {
                let led = lead(service, addressed, fetch, stream_as, (flight.clone(), leading)).await;
                if led.is_err() {
                    service.external.flights.leave(&flight);
                }
                return led;
            }
        }
    }
}

/// Somebody else has fetched it meanwhile: its record is enough.
async fn share(
    service: &Arc<Service>,
    addressed: &RepositoryKey,
    fetch: &Fetch,
) -> Result<Option<Arc<Version>>, Refusal> {
    let state = service.journal.snapshot();
    let store = RepositoryKey { domain: addressed.domain.clone(), name: fetch.source.repository.clone() };
    let (_, repository) = state.repository(&store)?;
    let stored =
        repository.package_like(&fetch.new.package).and_then(|package| package.version_like(&fetch.new.version));
    let Some(asset) = stored.and_then(|version| version.asset(&fetch.asset)).cloned() else {
        return Ok(None);
    };
    let (addressed, fetch) = (addressed.clone(), fetch.clone());
    let new = inspected(service, &addressed.domain, asset, fetch.new).await;
    let version =
        service.journal.apply(move |draft| draft.ingest(&addressed, &fetch.source, &new, fetch.merge)).await?;
    Ok(Some(version))
}

/// The version with the asset, and with what its format reads out of that.
async fn inspected(service: &Service, domain: &DomainKey, asset: Asset, new: NewVersion) -> NewVersion {
    let name = asset.name.clone();
    let content =
        new.inspect.and_then(|inspect| Some((inspect, service.assets.open(domain, &asset.digests.sha256).ok()?)));
    let mut new = NewVersion { assets: vec![asset], ..new };
    let Some((inspect, content)) = content else { return new };
    let unread = new.clone();
    let inspecting = tokio::task::spawn_blocking(move || {
        inspect(content, &name, &mut new);
        new
    });
    inspecting.await.unwrap_or(unread)
}

async fn lead(
    service: &Arc<Service>,
    addressed: &RepositoryKey,
    fetch: Fetch,
    stream_as: Option<&'static str>,
    flight: (Flight, watch::Sender<()>),
) -> Result<Begun, Refusal> {
    let external = &service.external;
    let connection = fetch.source.connection;
    let address = external.address(connection).await?;
    service.counters.called("external:asset");
    let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))];
    let asked = external.client().get(connection, address, address.resolve(&fetch.link)?, &headers).await;
    let (_, response) = asked.inspect_err(|_| service.counters.failed("external:asset"))?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(Failure::not_found(ResourceKind::Asset, fetch.asset).into());
        }
        status => return Err(ExternalError::Status { connection, status }.into()),
    }
    let length = response.body().size_hint().exact();
    let (pieces, client) = match (stream_as, length) {
        (Some(content_type), Some(length)) => {
            let (pieces, client) = mpsc::channel(PIECES);
            let mut reply = Response::new(AnswerBody::Streamed(Streamed::new(client, length)));
            reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            (Some(pieces), Some(reply))
        }
        _ => (None, None),
    };
    let (done, outcome) = oneshot::channel();
    let carrying = Carrying {
        service: Arc::clone(service),
        addressed: addressed.clone(),
        fetch,
        client: pieces.map(|pieces| ToClient { pieces, held_back: None, patience: service.limits.body_idle }),
    };
    // A task of its own: it goes on when the client goes away.
    tokio::spawn(async move {
        let (flight, leading) = flight;
        let service = Arc::clone(&carrying.service);
        let outcome = carrying.carry(response.into_body()).await;
        if outcome.is_err() {
            service.counters.failed("external:asset");
        }
        service.external.flights.leave(&flight);
        drop(leading);
        // Nobody listens where the answer is streamed.
        drop(done.send(outcome));
    });
    if let Some(reply) = client {
        return Ok(Begun::Streaming(reply));
    }
    outcome.await.map_err(|_| Failure::internal("the fetch was stopped"))?.map(Begun::Stored)
}

/// One asset on its way from a source.
struct Carrying {
    service: Arc<Service>,
    addressed: RepositoryKey,
    fetch: Fetch,
    client: Option<ToClient>,
}

/// The way to the client that asked first.
struct ToClient {
    pieces: mpsc::Sender<std::io::Result<Bytes>>,
    /// Sent when the next one comes, or when all is kept.
    held_back: Option<Bytes>,
    /// A client that takes nothing for this long is left behind: others wait for the asset.
    patience: Duration,
}

impl ToClient {
    async fn send(&mut self, bytes: Bytes) -> bool {
        match self.held_back.replace(bytes) {
            Some(before) => self.pieces.send_timeout(Ok(before), self.patience).await.is_ok(),
            None => true,
        }
    }

    async fn end(self, kept: bool) {
        let last = if kept { self.held_back.map(Ok) } else { Some(Err(std::io::ErrorKind::ConnectionAborted.into())) };
        if let Some(last) = last {
            drop(self.pieces.send_timeout(last, self.patience).await);
        }
    }
}

impl Carrying {
    async fn carry(mut self, body: Incoming) -> Result<Arc<Version>, Refusal> {
        let outcome = self.keep(body).await;
        if let Some(client) = self.client {
            client.end(outcome.is_ok()).await;
        }
        outcome
    }

    async fn keep(&mut self, mut body: Incoming) -> Result<Arc<Version>, Refusal> {
        let connection = self.fetch.source.connection;
        let mut upload = Upload::new(&self.service.assets);
        while let Some(bytes) = documents::next(connection, &mut body).await? {
            if let Some(client) = &mut self.client
                && !client.send(bytes.clone()).await
            {
                self.client = None;
            }
            upload.push(bytes).await.map_err(|_| ExternalError::Storage)?;
        }
        let pin = upload.keep(self.addressed.domain.clone(), None).await.map_err(|_| ExternalError::Storage)?;
        self.fetch.expected.check(pin.digests()).map_err(|other| ExternalError::OtherContent {
            connection,
            algorithm: other.algorithm,
            expected: other.expected,
            found: other.found,
        })?;
        self.commit(pin).await
    }

    async fn commit(&self, pin: Pin) -> Result<Arc<Version>, Refusal> {
        let Fetch { source, asset, new, merge, .. } = self.fetch.clone();
        let asset = Asset { name: asset, size: pin.size(), digests: pin.digests().clone() };
        let addressed = self.addressed.clone();
        let new = inspected(&self.service, &addressed.domain, asset, new).await;
        let kept = self.service.journal.apply(move |draft| draft.ingest(&addressed, &source, &new, merge)).await;
        // Only now may the asset be collected, if nothing refers to it.
        drop(pin);
        Ok(kept?)
    }
}
