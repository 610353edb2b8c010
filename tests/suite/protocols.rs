//! Whatever goes wrong on the way to a token, in every protocol: the right exit status, the reason and the next step in
//! the client's own channel, no token, in bounded time. And whatever is asked in a hostile manner.

use std::{net::TcpListener, time::Duration};

use tests::{Asking, Canary, Program, Sandbox, ScriptedAnswer, ScriptedControlPlane, asking, programs::find};

/// The longest that a caller waits for the service, whatever it does.
const LONGEST: Duration = Duration::from_secs(20);

/// For starting and ending programs on a machine with more to do.
const SLACK: Duration = Duration::from_secs(5);

fn secret(label: &str) -> String {
    format!("eyJ2ZXIiOjF9.{label}.{}", "m5Xt7RwQ2Kc9".repeat(24))
}

fn token() -> ScriptedAnswer {
    ScriptedAnswer::Token { secret: secret("good"), life: Duration::from_hours(12) }
}

fn refusal(status: u16, exception: &'static str, message: &'static str) -> ScriptedAnswer {
    ScriptedAnswer::Error(status, exception, message)
}

/// What is to come of it.
enum Expected {
    /// The token, after so many requests at least.
    Token(usize),
    /// A refusal that says this.
    Refusal(&'static [&'static str]),
}

use Expected::{Refusal, Token};

