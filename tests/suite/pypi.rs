//! pip, uv, twine and Poetry with an empty home: through three repositories from a public source, publishing, installing
//! what was published, and what they say when they may not.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use tests::{
    Outcome, Program, Sandbox, Service, Source,
    programs::python_tool,
    sandbox::ACCOUNT,
    service::{send, signature},
};

const DOMAIN: &str = "acme";
/// What the installed modules say, in the order of their names.
const FROM_SOURCE: &str = "native 1.0, pure 1.0, solo 1.0";

/// The real clients in a sandbox.
struct Python {
    sandbox: Sandbox,
    interpreter: PathBuf,
    uv: PathBuf,
    twine: PathBuf,
    poetry: PathBuf,
    script: PathBuf,
}

/// Which client installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installer {
    Pip,
    Uv,
    Poetry,
}

const INSTALLERS: [Installer; 3] = [Installer::Pip, Installer::Uv, Installer::Poetry];

/// Which client publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Publisher {
    Twine,
    Uv,
    Poetry,
}

const PUBLISHERS: [Publisher; 3] = [Publisher::Twine, Publisher::Uv, Publisher::Poetry];

impl Python {
    /// Nothing if a client is not installed.
    fn new() -> Option<Self> {
        let [python, uv, twine, poetry] = ["python", "uv", "twine", "poetry"].map(python_tool);
        let sandbox = Sandbox::new();
        for (name, value) in [
            ("PIP_CONFIG_FILE", "/dev/null"),
            ("PIP_NO_INPUT", "1"),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_RETRIES", "0"),
            ("UV_NO_CONFIG", "1"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("UV_HTTP_RETRIES", "0"),
            ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring"),
            ("POETRY_NO_INTERACTION", "1"),
            ("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
            ("POETRY_VIRTUALENVS_OPTIONS_NO_PIP", "true"),
            ("VIRTUALENV_NO_PERIODIC_UPDATE", "1"),
        ] {
            sandbox.set(name, value);
        }
        let script = sandbox.write("work/pypi_packages.py", include_str!("pypi_packages.py"));
        Some(Self { sandbox, interpreter: python?, uv: uv?, twine: twine?, poetry: poetry?, script })
    }

    fn script(&self, args: &[&str]) {
        self.sandbox.program(&self.interpreter).arg(&self.script).args(args).run().success();
    }

    /// A public source with a pure wheel, a wheel for this interpreter and machine only, and an sdist.
    fn source(&self) -> Source {
        let folder = self.sandbox.path("work/source");
        self.script(&["index", folder.to_str().unwrap()]);
        Source::serve(folder)
    }

    /// A wheel and an sdist of a project of ours; gives their folder.
    fn dist(&self, folder: &str, name: &str, version: &str, says: &str, requires: &[&str]) -> PathBuf {
        let dist = self.sandbox.path(format!("work/{folder}/dist"));
        self.script(&[&["dist", dist.to_str().unwrap(), name, version, says], requires].concat());
        let project = format!(
            "[project]\nname = \"{name}\"\nversion = \"{version}\"\nrequires-python = \">=3.8,<4\"\n\
             [tool.poetry]\npackage-mode = true\n"
        );
        self.sandbox.write(format!("work/{folder}/pyproject.toml"), project);
        dist
    }

    /// What all clients send from now on.
    fn authenticate(&self, token: &str) {
        // pip and uv read it, for every address of this host.
        self.sandbox.write("home/.netrc", format!("machine 127.0.0.1 login aws password {token}\n"));
        self.sandbox.may_hold_secrets("home/.netrc");
        for name in ["TWINE", "UV_PUBLISH", "POETRY_HTTP_BASIC_TEAM"] {
            self.sandbox.set(&format!("{name}_USERNAME"), "aws");
            self.sandbox.set(&format!("{name}_PASSWORD"), token);
        }
    }

    /// Installs into an empty folder, with empty caches, and says what the modules say.
    fn install(&self, installer: Installer, service: &Service, repository: &str, packages: &[&str]) -> Outcome {
        for folder in ["cache", "work/installed"] {
            let folder = self.sandbox.path(folder);
            drop(fs::remove_dir_all(&folder));
            fs::create_dir_all(folder).unwrap();
        }
        let index = format!("{}simple/", endpoint(service, repository));
        let target = self.sandbox.path("work/installed");
        let target = target.to_str().unwrap();
        match installer {
            Installer::Pip => {
                let args = ["-m", "pip", "install", "--no-cache-dir", "--target", target, "--index-url", &index];
                self.sandbox.program(&self.interpreter).args(args).args(packages).run()
            }
            Installer::Uv => {
                let python = self.interpreter.to_str().unwrap();
                let args = ["pip", "install", "--python", python, "--target", target, "--default-index", &index];
                self.sandbox.program(&self.uv).args(args).args(packages).run()
            }
            Installer::Poetry => {
                let project = format!(
                    "[project]\nname = \"consumer\"\nversion = \"0\"\nrequires-python = \">=3.8,<4\"\n\
                     dependencies = {}\n[tool.poetry]\npackage-mode = false\n\
                     [[tool.poetry.source]]\nname = \"team\"\nurl = \"{index}\"\npriority = \"primary\"\n",
                    json!(packages),
                );
                self.sandbox.write("work/installed/pyproject.toml", project);
                self.poetry(&["install"]).current_dir(target).run()
            }
        }
    }

    fn poetry(&self, args: &[&str]) -> Program {
        self.sandbox.program(&self.poetry).args(args)
    }

    /// What the installed modules say.
    fn says(&self, installer: Installer, modules: &str) -> String {
        let program = format!("import {modules}\nprint(', '.join(m.SAYS for m in ({modules},)))");
        let folder = self.sandbox.path("work/installed");
        let python =
            if installer == Installer::Poetry { folder.join(".venv/bin/python") } else { self.interpreter.clone() };
        let ran = self.sandbox.program(&python).args(["-c", &program]).var("PYTHONPATH", folder).run().success();
        ran.stdout().trim().to_owned()
    }

    /// Publishes what is in a folder's `dist`.
    fn publish(&self, publisher: Publisher, service: &Service, repository: &str, folder: &str) -> Outcome {
        let url = endpoint(service, repository);
        let folder = self.sandbox.path(format!("work/{folder}"));
        let files = fs::read_dir(folder.join("dist")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|end| end == "whl" || end == "gz")).collect();
        files.sort();
        match publisher {
            // twine keeps the form of the address: with the slash here, without it in other scripts.
            Publisher::Twine => {
                let args = ["upload", "--non-interactive", "--disable-progress-bar", "--verbose", "--repository-url", &url];
                self.sandbox.program(&self.twine).args(args).args(files).run()
            }
            Publisher::Uv => self.sandbox.program(&self.uv).args(["publish", "--publish-url", &url]).args(files).run(),
            Publisher::Poetry => {
                let publish = self.poetry(&["publish", "--repository", "team"]).current_dir(folder);
                publish.var("POETRY_REPOSITORIES_TEAM_URL", url).run()
            }
        }
    }
}

fn endpoint(service: &Service, repository: &str) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/pypi/{repository}/", service.url())
}

