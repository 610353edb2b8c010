//! Settings against small made-up homes.

use std::{fs, time::UNIX_EPOCH};

use tempfile::TempDir;

use super::*;

/// A home folder with the two AWS files; an empty text is no file.
fn home(config: &str, credentials: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    for (name, text) in [("config", config), ("credentials", credentials)] {
        if !text.is_empty() {
            fs::write(home.path().join(".aws").join(name), text).unwrap();
        }
    }
    home
}

fn host(home: &TempDir, variables: &[(&str, &str)]) -> Host {
    let host = Host::for_test(&["program"], variables, home.path(), UNIX_EPOCH);
    host.with_var("HOME", home.path().to_str().unwrap())
}

fn read(config: &str, credentials: &str, variables: &[(&str, &str)]) -> AwsEnvironment {
    let home = home(config, credentials);
    AwsEnvironment::read(&host(&home, variables)).unwrap()
}

fn region(aws: &AwsEnvironment) -> Option<&str> {
    aws.region.as_ref().map(Region::as_str)
}

fn service(aws: &AwsEnvironment) -> Option<&str> {
    aws.service_override.as_ref().map(ServiceOverride::as_str)
}

#[test]
fn an_empty_home_says_nothing() {
    let aws = read("", "", &[]);
    assert_eq!((aws.profile.as_str(), region(&aws), service(&aws)), ("default", None, None));
    assert_eq!(aws.identity.as_str(), "default");
    assert_eq!(aws.origins, Origins::default());
    assert!(aws.trust().service_override.is_none());
    // No home at all is no error either.
    let nowhere = Host::for_test(&[], &[], "/", UNIX_EPOCH);
    assert_eq!(AwsEnvironment::read(&nowhere).unwrap().identity.as_str(), "default");
}

#[test]
fn the_region_comes_from_the_first_that_names_one() {
    let config = "[default]\nregion = eu-west-1\n[profile dev]\nregion = eu-west-2\n\
        [profile role]\nrole_arn = r\nsource_profile = dev\n\
        [profile loop]\nsource_profile = loop2\n[profile loop2]\nsource_profile = loop\n\
        [profile own]\nsource_profile = own\n[profile stray]\nsource_profile = gone\n";
    for (variables, expected) in [
        (&[][..], Some("eu-west-1")),
        (&[("AWS_PROFILE", "dev")][..], Some("eu-west-2")),
        (&[("AWS_PROFILE", "role")][..], Some("eu-west-2")),
        (&[("AWS_PROFILE", "loop")][..], None),
        (&[("AWS_PROFILE", "own")][..], None),
        (&[("AWS_PROFILE", "stray")][..], None),
        (&[("AWS_PROFILE", "gone")][..], None),
        (&[("AWS_DEFAULT_REGION", "us-east-2")][..], Some("us-east-2")),
        (&[("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-2")][..], Some("us-east-1")),
        (&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "us-east-2")][..], Some("us-east-2")),
    ] {
        assert_eq!(region(&read(config, "", variables)), expected, "{variables:?}");
    }
    assert_eq!(region(&read(config, "[default]\nregion = us-west-1\n", &[])), Some("us-west-1"));
}

#[test]
fn the_override_comes_from_the_first_that_names_one() {
    let config = "[default]\nservices = local\nendpoint_url = https://profile.example\n\
        [profile plain]\nendpoint_url = https://plain.example\n\
        [profile none]\nregion = eu-west-1\n\
        [profile off]\nservices = local\nignore_configured_endpoint_urls = TRUE\n\
        [services local]\ns3 =\n  endpoint_url = https://s3.example\n\
        codeartifact =\n  endpoint_url = http://127.0.0.1:4600\n";
    let own = ("AWS_ENDPOINT_URL_CODEARTIFACT", "https://own.example");
    let all = ("AWS_ENDPOINT_URL", "https://all.example");
    let off = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let on = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    let profile = |name| ("AWS_PROFILE", name);
    for (variables, expected) in [
        (vec![], Some("http://127.0.0.1:4600")),
        (vec![profile("plain")], Some("https://plain.example:443")),
        (vec![profile("none")], None),
        (vec![profile("gone")], None),
        (vec![own, all], Some("https://own.example:443")),
        (vec![all], Some("https://all.example:443")),
        (vec![all, profile("none")], Some("https://all.example:443")),
        (vec![off], None),
        (vec![own, off], None),
        (vec![own, all, off, profile("plain")], None),
        (vec![profile("off")], None),
        (vec![own, profile("off")], None),
        (vec![own, on, profile("off")], Some("https://own.example:443")),
        (vec![on, profile("off")], Some("http://127.0.0.1:4600")),
        // Neither true nor false: the SDK warns and goes on without it.
        (vec![own, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "1")], Some("https://own.example:443")),
        (vec![("AWS_ENDPOINT_URL_CODEARTIFACT", ""), all], Some("https://all.example:443")),
    ] {
        assert_eq!(service(&read(config, "", &variables)), expected, "{variables:?}");
    }
}

