//! The members of answers. What is not there is left out and never null; a list is there even if it is empty.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::call::NamedPackage;
use crate::{
    formats,
    state::{
        Asset, Awaited, Domain, DomainKey, Group, Groups, Millis, Origin, OriginControls, Outcome, Package, Repository,
        RepositoryKey, Restriction, Tags, Version,
    },
};

/// Epoch seconds, with a fraction.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double for 280,000 years")]
pub(super) fn time(millis: Millis) -> Value {
    json!(millis as f64 / 1000.0)
}

/// An object without its absent members.
pub(super) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    Value::Object(
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>(),
    )
}

fn given(text: Option<&String>) -> Option<Value> {
    text.map(|text| json!(text))
}

/// A domain in a list. There is no bucket behind this service, so `s3BucketArn` is left out everywhere.
pub(super) fn domain_summary(key: &DomainKey, domain: &Domain) -> Value {
    json!({
        "name": key.name.as_str(),
        "owner": key.owner.as_str(),
        "arn": key.arn(),
        "status": "Active",
        "createdTime": time(domain.about.created),
        "encryptionKey": domain.about.encryption_key,
    })
}

/// A domain described.
pub(super) fn domain(key: &DomainKey, domain: &Domain) -> Value {
    let mut value = domain_summary(key, domain);
    value["repositoryCount"] = json!(domain.repository_count());
    value["assetSizeBytes"] = json!(domain.asset_bytes());
    value
}

/// A repository in a list.
pub(super) fn repository_summary(key: &RepositoryKey, repository: &Repository) -> Value {
    object([
        ("name", Some(json!(repository.name.as_str()))),
        ("administratorAccount", Some(json!(repository.about.administrator.as_str()))),
        ("domainName", Some(json!(key.domain.name.as_str()))),
        ("domainOwner", Some(json!(key.domain.owner.as_str()))),
        ("arn", Some(json!(key.arn()))),
        ("description", given(repository.about.description.as_ref())),
        ("createdTime", Some(time(repository.about.created))),
    ])
}

/// A repository described.
pub(super) fn repository(key: &RepositoryKey, repository: &Repository) -> Value {
    let mut value = repository_summary(key, repository);
    let upstreams = repository.about.upstreams.iter().map(|upstream| json!({ "repositoryName": upstream.as_str() }));
    value["upstreams"] = upstreams.collect();
    let connections = repository.about.connection.iter().map(|connection| {
        json!({
            "externalConnectionName": connection.name(),
            "packageFormat": connection.format().as_str(),
            "status": "Available",
        })
    });
    value["externalConnections"] = connections.collect();
    value
}

pub(super) fn origin_configuration(origin: OriginControls) -> Value {
    json!({ "restrictions": { "publish": origin.publish.as_str(), "upstream": origin.upstream.as_str() } })
}

/// A package; the member that holds its name differs between answers.
pub(super) fn package(package: &Package, name_member: &str) -> Value {
    let namespace = Some(&package.key.namespace).filter(|namespace| !namespace.is_empty());
    object([
        ("format", Some(json!(package.key.format.as_str()))),
        ("namespace", given(namespace)),
        (name_member, Some(json!(package.about.name))),
        ("originConfiguration", Some(origin_configuration(package.about.origin))),
    ])
}

/// A package group, listed or described.
pub(super) fn group(domain: &DomainKey, groups: &Groups, group: &Arc<Group>) -> Value {
    let reference = |group: &Group| json!({ "arn": group.arn(domain), "pattern": group.pattern.as_str() });
    let restriction = |restriction: Restriction| {
        let deciding = groups.deciding(group, restriction);
        let own = group.about.rule(restriction);
        let value = object([
            ("mode", Some(json!(own.mode.as_str()))),
            ("effectiveMode", Some(json!(deciding.about.rule(restriction).mode.as_str()))),
            ("inheritedFrom", (!Arc::ptr_eq(deciding, group)).then(|| reference(deciding))),
            ("repositoriesCount", Some(json!(own.repositories.len()))),
        ]);
        (restriction.as_str(), value)
    };
    let restrictions: BTreeMap<_, _> = Restriction::ALL.map(restriction).into();
    object([
        ("arn", Some(json!(group.arn(domain)))),
        ("pattern", Some(json!(group.pattern.as_str()))),
        ("domainName", Some(json!(domain.name.as_str()))),
        ("domainOwner", Some(json!(domain.owner.as_str()))),
        ("createdTime", Some(time(group.about.created))),
        ("contactInfo", given(group.about.contact.as_ref())),
        ("description", given(group.about.description.as_ref())),
        ("originConfiguration", Some(json!({ "restrictions": restrictions }))),
        ("parent", groups.parent(group).map(|parent| reference(parent))),
    ])
}

