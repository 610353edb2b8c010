//! Real projects through `team`, `internal` and `public`, and once more when the public source cannot be reached: nothing
//! is left then but what the service has kept. At its usual size the source is on loopback and its packages are made
//! here; with `FULL=1` it is the one that the package managers of this machine know.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};
use tests::{
    Program, Sandbox, Service, Source,
    npm_packages::{self, manifest},
    programs::{find, full_size, python_tool},
    sample::sha256,
    sandbox::ACCOUNT,
    service::index_path,
};

const DOMAIN: &str = "acme";
/// What one step of a full-size project may take.
const LONG: Duration = Duration::from_mins(8);

fn at_full_size() -> bool {
    if !full_size() {
        println!("left to FULL=1: the project of full size needs the network");
    }
    full_size()
}

/// A service with three repositories, and the sandbox of the client.
struct Chain {
    sandbox: Sandbox,
    service: Service,
    connection: &'static str,
}

impl Chain {
    /// Connected to this source, or else to the one that the service finds.
    fn start(sandbox: Sandbox, connection: &'static str, source: Option<&str>) -> Self {
        sandbox.may_hold_secrets("data/service");
        let data = sandbox.path("data/service");
        let data = ["--data", data.to_str().expect("sandbox paths are text")];
        let service = match source {
            Some(url) => {
                let external = format!("{connection}={url}");
                Service::start_with(&sandbox, &[&data[..], &["--external", &external]].concat())
            }
            None => Service::start_as_tester(&sandbox, &data),
        };
        service.make_chain(DOMAIN, "public", connection);
        Self { sandbox, service, connection }
    }

    /// Another process with the same data at the same address, and nobody listens where it is told the source is.
    fn cut_off(self) -> Self {
        let Self { sandbox, service, connection } = self;
        let nobody = Source::serve(sandbox.path("work"));
        nobody.stop();
        let external = format!("{connection}={}", nobody.url());
        let address = service.address().to_owned();
        service.stop().success();
        let data = sandbox.path("data/service");
        let data = data.to_str().expect("sandbox paths are text");
        let service =
            Service::start_with(&sandbox, &["--data", data, "--listen", &address, "--external", &external]);
        Self { sandbox, service, connection }
    }

    fn endpoint(&self, format: &str) -> String {
        format!("{}/d/{DOMAIN}-{ACCOUNT}/{format}/team/", self.service.url())
    }

    /// What the client shows.
    fn token(&self) -> String {
        let token = self.service.token(DOMAIN);
        self.sandbox.guard_token(&token);
        token
    }

    /// How many packages a repository has itself.
    fn kept(&self, repository: &str) -> usize {
        let mut kept = 0;
        let mut next = String::new();
        loop {
            let path = format!("packages?domain={DOMAIN}&repository={repository}&max-results=1000{next}");
            let answer = self.service.call("POST", &path, "");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let page: Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
            kept += page["packages"].as_array().expect("a list").len();
            let Some(token) = page["nextToken"].as_str() else { return kept };
            next = format!("&next-token={token}");
        }
    }

    /// What was fetched is in the first and in the last repository, and in none between.
    fn keeps(&self, at_least: usize) {
        let kept = ["team", "internal", "public"].map(|repository| self.kept(repository));
        assert!(kept[0] >= at_least && kept == [kept[0], 0, kept[0]], "{kept:?}, of at least {at_least}");
    }

    /// Removes folders of the sandbox: what a client remembers.
    fn forget(&self, folders: &[&str]) {
        for folder in folders {
            drop(fs::remove_dir_all(self.sandbox.path(folder)));
        }
    }
}

/// How long a step took, where a person who runs the tests looks.
fn took(what: &str, when: &str, duration: Duration) {
    println!("{what}, {when}: {:.1} s", duration.as_secs_f64());
}

