//! The NuGet data plane, as its clients drive it.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use local_service::{Connection, Options, SourceAddress};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::{
    client::{Answer, Service, fixed_clock, form, zip},
    source::Source,
};

/// A package whose nuspec has this in its metadata, after id and version.
fn package(id: &str, version: &str, more: &str) -> Vec<u8> {
    let nuspec = nuspec(id, version, more);
    zip(&[
        ("_rels/.rels", b"<Relationships/>"),
        (&format!("{id}.nuspec"), nuspec.as_bytes()),
        ("docs/README.md", format!("# {id}").as_bytes()),
        ("lib/net8.0/x.dll", b"MZ"),
    ])
}

fn nuspec(id: &str, version: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><package xmlns=\"http://schemas.example/nuspec.xsd\"><metadata><id>{id}</id>\
         <version>{version}</version><authors>A</authors><description>About {id}</description>{more}</metadata>\
         </package>"
    )
}

const MORE: &str = "<license type=\"expression\">MIT</license><projectUrl>https://acme.example/</projectUrl>\
    <readme>docs\\README.md</readme><tags>text strings</tags><repository type=\"git\" url=\"https://git.example/a\"/>\
    <dependencies><group targetFramework=\"net8.0\"><dependency id=\"Acme.Core\" version=\"1.0\"/></group>\
    <group targetFramework=\".NETStandard2.0\"><dependency id=\"Acme.Core\" version=\"1.0\"/>\
    <dependency id=\"Acme.Old\" version=\"[2.0, 3.0)\"/></group></dependencies>";

/// What the client sends when it has been challenged.
fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("aws:{token}")))
}

struct Feed<'a> {
    service: &'a Service,
    authorization: String,
}

impl<'a> Feed<'a> {
    fn of(service: &'a Service) -> Self {
        Self { service, authorization: basic(&service.token()) }
    }

    fn ask(&self, method: &str, repository: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers = [&[("Authorization", self.authorization.as_str())], more].concat();
        self.service.send(method, &format!("/d/acme-111122223333/nuget/{repository}/{path}"), &headers, body)
    }

    fn get(&self, repository: &str, path: &str) -> Answer {
        self.ask("GET", repository, path, &[], b"")
    }

    /// As `dotnet nuget push` does: a boundary in quotes, names without.
    fn push(&self, repository: &str, package: &[u8]) -> Answer {
        let boundary = "bb1c6ac3-2f5c-4a2c-8a8e-2b6c0a1d3e4f";
        let disposition = "name=package; filename=package.nupkg; filename*=utf-8''package.nupkg\r\n\
                           Content-Type: application/octet-stream";
        let body = form(boundary, &[(disposition, package)]);
        let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let headers = [
            ("Content-Type", content_type.as_str()),
            ("X-NuGet-ApiKey", "any"),
            ("X-NuGet-Client-Version", "6.12.0"),
            ("X-NuGet-Protocol-Version", "4.1.0"),
        ];
        // The client puts a slash after the address of the index.
        self.ask("PUT", repository, "v3/package/", &headers, &body)
    }

    fn versions(&self, repository: &str, id: &str) -> Vec<String> {
        let answer = self.get(repository, &format!("v3/flatcontainer/{id}/index.json"));
        if answer.status == 404 {
            return Vec::new();
        }
        let list = answer.json()["versions"].as_array().unwrap().clone();
        list.iter().map(|version| version.as_str().unwrap().to_owned()).collect()
    }

    fn leaves(&self, repository: &str, hive: &str, id: &str) -> Vec<Value> {
        let index = self.get(repository, &format!("v3/{hive}/{id}/index.json")).json();
        let pages = index["items"].as_array().unwrap();
        assert_eq!(index["count"], pages.len());
        pages.iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect()
    }
}

/// A resource's address below the repository.
fn resource(feed: &Feed<'_>, repository: &str, kind: &str) -> String {
    let index = feed.get(repository, "v3/index.json").json();
    assert_eq!(index["version"], "3.0.0");
    let found = index["resources"].as_array().unwrap().iter().find(|resource| resource["@type"] == kind);
    let address = found.unwrap_or_else(|| panic!("no {kind}"))["@id"].as_str().unwrap();
    let base = format!("http://{}/d/acme-111122223333/nuget/{repository}/", feed.service.address);
    address.strip_prefix(&base).unwrap().to_owned()
}

