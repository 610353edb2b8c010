//! The control plane's small print: normal forms, filters, quotas, keys, pages of one.

use serde_json::{Value, json};

use crate::{
    client::{Service, moved_clock, sha256, signed},
    external::{chain, put},
    source::Source,
};
use std::sync::atomic::Ordering;

fn generic(service: &Service, name: &str, version: &str, asset: &str, more: &str) -> u16 {
    let target = format!(
        "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace=ns&package={name}\
         &version={version}&asset={asset}{more}"
    );
    let headers = [("Authorization", signed("eu-west-1")), ("x-amz-content-sha256", sha256(b"x"))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    service.send("POST", &target, &headers, b"x").status
}

/// The values of a member of all items of a list, in pages of one.
fn paged(service: &Service, target: &str, list: &str, member: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut next = String::new();
    loop {
        let answer = service.ok("POST", &format!("{target}&max-results=1{next}"), None);
        let page = answer[list].as_array().unwrap();
        assert!(page.len() <= 1, "{answer}");
        values.extend(page.iter().map(|item| item[member].as_str().unwrap().to_owned()));
        match answer.get("nextToken") {
            Some(token) => next = format!("&next-token={}", token.as_str().unwrap()),
            None => return values,
        }
    }
}

#[test]
fn keys_that_cannot_encrypt_are_refused_as_such() {
    let service = Service::ephemeral();
    for key in [
        "arn:aws:s3:::bucket",
        "arn:aws:kms:eu-west-1:111122223333:key/",
        "arn:aws:kms:us-east-1:111122223333:key/1234",
        "arn:aws-cn:kms:eu-west-1:111122223333:key/1234",
        "arn:aws:kms:eu-west-1:111122223333:grant/1234",
        "arn:aws:kms",
    ] {
        let (status, kind, body) =
            service.refused("POST", "/v1/domain?domain=acme", Some(&json!({ "encryptionKey": key })));
        let reason = &body["reason"];
        assert_eq!(
            (status, kind.as_str(), reason),
            (400, "ValidationException", &json!("ENCRYPTION_KEY_ERROR")),
            "{key}"
        );
    }
    let keys = ["arn:aws:kms:eu-west-1:999988887777:key/1234", "arn:aws:kms:eu-west-1:111122223333:alias/mine", "1234"];
    for (at, key) in keys.iter().enumerate() {
        let made = service.ok("POST", &format!("/v1/domain?domain=acme{at}"), Some(&json!({ "encryptionKey": key })));
        assert_eq!(made["domain"]["encryptionKey"], *key);
    }
}

#[test]
fn names_are_normalised_where_the_service_does_it_and_must_be_where_it_does_not() {
    let service = Service::furnished();
    let origin = json!({ "restrictions": { "publish": "ALLOW", "upstream": "BLOCK" } });
    let package = |query: &str| format!("/v1/package?domain=acme&repository=team&{query}");
    service.ok("POST", &package("format=swift&namespace=Acme&package=Lib"), Some(&origin));
    service.ok("POST", &package("format=nuget&package=Newtonsoft.Json"), Some(&origin));
    let swift = service.ok("GET", &package("format=swift&namespace=ACME&package=LIB"), None)["package"].clone();
    assert_eq!((&swift["namespace"], &swift["name"]), (&json!("acme"), &json!("lib")));
    let nuget = service.ok("GET", &package("format=nuget&package=NEWTONSOFT.json"), None)["package"].clone();
    assert_eq!((&nuget["name"], nuget.get("namespace")), (&json!("newtonsoft.json"), None));
    let (status, _, body) = service.refused("POST", &package("format=pypi&package=My_Pkg"), Some(&origin));
    assert_eq!((status, &body["reason"]), (400, &json!("FIELD_VALIDATION_FAILED")));
    assert!(body["message"].as_str().unwrap().contains("`my-pkg`"), "{body}");
    service.ok("POST", &package("format=pypi&package=my-pkg"), Some(&origin));
    assert_eq!(service.refused("GET", &package("format=pypi&package=My_Pkg"), None).0, 404);

    let list = |query: &str| {
        paged(&service, &format!("/v1/packages?domain=acme&repository=team&{query}"), "packages", "package")
    };
    assert_eq!(list("format=nuget&package-prefix=Newton"), ["newtonsoft.json"]);
    assert_eq!(list("format=swift&namespace=AC&package-prefix=L"), ["lib"]);
    assert_eq!(list("format=pypi&package-prefix=My"), [""; 0]);
    // A record without versions is a package, and goes as one.
    let versions =
        service.ok("POST", "/v1/package/versions?domain=acme&repository=team&format=pypi&package=my-pkg", None);
    assert_eq!(versions, json!({ "format": "pypi", "package": "my-pkg", "versions": [] }));
    let deleted = service.ok("DELETE", &package("format=pypi&package=my-pkg"), None)["deletedPackage"].clone();
    assert_eq!(deleted, json!({ "format": "pypi", "package": "my-pkg", "originConfiguration": origin }));
    assert_eq!(service.refused("GET", &package("format=pypi&package=my-pkg"), None).0, 404);
}

#[test]
fn packages_are_selected_by_prefixes_and_controls() {
    let service = Service::furnished();
    for name in ["anvil", "ant", "bolt"] {
        assert_eq!(generic(&service, name, "1", "a", ""), 200);
    }
    let closed = json!({ "restrictions": { "publish": "BLOCK", "upstream": "ALLOW" } });
    let target = "/v1/package?domain=acme&repository=team&format=generic&namespace=ns&package=ant";
    let put = service.ok("POST", target, Some(&closed));
    assert_eq!(put, json!({ "originConfiguration": closed }));
    let list = |query: &str| {
        paged(&service, &format!("/v1/packages?domain=acme&repository=team{query}"), "packages", "package")
    };
    assert_eq!(list(""), ["ant", "anvil", "bolt"]);
    assert_eq!(list("&package-prefix=an"), ["ant", "anvil"]);
    assert_eq!(list("&namespace=n&package-prefix=anv"), ["anvil"]);
    assert_eq!(list("&namespace=s"), [""; 0]);
    assert_eq!(list("&publish=BLOCK"), ["ant"]);
    assert_eq!(list("&upstream=BLOCK"), ["anvil", "bolt"]);
    assert_eq!(list("&publish=ALLOW&upstream=ALLOW"), [""; 0]);
    assert_eq!(list("&format=npm"), [""; 0]);
    // What the API does not know is passed over, as there.
    assert_eq!(list("&package-suffix=t&repository-prefix=x"), ["ant", "anvil", "bolt"]);
    // Closed to publishing is closed on the control plane, too.
    assert_eq!(generic(&service, "ant", "2", "a", ""), 403);
    assert_eq!(generic(&service, "ant", "1", "a", ""), 403);
}

#[test]
fn versions_are_selected_and_sorted() {
    let (clock, seconds) = moved_clock();
    let service = Service::of(local_service::Options::ephemeral(clock));
    service.furnish();
    for version in ["2", "10", "1"] {
        assert_eq!(generic(&service, "anvil", version, "b", "&unfinished=true"), 200);
        assert_eq!(generic(&service, "anvil", version, "a", ""), 200);
        seconds.fetch_add(60, Ordering::SeqCst);
    }
    assert_eq!(generic(&service, "anvil", "0", "a", "&unfinished=true"), 200);
    let coordinate = "domain=acme&repository=team&format=generic&namespace=ns&package=anvil";
    let target = format!("/v1/package/versions?{coordinate}");
    let list = |query: &str| paged(&service, &format!("{target}{query}"), "versions", "version");
    assert_eq!(list(""), ["0", "1", "10", "2"]);
    assert_eq!(list("&sortBy=PUBLISHED_TIME"), ["0", "1", "10", "2"].map(str::to_owned));
    assert_eq!(list("&sortBy=PUBLISHED_TIME&status=Published"), ["1", "10", "2"]);
    assert_eq!(list("&status=Unfinished"), ["0"]);
    assert_eq!(list("&status=Deleted"), [""; 0]);
    assert_eq!(list("&originType=INTERNAL&status=Published"), ["1", "10", "2"]);
    assert_eq!(list("&originType=EXTERNAL"), [""; 0]);
    let shown = || service.ok("POST", &target, None)["defaultDisplayVersion"].clone();
    assert_eq!(shown(), "1", "the newest that is published");
    let status = json!({ "versions": ["1"], "targetStatus": "Unlisted", "expectedStatus": "Published" });
    service.ok("POST", &format!("/v1/package/versions/update_status?{coordinate}"), Some(&status));
    assert_eq!(shown(), "10");
    let assets = paged(&service, &format!("/v1/package/version/assets?{coordinate}&version=2"), "assets", "name");
    assert_eq!(assets, ["a", "b"]);
    // A token of one list does not serve another.
    let first = service.ok("POST", &format!("{target}&max-results=1"), None);
    let token = first["nextToken"].as_str().unwrap();
    assert!(token.len() <= 2000 && !token.contains(char::is_whitespace));
    assert_eq!(service.refused("POST", &format!("{target}&status=Published&next-token={token}"), None).0, 400);
}

#[test]
fn what_came_from_outside_is_selected_as_such() {
    let source = Source::start();
    put(&source, "six", &["1.0.0"]);
    let service = chain(&source);
    let token = service.token();
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"").status, 200);
    let target = "/v1/package/versions?domain=acme&repository=team&format=cargo&package=six&originType=";
    for (kind, count) in [("EXTERNAL", 1), ("INTERNAL", 0), ("UNKNOWN", 0)] {
        assert_eq!(paged(&service, &format!("{target}{kind}"), "versions", "version").len(), count, "{kind}");
    }
    let listed = service.ok("POST", "/v1/packages?domain=acme&repository=team&publish=BLOCK&upstream=ALLOW", None);
    assert_eq!(listed["packages"][0]["package"], "six", "retained: closed to publishing, open to upstreams");
}

