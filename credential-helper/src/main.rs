//! `codeartifact-credential-helper`: see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    credential_helper::answer_from_stores(&codeartifact::Host::of_process())
}
