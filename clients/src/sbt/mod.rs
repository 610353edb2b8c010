//! sbt, since 1.3, which resolves by Coursier. It has no hook for a credential program: settings for all of a user's
//! builds, in `shim/`, ask for them, by way of netrc lines.

use codeartifact::PackageFormat;

use crate::{Client, netrc};

mod settings;

/// What sbt reads for all of a user's builds: `~/.sbt/1.0/codeartifact.sbt`.
pub const GLOBAL_SETTINGS: &str = include_str!("shim/codeartifact.sbt");

/// sbt's record.
pub(crate) static CLIENT: Client = Client {
    name: "sbt",
    title: "sbt",
    format: PackageFormat::Maven,
    programs: &["sbt"],
    protocol: Some(&netrc::SPOKEN),
    settings: Some(&settings::SbtSettings),
    minimum_version: "1.3",
    page: include_str!("page.md"),
};