/// Asks in every protocol, each in a sandbox of its own, all at once.
fn each(test: impl Fn(Asking, &Sandbox) + Sync) {
    std::thread::scope(|threads| {
        let running: Vec<_> = asking::ALL
            .iter()
            .map(|asking| {
                let test = &test;
                threads.spawn(move || {
                    let sandbox = Sandbox::new();
                    for label in ["good", "planted"] {
                        sandbox.guard_token(&secret(label));
                    }
                    test(*asking, &sandbox);
                })
            })
            .collect();
        for one in running {
            if let Err(panic) = one.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// A fault, in every protocol.
fn fault(
    script: impl Fn(usize) -> ScriptedAnswer + Send + Sync + Copy + 'static,
    limit: Duration,
    change: impl Fn(Program, &Sandbox) -> Program + Sync,
    expected: &(impl Fn() -> Expected + Sync),
) {
    each(|asking, sandbox| {
        let plane = ScriptedControlPlane::start(script);
        sandbox.point_at(&plane.url());
        let program = change(asking.for_domain(sandbox, &plane.url(), "acme"), sandbox);
        let outcome = program.limit(limit + SLACK).run();
        check(asking, &outcome, &expected());
        assert!(outcome.took() < limit + SLACK, "{}: {:?}", asking.word, outcome.took());
        if let Token(requests) = expected() {
            assert!(plane.token_requests() >= requests, "{}: {}", asking.word, plane.token_requests());
        }
    });
}

#[track_caller]
fn check(asking: Asking, outcome: &tests::Outcome, expected: &Expected) {
    match expected {
        Token(_) => assert!(asking.gives(outcome, &secret("good")), "{}: {}", asking.word, outcome.show()),
        Refusal(parts) => {
            let told = asking.refusal(outcome);
            for part in parts.iter().chain(&["GetAuthorizationToken", "acme"]) {
                assert!(told.contains(part), "{}: `{part}` is not in {told}", asking.word);
            }
            assert!(told.contains("hint: "), "{}: the next step is not in {told}", asking.word);
            assert!(!told.contains('\u{1b}') && !told.contains('\u{85}'), "{}: {told:?}", asking.word);
            for label in ["good", "planted"] {
                assert_eq!(Canary::of_token("token", &secret(label)).find(told.as_bytes()), None, "{}", asking.word);
            }
        }
    }
}

fn unchanged(program: Program, _: &Sandbox) -> Program {
    program
}

#[test]
fn every_protocol_is_asked_here() {
    let mut known: Vec<_> = asking::ALL.iter().map(|asking| asking.word).collect();
    let mut words: Vec<_> = clients::PROTOCOLS.iter().map(|spoken| spoken.word).collect();
    known.sort_unstable();
    words.sort_unstable();
    assert_eq!(known, words);
}

#[test]
fn what_passes_is_tried_again() {
    let again = |first: fn() -> ScriptedAnswer| move |number| if number == 0 { first() } else { token() };
    let firsts: [fn() -> ScriptedAnswer; 9] = [
        || refusal(400, "ThrottlingException", "Rate exceeded"),
        || refusal(429, "ThrottlingException", "slow down"),
        || refusal(429, "TooManyRequestsException", "slow down"),
        || ScriptedAnswer::RetryAfter(429, "ThrottlingException", 1),
        || refusal(500, "InternalServerException", "sorry"),
        || ScriptedAnswer::Raw(502, "text/html", "<html>Bad gateway</html>".to_owned()),
        || refusal(503, "ServiceUnavailable", "later"),
        || ScriptedAnswer::Cut,
        || ScriptedAnswer::CutInside,
    ];
    for first in firsts {
        fault(again(first), LONGEST, unchanged, &|| Token(2));
    }
    // Twice, too: three tries in all.
    fault(
        |number| if number < 2 { refusal(503, "ServiceUnavailable", "later") } else { token() },
        LONGEST,
        unchanged,
        &|| Token(3),
    );
}

#[test]
fn what_does_not_pass_is_told() {
    type Row = (fn(usize) -> ScriptedAnswer, fn() -> Expected);
    let rows: [Row; 13] = [
        (|_| refusal(429, "ThrottlingException", "slow down"), || Refusal(&["slow down", "wait a little"])),
        (|_| refusal(500, "InternalServerException", "sorry"), || Refusal(&["sorry", "request id"])),
        (|_| ScriptedAnswer::Cut, || Refusal(&["check the network"])),
        (
            |_| ScriptedAnswer::Raw(200, "application/json", format!("{{\"authorizationToken\":\"{}", secret("planted"))),
            || Refusal(&["answer"]),
        ),
        (
            |_| ScriptedAnswer::Raw(200, "text/html", format!("<html>Sign in to the network {}</html>", secret("planted"))),
            || Refusal(&["proxy or a portal"]),
        ),
        (
            |_| ScriptedAnswer::Raw(403, "text/html", "<html>Blocked</html>".to_owned()),
            || Refusal(&["proxy or a portal"]),
        ),
        (
            |_| refusal(404, "ResourceNotFoundException", "Domain not found"),
            || Refusal(&["Domain not found", "check domain, owner, Region"]),
        ),
        (
            |_| {
                let answer = format!("{{\"authorizationToken\":\"{}\"}}", secret("planted"));
                ScriptedAnswer::Raw(200, "application/json", answer)
            },
            || Refusal(&["does not say when the token ends"]),
        ),
        (
            |_| ScriptedAnswer::Raw(200, "application/json", "{\"authorizationToken\":\"\",\"expiration\":4000000000}".to_owned()),
            || Refusal(&["has no token"]),
        ),
        (
            |_| {
                let long = "x".repeat(20 * 1024 + 1);
                let answer = format!("{{\"authorizationToken\":\"{long}\",\"expiration\":4000000000}}");
                ScriptedAnswer::Raw(200, "application/json", answer)
            },
            || Refusal(&["a length that no token has"]),
        ),
        (
            |_| {
                let answer = "{\"authorizationToken\":\"a\\nb c\",\"expiration\":4000000000}";
                ScriptedAnswer::Raw(200, "application/json", answer.to_owned())
            },
            || Refusal(&["characters"]),
        ),
        (
            |_| {
                let answer = format!("{{\"authorizationToken\":\"{}\",\"expiration\":1000}}", secret("planted"));
                ScriptedAnswer::Raw(200, "application/json", answer)
            },
            || Refusal(&["had ended when it came", "clock"]),
        ),
        (
            |_| refusal(403, "AccessDeniedException", "no\u{1b}[31m\u{85}\r\nreally"),
            || Refusal(&["was denied", "\\u{1b}[31m"]),
        ),
    ];
    for (script, expected) in rows {
        fault(script, LONGEST, unchanged, &expected);
    }
}

/// A denial in AWS's words, which go on so.
fn denied(rest: &str) -> ScriptedAnswer {
    let user = "User: arn:aws:sts::111122223333:assumed-role/ci/run is not authorized to perform: ";
    let body = serde_json::json!({ "message": format!("{user}{rest}"), "__type": "AccessDeniedException" });
    ScriptedAnswer::Raw(403, "application/json", body.to_string())
}

#[test]
fn a_denial_names_permission_policy_and_next_step() {
    type Row = (&'static str, &'static [&'static str]);
    const ROWS: [Row; 4] = [
        (
            "codeartifact:GetAuthorizationToken on resource: arn:aws:codeartifact:us-east-1:111122223333:domain/acme \
             because no identity-based policy allows the codeartifact:GetAuthorizationToken action",
            &["have `codeartifact:GetAuthorizationToken` allowed in a policy of this identity"],
        ),
        (
            "codeartifact:GetAuthorizationToken on resource: arn:aws:codeartifact:us-east-1:444455556666:domain/acme \
             because no resource-based policy allows the codeartifact:GetAuthorizationToken action",
            &["allowed for this identity in the policy of the domain"],
        ),
        (
            "sts:GetServiceBearerToken on resource: arn:aws:sts::111122223333:*",
            &["it needs sts:GetServiceBearerToken", "have `sts:GetServiceBearerToken` allowed in a policy of this identity"],
        ),
        (
            "codeartifact:GetAuthorizationToken on resource: arn:aws:codeartifact:us-east-1:111122223333:domain/acme \
             with an explicit deny in a service control policy",
            &["find the statement with `Deny`"],
        ),
    ];
    for (number, (_, parts)) in ROWS.iter().enumerate() {
        let script: fn(usize) -> ScriptedAnswer = match number {
            0 => |_| denied(ROWS[0].0),
            1 => |_| denied(ROWS[1].0),
            2 => |_| denied(ROWS[2].0),
            _ => |_| denied(ROWS[3].0),
        };
        fault(script, LONGEST, unchanged, &|| Refusal(parts));
    }
}

#[test]
fn missing_ended_and_misdated_credentials_are_told_apart() {
    let denies = |_| refusal(403, "AccessDeniedException", "unused");
    let without_keys = |program: Program| program.without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY");
    fault(denies, SLACK, |program, _| without_keys(program), &|| Refusal(&["there are no AWS credentials"]));
    fault(
        |_| refusal(403, "ExpiredTokenException", "The security token included in the request is expired"),
        LONGEST,
        unchanged,
        &|| Refusal(&["have expired", "get new temporary credentials"]),
    );
    fault(
        |_| refusal(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
        LONGEST,
        unchanged,
        &|| Refusal(&["does not accept the credentials"]),
    );
    fault(
        |_| {
            let message = "Signature expired: 20261122T120000Z is now earlier than 20261122T235500Z";
            refusal(403, "InvalidSignatureException", message)
        },
        LONGEST,
        unchanged,
        &|| Refusal(&["set this machine's clock"]),
    );
    let profiles = "[profile sso]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 111122223333\n\
        sso_role_name = dev\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example.com/start\n\
        [profile role]\nregion = us-east-1\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = sso\n\
        [profile mfa]\nregion = us-east-1\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = sso\n\
        mfa_serial = arn:aws:iam::111122223333:mfa/me\n";
    for (profile, parts) in [
        ("sso", &["the sign-in of profile `sso` has ended", "aws sso login --profile sso"] as &[&str]),
        ("role", &["aws sso login --profile sso"]),
        ("mfa", &["aws sso login --profile sso"]),
        ("missing", &["profile `missing`"]),
    ] {
        fault(
            denies,
            SLACK,
            |program, sandbox| {
                sandbox.write("home/.aws/config", profiles);
                without_keys(program).var("AWS_PROFILE", profile)
            },
            &|| Refusal(parts),
        );
    }
}

#[test]
fn an_instance_that_is_none_is_known_at_once() {
    // A port that was free a moment ago, and that nothing listens on.
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let denies = |_| refusal(403, "AccessDeniedException", "unused");
    fault(
        denies,
        Duration::from_secs(1),
        |program, _| {
            program
                .without_var("AWS_ACCESS_KEY_ID")
                .without_var("AWS_SECRET_ACCESS_KEY")
                .without_var("AWS_EC2_METADATA_DISABLED")
                .var("AWS_EC2_METADATA_SERVICE_ENDPOINT", &nobody)
        },
        &|| Refusal(&["there are no AWS credentials"]),
    );
}

#[test]
fn a_way_that_is_closed_is_told_in_time() {
    // Nobody there; somebody who knows no TLS; and a proxy that refuses, on the way to AWS itself.
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    each(|asking, sandbox| {
        sandbox.point_at(&nobody);
        let outcome = asking.for_domain(sandbox, &nobody, "acme").limit(LONGEST + SLACK).run();
        check(asking, &outcome, &Refusal(&["could not be reached"]));
    });
    each(|asking, sandbox| {
        let plane = ScriptedControlPlane::start(|_| ScriptedAnswer::Cut);
        let address = plane.url().replace("http:", "https:");
        sandbox.point_at(&address);
        let outcome = asking.for_domain(sandbox, &address, "acme").limit(LONGEST + SLACK).run();
        check(asking, &outcome, &Refusal(&["could not be reached"]));
    });
    each(|asking, sandbox| {
        let program = if asking.word == "maven-pinentry" {
            asking.for_url(sandbox, "acme-111122223333.us-east-1")
        } else {
            let host = "https://acme-111122223333.d.codeartifact.us-east-1.amazonaws.com";
            let format = match asking.word {
                "cargo" => "cargo",
                "nuget" => "nuget",
                "pnpm" | "yarn" => "npm",
                "keyring" => "pypi",
                _ => "maven",
            };
            asking.for_url(sandbox, &format!("{host}/{format}/team/"))
        };
        let outcome = program.var("HTTPS_PROXY", &nobody).limit(LONGEST + SLACK).run();
        check(asking, &outcome, &Refusal(&["could not be reached"]));
    });
}

#[test]
fn a_service_that_dribbles_is_left_in_time() {
    fault(|_| ScriptedAnswer::Slow, LONGEST, unchanged, &|| Refusal(&["in time"]));
}

#[test]
fn a_token_of_the_greatest_length_is_passed_on_whole() {
    each(|asking, sandbox| {
        let long = format!("eyJ.{}", "q".repeat(20 * 1024 - 4));
        let plane = ScriptedControlPlane::issuing(&long);
        sandbox.point_at(&plane.url());
        let outcome = asking.for_domain(sandbox, &plane.url(), "acme").run();
        assert!(asking.gives(&outcome, &long), "{}: {}", asking.word, outcome.code().unwrap_or(-1));
    });
}

/// URLs that are not ours, or break a rule: `HOST` stands for the good host, and the token for its domain is at hand.
const HOSTILE: &[&str] = &[
    "https://HOST\n.evil.example/",
    "https://HOST\r.evil.example/",
    "https://HOST/\u{85}FORMAT/team/",
    "https://HOST/FORMAT/team/\u{2028}",
    "https://HOST/FORMAT/te\u{1b}am/",
    "https://HOST/FORMAT/team/\u{7f}",
    "https://HOST%0d%0a.evil.example/FORMAT/team/",
    "https://HOST%00.evil.example/FORMAT/team/",
    "https://HOST.evil.example/FORMAT/team/",
    "https://evil.example/HOST/FORMAT/team/",
    "https://HOST@evil.example/FORMAT/team/",
    "https://evil.example\\@HOST/FORMAT/team/",
    "https:///FORMAT/team/",
    "https:///x",
    "https:// /FORMAT/team/",
    "https://",
    "https:",
    "",
    " ",
    "http://HOST/FORMAT/team/",
    "https://HOST:444/FORMAT/team/",
    "https://HOST./FORMAT/team/",
    "https://mirror.example.com/FORMAT/team/",
];

#[test]
fn hostile_urls_get_no_token_and_cause_no_request() {
    each(|asking, sandbox| {
        let plane = ScriptedControlPlane::issuing(&secret("good"));
        let (format, host) = ("maven", "acme-111122223333.d.codeartifact.us-east-1.amazonaws.com");
        sandbox.set("CODEARTIFACT_STORE", "file");
        sandbox.may_hold_secrets("state");
        sandbox.plant(&format!("https://{host}/{format}/team/"), &secret("good"), Duration::ZERO);
        // The proxy would see whatever goes to AWS.
        sandbox.set("HTTPS_PROXY", plane.url());
        let canary = Canary::of_token("token", &secret("good"));
        for hostile in HOSTILE {
            let url = hostile.replace("HOST", host).replace("FORMAT", format);
            let outcome = asking.for_url(sandbox, &url).limit(SLACK).run();
            let told = outcome.stdout() + &outcome.stderr();
            assert_eq!(canary.find(told.as_bytes()), None, "{}: {url:?}: {}", asking.word, outcome.show());
            assert!(!told.contains("YXdzOg"), "{}: no Basic value: {told}", asking.word);
            assert!(!told.contains(['\u{1b}', '\u{85}', '\u{2028}', '\u{7f}']), "{}: {told:?}", asking.word);
            assert_ne!(outcome.code(), Some(101), "{}: {url:?}: {}", asking.word, outcome.show());
        }
        assert_eq!(plane.connections(), 0, "{}: not a packet", asking.word);
    });
}

#[test]
fn no_token_is_an_argument_or_a_variable_of_any_process() {
    let Some(strace) = find("strace") else { return };
    each(|asking, sandbox| {
        let plane = ScriptedControlPlane::issuing(&secret("good"));
        sandbox.point_at(&plane.url());
        // Cold, then warm.
        for _ in 0..2 {
            let (outcome, trace) = asking.for_domain(sandbox, &plane.url(), "acme").traced(&strace, "execve");
            assert!(asking.gives(&outcome, &secret("good")), "{}: {}", asking.word, outcome.show());
            let canary = Canary::of_token("token", &secret("good"));
            for call in trace.of("execve") {
                assert_eq!(canary.find(call.text.as_bytes()), None, "{}", asking.word);
            }
            assert_eq!(canary.find(outcome.stderr().as_bytes()), None, "{}", asking.word);
        }
        assert_eq!(plane.token_requests(), 1, "{}", asking.word);
    });
}
