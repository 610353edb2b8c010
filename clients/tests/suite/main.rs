//! What every client must keep: one test binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod completeness;
mod corpus;
mod dotnet_ruby_swift;
mod editing;
mod fuzzed;
mod hostile;
mod javascript;
mod json;
mod jvm;
mod line_files;
mod other_readers;
mod python_settings;
mod settings_cases;
mod template;
mod transcripts;
mod xml;
mod xml_readers;

use std::path::PathBuf;

// `template/` speaks of `crate`, which in its own place is `clients`.
use clients::{Client, Spoken, protocol, settings, syntax};

/// The crate's folder.
fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names in a folder, sorted; none where it is not there.
fn names_in(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_file_of_the_suite_is_listed() {
    let main = include_str!("main.rs");
    for name in names_in(&crate_dir().join("tests/suite")) {
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is not listed in main.rs");
    }
}
