//! NuGet's own client under Mono against the embedded service: through three repositories from a public source, again
//! without it, pushing, and what it says when it is refused.
//!
//! It is the newest of that client which a registry of packages has; .NET's own command cannot be had from one. Mono
//! knows no authority that is limited to addresses, as the service's own is: this journey goes without TLS.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    Outcome, Sandbox, Service, Source,
    programs::{find, workspace},
    sandbox::ACCOUNT,
    service::signature,
};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

pub(crate) const DOMAIN: &str = "acme";
const CONNECTION: &str = "public:nuget-org";

/// NuGet in a home of its own.
pub(crate) struct NuGet {
    pub(crate) sandbox: Sandbox,
    mono: PathBuf,
    program: PathBuf,
}

impl NuGet {
    pub(crate) fn new() -> Option<Self> {
        let mono = find("mono")?;
        let program = workspace().join("target/tools/nuget/package/bin/nuget.exe");
        if !program.exists() {
            let found = find(program.to_str().expect("paths of tools are text"));
            assert!(found.is_none(), "an absolute path is no program of the path");
            return None;
        }
        let sandbox = Sandbox::new();
        // This client expands no variable in its settings.
        for path in ["config/NuGet", "data/service"] {
            sandbox.may_hold_secrets(path);
        }
        Some(Self { sandbox, mono, program })
    }

    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        let program = self.sandbox.program(&self.mono).arg(&self.program).args(words);
        program.args(["-NonInteractive"]).run()
    }

    /// Leads it to a repository: by hand, as its documentation says.
    fn configure(&self, service: &Service, token: &str) {
        let index = format!("{}/d/{DOMAIN}-{ACCOUNT}/nuget/team/v3/index.json", service.url());
        let settings = format!(
            "<configuration>
  <packageSources><clear/><add key=\"team\" value=\"{index}\" protocolVersion=\"3\"/></packageSources>
  <packageSourceCredentials><team>
    <add key=\"Username\" value=\"aws\"/><add key=\"ClearTextPassword\" value=\"{token}\"/>
  </team></packageSourceCredentials>
</configuration>
"
        );
        self.sandbox.write("config/NuGet/NuGet.Config", settings);
    }

    /// A package that says something and needs others.
    pub(crate) fn pack(&self, id: &str, said: &str, needed: &str) -> PathBuf {
        let nuspec = format!(
            "<package><metadata>
  <id>{id}</id><version>1.0.0</version><authors>Acme</authors><description>Says it</description>
  <dependencies>{needed}</dependencies>
</metadata><files><file src=\"said.txt\" target=\"content\"/></files></package>
"
        );
        let folder = self.sandbox.path(format!("work/{said}"));
        self.sandbox.write(folder.join("said.txt"), said);
        let nuspec = self.sandbox.write(folder.join(format!("{id}.nuspec")), nuspec);
        let (nuspec, out) = (nuspec.to_str().expect("it is text"), folder.to_str().expect("it is text"));
        self.run(&["pack", nuspec, "-OutputDirectory", out]).success();
        folder.join(format!("{id}.1.0.0.nupkg"))
    }

    /// Into a folder that is empty at first, from nothing that was remembered.
    pub(crate) fn install(&self, id: &str, folder: &str) -> Outcome {
        drop(std::fs::remove_dir_all(self.sandbox.path("data/NuGet")));
        let folder = self.sandbox.path(folder);
        let folder = folder.to_str().expect("it is text");
        self.run(&["install", id, "-Version", "1.0.0", "-OutputDirectory", folder, "-NoCache"])
    }

    pub(crate) fn push(&self, package: &Path) -> Outcome {
        self.run(&["push", package.to_str().expect("it is text"), "-Source", "team", "-ApiKey", "none"])
    }

    /// What an installed package says.
    pub(crate) fn said(&self, folder: &str, id: &str) -> String {
        let file = self.sandbox.path(folder).join(format!("{id}.1.0.0/content/said.txt"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}

fn needs(id: &str) -> String {
    format!("<dependency id=\"{id}\" version=\"[1.0.0,2.0.0)\"/>")
}

/// A public source of these packages, with the packages that each needs.
fn source(nuget: &NuGet, packages: &[(&str, &str, Option<&str>)]) -> Source {
    let index = json!({ "version": "3.0.0", "resources": [
        { "@id": "../flat/", "@type": "PackageBaseAddress/3.0.0" },
        { "@id": "../registration/", "@type": "RegistrationsBaseUrl/3.6.0" },
    ]});
    nuget.sandbox.write("source/v3/index.json", index.to_string());
    for (id, said, needed) in packages {
        let package = nuget.pack(id, said, &needed.map(needs).unwrap_or_default());
        let lower = id.to_lowercase();
        let flat = format!("source/flat/{lower}");
        nuget.sandbox.write(format!("{flat}/index.json"), json!({ "versions": ["1.0.0"] }).to_string());
        let bytes = std::fs::read(package).expect("it was packed");
        nuget.sandbox.write(format!("{flat}/1.0.0/{lower}.1.0.0.nupkg"), bytes);
        let nuspec = std::fs::read(nuget.sandbox.path(format!("work/{said}/{id}.nuspec"))).expect("it was written");
        nuget.sandbox.write(format!("{flat}/1.0.0/{lower}.nuspec"), nuspec);
        let dependencies = needed.map(|id| json!({ "id": id, "range": "[1.0.0, 2.0.0)" }));
        let dependencies: Vec<_> = dependencies.into_iter().collect();
        let entry = json!({
            "id": id, "version": "1.0.0", "listed": true, "published": "2020-01-02T03:04:05Z",
            "dependencyGroups": [{ "dependencies": dependencies }],
        });
        let pages = json!({ "items": [{ "lower": "1.0.0", "upper": "1.0.0", "items": [{ "catalogEntry": entry }] }] });
        nuget.sandbox.write(format!("source/registration/{lower}/index.json"), pages.to_string());
    }
    Source::serve(nuget.sandbox.path("source"))
}

/// `team` has `internal` upstream, and that has `store`, which is connected.
fn chain(service: &Service) {
    service.make_chain(DOMAIN, "store", CONNECTION);
}

#[test]
fn nuget_installs_and_pushes() {
    let Some(nuget) = NuGet::new() else { return };
    let source = source(&nuget, &[("Acme.Tiny", "tiny", None), ("Acme.Kit", "kit", Some("Acme.Tiny"))]);
    let external = format!("{CONNECTION}={}v3/index.json", source.url());
    let data = nuget.sandbox.path("data/service");
    let data = data.to_str().expect("sandbox paths are text");
    let service = Service::start_with(&nuget.sandbox, &["--data", data, "--external", &external]);
    chain(&service);
    let token = service.token(DOMAIN);
    nuget.sandbox.guard_token(&token);
    nuget.configure(&service, &token);

    nuget.install("Acme.Kit", "work/first").success();
    assert_eq!(
        (nuget.said("work/first", "Acme.Kit"), nuget.said("work/first", "Acme.Tiny")),
        ("kit".into(), "tiny".into())
    );
    for (name, expected) in [("team", 200), ("internal", 404), ("store", 200)] {
        for id in ["acme.kit", "acme.tiny"] {
            let kept =
                format!("package/version?domain={DOMAIN}&repository={name}&format=nuget&package={id}&version=1.0.0");
            assert_eq!(service.call("GET", &kept, "").status, expected, "{name} {id}");
        }
    }
    assert_eq!(source.asked("/flat/acme.kit/1.0.0/acme.kit.1.0.0.nupkg"), 1);

    // Nothing is left of the source, nor of what the service or the client remembers.
    source.stop();
    let address = service.address().to_owned();
    service.stop().success();
    let options = ["--data", data, "--listen", &address, "--external", &external];
    let service = Service::start_with(&nuget.sandbox, &options);
    nuget.install("Acme.Kit", "work/second").success();
    assert_eq!(nuget.said("work/second", "Acme.Tiny"), "tiny");

    // Pushed here, installed with what it needs from the source.
    let own = nuget.pack("Acme.Own", "own", &needs("Acme.Kit"));
    nuget.push(&own).success().prints("Your package was pushed");
    nuget.install("Acme.Own", "work/third").success();
    assert_eq!(
        (nuget.said("work/third", "Acme.Own"), nuget.said("work/third", "Acme.Tiny")),
        ("own".into(), "tiny".into())
    );

    // The same again is no conflict, other bytes are.
    nuget.push(&own).success();
    let other = nuget.pack("Acme.Own", "other", "");
    nuget.push(&other).failure().says("Response status code does not indicate success: 409 (Conflict)");
    service.stop().success();
}

#[test]
fn nuget_says_why_it_is_refused() {
    let Some(nuget) = NuGet::new() else { return };
    let service = Service::start(&nuget.sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        nuget.sandbox.guard_token(token);
    }
    let package = nuget.pack("Acme.Own", "own", "");
    for (token, expected) in [
        ("nonsense", "Response status code does not indicate success: 401 (Unauthorized)"),
        (foreign.as_str(), "Response status code does not indicate success: 403 (Forbidden)"),
    ] {
        nuget.configure(&service, token);
        nuget.install("Acme.None", "work/none").failure().says(expected);
        nuget.push(&package).failure().says(expected);
    }
    nuget.configure(&service, &token);
    nuget.install("Acme.None", "work/none").failure().says("Package 'Acme.None,1.0.0' is not found");
    service.stop().success();
}

/// .NET's own command asks for TLS. What it asks: the index, and from there whatever that leads to, first without
/// credentials and then with them.
#[test]
fn a_feed_over_tls_leads_to_nothing_else() {
    let Some(nuget) = NuGet::new() else { return };
    let folder = nuget.sandbox.path("tls");
    nuget.sandbox.may_hold_secrets("tls");
    let words = ["--ephemeral", "--tls", folder.to_str().expect("sandbox paths are text")];
    let service = Service::start_with(&nuget.sandbox, &words);
    let authority = std::fs::read(folder.join("ca.pem")).expect("the service made it");
    let authority = Certificate::from_pem(&authority).expect("it is a certificate");
    let trust = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).tls_config(trust);
    let agent = Agent::new_with_config(config.timeout_global(Some(Duration::from_secs(30))).build());
    let ask = |method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]| -> (u16, Vec<u8>) {
        assert!(url.starts_with(&format!("{}/", service.url())), "{url} is not over TLS");
        let request = ureq::http::Request::builder().method(method).uri(url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut response = agent.run(request.body(body).expect("it is a request")).expect("it is trusted");
        (response.status().as_u16(), response.body_mut().read_to_vec().expect("it comes whole"))
    };
    let signature = signature();
    let call = |path: &str| {
        let url = format!("{}/v1/{path}", service.url());
        let (status, body) = ask("POST", &url, &[("authorization", &signature)], b"{}");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).expect("it is JSON")
    };
    call(&format!("domain?domain={DOMAIN}"));
    call(&format!("repository?domain={DOMAIN}&repository=team"));
    let token = call(&format!("authorization-token?domain={DOMAIN}"));
    let token = token["authorizationToken"].as_str().expect("there is one");
    nuget.sandbox.guard_token(token);
    let basic = format!("Basic {}", STANDARD.encode(format!("aws:{token}")));
    let authorized = [("authorization", basic.as_str())];

    let index = format!("{}/d/{DOMAIN}-{ACCOUNT}/nuget/team/v3/index.json", service.url());
    assert_eq!(ask("GET", &index, &[], b"").0, 401);
    let get = |url: &str| {
        let (status, body) = ask("GET", url, &authorized, b"");
        assert_eq!(status, 200, "{url}");
        body
    };
    let read = |url: &str| serde_json::from_slice::<Value>(&get(url)).expect("it is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
    let listed = read(&index);
    let resource = |kind: &str| {
        let resources = listed["resources"].as_array().expect("it lists resources");
        let found = resources.iter().find(|resource| resource["@type"] == kind);
        text(&found.unwrap_or_else(|| panic!("{kind} is not there"))["@id"])
    };
    let package = std::fs::read(nuget.pack("Acme.Own", "own", "")).expect("it was packed");
    let part = "--b\r\nContent-Disposition: form-data; name=package; filename=package.nupkg\r\n\r\n";
    let form = [part.as_bytes(), &package, b"\r\n--b--\r\n"].concat();
    let push = [authorized[0], ("content-type", "multipart/form-data; boundary=\"b\""), ("x-nuget-apikey", "")];
    assert_eq!(ask("PUT", &resource("PackagePublish/2.0.0"), &push, &form).0, 201);

    let registration = read(&format!("{}acme.own/index.json", resource("RegistrationsBaseUrl/3.6.0")));
    let leaf = &registration["items"][0]["items"][0];
    assert_eq!(get(&text(&leaf["packageContent"])), package);
    read(&text(&leaf["@id"]));
    let base = resource("PackageBaseAddress/3.0.0");
    assert_eq!(read(&format!("{base}acme.own/index.json")), json!({ "versions": ["1.0.0"] }));
    assert_eq!(get(&format!("{base}acme.own/1.0.0/acme.own.1.0.0.nupkg")), package);
    let found = read(&format!("{}?q=own", resource("SearchQueryService/3.5.0")));
    assert_eq!(found["totalHits"], 1);
    read(&text(&found["data"][0]["registration"]));
    service.stop().success();
}
