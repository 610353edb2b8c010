//! Cargo, since 1.74: the first version that asks an external program for credentials without an unstable flag.

use codeartifact::PackageFormat;

use crate::{Client, Spoken};

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
    protocol: PROTOCOL,
    settings: &settings::CargoSettings,
    minimum_version: "1.74.0",
    page: include_str!("page.md"),
};

/// Cargo's protocol. Cargo starts a provider with the one argument `--cargo-plugin`.
pub(crate) const PROTOCOL: Option<&Spoken> = Some(&Spoken {
    word: "cargo",
    first_argument: Some("--cargo-plugin"),
    link_names: &["cargo-credential-codeartifact"],
    about: "Cargo's credential provider protocol, version 1",
    protocol: &protocol::CargoProtocol,
});
