//! pip, uv, twine, Poetry, Hatch and PDM as their pages say: with settings that hold no secret, without a login, from
//! empty caches. Each gets its token from the helper, by a program called `keyring` or by the backend for the `keyring`
//! library; how often it asks is counted, and where the token was is looked for when the sandbox ends.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{
    cell::RefCell,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    Canary, Outcome, Program, Sandbox, Service,
    programs::{find, host, python_tool, tool_of, workspace},
    sandbox::ACCOUNT,
};

const DOMAIN: &str = "acme";
/// The names of the helper that clients find on PATH, in a folder of the sandbox.
const KEYRING: &str = "links/keyring";
const HELPER: &str = "links/codeartifact-credential-helper";

/// The real clients in a sandbox, with the helper on PATH and nothing set up.
struct Clients {
    sandbox: Sandbox,
    /// An interpreter with pip from 26.2 on, and one with pip before that.
    python: PathBuf,
    older: PathBuf,
    uv: PathBuf,
    twine: PathBuf,
    poetry: PathBuf,
    hatch: PathBuf,
    pdm: PathBuf,
    strace: Option<PathBuf>,
    /// What must be in no process's arguments or environment.
    token: RefCell<Option<Canary>>,
}

impl Clients {
    /// Nothing if a client is not installed.
    fn new() -> Option<Self> {
        let [python, uv, twine, poetry] = ["python", "uv", "twine", "poetry"].map(python_tool);
        let [older, hatch, pdm] = [("pip-26.1", "python"), ("hatch", "hatch"), ("pdm", "pdm")]
            .map(|(environment, name)| tool_of(environment, name));
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("links")).unwrap();
        for name in [KEYRING, HELPER] {
            std::os::unix::fs::symlink(sandbox.helper_path(), sandbox.path(name)).unwrap();
        }
        let mut path = sandbox.path("links").into_os_string();
        path.push(":");
        path.push(host().var_os("PATH").unwrap_or_default());
        sandbox.set("PATH", path);
        for (name, value) in [
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_RETRIES", "0"),
            ("UV_PYTHON_DOWNLOADS", "never"),
            ("UV_HTTP_RETRIES", "0"),
            ("PDM_CHECK_UPDATE", "0"),
            ("POETRY_VIRTUALENVS_IN_PROJECT", "true"),
            ("POETRY_VIRTUALENVS_OPTIONS_NO_PIP", "true"),
            ("VIRTUALENV_NO_PERIODIC_UPDATE", "1"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
        ] {
            sandbox.set(name, value);
        }
        let strace = find("strace");
        Some(Self {
            sandbox,
            python: python?,
            older: older?,
            uv: uv?,
            twine: twine?,
            poetry: poetry?,
            hatch: hatch?,
            pdm: pdm?,
            strace,
            token: RefCell::default(),
        })
    }

