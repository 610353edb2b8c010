//! Resource policies of domains and repositories.

use serde_json::{Value, json};

use super::{call::Call, validate};
use crate::{
    failure::{Failure, ResourceKind},
    policy::{AttachedTo, Document, DocumentError},
    state::{DomainKey, Policy, RepositoryKey},
};

/// The model's longest revision of a policy.
const REVISION: usize = 100;

pub(super) async fn put_of_domain(call: &Call) -> Result<Value, Failure> {
    let key = call.domain_in_body()?;
    let document = document(call)?;
    let expected = revision("policyRevision", call.text("policyRevision")?)?;
    let arn = key.arn();
    let policy = call.apply(move |draft| draft.put_domain_policy(&key, document, expected.as_deref())).await?;
    Ok(shown(&arn, &policy))
}

pub(super) async fn put_of_repository(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let document = document(call)?;
    let expected = revision("policyRevision", call.text("policyRevision")?)?;
    let arn = key.arn();
    let policy = call.apply(move |draft| draft.put_repository_policy(&key, document, expected.as_deref())).await?;
    Ok(shown(&arn, &policy))
}

pub(super) fn get_of_domain(call: &Call) -> Result<Value, Failure> {
    let key: DomainKey = call.domain()?;
    let policy = call.state.domain(&key)?.about.policy.as_ref();
    let absent = || Failure::not_found(ResourceKind::Domain, key.name.as_str());
    Ok(shown(&key.arn(), policy.ok_or_else(absent)?))
}

pub(super) fn get_of_repository(call: &Call) -> Result<Value, Failure> {
    let key: RepositoryKey = call.repository()?;
    let policy = call.state.repository(&key)?.1.about.policy.as_ref();
    let absent = || Failure::not_found(ResourceKind::Repository, key.name.as_str());
    Ok(shown(&key.arn(), policy.ok_or_else(absent)?))
}

pub(super) async fn delete_of_domain(call: &Call) -> Result<Value, Failure> {
    let key = call.domain()?;
    let expected = revision("policy-revision", call.query.get("policy-revision"))?;
    let arn = key.arn();
    let policy = call.apply(move |draft| draft.delete_domain_policy(&key, expected.as_deref())).await?;
    Ok(shown(&arn, &policy))
}

pub(super) async fn delete_of_repository(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let expected = revision("policy-revision", call.query.get("policy-revision"))?;
    let arn = key.arn();
    let policy = call.apply(move |draft| draft.delete_repository_policy(&key, expected.as_deref())).await?;
    Ok(shown(&arn, &policy))
}

fn shown(arn: &str, policy: &Policy) -> Value {
    json!({ "policy": { "resourceArn": arn, "revision": policy.revision, "document": policy.document } })
}

/// `policyDocument`: a policy that can be evaluated.
fn document(call: &Call) -> Result<String, Failure> {
    let text = call.text("policyDocument")?.ok_or_else(|| Failure::field("`policyDocument` is missing"))?;
    if text.is_empty() {
        return Err(Failure::field("`policyDocument` is empty"));
    }
    match Document::parse(text, AttachedTo::Resource) {
        Ok(_) => Ok(text.to_owned()),
        Err(error @ DocumentError::Length(_)) => Err(Failure::field(error.to_string())),
        Err(error) => Err(Failure::other(error.to_string())),
    }
}

fn revision(name: &str, text: Option<&str>) -> Result<Option<String>, Failure> {
    text.map(|text| validate::unspaced(name, text, REVISION)).transpose()
}
