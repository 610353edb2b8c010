//! The shapes that are ours, each read and printed back. What is not ours: `tests/hostile_urls.rs`.

use super::hosts::{AwsHost, PARTITIONS, partition_of};
use super::*;

fn trust(service_override: &str) -> Trust {
    Trust { service_override: Some(ServiceOverride::parse(service_override.as_bytes()).unwrap()) }
}

fn ours(url: &str, trust: &Trust) -> Endpoint {
    Endpoint::recognise(url.as_bytes(), trust).unwrap().unwrap_or_else(|| panic!("not recognised: {url}"))
}

/// URL, base URL, `domain owner region format repository`.
const ON_AWS: &[(&str, &str, &str)] = &[
    // Classic.
    (
        "https://my-domain-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-repo/",
        "https://my-domain-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-repo/",
        "my-domain 111122223333 us-east-1 npm my-repo",
    ),
    // Without the final slash, as clients cut it.
    (
        "https://ab-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/rr",
        "https://ab-111122223333.d.codeartifact.eu-west-1.amazonaws.com/pypi/rr/",
        "ab 111122223333 eu-west-1 pypi rr",
    ),
    // Cargo's sparse index, with and without a user.
    (
        "sparse+https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/cargo/repo/",
        "https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/cargo/repo/",
        "dom 111122223333 us-west-2 cargo repo",
    ),
    (
        "sparse+https://aws@dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/cargo/repo/",
        "https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/cargo/repo/",
        "dom 111122223333 us-west-2 cargo repo",
    ),
    // The user that pip, uv and twine need.
    (
        "https://aws@dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/repo/simple/",
        "https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/pypi/repo/",
        "dom 111122223333 us-west-2 pypi repo",
    ),
    // The default port, written out.
    (
        "https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com:443/maven/repo/org/x/1/x-1.pom",
        "https://dom-111122223333.d.codeartifact.us-west-2.amazonaws.com/maven/repo/",
        "dom 111122223333 us-west-2 maven repo",
    ),
    // A host has no case; a repository does.
    (
        "https://DOM-111122223333.D.CodeArtifact.US-East-1.AmazonAWS.com/nuget/Repo/v3/index.json",
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/nuget/Repo/",
        "dom 111122223333 us-east-1 nuget Repo",
    ),
    // Below a repository: escapes of package names, queries, fragments.
    (
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/@scope%2fname/-/name-1.0.0.tgz?a=//../b#//..",
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "dom 111122223333 us-east-1 npm repo",
    ),
    (
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo?x=1",
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "dom 111122223333 us-east-1 npm repo",
    ),
    (
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/ruby/repo#top",
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/ruby/repo/",
        "dom 111122223333 us-east-1 ruby repo",
    ),
    (
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/generic/repo/a..b/...",
        "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/generic/repo/",
        "dom 111122223333 us-east-1 generic repo",
    ),
    // Names at the ends of their rules.
    (
        "https://a0-111122223333.d.codeartifact.us-east-1.amazonaws.com/swift/0_/",
        "https://a0-111122223333.d.codeartifact.us-east-1.amazonaws.com/swift/0_/",
        "a0 111122223333 us-east-1 swift 0_",
    ),
    (
        "https://aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/a.git/",
        "https://aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/a.git/",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee 111122223333 us-east-1 npm a.git",
    ),
    // A domain that ends like an account; the owner is the last 12 digits. A domain that looks like an endpoint's id.
    (
        "https://a-111122223333-444455556666.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "https://a-111122223333-444455556666.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "a-111122223333 444455556666 us-east-1 npm repo",
    ),
    (
        "https://vpce-0743fe53-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "https://vpce-0743fe53-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "vpce-0743fe53 111122223333 us-east-1 npm repo",
    ),
    (
        "https://a--b-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "https://a--b-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
        "a--b 111122223333 us-east-1 npm repo",
    ),
    // Dual-stack: no `d` label.
    (
        "https://dom-111122223333.codeartifact.ap-northeast-1.on.aws/cargo/repo/",
        "https://dom-111122223333.codeartifact.ap-northeast-1.on.aws/cargo/repo/",
        "dom 111122223333 ap-northeast-1 cargo repo",
    ),
    // VPC endpoints without private DNS: domain and owner in the path.
    (
        "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/npm/d/dom-111122223333/repo/",
        "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/npm/d/dom-111122223333/repo/",
        "dom 111122223333 us-west-2 npm repo",
    ),
    (
        "sparse+https://vpce-0743fe535b883ffff-76ddffff-us-west-2a.d.codeartifact.us-west-2.vpce.amazonaws.com/cargo/d/dom-111122223333/repo",
        "https://vpce-0743fe535b883ffff-76ddffff-us-west-2a.d.codeartifact.us-west-2.vpce.amazonaws.com/cargo/d/dom-111122223333/repo/",
        "dom 111122223333 us-west-2 cargo repo",
    ),
];

