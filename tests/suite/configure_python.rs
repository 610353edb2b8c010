//! `configure` and `--undo` for pip, uv, twine, Poetry, PDM and Hatch: from an empty home to packages that the clients
//! themselves published and installed, and back to the same tree.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    Outcome, Program, Sandbox, Service,
    helper_on_path::guard_token_of,
    programs::{host, python_tool, tool_of},
    sandbox::ACCOUNT,
};

use crate::configure_dotnet_ruby_swift::{assert_as_before, tree};

const DOMAIN: &str = "acme";
/// Where settings and links are written; what clients fetch goes elsewhere.
const FOLDERS: [&str; 3] = ["home", "config", "data"];

/// The real clients in an empty home, and a repository.
struct Clients {
    service: Service,
    sandbox: Sandbox,
    python: PathBuf,
    uv: PathBuf,
}

impl Clients {
    /// Nothing if a client is not installed.
    fn new() -> Option<Self> {
        let [python, uv] = ["python", "uv"].map(python_tool);
        let (python, uv) = (python?, uv?);
        let sandbox = Sandbox::new();
        // As the command says where links are not on PATH; the rest of it leads to no `keyring` of ours.
        let mut path = sandbox.path("data/codeartifact/bin").into_os_string();
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
        ] {
            sandbox.set(name, value);
        }
        sandbox.set("VIRTUALENV_OVERRIDE_APP_DATA", sandbox.path("cache/virtualenv"));
        sandbox.set("PDM_LOG_DIR", sandbox.path("cache/pdm-log"));
        // uv makes a lock there when it looks for what `uv auth` has.
        sandbox.set("UV_CREDENTIALS_DIR", sandbox.path("cache/uv-credentials"));
        let service = Service::start(&sandbox);
        service.make(DOMAIN, &["team"]);
        Some(Self { service, sandbox, python, uv })
    }

    fn url(&self) -> String {
        format!("{}/d/{DOMAIN}-{ACCOUNT}/pypi/team/", self.service.url())
    }

    /// A wheel and an sdist below `work/NAME/dist`, whose module says its own name.
    fn dist(&self, name: &str) -> Vec<PathBuf> {
        let script = self.sandbox.write("work/pypi_packages.py", include_str!("pypi_packages.py"));
        let dist = self.sandbox.path(format!("work/{name}/dist"));
        let args = [OsStr::new("dist"), dist.as_os_str(), OsStr::new(name), OsStr::new("1.0"), OsStr::new(name)];
        self.sandbox.program(&self.python).arg(script).args(args).run().success();
        self.sandbox.write(
            format!("work/{name}/pyproject.toml"),
            format!(
                "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.8,<4\"\n[tool.poetry]\n\
                 package-mode = true\n"
            ),
        );
        let files = fs::read_dir(dist).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "whl" || end == "gz")).collect()
    }

    /// A project that needs `package`, in an empty folder and with empty caches.
    fn consumer(&self, package: &str, more: &str) -> PathBuf {
        let folder = self.empty("work/project");
        let needs = json!([package]);
        let project = format!(
            "# A project\n[project]\nname = \"consumer\"\nversion = \"0\"\nrequires-python = \">=3.9,<4\"\n\
             dependencies = {needs}\n\n{more}"
        );
        self.sandbox.write("work/project/pyproject.toml", project);
        folder
    }

    fn empty(&self, folder: &str) -> PathBuf {
        let folder = self.sandbox.path(folder);
        for folder in [&self.sandbox.path("cache"), &folder] {
            drop(fs::remove_dir_all(folder));
            fs::create_dir_all(folder).unwrap();
        }
        folder
    }

    /// What a module in this folder, or in a virtual environment there, says.
    fn says(&self, folder: &str, module: &str) {
        let folder = self.sandbox.path(folder);
        let of_project = folder.join(".venv/bin/python");
        let python = if of_project.exists() { of_project } else { self.python.clone() };
        let program = format!("import {module}\nprint({module}.SAYS)");
        let ran = self.sandbox.program(&python).args(["-c", &program]).var("PYTHONPATH", folder).run().success();
        assert_eq!(ran.stdout().trim(), module);
    }

    /// `configure`, and once more, when nothing is to be done.
    fn configured(&self, words: &[&str], folder: &Path) -> Outcome {
        let configure = |more: &[&str]| {
            let words = [&["configure"], words, &["--domain", DOMAIN, "--repository", "team"], more].concat();
            self.sandbox.codeartifact(&words).current_dir(folder).run().success()
        };
        let outcome = configure(&[]);
        let again = configure(&["--dry-run", "--json"]).json();
        assert_eq!((&again["edits"], &again["links"]), (&json!([]), &json!([])), "{again}");
        outcome
    }

    fn undone(&self, words: &[&str], folder: &Path) {
        let words = [&["configure", "--undo"], words].concat();
        let outcome = self.sandbox.codeartifact(&words).current_dir(folder).run().success();
        assert!(!outcome.stderr().contains("warning"), "{}", outcome.show());
    }

    fn pip(&self, python: &Path, package: &str) {
        let target = self.empty("work/installed");
        let pip = self.sandbox.program(python).args(["-m", "pip", "install", "--no-input", "--target"]).arg(target);
        pip.arg(package).run().success();
        self.says("work/installed", package);
    }

    fn uv(&self, args: &[&str]) -> Program {
        self.sandbox.program(&self.uv).args(args)
    }
}