    /// A wheel and an sdist below `work/NAME/dist`, whose module says its own name.
    fn dist(&self, name: &str) -> Vec<PathBuf> {
        let script = self.sandbox.write("work/pypi_packages.py", include_str!("pypi_packages.py"));
        let dist = self.sandbox.path(format!("work/{name}/dist"));
        let args = [OsStr::new("dist"), dist.as_os_str(), OsStr::new(name), OsStr::new("1.0"), OsStr::new(name)];
        self.sandbox.program(&self.python).arg(script).args(args).run().success();
        let project = format!(
            "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.8,<4\"\n\
             [tool.poetry]\npackage-mode = true\n"
        );
        self.sandbox.write(format!("work/{name}/pyproject.toml"), project);
        let files = fs::read_dir(dist).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "whl" || end == "gz")).collect()
    }

    /// Makes the caches and this folder empty, and gives the folder.
    fn empty(&self, folder: &str) -> PathBuf {
        let folder = self.sandbox.path(folder);
        for folder in [&self.sandbox.path("cache"), &folder] {
            drop(fs::remove_dir_all(folder));
            fs::create_dir_all(folder).unwrap();
        }
        folder
    }

    /// Runs a client, and says how often it started the helper by each of its names.
    fn counted(&self, program: Program) -> (Outcome, Option<[usize; 2]>) {
        let Some(strace) = &self.strace else { return (program.run(), None) };
        let (outcome, trace) = program.traced(strace, "execve");
        for call in trace.of("execve") {
            let found = self.token.borrow().as_ref().and_then(|token| token.find(call.text.as_bytes()));
            assert_eq!(found, None, "the token is in the arguments or the environment of a process");
        }
        let started = [KEYRING, HELPER].map(|name| {
            let program = format!("\"{}\"", self.sandbox.path(name).display());
            trace.of("execve").filter(|call| call.text.starts_with(&program)).count()
        });
        (outcome, Some(started))
    }

    /// Runs a client that must succeed and start the helper so often by each of its names.
    #[track_caller]
    fn asks(&self, wanted: [usize; 2], program: Program) -> Outcome {
        let (outcome, started) = self.counted(program);
        let outcome = outcome.success();
        assert_eq!(started.unwrap_or(wanted), wanted, "starts of the helper: {}", outcome.show());
        outcome
    }

    /// `python -m pip install` into an empty folder.
    fn pip(&self, python: &Path, args: &[&str]) -> Program {
        let target = self.empty("work/installed");
        let program = self.sandbox.program(python).args(["-m", "pip", "install", "--target"]).arg(target);
        program.args(args)
    }

    fn uv(&self, args: &[&str]) -> Program {
        self.sandbox.program(&self.uv).args(args)
    }

    /// Installs the backend for the `keyring` library from its sources, without an index, for all that run with this
    /// value of `PYTHONPATH`.
    fn backend(&self) -> PathBuf {
        let sources = workspace().join("clients/src/keyring/shim");
        for name in ["pyproject.toml", "codeartifact_keyring.py", "build_wheel.py"] {
            self.sandbox.write(format!("work/shim/{name}"), fs::read(sources.join(name)).unwrap());
        }
        let backend = self.sandbox.path("work/backend");
        let args = ["-m", "pip", "install", "--no-index", "--no-deps", "--no-input", "--target"];
        let pip = self.sandbox.program(&self.python).args(args).arg(&backend).arg(self.sandbox.path("work/shim"));
        pip.run().success();
        backend
    }

    /// What a module in this folder, or in a virtual environment there, says.
    fn says(&self, folder: &str, module: &str) -> String {
        let folder = self.sandbox.path(folder);
        let of_project = folder.join(".venv/bin/python");
        let python = if of_project.exists() { of_project } else { self.older.clone() };
        let program = format!("import {module}\nprint({module}.SAYS)");
        let ran = self.sandbox.program(&python).args(["-c", &program]).var("PYTHONPATH", folder).run().success();
        ran.stdout().trim().to_owned()
    }

    /// Looks out for the token that the clients have got, which the helper keeps.
    fn guard(&self, url: &str) {
        let token = self.sandbox.helper(&["keyring", "get", url]).run().success().stdout().trim().to_owned();
        self.sandbox.guard_token(&token);
        self.token.replace(Some(Canary::of_token("token", &token)));
    }
}

fn repository(service: &Service) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/pypi/team/", service.url())
}

/// The same with the user name in it.
fn with_user(url: &str) -> String {
    url.replacen("://", "://aws@", 1)
}

fn pip_conf(clients: &Clients, index: &str) {
    let text = format!("[global]\nindex-url = {index}\nkeyring-provider = subprocess\n");
    clients.sandbox.write("config/pip/pip.conf", text);
}

fn uv_toml(clients: &Clients, url: &str) {
    let text = format!(
        "keyring-provider = \"subprocess\"\n\n[[index]]\nname = \"team\"\nurl = \"{url}simple/\"\n\
         publish-url = \"{}\"\ndefault = true\nauthenticate = \"always\"\n",
        with_user(url)
    );
    clients.sandbox.write("config/uv/uv.toml", text);
}

/// A project that needs `package`, with the source that each of Poetry and PDM is told in it.
fn consumer(clients: &Clients, folder: &str, package: &str, source: &str) -> PathBuf {
    let empty = clients.empty(folder);
    let project = format!(
        "[project]\nname = \"consumer\"\nversion = \"0\"\nrequires-python = \">=3.9,<4\"\ndependencies = {}\n{source}",
        json!([package]),
    );
    clients.sandbox.write(format!("{folder}/pyproject.toml"), project);
    empty
}

