//! What each operation must be allowed: one table for all of them, and the questions that follow from it.

use codeartifact::RepositoryName;
use serde_json::Value;

use super::{Name, call::Call, validate};
use crate::{
    failure::Failure,
    policy::{BEARER, Demand, Place, Target, package_arn},
    state::{DomainKey, RepositoryKey, partition},
};

/// What an operation is about: the resource that its action, `codeartifact:OPERATION`, must be allowed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// Nothing in particular: the caller's account.
    Account,
    /// A domain that is to be, in the caller's account.
    NewDomain,
    Domain,
    /// The domain that the body names.
    DomainInBody,
    /// The domain, and a token for it.
    Token,
    Repository,
    /// The domain, and the upstreams that the body names.
    NewRepository,
    /// The repository, and the upstreams that the body names.
    RepositoryWithUpstreams,
    Package,
    /// The package in the destination, and reading from the source.
    Copied,
    Group,
    /// The group that the body names.
    GroupInBody,
    /// Whatever the ARN names.
    Tagged,
}

/// The table. It has no other arm: a new operation is not served before it is in here.
const fn subject(operation: Name) -> Subject {
    match operation {
        Name::ListDomains | Name::ListRepositories => Subject::Account,
        Name::CreateDomain => Subject::NewDomain,
        Name::DeleteDomain
        | Name::DeleteDomainPermissionsPolicy
        | Name::DescribeDomain
        | Name::GetAssociatedPackageGroup
        | Name::GetDomainPermissionsPolicy
        | Name::ListPackageGroups
        | Name::ListRepositoriesInDomain => Subject::Domain,
        Name::PutDomainPermissionsPolicy => Subject::DomainInBody,
        Name::GetAuthorizationToken => Subject::Token,
        Name::AssociateExternalConnection
        | Name::DeleteRepository
        | Name::DeleteRepositoryPermissionsPolicy
        | Name::DescribeRepository
        | Name::DisassociateExternalConnection
        | Name::GetRepositoryEndpoint
        | Name::GetRepositoryPermissionsPolicy
        | Name::ListPackages
        | Name::PutRepositoryPermissionsPolicy => Subject::Repository,
        Name::CreateRepository => Subject::NewRepository,
        Name::UpdateRepository => Subject::RepositoryWithUpstreams,
        Name::DeletePackage
        | Name::DeletePackageVersions
        | Name::DescribePackage
        | Name::DescribePackageVersion
        | Name::DisposePackageVersions
        | Name::GetPackageVersionAsset
        | Name::GetPackageVersionReadme
        | Name::ListPackageVersionAssets
        | Name::ListPackageVersionDependencies
        | Name::ListPackageVersions
        | Name::PublishPackageVersion
        | Name::PutPackageOriginConfiguration
        | Name::UpdatePackageVersionsStatus => Subject::Package,
        Name::CopyPackageVersions => Subject::Copied,
        Name::DeletePackageGroup
        | Name::DescribePackageGroup
        | Name::ListAllowedRepositoriesForGroup
        | Name::ListAssociatedPackages
        | Name::ListSubPackageGroups
        | Name::UpdatePackageGroupOriginConfiguration => Subject::Group,
        Name::CreatePackageGroup | Name::UpdatePackageGroup => Subject::GroupInBody,
        Name::ListTagsForResource | Name::TagResource | Name::UntagResource => Subject::Tagged,
    }
}

/// Nothing, or why the caller may not do this. What the questions need of the call is validated on the way, and the
/// domain is looked for; a repository that is not there is its domain owner's matter.
pub(super) fn check(call: &Call, operation: Name) -> Result<(), Failure> {
    let action = format!("codeartifact:{}", call.operation);
    let tags = call.array("tags")?.is_some_and(|tags| !tags.is_empty());
    match subject(operation) {
        Subject::Account => ask(call, &action, "*".to_owned(), Place::Account),
        Subject::NewDomain => {
            let name = validate::name(call.required("domain")?)?;
            let key = DomainKey { region: call.caller.region.clone(), owner: call.caller.account.clone(), name };
            ask(call, &action, key.arn(), Place::Account)?;
            if tags { ask(call, TAG, key.arn(), Place::Account) } else { Ok(()) }
        }
        Subject::Domain => of_domain(call, &action, &call.domain()?),
        Subject::DomainInBody => of_domain(call, &action, &call.domain_in_body()?),
        Subject::Token => {
            let principal = &call.caller.principal;
            let key = call.domain()?;
            of_domain(call, &action, &key)?;
            if principal.arn.is_root() && !principal.assumed {
                return Err(Failure::denied(format!(
                    "User: {} is not authorized to perform: {action} on resource: {}: an account's root cannot have tokens",
                    principal.arn,
                    key.arn()
                )));
            }
            ask(call, BEARER, "*".to_owned(), Place::Account)
        }
        Subject::Repository => of_repository(call, &action, &call.repository()?),
        Subject::NewRepository => {
            let key = call.repository()?;
            of_domain(call, &action, &key.domain)?;
            if tags {
                of_domain(call, TAG, &key.domain)?;
            }
            upstreams(call, &key.domain)
        }
        Subject::RepositoryWithUpstreams => {
            let key = call.repository()?;
            of_repository(call, &action, &key)?;
            upstreams(call, &key.domain)
        }
        Subject::Package => of_package(call, &action, &call.repository()?),
        Subject::Copied => {
            let domain = call.domain()?;
            let source = RepositoryKey { domain: domain.clone(), name: call.repository_name("source-repository")? };
            let destination = RepositoryKey { domain, name: call.repository_name("destination-repository")? };
            of_repository(call, "codeartifact:ReadFromRepository", &source)?;
            of_package(call, &action, &destination)
        }
        Subject::Group => of_group(call, &action, call.required("package-group")?),
        Subject::GroupInBody => {
            let pattern = call.text("packageGroup")?.ok_or_else(|| Failure::field("`packageGroup` is missing"))?;
            of_group(call, &action, pattern)?;
            if tags { of_group(call, TAG, pattern) } else { Ok(()) }
        }
        Subject::Tagged => of_tagged(call, &action),
    }
}

