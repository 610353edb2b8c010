//! NuGet, since 6.13: the first version that takes any program on PATH whose name begins with `nuget-plugin-`, on every
//! system. Before that a plugin was a .NET assembly, on Windows a signed one. `nuget.exe` since 3.3 asks in an older way
//! as well, which is served by the same protocol word: the arguments tell them apart.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod command_line;
mod message;
mod protocol;
mod settings;

/// NuGet's record.
pub(crate) static CLIENT: Client = Client {
    name: "nuget",
    title: "NuGet",
    format: PackageFormat::Nuget,
    programs: &["dotnet", "nuget"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::NuGetSettings),
    minimum_version: "6.13",
    page: include_str!("page.md"),
};

/// NuGet's protocols. NuGet starts a plugin with the one argument `-Plugin`; the older way has a name of its own, which
/// ends with `.exe` on every system.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "nuget",
    first_argument: Some("-Plugin"),
    links: &[
        LinkName::Whole("nuget-plugin-codeartifact"),
        LinkName::Whole("CredentialProvider.CodeArtifact"),
        LinkName::Whole("CredentialProvider.CodeArtifact.exe"),
    ],
    about: "NuGet's plugin protocol, version 2.0.0, and its older credential providers",
    protocol: &protocol::NuGetProtocol,
};
