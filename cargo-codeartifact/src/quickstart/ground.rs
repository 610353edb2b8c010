//! The throw-away folder, and the variables under which everything stays in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use codeartifact::Host;
use tempfile::TempDir;

use super::QuickstartError;

/// Variables that would lead commands elsewhere, by the start of their names: those of AWS, ours, cargo's and git's,
/// and the user's folders. What tools need to be found - `PATH`, `RUSTUP_HOME`, `RUSTUP_TOOLCHAIN` - is handed on.
const FOREIGN: [&str; 8] = ["AWS_", "CODEARTIFACT_", "CARGO", "GIT_", "XDG_", "DBUS_", "RUSTC", "RUST_LOG"];

/// The folder.
#[derive(Debug)]
pub(super) struct Ground {
    folder: Option<TempDir>,
    path: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    shown: Vec<(String, String)>,
}

impl Ground {
    /// Makes the folder, with `program` in its `bin`.
    pub(super) fn make(program: &Path, host: &Host) -> Result<Self, QuickstartError> {
        let names = ["TMPDIR", "TEMP", "TMP"];
        let top = names.iter().find_map(|name| host.var_os(name)).map_or_else(|| "/tmp".into(), PathBuf::from);
        let mut builder = tempfile::Builder::new();
        builder.prefix("codeartifact-quickstart-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(&top).map_err(QuickstartError::file("make a folder in", &top))?;
        let path = folder.path().canonicalize().map_err(QuickstartError::file("find", folder.path()))?;
        let mut ground =
            Self { folder: Some(folder), variables: variables(&path, host), shown: Vec::new(), path: path.clone() };
        for name in ["bin", "home", "tmp", "run"] {
            let folder = path.join(name);
            fs::create_dir(&folder).map_err(QuickstartError::file("make", &folder))?;
            #[cfg(unix)]
            fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
                .map_err(QuickstartError::file("close", &folder))?;
        }
        let link = path.join("bin").join(format!("cargo-codeartifact{}", std::env::consts::EXE_SUFFIX));
        make_reachable(program, &link).map_err(QuickstartError::file("make", &link))?;
        ground.shown = ground.worth_showing(host);
        Ok(ground)
    }

    fn worth_showing(&self, host: &Host) -> Vec<(String, String)> {
        let text = |name: &str| self.variables.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned());
        let mut shown = vec![("PATH".to_owned(), format!("{}:$PATH", self.path.join("bin").display()))];
        for name in ["HOME", "CARGO_HOME", "CODEARTIFACT_STORE"] {
            shown.extend(text(name).map(|value| (name.to_owned(), value)));
        }
        if host.var_os("RUSTUP_HOME").is_none() {
            shown.extend(text("RUSTUP_HOME").map(|value| ("RUSTUP_HOME".to_owned(), value)));
        }
        shown
    }

    /// The same ground with more variables. The folder stays this one's.
    pub(super) fn with(&self, more: &[(String, String)]) -> Self {
        let mut variables = self.variables.clone();
        variables.extend(more.iter().map(|(name, value)| (name.into(), value.into())));
        Self { folder: None, path: self.path.clone(), variables, shown: self.shown.clone() }
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.path
    }

    /// The variables that somebody who types the commands would set.
    pub(super) fn shown(&self) -> &[(String, String)] {
        &self.shown
    }

    /// Whether tokens rest in the kernel's keyring; else nowhere.
    pub(super) fn keeps_tokens(&self) -> bool {
        self.variables.get(OsStr::new("CODEARTIFACT_STORE")).is_some_and(|store| store == "kernel")
    }

    /// A command in the folder, with its variables and no others.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().expect("a command has a program");
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.path);
        command.env_clear().envs(&self.variables);
        command
    }

    /// Lets the folder stay.
    pub(super) fn keep(&mut self) {
        if let Some(folder) = self.folder.take() {
            let _ = folder.keep();
        }
    }

    /// Removes the folder.
    pub(super) fn remove(&mut self) -> Result<(), QuickstartError> {
        let Some(folder) = self.folder.take() else { return Ok(()) };
        folder.close().map_err(QuickstartError::file("remove", &self.path))
    }
}

