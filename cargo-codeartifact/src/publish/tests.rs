//! Whole workspaces through the real cargo and the real git, into a repository in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use codeartifact::Host;
use serde_json::{Value, json};

use super::test_registry::{Fault, TOKEN, TestRegistry, sha256};
use super::*;

#[path = "../../tests/samples/workspace.rs"]
mod workspace_sample;
use workspace_sample::{ORDER, SAMPLE};

struct Project {
    _folder: tempfile::TempDir,
    root: PathBuf,
    host: Host,
}

#[expect(clippy::disallowed_methods, reason = "a test starts real programs, which these variables lead to")]
fn surroundings(home: &Path, root: &Path) -> Host {
    let var = |name: &str| std::env::var(name).ok();
    let mut variables = vec![
        ("HOME".to_owned(), home.to_str().unwrap().to_owned()),
        ("TMPDIR".to_owned(), home.to_str().unwrap().to_owned()),
        ("GIT_CONFIG_NOSYSTEM".to_owned(), "1".to_owned()),
    ];
    let rustup = var("RUSTUP_HOME").or_else(|| var("HOME").map(|home| format!("{home}/.rustup")));
    for (name, value) in [("PATH", var("PATH")), ("RUSTUP_HOME", rustup), ("CARGO", var("CARGO"))] {
        variables.extend(value.map(|value| (name.to_owned(), value)));
    }
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Host::for_test(&[], &variables, root, SystemTime::UNIX_EPOCH)
}

impl Project {
    /// The files, not in git.
    fn plain(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let (root, home) = (top.join("project"), top.join("home"));
        fs::create_dir(&home).unwrap();
        let project = Self { host: surroundings(&home, &root), _folder: folder, root };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// The files, committed.
    fn in_git(files: &[(&str, &str)]) -> Self {
        let project = Self::plain(files);
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project.commit();
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root.join(path)).unwrap();
        assert!(text.contains(from), "{text}");
        self.write(path, &text.replace(from, to));
    }

    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(args);
        let output = git.env_clear().envs(self.host.vars()).current_dir(&self.root).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=x"]);
    }

    fn request() -> PublishRequest {
        PublishRequest {
            paths: Vec::new(),
            repository: TestRegistry::id(),
            version: VersionChoice::Manifest,
            dry_run: false,
            allow_dirty: false,
            verify: false,
        }
    }

    fn publish(&self, registry: &TestRegistry) -> Result<Vec<PublishedCrate>, PublishError> {
        self.publish_as(registry, &Self::request())
    }

    fn publish_as(
        &self,
        registry: &TestRegistry,
        request: &PublishRequest,
    ) -> Result<Vec<PublishedCrate>, PublishError> {
        let trust = registry.trust();
        let context = PublishContext { host: &self.host, trust: &trust, control_plane: registry, authorize: registry };
        let before = tree(&self.root);
        let mut told = Vec::new();
        let result = publish(request, &context, &mut |event| {
            if let PublishEvent::Done(row) = event {
                told.push(row);
            }
        });
        assert_eq!(tree(&self.root), before, "the working tree was touched");
        let home = fs::read_dir(self.root.with_file_name("home")).unwrap();
        let left: Vec<_> = home.map(|entry| entry.unwrap().file_name()).filter(|name| name != ".cargo").collect();
        assert_eq!(left, [""; 0], "left behind");
        if let Ok(rows) = &result {
            assert_eq!(rows, &told);
        }
        result
    }
}

