//! `codeartifact-credential-helper-fetch`: see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    credential_helper::answer_from_service(&codeartifact::Host::of_process())
}
