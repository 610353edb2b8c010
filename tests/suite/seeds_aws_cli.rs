//! The real AWS CLI against the embedded service, as people script it.

use serde_json::{Value, json};
use tests::{Program, Sandbox, Service, programs::find, sample::sha256, sandbox::ACCOUNT, service::{send, signature}};

/// A sandbox, a service, and the CLI in front of it.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) service: Service,
}

impl Scene {
    /// Nothing if the CLI is not installed.
    pub(crate) fn new() -> Option<Self> {
        Self::with(Sandbox::new(), &["--ephemeral"])
    }

    /// With a sandbox that something is in, and a service that is told something.
    pub(crate) fn with(sandbox: Sandbox, options: &[&str]) -> Option<Self> {
        find("aws")?;
        let service = Service::start_with(&sandbox, options);
        Some(Self { sandbox, service })
    }

    /// `aws codeartifact WORDS`.
    pub(crate) fn aws(&self, words: &str) -> Program {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.sandbox.aws(&words).expect("the CLI was there a moment ago")
    }

    /// What it prints, as JSON.
    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Value {
        self.aws(words).run().success().json()
    }

    /// It is refused with this exception.
    #[track_caller]
    pub(crate) fn refused(&self, words: &str, exception: &str) {
        self.aws(words).run().failure().says(exception);
    }

    /// A domain with a team's and a shared repository.
    pub(crate) fn furnished() -> Option<Self> {
        let scene = Self::new()?;
        scene.service.make("my-org", &["my-team-repo", "my-shared-repo"]);
        Some(scene)
    }

    /// Publishes a generic version of one asset.
    pub(crate) fn publish(&self, version: &str, content: &str) -> Value {
        let file = self.sandbox.write(format!("work/{version}.bin"), content);
        let words = format!(
            "publish-package-version --domain my-org --repository my-team-repo --format generic --namespace tools \
             --package anvil --package-version {version} --asset-name anvil.bin --asset-sha256 {} --asset-content {}",
            sha256(content.as_bytes()),
            file.display()
        );
        self.json(&words)
    }
}

#[test]
fn domains_and_repositories_live_and_die() {
    let Some(scene) = Scene::new() else { return };
    let made = scene.json("create-domain --domain my-org");
    assert_eq!(made["domain"]["name"], "my-org");
    assert_eq!(made["domain"]["owner"], ACCOUNT);
    assert_eq!(made["domain"]["status"], "Active");
    assert_eq!(made["domain"]["arn"], format!("arn:aws:codeartifact:us-east-1:{ACCOUNT}:domain/my-org"));
    scene.refused("create-domain --domain my-org", "ConflictException");
    scene.refused("create-domain --domain my_domain", "ValidationException");

    for repository in ["my-shared-repo", "my-team-repo"] {
        let made = scene.json(&format!(
            "create-repository --domain my-org --domain-owner {ACCOUNT} --repository {repository} --description mine"
        ));
        assert_eq!(made["repository"]["name"], repository);
        assert_eq!(made["repository"]["administratorAccount"], ACCOUNT);
        assert_eq!(made["repository"]["description"], "mine");
        assert_eq!(made["repository"]["upstreams"], json!([]));
    }
    scene.refused("create-repository --domain my-org --repository my-team-repo", "ConflictException");
    scene.refused("create-repository --domain other-org --repository my-team-repo", "ResourceNotFoundException");

    let updated = scene.json(
        "update-repository --domain my-org --repository my-team-repo --upstreams repositoryName=my-shared-repo",
    );
    assert_eq!(updated["repository"]["upstreams"], json!([{ "repositoryName": "my-shared-repo" }]));
    scene.refused(
        "update-repository --domain my-org --repository my-team-repo --upstreams repositoryName=nobody",
        "ResourceNotFoundException",
    );
    let listed = scene.json("list-repositories-in-domain --domain my-org");
    let names: Vec<&str> =
        listed["repositories"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["my-shared-repo", "my-team-repo"]);
    // Pages of one add up to the same.
    let paged = scene.json("list-repositories-in-domain --domain my-org --page-size 1");
    assert_eq!(paged["repositories"], listed["repositories"]);

    scene.refused("delete-domain --domain my-org", "ConflictException");
    for repository in ["my-team-repo", "my-shared-repo"] {
        let gone = scene.json(&format!(
            "delete-repository --domain my-org --domain-owner {ACCOUNT} --repository {repository}"
        ));
        assert_eq!(gone["repository"]["name"], repository);
    }
    scene.refused("describe-repository --domain my-org --repository my-team-repo", "ResourceNotFoundException");
    let gone = scene.json(&format!("delete-domain --domain my-org --domain-owner {ACCOUNT}"));
    assert_eq!(gone["domain"]["status"], "Deleted");
    scene.refused("describe-domain --domain my-org", "ResourceNotFoundException");
    assert_eq!(scene.json("list-domains")["domains"], json!([]));
}

