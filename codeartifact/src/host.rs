//! Everything ambient through one value: arguments, variables, folders, clock.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The process's surroundings. Tests build one from literals; programs call [`Host::of_process`] once.
/// Nothing else in the workspace reads the environment, the home folder, the clock or the arguments.
///
/// There is no `set`: a setting that stands in for a variable makes a new value with [`Host::with_var`], and child
/// processes get the variables from [`Host::vars`].
#[derive(Clone)]
pub struct Host {
    args: Vec<OsString>,
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    program: Program,
    fixed_now: Option<SystemTime>,
}

/// Where the running program's file is.
#[derive(Debug, Clone)]
enum Program {
    /// To be asked of the system, which costs system calls the warm path does without.
    Ask,
    /// Made up.
    Fixed(Option<PathBuf>),
}

/// The name of the folders of ours.
const FOLDER: &str = "codeartifact";

impl Host {
    /// The real surroundings.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process's surroundings")]
    pub fn of_process() -> Self {
        Self {
            args: std::env::args_os().collect(),
            variables: std::env::vars_os().collect(),
            // A folder that is gone is no folder: what is looked for relative to it is not found.
            current_dir: std::env::current_dir().unwrap_or_default(),
            program: Program::Ask,
            fixed_now: None,
        }
    }

    /// Made-up surroundings, for tests. The running program has no file; see [`Host::with_program`].
    pub fn for_test(
        args: &[&str],
        variables: &[(&str, &str)],
        current_dir: impl Into<PathBuf>,
        now: SystemTime,
    ) -> Self {
        Self {
            args: args.iter().map(OsString::from).collect(),
            variables: variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect(),
            current_dir: current_dir.into(),
            program: Program::Fixed(None),
            fixed_now: Some(now),
        }
    }

    /// The same at another time, for tests.
    #[must_use]
    pub fn with_now(mut self, now: SystemTime) -> Self {
        self.fixed_now = Some(now);
        self
    }

