//! Domains and the tokens for them.

use bytes::Bytes;
use codeartifact::Region;
use hyper::StatusCode;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{answer, call::Call, validate};
use crate::{
    failure::{Failure, Reason},
    http::{Reply, answer::reply},
    state::{DomainKey, partition},
    tokens::Claims,
};

/// Lifetimes of a token in seconds: the default, and the bounds. 0 means as long as the session of the caller's keys;
/// keys without one get the default.
const DEFAULT_LIFETIME: u64 = 43_200;
const LIFETIMES: std::ops::RangeInclusive<u64> = 900..=43_200;
/// The model's longest ARN.
const ARN: usize = 1_011;

pub(super) async fn create(call: &Call) -> Result<Value, Failure> {
    let name = validate::name(call.required("domain")?)?;
    let key = DomainKey { region: call.caller.region.clone(), owner: call.caller.account.clone(), name };
    let encryption_key =
        call.text("encryptionKey")?.map(|text| validate::unspaced("encryptionKey", text, ARN)).transpose()?;
    if let Some(encryption_key) = &encryption_key {
        check_key(&key.region, encryption_key)?;
    }
    let tags = call.tags(false)?;
    call.apply(move |draft| {
        draft.create_domain(&key, encryption_key, tags)?;
        Ok(json!({ "domain": answer::domain(&key, draft.state.domain(&key)?) }))
    })
    .await
}

/// The key is stored and never used: nothing is encrypted here, and whether it exists, and is symmetric, is not known.
/// What is an ARN and not one of a key or of a key's alias in the domain's own Region could not encrypt for it.
fn check_key(region: &Region, key: &str) -> Result<(), Failure> {
    if !key.starts_with("arn:") {
        return Ok(());
    }
    let parts: Vec<&str> = key.splitn(6, ':').collect();
    let resource = match parts.as_slice() {
        ["arn", arn_partition, "kms", of, _, resource]
            if *arn_partition == partition(region) && *of == region.as_str() =>
        {
            resource.strip_prefix("key/").or_else(|| resource.strip_prefix("alias/"))
        }
        _ => None,
    };
    if resource.is_some_and(|id| !id.is_empty()) {
        return Ok(());
    }
    let message = format!("`encryptionKey` is not the ARN of an AWS KMS key, or of the alias of one, in {region}");
    Err(Failure::Validation { reason: Reason::EncryptionKeyError, message })
}

pub(super) fn describe(call: &Call) -> Result<Value, Failure> {
    let key = call.domain()?;
    Ok(json!({ "domain": answer::domain(&key, call.state.domain(&key)?) }))
}

pub(super) async fn delete(call: &Call) -> Result<Value, Failure> {
    let key = call.domain()?;
    call.apply(move |draft| {
        let mut removed = answer::domain(&key, draft.state.domain(&key)?);
        removed["status"] = json!("Deleted");
        draft.delete_domain(&key)?;
        Ok(json!({ "domain": removed }))
    })
    .await
}

/// The domains that the caller's account owns in this Region.
pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let page = call.page_in_body()?;
    let own = call
        .state
        .domains()
        .filter(|(key, _)| key.owner == call.caller.account && key.region == call.caller.region)
        .map(|(key, domain)| (key.name.to_string(), answer::domain_summary(key, domain)));
    let (domains, next) = call.cut(&page, own);
    Ok(answer::with_next(json!({ "domains": domains }), next))
}

/// The answer's bytes are wiped when it has been sent.
pub(super) fn get_authorization_token(call: &Call) -> Result<Reply, Failure> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Issued<'a> {
        authorization_token: &'a str,
        expiration: Value,
    }

    let key = call.domain()?;
    let whole_session = call.query.get("duration") == Some("0");
    let wrong = || Failure::field("`duration` must be 0 or a number from 900 to 43200");
    let lifetime = match call.query.get("duration").map(str::parse::<u64>).transpose().map_err(|_| wrong())? {
        None | Some(0) => DEFAULT_LIFETIME,
        Some(lifetime) if LIFETIMES.contains(&lifetime) => lifetime,
        Some(_) => return Err(wrong()),
    };
    let created = call.state.domain(&key)?.about.created;
    let issued = call.service.clock.millis();
    // In whole seconds, as clients print and compare it.
    let mut expires = (issued / 1000 + lifetime) * 1000;
    if let Some(ends) = call.caller.session_ends.filter(|_| whole_session) {
        expires = expires.min(ends / 1000 * 1000);
    }
    let claims = Claims { domain: key, created, principal: call.caller.principal.arn.to_string(), issued, expires };
    let token = call.service.tokens.issue(claims).map_err(|error| Failure::internal(error.to_string()))?;
    let issued = Issued { authorization_token: &token, expiration: answer::time(expires) };
    let body = Zeroizing::new(serde_json::to_vec(&issued).expect("a token and a time are plain data"));
    Ok(reply(StatusCode::OK, "application/json", Bytes::from_owner(body)))
}
