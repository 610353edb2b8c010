//! `configure` and `--undo` for NuGet, RubyGems, Bundler and Swift: from nothing to packages that were installed and
//! published by the clients themselves, and back to the same tree. Swift is not here: what is written for it is read as its
//! package manager's own decoder demands, and what it would then ask is asked.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tests::{
    Outcome, Program, Sandbox, Service, Source, helper_on_path::guard_token_of, programs::find, sandbox::ACCOUNT, service::send,
};

use crate::nuget::{DOMAIN, NuGet};

/// By its path, each with its mode and its bytes, or where it leads.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// Every file, folder and link below folders.
pub(crate) fn tree(sandbox: &Sandbox, folders: &[&str]) -> Tree {
    fn walk(path: &Path, tree: &mut Tree) {
        let about = fs::symlink_metadata(path).unwrap();
        let content = if about.is_symlink() {
            fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
        } else if about.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), tree);
            }
            Vec::new()
        } else {
            fs::read(path).unwrap()
        };
        tree.insert(path.to_path_buf(), (about.permissions().mode(), content));
    }
    let mut tree = BTreeMap::new();
    for folder in folders {
        walk(&sandbox.path(folder), &mut tree);
    }
    tree
}

/// That nothing below those folders is another than it was, or there is nothing new.
pub(crate) fn assert_as_before(sandbox: &Sandbox, folders: &[&str], before: &Tree) {
    let now = tree(sandbox, folders);
    let other: Vec<_> = now.keys().chain(before.keys()).filter(|path| now.get(*path) != before.get(*path)).collect();
    assert!(other.is_empty(), "not as it was: {other:?}");
}

/// Where settings and links are written; what clients fetch goes elsewhere.
const FOLDERS: [&str; 4] = ["home", "config", "data", "work"];

fn configure(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    sandbox.codeartifact(&[&["configure"], words].concat()).args(["--domain", DOMAIN, "--repository", "team"]).run()
}

/// Configures, and sees that a second run has nothing to do.
fn configured(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    let outcome = configure(sandbox, words).success();
    let again = configure(sandbox, &[words, &["--dry-run", "--json"]].concat()).success().json();
    assert_eq!((&again["edits"], &again["links"]), (&json!([]), &json!([])), "{again}");
    outcome
}

fn undone(sandbox: &Sandbox, words: &[&str]) {
    let outcome = sandbox.codeartifact(&[&["configure", "--undo"], words].concat()).run().success();
    assert!(!outcome.stderr().contains("warning"), "{}", outcome.show());
}

/// There and back, with nobody in between.
fn goes_there_and_back(sandbox: &Sandbox, client: &[&str], choices: &[&str]) {
    let before = tree(sandbox, &FOLDERS);
    configured(sandbox, &[client, choices].concat());
    assert_ne!(tree(sandbox, &FOLDERS), before, "{client:?} {choices:?}");
    undone(sandbox, client);
    assert_as_before(sandbox, &FOLDERS, &before);
}

fn url(service: &Service, format: &str, repository: &str) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/{format}/{repository}/", service.url())
}

/// Settings of somebody who has some: a source that does not answer, in the spelling of another hand.
const NUGET: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n\t<!-- mine -->\r\n\t<packageSources>\r\n\t\t<add key='dead' value='http://127.0.0.1:1/v3/index.json' protocolVersion='3'/>\r\n\t</packageSources>\r\n</configuration>";

#[test]
fn nuget_is_led_to_the_repository_and_back() {
    let Some(nuget) = NuGet::new() else { return };
    let sandbox = &nuget.sandbox;
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    sandbox.set("NUGET_CREDENTIALPROVIDERS_PATH", sandbox.path("data/codeartifact/bin"));
    sandbox.set("NUGET_PACKAGES", sandbox.path("cache/packages"));
    goes_there_and_back(sandbox, &["nuget"], &[]);
    goes_there_and_back(sandbox, &["nuget"], &["--scope", "Acme.*"]);

    // At user level, in place of a source that would fail: published, and installed.
    for file in ["config/NuGet/NuGet.Config", "home/.nuget/NuGet/NuGet.Config"] {
        sandbox.write(file, NUGET);
    }
    goes_there_and_back(sandbox, &["nuget"], &[]);
    let before = tree(sandbox, &["home", "config"]);
    configured(sandbox, &["nuget", "--replace-default"]).success();
    let first = nuget.pack("Acme.First", "first", "");
    nuget.push(&first).success().prints("Your package was pushed");
    nuget.install("Acme.First", "work/one").success();
    assert_eq!(nuget.said("work/one", "Acme.First"), "first");
    undone(sandbox, &["nuget"]);
    assert_as_before(sandbox, &["home", "config"], &before);

    // At project level: the folder the client is started in.
    for file in ["config/NuGet/NuGet.Config", "home/.nuget/NuGet/NuGet.Config"] {
        fs::remove_file(sandbox.path(file)).unwrap();
    }
    drop(fs::remove_dir_all(sandbox.path("work")));
    fs::create_dir(sandbox.path("work")).unwrap();
    let words = ["nuget", "--project", "--replace-default", "--registry"];
    assert!(configure(sandbox, &[&words[..], &["ours"]].concat()).exit(2).stderr().contains("--registry"));
    configured(sandbox, &words[..3]);
    let written = fs::read_to_string(sandbox.path("work/nuget.config")).unwrap();
    assert!(written.contains("allowInsecureConnections=\"true\"") && !written.contains("/home/"), "{written}");
    nuget.install("Acme.First", "work/again").success();
    let second = nuget.pack("Acme.Second", "second", "");
    nuget.push(&second).success();
    undone(sandbox, &["nuget", "--project"]);
    assert!(!sandbox.path("work/nuget.config").exists());
    assert!(!sandbox.path("data/codeartifact/bin").exists(), "its links were all there was");

    guard_token_of(sandbox, &url(&service, "nuget", "team"));
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    service.stop().success();
}