fn origin(origin: &Origin) -> Value {
    let entry = match origin {
        Origin::Internal { repository } => json!({ "repositoryName": repository.as_str() }),
        Origin::External { connection } => json!({ "externalConnectionName": connection.name() }),
    };
    json!({ "originType": origin.kind(), "domainEntryPoint": entry })
}

/// A version in a list.
pub(super) fn version_summary(version: &Version) -> Value {
    json!({
        "version": version.version,
        "revision": version.revision,
        "status": version.status.as_str(),
        "origin": origin(&version.origin),
    })
}

/// A version described.
pub(super) fn version(package: &NamedPackage, version: &Version) -> Value {
    let about = &version.about;
    let licenses: Vec<Value> = formats::licenses(package.format, version)
        .into_iter()
        .map(|license| object([("name", given(license.name.as_ref())), ("url", given(license.url.as_ref()))]))
        .collect();
    object([
        ("format", Some(json!(package.format.as_str()))),
        ("namespace", given(package.namespace.as_ref())),
        ("packageName", Some(json!(package.name))),
        ("displayName", Some(json!(package.name))),
        ("version", Some(json!(version.version))),
        ("summary", given(about.summary.as_ref())),
        ("homePage", given(about.home_page.as_ref())),
        ("sourceCodeRepository", given(about.source_code_repository.as_ref())),
        ("publishedTime", Some(time(version.published))),
        ("licenses", (!licenses.is_empty()).then(|| json!(licenses))),
        ("revision", Some(json!(version.revision))),
        ("status", Some(json!(version.status.as_str()))),
        ("origin", Some(origin(&version.origin))),
    ])
}

/// The members that name a version in the answers about its content.
pub(super) fn version_coordinate(package: &NamedPackage, version: &Version) -> Value {
    object([
        ("format", Some(json!(package.format.as_str()))),
        ("namespace", given(package.namespace.as_ref())),
        ("package", Some(json!(package.name))),
        ("version", Some(json!(version.version))),
        ("versionRevision", Some(json!(version.revision))),
    ])
}

pub(super) fn asset(asset: &Asset) -> Value {
    json!({
        "name": asset.name,
        "size": asset.size,
        "hashes": {
            "MD5": asset.digests.md5.to_string(),
            "SHA-1": asset.digests.sha1.to_string(),
            "SHA-256": asset.digests.sha256.to_string(),
            "SHA-512": asset.digests.sha512.to_string(),
        },
    })
}

/// An asset that nobody fetched yet: what its source says of it.
pub(super) fn awaited(awaited: &Awaited) -> Value {
    object([
        ("name", Some(json!(awaited.name))),
        ("size", awaited.size.map(|size| json!(size))),
        ("hashes", awaited.sha256.map(|digest| json!({ "SHA-256": digest.to_string() }))),
    ])
}

/// What came of a change of several versions.
pub(super) fn outcome(outcome: &Outcome) -> Value {
    let successful: BTreeMap<_, _> = outcome
        .successful
        .iter()
        .map(|(version, (revision, status))| (version, json!({ "revision": revision, "status": status })))
        .collect();
    let failed: BTreeMap<_, _> = outcome
        .failed
        .iter()
        .map(|(version, error)| (version, json!({ "errorCode": error.code(), "errorMessage": error.to_string() })))
        .collect();
    json!({ "successfulVersions": successful, "failedVersions": failed })
}

pub(super) fn tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// Adds the token of the next page to an answer.
pub(super) fn with_next(mut value: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        value["nextToken"] = json!(next);
    }
    value
}
