//! Cargo's credential protocol, version 1, from cargo's side.

use serde_json::{Value, json};

use crate::{Outcome, Program, Sandbox};

/// The line in which cargo asks for a token to read with.
pub fn get(index_url: &str) -> String {
    let request = json!({
        "v": 1,
        "registry": { "index-url": index_url, "name": "acme" },
        "kind": "get",
        "operation": "read",
        "args": [],
    });
    format!("{request}\n")
}

/// The helper as cargo starts it, asked once for each of the URLs.
pub fn asked<'a>(sandbox: &Sandbox, index_urls: impl IntoIterator<Item = &'a str>) -> Program {
    let lines: String = index_urls.into_iter().map(get).collect();
    sandbox.helper(&["--cargo-plugin"]).stdin(lines)
}

/// The answers of a conversation, without the greeting; each must be one line of JSON.
#[track_caller]
pub fn answers(outcome: &Outcome) -> Vec<Value> {
    let text = outcome.stdout();
    let mut lines = text.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error} in `{line}`: {}", outcome.show()))
    });
    let hello = lines.next().unwrap_or_else(|| panic!("no greeting: {}", outcome.show()));
    assert_eq!(hello, json!({ "v": [1] }), "the greeting");
    lines.collect()
}

/// The token of an answer, if it is one.
pub fn token(answer: &Value) -> Option<&str> {
    answer.pointer("/Ok/token").and_then(Value::as_str)
}

/// The only token of a conversation of one question.
#[track_caller]
pub fn only_token(outcome: &Outcome) -> String {
    let answers = answers(outcome);
    let [answer] = &answers[..] else { panic!("one answer, not {}: {}", answers.len(), outcome.show()) };
    token(answer).unwrap_or_else(|| panic!("no token: {}", outcome.show())).to_owned()
}

/// The kind of the error of an answer, if it is one.
pub fn error_kind(answer: &Value) -> Option<&str> {
    answer.pointer("/Err/kind").and_then(Value::as_str)
}
