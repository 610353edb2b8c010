//! A workspace goes to the team's repository, from there to the shared one, and the real cargo builds from both.

use std::path::Path;

use serde_json::Value;
use tests::{
    Sandbox, SampleWorkspace, Service,
    sample::{CONSUMER_PRINTS, CRATES, sha256, write_consumer},
    service::index_path,
};

const DOMAIN: &str = "acme";
const TEAM: &str = "my-team-repo";
const SHARED: &str = "my-shared-repo";

/// Publishes the folder to the team's repository.
fn publish(sandbox: &Sandbox, folder: &Path) -> tests::Program {
    sandbox.codeartifact(&["publish", "--domain", DOMAIN, "--repository", TEAM]).current_dir(folder)
}

/// The line of a version in a repository's index, if it is there.
fn index_line(service: &Service, token: &str, repository: &str, name: &str, version: &str) -> Option<Value> {
    let answer = service.cargo_get(DOMAIN, repository, &index_path(name), token);
    if answer.status == 404 {
        return None;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("the index is lines of JSON"));
    lines.find(|line| line["vers"] == version)
}

/// The file of a version, as a client gets it.
fn download(service: &Service, token: &str, repository: &str, name: &str, version: &str) -> Vec<u8> {
    let path = format!("api/v1/crates/{name}/{version}/download");
    let answer = service.cargo_get(DOMAIN, repository, &path, token);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// Builds and runs the consumer in `folder` with an empty cargo cache.
fn consume(sandbox: &Sandbox, folder: &Path) {
    for cache in ["home/.cargo/registry", "home/.cargo/git"] {
        let _ = std::fs::remove_dir_all(sandbox.path(cache));
    }
    let ran = sandbox.cargo(&["run", "--quiet"]).current_dir(folder).run().success();
    assert_eq!(ran.stdout(), CONSUMER_PRINTS);
}

#[test]
fn a_workspace_is_published_promoted_and_built_against() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &[TEAM, SHARED]);
    let token = service.token(DOMAIN);
    sandbox.guard_token(&token);
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    let before = sample.fingerprint();

    let published = publish(&sandbox, &sample.path()).run().success();
    for name in CRATES {
        assert!(published.stderr().contains(name) || published.stdout().contains(name), "{}", published.show());
        let line = index_line(&service, &token, TEAM, name, "0.1.0").unwrap_or_else(|| panic!("{name} is there"));
        for dependency in line["deps"].as_array().expect("dependencies are a list") {
            // A member of the same workspace comes from the registry the version was read from, wherever that is.
            assert!(dependency["registry"].is_null(), "{name} needs {dependency}");
        }
        assert_eq!(line["cksum"], sha256(&download(&service, &token, TEAM, name, "0.1.0")), "{name}");
    }
    assert_eq!(index_line(&service, &token, TEAM, "acme-bench", "0.1.0"), None, "what is not for publishing stays");
    assert_eq!(sample.fingerprint(), before, "the working tree is as it was");

    sandbox.codeartifact(&["configure", "cargo", "--domain", DOMAIN, "--repository", TEAM]).run().success();
    consume(&sandbox, &write_consumer(&sandbox, "work/consumer", Some(TEAM)));

    // Promoted: every byte the same, and a consumer of the shared repository alone builds.
    let specs = CRATES.map(|name| format!("cargo:{name}@0.1.0"));
    let promote = ["promote", "--domain", DOMAIN, "--from", TEAM, "--to", SHARED];
    sandbox.codeartifact(&promote).args(&specs).run().success();
    for name in CRATES {
        let team = download(&service, &token, TEAM, name, "0.1.0");
        assert_eq!(team, download(&service, &token, SHARED, name, "0.1.0"), "{name} is bit-identical");
        let [team, shared] = [TEAM, SHARED].map(|repository| index_line(&service, &token, repository, name, "0.1.0"));
        assert_eq!(team, shared, "the index line of {name}");
    }
    sandbox.codeartifact(&promote).args(&specs).run().success();

    let reader = Sandbox::new();
    reader.guard_token(&token);
    reader.point_at(service.url());
    reader.codeartifact(&["configure", "cargo", "--domain", DOMAIN, "--repository", SHARED]).run().success();
    consume(&reader, &write_consumer(&reader, "work/consumer", Some(SHARED)));

    // The same closure in place of the default registry, which is never asked: the machine has no network.
    let replacing = Sandbox::new();
    replacing.guard_token(&token);
    replacing.point_at(service.url());
    let configure = ["configure", "cargo", "--domain", DOMAIN, "--repository", SHARED, "--replace-default"];
    replacing.codeartifact(&configure).run().success();
    consume(&replacing, &write_consumer(&replacing, "work/consumer", None));
    service.stop().success();
}

