//! Package groups made with the real AWS CLI, and what they mean to the real cargo.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use serde_json::{Value, json};
use tests::{Outcome, Sandbox, Service, programs::find, sample::sha256, service::index_path};

const DOMAIN: &str = "acme";

/// A public source on loopback.
struct Source {
    url: String,
}

impl Source {
    /// Serves one version of each crate to whoever asks, until the test ends.
    fn of(crates: &[(&str, Vec<u8>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        let config = json!({ "dl": format!("{url}dl"), "api": url });
        let mut files = BTreeMap::from([("/config.json".to_owned(), config.to_string().into_bytes())]);
        for (name, content) in crates {
            let line = json!({
                "name": name, "vers": "0.1.0", "deps": [], "features": {}, "yanked": false, "cksum": sha256(content),
            });
            files.insert(format!("/{}", index_path(name)), format!("{line}\n").into_bytes());
            files.insert(format!("/dl/{name}/0.1.0/download"), content.clone());
        }
        let files = Arc::new(files);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let files = Arc::clone(&files);
                std::thread::spawn(move || drop(stream.and_then(|stream| serve(&files, stream))));
            }
        });
        Self { url }
    }
}

fn serve(files: &BTreeMap<String, Vec<u8>>, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let file = first.split(' ').nth(1).and_then(|path| files.get(path));
    let (status, body) = file.map_or(("404 Not Found", &[][..]), |file| ("200 OK", file));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    reader.get_mut().write_all(head.as_bytes())?;
    reader.get_mut().write_all(body)
}

/// A crate in the sandbox.
fn write_crate(sandbox: &Sandbox, name: &str) -> String {
    let folder = format!("work/crates/{name}");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\ndescription = \"A sample\"\n\
         license = \"MIT\"\n\n[workspace]\n"
    );
    sandbox.write(format!("{folder}/Cargo.toml"), manifest);
    sandbox.write(format!("{folder}/src/lib.rs"), "pub fn answer() -> u32 {\n    42\n}\n");
    folder
}

/// Its packed form.
fn packed(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    let folder = write_crate(sandbox, name);
    let package = ["package", "--quiet", "--no-verify", "--allow-dirty", "--target-dir"];
    let target = sandbox.path(format!("{folder}/target"));
    sandbox.cargo(&package).arg(&target).current_dir(sandbox.path(&folder)).run().success();
    std::fs::read(target.join(format!("package/{name}-0.1.0.crate"))).expect("cargo packed it")
}

/// The sandbox with a service and the CLI: `team` has `store` upstream, which is connected to the source.
struct Scene {
    sandbox: Sandbox,
    service: Service,
}

impl Scene {
    fn new(public: &[&str]) -> Option<Self> {
        find("aws")?;
        let sandbox = Sandbox::new();
        let crates: Vec<_> = public.iter().map(|name| (*name, packed(&sandbox, name))).collect();
        let source = Source::of(&crates);
        let external = format!("public:crates-io={}", source.url);
        let service = Service::start_with(&sandbox, &["--ephemeral", "--external", &external]);
        service.make(DOMAIN, &["team", "store"]);
        sandbox.guard_token(&service.token(DOMAIN));
        let scene = Self { sandbox, service };
        scene.aws("update-repository --repository team --upstreams repositoryName=store");
        scene.aws("associate-external-connection --repository store --external-connection public:crates-io");
        scene.sandbox.codeartifact(&["configure", "cargo", "--domain", DOMAIN, "--repository", "team"]).run().success();
        Some(scene)
    }

    /// `aws codeartifact WORDS --domain acme`, and what it prints.
    #[track_caller]
    fn aws(&self, words: &str) -> Value {
        let words: Vec<&str> = words.split_whitespace().chain(["--domain", DOMAIN]).collect();
        self.sandbox.aws(&words).expect("the CLI was there a moment ago").run().success().json()
    }

    /// `cargo fetch` of a project that needs the crate, with an empty cache.
    fn fetch(&self, name: &str) -> Outcome {
        for cache in ["home/.cargo/registry", "home/.cargo/git", "work/consumer"] {
            let _ = std::fs::remove_dir_all(self.sandbox.path(cache));
        }
        let manifest = format!(
            "[package]\nname = \"consumer\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies]\n\
             {name} = {{ version = \"0.1\", registry = \"team\" }}\n"
        );
        self.sandbox.write("work/consumer/Cargo.toml", manifest);
        self.sandbox.write("work/consumer/src/lib.rs", "");
        self.sandbox.cargo(&["fetch"]).current_dir(self.sandbox.path("work/consumer")).run()
    }

    /// `cargo publish` of the crate to the team's repository.
    fn publish(&self, name: &str) -> Outcome {
        let folder = write_crate(&self.sandbox, name);
        let publish = ["publish", "--registry", "team", "--no-verify", "--allow-dirty"];
        self.sandbox.cargo(&publish).current_dir(self.sandbox.path(folder)).run()
    }

    fn versions(&self, repository: &str) -> u64 {
        let listed = self.aws(&format!("list-packages --repository {repository}"));
        listed["packages"].as_array().expect("a list").len() as u64
    }
}

