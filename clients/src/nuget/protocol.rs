//! NuGet's cross-platform plugin protocol, version 2.0.0 (the manual's page "NuGet cross platform plugins", and the
//! client's own `NuGet.Protocol.Plugins` where the page is silent).
//!
//! NuGet starts the program with `-Plugin` and both sides send requests, each with an identifier that its answer
//! repeats. Both begin with `Handshake`; then NuGet sends `MonitorNuGetProcessExit`, `Initialize`, `GetOperationClaims`,
//! `SetLogLevel`, `SetCredentials` (where there is a proxy), and `GetAuthenticationCredentials` for each host, one after
//! the other. It waits five seconds for an answer, and from the last `Progress` on for another five.
//!
//! | outcome | on the wire | what NuGet does |
//! | --- | --- | --- |
//! | a token | `Success`, user, password, `Basic` | uses it for the host as long as it runs |
//! | `IsRetry`: the token was refused | the same with another token | as above |
//! | the URI is another's | `NotFound` | asks the next plugin |
//! | ours, but breaks a rule, is another format's, or there is no token | `Log` with the reason, `Error` with it in `Message` | prints the log, asks the next plugin, fails with 401 |
//! | claims for one source, with its service index | no claims | leaves its packages to NuGet itself |
//! | another version of the protocol | `Error` | stops with its own text; end, failure |
//! | a method that is none of these | `Fault` | stops |
//! | not JSON, too long, nested too deep, control characters in a field | `Fault` | stops; end, failure |
//! | `Close`, or a fault of NuGet's | nothing | end |
//! | `Cancel`, `Progress`, an answer | nothing: what was asked was answered before this is read | |
//!
//! NuGet never prints `Message`, so the reason is sent for its log, too: as a warning, since the next plugin may have
//! what this one has not. Standard error is the user's terminal or a build server's log; nothing goes there.
//!
//! While a token is fetched, `Progress` is sent every two seconds.

use std::io::Write;

use codeartifact::{AuthorizationToken, Authorize, AuthorizeError, Endpoint, PackageFormat, Trust};
use zeroize::Zeroizing;

use super::command_line;
use super::message::{
    Claims, Code, Fault, Handshake, Kind, Log, Nothing, Outcome, Payload, Received, Sent, malformed, say,
};
use crate::basic::USER;
use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, read_line, refusal_lines, shown};

/// The version spoken, and the oldest: before it there was no authentication.
const VERSION: &str = "2.0.0";
/// The same, to be compared.
const SPOKEN: [u32; 3] = [2, 0, 0];
/// Our one request of its own before NuGet's. NuGet's identifiers are GUIDs.
const HANDSHAKE_ID: &str = "codeartifact-handshake";

/// Both of NuGet's protocols.
pub(super) struct NuGetProtocol;

impl Protocol for NuGetProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        match command_line::question(call.args) {
            Some(question) => command_line::answer(&question, streams, trust, authorize),
            None => Plugin { trust, authorize }.converse(streams),
        }
    }
}

struct Plugin<'a> {
    trust: &'a Trust,
    authorize: &'a dyn Authorize,
}

