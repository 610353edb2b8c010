//! Tokens for npm, pnpm, Yarn and Bun, without a login: each publishes a private package and installs it from an empty
//! cache with nothing but what its page says, and no token is in any file. That is what the sandbox looks for at its end.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    Canary, Outcome, Program, Sandbox, ScriptedAnswer, ScriptedControlPlane, Service,
    programs::{find, workspace},
    sandbox::ACCOUNT,
};

const DOMAIN: &str = "acme";
const PLACE: &str = "acme-111122223333.us-east-1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Npm,
    /// By its first number.
    Pnpm(u8),
    Yarn,
    Yarn1,
    Bun,
}

impl Client {
    /// The words that start it, where it is installed.
    pub(crate) fn words(self) -> Option<Vec<PathBuf>> {
        let tools = workspace().join("target/tools/npm/node_modules");
        let words = match self {
            Self::Npm => vec![find("npm")?],
            Self::Pnpm(10) => vec![find("node")?, tools.join("pnpm/bin/pnpm.cjs")],
            Self::Pnpm(11) => vec![one_of(&tools, "node-", "bin/node")?, tools.join("pnpm-11/bin/pnpm.mjs")],
            Self::Pnpm(12) => vec![one_of(&tools.join("@pnpm"), "exe.", "pnpm")?],
            Self::Pnpm(version) => vec![find("node")?, tools.join(format!("pnpm-{version}/bin/pnpm.cjs"))],
            Self::Yarn => vec![find("node")?, tools.join("@yarnpkg/cli-dist/bin/yarn.js")],
            Self::Yarn1 => vec![find("node")?, tools.join("yarn/bin/yarn.js")],
            Self::Bun => vec![one_of(&tools.join("@oven"), "bun-", "bin/bun")?],
        };
        let missing = words.iter().find(|word| !word.exists());
        match missing {
            Some(missing) => find(missing.to_str().expect("paths of tools are text")).map(|_| Vec::new()),
            None => Some(words),
        }
    }

    /// Whether it asks by itself, or has to be started by `exec`.
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::Pnpm(_) | Self::Yarn)
    }

    /// The client with these words, as its page says to start it.
    fn run(self, scene: &Scene, words: &[&str]) -> Program {
        let client = self.words().expect("it was there");
        let program = if self.asks() {
            scene.sandbox.program(&client[0]).args(&client[1..])
        } else {
            // npm publishes with a token for the very repository only; Bun takes none that is for any registry.
            let led = self == Self::Bun || (self == Self::Npm && words == self.publish());
            let led: &[&str] = if led { &["--repository", "team"] } else { &[] };
            scene.sandbox.codeartifact(&["exec", "--domain", DOMAIN]).args(led).arg("--").args(&client)
        };
        program.args(words)
    }

    /// The set-up of its page.
    fn configure(self, scene: &Scene) {
        let Scene { sandbox, registry, .. } = scene;
        let bare = registry.split_once(':').expect("a URL has a scheme").1;
        let npmrc = |more: String| drop(sandbox.write("home/.npmrc", format!("registry={registry}\n{more}")));
        match self {
            Self::Npm => npmrc(String::new()),
            Self::Pnpm(_) => npmrc(format!("{bare}:tokenHelper={}\n", link(sandbox).display())),
            Self::Yarn1 => {
                npmrc(format!("{bare}:_authToken=${{CODEARTIFACT_AUTH_TOKEN}}\n{bare}:always-auth=true\n"));
            }
            Self::Yarn => {
                // What the credential program prints, as it is.
                let text = sandbox.helper(&["yarn", "--plugin"]).run().success().stdout();
                let plugin = sandbox.write("home/.yarn/codeartifact.cjs", text);
                let file = format!(
                    "plugins:\n  - path: {}\nnpmRegistryServer: \"{registry}\"\nnpmAlwaysAuth: true\n\
                     unsafeHttpWhitelist: [\"127.0.0.1\"]\nnpmMinimalAgeGate: 0\nenableTelemetry: false\n",
                    plugin.display()
                );
                sandbox.write("home/.yarnrc.yml", file);
            }
            Self::Bun => {}
        }
    }

    pub(crate) fn publish(self) -> &'static [&'static str] {
        match self {
            Self::Npm | Self::Bun => &["publish"],
            Self::Pnpm(_) => &["publish", "--no-git-checks"],
            Self::Yarn => &["npm", "publish"],
            Self::Yarn1 => &["publish", "--non-interactive"],
        }
    }

    /// Publishes what is in the folder.
    fn publish_from(self, scene: &Scene, folder: &Path) {
        if self == Self::Yarn {
            self.run(scene, &["install"]).current_dir(folder).run().success();
        }
        // pnpm 7 has npm publish, and does not hand it the token.
        let client = if self == Self::Pnpm(7) { Self::Npm } else { self };
        client.run(scene, client.publish()).current_dir(folder).run().success();
    }

    pub(crate) fn add(self, package: &str) -> Vec<&str> {
        match self {
            Self::Npm => vec!["install", package],
            Self::Pnpm(_) | Self::Yarn | Self::Bun => vec!["add", package],
            Self::Yarn1 => vec!["add", "--non-interactive", package],
        }
    }

    /// How often it starts the credential program for an install.
    fn starts(self) -> RangeInclusive<usize> {
        match self {
            Self::Npm | Self::Yarn1 | Self::Bun => 0..=0,
            // Some of them at the same time.
            Self::Pnpm(11) => 2..=3,
            Self::Pnpm(_) | Self::Yarn => 1..=1,
        }
    }
}

