//! Repository endpoints: every URL shape CodeArtifact uses, parsed from raw bytes and printed back exactly.

use std::fmt;

/// The package formats of the service (its closed list).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageFormat {
    /// `cargo`
    Cargo,
    /// `generic`
    Generic,
    /// `maven`
    Maven,
    /// `npm`
    Npm,
    /// `nuget`
    Nuget,
    /// `pypi`
    Pypi,
    /// `ruby`
    Ruby,
    /// `swift`
    Swift,
}

/// A domain's name: 2 to 50 of `[a-z0-9-]`, first a letter, last not a dash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

/// An AWS account: exactly 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

/// A repository's name: 2 to 100 of `[A-Za-z0-9._-]`, first a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);

/// An AWS Region's code, such as `us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

macro_rules! name {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::str::FromStr for $type {
            type Err = EndpointError;
            fn from_str(_text: &str) -> Result<Self, EndpointError> {
                todo!()
            }
        }
    };
}
name!(DomainName);
name!(AccountId);
name!(RepositoryName);
name!(Region);

impl PackageFormat {
    /// All formats, in the service's order.
    pub const ALL: [PackageFormat; 8] = [
        PackageFormat::Cargo,
        PackageFormat::Generic,
        PackageFormat::Maven,
        PackageFormat::Npm,
        PackageFormat::Nuget,
        PackageFormat::Pypi,
        PackageFormat::Ruby,
        PackageFormat::Swift,
    ];

    /// The service's word for the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            PackageFormat::Cargo => "cargo",
            PackageFormat::Generic => "generic",
            PackageFormat::Maven => "maven",
            PackageFormat::Npm => "npm",
            PackageFormat::Nuget => "nuget",
            PackageFormat::Pypi => "pypi",
            PackageFormat::Ruby => "ruby",
            PackageFormat::Swift => "swift",
        }
    }
}

impl fmt::Display for PackageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for PackageFormat {
    type Err = EndpointError;
    fn from_str(_text: &str) -> Result<Self, EndpointError> {
        todo!()
    }
}

/// A service endpoint override (`AWS_ENDPOINT_URL_CODEARTIFACT` and its relatives), reduced to scheme, host and port:
/// `http://127.0.0.1:4600`. Tokens issued under one are given out only while the same one is in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceOverride(String);

impl ServiceOverride {
    /// Parses the address of a service endpoint override.
    pub fn parse(_raw: &[u8]) -> Result<Self, EndpointError> {
        todo!()
    }
    /// `scheme://host:port`, the port always written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which hosts a token may go to beyond the built-in table: only the user's own settings may extend it.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The override in force: a loopback URL is ours only if its scheme, host and port equal it.
    pub service_override: Option<ServiceOverride>,
}

/// A repository endpoint of CodeArtifact, or a URL below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    raw: String,
    domain: DomainName,
    owner: AccountId,
    region: Option<Region>,
    format: PackageFormat,
    repository: RepositoryName,
    service_override: Option<ServiceOverride>,
}

impl Endpoint {
    /// Decides from raw bytes whether a URL is a CodeArtifact repository endpoint (or below one) that may get a token.
    /// `Ok(None)`: not CodeArtifact. No network call is made.
    pub fn recognise(_raw: &[u8], _trust: &Trust) -> Result<Option<Self>, EndpointError> {
        todo!()
    }
    /// The domain.
    pub fn domain(&self) -> &DomainName {
        &self.domain
    }
    /// The account that owns the domain.
    pub fn owner(&self) -> &AccountId {
        &self.owner
    }
    /// The Region in the host name; a loopback endpoint has none.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }
    /// The package format in the path.
    pub fn format(&self) -> PackageFormat {
        self.format
    }
    /// The repository in the path.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }
    /// The override this endpoint belongs to, where it is a loopback one.
    pub fn service_override(&self) -> Option<&ServiceOverride> {
        self.service_override.as_ref()
    }
    /// `scheme://authority/FORMAT/REPO/` (with the prefix a VPC or loopback endpoint has), always with the final slash,
    /// without `sparse+`, user part and anything below the repository.
    pub fn base_url(&self) -> String {
        todo!()
    }
    /// The URL of the same repository for another format or repository.
    pub fn sibling(&self, _format: PackageFormat, _repository: &RepositoryName) -> Endpoint {
        todo!()
    }
}

/// Exactly as it was given.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

/// A URL that has CodeArtifact's outline but breaks one of its rules, or a name that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// A part breaks its rule.
    #[error("{part} `{found}` is not valid: {rule}")]
    Invalid {
        /// What it was meant to be: `domain name`, `account`, ...
        part: &'static str,
        /// What was found, with control characters escaped and cut to 80 characters.
        found: String,
        /// The rule, in words.
        rule: &'static str,
    },
}
