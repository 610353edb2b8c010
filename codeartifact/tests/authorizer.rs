//! From endpoint to token: the half-life rule, the fall-back, and one flight for any number of threads and processes.
#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod support;

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::{Duration, Instant, SystemTime},
};

use codeartifact::{
    AuthorizationToken, Authorize, AuthorizeError, Authorizer, AwsEnvironment, ControlPlaneError, Endpoint, Host,
    SourceError, Stores, TokenScope, TokenSource, TokenStore, Trust, UserSettings,
    authorizer::Renewal,
    control_plane::FailureKind,
    source::NoSource,
    store::{FileStore, MemoryStore},
};
use support::{child, child_part, said, some_time, wait_until};

/// A source that counts, and answers as it is told.
#[derive(Clone, Default)]
struct Counting {
    issued: Arc<AtomicU32>,
    failure: Arc<Mutex<Option<FailureKind>>>,
    now: Option<SystemTime>,
}

impl Counting {
    fn at(now: SystemTime) -> Self {
        Self { now: Some(now), ..Self::default() }
    }
    fn fails(&self, kind: FailureKind) {
        *self.failure.lock().unwrap() = Some(kind);
    }
    fn works(&self) {
        *self.failure.lock().unwrap() = None;
    }
    fn count(&self) -> u32 {
        self.issued.load(Ordering::SeqCst)
    }
    fn later(&self, now: SystemTime) -> Self {
        Self { now: Some(now), ..self.clone() }
    }
}

fn failure(kind: FailureKind, scope: &TokenScope) -> SourceError {
    SourceError::ControlPlane(ControlPlaneError {
        operation: "GetAuthorizationToken",
        kind,
        resource: format!("domain {}", scope.domain),
        status: Some(403),
        request_id: Some("r-1".to_owned()),
        message: "the source said\nno".to_owned(),
        source: Some("deep down".into()),
    })
}

impl TokenSource for Counting {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        match *self.failure.lock().unwrap() {
            Some(kind) => Err(failure(kind, scope)),
            None => Ok(support::token(&format!("{number}"), 1_000, self.now.unwrap())),
        }
    }
}

fn endpoint(domain: &str) -> Endpoint {
    let url = format!("https://{domain}-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/team/");
    Endpoint::recognise(url.as_bytes(), &Trust::default()).unwrap().unwrap()
}

fn host(folder: &Path, now: SystemTime) -> Host {
    let folder = folder.to_str().unwrap();
    let variables =
        [("XDG_RUNTIME_DIR", folder), ("XDG_STATE_HOME", folder), ("HOME", folder), ("CODEARTIFACT_STORE", "file")];
    Host::for_test(&[], &variables, folder, now)
}

fn stores(host: &Host) -> Stores {
    Stores::new(host, &UserSettings::read(host).unwrap())
}

/// Asks once, as a process of its own would at `now`.
fn ask(folder: &Path, now: SystemTime, source: &Counting) -> Result<String, AuthorizeError> {
    let host = host(folder, now);
    let aws = AwsEnvironment::read(&host).unwrap();
    let token = Authorizer::new(&host, &aws, stores(&host), source.later(now)).token_for(&endpoint("my-org"));
    token.map(|token| token.expose()[..6].to_owned())
}

fn warm(folder: &Path, now: SystemTime) -> Option<String> {
    let host = host(folder, now);
    let aws = AwsEnvironment::read(&host).unwrap();
    let token = Authorizer::new(&host, &aws, stores(&host), NoSource).warm(&endpoint("my-org"));
    token.map(|token| token.expose()[..6].to_owned())
}

