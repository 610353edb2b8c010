//! The file of identities. Whatever is wrong with it is named with its place; nothing of a value is ever shown.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use super::{Identities, Key};
use crate::policy::{AttachedTo, Document, Principal, PrincipalArn};

/// Longer ones would make tokens longer than the clients' files take.
const ARN: usize = 200;

/// A file of identities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file could not be read.
    #[error("the file of identities could not be read")]
    File(#[source] io::Error),
    /// It is not TOML (or JSON), or it has a key that means nothing, or lacks one.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A value cannot be meant.
    #[error("`{place}`: {problem}")]
    Content {
        /// Which value: `principals[0].arn`.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default = "strict")]
    strict: bool,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    principals: Vec<PrincipalEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PrincipalEntry {
    arn: String,
    organization: Option<String>,
    policy: Option<Value>,
    #[serde(default)]
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeyEntry {
    id: String,
    secret: Secret,
    session_token: Option<Secret>,
    session_ends: Option<String>,
}

/// Never part of a message.
struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if !text.is_empty() => Ok(Self(Zeroizing::new(text))),
            _ => Err(D::Error::custom("it must be a string, and not empty")),
        }
    }
}

const fn strict() -> bool {
    true
}

pub(super) fn read(path: &Path) -> Result<Identities, IdentityError> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(IdentityError::File)?);
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if json { from_json(&text) } else { from_toml(&text) }
}

fn from_json(text: &str) -> Result<Identities, IdentityError> {
    let file = serde_json::from_str(text).map_err(|error| IdentityError::Syntax {
        line: error.line(),
        column: error.column(),
        // It ends with the place, which is said already.
        problem: without_values(error.to_string().split(" at line ").next().unwrap_or_default()),
    })?;
    identities(file)
}

fn from_toml(text: &str) -> Result<Identities, IdentityError> {
    // Its text as a whole would show the line, with the secret that may be on it.
    let file = toml_edit::de::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        IdentityError::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: without_values(error.message()),
        }
    })?;
    identities(file)
}

/// `invalid type: string "…", expected …` without what was found.
fn without_values(message: &str) -> String {
    let found = message.starts_with("invalid type") || message.starts_with("invalid value");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if found => format!("it must be {expected}"),
        _ => message.lines().next().unwrap_or_default().to_owned(),
    }
}

fn identities(file: File) -> Result<Identities, IdentityError> {
    let mut principals = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for (at, host) in file.hosts.iter().enumerate() {
        let named = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        if !named {
            return Err(content(format!("hosts[{at}]"), "it must be a host name, without a port"));
        }
    }
    for (at, entry) in file.principals.into_iter().enumerate() {
        let place = format!("principals[{at}]");
        let arn =
            PrincipalArn::parse(&entry.arn).map_err(|error| content(format!("{place}.arn"), &error.to_string()))?;
        if entry.arn.len() > ARN {
            return Err(content(
                format!("{place}.arn"),
                &format!("{ARN} characters are the most that a token can carry"),
            ));
        }
        let policy = entry.policy.map(|policy| document(&policy, &format!("{place}.policy"))).transpose()?;
        if arn.is_root() && policy.is_some() {
            return Err(content(format!("{place}.policy"), "an account's root has no policy"));
        }
        if let Some(organization) = &entry.organization
            && !(organization.len() > 2 && organization.starts_with("o-"))
        {
            return Err(content(format!("{place}.organization"), "it must begin with `o-`"));
        }
        let principal =
            Arc::new(Principal { arn, organization: entry.organization, policy: policy.map(Arc::new), assumed: false });
        if principals.insert(entry.arn, Arc::clone(&principal)).is_some() {
            return Err(content(format!("{place}.arn"), "this principal is there twice: give one entry several keys"));
        }
        for (number, entry) in entry.keys.into_iter().enumerate() {
            let place = format!("{place}.keys[{number}]");
            let named = (1..=128).contains(&entry.id.len())
                && entry.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !named {
                return Err(content(format!("{place}.id"), "it must be 1 to 128 letters, digits and underscores"));
            }
            let session_ends = entry.session_ends.map(|text| ends(&text, &place)).transpose()?;
            let key = Key {
                principal: Arc::clone(&principal),
                secret: entry.secret.0,
                session_token: entry.session_token.map(|token| token.0),
                session_ends,
            };
            if keys.insert(entry.id, key).is_some() {
                return Err(content(format!("{place}.id"), "this key is there twice"));
            }
        }
    }
    if file.strict && keys.is_empty() {
        return Err(content("principals".to_owned(), "without a key nobody can call: give one at least"));
    }
    Ok(Identities { strict: file.strict, hosts: file.hosts, principals, keys })
}

