//! NAME, since VERSION: why not older. Copy this folder to `src/NAME/`, fill in the record, delete what the client
//! lacks, and add NAME to the row `clients! { … }` in `src/lib.rs`. Say here what is odd about the client's files, so
//! that nobody simplifies it away.

use codeartifact::PackageFormat;

use crate::{Client, Spoken, protocol::LinkName};

mod protocol;
mod settings;

/// NAME's record.
pub(crate) static CLIENT: Client = Client {
    name: "name",
    title: "NAME",
    format: PackageFormat::Generic,
    programs: &["name"],
    protocol: Some(&SPOKEN),
    settings: Some(&settings::NameSettings),
    minimum_version: "1.0.0",
    page: include_str!("page.md"),
};

/// NAME's protocol, also for the row `PROTOCOLS` in `src/lib.rs`. Where NAME has no hook for a credential program there
/// is none, and the record says `None`.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "name",
    first_argument: None,
    links: &[LinkName::Whole("credential-name")],
    about: "NAME's credential helper",
    protocol: &protocol::NameProtocol,
};