#[test]
fn the_command_line_wins() {
    let home = home("[profile dev]\nregion = eu-west-1\nendpoint_url = https://dev.example\n", "");
    let host = host(
        &home,
        &[
            ("AWS_PROFILE", "other"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL_CODEARTIFACT", "https://own.example"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ],
    );
    let options =
        AwsOptions { profile: Some("dev"), region: Some("eu-west-3"), endpoint_url: Some("http://127.0.0.1:1") };
    let aws = AwsEnvironment::with_options(&host, options).unwrap();
    assert_eq!(
        (aws.profile.as_str(), region(&aws), service(&aws)),
        ("dev", Some("eu-west-3"), Some("http://127.0.0.1:1"))
    );
    assert_eq!(aws.origins.service_override.as_deref(), Some("--endpoint-url"));
    assert_eq!(aws.origins.region.as_deref(), Some("--region"));
}

#[test]
fn identities_follow_the_chain_of_the_sdk() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "s")];
    // SHA-256 of the key's identifier, its first twelve digits.
    let by_key = "key:1a5d44a2dca1";
    let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ci")];
    let by_web = "role:arn:aws:iam::111122223333:role/ci";
    let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")];
    let full = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")];
    let sso = "[default]\nsso_account_id = 111122223333\nsso_role_name = Dev\nsso_session = corp\n";
    let by_sso = "profile:default;sso=111122223333/Dev/corp";
    let config = |line: &str| format!("[default]\nregion = eu-west-1\n{line}\n");
    let join = |one: &[(&'static str, &'static str)], other: &[(&'static str, &'static str)]| [one, other].concat();
    for (config, credentials, variables, expected) in [
        (String::new(), "", keys.to_vec(), by_key),
        (sso.to_owned(), "", join(&keys, &[("AWS_PROFILE", "default")]), by_key),
        (String::new(), "", vec![keys[0], ("SECRET_ACCESS_KEY", "s")], by_key),
        // Half a pair, or a blank one, is none.
        (String::new(), "", vec![keys[0]], "default"),
        (String::new(), "", vec![keys[0], ("AWS_SECRET_ACCESS_KEY", " ")], "default"),
        (sso.to_owned(), "", web.to_vec(), by_sso),
        (String::new(), "", web.to_vec(), by_web),
        (String::new(), "", join(&web, &container), by_web),
        (String::new(), "", vec![web[0]], "default"),
        (String::new(), "", container.to_vec(), "container"),
        (String::new(), "", full.to_vec(), "container"),
        // A profile without credentials is passed over, and so is a missing `default`.
        (config(""), "", web.to_vec(), by_web),
        ("[profile x]\nrole_arn = r\n".to_owned(), "", web.to_vec(), by_web),
        // A missing profile that was asked for is not: the SDK will say so.
        ("[profile x]\nrole_arn = r\n".to_owned(), "", join(&web, &[("AWS_PROFILE", "gone")]), "profile:gone"),
        // But where there are no profiles at all, it is.
        (String::new(), "", join(&web, &[("AWS_PROFILE", "gone")]), by_web),
        // What a profile is, in the SDK's order.
        (config("role_arn = r\nsource_profile = x\nsso_session = s"), "", vec![], "profile:default;role=r"),
        (config("role_arn = r\nweb_identity_token_file = /t"), "", vec![], "profile:default;role=r"),
        (
            config("credential_source = Ec2InstanceMetadata\nsso_session = s"),
            "",
            vec![],
            "profile:default;source=Ec2InstanceMetadata",
        ),
        (
            config("sso_account_id = 1\nsso_role_name = R\nsso_start_url = https://x\nlogin_session = l"),
            "",
            vec![],
            "profile:default;sso=1/R/https://x",
        ),
        (config("sso_session = s\ncredential_process = p"), "", vec![], "profile:default;sso=s"),
        (config("login_session = l\ncredential_process = p"), "", vec![], "profile:default;login=l"),
        (
            config("credential_process = p\naws_access_key_id = AKIAIOSFODNN7EXAMPLE"),
            "",
            vec![],
            "profile:default;process=148de9c5a7a4",
        ),
        (
            config("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s"),
            "",
            vec![],
            "profile:default;key=1a5d44a2dca1",
        ),
        // Keys in the credentials file; temporary ones come and go, the profile stays.
        (
            String::new(),
            "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
            vec![],
            "profile:default;key=1a5d44a2dca1",
        ),
        (
            String::new(),
            "[dev]\naws_access_key_id = ASIAX\naws_session_token = t\n",
            vec![("AWS_PROFILE", "dev")],
            "profile:dev",
        ),
        (sso.to_owned(), "[default]\nsso_role_name = Admin\n", vec![], "profile:default;sso=111122223333/Admin/corp"),
    ] {
        let aws = read(&config, credentials, &variables);
        assert_eq!(aws.identity.as_str(), expected, "{config:?} {credentials:?} {variables:?}");
    }
}

