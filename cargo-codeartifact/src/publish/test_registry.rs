//! For tests: a repository in memory, seen through its control plane and through its Cargo endpoint, which fails as it
//! is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use codeartifact::control_plane::{
    Asset, CopyOutcome, CopyRequest, Domain, FailureKind, IssuedToken, PackageId, PackageVersion, PackageVersionStatus,
    PackageVersionSummary, Repository, RepositoryId,
};
use codeartifact::{
    AccountId, AuthorizationToken, Authorize, AuthorizeError, ControlPlane, ControlPlaneError, DomainName, Endpoint,
    PackageFormat, RepositoryName, ServiceOverride, Trust,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The token that opens it.
pub(super) const TOKEN: &str = "opens-sesame";

/// What happens to the next upload.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The connection ends without an answer, before or after the version is stored.
    Cut { stored: bool },
    /// An answer of this status, before or after the version is stored.
    Status { status: u16, stored: bool },
    /// A redirect to another host.
    Redirect,
    /// Somebody stores these bytes first.
    Overtaken(Vec<u8>),
}

#[derive(Default)]
pub(super) struct State {
    /// By name and version: the bytes, and the metadata they were uploaded with.
    pub(super) stored: BTreeMap<(String, String), (Vec<u8>, Value)>,
    pub(super) status: Option<PackageVersionStatus>,
    pub(super) faults: VecDeque<Fault>,
    /// Method and path of each request.
    pub(super) requests: Vec<String>,
    /// The authorization headers seen.
    pub(super) tokens: Vec<String>,
    /// Index requests that do not show anything yet.
    pub(super) hidden: usize,
}

pub(super) struct TestRegistry {
    origin: String,
    state: Arc<Mutex<State>>,
}

impl TestRegistry {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // Ends with the process: a test's process is short.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { origin, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn id() -> RepositoryId {
        let name = |text: &str| text.parse().unwrap();
        RepositoryId { domain: "my-org".parse().unwrap(), owner: None, repository: name("my-team-repo") }
    }

    pub(super) fn trust(&self) -> Trust {
        Trust { service_override: Some(ServiceOverride::parse(self.origin.as_bytes()).unwrap()) }
    }

    pub(super) fn url(&self) -> String {
        format!("{}/d/my-org-111122223333/cargo/my-team-repo/", self.origin)
    }

    /// Uploads so far: those that arrived.
    pub(super) fn uploads(&self) -> usize {
        self.state().requests.iter().filter(|request| request.starts_with("PUT ")).count()
    }
}

impl Authorize for TestRegistry {
    fn token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        assert_eq!(endpoint.base_url(), self.url());
        let now = SystemTime::UNIX_EPOCH;
        Ok(AuthorizationToken::new(TOKEN.to_owned().into(), now, now + Duration::from_hours(1)))
    }

    fn new_token_for(&self, endpoint: &Endpoint) -> Result<AuthorizationToken, AuthorizeError> {
        self.token_for(endpoint)
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut state = state.lock().unwrap();
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    state.requests.push(request.clone());
    state.tokens.push(token.clone());
    let Some((status, text)) = answer(&mut state, &request, &token, &body) else { return };
    let extra = if status == 307 { "Location: http://elsewhere.invalid/\r\n" } else { "" };
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n{extra}Content-Length: {}\r\n\r\n", text.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
}

