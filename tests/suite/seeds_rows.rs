//! Two articles' commands (A: best practices; B: upstreams and retention), row by row, as they are printed and as they
//! should have been, and where each row, and each step of the lifecycle (L), is shown to have its effect.

use std::fs;

use serde_json::{Value, json};
use tests::{programs::workspace, sandbox::ACCOUNT};

use crate::seeds_aws_cli::Scene;

const PRINTED: &str = "seeds_rows::printed_commands_do_what_they_do_with_the_service";
const LIVE_AND_DIE: &str = "seeds_aws_cli::domains_and_repositories_live_and_die";
const SHARED: &str = "policies::a_shared_repository_is_read_by_a_team_and_published_to_by_one_role";
const DOMAIN_READ: &str = "policies::reading_that_the_domain_allows_opens_no_repository_and_groups_are_no_principals";
const NPM_LOGIN: &str = "aws_login::npm_does_what_it_was_led_to";
const PYTHON_LOGIN: &str = "aws_login::pip_and_twine_do_what_they_were_led_to";
const PROMOTED: &str = "seeds_packages::a_package_is_promoted_and_told_of";
const OUTSIDE: &str = "seeds_packages::what_came_from_outside_is_stored_once_hidden_and_kept_out";
const GROUP_OUTSIDE: &str = "package_groups::a_group_decides_what_comes_in_from_outside";
const GROUP_PUBLISH: &str = "package_groups::a_group_decides_who_publishes";
const RULE: &str = "seeds_packages::old_versions_go_by_a_rule_of_ones_own";
const NPM_CHAIN: &str = "npm::npm_installs_and_publishes";

/// Every row, once, and the tests that show it.
const ROWS: &[(&str, &[&str])] = &[
    ("A0", &[PRINTED]),
    ("A1", &[PRINTED, LIVE_AND_DIE]),
    ("A2", &[PRINTED, LIVE_AND_DIE]),
    ("A3", &[PRINTED, SHARED]),
    ("A4", &[PRINTED]),
    ("A5", &[PRINTED, SHARED]),
    ("A6", &[PRINTED]),
    ("A7", &[PRINTED]),
    ("A8", &[NPM_LOGIN]),
    ("A9", &[NPM_LOGIN, PROMOTED]),
    ("A10", &[PRINTED, PROMOTED]),
    ("A11", &[SHARED]),
    ("A12", &[PROMOTED]),
    ("A13", &[PRINTED, LIVE_AND_DIE]),
    ("A14", &[PRINTED, OUTSIDE]),
    ("A15", &[PRINTED]),
    ("A16", &[SHARED]),
    ("B0", &[PRINTED]),
    ("B1", &[PRINTED]),
    ("B2", &[PRINTED]),
    ("B3", &[PRINTED]),
    ("B4", &[PRINTED, OUTSIDE]),
    ("B5", &[PRINTED]),
    ("B6", &[PRINTED, "seeds_aws_cli::tokens_open_the_domain_and_only_while_they_hold"]),
    ("B7", &[NPM_LOGIN]),
    ("B8", &[NPM_LOGIN]),
    ("B9", &[PYTHON_LOGIN]),
    ("B10", &[PRINTED, "aws_login::nuget_dotnet_and_swift_are_told"]),
    ("B11", &[PRINTED, RULE]),
    ("B12", &[NPM_LOGIN, PYTHON_LOGIN]),
    ("B13", &[PRINTED, DOMAIN_READ]),
    ("B14", &[PRINTED, DOMAIN_READ]),
    ("B15", &[GROUP_OUTSIDE, GROUP_PUBLISH, OUTSIDE]),
    ("B16", &[PRINTED, PROMOTED]),
    ("B17", &[PRINTED, NPM_CHAIN]),
    ("B18", &["seeds_packages::storage_is_watched_by_the_size_of_the_domain"]),
    ("B19", &[OUTSIDE]),
    ("B20", &[PRINTED]),
    ("B21", &[PRINTED]),
    ("B22", &[PRINTED]),
    ("L1", &[OUTSIDE, NPM_LOGIN, NPM_CHAIN]),
    ("L2", &["pypi::what_was_published_is_installed_by_all"]),
    ("L3", &[OUTSIDE, "seeds_aws_cli::generic_versions_are_published_copied_hidden_and_destroyed"]),
    ("L4", &[PROMOTED]),
    ("L5", &["seeds_lifecycle::a_generic_version_grows_until_it_is_published"]),
    ("L6", &[SHARED]),
    ("L7", &["seeds_lifecycle::a_group_blocks_publishing", GROUP_OUTSIDE, GROUP_PUBLISH]),
    (
        "L8",
        &[
            "seeds_lifecycle::an_expired_token_is_refused_to_each_client",
            "seeds_aws_cli::tokens_open_the_domain_and_only_while_they_hold",
        ],
    ),
    ("L9", &["seeds_lifecycle::what_is_missing_or_in_the_way_is_named", LIVE_AND_DIE]),
    ("L10", &[PROMOTED]),
];

