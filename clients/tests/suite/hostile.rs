//! URLs made to look like ours, or to confuse, as a repository's files could hold them: none gets a token, and for none
//! is a token even asked for. The endpoint's own tests go further; this one sees that no protocol goes round them.

use std::ffi::OsString;

use clients::protocol::{Answer, Call, Silent, Streams};
use codeartifact::{ServiceOverride, Trust};

use crate::transcripts::{FakeAuthorize, Gives};

const HOST: &str = "my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com";

/// Everything a URL may be that is not one of ours; `H` stands for a good host.
const HOSTILE: &[&str] = &[
    // The suffix is not the end, or not at a label's border.
    "https://H.example.com/cargo/r/",
    "https://H.evil/cargo/r/",
    "https://example.com/H/cargo/r/",
    "https://example.com?H/cargo/r/",
    "https://example.com#H/cargo/r/",
    "https://example.com/?u=https://H/cargo/r/",
    "https://xamazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.xamazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com.cn.example/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.co/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.community/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.org/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.on.aws/cargo/r/",
    "https://my-org-111122223333.codeartifact.us-east-1.on.aws.example/cargo/r/",
    // Another service, another shape, too many or too few labels.
    "https://my-org-111122223333.d.ecr.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.s3.us-east-1.amazonaws.com/cargo/r/",
    "https://codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://x.H/cargo/r/",
    "https://evil.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact..amazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.s3.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.evil.example/cargo/r/",
    // The account and the domain.
    "https://my-org-11112222333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my_org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://9org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org--11112222333x.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    // User parts, ports, dots, slashes.
    "https://H@example.com/cargo/r/",
    "https://H:443@example.com/cargo/r/",
    "https://aws:password@H/cargo/r/",
    "https://evil@H/cargo/r/",
    "https://H:8443/cargo/r/",
    "https://H./cargo/r/",
    "https://.H/cargo/r/",
    "https://H\\@example.com/cargo/r/",
    "https:\\\\H\\cargo\\r\\",
    "https:/H/cargo/r/",
    "https:H/cargo/r/",
    "https:///H/cargo/r/",
    "https://",
    "https:///cargo/r/",
    "//H/cargo/r/",
    "H/cargo/r/",
    // Schemes.
    "http://H/cargo/r/",
    "ftp://H/cargo/r/",
    "file:///H/cargo/r/",
    "javascript://H/cargo/r/",
    "sparse+sparse+https://H/cargo/r/",
    "git+https://H/cargo/r/",
    "sparse+http://H/cargo/r/",
    " https://H/cargo/r/",
    "https://H /cargo/r/",
    "https://H%20/cargo/r/",
    // Letters that look alike, and bytes that something later reads as others.
    "https://my-org-111122223333.d.codeartif\u{430}ct.us-east-1.amazonaws.com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws\u{ff0e}com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws\u{3002}com/cargo/r/",
    "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws%2ecom/cargo/r/",
    "https://example.com%2f.d.codeartifact.us-east-1.amazonaws.com/cargo/r/",
    "https://example.com%00H/cargo/r/",
    "https://xn--my-org-111122223333-abc.d.codeartifact.us-east-1.amazonaws.com.xn--p1ai/cargo/r/",
    "https://\u{202e}H/cargo/r/",
    "https://H\u{200b}/cargo/r/",
    "https://H\u{ad}/cargo/r/",
    // Control characters.
    "https://H\n.example.com/cargo/r/",
    "https://example.com\n@H/cargo/r/",
    "https://H\r/cargo/r/",
    "https://H\t/cargo/r/",
    "https://H\0.example.com/cargo/r/",
    "https://H/cargo/r/\nhost=example.com",
    "https://H/cargo/r/\u{1b}[2J",
    "https://H/cargo/r/\u{85}",
    "https://H/cargo/r/\u{2028}",
    // Paths.
    "https://H/",
    "https://H/cargo",
    "https://H/crates/r/",
    "https://H/cargo//",
    "https://H/cargo/../npm/r/",
    "https://H/cargo/%2e%2e/r/",
    "https://H/cargo/r%2f..%2f/",
    "https://H/Cargo/r/",
    // Loopback, without an override or not the one in force.
    "sparse+http://127.0.0.1:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://127.0.0.1/d/my-org-111122223333/cargo/r/",
    "sparse+http://127.1:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://0x7f.1:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://2130706433:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://0.0.0.0:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://localhost:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://[::1]:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://[::ffff:127.0.0.1]:4600/d/my-org-111122223333/cargo/r/",
    "sparse+https://127.0.0.1:4600/d/my-org-111122223333/cargo/r/",
    "sparse+http://169.254.169.254/latest/meta-data/",
];

