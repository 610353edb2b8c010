//! What the program is called to do: by the name it is called by, or by its first argument.

use std::{ffi::OsString, fmt::Write as _, path::Path};

use clients::protocol::{self, Answer, ProtocolError, Spoken, Streams, shown};
use codeartifact::{Authorize, Trust};

/// The argument that precedes a conversation handed over, followed by the number of the descriptor that holds what was
/// read and not yet answered, and what selected the protocol: its word, or a link's name.
pub(crate) const RESUME: &str = "--resume";

pub(crate) const PROGRAM: &str = "codeartifact-credential-helper";

/// What to do.
pub(crate) enum Call {
    /// Speak a protocol.
    Converse(Conversation),
    /// Do something for a person.
    Do(Task),
    /// Print this.
    Print(String),
}

/// What people start the program for. It is not quick, and the other program's to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Make links.
    Install,
    /// Remove them.
    Uninstall,
    /// Show protocols and links.
    List,
    /// Say what becomes of a URL.
    Explain,
}

impl Task {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "install" => Task::Install,
            "uninstall" => Task::Uninstall,
            "list" => Task::List,
            "explain" => Task::Explain,
            _ => return None,
        })
    }
}

/// A conversation to be held.
pub(crate) struct Conversation {
    pub(crate) spoken: &'static Spoken,
    /// The caller's arguments after what selected the protocol.
    pub(crate) args: Vec<OsString>,
    /// The name of the link that selected the protocol.
    pub(crate) link: Option<String>,
    /// The descriptor with the beginning, where another program began.
    pub(crate) resumed: Option<String>,
}

impl Conversation {
    pub(crate) fn hold(
        &self,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        let domain = self.link.as_deref().and_then(|link| self.spoken.selected_by(link)).flatten();
        let call = protocol::Call { args: &self.args, domain };
        self.spoken.protocol.converse(&call, streams, trust, authorize)
    }

    /// What selects this conversation's protocol in another program of ours.
    pub(crate) fn selector(&self) -> &str {
        self.link.as_deref().unwrap_or(self.spoken.word)
    }
}

/// The arguments select nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    /// There are none.
    #[error("{}", usage())]
    Nothing,
    /// The first is no word of ours.
    #[error("error: `{word}` is no protocol\n\n{}", usage())]
    Unknown {
        /// The word, as it may be shown.
        word: String,
    },
    /// What only the sibling program writes is not as it writes it.
    #[error("error: `{RESUME}` is for programs: it takes a descriptor's number and a protocol\n\n{}", usage())]
    Resume,
}

/// What the arguments say, the program's name first.
pub(crate) fn parse(args: &[OsString]) -> Result<Call, UsageError> {
    let (name, args) = args.split_first().map_or((None, args), |(name, args)| (Some(name), args));
    if let Some(selected) = name.and_then(|name| by_link(Path::new(name))) {
        return Ok(converse(selected, args, None));
    }
    let (first, rest) = args.split_first().ok_or(UsageError::Nothing)?;
    match first.to_str() {
        Some("--version" | "-V") => Ok(Call::Print(format!("{PROGRAM} {}\n", env!("CARGO_PKG_VERSION")))),
        Some("--help" | "-h" | "help") => Ok(Call::Print(usage())),
        Some(RESUME) => {
            let [descriptor, word, rest @ ..] = rest else { return Err(UsageError::Resume) };
            let descriptor =
                descriptor.to_str().filter(|text| text.parse::<u16>().is_ok()).ok_or(UsageError::Resume)?;
            let by_word = || word.to_str().and_then(by_argument);
            let selected = by_word().or_else(|| by_link(Path::new(word))).ok_or(UsageError::Resume)?;
            Ok(converse(selected, rest, Some(descriptor.to_owned())))
        }
        word => match (word.and_then(Task::of), word.and_then(by_argument)) {
            (Some(task), _) => Ok(Call::Do(task)),
            (None, Some(selected)) => Ok(converse(selected, rest, None)),
            (None, None) => Err(UsageError::Unknown { word: shown(&first.to_string_lossy(), 80) }),
        },
    }
}

