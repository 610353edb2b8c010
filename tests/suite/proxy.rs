//! `proxy`: real clients without any token of their own, from the service and from what is kept; who is served and who is
//! not; one for each user.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tests::{
    Program, Running, Sandbox, Service, Source,
    npm_packages::{self, manifest},
    programs::{find, python_tool, workspace},
    sandbox::ACCOUNT,
    service::send,
};

const DOMAIN: &str = "acme";
const PLACE: &str = "acme-111122223333.us-east-1";

/// A service, a proxy before it, and a token that must be nowhere.
struct Scene {
    sandbox: Sandbox,
    service: Service,
    proxy: Running,
    url: String,
}

impl Scene {
    fn start(options: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let service = Service::start(&sandbox);
        service.make(DOMAIN, &["team"]);
        Self::before(sandbox, service, options)
    }

    /// A proxy before a service that is there.
    fn before(sandbox: Sandbox, service: Service, options: &[&str]) -> Self {
        let token = sandbox.codeartifact(&["token", "--domain", DOMAIN]).answers_secret().run().success().stdout();
        sandbox.guard_token(token.trim());
        sandbox.set("npm_config_update_notifier", "false");
        let (proxy, url) = listening(&sandbox, options);
        Self { sandbox, service, proxy, url }
    }

    fn registry(&self) -> String {
        format!("{}/d/{PLACE}/npm/team/", self.url)
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("the proxy says http")
    }

    fn status(&self) -> Value {
        self.sandbox.codeartifact(&["proxy", "--status", "--json"]).run().success().json()
    }

    /// A project that is led to the proxy, and nothing else: no credential of any kind.
    fn project(&self, name: &str, manifest: &Value) -> PathBuf {
        let file = self.sandbox.write(format!("work/{name}/package.json"), manifest.to_string());
        self.sandbox.write(format!("work/{name}/index.js"), "module.exports = 'own';\n");
        self.sandbox.write(format!("work/{name}/.npmrc"), format!("registry={}\naudit=false\n", self.registry()));
        file.parent().expect("a file lies in a folder").to_path_buf()
    }

    /// By `exec`, which gives npm and Yarn no token here: only npm a word in place of one.
    fn exec(&self, client: &Path, words: &[&str], folder: &Path) -> Program {
        let exec = self.sandbox.codeartifact(&["exec", "--if-needed", "--"]);
        exec.arg(client).args(words).current_dir(folder)
    }

    fn forget(&self, project: &Path) {
        for folder in [project.join("node_modules"), self.sandbox.path("home/.npm"), self.sandbox.path("cache/yarn")] {
            drop(fs::remove_dir_all(folder));
        }
    }

    fn stop(self) {
        self.sandbox.codeartifact(&["proxy", "--stop"]).run().success().says("has stopped");
        self.proxy.wait().success();
        self.service.stop().success();
    }
}

/// A proxy in the foreground, at a port of its own.
fn listening(sandbox: &Sandbox, options: &[&str]) -> (Running, String) {
    let program = sandbox.codeartifact(&["proxy", "--listen", "127.0.0.1:0"]).args(options);
    let mut proxy = program.limit(Duration::from_mins(10)).start_interactive();
    let line = proxy.line().unwrap_or_default();
    let Some(url) = line.strip_prefix("listening on ").map(str::to_owned) else {
        panic!("the proxy said `{line}`: {}", proxy.wait().show())
    };
    (proxy, url)
}

/// An answer to bytes as they are: HTTP clients put headers right.
fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn own(version: &str) -> Value {
    json!({ "name": "@acme/own", "version": version, "main": "index.js", "license": "MIT" })
}

fn user() -> Value {
    json!({ "name": "user", "version": "1.0.0", "private": true, "dependencies": { "@acme/own": "1.0.0" } })
}

