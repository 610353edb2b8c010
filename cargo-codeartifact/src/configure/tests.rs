//! Files that must survive: crashes, others, links, modes; and come back as they were.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use codeartifact::Trust;
use tempfile::TempDir;

use super::undo::Left;
use super::*;

mod crash;

const HELPER: &str = "/opt/bin/codeartifact-credential-helper";
const EXISTING: &str = "# mine\r\n[build]\r\njobs = 4 # of 8\r\n\r\n[registry]\r\ntoken = \"SECRET-TOKEN\"";

/// A home, and a project in it.
struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let root = TempDir::with_prefix("configure-").unwrap();
        fs::create_dir_all(root.path().join("home/project/member")).unwrap();
        fs::write(root.path().join("home/project/Cargo.toml"), "[workspace]\nmembers = [\"member\"]\n").unwrap();
        fs::write(root.path().join("home/project/member/Cargo.toml"), "[package]\nname = \"member\"\n").unwrap();
        Self { root }
    }

    fn home(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("home")
    }

    fn file(&self) -> PathBuf {
        self.home().join(".cargo/config.toml")
    }

    fn project_file(&self) -> PathBuf {
        self.home().join("project/.cargo/config.toml")
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), text).unwrap();
    }

    fn host(&self) -> Host {
        self.host_in("project/member")
    }

    fn host_in(&self, folder: &str) -> Host {
        host(&self.home(), &self.home().join(folder))
    }

    fn configure(&self, request: Request) -> Result<Applied, ConfigureError> {
        configure(request, &self.host())
    }

    fn undo(&self, level: Level) -> Result<Undone, ConfigureError> {
        undo(&UndoRequest { clients: Vec::new(), level, dry_run: false, force: false }, &self.host())
    }

    /// Every file below the home but the project's own and the lock.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.home()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.symlink_metadata().unwrap().is_dir() {
                    folders.push(path);
                } else if !path.ends_with("Cargo.toml") && !path.ends_with("configure.lock") {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}

fn host(home: &Path, folder: &Path) -> Host {
    Host::for_test(&[], &[("HOME", home.to_str().unwrap())], folder, SystemTime::UNIX_EPOCH)
}

fn configure(request: Request, host: &Host) -> Result<Applied, ConfigureError> {
    apply(&plan(request, host)?, host)
}

fn request(level: Level) -> Request {
    let url = b"https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/my-team-repo/";
    let wish = Wish {
        client: clients::find("cargo").unwrap(),
        repository: "my-team-repo".parse().unwrap(),
        name: None,
        role: Role::Named,
        scopes: Vec::new(),
    };
    Request {
        wishes: vec![wish],
        level,
        endpoint: Endpoint::recognise(url, &Trust::default()).unwrap().unwrap(),
        region: "us-east-1".parse().unwrap(),
        helper: HELPER.into(),
        force: false,
    }
}

fn named(name: &str) -> Request {
    let mut request = request(Level::User);
    request.wishes[0].name = Some(name.to_owned());
    request
}

/// With the repository in place of the default registry.
fn replacing(mut request: Request) -> Request {
    request.wishes[0].role = Role::Default;
    request
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_file_that_was_not_there_is_made_and_goes_again() {
    let sandbox = Sandbox::new();
    let planned = plan(request(Level::User), &sandbox.host()).unwrap();
    assert!(sandbox.files().is_empty(), "a plan wrote something");
    assert_eq!(planned.names, [Named { client: "cargo", name: "my-team-repo".to_owned() }]);
    assert!(planned.edits[0].diff().contains("+ [registries.my-team-repo]\n"));

    let applied = apply(&planned, &sandbox.host()).unwrap();
    assert_eq!(applied.files, [(sandbox.file(), FileOutcome::Created)]);
    assert!(fs::read_to_string(sandbox.file()).unwrap().contains(HELPER));
    assert_eq!(mode(&sandbox.file()), 0o600);
    assert_eq!(mode(&applied.journal), 0o600);

    let undone = sandbox.undo(Level::User).unwrap();
    assert_eq!(undone.files, [(sandbox.file(), UndoOutcome::Removed)]);
    assert!(undone.edits[0].diff().contains("- [registries.my-team-repo]\n"));
    assert!(sandbox.files().is_empty(), "{:?}", sandbox.files());
    assert!(!sandbox.file().parent().unwrap().exists(), "the folder made for it is left");
    assert!(sandbox.undo(Level::User).unwrap().is_empty());
}

#[test]
fn a_second_run_writes_nothing_and_undo_gives_the_same_bytes() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    fs::set_permissions(sandbox.file(), fs::Permissions::from_mode(0o640)).unwrap();
    let first = sandbox.configure(request(Level::User)).unwrap();
    assert_eq!(first.files[0].1, FileOutcome::Changed);
    assert_eq!(mode(&sandbox.file()), 0o640);
    let (written, journal) = (fs::read(sandbox.file()).unwrap(), fs::read_to_string(&first.journal).unwrap());
    assert!(!journal.contains("SECRET"), "the journal holds somebody's secret");

    let planned = plan(request(Level::User), &sandbox.host()).unwrap();
    assert!(planned.is_empty());
    let inode = fs::metadata(sandbox.file()).unwrap().ino();
    assert_eq!(apply(&planned, &sandbox.host()).unwrap().files[0].1, FileOutcome::Unchanged);
    assert_eq!(fs::metadata(sandbox.file()).unwrap().ino(), inode);
    assert_eq!(fs::read(sandbox.file()).unwrap(), written);
    assert_eq!(fs::read_to_string(&first.journal).unwrap(), journal);

    let dry = UndoRequest { clients: Vec::new(), level: Level::User, dry_run: true, force: false };
    let would = undo(&dry, &sandbox.host()).unwrap();
    assert_eq!(fs::read(sandbox.file()).unwrap(), written);
    let undone = sandbox.undo(Level::User).unwrap();
    assert_eq!(undone.edits, would.edits);
    assert_eq!(undone.files, [(sandbox.file(), UndoOutcome::Restored)]);
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
    assert_eq!(mode(&sandbox.file()), 0o640);
}

