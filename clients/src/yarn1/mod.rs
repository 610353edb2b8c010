//! Yarn 1 ("classic"), the name of whose programs Yarn 4 took over: the folder and the client are `yarn1`, the program is
//! `yarnpkg`, its other name, so that `yarn` means one of the two.
//!
//! It has no hook for a credential program, and no variable of its own for a token of one registry: it lowers the case
//! of the names of variables and splits them at dots. What remains is a reference in its settings.

use codeartifact::PackageFormat;

use crate::Client;

mod settings;

/// Yarn 1's record.
pub(crate) static CLIENT: Client = Client {
    name: "yarn1",
    title: "Yarn 1",
    format: PackageFormat::Npm,
    programs: &["yarnpkg"],
    protocol: None,
    settings: Some(&settings::Yarn1Settings),
    minimum_version: "1.22.0",
    page: include_str!("page.md"),
};
