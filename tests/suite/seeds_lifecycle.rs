//! The rest of the lifecycle that everything here must go through: growing versions, groups, expired tokens, the order
//! of deletions.

use std::fs;

use serde_json::{Value, json};
use tests::{
    Sandbox, Service,
    programs::{find, python_tool},
    sample::sha256,
    sandbox::ACCOUNT,
};

use crate::seeds_aws_cli::Scene;

const ANVIL: &str = "--domain my-org --repository my-team-repo --format generic --namespace tools --package anvil --package-version 1.0.0";

fn upload(scene: &Scene, asset: &str, content: &str) -> String {
    let file = scene.sandbox.write(format!("work/{asset}"), content);
    format!(
        "publish-package-version {ANVIL} --asset-name {asset} --asset-sha256 {} --asset-content {}",
        sha256(content.as_bytes()),
        file.display()
    )
}

#[test]
fn a_generic_version_grows_until_it_is_published() {
    let Some(scene) = Scene::furnished() else { return };
    for (asset, content) in [("anvil.bin", "iron"), ("notes.txt", "heavy")] {
        let grown = scene.json(&format!("{} --unfinished", upload(&scene, asset, content)));
        assert_eq!((&grown["status"], &grown["asset"]["name"]), (&json!("Unfinished"), &json!(asset)));
    }
    let announced = upload(&scene, "last.bin", "last");
    scene.refused(&announced.replace(&sha256(b"last"), &sha256(b"least")), "ValidationException");
    let finished = scene.json(&announced);
    assert_eq!((&finished["status"], &finished["namespace"]), (&json!("Published"), &json!("tools")));
    scene.refused(&upload(&scene, "late.bin", "late"), "ConflictException");

    let listed = scene.json(&format!("list-package-version-assets {ANVIL}"));
    let assets = listed["assets"].as_array().expect("a list").iter().map(|one| (&one["name"], &one["size"]));
    let expected = [("anvil.bin", 4), ("last.bin", 4), ("notes.txt", 5)].map(|(name, size)| (json!(name), json!(size)));
    assert!(assets.eq(expected.iter().map(|(name, size)| (name, size))), "{listed}");
    let file = scene.sandbox.path("work/fetched");
    let fetched = scene.json(&format!("get-package-version-asset {ANVIL} --asset notes.txt {}", file.display()));
    assert_eq!(fs::read(file).expect("the CLI wrote it"), b"heavy");
    // These come as headers.
    assert_eq!(
        (&fetched["assetName"], &fetched["packageVersion"], &fetched["packageVersionRevision"]),
        (&json!("notes.txt"), &json!("1.0.0"), &finished["versionRevision"])
    );
    scene.refused(&format!("get-package-version-readme {ANVIL}"), "ResourceNotFoundException");
    scene.refused(&format!("get-package-version-asset {ANVIL} --asset none.bin work/none"), "ResourceNotFoundException");
}

#[test]
fn a_group_blocks_publishing() {
    let Some(scene) = Scene::furnished() else { return };
    scene.json("create-package-group --domain my-org --package-group /generic/tools/*");
    let restrict = "update-package-group-origin-configuration --domain my-org --package-group /generic/tools/* --restrictions";
    scene.json(&format!("{restrict} PUBLISH=BLOCK"));
    let upload = upload(&scene, "anvil.bin", "iron");
    scene.aws(&upload).run().failure().says("AccessDeniedException").says("/generic/tools/*");
    scene.json(&format!("{restrict} PUBLISH=INHERIT"));
    assert_eq!(scene.json(&upload)["status"], "Published");
}

