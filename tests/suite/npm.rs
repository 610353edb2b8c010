//! The four npm clients against the embedded service: through three repositories from a public source, again without
//! it, publishing, and what each says when it is refused.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::{
    Outcome, Program, Sandbox, Service, Source,
    programs::{find, workspace},
    sandbox::ACCOUNT,
    service::send,
};

const DOMAIN: &str = "acme";

/// A client, and how it says what all of them can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Npm,
    Pnpm,
    Yarn,
    YarnModern,
}

impl Client {
    /// The client with these words, if it is installed: npm on the path, the others where `tests/run` puts them.
    fn run(self, place: &Place, words: &[&str]) -> Option<Program> {
        let script = match self {
            Self::Npm => return Some(place.sandbox.program(&find("npm")?).args(words)),
            Self::Pnpm => "pnpm/bin/pnpm.cjs",
            Self::Yarn => "yarn/bin/yarn.js",
            Self::YarnModern => "@yarnpkg/cli-dist/bin/yarn.js",
        };
        let node = find("node")?;
        let script = workspace().join("target/tools/npm/node_modules").join(script);
        if !script.exists() {
            let found = find(script.to_str().expect("paths of tools are text"));
            assert!(found.is_none(), "an absolute path is no program of the path");
            return None;
        }
        Some(place.sandbox.program(&node).arg(script).args(words))
    }

    /// Adds a package to the project.
    fn add(self, package: &str) -> Vec<&str> {
        match self {
            Self::Npm => vec!["install", package],
            Self::Pnpm | Self::YarnModern => vec!["add", package],
            Self::Yarn => vec!["add", "--non-interactive", package],
        }
    }

    /// Installs what the lock file says, and nothing else.
    fn frozen(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["ci"],
            Self::Pnpm => &["install", "--frozen-lockfile"],
            Self::Yarn => &["install", "--frozen-lockfile", "--non-interactive"],
            Self::YarnModern => &["install", "--immutable"],
        }
    }

    fn publish(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["publish"],
            Self::Pnpm => &["publish", "--no-git-checks"],
            Self::Yarn => &["publish", "--non-interactive"],
            Self::YarnModern => &["npm", "publish"],
        }
    }

    /// Leads it to a repository: by hand, as its documentation says.
    fn configure(self, place: &Place, registry: &str, token: &str) {
        let bare = registry.strip_prefix("http:").expect("the service says http");
        let npmrc = format!("registry={registry}\n{bare}:_authToken={token}\n");
        match self {
            Self::Npm | Self::Pnpm => drop(place.sandbox.write("home/.npmrc", npmrc)),
            Self::Yarn => drop(place.sandbox.write("home/.npmrc", format!("{npmrc}always-auth=true\n"))),
            Self::YarnModern => drop(place.sandbox.write(
                "home/.yarnrc.yml",
                format!(
                    "npmRegistryServer: \"{registry}\"\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nnodeLinker: node-modules\n\
                     enableTelemetry: false\nnpmRegistries:\n  \"{registry}\":\n    npmAuthToken: \"{token}\"\n    \
                     npmAlwaysAuth: true\n",
                ),
            )),
        }
    }
}

/// A home for a client.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for file in ["home/.npmrc", "home/.yarnrc.yml"] {
            sandbox.may_hold_secrets(file);
        }
        for (name, folder) in [
            ("npm_config_cache", "cache/npm"),
            ("npm_config_store_dir", "cache/pnpm"),
            ("YARN_CACHE_FOLDER", "cache/yarn"),
            ("YARN_GLOBAL_FOLDER", "cache/yarn-global"),
        ] {
            sandbox.set(name, sandbox.path(folder));
        }
        sandbox.set("YARN_ENABLE_GLOBAL_CACHE", "false");
        sandbox.set("npm_config_update_notifier", "false");
        // Younger Yarns look for the version that a project wants; there is one here.
        sandbox.set("YARN_IGNORE_PATH", "1");
        sandbox.set("CI", "");
        Self { sandbox }
    }

    /// A folder with a manifest, and with a lock file: without one Yarn takes the folder for a part of another project.
    fn project(&self, folder: &str, manifest: &Value) -> PathBuf {
        let file = self.sandbox.write(format!("work/{folder}/package.json"), manifest.to_string());
        let folder = file.parent().expect("a file lies in a folder").to_path_buf();
        if !folder.join("yarn.lock").exists() {
            self.sandbox.write(folder.join("yarn.lock"), "");
        }
        folder
    }

    fn forget_downloads(&self, project: &Path) {
        for folder in [self.sandbox.path("cache"), project.join("node_modules"), project.join(".yarn")] {
            let _ = std::fs::remove_dir_all(folder);
        }
        std::fs::create_dir(self.sandbox.path("cache")).expect("the sandbox takes folders");
    }
}

