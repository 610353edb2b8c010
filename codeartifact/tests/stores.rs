//! Tokens at rest: the contract over the stores that need no service, and what is special about each.
#![expect(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod support;

use codeartifact::{
    Stores, TokenStore, UserSettings,
    store::{FileStore, MemoryStore, NoStore, StoreError},
};
use support::{LONGEST_TOKEN, contract, scope, some_time, token};

#[test]
fn memory_keeps_the_contract() {
    contract(&MemoryStore::default(), "memory", LONGEST_TOKEN);
}

#[test]
fn none_keeps_nothing() {
    let (store, scope) = (NoStore, scope("my-org"));
    store.save(&scope, &token("t", 4096, some_time())).unwrap();
    assert_eq!(store.load(&scope).unwrap(), None);
    assert_eq!(store.list().unwrap(), []);
    store.forget(&scope).unwrap();
}

#[test]
fn file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(&FileStore::new(Some(folder.path().join("deep/tokens"))), "file", LONGEST_TOKEN);
}

#[test]
fn file_without_a_folder_is_unavailable() {
    let error = FileStore::new(None).load(&scope("my-org")).unwrap_err();
    assert_eq!(error.to_string(), "file is not available: there is no state folder: HOME is not set");
}

#[test]
fn stores_of_other_systems_are_said_to_be_so() {
    let (names, problems): (&str, &[&str]) = if cfg!(target_os = "linux") {
        (
            "keychain,credential-manager,memory",
            &["keychain is not available: it is macOS's", "credential-manager is not available: it is Windows'"],
        )
    } else {
        (
            "kernel,secret-service,memory",
            &["kernel is not available: it is Linux's", "secret-service is not available: it is Linux's"],
        )
    };
    let host = codeartifact::Host::for_test(&[], &[("CODEARTIFACT_STORE", names)], "/", some_time());
    let stores = Stores::new(&host, &UserSettings::read(&host).unwrap());
    let (scope, kept) = (scope("my-org"), token("t", 100, some_time()));
    let found: Vec<String> = stores.save(&scope, &kept, some_time()).iter().map(ToString::to_string).collect();
    assert_eq!(found, problems);
    assert_eq!(stores.load(&scope, some_time()).token, Some(kept), "memory has it all the same");
}

