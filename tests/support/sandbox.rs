//! A home of its own, a cleared environment, and a sweep for secrets at the end.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use codeartifact::{AuthorizationToken, AwsEnvironment, Endpoint, Host, Stores, TokenScope, UserSettings};
use tempfile::TempDir;

use crate::{
    Canary, Keyrings, Program,
    program::Transcript,
    programs::{self, find, host},
};

/// The key pair every sandbox has. The embedded service takes any; the secret half is looked for in the sweep.
pub const ACCESS_KEY: &str = "AKIATESTSANDBOX00001";
/// The secret half.
pub const SECRET_KEY: &str = "wk7Zq2mVtR9sXc4Jb8Hn1Lf6Gd3PyQeUaSiOoTrM";
/// The account of the embedded service.
pub const ACCOUNT: &str = "111122223333";

/// A place where a journey happens. At its end every output and every file in it is searched for the secrets it knew:
/// a leak fails the journey.
#[derive(Debug)]
pub struct Sandbox {
    root: TempDir,
    vars: Mutex<BTreeMap<OsString, OsString>>,
    keyrings: Keyrings,
    transcript: Arc<Transcript>,
    canaries: Mutex<Vec<Canary>>,
    secret_files: Mutex<Vec<PathBuf>>,
}

impl Sandbox {
    /// An empty home, an AWS key pair, no service.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let root = tempfile::Builder::new().prefix("journey-").tempdir().expect("the temporary folder takes folders");
        let name = format!("journey-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let sandbox = Self {
            root,
            vars: Mutex::default(),
            keyrings: Keyrings::new(&name),
            transcript: Arc::default(),
            canaries: Mutex::new(vec![Canary::new("AWS secret key", SECRET_KEY)]),
            secret_files: Mutex::default(),
        };
        for folder in ["home", "work", "tmp", "run", "config", "state", "data", "cache"] {
            fs::create_dir(sandbox.path(folder)).expect("the sandbox takes folders");
        }
        private(&sandbox.path("run"));
        for (name, folder) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("CARGO_HOME", "home/.cargo"),
        ] {
            sandbox.set(name, sandbox.path(folder));
        }
        if !sandbox.keyrings.are_private() {
            // The default would be the tester's own keyring.
            sandbox.set("CODEARTIFACT_STORE", "file");
            sandbox.may_hold_secrets("state");
        }
        sandbox.set("AWS_ACCESS_KEY_ID", ACCESS_KEY);
        sandbox.set("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        sandbox.set("AWS_REGION", "us-east-1");
        sandbox.set("AWS_DEFAULT_REGION", "us-east-1");
        // No question leaves the machine, whatever a test forgets.
        sandbox.set("AWS_EC2_METADATA_DISABLED", "true");
        sandbox.set("NO_PROXY", "127.0.0.1,localhost");
        sandbox.set("LC_ALL", "C.UTF-8");
        // The tool chain is the tester's.
        for name in ["PATH", "RUSTUP_TOOLCHAIN", "PYENV_VERSION"] {
            if let Some(value) = host().var(name) {
                sandbox.set(name, value);
            }
        }
        let rustup = host().var("RUSTUP_HOME").map(PathBuf::from);
        if let Some(rustup) = rustup.or_else(|| Some(host().home()?.join(".rustup"))) {
            sandbox.set("RUSTUP_HOME", rustup);
        }
        sandbox
    }

    /// Sets a variable for all programs from now on.
    pub fn set(&self, name: &str, value: impl Into<OsString>) {
        self.vars.lock().expect("no holder panics").insert(name.into(), value.into());
    }

    /// The variables of all programs, those that are text.
    pub fn vars(&self) -> BTreeMap<String, String> {
        let vars = self.vars.lock().expect("no holder panics");
        let text = |value: &OsString| value.to_str().map(str::to_owned);
        vars.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
    }

    /// Leads all programs from now on to a service at `url`, in place of AWS.
    pub fn point_at(&self, url: &str) {
        self.set("AWS_ENDPOINT_URL_CODEARTIFACT", url);
    }

    /// A path in the sandbox.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Writes a file, its folders included.
    pub fn write(&self, relative: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("the sandbox takes folders");
        fs::write(&path, text).expect("the sandbox takes files");
        path
    }

    /// Its kernel keyrings.
    pub fn keyrings(&self) -> &Keyrings {
        &self.keyrings
    }

    /// `cargo-codeartifact` with arguments.
    pub fn codeartifact(&self, args: &[&str]) -> Program {
        self.program(&programs::ours().join("cargo-codeartifact")).args(args)
    }

    /// `codeartifact-credential-helper` with arguments. Its answer may hold a token.
    pub fn helper(&self, args: &[&str]) -> Program {
        self.program(&self.helper_path()).args(args).answers_secret()
    }

    /// Where the helper is.
    pub fn helper_path(&self) -> PathBuf {
        programs::ours().join("codeartifact-credential-helper")
    }

    /// The real cargo with arguments.
    pub fn cargo(&self, args: &[&str]) -> Program {
        self.program(&programs::cargo()).args(args)
    }

    /// The real AWS CLI, `aws codeartifact` with arguments, if it is installed.
    pub fn aws(&self, args: &[&str]) -> Option<Program> {
        let aws = find("aws")?;
        Some(self.program(&aws).arg("codeartifact").args(args))
    }

    /// Puts a token of 12 hours at rest as the helper would, had the service issued it so long ago. Not for the system's
    /// own keyrings, which these tests see as the tester does.
    pub fn plant(&self, url: &str, secret: &str, age: Duration) {
        let variables = self.vars();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let now = host().now();
        let surroundings = Host::for_test(&[], &variables, self.path("work"), now);
        let settings = UserSettings::read(&surroundings).expect("the settings are good");
        let aws = AwsEnvironment::read(&surroundings).expect("the variables are good");
        let endpoint = Endpoint::recognise(url.as_bytes(), &aws.trust()).expect("a good URL").expect("one of ours");
        let scope = TokenScope::of(&endpoint, &aws).expect("all parts are known");
        let issued = now - age;
        let token = AuthorizationToken::new(secret.to_owned().into(), issued, issued + Duration::from_hours(12));
        let problems = Stores::new(&surroundings, &settings).save(&scope, &token, now);
        assert!(problems.is_empty(), "{problems:?}");
    }

    /// Any program.
    pub fn program(&self, program: &Path) -> Program {
        let vars = self.vars.lock().expect("no holder panics").clone();
        Program::new(program, self.keyrings.wrap(), vars, &self.path("work"), Arc::clone(&self.transcript))
    }

    /// From now on `token` must not be found anywhere.
    pub fn guard_token(&self, token: &str) {
        self.guard(Canary::of_token("token", token));
    }

    /// From now on `canary` must not be found anywhere.
    pub fn guard(&self, canary: Canary) {
        self.canaries.lock().expect("no holder panics").push(canary);
    }

    /// This file, or everything in this folder, is meant to hold a secret.
    pub fn may_hold_secrets(&self, relative: impl AsRef<Path>) {
        self.secret_files.lock().expect("no holder panics").push(self.path(relative));
    }

    /// Where a guarded secret leaked to: outputs, and files that are not meant to hold one.
    pub fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        let meant = self.secret_files.lock().expect("no holder panics");
        for canary in self.canaries.lock().expect("no holder panics").iter() {
            self.transcript.each(|record| {
                for (stream, bytes) in [("output", record.stdout.as_deref()), ("messages", Some(&record.stderr[..]))] {
                    if bytes.is_some_and(|bytes| canary.find(bytes).is_some()) {
                        leaks.push(format!("{} in the {stream} of `{}`", canary.name(), record.command));
                    }
                }
                if canary.find(record.command.as_bytes()).is_some() {
                    leaks.push(format!("{} in the arguments of a command", canary.name()));
                }
            });
            let files = canary.files(self.root.path());
            let unmeant = files.iter().filter(|file| !meant.iter().any(|allowed| file.starts_with(allowed)));
            leaks.extend(unmeant.map(|file| format!("{} in the file {}", canary.name(), file.display())));
        }
        leaks
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A journey that failed has said why; a second panic would hide it.
        if !std::thread::panicking() {
            let leaks = self.leaks();
            assert!(leaks.is_empty(), "secrets leaked: {leaks:#?}");
        }
    }
}

/// Makes a folder its owner's only.
pub fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("the owner changes the mode");
}
