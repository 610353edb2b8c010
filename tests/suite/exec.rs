//! `exec` and `env`: a token for programs that cannot ask for one, in their environment and nowhere else.

use std::path::Path;

use rustix::process::Signal;
use tests::{
    Canary, Outcome, Sandbox, ScriptedAnswer, ScriptedControlPlane, Service,
    programs::{find, python_tool},
    sandbox::ACCOUNT,
};

const DOMAIN: &str = "acme";

/// A service with a domain, and its token, which must be nowhere.
fn scene() -> (Sandbox, Service, String) {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let token = sandbox.codeartifact(&["token", "--domain", DOMAIN]).answers_secret().run().success().stdout();
    let token = token.trim().to_owned();
    sandbox.guard_token(&token);
    (sandbox, service, token)
}

/// `sh -c SCRIPT` by `exec`. What it prints may be the token.
fn shell(sandbox: &Sandbox, options: &[&str], script: &str) -> Outcome {
    let program = sandbox.codeartifact(&["exec", "--domain", DOMAIN]).args(options);
    program.args(["--", "/bin/sh", "-c", script]).answers_secret().run()
}

#[test]
fn a_program_gets_the_token_and_nobody_else_does() {
    let (sandbox, service, token) = scene();
    let said = shell(&sandbox, &[], "printf %s \"$CODEARTIFACT_AUTH_TOKEN\"").success();
    assert_eq!((said.stdout().as_str(), said.stderr().as_str()), (token.as_str(), ""), "nothing is added");
    // It is one that the service takes.
    let answer = service.cargo_get(DOMAIN, "team", "config.json", &said.stdout());
    assert_eq!(answer.status, 200, "{}", answer.text());
    // As talkative as it gets, and in JSON: names, never the value.
    for words in [&["-vv"][..], &["--json", "-vv"]] {
        shell(&sandbox, words, "true").success().says("CODEARTIFACT_AUTH_TOKEN");
    }
    let named = shell(&sandbox, &["--var", "MINE"], "printf %s \"$MINE\"").success();
    assert_eq!(named.stdout(), token);
    // The folder, the arguments and the input are the caller's.
    let cat = sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--", "cat", "-"]).stdin("typed");
    assert_eq!(cat.run().success().stdout(), "typed");
    service.stop().success();
}

#[test]
fn a_variable_of_another_domain_does_not_stay_beside_the_token() {
    let (sandbox, service, _) = scene();
    let script = "printf %s \"${CODEARTIFACT_AUTH_TOKEN_FOR-gone}\"";
    for (before, after) in [("other-111122223333", "gone"), ("acme-111122223333", "acme-111122223333")] {
        sandbox.set("CODEARTIFACT_AUTH_TOKEN_FOR", before);
        assert_eq!(shell(&sandbox, &[], script).success().stdout(), after, "{before}");
    }
    service.stop().success();
}

#[test]
fn it_ends_as_the_program_ends() {
    let (sandbox, service, _) = scene();
    for code in [0, 1, 2, 42, 101] {
        shell(&sandbox, &[], &format!("exit {code}")).exit(code);
    }
    assert_eq!(shell(&sandbox, &[], "kill -TERM $$").code(), None, "ended by a signal");
    let run = |words: &[&str]| sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--"]).args(words).run();
    run(&["no-such-program-anywhere"]).exit(127).says("cannot run `no-such-program-anywhere`").says("hint: ");
    run(&["/"]).exit(126).says("cannot run `/`");
    // Without the dashes nothing is taken for the program's.
    sandbox.codeartifact(&["exec", "true"]).run().exit(2);
    sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--"]).run().exit(2);
    service.stop().success();
}

/// The program has the process that the caller started, so what is sent to that reaches it.
#[test]
fn the_program_takes_the_place_of_ours() {
    let (sandbox, service, _) = scene();
    let script = "trap 'exit 7' USR1; echo ready; while :; do read -r line; done";
    let program = sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--", "/bin/bash", "-c", script]);
    let mut running = program.start_interactive();
    assert_eq!(running.line().as_deref(), Some("ready"));
    running.signal(Signal::USR1);
    assert_eq!(running.wait().code(), Some(7));
    service.stop().success();
}

