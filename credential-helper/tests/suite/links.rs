//! The names that package managers look for, and what answers where a call is not ours.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;

use crate::support::*;

const NAMES: [&str; 2] = ["keyring", "cargo-credential-codeartifact"];

fn program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Where links go by themselves, by its real name.
fn usual(machine: &Machine) -> PathBuf {
    machine.root.path().canonicalize().unwrap().join("home/.local/share/codeartifact/bin")
}

fn helper(machine: &Machine, args: &[&str]) -> Output {
    let mut command = machine.command(HELPER);
    command.args(args);
    run(command, "")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn with_path(machine: Machine, folders: &[&Path]) -> Machine {
    let path: Vec<_> = folders.iter().map(|folder| folder.to_str().unwrap()).collect();
    machine.with("PATH", &(path.join(":") + ":/usr/bin:/bin"))
}

#[test]
fn links_are_made_once_and_removed_exactly() {
    let machine = Machine::new();
    let before = machine.all_files();
    let first = helper(&machine, &["install"]);
    assert!(first.status.success(), "{first:?}");
    let folder = usual(&machine);
    for name in NAMES {
        let link = folder.join(name);
        assert_eq!(link.canonicalize().unwrap(), Path::new(HELPER).canonicalize().unwrap());
        assert!(text(&first.stdout).contains(&format!("made      {}", link.display())), "{first:?}");
    }
    let line = format!("export PATH=\"{}:$PATH\"", folder.display());
    assert!(text(&first.stderr).contains(&line), "{first:?}");

    let second = helper(&machine, &["install"]);
    assert!(second.status.success());
    assert!(text(&second.stdout).lines().all(|line| line.starts_with("in place ")), "{second:?}");

    let removed = helper(&machine, &["uninstall"]);
    assert!(removed.status.success() && text(&removed.stdout).contains("removed   "), "{removed:?}");
    assert!(!folder.exists() && !folder.parent().unwrap().exists(), "the folders were made by install too");
    let left: Vec<_> = machine.all_files().into_iter().map(|(path, _)| path).collect();
    let journal = machine.root.path().join("state/codeartifact");
    let new: Vec<_> =
        left.iter().filter(|path| !before.iter().any(|(old, _)| old == *path) && !path.starts_with(&journal)).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(helper(&machine, &["uninstall"]).status.success(), "once more is no error");
}

#[test]
fn clients_that_say_nothing_get_a_link_for_each_domain() {
    let machine = Machine::new();
    let folder = machine.root.path().join("home/.config/codeartifact");
    fs::create_dir_all(&folder).unwrap();
    let rules = "[defaults]\ndomain = \"usual\"\nowner = \"111122223333\"\nregion = \"us-east-1\"\n\
        [[account]]\ndomain = \"other\"\nowner = \"444455556666\"\nregion = \"eu-west-1\"\nprofile = \"p\"\n\
        [[account]]\ndomain = \"many-*\"\nprofile = \"q\"\n";
    fs::write(folder.join("config.toml"), rules).unwrap();
    let output = helper(&machine, &["install", "--domain", "third-111122223333.us-west-2"]);
    assert!(output.status.success(), "{output:?}");
    let made: Vec<_> = fs::read_dir(usual(&machine)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for domain in ["usual-111122223333.us-east-1", "other-444455556666.eu-west-1", "third-111122223333.us-west-2"] {
        for prefix in ["codeartifact-pnpm-", "codeartifact-pinentry-"] {
            assert!(made.iter().any(|name| *name == *format!("{prefix}{domain}")), "{prefix}{domain}: {made:?}");
        }
    }
    assert_eq!(made.iter().filter(|name| name.to_string_lossy().starts_with("codeartifact-pnpm-")).count(), 3);
    let listed = text(&helper(&machine, &["list"]).stdout);
    assert!(listed.lines().any(|line| line.contains("codeartifact-pnpm-usual") && line.ends_with("set by its path")));
    // One alone, by its name; nobody looks for it on PATH, so nothing is said of that.
    let name = "codeartifact-pnpm-fourth-111122223333.us-west-2";
    let output = helper(&machine, &["install", name]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(usual(&machine).join(name).is_symlink());
    let output = helper(&machine, &["install", "codeartifact-pnpm-fourth.us-west-2"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_somebody_else_s_stays() {
    let machine = Machine::new();
    let folder = machine.root.path().join("tools");
    program(&folder.join("keyring"), "echo theirs");
    let theirs = fs::read(folder.join("keyring")).unwrap();
    let output = helper(&machine, &["install", "--dir", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let keyring = folder.canonicalize().unwrap().join("keyring");
    assert!(text(&output.stderr).contains(&format!("error: {} is not ours", keyring.display())), "{output:?}");
    assert!(folder.join("cargo-credential-codeartifact").is_symlink(), "the others are made");
    assert_eq!(fs::read(folder.join("keyring")).unwrap(), theirs);

    // A link of ours that somebody put something else in place of.
    fs::remove_file(folder.join("cargo-credential-codeartifact")).unwrap();
    symlink("/bin/true", folder.join("cargo-credential-codeartifact")).unwrap();
    let output = helper(&machine, &["uninstall"]);
    assert!(text(&output.stderr).contains("is no longer ours"), "{output:?}");
    assert_eq!(fs::read_link(folder.join("cargo-credential-codeartifact")).unwrap(), Path::new("/bin/true"));
    assert_eq!(fs::read(folder.join("keyring")).unwrap(), theirs);

    // Links of others, dangling ones too, and folders.
    for made in [true, false] {
        fs::remove_file(folder.join("keyring")).unwrap();
        if made {
            symlink("/nowhere", folder.join("keyring")).unwrap();
        } else {
            fs::create_dir(folder.join("keyring")).unwrap();
        }
        let output = helper(&machine, &["install", "--dir", folder.to_str().unwrap(), "keyring"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(folder.join("keyring").is_symlink(), made);
    }
}

#[test]
fn a_folder_of_others_takes_no_links() {
    let machine = Machine::new();
    let folder = machine.root.path().join("shared");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let output = helper(&machine, &["install", "--dir", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can be changed by others"), "{output:?}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn links_follow_the_program_where_it_moved() {
    let machine = Machine::new();
    let helper_copy = machine.copy_of_helper();
    fs::hard_link(FETCH, helper_copy.with_file_name("codeartifact-credential-helper-fetch"))
        .or_else(|_| fs::copy(FETCH, helper_copy.with_file_name("codeartifact-credential-helper-fetch")).map(drop))
        .unwrap();
    let mut command = machine.command(&helper_copy);
    command.arg("install");
    assert!(run(command, "").status.success());
    fs::remove_dir_all(helper_copy.parent().unwrap()).unwrap();
    let keyring = usual(&machine).join("keyring");
    assert!(keyring.is_symlink() && !keyring.exists(), "it leads nowhere now");
    let listed = helper(&machine, &["list"]);
    let nowhere = |line: &str| line.contains("bin/keyring ") && line.ends_with("  leads nowhere: run `install` again");
    assert!(text(&listed.stdout).lines().any(nowhere), "{listed:?}");
    let output = helper(&machine, &["install"]);
    assert!(text(&output.stdout).contains(&format!("repaired  {}", keyring.display())), "{output:?}");
    assert_eq!(keyring.canonicalize().unwrap(), Path::new(HELPER).canonicalize().unwrap());
    assert!(helper(&machine, &["uninstall", "keyring"]).status.success());
    assert!(!keyring.is_symlink() && usual(&machine).join("cargo-credential-codeartifact").is_symlink());
}

#[test]
fn the_user_is_told_whose_program_is_first() {
    let machine = Machine::new();
    let (ours, theirs) = (machine.root.path().join("ours"), machine.root.path().join("theirs"));
    program(&theirs.join("keyring"), "echo theirs");
    let dir = ours.to_str().unwrap();
    let machine = with_path(machine, &[&theirs, &ours]);
    fs::create_dir(&ours).unwrap();
    let output = helper(&machine, &["install", "--dir", dir]);
    let told = text(&output.stderr);
    let their_keyring = theirs.join("keyring");
    assert!(told.contains(&format!("look for `keyring` find {} first", their_keyring.display())), "{told}");
    assert!(!told.contains("cargo-credential") && !told.contains("export PATH"), "{told}");
    let list = |machine: &Machine| -> Value {
        serde_json::from_str(&text(&helper(machine, &["list", "--json"]).stdout)).unwrap()
    };
    let link = |list: &Value, name: &str| {
        list["links"].as_array().unwrap().iter().find(|l| l["name"] == name).unwrap().clone()
    };
    let listed = list(&machine);
    assert_eq!(link(&listed, "keyring")["state"], "on PATH behind");
    assert_eq!(link(&listed, "keyring")["behind"], their_keyring.to_str().unwrap());
    assert_eq!(link(&listed, "cargo-credential-codeartifact")["state"], "first on PATH");

    let machine = with_path(machine, &[&ours, &theirs]);
    assert_eq!(link(&list(&machine), "keyring")["state"], "first on PATH");
    assert!(helper(&machine, &["install", "--dir", dir]).stderr.is_empty());
    let machine = with_path(machine, &[&theirs]);
    assert_eq!(link(&list(&machine), "cargo-credential-codeartifact")["state"], "not on PATH");

    // Where pip's own scripts are, pip passes over a `keyring`.
    program(&ours.join("pip3"), "");
    let output = helper(&with_path(machine, &[&ours]), &["install", "--dir", dir]);
    assert!(text(&output.stderr).contains("pip passes over a `keyring` there"), "{output:?}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let machine = Machine::new();
    for (args, reason) in [
        (&["install", "kerying"][..], "`kerying` is no name that a package manager looks for; there are: "),
        (&["install", "--domain", "acme.us-east-1"], "`--domain acme.us-east-1`: "),
        (&["install", "--domain"], "`--domain` needs a domain"),
        (&["install", "--force"], "there is no option `--force` here"),
        (&["uninstall", "--json"], "`uninstall` takes"),
        (&["list", "keyring"], "`list` takes"),
    ] {
        let output = helper(&machine, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).starts_with(&format!("error: {reason}")), "{output:?}");
        assert!(output.stdout.is_empty());
    }
    assert!(!usual(&machine).exists());
}

#[test]
fn a_journal_that_is_none_is_named_and_nothing_is_touched() {
    let machine = Machine::new();
    assert!(helper(&machine, &["install"]).status.success());
    let journal = machine.root.path().join("state/codeartifact/links.json");
    for damage in
        ["", "{}", "{\"version\":2,\"links\":[],\"folders\":[]}", "{\"version\":1,\"links\":[{\"path\":\"x\"}]}"]
    {
        fs::write(&journal, damage).unwrap();
        for word in ["install", "uninstall", "list"] {
            let output = helper(&machine, &[word]);
            assert_eq!(output.status.code(), Some(1), "{word} {damage}");
            assert!(text(&output.stderr).contains(journal.to_str().unwrap()), "{output:?}");
        }
        assert!(usual(&machine).join("keyring").is_symlink());
    }
}

/// A program behind ours that says all there is to say of how it was called.
const WITNESS: &str = "printf '%s\\n' \"$$\" \"$#\"; for arg; do printf '[%s]' \"$arg\"; done; echo; cat; exit 7";

#[test]
fn a_call_that_is_not_ours_goes_to_the_next_program_byte_for_byte() {
    let machine = Machine::new();
    let (ours, theirs) = (machine.root.path().join("ours"), machine.root.path().join("theirs"));
    program(&theirs.join("keyring"), WITNESS);
    fs::create_dir(&ours).unwrap();
    symlink(HELPER, ours.join("keyring")).unwrap();
    let machine = with_path(machine, &[&ours, &theirs]);
    for args in [
        &["get", "https://pypi.example.com/simple/", "me"][..],
        &["--mode=creds", "--output=json", "get", "https://mirror.example.com/"],
        &["set", "service", "user"],
        &["", "a b", "\u{1b}[31m", "$(x)", "é"],
        &[],
    ] {
        let mut command = machine.command(ours.join("keyring"));
        command.args(args);
        let mut child = start(command);
        let id = child.id();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"secret\0 for theirs").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = args.iter().fold(String::new(), |said, arg| said + "[" + arg + "]");
        assert_eq!(text(&output.stdout), format!("{id}\n{}\n{said}\nsecret\0 for theirs", args.len()));
        assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(7), true), "{output:?}");
    }
}

#[test]
fn without_another_program_a_call_that_is_not_ours_fails_in_silence() {
    let machine = Machine::new();
    let ours = machine.root.path().join("ours");
    fs::create_dir(&ours).unwrap();
    symlink(HELPER, ours.join("keyring")).unwrap();
    // The current folder is not searched, whoever put it on PATH.
    program(&machine.root.path().join("keyring"), "echo stolen");
    let machine = machine.with("PATH", &format!(".:{}::", ours.display()));
    let mut command = machine.command(ours.join("keyring"));
    command.args(["get", "https://pypi.example.com/simple/", "me"]);
    let output = run(command, "");
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(1), 0, 0), "{output:?}");

    // Called by the word, nobody stands behind us.
    let theirs = machine.root.path().join("theirs");
    program(&theirs.join("keyring"), "echo theirs");
    let machine = with_path(machine, &[&theirs]);
    let output = helper(&machine, &["keyring", "get", "https://pypi.example.com/simple/", "me"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{output:?}");
}

#[test]
fn two_copies_of_ours_and_a_script_that_calls_one_end() {
    let machine = Machine::new();
    let copy = machine.copy_of_helper();
    let copy_of_copy = machine.root.path().join("copy");
    fs::copy(&copy, &copy_of_copy).unwrap();
    let folders: Vec<PathBuf> = ["a", "b", "c"].iter().map(|name| machine.root.path().join(name)).collect();
    for (folder, target) in folders.iter().zip([copy.clone(), copy_of_copy, copy.clone()]) {
        fs::create_dir(folder).unwrap();
        symlink(target, folder.join("keyring")).unwrap();
    }
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let foreign = ["get", "https://pypi.example.com/simple/", "me"];
    let machine = with_path(machine, &folders);
    let mut command = machine.command(folders[0].join("keyring"));
    command.args(foreign);
    assert_eq!(run(command, "").status.code(), Some(1));

    let script = machine.root.path().join("d/keyring");
    program(&script, &format!("echo again; exec {} \"$@\"", folders[0].join("keyring").display()));
    let machine = with_path(machine, &[folders[0], folders[1], script.parent().unwrap()]);
    let mut command = machine.command(folders[0].join("keyring"));
    command.args(foreign);
    let output = run(command, "");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), "again\n"), "{output:?}");
}

#[test]
fn killed_anywhere_install_leaves_nothing_that_uninstall_does_not_know() {
    let Some(strace) = codeartifact::Host::of_process().find_program("strace") else { return };
    let mut kills = 0;
    for call in ["?mkdir,?mkdirat", "?symlink,?symlinkat", "?rename,?renameat,?renameat2", "fsync", "write", "flock"] {
        // Until a run ends by itself.
        for number in 1.. {
            let machine = Machine::new();
            let mut command = machine.command(&strace);
            let inject = format!("inject={call}:signal=SIGKILL:when={number}");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject, FETCH, "install"]).args(NAMES);
            let killed = !run(command, "").status.success();
            kills += usize::from(killed);
            assert!(number < 100, "{call} has no end");
            // Either way back leads there: all of it, and none of it.
            if number % 2 == 0 {
                let output = helper(&machine, &["install", NAMES[0], NAMES[1]]);
                assert!(output.status.success() && output.stderr.starts_with(b"hint: "), "{call} {number}: {output:?}");
                assert!(NAMES.iter().all(|name| usual(&machine).join(name).exists()), "{call} {number}");
            }
            assert!(helper(&machine, &["uninstall"]).status.success(), "{call} {number}");
            let left = fs::read_dir(usual(&machine)).map(Iterator::count).unwrap_or_default();
            assert_eq!(left, 0, "{call} {number}: a link that nobody knows");
            if !killed {
                break;
            }
        }
    }
    assert!(kills >= 10, "{kills} kills");
}
