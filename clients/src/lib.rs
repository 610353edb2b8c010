//! All that is known about package-manager programs: how each asks for a credential, and which files it is set up by.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`protocol`] | [`Protocol`]: a conversation over the streams a package manager hands to its credential program |
//! | [`inspect`] | what is wrong in clients' files and variables, from their texts |
//! | [`settings`] | [`Settings`]: from a file's text to the edits that set a client up; how edits are shown and taken back |
//! | [`syntax`] | format-preserving text: what an edit does not name keeps its bytes |
//! | one per client | its record, its protocol, its settings, its page, its fixtures |
//!
//! Invariants: no file, socket or process is opened here; the only input and output are the streams handed in. No
//! clock, no environment, no async. Settings are functions from text to text, so a dry run cannot write.
//!
//! Protocols and clients stand in two tables. A protocol may serve several clients, and the credential program needs
//! the protocols alone: it reaches no [`Client`], so no settings code is linked into it.
//!
//! To add a client, copy `template/` to `src/NAME/`, add NAME to the row `clients! { … }` below and run
//! `cargo test -p clients`: it names what is missing, a line each.
#![forbid(unsafe_code)]

use codeartifact::PackageFormat;

mod answer;
pub mod basic;
mod bearer;
mod index_name;
pub mod inspect;
mod platformdirs;
pub mod protocol;
pub mod publish;
pub mod settings;
pub mod syntax;

pub use protocol::{Protocol, Spoken};
pub use settings::Settings;

/// A package-manager program: what the product knows about it.
pub struct Client {
    /// The name in commands, such as `cargo`; also that of its folder here.
    pub name: &'static str,
    /// The name in prose, such as `Cargo`.
    pub title: &'static str,
    /// The format of the packages it reads and publishes.
    pub format: PackageFormat,
    /// The program's names on PATH.
    pub programs: &'static [&'static str],
    /// How it asks for a credential; `None` where it has no hook for that.
    pub protocol: Option<&'static Spoken>,
    /// The files it is set up by; `None` where that is done by hand, as its page says.
    pub settings: Option<&'static dyn Settings>,
    /// The oldest version that works, as the client prints it.
    pub minimum_version: &'static str,
    /// The user's page, in Markdown: what is written where, how it authenticates, how often it asks, what a failure looks
    /// like, how to undo, known limits.
    pub page: &'static str,
}

/// Declares a module for each client, and the table made of their records.
macro_rules! clients {
    ($($name:ident),+ $(,)?) => {
        $(pub mod $name;)+

        /// Every client, in the order shown to people.
        pub static CLIENTS: &[&Client] = &[$(&$name::CLIENT),+];
    };
}

clients! {
    cargo,
    nuget,
    bazel,
    maven,
    npm,
    pnpm,
    yarn,
    yarn1,
    bun,
    pip,
    uv,
    twine,
    poetry,
    pdm,
    hatch,
    gradle,
    sbt,
    curl,
    rubygems,
    bundler,
    swift,
}

// Protocols that no one client has for its own.
pub mod keyring;
pub mod netrc;

/// Every protocol, each in the folder of the client that defined it.
pub static PROTOCOLS: &[&Spoken] = &[
    &cargo::SPOKEN,
    &nuget::SPOKEN,
    &bazel::SPOKEN,
    &maven::SPOKEN,
    &pnpm::SPOKEN,
    &yarn::SPOKEN,
    &keyring::SPOKEN,
    &netrc::SPOKEN,
];

/// The client of that name.
pub fn find(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().copied().find(|client| client.name == name)
}

/// The client a program on PATH belongs to, such as `cargo` for `cargo`; `.exe` does not count.
pub fn find_by_program(program: &str) -> Option<&'static Client> {
    let program = program.strip_suffix(".exe").unwrap_or(program);
    CLIENTS.iter().copied().find(|client| client.programs.contains(&program))
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{protocol::LinkName, *};

    #[test]
    fn names_are_found_and_unique() {
        for client in CLIENTS {
            assert_eq!(find(client.name).map(|found| found.name), Some(client.name));
            for program in client.programs {
                assert_eq!(find_by_program(program).map(|found| found.name), Some(client.name));
                assert_eq!(find_by_program(&format!("{program}.exe")).map(|found| found.name), Some(client.name));
            }
        }
        assert!(find("no-such-client").is_none());
        assert!(find_by_program("no-such-program").is_none());
    }

    #[test]
    fn the_readme_lists_every_client() {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("<!-- clients: ").expect("the README has the table");
        let (table, _) = rest.split_once("<!-- end of clients -->").expect("the table ends");
        let listed: Vec<_> = table.lines().skip(3).collect();
        let expected: Vec<_> = CLIENTS
            .iter()
            .map(|client| {
                let Client { name, title, format, protocol, minimum_version, .. } = client;
                let on_demand = if protocol.is_some() { "yes" } else { "no" };
                format!("| [{title}](clients/src/{name}/page.md) | {format} | {on_demand} | {minimum_version} |")
            })
            .collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn protocol_words_are_unique() {
        let mut words: Vec<_> = PROTOCOLS.iter().map(|spoken| spoken.word).collect();
        let before = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), before);
    }

    #[test]
    fn a_links_name_selects_one_protocol_or_none() {
        for spoken in PROTOCOLS {
            for link in spoken.links {
                let (name, rest) = match *link {
                    LinkName::Whole(name) => (name.to_owned(), None),
                    LinkName::ForDomain(prefix) => (format!("{prefix}a-111122223333.r"), Some("a-111122223333.r")),
                };
                let selected: Vec<_> = PROTOCOLS.iter().filter_map(|other| other.selected_by(&name)).collect();
                assert_eq!(selected, [rest], "{name}");
                assert_eq!(spoken.selected_by(&format!("x{name}")), None);
            }
        }
    }
}