#[test]
fn without_a_token_the_program_is_not_started() {
    let sandbox = Sandbox::new();
    let plane = ScriptedControlPlane::start(|_| ScriptedAnswer::Error(403, "AccessDeniedException", "no"));
    sandbox.point_at(&plane.url());
    let ran = sandbox.path("work/ran");
    let touch = |options: &[&str], identity: bool| {
        let program = sandbox.codeartifact(&["exec", "--domain", DOMAIN]).args(options).args(["--", "touch"]).arg(&ran);
        if identity { program } else { program.without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY") }
    };
    touch(&[], true).run().exit(4).says("GetAuthorizationToken").says("hint: ");
    touch(&["--domain-owner", ACCOUNT], false).run().exit(3).says("aws sso login");
    touch(&["--url", "https://mirror.example.com/npm/"], true).run().exit(1).says("no repository of CodeArtifact");
    touch(&["--index", "x"], true).run().failure();
    assert!(!ran.exists());
}

#[test]
fn several_domains_stand_side_by_side() {
    let (sandbox, service, token) = scene();
    service.make("other", &["shared"]);
    let urls = [("acme", "team"), ("other", "shared")]
        .map(|(domain, repository)| format!("{}/d/{domain}-{ACCOUNT}/npm/{repository}/", service.url()));
    // A program of npm's name that prints what it is given. No shell script: `dash` drops variables of such names.
    let Some(env) = find("env") else { return };
    let npm = sandbox.path("work/npm");
    std::os::unix::fs::symlink(env, &npm).unwrap();
    let program = sandbox.codeartifact(&["exec", "--url", &urls[0], "--url", &urls[1], "--"]).arg(&npm);
    let given = program.answers_secret().run().success().stdout();
    let value = |name: &str| {
        let line = given.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} is not set")).to_owned()
    };
    let bare = |url: &str| url.split_once(':').unwrap().1.to_owned();
    let mine = value(&format!("npm_config_{}:_authToken", bare(&urls[0])));
    let theirs = value(&format!("npm_config_{}:_authToken", bare(&urls[1])));
    sandbox.guard_token(&theirs);
    assert!(mine == token && theirs != token);
    assert_eq!(value("npm_config_registry"), urls[0]);
    assert!(!given.contains("CODEARTIFACT_AUTH_TOKEN="), "npm does not read it");
    service.stop().success();
}

/// A shell that evaluates it has the variable; the moment is said where it is not evaluated.
#[test]
fn a_shell_evaluates_env() {
    let (sandbox, service, token) = scene();
    let env = |words: &[&str]| sandbox.codeartifact(&["env", "--domain", DOMAIN]).args(words).answers_secret().run();
    let exports = env(&["--shell", "sh"]).success().says("the token holds until 20");
    assert_eq!(exports.stdout(), format!("export CODEARTIFACT_AUTH_TOKEN='{token}'\n"));
    let script = format!("{}printf %s \"$CODEARTIFACT_AUTH_TOKEN\"", exports.stdout());
    let evaluated = sandbox.program(Path::new("/bin/sh")).arg("-s").stdin(script).answers_secret().run().success();
    assert_eq!(evaluated.stdout(), token);
    assert_eq!(env(&["--shell", "fish"]).success().stdout(), format!("set -gx CODEARTIFACT_AUTH_TOKEN '{token}'\n"));
    let powershell = format!("$env:CODEARTIFACT_AUTH_TOKEN = '{token}'\n");
    assert_eq!(env(&["--shell", "powershell"]).success().stdout(), powershell);
    sandbox.set("SHELL", "/usr/bin/fish");
    assert!(env(&[]).success().stdout().starts_with("set -gx "));
    let quiet = env(&["--quiet"]).success();
    assert_eq!(quiet.stderr(), "");

    let json = env(&["--json"]).success().json();
    assert_eq!(json["variables"]["CODEARTIFACT_AUTH_TOKEN"], token.as_str());
    assert!(json["expires"].as_str().is_some_and(|moment| moment.ends_with('Z')), "when it ends");
    // What no shell can export is said so, and JSON can hold it.
    env(&["--for", "npm"]).exit(1).says("no shell can export").says("cargo codeartifact exec");
    let npm = env(&["--for", "npm", "--json"]).success().json();
    assert_eq!(npm["variables"].as_object().unwrap().len(), 1);
    let bundle = env(&["--for", "bundle", "--shell", "sh"]).success().stdout();
    assert_eq!(bundle, format!("export BUNDLE_127__0__0__1='aws:{token}'\n"));
    service.stop().success();
}

