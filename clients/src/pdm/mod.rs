//! PDM, which asks the `keyring` library where that is installed, and else a program called `keyring`.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// PDM's record.
pub(crate) static CLIENT: Client = Client {
    name: "pdm",
    title: "PDM",
    format: PackageFormat::Pypi,
    programs: &["pdm"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::PdmSettings),
    minimum_version: "2.20.1",
    page: include_str!("page.md"),
};
