//! Who may do what, over the wire: accounts, policies, tokens, signatures.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::Ordering,
};

use codeartifact::Host;
use hmac::{Hmac, Mac as _};
use local_service::{Identities, Options, StartError};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Answer, Connection, Service, fixed_clock, moved_clock, publish_body, request, send, sha256};

const OWNER: &str = "111122223333";
const OTHER: &str = "444455556666";
const NAMES: &str = "domain=acme&domain-owner=111122223333";

const FILE: &str = r#"
    strict = false

    [[principals]]
    arn = "arn:aws:iam::111122223333:user/bob"
    keys = [{ id = "OWNER", secret = "owner-secret" }]

    [[principals]]
    arn = "arn:aws:iam::111122223333:user/reader"
    keys = [{ id = "READER", secret = "reader-secret" }]
    policy = '''{ "Statement": { "Effect": "Allow", "Resource": "*", "Action": [
        "codeartifact:ReadFromRepository", "codeartifact:Describe*", "codeartifact:GetAuthorizationToken",
        "sts:GetServiceBearerToken"] } }'''

    [[principals]]
    arn = "arn:aws:iam::444455556666:user/ana"
    organization = "o-acme12345"
    keys = [{ id = "TEAM", secret = "team-secret" }]

    [[principals]]
    arn = "arn:aws:sts::444455556666:assumed-role/publisher/build-7"
    keys = [{ id = "PUBLISHER", secret = "s", session-token = "t", session-ends = "2027-01-15T08:30:00Z" }]

    [[principals]]
    arn = "arn:aws:iam::444455556666:user/bare"
    keys = [{ id = "BARE", secret = "bare-secret" }]
    policy = '{ "Statement": { "Effect": "Allow", "Action": "codeartifact:*", "Resource": "*" } }'

    [[principals]]
    arn = "arn:aws:iam::111122223333:root"
    keys = [{ id = "ROOT", secret = "root-secret" }]
"#;

fn identities(text: &str) -> Identities {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identities.toml");
    std::fs::write(&file, text).unwrap();
    Identities::read(&file).unwrap()
}

/// Accounts are told apart, signatures are not verified.
fn open_service() -> Service {
    let service = Service::of(Options { identities: identities(FILE), ..Options::ephemeral(fixed_clock()) });
    service.furnish();
    service
}

fn signed_by(key: &str) -> String {
    let zeros = "0".repeat(64);
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/codeartifact/aws4_request, SignedHeaders=host, Signature={zeros}"
    )
}

impl Service {
    fn by(&self, key: &str, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let text = body.map(Value::to_string).unwrap_or_default();
        self.send(method, target, &[("Authorization", &signed_by(key))], text.as_bytes())
    }

