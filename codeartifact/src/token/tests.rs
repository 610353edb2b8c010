//! Freshness, keys and entries.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::endpoint::{Endpoint, ServiceOverride, Trust};
use crate::profile::AwsEnvironment;

/// A token outline as long as the service's: `eyJ`, a dot, 1,000 characters.
const SECRET: &str = "eyJ2ZXIiOjEsImlzdSI6MTcwMDAwMDAwMH0.";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// Issued at second 0.
fn token(life: u64) -> AuthorizationToken {
    AuthorizationToken::new(Zeroizing::new(SECRET.to_owned() + &"x".repeat(964)), at(0), at(life))
}

fn scope() -> TokenScope {
    TokenScope {
        identity: Identity::new("profile:default"),
        domain: "my-domain".parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        service_override: None,
    }
}

#[test]
fn a_token_is_fresh_for_half_its_life_and_expired_a_minute_before_its_end() {
    use Freshness::{Due, Expired, Fresh};
    let day = 12 * 3600;
    for (life, now, freshness, wants_waiting) in [
        (day, 0, Fresh, false),
        (day, day / 2 - 1, Fresh, false),
        (day, day / 2, Due, false),
        (day, day - 15 * 60, Due, false),
        (day, day - 15 * 60 + 1, Due, true),
        (day, day - 61, Due, true),
        (day, day - 60, Expired, true),
        (day, day, Expired, true),
        (day, day * 100, Expired, true),
        // The shortest the service gives: a tenth is a minute and a half.
        (900, 449, Fresh, false),
        (900, 450, Due, false),
        (900, 810, Due, false),
        (900, 811, Due, true),
        (900, 839, Due, true),
        (900, 840, Expired, true),
        // Shorter ones exist in tests only; their margin is a tenth.
        (10, 4, Fresh, false),
        (10, 8, Due, false),
        (10, 9, Expired, true),
        (0, 0, Expired, true),
    ] {
        let token = token(life);
        assert_eq!(token.freshness(at(now)), freshness, "life {life}, second {now}");
        assert_eq!(token.wants_waiting(at(now)), wants_waiting, "life {life}, second {now}");
    }
}

#[test]
fn clocks_that_are_off() {
    let token = token(3600);
    // Within five minutes a token from the future is only very fresh; beyond, its end is not believed.
    assert_eq!(token.freshness(at(0) - CLOCK_TOLERANCE), Freshness::Fresh);
    assert_eq!(token.freshness(at(0) - CLOCK_TOLERANCE - Duration::from_secs(1)), Freshness::Expired);
    // A service whose clock is an hour ahead: by our clock the token ends 12 hours after it was issued.
    let ahead = AuthorizationToken::new(Zeroizing::new("x".to_owned()), at(0), at(13 * 3600));
    assert_eq!(ahead.expires(), at(12 * 3600));
    // An end before the beginning.
    let behind = AuthorizationToken::new(Zeroizing::new("x".to_owned()), at(3600), at(0));
    assert_eq!(behind.freshness(at(0)), Freshness::Expired);
    assert_eq!(behind.freshness(at(3600)), Freshness::Expired);
}

#[test]
fn the_secret_is_in_no_debug_output() {
    let text = format!("{:?} {:#?}", token(900), Some(token(900)));
    assert!(text.contains("REDACTED") && !text.contains("eyJ"), "{text}");
}