/// Every file below a folder, git's own included.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.clone(), Vec::new());
            files.extend(tree(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn outcomes(rows: &[PublishedCrate]) -> Vec<(&str, &str, Outcome)> {
    rows.iter().map(|row| (row.name.as_str(), row.version.as_str(), row.outcome)).collect()
}

fn stored(registry: &TestRegistry, name: &str, version: &str) -> (Vec<u8>, Value) {
    registry.state().stored[&(name.to_owned(), version.to_owned())].clone()
}

#[test]
fn a_workspace_is_published_once() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    let rows = project.publish(&registry).unwrap();
    let expected: Vec<_> = ORDER.iter().map(|name| (*name, "0.1.0", Outcome::Published)).collect();
    assert_eq!(outcomes(&rows), expected);
    for row in &rows {
        assert_eq!(row.sha256, sha256(&stored(&registry, &row.name, "0.1.0").0));
    }
    assert!(registry.state().tokens.iter().all(|token| token == TOKEN));

    let rows = project.publish(&registry).unwrap();
    let expected: Vec<_> = ORDER.iter().map(|name| (*name, "0.1.0", Outcome::AlreadyPublished)).collect();
    assert_eq!(outcomes(&rows), expected);
    assert_eq!(registry.uploads(), 5);
}

#[test]
fn the_index_is_told_what_cargo_would_tell_but_for_the_registry() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.publish(&registry).unwrap();
    let of = |name: &str| stored(&registry, name, "0.1.0").1;
    let core = of("x-core");
    assert_eq!(core["deps"], json!([]));
    let facts = ["readme", "readme_file", "license", "rust_version", "links"].map(|key| core[key].clone());
    assert_eq!(json!(facts), json!(["# Core\n", "README.md", "MIT", "1.74", "x-core"]));
    assert_eq!(of("x-macros")["readme"], Value::Null);
    let util = of("x-util");
    assert_eq!(util["features"], json!({ "macros": ["dep:x-macros"] }));
    assert_eq!(
        util["deps"],
        json!([
            { "optional": false, "default_features": true, "name": "x-core", "features": [], "version_req": "^0.1.0",
              "target": null, "kind": "normal", "registry": null, "explicit_name_in_toml": "base" },
            { "optional": true, "default_features": false, "name": "x-macros", "features": [],
              "version_req": "^0.1", "target": null, "kind": "normal", "registry": null },
        ])
    );
    assert_eq!(of("x-build")["deps"][0]["target"], "cfg(unix)");
    let app = of("x-app");
    let deps: Vec<_> = app["deps"].as_array().unwrap().iter().map(|dep| json!([dep["name"], dep["kind"]])).collect();
    assert_eq!(json!(deps), json!([["x-util", "normal"], ["x-build", "build"]]));
}

#[test]
fn changed_content_is_refused_before_anything_is_sent() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.publish(&registry).unwrap();
    let before = stored(&registry, "x-util", "0.1.0").0;
    project.replace("crates/util/src/lib.rs", "+ 1", "+ 2");
    project.replace("crates/core/Cargo.toml", "version.workspace = true", "version = \"0.1.1\"");
    project.commit();
    let error = project.publish(&registry).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PublishError::DifferentContent { .. }), "{text}");
    assert!(text.contains("`x-util` 0.1.0") && text.contains(&sha256(&before)), "{text}");
    assert!(text.contains("`src/lib.rs` differs"), "{text}");
    let digests = text.split_whitespace().map(|word| word.trim_end_matches([',', ';']));
    let digests = digests.filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(digests.count(), 2, "{text}");
    assert_eq!(stored(&registry, "x-util", "0.1.0").0, before);
    assert_eq!(registry.uploads(), 5);
    assert_eq!(error.class(), FailureClass::User);
}

#[test]
fn after_another_commit_only_what_is_bumped_goes_out() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.publish(&registry).unwrap();
    let before = stored(&registry, "x-core", "0.1.0").0;
    project.replace("crates/app/Cargo.toml", "version = \"0.1.0\"\nedition", "version = \"0.1.1\"\nedition");
    project.commit();
    let rows = project.publish(&registry).unwrap();
    let mut expected: Vec<_> = ORDER.iter().map(|name| (*name, "0.1.0", Outcome::AlreadyPublished)).collect();
    expected[4] = ("x-app", "0.1.1", Outcome::Published);
    assert_eq!(outcomes(&rows), expected);
    // The stored version stays, and its digest is what is reported, although another commit is packed now.
    assert_eq!(stored(&registry, "x-core", "0.1.0").0, before);
    assert_eq!(rows[0].sha256, sha256(&before));
}

