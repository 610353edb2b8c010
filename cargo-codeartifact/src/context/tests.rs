use std::{fs, time::SystemTime};

use super::*;
use crate::report::{Manner, tests::heard};

const PROJECT: &str = "[project]\ndomain = \"project-org\"\nowner = \"222222222222\"\nregion = \"eu-west-1\"\n\
                       repository = \"project-read\"\npublish-to = { cargo = \"project-write\" }\n";

const AWS_FILE: &str = "[default]\nregion = ap-south-1\n[profile other]\nregion = sa-east-1\n";

const USER_FILE: &str = "[defaults]\ndomain = \"usual-org\"\nowner = \"444444444444\"\nregion = \"eu-north-1\"\n\
                         repository = \"usual-read\"\n";

struct Setting {
    folder: tempfile::TempDir,
}

impl Setting {
    /// A home with a user file; with AWS files, and a project below it, each if wanted.
    fn new(project: Option<&str>, aws_file: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".aws")).unwrap();
        fs::create_dir_all(folder.path().join("project/inner")).unwrap();
        if let Some(text) = aws_file {
            fs::write(folder.path().join(".aws/config"), text).unwrap();
        }
        fs::create_dir_all(folder.path().join(".config/codeartifact")).unwrap();
        fs::write(folder.path().join(".config/codeartifact/config.toml"), USER_FILE).unwrap();
        if let Some(text) = project {
            fs::write(folder.path().join("project").join(FILE_NAME), text).unwrap();
        }
        Self { folder }
    }

    fn open(&self, globals: &Globals, variables: &[(&str, &str)]) -> Result<Context, CommandError> {
        let mut all = vec![("HOME", self.folder.path().to_str().unwrap())];
        all.extend_from_slice(variables);
        let host = Host::for_test(&[], &all, self.folder.path().join("project/inner"), SystemTime::UNIX_EPOCH);
        Context::open(globals, &host)
    }
}

fn option(domain: &str) -> Globals {
    Globals { domain: Some(domain.parse().unwrap()), ..Globals::default() }
}

#[test]
fn the_region_comes_from_the_first_that_names_one() {
    let by_option = Globals { region: Some("us-west-2".parse().unwrap()), ..Globals::default() };
    let by_profile = Globals { profile: Some("other".into()), ..Globals::default() };
    let none = Globals::default();
    let variable = [("AWS_REGION", "ca-central-1")];
    let second = [("AWS_DEFAULT_REGION", "ca-west-1")];
    for (globals, variables, project, file, expected) in [
        (&by_option, &variable[..], Some(PROJECT), Some(AWS_FILE), Some(("us-west-2", Origin::Option))),
        (&none, &variable[..], Some(PROJECT), Some(AWS_FILE), Some(("ca-central-1", Origin::Variable))),
        (&none, &second[..], Some(PROJECT), Some(AWS_FILE), Some(("ca-west-1", Origin::Variable))),
        (&none, &[], Some(PROJECT), Some(AWS_FILE), Some(("eu-west-1", Origin::Project))),
        (&none, &[], None, Some(AWS_FILE), Some(("ap-south-1", Origin::AwsFiles))),
        (&by_profile, &[], None, Some(AWS_FILE), Some(("sa-east-1", Origin::AwsFiles))),
        (&none, &[], None, None, Some(("eu-north-1", Origin::UserFile))),
    ] {
        let context = Setting::new(project, file).open(globals, variables).unwrap();
        let found = context.region.as_ref().map(|region| (region.value.as_str(), region.origin));
        assert_eq!(found, expected);
        assert_eq!(context.aws.region.as_ref().map(Region::as_str), expected.map(|(region, _)| region));
        assert_eq!(context.host.var("AWS_REGION"), expected.map(|(region, _)| region), "what is started sees the same");
    }
}

#[test]
fn domain_and_owner_go_together() {
    let owner = "333333333333";
    let both = Globals { domain_owner: Some(owner.parse().unwrap()), ..option("option-org") };
    let owner_only = Globals { domain_owner: Some(owner.parse().unwrap()), ..Globals::default() };
    let only_domain = "[project]\ndomain = \"project-org\"\n";
    for (globals, project, domain, expected) in [
        (Globals::default(), Some(PROJECT), "project-org", Some(("222222222222", Origin::Project))),
        (owner_only, Some(PROJECT), "project-org", Some((owner, Origin::Option))),
        (both, Some(PROJECT), "option-org", Some((owner, Origin::Option))),
        // A file's owner is not the owner of a domain that the file does not name.
        (option("option-org"), Some(PROJECT), "option-org", None),
        (Globals::default(), Some(only_domain), "project-org", None),
        (Globals::default(), None, "usual-org", Some(("444444444444", Origin::UserFile))),
    ] {
        let context = Setting::new(project, None).open(&globals, &[]).unwrap();
        assert_eq!(context.domain().unwrap().as_str(), domain);
        assert_eq!(context.owner.as_ref().map(|owner| (owner.value.as_str(), owner.origin)), expected);
    }
}

