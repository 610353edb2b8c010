//! Recorded conversations. A line that begins with `> ` is the client's, `< ` the answer, `! ` what the user sees;
//! `# ` is a comment, `@ ` a setting:
//!
//! | setting | meaning |
//! | --- | --- |
//! | `arguments A B` | what the client was started with; `""` is an empty one |
//! | `link REST` | what follows the prefix in the name of the link that was called |
//! | `answer refused`, `answer not-mine` | how the conversation ends, where not with an answer to every request |
//! | `authorize token`, `denied` or `none` | what asking for a token gives; with `none` nobody may ask |
//! | | `{REASON}` stands for what the refusal says of itself, `{HINT}` for the next step |
//! | `asked N` | how often a token was asked for |
//! | `renewed N` | how often of these another one than before was asked for |
//! | `override URL` | the service endpoint override in force |
//! | `resumed` | another program began the conversation |
//! | `waits N` | a token is waited for so long that N signs of life fall due |
//! | `fails TEXT` | the conversation ends with that error |

use std::{
    cell::{Cell, RefCell},
    ffi::OsString,
    fmt::Write as _,
    io::{self, BufRead, Read, Write},
    path::Path,
    rc::Rc,
    time::{Duration, SystemTime},
};

use clients::protocol::{Answer, Call, Heartbeat, ProtocolError, Silent, Spoken, Streams};
use codeartifact::{
    AuthorizationToken, Authorize, AuthorizeError, ControlPlaneError, Endpoint, ServiceOverride, SourceError, Trust,
    control_plane::FailureKind,
};

use crate::{crate_dir, names_in};

/// When the token was issued: 2026-11-22 12:00 UTC.
const NOW: u64 = 1_795_348_800;

/// Gives the same token, the same refusal, or nothing at all.
pub(crate) struct FakeAuthorize {
    pub(crate) gives: Gives,
    /// How often a token was asked for, and how often another than the one before.
    pub(crate) asked: Cell<u32>,
    pub(crate) renewed: Cell<u32>,
}

