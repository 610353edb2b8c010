//! A machine of one's own for the programs: empty environment, own home, own stores.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use codeartifact::{AuthorizationToken, AwsEnvironment, Endpoint, Host, Stores, TokenScope, UserSettings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is searched for where it must not be.
pub(crate) const TOKEN: &str = "canary-token-d41d8cd98f00b204";
pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_codeartifact-credential-helper");
pub(crate) const FETCH: &str = env!("CARGO_BIN_EXE_codeartifact-credential-helper-fetch");
pub(crate) const URL: &str =
    "sparse+https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/my-team-repo/";
pub(crate) const FOREIGN: &str = "sparse+https://mirror.example.com/index/";

pub(crate) struct Machine {
    pub(crate) root: TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let root = TempDir::with_prefix("helper-").unwrap();
        let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        let variables = [
            ("HOME", at("home")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("CODEARTIFACT_STORE", "file".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            // No instance's metadata is looked for.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        for folder in ["home", "state", "run"] {
            private_folder(&root.path().join(folder));
        }
        Self { root, variables }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(have, _)| have != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn host(&self) -> Host {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Host::for_test(&[], &variables, self.root.path(), Host::of_process().now())
    }

    /// Puts a fresh token for the URL's domain into the machine's stores.
    pub(crate) fn store_token(&self) {
        let host = self.host();
        let aws = AwsEnvironment::read(&host).unwrap();
        let endpoint = Endpoint::recognise(URL.as_bytes(), &aws.trust()).unwrap().unwrap();
        let scope = TokenScope::of(&endpoint, &aws).unwrap();
        let now = host.now();
        let token = AuthorizationToken::new(TOKEN.to_owned().into(), now, now + Duration::from_hours(12));
        let problems = Stores::new(&host, &UserSettings::read(&host).unwrap()).save(&scope, &token, now);
        assert!(problems.is_empty(), "{problems:?}");
    }

    /// The small program, or a copy of it elsewhere.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs(self.variables.iter().cloned()).current_dir(self.root.path());
        command
    }

    /// A folder with a copy of the small program, for siblings of the test's choice.
    pub(crate) fn copy_of_helper(&self) -> PathBuf {
        let folder = self.root.path().join("bin");
        fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("codeartifact-credential-helper");
        // A second name, where the folders share a file system: a file that was just written may still be open for
        // writing in a process that another test is starting, and then cannot be run ("text file busy").
        fs::hard_link(HELPER, &copy).or_else(|_| fs::copy(HELPER, &copy).map(drop)).unwrap();
        copy
    }

    /// Everything the machine's files hold, one after the other.
    pub(crate) fn all_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut files, mut folders) = (Vec::new(), vec![self.root.path().to_path_buf()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), fs::read(path).unwrap()));
                }
            }
        }
        files
    }
}

fn private_folder(path: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path).unwrap();
}

/// A request as cargo sends it.
pub(crate) fn request(url: &str) -> String {
    let request = json!({
        "v": 1, "registry": { "index-url": url, "name": "my-team-repo" }, "kind": "get", "operation": "read",
    });
    format!("{request}\n")
}

pub(crate) fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A program just copied may still be held open for writing by a process that another test is starting.
    for _ in 0..100 {
        match command.spawn() {
            Ok(child) => return child,
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the program stays busy")
}

/// Runs a program with all of its input given at once.
pub(crate) fn run(command: Command, input: impl AsRef<[u8]>) -> Output {
    let mut child = start(command);
    // A program that reads no more is not at fault.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    child.wait_with_output().unwrap()
}

pub(crate) fn answers(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a program under `strace`; `None` where that is not installed.
#[expect(clippy::print_stderr, reason = "says what was not tested")]
pub(crate) fn traced(machine: &Machine, calls: &str, args: &[&str], input: &str) -> Option<(Output, String)> {
    let strace = Host::of_process().find_program("strace").or_else(|| {
        eprintln!("strace is not installed: system calls are not looked at");
        None
    })?;
    let log = machine.root.path().join("strace.log");
    let mut command = machine.command(strace);
    command.args(["-f", "-s", "4096", "-o", log.to_str().unwrap(), "-e", &format!("trace={calls}")]).args(args);
    let output = run(command, input);
    let trace = fs::read_to_string(&log).unwrap();
    fs::remove_file(log).unwrap();
    Some((output, trace))
}