#[test]
fn a_version_for_all_reaches_index_and_requirements() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    let version = VersionChoice::Given("3.1.0-rc.2+ci.7".to_owned());
    let request = PublishRequest { version, verify: true, ..Project::request() };
    let rows = project.publish_as(&registry, &request).unwrap();
    let expected: Vec<_> = ORDER.iter().map(|name| (*name, "3.1.0-rc.2", Outcome::Published)).collect();
    assert_eq!(outcomes(&rows), expected);
    for name in ["x-util", "x-build", "x-app"] {
        for dependency in stored(&registry, name, "3.1.0-rc.2").1["deps"].as_array().unwrap() {
            assert_eq!(dependency["version_req"], "=3.1.0-rc.2", "{name}");
        }
    }
    let again = project.publish_as(&registry, &request).unwrap();
    assert!(again.iter().all(|row| row.outcome == Outcome::AlreadyPublished));
}

#[test]
fn a_version_from_git_is_the_tags_and_then_grows() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.git(&["tag", "v1.0.0"]);
    let request = PublishRequest { version: VersionChoice::Git, ..Project::request() };
    assert_eq!(project.publish_as(&registry, &request).unwrap()[0].version, "1.0.0");
    project.replace("crates/app/src/lib.rs", "+ 1", "+ 2");
    project.commit();
    let rows = project.publish_as(&registry, &request).unwrap();
    assert!(rows.iter().all(|row| row.version.starts_with("1.0.1-dev.1.g")), "{rows:?}");
}

#[test]
fn a_dirty_tree_is_refused_unless_asked_for() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.write("notes.txt", "of no crate");
    project.write("crates/util/src/new.rs", "");
    let error = project.publish(&registry).unwrap_err();
    match &error {
        PublishError::Dirty { files, .. } => assert_eq!(files, &["crates/util/src/new.rs"]),
        other => panic!("{other}"),
    }
    assert!(error.hints()[0].contains("--allow-dirty"));
    let request = PublishRequest { allow_dirty: true, dry_run: true, ..Project::request() };
    let rows = project.publish_as(&registry, &request).unwrap();
    assert!(rows.iter().all(|row| row.outcome == Outcome::WouldPublish));
    assert!(registry.state().requests.is_empty(), "a dry run sends nothing");
}

#[test]
fn a_stopped_publish_goes_on_where_it_stopped() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    // The third upload is refused.
    let fine = |_| Fault::Status { status: 200, stored: true };
    registry.state().faults = (0..2).map(fine).chain([Fault::Status { status: 403, stored: false }]).collect();
    let error = project.publish(&registry).unwrap_err();
    assert_eq!(error.class(), FailureClass::Denied);
    assert!(error.to_string().contains("`x-macros` 0.1.0 with status 403: as told"), "{error}");
    assert_eq!(registry.state().stored.len(), 2);
    let rows = project.publish(&registry).unwrap();
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    assert_eq!((count(Outcome::AlreadyPublished), count(Outcome::Published)), (2, 3));
}

#[test]
fn what_is_stored_counts_and_not_what_was_answered() {
    let project = Project::in_git(&SAMPLE_OF_ONE);
    for (fault, uploads) in [
        (Fault::Cut { stored: true }, 1),
        (Fault::Cut { stored: false }, 2),
        (Fault::Status { status: 503, stored: true }, 1),
        (Fault::Status { status: 429, stored: false }, 2),
        (Fault::Status { status: 409, stored: true }, 1),
    ] {
        let registry = TestRegistry::start();
        registry.state().faults = [fault.clone()].into();
        registry.state().hidden = 3;
        let rows = project.publish(&registry).unwrap();
        assert_eq!(outcomes(&rows), [("x-one", "0.1.0", Outcome::Published)], "{fault:?}");
        assert_eq!(registry.uploads(), uploads, "{fault:?}");
    }
}

