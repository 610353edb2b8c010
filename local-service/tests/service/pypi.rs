//! The PyPI data plane.

use std::{collections::BTreeMap, io::Write as _};

use local_service::{Connection, Options, SourceAddress};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    client::{Answer, Service, fixed_clock, sha256},
    source::Source,
};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const PIP: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
const BOUNDARY: &str = "----a-boundary";

/// A wheel with metadata, and with something in it.
fn wheel(name: &str, version: &str, metadata: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let header = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}");
    for (path, bytes) in [
        (format!("{name}/__init__.py"), content),
        // A vendored distribution does not speak for this one.
        ("vendored/other-1.0.dist-info/METADATA".to_owned(), &b"Name: other\nVersion: 1.0\n"[..]),
        (format!("{name}-{version}.dist-info/METADATA"), header.as_bytes()),
    ] {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An sdist whose `PKG-INFO` has this.
fn sdist(folder: &str, metadata: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, bytes) in
        [(format!("{folder}/a/PKG-INFO"), &b"Name: nested\n"[..]), (format!("{folder}/PKG-INFO"), metadata)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn form(fields: &[(&str, &str)], file: &str, content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{file}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// A data-plane request with a token.
fn ask(service: &Service, method: &str, repository: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let authorization = format!("Bearer {}", service.token());
    let headers = [&[("Authorization", authorization.as_str())], headers].concat();
    service.send(method, &format!("/d/acme-111122223333/pypi/{repository}{path}"), &headers, body)
}

fn get(service: &Service, repository: &str, path: &str) -> Answer {
    ask(service, "GET", repository, path, &[], b"")
}

fn upload(service: &Service, repository: &str, fields: &[(&str, &str)], file: &str, content: &[u8]) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    ask(service, "POST", repository, "/", &[("Content-Type", &content_type)], &form(fields, file, content))
}

/// Uploads as a client does: with the digest.
fn publish(service: &Service, repository: &str, name: &str, version: &str, file: &str, content: &[u8]) -> Answer {
    let digest = sha256(content);
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", name),
        ("version", version),
        ("sha256_digest", digest.as_str()),
    ];
    upload(service, repository, &fields, file, content)
}

/// The files on the JSON page, by name.
fn files(service: &Service, repository: &str, project: &str) -> BTreeMap<String, Value> {
    let page = ask(service, "GET", repository, &format!("/simple/{project}/"), &[("Accept", PIP)], b"");
    if page.status == 404 {
        return BTreeMap::new();
    }
    assert_eq!((page.status, page.header("content-type")), (200, Some(JSON)), "{}", page.text());
    let listed = page.json()["files"].as_array().unwrap().clone();
    listed.into_iter().map(|file| (file["filename"].as_str().unwrap().to_owned(), file)).collect()
}

#[test]
fn a_wheel_and_an_sdist_make_one_version() {
    let service = Service::furnished();
    let metadata = "Summary: A demo\nLicense-Expression: MIT\nRequires-Python: >=3.8,<4\nRequires-Dist: six>=1; extra == 'x'\n\
                    Project-URL: Homepage, https://a.example/\n\n# Demo\n";
    let whl = wheel("demo_pkg", "1.0.0", metadata, b"1");
    let tgz = sdist("demo_pkg-1.0.0", b"Name: demo_pkg\nVersion: 1.0.0\nSummary: Another\nRequires-Python: >=3.8,<4\n");
    // As twine spells the name, and as uv does; with the slash and without.
    let published = publish(&service, "team", "demo-pkg", "1.0.0", "demo_pkg-1.0.0-py3-none-any.whl", &whl);
    assert_eq!(published.status, 200, "{}", published.text());
    let published = publish(&service, "team", "Demo_Pkg", "1.0.0", "demo_pkg-1.0.0.tar.gz", &tgz);
    assert_eq!(published.status, 200, "{}", published.text());
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let fields = [(":action", "file_upload"), ("name", "demo.pkg"), ("version", "1.0.0")];
    let body = form(&fields, "demo_pkg-1.0.0.tar.gz", &tgz);
    let again = ask(&service, "POST", "team", "", &[("Content-Type", &content_type)], &body);
    assert_eq!(again.status, 200, "{}", again.text());

    let listed = files(&service, "team", "Demo.Pkg");
    assert_eq!(listed.len(), 2, "{listed:?}");
    let file = &listed["demo_pkg-1.0.0-py3-none-any.whl"];
    assert_eq!(file["url"], "1.0.0/demo_pkg-1.0.0-py3-none-any.whl");
    assert_eq!(file["hashes"]["sha256"], sha256(&whl).as_str());
    assert_eq!(file["requires-python"], ">=3.8,<4");
    assert_eq!((&file["size"], &file["yanked"]), (&json!(whl.len()), &json!(false)));
    assert!(file["upload-time"].as_str().unwrap().ends_with('Z'), "{file}");
    let path = "/simple/demo-pkg/1.0.0/demo_pkg-1.0.0-py3-none-any.whl";
    let read = get(&service, "team", &format!("{path}.metadata"));
    assert_eq!((read.status, file["core-metadata"]["sha256"].as_str()), (200, Some(sha256(&read.body).as_str())));
    assert!(read.text().contains("Requires-Dist: six>=1"));
    assert_eq!(file.get("dist-info-metadata"), None, "pip before 23.2 cannot read it");
    let file = &listed["demo_pkg-1.0.0.tar.gz"];
    assert_eq!((file["requires-python"].as_str(), file.get("core-metadata")), (Some(">=3.8,<4"), None));

    let query = "domain=acme&repository=team&format=pypi&package=demo-pkg&version=1.0.0";
    let described = service.ok("GET", &format!("/v1/package/version?{query}"), None)["packageVersion"].clone();
    assert_eq!((&described["summary"], &described["licenses"][0]["name"]), (&json!("A demo"), &json!("MIT")));
    assert_eq!((&described["homePage"], &described["packageName"]), (&json!("https://a.example/"), &json!("demo-pkg")));
    let readme = service.ok("GET", &format!("/v1/package/version/readme?{query}"), None);
    assert_eq!(readme["readme"], "# Demo\n");
    let dependencies = service.ok("POST", &format!("/v1/package/version/dependencies?{query}"), None);
    assert_eq!(
        dependencies["dependencies"],
        json!([{ "package": "six", "dependencyType": "Requires-Dist", "versionRequirement": ">=1; extra == 'x'" }])
    );
    let assets = service.ok("POST", &format!("/v1/package/version/assets?{query}"), None);
    assert_eq!(assets["assets"].as_array().unwrap().len(), 2);
}

#[test]
fn the_page_comes_in_the_form_that_is_wanted() {
    let service = Service::furnished();
    let whl = wheel("demo", "1.0+local.1", "Requires-Python: >=3.8,<4\n", b"1");
    let file = "demo-1.0+local.1-py3-none-any.whl";
    assert_eq!(publish(&service, "team", "demo", "1.0+local.1", file, &whl).status, 200);
    let page = |accept: &[(&str, &str)]| ask(&service, "GET", "team", "/simple/demo/", accept, b"");
    for (accept, content_type) in [
        (JSON, JSON),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html"),
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (PIP, JSON),
    ] {
        let answer = page(&[("Accept", accept)]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{accept}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
    }
    for accept in ["application/json", "text/plain", "text/html;q=0"] {
        assert_eq!(page(&[("Accept", accept)]).status, 406, "{accept}");
    }
    let html = page(&[]);
    assert!(html.text().contains("data-requires-python=\"&gt;=3.8,&lt;4\""), "{}", html.text());
    let anchor = format!("href=\"1.0%2Blocal.1/demo-1.0%2Blocal.1-py3-none-any.whl#sha256={}\"", sha256(&whl));
    assert!(html.text().contains(&anchor), "{}", html.text());
    let etag = html.header("etag").unwrap();
    assert_eq!(page(&[("If-None-Match", etag)]).status, 304);
    assert_eq!(page(&[("If-None-Match", etag), ("Accept", JSON)]).status, 200, "another form is another entity");
    let head = ask(&service, "HEAD", "team", "/simple/demo/", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, html.header("content-length")));

    let moved = get(&service, "team", "/simple/Demo");
    let location = format!("http://{}/d/acme-111122223333/pypi/team/simple/demo/", service.address);
    assert_eq!((moved.status, moved.header("location")), (301, Some(location.as_str())));
    for path in
        ["/", "/simple/", "/simple/none/", "/pypi/demo/json", "/simple/-demo/", "/simple/a%2Fb/", "/simple/demo/1.0/x"]
    {
        let answer = get(&service, "team", path);
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        assert!(answer.json()["message"].is_string());
    }
}

#[test]
fn files_are_served_whole_and_in_parts() {
    let service = Service::furnished();
    let whl = wheel("demo", "1.0", "", &b"content".repeat(1000));
    assert_eq!(publish(&service, "shared", "demo", "1.0", "demo-1.0-py3-none-any.whl", &whl).status, 200);
    // Through the repository that has it upstream: a HEAD keeps nothing, a GET does.
    let path = "/simple/demo/1.0/demo-1.0-py3-none-any.whl";
    let versions =
        || service.call("POST", "/v1/package/versions?domain=acme&repository=app&format=pypi&package=demo", None);
    let head = ask(&service, "HEAD", "app", path, &[], b"");
    assert_eq!((head.status, head.header("accept-ranges")), (200, Some("bytes")));
    assert_eq!(head.header("content-length"), Some(whl.len().to_string().as_str()));
    assert_eq!(versions().status, 404);
    assert_eq!(get(&service, "app", path).body, whl);
    assert_eq!(versions().json()["versions"][0]["version"], "1.0");
    let end = ask(&service, "GET", "app", path, &[("Range", "bytes=-22")], b"");
    assert_eq!((end.status, &end.body[..]), (206, &whl[whl.len() - 22..]));
    assert_eq!(get(&service, "app", "/simple/demo/2.0/demo-1.0-py3-none-any.whl").status, 404);
    assert_eq!(get(&service, "app", "/simple/demo/1.0/demo-1.0.tar.gz").status, 404);
    assert_eq!(get(&service, "app", "/simple/demo/1.0/demo-1.0.tar.gz.metadata").status, 404);

    // Unlisted: not on the page, and still served; archived: neither.
    let set = |status: &str| {
        let body = json!({ "versions": ["1.0"], "targetStatus": status });
        let query = "domain=acme&repository=app&format=pypi&package=demo";
        service.ok("POST", &format!("/v1/package/versions/update_status?{query}"), Some(&body));
    };
    set("Unlisted");
    assert_eq!((get(&service, "app", "/simple/demo/").status, get(&service, "app", path).status), (404, 200));
    set("Archived");
    assert_eq!((get(&service, "app", "/simple/demo/").status, get(&service, "app", path).status), (404, 404));
    assert_eq!(get(&service, "app", &format!("{path}.metadata")).status, 404);
    assert_eq!(get(&service, "shared", path).status, 200);
}

/// The fields of an upload of `demo` 2.0, with these in place of some.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [(":action", "file_upload"), ("name", "demo"), ("version", "2.0")];
    let kept = base.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    kept.chain(more.iter().copied()).collect()
}

