//! The part of the Assuan protocol in which Maven 4 talks to a pinentry, as its security dispatcher 4.1 sends it
//! (`pinentry-prompt:` as the source of a `masterSourceLookup` password).
//!
//! Maven starts the program without an argument and waits for a greeting. Then come `SETTIMEOUT`, `OPTION`,
//! `SETKEYINFO`, `SETTITLE`, `SETDESC`, `SETPROMPT`, `SETOK`, `SETCANCEL`, `GETPIN` and `BYE`, each answered before the
//! next. The program has five seconds to end after `BYE`, and must end well.
//!
//! | outcome | on the wire | what Maven does | then |
//! | --- | --- | --- | --- |
//! | a token | `D TOKEN`, `OK` | takes the whole line for the secret, undecoded and however long | next command |
//! | no token | `ERR 83886179`, the reason | stops reading settings: "User canceled" | next command |
//! | any other command | `OK` | sends the next one | next command |
//! | `BYE` | `OK` | waits for the end | end |
//! | too long a line | `ERR 83886179` | stops | end, failure |
//!
//! Only two codes of errors may be used: of any other Maven takes no notice, and waits. The second, 83886142, is a
//! timeout. Maven keeps the reason to itself, so it goes to standard error as well.
//!
//! The domain is in the name of the link. It can be given as the one argument instead, to try.

use std::io::Write;

use codeartifact::{Authorize, Endpoint, PackageFormat, Trust};
use zeroize::Zeroizing;

use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, read_line, refusal_lines, shown};

/// `GPG_ERR_CANCELED` of the source pinentry.
const CANCELLED: &str = "83886179";
/// Room for an answer with any real token, so that no half-grown copy of it is left behind in memory.
const ANSWER_ROOM: usize = 8 * 1024;
/// Assuan's lines end after a thousand bytes.
const LONGEST_REASON: usize = 900;

/// Maven's protocol.
pub(super) struct PinentryProtocol;

impl Protocol for PinentryProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        if !streams.resumed {
            say(streams.output, "OK the token of a CodeArtifact domain\n")?;
        }
        loop {
            let line = match read_line(streams.input) {
                Ok(Some(line)) => Zeroizing::new(line),
                Ok(None) => return Ok(Answer::Answered),
                Err(error @ ProtocolError::TooLong { .. }) => {
                    say(streams.output, &format!("ERR {CANCELLED} {error}\n"))?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            match line.trim_ascii_end() {
                b"GETPIN" => match token(call, trust, authorize) {
                    Ok(answer) => say(streams.output, &answer)?,
                    Err(reason) => {
                        // Nobody waits for the note: if it cannot be written, the answer still can.
                        let _ = writeln!(streams.errors, "error: {reason}");
                        say(streams.output, &format!("ERR {CANCELLED} {}\n", shown(&reason, LONGEST_REASON)))?;
                    }
                },
                b"BYE" => {
                    say(streams.output, "OK\n")?;
                    return Ok(Answer::Answered);
                }
                _ => say(streams.output, "OK\n")?,
            }
        }
    }
}

/// The answer with the token, or why there is none.
fn token(call: &Call<'_>, trust: &Trust, authorize: &dyn Authorize) -> Result<Zeroizing<String>, String> {
    let argument = call.args.first().map(|argument| argument.to_string_lossy());
    let name = call.domain.or(argument.as_deref()).ok_or("the name of the link that was called names no domain")?;
    let reason = |error: &dyn std::error::Error| causes(error).join(": ");
    let endpoint = Endpoint::of_domain(name, PackageFormat::Maven, trust).map_err(|error| reason(&error))?;
    let token = authorize.token_for(&endpoint).map_err(|error| refusal_lines(&error).join(": "))?;
    let mut answer = Zeroizing::new(String::with_capacity(ANSWER_ROOM.max(token.expose().len() + 16)));
    for part in ["D ", token.expose(), "\nOK\n"] {
        answer.push_str(part);
    }
    Ok(answer)
}

fn say(output: &mut dyn Write, answer: &str) -> Result<(), ProtocolError> {
    output.write_all(answer.as_bytes()).and_then(|()| output.flush()).map_err(ProtocolError::Write)
}
