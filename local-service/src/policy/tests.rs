//! The evaluator by tables.

#![expect(clippy::needless_pass_by_value, reason = "documents are written where they are used")]

use std::{net::IpAddr, sync::Arc};

use codeartifact::AccountId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::state::{AboutDomain, Policy};

const OWNER: &str = "111122223333";
const OTHER: &str = "444455556666";
const REPOSITORY: &str = "arn:aws:codeartifact:eu-west-1:111122223333:repository/acme/team";
const PACKAGE: &str = "arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/npm/acme/ui";
const READ: &str = "codeartifact:ReadFromRepository";
const PUBLISH: &str = "codeartifact:PublishPackageVersion";
/// 2027-01-15T08:00:00Z
const NOW: Millis = 1_800_000_000_000;

/// A request and everything that policies can say about it.
#[derive(Clone)]
struct Scene {
    principal: String,
    organization: Option<&'static str>,
    identity: Option<Value>,
    domain: Option<Value>,
    repository: Option<Value>,
    /// Whether the repository or the domain is asked for.
    of_domain: bool,
    action: &'static str,
    target: Target,
    source: &'static str,
    secure: bool,
}

impl Scene {
    fn by(principal: &str) -> Self {
        Self {
            principal: principal.to_owned(),
            organization: None,
            identity: None,
            domain: None,
            repository: None,
            of_domain: false,
            action: READ,
            target: Target::Exactly(REPOSITORY.to_owned()),
            source: "127.0.0.1",
            secure: false,
        }
    }

    fn of_other() -> Self {
        Self::by("arn:aws:iam::444455556666:user/ana")
    }

    fn of_owner() -> Self {
        Self::by("arn:aws:iam::111122223333:user/bob")
    }

    fn repository(mut self, statements: Value) -> Self {
        self.repository = Some(json!({ "Statement": statements }));
        self
    }

    fn domain(mut self, statements: Value) -> Self {
        self.domain = Some(json!({ "Statement": statements }));
        self
    }

    fn identity(mut self, statements: Value) -> Self {
        self.identity = Some(json!({ "Statement": statements }));
        self
    }

    fn doing(mut self, action: &'static str) -> Self {
        self.action = action;
        self
    }

    fn to(mut self, arn: &str) -> Self {
        self.target = Target::Exactly(arn.to_owned());
        self
    }

    fn decide(&self) -> Result<(), String> {
        let policy = |document: &Option<Value>| {
            document.as_ref().map(|document| {
                let text = document.to_string();
                Document::parse(&text, AttachedTo::Resource).unwrap();
                serde_json::from_value::<Policy>(json!({ "revision": "r", "document": text })).unwrap()
            })
        };
        let principal = Principal {
            arn: PrincipalArn::parse(&self.principal).unwrap(),
            organization: self.organization.map(str::to_owned),
            policy: self
                .identity
                .as_ref()
                .map(|document| Arc::new(Document::read(document, AttachedTo::Identity).unwrap())),
            assumed: false,
        };
        let owner: AccountId = OWNER.parse().unwrap();
        let key =
            DomainKey { region: "eu-west-1".parse().unwrap(), owner: owner.clone(), name: "acme".parse().unwrap() };
        let mut domain: AboutDomain =
            serde_json::from_value(json!({ "created": 0, "encryption_key": "k", "tags": { "Team": "all" } })).unwrap();
        domain.policy = policy(&self.domain);
        let mut about: AboutRepository = serde_json::from_value(
            json!({ "administrator": OWNER, "created": 0, "description": null, "upstreams": [], "tags": { "Team": "blue" } }),
        )
        .unwrap();
        about.policy = policy(&self.repository);
        let repository = RepositoryKey { domain: key.clone(), name: "team".parse().unwrap() };
        let place = if self.of_domain {
            Place::Domain(&key, &domain)
        } else {
            Place::Repository(&repository, &domain, Some(&about))
        };
        let demand = Demand {
            principal: &principal,
            action: self.action,
            target: &self.target,
            region: "eu-west-1",
            circumstances: Circumstances {
                source: self.source.parse::<IpAddr>().unwrap(),
                secure: self.secure,
                now: NOW,
            },
            place,
        };
        demand.decide().map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn allowed(&self) {
        assert_eq!(self.decide(), Ok(()));
    }

    #[track_caller]
    fn denied(&self, reason: &str) {
        let message = self.decide().unwrap_err();
        assert!(message.contains(&self.principal) && message.contains(self.action), "{message}");
        assert!(message.contains(reason), "`{message}` does not say `{reason}`");
    }
}

fn allow(principal: &str) -> Value {
    json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "codeartifact:*", "Resource": "*" })
}

