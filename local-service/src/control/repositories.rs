//! Repositories.

use codeartifact::{AccountId, RepositoryName};
use serde_json::{Value, json};

use super::{answer, call::Call, validate};
use crate::{
    external::{Connection, UnknownConnection},
    failure::Failure,
    state::{Domain, DomainKey, RepositoryKey},
};

pub(super) async fn create(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let description = call.description()?;
    let upstreams = upstreams(call)?.unwrap_or_default();
    let tags = call.tags(false)?;
    let administrator = call.caller.account.clone();
    call.apply(move |draft| {
        draft.create_repository(&key, &administrator, description, upstreams, tags)?;
        let (_, repository) = draft.state.repository(&key)?;
        Ok(json!({ "repository": answer::repository(&key, repository) }))
    })
    .await
}

pub(super) fn describe(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let (_, repository) = call.state.repository(&key)?;
    Ok(json!({ "repository": answer::repository(&key, repository) }))
}

pub(super) async fn update(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let description = call.description()?;
    let upstreams = upstreams(call)?;
    call.apply(move |draft| {
        draft.update_repository(&key, description, upstreams)?;
        let (_, repository) = draft.state.repository(&key)?;
        Ok(json!({ "repository": answer::repository(&key, repository) }))
    })
    .await
}

pub(super) async fn delete(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    call.apply(move |draft| {
        let removed = answer::repository(&key, draft.state.repository(&key)?.1);
        draft.delete_repository(&key)?;
        Ok(json!({ "repository": removed }))
    })
    .await
}

pub(super) async fn connect(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let connection = connection(call)?;
    call.apply(move |draft| {
        draft.connect(&key, connection)?;
        Ok(json!({ "repository": answer::repository(&key, draft.state.repository(&key)?.1) }))
    })
    .await
}

pub(super) async fn disconnect(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let connection = connection(call)?;
    call.apply(move |draft| {
        draft.disconnect(&key, connection)?;
        Ok(json!({ "repository": answer::repository(&key, draft.state.repository(&key)?.1) }))
    })
    .await
}

/// The model's alphabet is a field's rule; a name of that form that is none of the ten is refused as a whole.
fn connection(call: &Call) -> Result<Connection, Failure> {
    let name = call.required("external-connection")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
    let first_holds = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !(2..=100).contains(&name.len()) || !first_holds || !name.bytes().all(allowed) {
        return Err(Failure::field(
            "`external-connection` must be 2 to 100 letters, digits, dots, underscores, dashes and colons",
        ));
    }
    name.parse().map_err(|error: UnknownConnection| Failure::other(error.to_string()))
}

/// The repositories that the caller's account administers, over all domains of the Region.
pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let prefix = repository_prefix(call)?;
    let page = call.page(&[prefix])?;
    let domains = call.state.domains().filter(|(key, _)| key.region == call.caller.region);
    let all = domains.flat_map(|(key, domain)| {
        summaries(key, domain, prefix, Some(&call.caller.account))
            // A separator below every character of a name: the text sorts as the keys do.
            .map(move |(name, summary)| (format!("{}\0{}\0{name}", key.owner, key.name), summary))
    });
    let (repositories, next) = call.cut(&page, all);
    Ok(answer::with_next(json!({ "repositories": repositories }), next))
}

pub(super) fn list_in_domain(call: &Call) -> Result<Value, Failure> {
    let key = call.domain()?;
    let administrator = call.query.get("administrator-account").map(validate::name::<AccountId>).transpose()?;
    let prefix = repository_prefix(call)?;
    let administrator_text = administrator.as_ref().map_or("", AccountId::as_str);
    let page = call.page(&[&key.to_string(), administrator_text, prefix])?;
    let domain = call.state.domain(&key)?;
    let (repositories, next) = call.cut(&page, summaries(&key, domain, prefix, administrator.as_ref()));
    Ok(answer::with_next(json!({ "repositories": repositories }), next))
}

fn summaries<'a>(
    key: &'a DomainKey,
    domain: &'a Domain,
    prefix: &'a str,
    administrator: Option<&'a AccountId>,
) -> impl Iterator<Item = (String, Value)> + 'a {
    domain
        .repositories()
        .filter(move |repository| repository.name.as_str().starts_with(prefix))
        .filter(move |repository| administrator.is_none_or(|account| repository.about.administrator == *account))
        .map(move |repository| {
            let key = RepositoryKey { domain: key.clone(), name: repository.name.clone() };
            (repository.name.to_string(), answer::repository_summary(&key, repository))
        })
}

/// `http://AUTHORITY/d/DOMAIN-OWNER/FORMAT/REPOSITORY/`, made of the authority that the client used: what it stores
/// with this URL must match what it asks later. The final slash is part of it. The type of endpoint changes nothing
/// on loopback, and is checked all the same.
pub(super) fn endpoint(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let format = call.format()?;
    call.choice("endpointType", &[("dualstack", ()), ("ipv4", ())])?;
    call.state.repository(&key)?;
    let RepositoryKey { domain, name } = &key;
    let url =
        format!("{}://{}/d/{}-{}/{format}/{name}/", call.service.scheme(), call.authority, domain.name, domain.owner);
    Ok(json!({ "repositoryEndpoint": url }))
}

/// `upstreams`: absent leaves them, an empty list clears them.
fn upstreams(call: &Call) -> Result<Option<Vec<RepositoryName>>, Failure> {
    let Some(items) = call.array("upstreams")? else {
        return Ok(None);
    };
    let name = |item: &Value| {
        let name = item.get("repositoryName").and_then(Value::as_str);
        validate::name(name.ok_or_else(|| Failure::field("each of `upstreams` must have the string `repositoryName`"))?)
    };
    items.iter().map(name).collect::<Result<_, _>>().map(Some)
}

/// A prefix of repository names; the model has the names' own rule for it.
fn repository_prefix(call: &Call) -> Result<&str, Failure> {
    let Some(prefix) = call.query.get("repository-prefix") else { return Ok("") };
    prefix.parse::<RepositoryName>().map(|_| prefix).map_err(|_| {
        Failure::field("`repository-prefix` must be 2 to 100 letters, digits, dots, underscores and dashes")
    })
}
