//! `shell-init` in real shells: package managers get their token for the run only, and only where their settings lead to
//! CodeArtifact.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
};

use rustix::process::Signal;
use serde_json::json;
use tests::{
    Program, Sandbox, ScriptedAnswer, ScriptedControlPlane, Service,
    programs::{find, workspace},
    sandbox::ACCOUNT,
};

const DOMAIN: &str = "acme";

/// How each shell evaluates, and what differs in the scripts below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    Dash,
    Bash,
    Zsh,
    Fish,
}

const SHELLS: [Shell; 4] = [Shell::Dash, Shell::Bash, Shell::Zsh, Shell::Fish];

impl Shell {
    fn program(self) -> &'static str {
        match self {
            Self::Dash => "dash",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    fn word(self) -> &'static str {
        if self == Self::Dash { "sh" } else { self.program() }
    }

    /// The line of a start file; `ours` is this program.
    fn evaluate(self, options: &str) -> String {
        let command = format!("\"$ours\" shell-init --shell {} {options}", self.word());
        if self == Self::Fish { format!("{command} | source") } else { format!("eval \"$({command})\"") }
    }

    /// A script after the start file.
    fn run(self, scene: &Scene, script: &str) -> Option<Program> {
        let shell = find(self.program())?;
        let script = format!("{}\n{script}\n", self.evaluate(""));
        Some(scene.plain(&shell, &script))
    }
}

/// A home, stand-ins for package managers first on PATH, a project that is led to a repository and one that is not.
struct Scene {
    sandbox: Sandbox,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let path = sandbox.vars()["PATH"].clone();
        sandbox.set("PATH", format!("{}:{path}", sandbox.path("bin").display()));
        sandbox.set("ours", sandbox_program(&sandbox));
        // Shows what it is given: its variables, byte for byte.
        fs::create_dir(sandbox.path("bin")).expect("the sandbox takes folders");
        let env = find("env").expect("every system has it");
        symlink(env, sandbox.path("bin/npm")).expect("the sandbox takes links");
        // Shows its arguments.
        let script = "#!/bin/bash\nprintf '<%s>' \"$@\"\n";
        for name in ["mvn", "gem"] {
            let file = sandbox.write(format!("bin/{name}"), script);
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("the owner changes the mode");
        }
        sandbox.write("work/project/.npmrc", "");
        sandbox.write("work/elsewhere/.npmrc", "registry=https://packages.example.com/npm/\n");
        Self { sandbox }
    }

    /// With a service, and the project led to it; the token must be nowhere.
    fn served() -> (Self, Service, String) {
        let scene = Self::new();
        let service = Service::start(&scene.sandbox);
        service.make(DOMAIN, &["team"]);
        scene.lead(service.url());
        let token = scene.sandbox.codeartifact(&["token", "--domain", DOMAIN]).answers_secret().run().success();
        let token = token.stdout().trim().to_owned();
        scene.sandbox.guard_token(&token);
        (scene, service, token)
    }

    fn lead(&self, url: &str) {
        let settings = format!("registry={url}/d/{DOMAIN}-{ACCOUNT}/npm/team/\n");
        self.sandbox.write("work/project/.npmrc", settings);
    }

    fn plain(&self, shell: &std::path::Path, script: &str) -> Program {
        let quiet: &[&str] = match shell.file_name().and_then(|name| name.to_str()) {
            Some("zsh") => &["-f"],
            Some("fish") => &["--no-config"],
            _ => &[],
        };
        self.sandbox.program(shell).args(quiet).args(["-c", script]).current_dir(self.sandbox.path("work/project"))
    }
}

fn sandbox_program(sandbox: &Sandbox) -> PathBuf {
    sandbox.helper_path().with_file_name("cargo-codeartifact")
}

