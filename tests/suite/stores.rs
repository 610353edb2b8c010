//! Tokens at rest, through the whole helper: the kernel keyring, a real Secret Service, a dead one, a file, nothing.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use tests::{
    Program, Sandbox, ScriptedControlPlane, SessionBus, asking, conversation, programs::find, sandbox::private,
};

/// What a keyring that never answers may cost, all calls together.
const PATIENCE: Duration = Duration::from_millis(2500);

fn token() -> String {
    format!("eyJ2ZXIiOjF9.stores.{}", "h5Wn8KvZ3Pd1".repeat(60))
}

fn plane(sandbox: &Sandbox) -> ScriptedControlPlane {
    let plane = ScriptedControlPlane::issuing(&token());
    sandbox.point_at(&plane.url());
    sandbox.guard_token(&token());
    plane
}

/// Asks twice; the second time must need no request.
fn remembers(sandbox: &Sandbox, plane: &ScriptedControlPlane) {
    let index = plane.cargo_index("acme", "team");
    for _ in 0..2 {
        let outcome = conversation::asked(sandbox, [&*index]).run().success();
        assert_eq!(conversation::only_token(&outcome), token());
    }
    assert_eq!(plane.token_requests(), 1, "the second answer came from the store");
}

/// `logout` empties it: the next question is a request.
fn forgets(sandbox: &Sandbox, plane: &ScriptedControlPlane) {
    let index = plane.cargo_index("acme", "team");
    let before = plane.token_requests();
    sandbox.codeartifact(&["logout"]).run().success();
    let outcome = conversation::asked(sandbox, [&*index]).run().success();
    assert_eq!(conversation::only_token(&outcome), token());
    assert_eq!(plane.token_requests(), before + 1, "logout forgot the token");
    sandbox.codeartifact(&["logout"]).run().success();
}

#[test]
fn the_kernel_keyring_remembers_and_forgets() {
    let sandbox = Sandbox::new();
    if !sandbox.keyrings().are_private() {
        println!("skipped: the kernel keyrings here would be the user's own");
        return;
    }
    sandbox.set("CODEARTIFACT_STORE", "kernel");
    let plane = plane(&sandbox);
    remembers(&sandbox, &plane);
    sandbox.codeartifact(&["status"]).run().success().prints("kernel").prints("acme");
    forgets(&sandbox, &plane);
}

#[test]
fn a_real_secret_service_remembers_and_forgets() {
    let sandbox = Sandbox::new();
    let Some(_bus) = SessionBus::with_keyring(&sandbox) else { return };
    sandbox.set("CODEARTIFACT_STORE", "secret-service");
    let plane = plane(&sandbox);
    remembers(&sandbox, &plane);
    sandbox.codeartifact(&["status"]).run().success().prints("secret-service").prints("acme");
    forgets(&sandbox, &plane);
}

#[test]
fn a_hit_in_the_secret_service_refills_the_kernel_keyring() {
    let sandbox = Sandbox::new();
    if !sandbox.keyrings().are_private() {
        println!("skipped: the kernel keyrings here would be the user's own");
        return;
    }
    let Some(bus) = SessionBus::with_keyring(&sandbox) else { return };
    let plane = plane(&sandbox);
    let index = plane.cargo_index("acme", "team");
    let ask = |store: &str| {
        let outcome = conversation::asked(&sandbox, [&*index]).var("CODEARTIFACT_STORE", store).run().success();
        assert_eq!(conversation::only_token(&outcome), token());
    };
    ask("secret-service");
    ask("kernel,secret-service");
    drop(bus);
    ask("kernel");
    assert_eq!(plane.token_requests(), 1, "the kernel keyring was refilled");
    sandbox.codeartifact(&["logout"]).var("CODEARTIFACT_STORE", "kernel").run().success();
}

#[test]
fn a_bus_that_never_answers_costs_one_deadline() {
    let sandbox = Sandbox::new();
    let _bus = SessionBus::black_hole(&sandbox);
    sandbox.set("CODEARTIFACT_STORE", "secret-service");
    let plane = plane(&sandbox);
    let index = plane.cargo_index("acme", "team");

    let begun = Instant::now();
    let mut helper = conversation::asked(&sandbox, []).start_interactive();
    helper.line();
    helper.write(&conversation::get(&index));
    let answer = helper.line().expect("the helper answers");
    let waited = begun.elapsed();
    assert!(answer.contains(&token()), "the token comes from the service");
    assert!(waited <= PATIENCE, "the answer took {waited:?}");
    let ended = helper.wait().success();
    assert!(ended.took() <= PATIENCE * 2, "the helper stayed for {:?}", ended.took());

    let status = sandbox.codeartifact(&["status"]).limit(PATIENCE * 2).run();
    assert!(status.stdout().contains("secret-service") || status.stderr().contains("secret-service"));
}

