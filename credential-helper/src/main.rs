//! `codeartifact-credential-helper`: see the library of this package.

use std::mem::ManuallyDrop;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Not dropped: the process ends, and giving its memory back piece by piece would cost system calls.
    let host = ManuallyDrop::new(codeartifact::Host::of_process());
    credential_helper::answer_from_stores(&host)
}
