//! Cargo's credential provider protocol, version 1 (The Cargo Book, "Credential Provider Protocol"; RFC 2730), as
//! cargo 1.74 to 1.95 speak it.
//!
//! The provider says hello, then answers one line of JSON with one line of JSON until cargo closes its end. Cargo
//! passes our standard error through to the user as it comes, even with `--quiet`.
//!
//! | outcome | on the wire | what cargo does | then |
//! | --- | --- | --- | --- |
//! | a token, for any operation | `Ok` `get`, `"cache":"expires"` | keeps it for this process until it expires | next request |
//! | `login`, `logout` for one of our registries | `Ok` of the same kind | nothing; our note is on standard error | next request |
//! | the URL is another registry's | `Err` `url-not-supported` | asks the next provider | next request |
//! | a kind of request not known here | `Err` `operation-not-supported` | stops with a fixed text | next request |
//! | the URL is ours but breaks a rule, or is another format's | `Err` `other` | stops, prints message and causes | next request |
//! | no token: no identity, denied, service failed | `Err` `other` | stops, prints message and causes | next request |
//! | control characters in a field | `Err` `other` | stops, prints message | end, failure |
//! | not JSON, too long, nested too deep, a field missing | `Err` `other` | stops, prints message | end, failure |
//! | another protocol version | `Err` `other` | stops, prints message | end, failure |
//!
//! Our own outcomes map to the program's exit status 0, "end, failure" to 1; cargo does not look at it. Reasons go on
//! the wire only: cargo prints them, and would print them twice if they stood on standard error as well.
//!
//! The token goes out raw. Cargo sends it verbatim as the `Authorization` header, and raw is the form the AWS user
//! guide's own set-up produces. `operation_independent` saves publishing a second process: a CodeArtifact token is
//! issued for a domain and does not depend on what it is used for.

use std::{io::Write, time::SystemTime};

use codeartifact::{AuthorizationToken, Authorize, AuthorizeError, Endpoint, PackageFormat, Trust};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::answer;
use crate::protocol::{
    Answer, Call, Protocol, ProtocolError, Streams, causes, is_control, json_depth, read_line, refusal_lines, shown,
};

/// The version spoken.
const VERSION: u32 = 1;
/// Cargo's requests are three levels deep.
const DEEPEST: usize = 32;

/// Cargo's protocol.
pub(super) struct CargoProtocol;

impl Protocol for CargoProtocol {
    fn converse(
        &self,
        _call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        if !streams.resumed {
            say(streams.output, &Hello { v: [VERSION] })?;
        }
        let mut told = false;
        loop {
            let line = match read_line(streams.input) {
                Ok(Some(line)) => Zeroizing::new(line),
                Ok(None) => return Ok(Answer::Answered),
                Err(error @ ProtocolError::TooLong { .. }) => return refuse(streams.output, error),
                Err(error) => return Err(error),
            };
            let request = match Request::parse(&line) {
                Ok(request) => request,
                Err(error) => return refuse(streams.output, error),
            };
            if let (Request::Login(_) | Request::Logout(_), false) = (&request, told) {
                told = note(streams.errors, &request, trust);
            }
            match answer(&request, trust, authorize) {
                Ok(Granted::Token(token)) => say(streams.output, &Reply::Ok(Success::of(&token)))?,
                Ok(Granted::Login) => say(streams.output, &Reply::Ok(Success::Login))?,
                Ok(Granted::Logout) => say(streams.output, &Reply::Ok(Success::Logout))?,
                Err(failure) => say(streams.output, &Reply::Err(failure))?,
            }
        }
    }
}

/// What a request is granted.
enum Granted {
    Token(AuthorizationToken),
    Login,
    Logout,
}

fn answer(request: &Request, trust: &Trust, authorize: &dyn Authorize) -> Result<Granted, Failure> {
    match request {
        Request::Get(url) => {
            let endpoint = ours(url, trust)?;
            authorize.token_for(&endpoint).map(Granted::Token).map_err(|error| Failure::refused(&error))
        }
        Request::Login(url) => ours(url, trust).map(|_| Granted::Login),
        Request::Logout(url) => ours(url, trust).map(|_| Granted::Logout),
        Request::Unknown => Err(Failure::OperationNotSupported),
    }
}

/// The endpoint, if a token may go there.
fn ours(index_url: &str, trust: &Trust) -> Result<Endpoint, Failure> {
    match Endpoint::recognise(index_url.as_bytes(), trust) {
        Ok(Some(endpoint)) if endpoint.format() == PackageFormat::Cargo => Ok(endpoint),
        Ok(Some(endpoint)) => Err(Failure::Other {
            message: format!(
                "`{}` is the {} endpoint of the repository, not its cargo endpoint",
                shown(index_url, 300),
                endpoint.format()
            ),
            caused_by: Vec::new(),
        }),
        Ok(None) => Err(Failure::UrlNotSupported),
        Err(error) => Err(Failure::of(&error)),
    }
}

/// Cargo itself says nothing when a login or logout went well, so this is all the user sees.
fn note(errors: &mut dyn Write, request: &Request, trust: &Trust) -> bool {
    let (url, text) = match request {
        Request::Login(url) => {
            (url, "note: nothing to log in to: CodeArtifact tokens are fetched when cargo needs them")
        }
        Request::Logout(url) => {
            (url, "note: CodeArtifact tokens end by themselves; `cargo codeartifact logout` forgets stored ones")
        }
        Request::Get(_) | Request::Unknown => return false,
    };
    // Nobody waits for a note: if it cannot be written, the answer still can.
    ours(url, trust).is_ok() && writeln!(errors, "{text}").is_ok()
}