const TAG: &str = "codeartifact:TagResource";

fn ask(call: &Call, action: &str, resource: String, place: Place<'_>) -> Result<(), Failure> {
    let demand = Demand {
        principal: &call.caller.principal,
        action,
        target: &Target::Exactly(resource),
        region: call.caller.region.as_str(),
        circumstances: call.caller.circumstances,
        place,
    };
    demand.decide()
}

fn of_domain(call: &Call, action: &str, key: &DomainKey) -> Result<(), Failure> {
    ask(call, action, key.arn(), Place::Domain(key, &call.state.domain(key)?.about))
}

fn of_repository(call: &Call, action: &str, key: &RepositoryKey) -> Result<(), Failure> {
    in_repository(call, action, key.arn(), key)
}

fn of_package(call: &Call, action: &str, repository: &RepositoryKey) -> Result<(), Failure> {
    let (format, namespace, name) = call.coordinate()?;
    let rest = format!("{format}/{}/{name}", namespace.unwrap_or_default());
    in_repository(call, action, package_arn(repository, &rest), repository)
}

fn in_repository(call: &Call, action: &str, resource: String, key: &RepositoryKey) -> Result<(), Failure> {
    let domain = call.state.domain(&key.domain)?;
    let about = domain.repository(&key.name).ok().map(|repository| &repository.about);
    ask(call, action, resource, Place::Repository(key, &domain.about, about))
}

/// A group's ARN is its domain's, with the pattern at the end as it is.
fn of_group(call: &Call, action: &str, pattern: &str) -> Result<(), Failure> {
    let key = call.domain()?;
    let DomainKey { region, owner, name } = &key;
    let arn = format!("arn:{}:codeartifact:{region}:{owner}:package-group/{name}{pattern}", partition(region));
    ask(call, action, arn, Place::Domain(&key, &call.state.domain(&key)?.about))
}

/// Each upstream must let itself be one.
fn upstreams(call: &Call, domain: &DomainKey) -> Result<(), Failure> {
    for item in call.array("upstreams")?.unwrap_or_default() {
        let name = item.get("repositoryName").and_then(Value::as_str);
        // What is no name is refused with the operation.
        let Some(name) = name.and_then(|name| name.parse::<RepositoryName>().ok()) else { continue };
        let key = RepositoryKey { domain: domain.clone(), name };
        of_repository(call, "codeartifact:AssociateWithDownstreamRepository", &key)?;
    }
    Ok(())
}

/// An ARN that is none, or of nothing that is here, is refused with the operation.
fn of_tagged(call: &Call, action: &str) -> Result<(), Failure> {
    let arn = call.required("resourceArn")?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "codeartifact", region, account, resource] = parts.as_slice() else { return Ok(()) };
    let (Ok(region), Ok(owner)) = (region.parse(), account.parse()) else { return Ok(()) };
    let segments: Vec<&str> = resource.splitn(3, '/').collect();
    let Some(Ok(name)) = segments.get(1).map(|name| name.parse()) else { return Ok(()) };
    let key = DomainKey { region, owner, name };
    let Ok(domain) = call.state.domain(&key) else { return Ok(()) };
    match segments.as_slice() {
        ["repository", _, name] => match name.parse() {
            Ok(name) => in_repository(call, action, arn.to_owned(), &RepositoryKey { domain: key, name }),
            Err(_) => Ok(()),
        },
        _ => ask(call, action, arn.to_owned(), Place::Domain(&key, &domain.about)),
    }
}
