//! Everything ambient through one value: arguments, variables, folders, clock.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::SystemTime};

/// The process's surroundings. Tests build one from literals; programs call [`Host::of_process`] once.
/// Nothing else in the workspace reads the environment, the home folder, the clock or the arguments.
#[derive(Debug, Clone)]
pub struct Host {
    args: Vec<OsString>,
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    fixed_now: Option<SystemTime>,
}

impl Host {
    /// The real surroundings.
    pub fn of_process() -> Self {
        todo!()
    }
    /// Made-up surroundings, for tests.
    pub fn for_test(
        _args: &[&str],
        _variables: &[(&str, &str)],
        _current_dir: impl Into<PathBuf>,
        _now: SystemTime,
    ) -> Self {
        todo!()
    }
    /// The arguments, the program's name first.
    pub fn args(&self) -> &[OsString] {
        &self.args
    }
    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(std::ffi::OsStr::new(name)).and_then(|v| v.to_str()).filter(|v| !v.is_empty())
    }
    /// The same with a variable set, for options that stand in for variables.
    #[must_use]
    pub fn with_var(self, _name: &str, _value: &str) -> Self {
        todo!()
    }
    /// The folder the program was started in.
    pub fn current_dir(&self) -> &std::path::Path {
        &self.current_dir
    }
    /// The user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        todo!()
    }
    /// `$XDG_CONFIG_HOME/codeartifact` (Windows: in `%APPDATA%`).
    pub fn config_dir(&self) -> Option<PathBuf> {
        todo!()
    }
    /// `$XDG_STATE_HOME/codeartifact`: journals and unfinished runs.
    pub fn state_dir(&self) -> Option<PathBuf> {
        todo!()
    }
    /// `$XDG_RUNTIME_DIR/codeartifact`, else the state folder: locks.
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        todo!()
    }
    /// The time.
    pub fn now(&self) -> SystemTime {
        self.fixed_now.unwrap_or_else(SystemTime::now)
    }
    /// The file of the running program, links resolved.
    pub fn program(&self) -> Option<PathBuf> {
        todo!()
    }
}