#[test]
fn the_index_leads_to_everything() {
    let service = Service::furnished();
    let anonymous = service.send("GET", "/d/acme-111122223333/nuget/team/v3/index.json", &[], b"");
    assert_eq!(anonymous.status, 401);
    assert!(anonymous.header("www-authenticate").unwrap().starts_with("Basic "));
    let feed = Feed::of(&service);
    for (kind, path) in [
        ("PackageBaseAddress/3.0.0", "v3/flatcontainer/"),
        ("RegistrationsBaseUrl", "v3/registration/"),
        ("RegistrationsBaseUrl/3.6.0", "v3/registration4/"),
        ("SearchQueryService", "v3/search"),
        ("SearchQueryService/3.0.0-rc", "v3/search"),
        ("SearchQueryService/3.5.0", "v3/search"),
        ("SearchAutocompleteService", "v3/autocomplete"),
        ("PackagePublish/2.0.0", "v3/package"),
    ] {
        assert_eq!(resource(&feed, "team", kind), path);
    }
    assert_eq!(feed.get("nowhere", "v3/index.json").status, 404);
    assert_eq!(feed.get("team", "v2/Packages").status, 404);
}

#[test]
fn what_is_pushed_can_be_restored() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    let bytes = package("Acme.Text", "01.2.0.0-Beta+build.7", MORE);
    let pushed = feed.push("shared", &bytes);
    assert_eq!(pushed.status, 201, "{}", pushed.text());

    // Through the repository that has it upstream.
    assert_eq!(feed.versions("app", "acme.text"), ["1.2.0-beta"]);
    let nupkg = feed.get("app", "v3/flatcontainer/acme.text/1.2.0-beta/acme.text.1.2.0-beta.nupkg");
    assert_eq!((nupkg.status, &nupkg.body), (200, &bytes));
    let spelled = feed.get("app", "v3/flatcontainer/Acme.Text/1.2.0-Beta/Acme.Text.1.2.0-Beta.nupkg");
    assert_eq!(spelled.body, bytes);
    let range = [("Range", "bytes=0-1")];
    let part = feed.ask("GET", "app", "v3/flatcontainer/acme.text/1.2.0-beta/acme.text.1.2.0-beta.nupkg", &range, b"");
    assert_eq!((part.status, part.body.as_slice()), (206, &b"PK"[..]));
    let nuspec = feed.get("app", "v3/flatcontainer/acme.text/1.2.0-beta/acme.text.nuspec");
    assert_eq!(nuspec.text(), self::nuspec("Acme.Text", "01.2.0.0-Beta+build.7", MORE));

    let leaves = feed.leaves("app", "registration4", "acme.text");
    let entry = &leaves[0]["catalogEntry"];
    assert_eq!((&entry["id"], &entry["version"]), (&json!("Acme.Text"), &json!("01.2.0.0-Beta+build.7")));
    assert_eq!((&entry["listed"], &entry["licenseExpression"]), (&json!(true), &json!("MIT")));
    assert!(entry["published"].as_str().unwrap().starts_with("2027-01-15T"), "{entry}");
    assert_eq!(entry["tags"], json!(["text", "strings"]));
    let groups = &entry["dependencyGroups"];
    assert_eq!(groups[0]["targetFramework"], "net8.0");
    assert_eq!(groups[0]["dependencies"][0]["range"], "[1.0, )");
    assert_eq!(groups[1]["dependencies"][1]["range"], "[2.0, 3.0)");
    let content = leaves[0]["packageContent"].as_str().unwrap();
    assert!(content.ends_with("/nuget/app/v3/flatcontainer/acme.text/1.2.0-beta/acme.text.1.2.0-beta.nupkg"));
    // Build metadata is for newer clients only.
    assert_eq!(feed.get("app", "v3/registration/acme.text/index.json").status, 404);
    let leaf = feed.get("app", "v3/registration4/acme.text/1.2.0-beta.json").json();
    assert_eq!(leaf["listed"], true);

    let query = "domain=acme&repository=app&format=nuget&package=ACME.text&version=1.02.0-BETA";
    let described = service.ok("GET", &format!("/v1/package/version?{query}"), None);
    let described = &described["packageVersion"];
    assert_eq!((&described["packageName"], &described["version"]), (&json!("acme.text"), &json!("1.2.0-beta")));
    assert_eq!(described["summary"], "About Acme.Text");
    assert_eq!(described["homePage"], "https://acme.example/");
    assert_eq!(described["sourceCodeRepository"], "https://git.example/a");
    assert_eq!(described["licenses"][0]["name"], "MIT");
    let readme = service.ok("GET", &format!("/v1/package/version/readme?{query}"), None);
    assert_eq!(readme["readme"], "# Acme.Text");
    let assets = service.ok("POST", &format!("/v1/package/version/assets?{query}"), None);
    assert_eq!(assets["assets"][0]["name"], "acme.text.1.2.0-beta.nupkg");
    let needed = service.ok("POST", &format!("/v1/package/version/dependencies?{query}"), None);
    assert_eq!(
        needed["dependencies"],
        json!([
            { "package": "acme.core", "versionRequirement": "1.0" },
            { "package": "acme.old", "versionRequirement": "[2.0, 3.0)" },
        ])
    );
}

