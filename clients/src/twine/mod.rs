//! twine, which asks the `keyring` library: by our backend for it.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// twine's record.
pub(crate) static CLIENT: Client = Client {
    name: "twine",
    title: "twine",
    format: PackageFormat::Pypi,
    programs: &["twine"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::TwineSettings),
    minimum_version: "5.1.1",
    page: include_str!("page.md"),
};
