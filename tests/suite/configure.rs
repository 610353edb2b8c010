//! `configure cargo`: many at once, undone to the byte, and taken by the real cargo.

use std::fs;

use tests::{Running, Sandbox, Service, redaction::redacted};

/// A file a person has cared for, with comments, odd spacing and another registry.
const CARED_FOR: &str = "# mine\n[build]\njobs   = 2 # two\n\n[registries.other]\nindex = 'sparse+https://packages.example.com/index/'\n\n[net]\nretry=3\n";

fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path("home/.cargo/config.toml")).unwrap_or_default()
}

#[test]
fn fifty_at_once_all_arrive() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    let names: Vec<String> = (0..50).map(|number| format!("team-{number:02}")).collect();
    service.make("acme", &names.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.write("home/.cargo/config.toml", CARED_FOR);
    let running: Vec<Running> = names
        .iter()
        .map(|name| sandbox.codeartifact(&["configure", "cargo", "--domain", "acme", "--repository", name]).start())
        .collect();
    for configure in running {
        configure.wait().success();
    }
    let text = config(&sandbox);
    for name in &names {
        assert!(text.contains(&service.cargo_index("acme", name)), "{name} is in\n{text}");
    }
    for line in CARED_FOR.lines() {
        assert!(text.contains(line), "`{line}` stays in\n{text}");
    }
    sandbox.codeartifact(&["configure", "--undo"]).run().success();
    assert_eq!(config(&sandbox), CARED_FOR, "undone to the byte");
}

#[test]
fn undo_takes_back_our_part_and_leaves_later_edits() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let configure = ["configure", "cargo", "--domain", "acme", "--repository", "team"];

    // From nothing to nothing.
    sandbox.codeartifact(&configure).run().success();
    let once = config(&sandbox);
    sandbox.codeartifact(&configure).run().success();
    assert_eq!(config(&sandbox), once, "a second run changes nothing");
    sandbox.codeartifact(&["configure", "cargo", "--undo"]).run().success();
    assert!(!sandbox.path("home/.cargo/config.toml").exists(), "a file that was not there is gone again");

    sandbox.write("home/.cargo/config.toml", CARED_FOR);
    sandbox.codeartifact(&configure).run().success();
    let edited = format!("{}\n[term]\nverbose = false\n", config(&sandbox));
    sandbox.write("home/.cargo/config.toml", &edited);
    sandbox.codeartifact(&["configure", "cargo", "--undo"]).run().success();
    assert_eq!(config(&sandbox).trim_end(), format!("{CARED_FOR}\n[term]\nverbose = false").trim_end());
}

#[test]
fn a_plan_is_shown_and_nothing_is_written() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    sandbox.write("home/.cargo/config.toml", CARED_FOR);
    let shown = sandbox
        .codeartifact(&["configure", "cargo", "--domain", "acme", "--repository", "team", "--dry-run"])
        .run()
        .success();
    let text = redacted(&format!("{}{}", shown.stdout(), shown.stderr()), &sandbox, Some(&service));
    assert!(text.contains("sparse+http://127.0.0.1:PORT/d/acme-111122223333/cargo/team/"), "{text}");
    assert!(text.contains("home/.cargo/config.toml"), "{text}");
    assert_eq!(config(&sandbox), CARED_FOR);
}

#[test]
fn a_registry_of_that_name_elsewhere_is_not_replaced() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["other"]);
    sandbox.write("home/.cargo/config.toml", CARED_FOR);
    sandbox
        .codeartifact(&["configure", "cargo", "--domain", "acme", "--repository", "other"])
        .run()
        .exit(1)
        .says("other")
        .says("config.toml")
        .says("hint:");
    assert_eq!(config(&sandbox), CARED_FOR);
    let named = ["configure", "cargo", "--domain", "acme", "--repository", "other", "--registry", "ours"];
    sandbox.codeartifact(&named).run().success();
    assert!(config(&sandbox).contains("ours"));
}

