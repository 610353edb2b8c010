//! Who calls the control plane: read from the form of the signature, which is not verified.

use codeartifact::{AccountId, Region};

use crate::failure::Failure;

/// The account that everything here belongs to, and every access key pair.
pub const ACCOUNT: &str = "111122223333";

/// The caller of a control-plane operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    /// The Region that the request was signed for.
    pub(crate) region: Region,
    pub(crate) principal: String,
}

/// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/codeartifact/aws4_request, SignedHeaders=…, Signature=…`.
///
/// Any key is accepted; what is demanded is the form. A page in a browser cannot produce it without a request that
/// browsers ask permission for first, and an ordinary program without meaning to.
pub(crate) fn caller(authorization: Option<&[u8]>) -> Result<Caller, Failure> {
    let header = authorization.ok_or_else(|| Failure::denied("Missing Authentication Token"))?;
    let scope = std::str::from_utf8(header).ok().and_then(credential_scope).ok_or_else(|| {
        Failure::denied("Missing Authentication Token: the request is not signed with AWS Signature Version 4")
    })?;
    let [key, date, region, service, terminator] = scope;
    let key_holds =
        (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let date_holds = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    if !key_holds || !date_holds || terminator != "aws4_request" {
        return Err(Failure::denied(
            "the credential scope of the signature is not KEY/DATE/REGION/SERVICE/aws4_request",
        ));
    }
    if service != "codeartifact" {
        return Err(Failure::denied("the request is signed for another service than codeartifact"));
    }
    let region =
        region.parse().map_err(|_| Failure::denied("the request is signed for something that is no Region"))?;
    Ok(Caller { account: account(), region, principal: format!("arn:aws:iam::{ACCOUNT}:root") })
}

/// The one account.
pub(crate) fn account() -> AccountId {
    ACCOUNT.parse().expect("twelve digits are an account")
}

fn credential_scope(header: &str) -> Option<[&str; 5]> {
    let members = header.trim().strip_prefix("AWS4-HMAC-SHA256 ")?;
    let (mut scope, mut signed, mut signature) = (None, false, false);
    for member in members.split(',') {
        match member.trim().split_once('=')? {
            ("Credential", value) => scope = Some(value),
            ("SignedHeaders", value) => signed = !value.is_empty(),
            ("Signature", value) => {
                signature = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
            }
            _ => return None,
        }
    }
    let parts: Vec<&str> = scope.filter(|_| signed && signature)?.split('/').collect();
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(scope: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={}", "0a".repeat(32))
    }

    #[test]
    fn the_region_comes_from_the_credential_scope() {
        let signed = header("AKIDEXAMPLE/20260101/eu-central-1/codeartifact/aws4_request");
        let caller = caller(Some(signed.as_bytes())).unwrap();
        assert_eq!(caller.region.as_str(), "eu-central-1");
        assert_eq!(caller.account.as_str(), ACCOUNT);
    }

    #[test]
    fn what_is_not_signed_for_this_service_is_denied() {
        let good = header("AKID/20260101/eu-west-1/codeartifact/aws4_request");
        let unsigned = good.split(", Signature").next().unwrap().to_owned();
        for bad in [
            String::new(),
            "Bearer x".to_owned(),
            "Basic YTpi".to_owned(),
            "AWS4-HMAC-SHA256 ".to_owned(),
            unsigned,
            header("AKID/20260101/eu-west-1/s3/aws4_request"),
            header("AKID/20260101/EU/codeartifact/aws4_request"),
            header("AKID/2026-1-1/eu-west-1/codeartifact/aws4_request"),
            header("AKID/20260101/eu-west-1/codeartifact"),
            header("AKID/20260101/eu-west-1/codeartifact/aws4_request/more"),
            header("/20260101/eu-west-1/codeartifact/aws4_request"),
            header("AK ID/20260101/eu-west-1/codeartifact/aws4_request"),
        ] {
            assert!(matches!(caller(Some(bad.as_bytes())), Err(Failure::AccessDenied { .. })), "{bad}");
        }
        assert!(caller(None).is_err());
        assert!(caller(Some(b"\xff")).is_err());
    }
}
