//! What the tests of tokens at rest and in flight share.
#![allow(dead_code, reason = "every test binary uses its own part")]

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use codeartifact::{AuthorizationToken, Host, Identity, TokenScope, TokenStore, store::StoredToken};
use zeroize::Zeroizing;

/// The variable that tells a child which body to run, and with what.
pub(crate) const CHILD: &str = "CODEARTIFACT_TEST_CHILD";

/// The longest token that is believed, in bytes.
pub(crate) const LONGEST_TOKEN: usize = 20 * 1024;

/// A moment without a fraction of a second.
pub(crate) fn some_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// The scope of a domain, for a made-up identity.
pub(crate) fn scope(domain: &str) -> TokenScope {
    TokenScope {
        identity: Identity::new("profile:test"),
        domain: domain.parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        service_override: None,
    }
}

/// A token of 12 hours whose secret is `length` bytes, different for each `seed`.
pub(crate) fn token(seed: &str, length: usize, issued: SystemTime) -> AuthorizationToken {
    let mut secret = format!("eyJ-{seed}-");
    while secret.len() < length {
        secret.push(char::from(b'a' + u8::try_from(secret.len() % 26).unwrap()));
    }
    AuthorizationToken::new(Zeroizing::new(secret), issued, issued + Duration::from_hours(12))
}

/// What every store keeps to, with tokens of 4 KiB and one of `longest` bytes.
pub(crate) fn contract(store: &dyn TokenStore, name: &str, longest: usize) {
    let now = some_time();
    // Its own, for stores that other runs of this test share.
    let own = std::process::id();
    let (one, two) = (scope(&format!("contract-{own}-a")), scope(&format!("contract-{own}-b")));
    store.forget(&one).unwrap();
    store.forget(&one).unwrap();
    store.forget(&two).unwrap();
    assert_eq!(store.name(), name);
    assert_eq!(store.load(&one).unwrap(), None);
    let listed = |store: &dyn TokenStore| {
        let tokens = store.list().unwrap();
        tokens.into_iter().filter(|token| token.scope == one || token.scope == two).collect::<Vec<StoredToken>>()
    };
    assert_eq!(listed(store), []);

    let (first, second) = (token("first", 4096, now), token("second", 4096, now + Duration::from_secs(1)));
    store.save(&one, &first).unwrap();
    assert_eq!(store.load(&one).unwrap().as_ref(), Some(&first));
    // Every part of a scope counts.
    for other in [
        two.clone(),
        TokenScope { identity: Identity::new("profile:other"), ..one.clone() },
        TokenScope { owner: "444455556666".parse().unwrap(), ..one.clone() },
        TokenScope { region: "eu-west-1".parse().unwrap(), ..one.clone() },
        TokenScope {
            service_override: Some(codeartifact::ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap()),
            ..one.clone()
        },
    ] {
        assert_eq!(store.load(&other).unwrap(), None, "{other:?}");
    }

    store.save(&two, &second).unwrap();
    store.save(&one, &second).unwrap();
    assert_eq!(store.load(&one).unwrap().as_ref(), Some(&second), "replaced");
    let stored =
        |scope: &TokenScope| StoredToken { scope: scope.clone(), issued: second.issued(), expires: second.expires() };
    assert_eq!(listed(store), [stored(&one), stored(&two)]);
    for (length, seed) in [(5_000, "longer"), (20, "shorter"), (longest, "longest")] {
        let changed = token(seed, length, now);
        store.save(&one, &changed).unwrap();
        assert_eq!(store.load(&one).unwrap().as_ref(), Some(&changed), "{seed}");
    }

    store.forget(&one).unwrap();
    assert_eq!(store.load(&one).unwrap(), None);
    assert_eq!(store.load(&two).unwrap().as_ref(), Some(&second), "the other one stays");
    assert_eq!(listed(store), [stored(&two)]);
    store.forget(&two).unwrap();
    assert_eq!(listed(store), []);
}

/// This test binary, to run the ignored test `body` alone in a process of its own with nothing in its environment but
/// what is said of it.
pub(crate) fn child(body: &str, what: &str) -> Command {
    let mut command = Command::new(Host::of_process().program().unwrap());
    command.args(test_arguments(body)).env_clear().env(CHILD, what);
    command
}

/// The arguments by which a test binary runs `body` alone.
pub(crate) fn test_arguments(body: &str) -> [&str; 5] {
    ["--exact", body, "--ignored", "--nocapture", "--test-threads=1"]
}

/// What this process was started for; `None` where a person runs the ignored tests.
pub(crate) fn child_part() -> Option<(Host, String)> {
    let host = Host::of_process();
    let what = host.var(CHILD)?.to_owned();
    Some((host, what))
}

/// The lines a child printed that begin with `= `; the rest is the test runner's.
pub(crate) fn said(output: &std::process::Output) -> Vec<String> {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8_lossy(&output.stdout);
    // The runner's own line has no end when the body prints.
    lines.lines().filter_map(|line| line.split_once("= ")).map(|(_, said)| said.to_owned()).collect()
}

/// Waits until `what` is so, for at most 20 s.
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a file below `folder` contains `needle`.
pub(crate) fn files_contain(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files_contain(&entry.path(), needle)
        } else {
            kind.is_file() && std::fs::read(entry.path()).unwrap().windows(needle.len()).any(|window| window == needle)
        }
    })
}
