//! Whether a URL gets what it should, as the second opinion has it; for the tests beside and for the fuzzer.

use codeartifact::{Endpoint, ServiceOverride, Trust};

#[path = "oracle.rs"]
pub(crate) mod oracle;

const LOOPBACK: &str = "http://127.0.0.1:4600";
const ELSEWHERE: &str = "https://proxy.example";

/// No override, one on loopback, one elsewhere.
pub(crate) fn trusts() -> [Trust; 3] {
    [None, Some(LOOPBACK), Some(ELSEWHERE)].map(|address| Trust {
        service_override: address.map(|address| ServiceOverride::parse(address.as_bytes()).unwrap()),
    })
}

/// Whether a token would be released, with what must hold for everything that is recognised.
pub(crate) fn released(url: &[u8], trust: &Trust) -> bool {
    let endpoint = match Endpoint::recognise(url, trust) {
        Ok(Some(endpoint)) => endpoint,
        Ok(None) => return false,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(char::is_control) && text.len() < 4_096, "{text:?}");
            return false;
        }
    };
    assert_eq!(endpoint.to_string().as_bytes(), url, "prints back");
    let base = Endpoint::recognise(endpoint.base_url().as_bytes(), trust).unwrap().unwrap();
    assert_eq!(
        (base.domain(), base.owner(), base.region(), base.format(), base.repository(), base.base_url()),
        (
            endpoint.domain(),
            endpoint.owner(),
            endpoint.region(),
            endpoint.format(),
            endpoint.repository(),
            endpoint.base_url()
        )
    );
    true
}

/// The override in force.
pub(crate) fn service(trust: &Trust) -> Option<&str> {
    trust.service_override.as_ref().map(ServiceOverride::as_str)
}

/// Panics if the product and the second opinion disagree; else what they say.
pub(crate) fn judge_under(url: &[u8], trust: &Trust) -> bool {
    let expected = oracle::is_ours(url, service(trust));
    assert_eq!(released(url, trust), expected, "{} with {trust:?}", url.escape_ascii());
    expected
}

/// The same under every trust.
pub(crate) fn judge(url: &[u8]) {
    for trust in trusts() {
        judge_under(url, &trust);
    }
}
