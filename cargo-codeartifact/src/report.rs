//! What a command says: data on standard output, everything else on standard error, failures with their causes and
//! hints. Nothing else in this crate prints, and nothing else decides an exit code.
//!
//! Text from elsewhere (the service, files, names) may hold control characters; every line passes through
//! [`escape`], so that it can neither move the cursor nor pose as a line of ours.

mod failure;

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal as _, Write};

use anyhow::anyhow;
use serde::Serialize;

pub(crate) use failure::{CommandError, DEFECT, DONE, Kind, inert};

use crate::cli::Color;

/// The way out of a command: two streams, and perhaps somebody to ask.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a stream")]
pub(crate) struct Report {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Somebody who sees the questions and can answer; `None` in scripts.
    person: Option<Box<dyn BufRead>>,
    manner: Manner,
    colour: bool,
    /// Whether standard error is a terminal that may show a line that is replaced.
    live: bool,
    /// Whether such a line stands there now.
    standing: bool,
    /// Whether standard output is a terminal.
    seen: bool,
}

/// How a report speaks, from the options given before a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Data and errors as JSON.
    pub(crate) json: bool,
    /// Nothing but data and errors.
    pub(crate) quiet: bool,
    /// How much more to say.
    pub(crate) verbose: u8,
    /// When to use colours.
    pub(crate) color: Color,
    /// Whether `NO_COLOR` is set.
    pub(crate) no_color: bool,
}

