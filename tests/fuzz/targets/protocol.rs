//! One protocol, named by its word in `FUZZ_PROTOCOL`: whatever comes in, no token goes where it must not.
#![no_main]

use std::sync::LazyLock;

use clients::Spoken;

#[path = "../../../clients/tests/judge/mod.rs"]
mod judge;

#[expect(clippy::disallowed_methods, reason = "the fuzzer takes the arguments, and there is no `Host` here")]
static SPOKEN: LazyLock<&'static Spoken> = LazyLock::new(|| {
    let word = std::env::var("FUZZ_PROTOCOL").expect("FUZZ_PROTOCOL names a protocol");
    clients::PROTOCOLS.iter().find(|spoken| spoken.word == word).expect("a protocol has that word")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| judge::judge(&SPOKEN, input));
