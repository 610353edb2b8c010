//! Every package format by one table: what publishes a version, where it is read, how its list looks, and how a public
//! source offers it. What is shown for one format is shown for all by the same code.

use std::{collections::BTreeMap, io::Write as _, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use local_service::{Connection, SourceAddress};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

use crate::{
    client::{self, Answer, form, index_path, publish_body, request, sha256, signed, zip},
    source::Source,
};

/// A format that the service serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    Cargo,
    Npm,
    Pypi,
    Maven,
    Nuget,
    Ruby,
    Swift,
    Generic,
}

/// A request that is yet to get its credentials.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// Where a version is published, and what it is called: letters and digits, so that no format changes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    pub(crate) format: Format,
    pub(crate) repository: &'static str,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Bytes that make it larger.
    pub(crate) ballast: usize,
}

const BOUNDARY: &str = "5f1c-boundary";
const DOMAIN: &str = "/d/acme-111122223333";

impl Format {
    pub(crate) const ALL: [Self; 8] =
        [Self::Cargo, Self::Npm, Self::Pypi, Self::Maven, Self::Nuget, Self::Ruby, Self::Swift, Self::Generic];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Nuget => "nuget",
            Self::Ruby => "ruby",
            Self::Swift => "swift",
            Self::Generic => "generic",
        }
    }

    /// The public source that versions are imported from, if there is one of the format.
    pub(crate) const fn connection(self) -> Option<(Connection, &'static str)> {
        match self {
            Self::Cargo => Some((Connection::CratesIo, "public:crates-io")),
            Self::Npm => Some((Connection::Npmjs, "public:npmjs")),
            Self::Pypi => Some((Connection::Pypi, "public:pypi")),
            Self::Maven => Some((Connection::MavenCentral, "public:maven-central")),
            Self::Nuget => Some((Connection::NugetOrg, "public:nuget-org")),
            Self::Ruby => Some((Connection::RubyGemsOrg, "public:ruby-gems-org")),
            Self::Swift | Self::Generic => None,
        }
    }

    /// The namespace that the tests' packages have.
    pub(crate) const fn namespace(self) -> &'static str {
        match self {
            Self::Maven => "com.acme",
            Self::Swift => "acme",
            Self::Generic => "tools",
            Self::Cargo | Self::Npm | Self::Pypi | Self::Nuget | Self::Ruby => "",
        }
    }

    /// The query that names a package in the API.
    pub(crate) fn query(self, repository: &str, name: &str) -> String {
        let namespace = match self.namespace() {
            "" => String::new(),
            namespace => format!("&namespace={namespace}"),
        };
        format!("domain=acme&repository={repository}&format={}{namespace}&package={name}", self.name())
    }
}

impl Ask {
    pub(crate) fn get(target: String) -> Self {
        Self { method: "GET", target, headers: Vec::new(), body: Vec::new() }
    }

    /// The bytes of the request, with the credentials of its plane.
    pub(crate) fn bytes(&self, address: SocketAddr, token: &str) -> Vec<u8> {
        let authorization =
            if self.target.starts_with("/v1/") { signed("eu-west-1") } else { format!("Bearer {token}") };
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_str())));
        request(address, self.method, &self.target, &headers, &self.body)
    }

    pub(crate) fn send(&self, address: SocketAddr, token: &str) -> std::io::Result<Answer> {
        let mut connection = client::Connection::open(address)?;
        connection.send(&self.bytes(address, token))?;
        connection.receive(self.method == "HEAD")
    }
}

impl Release {
    pub(crate) fn new(format: Format, repository: &'static str, name: &str, version: &str) -> Self {
        Self { format, repository, name: name.to_owned(), version: version.to_owned(), ballast: 700 }
    }

    pub(crate) fn with_ballast(self, ballast: usize) -> Self {
        Self { ballast, ..self }
    }

    fn base(&self) -> String {
        format!("{DOMAIN}/{}/{}", self.format.name(), self.repository)
    }

