//! The Secret Service store with a real GNOME Keyring on a session bus of its own, and with buses that are none.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use codeartifact::{Host, Stores, TokenStore, UserSettings, store::SecretServiceStore, store::StoreError};
use support::{LONGEST_TOKEN, contract, files_contain, scope, some_time, token, wait_until};

/// What a keyring that is locked, hung or gone may cost a caller.
const LONGEST: Duration = Duration::from_millis(2_500);

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its own child: ended already, or ended now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A home with a session bus.
struct Desktop {
    home: tempfile::TempDir,
    address: String,
    _bus: Running,
}

impl Desktop {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .arg(format!("--address=unix:path={}", home.path().join("bus").display()))
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { home, address: address.trim().to_owned(), _bus: Running(bus) }
    }

    fn host(&self) -> Host {
        let state = self.home.path().to_str().unwrap();
        let variables = [("DBUS_SESSION_BUS_ADDRESS", self.address.as_str()), ("HOME", state)];
        Host::for_test(&[], &variables, "/", some_time())
    }

    fn store(&self) -> SecretServiceStore {
        SecretServiceStore::new(&self.host())
    }

    /// Starts the keyring, unlocked by a password or as it is, and waits until it is on the bus.
    fn keyring(&self, password: Option<&str>) -> Running {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]).args(password.map(|_| "--unlock"));
        for (variable, folder) in [("HOME", ""), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "run")] {
            let folder = self.home.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            command.env(variable, folder);
        }
        let mut daemon = command
            .env_remove("GNOME_KEYRING_CONTROL")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon is installed");
        daemon.stdin.take().unwrap().write_all(password.unwrap_or_default().as_bytes()).unwrap();
        let daemon = Running(daemon);
        let store = self.store();
        wait_until("the keyring is on the bus", || !matches!(store.list(), Err(StoreError::Unavailable { .. })));
        daemon
    }
}

#[test]
fn keeps_the_contract_and_survives_a_restart() {
    let desktop = Desktop::new();
    let kept = token("restart", 4096, some_time());
    {
        let _keyring = desktop.keyring(Some("pw"));
        contract(&desktop.store(), "secret-service", LONGEST_TOKEN);
        desktop.store().save(&scope("restart"), &kept).unwrap();
    }
    let _keyring = desktop.keyring(Some("pw"));
    assert_eq!(desktop.store().load(&scope("restart")).unwrap(), Some(kept));
    assert!(!files_contain(desktop.home.path(), b"eyJ-restart-"), "it is encrypted on disk");
}

#[test]
fn a_locked_keyring_neither_asks_nor_hangs() {
    let desktop = Desktop::new();
    {
        let _keyring = desktop.keyring(Some("pw"));
        desktop.store().save(&scope("my-org"), &token("locked", 4096, some_time())).unwrap();
    }
    let _keyring = desktop.keyring(None);
    let start = Instant::now();
    let load = desktop.store().load(&scope("my-org"));
    assert!(matches!(load, Err(StoreError::Locked { .. })), "{load:?}");
    let save = desktop.store().save(&scope("other"), &token("fresh", 4096, some_time()));
    assert!(matches!(save, Err(StoreError::Locked { .. })), "{save:?}");
    let forget = desktop.store().forget(&scope("my-org"));
    assert!(matches!(forget, Err(StoreError::Locked { .. })), "{forget:?}");
    assert_eq!(desktop.store().load(&scope("never-kept")).unwrap(), None);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());

    // The usual stores without a kernel keyring: nothing is written elsewhere instead.
    let host = desktop.host().with_var("CODEARTIFACT_STORE", "secret-service");
    let stores = Stores::new(&host, &UserSettings::read(&host).unwrap());
    assert_eq!(stores.save(&scope("other"), &token("fresh", 4096, some_time()), some_time()).len(), 1);
    assert!(!files_contain(desktop.home.path(), b"eyJ-fresh-"));
}

#[test]
fn without_a_default_collection_none_is_made() {
    let desktop = Desktop::new();
    let _keyring = desktop.keyring(None);
    let start = Instant::now();
    let error = desktop.store().save(&scope("my-org"), &token("t", 4096, some_time())).unwrap_err();
    assert_eq!(error.to_string(), "secret-service is not available: it has no default collection");
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}

