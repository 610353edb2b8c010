//! The AWS SDK: the only folder that knows it. Async stops here, on a private runtime.

use std::{
    collections::HashMap,
    io::Write,
    str::FromStr,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_codeartifact::{Client, operation::RequestId, types};
use tokio::runtime::{self, Runtime};
use zeroize::Zeroizing;

use super::{
    Asset, ControlPlane, ControlPlaneError, CopyOutcome, CopyRequest, Domain, FailureKind, IssuedToken, PackageId,
    PackageVersion, PackageVersionStatus, PackageVersionSummary, Repository, RepositoryId,
};
use crate::endpoint::{AccountId, DomainName, PackageFormat, Region, RepositoryName};
use crate::host::Host;
use crate::profile::AwsEnvironment;

mod connection;
mod failure;

use connection::Settings;
use failure::Call;

/// The longest token that is passed on, in bytes. Those of the service are below 2 KiB.
const LONGEST_TOKEN: usize = 20 * 1024;

/// CodeArtifact by the AWS SDK, with its whole chain of identities: environment, profiles (SSO sessions, console
/// sign-in, processes, assumed roles), web identity, container and instance roles.
///
/// Nothing is built before the first call. Profile, Region and service endpoint override are those of the
/// [`AwsEnvironment`]; all else (keys, files, role settings) the SDK reads from the real process environment itself, so
/// this is for a [`Host`] of the process.
///
/// Time limits: 3 s to connect, 10 s for an attempt, 20 s for an operation of at most three attempts with growing,
/// random pauses. Redirects are not followed. A proxy is used for `https` beyond this machine only.
pub struct AwsControlPlane {
    settings: Settings,
    connection: OnceLock<Connection>,
}

struct Connection {
    runtime: Runtime,
    client: Client,
}

impl AwsControlPlane {
    /// The control plane that the environment names.
    pub fn new(host: &Host, aws: &AwsEnvironment) -> Self {
        Self { settings: Settings::new(host, aws), connection: OnceLock::new() }
    }

    /// The same in another Region: an endpoint's host names one.
    #[must_use]
    pub fn in_region(self, region: Region) -> Self {
        Self { settings: self.settings.in_region(region), connection: OnceLock::new() }
    }

    fn connection(&self, call: &Call<'_>) -> Result<&Connection, ControlPlaneError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let region = self.settings.region.as_ref().ok_or_else(|| {
            let profile = super::one_line(&self.settings.caller.profile);
            call.failure(
                FailureKind::Invalid,
                format!("no Region is set: set AWS_REGION, or `region` in profile `{profile}`, or give --region"),
            )
        })?;
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(|error| ControlPlaneError {
                source: Some(error.into()),
                ..call.failure(FailureKind::Unreachable, "the system gives no event queue")
            })?;
        let client = runtime.block_on(self.settings.connect(region));
        // Where two threads come here at once, one of the connections is dropped.
        Ok(self.connection.get_or_init(|| Connection { runtime, client }))
    }

    fn call<'a>(&'a self, operation: &'static str, resource: &'a str) -> Call<'a> {
        Call { operation, resource, caller: &self.settings.caller }
    }
}

/// Runs one operation of the SDK: `send!(self, call, client => client.operation()...send())`.
macro_rules! send {
    ($self:ident, $call:ident, $client:ident => $request:expr) => {{
        let connection = $self.connection(&$call)?;
        let $client = &connection.client;
        connection.runtime.block_on($request).map_err(|error| $call.failed(error))
    }};
}

fn of_domain(domain: &DomainName, owner: Option<&AccountId>) -> String {
    owner.map_or_else(|| format!("domain {domain}"), |owner| format!("domain {domain} of {owner}"))
}

fn of_repository(id: &RepositoryId) -> String {
    format!("repository {} in {}", id.repository, of_domain(&id.domain, id.owner.as_ref()))
}

fn of_version(repository: &RepositoryId, package: &PackageId, version: &str) -> String {
    let namespace = package.namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let version = if version.is_empty() { String::new() } else { format!("@{version}") };
    let text = format!("{}:{namespace}{}{version} in {}", package.format, package.name, of_repository(repository));
    super::one_line(&text)
}

fn owner(owner: Option<&AccountId>) -> Option<String> {
    owner.map(ToString::to_string)
}

