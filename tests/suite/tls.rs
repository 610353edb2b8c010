//! The service over TLS, with the authority that each client is told of - and without.

use std::path::PathBuf;

use tests::{Program, Sandbox, SampleWorkspace, Service, programs::find, sample::sha256, sandbox::ACCOUNT};

struct Scene {
    sandbox: Sandbox,
    service: Service,
    authority: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let folder = sandbox.path("tls");
        let shown = folder.to_str().expect("sandboxes have plain names");
        let service = Service::start_with(&sandbox, &["--ephemeral", "--tls", shown]);
        assert!(service.url().starts_with("https://127.0.0.1:"), "{}", service.url());
        sandbox.may_hold_secrets("tls");
        Self { authority: folder.join("ca.pem"), sandbox, service }
    }

    fn aws(&self, words: &str) -> Option<Program> {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.sandbox.aws(&words)
    }

    /// The domain and its token, by the real CLI.
    fn furnish(&self) -> Option<String> {
        let trusting = |words: &str| Some(self.aws(words)?.var("AWS_CA_BUNDLE", &self.authority));
        trusting("create-domain --domain my-org")?.run().success();
        trusting("create-repository --domain my-org --repository my-team-repo")?.run().success();
        let words = "get-authorization-token --domain my-org --query authorizationToken --output text";
        let token = trusting(words)?.answers_secret().run().success().stdout().trim_end().to_owned();
        self.sandbox.guard_token(&token);
        Some(token)
    }

    fn repository(&self, format: &str) -> String {
        format!("{}/d/my-org-{ACCOUNT}/{format}/my-team-repo/", self.service.url())
    }
}

#[test]
fn the_aws_cli_trusts_the_authority_and_moves_an_asset() {
    if find("aws").is_none() {
        return;
    }
    let scene = Scene::new();
    let stranger = scene.aws("list-domains").expect("it was there a moment ago").run().failure();
    assert!(stranger.stderr().contains("SSL"), "{}", stranger.show());
    let Some(_) = scene.furnish() else { return };
    let run = |words: &str| scene.aws(words).unwrap().var("AWS_CA_BUNDLE", &scene.authority).run().success();
    let place = "--domain my-org --repository my-team-repo --format generic --namespace tools --package anvil \
                 --package-version 1.0";
    let file = scene.sandbox.write("work/anvil.bin", "iron");
    run(&format!(
        "publish-package-version {place} --asset-name anvil.bin --asset-sha256 {} --asset-content {}",
        sha256(b"iron"),
        file.display()
    ));
    let got = scene.sandbox.path("work/got.bin");
    run(&format!("get-package-version-asset {place} --asset anvil.bin {}", got.display()));
    assert_eq!(std::fs::read(got).unwrap(), b"iron");
    let endpoint = run("get-repository-endpoint --domain my-org --repository my-team-repo --format cargo").json();
    assert_eq!(endpoint["repositoryEndpoint"], scene.repository("cargo"));
}

#[test]
fn cargo_trusts_the_authority_and_publishes() {
    if find("aws").is_none() {
        return;
    }
    let scene = Scene::new();
    let Some(token) = scene.furnish() else { return };
    let Some(sample) = SampleWorkspace::write(&scene.sandbox, "work/sample") else { return };
    let index = format!("sparse+{}", scene.repository("cargo"));
    let publish = || {
        scene
            .sandbox
            .cargo(&["publish", "--registry", "team", "--no-verify", "--allow-dirty", "--package", tests::sample::CRATES[0]])
            .current_dir(sample.path())
            .var("CARGO_REGISTRIES_TEAM_INDEX", &index)
            .var("CARGO_REGISTRIES_TEAM_TOKEN", &token)
            .var("CARGO_REGISTRIES_TEAM_CREDENTIAL_PROVIDER", "cargo:token")
            .var("CARGO_NET_RETRY", "0")
    };
    let stranger = publish().run().failure();
    assert!(stranger.stderr().to_lowercase().contains("certificate"), "{}", stranger.show());
    publish().var("CARGO_HTTP_CAINFO", &scene.authority).run().success();
}

/// A package that is not there: over TLS this says so, and without the authority the connection does not come about.
#[test]
fn npm_trusts_the_authority() {
    let (Some(npm), Some(_)) = (find("npm"), find("aws")) else { return };
    let scene = Scene::new();
    let Some(token) = scene.furnish() else { return };
    let registry = scene.repository("npm");
    let (_, place) = registry.split_once(':').unwrap();
    let settings = format!("registry={registry}\n{place}:_authToken=${{NPM_TOKEN}}\nfetch-retries=0\nupdate-notifier=false\n");
    let view = |settings: &str| {
        scene.sandbox.write("home/.npmrc", settings);
        let words = ["view", "no-such-package-here"];
        scene.sandbox.program(&npm).args(words).var("NPM_TOKEN", &token).run().failure()
    };
    let stranger = view(&settings);
    assert!(stranger.stderr().contains("certificate"), "{}", stranger.show());
    let trusting = view(&format!("{settings}cafile={}\n", scene.authority.display()));
    assert!(trusting.stderr().contains("E404"), "{}", trusting.show());
}

#[test]
fn pip_trusts_the_authority() {
    let (Some(pip), Some(_)) = (find("pip"), find("aws")) else { return };
    let scene = Scene::new();
    let Some(token) = scene.furnish() else { return };
    let index = format!("{}simple/", scene.repository("pypi"));
    // The token stands in pip's own file, as `aws codeartifact login` writes it.
    let with_token = index.replacen("https://", &format!("https://aws:{token}@"), 1);
    scene.sandbox.write("pip.conf", format!("[global]\nindex-url = {with_token}\n"));
    scene.sandbox.may_hold_secrets("pip.conf");
    let download = |more: &[&str]| {
        scene
            .sandbox
            .program(&pip)
            .args(["download", "--no-deps", "--retries", "0", "no-such-package-here"])
            .args(more)
            .var("PIP_CONFIG_FILE", scene.sandbox.path("pip.conf"))
            .var("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .run()
            .failure()
    };
    let stranger = download(&[]);
    assert!(stranger.stdout().contains("CERTIFICATE_VERIFY_FAILED"), "{}", stranger.show());
    let trusting = download(&["--cert", scene.authority.to_str().unwrap()]);
    assert!(trusting.stderr().contains("No matching distribution"), "{}", trusting.show());
    assert!(!trusting.stdout().contains("CERTIFICATE"), "{}", trusting.show());
}
