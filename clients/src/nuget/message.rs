//! The messages of NuGet's plugin protocol: one object of JSON a line, in both directions.

use std::io::Write;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use zeroize::Zeroizing;

use crate::answer;
use crate::protocol::{ProtocolError, is_control, json_depth};

/// NuGet's own messages are a few levels deep; a service index may come with one.
const DEEPEST: usize = 64;

/// What NuGet sent.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Received {
    pub(super) request_id: String,
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    pub(super) method: String,
    #[serde(default)]
    pub(super) payload: Option<Payload>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Kind {
    Cancel,
    Fault,
    Progress,
    Request,
    Response,
}

/// The fields that are read of any payload. Which there are depends on the method.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Payload {
    pub(super) protocol_version: Option<String>,
    pub(super) minimum_protocol_version: Option<String>,
    pub(super) response_code: Option<String>,
    pub(super) package_source_repository: Option<String>,
    pub(super) service_index: Option<IgnoredAny>,
    pub(super) uri: Option<String>,
    pub(super) is_retry: bool,
}

impl Received {
    pub(super) fn parse(line: &[u8]) -> Result<Self, ProtocolError> {
        if json_depth(line) > DEEPEST {
            return Err(malformed(format!("it nests deeper than {DEEPEST} levels")));
        }
        let message: Self = serde_json::from_slice(line).map_err(|error| {
            use serde_json::error::Category;
            // The parser's own text may quote what it read, and a message may hold a password for a proxy.
            malformed(match error.classify() {
                Category::Data => format!("a field is missing or of another type (column {})", error.column()),
                Category::Eof => "it ends too early".to_owned(),
                Category::Syntax | Category::Io => format!("it is not JSON (column {})", error.column()),
            })
        })?;
        message.refuse_control_characters()?;
        Ok(message)
    }

    /// Credential helpers have leaked to the wrong place through line ends in a field.
    fn refuse_control_characters(&self) -> Result<(), ProtocolError> {
        let payload = self.payload.as_ref();
        let texts = [
            ("RequestId", Some(&self.request_id)),
            ("Method", Some(&self.method)),
            ("Uri", payload.and_then(|payload| payload.uri.as_ref())),
            ("ProtocolVersion", payload.and_then(|payload| payload.protocol_version.as_ref())),
            ("MinimumProtocolVersion", payload.and_then(|payload| payload.minimum_protocol_version.as_ref())),
        ];
        match texts.into_iter().find(|(_, text)| text.is_some_and(|text| text.contains(is_control))) {
            Some((field, _)) => Err(malformed(format!("`{field}` contains a control character"))),
            None => Ok(()),
        }
    }
}

pub(super) fn malformed(reason: String) -> ProtocolError {
    ProtocolError::Malformed { reason }
}

/// What NuGet is sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent<'a, P> {
    pub(super) request_id: &'a str,
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    pub(super) method: &'a str,
    pub(super) payload: P,
}

impl<P: Serialize> Sent<'_, P> {
    /// The line of it, in memory that is wiped.
    pub(super) fn line(&self) -> Zeroizing<Vec<u8>> {
        answer::json_line(self)
    }
}

/// Writes lines in one piece each, and says that all of what came before is answered.
pub(super) fn say(output: &mut dyn Write, lines: &[Zeroizing<Vec<u8>>]) -> Result<(), ProtocolError> {
    lines.iter().try_for_each(|line| output.write_all(line)).and_then(|()| output.flush()).map_err(ProtocolError::Write)
}

/// What a handshake offers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Handshake {
    pub(super) protocol_version: &'static str,
    pub(super) minimum_protocol_version: &'static str,
}

/// Whether something went well; NuGet has an answer of this form for most methods.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Outcome<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protocol_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authentication_types: Option<[&'static str; 1]>,
    pub(super) response_code: Code,
}

/// The codes there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) enum Code {
    #[default]
    Success,
    Error,
    NotFound,
}

/// What a plugin can do.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Claims {
    pub(super) claims: &'static [&'static str],
}

/// Something for NuGet's own log.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Log<'a> {
    pub(super) log_level: &'static str,
    pub(super) message: &'a str,
}

/// A defect, on either side.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Fault<'a> {
    pub(super) message: &'a str,
}

/// Nothing: of progress, no percentage is known.
#[derive(Serialize)]
pub(super) struct Nothing {}
