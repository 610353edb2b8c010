//! What a web page can make a browser send is not served.

use std::time::Duration;

use crate::client::{Connection, Service, fixed_clock, request, signed};
use local_service::{Limits, Options};

/// A request with these header lines and nothing else.
fn status(service: &Service, method: &str, target: &str, lines: &[String]) -> u16 {
    let mut connection = Connection::open(service.address).unwrap();
    let text = format!("{method} {target} HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
    connection.send(text.as_bytes()).unwrap();
    connection.receive(method == "HEAD").unwrap().status
}

#[test]
fn only_programs_that_mean_this_service_are_served() {
    let service = Service::furnished();
    let port = service.address.port();
    let good_hosts = [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        format!("LocalHost:{port}"),
    ];
    let bad_hosts = [
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.1:{port}"),
        format!("127.0.0.2:{port}"),
        format!("0.0.0.0:{port}"),
        format!("2130706433:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        format!("evil.example@127.0.0.1:{port}"),
        format!("127.0.0.1:0{port}"),
        format!("acme-111122223333.d.codeartifact.eu-west-1.amazonaws.com:{port}"),
    ];
    let own = format!("http://127.0.0.1:{port}");
    let good_origins = [None, Some("Sec-Fetch-Site: none"), Some("Sec-Fetch-Site: same-origin")];
    let own_origin = format!("Origin: {own}");
    let bad_origins = [
        "Origin: http://evil.example",
        &own_origin,
        "Origin: null",
        "Origin:",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: None",
        "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site",
    ];
    let authorization = format!("Authorization: {}", signed("eu-west-1"));
    let mut pairs = 0;
    let mut check = |host: &str, origin: Option<&str>, expected: &[u16]| {
        for (method, target) in [("GET", "/v1/domain?domain=acme"), ("GET", "/_local/counters")] {
            let mut lines = vec![format!("Host: {host}"), authorization.clone()];
            lines.extend(origin.map(str::to_owned));
            let status = status(&service, method, target, &lines);
            assert!(expected.contains(&status), "{host} {origin:?} {target}: {status}");
        }
        pairs += 1;
    };
    for host in &good_hosts {
        for origin in good_origins {
            check(host, origin, &[200]);
        }
        for origin in bad_origins {
            check(host, Some(origin), &[403]);
        }
    }
    for host in &bad_hosts {
        for origin in good_origins {
            check(host, origin, &[421, 400]);
        }
        for origin in bad_origins {
            check(host, Some(origin), &[421, 400]);
        }
    }
    assert!(pairs >= 40, "{pairs}");
}

#[test]
fn a_host_is_named_once_and_not_contradicted() {
    let service = Service::furnished();
    let host = format!("Host: {}", service.address);
    let evil = "Host: evil.example".to_owned();
    let authorization = format!("Authorization: {}", signed("eu-west-1"));
    let get = |target: &str, lines: &[&String]| {
        status(&service, "GET", target, &lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(get("/v1/domain?domain=acme", &[&host, &authorization]), 200);
    assert_eq!(get("/v1/domain?domain=acme", &[&authorization]), 421);
    assert_eq!(get("/v1/domain?domain=acme", &[&host, &evil, &authorization]), 421);
    assert_eq!(get("/v1/domain?domain=acme", &[&evil, &host, &authorization]), 421);
    let absolute = format!("http://evil.example:{}/v1/domain?domain=acme", service.address.port());
    assert_eq!(get(&absolute, &[&host, &authorization]), 421);
    let absolute = format!("http://{}/v1/domain?domain=acme", service.address);
    assert_eq!(get(&absolute, &[&host, &authorization]), 200);
}

#[test]
fn a_plain_form_post_changes_nothing() {
    let service = Service::ephemeral();
    let body = b"{\"tags\":[]}";
    for headers in
        [&[("Content-Type", "text/plain")][..], &[("Authorization", "Basic YTpi")], &[("Authorization", "x")]]
    {
        let answer = service.send("POST", "/v1/domain?domain=acme", headers, body);
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("x-amzn-errortype"), Some("AccessDeniedException"));
    }
    assert_eq!(service.refused("GET", "/v1/domain?domain=acme", None).0, 404);
}

#[test]
fn every_answer_says_its_length_and_forbids_sniffing() {
    let service = Service::furnished();
    let token = service.token();
    let target = "/d/acme-111122223333/cargo/team/";
    for (method, path, token) in [
        ("GET", "config.json", token.as_str()),
        ("GET", "config.json", "wrong"),
        ("GET", "no/such/path", &token),
        ("GET", "ab/cd/abcd", &token),
        ("POST", "config.json", &token),
        ("HEAD", "config.json", &token),
        ("OPTIONS", "config.json", &token),
    ] {
        let answer = service.send(method, &format!("{target}{path}"), &[("Authorization", token)], b"");
        assert!(answer.header("content-length").is_some(), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{method} {path}");
    }
}

#[test]
fn paths_that_climb_or_hide_are_refused() {
    let service = Service::furnished();
    let token = service.token();
    for path in ["../team/config.json", "%2e%2e/team/config.json", "a%00b", "%zz", "%c0%ae%c0%ae/x", "./config.json"] {
        let answer = service.cargo(&token, "GET", "team", path, b"");
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    for path in ["%252e%252e/team/config.json", "..%5cteam", "config.json/", "/config.json", "..%2fteam%2fconfig.json"]
    {
        let answer = service.cargo(&token, "GET", "team", path, b"");
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
}

#[test]
fn an_early_answer_leaves_the_connection_usable() {
    let service = Service::furnished();
    let mut connection = Connection::open(service.address).unwrap();
    let body = vec![b'x'; 3 << 20];
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
    connection.send(&request(service.address, "PUT", target, &[("Authorization", "wrong")], &body)).unwrap();
    let answer = connection.receive(false).unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"AWS CodeArtifact\""));
    connection.send(&request(service.address, "GET", "/_local/counters", &[], b"")).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 200);
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked_or_answered_at_once() {
    let service = Service::furnished();
    let token = service.token();
    let body = crate::client::publish_body("asked", "1.0.0", b"content");
    let head = |token: &str| {
        let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
        let mut bytes =
            request(service.address, "PUT", target, &[("Authorization", token), ("Expect", "100-continue")], b"");
        let text = String::from_utf8(std::mem::take(&mut bytes)).unwrap();
        text.replace("Content-Length: 0", &format!("Content-Length: {}", body.len())).into_bytes()
    };
    let mut connection = Connection::open(service.address).unwrap();
    connection.send(&head("wrong")).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 401);

    let mut connection = Connection::open(service.address).unwrap();
    connection.send(&head(&token)).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 100);
    connection.send(&body).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 200);
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let mut options = Options::ephemeral(fixed_clock());
    options.limits = Limits { body_idle: Duration::from_millis(100), ..Limits::default() };
    let service = Service::of(options);
    service.furnish();
    let token = service.token();
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
    let body = crate::client::publish_body("slow", "1.0.0", b"content");
    let whole = request(service.address, "PUT", target, &[("Authorization", &token)], &body);
    let mut connection = Connection::open(service.address).unwrap();
    connection.send(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(connection.receive(false).unwrap().status, 408);
}
