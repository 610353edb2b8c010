//! What is published, and what is built from it.

use std::fs;
use std::path::Path;

use super::{QuickstartError, SHARED, Session};

/// The workspace that is published, below the folder.
pub(super) const WORKSPACE: &str = "workspace";
/// The project that uses it.
pub(super) const CONSUMER_MANIFEST: &str = "consumer/Cargo.toml";
/// What the consumer prints.
pub(super) const GREETING: &str = "Hello from my-shared-repo, version 1.0.0!";

const VERSION: &str = "1.0.0";
const CRATES: [&str; 2] = ["my-words", "my-greeting"];

const FILES: &[(&str, &str)] = &[
    ("workspace/.gitignore", "/target\n"),
    ("workspace/Cargo.toml", "[workspace]\nmembers = [\"my-words\", \"my-greeting\"]\nresolver = \"3\"\n"),
    (
        "workspace/my-words/Cargo.toml",
        "[package]\nname = \"my-words\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
         description = \"Words to greet with\"\nlicense = \"MIT-0\"\n",
    ),
    ("workspace/my-words/src/lib.rs", "pub const HELLO: &str = \"Hello\";\n"),
    (
        "workspace/my-greeting/Cargo.toml",
        "[package]\nname = \"my-greeting\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
         description = \"A greeting made of words\"\nlicense = \"MIT-0\"\n\n[dependencies]\n\
         my-words = { path = \"../my-words\", version = \"1\" }\n",
    ),
    (
        "workspace/my-greeting/src/lib.rs",
        "pub fn greeting(from: &str) -> String {\n    \
             format!(\"{} from {from}, version {}!\", my_words::HELLO, env!(\"CARGO_PKG_VERSION\"))\n}\n",
    ),
    ("consumer/src/main.rs", "fn main() {\n    println!(\"{}\", my_greeting::greeting(\"my-shared-repo\"));\n}\n"),
];

/// Writes both. Whether the workspace is in git, with a tag to take the version from.
pub(super) fn make(session: &mut Session<'_>) -> Result<bool, QuickstartError> {
    let folder = session.ground.folder();
    FILES.iter().try_for_each(|(path, text)| write(&folder.join(path), text))?;
    let manifest = format!(
        "[package]\nname = \"consumer\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         my-greeting = {{ version = \"1\", registry = \"{SHARED}\" }}\n\n[workspace]\n"
    );
    write(&folder.join(CONSUMER_MANIFEST), &manifest)?;
    // Git asks for a name to commit under, and recommends one for the branch.
    let settings = "[user]\nname = quickstart\nemail = quickstart@example.com\n[init]\ndefaultBranch = main\n";
    write(&folder.join("home/.gitconfig"), settings)?;
    if !has_git(session) {
        session.narrator.note("without git, the version is that of the manifests");
        return Ok(false);
    }
    let tag = format!("v{VERSION}");
    session.run(&["git", "init", "--quiet", WORKSPACE])?;
    session.run(&["git", "-C", WORKSPACE, "add", "--all"])?;
    session.run(&["git", "-C", WORKSPACE, "commit", "--quiet", "--message=First"])?;
    session.run(&["git", "-C", WORKSPACE, "tag", &tag])?;
    Ok(true)
}

/// What is promoted.
pub(super) fn specs() -> Vec<String> {
    CRATES.iter().map(|name| format!("cargo:{name}@{VERSION}")).collect()
}

fn has_git(session: &Session<'_>) -> bool {
    let mut git = session.ground.command(&["git", "--version"]);
    git.output().is_ok_and(|output| output.status.success())
}

fn write(path: &Path, text: &str) -> Result<(), QuickstartError> {
    let folder = path.parent().expect("a file of the sample is in a folder");
    fs::create_dir_all(folder).map_err(QuickstartError::file("make", folder))?;
    fs::write(path, text).map_err(QuickstartError::file("write", path))
}
