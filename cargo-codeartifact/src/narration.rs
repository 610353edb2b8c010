//! `quickstart`: what happens, told as it happens. The telling is what the command is for, so it is data.

use codeartifact::Host;
use serde_json::json;

use crate::{
    cli,
    quickstart::{self, Narrator, QuickstartRequest},
    report::{CommandError, Report},
};

/// Runs the command.
pub(crate) fn run(args: &cli::Quickstart, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let mut told = Told { report, unsaid: Ok(()) };
    quickstart::run(QuickstartRequest { keep: args.keep }, host, &mut told)?;
    told.unsaid
}

/// The telling.
struct Told<'a> {
    report: &'a mut Report,
    /// The first line that could not be written. The work goes on, so that everything is cleared away.
    unsaid: Result<(), CommandError>,
}

impl Told<'_> {
    /// A line for people, or the same as one JSON object.
    fn say(&mut self, kind: &str, name: Option<&str>, text: &str, line: &str) {
        if self.unsaid.is_ok() {
            self.unsaid = if self.report.json() {
                self.report.value(&json!({ "kind": kind, "name": name, "text": text }))
            } else {
                self.report.line(line)
            };
        }
    }
}

impl Narrator for Told<'_> {
    fn step(&mut self, name: &str, text: &str) {
        if !self.report.json() && self.unsaid.is_ok() {
            self.unsaid = self.report.line("");
        }
        self.say("step", Some(name), text, &format!("{name}: {text}"));
    }

    fn variable(&mut self, name: &str, value: &str) {
        self.say("variable", Some(name), value, &format!("export {name}={value}"));
    }

    fn command(&mut self, words: &str) {
        self.say("command", None, words, &format!("$ {words}"));
    }

    fn output(&mut self, line: &str) {
        self.say("output", None, line, &format!("  {line}"));
    }

    fn note(&mut self, text: &str) {
        self.say("note", None, text, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Manner, tests::heard};

    fn tell(narrator: &mut dyn Narrator) {
        narrator.note("everything happens here");
        narrator.variable("HOME", "/tmp/q");
        narrator.step("start", "a service");
        narrator.command("cargo codeartifact local");
        narrator.output("listening\u{1b}[2J");
    }

    #[test]
    fn people_read_steps_and_commands() {
        let (mut report, out, err) = heard(Manner::default(), None);
        tell(&mut Told { report: &mut report, unsaid: Ok(()) });
        assert_eq!(
            out.text(),
            "everything happens here\nexport HOME=/tmp/q\n\nstart: a service\n$ cargo codeartifact local\n  \
             listening\\u{1b}[2J\n"
        );
        assert_eq!(err.text(), "");
    }

    #[test]
    fn scripts_read_an_object_a_line() {
        let (mut report, out, _) = heard(Manner { json: true, ..Manner::default() }, None);
        tell(&mut Told { report: &mut report, unsaid: Ok(()) });
        let kinds: Vec<String> = out
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["note", "variable", "step", "command", "output"]);
    }
}
