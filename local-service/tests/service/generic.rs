//! Generic assets by a plain address.

use serde_json::json;

use crate::client::{Service, sha256, signed};

#[test]
fn an_asset_has_an_address() {
    let service = Service::furnished();
    let token = service.token();
    let bearer = format!("Bearer {token}");
    let publish = |repository: &str, version: &str, asset: &str, content: &[u8], more: &str| {
        let target = format!(
            "/v1/package/version/publish?domain=acme&repository={repository}&format=generic&namespace=tools\
             &package=cli&version={version}&asset={asset}{more}"
        );
        let digest = sha256(content);
        let headers = [("Authorization", &signed("eu-west-1")[..]), ("x-amz-content-sha256", &digest)];
        assert_eq!(service.send("POST", &target, &headers, content).status, 200);
    };
    publish("shared", "1.0.0", "cli.tar", b"0123456789", "");
    let get = |method: &str, path: &str, more: &[(&str, &str)]| {
        let headers = [&[("Authorization", bearer.as_str())], more].concat();
        service.send(method, &format!("/d/acme-111122223333/generic/{path}"), &headers, b"")
    };
    let whole = get("GET", "shared/tools/cli/1.0.0/cli.tar", &[]);
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    let part = get("GET", "shared/tools/cli/1.0.0/cli.tar", &[("Range", "bytes=2-3")]);
    assert_eq!((part.status, part.text().as_str()), (206, "23"));
    let etag = whole.header("etag").unwrap();
    assert_eq!(get("GET", "shared/tools/cli/1.0.0/cli.tar", &[("If-None-Match", etag)]).status, 304);
    let head = get("HEAD", "shared/tools/cli/1.0.0/cli.tar", &[]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));

    // Upstreams are never searched, and nothing is published this way.
    assert_eq!(get("GET", "app/tools/cli/1.0.0/cli.tar", &[]).status, 404);
    assert_eq!(get("PUT", "shared/tools/cli/1.0.0/cli.tar", &[]).status, 405);
    for absent in ["tools/cli/1.0.0/other", "tools/cli/1.0.1/cli.tar", "tools/CLI/1.0.0/cli.tar", "tools/cli", ""] {
        assert_eq!(get("GET", &format!("shared/{absent}"), &[]).status, 404, "{absent}");
    }
    let anonymous = service.send("GET", "/d/acme-111122223333/generic/shared/tools/cli/1.0.0/cli.tar", &[], b"");
    assert_eq!(anonymous.status, 401);

    publish("shared", "2.0.0", "cli.tar", b"x", "&unfinished=true");
    assert_eq!(get("GET", "shared/tools/cli/2.0.0/cli.tar", &[]).status, 404, "not finished");
    let archived = json!({ "versions": ["1.0.0"], "targetStatus": "Archived" });
    let target = "/v1/package/versions/update_status?domain=acme&repository=shared&format=generic&namespace=tools\
                  &package=cli";
    service.ok("POST", target, Some(&archived));
    assert_eq!(get("GET", "shared/tools/cli/1.0.0/cli.tar", &[]).status, 404, "archived");
}
