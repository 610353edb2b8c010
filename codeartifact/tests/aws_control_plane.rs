//! The AWS SDK behind `ControlPlane`, against a server of a few lines: what is sent, what is read, and what is said of
//! every kind of failure. The SDK reads the real environment, so each call is made by a child process with one of its
//! own.
#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

#[path = "support/stub.rs"]
mod stub;
mod support;

use std::{
    net::TcpListener,
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant, UNIX_EPOCH},
};

use codeartifact::{
    AwsEnvironment, ControlPlane, ControlPlaneError, Host, PackageFormat, TokenSource,
    control_plane::{CopyRequest, PackageId, RepositoryId, aws::AwsControlPlane},
    source::ControlPlaneSource,
};
use stub::{Stub, answer};
use support::{child, child_part, said};

/// Ends a connection in the middle of an answer.
const CUT: &str = "\u{0}cut";
/// Waits before the rest of an answer until the client goes away.
const STALL: &str = "\u{0}stall";

fn refusal(status: &str, code: &str, extra: &str) -> String {
    let body = format!("{{\"message\": \"it says {code}\"{extra}}}");
    answer(status, &format!("x-amzn-ErrorType: {code}\r\nx-amzn-RequestId: r-42\r\n"), &body)
}

/// A moment the service might name: 12 hours from now, in whole seconds.
fn in_12_hours() -> u64 {
    Host::of_process().now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 12 * 3_600
}

fn token_answer(secret: &str, expiration: u64) -> String {
    answer("200 OK", "", &format!("{{\"authorizationToken\": \"{secret}\", \"expiration\": {expiration}.5}}"))
}

/// What a child says of one call, and how long the call took.
struct Outcome {
    lines: Vec<String>,
    took: Duration,
}

fn call_with(what: &str, home: &Path, variables: &[(&str, &str)]) -> Outcome {
    let output = child("call_body", what)
        .env("HOME", home)
        // No test asks the network for an instance; the one about instances says where.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let mut lines = said(&output);
    let took = Duration::from_millis(lines.pop().unwrap().parse().unwrap());
    Outcome { lines, took }
}

fn call(what: &str, stub: &Stub) -> Outcome {
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret-key-example"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_CODEARTIFACT", &stub.address),
        // A proxy that cannot be reached: a call to this machine must not notice.
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("ALL_PROXY", "http://127.0.0.1:9"),
    ];
    call_with(what, home.path(), &variables)
}

fn token_failure(answers: Vec<String>) -> (String, Duration, usize) {
    let stub = Stub::new(answers);
    let outcome = call("token", &stub);
    assert_eq!(outcome.lines.len(), 1, "{:?}", outcome.lines);
    (outcome.lines[0].clone(), outcome.took, stub.requests().len())
}