fn deny(principal: &str) -> Value {
    json!({ "Sid": "Never", "Effect": "Deny", "Principal": { "AWS": principal }, "Action": "*", "Resource": "*" })
}

fn may(action: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": "*" })
}

#[test]
fn owners_may_and_others_need_a_policy() {
    Scene::of_owner().allowed();
    Scene::of_other().denied("the policy of repository `team` is needed to allow it to another account");
    Scene::of_other().repository(allow(OTHER)).allowed();
    Scene::of_other()
        .repository(allow(OWNER))
        .denied("the policy of repository `team` has no statement that allows it");
    // What the domain's policy allows opens no repository.
    Scene::of_other().domain(allow(OTHER)).denied("the policy of repository `team` is needed");
    let mut of_domain = Scene::of_other();
    of_domain.of_domain = true;
    of_domain.denied("the policy of domain `acme` is needed");
    of_domain.clone().domain(allow(OTHER)).allowed();
    // Nor the other way round.
    of_domain.repository(allow(OTHER)).denied("the policy of domain `acme` is needed");
}

#[test]
fn a_denial_of_any_policy_decides() {
    Scene::of_owner().repository(deny("*")).denied("statement `Never` of the policy of repository `team` denies it");
    Scene::of_owner().domain(deny("*")).denied("statement `Never` of the policy of domain `acme` denies it");
    Scene::of_other().repository(json!([allow(OTHER), deny(OTHER)])).denied("statement `Never`");
    Scene::of_other().repository(allow("*")).domain(deny(OTHER)).denied("the policy of domain `acme` denies it");
    let own = json!([may("*"), { "Effect": "Deny", "Action": READ, "Resource": "*" }]);
    Scene::of_owner().identity(own.clone()).denied("statement number 2 of the identity's policy denies it");
    Scene::of_other().repository(allow("*")).identity(own).denied("the identity's policy denies it");
}

#[test]
fn an_identity_with_a_policy_needs_it_as_its_account_says() {
    let other = may("s3:*");
    Scene::of_owner().identity(may(READ)).allowed();
    Scene::of_owner().identity(other.clone()).denied("the identity's policy does not allow it");
    // Within the account one of both is enough, if it names the identity and not the account as a whole.
    let bob = "arn:aws:iam::111122223333:user/bob";
    Scene::of_owner().identity(other.clone()).repository(allow(bob)).allowed();
    Scene::of_owner().identity(other.clone()).repository(allow("*")).allowed();
    Scene::of_owner()
        .identity(other.clone())
        .repository(allow(OWNER))
        .denied("the identity's policy does not allow it");
    // From another account both are needed.
    Scene::of_other().identity(may(READ)).repository(allow(OTHER)).allowed();
    Scene::of_other().identity(may(READ)).denied("the policy of repository `team` is needed");
    let ana = "arn:aws:iam::444455556666:user/ana";
    Scene::of_other().identity(other).repository(allow(ana)).denied("the identity's policy does not allow it");
}

