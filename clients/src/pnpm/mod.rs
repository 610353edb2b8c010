//! pnpm, since 7: the first version whose `tokenHelper` was run here. It is older, and has one trait in all versions:
//! what the program prints is sent as the header `Authorization` verbatim where it begins with a scheme.
//!
//! Until version 10 a `tokenHelper` is an absolute path and takes no argument, and pnpm says nothing about the registry
//! it asks for. So the name by which the program is called has to say which domain is meant.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod protocol;
mod settings;

/// pnpm's record.
pub(crate) static CLIENT: Client = Client {
    name: "pnpm",
    title: "pnpm",
    format: PackageFormat::Npm,
    programs: &["pnpm", "pnpx"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::PnpmSettings),
    minimum_version: "7.0.0",
    page: include_str!("page.md"),
};

/// pnpm's protocol.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "pnpm",
    first_argument: None,
    links: &[LinkName::ForDomain(settings::LINK)],
    about: "pnpm's tokenHelper",
    protocol: &protocol::PnpmProtocol,
};