const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn half_of_its_life_a_token_is_the_answer_without_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    assert_eq!(warm(folder.path(), some_time()), None);
    for passed in [Duration::ZERO, HOUR, Duration::from_secs(6 * 3_600 - 1)] {
        assert_eq!(ask(folder.path(), some_time() + passed, &source).unwrap(), "eyJ-1-");
        assert_eq!(warm(folder.path(), some_time() + passed).unwrap(), "eyJ-1-");
    }
    assert_eq!(source.count(), 1);
    assert_eq!(warm(folder.path(), some_time() + 6 * HOUR).unwrap(), "eyJ-1-", "past it, still at once");
    assert_eq!(warm(folder.path(), some_time() + 12 * HOUR - 600 * SECOND), None, "near its end there is work to do");
    assert_eq!(ask(folder.path(), some_time() + 6 * HOUR, &source).unwrap(), "eyJ-2-");
    assert_eq!(ask(folder.path(), some_time() + 7 * HOUR, &source).unwrap(), "eyJ-2-");
    assert_eq!(source.count(), 2);
}

#[test]
fn a_token_that_holds_outlives_a_failing_service() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    source.fails(FailureKind::Unreachable);
    let due = some_time() + 7 * HOUR;
    assert_eq!(ask(folder.path(), due, &source).unwrap(), "eyJ-1-");
    assert_eq!(source.count(), 2);
    // For a minute nobody waits for that service again.
    assert_eq!(ask(folder.path(), due + 59 * SECOND, &source).unwrap(), "eyJ-1-");
    assert_eq!(warm(folder.path(), due + 59 * SECOND).unwrap(), "eyJ-1-");
    assert_eq!(source.count(), 2);
    assert_eq!(ask(folder.path(), due + 60 * SECOND, &source).unwrap(), "eyJ-1-");
    assert_eq!(source.count(), 3);

    // Near its end it is still better than none, and at its end it is none.
    assert_eq!(ask(folder.path(), some_time() + 12 * HOUR - 120 * SECOND, &source).unwrap(), "eyJ-1-");
    let error = ask(folder.path(), some_time() + 12 * HOUR - 60 * SECOND, &source).unwrap_err();
    assert!(matches!(error, AuthorizeError::Source(_)), "{error:?}");
    source.works();
    assert_eq!(ask(folder.path(), some_time() + 12 * HOUR, &source).unwrap(), "eyJ-6-");
    // A success takes the note away: the next failure is news.
    assert_eq!(ask(folder.path(), some_time() + 12 * HOUR, &source).unwrap(), "eyJ-6-");
}

#[test]
fn a_failure_that_cannot_change_is_remembered_for_four_seconds() {
    for kind in [FailureKind::NoIdentity, FailureKind::Denied, FailureKind::NotFound, FailureKind::Invalid] {
        let folder = tempfile::tempdir().unwrap();
        let source = Counting::at(some_time());
        source.fails(kind);
        let first = ask(folder.path(), some_time(), &source).unwrap_err().to_string();
        let again = ask(folder.path(), some_time() + 3 * SECOND, &source).unwrap_err();
        assert_eq!(source.count(), 1, "{kind:?}");
        assert!(!again.to_string().contains('\n'));
        assert_eq!(again.to_string(), first.replace("the source said\nno", "the source said\\nno: deep down"));
        let AuthorizeError::Source(SourceError::ControlPlane(error)) = again else { panic!("{again:?}") };
        assert_eq!((error.kind, error.status, error.request_id.as_deref()), (kind, Some(403), Some("r-1")));
        ask(folder.path(), some_time() + 4 * SECOND, &source).unwrap_err();
        assert_eq!(source.count(), 2, "{kind:?}");
    }
    for kind in [FailureKind::Throttled, FailureKind::Unreachable, FailureKind::Service] {
        let folder = tempfile::tempdir().unwrap();
        let source = Counting::at(some_time());
        source.fails(kind);
        ask(folder.path(), some_time(), &source).unwrap_err();
        source.works();
        // Later by the clock: a process that another test is starting just now may hold the lock for a moment, and who
        // waits for it from the very moment of the failure shares it.
        let answer = ask(folder.path(), some_time() + SECOND, &source);
        assert_eq!(answer.unwrap(), "eyJ-2-", "{kind:?}: may be over already");
    }
}

