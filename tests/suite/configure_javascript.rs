//! `configure` for npm, pnpm, Yarn and Bun: from an empty home, the client's own publishing and installing, and back to the
//! same tree. The sandbox looks for the token in every file and output at its end.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{Canary, Program, Sandbox, Service};

use crate::javascript::{Client, Scene};

const DOMAIN: &str = "acme";
/// Where nobody listens: no question leaves the machine, whatever a client asks for beside the scope.
const NOBODY: &str = "http://127.0.0.1:9/";

/// What is asked of `configure` beyond client and repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    User,
    Project,
    Scope,
}

impl Way {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::User => &[],
            Self::Project => &["--project"],
            Self::Scope => &["--scope", "@acme"],
        }
    }

    /// What `--undo` needs to know.
    fn level(self) -> &'static [&'static str] {
        if self == Self::Project { &["--project"] } else { &[] }
    }
}

fn name(client: Client) -> &'static str {
    match client {
        Client::Npm => "npm",
        Client::Pnpm(_) => "pnpm",
        Client::Yarn => "yarn",
        Client::Yarn1 => "yarn1",
        Client::Bun => "bun",
    }
}

/// A file, a link or a folder: its mode, and its bytes or where it leads.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    File(u32, Vec<u8>),
    Link(PathBuf),
    Folder(u32),
}

/// Everything that is the user's: home, data and projects.
fn tree(sandbox: &Sandbox) -> BTreeMap<PathBuf, Found> {
    let mut all = BTreeMap::new();
    let mut folders: Vec<PathBuf> = ["home", "data", "config", "work"].iter().map(|name| sandbox.path(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is a folder of ours") {
            let path = entry.expect("it is a folder of ours").path();
            let about = path.symlink_metadata().expect("it was there");
            let mode = about.permissions().mode() & 0o7777;
            let found = if about.is_symlink() {
                Found::Link(fs::read_link(&path).expect("it is a link"))
            } else if about.is_dir() {
                folders.push(path.clone());
                Found::Folder(mode)
            } else {
                Found::File(mode, fs::read(&path).expect("it is ours to read"))
            };
            all.insert(path, found);
        }
    }
    all
}

/// The client in a folder, as it is started once it is configured.
fn run(client: Client, scene: &Scene, words: &[&str], folder: &Path) -> Program {
    let mut program = client.words().expect("it was there");
    if client == Client::Yarn1 {
        // By its name: by that `exec` knows it.
        program = vec![scene.sandbox.path("tmp/yarn")];
        if !program[0].exists() {
            let script = client.words().and_then(|mut words| words.pop()).expect("it was there");
            symlink(script, &program[0]).expect("the sandbox takes links");
        }
    }
    let program = if client.asks() {
        scene.sandbox.program(&program[0]).args(&program[1..])
    } else {
        // npm publishes with a token for the very repository only.
        let led: &[&str] = if client == Client::Npm && words[0] == "publish" { &["--repository", "team"] } else { &[] };
        scene.sandbox.codeartifact(&["exec", "--domain", DOMAIN]).args(led).arg("--").args(&program)
    };
    program.args(words).current_dir(folder)
}

fn configure(client: Client, scene: &Scene, way: Way, folder: &Path) -> Program {
    let words = ["configure", name(client), "--domain", DOMAIN, "--repository", "team"];
    scene.sandbox.codeartifact(&words).args(way.options()).current_dir(folder)
}

fn undo(client: Client, scene: &Scene, way: Way, folder: &Path) {
    let words = ["configure", name(client), "--undo"];
    scene.sandbox.codeartifact(&words).args(way.level()).current_dir(folder).run().success();
}

fn there_and_back(client: Client, way: Way) {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let scene = Scene::at(sandbox, service.url());
    let sandbox = &scene.sandbox;
    // Younger Yarns take nothing that was published today, unless they are told to: for a scope within the scope.
    sandbox.set("YARN_NPM_MINIMAL_AGE_GATE", "0");
    if (client, way) == (Client::Yarn, Way::Scope) {
        sandbox.write("home/.yarnrc.yml", "npmScopes:\n    acme:\n        npmMinimalAgeGate: 0 # private");
    }
    sandbox.set("YARN_ENABLE_TELEMETRY", "0");
    if way == Way::Scope {
        for variable in ["npm_config_registry", "YARN_NPM_REGISTRY_SERVER", "YARN_REGISTRY"] {
            sandbox.set(variable, NOBODY);
        }
        sandbox.set("npm_config_audit", "false");
        sandbox.set("YARN_UNSAFE_HTTP_WHITELIST", "127.0.0.1");
    }
    let package = json!({ "name": "@acme/own", "version": "1.0.0", "main": "index.js", "license": "MIT" });
    let own = scene.project("own", &package);
    sandbox.write(own.join("index.js"), "module.exports = 'own';\n");
    let app = scene.app("app");
    let folders: &[&Path] = if way == Way::Project { &[&own, &app] } else { &[&app] };

    // From nothing to nothing, before any client has made files of its own.
    let before = tree(sandbox);
    let take_back = || {
        for folder in folders {
            undo(client, &scene, way, folder);
        }
    };
    let apply = || {
        for folder in folders {
            configure(client, &scene, way, folder).run().success();
        }
    };
    apply();
    let configured = tree(sandbox);
    assert_ne!(configured, before);
    for folder in folders {
        configure(client, &scene, way, folder).arg("--dry-run").run().success().says("nothing to do");
    }
    apply();
    assert_eq!(tree(sandbox), configured, "a second run changes something");
    take_back();
    assert_eq!(tree(sandbox), before, "not as it was");

    apply();
    assert_eq!(tree(sandbox), configured, "the same again");
    if client == Client::Yarn {
        run(client, &scene, &["install"], &own).run().success();
    }
    // pnpm 7 has npm publish, and does not hand it the token.
    let publisher = if client == Client::Pnpm(7) { Client::Npm } else { client };
    run(publisher, &scene, publisher.publish(), &own).run().success();
    scene.guard();
    let added = run(client, &scene, &client.add("@acme/own@1.0.0"), &app).run();
    assert_eq!(added.code(), Some(0), "{}", added.show());
    let lock = ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];
    let locked = lock.iter().filter_map(|name| fs::read_to_string(app.join(name)).ok()).collect::<String>();
    assert!(locked.contains("@acme/own"), "it is in the lock file: {locked}");
    assert_eq!(service.count("GetAuthorizationToken"), 1, "one token, for all of it");

    take_back();
    let after = tree(sandbox);
    for (path, made) in &configured {
        match (before.get(path), after.get(path)) {
            // A folder that the client uses by now stays.
            (None, Some(Found::Folder(_))) if matches!(made, Found::Folder(_)) => {}
            // What the client itself writes into.
            (Some(Found::File(mode, _)), Some(Found::File(now, _))) => assert_eq!(mode, now, "{}", path.display()),
            (was, is) => assert_eq!(was, is, "{}", path.display()),
        }
    }
    service.stop().success();
}

