//! What our plugin for Yarn 4 asks, and hands to Yarn's hook `getNpmAuthenticationHeader`: the header's complete value.
//!
//! | call | outcome | standard output | standard error | exit status | what the plugin does |
//! | --- | --- | --- | --- | --- | --- |
//! | `URL` | a token | `Bearer TOKEN` | | 0 | gives it to Yarn for this registry and run |
//! | `URL` | the URL is another registry's | nothing | | 0 | leaves the registry to Yarn |
//! | `URL` | no token: no identity, denied, service failed | nothing | the reason | 1 | stops with the reason |
//! | `URL` | the URL is ours but breaks a rule, or is another format's | nothing | the reason | 1 | the same |
//! | `--plugin` | | the plugin's text | | 0 | it is for a person, who puts it into a file |
//! | anything else | | nothing | what to call it with | 1 | |
//!
//! "Not ours" is not a failure, so that a credential program that breaks is never taken for one that declined.

use codeartifact::{Authorize, Trust};

use super::PLUGIN;
use crate::{
    bearer,
    protocol::{Answer, Call, Protocol, ProtocolError, Streams},
};

/// The plugin's protocol.
pub(super) struct YarnProtocol;

impl Protocol for YarnProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        let [argument] = call.args else { return bearer::refuse(streams.errors, &UsageError) };
        if argument == "--plugin" {
            let written = streams.output.write_all(PLUGIN.as_bytes()).and_then(|()| streams.output.flush());
            return written.map(|()| Answer::Answered).map_err(ProtocolError::Write);
        }
        match bearer::npm_endpoint(argument.to_string_lossy().as_bytes(), trust) {
            Ok(Some(endpoint)) => bearer::answer(&endpoint, authorize, streams.output, streams.errors),
            Ok(None) => Ok(Answer::Answered),
            Err(error) => bearer::refuse(streams.errors, &error),
        }
    }
}

/// The arguments ask for nothing.
#[derive(Debug, thiserror::Error)]
#[error("give a registry's URL, or `--plugin` for the plugin's text")]
struct UsageError;