impl Report {
    /// The report of the process.
    pub(crate) fn of_process(manner: Manner) -> Self {
        let live = io::stderr().is_terminal();
        let colour = match manner.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => live && !manner.no_color,
        };
        let person: Option<Box<dyn BufRead>> =
            if live && io::stdin().is_terminal() { Some(Box::new(io::stdin().lock())) } else { None };
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            person,
            manner,
            colour,
            live: live && !manner.quiet && !manner.json,
            standing: false,
            seen: io::stdout().is_terminal(),
        }
    }

    /// What the argument parser is told about colours; `usage` decides again for each stream.
    pub(crate) fn colour_choice(&self) -> clap::ColorChoice {
        if self.colour { clap::ColorChoice::Always } else { clap::ColorChoice::Never }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        self.manner.json
    }

    /// Whether a person sees the data: standard output is a terminal.
    pub(crate) fn is_seen(&self) -> bool {
        self.seen
    }

    /// A line of data.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CommandError> {
        let text = escape(text);
        self.write_out(format!("{text}\n").as_bytes())
    }

    /// Data that is a document of its own, byte for byte: a manual page, completions, a token.
    pub(crate) fn document(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.write_out(bytes)
    }

    /// One JSON value, on one line.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), CommandError> {
        let mut bytes = serde_json::to_vec(value)
            .map_err(|error| CommandError::internal(anyhow!(error).context("cannot write the result as JSON")))?;
        bytes.push(b'\n');
        self.write_out(&bytes)
    }

    /// What has been done, or is about to be: one line.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.manner.quiet {
            self.say("", text);
        }
    }

    /// What only a person who asks for more wants to read (`-v`).
    pub(crate) fn detail(&mut self, text: &str) {
        if self.manner.verbose > 0 && !self.manner.quiet {
            self.say("", text);
        }
    }

    /// Something that went on, but not as it should.
    pub(crate) fn warn(&mut self, text: &str) {
        if !self.manner.quiet {
            let label = self.painted("warning:", "\x1b[1;33m");
            self.say(&format!("{label} "), text);
        }
    }

    /// Says the same from any thread, while this report has no line that is replaced.
    pub(crate) fn warner(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let quiet = self.manner.quiet;
        let label = self.painted("warning:", "\x1b[1;33m");
        move |text| {
            if !quiet {
                // In one piece: others write, too. Nobody is left to be told if this fails.
                let line = format!("{label} {}\n", escape(text));
                let _ = io::stderr().write_all(line.as_bytes());
            }
        }
    }

    /// On a terminal, a line that the next one replaces; elsewhere for those who ask for more.
    pub(crate) fn progress(&mut self, text: &str) {
        if self.live {
            let text: String = escape(text).chars().take(100).collect();
            // A terminal that is gone is no reason to stop the work.
            let _ = write!(self.err, "\r\x1b[2K{text}");
            let _ = self.err.flush();
            self.standing = true;
        } else {
            self.detail(text);
        }
    }

    /// Asks a person; `None` where there is nobody to ask.
    pub(crate) fn confirm(&mut self, question: &str) -> Option<bool> {
        self.person.as_ref()?;
        self.clear();
        let _ = write!(self.err, "{} [y/N] ", escape(question));
        let _ = self.err.flush();
        let mut answer = String::new();
        let person = self.person.as_mut()?;
        // A closed or undecodable answer is no consent.
        if person.read_line(&mut answer).is_err() {
            return Some(false);
        }
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// A failure: `error:`, its causes one a line, an empty line, `hint:` lines; or the same as one JSON value.
    pub(crate) fn failure(&mut self, error: &CommandError) {
        self.clear();
        let text = if self.manner.json {
            format!("{}\n", error.to_json())
        } else {
            let mut text = String::new();
            let label = self.painted("error:", "\x1b[1;31m");
            let mut lines = error.lines().into_iter();
            // `lines` is never empty: an error has at least its own text.
            let _ = writeln!(text, "{label} {}", block(&lines.next().unwrap_or_default()));
            for cause in lines {
                let _ = writeln!(text, "  {}", block(&cause));
            }
            if !error.hints().is_empty() {
                text.push('\n');
            }
            let label = self.painted("hint:", "\x1b[1;36m");
            for hint in error.hints() {
                let _ = writeln!(text, "{label} {}", escape(hint));
            }
            text
        };
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    /// What the argument parser says: help and version are data, a usage error is not. Returns the exit code.
    pub(crate) fn usage(&mut self, error: &clap::Error) -> u8 {
        let data = !error.use_stderr();
        if self.manner.json && !data {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let said = text.lines().take_while(|line| !line.starts_with("Usage:")).map(str::trim);
            let said: Vec<&str> = said.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
            let error = CommandError::usage(anyhow!(said.join(" "))).hint("see `cargo codeartifact --help`");
            self.failure(&error);
            return error.code();
        }
        let colour = self.colour && (!data || io::stdout().is_terminal());
        let text = if colour { error.render().ansi().to_string() } else { error.render().to_string() };
        if data {
            return match self.document(text.as_bytes()) {
                Ok(()) => 0,
                Err(error) => error.code(),
            };
        }
        let _ = self.err.write_all(text.as_bytes());
        Kind::Usage.code()
    }

    fn painted(&self, label: &str, paint: &str) -> String {
        if self.colour { format!("{paint}{label}\x1b[0m") } else { label.to_owned() }
    }

    fn say(&mut self, prefix: &str, text: &str) {
        self.clear();
        let _ = writeln!(self.err, "{prefix}{}", escape(text));
        let _ = self.err.flush();
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.standing) {
            let _ = write!(self.err, "\r\x1b[2K");
        }
    }

    fn write_out(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.clear();
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(|error| {
            // Also a reader that has gone (`| head`): what it did not get was not delivered.
            CommandError::user(anyhow!(error).context("cannot write to standard output"))
        })
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A text of one or more lines (what a program said before it failed): what follows the first is set in, so that it
/// cannot pose as a line of ours.
fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join("\n    ")
}

/// From now on a panic says where it happened and nothing else - its message may hold what must not be printed - and
/// ends the program with the documented code, also where panics abort.
pub(crate) fn announce_defects() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        let text = format!(
            "error: a defect of cargo-codeartifact{place}\n\nhint: report it with the command and version {}\n",
            env!("CARGO_PKG_VERSION")
        );
        let _ = io::stderr().write_all(text.as_bytes());
        std::process::exit(i32::from(DEFECT));
    }));
}

