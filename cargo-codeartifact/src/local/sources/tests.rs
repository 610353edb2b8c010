use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::SystemTime};

use super::*;

/// A machine with these files in its home, and programs that print what their scripts say.
struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "bin"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let variables = vec![("HOME".to_owned(), at("home")), ("PATH".to_owned(), at("bin"))];
        Self { folder, variables }
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// A program made of the words of a `case` over all its arguments.
    fn program(self, name: &str, cases: &str) -> Self {
        let path: PathBuf = self.folder.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\ncase \"$*\" in\n{cases}\n*) exit 1;;\nesac\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn finds(&self, connection: Connection) -> Option<String> {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let host = Host::for_test(&[], &variables, self.folder.path(), SystemTime::UNIX_EPOCH);
        find(connection, &host).map(|address| format!("{address:?}"))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may not be found")]
fn shown(url: &str) -> Option<String> {
    Some(format!("{:?}", SourceAddress::parse(url).unwrap()))
}

#[test]
fn an_option_names_a_source_and_its_address() {
    let words = |words: &[&str]| named(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let two = words(&["public:npmjs=https://a.example/npm/", "public:pypi=http://127.0.0.1:1/simple"]).unwrap();
    assert_eq!(two.len(), 2);
    for (bad, says) in [
        (&["public:npmjs"][..], "is not NAME=URL"),
        (&["npm=https://a.example/"], "is no external connection"),
        (&["public:npmjs=a.example"], "absolute http or https URL"),
        (&["public:npmjs=https://me:canary@a.example/"], "has no user part"),
        (&["public:npmjs=https://a.example/", "public:npmjs=https://b.example/"], "twice"),
    ] {
        let error = words(bad).unwrap_err();
        assert_eq!(error.code(), 2);
        let text = error.lines().join("\n");
        assert!(text.contains(says) && !text.contains("canary"), "{bad:?}: {text}");
    }
}

#[test]
fn npm_says_its_registry_and_what_is_ours_is_no_source() {
    let set = "'config get registry') echo https://mirror.example/npm/;;";
    assert_eq!(Machine::new().program("npm", set).finds(Connection::Npmjs), shown("https://mirror.example/npm/"));
    let ours = "'config get registry') echo http://127.0.0.1:4000/d/acme-111122223333/npm/team/;;\n\
                *userconfig*) echo https://default.example/;;";
    assert_eq!(Machine::new().program("npm", ours).finds(Connection::Npmjs), shown("https://default.example/"));
    assert_eq!(Machine::new().finds(Connection::Npmjs), None, "npm is not installed");
    assert_eq!(Machine::new().program("npm", "").finds(Connection::Npmjs), None, "npm fails");
}

#[test]
fn a_token_for_exactly_that_registry_goes_with_it() {
    let url = "https://mirror.example/npm/";
    let host = |machine: &Machine| {
        let variables: Vec<_> = machine.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Host::for_test(&[], &variables, machine.folder.path(), SystemTime::UNIX_EPOCH)
    };
    let machine = Machine::new().file("home/.npmrc", "//mirror.example/npm/:_authToken=${TOKEN}\n").with("TOKEN", "t");
    assert_eq!(npm_token(&host(&machine), url).unwrap().as_str(), "Bearer t");
    let other = Machine::new().file("home/.npmrc", "//mirror.example/other/:_authToken=t\n");
    assert!(npm_token(&host(&other), url).is_none());
}

#[test]
fn pip_has_a_variable_a_setting_and_a_default() {
    let library = "*pip._internal*) echo https://default.example/simple;;";
    let setting = "'config get global.index-url') echo https://me:pass%40word@set.example/simple/;;";
    let machine = Machine::new().program("python3", library);
    assert_eq!(machine.finds(Connection::Pypi), shown("https://default.example/simple"));
    let machine = machine.program("pip", setting);
    assert_eq!(machine.finds(Connection::Pypi), shown("https://set.example/simple/"));
    let machine = machine.with("PIP_INDEX_URL", "https://var.example/simple");
    assert_eq!(machine.finds(Connection::Pypi), shown("https://var.example/simple"));
}

#[test]
fn cargo_has_a_replacement_or_the_name_of_its_cache() {
    let cache = Machine::new().file("home/.cargo/registry/index/index.crates.example-0123456789abcdef/x", "");
    assert_eq!(cache.finds(Connection::CratesIo), shown("https://index.crates.example/"));
    let replaced = cache.file(
        "home/.cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+https://m.example/i/\"\n",
    );
    assert_eq!(replaced.finds(Connection::CratesIo), shown("https://m.example/i/"));
    let circle = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"crates-io\"\n";
    assert_eq!(Machine::new().file("home/.cargo/config.toml", circle).finds(Connection::CratesIo), None);
}

#[test]
fn maven_has_a_mirror() {
    let settings = "<settings><mirrors>\
        <mirror><id>b</id><mirrorOf>external:http:*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked></mirror>\
        <mirror><id>m</id><mirrorOf>*,!ours</mirrorOf><url>https://mirror.example/maven</url></mirror>\
        </mirrors></settings>";
    let machine = Machine::new().file("home/.m2/settings.xml", settings);
    assert_eq!(machine.finds(Connection::MavenCentral), shown("https://mirror.example/maven"));
    assert_eq!(Machine::new().finds(Connection::MavenCentral), None);
    assert_eq!(machine.finds(Connection::MavenClojars), None, "a mirror of one is not a mirror of the other");
}

#[test]
fn gem_and_dotnet_print_their_sources() {
    let gem = "'sources --list') printf '*** CURRENT SOURCES ***\\n\\nhttps://gems.example/\\n';;";
    assert_eq!(Machine::new().program("gem", gem).finds(Connection::RubyGemsOrg), shown("https://gems.example/"));
    let dotnet = "*) printf 'D https://off.example/v3/index.json\\nE https://nuget.example/v3/index.json\\n'; exit 0;;";
    let found = Machine::new().program("dotnet", dotnet).finds(Connection::NugetOrg);
    assert_eq!(found, shown("https://nuget.example/v3/index.json"));
}