#[test]
fn every_shape_on_aws_is_read_and_printed_back() {
    for trust in [Trust::default(), trust("https://vpce-1-2.api.codeartifact.us-west-2.vpce.amazonaws.com")] {
        for (url, base, parts) in ON_AWS {
            let endpoint = ours(url, &trust);
            assert_eq!(endpoint.to_string(), *url, "prints back");
            assert_eq!(endpoint.base_url(), *base);
            let region = endpoint.region().unwrap();
            let found = [
                endpoint.domain().as_str(),
                endpoint.owner().as_str(),
                region.as_str(),
                endpoint.format().as_str(),
                endpoint.repository().as_str(),
            ];
            assert_eq!(found.join(" "), *parts, "{url}");
            assert_eq!(endpoint.service_override(), trust.service_override.as_ref());
            assert!(!endpoint.is_loopback());
            // The base URL is an endpoint of its own, the same one.
            assert_eq!(ours(base, &trust).base_url(), *base);
        }
    }
}

#[test]
fn every_partition_has_its_own_hosts() {
    // One Region of each pattern of the SDK's partition data.
    let rows = [
        ("aws", "us-east-1", "amazonaws.com"),
        ("aws", "eu-central-2", "amazonaws.com"),
        ("aws", "ap-southeast-7", "amazonaws.com"),
        ("aws", "sa-east-1", "amazonaws.com"),
        ("aws", "ca-west-1", "amazonaws.com"),
        ("aws", "me-south-1", "amazonaws.com"),
        ("aws", "af-south-1", "amazonaws.com"),
        ("aws", "il-central-1", "amazonaws.com"),
        ("aws", "mx-central-1", "amazonaws.com"),
        ("aws-cn", "cn-northwest-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
        ("aws-iso-b", "us-isob-west-1", "sc2s.sgov.gov"),
        ("aws-iso-e", "eu-isoe-west-1", "cloud.adc-e.uk"),
        ("aws-iso-f", "us-isof-south-1", "csp.hci.ic.gov"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
    ];
    let suffixes: std::collections::BTreeSet<_> = rows.iter().map(|row| row.2).collect();
    for (partition, region, suffix) in rows {
        assert_eq!(partition_of(region).unwrap().id, partition);
        for other in &suffixes {
            let classic = format!("https://dom-111122223333.d.codeartifact.{region}.{other}/cargo/repo/");
            let vpc = format!(
                "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.{region}.vpce.{other}/cargo/d/dom-111122223333/repo/"
            );
            for url in [classic, vpc] {
                let answer = Endpoint::recognise(url.as_bytes(), &Trust::default());
                if *other == suffix {
                    let endpoint = answer.unwrap().unwrap();
                    assert_eq!((endpoint.region().unwrap().as_str(), endpoint.to_string()), (region, url));
                } else {
                    let Err(EndpointError::Invalid { part, .. }) = answer else { panic!("{url}: {answer:?}") };
                    assert_eq!(part, "host suffix", "{url}");
                }
            }
        }
        let dual_stack = format!("https://dom-111122223333.codeartifact.{region}.on.aws/cargo/repo/");
        let answer = Endpoint::recognise(dual_stack.as_bytes(), &Trust::default());
        assert_eq!(answer.is_ok(), matches!(partition, "aws" | "aws-us-gov"), "{dual_stack}");
    }
    let covered: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0).collect();
    assert!(PARTITIONS.iter().all(|partition| covered.contains(partition.id)), "a row of the table has no test");
    let prefixes = PARTITIONS.iter().flat_map(|partition| partition.region_prefixes).count();
    assert_eq!(prefixes, rows.len(), "a Region pattern of the table has no test");
}

#[test]
fn a_region_outside_every_pattern_has_no_partition() {
    for region in [
        "us-east",
        "us-east-",
        "us-east-1a",
        "us-east-100",
        "us--1",
        "us-1",
        "xx-east-1",
        "usx-east-1",
        "us-iso-1",
        "us-gov-1",
        "us-iso-gov-east-1",
        "eusc-fr-east-1",
        "useast1",
        "",
        "-",
        "aws-global",
        "us-east1-1",
        "cn-1",
    ] {
        let found = partition_of(region).map(|partition| partition.id);
        // `us-gov-1` and its like have the outline of a Region of partition `aws`, for the SDK too.
        let expected = ["us-iso-1", "us-gov-1"].contains(&region).then_some("aws");
        assert_eq!(found, expected, "{region}");
    }
}

#[test]
fn hosts_are_read_by_their_labels() {
    let region = || "us-east-1".parse().unwrap();
    assert_eq!(
        hosts::read("a-b-111122223333.d.codeartifact.us-east-1.amazonaws.com").unwrap(),
        AwsHost::OfDomain("a-b".parse().unwrap(), "111122223333".parse().unwrap(), region())
    );
    assert_eq!(
        hosts::read("vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-east-1.vpce.amazonaws.com").unwrap(),
        AwsHost::OfVpcEndpoint(region())
    );
}

#[test]
fn the_loopback_service_is_ours_while_its_override_is_in_force() {
    for (service, url, base) in [
        (
            "http://127.0.0.1:4600",
            "sparse+http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/",
            "http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/",
        ),
        (
            "http://127.0.0.1:4600/",
            "http://aws@127.0.0.1:4600/d/dom-111122223333/pypi/repo/simple/?x#y",
            "http://127.0.0.1:4600/d/dom-111122223333/pypi/repo/",
        ),
        (
            "http://[::1]:4600",
            "http://[::1]:4600/d/a-b-111122223333/npm/r.git",
            "http://[::1]:4600/d/a-b-111122223333/npm/r.git/",
        ),
        (
            "https://127.0.0.1:4600",
            "https://127.0.0.1:4600/d/dom-111122223333/nuget/repo/",
            "https://127.0.0.1:4600/d/dom-111122223333/nuget/repo/",
        ),
        (
            "http://127.0.0.1",
            "http://127.0.0.1/d/dom-111122223333/npm/repo/",
            "http://127.0.0.1:80/d/dom-111122223333/npm/repo/",
        ),
        (
            "http://127.0.0.1:80",
            "http://127.0.0.1/d/dom-111122223333/npm/repo/",
            "http://127.0.0.1:80/d/dom-111122223333/npm/repo/",
        ),
    ] {
        let trust = trust(service);
        let endpoint = ours(url, &trust);
        assert_eq!((endpoint.to_string().as_str(), endpoint.base_url().as_str()), (url, base));
        assert_eq!(endpoint.region(), None);
        assert!(endpoint.is_loopback());
        assert_eq!(endpoint.service_override(), trust.service_override.as_ref());
        assert_eq!(ours(base, &trust).base_url(), base);
        for other in [Trust::default(), self::trust("http://127.0.0.1:4601"), self::trust("https://example.com:4600")] {
            let answer = Endpoint::recognise(url.as_bytes(), &other);
            assert!(matches!(answer, Err(EndpointError::OtherService { .. })), "{url}: {answer:?}");
        }
    }
}

#[test]
fn no_token_of_a_loopback_service_goes_to_aws_nor_the_reverse() {
    for (url, _, _) in ON_AWS {
        for service in ["http://127.0.0.1:4600", "http://[::1]:4600", "https://127.0.0.1:4600"] {
            let error = Endpoint::recognise(url.as_bytes(), &trust(service)).unwrap_err();
            let expected = EndpointError::OtherService { service: "AWS".to_owned(), in_force: service.to_owned() };
            assert_eq!(error, expected, "{url}");
        }
    }
    let url = b"http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/";
    let error = Endpoint::recognise(url, &Trust::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the URL belongs to the service at http://127.0.0.1:4600, but the service in force is AWS"
    );
}

#[test]
fn siblings_and_index_urls_keep_the_shape() {
    let repository = "shared".parse().unwrap();
    for (url, sibling, index) in [
        (
            "https://aws@dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/pypi/team/simple/",
            "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/shared/",
            "sparse+https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/team/",
        ),
        (
            "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/pypi/d/dom-111122223333/team/",
            "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/npm/d/dom-111122223333/shared/",
            "sparse+https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-west-2.vpce.amazonaws.com/cargo/d/dom-111122223333/team/",
        ),
    ] {
        let endpoint = ours(url, &Trust::default());
        let found = endpoint.sibling(PackageFormat::Npm, &repository);
        assert_eq!((found.base_url().as_str(), found.to_string().as_str()), (sibling, sibling));
        assert_eq!(found, ours(sibling, &Trust::default()), "as if it had been read");
        assert_eq!(endpoint.index_url(), index);
        assert_eq!(ours(index, &Trust::default()).index_url(), index);
    }
    let endpoint = ours("http://[::1]:7/d/dom-111122223333/cargo/team/", &trust("http://[::1]:7"));
    assert_eq!(endpoint.index_url(), "sparse+http://[::1]:7/d/dom-111122223333/cargo/team/");
}

#[test]
fn errors_say_what_is_wrong_and_repeat_no_password() {
    for (url, message) in [
        (
            "https://dom-11112222333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
            "account `11112222333` is not valid: an AWS account is exactly 12 digits",
        ),
        (
            "https://d-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
            "domain name `d` is not valid: a domain name is 2 to 50 lowercase letters, digits and dashes, starts with \
             a letter and does not end with a dash",
        ),
        (
            "https://dom-111122223333.d.codeartifact.us-moon-1.amazonaws.com.cn/npm/repo/",
            "host suffix `amazonaws.com.cn` is not valid: the host ends in the DNS suffix of its Region's partition, \
             such as amazonaws.com",
        ),
        (
            "https://aws:hunter2@dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
            "user in the URL `not shown` is not valid: a user in the URL is `aws`, without a password",
        ),
        (
            "ftp://aws:hunter2@dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/",
            "URL `dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/` is not valid: the URL starts with \
             `https://`, or `sparse+https://`",
        ),
        (
            "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com:hunter2/npm/repo/",
            "port `not 443` is not valid: a repository of AWS has no port in its URL, or 443",
        ),
        (
            "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/NPM/repo/",
            "package format `NPM` is not valid: a package format is one of cargo, generic, maven, npm, nuget, pypi, \
             ruby, swift",
        ),
        (
            "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/repo/\u{1b}[31m",
            "character in the URL `\\u{1b}` is not valid: a URL is made of ASCII letters, digits and \
             -._~:/?#[]@!$&'()*+,;=% (RFC 3986)",
        ),
    ] {
        let error = Endpoint::recognise(url.as_bytes(), &Trust::default()).unwrap_err();
        assert_eq!(error.to_string(), message, "{url}");
    }
}

#[test]
fn overrides_are_reduced_to_scheme_host_and_port() {
    for (raw, canonical, is_loopback) in [
        ("http://127.0.0.1:4600", "http://127.0.0.1:4600", true),
        ("http://127.0.0.1:4600/", "http://127.0.0.1:4600", true),
        ("http://127.0.0.1", "http://127.0.0.1:80", true),
        ("http://[::1]:4600", "http://[::1]:4600", true),
        ("https://[::1]", "https://[::1]:443", true),
        ("https://127.0.0.1:1", "https://127.0.0.1:1", true),
        ("https://CodeArtifact.Example.com", "https://codeartifact.example.com:443", false),
        ("https://proxy:8443", "https://proxy:8443", false),
        ("https://10.0.0.1", "https://10.0.0.1:443", false),
        ("https://[2001:db8::1]:65535", "https://[2001:db8::1]:65535", false),
        (
            "https://vpce-0743fe535b883ffff-76ddffff.api.codeartifact.us-west-2.vpce.amazonaws.com",
            "https://vpce-0743fe535b883ffff-76ddffff.api.codeartifact.us-west-2.vpce.amazonaws.com:443",
            false,
        ),
    ] {
        let found = ServiceOverride::parse(raw.as_bytes()).unwrap();
        assert_eq!((found.as_str(), found.is_loopback()), (canonical, is_loopback), "{raw}");
        assert_eq!(ServiceOverride::parse(canonical.as_bytes()).unwrap(), found);
    }
}

#[test]
fn overrides_that_could_lead_elsewhere_are_refused() {
    for raw in [
        "",
        "http://",
        "https://",
        "127.0.0.1:4600",
        "//127.0.0.1",
        "ftp://127.0.0.1",
        "HTTP://127.0.0.1",
        "http:/127.0.0.1",
        "http://example.com",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[2001:db8::1]",
        "http://localhost:4600",
        "https://localhost",
        "https://a.localhost",
        "https://localhost.localdomain",
        "http://127.1",
        "https://127.1",
        "http://127.0.0.2",
        "https://127.0.0.2",
        "http://0x7f.1",
        "https://0x7f000001",
        "https://2130706433",
        "https://017700000001",
        "https://0.0.0.0",
        "http://0.0.0.0",
        "https://[::]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[2001:DB8:0::1]",
        "https://[fe80::1%eth0]",
        "https://[::1",
        "https://::1",
        "http://127.0.0.1:",
        "http://127.0.0.1:0",
        "http://127.0.0.1:04600",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:+80",
        "http://127.0.0.1:80:80",
        "http://127.0.0.1/x",
        "http://127.0.0.1//",
        "http://127.0.0.1/?x",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
        "http://127.0.0.1\\x",
        "http://127.0.0.1 ",
        " http://127.0.0.1",
        "http://127.0.0.1\n",
        "http://127.0.0.1\0",
        "http://127.0.0.1\u{a0}",
        "https://ex\u{e4}mple.com",
        "https://example.com.",
        "https://.example.com",
        "https://a..b",
        "https://-a.com",
        "https://a-.com",
        "https://a_b.com",
        "https://a%2eb.com",
        "http://user@127.0.0.1",
        "http://user:hunter2@127.0.0.1",
        "https://example.com@127.0.0.1",
    ] {
        let error = ServiceOverride::parse(raw.as_bytes()).expect_err(raw);
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(ServiceOverride::parse(b"http://127.0.0.1\xff").is_err());
    assert!(ServiceOverride::parse(format!("https://{}", "a".repeat(64)).as_bytes()).is_err());
    assert!(ServiceOverride::parse(format!("https://{}com", "a.".repeat(300)).as_bytes()).is_err());
    let message = ServiceOverride::parse(b"http://localhost:4600").unwrap_err().to_string();
    assert!(message.contains("127.0.0.1"), "says what to write: {message}");
}

#[test]
fn names_keep_the_rules_of_the_service() {
    fn check<T: std::str::FromStr<Err = EndpointError> + fmt::Display>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(text.parse::<T>().unwrap().to_string(), *text);
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }
    let long = "a".repeat(101);
    check::<DomainName>(
        &["ab", "a1", "a-b", "a--b", &long[..50]],
        &["", "a", "1a", "-a", "a-", "A1", "aB", "a_b", "a.b", "a b", "\u{e4}b", "ab\n", &long[..51]],
    );
    check::<AccountId>(
        &["111122223333", "000000000000"],
        &["", "11112222333", "1111222233334", "11112222333a", "1111-2222-33", " 11112222333", "\u{661}11112222333"],
    );
    check::<RepositoryName>(
        &["ab", "A1", "0_", "a.git", "a..b", "a-._", &long[..100]],
        &["", "a", ".a", "_a", "-a", "a/b", "a b", "a%", "..", "a\\", "\u{e4}b", "ab\0", &long],
    );
    check::<Region>(
        &["us-east-1", "local", "eusc-de-east-1"],
        &["", "u", "US-EAST-1", "us east", "us-east-", "-us", "1us", "us.east", "us/east", &long[..33]],
    );
    for format in PackageFormat::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    for text in ["", "Cargo", "cargo ", "python", "npm/", "crates"] {
        assert!(text.parse::<PackageFormat>().is_err());
    }
    let error = "a\u{202e}\u{7}b".parse::<DomainName>().unwrap_err().to_string();
    assert!(error.starts_with("domain name `a\\u{202e}\\u{7}b` is not valid: "), "{error}");
}
