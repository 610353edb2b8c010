//! Gradle with nothing but the script for all of a user's builds, as its page says: nobody logs in, and no token is in a
//! file.

use serde_json::json;
use tests::{HelperOnPath, Service, Source, helper_on_path::guard_token_of, programs::workspace};

use crate::gradle::Gradle;
use crate::maven::{CONNECTION, DOMAIN, chain, repository, resolved, versions};

/// Where Gradle finds it, in a home of its own.
fn install(gradle: &Gradle, home: &str) {
    let script = workspace().join("clients/src/gradle/shim/codeartifact.gradle");
    let script = std::fs::read(script).expect("the shim is there");
    gradle.sandbox.write(format!("{home}/init.d/codeartifact.gradle"), script);
}

/// A sample project's file, with nothing said about credentials.
pub(crate) fn forget_credentials(file: &std::path::Path) {
    let text = std::fs::read_to_string(file).expect("the sample was copied");
    let (before, rest) = text.split_once("credentials {").expect("the sample has credentials");
    let (_, after) = rest.split_once('}').expect("they end");
    std::fs::write(file, format!("{before}{after}")).expect("the sandbox takes files");
}

#[test]
fn gradle_asks_for_tokens_when_it_needs_them() {
    let (Some(gradle), Some(public)) = (Gradle::new(), resolved()) else { return };
    let sandbox = &gradle.sandbox;
    let source = Source::serve(public);
    let external = format!("{CONNECTION}={}", source.url());
    let service = Service::start_with(sandbox, &["--ephemeral", "--external", &external]);
    chain(&service);
    let helper = HelperOnPath::install(sandbox, &[]);
    for home in ["home/first", "home/second"] {
        install(&gradle, home);
    }

    // From an empty cache, through the chain; and uploaded.
    let library = gradle.project("library", &["src/main/java/com/acme/Counting.java"]);
    forget_credentials(&library.join("build.gradle"));
    gradle.run(&library, "home/first", &service, &[], &["publish"]).success();
    assert_eq!(helper.starts(), 1, "one URL, one question");
    assert_eq!(versions(&service, "team", "com.acme", "counting").len(), 1);
    guard_token_of(sandbox, &repository(&service, "team"));
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package=counting");
    let finish = json!({ "versions": ["1.0.0"], "targetStatus": "Published" }).to_string();
    assert_eq!(service.call("POST", &format!("package/versions/update_status?{place}"), &finish).status, 200);

    // What was uploaded, from another empty cache: for the program, and for the build itself.
    let user = gradle.project("user", &["src/main/java/User.java"]);
    forget_credentials(&user.join("build.gradle"));
    let build = std::fs::read_to_string(user.join("build.gradle")).expect("the sample was copied");
    let own = "buildscript {
    repositories { maven { url = System.getenv('TEAM_URL') } }
    dependencies { classpath 'com.acme:counting:1.0.0' }
}
println com.acme.Counting.text()
";
    sandbox.write(user.join("build.gradle"), format!("{own}{build}"));
    let said = gradle.run(&user, "home/second", &service, &[], &["run"]).success().stdout();
    assert_eq!(said.matches("counted 1 option").count(), 2, "{said}");
    assert_eq!(helper.starts(), 1);

    // Plugins are looked for there as well.
    let plugin = "pluginManagement { repositories { maven { url = System.getenv('TEAM_URL') } } }\n";
    sandbox.write(user.join("settings.gradle"), plugin);
    sandbox.write(user.join("build.gradle"), "plugins { id 'com.acme.none' version '1' }\n");
    let missing = gradle.run(&user, "home/second", &service, &[], &["tasks"]).failure();
    let missing = missing.says("Plugin [id: 'com.acme.none', version: '1'] was not found");
    assert!(!missing.stderr().contains("401"), "{}", missing.show());

    // Credentials of the build's own stay.
    sandbox.write(user.join("settings.gradle"), "");
    let own = "apply plugin: 'java'
repositories { maven { url = System.getenv('TEAM_URL'); credentials { username = 'aws'; password = 'nonsense' } } }
dependencies { compile 'com.acme:counting:1.0.0' }
";
    sandbox.write(user.join("build.gradle"), own);
    install(&gradle, "home/third");
    gradle.run(&user, "home/third", &service, &[], &["compileJava"]).failure().says("status code 401");
    // Offline nobody is asked.
    helper.starts();
    gradle.run(&user, "home/third", &service, &[], &["--offline", "tasks"]).success();
    assert_eq!(helper.starts(), 0);
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    service.stop().success();
}

#[test]
fn gradle_says_why_there_is_no_token() {
    let Some(gradle) = Gradle::new() else { return };
    let sandbox = &gradle.sandbox;
    let service = Service::start_denying_tokens(sandbox);
    service.make(DOMAIN, &["team"]);
    HelperOnPath::install(sandbox, &[]);
    install(&gradle, "home/caches");
    let build = "apply plugin: 'java'
repositories { maven { url = System.getenv('TEAM_URL') } }
dependencies { compile 'com.acme:counting:1.0.0' }
task resolve { doLast { configurations.compileClasspath.files } }
";
    let file = sandbox.write("work/refused/build.gradle", build);
    sandbox.write("work/refused/settings.gradle", "");
    let project = file.parent().expect("a file lies in a folder");
    let refused = |vars: &[(&str, &str)]| {
        let run = gradle.run(project, "home/caches", &service, vars, &["resolve"]).failure();
        run.says("no CodeArtifact token for http://127.0.0.1").says("hint: ").says("status code 401")
    };
    refused(&[]).says("GetAuthorizationToken on domain acme").says("403");
    refused(&[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]).says("there are no AWS credentials");
    service.stop().success();
}
