//! The helper as clients find it: on PATH, by its own name and by links' names, with a count of its starts.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use crate::{Outcome, Sandbox};

/// A folder that is first on the PATH of a sandbox.
#[derive(Debug)]
pub struct HelperOnPath {
    folder: PathBuf,
    log: PathBuf,
}

impl HelperOnPath {
    /// The helper under its own name and these. A link would say its name to the helper, but count nothing: a script
    /// does both, and becomes the helper.
    pub fn install(sandbox: &Sandbox, links: &[&str]) -> Self {
        let (folder, log) = (sandbox.path("bin"), sandbox.path("tmp/starts"));
        fs::create_dir_all(&folder).expect("the sandbox takes folders");
        let (log_path, helper) = (log.display(), sandbox.helper_path());
        let script = format!("#!/bin/bash\necho >> '{log_path}'\nexec -a \"$0\" '{}' \"$@\"\n", helper.display());
        for name in [&["codeartifact-credential-helper"], links].concat() {
            let file = folder.join(name);
            fs::write(&file, &script).expect("the sandbox takes files");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("the owner changes the mode");
        }
        let path = sandbox.vars().remove("PATH").unwrap_or_default();
        sandbox.set("PATH", format!("{}:{path}", folder.display()));
        Self { folder, log }
    }

    /// The folder.
    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// How often it was started since this was asked the last time.
    pub fn starts(&self) -> usize {
        let starts = fs::read_to_string(&self.log).unwrap_or_default().lines().count();
        drop(fs::remove_file(&self.log));
        starts
    }
}

/// The token that the helper has for a repository, guarded from now on: it must be in no file, argument or output, from
/// the sandbox's beginning to its end.
pub fn guard_token_of(sandbox: &Sandbox, url: &str) -> String {
    let outcome: Outcome = sandbox.helper(&["netrc", url]).run().success();
    let line = outcome.stdout();
    let token = line.trim_end().rsplit(' ').next().expect("a line has words").to_owned();
    assert!(line.starts_with("machine ") && token.len() > 40, "no token: {}", outcome.stderr());
    sandbox.guard_token(&token);
    token
}
