//! Accounts that share: the policies of the field's articles, with the real AWS CLI and signatures that are verified.

use serde_json::{Value, json};
use tests::{
    Program, Sandbox, Service,
    programs::find,
    sample::sha256,
    service::{Answer, send},
};

const OWNER: &str = "111122223333";
const TEAM: &str = "444455556666";

/// An access key and its secret.
type Key = (&'static str, &'static str);
const PLATFORM: Key = ("AKIDPLATFORM", "platform-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");
const READER: Key = ("AKIDREADER", "reader-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");
const PUBLISHER: Key = ("AKIDPUBLISHER", "publisher-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");

/// A strict service for one account that owns the domain, and two principals of another one.
struct Scene {
    sandbox: Sandbox,
    service: Service,
}

impl Scene {
    /// Nothing if the CLI is not installed.
    fn new() -> Option<Self> {
        if find("aws").is_none() {
            println!("the AWS CLI is not installed: the journey of policies is left out");
            return None;
        }
        let sandbox = Sandbox::new();
        let principal = |arn: String, (id, secret): Key| json!({ "arn": arn, "keys": [{ "id": id, "secret": secret }] });
        let identities = json!({ "principals": [
            principal(format!("arn:aws:iam::{OWNER}:user/platform"), PLATFORM),
            principal(format!("arn:aws:iam::{TEAM}:user/reader"), READER),
            principal(format!("arn:aws:sts::{TEAM}:assumed-role/publisher/build-7"), PUBLISHER),
        ]});
        let file = sandbox.write("config/identities.json", identities.to_string());
        sandbox.may_hold_secrets("config");
        let service =
            Service::start_with(&sandbox, &["--ephemeral", "--strict-auth", file.to_str().expect("sandbox paths are text")]);
        let scene = Self { sandbox, service };
        scene.done(PLATFORM, "create-domain --domain my-org");
        for repository in ["my-team-repo", "my-shared-repo-name"] {
            scene.done(PLATFORM, &format!("create-repository --domain my-org --domain-owner {OWNER} --repository {repository}"));
        }
        Some(scene)
    }

    fn aws(&self, (id, secret): Key, words: &str) -> Program {
        let words: Vec<&str> = words.split_whitespace().collect();
        let program = self.sandbox.aws(&words).expect("the CLI was there a moment ago");
        program.var("AWS_ACCESS_KEY_ID", id).var("AWS_SECRET_ACCESS_KEY", secret)
    }

    #[track_caller]
    fn done(&self, key: Key, words: &str) -> Value {
        self.aws(key, words).run().success().json()
    }

    #[track_caller]
    fn denied(&self, key: Key, words: &str, reason: &str) {
        self.aws(key, words).run().failure().says("AccessDeniedException").says(reason);
    }

    fn policy(&self, name: &str, document: &Value) -> String {
        format!("file://{}", self.sandbox.write(format!("work/{name}.json"), document.to_string()).display())
    }

    fn token(&self, key: Key) -> String {
        let words = format!(
            "get-authorization-token --domain my-org --domain-owner {OWNER} --query authorizationToken --output text"
        );
        let outcome = self.aws(key, &words).answers_secret().run().success();
        let token = outcome.stdout().trim_end().to_owned();
        self.sandbox.guard_token(&token);
        token
    }

    fn read(&self, token: &str, repository: &str) -> Answer {
        let url = format!("{}/d/my-org-{OWNER}/cargo/{repository}/config.json", self.service.url());
        send("GET", &url, Some(token), b"")
    }

    fn publish(&self, version: &str) -> String {
        let file = self.sandbox.write(format!("work/{version}.bin"), version);
        format!(
            "publish-package-version --domain my-org --domain-owner {OWNER} --repository my-shared-repo-name \
             --format generic --namespace tools --package anvil --package-version {version} --asset-name anvil.bin \
             --asset-sha256 {} --asset-content {}",
            sha256(version.as_bytes()),
            file.display()
        )
    }
}

fn allow(principal: &str, actions: &[&str]) -> Value {
    let actions: Vec<String> = actions.iter().map(|action| format!("codeartifact:{action}")).collect();
    json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": actions, "Resource": "*" })
}