#[test]
fn no_note_and_no_lock_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    fs::remove_dir_all(folder.path().join("codeartifact/tokens")).unwrap();
    assert!(!support::files_contain(folder.path(), b"eyJ-"));
    assert!(folder.path().join("codeartifact").read_dir().unwrap().count() >= 1, "the lock is there");
}

#[test]
fn a_token_of_the_environment_goes_first_and_is_never_kept() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    let host = host(folder.path(), some_time())
        .with_var("CODEARTIFACT_AUTH_TOKEN", "eyJ-env")
        .with_var("CODEARTIFACT_AUTH_TOKEN_FOR", "my-org-111122223333");
    let aws = AwsEnvironment::read(&host).unwrap();
    let authorizer = Authorizer::new(&host, &aws, stores(&host), source.clone());
    assert_eq!(authorizer.token_for(&endpoint("my-org")).unwrap().expose(), "eyJ-env");
    assert_eq!(authorizer.warm(&endpoint("my-org")).unwrap().expose(), "eyJ-env");
    assert_eq!(source.count(), 0);
    assert!(!support::files_contain(folder.path(), b"eyJ-env"));
    assert!(authorizer.token_for(&endpoint("other")).unwrap().expose().starts_with("eyJ-1-"));
}

#[cfg(unix)]
#[test]
fn a_folder_for_locks_that_others_can_change_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let locks = folder.path().join("codeartifact");
    fs::create_dir(&locks).unwrap();
    fs::set_permissions(&locks, fs::Permissions::from_mode(0o777)).unwrap();
    let error = ask(folder.path(), some_time(), &Counting::at(some_time())).unwrap_err();
    assert!(matches!(error, AuthorizeError::Lock(_)), "{error:?}");
    assert!(error.hint().unwrap().contains("chmod 700"));
}

#[test]
fn threads_share_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), some_time());
    let aws = AwsEnvironment::read(&host).unwrap();
    let file = FileStore::new(Some(folder.path().join("tokens")));
    for (name, store) in [("file", Box::new(file) as Box<dyn TokenStore>), ("memory", Box::new(MemoryStore::default()))]
    {
        let source = Counting::at(some_time());
        let authorizer = Authorizer::new(&host, &aws, Stores::of(vec![store]), source.clone());
        std::thread::scope(|threads| {
            let tokens: Vec<_> =
                (0..32).map(|_| threads.spawn(|| authorizer.token_for(&endpoint("my-org")).unwrap())).collect();
            for token in tokens {
                assert!(token.join().unwrap().expose().starts_with("eyJ-1-"), "{name}");
            }
        });
        assert_eq!(source.count(), 1, "{name}");
    }
}

/// Tokens given out at `now` by a program that leaves renewals to another process.
fn leaving<T>(folder: &Path, now: SystemTime, source: &Counting, then: impl FnOnce(&Authorizer<'_>) -> T) -> T {
    let host = host(folder, now);
    let aws = AwsEnvironment::read(&host).unwrap();
    then(&Authorizer::new(&host, &aws, stores(&host), source.later(now)).leaving_renewals())
}

/// Begins the renewal of what is given out at `now`. Another test that is starting a process may hold a lock that was
/// just let go, until that process runs.
fn begun(folder: &Path, now: SystemTime, source: &Counting) -> Renewal {
    let mut renewal = None;
    wait_until("the renewal is ours to begin", || {
        renewal = leaving(folder, now, source, |authorizer| {
            authorizer.token_for(&endpoint("my-org")).unwrap();
            authorizer.renewals().pop()
        });
        renewal.is_some()
    });
    renewal.unwrap()
}

#[test]
fn past_half_of_its_life_a_token_is_the_answer_and_one_other_process_renews_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    let due = some_time() + 7 * HOUR;
    let mut renewal = None;
    wait_until("the renewal is ours to begin", || {
        leaving(folder.path(), due, &source, |authorizer| {
            assert!(authorizer.renewals().is_empty(), "nothing was given out");
            for _ in 0..3 {
                assert!(authorizer.token_for(&endpoint("my-org")).unwrap().expose().starts_with("eyJ-1-"));
                assert!(authorizer.warm(&endpoint("my-org")).unwrap().expose().starts_with("eyJ-1-"));
            }
            let mut renewals = authorizer.renewals();
            assert!(renewals.len() <= 1, "one for the domain");
            assert!(authorizer.renewals().is_empty(), "once");
            renewal = renewals.pop();
        });
        renewal.is_some()
    });
    let renewal = renewal.unwrap();
    assert_eq!(source.count(), 1, "nobody asked the service");
    let others = |now| {
        leaving(folder.path(), now, &source, |authorizer| {
            authorizer.token_for(&endpoint("my-org")).unwrap();
            authorizer.renewals().len()
        })
    };
    assert_eq!(others(due), 0, "somebody is at it");
    assert_eq!(others(due + 2 * 60 * SECOND), 0, "as long as the lock is held");

    // The other process, with the lock of the first.
    let at = due + SECOND;
    let endpoint = renewal.endpoint().clone();
    leaving(folder.path(), at, &source, |authorizer| {
        authorizer.renew_ahead(&endpoint, Some(renewal.into_lock())).unwrap();
        // A second one has nothing to do.
        authorizer.renew_ahead(&endpoint, None).unwrap();
    });
    assert_eq!(source.count(), 2);
    assert_eq!(warm(folder.path(), at).unwrap(), "eyJ-2-");
    assert_eq!(others(at), 0, "it is fresh");
}

