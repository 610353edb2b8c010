//! Apache Maven, since 3.8. It has no hook for a credential program before 4.0, and there an indirect one: a pinentry.
//! What asks for tokens in Maven 3 is an extension of its core, in `shim/`, or the user's own `~/.mavenrc`.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod protocol;
mod settings;

/// Maven's record.
pub(crate) static CLIENT: Client = Client {
    name: "maven",
    title: "Maven",
    format: PackageFormat::Maven,
    programs: &["mvn"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::MavenSettings),
    minimum_version: "3.8",
    page: include_str!("page.md"),
};

/// The pinentry that Maven 4 starts, by an absolute path and without an argument.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "maven-pinentry",
    first_argument: None,
    links: &[LinkName::ForDomain("codeartifact-pinentry-")],
    about: "a pinentry for the passwords of Maven 4",
    protocol: &protocol::PinentryProtocol,
};