fn poetry_source(url: &str) -> String {
    format!(
        "[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = \"team\"\nurl = \"{url}simple/\"\n\
         priority = \"primary\"\n"
    )
}

fn pdm_source(url: &str) -> String {
    format!("[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{url}simple/\"\n")
}

/// What a client says to its user, wherever it says it: Hatch and PDM have their errors on standard output.
#[track_caller]
fn tells(outcome: &Outcome, text: &str) {
    assert!(format!("{}{}", outcome.stdout(), outcome.stderr()).contains(text), "`{text}`: {}", outcome.show());
}

#[test]
fn pip_and_uv_ask_a_program_called_keyring() {
    let Some(clients) = Clients::new() else { return };
    let service = Service::start(&clients.sandbox);
    service.make(DOMAIN, &["team"]);
    let url = repository(&service);
    uv_toml(&clients, &url);

    // The first of all: no token is there yet. The index is asked whether it has the files already.
    clients.asks([2, 0], clients.uv(&["publish", "--index", "team"]).args(clients.dist("one")));
    let args = ["publish", "--username", "aws", "--keyring-provider", "subprocess", "--publish-url", &url];
    clients.asks([1, 0], clients.uv(&args).args(clients.dist("two")));
    assert_eq!(service.count("GetAuthorizationToken"), 1, "one token for all that follows");
    clients.guard(&url);

    // pip, with the user name in the URL before 26.2, and either way from then on.
    let index = format!("{url}simple/");
    for (python, index) in [(&clients.older, with_user(&index)), (&clients.python, with_user(&index)), (&clients.python, index)] {
        pip_conf(&clients, &index);
        clients.asks([1, 0], clients.pip(python, &["--no-input", "one", "two"]));
        assert_eq!(clients.says("work/installed", "two"), "two");
    }
    // uv, with the same in every form.
    let target = clients.empty("work/installed");
    let install = clients.uv(&["pip", "install", "--target", target.to_str().unwrap(), "--python"]);
    clients.asks([1, 0], install.arg(&clients.older).args(["one", "two"]));
    assert_eq!(clients.says("work/installed", "two"), "two");
    let project = consumer(&clients, "work/project", "one", "");
    for command in [["lock"], ["sync"]] {
        clients.empty("cache");
        clients.asks([1, 0], clients.uv(&command).arg("--python").arg(&clients.older).current_dir(&project));
    }
    assert_eq!(clients.says("work/project", "one"), "one");
    for (source, named) in [(with_user(&url), false), (url.clone(), true)] {
        let source = format!(
            "[tool.uv]\nkeyring-provider = \"subprocess\"\n[[tool.uv.index]]\nname = \"team\"\n\
             url = \"{source}simple/\"\ndefault = true\n"
        );
        let project = consumer(&clients, "work/project", "one", &source);
        let lock = clients.uv(&["lock", "--python"]).arg(&clients.older).current_dir(&project);
        let lock = lock.var("XDG_CONFIG_HOME", clients.sandbox.path("work/no-settings"));
        clients.asks([1, 0], if named { lock.var("UV_INDEX_TEAM_USERNAME", "aws") } else { lock });
    }
    // A file by its URL.
    let file = format!("{url}simple/one/1.0/one-1.0-py3-none-any.whl");
    let source = "[tool.uv]\nkeyring-provider = \"subprocess\"\n";
    let project = consumer(&clients, "work/project", &format!("one @ {}", with_user(&file)), source);
    clients.asks([1, 0], clients.uv(&["sync", "--python"]).arg(&clients.older).current_dir(&project));
    assert_eq!(clients.says("work/project", "one"), "one");

    // What a page says of uv's own store: it wins, and nobody is asked.
    let login = clients.uv(&["auth", "login", &url, "--username", "aws", "--password", "-"]);
    login.stdin("not-a-token").run().success();
    let project = consumer(&clients, "work/project", "one", "");
    let lock = || clients.uv(&["lock", "--python"]).arg(&clients.older).current_dir(&project);
    let (outcome, started) = clients.counted(lock());
    assert_eq!(started.unwrap_or_default(), [0, 0]);
    outcome.failure().says("401");
    clients.uv(&["auth", "logout", "--username", "aws", &url]).run().success();
    clients.asks([1, 0], lock());
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    service.stop().success();
}