#[test]
fn an_upload_that_cannot_be_is_given_up() {
    let project = Project::in_git(&SAMPLE_OF_ONE);
    let table: [(Vec<Fault>, usize, FailureClass); 4] = [
        (vec![Fault::Redirect], 1, FailureClass::Service),
        (vec![Fault::Status { status: 401, stored: false }], 1, FailureClass::Identity),
        (vec![Fault::Status { status: 409, stored: false }], 1, FailureClass::User),
        (vec![Fault::Status { status: 500, stored: false }; 4], 4, FailureClass::Service),
    ];
    for (faults, uploads, class) in table {
        let registry = TestRegistry::start();
        registry.state().faults = faults.clone().into();
        let error = project.publish(&registry).unwrap_err();
        assert_eq!(error.class(), class, "{faults:?}: {error}");
        assert_eq!(registry.uploads(), uploads, "{faults:?}");
        assert!(registry.state().stored.is_empty());
    }
}

#[test]
fn whoever_is_first_with_other_content_wins() {
    let project = Project::in_git(&SAMPLE_OF_ONE);
    let other = Project::in_git(&SAMPLE_OF_ONE);
    other.write("src/lib.rs", "pub fn other() {}\n");
    other.commit();
    let theirs = TestRegistry::start();
    other.publish(&theirs).unwrap();
    let bytes = stored(&theirs, "x-one", "0.1.0").0;

    let registry = TestRegistry::start();
    registry.state().faults = [Fault::Overtaken(bytes.clone())].into();
    let error = project.publish(&registry).unwrap_err();
    assert!(matches!(error, PublishError::DifferentContent { .. }), "{error}");
    assert_eq!(stored(&registry, "x-one", "0.1.0").0, bytes);
}

#[test]
fn the_users_cargo_configuration_does_not_stand_in_the_way() {
    let project = Project::in_git(SAMPLE);
    let nowhere = "sparse+http://127.0.0.1:9/";
    for text in [
        format!("[source.crates-io]\nreplace-with = \"a\"\n[registries.a]\nindex = \"{nowhere}\"\n"),
        format!("[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nregistry = \"{nowhere}\"\n"),
        "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\ndirectory = \"/nowhere\"\n".to_owned(),
        format!("[registry]\ndefault = \"a\"\n[registries.a]\nindex = \"{nowhere}\"\n"),
    ] {
        let registry = TestRegistry::start();
        let home = project.root.with_file_name("home").join(".cargo");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("config.toml"), &text).unwrap();
        let rows = project.publish(&registry).unwrap();
        assert_eq!(rows.len(), 5, "{text}");
    }
}

#[test]
fn a_list_of_registries_is_obeyed() {
    let project = Project::in_git(SAMPLE);
    let registry = TestRegistry::start();
    for name in ["core", "util", "build", "macros", "app"] {
        project.replace(
            &format!("crates/{name}/Cargo.toml"),
            "edition.workspace = true",
            "edition.workspace = true\npublish = [\"ours\"]",
        );
    }
    project.replace("crates/util/Cargo.toml", "version = \"0.1.0\" }", "version = \"0.1.0\", registry = \"ours\" }");
    let config = |index: &str| format!("[registries.ours]\nindex = \"{index}\"\n");
    project.write(".cargo/config.toml", &config("sparse+http://127.0.0.1:9/"));
    project.commit();
    let error = project.publish(&registry).unwrap_err();
    assert!(matches!(error, PublishError::NothingToPublish { .. }), "{error}");
    assert!(error.to_string().contains("`x-core` is left out"), "{error}");

    project.write(".cargo/config.toml", &config(&format!("sparse+{}", registry.url())));
    project.commit();
    assert_eq!(project.publish(&registry).unwrap().len(), 5);
    assert_eq!(stored(&registry, "x-util", "0.1.0").1["deps"][0]["registry"], Value::Null);
}