    /// The message of a denied call.
    #[track_caller]
    fn denied(&self, key: &str, method: &str, target: &str, body: Option<&Value>) -> String {
        let answer = self.by(key, method, target, body);
        assert_eq!(answer.status, 403, "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
        answer.json()["message"].as_str().unwrap().to_owned()
    }

    fn token_of(&self, key: &str) -> Option<String> {
        let answer = self.by(key, "POST", &format!("/v1/authorization-token?{NAMES}"), None);
        (answer.status == 200).then(|| answer.json()["authorizationToken"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn put_domain_policy(&self, statements: &Value) {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.ok("PUT", "/v1/domain/permissions/policy", Some(&json!({ "domain": "acme", "policyDocument": document })));
    }

    #[track_caller]
    fn put_repository_policy(&self, repository: &str, statements: &Value) {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let target = format!("/v1/repository/permissions/policy?{NAMES}&repository={repository}");
        self.ok("PUT", &target, Some(&json!({ "policyDocument": document })));
    }
}

fn allow(principal: &str, actions: &[&str]) -> Value {
    let actions: Vec<String> = actions.iter().map(|action| format!("codeartifact:{action}")).collect();
    json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": actions, "Resource": "*" })
}

#[test]
fn policies_are_put_shown_replaced_and_deleted() {
    let service = Service::furnished();
    let document = json!({ "Version": "2012-10-17", "Statement": [allow(OTHER, &["ReadFromRepository"])] }).to_string();
    let other = document.replace("Read", "Delete");
    for (kind, name, put, body, get, delete) in [
        (
            "domain",
            "acme",
            "/v1/domain/permissions/policy".to_owned(),
            json!({ "domain": "acme", "domainOwner": OWNER }),
            format!("/v1/domain/permissions/policy?{NAMES}"),
            format!("/v1/domain/permissions/policy?{NAMES}"),
        ),
        (
            "repository",
            "team",
            format!("/v1/repository/permissions/policy?{NAMES}&repository=team"),
            json!({}),
            format!("/v1/repository/permissions/policy?{NAMES}&repository=team"),
            format!("/v1/repository/permissions/policies?{NAMES}&repository=team"),
        ),
    ] {
        let with = |document: &str, revision: Option<&str>| {
            let mut body = body.clone();
            body["policyDocument"] = json!(document);
            if let Some(revision) = revision {
                body["policyRevision"] = json!(revision);
            }
            body
        };
        for (method, target) in [("GET", &get), ("DELETE", &delete)] {
            let (status, exception, body) = service.refused(method, target, None);
            assert_eq!((status, exception.as_str()), (404, "ResourceNotFoundException"));
            assert_eq!((&body["resourceType"], &body["resourceId"]), (&json!(kind), &json!(name)));
        }
        let made = service.ok("PUT", &put, Some(&with(&document, None)));
        let first = made["policy"]["revision"].as_str().unwrap().to_owned();
        assert_eq!(made["policy"]["document"], document);
        let arn = made["policy"]["resourceArn"].as_str().unwrap();
        assert!(arn.starts_with("arn:aws:codeartifact:eu-west-1:111122223333:") && arn.ends_with(name), "{arn}");
        assert_eq!(service.ok("GET", &get, None), made);

        // The very same text again is a new revision; the old one is stale.
        let again = service.ok("PUT", &put, Some(&with(&document, Some(&first))));
        let second = again["policy"]["revision"].as_str().unwrap().to_owned();
        assert_ne!(first, second);
        let (status, exception, body) = service.refused("PUT", &put, Some(&with(&other, Some(&first))));
        assert_eq!((status, exception.as_str()), (409, "ConflictException"));
        assert_eq!((&body["resourceType"], &body["resourceId"]), (&json!(kind), &json!(name)));
        let stale =
            format!("{delete}&policy-revision={}", first.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        assert_eq!(service.refused("DELETE", &stale, None).0, 409);
        assert_eq!(service.ok("GET", &get, None), again);

        let replaced = service.ok("PUT", &put, Some(&with(&other, None)));
        let current = replaced["policy"]["revision"].as_str().unwrap();
        let current =
            format!("{delete}&policy-revision={}", current.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"));
        assert_eq!(service.ok("DELETE", &current, None), replaced);
        assert_eq!(service.refused("GET", &get, None).0, 404);
        assert_eq!(service.refused("PUT", &put, Some(&with(&document, Some(&second)))).0, 409);

        let group = document.replace(OTHER, "arn:aws:iam::123456789012:group/package-publishers");
        let long = json!({ "Id": "x".repeat(7_200), "Statement": [allow("*", &["*"])] }).to_string();
        for (bad, reason) in [
            (String::new(), "FIELD_VALIDATION_FAILED"),
            (long, "FIELD_VALIDATION_FAILED"),
            ("{}".to_owned(), "OTHER"),
            ("{".to_owned(), "OTHER"),
            (json!({ "Statement": [] }).to_string(), "OTHER"),
            (group, "OTHER"),
        ] {
            let (status, exception, body) = service.refused("PUT", &put, Some(&with(&bad, None)));
            assert_eq!((status, exception.as_str()), (400, "ValidationException"), "{bad}");
            assert_eq!(body["reason"], reason, "{body}");
        }
        let without = service.refused("PUT", &put, Some(&body));
        assert_eq!(without.2["reason"], "FIELD_VALIDATION_FAILED");
    }
    let missing = format!("/v1/repository/permissions/policy?{NAMES}&repository=nobody");
    assert_eq!(service.refused("GET", &missing, None).2["resourceType"], "repository");
    let missing = "/v1/domain/permissions/policy?domain=nobody";
    assert_eq!(service.refused("GET", missing, None).2["resourceType"], "domain");
}

#[test]
fn another_account_needs_the_domains_and_the_repositorys_policy() {
    let token_policy = json!([allow(OTHER, &["GetAuthorizationToken"])]);
    let read_policy = json!([allow(OTHER, &["ReadFromRepository"])]);
    for (with_domain, with_repository) in [(false, false), (true, false), (false, true), (true, true)] {
        let service = open_service();
        if with_domain {
            service.put_domain_policy(&token_policy);
        }
        if with_repository {
            service.put_repository_policy("team", &read_policy);
        }
        let token = service.token_of("TEAM");
        assert_eq!(token.is_some(), with_domain);
        let Some(token) = token else { continue };
        let answer = service.cargo(&token, "GET", "team", "config.json", b"");
        assert_eq!(answer.status, if with_repository { 200 } else { 403 }, "{}", answer.text());
        if !with_repository {
            let text = answer.text();
            for words in ["arn:aws:iam::444455556666:user/ana", "ReadFromRepository", "repository/acme/team"] {
                assert!(text.contains(words), "{text}");
            }
        }
        // Reading is all that was allowed, and in that repository only.
        assert_eq!(service.publish(&token, "team", "anvil", "1.0.0", b"iron").status, 403);
        assert_eq!(service.cargo(&token, "GET", "shared", "config.json", b"").status, 403);
        // What is not there looks as what is not allowed.
        assert_eq!(service.cargo(&token, "GET", "nobody", "config.json", b"").status, 403);
    }
}

#[test]
fn what_is_allowed_of_the_wrong_resource_has_no_effect() {
    let service = open_service();
    service.put_domain_policy(&json!([allow(OTHER, &["GetAuthorizationToken", "ReadFromRepository"])]));
    let token = service.token_of("TEAM").unwrap();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 403);
    let target = format!("/v1/domain/permissions/policy?{NAMES}");
    service.ok("DELETE", &target, None);
    service.put_repository_policy("team", &json!([allow(OTHER, &["*"])]));
    assert_eq!(service.token_of("TEAM"), None);
    // The token of before is as good as the policies of now.
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
    // Everything is allowed but what would widen it.
    let target = format!("/v1/repository/permissions/policy?{NAMES}&repository=team");
    let message = service.denied("TEAM", "PUT", &target, Some(&json!({ "policyDocument": "{}" })));
    assert!(message.contains("no policy can grant this"), "{message}");
    assert_eq!(service.by("TEAM", "GET", &target, None).status, 200);
}

#[test]
fn a_shared_repository_is_read_by_all_and_published_to_by_one() {
    let service = open_service();
    let role = "arn:aws:iam::444455556666:role/publisher";
    service.put_domain_policy(&json!([allow(OTHER, &["GetAuthorizationToken"])]));
    let package = "arn:aws:codeartifact:eu-west-1:111122223333:package/acme/shared/cargo//anvil";
    service.put_repository_policy(
        "shared",
        &json!([
            allow(OTHER, &["ReadFromRepository", "Describe*", "List*"]),
            { "Effect": "Allow", "Principal": { "AWS": role }, "Action": "codeartifact:PublishPackageVersion", "Resource": package },
        ]),
    );
    let (team, role_token) = (service.token_of("TEAM").unwrap(), service.token_of("PUBLISHER").unwrap());
    let refused = service.publish(&team, "shared", "anvil", "1.0.0", b"iron");
    assert_eq!(refused.status, 403);
    let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
    for words in ["user/ana", "PublishPackageVersion", "the policy of repository `shared` has no statement"] {
        assert!(detail.contains(words), "{detail}");
    }
    let published = service.publish(&role_token, "shared", "anvil", "1.0.0", b"iron");
    assert_eq!(published.status, 200, "{}", published.text());
    // The body names the package: it is asked again when that is known.
    let other = service.publish(&role_token, "shared", "hammer", "1.0.0", b"iron");
    assert_eq!(other.status, 403, "{}", other.text());
    assert!(other.text().contains("package/acme/shared/cargo//hammer"), "{}", other.text());
    let download = "api/v1/crates/anvil/1.0.0/download";
    assert_eq!(service.cargo(&team, "GET", "shared", download, b"").body, b"iron");
    // A yank is a change of status, which nobody allowed.
    let yank = service.cargo(&role_token, "DELETE", "shared", "api/v1/crates/anvil/1.0.0/yank", b"");
    assert!(yank.status == 403 && yank.text().contains("UpdatePackageVersionsStatus"), "{}", yank.text());
    // The other plane asks the same policies.
    let list = format!("/v1/packages?{NAMES}&repository=shared");
    assert_eq!(service.by("TEAM", "POST", &list, None).status, 200);
    let names = format!("{NAMES}&repository=shared&format=cargo&package=anvil");
    service.denied(
        "TEAM",
        "POST",
        &format!("/v1/package/versions/delete?{names}"),
        Some(&json!({ "versions": ["1.0.0"] })),
    );
}

#[test]
fn an_owners_identity_with_a_policy_may_no_more_than_that() {
    let service = open_service();
    let token = service.token_of("READER").unwrap();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
    let refused = service.publish(&token, "team", "anvil", "1.0.0", b"iron");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("the identity's policy does not allow it"), "{}", refused.text());
    assert_eq!(service.by("READER", "GET", &format!("/v1/domain?{NAMES}"), None).status, 200);
    let message = service.denied("READER", "POST", "/v1/domains", None);
    assert!(message.contains("codeartifact:ListDomains on resource: *"), "{message}");
    // A token needs what gives out tokens, too.
    service.put_domain_policy(&json!([allow(OTHER, &["*"])]));
    let message = service.denied("BARE", "POST", &format!("/v1/authorization-token?{NAMES}"), None);
    assert!(message.contains("sts:GetServiceBearerToken"), "{message}");
    // A root that somebody wrote down cannot have tokens; the one that nobody did can.
    let message = service.denied("ROOT", "POST", &format!("/v1/authorization-token?{NAMES}"), None);
    assert!(message.contains("root cannot have tokens"), "{message}");
    assert!(service.token_of("ANYBODY").is_some());
    // A condition on the transport, which is plain here.
    let mut secure = json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" });
    secure["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
    service.put_repository_policy("team", &json!([secure]));
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 403);
}

#[test]
fn copies_and_upstreams_ask_both_repositories() {
    let service = open_service();
    let owner = service.token_of("OWNER").unwrap();
    assert_eq!(service.publish(&owner, "team", "anvil", "1.0.0", b"iron").status, 200);
    let copy = format!(
        "/v1/package/versions/copy?{NAMES}&source-repository=team&destination-repository=shared&format=cargo&package=anvil"
    );
    let versions = json!({ "versions": ["1.0.0"] });
    let read = json!([allow(OTHER, &["ReadFromRepository"])]);
    let write = json!([allow(OTHER, &["CopyPackageVersions"])]);
    let message = service.denied("TEAM", "POST", &copy, Some(&versions));
    assert!(
        message.contains(
            "ReadFromRepository on resource: arn:aws:codeartifact:eu-west-1:111122223333:repository/acme/team"
        ),
        "{message}"
    );
    service.put_repository_policy("team", &read);
    let message = service.denied("TEAM", "POST", &copy, Some(&versions));
    assert!(
        message.contains("CopyPackageVersions") && message.contains("package/acme/shared/cargo//anvil"),
        "{message}"
    );
    service.put_repository_policy("shared", &write);
    let answer = service.by("TEAM", "POST", &copy, Some(&versions));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["successfulVersions"]["1.0.0"]["status"], "Published");

    // A repository of another account in this domain: the domain lets it be made, the upstream lets itself be one.
    let create = format!("/v1/repository?{NAMES}&repository=theirs");
    let upstreams = json!({ "upstreams": [{ "repositoryName": "shared" }] });
    service.denied("TEAM", "POST", &create, None);
    service.put_domain_policy(&json!([allow(OTHER, &["CreateRepository"])]));
    let message = service.denied("TEAM", "POST", &create, Some(&upstreams));
    assert!(message.contains("AssociateWithDownstreamRepository"), "{message}");
    let tagged = json!({ "tags": [{ "key": "a", "value": "b" }] });
    assert!(service.denied("TEAM", "POST", &create, Some(&tagged)).contains("TagResource"));
    service.put_repository_policy("shared", &json!([allow(OTHER, &["AssociateWithDownstreamRepository"])]));
    let made = service.by("TEAM", "POST", &create, Some(&upstreams));
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["repository"]["administratorAccount"], OTHER);
    // It is its maker's as well as the domain owner's.
    for key in ["TEAM", "OWNER"] {
        assert_eq!(service.by(key, "GET", &create, None).status, 200, "{key}");
    }
}

/// Every operation of the API, as a stranger calls it: those about a domain that is not theirs are denied.
#[test]
fn a_stranger_is_denied_everything() {
    let service = open_service();
    let package = format!("{NAMES}&repository=team&format=cargo&package=anvil");
    let version = format!("{package}&version=1.0.0");
    let group = format!("{NAMES}&package-group=%2Fnpm%2F%2A");
    let repository = format!("{NAMES}&repository=team");
    let arn = "resourceArn=arn%3Aaws%3Acodeartifact%3Aeu-west-1%3A111122223333%3Arepository%2Facme%2Fteam";
    let of_group = json!({ "packageGroup": "/npm/*" });
    let tags = json!({ "tags": [{ "key": "a", "value": "b" }] });
    let versions = json!({ "versions": ["1.0.0"] });
    let policy = json!({ "domain": "acme", "domainOwner": OWNER, "policyDocument": "{}" });
    let none = Value::Null;
    let calls = [
        ("POST", format!("repository/external-connection?{repository}&external-connection=public:crates-io"), &none),
        (
            "POST",
            format!(
                "package/versions/copy?{NAMES}&source-repository=team&destination-repository=shared&format=cargo&package=anvil"
            ),
            &versions,
        ),
        ("POST", format!("package-group?{NAMES}"), &of_group),
        ("POST", format!("repository?{NAMES}&repository=new"), &none),
        ("DELETE", format!("domain?{NAMES}"), &none),
        ("DELETE", format!("domain/permissions/policy?{NAMES}"), &none),
        ("DELETE", format!("package?{package}"), &none),
        ("DELETE", format!("package-group?{group}"), &none),
        ("POST", format!("package/versions/delete?{package}"), &versions),
        ("DELETE", format!("repository?{repository}"), &none),
        ("DELETE", format!("repository/permissions/policies?{repository}"), &none),
        ("GET", format!("domain?{NAMES}"), &none),
        ("GET", format!("package?{package}"), &none),
        ("GET", format!("package-group?{group}"), &none),
        ("GET", format!("package/version?{version}"), &none),
        ("GET", format!("repository?{repository}"), &none),
        ("DELETE", format!("repository/external-connection?{repository}&external-connection=public:crates-io"), &none),
        ("POST", format!("package/versions/dispose?{package}"), &versions),
        ("GET", format!("get-associated-package-group?{NAMES}&format=cargo&package=anvil"), &none),
        ("POST", format!("authorization-token?{NAMES}"), &none),
        ("GET", format!("domain/permissions/policy?{NAMES}"), &none),
        ("GET", format!("package/version/asset?{version}&asset=a"), &none),
        ("GET", format!("package/version/readme?{version}"), &none),
        ("GET", format!("repository/endpoint?{repository}&format=cargo"), &none),
        ("GET", format!("repository/permissions/policy?{repository}"), &none),
        ("GET", format!("package-group-allowed-repositories?{group}&originRestrictionType=PUBLISH"), &none),
        ("GET", format!("list-associated-packages?{group}"), &none),
        ("POST", format!("package-groups?{NAMES}"), &none),
        ("POST", format!("package/version/assets?{version}"), &none),
        ("POST", format!("package/version/dependencies?{version}"), &none),
        ("POST", format!("package/versions?{package}"), &none),
        ("POST", format!("packages?{repository}"), &none),
        ("POST", format!("domain/repositories?{NAMES}"), &none),
        ("POST", format!("package-groups/sub-groups?{group}"), &none),
        ("POST", format!("tags?{arn}"), &none),
        (
            "POST",
            format!(
                "package/version/publish?{NAMES}&repository=team&format=generic&namespace=n&package=p&version=1&asset=a"
            ),
            &none,
        ),
        ("PUT", "domain/permissions/policy".to_owned(), &policy),
        ("POST", format!("package?{package}"), &none),
        ("PUT", format!("repository/permissions/policy?{repository}"), &policy),
        ("POST", format!("tag?{arn}"), &tags),
        ("POST", format!("untag?{arn}"), &none),
        ("PUT", format!("package-group?{NAMES}"), &of_group),
        ("PUT", format!("package-group-origin-configuration?{group}"), &none),
        ("POST", format!("package/versions/update_status?{package}"), &versions),
        ("PUT", format!("repository?{repository}"), &none),
    ];
    // The other three are about the caller's own account.
    assert_eq!(calls.len(), 48 - 3);
    for (method, target, body) in calls {
        let message =
            service.denied("TEAM", method, &format!("/v1/{target}"), Some(body).filter(|body| !body.is_null()));
        assert!(
            message.starts_with("User: arn:aws:iam::444455556666:user/ana is not authorized to perform: "),
            "{message}"
        );
        assert!(message.contains("111122223333"), "{message}");
    }
    for target in ["domains", "repositories"] {
        let answer = service.by("TEAM", "POST", &format!("/v1/{target}"), None);
        assert_eq!(answer.json()[target], json!([]), "an account sees its own");
    }
    assert_eq!(service.by("TEAM", "POST", "/v1/domain?domain=acme", None).status, 200, "names are an account's own");
    assert_eq!(service.by("TEAM", "GET", "/v1/domain?domain=acme", None).json()["domain"]["owner"], OTHER);
}

#[test]
fn tokens_live_as_long_as_they_say_and_for_their_domain() {
    let (clock, seconds) = moved_clock();
    let service = Service::of(Options { identities: identities(FILE), ..Options::ephemeral(clock) });
    service.furnish();
    service.put_domain_policy(&json!([allow(OTHER, &["GetAuthorizationToken"])]));
    let issue = |key: &str, duration: &str| {
        let answer = service.by(key, "POST", &format!("/v1/authorization-token?{NAMES}{duration}"), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let token = answer["authorizationToken"].as_str().unwrap().to_owned();
        let now = u32::try_from(seconds.load(Ordering::SeqCst)).unwrap();
        (token, answer["expiration"].as_f64().unwrap() - f64::from(now))
    };
    for (key, duration, expected) in [
        ("OWNER", "", 43_200.0),
        ("OWNER", "&duration=0", 43_200.0),
        ("OWNER", "&duration=900", 900.0),
        ("OWNER", "&duration=43200", 43_200.0),
        // A session that has half an hour left.
        ("PUBLISHER", "&duration=0", 1_800.0),
        ("PUBLISHER", "&duration=43200", 43_200.0),
    ] {
        assert!((issue(key, duration).1 - expected).abs() < 1.5, "{key}{duration}: {}", issue(key, duration).1);
    }
    for duration in ["899", "43201", "-1", "x", "1"] {
        let answer = service.by("OWNER", "POST", &format!("/v1/authorization-token?{NAMES}&duration={duration}"), None);
        assert_eq!(
            (answer.status, answer.json()["reason"].as_str()),
            (400, Some("FIELD_VALIDATION_FAILED")),
            "{duration}"
        );
    }
    let (short, _) = issue("OWNER", "&duration=900");
    let (long, _) = issue("OWNER", "");
    let status = |token: &str| service.cargo(token, "GET", "team", "config.json", b"").status;
    assert_eq!((status(&short), status(&long)), (200, 200));
    seconds.fetch_add(900, Ordering::SeqCst);
    assert_eq!((status(&short), status(&long)), (401, 200));
    seconds.fetch_add(1_000, Ordering::SeqCst);
    let message = service.denied("PUBLISHER", "POST", &format!("/v1/authorization-token?{NAMES}"), None);
    assert!(message.contains("has ended"), "{message}");

    // Another domain of the same owner, and the same name of another owner.
    service.ok("POST", "/v1/domain?domain=other", None);
    service.ok("POST", "/v1/repository?domain=other&repository=team", None);
    let path = "/d/other-111122223333/cargo/team/config.json";
    assert_eq!(service.send("GET", path, &[("Authorization", &long)], b"").status, 403);
    service.by("TEAM", "POST", "/v1/domain?domain=acme", None);
    service.by("TEAM", "POST", "/v1/repository?domain=acme&repository=team", None);
    let path = "/d/acme-444455556666/cargo/team/config.json";
    assert_eq!(service.send("GET", path, &[("Authorization", &long)], b"").status, 403);

    // A later domain of the same name.
    for name in ["app", "shared", "team"] {
        service.ok("DELETE", &format!("/v1/repository?domain=acme&repository={name}"), None);
    }
    service.ok("DELETE", "/v1/domain?domain=acme", None);
    assert_eq!(status(&long), 404);
    service.furnish();
    assert_eq!(status(&long), 401);
}

#[test]
fn a_token_ends_with_the_identity_it_was_given_to() {
    let data = tempfile::tempdir().unwrap();
    let start = |identities: Identities| {
        Service::of(Options { identities, ..Options::durable(data.path().join("data"), fixed_clock()) })
    };
    let service = start(identities(FILE));
    service.furnish();
    let reader = service.token_of("READER").unwrap();
    let bob = service.token_of("OWNER").unwrap();
    let nobody = service.token_of("ANYBODY").unwrap();
    drop(service);
    let service = start(identities(
        &FILE
            .replace("user/reader", "user/other")
            .replace(":root", ":user/root")
            .replace("strict = false", "strict = true"),
    ));
    let status = |token: &str| service.cargo(token, "GET", "team", "config.json", b"").status;
    assert_eq!((status(&bob), status(&reader), status(&nobody)), (200, 401, 401));
}

/// What the AWS tools send, signed with a secret.
fn sign(
    address: SocketAddr,
    key: &str,
    secret: &str,
    method: &str,
    target: &str,
    body: &[u8],
) -> Vec<(String, String)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    // By name: a dash sorts before an equals sign.
    pairs.sort_unstable_by_key(|pair| pair.split_once('='));
    let date = "20270115T080000Z";
    let canonical = format!(
        "{method}\n{path}\n{}\nhost:{address}\nx-amz-date:{date}\n\nhost;x-amz-date\n{}",
        pairs.join("&"),
        sha256(body)
    );
    let scope = "20270115/eu-west-1/codeartifact/aws4_request";
    let mac = |key: &[u8], text: &str| {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
    };
    let mut signing = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        signing = mac(&signing, part);
    }
    let string = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let bytes: Vec<String> = mac(&signing, &string).iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = bytes.concat();
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}");
    vec![("Authorization".to_owned(), authorization), ("X-Amz-Date".to_owned(), date.to_owned())]
}

