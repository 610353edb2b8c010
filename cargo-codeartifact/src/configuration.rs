//! `configure` and `login`: from what was typed to a plan, and from a plan to lines.

use std::path::Path;

use anyhow::anyhow;
use clients::{
    Client,
    settings::{Choices, Edit, Level, Role},
};
use codeartifact::{Authorize as _, Endpoint, Host, RepositoryName};
use serde_json::{Value, json};

use crate::{
    cli,
    configure::{self, Applied, FileOutcome, Planned, Request, UndoOutcome, UndoRequest, Undone, Wish},
    context::{self, Context},
    moment,
    report::{CommandError, Kind, Report},
    status,
};

/// Runs `configure`.
pub(crate) fn run(
    args: &cli::Configure,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let level = level(&args.wanted);
    if args.undo {
        let host = context::host_with(globals, host)?;
        let clients = clients_of(&args.wanted.clients)?;
        let request = UndoRequest { clients, level, dry_run: args.dry_run, force: false };
        let undone = configure::undo(&request, &host)?;
        return show_undone(&undone, &request, report);
    }
    let context = Context::open(globals, host)?;
    let planned = plan(&args.wanted, &context, report)?;
    if args.dry_run {
        return show_planned(&planned, level, report);
    }
    let applied = apply(&planned, &context, report)?;
    if report.json() {
        return report.value(&applied_value(&planned, &applied, level));
    }
    show_applied(&planned, &applied, &context.host, report)
}

/// Runs `login`: the token first, because settings without one help nobody.
pub(crate) fn log_in(
    args: &cli::Login,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let context = Context::open(globals, host)?;
    let planned = plan(&args.wanted, &context, report)?;
    let endpoint = planned.endpoint().clone();
    let authorizer = context.authorizer();
    let token = authorizer.token_for(&endpoint)?;
    for problem in authorizer.settle() {
        report.detail(&format!("not kept everywhere: {}", status::reason(&problem).join(": ")));
    }
    let applied = apply(&planned, &context, report)?;
    let (domain, until) = (endpoint.domain(), moment::utc(token.expires()));
    if report.json() {
        let mut said = applied_value(&planned, &applied, level(&args.wanted));
        said["domain"] = json!(domain.as_str());
        said["expires"] = json!(until);
        return report.value(&said);
    }
    show_applied(&planned, &applied, &context.host, report)?;
    let left = token.expires().duration_since(context.host.now()).unwrap_or_default();
    report.line(&format!("token for domain {domain}: holds until {until}, for {} more", moment::span(left)))
}

fn level(wanted: &cli::Wanted) -> Level {
    if wanted.project { Level::Project } else { Level::User }
}

/// What is asked for, as edits that are not made yet.
fn plan(wanted: &cli::Wanted, context: &Context, report: &mut Report) -> Result<Planned, CommandError> {
    let level = level(wanted);
    let named = clients_of(&wanted.clients)?;
    context.describe(report);
    let wishes = wishes(wanted, &named, level, context, report)?;
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for wish in &wishes {
        if !endpoints.iter().any(|endpoint| *endpoint.repository() == wish.repository) {
            endpoints.push(endpoint(wish, context)?);
        }
    }
    let endpoint = endpoints.swap_remove(0);
    // Without a named owner the service took the caller's own account, which needs no consent.
    if context.owner().is_some() {
        context.consent_to(endpoint.domain(), endpoint.owner(), wanted.trust.as_ref(), report)?;
    }
    let region = endpoint.region().map_or_else(|| context.region(), Ok)?.clone();
    let helper = configure::helper(&context.host)?;
    let planned = configure::plan(Request { wishes, level, endpoint, region, helper, force: false }, &context.host)?;
    for finding in &planned.findings {
        report.warn(&finding.to_string());
    }
    Ok(planned)
}

