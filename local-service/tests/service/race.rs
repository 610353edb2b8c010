//! Many at once.

use std::{collections::BTreeSet, sync::Barrier, thread};

use serde_json::json;

use crate::client::{Service, index_path, sha256};

#[test]
fn a_hundred_versions_from_twenty_threads_are_all_listed() {
    let service = Service::furnished();
    let token = service.token();
    thread::scope(|scope| {
        for thread in 0..20 {
            let (service, token) = (&service, &token);
            scope.spawn(move || {
                for number in 0..5 {
                    let version = format!("{thread}.{number}.0");
                    assert_eq!(service.publish(token, "team", "demo", &version, version.as_bytes()).status, 200);
                }
            });
        }
    });
    let index = service.cargo(&token, "GET", "team", &index_path("demo"), b"").text();
    assert_eq!(index.lines().count(), 100);
    let target = "/v1/package/versions?domain=acme&repository=team&format=cargo&package=demo&max-results=1000";
    assert_eq!(service.ok("POST", target, None)["versions"].as_array().unwrap().len(), 100);
}

#[test]
fn of_those_who_publish_one_version_one_wins() {
    let service = Service::furnished();
    let token = service.token();
    for round in 0..20 {
        let version = format!("1.0.{round}");
        let barrier = Barrier::new(8);
        let winners: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let (service, token, version, barrier) = (&service, &token, &version, &barrier);
                    scope.spawn(move || {
                        let content = format!("{version} by {thread}").into_bytes();
                        barrier.wait();
                        let answer = service.publish(token, "team", "demo", version, &content);
                        assert!(matches!(answer.status, 200 | 409), "{}", answer.text());
                        (answer.status == 200).then(|| sha256(&content))
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1, "round {round}");
        let path = format!("api/v1/crates/demo/{version}/download");
        assert_eq!(sha256(&service.cargo(&token, "GET", "team", &path, b"").body), winners[0]);
    }
}

/// One content, published and deleted over and over under different names: its bytes must be there whenever a version
/// that has them is.
#[test]
fn content_that_is_deleted_and_published_at_once_is_not_lost() {
    let service = Service::furnished();
    let token = service.token();
    thread::scope(|scope| {
        for thread in 0..6 {
            let (service, token) = (&service, &token);
            scope.spawn(move || {
                let name = format!("same-{thread}");
                let query = format!("domain=acme&repository=team&format=cargo&package={name}");
                let download = format!("api/v1/crates/{name}/1.0.0/download");
                for _ in 0..30 {
                    assert_eq!(service.publish(token, "team", &name, "1.0.0", b"the same bytes").status, 200);
                    let answer = service.cargo(token, "GET", "team", &download, b"");
                    assert_eq!((answer.status, &answer.body[..]), (200, &b"the same bytes"[..]));
                    let versions = json!({ "versions": ["1.0.0"] });
                    service.ok("POST", &format!("/v1/package/versions/delete?{query}"), Some(&versions));
                }
            });
        }
    });
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 0);
}

#[test]
fn readers_see_whole_versions_while_writers_write() {
    let service = Service::furnished();
    let token = service.token();
    service.publish(&token, "team", "demo", "0.0.0", b"0.0.0");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..60 {
                let version = format!("{number}.0.0");
                assert_eq!(service.publish(&token, "team", "demo", &version, version.as_bytes()).status, 200);
            }
        });
        let mut seen = BTreeSet::new();
        while !writer.is_finished() {
            let index = service.cargo(&token, "GET", "team", &index_path("demo"), b"").text();
            for line in index.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let version = line["vers"].as_str().unwrap().to_owned();
                assert_eq!(line["cksum"], sha256(version.as_bytes()).as_str());
                seen.insert(version);
            }
        }
        assert!(!seen.is_empty());
    });
}