#[test]
fn a_members_folder_means_the_member_and_what_it_needs() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    let request = PublishRequest { paths: vec!["crates/util".into()], ..Project::request() };
    let rows = project.publish_as(&registry, &request).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["x-core", "x-macros", "x-util"]);
    let request = PublishRequest { paths: vec!["crates/none".into()], ..Project::request() };
    assert!(matches!(project.publish_as(&registry, &request), Err(PublishError::NoManifest { .. })));
}

#[test]
fn without_git_it_works_as_well() {
    let (project, registry) = (Project::plain(SAMPLE), TestRegistry::start());
    assert_eq!(project.publish(&registry).unwrap().len(), 5);
    let request = PublishRequest { version: VersionChoice::Git, ..Project::request() };
    assert!(matches!(project.publish_as(&registry, &request), Err(PublishError::NoHistory { .. })));
}

#[test]
fn a_crate_that_does_not_build_is_not_published() {
    let project = Project::in_git(&SAMPLE_OF_ONE);
    project.write("src/lib.rs", "pub fn broken( {}\n");
    project.commit();
    let registry = TestRegistry::start();
    let request = PublishRequest { verify: true, ..Project::request() };
    let error = project.publish_as(&registry, &request).unwrap_err();
    assert!(matches!(&error, PublishError::CargoFailed { output, .. } if output.contains("src/lib.rs")), "{error}");
    assert!(registry.state().requests.is_empty());
}

#[test]
fn what_include_names_is_packed_though_git_ignores_it() {
    let project = Project::in_git(&[
        (".gitignore", "generated.rs\n/target\n"),
        ("Cargo.toml", "[package]\nname = \"x-one\"\nversion = \"0.1.0\"\nedition = \"2021\"\ninclude = [\"src\"]\n"),
        ("src/lib.rs", "include!(\"generated.rs\");\n"),
        ("src/generated.rs", "pub fn generated() {}\n"),
    ]);
    let registry = TestRegistry::start();
    let request = PublishRequest { verify: true, ..Project::request() };
    assert_eq!(project.publish_as(&registry, &request).unwrap().len(), 1);
}

#[test]
fn a_version_that_was_archived_is_not_reused() {
    let project = Project::in_git(&SAMPLE_OF_ONE);
    let registry = TestRegistry::start();
    project.publish(&registry).unwrap();
    registry.state().status = Some(codeartifact::control_plane::PackageVersionStatus::Archived);
    let error = project.publish(&registry).unwrap_err();
    assert!(error.to_string().contains("`x-one` 0.1.0 is in the repository with status Archived"), "{error}");
}

const SAMPLE_OF_ONE: [(&str, &str); 3] = [
    (".gitignore", "/target\nCargo.lock\n"),
    ("Cargo.toml", "[package]\nname = \"x-one\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
    ("src/lib.rs", "pub fn one() {}\n"),
];

#[test]
fn the_lock_file_of_an_upload_names_what_is_stored() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.publish(&registry).unwrap();
    project.replace("crates/util/Cargo.toml", "version = \"0.1.0\"\nedition", "version = \"0.1.1\"\nedition");
    project.replace("crates/app/Cargo.toml", "version = \"0.1.0\"\nedition", "version = \"0.1.1\"\nedition");
    project.commit();
    let rows = project.publish(&registry).unwrap();
    let (app, _) = stored(&registry, "x-app", "0.1.1");
    let lock = archive::text_of(&app[..], app.len() as u64, "x-app", "0.1.1", "Cargo.lock").unwrap();
    for row in &rows[..4] {
        assert!(lock.contains(&row.sha256), "{}:\n{lock}", row.name);
        assert_eq!(row.sha256, sha256(&stored(&registry, &row.name, &row.version).0));
    }
    let again = project.publish(&registry).unwrap();
    assert!(again.iter().all(|row| row.outcome == Outcome::AlreadyPublished));
}

