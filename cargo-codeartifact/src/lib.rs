//! The program `cargo-codeartifact`, called as `cargo codeartifact COMMAND` or directly.
//!
//! | module | what it does |
//! | --- | --- |
//! | `cli` | what can be typed, with its help |
//! | `report` | what is said: data, notes, failures; exit codes |
//! | `context` | which domain, owner, Region and repository a command is about |
//! | `project` | `codeartifact.toml` |
//! | `trust` | consent to owners other than the caller |
//! | `token`, `status`, `logout` | tokens, for scripts and for people |
//! | `exec`, `exports` | tokens for other programs: in the environment of one, or of a shell (`env`) |
//! | `leads`, `shell_init` | the same for a program whose own settings say whether it needs one, in a shell by its plain name |
//! | `proxy` | an endpoint on this machine that adds the token, and keeps what was fetched |
//! | `grants`, `variables` | for which repositories these get them, and in which variables each program reads them |
//! | `local` | the embedded service in the foreground |
//! | `configuration`, `configure` | package managers' settings: what was typed; plans, files, undo |
//! | `doctor` | what is wrong, and what to do about it |
//! | `publication`, `publish` | publishing: what was typed; plan and upload |
//! | `promote` | versions from one repository to another |
//! | `narration`, `quickstart` | all of it once: how it is told; what happens |
//! | `completions`, `manual` | made from `cli` |
//!
//! Invariants: only `report` prints and decides exit codes; only `cli` knows how things are typed; a plan is shown and
//! applied from the same value, so that a dry run is no other road.
#![forbid(unsafe_code)]

mod cli;
mod completions;
mod configuration;
mod configure;
mod context;
mod doctor;
mod exec;
mod exports;
mod grants;
mod leads;
mod local;
mod logout;
mod manual;
mod moment;
mod narration;
mod project;
mod promote;
mod proxy;
mod publication;
mod publish;
mod quickstart;
mod report;
mod shell_init;
#[cfg(test)]
mod stand_in;
mod status;
mod token;
mod trust;
mod variables;
mod yarn1;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _};
use codeartifact::Host;

use cli::{Cli, Color, Command};
use report::{CommandError, Manner, Report};

/// Runs the program in these surroundings, and returns its exit code.
pub fn run(host: &Host) -> ExitCode {
    report::announce_defects();
    let args = words(host.args());
    let mut report = Report::of_process(manner(&args, host));
    let colour = report.colour_choice();
    let parsed = Cli::command().color(colour).try_get_matches_from(&args);
    let code = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Err(error) => report.usage(&error),
        Ok(cli) => match dispatch(&cli, host, &mut report) {
            Ok(()) => report::DONE,
            Err(error) => {
                report.failure(&error);
                error.code()
            }
        },
    };
    ExitCode::from(code)
}

fn dispatch(cli: &Cli, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let globals = &cli.globals;
    match &cli.command {
        Command::Quickstart(args) => narration::run(args, host, report),
        Command::Local(args) => local::run(args, host, report),
        Command::Configure(args) => configuration::run(args, globals, host, report),
        Command::Login(args) => configuration::log_in(args, globals, host, report),
        Command::Doctor(args) => doctor::run(args, globals, host, report),
        Command::Publish(args) => publication::run(args, globals, host, report),
        Command::Token(args) => token::run(args, globals, host, report),
        Command::Exec(args) => exec::run(args, globals, host, report),
        Command::Env(args) => exports::run(args, globals, host, report),
        Command::Proxy(args) => proxy::run(args, globals, host, report),
        Command::ShellInit(args) => shell_init::run(args, host, report),
        Command::Status => status::run(globals, host, report),
        Command::Logout => logout::run(globals, host, report),
        Command::Promote(args) => promote::run(args, globals, host, report),
        Command::Completions(args) => completions::run(args, report),
        Command::Man(args) => manual::pages(args, host, report),
        Command::Help(args) => manual::help(args, report),
        Command::Reference => manual::reference(report),
    }
}

/// The arguments without the word that Cargo puts first when it runs `cargo codeartifact`.
fn words(args: &[OsString]) -> Vec<OsString> {
    let mut words = args.to_vec();
    if words.is_empty() {
        words.push("cargo-codeartifact".into());
    }
    if words.get(1).is_some_and(|word| word == "codeartifact") {
        words.remove(1);
    }
    words
}

/// How to speak, seen before the command line is parsed, since its errors are to be spoken so too.
fn manner(words: &[OsString], host: &Host) -> Manner {
    let mut manner = Manner { no_color: host.var_os("NO_COLOR").is_some(), ..Manner::default() };
    let mut words = words.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let color = match word {
            "--" => break,
            "--json" => {
                manner.json = true;
                continue;
            }
            "--quiet" => {
                manner.quiet = true;
                continue;
            }
            "--verbose" => {
                manner.verbose = manner.verbose.saturating_add(1);
                continue;
            }
            "--color" => words.next(),
            word if !word.starts_with("--") && word.starts_with('-') => {
                manner.quiet |= word.contains('q');
                let more = word.matches('v').count();
                manner.verbose = manner.verbose.saturating_add(u8::try_from(more).unwrap_or(u8::MAX));
                continue;
            }
            word => word.strip_prefix("--color="),
        };
        match color {
            Some("always") => manner.color = Color::Always,
            Some("never") => manner.color = Color::Never,
            Some("auto") => manner.color = Color::Auto,
            Some(_) | None => {}
        }
    }
    manner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_word_that_cargo_adds_is_dropped_once() {
        assert_eq!(words(&os(&["p", "codeartifact", "token"])), os(&["p", "token"]));
        assert_eq!(words(&os(&["p", "token"])), os(&["p", "token"]));
        assert_eq!(words(&os(&["p", "codeartifact", "codeartifact"])), os(&["p", "codeartifact"]));
        assert_eq!(words(&[]), os(&["cargo-codeartifact"]));
    }

    #[test]
    fn the_manner_is_that_of_the_parsed_options() {
        let host = Host::for_test(&[], &[], "/", std::time::SystemTime::UNIX_EPOCH);
        for words in [
            vec!["p", "status"],
            vec!["p", "--json", "status", "-q"],
            vec!["p", "status", "-vv", "--color", "never"],
            vec!["p", "--color=always", "-v", "status"],
            vec!["p", "-q", "status", "--verbose"],
        ] {
            let parsed = <Cli as clap::Parser>::try_parse_from(&words).unwrap().globals;
            let seen = manner(&os(&words), &host);
            assert_eq!(
                (seen.json, seen.quiet, seen.verbose, seen.color),
                (parsed.json, parsed.quiet, parsed.verbose, parsed.color),
                "{words:?}"
            );
        }
    }
}