impl FakeAuthorize {
    pub(crate) fn new(gives: Gives) -> Self {
        Self { gives, asked: Cell::new(0), renewed: Cell::new(0) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    Token,
    Denied,
    Nothing,
}

impl Authorize for FakeAuthorize {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.asked.set(self.asked.get() + 1);
        match self.gives {
            Gives::Token => {
                let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
                let expires = issued + Duration::from_mins(160);
                Ok(AuthorizationToken::new("TOKEN".to_owned().into(), issued, expires))
            }
            Gives::Denied => Err(denied(endpoint.domain().as_str())),
            Gives::Nothing => panic!("a token was asked for {endpoint}"),
        }
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.renewed.set(self.renewed.get() + 1);
        self.token_for(endpoint)
    }
}

fn denied(domain: &str) -> AuthorizeError {
    AuthorizeError::Source(SourceError::ControlPlane(ControlPlaneError {
        operation: "GetAuthorizationToken",
        kind: FailureKind::Denied,
        resource: domain.to_owned(),
        status: Some(403),
        request_id: None,
        message: "not authorized to perform codeartifact:GetAuthorizationToken".to_owned(),
        source: Some(Box::new(Cause("403", Some(Box::new(Cause("connection\u{1b}[31m closed", None)))))),
    }))
}

#[derive(Debug)]
struct Cause(&'static str, Option<Box<Cause>>);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

/// All three streams in one record, in the order in which things happened.
#[derive(Clone, Default)]
struct Record(Rc<RefCell<String>>);

impl Record {
    fn line(&self, sign: char, line: &str) {
        writeln!(self.0.borrow_mut(), "{sign} {line}").unwrap();
    }
}

/// Hands out a line only when all of the one before was taken, so that an answer is seen to come before the next line.
struct Client {
    lines: Vec<String>,
    record: Record,
    rest: Vec<u8>,
}

impl BufRead for Client {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() && !self.lines.is_empty() {
            let line = self.lines.remove(0);
            self.record.line('>', &line);
            self.rest = line.into_bytes();
            if !self.lines.is_empty() {
                self.rest.push(b'\n');
            }
        }
        Ok(&self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest.drain(..amount);
    }
}

impl Read for Client {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(into)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// A stream of answers or notes: what is flushed is one line.
struct Answers {
    sign: char,
    record: Record,
    pending: Vec<u8>,
}

impl Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.sign == '!' {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
            let line: Vec<_> = self.pending.drain(..=end).collect();
            self.record.line(self.sign, String::from_utf8(line).unwrap().trim_end());
        }
        Ok(())
    }
}

/// As many signs of life as were asked for, each a line of the record.
struct Beats {
    count: u32,
    record: Record,
}

impl Heartbeat for Beats {
    fn during(&self, beat: &[u8], work: &mut dyn FnMut()) {
        for _ in 0..self.count {
            self.record.line('<', str::from_utf8(beat).unwrap().strip_suffix('\n').expect("a beat is a line"));
        }
        work();
    }
}

struct Transcript {
    settings: Vec<(String, String)>,
    conversation: String,
}

impl Transcript {
    fn read(text: &str) -> Self {
        let mut transcript = Self { settings: Vec::new(), conversation: String::new() };
        for line in text.lines() {
            match line.split_at_checked(2) {
                Some(("@ ", setting)) => {
                    let (name, value) = setting.split_once(' ').unwrap_or((setting, ""));
                    transcript.settings.push((name.to_owned(), value.to_owned()));
                }
                Some(("# ", _)) => {}
                Some(("> " | "< " | "! ", _)) => writeln!(transcript.conversation, "{line}").unwrap(),
                _ => panic!("not a line of a transcript: {line}"),
            }
        }
        for (name, _) in &transcript.settings {
            let known = [
                "arguments",
                "link",
                "authorize",
                "asked",
                "renewed",
                "override",
                "resumed",
                "fails",
                "answer",
                "waits",
            ];
            assert!(known.contains(&name.as_str()), "unknown setting {name}");
        }
        transcript
    }

    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// None is as good as zero.
    fn number(&self, name: &str) -> u32 {
        self.setting(name).map_or(0, |number| number.parse().unwrap())
    }
}

/// What was said, how it ended, and how often a token was asked for, and another than before.
type Replayed = (String, Result<Answer, ProtocolError>, [u32; 2]);

fn replay(spoken: &Spoken, transcript: &Transcript) -> Replayed {
    let record = Record::default();
    let lines = transcript.conversation.lines().filter_map(|line| line.strip_prefix("> ")).map(str::to_owned).collect();
    let mut input = Client { lines, record: record.clone(), rest: Vec::new() };
    let mut output = Answers { sign: '<', record: record.clone(), pending: Vec::new() };
    let mut errors = Answers { sign: '!', record: record.clone(), pending: Vec::new() };
    let mut streams = Streams {
        input: &mut input,
        output: &mut output,
        errors: &mut errors,
        resumed: transcript.setting("resumed").is_some(),
        heartbeat: &Beats { count: transcript.number("waits"), record: record.clone() },
    };
    let trust = Trust {
        service_override: transcript.setting("override").map(|url| ServiceOverride::parse(url.as_bytes()).unwrap()),
    };
    let authorize = FakeAuthorize::new(match transcript.setting("authorize") {
        Some("token") => Gives::Token,
        Some("denied") => Gives::Denied,
        _ => Gives::Nothing,
    });
    let words = transcript.setting("arguments").unwrap_or_default().split_whitespace();
    let arguments: Vec<_> = words.map(|word| OsString::from(if word == "\"\"" { "" } else { word })).collect();
    let call = Call { args: &arguments, domain: transcript.setting("link") };
    let answer = spoken.protocol.converse(&call, &mut streams, &trust, &authorize);
    assert!(output.pending.is_empty(), "an answer was not flushed");
    (record.0.take(), answer, [authorize.asked.get(), authorize.renewed.get()])
}

/// The folders with a protocol, and that protocol: each is in the folder of its word's first part.
pub(crate) fn folders() -> impl Iterator<Item = (String, &'static Spoken)> {
    clients::PROTOCOLS.iter().map(|spoken| (spoken.word.split('-').next().unwrap().to_owned(), *spoken))
}

#[test]
fn every_conversation_goes_as_recorded() {
    let mut replayed = 0;
    for (name, spoken) in folders() {
        let folder = crate_dir().join("src").join(&name).join("fixtures/protocol");
        let client = name;
        for name in
            names_in(&folder).iter().filter(|name| Path::new(name).extension().is_some_and(|e| e == "transcript"))
        {
            let transcript = Transcript::read(&std::fs::read_to_string(folder.join(name)).unwrap());
            let (conversation, answer, asked) = replay(spoken, &transcript);
            let reason = serde_json::to_string(&denied("my-org").to_string()).unwrap();
            let hint = serde_json::to_string(&denied("my-org").hint().unwrap()).unwrap();
            let expected = transcript.conversation.replace("{REASON}", reason.trim_matches('"'));
            let expected = expected.replace("{HINT}", hint.trim_matches('"'));
            assert_eq!(conversation, expected, "{client}/{name}");
            match (answer, transcript.setting("fails")) {
                (Ok(answer), None) => {
                    let expected = match transcript.setting("answer") {
                        Some("refused") => Answer::Refused,
                        Some("not-mine") => Answer::NotMine,
                        Some(other) => panic!("{name}: no answer is called {other}"),
                        None => Answer::Answered,
                    };
                    assert_eq!(answer, expected, "{name}");
                }
                (Ok(_), Some(error)) => panic!("{name}: did not fail: {error}"),
                (Err(error), expected) => assert_eq!(Some(error.to_string().as_str()), expected, "{name}"),
            }
            assert_eq!(
                asked,
                [transcript.number("asked"), transcript.number("renewed")],
                "{name}: tokens asked for, and others"
            );
            replayed += 1;
        }
    }
    assert!(replayed >= 20, "only {replayed} transcripts were found");
}

#[test]
fn a_broken_stream_is_an_error() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let spoken = clients::find("cargo").unwrap().protocol.unwrap();
    let mut streams = Streams {
        input: &mut io::empty(),
        output: &mut Broken,
        errors: &mut io::sink(),
        resumed: false,
        heartbeat: &Silent,
    };
    let authorize = FakeAuthorize::new(Gives::Nothing);
    let answer = spoken.protocol.converse(&Call::default(), &mut streams, &Trust::default(), &authorize);
    assert!(matches!(answer, Err(ProtocolError::Write(_))), "{answer:?}");
}