#[test]
fn a_linked_file_stays_a_link() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let real = sandbox.write("home/dotfiles/cargo.toml", CARED_FOR);
    fs::create_dir_all(sandbox.path("home/.cargo")).unwrap();
    let link = sandbox.path("home/.cargo/config.toml");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    sandbox.codeartifact(&["configure", "cargo", "--domain", "acme", "--repository", "team"]).run().success();
    assert!(link.is_symlink(), "the link is a link");
    assert!(fs::read_to_string(&real).unwrap().contains("/cargo/team/"), "its target is changed");
    sandbox.codeartifact(&["configure", "cargo", "--undo"]).run().success();
    assert_eq!(fs::read_to_string(&real).unwrap(), CARED_FOR);
}

#[test]
fn cargo_takes_the_file_and_a_project_keeps_its_own() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let token = service.token("acme");
    sandbox.guard_token(&token);
    sandbox.write("work/app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2021\"\n");
    sandbox.write("work/app/src/lib.rs", "");
    let app = sandbox.path("work/app");
    sandbox
        .codeartifact(&["configure", "cargo", "--project", "--domain", "acme", "--repository", "team"])
        .current_dir(&app)
        .run()
        .success();
    assert!(app.join(".cargo/config.toml").exists());
    // The registry is empty: cargo asks the helper, reads the index, and says that the crate is not there.
    let added = sandbox.cargo(&["add", "missing-crate", "--registry", "team"]).current_dir(&app).run().failure();
    assert!(added.stderr().contains("missing-crate"), "{}", added.show());
    assert!(!added.stderr().contains("401") && !added.stderr().contains("token"), "{}", added.show());
}

#[test]
fn login_sets_up_and_says_until_when_a_token_holds() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let login = ["login", "cargo", "--domain", "acme", "--repository", "team"];
    let said = sandbox.codeartifact(&login).run().success();
    said.prints("created: ").prints("token for domain acme: holds until ");
    assert!(config(&sandbox).contains(&service.cargo_index("acme", "team")));
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    // Again: nothing to write, and the token is at hand.
    sandbox.codeartifact(&login).run().success().prints("unchanged: ").prints("holds until ");
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    let said: serde_json::Value =
        serde_json::from_str(&sandbox.codeartifact(&[&login[..], &["--json"]].concat()).run().success().stdout()).unwrap();
    assert!(said["expires"].is_string() && said["domain"] == "acme", "{said}");

    // Whoever gets no token has nothing changed.
    sandbox.codeartifact(&["configure", "--undo"]).run().success();
    sandbox.codeartifact(&["logout"]).run().success();
    sandbox.set("AWS_ACCESS_KEY_ID", "");
    sandbox.set("AWS_SECRET_ACCESS_KEY", "");
    assert_eq!(sandbox.codeartifact(&login).run().failure().code(), Some(3));
    assert_eq!(config(&sandbox), "");
    service.stop().success();
}

#[test]
fn a_project_says_what_its_newcomers_need() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team", "rust"]);
    let said = "[project]\ndomain = \"acme\"\nrepository = \"team\"\n\n[clients.cargo]\nrepository = \"rust\"\nregistry = \"ours\"\n";
    sandbox.write("work/codeartifact.toml", said);
    sandbox.write("work/app/Cargo.toml", "[package]\nname = \"app\"\n");
    let folder = sandbox.path("work/app");
    let configure = |words: &[&str]| {
        let words = [&["configure", "cargo"], words].concat();
        sandbox.codeartifact(&words).current_dir(&folder).run()
    };
    configure(&[]).success().says("cargo knows the repository as `ours`");
    let expected = format!("[registries.ours]\nindex = \"{}\"", service.cargo_index("acme", "rust"));
    assert!(config(&sandbox).contains(&expected), "{}", config(&sandbox));
    // Of a project only what is in it, whatever else is on PATH.
    let words = ["configure", "--project", "--dry-run", "--json"];
    let said = sandbox.codeartifact(&words).current_dir(&folder).run().success();
    let said: serde_json::Value = serde_json::from_str(&said.stdout()).unwrap();
    let named: Vec<_> = said["names"].as_array().unwrap().iter().map(|named| named["client"].clone()).collect();
    assert_eq!(named, ["cargo"], "{said}");
    // What is typed goes first; what the client cannot do is said before anything is read.
    configure(&["--repository", "team", "--registry", "typed", "--dry-run"]).success().prints("registries.typed");
    configure(&["--extra-index"]).failure().says("Cargo cannot be configured so: it has no extra index");
    configure(&["--scope", "@acme"]).failure().says("Cargo cannot be configured so");
    service.stop().success();
}
