//! A second opinion on which URLs are ours: regular expressions for the shapes, and the `url` crate to see what a client
//! would make of the text. Slow, and by other means than the product's grammar on purpose.

use std::sync::LazyLock;

use regex_lite::Regex;
use url::Url;

const DOMAIN_OWNER: &str = "[a-z][a-z0-9-]{0,48}[a-z0-9]-[0-9]{12}";
const TAIL: &str = "(?:cargo|generic|maven|npm|nuget|pypi|ruby|swift)";
const REPOSITORY: &str = "[A-Za-z0-9][A-Za-z0-9._-]{1,99}(?:[/?#].*)?";

/// Region and suffix, per partition.
const CLASSIC: &str = r"(?:(?:us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?amazonaws\.com|cn-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?amazonaws\.com\.cn|us-iso-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?c2s\.ic\.gov|us-isob-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?sc2s\.sgov\.gov|eu-isoe-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?cloud\.adc-e\.uk|us-isof-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?csp\.hci\.ic\.gov|eusc-de-[a-z]{1,20}-[0-9]{1,2}\.(vpce\.)?amazonaws\.eu)";

static OF_DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    let dual = r"codeartifact\.(?:us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]{1,20}-[0-9]{1,2}\.on\.aws";
    let classic = CLASSIC.replace(r"(vpce\.)?", "");
    let host = format!(r"(?i:{DOMAIN_OWNER}\.(?:d\.codeartifact\.{classic}|{dual}))");
    regex(&format!("https://(?:aws@)?{host}(?::443)?/{TAIL}/{REPOSITORY}"))
});
static OF_VPC_ENDPOINT: LazyLock<Regex> = LazyLock::new(|| {
    let vpc = CLASSIC.replace(r"(vpce\.)?", r"vpce\.");
    let host = format!(r"(?i:vpce(?:-[a-z0-9]+)+\.d\.codeartifact\.{vpc})");
    regex(&format!("https://(?:aws@)?{host}(?::443)?/{TAIL}/d/{DOMAIN_OWNER}/{REPOSITORY}"))
});
static ON_LOOPBACK: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"http://(?:aws@)?127\.0\.0\.1:4600/d/{DOMAIN_OWNER}/{TAIL}/{REPOSITORY}")));

fn regex(shape: &str) -> Regex {
    Regex::new(&format!(r"^(?:sparse\+)?{shape}$")).unwrap()
}

/// The alphabet of RFC 3986.
const SIGNS: &str = "-._~:/?#[]@!$&'()*+,;=%";

/// `sparse+` is for Cargo's indexes.
static SPARSE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^sparse\+[a-z]+://[^/]*/(?:d/[^/]*/)?cargo/").unwrap());

/// An endpoint's label: at least 8 characters of identifier, at most 63 in all, which the shape alone does not say.
static VPC_LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)//(?:aws@)?vpce-[a-z0-9-]{8,58}\.d\.").unwrap());

/// Dot segments, in any spelling.
static DOTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(?:/|%2f|%5c)(?:\.|%2e){1,2}(?:/|%2f|%5c|$)").unwrap());

static XN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)^[a-z+]+://(?:aws@)?xn--").unwrap());

/// Whether a token may be released, `service` being the override in force.
pub(crate) fn is_ours(raw: &[u8], service: Option<&str>) -> bool {
    let Ok(text) = str::from_utf8(raw) else { return false };
    if text.len() > 2048 || !text.chars().all(|c| c.is_ascii_alphanumeric() || SIGNS.contains(c)) {
        return false;
    }
    let shape_holds = if service == Some("http://127.0.0.1:4600") {
        ON_LOOPBACK.is_match(text)
    } else {
        OF_DOMAIN.is_match(text) || (OF_VPC_ENDPOINT.is_match(text) && VPC_LABEL.is_match(text))
    };
    if !shape_holds || (text.starts_with("sparse+") && !SPARSE.is_match(text)) {
        return false;
    }
    // What a client would connect to and ask for, after all repairs, is what stands there, to the byte.
    let plain = text.trim_start_matches("sparse+");
    // Which stands for other letters, or for none, says IDNA, and the URL crate with it.
    let Ok(parsed) = Url::parse(plain) else {
        assert!(XN.is_match(text), "the URL crate does not see a URL: {text}");
        return false;
    };
    if XN.is_match(text) {
        return false;
    }
    let (_, after_scheme) = plain.split_once("://").expect("has the shape of a URL");
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap();
    let host = authority.trim_start_matches("aws@").trim_end_matches(":443").trim_end_matches(":4600");
    assert_eq!(parsed.host_str().unwrap(), host.to_ascii_lowercase(), "the URL crate sees another host: {text}");
    assert!(parsed.password().is_none() && matches!(parsed.username(), "" | "aws"));
    assert!(matches!(parsed.port(), None | Some(4600)));
    let path = after_scheme[authority.len()..].split(['?', '#']).next().unwrap();
    // The URL crate takes dot segments out, so their absence shows in the path; escaped slashes it leaves alone.
    assert!(DOTS.is_match(path) || parsed.path() == path, "the URL crate sees another path: {text}");
    !DOTS.is_match(path) && !path.contains("//")
}
