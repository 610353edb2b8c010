//! External connections, shown with crates: what holds for every format.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use local_service::{Connection, Options, Proxies, SourceAddress};
use serde_json::{Value, json};

use crate::{
    client::{Service, fixed_clock, index_path, sha256},
    source::Source,
};

/// A service whose `store` is connected to the source; `middle` has `store` upstream and `team` has `middle`.
pub(crate) fn chain(source: &Source) -> Service {
    chain_to(&source.url(), Proxies::default())
}

/// The same for a source that may be elsewhere.
fn chain_to(url: &str, proxies: Proxies) -> Service {
    let address = SourceAddress::parse(url).unwrap();
    let service = Service::of(Options {
        external: BTreeMap::from([(Connection::CratesIo, address)]),
        proxies,
        ..Options::ephemeral(fixed_clock())
    });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    service.ok("POST", CONNECT, None);
    for (name, upstream) in [("middle", "store"), ("team", "middle")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

const CONNECT: &str =
    "/v1/repository/external-connection?domain=acme&repository=store&external-connection=public:crates-io";

/// Puts a crate with these versions, each of the content `NAME-VERSION`.
pub(crate) fn put(source: &Source, name: &str, versions: &[&str]) {
    let dl = format!("{}dl", source.url());
    source.put("/config.json", "application/json", json!({ "dl": dl, "api": source.url() }).to_string());
    let lines: Vec<String> = versions.iter().map(|version| line(name, version).to_string()).collect();
    source.put(&format!("/{}", index_path(name)), "text/plain", lines.join("\n") + "\n");
    for version in versions {
        source.put(&format!("/dl/{name}/{version}/download"), "application/x-tar", content(name, version));
    }
}

pub(crate) fn content(name: &str, version: &str) -> String {
    format!("{name}-{version}").repeat(1000)
}

fn line(name: &str, version: &str) -> Value {
    json!({
        "name": name, "vers": version, "deps": [], "features": {}, "yanked": false,
        "cksum": sha256(content(name, version).as_bytes()),
    })
}

pub(crate) fn versions(service: &Service, repository: &str, name: &str) -> Vec<String> {
    let query = format!("/v1/package/versions?domain=acme&repository={repository}&format=cargo&package={name}");
    let answer = service.call("POST", &query, None);
    if answer.status == 404 {
        return Vec::new();
    }
    let listed = answer.json()["versions"].as_array().unwrap().clone();
    listed.iter().map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_fetched_stays_where_it_was_asked_for_and_where_it_came_in() {
    let source = Source::start();
    put(&source, "six", &["1.0.0", "1.1.0"]);
    let service = chain(&source);
    let token = service.token();

    let index = service.cargo(&token, "GET", "team", &index_path("six"), b"");
    assert_eq!(index.text().lines().count(), 2, "{index:?}");
    for repository in ["store", "middle", "team"] {
        assert!(versions(&service, repository, "six").is_empty(), "metadata retains nothing");
    }
    let download = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!((download.status, download.text()), (200, content("six", "1.0.0")));
    assert_eq!(versions(&service, "team", "six"), ["1.0.0"]);
    assert_eq!(versions(&service, "store", "six"), ["1.0.0"]);
    assert!(versions(&service, "middle", "six").is_empty());
    let domain = service.ok("GET", "/v1/domain?domain=acme", None);
    assert_eq!(domain["domain"]["assetSizeBytes"], content("six", "1.0.0").len(), "one copy per domain");
    let described = service.ok(
        "GET",
        "/v1/package/version?domain=acme&repository=team&format=cargo&package=six&version=1.0.0",
        None,
    );
    let origin = json!({
        "originType": "EXTERNAL", "domainEntryPoint": { "externalConnectionName": "public:crates-io" }
    });
    assert_eq!(described["packageVersion"]["origin"], origin);

    // With the source away, what was fetched is served, and listed; what was not is not found.
    source.stop();
    let again = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!(again.text(), content("six", "1.0.0"));
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/six/1.1.0/download", b"").status, 404);
    let other = service.cargo(&token, "GET", "team", &index_path("seven"), b"");
    assert_eq!(other.status, 404);
    assert_eq!(source.asked("/dl/six/1.0.0/download"), 1);

    // And when it is disconnected: the repositories keep what they have.
    service.ok("DELETE", CONNECT, None);
    let index = service.cargo(&token, "GET", "team", &index_path("six"), b"");
    assert_eq!(index.text().lines().count(), 1, "{index:?}");
}

#[test]
fn many_who_want_one_asset_cause_one_request() {
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    source.put_slow("/dl/six/1.0.0/download", content("six", "1.0.0"), Duration::from_millis(300));
    let service = chain(&source);
    let token = service.token();
    std::thread::scope(|scope| {
        let ask = |repository: &'static str| {
            let (service, token) = (&service, &token);
            scope.spawn(move || service.cargo(token, "GET", repository, "api/v1/crates/six/1.0.0/download", b""))
        };
        let asking: Vec<_> = ["team", "team", "middle", "store", "team", "middle"].map(ask).into();
        for asked in asking {
            let answer = asked.join().unwrap();
            assert_eq!((answer.status, answer.text()), (200, content("six", "1.0.0")));
        }
    });
    assert_eq!(source.asked("/dl/six/1.0.0/download"), 1);
    assert_eq!(source.asked(&format!("/{}", index_path("six"))), 1);
    for repository in ["store", "middle", "team"] {
        assert_eq!(versions(&service, repository, "six"), ["1.0.0"]);
    }
}

#[test]
fn the_first_bytes_arrive_before_the_last_ones_are_sent() {
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    let service = chain(&source);
    let token = service.token();
    // A client that reads the head at once; the source pauses between head and body.
    source.put_slow("/dl/six/1.0.0/download", content("six", "1.0.0"), Duration::from_secs(2));
    let mut connection = crate::client::Connection::open(service.address).unwrap();
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/six/1.0.0/download";
    let begun = Instant::now();
    let headers = [("Authorization", token.as_str())];
    connection.send(&crate::client::request(service.address, "GET", target, &headers, b"")).unwrap();
    assert_eq!(connection.receive(true).unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "the answer waited for the whole asset");
}

#[test]
fn what_is_not_what_was_announced_is_not_kept() {
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    source.put("/dl/six/1.0.0/download", "application/x-tar", "something else");
    let service = chain(&source);
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/six/1.0.0/download";
    let headers = [("Authorization", service.token())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let cut = crate::client::send(service.address, "GET", target, &headers, b"");
    assert!(cut.is_err(), "the client must not take it for whole: {cut:?}");
    // Of a length that is not announced it is looked at before anything is sent.
    source.put_unmeasured("/dl/six/1.0.0/download", "something else");
    let refused = service.send("GET", target, &headers, b"");
    assert_eq!(refused.status, 502, "{refused:?}");
    assert!(refused.text().contains("SHA-256"), "{refused:?}");
    assert!(versions(&service, "team", "six").is_empty());
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 0);
}

#[test]
fn what_a_public_source_has_cannot_be_published_beside_it() {
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    let service = chain(&source);
    let token = service.token();
    let refused = service.publish(&token, "team", "six", "1.0.0", b"mine");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.text().contains("public:crates-io"), "{refused:?}");
    assert_eq!(service.publish(&token, "team", "six", "2.0.0", b"mine").status, 200);
    // The first version that was published closed the package to upstreams.
    let hidden = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!(hidden.status, 404);
    assert!(hidden.text().contains("origin control `upstream` is BLOCK"), "{}", hidden.text());
    assert_eq!(service.cargo(&token, "GET", "store", "api/v1/crates/six/1.0.0/download", b"").status, 200);
}

#[test]
fn a_connection_is_one_of_ten_and_excludes_upstreams() {
    let service = Service::furnished();
    let connect = |repository: &str, name: &str| {
        let query = format!("domain=acme&repository={repository}&external-connection={name}");
        format!("/v1/repository/external-connection?{query}")
    };
    let (status, kind, body) = service.refused("POST", &connect("team", "public:nowhere"), None);
    assert_eq!((status, kind.as_str(), &body["reason"]), (400, "ValidationException", &json!("OTHER")));
    assert_eq!(service.refused("POST", &connect("team", "%20"), None).2["reason"], "FIELD_VALIDATION_FAILED");
    assert_eq!(service.refused("POST", &connect("none", "public:pypi"), None).0, 404);
    assert_eq!(service.refused("POST", &connect("app", "public:pypi"), None).0, 400, "it has upstreams");

    let connected = service.ok("POST", &connect("team", "public%3Apypi"), None);
    let connections =
        json!([{ "externalConnectionName": "public:pypi", "packageFormat": "pypi", "status": "Available" }]);
    assert_eq!(connected["repository"]["externalConnections"], connections);
    assert_eq!(service.refused("POST", &connect("team", "public:npmjs"), None).0, 400, "limited to one");
    let upstreams = json!({ "upstreams": [{ "repositoryName": "shared" }] });
    assert_eq!(service.refused("PUT", "/v1/repository?domain=acme&repository=team", Some(&upstreams)).0, 400);
    assert_eq!(service.refused("DELETE", &connect("team", "public:npmjs"), None).0, 404);
    let disconnected = service.ok("DELETE", &connect("team", "public:pypi"), None);
    assert_eq!(disconnected["repository"]["externalConnections"], json!([]));
    service.ok("PUT", "/v1/repository?domain=acme&repository=team", Some(&upstreams));
}

#[test]
fn a_source_elsewhere_is_asked_through_the_proxy() {
    let proxy = Source::start();
    let way = format!("http://user:secret@{}", proxy.address);
    let proxies = || Proxies::new(Some(&way), Some(&way), None, None);

    // It is asked for whole URLs, and told who asks.
    let base = "http://packages.example";
    let dl = format!("{base}/dl");
    proxy.put(&format!("{base}/config.json"), "application/json", json!({ "dl": dl, "api": base }).to_string());
    proxy.put(&format!("{base}/{}", index_path("six")), "text/plain", line("six", "1.0.0").to_string() + "\n");
    proxy.put(&format!("{dl}/six/1.0.0/download"), "application/x-tar", content("six", "1.0.0"));
    let service = chain_to(base, proxies());
    let token = service.token();
    let download = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!(download.body, content("six", "1.0.0").as_bytes(), "{download:?}");
    assert_eq!(proxy.heard("proxy-authorization: basic dxnlcjpzzwnyzxq="), 3);

    // Where the way is encrypted it is asked for a tunnel; this one makes none, and the source counts as down.
    let service = chain_to("https://packages.example", proxies());
    let token = service.token();
    assert_eq!(service.cargo(&token, "GET", "team", &index_path("six"), b"").status, 404);
    assert!(proxy.asked("packages.example:443") > 0);

    // A source on this machine is no proxy's business.
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    let service = chain_to(&source.url(), proxies());
    let token = service.token();
    let download = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!(download.body, content("six", "1.0.0").as_bytes());
    assert_eq!(source.heard("proxy-authorization: basic dxnlcjpzzwnyzxq="), 0);
}
