//! What a fuzzer that sees the protocols' branches found worth keeping: `tests/fuzz/run` adds to it.

use crate::crate_dir;

#[path = "../judge/mod.rs"]
mod judge;

/// An input a line: its bytes as the characters of a JSON text.
fn input(line: &str) -> Vec<u8> {
    let text: String = serde_json::from_str(line).unwrap();
    text.chars().map(|character| u8::try_from(character).unwrap()).collect()
}

#[test]
fn what_the_fuzzer_found_holds() {
    for spoken in clients::PROTOCOLS {
        let file = crate_dir().join("../tests/fuzz/corpus").join(format!("{}.jsonl", spoken.word));
        let inputs = std::fs::read_to_string(&file).unwrap_or_default();
        let count = inputs.lines().map(|line| judge::judge(spoken, &input(line))).count();
        assert!(count >= 10, "{}: only {count} inputs; `tests/fuzz/run` makes them", spoken.word);
    }
}