#[test]
fn no_secret_and_no_key_is_in_what_is_shown() {
    let variables = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    for aws in [
        read("", "", &variables),
        read("[default]\ncredential_process = tool --password hunter2\n", "", &[]),
        read("", "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hunter2\n", &[]),
    ] {
        let text = format!("{aws:?} {:?}", aws.describe());
        assert!(!text.contains("hunter2") && !text.contains("AKIA"), "{text}");
    }
}

#[test]
fn files_are_where_the_variables_say() {
    let home = home("[default]\nregion = eu-west-1\n", "");
    fs::write(home.path().join("other"), "[default]\nregion = eu-west-2\n").unwrap();
    fs::write(home.path().join("creds"), "[default]\nregion = eu-west-3\n").unwrap();
    let absolute = home.path().join("other");
    for (variable, path, expected) in [
        ("AWS_CONFIG_FILE", "~/other", "eu-west-2"),
        ("AWS_CONFIG_FILE", absolute.to_str().unwrap(), "eu-west-2"),
        ("AWS_CONFIG_FILE", "other", "eu-west-2"),
        ("AWS_CONFIG_FILE", "", "eu-west-1"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/creds", "eu-west-3"),
    ] {
        let aws = AwsEnvironment::read(&host(&home, &[(variable, path)])).unwrap();
        assert_eq!(region(&aws), Some(expected), "{variable}={path}");
    }
    for absent in ["~/absent", "~/other/below-a-file", "~other", "/dev/null"] {
        let aws = AwsEnvironment::read(&host(&home, &[("AWS_CONFIG_FILE", absent)])).unwrap();
        assert_eq!(region(&aws), None, "{absent}");
    }
}

#[test]
fn where_a_setting_comes_from_is_shown() {
    let home = home("# mine\n[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:4600\n", "");
    let aws = AwsEnvironment::read(&host(&home, &[])).unwrap();
    let file = home.path().join(".aws").join("config");
    let lines = aws.describe();
    assert_eq!(lines[0], ("identity", "default".to_owned()));
    assert_eq!(lines[1], ("profile", "default".to_owned()));
    assert_eq!(lines[2], ("region", format!("eu-west-1 (from {}:3)", file.display())));
    assert_eq!(lines[3], ("service", format!("http://127.0.0.1:4600 (from {}:4)", file.display())));
    assert_eq!(read("", "", &[]).describe()[2..], [("region", "none set".to_owned()), ("service", "AWS".to_owned())]);
}

#[test]
fn what_cannot_be_used_is_an_error_with_its_place() {
    let home = home("[default]\nregion = EU\nendpoint_url = http://example.com\n", "");
    let error = AwsEnvironment::read(&host(&home, &[])).unwrap_err();
    let place = format!("{}:2", home.path().join(".aws").join("config").display());
    assert_eq!(error.to_string(), format!("the Region from {place} cannot be used"));
    let error = AwsEnvironment::read(&host(&home, &[("AWS_REGION", "eu-west-1")])).unwrap_err();
    assert!(matches!(&error, ProfileError::Override { origin, .. } if origin.ends_with("config:3")), "{error:?}");
    let variables = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://localhost:4566")];
    let error = AwsEnvironment::read(&host(&home, &variables)).unwrap_err();
    assert_eq!(error.to_string(), "the service endpoint override from AWS_ENDPOINT_URL cannot be used");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("127.0.0.1"), "{source}");

    // A folder in the file's place, and a file without end.
    let path = home.path().join(".aws").join("credentials");
    fs::create_dir(&path).unwrap();
    let variables = [("AWS_CONFIG_FILE", "/dev/null")];
    let error = AwsEnvironment::read(&host(&home, &variables)).unwrap_err();
    assert!(matches!(&error, ProfileError::Unreadable { path: found, .. } if *found == path), "{error:?}");
    #[cfg(unix)]
    {
        let error = AwsEnvironment::read(&host(&home, &[("AWS_CONFIG_FILE", "/dev/zero")])).unwrap_err();
        assert!(error.to_string().starts_with("cannot read"), "{error}");
    }
}

