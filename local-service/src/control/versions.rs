//! Reading versions. Control-plane reads see one repository and never its upstreams.

use codeartifact::PackageFormat;
use serde_json::{Value, json};

use super::{answer, call::Call, validate::STATUSES};
use crate::{
    failure::{Failure, ResourceKind},
    formats,
    state::{Package, Status},
};

pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let status = call.choice("status", STATUSES)?;
    let newest_first = call.choice("sortBy", &[("PUBLISHED_TIME", true)])?.unwrap_or(false);
    let origin =
        call.choice("originType", &[("INTERNAL", "INTERNAL"), ("EXTERNAL", "EXTERNAL"), ("UNKNOWN", "UNKNOWN")])?;
    let page = call.page(&[
        &named.repository.to_string(),
        &named.key.path(),
        call.query.get("status").unwrap_or_default(),
        if newest_first { "newest" } else { "" },
        origin.unwrap_or_default(),
    ])?;
    let package = named.find(&call.state)?;
    let wanted = package.versions().filter(|(_, version)| {
        // No version has the status Deleted: asking for it is valid and finds nothing.
        status.is_none_or(|status| status == Some(version.status))
            && origin.is_none_or(|origin| version.origin.kind() == origin)
    });
    let (versions, next) = if newest_first {
        let mut sorted: Vec<_> = wanted
            .map(|(key, version)| (format!("{:020}/{}", u64::MAX - version.published, key.as_str()), version))
            .collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        call.cut(&page, sorted.into_iter().map(|(key, version)| (key, answer::version_summary(version))))
    } else {
        call.cut(&page, wanted.map(|(key, version)| (key.as_str().to_owned(), answer::version_summary(version))))
    };
    let members = answer::object([
        ("defaultDisplayVersion", displayed(package).map(|version| json!(version))),
        ("format", Some(json!(named.format.as_str()))),
        ("namespace", named.namespace.map(|namespace| json!(namespace))),
        ("package", Some(json!(named.name))),
        ("versions", Some(json!(versions))),
    ]);
    Ok(answer::with_next(members, next))
}

/// What is shown of a package by default: npm's `latest`, and without it, as in the other formats, what was published
/// last.
fn displayed(package: &Package) -> Option<&str> {
    let latest = package.about.tags.get("latest").filter(|_| package.key.format == PackageFormat::Npm);
    if let Some(latest) = latest.and_then(|latest| package.version(latest))
        && latest.status == Status::Published
    {
        return Some(&latest.version);
    }
    package
        .versions()
        .filter(|(_, version)| version.status == Status::Published)
        .max_by_key(|(_, version)| version.published)
        .map(|(_, version)| version.version.as_str())
}

pub(super) fn describe(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let version = named.find_version(&call.state, &call.version()?)?;
    let about = &named.find(&call.state)?.about;
    let mut described = answer::version(&named, version);
    if let Some(display_name) = &about.display_name {
        described["displayName"] = json!(display_name);
    }
    Ok(json!({ "packageVersion": described }))
}

pub(super) fn assets(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let text = call.version()?;
    let page = call.page(&[&named.repository.to_string(), &named.key.path(), &text])?;
    let version = named.find_version(&call.state, &text)?;
    let stored = version.assets.iter().map(|asset| (asset.name.clone(), answer::asset(asset)));
    let awaited = version.awaited.iter().map(|awaited| (awaited.name.clone(), answer::awaited(awaited)));
    let mut sorted: Vec<_> = stored.chain(awaited).collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (assets, next) = call.cut(&page, sorted.into_iter());
    let mut members = answer::version_coordinate(&named, version);
    members["assets"] = json!(assets);
    Ok(answer::with_next(members, next))
}

/// This list has a token and no page size of the caller's.
pub(super) fn dependencies(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let text = call.version()?;
    let page = call.page(&[&named.repository.to_string(), &named.key.path(), &text])?;
    let version = named.find_version(&call.state, &text)?;
    let listed = formats::dependencies(named.format, version).into_iter().enumerate().map(|(at, dependency)| {
        let value = answer::object([
            ("namespace", dependency.namespace.map(|namespace| json!(namespace))),
            ("package", Some(json!(dependency.package))),
            ("dependencyType", Some(dependency.kind).filter(|kind| !kind.is_empty()).map(|kind| json!(kind))),
            ("versionRequirement", Some(json!(dependency.requirement))),
        ]);
        (format!("{at:08}"), value)
    });
    let (dependencies, next) = call.cut(&page, listed);
    let mut members = answer::version_coordinate(&named, version);
    members["dependencies"] = json!(dependencies);
    Ok(answer::with_next(members, next))
}

pub(super) fn readme(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let version = named.find_version(&call.state, &call.version()?)?;
    let absent = || Failure::not_found(ResourceKind::PackageVersion, version.version.as_str());
    let digest = version.readme.ok_or_else(absent)?;
    let text = call.service.journal.text(&named.repository.domain, &digest)?.ok_or_else(absent)?;
    let mut members = answer::version_coordinate(&named, version);
    members["readme"] = json!(text);
    Ok(members)
}