#[test]
fn undo_takes_back_every_run() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    sandbox.configure(request(Level::User)).unwrap();
    sandbox.configure(named("second")).unwrap();
    sandbox
        .configure(Request { helper: "/elsewhere/codeartifact-credential-helper".into(), ..named("second") })
        .unwrap();
    sandbox.configure(replacing(named("third"))).unwrap();
    sandbox.configure(replacing(request(Level::User))).unwrap();
    assert!(fs::read_to_string(sandbox.file()).unwrap().contains("replace-with = \"my-team-repo\""));
    sandbox.undo(Level::User).unwrap();
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
    assert!(sandbox.undo(Level::User).unwrap().is_empty());
}

#[test]
fn edits_of_others_stay_and_are_reported() {
    let sandbox = Sandbox::new();
    sandbox.configure(request(Level::User)).unwrap();
    let text = fs::read_to_string(sandbox.file()).unwrap();
    fs::write(sandbox.file(), text.replace(HELPER, "/theirs") + "\n[net]\nretry = 3\n").unwrap();
    let undone = sandbox.undo(Level::User).unwrap();
    let left = Left { path: sandbox.file(), key: "registries.my-team-repo.credential-provider".to_owned() };
    assert_eq!(undone.left, [left]);
    let text = fs::read_to_string(sandbox.file()).unwrap();
    assert!(text.contains("/theirs") && text.ends_with("\n[net]\nretry = 3\n") && !text.contains("index"), "{text}");
    assert!(sandbox.undo(Level::User).unwrap().is_empty());
}

#[test]
fn what_is_gone_already_is_passed_over() {
    let sandbox = Sandbox::new();
    sandbox.configure(request(Level::User)).unwrap();
    fs::remove_file(sandbox.file()).unwrap();
    let undone = sandbox.undo(Level::User).unwrap();
    assert_eq!(undone.files, [(sandbox.file(), UndoOutcome::AlreadyGone)]);
    assert!(undone.edits.is_empty() && undone.left.is_empty());
}

#[test]
fn projects_share_the_user_s_file() {
    let sandbox = Sandbox::new();
    let other = sandbox.home().join("other");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("Cargo.toml"), "[package]\nname = \"other\"\n").unwrap();
    let other_host = sandbox.host_in("other");

    let applied = sandbox.configure(request(Level::Project)).unwrap();
    let files: Vec<_> = applied.files.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(files, [sandbox.file(), sandbox.project_file()]);
    assert_eq!(mode(&sandbox.project_file()), 0o644);
    let committed = fs::read_to_string(sandbox.project_file()).unwrap();
    assert!(committed.contains("index") && !committed.contains(HELPER), "{committed}");

    let applied = configure(request(Level::Project), &other_host).unwrap();
    assert_eq!(applied.files[0], (sandbox.file(), FileOutcome::Unchanged));

    let undone = sandbox.undo(Level::Project).unwrap();
    assert!(undone.files.contains(&(sandbox.file(), UndoOutcome::AlreadyGone)), "{:?}", undone.files);
    assert!(!sandbox.project_file().exists());
    assert!(fs::read_to_string(sandbox.file()).unwrap().contains(HELPER), "the other project lost its provider");
    assert!(sandbox.undo(Level::User).unwrap().is_empty(), "nothing was written at user level");

    let last = UndoRequest { clients: Vec::new(), level: Level::Project, dry_run: false, force: false };
    undo(&last, &other_host).unwrap();
    assert!(sandbox.files().is_empty(), "{:?}", sandbox.files());
}

