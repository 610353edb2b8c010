//! The Maven data plane.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_service::{Connection, Options, SourceAddress};
use md5::Md5;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha512;

use crate::{
    client::{Answer, Service, fixed_clock, sha256},
    source::Source,
};

/// A repository, as Maven speaks to it.
struct Repository<'a> {
    service: &'a Service,
    authorization: String,
    name: &'static str,
}

impl<'a> Repository<'a> {
    fn new(service: &'a Service, name: &'static str) -> Self {
        let authorization = format!("Basic {}", STANDARD.encode(format!("aws:{}", service.token())));
        Self { service, authorization, name }
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let target = format!("/d/acme-111122223333/maven/{}/{path}", self.name);
        self.service.send(method, &target, &[("Authorization", &self.authorization)], body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    #[track_caller]
    fn text(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    #[track_caller]
    fn put(&self, path: &str, body: impl AsRef<[u8]>) -> u16 {
        let answer = self.send("PUT", path, body.as_ref());
        assert!(answer.status >= 300 || answer.body.is_empty(), "{path}: {}", answer.text());
        answer.status
    }

    /// What Maven sends for a file: the file, and its checksums.
    #[track_caller]
    fn deploy(&self, path: &str, body: &[u8]) {
        assert_eq!(self.put(path, body), 201, "{path}");
        assert_eq!(self.put(&format!("{path}.md5"), md5(body)), 200, "{path}");
        assert_eq!(self.put(&format!("{path}.sha1"), sha1(body)), 200, "{path}");
    }

    /// What Maven sends for a release.
    #[track_caller]
    fn release(&self, artifact: &str, version: &str) {
        let base = format!("com/acme/{artifact}/{version}/{artifact}-{version}");
        self.deploy(&format!("{base}.jar"), jar(artifact, version).as_bytes());
        self.deploy(&format!("{base}.pom"), pom(artifact, version).as_bytes());
        let metadata = index(artifact, &[version]);
        let path = format!("com/acme/{artifact}/maven-metadata.xml");
        assert_eq!(self.put(&path, &metadata), 201);
        assert_eq!(self.put(&format!("{path}.sha1"), sha1(metadata.as_bytes())), 200);
    }

    /// What Maven sends for a snapshot, `number` telling the builds apart.
    #[track_caller]
    fn snapshot(&self, artifact: &str, base: &str, number: u32) {
        let folder = format!("com/acme/{artifact}/{base}-SNAPSHOT");
        let stamp = format!("20261122.19000{number}");
        let build = format!("{base}-{stamp}-{number}");
        self.deploy(&format!("{folder}/{artifact}-{build}.jar"), jar(artifact, &build).as_bytes());
        self.deploy(&format!("{folder}/{artifact}-{build}-linux-1.2.tar.gz"), b"tar");
        self.deploy(&format!("{folder}/{artifact}-{build}.pom"), pom(artifact, &format!("{base}-SNAPSHOT")).as_bytes());
        let file = |classifier: &str, extension: &str| {
            format!(
                "<snapshotVersion>{classifier}<extension>{extension}</extension><value>{build}</value>\
                 </snapshotVersion>"
            )
        };
        let metadata = format!(
            "<metadata modelVersion='1.1.0'><groupId>com.acme</groupId><artifactId>{artifact}</artifactId>\
             <version>{base}-SNAPSHOT</version><versioning><snapshot><timestamp>{stamp}</timestamp>\
             <buildNumber>{number}</buildNumber></snapshot><snapshotVersions>{}{}{}</snapshotVersions></versioning>\
             </metadata>",
            file("", "jar"),
            file("", "pom"),
            file("<classifier>linux-1.2</classifier>", "tar.gz"),
        );
        assert_eq!(self.put(&format!("{folder}/maven-metadata.xml"), &metadata), 201);
        assert_eq!(self.put(&format!("{folder}/maven-metadata.xml.md5"), md5(metadata.as_bytes())), 200);
        let snapshot = format!("{base}-SNAPSHOT");
        assert_eq!(self.put(&format!("com/acme/{artifact}/maven-metadata.xml"), index(artifact, &[&snapshot])), 200);
    }

    /// Versions with their status.
    fn versions(&self, artifact: &str) -> Vec<(String, String)> {
        let target = format!(
            "/v1/package/versions?domain=acme&repository={}&format=maven&namespace=com.acme&package={artifact}",
            self.name
        );
        let answer = self.service.call("POST", &target, None);
        let listed = if answer.status == 404 { json!([]) } else { answer.json()["versions"].clone() };
        let pair = |version: &Value| {
            (version["version"].as_str().unwrap().to_owned(), version["status"].as_str().unwrap().to_owned())
        };
        listed.as_array().unwrap().iter().map(pair).collect()
    }

    fn about(&self, what: &str, method: &str, artifact: &str, version: &str) -> Value {
        let target = format!(
            "/v1/package/version{what}?domain=acme&repository={}&format=maven&namespace=com.acme&package={artifact}&\
             version={version}",
            self.name
        );
        self.service.ok(method, &target, None)
    }

    fn assets(&self, artifact: &str, version: &str) -> Vec<String> {
        let listed = self.about("/assets", "POST", artifact, version);
        listed["assets"].as_array().unwrap().iter().map(|asset| asset["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn jar(artifact: &str, version: &str) -> String {
    format!("jar of {artifact} {version}").repeat(500)
}

fn pom(artifact: &str, version: &str) -> String {
    format!(
        "<project xmlns='http://maven.apache.org/POM/4.0.0'><modelVersion>4.0.0</modelVersion>\
         <parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>7</version></parent>\
         <artifactId>{artifact}</artifactId><version>{version}</version><description>About {artifact}</description>\
         <url>https://{artifact}.example</url><scm><url>https://git.example/{artifact}</url></scm>\
         <licenses><license><name>MIT</name><url>https://mit.example</url></license>\
         <license><name>Apache-2.0</name></license></licenses>\
         <dependencies><dependency><groupId>com.acme</groupId><artifactId>base</artifactId>\
         <version>${{project.version}}</version></dependency><dependency><groupId>org.acme</groupId>\
         <artifactId>unit</artifactId><version>[4,5)</version><scope>test</scope></dependency></dependencies></project>"
    )
}

fn index(artifact: &str, versions: &[&str]) -> String {
    let versions: Vec<_> = versions.iter().map(|version| format!("<version>{version}</version>")).collect();
    let versions = versions.concat();
    format!(
        "<metadata><groupId>com.acme</groupId><artifactId>{artifact}</artifactId><versioning><versions>{versions}\
         </versions><lastUpdated>20261122190000</lastUpdated></versioning></metadata>"
    )
}

fn md5(bytes: &[u8]) -> String {
    format!("{:x}", Md5::digest(bytes))
}

fn sha1(bytes: &[u8]) -> String {
    format!("{:x}", Sha1::digest(bytes))
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(version, status)| ((*version).to_owned(), (*status).to_owned())).collect()
}

const LIB: &str = "com/acme/lib/1.0/lib-1.0";

#[test]
fn maven_is_challenged() {
    let service = Service::furnished();
    let target = format!("/d/acme-111122223333/maven/team/{LIB}.pom");
    for method in ["GET", "PUT"] {
        let answer = service.send(method, &target, &[], b"");
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
    }
}

#[test]
fn a_release_is_unfinished_until_its_metadata_comes() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    let content = jar("lib", "1.0");
    assert_eq!(team.get("com/acme/lib/maven-metadata.xml").status, 404);
    team.deploy(&format!("{LIB}.jar"), content.as_bytes());
    team.deploy(&format!("{LIB}.pom"), pom("lib", "1.0").as_bytes());
    assert_eq!(team.versions("lib"), pairs(&[("1.0", "Unfinished")]));
    for hidden in ["com/acme/lib/maven-metadata.xml", &format!("{LIB}.jar"), &format!("{LIB}.jar.sha1")] {
        assert_eq!(team.get(hidden).status, 404, "{hidden}");
    }

    // A client merges what it was told of other versions, here or further up: only what is here counts.
    let metadata = index("lib", &["0.9", "1.0"]);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml", &metadata), 201);
    assert_eq!(team.versions("lib"), pairs(&[("1.0", "Published")]));
    assert_eq!(team.assets("lib", "1.0"), ["lib-1.0.jar", "lib-1.0.pom", "maven-metadata.xml"]);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml", &metadata), 200);

    let jar = team.get(&format!("{LIB}.jar"));
    assert_eq!((jar.status, jar.text()), (200, content.clone()));
    assert_eq!(jar.header("content-type"), Some("application/java-archive"));
    assert_eq!(jar.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(jar.header("last-modified"), Some("Fri, 15 Jan 2027 08:00:00 GMT"));
    assert_eq!(jar.header("etag"), Some(format!("\"{}\"", sha256(content.as_bytes())).as_str()));
    let head = team.send("HEAD", &format!("{LIB}.jar"), b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some(content.len().to_string().as_str())));
    for (suffix, expected) in [
        ("md5", md5(content.as_bytes())),
        ("sha1", sha1(content.as_bytes())),
        ("sha256", sha256(content.as_bytes())),
        ("sha512", format!("{:x}", Sha512::digest(&content))),
    ] {
        assert_eq!(team.text(&format!("{LIB}.jar.{suffix}")), expected);
    }
    assert_eq!(team.send("DELETE", &format!("{LIB}.jar"), b"").status, 405);
}

#[test]
fn metadata_is_made_of_what_is_published() {
    let service = Service::furnished();
    let (app, shared) = (Repository::new(&service, "app"), Repository::new(&service, "shared"));
    for version in ["1.10", "1.9", "1.9-rc1"] {
        shared.release("lib", version);
    }
    shared.snapshot("lib", "2.0", 1);
    let metadata = app.text("com/acme/lib/maven-metadata.xml");
    let inner = |name: &str| {
        let (_, rest) = metadata.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{metadata}"));
        rest.split_once(&format!("</{name}>")).unwrap().0
    };
    let listed: Vec<&str> = inner("versions")
        .split_whitespace()
        .map(|one| one.trim_start_matches("<version>").trim_end_matches("</version>"))
        .collect();
    assert_eq!(listed, ["1.9-rc1", "1.9", "1.10", "2.0-SNAPSHOT"]);
    assert_eq!((inner("latest"), inner("release")), ("2.0-SNAPSHOT", "1.10"));
    assert_eq!(inner("lastUpdated"), "20270115080000");
    assert_eq!(app.text("com/acme/lib/maven-metadata.xml.sha1"), sha1(metadata.as_bytes()));
    assert_eq!(app.text("com/acme/lib/maven-metadata.xml.md5"), md5(metadata.as_bytes()));
    let answer = app.get("com/acme/lib/maven-metadata.xml");
    let known = [("If-None-Match", answer.header("etag").unwrap()), ("Authorization", app.authorization.as_str())];
    let target = "/d/acme-111122223333/maven/app/com/acme/lib/maven-metadata.xml";
    assert_eq!(service.send("GET", target, &known, b"").status, 304);

    // Unlisted: gone from the list, and still there for who has it locked. Archived: gone.
    let set = |status: &str| {
        let target = "/v1/package/versions/update_status?domain=acme&repository=shared&format=maven&\
                      namespace=com.acme&package=lib";
        service.ok("POST", target, Some(&json!({ "versions": ["1.10"], "targetStatus": status })));
    };
    set("Unlisted");
    assert!(!app.text("com/acme/lib/maven-metadata.xml").contains("1.10"));
    assert_eq!(shared.get("com/acme/lib/1.10/lib-1.10.jar").status, 200);
    set("Archived");
    assert_eq!(shared.get("com/acme/lib/1.10/lib-1.10.jar").status, 404);
    assert_eq!(shared.put("com/acme/lib/1.10/lib-1.10-x.jar", b"x"), 409);
}

#[test]
fn the_pom_describes_the_version() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    team.release("lib", "1.0");
    let described = team.about("", "GET", "lib", "1.0")["packageVersion"].clone();
    assert_eq!(described["summary"], "About lib");
    assert_eq!(described["homePage"], "https://lib.example");
    assert_eq!(described["sourceCodeRepository"], "https://git.example/lib");
    assert_eq!(
        described["licenses"],
        json!([{ "name": "MIT", "url": "https://mit.example" }, { "name": "Apache-2.0" }])
    );
    let needed = |namespace: &str, package: &str, kind: &str, version: &str| {
        json!({
            "namespace": namespace, "package": package, "dependencyType": kind, "versionRequirement": version
        })
    };
    let dependencies = team.about("/dependencies", "POST", "lib", "1.0")["dependencies"].clone();
    let expected = json!([
        needed("com.acme", "parent", "parent", "7"),
        needed("com.acme", "base", "compile", "1.0"),
        needed("org.acme", "unit", "test", "[4,5)"),
    ]);
    assert_eq!(dependencies, expected);
    let target = "/v1/package/version/readme?domain=acme&repository=team&format=maven&namespace=com.acme&package=lib&\
                  version=1.0";
    assert_eq!(service.refused("GET", target, None).0, 404);
}

#[test]
fn the_same_bytes_again_are_no_conflict_and_others_are() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    team.release("lib", "1.0");
    assert_eq!(team.put(&format!("{LIB}.jar"), jar("lib", "1.0")), 200);
    assert_eq!(team.put(&format!("{LIB}.jar"), "other"), 409);
    assert_eq!(team.text(&format!("{LIB}.jar")), jar("lib", "1.0"));
    // A published version takes more, and is published all the while.
    let before = team.about("", "GET", "lib", "1.0")["packageVersion"]["revision"].clone();
    team.deploy(&format!("{LIB}-sources.jar"), b"sources");
    assert_eq!(team.text(&format!("{LIB}-sources.jar")), "sources");
    let after = team.about("", "GET", "lib", "1.0")["packageVersion"].clone();
    assert_eq!(after["status"], "Published");
    assert_ne!(after["revision"], before);

    // What an upstream has is not published beside it.
    let (app, shared) = (Repository::new(&service, "app"), Repository::new(&service, "shared"));
    shared.release("lib", "1.0");
    assert_eq!(app.put(&format!("{LIB}.jar"), jar("lib", "1.0")), 409);
    assert_eq!(app.put("com/acme/lib/2.0/lib-2.0.jar", "2"), 201);
}

#[test]
fn a_checksum_that_does_not_match_stops_the_version() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    assert_eq!(team.put(&format!("{LIB}.jar.sha1"), sha1(b"jar")), 404);
    assert_eq!(team.put(&format!("{LIB}.jar"), "jar"), 201);
    assert_eq!(team.put(&format!("{LIB}.jar.sha1"), sha1(b"jar").to_uppercase()), 400);
    assert_eq!(team.put(&format!("{LIB}.jar.md5"), md5(b"jar")), 200);
    assert_eq!(team.put(&format!("{LIB}.pom.sha1"), sha1(b"pom")), 404);
    let refused = team.send("PUT", "com/acme/lib/maven-metadata.xml", index("lib", &["1.0"]).as_bytes());
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("lib-1.0.jar.sha1"), "{}", refused.text());
    assert_eq!(team.versions("lib"), pairs(&[("1.0", "Unfinished")]));
    // The right one makes it good; with the file's name behind it, as some tools write it.
    assert_eq!(team.put(&format!("{LIB}.jar.sha1"), format!("{}  lib-1.0.jar\n", sha1(b"jar"))), 200);
    let metadata = index("lib", &["1.0"]);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml.sha1", sha1(metadata.as_bytes())), 404);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml", &metadata), 201);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml.sha1", sha1(b"other")), 400);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml.sha512", format!("{:x}", Sha512::digest(metadata))), 200);
    assert_eq!(team.versions("lib"), pairs(&[("1.0", "Published")]));
}