/// The one program of that name in the folder whose name begins so: the rest says which machine it is for.
fn one_of(folder: &Path, prefix: &str, program: &str) -> Option<PathBuf> {
    let named = fs::read_dir(folder).into_iter().flatten().flatten().find(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) && entry.path().join(program).exists()
    });
    match named {
        Some(entry) => Some(entry.path().join(program)),
        None => find(&format!("{prefix}{}", program.replace('/', "-"))),
    }
}

/// A script that writes down what it is given. The caller's own AWS key is no matter of ours, and would be found.
const SEEN: &str = "env -u AWS_SECRET_ACCESS_KEY > \"$SCRIPT_ENV\"";

/// The link that pnpm starts, as its page says to make it.
fn link(sandbox: &Sandbox) -> PathBuf {
    let name = format!("codeartifact-pnpm-{PLACE}");
    let link = sandbox.path("data/codeartifact/bin").join(&name);
    if !link.exists() {
        sandbox.helper(&["install", "--domain", PLACE, &name]).run().success();
    }
    assert!(link.exists(), "`install` made it");
    link
}

/// A home for a client.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    registry: String,
}

impl Scene {
    pub(crate) fn at(sandbox: Sandbox, service: &str) -> Self {
        let registry = format!("{service}/d/{DOMAIN}-{ACCOUNT}/npm/team/");
        // The credential program is installed; npm, which pnpm starts to publish, is as well.
        let path = sandbox.vars()["PATH"].clone();
        let ours = sandbox.helper_path().parent().expect("it is in a folder").to_path_buf();
        sandbox.set("PATH", format!("{}:{path}", ours.display()));
        // No client looks for a younger self, or for the version that a project wants.
        sandbox.set("npm_config_update_notifier", "false");
        sandbox.set("YARN_IGNORE_PATH", "1");
        // Younger Yarns run no scripts of dependencies unless they are told to.
        sandbox.set("YARN_ENABLE_SCRIPTS", "true");
        sandbox.set("SCRIPT_ENV", "/dev/null");
        Self { sandbox, registry }
    }

    /// Without a lock file Yarn takes the folder for a part of another project.
    pub(crate) fn project(&self, folder: &str, manifest: &serde_json::Value) -> PathBuf {
        let file = self.sandbox.write(format!("work/{folder}/package.json"), manifest.to_string());
        let folder = file.parent().expect("a file lies in a folder").to_path_buf();
        self.sandbox.write(folder.join("yarn.lock"), "");
        folder
    }

    /// A package whose installation writes down what it sees.
    fn package(&self, version: &str) -> PathBuf {
        let folder = self.project(
            &format!("own-{version}"),
            &json!({
                "name": "@acme/own", "version": version, "main": "index.js", "license": "MIT",
                "scripts": { "install": SEEN, "show": SEEN },
                "publishConfig": { "registry": self.registry },
            }),
        );
        self.sandbox.write(folder.join("index.js"), "module.exports = 'own';\n");
        folder
    }

    pub(crate) fn app(&self, folder: &str) -> PathBuf {
        self.project(folder, &json!({ "name": "app", "version": "1.0.0", "private": true }))
    }

    /// The token that was used, which must be nowhere.
    pub(crate) fn guard(&self) -> Canary {
        let token = self.sandbox.codeartifact(&["token", "--domain", DOMAIN]).answers_secret().run().success().stdout();
        self.sandbox.guard_token(token.trim());
        Canary::of_token("token", token.trim())
    }
}

