//! Yarn 4, by a plugin of ours. Yarn has a hook for the header `Authorization` and runs it in its own process, so what
//! has to be in its language is `shim/codeartifact.cjs`: it starts the credential program and nothing else.

use codeartifact::PackageFormat;

use crate::{Client, Spoken};

mod protocol;
mod settings;

/// Yarn's record.
pub(crate) static CLIENT: Client = Client {
    name: "yarn",
    title: "Yarn",
    format: PackageFormat::Npm,
    programs: &["yarn"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::YarnSettings),
    minimum_version: "4.0.0",
    page: include_str!("page.md"),
};

/// The protocol between the plugin and the credential program: of our own making.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "yarn",
    first_argument: None,
    links: &[],
    about: "what our plugin for Yarn 4 asks; `yarn --plugin` prints the plugin",
    protocol: &protocol::YarnProtocol,
};

/// The plugin, as it goes to a file of the user's.
pub const PLUGIN: &str = include_str!("shim/codeartifact.cjs");