    /// Bytes that are another version's neither in whole nor in part.
    fn filling(&self) -> Vec<u8> {
        let seed = sha256(format!("{self:?}").as_bytes());
        seed.into_bytes().into_iter().cycle().take(self.ballast).collect()
    }

    /// The packages that publishing uploads, in their order: file name and bytes.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let Self { format, name, version, .. } = self;
        let filling = self.filling();
        match format {
            Format::Cargo => vec![(format!("{name}-{version}.crate"), filling)],
            Format::Npm => vec![(format!("{name}-{version}.tgz"), filling)],
            Format::Pypi => {
                let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n# {name}\n");
                let entry = format!("{name}-{version}.dist-info/METADATA");
                let bytes = zip(&[(&entry, metadata.as_bytes()), (&format!("{name}/x"), &filling)]);
                vec![(format!("{name}-{version}-py3-none-any.whl"), bytes)]
            }
            Format::Maven => {
                let pom = format!(
                    "<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId>\
                     <artifactId>{name}</artifactId><version>{version}</version></project>"
                );
                vec![(format!("{name}-{version}.jar"), filling), (format!("{name}-{version}.pom"), pom.into_bytes())]
            }
            Format::Nuget => {
                let nuspec = format!(
                    "<?xml version=\"1.0\"?><package><metadata><id>{name}</id><version>{version}</version>\
                     <authors>A</authors><description>About {name}</description></metadata></package>"
                );
                let bytes = zip(&[(&format!("{name}.nuspec"), nuspec.as_bytes()), ("lib/x.dll", &filling)]);
                vec![(format!("{name}.{version}.nupkg"), bytes)]
            }
            Format::Ruby => vec![(format!("{name}-{version}.gem"), gem(&specification(name, version), &filling))],
            Format::Swift => {
                let manifest = b"// swift-tools-version:5.9\nimport PackageDescription\n";
                let bytes = zip(&[(&format!("{name}/Package.swift"), manifest), (&format!("{name}/x"), &filling)]);
                vec![(format!("{name}-{version}.zip"), bytes)]
            }
            Format::Generic => {
                let second = [b"second of ", &filling[..]].concat();
                vec![("first.bin".to_owned(), filling), ("second.bin".to_owned(), second)]
            }
        }
    }

    /// The requests that publish it: the last one makes it whole.
    pub(crate) fn publication(&self) -> Vec<Ask> {
        self.files_publication(&self.files())
    }

    /// The same with other files in their places.
    pub(crate) fn files_publication(&self, files: &[(String, Vec<u8>)]) -> Vec<Ask> {
        let Self { format, repository, name, version, .. } = self;
        let base = self.base();
        let ask = |method, path: &str, body| Ask { method, target: format!("{base}/{path}"), headers: vec![], body };
        let (file, bytes) = &files[0];
        match format {
            Format::Cargo => vec![ask("PUT", "api/v1/crates/new", publish_body(name, version, bytes))],
            Format::Npm => vec![ask("PUT", name, npm_document(name, version, bytes).to_string().into_bytes())],
            Format::Pypi => {
                let digest = sha256(bytes);
                let field = |name: &str| format!("name=\"{name}\"");
                let fields = [":action", "name", "version", "sha256_digest"].map(field);
                let content = format!("name=\"content\"; filename=\"{file}\"");
                let parts = [
                    (fields[0].as_str(), &b"file_upload"[..]),
                    (&fields[1], name.as_bytes()),
                    (&fields[2], version.as_bytes()),
                    (&fields[3], digest.as_bytes()),
                    (&content, bytes),
                ];
                vec![with_form(ask("POST", "", form(BOUNDARY, &parts)))]
            }
            Format::Maven => {
                let mut asks: Vec<_> = files
                    .iter()
                    .map(|(file, bytes)| ask("PUT", &format!("com/acme/{name}/{version}/{file}"), bytes.clone()))
                    .collect();
                let metadata = maven_metadata(name, &[version]);
                asks.push(ask("PUT", &format!("com/acme/{name}/maven-metadata.xml"), metadata.into_bytes()));
                asks
            }
            Format::Nuget => {
                let body = form(BOUNDARY, &[("name=package; filename=package.nupkg", bytes)]);
                vec![with_form(ask("PUT", "v3/package/", body))]
            }
            Format::Ruby => vec![ask("POST", "api/v1/gems", bytes.clone())],
            Format::Swift => {
                let body = form(BOUNDARY, &[("name=\"source-archive\"", bytes), ("name=\"metadata\"", b"{}")]);
                vec![with_form(ask("PUT", &format!("acme/{name}/{version}"), body))]
            }
            Format::Generic => {
                let upload = |(at, (file, bytes)): (usize, &(String, Vec<u8>))| {
                    let unfinished = if at + 1 < files.len() { "&unfinished=true" } else { "" };
                    let query = format.query(repository, name);
                    let target =
                        format!("/v1/package/version/publish?{query}&version={version}&asset={file}{unfinished}");
                    let headers = vec![("x-amz-content-sha256", sha256(bytes))];
                    Ask { method: "POST", target, headers, body: bytes.clone() }
                };
                files.iter().enumerate().map(upload).collect()
            }
        }
    }

    /// Where a client reads its files, and what it gets.
    pub(crate) fn reading(&self) -> Vec<(Ask, Vec<u8>)> {
        let Self { format, name, version, .. } = self;
        let base = self.base();
        let read = |(file, bytes): (String, Vec<u8>)| {
            let path = match format {
                Format::Cargo => format!("api/v1/crates/{name}/{version}/download"),
                Format::Npm => format!("{name}/-/{file}"),
                Format::Pypi => format!("simple/{name}/{version}/{file}"),
                Format::Maven => format!("com/acme/{name}/{version}/{file}"),
                Format::Nuget => format!("v3/flatcontainer/{name}/{version}/{file}"),
                Format::Ruby => format!("gems/{file}"),
                Format::Swift => format!("acme/{name}/{version}.zip"),
                Format::Generic => format!("tools/{name}/{version}/{file}"),
            };
            (Ask::get(format!("{base}/{path}")), bytes)
        };
        self.files().into_iter().map(read).collect()
    }

    /// Where a client reads which versions there are; generic packages have the API only.
    pub(crate) fn list(&self) -> Ask {
        let Self { format, repository, name, .. } = self;
        let path = match format {
            Format::Cargo => index_path(name),
            Format::Npm => name.clone(),
            Format::Pypi => format!("simple/{name}/"),
            Format::Maven => format!("com/acme/{name}/maven-metadata.xml"),
            Format::Nuget => format!("v3/flatcontainer/{name}/index.json"),
            Format::Ruby => format!("info/{name}"),
            Format::Swift => format!("acme/{name}"),
            Format::Generic => {
                let query = format.query(repository, name);
                let target = format!("/v1/package/versions?{query}&status=Published&max-results=1000");
                return Ask { method: "POST", ..Ask::get(target) };
            }
        };
        let mut ask = Ask::get(format!("{}/{path}", self.base()));
        if *format == Format::Pypi {
            ask.headers.push(("Accept", "application/vnd.pypi.simple.v1+json".to_owned()));
        }
        ask
    }

    /// The versions in an answer to that, in any order; none if the package is not there.
    pub(crate) fn listed(&self, answer: &Answer) -> Vec<String> {
        if answer.status == 404 {
            return Vec::new();
        }
        assert_eq!(answer.status, 200, "{self:?}: {}", answer.text());
        let texts = |list: &Value, member: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
        };
        let keys = |object: &Value| -> Vec<String> { object.as_object().unwrap().keys().cloned().collect() };
        let text = answer.text();
        match self.format {
            Format::Cargo => text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["vers"].as_str().unwrap().to_owned())
                .collect(),
            Format::Npm => keys(&answer.json()["versions"]),
            Format::Pypi => texts(&answer.json()["files"], "filename")
                .iter()
                .map(|file| file.split('-').nth(1).unwrap().to_owned())
                .collect(),
            Format::Maven => text
                .split("<version>")
                .skip(1)
                .map(|rest| rest.split_once("</version>").unwrap().0.to_owned())
                .collect(),
            Format::Nuget => {
                let versions = answer.json()["versions"].as_array().unwrap().clone();
                versions.iter().map(|version| version.as_str().unwrap().to_owned()).collect()
            }
            Format::Ruby => text.lines().skip(1).map(|line| line.split_once(' ').unwrap().0.to_owned()).collect(),
            Format::Swift => keys(&answer.json()["releases"]),
            Format::Generic => texts(&answer.json()["versions"], "version"),
        }
    }

    /// Publishes it; the last answer.
    pub(crate) fn publish(&self, address: SocketAddr, token: &str) -> std::io::Result<Answer> {
        let mut last = None;
        for ask in self.publication() {
            let answer = ask.send(address, token)?;
            if answer.status >= 300 {
                return Ok(answer);
            }
            last = Some(answer);
        }
        Ok(last.expect("publishing takes a request at least"))
    }

    /// Puts it into a public source; with others of its name that the source has.
    pub(crate) fn offer(source: &Source, releases: &[Self]) {
        let first = &releases[0];
        let (format, name) = (first.format, first.name.as_str());
        let base = source.url();
        let put = |path: &str, bytes: Vec<u8>| source.put(&format!("/{}/{path}", format.name()), "x/y", bytes);
        let put_json = |path: &str, value: &Value| {
            source.put(&format!("/{}/{path}", format.name()), "application/json", value.to_string());
        };
        let files: Vec<(&str, String, Vec<u8>)> = releases
            .iter()
            .flat_map(|release| {
                release.files().into_iter().map(|(file, bytes)| (release.version.as_str(), file, bytes))
            })
            .collect();
        match format {
            Format::Cargo => {
                put_json("config.json", &json!({ "dl": format!("{base}cargo/dl"), "api": base }));
                let mut index = Vec::new();
                for (version, _, bytes) in files {
                    let line = json!({
                        "name": name, "vers": version, "deps": [], "features": {}, "yanked": false,
                        "cksum": sha256(&bytes),
                    });
                    writeln!(index, "{line}").unwrap();
                    put(&format!("dl/{name}/{version}/download"), bytes);
                }
                put(&index_path(name), index);
            }
            Format::Npm => {
                let mut document = json!({ "name": name, "dist-tags": {}, "versions": {}, "time": {} });
                for (version, file, bytes) in files {
                    let mut manifest = npm_document(name, version, &bytes)["versions"][version].clone();
                    manifest["dist"]["tarball"] = json!(format!("{base}npm/files/{file}"));
                    document["versions"][version] = manifest;
                    document["dist-tags"]["latest"] = json!(version);
                    document["time"][version] = json!("2020-01-01T00:00:00.000Z");
                    put(&format!("files/{file}"), bytes);
                }
                put_json(name, &document);
            }
            Format::Pypi => {
                let mut page = json!({ "meta": { "api-version": "1.1" }, "name": name, "files": [] });
                for (_, file, bytes) in files {
                    page["files"].as_array_mut().unwrap().push(json!({
                        "filename": file, "url": format!("{base}pypi/files/{file}"), "size": bytes.len(),
                        "hashes": { "sha256": sha256(&bytes) },
                    }));
                    put(&format!("files/{file}"), bytes);
                }
                let path = format!("/pypi/simple/{name}/");
                source.put(&path, "application/vnd.pypi.simple.v1+json", page.to_string());
            }
            Format::Maven => {
                let versions: Vec<&str> = releases.iter().map(|release| release.version.as_str()).collect();
                put(&format!("com/acme/{name}/maven-metadata.xml"), maven_metadata(name, &versions).into_bytes());
                for (version, file, bytes) in files {
                    let path = format!("com/acme/{name}/{version}/{file}");
                    put(&format!("{path}.sha1"), format!("{:x}", Sha1::digest(&bytes)).into_bytes());
                    put(&path, bytes);
                }
            }
            Format::Nuget => {
                put_json(
                    "index.json",
                    &json!({ "version": "3.0.0", "resources": [
                    { "@id": format!("{base}nuget/flat/"), "@type": "PackageBaseAddress/3.0.0" },
                    { "@id": format!("{base}nuget/reg/"), "@type": "RegistrationsBaseUrl/3.6.0" },
                ] }),
                );
                let mut leaves = Vec::new();
                for (version, file, bytes) in &files {
                    let entry = format!("{base}nuget/catalog/{name}.{version}.json");
                    leaves.push(json!({ "@id": "x", "catalogEntry": {
                        "@id": entry, "id": name, "version": version, "listed": true,
                        "published": "2020-01-01T00:00:00+00:00",
                    } }));
                    let hash = STANDARD.encode(Sha512::digest(bytes));
                    let catalog = json!({ "packageHash": hash, "packageHashAlgorithm": "SHA512" });
                    put_json(&format!("catalog/{name}.{version}.json"), &catalog);
                    put(&format!("flat/{name}/{version}/{file}"), bytes.clone());
                }
                let versions: Vec<&str> = files.iter().map(|(version, ..)| *version).collect();
                put_json(&format!("flat/{name}/index.json"), &json!({ "versions": versions }));
                put_json(&format!("reg/{name}/index.json"), &json!({ "items": [{ "items": leaves }] }));
            }
            Format::Ruby => {
                let mut info = b"---\n".to_vec();
                for (version, file, bytes) in files {
                    writeln!(info, "{version} |checksum:{}", sha256(&bytes)).unwrap();
                    put(&format!("gems/{file}"), bytes);
                }
                put(&format!("info/{name}"), info);
            }
            Format::Swift | Format::Generic => unreachable!("there is no public source of {format:?}"),
        }
    }
}