#[test]
fn repositories_to_read_and_to_write_are_two_things() {
    let context = Setting::new(Some(PROJECT), None).open(&Globals::default(), &[]).unwrap();
    let typed: RepositoryName = "typed".parse().unwrap();
    assert_eq!(context.repository(None).unwrap().as_str(), "project-read");
    assert_eq!(context.repository(Some(&typed)).unwrap().as_str(), "typed");
    assert_eq!(context.publish_to(None, PackageFormat::Cargo).unwrap().as_str(), "project-write");
    assert_eq!(context.publish_to(Some(&typed), PackageFormat::Cargo).unwrap().as_str(), "typed");
    let error = context.publish_to(None, PackageFormat::Npm).unwrap_err();
    assert_eq!(error.lines(), ["no repository to publish npm packages to is named"]);
    let context = Setting::new(None, None).open(&Globals::default(), &[]).unwrap();
    assert_eq!(context.repository(None).unwrap().as_str(), "usual-read");
    let error = context.publish_to(None, PackageFormat::Cargo).unwrap_err();
    assert_eq!(error.lines(), ["no repository to publish to is named"], "the repository to read from is no substitute");
}

#[test]
fn what_is_missing_is_said_with_where_to_write_it() {
    let setting = Setting::new(None, None);
    fs::write(setting.folder.path().join(".config/codeartifact/config.toml"), "").unwrap();
    let context = setting.open(&Globals::default(), &[]).unwrap();
    for (error, line, hint) in [
        (context.domain().unwrap_err(), "no domain is named", "--domain"),
        (context.region().unwrap_err(), "no Region is named", "AWS_REGION"),
        (context.repository(None).unwrap_err(), "no repository is named", "--repository"),
        (
            context.publish_to(None, PackageFormat::Cargo).unwrap_err(),
            "no repository to publish to is named",
            "publish-to",
        ),
    ] {
        assert_eq!((error.code(), error.lines()), (2, vec![line.to_owned()]));
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
    }
}

#[test]
fn an_address_that_was_typed_counts_though_configured_ones_are_ignored() {
    let globals = Globals { endpoint_url: Some("http://127.0.0.1:4600".into()), ..Globals::default() };
    let variables =
        [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), ("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:9")];
    let setting = Setting::new(None, None);
    let context = setting.open(&globals, &variables).unwrap();
    let address = "http://127.0.0.1:4600";
    assert_eq!(context.aws.service_override.as_ref().unwrap().as_str(), address);
    // The same through the variables, for programs that are started.
    let again = AwsEnvironment::read(&context.host).unwrap();
    assert_eq!(again.service_override.as_ref().unwrap().as_str(), address);
    let context = setting.open(&Globals::default(), &variables).unwrap();
    assert_eq!(context.aws.service_override, None);
}

#[test]
fn a_project_cannot_choose_who_asks_or_where() {
    for key in ["profile = \"admin\"", "endpoint-url = \"http://127.0.0.1:1\"", "role = \"r\""] {
        let error = Setting::new(Some(&format!("[project]\n{key}\n")), None)
            .open(&Globals::default(), &[])
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.code(), 1);
        assert!(error.lines()[0].contains("a project file cannot choose"), "{:?}", error.lines());
    }
}

#[test]
fn the_domains_endpoint_needs_no_repository() {
    let context = Setting::new(Some(PROJECT), None).open(&Globals::default(), &[]).unwrap();
    let endpoint = context.domain_endpoint().unwrap();
    assert!(
        endpoint.base_url().starts_with("https://project-org-222222222222.d.codeartifact.eu-west-1.amazonaws.com/"),
        "{endpoint}"
    );
}

#[test]
fn those_who_ask_are_told_where_values_come_from() {
    let context = Setting::new(Some(PROJECT), None).open(&option("option-org"), &[]).unwrap();
    let (mut report, _, err) = heard(Manner { verbose: 1, ..Manner::default() }, None);
    context.describe(&mut report);
    let text = err.text();
    assert!(text.contains("domain: option-org (from an option)\n"), "{text}");
    assert!(text.contains("owner: not named\n"), "{text}");
    assert!(text.contains("region: eu-west-1 (from codeartifact.toml)\n"), "{text}");
}
