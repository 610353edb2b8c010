//! The program itself against the embedded service: what scripts rely on.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise, in its helpers too")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use codeartifact::Host;
use local_service::{Clock, LocalService, Options};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A home, a folder to stand in, and perhaps a service.
struct Scene {
    home: tempfile::TempDir,
    service: Option<LocalService>,
}

/// What the program said and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

impl Scene {
    fn bare() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        Self { home, service: None }
    }

    /// With domain `my-org` and two repositories.
    fn with_service() -> Self {
        let service = LocalService::start(Options::ephemeral(Clock::of(Host::of_process()))).unwrap();
        let scene = Self { service: Some(service), ..Self::bare() };
        scene.control("domain?domain=my-org", "");
        for repository in ["team", "shared"] {
            scene.control(&format!("repository?domain=my-org&repository={repository}"), "{}");
        }
        scene
    }

    fn url(&self) -> String {
        self.service.as_ref().unwrap().url()
    }

    /// A call of the control plane, signed in form only, as the embedded service takes it.
    fn control(&self, path: &str, body: &str) {
        let signature = "0".repeat(64);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/codeartifact/aws4_request, SignedHeaders=host, \
             Signature={signature}"
        );
        ureq::post(format!("{}/v1/{path}", self.url()))
            .header("authorization", authorization)
            .header("content-type", "application/octet-stream")
            .header("x-amz-content-sha256", digest(body))
            .send(body)
            .unwrap();
    }

    fn publish(&self, repository: &str, version: &str, content: &str) {
        self.control(
            &format!(
                "package/version/publish?domain=my-org&repository={repository}&format=generic&namespace=ns\
                 &package=file&version={version}&asset=file.txt"
            ),
            content,
        );
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// The program with nothing of the real environment in it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-codeartifact"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("CODEARTIFACT_STORE", "file")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.work())
            .stdin(Stdio::null());
        if let Some(service) = &self.service {
            command
                .env("AWS_ENDPOINT_URL_CODEARTIFACT", service.url())
                .env("AWS_ACCESS_KEY_ID", "key")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .env("AWS_REGION", "us-east-1");
        }
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }
}