/// `store` is connected to the public source, `internal` has it upstream, and `team` that.
fn chain(service: &Service) {
    service.make_chain(DOMAIN, "store", "public:pypi");
}

/// A service on a folder that asks this source.
fn start(python: &Python, source: &Source) -> Service {
    let data = python.sandbox.path("work/data");
    python.sandbox.may_hold_secrets("work/data");
    let external = format!("public:pypi={}simple/", source.url());
    Service::start_with(&python.sandbox, &["--data", data.to_str().unwrap(), "--external", &external])
}

fn versions(service: &Service, repository: &str, package: &str) -> Vec<String> {
    let query = format!("package/versions?domain={DOMAIN}&repository={repository}&format=pypi&package={package}");
    let answer = service.call("POST", &query, "");
    if answer.status == 404 {
        return Vec::new();
    }
    let listed: Value = serde_json::from_slice(&answer.body).unwrap();
    listed["versions"].as_array().unwrap().iter().map(|one| one["version"].as_str().unwrap().to_owned()).collect()
}

/// What a client says to its user, wherever it says it: twine has its errors on standard output.
#[track_caller]
fn tells(outcome: &Outcome, text: &str) {
    assert!(format!("{}{}", outcome.stdout(), outcome.stderr()).contains(text), "`{text}`: {}", outcome.show());
}

#[test]
fn python_packages_come_through_three_repositories_and_stay() {
    let Some(python) = Python::new() else { return };
    let source = python.source();
    let service = start(&python, &source);
    chain(&service);
    let token = service.token(DOMAIN);
    python.sandbox.guard_token(&token);
    python.authenticate(&token);
    let wanted = ["native", "solo"];
    for installer in INSTALLERS {
        python.install(installer, &service, "team", &wanted).success();
        assert_eq!(python.says(installer, "native, pure, solo"), FROM_SOURCE, "{installer:?}");
    }
    for package in ["native", "pure", "solo"] {
        let file = fs::read_dir(python.sandbox.path("work/source/files")).unwrap();
        let names = file.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        for name in names.filter(|name| name.starts_with(&format!("{package}-1.0"))) {
            assert_eq!(source.asked(&format!("/files/{name}")), 1, "{name} is fetched once");
        }
        assert_eq!(versions(&service, "team", package), ["1.0"], "{package}");
        assert_eq!(versions(&service, "store", package), ["1.0"], "{package}");
        assert!(versions(&service, "internal", package).is_empty(), "{package}");
    }
    service.stop().success();

    // The source is gone, the service is another process, the caches are empty.
    source.stop();
    let service = start(&python, &source);
    python.authenticate(&service.token(DOMAIN));
    for installer in INSTALLERS {
        python.install(installer, &service, "team", &wanted).success();
        assert_eq!(python.says(installer, "native, pure, solo"), FROM_SOURCE, "{installer:?}");
    }
    python.install(Installer::Pip, &service, "team", &["never"]).failure().says("No matching distribution found");
    service.stop().success();
}