/// `npm ci` of a project with this manifest, twice with an empty cache; `check` looks at what was installed.
fn npm_project(sandbox: Sandbox, source: Option<&Source>, project: &Value, check: fn(&Chain)) {
    let npm = find("npm").expect("it was there a moment ago");
    sandbox.set("npm_config_cache", sandbox.path("cache/npm"));
    sandbox.set("npm_config_update_notifier", "false");
    sandbox.may_hold_secrets("home/.npmrc");
    sandbox.write("work/app/package.json", project.to_string());
    let chain = Chain::start(sandbox, "public:npmjs", source.map(Source::url).as_deref());
    let registry = chain.endpoint("npm");
    let bare = registry.strip_prefix("http:").expect("the service says http");
    chain.sandbox.write("home/.npmrc", format!("registry={registry}\n{bare}:_authToken={}\n", chain.token()));
    let run = |chain: &Chain, words: &[&str]| {
        chain.forget(&["cache/npm", "work/app/node_modules"]);
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
        let npm = chain.sandbox.program(&npm).args(words).args(quiet).limit(LONG);
        npm.current_dir(chain.sandbox.path("work/app")).run().success()
    };

    took("the lock file of npm", "from the source", run(&chain, &["install", "--package-lock-only"]).took());
    assert_eq!(chain.kept("team"), 0, "documents bring in nothing");
    let lock = fs::read_to_string(chain.sandbox.path("work/app/package-lock.json")).expect("npm wrote it");
    let lock: Value = serde_json::from_str(&lock).expect("a lock file is JSON");
    let mut names = std::collections::BTreeSet::new();
    let mut needed = Vec::new();
    for (path, package) in lock["packages"].as_object().expect("a lock file has packages") {
        // What is optional may be for other machines.
        if !path.is_empty() && package["optional"] != true {
            assert!(package["resolved"].as_str().is_some_and(|url| url.starts_with(&registry)), "{path}: {package}");
            needed.push((path, &package["version"]));
            names.insert(path.rsplit_once("node_modules/").expect("packages lie there").1);
        }
    }
    assert!(names.len() >= 200, "several hundred packages, not {}", names.len());
    let installed = |chain: &Chain| {
        for (path, version) in &needed {
            let file = chain.sandbox.path(format!("work/app/{path}/package.json"));
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let manifest: Value = serde_json::from_str(&text).expect("a manifest is JSON");
            assert_eq!(manifest["version"], **version, "{path}");
        }
        check(chain);
    };
    took("npm ci", "from the source", run(&chain, &["ci"]).took());
    installed(&chain);
    chain.keeps(names.len());

    if let Some(source) = source {
        source.stop();
    }
    let chain = chain.cut_off();
    took("npm ci", "without it", run(&chain, &["ci"]).took());
    println!("{} packages in {} places", names.len(), needed.len());
    installed(&chain);
    chain.service.stop().success();
}

#[test]
fn a_front_end_of_generated_packages_is_installed_again_without_its_source() {
    const PACKAGES: usize = 240;
    if find("npm").is_none() || find("node").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let name = |number: usize| if number.is_multiple_of(6) { format!("@scope/p{number}") } else { format!("p{number}") };
    let mut manifests = Vec::new();
    for number in 0..PACKAGES {
        let [half, third] = [name(number / 2), name(number / 3)];
        // Every fifth needs the old version of what its neighbours need the new one of: npm nests these.
        let range = if number.is_multiple_of(5) { "^1.0.0" } else { "^2.0.0" };
        let needs = if number == 0 { Vec::new() } else { vec![(half.as_str(), range), (third.as_str(), "^2.0.0")] };
        // Half and third are the same near the start; the same range then.
        let needs = if half == third && !needs.is_empty() { vec![(half.as_str(), "^2.0.0")] } else { needs };
        for version in ["1.0.0", "2.0.0"] {
            manifests.push(manifest(&name(number), version, &needs));
        }
    }
    npm_packages::write(&sandbox.path("source"), &manifests);
    let source = Source::serve(sandbox.path("source"));
    let needs: Vec<String> = (PACKAGES / 2..PACKAGES).map(name).collect();
    let needs: Vec<(&str, &str)> = needs.iter().map(|name| (name.as_str(), "2.0.0")).collect();
    npm_project(sandbox, Some(&source), &manifest("app", "1.0.0", &needs), |chain| {
        let script = "const all = Object.entries(require('./package.json').dependencies);\n\
                      console.log(all.filter(([name, version]) => require(name) === `${name} ${version}`).length)";
        let node = chain.sandbox.program(&find("node").expect("it was there")).args(["-e", script]);
        let said = node.current_dir(chain.sandbox.path("work/app")).run().success().stdout();
        assert_eq!(said.trim(), (PACKAGES / 2).to_string());
    });
}

