//! What `explain` says, and that it asks nobody.

use std::fs;

use serde_json::Value;

use crate::support::*;

const NPM: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/team-a/";

fn explain(machine: &Machine, args: &[&str]) -> (i32, String) {
    let mut command = machine.command(HELPER);
    command.arg("explain").args(args);
    let output = run(command, "");
    assert!(output.stderr.is_empty() || output.status.code() == Some(2), "{output:?}");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

fn json(machine: &Machine, url: &str) -> (i32, Value) {
    let (status, text) = explain(machine, &["--json", url]);
    (status, serde_json::from_str(&text).unwrap())
}

fn with_rules(machine: Machine, rules: &str) -> Machine {
    let folder = machine.root.path().join("home/.config/codeartifact");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), rules).unwrap();
    machine
}

#[test]
fn a_stored_token_is_the_answer_and_is_never_shown() {
    let machine = Machine::new();
    machine.store_token();
    let (status, text) = explain(&machine, &[NPM]);
    assert_eq!(status, 0, "{text}");
    for part in [
        "is ours: its host is one of CodeArtifact's repository hosts",
        "domain      my-org",
        "owner       111122223333",
        "format      npm",
        "repository  team-a",
        "there is no user file",
        "lifetime  12 h",
        "answer  the token that file has",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    assert!(!text.contains(TOKEN));
    let (status, value) = json(&machine, NPM);
    assert_eq!((status, &value["verdict"], &value["region"]["value"]), (0, &"ours".into(), &"us-east-1".into()));
    assert_eq!((&value["tokens"][0]["store"], &value["tokens"][0]["state"]), (&"file".into(), &"fresh".into()));
    assert!(!value.to_string().contains(TOKEN));
}

#[test]
fn the_rule_that_won_and_those_before_it_are_named_with_their_lines() {
    let machine = with_rules(
        Machine::new(),
        "[[account]]\nowner = \"444455556666\"\nprofile = \"other\"\n[[account]]\nrepository = \"team-*\"\n\
         profile = \"work\"\nrole = \"arn:aws:iam::111122223333:role/r\"\nlifetime = \"1h\"\n[[account]]\nprofile = \"rest\"\n",
    );
    machine.store_token();
    let file = machine.root.path().join("home/.config/codeartifact/config.toml");
    let place = |line: u32| format!("{}:{line}", file.display());
    let (status, value) = json(&machine, NPM);
    assert_eq!(status, 0);
    let rules: Vec<_> =
        value["rules"].as_array().unwrap().iter().map(|rule| (&rule["place"], &rule["verdict"])).collect();
    assert_eq!(
        rules,
        [
            (&place(1).into(), &"passed over".into()),
            (&place(4).into(), &"won".into()),
            (&place(9).into(), &"not looked at".into())
        ]
    );
    assert_eq!(value["rules"][0]["reason"], "it is for owner `444455556666`, and this is `111122223333`");
    for (key, expected, line) in [
        ("profile", Value::from("work"), 6),
        ("role", Value::from("arn:aws:iam::111122223333:role/r"), 7),
        ("lifetime", Value::from(3_600), 8),
    ] {
        assert_eq!((&value[key]["value"], &value[key]["from"]), (&expected, &place(line).into()), "{key}");
    }
    // The token at hand is another identity's.
    assert_eq!(value["tokens"][0]["state"], "none");
    assert!(value["answer"].as_str().unwrap().starts_with("a new token, asked for as profile:work;assumes=arn:"));
    assert!(value["warning"].as_str().unwrap().contains("profile `work` is not in the AWS files"), "{value}");
    let (_, text) = explain(&machine, &[NPM]);
    assert!(text.contains("passed over  it is for owner") || text.contains("passed over    it is for owner"), "{text}");
}

#[test]
fn what_is_not_ours_or_breaks_a_rule_is_explained_too() {
    let machine = Machine::new();
    let (status, text) = explain(&machine, &["https://user:hunter2@mirror.example.com/simple/"]);
    assert_eq!(status, 1);
    assert!(text.contains("its host `mirror.example.com` is none of CodeArtifact's"), "{text}");
    assert!(text.starts_with("https://...@mirror.example.com/simple/\n") && !text.contains("hunter2"), "{text}");
    let (status, text) = explain(&machine, &["http://localhost:4600/d/my-org-111122223333/npm/team-a/"]);
    assert_eq!(status, 1);
    assert!(text.contains("no service on it is in force"), "{text}");
    let (status, text) = explain(&machine, &["http://127.0.0.1:4600/d/my-org-111122223333/npm/team-a/"]);
    assert_eq!(status, 3);
    assert!(text.contains("the URL belongs to the service at http://127.0.0.1:4600"), "{text}");

    let bad = NPM.replace("111122223333", "1111222233");
    let (status, text) = explain(&machine, &[&bad]);
    assert_eq!(status, 3);
    let mut lines = text.lines();
    let (url, marks) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(url, bad);
    let at = marks.find('^').unwrap();
    assert_eq!(&url[at..marks.len()], "1111222233", "{text}");
    assert_eq!(json(&machine, &bad).1["part"], "account");
    let (_, text) =
        explain(&machine, &["https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com\u{1b}[31m/npm/x/"]);
    assert!(!text.contains('\u{1b}'), "{text:?}");

    let machine = with_rules(machine, "[[account]]\nprofile = \"a\"\n[[account]]\nprofile = \"b\"\n");
    let (status, text) = explain(&machine, &[NPM]);
    assert_eq!(status, 3);
    assert!(text.contains("config.toml:3: this account rule never matches, as the one in line 1"), "{text}");
}

#[test]
fn one_url_is_explained() {
    let machine = Machine::new();
    for args in [&[][..], &[NPM, NPM], &["--jsno", NPM]] {
        assert_eq!(explain(&machine, args).0, 2, "{args:?}");
    }
}

#[test]
fn nobody_is_asked() {
    let machine = with_rules(Machine::new(), "[[account]]\nrole = \"arn:aws:iam::111122223333:role/r\"\n");
    for url in [NPM, "https://mirror.example.com/"] {
        let Some((output, trace)) = traced(&machine, "network", &[HELPER, "explain", url], "") else { return };
        assert!(!output.stdout.is_empty());
        assert!(!trace.contains("AF_INET"), "{trace}");
    }
}
