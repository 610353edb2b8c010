//! The control plane over the wire.

use serde_json::{Value, json};

use crate::client::{Service, sha256, signed};

const OTHER: &str = "OTHER";
const FIELD: &str = "FIELD_VALIDATION_FAILED";

#[track_caller]
fn validation(service: &Service, method: &str, target: &str, body: Option<&Value>, reason: &str) {
    let (status, exception, answer) = service.refused(method, target, body);
    assert_eq!((status, exception.as_str()), (400, "ValidationException"), "{target}: {answer}");
    assert_eq!(answer["reason"], reason, "{target}: {answer}");
    assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[track_caller]
fn missing(service: &Service, method: &str, target: &str, body: Option<&Value>, kind: &str, id: &str) {
    let (status, exception, answer) = service.refused(method, target, body);
    assert_eq!((status, exception.as_str()), (404, "ResourceNotFoundException"), "{target}: {answer}");
    assert_eq!((&answer["resourceType"], &answer["resourceId"]), (&json!(kind), &json!(id)), "{target}");
}

fn publish(
    service: &Service,
    repository: &str,
    version: &str,
    asset: &str,
    more: &str,
    content: &[u8],
) -> crate::client::Answer {
    let target = format!(
        "/v1/package/version/publish?domain=acme&repository={repository}&format=generic&namespace=ns&package=tool\
         &version={version}&asset={asset}{more}"
    );
    let headers = [("Authorization", signed("eu-west-1")), ("x-amz-content-sha256", sha256(content))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    service.send("POST", &target, &headers, content)
}

const TOOL: &str = "domain=acme&repository=team&format=generic&namespace=ns&package=tool";

#[test]
fn a_domain_has_the_members_of_the_model() {
    let service = Service::ephemeral();
    let tags = json!({ "tags": [{ "key": "team", "value": "core" }] });
    let created = service.ok("POST", "/v1/domain?domain=acme", Some(&tags));
    let domain = &created["domain"];
    assert_eq!(domain["arn"], "arn:aws:codeartifact:eu-west-1:111122223333:domain/acme");
    assert_eq!((&domain["status"], &domain["owner"]), (&json!("Active"), &json!("111122223333")));
    assert_eq!(domain["createdTime"], json!(1_800_000_000.0));
    assert!(domain["encryptionKey"].as_str().unwrap().starts_with("arn:aws:kms:eu-west-1:111122223333:key/"));
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None), created);
    let listed = service.ok("POST", "/v1/domains", None);
    assert!(listed["domains"][0].get("assetSizeBytes").is_none());
    let (status, exception, answer) = service.refused("POST", "/v1/domain?domain=acme", None);
    assert_eq!((status, exception.as_str(), &answer["resourceType"]), (409, "ConflictException", &json!("domain")));
    let deleted = service.ok("DELETE", "/v1/domain?domain=acme", None);
    assert_eq!(deleted["domain"]["status"], "Deleted");
    missing(&service, "DELETE", "/v1/domain?domain=acme", None, "domain", "acme");
}

#[test]
fn domains_live_in_the_region_that_the_call_was_signed_for() {
    let service = Service::ephemeral();
    service.ok("POST", "/v1/domain?domain=acme", None);
    let elsewhere = [("Authorization", &*signed("us-gov-west-1"))];
    assert_eq!(service.send("GET", "/v1/domain?domain=acme", &elsewhere, b"").status, 404);
    let created = service.send("POST", "/v1/domain?domain=acme", &elsewhere, b"").json();
    assert_eq!(created["domain"]["arn"], "arn:aws-us-gov:codeartifact:us-gov-west-1:111122223333:domain/acme");
    missing(&service, "GET", "/v1/domain?domain=acme&domain-owner=999999999999", None, "domain", "acme");
}

