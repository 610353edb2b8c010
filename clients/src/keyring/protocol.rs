//! `keyring get`, as the command line of Python's `keyring` 25.7 defines it and its callers use it:
//!
//! | caller | arguments | reads |
//! | --- | --- | --- |
//! | pip 23.1 to 26.1, uv with a user name | `get URL aws` | the password |
//! | pip from 26.2 | `--mode=creds --output=json get URL [aws]` | a JSON object |
//! | uv without a user name | `get URL --mode creds` | two lines: user name, password |
//! | PDM (unearth) | `--mode=creds get URL ""`, then `--mode=password get URL __token__` | two lines; the password |
//!
//! | outcome | standard output | standard error | exit status | what the caller does |
//! | --- | --- | --- | --- | --- |
//! | a token | password, two lines or JSON | | 0 | keeps it for this run |
//! | no token: no identity, denied, service failed | | the reason | 1 | tries the host alone, then goes on without |
//! | the URL is ours but breaks a rule; another user name | | the reason | 1 | the same |
//! | one of our hosts alone | | | 1 | goes on without, or fails |
//! | not ours; not `get`; arguments not known here | the next `keyring`'s | the same | the same | the same |
//!
//! A caller that got no answer for the URL asks for `HOST[:PORT]` (pip, uv, Poetry) and `SCHEME://HOST[:PORT]` (uv).
//! Neither is ever answered, though a host of AWS names the domain and so the token:
//!
//! - A bare host does not say that the token would travel encrypted. pip asks for it after a challenge from
//!   `http://HOST/` too, whose URL was refused just before.
//! - It comes after the URL was asked for. What was refused then would be refused again, at the cost of another call to
//!   AWS, or got round, which must not be. The reason stands on standard error already, so nothing is added to it.
//! - On loopback the host names no domain.
//!
//! uv asks for the URL of a file that is installed by its URL; pip asks for that one's host alone and gets nothing.
//!
//! A user name other than `aws` gets no token. AWS documents no other, so it is a mistake in the URL or the settings, and
//! nobody would find it in a 401. No other keyring is asked either: whatever it has for that name is no token.
//!
//! The format of the endpoint does not matter: a token is for the domain, and the answer does not depend on who asks.

use std::{ffi::OsString, io::Write};

use codeartifact::{AuthorizationToken, Authorize, Endpoint, Trust};
use serde::Serialize;

use crate::answer;
use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, refusal_lines, shown};

/// The user name that goes with every token.
const USER: &str = "aws";

/// The `keyring` program's protocol.
pub(super) struct KeyringProtocol;

impl Protocol for KeyringProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        let Some(request) = Request::parse(call.args) else { return Ok(Answer::NotMine) };
        let endpoint = match Endpoint::recognise(request.service, trust) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => return Ok(Answer::NotMine),
            Err(_) if is_host_alone(request.service) => return Ok(Answer::Refused),
            Err(error) => return answer::refuse(streams.errors, &causes(&error)),
        };
        if !matches!(request.user, b"" | b"aws") {
            let user = shown(&String::from_utf8_lossy(request.user), 80);
            let url = endpoint.base_url();
            let reason = format!("the user name for `{url}` is `{USER}`, not `{user}`");
            return answer::refuse(streams.errors, &[reason]);
        }
        match authorize.token_for(&endpoint) {
            Ok(token) => say(streams.output, request.form, &token),
            Err(error) => answer::refuse(streams.errors, &refusal_lines(&error)),
        }
    }
}

/// What is asked for: `get`, and what it is called with.
struct Request<'a> {
    service: &'a [u8],
    /// Empty where there is none: PDM passes it so.
    user: &'a [u8],
    form: Form,
}

/// How an answer looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    /// Whether the user name is in it.
    creds: bool,
    json: bool,
}

impl<'a> Request<'a> {
    /// Nothing for whatever another `keyring` has to answer: another operation, options that choose a backend, a slip
    /// whose message is that one's.
    fn parse(args: &'a [OsString]) -> Option<Self> {
        let mut form = Form { creds: false, json: false };
        let mut positional = Vec::with_capacity(3);
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let bytes = arg.as_encoded_bytes();
            if !bytes.starts_with(b"-") {
                positional.push(bytes);
                continue;
            }
            let (name, value) = match arg.to_str()?.split_once('=') {
                Some((name, value)) => (name, value),
                None => (arg.to_str()?, rest.next()?.to_str()?),
            };
            match (name, value) {
                ("--mode", "password") => form.creds = false,
                ("--mode", "creds") => form.creds = true,
                ("--output", "plain") => form.json = false,
                ("--output", "json") => form.json = true,
                _ => return None,
            }
        }
        let (service, user) = match positional[..] {
            [b"get", service] => (service, &b""[..]),
            [b"get", service, user] => (service, user),
            _ => return None,
        };
        Some(Self { service, user, form })
    }
}

/// `HOST`, `HOST:PORT`, or either behind a scheme: nothing that could name a repository.
fn is_host_alone(service: &[u8]) -> bool {
    let after_scheme = service.windows(3).position(|three| three == b"://").map_or(0, |at| at + 3);
    let host = &service[after_scheme..];
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':'))
}

/// An answer in JSON, with the fields in the order in which the original has them.
#[derive(Serialize)]
struct Credential<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    password: &'a str,
}

fn say(output: &mut dyn Write, form: Form, token: &AuthorizationToken) -> Result<Answer, ProtocolError> {
    let username = form.creds.then_some(USER);
    let password = token.expose();
    let text = match username {
        _ if form.json => answer::json_line(&Credential { username, password }),
        Some(username) => answer::text(&[username, "\n", password, "\n"]),
        None => answer::text(&[password, "\n"]),
    };
    answer::say(output, &text)?;
    Ok(Answer::Answered)
}
