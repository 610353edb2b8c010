//! The control plane: CodeArtifact's API over HTTP. Translation only - what the operations do is in `state`.
//!
//! A request is matched to an operation, authenticated, and read; then its fields are validated, and then the model
//! says what it says, in the order domain, repository, package, version. Every input is validated here: the AWS
//! tools check hardly more than presence and least length.

mod access;
mod answer;
mod call;
mod domains;
mod package_groups;
mod packages;
mod pages;
mod policies;
mod repositories;
mod tags;
mod validate;
mod versions;
mod versions_change;
mod versions_content;

use std::sync::Arc;

use hyper::{Method, StatusCode, header};
use serde_json::{Value, json};

use call::Call;

use crate::{
    failure::{Failure, Reason},
    http::{Reply, Request, Target, answer as http_answer},
    service::Service,
};

/// Largest JSON body: a hundred versions with revisions and two hundred tags fit ten times.
const BODY: u64 = 1 << 20;

/// An operation of the API: its name and where it lives below `/v1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    id: Name,
    method: &'static str,
    path: &'static str,
    act: Act,
}

/// What carries out an operation. All return the members of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    CreateDomain,
    DescribeDomain,
    DeleteDomain,
    ListDomains,
    GetAuthorizationToken,
    CreateRepository,
    DescribeRepository,
    UpdateRepository,
    DeleteRepository,
    ListRepositories,
    ListRepositoriesInDomain,
    GetRepositoryEndpoint,
    AssociateExternalConnection,
    DisassociateExternalConnection,
    ListPackages,
    DescribePackage,
    DeletePackage,
    PutPackageOriginConfiguration,
    ListPackageVersions,
    DescribePackageVersion,
    ListPackageVersionAssets,
    ListPackageVersionDependencies,
    GetPackageVersionReadme,
    GetPackageVersionAsset,
    PublishPackageVersion,
    CopyPackageVersions,
    DeletePackageVersions,
    DisposePackageVersions,
    UpdatePackageVersionsStatus,
    TagResource,
    UntagResource,
    ListTagsForResource,
    CreatePackageGroup,
    DeletePackageGroup,
    DescribePackageGroup,
    GetAssociatedPackageGroup,
    ListAllowedRepositoriesForGroup,
    ListAssociatedPackages,
    ListPackageGroups,
    ListSubPackageGroups,
    UpdatePackageGroup,
    UpdatePackageGroupOriginConfiguration,
    PutDomainPermissionsPolicy,
    GetDomainPermissionsPolicy,
    DeleteDomainPermissionsPolicy,
    PutRepositoryPermissionsPolicy,
    GetRepositoryPermissionsPolicy,
    DeleteRepositoryPermissionsPolicy,
    /// Of the API, and not of this version of the service.
    NotYet,
}

macro_rules! operations {
    ($($method:ident $path:literal $name:ident => $act:ident;)*) => {
        /// All operations by name, for tables that may leave none out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Name {
            $($name),*
        }

        /// All operations of the API model of 2018-09-22.
        const OPERATIONS: &[Operation] = &[$(Operation {
            name: stringify!($name),
            id: Name::$name,
            method: stringify!($method),
            path: $path,
            act: Act::$act,
        }),*];
    };
}