fn document(policy: &Value, place: &str) -> Result<Document, IdentityError> {
    let read = match policy {
        Value::String(text) => Document::parse(text, AttachedTo::Identity),
        policy => Document::read(policy, AttachedTo::Identity),
    };
    read.map_err(|error| content(place.to_owned(), &error.to_string()))
}

fn ends(text: &str, place: &str) -> Result<u64, IdentityError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .and_then(|time| u64::try_from(time.unix_timestamp()).ok())
        .map(|seconds| seconds * 1000)
        .ok_or_else(|| content(format!("{place}.session-ends"), "it must be a time such as \"2030-01-01T12:00:00Z\""))
}

fn content(place: String, problem: &str) -> IdentityError {
    IdentityError::Content { place, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[principals]]
        arn = "arn:aws:iam::111122223333:role/publisher"
        organization = "o-exampleorg1"
        policy = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
        [[principals.keys]]
        id = "AKIDPUBLISHER"
        secret = "canary-secret"
        session-token = "canary-session"
        session-ends = "2030-01-01T12:00:00Z"

        [[principals]]
        arn = "arn:aws:iam::444455556666:root"
        keys = [{ id = "AKIDTEAM", secret = "canary-other" }]
    "#;

    #[test]
    fn both_notations_say_the_same() {
        let toml = from_toml(GOOD).unwrap();
        assert!(toml.is_strict());
        assert_eq!(toml.keys["AKIDTEAM"].principal.arn.account().as_str(), "444455556666");
        assert_eq!(toml.keys["AKIDPUBLISHER"].session_ends, Some(1_893_499_200_000));
        let json = r#"{"strict": false, "hosts": ["packages.example"], "principals": [
            {"arn": "arn:aws:iam::111122223333:user/ana",
             "policy": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
             "keys": [{"id": "AKIDANA", "secret": "s"}]}]}"#;
        let json = from_json(json).unwrap();
        assert!(!json.is_strict());
        assert_eq!(json.hosts(), ["packages.example"]);
        assert!(json.keys["AKIDANA"].principal.policy.is_some());
        assert!(!format!("{toml:?}").contains("canary"), "{toml:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_without_its_value() {
        let key = "[[principals]]\narn = \"arn:aws:iam::111122223333:user/ana\"\n[[principals.keys]]\n";
        for (text, expected) in [
            ("strikt = true\n".to_owned(), "line 1, column 1: unknown field `strikt`"),
            (
                format!("{key}id = \"A\"\nsecret = \"canary\"\nsecrt = \"canary\"\n"),
                "line 6, column 1: unknown field `secrt`",
            ),
            (format!("{key}id = \"A\"\nsecret = [\"canary\"]\n"), "line 5"),
            (format!("{key}id = \"A\"\nsecret = \"canary\n"), "line 5"),
            (
                format!("{key}id = \"A\"\nsecret = \"canary\"\nsession-ends = \"canary\"\n"),
                "`principals[0].keys[0].session-ends`",
            ),
            (format!("{key}id = \"A B\"\nsecret = \"canary\"\n"), "`principals[0].keys[0].id`"),
            (format!("{key}id = \"A\"\n"), "missing field `secret`"),
            ("principals = [\"canary\"]\n".to_owned(), "line 1"),
            ("hosts = [\"http://packages.example\"]\n".to_owned(), "`hosts[0]`"),
            (String::new(), "`principals`: without a key nobody can call"),
            (GOOD.replace("AKIDTEAM", "AKIDPUBLISHER"), "`principals[1].keys[0].id`: this key is there twice"),
            (GOOD.replace("444455556666:root", "111122223333:role/publisher"), "`principals[1].arn`: this principal"),
            (GOOD.replace("role/publisher", "group/publishers"), "`principals[0].arn`: IAM groups"),
            (GOOD.replace("role/publisher", "root"), "`principals[0].policy`: an account's root"),
            (GOOD.replace("\"Action\"", "\"Acton\""), "`principals[0].policy`: the policy document is invalid"),
            (GOOD.replace("o-exampleorg1", "example"), "`principals[0].organization`"),
        ] {
            let error = from_toml(&text).err().unwrap_or_else(|| panic!("{expected}")).to_string();
            assert!(error.contains(expected), "{error}\nand not {expected}");
            assert!(!error.contains("canary"), "{error}");
        }
        let error = from_json("{\"principals\": [\n {\"arn\": \"canary\", \"kays\": 1}]}").unwrap_err().to_string();
        assert!(error.starts_with("line 2, column ") && error.contains("unknown field `kays`"), "{error}");
        let error = from_json("{\"principals\": [{\"arn\": \"a\", \"keys\": [\"canary\"]}]}").unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