#[test]
fn what_is_used_up_is_402() {
    let service = Service::furnished();
    let quota = |method: &str, target: &str, body: Option<&Value>, kind: &str| {
        let (status, exception, answer) = service.refused(method, target, body);
        assert_eq!((status, exception.as_str()), (402, "ServiceQuotaExceededException"), "{target}: {answer}");
        assert_eq!(answer["resourceType"], kind, "{answer}");
    };
    for at in 1..10 {
        service.ok("POST", &format!("/v1/domain?domain=other{at}"), None);
    }
    quota("POST", "/v1/domain?domain=eleventh", None, "domain");

    let names: Vec<String> = (0..11).map(|at| format!("up-{at}")).collect();
    for name in &names {
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), None);
    }
    let upstreams = |count: usize| {
        let upstreams: Vec<Value> = names[..count].iter().map(|name| json!({ "repositoryName": name })).collect();
        json!({ "upstreams": upstreams })
    };
    service.ok("PUT", "/v1/repository?domain=acme&repository=team", Some(&upstreams(10)));
    quota("PUT", "/v1/repository?domain=acme&repository=team", Some(&upstreams(11)), "repository");

    for at in 0..150 {
        assert_eq!(generic(&service, "many", "1", &format!("a{at}"), "&unfinished=true"), 200);
    }
    assert_eq!(generic(&service, "many", "1", "one-more", ""), 402);

    let tag = "/v1/tag?resourceArn=arn:aws:codeartifact:eu-west-1:111122223333:package-group/acme/*";
    let tags = |from: usize, count: usize| {
        let tags: Vec<Value> = (from..from + count).map(|at| json!({ "key": format!("k{at}"), "value": "" })).collect();
        json!({ "tags": tags })
    };
    assert_eq!(service.refused("POST", tag, Some(&tags(0, 201))).0, 400, "of one call");
    service.ok("POST", tag, Some(&tags(0, 200)));
    service.ok("POST", tag, Some(&tags(100, 100)));
    let (status, exception, body) = service.refused("POST", tag, Some(&tags(200, 1)));
    assert_eq!((status, exception.as_str(), body.get("resourceType")), (402, "ServiceQuotaExceededException", None));
}