operations! {
    POST "repository/external-connection" AssociateExternalConnection => AssociateExternalConnection;
    POST "package/versions/copy" CopyPackageVersions => CopyPackageVersions;
    POST "domain" CreateDomain => CreateDomain;
    POST "package-group" CreatePackageGroup => CreatePackageGroup;
    POST "repository" CreateRepository => CreateRepository;
    DELETE "domain" DeleteDomain => DeleteDomain;
    DELETE "domain/permissions/policy" DeleteDomainPermissionsPolicy => DeleteDomainPermissionsPolicy;
    DELETE "package" DeletePackage => DeletePackage;
    DELETE "package-group" DeletePackageGroup => DeletePackageGroup;
    POST "package/versions/delete" DeletePackageVersions => DeletePackageVersions;
    DELETE "repository" DeleteRepository => DeleteRepository;
    DELETE "repository/permissions/policies" DeleteRepositoryPermissionsPolicy => DeleteRepositoryPermissionsPolicy;
    GET "domain" DescribeDomain => DescribeDomain;
    GET "package" DescribePackage => DescribePackage;
    GET "package-group" DescribePackageGroup => DescribePackageGroup;
    GET "package/version" DescribePackageVersion => DescribePackageVersion;
    GET "repository" DescribeRepository => DescribeRepository;
    DELETE "repository/external-connection" DisassociateExternalConnection => DisassociateExternalConnection;
    POST "package/versions/dispose" DisposePackageVersions => DisposePackageVersions;
    GET "get-associated-package-group" GetAssociatedPackageGroup => GetAssociatedPackageGroup;
    POST "authorization-token" GetAuthorizationToken => GetAuthorizationToken;
    GET "domain/permissions/policy" GetDomainPermissionsPolicy => GetDomainPermissionsPolicy;
    GET "package/version/asset" GetPackageVersionAsset => GetPackageVersionAsset;
    GET "package/version/readme" GetPackageVersionReadme => GetPackageVersionReadme;
    GET "repository/endpoint" GetRepositoryEndpoint => GetRepositoryEndpoint;
    GET "repository/permissions/policy" GetRepositoryPermissionsPolicy => GetRepositoryPermissionsPolicy;
    GET "package-group-allowed-repositories" ListAllowedRepositoriesForGroup => ListAllowedRepositoriesForGroup;
    GET "list-associated-packages" ListAssociatedPackages => ListAssociatedPackages;
    POST "domains" ListDomains => ListDomains;
    POST "package-groups" ListPackageGroups => ListPackageGroups;
    POST "package/version/assets" ListPackageVersionAssets => ListPackageVersionAssets;
    POST "package/version/dependencies" ListPackageVersionDependencies => ListPackageVersionDependencies;
    POST "package/versions" ListPackageVersions => ListPackageVersions;
    POST "packages" ListPackages => ListPackages;
    POST "repositories" ListRepositories => ListRepositories;
    POST "domain/repositories" ListRepositoriesInDomain => ListRepositoriesInDomain;
    POST "package-groups/sub-groups" ListSubPackageGroups => ListSubPackageGroups;
    POST "tags" ListTagsForResource => ListTagsForResource;
    POST "package/version/publish" PublishPackageVersion => PublishPackageVersion;
    PUT "domain/permissions/policy" PutDomainPermissionsPolicy => PutDomainPermissionsPolicy;
    POST "package" PutPackageOriginConfiguration => PutPackageOriginConfiguration;
    PUT "repository/permissions/policy" PutRepositoryPermissionsPolicy => PutRepositoryPermissionsPolicy;
    POST "tag" TagResource => TagResource;
    POST "untag" UntagResource => UntagResource;
    PUT "package-group" UpdatePackageGroup => UpdatePackageGroup;
    PUT "package-group-origin-configuration" UpdatePackageGroupOriginConfiguration => UpdatePackageGroupOriginConfiguration;
    POST "package/versions/update_status" UpdatePackageVersionsStatus => UpdatePackageVersionsStatus;
    PUT "repository" UpdateRepository => UpdateRepository;
}

/// The operation that a method and a path mean.
pub(crate) fn operation_of(method: &Method, target: &Target) -> Option<&'static Operation> {
    // No segment of an operation's path holds a slash, so joining cannot make one path look like another.
    let parts = target.parts().split_first()?.1.to_vec();
    OPERATIONS
        .iter()
        .find(|operation| operation.method == method.as_str() && operation.path.split('/').eq(parts.iter().copied()))
}

/// Carries out an operation.
pub(crate) async fn dispatch(
    service: &Arc<Service>,
    request: &mut Request,
    operation: Option<&'static Operation>,
) -> Reply {
    match answer_to(service, request, operation).await {
        Ok(reply) => reply,
        Err(failure) => refusal(&failure),
    }
}

async fn answer_to(
    service: &Arc<Service>,
    request: &mut Request,
    operation: Option<&'static Operation>,
) -> Result<Reply, Failure> {
    let Some(operation) = operation else {
        return Err(unknown("no operation of the service has this method and path".to_owned()));
    };
    let examined = service.identities.examine(request, service.clock.millis())?;
    if operation.act == Act::PublishPackageVersion {
        // The asset streams: what was signed is the digest that it must turn out to have.
        let caller = examined.with_announced_digest()?;
        let mut call = Call::new(service, operation.name, caller, request);
        access::check(&call, operation.id)?;
        return versions_content::publish(&mut call, &mut request.payload).await.map(|value| ok(&value));
    }
    let body = request
        .payload
        .read_all(BODY)
        .await
        .map_err(|error| Failure::Validation { reason: Reason::CannotParse, message: error.to_string() })?;
    let caller = examined.with_body(&body)?;
    let mut call = Call::new(service, operation.name, caller, request);
    call.read_body(&body)?;
    if operation.act == Act::NotYet {
        return Err(unknown(format!("{} is not available in this version of the local service", operation.name)));
    }
    access::check(&call, operation.id)?;
    match operation.act {
        // A token is not passed on in a value that is copied, and an asset is bytes, not JSON.
        Act::GetAuthorizationToken => domains::get_authorization_token(&call),
        Act::GetPackageVersionAsset => versions_content::get_asset(&call).await,
        _ => act(&call, operation).await.map(|value| ok(&value)),
    }
}

