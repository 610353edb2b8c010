//! What package managers start to get a token, in two programs:
//!
//! - `codeartifact-credential-helper` answers from the stores that need no D-Bus, or declines. It is started for every
//!   build, so it is small, static where that is possible, and has no runtime, no thread and no socket.
//! - `codeartifact-credential-helper-fetch` answers whatever the first cannot: it knows the desktop's keyring and the way
//!   to AWS. The first becomes it (by `exec`, with the request at hand) and never comes back; it is looked for beside the
//!   first, never on PATH.
//!
//! | module | what it does |
//! | --- | --- |
//! | `ahead` | a token past half of its life: renewed by a process that nobody waits for |
//! | `call` | which protocol is spoken: by argument, or by the name the program is called by |
//! | `record` | the streams; what was read and not yet answered is kept for the other program |
//! | `hand_over` | becoming the other program |
//! | `heartbeat` | signs of life while a token is fetched: in the other program, which may have a thread |
//! | `next` | becoming the next program of a link's name on PATH, where a request is not ours |
//! | `links` | making, removing and showing the names it answers to (the other program does that) |
//! | `explain` | what becomes of a URL, and why (the other program's, too) |
//! | `sign_in` | a sign-in that has ended: offered to whoever sits at the terminal |
//! | `secrecy` | no core dump, no look from other processes, no panic that prints what it held |
//!
//! The protocols are in `clients`; what they print on standard output is all that goes there. Exit status: 0 answered,
//! 1 no conversation could be held, 2 usage, 101 a defect. `reference.md` has those of the words for people.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use clients::protocol::{Answer, ProtocolError, Silent, Streams, causes};
use codeartifact::settings::{SettingsError, UserSettings};
use codeartifact::source::{ControlPlaneSource, NoSource};
use codeartifact::{
    AuthorizationToken, Authorize, AuthorizeError, Authorizer, AwsEnvironment, Endpoint, Host, Stores, Trust,
};

mod ahead;
mod call;
mod explain;
mod hand_over;
mod heartbeat;
mod links;
mod next;
mod record;
mod refusal;
mod secrecy;
mod sign_in;

use call::{Call, Conversation, Task};
use hand_over::HandOver;
use record::{Answers, Record, Requests};
use refusal::Refusing;

const ANSWERED: u8 = 0;
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Opens what the process was started without, of standard input, output and errors, on nothing.
///
/// Else the first files opened would take those numbers, and what is meant for a reader would be written to them. The
/// standard library does this before its own `main`; for programs that have another.
#[cfg(unix)]
pub fn fill_standard_streams() {
    use std::os::fd::{AsFd, AsRawFd, IntoRawFd};

    let is_open = |stream: &dyn AsFd| rustix::io::fcntl_getfd(stream.as_fd()).is_ok();
    if is_open(&io::stdin()) && is_open(&io::stdout()) && is_open(&io::stderr()) {
        return;
    }
    // The system gives the lowest free number.
    while let Ok(nothing) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        if nothing.as_raw_fd() > io::stderr().as_raw_fd() {
            return;
        }
        let _ = nothing.into_raw_fd();
    }
}

/// The small program: the stores, or the other program. Gives the exit status.
pub fn answer_from_stores(host: &Host) -> u8 {
    let do_task = |_| {
        let error = hand_over::task(host);
        print(&mut io::stderr(), &format!("error: {}\n", causes(&error).join(": ")), FAILED)
    };
    run(host, do_task, |conversation, surroundings| {
        let record = Record::default();
        let mut requests = Requests::of_process(&record)?;
        let stores = Stores::without_bus(host, &surroundings.settings);
        let authorizer = Authorizer::new(host, &surroundings.aws, stores, NoSource);
        let renew_ahead = || ahead::start(host, &authorizer);
        let mut answers = Answers::of_process(&record, &renew_ahead)?;
        let authorize = FromStores { authorizer: &authorizer, hand_over: HandOver::new(host, conversation, &record) };
        let mut streams = Streams {
            input: &mut requests,
            output: &mut answers,
            errors: &mut io::stderr(),
            resumed: conversation.resumed.is_some(),
            heartbeat: &Silent,
        };
        let answer = conversation.hold(&mut streams, &surroundings.trust(), &authorize);
        next::unless_mine(host, conversation, &record, &mut requests, answer)
    })
}

