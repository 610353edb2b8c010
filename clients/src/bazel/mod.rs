//! Bazel, since 5.4.0: the first version that asks a credential helper. The protocol is shared with other tools, which
//! name Bazel's as the one they speak.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod protocol;
mod settings;

/// Bazel's record.
pub(crate) static CLIENT: Client = Client {
    name: "bazel",
    title: "Bazel",
    format: PackageFormat::Maven,
    programs: &["bazel", "bazelisk"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::BazelSettings),
    minimum_version: "5.4.0",
    page: include_str!("page.md"),
};

/// Bazel's protocol. Bazel takes a program's name, and passes the one word `get`.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "bazel",
    first_argument: None,
    links: &[LinkName::Whole("bazel-credential-codeartifact")],
    about: "Bazel's credential helper protocol",
    protocol: &protocol::BazelProtocol,
};
