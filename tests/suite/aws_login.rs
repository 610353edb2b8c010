//! `aws codeartifact login` for every tool it knows, with an empty home; and the tools with what it wrote.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    Outcome, Program, Sandbox, Source,
    npm_packages::{self, manifest},
    programs::{find, host, python_tool},
    sandbox::ACCOUNT,
    service::send,
};

use crate::seeds_aws_cli::Scene;

/// A domain as an article has it: `store` is connected, `my-team-repo` has it upstream, `frontend` has the team's.
fn furnish(scene: &Scene, connection: &str) {
    scene.json("create-domain --domain my-org");
    scene.json("create-repository --domain my-org --repository store");
    scene.json(&format!(
        "associate-external-connection --domain my-org --repository store --external-connection {connection}"
    ));
    for (name, upstream) in [("my-team-repo", "store"), ("frontend", "my-team-repo")] {
        scene.json(&format!(
            "create-repository --domain my-org --repository {name} --upstreams repositoryName={upstream}"
        ));
    }
}

fn endpoint(scene: &Scene, format: &str, repository: &str) -> String {
    format!("{}/d/my-org-{ACCOUNT}/{format}/{repository}/", scene.service.url())
}

fn login(scene: &Scene, tool: &str, repository: &str) -> Program {
    let words = format!("login --tool {tool} --domain my-org --domain-owner {ACCOUNT} --repository {repository}");
    scene.aws(&words)
}

/// What it says when it has done it.
fn configured(outcome: &Outcome, tool: &str, endpoint: &str) {
    let said = format!("Successfully configured {tool} to use AWS CodeArtifact repository {endpoint}");
    assert!(outcome.stdout().contains(&said), "{}", outcome.show());
    assert!(outcome.stdout().contains("Login expires in 12 hours"), "{}", outcome.show());
}

/// The token in a text, which nothing else may show from now on.
fn guard_token_of(scene: &Scene, text: &str) -> String {
    let start = text.find("eyJ").expect("a token was written");
    let token: String = text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "._~-".contains(*c)).collect();
    scene.sandbox.guard_token(&token);
    token
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("the file is there").permissions().mode() & 0o777
}