#[test]
fn nothing_is_read_when_the_environment_says_it_all() {
    // A folder in the files' place would be an error.
    let home = tempfile::tempdir().unwrap();
    for name in ["config", "credentials"] {
        fs::create_dir_all(home.path().join(".aws").join(name)).unwrap();
    }
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", "A"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
    ];
    assert!(AwsEnvironment::read(&host(&home, &variables)).is_ok());
    variables.pop();
    assert!(AwsEnvironment::read(&host(&home, &variables)).is_err(), "the profile may ignore what is configured");
}

/// The settings with account rules, and the scope of a URL by them.
fn with_rules(home: &TempDir, rules: &str, variables: &[(&str, &str)], options: AwsOptions<'_>) -> AwsEnvironment {
    let path = home.path().join("config.toml");
    fs::write(&path, rules).unwrap();
    let host = host(home, variables).with_var(crate::settings::CONFIG_VARIABLE, path.to_str().unwrap());
    let settings = crate::UserSettings::read(&host).unwrap();
    AwsEnvironment::with_options(&host, options).unwrap().with_accounts(settings.accounts())
}

fn scope(aws: &AwsEnvironment, url: &str) -> Result<crate::TokenScope, crate::ScopeError> {
    let endpoint = crate::Endpoint::recognise(url.as_bytes(), &aws.trust()).unwrap().unwrap();
    crate::TokenScope::of(&endpoint, aws)
}

const OF_1: &str = "https://acme-111122223333.d.codeartifact.eu-west-1.amazonaws.com/npm/team-a/";
const OF_4: &str = "https://acme-444455556666.d.codeartifact.eu-west-1.amazonaws.com/npm/team-a/";

#[test]
fn the_first_rule_that_matches_is_part_of_the_scope() {
    let home =
        home("[profile work]\nsso_account_id = 1\nsso_role_name = r\nsso_session = s\n[default]\nrole_arn = d\n", "");
    let rules = "[[account]]\nowner = \"444455556666\"\nrepository = \"team-*\"\nprofile = \"work\"\nlifetime = \"1h\"\n\
        [[account]]\nowner = \"444455556666\"\nprofile = \"work\"\n[[account]]\nprofile = \"gone\"\n";
    let aws = with_rules(&home, rules, &[("AWS_PROFILE", "habit")], AwsOptions::default());
    let identity = |url: &str| scope(&aws, url).unwrap().identity.as_str().to_owned();
    assert_eq!(identity(OF_4), "profile:work;sso=1/r/s;lifetime=3600");
    assert_eq!(identity(&OF_4.replace("team-a", "shared")), "profile:work;sso=1/r/s");
    assert_eq!(identity(OF_1), "profile:gone");
    let served = aws.of_identity(&Identity::new("profile:work;sso=1/r/s;lifetime=3600")).unwrap();
    let origin = format!("{}:4", home.path().join("config.toml").display());
    assert_eq!((served.profile.as_str(), served.origins.profile.as_deref()), ("work", Some(origin.as_str())));
    assert!(aws.of_identity(&Identity::new("profile:stranger")).is_none());
    // Nothing but the identity differs: tokens of two profiles have two keys.
    assert_ne!(scope(&aws, OF_4).unwrap().key(), scope(&aws, &OF_4.replace("team-a", "shared")).unwrap().key());
}

