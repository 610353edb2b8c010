use super::*;

fn rule(text: &str) -> AccountRule {
    let host = crate::Host::for_test(&[], &[], "/", std::time::UNIX_EPOCH);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, format!("[[account]]\n{text}\n")).unwrap();
    let host = host.with_var(crate::settings::CONFIG_VARIABLE, path.to_str().unwrap());
    crate::UserSettings::read(&host).unwrap().accounts()[0].clone()
}

fn mismatch(text: &str, url: &str, region: Option<&str>) -> Option<String> {
    let service = crate::ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap();
    let trust = crate::Trust { service_override: url.starts_with("http:").then_some(service) };
    let endpoint = Endpoint::recognise(url.as_bytes(), &trust).unwrap().unwrap();
    let region: Option<Region> = region.map(|region| region.parse().unwrap());
    rule(text).mismatch(&Subject::of(&endpoint, region.as_ref())).map(|mismatch| mismatch.to_string())
}

const URL: &str = "https://acme-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/team-a/simple/";
const LOCAL: &str = "http://127.0.0.1:4600/d/acme-111122223333/pypi/team-a/";

#[test]
fn all_conditions_have_to_hold() {
    let all = "owner = \"111122223333\"\ndomain = \"ac*\"\nregion = \"eu-west-1\"\nrepository = \"team-*\"\n\
               profile = \"p\"";
    assert_eq!(mismatch(all, URL, None), None);
    for (from, to, reason) in [
        ("111122223333", "444455556666", "it is for owner `444455556666`, and this is `111122223333`"),
        ("ac*", "ab*", "it is for domain `ab*`, and this is `acme`"),
        ("eu-west-1", "us-east-1", "it is for region `us-east-1`, and this is `eu-west-1`"),
        ("team-*", "shared", "it is for repository `shared`, and this is `team-a`"),
    ] {
        assert_eq!(mismatch(&all.replace(from, to), URL, None).as_deref(), Some(reason));
    }
    assert_eq!(mismatch("lifetime = \"1h\"", URL, None), None, "no condition: every call");
}

#[test]
fn a_url_without_a_region_is_of_the_environment_s_or_of_the_rule_s() {
    let text = "region = \"eu-west-1\"\nprofile = \"p\"";
    assert_eq!(mismatch(text, LOCAL, None), None);
    assert_eq!(mismatch(text, LOCAL, Some("eu-west-1")), None);
    assert!(mismatch(text, LOCAL, Some("us-east-1")).is_some());
    // The URL's own goes before the environment's.
    assert_eq!(mismatch(text, URL, Some("us-east-1")), None);
}

#[test]
fn a_role_of_another_partition_never_matches() {
    let text = "role = \"arn:aws-cn:iam::111122223333:role/r\"";
    let reason = "its role is of partition `aws-cn`, and eu-west-1 is of another";
    assert_eq!(mismatch(text, URL, None).as_deref(), Some(reason));
    assert_eq!(mismatch(&text.replace("aws-cn", "aws"), URL, None), None);
}

#[test]
fn what_a_call_does_not_say_matches_no_condition() {
    let domain: DomainName = "acme".parse().unwrap();
    let subject = Subject { domain: &domain, owner: None, region: None, repository: None };
    for (text, reason) in [
        ("owner = \"111122223333\"", "it is for owner `111122223333`, and none is named here"),
        ("repository = \"*\"", "it is for repository `*`, and none is named here"),
    ] {
        let mismatch = rule(&format!("{text}\nprofile = \"p\"")).mismatch(&subject);
        assert_eq!(mismatch.unwrap().to_string(), reason);
    }
    assert_eq!(rule("domain = \"acme\"\nprofile = \"p\"").mismatch(&subject), None);
    // The repository of an endpoint that is meant for its domain is made up.
    let place = "acme-111122223333.eu-west-1";
    let endpoint = Endpoint::of_domain(place, crate::PackageFormat::Npm, &crate::Trust::default()).unwrap();
    assert!(rule("repository = \"*\"\nprofile = \"p\"").mismatch(&Subject::of(&endpoint, None)).is_some());
}
