//! AWS CodeArtifact in one process: for trying, testing and offline work.
//!
//! [`LocalService::start`] serves the control plane (`/v1/…`, for the AWS tools with `AWS_ENDPOINT_URL_CODEARTIFACT`)
//! and the data plane (`/d/DOMAIN-OWNER/FORMAT/REPOSITORY/`, for the package managers) on one loopback port. What it
//! acknowledges is on the disk.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `service` | [`LocalService`]: options, start, stop |
//! | `http` | connections, the guard against web pages, bodies, ranges |
//! | `control` | the API's operations over HTTP: translation only |
//! | `formats` | the data plane, one file or folder per package format: translation only |
//! | `state` | the model, its transitions, and the one writer that makes them durable |
//! | `resolve` | where a version is looked for |
//! | `external` | public sources: which there are, and fetching from them |
//! | `events` | what is told of versions that change: the shape, and handing it over |
//! | `audit` | a line for every call |
//! | `ledger` | a file of lines |
//! | `notices` | what is told to whoever runs the service |
//! | `assets` | the content-addressed store |
//! | `tls` | the authority behind the optional TLS |
//! | `tokens`, `identity` | who calls: tokens, signatures, the file of identities |
//! | `policy` | who may do what |
//! | `faults`, `counters` | scripted failures, and what was called |
//! | `recent`, `aside` | a bounded memory; work that is too long for the threads that serve |
//!
//! Invariants: a token is checked on every data-plane request. A transition is pure: it sees the model and the time.
//! An answer is never ahead of the disk, and no reader waits for it. No name that a client chose becomes part of a
//! path. What the service's documentation leaves open is chosen here, and said where it is chosen. Unless
//! [`Identities`] say otherwise, the signature of control-plane requests is read for its Region and not verified: every
//! key pair is the same account's, [`ACCOUNT`].
#![forbid(unsafe_code)]

mod aside;
mod assets;
mod audit;
mod clock;
mod control;
mod counters;
mod events;
mod external;
mod failure;
mod faults;
mod formats;
mod http;
mod identity;
mod ledger;
mod notices;
mod policy;
mod recent;
mod resolve;
mod service;
mod state;
mod tls;
mod tokens;

pub use audit::AuditReceiver;
pub use clock::Clock;
pub use counters::Calls;
pub use events::{EventReceiver, EventReceiverError, HookAddress};
pub use external::{
    Connection, Outward, OutwardError, Proxies, SourceAddress, SourceAddressError, SourceFinder, UnknownConnection,
};
pub use faults::{Cut, FaultError, FaultRule};
pub use identity::{ACCOUNT, Identities, IdentityError};
pub use notices::Notices;
pub use service::{Data, Limits, LocalService, Options, StartError, read_faults};
pub use tls::TlsError;
