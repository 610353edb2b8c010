//! `configure`: from what was typed to a plan, and from a plan to lines.

use anyhow::anyhow;
use clients::{Client, settings::Edit, settings::Level};
use codeartifact::{Endpoint, Host};
use serde_json::{Value, json};

use crate::{
    cli,
    configure::{self, Applied, FileOutcome, Planned, Request, UndoOutcome, UndoRequest, Undone},
    context::{self, Context},
    report::{CommandError, Kind, Report},
};

/// Runs the command.
pub(crate) fn run(
    args: &cli::Configure,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let named = clients_of(&args.clients)?;
    let level = if args.project { Level::Project } else { Level::User };
    if args.undo {
        let host = context::host_with(globals, host)?;
        let request = UndoRequest { clients: named, level, dry_run: args.dry_run, force: false };
        let undone = configure::undo(&request, &host)?;
        return show_undone(&undone, &request, report);
    }
    let context = Context::open(globals, host)?;
    context.describe(report);
    let clients = if named.is_empty() { found(&context.host)? } else { named };
    let endpoint = endpoint(args, &clients, &context)?;
    // Without a named owner the service took the caller's own account, which needs no consent.
    if context.owner().is_some() {
        context.consent_to(endpoint.domain(), endpoint.owner(), args.trust.as_ref(), report)?;
    }
    let (registry, replace_default) = cargo_choice(args, &context);
    let request = Request {
        clients,
        level,
        endpoint,
        registry,
        replace_default,
        helper: configure::helper(&context.host)?,
        force: false,
    };
    let planned = configure::plan(request, &context.host)?;
    for finding in &planned.findings {
        report.warn(&finding.to_string());
    }
    if args.dry_run {
        return show_planned(&planned, level, report);
    }
    let applied = configure::apply(&planned, &context.host)?;
    report.detail(&format!("for `--undo`, what was written is kept in {}", applied.journal.display()));
    show_applied(&planned, &applied, level, report)
}

/// The clients of the command line, each once.
fn clients_of(words: &[String]) -> Result<Vec<&'static Client>, CommandError> {
    let mut clients: Vec<&'static Client> = Vec::new();
    for word in words {
        let client = clients::find(word).ok_or_else(|| {
            CommandError::usage(anyhow!("`{word}` is no package manager that can be configured"))
                .hint(format!("there are: {}", known()))
        })?;
        if client.settings.is_none() {
            return Err(CommandError::user(anyhow!("{} is set up by hand", client.title))
                .hint(format!("`cargo codeartifact help {}` says how", client.name)));
        }
        if !clients.iter().any(|other| other.name == client.name) {
            clients.push(client);
        }
    }
    Ok(clients)
}

/// Those on this machine.
fn found(host: &Host) -> Result<Vec<&'static Client>, CommandError> {
    let here = |client: &&Client| client.programs.iter().any(|program| host.find_program(program).is_some());
    let found: Vec<&'static Client> = configured_here().filter(here).collect();
    if found.is_empty() {
        return Err(CommandError::user(anyhow!("there is no package manager on PATH that can be configured"))
            .hint(format!("name one all the same: {}", known())));
    }
    Ok(found)
}

fn known() -> String {
    configured_here().map(|client| client.name).collect::<Vec<_>>().join(", ")
}

/// The clients that this command can set up.
fn configured_here() -> impl Iterator<Item = &'static Client> {
    clients::CLIENTS.iter().copied().filter(|client| client.settings.is_some())
}

/// The repository's address as the service says it, and as the credential helper will see it: an address that the
/// helper would not serve is not written.
fn endpoint(args: &cli::Configure, clients: &[&Client], context: &Context) -> Result<Endpoint, CommandError> {
    let repository = context.repository_id(context.repository(args.repository.as_ref())?)?;
    // `clients` is never empty; the format matters little, as the address of each format follows from any other.
    let format = clients.first().map_or(codeartifact::PackageFormat::Cargo, |client| client.format);
    let url = context.control_plane()?.get_repository_endpoint(&repository, format)?;
    let foreign = || {
        CommandError::new(Kind::Service, anyhow!("the service names an address that gets no token from us: `{url}`"))
            .hint("nothing was written; check `AWS_ENDPOINT_URL_CODEARTIFACT` and where it leads")
    };
    let endpoint = Endpoint::recognise(url.as_bytes(), &context.aws.trust())
        .map_err(|error| CommandError::from(error).context(format!("the service names the address `{url}`")))?
        .ok_or_else(foreign)?;
    let is_asked_for = *endpoint.domain() == repository.domain
        && *endpoint.repository() == repository.repository
        && repository.owner.as_ref().is_none_or(|owner| owner == endpoint.owner());
    if is_asked_for { Ok(endpoint) } else { Err(foreign()) }
}

