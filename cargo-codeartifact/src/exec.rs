//! `exec`: another program, with fresh tokens in its environment and nowhere else.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::Path,
    process::Command,
};

use anyhow::anyhow;
use codeartifact::{Host, source::TOKEN_FOR_VARIABLE, source::TOKEN_VARIABLE};

use crate::{
    cli,
    context::Context,
    grants::{self, Grant},
    leads, proxy,
    report::{CommandError, Kind, Report},
    variables::{self, Variable},
    yarn1,
};

/// Runs the command. Where that is possible this process becomes the other program, and this never returns.
pub(crate) fn run(
    args: &cli::Exec,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(CommandError::usage(anyhow!("no command is named")));
    };
    if args.if_needed {
        return if_needed(program, arguments, globals, host, report);
    }
    let context = Context::open(globals, host)?;
    let authorizer = context.authorizer();
    let grants = grants::of(&args.targets, globals, &context, &authorizer, report)?;
    let variables = variables::of(Path::new(program), &grants, &args.targets)?;
    let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
    report.detail(&format!("variables set: {}", names.join(", ")));
    if let Some(until) = grants::hold_until(&grants) {
        report.detail(&format!("they hold until {}", grants::shown(until, &context.host)));
    }
    // Before the other program: there is no after.
    grants::settle(&authorizer, report);
    let mut command = Command::new(program);
    // The options that stand in for variables are the other program's, too: it may well ask our helper.
    command.args(arguments).env_clear().envs(context.host.vars());
    put(&mut command, &variables, &grants, &context.host);
    let trust = context.aws.trust();
    let led = yarn1::lead(&mut command, (program, arguments), &grants, &context.host, &trust);
    // There until the other program is.
    let _file = led.map_err(|error| failed(program, &error))?;
    Err(failed(program, &become_other(command)))
}

/// Runs the command with a token where its own settings lead to CodeArtifact, with a proxy that runs where they lead to one,
/// and as if we were not there elsewhere. Where no token can be had it runs as well, and the reason is said: much of what a
/// package manager does needs none.
fn if_needed(
    program: &OsStr,
    arguments: &[OsString],
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    // Windows finds `npm.cmd` for a shell only.
    let found = if cfg!(windows) { program.to_str().and_then(|name| host.find_program(name)) } else { None };
    let mut command = Command::new(found.as_deref().map_or(program, Path::as_os_str));
    command.args(arguments).env_clear().envs(host.vars());
    // There until the other program is.
    let _file = given(&mut command, (program, arguments), globals, host, report).unwrap_or_else(|error| {
        report.warn(&format!("`{}` is started without a token", program.to_string_lossy()));
        report.failure(&error);
        None
    });
    Err(failed(program, &become_other(command)))
}

/// Gives tokens to a program whose own settings lead to CodeArtifact; nothing where they do not.
fn given(
    command: &mut Command,
    (program, arguments): (&OsStr, &[OsString]),
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<Option<File>, CommandError> {
    let context = Context::outside(globals, host)?;
    let trust = context.aws.trust();
    let leads = leads::of(program, arguments, &context.host, &trust);
    if let Some(on) = leads.on_proxy.first() {
        let running = proxy::ensure(&context.host, on.listening)?;
        put(command, &variables::of_proxy(Path::new(program), &leads.on_proxy, &running), &[], host);
    }
    if leads.endpoints.is_empty() {
        return Ok(None);
    }
    let authorizer = context.authorizer();
    let grants = grants::of_leads(&leads, &authorizer, report)?;
    let variables = variables::of(Path::new(program), &grants, &cli::Targets::default())?;
    grants::settle(&authorizer, report);
    let led = yarn1::lead(command, (program, arguments), &grants, &context.host, &trust);
    let file = led.map_err(|error| failed(program, &error))?;
    put(command, &variables, &grants, host);
    Ok(file)
}

/// Sets the variables. One that says whose `CODEARTIFACT_AUTH_TOKEN` is must not be left to speak of another one.
fn put(command: &mut Command, variables: &[Variable], grants: &[Grant], host: &Host) {
    for Variable { name, value } in variables {
        command.env(name, value.as_str());
    }
    let replaced = variables.iter().any(|variable| variable.name == TOKEN_VARIABLE);
    let holds = grants.first().is_some_and(|grant| {
        let whose = format!("{}-{}", grant.endpoint.domain(), grant.endpoint.owner());
        host.var(TOKEN_FOR_VARIABLE) == Some(whose.as_str())
    });
    if replaced && !holds {
        command.env_remove(TOKEN_FOR_VARIABLE);
    }
}

#[cfg(unix)]
fn become_other(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Waits for it and ends as it ended.
#[cfg(not(unix))]
fn become_other(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// The codes that shells use for a command that could not be run.
fn failed(program: &OsStr, error: &io::Error) -> CommandError {
    let name = program.to_string_lossy();
    let kind = match error.kind() {
        io::ErrorKind::NotFound => Kind::NoProgram,
        _ => Kind::NotRun,
    };
    CommandError::new(kind, anyhow!("{error}").context(format!("cannot run `{name}`")))
        .hint("the program and its arguments come after `--`, each a word of its own")
}