fn format_of(format: PackageFormat) -> types::PackageFormat {
    format.as_str().into()
}

/// A part of an answer that must be there and follow its rule.
fn part<T: FromStr>(call: &Call<'_>, name: &str, text: Option<&str>) -> Result<T, ControlPlaneError> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| call.failure(FailureKind::Service, format!("the answer has no valid {name}")))
}

fn status_of(
    call: &Call<'_>,
    status: Option<&types::PackageVersionStatus>,
) -> Result<PackageVersionStatus, ControlPlaneError> {
    Ok(match status.map(types::PackageVersionStatus::as_str) {
        Some("Published") => PackageVersionStatus::Published,
        Some("Unfinished") => PackageVersionStatus::Unfinished,
        Some("Unlisted") => PackageVersionStatus::Unlisted,
        Some("Archived") => PackageVersionStatus::Archived,
        Some("Disposed") => PackageVersionStatus::Disposed,
        Some("Deleted") => PackageVersionStatus::Deleted,
        other => {
            let found = super::one_line(other.unwrap_or("none"));
            return Err(call.failure(FailureKind::Service, format!("the answer has the unknown status `{found}`")));
        }
    })
}

fn time_of(time: &aws_smithy_types::DateTime) -> Option<SystemTime> {
    let seconds = u64::try_from(time.secs()).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, time.subsec_nanos()))
}

fn domain_of(call: &Call<'_>, found: Option<&types::DomainDescription>) -> Result<Domain, ControlPlaneError> {
    Ok(Domain {
        name: part(call, "domain name", found.and_then(|found| found.name()))?,
        owner: part(call, "domain owner", found.and_then(|found| found.owner()))?,
        repository_count: found.map_or(0, |found| u32::try_from(found.repository_count()).unwrap_or(0)),
        asset_bytes: found.map_or(0, |found| u64::try_from(found.asset_size_bytes()).unwrap_or(0)),
    })
}

fn repository_of(
    call: &Call<'_>,
    found: Option<&types::RepositoryDescription>,
) -> Result<Repository, ControlPlaneError> {
    let upstreams = found.map_or_else(Default::default, types::RepositoryDescription::upstreams);
    let connections = found.map_or_else(Default::default, types::RepositoryDescription::external_connections);
    Ok(Repository {
        name: part(call, "repository name", found.and_then(|found| found.name()))?,
        administrator: part(call, "administrator account", found.and_then(|found| found.administrator_account()))?,
        domain_owner: part(call, "domain owner", found.and_then(|found| found.domain_owner()))?,
        upstreams: upstreams
            .iter()
            .map(|upstream| part(call, "upstream's name", upstream.repository_name()))
            .collect::<Result<_, _>>()?,
        external_connections: connections
            .iter()
            .filter_map(|connection| connection.external_connection_name())
            .map(ToOwned::to_owned)
            .collect(),
    })
}

