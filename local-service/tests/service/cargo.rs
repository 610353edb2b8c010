//! The Cargo data plane.

use std::sync::atomic::Ordering;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_service::Options;
use serde_json::json;

use crate::client::{Service, frame, index_path, moved_clock, sha256};

#[test]
fn cargo_is_challenged_and_then_told_where_things_are() {
    let service = Service::furnished();
    let target = "/d/acme-111122223333/cargo/team/config.json";
    let answer = service.send("GET", target, &[], b"");
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="));
    assert!(answer.json()["errors"][0]["detail"].is_string());

    let config = service.cargo(&service.token(), "GET", "team", "config.json", b"").json();
    let base = format!("http://{}/d/acme-111122223333/cargo/team", service.address);
    assert_eq!(config, json!({ "api": base, "auth-required": true, "dl": format!("{base}/api/v1/crates") }));
}

#[test]
fn addresses_are_made_of_the_name_the_client_used() {
    let service = Service::furnished();
    let mut connection = crate::client::Connection::open(service.address).unwrap();
    let port = service.address.port();
    let text = format!(
        "GET /d/acme-111122223333/cargo/team/config.json HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: {}\r\n\r\n",
        service.token()
    );
    connection.send(text.as_bytes()).unwrap();
    let config = connection.receive(false).unwrap().json();
    assert!(config["api"].as_str().unwrap().starts_with(&format!("http://localhost:{port}/")));
}

#[test]
fn every_form_of_token_is_accepted_and_every_wrong_one_refused() {
    let (clock, seconds) = moved_clock();
    let service = Service::of(Options::ephemeral(clock));
    service.furnish();
    service.ok("POST", "/v1/domain?domain=other", None);
    let token = service.token();
    let foreign = service.ok("POST", "/v1/authorization-token?domain=other", None)["authorizationToken"].clone();
    let short = service.ok("POST", "/v1/authorization-token?domain=acme&duration=900", None);
    let short = short["authorizationToken"].as_str().unwrap().to_owned();
    let get = |authorization: &str| {
        let target = "/d/acme-111122223333/cargo/team/config.json";
        service.send("GET", target, &[("Authorization", authorization)], b"").status
    };
    let basic = |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    for good in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        basic("aws", &token),
        basic("token", &token),
    ] {
        assert_eq!(get(&good), 200);
    }
    let mut changed = token.clone().into_bytes();
    let last = changed.len() - 1;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    for bad in [
        "x",
        "Bearer",
        "Bearer x",
        "Basic x",
        &basic("aws", ""),
        &basic(&token, "x"),
        &String::from_utf8(changed).unwrap(),
    ] {
        assert_eq!(get(bad), 401, "{bad}");
    }
    assert_eq!(get(foreign.as_str().unwrap()), 403);
    let twice = [("Authorization", token.as_str()), ("Authorization", token.as_str())];
    assert_eq!(service.send("GET", "/d/acme-111122223333/cargo/team/config.json", &twice, b"").status, 401);

    assert_eq!(get(&short), 200);
    seconds.fetch_add(900, Ordering::SeqCst);
    assert_eq!(get(&short), 401);
    assert_eq!(get(&token), 200);
    seconds.fetch_add(43_200 - 900, Ordering::SeqCst);
    assert_eq!(get(&token), 401);
}

#[test]
fn a_token_does_not_serve_a_later_domain_of_the_same_name() {
    let (clock, seconds) = moved_clock();
    let service = Service::of(Options::ephemeral(clock));
    service.furnish();
    let token = service.token();
    for name in ["app", "team", "shared"] {
        service.ok("DELETE", &format!("/v1/repository?domain=acme&repository={name}"), None);
    }
    service.ok("DELETE", "/v1/domain?domain=acme", None);
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 404);
    seconds.fetch_add(1, Ordering::SeqCst);
    service.furnish();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 401);
}

#[test]
fn what_was_published_is_indexed_and_downloaded() {
    let service = Service::furnished();
    let token = service.token();
    let content = b"not really a crate".repeat(1000);
    let answer = service.publish(&token, "team", "demo-crate", "1.0.0", &content);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["warnings"], json!({ "invalid_badges": [], "invalid_categories": [], "other": [] }));

    let index = service.cargo(&token, "GET", "team", &index_path("demo-crate"), b"");
    let line = index.json();
    assert_eq!(line["cksum"], sha256(&content).as_str());
    assert_eq!((line["yanked"].as_bool(), line["vers"].as_str()), (Some(false), Some("1.0.0")));

    let path = "api/v1/crates/demo-crate/1.0.0/download";
    let whole = service.cargo(&token, "GET", "team", path, b"");
    assert_eq!((whole.status, &whole.body), (200, &content));
    assert_eq!(service.cargo(&token, "GET", "shared", path, b"").status, 404);
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/demo_crate/1.0.0/download", b"").status, 404);
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/demo-crate/1.0.1/download", b"").status, 404);

    let versions = service.cargo(&token, "GET", "team", "api/v1/crates/demo-crate/versions", b"").json();
    assert_eq!(versions["versions"][0]["created_at"], "2027-01-15T08:00:00Z");
    for unserved in ["api/v1/crates", "api/v1/crates?q=demo", "api/v1/crates/demo-crate/owners", "me"] {
        assert_eq!(service.cargo(&token, "GET", "team", unserved, b"").status, 404, "{unserved}");
    }
}