#[test]
fn other_bytes_are_a_conflict_and_wrong_uploads_are_refused() {
    let service = Service::furnished();
    let whl = wheel("demo", "1.0", "", b"1");
    let file = "demo-1.0-py3-none-any.whl";
    assert_eq!(publish(&service, "shared", "demo", "1.0", file, &whl).status, 200);
    let other = publish(&service, "shared", "demo", "1.0", file, &wheel("demo", "1.0", "", b"2"));
    assert_eq!(other.status, 409, "{}", other.text());
    assert!(other.json()["message"].as_str().unwrap().contains(file));
    let upstream = publish(&service, "app", "demo", "1.0", file, &whl);
    assert_eq!(upstream.status, 409, "{}", upstream.text());
    assert!(upstream.text().contains("shared"));

    let (sha, md5) = (sha256(b"x"), "0".repeat(32));
    let tgz = "demo-2.0.tar.gz";
    for (fields, file, named) in [
        (with(&[("sha256_digest", &sha)]), tgz, "SHA-256"),
        (with(&[("md5_digest", &md5)]), tgz, "MD5"),
        (with(&[("blake2_256_digest", &sha)]), tgz, "BLAKE2"),
        (with(&[("sha256_digest", "xyz")]), tgz, "sha256_digest"),
        (with(&[(":action", "submit")]), tgz, ":action"),
        (with(&[("filetype", "bdist_wheel")]), tgz, "filetype"),
        (with(&[("name", "../demo")]), tgz, "name"),
        (with(&[("name", "other")]), tgz, "demo-2.0.tar.gz"),
        (with(&[("version", "2.1")]), tgz, "2.1"),
        (with(&[("version", "nonsense")]), tgz, "PEP 440"),
        (with(&[]), "../demo-2.0.tar.gz", "wheel"),
        (with(&[]), "demo-2.0.exe", "wheel"),
        (with(&[]), "demo-2.0.tar.bz2", "wheel"),
        (with(&[]), "", "wheel"),
    ] {
        let refused = upload(&service, "team", &fields, file, b"content");
        assert_eq!(refused.status, 400, "{fields:?} {file}: {}", refused.text());
        assert!(refused.text().contains(named), "{named}: {}", refused.text());
    }
    // A distribution that says it is another, and one with endless metadata.
    let lying = wheel("demo", "2.0", "", b"").clone();
    assert_eq!(upload(&service, "team", &with(&[]), "demo-2.0-py3-none-any.whl", &lying).status, 200);
    let lying = sdist("demo-2.0", b"Name: other\nVersion: 2.0\n");
    assert_eq!(upload(&service, "team", &with(&[]), tgz, &lying).status, 400);
    let bomb = sdist("demo-2.0", &vec![b' '; 5 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(upload(&service, "team", &with(&[]), tgz, &bomb).status, 400);
    let bomb = wheel("demo", "3.0", &" ".repeat(5 << 20), b"");
    let fields = with(&[("version", "3.0")]);
    assert_eq!(upload(&service, "team", &fields, "demo-3.0-py3-none-any.whl", &bomb).status, 400);
    // What is no archive is kept as it is, with what the form says.
    let fields = with(&[("summary", "Of the form"), ("requires_python", ">=3")]);
    assert_eq!(upload(&service, "team", &fields, tgz, b"no archive").status, 200);
    assert_eq!(files(&service, "team", "demo")[tgz]["requires-python"], ">=3");

    // No form, a form that is cut, one without a file, one with two.
    let post = |content_type: &str, body: &[u8]| {
        ask(&service, "POST", "team", "/", &[("Content-Type", content_type)], body).status
    };
    let multipart = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = form(&with(&[]), tgz, b"x");
    assert_eq!(post("application/json", b"{}"), 400);
    assert_eq!(post("multipart/form-data", &whole), 400);
    assert_eq!(post(&multipart, &whole[..whole.len() - 20]), 400);
    assert_eq!(post(&multipart, b""), 400);
    assert_eq!(post(&multipart, format!("--{BOUNDARY}--\r\n").as_bytes()), 400);
    let end = format!("--{BOUNDARY}--\r\n");
    let twice = [&whole[..whole.len() - end.len()], &whole].concat();
    assert_eq!(post(&multipart, &twice), 400);
    assert_eq!(files(&service, "team", "demo").len(), 2, "nothing of what was refused is there");
}

/// A service whose `store` is connected to the source; `middle` has `store` upstream and `team` has `middle`.
fn chain(source: &Source) -> Service {
    let address = SourceAddress::parse(&format!("{}simple", source.url())).unwrap();
    let service = Service::of(Options {
        external: BTreeMap::from([(Connection::Pypi, address)]),
        ..Options::ephemeral(fixed_clock())
    });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    let connect = "/v1/repository/external-connection?domain=acme&repository=store&external-connection=public:pypi";
    service.ok("POST", connect, None);
    for (name, upstream) in [("middle", "store"), ("team", "middle"), ("other", "store")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

const WHEEL: &str = "six-1.0-py3-none-any.whl";
const SDIST: &str = "six-1.0.tar.gz";

/// Puts `six` with a wheel and an sdist of 1.0, and an sdist of 2.0 that is yanked.
fn put_six(source: &Source, html: bool) -> (Vec<u8>, Vec<u8>) {
    let whl = wheel("six", "1.0", "Summary: Six\nRequires-Dist: seven\n\nRead me\n", b"1");
    let tgz = sdist("six-1.0", b"Name: six\nVersion: 1.0\n");
    source.put("/files/six-1.0-py3-none-any.whl", "application/octet-stream", whl.clone());
    source.put("/files/six-1.0.tar.gz", "application/octet-stream", tgz.clone());
    source.put("/files/six-2.0.tar.gz", "application/octet-stream", "two");
    let [first, second, third] = [sha256(&whl), sha256(&tgz), sha256(b"two")];
    if html {
        let page = format!(
            "<a href=\"../../files/{WHEEL}#sha256={first}\" data-requires-python=\"&gt;=3\">{WHEEL}</a>\
             <a href=\"/files/{SDIST}#sha256={second}\">{SDIST}</a>\
             <a href=\"/files/six-2.0.tar.gz#sha256={third}\" data-yanked=\"broken\">six-2.0.tar.gz</a>"
        );
        source.put("/simple/six/", "text/html", page);
    } else {
        let file = |name: &str, digest: &str, size: usize, yanked: Value| {
            json!({
                "filename": name, "url": format!("{}files/{name}", source.url()), "hashes": { "sha256": digest },
                "size": size, "upload-time": "2020-01-02T03:04:05.678900Z", "yanked": yanked, "requires-python": ">=3",
            })
        };
        let page = json!({ "meta": { "api-version": "1.1" }, "name": "six", "versions": ["1.0", "2.0"], "files": [
            file(WHEEL, &first, whl.len(), json!(false)),
            file(SDIST, &second, tgz.len(), json!(false)),
            file("six-2.0.tar.gz", &third, 3, json!("broken")),
        ]});
        source.put("/simple/six/", JSON, page.to_string());
    }
    (whl, tgz)
}

fn assets(service: &Service, repository: &str) -> Vec<Value> {
    let query = format!("domain=acme&repository={repository}&format=pypi&package=six&version=1.0");
    let answer = service.call("POST", &format!("/v1/package/version/assets?{query}"), None);
    if answer.status == 404 { Vec::new() } else { answer.json()["assets"].as_array().unwrap().clone() }
}

fn asset(service: &Service, repository: &str, file: &str) -> Answer {
    let query = format!("domain=acme&repository={repository}&format=pypi&package=six&version=1.0&asset={file}");
    service.call("GET", &format!("/v1/package/version/asset?{query}"), None)
}

#[test]
fn a_version_of_a_public_source_comes_file_by_file() {
    for html in [false, true] {
        let source = Source::start();
        let (whl, tgz) = put_six(&source, html);
        let service = chain(&source);
        let listed = files(&service, "team", "six");
        assert_eq!(listed.len(), 3, "{listed:?}");
        assert_eq!(listed["six-2.0.tar.gz"]["yanked"], "broken");
        assert_eq!(listed[WHEEL]["hashes"]["sha256"], sha256(&whl).as_str());
        assert_eq!(listed[WHEEL].get("core-metadata"), None, "nobody has read it yet");
        assert_eq!(listed[WHEEL]["requires-python"], ">=3");
        assert!(["store", "middle", "team"].iter().all(|repository| assets(&service, repository).is_empty()));

        if !html {
            let head = ask(&service, "HEAD", "team", &format!("/simple/six/1.0/{WHEEL}"), &[], b"");
            let length = whl.len().to_string();
            assert_eq!((head.status, head.header("content-length")), (200, Some(length.as_str())));
            assert_eq!(source.asked(&format!("/files/{WHEEL}")), 0, "the page says it all");
        }
        assert_eq!(get(&service, "team", &format!("/simple/six/1.0/{WHEEL}")).body, whl);
        for repository in ["store", "team"] {
            let there = assets(&service, repository);
            assert_eq!(there.len(), 2, "all files are listed: {there:?}");
            let awaited = there.iter().find(|asset| asset["name"] == SDIST).unwrap();
            assert_eq!(awaited["hashes"], json!({ "SHA-256": sha256(&tgz) }));
            assert_eq!(awaited["size"], if html { Value::Null } else { json!(tgz.len()) });
        }
        assert!(assets(&service, "middle").is_empty());
        let query = "domain=acme&repository=team&format=pypi&package=six&version=1.0";
        let described = service.ok("GET", &format!("/v1/package/version?{query}"), None)["packageVersion"].clone();
        assert_eq!(described["summary"], "Six");
        assert_eq!(described["origin"]["originType"], "EXTERNAL");
        assert_eq!(service.ok("GET", &format!("/v1/package/version/readme?{query}"), None)["readme"], "Read me\n");
        let metadata = &files(&service, "team", "six")[WHEEL]["core-metadata"];
        let served = get(&service, "team", &format!("/simple/six/1.0/{WHEEL}.metadata"));
        assert_eq!(metadata["sha256"], sha256(&served.body).as_str());

        // Another team has the record without the bytes: they come from the store, not from the source.
        assert_eq!(get(&service, "other", &format!("/simple/six/1.0/{WHEEL}")).body, whl);
        assert_eq!(source.asked(&format!("/files/{WHEEL}")), 1);
        // Through the control plane, too.
        let fetched = asset(&service, "other", SDIST);
        assert_eq!((fetched.status, &fetched.body), (200, &tgz));
        assert_eq!(source.asked(&format!("/files/{SDIST}")), 1);

        // The source goes away: what is stored somewhere in the chain is served, the rest is not there.
        source.stop();
        assert_eq!(asset(&service, "team", SDIST).body, tgz, "the store has it");
        assert_eq!(get(&service, "team", &format!("/simple/six/1.0/{SDIST}")).body, tgz);
        assert_eq!(get(&service, "team", "/simple/six/2.0/six-2.0.tar.gz").status, 404);
        assert_eq!(source.asked(&format!("/files/{SDIST}")), 1);
    }
}

#[test]
fn while_the_source_is_away_what_was_not_fetched_is_not_there() {
    let source = Source::start();
    let (whl, _) = put_six(&source, false);
    let service = chain(&source);
    assert_eq!(get(&service, "team", &format!("/simple/six/1.0/{WHEEL}")).body, whl);
    source.stop();
    // Pages are remembered for a while; a new service on the same state asks anew. Here another project shows it.
    assert_eq!(get(&service, "team", "/simple/seven/").status, 404);
    assert_eq!(get(&service, "team", &format!("/simple/six/1.0/{SDIST}")).status, 404);
    let refused = asset(&service, "team", SDIST);
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (404, Some("ResourceNotFoundException")));
    assert_eq!(get(&service, "team", &format!("/simple/six/1.0/{WHEEL}")).body, whl);
}

#[test]
fn what_a_public_source_has_cannot_be_published_beside_it() {
    let source = Source::start();
    put_six(&source, true);
    let service = chain(&source);
    let whl = wheel("six", "1.0", "", b"mine");
    let refused = publish(&service, "team", "six", "1.0", "six-1.0-py2-none-any.whl", &whl);
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("public:pypi"));
    let whl = wheel("six", "3.0", "", b"mine");
    assert_eq!(publish(&service, "team", "six", "3.0", "six-3.0-py3-none-any.whl", &whl).status, 200);
    // The first version that was published closed the package to upstreams.
    assert_eq!(files(&service, "team", "six").len(), 1);
    assert_eq!(files(&service, "store", "six").len(), 3);
}