#[test]
fn inputs_are_checked_as_the_model_has_them() {
    let service = Service::furnished();
    let long = "a".repeat(256);
    for (method, target) in [
        ("POST", "/v1/domain".to_owned()),
        ("POST", "/v1/domain?domain=my_domain".to_owned()),
        ("POST", "/v1/domain?domain=A".to_owned()),
        ("GET", "/v1/domain?domain=acme&domain-owner=12".to_owned()),
        ("POST", "/v1/repository?domain=acme&repository=-x".to_owned()),
        ("GET", "/v1/repository?domain=acme".to_owned()),
        ("GET", "/v1/repository/endpoint?domain=acme&repository=team".to_owned()),
        ("GET", "/v1/repository/endpoint?domain=acme&repository=team&format=helm".to_owned()),
        ("GET", "/v1/repository/endpoint?domain=acme&repository=team&format=npm&endpointType=ipv6".to_owned()),
        ("POST", "/v1/authorization-token?domain=acme&duration=899".to_owned()),
        ("POST", "/v1/authorization-token?domain=acme&duration=43201".to_owned()),
        ("POST", "/v1/authorization-token?domain=acme&duration=-1".to_owned()),
        ("POST", "/v1/packages?domain=acme&repository=team&max-results=0".to_owned()),
        ("POST", "/v1/packages?domain=acme&repository=team&max-results=1001".to_owned()),
        ("POST", "/v1/packages?domain=acme&repository=team&max-results=x".to_owned()),
        ("POST", "/v1/packages?domain=acme&repository=team&next-token=AAAA".to_owned()),
        ("POST", format!("/v1/packages?domain=acme&repository=team&next-token={}", "A".repeat(2001))),
        ("POST", "/v1/packages?domain=acme&repository=team&publish=MAYBE".to_owned()),
        ("GET", format!("/v1/package?domain=acme&repository=team&format=cargo&package={long}")),
        ("GET", "/v1/package?domain=acme&repository=team&format=cargo&package=a%23b".to_owned()),
        ("GET", "/v1/package?domain=acme&repository=team&format=cargo&package=a%2Fb".to_owned()),
        ("GET", "/v1/package?domain=acme&repository=team&format=cargo&package=a%20b".to_owned()),
        ("GET", "/v1/package?domain=acme&repository=team&format=cargo".to_owned()),
        ("POST", format!("/v1/package/versions?{TOOL}&status=Gone")),
        ("POST", format!("/v1/package/versions?{TOOL}&sortBy=NAME")),
        ("POST", format!("/v1/package/versions?{TOOL}&originType=OTHER")),
        ("POST", "/v1/tags".to_owned()),
        ("POST", "/v1/tags?resourceArn=arn:aws:s3:::bucket".to_owned()),
        ("POST", "/v1/domain/repositories?domain=acme&administrator-account=1".to_owned()),
        ("POST", "/v1/repositories?repository-prefix=a%2Fb".to_owned()),
    ] {
        validation(&service, method, &target, None, FIELD);
    }
    for (method, target, body, reason) in [
        ("POST", "/v1/repository?domain=acme&repository=new", json!({ "description": "a\u{7}" }), FIELD),
        ("POST", "/v1/repository?domain=acme&repository=new", json!({ "description": "a".repeat(1001) }), FIELD),
        ("POST", "/v1/repository?domain=acme&repository=new", json!({ "description": 5 }), FIELD),
        ("POST", "/v1/repository?domain=acme&repository=new", json!({ "upstreams": [{}] }), FIELD),
        (
            "POST",
            "/v1/repository?domain=acme&repository=new",
            json!({ "upstreams": [{ "repositoryName": "new" }] }),
            OTHER,
        ),
        ("POST", "/v1/repository?domain=acme&repository=new", json!({ "tags": [{ "key": "a" }] }), FIELD),
        (
            "POST",
            "/v1/repository?domain=acme&repository=new",
            json!({ "tags": [{ "key": "aws:x", "value": "" }] }),
            FIELD,
        ),
        (
            "PUT",
            "/v1/repository?domain=acme&repository=shared",
            json!({ "upstreams": [{ "repositoryName": "app" }] }),
            OTHER,
        ),
        ("POST", "/v1/domain?domain=other", json!({ "encryptionKey": "a b" }), FIELD),
        ("POST", "/v1/domains", json!({ "maxResults": 0 }), FIELD),
        ("POST", "/v1/domains", json!({ "maxResults": "5" }), FIELD),
        ("POST", "/v1/tag?resourceArn=arn:aws:codeartifact:eu-west-1:111122223333:domain/acme", json!({}), FIELD),
        ("POST", "/v1/package?domain=acme&repository=team&format=cargo&package=a", json!({}), FIELD),
        (
            "POST",
            "/v1/package?domain=acme&repository=team&format=cargo&package=a",
            json!({ "restrictions": { "publish": "ALLOW" } }),
            FIELD,
        ),
    ] {
        validation(&service, method, target, Some(&body), reason);
    }
    let text = service.send("POST", "/v1/domain?domain=other", &[("Authorization", &signed("eu-west-1"))], b"{");
    assert_eq!(text.json()["reason"], "CANNOT_PARSE");
    validation(
        &service,
        "GET",
        "/v1/package?domain=acme&repository=team&format=cargo&namespace=n&package=a",
        None,
        OTHER,
    );
    validation(&service, "GET", "/v1/package?domain=acme&repository=team&format=maven&package=a", None, OTHER);
    validation(&service, "GET", "/v1/nothing", None, "UNKNOWN_OPERATION");
}

