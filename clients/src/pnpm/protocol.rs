//! pnpm's `tokenHelper`, as pnpm 7 to 12 run it: no input, and the program's output is the token.
//!
//! The domain is in the name of the link that was called, `codeartifact-pnpm-DOMAIN-OWNER.REGION`; or in the one
//! argument that pnpm passes from version 11: `DOMAIN-OWNER.REGION`, or the URL of a repository.
//!
//! | outcome | standard output | standard error | exit status | what pnpm does |
//! | --- | --- | --- | --- | --- |
//! | a token | `Bearer TOKEN` | | 0 | sends it to the registry the helper is configured for |
//! | no token: no identity, denied, service failed | | the reason | 1 | 7 to 11 stop, 12 goes on and gets a 401 |
//! | the argument is no domain of CodeArtifact, or not the link's | | the reason | 1 | the same |
//! | no domain is named | | what to name, and how | 1 | the same |
//!
//! Always with the scheme: without one, 7 to 10 send the bare token, which the service does not take. Always one line:
//! with two, every version makes a header that is not valid, and tries for more than a minute. An empty answer would be
//! no answer: 7 to 10 go on without a token.
//!
//! Standard error is seen with 7 to 9 only. A URL that is not ours is a mistake in the settings, not a question for
//! another program: pnpm has just one helper for a registry.

use codeartifact::{Authorize, Endpoint, EndpointError, PackageFormat, Trust};

use crate::{
    bearer::{self, AddressError},
    protocol::{Answer, Call, Protocol, ProtocolError, Streams},
};

/// pnpm's protocol.
pub(super) struct PnpmProtocol;

impl Protocol for PnpmProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        match named(call, trust) {
            Ok(endpoint) => bearer::answer(&endpoint, authorize, streams.output, streams.errors),
            Err(error) => bearer::refuse(streams.errors, &error),
        }
    }
}

/// No domain, or none that can be had.
#[derive(Debug, thiserror::Error)]
enum NameError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Place(#[from] EndpointError),
    #[error(
        "no domain is named: call a link `codeartifact-pnpm-DOMAIN-OWNER.REGION`, or give `DOMAIN-OWNER.REGION` or a \
         repository's URL as the argument"
    )]
    Nothing,
    #[error("more than one argument: a domain or a repository's URL is one")]
    TooMany,
    // Not quoted: a URL of another registry may hold a password.
    #[error("the URL in the argument is no repository of CodeArtifact")]
    NotOurs,
    #[error("the link is for `{link}`, and the argument names another domain")]
    OtherThanLink { link: String },
}

/// The endpoint that the call names.
fn named(call: &Call<'_>, trust: &Trust) -> Result<Endpoint, NameError> {
    let by_link = call.domain.map(|place| Endpoint::of_domain(place, PackageFormat::Npm, trust)).transpose()?;
    let by_argument = match call.args {
        [] => None,
        [argument] => Some(argued(&argument.to_string_lossy(), trust)?),
        _ => return Err(NameError::TooMany),
    };
    match (by_link, by_argument) {
        (Some(link), Some(argument)) if !same_domain(&link, &argument) => {
            Err(NameError::OtherThanLink { link: call.domain.unwrap_or_default().to_owned() })
        }
        (link, argument) => argument.or(link).ok_or(NameError::Nothing),
    }
}

fn argued(argument: &str, trust: &Trust) -> Result<Endpoint, NameError> {
    if argument.contains("://") {
        return bearer::npm_endpoint(argument.as_bytes(), trust)?.ok_or(NameError::NotOurs);
    }
    Ok(Endpoint::of_domain(argument, PackageFormat::Npm, trust)?)
}

/// A token is for a domain in a Region, at one service.
fn same_domain(one: &Endpoint, other: &Endpoint) -> bool {
    one.domain() == other.domain() && one.owner() == other.owner() && one.region() == other.region()
}