#[test]
fn a_front_end_of_real_packages_is_built_again_without_its_source() {
    if !at_full_size() || find("npm").is_none() || find("node").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = json!({
        "name": "front", "version": "1.0.0", "private": true,
        "dependencies": {
            "@emotion/react": "11.13.3", "@emotion/styled": "11.13.0", "@mui/material": "5.16.7", "axios": "1.7.7",
            "express": "4.21.0", "lodash": "4.17.21", "react": "18.3.1", "react-dom": "18.3.1",
            "react-router-dom": "6.26.2",
        },
        "devDependencies": {
            "@babel/core": "7.25.2", "@babel/preset-env": "7.25.4", "@babel/preset-react": "7.24.7",
            "babel-loader": "9.2.1", "css-loader": "7.1.2", "eslint": "8.57.1", "eslint-plugin-react": "7.36.1",
            "html-webpack-plugin": "5.6.0", "jest": "29.7.0", "prettier": "3.3.3", "style-loader": "4.0.0",
            "typescript": "5.6.2", "webpack": "5.95.0", "webpack-cli": "5.1.4", "webpack-dev-server": "5.1.0",
        },
    });
    sandbox.write(
        "work/app/src/index.js",
        "import { chunk } from 'lodash';\nimport { createElement } from 'react';\nimport { createRoot } from \
         'react-dom/client';\ncreateRoot(document.body).render(createElement('p', null, chunk([1, 2], 1).join()));\n",
    );
    npm_project(sandbox, None, &project, |chain| {
        chain.forget(&["work/app/dist"]);
        let node = chain.sandbox.program(&find("node").expect("it was there"));
        let webpack = node.args(["node_modules/webpack/bin/webpack.js", "--mode", "production"]).limit(LONG);
        let _ = webpack.current_dir(chain.sandbox.path("work/app")).run().success().prints("compiled successfully");
        assert!(chain.sandbox.path("work/app/dist/main.js").exists());
    });
}