async fn act(call: &Call, operation: &Operation) -> Result<Value, Failure> {
    match operation.act {
        Act::CreateDomain => domains::create(call).await,
        Act::DescribeDomain => domains::describe(call),
        Act::DeleteDomain => domains::delete(call).await,
        Act::ListDomains => domains::list(call),
        Act::CreateRepository => repositories::create(call).await,
        Act::DescribeRepository => repositories::describe(call),
        Act::UpdateRepository => repositories::update(call).await,
        Act::DeleteRepository => repositories::delete(call).await,
        Act::ListRepositories => repositories::list(call),
        Act::ListRepositoriesInDomain => repositories::list_in_domain(call),
        Act::GetRepositoryEndpoint => repositories::endpoint(call),
        Act::AssociateExternalConnection => repositories::connect(call).await,
        Act::DisassociateExternalConnection => repositories::disconnect(call).await,
        Act::ListPackages => packages::list(call),
        Act::DescribePackage => packages::describe(call),
        Act::DeletePackage => packages::delete(call).await,
        Act::PutPackageOriginConfiguration => packages::put_origin_configuration(call).await,
        Act::ListPackageVersions => versions::list(call),
        Act::DescribePackageVersion => versions::describe(call),
        Act::ListPackageVersionAssets => versions::assets(call),
        Act::ListPackageVersionDependencies => versions::dependencies(call),
        Act::GetPackageVersionReadme => versions::readme(call),
        Act::CopyPackageVersions => versions_change::copy(call).await,
        Act::DeletePackageVersions => versions_change::delete(call).await,
        Act::DisposePackageVersions => versions_change::dispose(call).await,
        Act::UpdatePackageVersionsStatus => versions_change::update_status(call).await,
        Act::TagResource => tags::tag(call).await,
        Act::UntagResource => tags::untag(call).await,
        Act::ListTagsForResource => tags::list(call),
        Act::CreatePackageGroup => package_groups::create(call).await,
        Act::DeletePackageGroup => package_groups::delete(call).await,
        Act::DescribePackageGroup => package_groups::describe(call),
        Act::GetAssociatedPackageGroup => package_groups::associated_group(call),
        Act::ListAllowedRepositoriesForGroup => package_groups::allowed_repositories(call),
        Act::ListAssociatedPackages => package_groups::list_associated_packages(call),
        Act::ListPackageGroups => package_groups::list(call),
        Act::ListSubPackageGroups => package_groups::list_sub_groups(call),
        Act::UpdatePackageGroup => package_groups::update(call).await,
        Act::UpdatePackageGroupOriginConfiguration => package_groups::update_origin_configuration(call).await,
        Act::PutDomainPermissionsPolicy => policies::put_of_domain(call).await,
        Act::GetDomainPermissionsPolicy => policies::get_of_domain(call),
        Act::DeleteDomainPermissionsPolicy => policies::delete_of_domain(call).await,
        Act::PutRepositoryPermissionsPolicy => policies::put_of_repository(call).await,
        Act::GetRepositoryPermissionsPolicy => policies::get_of_repository(call),
        Act::DeleteRepositoryPermissionsPolicy => policies::delete_of_repository(call).await,
        Act::GetAuthorizationToken | Act::PublishPackageVersion | Act::GetPackageVersionAsset | Act::NotYet => {
            Err(unknown(format!("{} is not available in this version of the local service", operation.name)))
        }
    }
}

fn unknown(message: String) -> Failure {
    Failure::Validation { reason: Reason::UnknownOperation, message }
}

fn ok(value: &Value) -> Reply {
    http_answer::json(StatusCode::OK, value)
}

/// A failure as the API's clients read it: the type in a header, the members in the body.
pub(crate) fn refusal(failure: &Failure) -> Reply {
    let mut body = json!({ "message": failure.to_string() });
    if let Some(resource) = failure.resource() {
        body["resourceId"] = json!(resource.id);
        if let Some(kind) = resource.kind.api_type() {
            body["resourceType"] = json!(kind);
        }
    }
    if let Failure::Validation { reason, .. } = failure {
        body["reason"] = json!(reason.as_str());
    }
    let mut reply = http_answer::json(failure.status(), &body);
    let headers = reply.headers_mut();
    headers.insert("x-amzn-errortype", crate::http::header_value(failure.exception()));
    if let Failure::Scripted { retry_after: Some(after), .. } = failure {
        headers.insert(header::RETRY_AFTER, after.as_secs().into());
    }
    reply
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_has_the_48_operations_each_at_a_place_of_its_own() {
        let places: BTreeSet<_> = OPERATIONS.iter().map(|operation| (operation.method, operation.path)).collect();
        let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!((OPERATIONS.len(), places.len(), names.len()), (48, 48, 48));
    }

    #[test]
    fn an_operation_is_found_by_method_and_whole_path() {
        let find = |method: Method, uri: &str| {
            let target = Target::parse(&uri.parse().unwrap()).unwrap();
            operation_of(&method, &target).map(|operation| operation.name)
        };
        assert_eq!(find(Method::POST, "/v1/domain?domain=x"), Some("CreateDomain"));
        assert_eq!(find(Method::POST, "/v1/package"), Some("PutPackageOriginConfiguration"));
        for (method, uri) in [
            (Method::PATCH, "/v1/domain"),
            (Method::POST, "/v1/domain/"),
            (Method::POST, "/v1/Domain"),
            (Method::GET, "/v1/package%2Fversion"),
            (Method::GET, "/v1"),
            (Method::GET, "/v1/"),
        ] {
            assert_eq!(find(method, uri), None, "{uri}");
        }
    }
}