#[test]
fn an_option_goes_before_rules_and_rules_before_the_environment() {
    let home = home("[profile work]\nrole_arn = w\n[profile habit]\nrole_arn = h\n", "");
    let rules = "[[account]]\nprofile = \"work\"\n";
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "eu-west-1")];
    let identity = |variables: &[(&str, &str)], options: AwsOptions<'_>| {
        let aws = with_rules(&home, rules, variables, options);
        scope(&aws, OF_1).unwrap().identity.as_str().to_owned()
    };
    assert_eq!(identity(&[("AWS_PROFILE", "habit")], AwsOptions::default()), "profile:work;role=w");
    assert_eq!(identity(&keys, AwsOptions::default()), "profile:work;role=w");
    let options = AwsOptions { profile: Some("habit"), ..AwsOptions::default() };
    assert_eq!(identity(&[], options), "profile:habit;role=h");
}

#[test]
fn a_url_has_to_be_ours_for_the_profile_of_its_rule_too() {
    let home = home(
        "[profile near]\nendpoint_url = https://vpce.example.com\n[profile local]\nendpoint_url = http://127.0.0.1:4600\n",
        "",
    );
    let scope_of = |profile: &str, variables: &[(&str, &str)], url: &str| {
        let rules = format!("[[account]]\nprofile = \"{profile}\"\n");
        scope(&with_rules(&home, &rules, variables, AwsOptions::default()), url)
    };
    // A way to AWS of the profile's own.
    let near = scope_of("near", &[], OF_1).unwrap();
    assert_eq!(near.service_override.unwrap().as_str(), "https://vpce.example.com:443");
    // A service of this machine gets no token of AWS's, and AWS none of its.
    assert!(matches!(scope_of("local", &[], OF_1), Err(crate::ScopeError::OtherOverride { .. })));
    let local = [("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:4700"), ("AWS_REGION", "eu-west-1")];
    let url = "http://127.0.0.1:4700/d/acme-111122223333/npm/team-a/";
    for profile in ["near", "local", "none"] {
        let scope = scope_of(profile, &local, url).unwrap();
        assert_eq!(scope.service_override.unwrap().as_str(), "http://127.0.0.1:4700", "the variable is in force");
    }
    let by_profile = [("AWS_PROFILE", "local"), ("AWS_REGION", "eu-west-1")];
    let url = url.replace("4700", "4600");
    assert!(matches!(scope_of("near", &by_profile, &url), Err(crate::ScopeError::OtherOverride { .. })));
}

#[test]
fn a_rule_s_region_serves_where_there_is_no_other() {
    let home = home("[profile work]\nregion = us-west-2\n", "");
    let local = ("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:4600");
    let url = "http://127.0.0.1:4600/d/acme-111122223333/npm/team-a/";
    for (rule, variables, expected) in [
        ("profile = \"work\"", &[local][..], "us-west-2"),
        ("profile = \"work\"\nregion = \"eu-west-1\"", &[local], "eu-west-1"),
        ("profile = \"work\"", &[local, ("AWS_REGION", "us-east-1")], "us-east-1"),
        ("lifetime = \"1h\"\nregion = \"eu-west-1\"", &[local], "eu-west-1"),
    ] {
        let aws = with_rules(&home, &format!("[[account]]\n{rule}\n"), variables, AwsOptions::default());
        assert_eq!(scope(&aws, url).unwrap().region.as_str(), expected, "{rule}");
    }
}

#[test]
fn a_sign_in_is_that_of_the_profile_the_credentials_come_from() {
    let config = "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dev\n\
        [profile console]\nlogin_session = arn\n[profile role]\nrole_arn = r\nsource_profile = middle\n\
        [profile middle]\nrole_arn = q\nsource_profile = sso\n[profile loop]\nrole_arn = r\nsource_profile = loop\n\
        [profile keys]\naws_access_key_id = a\n[profile by-keys]\nrole_arn = r\nsource_profile = keys\n";
    for (profile, command) in [
        ("sso", Some("aws sso login --profile sso")),
        ("console", Some("aws login --profile console")),
        ("role", Some("aws sso login --profile sso")),
        ("loop", None),
        ("keys", None),
        ("by-keys", None),
        ("missing", None),
    ] {
        let aws = read(config, "", &[("AWS_PROFILE", profile)]);
        assert_eq!(aws.sign_in().map(|sign_in| sign_in.command()).as_deref(), command, "{profile}");
    }
    let keys = [("AWS_PROFILE", "sso"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    assert_eq!(read(config, "", &keys).sign_in(), None, "the keys are asked, not the profile");
}