/// A public source of three packages: `kit` needs `@blue/left` and `tiny`, `@blue/left` needs a newer `tiny`.
fn source(place: &Place) -> Option<Source> {
    let mut documents = std::collections::BTreeMap::<&str, Value>::new();
    for (name, version, dependencies) in [
        ("tiny", "1.0.0", json!({})),
        ("tiny", "1.1.0", json!({})),
        ("@blue/left", "2.0.0", json!({ "tiny": "^1.1.0" })),
        ("kit", "1.0.0", json!({ "@blue/left": "^2.0.0", "tiny": "1.0.0" })),
    ] {
        let manifest = json!({ "name": name, "version": version, "main": "index.js", "dependencies": dependencies });
        let folder = place.project("packing", &manifest);
        place.sandbox.write(folder.join("index.js"), format!("module.exports = '{name} {version}';\n"));
        let pack = Client::Npm.run(place, &["pack", "--json", "--pack-destination", "../../source"])?;
        std::fs::create_dir_all(place.sandbox.path("source")).expect("the sandbox takes folders");
        let packed = pack.current_dir(&folder).run().success().json()[0].clone();
        let document = documents.entry(name).or_insert_with(|| json!({ "name": name, "versions": {}, "time": {} }));
        document["versions"][version] = manifest;
        document["versions"][version]["dist"] = json!({
            "tarball": packed["filename"], "shasum": packed["shasum"], "integrity": packed["integrity"],
        });
        document["time"][version] = json!("2020-01-02T03:04:05.000Z");
        document["dist-tags"] = json!({ "latest": version });
    }
    // npm keeps what it packs, and would ask nobody for it.
    place.forget_downloads(&place.sandbox.path("work/packing"));
    std::fs::remove_dir_all(place.sandbox.path("work/packing")).expect("it was made here");
    for (name, document) in documents {
        let file = format!("source/{}", name.replace('/', "%2f"));
        place.sandbox.write(file, document.to_string());
    }
    Some(Source::serve(place.sandbox.path("source")))
}

fn registry(service: &Service, repository: &str) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/npm/{repository}/", service.url())
}

/// `team` has `internal` upstream, and that has `public`, which is connected.
fn chain(service: &Service) {
    service.make_chain(DOMAIN, "public", "public:npmjs");
}

/// What the project's own program sees of `kit` and of what it needs.
fn loaded(place: &Place, project: &Path) -> String {
    let node = find("node").expect("npm was there");
    let script = "const up = require('path').dirname(require('fs').realpathSync(require.resolve('kit')));\
                  console.log([require('kit'), require(require.resolve('tiny', { paths: [up] }))].join(', '))";
    place.sandbox.program(&node).args(["-e", script]).current_dir(project).run().success().stdout()
}

