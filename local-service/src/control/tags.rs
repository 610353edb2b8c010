//! Tags of the resources that an ARN names.

use codeartifact::{AccountId, Region};
use serde_json::{Value, json};

use super::{answer, call::Call, validate};
use crate::{
    failure::{Failure, ResourceKind},
    state::{DomainKey, RepositoryKey, Tagged, partition},
};

pub(super) async fn tag(call: &Call) -> Result<Value, Failure> {
    let tags = call.tags(true)?;
    let tagged = tagged(call)?;
    call.apply(move |draft| draft.tag(&tagged, tags)).await?;
    Ok(json!({}))
}

pub(super) async fn untag(call: &Call) -> Result<Value, Failure> {
    let keys = call.tag_keys()?;
    let tagged = tagged(call)?;
    call.apply(move |draft| draft.untag(&tagged, &keys)).await?;
    Ok(json!({}))
}

pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let tagged = tagged(call)?;
    Ok(json!({ "tags": answer::tags(call.state.tags(&tagged)?) }))
}

/// `arn:PARTITION:codeartifact:REGION:ACCOUNT:domain/NAME`, `…:repository/DOMAIN/NAME` or
/// `…:package-group/DOMAIN/PATTERN`.
fn tagged(call: &Call) -> Result<Tagged, Failure> {
    let arn = validate::unspaced("resourceArn", call.required("resourceArn")?, 1_011)?;
    let wrong = || Failure::field("`resourceArn` must be the ARN of a domain, a repository or a package group");
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", arn_partition, "codeartifact", region, account, resource] = parts.as_slice() else {
        return Err(wrong());
    };
    let region: Region = region.parse().map_err(|_| wrong())?;
    let owner: AccountId = account.parse().map_err(|_| wrong())?;
    if *arn_partition != partition(&region) {
        return Err(wrong());
    }
    // A resource of another Region is not there as far as this Region knows.
    let elsewhere = region != call.caller.region;
    let resource: Vec<&str> = resource.split('/').collect();
    match resource.as_slice() {
        ["domain", name] => {
            let key = DomainKey { region, owner, name: name.parse().map_err(|_| wrong())? };
            if elsewhere { Err(Failure::not_found(ResourceKind::Domain, *name)) } else { Ok(Tagged::Domain(key)) }
        }
        ["repository", domain, name] => {
            let domain = DomainKey { region, owner, name: domain.parse().map_err(|_| wrong())? };
            let key = RepositoryKey { domain, name: name.parse().map_err(|_| wrong())? };
            if elsewhere {
                Err(Failure::not_found(ResourceKind::Repository, *name))
            } else {
                Ok(Tagged::Repository(key))
            }
        }
        // The pattern of a package group has slashes of its own.
        ["package-group", domain, pattern @ ..] if !pattern.is_empty() => {
            let pattern = format!("/{}", pattern.join("/"));
            if elsewhere {
                return Err(Failure::not_found(ResourceKind::PackageGroup, pattern));
            }
            let key = DomainKey { region, owner, name: domain.parse().map_err(|_| wrong())? };
            Ok(Tagged::Group(key, validate::pattern("resourceArn", &pattern)?))
        }
        _ => Err(wrong()),
    }
}