#[test]
fn a_registration_is_packed_for_who_takes_it_and_remembered() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        assert_eq!(feed.push("team", &package("a", version, "")).status, 201);
    }
    let gzip = [("Accept-Encoding", "gzip, deflate")];
    let packed = feed.ask("GET", "team", "v3/registration4/a/index.json", &gzip, b"");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.body.as_slice()), &mut text).unwrap();
    let plain = feed.get("team", "v3/registration4/a/index.json");
    assert_eq!((plain.header("content-encoding"), plain.text()), (None, text));
    assert_ne!(plain.header("etag"), packed.header("etag"));
    let known = [("If-None-Match", plain.header("etag").unwrap())];
    assert_eq!(feed.ask("GET", "team", "v3/registration4/a/index.json", &known, b"").status, 304);
    let older = feed.ask("GET", "team", "v3/registration/a/index.json", &gzip, b"");
    assert_eq!(older.status, 200);
    let head = feed.ask("HEAD", "team", "v3/registration/a/index.json", &gzip, b"");
    assert_eq!(head.header("content-length"), older.header("content-length"));
}

#[test]
fn pages_hold_64_versions_in_order() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    for minor in (0..70).rev() {
        assert_eq!(feed.push("team", &package("a", &format!("1.{minor}"), "")).status, 201);
    }
    let index = feed.get("team", "v3/registration4/a/index.json").json();
    let shape: Vec<_> = index["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|page| (page["count"].as_u64().unwrap(), page["lower"].as_str().unwrap(), page["upper"].as_str().unwrap()))
        .collect();
    assert_eq!(shape, [(64, "1.0.0", "1.63.0"), (6, "1.64.0", "1.69.0")]);
    assert_eq!(feed.versions("team", "a")[9..11], ["1.9.0", "1.10.0"]);
}

#[test]
fn a_version_is_published_once() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    let bytes = package("a", "1.0.0", "");
    assert_eq!(feed.push("shared", &bytes).status, 201);
    assert_eq!(feed.push("shared", &bytes).status, 201, "the same again");
    for (spelled, more) in [("1.0.0", "<title>x</title>"), ("1.0", ""), ("1.0.0.0", ""), ("01.0.0+other", "")] {
        let refused = feed.push("shared", &package("A", spelled, more));
        assert_eq!(refused.status, 409, "{spelled}: {}", refused.text());
        assert!(refused.json()["message"].as_str().unwrap().contains("1.0.0"));
    }
    assert_eq!(feed.push("app", &package("a", "1.0.0", "<title>y</title>")).status, 409, "it exists upstream");
    assert_eq!(feed.push("app", &package("a", "1.1.0", "")).status, 201);
    for method in ["DELETE", "POST"] {
        assert_eq!(feed.ask(method, "shared", "v3/package/a/1.0.0", &[], b"").status, 405);
    }
}

