//! `cargo codeartifact`: see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_codeartifact::run(&codeartifact::Host::of_process())
}