#[test]
fn a_renewal_ahead_is_begun_once_a_minute_whatever_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    let due = some_time() + 7 * HOUR;
    let begins = |now| {
        leaving(folder.path(), now, &source, |authorizer| {
            authorizer.token_for(&endpoint("my-org")).unwrap();
            !authorizer.renewals().is_empty()
        })
    };
    // It dies without a word.
    drop(begun(folder.path(), due, &source));
    assert!(!begins(due + 59 * SECOND));
    // It fails.
    source.fails(FailureKind::Throttled);
    let renewal = begun(folder.path(), due + 60 * SECOND, &source);
    let endpoint = renewal.endpoint().clone();
    leaving(folder.path(), due + 70 * SECOND, &source, |authorizer| {
        authorizer.renew_ahead(&endpoint, Some(renewal.into_lock())).unwrap_err();
    });
    assert!(!begins(due + 129 * SECOND));
    drop(begun(folder.path(), due + 130 * SECOND, &source));
    // Who waits near the end is not kept from it by a renewal that was begun.
    source.works();
    let end = some_time() + 12 * HOUR - 600 * SECOND;
    ask(folder.path(), some_time() + 12 * HOUR - 901 * SECOND, &source).unwrap();
    assert_eq!(source.count(), 3);
    assert_eq!(warm(folder.path(), end).unwrap(), "eyJ-3-");
}

#[test]
fn an_entry_that_was_put_back_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    let tokens = folder.path().join("codeartifact/tokens");
    let entry = fs::read_dir(&tokens).unwrap().next().unwrap().unwrap().path();
    let older = fs::read(&entry).unwrap();
    // Renewed at half of its life, then the older one comes back, as from a copy of the folder.
    let later = some_time() + 6 * HOUR;
    assert_eq!(ask(folder.path(), later, &source).unwrap(), "eyJ-2-");
    let newer = fs::read(&entry).unwrap();
    fs::write(&entry, &older).unwrap();
    assert_eq!(warm(folder.path(), later), None, "it holds for hours, and is not believed");
    assert_eq!(ask(folder.path(), later, &source).unwrap(), "eyJ-3-");
    assert_eq!(warm(folder.path(), later).unwrap(), "eyJ-3-");
    // A minute's difference is none: two processes may have fetched a token each.
    fs::write(&entry, &newer).unwrap();
    assert_eq!(warm(folder.path(), later).unwrap(), "eyJ-2-");

    // A clock that was ahead, and is right again, does no lasting harm.
    let ahead = later + 24 * HOUR;
    assert_eq!(ask(folder.path(), ahead, &source).unwrap(), "eyJ-4-");
    assert_eq!(ask(folder.path(), later, &source).unwrap(), "eyJ-5-");
    assert_eq!(warm(folder.path(), later).unwrap(), "eyJ-5-");
    // Without the memory of it, an older entry is as good as any.
    let host = host(folder.path(), later);
    fs::write(&entry, &older).unwrap();
    stores(&host).forget_notes();
    assert_eq!(warm(folder.path(), later).unwrap(), "eyJ-1-");
}

