//! A planted token runs through every command, in success and in failure, and is then looked for everywhere.
//!
//! What a sandbox recorded - outputs, messages, files - is searched when it ends ([`tests::Sandbox`]); these journeys
//! make sure that there is something to search, and look where no recording reaches: at the arguments of every process
//! that was started, and into a core dump.

use std::time::Duration;

use base64::Engine as _;
use rustix::process::Signal;
use tests::{
    Canary, Program, Sandbox, SampleWorkspace, ScriptedAnswer, ScriptedControlPlane, Service, SessionBus, conversation,
    programs::find,
    sample::write_consumer,
    sandbox::{ACCESS_KEY, SECRET_KEY},
};

fn secret() -> String {
    format!("eyJ2ZXIiOjF9.canary.{}", "k4Jw9Tz2Lm7QsXe8Rb3H".repeat(20))
}

/// Every command, as talkative as it gets, in an order in which each has what it needs.
fn commands(sandbox: &Sandbox, index: &str) -> Vec<Program> {
    let sample = sandbox.path("work/sample");
    let verbose = |args: &[&str]| sandbox.codeartifact(args).args(["-vv"]).current_dir(&sample);
    let to = ["--domain", "acme", "--repository", "my-team-repo"];
    let promote = ["promote", "cargo:acme-units@0.1.0", "--from", "my-team-repo", "--to", "my-shared-repo"];
    vec![
        verbose(&["help", "cargo"]),
        verbose(&["man"]),
        verbose(&["completions", "bash"]),
        verbose(&["configure", "cargo"]).args(to),
        verbose(&["configure", "cargo", "--dry-run", "--json"]).args(to),
        verbose(&["token", "--domain", "acme"]).answers_secret(),
        verbose(&["token", index, "--json"]).answers_secret(),
        verbose(&["env", "--domain", "acme"]).answers_secret(),
        verbose(&["env", "--url", index, "--for", "npm", "--json"]).answers_secret(),
        verbose(&["status"]),
        verbose(&["status", "--json"]),
        verbose(&["publish", "--dry-run"]).args(to),
        verbose(&["publish"]).args(to),
        verbose(&["publish", "--json"]).args(to),
        verbose(&promote).args(["--domain", "acme", "--dry-run"]),
        verbose(&promote).args(["--domain", "acme"]),
        sandbox.helper(&["cargo"]).stdin(conversation::get(index)),
        sandbox.helper(&["--cargo-plugin"]).stdin(conversation::get(index).replace("read", "yank")),
        verbose(&["configure", "cargo", "--undo"]),
        verbose(&["logout"]),
    ]
}

/// Runs each command and looks at the arguments of all processes it starts. `well`: each must succeed.
fn run_all(sandbox: &Sandbox, canary: &Canary, index: &str, well: bool) {
    let strace = find("strace");
    let key = Canary::new("AWS secret key", SECRET_KEY);
    for program in commands(sandbox, index) {
        let program = program.limit(Duration::from_mins(1));
        let (outcome, trace) = match &strace {
            Some(strace) => {
                let (outcome, trace) = program.traced(strace, "execve");
                (outcome, Some(trace))
            }
            None => (program.run(), None),
        };
        assert!(!well || outcome.code() == Some(0), "{}", outcome.show());
        assert_ne!(outcome.code(), Some(101), "no panic: {}", outcome.show());
        for call in trace.iter().flat_map(|trace| trace.of("execve")) {
            // The environment carries the caller's own key, as AWS has it, but no token.
            let arguments = call.text.split("], [").next().unwrap_or_default();
            assert_eq!(key.find(arguments.as_bytes()), None, "{} in the arguments of a process", key.name());
            assert_eq!(canary.find(call.text.as_bytes()), None, "{} at the start of a process", canary.name());
        }
    }
}

#[test]
fn nothing_leaks_when_all_goes_well() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["my-team-repo", "my-shared-repo"]);
    if SampleWorkspace::write(&sandbox, "work/sample").is_none() {
        return;
    }
    // The store's token is the one all commands use from now on.
    let token = sandbox.codeartifact(&["token", "--domain", "acme"]).answers_secret().run().success();
    let token = token.stdout().trim_end().to_owned();
    sandbox.guard_token(&token);
    run_all(&sandbox, &Canary::of_token("token", &token), &service.cargo_index("acme", "my-team-repo"), true);

    // And through the real cargo, which shows more when told to.
    sandbox.codeartifact(&["configure", "cargo", "--domain", "acme", "--repository", "my-team-repo"]).run().success();
    let consumer = write_consumer(&sandbox, "work/consumer", Some("my-team-repo"));
    let build = sandbox.cargo(&["build", "-vv"]).current_dir(consumer);
    let Some(strace) = find("strace") else { return };
    let (outcome, trace) = build.traced(&strace, "execve");
    outcome.success();
    let canary = Canary::of_token("token", &token);
    for call in trace.of("execve") {
        assert_eq!(canary.find(call.text.as_bytes()), None, "in the arguments or the environment of a process");
    }
}

/// A sandbox whose service plants the token and repeats every other request in its refusal, headers included.
fn planted() -> (Sandbox, ScriptedControlPlane) {
    let sandbox = Sandbox::new();
    let plane = ScriptedControlPlane::issuing(&secret());
    sandbox.point_at(&plane.url());
    sandbox.guard_token(&secret());
    SampleWorkspace::write(&sandbox, "work/sample");
    (sandbox, plane)
}