#[test]
#[ignore = "run by the other tests, in processes of its own"]
fn call_body() {
    let Some((host, what)) = child_part() else { return };
    let aws = AwsEnvironment::read(&host).unwrap();
    let plane = AwsControlPlane::new(&host, &aws);
    let owner = Some("111122223333".parse().unwrap());
    let repository = RepositoryId {
        domain: "my-org".parse().unwrap(),
        owner: owner.clone(),
        repository: "my-team-repo".parse().unwrap(),
    };
    let package =
        PackageId { format: PackageFormat::Npm, namespace: Some("acme".to_owned()), name: "left pad".to_owned() };
    let start = Instant::now();
    let result = match what.as_str() {
        "token" => plane
            .get_authorization_token(&repository.domain, owner.as_ref(), None)
            .map(|token| format!("{} {:?}", &*token.secret, token.expires.duration_since(UNIX_EPOCH).unwrap())),
        "token for the caller" => plane
            .get_authorization_token(&repository.domain, None, Some(900))
            .map(|token| format!("{}", token.secret.len())),
        "source" => ControlPlaneSource::aws(&host, &aws)
            .issue(&codeartifact::TokenScope {
                region: "eu-west-1".parse().unwrap(),
                identity: aws.identity.clone(),
                ..support::scope("my-org")
            })
            .map(|token| format!("{token:?}").chars().take(48).collect())
            .map_err(|codeartifact::SourceError::ControlPlane(error)| error),
        "endpoint" => plane.get_repository_endpoint(&repository, PackageFormat::Cargo),
        "create domain" => plane.create_domain(&repository.domain).map(|domain| format!("{domain:?}")),
        "describe domain" => plane.describe_domain(&repository.domain, None).map(|domain| format!("{domain:?}")),
        "create repository" => plane
            .create_repository(&repository, "the team's", &["my-shared-repo".parse().unwrap()])
            .map(|repository| format!("{repository:?}")),
        "describe repository" => plane.describe_repository(&repository).map(|repository| format!("{repository:?}")),
        "versions" => plane.list_package_versions(&repository, &package).map(|list| format!("{list:?}")),
        "version" => plane.describe_package_version(&repository, &package, "1.0.0").map(|found| format!("{found:?}")),
        "assets" => plane.list_package_version_assets(&repository, &package, "1.0.0").map(|list| format!("{list:?}")),
        "asset" => {
            let mut content = Vec::new();
            plane
                .get_package_version_asset(&repository, &package, "1.0.0", "a b.tgz", &mut content)
                .map(|length| format!("{length} {}", String::from_utf8_lossy(&content)))
        }
        "asset to a full disk" => plane
            .get_package_version_asset(&repository, &package, "1.0.0", "a", &mut [0_u8; 2].as_mut_slice())
            .map(|length| length.to_string()),
        "copy" => plane
            .copy_package_versions(&CopyRequest {
                source: &repository,
                destination: &"my-shared-repo".parse().unwrap(),
                package: &package,
                versions: &[("1.0.0".to_owned(), "rev-1".to_owned()), ("2.0.0".to_owned(), "rev-2".to_owned())],
            })
            .map(|outcome| format!("{outcome:?}")),
        other => panic!("{other}"),
    };
    match result {
        Ok(found) => println!("= {found}"),
        Err(error) => println!("= {}", shown(&error)),
    }
    println!("= {}", start.elapsed().as_millis());
}

/// Kind, the one line, and the causes.
fn shown(error: &ControlPlaneError) -> String {
    let mut text = format!("{:?}: {error}", error.kind);
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text} <- {error}");
        cause = error.source();
    }
    assert!(!text.contains("secret-key-example"), "the key is in the error");
    text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

#[test]
fn a_token_with_its_end() {
    let expiration = in_12_hours();
    let stub = Stub::new(vec![token_answer("eyJ2ZXIiOjF9.abc-_~", expiration)]);
    let outcome = call("token", &stub);
    assert_eq!(outcome.lines, [format!("eyJ2ZXIiOjF9.abc-_~ {expiration}.5s")]);
    let requests = stub.requests();
    assert_eq!(requests.len(), 1);
    let first = requests[0].lines().next().unwrap();
    assert!(first.starts_with("POST /v1/authorization-token?"), "{first}");
    assert!(first.contains("domain=my-org") && first.contains("domain-owner=111122223333"), "{first}");
    assert!(!first.contains("duration"), "{first}");
    assert!(requests[0].contains("Credential=AKIDEXAMPLE/") && requests[0].contains("/us-east-1/codeartifact/"));

    let stub = Stub::new(vec![token_answer("eyJ", expiration)]);
    assert_eq!(call("token for the caller", &stub).lines, ["3"]);
    let requests = stub.requests();
    assert!(requests[0].contains("duration=900") && !requests[0].contains("domain-owner"), "{}", requests[0]);
}

#[test]
fn the_source_asks_in_the_scopes_region() {
    let stub = Stub::new(vec![token_answer("eyJ-t", in_12_hours())]);
    let outcome = call("source", &stub);
    assert_eq!(outcome.lines, ["AuthorizationToken { secret: \"REDACTED\", issued:"]);
    assert!(stub.requests()[0].contains("/eu-west-1/codeartifact/"), "{}", stub.requests()[0]);

    let stub = Stub::new(vec![token_answer("eyJ-t", 1_000_000_000)]);
    let line = &call("source", &stub).lines[0];
    assert!(line.contains("the token had ended when it came: is this machine's clock right?"), "{line}");
}