#[test]
fn what_is_no_package_is_refused() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    let bomb = zip(&[("a.nuspec", &vec![b' '; 2 << 20])]);
    let traversal = zip(&[("../a.nuspec", nuspec("a", "1.0.0", "").as_bytes())]);
    let two =
        zip(&[("a.nuspec", nuspec("a", "1.0.0", "").as_bytes()), ("b.nuspec", nuspec("b", "1.0.0", "").as_bytes())]);
    for (bad, named) in [
        (b"no archive".to_vec(), "zip"),
        (bomb, "bytes"),
        (traversal, "nuspec"),
        (two, "nuspec"),
        (zip(&[]), "nuspec"),
        (zip(&[("x.nuspec", nuspec("../x", "1.0.0", "").as_bytes())]), "id"),
        (package("a", "one", ""), "version"),
        (package("a", "1.0.0", "<readme>&x;</readme>"), "entity"),
    ] {
        let refused = feed.push("team", &bad);
        assert_eq!(refused.status, 400, "{}", refused.text());
        let message = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{message}");
    }
    let form_of = |content_type: &str, body: &[u8]| {
        feed.ask("PUT", "team", "v3/package", &[("Content-Type", content_type)], body).status
    };
    let good = form("b", &[("name=package", &package("a", "1.0.0", ""))]);
    assert_eq!(form_of("application/octet-stream", &good), 400);
    assert_eq!(form_of("multipart/form-data; boundary=c", &good), 400);
    assert_eq!(form_of("multipart/form-data; boundary=b", &good[..good.len() - 6]), 400, "cut short");
    assert_eq!(form_of("multipart/form-data; boundary=b", b"--b--\r\n"), 400, "empty");
    let domain = service.ok("GET", "/v1/domain?domain=acme", None);
    assert_eq!(domain["domain"]["assetSizeBytes"], 0, "nothing of it is kept");
    // A readme that is not there is no reason to refuse a package.
    assert_eq!(feed.push("team", &package("a", "1.0.0", "<readme>none.md</readme>")).status, 201);
}