#[test]
fn npm_publishes_and_installs_and_does_so_again_without_the_service() {
    let Some(npm) = find("npm") else { return };
    let scene = Scene::start(&[]);
    let folder = scene.project("own", &own("1.0.0"));
    scene.exec(&npm, &["publish"], &folder).run().success();
    let user = scene.project("user", &user());
    // npm keeps what it packs, and would ask nobody for it.
    scene.forget(&user);
    let plain = |words: &[&str]| scene.sandbox.program(&npm).args(words).current_dir(&user).run();
    // Plain npm: there is nothing that `exec` would have to give it.
    plain(&["install"]).success();
    let lock = fs::read_to_string(user.join("package-lock.json")).unwrap();
    assert!(lock.contains(&scene.url), "what npm is told leads to the proxy: {lock}");
    let installed = user.join("node_modules/@acme/own/index.js");
    assert!(installed.exists());
    scene.forget(&user);
    plain(&["ci"]).success();
    // What is kept is asked for by its tag, and does not travel again.
    assert!(scene.status()["fromCache"].as_u64() >= Some(1), "{}", scene.status());
    let Scene { sandbox, service, proxy, url } = scene;
    service.stop().success();
    drop(fs::remove_dir_all(user.join("node_modules")));
    drop(fs::remove_dir_all(sandbox.path("home/.npm")));
    let npm = |words: &[&str]| sandbox.program(&npm).args(words).current_dir(&user).run();
    npm(&["ci"]).success();
    assert!(installed.exists(), "from the cache");
    // What was never fetched is not there, and that is said.
    npm(&["install", "@acme/other", "--fetch-retries=0"]).failure().says("502");
    let answer = send("GET", &format!("{url}/d/{PLACE}/npm/team/@acme%2fown"), None, b"");
    assert_eq!(answer.status, 502, "asked for in another form than npm's, it was never fetched");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success();
    proxy.wait().success();
}

#[test]
fn yarn_1_installs_without_a_token_and_without_the_service() {
    let yarn = workspace().join("target/tools/npm/node_modules/yarn/bin/yarn.js");
    let (Some(npm), Some(node)) = (find("npm"), find("node")) else { return };
    if !yarn.exists() {
        return;
    }
    let scene = Scene::start(&[]);
    let folder = scene.project("own", &own("1.0.0"));
    scene.exec(&npm, &["publish"], &folder).run().success();
    let user = scene.project("user", &user());
    scene.sandbox.set("YARN_CACHE_FOLDER", scene.sandbox.path("cache/yarn"));
    let install = |more: &[&str]| {
        let yarn = scene.sandbox.program(&node).arg(&yarn).args(["install", "--non-interactive"]).args(more);
        yarn.current_dir(&user).run().success();
        assert!(user.join("node_modules/@acme/own/index.js").exists());
    };
    install(&[]);
    scene.forget(&user);
    install(&["--frozen-lockfile"]);
    scene.stop();
}