/// Control characters, line ends included, and the invisible ones that reorder text, as escapes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let hostile = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if hostile {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        cell::RefCell,
        io::{Cursor, Write},
        rc::Rc,
    };

    use super::*;

    /// What a command under test said.
    #[derive(Clone, Default)]
    pub(crate) struct Heard(Rc<RefCell<Vec<u8>>>);

    impl Heard {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A report whose standard output and standard error are kept, with a person's answer where one is given.
    pub(crate) fn heard(manner: Manner, answer: Option<&'static str>) -> (Report, Heard, Heard) {
        let (out, err) = (Heard::default(), Heard::default());
        let report = Report {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            person: answer.map(|text| Box::new(Cursor::new(text)) as Box<dyn BufRead>),
            manner,
            colour: manner.color == Color::Always,
            live: false,
            standing: false,
            seen: false,
        };
        (report, out, err)
    }

    fn failure() -> CommandError {
        let cause = anyhow!("the disk is full").context("cannot write `a`");
        CommandError::user(cause.context("cannot save")).hint("make room").hint("or choose another folder")
    }

    #[test]
    fn a_failure_reads_as_the_message_guide_says() {
        let (mut report, out, err) = heard(Manner::default(), None);
        report.failure(&failure());
        assert_eq!(out.text(), "");
        assert_eq!(
            err.text(),
            "error: cannot save\n  cannot write `a`\n  the disk is full\n\nhint: make room\nhint: or choose another folder\n"
        );
    }

    #[test]
    fn a_failure_as_json_is_one_line_with_its_code() {
        let (mut report, out, err) = heard(Manner { json: true, ..Manner::default() }, None);
        report.failure(&failure());
        assert_eq!(out.text(), "");
        let value: serde_json::Value = serde_json::from_str(&err.text()).unwrap();
        assert_eq!(err.text().lines().count(), 1);
        assert_eq!(
            value,
            serde_json::json!({ "error": {
                "kind": "user", "code": 1, "message": "cannot save",
                "causes": ["cannot write `a`", "the disk is full"],
                "hints": ["make room", "or choose another folder"],
            }})
        );
    }

    #[test]
    fn foreign_text_can_neither_move_the_cursor_nor_pose_as_ours() {
        let (mut report, out, err) = heard(Manner::default(), None);
        report.failure(&CommandError::user(anyhow!("bad\x1b[2J\nhint: run `rm`\u{202e}\u{9b}1m")));
        report.line("a\rb").unwrap();
        assert_eq!(err.text(), "error: bad\\u{1b}[2J\n    hint: run `rm`\\u{202e}\\u{9b}1m\n");
        assert_eq!(out.text(), "a\\rb\n");
    }

    #[test]
    fn quiet_keeps_data_and_errors_only() {
        let (mut report, out, err) = heard(Manner { quiet: true, verbose: 1, ..Manner::default() }, None);
        report.note("n");
        report.detail("d");
        report.warn("w");
        report.progress("p");
        report.line("data").unwrap();
        assert_eq!((out.text().as_str(), err.text().as_str()), ("data\n", ""));
        report.failure(&CommandError::user(anyhow!("e")));
        assert_eq!(err.text(), "error: e\n");
    }

    #[test]
    fn details_are_for_those_who_ask() {
        for (verbose, expected) in [(0, "n\nwarning: w\n"), (1, "n\nd\nwarning: w\n")] {
            let (mut report, _, err) = heard(Manner { verbose, ..Manner::default() }, None);
            report.note("n");
            report.detail("d");
            report.warn("w");
            assert_eq!(err.text(), expected);
        }
    }

    #[test]
    fn only_a_plain_yes_is_consent() {
        for (answer, expected) in [
            (Some("y\n"), Some(true)),
            (Some("YES\n"), Some(true)),
            (Some("\n"), Some(false)),
            (Some(""), Some(false)),
            (Some("yep\n"), Some(false)),
            (None, None),
        ] {
            let (mut report, out, _) = heard(Manner::default(), answer);
            assert_eq!(report.confirm("trust it?"), expected, "{answer:?}");
            assert_eq!(out.text(), "");
        }
    }
}