fn apply(planned: &Planned, context: &Context, report: &mut Report) -> Result<Applied, CommandError> {
    let applied = configure::apply(planned, &context.host)?;
    report.detail(&format!("for `--undo`, what was written is kept in {}", applied.journal.display()));
    Ok(applied)
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

/// Those of the project one stands in; for the user, those on this machine too.
fn found(level: Level, host: &Host) -> Result<Vec<&'static Client>, CommandError> {
    let on_path = |client: &Client| client.programs.iter().any(|program| host.find_program(program).is_some());
    let here = |client: &&Client| configure::in_project(client, host) || level == Level::User && on_path(client);
    let found: Vec<&'static Client> = configured_here().filter(here).collect();
    if found.is_empty() {
        let place = if level == Level::User { "on PATH or in a project here" } else { "in a project here" };
        return Err(CommandError::user(anyhow!("there is no package manager {place} that can be configured"))
            .hint(format!("name one all the same: {}", known())));
    }
    Ok(found)
}

/// What each client is to be set up for: as the command line says, else as the project's file does.
///
/// What a client cannot do is an error where the client was named, or nobody can do it; where it was only found, it is
/// left out and said so.
fn wishes(
    args: &cli::Wanted,
    named: &[&'static Client],
    level: Level,
    context: &Context,
    report: &mut Report,
) -> Result<Vec<Wish>, CommandError> {
    let clients = if named.is_empty() { found(level, &context.host)? } else { named.to_vec() };
    let (mut wishes, mut reasons) = (Vec::new(), Vec::new());
    for client in clients {
        let asked = Asked { args, client, level, context };
        match asked.misfit() {
            None => wishes.extend(asked.wishes()?),
            Some(reason) if named.is_empty() => reasons.push(format!("{} is left as it is: {reason}", client.title)),
            Some(reason) => {
                return Err(CommandError::user(anyhow!("{} cannot be configured so: {reason}", client.title))
                    .hint(format!("`cargo codeartifact help {}` says what it can do", client.name)));
            }
        }
    }
    if wishes.is_empty() {
        let reason = reasons.join("; ");
        return Err(CommandError::user(anyhow!("no package manager here can be configured so: {reason}")));
    }
    for reason in &reasons {
        report.note(reason);
    }
    Ok(wishes)
}

/// What the project's file says that the clients found here are to be set up for, as far as they can be.
pub(crate) fn declared(context: &Context) -> Vec<Wish> {
    let args = cli::Wanted::default();
    let clients = found(Level::User, &context.host).unwrap_or_default();
    let asked = clients.into_iter().map(|client| Asked { args: &args, client, level: Level::User, context });
    asked.filter(|asked| asked.misfit().is_none()).filter_map(|asked| asked.wishes().ok()).flatten().collect()
}

/// What is asked of one client.
struct Asked<'a> {
    args: &'a cli::Wanted,
    client: &'static Client,
    level: Level,
    context: &'a Context,
}

impl Asked<'_> {
    fn choices(&self) -> Choices {
        self.client.settings.expect("only clients with settings are asked").choices()
    }

    /// Why the client cannot do what the command line asks.
    fn misfit(&self) -> Option<String> {
        let choices = self.choices();
        if !choices.levels.contains(&self.level) {
            return Some(format!("it has no settings at {} level", self.level));
        }
        if self.args.registry.is_some() && !choices.name {
            return Some("it knows repositories by their URL, not by a name".to_owned());
        }
        let role = self.role_asked();
        if role.is_some_and(|role| !choices.roles.contains(&role)) {
            return Some(if role == Some(Role::Extra) {
                "it has no extra index".to_owned()
            } else {
                "a repository cannot take the place of its default registry".to_owned()
            });
        }
        let scoped = !self.args.scope.is_empty() && choices.scope.is_none();
        scoped.then(|| "a repository is for all of its packages, not for a scope".to_owned())
    }

    fn role_asked(&self) -> Option<Role> {
        match self.args {
            cli::Wanted { extra_index: true, .. } => Some(Role::Extra),
            cli::Wanted { replace_default: true, .. } => Some(Role::Default),
            _ => None,
        }
    }

    /// One wish, or one for each repository that scopes are of.
    fn wishes(&self) -> Result<Vec<Wish>, CommandError> {
        let said = self.context.project.as_ref().and_then(|project| project.clients.get(self.client.name));
        let said = said.cloned().unwrap_or_default();
        let own = self.args.repository.clone().or(said.repository);
        let usual = || own.clone().map_or_else(|| self.context.repository(None), Ok);
        let (name, role) = match (self.args.registry.clone(), self.role_asked()) {
            (None, None) => (said.name, said.role),
            typed => typed,
        };
        let role = role.unwrap_or(self.choices().roles[0]);
        let scopes = if self.args.scope.is_empty() { said.scopes } else { typed_scopes(&self.args.scope)? };
        let wish = |repository, scopes| Wish { client: self.client, repository, name: name.clone(), role, scopes };
        if scopes.is_empty() {
            return Ok(vec![wish(usual()?, Vec::new())]);
        }
        let mut wishes: Vec<Wish> = Vec::new();
        for (scope, repository) in scopes {
            let repository = repository.map_or_else(usual, Ok)?;
            match wishes.iter_mut().find(|wish| wish.repository == repository) {
                Some(wish) => wish.scopes.push(scope),
                None => wishes.push(wish(repository, vec![scope])),
            }
        }
        Ok(wishes)
    }
}