#[test]
fn what_is_missing_is_named_from_the_outside_in() {
    let service = Service::furnished();
    missing(&service, "GET", "/v1/repository?domain=none&repository=none", None, "domain", "none");
    missing(&service, "GET", "/v1/repository?domain=acme&repository=none", None, "repository", "none");
    missing(&service, "GET", &format!("/v1/package?{TOOL}"), None, "package", "generic/ns/tool");
    publish(&service, "team", "1", "a", "", b"a");
    missing(&service, "GET", &format!("/v1/package/version?{TOOL}&version=2"), None, "package-version", "2");
    missing(&service, "GET", &format!("/v1/package/version/readme?{TOOL}&version=1"), None, "package-version", "1");
    missing(&service, "GET", &format!("/v1/package/version/asset?{TOOL}&version=1&asset=b"), None, "asset", "b");
    let upstream = json!({ "upstreams": [{ "repositoryName": "none" }] });
    missing(&service, "POST", "/v1/repository?domain=acme&repository=new", Some(&upstream), "repository", "none");
    let arn = "/v1/tags?resourceArn=arn:aws:codeartifact:eu-west-1:111122223333:repository/acme/none";
    missing(&service, "POST", arn, None, "repository", "none");
    let copy = "/v1/package/versions/copy?domain=acme&source-repository=team&destination-repository=none&format=generic&namespace=ns&package=tool";
    missing(&service, "POST", copy, Some(&json!({ "versions": ["1"] })), "repository", "none");
}

#[test]
fn lists_come_in_pages_that_add_up() {
    let service = Service::furnished();
    let token = service.token();
    // Names that sort differently with and without their separators.
    for name in ["a", "a-b", "a1", "ab", "b"] {
        for version in ["1.0.0", "1.0.0-rc.1", "10.0.0", "2.0.0"] {
            assert_eq!(service.publish(&token, "team", name, version, name.as_bytes()).status, 200);
        }
    }
    let all = |target: &str, member: &str, field: &str| {
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let page = service.ok("POST", &format!("{target}&max-results=1{next}"), None);
            let items = page[member].as_array().unwrap();
            assert!(items.len() <= 1);
            found.extend(items.iter().map(|item| item[field].as_str().unwrap().to_owned()));
            match page["nextToken"].as_str() {
                Some(token) => next = format!("&next-token={token}"),
                None => return found,
            }
        }
    };
    let packages = "/v1/packages?domain=acme&repository=team";
    assert_eq!(all(packages, "packages", "package"), ["a", "a1", "a-b", "ab", "b"]);
    assert_eq!(all(&format!("{packages}&package-prefix=a"), "packages", "package").len(), 4);
    let versions = "/v1/package/versions?domain=acme&repository=team&format=cargo&package=a-b";
    assert_eq!(all(versions, "versions", "version"), ["1.0.0", "1.0.0-rc.1", "10.0.0", "2.0.0"]);
    assert_eq!(all(&format!("{versions}&sortBy=PUBLISHED_TIME"), "versions", "version").len(), 4);
    assert_eq!(all("/v1/domain/repositories?domain=acme", "repositories", "name"), ["app", "shared", "team"]);
    assert_eq!(all("/v1/repositories?", "repositories", "name"), ["app", "shared", "team"]);

    // A token serves the very list that gave it out.
    let token =
        service.ok("POST", &format!("{packages}&max-results=1"), None)["nextToken"].as_str().unwrap().to_owned();
    for other in [
        format!("/v1/packages?domain=acme&repository=shared&next-token={token}"),
        format!("{packages}&package-prefix=a&next-token={token}"),
        format!("{versions}&next-token={token}"),
    ] {
        validation(&service, "POST", &other, None, FIELD);
    }
    assert!(service.ok("POST", &format!("{packages}&max-results=2&next-token={token}"), None)["nextToken"].is_string());
}