    /// The same with another program file, for tests.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Program::Fixed(Some(program.into()));
        self
    }

    /// The same with a variable set, for options that stand in for variables. An empty value unsets it.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self.variables.remove(OsStr::new(name));
        } else {
            self.variables.insert(OsString::from(name), OsString::from(value));
        }
        self
    }

    /// The arguments, the program's name first.
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// A variable that is set, not empty, and Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name).and_then(OsStr::to_str)
    }

    /// A variable that is set and not empty.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        let value = if cfg!(windows) {
            // Names of variables have no case there: `Path` is PATH.
            self.variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        } else {
            self.variables.get(OsStr::new(name))
        };
        value.map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// All variables, for child processes.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The folder the program was started in.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// The user's home folder: `HOME`; on Windows else `USERPROFILE`, else `HOMEDRIVE` and `HOMEPATH`. The SDK's rule
    /// (`fs_util` of `aws-runtime`), so that both find the same files: no look into the user database.
    pub fn home(&self) -> Option<PathBuf> {
        if let Some(home) = self.var_os("HOME") {
            return Some(PathBuf::from(home));
        }
        if !cfg!(windows) {
            return None;
        }
        let drive_and_path = || {
            let mut home = self.var_os("HOMEDRIVE")?.to_owned();
            home.push(self.var_os("HOMEPATH")?);
            Some(home)
        };
        self.var_os("USERPROFILE").map(OsStr::to_owned).or_else(drive_and_path).map(PathBuf::from)
    }

    /// Settings: `$XDG_CONFIG_HOME/codeartifact`, by default in `~/.config`; on Windows in `%APPDATA%`.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", "APPDATA", ".config")
    }

    /// What should outlive a restart (journals, unfinished runs, the file store): `$XDG_STATE_HOME/codeartifact`, by
    /// default in `~/.local/state`; on Windows in `%LOCALAPPDATA%`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.folder("XDG_STATE_HOME", "LOCALAPPDATA", ".local/state")
    }

    /// What was put there for the user, such as links to a program: `$XDG_DATA_HOME/codeartifact`, by default in
    /// `~/.local/share`; on Windows in `%LOCALAPPDATA%`.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.folder("XDG_DATA_HOME", "LOCALAPPDATA", ".local/share")
    }

    /// What can be made again: `$XDG_CACHE_HOME/codeartifact`, by default in `~/.cache`; on Windows in
    /// `%LOCALAPPDATA%`.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.folder("XDG_CACHE_HOME", "LOCALAPPDATA", ".cache")
    }

    /// Locks: `$XDG_RUNTIME_DIR/codeartifact`, else the state folder.
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        self.absolute("XDG_RUNTIME_DIR").map(|dir| dir.join(FOLDER)).or_else(|| self.state_dir())
    }

    /// Where throw-away folders go: `TMPDIR`, by default `/tmp`; on Windows `TEMP`, else `TMP`.
    pub fn temp_dir(&self) -> PathBuf {
        let (first, second, default) =
            if cfg!(windows) { ("TEMP", "TMP", r"C:\Windows\Temp") } else { ("TMPDIR", "TMPDIR", "/tmp") };
        self.absolute(first).or_else(|| self.absolute(second)).unwrap_or_else(|| PathBuf::from(default))
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> SystemTime {
        self.fixed_now.unwrap_or_else(SystemTime::now)
    }

    /// The file of the running program, links resolved.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process's surroundings")]
    pub fn program(&self) -> Option<PathBuf> {
        match &self.program {
            Program::Fixed(program) => program.clone(),
            Program::Ask => {
                let program = std::env::current_exe().ok()?;
                Some(program.canonicalize().unwrap_or(program))
            }
        }
    }

    /// The first program of that name on `PATH`, as [`Host::programs_on_path`] has it.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        self.programs_on_path(name).next()
    }

    /// The programs of that name on `PATH`, in its order. Only absolute entries of `PATH` are looked at, so that the
    /// current folder, which may belong to a stranger's repository, is never searched. `name` is a bare file name.
    pub fn programs_on_path<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let suffixes: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };
        let is_bare = !name.is_empty() && Path::new(name).file_name() == Some(OsStr::new(name));
        self.folders_on_path()
            .filter(move |_| is_bare)
            .flat_map(move |folder| suffixes.iter().map(move |suffix| folder.join(format!("{name}{suffix}"))))
            .filter(|file| is_program(file))
    }

    /// The absolute entries of `PATH`, in its order.
    pub fn folders_on_path(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let path = self.var_os("PATH").unwrap_or_default();
        std::env::split_paths(path).filter(|folder| folder.is_absolute())
    }

    /// A folder of ours below an XDG base folder. The XDG specification: a relative value is invalid and ignored.
    fn folder(&self, xdg: &str, windows: &str, below_home: &str) -> Option<PathBuf> {
        let base = self.absolute(xdg).or_else(|| if cfg!(windows) { self.absolute(windows) } else { None });
        let base = base.or_else(|| self.home().filter(|home| home.is_absolute()).map(|home| home.join(below_home)));
        base.map(|base| base.join(FOLDER))
    }

    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// Variables are shown by name only: their values hold credentials.
impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("args", &self.args.len())
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("current_dir", &self.current_dir)
            .field("program", &self.program)
            .field("fixed_now", &self.fixed_now)
            .finish()
    }
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn host(variables: &[(&str, &str)]) -> Host {
        Host::for_test(&["program", "get"], variables, "/work", UNIX_EPOCH)
    }

    #[test]
    fn a_made_up_host_says_what_it_was_told() {
        let host = host(&[("A", "1"), ("EMPTY", "")]);
        assert_eq!(host.args(), ["program", "get"]);
        assert_eq!(host.current_dir(), Path::new("/work"));
        assert_eq!(host.now(), UNIX_EPOCH);
        assert_eq!((host.var("A"), host.var("EMPTY"), host.var("B")), (Some("1"), None, None));
        assert_eq!((host.program(), host.home()), (None, None));
        let later = host.clone().with_now(UNIX_EPOCH + Duration::from_secs(1)).with_program("/bin/x");
        assert_eq!(later.now(), UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(later.program(), Some(PathBuf::from("/bin/x")));
    }

    #[test]
    fn variables_are_set_in_a_new_value_only() {
        let host = host(&[("A", "1"), ("B", "2")]).with_var("A", "3").with_var("B", "").with_var("C", "4");
        let all: Vec<_> = host.vars().map(|(name, value)| (name.to_str(), value.to_str())).collect();
        assert_eq!(all, [(Some("A"), Some("3")), (Some("C"), Some("4"))]);
    }

    #[test]
    fn values_of_variables_are_not_shown() {
        let text = format!("{:?}", host(&[("AWS_SECRET_ACCESS_KEY", "hunter2")]));
        assert!(text.contains("AWS_SECRET_ACCESS_KEY") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_process_has_a_program_a_clock_and_a_folder() {
        let host = Host::of_process();
        assert!(host.program().is_some_and(|program| program.is_absolute() && program.is_file()));
        assert!(host.now() > UNIX_EPOCH && host.current_dir().is_absolute());
        assert!(!host.args().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn folders_follow_the_xdg_specification() {
        let plain = host(&[("HOME", "/home/me")]);
        let dirs =
            |host: &Host| [host.config_dir(), host.state_dir(), host.data_dir(), host.cache_dir(), host.runtime_dir()];
        let paths = |texts: [&str; 5]| texts.map(|text| Some(PathBuf::from(text)));
        let defaults = paths([
            "/home/me/.config/codeartifact",
            "/home/me/.local/state/codeartifact",
            "/home/me/.local/share/codeartifact",
            "/home/me/.cache/codeartifact",
            "/home/me/.local/state/codeartifact",
        ]);
        assert_eq!(dirs(&plain), defaults);
        assert_eq!(plain.temp_dir(), Path::new("/tmp"));
        let mut set = plain.clone().with_var("TMPDIR", "/t");
        let mut relative = plain.with_var("TMPDIR", "t");
        for (name, value) in [
            ("XDG_CONFIG_HOME", "c"),
            ("XDG_STATE_HOME", "s"),
            ("XDG_DATA_HOME", "d"),
            ("XDG_CACHE_HOME", "k"),
            ("XDG_RUNTIME_DIR", "r"),
        ] {
            set = set.with_var(name, &format!("/x/{value}"));
            relative = relative.with_var(name, value);
        }
        let expected =
            ["/x/c/codeartifact", "/x/s/codeartifact", "/x/d/codeartifact", "/x/k/codeartifact", "/x/r/codeartifact"];
        assert_eq!(dirs(&set), paths(expected));
        assert_eq!(set.temp_dir(), Path::new("/t"));
        // A relative value is invalid, and as if it were not there.
        assert_eq!(dirs(&relative), defaults);
        assert_eq!(relative.temp_dir(), Path::new("/tmp"));
        for homeless in [host(&[]), host(&[("HOME", "me")])] {
            assert_eq!(dirs(&homeless), [None, None, None, None, None]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn programs_are_found_on_absolute_entries_of_path_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for dir in [&first, &second] {
            std::fs::create_dir(dir).unwrap();
        }
        let file = |path: &Path, mode| {
            std::fs::write(path, "").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file(&first.join("plain"), 0o644);
        file(&second.join("plain"), 0o755);
        file(&first.join("tool"), 0o755);
        file(&second.join("tool"), 0o755);
        std::fs::create_dir(first.join("folder")).unwrap();
        let path = format!(":.:first:{}:{}", first.display(), second.display());
        let host = Host::for_test(&[], &[("PATH", &path)], folder.path(), UNIX_EPOCH);
        assert_eq!(host.find_program("tool"), Some(first.join("tool")));
        assert_eq!(host.programs_on_path("tool").collect::<Vec<_>>(), [first.join("tool"), second.join("tool")]);
        assert_eq!(host.folders_on_path().collect::<Vec<_>>(), [first.clone(), second.clone()]);
        assert_eq!(host.find_program("plain"), Some(second.join("plain")), "what cannot be run is passed over");
        for name in ["", ".", "..", "folder", "absent", "first/tool", "/bin/sh", "tool/"] {
            assert_eq!(host.find_program(name), None, "{name}");
        }
        assert_eq!(Host::for_test(&[], &[], &first, UNIX_EPOCH).find_program("tool"), None);
    }
}