#[test]
fn a_strict_service_knows_its_callers() {
    let strict = FILE.replace("strict = false", "hosts = [\"packages.example\"]");
    let service = Service::of(Options { identities: identities(&strict), ..Options::ephemeral(fixed_clock()) });
    let call = |key: &str, secret: &str, method: &str, target: &str, body: &[u8], sent: &[u8]| {
        let headers = sign(service.address, key, secret, method, target, body);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        service.send(method, target, &headers, sent)
    };
    let create = "/v1/domain?domain=acme";
    for (key, secret, sent, words) in [
        ("NOBODY", "owner-secret", &b""[..], "the access key `NOBODY` is not known"),
        ("OWNER", "team-secret", b"", "the signature does not match"),
        ("OWNER", "owner-secret", b"{}", "the signature does not match"),
        ("PUBLISHER", "s", b"", "needs its session token"),
    ] {
        let answer = call(key, secret, "POST", create, b"", sent);
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(!answer.text().contains("secret\""), "{}", answer.text());
    }
    assert_eq!(service.by("OWNER", "POST", create, None).status, 403);
    assert_eq!(call("OWNER", "owner-secret", "POST", create, b"", b"").status, 200);
    let repository = format!("/v1/repository?{NAMES}&repository=team");
    assert_eq!(call("OWNER", "owner-secret", "POST", &repository, b"{}", b"{}").status, 200);
    assert_eq!(call("TEAM", "team-secret", "GET", &repository, b"", b"").status, 403);
    let token = call("OWNER", "owner-secret", "POST", &format!("/v1/authorization-token?{NAMES}"), b"", b"");
    let token = token.json()["authorizationToken"].as_str().unwrap().to_owned();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
    assert_eq!(service.publish(&token, "team", "anvil", "1.0.0", b"iron").status, 200);
}