#[test]
fn assets_come_whole_in_part_or_not_at_all() {
    let service = Service::furnished();
    let token = service.token();
    let content: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    service.publish(&token, "team", "demo", "1.0.0", &content);
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/demo/1.0.0/download";
    let get =
        |method: &str, header: (&str, &str)| service.send(method, target, &[("Authorization", &token), header], b"");
    let etag = format!("\"{}\"", sha256(&content));

    let head = get("HEAD", ("Accept", "*/*"));
    assert_eq!((head.status, head.header("content-length")), (200, Some("700000")));
    assert_eq!((head.header("etag"), head.header("accept-ranges")), (Some(etag.as_str()), Some("bytes")));
    assert_eq!(get("GET", ("If-None-Match", &etag)).status, 304);
    assert_eq!(get("GET", ("If-None-Match", "\"other\"")).body, content);

    let part = get("GET", ("Range", "bytes=300000-300009"));
    assert_eq!((part.status, &part.body[..]), (206, &content[300_000..300_010]));
    assert_eq!(part.header("content-range"), Some("bytes 300000-300009/700000"));
    assert_eq!(get("GET", ("Range", "bytes=-5")).body, content[699_995..]);
    let beyond = get("GET", ("Range", "bytes=700000-"));
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */700000")));
    assert_eq!(get("GET", ("Range", "bytes=0-1,5-6")).body, content);
}

#[test]
fn an_unchanged_index_is_not_sent_again() {
    let service = Service::furnished();
    let token = service.token();
    service.publish(&token, "shared", "demo", "1.0.0", b"one");
    // Read through an upstream: the merged file, too, is prepared once and seen to change.
    let target = format!("/d/acme-111122223333/cargo/app/{}", index_path("demo"));
    let get = |etag: &str| service.send("GET", &target, &[("Authorization", &token), ("If-None-Match", etag)], b"");
    let first = get("\"none\"");
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!((first.status, get(&etag).status), (200, 304));
    service.publish(&token, "shared", "demo", "2.0.0", b"two");
    let second = get(&etag);
    assert_eq!((second.status, second.text().lines().count()), (200, 2));
    let etag = second.header("etag").unwrap().to_owned();
    let status = json!({ "versions": ["1.0.0"], "targetStatus": "Archived" });
    service.ok(
        "POST",
        "/v1/package/versions/update_status?domain=acme&repository=shared&format=cargo&package=demo",
        Some(&status),
    );
    let third = get(&etag);
    assert_eq!((third.status, third.text().lines().count()), (200, 1));
}

#[test]
fn the_same_again_is_fine_and_anything_else_is_refused_by_digest() {
    let service = Service::furnished();
    let token = service.token();
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", b"one").status, 200);
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", b"one").status, 200);
    let refused = service.publish(&token, "team", "demo", "1.0.0", b"two");
    let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
    assert_eq!(refused.status, 409);
    assert!(detail.contains(&sha256(b"one")) && detail.contains(&sha256(b"two")), "{detail}");
    for other in ["Demo", "DEMO"] {
        assert_eq!(service.publish(&token, "team", other, "2.0.0", b"one").status, 409);
    }
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0+build", b"one").status, 409);
    let stored = service.cargo(&token, "GET", "team", "api/v1/crates/demo/1.0.0/download", b"");
    assert_eq!(stored.body, b"one");
    let domain = service.ok("GET", "/v1/domain?domain=acme", None);
    assert_eq!(domain["domain"]["assetSizeBytes"], 3);
}

