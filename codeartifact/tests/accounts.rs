//! Account rules as the SDK follows them: whose keys sign, which role is assumed, for how long. The SDK reads the real
//! environment, so each call is made by a child process with one of its own.
#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

#[path = "support/stub.rs"]
mod stub;
mod support;

use std::{fs, time::Duration};

use codeartifact::{
    Authorize as _, Authorizer, AwsEnvironment, Endpoint, Host, Stores, TokenScope, UserSettings,
    source::ControlPlaneSource, store::MemoryStore,
};
use stub::{Stub, answer};
use support::{child, child_part, said};

/// What a call sent to the service, and to STS.
struct Sent {
    service: Vec<String>,
    sts: Vec<String>,
    lines: Vec<String>,
}

#[test]
#[ignore = "run by the other tests, in processes of its own"]
fn call_body() {
    let Some((host, url)) = child_part() else { return };
    let settings = UserSettings::read(&host).unwrap();
    let aws = AwsEnvironment::read(&host).unwrap().with_accounts(settings.accounts());
    let endpoint = Endpoint::recognise(url.as_bytes(), &aws.trust()).unwrap().unwrap();
    let stores = Stores::of(vec![Box::new(MemoryStore::default())]);
    let authorizer = Authorizer::new(&host, &aws, stores, ControlPlaneSource::aws(&host, &aws));
    match authorizer.token_for(&endpoint) {
        Ok(token) => println!("= {}", token.expose()),
        Err(error) => println!("= {}", error.to_string().replace('\n', " ")),
    }
    println!("= {}", TokenScope::of(&endpoint, &aws).unwrap().identity.as_str());
}

/// Asks for a token of `acme` of 444455556666, with keys and a profile in the environment.
fn ask(rules: &str, variables: &[(&str, &str)]) -> Sent {
    let end = |after: Duration| (Host::of_process().now() + after).duration_since(std::time::UNIX_EPOCH).unwrap();
    let token =
        format!("{{\"authorizationToken\":\"eyJ-t\",\"expiration\":{}}}", end(Duration::from_hours(1)).as_secs());
    let service = Stub::new(vec![answer("200 OK", "", &token)]);
    let role = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
        <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>\
        <SessionToken>role-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
        <AssumedRoleUser><AssumedRoleId>AROA:codeartifact</AssumedRoleId>\
        <Arn>arn:aws:sts::444455556666:assumed-role/reader/codeartifact</Arn></AssumedRoleUser></AssumeRoleResult>\
        </AssumeRoleResponse>";
    let sts = Stub::new(vec![answer("200 OK", "", role)]);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let profiles = "[profile work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = work-secret\n\
        region = us-west-2\n[profile empty]\n[profile habit]\naws_access_key_id = AKIDHABIT\n\
        aws_secret_access_key = habit-secret\n";
    fs::write(home.path().join(".aws/config"), profiles).unwrap();
    let config = home.path().join("config.toml");
    fs::write(&config, rules).unwrap();
    let output = child("call_body", &format!("{}/d/acme-444455556666/npm/team-a/", service.address))
        .env("HOME", home.path())
        .env("CODEARTIFACT_CONFIG", &config)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_CODEARTIFACT", &service.address)
        .env("AWS_ENDPOINT_URL_STS", &sts.address)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_PROFILE", "habit")
        .env("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
        .env("AWS_SECRET_ACCESS_KEY", "environment-secret")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let lines = said(&output);
    assert_eq!(lines.len(), 2, "{lines:?}");
    Sent { service: service.requests(), sts: sts.requests(), lines }
}

#[test]
fn the_profile_of_a_rule_asks_whatever_the_environment_says() {
    let sent = ask("[[account]]\nowner = \"444455556666\"\nprofile = \"work\"\n", &[]);
    assert_eq!(sent.lines[0], "eyJ-t");
    assert!(sent.lines[1].starts_with("profile:work;key="), "{}", sent.lines[1]);
    assert_eq!(sent.service.len(), 1);
    assert!(sent.service[0].contains("Credential=AKIDWORK/") && !sent.service[0].contains("duration"));
    assert!(sent.service[0].contains("/us-east-1/codeartifact/"), "the Region is the environment's");
    assert!(sent.sts.is_empty());
}

#[test]
fn without_a_rule_that_matches_the_environment_asks() {
    for rules in ["", "[[account]]\nowner = \"111122223333\"\nprofile = \"work\"\n"] {
        let sent = ask(rules, &[]);
        assert!(sent.service[0].contains("Credential=AKIDENVIRONMENT/"), "{rules}");
        assert!(sent.lines[1].starts_with("key:"), "{}", sent.lines[1]);
    }
}

#[test]
fn a_role_is_assumed_by_the_profile_of_the_rule_and_asks_for_its_lifetime() {
    let role = "role = \"arn:aws:iam::444455556666:role/reader\"\n";
    let sent = ask(&format!("[[account]]\nprofile = \"work\"\n{role}lifetime = \"30m\"\n"), &[]);
    assert_eq!(sent.lines[0], "eyJ-t");
    assert!(sent.lines[1].ends_with(";assumes=arn:aws:iam::444455556666:role/reader;lifetime=1800"));
    assert_eq!(sent.sts.len(), 1);
    assert!(sent.sts[0].contains("Credential=AKIDWORK/"), "{}", sent.sts[0]);
    assert!(sent.sts[0].contains("Action=AssumeRole") && sent.sts[0].contains("RoleSessionName=codeartifact"));
    assert!(sent.sts[0].contains("RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Freader"), "{}", sent.sts[0]);
    assert!(sent.service[0].contains("Credential=ASIAROLE/") && sent.service[0].contains("duration=1800"));

    // Without a profile: by whoever would ask without a rule; and for as long as the role's session.
    let sent = ask(&format!("[[account]]\n{role}lifetime = \"session\"\n"), &[]);
    assert!(sent.sts[0].contains("Credential=AKIDENVIRONMENT/"), "{}", sent.sts[0]);
    assert!(sent.service[0].contains("Credential=ASIAROLE/") && sent.service[0].contains("duration=0"));
}

#[test]
fn a_profile_without_credentials_gets_no_other_s() {
    for profile in ["empty", "gone"] {
        let sent = ask(&format!("[[account]]\nprofile = \"{profile}\"\n"), &[]);
        assert!(sent.service.is_empty(), "{:?}", sent.service);
        assert_eq!(sent.lines[1], format!("profile:{profile}"));
        assert!(sent.lines[0].contains("GetAuthorizationToken"), "{}", sent.lines[0]);
    }
}
