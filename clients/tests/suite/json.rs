//! Edits of JSON files: there, there again, and back.

use clients::syntax::json::{Document, Json};
use clients::syntax::{Syntax, Value};
use proptest::prelude::*;

use crate::line_files::{Wish, edited, generated_there_and_back};

const URL: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/swift/shared/";

const JSON: &[Wish] = &[
    Wish::Set(&["version"], "1"),
    Wish::Set(&["registries", "[default]", "url"], URL),
    Wish::Set(&["registries", "my-scope", "url"], "it's \"quoted\" \\ \u{1f980}\n"),
    Wish::Set(&["authentication", "my-org.example.com:443", "type"], "token"),
    Wish::Set(&["authentication", "my-org.example.com:443", "loginAPIPath"], "/swift/shared/login"),
    Wish::Set(&["security"], "{}"),
    Wish::Set(&["replaceScmWithRegistry"], "true"),
    Wish::Append(&["list"], "one more", &["first"]),
    Wish::SetList(&["registries", "list"], &["a", "1"]),
    Wish::Remove(&["version"]),
    Wish::Remove(&["registries", "[default]", "url"]),
];

/// A value without its layout.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str),
    Array(Vec<Tree>),
    Object(Vec<(&'static str, Tree)>),
}

/// Ways to lay a file out: line end, step, what is around a colon, what is within empty brackets.
const LAYOUTS: [(&str, &str, &str, &str); 7] = [
    ("\n", "  ", ": ", ""),
    ("\n", "  ", " : ", "\n\n"),
    ("\r\n", "\t", ": ", " "),
    ("\n", "    ", ":", ""),
    ("", "", ":", ""),
    (" ", "", " :  ", " "),
    ("\r\n", "", ":\r\n", "\r\n"),
];

fn laid_out(tree: &Tree, (end, step, colon, within): (&str, &str, &str, &str), depth: usize) -> String {
    let bracketed = |open: &str, entries: Vec<String>, close: &str| {
        if entries.is_empty() {
            return [open, within, close].concat();
        }
        let line = [end, &step.repeat(depth + 1)].concat();
        [open, &line, &entries.join(&[",", &line].concat()), end, &step.repeat(depth), close].concat()
    };
    let layout = (end, step, colon, within);
    match tree {
        Tree::Leaf(leaf) => (*leaf).to_owned(),
        Tree::Array(entries) => {
            bracketed("[", entries.iter().map(|entry| laid_out(entry, layout, depth + 1)).collect(), "]")
        }
        Tree::Object(members) => {
            let member = |(name, tree): &(&str, Tree)| [name, colon, &laid_out(tree, layout, depth + 1)].concat();
            bracketed("{", members.iter().map(member).collect(), "}")
        }
    }
}

fn object(inner: impl Strategy<Value = Tree>) -> impl Strategy<Value = Tree> {
    let names = prop_oneof![
        Just("\"registries\""),
        Just("\"authentication\""),
        Just("\"[default]\""),
        Just("\"url\""),
        Just("\"version\""),
        Just("\"list\""),
        Just("\"my-scope\""),
        Just("\"v\\u0065rsi\\u006fn\""),
        Just("\"\""),
        Just("\"ün \\\" ï\""),
    ];
    proptest::collection::vec((names, inner), 0..5).prop_map(|members| {
        let mut seen = std::collections::HashSet::new();
        let plain = |name: &str| serde_json::from_str::<String>(name).unwrap();
        Tree::Object(members.into_iter().filter(|(name, _)| seen.insert(plain(name))).collect())
    })
}

prop_compose! {
    /// A file of any layout, with and without byte order mark and last newline; or nothing but white space.
    pub(crate) fn files()(
        tree in object(
            proptest::sample::select(&[
                "1", "-1.5e+3", "true", "false", "null", "\"\"", "\"https://packages.example.com\"", "\"a\\n\\u00e9 b\"", "{}", "[]",
            ][..]).prop_map(Tree::Leaf).prop_recursive(3, 24, 4, |inner| prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::Array),
                object(inner),
            ])),
        empty in proptest::option::weighted(0.1, proptest::sample::select(&["", "\n", " \r\n\t"][..])),
        layout in proptest::sample::select(&LAYOUTS[..]),
        mark in any::<bool>(),
        end in proptest::sample::select(&["", "\n", "\r\n\r\n", " "][..]),
    ) -> String {
        let body = empty.map_or_else(|| laid_out(&tree, layout, 0) + end, str::to_owned);
        if mark { format!("\u{feff}{body}") } else { body }
    }
}

#[test]
fn edits_of_generated_files_go_there_and_back() {
    generated_there_and_back::<Document>(Syntax::Json, files(), JSON);
}

