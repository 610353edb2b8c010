//! What two articles do with packages: the real AWS CLI and npm promote, share, hide and remove them.

use std::fs;

use serde_json::{Value, json};
use tests::{
    Outcome, Sandbox, Source,
    npm_packages::{self, manifest},
    programs::find,
};

use crate::seeds_aws_cli::Scene;

const MY: &str = "--domain my-org --format npm --package my-package";

/// npm in a scene.
struct Npm<'a>(&'a Scene);

impl Npm<'_> {
    /// In a sandbox where npm is led to repositories by `login`.
    fn sandbox() -> Option<Sandbox> {
        find("npm")?;
        let sandbox = Sandbox::new();
        sandbox.set("npm_config_update_notifier", "false");
        sandbox.set("npm_config_cache", sandbox.path("cache/npm"));
        // `login` hands the token to `npm config set` as an argument, and npm logs its arguments.
        sandbox.may_hold_secrets("cache/npm/_logs");
        sandbox.may_hold_secrets("home/.npmrc");
        Some(sandbox)
    }

    fn login(&self, repository: &str) {
        self.0.aws(&format!("login --tool npm --domain my-org --repository {repository}")).run().success();
    }

    fn run(&self, project: &str, words: &[&str]) -> Outcome {
        let npm = find("npm").expect("it was there a moment ago");
        let folder = self.0.sandbox.path(format!("work/{project}"));
        self.0.sandbox.program(&npm).args(words).current_dir(folder).run()
    }

    /// Publishes `my-package` to a repository.
    fn publish(&self, repository: &str, version: &str, description: &str) {
        self.login(repository);
        let mut manifest = manifest("my-package", version, &[]);
        manifest["description"] = json!(description);
        self.0.sandbox.write("work/my-package/package.json", manifest.to_string());
        self.run("my-package", &["publish"]).success();
    }

    /// A project that is installed with an empty cache.
    fn install(&self, project: &str, words: &[&str]) -> Outcome {
        let folder = self.0.sandbox.path(format!("work/{project}"));
        for folder in [folder.join("node_modules"), self.0.sandbox.path("cache/npm/_cacache")] {
            drop(fs::remove_dir_all(folder));
        }
        if !folder.exists() {
            let manifest = json!({ "name": project, "version": "1.0.0", "private": true });
            self.0.sandbox.write(folder.join("package.json"), manifest.to_string());
        }
        self.run(project, words)
    }
}

/// What `/v1/` says, without a process for it.
fn get(scene: &Scene, method: &str, path: &str) -> Value {
    let answer = scene.service.call(method, path, "");
    serde_json::from_slice(&answer.body).expect("the answer is JSON")
}

fn stored_bytes(scene: &Scene) -> u64 {
    get(scene, "GET", "domain?domain=my-org")["domain"]["assetSizeBytes"].as_u64().expect("a size")
}

/// The versions of a package in a repository, each with its status.
fn versions(scene: &Scene, repository: &str, package: &str) -> Vec<(String, String)> {
    let query = format!("package/versions?domain=my-org&repository={repository}&format=npm&package={package}");
    let listed = get(scene, "POST", &query);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let versions = listed["versions"].as_array().into_iter().flatten();
    versions.map(|one| (text(&one["version"]), text(&one["status"]))).collect()
}