#[test]
fn a_renewal_that_is_under_way_at_a_logout_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let counting = Counting::at(some_time());
    ask(folder.path(), some_time(), &counting).unwrap();
    let due = some_time() + 7 * HOUR;
    let renewal = begun(folder.path(), due, &counting);
    let endpoint = renewal.endpoint().clone();
    let (asked, is_asked) = mpsc::sync_channel(1);
    let (answer, let_answer) = mpsc::sync_channel(1);
    std::thread::scope(|threads| {
        let renews = threads.spawn(|| {
            let host = host(folder.path(), due);
            let aws = AwsEnvironment::read(&host).unwrap();
            let source = Gated { asked, answer: Mutex::new(let_answer), now: due };
            let authorizer = Authorizer::new(&host, &aws, stores(&host), source);
            authorizer.renew_ahead(&endpoint, Some(renewal.into_lock())).unwrap();
        });
        is_asked.recv().unwrap();
        let host = host(folder.path(), due);
        let aws = AwsEnvironment::read(&host).unwrap();
        stores(&host).forget_notes();
        stores(&host).forget(&TokenScope::of(&endpoint, &aws).unwrap(), due);
        answer.send(()).unwrap();
        renews.join().unwrap();
    });
    assert_eq!(warm(folder.path(), due), None);
    assert!(!support::files_contain(folder.path(), b"eyJ-"));
}

/// A source whose failure somebody sees to, which takes its time.
struct Mended {
    issued: Arc<AtomicU32>,
    asked: Arc<AtomicU32>,
    agrees: bool,
    now: SystemTime,
}

impl TokenSource for Mended {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        self.issued.fetch_add(1, Ordering::SeqCst);
        if self.agrees && self.asked.load(Ordering::SeqCst) > 0 {
            return Ok(support::token("mended", 1_000, self.now));
        }
        Err(failure(FailureKind::SignInEnded, scope))
    }
    fn mend(&self, _: &TokenScope, _: &SourceError, begun: &dyn Fn()) -> bool {
        begun();
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Long enough for the others to come and wait.
        std::thread::sleep(Duration::from_millis(200));
        self.agrees
    }
}

#[test]
fn one_is_asked_to_sign_in_and_all_go_on() {
    for agrees in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (issued, asked) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let start = std::sync::Barrier::new(12);
        std::thread::scope(|threads| {
            let ask = || {
                // A process each, as far as locks are concerned.
                let host = host(folder.path(), some_time());
                let aws = AwsEnvironment::read(&host).unwrap();
                let source = Mended { issued: issued.clone(), asked: asked.clone(), agrees, now: some_time() };
                let authorizer = Authorizer::new(&host, &aws, stores(&host), source);
                start.wait();
                authorizer.token_for(&endpoint("my-org")).map(|token| token.expose()[..10].to_owned())
            };
            let all: Vec<_> = (0..12).map(|_| threads.spawn(ask)).collect();
            for one in all {
                let answer = one.join().unwrap();
                assert_eq!(answer.is_ok(), agrees, "{answer:?}");
            }
        });
        assert_eq!(asked.load(Ordering::SeqCst), 1, "one was asked");
        assert_eq!(issued.load(Ordering::SeqCst), if agrees { 2 } else { 1 });
    }
}

