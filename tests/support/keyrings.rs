//! Kernel keyrings nobody else sees.
//!
//! A session keyring is inherited, and the persistent keyring belongs to a user id; but since Linux 5.3 both are found
//! through the user namespace. So a sandbox holds a user namespace with a named session keyring open in a waiting
//! process, and every program enters both. Without user namespaces (some containers) the sandbox keeps tokens in a file,
//! and the journeys about the kernel's keyrings are left out.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::programs::find;

/// Says its session keyring's name on standard error, which belongs to the program that follows: kept apart.
const ENTER: &str = r#"name=$1; shift; exec 3>&2 2>/dev/null
exec "$KEYCTL" session "$name" /bin/sh -c 'unset KEYCTL; exec 2>&3 3>&-; exec "$@"' sh "$@""#;

/// Keyrings of one sandbox.
#[derive(Debug)]
pub struct Keyrings(Option<Held>);

#[derive(Debug)]
struct Held {
    holder: Child,
    nsenter: PathBuf,
    keyctl: PathBuf,
    name: String,
}

impl Keyrings {
    /// Keyrings of its own, where the system allows it.
    pub fn new(name: &str) -> Self {
        let (Some(unshare), Some(nsenter), Some(keyctl)) = (find("unshare"), find("nsenter"), find("keyctl")) else {
            return Self(None);
        };
        let holder = Command::new(unshare)
            .args(["--user", "--map-current-user", "--"])
            .arg(&keyctl)
            .args(["session", name, "/bin/sh", "-c", "echo held; exec cat"])
            // Ends with these tests, however they end.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut holder) = holder else { return Self(None) };
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("stdout is a pipe");
        let _ = BufReader::new(stdout).read_line(&mut line);
        if line == "held\n" {
            return Self(Some(Held { holder, nsenter, keyctl, name: name.into() }));
        }
        println!("note: no user namespaces here: tokens are kept in files");
        let _ = holder.kill();
        let _ = holder.wait();
        Self(None)
    }

    /// Whether nobody else sees them.
    pub fn are_private(&self) -> bool {
        self.0.is_some()
    }

    /// The words before a program's that make it run with these keyrings.
    pub fn wrap(&self) -> Vec<OsString> {
        let Some(held) = &self.0 else { return Vec::new() };
        let mut user = OsString::from("--user=");
        user.push(format!("/proc/{}/ns/user", held.holder.id()));
        let mut keyctl = OsString::from("KEYCTL=");
        keyctl.push(&held.keyctl);
        let mut wrap = vec![held.nsenter.clone().into_os_string(), user];
        wrap.extend(["--preserve-credentials", "--", "/usr/bin/env"].map(OsString::from));
        wrap.push(keyctl);
        wrap.extend(["/bin/sh", "-c", ENTER, "sh", &held.name].map(OsString::from));
        wrap
    }
}

impl Drop for Keyrings {
    fn drop(&mut self) {
        if let Some(held) = &mut self.0 {
            let _ = held.holder.kill();
            let _ = held.holder.wait();
        }
    }
}