#[test]
fn tokens_open_the_domain_and_only_while_they_hold() {
    let Some(scene) = Scene::furnished() else { return };
    let words = "get-authorization-token --domain my-org --query authorizationToken --output text";
    let outcome = scene.aws(words).answers_secret().run().success();
    let token = outcome.stdout().trim_end().to_owned();
    scene.sandbox.guard_token(&token);
    assert!(token.starts_with("eyJ") && (300..=1024).contains(&token.len()), "{} characters", token.len());

    let endpoint =
        scene.json("get-repository-endpoint --domain my-org --repository my-team-repo --format cargo")["repositoryEndpoint"]
            .as_str()
            .unwrap()
            .to_owned();
    assert_eq!(endpoint, format!("{}/d/my-org-{ACCOUNT}/cargo/my-team-repo/", scene.service.url()));
    let config = format!("{endpoint}config.json");
    assert_eq!(send("GET", &config, Some(&token), b"").status, 200);
    assert_eq!(send("GET", &config, Some(&format!("Bearer {token}")), b"").status, 200);
    assert_eq!(send("GET", &config, None, b"").status, 401);
    assert_eq!(send("GET", &config, Some(&token[..token.len() - 1]), b"").status, 401);

    scene.refused("get-authorization-token --domain my-org --duration-seconds 899", "ValidationException");
    scene.refused("get-authorization-token --domain nobody", "ResourceNotFoundException");
    // Another domain's token opens nothing here.
    scene.service.make("other-org", &[]);
    let other = scene.service.token("other-org");
    assert!(matches!(send("GET", &config, Some(&other), b"").status, 401 | 403));
}