/// Status and body; none cuts the connection.
fn answer(state: &mut State, request: &str, token: &str, body: &[u8]) -> Option<(u16, String)> {
    if token != TOKEN {
        return Some((401, json!({ "errors": [{ "detail": "who are you\u{1b}[31m" }] }).to_string()));
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    if request.starts_with("GET ") {
        if state.hidden > 0 {
            state.hidden -= 1;
            return Some((404, String::new()));
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let lines: Vec<String> = state
            .stored
            .iter()
            .filter(|((stored, _), _)| stored == name)
            .map(|((_, version), (bytes, _))| json!({ "vers": version, "cksum": sha256(bytes) }).to_string())
            .collect();
        return Some(if lines.is_empty() { (404, String::new()) } else { (200, lines.join("\n")) });
    }
    assert!(path.ends_with("/cargo/my-team-repo/api/v1/crates/new"), "{path}");
    let (metadata, bytes) = unframed(body);
    let text = |key: &str| metadata[key].as_str().unwrap().to_owned();
    let key = (text("name"), text("vers"));
    match state.faults.pop_front() {
        Some(Fault::Cut { stored }) => {
            if stored {
                state.stored.insert(key, (bytes, metadata));
            }
            return None;
        }
        Some(Fault::Status { status, stored }) => {
            if stored {
                state.stored.insert(key, (bytes, metadata));
            }
            return Some((status, json!({ "errors": [{ "detail": "as told" }] }).to_string()));
        }
        Some(Fault::Redirect) => return Some((307, String::new())),
        Some(Fault::Overtaken(theirs)) => drop(state.stored.insert(key.clone(), (theirs, Value::Null))),
        None => {}
    }
    if state.stored.contains_key(&key) {
        return Some((409, json!({ "errors": [{ "detail": "it is there" }] }).to_string()));
    }
    state.stored.insert(key, (bytes, metadata));
    Some((200, json!({ "warnings": {} }).to_string()))
}

/// Metadata and crate of an upload, by the lengths before each.
fn unframed(body: &[u8]) -> (Value, Vec<u8>) {
    let length = |at: usize| usize::try_from(u32::from_le_bytes(body[at..at + 4].try_into().unwrap())).unwrap();
    let json = length(0);
    let file = length(4 + json);
    assert_eq!(body.len(), 8 + json + file);
    (serde_json::from_slice(&body[4..4 + json]).unwrap(), body[8 + json..].to_vec())
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

impl ControlPlane for TestRegistry {
    fn get_repository_endpoint(&self, _: &RepositoryId, format: PackageFormat) -> Result<String, ControlPlaneError> {
        assert_eq!(format, PackageFormat::Cargo);
        Ok(self.url())
    }

    fn describe_package_version(
        &self,
        _: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Option<PackageVersion>, ControlPlaneError> {
        let state = self.state();
        let stored = state.stored.contains_key(&(package.name.clone(), version.to_owned()));
        let status = state.status.unwrap_or(PackageVersionStatus::Published);
        let described = PackageVersion { version: version.to_owned(), revision: "r".into(), status, published: None };
        Ok(stored.then_some(described))
    }

    fn list_package_version_assets(
        &self,
        _: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Vec<Asset>, ControlPlaneError> {
        let state = self.state();
        let (bytes, _) = &state.stored[&(package.name.clone(), version.to_owned())];
        let name = format!("{}-{version}.crate", package.name);
        Ok(vec![Asset { name, size: bytes.len() as u64, sha256: sha256(bytes) }])
    }

    fn get_package_version_asset(
        &self,
        _: &RepositoryId,
        package: &PackageId,
        version: &str,
        _: &str,
        into: &mut dyn Write,
    ) -> Result<u64, ControlPlaneError> {
        let state = self.state();
        let (bytes, _) = &state.stored[&(package.name.clone(), version.to_owned())];
        into.write_all(bytes).unwrap();
        Ok(bytes.len() as u64)
    }

    fn get_authorization_token(
        &self,
        _: &DomainName,
        _: Option<&AccountId>,
        _: Option<u32>,
    ) -> Result<IssuedToken, ControlPlaneError> {
        Err(not_asked("GetAuthorizationToken"))
    }
    fn create_domain(&self, _: &DomainName) -> Result<Domain, ControlPlaneError> {
        Err(not_asked("CreateDomain"))
    }
    fn describe_domain(&self, _: &DomainName, _: Option<&AccountId>) -> Result<Domain, ControlPlaneError> {
        Err(not_asked("DescribeDomain"))
    }
    fn create_repository(
        &self,
        _: &RepositoryId,
        _: &str,
        _: &[RepositoryName],
    ) -> Result<Repository, ControlPlaneError> {
        Err(not_asked("CreateRepository"))
    }
    fn describe_repository(&self, _: &RepositoryId) -> Result<Repository, ControlPlaneError> {
        Err(not_asked("DescribeRepository"))
    }
    fn list_package_versions(
        &self,
        _: &RepositoryId,
        _: &PackageId,
    ) -> Result<Vec<PackageVersionSummary>, ControlPlaneError> {
        Err(not_asked("ListPackageVersions"))
    }
    fn copy_package_versions(&self, _: &CopyRequest<'_>) -> Result<CopyOutcome, ControlPlaneError> {
        Err(not_asked("CopyPackageVersions"))
    }
}

fn not_asked(operation: &'static str) -> ControlPlaneError {
    ControlPlaneError {
        operation,
        kind: FailureKind::Denied,
        resource: String::new(),
        status: None,
        request_id: None,
        message: "publishing does not ask for this".into(),
        source: None,
    }
}
