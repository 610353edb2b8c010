//! How `nuget.exe` has asked its credential providers since 3.3, and still does where it finds none of the newer kind: a
//! program named `CredentialProvider.*.exe`, called with `-uri URI` and `-isRetry`, `-nonInteractive` and `-verbosity
//! LEVEL` as they apply.
//!
//! | outcome | on standard output | exit status | what NuGet does |
//! | --- | --- | --- | --- |
//! | a token | `{"Username":"aws","Password":"TOKEN","AuthTypes":["basic"]}` | 0 | uses it |
//! | the URI is another's | nothing | 1 | asks the next provider |
//! | ours, but breaks a rule, is another format's, or there is no token | `{"Message":"…"}` | 1 | asks the next provider, fails with 401 |
//!
//! NuGet has a status of its own for the last, 2, by which it would print the message: `nuget.exe` 3.4 then waits for ever
//! for a lock that nobody gives back. And nothing goes to standard error: on Mono NuGet's reader of it fails once the
//! program has ended, and takes NuGet along. So the reason is for whoever calls the program by hand.

use std::ffi::OsString;

use codeartifact::{Authorize, Trust};
use serde::Serialize;

use super::protocol::ours;
use crate::answer;
use crate::basic::USER;
use crate::protocol::{Answer, ProtocolError, Streams, is_control, refusal_lines};


/// What is asked.
pub(super) struct Question {
    uri: String,
    is_retry: bool,
}

/// The question, if the arguments are one. Words have no case.
pub(super) fn question(args: &[OsString]) -> Option<Question> {
    let is = |arg: &OsString, word: &str| arg.eq_ignore_ascii_case(word);
    let place = args.iter().position(|arg| is(arg, "-uri"))?;
    let uri = args.get(place + 1)?.to_string_lossy().into_owned();
    Some(Question { uri, is_retry: args.iter().any(|arg| is(arg, "-isRetry")) })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    username: &'static str,
    password: &'a str,
    auth_types: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal<'a> {
    message: &'a str,
}

pub(super) fn answer(
    question: &Question,
    streams: &mut Streams<'_>,
    trust: &Trust,
    authorize: &dyn Authorize,
) -> Result<Answer, ProtocolError> {
    let Question { uri, is_retry } = question;
    let result = if uri.contains(is_control) {
        Err("the URI contains a control character".to_owned())
    } else {
        match ours(uri, trust) {
            Ok(None) => return Ok(Answer::NotMine),
            Ok(Some(endpoint)) => {
                let token =
                    if *is_retry { authorize.new_token_for(&endpoint) } else { authorize.token_for(&endpoint) };
                token.map_err(|error| refusal_lines(&error).join("\n"))
            }
            Err(reason) => Err(reason),
        }
    };
    match result {
        Ok(token) => {
            let credentials = Credentials { username: USER, password: token.expose(), auth_types: ["basic"] };
            answer::say(streams.output, &answer::json_line(&credentials)).map(|()| Answer::Answered)
        }
        Err(reason) => {
            answer::say(streams.output, &answer::json_line(&Refusal { message: &reason })).map(|()| Answer::Refused)
        }
    }
}
