//! `cargo codeartifact`: see the library of this package.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_codeartifact::run(&codeartifact::Host::of_process())
}
