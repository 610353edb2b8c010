//! The programs as package managers see them: processes with arguments, streams and a status.

#![cfg(unix)]

mod answers;
mod hand_over;
mod secrecy;
mod support;
mod usage;
