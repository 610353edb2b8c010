//! Package groups: the operations over the wire, and what they stop.

use serde_json::{Value, json};

use crate::{
    client::{Service, index_path},
    external::{chain, content, put, versions},
    source::Source,
};

const GROUP: &str = "/v1/package-group?domain=acme";
const CONFIGURATION: &str = "/v1/package-group-origin-configuration?domain=acme&package-group=";

fn encoded(pattern: &str) -> String {
    pattern.replace('/', "%2F").replace('*', "%2A").replace('$', "%24")
}

fn create(service: &Service, pattern: &str) -> Value {
    service.ok("POST", GROUP, Some(&json!({ "packageGroup": pattern })))["packageGroup"].clone()
}

fn describe(service: &Service, pattern: &str) -> Value {
    service.ok("GET", &format!("{GROUP}&package-group={}", encoded(pattern)), None)["packageGroup"].clone()
}

fn configure(service: &Service, pattern: &str, body: &Value) -> Value {
    service.ok("PUT", &format!("{CONFIGURATION}{}", encoded(pattern)), Some(body))
}

fn patterns(list: &Value) -> Vec<&str> {
    list["packageGroups"].as_array().unwrap().iter().map(|group| group["pattern"].as_str().unwrap()).collect()
}

#[test]
fn every_domain_has_a_root_group_that_allows_everything_and_stays() {
    let service = Service::furnished();
    let root = describe(&service, "/*");
    let open = json!({ "mode": "ALLOW", "effectiveMode": "ALLOW", "repositoriesCount": 0 });
    assert_eq!(
        root,
        json!({
            "arn": "arn:aws:codeartifact:eu-west-1:111122223333:package-group/acme/*",
            "pattern": "/*",
            "domainName": "acme",
            "domainOwner": "111122223333",
            "createdTime": 1_800_000_000.0,
            "originConfiguration": { "restrictions": {
                "PUBLISH": open, "EXTERNAL_UPSTREAM": open, "INTERNAL_UPSTREAM": open
            } },
        })
    );
    let (status, kind, body) = service.refused("DELETE", &format!("{GROUP}&package-group=%2F%2A"), None);
    assert_eq!((status, kind.as_str(), &body["reason"]), (400, "ValidationException", &json!("OTHER")));
    let inherit = json!({ "restrictions": { "PUBLISH": "INHERIT" } });
    assert_eq!(service.refused("PUT", &format!("{CONFIGURATION}%2F%2A"), Some(&inherit)).0, 400);
    // And it can be changed.
    let blocked = configure(&service, "/*", &json!({ "restrictions": { "PUBLISH": "BLOCK" } }));
    assert_eq!(blocked["packageGroup"]["originConfiguration"]["restrictions"]["PUBLISH"]["effectiveMode"], "BLOCK");
    let token = service.token();
    let refused = service.publish(&token, "team", "six", "1.0.0", b"x");
    assert_eq!(refused.status, 409);
    for word in ["`/*`", "PUBLISH", "update-package-group-origin-configuration"] {
        assert!(refused.text().contains(word), "{word}: {}", refused.text());
    }
}