/// The variables of an `env`, without what shells count for themselves.
fn variables(text: &str) -> Vec<&str> {
    let own = ["_=", "SHLVL=", "PWD=", "OLDPWD="];
    let mut lines: Vec<&str> = text.lines().filter(|line| !own.iter().any(|name| line.starts_with(name))).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_token_is_there_for_the_run_and_only_where_it_leads() {
    let (scene, service, token) = Scene::served();
    let name = |rest: &str| format!("npm_config_//{}/d/{DOMAIN}-{ACCOUNT}/npm/{rest}:_authToken={token}", service.address());
    for shell in SHELLS {
        let Some(program) = shell.run(&scene, "npm") else { continue };
        let given = program.answers_secret().run().success();
        for rest in ["", "team/"] {
            assert!(given.stdout().lines().any(|line| line == name(rest)), "{shell:?}");
        }
        assert_eq!(given.stderr(), "", "{shell:?}");
        // The shell itself never has it, nor has what it starts by other names.
        let after = shell.run(&scene, "npm > /dev/null; env").unwrap().answers_secret().run().success();
        assert!(!after.stdout().contains(&token), "{shell:?}");
        // Elsewhere nothing is different, not one variable.
        let script = |word: &str| format!("cd ../elsewhere; {word}");
        let ours = shell.run(&scene, &script("npm")).unwrap().answers_secret().run().success();
        let plain = shell.run(&scene, &script("env")).unwrap().answers_secret().run().success();
        assert_eq!(variables(&ours.stdout()), variables(&plain.stdout()), "{shell:?}");
        assert_eq!(ours.stderr(), "", "{shell:?}");
    }
    service.stop().success();
}

#[test]
fn arguments_exits_and_signals_are_the_programs_own() {
    let scene = Scene::new();
    for shell in SHELLS {
        let script = r#"mvn -- 'a b' '' '*' '$HOME' "x'y" '\' --help -- exec"#;
        let script = if shell == Shell::Fish { script.replace(r"'\'", r"'\\'") } else { script.to_owned() };
        let Some(program) = shell.run(&scene, &script) else { continue };
        assert_eq!(program.run().success().stdout(), r"<--><a b><><*><$HOME><x'y><\><--help><--><exec>", "{shell:?}");
        scene.sandbox.write("bin/gem", "#!/bin/bash\nexit \"$1\"\n");
        for code in [0, 1, 42, 127] {
            let status = if shell == Shell::Fish { "$status" } else { "$?" };
            let outcome = shell.run(&scene, &format!("gem {code}; exit {status}")).unwrap().run();
            assert_eq!(outcome.code(), Some(code), "{shell:?}: {}", outcome.show());
        }
        // By a pipe, and from one.
        scene.sandbox.write("bin/gem", "#!/bin/bash\ncat\n");
        assert_eq!(shell.run(&scene, "echo typed | gem | cat").unwrap().run().success().stdout(), "typed\n");
        // A signal reaches the program, which has our process.
        scene.sandbox.write("bin/gem", "#!/bin/bash\ntrap 'echo heard; exit 9' USR1\necho $$\nwhile :; do read -r _; done\n");
        let mut running = shell.run(&scene, "gem").unwrap().start_interactive();
        let pid = running.line().and_then(|line| line.parse().ok()).and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("it says its id"), Signal::USR1).unwrap();
        assert_eq!(running.line().as_deref(), Some("heard"), "{shell:?}");
        assert_eq!(running.wait().code(), Some(9), "{shell:?}");
    }
}

#[test]
fn a_program_that_is_missing_is_said_to_be() {
    let scene = Scene::new();
    for shell in SHELLS {
        // A PATH without any of them.
        let script = "PATH=/nonexistent; bunx cowsay";
        let script = if shell == Shell::Fish { "set -gx PATH /nonexistent; bunx cowsay" } else { script };
        let Some(program) = shell.run(&scene, script) else { continue };
        program.run().exit(127).says("cannot run `bunx`");
        // Where we are gone, package managers are as before.
        let script = "__codeartifact_program=/nonexistent; mvn 'a b'";
        let script = if shell == Shell::Fish { "set -g __codeartifact_program /nonexistent; mvn 'a b'" } else { script };
        assert_eq!(shell.run(&scene, script).unwrap().run().success().stdout(), "<a b>", "{shell:?}");
    }
}

