//! Addresses in answers: those of the service become those of the proxy, so that the client goes on asking here, where it
//! needs no token. Documents only: a file of a package is what its publisher made, to the byte, with digests that say so.

use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;

use super::target::Target;

/// Headers that lead somewhere.
const LEADING: [HeaderName; 3] = [header::LOCATION, header::LINK, header::CONTENT_LOCATION];

/// Digests of what is no longer the same.
const DIGESTS: [&str; 3] = ["content-md5", "digest", "repr-digest"];

/// Whether an answer is one that may name addresses.
pub(super) fn is_document(target: &Target, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = kind.starts_with("text/") || kind.ends_with("json") || kind.ends_with("xml");
    is_text && !target.is_asset()
}

/// A document with its addresses leading here.
pub(super) fn document(bytes: Vec<u8>, target: &Target, listening: &str) -> Vec<u8> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // No text in an encoding that addresses could be found in.
        Err(error) => return error.into_bytes(),
    };
    let text = led_here(&text, target, listening);
    if target.is_cargo_config() { without_a_token(&text).unwrap_or(text).into_bytes() } else { text.into_bytes() }
}

/// The headers of an answer.
pub(super) fn headers(headers: &mut HeaderMap, target: &Target, listening: &str) {
    for name in LEADING {
        let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
        if let Ok(value) = HeaderValue::from_str(&led_here(value, target, listening)) {
            headers.insert(name, value);
        }
    }
    if is_document(target, headers) {
        for name in DIGESTS {
            headers.remove(name);
        }
    }
}

/// Also as JSON may write slashes.
fn led_here(text: &str, target: &Target, listening: &str) -> String {
    let (theirs, ours) = target.prefixes(listening);
    let text = text.replace(&theirs, &ours);
    let (theirs, ours) = (theirs.replace('/', r"\/"), ours.replace('/', r"\/"));
    if text.contains(&theirs) { text.replace(&theirs, &ours) } else { text }
}

/// Cargo would look for a token of its own where the registry says that it asks for one.
fn without_a_token(text: &str) -> Option<String> {
    let mut config: Value = serde_json::from_str(text).ok()?;
    config.as_object_mut()?.insert("auth-required".to_owned(), Value::Bool(false));
    Some(config.to_string())
}

#[cfg(test)]
mod tests {
    use codeartifact::Trust;

    use super::*;

    const HOST: &str = "https://acme-111122223333.d.codeartifact.us-east-1.amazonaws.com";
    const HERE: &str = "http://127.0.0.1:1/d/acme-111122223333.us-east-1";

    fn target(path: &str) -> Target {
        Target::of(&format!("/d/acme-111122223333.us-east-1/{path}").parse().unwrap(), &Trust::default()).unwrap()
    }

    fn seen(path: &str, text: &str) -> String {
        let text = text.replace("HOST", HOST).into_bytes();
        String::from_utf8(document(text, &target(path), "127.0.0.1:1")).unwrap().replace(HERE, "HERE")
    }

    #[test]
    fn every_address_of_the_domain_leads_here_and_no_other() {
        for (path, text, expected) in [
            ("npm/rr/a", r#"{"tarball":"HOST/npm/rr/a/-/a-1.tgz"}"#, r#"{"tarball":"HERE/npm/rr/a/-/a-1.tgz"}"#),
            (
                "pypi/rr/simple/a/",
                "<a href=\"HOST/pypi/rr/simple/a/1/a.whl#sha256=0\">",
                "<a href=\"HERE/pypi/rr/simple/a/1/a.whl#sha256=0\">",
            ),
            (
                "nuget/rr/v3/index.json",
                r#"[{"@id":"HOST/nuget/rr/v3/"},"HOST"]"#,
                &format!(r#"[{{"@id":"HERE/nuget/rr/v3/"}},"{HOST}"]"#),
            ),
            (
                "npm/rr/a",
                "\"https://other.example.com/x\" \"HOST.example.com/x\"",
                &format!("\"https://other.example.com/x\" \"{HOST}.example.com/x\""),
            ),
        ] {
            assert_eq!(seen(path, text), expected, "{path}");
        }
        let escaped = HOST.replace('/', r"\/");
        let here = HERE.replace('/', r"\/");
        assert_eq!(seen("npm/rr/a", &format!(r#"{{"t":"{escaped}\/npm"}}"#)), format!(r#"{{"t":"{here}\/npm"}}"#));
        assert_eq!(document(vec![0xff, 0xfe], &target("npm/rr/a"), "x"), [0xff, 0xfe]);
    }

    #[test]
    fn cargo_is_not_told_to_bring_a_token() {
        let config =
            seen("cargo/rr/config.json", r#"{"dl":"HOST/cargo/rr/dl","api":"HOST/cargo/rr","auth-required":true}"#);
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["auth-required"], false);
        assert_eq!(config["dl"], "HERE/cargo/rr/dl");
        assert_eq!(seen("cargo/rr/config.json", "not json"), "not json");
    }

    #[test]
    fn headers_lead_here_and_digests_of_another_text_go() {
        let mut all = HeaderMap::new();
        for (name, value) in [("location", format!("{HOST}/npm/rr/b")), ("content-md5", "x".to_owned())] {
            all.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.npm.install-v1+json"));
        headers(&mut all, &target("npm/rr/a"), "127.0.0.1:1");
        assert_eq!(all["location"], format!("{HERE}/npm/rr/b"));
        assert!(!all.contains_key("content-md5"));
    }

    #[test]
    fn only_documents_are_rewritten() {
        for (path, kind, is) in [
            ("npm/rr/a", "application/json", true),
            ("npm/rr/a", "application/vnd.npm.install-v1+json; charset=utf-8", true),
            ("pypi/rr/simple/a/", "text/html", true),
            ("npm/rr/a/-/a-1.tgz", "application/json", false),
            ("maven/rr/c/a/1/a-1.pom", "application/xml", false),
            ("npm/rr/a", "application/octet-stream", false),
            ("npm/rr/a", "", false),
        ] {
            let mut all = HeaderMap::new();
            all.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(is_document(&target(path), &all), is, "{path} {kind}");
        }
    }
}