#[test]
fn groups_are_made_described_changed_and_deleted() {
    let service = Service::furnished();
    let body = json!({
        "packageGroup": "/npm/acme/*", "contactInfo": "front@acme.example", "description": "Ours",
        "tags": [{ "key": "team", "value": "front" }],
    });
    let created = service.ok("POST", GROUP, Some(&body))["packageGroup"].clone();
    let arn = "arn:aws:codeartifact:eu-west-1:111122223333:package-group/acme/npm/acme/*";
    let root = json!({ "arn": "arn:aws:codeartifact:eu-west-1:111122223333:package-group/acme/*", "pattern": "/*" });
    assert_eq!((&created["arn"], &created["parent"]), (&json!(arn), &root));
    assert_eq!((&created["contactInfo"], &created["description"]), (&json!("front@acme.example"), &json!("Ours")));
    let inherited =
        json!({ "mode": "INHERIT", "effectiveMode": "ALLOW", "inheritedFrom": root, "repositoriesCount": 0 });
    assert_eq!(created["originConfiguration"]["restrictions"]["INTERNAL_UPSTREAM"], inherited);
    assert_eq!(describe(&service, "/npm/acme/*"), created);

    // There is no resource type for groups.
    let (status, kind, body) = service.refused("POST", GROUP, Some(&json!({ "packageGroup": "/npm/acme/*" })));
    assert_eq!((status, kind.as_str()), (409, "ConflictException"));
    assert_eq!((&body["resourceId"], body.get("resourceType")), (&json!("/npm/acme/*"), None));
    let (status, kind, body) = service.refused("GET", &format!("{GROUP}&package-group=%2Fnpm%2Fno%2F%2A"), None);
    assert_eq!((status, kind.as_str(), body.get("resourceType")), (404, "ResourceNotFoundException", None));
    let (_, _, body) = service.refused("GET", "/v1/package-group?domain=none&package-group=%2F%2A", None);
    assert_eq!(body["resourceType"], "domain");

    // What is not given stays.
    let update = json!({ "packageGroup": "/npm/acme/*", "description": "Changed" });
    let updated = service.ok("PUT", GROUP, Some(&update))["packageGroup"].clone();
    assert_eq!((&updated["contactInfo"], &updated["description"]), (&created["contactInfo"], &json!("Changed")));

    let tags = |arn: &str| service.ok("POST", &format!("/v1/tags?resourceArn={}", encoded(arn)), None)["tags"].clone();
    assert_eq!(tags(arn), json!([{ "key": "team", "value": "front" }]));
    let target = format!("/v1/tag?resourceArn={}", encoded(arn));
    service.ok("POST", &target, Some(&json!({ "tags": [{ "key": "a", "value": "b" }] })));
    service.ok("POST", &target.replace("/tag", "/untag"), Some(&json!({ "tagKeys": ["team"] })));
    assert_eq!(tags(arn), json!([{ "key": "a", "value": "b" }]));
    let elsewhere = encoded(arn).replace("npm", "pypi").replace("%2Facme%2F%2A", "%2F%2A");
    let (status, _, body) = service.refused("POST", &format!("/v1/tags?resourceArn={elsewhere}"), None);
    assert_eq!((status, body.get("resourceType")), (404, None), "{body}");

    let deleted = service.ok("DELETE", &format!("{GROUP}&package-group=%2Fnpm%2Facme%2F%2A"), None);
    assert_eq!(deleted["packageGroup"], updated);
    assert_eq!(service.refused("DELETE", &format!("{GROUP}&package-group=%2Fnpm%2Facme%2F%2A"), None).0, 404);
}

#[test]
fn inputs_of_groups_are_checked() {
    let service = Service::furnished();
    for pattern in
        ["/", "npm", "/npm/acme", "/helm/*", "/npm/a b/*", "/pypi/ns/x$", "/maven//x$", "/pypi//A_b$", "/npm//x-~"]
    {
        let (status, _, body) = service.refused("POST", GROUP, Some(&json!({ "packageGroup": pattern })));
        assert_eq!((status, &body["reason"]), (400, &json!("FIELD_VALIDATION_FAILED")), "{pattern}: {body}");
    }
    assert_eq!(
        service.refused("POST", GROUP, Some(&json!({ "packageGroup": format!("/npm//{}$", "a".repeat(515)) }))).0,
        400
    );
    assert_eq!(service.refused("POST", GROUP, Some(&json!({}))).0, 400);
    assert_eq!(service.refused("GET", GROUP, None).0, 400);
    let target = format!("{CONFIGURATION}%2F%2A");
    for body in [
        json!({ "restrictions": { "PUBLISH": "MAYBE" } }),
        json!({ "restrictions": { "DOWNLOAD": "BLOCK" } }),
        json!({ "restrictions": ["PUBLISH"] }),
        json!({ "addAllowedRepositories": [{ "repositoryName": "team" }] }),
        json!({ "addAllowedRepositories": [{ "repositoryName": "-", "originRestrictionType": "PUBLISH" }] }),
        json!({ "removeAllowedRepositories": [{ "repositoryName": "team", "originRestrictionType": "publish" }] }),
        // There is no list while everything is allowed.
        json!({ "addAllowedRepositories": [{ "repositoryName": "team", "originRestrictionType": "PUBLISH" }] }),
    ] {
        assert_eq!(service.refused("PUT", &target, Some(&body)).0, 400, "{body}");
    }
    let unknown = json!({
        "restrictions": { "PUBLISH": "ALLOW_SPECIFIC_REPOSITORIES" },
        "addAllowedRepositories": [{ "repositoryName": "nowhere", "originRestrictionType": "PUBLISH" }],
    });
    let (status, _, body) = service.refused("PUT", &target, Some(&unknown));
    assert_eq!((status, &body["resourceType"]), (404, &json!("repository")));
    assert_eq!(
        describe(&service, "/*")["originConfiguration"]["restrictions"]["PUBLISH"]["mode"],
        "ALLOW",
        "nothing changed"
    );
    let list = "/v1/package-group-allowed-repositories?domain=acme&package-group=%2F%2A";
    assert_eq!(service.refused("GET", list, None).0, 400);
    assert_eq!(service.refused("GET", &format!("{list}&originRestrictionType=X"), None).0, 400);
    let associated = "/v1/get-associated-package-group?domain=acme&package=x&format=";
    assert_eq!(service.refused("GET", &format!("{associated}maven"), None).0, 400);
    assert_eq!(service.refused("GET", &format!("{associated}pypi&namespace=x"), None).0, 400);
}

