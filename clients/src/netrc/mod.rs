//! netrc, the file that curl, Git, wget, Go and others read user names and passwords from. It is written to standard
//! output, for a pipe: never to the file itself, where a token would lie for everybody who can read it.

use crate::Spoken;

mod protocol;

/// The lines of a netrc file.
pub(crate) static SPOKEN: Spoken = Spoken {
    word: "netrc",
    first_argument: None,
    links: &[],
    about: "lines of a netrc file for the repositories or domains given",
    protocol: &protocol::NetrcProtocol,
};
