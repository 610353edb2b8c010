//! The AWS SDKs against the embedded service. (The one for Rust is in the product: every other journey runs it.)
//!
//! `tests/run` puts them into `target/tools/sdks`, those of Go and Java where these are installed.

use std::path::PathBuf;

use tests::{Outcome, Sandbox, Service, programs::{find, workspace}};

/// What `tests/run` made of an SDK; nothing, and a word about it, if it has not.
fn made(path: &str) -> Option<PathBuf> {
    let made = workspace().join("target/tools/sdks").join(path);
    if !made.exists() {
        println!("left out: {} is not there; `tests/run` makes it", made.display());
        return None;
    }
    Some(made)
}

fn content(language: &str, words: impl FnOnce(&Sandbox) -> Option<(PathBuf, Vec<String>)>) {
    let sandbox = Sandbox::new();
    let Some((program, args)) = words(&sandbox) else { return };
    let service = Service::start(&sandbox);
    let outcome: Outcome = sandbox.program(&program).args(args).answers_secret().run().success();
    assert!(outcome.stdout().contains(&format!("the SDK for {language} is content")), "{}", outcome.show());
    service.stop().success();
}

#[test]
fn python() {
    content("Python", |_| {
        let script = workspace().join("tests/sdks/python/main.py");
        Some((made("python/bin/python")?, vec![script.display().to_string()]))
    });
}

#[test]
fn javascript() {
    content("JavaScript", |_| Some((find("node")?, vec![made("javascript/main.mjs")?.display().to_string()])));
}

#[test]
fn go() {
    content("Go", |_| Some((made("go")?, Vec::new())));
}

#[test]
fn java() {
    content("Java", |_| {
        let classes = made("java")?.display().to_string();
        Some((find("java")?, vec!["-cp".to_owned(), format!("{classes}:{classes}/*"), "Main".to_owned()]))
    });
}