fn variables(folder: &Path, host: &Host) -> BTreeMap<OsString, OsString> {
    let foreign = |name: &OsStr| FOREIGN.iter().any(|start| name.to_string_lossy().starts_with(start));
    let mut variables: BTreeMap<OsString, OsString> = host
        .vars()
        .filter(|(name, _)| !foreign(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut set = |name: &str, value: OsString| drop(variables.insert(name.into(), value));
    let below = |name: &str| folder.join(name).into_os_string();
    // Rustup looks in the home folder, which is another one now.
    let rustup = host.home().map(|home| home.join(".rustup")).filter(|rustup| rustup.is_dir());
    if host.var_os("RUSTUP_HOME").is_none()
        && let Some(rustup) = rustup
    {
        set("RUSTUP_HOME", rustup.into_os_string());
    }
    for name in ["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"] {
        if name == "HOME" || cfg!(windows) {
            set(name, below("home"));
        }
    }
    set("CARGO_HOME", below("home/.cargo"));
    set("XDG_RUNTIME_DIR", below("run"));
    for name in ["TMPDIR", "TEMP", "TMP"] {
        if name == "TMPDIR" || cfg!(windows) {
            set(name, below("tmp"));
        }
    }
    set("CODEARTIFACT_STORE", if kernel_keeps_tokens(host) { "kernel".into() } else { "none".into() });
    set("GIT_CONFIG_NOSYSTEM", "1".into());
    // Cargo asks a proxy for the loopback, too, unless it is told not to.
    set("NO_PROXY", "127.0.0.1,localhost".into());
    set("no_proxy", "127.0.0.1,localhost".into());
    // So that what commands say is what is shown.
    set("CARGO_TERM_COLOR", "never".into());
    set("CARGO_TERM_PROGRESS_WHEN", "never".into());
    let path = host.var_os("PATH").map(OsString::from).unwrap_or_default();
    let paths = std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path));
    // A folder with the separator in its name cannot be on PATH; it was not before, either.
    set("PATH", std::env::join_paths(paths).unwrap_or(path.clone()));
    variables
}

/// Whether tokens can rest in memory, seen by all commands and by nobody else. Elsewhere each call fetches its own.
#[cfg(target_os = "linux")]
fn kernel_keeps_tokens(host: &Host) -> bool {
    use codeartifact::TokenStore as _;
    codeartifact::store::KernelStore::new(host.now()).list().is_ok()
}

#[cfg(not(target_os = "linux"))]
fn kernel_keeps_tokens(_host: &Host) -> bool {
    false
}

#[cfg(unix)]
fn make_reachable(program: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, link)
}

#[cfg(not(unix))]
fn make_reachable(program: &Path, link: &Path) -> std::io::Result<()> {
    fs::copy(program, link).map(drop)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn host(top: &Path, more: &[(&str, &str)]) -> Host {
        let home = top.join("real-home");
        fs::create_dir_all(home.join(".rustup")).unwrap();
        let mut variables = vec![("HOME", home.to_str().unwrap()), ("TMPDIR", top.to_str().unwrap()), ("PATH", "/bin")];
        variables.extend_from_slice(more);
        Host::for_test(&[], &variables, top, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn commands_see_the_folder_and_nothing_of_the_users_own() {
        let top = tempfile::tempdir().unwrap();
        let foreign = [
            ("AWS_PROFILE", "prod"),
            ("AWS_SESSION_TOKEN", "secret"),
            ("CARGO_TARGET_DIR", "/elsewhere"),
            ("CARGO_HOME", "/elsewhere"),
            ("RUSTC_WRAPPER", "sccache"),
            ("GIT_DIR", "/elsewhere"),
            ("XDG_CONFIG_HOME", "/elsewhere"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/elsewhere"),
            ("http_proxy", "http://proxy.invalid"),
        ];
        let mut ground = Ground::make(Path::new("/bin/true"), &host(top.path(), &foreign)).unwrap();
        let output = ground.command(&["/usr/bin/env"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let folder = ground.folder().to_str().unwrap().to_owned();
        assert!(!text.contains("/elsewhere") && !text.contains("secret") && !text.contains("sccache"), "{text}");
        assert!(text.contains(&format!("\nHOME={folder}/home\n")), "{text}");
        assert!(text.contains("/real-home/.rustup\n") && text.contains("NO_PROXY=127.0.0.1"), "{text}");
        assert!(text.contains(&format!("PATH={folder}/bin:/bin\n")), "{text}");
        assert!(fs::symlink_metadata(ground.folder().join("bin/cargo-codeartifact")).is_ok());
        ground.remove().unwrap();
        assert!(!Path::new(&folder).exists());
    }

    #[test]
    fn the_folder_goes_by_itself_and_stays_when_told() {
        let top = tempfile::tempdir().unwrap();
        let host = host(top.path(), &[]);
        let ground = Ground::make(Path::new("/bin/true"), &host).unwrap();
        let path = ground.folder().to_owned();
        drop(ground.with(&[]));
        assert!(path.exists());
        drop(ground);
        assert!(!path.exists());
        let mut ground = Ground::make(Path::new("/bin/true"), &host).unwrap();
        let path = ground.folder().to_owned();
        ground.keep();
        drop(ground);
        assert!(path.exists());
    }
}
