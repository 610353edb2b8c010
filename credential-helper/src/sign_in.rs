//! A sign-in that has ended, where somebody sits at a terminal: they are asked, and `aws` is run there.
//!
//! The terminal is `/dev/tty`, never one of the streams, which are the client's. Nobody is asked in CI, nor in the
//! background of a terminal, where reading from it would stop the process. The `aws` is one on an absolute entry of
//! `PATH`, and never one that lies in the project at hand: what a repository brings along is not to be run by a question
//! for a token.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use codeartifact::{
    Host,
    profile::SignIn,
    source::{LONGEST_MENDING, OfferSignIn},
};

/// How long the question stands.
const ANSWER: Duration = Duration::from_mins(1);

/// How often it is looked whether the command has ended.
const TICK: Duration = Duration::from_millis(100);

/// Whoever sits at the terminal of this process.
pub(crate) struct Terminal<'a> {
    host: &'a Host,
}

impl<'a> Terminal<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self { host }
    }

    /// The `aws` to run.
    fn aws(&self) -> Option<PathBuf> {
        self.host.find_program("aws").filter(|aws| !is_of_project(aws, self.host))
    }

    fn is_in_ci(&self) -> bool {
        self.host.var("CI").is_some_and(|value| !value.eq_ignore_ascii_case("false") && value != "0")
    }

    fn asked(&self, sign_in: &SignIn) -> io::Result<bool> {
        let Some(aws) = self.aws() else { return Ok(false) };
        let mut terminal = system::terminal()?;
        write!(
            terminal,
            "\ncodeartifact: the AWS sign-in of profile `{}` has ended. Run `{}` now? [Y/n] ",
            sign_in.profile(),
            sign_in.command()
        )?;
        if !system::agrees(&mut terminal, ANSWER)? {
            writeln!(terminal)?;
            return Ok(false);
        }
        let stream = || terminal.try_clone().map(Stdio::from);
        let mut running =
            Command::new(aws).args(sign_in.arguments()).stdin(stream()?).stdout(stream()?).stderr(stream()?).spawn()?;
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_MENDING.saturating_sub(ANSWER) {
            if let Some(status) = running.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(TICK);
        }
        running.kill()?;
        running.wait()?;
        Ok(false)
    }
}

impl OfferSignIn for Terminal<'_> {
    fn is_possible(&self, sign_in: &SignIn) -> bool {
        sign_in.is_plain() && !self.is_in_ci() && self.aws().is_some() && system::terminal().is_ok()
    }

    fn offer(&self, sign_in: &SignIn) -> bool {
        // A terminal that fails is no terminal.
        self.asked(sign_in).unwrap_or(false)
    }
}

/// Whether a program came with the project at hand: it lies below the folder this process was started in or below the
/// root of its checkout, or among what a package manager installed. A home folder is no project.
fn is_of_project(program: &Path, host: &Host) -> bool {
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    if program.components().any(|part| part.as_os_str() == "node_modules") {
        return true;
    }
    let here = host.current_dir();
    let here = here.canonicalize().unwrap_or_else(|_| here.to_owned());
    let home = host.home().map(|home| home.canonicalize().unwrap_or(home));
    let is_home = |folder: &Path| home.as_deref().is_some_and(|home| home.starts_with(folder));
    let is_checkout = |folder: &&Path| [".git", ".hg", ".svn"].iter().any(|name| folder.join(name).exists());
    let checkout = here.ancestors().find(is_checkout).filter(|folder| !is_home(folder));
    let here = Some(here.as_path()).filter(|folder| !is_home(folder));
    [here, checkout].into_iter().flatten().any(|folder| program.starts_with(folder))
}

#[cfg(unix)]
mod system {
    use std::io::Read as _;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::{Duration, File, io};

    /// The terminal of this process, if it may read from it.
    pub(super) fn terminal() -> io::Result<File> {
        let terminal = File::options().read(true).write(true).open("/dev/tty")?;
        if rustix::termios::tcgetpgrp(&terminal)? != rustix::process::getpgrp() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(terminal)
    }

    /// Reads one line; an empty one agrees, none in time does not.
    pub(super) fn agrees(terminal: &mut File, limit: Duration) -> io::Result<bool> {
        let limit = Timespec { tv_sec: limit.as_secs().try_into().unwrap_or(60), tv_nsec: 0 };
        if poll(&mut [PollFd::new(&*terminal, PollFlags::IN)], Some(&limit))? == 0 {
            return Ok(false);
        }
        // A terminal gives a line at a time.
        let mut line = [0; 256];
        let length = terminal.read(&mut line)?;
        let answer = String::from_utf8_lossy(&line[..length]).trim().to_ascii_lowercase();
        Ok(length > 0 && (answer.is_empty() || answer == "y" || answer == "yes"))
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Duration, File, io};

    /// Windows' console is not asked: the command is in the error.
    pub(super) fn terminal() -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn agrees(_: &mut File, _: Duration) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt as _, time::SystemTime};

    #[test]
    fn what_came_with_the_project_is_not_run() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().canonicalize().unwrap().join(path);
        for folder in ["home/.local/bin", "home/project/.git", "home/project/deep", "home/project/tools", "other/bin"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::create_dir_all(at("else/node_modules/.bin")).unwrap();
        for folder in ["home/.local/bin", "home/project/tools", "other/bin", "else/node_modules/.bin"] {
            let aws = at(folder).join("aws");
            std::fs::write(&aws, "").unwrap();
            std::fs::set_permissions(aws, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let home = at("home").display().to_string();
        for (path, here, is_run) in [
            ("home/.local/bin", "home/project/deep", true),
            ("home/.local/bin", "home", true),
            ("other/bin", "home/project/deep", true),
            ("home/project/tools", "home/project/deep", false),
            ("home/project/tools", "home/project/tools", false),
            ("else/node_modules/.bin", "home/project", false),
        ] {
            let path_variable = at(path).display().to_string();
            let variables = [("PATH", path_variable.as_str()), ("HOME", home.as_str())];
            let host = Host::for_test(&[], &variables, at(here), SystemTime::UNIX_EPOCH);
            assert_eq!(Terminal::of(&host).aws().is_some(), is_run, "{path} from {here}");
        }
    }

    #[test]
    fn nobody_is_asked_in_ci() {
        for (value, is_ci) in [("true", true), ("1", true), ("yes", true), ("false", false), ("0", false), ("", false)]
        {
            let host = Host::for_test(&[], &[("CI", value)], "/", SystemTime::UNIX_EPOCH);
            assert_eq!(Terminal::of(&host).is_in_ci(), is_ci, "{value}");
        }
    }
}