/// The addresses of a source that offers all formats.
pub(crate) fn addresses(source: &str) -> BTreeMap<Connection, SourceAddress> {
    let connected = Format::ALL.into_iter().filter_map(|format| Some((format, format.connection()?.0)));
    connected
        .map(|(format, connection)| {
            let path = match format {
                Format::Pypi => "pypi/simple",
                Format::Nuget => "nuget/index.json",
                _ => format.name(),
            };
            (connection, SourceAddress::parse(&format!("{source}{path}")).unwrap())
        })
        .collect()
}

/// The calls that make domain `acme`: `team` to publish to, and `app`, which reaches a public source of every format.
pub(crate) fn furnishing() -> Vec<Ask> {
    let post =
        |target: String, body: Value| Ask { method: "POST", body: body.to_string().into_bytes(), ..Ask::get(target) };
    let mut calls = vec![
        post("/v1/domain?domain=acme".to_owned(), json!({})),
        post("/v1/repository?domain=acme&repository=team".to_owned(), json!({})),
        post("/v1/repository?domain=acme&repository=shared".to_owned(), json!({})),
    ];
    let mut upstreams = Vec::new();
    for format in Format::ALL {
        let Some((_, name)) = format.connection() else { continue };
        let store = format!("store-{}", format.name());
        calls.push(post(format!("/v1/repository?domain=acme&repository={store}"), json!({})));
        let connect =
            format!("/v1/repository/external-connection?domain=acme&repository={store}&external-connection={name}");
        calls.push(post(connect, json!({})));
        upstreams.push(json!({ "repositoryName": store }));
    }
    let app = "/v1/repository?domain=acme&repository=app".to_owned();
    calls.push(post(app, json!({ "upstreams": upstreams })));
    calls
}