#[test]
fn nobody_lets_himself_in_or_locks_himself_out() {
    for action in ["codeartifact:PutRepositoryPermissionsPolicy", "codeartifact:DeleteRepositoryPermissionsPolicy"] {
        Scene::of_owner().repository(deny("*")).doing(action).allowed();
        Scene::of_owner().domain(deny("*")).doing(action).denied("the policy of domain `acme` denies it");
        Scene::of_other().repository(allow("*")).domain(allow("*")).doing(action).denied("no policy can grant this");
    }
    for action in ["codeartifact:PutDomainPermissionsPolicy", "codeartifact:DeleteDomainPermissionsPolicy"] {
        let mut scene = Scene::of_owner().domain(deny("*")).doing(action);
        scene.of_domain = true;
        scene.allowed();
        scene.principal = "arn:aws:iam::444455556666:root".to_owned();
        scene.domain(allow("*")).denied("no policy can grant this");
    }
}

#[test]
fn principals_in_all_their_forms() {
    let session = Scene::by("arn:aws:sts::444455556666:assumed-role/publisher/build-7");
    for (principal, expected) in [
        (json!("*"), true),
        (json!({ "AWS": "*" }), true),
        (json!({ "AWS": OTHER }), true),
        (json!({ "AWS": ["111122223333", "arn:aws:iam::444455556666:root"] }), true),
        (json!({ "AWS": "arn:aws:iam::444455556666:role/publisher" }), true),
        (json!({ "AWS": "arn:aws:iam::444455556666:role/ci/publisher" }), true),
        (json!({ "AWS": "arn:aws:sts::444455556666:assumed-role/publisher/build-7" }), true),
        (json!({ "AWS": "arn:aws:sts::444455556666:assumed-role/publisher/build-8" }), false),
        (json!({ "AWS": "arn:aws:iam::444455556666:role/reader" }), false),
        (json!({ "AWS": OWNER }), false),
        (json!({ "Service": "codebuild.amazonaws.com" }), false),
        (json!({ "Service": "codebuild.amazonaws.com", "AWS": OTHER }), true),
    ] {
        let statement = |member: &str, effect: &str| {
            let mut statement = json!({ "Effect": effect, "Action": "*", "Resource": "*" });
            statement[member] = principal.clone();
            statement
        };
        let plain = session.clone().repository(statement("Principal", "Allow"));
        assert_eq!(plain.decide().is_ok(), expected, "{principal}");
        let all_but = session.clone().repository(json!([allow("*"), statement("NotPrincipal", "Deny")]));
        assert_eq!(all_but.decide().is_ok(), expected, "all but {principal}");
        let but = session.clone().repository(statement("NotPrincipal", "Allow"));
        assert_eq!(but.decide().is_ok(), !expected, "{principal} excepted");
    }
}

#[test]
fn actions_and_resources() {
    let scene = Scene::of_other().doing(PUBLISH).to(PACKAGE);
    for (member, value, expected) in [
        ("Action", json!("*"), true),
        ("Action", json!("codeartifact:*"), true),
        ("Action", json!("CodeArtifact:publishpackageversion"), true),
        ("Action", json!("codeartifact:Publish*"), true),
        ("Action", json!("codeartifact:PublishPackageVersio?"), true),
        ("Action", json!(["codeartifact:ReadFromRepository", PUBLISH]), true),
        ("Action", json!(READ), false),
        ("Action", json!("s3:*"), false),
        ("NotAction", json!(READ), true),
        ("NotAction", json!("codeartifact:P*"), false),
        ("NotAction", json!([READ, PUBLISH]), false),
        ("Resource", json!("*"), true),
        ("Resource", json!(PACKAGE), true),
        ("Resource", json!("arn:aws:codeartifact:*:111122223333:package/acme/team/npm/*"), true),
        ("Resource", json!("arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/npm/acme/u?"), true),
        ("Resource", json!("arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/NPM/acme/ui"), false),
        ("Resource", json!("arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/pypi/*"), false),
        ("Resource", json!(REPOSITORY), false),
        ("NotResource", json!(REPOSITORY), true),
        ("NotResource", json!([REPOSITORY, PACKAGE]), false),
    ] {
        let mut statement = allow("*");
        let other = if member.ends_with("Action") { "Action" } else { "Resource" };
        statement.as_object_mut().unwrap().remove(other);
        statement[member] = value.clone();
        assert_eq!(scene.clone().repository(statement).decide().is_ok(), expected, "{member} {value}");
    }
}

