use super::*;

fn parse(text: &str) -> Result<Project, ProjectError> {
    Project::parse(Path::new("p/codeartifact.toml"), text)
}

#[test]
fn the_documented_file_is_read() {
    let project = parse(
        r#"
[project]
domain = "my-org"
owner = "111122223333"
region = "us-east-1"
repository = "frontend-app"        # read from
publish-to = "npm-internal"

[clients.npm]
scopes = ["@my-org"]
[clients.pip]
index = "extra"
[clients.cargo]
registry = "my-org"

[publish]
version = "git"
packages = ["rust", "web/*", "py"]
"#,
    )
    .unwrap();
    assert_eq!(project.domain.as_ref().unwrap().as_str(), "my-org");
    assert_eq!(project.owner.as_ref().unwrap().as_str(), "111122223333");
    assert_eq!(project.region.as_ref().unwrap().as_str(), "us-east-1");
    assert_eq!(project.repository.as_ref().unwrap().as_str(), "frontend-app");
    assert_eq!(project.publish_to.of(PackageFormat::Cargo).unwrap().as_str(), "npm-internal");
    assert_eq!(project.clients["cargo"].name.as_deref(), Some("my-org"));
    assert_eq!(project.clients["npm"].scopes, [("@my-org".to_owned(), None)]);
    assert_eq!(project.clients["pip"].role, Some(Role::Extra));
    assert_eq!(project.version, VersionChoice::Git);
    assert_eq!(project.packages, ["rust", "web/*", "py"]);
}

#[test]
fn publish_to_may_differ_per_format() {
    let project = parse("[project]\npublish-to = { cargo = \"rust-internal\" }\n").unwrap();
    assert_eq!(project.publish_to.of(PackageFormat::Cargo).unwrap().as_str(), "rust-internal");
    assert_eq!(project.publish_to.of(PackageFormat::Npm), None);
}

#[test]
fn a_client_may_have_repositories_of_its_own() {
    let text = "[clients.npm]\nrepository = \"web\"\nscopes = { \"@a\" = \"web-a\", \"@b\" = \"web-b\" }\n";
    let project = parse(text).unwrap();
    let npm = &project.clients["npm"];
    assert_eq!(npm.repository.as_ref().unwrap().as_str(), "web");
    let scopes: Vec<_> =
        npm.scopes.iter().map(|(scope, repository)| (scope.as_str(), repository.as_ref().unwrap().as_str())).collect();
    assert_eq!(scopes, [("@a", "web-a"), ("@b", "web-b")]);
}

#[test]
fn the_organisations_part_is_passed_over() {
    let text = "[domain]\nname = \"my-org\"\n[repositories.a]\nupstreams = [\"b\"]\n[[promotion]]\nfrom = \"a\"\n";
    assert_eq!(parse(text).unwrap().domain, None);
}

#[test]
fn every_fault_is_told_with_its_place() {
    for (text, message, hint) in [
        (
            "[project]\ndomian = \"my-org\"\n",
            "p/codeartifact.toml:2:1: unknown key `domian` in [project]",
            Some("did you mean `domain`?"),
        ),
        (
            "[project]\nquux = 1\n",
            "p/codeartifact.toml:2:1: unknown key `quux` in [project]",
            Some("known keys there: domain, owner, region, repository, publish-to"),
        ),
        ("[projct]\n", "p/codeartifact.toml:1:2: unknown key `projct` in the file", Some("did you mean `project`?")),
        (
            "[clients.cargo]\nreplace_default = true\n",
            "p/codeartifact.toml:2:1: unknown key `replace_default` in [clients.cargo]",
            Some("did you mean `replace-default`?"),
        ),
        (
            "\n[clients.carg]\n",
            "p/codeartifact.toml:2:10: unknown key `carg` in [clients]",
            Some("did you mean `cargo`?"),
        ),
        (
            "[project]\npublish-to = { crago = \"a1\" }\n",
            "p/codeartifact.toml:2:16: unknown key `crago` in [project.publish-to]",
            Some("did you mean `cargo`?"),
        ),
        (
            "[project]\n  profile = \"admin\"\n",
            "p/codeartifact.toml:2:3: a project file cannot choose `profile`",
            Some("say it in your own AWS files, in variables or as an option"),
        ),
        (
            "endpoint-url = \"http://127.0.0.1:1\"\n",
            "p/codeartifact.toml:1:1: a project file cannot choose `endpoint-url`",
            Some("say it in your own AWS files, in variables or as an option"),
        ),
        (
            "[project]\nowner = 111122223333\n",
            "p/codeartifact.toml:2:9: `owner` has the type integer, and is meant to be text in quotes",
            None,
        ),
        ("project = 3\n", "p/codeartifact.toml:1:11: `project` has the type integer, and is meant to be a table", None),
        ("[project]\nowner = \"12\"\n", "p/codeartifact.toml:2:9: `owner` cannot be used", None),
        (
            "[publish]\nversion = \"tag\"\n",
            "p/codeartifact.toml:2:11: `version` is `tag`, and is meant to be `manifest` or `git`",
            None,
        ),
        (
            "[publish]\npackages = [\"é\", 2]\n",
            "p/codeartifact.toml:2:18: `packages` has the type integer, and is meant to be a list of texts",
            None,
        ),
        (
            "[clients.pip]\nindex = \"both\"\n",
            "p/codeartifact.toml:2:9: `index` is `both`, and is meant to be `replace` or `extra`",
            None,
        ),
        (
            "[clients.npm]\nscopes = 1\n",
            "p/codeartifact.toml:2:10: `scopes` has the type integer, and is meant to be a list of texts, or a table from \
             text to repository",
            None,
        ),
        (
            "[clients.cargo]\nregistry = \"a\"\nreplace-default = true\n",
            "p/codeartifact.toml:3:19: `replace-default` and `registry` exclude each other",
            None,
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert_eq!(error.hint().as_deref(), hint, "{text}");
    }
}

#[test]
fn a_syntax_error_has_its_line() {
    let error = parse("[project]\ndomain = \n").unwrap_err().to_string();
    assert!(error.starts_with("p/codeartifact.toml:2:"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn the_nearest_file_above_counts() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::write(folder.path().join(FILE_NAME), "[project]\ndomain = \"outer\"\n").unwrap();
    assert_eq!(Project::find(&inner).unwrap().unwrap().domain.unwrap().as_str(), "outer");
    fs::write(folder.path().join("a").join(FILE_NAME), "[project]\ndomain = \"nearer\"\n").unwrap();
    let project = Project::find(&inner).unwrap().unwrap();
    assert_eq!(project.domain.unwrap().as_str(), "nearer");
    assert_eq!(project.path, folder.path().join("a").join(FILE_NAME));
}

#[test]
fn a_file_that_is_no_text_or_too_large_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    let error = Project::find(folder.path()).unwrap_err();
    assert!(matches!(error, ProjectError::Unreadable { .. }), "{error}");
    fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    let error = Project::find(folder.path()).unwrap_err();
    assert!(matches!(error, ProjectError::TooLarge { .. }), "{error}");
}
