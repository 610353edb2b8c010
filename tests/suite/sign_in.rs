//! A sign-in that has ended, with somebody at the terminal and with nobody: the real helper and SDK, an `aws` that
//! writes the token of a session as AWS's own does, and the identity centre's portal on loopback.
//!
//! The AWS CLI's own part, the browser, is not in here.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sha1::Digest as _;
use tests::{Asking, Outcome, Program, Sandbox, ScriptedControlPlane, asking, programs::find};

const CONFIG: &str = "[profile corp]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 111122223333\n\
    sso_role_name = dev\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example.com/start\n";

fn secret() -> String {
    format!("eyJ2ZXIiOjF9.signed-in.{}", "w4Hd9PzB6Lx2".repeat(24))
}

/// The identity centre's portal: gives keys to whoever has the session's token.
fn portal() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let address = format!("http://{}", listener.local_addr().expect("a listener has an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut reader = BufReader::new(&stream);
            while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
            count.fetch_add(1, Ordering::SeqCst);
            let body = if head.contains("session-token-of-the-test") {
                r#"{"roleCredentials":{"accessKeyId":"ASIATEST","secretAccessKey":"key","sessionToken":"t","expiration":4000000000000}}"#
            } else {
                "{}"
            };
            let _ = write!(
                &stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

/// Somebody's machine: a profile whose sign-in has ended, and an `aws` that signs in and says that it was run.
struct Desk {
    sandbox: Sandbox,
    plane: ScriptedControlPlane,
    ran: PathBuf,
    /// How often the portal was asked for keys.
    portal: Arc<AtomicUsize>,
}

impl Desk {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let plane = ScriptedControlPlane::issuing(&secret());
        sandbox.point_at(&plane.url());
        sandbox.guard_token(&secret());
        let (address, portal) = portal();
        sandbox.set("AWS_ENDPOINT_URL_SSO", address);
        sandbox.set("AWS_PROFILE", "corp");
        sandbox.set("AWS_ACCESS_KEY_ID", "");
        sandbox.set("AWS_SECRET_ACCESS_KEY", "");
        sandbox.write("home/.aws/config", CONFIG);
        let name = sha1::Sha1::digest(b"corp").iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let cache = format!("home/.aws/sso/cache/{name}.json");
        let ran = sandbox.path("home/ran");
        let token = |expires: &str| {
            format!(
                "{{\"startUrl\":\"https://corp.example.com/start\",\"region\":\"us-east-1\",\
                 \"accessToken\":\"session-token-of-the-test\",\"expiresAt\":\"{expires}\"}}"
            )
        };
        let cache = sandbox.write(cache, token("2020-01-01T00:00:00Z"));
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\necho 'Opening your browser' \nsleep 0.3\ncat > '{}' <<'END'\n{}\nEND\n",
            ran.display(),
            cache.display(),
            token("2090-01-01T00:00:00Z")
        );
        let aws = sandbox.write("tools/aws", script);
        fs::set_permissions(aws, fs::Permissions::from_mode(0o755)).expect("the owner changes the mode");
        let path = sandbox.vars().remove("PATH").unwrap_or_default();
        sandbox.set("PATH", format!("{}:{path}", sandbox.path("tools").display()));
        sandbox.set("CI", "");
        Self { sandbox, plane, ran, portal }
    }

    /// What `aws` was run with, a line each.
    fn ran(&self) -> Vec<String> {
        fs::read_to_string(&self.ran).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Commands of a shell at a terminal of its own, whose person types `typed`. `$0` is the helper.
    fn at_terminal(&self, commands: &str, typed: &str) -> Option<Program> {
        let script = find("script")?;
        let file = self.sandbox.write("work/commands", commands.replace("$0", self.sandbox.helper_path().to_str()?));
        let program = self.sandbox.program(&script).args(["--quiet", "--echo", "never", "--command"]);
        let program = program.arg(format!("/bin/sh {}", file.display())).arg("/dev/null");
        Some(program.answers_secret().stdin(typed).limit(Duration::from_mins(1)))
    }

    fn url(&self) -> String {
        format!("{}/d/acme-111122223333/npm/team/", self.plane.url())
    }

    fn answered(&self) -> String {
        fs::read_to_string(self.sandbox.path("work/answer")).unwrap_or_default()
    }
}

#[test]
fn somebody_at_a_terminal_is_asked_and_the_helper_goes_on() {
    let desk = Desk::new();
    desk.sandbox.may_hold_secrets("work/answer");
    let commands = format!("\"$0\" yarn {} > answer 2> errors < /dev/null; echo \"status $?\"\n", desk.url());
    let Some(program) = desk.at_terminal(&commands, "y\n") else { return };
    let outcome = program.run();
    let shown = outcome.stdout();
    assert!(shown.contains("the AWS sign-in of profile `corp` has ended"), "{}", outcome.show());
    assert!(shown.contains("Run `aws sso login --profile corp` now? [Y/n]"), "{shown}");
    assert!(shown.contains("Opening your browser"), "the command has the terminal: {shown}");
    assert!(shown.contains("status 0"), "{shown}\n{:?}", fs::read_to_string(desk.sandbox.path("work/errors")));
    assert!(desk.answered().contains(&secret()), "the client has its token: {}", desk.answered());
    assert_eq!(desk.ran(), ["sso login --profile corp"]);
    assert_eq!(desk.portal.load(Ordering::SeqCst), 1, "the keys are those of the new session");
}

#[test]
fn whoever_declines_gets_the_error_with_the_command() {
    let desk = Desk::new();
    let commands = format!("\"$0\" yarn {} > answer 2> errors < /dev/null; echo \"status $?\"\n", desk.url());
    let Some(program) = desk.at_terminal(&commands, "n\n") else { return };
    let outcome = program.run();
    assert!(outcome.stdout().contains("status 1"), "{}", outcome.show());
    let errors = fs::read_to_string(desk.sandbox.path("work/errors")).unwrap();
    assert!(errors.contains("renew it: aws sso login --profile corp"), "{errors}");
    assert!(desk.ran().is_empty());
    assert_eq!(desk.plane.token_requests(), 0);
}

#[test]
fn one_is_asked_for_any_number_of_processes() {
    let desk = Desk::new();
    desk.sandbox.may_hold_secrets("work");
    let commands = format!(
        "for number in 1 2 3 4 5 6 7 8; do \"$0\" yarn {} > answer.$number 2> errors.$number < /dev/null & done\n\
         wait\necho \"all done\"\n",
        desk.url()
    );
    let Some(program) = desk.at_terminal(&commands, "y\n") else { return };
    let outcome = program.run();
    assert!(outcome.stdout().contains("all done"), "{}", outcome.show());
    assert_eq!(outcome.stdout().matches("Run `aws sso login").count(), 1, "{}", outcome.show());
    for number in 1..=8 {
        let answer = fs::read_to_string(desk.sandbox.path(format!("work/answer.{number}"))).unwrap();
        assert!(answer.contains(&secret()), "{number}: {answer}");
    }
    assert_eq!(desk.ran().len(), 1);
    assert_eq!(desk.plane.token_requests(), 1);
}

#[test]
fn what_a_project_brings_along_is_not_run() {
    let desk = Desk::new();
    // First on PATH, by an absolute path, as package managers put their projects' programs there.
    let planted = desk.sandbox.write("work/node_modules/.bin/aws", format!("#!/bin/sh\ntouch '{}'\n", desk.ran.display()));
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o755)).unwrap();
    let path = desk.sandbox.vars().remove("PATH").unwrap();
    desk.sandbox.set("PATH", format!("{}:{path}", planted.parent().unwrap().display()));
    let commands = format!("\"$0\" yarn {} > answer 2> errors < /dev/null; echo \"status $?\"\n", desk.url());
    let Some(program) = desk.at_terminal(&commands, "y\n") else { return };
    let outcome = program.run();
    assert!(outcome.stdout().contains("status 1"), "{}", outcome.show());
    assert!(!desk.ran.exists(), "it was not run");
    assert!(!outcome.stdout().contains("[Y/n]"), "and nobody asked: {}", outcome.show());
}