#[test]
fn a_python_project_with_binary_wheels_is_installed_again_without_its_source() {
    let [python, uv] = ["python", "uv"].map(python_tool);
    let (Some(python), Some(uv)) = (python, uv) else { return };
    if !at_full_size() {
        return;
    }
    let sandbox = Sandbox::new();
    for (name, value) in [
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("PIP_NO_INPUT", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_RETRIES", "0"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("UV_HTTP_RETRIES", "0"),
        ("UV_HTTP_TIMEOUT", "300"),
    ] {
        sandbox.set(name, value);
    }
    sandbox.may_hold_secrets("home/.netrc");
    let install = |chain: &Chain, when: &str| {
        chain.sandbox.write("home/.netrc", format!("machine 127.0.0.1 login aws password {}\n", chain.token()));
        let index = format!("{}simple/", chain.endpoint("pypi"));
        let target = chain.sandbox.path("work/installed");
        let target = target.to_str().expect("sandbox paths are text");
        let interpreter = python.to_str().expect("paths of tools are text");
        // Nothing is built: what has no wheel for this machine is a failure.
        let wheels = ["numpy", "requests", "--target", target, "--only-binary", ":all:"];
        for (name, program) in [
            ("pip", chain.sandbox.program(&python).args(["-m", "pip", "install", "--no-cache-dir", "--index-url", &index])),
            ("uv", chain.sandbox.program(&uv).args(["pip", "install", "--python", interpreter, "--default-index", &index])),
        ] {
            chain.forget(&["cache/uv", "work/installed"]);
            took(name, when, program.args(wheels).limit(LONG).run().success().took());
            let script = "import numpy, requests\nprint(int(numpy.ones(1000).sum()), requests.get.__name__)";
            let used = chain.sandbox.program(&python).args(["-c", script]).var("PYTHONPATH", target).run().success();
            assert_eq!(used.stdout().trim(), "1000 get", "{name}");
        }
    };
    let chain = Chain::start(sandbox, "public:pypi", None);
    install(&chain, "from the source");
    chain.keeps(6);
    let chain = chain.cut_off();
    install(&chain, "without it");
    chain.service.stop().success();
}

/// `cargo fetch` and `cargo check` of a locked workspace, twice with an empty cache.
fn cargo_workspace(sandbox: Sandbox, source: Option<&Source>, dependencies: &str, at_least: usize) {
    let members = ["front", "back"];
    sandbox.write("work/app/Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"front\", \"back\"]\n");
    for member in members {
        let manifest = format!(
            "[package]\nname = \"{member}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n{dependencies}"
        );
        sandbox.write(format!("work/app/{member}/Cargo.toml"), manifest);
        sandbox.write(format!("work/app/{member}/src/lib.rs"), "");
    }
    let chain = Chain::start(sandbox, "public:crates-io", source.map(Source::url).as_deref());
    let _ = chain.token();
    let cargo = |chain: &Chain, words: &[&str]| -> Program {
        chain.sandbox.cargo(words).current_dir(chain.sandbox.path("work/app")).limit(LONG)
    };
    // What the lock file names for other machines must be there, too: cargo looks at all of it before it begins. So it
    // is fetched for all of them, as a team does that means to go without the source.
    let build = |chain: &Chain, when: &str| {
        chain.forget(&["home/.cargo/registry", "work/app/target"]);
        took("cargo fetch", when, cargo(chain, &["fetch", "--locked"]).run().success().took());
        took("cargo check", when, cargo(chain, &["check", "--locked"]).run().success().took());
    };
    let configure = ["configure", "cargo", "--domain", DOMAIN, "--repository", "team", "--replace-default"];
    chain.sandbox.codeartifact(&configure).run().success();
    took("the lock file of cargo", "from the source", cargo(&chain, &["generate-lockfile"]).run().success().took());
    assert_eq!(chain.kept("team"), 0, "an index brings in nothing");
    build(&chain, "from the source");
    chain.keeps(at_least);
    if let Some(source) = source {
        source.stop();
    }
    let chain = chain.cut_off();
    build(&chain, "without it");
    println!("{} crates", chain.kept("team"));
    chain.service.stop().success();
}

#[test]
fn a_workspace_of_generated_crates_is_checked_again_without_its_source() {
    const CRATES: usize = 40;
    let sandbox = Sandbox::new();
    let folder = sandbox.path("source");
    let name = |number: usize| format!("crate-{number}");
    for number in 0..CRATES {
        let needs: std::collections::BTreeSet<usize> =
            if number == 0 { [].into() } else { [number / 2, number / 3].into() };
        let mut manifest = format!("[package]\nname = \"crate-{number}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n");
        let mut module = "pub fn said() -> usize {\n    1".to_owned();
        let mut listed = Vec::new();
        for need in needs {
            let _ = writeln!(manifest, "crate-{need} = \"0.1\"");
            let _ = write!(module, " + crate_{need}::said()");
            listed.push(json!({
                "name": name(need), "req": "^0.1", "features": [], "optional": false, "default_features": true,
                "target": null, "kind": "normal",
            }));
        }
        module.push_str("\n}\n");
        let root = format!("crate-{number}-0.1.0");
        let packed = packed_crate(&[(format!("{root}/Cargo.toml"), manifest), (format!("{root}/src/lib.rs"), module)]);
        let line = json!({
            "name": name(number), "vers": "0.1.0", "deps": listed, "features": {}, "yanked": false, "cksum": sha256(&packed),
        });
        sandbox.write(folder.join(index_path(&name(number))), format!("{line}\n"));
        sandbox.write(folder.join(format!("{root}.crate")), packed);
    }
    let source = Source::serve(&folder);
    let config = json!({ "dl": format!("{}{{crate}}-{{version}}.crate", source.url()), "api": source.url() });
    sandbox.write(folder.join("config.json"), config.to_string());
    let mut needs = String::new();
    for number in CRATES / 2..CRATES {
        let _ = writeln!(needs, "crate-{number} = \"0.1\"");
    }
    cargo_workspace(sandbox, Some(&source), &needs, CRATES);
}

fn packed_crate(files: &[(String, String)]) -> Vec<u8> {
    npm_packages::archive(files.iter().map(|(path, content)| (path.as_str(), content.as_str())))
}

#[test]
fn a_workspace_of_real_crates_is_checked_again_without_its_source() {
    if at_full_size() {
        let needs = "anyhow = \"1\"\nclap = { version = \"4\", features = [\"derive\"] }\nitertools = \"0.14\"\nlog = \"0.4\"\n\
                     rand = \"0.9\"\nregex = \"1\"\nserde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n\
                     thiserror = \"2\"\ntoml = \"0.9\"\n";
        cargo_workspace(Sandbox::new(), None, needs, 40);
    }
}
