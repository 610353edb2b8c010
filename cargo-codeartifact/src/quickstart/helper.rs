//! The credential helper, which has to be beside the running program. In a checkout, `cargo run` builds one program
//! only: then the helper is built here, as a step that is shown.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use codeartifact::Host;

use super::children::Children;
use super::{Narrator, QuickstartError};

/// The package in a checkout.
const PACKAGE: &str = "credential-helper";
/// Built along with it: alone, it would want its libraries with fewer features, and all of them would be built again.
const ALONG: &str = "cargo-codeartifact";
/// The programs it yields.
const PROGRAMS: [&str; 2] = ["codeartifact-credential-helper", "codeartifact-credential-helper-fetch"];

/// Makes sure that the helper is beside `program`.
pub(super) fn ensure(
    program: &Path,
    host: &Host,
    children: &Children,
    narrator: &mut dyn Narrator,
) -> Result<(), QuickstartError> {
    let Some(missing) = missing(program) else { return Ok(()) };
    let no_helper = QuickstartError::NoHelper { path: missing };
    let Some((checkout, build)) = checkout(program, host).and_then(|root| Some((root, Build::of(program)?))) else {
        return Err(no_helper);
    };
    narrator.step("build", "the credential helper, which is not beside this program yet");
    let words = build.words();
    narrator.command(&words.join(" "));
    let cargo = host.var_os("CARGO").unwrap_or("cargo".as_ref());
    let mut command = Command::new(cargo);
    let variables = host.vars().filter(|(name, _)| !is_of_cargo_run(name));
    command.args(&words[1..]).current_dir(checkout).env_clear().envs(variables);
    command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    let status = children.run(command, &words.join(" "), &mut |line| narrator.output(&line))?;
    if !status.success() {
        return Err(QuickstartError::CommandFailed { words: words.join(" "), status });
    }
    if self::missing(program).is_some() { Err(no_helper) } else { Ok(()) }
}

/// Whether `cargo run` set a variable to describe this very package. Build scripts that look at one (ring's does) would
/// take every build from in here for a new one.
fn is_of_cargo_run(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name.as_ref(), "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

/// A program of the helper that is not beside this one.
fn missing(program: &Path) -> Option<PathBuf> {
    let beside = |name: &str| program.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    PROGRAMS.iter().map(|name| beside(name)).find(|path| !path.is_file())
}

/// The checkout that the program was built from: `cargo run` names it, else it is above the program.
fn checkout(program: &Path, host: &Host) -> Option<PathBuf> {
    let named = host.var_os("CARGO_MANIFEST_DIR").map(Path::new).and_then(Path::parent);
    let is_ours = |folder: &&Path| {
        let manifest = std::fs::read_to_string(folder.join(PACKAGE).join("Cargo.toml")).unwrap_or_default();
        manifest.contains(&format!("name = \"{PACKAGE}\"")) && folder.join("Cargo.toml").is_file()
    };
    named.into_iter().chain(program.ancestors()).find(is_ours).map(Path::to_owned)
}

/// How the running program was built, read from where its file is: `TARGET-DIR/[TRIPLE/]PROFILE/PROGRAM`.
#[derive(Debug, PartialEq, Eq)]
struct Build {
    target_dir: PathBuf,
    triple: Option<String>,
    profile: String,
}

impl Build {
    fn of(program: &Path) -> Option<Self> {
        let folder = program.parent()?;
        let profile = folder.file_name()?.to_str()?;
        let above = folder.parent()?;
        // Cargo leaves this file at the top of a target folder.
        let is_target_dir = |folder: &Path| folder.join(".rustc_info.json").is_file();
        let (target_dir, triple) = if is_target_dir(above) {
            (above, None)
        } else {
            let triple = above.file_name()?.to_str()?.to_owned();
            (above.parent().filter(|folder| is_target_dir(folder))?, Some(triple))
        };
        let profile = if profile == "debug" { "dev" } else { profile };
        Some(Self { target_dir: target_dir.to_owned(), triple, profile: profile.to_owned() })
    }

    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> =
            ["cargo", "build", "--package", PACKAGE, "--package", ALONG].map(str::to_owned).into();
        match self.profile.as_str() {
            "dev" => {}
            "release" => words.push("--release".to_owned()),
            other => words.extend(["--profile".to_owned(), other.to_owned()]),
        }
        words.extend(self.triple.iter().flat_map(|triple| ["--target".to_owned(), triple.clone()]));
        words.extend(["--target-dir".to_owned(), self.target_dir.display().to_string()]);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_build_is_repeated_as_the_program_was_built() {
        let top = tempfile::tempdir().unwrap();
        let target = top.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::write(target.join(".rustc_info.json"), "").unwrap();
        for (place, expected) in [
            ("debug", ""),
            ("release", " --release"),
            ("dist", " --profile dist"),
            ("x86_64-unknown-linux-musl/release", " --release --target x86_64-unknown-linux-musl"),
        ] {
            let build = Build::of(&target.join(place).join("cargo-codeartifact")).unwrap();
            let words = build.words().join(" ");
            let expected = format!(
                "cargo build --package credential-helper --package cargo-codeartifact{expected} --target-dir {}",
                target.display()
            );
            assert_eq!(words, expected);
        }
        assert_eq!(Build::of(Path::new("/usr/bin/cargo-codeartifact")), None);
    }

    #[test]
    fn a_checkout_is_known_by_its_package() {
        let top = tempfile::tempdir().unwrap();
        let host =
            |variables: &[(&str, &str)]| Host::for_test(&[], variables, top.path(), std::time::SystemTime::UNIX_EPOCH);
        let program = top.path().join("target/debug/cargo-codeartifact");
        assert_eq!(checkout(&program, &host(&[])), None);
        fs::create_dir_all(top.path().join(PACKAGE)).unwrap();
        fs::write(top.path().join("Cargo.toml"), "[workspace]").unwrap();
        fs::write(top.path().join(PACKAGE).join("Cargo.toml"), "[package]\nname = \"credential-helper\"\n").unwrap();
        assert_eq!(checkout(&program, &host(&[])).as_deref(), Some(top.path()));
        let package = top.path().join("cargo-codeartifact");
        let named = host(&[("CARGO_MANIFEST_DIR", package.to_str().unwrap())]);
        assert_eq!(checkout(Path::new("/elsewhere/debug/x"), &named).as_deref(), Some(top.path()));
    }
}