fn publishes_and_installs_without_a_login(client: Client) {
    if client.words().is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let scene = Scene::at(sandbox, service.url());
    client.configure(&scene);

    // Cold: nothing is stored, nobody logged in.
    let own = scene.package("1.0.0");
    client.publish_from(&scene, &own);
    let canary = scene.guard();

    let app = scene.app("app");
    let add = client.run(&scene, &client.add("@acme/own@1.0.0")).current_dir(&app);
    let outcome = match find("strace") {
        Some(strace) => {
            let (outcome, trace) = add.traced(&strace, "execve");
            let ours = |text: &str| {
                let program = text.split('"').nth(1).unwrap_or_default();
                let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let is_ours = name == "codeartifact-credential-helper" || name.starts_with("codeartifact-pnpm-");
                is_ours && !text.contains(" = -1 ")
            };
            let starts = trace.of("execve").filter(|call| ours(&call.text)).count();
            assert!(client.starts().contains(&starts), "{starts} credential programs: {}", outcome.show());
            for call in trace.of("execve") {
                let arguments = call.text.split("], [").next().unwrap_or_default();
                assert_eq!(canary.find(arguments.as_bytes()), None, "a token in the arguments of a process");
            }
            outcome
        }
        None => add.run(),
    };
    // Its younger versions end with a failure where they kept a script from running, with the package in place.
    let kept_from_running = matches!(client, Client::Pnpm(11 | 12)) && outcome.show().contains("approve-builds");
    assert!(outcome.code() == Some(0) || kept_from_running, "{}", outcome.show());
    // Yarn 4 keeps packages packed, and says so in a file of the project.
    let installed = match client {
        Client::Yarn => fs::read_to_string(app.join(".pnp.cjs")).is_ok_and(|file| file.contains("@acme/own")),
        _ => app.join("node_modules/@acme/own/index.js").exists(),
    };
    assert!(installed, "{}", outcome.show());
    assert_eq!(service.count("GetAuthorizationToken"), 1, "one token, for all of it");
    service.stop().success();
}

#[test]
fn npm_gets_tokens_by_exec() {
    publishes_and_installs_without_a_login(Client::Npm);
}

#[test]
fn pnpm_7_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(7));
}

#[test]
fn pnpm_8_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(8));
}

#[test]
fn pnpm_9_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(9));
}

#[test]
fn pnpm_10_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(10));
}

#[test]
fn pnpm_11_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(11));
}

#[test]
fn pnpm_12_asks_for_tokens() {
    publishes_and_installs_without_a_login(Client::Pnpm(12));
}

#[test]
fn yarn_4_asks_for_tokens_by_its_plugin() {
    publishes_and_installs_without_a_login(Client::Yarn);
}

#[test]
fn yarn_1_gets_tokens_by_exec() {
    publishes_and_installs_without_a_login(Client::Yarn1);
}

#[test]
fn bun_gets_tokens_by_exec() {
    publishes_and_installs_without_a_login(Client::Bun);
}

/// What scripts are given is written to a file, and that is searched: by this test, and by the sandbox at its end.
#[test]
fn scripts_of_packages_do_not_see_the_token() {
    for client in [Client::Npm, Client::Pnpm(8), Client::Yarn] {
        if client.words().is_none() {
            continue;
        }
        let sandbox = Sandbox::new();
        let service = Service::start(&sandbox);
        service.make(DOMAIN, &["team"]);
        let scene = Scene::at(sandbox, service.url());
        client.configure(&scene);
        let own = scene.package("1.0.0");
        client.publish_from(&scene, &own);
        let canary = scene.guard();
        let seen = scene.sandbox.path("work/seen.txt");
        scene.sandbox.set("SCRIPT_ENV", &seen);
        let app = scene.app("app");
        let add = client.add("@acme/own@1.0.0");
        for (words, folder) in [(&add[..], &app), (&["run", "show"], &own)] {
            client.run(&scene, words).current_dir(folder).run().success();
            let environment = fs::read(&seen).unwrap_or_else(|error| panic!("{client:?} {words:?} ran no script: {error}"));
            assert!(environment.windows(5).any(|five| five == b"PATH="), "{client:?}: it is an environment");
            assert_eq!(canary.find(&environment), None, "{client:?}: the token is in what a script is given");
            fs::remove_file(&seen).expect("it was made here");
        }
        service.stop().success();
    }
    // The search finds a token that is there: another program's script is given it.
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let token = sandbox.codeartifact(&["token", "--domain", DOMAIN]).answers_secret().run().success().stdout();
    let program = ["exec", "--domain", DOMAIN, "--", "/bin/sh", "-c", "env"];
    let given = sandbox.codeartifact(&program).answers_secret().run().success().stdout();
    assert!(Canary::of_token("token", token.trim()).find(given.as_bytes()).is_some());
}

