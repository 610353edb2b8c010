//! Renewal ahead of time: who was given a token past half of its life has it, and a process that nobody waits for gets
//! the next one.
//!
//! That process is the other program of this package, started after the answer was flushed. The flight's lock goes with
//! it as its standard input, so that there is never a second one; its other streams lead nowhere, it inherits nothing
//! else that its caller left open - a client that reads until the end of a pipe would wait for it -, it leaves the
//! caller's session, so that it can ask nobody anything, and it ends within 20 s, whatever hangs. It is told a
//! repository's URL and nothing that is secret.

use std::{fs::File, path::Path, process::Command, process::Stdio, thread, time::Duration};

use codeartifact::{Authorizer, Endpoint, Host, Stores, authorizer::Renewal, source::ControlPlaneSource};

use crate::{Surroundings, hand_over, secrecy};

/// The argument that precedes the URL.
const RENEW: &str = "--renew";

/// When the process ends, done or not; with what it takes to start, within 20 s.
const LONGEST_LIFE: Duration = Duration::from_secs(19);

/// Starts what is to be renewed. Whoever asked has the answer by now; a renewal that cannot be started costs a later
/// caller the time for one, nothing else.
pub(crate) fn start(host: &Host, authorizer: &Authorizer<'_>) {
    let renewals = authorizer.renewals();
    if renewals.is_empty() {
        return;
    }
    let Some(program) = host.program().and_then(|program| hand_over::sibling(&program)) else { return };
    system::keep_what_was_inherited();
    for renewal in renewals {
        let _ = spawn(&program, renewal);
    }
}

fn spawn(program: &Path, renewal: Renewal) -> std::io::Result<()> {
    let url = renewal.endpoint().base_url();
    // Not waited for: it outlives this process, or is its zombie until that ends.
    Command::new(program)
        .arg(RENEW)
        .arg(url)
        .stdin(system::lock_as_stream(renewal.into_lock()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// The URL, where this process was started to renew.
pub(crate) fn asked(host: &Host) -> Option<&str> {
    match host.args() {
        [_, first, url] if first == RENEW => url.to_str(),
        _ => None,
    }
}

/// Renews the token that serves `url`. Nobody is told how it went: a failure is noted for those who come next.
pub(crate) fn renew(host: &Host, url: &str) {
    secrecy::keep();
    let (session, lock) = system::leave_the_caller();
    let guard = thread::Builder::new().name("limit".to_owned()).spawn(move || {
        thread::sleep(LONGEST_LIFE);
        system::end(session);
    });
    // Without a limit it might stay for ever, holding the lock.
    if guard.is_err() {
        return;
    }
    let Ok(surroundings) = Surroundings::read(host) else { return };
    let Ok(Some(endpoint)) = Endpoint::recognise(url.as_bytes(), &surroundings.trust()) else { return };
    let source = ControlPlaneSource::aws(host, &surroundings.aws);
    let stores = Stores::new(host, &surroundings.settings);
    let authorizer = Authorizer::new(host, &surroundings.aws, stores, source);
    let _ = authorizer.renew_ahead(&endpoint, lock);
    let _ = authorizer.settle();
}

#[cfg(unix)]
mod system {
    use std::os::fd::AsFd as _;

    use rustix::process::{Pid, Signal};

    use super::{File, Stdio};

    /// The session that was made, and the group of processes in it.
    pub(super) type Session = Option<Pid>;

    /// The first descriptor that is no standard stream.
    const FIRST_OTHER: i32 = 3;

    /// What this process was started with beyond its streams is not passed on.
    pub(super) fn keep_what_was_inherited() {
        close_fds::set_fds_cloexec(FIRST_OTHER, &[]);
    }

    pub(super) fn lock_as_stream(lock: File) -> Stdio {
        lock.into()
    }

    /// A session of its own, no standard input, and the lock that came as such.
    pub(super) fn leave_the_caller() -> (Session, Option<File>) {
        // Fails for the leader of a group only: then there is no session to leave.
        let session = rustix::process::setsid().ok();
        let lock = std::io::stdin().as_fd().try_clone_to_owned().ok().map(File::from);
        // Else what is started from here would hold the lock, too.
        if let Ok(nothing) = File::open("/dev/null") {
            let _ = rustix::stdio::dup2_stdin(&nothing);
        }
        (session, lock)
    }

    /// Ends this process and what it has started, such as a program for credentials that hangs.
    pub(super) fn end(session: Session) {
        if let Some(session) = session {
            let _ = rustix::process::kill_process_group(session, Signal::KILL);
        }
        std::process::exit(0);
    }
}

#[cfg(not(unix))]
mod system {
    use super::{File, Stdio};

    pub(super) fn keep_what_was_inherited() {}

    /// Locks stay with their process there: it goes, and the other takes it anew.
    pub(super) fn lock_as_stream(lock: File) -> Stdio {
        drop(lock);
        Stdio::null()
    }

    pub(super) type Session = ();

    pub(super) fn leave_the_caller() -> (Session, Option<File>) {
        ((), None)
    }

    pub(super) fn end((): Session) {
        std::process::exit(0);
    }
}
