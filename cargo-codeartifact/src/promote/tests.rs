use codeartifact::{
    PackageFormat,
    control_plane::{PackageId, PackageVersionStatus},
};
use serde_json::Value;

use super::*;
use crate::{
    report::{Manner, tests::heard},
    stand_in::StandIn,
};

fn package(name: &str) -> PackageId {
    PackageId { format: PackageFormat::Cargo, namespace: None, name: name.into() }
}

fn request(words: &[&str]) -> Request {
    let id =
        |name: &str| RepositoryId { domain: "my-org".parse().unwrap(), owner: None, repository: name.parse().unwrap() };
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    Request { from: id("team"), to: id("shared"), specs: specs(&words).unwrap(), dry_run: false }
}

/// Result, standard output, standard error.
fn run(service: &StandIn, request: &Request, json: bool) -> (Result<(), CommandError>, String, String) {
    let (mut report, out, err) = heard(Manner { json, ..Manner::default() }, None);
    let result = promote(service, request, &mut report);
    (result, out.text(), err.text())
}

fn digest(content: &str) -> String {
    format!("{content:0>64}")
}

#[test]
fn what_is_not_there_is_copied_and_what_is_there_is_left() {
    let service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    service.hold("team", &package("bolt"), "2.0.0", "b");
    service.hold("shared", &package("bolt"), "2.0.0", "b");
    let words = ["cargo:anvil@1.0.0", "cargo:bolt@2.0.0", "cargo:anvil@1.0.0"];
    let (result, out, err) = run(&service, &request(&words), false);
    result.unwrap();
    let expected = format!(
        "copied: cargo:anvil@1.0.0 (SHA-256 {})\nalready there: cargo:bolt@2.0.0 (SHA-256 {})\n",
        digest("a"),
        digest("b")
    );
    assert_eq!(out, expected);
    assert_eq!(err, "copying cargo:anvil@1.0.0 at revision rev-a\n");
    let (result, out, _) = run(&service, &request(&words), false);
    result.unwrap();
    assert!(out.starts_with("already there: cargo:anvil@1.0.0"), "{out}");
    assert_eq!(service.count("CopyPackageVersions"), 1, "the second time nothing is copied");
}

#[test]
fn a_dry_run_copies_nothing() {
    let service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    let request = Request { dry_run: true, ..request(&["cargo:anvil@1.0.0"]) };
    let (result, out, _) = run(&service, &request, false);
    result.unwrap();
    assert_eq!(out, format!("would copy: cargo:anvil@1.0.0 (SHA-256 {})\n", digest("a")));
    assert_eq!(service.count("CopyPackageVersions"), 0);
}

#[test]
fn other_content_is_refused_with_both_digests_and_stops_all() {
    let service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    service.hold("team", &package("bolt"), "2.0.0", "b");
    service.hold("shared", &package("bolt"), "2.0.0", "c");
    let (result, out, err) = run(&service, &request(&["cargo:anvil@1.0.0", "cargo:bolt@2.0.0"]), false);
    let error = result.unwrap_err();
    assert_eq!(error.code(), 1);
    let reason = format!(
        "the destination has other content under this version: `asset` in the source SHA-256 {}, in the destination \
         SHA-256 {}",
        digest("b"),
        digest("c")
    );
    assert_eq!(
        error.lines(),
        [
            "1 of 2 versions cannot be promoted from `team` to `shared`; nothing was copied",
            &format!("cargo:bolt@2.0.0: {reason}")
        ]
    );
    assert_eq!(error.hints(), ["publish the changed content under a new version"]);
    let copied = digest("a");
    let expected = format!("would copy: cargo:anvil@1.0.0 (SHA-256 {copied})\nrefused: cargo:bolt@2.0.0: {reason}\n");
    assert_eq!((out, err.as_str()), (expected, ""));
    assert_eq!(service.count("CopyPackageVersions"), 0);
}

#[test]
fn what_cannot_be_handed_on_is_refused() {
    let service = StandIn::with(&["team", "shared"]);
    service.hold_as("team", &package("anvil"), "1.0.0", "a", PackageVersionStatus::Archived);
    service.hold("team", &package("bolt"), "1.0.0", "b");
    service.hold_as("shared", &package("bolt"), "1.0.0", "b", PackageVersionStatus::Unlisted);
    let words = ["cargo:anvil@1.0.0", "cargo:bolt@1.0.0", "cargo:cog@1.0.0"];
    let (result, out, _) = run(&service, &request(&words), false);
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.hints().len()), (1, 3));
    assert_eq!(
        out,
        "refused: cargo:anvil@1.0.0: its status in the source is Archived\n\
         refused: cargo:bolt@1.0.0: the destination has it already, with status Unlisted\n\
         refused: cargo:cog@1.0.0: not in the source\n"
    );
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    for (repositories, named) in [
        (["team", "other"], "there is no repository `shared` in domain `my-org` (`--to`)"),
        (["shared", "other"], "there is no repository `team` in domain `my-org` (`--from`)"),
    ] {
        let service = StandIn::with(&repositories);
        let (result, out, _) = run(&service, &request(&["cargo:anvil@1.0.0"]), false);
        let error = result.unwrap_err();
        assert_eq!((error.code(), error.lines()[0].as_str(), out.as_str()), (1, named, ""));
    }
}

