//! Every protocol's way to ask for one token, and to be told why there is none.

use base64::Engine as _;
use serde_json::json;

use crate::{Outcome, Program, Sandbox, conversation, sandbox::ACCOUNT};

/// A protocol, from its client's side.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// The protocol's word.
    pub word: &'static str,
    /// The format of the repositories its client asks for.
    format: &'static str,
    /// The exit status that comes with a refusal.
    pub refused: i32,
}

/// Every protocol of the table in `clients`; a test compares.
pub const ALL: &[Asking] = &[
    Asking { word: "cargo", format: "cargo", refused: 0 },
    Asking { word: "nuget", format: "nuget", refused: 0 },
    Asking { word: "bazel", format: "maven", refused: 1 },
    Asking { word: "maven-pinentry", format: "maven", refused: 0 },
    Asking { word: "pnpm", format: "npm", refused: 1 },
    Asking { word: "yarn", format: "npm", refused: 1 },
    Asking { word: "keyring", format: "pypi", refused: 1 },
    Asking { word: "netrc", format: "maven", refused: 1 },
];

impl Asking {
    /// The helper, asked for the token of `domain` at a service at `address` (`http://127.0.0.1:PORT`), as the client
    /// asks. One that names a domain only finds the service by the override in force.
    pub fn for_domain(self, sandbox: &Sandbox, address: &str, domain: &str) -> Program {
        let url = format!("{address}/d/{domain}-{ACCOUNT}/{}/team/", self.format);
        self.asked(sandbox, &url, &format!("{domain}-{ACCOUNT}.us-east-1"))
    }

    /// The helper, asked for a URL as it is; a protocol without URLs for that in the place of its domain.
    pub fn for_url(self, sandbox: &Sandbox, url: &str) -> Program {
        self.asked(sandbox, url, url)
    }

    fn asked(self, sandbox: &Sandbox, url: &str, domain: &str) -> Program {
        match self.word {
            "cargo" => sandbox.helper(&["--cargo-plugin"]).stdin(conversation::get(&format!("sparse+{url}"))),
            "nuget" => sandbox.helper(&["-Plugin"]).stdin(nuget(url)),
            "bazel" => sandbox.helper(&["bazel", "get"]).stdin(format!("{}\n", json!({ "uri": url }))),
            "maven-pinentry" => sandbox.helper(&["maven-pinentry", domain]).stdin("GETPIN\nBYE\n"),
            "keyring" => sandbox.helper(&["keyring", "get", url, "aws"]),
            word => sandbox.helper(&[word, url]),
        }
    }

    /// Whether the answer gives this token, in whatever form the protocol has.
    pub fn gives(self, outcome: &Outcome, token: &str) -> bool {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("aws:{token}"));
        let answer = outcome.stdout();
        outcome.code() == Some(0) && (answer.contains(token) || answer.contains(&basic))
    }

    /// All that the client may show of a refusal: both channels.
    #[track_caller]
    pub fn refusal(self, outcome: &Outcome) -> String {
        assert_eq!(outcome.code(), Some(self.refused), "{}: {}", self.word, outcome.show());
        outcome.stdout() + &outcome.stderr()
    }
}

/// A restore of NuGet's, as far as it matters: both shake hands, then NuGet asks.
fn nuget(url: &str) -> String {
    let message = |number: u32, kind: &str, method: &str, payload: serde_json::Value| {
        let id = if number == 0 { "codeartifact-handshake".to_owned() } else { format!("{number}") };
        format!("{}\n", json!({ "RequestId": id, "Type": kind, "Method": method, "Payload": payload }))
    };
    let versions = json!({ "ProtocolVersion": "2.0.0", "MinimumProtocolVersion": "2.0.0" });
    let asked = json!({ "Uri": format!("{url}v3/index.json"), "IsRetry": false, "IsNonInteractive": true });
    [
        message(1, "Request", "Handshake", versions),
        message(0, "Response", "Handshake", json!({ "ResponseCode": "Success", "ProtocolVersion": "2.0.0" })),
        message(2, "Request", "GetAuthenticationCredentials", asked),
        message(3, "Request", "Close", json!({})),
    ]
    .concat()
}