#[test]
fn tokens_that_are_none() {
    for (body, message) in [
        ("{\"authorizationToken\": \"\", \"expiration\": 2000000000}", "the answer has no token"),
        ("{\"expiration\": 2000000000}", "the answer has no token"),
        ("{\"authorizationToken\": \"eyJ\"}", "the answer does not say when the token ends"),
        ("{\"authorizationToken\": \"a\\nb\", \"expiration\": 2000000000}", "characters or a length that no token has"),
        ("{\"authorizationToken\": \"a b\", \"expiration\": 2000000000}", "characters or a length that no token has"),
        ("{}", "the answer does not say when the token ends"),
    ] {
        let (line, _, requests) = token_failure(vec![answer("200 OK", "", body)]);
        assert!(line.starts_with("Service: GetAuthorizationToken on domain my-org of 111122223333 failed: "), "{line}");
        assert!(line.contains(message), "{body}: {line}");
        assert_eq!(requests, 1);
    }
    let long = format!("{{\"authorizationToken\": \"{}\", \"expiration\": 2000000000}}", "e".repeat(20 * 1024 + 1));
    let (line, ..) = token_failure(vec![answer("200 OK", "", &long)]);
    assert!(line.contains("characters or a length that no token has") && line.len() < 300, "{line}");
}

#[test]
fn refusals_by_kind() {
    for (status, code, kind, message) in [
        (
            "403 Forbidden",
            "AccessDeniedException",
            "Denied",
            "was denied: it says AccessDeniedException (status 403, request id r-42); it needs \
             codeartifact:GetAuthorizationToken on the domain and sts:GetServiceBearerToken",
        ),
        (
            "404 Not Found",
            "ResourceNotFoundException",
            "NotFound",
            "failed: it says ResourceNotFoundException (status 404, request id r-42)",
        ),
        ("400 Bad Request", "ValidationException", "Invalid", "failed: it says ValidationException (status 400"),
        ("409 Conflict", "ConflictException", "Conflict", "(status 409, request id r-42)"),
        ("402 Payment Required", "ServiceQuotaExceededException", "Quota", "(status 402, request id r-42)"),
        (
            "403 Forbidden",
            "ExpiredTokenException",
            "Expired",
            "the AWS credentials of profile `default` have expired: it says ExpiredTokenException (status 403",
        ),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "Clock",
            "AWS does not accept the time of this machine's clock: it says RequestTimeTooSkewed (status 403",
        ),
        ("403 Forbidden", "UnrecognizedClientException", "NoIdentity", "does not accept the credentials"),
        ("403 Forbidden", "InvalidSignatureException", "NoIdentity", "does not accept the credentials"),
        ("418 Teapot", "OddException", "Invalid", "it says OddException (status 418"),
    ] {
        let (line, _, requests) = token_failure(vec![refusal(status, code, "")]);
        assert!(
            line.starts_with(&format!("{kind}: GetAuthorizationToken on domain my-org of 111122223333 ")),
            "{line}"
        );
        assert!(line.contains(message), "{code}: {line}");
        // A signature that does not fit may come of the clock, which the SDK sets right and tries again.
        let of_clock = ["InvalidSignatureException", "RequestTimeTooSkewed"].contains(&code);
        assert!(requests == 1 || (of_clock && requests <= 3), "{code}: {requests}");
    }
}

#[test]
fn foreign_text_is_escaped() {
    let body = "{\"message\": \"one\\u001b[2Jtwo\\nthree\"}";
    let (line, ..) = token_failure(vec![answer("403 F", "x-amzn-ErrorType: AccessDeniedException\r\n", body)]);
    assert!(line.contains("one\\\\u{1b}[2Jtwo\\\\nthree"), "{line}");
}

