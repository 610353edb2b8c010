//! One run of a program: what it is given, how long it may take, what came of it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::trace::Trace;

/// What a run may take unless it says otherwise; a build with the real cargo is the longest.
const USUAL_LIMIT: Duration = Duration::from_mins(2);

/// What the next line of a conversation may take.
const LINE_LIMIT: Duration = Duration::from_mins(1);

/// All output of all runs of a sandbox, for the sweep at its end.
#[derive(Debug, Default)]
pub struct Transcript(Mutex<Vec<Record>>);

/// One run's output. The answer of a program that is asked for a token holds that token: not swept.
#[derive(Debug)]
pub struct Record {
    /// The command line.
    pub command: String,
    /// Standard output, unless it is allowed to hold a secret.
    pub stdout: Option<Vec<u8>>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Transcript {
    /// Looks at every record.
    pub fn each(&self, mut look: impl FnMut(&Record)) {
        self.0.lock().expect("no run panics while it writes its record").iter().for_each(&mut look);
    }

    fn push(&self, record: Record) {
        self.0.lock().expect("no run panics while it writes its record").push(record);
    }
}

/// A program about to run.
#[derive(Debug, Clone)]
#[must_use = "a program does nothing until it is run"]
pub struct Program {
    wrap: Vec<OsString>,
    tracer: Vec<OsString>,
    argv: Vec<OsString>,
    vars: BTreeMap<OsString, OsString>,
    dir: PathBuf,
    stdin: Vec<u8>,
    limit: Duration,
    answers_secret: bool,
    transcript: Arc<Transcript>,
}

impl Program {
    /// `program`, started through `wrap` (which must replace itself by it), with nothing but `vars` around it.
    pub(crate) fn new(
        program: &Path,
        wrap: Vec<OsString>,
        vars: BTreeMap<OsString, OsString>,
        dir: &Path,
        transcript: Arc<Transcript>,
    ) -> Self {
        Self {
            wrap,
            tracer: Vec::new(),
            argv: vec![program.into()],
            vars,
            dir: dir.into(),
            stdin: Vec::new(),
            limit: USUAL_LIMIT,
            answers_secret: false,
            transcript,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.argv.push(arg.as_ref().into());
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable.
    pub fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.vars.insert(name.into(), value.as_ref().into());
        self
    }

    /// Takes a variable away.
    pub fn without_var(mut self, name: &str) -> Self {
        self.vars.remove(OsStr::new(name));
        self
    }

    /// Runs in `dir` instead of the sandbox's work folder.
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }

    /// What it reads; nothing by default.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long it may take; the test fails after that.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Its standard output is asked to hold a token.
    pub fn answers_secret(mut self) -> Self {
        self.answers_secret = true;
        self
    }

