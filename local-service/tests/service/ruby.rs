//! The Ruby data plane: pushing, the Dependencies API, the compact index, gems, and a public source.

use std::{collections::BTreeMap, fmt::Write as _, io::Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::GzEncoder};
use local_service::{Connection, Options, SourceAddress};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Service, fixed_clock, send, sha256},
    source::Source,
};

fn md5(bytes: &[u8]) -> String {
    format!("{:x}", Md5::digest(bytes))
}

fn packed(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// A tar file of these entries.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o444);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The metadata of a gem that needs others, each by one requirement.
fn metadata(name: &str, version: &str, platform: &str, needs: &[(&str, &str, &str)]) -> String {
    let mut yaml = format!(
        "--- !ruby/object:Gem::Specification\nname: {name}\nversion: !ruby/object:Gem::Version\n  version: {version}\n\
         platform: {platform}\nauthors:\n- Ann\nsummary: The {name}\nhomepage: https://{name}.example\nlicenses:\n- MIT\n\
         required_ruby_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - \">=\"\n    - !ruby/object:Gem::Version\n      \
         version: '2.7'\ndependencies:\n"
    );
    for (need, operator, version) in needs {
        write!(
            yaml,
            "- !ruby/object:Gem::Dependency\n  name: {need}\n  requirement: !ruby/object:Gem::Requirement\n    requirements:\n    \
             - - \"{operator}\"\n      - !ruby/object:Gem::Version\n        version: '{version}'\n  type: :runtime\n"
        )
        .unwrap();
    }
    yaml
}

/// A gem with this content in place of its files.
fn gem(metadata: &str, content: &str) -> Vec<u8> {
    tar(&[("metadata.gz", &packed(metadata.as_bytes())), ("data.tar.gz", &packed(content.as_bytes()))])
}

/// `six` in a version, which needs `seven`.
fn six(version: &str, platform: &str) -> Vec<u8> {
    gem(&metadata("six", version, platform, &[("seven", "~>", "1.0")]), &format!("six {version} {platform}"))
}

struct Registry<'a> {
    service: &'a Service,
    token: String,
}

impl<'a> Registry<'a> {
    fn new(service: &'a Service) -> Self {
        Self { service, token: service.token() }
    }

    fn ask(&self, method: &str, repository: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [&[("Authorization", self.token.as_str())][..], headers].concat();
        self.service.send(method, &format!("/d/acme-111122223333/ruby/{repository}/{path}"), &headers, body)
    }

    fn get(&self, repository: &str, path: &str) -> Answer {
        self.ask("GET", repository, path, &[], b"")
    }

    fn push(&self, repository: &str, gem: &[u8]) -> Answer {
        self.ask("POST", repository, "api/v1/gems", &[], gem)
    }

