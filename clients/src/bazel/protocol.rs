//! Bazel's credential helper protocol (the proposal "Credential Helpers for Bazel" and the specification that grew out
//! of it for all tools), as Bazel 5.4 to 8 and others speak it: one request, one answer.
//!
//! The program is called with the word `get` and reads `{"uri":"…"}`.
//!
//! | outcome | on standard output | what Bazel does | exit status |
//! | --- | --- | --- | --- |
//! | a token | `{"headers":{"Authorization":["Basic …"]},"expires":"…"}` | sends the header, until then | 0 |
//! | the URI is another's | `{"headers":{}}` | goes on without | 0 |
//! | the URI is ours but breaks a rule, or there is no token | nothing; the reason on standard error | stops, prints it | 1 |
//! | control characters, not JSON, too long, nested too deep | nothing; the reason on standard error | stops | 1 |
//! | another word than `get` | nothing; the reason on standard error | stops | 1 |
//!
//! Standard error is ours alone only when the program fails, so nothing else goes there. `expires` is RFC 3339 in UTC.
//! Basic is what every format of CodeArtifact takes.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use codeartifact::{AuthorizationToken, Authorize, Endpoint, Trust};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::answer;
use crate::basic;
use crate::protocol::{
    Answer, Call, LONGEST_LINE, Protocol, ProtocolError, Streams, causes, is_control, json_depth, read_line,
    refusal_lines, shown,
};

/// The request is one level deep.
const DEEPEST: usize = 32;

/// Bazel's protocol.
pub(super) struct BazelProtocol;

impl Protocol for BazelProtocol {
    fn converse(
        &self,
        call: &Call<'_>,
        streams: &mut Streams<'_>,
        trust: &Trust,
        authorize: &dyn Authorize,
    ) -> Result<Answer, ProtocolError> {
        let refused = |errors: &mut dyn Write, reason: &str| {
            writeln!(errors, "error: {reason}").map(|()| Answer::Refused).map_err(ProtocolError::Write)
        };
        if call.args.first().is_none_or(|word| word != "get") {
            let word = call.args.first().map(|word| shown(&word.to_string_lossy(), 80)).unwrap_or_default();
            return refused(streams.errors, &format!("`{word}` is no request: the one there is, is `get`"));
        }
        let uri = match request(streams) {
            Ok(uri) => uri,
            Err(error @ ProtocolError::Read(_)) => return Err(error),
            Err(error) => return refused(streams.errors, &causes(&error).join(": ")),
        };
        let endpoint = match Endpoint::recognise(uri.as_bytes(), trust) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => return say(streams.output, &Headers::none()),
            Err(error) => return refused(streams.errors, &causes(&error).join(": ")),
        };
        match authorize.token_for(&endpoint) {
            Ok(token) => say(streams.output, &Headers::with(&token)),
            Err(error) => refused(streams.errors, &refusal_lines(&error).join("\n")),
        }
    }
}

/// The URI. What comes may be spread over lines, and need not end before the answer.
fn request(streams: &mut Streams<'_>) -> Result<String, ProtocolError> {
    let mut json = Vec::new();
    loop {
        let Some(line) = read_line(streams.input)? else {
            return Err(malformed("it ends too early"));
        };
        json.extend_from_slice(&line);
        if json.len() > LONGEST_LINE {
            return Err(ProtocolError::TooLong { limit: LONGEST_LINE });
        }
        if json_depth(&json) > DEEPEST {
            return Err(malformed("it nests too deep"));
        }
        match serde_json::from_slice::<Request>(&json) {
            Ok(Request { uri }) if uri.contains(is_control) => {
                return Err(malformed("`uri` contains a control character"));
            }
            Ok(Request { uri }) => return Ok(uri),
            Err(error) if error.is_eof() => {}
            Err(error) if error.is_data() => return Err(malformed("`uri` is missing or no text")),
            Err(_) => return Err(malformed("it is not JSON")),
        }
    }
}

fn malformed(reason: &str) -> ProtocolError {
    ProtocolError::Malformed { reason: reason.to_owned() }
}

#[derive(Deserialize)]
struct Request {
    uri: String,
}

#[derive(Serialize)]
struct Headers {
    headers: Fields,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

#[derive(Serialize)]
struct Fields {
    #[serde(rename = "Authorization", skip_serializing_if = "Option::is_none")]
    authorization: Option<[Secret; 1]>,
}

/// A value that is wiped.
struct Secret(Zeroizing<String>);

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Headers {
    fn none() -> Self {
        Self { headers: Fields { authorization: None }, expires: None }
    }

    fn with(token: &AuthorizationToken) -> Self {
        let authorization = Some([Secret(basic::authorization(token.expose()))]);
        Self { headers: Fields { authorization }, expires: Some(rfc3339(token.expires())) }
    }
}

fn say(output: &mut dyn Write, headers: &Headers) -> Result<Answer, ProtocolError> {
    answer::say(output, &answer::json_line(headers))?;
    Ok(Answer::Answered)
}

/// In UTC, to the second. Before 1970 is 1970: long over, either way.
fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that a leap day is the last one: 400 of them have 146 097 days. The first of
    // March of the year 0 was 719 468 days before 1970.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + u64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dates are those of `date --utc --date=@SECONDS`.
    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_348_800, "2026-11-22T12:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