fn converse(url: &str, trust: &Trust) -> (String, u32) {
    let mut answers = Vec::new();
    let spoken = clients::find("cargo").unwrap().protocol.unwrap();
    let request = serde_json::json!({
        "v": 1, "registry": { "index-url": url, "name": "r" }, "kind": "get", "operation": "read",
    });
    let request = format!("{request}\n");
    let authorize = FakeAuthorize::new(Gives::Token);
    let mut streams = Streams {
        input: &mut request.as_bytes(),
        output: &mut answers,
        errors: &mut std::io::sink(),
        resumed: false,
        heartbeat: &Silent,
    };
    let answer = spoken.protocol.converse(&Call::default(), &mut streams, trust, &authorize);
    assert!(!matches!(answer, Ok(Answer::NotMine)), "cargo's protocol has words to decline");
    (String::from_utf8(answers).unwrap(), authorize.asked.get())
}

#[test]
fn hostile_urls_get_no_token() {
    assert!(HOSTILE.len() >= 60);
    let other_port = ServiceOverride::parse(b"http://127.0.0.1:4599").unwrap();
    for url in HOSTILE {
        for prefix in ["", "sparse+"] {
            let url = format!("{prefix}{}", url.replace('H', HOST));
            for trust in [Trust::default(), Trust { service_override: Some(other_port.clone()) }] {
                let (answer, asked) = converse(&url, &trust);
                assert_eq!(asked, 0, "a token was asked for {url:?}");
                assert!(!answer.contains("TOKEN"), "a token went to {url:?}");
                let refused = answer.lines().last().unwrap();
                assert!(refused.starts_with("{\"Err\":"), "{url:?}: {refused}");
                assert!(!refused.contains(|c: char| c.is_control()), "{url:?}: {refused:?}");
            }
        }
    }
}

#[test]
fn good_urls_get_one() {
    let url = format!("sparse+https://{HOST}/cargo/r2/");
    let (answer, asked) = converse(&url, &Trust::default());
    assert!(answer.contains("TOKEN"), "{answer}");
    assert_eq!(asked, 1);
}

/// What a protocol answers when it is called with these arguments and reads this, and how often a token was asked for.
fn said(word: &str, args: &[&str], input: &str, trust: &Trust) -> (String, u32) {
    let spoken = clients::PROTOCOLS.iter().find(|spoken| spoken.word == word).unwrap();
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    let authorize = FakeAuthorize::new(Gives::Token);
    let mut output = Vec::new();
    let mut streams = Streams {
        input: &mut input.as_bytes(),
        output: &mut output,
        errors: &mut std::io::sink(),
        resumed: false,
        heartbeat: &Silent,
    };
    // A failure is as good as a refusal: what counts is what was answered, and asked for.
    let _ = spoken.protocol.converse(&Call { args: &args, domain: None }, &mut streams, trust, &authorize);
    (String::from_utf8(output).unwrap(), authorize.asked.get())
}

/// A URL as each of the other protocols is asked for it.
fn asked_everywhere(url: &str, trust: &Trust) -> Vec<(String, u32)> {
    let nuget = serde_json::json!({
        "RequestId": "1", "Type": "Request", "Method": "GetAuthenticationCredentials",
        "Payload": { "Uri": url, "IsRetry": true, "IsNonInteractive": true, "CanShowDialog": false },
    });
    vec![
        said("bazel", &["get"], &serde_json::json!({ "uri": url }).to_string(), trust),
        said("nuget", &["-Plugin"], &format!("{nuget}\n"), trust),
        said("nuget", &["-uri", url, "-isRetry"], "", trust),
        said("netrc", &[url], "", trust),
    ]
}

