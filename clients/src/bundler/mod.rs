//! Bundler. It has no hook for a credential program, and reads no netrc file: a token is in its environment for one
//! command.

use codeartifact::PackageFormat;

use crate::Client;

mod settings;

/// Bundler's record.
pub(crate) static CLIENT: Client = Client {
    name: "bundler",
    title: "Bundler",
    format: PackageFormat::Ruby,
    programs: &["bundle", "bundler"],
    protocol: None,
    settings: Some(&settings::BundlerSettings),
    minimum_version: "2.0",
    page: include_str!("page.md"),
};