#[test]
fn statuses() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        assert_eq!(feed.push("team", &package("a", version, "")).status, 201);
    }
    let target = "/v1/package/versions/update_status?domain=acme&repository=team&format=nuget&package=a";
    let set = |version: &str, status: &str| {
        let changed = service.ok("POST", target, Some(&json!({ "versions": [version], "targetStatus": status })));
        assert_eq!(changed["failedVersions"], json!({}), "{changed}");
    };
    set("1.1.0.0", "Unlisted");
    set("1.2.0", "Archived");
    assert_eq!(feed.versions("team", "a"), ["1.0.0", "1.1.0"], "a locked restore finds what is unlisted");
    let listed: Vec<_> =
        feed.leaves("team", "registration", "a").iter().map(|leaf| leaf["catalogEntry"]["listed"].clone()).collect();
    assert_eq!(listed, [true, false]);
    let status = |version: &str| feed.get("team", &format!("v3/flatcontainer/a/{version}/a.{version}.nupkg")).status;
    assert_eq!((status("1.0.0"), status("1.1.0"), status("1.2.0"), status("1.3.0")), (200, 200, 404, 404));
    assert_eq!(feed.get("team", "v3/flatcontainer/a/1.2.0/a.nuspec").status, 404);
    assert_eq!(feed.get("team", "v3/registration/a/1.2.0.json").status, 404);
    let found = feed.get("team", "v3/search?q=a").json();
    assert_eq!((&found["totalHits"], &found["data"][0]["version"]), (&json!(1), &json!("1.0.0")));
    assert_eq!(found["data"][0]["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn search_and_completion() {
    let service = Service::furnished();
    let feed = Feed::of(&service);
    for (repository, id, version, more) in [
        ("shared", "Acme.Text", "1.0.0", "<tags>strings</tags>"),
        ("shared", "Acme.Text", "2.0.0-rc", ""),
        ("shared", "Acme.Text", "2.0.0-rc.1", ""),
        ("app", "Acme.Core", "1.0.0", ""),
        ("app", "Tool", "1.0.0", "<packageTypes><packageType name=\"DotnetTool\"/></packageTypes>"),
    ] {
        assert_eq!(feed.push(repository, &package(id, version, more)).status, 201);
    }
    let search = |query: &str| {
        let found = feed.get("app", &format!("v3/search?{query}")).json();
        let data = found["data"].as_array().unwrap().clone();
        let hit = |hit: &Value| format!("{} {}", hit["id"].as_str().unwrap(), hit["version"].as_str().unwrap());
        (found["totalHits"].as_u64().unwrap(), data.iter().map(hit).collect::<Vec<_>>())
    };
    let all = || vec!["Acme.Core 1.0.0".to_owned(), "Acme.Text 1.0.0".to_owned(), "Tool 1.0.0".to_owned()];
    assert_eq!(search(""), (3, all()));
    assert_eq!(search("q=&skip=1&take=1"), (3, vec!["Acme.Text 1.0.0".to_owned()]));
    assert_eq!(search("q=acme&take=0"), (2, vec![]));
    assert_eq!(search("q=acme.TEXT"), (1, vec!["Acme.Text 1.0.0".to_owned()]));
    assert_eq!(search("q=strings%20acme").0, 1);
    assert_eq!(search("q=packageid:acme.core").0, 1);
    assert_eq!(search("q=acme.text&prerelease=true").1, ["Acme.Text 2.0.0-rc"]);
    assert_eq!(search("q=acme.text&prerelease=true&semVerLevel=2.0.0").1, ["Acme.Text 2.0.0-rc.1"]);
    assert_eq!(search("packageType=dotnettool").1, ["Tool 1.0.0"]);
    assert_eq!(search("q=nothing"), (0, vec![]));
    assert_eq!(feed.get("app", "v3/search?skip=-1").status, 400);
    let completed = feed.get("app", "v3/autocomplete?q=acme").json();
    assert_eq!(completed["data"], json!(["Acme.Core", "Acme.Text"]));
    let versions = feed.get("app", "v3/autocomplete?id=acme.text&prerelease=true").json();
    assert_eq!(versions["data"], json!(["1.0.0", "2.0.0-rc"]));
}

/// A source with the package `Acme.Text`: registrations in pages of their own, a catalog with hashes.
fn public(source: &Source, versions: &[&str]) {
    let base = source.url();
    let index = json!({ "version": "3.0.0", "resources": [
        { "@id": format!("{base}flat/"), "@type": "PackageBaseAddress/3.0.0" },
        { "@id": format!("{base}old"), "@type": "RegistrationsBaseUrl" },
        { "@id": format!("{base}reg"), "@type": ["RegistrationsBaseUrl/3.6.0"] },
    ] });
    let put = |path: &str, value: &Value| source.put(path, "application/json", value.to_string());
    put("/feed/index.json", &index);
    put("/flat/acme.text/index.json", &json!({ "versions": versions }));
    let leaf = |version: &str| {
        json!({ "@id": "x", "catalogEntry": {
            "@id": format!("{base}catalog/{version}.json"), "id": "Acme.Text", "version": version,
            "listed": version != "0.9.0", "published": "2019-05-06T07:08:09.1+00:00",
            "dependencyGroups": [{ "dependencies": [{ "id": "Acme.Core", "range": "[1.0.0, )" }] }],
        } })
    };
    let leaves: Vec<Value> = versions.iter().map(|version| leaf(version)).collect();
    put("/reg/acme.text/index.json", &json!({ "items": [{ "@id": format!("{base}reg/acme.text/page.json") }] }));
    put("/reg/acme.text/page.json", &json!({ "items": leaves }));
    for version in versions {
        let bytes = package("Acme.Text", version, MORE);
        put(
            &format!("/catalog/{version}.json"),
            &json!({ "packageHash": STANDARD.encode(Sha512::digest(&bytes)), "packageHashAlgorithm": "SHA512" }),
        );
        source.put(&format!("/flat/acme.text/{version}/acme.text.{version}.nupkg"), "application/octet-stream", bytes);
        let nuspec = nuspec("Acme.Text", version, MORE);
        source.put(&format!("/flat/acme.text/{version}/acme.text.nuspec"), "application/xml", nuspec);
    }
}

/// A service whose `store` is connected to the source; `middle` has `store` upstream and `team` has `middle`.
fn chain(source: &Source) -> Service {
    let address = SourceAddress::parse(&format!("{}feed/index.json", source.url())).unwrap();
    let service = Service::of(Options {
        external: BTreeMap::from([(Connection::NugetOrg, address)]),
        ..Options::ephemeral(fixed_clock())
    });
    service.ok("POST", "/v1/domain?domain=acme", None);
    service.ok("POST", "/v1/repository?domain=acme&repository=store", None);
    let connect = "domain=acme&repository=store&external-connection=public:nuget-org";
    service.ok("POST", &format!("/v1/repository/external-connection?{connect}"), None);
    for (name, upstream) in [("middle", "store"), ("team", "middle")] {
        let upstreams = json!({ "upstreams": [{ "repositoryName": upstream }] });
        service.ok("POST", &format!("/v1/repository?domain=acme&repository={name}"), Some(&upstreams));
    }
    service
}

fn stored(service: &Service, repository: &str) -> Vec<String> {
    let query = format!("/v1/package/versions?domain=acme&repository={repository}&format=nuget&package=acme.text");
    let answer = service.call("POST", &query, None);
    let versions = answer.json()["versions"].as_array().cloned().unwrap_or_default();
    versions.iter().map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_public_package_comes_through_three_repositories() {
    let source = Source::start();
    public(&source, &["0.9.0", "1.0.0", "1.1.0-beta"]);
    let service = chain(&source);
    let feed = Feed::of(&service);

    assert_eq!(feed.versions("team", "acme.text"), ["0.9.0", "1.0.0", "1.1.0-beta"]);
    let leaves = feed.leaves("team", "registration4", "acme.text");
    let entries: Vec<_> = leaves.iter().map(|leaf| &leaf["catalogEntry"]).collect();
    assert_eq!(entries.len(), 3);
    assert_eq!((&entries[0]["listed"], &entries[1]["listed"]), (&json!(false), &json!(true)));
    assert_eq!(entries[1]["published"], "2019-05-06T07:08:09.1+00:00");
    let content = leaves[1]["packageContent"].as_str().unwrap();
    assert!(content.starts_with(&format!("http://{}/d/", service.address)), "links lead here");
    let nuspec = feed.get("team", "v3/flatcontainer/acme.text/1.0.0/acme.text.nuspec");
    assert_eq!(nuspec.text(), self::nuspec("Acme.Text", "1.0.0", MORE));
    for repository in ["store", "middle", "team"] {
        assert!(stored(&service, repository).is_empty(), "metadata retains nothing");
    }

    let path = "v3/flatcontainer/acme.text/1.0.0/acme.text.1.0.0.nupkg";
    let fetched = feed.get("team", path);
    assert_eq!((fetched.status, fetched.body), (200, package("Acme.Text", "1.0.0", MORE)));
    assert_eq!(
        (stored(&service, "team"), stored(&service, "store")),
        (vec!["1.0.0".to_owned()], vec!["1.0.0".to_owned()])
    );
    assert!(stored(&service, "middle").is_empty());
    let query = "domain=acme&repository=team&format=nuget&package=acme.text&version=1.0.0";
    let described = service.ok("GET", &format!("/v1/package/version?{query}"), None);
    assert_eq!(described["packageVersion"]["licenses"][0]["name"], "MIT");
    assert_eq!(described["packageVersion"]["origin"]["originType"], "EXTERNAL");

    // What the public source has cannot be published beside it, whether it was fetched or not.
    for version in ["1.0.0", "0.9"] {
        let refused = feed.push("team", &package("acme.text", version, ""));
        assert_eq!(refused.status, 409, "{}", refused.text());
    }

    source.stop();
    assert_eq!(feed.get("team", path).status, 200);
    let gone = feed.get("team", "v3/flatcontainer/acme.text/1.1.0-beta/acme.text.1.1.0-beta.nupkg");
    assert_eq!(gone.status, 404);
    let entry = feed.leaves("team", "registration4", "acme.text")[1]["catalogEntry"].clone();
    assert_eq!(entry["published"], "2019-05-06T07:08:09.1+00:00", "it keeps its time");
    assert_eq!(source.asked("/flat/acme.text/1.0.0/acme.text.1.0.0.nupkg"), 1);
}

#[test]
fn other_bytes_than_announced_are_not_kept() {
    let source = Source::start();
    public(&source, &["1.0.0"]);
    source.put("/flat/acme.text/1.0.0/acme.text.1.0.0.nupkg", "application/octet-stream", "other");
    let service = chain(&source);
    let feed = Feed::of(&service);
    let target = "/d/acme-111122223333/nuget/team/v3/flatcontainer/acme.text/1.0.0/acme.text.1.0.0.nupkg";
    let authorization = [("Authorization", feed.authorization.as_str()), ("Range", "bytes=0-")];
    assert_eq!(service.send("GET", target, &authorization, b"").status, 502);
    assert!(stored(&service, "team").is_empty() && stored(&service, "store").is_empty());
}

#[test]
fn refusals_have_the_shapes_that_clients_read() {
    let service = Service::furnished();
    service.ok("POST", "/v1/domain?domain=other", None);
    let foreign = service.ok("POST", "/v1/authorization-token?domain=other", None)["authorizationToken"].clone();
    let ask = |authorization: &str, path: &str| {
        let target = format!("/d/acme-111122223333/nuget/team/{path}");
        service.send("GET", &target, &[("Authorization", authorization)], b"")
    };
    let foreign = ask(&basic(foreign.as_str().unwrap()), "v3/index.json");
    let wrong = ask(&basic("wrong"), "v3/index.json");
    let absent = ask(&basic(&service.token()), "v3/registration4/none/index.json");
    for (answer, status) in [(foreign, 403), (wrong, 401), (absent, 404)] {
        assert_eq!(answer.status, status);
        assert!(answer.json()["message"].is_string());
    }
}
