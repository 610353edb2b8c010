//! Publishing as a whole: the program, the embedded service, and the real cargo and git on both ends.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise, in its shared functions too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use codeartifact::Host;
use local_service::{Clock, Cut, FaultRule, LocalService, Options};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

#[path = "samples/workspace.rs"]
mod workspace_sample;
use workspace_sample::{ORDER, SAMPLE};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-codeartifact");

/// A home, a service with two repositories, and a workspace in git.
struct Scene {
    top: tempfile::TempDir,
    service: LocalService,
}

/// What a program said and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Name, version and outcome of each row, and the SHA-256 of each.
    fn rows(&self) -> Vec<(String, String, String, String)> {
        let json: Value = serde_json::from_str(&self.out).unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = json["crates"].as_array().unwrap().iter();
        rows.map(|row| (text(row, "name"), text(row, "version"), text(row, "outcome"), text(row, "sha256"))).collect()
    }

    fn count(&self, outcome: &str) -> usize {
        self.rows().iter().filter(|row| row.2 == outcome).count()
    }
}

impl Scene {
    fn new() -> Self {
        let mut options = Options::ephemeral(Clock::of(Host::of_process()));
        // Requests that a test holds up are not waited for.
        options.limits.drain = Duration::from_millis(50);
        let service = LocalService::start(options).unwrap();
        let scene = Self { top: tempfile::tempdir().unwrap(), service };
        for folder in ["home", "run"] {
            fs::create_dir(scene.at(folder)).unwrap();
        }
        scene.control("domain?domain=my-org");
        for repository in ["team", "shared"] {
            scene.control(&format!("repository?domain=my-org&repository={repository}"));
        }
        for (path, text) in SAMPLE {
            scene.write(&format!("project/{path}"), text);
        }
        scene.git(&["init", "--quiet", "--initial-branch=main"]);
        scene.commit();
        scene
    }

    fn at(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(path)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(path, &text.replace(from, to));
    }

    fn git(&self, args: &[&str]) {
        let mut git = self.command("git", "project");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(args);
        Said::of(git.output().unwrap()).ended(0);
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=x"]);
    }

    /// A call of the control plane, signed in form only, as the embedded service takes it.
    fn control(&self, path: &str) {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/codeartifact/aws4_request, SignedHeaders=host, \
             Signature={}",
            "0".repeat(64)
        );
        let request = ureq::post(format!("{}/v1/{path}", self.service.url())).header("authorization", authorization);
        request.header("content-type", "application/json").send("{}").unwrap();
    }

    fn index(&self, repository: &str) -> String {
        format!("{}/d/my-org-111122223333/cargo/{repository}/", self.service.url())
    }

    /// A program in a folder, with nothing of the real environment but what leads to the tools.
    #[expect(clippy::disallowed_methods, reason = "a test starts real programs, which these variables lead to")]
    fn command(&self, program: &str, folder: &str) -> Command {
        let var = |name: &str| std::env::var_os(name);
        let rustup = var("RUSTUP_HOME").unwrap_or_else(|| Path::new(&var("HOME").unwrap()).join(".rustup").into());
        let mut command = Command::new(program);
        command.env_clear().envs(var("PATH").map(|path| ("PATH", path))).env("RUSTUP_HOME", rustup);
        command.envs(var("RUSTUP_TOOLCHAIN").map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain)));
        for (name, folder) in
            [("HOME", "home"), ("TMPDIR", "run"), ("XDG_RUNTIME_DIR", "run"), ("CARGO_HOME", "home/c")]
        {
            command.env(name, self.at(folder));
        }
        for (name, value) in [
            ("CODEARTIFACT_STORE", "file"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL_CODEARTIFACT", self.service.url().as_str()),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ] {
            command.env(name, value);
        }
        command.current_dir(self.at(folder)).stdin(Stdio::null());
        command
    }

    fn publishing(&self, more: &[&str]) -> Command {
        let mut command = self.command(PROGRAM, "project");
        command.args(["publish", "--domain", "my-org", "--repository", "team", "--json"]).args(more);
        command
    }

    /// Publishes, and makes sure that the working tree is as it was, git's own files included, and nothing is left.
    #[track_caller]
    fn publish(&self, more: &[&str]) -> Said {
        let before = tree(&self.at("project"));
        let said = Said::of(self.publishing(more).output().unwrap());
        assert_eq!(tree(&self.at("project")), before, "the working tree was touched");
        let left = fs::read_dir(self.at("run")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("codeartifact-publish")).collect();
        assert!(left.is_empty(), "{left:?}");
        said
    }

    #[track_caller]
    fn promote(&self, version: &str) {
        let mut command = self.command(PROGRAM, "project");
        command.args(["promote", "--domain", "my-org", "--from", "team", "--to", "shared"]);
        command.args(ORDER.map(|name| format!("cargo:{name}@{version}")));
        Said::of(command.output().unwrap()).ended(0);
    }

    /// SHA-256 of a stored crate, as it is served.
    fn served(&self, repository: &str, name: &str, version: &str) -> String {
        let token = Said::of(self.command(PROGRAM, "project").args(["token", "--domain", "my-org"]).output().unwrap());
        let url = format!("{}api/v1/crates/{name}/{version}/download", self.index(repository));
        let request = ureq::get(url).header("authorization", token.ended(0).out.trim());
        let bytes = request.call().unwrap().body_mut().read_to_vec().unwrap();
        Sha256::digest(bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// Builds and runs a project that uses `x-app` of a repository, with an empty cargo home.
    #[track_caller]
    fn consume(&self, name: &str, repository: &str, replace: bool) -> Said {
        let index = self.index(repository);
        let settings = format!(
            "[registries.ours]\nindex = \"sparse+{index}\"\n\
             credential-provider = [\"cargo:token-from-stdout\", {PROGRAM:?}, \"token\", \"--domain\", \"my-org\"]\n"
        );
        let replacement = "[source.crates-io]\nreplace-with = \"ours\"\n";
        let settings = if replace { settings + replacement } else { settings };
        let registry = if replace { "" } else { ", registry = \"ours\"" };
        self.write(&format!("{name}/cargo-home/config.toml"), &settings);
        self.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"consumer\"\nedition = \"2021\"\n[workspace]\n\
                 [dependencies]\nx-app = {{ version = \"*\"{registry} }}\n"
            ),
        );
        self.write(&format!("{name}/src/main.rs"), "fn main() { println!(\"{}\", x_app::app()) }\n");
        let mut cargo = self.command("cargo", name);
        cargo.args(["run", "--quiet"]).env("CARGO_HOME", self.at(name).join("cargo-home"));
        Said::of(cargo.output().unwrap())
    }
}

