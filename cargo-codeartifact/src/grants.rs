//! Tokens for a program that is not ours: for which repositories or domains it gets them.

use std::time::SystemTime;

use codeartifact::{AuthorizationToken, Authorize as _, Authorizer, Endpoint, Host, PackageFormat};

use crate::{
    cli,
    context::Context,
    leads::Leads,
    moment,
    report::{CommandError, Report},
    status, token,
};

/// A token and what it is for.
#[derive(Debug)]
pub(crate) struct Grant {
    /// A repository of the domain.
    pub(crate) endpoint: Endpoint,
    /// The token.
    pub(crate) token: AuthorizationToken,
    /// How the repository is meant.
    pub(crate) meant: Meant,
}

/// How a repository is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// It was named for this call: the program is to be led there.
    Led,
    /// The settings name it: the program may be led there by its own.
    Known,
    /// None is named: any of the domain.
    Any,
}

/// Gets a token for each repository that is named, else for the domain.
pub(crate) fn of<'a>(
    targets: &cli::Targets,
    globals: &cli::Globals,
    context: &'a Context,
    authorizer: &Authorizer<'a>,
    report: &mut Report,
) -> Result<Vec<Grant>, CommandError> {
    let mut grants = Vec::new();
    for (endpoint, meant) in endpoints(targets, globals, context, report)? {
        report.detail(&format!("domain {} of {}", endpoint.domain(), endpoint.owner()));
        let token = authorizer.token_for(&endpoint)?;
        grants.push(Grant { endpoint, token, meant });
    }
    Ok(grants)
}

/// Gets a token for each repository that a program's own settings lead to. `RubyGems` pushes to the one that was said for
/// this call only, so there it counts as named by us.
pub(crate) fn of_leads(
    leads: &Leads,
    authorizer: &Authorizer<'_>,
    report: &mut Report,
) -> Result<Vec<Grant>, CommandError> {
    let mut grants = Vec::new();
    for (place, endpoint) in leads.endpoints.iter().cloned().enumerate() {
        report.detail(&format!("domain {} of {}", endpoint.domain(), endpoint.owner()));
        let token = authorizer.token_for(&endpoint)?;
        let is_push = place < leads.said && endpoint.format() == PackageFormat::Ruby;
        grants.push(Grant { endpoint, token, meant: if is_push { Meant::Led } else { Meant::Known } });
    }
    Ok(grants)
}

/// Never empty.
fn endpoints(
    targets: &cli::Targets,
    globals: &cli::Globals,
    context: &Context,
    report: &mut Report,
) -> Result<Vec<(Endpoint, Meant)>, CommandError> {
    if !targets.url.is_empty() {
        return targets.url.iter().map(|url| Ok((token::named(url, globals, context)?, Meant::Led))).collect();
    }
    context.describe(report);
    context.consent(targets.trust.as_ref(), report)?;
    let domain = context.domain_endpoint()?;
    if !targets.repository.is_empty() {
        let led = |name| (domain.sibling(PackageFormat::Generic, name), Meant::Led);
        return Ok(targets.repository.iter().map(led).collect());
    }
    Ok(vec![match context.repository(None) {
        Ok(known) => (domain.sibling(PackageFormat::Generic, &known), Meant::Known),
        // None is named, which is no fault here.
        Err(_) => (domain, Meant::Any),
    }])
}

/// Until when all of them hold.
pub(crate) fn hold_until(grants: &[Grant]) -> Option<SystemTime> {
    grants.iter().map(|grant| grant.token.expires()).min()
}

/// `2026-01-31T12:00:00Z (11 h 59 min)`
pub(crate) fn shown(until: SystemTime, host: &Host) -> String {
    let left = until.duration_since(host.now()).unwrap_or_default();
    format!("{} ({})", moment::utc(until), moment::span(left))
}

/// Writes the slower stores. A token that could not be kept was still given.
pub(crate) fn settle(authorizer: &Authorizer<'_>, report: &mut Report) {
    for problem in authorizer.settle() {
        report.detail(&format!("not kept everywhere: {}", status::reason(&problem).join(": ")));
    }
}
