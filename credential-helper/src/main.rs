//! `codeartifact-credential-helper`: see the library of this package.
//!
//! With glibc this program is entered as a C program is. What the standard library does before its own `main` reads
//! and takes apart `/proc/self/maps` to find the guard page of the stack, and sets up a second stack to say so when the
//! first overflows: 18 system calls and 0.1 ms, an eighth of a warm call. With musl it costs next to nothing.
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]
// The one place of this workspace, for the one attribute: nothing is dereferenced here.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu", not(test)),
    expect(unsafe_code, reason = "a symbol that C calls has to be exported under its own name")
)]

use std::mem::ManuallyDrop;

fn answer() -> u8 {
    // Not dropped: the process ends, and giving its memory back piece by piece would cost system calls.
    let host = ManuallyDrop::new(codeartifact::Host::of_process());
    credential_helper::answer_from_stores(&host)
}

/// The arguments are left where they are: with glibc the standard library finds them by itself (`std::env::args`).
/// SIGPIPE keeps its usual effect, as in C programs: nobody reads, nobody needs an answer.
#[cfg(all(target_os = "linux", target_env = "gnu", not(test)))]
#[unsafe(no_mangle)]
pub extern "C" fn main() -> std::ffi::c_int {
    credential_helper::fill_standard_streams();
    answer().into()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", not(test))))]
fn main() -> std::process::ExitCode {
    answer().into()
}
