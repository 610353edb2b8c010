//! Where the programs are: ours, built here if they are not, and the real clients.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use codeartifact::Host;

/// The real surroundings of the tests.
pub fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(Host::of_process)
}

/// Whether tests run at their full size: by hand, with `FULL=1`.
pub fn full_size() -> bool {
    host().var("FULL").is_some_and(|value| value == "1")
}

/// The folder of the programs under test, which are brought up to date once: `cargo test` alone builds no program of
/// another package, and a stale one would be tested in silence.
pub fn ours() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let this = host().program().expect("a test knows its own file");
        let folder = this.parent().and_then(Path::parent).expect("cargo puts tests into PROFILE/deps").to_path_buf();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let built = Command::new(cargo())
            .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--profile", profile, "--manifest-path"])
            .arg(workspace().join("Cargo.toml"))
            .status();
        assert!(built.is_ok_and(|status| status.success()), "the programs under test do not build");
        folder
    })
}

/// The root of the checkout.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// The real cargo, as started by these tests.
pub fn cargo() -> PathBuf {
    host().var("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// A program of the Python environment that `tests/run` makes, or else one on `PATH`.
pub fn python_tool(name: &str) -> Option<PathBuf> {
    let tool = workspace().join("target/tools/python/bin").join(name);
    if tool.exists() { Some(tool) } else { find(name) }
}

/// A program of another Python environment that `tests/run` makes: a version of pip, a tool that goes with no other.
pub fn tool_of(environment: &str, name: &str) -> Option<PathBuf> {
    let tool = workspace().join("target/tools").join(environment).join("bin").join(name);
    if tool.exists() {
        return Some(tool);
    }
    assert!(
        host().var("TESTS_NEED_ALL").is_none(),
        "`{name}` of `{environment}` is not there; `tests/run` installs it"
    );
    println!("skipped: `{name}` of `{environment}` is not there; `tests/run` installs it");
    None
}

/// A program on `PATH`, or nothing and a line that says so. `tests/run` and CI set `TESTS_NEED_ALL`: there a missing
/// program fails the test instead of thinning it out.
pub fn find(name: &str) -> Option<PathBuf> {
    let found = host().find_program(name);
    if found.is_none() {
        assert!(host().var("TESTS_NEED_ALL").is_none(), "`{name}` is not installed; `tests/run` installs it");
        println!("skipped: `{name}` is not installed; `tests/run` installs it");
    }
    found
}
