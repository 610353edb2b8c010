//! The operations of the service that the product uses, in plain data.

use std::{fmt, time::SystemTime};

use zeroize::Zeroizing;

use crate::endpoint::{AccountId, DomainName, PackageFormat, RepositoryName};

pub mod aws;
mod denial;

/// The operations. Blocking: the SDK's runtime stays behind [`aws::AwsControlPlane`].
pub trait ControlPlane {
    /// `GetAuthorizationToken`. `lifetime_seconds`: 0 (as long as the role session) or 900 to 43,200; `None` is 12 h.
    /// What comes back is printable ASCII without spaces, of at most 20 KiB.
    fn get_authorization_token(
        &self,
        domain: &DomainName,
        owner: Option<&AccountId>,
        lifetime_seconds: Option<u32>,
    ) -> Result<IssuedToken, ControlPlaneError>;
    /// `GetRepositoryEndpoint`: the URL, with its final slash.
    fn get_repository_endpoint(
        &self,
        repository: &RepositoryId,
        format: PackageFormat,
    ) -> Result<String, ControlPlaneError>;
    /// `CreateDomain`.
    fn create_domain(&self, domain: &DomainName) -> Result<Domain, ControlPlaneError>;
    /// `DescribeDomain`; without an owner: of the caller's own account.
    fn describe_domain(&self, domain: &DomainName, owner: Option<&AccountId>) -> Result<Domain, ControlPlaneError>;
    /// `CreateRepository`.
    fn create_repository(
        &self,
        repository: &RepositoryId,
        description: &str,
        upstreams: &[RepositoryName],
    ) -> Result<Repository, ControlPlaneError>;
    /// `DescribeRepository`.
    fn describe_repository(&self, repository: &RepositoryId) -> Result<Repository, ControlPlaneError>;
    /// `ListPackageVersions`, all pages; empty where the repository has no such package. A missing domain or repository
    /// is an error.
    fn list_package_versions(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
    ) -> Result<Vec<PackageVersionSummary>, ControlPlaneError>;
    /// `DescribePackageVersion`; `None` where the repository has no such package or version. A missing domain or
    /// repository is an error.
    fn describe_package_version(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Option<PackageVersion>, ControlPlaneError>;
    /// `ListPackageVersionAssets`, all pages.
    fn list_package_version_assets(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Vec<Asset>, ControlPlaneError>;
    /// `GetPackageVersionAsset`, written to `into`; returns the bytes written.
    fn get_package_version_asset(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
        asset: &str,
        into: &mut dyn std::io::Write,
    ) -> Result<u64, ControlPlaneError>;
    /// `CopyPackageVersions` with pinned revisions (at most 100 versions a call).
    fn copy_package_versions(&self, copy: &CopyRequest<'_>) -> Result<CopyOutcome, ControlPlaneError>;
}

/// A repository of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryId {
    /// The domain.
    pub domain: DomainName,
    /// Its owner; `None` is the caller's own account.
    pub owner: Option<AccountId>,
    /// The repository.
    pub repository: RepositoryName,
}

/// A package of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId {
    /// The format.
    pub format: PackageFormat,
    /// The namespace, where the format has one (npm without the at sign).
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// What `GetAuthorizationToken` answers.
#[derive(Debug)]
pub struct IssuedToken {
    /// The secret.
    pub secret: Zeroizing<String>,
    /// When it ends.
    pub expires: SystemTime,
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// Its owner.
    pub owner: AccountId,
    /// Repositories in it.
    pub repository_count: u32,
    /// Unique bytes of all assets.
    pub asset_bytes: u64,
}

/// A repository as described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: RepositoryName,
    /// The account that administers it.
    pub administrator: AccountId,
    /// The account that owns its domain.
    pub domain_owner: AccountId,
    /// Upstream repositories, in order.
    pub upstreams: Vec<RepositoryName>,
    /// External connections by name.
    pub external_connections: Vec<String>,
}

/// A version's status, in the service's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackageVersionStatus {
    /// Listed and downloadable.
    Published,
    /// Still being published.
    Unfinished,
    /// Downloadable, not listed.
    Unlisted,
    /// Neither.
    Archived,
    /// Its assets are gone.
    Disposed,
    /// Only as the result of a deletion.
    Deleted,
}

/// A row of `ListPackageVersions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersionSummary {
    /// The version.
    pub version: String,
    /// Its revision.
    pub revision: String,
    /// Its status.
    pub status: PackageVersionStatus,
}

/// What `DescribePackageVersion` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersion {
    /// The version.
    pub version: String,
    /// Its revision.
    pub revision: String,
    /// Its status.
    pub status: PackageVersionStatus,
    /// When it came into the domain.
    pub published: Option<SystemTime>,
}

/// An asset of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, lowercase hex.
    pub sha256: String,
}

/// A copy of versions of one package between repositories of one domain.
#[derive(Debug, Clone)]
pub struct CopyRequest<'a> {
    /// From here (domain and owner are this one's).
    pub source: &'a RepositoryId,
    /// To here.
    pub destination: &'a RepositoryName,
    /// The package.
    pub package: &'a PackageId,
    /// Version and the revision it must have.
    pub versions: &'a [(String, String)],
}

/// The outcome of a copy: what is in neither list was there already, identical.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyOutcome {
    /// Copied: version and revision.
    pub copied: Vec<(String, String)>,
    /// Not copied: version, error code, message.
    pub failed: Vec<(String, String, String)>,
}

