//! `man`, `help` and the reference: what is said about the commands, all made from their definitions.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::{Command, CommandFactory as _};

use crate::{
    cli::{Cli, Help, Man},
    report::{CommandError, Report, inert},
};

/// How far a word may be from a known one to be taken for it.
const NEAR: usize = 2;

/// `man`: the page of the program to standard output, or a page for each command into a folder.
pub(crate) fn pages(args: &Man, host: &codeartifact::Host, report: &mut Report) -> Result<(), CommandError> {
    let command = built();
    let Some(folder) = &args.out else {
        return report.document(&page(&command, "cargo-codeartifact")?);
    };
    let folder = host.current_dir().join(folder);
    let unusable = |path: &Path, error: io::Error| {
        CommandError::user(anyhow!(error).context(format!("cannot write `{}`", path.display())))
    };
    fs::create_dir_all(&folder).map_err(|error| unusable(&folder, error))?;
    let mut all = vec![(&command, "cargo-codeartifact".to_owned())];
    all.extend(shown(&command).map(|command| (command, format!("cargo-codeartifact-{}", command.get_name()))));
    for (command, name) in all {
        let path: PathBuf = folder.join(format!("{name}.1"));
        fs::write(&path, page(command, &name)?).map_err(|error| unusable(&path, error))?;
        report.line(&path.display().to_string())?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    clap_mangen::Man::new(command.clone().version(env!("CARGO_PKG_VERSION")))
        .title(name)
        .render(&mut bytes)
        .map_err(|error| CommandError::internal(anyhow!(error).context("cannot write the manual page")))?;
    Ok(bytes)
}

/// `help`: a client's page, a command's help, or the program's.
pub(crate) fn help(args: &Help, report: &mut Report) -> Result<(), CommandError> {
    let mut command = built();
    let Some(topic) = &args.topic else {
        return report.document(command.render_long_help().to_string().as_bytes());
    };
    if let Some(client) = clients::find(topic) {
        return report.document(client.page.as_bytes());
    }
    if let Some(found) = command.get_subcommands_mut().find(|found| found.get_name() == topic) {
        return report.document(found.render_long_help().to_string().as_bytes());
    }
    if let Some(page) = crate::doctor::page(topic) {
        return report.document(page.as_bytes());
    }
    let mut known: Vec<&str> = clients::CLIENTS.iter().map(|client| client.name).collect();
    known.extend(shown(&command).map(Command::get_name));
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(topic, known), *known))
        .filter(|(distance, _)| *distance <= NEAR)
        .min();
    let error = CommandError::usage(anyhow!("`{topic}` is neither a package manager we know nor a command"));
    Err(match nearest {
        Some((_, nearest)) => error.hint(format!("did you mean `cargo codeartifact help {}`?", inert(nearest, "NAME"))),
        None => error.hint(format!("there is help on: {}", known.join(", "))),
    })
}

/// The reference: every command with its options, as Markdown.
pub(crate) fn reference(report: &mut Report) -> Result<(), CommandError> {
    report.document(reference_text().as_bytes())
}

pub(crate) fn reference_text() -> String {
    let mut command = built();
    let mut text = String::from(
        "# The commands\n\nMade from their definitions by `cargo codeartifact reference`; a test compares it.\n",
    );
    let names: Vec<String> = shown(&command).map(|command| command.get_name().to_owned()).collect();
    let mut section = |title: &str, help: String| {
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(text, "\n## {title}\n\n```text\n{}\n```\n", help.join("\n").trim_end())
            .expect("a string takes all that is written");
    };
    section("cargo codeartifact", command.render_long_help().to_string());
    for name in names {
        if let Some(command) = command.find_subcommand_mut(&name) {
            // The options everywhere stand above, once.
            let own = command.clone().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
            section(&format!("cargo codeartifact {name}"), own.clone().render_long_help().to_string());
        }
    }
    text
}

/// The definitions with global options and names carried into each command, without regard to the terminal's width.
fn built() -> Command {
    let mut command = Cli::command().term_width(100);
    command.build();
    command
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

#[cfg(test)]
mod tests;