fn with_form(ask: Ask) -> Ask {
    Ask { headers: vec![("Content-Type", format!("multipart/form-data; boundary=\"{BOUNDARY}\""))], ..ask }
}

pub(crate) fn npm_document(name: &str, version: &str, content: &[u8]) -> Value {
    let file = format!("{name}-{version}.tgz");
    json!({
        "_id": name, "name": name, "dist-tags": { "latest": version },
        "versions": { version: {
            "name": name, "version": version, "description": "A package",
            "dist": {
                "shasum": format!("{:x}", Sha1::digest(content)),
                "integrity": format!("sha512-{}", STANDARD.encode(Sha512::digest(content))),
                "tarball": format!("http://elsewhere.example/{name}/-/{file}"),
            },
        } },
        "_attachments": { file: {
            "content_type": "application/octet-stream", "data": STANDARD.encode(content), "length": content.len(),
        } },
    })
}

pub(crate) fn maven_metadata(name: &str, versions: &[&str]) -> String {
    let versions: Vec<String> = versions.iter().map(|version| format!("<version>{version}</version>")).collect();
    let versions = versions.concat();
    format!(
        "<metadata><groupId>com.acme</groupId><artifactId>{name}</artifactId><versioning><versions>{versions}\
         </versions><lastUpdated>20261122190000</lastUpdated></versioning></metadata>"
    )
}