impl ControlPlane for AwsControlPlane {
    fn get_authorization_token(
        &self,
        domain: &DomainName,
        domain_owner: Option<&AccountId>,
        lifetime_seconds: Option<u32>,
    ) -> Result<IssuedToken, ControlPlaneError> {
        let resource = of_domain(domain, domain_owner);
        let call = self.call("GetAuthorizationToken", &resource);
        let answer = send!(self, call, client => client
            .get_authorization_token()
            .domain(domain.as_str())
            .set_domain_owner(owner(domain_owner))
            .set_duration_seconds(lifetime_seconds.map(i64::from))
            .send())
        .map_err(ControlPlaneError::from)?;
        let unusable = |message: &str| ControlPlaneError {
            request_id: answer.request_id().map(super::one_line),
            ..call.failure(FailureKind::Service, message)
        };
        let expires = answer.expiration.as_ref().and_then(time_of);
        let expires = expires.ok_or_else(|| unusable("the answer does not say when the token ends"))?;
        let secret = answer.authorization_token.clone().map(Zeroizing::new);
        let secret = secret.filter(|secret| !secret.is_empty()).ok_or_else(|| unusable("the answer has no token"))?;
        // It goes into headers, INI files, URLs and lines of JSON: anything else would end up as another line there.
        if secret.len() > LONGEST_TOKEN || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("the token in the answer has characters or a length that no token has"));
        }
        Ok(IssuedToken { secret, expires })
    }

    fn get_repository_endpoint(
        &self,
        repository: &RepositoryId,
        format: PackageFormat,
    ) -> Result<String, ControlPlaneError> {
        let resource = of_repository(repository);
        let call = self.call("GetRepositoryEndpoint", &resource);
        let answer = send!(self, call, client => client
            .get_repository_endpoint()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .format(format_of(format))
            .send())
        .map_err(ControlPlaneError::from)?;
        let mut url: String = part(&call, "endpoint", answer.repository_endpoint())?;
        if !url.ends_with('/') {
            url.push('/');
        }
        Ok(url)
    }

    fn create_domain(&self, domain: &DomainName) -> Result<Domain, ControlPlaneError> {
        let resource = of_domain(domain, None);
        let call = self.call("CreateDomain", &resource);
        let answer = send!(self, call, client => client.create_domain().domain(domain.as_str()).send());
        domain_of(&call, answer.map_err(ControlPlaneError::from)?.domain())
    }

    fn describe_domain(
        &self,
        domain: &DomainName,
        domain_owner: Option<&AccountId>,
    ) -> Result<Domain, ControlPlaneError> {
        let resource = of_domain(domain, domain_owner);
        let call = self.call("DescribeDomain", &resource);
        let answer = send!(self, call, client => client
            .describe_domain()
            .domain(domain.as_str())
            .set_domain_owner(owner(domain_owner))
            .send());
        domain_of(&call, answer.map_err(ControlPlaneError::from)?.domain())
    }

    fn create_repository(
        &self,
        repository: &RepositoryId,
        description: &str,
        upstreams: &[RepositoryName],
    ) -> Result<Repository, ControlPlaneError> {
        let resource = of_repository(repository);
        let call = self.call("CreateRepository", &resource);
        let upstreams = upstreams
            .iter()
            .map(|upstream| types::UpstreamRepository::builder().repository_name(upstream.as_str()).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| call.failure(FailureKind::Invalid, "an upstream has no name"))?;
        let answer = send!(self, call, client => client
            .create_repository()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .set_description(Some(description).filter(|text| !text.is_empty()).map(str::to_owned))
            .set_upstreams(Some(upstreams).filter(|list| !list.is_empty()))
            .send());
        repository_of(&call, answer.map_err(ControlPlaneError::from)?.repository())
    }

    fn describe_repository(&self, repository: &RepositoryId) -> Result<Repository, ControlPlaneError> {
        let resource = of_repository(repository);
        let call = self.call("DescribeRepository", &resource);
        let answer = send!(self, call, client => client
            .describe_repository()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .send());
        repository_of(&call, answer.map_err(ControlPlaneError::from)?.repository())
    }

    fn list_package_versions(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
    ) -> Result<Vec<PackageVersionSummary>, ControlPlaneError> {
        let resource = of_version(repository, package, "");
        let call = self.call("ListPackageVersions", &resource);
        let answer = send!(self, call, client => client
            .list_package_versions()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .format(format_of(package.format))
            .set_namespace(package.namespace.clone())
            .package(&package.name)
            .into_paginator()
            .items()
            .send()
            .try_collect());
        let found = match answer {
            Ok(found) => found,
            Err(failure) if failure.is_absent_version() => return Ok(Vec::new()),
            Err(failure) => return Err(failure.into()),
        };
        let summary = |found: types::PackageVersionSummary| {
            Ok(PackageVersionSummary {
                revision: part(&call, "revision", found.revision())?,
                status: status_of(&call, Some(found.status()))?,
                version: found.version,
            })
        };
        found.into_iter().map(summary).collect()
    }

    fn describe_package_version(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Option<PackageVersion>, ControlPlaneError> {
        let resource = of_version(repository, package, version);
        let call = self.call("DescribePackageVersion", &resource);
        let answer = send!(self, call, client => client
            .describe_package_version()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .format(format_of(package.format))
            .set_namespace(package.namespace.clone())
            .package(&package.name)
            .package_version(version)
            .send());
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.is_absent_version() => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let found = answer.package_version();
        Ok(Some(PackageVersion {
            version: part(&call, "version", found.and_then(|found| found.version()))?,
            revision: part(&call, "revision", found.and_then(|found| found.revision()))?,
            status: status_of(&call, found.and_then(|found| found.status()))?,
            published: found.and_then(|found| found.published_time()).and_then(time_of),
        }))
    }

    fn list_package_version_assets(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Vec<Asset>, ControlPlaneError> {
        let resource = of_version(repository, package, version);
        let call = self.call("ListPackageVersionAssets", &resource);
        let found = send!(self, call, client => client
            .list_package_version_assets()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .format(format_of(package.format))
            .set_namespace(package.namespace.clone())
            .package(&package.name)
            .package_version(version)
            .into_paginator()
            .items()
            .send()
            .try_collect())
        .map_err(ControlPlaneError::from)?;
        let asset = |found: types::AssetSummary| {
            let sha256 = found.hashes().and_then(|hashes| hashes.get(&types::HashAlgorithm::Sha256));
            let size = found.size().and_then(|size| u64::try_from(size).ok());
            Ok(Asset {
                sha256: part::<String>(&call, "SHA-256 of an asset", sha256.map(String::as_str))?.to_ascii_lowercase(),
                size: size
                    .ok_or_else(|| call.failure(FailureKind::Service, "the answer has no valid size of an asset"))?,
                name: found.name,
            })
        };
        found.into_iter().map(asset).collect()
    }

    fn get_package_version_asset(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
        asset: &str,
        into: &mut dyn Write,
    ) -> Result<u64, ControlPlaneError> {
        let resource = super::one_line(&format!("asset {asset} of {}", of_version(repository, package, version)));
        let call = self.call("GetPackageVersionAsset", &resource);
        let mut answer = send!(self, call, client => client
            .get_package_version_asset()
            .domain(repository.domain.as_str())
            .set_domain_owner(owner(repository.owner.as_ref()))
            .repository(repository.repository.as_str())
            .format(format_of(package.format))
            .set_namespace(package.namespace.clone())
            .package(&package.name)
            .package_version(version)
            .asset(asset)
            .send())
        .map_err(ControlPlaneError::from)?;
        let runtime = &self.connection(&call)?.runtime;
        let mut written = 0;
        loop {
            let chunk = runtime.block_on(answer.asset.try_next()).map_err(|error| ControlPlaneError {
                source: Some(error.into()),
                ..call.failure(FailureKind::Unreachable, format!("the asset broke off after {written} bytes"))
            })?;
            let Some(chunk) = chunk else { return Ok(written) };
            into.write_all(&chunk).map_err(|error| ControlPlaneError {
                source: Some(error.into()),
                ..call.failure(FailureKind::Invalid, format!("the asset could not be written on after {written} bytes"))
            })?;
            written += chunk.len() as u64;
        }
    }

    fn copy_package_versions(&self, copy: &CopyRequest<'_>) -> Result<CopyOutcome, ControlPlaneError> {
        let resource = of_version(copy.source, copy.package, "") + &format!(" to repository {}", copy.destination);
        let call = self.call("CopyPackageVersions", &resource);
        let revisions: HashMap<String, String> = copy.versions.iter().cloned().collect();
        let answer = send!(self, call, client => client
            .copy_package_versions()
            .domain(copy.source.domain.as_str())
            .set_domain_owner(owner(copy.source.owner.as_ref()))
            .source_repository(copy.source.repository.as_str())
            .destination_repository(copy.destination.as_str())
            .format(format_of(copy.package.format))
            .set_namespace(copy.package.namespace.clone())
            .package(&copy.package.name)
            .set_version_revisions(Some(revisions))
            .send())
        .map_err(ControlPlaneError::from)?;
        let copied = answer.successful_versions.unwrap_or_default();
        let failed = answer.failed_versions.unwrap_or_default();
        let mut outcome = CopyOutcome {
            copied: copied.into_iter().map(|(version, found)| (version, found.revision.unwrap_or_default())).collect(),
            failed: failed
                .into_iter()
                .map(|(version, found)| {
                    let code = found.error_code().map_or("UNKNOWN", types::PackageVersionErrorCode::as_str).to_owned();
                    (version, super::one_line(&code), super::one_line(found.error_message().unwrap_or_default()))
                })
                .collect(),
        };
        // The service's maps have no order; equal calls shall read equal.
        outcome.copied.sort();
        outcome.failed.sort();
        Ok(outcome)
    }
}

impl std::fmt::Debug for AwsControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsControlPlane").field("profile", &self.settings.caller.profile).finish_non_exhaustive()
    }
}