#[test]
fn pip_and_uv_are_led_to_the_repository_and_back() {
    let Some(clients) = Clients::new() else { return };
    let [older, oldest] = ["pip-26.1", "pip-23.1"].map(|environment| tool_of(environment, "python"));
    let (Some(older), Some(oldest)) = (older, oldest) else { return };
    let (work, url) = (clients.sandbox.path("work"), clients.url());
    let before = tree(&clients.sandbox, &FOLDERS);

    clients.configured(&["pip", "uv"], &work);
    clients.uv(&["publish", "--index", "team"]).args(clients.dist("one")).run().success();
    guard_token_of(&clients.sandbox, &url);
    for python in [&clients.python, &older, &oldest] {
        clients.pip(python, "one");
    }
    let target = clients.empty("work/installed");
    let install = clients.uv(&["pip", "install", "--target", target.to_str().unwrap(), "--python"]);
    install.arg(&older).arg("one").run().success();
    clients.says("work/installed", "one");
    clients.undone(&["uv"], &work);
    // The link is pip's, too.
    clients.pip(&clients.python, "one");
    clients.undone(&[], &work);
    assert_as_before(&clients.sandbox, &FOLDERS, &before);

    // As an extra index, beside one of somebody's own.
    let theirs = "# mine\r\n[global]\r\nindex-url = http://127.0.0.1:1/simple/\r\n\r\n[install]\r\nuser=false";
    clients.sandbox.write("config/pip/pip.conf", theirs);
    clients.sandbox.write("config/uv/uv.toml", "offline = false # no\n[[index]]\nurl = 'http://127.0.0.1:1/simple/'");
    let before = tree(&clients.sandbox, &FOLDERS);
    let outcome = clients.configured(&["pip", "uv", "--extra-index"], &work);
    assert!(outcome.stderr().contains("a stranger's package"), "{}", outcome.show());
    clients.undone(&["pip", "uv"], &work);
    assert_as_before(&clients.sandbox, &FOLDERS, &before);

    // A token in the way is an old login's: it stays, and is said.
    let login = format!("[global]\nindex-url = {}simple/\n", url.replace("://", "://aws:REDACTED@"));
    clients.sandbox.write("config/pip/pip.conf", &login);
    let words = ["configure", "pip", "--domain", DOMAIN, "--repository", "team"];
    let _ = clients.sandbox.codeartifact(&words).run().exit(1).says("holds what looks like a secret").says("hint:");
    assert_eq!(fs::read_to_string(clients.sandbox.path("config/pip/pip.conf")).unwrap(), login);
    clients.service.stop().success();
}

