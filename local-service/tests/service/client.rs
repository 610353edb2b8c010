//! A client that sends exactly what it is told to.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use local_service::{Clock, LocalService, Options, StartError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Long enough for any machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time of the tests, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// Reads an answer; every one must say its length.
    pub(crate) fn receive(&mut self, head: bool) -> std::io::Result<Answer> {
        let mut line = String::new();
        let cut = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        if self.0.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(cut());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if status == 100 {
            return Ok(answer);
        }
        if !head && status != 304 {
            let length = answer.header("content-length").unwrap_or_else(|| panic!("no Content-Length: {answer:?}"));
            answer.body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }
}

/// A service and how to speak to it.
pub(crate) struct Service {
    pub(crate) local: LocalService,
    pub(crate) address: SocketAddr,
}

/// What the AWS tools send, for a Region.
pub(crate) fn signed(region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/{region}/codeartifact/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0a".repeat(32)
    )
}

/// A clock that tests move, in seconds since 1970.
pub(crate) fn moved_clock() -> (Clock, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(NOW));
    let read = Arc::clone(&seconds);
    (Clock::new(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::SeqCst))), seconds)
}

pub(crate) fn fixed_clock() -> Clock {
    let now: SystemTime = UNIX_EPOCH + Duration::from_secs(NOW);
    Clock::new(move || now)
}

/// Starts a service. A folder may seem in use for a moment after its service has stopped: a process that another test
/// starts has what was open until it begins its own program.
pub(crate) fn start(options: &Options) -> Result<LocalService, StartError> {
    let began = Instant::now();
    loop {
        match LocalService::start(options.clone()) {
            Err(StartError::InUse { .. }) if began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            other => return other,
        }
    }
}

impl Service {
    pub(crate) fn ephemeral() -> Self {
        Self::of(Options::ephemeral(fixed_clock()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers make them for this")]
    pub(crate) fn of(options: Options) -> Self {
        let local = start(&options).unwrap();
        let address = local.address();
        Self { local, address }
    }

    /// A service with the domain `acme` and the repositories `team`, `shared` and `app`; `app` has `shared` upstream.
    pub(crate) fn furnished() -> Self {
        let service = Self::ephemeral();
        service.furnish();
        service
    }

    pub(crate) fn furnish(&self) {
        self.ok("POST", "/v1/domain?domain=acme", None);
        for name in ["team", "shared"] {
            self.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), None);
        }
        let upstreams = json!({ "upstreams": [{ "repositoryName": "shared" }] });
        self.ok("POST", "/v1/repository?domain=acme&repository=app", Some(&upstreams));
    }

    /// One request on a connection of its own.
    pub(crate) fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.address, method, target, headers, body).unwrap()
    }

    /// A control-plane call.
    pub(crate) fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let text = body.map(Value::to_string).unwrap_or_default();
        self.send(method, target, &[("Authorization", &signed("eu-west-1"))], text.as_bytes())
    }

    /// A control-plane call that succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, target, body);
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text());
        answer.json()
    }

    /// A control-plane call that fails: exception and the rest of the body.
    #[track_caller]
    pub(crate) fn refused(&self, method: &str, target: &str, body: Option<&Value>) -> (u16, String, Value) {
        let answer = self.call(method, target, body);
        assert!(answer.status >= 400, "{method} {target}: {}", answer.text());
        (answer.status, answer.header("x-amzn-errortype").unwrap().to_owned(), answer.json())
    }

    pub(crate) fn token(&self) -> String {
        let answer = self.ok("POST", "/v1/authorization-token?domain=acme", None);
        answer["authorizationToken"].as_str().unwrap().to_owned()
    }

    /// A data-plane request with a bare token, as cargo sends it.
    pub(crate) fn cargo(&self, token: &str, method: &str, repository: &str, path: &str, body: &[u8]) -> Answer {
        let target = format!("/d/acme-111122223333/cargo/{repository}/{path}");
        self.send(method, &target, &[("Authorization", token)], body)
    }

    pub(crate) fn publish(&self, token: &str, repository: &str, name: &str, version: &str, content: &[u8]) -> Answer {
        self.cargo(token, "PUT", repository, "api/v1/crates/new", &publish_body(name, version, content))
    }
}

pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut connection = Connection::open(address)?;
    connection.send(&request(address, method, target, headers, body))?;
    connection.receive(method == "HEAD")
}

/// The bytes of a request.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{}\r\n",
        headers.concat()
    );
    [head.as_bytes(), body].concat()
}

/// What `cargo publish` sends.
pub(crate) fn publish_body(name: &str, version: &str, content: &[u8]) -> Vec<u8> {
    let document = json!({
        "name": name, "vers": version, "deps": [], "features": {}, "readme": format!("# {name} {version}"),
        "description": "A crate", "license": "MIT",
    });
    frame(document.to_string().as_bytes(), content)
}

pub(crate) fn frame(document: &[u8], content: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [&length(document)[..], document, &length(content)[..], content].concat()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The path of a crate's index file.
pub(crate) fn index_path(name: &str) -> String {
    match name.len() {
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

/// A zip archive of stored entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut whole, mut directory) = (Vec::new(), Vec::new());
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let short = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
    for (name, content) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let size = number(content.len());
        let date = [0, 0, 0, 0, 0, 0, 0x21, 0x50];
        let about = [&[20, 0][..], &date, &crc.sum().to_le_bytes(), &size, &size, &short(name.len()), &[0, 0]].concat();
        let place = number(whole.len());
        directory.extend([b"PK\x01\x02\x14\x00", &about[..], &[0; 10], &place, name.as_bytes()].concat());
        whole.extend([b"PK\x03\x04", &about[..], name.as_bytes(), content].concat());
    }
    let (count, size, place) = (short(entries.len()), number(directory.len()), number(whole.len()));
    whole.extend(directory);
    whole.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &place, &[0, 0]].concat());
    whole
}

/// The body of a form: each part's headers after `Content-Disposition: form-data`, and its content.
pub(crate) fn form(boundary: &str, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; {headers}\r\n\r\n").into_bytes());
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").into_bytes());
    body
}