#[test]
fn hostile_urls_get_no_token_by_any_other_protocol() {
    let other_port = ServiceOverride::parse(b"http://127.0.0.1:4599").unwrap();
    for url in HOSTILE {
        for (prefix, format) in [("", "maven"), ("", "nuget"), ("sparse+", "cargo")] {
            let url = format!("{prefix}{}", url.replace('H', HOST).replace("/cargo/", &format!("/{format}/")));
            for trust in [Trust::default(), Trust { service_override: Some(other_port.clone()) }] {
                for (answer, asked) in asked_everywhere(&url, &trust) {
                    assert_eq!(asked, 0, "a token was asked for {url:?}");
                    assert!(!answer.contains("TOKEN") && !answer.contains("Basic"), "a token went to {url:?}");
                }
            }
        }
    }
}

#[test]
fn good_urls_get_one_by_every_other_protocol() {
    for (answer, asked) in asked_everywhere(&format!("https://{HOST}/nuget/r2/v3/index.json"), &Trust::default()) {
        assert!(answer.contains("TOKEN") || answer.contains("YXdzOlRPS0VO"), "{answer}");
        assert_eq!(asked, 1);
    }
}

/// `keyring` says nothing on its standard output where there is no token: whatever stood there would be a password.
fn keyring(args: &[&str], trust: &Trust) -> (Result<Answer, String>, String, u32) {
    let spoken = clients::PROTOCOLS.iter().find(|spoken| spoken.word == "keyring").unwrap();
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    let authorize = FakeAuthorize::new(Gives::Token);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut std::io::empty(),
        output: &mut output,
        errors: &mut errors,
        resumed: false,
        heartbeat: &Silent,
    };
    let call = Call { args: &args, domain: None };
    let answer = spoken.protocol.converse(&call, &mut streams, trust, &authorize).map_err(|error| error.to_string());
    let errors = String::from_utf8(errors).unwrap();
    assert!(!errors.trim_end_matches('\n').contains(char::is_control), "{args:?}: {errors:?}");
    if answer == Ok(Answer::NotMine) {
        assert!(errors.is_empty() && output.is_empty(), "{args:?}: the next keyring has the streams to itself");
    }
    (answer, String::from_utf8(output).unwrap(), authorize.asked.get())
}

#[test]
fn hostile_urls_get_no_token_by_keyring() {
    let other_port = ServiceOverride::parse(b"http://127.0.0.1:4599").unwrap();
    for url in HOSTILE {
        let url = url.replace('H', HOST);
        for trust in [Trust::default(), Trust { service_override: Some(other_port.clone()) }] {
            for args in [&["get", &url, "aws"][..], &["--mode=creds", "--output=json", "get", &url]] {
                let (answer, output, asked) = keyring(args, &trust);
                assert_eq!((output.as_str(), asked), ("", 0), "{url:?}");
                assert_ne!(answer, Ok(Answer::Answered), "{url:?}");
            }
        }
    }
}

#[test]
fn control_characters_beside_a_good_url_get_no_token_by_keyring() {
    let url = format!("https://{HOST}/pypi/r2/simple/");
    assert_eq!(keyring(&["get", &url, "aws"], &Trust::default()).1, "TOKEN\n");
    for control in ["\n", "\r", "\0", "\t", "\u{1b}[2J", "\u{85}", "\u{2028}", "\u{202e}"] {
        let with = |text: &str| format!("{text}{control}");
        for args in [
            ["--mode=creds", "get", &url, &with("aws")],
            ["--mode=creds", "get", &url, control],
            ["--mode=creds", "get", &with(&url), "aws"],
            ["--mode=creds", &with("get"), &url, "aws"],
            [&with("--mode=creds"), "get", &url, "aws"],
            [&with("--output=json"), "get", &url, "aws"],
        ] {
            let (answer, output, asked) = keyring(&args, &Trust::default());
            assert_eq!((output.as_str(), asked), ("", 0), "{args:?}");
            assert_ne!(answer, Ok(Answer::Answered), "{args:?}");
        }
    }
}
