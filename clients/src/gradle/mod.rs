//! Gradle, since 4.4. It has no hook for a credential program: a script for all of a user's builds, in `shim/`, asks for
//! them, by way of netrc lines, and leads builds to repositories.

use codeartifact::PackageFormat;

use crate::{Client, netrc};

mod settings;

/// What Gradle runs for all of a user's builds: `~/.gradle/init.d/codeartifact.gradle`.
pub const INIT_SCRIPT: &str = include_str!("shim/codeartifact.gradle");

/// Gradle's record.
pub(crate) static CLIENT: Client = Client {
    name: "gradle",
    title: "Gradle",
    format: PackageFormat::Maven,
    programs: &["gradle", "gradlew"],
    protocol: Some(&netrc::SPOKEN),
    settings: Some(&settings::GradleSettings),
    minimum_version: "4.4",
    page: include_str!("page.md"),
};
