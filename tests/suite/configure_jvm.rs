//! `configure` for Maven 3 and 4, Gradle, sbt and Bazel: from an empty home to what these clients install and publish, and
//! back to a home as it was.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    Outcome, Sandbox, Service, Source,
    helper_on_path::guard_token_of,
    programs::{find, workspace},
    sandbox::ACCOUNT,
};

use crate::gradle::Gradle;
use crate::maven::{CONNECTION, DOMAIN, LIBRARY, Maven, chain, repository, resolved, versions};
use crate::maven_on_demand::extension;
use crate::sbt::Sbt;

/// What is in the home, in the project and where links go: a file's bytes, a link's target, each with its mode.
fn tree(sandbox: &Sandbox) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = ["home", "work", "data"].map(|folder| sandbox.path(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("its entries too").path();
            let kind = path.symlink_metadata().expect("it is there");
            let bytes = if kind.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if kind.is_symlink() {
                fs::read_link(&path).expect("it is a link").into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file can be read")
            };
            found.insert(path, (kind.permissions().mode(), bytes));
        }
    }
    found
}

fn configure(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    let words = [&["configure"], words, &["--domain", DOMAIN, "--repository", "team"]].concat();
    sandbox.codeartifact(&words).run().success()
}

/// Configures, and again, which has nothing left to do.
fn configured(sandbox: &Sandbox, words: &[&str]) {
    configure(sandbox, words);
    configure(sandbox, words).says("nothing to do");
}

fn undone(sandbox: &Sandbox, client: &str) {
    sandbox.codeartifact(&["configure", client, "--undo"]).run().success();
}

fn connected(sandbox: &Sandbox, public: PathBuf) -> (Source, Service) {
    let source = Source::serve(public);
    let external = format!("{CONNECTION}={}", source.url());
    let service = Service::start_with(sandbox, &["--ephemeral", "--external", &external]);
    chain(&service);
    guard_token_of(sandbox, &repository(&service, "team"));
    (source, service)
}

/// What Gradle and sbt upload is unfinished until somebody says otherwise.
fn finish(service: &Service, package: &str) {
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package={package}");
    let finish = json!({ "versions": ["1.0.0"], "targetStatus": "Published" }).to_string();
    assert_eq!(service.call("POST", &format!("package/versions/update_status?{place}"), &finish).status, 200);
}

fn maven_is_led(maven: Option<Maven>, takes_extension: bool) {
    let (Some(maven), Some(public), Some(jar)) = (maven, resolved(), extension()) else { return };
    let sandbox = &maven.sandbox;
    let (source, service) = connected(sandbox, public);
    let before = tree(sandbox);
    let team = format!("-Dteam={}", repository(&service, "team"));
    let run = |project: &Path, local: &str, word: &str| {
        let program = maven.program(project, &format!("home/local/{local}"), "", &[&team, word]);
        program.without_var("CODEARTIFACT_AUTH_TOKEN").run()
    };

    // Everything through the repository, and deployed to it by its id.
    configured(sandbox, &["maven", "--replace-default"]);
    let release = maven.sample("1.0.0");
    for _ in ["release", "snapshot"] {
        change(&release.join("pom.xml"), "<id>aws</id>", "<id>team</id>");
    }
    run(&release, "first", "deploy").success();
    let published = vec![("1.0.0".to_owned(), "Published".to_owned())];
    assert_eq!(versions(&service, "team", "com.acme", "greeting-app"), published);
    let user = maven.user("1.0.0");
    run(&user, "second", "compile").success();
    let of = |name: &str| format!("com/acme/{name}/1.0.0/{name}-1.0.0.jar");
    let jars = [of("greeting-app"), of("greeting-core"), LIBRARY.to_owned()];
    let said = maven.said(&user, "home/local/second", &jars.each_ref().map(String::as_str));
    assert_eq!(said, "hello with 1 option");
    assert_eq!(source.asked(&format!("/{LIBRARY}")), 1);

    // Maven 3 loads the extension where it is in its place. Without it, and without the line that asks, the name of the
    // variable is all that is sent.
    let lines = fs::read_to_string(sandbox.path("home/.mavenrc")).expect("it is there");
    let (first, _) = lines.split_once('\n').expect("there are two");
    sandbox.write("home/.mavenrc", format!("{first}\n"));
    let jar = sandbox.write("home/.m2/codeartifact-maven.jar", fs::read(jar).expect("it was built"));
    let extended = run(&user, "third", "compile");
    if takes_extension { extended.success() } else { extended.failure().prints("authentication") };
    fs::remove_file(jar).expect("it is there");
    run(&user, "fourth", "compile").failure();
    sandbox.write("home/.mavenrc", lines);
    undone(sandbox, "maven");

    // Beside the public one, and before it: this one has all.
    configured(sandbox, &["maven"]);
    run(&user, "fifth", "compile").success();
    assert_eq!(service.count("GetAuthorizationToken"), 1, "one token for all of it");
    undone(sandbox, "maven");

    fs::remove_dir_all(sandbox.path("home/local")).expect("Maven made it");
    for folder in ["work/1.0.0", "work/user"] {
        fs::remove_dir_all(sandbox.path(folder)).expect("the journey made it");
    }
    assert_eq!(tree(sandbox), before);
    service.stop().success();
}