/// The names of the packages a repository has itself.
fn kept(scene: &Scene, repository: &str) -> Vec<String> {
    let listed = scene.json(&format!("list-packages --domain my-org --repository {repository}"));
    let packages = listed["packages"].as_array().expect("a list");
    packages.iter().map(|one| one["package"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn npm_does_what_it_was_led_to() {
    let sandbox = Sandbox::new();
    let Some(npm) = find("npm") else { return };
    sandbox.set("npm_config_cache", sandbox.path("cache/npm"));
    // `login` hands the token to `npm config set` as an argument, and npm logs its arguments.
    sandbox.may_hold_secrets("cache/npm/_logs");
    sandbox.may_hold_secrets("home/.npmrc");
    npm_packages::write(
        &sandbox.path("source"),
        &[manifest("tiny", "1.0.0", &[]), manifest("kit", "1.0.0", &[("tiny", "^1.0.0")])],
    );
    let source = Source::serve(sandbox.path("source"));
    let external = format!("public:npmjs={}", source.url());
    let Some(scene) = Scene::with(sandbox, &["--ephemeral", "--external", &external]) else { return };
    furnish(&scene, "public:npmjs");
    let npm = |folder: &str, words: &[&str]| {
        scene.sandbox.program(&npm).args(words).current_dir(scene.sandbox.path(format!("work/{folder}"))).run()
    };

    // What is piped into it is not read: it fetches a token of its own.
    let team = endpoint(&scene, "npm", "my-team-repo");
    let outcome = login(&scene, "npm", "my-team-repo").arg("--region").arg("us-east-1").stdin("not-a-token").run().success();
    configured(&outcome, "npm", &team);
    let file = scene.sandbox.path("home/.npmrc");
    let written = fs::read_to_string(&file).expect("login wrote it");
    let token = guard_token_of(&scene, &written);
    let key = format!("{}:_authToken={token}", team.strip_prefix("http:").expect("the service says http"));
    assert_eq!(written.lines().collect::<Vec<_>>(), [&*format!("registry={team}"), &*key]);
    assert_eq!(mode(&file), 0o600);

    // Installing, through what is upstream.
    scene.sandbox.write("work/app/package.json", json!({ "name": "app", "version": "1.0.0" }).to_string());
    npm("app", &["install", "kit"]).success();
    assert!(scene.sandbox.path("work/app/node_modules/tiny/index.js").exists());
    assert_eq!((kept(&scene, "my-team-repo"), kept(&scene, "store")), (vec!["kit".into(), "tiny".into()], vec!["kit".into(), "tiny".into()]));
    npm("app", &["ping"]).success();
    npm("app", &["whoami"]).failure().says("E404");

    // Publishing; the next repository down has it at once.
    let own = json!({ "name": "my-package", "version": "6.0.1", "license": "MIT", "dependencies": { "kit": "1.0.0" } });
    scene.sandbox.write("work/own/package.json", own.to_string());
    npm("own", &["version", "6.0.2", "--no-git-tag-version"]).success();
    npm("own", &["publish"]).success();
    let described = scene.json(
        "describe-package-version --domain my-org --repository my-team-repo --format npm --package my-package \
         --package-version 6.0.2",
    );
    assert_eq!(described["packageVersion"]["status"], "Published");
    let origin = json!({ "originType": "INTERNAL", "domainEntryPoint": { "repositoryName": "my-team-repo" } });
    assert_eq!(described["packageVersion"]["origin"], origin);
    configured(&login(&scene, "npm", "frontend").run().success(), "npm", &endpoint(&scene, "npm", "frontend"));
    guard_token_of(&scene, fs::read_to_string(&file).expect("login wrote it").rsplit('=').next().expect("a value"));
    // npm keeps what it packs and fetches, and would ask nobody for it.
    fs::remove_dir_all(scene.sandbox.path("cache/npm/_cacache")).expect("npm has a cache");
    scene.sandbox.write("work/page/package.json", json!({ "name": "page", "version": "1.0.0" }).to_string());
    npm("page", &["install", "my-package@6.0.2"]).success();
    assert_eq!(kept(&scene, "frontend"), ["kit", "my-package", "tiny"]);

    // For one scope only.
    fs::remove_file(&file).expect("it was there");
    login(&scene, "npm", "my-team-repo").args(["--namespace", "@acme"]).run().success();
    let written = fs::read_to_string(&file).expect("login wrote it");
    assert!(written.contains(&format!("@acme:registry={team}")) && !written.contains("\nregistry="), "another registry");
    guard_token_of(&scene, &written);
    scene.service.stop().success();
}

#[test]
fn pip_and_twine_do_what_they_were_led_to() {
    let sandbox = Sandbox::new();
    let [python, pip, twine] = ["python", "pip", "twine"].map(python_tool);
    let (Some(python), Some(pip), Some(twine)) = (python, pip, twine) else { return };
    // `login` takes the first pip on the path.
    let path = host().var_os("PATH").unwrap_or_default();
    let first = [pip.parent().expect("a program lies in a folder").to_path_buf()].into_iter();
    let path = std::env::join_paths(first.chain(std::env::split_paths(&path))).expect("a path is made of paths");
    sandbox.set("PATH", path);
    sandbox.set("PIP_NO_INPUT", "1");
    sandbox.set("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    sandbox.set("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    let script = sandbox.write("work/pypi_packages.py", include_str!("pypi_packages.py"));
    let make = |words: &[&str]| sandbox.program(&python).arg(&script).args(words).run().success();
    make(&["index", "source"]);
    make(&["dist", "mine", "mine", "1.0", "mine", "native"]);
    let source = Source::serve(sandbox.path("work/source"));
    let external = format!("public:pypi={}simple/", source.url());
    let Some(scene) = Scene::with(sandbox, &["--ephemeral", "--external", &external]) else { return };
    furnish(&scene, "public:pypi");
    let team = endpoint(&scene, "pypi", "my-team-repo");
    let install = |package: &str| {
        let target = scene.sandbox.path("work/installed");
        drop(fs::remove_dir_all(&target));
        scene.sandbox.program(&pip).args(["install", "--no-cache-dir", "--target"]).arg(target).arg(package).run()
    };
    let says = |module: &str| {
        let program = scene.sandbox.program(&python).args(["-c", &format!("import {module}; print({module}.SAYS)")]);
        program.var("PYTHONPATH", scene.sandbox.path("work/installed")).run().success().stdout().trim().to_owned()
    };

    scene.sandbox.may_hold_secrets("config/pip");
    configured(&login(&scene, "pip", "my-team-repo").stdin("not-a-token").run().success(), "pip", &team);
    let written = fs::read_to_string(scene.sandbox.path("config/pip/pip.conf")).expect("login wrote it");
    let token = guard_token_of(&scene, &written);
    let url = format!("{}simple/", team.replacen("//", &format!("//aws:{token}@"), 1));
    assert_eq!(written.trim().lines().collect::<Vec<_>>(), ["[global]", &format!("index-url = {url}")]);
    install("native").success();
    assert_eq!(says("native"), "native 1.0");
    assert_eq!((kept(&scene, "my-team-repo"), kept(&scene, "store")), (vec!["native".into(), "pure".into()], vec!["native".into(), "pure".into()]));

    // twine needs to be told the section's name; what it uploads is there at once for those downstream.
    scene.sandbox.may_hold_secrets("home/.pypirc");
    configured(&login(&scene, "twine", "my-team-repo").run().success(), "twine", &team);
    let file = scene.sandbox.path("home/.pypirc");
    let written = fs::read_to_string(&file).expect("login wrote it");
    let token = guard_token_of(&scene, &written);
    for line in ["\tcodeartifact", "[codeartifact]", &format!("repository = {team}"), "username = aws", &format!("password = {token}")] {
        assert!(written.lines().any(|written| written == line), "a line is missing: {line:?}");
    }
    assert_eq!(mode(&file), 0o600);
    let dist = fs::read_dir(scene.sandbox.path("work/mine")).expect("it was made").map(|entry| entry.expect("it is listed").path());
    let upload = ["upload", "--non-interactive", "--disable-progress-bar", "-r", "codeartifact"];
    scene.sandbox.program(&twine).args(upload).args(dist).run().success();
    configured(&login(&scene, "pip", "frontend").run().success(), "pip", &endpoint(&scene, "pypi", "frontend"));
    guard_token_of(&scene, &fs::read_to_string(scene.sandbox.path("config/pip/pip.conf")).expect("login wrote it"));
    install("mine").success();
    assert_eq!(says("mine"), "mine");
    assert_eq!(kept(&scene, "frontend"), ["mine", "native", "pure"]);
    scene.service.stop().success();
}

/// Programs that write down how they are called, and print what is in a file.
fn stand_in(sandbox: &Sandbox, name: &str) -> PathBuf {
    let program = sandbox.write(
        format!("bin/{name}"),
        "#!/bin/sh\necho \"${0##*/} $*\" >> \"$HOME/called\"\ncat \"$HOME/sources\" 2> /dev/null || echo none\n",
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the owner changes the mode");
    program
}

/// These are not in Debian: what `login` tells them is looked at, and tried against the service.
#[test]
fn nuget_dotnet_and_swift_are_told() {
    let Some(scene) = Scene::new() else { return };
    scene.service.make("my-org", &["my-team-repo"]);
    for name in ["nuget", "dotnet", "swift"] {
        stand_in(&scene.sandbox, name);
    }
    let path = host().var_os("PATH").unwrap_or_default();
    let first = [scene.sandbox.path("bin")].into_iter();
    let path = std::env::join_paths(first.chain(std::env::split_paths(&path))).expect("a path is made of paths");
    scene.sandbox.set("PATH", path);
    scene.sandbox.may_hold_secrets("home/called");
    scene.sandbox.may_hold_secrets("home/.netrc");
    let called = || {
        let file = scene.sandbox.path("home/called");
        let text = fs::read_to_string(&file).expect("they were called");
        fs::remove_file(file).expect("it was there");
        let tokens: Vec<String> = text.split(|c: char| c.is_whitespace()).filter(|word| word.starts_with("eyJ")).map(ToOwned::to_owned).collect();
        for token in &tokens {
            scene.sandbox.guard_token(token);
        }
        let text = tokens.iter().fold(text, |text, token| text.replace(token, "TOKEN"));
        (text.lines().map(ToOwned::to_owned).collect::<Vec<_>>(), tokens)
    };

    let nuget = endpoint(&scene, "nuget", "my-team-repo");
    let index = format!("{nuget}v3/index.json");
    configured(&login(&scene, "nuget", "my-team-repo").run().success(), "nuget", &nuget);
    // The CLI calls it by the other's name.
    configured(&login(&scene, "dotnet", "my-team-repo").run().success(), "nuget", &nuget);
    let (lines, tokens) = called();
    let name = "my-org/my-team-repo";
    assert_eq!(
        lines,
        [
            "nuget sources list -format detailed".to_owned(),
            format!("nuget sources add -name {name} -source {index} -username aws -password TOKEN"),
            "dotnet nuget list source --format detailed".to_owned(),
            format!("dotnet nuget add source {index} --name {name} --username aws --password TOKEN --store-password-in-clear-text"),
        ]
    );
    // What they were told opens the source, and only that.
    for (secret, status) in [(tokens[0].as_str(), 200), (&tokens[1], 200), ("eyJ", 401)] {
        assert_eq!(send("GET", &index, Some(&basic("aws", secret)), b"").status, status);
    }
    // Again: the source is there already.
    scene.sandbox.write("home/sources", format!("  1.  {name} [Enabled]\n      {index}\n"));
    for tool in ["nuget", "dotnet"] {
        let said = login(&scene, tool, "my-team-repo").run().success().stdout();
        assert!(said.contains(&format!("Updated source {name}")), "{said}");
    }
    let (lines, _) = called();
    assert_eq!(lines[1], format!("nuget sources update -name {name} -source {index} -username aws -password TOKEN"));
    assert!(lines[3].starts_with(&format!("dotnet nuget update source {name} --source {index}")), "{}", lines[3]);

    // swift's login asks the service itself; here the request it would make is made.
    let swift = endpoint(&scene, "swift", "my-team-repo");
    scene.sandbox.write("home/.netrc", "machine other.example login me password mine\n");
    configured(&login(&scene, "swift", "my-team-repo").args(["--namespace", "acme"]).run().success(), "swift", &swift);
    let (lines, _) = called();
    let expected = [format!("swift package-registry set {swift} --scope acme"), format!("swift package-registry login {swift}login")];
    assert_eq!(lines, expected);
    let netrc = scene.sandbox.path("home/.netrc");
    assert_eq!(mode(&netrc), 0o600);
    let written = fs::read_to_string(netrc).expect("login wrote it");
    let token = guard_token_of(&scene, &written);
    assert!(written.contains("machine other.example login me password mine"), "another machine's line is gone");
    assert!(written.contains(&format!("machine 127.0.0.1 login token password {token}")), "no line for the service");
    for (secret, status) in [(token.as_str(), 200), ("eyJ", 401)] {
        assert_eq!(send("POST", &format!("{swift}login"), Some(&basic("token", secret)), b"").status, status);
    }
    scene.service.stop().success();
}

fn basic(user: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
}

#[test]
fn login_that_cannot_be_changes_nothing() {
    let Some(scene) = Scene::furnished() else { return };
    if find("npm").is_none() {
        return;
    }
    scene.sandbox.set("npm_config_cache", scene.sandbox.path("cache/npm"));
    login(&scene, "npm", "nowhere").run().failure().says("ResourceNotFoundException").says("`nowhere`");
    login(&scene, "npm", "my-team-repo").args(["--duration-seconds", "899"]).run().failure().says("ValidationException");
    // The calls are made before the CLI sees that the tool has no namespaces.
    let before = scene.service.count("GetAuthorizationToken");
    login(&scene, "pip", "my-team-repo").args(["--namespace", "acme"]).run().failure().says("not supported for pip");
    assert_eq!(scene.service.count("GetAuthorizationToken"), before + 1);
    // 0 is not sent, so it is the longest time and not the role's.
    let shown = login(&scene, "npm", "my-team-repo").args(["--dry-run", "--duration-seconds", "0"]).answers_secret().run().success();
    let token = guard_token_of(&scene, &shown.stdout());
    let registry = endpoint(&scene, "npm", "my-team-repo");
    assert!(shown.stdout().contains(&format!("npm config set registry {registry}")), "{}", shown.stderr());
    assert_eq!(send("GET", &format!("{registry}-/ping"), Some(&format!("Bearer {token}")), b"").status, 200);
    for file in ["home/.npmrc", "home/.pypirc", "home/.netrc", "config/pip/pip.conf"] {
        assert!(!scene.sandbox.path(file).exists(), "{file}");
    }
    scene.service.stop().success();
}
