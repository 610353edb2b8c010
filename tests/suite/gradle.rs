//! Gradle against the embedded service: what it resolves through three repositories, what it uploads, and what it says
//! when it is refused.
//!
//! The public source is what `tests/run` resolved for Maven. Debian's Gradle is old: what younger ones send beside
//! (module metadata, longer checksums, `maven-metadata.xml`) is driven in the service's own tests.

use std::path::{Path, PathBuf};

use serde_json::json;
use tests::{
    Outcome, Sandbox, Service, Source,
    programs::{find, workspace},
};

use crate::maven::{CONNECTION, DOMAIN, chain, repository, resolved, versions};

/// Gradle in a home of its own.
pub(crate) struct Gradle {
    pub(crate) sandbox: Sandbox,
    program: PathBuf,
}

impl Gradle {
    pub(crate) fn new() -> Option<Self> {
        let (program, _) = (find("gradle")?, find("javac")?);
        let sandbox = Sandbox::new();
        // Java asks the system for the home, not the environment.
        let home = sandbox.path("home");
        sandbox.set("GRADLE_OPTS", format!("-Duser.home={} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC", home.display()));
        sandbox.may_hold_secrets("data/service");
        Some(Self { sandbox, program })
    }

    /// A copy of a sample project.
    pub(crate) fn project(&self, name: &str, files: &[&str]) -> PathBuf {
        let sample = workspace().join("tests/jvm/gradle").join(name);
        let folder = self.sandbox.path("work").join(name);
        for file in ["settings.gradle", "build.gradle"].iter().chain(files) {
            self.sandbox.write(folder.join(file), std::fs::read(sample.join(file)).expect("the sample is whole"));
        }
        folder
    }

    /// In a project's folder, with caches of their own and no process that stays.
    pub(crate) fn run(&self, project: &Path, caches: &str, service: &Service, vars: &[(&str, &str)], words: &[&str]) -> Outcome {
        let caches = self.sandbox.path(caches);
        let words = ["--no-daemon", "--console=plain", "--gradle-user-home"].into_iter().chain(words.iter().copied());
        let mut words: Vec<_> = words.map(std::ffi::OsString::from).collect();
        words.insert(3, caches.into());
        let mut program = self.sandbox.program(&self.program).args(words).current_dir(project);
        program = program.var("TEAM_URL", repository(service, "team"));
        for (name, value) in vars {
            program = program.var(name, value);
        }
        program.run()
    }
}

const TOKEN: &str = "CODEARTIFACT_AUTH_TOKEN";
const LIBRARY: &str = "commons-cli/commons-cli/1.5.0/commons-cli-1.5.0.jar";

#[test]
fn gradle_resolves_and_uploads() {
    let (Some(gradle), Some(public)) = (Gradle::new(), resolved()) else { return };
    let source = Source::serve(public);
    let external = format!("{CONNECTION}={}", source.url());
    let data = gradle.sandbox.path("data/service");
    let data = data.to_str().expect("sandbox paths are text");
    let service = Service::start_with(&gradle.sandbox, &["--data", data, "--external", &external]);
    chain(&service);
    let token = service.token(DOMAIN);
    gradle.sandbox.guard_token(&token);

    // What it compiles with comes through the chain, parents of POMs included.
    let library = gradle.project("library", &["src/main/java/com/acme/Counting.java"]);
    gradle.run(&library, "home/first", &service, &[(TOKEN, &token)], &["publish"]).success();
    let of = |version: &str, status: &str| vec![(version.to_owned(), status.to_owned())];
    let kept = of("1.5.0", "Published");
    for (name, expected) in [("team", &kept), ("internal", &Vec::new()), ("store", &kept)] {
        assert_eq!(versions(&service, name, "commons-cli", "commons-cli"), *expected, "{name}");
    }
    assert_eq!(source.asked(&format!("/{LIBRARY}")), 1);
    assert_eq!(service.count("maven:publish-checksum"), 3);

    // Without the artifact's metadata a version is unfinished until somebody says otherwise.
    assert_eq!(versions(&service, "team", "com.acme", "counting"), of("1.0.0", "Unfinished"));
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package=counting");
    let finish = json!({ "versions": ["1.0.0"], "targetStatus": "Published" }).to_string();
    let finished = service.call("POST", &format!("package/versions/update_status?{place}"), &finish);
    assert_eq!(finished.status, 200, "{}", finished.text());

    // From here on nothing is left of the source, nor of what the service or Gradle remembers.
    source.stop();
    let address = service.address().to_owned();
    service.stop().success();
    let options = ["--data", data, "--listen", &address, "--external", &external];
    let service = Service::start_with(&gradle.sandbox, &options);
    let token = service.token(DOMAIN);
    gradle.sandbox.guard_token(&token);
    let user = gradle.project("user", &["src/main/java/User.java"]);
    let said = gradle.run(&user, "home/second", &service, &[(TOKEN, &token)], &["run"]).success();
    said.prints("counted 1 option");

    // Other bytes under the same version.
    let file = library.join("src/main/java/com/acme/Counting.java");
    let text = std::fs::read_to_string(&file).expect("the sample was copied");
    gradle.sandbox.write(&file, text.replace("counted", "Counted"));
    let conflict = gradle.run(&library, "home/second", &service, &[(TOKEN, &token)], &["publish"]).failure();
    conflict.says("counting-1.0.0.jar'. Received status code 409 from server: Conflict");
    service.stop().success();
}

#[test]
fn gradle_says_why_it_is_refused() {
    let Some(gradle) = Gradle::new() else { return };
    let service = Service::start(&gradle.sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        gradle.sandbox.guard_token(token);
    }
    let project = gradle.project("refused", &[]);
    let tokens = [("TOKEN_unauthorized", "nonsense"), ("TOKEN_forbidden", &foreign), ("TOKEN_missing", &token)];
    let refused = gradle.run(&project, "home/caches", &service, &tokens, &["--continue", "resolve"]).failure();
    refused
        .says("unauthorized-1.pom'. Received status code 401 from server: Unauthorized")
        .says("forbidden-1.pom'. Received status code 403 from server: Forbidden")
        .says("Could not find com.acme:missing:1.");
    service.stop().success();
}
