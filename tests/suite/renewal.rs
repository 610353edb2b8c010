//! A token past half of its life is the answer at once, and one process that nobody waits for gets the next one.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tests::{Canary, Running, Sandbox, ScriptedAnswer, ScriptedControlPlane, conversation};

/// The age of the planted token: past half of its 12 hours, far from its end.
const AGE: Duration = Duration::from_hours(7);

/// What an answer may take, a renewal that hangs or not; a slow machine under load, counted generously.
const AT_ONCE: Duration = Duration::from_secs(2);

/// When the process that renews has ended, whatever hangs.
const LONGEST_LIFE: Duration = Duration::from_secs(20);

fn secret(label: &str) -> String {
    format!("eyJ2ZXIiOjF9.{label}.{}", "v8Lq3NcY6Tz1".repeat(24))
}

/// A sandbox with a token of seven hours, a service that answers by `script`, and the URL.
fn aged(script: impl Fn(usize) -> ScriptedAnswer + Send + Sync + 'static) -> (Sandbox, ScriptedControlPlane, String) {
    let sandbox = Sandbox::new();
    sandbox.set("CODEARTIFACT_STORE", "file");
    sandbox.may_hold_secrets("state");
    let plane = ScriptedControlPlane::start(script);
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    for label in ["old", "new"] {
        sandbox.guard_token(&secret(label));
    }
    sandbox.plant(&index, &secret("old"), AGE);
    (sandbox, plane, index)
}

fn new_token(_: usize) -> ScriptedAnswer {
    ScriptedAnswer::Token { secret: secret("new"), life: Duration::from_hours(12) }
}

/// The processes that renew a token of this service: their arguments name its address, which no other test has.
fn renewing(plane: &ScriptedControlPlane) -> Vec<PathBuf> {
    let address = plane.url();
    let is_one = |process: &PathBuf| {
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.contains("\0--renew\0") && arguments.contains(&address)
    };
    let processes = fs::read_dir("/proc").expect("there is /proc").flatten().map(|entry| entry.path());
    processes.filter(|process| process.join("stat").exists() && is_one(process)).collect()
}