#[test]
fn a_shared_repository_is_read_by_a_team_and_published_to_by_one_role() {
    let Some(scene) = Scene::new() else { return };
    let names = format!("--domain my-org --domain-owner {OWNER}");
    let token = format!("get-authorization-token {names}");
    scene.denied(READER, &token, "the policy of domain `my-org` is needed to allow it to another account");

    let root = format!("arn:aws:iam::{TEAM}:root");
    let domain = scene.policy("domain", &json!({ "Version": "2012-10-17", "Statement": [allow(&root, &["GetAuthorizationToken"])] }));
    scene.done(PLATFORM, &format!("put-domain-permissions-policy {names} --policy-document {domain}"));
    let reader = scene.token(READER);
    let refused = scene.read(&reader, "my-shared-repo-name");
    assert_eq!(refused.status, 403, "the repository's policy is needed, too");
    assert!(refused.text().contains("ReadFromRepository"), "{}", refused.text());

    let reading = ["DescribePackageVersion", "DescribeRepository", "GetRepositoryEndpoint", "ListPackages",
        "ListPackageVersions", "ReadFromRepository"];
    let read_only = json!({ "Version": "2012-10-17", "Statement": [allow(&root, &reading)] });
    let file = scene.policy("read-only", &read_only);
    let put = format!("put-repository-permissions-policy {names} --repository my-shared-repo-name --policy-document");
    let first = scene.done(PLATFORM, &format!("{put} {file}"))["policy"]["revision"].as_str().unwrap().to_owned();
    assert_eq!(scene.read(&reader, "my-shared-repo-name").status, 200);
    assert_eq!(scene.read(&reader, "my-team-repo").status, 403);
    scene.done(READER, &format!("list-packages {names} --repository my-shared-repo-name"));

    let (one, two) = (scene.publish("1.0.0"), scene.publish("2.0.0"));
    scene.denied(READER, &one, "the policy of repository `my-shared-repo-name` has no statement that allows it");
    scene.denied(PUBLISHER, &one, "codeartifact:PublishPackageVersion");
    // One role more, and only if nobody changed the policy meanwhile.
    let role = format!("arn:aws:iam::{TEAM}:role/publisher");
    let shared = json!({ "Version": "2012-10-17", "Statement": [allow(&root, &reading), allow(&role, &["PublishPackageVersion"])] });
    let file = scene.policy("shared", &shared);
    let second = scene.done(PLATFORM, &format!("{put} {file} --policy-revision {first}"));
    scene.aws(PLATFORM, &format!("{put} {file} --policy-revision {first}")).run().failure().says("ConflictException");
    assert_eq!(scene.done(PUBLISHER, &one)["status"], "Published");
    scene.denied(READER, &two, "codeartifact:PublishPackageVersion");
    let versions = format!(
        "list-package-versions {names} --repository my-shared-repo-name --format generic --namespace tools --package anvil"
    );
    assert_eq!(scene.done(READER, &versions)["versions"][0]["version"], "1.0.0");
    scene.denied(PUBLISHER, &format!("{put} {file}"), "no policy can grant this to another account");
    scene.denied(READER, &format!("delete-repository {names} --repository my-shared-repo-name"), "DeleteRepository");

    let got = scene.done(PLATFORM, &format!("get-repository-permissions-policy {names} --repository my-shared-repo-name"));
    assert_eq!(got, second);
    let document: Value = serde_json::from_str(got["policy"]["document"].as_str().unwrap()).unwrap();
    assert_eq!(document, shared);
    let gone = scene.done(PLATFORM, &format!("delete-repository-permissions-policy {names} --repository my-shared-repo-name"));
    assert_eq!(gone, second);
    assert_eq!(scene.read(&reader, "my-shared-repo-name").status, 403);
    let gone = scene.done(PLATFORM, &format!("delete-domain-permissions-policy {names}"));
    assert_eq!(gone["policy"]["resourceArn"], format!("arn:aws:codeartifact:us-east-1:{OWNER}:domain/my-org"));
    scene.aws(PLATFORM, &format!("get-domain-permissions-policy {names}")).run().failure().says("ResourceNotFoundException");
    scene.denied(READER, &token, "GetAuthorizationToken");
}

#[test]
fn reading_that_the_domain_allows_opens_no_repository_and_groups_are_no_principals() {
    let Some(scene) = Scene::new() else { return };
    let names = format!("--domain my-org --domain-owner {OWNER}");
    let root = format!("arn:aws:iam::{TEAM}:root");
    let document = json!({ "Version": "2012-10-17", "Statement": [allow(&root, &["GetAuthorizationToken", "ReadFromRepository"])] });
    let file = scene.policy("domain", &document);
    scene.done(PLATFORM, &format!("put-domain-permissions-policy {names} --policy-document {file}"));
    let token = scene.token(READER);
    assert_eq!(scene.read(&token, "my-team-repo").status, 403);

    let put = format!("put-repository-permissions-policy {names} --repository my-team-repo --policy-document");
    let everyone = |network: &str| {
        let mut statement = allow("*", &["GetAuthorizationToken", "ReadFromRepository"]);
        statement["Condition"] = json!({ "IpAddress": { "aws:SourceIp": network } });
        statement
    };
    let group = allow("arn:aws:iam::123456789012:group/package-publishers", &["ReadFromRepository", "PublishPackageVersion"]);
    let file = scene.policy("group", &json!({ "Version": "2012-10-17", "Statement": [group, everyone("10.0.0.0/8")] }));
    scene.aws(PLATFORM, &format!("{put} {file}")).run().failure().says("ValidationException").says("groups cannot be principals");
    for (network, expected) in [("10.0.0.0/8", 403), ("127.0.0.0/8", 200)] {
        let file = scene.policy("network", &json!({ "Version": "2012-10-17", "Statement": [everyone(network)] }));
        scene.done(PLATFORM, &format!("{put} {file}"));
        assert_eq!(scene.read(&token, "my-team-repo").status, expected, "{network}");
    }
}

#[test]
fn a_strict_service_serves_whom_it_knows() {
    let Some(scene) = Scene::new() else { return };
    scene.denied(("AKIDNOBODY", PLATFORM.1), "list-domains", "the access key `AKIDNOBODY` is not known");
    scene.denied((PLATFORM.0, READER.1), "list-domains", "the signature does not match");
    assert_eq!(scene.done(PLATFORM, "list-domains")["domains"][0]["name"], "my-org");
    assert_eq!(scene.done(READER, "list-domains")["domains"], json!([]));
    let mut session = scene.aws(PLATFORM, "list-domains");
    session = session.var("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE");
    session.run().failure().says("has no session token");
}
