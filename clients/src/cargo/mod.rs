//! Cargo, since 1.74: the first version that asks an external program for credentials without an unstable flag.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod protocol;
pub mod publish;
mod settings;

pub use settings::RegistryName;

/// Cargo's record.
pub(crate) static CLIENT: Client = Client {
    name: "cargo",
    title: "Cargo",
    format: PackageFormat::Cargo,
    programs: &["cargo"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::CargoSettings),
    minimum_version: "1.74.0",
    page: include_str!("page.md"),
};

/// Cargo's protocol. Cargo starts a provider with the one argument `--cargo-plugin`.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "cargo",
    first_argument: Some("--cargo-plugin"),
    links: &[LinkName::Whole("cargo-credential-codeartifact")],
    about: "Cargo's credential provider protocol, version 1",
    protocol: &protocol::CargoProtocol,
};