/// All items of a list, in pages of one.
fn paged(service: &Service, method: &str, target: &str, member: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let answer = service.ok(method, &format!("{target}&max-results=1{next}"), None);
        let page = answer[member].as_array().unwrap();
        assert!(page.len() <= 1);
        items.extend(page.iter().cloned());
        match answer.get("nextToken") {
            Some(token) => next = format!("&next-token={}", token.as_str().unwrap()),
            None => return items,
        }
    }
}

#[test]
fn lists_of_groups_come_in_pages() {
    let service = Service::furnished();
    for pattern in ["/npm/acme/*", "/npm/*", "/npm/acme/ui~", "/npm/acme/api$", "/pypi/*"] {
        create(&service, pattern);
    }
    let all = service.ok("POST", "/v1/package-groups?domain=acme", None);
    let expected = ["/*", "/npm/*", "/npm/acme/*", "/npm/acme/api$", "/npm/acme/ui~", "/pypi/*"];
    assert_eq!(patterns(&all), expected);
    let pages = paged(&service, "POST", "/v1/package-groups?domain=acme", "packageGroups");
    assert_eq!(&json!(pages), &all["packageGroups"]);
    let some = service.ok("POST", "/v1/package-groups?domain=acme&prefix=%2Fnpm%2Facme%2F", None);
    assert_eq!(patterns(&some), expected[2..5]);

    let children = |pattern: &str| {
        let target = format!("/v1/package-groups/sub-groups?domain=acme&package-group={}", encoded(pattern));
        json!({ "packageGroups": paged(&service, "POST", &target, "packageGroups") })
    };
    assert_eq!(patterns(&children("/*")), ["/npm/*", "/pypi/*"], "direct children only");
    assert_eq!(patterns(&children("/npm/*")), ["/npm/acme/*"]);
    assert_eq!(patterns(&children("/npm/acme/*")), ["/npm/acme/api$", "/npm/acme/ui~"]);
    assert_eq!(children("/pypi/*"), json!({ "packageGroups": [] }));

    let on = |name: &str| json!({ "repositoryName": name, "originRestrictionType": "PUBLISH" });
    let body = json!({
        "restrictions": { "PUBLISH": "ALLOW_SPECIFIC_REPOSITORIES" },
        "addAllowedRepositories": [on("team"), on("app"), on("team")],
        "removeAllowedRepositories": [on("shared")],
    });
    let updated = configure(&service, "/npm/*", &body);
    assert_eq!(updated["allowedRepositoryUpdates"], json!({ "PUBLISH": { "ADDED": ["team", "app"] } }));
    let publish = &updated["packageGroup"]["originConfiguration"]["restrictions"]["PUBLISH"];
    assert_eq!((&publish["repositoriesCount"], publish.get("inheritedFrom")), (&json!(2), None));
    let target =
        "/v1/package-group-allowed-repositories?domain=acme&package-group=%2Fnpm%2F%2A&originRestrictionType=PUBLISH";
    assert_eq!(paged(&service, "GET", target, "allowedRepositories"), ["app", "team"]);
    let removed = configure(&service, "/npm/*", &json!({ "removeAllowedRepositories": [on("app")] }));
    assert_eq!(removed["allowedRepositoryUpdates"], json!({ "PUBLISH": { "REMOVED": ["app"] } }));
    let below = &describe(&service, "/npm/acme/ui~")["originConfiguration"]["restrictions"]["PUBLISH"];
    assert_eq!(below["effectiveMode"], "ALLOW_SPECIFIC_REPOSITORIES");
    assert_eq!(below["inheritedFrom"]["pattern"], "/npm/*");
}

