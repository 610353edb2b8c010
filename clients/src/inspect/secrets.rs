//! Secrets in files: tokens of ours by their own form, others by the keys they stand at.
//!
//! A CodeArtifact token is two parts or more with dots between, of which the first is the base64url of a JSON header
//! with `ver`, `isu` and `enc`; where the header has `exp`, the token says itself when it ended. What stands at a key
//! such as `_authToken` and is no reference to a variable is a secret of somebody. Lines are looked at one by one,
//! whatever the syntax: a token in a comment has leaked as well.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Document, Form, Inspector, Origin, Whose, at, url};

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: SecretKind,
}

/// What a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretKind {
    /// A token of CodeArtifact; when it ends, where it says so.
    Token {
        /// The end.
        expires: Option<SystemTime>,
    },
    /// Somebody's.
    Other,
}

/// The shortest text that is taken for a token, in characters. Real ones have several hundred.
const SHORTEST_TOKEN: usize = 100;
/// The shortest text at a secret's key that is taken for one.
const SHORTEST_SECRET: usize = 6;
/// How tokens begin, and how `aws:TOKEN` does in base64.
const BEGINNINGS: [&str; 2] = ["eyJ", "YXdzOmV5"];
/// Keys of secrets, in small letters: of a line `KEY = VALUE`, `KEY: VALUE`, `KEY VALUE`, or of markup.
const KEYS: [&str; 16] = [
    "_authtoken",
    "_auth",
    "_password",
    "password",
    "passwd",
    "npmauthtoken",
    "npmauthident",
    "cleartextpassword",
    "token",
    "auth",
    "secret-key",
    "api_key",
    "repopassword",
    "codeartifactpassword",
    "codeartifact_auth_token",
    "rubygems_api_key",
];

/// The secrets of a text.
pub(super) fn secrets(document: &Document) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for (number, line) in document.text.lines().enumerate() {
        let kind = token(line).or_else(|| {
            let is_comment = line.trim_start().starts_with(['#', ';']) || line.trim_start().starts_with("<!--");
            let holds = !is_comment && document.location.form != Form::Shell && holds_secret(line);
            let is_ours = line.contains(".codeartifact.");
            holds.then_some(if is_ours { SecretKind::Token { expires: None } } else { SecretKind::Other })
        });
        secrets.extend(kind.map(|kind| Secret { line: number + 1, kind }));
    }
    secrets
}

/// A token of ours in a line.
fn token(line: &str) -> Option<SecretKind> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-~+/=".contains(c);
    for beginning in BEGINNINGS {
        for (start, _) in line.match_indices(beginning) {
            let word = line[start..].split(|c: char| !is_part(c)).next().unwrap_or_default();
            if word.len() < SHORTEST_TOKEN {
                continue;
            }
            if beginning == BEGINNINGS[0] {
                let header = decoded(word.split('.').next().unwrap_or_default());
                if let Some(kind) = of_header(&header) {
                    return Some(kind);
                }
            } else if let Some((_, token)) = decoded(word).split_once(':') {
                let header = decoded(token.split('.').next().unwrap_or_default());
                if let Some(kind) = of_header(&header) {
                    return Some(kind);
                }
            }
        }
    }
    None
}

/// What a token's header says. Other issuers' tokens have no `isu`.
fn of_header(header: &str) -> Option<SecretKind> {
    if !(header.contains("\"isu\"") && header.contains("\"enc\"")) {
        return None;
    }
    let number = header.split_once("\"exp\"").map(|(_, rest)| rest.trim_start_matches([':', ' ']));
    let digits = number.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    let seconds = digits.and_then(|digits| digits.parse().ok());
    Some(SecretKind::Token {
        expires: seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))),
    })
}