#[test]
fn passing_troubles_are_tried_three_times() {
    let throttled =
        refusal("429 Too Many Requests", "ThrottlingException", "").replace("\r\n\r\n", "\r\nRetry-After: 1\r\n\r\n");
    let failed = refusal("500 Oops", "InternalServerException", "");
    let (line, took, requests) = token_failure(vec![throttled.clone()]);
    assert!(line.starts_with("Throttled: ") && line.contains("(status 429, request id r-42)"), "{line}");
    assert_eq!(requests, 3);
    assert!(took < Duration::from_secs(20), "{took:?}");
    let (line, took, requests) = token_failure(vec![failed.clone()]);
    assert!(line.starts_with("Service: ") && line.contains("(status 500, request id r-42)"), "{line}");
    assert_eq!(requests, 3);
    assert!(took < Duration::from_secs(20), "{took:?}");

    let works = token_answer("eyJ-t", in_12_hours());
    let gateway = answer("503 Unavailable", "Content-Type: text/html\r\n", "<html>busy</html>");
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{{\"auth{CUT}");
    for trouble in [throttled, failed, gateway, cut] {
        let stub = Stub::new(vec![trouble.clone(), works.clone()]);
        let outcome = call("token", &stub);
        assert!(outcome.lines[0].starts_with("eyJ-t "), "{trouble:?}: {:?}", outcome.lines);
        assert_eq!(stub.requests().len(), 2);
    }
}

#[test]
fn answers_that_are_not_the_services() {
    let html = "<html><body>Please sign in to the network</body></html>";
    for (status, body) in [
        ("200 OK", html),
        ("200 OK", "{\"authorizationToken\": \"ey"),
        ("403 Forbidden", html),
        ("404 Not Found", html),
        ("407 Proxy", html),
    ] {
        let (line, ..) = token_failure(vec![answer(status, "Content-Type: text/html\r\n", body)]);
        let expected = "is there a proxy or a portal in between?";
        assert!(line.starts_with("Unreachable: ") && line.contains(expected), "{line}");
        assert!(!line.contains("\\n"), "causes are one line each: {line}");
    }
    // Not followed: the request is signed, and its answer a secret.
    let elsewhere = Stub::new(vec![token_answer("eyJ-stolen", in_12_hours())]);
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/v1/authorization-token\r\n", elsewhere.address);
        let (line, ..) = token_failure(vec![answer(status, &location, "")]);
        assert!(line.starts_with("Unreachable: ") && line.contains("a redirect, which is not followed"), "{line}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_service_that_does_not_answer() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Stub { address: format!("http://{nobody}"), requests: Arc::default(), _alive: mpsc::channel().0 };
    let outcome = call("token", &gone);
    let line = &outcome.lines[0];
    assert!(line.starts_with("Unreachable: ") && line.contains("the service could not be reached"), "{line}");
    assert!(line.contains("Connection refused"), "{line}");
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);

    // Both last as long as an operation may: at the same time.
    std::thread::scope(|threads| {
        for silent in [STALL.to_owned(), format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{{{STALL}")] {
            threads.spawn(|| {
                let (line, took, _) = token_failure(vec![silent]);
                assert!(line.starts_with("Unreachable: "), "{line}");
                assert!(line.contains("did not answer in time") || line.contains("the answer broke off"), "{line}");
                assert!(took < Duration::from_secs(22), "{took:?}");
            });
        }
    });
}

#[test]
fn a_proxy_is_for_what_is_beyond_this_machine() {
    let proxy = Stub::new(vec![answer("407 Proxy Authentication Required", "", "")]);
    let home = tempfile::tempdir().unwrap();
    for (variable, value) in [
        ("HTTPS_PROXY", proxy.address.clone()),
        ("https_proxy", proxy.address.replace("http://", "http://user:pass@")),
        ("ALL_PROXY", proxy.address.replace("http://", "")),
    ] {
        let before = proxy.requests().len();
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-key-example"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_CODEARTIFACT", "https://codeartifact.example.com"),
            (variable, value.as_str()),
        ];
        let outcome = call_with("token", home.path(), &variables);
        let line = &outcome.lines[0];
        assert!(line.starts_with("Unreachable: ") && !line.contains("pass@"), "{line}");
        let request = proxy.requests()[before].clone();
        assert!(request.starts_with("CONNECT codeartifact.example.com:443 "), "{variable}: {request}");
        let knows = request.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz");
        assert_eq!(knows, variable == "https_proxy", "{request}");
    }
}

#[test]
fn no_identity_names_profile_and_next_step() {
    let stub = Stub::new(vec![token_answer("eyJ-t", in_12_hours())]);
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dev\nregion = us-east-1\n\
        [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n\
        [profile login]\nlogin_session = arn:aws:iam::111122223333:user/dev\nregion = us-east-1\n\
        [profile gone]\ncredential_process = /nonexistent/program\nregion = us-east-1\n\
        [profile loop]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = missing\nregion = us-east-1\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    for (profile, message) in [
        (None, "there are no AWS credentials (looked in the environment, profile `default`"),
        (Some("sso"), "the sign-in of profile `sso` has ended or was not made; renew it: aws sso login --profile sso"),
        (
            Some("login"),
            "the sign-in of profile `login` has ended or was not made; renew it: aws login --profile login",
        ),
        (Some("gone"), "profile `gone` gave no AWS credentials"),
        (Some("loop"), "profile `loop` gave no AWS credentials"),
        (Some("missing"), "profile `missing` gave no AWS credentials"),
    ] {
        let mut variables = vec![("AWS_ENDPOINT_URL_CODEARTIFACT", stub.address.as_str()), ("AWS_REGION", "us-east-1")];
        variables.extend(profile.map(|profile| ("AWS_PROFILE", profile)));
        let outcome = call_with("token", home.path(), &variables);
        let line = &outcome.lines[0];
        let kind = if message.contains("sign-in") { "SignInEnded" } else { "NoIdentity" };
        assert!(line.starts_with(&format!("{kind}: ")) && line.contains(message), "{profile:?}: {line}");
        assert!(!line.contains("\\n"), "causes are one line each: {line}");
        assert!(outcome.took < Duration::from_secs(1), "{profile:?}: {:?}", outcome.took);
    }
    // An instance's metadata service that refuses, and one that never answers.
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let silent = Stub::new(vec![STALL.to_owned()]);
    for instance in [&nobody, &silent.address] {
        let variables = [
            ("AWS_ENDPOINT_URL_CODEARTIFACT", stub.address.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance),
        ];
        let outcome = call_with("token", home.path(), &variables);
        let line = &outcome.lines[0];
        assert!(line.starts_with("NoIdentity: ") && line.contains("there are no AWS credentials (looked in"), "{line}");
        assert!(outcome.took < Duration::from_secs(2), "{instance}: {:?}", outcome.took);
    }
    assert_eq!(stub.requests().len(), 0);
}

#[test]
fn without_a_region_nothing_is_tried() {
    let home = tempfile::tempdir().unwrap();
    let outcome = call_with("token", home.path(), &[]);
    let line = &outcome.lines[0];
    assert!(line.starts_with("Invalid: ") && line.contains("no Region is set: set AWS_REGION"), "{line}");
    assert!(outcome.took < Duration::from_millis(200), "{:?}", outcome.took);
}

#[test]
fn domains_and_repositories() {
    let domain = "{\"domain\": {\"name\": \"my-org\", \"owner\": \"111122223333\", \"repositoryCount\": 2, \"assetSizeBytes\": 9}}";
    let expected = "Domain { name: DomainName(\"my-org\"), owner: AccountId(\"111122223333\"), repository_count: 2, asset_bytes: 9 }";
    for (what, line) in
        [("create domain", "POST /v1/domain?domain=my-org"), ("describe domain", "GET /v1/domain?domain=my-org")]
    {
        let stub = Stub::new(vec![answer("200 OK", "", domain)]);
        assert_eq!(call(what, &stub).lines, [expected]);
        assert!(stub.requests()[0].starts_with(line), "{}", stub.requests()[0]);
    }
    let repository = "{\"repository\": {\"name\": \"my-team-repo\", \"administratorAccount\": \"111122223333\", \
        \"domainOwner\": \"111122223333\", \"upstreams\": [{\"repositoryName\": \"my-shared-repo\"}], \
        \"externalConnections\": [{\"externalConnectionName\": \"public:npmjs\"}]}}";
    for what in ["create repository", "describe repository"] {
        let stub = Stub::new(vec![answer("200 OK", "", repository)]);
        let line = &call(what, &stub).lines[0];
        assert!(line.contains("upstreams: [RepositoryName(\"my-shared-repo\")]"), "{line}");
        assert!(line.contains("external_connections: [\"public:npmjs\"]"), "{line}");
        let request = &stub.requests()[0];
        let sent = request.contains("\"repositoryName\":\"my-shared-repo\"") && request.contains("the team's");
        assert_eq!(sent, what == "create repository", "{request}");
    }
    let stub = Stub::new(vec![answer("200 OK", "", "{\"repository\": {\"name\": \"-\"}}")]);
    let line = &call("describe repository", &stub).lines[0];
    assert!(line.starts_with("Service: ") && line.contains("the answer has no valid repository name"), "{line}");
    let stub = Stub::new(vec![answer("200 OK", "", "{\"repositoryEndpoint\": \"https://h/cargo/r\"}")]);
    assert_eq!(call("endpoint", &stub).lines, ["https://h/cargo/r/"]);
}

#[test]
fn versions_of_all_pages_or_none() {
    let page = |versions: &str, next: &str| answer("200 OK", "", &format!("{{\"versions\": [{versions}]{next}}}"));
    let version = |number: u8| {
        format!("{{\"version\": \"{number}.0.0\", \"revision\": \"r{number}\", \"status\": \"Published\"}}")
    };
    let stub = Stub::new(vec![
        page(&format!("{}, {}", version(1), version(2)), ", \"nextToken\": \"t1\""),
        page("", ", \"nextToken\": \"t2\""),
        page(&version(3), ""),
    ]);
    let line = &call("versions", &stub).lines[0];
    for number in 1..=3 {
        let summary = format!("{{ version: \"{number}.0.0\", revision: \"r{number}\", status: Published }}");
        assert!(line.contains(&summary), "{line}");
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[0].contains("namespace=acme") && requests[0].contains("package=left%20pad"), "{}", requests[0]);
    assert!(requests[2].contains("next-token=t2"), "{}", requests[2]);

    let missing =
        |kind: &str| refusal("404 Not Found", "ResourceNotFoundException", &format!(", \"resourceType\": \"{kind}\""));
    let none = |what: &str, kind: &str| call(what, &Stub::new(vec![missing(kind)])).lines[0].clone();
    assert_eq!(none("versions", "package"), "[]");
    assert_eq!(none("version", "package"), "None");
    assert_eq!(none("version", "package-version"), "None");
    for (what, kind) in
        [("versions", "repository"), ("version", "domain"), ("version", "repository"), ("assets", "package-version")]
    {
        assert!(none(what, kind).starts_with("NotFound: "), "{what} {kind}");
    }
    let line = none("version", "repository");
    assert!(
        line.contains("on npm:acme/left pad@1.0.0 in repository my-team-repo in domain my-org of 111122223333"),
        "{line}"
    );

    let found = "{\"packageVersion\": {\"version\": \"1.0.0\", \"revision\": \"r1\", \"status\": \"Unlisted\", \"publishedTime\": 1700000000.25}}";
    let line = &call("version", &Stub::new(vec![answer("200 OK", "", found)])).lines[0];
    assert!(line.contains("status: Unlisted") && line.contains("1700000000"), "{line}");
    let odd = page("{\"version\": \"1\", \"revision\": \"r\", \"status\": \"Odd\"}", "");
    let line = &call("versions", &Stub::new(vec![odd])).lines[0];
    assert!(line.contains("the answer has the unknown status `Odd`"), "{line}");
}

#[test]
fn assets_and_their_bytes() {
    let page = |name: &str, next: &str| {
        let body = format!(
            "{{\"assets\": [{{\"name\": \"{name}\", \"size\": 5, \"hashes\": {{\"SHA-256\": \"AB{name}\"}}}}]{next}}}"
        );
        answer("200 OK", "", &body)
    };
    let stub = Stub::new(vec![page("a", ", \"nextToken\": \"t\""), page("b", "")]);
    assert_eq!(
        call("assets", &stub).lines,
        ["[Asset { name: \"a\", size: 5, sha256: \"aba\" }, Asset { name: \"b\", size: 5, sha256: \"abb\" }]"]
    );
    let stub = Stub::new(vec![answer("200 OK", "X-AssetName: a b.tgz\r\n", "bytes")]);
    assert_eq!(call("asset", &stub).lines, ["5 bytes"]);
    assert!(stub.requests()[0].contains("asset=a%20b.tgz"), "{}", stub.requests()[0]);
    let line = &call("asset to a full disk", &stub).lines[0];
    assert!(line.starts_with("Invalid: ") && line.contains("could not be written on after 0 bytes"), "{line}");
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nbytes{CUT}");
    let line = &call("asset", &Stub::new(vec![cut])).lines[0];
    assert!(line.starts_with("Unreachable: ") && line.contains("the asset broke off after 5 bytes"), "{line}");
}

#[test]
fn copies_with_their_outcome() {
    let body = "{\"successfulVersions\": {\"2.0.0\": {\"revision\": \"rev-2\", \"status\": \"Published\"}}, \
        \"failedVersions\": {\"1.0.0\": {\"errorCode\": \"MISMATCHED_REVISION\", \"errorMessage\": \"no\"}}}";
    let stub = Stub::new(vec![answer("200 OK", "", body)]);
    assert_eq!(
        call("copy", &stub).lines,
        ["CopyOutcome { copied: [(\"2.0.0\", \"rev-2\")], failed: [(\"1.0.0\", \"MISMATCHED_REVISION\", \"no\")] }"]
    );
    let request = &stub.requests()[0];
    assert!(
        request.contains("source-repository=my-team-repo") && request.contains("destination-repository=my-shared-repo")
    );
    assert!(request.contains("\"1.0.0\":\"rev-1\"") && request.contains("\"2.0.0\":\"rev-2\""), "{request}");
    assert!(!request.contains("\"versions\""), "pinned by revision: {request}");
}
