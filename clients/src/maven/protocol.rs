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

use codeartifact::{Authorize, Endpoint, PackageFormat, Trust};
use zeroize::Zeroizing;

use crate::answer;
use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, read_line, refusal_lines, shown};

/// `GPG_ERR_CANCELED` of the source pinentry.
const CANCELLED: &str = "83886179";
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
            answer::say(streams.output, b"OK the token of a CodeArtifact domain\n")?;
        }
        loop {
            let line = match read_line(streams.input) {
                Ok(Some(line)) => Zeroizing::new(line),
                Ok(None) => return Ok(Answer::Answered),
                Err(error @ ProtocolError::TooLong { .. }) => {
                    answer::say(streams.output, format!("ERR {CANCELLED} {error}\n").as_bytes())?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            match line.trim_ascii_end() {
                b"GETPIN" => match token(call, trust, authorize) {
                    Ok(text) => answer::say(streams.output, &text)?,
                    Err(reason) => {
                        // Nobody waits for the note: if it cannot be written, the answer still can.
                        let _ = writeln!(streams.errors, "error: {reason}");
                        let reason = shown(&reason, LONGEST_REASON);
                        answer::say(streams.output, format!("ERR {CANCELLED} {reason}\n").as_bytes())?;
                    }
                },
                b"BYE" => {
                    answer::say(streams.output, b"OK\n")?;
                    return Ok(Answer::Answered);
                }
                _ => answer::say(streams.output, b"OK\n")?,
            }
        }
    }
}

/// The answer with the token, or why there is none.
fn token(call: &Call<'_>, trust: &Trust, authorize: &dyn Authorize) -> Result<Zeroizing<Vec<u8>>, String> {
    let argument = call.args.first().map(|argument| argument.to_string_lossy());
    let name = call.domain.or(argument.as_deref()).ok_or("the name of the link that was called names no domain")?;
    let reason = |error: &dyn std::error::Error| causes(error).join(": ");
    let endpoint = Endpoint::of_domain(name, PackageFormat::Maven, trust).map_err(|error| reason(&error))?;
    let token = authorize.token_for(&endpoint).map_err(|error| refusal_lines(&error).join(": "))?;
    Ok(answer::text(&["D ", token.expose(), "\nOK\n"]))
}