fn installs_published_and_again_without_the_source(client: Client) {
    let place = Place::new();
    if client.run(&place, &[]).is_none() {
        return;
    }
    let Some(source) = source(&place) else { return };
    let external = format!("public:npmjs={}", source.url());
    let data = place.sandbox.path("data/service");
    let data = data.to_str().expect("sandbox paths are text");
    place.sandbox.may_hold_secrets("data/service");
    let service = Service::start_with(&place.sandbox, &["--data", data, "--external", &external]);
    chain(&service);
    let token = service.token(DOMAIN);
    place.sandbox.guard_token(&token);
    client.configure(&place, &registry(&service, "team"), &token);

    // Through the chain: the source's times are old, so a client that refuses young versions takes these.
    let project = place.project("app", &json!({ "name": "app", "version": "1.0.0", "private": true }));
    let run = |words: &[&str], folder: &Path| -> Outcome {
        client.run(&place, words).expect("it was there").current_dir(folder).run()
    };
    run(&client.add("kit@1.0.0"), &project).success();
    assert_eq!(loaded(&place, &project).trim(), "kit 1.0.0, tiny 1.0.0");
    for (name, expected) in [("team", 200), ("internal", 404), ("public", 200)] {
        let kept = format!("package/version?domain={DOMAIN}&repository={name}&format=npm&package=kit&version=1.0.0");
        assert_eq!(service.call("GET", &kept, "").status, expected, "{name}");
    }

    // Nothing is left of the source, nor of what the service or the client remembers.
    source.stop();
    let address = service.address().to_owned();
    service.stop().success();
    let service =
        Service::start_with(&place.sandbox, &["--data", data, "--listen", &address, "--external", &external]);
    place.forget_downloads(&project);
    run(client.frozen(), &project).success();
    assert_eq!(loaded(&place, &project).trim(), "kit 1.0.0, tiny 1.0.0");

    // Published here, installed elsewhere, with what it needs from the source.
    let own = json!({
        "name": "@acme/own", "version": "1.0.0", "main": "index.js", "license": "MIT", "description": "Our own",
        "dependencies": { "kit": "1.0.0" }, "publishConfig": { "registry": registry(&service, "team") },
    });
    let folder = place.project("own", &own);
    place.sandbox.write("work/own/index.js", "module.exports = 'own ' + require('kit');\n");
    if client == Client::YarnModern {
        run(&["install"], &folder).success();
        // Published a moment ago: its users say that they take what is young.
        place.sandbox.set("YARN_NPM_MINIMAL_AGE_GATE", "0");
    }
    run(client.publish(), &folder).success();
    let user = place.project("user", &json!({ "name": "user", "version": "1.0.0", "private": true }));
    run(&client.add("@acme/own"), &user).success();
    let node = find("node").expect("it was there");
    let script = ["-e", "console.log(require('@acme/own'))"];
    let printed = place.sandbox.program(&node).args(script).current_dir(&user).run().success().stdout();
    assert_eq!(printed.trim(), "own kit 1.0.0");
    let described = format!(
        "package/version?domain={DOMAIN}&repository=team&format=npm&namespace=acme&package=own&version=1.0.0"
    );
    let described: Value = serde_json::from_slice(&service.call("GET", &described, "").body).expect("it is JSON");
    assert_eq!(described["packageVersion"]["summary"], "Our own");
    service.stop().success();
}

fn says_why_it_is_refused(client: Client) {
    let place = Place::new();
    if client.run(&place, &[]).is_none() {
        return;
    }
    let service = Service::start(&place.sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        place.sandbox.guard_token(token);
    }
    // The clients try again what fails in transit; a refusal is no such thing.
    let project = place.project("app", &json!({ "name": "app", "version": "1.0.0", "private": true }));
    let says = |token: &str, words: &[&str], folder: &Path| -> String {
        client.configure(&place, &registry(&service, "team"), token);
        let failed = client.run(&place, words).expect("it was there").current_dir(folder).run().failure();
        format!("{}{}", failed.stdout(), failed.stderr())
    };
    let [unauthorized, forbidden, missing, conflict] = match client {
        Client::Npm => ["E401", "E403", "E404", "E409"],
        Client::Pnpm => ["ERR_PNPM_FETCH_401", "ERR_PNPM_FETCH_403", "ERR_PNPM_FETCH_404", "E409"],
        // It shows what the service says, and not the number.
        Client::Yarn => [
            "the token is not one of this service",
            "the token is for another domain",
            "package `none` does not exist",
            "has status Archived",
        ],
        Client::YarnModern => ["Invalid authentication", "Response Code: 403", "404", "Response Code: 409"],
    };
    let add = client.add("none@1.0.0");
    for (token, expected) in [("nonsense", unauthorized), (foreign.as_str(), forbidden), (&token, missing)] {
        let said = says(token, &add, &project);
        assert!(said.contains(expected), "{client:?} does not say {expected}: {said}");
    }

    // A version that is archived is listed nowhere: the client does not see that it is there, and the service says it.
    let own = json!({
        "name": "own", "version": "1.0.0", "license": "MIT",
        "publishConfig": { "registry": registry(&service, "team") },
    });
    let folder = place.project("own", &own);
    if client == Client::YarnModern {
        client.run(&place, &["install"]).expect("it was there").current_dir(&folder).run().success();
    }
    client.run(&place, client.publish()).expect("it was there").current_dir(&folder).run().success();
    let archive = format!("package/versions/update_status?domain={DOMAIN}&repository=team&format=npm&package=own");
    let archived =
        service.call("POST", &archive, &json!({ "versions": ["1.0.0"], "targetStatus": "Archived" }).to_string());
    assert_eq!(archived.status, 200, "{}", archived.text());
    place.sandbox.write("work/own/more.js", "");
    let said = says(&token, client.publish(), &folder);
    assert!(said.contains(conflict), "{client:?} does not say {conflict}: {said}");
    service.stop().success();
}