/// `gem` and `bundle` with what they fetch out of the way of their settings.
struct Ruby<'a> {
    sandbox: &'a Sandbox,
    gem: PathBuf,
    bundle: PathBuf,
    interpreter: PathBuf,
}

impl<'a> Ruby<'a> {
    fn new(sandbox: &'a Sandbox) -> Option<Self> {
        let [gem, bundle, ruby] = ["gem", "bundle", "ruby"].map(find);
        for (name, value) in [
            ("BUNDLE_SILENCE_ROOT_WARNING", "true"),
            ("BUNDLE_RETRY", "0"),
            ("BUNDLE_DISABLE_VERSION_CHECK", "true"),
            ("BUNDLE_DISABLE_SHARED_GEMS", "true"),
        ] {
            sandbox.set(name, value);
        }
        for (name, folder) in
            [("GEM_HOME", "cache/gems"), ("GEM_SPEC_CACHE", "cache/specs"), ("BUNDLE_PATH", "cache/bundle"), ("BUNDLE_USER_CACHE", "cache/bundler")]
        {
            sandbox.set(name, sandbox.path(folder));
        }
        Some(Self { sandbox, gem: gem?, bundle: bundle?, interpreter: ruby? })
    }

    fn gem(&self, args: &[&str]) -> Program {
        self.sandbox.program(&self.gem).args(args)
    }

    /// Builds a gem whose library says its version.
    fn build(&self, name: &str, version: &str) -> PathBuf {
        let folder = format!("tmp/{name}-{version}");
        let constant = name.to_uppercase();
        self.sandbox.write(format!("{folder}/lib/{name}.rb"), format!("{constant} = '{name} {version}'\n"));
        let specification = format!(
            "Gem::Specification.new do |s|\n  s.name = '{name}'\n  s.version = '{version}'\n  s.summary = 'Says it'\n  \
             s.authors = ['Ann']\n  s.license = 'MIT'\n  s.files = ['lib/{name}.rb']\nend\n"
        );
        let specification = self.sandbox.write(format!("{folder}/{name}.gemspec"), specification);
        let gem = self.sandbox.path(&folder).join("built.gem");
        let args = ["build", specification.to_str().unwrap(), "--output", gem.to_str().unwrap()];
        self.gem(&args).current_dir(self.sandbox.path(folder)).run().success();
        gem
    }

    /// With the plugin alone: `gem` wants a key, whatever it is.
    fn push(&self, service: &Service, repository: &str, gem: &Path) -> Outcome {
        let host = url(service, "ruby", repository);
        let push = self.gem(&["push", gem.to_str().unwrap(), "--host", host.trim_end_matches('/')]);
        push.var("GEM_HOST_API_KEY", "none").run()
    }

    fn install(&self, name: &str) -> Outcome {
        self.gem(&["install", name, "--no-document"]).run()
    }

    fn said(&self, name: &str) -> String {
        let script = format!("require '{name}'; puts {}", name.to_uppercase());
        let said = self.sandbox.program(&self.interpreter).args(["-e", &script]).run().success();
        said.stdout().trim().to_owned()
    }
}

