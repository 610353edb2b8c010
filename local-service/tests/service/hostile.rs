//! Names that would leave the folder, hide in it, collide in it or break an answer, wherever a name can be given: in
//! every format and on both planes.

use codeartifact::Host;
use local_service::{Clock, Options};
use serde_json::json;

use crate::{
    child::{self, size},
    client::{Connection, Service, request, sha256, signed},
    damage::chance,
    formats::{Ask, Format, Release, npm_document},
};

/// What attackers, other systems and accidents call things.
const NAMES: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "../x",
    "../../x",
    "..\\x",
    "/x",
    "/etc/passwd",
    "//x",
    "a/b",
    "a//b",
    "a/../b",
    "./a",
    "a/.",
    "a/..",
    "~",
    "~root",
    "c:",
    "c:x",
    "c:\\x",
    "\\\\host\\share",
    "\\\\?\\c:\\x",
    "file:x",
    "con",
    "CON",
    "nul",
    "NUL.txt",
    "aux",
    "prn",
    "com1",
    "LPT9",
    "conin$",
    "a.",
    "a..",
    "a ",
    " a",
    "a\t",
    "a\n",
    "a\r\n",
    "\r\nX: y",
    "a\0b",
    "\0",
    "a\u{7f}",
    "\u{1b}[31m",
    "%2e%2e",
    "%2e%2e%2fx",
    "..%2fx",
    "..%5cx",
    "%252e%252e%252fx",
    "%00",
    "%0a",
    "%ff",
    "%c0%ae%c0%ae",
    "%",
    "%%",
    "%2",
    "%zz",
    "%u002e",
    "-rf",
    "--help",
    "$(x)",
    "`x`",
    "${x}",
    "a;b",
    "a|b",
    "a&b",
    "a>b",
    "a<b",
    "*",
    "?",
    "a*",
    "[a]",
    "{a}",
    "\"",
    "'",
    "''",
    "\"\"",
    "a\"b",
    "a'b",
    "<script>",
    "</a>",
    "]]>",
    "<!--",
    "&amp;",
    "&#x2e;",
    "a=b",
    "a,b",
    "a+b",
    "a@b",
    "@",
    "@a",
    "@a/b",
    "@../a",
    "@a/..",
    "@a/b/c",
    "a:b",
    "a#b",
    "a?b",
    "a b",
    ".a",
    ".git",
    ".htaccess",
    "_a",
    "-a",
    "a-",
    "a--b",
    "a_-b",
    "é",
    "e\u{301}",
    "ﬁ",
    "ＡＢＣ",
    "．．",
    "／",
    "∕",
    "\u{2024}",
    "\u{202e}gpj",
    "\u{200b}",
    "\u{200f}a",
    "\u{feff}a",
    "a\u{ad}b",
    "\u{2028}",
    "\u{85}",
    "K",
    "İ",
    "ı",
    "ß",
    "ẞ",
    "𝐚",
    "💥",
    "\u{10ffff}",
    "аcme",
    "Ａ",
    "staging",
    "assets",
    "lock",
    "service.redb",
    "service.redb.new",
    "token.key",
    "tls",
    "events.jsonl",
    "node_modules",
    "favicon.ico",
    "package.json",
    "constructor",
    "__proto__",
    "prototype",
    "toString",
    "hasOwnProperty",
    "null",
    "true",
    "undefined",
    "NaN",
    "0",
    "-1",
    "1e999",
    "99999999999999999999999999",
    "0x10",
    "1.0.0",
    "v1",
    "1.0.0-",
    "1.0.0+",
    "01.0.0",
    "1.0.0-x+y",
    "1.0.0.0",
    "1..0",
    "latest",
    "*.*",
    "-",
    "--",
    "simple",
    "index.html",
    "index.json",
    "maven-metadata.xml",
    "a.zip",
    "a.json",
    "a.tgz",
    "a.gem",
    "a.sha1",
    "a.sigstore",
    "-rev",
    "versions",
    "download",
    "package.tgz",
];