#[test]
fn generic_versions_are_published_copied_hidden_and_destroyed() {
    let Some(scene) = Scene::furnished() else { return };
    let package = "--domain my-org --format generic --namespace tools --package anvil";
    let published = scene.publish("6.0.2", "iron");
    assert_eq!(published["status"], "Published");
    assert_eq!(published["asset"]["hashes"]["SHA-256"], sha256(b"iron"));
    assert_eq!(scene.publish("6.0.2", "iron")["versionRevision"], published["versionRevision"], "the same bytes again");

    // Other bytes, or bytes that are not what was announced.
    let other = scene.sandbox.write("work/other.bin", "lead");
    let upload = format!(
        "publish-package-version {package} --repository my-team-repo --package-version 6.0.2 --asset-name anvil.bin \
         --asset-content {} --asset-sha256",
        other.display()
    );
    scene.refused(&format!("{upload} {}", sha256(b"lead")), "ConflictException");
    scene.refused(&format!("{upload} {}", sha256(b"gold")), "ValidationException");

    let listed = scene.json("list-packages --domain my-org --repository my-team-repo");
    assert_eq!(listed["packages"][0]["package"], "anvil");
    assert_eq!(listed["packages"][0]["namespace"], "tools");
    let described =
        scene.json(&format!("describe-package-version {package} --repository my-team-repo --package-version 6.0.2"));
    assert_eq!(described["packageVersion"]["status"], "Published");
    assert_eq!(described["packageVersion"]["origin"]["originType"], "INTERNAL");
    assert_eq!(described["packageVersion"]["revision"], published["versionRevision"]);

    let copy = format!("copy-package-versions {package} --source-repository my-team-repo");
    let copied = scene
        .aws(&format!("{copy} --destination-repository my-shared-repo --versions"))
        .arg(r#"["6.0.2"]"#)
        .run()
        .success()
        .json();
    assert_eq!(copied["successfulVersions"]["6.0.2"]["revision"], published["versionRevision"], "bit for bit");
    let again = scene.json(&format!("{copy} --destination-repository my-shared-repo --versions 6.0.2"));
    assert_eq!((&again["successfulVersions"], &again["failedVersions"]), (&json!({}), &json!({})));
    let missing = scene.json(&format!("{copy} --destination-repository my-shared-repo --versions 9.9.9"));
    assert_eq!(missing["failedVersions"]["9.9.9"]["errorCode"], "NOT_FOUND");
    scene.refused(&format!("{copy} --destination-repository nobody --versions 6.0.2"), "ResourceNotFoundException");

    let fetched = scene.sandbox.path("work/fetched.bin");
    scene.json(&format!(
        "get-package-version-asset {package} --repository my-shared-repo --package-version 6.0.2 --asset anvil.bin {}",
        fetched.display()
    ));
    assert_eq!(std::fs::read(fetched).unwrap(), b"iron");

    let status = format!("update-package-versions-status {package} --repository my-team-repo --versions 6.0.2");
    let updated = scene.json(&format!("{status} --target-status Archived --expected-status Published"));
    assert_eq!(updated["successfulVersions"]["6.0.2"]["status"], "Archived");
    let stale = scene.json(&format!("{status} --target-status Unlisted --expected-status Published"));
    assert_eq!(stale["failedVersions"]["6.0.2"]["errorCode"], "MISMATCHED_STATUS");

    let dispose = format!("dispose-package-versions {package} --repository my-team-repo --versions 6.0.2");
    assert_eq!(scene.json(&dispose)["successfulVersions"]["6.0.2"]["status"], "Disposed");
    let delete = format!("delete-package-versions {package} --repository my-team-repo --versions 6.0.2");
    assert_eq!(scene.json(&delete)["successfulVersions"]["6.0.2"]["status"], "Deleted");
    // What was promoted does not depend on where it came from.
    let shared =
        scene.json(&format!("list-package-version-assets {package} --repository my-shared-repo --package-version 6.0.2"));
    assert_eq!(shared["assets"][0]["hashes"]["SHA-256"], sha256(b"iron"));
}

#[test]
fn tags_are_kept() {
    let Some(scene) = Scene::furnished() else { return };
    let arn = format!("arn:aws:codeartifact:us-east-1:{ACCOUNT}:repository/my-org/my-team-repo");
    scene.aws(&format!("tag-resource --resource-arn {arn} --tags key=team,value=blue")).run().success();
    let tags = scene.json(&format!("list-tags-for-resource --resource-arn {arn}"));
    assert_eq!(tags["tags"], json!([{ "key": "team", "value": "blue" }]));
    scene.aws(&format!("untag-resource --resource-arn {arn} --tag-keys team")).run().success();
    assert_eq!(scene.json(&format!("list-tags-for-resource --resource-arn {arn}"))["tags"], json!([]));
}

#[test]
fn pages_from_other_sites_and_names_get_nothing() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("my-org", &["my-team-repo"]);
    let (address, url) = (service.address().to_owned(), service.url().to_owned());
    for (host, more, allowed) in [
        (&*address, "", true),
        (&*address.replace("127.0.0.1", "localhost"), "", true),
        ("evil.example", "", false),
        (&*address.replace("127.0.0.1", "evil.example"), "", false),
        (&*address.replace("127.0.0.1", "127.0.0.1.evil.example"), "", false),
        ("127.0.0.1:1", "", false),
        ("169.254.169.254", "", false),
        ("", "", false),
        (&*address, "Origin: http://evil.example\r\n", false),
        (&*address, "Origin: null\r\n", false),
        (&*address, &*format!("Origin: {url}\r\n"), false),
        (&*address, "Sec-Fetch-Site: cross-site\r\n", false),
    ] {
        for line in ["POST /v1/domains", "GET /d/my-org-111122223333/cargo/my-team-repo/config.json"] {
            let head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {}\r\n{more}", signature());
            let status = raw_status(&address, &head);
            let refused = matches!(status, 400 | 403 | 421);
            assert_eq!(refused, !allowed, "{line} for `{host}` {more}: {status}");
        }
    }
}

/// The status of an answer to a request written by hand: HTTP clients do not let one lie about the host.
fn raw_status(address: &str, head: &str) -> u16 {
    use std::io::{BufRead as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a limit is set");
    stream.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).expect("the service reads");
    let mut line = String::new();
    std::io::BufReader::new(stream).read_line(&mut line).expect("the service answers in time");
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in `{line}`"))
}