#[test]
fn packages_belong_to_the_most_specific_group() {
    let service = Service::furnished();
    let token = service.token();
    for (repository, name) in [("team", "acme-ui"), ("shared", "acme-ui"), ("team", "acme-api"), ("team", "other")] {
        assert_eq!(service.publish(&token, repository, name, "1.0.0", b"x").status, 200);
    }
    let list = |pattern: &str, more: &str| {
        let target = format!("/v1/list-associated-packages?domain=acme&package-group={}{more}", encoded(pattern));
        paged(&service, "GET", &target, "packages")
    };
    let strong = |name: &str| json!({ "format": "cargo", "package": name, "associationType": "STRONG" });
    assert_eq!(list("/*", ""), [strong("acme-api"), strong("acme-ui"), strong("other")], "each once");
    let preview = list("/cargo//acme~", "&preview=true");
    assert_eq!(preview, [strong("acme-api"), strong("acme-ui")]);
    let target = "/v1/list-associated-packages?domain=acme&package-group=%2Fcargo%2F%2Facme~";
    assert_eq!(service.refused("GET", target, None).0, 404, "a preview must be asked for");
    create(&service, "/cargo//acme~");
    create(&service, "/cargo//0ther$");
    assert_eq!(list("/cargo//acme~", ""), preview);
    assert_eq!(list("/*", ""), [0; 0]);
    assert_eq!(list("/cargo//0ther$", "")[0]["associationType"], "WEAK");

    let associated = |query: &str| {
        let answer = service.ok("GET", &format!("/v1/get-associated-package-group?domain=acme&{query}"), None);
        (
            answer["packageGroup"]["pattern"].as_str().unwrap().to_owned(),
            answer["associationType"].as_str().unwrap().to_owned(),
        )
    };
    let is = |pattern: &str, association: &str| (pattern.to_owned(), association.to_owned());
    assert_eq!(associated("format=cargo&package=acme-new"), is("/cargo//acme~", "STRONG"));
    assert_eq!(associated("format=cargo&package=ACME-new"), is("/cargo//acme~", "WEAK"));
    assert_eq!(associated("format=cargo&package=acmenew"), is("/*", "STRONG"));
    create(&service, "/pypi//acme-lib$");
    assert_eq!(associated("format=pypi&package=Acme_Lib"), is("/pypi//acme-lib$", "STRONG"));
}

