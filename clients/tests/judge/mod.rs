//! What must hold of every protocol, whatever comes in; for the tests beside and for the fuzzer.
//!
//! An input is a call: up to the first line end its arguments, one from the other by the byte 0x1F; the rest is what the
//! client writes. A first argument that begins with `@` is the domain of the link's name, without the sign.

use std::{
    cell::RefCell,
    ffi::OsString,
    io::{self, Write},
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use clients::{
    Spoken,
    protocol::{Answer, Call, Silent, Streams, is_control},
};
use codeartifact::{
    AuthorizationToken, Authorize, AuthorizeError, ControlPlaneError, Endpoint, ServiceOverride, SourceError, Trust,
    control_plane::FailureKind,
};

/// The token of all tokens: nothing else that is said has this text in it.
const TOKEN: &str = "eyJ2ZXIiOjEs.Canary0Canary1Canary2Canary3";
const ENDS_ARGUMENT: u8 = 0x1f;

/// Gives the token, or a reason with a text of the service's that was made to confuse; remembers what was asked for.
struct Gives {
    token: bool,
    asked: RefCell<Vec<Endpoint>>,
}

impl Authorize for Gives {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.asked.borrow_mut().push(endpoint.clone());
        if self.token {
            // 2026-11-22, 12:00 UTC.
            let issued = SystemTime::UNIX_EPOCH + Duration::from_hours(498_708);
            return Ok(AuthorizationToken::new(TOKEN.to_owned().into(), issued, issued + Duration::from_hours(12)));
        }
        Err(AuthorizeError::Source(SourceError::ControlPlane(ControlPlaneError {
            operation: "GetAuthorizationToken",
            kind: FailureKind::Denied,
            resource: endpoint.domain().to_string(),
            status: Some(403),
            request_id: None,
            message: "not\u{1b}[2J allowed\r\nLocation: https://example.com\u{85}\u{2028}".to_owned(),
            source: None,
        })))
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.token_for(endpoint)
    }
}

/// A stream that knows what was flushed.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    flushed: usize,
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = self.bytes.len();
        Ok(())
    }
}

impl Said {
    /// Nothing that ends a line unasked, moves a cursor or hides what follows.
    fn is_plain(&self) -> bool {
        let Ok(text) = str::from_utf8(&self.bytes) else { return false };
        !text.chars().any(|character| character != '\n' && is_control(character))
    }
}

static TRUSTS: LazyLock<[Trust; 2]> = LazyLock::new(|| {
    [None, Some("http://127.0.0.1:4600")].map(|address| Trust {
        service_override: address.map(|address| ServiceOverride::parse(address.as_bytes()).expect("a good address")),
    })
});

/// The token, and the Base64 of `aws:` with its first characters, which no padding changes.
const AS_SAID: [&[u8]; 2] = [TOKEN.as_bytes(), b"YXdzOmV5SjJaWElpT2pFcy5DYW5hcnkw"];

fn has_token(bytes: &[u8]) -> bool {
    AS_SAID.iter().any(|token| bytes.windows(token.len()).any(|window| window == *token))
}

/// Panics if something does not hold.
pub(crate) fn judge(spoken: &Spoken, input: &[u8]) {
    // A fuzzer sees what is compared, and soon says it itself.
    if has_token(input) {
        return;
    }
    let (head, written) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &b""[..]),
    };
    let (domain, head) = match head.strip_prefix(b"@") {
        Some(rest) => {
            let end = rest.iter().position(|byte| *byte == ENDS_ARGUMENT);
            (str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok(), end.map_or(&b""[..], |end| &rest[end + 1..]))
        }
        None => (None, head),
    };
    let args: Vec<OsString> = match head {
        [] => Vec::new(),
        head => head.split(|byte| *byte == ENDS_ARGUMENT).map(argument).collect(),
    };
    for trust in &*TRUSTS {
        for token in [true, false] {
            hold(spoken, &Call { args: &args, domain }, written, trust, token);
        }
    }
}

#[cfg(unix)]
fn argument(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn argument(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn hold(spoken: &Spoken, call: &Call<'_>, mut written: &[u8], trust: &Trust, token: bool) {
    let (mut output, mut errors) = (Said::default(), Said::default());
    let authorize = Gives { token, asked: RefCell::default() };
    let answer = {
        let mut streams = Streams {
            input: &mut written,
            output: &mut output,
            errors: &mut errors,
            resumed: false,
            heartbeat: &Silent,
        };
        spoken.protocol.converse(call, &mut streams, trust, &authorize)
    };
    let asked = authorize.asked.into_inner();
    assert!(output.is_plain() && errors.is_plain(), "control characters are passed on");
    assert!(!has_token(&errors.bytes), "a token is shown to people");
    assert!(!has_token(&output.bytes) || (token && !asked.is_empty()), "a token that nobody asked for");
    assert_eq!(output.flushed, output.bytes.len(), "an answer is left in the buffer");
    if let Ok(Answer::NotMine) = answer {
        assert!(asked.is_empty() && output.bytes.is_empty(), "what another program is to answer was answered");
    }
    if let Ok(Answer::Refused) = answer {
        assert!(!has_token(&output.bytes), "refused, and given");
    }
    for endpoint in asked {
        // One that stands for a whole domain has no URL of a repository to look at again.
        let again = Endpoint::recognise(endpoint.base_url().as_bytes(), trust);
        assert!(
            matches!(&again, Ok(Some(again)) if again.domain() == endpoint.domain() && again.owner() == endpoint.owner()),
            "a token for what is not ours: {endpoint}"
        );
    }
}