#[cfg(unix)]
mod files {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::{Path, PathBuf},
        sync::atomic::{AtomicBool, Ordering},
    };

    fn kept() -> (tempfile::TempDir, FileStore, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(Some(folder.path().join("tokens")));
        store.save(&scope("my-org"), &token("kept", 4096, some_time())).unwrap();
        let path = fs::read_dir(folder.path().join("tokens")).unwrap().next().unwrap().unwrap().path();
        (folder, store, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn reason(result: Result<Option<codeartifact::AuthorizationToken>, StoreError>) -> &'static str {
        match result {
            Err(StoreError::Refused { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_else_can_read_them() {
        let (_folder, store, path) = kept();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        for wide in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wide)).unwrap();
            assert_eq!(reason(store.load(&scope("my-org"))), "others may read or change it", "{wide:o}");
        }
        // A new token replaces the file, not its content.
        let new = token("new", 100, some_time());
        store.save(&scope("my-org"), &new).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(store.load(&scope("my-org")).unwrap(), Some(new));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let (folder, store, path) = kept();
        let load = || store.load(&scope("my-org"));
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert_eq!(reason(load()), "it is a link");
        // Replaced, not written through.
        store.save(&scope("my-org"), &token("new", 100, some_time())).unwrap();
        assert!(load().unwrap().is_some() && support::files_contain(folder.path(), b"eyJ-kept-"));

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(reason(load()), "it is no file");
        fs::remove_dir(&path).unwrap();

        // A pipe nobody writes to must not hang us.
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(reason(load()), "it is no file");
        fs::remove_file(&path).unwrap();

        let huge = fs::File::options().create(true).truncate(true).write(true).open(&path).unwrap();
        huge.set_len(100 << 20).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(reason(load()), "it is larger than any token");
    }

    #[test]
    fn another_users_file_is_refused() {
        let (_folder, store, path) = kept();
        // Only root can give a file away; for others the next line is the proof that they cannot either.
        let another = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&path).unwrap()) + 1;
        if std::os::unix::fs::chown(&path, Some(another), None).is_ok() {
            assert_eq!(reason(store.load(&scope("my-org"))), "it belongs to another user");
        } else {
            assert!(store.load(&scope("my-org")).unwrap().is_some());
        }
    }

    #[test]
    fn damage_makes_a_token_absent() {
        let (_folder, store, path) = kept();
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(store.load(&scope("my-org")).unwrap(), None, "cut to {length}");
        }
        for at in (0..whole.len()).step_by(61) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, damaged).unwrap();
            assert_eq!(store.load(&scope("my-org")).unwrap(), None, "at {at}");
        }
        // Another scope's entry in its place.
        store.save(&scope("other"), &token("other", 100, some_time())).unwrap();
        let other = fs::read_dir(path.parent().unwrap()).unwrap().flatten().find(|entry| entry.path() != path).unwrap();
        fs::copy(other.path(), &path).unwrap();
        assert_eq!(store.load(&scope("my-org")).unwrap(), None, "swapped");
        assert!(store.load(&scope("other")).unwrap().is_some());
    }

    #[test]
    fn a_purge_removes_what_has_ended_or_is_damaged_and_no_more() {
        let (folder, store, path) = kept();
        let bytes = fs::read(&path).unwrap();
        let old = some_time() - std::time::Duration::from_hours(12);
        store.save(&scope("old"), &token("old", 100, old)).unwrap();
        let beside = |name: &str| folder.path().join("tokens").join(name);
        fs::write(beside("cut.token"), &bytes[..bytes.len() / 2]).unwrap();
        fs::write(beside("notes.txt"), "mine").unwrap();
        fs::set_permissions(beside("cut.token"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink(beside("notes.txt"), beside("link.token")).unwrap();
        store.purge(some_time()).unwrap();
        assert!(path.exists() && beside("notes.txt").exists() && beside("link.token").exists());
        assert!(!beside("cut.token").exists(), "it may hold a part of a token");
        assert_eq!(store.load(&scope("old")).unwrap(), None);
        assert_eq!(fs::read_dir(beside("")).unwrap().count(), 3);
    }

    #[test]
    fn a_reader_never_sees_half_a_token() {
        let (_folder, store, _path) = kept();
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for seed in ["a", "b"] {
                let (store, stop) = (&store, &stop);
                threads.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        store.save(&scope("my-org"), &token(seed, 4096, some_time())).unwrap();
                    }
                });
            }
            for _ in 0..500 {
                assert!(store.load(&scope("my-org")).unwrap().is_some());
            }
            stop.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_folder_others_may_write_to_is_not_used() {
        let (_folder, store, path) = kept();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = store.save(&scope("my-org"), &token("new", 100, some_time())).unwrap_err();
        assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
        assert!(error.hint().contains("chmod 700"));
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use super::*;
    use codeartifact::store::{EncryptedFileStore, KernelStore};
    use std::{process::Command, time::Duration};
    use support::{CHILD, child_part, test_arguments, wait_until};

    /// What all keys of an ordinary user may take together, in bytes (`/proc/sys/kernel/keys/maxbytes`).
    const QUOTA: usize = 20_000;

    /// The tests share that quota: one after another.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

    /// The variable with the process id of the test that owns the keys.
    const OWNER: &str = "CODEARTIFACT_TEST_OWNER";

    fn turn() -> std::sync::MutexGuard<'static, ()> {
        let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The kernel takes what was forgotten off the quota in its own time.
        wait_until("there is room for keys", || free_quota().is_none_or(|free| free > QUOTA * 3 / 4));
        turn
    }

    /// What is left of this user's quota, in bytes: the last word of `UID: USAGE NKEYS/NIKEYS KEYS/MAX BYTES/MAX`.
    fn free_quota() -> Option<usize> {
        let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?).to_string();
        let users = std::fs::read_to_string("/proc/key-users").ok()?;
        let line = users.lines().find(|line| line.trim_start().split(':').next() == Some(&user))?;
        let (taken, most) = line.rsplit(' ').next()?.split_once('/')?;
        most.parse::<usize>().ok()?.checked_sub(taken.parse().ok()?)
    }

    /// A store whose keys last a minute, should a test die with some of them.
    fn store() -> KernelStore {
        KernelStore::new(some_time() + Duration::from_mins(12 * 60 - 1))
    }

    fn child(body: &str) -> Command {
        let mut command = support::child(body, body);
        command.env(OWNER, std::process::id().to_string());
        command
    }

    /// Runs a body in a session keyring of its own. `keyctl` is part of keyutils.
    fn in_own_session(before: &str, body: &str) {
        let program = codeartifact::Host::of_process().program().unwrap();
        let output = Command::new("keyctl")
            .args(["session", "-", "sh", "-c", &format!("{before} exec \"$0\" \"$@\"")])
            .arg(program)
            .args(test_arguments(body))
            .env(CHILD, body)
            .env(OWNER, std::process::id().to_string())
            .output()
            .expect("keyctl is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    #[test]
    fn keeps_the_contract_with_a_session_keyring() {
        let _turn = turn();
        in_own_session("", "kernel::contract_body");
    }

    #[test]
    fn keeps_the_contract_with_whatever_keyrings_there_are() {
        let _turn = turn();
        let said = child("kernel::contract_body").output().unwrap();
        support::said(&said);
    }

    /// Processes of different sessions, which have nothing but the user in common.
    #[test]
    fn sessions_share_what_is_kept() {
        let _turn = turn();
        in_own_session("", "kernel::keep_body");
        in_own_session("", "kernel::find_body");
        support::said(&child("kernel::keep_body").output().unwrap());
        in_own_session("", "kernel::find_body");
        in_own_session("", "kernel::keep_body");
        support::said(&child("kernel::find_body").output().unwrap());
    }

    /// The test's own scope: the same in all its processes, another one in another run.
    fn shared_scope(host: &codeartifact::Host) -> codeartifact::TokenScope {
        scope(&format!("shared-{}", host.var(OWNER).unwrap()))
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn keep_body() {
        if let Some((host, _)) = child_part() {
            store().save(&shared_scope(&host), &token("shared", 4096, some_time())).unwrap();
        }
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn find_body() {
        if let Some((host, _)) = child_part() {
            let store = store();
            assert!(store.load(&shared_scope(&host)).unwrap().is_some());
            assert!(store.list().unwrap().iter().any(|token| token.scope == shared_scope(&host)));
            store.forget(&shared_scope(&host)).unwrap();
            assert!(store.load(&shared_scope(&host)).unwrap().is_none());
        }
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn contract_body() {
        if child_part().is_some() {
            contract(&store(), "kernel", QUOTA / 4);
        }
    }

    #[test]
    fn drops_a_token_at_its_end_and_takes_a_new_one() {
        let _turn = turn();
        in_own_session("", "kernel::end_body");
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn end_body() {
        if child_part().is_none() {
            return;
        }
        let (scope, kept) = (scope("end-of-life"), token("t", 4096, some_time()));
        let nearly_over = KernelStore::new(kept.expires() - Duration::from_secs(1));
        nearly_over.save(&scope, &kept).unwrap();
        assert!(nearly_over.load(&scope).unwrap().is_some());
        // The entry is whole; only the kernel can make it absent.
        wait_until("the kernel drops the key", || nearly_over.load(&scope).unwrap().is_none());
        assert!(nearly_over.list().unwrap().iter().all(|token| token.scope != scope));
        let store = store();
        store.save(&scope, &kept).unwrap();
        assert!(store.load(&scope).unwrap().is_some());
        store.forget(&scope).unwrap();
    }

    /// A key of this run's own: other runs may be at it, too.
    fn sealed(folder: &std::path::Path, key: &str) -> EncryptedFileStore {
        let key = format!("codeartifact-test-key/{key}");
        EncryptedFileStore::new(Some(folder.join("tokens"))).with_key_name(&key)
    }

    #[test]
    fn encrypted_files_keep_the_contract_and_are_nothing_without_their_key() {
        let _turn = turn();
        support::said(&child("kernel::sealed_body").output().unwrap());
        in_own_session("", "kernel::sealed_body");
    }

    #[test]
    #[ignore = "run by another test, in a process of its own"]
    fn sealed_body() {
        let Some((host, _)) = child_part() else { return };
        let folder = tempfile::tempdir().unwrap();
        let owner = host.var(OWNER).unwrap();
        let store = sealed(folder.path(), owner);
        contract(&store, "encrypted-file", LONGEST_TOKEN);

        let kept = token("sealed", 4096, some_time());
        store.save(&scope("my-org"), &kept).unwrap();
        assert!(!support::files_contain(folder.path(), b"eyJ-"), "no token is in clear text");
        assert!(!support::files_contain(folder.path(), b"my-org"), "nor whose it is");
        let file = std::fs::read_dir(folder.path().join("tokens")).unwrap().next().unwrap().unwrap();
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap());
        assert_eq!(mode & 0o7777, 0o600);
        // Another key, as after a reboot: absent, and replaced by the next token.
        let rebooted = sealed(folder.path(), &format!("{owner}-next"));
        assert_eq!(rebooted.load(&scope("my-org")).unwrap(), None);
        assert_eq!(rebooted.list().unwrap(), []);
        let fresh = token("fresh", 100, some_time());
        rebooted.save(&scope("my-org"), &fresh).unwrap();
        assert_eq!(rebooted.load(&scope("my-org")).unwrap(), Some(fresh));
        assert_eq!(store.load(&scope("my-org")).unwrap(), None);

        // Swapped and damaged entries are none, and purged.
        store.save(&scope("my-org"), &kept).unwrap();
        store.save(&scope("other"), &token("other", 100, some_time())).unwrap();
        let paths: Vec<_> =
            std::fs::read_dir(folder.path().join("tokens")).unwrap().map(|entry| entry.unwrap().path()).collect();
        std::fs::copy(&paths[0], &paths[1]).unwrap();
        let there = |store: &EncryptedFileStore| store.list().unwrap().len();
        assert_eq!(there(&store), 1, "one was moved into the other's place");
        store.purge(some_time()).unwrap();
        assert_eq!((there(&store), std::fs::read_dir(folder.path().join("tokens")).unwrap().count()), (1, 1));
        store.purge(some_time() + Duration::from_hours(12)).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("tokens")).unwrap().count(), 0);
        for key in [owner.to_owned(), format!("{owner}-next")] {
            // The test's own keys; their room is wanted by others.
            let _ = Command::new("keyctl").args(["purge", "user", &format!("codeartifact-test-key/{key}")]).status();
        }
    }

    #[test]
    fn a_full_quota_is_a_store_that_is_not_there() {
        let _turn = turn();
        support::said(&child("kernel::full_body").output().unwrap());
    }

    #[test]
    #[ignore = "run by another test, in a process of its own"]
    fn full_body() {
        let Some((host, _)) = child_part() else { return };
        let (store, scope) = (store(), shared_scope(&host));
        store.save(&scope, &token("fits", 1_000, some_time())).unwrap();
        // No key may be longer than 32,767 bytes, and for ordinary users the quota ends before that.
        let error = store.save(&scope, &token("too-long", 33_000, some_time())).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::Failed { .. }), "{error:?}");
        let stores = Stores::of(vec![Box::new(store)]);
        assert_eq!(stores.save(&scope, &token("too-long", 33_000, some_time()), some_time()).len(), 1);
        assert!(stores.load(&scope, some_time()).token.is_none(), "the older one is gone with the attempt");
    }

    #[test]
    fn foreign_keys_do_no_harm() {
        let _turn = turn();
        // Foreign keys with long and odd descriptions, and a key of ours with a foreign payload.
        let before = "keyctl add user \"$(printf %2000s x)\" v @s >/dev/null; keyctl add user 'a;b: c' v @s >/dev/null; \
                      keyctl add user codeartifact/1/us-east-1/111122223333/foreign//profile:test v \
                      $(keyctl get_persistent @s) >/dev/null;";
        in_own_session(before, "kernel::foreign_body");
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn foreign_body() {
        if child_part().is_none() {
            return;
        }
        let (store, scope) = (store(), scope("foreign"));
        assert_eq!(scope.key(), "codeartifact/1/us-east-1/111122223333/foreign//profile:test");
        assert_eq!(store.load(&scope).unwrap(), None);
        assert!(store.list().unwrap().iter().all(|token| token.scope != scope));
        let kept = token("t", 4096, some_time());
        store.save(&scope, &kept).unwrap();
        assert_eq!(store.load(&scope).unwrap(), Some(kept));
        assert!(store.list().unwrap().iter().any(|token| token.scope == scope));
        store.forget(&scope).unwrap();
    }

    #[test]
    fn a_session_that_has_ended_does_not_matter() {
        let _turn = turn();
        in_own_session("keyctl revoke @s;", "kernel::revoked_body");
    }

    #[test]
    #[ignore = "run by another test, in a session keyring of its own"]
    fn revoked_body() {
        if child_part().is_none() {
            return;
        }
        contract(&store(), "kernel", QUOTA / 4);
    }
}