/// Those, and what chance makes of them, each once; the long ones last.
fn names() -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut seed = 11;
    while names.len() < 520 {
        let mut name: Vec<char> = NAMES[chance(&mut seed) % NAMES.len()].chars().collect();
        for _ in 0..=chance(&mut seed) % 3 {
            let other: Vec<char> = NAMES[chance(&mut seed) % NAMES.len()].chars().collect();
            let at = chance(&mut seed) % (name.len() + 1);
            match chance(&mut seed) % 4 {
                0 => drop(name.splice(at..at, other)),
                1 => name.extend(other),
                2 => name.truncate(at),
                _ => name.insert(at, char::from(u8::try_from(chance(&mut seed) % 128).unwrap())),
            }
        }
        let name: String = name.into_iter().collect();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for (piece, count) in
        [("a", 255), ("a", 256), ("a", 10_000), ("../", 3_000), ("é", 5_000), ("%2f", 3_000), ("a.", 128)]
    {
        names.push(piece.repeat(count));
    }
    names
}

/// The name as a part of a path or a query: every byte that means something is escaped.
fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// As it stands, where a request line can hold it: then its own escapes are the ones that count.
fn plain(name: &str) -> String {
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        name.to_owned()
    } else {
        escaped(name)
    }
}

const NAME: &str = "standinname";
const VERSION: &str = "9.9.9";

/// What publishes a version in a format: these in the body as they are, these in the target.
fn publication(format: Format, (name, version): (&str, &str), (name_path, version_path): (&str, &str)) -> Vec<Ask> {
    match format {
        // What they are called stands in the package or in the form.
        Format::Cargo | Format::Pypi | Format::Nuget | Format::Ruby => {
            Release::new(format, "team", name, version).publication()
        }
        Format::Npm | Format::Maven | Format::Swift | Format::Generic => {
            let mut asks = Release::new(format, "team", NAME, VERSION).publication();
            for ask in &mut asks {
                ask.target = ask.target.replace(NAME, name_path).replace(VERSION, version_path);
            }
            if format == Format::Npm {
                asks[0].body = npm_document(name, version, b"content").to_string().into_bytes();
            }
            asks
        }
    }
}

/// All the places of a name, as requests.
fn places(name: &str) -> Vec<Ask> {
    let (escaped, plain) = (escaped(name), plain(name));
    let mut asks = Vec::new();
    for format in Format::ALL {
        for path in [&escaped, &plain] {
            asks.extend(publication(format, (name, "1.0.0"), (path, "1.0.0")));
            asks.extend(publication(format, ("demo", name), ("demo", path)));
            let release = Release::new(format, "team", NAME, VERSION);
            let reading = release.reading().swap_remove(0).0.target;
            asks.push(Ask::get(reading.replace(NAME, path)));
            asks.push(Ask::get(reading.replace(VERSION, path)));
            asks.push(Ask::get(release.list().target.replace(NAME, path)));
            let base = format!("/d/acme-111122223333/{}", format.name());
            asks.push(Ask::get(format!("{base}/team/{path}")));
            asks.push(Ask::get(format!("{base}/{path}/x")));
            asks.push(Ask { method: "PUT", body: b"x".to_vec(), ..Ask::get(format!("{base}/team/{path}")) });
        }
    }
    for path in [&escaped, &plain] {
        for parameter in ["namespace", "package", "version", "asset"] {
            let value = |of: &str| if of == parameter { path.as_str() } else { "plain" };
            let target = format!(
                "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace={}&package={}\
                 &version={}&asset={}",
                value("namespace"),
                value("package"),
                value("version"),
                value("asset"),
            );
            let headers = vec![("x-amz-content-sha256", sha256(b"hostile"))];
            asks.push(Ask { method: "POST", headers, body: b"hostile".to_vec(), ..Ask::get(target) });
        }
        let group = json!({ "packageGroup": format!("/npm/{name}") }).to_string().into_bytes();
        for (method, target, body) in [
            ("POST", format!("/v1/domain?domain={path}"), Vec::new()),
            ("POST", format!("/v1/repository?domain=acme&repository={path}"), Vec::new()),
            ("POST", format!("/v1/packages?domain=acme&repository=team&package-prefix={path}"), Vec::new()),
            ("GET", format!("/v1/package?domain=acme&repository=team&format={path}&package={path}"), Vec::new()),
            (
                "GET",
                format!("/v1/package/version?domain=acme&repository=team&format=npm&package=a&version={path}"),
                vec![],
            ),
            ("POST", "/v1/package-group?domain=acme".to_owned(), group),
            ("GET", format!("/d/{path}-111122223333/cargo/team/config.json"), Vec::new()),
            ("GET", format!("/{path}"), Vec::new()),
            ("GET", format!("/_local/{path}"), Vec::new()),
        ] {
            asks.push(Ask { method, body, ..Ask::get(target) });
        }
    }
    asks
}