/// Its sibling: the stores, else AWS. Gives the exit status.
pub fn answer_from_service(host: &Host) -> u8 {
    if let Some(url) = ahead::asked(host) {
        ahead::renew(host, url);
        return ANSWERED;
    }
    let do_task = |task| {
        let said = match task {
            Task::Install => links::install(host),
            Task::Uninstall => links::uninstall(host),
            Task::List => links::list(host),
            Task::Explain => explain::run(host),
        };
        print(&mut io::stdout(), &said.output, said.status);
        print(&mut io::stderr(), &said.messages, said.status)
    };
    run(host, do_task, |conversation, surroundings| {
        let record = Record::default();
        let mut requests = Requests::resuming(&record, conversation.resumed.as_deref())?;
        let terminal = sign_in::Terminal::of(host);
        let source = ControlPlaneSource::aws(host, &surroundings.aws).offering(&surroundings.aws, &terminal);
        let stores = Stores::new(host, &surroundings.settings);
        let authorizer = Authorizer::new(host, &surroundings.aws, stores, source).leaving_renewals();
        let renew_ahead = || ahead::start(host, &authorizer);
        let mut answers = Answers::of_process(&record, &renew_ahead)?;
        let mut streams = Streams {
            input: &mut requests,
            output: &mut answers,
            errors: &mut io::stderr(),
            resumed: conversation.resumed.is_some(),
            heartbeat: &heartbeat::ToStandardOutput,
        };
        let answer = conversation.hold(&mut streams, &surroundings.trust(), &authorizer);
        // The caller has its answer; a store that cannot be written costs the next caller time, nothing else.
        let _ = authorizer.settle();
        next::unless_mine(host, conversation, &record, &mut requests, answer)
    })
}

/// What both need to know of the user's settings.
struct Surroundings {
    settings: UserSettings,
    aws: AwsEnvironment,
}

impl Surroundings {
    fn read(host: &Host) -> Result<Self, SurroundingsError> {
        let settings = UserSettings::read(host)?;
        let aws = AwsEnvironment::read(host)?.with_accounts(settings.accounts());
        Ok(Self { settings, aws })
    }

    fn trust(&self) -> Trust {
        self.aws.trust()
    }
}

/// The user's settings cannot be used.
#[derive(Debug, thiserror::Error)]
enum SurroundingsError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Aws(#[from] codeartifact::profile::ProfileError),
}

/// Tokens from the stores; where they have none, this program ends by becoming the other.
struct FromStores<'a> {
    authorizer: &'a Authorizer<'a>,
    hand_over: HandOver<'a>,
}

impl Authorize for FromStores<'_> {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        match self.authorizer.warm(endpoint) {
            Some(token) => Ok(token),
            None => Err(refusal::refusal(endpoint, self.hand_over.now())),
        }
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        Err(refusal::refusal(endpoint, self.hand_over.now()))
    }
}

/// What a task has to say, and the status.
struct Said {
    /// For standard output.
    output: String,
    /// For standard error.
    messages: String,
    status: u8,
}

impl Said {
    /// The arguments are not those of the task.
    fn usage(reason: &str) -> Self {
        let messages = format!("error: {reason}\n\n{}", call::usage());
        Self { output: String::new(), messages, status: USAGE }
    }

    /// The task cannot be done.
    fn failed(error: &dyn std::error::Error) -> Self {
        let messages = format!("error: {}\n", causes(error).join(": "));
        Self { output: String::new(), messages, status: FAILED }
    }
}

fn run(
    host: &Host,
    do_task: impl FnOnce(Task) -> u8,
    converse: impl FnOnce(&Conversation, &Surroundings) -> Result<Answer, ProtocolError>,
) -> u8 {
    secrecy::keep();
    match call::parse(host.args()) {
        Ok(Call::Converse(conversation)) => {
            let answer = match Surroundings::read(host) {
                Ok(surroundings) => converse(&conversation, &surroundings),
                // The caller is waiting on the wire: that is where the reason goes.
                Err(error) => refuse(host, &conversation, error),
            };
            status(&answer)
        }
        Ok(Call::Do(task)) => do_task(task),
        Ok(Call::Print(text)) => print(&mut io::stdout(), &text, ANSWERED),
        Err(usage) => print(&mut io::stderr(), &usage.to_string(), USAGE),
    }
}

/// Holds the conversation without settings: what is not ours is declined, what is ours is refused with the reason.
fn refuse(host: &Host, conversation: &Conversation, error: SurroundingsError) -> Result<Answer, ProtocolError> {
    let record = Record::default();
    let mut requests = Requests::resuming(&record, conversation.resumed.as_deref())?;
    let mut answers = Answers::of_process(&record, &|| {})?;
    let mut streams = Streams {
        input: &mut requests,
        output: &mut answers,
        errors: &mut io::stderr(),
        resumed: conversation.resumed.is_some(),
        heartbeat: &Silent,
    };
    let answer = conversation.hold(&mut streams, &Trust::default(), &Refusing::new(error));
    next::unless_mine(host, conversation, &record, &mut requests, answer)
}

fn status(answer: &Result<Answer, ProtocolError>) -> u8 {
    match answer {
        Ok(Answer::Answered) => ANSWERED,
        Ok(Answer::Refused | Answer::NotMine) => FAILED,
        Err(error) => {
            // What is wrong with a request was answered on the wire; broken streams could not be.
            if matches!(error, ProtocolError::Read(_) | ProtocolError::Write(_)) {
                return print(&mut io::stderr(), &format!("error: {}\n", causes(error).join(": ")), FAILED);
            }
            FAILED
        }
    }
}

fn print(to: &mut dyn Write, text: &str, code: u8) -> u8 {
    // Where nobody reads, there is nobody to tell.
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    code
}
