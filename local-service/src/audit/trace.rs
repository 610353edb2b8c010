//! What is noted of a request while it is served.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use codeartifact::Region;
use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    header::{self, HeaderName, HeaderValue},
    http::uri::PathAndQuery,
};

use super::Audit;
use crate::{
    http::{Reply, answer::AnswerBody},
    policy::Principal,
    service::Service,
    state::Millis,
};

/// Bytes of what a client calls itself.
const AGENT: usize = 512;
/// The exception of a refused operation.
const EXCEPTION: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// A call that is being served. Dropped, it goes to the trail: also if the client went away meanwhile.
#[derive(Default)]
pub(crate) struct Trace {
    call: Option<(Arc<Audit>, Record, Heard)>,
    /// The one that the caller's token, or signature, is for.
    region: Option<Region>,
    /// The package that a request's body names.
    pub(crate) noted: OnceLock<Noted>,
}

/// All that the line of a call is made of, but what its header says ([`Heard`]).
pub(super) struct Record {
    /// The number in the request's id.
    pub(super) number: u64,
    pub(super) time: Millis,
    /// The operation's name; of a package manager's request what the counters call it.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) peer: IpAddr,
    pub(super) caller: Option<Arc<Principal>>,
    pub(super) access_key: Option<String>,
    pub(super) region: Option<Region>,
    /// The JSON of a call: never an asset.
    pub(super) body: Bytes,
    pub(super) outcome: Outcome,
    pub(super) noted: Option<Noted>,
}

/// What became of a call.
pub(super) enum Outcome {
    /// The client went away before there was an answer.
    Abandoned,
    /// The connection was cut by a fault rule.
    Cut,
    Done,
    Refused {
        status: StatusCode,
        exception: Option<HeaderValue>,
        body: Bytes,
    },
}

/// A change of a package, once its name is known.
#[derive(Debug)]
pub(crate) struct Noted {
    /// As policies name it: `codeartifact:PublishPackageVersion`.
    pub(crate) action: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
}

/// What a line has of a request's header. It keeps the whole buffer that the header was read into, so it does not
/// outlive the request: the text is copied then.
struct Heard {
    uri: Uri,
    agent: Option<HeaderValue>,
}

impl Heard {
    /// Path and query, as they were sent.
    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }

    /// What the client calls itself, as much of it as a line has.
    fn agent(&self) -> &str {
        let agent = self.agent.as_ref().and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        &agent[..agent.floor_char_boundary(AGENT)]
    }
}

impl Trace {
    /// Begins to note what becomes of a request, if there is a trail.
    pub(crate) fn begin(
        &mut self,
        service: &Service,
        number: u64,
        operation: &'static str,
        (method, uri, headers, peer): (&Method, &Uri, &HeaderMap, IpAddr),
    ) {
        let Some(audit) = &service.audit else { return };
        let record = Record {
            number,
            time: service.clock.millis(),
            operation,
            method: method.clone(),
            peer,
            caller: None,
            access_key: None,
            region: None,
            body: Bytes::new(),
            outcome: Outcome::Abandoned,
            noted: None,
        };
        let heard = Heard { uri: uri.clone(), agent: headers.get(header::USER_AGENT).cloned() };
        self.call = Some((Arc::clone(audit), record, heard));
    }

    fn record(&mut self) -> Option<&mut Record> {
        self.call.as_mut().map(|(_, record, _)| record)
    }

    /// It is certain who calls.
    pub(crate) fn caller(&mut self, caller: &Arc<Principal>, region: &Region, access_key: Option<&str>) {
        self.region = Some(region.clone());
        if let Some(record) = self.record() {
            record.caller = Some(Arc::clone(caller));
            record.access_key = access_key.map(ToOwned::to_owned);
        }
    }

    /// The Region of a caller who is known.
    pub(crate) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The parameters that are not in the query.
    pub(crate) fn body(&mut self, body: &Bytes) {
        if let Some(record) = self.record() {
            record.body = body.clone();
        }
    }

    pub(crate) fn answered(&mut self, reply: &Reply) {
        let Some(record) = self.record() else { return };
        let status = reply.status();
        record.outcome = if status.is_client_error() || status.is_server_error() {
            let body = if let AnswerBody::Bytes(body) = reply.body() { body.clone() } else { Bytes::new() };
            Outcome::Refused { status, exception: reply.headers().get(EXCEPTION).cloned(), body }
        } else {
            Outcome::Done
        };
    }

    pub(crate) fn cut(&mut self) {
        if let Some(record) = self.record() {
            record.outcome = Outcome::Cut;
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some((audit, mut record, heard)) = self.call.take() {
            record.noted = self.noted.take();
            record.region = self.region.take();
            audit.push(record, heard.target(), heard.agent());
        }
    }
}
