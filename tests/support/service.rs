//! The embedded service as a child process.

use std::{ffi::OsString, path::Path, time::Duration};

use rustix::process::Signal;

use crate::{Outcome, Program, Running, Sandbox, programs::host};

/// How long a journey may need its service, and how long a start may take.
const LIFE: Duration = Duration::from_mins(10);

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
        Self::try_start_through(sandbox, Vec::new(), options).expect("the service starts")
    }

    /// In memory, and refusing every token to everybody.
    pub fn start_denying_tokens(sandbox: &Sandbox) -> Self {
        let denied = r#"{ "rules": [
            { "operation": "GetAuthorizationToken", "status": 403, "type": "AccessDeniedException" }
        ]}"#;
        let faults = sandbox.write("tmp/faults.json", denied);
        Self::start_with(sandbox, &["--ephemeral", "--faults", faults.to_str().expect("sandbox paths are text")])
    }

    /// With the given options, and the home and the settings of whoever runs the tests: their package managers know where the public
    /// sources are.
    pub fn start_as_tester(sandbox: &Sandbox, options: &[&str]) -> Self {
        let mut program = sandbox.codeartifact(&["local"]);
        for name in sandbox.vars().keys() {
            program = program.without_var(name);
        }
        for (name, value) in host().vars().filter_map(|(name, value)| Some((name.to_str()?, value))) {
            program = program.var(name, value);
        }
        Self::launch(sandbox, program, Vec::new(), options).expect("the service starts")
    }

    /// With the given options, started by a tracer that may kill it before it listens: then nothing.
    pub fn try_start_through(sandbox: &Sandbox, tracer: Vec<OsString>, options: &[&str]) -> Option<Self> {
        Self::launch(sandbox, sandbox.codeartifact(&["local"]), tracer, options)
    }

    fn launch(sandbox: &Sandbox, program: Program, tracer: Vec<OsString>, options: &[&str]) -> Option<Self> {
        let doomed = !tracer.is_empty();
        let mut program = program.args(options).through(tracer).limit(LIFE);
        if !options.contains(&"--listen") {
            program = program.args(["--listen", "127.0.0.1:0"]);
        }
        let mut running = program.start_interactive();
        let line = running.line().unwrap_or_default();
        let Some(url) = line.strip_prefix("listening on ").map(str::to_owned) else {
            let outcome = running.wait();
            assert!(doomed, "the service said `{line}` in place of where it listens: {}", outcome.show());
            return None;
        };
        sandbox.point_at(&url);
        Some(Self { running, url })
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
        let answer = send("GET", &format!("{}/_local/counters", self.url), None, b"");
        assert_eq!(answer.status, 200, "the service counts: {}", answer.text());
        let counters: serde_json::Value = serde_json::from_slice(&answer.body).expect("counters are JSON");
        let count = counters.pointer(&format!("/operations/{operation}/calls"));
        count.map_or(0, |count| count.as_u64().unwrap_or_else(|| panic!("{operation} is no number in {counters}")))
    }

    /// Calls the control plane, with a signature nobody checks by default.
    pub fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        send(method, &format!("{}/v1/{path}", self.url), Some(&signature()), body.as_bytes())
    }

    /// A domain with repositories.
    pub fn make(&self, domain: &str, repositories: &[&str]) {
        let answer = self.call("POST", &format!("domain?domain={domain}"), "{}");
        assert_eq!(answer.status, 200, "{}", answer.text());
        for repository in repositories {
            let answer = self.call("POST", &format!("repository?domain={domain}&repository={repository}"), "{}");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }

    /// A domain with a chain of three repositories: `team` has `internal` upstream, that has `store`, and that one is
    /// connected to a public source.
    pub fn make_chain(&self, domain: &str, store: &str, connection: &str) {
        self.make(domain, &[store]);
        let connect = format!("domain={domain}&repository={store}&external-connection={connection}");
        let answer = self.call("POST", &format!("repository/external-connection?{connect}"), "{}");
        assert_eq!(answer.status, 200, "{}", answer.text());
        for (name, upstream) in [("internal", store), ("team", "internal")] {
            let body = format!("{{\"upstreams\":[{{\"repositoryName\":\"{upstream}\"}}]}}");
            let answer = self.call("POST", &format!("repository?domain={domain}&repository={name}"), &body);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }

    /// A token for a domain, straight from the service.
    pub fn token(&self, domain: &str) -> String {
        self.try_token(domain).expect("the service gives out tokens")
    }

    /// The same, unless the service is dead.
    pub fn try_token(&self, domain: &str) -> Option<String> {
        let url = format!("{}/v1/authorization-token?domain={domain}", self.url);
        let answer = try_send("POST", &url, Some(&signature()), b"").ok()?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("the service answers JSON");
        let token = body.get("authorizationToken").and_then(serde_json::Value::as_str);
        Some(token.unwrap_or_else(|| panic!("no token: {}", answer.text())).to_owned())
    }

    /// Ends it if it still runs, and says whether it did.
    pub fn survived(mut self) -> bool {
        self.running.is_alive()
    }

    /// `GET` below a repository's cargo endpoint.
    pub fn cargo_get(&self, domain: &str, repository: &str, path: &str, token: &str) -> Answer {
        let index = self.cargo_index(domain, repository);
        let base = index.strip_prefix("sparse+").expect("the index is sparse");
        send("GET", &format!("{base}{path}"), Some(token), b"")
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

/// The form of a signature; the embedded service does not verify one.
pub fn signature() -> String {
    let scope = format!("{}/20260101/us-east-1/codeartifact/aws4_request", crate::sandbox::ACCESS_KEY);
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}", "0".repeat(64))
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

/// Sends a request, with `authorization` as it is, and takes any answer.
pub fn send(method: &str, url: &str, authorization: Option<&str>, body: &[u8]) -> Answer {
    try_send(method, url, authorization, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// The same, when the service may vanish meanwhile.
///
/// # Errors
/// No whole answer came.
pub fn try_send(method: &str, url: &str, authorization: Option<&str>, body: &[u8]) -> Result<Answer, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(30)))
        .max_redirects(0)
        .proxy(None)
        .build();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request.body(body).map_err(ureq::Error::Http)?;
    let mut response = ureq::Agent::new_with_config(config).run(request)?;
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    Ok(Answer { status: response.status().as_u16(), body })
}

/// The path of a crate's file in an index, as cargo builds it.
pub fn index_path(name: &str) -> String {
    let name = name.to_lowercase();
    match name.len() {
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}
