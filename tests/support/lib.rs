//! What the journeys stand on.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`sandbox`] | [`Sandbox`]: a home of its own, a cleared environment, keyrings of its own, and a sweep for secrets |
//! | [`program`] | [`Program`], [`Outcome`], [`Running`]: one run of ours or of a real client, bounded in time |
//! | [`programs`] | where the programs under test and the real clients are |
//! | [`service`] | [`Service`]: the embedded service as a child process |
//! | [`source`] | [`Source`]: a public source on loopback, served from a folder |
//! | [`npm_packages`] | npm packages for such a source, packed without npm |
//! | [`control_plane`] | [`ScriptedControlPlane`]: a service that fails, hangs or plants a token, as told |
//! | [`asking`] | every protocol's way to ask for one token |
//! | [`conversation`] | cargo's credential protocol, from cargo's side |
//! | [`helper_on_path`] | [`HelperOnPath`]: the helper as clients find it, and how often they start it |
//! | [`keyrings`] | [`Keyrings`]: kernel keyrings nobody else sees |
//! | [`session_bus`] | [`SessionBus`]: a private D-Bus session with a real Secret Service, or one that never answers |
//! | [`trace`] | [`Trace`]: the system calls of a run |
//! | [`canary`] | [`Canary`]: a secret in all the spellings it could leak in |
//! | [`sample`] | [`SampleWorkspace`]: a cargo workspace of five crates, and a project that uses it |
//! | [`redaction`] | what differs between two runs, replaced by its name |
//!
//! Invariants: a run that is not inspected does not compile without a warning; nothing waits without a limit; only
//! processes started here are ended, by their id; the network is 127.0.0.1.

#![expect(clippy::missing_panics_doc, reason = "panicking is how a test says no")]
#![expect(clippy::print_stdout, reason = "a test says what it leaves out where the harness looks")]

pub mod asking;
pub mod canary;
pub mod control_plane;
pub mod conversation;
pub mod helper_on_path;
pub mod keyrings;
pub mod npm_packages;
pub mod program;
pub mod programs;
pub mod redaction;
pub mod sample;
pub mod sandbox;
pub mod service;
pub mod session_bus;
pub mod source;
pub mod trace;

pub use asking::Asking;
pub use canary::Canary;
pub use control_plane::{ScriptedAnswer, ScriptedControlPlane};
pub use helper_on_path::HelperOnPath;
pub use keyrings::Keyrings;
pub use program::{Outcome, Program, Running};
pub use sample::SampleWorkspace;
pub use sandbox::Sandbox;
pub use service::Service;
pub use session_bus::SessionBus;
pub use source::Source;
pub use trace::Trace;
