//! Whom a token serves, and the name under which it is kept.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::account::Subject;
use crate::endpoint::{AccountId, DomainName, Endpoint, Region, ServiceOverride};
use crate::profile::AwsEnvironment;

/// Who asks: what the environment names (profile and role), without resolving a credential.
///
/// A label, not a proof: it keeps the tokens of two identities of one user apart. It holds no secret and no access key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(String);

/// The longest label kept as it is, in bytes; a longer one ends in a digest of the whole.
const LONGEST_LABEL: usize = 300;

impl Identity {
    /// An identity by its label. Labels over 300 bytes are cut and end in a digest, so that they stay different.
    pub fn new(label: &str) -> Self {
        if label.len() <= LONGEST_LABEL {
            return Self(label.to_owned());
        }
        let cut = label.floor_char_boundary(LONGEST_LABEL - 66);
        Self(format!("{}#{}", &label[..cut], hex(&Sha256::digest(label.as_bytes()))))
    }

    /// The label, such as `profile:default`; holds no secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a token serves: one domain, for one identity, in one Region, at one control plane. Every part counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenScope {
    /// Who asks.
    pub identity: Identity,
    /// The domain.
    pub domain: DomainName,
    /// The account that owns it.
    pub owner: AccountId,
    /// The Region.
    pub region: Region,
    /// The service endpoint override in force when the token was issued; `None` is AWS itself.
    pub service_override: Option<ServiceOverride>,
}

/// No scope can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Neither the URL nor the environment names a Region.
    #[error(
        "the URL `{endpoint}` names no Region, and there is none in AWS_REGION, in AWS_DEFAULT_REGION \
         and in profile `{profile}`"
    )]
    NoRegion {
        /// The endpoint's base URL.
        endpoint: String,
        /// The profile in force.
        profile: String,
    },
    /// The settings of the profile that an account rule names cannot be used.
    #[error("the profile of the account rule for this URL cannot be used: {reason}")]
    Account {
        /// Why.
        reason: String,
    },
    /// The endpoint was recognised under another override than the environment's.
    #[error("the URL `{endpoint}` was recognised for another service endpoint override than the one in force")]
    OtherOverride {
        /// The endpoint's base URL.
        endpoint: String,
    },
}

impl ScopeError {
    /// What the user can do where an account rule cannot be followed.
    pub const ACCOUNT_HINT: &str =
        "`codeartifact-credential-helper explain URL` says which rule that is and why it won";
}

/// What a key begins with: whose it is, and the version of what follows. A change of the rest is a new version.
const PREFIX: &str = "codeartifact/1/";

/// The longest key that is looked at, in bytes.
const LONGEST_KEY: usize = 4096;

impl TokenScope {
    /// The scope of a token for `endpoint`, as the environment stands and the account rules say. The Region is the URL's,
    /// else the environment's, else that of the rule or its profile.
    pub fn of(endpoint: &Endpoint, aws: &AwsEnvironment) -> Result<Self, ScopeError> {
        if endpoint.service_override() != aws.service_override.as_ref() {
            return Err(ScopeError::OtherOverride { endpoint: endpoint.base_url() });
        }
        let served = aws
            .serving(&Subject::of(endpoint, aws.region.as_ref()))
            .map_err(|error| ScopeError::Account { reason: with_cause(&error) })?;
        let trust = served.trust();
        // A rule's profile may lead to another service: the URL has to be ours there as well.
        if endpoint.service_override() != trust.service_override.as_ref()
            && !Endpoint::recognise(endpoint.to_string().as_bytes(), &trust).is_ok_and(|found| found.is_some())
        {
            return Err(ScopeError::OtherOverride { endpoint: endpoint.base_url() });
        }
        let region = endpoint
            .region()
            .or(served.region.as_ref())
            .ok_or_else(|| ScopeError::NoRegion { endpoint: endpoint.base_url(), profile: served.profile.clone() })?;
        Ok(Self {
            identity: served.identity.clone(),
            domain: endpoint.domain().clone(),
            owner: endpoint.owner().clone(),
            region: region.clone(),
            service_override: trust.service_override,
        })
    }

    /// The name of the entry in the operating system's store: versioned, reversible, printable ASCII without spaces,
    /// holds no secret. Two keys are equal exactly when all parts of their scopes are.
    pub fn key(&self) -> String {
        let mut key = format!("{PREFIX}{}/{}/{}/", self.region, self.owner, self.domain);
        escape(self.service_override.as_ref().map_or("", ServiceOverride::as_str), &mut key);
        key.push('/');
        escape(self.identity.as_str(), &mut key);
        key
    }

    /// The scope a key names, if this version of the program wrote it.
    pub fn from_key(key: &str) -> Option<Self> {
        if key.len() > LONGEST_KEY {
            return None;
        }
        let mut parts = key.strip_prefix(PREFIX)?.split('/');
        let mut next = || parts.next();
        let scope = Self {
            region: next()?.parse().ok()?,
            owner: next()?.parse().ok()?,
            domain: next()?.parse().ok()?,
            service_override: match unescape(next()?)? {
                none if none.is_empty() => None,
                address => Some(ServiceOverride::parse(address.as_bytes()).ok()?),
            },
            identity: Identity::new(&unescape(next()?)?),
        };
        // One scope has one key: another spelling is not ours.
        (next().is_none() && scope.key() == key).then_some(scope)
    }
}

/// An error and what caused it, in one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Everything but letters, digits and a few signs that no store and no shell minds becomes `%XX`.
fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'@' | b'+' | b'=' | b',' | b'-') {
            into.push(char::from(byte));
        } else {
            write!(into, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let code = str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all that is written");
        text
    })
}
