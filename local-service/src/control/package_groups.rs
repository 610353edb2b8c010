//! Package groups. Their answers name no `resourceType` where one is missing or there twice: the API has no word for
//! them.

use std::collections::BTreeMap;

use codeartifact::PackageFormat;
use serde_json::{Value, json};

use super::{
    answer,
    call::Call,
    validate::{self, choice},
};
use crate::{
    failure::Failure,
    state::{AllowedRepository, DomainKey, GroupUpdate, Groups, ListChange, Mode, Pattern, Restriction, api_name},
};

pub(super) async fn create(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern_in_body(call)?;
    let (contact, description) = (call.printable("contactInfo")?, call.printable("description")?);
    let tags = call.tags(false)?;
    call.apply(move |draft| {
        draft.create_group(&domain, &pattern, contact, description, tags)?;
        described(&draft.state.domain(&domain)?.groups, &domain, &pattern)
    })
    .await
}

pub(super) fn describe(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    call.state.group(&domain, &pattern)?;
    described(&call.state.domain(&domain)?.groups, &domain, &pattern)
}

pub(super) async fn update(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern_in_body(call)?;
    let (contact, description) = (call.printable("contactInfo")?, call.printable("description")?);
    call.apply(move |draft| {
        draft.update_group(&domain, &pattern, contact, description)?;
        described(&draft.state.domain(&domain)?.groups, &domain, &pattern)
    })
    .await
}

pub(super) async fn delete(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    call.apply(move |draft| {
        draft.state.group(&domain, &pattern)?;
        let removed = described(&draft.state.domain(&domain)?.groups, &domain, &pattern)?;
        draft.delete_group(&domain, &pattern)?;
        Ok(removed)
    })
    .await
}

/// `restrictions` sets modes; the two lists add repositories to the lists of the modes that have one, and remove them.
pub(super) async fn update_origin_configuration(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    let modes = call.map("restrictions")?.unwrap_or_default().into_iter().map(|(restriction, mode)| {
        let modes = Mode::ALL.map(|mode| (mode.as_str(), mode));
        Ok((choice("restrictions", restriction, &restrictions())?, choice("restrictions", mode, &modes)?))
    });
    let update = GroupUpdate {
        modes: modes.collect::<Result<_, Failure>>()?,
        add: allowed(call, "addAllowedRepositories")?,
        remove: allowed(call, "removeAllowedRepositories")?,
    };
    call.apply(move |draft| {
        let change = draft.update_group_origin(&domain, &pattern, &update)?;
        let mut members = described(&draft.state.domain(&domain)?.groups, &domain, &pattern)?;
        members["allowedRepositoryUpdates"] = updates(&change);
        Ok(members)
    })
    .await
}

/// The repositories on the group's own list, which is empty where its mode has none.
pub(super) fn allowed_repositories(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    let restriction = choice("originRestrictionType", call.required("originRestrictionType")?, &restrictions())?;
    let page = call.page(&[&domain.to_string(), pattern.as_str(), restriction.as_str()])?;
    let rule = call.state.group(&domain, &pattern)?.about.rule(restriction);
    let names = rule.repositories.iter().map(|name| (name.to_string(), name.as_str()));
    let (repositories, next) = call.cut(&page, names);
    Ok(answer::with_next(json!({ "allowedRepositories": repositories }), next))
}

/// `prefix` is one of the pattern's text.
pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let prefix = validate::pattern_prefix(call.query.get("prefix").unwrap_or_default())?;
    let page = call.page(&[&domain.to_string(), &prefix])?;
    let groups = &call.state.domain(&domain)?.groups;
    let wanted = groups.iter().filter(|group| group.pattern.as_str().starts_with(&prefix));
    let (listed, next) =
        call.cut(&page, wanted.map(|group| (group.pattern.to_string(), answer::group(&domain, groups, group))));
    Ok(answer::with_next(json!({ "packageGroups": listed }), next))
}

