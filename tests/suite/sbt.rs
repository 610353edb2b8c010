//! sbt against the embedded service: what it resolves through three repositories, what it publishes, and what it says
//! when it is refused.
//!
//! sbt itself is what `tests/run` started once; what its sample needs is the public source, Scala's compiler included.

use std::path::{Path, PathBuf};

use serde_json::json;
use tests::{
    Outcome, Sandbox, Service, Source,
    programs::{find, workspace},
};

use crate::maven::{CONNECTION, DOMAIN, chain, repository, versions};

const LAUNCHER: &str = "sbt-launch-1.10.7.jar";
const TOKEN: &str = "CODEARTIFACT_AUTH_TOKEN";

/// sbt in a home of its own.
pub(crate) struct Sbt {
    pub(crate) sandbox: Sandbox,
    java: PathBuf,
    /// What `tests/run` made: the launcher, what it started, and the public source.
    pub(crate) made: PathBuf,
}

impl Sbt {
    pub(crate) fn new() -> Option<Self> {
        let (java, _) = (find("java")?, find("javac")?);
        let made = workspace().join("target/tools/sbt");
        if !made.join("source").exists() {
            let found = find(made.join("source").to_str().expect("paths of tools are text"));
            assert!(found.is_none(), "a folder is no program");
            return None;
        }
        let sandbox = Sandbox::new();
        sandbox.may_hold_secrets("data/service");
        Some(Self { sandbox, java, made })
    }

    /// A copy of a sample project.
    pub(crate) fn project(&self, name: &str, files: &[&str]) -> PathBuf {
        let sample = workspace().join("tests/jvm/sbt").join(name);
        let folder = self.sandbox.path("work").join(name);
        for file in ["build.sbt", "project/build.properties"].iter().chain(files) {
            self.sandbox.write(folder.join(file), std::fs::read(sample.join(file)).expect("the sample is whole"));
        }
        folder
    }

    /// In a project's folder, with a cache of its own and no process that stays.
    pub(crate) fn run(&self, project: &Path, cache: &str, service: &Service, vars: &[(&str, &str)], word: &str) -> Outcome {
        let set = |name: &str, value: PathBuf| format!("-D{name}={}", value.display());
        let settings = [
            set("user.home", self.sandbox.path("home")),
            set("sbt.boot.directory", self.made.join("boot")),
            set("sbt.global.base", self.sandbox.path("home/.sbt/1.0")),
            set("sbt.ivy.home", self.sandbox.path("home/.ivy2")),
            set("sbt.coursier.home", self.sandbox.path(cache)),
        ];
        let short = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
        let quiet = ["-Dsbt.ci=true", "-Dsbt.color=false", "-Dsbt.supershell=false", "-Dsbt.server.autostart=false"];
        let mut program = self.sandbox.program(&self.java).args(short).args(settings).args(quiet).arg("-jar");
        program = program.arg(self.made.join(LAUNCHER)).arg(word).current_dir(project);
        program = program.var("TEAM_URL", repository(service, "team"));
        for (name, value) in vars {
            program = program.var(name, value);
        }
        program.run()
    }
}

#[test]
fn sbt_resolves_and_publishes() {
    let Some(sbt) = Sbt::new() else { return };
    let source = Source::serve(sbt.made.join("source"));
    let external = format!("{CONNECTION}={}", source.url());
    let data = sbt.sandbox.path("data/service");
    let data = data.to_str().expect("sandbox paths are text");
    let service = Service::start_with(&sbt.sandbox, &["--data", data, "--external", &external]);
    chain(&service);
    let token = service.token(DOMAIN);
    sbt.sandbox.guard_token(&token);

    // What it compiles with comes through the chain, parents of POMs and the compiler included.
    let library = sbt.project("library", &["src/main/java/com/acme/Summing.java"]);
    sbt.run(&library, "cache/first", &service, &[(TOKEN, &token)], "publish").success();
    let of = |version: &str, status: &str| vec![(version.to_owned(), status.to_owned())];
    let kept = of("1.5.0", "Published");
    for (name, expected) in [("team", &kept), ("internal", &Vec::new()), ("store", &kept)] {
        assert_eq!(versions(&service, name, "commons-cli", "commons-cli"), *expected, "{name}");
    }
    assert_eq!(source.asked("/commons-cli/commons-cli/1.5.0/commons-cli-1.5.0.jar"), 1);
    // Two checksums each of POM, jar and sources.
    assert_eq!(service.count("maven:publish-checksum"), 6);

    // sbt sends no metadata of the artifact: the version is unfinished until somebody says otherwise.
    assert_eq!(versions(&service, "team", "com.acme", "summing"), of("1.0.0", "Unfinished"));
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package=summing");
    let finish = json!({ "versions": ["1.0.0"], "targetStatus": "Published" }).to_string();
    let finished = service.call("POST", &format!("package/versions/update_status?{place}"), &finish);
    assert_eq!(finished.status, 200, "{}", finished.text());

    // From here on nothing is left of the source, nor of what the service or sbt remembers.
    source.stop();
    std::fs::remove_dir_all(sbt.sandbox.path("cache/first")).expect("sbt made it");
    let address = service.address().to_owned();
    service.stop().success();
    let options = ["--data", data, "--listen", &address, "--external", &external];
    let service = Service::start_with(&sbt.sandbox, &options);
    let token = service.token(DOMAIN);
    sbt.sandbox.guard_token(&token);
    let user = sbt.project("user", &["src/main/java/User.java"]);
    let said = sbt.run(&user, "cache/second", &service, &[(TOKEN, &token)], "run").success();
    said.prints("summed 1 option");

    // Other bytes under the same version.
    let file = library.join("src/main/java/com/acme/Summing.java");
    let text = std::fs::read_to_string(&file).expect("the sample was copied");
    sbt.sandbox.write(&file, text.replace("summed", "Summed"));
    let conflict = sbt.run(&library, "cache/second", &service, &[(TOKEN, &token)], "publish").failure();
    conflict.prints("Server returned HTTP response code: 409 for URL").prints("/summing-1.0.0.jar");
    service.stop().success();
}

/// sbt has words of its own for what a server says with numbers.
#[test]
fn sbt_says_why_it_is_refused() {
    let Some(sbt) = Sbt::new() else { return };
    let service = Service::start(&sbt.sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        sbt.sandbox.guard_token(token);
    }
    let project = sbt.project("refused", &[]);
    let tokens = [("TOKEN_unauthorized", "nonsense"), ("TOKEN_forbidden", &foreign), ("TOKEN_missing", &token)];
    let refused = sbt.run(&project, "cache/own", &service, &tokens, "update").failure();
    let base = format!("{}com/acme", repository(&service, "team"));
    refused
        .prints(&format!("unauthorized: {base}/unauthorized/1/unauthorized-1.pom (AWS CodeArtifact)"))
        .prints(&format!("forbidden: {base}/forbidden/1/forbidden-1.pom"))
        .prints(&format!("not found: {base}/missing/1/missing-1.pom"));
    service.stop().success();
}
