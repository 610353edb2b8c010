//! Conversations: how a package manager asks its credential program for a token.

use std::{
    error::Error,
    ffi::OsString,
    fmt::Write as _,
    io::{self, BufRead, Write},
};

use codeartifact::{Authorize, AuthorizeError, Trust};

/// One protocol, in one folder with the client that defined it.
pub trait Protocol: Sync {
    /// Holds the whole conversation.
    ///
    /// Whether a URL may get a token is decided from `trust` alone, before `authorize` is asked: a foreign URL causes
    /// no look-up and no call. Every answer is flushed as soon as it is written, and nothing else is: what was read
    /// since the last flush is the request at hand, which another program may be given to answer.
    ///
    /// # Errors
    /// The streams broke, or what came in was no request. Where the wire allows, the reason was answered there too.
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError>;
}

/// A protocol's row: the protocol and how a caller selects it.
pub struct Spoken {
    /// The word that selects it as the first argument, such as `cargo`.
    pub word: &'static str,
    /// An argument the client itself puts first, which selects it too.
    pub first_argument: Option<&'static str>,
    /// Names of links to the credential program that select it.
    pub links: &'static [LinkName],
    /// What it is, in one phrase.
    pub about: &'static str,
    /// The conversation.
    pub protocol: &'static dyn Protocol,
}

impl Spoken {
    /// What a link's name says, without `.exe`: `None` where it does not select this protocol, else what follows the
    /// part that is fixed.
    pub fn selected_by<'n>(&self, name: &'n str) -> Option<Option<&'n str>> {
        self.links.iter().find_map(|link| match link {
            LinkName::Whole(whole) => (*whole == name).then_some(None),
            LinkName::ForDomain(prefix) => name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(Some),
        })
    }
}

/// The name of a link to the credential program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkName {
    /// Just this.
    Whole(&'static str),
    /// This, followed by the domain the link is for, as in an endpoint's host: `DOMAIN-OWNER.REGION`. For clients that
    /// say nothing at all when they ask.
    ForDomain(&'static str),
}

/// How the credential program was called.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// The caller's arguments, after what selected the protocol.
    pub args: &'a [OsString],
    /// What follows the prefix in the name of a link made for one domain: `DOMAIN-OWNER.REGION`.
    pub domain: Option<&'a str>,
}

/// The streams of a conversation.
pub struct Streams<'a> {
    /// What the package manager writes.
    pub input: &'a mut dyn BufRead,
    /// What it reads; the protocol's alone.
    pub output: &'a mut dyn Write,
    /// What the user sees, if the package manager lets them.
    pub errors: &'a mut dyn Write,
    /// The conversation goes on where another program left it: greetings were said already.
    pub resumed: bool,
    /// For package managers that give up on a program that is silent while it waits for a token.
    pub heartbeat: &'a dyn Heartbeat,
}

/// A sign of life while a token is waited for.
pub trait Heartbeat {
    /// Does `work`. For as long as that takes, `beat` is written to the package manager every two seconds, in one piece;
    /// nothing is written any more when this comes back. A program that never waits for long need not beat.
    fn during(&self, beat: &[u8], work: &mut dyn FnMut());
}

/// No sign of life: for programs that never wait for long.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Heartbeat for Silent {
    fn during(&self, _beat: &[u8], work: &mut dyn FnMut()) {
        work();
    }
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Every request was answered; a refusal is an answer.
    Answered,
    /// There is no token, and the protocol has no words to say why: the reason went to standard error, and the program
    /// ends with a failure.
    Refused,
    /// The request is for another provider, and the protocol has no words to say so.
    NotMine,
}