/// The groups whose parent this is, and no further descendants.
pub(super) fn list_sub_groups(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    let page = call.page(&[&domain.to_string(), pattern.as_str()])?;
    call.state.group(&domain, &pattern)?;
    let groups = &call.state.domain(&domain)?.groups;
    let children = groups.iter().filter(|group| groups.parent(group).is_some_and(|parent| parent.pattern == pattern));
    let (listed, next) =
        call.cut(&page, children.map(|group| (group.pattern.to_string(), answer::group(&domain, groups, group))));
    Ok(answer::with_next(json!({ "packageGroups": listed }), next))
}

/// The packages of the domain that belong to the group; with `preview` also for a group that does not exist: those
/// that would belong to it if it did.
pub(super) fn list_associated_packages(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let pattern = pattern(call)?;
    let preview = call.flag("preview")?;
    let page = call.page(&[&domain.to_string(), pattern.as_str(), if preview { "preview" } else { "" }])?;
    let found = call.state.domain(&domain)?;
    let groups = if preview {
        found.groups.with(pattern.clone())
    } else {
        call.state.group(&domain, &pattern)?;
        found.groups.clone()
    };
    let packages = groups.packages(found, &pattern).map(|(key, package, association)| {
        let namespace = Some(&package.key.namespace).filter(|namespace| !namespace.is_empty());
        let value = answer::object([
            ("format", Some(json!(package.key.format.as_str()))),
            ("namespace", namespace.map(|namespace| json!(namespace))),
            ("package", Some(json!(package.about.name))),
            ("associationType", Some(json!(association.as_str()))),
        ]);
        (key, value)
    });
    let (listed, next) = call.cut(&page, packages);
    Ok(answer::with_next(json!({ "packages": listed }), next))
}

/// The package need not exist.
pub(super) fn associated_group(call: &Call) -> Result<Value, Failure> {
    let domain = call.domain()?;
    let (format, namespace, name): (PackageFormat, _, _) = call.coordinate()?;
    let groups = &call.state.domain(&domain)?.groups;
    let namespace = namespace.unwrap_or_default();
    let (group, association) = groups.associated(format, &namespace, &api_name(format, &name));
    Ok(json!({
        "packageGroup": answer::group(&domain, groups, group),
        "associationType": association.as_str(),
    }))
}

fn described(groups: &Groups, domain: &DomainKey, pattern: &Pattern) -> Result<Value, Failure> {
    let group = groups.get(pattern).ok_or_else(|| Failure::internal("the package group was there a moment ago"))?;
    Ok(json!({ "packageGroup": answer::group(domain, groups, group) }))
}

fn pattern(call: &Call) -> Result<Pattern, Failure> {
    validate::pattern("package-group", call.required("package-group")?)
}

fn pattern_in_body(call: &Call) -> Result<Pattern, Failure> {
    let text = call.text("packageGroup")?.ok_or_else(|| Failure::field("`packageGroup` is missing"))?;
    validate::pattern("packageGroup", text)
}

fn restrictions() -> [(&'static str, Restriction); 3] {
    Restriction::ALL.map(|restriction| (restriction.as_str(), restriction))
}

fn allowed(call: &Call, name: &str) -> Result<Vec<AllowedRepository>, Failure> {
    let one = |item: &Value| {
        let member = |member: &str| {
            let text = item.get(member).and_then(Value::as_str);
            text.ok_or_else(|| Failure::field(format!("each of `{name}` must have the string `{member}`")))
        };
        Ok(AllowedRepository {
            repository: validate::name(member("repositoryName")?)?,
            restriction: choice("originRestrictionType", member("originRestrictionType")?, &restrictions())?,
        })
    };
    call.array(name)?.unwrap_or_default().iter().map(one).collect()
}

/// Restriction to `ADDED` and `REMOVED`, without what did not change.
fn updates(change: &ListChange) -> Value {
    let mut updates: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for (word, allowed) in [("ADDED", &change.added), ("REMOVED", &change.removed)] {
        for AllowedRepository { restriction, repository } in allowed {
            updates.entry(restriction.as_str()).or_default().entry(word).or_default().push(repository.as_str());
        }
    }
    json!(updates)
}