#[test]
fn nobody_is_asked_while_a_token_holds() {
    let folder = tempfile::tempdir().unwrap();
    ask(folder.path(), some_time(), &Counting::at(some_time())).unwrap();
    let host = host(folder.path(), some_time() + 12 * HOUR - 600 * SECOND);
    let aws = AwsEnvironment::read(&host).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let source = Mended { issued: Arc::default(), asked: asked.clone(), agrees: true, now: host.now() };
    let token = Authorizer::new(&host, &aws, stores(&host), source).token_for(&endpoint("my-org")).unwrap();
    assert!(token.expose().starts_with("eyJ-1-"));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_strange_file_is_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::at(some_time());
    ask(folder.path(), some_time(), &source).unwrap();
    let due = some_time() + 7 * HOUR;
    let renewal = begun(folder.path(), due, &source);
    let strange = || fs::File::open(folder.path()).unwrap();
    leaving(folder.path(), due, &source, |authorizer| {
        authorizer.renew_ahead(&endpoint("my-org"), Some(strange())).unwrap();
        assert_eq!(source.count(), 1, "somebody else has the lock");
        drop(renewal);
        wait_until("it is free, and taken", || {
            authorizer.renew_ahead(&endpoint("my-org"), Some(strange())).unwrap();
            source.count() == 2
        });
    });
}

/// A source that says when it is asked, and answers when it is let.
struct Gated {
    asked: mpsc::SyncSender<()>,
    answer: Mutex<mpsc::Receiver<()>>,
    now: SystemTime,
}

impl TokenSource for Gated {
    fn issue(&self, _: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        self.asked.send(()).unwrap();
        self.answer.lock().unwrap().recv().unwrap();
        Ok(support::token("gated", 1_000, self.now))
    }
}

#[test]
fn while_one_renews_the_others_take_the_old_one_or_near_its_end_wait() {
    for (passed, waits) in [(7 * HOUR, false), (Duration::from_mins(12 * 60 - 10), true)] {
        let folder = tempfile::tempdir().unwrap();
        let now = some_time() + passed;
        let counting = Counting::at(some_time());
        ask(folder.path(), some_time(), &counting).unwrap();
        let (asked, is_asked) = mpsc::sync_channel(1);
        let (answer, let_answer) = mpsc::sync_channel(1);
        std::thread::scope(|threads| {
            let leader = threads.spawn(|| {
                let host = host(folder.path(), now);
                let aws = AwsEnvironment::read(&host).unwrap();
                let source = Gated { asked, answer: Mutex::new(let_answer), now };
                Authorizer::new(&host, &aws, stores(&host), source).token_for(&endpoint("my-org")).unwrap()
            });
            is_asked.recv().unwrap();
            if waits {
                assert_eq!(warm(folder.path(), now), None, "to be waited for");
                let other = threads.spawn(|| ask(folder.path(), now, &counting).unwrap());
                #[cfg(target_os = "linux")]
                wait_until("the other waits", || waits_in_lock(std::process::id()));
                answer.send(()).unwrap();
                assert_eq!(other.join().unwrap(), "eyJ-ga");
            } else {
                assert_eq!(ask(folder.path(), now, &counting).unwrap(), "eyJ-1-");
                assert_eq!(warm(folder.path(), now).unwrap(), "eyJ-1-");
                answer.send(()).unwrap();
            }
            assert!(leader.join().unwrap().expose().starts_with("eyJ-gated-"));
        });
        assert_eq!(counting.count(), 1);
        assert_eq!(warm(folder.path(), now).unwrap(), "eyJ-ga");
    }
}

/// A slow store that counts what is saved in it.
struct Slow(Arc<AtomicU32>);

impl TokenStore for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn load(&self, _: &TokenScope) -> Result<Option<AuthorizationToken>, codeartifact::StoreError> {
        Ok(None)
    }
    fn save(&self, _: &TokenScope, _: &AuthorizationToken) -> Result<(), codeartifact::StoreError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn forget(&self, _: &TokenScope) -> Result<(), codeartifact::StoreError> {
        Ok(())
    }
    fn list(&self) -> Result<Vec<codeartifact::store::StoredToken>, codeartifact::StoreError> {
        Ok(Vec::new())
    }
    fn is_slow(&self) -> bool {
        true
    }
}

