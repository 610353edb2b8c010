//! RubyGems. It has no hook for a credential program: a token is in its environment for one command.

use codeartifact::PackageFormat;

use crate::Client;

pub(crate) mod plugin;
mod settings;

/// RubyGems's record.
pub(crate) static CLIENT: Client = Client {
    name: "rubygems",
    title: "RubyGems",
    format: PackageFormat::Ruby,
    programs: &["gem"],
    protocol: None,
    settings: Some(&settings::RubyGemsSettings),
    minimum_version: "3.0",
    page: include_str!("page.md"),
};
