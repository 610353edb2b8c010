//! `doctor`: what is wrong with identity, service, programs and files, and what to do about it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `codes` | every code with its severity and its page |
//! | `finding` | what is found; how it could be mended |
//! | `visit` | what the checks look at and leave behind |
//! | `identity`, `files`, `declared`, `service`, `stores`, `helpers`, `versions`, `journal` | the checks |
//! | `asked` | other programs, asked for a line within a limit |
//! | `mend` | `--fix` |
//! | `show` | lines and JSON |
//!
//! What is wrong within clients' files is found by `clients::inspect`, from their texts. Invariants: no check writes;
//! the service is asked for reads only (a token of 15 minutes is asked for, because that is what every client needs, and
//! dropped unseen); no finding holds a secret; what could not be looked at is said so and is no finding.

use anyhow::anyhow;
use clients::Client;
use codeartifact::Host;

use crate::{
    cli, context,
    report::{CommandError, Kind, Report},
};

mod asked;
mod codes;
mod declared;
mod files;
mod finding;
mod helpers;
mod identity;
mod journal;
mod mend;
mod service;
mod show;
mod stores;
#[cfg(test)]
mod tests;
mod versions;
mod visit;

pub(crate) use codes::page;
use visit::Visit;

/// How far a word may be from a code to be taken for it.
const NEAR: usize = 3;

/// A check: its name, for what could not be looked at, and what it does.
struct Check {
    name: &'static str,
    run: fn(&mut Visit<'_>),
}

/// The checks, in the order of their findings. `files` comes before those that go by what it saw.
const CHECKS: [Check; 8] = [
    Check { name: "identity", run: identity::check },
    Check { name: "files", run: files::check },
    Check { name: "declared", run: declared::check },
    Check { name: "service", run: service::check },
    Check { name: "stores", run: stores::check },
    Check { name: "helpers", run: helpers::check },
    Check { name: "versions", run: versions::check },
    Check { name: "journal", run: journal::check },
];

/// Runs the command.
pub(crate) fn run(
    args: &cli::Doctor,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    if let Some(code) = &args.explain {
        return explain(code, report);
    }
    let clients = clients_of(&args.clients)?;
    let host = context::host_with(globals, host)?;
    let mut visit = visited(&clients, globals, &host, report);
    let mut mended = Vec::new();
    if args.fix {
        mended = mend::mend(&visit.findings, &host, args.dry_run);
        if !args.dry_run && mended.iter().any(|mended| mended.failure.is_none()) {
            visit = visited(&clients, globals, &host, report);
        }
    }
    show::show(&visit, &mended, args.dry_run, report)?;
    let counts = visit.counts();
    if counts.errors + counts.warnings == 0 {
        return Ok(());
    }
    let hint = "`cargo codeartifact doctor --explain CODE` says more about a code";
    Err(CommandError::new(Kind::Findings, anyhow!("doctor found {counts}")).hint(hint))
}

fn visited<'a>(
    clients: &'a [&'static Client],
    globals: &'a cli::Globals,
    host: &'a Host,
    report: &mut Report,
) -> Visit<'a> {
    let mut visit = Visit::new(clients, globals, host);
    for check in &CHECKS {
        report.progress(&format!("looking at {}", check.name));
        (check.run)(&mut visit);
    }
    visit.settle();
    visit
}

/// Prints a code's page.
fn explain(code: &str, report: &mut Report) -> Result<(), CommandError> {
    if let Some(page) = page(code) {
        return report.document(page.as_bytes());
    }
    let nearest = codes::CODES.iter().map(|known| (strsim::damerau_levenshtein(code, known.name), known.name)).min();
    let error = CommandError::usage(anyhow!("there is no code `{code}`"));
    Err(match nearest.filter(|(distance, _)| *distance <= NEAR) {
        Some((_, name)) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint(format!("there are: {}", codes::CODES.map(|known| known.name).join(", "))),
    })
}

fn clients_of(words: &[String]) -> Result<Vec<&'static Client>, CommandError> {
    let mut named = Vec::new();
    for word in words {
        let client = clients::find(word).ok_or_else(|| {
            let known: Vec<_> = clients::CLIENTS.iter().map(|client| client.name).collect();
            CommandError::usage(anyhow!("`{word}` is no package manager we know"))
                .hint(format!("there are: {}", known.join(", ")))
        })?;
        named.push(client);
    }
    Ok(named)
}