#[test]
fn a_publish_that_is_not_what_it_says_leaves_nothing() {
    let service = Service::furnished();
    let token = service.token();
    let good = json!({ "name": "demo", "vers": "1.0.0", "deps": [], "features": {} }).to_string();
    let whole = frame(good.as_bytes(), b"content");
    let mut too_long = whole.clone();
    too_long.push(0);
    let mut huge = u32::MAX.to_le_bytes().to_vec();
    huge.extend_from_slice(b"{}");
    let bodies: [(&[u8], u16); 8] = [
        (b"", 400),
        (b"\0\0", 400),
        (&whole[..whole.len() - 1], 400),
        (&whole[..20], 400),
        (&too_long, 400),
        (&huge, 413),
        (&frame(b"not json", b"content"), 400),
        (&frame(json!({ "name": "../x", "vers": "1.0.0" }).to_string().as_bytes(), b"x"), 400),
    ];
    for (body, expected) in bodies {
        let answer = service.cargo(&token, "PUT", "team", "api/v1/crates/new", body);
        assert_eq!(answer.status, expected, "{}", answer.text());
        assert!(answer.json()["errors"][0]["detail"].is_string());
    }
    let packages = service.ok("POST", "/v1/packages?domain=acme&repository=team", None);
    assert_eq!(packages["packages"], json!([]));
}

#[test]
fn a_download_through_an_upstream_is_kept_where_it_was_asked_for() {
    let service = Service::furnished();
    let token = service.token();
    service.ok("POST", "/v1/repository?domain=acme&repository=far", None);
    let far = json!({ "upstreams": [{ "repositoryName": "far" }] });
    service.ok("PUT", "/v1/repository?domain=acme&repository=shared", Some(&far));
    service.publish(&token, "far", "demo", "1.0.0", b"one");
    let listed = |repository: &str| {
        let target = format!("/v1/package/versions?domain=acme&repository={repository}&format=cargo&package=demo");
        service.call("POST", &target, None).status == 200
    };
    let path = "api/v1/crates/demo/1.0.0/download";
    // Neither the index nor a HEAD keeps anything.
    assert_eq!(service.cargo(&token, "GET", "app", &index_path("demo"), b"").status, 200);
    assert_eq!(service.cargo(&token, "HEAD", "app", path, b"").status, 200);
    assert!(!listed("app"));
    assert_eq!(service.cargo(&token, "GET", "app", path, b"").body, b"one");
    assert!(listed("app") && !listed("shared"));
    service.ok("DELETE", "/v1/repository?domain=acme&repository=far", None);
    assert_eq!(service.cargo(&token, "GET", "app", path, b"").body, b"one");
    assert_eq!(service.cargo(&token, "GET", "shared", path, b"").status, 404);
}

#[test]
fn yanked_is_unlisted_and_archived_is_gone() {
    let service = Service::furnished();
    let token = service.token();
    service.publish(&token, "team", "demo", "1.0.0", b"one");
    let yanked = || service.cargo(&token, "GET", "team", &index_path("demo"), b"").json()["yanked"].as_bool();
    let status = || {
        let target = "/v1/package/version?domain=acme&repository=team&format=cargo&package=demo&version=1.0.0";
        service.ok("GET", target, None)["packageVersion"]["status"].as_str().unwrap().to_owned()
    };
    let yank = service.cargo(&token, "DELETE", "team", "api/v1/crates/demo/1.0.0/yank", b"");
    assert_eq!((yank.status, yank.json()), (200, json!({ "ok": true })));
    assert_eq!((yanked(), status()), (Some(true), "Unlisted".to_owned()));
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/demo/1.0.0/download", b"").status, 200);
    service.cargo(&token, "PUT", "team", "api/v1/crates/demo/1.0.0/unyank", b"");
    assert_eq!((yanked(), status()), (Some(false), "Published".to_owned()));
    for (method, path) in [("DELETE", "api/v1/crates/demo/9.0.0/yank"), ("DELETE", "api/v1/crates/none/1.0.0/yank")] {
        assert_eq!(service.cargo(&token, method, "team", path, b"").status, 404);
    }
    let archive = json!({ "versions": ["1.0.0"], "targetStatus": "Archived" });
    service.ok(
        "POST",
        "/v1/package/versions/update_status?domain=acme&repository=team&format=cargo&package=demo",
        Some(&archive),
    );
    assert_eq!(service.cargo(&token, "GET", "team", &index_path("demo"), b"").status, 404);
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/demo/1.0.0/download", b"").status, 404);
    assert_eq!(service.cargo(&token, "DELETE", "team", "api/v1/crates/demo/1.0.0/yank", b"").status, 404);
}

#[test]
fn other_formats_say_that_they_are_not_served() {
    let service = Service::furnished();
    let token = service.token();
    for (format, status) in [("generic", 404), ("helm", 404)] {
        let answer =
            service.send("GET", &format!("/d/acme-111122223333/{format}/team/x"), &[("Authorization", &token)], b"");
        assert_eq!(answer.status, status);
        assert!(answer.json()["message"].is_string());
        assert_eq!(service.send("GET", &format!("/d/acme-111122223333/{format}/team/x"), &[], b"").status, 401);
    }
}