#[test]
fn a_package_is_promoted_and_told_of() {
    let Some(sandbox) = Npm::sandbox() else { return };
    let events = sandbox.path("work/events");
    let options = ["--ephemeral", "--events", events.to_str().expect("sandbox paths are text")];
    let Some(scene) = Scene::with(sandbox, &options) else { return };
    scene.service.make("my-org", &["my-team-repo", "my-shared-repo-name", "other-team-repo"]);
    let downstream = json!({ "upstreams": [{ "repositoryName": "my-team-repo" }] }).to_string();
    assert_eq!(scene.service.call("POST", "repository?domain=my-org&repository=downstream", &downstream).status, 200);
    let npm = Npm(&scene);
    npm.publish("my-team-repo", "6.0.2", "ours");
    npm.publish("my-team-repo", "6.1.0", "ours");
    npm.run("my-package", &["dist-tag", "add", "my-package@6.0.2", "stable"]).success();
    npm.publish("other-team-repo", "6.0.2", "theirs");

    // Both spellings of a list, and a second time.
    let copy = |from: &str| format!("copy-package-versions {MY} --source-repository {from} --destination-repository my-shared-repo-name");
    let copied = scene.aws(&copy("my-team-repo")).args(["--versions", r#"["6.0.2"]"#]).run().success().json();
    let revision = copied["successfulVersions"]["6.0.2"]["revision"].as_str().expect("a revision").to_owned();
    assert_eq!(copied["successfulVersions"]["6.0.2"]["status"], "Published");
    let nothing = json!({ "successfulVersions": {}, "failedVersions": {} });
    assert_eq!(scene.json(&format!("{} --versions 6.0.2", copy("my-team-repo"))), nothing, "listed in neither map");
    // The tags of what was copied come with it, and bytes are stored once.
    let described = |repository: &str| {
        get(&scene, "GET", &format!("package/version?domain=my-org&repository={repository}&format=npm&package=my-package&version=6.0.2"))["packageVersion"].clone()
    };
    assert_eq!(described("my-shared-repo-name")["revision"], described("my-team-repo")["revision"]);
    npm.login("my-shared-repo-name");
    assert_eq!(npm.run("my-package", &["dist-tag", "ls", "my-package"]).success().stdout().trim(), "stable: 6.0.2");

    // What is in the way, and what is not there.
    let failed = |words: &str, version: &str, code: &str| {
        let answer = scene.json(words);
        assert_eq!((&answer["failedVersions"][version]["errorCode"], &answer["successfulVersions"]), (&json!(code), &json!({})), "{words}");
    };
    failed(&format!("{} --versions 6.0.2", copy("other-team-repo")), "6.0.2", "ALREADY_EXISTS");
    let missing = format!("{} --versions 6.1.0 9.9.9", copy("my-team-repo"));
    failed(&missing, "9.9.9", "NOT_FOUND");
    failed(&missing, "6.1.0", "SKIPPED");
    failed(&format!("{} --version-revisions 6.1.0={revision}", copy("my-team-repo")), "6.1.0", "MISMATCHED_REVISION");
    scene.refused(&format!("{} --versions 6.1.0 --version-revisions 6.1.0={revision}", copy("my-team-repo")), "ValidationException");
    scene.refused(&copy("my-team-repo"), "ValidationException");
    scene.refused(&format!("{} --versions 6.1.0", copy("downstream")), "ResourceNotFoundException");
    let upstream = scene.json(&format!("{} --versions 6.1.0 --include-from-upstream", copy("downstream")));
    assert_eq!(upstream["successfulVersions"]["6.1.0"]["status"], "Published");
    let overwritten = scene.json(&format!("{} --versions 6.0.2 --allow-overwrite", copy("other-team-repo")));
    assert_ne!(overwritten["successfulVersions"]["6.0.2"]["revision"], json!(revision));
    assert_eq!(described("my-shared-repo-name")["summary"], "theirs");
    scene.service.stop().success();

    // Each step is an event, for the repository it happened in, in order.
    let text = fs::read_to_string(events).expect("the service wrote events");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for event in &events {
        assert_eq!((&event["source"], &event["detail-type"]), (&json!("aws.codeartifact"), &json!("CodeArtifact Package Version State Change")));
        assert_eq!((&event["detail"]["packageFormat"], &event["detail"]["packageNamespace"]), (&json!("npm"), &Value::Null));
    }
    let told: Vec<String> = events
        .iter()
        .map(|event| {
            let [repository, version, operation, state] =
                ["repositoryName", "packageVersion", "operationType", "packageVersionState"].map(|member| event["detail"][member].as_str().expect("text"));
            format!("{repository} {version} {operation} {state}")
        })
        .collect();
    assert_eq!(
        told,
        [
            "my-team-repo 6.0.2 Created Published",
            "my-team-repo 6.1.0 Created Published",
            "other-team-repo 6.0.2 Created Published",
            "my-shared-repo-name 6.0.2 Created Published",
            "my-shared-repo-name 6.1.0 Created Published",
            "my-shared-repo-name 6.0.2 Updated Published",
        ]
    );
}

/// A store that many teams have upstream; and what to do when something bad is in it.
#[test]
fn what_came_from_outside_is_stored_once_hidden_and_kept_out() {
    let Some(sandbox) = Npm::sandbox() else { return };
    let public = [manifest("left", "1.0.0", &[]), manifest("left", "1.1.0", &[]), manifest("kit", "1.0.0", &[("left", "^1.0.0")])];
    npm_packages::write(&sandbox.path("source"), &public);
    let source = Source::serve(sandbox.path("source"));
    let external = format!("public:npmjs={}", source.url());
    let Some(scene) = Scene::with(sandbox, &["--ephemeral", "--external", &external]) else { return };
    scene.json("create-domain --domain my-org");
    scene.json("create-repository --domain my-org --repository npm-store");
    scene.json("associate-external-connection --domain my-org --repository npm-store --external-connection public:npmjs");
    for team in ["blue", "green"] {
        scene.json(&format!("create-repository --domain my-org --repository {team} --upstreams repositoryName=npm-store"));
    }
    let npm = Npm(&scene);

    // The second team's copy takes no space, and is not asked for outside.
    npm.login("blue");
    npm.install("blue", &["install", "kit"]).success();
    let bytes = stored_bytes(&scene);
    assert!(bytes > 0);
    npm.login("green");
    npm.install("green", &["install", "kit"]).success();
    assert_eq!(stored_bytes(&scene), bytes);
    assert_eq!(source.asked("/left-1.1.0.tgz"), 1);
    let published = [("1.1.0".to_owned(), "Published".to_owned())];
    for repository in ["blue", "green", "npm-store"] {
        assert_eq!(versions(&scene, repository, "left"), published, "{repository}");
    }

    // Unlisted: who has it in a lock file still gets it, nobody else does.
    let left = |repository: &str| format!("--domain my-org --format npm --package left --repository {repository}");
    let status = |target: &str| {
        let words = format!("update-package-versions-status {} --versions 1.1.0 --target-status {target}", left("green"));
        scene.json(&words)
    };
    assert_eq!(status("Unlisted")["successfulVersions"]["1.1.0"]["status"], "Unlisted");
    npm.install("green", &["ci"]).success();
    let seen = || npm.run("green", &["view", "left@^1", "version", "--json"]).success().json();
    assert_eq!(seen(), "1.0.0");
    assert_eq!(status("Archived")["successfulVersions"]["1.1.0"]["status"], "Archived");
    npm.install("green", &["ci"]).failure().says("E404");
    assert_eq!(status("Published")["successfulVersions"]["1.1.0"]["status"], "Published");
    npm.install("green", &["ci"]).success();

    // Something bad is in 1.1.0. Deleted, it comes back with the next installation.
    for repository in ["blue", "green", "npm-store"] {
        let gone = scene.json(&format!("delete-package-versions {} --versions 1.1.0", left(repository)));
        assert_eq!(gone["successfulVersions"]["1.1.0"]["status"], "Deleted", "{repository}");
    }
    npm.install("green", &["ci"]).success();
    assert_eq!(source.asked("/left-1.1.0.tgz"), 2);
    assert_eq!(versions(&scene, "green", "left"), published);
    // Disposed of where it is, it does not: its bytes are gone and its name stays taken.
    let bytes = stored_bytes(&scene);
    for repository in ["green", "npm-store"] {
        let gone = scene.json(&format!("dispose-package-versions {} --versions 1.1.0 --expected-status Published", left(repository)));
        assert_eq!(gone["successfulVersions"]["1.1.0"]["status"], "Disposed", "{repository}");
    }
    assert!(stored_bytes(&scene) < bytes);
    npm.install("green", &["ci"]).failure().says("E404");
    assert_eq!(status("Published")["failedVersions"]["1.1.0"]["errorCode"], "NOT_ALLOWED", "there is no way back");
    // The other team has none of its own now: what is disposed of further up hides what is outside.
    npm.login("blue");
    npm.install("blue", &["ci"]).failure().says("E404");
    assert_eq!(source.asked("/left-1.1.0.tgz"), 2);

    // The whole package is kept out: nothing of it comes from outside any more, whatever is deleted.
    let keep_out = "--restrictions publish=ALLOW,upstream=BLOCK";
    for repository in ["blue", "green", "npm-store"] {
        let set = scene.json(&format!("put-package-origin-configuration {} {keep_out}", left(repository)));
        assert_eq!(set["originConfiguration"]["restrictions"], json!({ "publish": "ALLOW", "upstream": "BLOCK" }));
    }
    scene.json(&format!("delete-package-versions {} --versions 1.1.0", left("npm-store")));
    npm.install("blue", &["ci"]).failure().says("E404");
    npm.run("blue", &["view", "left"]).failure().says("E404");
    assert_eq!(source.asked("/left-1.1.0.tgz"), 2);
    scene.service.stop().success();
}

/// There is no alarm on a repository's size; the size of the domain is in its description.
#[test]
fn storage_is_watched_by_the_size_of_the_domain() {
    let Some(scene) = Scene::furnished() else { return };
    let alarm = "cloudwatch put-metric-alarm --alarm-name storage --metric-name RepositoryStorageUsed --namespace \
                 AWS/CodeArtifact --statistic Average --period 86400 --threshold 1 --comparison-operator \
                 GreaterThanThreshold";
    let aws = scene.sandbox.program(&find("aws").expect("it was there a moment ago")).args(alarm.split_whitespace());
    // The CLI takes it; who answers is this service, which has no alarms.
    let alarmed = aws.var("AWS_ENDPOINT_URL_CLOUDWATCH", scene.service.url()).run().failure();
    let _ = alarmed.says("when calling the PutMetricAlarm operation: nothing is served at this path");
    let size = || scene.json("describe-domain --domain my-org --query domain.assetSizeBytes");
    assert_eq!(size(), 0);
    scene.publish("1.0.0", "iron");
    scene.publish("1.0.1", "gold!");
    scene.publish("1.0.2", "iron");
    assert_eq!(size(), 9, "the same bytes count once");
}

/// There is no retention setting; a rule of one's own is made of lists, times and deletions.
#[test]
fn old_versions_go_by_a_rule_of_ones_own() {
    let Some(scene) = Scene::furnished() else { return };
    for version in ["1.0.0", "1.0.1", "1.1.0", "2.0.0"] {
        scene.publish(version, version);
    }
    let package = "--domain my-org --repository my-team-repo --format generic --namespace tools --package anvil";
    scene.json(&format!("update-package-versions-status {package} --versions 1.0.1 --target-status Unlisted"));
    let packages = scene.json("list-packages --domain my-org --repository my-team-repo");
    assert_eq!(packages["packages"][0]["package"], "anvil");
    let names = |words: &str| -> Vec<String> {
        let listed = scene.json(&format!("list-package-versions {package} {words}"));
        listed["versions"].as_array().expect("a list").iter().map(|one| one["version"].as_str().expect("text").into()).collect()
    };
    // Newest first; the times are in the descriptions only.
    let newest = names("--status Published --origin-type INTERNAL --sort-by PUBLISHED_TIME");
    assert_eq!(newest, ["2.0.0", "1.1.0", "1.0.0"]);
    let time = |version: &str| {
        let words = format!("describe-package-version {package} --package-version {version} --query packageVersion.publishedTime");
        scene.json(&words).as_f64().expect("seconds")
    };
    assert!(time("1.0.0") < time("2.0.0"));
    // All but the two newest go, each as it was seen; what changed meanwhile stays, and so do the others then.
    let delete = format!("delete-package-versions {package} --expected-status Published --versions");
    let raced = scene.json(&format!("{delete} 1.0.0 1.0.1"));
    assert_eq!(raced["failedVersions"]["1.0.1"]["errorCode"], "MISMATCHED_STATUS");
    assert_eq!(raced["failedVersions"]["1.0.0"]["errorCode"], "SKIPPED");
    assert_eq!(scene.json(&format!("{delete} {}", newest[2]))["successfulVersions"]["1.0.0"]["status"], "Deleted");
    assert_eq!(names("--sort-by PUBLISHED_TIME"), ["2.0.0", "1.1.0", "1.0.1"]);
    // What is deleted can come again; what is disposed of cannot.
    scene.publish("1.0.0", "again");
    scene.json(&format!("dispose-package-versions {package} --versions 1.0.1"));
    let file = scene.sandbox.write("work/late.bin", "late");
    scene.refused(
        &format!(
            "publish-package-version {package} --package-version 1.0.1 --asset-name anvil.bin --asset-sha256 {} \
             --asset-content {}",
            tests::sample::sha256(b"late"),
            file.display()
        ),
        "ConflictException",
    );
}
