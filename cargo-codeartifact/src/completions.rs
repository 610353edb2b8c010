//! `completions`: from the same definitions as everything else that is said about the command line.

use clap::CommandFactory as _;

use crate::{
    cli::{Cli, Completions},
    report::{CommandError, Report},
};

/// Runs the command.
pub(crate) fn run(args: &Completions, report: &mut Report) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cargo-codeartifact", &mut script);
    report.document(&script)
}