#[test]
fn publishing_again_changes_nothing_and_says_so() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &[TEAM]);
    let token = service.token(DOMAIN);
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    publish(&sandbox, &sample.path()).run().success();
    let stored = CRATES.map(|name| download(&service, &token, TEAM, name, "0.1.0"));

    let again = publish(&sandbox, &sample.path()).run().success();
    let said = format!("{}{}", again.stdout(), again.stderr());
    for name in CRATES {
        assert!(said.lines().any(|line| line.contains(name) && line.contains("already")), "{name}: {}", again.show());
    }

    // Another commit: other version-control information and another lock file in every package, and one crate is new.
    sample.change("app/Cargo.toml", "version = \"0.1.0\"\nedition", "version = \"0.2.0\"\nedition");
    sample.commit("Bump").expect("git is there");
    let bumped = publish(&sandbox, &sample.path()).run().success();
    assert!(index_line(&service, &token, TEAM, "acme-app", "0.2.0").is_some(), "{}", bumped.show());
    for (name, bytes) in CRATES.iter().zip(&stored) {
        assert_eq!(*bytes, download(&service, &token, TEAM, name, "0.1.0"), "{name} 0.1.0 is as it was");
    }

    // Other content under the same version.
    sample.change("units/src/lib.rs", "0.3048", "0.3047");
    sample.commit("Forget the bump").expect("git is there");
    let refused = publish(&sandbox, &sample.path()).run().exit(1).says("acme-units").says("0.1.0");
    let digests: Vec<String> = refused
        .stderr()
        .split(|character: char| !character.is_ascii_hexdigit())
        .filter(|word| word.len() == 64)
        .map(str::to_owned)
        .collect();
    let there = sha256(&stored[0]);
    assert!(digests.contains(&there), "the stored digest {there} is named: {}", refused.show());
    assert!(digests.iter().any(|digest| *digest != there), "the new digest is named: {}", refused.show());
    assert_eq!(stored[0], download(&service, &token, TEAM, "acme-units", "0.1.0"), "the stored bytes are unchanged");
}

#[test]
fn versions_are_given_or_taken_from_git() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &[TEAM]);
    let token = service.token(DOMAIN);
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    let before = sample.fingerprint();

    let dry = publish(&sandbox, &sample.path()).args(["--version", "1.5.0", "--dry-run"]).run().success();
    assert_eq!(index_line(&service, &token, TEAM, "acme-app", "1.5.0"), None, "{}", dry.show());
    publish(&sandbox, &sample.path()).args(["--version", "1.5.0"]).run().success();
    let line = index_line(&service, &token, TEAM, "acme-app", "1.5.0").expect("all members get the version");
    for dependency in line["deps"].as_array().expect("dependencies are a list") {
        assert!(dependency["req"].as_str().is_some_and(|req| req.contains("1.5.0")), "so do requirements: {dependency}");
    }

    sample.git(&["tag", "v2.0.0"]).expect("git is there").run().success();
    publish(&sandbox, &sample.path()).args(["--version-from", "git"]).run().success();
    assert!(index_line(&service, &token, TEAM, "acme-app", "2.0.0").is_some());
    assert_eq!(sample.fingerprint(), before, "the working tree is as it was");
}

#[test]
fn a_file_nobody_committed_is_not_published_by_accident() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &[TEAM]);
    let token = service.token(DOMAIN);
    let Some(sample) = SampleWorkspace::write(&sandbox, "work/sample") else { return };
    sample.change("units/src/lib.rs", "0.3048", "0.30480");
    publish(&sandbox, &sample.path()).run().exit(1).says("hint:");
    assert_eq!(index_line(&service, &token, TEAM, "acme-codec", "0.1.0"), None, "nothing went up");
    publish(&sandbox, &sample.path()).arg("--allow-dirty").run().success();
    assert!(index_line(&service, &token, TEAM, "acme-units", "0.1.0").is_some());
}
