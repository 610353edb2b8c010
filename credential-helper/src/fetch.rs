//! `codeartifact-credential-helper-fetch`: see the library of this package.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    credential_helper::answer_from_service(&codeartifact::Host::of_process()).into()
}
