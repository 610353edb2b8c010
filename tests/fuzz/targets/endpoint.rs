//! The endpoint parser, judged by the second opinion of its own tests.
#![no_main]

#[path = "../../../codeartifact/tests/hostile_urls/judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|url: &[u8]| judge::judge(url));