/// Answers that a request is refused, and ends the conversation.
fn refuse(output: &mut dyn Write, error: ProtocolError) -> Result<Answer, ProtocolError> {
    say(output, &Reply::Err(Failure::of(&error)))?;
    Err(error)
}

fn say(output: &mut dyn Write, message: &impl Serialize) -> Result<(), ProtocolError> {
    answer::say(output, &answer::json_line(message))
}

/// The greeting.
#[derive(Serialize)]
struct Hello {
    v: [u32; 1],
}

/// A request, as far as it matters: a token does not depend on the operation it is for.
enum Request {
    Get(String),
    Login(String),
    Logout(String),
    Unknown,
}

/// The part of a request that every version has.
#[derive(Deserialize)]
struct AnyVersion {
    v: u32,
}

/// The fields read from a request of version 1; others are for other providers.
#[derive(Deserialize)]
struct Version1 {
    kind: String,
    registry: Option<Registry>,
    operation: Option<Text>,
    name: Option<Text>,
    vers: Option<Text>,
    cksum: Option<Text>,
}

#[derive(Deserialize)]
struct Registry {
    #[serde(rename = "index-url")]
    index_url: String,
    name: Option<Text>,
}

/// A field that is text today.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Request {
    fn parse(line: &[u8]) -> Result<Self, ProtocolError> {
        if json_depth(line) > DEEPEST {
            return Err(malformed(format!("it nests deeper than {DEEPEST} levels")));
        }
        let AnyVersion { v } = json(line)?;
        if v != VERSION {
            return Err(ProtocolError::Version { asked: v.to_string(), spoken: VERSION });
        }
        let fields: Version1 = json(line)?;
        fields.refuse_control_characters()?;
        let Version1 { kind, registry, .. } = fields;
        let variant = match kind.as_str() {
            "get" => Self::Get,
            "login" => Self::Login,
            "logout" => Self::Logout,
            _ => return Ok(Self::Unknown),
        };
        match registry {
            Some(Registry { index_url, .. }) => Ok(variant(index_url)),
            None => Err(malformed("`registry` is missing".to_owned())),
        }
    }
}

impl Version1 {
    /// Credential helpers have leaked to the wrong place through line ends in a field. No registry has any.
    fn refuse_control_characters(&self) -> Result<(), ProtocolError> {
        let registry = self.registry.as_ref();
        let texts = [
            ("kind", Some(self.kind.as_str())),
            ("index-url", registry.map(|registry| registry.index_url.as_str())),
            ("registry name", registry.and_then(|registry| text(registry.name.as_ref()))),
            ("operation", text(self.operation.as_ref())),
            ("name", text(self.name.as_ref())),
            ("vers", text(self.vers.as_ref())),
            ("cksum", text(self.cksum.as_ref())),
        ];
        match texts.into_iter().find(|(_, text)| text.is_some_and(|text| text.contains(is_control))) {
            Some((field, _)) => Err(malformed(format!("`{field}` contains a control character"))),
            None => Ok(()),
        }
    }
}

fn text(field: Option<&Text>) -> Option<&str> {
    match field? {
        Text::Text(text) => Some(text),
        Text::Other(_) => None,
    }
}

fn json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, ProtocolError> {
    serde_json::from_slice(line).map_err(|error| {
        use serde_json::error::Category;
        // The parser's own text may quote what it read, and a login request may hold a token.
        malformed(match error.classify() {
            Category::Data => format!("a field is missing or of another type (column {})", error.column()),
            Category::Eof => "it ends too early".to_owned(),
            Category::Syntax | Category::Io => format!("it is not JSON (column {})", error.column()),
        })
    })
}

fn malformed(reason: String) -> ProtocolError {
    ProtocolError::Malformed { reason }
}

#[derive(Serialize)]
enum Reply<'a> {
    Ok(Success<'a>),
    Err(Failure),
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Success<'a> {
    Get {
        token: &'a str,
        cache: &'static str,
        /// Seconds since 1970, UTC.
        expiration: u64,
        operation_independent: bool,
    },
    Login,
    Logout,
}

impl<'a> Success<'a> {
    fn of(token: &'a AuthorizationToken) -> Self {
        let expiration = token.expires().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self::Get { token: token.expose(), cache: "expires", expiration, operation_independent: true }
    }
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Failure {
    UrlNotSupported,
    OperationNotSupported,
    #[serde(rename_all = "kebab-case")]
    Other {
        message: String,
        caused_by: Vec<String>,
    },
}

impl Failure {
    /// The whole chain: cargo rebuilds and prints it.
    fn of(error: &dyn std::error::Error) -> Self {
        Self::from_lines(causes(error))
    }

    /// The next step comes last, where cargo prints the deepest cause.
    fn refused(error: &AuthorizeError) -> Self {
        Self::from_lines(refusal_lines(error))
    }

    fn from_lines(lines: Vec<String>) -> Self {
        let mut lines = lines.into_iter();
        Self::Other { message: lines.next().unwrap_or_default(), caused_by: lines.collect() }
    }
}