/// `@scope` or `@scope=REPOSITORY`.
fn typed_scopes(words: &[String]) -> Result<Vec<(String, Option<RepositoryName>)>, CommandError> {
    let one = |word: &String| match word.rsplit_once('=') {
        None => Ok((word.clone(), None)),
        Some((scope, repository)) => match repository.parse() {
            Ok(repository) => Ok((scope.to_owned(), Some(repository))),
            Err(error) => Err(CommandError::usage(error).context(format!("`--scope {word}`"))),
        },
    };
    words.iter().map(one).collect()
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
fn endpoint(wish: &Wish, context: &Context) -> Result<Endpoint, CommandError> {
    let repository = context.repository_id(wish.repository.clone())?;
    // The format matters little: the address of each follows from any other.
    let url = context.control_plane()?.get_repository_endpoint(&repository, wish.client.format)?;
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

fn show_planned(planned: &Planned, level: Level, report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        return report.value(&json!({
            "level": level.to_string(), "dry-run": true, "edits": edits(&planned.edits), "links": planned.links,
            "findings": findings(planned), "names": names(planned),
        }));
    }
    show_edits(&planned.edits, report)?;
    for link in &planned.links {
        report.line(&format!("{}: leads to the credential helper", link.display()))?;
    }
    if planned.is_empty() {
        report.note("nothing to do: it is configured so already");
    }
    Ok(())
}

fn applied_value(planned: &Planned, applied: &Applied, level: Level) -> Value {
    let files: Vec<Value> =
        applied.files.iter().map(|(path, outcome)| json!({ "path": path, "outcome": written(*outcome) })).collect();
    json!({
        "level": level.to_string(), "dry-run": false, "edits": edits(&planned.edits), "files": files,
        "links": planned.links, "findings": findings(planned), "names": names(planned),
    })
}

fn show_applied(planned: &Planned, applied: &Applied, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    for (path, outcome) in &applied.files {
        report.line(&format!("{}: {}", written(*outcome), path.display()))?;
    }
    for link in &planned.links {
        report.line(&format!("created: {}", link.display()))?;
    }
    if planned.is_empty() {
        report.note("nothing to do: it is configured so already");
    }
    if let Some(folder) = applied.links.as_ref().filter(|folder| !is_on_path(folder, host)) {
        let folder = folder.display();
        report.warn(&format!(
            "{folder} is not on PATH, where package managers look for the credential helper; in your shell's start-up file: \
             `export PATH=\"{folder}:$PATH\"`"
        ));
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
            "files": files, "links": undone.links, "left": left,
        }));
    }
    if request.dry_run {
        show_edits(&undone.edits, report)?;
    }
    for (path, outcome) in &undone.files {
        report.line(&format!("{}: {}", taken_back(*outcome, request.dry_run), path.display()))?;
    }
    let removed = if request.dry_run { "would remove" } else { "removed" };
    for link in &undone.links {
        report.line(&format!("{removed}: {}", link.display()))?;
    }
    for left in &undone.left {
        report.warn(&format!("`{}` in {} was changed by others since, and stays", left.key, left.path.display()));
    }
    if undone.is_empty() {
        report.note("nothing to undo: nothing of ours is there");
    }
    Ok(())
}

fn is_on_path(folder: &Path, host: &Host) -> bool {
    let path = host.var_os("PATH").unwrap_or_default();
    std::env::split_paths(path).any(|entry| entry == folder)
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