/// An address of this machine that is no loopback: where its packets would leave from. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // An address that stands in documents and nowhere else (RFC 5737).
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().unwrap().ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}

/// Others are served, by the key that they have; what the service tells of itself is for this machine.
#[test]
fn what_the_service_tells_of_itself_stays_on_this_machine() {
    let Some(own) = own_address() else {
        let needed = Host::of_process().var("TESTS_NEED_ALL").is_some();
        assert!(!needed, "this machine has no address but those of loopback");
        eprintln!("not tested: this machine has no address but those of loopback");
        return;
    };
    let strict = FILE.replace("strict = false", "");
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let options = Options { identities: identities(&strict), listen, ..Options::ephemeral(fixed_clock()) };
    let service = Service::of(options);
    let port = service.address.port();
    for (address, expected) in [(own, 404), (IpAddr::V4(Ipv4Addr::LOCALHOST), 200)] {
        let address = SocketAddr::new(address, port);
        for page in ["/_local/counters", "/_local/events"] {
            assert_eq!(send(address, "GET", page, &[], b"").unwrap().status, expected, "{page} at {address}");
        }
        let target = "/v1/domain?domain=acme";
        let headers = sign(address, "OWNER", "owner-secret", "GET", target, b"");
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = send(address, "GET", target, &headers, b"").unwrap();
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert_eq!(answer.header("x-amzn-errortype"), Some("ResourceNotFoundException"), "it is served");
        assert_eq!(send(address, "GET", target, &[], b"").unwrap().status, 403);
    }
}

