//! uv, since 0.7: the first version seen to ask without a user name.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// uv's record.
pub(crate) static CLIENT: Client = Client {
    name: "uv",
    title: "uv",
    format: PackageFormat::Pypi,
    programs: &["uv"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::UvSettings),
    minimum_version: "0.7.0",
    page: include_str!("page.md"),
};