/// Looks on at a session bus while others use it.
fn watched(sandbox: &Sandbox) -> Option<tests::Running> {
    let monitor = sandbox.program(&find("dbus-monitor")?).args(["--session"]).limit(Duration::from_mins(5));
    let mut running = monitor.answers_secret().start_interactive();
    // Its first line says that it looks on.
    running.line();
    Some(running)
}

#[test]
fn no_state_of_the_keyring_costs_much_or_asks_anybody_in_any_protocol() {
    // How long a cold answer takes by itself, on this machine, now.
    let measured = |sandbox: &Sandbox, what: &str| {
        sandbox.set("CODEARTIFACT_STORE", "secret-service");
        let plane = plane(sandbox);
        let mut longest = Duration::ZERO;
        for asking in asking::ALL {
            // A domain each: nothing is remembered from one to the next, and a store that hangs is asked by each.
            let domain = format!("acme-{}", asking.word);
            let hung = std::fs::read_dir(sandbox.path("run/codeartifact")).into_iter().flatten().flatten();
            for note in hung.filter(|note| note.path().extension().is_some_and(|kind| kind == "hung")) {
                std::fs::remove_file(note.path()).unwrap();
            }
            let program: Program = asking.for_domain(sandbox, &plane.url(), &domain);
            let outcome = program.run();
            assert!(asking.gives(&outcome, &token()), "{what}, {}: {}", asking.word, outcome.show());
            longest = longest.max(outcome.took());
        }
        println!("{what}: at most {longest:?}");
        longest
    };
    let absent = measured(&Sandbox::new(), "absent");
    for state in ["unlocked", "locked", "hung"] {
        let sandbox = Sandbox::new();
        let bus = match state {
            "unlocked" => SessionBus::with_keyring(&sandbox),
            "locked" => SessionBus::with_locked_keyring(&sandbox),
            _ => Some(SessionBus::black_hole(&sandbox)),
        };
        let Some(_bus) = bus else { return };
        let watched = if state == "hung" { None } else { watched(&sandbox) };
        let took = measured(&sandbox, state);
        assert!(took <= absent + PATIENCE, "{state}: {took:?}, and {absent:?} without");
        if let Some(monitor) = watched {
            monitor.signal(rustix::process::Signal::TERM);
            let seen = monitor.wait().stdout();
            assert!(seen.contains("SearchItems"), "the bus was used: {seen}");
            for call in ["member=Unlock", "member=Prompt", "member=CreateCollection"] {
                assert!(!seen.contains(call), "{state}: {call}");
            }
        }
    }
}

#[test]
fn a_store_that_hung_is_shown_and_left_alone_until_logout() {
    let sandbox = Sandbox::new();
    let _bus = SessionBus::black_hole(&sandbox);
    sandbox.set("CODEARTIFACT_STORE", "secret-service,file");
    sandbox.may_hold_secrets("state");
    let plane = plane(&sandbox);
    let ask = |domain: &str| {
        let outcome = asking::ALL[4].for_domain(&sandbox, &plane.url(), domain).run();
        assert!(asking::ALL[4].gives(&outcome, &token()), "{}", outcome.show());
        outcome.took()
    };
    ask("first");
    let again = ask("second");
    assert!(again < Duration::from_secs(2), "another process leaves it alone: {again:?}");
    let status = sandbox.codeartifact(&["status"]).run().success();
    assert!(status.stdout().contains("it missed its deadline"), "{}", status.show());
    assert!(status.took() < Duration::from_secs(2), "{:?}", status.took());
    let status = sandbox.codeartifact(&["status", "--json"]).run().success().json().to_string();
    assert!(status.contains("asked again after 10 min"), "{status}");
    // Logout asks it all the same, says that it could not, and forgets the rest.
    sandbox.codeartifact(&["logout"]).run().exit(1).says("secret-service may keep tokens");
    sandbox.codeartifact(&["status"]).var("CODEARTIFACT_STORE", "file").run().success().prints("file: no token");
}