/// Why an operation failed, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No AWS identity, or one that AWS does not know.
    NoIdentity,
    /// The sign-in behind the profile has ended or was not made; the message ends in the command that makes it.
    SignInEnded,
    /// The credentials are temporary, and their time is over.
    Expired,
    /// This machine's clock and AWS's differ by more than AWS puts up with.
    Clock,
    /// A policy says no.
    Denied,
    /// The thing is not there.
    NotFound,
    /// It exists, or is not in the state expected.
    Conflict,
    /// The request breaks a rule of the service.
    Invalid,
    /// A quota is used up.
    Quota,
    /// Too many requests.
    Throttled,
    /// The service could not be reached, or not in time.
    Unreachable,
    /// The service failed.
    Service,
}

/// An operation failed. Fields, not text: the program edge decides what to print; [`Display`](fmt::Display) is the one
/// line for where there is no edge, such as a helper's wire.
#[derive(Debug)]
pub struct ControlPlaneError {
    /// The operation by the service's name.
    pub operation: &'static str,
    /// What kind of failure.
    pub kind: FailureKind,
    /// The resource it was about, for the message: `domain my-org of 111122223333`.
    pub resource: String,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The service's request id, where there was one.
    pub request_id: Option<String>,
    /// The service's message or ours, control characters escaped, in one line.
    pub message: String,
    /// The cause below, where there is one.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ControlPlaneError {
    /// The permissions the caller lacks, where it was denied: the one that the service names, else all that the operation
    /// needs.
    pub fn permissions(&self) -> Option<String> {
        if self.kind != FailureKind::Denied {
            return None;
        }
        if let Some(action) = denial::Denial::read(&self.message).action {
            return Some(action.to_owned());
        }
        Some(match self.operation {
            // The second one is another service's (the API reference of GetAuthorizationToken says so).
            "GetAuthorizationToken" => {
                "codeartifact:GetAuthorizationToken on the domain and sts:GetServiceBearerToken".to_owned()
            }
            "CopyPackageVersions" => "codeartifact:CopyPackageVersions on the destination and \
                                      codeartifact:ReadFromRepository on the source"
                .to_owned(),
            operation => format!("codeartifact:{operation}"),
        })
    }

    /// What the user can do about it, in one line. Nothing in it is from outside but the name of a permission.
    pub fn hint(&self) -> String {
        match self.kind {
            FailureKind::NoIdentity => {
                "sign in to AWS (`aws sso login`, `aws login`) or set access keys; AWS_PROFILE chooses another profile"
            }
            FailureKind::SignInEnded => "run the command above in a terminal, then try again",
            FailureKind::Expired => {
                "get new temporary credentials; where AWS_SESSION_TOKEN and its keys are set in the environment, set them \
                 anew or unset them"
            }
            FailureKind::Clock => "set this machine's clock: AWS takes nothing that was signed minutes ago or ahead",
            FailureKind::Denied => return denial::Denial::read(&self.message).hint(self.operation),
            FailureKind::NotFound => "check domain, owner, Region and repository; `-v` says where each comes from",
            FailureKind::Conflict => "see what is there, then decide which of the two is to stay",
            FailureKind::Invalid => "correct what the service names, then try again",
            FailureKind::Quota => "make room, or ask AWS for a higher quota",
            FailureKind::Throttled => "wait a little, then try again",
            FailureKind::Unreachable => {
                "check the network and the Region, and `AWS_ENDPOINT_URL_CODEARTIFACT` where it is set"
            }
            FailureKind::Service => "try again; if it stays, give AWS the request id",
        }
        .to_owned()
    }
}

/// `OPERATION on RESOURCE failed: MESSAGE (status S, request id R)`; a denied one ends in the permissions it needs.
impl fmt::Display for ControlPlaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if !self.resource.is_empty() {
            write!(f, " on {}", self.resource)?;
        }
        f.write_str(if self.kind == FailureKind::Denied { " was denied" } else { " failed" })?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match (self.status, &self.request_id) {
            (Some(status), Some(id)) => write!(f, " (status {status}, request id {id})")?,
            (Some(status), None) => write!(f, " (status {status})")?,
            (None, Some(id)) => write!(f, " (request id {id})")?,
            (None, None) => {}
        }
        match self.permissions() {
            Some(permissions) => write!(f, "; it needs {permissions}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ControlPlaneError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// One line of a foreign text: control characters escaped, cut to 1,000 characters.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(1_000));
    for character in text.chars().take(1_000) {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(operation: &'static str, kind: FailureKind) -> ControlPlaneError {
        ControlPlaneError {
            operation,
            kind,
            resource: "domain my-org".to_owned(),
            status: Some(403),
            request_id: Some("r-1".to_owned()),
            message: "no".to_owned(),
            source: None,
        }
    }

    #[test]
    fn one_line_says_it_all() {
        assert_eq!(
            error("GetAuthorizationToken", FailureKind::Denied).to_string(),
            "GetAuthorizationToken on domain my-org was denied: no (status 403, request id r-1); it needs \
             codeartifact:GetAuthorizationToken on the domain and sts:GetServiceBearerToken"
        );
        let plain =
            ControlPlaneError { status: None, request_id: None, ..error("DescribeDomain", FailureKind::Service) };
        assert_eq!(plain.to_string(), "DescribeDomain on domain my-org failed: no");
    }

    #[test]
    fn foreign_text_stays_in_its_line() {
        assert_eq!(one_line("a\r\nb\u{1b}[31m\u{85}é"), "a\\r\\nb\\u{1b}[31m\\u{85}é");
        assert_eq!(one_line(&"x".repeat(5_000)).len(), 1_000);
    }
}