/// A token that has expired is refused with a challenge, and this is what each client makes of it.
#[test]
fn an_expired_token_is_refused_to_each_client() {
    let sandbox = Sandbox::new();
    let (Some(npm), Some(pip), Some(uv)) = (find("npm"), python_tool("pip"), python_tool("uv")) else { return };
    let faults = sandbox.write("work/faults.json", json!({ "rules": [{ "path": "/d/", "expire-token": true }] }).to_string());
    let faults = faults.to_str().expect("sandbox paths are text");
    let service = Service::start_with(&sandbox, &["--ephemeral", "--faults", faults]);
    service.make("my-org", &["my-team-repo"]);
    let token = service.token("my-org");
    sandbox.guard_token(&token);
    let endpoint = |format: &str| format!("{}/d/my-org-{ACCOUNT}/{format}/my-team-repo/", service.url());

    sandbox.may_hold_secrets("home");
    let registry = endpoint("npm");
    let bare = registry.strip_prefix("http:").expect("the service says http");
    sandbox.write("home/.npmrc", format!("registry={registry}\n{bare}:_authToken={token}\n"));
    let view = sandbox.program(&npm).args(["view", "left"]).var("npm_config_cache", sandbox.path("cache/npm"));
    view.run().failure().says("E401");

    sandbox.write("home/.netrc", format!("machine 127.0.0.1 login aws password {token}\n"));
    let index = format!("{}simple/", endpoint("pypi"));
    let target = sandbox.path("work/installed");
    let into = ["install", "--target", target.to_str().expect("sandbox paths are text")];
    let quiet = ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--retries", "0"];
    let installed = sandbox.program(&pip).args(into).args(quiet).args(["--index-url", &index, "left"]).run();
    installed.failure().says("No matching distribution found");
    let installed = sandbox.program(&uv).arg("pip").args(into).args(["--default-index", &index, "left"]);
    installed.var("UV_NO_CONFIG", "1").var("UV_PYTHON_DOWNLOADS", "never").run().failure().says("401");

    sandbox.write(
        "home/.cargo/config.toml",
        format!(
            "[registries.team]\nindex = \"{}\"\ncredential-provider = [\"cargo:token\"]\n",
            service.cargo_index("my-org", "my-team-repo")
        ),
    );
    sandbox.write("home/.cargo/credentials.toml", format!("[registries.team]\ntoken = \"{token}\"\n"));
    let manifest = "[package]\nname = \"consumer\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
                    [dependencies]\nleft = { version = \"1\", registry = \"team\" }\n";
    sandbox.write("work/consumer/Cargo.toml", manifest);
    sandbox.write("work/consumer/src/lib.rs", "");
    sandbox.cargo(&["fetch"]).current_dir(sandbox.path("work/consumer")).run().failure().says("401");
    service.stop().success();
}

#[test]
fn what_is_missing_or_in_the_way_is_named() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("my-org", &["my-team-repo", "one", "three", "two"]);
    let of = "domain=my-org&repository=my-team-repo&format=generic&namespace=tools";
    for (method, path, status, resource, id) in [
        ("GET", "domain?domain=nobody".to_owned(), 404, "domain", "nobody"),
        ("GET", "repository?domain=my-org&repository=nowhere".to_owned(), 404, "repository", "nowhere"),
        ("GET", format!("package?{of}&package=none"), 404, "package", "generic/tools/none"),
        ("GET", "domain/permissions/policy?domain=my-org".to_owned(), 404, "domain", "my-org"),
        ("POST", "domain?domain=my-org".to_owned(), 409, "domain", "my-org"),
        ("POST", "repository?domain=my-org&repository=one".to_owned(), 409, "repository", "one"),
        ("DELETE", "domain?domain=my-org".to_owned(), 409, "domain", "my-org"),
    ] {
        let answer = service.call(method, &path, if method == "POST" { "{}" } else { "" });
        let body: Value = serde_json::from_slice(&answer.body).expect("errors are JSON");
        let said = (answer.status, &body["resourceType"], &body["resourceId"]);
        assert_eq!(said, (status, &json!(resource), &json!(id)), "{method} {path}: {body}");
    }
    // Pages of one, each found by what the one before says.
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("domain/repositories?domain=my-org&max-results=1{next}");
        let page: Value = serde_json::from_slice(&service.call("POST", &path, "").body).expect("the answer is JSON");
        let repositories = page["repositories"].as_array().expect("a list");
        assert!(repositories.len() <= 1, "{page}");
        names.extend(repositories.iter().map(|one| one["name"].as_str().expect("a name").to_owned()));
        let Some(token) = page["nextToken"].as_str() else { break };
        assert!(names.len() <= 4, "the pages do not end");
        next = format!("&next-token={token}");
    }
    assert_eq!(names, ["my-team-repo", "one", "three", "two"]);
    // The repositories go first, then the domain.
    for name in names {
        assert_eq!(service.call("DELETE", &format!("repository?domain=my-org&repository={name}"), "").status, 200);
    }
    assert_eq!(service.call("DELETE", "domain?domain=my-org", "").status, 200);
    service.stop().success();
}
