//! Large assets stream: in, out and through from a public source, the service's memory stays what it was.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    child::{Served, Serving, size},
    client::signed,
    formats::Format,
};

/// Bytes by which the memory may rise: pieces on their way, and what the allocator keeps.
const RISE: u64 = 10 << 20;
const PIECE: usize = 1 << 20;

fn mebibytes() -> usize {
    size(32, 1024)
}

/// Other bytes in every piece.
fn piece(number: usize) -> Vec<u8> {
    let seed = Sha256::digest(number.to_le_bytes());
    seed.iter().copied().cycle().take(PIECE).collect()
}

fn digest() -> String {
    let mut hasher = Sha256::new();
    (0..mebibytes()).for_each(|number| hasher.update(piece(number)));
    format!("{:x}", hasher.finalize())
}

/// Sends a request whose body comes piece by piece, and reads the answer's status and the digest of its body.
fn stream(
    served: &Served,
    head: &str,
    before: &[u8],
    pieces: usize,
    encode: impl Fn(Vec<u8>) -> Vec<u8>,
    after: &[u8],
) -> (u16, String) {
    let length = before.len() + pieces * encode(piece(0)).len() + after.len();
    let mut connection = TcpStream::connect(served.address).unwrap();
    let head = format!("{head}Host: {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n", served.address);
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(before).unwrap();
    (0..pieces).for_each(|number| connection.write_all(&encode(piece(number))).unwrap());
    connection.write_all(after).unwrap();
    let (mut buffer, mut head) = (vec![0; PIECE], Vec::new());
    let mut hasher = Sha256::new();
    let mut ended = false;
    loop {
        let count = connection.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        if ended {
            hasher.update(&buffer[..count]);
            continue;
        }
        head.extend_from_slice(&buffer[..count]);
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            hasher.update(&head[at + 4..]);
            ended = true;
        }
    }
    let status = String::from_utf8_lossy(&head[9..12]).parse().unwrap();
    (status, format!("{:x}", hasher.finalize()))
}

#[track_caller]
fn flat(what: &str, served: &Served, act: impl FnOnce()) {
    let ((), rise) = served.rise(act);
    report(&format!("{what}: {} MiB, and {} KiB more memory", mebibytes(), rise >> 10));
    assert!(rise < RISE, "{what}: {} KiB", rise >> 10);
}

#[expect(clippy::print_stderr, reason = "what was measured")]
fn report(text: &str) {
    eprintln!("{text}");
}

#[test]
fn memory_is_flat_while_a_large_asset_streams() {
    let folder = tempfile::tempdir().unwrap();
    let large = Large::start();
    let served = Serving { folder: Some(folder.path()), source: Some(&large.url), ..Serving::default() }.start();
    let token = served.furnish();
    let digest = digest();
    let get = |what: &str, target: &str, authorization: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nAuthorization: {authorization}\r\n");
        flat(what, &served, || {
            assert_eq!(stream(&served, &head, b"", 0, |piece| piece, b""), (200, digest.clone()), "{what}");
        });
    };
    let (signed, bearer) = (signed("eu-west-1"), format!("Bearer {token}"));

    // What is warm is no part of what a large asset costs.
    let release = crate::formats::Release::new(Format::Generic, "team", "warm", "1.0.0").with_ballast(4 << 20);
    assert_eq!(release.publish(served.address, &token).unwrap().status, 200);
    for (ask, bytes) in release.reading() {
        assert_eq!(ask.send(served.address, &token).unwrap().body, bytes);
    }

    let query = format!("{}&version=1.0.0&asset=large.bin", Format::Generic.query("team", "large"));
    let head = format!(
        "POST /v1/package/version/publish?{query} HTTP/1.1\r\nAuthorization: {signed}\r\nx-amz-content-sha256: {digest}\r\n"
    );
    flat("PublishPackageVersion", &served, || {
        assert_eq!(stream(&served, &head, b"", mebibytes(), |piece| piece, b"").0, 200);
    });
    get("GetPackageVersionAsset", &format!("/v1/package/version/asset?{query}"), &signed);

    // npm's in base64, within a document.
    let document = json!({
        "name": "large", "dist-tags": { "latest": "1.0.0" },
        "versions": { "1.0.0": { "name": "large", "version": "1.0.0", "dist": {} } },
        "_attachments": { "large-1.0.0.tgz": { "data": "@" } },
    });
    let document = document.to_string();
    let (before, after) = document.split_once('@').unwrap();
    let whole = PIECE / 3 * 3;
    let head = format!(
        "PUT /d/acme-111122223333/npm/team/large HTTP/1.1\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\n"
    );
    flat("npm publish", &served, || {
        let encode = |piece: Vec<u8>| STANDARD.encode(&piece[..whole]).into_bytes();
        assert_eq!(stream(&served, &head, before.as_bytes(), mebibytes(), encode, after.as_bytes()).0, 200);
    });

    // PyPI's in a form.
    let part =
        |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let before = format!(
        "{}{}{}--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"large-1.0.0.tar.gz\"\r\n\r\n",
        part(":action", "file_upload"),
        part("name", "large"),
        part("version", "1.0.0"),
    );
    let head = format!(
        "POST /d/acme-111122223333/pypi/team/ HTTP/1.1\r\nAuthorization: {bearer}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n"
    );
    flat("twine upload", &served, || {
        let answer = stream(&served, &head, before.as_bytes(), mebibytes(), |piece| piece, b"\r\n--b--\r\n");
        assert_eq!(answer.0, 200);
    });
    get("pip download", "/d/acme-111122223333/pypi/team/simple/large/1.0.0/large-1.0.0.tar.gz", &bearer);

    // Through from a public source, to the client and the store at once; then from the store.
    let target = "/d/acme-111122223333/cargo/app/api/v1/crates/large/1.0.0/download";
    get("an import", target, &bearer);
    get("what was imported", target, &bearer);
    served.end();
}

/// A public source with one large crate.
struct Large {
    url: String,
}

impl Large {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let config = json!({ "dl": format!("{url}cargo/dl"), "api": url }).to_string();
        let line = json!({
            "name": "large", "vers": "1.0.0", "deps": [], "features": {}, "yanked": false, "cksum": digest(),
        });
        let answers = Arc::new((config, line.to_string()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answers = Arc::clone(&answers);
                thread::spawn(move || drop(stream.and_then(|stream| answer(stream, &answers))));
            }
        });
        Self { url }
    }
}

fn answer(mut stream: TcpStream, (config, line): &(String, String)) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let path = request.split(' ').nth(1).unwrap_or_default();
    let text = match path {
        "/cargo/config.json" => config,
        "/cargo/la/rg/large" => line,
        "/cargo/dl/large/1.0.0/download" => {
            stream.write_all(head(mebibytes() * PIECE).as_bytes())?;
            return (0..mebibytes()).try_for_each(|number| stream.write_all(&piece(number)));
        }
        _ => return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    };
    stream.write_all(format!("{}{text}", head(text.len())).as_bytes())
}
