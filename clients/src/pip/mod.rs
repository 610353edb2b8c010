//! pip, since 23.1: the first version that asks a program called `keyring`; 23.1.2 is the first that was run.

use codeartifact::PackageFormat;

use crate::{Client, keyring};

mod settings;

/// pip's record.
pub(crate) static CLIENT: Client = Client {
    name: "pip",
    title: "pip",
    format: PackageFormat::Pypi,
    programs: &["pip", "pip3"],
    protocol: Some(&keyring::SPOKEN),
    settings: Some(&settings::PipSettings),
    minimum_version: "23.1.2",
    page: include_str!("page.md"),
};
