//! The helper as it ships: static, small, and quick for lack of things to do. Looks at what a release build left.

use std::path::{Path, PathBuf};

use tests::{Sandbox, ScriptedControlPlane, Trace, conversation, programs, programs::find};

const LARGEST: u64 = 3 * 1024 * 1024;
const MOST_CALLS: usize = 60;

/// The newest of the helper's release builds, as linked for this system or statically for it. CI builds one first.
fn release() -> Option<PathBuf> {
    let target = programs::ours().parent().expect("cargo puts profiles into the target folder");
    let architecture = std::env::consts::ARCH;
    let folders = [".", &format!("{architecture}-unknown-linux-musl"), &format!("{architecture}-unknown-linux-gnu")];
    let found = folders
        .iter()
        .flat_map(|folder| ["release", "dist"].map(|profile| target.join(folder).join(profile)))
        .map(|folder| folder.join("codeartifact-credential-helper"))
        .filter_map(|file| Some((std::fs::metadata(&file).ok()?.modified().ok()?, file)))
        .max();
    if found.is_none() {
        println!("skipped: no release build; `cargo build --release --workspace` makes one");
    }
    found.map(|(_, file)| file)
}

/// Whether an executable asks for a dynamic linker (a program header of type 3, `PT_INTERP`; `man 5 elf`).
fn asks_for_a_linker(file: &Path) -> bool {
    let bytes = std::fs::read(file).expect("the build is readable");
    assert_eq!(&bytes[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let word = |at: usize, length: usize| {
        bytes[at..at + length].iter().rev().fold(0_usize, |value, byte| value << 8 | usize::from(*byte))
    };
    let (table, size, count) = (word(32, 8), word(54, 2), word(56, 2));
    (0..count).any(|number| word(table + number * size, 4) == 3)
}

#[test]
fn it_is_static_and_small() {
    let Some(helper) = release() else { return };
    let size = std::fs::metadata(&helper).unwrap().len();
    println!("{}: {size} bytes", helper.display());
    assert!(size <= LARGEST, "{size} bytes");
    assert!(!asks_for_a_linker(&helper), "{} is linked dynamically", helper.display());
}

/// A warm call through the release build, and all its system calls.
fn warm_call(store: &str) -> Option<Trace> {
    let (helper, strace) = (release()?, find("strace")?);
    let sandbox = Sandbox::new();
    if store == "kernel" && !sandbox.keyrings().are_private() {
        println!("skipped: the kernel keyrings here would be the user's own");
        return None;
    }
    sandbox.set("CODEARTIFACT_STORE", store);
    sandbox.may_hold_secrets("state");
    let secret = format!("eyJ2ZXIiOjF9.warm.{}", "p6Gs1NcY8Jk4".repeat(80));
    sandbox.guard_token(&secret);
    let plane = ScriptedControlPlane::issuing(&secret);
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    // Filled by the build under test beside its own sibling; then nothing but the store is needed.
    conversation::only_token(&conversation::asked(&sandbox, [&*index]).run().success());
    let connections = plane.connections();
    let program = sandbox.program(&helper).arg("--cargo-plugin").stdin(conversation::get(&index)).answers_secret();
    let (outcome, trace) = program.traced(&strace, "all");
    assert_eq!(conversation::only_token(&outcome.success()), secret);
    assert_eq!(plane.connections(), connections, "the store answered");
    Some(trace)
}

#[test]
fn a_warm_call_does_next_to_nothing() {
    for store in ["kernel", "file"] {
        let Some(trace) = warm_call(store) else { continue };
        let count = trace.calls().len();
        println!("{store}: {count} system calls");
        for name in ["socket", "connect", "clone", "clone3", "fork", "vfork", "epoll_create1", "eventfd2", "io_uring_setup"] {
            assert_eq!(trace.of(name).count(), 0, "{store}: {name}");
        }
        assert_eq!(trace.of("execve").count(), 1, "{store}: one program");
        let names: Vec<&str> = trace.calls().iter().map(|call| &*call.name).collect();
        assert!(count < MOST_CALLS, "{store}: {count} system calls: {names:?}");
    }
}