#[test]
fn npm_installs_and_publishes() {
    installs_published_and_again_without_the_source(Client::Npm);
}

#[test]
fn pnpm_installs_and_publishes() {
    installs_published_and_again_without_the_source(Client::Pnpm);
}

#[test]
fn yarn_1_installs_and_publishes() {
    installs_published_and_again_without_the_source(Client::Yarn);
}

#[test]
fn yarn_4_installs_and_publishes() {
    installs_published_and_again_without_the_source(Client::YarnModern);
}

#[test]
fn npm_says_why_it_is_refused() {
    says_why_it_is_refused(Client::Npm);
}

#[test]
fn pnpm_says_why_it_is_refused() {
    says_why_it_is_refused(Client::Pnpm);
}

#[test]
fn yarn_1_says_why_it_is_refused() {
    says_why_it_is_refused(Client::Yarn);
}

#[test]
fn yarn_4_says_why_it_is_refused() {
    says_why_it_is_refused(Client::YarnModern);
}

/// What npm can do beside installing and publishing.
#[test]
fn npm_tags_deprecates_and_shows() {
    let place = Place::new();
    if find("npm").is_none() {
        return;
    }
    let service = Service::start(&place.sandbox);
    service.make(DOMAIN, &["team"]);
    let token = service.token(DOMAIN);
    place.sandbox.guard_token(&token);
    Client::Npm.configure(&place, &registry(&service, "team"), &token);
    let npm = |words: &[&str], folder: &Path| {
        Client::Npm.run(&place, words).expect("it was there").current_dir(folder).run()
    };
    for (version, tag) in [("2.0.0-rc.1", "next"), ("1.0.0", "latest")] {
        let folder = place.project("own", &json!({ "name": "@acme/own", "version": version, "license": "MIT" }));
        npm(&["publish", "--tag", tag], &folder).success();
    }
    let folder = place.sandbox.path("work/own");
    npm(&["ping"], &folder).success();
    npm(&["dist-tag", "add", "@acme/own@1.0.0", "stable"], &folder).success();
    let listed = npm(&["dist-tag", "ls", "@acme/own"], &folder).success().stdout();
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["latest: 1.0.0", "next: 2.0.0-rc.1", "stable: 1.0.0"]);
    npm(&["dist-tag", "rm", "@acme/own", "stable"], &folder).success();
    npm(&["dist-tag", "rm", "@acme/own", "stable"], &folder).failure();
    npm(&["deprecate", "@acme/own@1", "take 2"], &folder).success();
    assert_eq!(npm(&["view", "@acme/own@1.0.0", "deprecated"], &folder).success().stdout().trim(), "take 2");
    npm(&["deprecate", "@acme/own@1", ""], &folder).success();
    assert_eq!(npm(&["view", "@acme/own@1.0.0", "deprecated"], &folder).success().stdout().trim(), "");
    let shown = npm(&["view", "@acme/own", "--json"], &folder).success().json();
    assert_eq!(shown["dist-tags"], json!({ "latest": "1.0.0", "next": "2.0.0-rc.1" }));
    assert_eq!(shown["versions"], json!(["1.0.0", "2.0.0-rc.1"]));
    // A version that is there is refused before anything is sent; what is not supported says so.
    npm(&["publish"], &folder).failure().says("cannot publish over the previously published versions");
    npm(&["whoami"], &folder).failure().says("E404");
    npm(&["unpublish", "@acme/own@1.0.0", "--force"], &folder).failure();
    let document = send("GET", &format!("{}@acme%2fown", registry(&service, "team")), Some(&token), b"");
    assert_eq!(document.status, 200, "{}", document.text());
    service.stop().success();
}
