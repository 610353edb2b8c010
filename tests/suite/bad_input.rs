//! Bad input of every command: the documented exit code, and an error that names place, cause and next step.

use tests::{Outcome, Program, Sandbox, Service};

/// What was typed, and what must come of it: the exit code, and words of the message.
struct Case {
    args: &'static str,
    code: i32,
    says: &'static [&'static str],
}

const fn case(args: &'static str, code: i32, says: &'static [&'static str]) -> Case {
    Case { args, code, says }
}

/// What no command line can be: the parser's own messages name the place and the way to the help.
const USAGE: &[Case] = &[
    case("", 2, &["Usage"]),
    case("nonsense", 2, &["nonsense"]),
    case("publsh", 2, &["publsh", "publish"]),
    case("--nonsense", 2, &["--nonsense"]),
    case("local", 2, &["--data", "--ephemeral"]),
    case("local --ephemeral --data somewhere", 2, &["--ephemeral", "--data"]),
    case("local --ephemeral --listen nowhere", 2, &["nowhere", "--listen"]),
    case("local --ephemeral --listen 127.0.0.1:70000", 2, &["70000", "--listen"]),
    case("token --domain Not_A_Domain", 2, &["Not_A_Domain", "--domain"]),
    case("token --domain acme --domain-owner 12345", 2, &["12345", "--domain-owner"]),
    case("token --domain acme --region nowhere!", 2, &["nowhere!", "--region"]),
    case("token --domain acme --endpoint-url gopher://example.com", 2, &["gopher", "--endpoint-url"]),
    case("configure cargo --domain acme --repository -x", 2, &["-x"]),
    case("configure cargo --domain acme --repository a/b", 2, &["a/b", "--repository"]),
    case("configure cargo --project --user", 2, &["--project", "--user"]),
    case("configure --undo --repository team", 2, &["--undo", "--repository"]),
    case("configure cargo --registry x --replace-default --repository team", 2, &["--registry", "--replace-default"]),
    case("publish --version 1.0.0 --version-from git", 2, &["--version", "--version-from"]),
    case("publish --version-from svn", 2, &["svn", "git"]),
    case("promote", 2, &["SPEC", "--from", "--to"]),
    case("promote cargo:a@1.0.0 --from team", 2, &["--to"]),
    case("completions tcsh-or-so", 2, &["tcsh-or-so"]),
];

/// What can be typed and cannot be done.
const REFUSED: &[Case] = &[
    case("configure nonsense --domain acme --repository team", 2, &["nonsense", "cargo"]),
    case("configure cargo --domain acme", 2, &["--repository"]),
    case("configure cargo --repository team", 2, &["--domain"]),
    case("token", 2, &["--domain"]),
    case("token https://packages.example.com/index/", 1, &["packages.example.com"]),
    case("token https://acme-1.d.codeartifact.us-east-1.amazonaws.com/cargo/team/", 1, &["acme-1"]),
    case("token --domain nobody", 1, &["nobody"]),
    case("publish --domain acme", 2, &["--repository"]),
    case("publish --repository team", 2, &["--domain"]),
    case("publish absent-folder --domain acme --repository team", 1, &["absent-folder"]),
    case("publish --domain acme --repository team --version not.a.version", 2, &["not.a.version"]),
    case("promote nonsense --domain acme --from team --to shared", 2, &["nonsense", "FORMAT:"]),
    case("promote cargo:a --domain acme --from team --to shared", 2, &["cargo:a", "@"]),
    case("promote cobol:a@1.0.0 --domain acme --from team --to shared", 2, &["cobol", "cargo"]),
    case("promote cargo:a@1.0.0 --domain acme --from team --to team", 2, &["team"]),
    case("promote cargo:a@1.0.0 --domain acme --from team --to nobody", 1, &["nobody"]),
    case("help nonsense", 2, &["nonsense"]),
];

fn typed(sandbox: &Sandbox, args: &str) -> Program {
    sandbox.codeartifact(&args.split_whitespace().collect::<Vec<_>>())
}

/// Not by a signal, not by a panic, with the right code, and nothing on the data stream.
fn check(outcome: Outcome, case: &Case) -> Outcome {
    let outcome = outcome.exit(case.code);
    for word in case.says {
        assert!(outcome.stderr().contains(word), "`{word}` is not in the message of {}", outcome.show());
    }
    assert_eq!(outcome.stdout(), "", "an error is no data: {}", outcome.show());
    outcome
}

#[test]
fn what_cannot_be_typed_is_explained() {
    let sandbox = Sandbox::new();
    for case in USAGE {
        let outcome = check(typed(&sandbox, case.args).run(), case);
        assert!(outcome.stderr().contains("--help") || outcome.stderr().contains("Usage"), "{}", outcome.show());
    }
}

#[test]
fn what_cannot_be_done_names_place_cause_and_next_step() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team", "shared"]);
    for case in REFUSED {
        let outcome = check(typed(&sandbox, case.args).run(), case);
        let text = outcome.stderr();
        assert!(text.starts_with("error: ") || text.contains("\nerror: "), "{}", outcome.show());
        assert!(text.contains("hint: ") || text.contains("--help"), "a next step: {}", outcome.show());
        assert!(!text.contains("\u{1b}["), "no colours where nobody looks: {}", outcome.show());
    }
}