/// On a terminal the secret would stand on the screen: that is said.
#[test]
fn a_terminal_is_warned() {
    let (sandbox, service, token) = scene();
    let Some(script) = find("script") else { return };
    let command = format!("{} env --domain {DOMAIN}", tests::programs::ours().join("cargo-codeartifact").display());
    let seen = sandbox.program(&script).args(["-q", "-e", "-c", &command, "/dev/null"]).answers_secret().run().success();
    assert!(seen.stdout().contains("this prints a secret on the terminal"), "it is told");
    assert!(Canary::of_token("token", &token).find(seen.stdout().as_bytes()).is_some(), "and has it");
    service.stop().success();
}

/// Programs of Ruby and Python that are given a token by their own variables.
#[test]
fn twine_uploads_with_what_exec_sets() {
    let (sandbox, service, _) = scene();
    let (Some(twine), Some(python)) = (python_tool("twine"), python_tool("python")) else { return };
    let wheel = "import zipfile, sys\nname = 'own_thing-1.0.0'\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n \
                 z.writestr('own_thing.py', '')\n z.writestr(name + '.dist-info/METADATA', 'Metadata-Version: \
                 2.1\\nName: own-thing\\nVersion: 1.0.0\\n')\n z.writestr(name + '.dist-info/WHEEL', 'Wheel-Version: \
                 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n z.writestr(name + \
                 '.dist-info/RECORD', '')\n";
    let file = sandbox.path("work/own_thing-1.0.0-py3-none-any.whl");
    sandbox.program(&python).args(["-c", wheel]).arg(&file).run().success();
    let exec = sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--repository", "team", "--"]);
    exec.arg(&twine).args(["upload", "--non-interactive", "--disable-progress-bar"]).arg(&file).run().success();
    let there = "package/version?domain=acme&repository=team&format=pypi&package=own-thing&version=1.0.0";
    assert_eq!(service.call("GET", there, "").status, 200);
    service.stop().success();
}

/// `gem push`, and Bundler from an empty home: the token is in the environment of each, and in no file after them.
#[test]
fn ruby_pushes_and_bundles_with_what_exec_sets() {
    let (sandbox, service, _) = scene();
    let (Some(gem), Some(bundle)) = (find("gem"), find("bundle")) else { return };
    sandbox.set("GEM_HOME", sandbox.path("home/gems"));
    sandbox.set("BUNDLE_PATH", sandbox.path("home/bundle"));
    sandbox.set("BUNDLE_SILENCE_ROOT_WARNING", "true");
    sandbox.set("BUNDLE_RETRY", "0");
    sandbox.set("BUNDLE_DISABLE_VERSION_CHECK", "true");
    sandbox.write("work/own/lib/own.rb", "OWN = 'ours'\n");
    let specification = "Gem::Specification.new do |s|\n  s.name = 'own'\n  s.version = '1.0.0'\n  s.summary = 'Ours'\n  \
                         s.authors = ['Ann']\n  s.license = 'MIT'\n  s.homepage = 'https://own.example'\n  s.files = \
                         ['lib/own.rb']\nend\n";
    let specification = sandbox.write("work/own/own.gemspec", specification);
    let folder = sandbox.path("work/own");
    let file = folder.join("own.gem");
    let build = sandbox.program(&gem).arg("build").arg(specification).arg("--output").arg(&file);
    build.current_dir(&folder).run().success();
    let push = sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--repository", "team", "--"]).arg(gem);
    push.arg("push").arg(&file).run().success();

    let source = format!("{}/d/{DOMAIN}-{ACCOUNT}/ruby/team/", service.url());
    let gemfile = sandbox.write("work/app/Gemfile", format!("source '{source}'\ngem 'own'\n"));
    let app = gemfile.parent().unwrap();
    let exec = sandbox.codeartifact(&["exec", "--domain", DOMAIN, "--"]).arg(&bundle).arg("install");
    exec.current_dir(app).run().success();
    let said = sandbox.program(&bundle).args(["exec", "ruby", "-e", "require 'own'; puts OWN"]).current_dir(app).run();
    assert_eq!(said.success().stdout().trim(), "ours");
    service.stop().success();
}