#[test]
fn what_was_published_is_installed_by_all() {
    let Some(python) = Python::new() else { return };
    let source = python.source();
    let service = start(&python, &source);
    chain(&service);
    let token = service.token(DOMAIN);
    python.sandbox.guard_token(&token);
    python.authenticate(&token);
    for publisher in PUBLISHERS {
        let name = format!("by_{publisher:?}").to_lowercase();
        python.dist(&name, &name, "1.0", &format!("published by {publisher:?}"), &["pure<2"]);
        python.publish(publisher, &service, "team", &name).success();
        // The same again is the same.
        python.publish(publisher, &service, "team", &name).success();
        assert_eq!(versions(&service, "team", &name.replace('_', "-")), ["1.0"]);
        for installer in INSTALLERS {
            python.install(installer, &service, "team", &[&name]).success();
            let modules = format!("{name}, pure");
            assert_eq!(python.says(installer, &modules), format!("published by {publisher:?}, pure 1.0"), "{installer:?}");
        }
        // Its metadata is in the API.
        let project = name.replace('_', "-");
        let query = format!("domain={DOMAIN}&repository=team&format=pypi&package={project}&version=1.0");
        let get = |method: &str, path: &str| -> Value {
            let answer = service.call(method, &format!("package/version{path}?{query}"), "");
            serde_json::from_slice(&answer.body).unwrap()
        };
        let described = get("GET", "")["packageVersion"].clone();
        assert_eq!((&described["summary"], &described["displayName"]), (&json!(format!("The {name}")), &json!(name)));
        assert_eq!(get("GET", "/readme")["readme"].as_str().map(str::trim), Some(format!("# {name}").as_str()));
        assert_eq!(get("POST", "/dependencies")["dependencies"][0]["package"], "pure");
        assert_eq!(get("POST", "/assets")["assets"].as_array().unwrap().len(), 2);

        // Other bytes under the same names.
        python.dist(&name, &name, "1.0", "something else", &[]);
        tells(&python.publish(publisher, &service, "team", &name).failure(), "409");
    }
    // What the public source has is not published beside it.
    python.dist("pure", "pure", "2.0", "mine", &[]);
    for publisher in PUBLISHERS {
        tells(&python.publish(publisher, &service, "team", "pure").failure(), "409");
    }
    service.stop().success();
}

#[test]
fn each_client_says_why_it_may_not() {
    let Some(python) = Python::new() else { return };
    let source = python.source();
    let service = start(&python, &source);
    chain(&service);
    service.make("other", &[]);
    let [token, foreign] = [DOMAIN, "other"].map(|domain| service.token(domain));
    python.dist("mine", "mine", "1.0", "mine", &[]);

    let install = |installer, package: &str| python.install(installer, &service, "team", &[package]).failure();
    let publish = |publisher, repository: &str| python.publish(publisher, &service, repository, "mine").failure();
    // 401: no client tells pip's user, who reads that there is nothing.
    python.authenticate("not-a-token");
    tells(&install(Installer::Pip, "pure"), "No matching distribution found");
    tells(&install(Installer::Uv, "pure"), "401");
    tells(&install(Installer::Poetry, "pure"), "Authorization error");
    for publisher in PUBLISHERS {
        tells(&publish(publisher, "team"), "401");
    }
    // 403: a token of another domain.
    python.authenticate(&foreign);
    tells(&install(Installer::Pip, "pure"), "No matching distribution found");
    tells(&install(Installer::Uv, "pure"), "403");
    tells(&install(Installer::Poetry, "pure"), "Authorization error");
    for publisher in PUBLISHERS {
        tells(&publish(publisher, "team"), "403");
    }
    // 404: no such project; no such repository.
    python.authenticate(&token);
    tells(&install(Installer::Pip, "nobody"), "No matching distribution found");
    tells(&install(Installer::Uv, "nobody"), "not found");
    tells(&install(Installer::Poetry, "nobody"), "nobody");
    for publisher in PUBLISHERS {
        tells(&publish(publisher, "nowhere"), "404");
    }
    let counted = send("GET", &format!("{}/_local/counters", service.url()), Some(&signature()), b"");
    assert!(counted.text().contains("pypi:upload"), "{}", counted.text());
    service.stop().success();
}