#[test]
fn a_link_stays_a_link() {
    let sandbox = Sandbox::new();
    let dotfiles = sandbox.home().join("dotfiles");
    fs::create_dir_all(&dotfiles).unwrap();
    fs::create_dir_all(sandbox.home().join(".cargo")).unwrap();
    symlink("../dotfiles/cargo.toml", sandbox.file()).unwrap();

    // It leads nowhere yet: the file is made where it leads.
    sandbox.configure(request(Level::User)).unwrap();
    assert_eq!(fs::read_link(sandbox.file()).unwrap(), Path::new("../dotfiles/cargo.toml"));
    assert!(fs::read_to_string(dotfiles.join("cargo.toml")).unwrap().contains(HELPER));
    sandbox.undo(Level::User).unwrap();
    assert!(!dotfiles.join("cargo.toml").exists());

    fs::write(dotfiles.join("cargo.toml"), EXISTING).unwrap();
    sandbox.configure(request(Level::User)).unwrap();
    assert!(fs::read_to_string(dotfiles.join("cargo.toml")).unwrap().contains(HELPER));
    sandbox.undo(Level::User).unwrap();
    assert_eq!(fs::read_to_string(dotfiles.join("cargo.toml")).unwrap(), EXISTING);
    assert!(sandbox.file().is_symlink());
}

#[test]
fn links_out_of_the_home_folder_are_refused() {
    let sandbox = Sandbox::new();
    let outside = sandbox.root.path().join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("config.toml"), EXISTING).unwrap();
    symlink(&outside, sandbox.home().join(".cargo")).unwrap();
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(&error, ConfigureError::Escapes { .. }), "{error:?}");
    assert!(error.hint().is_some());
    assert_eq!(fs::read_to_string(outside.join("config.toml")).unwrap(), EXISTING);

    sandbox.configure(Request { force: true, ..request(Level::User) }).unwrap();
    assert!(fs::read_to_string(outside.join("config.toml")).unwrap().contains(HELPER));
    assert!(sandbox.undo(Level::User).is_err());
    undo(&UndoRequest { clients: Vec::new(), level: Level::User, dry_run: false, force: true }, &sandbox.host())
        .unwrap();
    assert_eq!(fs::read_to_string(outside.join("config.toml")).unwrap(), EXISTING);
}

#[test]
fn a_home_that_is_a_link_itself_is_home() {
    let sandbox = Sandbox::new();
    let link = sandbox.root.path().join("link");
    symlink(sandbox.home(), &link).unwrap();
    let host = host(&link, &link.join("project"));
    configure(request(Level::User), &host).unwrap();
    configure(request(Level::Project), &host).unwrap();
    assert!(sandbox.file().exists() && sandbox.project_file().exists());
}

#[test]
fn endless_links_are_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.home().join(".cargo")).unwrap();
    symlink("config.toml", sandbox.file()).unwrap();
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(error, ConfigureError::EndlessLinks { .. }), "{error:?}");
}

#[test]
fn what_is_no_file_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.file()).unwrap();
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(error, ConfigureError::NotAFile { .. }), "{error:?}");
}

#[test]
fn folders_that_everybody_may_write_to_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    let folder = sandbox.home().join(".cargo");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(error, ConfigureError::OpenFolder { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    if rustix::process::geteuid().as_raw() != 0 {
        eprintln!("not run as root: files of another user cannot be made");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    std::os::unix::fs::chown(sandbox.file(), Some(12_345), None).unwrap();
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(error, ConfigureError::OtherOwner { owner: 12_345, user: 0, .. }), "{error:?}");
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
}

#[test]
fn the_file_that_cargo_prefers_is_edited() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    let preferred = sandbox.home().join(".cargo/config");
    fs::write(&preferred, "[net]\nretry = 3\n").unwrap();
    let applied = sandbox.configure(request(Level::User)).unwrap();
    assert_eq!(applied.files, [(preferred.clone(), FileOutcome::Changed)]);
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
    sandbox.undo(Level::User).unwrap();
    assert_eq!(fs::read_to_string(&preferred).unwrap(), "[net]\nretry = 3\n");
}