#[test]
fn twice_is_once_and_undo_takes_it_back() {
    let scene = Scene::new();
    let folder = scene.sandbox.path("data/codeartifact/bin");
    let path = scene.sandbox.vars()["PATH"].clone();
    for shell in SHELLS {
        let Some(program) = find(shell.program()) else { continue };
        let (once, undo) = (shell.evaluate(""), shell.evaluate("--undo"));
        let functions = match shell {
            Shell::Dash => "command -v npm; command -v bundle; set | grep ^__codeartifact",
            Shell::Fish => "functions; set -g | string match '__codeartifact*'",
            Shell::Bash => "declare -F; set | grep ^__codeartifact",
            Shell::Zsh => "print -l ${(k)functions} | sort; set | grep -a ^__codeartifact",
        };
        let run = |lines: &[&str]| {
            let printed = scene.plain(&program, &format!("{}\ntrue", lines.join("\n"))).run().success();
            assert_eq!(printed.stderr(), "", "{shell:?}");
            printed.stdout()
        };
        // First on PATH, once.
        let path_line = if shell == Shell::Fish { "string join : $PATH" } else { "echo \"$PATH\"" };
        for evaluations in [vec![&*once], vec![&*once, &once]] {
            let lines: Vec<&str> = evaluations.into_iter().chain([path_line]).collect();
            assert_eq!(run(&lines).trim_end(), format!("{}:{path}", folder.display()), "{shell:?}");
        }
        assert_eq!(run(&[&once, functions]), run(&[&once, &once, functions]), "{shell:?}");
        // And back, also where it was never there, or is taken back twice.
        let before = run(&[functions, path_line]);
        assert_ne!(run(&[&once, functions, path_line]), before, "{shell:?}");
        for lines in [vec![&*once, &undo], vec![&once, &once, &undo], vec![&undo], vec![&once, &undo, &undo]] {
            let lines: Vec<&str> = lines.into_iter().chain([functions, path_line]).collect();
            assert_eq!(run(&lines), before, "{shell:?}");
        }
    }
}

#[test]
fn what_others_made_stays() {
    let scene = Scene::new();
    for shell in SHELLS {
        let Some(program) = find(shell.program()) else { continue };
        let (once, undo) = (shell.evaluate(""), shell.evaluate("--undo"));
        let foreign = if shell == Shell::Fish { "function gem; echo mine $argv; end" } else { "gem() { echo mine \"$@\"; }" };
        for lines in [vec![&*once], vec![&once, &undo]] {
            let script = format!("{foreign}\n{}\ngem 1\nmvn 2", lines.join("\n"));
            assert_eq!(scene.plain(&program, &script).run().success().stdout(), "mine 1\n<2>", "{shell:?}");
        }
        // An alias goes on to the function in the shells that can tell, and is no syntax error in any.
        if shell != Shell::Fish {
            let expand = if shell == Shell::Bash { "shopt -s expand_aliases" } else { ":" };
            let script = format!("{expand}\nalias mvn='mvn --first'\n{once}\neval 'mvn 2'");
            let printed = scene.plain(&program, &script).run().success();
            assert_eq!((printed.stdout().as_str(), printed.stderr().as_str()), ("<--first><2>", ""), "{shell:?}");
        }
        // Only those that are asked for.
        let script = format!("{}\ngem 1", shell.evaluate("--client npm --client mvn"));
        let listed = format!("{script}\n{}", if shell == Shell::Fish { "functions -q gem; or echo none" } else { "command -v gem" });
        let printed = scene.plain(&program, &listed).run().success().stdout();
        let gem = scene.sandbox.path("bin/gem").display().to_string();
        assert_eq!(printed, format!("<1>{}\n", if shell == Shell::Fish { "none" } else { &gem }), "{shell:?}");
    }
}

