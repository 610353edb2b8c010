//! `publish`: from what was typed to a publish, and from its events to lines.

mod folders;

use std::path::PathBuf;

use codeartifact::{Host, PackageFormat};
use serde_json::json;

use crate::{
    cli,
    context::Context,
    project::{self, Project},
    publish::{self, PublishContext, PublishEvent, PublishRequest, PublishedCrate, VersionChoice},
    report::{CommandError, Report},
    status,
};

/// Runs the command.
pub(crate) fn run(
    args: &cli::Publish,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let context = Context::open(globals, host)?;
    context.describe(report);
    let repository = context.publish_to(args.repository.as_ref(), PackageFormat::Cargo)?;
    context.consent(args.trust.as_ref(), report)?;
    let request = PublishRequest {
        paths: paths(args, context.project.as_ref())?,
        repository: context.repository_id(repository)?,
        version: version(args, context.project.as_ref()),
        dry_run: args.dry_run,
        allow_dirty: args.allow_dirty,
        verify: !args.no_verify,
    };
    let authorizer = context.authorizer();
    let work = PublishContext {
        host: &context.host,
        trust: &context.aws.trust(),
        control_plane: context.control_plane()?,
        authorize: &authorizer,
    };
    let mut rows = Vec::new();
    let mut unsaid = Ok(());
    let result = publish::publish(&request, &work, &mut |event| {
        if let Err(error) = told(event, &mut rows, report) {
            // A reader that has gone does not stop what is under way; the exit code says that not all was told.
            unsaid = Err(error);
        }
    });
    for problem in authorizer.settle() {
        report.detail(&format!("token not kept everywhere: {}", status::reason(&problem).join(": ")));
    }
    if report.json() {
        report.value(&json!({
            "domain": request.repository.domain.as_str(),
            "repository": request.repository.repository.as_str(),
            "dry-run": request.dry_run,
            "crates": rows,
        }))?;
    }
    result?;
    unsaid?;
    if rows.iter().all(|row| row.outcome == publish::Outcome::AlreadyPublished) {
        report.note(&format!("nothing to do: all of it is in `{}` already", request.repository.repository));
    }
    Ok(())
}

/// The folders: the command line's, else those the project's file lists, else this one.
fn paths(args: &cli::Publish, project: Option<&Project>) -> Result<Vec<PathBuf>, CommandError> {
    match project {
        Some(project) if args.paths.is_empty() && !project.packages.is_empty() => folders::listed(project),
        _ => Ok(args.paths.clone()),
    }
}

fn version(args: &cli::Publish, project: Option<&Project>) -> VersionChoice {
    match (&args.version, args.version_from, project.map(|project| project.version)) {
        (Some(version), ..) => VersionChoice::Given(version.clone()),
        (None, Some(cli::VersionSource::Git), _) | (None, None, Some(project::VersionChoice::Git)) => {
            VersionChoice::Git
        }
        (None, None, Some(project::VersionChoice::Manifest) | None) => VersionChoice::Manifest,
    }
}

fn told(event: PublishEvent, rows: &mut Vec<PublishedCrate>, report: &mut Report) -> Result<(), CommandError> {
    let text = event.to_string();
    match event {
        PublishEvent::Done(row) => {
            let line = format!("{}: {} {} (SHA-256 {})", row.outcome, row.name, row.version, row.sha256);
            rows.push(row);
            if !report.json() {
                return report.line(&line);
            }
        }
        PublishEvent::Version { .. } | PublishEvent::Skipped { .. } => report.note(&text),
        PublishEvent::Cargo { .. } => report.detail(&text),
        PublishEvent::Reading { .. }
        | PublishEvent::Packing { .. }
        | PublishEvent::Verifying { .. }
        | PublishEvent::Comparing { .. }
        | PublishEvent::Uploading { .. }
        | PublishEvent::Waiting { .. } => report.progress(&text),
    }
    Ok(())
}
