//! npm. It has no hook for a credential program (`npm help config` of 11.19 names none, and a `tokenHelper` is an unknown
//! key): the token comes in the environment of one run, by a variable that is a key of its settings and that no script
//! of a package sees.
//!
//! Version 8.19 is the oldest that was run; 7 does not take the variable.

use codeartifact::PackageFormat;

use crate::Client;

pub(crate) mod registry;
mod settings;

/// npm's record.
pub(crate) static CLIENT: Client = Client {
    name: "npm",
    title: "npm",
    format: PackageFormat::Npm,
    programs: &["npm", "npx"],
    protocol: None,
    settings: Some(&settings::NpmSettings),
    minimum_version: "8.19.0",
    page: include_str!("page.md"),
};
