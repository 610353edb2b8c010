//! `token`: a fresh token for a script.

use std::fmt;

use anyhow::anyhow;
use codeartifact::{Authorize as _, Endpoint, Host};
use serde_json::json;

use crate::{
    cli,
    context::Context,
    moment,
    report::{CommandError, Report},
    status,
};

/// Runs the command.
pub(crate) fn run(
    args: &cli::Token,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let context = Context::open(globals, host)?;
    let endpoint = if let Some(url) = &args.url {
        named(url, globals, &context)?
    } else {
        context.describe(report);
        context.consent(args.trust.as_ref(), report)?;
        context.domain_endpoint()?
    };
    report.detail(&format!("domain {} of {}", endpoint.domain(), endpoint.owner()));
    let authorizer = context.authorizer();
    let token = authorizer.token_for(&endpoint)?;
    report.detail(&format!("it holds until {}", moment::utc(token.expires())));
    let said = if report.json() {
        report.value(&json!({ "token": token.expose(), "expires": moment::utc(token.expires()) }))
    } else {
        report.document(format!("{}\n", token.expose()).as_bytes())
    };
    // After the answer: the slower stores. A token that could not be kept was still given.
    for problem in authorizer.settle() {
        report.detail(&format!("not kept everywhere: {}", status::reason(&problem).join(": ")));
    }
    said
}

/// The endpoint of a URL that was typed.
pub(crate) fn named(url: &str, globals: &cli::Globals, context: &Context) -> Result<Endpoint, CommandError> {
    let endpoint = recognise(url, context)?;
    agrees(globals, &endpoint)?;
    Ok(endpoint)
}

fn recognise(url: &str, context: &Context) -> Result<Endpoint, CommandError> {
    let found = Endpoint::recognise(url.as_bytes(), &context.aws.trust())
        .map_err(|error| CommandError::from(error).context(format!("no token for `{}`", Address(url))))?;
    found.ok_or_else(|| {
        CommandError::user(anyhow!("`{}` is no repository of CodeArtifact", Address(url))).hint(
            "a repository's address is what `aws codeartifact get-repository-endpoint` answers; one on this machine \
             counts while `AWS_ENDPOINT_URL_CODEARTIFACT` names its service",
        )
    })
}

/// Options that contradict the URL are a mistake, and which of the two is meant cannot be known.
fn agrees(globals: &cli::Globals, endpoint: &Endpoint) -> Result<(), CommandError> {
    let contradiction = |option: &str, said: &dyn fmt::Display, found: &dyn fmt::Display| {
        CommandError::usage(anyhow!("`{option} {said}` contradicts the URL, which names {found}"))
            .hint(format!("leave out `{option}`, or give another URL"))
    };
    if let Some(domain) = globals.domain.as_ref().filter(|domain| *domain != endpoint.domain()) {
        return Err(contradiction("--domain", domain, endpoint.domain()));
    }
    if let Some(owner) = globals.domain_owner.as_ref().filter(|owner| *owner != endpoint.owner()) {
        return Err(contradiction("--domain-owner", owner, endpoint.owner()));
    }
    if let (Some(said), Some(found)) = (&globals.region, endpoint.region())
        && said != found
    {
        return Err(contradiction("--region", said, found));
    }
    Ok(())
}

/// A URL in a message: whatever stands before an `@` may be a password, and what follows a `?` a key.
struct Address<'a>(&'a str);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split(['?', '#']).next().unwrap_or_default();
        match (shown.rsplit_once('@'), shown.split_once("//")) {
            (Some((_, rest)), Some((scheme, _))) => write!(f, "{scheme}//***@{rest}"),
            (Some((_, rest)), None) => write!(f, "***@{rest}"),
            (None, _) => f.write_str(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_a_message_holds_no_password() {
        for (url, shown) in [
            ("https://example.com/simple/", "https://example.com/simple/"),
            ("https://aws:s3cret@example.com/", "https://***@example.com/"),
            ("https://a@b:s3cret@example.com/", "https://***@example.com/"),
            ("user:s3cret@example.com", "***@example.com"),
            ("https://example.com/?token=s3cret#s3cret", "https://example.com/"),
        ] {
            assert_eq!(Address(url).to_string(), shown);
        }
    }
}
