//! Becoming the other program, with the request at hand.
//!
//! On Unix this process becomes it: same process id, same streams, nothing to wait for. The request goes through a pipe
//! that the other reads before standard input; it fits into one, for a pipe takes more than the longest request without
//! a reader. Elsewhere the other is started with the request on its standard input, and waited for.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use codeartifact::Host;

use crate::call::{Conversation, PROGRAM, RESUME};
use crate::record::Record;

/// What is put after the program's own name.
const SUFFIX: &str = "-fetch";
/// All that is needed to become the other program.
pub(crate) struct HandOver<'a> {
    host: &'a Host,
    conversation: &'a Conversation,
    record: &'a Record,
}

/// This program is still itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandOverError {
    /// It is not known where it is.
    #[error("the folder of this program cannot be found")]
    Nowhere,
    /// The other is not there, or cannot be run.
    #[error("cannot run {}", .program.display())]
    Run {
        /// The other.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The request cannot be passed on.
    #[error("cannot hand over the request")]
    Request(#[source] io::Error),
}

impl<'a> HandOver<'a> {
    pub(crate) fn new(host: &'a Host, conversation: &'a Conversation, record: &'a Record) -> Self {
        Self { host, conversation, record }
    }

    /// Becomes the other program. Comes back only if that fails.
    pub(crate) fn now(&self) -> HandOverError {
        let Some(program) = self.host.program().and_then(|program| sibling(&program)) else {
            return HandOverError::Nowhere;
        };
        if let Err(source) = program.metadata() {
            return HandOverError::Run { program, source };
        }
        system::become_other(&program, self.conversation, &self.record.unanswered())
    }
}

/// Becomes the other program, with the same arguments. Comes back only if that fails.
pub(crate) fn task(host: &Host) -> HandOverError {
    let Some(program) = host.program().and_then(|program| sibling(&program)) else {
        return HandOverError::Nowhere;
    };
    match become_program(Command::new(&program).args(host.args().iter().skip(1))) {
        Ok(never) => match never {},
        Err(source) => HandOverError::Run { program, source },
    }
}

/// Becomes a program: on Unix by `exec`; elsewhere it is started and waited for, and this process ends as it did.
pub(crate) fn become_program(command: &mut Command) -> io::Result<std::convert::Infallible> {
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(command));
    #[cfg(not(unix))]
    std::process::exit(command.status()?.code().unwrap_or(1))
}

/// The program beside this one, both links resolved: never one on PATH, which may be anybody's.
pub(crate) fn sibling(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.join(format!("{PROGRAM}{SUFFIX}{}", std::env::consts::EXE_SUFFIX)))
}

/// The arguments with which a conversation goes on.
fn resuming(conversation: &Conversation, descriptor: &str) -> Vec<OsString> {
    let selection = [RESUME, descriptor, conversation.selector()].map(OsString::from);
    selection.into_iter().chain(conversation.args.iter().cloned()).collect()
}

#[cfg(unix)]
mod system {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::OFlags;

    use super::{Command, Conversation, HandOverError, Path, become_program, io, resuming};

    pub(super) fn become_other(program: &Path, conversation: &Conversation, unanswered: &[u8]) -> HandOverError {
        let reading = match pipe_with(unanswered) {
            Ok(reading) => reading,
            Err(error) => return HandOverError::Request(error),
        };
        let descriptor = reading.as_raw_fd().to_string();
        match become_program(Command::new(program).args(resuming(conversation, &descriptor))) {
            Ok(never) => match never {},
            Err(source) => HandOverError::Run { program: program.to_path_buf(), source },
        }
    }

    /// A pipe that holds these bytes and ends after them. The end to read from outlives `exec`.
    fn pipe_with(bytes: &[u8]) -> io::Result<std::os::fd::OwnedFd> {
        let (reading, writing) = rustix::pipe::pipe()?;
        // With no reader yet, waiting for room would be waiting for ever.
        rustix::fs::fcntl_setfl(&writing, OFlags::NONBLOCK)?;
        match rustix::io::write(&writing, bytes) {
            Ok(written) if written == bytes.len() => Ok(reading),
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Err(io::ErrorKind::FileTooLarge.into()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::{io::Write as _, process::Stdio};

    use super::{Command, Conversation, HandOverError, Path, io, resuming};
    use crate::record::STANDARD_INPUT;

    pub(super) fn become_other(program: &Path, conversation: &Conversation, unanswered: &[u8]) -> HandOverError {
        let arguments = resuming(conversation, STANDARD_INPUT);
        let failed = |source| HandOverError::Run { program: program.to_path_buf(), source };
        let mut child = match Command::new(program).args(arguments).stdin(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) => return failed(error),
        };
        if let Some(mut input) = child.stdin.take() {
            // A child that has ended reads no more; its status says why.
            let _ = input.write_all(unanswered).and_then(|()| io::copy(&mut io::stdin().lock(), &mut input));
        }
        match child.wait() {
            Ok(status) => std::process::exit(status.code().unwrap_or(1)),
            Err(error) => failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_program_is_beside_this_one_whatever_this_one_is_called() {
        for name in ["codeartifact-credential-helper", "keyring"] {
            let other = sibling(&Path::new("/opt/bin").join(name)).unwrap();
            assert_eq!(other.with_extension(""), Path::new("/opt/bin/codeartifact-credential-helper-fetch"));
        }
    }
}