#[test]
fn tools_that_load_the_library_ask_by_its_backend() {
    let Some(clients) = Clients::new() else { return };
    let service = Service::start(&clients.sandbox);
    service.make(DOMAIN, &["team"]);
    let url = repository(&service);
    let backend = clients.backend();
    clients.sandbox.set("PYTHONPATH", &backend);

    // twine, with its file and without.
    let pypirc = format!("[distutils]\nindex-servers = team\n\n[team]\nrepository = {url}\nusername = aws\n");
    clients.sandbox.write("home/.pypirc", pypirc);
    let twine = |args: &[&str]| clients.sandbox.program(&clients.twine).arg("upload").args(args);
    clients.asks([0, 1], twine(&["-r", "team"]).args(clients.dist("one")));
    clients.asks([0, 2], twine(&["--non-interactive", "--repository-url", &url]).args(clients.dist("two")));
    fs::remove_file(clients.sandbox.path("home/.pypirc")).unwrap();
    clients.guard(&url);

    // Hatch, the same.
    let hatch = |args: &[&str]| clients.sandbox.program(&clients.hatch).args(["--no-interactive", "publish"]).args(args);
    clients.dist("three");
    let args = ["-r", &url, "-u", "aws", "dist"];
    clients.asks([0, 1], hatch(&args).current_dir(clients.sandbox.path("work/three")));
    let config = format!(
        "[publish.index]\nrepo = \"team\"\n\n[publish.index.repos.team]\nurl = \"{url}\"\nuser = \"aws\"\n"
    );
    clients.sandbox.write("config/hatch/config.toml", config);
    clients.dist("four");
    clients.asks([0, 1], hatch(&["dist"]).current_dir(clients.sandbox.path("work/four")));

    // Poetry.
    let poetry = |args: &[&str]| clients.sandbox.program(&clients.poetry).arg("--no-interaction").args(args);
    poetry(&["config", "repositories.team", &url]).run().success();
    clients.dist("five");
    let publish = poetry(&["publish", "--repository", "team"]).current_dir(clients.sandbox.path("work/five"));
    clients.asks([0, 1], publish);
    let project = consumer(&clients, "work/project", "five", &poetry_source(&url));
    clients.asks([0, 1], poetry(&["lock"]).current_dir(&project));
    clients.empty("cache");
    clients.asks([0, 2], poetry(&["install"]).current_dir(&project));
    assert_eq!(clients.says("work/project", "five"), "five");

    // PDM, which has a way without the library, too.
    let pdm = |args: &[&str]| clients.sandbox.program(&clients.pdm).args(args);
    clients.dist("six");
    let publish = pdm(&["publish", "--no-build", "-r", &url]).current_dir(clients.sandbox.path("work/six"));
    clients.asks([0, 1], publish);
    clients.sandbox.write("work/no-library/keyring.py", "raise ImportError('there is no library')\n");
    let without = clients.sandbox.path("work/no-library");
    for (path, wanted) in [(&backend, [0, 1]), (&without, [1, 0])] {
        let project = consumer(&clients, "work/project", "six", &pdm_source(&url));
        for command in [["lock"], ["install"]] {
            clients.empty("cache");
            clients.asks(wanted, pdm(&command).current_dir(&project).var("PYTHONPATH", path));
        }
        assert_eq!(clients.says("work/project", "six"), "six");
    }

    // pip, where the library is beside it.
    let args = ["--keyring-provider", "import", "--no-input", "--index-url", &format!("{url}simple/"), "six"];
    clients.asks([0, 1], clients.pip(&clients.python, &args));
    assert_eq!(clients.says("work/installed", "six"), "six");
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    service.stop().success();
}