    /// Starts it through `words`: a program that starts it and gives its outcome for its own.
    pub fn through(mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.tracer = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// Runs it to its end.
    #[must_use = "say what the run should have done: `success`, `exit`"]
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Runs it to its end under `strace`, which is at `strace`, and reads the named system calls of it and its
    /// children (`strace -e trace=CALLS`).
    pub fn traced(mut self, strace: &Path, calls: &str) -> (Outcome, Trace) {
        let log = tempfile::NamedTempFile::new().expect("the system's temporary folder takes files");
        let calls = format!("trace={calls}");
        let words = ["-f", "-qq", "-v", "-s", "1000000", "-e", &calls, "-e", "signal=none", "-o"].map(OsStr::new);
        self = self
            .through([strace.as_os_str()].into_iter().chain(words).chain([log.path().as_os_str(), OsStr::new("--")]));
        let outcome = self.run();
        (outcome, Trace::read(log.path()))
    }

    /// Starts it and does not wait.
    pub fn start(self) -> Running {
        let mut running = self.start_interactive();
        let stdin = running.stdin.take();
        let bytes = std::mem::take(&mut running.program.stdin);
        // A program that does not read its input to the end is free not to: a broken pipe is no finding.
        thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&bytes)));
        running
    }

    /// Starts it with its input and output left open, for a conversation.
    pub fn start_interactive(self) -> Running {
        let mut words = self.wrap.iter().chain(&self.tracer).chain(&self.argv);
        let mut command = Command::new(words.next().expect("a program has a name"));
        command.args(words).env_clear().envs(&self.vars).current_dir(&self.dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.line()));
        let stderr = drain(child.stderr.take().expect("stderr is a pipe"));
        Running {
            stdin: child.stdin.take(),
            stdout: Some(BufReader::new(child.stdout.take().expect("stdout is a pipe"))),
            stderr,
            child: Some(child),
            started: Instant::now(),
            program: self,
        }
    }

    fn line(&self) -> String {
        self.argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
#[must_use = "a running program is killed when dropped; `wait` for it"]
pub struct Running {
    program: Program,
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<std::process::ChildStdout>>,
    stderr: mpsc::Receiver<Vec<u8>>,
    started: Instant,
}

impl Running {
    /// Its process id. The wrappers around a program replace themselves by it, so it is the program's own.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs until it is waited for").id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let raw = i32::try_from(self.pid()).expect("process ids are small");
        let pid = Pid::from_raw(raw).expect("a child's id is not zero");
        // Already gone is as good as signalled: the caller looks at the outcome.
        let _ = kill_process(pid, signal);
    }

    /// Writes to its input.
    pub fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        stdin.write_all(text.as_bytes()).expect("the program reads its input");
    }

    /// Closes its input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its next line of output, without the line end; `None` at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut stdout = self.stdout.take().expect("the output is open");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            let _ = sender.send((stdout, read.map(|length| (length, line))));
        });
        let Ok((stdout, read)) = receiver.recv_timeout(LINE_LIMIT) else {
            panic!("{}: no line of output within {LINE_LIMIT:?}", self.program.line())
        };
        self.stdout = Some(stdout);
        let (length, line) = read.expect("output is text");
        (length > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        let child = self.child.as_mut().expect("it runs until it is waited for");
        child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for its end, and for the end of every process that shares its output.
    #[must_use = "say what the run should have done: `success`, `exit`"]
    pub fn wait(mut self) -> Outcome {
        self.stdin = None;
        let limit = self.program.limit;
        let rest = drain(self.stdout.take().expect("the output is open"));
        let left = || limit.saturating_sub(self.started.elapsed());
        let (stdout, stderr) = match (rest.recv_timeout(left()), self.stderr.recv_timeout(left())) {
            (Ok(stdout), Ok(stderr)) => (stdout, stderr),
            (stdout, _) => {
                self.signal(Signal::KILL);
                let stderr = self.stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
                panic!(
                    "{} took more than {limit:?}\n--- stdout\n{}\n--- stderr\n{}",
                    self.program.line(),
                    String::from_utf8_lossy(&stdout.unwrap_or_default()),
                    String::from_utf8_lossy(&stderr)
                );
            }
        };
        let status = self.child.take().expect("it was not waited for").wait().expect("a child can be waited for");
        let outcome = Outcome { command: self.program.line(), status, took: self.started.elapsed(), stdout, stderr };
        self.program.transcript.push(Record {
            command: outcome.command.clone(),
            stdout: (!self.program.answers_secret).then(|| outcome.stdout.clone()),
            stderr: outcome.stderr.clone(),
        });
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    command: String,
    status: ExitStatus,
    took: Duration,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[expect(clippy::return_self_not_must_use, reason = "an inspection is an end in itself; `run` and `wait` must be used")]
impl Outcome {
    /// It ended with 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.exit(0)
    }

    /// It ended with `code`.
    #[track_caller]
    pub fn exit(self, code: i32) -> Self {
        assert!(self.status.code() == Some(code), "wanted exit code {code}, got {}", self.show());
        self
    }

    /// It ended with any code but 0, and not by a signal.
    #[track_caller]
    pub fn failure(self) -> Self {
        assert!(matches!(self.status.code(), Some(1..)), "wanted a failure, got {}", self.show());
        self
    }

    /// Standard error holds `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr().contains(text), "`{text}` is not in the message of {}", self.show());
        self
    }

    /// Standard output holds `text`.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout().contains(text), "`{text}` is not in the output of {}", self.show());
        self
    }

    /// Its exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error} in the output of {}", self.show()))
    }

    /// How long it took, from its start to the end of its output.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// All of it, for a message.
    pub fn show(&self) -> String {
        let mut text = format!("`{}`: {} after {:?}", self.command, self.status, self.took);
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !bytes.is_empty() {
                let _ = write!(text, "\n--- {name}\n{}", String::from_utf8_lossy(bytes));
            }
        }
        text
    }
}
