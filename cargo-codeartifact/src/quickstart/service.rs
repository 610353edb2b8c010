//! The embedded service as a process of its own, with the domain and the repositories of the story.

use std::io;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use codeartifact::{Host, ServiceOverride};

use super::children::{Children, read_lines};
use super::ground::Ground;
use super::{DOMAIN, QuickstartError, SHARED, Session, TEAM};

/// How long it may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// Where it keeps everything, below the folder.
const DATA: &str = "data";
const REGION: &str = "us-east-1";
/// The service takes any key pair.
const KEY: &str = "quickstart";

/// The service.
#[derive(Debug)]
pub(super) struct Service {
    address: String,
    variables: Vec<(String, String)>,
    process: Option<Child>,
    keeps_tokens: bool,
}

impl Service {
    /// Chooses an address. It is known before the service runs, so that the variables are shown once, before
    /// everything; a port that was free a moment ago is as good as free.
    pub(super) fn new(ground: &Ground) -> Result<Self, QuickstartError> {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(QuickstartError::file("find a free port on", "127.0.0.1"))?.to_string();
        let variables = [
            ("AWS_ENDPOINT_URL_CODEARTIFACT", format!("http://{address}").as_str()),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Self { address, variables: variables.into(), process: None, keeps_tokens: ground.keeps_tokens() })
    }

    /// The variables that lead to it.
    pub(super) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The command that runs it.
    pub(super) fn command(&self) -> [&str; 7] {
        ["cargo", "codeartifact", "local", "--listen", &self.address, "--data", DATA]
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it, and waits until it is ready.
    pub(super) fn start(&mut self, session: &mut Session<'_>) -> Result<(), QuickstartError> {
        let words = self.command().map(str::to_owned);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let told = words.join(" ");
        session.narrator.command(&told);
        let mut command = session.ground.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.process.insert(session.children.start(command, &told)?);
        let (ready, said) = (mpsc::channel(), mpsc::channel());
        read_lines(child.stdout.take(), ready.0);
        read_lines(child.stderr.take(), said.0);
        let started = Instant::now();
        loop {
            match ready.1.recv_timeout(READY_WITHIN.saturating_sub(started.elapsed())) {
                Ok(line) if line.starts_with("listening on ") => {
                    session.narrator.output(&line);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => {
                    // It ended, and said why; or it says nothing.
                    let ended = error == RecvTimeoutError::Disconnected;
                    let wait = if ended { Duration::from_secs(2) } else { Duration::ZERO };
                    let mut lines = Vec::new();
                    while let Ok(line) = said.1.recv_timeout(wait) {
                        lines.push(line);
                    }
                    let said = if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("\n") };
                    return Err(QuickstartError::NoService { seconds: READY_WITHIN.as_secs(), said });
                }
            }
        }
    }

    /// Makes the domain and its repositories, and shows how the AWS CLI would.
    pub(super) fn make_repositories(&self, session: &mut Session<'_>) -> Result<(), QuickstartError> {
        session.narrator.note(&format!("  aws codeartifact create-domain --domain {DOMAIN}"));
        self.post("CreateDomain", &format!("/v1/domain?domain={DOMAIN}"))?;
        for repository in [TEAM, SHARED] {
            let line = format!("  aws codeartifact create-repository --domain {DOMAIN} --repository {repository}");
            session.narrator.note(&line);
            self.post("CreateRepository", &format!("/v1/repository?domain={DOMAIN}&repository={repository}"))?;
        }
        Ok(())
    }

    /// One operation of the control plane. The embedded service reads the form of a signature only, so a form is what
    /// it gets: the AWS SDK would look for this machine's own identity to sign with.
    fn post(&self, operation: &'static str, path: &str) -> Result<(), QuickstartError> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .new_agent();
        let signature = "0".repeat(64);
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/20200101/{REGION}/codeartifact/aws4_request, \
             SignedHeaders=host, Signature={signature}"
        );
        let request = agent.post(format!("{}{path}", self.url())).header("Authorization", signed);
        let answer = request.header("Content-Type", "application/json").send("{}");
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(QuickstartError::ServiceRefused { operation, status: answer.status().as_u16() }),
            Err(source) => Err(QuickstartError::ServiceUnreachable { operation, source }),
        }
    }

    /// Stops it, and forgets the tokens it issued.
    pub(super) fn stop(&mut self, host: &Host, children: &Children) -> Result<(), QuickstartError> {
        let forgotten = if self.process.is_some() && self.keeps_tokens { self.forget(host) } else { Ok(()) };
        if let Some(mut child) = self.process.take() {
            children.stop(&mut child, "cargo codeartifact local")?;
        }
        forgotten
    }

    /// Forgets tokens of exactly this service: the keyring is the user's, and may hold others of a domain of that name.
    #[cfg(target_os = "linux")]
    fn forget(&self, host: &Host) -> Result<(), QuickstartError> {
        use codeartifact::{TokenStore as _, store::KernelStore};
        let ours = ServiceOverride::parse(self.url().as_bytes()).ok();
        let store = KernelStore::new(host.now());
        let left = |source| QuickstartError::TokensLeft { store: store.name(), source };
        for token in store.list().map_err(left)?.into_iter().filter(|token| token.scope.service_override == ours) {
            store.forget(&token.scope).map_err(left)?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn forget(&self, _host: &Host) -> Result<(), QuickstartError> {
        Ok(())
    }
}

/// The way out that is no way out: a panic. What was started does not stay.
impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let stopped = child.kill().and_then(|()| child.wait().map(drop));
            // Nobody is left to be told.
            let _: io::Result<()> = stopped;
            thread::yield_now();
        }
    }
}
