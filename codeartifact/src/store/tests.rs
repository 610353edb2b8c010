//! The order of stores: who is asked, who is refilled, and that none of them fails a caller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::UNIX_EPOCH,
};

use super::*;
use crate::token::Identity;

/// A memory store that can be told to fail, and counts its loads.
#[derive(Clone, Default)]
struct Fake {
    memory: Arc<MemoryStore>,
    fails_load: bool,
    fails_save: bool,
    is_slow: bool,
    loads: Arc<AtomicU32>,
}

impl Fake {
    fn trouble(&self) -> StoreError {
        StoreError::Locked { store: self.name() }
    }
}

impl TokenStore for Fake {
    fn name(&self) -> &'static str {
        if self.is_slow { "slow" } else { "quick" }
    }
    fn load(&self, scope: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        if self.fails_load { Err(self.trouble()) } else { self.memory.load(scope) }
    }
    fn save(&self, scope: &TokenScope, token: &AuthorizationToken) -> Result<(), StoreError> {
        if self.fails_save { Err(self.trouble()) } else { self.memory.save(scope, token) }
    }
    fn forget(&self, scope: &TokenScope) -> Result<(), StoreError> {
        self.memory.forget(scope)
    }
    fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
        if self.fails_load { Err(self.trouble()) } else { self.memory.list() }
    }
    fn is_slow(&self) -> bool {
        self.is_slow
    }
}

fn stores(fakes: &[&Fake]) -> Stores {
    Stores::of(fakes.iter().map(|fake| Box::new((*fake).clone()) as Box<dyn TokenStore>).collect())
}