/// All that a client says.
fn said(outcome: &Outcome) -> String {
    format!("{}{}", outcome.stdout(), outcome.stderr())
}

/// What the user is shown, and where: the first text from the client or from `exec`, the second from what the page says to
/// look at.
fn shows(scene: &Scene, client: Client, code: i32, reason: &[&str]) {
    client.configure(scene);
    let app = scene.app(&format!("{client:?}").replace(['(', ')'], "-"));
    let failed = client.run(scene, &client.add("@acme/own@1.0.0")).current_dir(app).run();
    let shown = match client {
        Client::Pnpm(version) => {
            let own = if version == 12 { "401" } else { "ERR_PNPM_TOKEN_HELPER_ERROR_STATUS" };
            let failed = failed.failure();
            assert!(said(&failed).contains(own), "{client:?} does not say {own}: {}", failed.show());
            scene.sandbox.program(&link(&scene.sandbox)).run().exit(1).stderr()
        }
        Client::Yarn => {
            let failed = failed.failure();
            assert!(!said(&failed).contains("    at "), "a stack trace: {}", failed.show());
            assert!(said(&failed).contains("YN0041"), "{}", failed.show());
            said(&failed)
        }
        Client::Npm | Client::Yarn1 | Client::Bun => failed.exit(code).stderr(),
    };
    for part in reason {
        assert!(shown.contains(part), "{client:?} does not say {part}: {shown}");
    }
}

const ALL: [Client; 10] = [
    Client::Npm,
    Client::Pnpm(7),
    Client::Pnpm(8),
    Client::Pnpm(9),
    Client::Pnpm(10),
    Client::Pnpm(11),
    Client::Pnpm(12),
    Client::Yarn,
    Client::Yarn1,
    Client::Bun,
];

#[test]
fn a_denied_token_is_explained() {
    let sandbox = Sandbox::new();
    let plane = ScriptedControlPlane::start(|_| {
        ScriptedAnswer::Error(403, "AccessDeniedException", "not allowed: codeartifact:GetAuthorizationToken")
    });
    sandbox.point_at(&plane.url());
    let scene = Scene::at(sandbox, &plane.url());
    for client in ALL.into_iter().filter(|client| client.words().is_some()) {
        shows(&scene, client, 4, &["GetAuthorizationToken", DOMAIN, "not allowed", "hint: "]);
    }
}

#[test]
fn a_missing_identity_is_explained() {
    let sandbox = Sandbox::new();
    // The service is there, and has nothing to do.
    let plane = ScriptedControlPlane::issuing("no-token-is-ever-asked-for");
    sandbox.point_at(&plane.url());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        sandbox.set(name, "");
    }
    let scene = Scene::at(sandbox, &plane.url());
    for client in ALL.into_iter().filter(|client| client.words().is_some()) {
        shows(&scene, client, 3, &["no AWS credentials", "aws sso login"]);
    }
    assert_eq!(plane.token_requests(), 0);
}

/// A project that brings a program of that name along does not get it run, and other registries need none of ours.
#[test]
fn yarns_plugin_runs_no_program_of_the_project() {
    let client = Client::Yarn;
    if client.words().is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let scene = Scene::at(sandbox, service.url());
    client.configure(&scene);
    let app = scene.app("app");
    let ran = scene.sandbox.path("work/ran");
    let script = format!("#!/bin/sh\necho ran > {}\necho Bearer theirs\n", ran.display());
    let theirs = scene.sandbox.write("work/app/node_modules/.bin/codeartifact-credential-helper", script);
    fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let path = scene.sandbox.vars()["PATH"].clone();
    let folder = theirs.parent().expect("it is in a folder").display().to_string();
    for first in [folder.clone(), "node_modules/.bin".to_owned()] {
        let path = format!("{first}:{path}");
        let info = client.run(&scene, &["npm", "info", "@acme/none"]).var("PATH", path).current_dir(&app).run();
        assert!(said(&info.failure()).contains("404"), "the token was ours: the service says what is not there");
    }
    // With theirs alone there is none.
    let tools = find("node").expect("it was there");
    let alone = format!("{folder}:{}", tools.parent().expect("it is in a folder").display());
    let failed = client.run(&scene, &["npm", "info", "@acme/none"]).var("PATH", alone).current_dir(&app).run().failure();
    assert!(said(&failed).contains("codeartifact-credential-helper is not on PATH"), "{}", failed.show());
    assert!(!ran.exists(), "the project's program was run");
    service.stop().success();
}
