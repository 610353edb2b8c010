//! Killed at every system call, and with a disk that fails: a file is the old or the new one, whole, and the next run
//! goes on from there. The system calls are counted and injected by `strace`, where it is installed.

use std::collections::BTreeMap;

use super::*;

/// The variable that tells the child whose home to work in.
const HOME: &str = "CONFIGURE_CRASH_HOME";
/// The variable that tells it what to do there.
const DEED: &str = "CONFIGURE_CRASH_DEED";

/// The calls that change something, and those around them.
const CALLS: &str =
    "openat,write,fchmod,fsync,close,linkat,link,renameat,renameat2,rename,unlinkat,unlink,mkdir,mkdirat,rmdir,flock";

/// Not a test of its own: what is killed. It does nothing unless it is told to.
#[test]
fn child() {
    let process = Host::of_process();
    let Some(home) = process.var(HOME).map(PathBuf::from) else { return };
    let host = host(&home, &home.join("project"));
    match process.var(DEED) {
        Some("configure") => drop(configure(request(Level::User), &host).unwrap()),
        Some("undo") => {
            let request = UndoRequest { clients: Vec::new(), level: Level::User, dry_run: false, force: false };
            drop(undo(&request, &host).unwrap());
        }
        other => panic!("{other:?}"),
    }
}

struct Strace {
    program: PathBuf,
    child: PathBuf,
}

impl Strace {
    fn find() -> Option<Self> {
        let host = Host::of_process();
        let program = host.find_program("strace").or_else(|| {
            eprintln!("strace is not installed: crashes are not tested");
            None
        })?;
        Some(Self { program, child: host.program().unwrap() })
    }

    /// Runs the child under `strace`; says whether it succeeded, and what was traced.
    fn run(&self, sandbox: &Sandbox, deed: &str, inject: Option<&str>) -> (bool, String) {
        let log = sandbox.root.path().join("strace.log");
        let mut command = Command::new(&self.program);
        command.arg("-f").arg("-o").arg(&log).args(["-e", &format!("trace={CALLS}"), "-e", "signal=none"]);
        if let Some(inject) = inject {
            command.args(["-e", &format!("inject={inject}")]);
        }
        command.arg(&self.child).args(["--exact", "configure::tests::crash::child", "--test-threads=1"]);
        command.env(HOME, sandbox.home()).env(DEED, deed);
        let output = command.output().unwrap();
        (output.status.success(), fs::read_to_string(&log).unwrap())
    }

    /// The calls from the first one in the sandbox on, each as its name and its number among those of its name: that is
    /// how `strace` counts, for each thread. The runtime's own calls come before.
    fn calls(&self, deed: &str, sandbox: &Sandbox) -> Vec<(String, usize)> {
        let (done, log) = self.run(sandbox, deed, None);
        assert!(done, "the child fails without being killed:\n{log}");
        let home = sandbox.home().display().to_string();
        let first = log.lines().position(|line| line.contains(&home)).expect("the child works in the sandbox");
        let thread = log.lines().nth(first).and_then(|line| line.split_whitespace().next()).unwrap();
        let (mut numbers, mut calls) = (BTreeMap::<String, usize>::new(), Vec::new());
        for (position, line) in log.lines().enumerate() {
            let Some((id, call)) = line.split_once(char::is_whitespace) else { continue };
            let Some((name, _)) = call.trim_start().split_once('(') else { continue };
            if id == thread && CALLS.split(',').any(|known| known == name) {
                let number = numbers.entry(name.to_owned()).or_default();
                *number += 1;
                if position >= first {
                    calls.push((name.to_owned(), *number));
                }
            }
        }
        calls
    }
}

fn with_file() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(EXISTING);
    sandbox
}

fn configured(sandbox: Sandbox) -> Sandbox {
    sandbox.configure(request(Level::User)).unwrap();
    sandbox
}

/// Injects a fault at every call in turn; after each, the file is one of the two, and the deed can be done again.
fn survives(deed: &str, fault: &str, before: Option<&str>) {
    let Some(strace) = Strace::find() else { return };
    let prepare = || {
        let sandbox = if before.is_some() { with_file() } else { Sandbox::new() };
        if deed == "undo" { configured(sandbox) } else { sandbox }
    };
    let calls = strace.calls(deed, &prepare());
    let written = {
        let sandbox = configured(if before.is_some() { with_file() } else { Sandbox::new() });
        fs::read_to_string(sandbox.file()).unwrap()
    };
    let (mut faults, mut passes) = (0, 0);
    for (name, number) in &calls {
        let call = format!("{name} {number}");
        let sandbox = prepare();
        let (done, _) = strace.run(&sandbox, deed, Some(&format!("{name}:{fault}:when={number}")));
        let found = fs::read_to_string(sandbox.file()).ok();
        assert!(
            found.as_deref() == before || found.as_deref() == Some(&written),
            "call {call}: neither the old file nor the new one:\n{found:?}"
        );
        if done {
            passes += 1;
        } else {
            faults += 1;
        }

        // The next run cleans up, and everything can still be taken back.
        sandbox.configure(request(Level::User)).unwrap();
        assert_eq!(fs::read_to_string(sandbox.file()).unwrap(), written, "call {call}");
        let left: Vec<_> =
            sandbox.files().into_iter().filter(|path| path.to_string_lossy().contains("codeartifact-")).collect();
        assert!(left.is_empty(), "call {call}: {left:?}");
        sandbox.undo(Level::User).unwrap();
        let text = fs::read_to_string(sandbox.file()).ok();
        // A folder that a killed run made is not known to be ours, a file is.
        assert_eq!(text.as_deref(), before, "call {call}");
        assert!(sandbox.undo(Level::User).unwrap().is_empty(), "call {call}");
    }
    eprintln!("{deed}, {fault}: {faults} of {} faults ended the run, {passes} did not", calls.len());
    assert!(faults >= 20, "only {faults} faults took effect");
}

#[test]
fn configure_killed_at_every_call() {
    survives("configure", "signal=KILL", Some(EXISTING));
}

#[test]
fn configure_killed_while_a_file_is_made() {
    survives("configure", "signal=KILL", None);
}

#[test]
fn undo_killed_at_every_call() {
    survives("undo", "signal=KILL", Some(EXISTING));
}

#[test]
fn a_disk_that_is_full_at_every_call() {
    survives("configure", "error=ENOSPC", Some(EXISTING));
}