#[test]
fn nobody_is_asked_without_a_terminal_in_ci_or_in_the_background() {
    let told = |asking: Asking, outcome: &Outcome| {
        let told = asking.refusal(outcome);
        assert!(told.contains("aws sso login --profile corp"), "{}: {told}", asking.word);
        assert!(!told.contains("[Y/n]"), "{}: {told}", asking.word);
    };
    // No terminal at all: a session of its own.
    let Some(setsid) = find("setsid") else { return };
    let desk = Desk::new();
    for asking in asking::ALL {
        let program = asking.for_domain(&desk.sandbox, &desk.plane.url(), "acme");
        told(*asking, &program.through([setsid.as_os_str(), "--wait".as_ref()]).run());
    }
    // A build server that gives its jobs a terminal.
    let commands = format!("CI=true \"$0\" yarn {} > answer 2> errors < /dev/null; echo \"status $?\"\n", desk.url());
    let Some(program) = desk.at_terminal(&commands, "y\n") else { return };
    let outcome = program.run();
    assert!(outcome.stdout().contains("status 1") && !outcome.stdout().contains("[Y/n]"), "{}", outcome.show());
    // Behind whatever has the terminal.
    let commands =
        format!("set -m\n\"$0\" yarn {} > answer 2> errors < /dev/null &\nwait $!; echo \"status $?\"\n", desk.url());
    let outcome = desk.at_terminal(&commands, "y\n").map(Program::run).expect("it was there a moment ago");
    assert!(outcome.stdout().contains("status 1") && !outcome.stdout().contains("[Y/n]"), "{}", outcome.show());
    assert!(desk.ran().is_empty());
}
