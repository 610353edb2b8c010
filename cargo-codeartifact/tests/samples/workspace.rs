//! A workspace as they are: what tests publish.

/// Five crates that are published and one that is not: renamed, optional, target-specific, build and test
/// dependencies between them, one with a readme.
pub(crate) const SAMPLE: &[(&str, &str)] = &[
    (".gitignore", "target\nCargo.lock\n"),
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n\n[workspace.package]\nversion = \"0.1.0\"\n\
         edition = \"2021\"\n\n[workspace.dependencies]\nx-core = { path = \"crates/core\", version = \"0.1.0\" }\n",
    ),
    (
        "crates/core/Cargo.toml",
        "[package]\nname = \"x-core\"\nversion.workspace = true\nedition.workspace = true\nreadme = \"README.md\"\n\
         license = \"MIT\"\nrust-version = \"1.74\"\nlinks = \"x-core\"\nbuild = \"build.rs\"\n\n\
         [dev-dependencies]\nx-util = { path = \"../util\" }\n",
    ),
    ("crates/core/README.md", "# Core\n"),
    ("crates/core/build.rs", "fn main() {}\n"),
    ("crates/core/src/lib.rs", "pub fn core() -> u32 { 1 }\n"),
    (
        "crates/macros/Cargo.toml",
        "[package]\nname = \"x-macros\"\nversion = \"0.1.0\"\nedition.workspace = true\n\n[lib]\nproc-macro = true\n",
    ),
    ("crates/macros/src/lib.rs", ""),
    (
        "crates/util/Cargo.toml",
        "[package]\nname = \"x-util\"\nversion = \"0.1.0\"\nedition.workspace = true\n\n[dependencies]\n\
         base = { package = \"x-core\", path = \"../core\", version = \"0.1.0\" }\n\
         x-macros = { path = \"../macros\", version = \"0.1\", optional = true, default-features = false }\n\n\
         [features]\nmacros = [\"dep:x-macros\"]\n",
    ),
    ("crates/util/src/lib.rs", "pub fn util() -> u32 { base::core() + 1 }\n"),
    (
        "crates/build/Cargo.toml",
        "[package]\nname = \"x-build\"\nversion = \"0.1.0\"\nedition.workspace = true\n\n\
         [target.'cfg(unix)'.dependencies]\nx-core.workspace = true\n",
    ),
    ("crates/build/src/lib.rs", "pub fn build() {}\n"),
    (
        "crates/app/Cargo.toml",
        "[package]\nname = \"x-app\"\nversion = \"0.1.0\"\nedition.workspace = true\n\n[dependencies]\n\
         x-util = { path = \"../util\", version = \"0.1.0\", features = [\"macros\"] }\n\n\
         [build-dependencies]\nx-build = { path = \"../build\", version = \"0.1.0\" }\n\n\
         [dev-dependencies]\nx-secret = { path = \"../secret\" }\n",
    ),
    ("crates/app/build.rs", "fn main() { x_build::build() }\n"),
    ("crates/app/src/lib.rs", "pub fn app() -> u32 { x_util::util() + 1 }\n"),
    (
        "crates/secret/Cargo.toml",
        "[package]\nname = \"x-secret\"\nversion = \"0.1.0\"\nedition.workspace = true\npublish = false\n",
    ),
    ("crates/secret/src/lib.rs", ""),
];

/// The published ones, each after what it needs.
pub(crate) const ORDER: [&str; 5] = ["x-core", "x-build", "x-macros", "x-util", "x-app"];