#[test]
fn gem_is_led_to_the_repository_and_back() {
    let sandbox = &Sandbox::new();
    let Some(ruby) = Ruby::new(sandbox) else { return };
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team", "other"]);
    goes_there_and_back(sandbox, &["rubygems"], &[]);
    goes_there_and_back(sandbox, &["rubygems"], &["--extra-index"]);

    let before = tree(sandbox, &FOLDERS);
    let said = configured(sandbox, &["rubygems"]);
    let folder = sandbox.path("data/codeartifact/ruby");
    assert!(said.stderr().contains(&format!("export RUBYLIB=\"{}\"", folder.display())), "{}", said.show());
    sandbox.set("RUBYLIB", &folder);
    let (six, seven) = (ruby.build("six", "1.0.0"), ruby.build("seven", "1.0.0"));
    ruby.push(&service, "team", &six).success().prints("Successfully registered gem");
    ruby.push(&service, "other", &seven).success();
    let installed = ruby.install("six").success();
    assert_eq!(ruby.said("six"), "six 1.0.0", "{}", installed.show());
    guard_token_of(sandbox, &url(&service, "ruby", "team"));
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    undone(sandbox, &["rubygems"]);
    assert_as_before(sandbox, &FOLDERS, &before);

    // What `gem` has added to the list since stays, and is said.
    let public = sandbox.path("cache/public");
    fs::create_dir_all(public.join("gems")).unwrap();
    fs::copy(ruby.build("five", "1.0.0"), public.join("gems/five-1.0.0.gem")).unwrap();
    ruby.gem(&["generate_index", "--directory", public.to_str().unwrap()]).run().success();
    let stranger = Source::serve(public);
    configured(sandbox, &["rubygems"]);
    ruby.gem(&["sources", "--add", &stranger.url()]).run().success();
    let said = sandbox.codeartifact(&["configure", "rubygems", "--undo"]).run().success();
    assert!(said.stderr().contains("`:sources`") && said.stderr().contains("was changed by others"), "{}", said.show());
    assert!(fs::read_to_string(sandbox.path("home/.gemrc")).unwrap().contains(&stranger.url()));
    fs::remove_file(sandbox.path("home/.gemrc")).unwrap();

    // Beside sources of one's own, of which a stranger's gets no token, and by arguments where there is no list of sources.
    let other = url(&service, "ruby", "other");
    for (settings, name) in [
        (format!("---\r\n:backtrace: false # mine\r\n:sources:\r\n  - {other}\r\n  - {}\r\n:verbose: true", stranger.url()), "six seven"),
        ("# mine\ngem: --no-document --clear-sources\n".to_owned(), "six"),
    ] {
        drop(fs::remove_dir_all(sandbox.path("cache/gems")));
        sandbox.write("home/.gemrc", &settings);
        let before = tree(sandbox, &FOLDERS);
        let said = configured(sandbox, &["rubygems", "--extra-index"]);
        assert!(said.stderr().contains("a stranger's gem of the same name can win"), "{}", said.show());
        for name in name.split(' ') {
            ruby.install(name).success();
            assert_eq!(ruby.said(name), format!("{name} 1.0.0"));
        }
        undone(sandbox, &["rubygems"]);
        assert_as_before(sandbox, &FOLDERS, &before);
    }

    assert!(stranger.asked("/specs.4.8.gz") > 0, "it was asked");
    assert_eq!(stranger.credentials(), 0);

    // Without an identity `gem` is told why; a list of sources with a token in it is not touched.
    drop(fs::remove_dir_all(sandbox.path("cache/gems")));
    configured(sandbox, &["rubygems"]);
    let nobody = ruby.gem(&["install", "six", "--no-document"]).var("CODEARTIFACT_STORE", "none");
    let refused = nobody.without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY").run().failure();
    assert!(refused.stderr().contains("there are no AWS credentials"), "{}", refused.show());
    undone(sandbox, &["rubygems"]);
    let held = format!(":sources:\n- {}\n", other.replacen("//", "//aws:some-password@", 1));
    sandbox.write("home/.gemrc", &held);
    let refused = configure(sandbox, &["rubygems"]).exit(1);
    assert!(refused.stderr().contains(".gemrc:1: `:sources` holds what looks like a secret"), "{}", refused.show());
    assert!(!refused.stderr().contains("some-password"));
    assert_eq!(fs::read_to_string(sandbox.path("home/.gemrc")).unwrap(), held);
    service.stop().success();
}

