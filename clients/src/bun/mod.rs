//! Bun. It has no hook for a credential program; a `tokenHelper` is ignored. What is in its settings may refer to a
//! variable.

use codeartifact::PackageFormat;

use crate::Client;

mod settings;

/// Bun's record.
pub(crate) static CLIENT: Client = Client {
    name: "bun",
    title: "Bun",
    format: PackageFormat::Npm,
    programs: &["bun", "bunx"],
    protocol: None,
    settings: Some(&settings::BunSettings),
    minimum_version: "1.4.0",
    page: include_str!("page.md"),
};