#[test]
fn slow_stores_are_written_after_the_answer_unless_others_depend_on_them() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), some_time());
    let aws = AwsEnvironment::read(&host).unwrap();
    let file = || Box::new(FileStore::new(Some(folder.path().join("tokens")))) as Box<dyn TokenStore>;
    for (quick, before, after) in [(Some(file()), 0, 1), (None, 1, 1)] {
        let saves = Arc::new(AtomicU32::new(0));
        let mut list: Vec<Box<dyn TokenStore>> = vec![Box::new(Slow(saves.clone()))];
        list.extend(quick);
        let authorizer = Authorizer::new(&host, &aws, Stores::of(list), Counting::at(some_time()));
        authorizer.token_for(&endpoint("my-org")).unwrap();
        assert_eq!(saves.load(Ordering::SeqCst), before);
        assert_eq!(authorizer.settle().len(), 0);
        assert_eq!(saves.load(Ordering::SeqCst), after);
        authorizer.settle();
        assert_eq!(saves.load(Ordering::SeqCst), after, "once");
    }
}

/// What a child's source does, beside adding a line to the file of issues.
struct Recording<'a> {
    host: &'a Host,
    issues: String,
    manner: String,
}

impl TokenSource for Recording<'_> {
    fn issue(&self, scope: &TokenScope) -> Result<AuthorizationToken, SourceError> {
        let mut issues = fs::File::options().append(true).create(true).open(&self.issues).unwrap();
        // One write: lines of several processes do not mix.
        issues.write_all(format!("{}\n", std::process::id()).as_bytes()).unwrap();
        match self.manner.as_str() {
            // The first answers at once; the others wait for one another, which ends only if they are let ask together.
            manner if manner.starts_with("together:") => {
                let all: usize = manner.trim_start_matches("together:").parse().unwrap();
                let asked = || fs::read_to_string(&self.issues).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
                if asked()[0] != std::process::id().to_string() {
                    wait_until("all have asked", || asked().len() == all);
                }
                Ok(support::token("together", 1_000, self.host.now()))
            }
            "hang" => loop {
                std::thread::park();
            },
            "deny" => {
                std::thread::sleep(Duration::from_millis(300));
                Err(failure(FailureKind::Denied, scope))
            }
            "cut" => {
                std::thread::sleep(Duration::from_millis(300));
                Err(failure(FailureKind::Unreachable, scope))
            }
            _ => {
                // The service's latency: others come meanwhile.
                std::thread::sleep(Duration::from_millis(300));
                Ok(support::token(&format!("{}", std::process::id()), 1_000, self.host.now()))
            }
        }
    }
}

#[test]
#[ignore = "run by the other tests, in processes of its own"]
fn process_body() {
    let Some((host, what)) = child_part() else { return };
    let (manner, domain) = what.split_once(' ').unwrap();
    let aws = AwsEnvironment::read(&host).unwrap();
    let issues = host.var("ISSUES").unwrap().to_owned();
    let source = Recording { host: &host, issues, manner: manner.to_owned() };
    let authorizer = Authorizer::new(&host, &aws, stores(&host), source);
    match authorizer.token_for(&endpoint(domain)) {
        Ok(token) => println!("= {}", &token.expose()[..12]),
        Err(error) => println!("= error: {error}"),
    }
}

struct Crowd {
    folder: tempfile::TempDir,
    stores: &'static str,
}

