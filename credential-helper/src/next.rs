//! The next program of a name: what answers where a link's caller asks for something that is not ours.
//!
//! A link may stand before a program of somebody else's on PATH: our `keyring` before Python's. What that one would have
//! been asked, it is asked, with the same arguments, the same streams and, on Unix, as the same process. It is looked
//! for on PATH as the caller did, but never in a relative entry, and never is it this program again:
//!
//! - A file is told by its identity, so that another link to this program is not taken for another program.
//! - Another copy of this program is another file. So each that passes a call on adds itself to a variable, and is passed
//!   over by those after it.
//! - Whoever comes back to a program that passed the call on already, such as a script that calls it by its path, ends
//!   there.
//!
//! The variable is all that the next program can see of it. (Besides, it can leave no core dump, as we cannot.)

use std::{
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use clients::protocol::{Answer, ProtocolError, causes};
use codeartifact::Host;

use crate::{
    call::{Conversation, PROGRAM},
    hand_over::{HandOver, become_program},
    record::{Record, Requests},
};

/// The variable with the programs of ours that have passed this call on, separated by commas.
const PASSED: &str = "CODEARTIFACT_HELPER_PASSED";

/// More of ours on one PATH are no accident.
const MOST: usize = 16;

/// The next program of that name on PATH, and the value of the variable for it.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    program: PathBuf,
    passed: String,
}

/// Hands a conversation that is not ours to the next program of its link's name. Comes back with the answer where it is
/// ours, where no link was called, and where there is no such program.
pub(crate) fn unless_mine(
    host: &Host,
    conversation: &Conversation,
    record: &Record,
    requests: &mut Requests<'_>,
    answer: Result<Answer, ProtocolError>,
) -> Result<Answer, ProtocolError> {
    let (Ok(Answer::NotMine), Some(link)) = (&answer, &conversation.link) else { return answer };
    let Some(next) = find(host, link) else { return answer };
    let mut command = Command::new(&next.program);
    command.args(&conversation.args).env(PASSED, &next.passed);
    let read = record.unanswered();
    let source = if read.is_empty() && conversation.resumed.is_none() {
        match become_program(&mut command) {
            Ok(never) => match never {},
            Err(error) => error,
        }
    } else if is_small(host) {
        // What was read has to be written to a pipe, which may have no reader: a signal would end this program.
        io::Error::other(HandOver::new(host, conversation, record).now())
    } else {
        match replay(&mut command, &read, requests.rest()) {
            Ok(status) => std::process::exit(status_of(status)),
            Err(error) => error,
        }
    };
    // Nobody but the user can do anything about it, if they can see it.
    let error = Failed { program: next.program, source };
    let _ = writeln!(io::stderr(), "error: {}", causes(&error).join(": "));
    answer
}

#[derive(Debug, thiserror::Error)]
#[error("cannot run {}", .program.display())]
struct Failed {
    program: PathBuf,
    source: io::Error,
}

/// Whether this is the small program. Without a file of its own it is the cautious answer.
fn is_small(host: &Host) -> bool {
    let name = host.program().and_then(|program| Some(program.file_stem()?.to_owned()));
    name.is_none_or(|name| !name.to_string_lossy().ends_with("-fetch"))
}