#[test]
fn the_user_is_told_why_there_is_no_token() {
    let Some(clients) = Clients::new() else { return };
    let sandbox = &clients.sandbox;
    let service = Service::start_denying_tokens(sandbox);
    service.make(DOMAIN, &["team"]);
    let url = repository(&service);
    let index = format!("{url}simple/");
    uv_toml(&clients, &url);
    clients.dist("mine");
    let mine = sandbox.path("work/mine");
    let wheel = "dist/mine-1.0-py3-none-any.whl";
    let backend = clients.backend();
    let library = |program: &Path| sandbox.program(program).var("PYTHONPATH", &backend);

    for (key, reason) in [(true, "error: GetAuthorizationToken"), (false, "there are no AWS credentials")] {
        let go = |program: Program| {
            let program = if key { program } else { program.without_var("AWS_ACCESS_KEY_ID") };
            clients.counted(program)
        };
        let told = |wanted: [usize; 2], program: Program, ends: &str| {
            let (outcome, started) = go(program);
            let outcome = outcome.failure();
            tells(&outcome, reason);
            tells(&outcome, ends);
            let times = outcome.stderr().matches("error: GetAuthorizationToken").count();
            // uv asks again when it uploads, with what it did not get.
            assert_eq!(times, if wanted == [6, 0] { 2 } else { 1 }, "told once: {}", outcome.show());
            assert_eq!(started.unwrap_or(wanted), wanted, "{}", outcome.show());
        };
        // The URL and the host, which is not answered; uv adds the host with the scheme.
        pip_conf(&clients, &with_user(&index));
        let pip = clients.pip(&clients.older, &["--no-input", "mine"]);
        told([2, 0], pip, "No matching distribution found");
        pip_conf(&clients, &index);
        let (outcome, started) = go(clients.pip(&clients.python, &["--no-input", "mine"]));
        assert_eq!(started.unwrap_or([2, 0]), [2, 0]);
        tells(&outcome.clone().failure(), "No matching distribution found");
        assert!(!outcome.stderr().contains(reason), "pip shows it: say so on its page");
        let args = ["--keyring-provider", "import", "--no-input", "mine"];
        told([0, 1], clients.pip(&clients.python, &args).var("PYTHONPATH", &backend), "No matching distribution found");
        let project = consumer(&clients, "work/project", "mine", "");
        let lock = clients.uv(&["lock", "--python"]).arg(&clients.older).current_dir(&project);
        told([3, 0], lock, "Missing credentials for");
        let uv = ["publish", "--username", "aws", "--keyring-provider", "subprocess", "--publish-url", &url, wheel];
        let publish = clients.uv(&uv).current_dir(&mine);
        told([6, 0], publish, "401");

        let twine = ["upload", "--non-interactive", "--repository-url", &url, wheel];
        told([0, 1], library(&clients.twine).args(twine).current_dir(&mine), "Credential not found for username");
        let hatch = ["--no-interactive", "publish", "-n", "-r", &url, "-u", "aws", "dist"];
        told([0, 1], library(&clients.hatch).args(hatch).current_dir(&mine), "Missing required option: auth");
        let project = consumer(&clients, "work/project", "mine", &poetry_source(&url));
        let poetry = library(&clients.poetry).args(["--no-interaction", "lock"]).current_dir(&project);
        told([0, 1], poetry, "Authorization error");
        let project = consumer(&clients, "work/project", "mine", &pdm_source(&url));
        told([0, 1], library(&clients.pdm).arg("lock").current_dir(&project), "Unable to find candidates for mine");
        let pdm = ["publish", "--no-build", "-r", &url];
        told([0, 1], library(&clients.pdm).args(pdm).current_dir(&mine), "Username and password are required");
    }
    service.stop().success();
}