#[test]
fn maven_3_installs_and_deploys() {
    maven_is_led(Maven::new(), true);
}

#[test]
fn maven_4_installs_and_deploys() {
    maven_is_led(Maven::four(), false);
}

/// As Maven's page says for whoever has Maven 4 alone.
#[test]
fn maven_4_asks_a_pinentry() {
    let (Some(maven), Some(public)) = (Maven::four(), resolved()) else { return };
    let sandbox = &maven.sandbox;
    let (_source, service) = connected(sandbox, public);
    let (folder, link) = (sandbox.path("home/bin"), format!("codeartifact-pinentry-{DOMAIN}-{ACCOUNT}.us-east-1"));
    let folder = folder.to_str().expect("sandbox paths are text");
    sandbox.helper(&["install", "--dir", folder, &link]).run().success();
    let url = repository(&service, "team");
    let settings = |link: &str| {
        format!(
            "<settings>
  <servers><server><id>aws</id><username>aws</username>
    <password>{{[name=masterSourceLookup,version=4.0]pinentry-prompt:{folder}/{link}}}</password>
  </server></servers>
  <mirrors><mirror><id>aws</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror></mirrors>
</settings>
"
        )
    };
    sandbox.write("home/.m2/settings.xml", settings(&link));
    let release = maven.sample("1.0.0");
    let team = format!("-Dteam={url}");
    let program = || maven.program(&release, "home/local", "", &[&team, "deploy"]).without_var("CODEARTIFACT_AUTH_TOKEN");
    program().run().success();
    let published = vec![("1.0.0".to_owned(), "Published".to_owned())];
    assert_eq!(versions(&service, "team", "com.acme", "greeting-app"), published);
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    // Nobody who could ask: Maven says that its question was not answered.
    fs::remove_dir_all(sandbox.path("home/local")).expect("Maven made it");
    let nobody = program().without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY");
    nobody.var("CODEARTIFACT_STORE", "none").run().failure();
    service.stop().success();
}

/// A sample project's file, with one text in the place of another.
fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the sample was copied");
    assert!(text.contains(from), "`{from}` is in {text}");
    fs::write(file, text.replacen(from, to, 1)).expect("the sandbox takes files");
}

