//! Repository endpoints: every URL shape CodeArtifact uses, parsed from raw bytes and printed back exactly.
//!
//! This is where a token's destination is decided, without a network call and before any URL library has touched the
//! text. [`Endpoint::recognise`] answers one of three things:
//!
//! | answer | meaning |
//! | --- | --- |
//! | `Ok(Some(endpoint))` | a repository of CodeArtifact; a token may go there |
//! | `Ok(None)` | something else, and no business of ours |
//! | `Err(_)` | meant to be CodeArtifact's, but a part of it breaks a rule; releases nothing, says what is wrong |
//!
//! The grammar is in `parse`, the trusted host names in `hosts`, the rules for names in `names`.

use std::fmt;

mod compose;
mod hosts;
mod names;
mod parse;
mod service_override;
mod shown;

pub use names::{AccountId, DomainName, PackageFormat, Region, RepositoryName};
pub use service_override::ServiceOverride;

/// Which hosts a token may go to beyond the built-in table: only the user's own settings may extend it.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The override in force. A loopback URL is ours only if its scheme, host and port equal it; while it is a
    /// loopback one, AWS's hosts get no token.
    pub service_override: Option<ServiceOverride>,
}

/// A repository endpoint of CodeArtifact, or a URL below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As given.
    raw: String,
    /// `scheme://host`, on loopback with the port; canonical.
    origin: String,
    layout: Layout,
    domain: DomainName,
    owner: AccountId,
    region: Option<Region>,
    format: PackageFormat,
    repository: RepositoryName,
    service_override: Option<ServiceOverride>,
}

/// Where domain and owner stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// In the host: `/FORMAT/REPO/`.
    Host,
    /// `/FORMAT/d/DOMAIN-OWNER/REPO/`.
    VpcEndpoint,
    /// `/d/DOMAIN-OWNER/FORMAT/REPO/`.
    Loopback,
}

impl Endpoint {
    /// Decides from raw bytes whether a URL is a CodeArtifact repository endpoint (or below one) that may get a token.
    /// `Ok(None)`: not CodeArtifact. No network call is made.
    ///
    /// The override in force counts twice. A loopback URL is ours only if it *is* the override. And while a loopback
    /// override is in force, a host of AWS is refused with [`EndpointError::OtherService`]: the only tokens to be had
    /// are those of the service on this machine, and none of them may travel, nor may one of AWS's be asked for behind
    /// the override's back. An `https` override elsewhere is a way to AWS, and AWS's hosts stay ours.
    ///
    /// # Errors
    /// The URL was meant to be CodeArtifact's and breaks a rule, or it belongs to another service than the one in force.
    pub fn recognise(raw: &[u8], trust: &Trust) -> Result<Option<Self>, EndpointError> {
        parse::recognise(raw, trust)
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

    /// The override under which the endpoint was recognised: its own address for one on loopback, else the `https` one
    /// in force, if any. Tokens for the endpoint are issued there.
    pub fn service_override(&self) -> Option<&ServiceOverride> {
        self.service_override.as_ref()
    }

    /// Whether the endpoint is on this machine: the embedded service.
    pub fn is_loopback(&self) -> bool {
        self.layout == Layout::Loopback
    }

    /// `scheme://authority/FORMAT/REPO/` (with the prefix a VPC or loopback endpoint has), always with the final slash,
    /// without `sparse+`, user part and anything below the repository; the host in lowercase.
    pub fn base_url(&self) -> String {
        let Self { origin, domain, owner, format, repository, .. } = self;
        match self.layout {
            Layout::Host => format!("{origin}/{format}/{repository}/"),
            Layout::VpcEndpoint => format!("{origin}/{format}/d/{domain}-{owner}/{repository}/"),
            Layout::Loopback => format!("{origin}/d/{domain}-{owner}/{format}/{repository}/"),
        }
    }

    /// What Cargo is configured with: `sparse+` and the [base URL](Self::base_url) for format cargo.
    pub fn index_url(&self) -> String {
        format!("sparse+{}", self.sibling(PackageFormat::Cargo, &self.repository).base_url())
    }

    /// The endpoint of another repository or format of the same domain. It prints as its [base URL](Self::base_url).
    #[must_use]
    pub fn sibling(&self, format: PackageFormat, repository: &RepositoryName) -> Endpoint {
        let mut sibling = Self { format, repository: repository.clone(), ..self.clone() };
        sibling.raw = sibling.base_url();
        sibling
    }
}

/// Exactly as it was given.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

/// A URL that has CodeArtifact's outline but breaks one of its rules, or a name that is none.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// A part breaks its rule.
    #[error("{part} `{found}` is not valid: {rule}")]
    Invalid {
        /// What it was meant to be: `domain name`, `account`, ...
        part: &'static str,
        /// What was found: printable ASCII, everything else escaped, cut to 80 characters, never a user part.
        found: String,
        /// The rule, in words.
        rule: &'static str,
    },
    /// The URL belongs to one service and the settings in force lead to another, whose tokens must not go there.
    #[error("the URL belongs to the service at {service}, but the service in force is {in_force}")]
    OtherService {
        /// The service of the URL: `AWS`, or scheme, host and port of a loopback one.
        service: String,
        /// The service of `AWS_ENDPOINT_URL_CODEARTIFACT` and its relatives: the same forms.
        in_force: String,
    },
}

/// The error for a part of a URL, with the part made fit to be shown.
fn invalid(part: &'static str, found: impl AsRef<[u8]>, rule: &'static str) -> EndpointError {
    EndpointError::Invalid { part, found: shown::shown(found.as_ref()), rule }
}

#[cfg(test)]
mod tests;