#[test]
fn a_service_that_does_not_run_is_not_started() {
    let desktop = Desktop::new();
    let start = Instant::now();
    let error = desktop.store().load(&scope("my-org")).unwrap_err();
    assert_eq!(error.to_string(), "secret-service is not available: no such service runs on the session bus");
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
    // Had the call started it, the bus would know it now.
    assert!(matches!(desktop.store().list(), Err(StoreError::Unavailable { .. })));
}

#[test]
fn without_a_bus_nothing_is_tried() {
    let empty = tempfile::tempdir().unwrap();
    let runtime = empty.path().to_str().unwrap();
    for (variables, reason) in [
        (vec![], "there is no session bus"),
        (vec![("XDG_RUNTIME_DIR", runtime)], "there is no session bus"),
        (
            vec![("DBUS_SESSION_BUS_ADDRESS", "tcp:host=127.0.0.1,port=1")],
            "DBUS_SESSION_BUS_ADDRESS names no Unix socket",
        ),
        (
            vec![("DBUS_SESSION_BUS_ADDRESS", "unixexec:path=/bin/true")],
            "DBUS_SESSION_BUS_ADDRESS names no Unix socket",
        ),
        (vec![("DBUS_SESSION_BUS_ADDRESS", "autolaunch:")], "DBUS_SESSION_BUS_ADDRESS names no Unix socket"),
    ] {
        let host = Host::for_test(&[], &variables, "/", some_time());
        let start = Instant::now();
        let error = SecretServiceStore::new(&host).load(&scope("my-org")).unwrap_err();
        assert_eq!(error.to_string(), format!("secret-service is not available: {reason}"));
        assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    }
    for address in [format!("unix:path={runtime}/none"), "unix:abstract=codeartifact-test-none".to_owned()] {
        let host = Host::for_test(&[], &[("DBUS_SESSION_BUS_ADDRESS", &address)], "/", some_time());
        let error = SecretServiceStore::new(&host).load(&scope("my-org")).unwrap_err().to_string();
        assert!(error.starts_with("secret-service is not available: the session bus does not answer: "), "{error}");
    }
}

/// A bus that takes connections and never says a word.
fn black_hole(folder: &Path) -> (UnixListener, Host) {
    let listener = UnixListener::bind(folder.join("bus")).unwrap();
    let folder = folder.to_str().unwrap();
    let variables =
        [("XDG_RUNTIME_DIR", folder), ("XDG_STATE_HOME", folder), ("CODEARTIFACT_STORE", "secret-service,file")];
    (listener, Host::for_test(&[], &variables, "/", some_time()))
}

#[test]
fn a_hung_bus_ends_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, host) = black_hole(folder.path());
    let store = SecretServiceStore::new(&host);
    let kept = token("t", 4096, some_time());
    for (what, result) in [("load", None), ("save", Some(&kept))] {
        let start = Instant::now();
        let error = match result {
            None => store.load(&scope("my-org")).unwrap_err(),
            Some(kept) => store.save(&scope("my-org"), kept).unwrap_err(),
        };
        assert!(matches!(error, StoreError::Timeout { .. }), "{what}: {error:?}");
        assert!(start.elapsed() < LONGEST, "{what}: {:?}", start.elapsed());
    }
}

#[test]
fn the_chain_goes_on_after_a_hung_bus_and_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_listener, host) = black_hole(folder.path());
    let stores = |host: &Host| Stores::new(host, &UserSettings::read(host).unwrap());
    let (scope, kept) = (scope("my-org"), token("t", 4096, some_time()));

    let start = Instant::now();
    let loaded = stores(&host).load(&scope, some_time());
    assert!(loaded.token.is_none());
    assert!(matches!(loaded.problems[..], [StoreError::Timeout { .. }]), "{:?}", loaded.problems);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());

    // Other processes know of it for ten minutes.
    let start = Instant::now();
    let problems = stores(&host).save(&scope, &kept, some_time());
    assert!(matches!(problems[..], [StoreError::Unavailable { .. }]), "{problems:?}");
    let later = some_time() + Duration::from_secs(599);
    let loaded = stores(&host).load(&scope, later);
    assert_eq!((loaded.token, loaded.from), (Some(kept), Some("file")));
    assert_eq!(
        loaded.problems[0].to_string(),
        "secret-service is not available: it missed its deadline 599 s ago and is asked again after 10 min"
    );
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());

    let loaded = stores(&host).load(&scope, some_time() + Duration::from_mins(10));
    assert!(matches!(loaded.problems[..], [StoreError::Timeout { .. }]), "{:?}", loaded.problems);
}