fn every_way(client: Client) {
    if client.words().is_none() {
        return;
    }
    for way in [Way::User, Way::Project, Way::Scope] {
        there_and_back(client, way);
    }
}

#[test]
fn npm_is_configured_and_taken_back() {
    every_way(Client::Npm);
}

#[test]
fn pnpm_7_is_configured_and_taken_back() {
    every_way(Client::Pnpm(7));
}

#[test]
fn pnpm_8_is_configured_and_taken_back() {
    every_way(Client::Pnpm(8));
}

#[test]
fn pnpm_9_is_configured_and_taken_back() {
    every_way(Client::Pnpm(9));
}

#[test]
fn pnpm_10_is_configured_and_taken_back() {
    every_way(Client::Pnpm(10));
}

#[test]
fn pnpm_11_is_configured_and_taken_back() {
    every_way(Client::Pnpm(11));
}

#[test]
fn pnpm_12_is_configured_and_taken_back() {
    every_way(Client::Pnpm(12));
}

#[test]
fn yarn_4_is_configured_and_taken_back() {
    every_way(Client::Yarn);
}

#[test]
fn yarn_1_is_configured_and_taken_back() {
    every_way(Client::Yarn1);
}

#[test]
fn bun_is_configured_and_taken_back() {
    every_way(Client::Bun);
}

/// What `aws codeartifact login` leaves, and what a person has cared for.
const CARED_FOR: &str = "# mine\r\nsave-exact = true ; always\r\n\r\n@other:registry=https://npm.example.com/";

/// Two clients in one file: configured together or one after the other, taken back alone in any order.
#[test]
fn npm_and_pnpm_share_a_file() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let stale = "eyJ2ZXIiOjEsInN0YWxlIjoiMTIzNDU2Nzg5MCJ9abcdefghij";
    let registry = format!("{}/d/{DOMAIN}-111122223333/npm/team/", service.url());
    let login = format!("{}:_authToken={stale}", registry.split_once(':').expect("a URL has a scheme").1);
    let before = format!("{CARED_FOR}\r\nregistry=https://npm.example.com/ # old\r\n{login}\r\n");
    let file = sandbox.write("home/.npmrc", &before);
    sandbox.may_hold_secrets("home/.npmrc");
    sandbox.guard(Canary::new("stale token", stale));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
    let untouched = tree(&sandbox);
    let text = || fs::read_to_string(&file).expect("it is there");
    let run = |words: &[&str]| sandbox.codeartifact(words).run().success();
    let configure = |clients: &[&str]| {
        run(&[&["configure"], clients, &["--domain", DOMAIN, "--repository", "team"]].concat())
    };
    let undo = |client: &str| run(&["configure", client, "--undo"]);
    for (together, first) in [(true, "npm"), (true, "pnpm"), (false, "npm"), (false, "pnpm")] {
        let second = if first == "npm" { "pnpm" } else { "npm" };
        let said = if together {
            configure(&["npm", "pnpm"])
        } else {
            configure(&[second]);
            configure(&[first])
        };
        // It is said, and it stays.
        said.says("remove the line");
        let both = text();
        assert!(both.contains(&format!("registry={registry} # old")) && both.contains(":tokenHelper="), "{both}");
        assert!(both.starts_with(CARED_FOR) && both.contains(&login), "{both}");
        undo(first);
        let one = text();
        assert!(one.contains(&format!("registry={registry} # old")), "the other client's is gone: {one}");
        assert_eq!(one.contains(":tokenHelper="), second == "pnpm", "{one}");
        undo(second);
        assert_eq!(tree(&sandbox), untouched, "{first} first, together {together}");
    }
    service.stop().success();
}