#[test]
fn pip_and_twine_need_no_token() {
    let tools = ["python", "pip", "twine"].map(python_tool);
    let [Some(python), Some(pip), Some(twine)] = tools else { return };
    let scene = Scene::start(&[]);
    let sandbox = &scene.sandbox;
    let wheel = "import zipfile, sys\nname = 'own_thing-1.0.0'\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n \
                 z.writestr('own_thing.py', '')\n z.writestr(name + '.dist-info/METADATA', 'Metadata-Version: \
                 2.1\\nName: own-thing\\nVersion: 1.0.0\\n')\n z.writestr(name + '.dist-info/WHEEL', 'Wheel-Version: \
                 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n z.writestr(name + \
                 '.dist-info/RECORD', '')\n";
    let file = sandbox.path("work/own_thing-1.0.0-py3-none-any.whl");
    sandbox.program(&python).args(["-c", wheel]).arg(&file).run().success();
    let url = format!("{}/d/{PLACE}/pypi/team/", scene.url);
    let upload = ["upload", "--non-interactive", "--disable-progress-bar", "-u", "any", "-p", "any"];
    sandbox.program(&twine).args(upload).args(["--repository-url", &url]).arg(&file).run().success();
    let install = |target: &str| {
        let target = sandbox.path(target);
        let words = ["install", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0"];
        let program = sandbox.program(&pip).args(words).args(["--index-url", &format!("{url}simple/"), "--target"]);
        program.arg(&target).arg("own-thing").run().success();
        assert!(target.join("own_thing.py").exists());
    };
    install("work/first");
    install("work/second");
    let Scene { sandbox, service, proxy, .. } = scene;
    service.stop().success();
    let target = sandbox.path("work/third");
    let words = ["install", "--no-cache-dir", "--disable-pip-version-check", "--target"];
    let program = sandbox.program(&pip).args(words).arg(&target);
    program.args(["--index-url", &format!("{url}simple/"), "own-thing"]).run().success();
    assert!(target.join("own_thing.py").exists(), "from the cache");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success();
    proxy.wait().success();
}

/// The repository is filled from a public source, so that there is much of it.
#[test]
fn fifty_at_once_get_what_they_asked_for() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..50).map(|number| format!("many-{number}")).collect();
    let manifests: Vec<Value> = names.iter().map(|name| manifest(name, "1.0.0", &[])).collect();
    npm_packages::write(&sandbox.path("source"), &manifests);
    let source = Source::serve(sandbox.path("source"));
    let external = format!("public:npmjs={}", source.url());
    let service = Service::start_with(&sandbox, &["--ephemeral", "--external", &external]);
    service.make_chain(DOMAIN, "public", "public:npmjs");
    let scene = Scene::before(sandbox, service, &[]);
    let tarball = |name: &str| format!("{}{name}/-/{name}-1.0.0.tgz", scene.registry());
    let token = scene.service.token(DOMAIN);
    scene.sandbox.guard_token(&token);
    // The service has an entity tag from the second time on: at first it fetches itself.
    for _ in 0..3 {
        thread::scope(|threads| {
            for name in &names {
                let (url, expected) = (tarball(name), scene.sandbox.path(format!("source/{name}-1.0.0.tgz")));
                threads.spawn(move || {
                    let answer = send("GET", &url, None, b"");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(answer.body, fs::read(expected).unwrap());
                });
            }
        });
    }
    let status = scene.status();
    assert_eq!((&status["requests"], &status["fromCache"]), (&json!(150), &json!(50)), "{status}");
    // A part, and the head alone, are the service's own.
    let part = raw(scene.address(), &request("GET", "many-0/-/many-0-1.0.0.tgz", scene.address(), "Range: bytes=0-9\r\n"));
    assert!(part.starts_with("HTTP/1.1 206 "), "{part}");
    let head = raw(scene.address(), &request("HEAD", "many-0/-/many-0-1.0.0.tgz", scene.address(), ""));
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    // Spoilt content is not served: it is fetched anew.
    for file in fs::read_dir(scene.sandbox.path("cache/codeartifact/proxy-1/content")).unwrap() {
        fs::write(file.unwrap().path(), "spoilt").unwrap();
    }
    let answer = send("GET", &tarball("many-7"), None, b"");
    assert_eq!(answer.body, fs::read(scene.sandbox.path("source/many-7-1.0.0.tgz")).unwrap());
    scene.stop();
}

