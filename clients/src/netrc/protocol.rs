//! Lines of a netrc file (its grammar is that of the manual page of `ftp`), one for each host.
//!
//! The arguments are URLs of repositories, or domains as `DOMAIN-OWNER.REGION`.
//!
//! | outcome | on standard output | on standard error | exit status |
//! | --- | --- | --- | --- |
//! | tokens | `machine HOST login aws password TOKEN`, a line for each host | nothing | 0 |
//! | an argument is another's URL | nothing for it | a note | 0 |
//! | one breaks a rule, is no URL at all, or there is no token for it | nothing | the reason | 1 |
//! | no argument | nothing | how to call it | 1 |
//!
//! All lines are written at once or none, so that a reader never has half of them. A host is named without a port: there
//! is no word for ports in such a file, and its readers compare names.
//!
//! Readers differ. curl sends the line's credentials at once with `-n` or `--netrc-file`; Go reads `NETRC` or `~/.netrc`
//! and sends them over `https` only; Bundler does not read such a file.

use std::io::Write;

use codeartifact::{Authorize, Endpoint, PackageFormat, Trust};
use zeroize::Zeroizing;

use crate::basic::USER;
use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, refusal_lines, shown};

/// Room for a line with any real token, so that no half-grown copy of it is left behind in memory.
const LINE_ROOM: usize = 8 * 1024;
/// The longest argument shown.
const LONGEST_SHOWN: usize = 300;

/// netrc.
pub(super) struct NetrcProtocol;

impl Protocol for NetrcProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        match lines(call, streams.errors, trust, authorize) {
            Ok(lines) => {
                streams
                    .output
                    .write_all(lines.as_bytes())
                    .and_then(|()| streams.output.flush())
                    .map_err(ProtocolError::Write)?;
                Ok(Answer::Answered)
            }
            Err(reason) => {
                writeln!(streams.errors, "error: {reason}").map_err(ProtocolError::Write)?;
                Ok(Answer::Refused)
            }
        }
    }
}

fn lines(
    call: &Call<'_>,
    errors: &mut dyn Write,
    trust: &Trust,
    authorize: &dyn Authorize,
) -> Result<Zeroizing<String>, String> {
    if call.args.is_empty() {
        return Err("give the URLs of repositories, or domains as DOMAIN-OWNER.REGION".to_owned());
    }
    let mut hosts: Vec<String> = Vec::new();
    let mut lines = Zeroizing::new(String::with_capacity(LINE_ROOM * call.args.len()));
    // What is wrong is said before anything is asked for.
    let mut endpoints = Vec::with_capacity(call.args.len());
    for argument in call.args {
        let text = argument.to_string_lossy();
        match endpoint(&text, trust)? {
            Some(endpoint) => endpoints.push(endpoint),
            // Nobody waits for a note: if it cannot be written, the lines still can.
            None => drop(writeln!(errors, "note: `{}` is no repository of CodeArtifact", address(&text))),
        }
    }
    for endpoint in endpoints {
        let host = host(&endpoint);
        if hosts.contains(&host) {
            continue;
        }
        let token = authorize.token_for(&endpoint).map_err(|error| refusal_lines(&error).join("\n"))?;
        for part in ["machine ", &host, " login ", USER, " password ", token.expose(), "\n"] {
            lines.push_str(part);
        }
        hosts.push(host);
    }
    Ok(lines)
}

/// Of a URL, or of a domain's name; nothing for another's URL.
fn endpoint(text: &str, trust: &Trust) -> Result<Option<Endpoint>, String> {
    let reason = |error: codeartifact::EndpointError| causes(&error).join(": ");
    if text.contains("//") {
        return Endpoint::recognise(text.as_bytes(), trust).map_err(reason);
    }
    Endpoint::of_domain(text, PackageFormat::Generic, trust).map(Some).map_err(reason)
}

/// The host in the endpoint's base URL, which is `scheme://host[:port]/…`.
fn host(endpoint: &Endpoint) -> String {
    let url = endpoint.base_url();
    let authority = url.split('/').nth(2).unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_matches(['[', ']']).to_owned()
}

/// A URL as it may be shown: whatever stands before an `@` may be a password, and what follows a `?` a key.
fn address(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let url = match (url.split_once("//"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}//***@{rest}"),
        _ => url.to_owned(),
    };
    shown(&url, LONGEST_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_no_port_and_no_brackets() {
        let loopback = |address: &str| {
            let trust =
                Trust { service_override: Some(codeartifact::ServiceOverride::parse(address.as_bytes()).unwrap()) };
            let url = format!("{address}/d/my-org-111122223333/maven/r1/");
            host(&Endpoint::recognise(url.as_bytes(), &trust).unwrap().unwrap())
        };
        assert_eq!(loopback("http://127.0.0.1:4600"), "127.0.0.1");
        assert_eq!(loopback("http://[::1]:4600"), "::1");
    }

    #[test]
    fn an_address_is_shown_without_secrets() {
        assert_eq!(address("https://u:s3cret@example.com/x?key=s3cret"), "https://***@example.com/x");
        assert_eq!(address("https://example.com/\u{1b}x"), "https://example.com/\\u{1b}x");
    }
}
