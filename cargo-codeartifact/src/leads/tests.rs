use std::time::SystemTime;

use codeartifact::ServiceOverride;

use super::*;

const HOST: &str = "https://acme-111122223333.d.codeartifact.us-east-1.amazonaws.com";

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.root.path().join("home")).unwrap();
        fs::create_dir_all(place.root.path().join("work/deep")).unwrap();
        for (name, text) in files {
            let path = place.root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("HOST", HOST)).unwrap();
        }
        place
    }

    fn leads(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Leads {
        let home = self.root.path().join("home");
        let mut all = vec![("HOME", home.to_str().unwrap())];
        all.extend(variables);
        let host = Host::for_test(&[], &all, self.root.path().join("work/deep"), SystemTime::UNIX_EPOCH);
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        of(OsStr::new(program), &arguments, &host, &Trust::default())
    }

    fn found(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        let leads = self.leads(program, arguments, variables);
        leads.endpoints.iter().map(|endpoint| endpoint.base_url().replace(HOST, "HOST")).collect()
    }
}

#[test]
fn each_program_is_led_by_its_own_files() {
    for (program, file, text, found) in [
        ("npm", "home/.npmrc", "registry=HOST/npm/team/\n", "HOST/npm/team/"),
        ("npx", "work/.npmrc", "@a:registry=HOST/npm/team\n", "HOST/npm/team/"),
        ("npm", "work/deep/package.json", r#"{"publishConfig":{"registry":"HOST/npm/own/"}}"#, "HOST/npm/own/"),
        ("bunx", "work/deep/bunfig.toml", "[install]\nregistry = \"HOST/npm/team/\"\n", "HOST/npm/team/"),
        ("bun", "home/.bunfig.toml", "[install]\nregistry = 'HOST/npm/team/'\n", "HOST/npm/team/"),
        ("mvn", "work/pom.xml", "<repository><url>HOST/maven/team/</url></repository>", "HOST/maven/team/"),
        ("mvn", "home/.m2/settings.xml", "<url>HOST/maven/team</url>", "HOST/maven/team/"),
        ("gem", "home/.gemrc", ":sources: [HOST/ruby/team/, x]", "HOST/ruby/team/"),
        ("bundle", "work/Gemfile", "source 'HOST/ruby/team/' do", "HOST/ruby/team/"),
        ("bundler", "work/.bundle/config", "BUNDLE_MIRROR__ALL: \"HOST/ruby/team/\"", "HOST/ruby/team/"),
    ] {
        let place = Place::new(&[(file, text)]);
        assert_eq!(place.found(program, &[], &[]), [found], "{program} {file}");
        assert_eq!(place.found(&format!("/opt/{program}"), &["x"], &[]), [found], "{program} by its path");
        for other in ["pip", "cargo", "node", ""] {
            assert!(place.found(other, &[], &[]).is_empty(), "{other}");
        }
    }
}

#[test]
fn what_is_for_another_format_or_no_repository_leads_nowhere() {
    let place = Place::new(&[(
        "home/.npmrc",
        "# HOST/pypi/team/simple/\nregistry=https://packages.example.com/npm/\nother=HOST\nhttp=HOST/npm/\n\
         tricky=https://acme-111122223333.d.codeartifact.us-east-1.amazonaws.com.example.com/npm/team/\n",
    )]);
    assert!(place.found("npm", &["run", "build"], &[]).is_empty());
}

#[test]
fn what_is_said_for_the_call_comes_first_and_each_once() {
    let place = Place::new(&[
        ("home/.npmrc", "registry=HOST/npm/home/\n@b:registry=HOST/npm/said/\n"),
        ("work/.npmrc", "registry=HOST/npm/work/\n@a:registry=HOST/npm/home/-/x.tgz"),
        ("work/my.rc", "registry=HOST/npm/named/"),
    ]);
    let said = format!("--registry={HOST}/npm/said/");
    let variable = format!("{HOST}/npm/variable/");
    let all = place.leads("npm", &[&said], &[("NPM_CONFIG_Registry", &variable)]);
    assert_eq!(all.said, 2);
    let names: Vec<String> = all.endpoints.iter().map(|endpoint| endpoint.repository().to_string()).collect();
    assert_eq!(names, ["said", "variable", "work", "home"]);
    for arguments in [["--userconfig", "../my.rc"].as_slice(), &["--userconfig=../my.rc"]] {
        assert_eq!(place.found("npm", arguments, &[])[0], "HOST/npm/named/");
    }
    assert_eq!(place.found("npm", &[], &[("npm_config_userconfig", "../my.rc")])[0], "HOST/npm/named/");
}

#[test]
fn references_to_variables_are_followed_and_addresses_end_where_they_end() {
    let place = Place::new(&[("home/.npmrc", "registry=${WHERE}/npm/team/\nx=${\n")]);
    assert_eq!(place.found("npm", &[], &[("WHERE", HOST)]), ["HOST/npm/team/"]);
    assert!(place.found("npm", &[], &[]).is_empty());
    for (text, found) in [
        ("a://b", vec!["a://b"]),
        ("x=\"https://a/b\",<https://c>", vec!["https://a/b", "https://c"]),
        ("sparse+http://[::1]:4/x;", vec!["sparse+http://[::1]:4/x"]),
        ("://", vec!["://"]),
        ("é://é", vec!["://é"]),
        ("http://[", vec!["http://"]),
    ] {
        assert_eq!(addresses(text).collect::<Vec<_>>(), found, "{text}");
    }
}

#[test]
fn a_service_on_this_machine_counts_while_it_is_in_force() {
    let place = Place::new(&[("home/.npmrc", "registry=http://127.0.0.1:4600/d/acme-111122223333/npm/team/\n")]);
    assert!(place.found("npm", &[], &[]).is_empty());
    let home = place.root.path().join("home");
    let host = Host::for_test(&[], &[("HOME", home.to_str().unwrap())], "/", SystemTime::UNIX_EPOCH);
    let trust = Trust { service_override: Some(ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap()) };
    assert_eq!(of(OsStr::new("npm"), &[], &host, &trust).endpoints.len(), 1);
}

#[test]
fn a_proxy_of_ours_is_known_by_its_address() {
    let address = "http://127.0.0.1:4601/d/acme-111122223333.us-east-1/npm/team/";
    let place = Place::new(&[("home/.npmrc", &format!("registry={address}\n"))]);
    let leads = place.leads("npm", &[], &[]);
    assert_eq!(leads.on_proxy.len(), 1);
    assert_eq!(leads.on_proxy[0].listening, "127.0.0.1:4601".parse().unwrap());
    assert!(leads.endpoints.is_empty());
    let place = Place::new(&[("home/.npmrc", "registry=http://127.0.0.1:4601/npm/\n")]);
    assert_eq!(place.leads("npm", &[], &[]).on_proxy, []);
}

#[cfg(unix)]
#[test]
fn only_yarn_1_is_given_a_token() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let found = |manifest: &str, more: &[(&str, &str)]| {
        let mut files = vec![("home/.npmrc", "registry=HOST/npm/team/\n"), ("lib/yarn/bin/yarn.js", "")];
        files.push(("lib/yarn/package.json", manifest));
        files.extend(more);
        let place = Place::new(&files);
        let (script, bin) = (place.root.path().join("lib/yarn/bin/yarn.js"), place.root.path().join("bin"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(&bin).unwrap();
        symlink(script, bin.join("yarn")).unwrap();
        !place.found("yarn", &[], &[("PATH", bin.to_str().unwrap())]).is_empty()
    };
    let classic = r#"{ "name": "yarn", "version": "1.22.22" }"#;
    assert!(found(classic, &[]));
    assert!(found(classic, &[("work/.yarnrc.yml", "nodeLinker: node-modules\n")]));
    assert!(!found(classic, &[("work/.yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.cjs\n")]));
    assert!(!found(r#"{ "name": "@yarnpkg/cli-dist", "version": "4.18.1" }"#, &[]));
    assert!(!found("no manifest", &[]));
    let corepack = r#"{ "name": "corepack", "version": "0.34.0" }"#;
    assert!(found(corepack, &[]));
    assert!(found(corepack, &[("work/package.json", r#"{ "packageManager": "yarn@1.22.22+sha" }"#)]));
    assert!(!found(corepack, &[("work/package.json", r#"{ "packageManager": "yarn@4.1.0" }"#)]));
}