#[test]
fn a_package_that_is_not_known_yet() {
    let under = "arn:aws:codeartifact:eu-west-1:111122223333:package/acme/team/cargo/";
    let one = format!("{under}/serde");
    let only = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": one });
    let never = json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": one });
    let all = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": format!("{under}*") });
    let scene = |target: Target, statements: Value| {
        let mut scene = Scene::of_other().doing(PUBLISH).repository(statements);
        scene.target = target;
        scene.decide().is_ok()
    };
    for (statements, may_be, surely) in [
        (json!([only]), true, false),
        (json!([all]), true, true),
        (json!([all, never]), true, false),
        (json!([never]), false, false),
    ] {
        assert_eq!(scene(Target::Under(under.to_owned()), statements.clone()), may_be, "{statements}");
        assert_eq!(scene(Target::All(under.to_owned()), statements.clone()), surely, "{statements}");
    }
}

/// Operator, key, values, and whether it holds for the scene of the test.
fn conditions() -> Vec<(&'static str, &'static str, Value, bool)> {
    let ana = "arn:aws:iam::444455556666:user/ana";
    vec![
        ("StringEquals", "aws:PrincipalOrgID", json!("o-acme12345"), true),
        ("StringEquals", "AWS:principalorgid", json!(["o-other", "o-acme12345"]), true),
        ("StringEquals", "aws:PrincipalOrgID", json!("O-ACME12345"), false),
        ("StringEquals", "aws:PrincipalAccount", json!(OTHER), true),
        ("StringEquals", "aws:ResourceAccount", json!(OWNER), true),
        ("StringEquals", "aws:RequestedRegion", json!("eu-west-1"), true),
        ("StringEquals", "aws:ResourceTag/Team", json!("blue"), true),
        ("StringEquals", "aws:ResourceTag/Team", json!("red"), false),
        ("StringEquals", "aws:ResourceTag/Other", json!("blue"), false),
        ("StringNotEquals", "aws:PrincipalOrgID", json!("o-other"), true),
        ("StringNotEquals", "aws:PrincipalOrgID", json!(["o-other", "o-acme12345"]), false),
        // A key that is not there fails an operator, and satisfies its negation.
        ("StringEquals", "aws:SourceVpc", json!("vpc-1"), false),
        ("StringNotEquals", "aws:SourceVpc", json!("vpc-1"), true),
        ("StringEqualsIfExists", "aws:SourceVpc", json!("vpc-1"), true),
        ("StringEqualsIfExists", "aws:PrincipalOrgID", json!("o-other"), false),
        ("StringEqualsIgnoreCase", "aws:PrincipalOrgID", json!("O-ACME12345"), true),
        ("StringNotEqualsIgnoreCase", "aws:PrincipalOrgID", json!("O-ACME12345"), false),
        ("StringLike", "aws:PrincipalArn", json!("arn:aws:iam::*:user/a?a"), true),
        ("StringLike", "aws:PrincipalArn", json!("arn:aws:iam::*:role/*"), false),
        ("StringNotLike", "aws:PrincipalArn", json!("arn:aws:iam::*:role/*"), true),
        ("StringNotLike", "aws:PrincipalArn", json!("*ana"), false),
        ("ArnEquals", "aws:PrincipalArn", json!(ana), true),
        ("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:user/*"), true),
        ("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::*:role/*"), false),
        ("ArnNotEquals", "aws:PrincipalArn", json!(ana), false),
        ("ArnNotLike", "aws:PrincipalArn", json!("arn:*:iam::*:role/*"), true),
        ("IpAddress", "aws:SourceIp", json!("127.0.0.1"), true),
        ("IpAddress", "aws:SourceIp", json!("127.0.0.0/8"), true),
        ("IpAddress", "aws:SourceIp", json!(["10.0.0.0/8", "0.0.0.0/0"]), true),
        ("IpAddress", "aws:SourceIp", json!(["::1", "10.0.0.0/8"]), false),
        ("NotIpAddress", "aws:SourceIp", json!("10.0.0.0/8"), true),
        ("NotIpAddress", "aws:SourceIp", json!("127.0.0.1/32"), false),
        ("Bool", "aws:SecureTransport", json!("false"), true),
        ("Bool", "aws:SecureTransport", json!(true), false),
        ("DateEquals", "aws:CurrentTime", json!("2027-01-15T08:00:00Z"), true),
        ("DateEquals", "aws:EpochTime", json!(1_800_000_000), true),
        ("DateNotEquals", "aws:CurrentTime", json!("2027-01-15T08:00:00Z"), false),
        ("DateLessThan", "aws:CurrentTime", json!("2027-01-15T09:00:00+01:00"), false),
        ("DateLessThan", "aws:CurrentTime", json!("2027-01-15T08:00:01Z"), true),
        ("DateLessThanEquals", "aws:CurrentTime", json!("2027-01-15T08:00:00Z"), true),
        ("DateGreaterThan", "aws:CurrentTime", json!("2027-01-15"), true),
        ("DateGreaterThan", "aws:CurrentTime", json!("2027-01-15T08:00:00Z"), false),
        ("DateGreaterThanEquals", "aws:CurrentTime", json!("2027-01-15T08:00:00.000Z"), true),
        ("Null", "aws:SourceVpc", json!("true"), true),
        ("Null", "aws:PrincipalOrgID", json!(true), false),
        ("Null", "aws:PrincipalOrgID", json!("false"), true),
    ]
}