fn find(host: &Host, name: &str) -> Option<Next> {
    let program = host.program()?;
    // The one that links lead to, whichever of the two is running.
    let linked = program.with_file_name(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    let mut ours: Vec<String> = [&linked, &program].into_iter().filter_map(|file| identity(file)).collect();
    let passed: Vec<&str> = host.var(PASSED).map(|list| list.split(',').collect()).unwrap_or_default();
    if passed.len() >= MOST || ours.iter().any(|own| passed.contains(&own.as_str())) {
        return None;
    }
    ours.dedup();
    let passed: Vec<&str> = passed.into_iter().chain(ours.iter().map(String::as_str)).collect();
    let is_other = |file: &PathBuf| identity(file).is_some_and(|file| !passed.contains(&file.as_str()));
    let program = host.programs_on_path(name).find(is_other)?;
    Some(Next { program, passed: passed.join(",") })
}

/// What two names of one file have in common, and two files have not.
#[cfg(unix)]
fn identity(file: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let found = file.metadata().ok()?;
    Some(format!("{:x}:{:x}", found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(file: &Path) -> Option<String> {
    // A comma would end it in the list.
    file.canonicalize().ok()?.to_str().map(|path| path.replace(',', "%2C"))
}

/// Runs a program on what was read already and what comes after it.
fn replay(command: &mut Command, read: &[u8], rest: &mut dyn Read) -> io::Result<ExitStatus> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A program that reads no more has what it needs; its status says the rest.
        let _ = input.write_all(read).and_then(|()| copy(rest, &mut input));
    }
    child.wait()
}

/// Copies as it comes: a conversation waits for its answers.
fn copy(from: &mut dyn Read, to: &mut impl io::Write) -> io::Result<()> {
    let mut chunk = [0; 8 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&chunk[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// As a shell has it: the status, or 128 and the signal.
fn status_of(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return 128 + signal;
    }
    status.code().unwrap_or(1)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, time::UNIX_EPOCH};

    use tempfile::TempDir;

    use super::*;

    /// Folders `a`, `b`, `c` on PATH, and the program in `own`.
    fn ground() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["own", "a", "b", "c"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        program(&root, &format!("own/{PROGRAM}"));
        root
    }

    fn program(root: &TempDir, name: &str) {
        let file = root.path().join(name);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn link(root: &TempDir, to: &str, name: &str) {
        std::os::unix::fs::symlink(root.path().join(to), root.path().join(name)).unwrap();
    }

    fn host(root: &TempDir, running: &str, path: &str, passed: &str) -> Host {
        let path: Vec<_> = path.split(':').map(|entry| entry.replace('@', root.path().to_str().unwrap())).collect();
        Host::for_test(&[], &[("PATH", &path.join(":")), (PASSED, passed)], root.path(), UNIX_EPOCH)
            .with_program(root.path().join(running).canonicalize().unwrap())
    }

    fn found(root: &TempDir, host: &Host) -> Option<String> {
        let next = find(host, "keyring")?;
        Some(next.program.strip_prefix(root.path()).unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn the_next_is_the_first_that_is_not_this_program() {
        let root = ground();
        link(&root, &format!("own/{PROGRAM}"), "a/keyring");
        fs::hard_link(root.path().join(format!("own/{PROGRAM}")), root.path().join("b/keyring")).unwrap();
        program(&root, "c/keyring");
        let own = format!("own/{PROGRAM}");
        assert_eq!(found(&root, &host(&root, &own, "@/a:@/b:@/c", "")).as_deref(), Some("c/keyring"));
        assert_eq!(found(&root, &host(&root, &own, "@/c:@/a", "")).as_deref(), Some("c/keyring"));
        assert_eq!(found(&root, &host(&root, &own, "@/a:@/b", "")), None);
    }

    #[test]
    fn the_sibling_does_not_lead_back_to_the_program() {
        let root = ground();
        program(&root, &format!("own/{PROGRAM}-fetch"));
        link(&root, &format!("own/{PROGRAM}"), "a/keyring");
        program(&root, "b/keyring");
        let running = format!("own/{PROGRAM}-fetch");
        assert_eq!(found(&root, &host(&root, &running, "@/a:@/b", "")).as_deref(), Some("b/keyring"));
    }

    #[test]
    fn relative_entries_of_path_are_not_looked_at() {
        let root = ground();
        program(&root, "a/keyring");
        let own = format!("own/{PROGRAM}");
        for path in ["a", ".", "", "./a:..", "a:"] {
            assert_eq!(found(&root, &host(&root, &own, path, "")), None, "{path}");
        }
    }

    #[test]
    fn two_copies_pass_a_call_on_once_each() {
        let root = ground();
        fs::create_dir(root.path().join("other")).unwrap();
        program(&root, &format!("other/{PROGRAM}"));
        let (own, other) = (format!("own/{PROGRAM}"), format!("other/{PROGRAM}"));
        link(&root, &own, "a/keyring");
        link(&root, &other, "b/keyring");
        let path = "@/a:@/b:@/a:@/c";
        let first = find(&host(&root, &own, path, ""), "keyring").unwrap();
        assert!(first.program.ends_with("b/keyring"));
        // Nobody else is there.
        assert_eq!(find(&host(&root, &other, path, &first.passed), "keyring"), None);
        program(&root, "c/keyring");
        let second = find(&host(&root, &other, path, &first.passed), "keyring").unwrap();
        assert!(second.program.ends_with("c/keyring"));
        // Whoever calls one of the two again gets no third round.
        for running in [&own, &other] {
            assert_eq!(find(&host(&root, running, path, &second.passed), "keyring"), None);
        }
    }

    #[test]
    fn what_was_read_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "cat; exit 7"]).stdout(file.reopen().unwrap());
        let status = replay(&mut command, b"first ", &mut &b"and rest"[..]).unwrap();
        assert_eq!((status_of(status), fs::read(file.path()).unwrap().as_slice()), (7, &b"first and rest"[..]));
        let status = replay(Command::new("sh").args(["-c", "kill -9 $$"]), &vec![b'x'; 200_000], &mut io::empty());
        let status = status.unwrap();
        assert_eq!(status_of(status), 137, "nobody reads what is written");
    }
}
