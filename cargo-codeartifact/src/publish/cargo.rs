//! Cargo as a program: started where the user stands, so that their toolchain file and configuration apply, with the
//! user's variables, and listened to while it works.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand};
use codeartifact::Host;

use super::PublishEvent;
use super::error::PublishError;

/// Lines of cargo's own words that an error repeats: the last ones, where the reason is.
const KEPT_LINES: usize = 60;

/// How cargo is run for one workspace.
#[derive(Debug, Clone)]
pub(super) struct Cargo {
    program: OsString,
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl Cargo {
    /// Cargo in `folder`: the one that started us, if one did.
    pub(super) fn in_folder(folder: PathBuf, host: &Host) -> Self {
        let variables = host.vars().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let program = host.var_os("CARGO").map_or_else(|| "cargo".into(), OsString::from);
        Self { program, folder, variables }
    }

    /// What cargo knows of the workspace of a manifest, without looking anything up and without writing a lock file.
    pub(super) fn metadata(&self, manifest: &Path) -> Result<Metadata, PublishError> {
        let mut command = MetadataCommand::new().no_deps().manifest_path(manifest).cargo_command();
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        // The builder starts the cargo of the environment of this process; ours is that of the host.
        let mut command = self.like(&command);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.map_err(|source| self.not_started(source))?;
        if !output.status.success() {
            let output_text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(PublishError::CargoFailed {
                command: "cargo metadata",
                status: output.status,
                output: output_text,
            });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        MetadataCommand::parse(text)
            .map_err(|source| PublishError::CargoUnreadable { command: "cargo metadata", source: Box::new(source) })
    }

    /// Refuses a cargo that cannot pack members depending on each other.
    pub(super) fn check_version(&self) -> Result<(), PublishError> {
        let (major, minor) = clients::cargo::publish::PACKS_WORKSPACES;
        let mut command = self.command();
        let output = command.arg("--version").stdout(Stdio::piped()).output();
        let output = output.map_err(|source| self.not_started(source))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let found = text.split_whitespace().nth(1).unwrap_or_default();
        let mut numbers = found.split('.').map_while(|part| part.parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(one), Some(two)) if (one, two) >= (major, minor) => Ok(()),
            _ => Err(PublishError::CargoTooOld { found: found.to_owned(), needed: format!("{major}.{minor}") }),
        }
    }

    /// Runs cargo to its end and passes on, line by line, what it says.
    pub(super) fn run(
        &self,
        name: &'static str,
        arguments: &[OsString],
        build_dir: &Path,
        events: &mut dyn FnMut(PublishEvent),
    ) -> Result<(), PublishError> {
        let mut child = self
            .command()
            .args(arguments)
            // What is half built goes below the target folder of the arguments, whatever a configuration says.
            .env("CARGO_BUILD_BUILD_DIR", build_dir)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| self.not_started(source))?;
        let mut kept = std::collections::VecDeque::new();
        let words = child.stderr.take().expect("standard error is a pipe");
        for line in BufReader::new(words).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line.clone());
            events(PublishEvent::Cargo { line });
        }
        let status = child.wait().map_err(|source| self.not_started(source))?;
        if status.success() {
            return Ok(());
        }
        let output = kept.into_iter().collect::<Vec<_>>().join("\n");
        Err(PublishError::CargoFailed { command: name, status, output })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn like(&self, other: &Command) -> Command {
        let mut command = self.command();
        command.args(other.get_args());
        command
    }

    fn not_started(&self, source: std::io::Error) -> PublishError {
        PublishError::NotStarted { program: self.program.to_string_lossy().into_owned(), source }
    }
}