#[test]
fn a_group_decides_what_comes_in_from_outside() {
    let Some(scene) = Scene::new(&["acme-billing", "acme-bi11ing", "leftpad"]) else { return };
    let made = scene.aws("create-package-group --package-group /cargo//acme~ --description Ours");
    assert_eq!(made["packageGroup"]["parent"]["pattern"], "/*");
    scene.aws("create-package-group --package-group /cargo//acme-billing$");
    let restrict = "update-package-group-origin-configuration --package-group /cargo//acme~";
    let blocked = scene.aws(&format!("{restrict} --restrictions EXTERNAL_UPSTREAM=BLOCK"));
    let restrictions = &blocked["packageGroup"]["originConfiguration"]["restrictions"];
    assert_eq!(restrictions["EXTERNAL_UPSTREAM"]["effectiveMode"], "BLOCK");
    let below = scene.aws("describe-package-group --package-group /cargo//acme-billing$");
    let inherited = &below["packageGroup"]["originConfiguration"]["restrictions"]["EXTERNAL_UPSTREAM"];
    assert_eq!((&inherited["mode"], &inherited["inheritedFrom"]["pattern"]), (&json!("INHERIT"), &json!("/cargo//acme~")));

    // Somebody has published our names outside: cargo does not see them, and sees what is not ours.
    for name in ["acme-billing", "acme-bi11ing"] {
        scene.fetch(name).failure().says(name);
    }
    scene.fetch("leftpad").success();
    assert_eq!((scene.versions("team"), scene.versions("store")), (1, 1), "only what was allowed came in");

    // Allowed where it is fetched, and where it is retained.
    scene.aws(&format!(
        "{restrict} --restrictions EXTERNAL_UPSTREAM=ALLOW_SPECIFIC_REPOSITORIES,INTERNAL_UPSTREAM=ALLOW_SPECIFIC_REPOSITORIES \
         --add-allowed-repositories repositoryName=store,originRestrictionType=EXTERNAL_UPSTREAM"
    ));
    scene.fetch("acme-billing").failure();
    let allowed = scene.aws(&format!(
        "{restrict} --add-allowed-repositories repositoryName=team,originRestrictionType=INTERNAL_UPSTREAM"
    ));
    assert_eq!(allowed["allowedRepositoryUpdates"], json!({ "INTERNAL_UPSTREAM": { "ADDED": ["team"] } }));
    scene.fetch("acme-billing").success();
    scene.fetch("acme-bi11ing").failure();
    let associated = scene.aws("get-associated-package-group --format cargo --package acme-bi11ing");
    assert_eq!(associated["associationType"], "WEAK");
    assert_eq!(associated["packageGroup"]["pattern"], "/cargo//acme-billing$");
    let packages = scene.aws("list-associated-packages --package-group /cargo//acme-billing$");
    let billing = json!({ "format": "cargo", "package": "acme-billing", "associationType": "STRONG" });
    assert_eq!(packages["packages"], json!([billing]));
    scene.service.stop().success();
}

#[test]
fn a_group_decides_who_publishes() {
    let Some(scene) = Scene::new(&[]) else { return };
    scene.aws("create-package-group --package-group /cargo//acme~");
    let restrict = "update-package-group-origin-configuration --package-group /cargo//acme~";
    scene.aws(&format!("{restrict} --restrictions PUBLISH=ALLOW_SPECIFIC_REPOSITORIES"));
    // Cargo prints the reason, the group and the next step.
    let refused = scene.publish("acme-units").failure();
    for word in ["/cargo//acme~", "PUBLISH", "update-package-group-origin-configuration"] {
        assert!(refused.stderr().contains(word), "{word}: {}", refused.show());
    }
    scene.aws(&format!("{restrict} --add-allowed-repositories repositoryName=team,originRestrictionType=PUBLISH"));
    let listed = scene.aws(
        "list-allowed-repositories-for-group --package-group /cargo//acme~ --origin-restriction-type PUBLISH --page-size 1",
    );
    assert_eq!(listed["allowedRepositories"], json!(["team"]));
    scene.publish("acme-units").success();
    scene.fetch("acme-units").success();
    scene.publish("acmeunits").success();

    // Tags, pages, deletion.
    let arn = format!("arn:aws:codeartifact:us-east-1:{}:package-group/{DOMAIN}/cargo//acme~", tests::sandbox::ACCOUNT);
    let tag = ["tag-resource", "--resource-arn", &arn, "--tags", "key=team,value=blue"];
    scene.sandbox.aws(&tag).expect("the CLI is there").run().success();
    let tags = scene.sandbox.aws(&["list-tags-for-resource", "--resource-arn", &arn]).expect("the CLI is there");
    assert_eq!(tags.run().success().json()["tags"], json!([{ "key": "team", "value": "blue" }]));
    scene.aws("create-package-group --package-group /cargo//acme-units$ --contact-info units@acme.example");
    scene.aws("update-package-group --package-group /cargo//acme-units$ --description Units");
    let pages = scene.aws("list-package-groups --page-size 1");
    assert_eq!(pages["packageGroups"].as_array().expect("a list").len(), 3);
    let children = scene.aws("list-sub-package-groups --package-group /cargo//acme~");
    assert_eq!(children["packageGroups"][0]["contactInfo"], "units@acme.example");
    scene.aws("delete-package-group --package-group /cargo//acme-units$");
    for (words, exception) in [
        ("delete-package-group --package-group /*", "ValidationException"),
        ("create-package-group --package-group /cargo//acme~", "ConflictException"),
        ("create-package-group --package-group /python//requests$", "ValidationException"),
        ("describe-package-group --package-group /cargo//acme-units$", "ResourceNotFoundException"),
    ] {
        let words: Vec<&str> = words.split_whitespace().chain(["--domain", DOMAIN]).collect();
        scene.sandbox.aws(&words).expect("the CLI is there").run().failure().says(exception);
    }
    scene.service.stop().success();
}