/// What the command line says about Cargo, else the project's file.
fn cargo_choice(args: &cli::Configure, context: &Context) -> (Option<String>, bool) {
    match &context.project {
        Some(project) if args.registry.is_none() && !args.replace_default => {
            (project.cargo.registry.clone(), project.cargo.replace_default)
        }
        _ => (args.registry.clone(), args.replace_default),
    }
}

fn show_planned(planned: &Planned, level: Level, report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        return report.value(&json!({
            "level": level.to_string(), "dry-run": true, "edits": edits(&planned.edits),
            "findings": findings(planned), "names": names(planned),
        }));
    }
    show_edits(&planned.edits, report)?;
    if planned.is_empty() {
        report.note("nothing to do: it is configured so already");
    }
    Ok(())
}

fn show_applied(planned: &Planned, applied: &Applied, level: Level, report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        let files: Vec<Value> =
            applied.files.iter().map(|(path, outcome)| json!({ "path": path, "outcome": written(*outcome) })).collect();
        return report.value(&json!({
            "level": level.to_string(), "dry-run": false, "edits": edits(&planned.edits), "files": files,
            "findings": findings(planned), "names": names(planned),
        }));
    }
    for (path, outcome) in &applied.files {
        report.line(&format!("{}: {}", written(*outcome), path.display()))?;
    }
    if planned.is_empty() {
        report.note("nothing to do: it is configured so already");
    }
    for named in &planned.names {
        report.note(&format!("{} knows the repository as `{}`", named.client, named.name));
    }
    Ok(())
}

fn show_undone(undone: &Undone, request: &UndoRequest, report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        let files: Vec<Value> = undone
            .files
            .iter()
            .map(|(path, outcome)| json!({ "path": path, "outcome": taken_back(*outcome, request.dry_run) }))
            .collect();
        let left: Vec<Value> = undone.left.iter().map(|left| json!({ "path": left.path, "key": left.key })).collect();
        return report.value(&json!({
            "level": request.level.to_string(), "dry-run": request.dry_run, "edits": edits(&undone.edits),
            "files": files, "left": left,
        }));
    }
    if request.dry_run {
        show_edits(&undone.edits, report)?;
    }
    for (path, outcome) in &undone.files {
        report.line(&format!("{}: {}", taken_back(*outcome, request.dry_run), path.display()))?;
    }
    for left in &undone.left {
        report.warn(&format!("`{}` in {} was changed by others since, and stays", left.key, left.path.display()));
    }
    if undone.is_empty() {
        report.note("nothing to undo: nothing of ours is there");
    }
    Ok(())
}

/// Each edit: why, where, and its lines.
fn show_edits(edits: &[Edit], report: &mut Report) -> Result<(), CommandError> {
    for edit in edits {
        report.line(&format!("{}: {}", edit.path.display(), edit.why))?;
        for line in edit.diff().lines() {
            report.line(line)?;
        }
    }
    Ok(())
}

fn edits(edits: &[Edit]) -> Vec<Value> {
    edits.iter().map(|edit| json!({ "path": edit.path, "why": edit.why, "diff": edit.diff() })).collect()
}

fn findings(planned: &Planned) -> Vec<Value> {
    planned
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code, "message": finding.message, "path": finding.path, "line": finding.line,
            })
        })
        .collect()
}

fn names(planned: &Planned) -> Vec<Value> {
    planned.names.iter().map(|named| json!({ "client": named.client, "name": named.name })).collect()
}

fn written(outcome: FileOutcome) -> &'static str {
    match outcome {
        FileOutcome::Created => "created",
        FileOutcome::Changed => "changed",
        FileOutcome::Unchanged => "unchanged",
    }
}

fn taken_back(outcome: UndoOutcome, dry_run: bool) -> &'static str {
    match (outcome, dry_run) {
        (UndoOutcome::Restored, false) => "restored",
        (UndoOutcome::Restored, true) => "would restore",
        (UndoOutcome::Removed, false) => "removed",
        (UndoOutcome::Removed, true) => "would remove",
        (UndoOutcome::AlreadyGone, _) => "already gone",
    }
}