#[test]
fn nothing_leaks_when_the_service_repeats_what_it_was_sent() {
    let (sandbox, plane) = planted();
    run_all(&sandbox, &Canary::of_token("token", &secret()), &plane.cargo_index("acme", "my-team-repo"), false);
    assert!(plane.token_requests() > 0, "the token was in play");
}

#[test]
fn nothing_leaks_when_the_token_cannot_be_had() {
    let failures: [fn() -> ScriptedAnswer; 7] = [
        || ScriptedAnswer::Error(403, "AccessDeniedException", "no"),
        || ScriptedAnswer::Error(429, "ThrottlingException", "slow down"),
        || ScriptedAnswer::Error(500, "InternalServerException", "sorry"),
        || ScriptedAnswer::Raw(200, "text/html", format!("<html>Sign in to the wireless network {}</html>", secret())),
        || ScriptedAnswer::Raw(200, "application/json", format!("{{\"authorizationToken\":\"{}", secret())),
        || ScriptedAnswer::Raw(200, "application/json", format!("{{\"authorizationToken\":\"{}\"}}", secret())),
        || ScriptedAnswer::Cut,
    ];
    for failure in failures {
        let sandbox = Sandbox::new();
        sandbox.guard_token(&secret());
        let plane = ScriptedControlPlane::start(move |_| failure());
        sandbox.point_at(&plane.url());
        let index = plane.cargo_index("acme", "my-team-repo");
        let asked = conversation::asked(&sandbox, [&*index]).limit(Duration::from_secs(40)).run();
        let answers = conversation::answers(&asked);
        assert!(conversation::error_kind(&answers[0]).is_some(), "{:?}: {}", failure(), asked.show());
        let told = answers[0].to_string();
        assert_eq!(Canary::of_token("token", &secret()).find(told.as_bytes()), None, "{:?}", failure());
        let token = sandbox.codeartifact(&["token", "--domain", "acme", "-vv"]).limit(Duration::from_secs(40));
        token.run().failure();
    }
}

#[test]
fn nothing_leaks_from_a_keyring_that_fails() {
    for store in ["kernel", "secret-service", "none"] {
        let (sandbox, plane) = planted();
        let _bus = SessionBus::black_hole(&sandbox);
        sandbox.set("CODEARTIFACT_STORE", store);
        run_all(&sandbox, &Canary::of_token("token", &secret()), &plane.cargo_index("acme", "my-team-repo"), false);
    }
}

#[test]
fn a_core_dump_holds_no_token() {
    let (sandbox, plane) = planted();
    let index = plane.cargo_index("acme", "my-team-repo");
    // As much of a core as the system gives: the limit is raised before the helper starts.
    let helper = sandbox.helper_path();
    let script = "ulimit -c unlimited 2>/dev/null || ulimit -c \"$(ulimit -Hc)\"; exec \"$@\"";
    let program = sandbox.program(std::path::Path::new("/bin/sh")).args(["-c", script, "sh"]);
    let mut running = program.arg(helper).arg("--cargo-plugin").answers_secret().start_interactive();
    running.line();
    running.write(&conversation::get(&index));
    let answer = running.line().expect("the helper answers");
    assert!(answer.contains(&secret()), "it holds the token now");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).expect("it still runs");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).expect("there is such a limit");
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "the helper forbids core dumps: {cores}");
    running.signal(Signal::ABORT);
    assert_eq!(running.wait().code(), None, "it was aborted");
    // The sandbox's sweep looks into whatever was written.
    let cores: Vec<_> = std::fs::read_dir(sandbox.path("work")).unwrap().flatten().collect();
    assert!(cores.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("core")), "{cores:?}");
}

#[test]
fn the_sweep_finds_what_it_looks_for() {
    let canary = Canary::new("planted", &secret());
    let spelled = |text: &str| canary.find(format!("so much for {text}, then").as_bytes()).is_some();
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    assert!(spelled(&secret()));
    assert!(spelled(&secret()[30..45]), "a part of it");
    assert!(spelled(&base64(secret().as_bytes())));
    assert!(spelled(&base64(format!("aws:{}", secret()).as_bytes())), "as a password");
    assert!(spelled(&base64(format!("a:{}", secret()).as_bytes())));
    assert!(spelled(&secret().bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"))));
    assert!(!spelled(&"k4Jw9Tz2Lm7".repeat(3)), "too short a part may be chance");
    assert!(!spelled(ACCESS_KEY));
}

#[test]
fn the_sandbox_finds_what_was_left_in_it() {
    let sandbox = Sandbox::new();
    sandbox.guard_token(&secret());
    assert_eq!(sandbox.leaks(), Vec::<String>::new());
    sandbox.write("home/notes/old", format!("before{}after", &secret()[40..60]));
    assert_eq!(sandbox.leaks().len(), 1, "{:?}", sandbox.leaks());
    sandbox.may_hold_secrets("home/notes");
    assert_eq!(sandbox.leaks(), Vec::<String>::new());

    let Some(strace) = find("strace") else { return };
    let shell = sandbox.program(std::path::Path::new("/bin/sh")).args(["-c", "/bin/true \"$HIDDEN\"; exit 0"]);
    let (outcome, trace) = shell.var("HIDDEN", secret()).traced(&strace, "execve");
    outcome.success();
    let canary = Canary::of_token("token", &secret());
    let given = trace.of("execve").filter(|call| {
        canary.find(call.text.split("], [").next().unwrap_or_default().as_bytes()).is_some()
    });
    assert_eq!(given.count(), 1, "the argument of the second program");
}