#[test]
fn only_a_strict_service_listens_to_others() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let options =
        |text: &str| Options { identities: identities(text), listen: everywhere, ..Options::ephemeral(fixed_clock()) };
    let open = local_service::LocalService::start(options(FILE));
    assert!(matches!(open, Err(StartError::NotLoopback { address }) if address == everywhere));
    let strict = FILE.replace("strict = false", "hosts = [\"packages.example\"]");
    let service = Service::of(options(&strict));
    let address: SocketAddr = ([127, 0, 0, 1], service.address.port()).into();
    for (host, expected) in [
        ("127.0.0.1", 403),
        ("packages.example", 403),
        ("Packages.Example", 403),
        ("evil.example", 421),
        ("packages.example.evil.example", 421),
        ("0.0.0.0", 421),
        ("192.0.2.1", 421),
    ] {
        let mut connection = Connection::open(address).unwrap();
        let text = String::from_utf8(request(address, "GET", "/v1/domain?domain=acme", &[], b"")).unwrap();
        let text = text.replace(&format!("Host: {address}"), &format!("Host: {host}:{}", address.port()));
        connection.send(text.as_bytes()).unwrap();
        // 403: it may ask, and is not signed.
        assert_eq!(connection.receive(false).unwrap().status, expected, "{host}");
    }
    let answer = send(address, "GET", "/_local/counters", &[("Origin", "http://packages.example")], b"").unwrap();
    assert_eq!(answer.status, 403);
    let body = publish_body("anvil", "1.0.0", b"iron");
    let answer = send(address, "PUT", "/d/acme-111122223333/cargo/team/api/v1/crates/new", &[], &body).unwrap();
    assert_eq!(answer.status, 401);
}