#[test]
fn gradle_installs_and_publishes() {
    let (Some(gradle), Some(public)) = (Gradle::new(), resolved()) else { return };
    let sandbox = &gradle.sandbox;
    let (source, service) = connected(sandbox, public);
    let forget = |caches: &[&str]| {
        for folder in caches {
            fs::remove_dir_all(sandbox.path("home/.gradle").join(folder)).expect("Gradle made it");
        }
    };

    // What a build takes from the public repository comes from this one; where it publishes it says itself.
    configured(sandbox, &["gradle", "--replace-default"]);
    let library = gradle.project("library", &["src/main/java/com/acme/Counting.java"]);
    let build = library.join("build.gradle");
    crate::gradle_on_demand::forget_credentials(&build);
    change(&build, "    maven team\n", "    mavenCentral()\n");
    gradle.run(&library, "home/.gradle", &service, &[], &["publish"]).success();
    assert_eq!(source.asked(&format!("/{LIBRARY}")), 1);
    assert_eq!(versions(&service, "team", "com.acme", "counting").len(), 1);
    finish(&service, "counting");

    // A build that names no repository at all, from an empty cache, and plugins of the build's own.
    undone(sandbox, "gradle");
    configured(sandbox, &["gradle"]);
    forget(&["caches"]);
    let user = gradle.project("user", &["src/main/java/User.java"]);
    let build = user.join("build.gradle");
    crate::gradle_on_demand::forget_credentials(&build);
    change(&build, "        url = System.getenv('TEAM_URL')\n", "        url = 'file:///none'\n");
    let own = "buildscript { dependencies { classpath 'com.acme:counting:1.0.0' } }\nprintln com.acme.Counting.text()\n";
    let text = fs::read_to_string(&build).expect("the sample was copied");
    sandbox.write(&build, format!("{own}{text}"));
    let said = gradle.run(&user, "home/.gradle", &service, &[], &["run"]).success().stdout();
    assert_eq!(said.matches("counted 1 option").count(), 2, "{said}");
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    undone(sandbox, "gradle");
    assert!(!sandbox.path("home/.gradle/init.d").exists(), "what was made is gone");
    forget(&["caches"]);
    gradle.run(&user, "home/.gradle", &service, &[], &["--offline", "run"]).failure();
    service.stop().success();
}

#[test]
fn sbt_installs_and_publishes() {
    let Some(sbt) = Sbt::new() else { return };
    let sandbox = &sbt.sandbox;
    let (source, service) = connected(sandbox, sbt.made.join("source"));
    let plain = |name: &str, files: &[&str]| {
        let folder = sbt.project(name, files);
        let build = folder.join("build.sbt");
        crate::sbt_on_demand::forget_credentials(&build);
        let text = fs::read_to_string(&build).expect("the sample was copied");
        let kept = text.lines().filter(|line| !line.starts_with("externalResolvers"));
        sandbox.write(&build, kept.flat_map(|line| [line, "\n"]).collect::<String>());
        folder
    };

    configured(sandbox, &["sbt", "--replace-default"]);
    let library = plain("library", &["src/main/java/com/acme/Summing.java"]);
    sbt.run(&library, "cache/first", &service, &[], "publish").success();
    assert_eq!(source.asked(&format!("/{LIBRARY}")), 1);
    assert_eq!(versions(&service, "team", "com.acme", "summing").len(), 1);
    finish(&service, "summing");

    // Before the public one, and all that there is to find.
    undone(sandbox, "sbt");
    configured(sandbox, &["sbt"]);
    let user = plain("user", &["src/main/java/User.java"]);
    sbt.run(&user, "cache/second", &service, &[], "run").success().prints("summed 1 option");
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    undone(sandbox, "sbt");
    let left = fs::read_dir(sandbox.path("home/.sbt/1.0")).into_iter().flatten().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| Path::new(name).extension().is_some()).collect();
    assert!(left.is_empty(), "{left:?}");
    service.stop().success();
}

