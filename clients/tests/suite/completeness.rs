//! What a client must bring along, named a line each where it is missing.

use std::path::Path;

use clients::{CLIENTS, Client, Spoken};

use crate::transcripts::folders;
use crate::{crate_dir, names_in};

/// The headings of every page, in this order.
pub(crate) const HEADINGS: [&str; 6] = [
    "## What is written where",
    "## How it authenticates",
    "## How often it asks",
    "## What a failure looks like",
    "## How to undo",
    "## Known limits",
];

/// Conversations that every protocol has.
const CONVERSATIONS: [&str; 2] = ["not-mine", "denied"];
/// Cases that every client's settings have.
const CASES: [&str; 3] = ["empty", "foreign", "already-configured"];

fn missing(client: &Client, folder: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |there: bool, what: String| {
        if !there {
            missing.push(format!("{}: {what}", client.name));
        }
    };
    need(folder.join("mod.rs").is_file(), "no mod.rs".to_owned());
    need(!client.programs.is_empty(), "no program name".to_owned());
    need(!client.title.is_empty(), "no title".to_owned());
    let numbers = client.minimum_version.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    need(numbers >= 2, format!("`{}` is no version", client.minimum_version));

    let headings: Vec<_> = client.page.lines().filter(|line| line.starts_with("## ")).collect();
    need(headings == HEADINGS, format!("page.md has the headings {headings:?} instead of {HEADINGS:?}"));
    need(client.page.starts_with(&format!("# {}\n", client.title)), "page.md does not begin with the title".to_owned());

    let has_settings = folder.join("settings.rs").is_file();
    need(client.settings.is_some() == has_settings, "settings.rs and the record disagree".to_owned());
    if client.settings.is_none() {
        return missing;
    }
    let cases = names_in(&folder.join("fixtures/settings"));
    for case in CASES {
        need(cases.iter().any(|name| name == case), format!("no fixtures/settings/{case}/"));
    }
    for case in &cases {
        let case = folder.join("fixtures/settings").join(case);
        need(case.join("goal.toml").is_file(), format!("{} has no goal.toml", case.display()));
    }
    missing
}

/// What a protocol must bring along.
fn missing_of_protocol(spoken: &Spoken, folder: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    let mut need = |there: bool, what: String| {
        if !there {
            missing.push(format!("{}: {what}", spoken.word));
        }
    };
    need(folder.join("protocol.rs").is_file(), "no protocol.rs".to_owned());
    let transcripts = names_in(&folder.join("fixtures/protocol"));
    for conversation in CONVERSATIONS {
        let file = format!("{conversation}.transcript");
        need(transcripts.contains(&file), format!("no fixtures/protocol/{file}"));
    }
    need(transcripts.len() > CONVERSATIONS.len(), "no transcript of an action that succeeds".to_owned());
    for stray in transcripts.iter().filter(|name| Path::new(name).extension().is_none_or(|end| end != "transcript")) {
        need(false, format!("fixtures/protocol/{stray} is no transcript"));
    }
    missing
}

#[test]
fn every_protocol_is_complete_and_listed() {
    let src = crate_dir().join("src");
    let missing: Vec<_> =
        folders().flat_map(|(folder, spoken)| missing_of_protocol(spoken, &src.join(folder))).collect();
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
    for name in names_in(&src).iter().filter(|name| src.join(name).join("protocol.rs").is_file()) {
        assert!(folders().any(|(folder, _)| folder == **name), "src/{name} is not in the row `PROTOCOLS`");
    }
}

#[test]
fn every_client_is_complete() {
    let src = crate_dir().join("src");
    let missing: Vec<_> = CLIENTS.iter().flat_map(|client| missing(client, &src.join(client.name))).collect();
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn every_folder_with_a_page_is_in_the_table() {
    let src = crate_dir().join("src");
    for name in names_in(&src).iter().filter(|name| src.join(name).join("page.md").is_file()) {
        assert!(clients::find(name).is_some(), "src/{name} is not in the row `clients! {{ … }}`");
    }
}

#[test]
fn a_client_that_brings_nothing_is_told_so() {
    let cargo = clients::find("cargo").unwrap();
    let missing = missing(cargo, Path::new("/nowhere"));
    let missing: Vec<_> =
        missing.into_iter().chain(missing_of_protocol(clients::PROTOCOLS[0], Path::new("/"))).collect();
    for what in ["mod.rs", "protocol.rs", "not-mine", "denied.transcript", "settings/empty", "settings.rs"] {
        assert!(missing.iter().any(|line| line.contains(what)), "{what} is not asked for: {missing:?}");
    }
}
