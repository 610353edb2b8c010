//! Packs the addresses that the program is moved by when it is loaded (`DT_RELR`): 16 KiB to read at every start in place
//! of 1.4 MiB, which an idle `cargo codeartifact local` would hold on to.
//!
//! glibc understands that form since 2.36, and refuses a program with it before: so it is asked for only where the
//! program is made for the machine that makes it, and that machine's glibc is known to be new enough. A linker that does
//! not know the option passes it over.

use std::{env, process::Command};

/// The first glibc that loads such a program.
const GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_own = variable("HOST") == variable("TARGET");
    if is_own && variable("CARGO_CFG_TARGET_ENV") == "gnu" && glibc().is_some_and(|version| version >= GLIBC) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// This machine's glibc, such as 2.36; `None` if the system does not say.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through variables")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