/// Base64 of either alphabet, as text; what is none ends it.
fn decoded(text: &str) -> String {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = (bits << 6 | u32::from(sextet)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a line gives a secret's key a value, or has a password in an address.
fn holds_secret(line: &str) -> bool {
    let in_address = line.match_indices("://").any(|(place, _)| {
        let start = line[..place].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+').map_or(0, |at| at + 1);
        url::user(&line[start..]).is_some_and(|(_, has_password)| has_password)
    });
    in_address || value_at_key(line).is_some_and(|value| is_literal(&value))
}

/// The value that a line gives to a secret's key.
fn value_at_key(line: &str) -> Option<String> {
    // RubyGems' keys begin with a colon.
    let line = line.trim().trim_start_matches(':');
    if let Some(rest) = line.strip_prefix('<') {
        // `<password>x</password>`, `<add key="ClearTextPassword" value="x" />`
        let (tag, rest) = rest.split_once('>')?;
        if KEYS.contains(&tag.trim().to_ascii_lowercase().as_str()) {
            return Some(rest.split('<').next().unwrap_or_default().trim().to_owned());
        }
        let attribute = |name: &str| {
            let (_, rest) = tag.split_once(&format!("{name}=\""))?;
            rest.split('"').next().map(str::to_owned)
        };
        return attribute("key")
            .filter(|key| KEYS.contains(&key.to_ascii_lowercase().as_str()))
            .and(attribute("value"));
    }
    // netrc: `machine H login aws password X` on one line or several.
    let mut words = line.split_whitespace();
    if words.any(|word| word == "password")
        && let Some(value) = words.next()
        && !value.starts_with(['=', ':'])
    {
        return Some(value.to_owned());
    }
    let (key, value) = line.split_once(['=', ':']).filter(|(key, _)| !key.starts_with("//")).or_else(|| {
        // `//host/path/:_authToken=X`: the key is what stands before the first `=`.
        line.split_once('=')
    })?;
    let key = key.trim().trim_matches(['"', '\'']).rsplit([':', '.', ' ', '-']).next()?.to_ascii_lowercase();
    let is_key = KEYS.contains(&key.as_str()) || key.ends_with("password") || key.ends_with("_authtoken");
    is_key.then(|| value.trim().trim_end_matches(',').trim_matches(['"', '\'']).to_owned())
}

/// Not a reference to a variable, a program's output, an encrypted value or a word of the settings themselves.
fn is_literal(value: &str) -> bool {
    let is_reference = value.starts_with(['$', '%', '{', '<', '(', '[', '`']) || value.contains("${");
    let is_word = ["true", "false", "keyring", "subprocess", "import", "prompt", "always", "never", "null", "none"]
        .contains(&value.to_ascii_lowercase().as_str());
    !is_reference && !is_word && value.len() >= SHORTEST_SECRET && !value.contains(char::is_whitespace)
}

/// The client that a file is mostly for.
pub(super) fn client(document: &Document) -> &'static str {
    let path = document.location.path.to_string_lossy();
    match document.location.form {
        Form::Cargo | Form::CargoCredentials => "cargo",
        Form::Npmrc if path.contains("pnpm") => "pnpm",
        Form::Npmrc => "npm",
        Form::Yarnrc1 | Form::YarnLock => "yarn1",
        Form::Yarnrc => "yarn",
        Form::Bunfig => "bun",
        Form::Pip => "pip",
        Form::Uv | Form::UvCredentials | Form::Pyproject => "uv",
        Form::Pypirc => "twine",
        Form::PythonToml if path.contains("pdm") => "pdm",
        Form::PythonToml if path.contains("hatch") => "hatch",
        Form::PythonToml => "poetry",
        Form::Maven | Form::MavenOptions => "maven",
        Form::Properties if path.contains(".sbt") || path.contains(".ivy2") => "sbt",
        Form::Properties | Form::Gradle => "gradle",
        Form::Sbt => "sbt",
        Form::Swift => "swift",
        Form::Bazelrc => "bazel",
        Form::Nuget => "nuget",
        Form::Bundle => "bundler",
        Form::Gem => "rubygems",
        Form::Netrc => "curl",
        Form::Shell => "shell",
    }
}

/// Tokens that rest in files, and tokens in variables that have ended.
pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    let now = inspector.view.now;
    for document in inspector.view.documents {
        if document.location.whose == Whose::System {
            continue;
        }
        let secrets = secrets(document);
        if let Some(first) = secrets.first() {
            inspector.out.secrets.push((document.location.clone(), first.clone()));
        }
        let client = client(document);
        for secret in secrets {
            let SecretKind::Token { expires } = secret.kind else { continue };
            let origin = at(document, secret.line);
            let configure = if client == "shell" || client == "curl" {
                "remove the line: the credential helper brings each client a token when it needs one".to_owned()
            } else {
                format!("remove the line, and run `cargo codeartifact configure {client}`")
            };
            if expires.is_some_and(|expires| expires <= now) {
                let message = "a CodeArtifact token in this file has ended: whoever reads it is refused".to_owned();
                inspector.found("token-expired-in-file", client, &origin, message, configure);
            } else {
                let also = if document.location.form == Form::Netrc {
                    "; pip and uv take it before they ask the helper"
                } else {
                    ""
                };
                let message = format!("a CodeArtifact token rests in clear text in this file{also}");
                inspector.found("token-in-file", client, &origin, message, configure);
            }
        }
    }
    for (name, value) in inspector.view.variables {
        if let Some(SecretKind::Token { expires: Some(expires) }) = token(value)
            && expires <= now
        {
            let message = format!("the CodeArtifact token in the variable {name} has ended");
            let origin = Origin::Variable(name.clone());
            inspector.found("environment-token-expired", "shell", &origin, message, format!("unset {name}"));
        }
    }
}
