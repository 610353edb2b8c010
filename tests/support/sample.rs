//! A cargo workspace of six crates, and a project that uses it. No crate of it needs another registry.

use std::{fmt::Write as _, path::PathBuf};

use crate::{Program, Sandbox, programs::find};

/// The published crates, each before those that need it.
pub const CRATES: [&str; 6] = ["acme-units", "acme-codec", "acme-gen", "acme-store", "acme-client", "acme-app"];

/// A workspace with normal, renamed, optional, build and development dependencies between its members, in a git
/// repository, as a team would have it.
#[derive(Debug)]
pub struct SampleWorkspace<'a> {
    sandbox: &'a Sandbox,
    folder: String,
}

impl<'a> SampleWorkspace<'a> {
    /// Writes it to `folder` of the sandbox and commits it. Nothing if git is not installed.
    pub fn write(sandbox: &'a Sandbox, folder: &str) -> Option<Self> {
        let sample = Self { sandbox, folder: folder.into() };
        sample.file(
            "Cargo.toml",
            r#"[workspace]
resolver = "2"
members = ["units", "codec", "gen", "store", "client", "app", "bench"]

[workspace.package]
edition = "2021"
description = "A sample"
license = "MIT"

[workspace.dependencies]
acme-units = { path = "units", version = "0.1.0" }
"#,
        );
        let member = |name: &str, rest: &str, source: &str| {
            let folder = name.trim_start_matches("acme-");
            let manifest = format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition.workspace = true\n\
                 description.workspace = true\nlicense.workspace = true\n{rest}"
            );
            sample.file(&format!("{folder}/Cargo.toml"), &manifest);
            sample.file(&format!("{folder}/src/lib.rs"), source);
        };
        member("acme-units", "", "pub fn metres(feet: f64) -> f64 {\n    feet * 0.3048\n}\n");
        member(
            "acme-codec",
            "\n[dependencies]\nacme-units.workspace = true\n",
            "pub fn line(feet: f64) -> String {\n    format!(\"{:.2} m\", acme_units::metres(feet))\n}\n",
        );
        member(
            "acme-gen",
            "",
            "pub fn constant(name: &str) -> String {\n    format!(\"pub const {name}: u32 = 42;\")\n}\n",
        );
        member(
            "acme-store",
            "build = \"build.rs\"\n\n[build-dependencies]\nacme-gen = { path = \"../gen\", version = \"0.1\" }\n",
            "include!(concat!(env!(\"OUT_DIR\"), \"/constant.rs\"));\n",
        );
        sample.file(
            "store/build.rs",
            "fn main() {\n    let out = std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap());\n    \
             std::fs::write(out.join(\"constant.rs\"), acme_gen::constant(\"ANSWER\")).unwrap();\n}\n",
        );
        member(
            "acme-client",
            "\n[features]\ndefault = [\"storing\"]\nstoring = [\"dep:acme-store\"]\n\n[dependencies]\n\
             wire = { package = \"acme-codec\", path = \"../codec\", version = \"0.1.0\" }\n\
             acme-store = { path = \"../store\", version = \"0.1.0\", optional = true }\n\n\
             [dev-dependencies]\nacme-bench = { path = \"../bench\" }\n",
            "pub fn report(feet: f64) -> String {\n    #[cfg(feature = \"storing\")]\n    let answer = \
             acme_store::ANSWER;\n    #[cfg(not(feature = \"storing\"))]\n    let answer = 0;\n    \
             format!(\"{} {answer}\", wire::line(feet))\n}\n",
        );
        member(
            "acme-app",
            "\n[dependencies]\nacme-client = { path = \"../client\", version = \"0.1.0\" }\nacme-units.workspace = true\n",
            "pub fn run() -> String {\n    format!(\"{} of {}\", acme_client::report(10.0), acme_units::metres(1.0))\n}\n",
        );
        member("acme-bench", "publish = false\n", "pub fn noop() {}\n");
        sample.file(".gitignore", "target/\nCargo.lock\n");
        sample.git(&["init", "--quiet", "--initial-branch=main"])?.run().success();
        sample.commit("First")?;
        Some(sample)
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.sandbox.path(&self.folder)
    }

    /// Writes a file of it.
    pub fn file(&self, path: &str, text: &str) {
        self.sandbox.write(format!("{}/{path}", self.folder), text);
    }

    /// Changes a file of it.
    pub fn change(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(path)).expect("the sample has the file");
        assert!(text.contains(from), "`{from}` is in {path}");
        self.file(path, &text.replace(from, to));
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) -> Option<()> {
        self.git(&["add", "--all"])?.run().success();
        self.git(&["commit", "--quiet", "--message", message])?.run().success();
        Some(())
    }

    /// Git in its folder.
    pub fn git(&self, args: &[&str]) -> Option<Program> {
        let git = self.sandbox.program(&find("git")?).current_dir(self.path());
        let who = ["-c", "user.name=Sample", "-c", "user.email=sample@example.com", "-c", "commit.gpgsign=false"];
        Some(git.args(who).args(args))
    }

    /// A digest of every file outside `target`, to see that nothing changed the working tree.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        let mut folders = vec![self.path()];
        let mut lines = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the sample is there").flatten() {
                let name = entry.file_name();
                if entry.path().is_dir() {
                    if name != "target" && name != ".git" {
                        folders.push(entry.path());
                    }
                } else {
                    let bytes = std::fs::read(entry.path()).expect("the sample is readable");
                    lines.push(format!("{} {}", entry.path().display(), sha256(&bytes)));
                }
            }
        }
        lines.sort();
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// Writes a project to `folder` that needs `acme-app`, from the registry `registry` or, with `None`, from the default
/// one; running it prints what the six crates make together: [`CONSUMER_PRINTS`].
pub fn write_consumer(sandbox: &Sandbox, folder: &str, registry: Option<&str>) -> PathBuf {
    let registry = registry.map_or(String::new(), |name| format!(", registry = \"{name}\""));
    sandbox.write(
        format!("{folder}/Cargo.toml"),
        format!(
            "[package]\nname = \"consumer\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n\
             acme-app = {{ version = \"0.1\"{registry} }}\n\n[workspace]\n"
        ),
    );
    sandbox.write(format!("{folder}/src/main.rs"), "fn main() {\n    println!(\"{}\", acme_app::run());\n}\n");
    sandbox.path(folder)
}

/// What the consumer prints.
pub const CONSUMER_PRINTS: &str = "3.05 m 42 of 0.3048\n";

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
