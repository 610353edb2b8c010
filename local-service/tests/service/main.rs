//! The service over the wire: raw sockets, so that nothing rewrites what is sent.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

mod attachments;
mod audit;
#[cfg(target_os = "linux")]
mod bombs;
mod cargo;
mod child;
mod client;
mod contract;
mod control;
mod crash;
mod cut;
mod damage;
#[cfg(target_os = "linux")]
mod disk;
mod events;
mod external;
mod faults;
mod formats;
mod generic;
mod gradle;
mod groups;
mod guard;
mod hostile;
#[cfg(target_os = "linux")]
mod kill;
mod many;
mod maven;
#[cfg(target_os = "linux")]
mod memory;
mod npm;
mod nuget;
mod policies;
mod pypi;
mod race;
mod ruby;
#[cfg(target_os = "linux")]
mod slow;
mod source;
mod start;
mod swift;
