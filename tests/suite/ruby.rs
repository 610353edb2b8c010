//! `gem` and `bundle` with an empty home: through three repositories from a public source, pushing, installing what was
//! pushed, and what they say when they may not.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests, too")]

use std::{fmt::Write as _, path::PathBuf};

use serde_json::Value;
use tests::{Outcome, Program, Sandbox, Service, Source, programs::find, sample::sha256};

const DOMAIN: &str = "acme";
const CONNECTION: &str = "public:ruby-gems-org";

/// The real clients in a sandbox, and gems that they built.
struct Ruby<'a> {
    sandbox: &'a Sandbox,
    gem: PathBuf,
    bundle: PathBuf,
    interpreter: PathBuf,
}

impl<'a> Ruby<'a> {
    fn new(sandbox: &'a Sandbox) -> Option<Self> {
        let [gem, bundle, ruby] = ["gem", "bundle", "ruby"].map(find);
        // A token is in the clients' own settings, which is how they are given one.
        sandbox.may_hold_secrets("home/.gemrc");
        sandbox.set("GEM_HOME", sandbox.path("home/gems"));
        sandbox.set("BUNDLE_PATH", sandbox.path("home/bundle"));
        sandbox.set("BUNDLE_SILENCE_ROOT_WARNING", "true");
        sandbox.set("BUNDLE_RETRY", "0");
        sandbox.set("BUNDLE_DISABLE_VERSION_CHECK", "true");
        Some(Self { sandbox, gem: gem?, bundle: bundle?, interpreter: ruby? })
    }

    fn gem(&self, args: &[&str]) -> Program {
        self.sandbox.program(&self.gem).args(args)
    }

    fn bundle(&self, folder: &str, args: &[&str]) -> Program {
        self.sandbox.program(&self.bundle).args(args).current_dir(self.sandbox.path(folder))
    }

    /// Builds a gem whose library says `says`; `more` is Ruby in its specification. Gives the file.
    fn build(&self, name: &str, version: &str, says: &str, more: &str) -> PathBuf {
        let folder = format!("work/{name}-{version}-{}", sha256(format!("{says}{more}").as_bytes()));
        let library = format!("lib/{name}.rb");
        self.sandbox.write(format!("{folder}/{library}"), format!("module Said; {} = '{says}'; end\n", name.to_uppercase()));
        let specification = format!(
            "Gem::Specification.new do |s|\n  s.name = '{name}'\n  s.version = '{version}'\n  s.summary = 'Says it'\n  \
             s.authors = ['Ann']\n  s.license = 'MIT'\n  s.homepage = 'https://{name}.example'\n  \
             s.required_ruby_version = '>= 2.7', '< 9'\n  s.files = ['{library}']\n  {more}\nend\n"
        );
        let specification = self.sandbox.write(format!("{folder}/{name}.gemspec"), specification);
        let folder = self.sandbox.path(folder);
        let gem = folder.join("built.gem");
        let args = ["build", specification.to_str().unwrap(), "--output", gem.to_str().unwrap()];
        self.gem(&args).current_dir(&folder).run().success();
        gem
    }

    /// `gem install`, from a repository, into an empty folder.
    fn install(&self, gem: &str) -> Outcome {
        drop(std::fs::remove_dir_all(self.sandbox.path("home/gems")));
        self.gem(&["install", gem, "--no-document"]).run()
    }

    /// Leads `gem` to a repository.
    fn read_from(&self, service: &Service, repository: &str, token: &str) {
        let url = source_url(service, repository).replacen("//", &format!("//aws:{token}@"), 1);
        self.sandbox.write("home/.gemrc", format!("---\n:sources:\n- {url}\n"));
        // Bundler takes it from the environment.
        self.sandbox.set("BUNDLE_127__0__0__1", format!("aws:{token}"));
    }

    /// Leads `gem push` to a repository.
    fn push(&self, service: &Service, repository: &str, authorization: &str, gem: &std::path::Path) -> Outcome {
        let url = source_url(service, repository);
        let push = self.gem(&["push", gem.to_str().unwrap()]);
        push.var("RUBYGEMS_HOST", url.trim_end_matches('/')).var("GEM_HOST_API_KEY", authorization).run()
    }

    /// What the installed library of a gem says.
    fn said(&self, name: &str) -> String {
        let script = format!("require '{name}'; puts Said::{}", name.to_uppercase());
        let said = self.sandbox.program(&self.interpreter).args(["-e", &script]).run().success();
        said.stdout().trim().to_owned()
    }

