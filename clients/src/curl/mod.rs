//! curl, and whatever else reads a netrc file.

use codeartifact::PackageFormat;

use crate::{Client, netrc};

/// curl's record.
pub(crate) static CLIENT: Client = Client {
    name: "curl",
    title: "curl",
    format: PackageFormat::Maven,
    programs: &["curl"],
    protocol: Some(&netrc::SPOKEN),
    settings: None,
    minimum_version: "7.0",
    page: include_str!("page.md"),
};