#[test]
fn scopes_come_from_the_url_and_the_environment() {
    let aws = |region: Option<&str>, service: Option<&str>| {
        let region = region.map(|region| region.parse().unwrap());
        let service = service.map(|address| ServiceOverride::parse(address.as_bytes()).unwrap());
        AwsEnvironment::for_test("dev", region, service, "profile:dev")
    };
    let endpoint = |url: &str, aws: &AwsEnvironment| {
        let trust = Trust { service_override: aws.service_override.clone() };
        Endpoint::recognise(url.as_bytes(), &trust).unwrap().unwrap()
    };
    let on_aws = "https://dom-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/repo/";
    let local = "http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/";

    // The URL's Region wins.
    let here = aws(Some("eu-west-1"), None);
    let found = TokenScope::of(&endpoint(on_aws, &here), &here).unwrap();
    assert_eq!(
        (found.region.as_str(), found.domain.as_str(), found.owner.as_str()),
        ("us-east-1", "dom", "111122223333")
    );
    assert_eq!((found.identity.as_str(), &found.service_override), ("profile:dev", &None));

    // An override elsewhere is part of the scope of AWS's hosts.
    let proxy = aws(None, Some("https://proxy.example"));
    let found = TokenScope::of(&endpoint(on_aws, &proxy), &proxy).unwrap();
    assert_eq!(found.service_override, proxy.service_override);

    // A loopback endpoint takes the environment's Region and fails without one.
    let loopback = aws(Some("eu-west-1"), Some("http://127.0.0.1:4600"));
    let found = TokenScope::of(&endpoint(local, &loopback), &loopback).unwrap();
    assert_eq!((found.region.as_str(), &found.service_override), ("eu-west-1", &loopback.service_override));
    let nowhere = aws(None, Some("http://127.0.0.1:4600"));
    let error = TokenScope::of(&endpoint(local, &nowhere), &nowhere).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the URL `http://127.0.0.1:4600/d/dom-111122223333/cargo/repo/` names no Region, and there is none in \
         AWS_REGION, in AWS_DEFAULT_REGION and in profile `dev`"
    );

    // An endpoint recognised under one override has no scope under another.
    for other in [&here, &proxy] {
        let error = TokenScope::of(&endpoint(local, &loopback), other).unwrap_err();
        assert!(matches!(error, ScopeError::OtherOverride { .. }));
    }
    assert!(TokenScope::of(&endpoint(on_aws, &here), &loopback).is_err());
}

#[test]
fn keys_are_stable() {
    // Stored by earlier versions: a change here needs a new version in the prefix.
    assert_eq!(scope().key(), "codeartifact/1/eu-west-1/111122223333/my-domain//profile:default");
    let odd = TokenScope {
        identity: Identity::new("profile:a b/\u{e4}%;role=x"),
        service_override: Some(ServiceOverride::parse(b"http://[::1]:4600").unwrap()),
        ..scope()
    };
    assert_eq!(
        odd.key(),
        "codeartifact/1/eu-west-1/111122223333/my-domain/http:%2F%2F%5B::1%5D:4600/profile:a%20b%2F%C3%A4%25%3Brole=x"
    );
    assert_eq!(TokenScope::from_key(&odd.key()), Some(odd));
}

#[test]
fn only_keys_of_ours_name_a_scope() {
    for key in [
        "",
        "codeartifact",
        "codeartifact/1/",
        "codeartifact/2/eu-west-1/111122223333/my-domain//profile:default",
        "codeartifact/1/eu-west-1/111122223333/my-domain/profile:default",
        "codeartifact/1/eu-west-1/111122223333/my-domain//profile:default/",
        "codeartifact/1/eu-west-1/111122223333/my-domain//profile:default/x",
        "codeartifact/1/eu-west-1/111122223333/My-domain//profile:default",
        "codeartifact/1/eu-west-1/11112222333/my-domain//profile:default",
        "codeartifact/1//111122223333/my-domain//profile:default",
        "codeartifact/1/eu-west-1/111122223333/my-domain//profile:def%61ult",
        "codeartifact/1/eu-west-1/111122223333/my-domain//profile%3adefault",
        "codeartifact/1/eu-west-1/111122223333/my-domain//%",
        "codeartifact/1/eu-west-1/111122223333/my-domain//%2",
        "codeartifact/1/eu-west-1/111122223333/my-domain//%zz",
        "codeartifact/1/eu-west-1/111122223333/my-domain//%FF",
        "codeartifact/1/eu-west-1/111122223333/my-domain//%+1",
        "codeartifact/1/eu-west-1/111122223333/my-domain//profile:a b",
        "codeartifact/1/eu-west-1/111122223333/my-domain/http:%2F%2F127.0.0.1/profile:default",
        "codeartifact/1/eu-west-1/111122223333/my-domain/http:%2F%2Fexample.com:80/profile:default",
        " codeartifact/1/eu-west-1/111122223333/my-domain//profile:default",
    ] {
        assert_eq!(TokenScope::from_key(key), None, "{key}");
    }
    assert_eq!(TokenScope::from_key(&(scope().key() + &"x".repeat(100_000))), None);
}

