//! A registry's address, as settings hold it.

use codeartifact::{Endpoint, Trust};

use crate::protocol;

/// The longest address that is shown, in characters.
const LONGEST: usize = 200;

/// Whose an address is.
pub(super) enum Verdict {
    /// A repository of ours.
    Ours(Box<Endpoint>),
    /// Meant to be one; why it is none.
    Faulty(String),
    /// Somebody else's, over the net and not encrypted.
    Plain,
    /// Somebody else's.
    Other,
}

pub(super) fn judge(address: &str, trust: &Trust) -> Verdict {
    let bare = address.trim().trim_matches(['"', '\'']);
    let bare = without_user(bare);
    match Endpoint::recognise(bare.as_bytes(), trust) {
        Ok(Some(endpoint)) => Verdict::Ours(Box::new(endpoint)),
        Ok(None) | Err(_) if is_plain(&bare) => Verdict::Plain,
        Ok(None) => Verdict::Other,
        Err(error) => Verdict::Faulty(protocol::causes(&error).join(": ")),
    }
}

/// Whether it is asked over the net without encryption. This machine is no net.
fn is_plain(address: &str) -> bool {
    let address = address.strip_prefix("sparse+").unwrap_or(address);
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let here = ["127.", "localhost", "[::1]", "0.0.0.0", "${", "$"];
    !host.is_empty() && !here.iter().any(|start| host.starts_with(start))
}

/// The address without its user part, which may be a password.
pub(super) fn without_user(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => address.to_owned(),
    }
}

/// The user's name in an address, and whether a password that is no reference follows.
pub(super) fn user(address: &str) -> Option<(&str, bool)> {
    let (_, rest) = address.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, _) = rest[..end].rsplit_once('@')?;
    Some(match user.split_once(':') {
        Some((name, password)) => (name, !password.is_empty() && !password.starts_with('$')),
        None => (user, false),
    })
}

/// An address as it may be shown: without user part and query, control characters escaped.
pub(super) fn shown(address: &str) -> String {
    let bare = without_user(address);
    let bare = bare.split(['?', '#']).next().unwrap_or_default();
    protocol::shown(bare, LONGEST)
}