#[test]
fn edits_look_like_what_is_around_them() {
    let url = Wish::Set(&["registries", "a", "url"], "x");
    let new = "{\n  \"registries\": {\n    \"a\": {\n      \"url\": \"x\"\n    }\n  }\n}\n";
    assert_eq!(edited::<Document>("", url), new);
    assert_eq!(
        edited::<Document>("{\r\n\t\"version\" : 1\r\n}", url),
        "{\r\n\t\"version\" : 1,\r\n\t\"registries\" : {\r\n\t\t\"a\" : {\r\n\t\t\t\"url\" : \"x\"\r\n\t\t}\r\n\t}\r\n}"
    );
    assert_eq!(edited::<Document>("{\"version\":1}", url), "{\"version\":1, \"registries\":{\"a\":{\"url\":\"x\"}}}");
    assert_eq!(
        edited::<Document>("{\n  \"registries\": {}\n}\n", url),
        "{\n  \"registries\": {\n    \"a\": {\n      \"url\": \"x\"\n    }\n  }\n}\n"
    );
    assert_eq!(edited::<Document>("{\"l\": [\"a\"]}", Wish::Append(&["l"], "b", &[])), "{\"l\": [\"a\", \"b\"]}");
}

#[test]
fn what_others_did_to_ours_stays_and_is_reported() {
    let mut json = Json::parse(b"{\"version\": 1}").unwrap();
    let set =
        |json: &mut Json, keys: &[&str], text: &str| json.set(keys, &Value::Text(text.to_owned())).unwrap().unwrap();
    let changes = [set(&mut json, &["registries", "a", "url"], "x"), set(&mut json, &["registries", "b", "url"], "y")];
    let theirs = json.text().replace("\"x\"", "\"theirs\"");
    let back = Syntax::Json.take_back(theirs.as_bytes(), &changes).unwrap();
    assert_eq!(back.text, "{\"version\": 1, \"registries\": {\"a\": {\"url\": \"theirs\"}}}");
    assert_eq!(back.left.iter().map(clients::syntax::Change::key).collect::<Vec<_>>(), ["registries.a.url"]);

    // Written anew by the client itself, with more in it.
    let anew = b"{\n  \"registries\" : {\n    \"a\" : {\n      \"url\" : \"x\"\n    },\n    \"c\" : { \"url\" : \"y\" },\n    \"b\" : {\n      \"url\" : \"y\"\n    }\n  },\n  \"version\" : 1\n}\n";
    let back = Syntax::Json.take_back(anew, &changes).unwrap();
    assert_eq!(back.text, "{\n  \"registries\" : {\n    \"c\" : { \"url\" : \"y\" }\n  },\n  \"version\" : 1\n}\n");
    assert!(back.left.is_empty());
}

#[test]
fn what_is_no_json_is_refused_by_place_and_without_quoting_it() {
    for (text, place) in [
        ("[]", "line 1, column 1: the file is no object"),
        ("{} {}", "line 1, column 4: something is behind the object"),
        ("{\n  \"a\": 1,\n}", "line 3, column 1: a name in double quotes should be here"),
        ("{\"a\": 1 \"b\": 2}", "line 1, column 9: a comma or the closing bracket should be here"),
        ("{\"a\" 1}", "line 1, column 6: a colon should be here"),
        ("{\"a\": REDACTED}", "line 1, column 7: a value should be here"),
        ("{\"a\": 01}", "line 1, column 7: a value should be here"),
        ("{\"a\": \"REDACTED\n\"}", "line 1, column 7: this string is not closed"),
        ("{\"a\": \"REDACTED", "line 1, column 7: this string is not closed"),
        ("{\"a\": \"\\x\"}", "line 1, column 7: this string is not closed"),
        ("{\"é\": 1, \"\\u00e9\": 2}", "line 1, column 10: this name is in the object twice"),
        ("{\"a\": 1 // REDACTED\n}", "line 1, column 9: a comma or the closing bracket should be here"),
        ("{\u{a0}}", "line 1, column 2: a name in double quotes should be here"),
    ] {
        let error = Json::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
        assert!(!error.contains("REDACTED"), "{error}");
    }
    let deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert!(Json::parse(deep.as_bytes()).unwrap_err().to_string().contains("deeper"));
    let mut json = Json::parse(b"{\"a\": {\"b\": 1}, \"n\": null}").unwrap();
    for (keys, fault) in [
        (&["a"][..], "line 1: `a` is not a value"),
        (&["a", "b", "c"], "line 1: `a.b` is not a table"),
        (&["n"], "line 1: `n` is not text"),
    ] {
        assert_eq!(json.set(keys, &Value::Text("x".to_owned())).unwrap_err().to_string(), fault);
    }
}

proptest! {
    /// Any bytes at all: read as serde_json reads them or refused, no panic; what is read comes back as it is.
    #[test]
    fn any_bytes_are_read_or_refused(text in "[ {}\\[\\]:,\"\\\\a-cu019eE.+\\-\r\n\té\u{feff}truefalsn]{0,40}") {
        if let Ok(json) = Json::parse(text.as_bytes()) {
            prop_assert_eq!(&json.text(), &text);
            let text = text.trim_start_matches('\u{feff}').trim();
            prop_assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}", text);
        } else if let Ok(read) = serde_json::from_str::<serde_json::Value>(&text) {
            // It takes the last of two members of one name.
            prop_assert!(!read.is_object() || text.matches('"').count() >= 4, "{}", text);
        }
    }
}