#[test]
fn no_name_reaches_a_path_and_none_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::of(Options::durable(&data, Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    let names = names();
    assert!(names.len() >= 500);
    let (mut asked, mut accepted) = (0, 0);
    for (number, name) in names.iter().enumerate() {
        let asks = places(name);
        // At the small size each name is tried at some of the places, so that each place has many names.
        let step = size(19, 1);
        for ask in asks.iter().skip(number % step).step_by(step) {
            let mut connection = Connection::open(service.address).unwrap();
            connection.send(&ask.bytes(service.address, &token)).unwrap();
            let answer = connection.receive(ask.method == "HEAD");
            let answer = answer.unwrap_or_else(|error| panic!("{name:?} {} {}: {error}", ask.method, ask.target));
            let status = answer.status;
            let expected = matches!(status, 200..=204 | 301 | 303 | 400..=431);
            assert!(expected, "{name:?} {} {}: {status}", ask.method, ask.target);
            // Nobody is led away.
            if let Some(location) = answer.header("location") {
                let here = format!("http://{}/d/acme-111122223333/", service.address);
                let relative = location.starts_with("/d/acme-111122223333/");
                assert!(relative || location.starts_with(&here), "{name:?} {}: {location}", ask.target);
            }
            asked += 1;
            accepted += usize::from(status < 300);
        }
    }
    assert!(asked > 4_000 && accepted > 50, "{asked} asked, {accepted} accepted");
    service.local.stop();

    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside the folder");
    let entries = std::fs::read_dir(&data).unwrap();
    let mut top: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    top.sort();
    assert_eq!(top, ["assets", "audit.jsonl", "lock", "service.redb", "staging", "token.key"]);
    for file in child::files(&data.join("assets")) {
        let path = file.strip_prefix(&data).unwrap();
        let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let ["assets", domain, fan, digest] = parts[..] else { panic!("{}", path.display()) };
        assert!(domain.len() == 32 && domain.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", path.display());
        assert_eq!((fan, digest), (&digest[..2], sha256(&std::fs::read(&file).unwrap()).as_str()));
    }
    // All of it can be read again.
    drop(Service::of(Options::durable(&data, Clock::of(Host::of_process()))));
}

/// An escape is undone once: what looks like one then is a name.
#[test]
fn escapes_are_undone_once() {
    let service = Service::furnished();
    let headers = [("Authorization", signed("eu-west-1")), ("x-amz-content-sha256", sha256(b"x"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for (sent, name) in [("a%252fb", "a%2fb"), ("%252e%252e", "%2e%2e"), ("a%2500", "a%00")] {
        let target = format!(
            "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace=n&package={sent}\
             &version=1&asset=x"
        );
        let mut connection = Connection::open(service.address).unwrap();
        connection.send(&request(service.address, "POST", &target, &headers, b"x")).unwrap();
        let answer = connection.receive(false).unwrap();
        assert_eq!((answer.status, answer.json()["package"].as_str()), (200, Some(name)), "{}", answer.text());
        let read = format!("/d/acme-111122223333/generic/team/n/{sent}/1/x");
        let authorization = format!("Bearer {}", service.token());
        assert_eq!(service.send("GET", &read, &[("Authorization", &authorization)], b"").body, b"x", "{sent}");
    }
}