#[test]
fn metadata_that_publishes_nothing_is_refused() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    let path = "com/acme/lib/maven-metadata.xml";
    assert_eq!(team.put(path, index("lib", &["1.0"])), 404);
    assert_eq!(team.put(&format!("{LIB}.jar"), "jar"), 201);
    assert_eq!(team.put(path, index("lib", &["1.1"])), 404);
    for (bad, status) in [("", 400), ("<metadata>", 400), ("<html></html>", 400), ("PK", 400)] {
        assert_eq!(team.put(path, bad), status, "{bad}");
    }
    assert_eq!(team.versions("lib"), pairs(&[("1.0", "Unfinished")]));
    // Published by the API in place of the metadata.
    let target = "/v1/package/versions/update_status?domain=acme&repository=team&format=maven&namespace=com.acme&\
                  package=lib";
    service.ok("POST", target, Some(&json!({ "versions": ["1.0"], "targetStatus": "Published" })));
    assert_eq!(team.text(&format!("{LIB}.jar")), "jar");
}

#[test]
fn a_snapshot_shows_its_newest_build() {
    let service = Service::furnished();
    let (app, shared) = (Repository::new(&service, "app"), Repository::new(&service, "shared"));
    let folder = "com/acme/lib/2.0-SNAPSHOT";
    assert_eq!(shared.get(&format!("{folder}/maven-metadata.xml")).status, 404);
    assert_eq!(shared.put(&format!("{folder}/lib-2.0-SNAPSHOT.jar"), "jar"), 400, "only unique snapshots are taken");
    shared.snapshot("lib", "2.0", 1);
    assert_eq!(shared.versions("lib"), pairs(&[("2.0-20261122.190001-1", "Unlisted"), ("2.0-SNAPSHOT", "Published")]));
    let first = format!("{folder}/lib-2.0-20261122.190001-1.jar");
    assert_eq!(app.text(&first), jar("lib", "2.0-20261122.190001-1"));

    shared.snapshot("lib", "2.0", 2);
    let second = "2.0-20261122.190002-2";
    let expected = [("2.0-20261122.190001-1", "Unlisted"), (second, "Unlisted"), ("2.0-SNAPSHOT", "Published")];
    assert_eq!(shared.versions("lib"), pairs(&expected));
    let names = ["-linux-1.2.tar.gz", ".jar", ".pom"].map(|rest| format!("lib-{second}{rest}"));
    assert_eq!(shared.assets("lib", "2.0-SNAPSHOT"), [&names[..], &["maven-metadata.xml".to_owned()]].concat());
    // Although the first build was kept on its way.
    assert_eq!(app.versions("lib"), pairs(&expected[..1]));
    let metadata = app.text(&format!("{folder}/maven-metadata.xml"));
    assert!(metadata.contains("<timestamp>20261122.190002</timestamp>"), "{metadata}");
    assert!(metadata.contains("<buildNumber>2</buildNumber>"), "{metadata}");
    assert_eq!(metadata.matches(&format!("<value>{second}</value>")).count(), 3, "{metadata}");
    assert!(metadata.contains("<classifier>linux-1.2</classifier>"), "as its publisher names it: {metadata}");
    assert_eq!(app.text(&format!("{folder}/maven-metadata.xml.sha1")), sha1(metadata.as_bytes()));
    assert_eq!(app.text(&format!("{folder}/lib-{second}.jar")), jar("lib", second));
    assert_eq!(app.text(&format!("{folder}/lib-2.0-SNAPSHOT.jar")), jar("lib", second));
    assert_eq!(app.text(&first), jar("lib", "2.0-20261122.190001-1"));

    // Cleaned up: the builds go, the snapshot stays.
    let target =
        "/v1/package/versions/delete?domain=acme&repository=shared&format=maven&namespace=com.acme&package=lib";
    let builds = json!({ "versions": ["2.0-20261122.190001-1", second], "expectedStatus": "Unlisted" });
    service.ok("POST", target, Some(&builds));
    assert_eq!(shared.text(&format!("{folder}/lib-{second}.jar")), jar("lib", second));
    assert_eq!(shared.get(&first).status, 404);
    assert_eq!(app.text(&first), jar("lib", "2.0-20261122.190001-1"), "what was kept stays");
}

