//! `quickstart`: all of it once, on this machine, in a throw-away folder.
//!
//! An embedded service is started, the package manager configured, a build published, promoted and installed - each
//! with the command a user would type, run as a process of its own, by its words. Two things only are done without a
//! command of ours, because there is none: the domain and its repositories, for which the AWS CLI's lines are shown.
//!
//! Nothing is left: no process, also after Ctrl-C or SIGTERM; no file outside the folder, and the folder goes; no token
//! in any file, because tokens rest in the kernel's keyring or nowhere; no keyring entry, because those of this
//! service are forgotten at the end.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `ground` | the folder, and the variables that keep everything in it |
//! | `children` | the processes, and what becomes of them when somebody interrupts |
//! | `helper` | the credential helper, built where a checkout lacks it |
//! | `service` | the embedded service, its domain and repositories, its tokens |
//! | `sample` | what is published, and what is built from it |

mod children;
mod ground;
mod helper;
mod sample;
mod service;

use std::path::PathBuf;
use std::process::ExitStatus;

use codeartifact::Host;

use children::Children;
use ground::Ground;
use service::Service;

/// The domain that is made.
const DOMAIN: &str = "my-org";
/// The repository a team publishes to.
const TEAM: &str = "my-team-repo";
/// The repository everybody reads from.
const SHARED: &str = "my-shared-repo";

/// How to run it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuickstartRequest {
    /// Leave the folder, and say how to go on.
    pub(crate) keep: bool,
}

/// Somebody who tells what happens.
pub(crate) trait Narrator {
    /// A step begins: `start`, `configure`, `publish`, `promote`, `install`, and `build` where something has to be
    /// built first.
    fn step(&mut self, name: &str, text: &str);
    /// A variable that all commands see, shown as `export NAME=VALUE`.
    fn variable(&mut self, name: &str, value: &str);
    /// A command that is run now, shown on its own line after `$ `.
    fn command(&mut self, words: &str);
    /// A line that a command printed.
    fn output(&mut self, line: &str);
    /// Prose.
    fn note(&mut self, text: &str);
}

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuickstartError {
    #[error("interrupted")]
    Interrupted,
    #[error("cannot start `{words}`")]
    NotStarted { words: String, source: std::io::Error },
    #[error("`{words}` failed ({status})")]
    CommandFailed { words: String, status: ExitStatus },
    #[error("the embedded service did not start within {seconds} seconds: {said}")]
    NoService { seconds: u64, said: String },
    #[error("the embedded service answered {operation} with status {status}")]
    ServiceRefused { operation: &'static str, status: u16 },
    #[error("cannot reach the embedded service for {operation}")]
    ServiceUnreachable { operation: &'static str, source: ureq::Error },
    #[error("the credential helper `{}` is missing", path.display())]
    NoHelper { path: PathBuf },
    #[error("the program cannot find its own file")]
    NoProgram,
    #[error("the consumer was built and run, but did not print {expected:?}")]
    OtherOutput { expected: &'static str },
    #[error("tokens in the keyring `{store}` could not be forgotten")]
    TokensLeft { store: &'static str, source: codeartifact::StoreError },
    #[error("cannot {action} `{}`", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot watch for signals")]
    Signals { source: ctrlc::Error },
}

impl QuickstartError {
    fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| QuickstartError::File { action, path, source }
    }

    /// What to do next, where that can be said.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            QuickstartError::NotStarted { .. } => "is it installed, and on PATH?",
            QuickstartError::NoHelper { .. } => {
                "install the credential helper beside this program, or build both with `cargo build --workspace`"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

/// Runs the quickstart. Whatever happens, what it started is stopped and what it made is removed.
pub(crate) fn run(request: QuickstartRequest, host: &Host, narrator: &mut dyn Narrator) -> Result<(), QuickstartError> {
    let children = Children::watched()?;
    let program = host.program().ok_or(QuickstartError::NoProgram)?;
    helper::ensure(&program, host, &children, narrator)?;
    let mut ground = Ground::make(&program, host)?;
    let mut service = Service::new(&ground)?;
    let told = tell(&ground, &mut service, &children, narrator);
    let stopped = service.stop(host, &children);
    if request.keep && told.is_ok() {
        ground.keep();
        farewell(&ground, &service, narrator);
    } else {
        ground.remove()?;
    }
    told.and(stopped)?;
    if !request.keep {
        narrator.note("done; the service is stopped, its tokens are forgotten and the folder is gone");
    }
    Ok(())
}

fn tell(
    ground: &Ground,
    service: &mut Service,
    children: &Children,
    narrator: &mut dyn Narrator,
) -> Result<(), QuickstartError> {
    narrator.note(&format!("everything happens in {}, with these variables:", ground.folder().display()));
    for (name, value) in ground.shown().iter().chain(service.variables()) {
        narrator.variable(name, value);
    }
    let ground = &ground.with(service.variables());
    let mut session = Session { ground, children, narrator };

    session.narrator.step("start", "an embedded service that stands in for AWS CodeArtifact");
    service.start(&mut session)?;
    session.narrator.note("a domain with a repository for the team and one for everybody; with the AWS CLI:");
    service.make_repositories(&mut session)?;

    session.narrator.step("configure", "cargo reads from the shared repository, and asks the helper for a token");
    session.run(&["cargo", "codeartifact", "configure", "cargo", "--repository", SHARED, "--domain", DOMAIN])?;

    session.narrator.step("publish", "a workspace of two crates, to the team's repository");
    let versioned = sample::make(&mut session)?;
    let mut words = vec!["cargo", "codeartifact", "publish", sample::WORKSPACE, "--repository", TEAM];
    words.extend(["--domain", DOMAIN]);
    if versioned {
        words.extend(["--version-from", "git"]);
    }
    session.run(&words)?;

    session.narrator.step("promote", "the same bytes, to the shared repository");
    let specs = sample::specs();
    let mut words = vec!["cargo", "codeartifact", "promote"];
    words.extend(specs.iter().map(String::as_str));
    words.extend(["--from", TEAM, "--to", SHARED, "--domain", DOMAIN]);
    session.run(&words)?;

    session.narrator.step("install", "another project builds from the shared repository; the helper fetches the token");
    let printed = session.run(&["cargo", "run", "--manifest-path", sample::CONSUMER_MANIFEST])?;
    if printed.iter().any(|line| line == sample::GREETING) {
        Ok(())
    } else {
        Err(QuickstartError::OtherOutput { expected: sample::GREETING })
    }
}

/// How to go on in the folder that stays.
fn farewell(ground: &Ground, service: &Service, narrator: &mut dyn Narrator) {
    narrator.note(&format!("the folder stays, and the service is stopped; to go on: cd {}", ground.folder().display()));
    for (name, value) in ground.shown().iter().chain(service.variables()) {
        narrator.variable(name, value);
    }
    narrator.note(&service.command().join(" "));
}

/// Commands run one after another in the folder, each told before and while it runs.
struct Session<'a> {
    ground: &'a Ground,
    children: &'a Children,
    narrator: &'a mut dyn Narrator,
}

impl Session<'_> {
    /// Runs a command to its end, and returns the lines it printed.
    fn run(&mut self, words: &[&str]) -> Result<Vec<String>, QuickstartError> {
        self.narrator.command(&words.join(" "));
        let mut lines = Vec::new();
        let status = self.children.run(self.ground.command(words), &words.join(" "), &mut |line| {
            self.narrator.output(&line);
            lines.push(line);
        })?;
        if status.success() {
            return Ok(lines);
        }
        Err(QuickstartError::CommandFailed { words: words.join(" "), status })
    }
}