/// Bazel is not here: what it would run is what its line names, for both levels.
#[test]
fn bazel_would_run_what_its_line_names() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let token = guard_token_of(&sandbox, &repository(&service, "team"));
    sandbox.write("work/MODULE.bazel", "");
    let before = tree(&sandbox);
    configured(&sandbox, &["bazel", "--project"]);
    let named = |file: &str| {
        let line = fs::read_to_string(sandbox.path(file)).expect("it was made");
        let (_, rest) = line.split_once("common --credential_helper=127.0.0.1=").expect("it names a helper");
        rest.split(' ').next().expect("a line has words").to_owned()
    };
    assert_eq!(named("work/.bazelrc"), "bazel-credential-codeartifact");
    let helper = named("home/.bazelrc");
    let uri = format!("{}com/acme/a/1/a-1.jar", repository(&service, "team"));
    let program = sandbox.program(Path::new(&helper)).arg("get").answers_secret();
    let answer = program.stdin(json!({ "uri": uri }).to_string()).run().success().json();
    let header = answer["headers"]["Authorization"][0].as_str().expect("it is text").to_owned();
    assert!(header == format!("Bearer {token}") || header.starts_with("Basic "), "it is a header");
    sandbox.codeartifact(&["configure", "bazel", "--project", "--undo"]).run().success();
    assert_eq!(tree(&sandbox), before);
    service.stop().success();
}

/// Other people's lines, modes and links, before and after.
#[test]
fn a_home_is_as_it_was() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team", "other"]);
    sandbox.write("home/.mavenrc", "export JAVA_HOME=/opt/jdk");
    sandbox.write("home/dotfiles/settings.xml", "\u{feff}<settings>\r\n\t<servers/>\r\n</settings>");
    sandbox.write("home/.m2/note", "mine");
    symlink("../dotfiles/settings.xml", sandbox.path("home/.m2/settings.xml")).expect("the sandbox takes links");
    sandbox.write("home/.gradle/init.d/mine.gradle", "println 1\n");
    sandbox.write("home/.sbt/1.0/global.sbt", "// mine\n");
    let rc = sandbox.write("home/.bazelrc", "build --jobs=4\r\n\r\n");
    fs::set_permissions(&rc, fs::Permissions::from_mode(0o640)).expect("the owner changes the mode");
    let before = tree(&sandbox);
    let clients = ["maven", "gradle", "sbt", "bazel"];
    configured(&sandbox, &clients);
    let once = tree(&sandbox);
    assert_ne!(once, before);
    let other = [&["configure", "maven", "gradle", "sbt", "--domain", DOMAIN], &["--repository", "other"][..]].concat();
    sandbox.codeartifact(&[&other[..], &["--replace-default"]].concat()).run().success();
    assert_ne!(tree(&sandbox), once);
    for (path, (mode, _)) in &before {
        assert_eq!(path.symlink_metadata().expect("it is still there").permissions().mode(), *mode, "{}", path.display());
    }
    sandbox.codeartifact(&["configure", "--undo"]).run().success();
    assert_eq!(tree(&sandbox), before);
    service.stop().success();
}

/// A shell that runs the lines: a helper that fails, or is not there, ends nothing.
#[test]
fn the_lines_for_maven_end_no_build() {
    let (Some(sh), true) = (find("sh"), workspace().exists()) else { return };
    let sandbox = Sandbox::new();
    let service = Service::start_denying_tokens(&sandbox);
    service.make(DOMAIN, &["team"]);
    configure(&sandbox, &["maven"]);
    let file = sandbox.path("home/.mavenrc");
    let script = format!("set -e; set -u; MAVEN_OPTS=; . '{}'; echo goes on", file.display());
    sandbox.program(&sh).args(["-c", &script]).run().success().prints("goes on").says("GetAuthorizationToken");
    let text = fs::read_to_string(&file).expect("it was made").replace("/codeartifact-credential-helper'", "/none'");
    sandbox.write("home/.mavenrc", text);
    sandbox.program(&sh).args(["-c", &script]).run().success().prints("goes on").says("none: not found");
    service.stop().success();
}