#[test]
fn a_repositorys_own_settings_get_no_token_to_another_address() {
    let Some(clients) = Clients::new() else { return };
    let sandbox = &clients.sandbox;
    let other = Service::start(sandbox);
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    clients.guard(&repository(&service));
    let backend = clients.backend();

    // A project that names the other one, in the place of the user's own settings.
    let elsewhere = repository(&other);
    let source = format!(
        "[tool.uv]\nkeyring-provider = \"subprocess\"\n[[tool.uv.index]]\nname = \"team\"\n\
         url = \"{elsewhere}simple/\"\ndefault = true\nauthenticate = \"always\"\n"
    );
    let project = consumer(&clients, "work/project", "one", &source);
    let lock = clients.uv(&["lock", "--python"]).arg(&clients.older).current_dir(&project);
    lock.run().failure().says("the URL belongs to the service at");
    let project = consumer(&clients, "work/project", "one", &poetry_source(&elsewhere));
    let lock = sandbox.program(&clients.poetry).args(["--no-interaction", "lock"]).current_dir(&project);
    lock.var("PYTHONPATH", &backend).run().failure().says("the URL belongs to the service at");
    assert_eq!(other.count("GetAuthorizationToken") + other.count("pypi:index"), 0, "nobody came in");
    // A program of the helper's name in the project is not started.
    let planted = sandbox.write("work/project/codeartifact-credential-helper", "#!/bin/sh\ntouch started\n");
    fs::set_permissions(&planted, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let lock = sandbox.program(&clients.poetry).args(["--no-interaction", "lock"]).current_dir(&project);
    let path = format!(".:{}", host().var("PATH").unwrap());
    lock.var("PYTHONPATH", &backend).var("PATH", path).run().failure().says("is not on PATH");
    assert!(!project.join("started").exists());
    other.stop().success();
    service.stop().success();
}

/// A keyring of somebody else's, in a file of its own.
const ELSEWHERE: &str = r#"
import json, os, keyring.backend

class Keyring(keyring.backend.KeyringBackend):
    priority = 1
    file = os.path.join(os.environ["TMPDIR"], "kept.json")

    def kept(self):
        return json.load(open(self.file)) if os.path.exists(self.file) else {}

    def get_password(self, service, username):
        return self.kept().get(f"{username} {service}")

    def set_password(self, service, username, password):
        json.dump({**self.kept(), f"{username} {service}": password}, open(self.file, "w"))
"#;

#[test]
fn what_is_not_ours_goes_to_pythons_own_program_and_comes_back() {
    let Some(clients) = Clients::new() else { return };
    let Some(theirs) = python_tool("keyring") else { return };
    let sandbox = &clients.sandbox;
    std::os::unix::fs::symlink(theirs, sandbox.path("links/theirs")).unwrap();
    let next = sandbox.write("next/keyring", format!("#!/bin/sh\nexec {} \"$@\"\n", sandbox.path("links/theirs").display()));
    fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.write("work/backend/elsewhere.py", ELSEWHERE);
    // The library chains both: ours first.
    let backend = clients.backend();
    let entry_points = "work/backend/elsewhere-1.dist-info/entry_points.txt";
    sandbox.write(entry_points, "[keyring.backends]\nelsewhere = elsewhere\n");
    sandbox.write("work/backend/elsewhere-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1\n");
    let path = [sandbox.path("links"), sandbox.path("next"), PathBuf::from(host().var("PATH").unwrap())];
    let path = path.map(PathBuf::into_os_string).join(OsStr::new(":"));
    let keyring = |args: &[&str]| {
        sandbox.program(&sandbox.path(KEYRING)).args(args).var("PATH", &path).var("PYTHONPATH", &backend)
    };
    let foreign = "https://mirror.example.com/simple/";
    // The password is still to be read where it is stored, and nothing of ours is asked about it.
    clients.asks([1, 0], keyring(&["set", foreign, "dev"]).stdin("theirs"));
    let json = ["--mode=creds", "--output=json", "get", foreign, "dev"];
    for (args, says) in [(&["get", foreign, "dev"][..], "theirs\n"), (&json, "{\"username\": \"dev\", \"password\": \"theirs\"}\n")] {
        assert_eq!(clients.asks([1, 0], keyring(args)).stdout(), says);
    }
    clients.asks([1, 0], keyring(&["--list-backends"])).prints("codeartifact_keyring.CodeArtifactKeyring");
    // What looks like ours and is not: the backend asks once, and nobody goes round in circles.
    let (outcome, started) = clients.counted(keyring(&["get", "http://127.0.0.1:1/d/somebody/", "dev"]));
    assert_eq!((outcome.code(), outcome.stdout().as_str()), (Some(1), ""), "{}", outcome.show());
    assert_eq!(started.unwrap_or([1, 1]), [1, 1]);
}

#[test]
fn the_backends_own_tests_pass() {
    let (Some(python), sandbox) = (python_tool("python"), Sandbox::new()) else { return };
    let folder = workspace().join("clients/src/keyring/shim");
    let tests = sandbox.program(&python).args(["-m", "unittest", "-v"]).var("PYTHONDONTWRITEBYTECODE", "1");
    tests.current_dir(folder).run().success().says("test_nothing_is_started_for_anything_else");
}