#[test]
fn a_snapshot_with_a_wrong_checksum_or_without_its_build_is_refused() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    let folder = "com/acme/lib/1-SNAPSHOT";
    let metadata = "<metadata><versioning><snapshot><timestamp>20261122.190000</timestamp><buildNumber>1</buildNumber>\
                    </snapshot></versioning></metadata>";
    let path = format!("{folder}/maven-metadata.xml");
    assert_eq!(team.put(&path, metadata), 404);
    assert_eq!(team.put(&path, "<metadata/>"), 400);
    assert_eq!(team.put(&format!("{folder}/lib-1-20261122.190000-1.jar"), "jar"), 201);
    assert_eq!(team.put(&format!("{folder}/lib-1-20261122.190000-1.jar.md5"), "0"), 400);
    assert_eq!(team.put(&path, metadata), 400);
    assert_eq!(team.versions("lib"), pairs(&[("1-20261122.190000-1", "Unfinished")]));
    assert_eq!(team.put(&format!("{folder}/lib-1-20261122.190000-1.jar.md5"), md5(b"jar")), 200);
    assert_eq!(team.put(&path, metadata), 201);
    assert!(team.text(&path).contains("<extension>jar</extension>"));
}

#[test]
fn plugins_are_found_by_their_prefix() {
    let service = Service::furnished();
    let (app, shared) = (Repository::new(&service, "app"), Repository::new(&service, "shared"));
    let pom = "<project><groupId>com.acme</groupId><artifactId>greet-maven-plugin</artifactId><version>1</version>\
               <packaging>maven-plugin</packaging></project>";
    assert_eq!(shared.put("com/acme/greet-maven-plugin/1/greet-maven-plugin-1.pom", pom), 201);
    // Both are sent, in this order.
    let plugins = "<metadata><plugins><plugin><prefix>greet</prefix></plugin></plugins></metadata>";
    assert_eq!(shared.put("com/acme/maven-metadata.xml", plugins), 200);
    assert_eq!(shared.put("com/acme/maven-metadata.xml.sha1", sha1(plugins.as_bytes())), 200);
    assert_eq!(shared.get("com/acme/maven-metadata.xml").status, 404);
    assert_eq!(shared.put("com/acme/greet-maven-plugin/maven-metadata.xml", index("greet-maven-plugin", &["1"])), 201);
    let metadata = app.text("com/acme/maven-metadata.xml");
    assert!(metadata.contains("<prefix>greet</prefix>"), "{metadata}");
    assert!(metadata.contains("<artifactId>greet-maven-plugin</artifactId>"), "{metadata}");
}

