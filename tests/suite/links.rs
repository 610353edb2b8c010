//! Links before somebody else's program: the real `keyring` of Python behind ours.

use tests::{Outcome, Sandbox, ScriptedControlPlane, programs::python_tool};

/// What a program said, as its caller sees it.
fn seen(outcome: &Outcome) -> (Option<i32>, String, String) {
    (outcome.code(), outcome.stdout(), outcome.stderr())
}

#[test]
fn python_s_keyring_behind_ours_answers_as_if_it_were_called_itself() {
    let Some(theirs) = python_tool("keyring") else { return };
    let sandbox = Sandbox::new();
    let secret = format!("eyJ2ZXIiOjF9.links.{}", "n3Vt8YqKd6Rw".repeat(24));
    sandbox.guard_token(&secret);
    let plane = ScriptedControlPlane::issuing(&secret);
    sandbox.point_at(&plane.url());
    // A keyring that has nothing and takes everything: the machine's own is none of a test's business.
    sandbox.set("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring");
    // It lists what it knows in the order of a hash.
    sandbox.set("PYTHONHASHSEED", "0");
    let made = sandbox.helper(&["install"]).run().success();
    let ours = sandbox.path("data/codeartifact/bin").canonicalize().expect("install made it");
    assert!(made.stderr().contains(&format!("export PATH=\"{}:$PATH\"", ours.display())), "{}", made.show());
    let folder = theirs.parent().expect("a program lies in a folder");
    sandbox.set("PATH", format!("{}:{}:/usr/bin:/bin", ours.display(), folder.display()));

    let keyring = ours.join("keyring");
    for (args, input) in [
        (&["get", "https://pypi.example.com/simple/", "me"][..], ""),
        (&["--mode=creds", "--output=json", "get", "https://pypi.example.com/simple/", "me"], ""),
        (&["set", "a service", "me"], "a password\n"),
        (&["del", "a service", "me"], ""),
        (&["--list-backends"], ""),
        (&["--help"], ""),
        (&["no-such-operation"], ""),
    ] {
        let through_ours = sandbox.program(&keyring).args(args).stdin(input).run();
        let directly = sandbox.program(&theirs).args(args).stdin(input).run();
        assert_eq!(seen(&through_ours), seen(&directly), "{args:?}");
    }
    assert_eq!(plane.connections(), 0, "nobody was asked for what is not ours");

    let url = format!("{}/d/acme-111122223333/pypi/team/simple/", plane.url());
    let answer = sandbox.program(&keyring).args(["get", &*url, "aws"]).answers_secret().run().success();
    assert_eq!(answer.stdout(), format!("{secret}\n"));

    let removed = sandbox.helper(&["uninstall"]).run().success();
    assert!(removed.stdout().contains("removed"), "{}", removed.show());
    assert!(!sandbox.path("data/codeartifact").exists());
}