fn digest(content: &str) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn called_by_cargo_or_directly_it_is_the_same() {
    let scene = Scene::bare();
    let direct = scene.run(&["--version"]).ended(0);
    assert_eq!(direct.out, format!("cargo-codeartifact {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(scene.run(&["codeartifact", "--version"]).ended(0).out, direct.out);
    let nothing = scene.run(&[]).ended(2);
    assert!(nothing.err.contains("Usage: cargo codeartifact [OPTIONS] <COMMAND>"), "{nothing:?}");
    assert_eq!(nothing.out, "");
    assert_eq!(scene.run(&["codeartifact"]).ended(2).err, nothing.err);
}

#[test]
fn a_token_is_issued_once_and_shown_by_nobody_else() {
    let scene = Scene::with_service();
    let token = scene.run(&["token", "--domain", "my-org"]).ended(0);
    let secret = token.out.trim_end().to_owned();
    assert_eq!(token.out, format!("{secret}\n"), "the token and a line end");
    assert!(secret.len() > 100 && secret.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(token.err, "");
    let url = format!("{}/d/my-org-111122223333/cargo/team/", scene.url());
    assert_eq!(scene.run(&["token", &url, "--domain", "my-org"]).ended(0).out, token.out, "the domain's token");
    let json = scene.run(&["token", &url, "--json"]).ended(0).json();
    assert_eq!(json["token"], secret.as_str());
    assert!(json["expires"].as_str().unwrap().ends_with('Z'));
    let asked = scene.service.as_ref().unwrap().calls("GetAuthorizationToken");
    assert_eq!(asked.calls, 1, "{asked:?}");

    let status = scene.run(&["status", "-v"]).ended(0);
    assert!(
        status.out.contains("\nstores: file (chosen)\nfile: domain my-org of 111122223333 in us-east-1 at http://")
    );
    assert!(!status.out.contains(&secret) && !status.err.contains(&secret));
    let status = scene.run(&["status", "--json"]).ended(0).json();
    let kept = &status["stores"][0]["tokens"][0];
    assert_eq!((kept["domain"].as_str(), kept["owner"].as_str()), (Some("my-org"), Some("111122223333")));
    assert!(kept["seconds-left"].as_u64().unwrap() > 11 * 3600, "{kept}");
    assert!(!status.to_string().contains(&secret));

    assert_eq!(scene.run(&["logout", "--domain", "other-org"]).ended(0).err, "no token was kept\n");
    let forgotten = scene.run(&["logout"]).ended(0);
    assert!(forgotten.out.starts_with("forgotten: domain my-org of 111122223333 in us-east-1 at "), "{forgotten:?}");
    assert_eq!(scene.run(&["logout"]).ended(0).err, "no token was kept\n");
    assert!(scene.run(&["status"]).ended(0).out.ends_with("file: no token\n"));
}

#[test]
fn a_token_is_not_given_for_an_address_that_is_not_ours() {
    let scene = Scene::with_service();
    let foreign = scene.run(&["token", "https://aws:s3cret@example.com/simple/"]).ended(1);
    assert_eq!(foreign.out, "");
    assert!(
        foreign.err.starts_with("error: `https://***@example.com/simple/` is no repository of CodeArtifact\n\nhint: ")
    );
    assert!(!foreign.err.contains("s3cret"));
    let aws = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/team/";
    let other = scene.run(&["token", aws]).ended(1);
    assert!(other.err.contains("the URL belongs to the service at AWS, but the service in force is http://127.0.0.1:"));
    let url = format!("{}/d/my-org-111122223333/cargo/team/", scene.url());
    let contradiction = scene.run(&["token", &url, "--domain", "other-org"]).ended(2);
    assert!(contradiction.err.starts_with("error: `--domain other-org` contradicts the URL, which names my-org\n"));
    assert_eq!(scene.service.as_ref().unwrap().calls("GetAuthorizationToken").calls, 0);
}

#[test]
fn failures_have_their_exit_codes() {
    let scene = Scene::with_service();
    let usage = scene.run(&["token", "--domain", "My_Org"]).ended(2);
    assert!(usage.err.contains("--domain"), "{usage:?}");
    let missing = scene.run(&["token"]).ended(2);
    assert_eq!(
        missing.err,
        "error: no domain is named\n\nhint: give `--domain NAME`, or write `domain` under `[project]` in \
         codeartifact.toml\n"
    );
    let absent = scene.run(&["token", "--domain", "no-org", "--json"]).ended(1);
    let error: Value = serde_json::from_str(&absent.err).unwrap();
    assert_eq!((error["error"]["kind"].as_str(), error["error"]["code"].as_u64()), (Some("user"), Some(1)));

    let nobody = Scene::bare();
    let url = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/team/";
    assert!(nobody.run(&["token", url]).ended(3).err.contains("there are no AWS credentials"));
    // An address that somebody listened on a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = scene
        .command(&["token", "--domain", "my-org", "--domain-owner", "111122223333"])
        .env("AWS_ENDPOINT_URL_CODEARTIFACT", format!("http://{gone}"))
        .output()
        .unwrap();
    assert!(Said::of(gone).ended(5).err.contains("the service could not be reached"));
}

#[test]
fn a_project_file_says_what_options_do_not() {
    let scene = Scene::with_service();
    let file = scene.work().join("codeartifact.toml");
    fs::write(&file, "[project]\ndomain = \"my-org\"\nowner = \"111122223333\"\n").unwrap();
    scene.run(&["token"]).ended(0);
    fs::write(&file, "[project]\ndomain = \"my-org\"\nowner = \"999988887777\"\n").unwrap();
    let stranger = scene.run(&["token"]).ended(1);
    assert_eq!(
        stranger.err,
        "error: domain `my-org` belongs to account 999988887777, which is not your own\n\n\
         hint: if you know the account, trust it once: `--trust 999988887777`\n"
    );
    fs::write(&file, "[project]\ndomian = \"my-org\"\n").unwrap();
    let typo = scene.run(&["token"]).ended(1);
    assert_eq!(
        typo.err,
        format!(
            "error: {}:2:1: unknown key `domian` in [project]\n\nhint: did you mean `domain`?\n",
            fs::canonicalize(&file).unwrap().display()
        )
    );
    // What has nothing to do with a project does not read its file.
    scene.run(&["status"]).ended(0);
    scene.run(&["logout"]).ended(0);
}

#[test]
fn versions_are_promoted_as_they_are() {
    let scene = Scene::with_service();
    scene.publish("team", "1.0", "content");
    scene.publish("team", "2.0", "new content");
    scene.publish("shared", "2.0", "other content");
    let args = ["--domain", "my-org", "--from", "team", "--to", "shared"];
    let promote = |specs: &[&str], more: &[&str]| scene.run(&[&["promote"], specs, &args, more].concat());

    let dry = promote(&["generic:ns/file@1.0"], &["--dry-run"]).ended(0);
    assert_eq!(dry.out, format!("would copy: generic:ns/file@1.0 (SHA-256 {})\n", digest("content")));
    let done = promote(&["generic:ns/file@1.0"], &["--json"]).ended(0).json();
    assert_eq!(done["versions"][0]["outcome"], "copied");
    assert_eq!(done["versions"][0]["assets"][0]["sha256"], digest("content"));
    let again = promote(&["generic:ns/file@1.0"], &[]).ended(0);
    assert_eq!(again.out, format!("already there: generic:ns/file@1.0 (SHA-256 {})\n", digest("content")));

    let refused = promote(&["generic:ns/file@2.0", "generic:ns/none@1"], &[]).ended(1);
    for part in [digest("new content"), digest("other content"), "generic:ns/none@1: not in the source".to_owned()] {
        assert!(refused.out.contains(&part) && refused.err.contains(&part), "{part}: {refused:?}");
    }
    assert!(
        refused
            .err
            .starts_with("error: 2 of 2 versions cannot be promoted from `team` to `shared`; nothing was copied\n")
    );
    assert_eq!(scene.service.as_ref().unwrap().calls("CopyPackageVersions").calls, 1);

    let spec = promote(&["generic:ns/file"], &[]).ended(2);
    assert!(spec.err.starts_with("error: `generic:ns/file` names no package version: no `@VERSION` after the name\n"));
    let same = scene.run(&["promote", "cargo:a@1.0.0", "--from", "team", "--to", "team"]).ended(2);
    assert!(same.err.starts_with("error: `--from` and `--to` are both `team`\n"));
    let unknown = scene.run(&["promote", "cargo:a@1.0.0", "--from", "team", "--to", "none", "--domain", "my-org"]);
    assert!(unknown.ended(1).err.starts_with("error: there is no repository `none` in domain `my-org` (`--to`)\n"));
}

/// A program and a helper of its own, as they lie side by side where they are installed.
#[cfg(unix)]
fn installed(scene: &Scene) -> PathBuf {
    let folder = scene.home.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("cargo-codeartifact");
    // A second name, where the folders share a file system: a file that was just written may still be open for writing
    // in a process that another test is starting, and then cannot be run ("text file busy").
    let built = env!("CARGO_BIN_EXE_cargo-codeartifact");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    fs::write(folder.join("codeartifact-credential-helper"), "").unwrap();
    program
}

#[cfg(unix)]
#[test]
fn cargo_is_configured_and_set_back() {
    let scene = Scene::with_service();
    let program = installed(&scene);
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        let model = scene.command(args);
        command.args(args).env_clear().current_dir(scene.work()).stdin(Stdio::null());
        command.envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Said::of(command.output().unwrap())
    };
    let file = scene.home.path().join(".cargo/config.toml");
    let index = format!("sparse+{}/d/my-org-111122223333/cargo/team/", scene.url());
    let args = ["configure", "cargo", "--repository", "team", "--domain", "my-org"];

    let dry = run(&[&args[..], &["--dry-run"]].concat()).ended(0);
    assert!(dry.out.contains(&index) && !file.exists(), "{dry:?}");
    let done = run(&args).ended(0);
    assert_eq!(done.out, format!("created: {}\n", file.display()));
    assert_eq!(done.err, "cargo knows the repository as `team`\n");
    assert!(fs::read_to_string(&file).unwrap().contains(&index));
    let again = run(&args).ended(0);
    assert_eq!(again.out, format!("unchanged: {}\n", file.display()));
    let undone = run(&["configure", "--undo"]).ended(0);
    assert_eq!(undone.out, format!("removed: {}\n", file.display()));
    assert!(!file.exists());
    assert_eq!(run(&["configure", "--undo"]).ended(0).err, "nothing to undo: nothing of ours is there\n");

    let none = run(&["configure", "cargo", "--repository", "none", "--domain", "my-org"]).ended(1);
    assert!(
        none.err.starts_with("error: GetRepositoryEndpoint on repository none in domain my-org failed"),
        "{none:?}"
    );
    let other = run(&["configure", "npmm"]).ended(2);
    assert!(other.err.starts_with("error: `npmm` is no package manager that can be configured\n"), "{other:?}");
    let stranger = run(&[&args[..], &["--domain-owner", "999988887777"]].concat());
    assert!(matches!(stranger.code, Some(1 | 4)) && !file.exists(), "{stranger:?}");
    assert_eq!(stranger.out, "");
}

/// A service in the foreground that is stopped whatever a test does.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(scene: &Scene, args: &[&str]) -> Self {
        let mut child = scene.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    /// Ends within the bound, or the test fails.
    fn end(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn the_embedded_service_says_one_line_and_stops_on_a_signal() {
    use rustix::process::{Pid, Signal, kill_process};
    for (signal, storage) in [(Signal::TERM, &["--data", "kept"][..]), (Signal::INT, &["--ephemeral"])] {
        let scene = Scene::bare();
        let mut running = Running::start(&scene, &[&["local", "--listen", "127.0.0.1:0"], storage].concat());
        let line = running.line();
        let url = line.strip_prefix("listening on ").unwrap().trim_end();
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{line}");
        let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        assert_eq!(running.end(), Some(0));
        assert_eq!(running.line(), "", "one line is all");
        let mut err = String::new();
        running.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        for name in [
            "AWS_ENDPOINT_URL_CODEARTIFACT",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
        ] {
            assert!(err.contains(&format!("\nexport {name}=")), "{name}: {err}");
        }
        assert!(err.contains(&format!("export AWS_ENDPOINT_URL_CODEARTIFACT={url}\n")), "{err}");
    }
}

#[test]
fn the_embedded_service_refuses_what_it_cannot_do() {
    let scene = Scene::bare();
    let open = scene.run(&["local", "--listen", "0.0.0.0:0", "--ephemeral"]).ended(2);
    assert!(open.err.contains("hint: listen on this machine only: `--listen 127.0.0.1:PORT`"), "{open:?}");
    assert!(open.err.contains("`--strict-auth FILE`"), "{open:?}");
    fs::write(scene.work().join("who.toml"), "[[principals]]\narn = \"arn:aws:iam::111122223333:group/all\"\n")
        .unwrap();
    let who = ["local", "--listen", "127.0.0.1:0", "--ephemeral", "--strict-auth", "who.toml"];
    let group = scene.run(&who).ended(1);
    assert!(group.err.starts_with("error: cannot use `--strict-auth "), "{group:?}");
    assert!(group.err.contains("`principals[0].arn`: IAM groups cannot be principals"), "{group:?}");
    scene.run(&["local"]).ended(2);
    scene.run(&["local", "--data", "d", "--ephemeral"]).ended(2);
    fs::write(scene.work().join("letter.txt"), "dear").unwrap();
    let taken = scene.run(&["local", "--listen", "127.0.0.1:0", "--data", "."]).ended(1);
    assert!(taken.err.contains("letter.txt"), "{taken:?}");
    let faults = scene.run(&["local", "--listen", "127.0.0.1:0", "--ephemeral", "--faults", "none.json"]).ended(1);
    assert!(faults.err.starts_with("error: cannot use `--faults "), "{faults:?}");
    for (url, why) in
        [("http://hooks.example/", "127.0.0.1, [::1] or localhost only"), ("ftp://127.0.0.1/", "`http` URL")]
    {
        let events = scene.run(&["local", "--listen", "127.0.0.1:0", "--ephemeral", "--events", url]).ended(2);
        assert!(events.err.starts_with("error: cannot use `--events ") && events.err.contains(why), "{events:?}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_success() {
    let scene = Scene::bare();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let gone = Said::of(scene.command(&["help", "promote"]).stdout(writer).output().unwrap()).ended(1);
    assert!(gone.err.starts_with("error: cannot write to standard output\n"), "{gone:?}");
    let full = fs::File::options().write(true).open("/dev/full");
    if let Ok(full) = full {
        let said = Said::of(scene.command(&["help", "promote"]).stdout(full).output().unwrap()).ended(1);
        assert!(said.err.starts_with("error: cannot write to standard output\n"), "{said:?}");
    }
}
