//! What the program holds stays in it.

use std::{io::Write as _, panic};

/// The status of a process that ended by a defect, as the standard library has it.
const DEFECT: i32 = 101;

/// No core dump, no look from processes of the same user, and no panic that prints what it held. To be called first.
pub(crate) fn keep() {
    system::keep();
    panic::set_hook(Box::new(|panic| {
        // The payload is left out: it may quote what was being read.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "error: this is a defect of codeartifact-credential-helper ({place})");
        // Not the abort of a release build: callers tell defects by the status.
        std::process::exit(DEFECT);
    }));
}

#[cfg(unix)]
mod system {
    use rustix::process::{Resource, Rlimit, setrlimit};

    pub(super) fn keep() {
        // Neither can fail for a process that gives rights away; if it did, the token would be no less needed.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn keep() {}
}
