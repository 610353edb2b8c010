//! Answers and refusals as most protocols give them: in one piece, and what holds a token from memory that is wiped.

use std::io::Write;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::protocol::{Answer, ProtocolError};

/// Room for an answer with any real token, so that no half-grown copy of it is left behind in memory.
const ROOM: usize = 8 * 1024;

/// A line of JSON.
pub(crate) fn json_line(message: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *line, message).expect("messages are texts and numbers, and memory takes them");
    line.push(b'\n');
    line
}

/// Text of these parts.
pub(crate) fn text(parts: &[&str]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(ROOM.max(length)));
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    text
}

/// Writes an answer, and lets it go at once.
pub(crate) fn say(output: &mut dyn Write, answer: &[u8]) -> Result<(), ProtocolError> {
    output.write_all(answer).and_then(|()| output.flush()).map_err(ProtocolError::Write)
}

/// Says why there is no token, its causes and the next step, a line each; where the protocol has no words for that.
pub(crate) fn refuse(errors: &mut dyn Write, lines: &[String]) -> Result<Answer, ProtocolError> {
    // In one piece: the messages of several helpers may meet on one terminal.
    let text = format!("error: {}\n", lines.join("\n"));
    errors.write_all(text.as_bytes()).map_err(ProtocolError::Write)?;
    Ok(Answer::Refused)
}