    /// A project of gems; `bundle install` in it begins without lock file and without installed gems.
    fn project(&self, service: &Service, repository: &str, gems: &[&str]) {
        for leftover in ["work/project", "home/bundle"] {
            drop(std::fs::remove_dir_all(self.sandbox.path(leftover)));
        }
        let mut gemfile = format!("source '{}'\n", source_url(service, repository));
        for gem in gems {
            writeln!(gemfile, "gem {gem}").unwrap();
        }
        self.sandbox.write("work/project/Gemfile", gemfile);
    }

    /// What the bundled library of a gem says.
    fn bundled(&self, name: &str) -> String {
        let script = format!("require '{name}'; puts Said::{}", name.to_uppercase());
        let said = self.bundle("work/project", &["exec", "ruby", "-e", &script]).run().success();
        said.stdout().trim().to_owned()
    }
}

fn source_url(service: &Service, repository: &str) -> String {
    format!("{}/d/{DOMAIN}-{}/ruby/{repository}/", service.url(), tests::sandbox::ACCOUNT)
}

/// A source with a compact index of these gems: name, version, line without checksum, file.
fn publish_source(ruby: &Ruby<'_>, gems: &[(&str, &str, &str, &PathBuf)]) -> Source {
    let root = ruby.sandbox.path("public");
    for folder in ["info", "gems"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (name, version, dependencies, file) in gems {
        let content = std::fs::read(file).unwrap();
        std::fs::write(root.join(format!("gems/{name}-{version}.gem")), &content).unwrap();
        let info = root.join(format!("info/{name}"));
        let known = std::fs::read_to_string(&info).unwrap_or_else(|_| "---\n".to_owned());
        let line = format!("{version} {dependencies}|checksum:{},ruby:>= 2.7&< 9\n", sha256(&content));
        std::fs::write(info, known + &line).unwrap();
    }
    // RubyGems itself writes the specifications as a public source has them.
    ruby.gem(&["generate_index", "--directory", root.to_str().unwrap()]).run().success();
    let mut versions = "created_at: 2026-01-01T00:00:00Z\n---\n".to_owned();
    for (name, version, _, _) in gems {
        let digest = ruby.sandbox.program(&ruby.interpreter).args([
            "-rdigest",
            "-e",
            "print Digest::MD5.file(ARGV[0]).hexdigest",
            root.join(format!("info/{name}")).to_str().unwrap(),
        ]);
        writeln!(versions, "{name} {version} {}", digest.run().success().stdout()).unwrap();
    }
    std::fs::write(root.join("versions"), versions).unwrap();
    Source::serve(root)
}

/// A service whose `store` is connected to the source; `internal` has `store` upstream, and `team` has `internal`.
fn chain(sandbox: &Sandbox, source: &Source, more: &[&str]) -> Service {
    let external = format!("{CONNECTION}={}", source.url());
    let service = Service::start_with(sandbox, &[&["--ephemeral", "--external", &external], more].concat());
    service.make_chain(DOMAIN, "store", CONNECTION);
    service
}

/// The versions of a gem that a repository has itself.
fn versions(service: &Service, repository: &str, gem: &str) -> Vec<String> {
    let query = format!("domain={DOMAIN}&repository={repository}&format=ruby&package={gem}");
    let answer = service.call("POST", &format!("package/versions?{query}"), "");
    if answer.status == 404 {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["versions"].as_array().unwrap().iter().map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn gems_come_through_three_repositories_and_stay() {
    let sandbox = Sandbox::new();
    let Some(ruby) = Ruby::new(&sandbox) else { return };
    let seven = ruby.build("seven", "1.1.0", "seven", "");
    let six = ruby.build("six", "2.0.0", "six", "s.add_dependency 'seven', '~> 1.0', '>= 1.0.1'");
    let old = ruby.build("six", "1.0.0", "old six", "");
    let source = publish_source(
        &ruby,
        &[("seven", "1.1.0", "", &seven), ("six", "1.0.0", "", &old), ("six", "2.0.0", "seven:~> 1.0&>= 1.0.1", &six)],
    );
    let service = chain(&sandbox, &source, &[]);
    let token = service.token(DOMAIN);
    sandbox.guard_token(&token);
    ruby.read_from(&service, "team", &token);

    ruby.install("six").success();
    assert_eq!((ruby.said("six"), ruby.said("seven")), ("six".to_owned(), "seven".to_owned()));
    for (name, version) in [("six", "2.0.0"), ("seven", "1.1.0")] {
        assert_eq!(versions(&service, "team", name), [version]);
        assert_eq!(versions(&service, "store", name), [version]);
        assert!(versions(&service, "internal", name).is_empty(), "{name}");
        assert_eq!(source.asked(&format!("/gems/{name}-{version}.gem")), 1);
    }
    ruby.project(&service, "team", &["'six', '~> 2.0'"]);
    ruby.bundle("work/project", &["install"]).run().success();
    assert_eq!(ruby.bundled("six"), "six");

    // What was fetched is there without the source, for both, also from a lock file; the rest is not.
    source.stop();
    ruby.install("six").success();
    assert_eq!(ruby.said("seven"), "seven");
    drop(std::fs::remove_dir_all(sandbox.path("home/bundle")));
    ruby.bundle("work/project", &["install"]).run().success();
    assert_eq!(ruby.bundled("six"), "six");
    ruby.gem(&["install", "six", "--version", "1.0.0", "--no-document"]).run().failure();
    assert_eq!(source.asked("/gems/six-2.0.0.gem"), 1);
}

#[test]
fn what_was_pushed_is_installed() {
    let sandbox = Sandbox::new();
    let Some(ruby) = Ruby::new(&sandbox) else { return };
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let token = service.token(DOMAIN);
    sandbox.guard_token(&token);
    ruby.read_from(&service, "team", &token);

    let eight = ruby.build("eight", "0.1.0", "eight", "");
    let nine = ruby.build("nine", "1.0.0", "nine", "s.add_dependency 'eight', '>= 0.1'\n  s.add_development_dependency 'ten'");
    let local = ruby.build("nine", "1.0.0", "nine here", "s.platform = Gem::Platform.local\n  s.add_dependency 'eight', '>= 0.1'");
    for (gem, authorization) in [(&eight, format!("Bearer {token}")), (&nine, token.clone()), (&local, token.clone())] {
        ruby.push(&service, "team", &authorization, gem).success().prints("Successfully registered gem");
    }
    // The same again is no error.
    ruby.push(&service, "team", &token, &nine).success();
    assert_eq!(versions(&service, "team", "nine"), ["1.0.0"]);

    ruby.install("nine").success();
    assert_eq!((ruby.said("nine"), ruby.said("eight")), ("nine here".to_owned(), "eight".to_owned()));
    ruby.gem(&["install", "nine", "--platform", "ruby", "--no-document"]).run().success();

    ruby.project(&service, "team", &["'nine'"]);
    ruby.bundle("work/project", &["install"]).run().success();
    assert_eq!(ruby.bundled("nine"), "nine here");
    // A second version: Bundler goes on from the index that it has.
    let newer = ruby.build("nine", "1.1.0.pre.1", "newer", "s.add_dependency 'eight', '>= 0.1'");
    ruby.push(&service, "team", &token, &newer).success();
    ruby.project(&service, "team", &["'nine', '1.1.0.pre.1'"]);
    ruby.bundle("work/project", &["install"]).run().success();
    assert_eq!(ruby.bundled("nine"), "newer");

    let query = format!("domain={DOMAIN}&repository=team&format=ruby&package=nine&version=1.0.0");
    let described = service.call("GET", &format!("package/version?{query}"), "").text();
    for told in ["\"summary\":\"Says it\"", "https://nine.example", "\"MIT\""] {
        assert!(described.contains(told), "{described}");
    }
    let dependencies = service.call("POST", &format!("package/version/dependencies?{query}"), "").text();
    for told in ["\"eight\"", ">= 0.1", "\"runtime\"", "\"ten\"", "\"development\""] {
        assert!(dependencies.contains(told), "{dependencies}");
    }
}

/// The service itself has no compact index: there Bundler asks the Dependencies API, in Ruby's own format.
#[test]
fn clients_read_the_dependencies_api_and_the_specifications() {
    let sandbox = Sandbox::new();
    let Some(ruby) = Ruby::new(&sandbox) else { return };
    let rules = r#"{ "rules": [{ "operation": "ruby:versions", "times": 0, "status": 404 }] }"#;
    let rules = sandbox.write("faults.json", rules);
    let service = Service::start_with(&sandbox, &["--ephemeral", "--faults", rules.to_str().unwrap()]);
    service.make(DOMAIN, &["team"]);
    let token = service.token(DOMAIN);
    sandbox.guard_token(&token);
    ruby.read_from(&service, "team", &token);
    let eight = ruby.build("eight", "0.1.0", "eight", "");
    let nine = ruby.build("nine", "1.0.0", "nine", "s.add_dependency 'eight', '>= 0.1', '< 3'\n  s.email = ['a@a.example', 'b@b.example']\n  s.metadata = { 'source_code_uri' => 'https://code.example' }");
    let local = ruby.build("nine", "1.0.0", "nine here", "s.platform = 'x86_64-linux-musl'");
    for gem in [&eight, &nine, &local] {
        ruby.push(&service, "team", &token, gem).success();
    }

    ruby.project(&service, "team", &["'nine'"]);
    ruby.bundle("work/project", &["install"]).run().success();
    assert_eq!(ruby.bundled("eight"), "eight");
    assert!(service.count("ruby:dependencies") > 0);
    assert_eq!(service.count("ruby:info"), 0);

    let get = |path: &str| {
        let answer = tests::service::send("GET", &format!("{}{path}", source_url(&service, "team")), Some(&token), b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    };
    let listed = get("api/v1/dependencies?gems=nine,nothing,eight");
    let inspect = "p Marshal.load(STDIN.read).map { |gem| gem.values }";
    let inspected = sandbox.program(&ruby.interpreter).args(["-e", inspect]).stdin(listed).run().success();
    let both = r#"["nine", "1.0.0", "ruby", [["eight", ">= 0.1, < 3"]]], ["nine", "1.0.0", "x86_64-linux-musl", []]"#;
    assert_eq!(inspected.stdout().trim(), format!(r#"[{both}, ["eight", "0.1.0", "ruby", []]]"#));
    assert!(get("api/v1/dependencies").is_empty());

    // A specification is what RubyGems makes of the gem itself.
    let compare = "require 'rubygems/package'\n\
        sent = Marshal.load(Gem::Util.inflate(STDIN.read))\n\
        built = Marshal.load(Marshal.dump(Gem::Package.new(ARGV[0]).spec))\n\
        puts sent.to_ruby == built.to_ruby && sent == built && sent.date == built.date &&\n\
          sent.platform == built.platform && sent.full_name == built.full_name";
    for (name, built) in [("nine-1.0.0", &nine), ("nine-1.0.0-x86_64-linux-musl", &local)] {
        let sent = get(&format!("quick/Marshal.4.8/{name}.gemspec.rz"));
        let compared = sandbox.program(&ruby.interpreter).args(["-e", compare, built.to_str().unwrap()]).stdin(sent).run();
        assert_eq!(compared.success().stdout().trim(), "true", "{name}");
    }
}

/// What the clients say when they may not, or when there is nothing.
#[test]
fn refusals_are_understood() {
    let sandbox = Sandbox::new();
    let Some(ruby) = Ruby::new(&sandbox) else { return };
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team", "other"]);
    service.make("elsewhere", &["team"]);
    let token = service.token(DOMAIN);
    let foreign = service.token("elsewhere");
    let eight = ruby.build("eight", "0.1.0", "eight", "");
    let changed = ruby.build("eight", "0.1.0", "changed", "");
    ruby.push(&service, "team", &token, &eight).success();

    // Other bytes under the same name, and what is not a gem.
    ruby.push(&service, "team", &token, &changed).failure().prints("exists with other content");
    let nonsense = sandbox.write("work/nonsense.gem", "nonsense");
    drop(ruby.push(&service, "team", &token, &nonsense).failure());

    ruby.push(&service, "team", "wrong", &eight).failure().prints("get-authorization-token");
    ruby.push(&service, "team", &foreign, &eight).failure().prints("the token is for another domain");
    ruby.push(&service, "none", &token, &eight).failure().prints("repository `none` does not exist");

    for (name, given, gem_says, bundler_says) in [
        ("401", "wrong", "401", "Bad username or password"),
        ("403", foreign.as_str(), "403", "Bad username or password"),
    ] {
        ruby.read_from(&service, "team", given);
        ruby.project(&service, "team", &["'eight'"]);
        let said = ruby.install("eight").failure();
        assert!(format!("{}{}", said.stdout(), said.stderr()).contains(gem_says), "{name}: {}", said.show());
        let said = ruby.bundle("work/project", &["install"]).run().failure();
        assert!(format!("{}{}", said.stdout(), said.stderr()).contains(bundler_says), "{name}: {}", said.show());
    }
    ruby.read_from(&service, "team", &token);
    ruby.project(&service, "team", &["'nothing'"]);
    let said = ruby.install("nothing").failure();
    assert!(format!("{}{}", said.stdout(), said.stderr()).contains("nothing"), "{}", said.show());
    let said = ruby.bundle("work/project", &["install"]).run().failure();
    assert!(format!("{}{}", said.stdout(), said.stderr()).contains("Could not find gem 'nothing'"), "{}", said.show());
}
