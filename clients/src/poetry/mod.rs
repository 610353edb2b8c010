//! Poetry, which asks the `keyring` library: by our backend for it.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// Poetry's record.
pub(crate) static CLIENT: Client = Client {
    name: "poetry",
    title: "Poetry",
    format: PackageFormat::Pypi,
    programs: &["poetry"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::PoetrySettings),
    minimum_version: "1.8.5",
    page: include_str!("page.md"),
};
