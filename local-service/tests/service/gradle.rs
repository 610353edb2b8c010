//! What Gradle sends since it has module metadata: another file beside the POM, and four checksums for each file. (An
//! older Gradle itself is in the suite of journeys.)

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::client::{Answer, Service};

const MODULE: &str = r#"{ "formatVersion": "1.1", "component": { "group": "com.acme", "module": "lib", "version": "1.0" },
    "variants": [{ "name": "apiElements", "files": [{ "name": "lib-1.0.jar", "url": "lib-1.0.jar" }] }] }"#;
const POM: &str = "<project><!-- do_not_remove: published-with-gradle-metadata --><groupId>com.acme</groupId>\
    <artifactId>lib</artifactId><version>1.0</version></project>";

fn checksums(bytes: &[u8]) -> [(&'static str, String); 4] {
    [
        ("sha1", format!("{:x}", Sha1::digest(bytes))),
        ("md5", format!("{:x}", Md5::digest(bytes))),
        ("sha256", format!("{:x}", Sha256::digest(bytes))),
        ("sha512", format!("{:x}", Sha512::digest(bytes))),
    ]
}

struct Gradle<'a> {
    service: &'a Service,
    authorization: String,
}

impl Gradle<'_> {
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        // It names itself, and waits for no challenge once it has met one.
        let headers = [("Authorization", self.authorization.as_str()), ("User-Agent", "Gradle/8.5 (Linux;6.1;amd64)")];
        self.service.send(method, &format!("/d/acme-111122223333/maven/team/com/acme/lib/{path}"), &headers, body)
    }

    /// A file and its checksums.
    #[track_caller]
    fn publish(&self, path: &str, content: &[u8]) {
        assert!(self.ask("PUT", path, content).status / 100 == 2, "{path}");
        for (extension, checksum) in checksums(content) {
            let answer = self.ask("PUT", &format!("{path}.{extension}"), checksum.as_bytes());
            assert!(answer.status / 100 == 2, "{path}.{extension}: {} {}", answer.status, answer.text());
        }
    }

    fn status(&self) -> Value {
        let query = "domain=acme&repository=team&format=maven&namespace=com.acme&package=lib&version=1.0";
        self.service.ok("GET", &format!("/v1/package/version?{query}"), None)["packageVersion"]["status"].clone()
    }
}

#[test]
fn a_module_is_published_and_resolved() {
    let service = Service::furnished();
    let authorization = format!("Basic {}", STANDARD.encode(format!("aws:{}", service.token())));
    let gradle = Gradle { service: &service, authorization };
    let files =
        [("lib-1.0.jar", "jar"), ("lib-1.0-sources.jar", "sources"), ("lib-1.0.pom", POM), ("lib-1.0.module", MODULE)];
    for (file, content) in files {
        gradle.publish(&format!("1.0/{file}"), content.as_bytes());
    }
    assert_eq!(gradle.status(), "Unfinished");
    // It adds to the metadata that is there; here there is none.
    assert_eq!(gradle.ask("GET", "maven-metadata.xml", b"").status, 404);
    let metadata = "<metadata><groupId>com.acme</groupId><artifactId>lib</artifactId><versioning><latest>1.0</latest>\
                    <release>1.0</release><versions><version>1.0</version></versions></versioning></metadata>";
    gradle.publish("maven-metadata.xml", metadata.as_bytes());
    assert_eq!(gradle.status(), "Published");

    // The POM says that there is a module file, and that leads to the rest. A file that is elsewhere already is
    // known by its SHA-1, and whether one is there by its head.
    for (file, content) in files {
        let path = format!("1.0/{file}");
        let (head, got) = (gradle.ask("HEAD", &path, b""), gradle.ask("GET", &path, b""));
        assert_eq!((head.status, got.status, got.text().as_str()), (200, 200, content), "{file}");
        assert_eq!(head.header("content-length").unwrap(), content.len().to_string());
        assert!(head.header("last-modified").is_some() && head.header("etag").is_some());
        for (extension, checksum) in checksums(content.as_bytes()) {
            assert_eq!(gradle.ask("GET", &format!("{path}.{extension}"), b"").text(), checksum, "{file}");
        }
    }
    assert_eq!(gradle.ask("GET", "1.0/lib-1.0.module", b"").header("content-type"), Some("application/json"));
    for absent in ["2.0/lib-2.0.pom", "1.0/lib-1.0-javadoc.jar"] {
        assert_eq!((gradle.ask("HEAD", absent, b"").status, gradle.ask("GET", absent, b"").status), (404, 404));
    }
    // Another module under the same version.
    assert_eq!(gradle.ask("PUT", "1.0/lib-1.0.module", b"{}").status, 409);
}
