//! The service over the wire: raw sockets, so that nothing rewrites what is sent.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

mod cargo;
mod client;
mod contract;
mod control;
mod crash;
mod events;
mod external;
mod faults;
mod generic;
mod groups;
mod guard;
mod maven;
mod npm;
mod nuget;
mod policies;
mod pypi;
mod race;
mod source;
mod start;
mod swift;
