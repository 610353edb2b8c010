//! Who calls the control plane, and whom a token stands for.
//!
//! Without a file of identities every key pair is the fixed account's root, and of the signature only the form is
//! demanded. With one, its keys are the principals it says; if it is strict, other keys are refused and signatures
//! are verified.

mod file;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, LazyLock},
};

use codeartifact::{AccountId, Region};
use zeroize::Zeroizing;

pub use file::IdentityError;

use self::signature::{Check, Head, Signature};
use crate::{
    failure::Failure,
    http::Request,
    policy::{Circumstances, Principal},
    state::Millis,
};

/// The account that everything belongs to where nobody said otherwise.
pub const ACCOUNT: &str = "111122223333";

/// Who calls where nobody said otherwise.
static ROOT: LazyLock<Arc<Principal>> = LazyLock::new(|| Arc::new(Principal::of_account(&account())));

/// Who may call, and with which keys: what `--strict-auth FILE` says.
///
/// The file is TOML, or JSON if its name ends in `.json`:
///
/// ```toml
/// # `false`: signatures are not verified, and unknown keys are the fixed account's root. Loopback only.
/// strict = true
/// # Names, beside the addresses of this machine, that clients may call the service by.
/// hosts = ["packages.example"]
///
/// [[principals]]
/// arn = "arn:aws:iam::111122223333:role/publisher"
/// # Optional: for `aws:PrincipalOrgID`.
/// organization = "o-exampleorg1"
/// # Optional: the identity's policy, as a string of JSON or as a table. Without one it may do what its account may.
/// policy = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
///
/// [[principals.keys]]
/// id = "AKIAIOSFODNN7EXAMPLE"
/// secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
/// # Optional, for temporary keys: the token that comes with every request, and when the session ends.
/// session-token = "FwoGZXIvYXdzEXAMPLE"
/// session-ends = "2030-01-01T12:00:00Z"
/// ```
#[derive(Clone, Default)]
pub struct Identities {
    strict: bool,
    hosts: Vec<String>,
    principals: BTreeMap<String, Arc<Principal>>,
    keys: BTreeMap<String, Key>,
}

/// An access key.
#[derive(Clone)]
struct Key {
    principal: Arc<Principal>,
    secret: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    session_ends: Option<Millis>,
}

/// The caller of a control-plane operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    /// The Region that the request was signed for.
    pub(crate) region: Region,
    pub(crate) principal: Arc<Principal>,
    /// The key's id: no secret.
    pub(crate) access_key: String,
    /// When its temporary keys end.
    pub(crate) session_ends: Option<Millis>,
    pub(crate) circumstances: Circumstances,
}

/// A caller whose key is known and whose signature is still to be compared with what was sent.
pub(crate) struct Examined {
    caller: Caller,
    check: Option<Check>,
}

impl Identities {
    /// Reads a file of identities.
    pub fn read(file: &Path) -> Result<Self, IdentityError> {
        file::read(file)
    }

    /// Are signatures verified, and unknown keys refused?
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Host names that clients may use.
    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whom a token's principal is. `None`: nobody who is known (any more).
    pub(crate) fn principal(&self, arn: &str) -> Option<Arc<Principal>> {
        if let Some(known) = self.principals.get(arn) {
            return Some(Arc::clone(known));
        }
        (!self.strict && ROOT.arn.as_str() == arn).then(|| Arc::clone(&ROOT))
    }

    /// Reads the signature, finds the key and looks at the date: all that can be done before the body is there.
    pub(crate) fn examine(&self, request: &Request, now: Millis) -> Result<Examined, Failure> {
        let head = Head { method: &request.method, uri: &request.uri, headers: &request.headers };
        let signature = Signature::of(head)?;
        let key_id = &signature.key_id;
        let circumstances = Circumstances { source: request.peer, secure: request.secure, now };
        let region: Region = signature
            .region
            .parse()
            .map_err(|_| Failure::denied("the request is signed for something that is no Region"))?;
        let Some(key) = self.keys.get(key_id) else {
            if self.strict {
                return Err(Failure::denied(format!("the access key `{key_id}` is not known to this service")));
            }
            let principal = Arc::clone(&ROOT);
            let access_key = signature.key_id.clone();
            let caller =
                Caller { account: account(), region, principal, access_key, session_ends: None, circumstances };
            return Ok(Examined { caller, check: None });
        };
        if key.session_ends.is_some_and(|ends| ends <= now) {
            return Err(Failure::denied(format!("the session of the access key `{key_id}` has ended")));
        }
        let check = if self.strict { Some(Check::new(head, &signature, key, now)?) } else { None };
        let caller = Caller {
            account: key.principal.arn.account().clone(),
            region,
            principal: Arc::clone(&key.principal),
            access_key: signature.key_id.clone(),
            session_ends: key.session_ends,
            circumstances,
        };
        Ok(Examined { caller, check })
    }
}

impl Examined {
    /// The caller, if this is the body that was signed.
    pub(crate) fn with_body(self, body: &[u8]) -> Result<Caller, Failure> {
        if let Some(check) = self.check {
            check.with_body(body)?;
        }
        Ok(self.caller)
    }

    /// The caller, if the digest that is announced in `x-amz-content-sha256` was signed. That the body has it is for
    /// the operation to find out.
    pub(crate) fn with_announced_digest(self) -> Result<Caller, Failure> {
        if let Some(check) = self.check {
            check.with_announced_digest()?;
        }
        Ok(self.caller)
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities")
            .field("strict", &self.strict)
            .field("principals", &self.principals.keys())
            .finish_non_exhaustive()
    }
}

/// The fixed account.
pub(crate) fn account() -> AccountId {
    ACCOUNT.parse().expect("twelve digits are an account")
}