/// A conversation that could not be held.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The package manager's request could not be read.
    #[error("cannot read the request")]
    Read(#[source] io::Error),
    /// The answer could not be written.
    #[error("cannot write the answer")]
    Write(#[source] io::Error),
    /// A request longer than any real one.
    #[error("the request is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// What came in is no request of this protocol.
    #[error("the request is not valid: {reason}")]
    Malformed {
        /// What is wrong with it, without quoting it.
        reason: String,
    },
    /// A version of the protocol this program does not speak.
    #[error("protocol version {asked} is not supported: this program speaks version {spoken}")]
    Version {
        /// What the package manager asked for, escaped.
        asked: String,
        /// What is spoken.
        spoken: u32,
    },
}

/// The longest request line accepted: many times the longest that any client sends.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Reads one line of at most [`LONGEST_LINE`] bytes without its line end; `None` at the end of the input. A last line
/// without a line end counts.
///
/// # Errors
/// [`ProtocolError::Read`] and [`ProtocolError::TooLong`].
pub fn read_line(input: &mut dyn BufRead) -> Result<Option<Vec<u8>>, ProtocolError> {
    let mut line = Vec::new();
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ProtocolError::Read(error)),
        };
        if available.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(available.len());
        if line.len() + taken > LONGEST_LINE {
            return Err(ProtocolError::TooLong { limit: LONGEST_LINE });
        }
        line.extend_from_slice(&available[..taken]);
        input.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// How deeply arrays and objects nest in JSON text, strings left out. Clients send three levels; a parser's stack is
/// not to be tried with more than a few dozen.
pub fn json_depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether a character could end a line, move a cursor or hide text somewhere on its way to a person or a header:
/// C0, DEL, C1, the line and paragraph separators, and the marks that turn the direction of writing.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from elsewhere as it may be shown: control characters escaped, at most `longest` characters.
pub fn shown(text: &str, longest: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(longest));
    for (position, character) in text.chars().enumerate() {
        if position == longest {
            shown.push('…');
            break;
        }
        if is_control(character) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The longest message shown of one cause.
const LONGEST_CAUSE: usize = 2_000;

/// An error and its causes, outermost first, each as it may be shown. Causes that say nothing new are left out.
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = shown(&error.to_string(), LONGEST_CAUSE);
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = error.source();
    }
    causes
}

/// Why there is no token: the error, its causes, and the next step as a last line that begins with `hint: `. What every
/// protocol tells its client, each in the client's own words for a failure.
pub fn refusal_lines(error: &AuthorizeError) -> Vec<String> {
    let hint = error.hint().map(|hint| format!("hint: {}", shown(&hint, LONGEST_CAUSE)));
    causes(error).into_iter().chain(hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_limit() {
        let long = [b"x".repeat(LONGEST_LINE).as_slice(), b"\nrest"].concat();
        let mut input = long.as_slice();
        assert_eq!(read_line(&mut input).unwrap().unwrap().len(), LONGEST_LINE);
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"rest");
        assert!(read_line(&mut input).unwrap().is_none());

        let too_long = b"x".repeat(LONGEST_LINE + 1);
        assert!(matches!(read_line(&mut too_long.as_slice()), Err(ProtocolError::TooLong { .. })));
    }

    #[test]
    fn an_endless_line_is_refused_while_it_is_read() {
        let mut endless = io::BufReader::with_capacity(1_000, io::repeat(b'x'));
        assert!(matches!(read_line(&mut endless), Err(ProtocolError::TooLong { .. })));
    }

    #[test]
    fn depth_does_not_count_strings() {
        assert_eq!(json_depth(br#"{"a":[{"b":1}],"c":"[[[[\"[[["}"#), 3);
        assert_eq!(json_depth(b"]]]]"), 0);
        assert_eq!(json_depth(&b"[".repeat(5_000)), 5_000);
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert_eq!(shown("a\u{1b}[31mb\r\n\u{2028}\u{202e}é", 80), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{2028}\\u{202e}é");
        assert_eq!(shown("abcdef", 3), "abc…");
    }

    #[test]
    fn causes_are_listed_outermost_first_and_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] Middle);
        #[derive(Debug, thiserror::Error)]
        #[error(transparent)]
        struct Middle(#[from] io::Error);
        let error = Outer(Middle(io::Error::other("inner")));
        assert_eq!(causes(&error), ["outer", "inner"]);
    }
}