fn conditional(effect: &str, condition: Value) -> Value {
    json!({ "Effect": effect, "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition })
}

fn in_organization() -> Scene {
    let mut scene = Scene::of_other();
    scene.organization = Some("o-acme12345");
    scene
}

#[test]
fn every_operator() {
    for (operator, key, values, holds) in conditions() {
        let condition = json!({ operator: { key: values } });
        let allowed = in_organization().repository(conditional("Allow", condition.clone()));
        assert_eq!(allowed.decide().is_ok(), holds, "Allow {condition}");
        let denied = in_organization().repository(json!([allow("*"), conditional("Deny", condition.clone())]));
        assert_eq!(denied.decide().is_err(), holds, "Deny {condition}");
    }
}

#[test]
fn what_cannot_be_judged_allows_nothing_and_denies() {
    for condition in [
        json!({ "NumericEquals": { "aws:EpochTime": "1" } }),
        json!({ "stringequals": { "aws:PrincipalOrgID": "o-acme12345" } }),
        json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a" } }),
        json!({ "IpAddress": { "aws:SourceIp": "127.0.0" } }),
        json!({ "IpAddress": { "aws:SourceIp": "127.0.0.1/33" } }),
        json!({ "NotIpAddress": { "aws:SourceIp": "somewhere" } }),
        json!({ "DateLessThan": { "aws:CurrentTime": "tomorrow" } }),
        json!({ "DateNotEquals": { "aws:CurrentTime": "tomorrow" } }),
        json!({ "Bool": { "aws:SecureTransport": "perhaps" } }),
        json!({ "NullIfExists": { "aws:SourceVpc": "true" } }),
        json!({ "ArnLike": { "aws:PrincipalArn": "not an arn" } }),
        // A wildcard does not reach over a colon: this has too few parts.
        json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*" } }),
    ] {
        let scene = in_organization();
        assert!(scene.clone().repository(conditional("Allow", condition.clone())).decide().is_err(), "{condition}");
        let denied = scene.repository(json!([allow("*"), conditional("Deny", condition.clone())]));
        assert!(denied.decide().is_err(), "{condition}");
    }
    // But what fails for certain does not apply, whatever is beside it.
    let both = json!({ "NumericEquals": { "a": "1" }, "StringEquals": { "aws:PrincipalOrgID": "o-other" } });
    in_organization().repository(json!([allow("*"), conditional("Deny", both)])).allowed();
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let both = json!({
        "StringEquals": { "aws:PrincipalOrgID": "o-acme12345" },
        "Bool": { "aws:SecureTransport": "true" },
    });
    let mut scene = in_organization().repository(conditional("Allow", both));
    scene.denied("no statement that allows it");
    scene.secure = true;
    scene.allowed();
    let mut six = in_organization().repository(conditional("Allow", json!({ "IpAddress": { "aws:SourceIp": "::1" } })));
    six.source = "::1";
    six.allowed();
    six.source = "::2";
    six.denied("no statement that allows it");
    // An IPv4 client of an IPv6 socket is what it is.
    let mut mapped =
        in_organization().repository(conditional("Allow", json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } })));
    mapped.source = "::ffff:10.1.2.3";
    mapped.allowed();
}