/// The documented example: `team` has `store` upstream (by way of `middle`), which is connected to a public source.
#[test]
fn a_public_package_needs_the_repository_that_fetches_and_the_one_that_retains() {
    let source = Source::start();
    put(&source, "six", &["1.0.0", "1.1.0"]);
    let service = chain(&source);
    let token = service.token();
    let download = |repository: &str, version: &str| {
        service.cargo(&token, "GET", repository, &format!("api/v1/crates/six/{version}/download"), b"").status
    };
    let allow = |restriction: &str, repository: &str| {
        let add = json!([{ "repositoryName": repository, "originRestrictionType": restriction }]);
        configure(&service, "/cargo//six$", &json!({ "addAllowedRepositories": add }));
    };
    create(&service, "/cargo//six$");
    let specific = json!({ "restrictions": {
        "EXTERNAL_UPSTREAM": "ALLOW_SPECIFIC_REPOSITORIES", "INTERNAL_UPSTREAM": "ALLOW_SPECIFIC_REPOSITORIES",
    } });
    configure(&service, "/cargo//six$", &specific);
    assert_eq!((download("team", "1.0.0"), download("store", "1.0.0")), (404, 404));
    let index = service.cargo(&token, "GET", "team", &index_path("six"), b"");
    assert_eq!(index.status, 404);
    // Hidden, and said to be: by team's own restriction, which is the first to stand in the way.
    let said = index.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
    for word in ["package `cargo//six` does not exist", "INTERNAL_UPSTREAM", "`/cargo//six$`"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let fetched = service.cargo(&token, "GET", "store", "api/v1/crates/six/1.0.0/download", b"");
    assert!(fetched.text().contains("EXTERNAL_UPSTREAM"), "{}", fetched.text());
    // What nothing stands in the way of is not there, and that is all.
    let absent = service.cargo(&token, "GET", "team", &index_path("seven"), b"").text();
    assert!(absent.contains("does not exist") && !absent.contains("UPSTREAM"), "{absent}");
    assert_eq!(source.asked("/dl/six/1.0.0/download"), 0, "nothing was asked for");

    // Only the store: it may fetch, and team may not retain.
    allow("EXTERNAL_UPSTREAM", "store");
    assert_eq!((download("team", "1.0.0"), download("store", "1.0.0")), (404, 200));
    // Both: now it comes through.
    allow("INTERNAL_UPSTREAM", "team");
    assert_eq!((download("team", "1.0.0"), download("team", "1.1.0")), (200, 200));
    assert_eq!(versions(&service, "team", "six"), ["1.0.0", "1.1.0"]);
    // The repository between them is asked by nobody, and may not retain itself.
    assert_eq!(download("middle", "1.0.0"), 404);

    // Team's list alone lets it retain what the store has, and nothing that the store would have to fetch.
    put(&source, "six", &["1.0.0", "1.1.0", "1.2.0"]);
    let remove = json!([{ "repositoryName": "store", "originRestrictionType": "EXTERNAL_UPSTREAM" }]);
    configure(&service, "/cargo//six$", &json!({ "removeAllowedRepositories": remove }));
    assert_eq!((download("team", "1.2.0"), download("store", "1.0.0")), (404, 200));
    // What was retained is served whatever the group says later.
    configure(
        &service,
        "/*",
        &json!({ "restrictions": { "EXTERNAL_UPSTREAM": "BLOCK", "INTERNAL_UPSTREAM": "BLOCK" } }),
    );
    let inherit = json!({ "restrictions": { "EXTERNAL_UPSTREAM": "INHERIT", "INTERNAL_UPSTREAM": "INHERIT" } });
    configure(&service, "/cargo//six$", &inherit);
    let kept = service.cargo(&token, "GET", "team", "api/v1/crates/six/1.0.0/download", b"");
    assert_eq!((kept.status, kept.text()), (200, content("six", "1.0.0")));
}

/// Somebody puts a package of our name, or of a name like ours, on the public source.
#[test]
fn dependency_confusion_ends_at_the_group() {
    let source = Source::start();
    for name in ["acme-billing", "acme-bi11ing", "acme-new", "serde"] {
        put(&source, name, &["99.0.0"]);
    }
    let service = chain(&source);
    let token = service.token();
    create(&service, "/cargo//acme~");
    create(&service, "/cargo//acme-billing$");
    configure(&service, "/cargo//acme~", &json!({ "restrictions": { "EXTERNAL_UPSTREAM": "BLOCK" } }));
    let download = |name: &str| {
        let path = format!("api/v1/crates/{name}/99.0.0/download");
        (
            service.cargo(&token, "GET", "team", &path, b"").status,
            service.cargo(&token, "GET", "team", &index_path(name), b"").status,
        )
    };
    for name in ["acme-billing", "Acme_Billing", "acme-bi11ing", "acme-new"] {
        assert_eq!(download(name), (404, 404), "{name}");
    }
    assert_eq!(download("serde"), (200, 200), "other packages are none of its business");
    // Our own is published and found. The public version of the same number does not stand in its way: it is not
    // reachable.
    assert_eq!(service.publish(&token, "team", "acme-billing", "99.0.0", b"ours").status, 200);
    let ours = service.cargo(&token, "GET", "team", "api/v1/crates/acme-billing/99.0.0/download", b"");
    assert_eq!((ours.status, ours.text()), (200, "ours".to_owned()));
    // A look-alike cannot be published either, though the group allows publishing.
    let refused = service.publish(&token, "team", "acme-bi11ing", "1.0.0", b"theirs");
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("/cargo//acme-billing$") && refused.text().contains("weakly"),
        "{}",
        refused.text()
    );

    // The stricter one wins: a package's own controls and its group's.
    configure(&service, "/cargo//acme~", &json!({ "restrictions": { "PUBLISH": "BLOCK" } }));
    let refused = service.publish(&token, "team", "acme-new", "1.0.0", b"ours");
    assert!(refused.status == 409 && refused.text().contains("PUBLISH is BLOCK"), "{}", refused.text());
    let allowed = json!({ "restrictions": { "publish": "ALLOW", "upstream": "ALLOW" } });
    service.ok("POST", "/v1/package?domain=acme&repository=team&format=cargo&package=acme-new", Some(&allowed));
    assert_eq!(service.publish(&token, "team", "acme-new", "1.0.0", b"ours").status, 409);
    // On the control plane it is a refusal.
    configure(&service, "/*", &json!({ "restrictions": { "PUBLISH": "BLOCK" } }));
    let target = "/v1/package/version/publish?domain=acme&repository=team&format=generic&namespace=ns&package=x\
                  &version=1&asset=a";
    let authorization = crate::client::signed("eu-west-1");
    let sha256 = crate::client::sha256(b"a");
    let headers = [("Authorization", &*authorization), ("x-amz-content-sha256", &*sha256)];
    let refused = service.send("POST", target, &headers, b"a");
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
}