#[test]
fn list_domains_pages_in_the_body() {
    let service = Service::ephemeral();
    for name in ["aa", "bb", "cc"] {
        service.ok("POST", &format!("/v1/domain?domain={name}"), None);
    }
    let first = service.ok("POST", "/v1/domains", Some(&json!({ "maxResults": 2 })));
    assert_eq!(first["domains"].as_array().unwrap().len(), 2);
    let second = service.ok("POST", "/v1/domains", Some(&json!({ "maxResults": 2, "nextToken": first["nextToken"] })));
    assert_eq!((second["domains"][0]["name"].as_str(), second.get("nextToken")), (Some("cc"), None));
}

#[test]
fn generic_versions_are_published_asset_by_asset() {
    let service = Service::furnished();
    let first = publish(&service, "team", "1.0%2Bx", "a.bin", "&unfinished=true", b"alpha").json();
    assert_eq!((&first["status"], &first["version"]), (&json!("Unfinished"), &json!("1.0+x")));
    assert_eq!(first["asset"]["hashes"]["SHA-256"], sha256(b"alpha").as_str());
    let asset = |name: &str, more: &str| {
        service.call("GET", &format!("/v1/package/version/asset?{TOOL}&version=1.0%2Bx&asset={name}{more}"), None)
    };
    assert_eq!(asset("a.bin", "").status, 404);
    let last = publish(&service, "team", "1.0%2Bx", "b.bin", "", b"beta").json();
    assert_eq!(last["status"], "Published");
    let got = asset("a.bin", "");
    assert_eq!((got.status, &got.body[..], got.header("x-assetname")), (200, &b"alpha"[..], Some("a.bin")));
    assert_eq!(got.header("x-packageversion"), Some("1.0+x"));
    assert_eq!(got.header("x-packageversionrevision"), last["versionRevision"].as_str());
    assert_eq!(asset("a.bin", "&revision=other").status, 409);

    let conflict = publish(&service, "team", "1.0%2Bx", "a.bin", "", b"other");
    assert_eq!((conflict.status, &conflict.json()["resourceType"]), (409, &json!("asset")));
    assert_eq!(publish(&service, "team", "1.0%2Bx", "a.bin", "", b"alpha").status, 200);
    assert_eq!(publish(&service, "team", "1.0%2Bx", "c.bin", "", b"gamma").status, 409);

    let assets = service.ok("POST", &format!("/v1/package/version/assets?{TOOL}&version=1.0%2Bx"), None);
    assert_eq!(assets["assets"].as_array().unwrap().len(), 2);
}

#[test]
fn a_publish_with_another_digest_or_format_stores_nothing() {
    let service = Service::furnished();
    let target = format!("/v1/package/version/publish?{TOOL}&version=1&asset=a");
    let authorization = signed("eu-west-1");
    let send = |target: &str, digest: Option<&str>| {
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(digest.map(|digest| ("x-amz-content-sha256", digest)));
        service.send("POST", target, &headers, b"content")
    };
    assert_eq!(send(&target, Some(&sha256(b"other"))).json()["reason"], OTHER);
    assert_eq!(send(&target, Some("UNSIGNED-PAYLOAD")).json()["reason"], FIELD);
    assert_eq!(send(&target, None).json()["reason"], FIELD);
    let cargo = target.replace("generic&namespace=ns", "cargo");
    assert_eq!(send(&cargo, Some(&sha256(b"content"))).json()["reason"], OTHER);
    for name in ["..", ".", "a%2Fb", "a%5Cb", "%2Fetc%2Fpasswd", "a%20b"] {
        let named = target.replace("asset=a", &format!("asset={name}"));
        assert_eq!(send(&named, Some(&sha256(b"content"))).json()["reason"], FIELD, "{name}");
    }
    let domain = service.ok("GET", "/v1/domain?domain=acme", None);
    assert_eq!(domain["domain"]["assetSizeBytes"], 0);
    assert_eq!(service.ok("POST", "/v1/packages?domain=acme&repository=team", None)["packages"], json!([]));
}