#[test]
fn logout_forgets_what_rests_in_stores_that_are_no_longer_in_use() {
    let sandbox = Sandbox::new();
    sandbox.set("CODEARTIFACT_STORE", "file");
    sandbox.may_hold_secrets("state");
    let plane = plane(&sandbox);
    let url = plane.cargo_index("acme", "team");
    sandbox.plant(&url, &token(), Duration::ZERO);
    sandbox.codeartifact(&["logout"]).var("CODEARTIFACT_STORE", "none").run().success().prints("file");
    let canary = tests::Canary::of_token("token", &token());
    assert_eq!(canary.files(&sandbox.path("state")), Vec::<std::path::PathBuf>::new());
    // Half an entry is no token, and still no business of anybody's.
    sandbox.plant(&url, &token(), Duration::ZERO);
    let file = canary.files(&sandbox.path("state")).remove(0);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    sandbox.codeartifact(&["logout"]).run().success();
    assert!(!file.exists());
    for entry in std::fs::read_dir(sandbox.path("run/codeartifact")).into_iter().flatten().flatten() {
        assert!(entry.path().extension().is_some_and(|kind| kind == "lock"), "{}", entry.path().display());
    }
}

#[test]
fn encrypted_files_remember_and_hold_no_token_in_clear_text() {
    let sandbox = Sandbox::new();
    if !sandbox.keyrings().are_private() {
        println!("skipped: the kernel keyrings here would be the user's own");
        return;
    }
    sandbox.set("CODEARTIFACT_STORE", "encrypted-file");
    // Guarded: the sandbox looks for the token in every file at its end.
    let plane = plane(&sandbox);
    remembers(&sandbox, &plane);
    sandbox.codeartifact(&["status"]).run().success().prints("encrypted-file").prints("acme");
    let sealed = std::fs::read_dir(sandbox.path("state/codeartifact/tokens")).unwrap().count();
    assert_eq!(sealed, 1, "the store is a file");
    forgets(&sandbox, &plane);
    assert_eq!(std::fs::read_dir(sandbox.path("state/codeartifact/tokens")).unwrap().count(), 0);
}

#[test]
fn a_locked_keyring_does_not_stop_a_build() {
    let sandbox = Sandbox::new();
    let Some(_bus) = SessionBus::with_locked_keyring(&sandbox) else { return };
    sandbox.set("CODEARTIFACT_STORE", "secret-service");
    let plane = plane(&sandbox);
    let index = plane.cargo_index("acme", "team");
    let outcome = conversation::asked(&sandbox, [&*index]).run().success();
    assert_eq!(conversation::only_token(&outcome), token());
    assert!(outcome.took() <= PATIENCE * 2, "took {:?}", outcome.took());
}

#[test]
fn the_file_is_used_only_when_asked_for_and_is_its_owners() {
    let sandbox = Sandbox::new();
    sandbox.set("CODEARTIFACT_STORE", "file");
    let plane = plane(&sandbox);
    sandbox.may_hold_secrets("state");
    remembers(&sandbox, &plane);
    let mut folders = vec![sandbox.path("state")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", entry.path().display());
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    assert!(files > 0, "the store is a file");
    forgets(&sandbox, &plane);
    let canary = tests::Canary::of_token("token", &token());
    assert_eq!(canary.files(&sandbox.path("state")), Vec::<std::path::PathBuf>::new(), "nothing is left after logout");
}

#[test]
fn without_a_store_every_run_asks() {
    let sandbox = Sandbox::new();
    sandbox.set("CODEARTIFACT_STORE", "none");
    let plane = plane(&sandbox);
    let index = plane.cargo_index("acme", "team");
    for _ in 0..2 {
        let outcome = conversation::asked(&sandbox, [&*index]).run().success();
        assert_eq!(conversation::only_token(&outcome), token());
    }
    assert_eq!(plane.token_requests(), 2);
    sandbox.codeartifact(&["status"]).run().success().prints("none");
}

#[test]
fn the_user_file_chooses_the_store() {
    let sandbox = Sandbox::new();
    private(&sandbox.path("config"));
    sandbox.write("config/codeartifact/config.toml", "[store]\nuse = [\"file\"]\n");
    let plane = plane(&sandbox);
    sandbox.may_hold_secrets("state");
    remembers(&sandbox, &plane);
    sandbox.codeartifact(&["status"]).run().success().prints("file");
}