pub(crate) fn specification(name: &str, version: &str) -> String {
    format!(
        "--- !ruby/object:Gem::Specification\nname: {name}\nversion: !ruby/object:Gem::Version\n  version: {version}\n\
         platform: ruby\nsummary: About {name}\n"
    )
}

/// A gem of this specification and this content.
pub(crate) fn gem(specification: &str, content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(specification.as_bytes()).unwrap();
    gem_of(&packer.finish().unwrap(), content)
}

/// The same of a specification that is packed.
pub(crate) fn gem_of(packed: &[u8], content: &[u8]) -> Vec<u8> {
    tar_of(&[("metadata.gz", packed), ("data.tar.gz", content)])
}

/// A gem with one more entry: the digests of its parts.
pub(crate) fn with_checksums(gem: &[u8], checksums: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(checksums.as_bytes()).unwrap();
    let entry = tar_of(&[("checksums.yaml.gz", &packer.finish().unwrap())]);
    // Two blocks of zeros end a tar file.
    [&gem[..gem.len() - 1024], &entry].concat()
}

/// A tar file.
pub(crate) fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in entries.iter().copied() {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o444);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// What is shown for one format is shown for all: so the table itself is shown to be right first.
#[test]
fn every_format_publishes_lists_and_reads_by_the_table() {
    let source = Source::start();
    let service = client::Service::of(local_service::Options {
        external: addresses(&source.url()),
        ..local_service::Options::ephemeral(client::fixed_clock())
    });
    for ask in furnishing() {
        let answer = ask.send(service.address, "").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let token = service.token();
    let check = |release: &Release| {
        for (ask, bytes) in release.reading() {
            let answer = ask.send(service.address, &token).unwrap();
            assert_eq!(answer.status, 200, "{ask:?}: {}", answer.text());
            assert_eq!(answer.body, bytes, "{ask:?}");
        }
        let answer = release.list().send(service.address, &token).unwrap();
        assert_eq!(release.listed(&answer), [release.version.as_str()], "{release:?}");
        let target = format!("/v1/package/versions?{}", release.format.query(release.repository, &release.name));
        let listed = service.ok("POST", &target, None);
        assert_eq!(listed["versions"][0]["version"], release.version.as_str());
    };
    for format in Format::ALL {
        let release = Release::new(format, "team", "demo", "1.2.3");
        let answer = release.publish(service.address, &token).unwrap();
        assert!(answer.status < 300, "{format:?}: {}", answer.text());
        check(&release);
        if format.connection().is_some() {
            let release = Release::new(format, "app", "public", "2.0.1");
            Release::offer(&source, std::slice::from_ref(&release));
            check(&release);
        }
    }
}