#[test]
fn a_session_is_its_role_to_conditions() {
    let condition = json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::444455556666:role/publisher" } });
    Scene::by("arn:aws:sts::444455556666:assumed-role/publisher/b")
        .repository(conditional("Allow", condition))
        .allowed();
}

#[test]
fn what_is_no_policy_is_refused_with_its_place() {
    let good = allow("*");
    let with = |member: &str, value: Value| {
        let mut statement = good.clone();
        statement[member] = value;
        json!({ "Statement": [statement] })
    };
    let without = |member: &str| {
        let mut statement = good.clone();
        statement.as_object_mut().unwrap().remove(member);
        json!({ "Statement": statement })
    };
    for (document, place) in [
        (json!([]), "the document"),
        (json!({}), "Statement"),
        (json!({ "Statement": [] }), "Statement"),
        (json!({ "Statement": "x" }), "Statement"),
        (json!({ "Statement": [good, 1] }), "Statement[1]"),
        (json!({ "Version": "2020-01-01", "Statement": good }), "Version"),
        (json!({ "Statment": good }), "the document"),
        (json!({ "Id": 1, "Statement": good }), "Id"),
        (with("Effect", json!("allow")), "Statement[0].Effect"),
        (without("Effect"), "Statement[0].Effect"),
        (without("Principal"), "Statement[0]"),
        (with("NotPrincipal", json!("*")), "Statement[0]"),
        (without("Action"), "Statement[0]"),
        (with("NotAction", json!("*")), "Statement[0]"),
        (without("Resource"), "Statement[0]"),
        (with("Action", json!([])), "Statement[0].Action"),
        (with("Action", json!("Publish")), "Statement[0].Action"),
        (with("Action", json!(7)), "Statement[0].Action"),
        (with("Resource", json!("team")), "Statement[0].Resource"),
        (with("Resource", json!("arn:aws:codeartifact:${aws:RequestedRegion}:*")), "Statement[0].Resource"),
        (with("Principal", json!("ana")), "Statement[0].Principal"),
        (with("Principal", json!({})), "Statement[0].Principal"),
        (
            with("Principal", json!({ "AWS": "arn:aws:iam::111122223333:group/package-publishers" })),
            "Statement[0].Principal.AWS",
        ),
        (with("Principal", json!({ "AWS": "arn:aws:iam::111122223333:role/*" })), "Statement[0].Principal.AWS"),
        (with("Principal", json!({ "CanonicalUser": "x" })), "Statement[0].Principal.CanonicalUser"),
        (with("Condition", json!([])), "Statement[0].Condition"),
        (with("Condition", json!({ "Bool": "x" })), "Statement[0].Condition.Bool"),
        (with("Condition", json!({ "Bool": { "k": [] } })), "Statement[0].Condition.Bool.k"),
        (with("Condition", json!({ "StringLike": { "k": "${aws:username}" } })), "Statement[0].Condition.StringLike.k"),
        (with("Sid", json!(1)), "Statement[0].Sid"),
        (with("Efect", json!("Deny")), "Statement[0]"),
    ] {
        match Document::parse(&document.to_string(), AttachedTo::Resource) {
            Err(DocumentError::Content { place: found, .. }) => assert_eq!(found, place, "{document}"),
            other => panic!("{document}: {other:?}"),
        }
    }
    assert!(matches!(Document::parse("{", AttachedTo::Resource), Err(DocumentError::Syntax(_))));
    assert!(Document::read(&json!({ "Statement": may("*") }), AttachedTo::Identity).is_ok());
    assert!(Document::read(&json!({ "Statement": good }), AttachedTo::Identity).is_err());
    let long = |characters: usize| {
        let mut document = json!({ "Id": "", "Statement": good });
        let missing = characters - document.to_string().chars().count();
        document["Id"] = json!("ü".repeat(missing));
        document.to_string()
    };
    assert!(Document::parse(&long(7_168), AttachedTo::Resource).is_ok());
    assert_eq!(Document::parse(&long(7_169), AttachedTo::Resource), Err(DocumentError::Length(7_169)));
}

