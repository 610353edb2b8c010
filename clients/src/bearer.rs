//! HTTP's Bearer scheme (RFC 6750), as npm's registries take a token: what pnpm's and Yarn's ways to ask have in common.

use std::{error::Error, io::Write};

use codeartifact::{Authorize, Endpoint, EndpointError, PackageFormat, Trust};
use zeroize::Zeroizing;

use crate::protocol::{Answer, ProtocolError, causes, refusal_lines, shown};

/// Room for an answer with any real token, so that no half-grown copy of it is left behind in memory.
const ANSWER_ROOM: usize = 8 * 1024;

/// A URL that gets no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// It is meant to be CodeArtifact's, and breaks a rule.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A mistake in the settings, which the service would answer with "not found".
    #[error("`{url}` is the {format} endpoint of the repository, not its npm endpoint")]
    OtherFormat {
        /// The URL, as it may be shown.
        url: String,
        /// Its format.
        format: PackageFormat,
    },
}

/// The endpoint, if a token may go there; `None` where the URL is another registry's.
pub(crate) fn npm_endpoint(url: &[u8], trust: &Trust) -> Result<Option<Endpoint>, AddressError> {
    match Endpoint::recognise(url, trust)? {
        Some(endpoint) if endpoint.format() != PackageFormat::Npm => {
            let url = shown(&endpoint.base_url(), 300);
            Err(AddressError::OtherFormat { url, format: endpoint.format() })
        }
        found => Ok(found),
    }
}

/// Answers with the one line `Bearer TOKEN`, in one piece and from memory that is wiped; or refuses with the reason.
pub(crate) fn answer(
    endpoint: &Endpoint,
    authorize: &dyn Authorize,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Answer, ProtocolError> {
    let token = match authorize.token_for(endpoint) {
        Ok(token) => token,
        Err(error) => return say_why(errors, &refusal_lines(&error)),
    };
    let mut line = Zeroizing::new(Vec::with_capacity(ANSWER_ROOM));
    for part in ["Bearer ", token.expose(), "\n"] {
        line.extend_from_slice(part.as_bytes());
    }
    output.write_all(&line).and_then(|()| output.flush()).map_err(ProtocolError::Write)?;
    Ok(Answer::Answered)
}

/// Refuses for a reason that is no matter of the service.
pub(crate) fn refuse(errors: &mut dyn Write, error: &dyn Error) -> Result<Answer, ProtocolError> {
    say_why(errors, &causes(error))
}

/// The reason, its causes and the next step, a line each.
fn say_why(errors: &mut dyn Write, lines: &[String]) -> Result<Answer, ProtocolError> {
    writeln!(errors, "error: {}", lines.join("\n")).map_err(ProtocolError::Write)?;
    Ok(Answer::Refused)
}
