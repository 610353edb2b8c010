use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{codes::CODES, service, versions};

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor")
}

/// Every file below a folder with an ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_code_has_a_page_of_its_own_and_every_page_a_code() {
    let names: BTreeSet<String> = CODES.iter().map(|code| code.name.to_owned()).collect();
    assert_eq!(names.len(), CODES.len(), "no code twice");
    let pages = files(&source().join("pages"), "md");
    let of_files: BTreeSet<String> =
        pages.iter().map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, of_files);
    for code in CODES {
        let plain = code.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(plain && !code.name.starts_with('-'), "{}", code.name);
        let headings: Vec<&str> = code.page.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {}", code.name);
        let expected = [title.as_str(), "## What it means", "## Why it matters", "## How to fix it"];
        assert_eq!(headings, expected, "{}", code.name);
        let parts: Vec<&str> = code.page.split("\n## ").skip(1).collect();
        assert!(
            parts.iter().all(|part| part.split_once('\n').is_some_and(|(_, text)| text.trim().len() > 20)),
            "{}",
            code.name
        );
    }
}

/// Whoever writes a finding writes its code as a literal; each has to have its row and page, and each row somebody who
/// finds it.
#[test]
fn the_codes_are_those_that_are_found() {
    let clients = source().join("../../../clients/src");
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = String::new();
    let mut sources = files(&clients, "rs");
    sources.extend(files(&source(), "rs"));
    for file in sources.into_iter().filter(|file| !file.ends_with("codes.rs") && !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        all.push_str(&text);
        // `code: "x"` and `find("x", ...)` in settings, `found("x", ...)` in checks.
        let plain: String = text.lines().map(str::trim).collect();
        let text = plain;
        for (at, mark) in ["code: \"", "found(\"", ".find(\""].iter().flat_map(|mark| text.match_indices(mark)) {
            let code = text[at + mark.len()..].split('"').next().unwrap();
            let is_code = code.contains('-') && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if !is_code || code.starts_with('-') || code.ends_with('-') {
                continue;
            }
            found.entry(code.to_owned()).or_insert_with(|| file.clone());
        }
    }
    for (code, file) in &found {
        let is_known = CODES.iter().any(|known| known.name == code);
        assert!(is_known, "`{code}` of {} has no row in codes.rs, and no page pages/{code}.md", file.display());
    }
    for code in CODES {
        assert!(all.contains(&format!("\"{}\"", code.name)), "nobody finds `{}`", code.name);
    }
}

#[test]
fn dates_of_http_are_read() {
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(service::moment("Sun, 06 Nov 1994 08:49:37 GMT"), at(784_111_777));
    assert_eq!(service::moment("Thu, 29 Feb 2024 00:00:00 GMT"), at(1_709_164_800));
    assert_eq!(service::moment("Thu, 01 Jan 1970 00:00:00 GMT"), at(0));
    for wrong in ["", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994", "Sun, x Nov 1994 08:49:37 GMT"]
    {
        assert_eq!(service::moment(wrong), None, "{wrong}");
    }
}

#[test]
fn accounts_are_read_from_labels_and_refusals() {
    for (text, account) in [
        ("profile:a;role=arn:aws:iam::444455556666:role/x", Some("444455556666")),
        (
            "profile:a;role=arn:aws:iam::111122223333:role/x;assumes=arn:aws:iam::444455556666:role/y",
            Some("444455556666"),
        ),
        ("profile:a;sso=444455556666/role/corp", Some("444455556666")),
        ("profile:a;sso=corp", None),
        ("User: arn:aws:sts::444455556666:assumed-role/ci/run is not authorized", Some("444455556666")),
        ("key:0123456789ab", None),
        ("", None),
    ] {
        assert_eq!(service::account_of(text).as_deref(), account, "{text}");
    }
}

#[test]
fn versions_are_read_as_programs_say_them() {
    for (text, version) in [
        ("cargo 1.95.0 (abc 2026-01-01)", Some(vec![1, 95, 0])),
        ("11.19.1\n", Some(vec![11, 19, 1])),
        ("pip 23.0.1 from somewhere (python 3.11)", Some(vec![23, 0, 1])),
        ("Poetry (version 2.5.1)", Some(vec![2, 5, 1])),
        ("Hatch, version 1.18.2", Some(vec![1, 18, 2])),
        ("Apache Maven 4.0.0-rc-3 (x)", Some(vec![4, 0, 0])),
        ("v20.1.0", Some(vec![20, 1, 0])),
        ("nothing", None),
        ("7", None),
    ] {
        assert_eq!(versions::version(text), version, "{text}");
    }
}