impl Plugin<'_> {
    fn converse(&self, streams: &mut Streams<'_>) -> Result<Answer, ProtocolError> {
        if !streams.resumed {
            let payload = Handshake { protocol_version: VERSION, minimum_protocol_version: VERSION };
            let message = Sent { request_id: HANDSHAKE_ID, kind: Kind::Request, method: "Handshake", payload };
            say(streams.output, &[message.line()])?;
        }
        loop {
            let line = match read_line(streams.input) {
                Ok(Some(line)) => Zeroizing::new(line),
                Ok(None) => return Ok(Answer::Answered),
                Err(error @ ProtocolError::TooLong { .. }) => return fail(streams.output, error),
                Err(error) => return Err(error),
            };
            // .NET puts a byte order mark first where its console is set to it.
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let message = match Received::parse(text) {
                Ok(message) => message,
                Err(error) => return fail(streams.output, error),
            };
            match message.kind {
                Kind::Request if message.method == "Close" => return Ok(Answer::Answered),
                Kind::Request => self.answer(streams, &message)?,
                Kind::Response if message.request_id == HANDSHAKE_ID => {
                    let code = message.payload.as_ref().and_then(|payload| payload.response_code.as_deref());
                    if code != Some("Success") {
                        return Err(malformed("NuGet refused the handshake".to_owned()));
                    }
                }
                Kind::Fault => return Ok(Answer::Answered),
                Kind::Response | Kind::Progress | Kind::Cancel => {}
            }
        }
    }

    fn answer(&self, streams: &mut Streams<'_>, message: &Received) -> Result<(), ProtocolError> {
        let nothing = Payload::default();
        let payload = message.payload.as_ref().unwrap_or(&nothing);
        match message.method.as_str() {
            "Handshake" => {
                if let Err(error) = agree(payload) {
                    let refused = Outcome { response_code: Code::Error, ..Outcome::default() };
                    say(streams.output, &[response(message, refused)])?;
                    return Err(error);
                }
                let agreed = Outcome { protocol_version: Some(VERSION), ..Outcome::default() };
                say(streams.output, &[response(message, agreed)])
            }
            "GetOperationClaims" => {
                let is_for_any = payload.package_source_repository.is_none() && payload.service_index.is_none();
                let claims = if is_for_any { &["Authentication"][..] } else { &[] };
                say(streams.output, &[response(message, Claims { claims })])
            }
            "MonitorNuGetProcessExit" | "Initialize" | "SetLogLevel" | "SetCredentials" => {
                say(streams.output, &[response(message, Outcome::default())])
            }
            "GetAuthenticationCredentials" => self.credentials(streams, message, payload),
            other => {
                let reason = format!("this plugin has no `{}`", shown(other, 80));
                say(streams.output, &[sent(message, Kind::Fault, Fault { message: &reason })])
            }
        }
    }

    fn credentials(
        &self,
        streams: &mut Streams<'_>,
        message: &Received,
        payload: &Payload,
    ) -> Result<(), ProtocolError> {
        let uri = payload.uri.as_deref().unwrap_or_default();
        let endpoint = match ours(uri, self.trust) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => {
                let not_ours = Outcome { response_code: Code::NotFound, ..Outcome::default() };
                return say(streams.output, &[response(message, not_ours)]);
            }
            Err(reason) => return refuse(streams.output, message, &reason),
        };
        match self.token(streams, message, &endpoint, payload.is_retry) {
            Ok(token) => {
                let granted = Outcome {
                    username: Some(USER),
                    password: Some(token.expose()),
                    authentication_types: Some(["Basic"]),
                    ..Outcome::default()
                };
                say(streams.output, &[response(message, granted)])
            }
            Err(error) => refuse(streams.output, message, &refusal_lines(&error).join("\n")),
        }
    }

    /// A token, with signs of life until it is there.
    fn token(
        &self,
        streams: &Streams<'_>,
        message: &Received,
        endpoint: &Endpoint,
        is_retry: bool,
    ) -> Result<AuthorizationToken, AuthorizeError> {
        let beat = sent(message, Kind::Progress, Nothing {});
        let mut result = None;
        streams.heartbeat.during(&beat, &mut || {
            result = Some(if is_retry {
                self.authorize.new_token_for(endpoint)
            } else {
                self.authorize.token_for(endpoint)
            });
        });
        result.expect("the work was done")
    }
}

/// The endpoint, if a token may go there; why not, if it was meant to be ours.
pub(super) fn ours(uri: &str, trust: &Trust) -> Result<Option<Endpoint>, String> {
    match Endpoint::recognise(uri.as_bytes(), trust) {
        Ok(Some(endpoint)) if endpoint.format() == PackageFormat::Nuget => Ok(Some(endpoint)),
        Ok(Some(endpoint)) => Err(format!(
            "`{}` is the {} endpoint of the repository, not its nuget endpoint",
            shown(uri, 300),
            endpoint.format()
        )),
        Ok(None) => Ok(None),
        Err(error) => Err(causes(&error).join(": ")),
    }
}

/// Whether both sides speak the version.
fn agree(payload: &Payload) -> Result<(), ProtocolError> {
    let asked = payload.protocol_version.as_deref().unwrap_or_default();
    let minimum = payload.minimum_protocol_version.as_deref().unwrap_or_default();
    match (version(asked), version(minimum)) {
        (Some(newest), Some(oldest)) if oldest <= newest && oldest <= SPOKEN && SPOKEN <= newest => Ok(()),
        _ => Err(ProtocolError::Version { asked: shown(asked, 40), spoken: SPOKEN[0] }),
    }
}

/// The three numbers; NuGet's versions have no more.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

fn sent(request: &Received, kind: Kind, payload: impl serde::Serialize) -> Zeroizing<Vec<u8>> {
    Sent { request_id: &request.request_id, kind, method: &request.method, payload }.line()
}

fn response(request: &Received, payload: impl serde::Serialize) -> Zeroizing<Vec<u8>> {
    sent(request, Kind::Response, payload)
}

/// For NuGet's log, where the user sees it, and in the answer.
fn refuse(output: &mut dyn Write, request: &Received, reason: &str) -> Result<(), ProtocolError> {
    let text = format!("CodeArtifact: {reason}");
    let request_id = format!("{}-log", request.request_id);
    let payload = Log { log_level: "Warning", message: &text };
    let log = Sent { request_id: &request_id, kind: Kind::Request, method: "Log", payload };
    let refused = Outcome { message: Some(reason), response_code: Code::Error, ..Outcome::default() };
    say(output, &[log.line(), response(request, refused)])
}

/// Says that no conversation can be held, and ends it.
fn fail(output: &mut dyn Write, error: ProtocolError) -> Result<Answer, ProtocolError> {
    let reason = causes(&error).join(": ");
    let payload = Fault { message: &reason };
    let fault = Sent { request_id: "codeartifact-fault", kind: Kind::Fault, method: "None", payload };
    say(output, &[fault.line()])?;
    Err(error)
}
