//! pip, since 23.2. The one before asks a program called `keyring`, too, and then stumbles over what newer indexes say
//! of metadata.

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
    minimum_version: "23.2",
    page: include_str!("page.md"),
};
