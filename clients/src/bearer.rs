//! HTTP's Bearer scheme (RFC 6750), as npm's registries take a token: what pnpm's and Yarn's ways to ask have in common.

use std::{error::Error, io::Write};

use codeartifact::{Authorize, Endpoint, EndpointError, PackageFormat, Trust};

use crate::answer;
use crate::protocol::{Answer, ProtocolError, causes, refusal_lines, shown};

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
    match authorize.token_for(endpoint) {
        Ok(token) => {
            answer::say(output, &answer::text(&["Bearer ", token.expose(), "\n"]))?;
            Ok(Answer::Answered)
        }
        Err(error) => answer::refuse(errors, &refusal_lines(&error)),
    }
}

/// Refuses for a reason that is no matter of the service.
pub(crate) fn refuse(errors: &mut dyn Write, error: &dyn Error) -> Result<Answer, ProtocolError> {
    answer::refuse(errors, &causes(error))
}