#[test]
fn bundler_is_led_to_the_repository_and_back() {
    let sandbox = &Sandbox::new();
    let Some(ruby) = Ruby::new(sandbox) else { return };
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    let exec = |words: &[&str]| {
        let to = ["exec", "--domain", DOMAIN, "--repository", "team", "--"];
        sandbox.codeartifact(&[&to, words].concat())
    };
    let (gem, bundle) = (ruby.gem.to_str().unwrap(), ruby.bundle.to_str().unwrap());
    let eight = ruby.build("eight", "2.0.0");
    exec(&[gem, "push", eight.to_str().unwrap()]).run().success();

    sandbox.set("RUBYLIB", sandbox.path("data/codeartifact/ruby"));
    sandbox.write("home/.bundle/config", "---\r\nBUNDLE_JOBS: \"2\"");
    for level in [&["bundler"][..], &["bundler", "--project"]] {
        drop(fs::remove_dir_all(sandbox.path("work/app")));
        drop(fs::remove_dir_all(sandbox.path("cache/bundle")));
        // A source that nobody answers for.
        sandbox.write("work/app/Gemfile", "source 'https://gems.example.com'\ngem 'eight'\n");
        let before = tree(sandbox, &FOLDERS);
        let here = sandbox.path("work/app");
        let run = |words: &[&str]| {
            let to = ["--domain", DOMAIN, "--repository", "team"];
            sandbox.codeartifact(&[&["configure"], level, words, &to].concat()).current_dir(&here).run()
        };
        run(&[]).success();
        assert_eq!(run(&["--dry-run", "--json"]).success().json()["edits"], json!([]));
        exec(&[bundle, "install"]).current_dir(&here).run().success();
        let script = ["exec", "ruby", "-e", "require 'eight'; puts EIGHT"];
        let said = sandbox.program(&ruby.bundle).args(script).current_dir(&here).run().success();
        assert_eq!(said.stdout().trim(), "eight 2.0.0");
        let lock = fs::read_to_string(here.join("Gemfile.lock")).unwrap();
        assert!(lock.contains("gems.example.com") && !lock.contains("127.0.0.1"), "no place of this machine: {lock}");
        fs::remove_file(here.join("Gemfile.lock")).unwrap();
        let undo = [&["configure", "--undo"], level].concat();
        sandbox.codeartifact(&undo).current_dir(&here).run().success();
        assert_as_before(sandbox, &FOLDERS, &before);
    }
    guard_token_of(sandbox, &url(&service, "ruby", "team"));
    service.stop().success();
}

/// What Swift's package manager demands of the file, and what it would ask of the registry.
fn read_as_swift_does(sandbox: &Sandbox, service: &Service, folder: &str, scope: &str) {
    let read = |folder: &str| -> Value {
        let text = fs::read_to_string(sandbox.path(folder).join(".swiftpm/configuration/registries.json")).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        // Neither may be missing.
        assert_eq!(read["version"], 1, "{text}");
        assert!(read["registries"].is_object(), "{text}");
        read
    };
    let (registries, user) = (read(folder), read("home"));
    assert!(folder == "home" || registries.get("authentication").is_none(), "that is the user's own");
    let base = registries["registries"][scope]["url"].as_str().unwrap();
    assert_eq!(base, url(service, "swift", "team"));
    let (host, _) = base.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let authentication = &user["authentication"][host];
    assert_eq!(authentication["type"], "token");
    let login = format!("http://{host}{}", authentication["loginAPIPath"].as_str().unwrap());
    let token = format!("Bearer {}", guard_token_of(sandbox, base));
    let status = |method: &str, url: &str, token: Option<&str>| send(method, url, token, b"").status;
    assert_eq!((status("POST", &login, Some(&token)), status("POST", &login, None)), (200, 401));
    let releases = format!("{base}acme/nothing");
    assert_eq!((status("GET", &releases, Some(&token)), status("GET", &releases, None)), (404, 401));
}

#[test]
fn swift_is_led_to_the_repository_and_back() {
    let sandbox = &Sandbox::new();
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    goes_there_and_back(sandbox, &["swift"], &[]);
    let theirs = "{\n  \"authentication\" : {\n\n  },\n  \"registries\" : {\n    \"mona\" : {\n      \"url\" : \"https://packages.example.com\"\n    }\n  },\n  \"version\" : 1\n}";
    sandbox.write("home/.swiftpm/configuration/registries.json", theirs);
    goes_there_and_back(sandbox, &["swift"], &[]);
    goes_there_and_back(sandbox, &["swift", "--project"], &["--scope", "acme"]);

    let before = tree(sandbox, &FOLDERS);
    let said = configured(sandbox, &["swift"]);
    assert!(said.stderr().contains("swift package-registry login"), "{}", said.show());
    read_as_swift_does(sandbox, &service, "home", "[default]");
    configured(sandbox, &["swift", "--project", "--scope", "acme"]);
    read_as_swift_does(sandbox, &service, "work", "acme");
    // What both levels rely on stays until the last of them goes.
    undone(sandbox, &["swift"]);
    read_as_swift_does(sandbox, &service, "work", "acme");
    undone(sandbox, &["swift", "--project"]);
    assert_as_before(sandbox, &FOLDERS, &before);
    service.stop().success();
}