#[test]
fn a_domain_that_is_not_there_is_named() {
    let service = StandIn { own: None, ..StandIn::with(&[]) };
    let error = run(&service, &request(&["cargo:anvil@1.0.0"]), false).0.unwrap_err();
    assert_eq!(error.lines()[0], "there is no domain `my-org` in this account and Region");
    assert_eq!(error.code(), 1);
}

#[test]
fn who_may_copy_but_not_describe_repositories_may_copy() {
    let mut service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    service.failing.push(("DescribeRepository", 0, FailureKind::Denied));
    run(&service, &request(&["cargo:anvil@1.0.0"]), false).0.unwrap();
}

#[test]
fn versions_of_a_package_go_together_up_to_the_largest_call() {
    let service = StandIn::with(&["team", "shared"]);
    let mut words = Vec::new();
    for number in 0..101 {
        service.hold("team", &package("anvil"), &format!("1.0.{number}"), &number.to_string());
        words.push(format!("cargo:anvil@1.0.{number}"));
    }
    service.hold("team", &package("bolt"), "1.0.0", "b");
    words.push("cargo:bolt@1.0.0".into());
    let started = std::time::Instant::now();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (result, out, _) = run(&service, &request(&words), false);
    result.unwrap();
    assert_eq!(*service.copies.borrow(), [100, 1, 1]);
    assert_eq!(out.matches("copied: ").count(), 102);
    assert!(
        started.elapsed() >= std::time::Duration::from_millis(400),
        "three calls take two pauses of a fifth second"
    );
}

#[test]
fn a_call_that_fails_is_said_for_each_version_with_what_was_done() {
    let mut service = StandIn::with(&["team", "shared"]);
    for name in ["anvil", "bolt", "cog"] {
        service.hold("team", &package(name), "1.0.0", name);
    }
    service.failing.push(("CopyPackageVersions", 1, FailureKind::Throttled));
    let words = ["cargo:anvil@1.0.0", "cargo:bolt@1.0.0", "cargo:cog@1.0.0"];
    let (result, out, _) = run(&service, &request(&words), true);
    let error = result.unwrap_err();
    assert_eq!(error.code(), 5);
    assert_eq!(error.lines()[0], "2 of 3 versions were not promoted to `shared`");
    assert_eq!(error.hints().last().unwrap(), AGAIN);
    let value: Value = serde_json::from_str(&out).unwrap();
    let outcomes: Vec<&str> =
        value["versions"].as_array().unwrap().iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["copied", "failed", "not-tried"]);
}

#[test]
fn versions_the_service_refuses_carry_its_words() {
    let mut service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    service.hold("team", &package("anvil"), "2.0.0", "b");
    service.uncopyable = vec![("2.0.0", "MISMATCHED_REVISION", "current revision: X, expected revision: Y")];
    let (result, out, _) = run(&service, &request(&["cargo:anvil@1.0.0", "cargo:anvil@2.0.0"]), false);
    assert_eq!(result.unwrap_err().code(), 1);
    assert!(
        out.contains("failed: cargo:anvil@2.0.0: MISMATCHED_REVISION: current revision: X, expected revision: Y\n"),
        "{out}"
    );
}

#[test]
fn a_copy_that_arrives_changed_is_no_success() {
    let mut service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    service.corrupts = true;
    let (result, out, _) = run(&service, &request(&["cargo:anvil@1.0.0"]), false);
    assert_eq!(result.unwrap_err().code(), 1);
    assert!(out.starts_with("failed: cargo:anvil@1.0.0: copied, but then the destination has other content"), "{out}");
}

#[test]
fn the_json_form_is_one_object() {
    let service = StandIn::with(&["team", "shared"]);
    service.hold("team", &package("anvil"), "1.0.0", "a");
    let (result, out, _) = run(&service, &request(&["cargo:anvil@1.0.0"]), true);
    result.unwrap();
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        value,
        serde_json::json!({
            "domain": "my-org", "from": "team", "to": "shared", "dry-run": false,
            "versions": [{
                "spec": "cargo:anvil@1.0.0", "format": "cargo", "namespace": null, "package": "anvil",
                "version": "1.0.0", "outcome": "copied", "reason": null, "revision": "rev-a",
                "assets": [{ "name": "asset", "size": 1, "sha256": digest("a") }],
            }],
        })
    );
}