#[test]
fn long_identities_stay_different() {
    let long = "profile:".to_owned() + &"\u{e4}".repeat(5000);
    let one = TokenScope { identity: Identity::new(&long), ..scope() };
    let other = TokenScope { identity: Identity::new(&(long + "x")), ..scope() };
    assert_ne!(one.key(), other.key());
    assert!(one.key().len() < 2048);
    assert_eq!(TokenScope::from_key(&one.key()), Some(one));
}

/// Few values each, so that equal parts are common.
fn scopes() -> impl Strategy<Value = TokenScope> {
    let pick = |values: &'static [&'static str]| proptest::sample::select(values);
    (
        prop_oneof![pick(&["", "a", "a/b", "a%2Fb", "a b", "/", "//x"]).prop_map(str::to_owned), ".{0,40}"],
        pick(&["ab", "a-1", "a-b"]),
        pick(&["111122223333", "444455556666"]),
        pick(&["eu-west-1", "us-east-1", "local"]),
        pick(&["", "http://127.0.0.1:4600", "http://127.0.0.1:46001", "http://[::1]:4600", "https://127.0.0.1:4600"]),
    )
        .prop_map(|(identity, domain, owner, region, service)| TokenScope {
            identity: Identity::new(&identity),
            domain: domain.parse().unwrap(),
            owner: owner.parse().unwrap(),
            region: region.parse().unwrap(),
            service_override: ServiceOverride::parse(service.as_bytes()).ok(),
        })
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_all_parts_are(one in scopes(), other in scopes()) {
        prop_assert_eq!(one.key() == other.key(), one == other);
        prop_assert!(one.key().bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(TokenScope::from_key(&one.key()), Some(one));
    }

    #[test]
    fn text_that_reads_as_a_key_is_that_key(key in "codeartifact/1/local/111122223333/ab/.{0,5}/.{0,10}") {
        if let Some(scope) = TokenScope::from_key(&key) {
            prop_assert_eq!(scope.key(), key);
        }
    }

    #[test]
    fn entries_come_back_whole(scope in scopes(), life in 0_u64..43_200, nanoseconds in 0_u32..1_000_000_000) {
        let issued = at(0) + Duration::from_nanos(u64::from(nanoseconds));
        let token = AuthorizationToken::new(Zeroizing::new(SECRET.to_owned()), issued, at(life + 1));
        let entry = token.to_entry(&scope);
        prop_assert_eq!(AuthorizationToken::from_entry(&scope, &entry), Some(token));
        let listed = AuthorizationToken::peek_entry(&entry).unwrap();
        prop_assert_eq!((listed.scope, listed.issued, listed.expires), (scope, issued, at(life + 1)));
    }

    #[test]
    fn arbitrary_bytes_are_no_entry(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut with_magic = b"CAT1".to_vec();
        with_magic.extend(&bytes);
        for entry in [bytes, with_magic] {
            prop_assert!(AuthorizationToken::from_entry(&scope(), &entry).is_none());
            prop_assert!(AuthorizationToken::peek_entry(&entry).is_none());
        }
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let entry = token(900).to_entry(&scope());
    assert!(entry.len() < 2560, "one entry of the Windows store");
    for at in 0..entry.len() {
        for bit in 0..8 {
            let mut damaged = entry.to_vec();
            damaged[at] ^= 1 << bit;
            assert_eq!(AuthorizationToken::from_entry(&scope(), &damaged), None, "byte {at}, bit {bit}");
            assert!(AuthorizationToken::peek_entry(&damaged).is_none());
        }
        assert_eq!(AuthorizationToken::from_entry(&scope(), &entry[..at]), None, "cut at {at}");
        assert_eq!(AuthorizationToken::from_entry(&scope(), &entry[at + 1..]), None, "begun at {at}");
    }
    let mut longer = entry.to_vec();
    longer.push(0);
    assert_eq!(AuthorizationToken::from_entry(&scope(), &longer), None);
}

#[test]
fn an_entry_serves_its_own_scope_only() {
    let entry = token(900).to_entry(&scope());
    let others = [
        TokenScope { identity: Identity::new("profile:Default"), ..scope() },
        TokenScope { domain: "my-domain2".parse().unwrap(), ..scope() },
        TokenScope { owner: "111122223334".parse().unwrap(), ..scope() },
        TokenScope { region: "eu-west-2".parse().unwrap(), ..scope() },
        TokenScope { service_override: Some(ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap()), ..scope() },
    ];
    for other in &others {
        assert_eq!(AuthorizationToken::from_entry(other, &entry), None, "moved to {}", other.key());
        assert_eq!(AuthorizationToken::from_entry(&scope(), &token(900).to_entry(other)), None, "from {}", other.key());
    }
}

/// An entry with a right digest over whatever stands in it.
fn forged(key: &str, issued: u64, expires: u64, secret: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut entry = b"CAT1".to_vec();
    entry.extend(u16::try_from(key.len()).unwrap().to_be_bytes());
    entry.extend(key.as_bytes());
    for time in [issued, expires] {
        entry.extend(time.to_be_bytes());
        entry.extend(0_u32.to_be_bytes());
    }
    entry.extend(u16::try_from(secret.len()).unwrap().to_be_bytes());
    entry.extend(secret);
    let digest = Sha256::digest(&entry);
    entry.extend(&digest[..16]);
    entry
}

#[test]
fn implausible_entries_are_absent() {
    let load = |entry: &[u8]| AuthorizationToken::from_entry(&scope(), entry);
    let key = scope().key();
    let now = 1_700_000_000;
    let longest = 12 * 3600 + 300;
    assert!(load(&forged(&key, now, now + longest, b"eyJ.x")).is_some());
    assert!(load(&forged(&key, now, now + 900, &vec![b'x'; 20 * 1024])).is_some());
    for (what, entry) in [
        ("a life over 12 h 5 min", forged(&key, now, now + longest + 1, b"eyJ.x")),
        ("an end before the beginning", forged(&key, now, now - 1, b"eyJ.x")),
        ("a time beyond all times", forged(&key, u64::MAX, u64::MAX, b"eyJ.x")),
        ("no secret", forged(&key, now, now + 900, b"")),
        ("a secret over 20 KiB", forged(&key, now, now + 900, &vec![b'x'; 20 * 1024 + 1])),
        ("a line break in the secret", forged(&key, now, now + 900, b"eyJ\n.x")),
        ("a NUL in the secret", forged(&key, now, now + 900, b"eyJ\0.x")),
        ("a blank in the secret", forged(&key, now, now + 900, b"eyJ .x")),
        ("a DEL in the secret", forged(&key, now, now + 900, b"eyJ\x7f.x")),
        ("a letter beyond ASCII", forged(&key, now, now + 900, "eyJ\u{e4}".as_bytes())),
        ("bytes that are no text", forged(&key, now, now + 900, b"eyJ\xff")),
        ("100 KB", vec![b'x'; 100_000]),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(load(&entry), None, "{what}");
        assert!(AuthorizationToken::peek_entry(&entry).is_none(), "{what}");
    }
    assert!(AuthorizationToken::peek_entry(&forged("codeartifact/0/x", now, now + 900, b"eyJ.x")).is_none());
}
