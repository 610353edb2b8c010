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
}

macro_rules! operations {
    ($($method:ident $path:literal $name:ident;)*) => {
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
        }),*];
    };
}

operations! {
    POST "repository/external-connection" AssociateExternalConnection;
    POST "package/versions/copy" CopyPackageVersions;
    POST "domain" CreateDomain;
    POST "package-group" CreatePackageGroup;
    POST "repository" CreateRepository;
    DELETE "domain" DeleteDomain;
    DELETE "domain/permissions/policy" DeleteDomainPermissionsPolicy;
    DELETE "package" DeletePackage;
    DELETE "package-group" DeletePackageGroup;
    POST "package/versions/delete" DeletePackageVersions;
    DELETE "repository" DeleteRepository;
    DELETE "repository/permissions/policies" DeleteRepositoryPermissionsPolicy;
    GET "domain" DescribeDomain;
    GET "package" DescribePackage;
    GET "package-group" DescribePackageGroup;
    GET "package/version" DescribePackageVersion;
    GET "repository" DescribeRepository;
    DELETE "repository/external-connection" DisassociateExternalConnection;
    POST "package/versions/dispose" DisposePackageVersions;
    GET "get-associated-package-group" GetAssociatedPackageGroup;
    POST "authorization-token" GetAuthorizationToken;
    GET "domain/permissions/policy" GetDomainPermissionsPolicy;
    GET "package/version/asset" GetPackageVersionAsset;
    GET "package/version/readme" GetPackageVersionReadme;
    GET "repository/endpoint" GetRepositoryEndpoint;
    GET "repository/permissions/policy" GetRepositoryPermissionsPolicy;
    GET "package-group-allowed-repositories" ListAllowedRepositoriesForGroup;
    GET "list-associated-packages" ListAssociatedPackages;
    POST "domains" ListDomains;
    POST "package-groups" ListPackageGroups;
    POST "package/version/assets" ListPackageVersionAssets;
    POST "package/version/dependencies" ListPackageVersionDependencies;
    POST "package/versions" ListPackageVersions;
    POST "packages" ListPackages;
    POST "repositories" ListRepositories;
    POST "domain/repositories" ListRepositoriesInDomain;
    POST "package-groups/sub-groups" ListSubPackageGroups;
    POST "tags" ListTagsForResource;
    POST "package/version/publish" PublishPackageVersion;
    PUT "domain/permissions/policy" PutDomainPermissionsPolicy;
    POST "package" PutPackageOriginConfiguration;
    PUT "repository/permissions/policy" PutRepositoryPermissionsPolicy;
    POST "tag" TagResource;
    POST "untag" UntagResource;
    PUT "package-group" UpdatePackageGroup;
    PUT "package-group-origin-configuration" UpdatePackageGroupOriginConfiguration;
    POST "package/versions/update_status" UpdatePackageVersionsStatus;
    PUT "repository" UpdateRepository;
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
    if operation.id == Name::PublishPackageVersion {
        // The asset streams: what was signed is the digest that it must turn out to have.
        let caller = examined.with_announced_digest()?;
        request.trace.caller(&caller.principal, &caller.region, Some(&caller.access_key));
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
    request.trace.caller(&caller.principal, &caller.region, Some(&caller.access_key));
    request.trace.body(&body);
    let mut call = Call::new(service, operation.name, caller, request);
    call.read_body(&body)?;
    access::check(&call, operation.id)?;
    match operation.id {
        // A token is not passed on in a value that is copied, and an asset is bytes, not JSON.
        Name::GetAuthorizationToken => domains::get_authorization_token(&call),
        Name::GetPackageVersionAsset => versions_content::get_asset(&call).await,
        _ => act(&call, operation).await.map(|value| ok(&value)),
    }
}

async fn act(call: &Call, operation: &Operation) -> Result<Value, Failure> {
    match operation.id {
        Name::CreateDomain => domains::create(call).await,
        Name::DescribeDomain => domains::describe(call),
        Name::DeleteDomain => domains::delete(call).await,
        Name::ListDomains => domains::list(call),
        Name::CreateRepository => repositories::create(call).await,
        Name::DescribeRepository => repositories::describe(call),
        Name::UpdateRepository => repositories::update(call).await,
        Name::DeleteRepository => repositories::delete(call).await,
        Name::ListRepositories => repositories::list(call),
        Name::ListRepositoriesInDomain => repositories::list_in_domain(call),
        Name::GetRepositoryEndpoint => repositories::endpoint(call),
        Name::AssociateExternalConnection => repositories::connect(call).await,
        Name::DisassociateExternalConnection => repositories::disconnect(call).await,
        Name::ListPackages => packages::list(call),
        Name::DescribePackage => packages::describe(call),
        Name::DeletePackage => packages::delete(call).await,
        Name::PutPackageOriginConfiguration => packages::put_origin_configuration(call).await,
        Name::ListPackageVersions => versions::list(call),
        Name::DescribePackageVersion => versions::describe(call),
        Name::ListPackageVersionAssets => versions::assets(call),
        Name::ListPackageVersionDependencies => versions::dependencies(call),
        Name::GetPackageVersionReadme => versions::readme(call),
        Name::CopyPackageVersions => versions_change::copy(call).await,
        Name::DeletePackageVersions => versions_change::delete(call).await,
        Name::DisposePackageVersions => versions_change::dispose(call).await,
        Name::UpdatePackageVersionsStatus => versions_change::update_status(call).await,
        Name::TagResource => tags::tag(call).await,
        Name::UntagResource => tags::untag(call).await,
        Name::ListTagsForResource => tags::list(call),
        Name::CreatePackageGroup => package_groups::create(call).await,
        Name::DeletePackageGroup => package_groups::delete(call).await,
        Name::DescribePackageGroup => package_groups::describe(call),
        Name::GetAssociatedPackageGroup => package_groups::associated_group(call),
        Name::ListAllowedRepositoriesForGroup => package_groups::allowed_repositories(call),
        Name::ListAssociatedPackages => package_groups::list_associated_packages(call),
        Name::ListPackageGroups => package_groups::list(call),
        Name::ListSubPackageGroups => package_groups::list_sub_groups(call),
        Name::UpdatePackageGroup => package_groups::update(call).await,
        Name::UpdatePackageGroupOriginConfiguration => package_groups::update_origin_configuration(call).await,
        Name::PutDomainPermissionsPolicy => policies::put_of_domain(call).await,
        Name::GetDomainPermissionsPolicy => policies::get_of_domain(call),
        Name::DeleteDomainPermissionsPolicy => policies::delete_of_domain(call).await,
        Name::PutRepositoryPermissionsPolicy => policies::put_of_repository(call).await,
        Name::GetRepositoryPermissionsPolicy => policies::get_of_repository(call),
        Name::DeleteRepositoryPermissionsPolicy => policies::delete_of_repository(call).await,
        Name::GetAuthorizationToken | Name::PublishPackageVersion | Name::GetPackageVersionAsset => {
            Err(Failure::internal(format!("{} answers with bytes of its own", operation.name)))
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