    #[track_caller]
    fn pushed(&self, repository: &str, gem: &[u8]) -> String {
        let answer = self.push(repository, gem);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    fn text(&self, repository: &str, path: &str) -> String {
        let answer = self.get(repository, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
        answer.text()
    }

    /// The gems' names in the Dependencies API's answer, by a way that needs no reader of Ruby's format.
    fn dependencies(&self, repository: &str, gems: &str) -> Vec<u8> {
        let answer = self.get(repository, &format!("api/v1/dependencies?gems={gems}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    }
}

fn versions(service: &Service, repository: &str, package: &str) -> Vec<(String, String)> {
    let target = format!("/v1/package/versions?domain=acme&repository={repository}&format=ruby&package={package}");
    let answer = service.call("POST", &target, None);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = answer.json()["versions"].as_array().cloned().unwrap_or_default();
    listed.iter().map(|version| (text(&version["version"]), text(&version["status"]))).collect()
}

#[test]
fn what_is_pushed_is_listed_and_served() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    assert_eq!(registry.text("team", "names"), "---\n");
    let (plain, java) = (six("1.0.0", "ruby"), six("1.0.0", "java"));
    assert_eq!(registry.pushed("team", &plain), "Successfully registered gem: six (1.0.0)");
    assert_eq!(registry.pushed("team", &java), "Successfully registered gem: six (1.0.0-java)");
    // The same again changes nothing.
    let revision = || {
        service.ok("GET", "/v1/package/version?domain=acme&repository=team&format=ruby&package=six&version=1.0.0", None)
    };
    let before = revision();
    registry.pushed("team", &plain);
    assert_eq!(revision(), before);
    let about = &before["packageVersion"];
    assert_eq!((&about["summary"], &about["homePage"]), (&json!("The six"), &json!("https://six.example")));
    assert_eq!((&about["status"], &about["licenses"][0]["name"]), (&json!("Published"), &json!("MIT")));
    assert_eq!(about["origin"]["originType"], "INTERNAL");

    // The compact index.
    let line = |gem: &[u8], build: &str| format!("{build} seven:~> 1.0|checksum:{},ruby:>= 2.7\n", sha256(gem));
    let info = format!("---\n{}{}", line(&java, "1.0.0-java"), line(&plain, "1.0.0"));
    assert_eq!(registry.text("team", "info/six"), info);
    assert_eq!(registry.text("team", "names"), "---\nsix\n");
    let index = registry.text("team", "versions");
    let (head, list) = index.split_once("---\n").unwrap();
    assert_eq!(head, "created_at: 2027-01-15T08:00:00Z\n");
    assert_eq!(list, format!("six 1.0.0-java,1.0.0 {}\n", md5(info.as_bytes())));
    assert_eq!(registry.get("team", "info/seven").status, 404);

    // Gems of both builds; one asset each.
    for (path, content) in [("gems/six-1.0.0.gem", &plain), ("gems/six-1.0.0-java.gem", &java)] {
        let answer = registry.get("team", path);
        assert_eq!((answer.status, &answer.body), (200, content), "{path}");
        let etag = answer.header("etag").unwrap().to_owned();
        let head = registry.ask("HEAD", "team", path, &[], b"");
        assert_eq!((head.status, head.header("content-length")), (200, Some(&*content.len().to_string())));
        assert_eq!(registry.ask("GET", "team", path, &[("If-None-Match", &etag)], b"").status, 304);
        let part = registry.ask("GET", "team", path, &[("Range", "bytes=100-199")], b"");
        assert_eq!((part.status, &part.body[..]), (206, &content[100..200]));
        let range = format!("bytes 100-199/{}", content.len());
        assert_eq!(part.header("content-range"), Some(&*range));
    }
    let assets = service.ok(
        "POST",
        "/v1/package/version/assets?domain=acme&repository=team&format=ruby&package=six&version=1.0.0",
        None,
    );
    let names: Vec<&Value> = assets["assets"].as_array().unwrap().iter().map(|asset| &asset["name"]).collect();
    assert_eq!(names, ["six-1.0.0-java.gem", "six-1.0.0.gem"]);
    for name in ["six-1.0.0", "six-1.0.0-java"] {
        let answer = registry.get("team", &format!("quick/Marshal.4.8/{name}.gemspec.rz"));
        assert_eq!(answer.status, 200, "{name}");
        let mut dumped = Vec::new();
        ZlibDecoder::new(&answer.body[..]).read_to_end(&mut dumped).unwrap();
        // What follows is compared by RubyGems itself, in the journeys.
        assert!(dumped.starts_with(b"\x04\x08u:\x17Gem::Specification"), "{name}: {:?}", &dumped[..30]);
    }
}

/// Bundler goes on from the file that it has, and checks what came of it.
#[test]
fn the_index_is_read_on_from_where_a_client_has_it() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.pushed("team", &six("1.0.0", "ruby"));
    let first = registry.get("team", "versions");
    registry.pushed("team", &gem(&metadata("ten", "1.0.0", "ruby", &[]), "ten"));
    let whole = registry.get("team", "versions");
    assert!(whole.body.starts_with(&first.body) && whole.body.len() > first.body.len(), "{}", whole.text());
    for answer in [&first, &whole] {
        assert_eq!(answer.header("etag"), Some(&*format!("\"{}\"", md5(&answer.body))));
        let digest = sha256(&answer.body);
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(answer.header("repr-digest"), Some(&*format!("sha-256=:{}:", STANDARD.encode(bytes))));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    // From the last byte that it has.
    let from = format!("bytes={}-", first.body.len() - 1);
    let rest = registry.ask("GET", "team", "versions", &[("Range", &from)], b"");
    assert_eq!((rest.status, &rest.body[..]), (206, &whole.body[first.body.len() - 1..]));
    assert_eq!(rest.header("etag"), whole.header("etag"));
    let same = registry.ask("GET", "team", "versions", &[("If-None-Match", whole.header("etag").unwrap())], b"");
    assert_eq!((same.status, same.body.len()), (304, 0));
    let beyond = registry.ask("GET", "team", "versions", &[("Range", "bytes=100000-")], b"");
    assert_eq!(beyond.status, 416);
    let head = registry.ask("HEAD", "team", "versions", &[], b"");
    assert_eq!(head.header("content-length"), Some(&*whole.body.len().to_string()));
}

/// What Ruby's own `Marshal.dump` makes of the same list.
#[test]
fn the_dependencies_api_speaks_ruby() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    for platform in ["ruby", "java"] {
        let needs: &[_] = if platform == "ruby" { &[("seven", "~>", "1.0")] } else { &[] };
        registry.pushed("team", &gem(&metadata("six", "1.0.0", platform, needs), platform));
    }
    let dumped = b"\x04\x08[\x07\
        {\x09:\x09nameI\"\x08six\x06:\x06ET:\x0bnumberI\"\x0a1.0.0\x06;\x06T:\x0dplatformI\"\x09java\x06;\x06T:\x11dependencies[\x00\
        {\x09;\x00I\"\x08six\x06;\x06T;\x07I\"\x0a1.0.0\x06;\x06T;\x08I\"\x09ruby\x06;\x06T;\x09[\x06[\x07I\"\x0aseven\x06;\x06TI\"\x0b~> 1.0\x06;\x06T";
    for gems in ["six", "nothing,six", "six,..%2Fsix,"] {
        let answer = registry.dependencies("team", gems);
        assert_eq!(answer, dumped, "{gems}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(registry.dependencies("team", "nothing"), b"\x04\x08[\x00");
    // Without a name it says that it is there.
    assert_eq!(registry.get("team", "api/v1/dependencies").body, b"");
    let many: Vec<String> = (0..501).map(|number| format!("g{number}")).collect();
    let refused = registry.get("team", &format!("api/v1/dependencies?gems={}", many.join(",")));
    assert!(refused.status == 400 && refused.text().contains("500 gems"), "{} {}", refused.status, refused.text());
}

#[test]
fn what_is_not_taken_says_why_and_leaves_nothing() {
    let service = Service::furnished();
    service.ok("POST", "/v1/domain?domain=elsewhere", None);
    let foreign = service.ok("POST", "/v1/authorization-token?domain=elsewhere", None)["authorizationToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let registry = Registry::new(&service);
    let whole = six("1.0.0", "ruby");
    let target = "/d/acme-111122223333/ruby/team/api/v1/gems";
    // Whoever asks: no token, a wrong one, another domain's, and every spelling of a right one.
    for (authorization, status) in [("", 401), ("wrong", 401), ("Bearer wrong", 401), (&foreign, 403)] {
        let headers = [("Authorization", authorization)];
        let answer = service.send("POST", target, if authorization.is_empty() { &[] } else { &headers }, &whole);
        assert_eq!(answer.status, status, "{authorization}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{authorization}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "`gem push` prints it as it is");
    }
    let changed_sum = tar(&[
        ("metadata.gz", &packed(metadata("six", "1.0.0", "ruby", &[]).as_bytes())),
        ("data.tar.gz", &packed(b"x")),
        ("checksums.yaml.gz", &packed(format!("---\nSHA256:\n  data.tar.gz: {}\n", sha256(b"y")).as_bytes())),
    ]);
    let bomb = tar(&[("metadata.gz", &packed(&vec![b' '; 20 << 20])), ("data.tar.gz", &packed(b"x"))]);
    let yaml_bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n";
    for (content, says) in [
        (b"nonsense".to_vec(), "not a gem"),
        (Vec::new(), "has no `data.tar.gz`"),
        (tar(&[("metadata.gz", &packed(metadata("six", "1.0.0", "ruby", &[]).as_bytes()))]), "has no `data.tar.gz`"),
        (tar(&[("data.tar.gz", &packed(b"x"))]), "has no `metadata.gz`"),
        (whole[..whole.len() / 2].to_vec(), ""),
        (changed_sum, "is not the one that `checksums.yaml.gz` names"),
        (bomb, "has more than 16777216 bytes"),
        (gem(yaml_bomb, "x"), ""),
        (gem(&metadata("../six", "1.0.0", "ruby", &[]), "x"), "name"),
        (gem(&metadata("six", "1.0/..", "ruby", &[]), "x"), "version"),
        (gem(&metadata("six", "1.0.0", "../ruby", &[]), "x"), "platform"),
    ] {
        let answer = registry.push("team", &content);
        assert!(answer.status == 400 && answer.text().contains(says), "{says}: {} {}", answer.status, answer.text());
    }
    assert_eq!(registry.push("nowhere", &whole).status, 404);
    assert_eq!(registry.text("team", "names"), "---\n");
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 0);

    let basic = format!("Basic {}", STANDARD.encode(format!("aws:{}", registry.token)));
    for authorization in [registry.token.clone(), format!("Bearer {}", registry.token), basic] {
        let answer = service.send("POST", target, &[("Authorization", &authorization)], &whole);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Another gem by the same name, version and platform.
    let other = registry.push("team", &gem(&metadata("six", "1.0.0", "ruby", &[]), "other"));
    assert!(
        other.status == 409 && other.text().contains("exists with other content"),
        "{} {}",
        other.status,
        other.text()
    );
    assert_eq!(registry.get("team", "gems/six-1.0.0.gem").body, whole);
}

#[test]
fn what_the_service_does_not_support_is_not_found() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    registry.pushed("team", &six("1.0.0", "ruby"));
    for (method, path) in [
        ("DELETE", "api/v1/gems/yank?gem_name=six&version=1.0.0"),
        ("PUT", "api/v1/gems/unyank"),
        ("GET", "specs.4.8.gz"),
        ("GET", "latest_specs.4.8.gz"),
        ("GET", "prerelease_specs.4.8.gz"),
        ("GET", "Marshal.4.8.Z"),
        ("GET", "yaml"),
        ("GET", "api/v1/search.json?query=six"),
        ("GET", "api/v1/gems/six.json"),
        ("GET", "api/v1/gems/six/owners.yaml"),
        ("POST", "api/v1/web_hooks"),
        ("PUT", "api/v1/gems"),
        ("POST", "versions"),
        ("GET", "gems/six-1.0.0"),
        ("GET", "gems/six.gem"),
        ("GET", "gems/..%2Fsix-1.0.0.gem"),
        ("GET", "gems/six-1.0.1.gem"),
        ("GET", "info/..%2Fsix"),
        ("GET", "info/---"),
        ("GET", "quick/Marshal.4.8/six-1.0.1.gemspec.rz"),
        ("GET", "quick/Marshal.4.7/six-1.0.0.gemspec.rz"),
    ] {
        let answer = registry.ask(method, "team", path, &[], b"");
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
    }
    // Clients look whether anything is there at all.
    assert_eq!(registry.get("team", "").status, 200);
    assert_eq!(versions(&service, "team", "six"), [("1.0.0".to_owned(), "Published".to_owned())]);
}

#[test]
fn statuses_decide_what_is_listed_and_what_is_served() {
    let service = Service::furnished();
    let registry = Registry::new(&service);
    for version in ["1.0.0", "1.1.0"] {
        registry.pushed("team", &six(version, "ruby"));
    }
    let change = |operation: &str, body: &Value| {
        let answer = service.ok(
            "POST",
            &format!("/v1/package/versions/{operation}?domain=acme&repository=team&format=ruby&package=six"),
            Some(body),
        );
        assert_eq!(answer["failedVersions"], json!({}), "{answer}");
    };
    let shown = || {
        let info = registry.text("team", "info/six");
        let listed = info.contains("\n1.1.0 ");
        assert_eq!(registry.text("team", "versions").contains("1.1.0"), listed);
        let dependencies = registry.dependencies("team", "six");
        assert_eq!(dependencies.windows(5).any(|text| text == b"1.1.0"), listed);
        (
            listed,
            registry.get("team", "gems/six-1.1.0.gem").status,
            registry.get("team", "quick/Marshal.4.8/six-1.1.0.gemspec.rz").status,
        )
    };
    assert_eq!(shown(), (true, 200, 200));
    for (status, expected) in
        [("Unlisted", (false, 200, 200)), ("Archived", (false, 404, 404)), ("Published", (true, 200, 200))]
    {
        change("update_status", &json!({ "versions": ["1.1.0"], "targetStatus": status }));
        assert_eq!(shown(), expected, "{status}");
    }
    change("dispose", &json!({ "versions": ["1.1.0"] }));
    assert_eq!(shown(), (false, 404, 404));
    assert_eq!(registry.push("team", &six("1.1.0", "ruby")).status, 409, "the name stays taken");
    change("delete", &json!({ "versions": ["1.1.0"] }));
    registry.pushed("team", &six("1.1.0", "ruby"));
    assert_eq!(shown(), (true, 200, 200));
    // Nothing is listed of a gem without published versions.
    change("update_status", &json!({ "versions": ["1.0.0", "1.1.0"], "targetStatus": "Archived" }));
    assert_eq!((registry.get("team", "info/six").status, registry.text("team", "names")), (404, "---\n".to_owned()));
}

/// A source with one gem in two versions; the newer one for two platforms.
fn public() -> Source {
    let source = Source::start();
    let mut info = "---\n".to_owned();
    for (version, platform) in [("1.0.0", "ruby"), ("2.0.0", "java"), ("2.0.0", "ruby")] {
        let build = if platform == "ruby" { version.to_owned() } else { format!("{version}-{platform}") };
        let gem = six(version, platform);
        writeln!(info, "{build} seven:~> 1.0|checksum:{},ruby:>= 2.7,created_at:2020-01-02T03:04:05Z", sha256(&gem))
            .unwrap();
        source.put(&format!("/gems/six-{build}.gem"), "application/octet-stream", gem);
    }
    let versions =
        format!("created_at: 2026-01-01T00:00:00Z\n---\nsix 1.0.0,2.0.0-java,2.0.0 {}\n", md5(info.as_bytes()));
    source.put("/info/six", "text/plain", info);
    source.put("/versions", "text/plain", versions);
    source.put("/names", "text/plain", "---\nsix\n");
    source
}

/// A service whose `store` is connected to the source; `middle` has `store` upstream and `team` has `middle`.
fn chain(source: &Source) -> Service {
    let address = SourceAddress::parse(&source.url()).unwrap();
    let external = BTreeMap::from([(Connection::RubyGemsOrg, address)]);
    let service = Service::of(Options { external, ..Options::ephemeral(fixed_clock()) });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    let connect =
        "/v1/repository/external-connection?domain=acme&repository=store&external-connection=public:ruby-gems-org";
    service.ok("POST", connect, None);
    for (name, upstream) in [("middle", "store"), ("team", "middle")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

#[test]
fn gems_of_a_public_source_stay_when_it_is_gone() {
    let source = public();
    let service = chain(&source);
    let registry = Registry::new(&service);
    // Lists pass on what the source says, to the byte, and bring nothing in.
    let info = registry.text("team", "info/six");
    assert!(info.contains("created_at:2020"), "{info}");
    assert!(
        registry.text("team", "versions").ends_with(&format!("six 1.0.0,2.0.0-java,2.0.0 {}\n", md5(info.as_bytes())))
    );
    assert_eq!(registry.text("team", "names"), "---\nsix\n");
    assert_eq!(registry.dependencies("team", "six").windows(5).filter(|text| *text == b"2.0.0").count(), 2);
    assert!(versions(&service, "team", "six").is_empty());

    // How long a gem is, nobody knows before it is here.
    let newer = six("2.0.0", "ruby");
    let head = registry.ask("HEAD", "team", "gems/six-2.0.0.gem", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some(&*newer.len().to_string())));
    assert_eq!(registry.get("team", "gems/six-2.0.0.gem").body, newer);
    let published = [("2.0.0".to_owned(), "Published".to_owned())];
    assert_eq!(
        (versions(&service, "team", "six"), versions(&service, "store", "six")),
        (published.to_vec(), published.to_vec())
    );
    assert!(versions(&service, "middle", "six").is_empty());
    let described = service.ok(
        "GET",
        "/v1/package/version?domain=acme&repository=team&format=ruby&package=six&version=2.0.0",
        None,
    );
    let origin =
        json!({ "originType": "EXTERNAL", "domainEntryPoint": { "externalConnectionName": "public:ruby-gems-org" } });
    assert_eq!(described["packageVersion"]["origin"], origin);
    // Another build of the same version comes when it is asked for.
    assert_eq!(registry.get("team", "gems/six-2.0.0-java.gem").body, six("2.0.0", "java"));
    assert_eq!(registry.get("team", "gems/six-2.0.0.gem").status, 200);
    assert_eq!(source.asked("/gems/six-2.0.0.gem"), 1);
    // What the source has is not pushed beside it; other versions are.
    let beside = registry.push("team", &gem(&metadata("six", "1.0.0", "ruby", &[]), "mine"));
    assert!(beside.status == 409 || beside.status == 403, "{} {}", beside.status, beside.text());

    source.stop();
    assert_eq!(registry.get("team", "gems/six-2.0.0.gem").body, newer);
    assert_eq!(registry.get("store", "gems/six-2.0.0-java.gem").status, 200);
    assert_eq!(registry.get("team", "gems/six-1.0.0.gem").status, 404, "it was never fetched");
    assert_eq!(registry.get("team", "quick/Marshal.4.8/six-2.0.0.gemspec.rz").status, 200);
    assert_eq!(registry.get("team", "gems/ten-1.0.0.gem").status, 404);
}

#[test]
fn a_gem_that_is_not_the_announced_one_is_not_kept() {
    let source = public();
    source.put("/gems/six-1.0.0.gem", "application/octet-stream", six("2.0.0", "ruby"));
    let service = chain(&source);
    let registry = Registry::new(&service);
    let headers = [("Authorization", registry.token.as_str())];
    let answer = send(service.address, "GET", "/d/acme-111122223333/ruby/team/gems/six-1.0.0.gem", &headers, b"");
    // The answer breaks off, or says that the source is wrong; it is never whole.
    assert!(answer.as_ref().is_err() || answer.as_ref().is_ok_and(|answer| answer.status == 502), "{answer:?}");
    assert!(versions(&service, "team", "six").is_empty() && versions(&service, "store", "six").is_empty());
}
