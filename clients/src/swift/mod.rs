//! Swift's package manager, since 5.8: the first version that AWS documents. It has no hook for a credential program,
//! and takes credentials from its own store only.

use codeartifact::PackageFormat;

use crate::Client;

mod settings;

/// Swift's record.
pub(crate) static CLIENT: Client = Client {
    name: "swift",
    title: "Swift",
    format: PackageFormat::Swift,
    programs: &["swift"],
    protocol: None,
    settings: Some(&settings::SwiftSettings),
    minimum_version: "5.8",
    page: include_str!("page.md"),
};
