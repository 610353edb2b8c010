//! Events: what is told to the outside of versions that change.
//!
//! Every change of a version is written down in the transaction that makes it (see `state::VersionEvent`), and told
//! after that in the shape in which EventBridge hands it on: detail type `CodeArtifact Package Version State Change`.
//! Told are publishing, a further asset, copying, a change of status, disposal, deletion (one event per version),
//! retention in a downstream repository and what comes through an external connection (one for each repository that
//! keeps it); not told are reads, and changes of domains, repositories and policies.
//!
//! A receiver (`--events FILE|-|URL`) gets every event in order and at least once, across crashes too: how far it has
//! them is kept beside the events. One that fails is tried again after a growing pause, up to half a minute, for ever;
//! nobody waits for it meanwhile. A receiver that is named for the first time gets what happens from then on.
//!
//! `GET /_local/events?after=N&limit=M` reads what is kept, from the number after N (which is the event's
//! `sequenceNumber`), M numbers at most. Kept are the newest 10,000 events, and beyond that those that the receiver of
//! this run has not got yet; removing is done 256 at a time, so there may be as many more.
//!
//! The service documents that an event goes to the domain's owner and to the repository's administrator: `account`
//! is the receiver's, and there are two if the accounts differ. One counter numbers all events, so a package's numbers
//! grow and have gaps. The form of `id` and `eventDeduplicationId` is chosen here, and the same in every delivery.

mod delivery;
mod envelope;
mod hook;
mod receiver;

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;

pub(crate) use delivery::Delivery;
pub use receiver::{EventReceiver, EventReceiverError, HookAddress};

use crate::{
    http::{
        Query, Reply,
        answer::{json, reply},
    },
    service::Service,
};

/// Numbers in one page: what is given if nothing is asked for, and the most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// Answers `GET /_local/events`.
pub(crate) fn page(service: &Arc<Service>, query: &Query) -> Reply {
    let number = |name: &str, default: u64| query.get(name).map_or(Ok(default), str::parse);
    let wrong = |message: &str| json(StatusCode::BAD_REQUEST, &json!({ "message": message }));
    let Ok(after) = number("after", 0) else { return wrong("`after` must be the number of an event, or 0") };
    let limit = number("limit", PAGE as u64).ok().and_then(|limit| usize::try_from(limit).ok());
    let Some(limit) = limit.filter(|limit| (1..=LARGEST_PAGE).contains(limit)) else {
        return wrong("`limit` must be a number from 1 to 1000");
    };
    let reach = service.journal.log().reach();
    let Ok(events) = service.journal.events(after, limit) else {
        return json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": "the events cannot be read" }));
    };
    let next = events.last().map_or(after, |(number, _)| *number);
    let lines: Vec<String> = events.iter().flat_map(|(number, event)| envelope::envelopes(*number, event)).collect();
    // The envelopes are JSON already, in the order of members in which they are delivered.
    let delivered = reach.delivered.map_or_else(String::new, |number| format!(",\"delivered\":{number}"));
    let body = format!(
        "{{\"first\":{},\"last\":{}{delivered},\"next\":{next},\"events\":[{}]}}",
        reach.first,
        reach.last,
        lines.join(",")
    );
    reply(StatusCode::OK, "application/json", body)
}
