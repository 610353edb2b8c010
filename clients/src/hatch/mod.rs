//! Hatch, which asks the `keyring` library when it publishes: by our backend for it.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// Hatch's record.
pub(crate) static CLIENT: Client = Client {
    name: "hatch",
    title: "Hatch",
    format: PackageFormat::Pypi,
    programs: &["hatch"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::HatchSettings),
    minimum_version: "1.12.0",
    page: include_str!("page.md"),
};
