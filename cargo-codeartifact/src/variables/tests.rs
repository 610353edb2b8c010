use std::time::{Duration, SystemTime};

use codeartifact::{AuthorizationToken, Endpoint, Trust};

use super::*;

const HOST: &str = "my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com";

fn grant(repository: &str, token: &str, meant: Meant) -> Grant {
    at(&format!("https://{HOST}/generic/{repository}/"), token, meant)
}

fn at(url: &str, token: &str, meant: Meant) -> Grant {
    let address = url.starts_with("http:").then(|| url.split("/d/").next().unwrap().as_bytes());
    let service_override = address.map(|address| codeartifact::ServiceOverride::parse(address).unwrap());
    let endpoint = Endpoint::recognise(url.as_bytes(), &Trust { service_override }).unwrap().unwrap();
    let issued = SystemTime::UNIX_EPOCH;
    let token = AuthorizationToken::new(token.to_owned().into(), issued, issued + Duration::from_hours(12));
    Grant { endpoint, token, meant }
}

fn set(program: &str, grants: &[Grant], index: &[&str], var: &[&str]) -> Result<Vec<String>, String> {
    let [index, var] = [index, var].map(|names| names.iter().map(|&name| name.to_owned()).collect());
    let targets = cli::Targets { index, var, ..cli::Targets::default() };
    match of(Path::new(program), grants, &targets) {
        Ok(variables) => Ok(variables.iter().map(|v| format!("{}={}", v.name, *v.value).replace(HOST, "H")).collect()),
        Err(error) => Err(error.lines().remove(0)),
    }
}

/// The table of the help text, row by row: for a repository that was named, one that the settings know, and none.
#[test]
fn each_program_gets_what_it_reads_and_no_more() {
    let plain = ["CODEARTIFACT_AUTH_TOKEN=TOKEN"];
    let npm = ["npm_config_//H/npm/:_authToken=TOKEN", "npm_config_//H/npm/team/:_authToken=TOKEN"];
    let bundler =
        ["BUNDLE_MY___ORG___111122223333__D__CODEARTIFACT__US___EAST___1__AMAZONAWS__COM=aws:TOKEN"].as_slice();
    for (program, led, known, any) in [
        ("npm", &[npm[0], npm[1], "npm_config_registry=https://H/npm/team/"][..], &npm[..], &npm[..1]),
        ("bun", &["NPM_CONFIG_REGISTRY=https://H/npm/team/", "NPM_CONFIG_TOKEN=TOKEN"], &plain, &plain),
        ("bundle", bundler, bundler, bundler),
        ("gem", &["RUBYGEMS_HOST=https://H/ruby/team", "GEM_HOST_API_KEY=Bearer TOKEN"], &plain, &plain),
        (
            "twine",
            &["TWINE_REPOSITORY_URL=https://H/pypi/team/", "TWINE_USERNAME=aws", "TWINE_PASSWORD=TOKEN"],
            &plain,
            &plain,
        ),
        ("uv", &plain, &plain, &plain),
        ("poetry", &plain, &plain, &plain),
        ("mvn", &plain, &plain, &plain),
        ("sh", &plain, &plain, &plain),
    ] {
        for (meant, expected) in [(Meant::Led, led), (Meant::Known, known), (Meant::Any, any)] {
            let found = set(program, &[grant("team", "TOKEN", meant)], &[], &[]).unwrap();
            assert_eq!(found, expected, "{program}, {meant:?}");
        }
    }
}

#[test]
fn a_program_is_known_by_its_file_name() {
    for (path, reader) in [
        ("/opt/node/bin/npm", Reader::Npm),
        ("npm.cmd", Reader::Npm),
        ("./bunx", Reader::Bun),
        ("uv.exe", Reader::Uv),
        ("npmx", Reader::Other),
        ("", Reader::Other),
        ("/", Reader::Other),
    ] {
        assert_eq!(Reader::of(Path::new(path)), reader, "{path}");
    }
}

#[test]
fn an_index_is_named_by_the_user() {
    let grants = [grant("team", "TOKEN", Meant::Any)];
    assert_eq!(
        set("uv", &grants, &["my-index.1"], &[]).unwrap(),
        ["UV_INDEX_MY_INDEX_1_USERNAME=aws", "UV_INDEX_MY_INDEX_1_PASSWORD=TOKEN"]
    );
    assert_eq!(
        set("poetry", &grants, &["a", "b"], &[]).unwrap(),
        [
            "POETRY_HTTP_BASIC_A_USERNAME=aws",
            "POETRY_HTTP_BASIC_A_PASSWORD=TOKEN",
            "POETRY_HTTP_BASIC_B_USERNAME=aws",
            "POETRY_HTTP_BASIC_B_PASSWORD=TOKEN"
        ]
    );
    assert_eq!(set("npm", &grants, &["a"], &[]).unwrap_err(), "`--index` is for uv and Poetry");
}

#[test]
fn named_variables_come_besides_and_once() {
    let grants = [grant("team", "TOKEN", Meant::Any)];
    assert_eq!(
        set("npm", &grants, &[], &["CODEARTIFACT_AUTH_TOKEN", "MINE"]).unwrap()[1..],
        ["CODEARTIFACT_AUTH_TOKEN=TOKEN", "MINE=TOKEN"]
    );
    assert_eq!(set("make", &grants, &[], &["CODEARTIFACT_AUTH_TOKEN"]).unwrap(), ["CODEARTIFACT_AUTH_TOKEN=TOKEN"]);
}

#[test]
fn several_repositories_and_domains_stand_side_by_side() {
    let other = "https://other-444455556666.d.codeartifact.eu-west-1.amazonaws.com/npm/shared/";
    let grants = [grant("team", "ONE", Meant::Led), grant("internal", "ONE", Meant::Led), at(other, "TWO", Meant::Led)];
    let o = "other-444455556666.d.codeartifact.eu-west-1.amazonaws.com";
    assert_eq!(
        set("npm", &grants, &[], &[]).unwrap(),
        [
            "npm_config_//H/npm/:_authToken=ONE".to_owned(),
            "npm_config_//H/npm/team/:_authToken=ONE".to_owned(),
            "npm_config_//H/npm/internal/:_authToken=ONE".to_owned(),
            format!("npm_config_//{o}/npm/:_authToken=TWO"),
            format!("npm_config_//{o}/npm/shared/:_authToken=TWO"),
            "npm_config_registry=https://H/npm/team/".to_owned(),
        ]
    );
    assert_eq!(set("bundle", &grants, &[], &[]).unwrap().len(), 2);
    assert_eq!(set("make", &grants, &[], &[]).unwrap(), ["CODEARTIFACT_AUTH_TOKEN=ONE"]);
}

#[test]
fn on_this_machine_bundler_tells_no_domains_apart() {
    let local = |domain: &str, token| {
        at(&format!("http://127.0.0.1:4600/d/{domain}-111122223333/ruby/team/"), token, Meant::Led)
    };
    let one = set("bundle", &[local("one", "ONE"), local("one", "ONE")], &[], &[]).unwrap();
    assert_eq!(one, ["BUNDLE_127__0__0__1=aws:ONE"]);
    let two = set("bundle", &[local("one", "ONE"), local("two", "TWO")], &[], &[]).unwrap_err();
    assert_eq!(two, "Bundler takes one token for the host `127.0.0.1`, not two");
    assert_eq!(
        set("npm", &[local("one", "ONE")], &[], &[]).unwrap()[0],
        "npm_config_//127.0.0.1:4600/d/one-111122223333/npm/:_authToken=ONE"
    );
}