#[test]
fn versions_change_all_or_nothing_over_the_wire() {
    let service = Service::furnished();
    publish(&service, "team", "1", "a", "", b"a");
    publish(&service, "team", "2", "a", "", b"a");
    let update = format!("/v1/package/versions/update_status?{TOOL}");
    let partly = json!({ "versions": ["1", "3"], "targetStatus": "Archived" });
    let outcome = service.ok("POST", &update, Some(&partly));
    assert_eq!(outcome["successfulVersions"], json!({}));
    assert_eq!(outcome["failedVersions"]["1"]["errorCode"], "SKIPPED");
    assert_eq!(outcome["failedVersions"]["3"]["errorMessage"], "Could not find version 3");
    for (body, reason) in [
        (json!({ "versions": ["1"] }), FIELD),
        (json!({ "targetStatus": "Archived" }), FIELD),
        (json!({ "versions": [], "targetStatus": "Archived" }), FIELD),
        (json!({ "versions": vec!["1"; 101], "targetStatus": "Archived" }), FIELD),
        (json!({ "versions": ["1"], "targetStatus": "Sold" }), FIELD),
        (json!({ "versions": ["1"], "targetStatus": "Disposed" }), OTHER),
        (json!({ "versions": ["1"], "targetStatus": "Unfinished" }), OTHER),
        (json!({ "versions": ["1"], "targetStatus": "Archived", "versionRevisions": { "2": "x" } }), OTHER),
        (json!({ "versions": ["1"], "targetStatus": "Archived", "expectedStatus": "Deleted" }), OTHER),
    ] {
        validation(&service, "POST", &update, Some(&body), reason);
    }
    let both = json!({ "versions": ["1", "2"] });
    let disposed = service.ok("POST", &format!("/v1/package/versions/dispose?{TOOL}"), Some(&both));
    assert_eq!(disposed["successfulVersions"]["2"]["status"], "Disposed");
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 0);
    let deleted = service.ok("POST", &format!("/v1/package/versions/delete?{TOOL}"), Some(&both));
    assert_eq!(deleted["successfulVersions"]["1"]["status"], "Deleted");
    let left = service.ok("POST", &format!("/v1/package/versions?{TOOL}"), None);
    assert_eq!((&left["versions"], left.get("defaultDisplayVersion")), (&json!([]), None));
    let removed = service.ok("DELETE", &format!("/v1/package?{TOOL}"), None);
    assert_eq!(removed["deletedPackage"]["package"], "tool");
    missing(&service, "POST", &format!("/v1/package/versions?{TOOL}"), None, "package", "generic/ns/tool");
}

#[test]
fn copies_select_in_exactly_one_way() {
    let service = Service::furnished();
    publish(&service, "team", "1", "a", "", b"a");
    let copy = "/v1/package/versions/copy?domain=acme&source-repository=team&destination-repository=shared&format=generic&namespace=ns&package=tool";
    validation(&service, "POST", copy, Some(&json!({})), OTHER);
    let both = json!({ "versions": ["1"], "versionRevisions": { "1": "x" } });
    validation(&service, "POST", copy, Some(&both), OTHER);
    let itself = copy.replace("destination-repository=shared", "destination-repository=team");
    validation(&service, "POST", &itself, Some(&json!({ "versions": ["1"] })), OTHER);
    let wrong = service.ok("POST", copy, Some(&json!({ "versionRevisions": { "1": "x" } })));
    assert_eq!(wrong["failedVersions"]["1"]["errorCode"], "MISMATCHED_REVISION");
    let copied = service.ok("POST", copy, Some(&json!({ "versions": ["1"] })));
    assert_eq!(copied["successfulVersions"]["1"]["status"], "Published");
    let again = service.ok("POST", copy, Some(&json!({ "versions": ["1"] })));
    assert_eq!(again, json!({ "successfulVersions": {}, "failedVersions": {} }));
}

