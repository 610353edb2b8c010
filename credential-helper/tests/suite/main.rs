//! The programs as package managers see them: processes with arguments, streams and a status.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod answers;
mod explain;
mod hand_over;
mod links;
mod secrecy;
mod support;
mod usage;