#[test]
fn a_name_in_use_leaves_the_file_alone() {
    let sandbox = Sandbox::new();
    let text = "[registries.my-team-repo]\nindex = \"sparse+https://mirror.example.com/index/\"\n";
    sandbox.write(text);
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(error.to_string().contains("config.toml:2: registry `my-team-repo` is in use"), "{error}");
    assert!(error.hint().unwrap().contains("--registry"));
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), text);
}

#[test]
fn a_journal_of_another_version_or_damaged_stops_everything() {
    let sandbox = Sandbox::new();
    sandbox.configure(request(Level::User)).unwrap();
    let journal = sandbox.home().join(".local/state/codeartifact/configure.json");
    let before = fs::read(sandbox.file()).unwrap();
    for text in ["{\"version\":99,\"files\":[]}", "{\"version\":1,\"files\":[{\"SECRET\":1}]}", "SECRET", ""] {
        fs::write(&journal, text).unwrap();
        for error in [sandbox.undo(Level::User).unwrap_err(), sandbox.configure(named("other")).unwrap_err()] {
            assert!(matches!(error, ConfigureError::Journal { .. }), "{error:?}");
            assert!(!error.to_string().contains("SECRET") && error.hint().is_some());
        }
        assert_eq!(fs::read_to_string(&journal).unwrap(), text);
        assert_eq!(fs::read(sandbox.file()).unwrap(), before);
    }
}

#[test]
fn fifty_at_once_all_survive() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    std::thread::scope(|scope| {
        for number in 0..50 {
            let sandbox = &sandbox;
            scope.spawn(move || sandbox.configure(named(&format!("registry-{number}"))).unwrap());
        }
    });
    let text = fs::read_to_string(sandbox.file()).unwrap();
    for number in 0..50 {
        assert!(text.contains(&format!("[registries.registry-{number}]")), "registry-{number} was lost");
    }
    sandbox.undo(Level::User).unwrap();
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), EXISTING);
    assert_eq!(sandbox.files(), [sandbox.file()]);
}

#[test]
fn readers_see_a_whole_file_at_every_moment() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(sandbox.file()).unwrap();
                assert!(text.starts_with(EXISTING), "a partial file was seen: {text:?}");
                let rest = &text[EXISTING.len()..];
                assert!(rest.is_empty() || rest.ends_with("helper\"]\r\n"), "a partial file was seen: {text:?}");
                reads += 1;
            }
            reads
        });
        for _ in 0..100 {
            sandbox.configure(request(Level::User)).unwrap();
            sandbox.undo(Level::User).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 100, "only {reads} reads");
}

fn place(sandbox: &Sandbox) -> Place {
    let home = sandbox.home();
    Place::find(&sandbox.file(), Bounds { home: Some(&home), anchor: &home, force: false }).unwrap()
}

#[test]
fn what_others_write_meanwhile_is_not_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("theirs");
    let place = place(&sandbox);
    assert_eq!(place.replace(Some(b"ours, read before"), b"new", 0o600).unwrap(), Replaced::Raced);
    assert_eq!(place.replace(None, b"new", 0o600).unwrap(), Replaced::Raced);
    assert_eq!(place.remove(b"ours, read before").unwrap(), Replaced::Raced);
    assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), "theirs");
    assert_eq!(place.replace(Some(b"theirs"), b"new", 0o600).unwrap(), Replaced::Yes);
    assert_eq!(sandbox.files(), [sandbox.file()]);
}

#[test]
fn what_a_killed_run_left_is_swept() {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    let left = sandbox.home().join(".cargo/.config.toml.codeartifact-1-0");
    let theirs = sandbox.home().join(".cargo/.config.toml.swp");
    fs::write(&left, "half").unwrap();
    fs::write(&theirs, "theirs").unwrap();
    sandbox.configure(request(Level::User)).unwrap();
    assert!(!left.exists() && theirs.exists());
}

#[test]
fn a_file_too_large_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write(&"#\n".repeat(3 * 1024 * 1024));
    let error = sandbox.configure(request(Level::User)).unwrap_err();
    assert!(matches!(error, ConfigureError::TooLarge { .. }), "{error:?}");
}

#[test]
fn the_helper_is_found_beside_the_program() {
    let sandbox = Sandbox::new();
    let program = sandbox.home().join("bin/cargo-codeartifact");
    let host = sandbox.host().with_program(&program);
    assert!(matches!(helper(&host), Err(ConfigureError::NoHelper { .. })));
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(program.with_file_name("codeartifact-credential-helper"), "").unwrap();
    assert_eq!(helper(&host).unwrap(), program.with_file_name("codeartifact-credential-helper"));
}
