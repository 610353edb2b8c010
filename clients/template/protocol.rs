//! NAME's way to ask for a credential (the document that defines it, and the versions it was seen with).
//!
//! | outcome | on the wire | what NAME does | exit status |
//! | --- | --- | --- | --- |
//! | a token | one line, the token | uses it for this run | 0 |
//! | the URL is another registry's | nothing | goes on without | 0 |
//! | the URL is ours but breaks a rule, or there is no token | nothing; the reason on standard error | stops | 1 |

use codeartifact::{Authorize, Endpoint, Trust};

use crate::protocol::{Answer, Call, Protocol, ProtocolError, Streams, causes, read_line, refusal_lines};

/// NAME's protocol.
pub(super) struct NameProtocol;

impl Protocol for NameProtocol {
    fn converse(
        &self,
        _call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        let Some(url) = read_line(streams.input)? else { return Ok(Answer::NotMine) };
        let endpoint = match Endpoint::recognise(&url, trust) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => return Ok(Answer::NotMine),
            Err(error) => return Err(ProtocolError::Malformed { reason: causes(&error).join(": ") }),
        };
        match authorize.token_for(&endpoint) {
            Ok(token) => {
                writeln!(streams.output, "{}", token.expose()).map_err(ProtocolError::Write)?;
                streams.output.flush().map_err(ProtocolError::Write)?;
            }
            Err(error) => {
                writeln!(streams.errors, "error: {}", refusal_lines(&error).join("\n"))
                    .map_err(ProtocolError::Write)?;
                return Ok(Answer::Refused);
            }
        }
        Ok(Answer::Answered)
    }
}