#[test]
fn a_project_leads_uv_to_the_repository() {
    let Some(clients) = Clients::new() else { return };
    let before = tree(&clients.sandbox, &FOLDERS);
    let project = clients.consumer("one", "[tool.uv]\npackage = false");
    let text = fs::read_to_string(project.join("pyproject.toml")).unwrap();
    clients.configured(&["uv", "--project"], &project);
    let committed = fs::read_to_string(project.join("pyproject.toml")).unwrap();
    assert!(!committed.contains(clients.sandbox.path("").to_str().unwrap()), "bound to this machine:\n{committed}");
    let publish = clients.uv(&["publish", "--index", "team"]).args(clients.dist("one"));
    publish.current_dir(&project).run().success();
    guard_token_of(&clients.sandbox, &clients.url());
    for command in [["lock"], ["sync"]] {
        clients.uv(&command).arg("--python").arg(&clients.python).current_dir(&project).run().success();
    }
    clients.says("work/project", "one");
    clients.undone(&["uv", "--project"], &project);
    assert_eq!(fs::read_to_string(project.join("pyproject.toml")).unwrap(), text);
    assert_as_before(&clients.sandbox, &FOLDERS, &before);
    clients.service.stop().success();
}

#[test]
fn tools_that_load_the_keyring_library_are_led_to_the_repository_and_back() {
    let Some(clients) = Clients::new() else { return };
    let [twine, poetry] = ["twine", "poetry"].map(python_tool);
    let [hatch, pdm] = ["hatch", "pdm"].map(|name| tool_of(name, name));
    let (Some(twine), Some(poetry), Some(hatch), Some(pdm)) = (twine, poetry, hatch, pdm) else { return };
    let (sandbox, work, url) = (&clients.sandbox, clients.sandbox.path("work"), clients.url());
    let before = tree(sandbox, &FOLDERS);

    clients.configured(&["twine", "hatch", "poetry", "pdm"], &work);
    let upload = sandbox.program(&twine).args(["upload", "--non-interactive", "-r", "team"]).args(clients.dist("one"));
    upload.run().success();
    guard_token_of(sandbox, &url);
    clients.dist("two");
    let publish = sandbox.program(&hatch).args(["--no-interactive", "publish", "-n", "-r", "team", "dist"]);
    publish.current_dir(work.join("two")).run().success();
    clients.dist("three");
    let publish = sandbox.program(&poetry).args(["--no-interaction", "publish", "--repository", "team"]);
    publish.current_dir(work.join("three")).run().success();
    clients.dist("four");
    let publish = sandbox.program(&pdm).args(["publish", "--no-build", "-r", "team"]);
    publish.current_dir(work.join("four")).run().success();

    // PDM by the user's settings, then Poetry and PDM by their projects'.
    let project = clients.consumer("four", "[tool.pdm]\ndistribution = false\n");
    for command in ["lock", "install"] {
        sandbox.program(&pdm).arg(command).current_dir(&project).run().success();
    }
    clients.says("work/project", "four");
    clients.undone(&[], &work);
    assert_as_before(sandbox, &FOLDERS, &before);
    for (client, program, package, more) in [
        ("poetry", &poetry, "three", "[tool.poetry]\npackage-mode = false"),
        ("pdm", &pdm, "two", "[tool.pdm]\ndistribution = false # an app\n"),
    ] {
        let project = clients.consumer(package, more);
        let text = fs::read_to_string(project.join("pyproject.toml")).unwrap();
        clients.configured(&[client, "--project"], &project);
        let committed = fs::read_to_string(project.join("pyproject.toml")).unwrap();
        assert!(!committed.contains(sandbox.path("").to_str().unwrap()), "bound to this machine:\n{committed}");
        for command in ["lock", "install"] {
            sandbox.program(program).arg(command).current_dir(&project).run().success();
        }
        clients.says("work/project", package);
        clients.undone(&[client, "--project"], &project);
        assert_eq!(fs::read_to_string(project.join("pyproject.toml")).unwrap(), text);
    }
    assert_as_before(sandbox, &FOLDERS, &before);
    clients.service.stop().success();
}
