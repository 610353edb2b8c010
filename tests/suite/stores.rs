//! Tokens at rest, through the whole helper: the kernel keyring, a real Secret Service, a dead one, a file, nothing.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use tests::{Sandbox, ScriptedControlPlane, SessionBus, conversation, sandbox::private};

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
