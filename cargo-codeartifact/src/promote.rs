//! `promote`: versions, exactly as they are, from one repository to another of the same domain.
//!
//! Everything is looked at before anything is copied; one version that cannot be copied stops all. What is copied is
//! pinned to the revision that was looked at, so a version changed in between fails instead of slipping through, and
//! is then compared again where it arrived.

mod copy;
mod plan;
mod spec;

use anyhow::anyhow;
use codeartifact::{
    ControlPlane, Host,
    control_plane::{FailureKind, RepositoryId},
};
use serde::Serialize;

use crate::{
    cli,
    context::Context,
    report::{CommandError, Kind, Report, inert},
};
use copy::copy;
use plan::{Outcome, Row};
pub(crate) use spec::{Spec, SpecError};

/// Runs the command.
pub(crate) fn run(
    args: &cli::Promote,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let specs = specs(&args.specs)?;
    if args.from == args.to {
        return Err(CommandError::usage(anyhow!("`--from` and `--to` are both `{}`", args.from))
            .hint("name two repositories of the domain"));
    }
    let context = Context::open(globals, host)?;
    context.consent(args.trust.as_ref(), report)?;
    context.describe(report);
    let from = context.repository_id(args.from.clone())?;
    let to = context.repository_id(args.to.clone())?;
    promote(context.control_plane()?, &Request { from, to, specs, dry_run: args.dry_run }, report)
}

/// What was asked for.
#[derive(Debug)]
struct Request {
    from: RepositoryId,
    to: RepositoryId,
    specs: Vec<Spec>,
    dry_run: bool,
}

/// The words of the command line, each version once.
fn specs(words: &[String]) -> Result<Vec<Spec>, CommandError> {
    let mut specs: Vec<Spec> = Vec::new();
    for word in words {
        let spec = Spec::parse(word)?;
        if !specs.contains(&spec) {
            specs.push(spec);
        }
    }
    Ok(specs)
}

fn promote(control_plane: &dyn ControlPlane, request: &Request, report: &mut Report) -> Result<(), CommandError> {
    let Request { from, to, specs, dry_run } = request;
    for (repository, option) in [(from, "--from"), (to, "--to")] {
        known(control_plane, repository, option)?;
    }
    let mut rows = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        report.progress(&format!("looking at {spec} ({} of {})", index + 1, specs.len()));
        rows.push(plan::look(control_plane, from, &to.repository, spec)?);
    }

    let refused: Vec<String> = rows.iter().filter(|row| row.outcome.is_refusal()).map(refusal).collect();
    if !refused.is_empty() {
        show(&rows, request, report)?;
        let text = format!(
            "{} of {} versions cannot be promoted from `{}` to `{}`; nothing was copied",
            refused.len(),
            rows.len(),
            from.repository,
            to.repository
        );
        // Each with its reason, for those who see the errors only.
        let causes = refused.into_iter().rev().map(anyhow::Error::msg);
        let causes = causes.reduce(|later, earlier| later.context(earlier.to_string()));
        let mut error = CommandError::user(causes.expect("not empty").context(text));
        for hint in hints(&rows, from.repository.as_str()) {
            error = error.hint(hint);
        }
        return Err(error);
    }
    if *dry_run {
        return show(&rows, request, report);
    }

    for row in rows.iter().filter(|row| row.outcome == Outcome::WouldCopy) {
        report.note(&format!("copying {} at revision {}", row.spec, row.revision.as_deref().unwrap_or_default()));
    }
    let stopped = copy(control_plane, from, &to.repository, &mut rows, report);
    show(&rows, request, report)?;
    let missing = rows.iter().filter(|row| !row.outcome.is_there()).count();
    if let Some(error) = stopped {
        let text = format!("{missing} of {} versions were not promoted to `{}`", rows.len(), to.repository);
        return Err(CommandError::from(error).context(text).hint(AGAIN));
    }
    if missing > 0 {
        return Err(CommandError::user(anyhow!(
            "{missing} of {} versions were not promoted to `{}`",
            rows.len(),
            to.repository
        ))
        .hint(AGAIN));
    }
    Ok(())
}

const AGAIN: &str = "run the same command again: what has arrived is left as it is";

/// A repository or a domain that is not there is said to be that, and not a version that is missing in it.
fn known(control_plane: &dyn ControlPlane, repository: &RepositoryId, option: &str) -> Result<(), CommandError> {
    let RepositoryId { domain, owner, repository: name } = repository;
    match control_plane.describe_repository(repository) {
        Ok(_) => Ok(()),
        Err(error) if error.kind == FailureKind::NotFound => {
            let domain_error = control_plane.describe_domain(domain, owner.as_ref()).err();
            if domain_error.is_some_and(|error| error.kind == FailureKind::NotFound) {
                return Err(CommandError::new(Kind::User, error)
                    .context(format!("there is no domain `{domain}` in this account and Region"))
                    .hint("check `--domain`, `--domain-owner` and `--region`; `-v` says where each comes from"));
            }
            Err(CommandError::new(Kind::User, error)
                .context(format!("there is no repository `{name}` in domain `{domain}` (`{option}`)"))
                .hint(format!(
                    "see the domain's repositories: `aws codeartifact list-repositories-in-domain --domain {domain}`"
                )))
        }
        // Not everybody who may copy may describe; what follows tells.
        Err(error) if error.kind == FailureKind::Denied => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A version that cannot be promoted, and why.
fn refusal(row: &Row) -> String {
    format!("{}: {}", row.spec, row.outcome.reason().unwrap_or_default())
}

/// Next steps for what was refused, each once.
fn hints(rows: &[Row], from: &str) -> Vec<String> {
    let mut hints = Vec::new();
    for row in rows {
        let hint = match &row.outcome {
            Outcome::Absent => format!(
                "only what `{}` itself holds is copied, not what its upstreams hold: install it through `{}` once, or \
                 promote it from where it is",
                inert(from, "REPOSITORY"),
                inert(from, "REPOSITORY")
            ),
            Outcome::NotPublished { .. } => {
                "publish the version, or set its status: `aws codeartifact update-package-versions-status`".to_owned()
            }
            Outcome::Different { .. } => "publish the changed content under a new version".to_owned(),
            Outcome::ThereNotPublished { .. } => {
                "set its status there: `aws codeartifact update-package-versions-status --target-status Published`"
                    .to_owned()
            }
            Outcome::WouldCopy
            | Outcome::Copied
            | Outcome::AlreadyThere
            | Outcome::Failed { .. }
            | Outcome::NotTried => continue,
        };
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    hints
}

/// The rows as data.
fn show(rows: &[Row], request: &Request, report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        return report.value(&Shown::of(rows, request));
    }
    for row in rows {
        report.line(&row.to_string())?;
    }
    Ok(())
}

/// The JSON form: one object, whatever happened.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown<'a> {
    domain: &'a str,
    from: &'a str,
    to: &'a str,
    dry_run: bool,
    versions: Vec<serde_json::Value>,
}

impl<'a> Shown<'a> {
    fn of(rows: &[Row], request: &'a Request) -> Self {
        Self {
            domain: request.from.domain.as_str(),
            from: request.from.repository.as_str(),
            to: request.to.repository.as_str(),
            dry_run: request.dry_run,
            versions: rows.iter().map(Row::to_json).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
