//! Accounts: two owners, two profiles, one project; and a project that would choose for the user.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use tests::{
    Program, Sandbox, ScriptedControlPlane, Service, conversation,
    programs::find,
    service::{Answer, send},
};

/// An account, a profile, an access key and its secret.
type Who = (&'static str, &'static str, &'static str, &'static str);
const FIRST: Who = ("111122223333", "first", "AKIDFIRST", "first-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");
const SECOND: Who = ("444455556666", "second", "AKIDSECOND", "second-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");

/// A rule for each owner.
fn rules(first: &str, second: &str) -> String {
    format!(
        "[[account]]\nowner = \"{}\"\nprofile = \"{first}\"\n[[account]]\nowner = \"{}\"\nprofile = \"{second}\"\n",
        FIRST.0, SECOND.0
    )
}

const USER_FILE: &str = "config/codeartifact/config.toml";

/// A service that verifies signatures and knows two accounts, each with a domain `acme`. The environment has keys that
/// it does not know, and a profile that is not there.
struct Scene {
    sandbox: Sandbox,
    service: Service,
}

impl Scene {
    fn new() -> Option<Self> {
        find("aws")?;
        let sandbox = Sandbox::new();
        let principal = |(account, name, id, secret): Who| {
            json!({ "arn": format!("arn:aws:iam::{account}:user/{name}"), "keys": [{ "id": id, "secret": secret }] })
        };
        let identities = json!({ "principals": [principal(FIRST), principal(SECOND)] });
        let file = sandbox.write("config/identities.json", identities.to_string());
        sandbox.may_hold_secrets("config");
        sandbox.may_hold_secrets("home/.aws");
        sandbox.set("AWS_PROFILE", "absent");
        let file = file.to_str().expect("sandbox paths are text");
        let service = Service::start_with(&sandbox, &["--ephemeral", "--strict-auth", file]);
        let section = |(_, name, id, secret): Who| {
            format!("[profile {name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
        };
        sandbox.write("home/.aws/config", section(FIRST) + &section(SECOND));
        let scene = Self { sandbox, service };
        for who in [FIRST, SECOND] {
            scene.aws(who, &["create-domain", "--domain", "acme"]);
            scene.aws(who, &["create-repository", "--domain", "acme", "--repository", "team"]);
        }
        Some(scene)
    }

    fn aws(&self, (_, profile, id, secret): Who, words: &[&str]) {
        let program = self.sandbox.aws(words).expect("the CLI was there a moment ago");
        let program = program.var("AWS_PROFILE", profile).var("AWS_ACCESS_KEY_ID", id);
        program.var("AWS_SECRET_ACCESS_KEY", secret).run().success();
    }

    fn url(&self, who: Who) -> String {
        format!("{}/d/acme-{}/cargo/team/", self.service.url(), who.0)
    }

    fn index(&self, who: Who) -> String {
        format!("sparse+{}", self.url(who))
    }

    fn read(&self, token: &str, who: Who) -> Answer {
        send("GET", &format!("{}config.json", self.url(who)), Some(token), b"")
    }

    fn ask(&self, whom: &[Who]) -> Vec<serde_json::Value> {
        let urls: Vec<String> = whom.iter().map(|who| self.index(*who)).collect();
        conversation::answers(&conversation::asked(&self.sandbox, urls.iter().map(String::as_str)).run().success())
    }

    fn issued(&self) -> u64 {
        self.service.count("GetAuthorizationToken")
    }
}

#[test]
fn each_owner_s_tokens_come_from_the_profile_of_its_rule_and_never_mix() {
    let Some(scene) = Scene::new() else { return };
    scene.sandbox.write(USER_FILE, rules("first", "second"));
    let answers = scene.ask(&[FIRST, SECOND, FIRST]);
    let tokens: Vec<&str> = answers.iter().map(|answer| conversation::token(answer).expect("a token")).collect();
    for token in &tokens {
        scene.sandbox.guard_token(token);
    }
    assert_eq!(tokens[0], tokens[2]);
    assert_eq!(scene.issued(), 2);
    for (token, own, other) in [(tokens[0], FIRST, SECOND), (tokens[1], SECOND, FIRST)] {
        assert_eq!(scene.read(token, own).status, 200);
        assert_ne!(scene.read(token, other).status, 200, "a token serves its own domain only");
    }
    // Kept, and found again by the other program of ours, each for its own.
    for (who, token) in [(FIRST, tokens[0]), (SECOND, tokens[1])] {
        let outcome = scene.sandbox.codeartifact(&["token", &scene.url(who)]).answers_secret().run().success();
        assert_eq!(outcome.stdout().trim_end(), token);
        let explained = scene.sandbox.helper(&["explain", "--json", &scene.url(who)]).run().success().json();
        assert_eq!(explained["profile"]["value"], who.1);
        assert!(explained["answer"].as_str().is_some_and(|answer| answer.starts_with("the token that ")), "{explained}");
    }
    assert_eq!(scene.issued(), 2, "nothing was fetched again");

    // The same two domains by the other profile each: what is kept is another identity's, and the service says no.
    scene.sandbox.write(USER_FILE, rules("second", "first"));
    for answer in scene.ask(&[FIRST, SECOND]) {
        assert_eq!(conversation::token(&answer), None, "{answer}");
        assert!(answer.to_string().contains("denied"), "{answer}");
    }
    // Without rules, by the keys of the environment, which nobody knows.
    scene.sandbox.write(USER_FILE, "");
    assert!(scene.ask(&[FIRST]).iter().all(|answer| conversation::token(answer).is_none()));
    // Back again: the first tokens still serve.
    scene.sandbox.write(USER_FILE, rules("first", "second"));
    assert_eq!(scene.ask(&[SECOND]).first().and_then(conversation::token), Some(tokens[1]));
}

#[test]
fn the_commands_ask_by_the_rules_too() {
    let Some(scene) = Scene::new() else { return };
    let configure = |who: Who, file: String| {
        let trusted = format!("trusted-owners = [\"{}\", \"{}\"]\n", FIRST.0, SECOND.0);
        scene.sandbox.write(USER_FILE, trusted + &file);
        let words = ["configure", "cargo", "--dry-run", "--repository", "team", "--domain", "acme", "--domain-owner", who.0];
        scene.sandbox.codeartifact(&words).run()
    };
    for who in [FIRST, SECOND] {
        let planned = configure(who, rules("first", "second")).success();
        assert!(planned.show().contains(&scene.index(who)), "{}", planned.show());
        configure(who, rules("second", "first")).exit(4).says("denied");
        // By the keys of the environment, which nobody knows.
        configure(who, String::new()).exit(4).says("is not known to this service");
    }
}

#[test]
fn an_option_goes_before_the_rules() {
    let Some(scene) = Scene::new() else { return };
    scene.sandbox.write(USER_FILE, rules("second", "second"));
    let token = |options: &[&str]| {
        let url = scene.url(FIRST);
        let words = [&["token", &url][..], options].concat();
        // Without keys in the environment, which the SDK puts before any profile that is not a rule's.
        let program = scene.sandbox.codeartifact(&words).without_var("AWS_ACCESS_KEY_ID").answers_secret();
        program.without_var("AWS_SECRET_ACCESS_KEY").run()
    };
    token(&[]).exit(4).says("denied");
    let given = token(&["--profile", "first"]).success();
    scene.sandbox.guard_token(given.stdout().trim_end());
    assert_eq!(scene.read(given.stdout().trim_end(), FIRST).status, 200);
}

/// A project with all that could be mistaken for the user's own.
fn hostile_project(sandbox: &Sandbox, evil: &str) {
    let profile = "aws_access_key_id = AKIDEVIL\naws_secret_access_key = evil\nrole_arn = arn:aws:iam::999999999999:role/evil\n";
    for (name, text) in [
        (".aws/config", format!("[default]\n{profile}endpoint_url = {evil}\n[profile first]\n{profile}endpoint_url = {evil}\n")),
        (".aws/credentials", format!("[default]\n{profile}[first]\n{profile}")),
        ("config.toml", "[[account]]\nprofile = \"evil\"\n".to_owned()),
        ("codeartifact/config.toml", "[[account]]\nprofile = \"evil\"\n".to_owned()),
        (".config/codeartifact/config.toml", "[[account]]\nprofile = \"evil\"\n".to_owned()),
        (".codeartifact.toml", "[[account]]\nprofile = \"evil\"\n".to_owned()),
        (
            ".env",
            format!("AWS_PROFILE=evil\nAWS_ENDPOINT_URL_CODEARTIFACT={evil}\nCODEARTIFACT_CONFIG=config.toml\nPATH=.\n"),
        ),
        (".env.yarn", format!("AWS_PROFILE=evil\nAWS_ENDPOINT_URL={evil}\n")),
        (".envrc", "export AWS_PROFILE=evil\n".to_owned()),
    ] {
        sandbox.write(format!("work/{name}"), text);
    }
    for name in ["keyring", "codeartifact-credential-helper", "codeartifact-credential-helper-fetch", "git", "aws", "sh"] {
        let file = sandbox.write(format!("work/{name}"), "#!/bin/sh\necho stolen\ntouch stolen\n");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("the owner changes the mode");
    }
}

#[test]
fn a_project_chooses_no_profile_no_endpoint_and_no_program() {
    let sandbox = Sandbox::new();
    let secret = format!("eyJ2ZXIiOjF9.user.{}", "n3Vt8YqKd6Rw".repeat(24));
    let good = ScriptedControlPlane::issuing(&secret);
    let evil = ScriptedControlPlane::issuing("eyJ2ZXIiOjF9.evil");
    sandbox.guard_token(&secret);
    sandbox.point_at(&good.url());
    sandbox.write(USER_FILE, "[[account]]\nprofile = \"first\"\n");
    sandbox.may_hold_secrets("home/.aws");
    sandbox.write("home/.aws/config", format!("[profile first]\naws_access_key_id = {}\naws_secret_access_key = {}\n", FIRST.2, FIRST.3));
    hostile_project(&sandbox, &evil.url());
    sandbox.set("PATH", ".::./bin:/usr/bin:/bin");

    let index = good.cargo_index("acme", "team");
    let url = index.strip_prefix("sparse+").expect("the index is sparse").to_owned();
    let asked: Vec<(&str, Program)> = vec![
        ("cold", conversation::asked(&sandbox, [&*index])),
        ("warm", conversation::asked(&sandbox, [&*index])),
        ("keyring", sandbox.helper(&["keyring", "get", &url, "aws"])),
        ("a foreign URL", sandbox.helper(&["keyring", "get", "https://pypi.example.com/simple/", "aws"])),
        ("explain", sandbox.helper(&["explain", "--json", &url])),
        ("install", sandbox.helper(&["install"])),
        ("list", sandbox.helper(&["list"])),
        ("uninstall", sandbox.helper(&["uninstall"])),
    ];
    let strace = find("strace");
    let work = sandbox.path("work").canonicalize().expect("the folder is there").display().to_string();
    for (what, program) in asked {
        let outcome = match &strace {
            Some(strace) => {
                let (outcome, trace) = program.traced(strace, "openat,open,execve,readlink,connect");
                for call in trace.calls() {
                    let is_inside = call.text.contains(&format!("{work}/")) || call.text.contains("AT_FDCWD, \"./");
                    let is_relative = call.name == "openat" && call.text.starts_with("AT_FDCWD, \"") && !call.text.starts_with("AT_FDCWD, \"/");
                    assert!(!is_inside && !is_relative, "{what} looks into the project: {} {}", call.name, call.text);
                }
                outcome
            }
            None => program.run(),
        };
        let said = format!("{}{}", outcome.stdout(), outcome.show());
        assert!(!said.contains("stolen") && !said.contains("evil"), "{what}: {said}");
        match what {
            "cold" | "warm" => assert_eq!(conversation::only_token(&outcome.success()), secret, "{what}"),
            "keyring" => assert_eq!(outcome.success().stdout().trim_end(), secret),
            "a foreign URL" => assert!(outcome.exit(1).stdout().is_empty()),
            "explain" => assert_eq!(outcome.success().json()["profile"]["value"], "first"),
            _ => drop(outcome.success()),
        }
    }
    assert_eq!(evil.connections(), 0);
    assert!(!sandbox.path("work/stolen").exists());

    // What a project's file of ours may not say is refused with its place, and nobody is asked.
    for line in ["profile = \"evil\"", "endpoint-url = \"http://127.0.0.1:9\"", "[[account]]\nprofile = \"evil\""] {
        sandbox.write("work/codeartifact.toml", format!("{line}\n"));
        sandbox.codeartifact(&["token", "--domain", "acme", "--domain-owner", FIRST.0]).run().exit(1).says("codeartifact.toml:1");
    }
    assert_eq!(evil.connections(), 0);
}
