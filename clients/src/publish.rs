//! What publishing with a package manager takes, as data: programs to run and bytes to send. Nothing is run or sent
//! here.
//!
//! A format's own knowledge - the command that packs, the shape of the upload, where a published version shows - is
//! in `src/CLIENT/publish.rs`; the program that publishes runs the steps, in order, and knows none of it.

use std::ffi::OsString;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The program, by its name on PATH.
    pub program: &'static str,
    /// Its arguments. Never a secret: argument lists are readable by every process of the machine.
    pub arguments: Vec<OsString>,
}

/// One asset to send to a repository endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The HTTP method.
    pub method: &'static str,
    /// The address below the repository's endpoint, without a leading slash.
    pub path: String,
    /// What stands in the body before the asset's own bytes.
    pub head: Vec<u8>,
    /// Where the version shows, below the repository's endpoint, once it is published.
    pub shows_at: String,
}