/// A protocol, and the link's name where that selected it.
type Selected = (&'static Spoken, Option<String>);

fn converse((spoken, link): Selected, args: &[OsString], resumed: Option<String>) -> Call {
    Call::Converse(Conversation { spoken, args: args.to_vec(), link, resumed })
}

fn by_argument(word: &str) -> Option<Selected> {
    let is_meant = |spoken: &&&Spoken| spoken.word == word || spoken.first_argument == Some(word);
    clients::PROTOCOLS.iter().find(is_meant).map(|spoken| (*spoken, None))
}

fn by_link(program: &Path) -> Option<Selected> {
    let name = program.file_name()?.to_str()?;
    let name = name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap_or(name);
    let spoken = clients::PROTOCOLS.iter().find(|spoken| spoken.selected_by(name).is_some())?;
    Some((*spoken, Some(name.to_owned())))
}

/// One protocol a line: for scripts, and to be read.
pub(crate) fn protocols() -> String {
    let width = clients::PROTOCOLS.iter().map(|spoken| spoken.word.len()).max().unwrap_or_default();
    clients::PROTOCOLS.iter().fold(String::new(), |mut list, spoken| {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{:width$}  {}", spoken.word, spoken.about);
        list
    })
}

pub(crate) fn usage() -> String {
    let protocols = protocols().lines().fold(String::new(), |protocols, line| protocols + "  " + line + "\n");
    format!(
        "Gives package managers a CodeArtifact token when they ask; they start it, not you.\n\n\
         Usage: {PROGRAM} PROTOCOL [ARGUMENT...]\n\
         \x20      {PROGRAM} install [--dir DIR] [--domain DOMAIN-OWNER.REGION]... [NAME...]\n\
         \x20      {PROGRAM} uninstall [--dir DIR] [NAME...]\n\
         \x20      {PROGRAM} list [--json]\n\
         \x20      {PROGRAM} explain [--json] URL\n\
         \x20      {PROGRAM} --version | --help\n\n\
         `install` makes the names that package managers look for, `uninstall` removes them, `list` shows protocols\n\
         and links, `explain` says what becomes of a URL and why; it asks nobody.\n\n\
         Protocols:\n{protocols}\n\
         Set a package manager up with `cargo codeartifact configure`.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Call, UsageError> {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn conversation(args: &[&str]) -> Conversation {
        match parsed(args) {
            Ok(Call::Converse(conversation)) => conversation,
            _ => panic!("no conversation: {args:?}"),
        }
    }

    #[test]
    fn a_protocol_is_selected_by_word_by_argument_and_by_name() {
        for args in [
            &["/bin/codeartifact-credential-helper", "cargo", "--x"][..],
            &["codeartifact-credential-helper", "--cargo-plugin", "--x"],
            &["/links/cargo-credential-codeartifact", "--x"],
        ] {
            let conversation = conversation(args);
            assert_eq!(conversation.spoken.word, "cargo", "{args:?}");
            assert_eq!(conversation.args, ["--x"], "{args:?}");
            assert!(conversation.resumed.is_none());
        }
    }

    #[test]
    fn the_name_of_the_link_is_handed_over_with_the_conversation() {
        for args in
            [&["/links/cargo-credential-codeartifact"][..], &["p", RESUME, "3", "cargo-credential-codeartifact"]]
        {
            assert_eq!(conversation(args).selector(), "cargo-credential-codeartifact", "{args:?}");
        }
        assert_eq!(conversation(&["p", "--cargo-plugin"]).selector(), "cargo");
    }

    #[test]
    fn a_conversation_handed_over_names_its_beginning() {
        let conversation = conversation(&["p", RESUME, "3", "cargo", "--x"]);
        assert_eq!(conversation.resumed.as_deref(), Some("3"));
        assert_eq!(conversation.args, ["--x"]);
        for args in [&["p", RESUME][..], &["p", RESUME, "3"], &["p", RESUME, "../x", "cargo"], &["p", RESUME, "3", "x"]]
        {
            assert!(matches!(parsed(args), Err(UsageError::Resume)), "{args:?}");
        }
    }

    #[test]
    fn what_selects_nothing_is_told_what_would() {
        for args in [&[][..], &["p"]] {
            assert!(matches!(parsed(args), Err(UsageError::Nothing)));
        }
        let Err(error) = parsed(&["p", "car\u{1b}go"]) else { panic!() };
        let text = error.to_string();
        assert!(text.starts_with("error: `car\\u{1b}go` is no protocol\n"), "{text}");
        assert!(text.contains("  Cargo's credential provider protocol"), "{text}");
    }
}
