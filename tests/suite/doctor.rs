//! `doctor`: nothing is said of what is right, and each planted fault is found by its code.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tests::{Canary, Outcome, Program, Sandbox, Service, sandbox::ACCOUNT};

/// A token as the service makes them, that says its end itself.
fn token(ends: u64) -> String {
    let header =
        format!("{{\"ver\":1,\"isu\":1700000000,\"enc\":\"A128GCM\",\"tag\":\"abcdefghijkl\",\"exp\":{ends}}}");
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), "Pl4nt3d_".repeat(40))
}

/// One that ended in 2023.
fn ended() -> String {
    token(1_700_043_200)
}

/// One that holds until 2100.
fn live() -> String {
    token(4_102_444_800)
}

/// A sandbox in which cargo is set up for `acme`'s `team`, and the service it is set up for.
struct Bench<'a> {
    sandbox: Sandbox,
    service: &'a Service,
}

impl<'a> Bench<'a> {
    fn new(service: &'a Service) -> Self {
        let sandbox = Sandbox::new();
        sandbox.point_at(service.url());
        for planted in [ended(), live()] {
            sandbox.guard(Canary::of_token("planted token", &planted));
        }
        let configure = ["configure", "cargo", "--domain", "acme", "--domain-owner", ACCOUNT, "--repository", "team"];
        sandbox.codeartifact(&configure).run().success();
        Self { sandbox, service }
    }

    fn doctor(&self, args: &[&str]) -> Program {
        self.sandbox.codeartifact(&[&["doctor", "--json"], args].concat())
    }

    /// A repository's address at the service.
    fn url(&self, format: &str) -> String {
        format!("{}/d/acme-{ACCOUNT}/{format}/team/", self.service.url())
    }

    /// The same with a user.
    fn url_of(&self, user: &str, format: &str) -> String {
        self.url(format).replace("http://", &format!("http://{user}@"))
    }

    /// A file that is meant to hold a planted token.
    fn leak(&self, path: &str, text: &str) {
        self.sandbox.write(path, text);
        self.sandbox.may_hold_secrets(path);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(self.sandbox.path(path), fs::Permissions::from_mode(0o600)).expect("the file is ours");
        }
    }

    fn program(&self, path: &str) {
        self.sandbox.write(path, "#!/bin/sh\nexit 1\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(self.sandbox.path(path), fs::Permissions::from_mode(0o755)).expect("the file is ours");
        }
    }

    /// PATH with folders of the sandbox first.
    fn path(&self, first: &[&str]) -> String {
        let usual = self.sandbox.vars().remove("PATH").unwrap_or_default();
        let mut folders: Vec<String> =
            first.iter().map(|folder| self.sandbox.path(folder).display().to_string()).collect();
        folders.push(usual);
        folders.join(":")
    }

    fn git(&self, args: &[&str]) {
        let git = tests::programs::find("git").expect("git is there");
        self.sandbox
            .program(&git)
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(args)
            .run()
            .success();
    }

    fn pip(&self, more: &str) {
        let index = format!("{}simple/", self.url_of("aws", "pypi"));
        let text = format!("[global]\nindex-url = {index}\nkeyring-provider = subprocess\n{more}");
        self.sandbox.write("config/pip/pip.conf", text);
        self.link_keyring();
    }

    /// A project that says what it uses, and cargo's settings in place of those that `configure` wrote.
    fn declare(&self, cargo: &str) {
        let project = format!("[project]\ndomain = \"acme\"\nowner = \"{ACCOUNT}\"\nrepository = \"team\"\n");
        self.sandbox.write("work/codeartifact.toml", project);
        self.sandbox.write("home/.cargo/config.toml", cargo);
    }

    fn link_keyring(&self) {
        self.sandbox.helper(&["install", "keyring", "nuget-plugin-codeartifact"]).run().success();
        self.sandbox.set("PATH", self.path(&["data/codeartifact/bin"]));
    }
}

/// The findings' codes of a severity, without what is only about the machine's own programs.
fn codes(outcome: &Outcome, severities: &[&str]) -> Vec<String> {
    let value = outcome.json();
    let findings = value["findings"].as_array().expect("findings are a list").clone();
    let wanted = |finding: &&Value| severities.iter().any(|severity| finding["severity"] == *severity);
    findings.iter().filter(wanted).map(|finding| finding["code"].as_str().expect("a code is text").to_owned()).collect()
}

