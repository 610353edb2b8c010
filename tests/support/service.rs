//! The embedded service as a child process.

use std::{path::Path, time::Duration};

use rustix::process::Signal;

use crate::{Outcome, Running, Sandbox};

/// A running `cargo-codeartifact local`. Dropped, it is killed.
#[derive(Debug)]
#[must_use = "the service is killed when dropped"]
pub struct Service {
    running: Running,
    url: String,
}

impl Service {
    /// A service without a disk, at a port of its own, and the sandbox led to it.
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, &["--ephemeral"])
    }

    /// A service whose state is in `data`.
    pub fn start_durable(sandbox: &Sandbox, data: &Path) -> Self {
        Self::start_with(sandbox, &["--data", data.to_str().expect("sandbox paths are text")])
    }

    /// With the given options, and a free port unless they say one.
    pub fn start_with(sandbox: &Sandbox, options: &[&str]) -> Self {
        let mut program = sandbox.codeartifact(&["local"]).args(options).limit(Duration::from_secs(30));
        if !options.contains(&"--listen") {
            program = program.args(["--listen", "127.0.0.1:0"]);
        }
        let mut running = program.start_interactive();
        let line = running.line().unwrap_or_default();
        let Some(url) = line.strip_prefix("listening on ").map(str::to_owned) else {
            panic!("the service said `{line}` in place of where it listens: {}", running.wait().show())
        };
        sandbox.point_at(&url);
        Self { running, url }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("the service says http")
    }

    /// The repository's endpoint for cargo, as clients write it.
    pub fn cargo_index(&self, domain: &str, repository: &str) -> String {
        format!("sparse+{}/d/{domain}-{}/cargo/{repository}/", self.url, crate::sandbox::ACCOUNT)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// How often an operation was called since it started.
    pub fn count(&self, operation: &str) -> u64 {
        let answer = get(&format!("{}/_local/counters", self.url), None);
        assert_eq!(answer.status, 200, "the service counts: {}", answer.text());
        let counters: serde_json::Value = serde_json::from_slice(&answer.body).expect("counters are JSON");
        counters
            .pointer(&format!("/operations/{operation}"))
            .or_else(|| counters.get(operation))
            .map_or(0, |count| count.as_u64().unwrap_or_else(|| panic!("{operation} is not a number in {counters}")))
    }

    /// Ends it as a person would, and waits.
    #[must_use = "say how it should have ended: `success`"]
    pub fn stop(self) -> Outcome {
        self.running.signal(Signal::TERM);
        self.running.wait()
    }

    /// Ends it at once, wherever it is.
    pub fn kill(self) {
        self.running.signal(Signal::KILL);
        let outcome = self.running.wait();
        assert_eq!(outcome.code(), None, "killed: {}", outcome.show());
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET url`, with `authorization` as it is.
pub fn get(url: &str, authorization: Option<&str>) -> Answer {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .proxy(None)
        .build();
    let mut request = ureq::Agent::new_with_config(config).get(url);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let mut response = request.call().unwrap_or_else(|error| panic!("GET {url}: {error}"));
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec();
    Answer { status: response.status().as_u16(), body: body.unwrap_or_else(|error| panic!("GET {url}: {error}")) }
}
