//! The `keyring` program of the Python project of that name, as pip, uv and PDM call it; and the package that lets
//! tools which load that project's library, such as twine and Poetry, ask our program.

use crate::{Spoken, protocol::LinkName};

mod library;
mod protocol;

pub(crate) use library::Library;

/// The name under which the program is started.
pub(crate) const LINK: &str = "keyring";

/// A repository's URL with the only user name that AWS documents: clients that are given one ask for the rest.
pub(crate) fn with_user(url: &str) -> String {
    url.replacen("://", "://aws@", 1)
}

/// The protocol. Its clients look for a program of this name on PATH.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "keyring",
    first_argument: None,
    links: &[LinkName::Whole(LINK)],
    about: "the `keyring` program, as pip and uv call it",
    protocol: &protocol::KeyringProtocol,
};

/// The files of the Python package `codeartifact-keyring`: their names in its folder, and what they say. It is a backend
/// of the `keyring` library and builds without any other package, so that it can be installed where every package comes
/// from a repository that needs it.
pub const BACKEND_PACKAGE: [(&str, &str); 3] = [
    ("pyproject.toml", include_str!("shim/pyproject.toml")),
    ("codeartifact_keyring.py", include_str!("shim/codeartifact_keyring.py")),
    ("build_wheel.py", include_str!("shim/build_wheel.py")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_the_version_of_the_program() {
        let (_, project) = BACKEND_PACKAGE[0];
        assert!(project.contains(&format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"))), "{project}");
    }

    #[test]
    fn the_package_is_whole() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/keyring/shim");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with("test_") && name != "__pycache__").collect();
        names.sort();
        let mut embedded = BACKEND_PACKAGE.map(|(name, _)| name);
        embedded.sort_unstable();
        assert_eq!(names, embedded);
    }
}
