//! Transitions without disk, network or clock.

use std::collections::BTreeMap;

use codeartifact::{PackageFormat, RepositoryName};
use proptest::prelude::*;

use super::{
    arrival::{NewVersion, Published},
    coordinate::{DomainKey, PackageKey, RepositoryKey, VersionKey},
    copy::{Copy, Selection},
    draft::Draft,
    model::{Asset, Control, OriginControls, State, Status, Tags},
    records::Database,
    version::{Expectations, GenericAsset, Outcome, VersionChange},
};
use crate::{
    assets::Hasher,
    failure::{Failure, ResourceKind},
    resolve::Reach,
};

fn domain() -> DomainKey {
    DomainKey {
        region: "eu-west-1".parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        name: "acme".parse().unwrap(),
    }
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn repository(text: &str) -> RepositoryKey {
    RepositoryKey { domain: domain(), name: name(text) }
}

fn key(text: &str) -> PackageKey {
    PackageKey::new(PackageFormat::Cargo, "", text)
}

fn asset(file: &str, content: &str) -> Asset {
    let mut hasher = Hasher::default();
    hasher.update(content.as_bytes());
    Asset { name: file.to_owned(), size: content.len() as u64, digests: hasher.finish() }
}

/// A crate whose bytes are `content`.
fn new(package: &str, version: &str, content: &str) -> NewVersion {
    NewVersion {
        assets: vec![asset("x.crate", content)],
        listing: format!("{{\"vers\":\"{version}\"}}").into(),
        readme: Some(format!("readme of {content}")),
        ..NewVersion::new(key(package), package, version)
    }
}

/// A domain with repositories, each with the upstreams after it.
fn with(repositories: &[(&str, &[&str])]) -> Draft {
    let mut draft = Draft::new(State::default(), 1_000);
    draft.create_domain(&domain(), None, Tags::new()).unwrap();
    for (repository, upstreams) in repositories {
        create(&mut draft, repository, upstreams).unwrap();
    }
    draft
}

fn create(draft: &mut Draft, text: &str, upstreams: &[&str]) -> Result<(), Failure> {
    let upstreams = upstreams.iter().map(|upstream| name(upstream)).collect();
    draft.create_repository(&repository(text), &domain().owner, None, upstreams, Tags::new())
}

fn update(draft: &mut Draft, text: &str, upstreams: &[&str]) -> Result<(), Failure> {
    let upstreams = upstreams.iter().map(|upstream| name(upstream)).collect();
    draft.update_repository(&repository(text), None, Some(upstreams))
}

fn change(repository_name: &str, package: &str, versions: &[&str]) -> VersionChange {
    VersionChange {
        repository: repository(repository_name),
        package: key(package),
        name: package.to_owned(),
        versions: versions.iter().map(ToString::to_string).collect(),
        expectations: Expectations::default(),
    }
}

fn copy(from: &str, to: &str, package: &str, versions: &[&str]) -> Copy {
    Copy {
        domain: domain(),
        source: name(from),
        destination: name(to),
        package: key(package),
        name: package.to_owned(),
        selection: Selection::Versions(versions.iter().map(ToString::to_string).collect()),
        overwrite: false,
        from_upstream: false,
    }
}

fn codes(outcome: &Outcome) -> BTreeMap<&str, &'static str> {
    outcome.failed.iter().map(|(version, error)| (version.as_str(), error.code())).collect()
}

fn status(draft: &Draft, repository_name: &str, package: &str, version: &str) -> Option<Status> {
    let (_, found) = draft.state.repository(&repository(repository_name)).unwrap();
    found.package(&key(package), package)?.version(version).map(|version| version.status)
}