#[test]
fn every_row_is_shown_by_a_test_that_exists() {
    let numbered = |letter, numbers: std::ops::RangeInclusive<u32>| numbers.map(move |number| format!("{letter}{number}"));
    let expected = numbered('A', 0..=16).chain(numbered('B', 0..=22)).chain(numbered('L', 1..=10));
    assert!(expected.eq(ROWS.iter().map(|(row, _)| (*row).to_owned())), "a row is missing, twice, or misplaced");
    for (row, shown) in ROWS {
        assert!(!shown.is_empty(), "{row}");
        for test in *shown {
            let (file, function) = test.split_once("::").expect("FILE::TEST");
            let text = fs::read_to_string(workspace().join(format!("tests/suite/{file}.rs"))).expect(test);
            assert!(text.contains(&format!("#[test]\nfn {function}() {{")), "{row}: there is no test {test}");
        }
    }
}

/// What becomes of a command that somebody copied from an article.
enum Fate {
    /// It runs and prints JSON, or nothing.
    Runs,
    /// The CLI refuses it before any call, and says this.
    Stopped(&'static str),
    /// The service refuses it.
    Refused(&'static str),
}

/// What needs a package manager, several accounts or time has a journey of its own.
#[test]
fn printed_commands_do_what_they_do_with_the_service() {
    use Fate::{Refused, Runs, Stopped};
    let Some(scene) = Scene::new() else { return };
    let copy = "copy-package-versions --domain my-org --package my-package --format npm --source-repository my-team-repo";
    let create = "create-repository --domain my-org --repository";
    let connect = "associate-external-connection --domain my-org --external-connection";
    let policy = "put-repository-permissions-policy --domain my-org --repository my-shared-repo-name --policy-document";
    let cut = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["#;
    let reading = format!("{cut}\"codeartifact:ReadFromRepository\"],\"Resource\":\"*\"}}]}}");
    let group = reading.replace(":root", ":group/package-publishers");
    scene.sandbox.write("work/policy.json", &reading);
    let missing = "Unable to load paramfile file://missing.json";
    let rows = [
        ("A1", "create-domain --domain my-org".to_owned(), Runs),
        ("A2", format!("{create} my-shared-repo-name --domain-owner account-id --description shared"), Stopped("domainOwner")),
        ("A2", format!("{create} my-shared-repo-name --domain-owner {ACCOUNT} --description shared"), Runs),
        ("A3", format!("{policy} {cut}"), Refused("ValidationException")),
        ("A4", "put-repository-permissions --domain my-org --repository my-shared-repo-name".to_owned(), Stopped("nvalid choice")),
        ("A5", format!("{policy} file://missing.json"), Stopped(missing)),
        ("A5", format!("{policy} file://policy.json"), Runs),
        ("A6", format!("{connect} public:npmjs --repository my-external-repo"), Refused("ResourceNotFoundException")),
        ("A6", format!("{create} my-external-repo"), Runs),
        ("A6", format!("{connect} public:npmjs --repository my-external-repo"), Runs),
        ("A6", format!("{connect} public:pypi --repository my-external-repo"), Refused("ValidationException")),
        ("A7", format!("{create} my-team-repo --domain-owner {ACCOUNT}"), Runs),
        ("A0", format!("{copy} --destination-repository my-shared-repo --versions 6.0.2"), Refused("ResourceNotFoundException")),
        ("A10", format!("{copy} --destination-repository my-shared-repo-name --versions 6.0.2"), Refused("ResourceNotFoundException")),
        ("A14", format!("{create} pypi-store"), Runs),
        ("A14", format!("{connect} public:pypi --repository pypi-store"), Runs),
        ("A15", "create-domain --domain sandbox".to_owned(), Runs),
        ("A15", format!("{copy} --destination-domain sandbox --destination-repository x --versions 1"), Stopped("nknown options")),
        ("B1", format!("{create} public-npm --format npm"), Stopped("nknown options")),
        ("B1", format!("{create} public-npm"), Runs),
        ("B2", format!("{create} frontend-packages --upstream-repositories repositoryName=public-npm"), Stopped("nknown options")),
        ("B3", format!("{create} frontend-packages --upstreams repositoryName=public-npm,domainOwner=123456789012"), Stopped("domainOwner")),
        ("B4", format!("{connect} public:npmjs --repository public-npm"), Runs),
        ("B5", format!("{create} internal-npm"), Runs),
        ("B2", format!("{create} frontend-packages --upstreams repositoryName=public-npm repositoryName=internal-npm"), Runs),
        ("B0", format!("{create} frontend-packages --upstreams repositoryName=internal-java"), Refused("ConflictException")),
        ("B0", format!("{create} backend --upstreams repositoryName=internal-java"), Refused("ResourceNotFoundException")),
        ("B5", "update-repository --domain my-org --repository frontend-packages --upstreams repositoryName=internal-npm repositoryName=public-npm".to_owned(), Runs),
        ("B6", "get-authorization-token --domain my-org --query authorizationToken --output text".to_owned(), Runs),
        ("B10", "login --tool maven --domain my-org --repository frontend-packages".to_owned(), Stopped("nvalid choice")),
        ("B11", "put-repository-retention-configuration --domain my-org --repository public-npm --retention-days 30".to_owned(), Stopped("nvalid choice")),
        ("B13", format!("put-domain-permissions-policy --domain my-org --policy-document {reading}"), Runs),
        ("B14", format!("{policy} {group}"), Refused("ValidationException")),
        ("B16", format!("{create} blessed"), Runs),
        ("B17", format!("{create} frontend-app --upstreams repositoryName=frontend-packages"), Runs),
        ("B17", "update-repository --domain my-org --repository internal-npm --upstreams repositoryName=frontend-app".to_owned(), Refused("ValidationException")),
        ("B20", "describe-domain --domain my-org --region eu-west-1".to_owned(), Refused("ResourceNotFoundException")),
        ("B21", format!("{create} mirror --upstreams repositoryName=blessed"), Runs),
        ("B22", format!("{create} maven-store"), Runs),
        ("B22", format!("{connect} public:maven-central --repository maven-store"), Runs),
        ("B22", "update-repository --domain my-org --repository blessed --upstreams repositoryName=maven-store".to_owned(), Runs),
        ("-", "delete-package-version --domain my-org".to_owned(), Stopped("nvalid choice")),
        ("-", "list-package-version-dependencies --domain my-org --repository blessed --format npm --package a --package-version 1 --max-items 1".to_owned(), Stopped("nknown options")),
        ("-", "create-domain --domain A".to_owned(), Stopped("Invalid length")),
        ("-", "create-domain --domain my_domain".to_owned(), Refused("ValidationException")),
        ("A13", "delete-domain --domain my-org".to_owned(), Refused("ConflictException")),
    ];
    for (row, words, fate) in rows {
        println!("{row}: {words}");
        match fate {
            Runs => drop(scene.aws(&words).answers_secret().run().success()),
            Stopped(text) => drop(scene.aws(&words).run().failure().says(text)),
            Refused(exception) => scene.refused(&words, exception),
        }
    }
    look_at_the_effects(&scene, &reading);
}

fn look_at_the_effects(scene: &Scene, policy: &str) {
    let get = |method: &str, path: &str| -> Value {
        let answer = scene.service.call(method, &format!("{path}domain=my-org"), "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("the answer is JSON")
    };
    let domain = get("GET", "domain?");
    assert_eq!((&domain["domain"]["status"], &domain["domain"]["repositoryCount"]), (&json!("Active"), &json!(11)));
    assert!(domain["domain"]["encryptionKey"].as_str().is_some_and(|key| key.starts_with("arn:aws:kms:")), "{domain}");
    assert_eq!(get("POST", "package-groups?")["packageGroups"][0]["pattern"], "/*");
    for (path, format) in [("repository/permissions/policy?repository=my-shared-repo-name&", "A5"), ("domain/permissions/policy?", "B13")] {
        let document = get("GET", path)["policy"]["document"].as_str().expect("a document is text").to_owned();
        assert_eq!(document.parse::<Value>().ok(), policy.parse::<Value>().ok(), "{format}: what was refused changed nothing");
    }
    for (name, upstreams, connections) in [
        ("my-shared-repo-name", &[][..], &[][..]),
        ("my-external-repo", &[], &[("public:npmjs", "npm")]),
        ("my-team-repo", &[], &[]),
        ("pypi-store", &[], &[("public:pypi", "pypi")]),
        ("public-npm", &[], &[("public:npmjs", "npm")]),
        ("internal-npm", &[], &[]),
        // In the order given last.
        ("frontend-packages", &["internal-npm", "public-npm"], &[]),
        ("frontend-app", &["frontend-packages"], &[]),
        ("blessed", &["maven-store"], &[]),
        ("mirror", &["blessed"], &[]),
        ("maven-store", &[], &[("public:maven-central", "maven")]),
    ] {
        let repository = get("GET", &format!("repository?repository={name}&"))["repository"].clone();
        let upstreams: Vec<Value> = upstreams.iter().map(|name| json!({ "repositoryName": name })).collect();
        assert_eq!(repository["upstreams"], json!(upstreams), "{name}");
        let connections: Vec<Value> = connections
            .iter()
            .map(|(name, format)| json!({ "externalConnectionName": name, "packageFormat": format, "status": "Available" }))
            .collect();
        assert_eq!(repository["externalConnections"], json!(connections), "{name}");
        assert_eq!((&repository["administratorAccount"], &repository["domainOwner"]), (&json!(ACCOUNT), &json!(ACCOUNT)));
    }
}