/// The plan is data, also one that cannot be carried out.
#[test]
fn a_promotion_that_cannot_be_is_shown_and_refused() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team", "shared"]);
    let outcome = typed(&sandbox, "promote cargo:absent@1.0.0 --domain acme --from team --to shared").run().exit(1);
    assert!(outcome.stdout().starts_with("refused: cargo:absent@1.0.0: "), "{}", outcome.show());
    for word in ["error: ", "cargo:absent@1.0.0: not in the source", "`team`", "`shared`", "nothing was copied", "hint: "] {
        assert!(outcome.stderr().contains(word), "{word}: {}", outcome.show());
    }
}

#[test]
fn files_that_are_broken_are_named_with_the_place() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let publish = "publish --domain acme --repository team";

    let broken = [
        ("not toml", "[package\nname = 1\n"),
        ("not a package", "[nonsense]\n"),
        ("no version", "[package]\nname = \"a\"\nversion = \"one\"\nedition = \"2021\"\n"),
    ];
    for (number, (what, manifest)) in broken.iter().enumerate() {
        let folder = format!("work/broken-{number}");
        sandbox.write(format!("{folder}/Cargo.toml"), manifest);
        let outcome = typed(&sandbox, publish).current_dir(sandbox.path(&folder)).run().exit(1);
        assert!(outcome.stderr().contains("Cargo.toml"), "{what}: {}", outcome.show());
    }
    sandbox.write("work/empty/readme", "");
    let outcome = typed(&sandbox, publish).current_dir(sandbox.path("work/empty")).run().exit(1);
    assert!(outcome.stderr().contains("empty") && outcome.stderr().contains("hint: "), "{}", outcome.show());

    std::fs::create_dir_all(sandbox.path("work/project")).unwrap();
    let full = "configure cargo --domain acme --repository team";
    for (command, file, text, words) in [
        ("configure cargo", "work/project/codeartifact.toml", "[project]\ndomain = 7\n", ["codeartifact.toml", "domain"]),
        ("configure cargo", "work/project/codeartifact.toml", "[project]\ndomian = \"acme\"\n", ["domian", "domain"]),
        ("configure cargo", "work/project/codeartifact.toml", "[project]\nprofile = \"x\"\n", ["codeartifact.toml", "profile"]),
        ("configure cargo", "work/project/codeartifact.toml", "[project\n", ["codeartifact.toml", "1"]),
        (full, "config/codeartifact/config.toml", "[store]\nuse = [\"cupboard\"]\n", ["config.toml", "cupboard"]),
        (full, "config/codeartifact/config.toml", "[store\n", ["config.toml", "1"]),
        (full, "home/.cargo/config.toml", "[registries\n", ["config.toml", "1"]),
    ] {
        let path = sandbox.write(file, text);
        let outcome = typed(&sandbox, command).current_dir(sandbox.path("work/project")).run();
        assert!(outcome.code().is_some_and(|code| code != 0), "{text:?} of {file} is refused: {}", outcome.show());
        for word in words {
            assert!(outcome.stderr().contains(word), "`{word}` of {text:?}: {}", outcome.show());
        }
        let next = ["hint: ", "is meant to be", "did you mean", "expected", "valid"];
        assert!(next.iter().any(|next| outcome.stderr().contains(next)), "a next step for {text:?}: {}", outcome.show());
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn nobody_and_nothing_there_have_codes_of_their_own() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let nobody = typed(&sandbox, "token --domain acme")
        .without_var("AWS_ACCESS_KEY_ID")
        .without_var("AWS_SECRET_ACCESS_KEY")
        .var("CODEARTIFACT_STORE", "none");
    nobody.run().exit(3).says("error: ").says("hint: ");
    service.stop().success();
    let nothing = typed(&sandbox, "token --domain acme").var("CODEARTIFACT_STORE", "none").run().exit(5);
    assert!(nothing.stderr().contains("127.0.0.1"), "the place: {}", nothing.show());
    assert!(nothing.stderr().contains("hint: "), "{}", nothing.show());
}

#[test]
fn a_denied_call_names_operation_resource_and_permission() {
    let sandbox = Sandbox::new();
    let plane = tests::ScriptedControlPlane::start(|_| {
        tests::ScriptedAnswer::Error(403, "AccessDeniedException", "User is not authorized")
    });
    sandbox.point_at(&plane.url());
    let outcome = typed(&sandbox, "token --domain acme").run().exit(4);
    for word in ["GetAuthorizationToken", "acme", "codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"] {
        assert!(outcome.stderr().contains(word), "`{word}`: {}", outcome.show());
    }
}

#[test]
fn the_helper_explains_itself_to_people() {
    let sandbox = Sandbox::new();
    for args in [&[][..], &["nonsense"], &["explain"], &["cobol"]] {
        let outcome = sandbox.helper(args).run().failure();
        assert!(outcome.stderr().contains("codeartifact-credential-helper"), "{}", outcome.show());
        assert_eq!(outcome.stdout(), "", "{}", outcome.show());
    }
}

#[test]
fn text_from_elsewhere_cannot_move_the_cursor() {
    let sandbox = Sandbox::new();
    let plane = tests::ScriptedControlPlane::start(|_| {
        tests::ScriptedAnswer::Error(403, "AccessDeniedException", "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m no")
    });
    sandbox.point_at(&plane.url());
    let outcome = typed(&sandbox, "token --domain acme").run().exit(4);
    let text = outcome.stderr();
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
}