fn wait_until(what: &str, limit: Duration, mut so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

#[test]
fn nobody_waits_for_the_renewal_and_the_next_caller_has_its_token() {
    let (sandbox, plane, index) = aged(|_| ScriptedAnswer::Held { secret: secret("new") });
    let asked = conversation::asked(&sandbox, [&*index]);

    // Read to the end of both of its streams, as a client does that captures them.
    let outcome = asked.clone().run().success();
    assert_eq!(conversation::only_token(&outcome), secret("old"));
    assert!(outcome.took() < AT_ONCE, "{:?}", outcome.took());
    assert!(plane.wait_for_requests(1, LONGEST_LIFE), "the service was asked");

    let processes = renewing(&plane);
    let [process] = &processes[..] else { panic!("one process: {processes:?}") };
    for stream in ["0", "1", "2"] {
        assert_eq!(fs::read_link(process.join("fd").join(stream)).unwrap(), PathBuf::from("/dev/null"), "{stream}");
    }
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    let after_name: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let id = process.file_name().unwrap().to_str().unwrap();
    assert_eq!((after_name[2], after_name[3], after_name[4]), (id, id, "0"), "group, session, terminal: {stat}");
    let canary = Canary::of_token("token", &secret("old"));
    for file in ["cmdline", "environ"] {
        assert_eq!(canary.find(&fs::read(process.join(file)).unwrap()), None, "{file}");
    }

    // As long as it is at it, the old one is the answer, and nobody else asks.
    assert_eq!(conversation::only_token(&asked.clone().run().success()), secret("old"));
    plane.release();
    wait_until("it has ended", LONGEST_LIFE, || renewing(&plane).is_empty());
    assert_eq!(conversation::only_token(&asked.run().success()), secret("new"));
    assert_eq!(plane.token_requests(), 1);
}

#[test]
fn a_pipe_that_was_left_open_is_not_held() {
    let (sandbox, plane, index) = aged(|_| ScriptedAnswer::Held { secret: secret("new") });
    // The helper inherits the shell's output a second time, as descriptor 9 and as 3; the shell's reader waits for all.
    let script = "exec 9>&1 3>&1; \"$0\" --cargo-plugin";
    let shell = sandbox.program(std::path::Path::new("/bin/sh")).args(["-c", script]).arg(sandbox.helper_path());
    let outcome = shell.answers_secret().stdin(conversation::get(&index)).run().success();
    assert_eq!(conversation::only_token(&outcome), secret("old"));
    assert!(outcome.took() < AT_ONCE, "{:?}", outcome.took());
    assert!(plane.wait_for_requests(1, LONGEST_LIFE), "the renewal runs all the same");
    assert_eq!(renewing(&plane).len(), 1);
}

#[test]
fn two_hundred_callers_start_one() {
    let (sandbox, plane, index) = aged(|_| ScriptedAnswer::Held { secret: secret("new") });
    let asked = conversation::asked(&sandbox, [&*index]);
    let running: Vec<Running> = (0..200).map(|_| asked.clone().start()).collect();
    for helper in running {
        assert_eq!(conversation::only_token(&helper.wait().success()), secret("old"));
    }
    assert!(plane.wait_for_requests(1, LONGEST_LIFE));
    assert_eq!(renewing(&plane).len(), 1, "one process");
    plane.release();
    wait_until("it has ended", LONGEST_LIFE, || renewing(&plane).is_empty());
    assert_eq!(plane.token_requests(), 1, "one request");
}

#[test]
fn a_renewal_that_fails_is_not_tried_again_for_a_minute() {
    let (sandbox, plane, index) = aged(|_| ScriptedAnswer::Error(403, "AccessDeniedException", "no"));
    let asked = conversation::asked(&sandbox, [&*index]);
    assert_eq!(conversation::only_token(&asked.clone().run().success()), secret("old"));
    assert!(plane.wait_for_requests(1, LONGEST_LIFE));
    wait_until("it has ended", LONGEST_LIFE, || renewing(&plane).is_empty());
    for _ in 0..20 {
        assert_eq!(conversation::only_token(&asked.clone().run().success()), secret("old"));
    }
    assert!(renewing(&plane).is_empty());
    assert_eq!(plane.token_requests(), 1);
}

#[test]
fn one_that_is_killed_is_not_begun_again_for_a_minute_and_holds_nobody_up() {
    let (sandbox, plane, index) = aged(|_| ScriptedAnswer::Held { secret: secret("new") });
    let asked = conversation::asked(&sandbox, [&*index]);
    assert_eq!(conversation::only_token(&asked.clone().run().success()), secret("old"));
    assert!(plane.wait_for_requests(1, LONGEST_LIFE));
    let process = renewing(&plane).remove(0);
    let id: i32 = process.file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
    wait_until("it has ended", LONGEST_LIFE, || renewing(&plane).is_empty());
    assert_eq!(conversation::only_token(&asked.run().success()), secret("old"));
    assert_eq!(plane.token_requests(), 1);
}

#[test]
fn one_that_hangs_ends_by_itself() {
    // A process for credentials that never answers: no limit of the service's client is on that way.
    let (sandbox, plane, index) = aged(new_token);
    let pid = sandbox.path("work/pid");
    let hangs = sandbox.write("home/hangs", format!("#!/bin/sh\necho $$ > '{}'\nexec sleep 300\n", pid.display()));
    fs::set_permissions(&hangs, fs::Permissions::from_mode(0o755)).unwrap();
    let profile = format!("[profile hung]\nregion = us-east-1\ncredential_process = {}\n", hangs.display());
    sandbox.write("home/.aws/config", profile);
    sandbox.set("AWS_PROFILE", "hung");
    sandbox.set("AWS_ACCESS_KEY_ID", "");
    sandbox.plant(&index, &secret("old"), AGE);

    let outcome = conversation::asked(&sandbox, [&*index]).run().success();
    let begun = Instant::now();
    assert_eq!(conversation::only_token(&outcome), secret("old"));
    wait_until("it has begun", LONGEST_LIFE, || fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')));
    let started = PathBuf::from("/proc").join(fs::read_to_string(&pid).unwrap().trim());
    assert!(started.exists());
    wait_until("it has ended", LONGEST_LIFE, || renewing(&plane).is_empty());
    assert!(begun.elapsed() < LONGEST_LIFE, "{:?}", begun.elapsed());
    wait_until("what it started has ended, too", AT_ONCE, || !started.join("exe").exists());
    assert_eq!(plane.token_requests(), 0);
}

#[test]
fn near_its_end_the_caller_waits_and_nothing_is_left_behind() {
    let (sandbox, plane, index) = aged(new_token);
    sandbox.plant(&index, &secret("old"), Duration::from_hours(12) - Duration::from_mins(10));
    let outcome = conversation::asked(&sandbox, [&*index]).run().success();
    assert_eq!(conversation::only_token(&outcome), secret("new"));
    assert!(renewing(&plane).is_empty());
    assert_eq!(plane.token_requests(), 1);
}

#[test]
fn locks_and_notes_of_a_renewal_are_their_owners() {
    let (sandbox, plane, index) = aged(new_token);
    assert_eq!(conversation::only_token(&conversation::asked(&sandbox, [&*index]).run().success()), secret("old"));
    wait_until("it was renewed", LONGEST_LIFE, || plane.token_requests() == 1 && renewing(&plane).is_empty());
    let mut seen = 0;
    for entry in fs::read_dir(sandbox.path("run/codeartifact")).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{}", entry.path().display());
        assert!(entry.path().extension().is_none_or(|kind| kind != "note"), "the note is gone with the success");
        seen += 1;
    }
    assert!(seen > 0);
}
