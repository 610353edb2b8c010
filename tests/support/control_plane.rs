//! A service that fails, hangs or plants a token, as told: what a real service cannot be asked to do.
//!
//! It knows who owns a domain and where a repository is: itself. Whatever else is not a request for a token is refused with an answer that repeats the request, its headers included: a
//! program that shows such an answer unseen shows the secret it sent.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::programs::host;

/// What a request is answered with.
#[derive(Debug, Clone)]
pub enum ScriptedAnswer {
    /// A token that lives so long from now on.
    Token {
        /// The secret.
        secret: String,
        /// Its life.
        life: Duration,
    },
    /// An error of the service: status, exception, message.
    Error(u16, &'static str, &'static str),
    /// Anything: status, content type, body.
    Raw(u16, &'static str, String),
    /// The connection closes without an answer.
    Cut,
    /// The connection closes after the head of an answer.
    CutInside,
    /// A head, then a byte of the body each second.
    Slow,
    /// An error of the service that says when to come back, in seconds.
    RetryAfter(u16, &'static str, u32),
    /// No answer until the test releases it, then the token.
    Held {
        /// The secret.
        secret: String,
    },
}

type Script = dyn Fn(usize) -> ScriptedAnswer + Send + Sync;

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

struct Shared {
    address: SocketAddr,
    script: Box<Script>,
    tokens: AtomicUsize,
    connections: AtomicUsize,
    arrived: (Mutex<usize>, Condvar),
    gate: Gate,
    stop: AtomicBool,
}

/// The control plane of a test: `GetAuthorizationToken` by script, everything else not found.
pub struct ScriptedControlPlane {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ScriptedControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedControlPlane").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ScriptedControlPlane {
    /// Answers the n-th request for a token (from 0) as `script` says.
    pub fn start(script: impl Fn(usize) -> ScriptedAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            address,
            script: Box::new(script),
            tokens: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            arrived: (Mutex::new(0), Condvar::new()),
            gate: Gate::default(),
            stop: AtomicBool::new(false),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for stream in listener.incoming().flatten() {
                    if shared.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    shared.connections.fetch_add(1, Ordering::Relaxed);
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || serve(&stream, &shared));
                }
            }
        });
        Self { shared, address, accepting: Some(accepting) }
    }

    /// Always the same token.
    pub fn issuing(secret: &str) -> Self {
        let secret = secret.to_owned();
        Self::start(move |_| ScriptedAnswer::Token { secret: secret.clone(), life: Duration::from_hours(12) })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The endpoint of a repository at this service, for cargo.
    pub fn cargo_index(&self, domain: &str, repository: &str) -> String {
        format!("sparse+{}/d/{domain}-{}/cargo/{repository}/", self.url(), crate::sandbox::ACCOUNT)
    }

    /// How many requests for a token came.
    pub fn token_requests(&self) -> usize {
        self.shared.tokens.load(Ordering::SeqCst)
    }

    /// How many connections came.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests for a token have come; whether they came in time.
    pub fn wait_for_requests(&self, count: usize, limit: Duration) -> bool {
        let (arrived, changed) = &self.shared.arrived;
        let guard = arrived.lock().expect("no holder panics");
        let (guard, _) = changed.wait_timeout_while(guard, limit, |seen| *seen < count).expect("no holder panics");
        *guard >= count
    }

    /// Answers everything that is held.
    pub fn release(&self) {
        *self.shared.gate.open.lock().expect("no holder panics") = true;
        self.shared.gate.opened.notify_all();
    }
}

impl Drop for ScriptedControlPlane {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.release();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
    let mut reader = BufReader::new(stream);
    while let Some(head) = request(&mut reader) {
        if let Some(body) = known(&head, shared.address) {
            answer(stream, 200, "application/json", &body.to_string());
            continue;
        }
        if !head.starts_with("POST /v1/authorization-token") {
            let status = if head.to_ascii_lowercase().contains("\nauthorization:") { 500 } else { 401 };
            let body = serde_json::json!({ "message": head, "errors": [{ "detail": head }] }).to_string();
            answer(stream, status, "application/json", &body);
            continue;
        }
        let number = shared.tokens.fetch_add(1, Ordering::SeqCst);
        let (arrived, changed) = &shared.arrived;
        *arrived.lock().expect("no holder panics") += 1;
        changed.notify_all();
        match (shared.script)(number) {
            ScriptedAnswer::Token { secret, life } => token(stream, &secret, life),
            ScriptedAnswer::Held { secret } => {
                let open = shared.gate.open.lock().expect("no holder panics");
                drop(shared.gate.opened.wait_while(open, |open| !*open).expect("no holder panics"));
                token(stream, &secret, Duration::from_hours(12));
            }
            ScriptedAnswer::Error(status, exception, message) => {
                let body = serde_json::json!({ "__type": exception, "message": message }).to_string();
                answer(stream, status, "application/json", &body);
            }
            ScriptedAnswer::Raw(status, kind, body) => answer(stream, status, kind, &body),
            ScriptedAnswer::RetryAfter(status, exception, seconds) => {
                let body = serde_json::json!({ "__type": exception, "message": "slow down" }).to_string();
                answer_with(stream, status, "application/json", &format!("Retry-After: {seconds}\r\n"), &body);
            }
            ScriptedAnswer::Slow => {
                let _ = (&*stream)
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n");
                // Until the client has had enough of it, or the test is over.
                while !shared.stop.load(Ordering::Relaxed) && (&*stream).write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_secs(1));
                }
                return;
            }
            ScriptedAnswer::CutInside => {
                let _ = (&*stream)
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n");
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            ScriptedAnswer::Cut => {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Reads one request, its body included, and gives its head.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let line = head.len();
        reader.read_line(&mut head).ok()?;
        let line = head[line..].trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':').map(|(n, v)| (n, v.trim())) {
            length = value.parse().ok()?;
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    (!head.is_empty()).then_some(head)
}

/// What is asked on the way to a token, and on the way from there to a repository.
fn known(head: &str, address: SocketAddr) -> Option<serde_json::Value> {
    let owner = crate::sandbox::ACCOUNT;
    let query = |name: &str| {
        let (_, rest) = head.lines().next()?.split_once(&format!("{name}="))?;
        rest.split(['&', ' ']).next()
    };
    if head.starts_with("GET /v1/domain?") {
        return Some(serde_json::json!({ "domain": { "name": query("domain")?, "owner": owner } }));
    }
    if head.starts_with("GET /v1/repository/endpoint?") {
        let (domain, format, repository) = (query("domain")?, query("format")?, query("repository")?);
        let endpoint = format!("http://{address}/d/{domain}-{owner}/{format}/{repository}/");
        return Some(serde_json::json!({ "repositoryEndpoint": endpoint }));
    }
    None
}

fn token(stream: &TcpStream, secret: &str, life: Duration) {
    let ends = host().now() + life;
    let seconds = ends.duration_since(std::time::UNIX_EPOCH).expect("now is after 1970").as_secs();
    let body = serde_json::json!({ "authorizationToken": secret, "expiration": seconds }).to_string();
    answer(stream, 200, "application/json", &body);
}

fn answer(stream: &TcpStream, status: u16, kind: &str, body: &str) {
    answer_with(stream, status, kind, "", body);
}

fn answer_with(mut stream: &TcpStream, status: u16, kind: &str, headers: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nx-amzn-RequestId: 0\r\n{headers}\r\n",
        body.len()
    );
    // A client that left is what some tests are about.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}