/// The severities that count.
const BAD: [&str; 2] = ["error", "warning"];
const ANY: [&str; 3] = ["error", "warning", "advice"];

/// How a fault is planted: into the sandbox, and into the run of `doctor`.
type Plant = fn(&Bench<'_>, Program) -> Program;

/// Plants each fault in a sandbox of its own, in which nothing else is wrong, and expects its code.
fn planted(service: &Service, faults: &[(&str, Plant)]) {
    let mut missed = Vec::new();
    for (code, plant) in faults {
        let bench = Bench::new(service);
        let doctor = plant(&bench, bench.doctor(&[]));
        let path = bench.sandbox.vars().remove("PATH").unwrap_or_default();
        let outcome = doctor.var("PATH", path).run();
        let found = codes(&outcome, &ANY);
        let is_bad = !codes(&outcome, &BAD).is_empty();
        if !found.iter().any(|found| found == code) || outcome.code() != Some(if is_bad { 6 } else { 0 }) {
            missed.push(format!("{code}: {}", outcome.show()));
        }
    }
    assert!(missed.is_empty(), "{} of {} faults:\n{}", missed.len(), faults.len(), missed.join("\n\n"));
}

fn without_keys(program: Program) -> Program {
    program.without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY")
}

fn service(sandbox: &Sandbox) -> Service {
    let service = Service::start(sandbox);
    service.make("acme", &["team", "team.git"]);
    service
}

#[test]
fn nothing_is_said_of_what_is_right() {
    let home = Sandbox::new();
    let service = service(&home);
    let bench = Bench::new(&service);
    let outcome = bench.doctor(&[]).run().success();
    assert_eq!(codes(&outcome, &BAD), [""; 0], "{}", outcome.show());
    assert_eq!(outcome.json()["unchecked"], Value::Array(Vec::new()), "{}", outcome.show());
    // Also with a file of each kind that is as it should be, in a project, with the user's variables.
    let npm = bench.url("npm");
    bench.sandbox.write("home/.npmrc", format!("registry={npm}\nsave-exact=true\n"));
    bench.pip("timeout = 60\n");
    let index = format!("{}simple/", bench.url("pypi"));
    let uv = "keyring-provider = \"subprocess\"\n\n[[index]]\nname = \"team\"\nurl = \"INDEX\"\ndefault = true\nauthenticate = \"always\"\n";
    bench.sandbox.write("config/uv/uv.toml", uv.replace("INDEX", &index));
    let maven = format!(
        "<settings><servers><server><id>team</id><username>aws</username><password>${{env.CODEARTIFACT_AUTH_TOKEN}}</password>\
         </server></servers><mirrors><mirror><id>team</id><mirrorOf>*</mirrorOf><url>{}</url></mirror></mirrors></settings>",
        bench.url("maven")
    );
    bench.sandbox.write("home/.m2/settings.xml", maven);
    let nuget = format!(
        "<configuration><packageSources><add key=\"team\" value=\"{}v3/index.json\" /></packageSources></configuration>",
        bench.url("nuget")
    );
    bench.sandbox.write("home/.nuget/NuGet/NuGet.Config", nuget);
    bench.sandbox.write("home/.bashrc", "export EDITOR=vi\nalias ll='ls -l'\n");
    bench.sandbox.write("work/codeartifact.toml", "[project]\ndomain = \"acme\"\nrepository = \"team\"\n");
    let path = bench.sandbox.vars().remove("PATH").unwrap_or_default();
    let outcome = bench.doctor(&[]).var("PATH", path).run();
    // The machine's own programs may be old: that is no false alarm.
    let codes: Vec<_> = codes(&outcome, &BAD).into_iter().filter(|code| code != "client-too-old").collect();
    assert_eq!(codes, [""; 0], "{}", outcome.show());
    let shown = bench.sandbox.codeartifact(&["doctor", "cargo"]).run().success();
    assert!(shown.stdout().contains("nothing is wrong") || shown.stdout().contains("advice["), "{}", shown.show());
}

/// Whatever `configure` writes for a client, at either level, doctor finds nothing wrong with.
#[test]
fn what_configure_writes_is_right() {
    let home = Sandbox::new();
    let service = service(&home);
    let mut alarms = Vec::new();
    for client in clients::CLIENTS {
        let Some(settings) = client.settings else { continue };
        for level in settings.choices().levels {
            let sandbox = Sandbox::new();
            sandbox.point_at(service.url());
            let level = format!("--{level}");
            let configure =
                ["configure", client.name, "--domain", "acme", "--domain-owner", ACCOUNT, "--repository", "team"];
            sandbox.codeartifact(&configure).arg(&level).run().success();
            let folder = sandbox.path("data/codeartifact/bin");
            let path = format!("{}:{}", folder.display(), sandbox.vars().remove("PATH").unwrap_or_default());
            let outcome = sandbox.codeartifact(&["doctor", "--json"]).var("PATH", path).run();
            // The machine's own programs may be old: that is no false alarm.
            let codes: Vec<_> = codes(&outcome, &BAD).into_iter().filter(|code| code != "client-too-old").collect();
            let uses = &outcome.json()["used"];
            // Theirs stand in scripts, and in patterns of hosts.
            let is_seen = ["sbt", "bazel", "curl"].contains(&client.name)
                || uses.as_array().is_some_and(|uses| uses.iter().any(|used| used == client.name));
            if !codes.is_empty() || !is_seen {
                alarms.push(format!("{} {level}: {codes:?}: {}", client.name, outcome.show()));
            }
        }
    }
    assert!(alarms.is_empty(), "{}", alarms.join("\n\n"));
}

#[test]
fn faults_of_identity_are_found() {
    let home = Sandbox::new();
    let service = service(&home);
    planted(
        &service,
        &[
            ("identity-missing", |_, doctor| without_keys(doctor)),
            ("sign-in-ended", |bench, doctor| {
                let config = "[profile corp]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = dev\n\
                              region = us-east-1\n[sso-session corp]\nsso_region = us-east-1\n\
                              sso_start_url = https://corp.example.com/start\n";
                bench.sandbox.write("home/.aws/config", config);
                without_keys(doctor).var("AWS_PROFILE", "corp")
            }),
            ("profile-missing", |_, doctor| without_keys(doctor).var("AWS_PROFILE", "nobody")),
            ("profile-hidden", |bench, doctor| {
                bench.sandbox.write("home/.aws/config", "[profile work]\nregion = us-east-1\n");
                doctor.var("AWS_PROFILE", "work")
            }),
            ("rule-profile-missing", |bench, doctor| {
                bench.sandbox.write(
                    "config/codeartifact/config.toml",
                    "[[account]]\nowner = \"444455556666\"\nprofile = \"gone\"\n",
                );
                doctor
            }),
            ("account-rule-dead", |bench, doctor| {
                let rules = "[[account]]\nprofile = \"a\"\n\n[[account]]\nowner = \"444455556666\"\nprofile = \"b\"\n";
                bench.sandbox.write("config/codeartifact/config.toml", rules);
                doctor
            }),
            ("user-file-faulty", |bench, doctor| {
                bench.sandbox.write("config/codeartifact/config.toml", "trusted-ownrs = []\n");
                doctor
            }),
            ("project-file-faulty", |bench, doctor| {
                bench.sandbox.write("work/codeartifact.toml", "[project]\nprofile = \"mine\"\n");
                doctor
            }),
            ("aws-files-faulty", |_, doctor| doctor.var("AWS_REGION", "no region")),
            ("domain-missing", |bench, doctor| {
                let index = bench.service.cargo_index("nowhere", "team");
                bench.sandbox.write("work/.cargo/config.toml", format!("[registries.n]\nindex = \"{index}\"\n"));
                doctor
            }),
            ("repository-missing", |bench, doctor| {
                let index = bench.service.cargo_index("acme", "nowhere");
                bench.sandbox.write("work/.cargo/config.toml", format!("[registries.n]\nindex = \"{index}\"\n"));
                doctor
            }),
            ("service-unreachable", |_, doctor| {
                // Port 1 of this machine is nobody's.
                doctor.var("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:1").args([
                    "--domain",
                    "acme",
                    "--domain-owner",
                    ACCOUNT,
                ])
            }),
            ("store-clear-text", |bench, doctor| {
                bench.sandbox.may_hold_secrets("state");
                doctor.var("CODEARTIFACT_STORE", "file")
            }),
            ("store-none", |_, doctor| doctor.var("CODEARTIFACT_STORE", "none")),
            ("store-broken", |_, doctor| {
                doctor.var("CODEARTIFACT_STORE", "secret-service").without_var("DBUS_SESSION_BUS_ADDRESS")
            }),
        ],
    );
}

#[test]
fn faults_of_the_service_are_found() {
    for (code, rule) in [
        ("denied", r#"{ "operation": "GetAuthorizationToken", "status": 403, "type": "AccessDeniedException" }"#),
        ("denied", r#"{ "operation": "GetRepositoryEndpoint", "status": 403, "type": "AccessDeniedException" }"#),
        (
            "credentials-expired",
            r#"{ "operation": "GetAuthorizationToken", "status": 403, "type": "ExpiredTokenException" }"#,
        ),
        (
            "service-failed",
            r#"{ "operation": "GetAuthorizationToken", "status": 400, "type": "ServiceQuotaExceededException" }"#,
        ),
        ("clock-skewed", r#"{ "clock-skew-s": -3600 }"#),
        ("clock-skewed", r#"{ "clock-skew-s": 3600 }"#),
    ] {
        let home = Sandbox::new();
        let faults = home.write("tmp/faults.json", r#"{ "rules": [] }"#);
        let service = Service::start_with(&home, &["--ephemeral", "--faults", faults.to_str().unwrap()]);
        service.make("acme", &["team"]);
        let bench = Bench::new(&service);
        // The file is read again as soon as it is another one: whichever run sees it first.
        fs::write(&faults, format!("{{ \"rules\": [ {rule} ] }}")).unwrap();
        let mut outcome = bench.doctor(&[]).run();
        for _ in 0..50 {
            if codes(&outcome, &BAD).iter().any(|found| found == code) {
                break;
            }
            outcome = bench.doctor(&[]).run();
        }
        assert!(codes(&outcome, &BAD).iter().any(|found| found == code), "{code}: {}", outcome.show());
        outcome.exit(6);
    }
}

#[test]
fn the_account_that_asks_is_named_where_it_is_another() {
    let home = Sandbox::new();
    let platform = ("AKIDPLATFORM", "platform-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");
    let reader = ("AKIDREADER", "reader-wJalrXUtnFEMI+K7MDENG/bPxRfiCY");
    let identities = serde_json::json!({ "principals": [
        { "arn": format!("arn:aws:iam::{ACCOUNT}:user/platform"), "keys": [{ "id": platform.0, "secret": platform.1 }] },
        { "arn": "arn:aws:iam::444455556666:user/reader", "keys": [{ "id": reader.0, "secret": reader.1 }] },
    ]});
    let file = home.write("config/identities.json", identities.to_string());
    home.may_hold_secrets("config");
    let service = Service::start_with(&home, &["--ephemeral", "--strict-auth", file.to_str().unwrap()]);
    let Some(make) = home.aws(&["create-domain", "--domain", "acme"]) else {
        println!("the AWS CLI is not installed: who asks for another account's domain is left out");
        return;
    };
    make.var("AWS_ACCESS_KEY_ID", platform.0).var("AWS_SECRET_ACCESS_KEY", platform.1).run().success();
    let sandbox = Sandbox::new();
    sandbox.point_at(service.url());
    sandbox.set("AWS_ACCESS_KEY_ID", reader.0);
    sandbox.set("AWS_SECRET_ACCESS_KEY", reader.1);
    let named = ["doctor", "--json", "--domain", "acme", "--domain-owner", ACCOUNT];
    let outcome = sandbox.codeartifact(&named).run().exit(6);
    let found = codes(&outcome, &BAD);
    assert!(found.contains(&"wrong-account".to_owned()), "{}", outcome.show());
    let value = outcome.json();
    let finding =
        value["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "wrong-account").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("444455556666"), "{finding}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults_of_files_are_found() {
    let home = Sandbox::new();
    let service = service(&home);
    planted(
        &service,
        &[
            ("registry-overridden", |bench, doctor| {
                bench.sandbox.write("home/.npmrc", format!("registry={}\n", bench.url("npm")));
                doctor.var("npm_config_registry", "https://packages.example.com/npm/")
            }),
            ("registry-overridden", |bench, doctor| {
                bench.sandbox.write("home/.npmrc", format!("registry={}\n", bench.url("npm")));
                bench.sandbox.write("work/package.json", "{}");
                bench.sandbox.write("work/.npmrc", "registry=https://packages.example.com/npm/\n");
                doctor
            }),
            ("registry-overridden", |bench, doctor| {
                bench.pip("");
                doctor.var("PIP_INDEX_URL", "https://packages.example.com/simple/")
            }),
            ("registry-overridden", |_, doctor| {
                doctor.var("CARGO_REGISTRIES_TEAM_INDEX", "sparse+https://packages.example.com/index/")
            }),
            ("registry-url-faulty", |bench, doctor| {
                let url = "https://my-org-11112222333.d.codeartifact.us-east-1.amazonaws.com/npm/team/";
                bench.sandbox.write("home/.npmrc", format!("registry={url}\n"));
                doctor
            }),
            ("registries-merged", |bench, doctor| {
                let index = bench.service.cargo_index("acme", "team.git");
                let provider = bench.sandbox.helper_path();
                let text = format!(
                    "[registries.twin]\nindex = \"{index}\"\n[registry]\nglobal-credential-providers = [\"{}\"]\n",
                    provider.display()
                );
                bench.sandbox.write("work/.cargo/config.toml", text);
                doctor
            }),
            ("http-registry", |bench, doctor| {
                bench.sandbox.write("home/.npmrc", "registry=http://packages.example.com/npm/\n");
                doctor
            }),
            ("file-faulty", |bench, doctor| {
                bench.sandbox.write("work/.cargo/config.toml", "[registries\n");
                doctor
            }),
            ("file-faulty", |bench, doctor| {
                bench.sandbox.write("home/.m2/settings.xml", "<settings><servers>");
                doctor
            }),
            ("cargo-index-form", |bench, doctor| {
                let index = bench.url("cargo");
                bench.sandbox.write("work/.cargo/config.toml", format!("[registries.plain]\nindex = \"{index}\"\n"));
                doctor
            }),
            ("provider-missing", |bench, doctor| {
                let index = bench.service.cargo_index("acme", "team");
                bench.sandbox.write("work/.cargo/config.toml", format!("[registries.other]\nindex = \"{index}\"\n"));
                doctor
            }),
            ("project-names-program", |bench, doctor| {
                let text =
                    format!("[registries.team]\ncredential-provider = \"{}\"\n", bench.sandbox.helper_path().display());
                bench.sandbox.write("work/.cargo/config.toml", text);
                doctor
            }),
            ("helper-missing", |bench, doctor| {
                let file = bench.sandbox.path("home/.cargo/config.toml");
                let text = fs::read_to_string(&file).unwrap().replace("codeartifact-credential-helper", "gone-helper");
                bench.sandbox.write("home/.cargo/config.toml", text);
                doctor
            }),
            ("index-path-missing", |bench, doctor| {
                let text =
                    format!("[global]\nindex-url = {}\nkeyring-provider = subprocess\n", bench.url_of("aws", "pypi"));
                bench.sandbox.write("config/pip/pip.conf", text);
                doctor
            }),
            ("index-without-user", |bench, doctor| {
                let text =
                    format!("[global]\nindex-url = {}simple/\nkeyring-provider = subprocess\n", bench.url("pypi"));
                bench.sandbox.write("config/pip/pip.conf", text);
                doctor
            }),
            ("upload-to-index", |bench, doctor| {
                bench.sandbox.write("home/.pypirc", format!("[team]\nrepository = {}simple/\n", bench.url("pypi")));
                doctor
            }),
            ("keyring-provider-off", |bench, doctor| {
                bench.pip("no-input = true\n");
                doctor.var("PIP_KEYRING_PROVIDER", "auto")
            }),
            ("keyring-provider-off", |bench, doctor| {
                let text = format!("[[index]]\nurl = \"{}simple/\"\nauthenticate = \"always\"\n", bench.url("pypi"));
                bench.sandbox.write("config/uv/uv.toml", text);
                doctor
            }),
            ("dependency-confusion", |bench, doctor| {
                bench.pip("extra-index-url = https://packages.example.com/simple/\n");
                doctor
            }),
            ("unsafe-index-strategy", |bench, doctor| {
                let text = format!(
                    "index-strategy = \"unsafe-best-match\"\n[[index]]\nurl = \"{}simple/\"\n",
                    bench.url("pypi")
                );
                bench.sandbox.write("work/uv.toml", text);
                doctor
            }),
            ("always-auth-missing", |bench, doctor| {
                bench.sandbox.write("work/yarn.lock", "# yarn lockfile v1\n");
                bench.sandbox.write("home/.npmrc", format!("registry={}\n", bench.url("npm")));
                doctor
            }),
            ("always-auth-missing", |bench, doctor| {
                let text =
                    format!("npmRegistryServer: \"{}\"\nunsafeHttpWhitelist:\n  - 127.0.0.1\n", bench.url("npm"));
                bench.sandbox.write("home/.yarnrc.yml", text);
                doctor.var("YARN_NPM_AUTH_TOKEN", "a-reference")
            }),
            ("token-helper-in-project", |bench, doctor| {
                bench.sandbox.write("work/.npmrc", "//packages.example.com/:tokenHelper=/usr/bin/helper\n");
                doctor
            }),
            ("token-helper-relative", |bench, doctor| {
                bench.sandbox.write("home/.npmrc", "//packages.example.com/:tokenHelper=helper\n");
                doctor
            }),
            ("project-reference-ignored", |bench, doctor| {
                bench.sandbox.write("work/.npmrc", "//packages.example.com/:_authToken=${CODEARTIFACT_AUTH_TOKEN}\n");
                doctor
            }),
            ("reference-unset", |bench, doctor| {
                bench.sandbox.write("home/.npmrc", "//packages.example.com/:_authToken=${NOBODY_SET_THIS}\n");
                doctor
            }),
            ("reference-unset", |bench, doctor| {
                let text = "<settings><servers><server><password>${env.NOBODY_SET_THIS}</password></server></servers></settings>";
                bench.sandbox.write("home/.m2/settings.xml", text);
                doctor
            }),
            ("settings-file-replaced", |bench, doctor| {
                let text =
                    "<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>URL</url></mirror></mirrors></settings>";
                bench.sandbox.write("home/.m2/settings.xml", text.replace("URL", &bench.url("maven")));
                bench.sandbox.write("work/.mvn/maven.config", "-s\nci/settings.xml\n");
                doctor
            }),
            ("source-disabled", |bench, doctor| {
                let text = format!(
                    "<configuration><packageSources><add key=\"t\" value=\"{}v3/index.json\" /></packageSources>\
                     <disabledPackageSources><add key=\"t\" value=\"true\" /></disabledPackageSources></configuration>",
                    bench.url("nuget")
                );
                bench.sandbox.write("home/.nuget/NuGet/NuGet.Config", text);
                doctor
            }),
            ("plugin-paths-set", |bench, doctor| {
                let text = format!(
                    "<configuration><packageSources><add key=\"t\" value=\"{}v3/index.json\" /></packageSources></configuration>",
                    bench.url("nuget")
                );
                bench.sandbox.write("home/.nuget/NuGet/NuGet.Config", text);
                doctor.var("NUGET_PLUGIN_PATHS", "/opt/plugins/other")
            }),
            ("login-in-startup", |bench, doctor| {
                bench
                    .sandbox
                    .write("home/.bashrc", "aws codeartifact login --tool npm --domain acme --repository team\n");
                doctor
            }),
            ("environment-token-expired", |_, doctor| doctor.var("CODEARTIFACT_AUTH_TOKEN", ended())),
        ],
    );
}

#[test]
fn secrets_in_files_are_found_and_never_shown() {
    let home = Sandbox::new();
    let service = service(&home);
    planted(
        &service,
        &[
            ("token-expired-in-file", |bench, doctor| {
                bench.leak("home/.npmrc", &format!("//packages.example.com/npm/:_authToken={}\n", ended()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.npmrc", &format!("//packages.example.com/npm/:_authToken={}\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                let index = format!("https://aws:{}@packages.example.com/simple/", live());
                bench.leak("config/pip/pip.conf", &format!("[global]\nindex-url = {index}\n"));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.pypirc", &format!("[team]\nusername = aws\npassword = {}\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.netrc", &format!("machine packages.example.com login aws password {}\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                let text =
                    format!("<settings><servers><server><password>{}</password></server></servers></settings>", live());
                bench.leak("home/.m2/settings.xml", &text);
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                let text = format!(
                    "<configuration><packageSourceCredentials><t><add key=\"ClearTextPassword\" value=\"{}\" /></t>\
                     </packageSourceCredentials></configuration>",
                    live()
                );
                bench.leak("home/.nuget/NuGet/NuGet.Config", &text);
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.gradle/gradle.properties", &format!("codeartifactToken={}\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.yarnrc.yml", &format!("npmAuthToken: \"{}\"\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.bundle/config", &format!("---\nBUNDLE_PACKAGES__EXAMPLE__COM: \"aws:{}\"\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak("home/.profile", &format!("export CODEARTIFACT_AUTH_TOKEN={}\n", live()));
                doctor
            }),
            ("token-in-file", |bench, doctor| {
                bench.leak(
                    "home/.cargo/credentials.toml",
                    &format!("[registries.team]\ntoken = \"Bearer {}\"\n", live()),
                );
                doctor
            }),
            ("secret-readable", |bench, doctor| {
                bench.leak("home/.npmrc", "//packages.example.com/:_authToken=npm_0123456789abcdef\n");
                let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
                fs::set_permissions(bench.sandbox.path("home/.npmrc"), mode).unwrap();
                doctor
            }),
            ("secret-committed", |bench, doctor| {
                bench.leak("work/.npmrc", "//packages.example.com/:_authToken=npm_0123456789abcdef\n");
                bench.git(&["init", "-q"]);
                bench.git(&["add", ".npmrc"]);
                doctor
            }),
        ],
    );
}

#[test]
fn faults_of_programs_and_of_our_own_files_are_found() {
    let home = Sandbox::new();
    let service = service(&home);
    planted(
        &service,
        &[
            ("foreign-helper-first", |bench, doctor| {
                bench.pip("");
                bench.program("other/keyring");
                bench.sandbox.set("PATH", bench.path(&["other"]));
                doctor
            }),
            ("links-not-on-path", |bench, doctor| {
                let usual = bench.sandbox.vars().remove("PATH").unwrap_or_default();
                bench.pip("");
                // Where the machine has a `keyring` of its own, it would come first.
                let without: Vec<&str> =
                    usual.split(':').filter(|folder| !Path::new(folder).join("keyring").exists()).collect();
                bench.sandbox.set("PATH", without.join(":"));
                doctor
            }),
            ("helper-not-linked", |bench, doctor| {
                let usual = bench.sandbox.vars().remove("PATH").unwrap_or_default();
                let index = format!("{}simple/", bench.url_of("aws", "pypi"));
                bench.sandbox.write(
                    "config/pip/pip.conf",
                    format!("[global]\nindex-url = {index}\nkeyring-provider = subprocess\n"),
                );
                let without: Vec<&str> =
                    usual.split(':').filter(|folder| !Path::new(folder).join("keyring").exists()).collect();
                bench.sandbox.set("PATH", without.join(":"));
                doctor
            }),
            ("link-broken", |bench, doctor| {
                let folder = bench.sandbox.path("data/codeartifact/bin");
                fs::create_dir_all(&folder).unwrap();
                std::os::unix::fs::symlink(bench.sandbox.path("gone/helper"), folder.join("keyring")).unwrap();
                doctor
            }),
            ("client-too-old", |bench, doctor| {
                bench.sandbox.write("old/cargo", "#!/bin/sh\necho 'cargo 1.70.0 (0123 2023-06-01)'\n");
                let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
                fs::set_permissions(bench.sandbox.path("old/cargo"), mode).unwrap();
                bench.sandbox.set("PATH", bench.path(&["old"]));
                doctor
            }),
            ("client-version-faulty", |bench, doctor| {
                bench.sandbox.write("old/cargo", "#!/bin/sh\necho 'cargo 1.94.0 (0123 2026-01-01)'\n");
                let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
                fs::set_permissions(bench.sandbox.path("old/cargo"), mode).unwrap();
                bench.sandbox.set("PATH", bench.path(&["old"]));
                doctor
            }),
            ("not-configured", |bench, doctor| {
                bench.declare("# empty\n");
                doctor
            }),
            ("name-in-use", |bench, doctor| {
                bench.declare("[registries.team]\nindex = \"sparse+https://packages.example.com/index/\"\n");
                doctor
            }),
            ("secret-in-the-way", |bench, doctor| {
                let secret = "hunter2".repeat(8);
                bench.declare(&format!("[registries.team]\ncredential-provider = \"{secret}\"\n"));
                doctor
            }),
            ("journal-faulty", |bench, doctor| {
                bench.sandbox.write("state/codeartifact/configure.json", "{ not json");
                doctor
            }),
            ("configured-gone", |bench, doctor| {
                bench.sandbox.write("home/.cargo/config.toml", "# mine again\n");
                doctor
            }),
            ("configured-changed", |bench, doctor| {
                let file = bench.sandbox.path("home/.cargo/config.toml");
                let text = fs::read_to_string(&file).unwrap().replace("/cargo/team/", "/cargo/team.git/");
                bench.sandbox.write("home/.cargo/config.toml", text);
                doctor
            }),
        ],
    );
}

#[test]
fn what_is_safe_is_mended_and_shown_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Sandbox::new();
    let service = service(&home);
    let bench = Bench::new(&service);
    let sandbox = &bench.sandbox;
    let npmrc = format!("# mine\r\n//packages.example.com/npm/:_authToken={}\r\nsave-exact=true", ended());
    bench.leak("home/.npmrc", &npmrc);
    fs::set_permissions(sandbox.path("home/.npmrc"), fs::Permissions::from_mode(0o644)).unwrap();
    bench.link_keyring();
    let link = sandbox.path("data/codeartifact/bin/keyring");
    let target = fs::read_link(&link).expect("a link");
    let shown = sandbox.codeartifact(&["doctor", "--fix", "--dry-run"]).run().exit(6);
    for words in ["would make ", "would remove line 2 of "] {
        assert!(shown.stdout().contains(words), "`{words}`: {}", shown.show());
    }
    assert_eq!(fs::read_to_string(sandbox.path("home/.npmrc")).unwrap(), npmrc, "nothing was done");
    let outcome = bench.doctor(&["--fix"]).run();
    assert_eq!(codes(&outcome, &BAD), [""; 0], "{}", outcome.show());
    assert_eq!(fs::read_to_string(sandbox.path("home/.npmrc")).unwrap(), "# mine\r\nsave-exact=true");
    assert_eq!(sandbox.path("home/.npmrc").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_link(&link).unwrap(), target);
    // Left-overs of ours: a client's file that somebody made anew.
    sandbox.write("home/.cargo/config.toml", "# mine again\n");
    let outcome = bench.doctor(&[]).run().exit(6);
    assert!(codes(&outcome, &BAD).contains(&"configured-gone".to_owned()), "{}", outcome.show());
    bench.doctor(&["--fix"]).run().success();
    assert_eq!(fs::read_to_string(sandbox.path("home/.cargo/config.toml")).unwrap(), "# mine again\n");
}

#[test]
fn every_code_explains_itself() {
    let sandbox = Sandbox::new();
    for words in [["doctor", "--explain", "dependency-confusion"].as_slice(), &["help", "dependency-confusion"]] {
        sandbox.codeartifact(words).run().success().prints("# dependency-confusion").prints("## How to fix it");
    }
    sandbox
        .codeartifact(&["doctor", "--explain", "dependency-confusio"])
        .run()
        .exit(2)
        .says("did you mean `dependency-confusion`?");
    // Nobody to ask: said, and no finding.
    let outcome = sandbox.codeartifact(&["doctor", "--json"]).run();
    assert!(outcome.json()["unchecked"].as_array().is_some_and(|list| !list.is_empty()), "{}", outcome.show());
}