/// Nothing is asked at the start of a shell, and without a token a package manager still runs.
#[test]
fn without_a_token_the_program_runs_and_the_reason_is_said() {
    let scene = Scene::new();
    let plane = ScriptedControlPlane::start(|_| ScriptedAnswer::Error(403, "AccessDeniedException", "no"));
    scene.sandbox.point_at(&plane.url());
    scene.lead(&plane.url());
    for shell in SHELLS {
        let Some(program) = find(shell.program()) else { continue };
        let asked = plane.connections();
        scene.plain(&program, &shell.evaluate("")).run().success();
        assert_eq!(plane.connections(), asked, "{shell:?} asks nobody as it starts");
        let ran = shell.run(&scene, "npm").unwrap().answers_secret().run().success();
        let ran = ran.says("`npm` is started without a token").says("GetAuthorizationToken").says("hint: ");
        assert!(ran.stdout().contains("HOME=") && !ran.stdout().contains("_authToken"), "{}", ran.show());
    }
    // A file of settings that is broken is no reason to stop either.
    scene.sandbox.write("config/codeartifact/config.toml", "nonsense");
    let sandbox = &scene.sandbox;
    let plain = sandbox.codeartifact(&["exec", "--if-needed", "--", "npm"]).current_dir(sandbox.path("work/project"));
    plain.answers_secret().run().success().says("config.toml").prints("HOME=");
    sandbox.codeartifact(&["exec", "--if-needed", "--repository", "team", "--", "npm"]).run().exit(2);
}

/// The clients themselves, by their plain names.
#[test]
fn npm_and_yarn_1_publish_and_install_by_their_names() {
    let (scene, service, _) = Scene::served();
    let sandbox = &scene.sandbox;
    let (Some(npm), Some(node), Some(bash)) = (find("npm"), find("node"), find("bash")) else { return };
    let yarn = workspace().join("target/tools/npm/node_modules/yarn/bin/yarn.js");
    fs::remove_file(sandbox.path("bin/npm")).unwrap();
    for (name, target) in [("npm", npm), ("node", node), ("yarn", yarn.clone())] {
        symlink(target, sandbox.path("bin").join(name)).unwrap();
    }
    sandbox.set("npm_config_update_notifier", "false");
    let registry = format!("{}/d/{DOMAIN}-{ACCOUNT}/npm/team/", service.url());
    let bare = registry.strip_prefix("http:").unwrap();
    let yarnrc = format!("{bare}:_authToken=${{CODEARTIFACT_AUTH_TOKEN}}\n{bare}:always-auth=true\n");
    let run = |folder: &str, line: &str| {
        let script = format!("{}\n{line}", Shell::Bash.evaluate(""));
        sandbox.program(&bash).args(["-c", &script]).current_dir(sandbox.path("work").join(folder)).run().success()
    };
    for (name, publish, add) in
        [("npm", "npm publish", "npm install"), ("yarn", "yarn publish --non-interactive", "yarn add --non-interactive")]
    {
        if name == "yarn" && !yarn.exists() {
            continue;
        }
        let settings = format!("registry={registry}\n{}", if name == "yarn" { &yarnrc } else { "" });
        let own = json!({ "name": format!("own-{name}"), "version": "1.0.0", "license": "MIT", "main": "index.js" });
        let user = json!({ "name": "user", "version": "1.0.0", "private": true, "license": "MIT" });
        for (kind, manifest) in [("own", own), ("user", user)] {
            sandbox.write(format!("work/{name}-{kind}/package.json"), manifest.to_string());
            sandbox.write(format!("work/{name}-{kind}/.npmrc"), &settings);
        }
        sandbox.write(format!("work/{name}-own/index.js"), "module.exports = 'own';\n");
        run(&format!("{name}-own"), publish);
        run(&format!("{name}-user"), &format!("{add} own-{name}@1.0.0"));
        assert!(sandbox.path(format!("work/{name}-user/node_modules/own-{name}/index.js")).exists(), "{name}");
    }
    service.stop().success();
}