#[track_caller]
fn conflict(outcome: Result<impl std::fmt::Debug, Failure>, kind: ResourceKind) -> String {
    match outcome {
        Err(Failure::Conflict { resource, message }) if resource.kind == kind => message,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn quota(outcome: &Result<(), Failure>) {
    assert!(matches!(outcome, Err(Failure::Quota { .. })), "{outcome:?}");
}

#[test]
fn a_domain_goes_last() {
    let mut draft = with(&[("team", &[])]);
    conflict(draft.create_domain(&domain(), None, Tags::new()), ResourceKind::Domain);
    conflict(draft.delete_domain(&domain()), ResourceKind::Domain);
    draft.delete_repository(&repository("team")).unwrap();
    draft.delete_domain(&domain()).unwrap();
    assert_eq!(draft.delete_domain(&domain()), Err(Failure::not_found(ResourceKind::Domain, "acme")));
}

#[test]
fn an_account_has_ten_domains_in_a_region() {
    let mut draft = Draft::new(State::default(), 0);
    let numbered = |number: usize| DomainKey { name: format!("domain-{number}").parse().unwrap(), ..domain() };
    for number in 0..10 {
        draft.create_domain(&numbered(number), None, Tags::new()).unwrap();
    }
    quota(&draft.create_domain(&numbered(10), None, Tags::new()));
    let elsewhere = DomainKey { region: "us-east-1".parse().unwrap(), ..numbered(10) };
    draft.create_domain(&elsewhere, None, Tags::new()).unwrap();
}

#[test]
fn upstreams_never_lead_back() {
    let mut draft = with(&[("a1", &[]), ("b1", &["a1"]), ("c1", &["b1"])]);
    for (repository, upstreams) in
        [("a1", vec!["a1"]), ("a1", vec!["c1"]), ("a1", vec!["b1"]), ("c1", vec!["a1", "a1"])]
    {
        assert!(matches!(update(&mut draft, repository, &upstreams), Err(Failure::Validation { .. })), "{upstreams:?}");
    }
    assert_eq!(update(&mut draft, "a1", &["gone"]), Err(Failure::not_found(ResourceKind::Repository, "gone")));
    update(&mut draft, "c1", &["a1", "b1"]).unwrap();
    update(&mut draft, "c1", &[]).unwrap();
    update(&mut draft, "a1", &["c1"]).unwrap();
}

#[test]
fn a_repository_has_ten_upstreams() {
    let mut draft = with(&[]);
    let names: Vec<String> = (0..11).map(|number| format!("up-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for upstream in &names {
        create(&mut draft, upstream, &[]).unwrap();
    }
    quota(&create(&mut draft, "team", &names));
    create(&mut draft, "team", &names[..10]).unwrap();
}

#[test]
fn a_deleted_upstream_does_not_come_back_by_its_name() {
    let mut draft = with(&[("up", &[]), ("team", &["up"])]);
    draft.delete_repository(&repository("up")).unwrap();
    create(&mut draft, "up", &[]).unwrap();
    let (_, team) = draft.state.repository(&repository("team")).unwrap();
    assert!(team.about.upstreams.is_empty());
}

#[test]
fn the_search_goes_depth_first_and_stops_at_25() {
    let draft =
        with(&[("ee", &[]), ("cc", &[]), ("dd", &["ee"]), ("aa", &["cc", "dd"]), ("bb", &[]), ("my", &["aa", "bb"])]);
    let order = |draft: &Draft, first: &str| -> Vec<String> {
        let (domain, found) = draft.state.repository(&repository(first)).unwrap();
        Reach::new(domain, found, &key("x"), "x").steps().iter().map(|step| step.repository.name.to_string()).collect()
    };
    assert_eq!(order(&draft, "my"), ["my", "aa", "cc", "dd", "ee", "bb"]);

    let mut draft = with(&[("chain-0", &[])]);
    for number in 1..40 {
        create(&mut draft, &format!("chain-{number}"), &[&format!("chain-{}", number - 1)]).unwrap();
    }
    assert_eq!(order(&draft, "chain-39").len(), 25);
    draft.publish(&repository("chain-0"), new("x", "1.0.0", "x")).unwrap();
    let found = |first: &str| {
        let (domain, found) = draft.state.repository(&repository(first)).unwrap();
        Reach::new(domain, found, &key("x"), "x").version("1.0.0").is_some()
    };
    assert!(found("chain-24"));
    assert!(!found("chain-25"));
}

#[test]
fn the_same_bytes_again_change_nothing_and_others_are_refused_by_digest() {
    let mut draft = with(&[("team", &[])]);
    assert_eq!(draft.publish(&repository("team"), new("x", "1.0.0", "one")), Ok(Published::New));
    let before = format!("{:?}", draft.state);
    assert_eq!(draft.publish(&repository("team"), new("x", "1.0.0", "one")), Ok(Published::Identical));
    let message = conflict(draft.publish(&repository("team"), new("x", "1.0.0", "two")), ResourceKind::PackageVersion);
    for content in ["one", "two"] {
        assert!(message.contains(&asset("", content).digests.sha256.to_string()), "{message}");
    }
    assert_eq!(format!("{:?}", draft.state), before);
}

#[test]
fn only_a_published_version_may_be_published_again() {
    let mut draft = with(&[("team", &[])]);
    draft.publish(&repository("team"), new("x", "1.0.0", "one")).unwrap();
    for status in [Status::Unlisted, Status::Archived] {
        draft.set_status(&change("team", "x", &["1.0.0"]), status).unwrap();
        conflict(draft.publish(&repository("team"), new("x", "1.0.0", "one")), ResourceKind::PackageVersion);
    }
    draft.dispose(&change("team", "x", &["1.0.0"])).unwrap();
    conflict(draft.publish(&repository("team"), new("x", "1.0.0", "one")), ResourceKind::PackageVersion);
    draft.delete_versions(&change("team", "x", &["1.0.0"])).unwrap();
    assert_eq!(draft.publish(&repository("team"), new("x", "1.0.0", "two")), Ok(Published::New));
}

#[test]
fn one_crate_has_one_spelling_over_the_upstreams_too() {
    let mut draft = with(&[("up", &[]), ("team", &["up"])]);
    draft.publish(&repository("up"), new("foo-bar", "1.0.0", "x")).unwrap();
    for repository_name in ["up", "team"] {
        conflict(draft.publish(&repository(repository_name), new("Foo_Bar", "2.0.0", "x")), ResourceKind::Package);
    }
    conflict(draft.publish(&repository("up"), new("foo-bar", "1.0.0+b", "x")), ResourceKind::PackageVersion);
}

#[test]
fn a_version_that_is_reachable_upstream_is_not_published_again() {
    let mut draft = with(&[("up", &[]), ("team", &["up"])]);
    draft.publish(&repository("up"), new("x", "1.0.0", "x")).unwrap();
    conflict(draft.publish(&repository("team"), new("x", "1.0.0", "x")), ResourceKind::PackageVersion);
    // The first direct publish closes the name to upstreams: then their versions are out of sight.
    draft.publish(&repository("team"), new("x", "2.0.0", "x")).unwrap();
    draft.publish(&repository("team"), new("x", "1.0.0", "mine")).unwrap();
    let package = draft.state.package(&repository("team"), &key("x"), "x").unwrap();
    assert_eq!(package.about.origin, OriginControls::PUBLISHED);
}

#[test]
fn origin_controls_close_publishing() {
    let mut draft = with(&[("team", &[])]);
    let closed = OriginControls { publish: Control::Block, upstream: Control::Allow };
    draft.put_origin_controls(&repository("team"), &key("x"), "x", closed).unwrap();
    conflict(draft.publish(&repository("team"), new("x", "1.0.0", "x")), ResourceKind::PackageVersion);
    draft.put_origin_controls(&repository("team"), &key("x"), "x", OriginControls::PUBLISHED).unwrap();
    draft.publish(&repository("team"), new("x", "1.0.0", "x")).unwrap();
}

#[test]
fn a_fetched_version_stays_in_the_addressed_repository_only() {
    let mut draft = with(&[("far", &[]), ("mid", &["far"]), ("near", &["mid"])]);
    draft.publish(&repository("far"), new("x", "1.0.0", "x")).unwrap();
    draft.retain(&repository("near"), &key("x"), "x", "1.0.0").unwrap();
    assert_eq!(status(&draft, "near", "x", "1.0.0"), Some(Status::Published));
    assert_eq!(status(&draft, "mid", "x", "1.0.0"), None);
    let origin = draft.state.package(&repository("near"), &key("x"), "x").unwrap().about.origin;
    assert_eq!(origin, OriginControls::RETAINED);
    // It outlives its source, and is as it was.
    draft.delete_repository(&repository("far")).unwrap();
    assert_eq!(status(&draft, "near", "x", "1.0.0"), Some(Status::Published));
    assert_eq!(draft.state.domain(&domain()).unwrap().asset_bytes(), 1);
}

#[test]
fn the_nearest_record_decides() {
    let mut draft = with(&[("up", &[]), ("team", &["up"])]);
    draft.publish(&repository("up"), new("x", "1.0.0", "x")).unwrap();
    draft.retain(&repository("team"), &key("x"), "x", "1.0.0").unwrap();
    draft.set_status(&change("team", "x", &["1.0.0"]), Status::Archived).unwrap();
    let fetched = draft.retain(&repository("team"), &key("x"), "x", "1.0.0").unwrap();
    assert_eq!(fetched.status, Status::Archived);
    draft.delete_versions(&change("team", "x", &["1.0.0"])).unwrap();
    assert_eq!(draft.retain(&repository("team"), &key("x"), "x", "1.0.0").unwrap().status, Status::Published);
}

#[test]
fn changes_are_all_or_nothing() {
    let mut draft = with(&[("team", &[])]);
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        draft.publish(&repository("team"), new("x", version, version)).unwrap();
    }
    draft.set_status(&change("team", "x", &["3.0.0"]), Status::Archived).unwrap();
    let before = format!("{:?}", draft.state);

    let mut wanted = change("team", "x", &["1.0.0", "2.0.0", "3.0.0", "4.0.0"]);
    wanted.expectations.status = Some(Status::Published);
    wanted.expectations.revisions.insert("2.0.0".to_owned(), "other".to_owned());
    let outcome = draft.delete_versions(&wanted).unwrap();
    assert!(outcome.successful.is_empty());
    let expected = [
        ("1.0.0", "SKIPPED"),
        ("2.0.0", "MISMATCHED_REVISION"),
        ("3.0.0", "MISMATCHED_STATUS"),
        ("4.0.0", "NOT_FOUND"),
    ];
    assert_eq!(codes(&outcome), BTreeMap::from(expected));
    assert_eq!(outcome.failed["3.0.0"].to_string(), "current status: Archived, expected status: Published");
    assert_eq!(outcome.failed["4.0.0"].to_string(), "Could not find version 4.0.0");
    assert_eq!(format!("{:?}", draft.state), before);
}

#[test]
fn a_disposed_version_can_only_be_deleted() {
    let mut draft = with(&[("team", &[])]);
    draft.publish(&repository("team"), new("x", "1.0.0", "x")).unwrap();
    let outcome = draft.dispose(&change("team", "x", &["1.0.0"])).unwrap();
    assert_eq!(outcome.successful["1.0.0"].1, "Disposed");
    assert_eq!(draft.state.domain(&domain()).unwrap().asset_bytes(), 0);
    let outcome = draft.set_status(&change("team", "x", &["1.0.0"]), Status::Published).unwrap();
    assert_eq!(codes(&outcome)["1.0.0"], "NOT_ALLOWED");
    let outcome = draft.dispose(&change("team", "x", &["1.0.0"])).unwrap();
    assert_eq!(codes(&outcome)["1.0.0"], "NOT_ALLOWED");
    let outcome = draft.delete_versions(&change("team", "x", &["1.0.0"])).unwrap();
    assert_eq!(outcome.successful["1.0.0"].1, "Deleted");
    // The package record stays.
    assert!(draft.state.package(&repository("team"), &key("x"), "x").is_ok());
}

#[test]
fn a_copy_has_the_same_revision_and_is_reported_once() {
    let mut draft = with(&[("team", &[]), ("shared", &[])]);
    draft.publish(&repository("team"), new("x", "1.0.0", "x")).unwrap();
    let outcome = draft.copy_versions(&copy("team", "shared", "x", &["1.0.0"])).unwrap();
    assert_eq!(outcome.successful["1.0.0"].1, "Published");
    let again = draft.copy_versions(&copy("team", "shared", "x", &["1.0.0"])).unwrap();
    assert_eq!(again, Outcome::default());
    let revision = |repository_name: &str| {
        let package = draft.state.package(&repository(repository_name), &key("x"), "x").unwrap();
        package.version("1.0.0").unwrap().revision.clone()
    };
    assert_eq!(revision("team"), revision("shared"));
    assert_eq!(draft.state.domain(&domain()).unwrap().asset_bytes(), 1);
}

#[test]
fn a_copy_follows_the_rules() {
    let mut draft = with(&[("team", &[]), ("shared", &[])]);
    for version in ["1.0.0", "2.0.0"] {
        draft.publish(&repository("team"), new("x", version, "team")).unwrap();
    }
    draft.publish(&repository("shared"), new("x", "1.0.0", "shared")).unwrap();

    let outcome = draft.copy_versions(&copy("team", "shared", "x", &["1.0.0", "2.0.0"])).unwrap();
    assert_eq!(codes(&outcome), BTreeMap::from([("1.0.0", "ALREADY_EXISTS"), ("2.0.0", "SKIPPED")]));
    let outcome = draft.copy_versions(&copy("team", "shared", "x", &["2.0.0", "9.0.0"])).unwrap();
    assert_eq!(codes(&outcome), BTreeMap::from([("2.0.0", "SKIPPED"), ("9.0.0", "NOT_FOUND")]));
    assert_eq!(status(&draft, "shared", "x", "2.0.0"), None);

    let overwrite = Copy { overwrite: true, ..copy("team", "shared", "x", &["1.0.0"]) };
    assert_eq!(draft.copy_versions(&overwrite).unwrap().successful.len(), 1);

    let pinned = |revision: &str| Copy {
        selection: Selection::Revisions(BTreeMap::from([("2.0.0".to_owned(), revision.to_owned())])),
        ..copy("team", "shared", "x", &[])
    };
    assert_eq!(codes(&draft.copy_versions(&pinned("other")).unwrap())["2.0.0"], "MISMATCHED_REVISION");
    let package = draft.state.package(&repository("team"), &key("x"), "x").unwrap();
    let revision = package.version("2.0.0").unwrap().revision.clone();
    assert_eq!(draft.copy_versions(&pinned(&revision)).unwrap().successful.len(), 1);

    draft.set_status(&change("team", "x", &["1.0.0"]), Status::Archived).unwrap();
    assert_eq!(codes(&draft.copy_versions(&overwrite).unwrap())["1.0.0"], "NOT_ALLOWED");
    let missing = draft.copy_versions(&copy("team", "shared", "y", &["1.0.0"]));
    assert_eq!(missing, Err(Failure::not_found(ResourceKind::Package, "cargo//y")));
}

#[test]
fn a_copy_searches_upstreams_only_if_asked() {
    let mut draft = with(&[("far", &[]), ("team", &["far"]), ("shared", &[])]);
    draft.publish(&repository("far"), new("x", "1.0.0", "x")).unwrap();
    let plain = copy("team", "shared", "x", &["1.0.0"]);
    assert!(matches!(draft.copy_versions(&plain), Err(Failure::NotFound { .. })));
    let searching = Copy { from_upstream: true, ..plain };
    assert_eq!(draft.copy_versions(&searching).unwrap().successful.len(), 1);
    assert_eq!(status(&draft, "team", "x", "1.0.0"), None);
}

#[test]
fn generic_versions_grow_until_they_are_closed() {
    let mut draft = with(&[("team", &[])]);
    let generic = |file: &str, content: &str, unfinished| GenericAsset {
        package: PackageKey::new(PackageFormat::Generic, "ns", "x"),
        name: "x".to_owned(),
        version: "1".to_owned(),
        asset: asset(file, content),
        unfinished,
    };
    let team = repository("team");
    let first = draft.publish_generic(&team, &generic("a", "a", true)).unwrap();
    assert_eq!(first.status, Status::Unfinished);
    let again = draft.publish_generic(&team, &generic("a", "a", true)).unwrap();
    assert_eq!(again.revision, first.revision);
    conflict(draft.publish_generic(&team, &generic("a", "other", true)), ResourceKind::Asset);
    let last = draft.publish_generic(&team, &generic("b", "b", false)).unwrap();
    assert_eq!((last.status, last.assets.len()), (Status::Published, 2));
    assert_ne!(last.revision, first.revision);
    assert_eq!(draft.publish_generic(&team, &generic("a", "a", false)).unwrap().revision, last.revision);
    conflict(draft.publish_generic(&team, &generic("c", "c", false)), ResourceKind::PackageVersion);
}

#[test]
fn a_generic_version_has_150_assets() {
    let mut draft = with(&[("team", &[])]);
    let generic = |number: usize| GenericAsset {
        package: PackageKey::new(PackageFormat::Generic, "ns", "x"),
        name: "x".to_owned(),
        version: "1".to_owned(),
        asset: asset(&format!("file-{number}"), "x"),
        unfinished: true,
    };
    for number in 0..150 {
        draft.publish_generic(&repository("team"), &generic(number)).unwrap();
    }
    let more = draft.publish_generic(&repository("team"), &generic(150));
    assert!(matches!(more, Err(Failure::Quota { .. })), "{more:?}");
}

/// A step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Publish(usize, usize, usize, usize),
    Status(usize, usize, usize, usize),
    Dispose(usize, usize, usize),
    Delete(usize, usize, usize),
    DeletePackage(usize, usize),
    Copy(usize, usize, usize, usize, bool),
    Retain(usize, usize, usize),
    Remake(usize),
    Link(usize, usize),
}

const REPOSITORIES: [&str; 3] = ["r0", "r1", "r2"];
const PACKAGES: [&str; 2] = ["x", "y"];
const VERSIONS: [&str; 3] = ["1.0.0", "2.0.0", "3.0.0"];
const CONTENTS: [&str; 3] = ["one", "two", "three"];
const STATUSES: [Status; 3] = [Status::Published, Status::Unlisted, Status::Archived];

fn step() -> impl Strategy<Value = Step> {
    let (r, p, v, c) = (0..3_usize, 0..2_usize, 0..3_usize, 0..3_usize);
    prop_oneof![
        4 => (r.clone(), p.clone(), v.clone(), c.clone()).prop_map(|(r, p, v, c)| Step::Publish(r, p, v, c)),
        2 => (r.clone(), p.clone(), v.clone(), c).prop_map(|(r, p, v, s)| Step::Status(r, p, v, s)),
        1 => (r.clone(), p.clone(), v.clone()).prop_map(|(r, p, v)| Step::Dispose(r, p, v)),
        2 => (r.clone(), p.clone(), v.clone()).prop_map(|(r, p, v)| Step::Delete(r, p, v)),
        1 => (r.clone(), p.clone()).prop_map(|(r, p)| Step::DeletePackage(r, p)),
        3 => (r.clone(), r.clone(), p.clone(), v.clone(), any::<bool>()).prop_map(|(a, b, p, v, o)| Step::Copy(a, b, p, v, o)),
        2 => (r.clone(), p, v).prop_map(|(r, p, v)| Step::Retain(r, p, v)),
        1 => r.clone().prop_map(Step::Remake),
        1 => (r.clone(), r).prop_map(|(a, b)| Step::Link(a, b)),
    ]
}

fn take(draft: &mut Draft, step: &Step) -> Result<(), Failure> {
    let change = |r: usize, p: usize, v: usize| change(REPOSITORIES[r], PACKAGES[p], &[VERSIONS[v]]);
    match *step {
        Step::Publish(r, p, v, c) => {
            draft.publish(&repository(REPOSITORIES[r]), new(PACKAGES[p], VERSIONS[v], CONTENTS[c])).map(drop)
        }
        Step::Status(r, p, v, s) => draft.set_status(&change(r, p, v), STATUSES[s]).map(drop),
        Step::Dispose(r, p, v) => draft.dispose(&change(r, p, v)).map(drop),
        Step::Delete(r, p, v) => draft.delete_versions(&change(r, p, v)).map(drop),
        Step::DeletePackage(r, p) => {
            draft.delete_package(&repository(REPOSITORIES[r]), &key(PACKAGES[p]), PACKAGES[p]).map(drop)
        }
        Step::Copy(from, to, p, v, overwrite) => {
            let copy = copy(REPOSITORIES[from], REPOSITORIES[to], PACKAGES[p], &[VERSIONS[v]]);
            draft.copy_versions(&Copy { overwrite, from_upstream: overwrite, ..copy }).map(drop)
        }
        Step::Retain(r, p, v) => {
            draft.retain(&repository(REPOSITORIES[r]), &key(PACKAGES[p]), PACKAGES[p], VERSIONS[v]).map(drop)
        }
        Step::Remake(r) => {
            draft.delete_repository(&repository(REPOSITORIES[r]))?;
            create(draft, REPOSITORIES[r], &[])
        }
        Step::Link(from, to) => update(draft, REPOSITORIES[from], &[REPOSITORIES[to]]),
    }
}

/// What the counts must be, counted again from the versions.
fn recount(state: &State) -> (BTreeMap<String, u32>, u64, BTreeMap<String, u32>) {
    let (mut assets, mut bytes, mut texts) = (BTreeMap::new(), 0, BTreeMap::new());
    let domain = state.domain(&domain()).unwrap();
    let versions = domain.repositories().flat_map(|r| r.packages()).flat_map(|p| p.versions()).map(|(_, v)| v);
    for version in versions {
        for asset in &version.assets {
            let count: &mut u32 = assets.entry(asset.digests.sha256.to_string()).or_default();
            *count += 1;
            if *count == 1 {
                bytes += asset.size;
            }
        }
        if let Some(readme) = version.readme {
            *texts.entry(readme.to_string()).or_default() += 1;
        }
    }
    (assets, bytes, texts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens, the counts are right, what lost its last reference is released, and the records of the
    /// changes alone make the same model again.
    #[test]
    fn counts_and_records_agree_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let database = Database::in_memory().unwrap();
        let first = with(&[("r0", &[]), ("r1", &[]), ("r2", &[])]);
        database.commit(first.changes.records.iter()).unwrap();
        let mut state = first.state;
        for step in steps {
            let mut draft = Draft::new(state.clone(), 1_000);
            if take(&mut draft, &step).is_err() {
                continue;
            }
            database.commit(draft.changes.records.iter()).unwrap();
            // Bytes are given free by what is released: nothing may be forgotten there.
            for digest in state.domain(&domain()).unwrap().assets.keys() {
                let gone = !draft.state.holds(&domain(), digest);
                prop_assert!(!gone || draft.changes.released.contains(&(domain(), *digest)));
            }
            state = draft.state;
            let found = state.domain(&domain()).unwrap();
            let (assets, bytes, texts) = recount(&state);
            let counted: BTreeMap<_, _> = found.assets.iter().map(|(digest, count)| (digest.to_string(), *count)).collect();
            prop_assert_eq!(counted, assets);
            prop_assert_eq!(found.asset_bytes(), bytes);
            let counted: BTreeMap<_, _> = found.texts.iter().map(|(digest, count)| (digest.to_string(), *count)).collect();
            prop_assert_eq!(counted, texts);
        }
        prop_assert_eq!(format!("{:?}", database.load().unwrap()), format!("{state:?}"));
        for (digest, _) in &state.domain(&domain()).unwrap().texts {
            prop_assert!(database.text(&domain(), digest).unwrap().is_some());
        }
    }

    /// A canonical name is its own canonical name, and case and dashes make no difference.
    #[test]
    fn canonical_names_are_stable(text in "[A-Za-z][A-Za-z0-9_-]{0,20}") {
        let once = key(&text);
        prop_assert_eq!(&once, &key(&text.to_uppercase()));
        prop_assert_eq!(&once, &key(&text.replace('_', "-")));
    }

    #[test]
    fn version_keys_drop_build_metadata_only(core in "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}", build in "[a-z0-9.]{1,9}") {
        let bare = VersionKey::new(PackageFormat::Cargo, &core);
        prop_assert_eq!(bare.as_str(), core.as_str());
        prop_assert_eq!(bare, VersionKey::new(PackageFormat::Cargo, &format!("{core}+{build}")));
    }
}