fn scope() -> TokenScope {
    TokenScope {
        identity: Identity::new("profile:test"),
        domain: "my-org".parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        service_override: None,
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn token(issued: SystemTime) -> AuthorizationToken {
    let secret = zeroize::Zeroizing::new("eyJ-secret".to_owned());
    AuthorizationToken::new(secret, issued, issued + Duration::from_hours(12))
}

#[test]
fn the_first_hit_answers_and_refills_the_quick_ones_before_it() {
    let (first, slow, third) = (Fake::default(), Fake { is_slow: true, ..Fake::default() }, Fake::default());
    third.save(&scope(), &token(now())).unwrap();
    let all = stores(&[&first, &slow, &third]);
    let loaded = all.load(&scope(), now());
    assert_eq!((loaded.token, loaded.from, loaded.problems.len()), (Some(token(now())), Some("quick"), 0));
    assert!(first.memory.load(&scope()).unwrap().is_some());
    assert!(slow.memory.load(&scope()).unwrap().is_none(), "a caller does not wait for it");
    all.load(&scope(), now());
    assert_eq!((first.loads.load(Ordering::Relaxed), third.loads.load(Ordering::Relaxed)), (2, 1));
}

#[test]
fn an_expired_token_is_none_and_a_later_store_may_have_a_newer_one() {
    let (first, second) = (Fake::default(), Fake::default());
    first.save(&scope(), &token(now() - Duration::from_hours(12))).unwrap();
    let all = stores(&[&first, &second]);
    assert!(all.load(&scope(), now()).token.is_none());
    second.save(&scope(), &token(now())).unwrap();
    assert_eq!(all.load(&scope(), now()).token, Some(token(now())));
    assert_eq!(first.memory.load(&scope()).unwrap(), Some(token(now())), "refilled");
}

#[test]
fn a_store_in_trouble_is_passed_over() {
    let (broken, works) = (Fake { fails_load: true, fails_save: true, ..Fake::default() }, Fake::default());
    let all = stores(&[&broken, &works]);
    assert_eq!(all.save(&scope(), &token(now()), now()).len(), 1);
    let loaded = all.load(&scope(), now());
    assert_eq!(loaded.token, Some(token(now())));
    assert_eq!(loaded.problems[0].to_string(), "quick is locked");
    let listings = all.list(now());
    assert!(listings[0].tokens.is_err());
    assert_eq!(listings[1].tokens.as_ref().unwrap().len(), 1);
    assert_eq!(all.forget(&scope(), now()).len(), 0);
    assert!(works.memory.load(&scope()).unwrap().is_none());
}

#[test]
fn what_cannot_be_replaced_is_forgotten() {
    // Full: an older token there would hide the newer one of the later store.
    let full = Fake { fails_save: true, ..Fake::default() };
    full.memory.save(&scope(), &token(now() - Duration::from_hours(7))).unwrap();
    let later = Fake::default();
    let all = stores(&[&full, &later]);
    all.save(&scope(), &token(now()), now());
    assert_eq!(all.load(&scope(), now()).token, Some(token(now())));
}

#[test]
fn others_find_a_token_before_the_slow_stores_are_written() {
    let (slow, quick) = (Fake { is_slow: true, ..Fake::default() }, Fake::default());
    let saved = stores(&[&slow, &quick]).save_first(&scope(), &token(now()), now());
    assert_eq!((saved.is_shared, saved.left), (true, vec![0]));
    assert!(slow.memory.load(&scope()).unwrap().is_none());

    let full = Fake { fails_save: true, ..Fake::default() };
    let saved = stores(&[&slow, &full]).save_first(&scope(), &token(now()), now());
    assert_eq!((saved.is_shared, saved.left.len()), (true, 0), "the slow one has to do");
    assert!(slow.memory.load(&scope()).unwrap().is_some());

    let saved = stores(&[&full]).save_first(&scope(), &token(now()), now());
    assert!(!saved.is_shared);
    let saved = Stores::of(vec![Box::new(NoStore), Box::new(MemoryStore::default())]);
    assert!(!saved.are_shared() && !saved.save_first(&scope(), &token(now()), now()).is_shared);
}

#[test]
fn nothing_is_opened_before_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let host = Host::for_test(
        &[],
        &[("HOME", path), ("XDG_RUNTIME_DIR", path), ("CODEARTIFACT_STORE", "file,secret-service")],
        path,
        now(),
    );
    let stores = Stores::new(&host, &UserSettings::read(&host).unwrap());
    assert_eq!(stores.names().collect::<Vec<_>>(), ["file", "secret-service"]);
    assert!(stores.load(&scope(), now()).token.is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "looking makes nothing");
    assert_eq!(format!("{stores:?}"), "[\"file\", \"secret-service\"]");
}

#[test]
fn a_store_is_left_alone_where_it_was_asked_and_nowhere_else() {
    /// A store at a bus that never answers.
    struct Hung(&'static str, Arc<AtomicU32>);
    impl TokenStore for Hung {
        fn name(&self) -> &'static str {
            "slow"
        }
        fn load(&self, _: &TokenScope) -> Result<Option<AuthorizationToken>, StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Err(StoreError::Timeout { store: "slow", after: DEADLINE })
        }
        fn save(&self, _: &TokenScope, _: &AuthorizationToken) -> Result<(), StoreError> {
            Ok(())
        }
        fn forget(&self, _: &TokenScope) -> Result<(), StoreError> {
            Ok(())
        }
        fn list(&self) -> Result<Vec<StoredToken>, StoreError> {
            Ok(Vec::new())
        }
        fn place(&self) -> String {
            self.0.to_owned()
        }
        fn is_slow(&self) -> bool {
            true
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let at = |bus| Stores { stores: vec![Box::new(Hung(bus, calls.clone()))], notes: Some(folder.path().to_owned()) };
    let count = |bus, later| {
        at(bus).load(&scope(), now() + later);
        calls.load(Ordering::Relaxed)
    };
    assert_eq!(count("unix:path=/one", Duration::ZERO), 1);
    assert_eq!(count("unix:path=/one", Duration::from_secs(599)), 1, "left alone");
    assert_eq!(count("unix:path=/two", Duration::ZERO), 2, "another session's");
    assert_eq!(count("unix:path=/one", Duration::from_mins(10)), 3, "asked again");
    at("unix:path=/one").forget_notes();
    assert_eq!(count("unix:path=/one", Duration::from_mins(10)), 4, "forgotten");
}

#[test]
fn every_persistent_store_is_looked_into_once() {
    let host = Host::for_test(&[], &[("HOME", "/nowhere"), ("CODEARTIFACT_STORE", "file,memory")], "/", now());
    let stores = Stores::everywhere(&host, &UserSettings::read(&host).unwrap());
    let names: Vec<_> = stores.names().collect();
    assert_eq!(names[..2], ["file", "memory"], "those in use come first");
    for name in StoreName::persistent() {
        assert_eq!(names.iter().filter(|found| **found == name.as_str()).count(), 1, "{name}");
    }
}
