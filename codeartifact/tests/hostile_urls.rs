//! What is not a repository of CodeArtifact gets no token: curated rows, every single-byte change of good URLs, and
//! random changes judged by a second opinion that shares no code with the product.
//!
//! `PROPTEST_CASES=10000000` makes the random part a long one.

#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

use codeartifact::{Endpoint, Trust};
use proptest::prelude::*;

#[path = "hostile_urls/judge.rs"]
mod judge;

use judge::{oracle, released, trusts};

/// One URL of each shape; which are ours depends on the override.
const GOOD: &[&str] = &[
    "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/repo/",
    "sparse+https://aws@a-b1-111122223333.d.codeartifact.us-gov-west-1.amazonaws.com:443/cargo/Re.po/x%2fy?q=/../#f",
    "https://dom-111122223333.d.codeartifact.cn-north-1.amazonaws.com.cn/npm/repo/@scope/name",
    "https://dom-111122223333.d.codeartifact.eu-isoe-west-1.cloud.adc-e.uk/maven/repo",
    "https://dom-111122223333.codeartifact.eu-west-2.on.aws/pypi/repo/simple/",
    "https://vpce-0743fe53-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/npm/d/dom-111122223333/repo/",
    "http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/",
    "sparse+http://aws@127.0.0.1:4600/d/a-b-111122223333/cargo/repo/in/de/index?x",
];

/// The rows of `rows.txt`, unescaped.
fn rows() -> Vec<Vec<u8>> {
    let text = include_str!("hostile_urls/rows.txt");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(unescape).collect()
}

fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let code = &rest[at + 1..];
        let length = match code.as_bytes()[0] {
            b'n' => (bytes.push(b'\n'), 1).1,
            b'r' => (bytes.push(b'\r'), 1).1,
            b't' => (bytes.push(b'\t'), 1).1,
            b'0' => (bytes.push(0), 1).1,
            b'\\' => (bytes.push(b'\\'), 1).1,
            b'x' => (bytes.push(u8::from_str_radix(&code[1..3], 16).unwrap()), 3).1,
            b'u' => {
                let end = code.find('}').unwrap();
                let character = char::from_u32(u32::from_str_radix(&code[2..end], 16).unwrap()).unwrap();
                bytes.extend_from_slice(character.to_string().as_bytes());
                end + 1
            }
            other => panic!("no escape: \\{}", char::from(other)),
        };
        rest = &code[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn the_good_urls_are_good() {
    let [none, loopback, elsewhere] = trusts();
    for url in GOOD {
        let is_local = url.contains("127.0.0.1");
        assert_eq!(released(url.as_bytes(), &none), !is_local, "{url}");
        assert_eq!(released(url.as_bytes(), &loopback), is_local, "{url}");
        assert_eq!(released(url.as_bytes(), &elsewhere), !is_local, "{url}");
    }
}

#[test]
fn no_hostile_or_foreign_row_gets_a_token() {
    let rows = rows();
    let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
    assert!(distinct.len() >= 450, "{} rows", distinct.len());
    for row in rows.iter().map(Vec::as_slice).chain([b"".as_slice()]) {
        for trust in trusts() {
            let answer = Endpoint::recognise(row, &trust);
            assert!(!matches!(answer, Ok(Some(_))), "{:?} with {:?}", row.escape_ascii().to_string(), trust);
            assert!(!oracle::is_ours(row, judge::service(&trust)));
        }
    }
}

#[test]
fn what_has_nothing_of_codeartifact_is_not_an_error() {
    // A client asks for many URLs; an error about one that is none of our business would stop it.
    for url in [
        "",
        "a",
        "https://example.com/",
        "https://codeartifact.example.com/cargo/repo/",
        "http://127.0.0.1:9/",
        "https://[::1]/",
        "https://bucket.s3.amazonaws.com/cargo/repo/",
        "http://localhost:4600/d/dom-111122223333/cargo/repo/",
        "\n",
        "https://evil.example/dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/repo/",
    ] {
        assert_eq!(Endpoint::recognise(url.as_bytes(), &Trust::default()), Ok(None), "{url}");
    }
}

#[test]
fn a_url_over_the_length_limit_gets_no_token() {
    let url = |length: usize| GOOD[0].to_owned() + &"x".repeat(length - GOOD[0].len());
    assert!(released(url(2048).as_bytes(), &Trust::default()));
    assert!(!released(url(2049).as_bytes(), &Trust::default()));
    let error = Endpoint::recognise(url(5_000_000).as_bytes(), &Trust::default()).unwrap_err();
    assert_eq!(error.to_string(), "URL `5000000 bytes` is not valid: the URL is at most 2,048 bytes");
    for long in ["https://".to_owned() + &"a".repeat(1_000_000), "@".repeat(1_000_000), "/".repeat(1_000_000)] {
        assert_eq!(Endpoint::recognise(long.as_bytes(), &Trust::default()), Ok(None));
    }
}

/// Every byte at every place, put in and put over, and every place left out.
#[test]
fn single_byte_changes_are_judged_as_by_the_second_opinion() {
    let trusts = trusts();
    let mut accepted = 0;
    let mut change = |url: &[u8], trust: &Trust| {
        accepted += usize::from(judge::judge_under(url, trust));
    };
    for (url, trust) in [(GOOD[0], &trusts[0]), (GOOD[5], &trusts[0]), (GOOD[6], &trusts[1])] {
        let url = url.as_bytes();
        for at in 0..=url.len() {
            // All control characters and signs, some letters and digits, some bytes beyond ASCII.
            let bytes = (0..=b'@').chain(*b"AZ[\\]^_`adz{|}~\x7f\x80\xa0\xc3\xe2\xff");
            for byte in bytes {
                let mut changed = url.to_vec();
                changed.insert(at, byte);
                change(&changed, trust);
                if at < url.len() {
                    changed.remove(at + 1);
                    change(&changed, trust);
                }
            }
            if at < url.len() {
                let mut changed = url.to_vec();
                changed.remove(at);
                change(&changed, trust);
            }
            change(&url[..at], trust);
        }
    }
    assert!(accepted > 500, "the test lost its meaning: only {accepted} changes left a good URL");
}

/// Pieces that have broken parsers.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b".",
        b"-",
        b"/",
        b"//",
        b"@",
        b":",
        b":443",
        b"%2e",
        b"%2f",
        b"..",
        b"?",
        b"#",
        b"\\",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b"aws@",
        b"sparse+",
        b"https://",
        b"http://",
        b"d.",
        b"d/",
        b".vpce",
        b".cn",
        b".on.aws",
        b"amazonaws.com",
        b"evil.example",
        b"127.0.0.1",
        b"[::1]",
        b":4600",
        b"4600",
        b"cargo/",
        b"npm",
        b"111122223333",
        b"0",
        b"9",
        b"a",
        b"z",
        b"A",
        b"_",
        b"us-iso-",
        b"us-gov-",
        b"cn-",
        b"-1",
        b"-12",
        b"\xe2\x80\xa8",
        b"\xd0\xb0",
        b"\xef\xbc\x8e",
        b"\xff",
        b"\x7f",
    ];
    prop_oneof![
        3 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(Vec::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_are_judged_as_by_the_second_opinion(
        url in proptest::sample::select(GOOD),
        // Where, how many bytes to replace, by what.
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..4, piece()), 1..=3),
        trust in 0_usize..3,
    ) {
        let mut url = url.as_bytes().to_vec();
        for (at, length, piece) in changes {
            let at = at.index(url.len() + 1);
            let end = url.len().min(at + length);
            url.splice(at..end, piece);
        }
        let trust = &trusts()[trust];
        prop_assert_eq!(released(&url, trust), oracle::is_ours(&url, judge::service(trust)), "{}", url.escape_ascii());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_get_no_token(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for trust in trusts() {
            prop_assert!(!released(&bytes, &trust));
        }
    }
}

/// What a fuzzer that sees the parser's branches found worth keeping: `tests/fuzz/run` adds to it.
#[test]
fn what_the_fuzzer_found_is_judged_as_by_the_second_opinion() {
    // An input a line: its bytes as the characters of a JSON text.
    let input = |line: &str| -> Vec<u8> {
        let text: String = serde_json::from_str(line).unwrap();
        text.chars().map(|character| u8::try_from(character).unwrap()).collect()
    };
    let inputs = include_str!("../../tests/fuzz/corpus/endpoint.jsonl");
    let count = inputs.lines().map(|line| judge::judge(&input(line))).count();
    assert!(count >= 50, "only {count} inputs");
}