#[test]
fn readme_and_dependencies_come_from_what_was_published() {
    let service = Service::furnished();
    let token = service.token();
    let document = json!({
        "name": "demo", "vers": "1.0.0", "features": {}, "readme": "# Demo",
        "deps": [{ "name": "other", "version_req": "^2", "kind": "build", "registry": null }],
        "description": "Shows", "homepage": "https://example.com/", "repository": "https://example.com/git", "license": "MIT",
    });
    let body = crate::client::frame(document.to_string().as_bytes(), b"content");
    assert_eq!(service.cargo(&token, "PUT", "team", "api/v1/crates/new", &body).status, 200);
    let query = "domain=acme&repository=team&format=cargo&package=demo&version=1.0.0";
    let version = &service.ok("GET", &format!("/v1/package/version?{query}"), None)["packageVersion"];
    assert_eq!((&version["summary"], &version["homePage"]), (&json!("Shows"), &json!("https://example.com/")));
    assert_eq!(version["licenses"], json!([{ "name": "MIT" }]));
    assert_eq!(
        version["origin"],
        json!({ "originType": "INTERNAL", "domainEntryPoint": { "repositoryName": "team" } })
    );
    assert!(version.get("namespace").is_none());
    assert_eq!(service.ok("GET", &format!("/v1/package/version/readme?{query}"), None)["readme"], "# Demo");
    let listed = service.ok("POST", &format!("/v1/package/version/dependencies?{query}"), None);
    assert_eq!(
        listed["dependencies"],
        json!([{ "package": "other", "dependencyType": "build", "versionRequirement": "^2" }])
    );
    let copy = "/v1/package/versions/copy?domain=acme&source-repository=team&destination-repository=shared&format=cargo&package=demo";
    service.ok("POST", copy, Some(&json!({ "versions": ["1.0.0"] })));
    service.ok("DELETE", "/v1/repository?domain=acme&repository=team", None);
    let query = query.replace("team", "shared");
    assert_eq!(service.ok("GET", &format!("/v1/package/version/readme?{query}"), None)["readme"], "# Demo");
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let service = Service::furnished();
    for resource in ["domain/acme", "repository/acme/team"] {
        let query = format!(
            "resourceArn=arn%3Aaws%3Acodeartifact%3Aeu-west-1%3A111122223333%3A{}",
            resource.replace('/', "%2F")
        );
        let tag = |key: &str, value: &str| {
            let body = json!({ "tags": [{ "key": key, "value": value }] });
            assert_eq!(service.ok("POST", &format!("/v1/tag?{query}"), Some(&body)), json!({}));
        };
        tag("a", "1");
        tag("b", "2");
        tag("a", "3");
        let list = || service.ok("POST", &format!("/v1/tags?{query}"), None)["tags"].clone();
        assert_eq!(list(), json!([{ "key": "a", "value": "3" }, { "key": "b", "value": "2" }]));
        let untag = json!({ "tagKeys": ["a", "none"] });
        assert_eq!(service.ok("POST", &format!("/v1/untag?{query}"), Some(&untag)), json!({}));
        assert_eq!(list(), json!([{ "key": "b", "value": "2" }]));
    }
}

#[test]
fn an_update_replaces_what_it_names_and_nothing_else() {
    let service = Service::furnished();
    let update =
        |body: &Value| service.ok("PUT", "/v1/repository?domain=acme&repository=app", Some(body))["repository"].clone();
    let described = update(&json!({ "description": "The app" }));
    assert_eq!(described["upstreams"], json!([{ "repositoryName": "shared" }]));
    let moved = update(&json!({ "upstreams": [{ "repositoryName": "team" }, { "repositoryName": "shared" }] }));
    assert_eq!(moved["upstreams"], json!([{ "repositoryName": "team" }, { "repositoryName": "shared" }]));
    assert_eq!(moved["description"], "The app");
    assert_eq!(update(&json!({ "upstreams": [] }))["upstreams"], json!([]));
}

#[test]
fn endpoints_name_the_repository_for_every_format() {
    let service = Service::furnished();
    for format in ["cargo", "generic", "maven", "npm", "nuget", "pypi", "ruby", "swift"] {
        let target = format!("/v1/repository/endpoint?domain=acme&repository=team&format={format}&endpointType=ipv4");
        let endpoint = service.ok("GET", &target, None);
        let expected = format!("http://{}/d/acme-111122223333/{format}/team/", service.address);
        assert_eq!(endpoint["repositoryEndpoint"], expected.as_str());
    }
}

#[test]
fn a_token_says_when_it_ends() {
    let service = Service::furnished();
    for (query, lifetime) in
        [("", 43_200.0), ("&duration=0", 43_200.0), ("&duration=900", 900.0), ("&duration=43200", 43_200.0)]
    {
        let answer = service.ok("POST", &format!("/v1/authorization-token?domain=acme{query}"), None);
        assert_eq!(answer["expiration"], json!(1_800_000_000.0 + lifetime));
        let token = answer["authorizationToken"].as_str().unwrap();
        assert!(token.starts_with("eyJ") && (300..=1024).contains(&token.len()));
    }
    assert_eq!(service.local.calls("GetAuthorizationToken").calls, 4);
    let counters = service.send("GET", "/_local/counters", &[], b"").json();
    assert_eq!(counters["operations"]["GetAuthorizationToken"], json!({ "calls": 4, "failures": 0 }));
}
