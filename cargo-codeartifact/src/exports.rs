//! `env`: the variables that `exec` would set, for a shell to evaluate.

use std::{fmt::Write as _, path::Path};

use anyhow::anyhow;
use codeartifact::Host;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    cli::{self, ShellKind},
    context::Context,
    grants, moment,
    report::{CommandError, Report},
    variables::{self, Variable},
};

/// Runs the command.
pub(crate) fn run(
    args: &cli::Env,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    let context = Context::open(globals, host)?;
    let authorizer = context.authorizer();
    let grants = grants::of(&args.targets, globals, &context, &authorizer, report)?;
    let program = args.program.as_deref().unwrap_or_default();
    let variables = variables::of(Path::new(program), &grants, &args.targets)?;
    let until = grants::hold_until(&grants);
    let shell = args.shell.unwrap_or_else(|| ShellKind::of(&context.host));
    let lines = if report.json() { None } else { Some(exports(&variables, shell)?) };
    if report.is_seen() {
        report.warn("this prints a secret on the terminal: let a shell evaluate it instead");
        report.note(&format!("as in: {}", evaluated(shell)));
    }
    if let Some(until) = until {
        report.note(&format!("the token holds until {}", grants::shown(until, &context.host)));
    }
    let said = if let Some(lines) = lines {
        report.document(lines.as_bytes())
    } else {
        let of = |Variable { name, value }: &Variable| (name.clone(), Value::from(value.as_str()));
        let variables: Map<String, Value> = variables.iter().map(of).collect();
        report.value(&json!({ "variables": variables, "expires": until.map(moment::utc) }))
    };
    grants::settle(&authorizer, report);
    said
}

/// How a shell takes what is printed.
fn evaluated(shell: ShellKind) -> &'static str {
    match shell {
        ShellKind::Sh => "eval \"$(cargo codeartifact env)\"",
        ShellKind::Fish => "cargo codeartifact env | source",
        ShellKind::Powershell => "cargo codeartifact env | Out-String | Invoke-Expression",
    }
}

impl ShellKind {
    /// The shell that `SHELL` names; where there is none, the system's own.
    fn of(host: &Host) -> Self {
        let shell = host.var("SHELL").map(|path| Path::new(path).file_stem().unwrap_or_default().to_owned());
        match shell.as_ref().and_then(|name| name.to_str()) {
            Some("fish") => Self::Fish,
            Some("pwsh" | "powershell") => Self::Powershell,
            None if cfg!(windows) => Self::Powershell,
            Some(_) | None => Self::Sh,
        }
    }
}

/// A line for each variable.
fn exports(variables: &[Variable], shell: ShellKind) -> Result<Zeroizing<String>, CommandError> {
    // Room for all of it, so that no half-grown copy is left behind in memory.
    let room = variables.iter().map(|variable| 2 * (variable.name.len() + variable.value.len()) + 32).sum();
    let mut lines = Zeroizing::new(String::with_capacity(room));
    for Variable { name, value } in variables {
        if !is_exportable(name) {
            return Err(CommandError::user(anyhow!("no shell can export the variable `{name}`"))
                .hint("start the program through `cargo codeartifact exec -- COMMAND`"));
        }
        // Writing to a string cannot fail.
        let _ = match shell {
            ShellKind::Sh => writeln!(lines, "export {name}='{}'", value.replace('\'', r"'\''")),
            ShellKind::Fish => {
                writeln!(lines, "set -gx {name} '{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
            }
            ShellKind::Powershell => writeln!(lines, "$env:{name} = '{}'", value.replace('\'', "''")),
        };
    }
    Ok(lines)
}

fn is_exportable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn variable(name: &str, value: &str) -> Variable {
        Variable { name: name.to_owned(), value: Zeroizing::new(value.to_owned()) }
    }

    #[test]
    fn every_shell_gets_its_own_quotes() {
        let variables = [variable("A_1", r"a'b\c$(d)`e`")];
        for (shell, line) in [
            (ShellKind::Sh, r"export A_1='a'\''b\c$(d)`e`'"),
            (ShellKind::Fish, r"set -gx A_1 'a\'b\\c$(d)`e`'"),
            (ShellKind::Powershell, r"$env:A_1 = 'a''b\c$(d)`e`'"),
        ] {
            assert_eq!(exports(&variables, shell).unwrap().trim_end(), line);
        }
    }

    #[test]
    fn a_name_that_no_shell_takes_is_refused() {
        for name in ["npm_config_//host/:_authToken", "1A", "", "A B", "A;B", "A=B", "É"] {
            assert!(exports(&[variable(name, "x")], ShellKind::Sh).is_err(), "{name}");
        }
    }

    #[test]
    fn the_shell_is_the_one_that_the_variable_names() {
        for (path, shell) in [
            ("/usr/bin/fish", ShellKind::Fish),
            ("/usr/bin/zsh", ShellKind::Sh),
            ("/bin/bash", ShellKind::Sh),
            ("/opt/pwsh", ShellKind::Powershell),
        ] {
            let host = Host::for_test(&[], &[("SHELL", path)], "/", SystemTime::UNIX_EPOCH);
            assert_eq!(ShellKind::of(&host), shell, "{path}");
        }
    }
}