#[test]
fn names_are_decoded_once_and_hostile_ones_mean_nothing() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    let (encoded, plain) = ("com/acme/lib/1.0%2Bb/lib-1.0%2Bb.jar", "com/acme/lib/1.0+b/lib-1.0+b.jar");
    assert_eq!(team.put(encoded, "jar"), 201);
    assert_eq!(team.put("com/acme/lib/maven-metadata.xml", index("lib", &["1.0+b"])), 201);
    assert_eq!((team.text(encoded), team.text(plain)), ("jar".to_owned(), "jar".to_owned()));
    assert_eq!(team.get("com/acme/lib/1.0%252Bb/lib-1.0%252Bb.jar").status, 404);
    for (bad, status) in [
        ("com/acme/lib/../lib/1/lib-1.jar", 400),
        ("com/acme/lib/1/%2e%2e", 400),
        ("com/acme/lib/1/..%2f..%2fx", 404),
        ("com%2facme/lib/1/lib-1.jar", 404),
        ("com/acme/lib/1/", 404),
        ("x", 404),
        ("", 404),
        ("com/acme/lib/1/lib-1%00.jar", 400),
        (&format!("com/acme/lib/{}/x.jar", "1".repeat(256)), 404),
    ] {
        assert_eq!(team.put(bad, "x"), status, "{bad}");
        assert_eq!(team.get(bad).status, status, "{bad}");
    }
}

