use super::*;
use crate::report::{Manner, tests::heard};

#[test]
fn the_definitions_hold() {
    Cli::command().debug_assert();
}

#[test]
fn the_reference_is_that_of_the_definitions() {
    let kept = include_str!("../../reference.md");
    let made = reference_text();
    let lines = kept.lines().zip(made.lines()).enumerate();
    let first = lines.map(|(index, (kept, made))| (index + 1, kept, made)).find(|(_, kept, made)| kept != made);
    assert_eq!(first, None, "line, kept, made: run `cargo run -q -- reference > cargo-codeartifact/reference.md`");
    assert_eq!(kept.len(), made.len());
}

/// The surface that README, templates and scripts rely on.
#[test]
fn every_promised_command_and_option_is_there() {
    let command = built();
    for (name, options, positional) in [
        ("quickstart", vec!["keep"], false),
        ("local", vec!["listen", "data", "ephemeral", "events", "tls", "faults"], false),
        (
            "configure",
            vec!["repository", "registry", "replace-default", "project", "user", "dry-run", "undo", "trust"],
            true,
        ),
        ("token", vec![], true),
        ("exec", vec!["repository", "url", "index", "var", "trust", "if-needed"], true),
        ("proxy", vec!["listen", "detach", "stop", "status", "idle", "cache-size"], false),
        ("shell-init", vec!["shell", "client", "undo"], false),
        ("env", vec!["repository", "url", "index", "var", "trust", "for", "shell"], false),
        ("status", vec![], false),
        ("logout", vec![], false),
        ("publish", vec!["repository", "version", "version-from", "dry-run"], true),
        ("promote", vec!["from", "to", "dry-run"], true),
        ("completions", vec![], true),
        ("help", vec![], true),
        ("man", vec!["out"], false),
    ] {
        let found = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}"));
        let everywhere = [
            "domain",
            "domain-owner",
            "region",
            "profile",
            "endpoint-url",
            "json",
            "color",
            "quiet",
            "verbose",
            "config",
        ];
        for option in options.iter().chain(&everywhere) {
            assert!(found.get_arguments().any(|arg| arg.get_long() == Some(option)), "{name} --{option}");
        }
        assert_eq!(found.get_positionals().next().is_some(), positional, "{name}");
        assert!(found.get_about().is_some(), "{name} has help");
        for arg in found.get_arguments() {
            assert!(arg.get_help().is_some(), "{name} {}", arg.get_id());
        }
    }
}

#[test]
fn help_knows_clients_and_commands() {
    for (topic, begins) in
        [(None, "Configure package managers"), (Some("promote"), "Copy versions, exactly as they are")]
    {
        let (mut report, out, _) = heard(Manner::default(), None);
        help(&Help { topic: topic.map(str::to_owned) }, &mut report).unwrap();
        assert!(out.text().starts_with(begins), "{}", out.text());
    }
    for client in clients::CLIENTS {
        let (mut report, out, _) = heard(Manner::default(), None);
        help(&Help { topic: Some(client.name.to_owned()) }, &mut report).unwrap();
        assert_eq!(out.text(), client.page);
    }
}

#[test]
fn help_on_nothing_known_offers_the_nearest() {
    let (mut report, out, _) = heard(Manner::default(), None);
    let error = help(&Help { topic: Some("carog".into()) }, &mut report).unwrap_err();
    assert_eq!((error.code(), out.text().as_str()), (2, ""));
    assert_eq!(error.hints(), ["did you mean `cargo codeartifact help cargo`?"]);
    let error = help(&Help { topic: Some("zzzzzz".into()) }, &mut report).unwrap_err();
    assert!(error.hints()[0].starts_with("there is help on: cargo, "), "{:?}", error.hints());
}

#[test]
fn a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let host = codeartifact::Host::for_test(&[], &[], folder.path(), std::time::SystemTime::UNIX_EPOCH);
    let (mut report, out, _) = heard(Manner::default(), None);
    pages(&Man { out: Some("man".into()) }, &host, &mut report).unwrap();
    let page = fs::read_to_string(folder.path().join("man/cargo-codeartifact-promote.1")).unwrap();
    assert!(page.contains(".TH cargo\\-codeartifact\\-promote 1") || page.contains(".TH cargo-codeartifact-promote 1"));
    assert_eq!(out.text().lines().count(), fs::read_dir(folder.path().join("man")).unwrap().count());
    assert!(!out.text().contains("reference"), "hidden commands have no page");
    let (mut report, out, _) = heard(Manner::default(), None);
    pages(&Man { out: None }, &host, &mut report).unwrap();
    assert!(out.text().contains("EXIT") || out.text().contains("Exit codes"), "{}", out.text());
}