fn request(method: &str, rest: &str, host: &str, more: &str) -> String {
    format!("{method} /d/{PLACE}/npm/team/{rest} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
}

#[test]
fn a_refused_token_is_replaced_once_also_for_an_upload() {
    let Some(npm) = find("npm") else { return };
    let sandbox = Sandbox::new();
    // Larger than what is kept in memory.
    let faults = json!({ "rules": [{ "operation": "npm:publish", "expire-token": true, "times": 1 }] });
    let file = sandbox.write("tmp/faults.json", faults.to_string());
    let service = Service::start_with(&sandbox, &["--ephemeral", "--faults", file.to_str().unwrap()]);
    service.make(DOMAIN, &["team"]);
    let scene = Scene::before(sandbox, service, &[]);
    let folder = scene.project("own", &own("1.0.0"));
    let mut filling = String::new();
    for number in 0..400_000_u32 {
        filling.push_str(&number.wrapping_mul(2_654_435_761).to_string());
    }
    scene.sandbox.write(folder.join("filling.js"), filling);
    scene.exec(&npm, &["publish"], &folder).run().success();
    assert_eq!(scene.service.count("npm:publish"), 2, "refused once, and sent again");
    let there = format!("package/version?domain={DOMAIN}&repository=team&format=npm&namespace=acme&package=own&version=1.0.0");
    assert_eq!(scene.service.call("GET", &there, "").status, 200);
    scene.stop();
}

#[test]
fn a_permission_that_is_gone_takes_what_is_kept_along() {
    let sandbox = Sandbox::new();
    let faults = sandbox.write("tmp/faults.json", json!({ "rules": [] }).to_string());
    let service = Service::start_with(&sandbox, &["--ephemeral", "--faults", faults.to_str().unwrap()]);
    service.make(DOMAIN, &["team"]);
    let scene = Scene::before(sandbox, service, &[]);
    let Some(npm) = find("npm") else { return };
    let folder = scene.project("own", &own("1.0.0"));
    scene.exec(&npm, &["publish"], &folder).run().success();
    let asset = format!("{}@acme/own/-/own-1.0.0.tgz", scene.registry());
    for _ in 0..2 {
        assert_eq!(send("GET", &asset, None, b"").status, 200);
    }
    // The service says no: so does the proxy, which has it.
    let denied = json!({ "rules": [{ "path": "/npm/", "status": 403 }] });
    scene.sandbox.write("tmp/faults.json", denied.to_string());
    // The service looks at its rules now and then.
    let refused = (0..10_000).any(|_| send("GET", &asset, None, b"").status == 403);
    assert!(refused, "the refusal is passed on");
    let Scene { sandbox, service, proxy, .. } = scene;
    service.stop().success();
    // And does not have it any more.
    assert_eq!(send("GET", &asset, None, b"").status, 502);
    sandbox.codeartifact(&["proxy", "--stop"]).run().success();
    proxy.wait().success();
}

#[test]
fn cargo_is_not_asked_for_a_token() {
    let scene = Scene::start(&[]);
    let config = send("GET", &format!("{}/d/{PLACE}/cargo/team/config.json", scene.url), None, b"");
    let config: Value = serde_json::from_slice(&config.body).unwrap();
    assert_eq!(config["auth-required"], false);
    let leads = config["dl"].as_str().unwrap().starts_with(&format!("{}/d/{PLACE}/cargo/team", scene.url));
    assert!(leads, "{config}");
    scene.stop();
}

#[test]
fn web_pages_and_other_hosts_are_refused() {
    let scene = Scene::start(&[]);
    let port = scene.address().rsplit_once(':').unwrap().1;
    let status = |request: &str| raw(scene.address(), request).lines().next().unwrap_or_default().to_owned();
    let of = |host: &str, more: &str| status(&request("GET", "-/ping", host, more));
    assert!(of(scene.address(), "").contains(" 200 "), "{}", of(scene.address(), ""));
    for host in ["rebound.example", &format!("rebound.example:{port}"), &format!("localhost:{port}"), "127.0.0.1", ""] {
        assert!(of(host, "").contains(" 421 "), "{host}");
    }
    for header in [
        "Origin: http://rebound.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: no-cors",
        "Access-Control-Request-Method: PUT",
        "User-Agent: Mozilla/5.0",
    ] {
        assert!(of(scene.address(), &format!("{header}\r\n")).contains(" 403 "), "{header}");
    }
    for method in ["OPTIONS", "TRACE", "CONNECT"] {
        let said = status(&request(method, "-/ping", scene.address(), ""));
        assert!(said.contains(" 405 ") || said.contains(" 4"), "{method}: {said}");
    }
    let answer = raw(scene.address(), &request("OPTIONS", "-/ping", scene.address(), "Origin: http://a.example\r\n"));
    assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
    // Nothing else is there: no other service, and no way out of a repository.
    for path in ["/", "/v1/domain", &format!("/d/{DOMAIN}-{ACCOUNT}/npm/team/-/ping"), "/_proxy/status", "/_proxy/stop"] {
        let said = status(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", scene.address()));
        assert!(said.contains(" 404 ") || said.contains(" 403 "), "{path}: {said}");
    }
    scene.stop();
}

/// As root, since only root can be another.
#[test]
fn another_user_is_refused() {
    let Some(setpriv) = find("setpriv") else { return };
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scene = Scene::start(&[]);
    let port = scene.address().rsplit_once(':').unwrap().1;
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf '%s' '{}' >&3; cat <&3",
        request("GET", "-/ping", scene.address(), "").replace("\r\n", "'$'\\r\\n''")
    );
    let bash = find("bash").unwrap();
    // Not by the sandbox, whose keyrings are in a namespace that knows one user only.
    let ask = |words: &[&str]| {
        let mut command = std::process::Command::new(&setpriv);
        let ran = command.args(words).arg(&bash).args(["-c", &script]).current_dir("/").env_clear().output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    let mine = ask(&["--reset-env"]);
    assert!(mine.starts_with("HTTP/1.1 200 "), "{mine}");
    let theirs = ask(&["--reuid=65534", "--regid=65534", "--clear-groups"]);
    assert!(theirs.starts_with("HTTP/1.1 403 ") && theirs.contains("nobody else"), "{theirs}");
    // Nor can they read where it is, or the key.
    for file in ["run/codeartifact/proxy.json", "cache/codeartifact/proxy-1"] {
        let mode = fs::metadata(scene.sandbox.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    scene.stop();
}

#[test]
fn it_stops_when_nobody_comes() {
    let sandbox = Sandbox::new();
    let (proxy, _) = listening(&sandbox, &["--idle", "1s"]);
    let ended = proxy.wait().success().says("stopped");
    assert!(ended.took() >= Duration::from_secs(1), "{}", ended.show());
    sandbox.codeartifact(&["proxy", "--status"]).run().exit(1).says("no proxy runs");
    assert!(!sandbox.path("run/codeartifact/proxy.json").exists());
}

#[test]
fn starters_at_the_same_time_have_one_proxy() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    let start = || sandbox.codeartifact(&["proxy", "--detach", "--listen", "127.0.0.1:0", "--idle", "5m"]);
    // That each `wait` comes to its end says that the proxy has no stream of its starter.
    let all: Vec<Running> = (0..8).map(|_| start().start()).collect();
    let urls: Vec<String> = all.into_iter().map(|running| running.wait().success().stdout()).collect();
    assert!(urls.iter().all(|url| *url == urls[0] && url.starts_with("listening on http://127.0.0.1:")), "{urls:?}");
    let status = || sandbox.codeartifact(&["proxy", "--status", "--json"]).run().success().json();
    let pid = status()["pid"].as_u64().unwrap();
    // It has no terminal, no session and no file of ours.
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        let text = target.display().to_string();
        assert!(!text.starts_with("/dev/pts") && !text.contains("/work"), "{text}");
    }
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    assert_eq!(session.as_raw_nonzero().get().unsigned_abs(), u32::try_from(pid).unwrap());
    // Another one is not started beside it.
    sandbox.codeartifact(&["proxy", "--listen", "127.0.0.1:0"]).run().exit(1).says("runs already");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success().says("has stopped");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success().says("no proxy runs");
    // One that was killed leaves no trouble behind.
    start().run().success();
    let pid = i32::try_from(status()["pid"].as_u64().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // A killed process is there until the kernel has taken it away.
    let is_gone = || sandbox.codeartifact(&["proxy", "--status"]).run().code() == Some(1);
    assert!((0..1000).any(|_| is_gone()), "its place is free");
    start().run().success();
    sandbox.codeartifact(&["proxy", "--stop"]).run().success().says("has stopped");
    service.stop().success();
}

#[test]
fn exec_starts_it_where_the_settings_lead_to_one() {
    let Some(npm) = find("npm") else { return };
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    sandbox.set("npm_config_update_notifier", "false");
    sandbox.write("work/own/package.json", own("1.0.0").to_string());
    sandbox.write("work/own/.npmrc", format!("registry=http://{free}/d/{PLACE}/npm/team/\n"));
    let folder = sandbox.path("work/own");
    let exec = sandbox.codeartifact(&["exec", "--if-needed", "--"]).arg(&npm).args(["publish"]);
    exec.current_dir(&folder).run().success();
    let status = sandbox.codeartifact(&["proxy", "--status", "--json"]).run().success().json();
    assert_eq!(status["url"], format!("http://{free}"));
    // Another port than the one it has is said, and the program runs.
    sandbox.write("work/own/.npmrc", format!("registry=http://127.0.0.1:9/d/{PLACE}/npm/team/\n"));
    let exec = sandbox.codeartifact(&["exec", "--if-needed", "--"]).arg(&npm).args(["--version"]);
    exec.current_dir(&folder).run().success().says("yours runs at").says("proxy --stop");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success().says("has stopped");
    service.stop().success();
}

#[test]
fn without_an_identity_the_client_is_told_why() {
    let scene = Scene::start(&[]);
    scene.sandbox.codeartifact(&["logout"]).run().success();
    let Scene { sandbox, service, proxy, .. } = scene;
    sandbox.codeartifact(&["proxy", "--stop"]).run().success();
    proxy.wait().success();
    sandbox.set("AWS_ACCESS_KEY_ID", "");
    sandbox.set("AWS_SECRET_ACCESS_KEY", "");
    let (proxy, url) = listening(&sandbox, &[]);
    let refused = send("GET", &format!("{url}/d/{PLACE}/npm/team/x"), None, b"");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("aws sso login"), "{}", refused.text());
    sandbox.codeartifact(&["proxy", "--listen", "0.0.0.0:0"]).run().exit(2).says("can be reached from elsewhere");
    sandbox.codeartifact(&["proxy", "--stop"]).run().success();
    proxy.wait().success();
    service.stop().success();
}
