//! The processes of the quickstart. Each is the leader of a group of its own, so that it can be stopped with all that
//! it started, and is stopped when somebody interrupts.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::QuickstartError;

/// How long a process may take to stop when it is asked to.
const STOPS_WITHIN: Duration = Duration::from_secs(10);
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What runs now, and whether somebody interrupted.
#[derive(Debug, Default)]
struct Now {
    interrupted: bool,
    /// Ids of processes that are not reaped yet: while this is locked, none of them can be another process's.
    running: Vec<u32>,
}

/// The processes.
#[derive(Debug, Clone)]
pub(super) struct Children(Arc<Mutex<Now>>);

impl Children {
    /// Begins to watch: SIGINT, SIGTERM and SIGHUP stop what runs, and nothing new begins.
    pub(super) fn watched() -> Result<Self, QuickstartError> {
        let children = Self(Arc::default());
        let shared = children.clone();
        ctrlc::set_handler(move || {
            let mut now = shared.now();
            now.interrupted = true;
            now.running.iter().for_each(|id| terminate(*id));
        })
        .map_err(|source| QuickstartError::Signals { source })?;
        Ok(children)
    }

    #[cfg(test)]
    pub(super) fn unwatched() -> Self {
        Self(Arc::default())
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process, unless somebody interrupted.
    pub(super) fn start(&self, mut command: Command, words: &str) -> Result<Child, QuickstartError> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut now = self.now();
        if now.interrupted {
            return Err(QuickstartError::Interrupted);
        }
        let started = command.stdin(Stdio::null()).spawn();
        let child = started.map_err(|source| QuickstartError::NotStarted { words: words.to_owned(), source })?;
        now.running.push(child.id());
        Ok(child)
    }

    /// Runs a process to its end, and shows each line it prints, on either stream.
    pub(super) fn run(
        &self,
        mut command: Command,
        words: &str,
        show: &mut dyn FnMut(String),
    ) -> Result<ExitStatus, QuickstartError> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start(command, words)?;
        let (lines, shown) = mpsc::channel();
        read_lines(child.stdout.take(), lines.clone());
        read_lines(child.stderr.take(), lines);
        shown.iter().for_each(show);
        loop {
            if let Some(status) = self.reap(&mut child, words)? {
                return if self.now().interrupted { Err(QuickstartError::Interrupted) } else { Ok(status) };
            }
            thread::sleep(LOOK);
        }
    }

    /// Stops a process: asks it to, and after a while ends it.
    pub(super) fn stop(&self, child: &mut Child, words: &str) -> Result<(), QuickstartError> {
        let asked = Instant::now();
        {
            // Locked, so that it cannot be reaped in between and its id be another's.
            let now = self.now();
            if now.running.contains(&child.id()) {
                terminate(child.id());
            }
        }
        while self.reap(child, words)?.is_none() {
            if asked.elapsed() > STOPS_WITHIN {
                // Gone already is what is wanted.
                let _ = child.kill();
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether a process has ended, and how.
    pub(super) fn reap(&self, child: &mut Child, words: &str) -> Result<Option<ExitStatus>, QuickstartError> {
        let mut now = self.now();
        let status =
            child.try_wait().map_err(|source| QuickstartError::NotStarted { words: words.to_owned(), source })?;
        if status.is_some() {
            now.running.retain(|id| *id != child.id());
        }
        Ok(status)
    }
}

/// Asks a process and all of its group to end.
#[cfg(unix)]
fn terminate(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    // A group that is gone is what is wanted.
    let _ = id.map(|id| rustix::process::kill_process_group(id, rustix::process::Signal::TERM));
}

/// There the console tells all of its processes itself, and [`Children::stop`] ends what remains.
#[cfg(not(unix))]
fn terminate(_id: u32) {}

/// Passes on the lines of a stream, from a thread of its own, until it ends.
pub(super) fn read_lines(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            // Read on without a listener, too: a process that cannot print stops.
            let _ = lines.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned());
        }
    });
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_status_are_seen() {
        let mut lines = Vec::new();
        let status =
            Children::unwatched().run(shell("echo one; echo two >&2; exit 3"), "sh", &mut |line| lines.push(line));
        lines.sort();
        assert_eq!((status.unwrap().code(), lines), (Some(3), vec!["one".to_owned(), "two".to_owned()]));
    }

    #[test]
    fn a_process_is_stopped_with_what_it_started() {
        let children = Children::unwatched();
        let mut command = shell("sleep 600 & echo $!; wait");
        command.stdout(Stdio::piped());
        let mut child = children.start(command, "sh").unwrap();
        let (sender, lines) = mpsc::channel();
        read_lines(child.stdout.take(), sender);
        let grandchild: i32 = lines.recv().unwrap().parse().unwrap();
        children.stop(&mut child, "sh").unwrap();
        // The pipe ends when the last process that holds it has ended.
        assert!(lines.recv_timeout(Duration::from_secs(10)).is_err(), "{grandchild} still runs");
    }

    #[test]
    fn nothing_begins_after_an_interruption() {
        let children = Children::unwatched();
        children.now().interrupted = true;
        assert!(matches!(children.run(shell("true"), "sh", &mut |_| ()), Err(QuickstartError::Interrupted)));
    }
}