impl Crowd {
    fn new(stores: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), stores }
    }

    fn process(&self, manner: &str, domain: &str) -> std::process::Command {
        let mut command = child("process_body", &format!("{manner} {domain}"));
        for variable in ["XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"] {
            command.env(variable, self.folder.path());
        }
        command
            .env("CODEARTIFACT_STORE", self.stores)
            .env("ISSUES", self.folder.path().join("issues"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command
    }

    /// What each of `count` processes said.
    fn run(&self, count: usize, manner: &str, domain: impl Fn(usize) -> String) -> Vec<String> {
        let children: Vec<_> =
            (0..count).map(|number| self.process(manner, &domain(number)).spawn().unwrap()).collect();
        children.into_iter().flat_map(|child| said(&child.wait_with_output().unwrap())).collect()
    }

    fn issues(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("issues")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn processes_share_one_request() {
    let crowd = Crowd::new("file");
    let said = crowd.run(48, "answer", |_| "my-org".to_owned());
    assert_eq!(crowd.issues().len(), 1);
    assert_eq!(said, vec![format!("eyJ-{}-", crowd.issues()[0]); 48].iter().map(|t| pad(t)).collect::<Vec<_>>());
}

/// The first twelve characters of a token of `support::token`.
fn pad(start: &str) -> String {
    let whole = support::token(start.trim_start_matches("eyJ-").trim_end_matches('-'), 1_000, some_time());
    whole.expose()[..12].to_owned()
}

#[test]
fn each_domain_has_its_flight() {
    let crowd = Crowd::new("file");
    let said = crowd.run(32, "answer", |number| format!("domain-{}", number % 4));
    assert_eq!(said.len(), 32);
    assert_eq!(crowd.issues().len(), 4);
}

#[test]
fn processes_share_a_refusal() {
    let crowd = Crowd::new("file");
    let said = crowd.run(32, "deny", |_| "my-org".to_owned());
    assert!((1..=2).contains(&crowd.issues().len()), "{}", crowd.issues().len());
    assert_eq!(said.len(), 32);
    for line in said {
        assert!(
            line.starts_with("error: GetAuthorizationToken on domain my-org was denied: the source said"),
            "{line}"
        );
    }
}

#[test]
fn all_who_waited_share_any_failure() {
    let crowd = Crowd::new("file");
    let said = crowd.run(16, "cut", |_| "my-org".to_owned());
    // Those who come after it is known ask again, one after another: it may be over. Sixteen in a row would mean that
    // nobody shared.
    assert!(crowd.issues().len() < 16, "{}", crowd.issues().len());
    assert!(said.iter().all(|line| line.starts_with("error: ")), "{said:?}");
}

#[test]
fn a_killed_leader_holds_nobody_up() {
    let crowd = Crowd::new("file");
    for round in 1..=5 {
        let before = crowd.issues().len();
        let domain = format!("domain-{round}");
        let mut leader = crowd.process("hang", &domain).spawn().unwrap();
        wait_until("the leader asks", || crowd.issues().len() > before);
        let waiters: Vec<_> = (0..8).map(|_| crowd.process("answer", &domain).spawn().unwrap()).collect();
        wait_until("all of them wait", || waiters.iter().all(|waiter| waits_in_lock(waiter.id())));
        assert_eq!(crowd.issues().len(), before + 1, "nobody asks beside the leader");
        leader.kill().unwrap();
        leader.wait().unwrap();
        let start = Instant::now();
        for waiter in waiters {
            assert_eq!(said(&waiter.wait_with_output().unwrap()).len(), 1);
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!(crowd.issues().len(), before + 2, "one more request");
    }
}

/// Whether a thread of a process blocks in `flock`.
#[cfg(target_os = "linux")]
fn waits_in_lock(process: u32) -> bool {
    fs::read_dir(format!("/proc/{process}/task")).is_ok_and(|threads| {
        threads
            .flatten()
            .any(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name == "flight\n"))
    })
}

#[cfg(not(target_os = "linux"))]
fn waits_in_lock(_process: u32) -> bool {
    true
}

#[test]
fn without_a_place_to_share_everybody_asks_at_once() {
    for (stores, blocked) in [("none", false), ("memory", false), ("file", true)] {
        let crowd = Crowd::new(stores);
        if blocked {
            // The store's folder cannot be made: a token can be kept nowhere.
            fs::create_dir(crowd.folder.path().join("codeartifact")).unwrap();
            fs::write(crowd.folder.path().join("codeartifact/tokens"), "").unwrap();
        }
        let said = crowd.run(16, "together:16", |_| "my-org".to_owned());
        assert_eq!(said, vec!["eyJ-together"; 16], "{stores}");
        assert_eq!(crowd.issues().len(), 16, "{stores}");
    }
}