/// Every file below a folder.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.clone(), Vec::new());
            files.append(&mut tree(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn published_promoted_and_built_from_both_ways() {
    let scene = Scene::new();
    let first = scene.publish(&[]).ended(0);
    let names: Vec<_> = first.rows().into_iter().map(|row| row.0).collect();
    assert_eq!(names, ORDER);
    assert_eq!(first.count("published"), 5);
    assert!(first.err.contains("leaving out x-secret: its manifest says `publish = false`"), "{first:?}");

    let second = scene.publish(&[]).ended(0);
    assert_eq!(second.count("already-published"), 5);
    assert!(second.err.contains("nothing to do"), "{second:?}");
    assert_eq!(scene.service.calls("cargo:publish").calls, 5);

    scene.promote("0.1.0");
    for (name, version, _, sha256) in first.rows() {
        assert_eq!(scene.served("team", &name, &version), sha256);
        assert_eq!(scene.served("shared", &name, &version), sha256, "the promoted copy is the same");
    }
    for (name, replace) in [("named", false), ("replacing", true)] {
        let said = scene.consume(name, "shared", replace).ended(0);
        assert_eq!(said.out, "3\n", "{said:?}");
    }
    let team = scene.service.calls("cargo:download");
    assert_eq!(team.failures, 0);
}

#[test]
fn other_content_is_refused_and_the_stored_stays() {
    let scene = Scene::new();
    let rows = scene.publish(&[]).ended(0).rows();
    scene.replace("project/crates/util/src/lib.rs", "+ 1", "+ 2");
    let dirty = scene.publish(&[]).ended(1);
    assert!(dirty.err.contains("changes that are not committed: `crates/util/src/lib.rs`"), "{dirty:?}");
    scene.commit();
    let refused = scene.publish(&[]).ended(1);
    let stored = rows.iter().find(|row| row.0 == "x-util").unwrap();
    assert!(refused.err.contains("`x-util` 0.1.0") && refused.err.contains(&stored.3), "{refused:?}");
    let hex = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digests = refused.err.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(hex).count();
    assert_eq!(digests, 2, "{refused:?}");
    assert_eq!(scene.served("team", "x-util", "0.1.0"), stored.3);
    assert_eq!(scene.service.calls("cargo:publish").calls, 5);

    // Under a new version it goes, and what did not change is skipped, although another commit is packed.
    scene.replace("project/crates/util/Cargo.toml", "version = \"0.1.0\"\nedition", "version = \"0.1.1\"\nedition");
    scene.commit();
    let bumped = scene.publish(&[]).ended(0);
    assert_eq!((bumped.count("published"), bumped.count("already-published")), (1, 4));
    let kept = bumped.rows().into_iter().filter(|row| row.2 == "already-published");
    assert!(kept.into_iter().all(|row| rows.iter().any(|old| (&old.0, &old.3) == (&row.0, &row.3))));
}

#[test]
fn versions_for_all_are_given_or_come_from_git() {
    let scene = Scene::new();
    let given = scene.publish(&["--version", "2.0.0-rc.1"]).ended(0);
    assert!(given.rows().iter().all(|row| row.1 == "2.0.0-rc.1"), "{given:?}");
    scene.git(&["tag", "v2.0.0"]);
    let tagged = scene.publish(&["--version-from", "git"]).ended(0);
    assert!(tagged.rows().iter().all(|row| row.1 == "2.0.0"), "{tagged:?}");
    scene.replace("project/crates/app/src/lib.rs", "+ 1", "+ 40");
    scene.commit();
    let after = scene.publish(&["--version-from", "git"]).ended(0);
    assert!(after.rows().iter().all(|row| row.1.starts_with("2.0.1-dev.1.g")), "{after:?}");
    assert_eq!(after.count("published"), 5);
    scene.promote("2.0.0");
    assert_eq!(scene.consume("released", "shared", false).ended(0).out, "3\n");
    let bad = scene.publish(&["--version", "two"]).ended(2);
    assert!(bad.err.contains("invalid value 'two' for '--version <V>'"), "{bad:?}");
}

#[test]
fn killed_at_any_upload_it_goes_on() {
    for upload in 0..5 {
        let scene = Scene::new();
        // The upload of that number is held up until long after the kill.
        let held = FaultRule { skip: upload, delay_ms: 60_000, ..of_uploads() };
        scene.service.set_faults(vec![held]).unwrap();
        let mut command = scene.publishing(&["--no-verify"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started = Instant::now();
        while scene.service.calls("cargo:publish").calls <= u64::from(upload) {
            assert!(started.elapsed() < Duration::from_mins(1), "it does not come that far");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        scene.service.set_faults(Vec::new()).unwrap();
        // What the killed one left behind goes, too: `publish` looks.
        let again = scene.publish(&["--no-verify"]).ended(0);
        let skipped = usize::try_from(upload).unwrap();
        assert_eq!((again.count("already-published"), again.count("published")), (skipped, 5 - skipped), "{again:?}");
        for (name, version, _, sha256) in again.rows() {
            assert_eq!(scene.served("team", &name, &version), sha256);
        }
    }
}

#[test]
fn a_failing_service_is_asked_again_and_not_believed_blindly() {
    for (fault, uploads) in [
        (FaultRule { status: Some(503), ..of_uploads() }, 6),
        (FaultRule { status: Some(429), retry_after: Some(1), ..of_uploads() }, 6),
        (FaultRule { cut: Some(Cut::Before), ..of_uploads() }, 6),
        // It was stored: the second look finds it, and nothing is sent again.
        (FaultRule { cut: Some(Cut::After), ..of_uploads() }, 5),
    ] {
        let scene = Scene::new();
        scene.service.set_faults(vec![FaultRule { times: 1, ..fault.clone() }]).unwrap();
        let said = scene.publish(&["--no-verify"]).ended(0);
        assert_eq!(said.count("published"), 5, "{fault:?}");
        assert_eq!(scene.service.calls("cargo:publish").calls, uploads, "{fault:?}");
    }
}

fn of_uploads() -> FaultRule {
    FaultRule { operation: Some("cargo:publish".to_owned()), ..FaultRule::default() }
}

#[test]
fn a_dry_run_publishes_nothing() {
    let scene = Scene::new();
    let said = scene.publish(&["--dry-run"]).ended(0);
    assert_eq!(said.count("would-publish"), 5);
    assert_eq!(scene.service.calls("cargo:publish").calls, 0);
    assert_eq!(scene.service.calls("GetAuthorizationToken").calls, 0);
    let rows = scene.publish(&[]).ended(0).rows();
    let digests = |rows: &[(String, String, String, String)]| rows.iter().map(|row| row.3.clone()).collect::<Vec<_>>();
    assert_eq!(digests(&said.rows()), digests(&rows), "what was said is what was done");
}