#[test]
fn a_hostile_pom_is_stored_and_says_nothing() {
    let service = Service::furnished();
    let team = Repository::new(&service, "team");
    let bomb = format!(
        "<!DOCTYPE p [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;\">]><project><description>&b;</description></project>",
        "x".repeat(1000)
    );
    for (version, pom) in [("1", bomb), ("2", "<project>".repeat(200_000)), ("3", "\u{0}".repeat(1000))] {
        assert_eq!(team.put(&format!("com/acme/lib/{version}/lib-{version}.pom"), &pom), 201);
        assert!(team.about("", "GET", "lib", version)["packageVersion"]["summary"].is_null());
    }
    let large = format!("<project>{}</project>", " ".repeat(4 << 20));
    assert_eq!(team.put("com/acme/lib/4/lib-4.pom", large), 413);
}

/// A service whose `store` is connected to the source; `internal` has `store` upstream and `team` has `internal`.
fn chain(source: &Source) -> Service {
    let address = SourceAddress::parse(&source.url()).unwrap();
    let service = Service::of(Options {
        external: BTreeMap::from([(Connection::MavenCentral, address)]),
        ..Options::ephemeral(fixed_clock())
    });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    let connect = "/v1/repository/external-connection?domain=acme&repository=store&\
                   external-connection=public:maven-central";
    service.ok("POST", connect, None);
    for (name, upstream) in [("internal", "store"), ("team", "internal")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

/// Puts a release into a source.
fn put(source: &Source, artifact: &str, version: &str) {
    let base = format!("/com/acme/{artifact}/{version}/{artifact}-{version}");
    for (extension, content) in [("pom", pom(artifact, version)), ("jar", jar(artifact, version))] {
        source.put(&format!("{base}.{extension}.sha1"), "text/plain", sha1(content.as_bytes()));
        source.put(&format!("{base}.{extension}"), "application/octet-stream", content);
    }
}

#[test]
fn what_is_fetched_stays_where_it_was_asked_for_and_where_it_came_in() {
    let source = Source::start();
    put(&source, "lib", "1.0");
    put(&source, "lib", "1.1");
    source.put("/com/acme/lib/maven-metadata.xml", "text/xml", index("lib", &["1.0", "1.1", "1.2-SNAPSHOT", "a b"]));
    let service = chain(&source);
    let [team, internal, store] = ["team", "internal", "store"].map(|name| Repository::new(&service, name));

    let metadata = team.text("com/acme/lib/maven-metadata.xml");
    assert!(metadata.contains("<release>1.1</release>"), "{metadata}");
    assert!(!metadata.contains("SNAPSHOT") && !metadata.contains("a b"), "{metadata}");
    assert!(metadata.contains("<lastUpdated>20261122190000</lastUpdated>"), "{metadata}");
    for repository in [&team, &internal, &store] {
        assert!(repository.versions("lib").is_empty(), "metadata keeps nothing");
    }
    // The POM comes with the version, whatever is asked for.
    assert_eq!(team.text(&format!("{LIB}.jar")), jar("lib", "1.0"));
    assert_eq!(team.assets("lib", "1.0"), ["lib-1.0.jar", "lib-1.0.pom"]);
    assert_eq!(store.assets("lib", "1.0"), ["lib-1.0.jar", "lib-1.0.pom"]);
    assert!(internal.versions("lib").is_empty());
    let described = team.about("", "GET", "lib", "1.0")["packageVersion"].clone();
    assert_eq!(described["summary"], "About lib");
    let origin = json!({
        "originType": "EXTERNAL", "domainEntryPoint": { "externalConnectionName": "public:maven-central" }
    });
    assert_eq!(described["origin"], origin);
    // A checksum asked for first brings the version in, too.
    assert_eq!(internal.text("com/acme/lib/1.1/lib-1.1.jar.sha1"), sha1(jar("lib", "1.1").as_bytes()));
    assert_eq!(source.asked("/com/acme/lib/1.1/lib-1.1.jar"), 1);
    assert_eq!(team.text("com/acme/lib/1.1/lib-1.1.jar"), jar("lib", "1.1"));
    assert_eq!(source.asked("/com/acme/lib/1.1/lib-1.1.jar"), 1, "it was stored already");

    // Other files on demand, added to the version in both.
    assert_eq!(team.get(&format!("{LIB}-sources.jar")).status, 404);
    source.put("/com/acme/lib/1.0/lib-1.0-sources.jar", "application/octet-stream", "sources");
    assert_eq!(team.text(&format!("{LIB}-sources.jar")), "sources");
    assert_eq!(store.assets("lib", "1.0").len(), 3);

    source.stop();
    assert_eq!(team.text(&format!("{LIB}.pom")), pom("lib", "1.0"));
    assert_eq!(internal.text(&format!("{LIB}-sources.jar")), "sources");
    assert_eq!(team.get("com/acme/lib/2.0/lib-2.0.pom").status, 404);
    assert_eq!(team.get("com/acme/other/maven-metadata.xml").status, 404);
}

#[test]
fn what_does_not_have_its_checksum_is_not_kept() {
    let source = Source::start();
    put(&source, "lib", "1.0");
    source.put(&format!("/{LIB}.pom.sha1"), "text/plain", sha1(b"other"));
    let service = chain(&source);
    let team = Repository::new(&service, "team");
    assert_eq!(team.get(&format!("{LIB}.pom")).status, 502);
    assert!(team.versions("lib").is_empty());
    // Without one, or with one that is none, there is nothing to compare.
    source.put(&format!("/{LIB}.pom.sha1"), "text/plain", "<html>");
    assert_eq!(team.text(&format!("{LIB}.pom")), pom("lib", "1.0"));
    source.put(&format!("/{LIB}.jar.sha1"), "text/plain", sha1(b"other"));
    source.put_unmeasured(&format!("/{LIB}.jar"), jar("lib", "1.0"));
    assert_eq!(team.get(&format!("{LIB}.jar")).status, 502);
    assert_eq!(team.assets("lib", "1.0"), ["lib-1.0.pom"]);
}

#[test]
fn snapshots_of_a_source_are_not_there_and_its_versions_are_not_published_over() {
    let source = Source::start();
    put(&source, "lib", "1.0");
    source.put("/com/acme/lib/2-SNAPSHOT/lib-2-20261122.190000-1.jar", "x/y", "jar");
    source.put("/com/acme/lib/2-SNAPSHOT/maven-metadata.xml", "text/xml", "<metadata/>");
    let service = chain(&source);
    let team = Repository::new(&service, "team");
    for path in ["lib-2-20261122.190000-1.jar", "lib-2-SNAPSHOT.jar", "maven-metadata.xml"] {
        assert_eq!(team.get(&format!("com/acme/lib/2-SNAPSHOT/{path}")).status, 404, "{path}");
        assert_eq!(source.asked(&format!("/com/acme/lib/2-SNAPSHOT/{path}")), 0, "{path}");
    }
    let refused = team.send("PUT", &format!("{LIB}.jar"), b"mine");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("public:maven-central"), "{}", refused.text());
    team.release("lib", "3.0");
    // The first version that was published closed the package to upstreams.
    assert_eq!(team.get(&format!("{LIB}.jar")).status, 404);
    assert_eq!(Repository::new(&service, "store").get(&format!("{LIB}.jar")).status, 200);
}

#[test]
fn plugins_of_a_source_are_listed() {
    let source = Source::start();
    let plugins = "<metadata><plugins><plugin><name>G</name><prefix>greet</prefix><artifactId>greet</artifactId>\
                   </plugin></plugins></metadata>";
    source.put("/com/acme/plugins/maven-metadata.xml", "text/xml", plugins);
    let service = chain(&source);
    let metadata = Repository::new(&service, "team").text("com/acme/plugins/maven-metadata.xml");
    assert!(metadata.contains("<prefix>greet</prefix>"), "{metadata}");
}

#[test]
fn what_an_upstream_gets_later_reaches_who_kept_the_version() {
    let service = Service::furnished();
    let (app, shared) = (Repository::new(&service, "app"), Repository::new(&service, "shared"));
    shared.release("lib", "1.0");
    assert_eq!(app.send("HEAD", &format!("{LIB}.jar"), b"").status, 200);
    assert!(app.versions("lib").is_empty(), "a HEAD keeps nothing");
    assert_eq!(app.text(&format!("{LIB}.jar")), jar("lib", "1.0"));
    assert_eq!(app.versions("lib"), pairs(&[("1.0", "Published")]));
    shared.deploy(&format!("{LIB}-sources.jar"), b"sources");
    assert_eq!(app.text(&format!("{LIB}-sources.jar")), "sources");
    assert_eq!(app.get(&format!("{LIB}-javadoc.jar")).status, 404);
    assert_eq!(app.assets("lib", "1.0"), shared.assets("lib", "1.0"));
}