/// A registry that stands in for the default one: `public` 1.0.0, and a stranger's 0.1.9 of whatever else is asked for.
/// Returns the settings that lead there.
fn strange_default_registry() -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in [
        ("public-1.0.0/Cargo.toml", "[package]\nname = \"public\"\nversion = \"1.0.0\"\n"),
        ("public-1.0.0/src/lib.rs", "pub fn public() {}\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let public = tar.into_inner().unwrap().finish().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let settings =
        format!("[source.crates-io]\nreplace-with = \"elsewhere\"\n[source.elsewhere]\nregistry = \"sparse+{url}\"\n");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(&stream);
            reader.read_line(&mut line).unwrap();
            // To the end of the head, or the answer is cut off.
            let mut header = String::from("x");
            while !header.trim().is_empty() {
                header.clear();
                reader.read_line(&mut header).unwrap();
            }
            let path = line.split(' ').nth(1).unwrap_or_default();
            let entry = |name: &str, version: &str, digest: &str| {
                let entry = json!({ "name": name, "vers": version, "deps": [], "features": {}, "yanked": false,
                    "cksum": digest });
                entry.to_string().into_bytes()
            };
            let body = match path.rsplit('/').next().unwrap_or_default() {
                "config.json" => json!({ "dl": format!("{url}dl") }).to_string().into_bytes(),
                "public" => entry("public", "1.0.0", &sha256(&public)),
                "download" if path.contains("/public/") => public.clone(),
                "download" => b"no archive".to_vec(),
                name => entry(name, "0.1.9", &"0".repeat(64)),
            };
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    settings
}

#[test]
fn a_strangers_crate_of_the_same_name_does_not_slip_in() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.write("../home/.cargo/config.toml", &strange_default_registry());
    project.replace("crates/core/Cargo.toml", "[dev-", "[dependencies]\npublic = \"1\"\n\n[dev-");
    project.replace("crates/core/src/lib.rs", "{ 1 }", "{ public::public(); 1 }");
    project.commit();
    let request = PublishRequest { verify: true, ..Project::request() };
    let rows = project.publish_as(&registry, &request).unwrap();
    assert_eq!(rows.len(), 5);

    let public = &stored(&registry, "x-core", "0.1.0").1["deps"][0];
    assert_eq!(public["name"], "public");
    assert!(public["registry"].as_str().unwrap().starts_with("https://"), "cargo's own word for it: {public}");
    let (app, _) = stored(&registry, "x-app", "0.1.0");
    let lock = archive::text_of(&app[..], app.len() as u64, "x-app", "0.1.0", "Cargo.lock").unwrap();
    assert!(!lock.contains("0.1.9") && !lock.contains("[[patch"), "{lock}");
    for row in &rows[..4] {
        assert!(lock.contains(&row.sha256), "{}:\n{lock}", row.name);
    }
    assert_eq!(lock.matches("source = ").count(), 5, "all but the crate itself: {lock}");

    let again = project.publish_as(&registry, &request).unwrap();
    assert!(again.iter().all(|row| row.outcome == Outcome::AlreadyPublished));
}

#[test]
fn a_requirement_that_only_a_strangers_crate_fits_is_refused() {
    let (project, registry) = (Project::in_git(SAMPLE), TestRegistry::start());
    project.write("../home/.cargo/config.toml", &strange_default_registry());
    // In the workspace the path decides; what is packed has the requirement alone.
    project.replace("crates/core/Cargo.toml", "[dev-", "[dependencies]\npublic = \"1\"\n\n[dev-");
    project.replace("Cargo.toml", "version = \"0.1.0\" }", "version = \"0.1.5\" }");
    project.commit();
    let error = project.publish(&registry).unwrap_err();
    assert!(matches!(error, PublishError::CargoFailed { .. } | PublishError::StrangersCrate { .. }), "{error}");
    assert_eq!(registry.uploads(), 0);
}
