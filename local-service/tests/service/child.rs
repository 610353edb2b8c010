//! The service in a process of its own: to be killed, traced and measured.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use codeartifact::Host;
use local_service::{Clock, Limits, LocalService, Options};

use crate::{
    client::{send, signed},
    formats::{addresses, furnishing},
};

/// The folder that a child serves; without one it serves from memory.
pub(crate) const FOLDER: &str = "LOCAL_SERVICE_CRASH_FOLDER";
/// The public source that it has.
const SOURCE: &str = "LOCAL_SERVICE_CRASH_SOURCE";
/// The bounds of time for clients, in milliseconds.
const PATIENCE: &str = "LOCAL_SERVICE_CRASH_PATIENCE";

/// Not a test of its own: what others start, and kill or measure.
#[test]
#[ignore = "started by other tests"]
fn served() {
    let host = Host::of_process();
    let clock = Clock::of(host.clone());
    let mut options = match host.var(FOLDER) {
        Some(folder) => Options::durable(folder, clock),
        None => Options::ephemeral(clock),
    };
    if let Some(source) = host.var(SOURCE) {
        options.external = addresses(source);
    }
    if let Some(patience) = host.var(PATIENCE) {
        let patience = Duration::from_millis(patience.parse().unwrap());
        options.limits = Limits {
            header: patience,
            body_idle: patience,
            body_start: patience,
            answer_idle: patience,
            ..Limits::default()
        };
    }
    let service = LocalService::start(options).unwrap();
    writeln!(std::io::stdout(), "\nserving {}", service.address()).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// What a child is to serve.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving<'a> {
    pub(crate) folder: Option<&'a Path>,
    pub(crate) source: Option<&'a str>,
    pub(crate) patience: Option<Duration>,
    /// A program that starts it, with its arguments.
    pub(crate) wrapper: &'a [&'a str],
}

/// A child that serves.
pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
}

impl Serving<'_> {
    pub(crate) fn start(&self) -> Served {
        let mut process = self.spawn("child::served");
        let address = address(&mut process).expect("the service starts");
        Served { process, address }
    }

    /// Starts a test that is a child.
    pub(crate) fn spawn(&self, test: &str) -> Child {
        let program = Host::of_process().program().unwrap();
        let mut command = match self.wrapper {
            [] => Command::new(&program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
        if let Some(folder) = self.folder {
            command.env(FOLDER, folder);
        }
        if let Some(source) = self.source {
            command.env(SOURCE, source);
        }
        if let Some(patience) = self.patience {
            command.env(PATIENCE, patience.as_millis().to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Starts a child test of a file on a folder, under `wrapper` if there is one.
pub(crate) fn start_test(test: &str, folder: &Path, wrapper: &[&str]) -> Child {
    Serving { folder: Some(folder), wrapper, ..Serving::default() }.spawn(test)
}

/// The address that the child serves; `None` if it was killed before.
pub(crate) fn address(child: &mut Child) -> Option<SocketAddr> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut address = None;
    let mut line = String::new();
    while address.is_none() && output.read_line(&mut line).is_ok_and(|count| count > 0) {
        address = line.trim_end().strip_prefix("serving ").map(|address| address.parse().unwrap());
        line.clear();
    }
    // Kept open: what it writes at its end must have a reader.
    child.stdout = Some(output.into_inner());
    address
}

/// Was it killed? One that ended by itself must have ended well: a panic is no kill.
#[cfg(unix)]
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    const KILL: i32 = 9;
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(KILL) => true,
        None if status.success() => false,
        other => panic!("the service ended by itself: {status}, {other:?}"),
    }
}

impl Served {
    /// Makes the domain and the repositories of all formats; gives a token.
    pub(crate) fn furnish(&self) -> String {
        for ask in furnishing() {
            let answer = ask.send(self.address, "").unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        self.token()
    }

    pub(crate) fn token(&self) -> String {
        let headers = [("Authorization", signed("eu-west-1"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = send(self.address, "POST", "/v1/authorization-token?domain=acme", &headers, b"").unwrap();
        answer.json()["authorizationToken"].as_str().unwrap().to_owned()
    }

    /// Ends it as a user does.
    pub(crate) fn end(mut self) {
        drop(self.process.stdin.take());
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// A line of `/proc/PID/status`, in KiB.
    #[cfg(target_os = "linux")]
    fn kib(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Bytes by which its memory rose at most while `act` ran, above what it had before.
    #[cfg(target_os = "linux")]
    pub(crate) fn rise<T>(&self, act: impl FnOnce() -> T) -> (T, u64) {
        // Forgets the peak so far.
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
        let before = self.kib("VmRSS");
        let done = act();
        (done, self.kib("VmHWM").saturating_sub(before) << 10)
    }

    /// Sockets that it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing if it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Is there a program that does this? Where every test must run, a missing one fails.
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that could not be run says so")]
pub(crate) fn is_usable(program: &str, arguments: &[&str]) -> bool {
    let usable = is_usable_quietly(program, arguments);
    if !usable {
        let needed = Host::of_process().var("TESTS_NEED_ALL").is_some();
        assert!(!needed, "`{program} {}` does not work here", arguments.join(" "));
        eprintln!("skipped: `{program} {}` does not work here", arguments.join(" "));
    }
    usable
}

/// The same where there is another way.
#[cfg(target_os = "linux")]
pub(crate) fn is_usable_quietly(program: &str, arguments: &[&str]) -> bool {
    let usable = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    usable.is_ok_and(|status| status.success())
}

#[cfg(target_os = "linux")]
pub(crate) fn strace_is_usable() -> bool {
    is_usable("strace", &["-f", "-qq", "-o", "/dev/null", "true"])
}

/// The full size of a test, where that is asked for; else the small one.
pub(crate) fn size(small: usize, full: usize) -> usize {
    static FULL: OnceLock<bool> = OnceLock::new();
    if *FULL.get_or_init(|| Host::of_process().var("FULL").is_some()) { full } else { small }
}

/// The files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let places = if entry.file_type().unwrap().is_dir() { &mut open } else { &mut found };
            places.push(entry.path());
        }
    }
    found
}

/// The names of the assets that a data folder has, which are their digests.
pub(crate) fn assets(data: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        files(&data.join("assets")).iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Waits for what must come, for so long at most.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what} does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A tracer of a running child.
#[cfg(target_os = "linux")]
pub(crate) struct Tracer(Child);

#[cfg(target_os = "linux")]
impl Tracer {
    /// Attaches to all threads: calls are counted from then on, in each of them. With paths: calls on these files only.
    pub(crate) fn attach(served: &Served, call: &str, fault: &str, when: usize, paths: &[String]) -> Self {
        let process = served.process.id().to_string();
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}:when={when}"));
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-p", &process, "-e", &trace, "-e", &inject]);
        command.args(paths.iter().flat_map(|path| ["-P", path]));
        let tracer = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let has_all = || {
            let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
            threads.map(|thread| thread.unwrap().path()).all(|thread| {
                // A thread that ends meanwhile is no obstacle.
                let status = std::fs::read_to_string(thread.join("status")).unwrap_or_default();
                !status.contains("TracerPid:\t0\n")
            })
        };
        until("the tracer", has_all);
        Self(tracer)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Tracer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