fn any_statement() -> impl Strategy<Value = Value> {
    let principals = prop::sample::select(vec!["*", OTHER, OWNER, "arn:aws:iam::444455556666:user/ana"]);
    let actions = prop::sample::select(vec!["*", READ, PUBLISH, "codeartifact:Re*"]);
    let resources = prop::sample::select(vec!["*", REPOSITORY, PACKAGE]);
    let effects = prop::sample::select(vec!["Allow", "Deny"]);
    let negated = any::<[bool; 3]>();
    let condition = prop::option::of(prop::sample::select(conditions()));
    (principals, actions, resources, effects, negated, condition).prop_map(
        |(principal, action, resource, effect, negated, condition)| {
            let named = |plain: &str, negated: bool| if negated { format!("Not{plain}") } else { plain.to_owned() };
            let mut statement = json!({ "Effect": effect });
            statement[named("Principal", negated[0])] = json!({ "AWS": principal });
            statement[named("Action", negated[1])] = json!(action);
            statement[named("Resource", negated[2])] = json!(resource);
            if let Some((operator, key, values, _)) = condition {
                statement["Condition"] = json!({ operator: { key: values } });
            }
            statement
        },
    )
}

proptest! {
    #[test]
    fn deny_always_wins(
        statements in prop::collection::vec(any_statement(), 0..6),
        at in any::<prop::sample::Index>(),
        in_domain in any::<bool>(),
        by_owner in any::<bool>(),
    ) {
        let scene = if by_owner { Scene::of_owner() } else { in_organization() };
        let mut denying = statements.clone();
        denying.insert(at.index(statements.len() + 1), deny("*"));
        let scene = if in_domain {
            scene.repository(json!([allow("*")])).domain(json!(denying))
        } else {
            scene.repository(json!(denying))
        };
        scene.denied("denies it");
    }

    #[test]
    fn a_further_denial_never_opens_and_a_further_permission_never_closes(
        statements in prop::collection::vec(any_statement(), 1..6),
        more in any_statement(),
        by_owner in any::<bool>(),
    ) {
        let scene = if by_owner { Scene::of_owner() } else { in_organization() };
        let before = scene.clone().repository(json!(statements)).decide().is_ok();
        let mut longer = statements;
        longer.push(more.clone());
        let after = scene.repository(json!(longer)).decide().is_ok();
        if more["Effect"] == "Deny" {
            prop_assert!(before || !after);
        } else {
            prop_assert!(after || !before);
        }
    }
}
