//! sbt with nothing but the file for all of a user's builds, as its page says: nobody logs in, and no token is in a file.

use serde_json::json;
use tests::{HelperOnPath, Service, Source, helper_on_path::guard_token_of, programs::workspace};

use crate::maven::{CONNECTION, DOMAIN, chain, repository, versions};
use crate::sbt::Sbt;

/// Where sbt finds it.
fn install(sbt: &Sbt) {
    let settings = workspace().join("clients/src/sbt/shim/codeartifact.sbt");
    sbt.sandbox.write("home/.sbt/1.0/codeartifact.sbt", std::fs::read(settings).expect("the shim is there"));
}

/// A sample project's file, with nothing said about credentials.
pub(crate) fn forget_credentials(file: &std::path::Path) {
    let text = std::fs::read_to_string(file).expect("the sample was copied");
    let text: String = text.lines().filter(|line| !line.starts_with("credentials")).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(file, text).expect("the sandbox takes files");
}

#[test]
fn sbt_asks_for_tokens_when_it_needs_them() {
    let Some(sbt) = Sbt::new() else { return };
    let sandbox = &sbt.sandbox;
    let source = Source::serve(sbt.made.join("source"));
    let external = format!("{CONNECTION}={}", source.url());
    let service = Service::start_with(sandbox, &["--ephemeral", "--external", &external]);
    chain(&service);
    let helper = HelperOnPath::install(sandbox, &[]);
    install(&sbt);

    // From an empty cache, through the chain; and published.
    let library = sbt.project("library", &["src/main/java/com/acme/Summing.java"]);
    forget_credentials(&library.join("build.sbt"));
    sbt.run(&library, "cache/first", &service, &[], "publish").success();
    assert_eq!(helper.starts(), 1, "one URL, one question");
    assert_eq!(versions(&service, "team", "com.acme", "summing").len(), 1);
    guard_token_of(sandbox, &repository(&service, "team"));
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package=summing");
    let finish = json!({ "versions": ["1.0.0"], "targetStatus": "Published" }).to_string();
    assert_eq!(service.call("POST", &format!("package/versions/update_status?{place}"), &finish).status, 200);

    // What was published, from another empty cache.
    let user = sbt.project("user", &["src/main/java/User.java"]);
    forget_credentials(&user.join("build.sbt"));
    sbt.run(&user, "cache/second", &service, &[], "run").success().prints("summed 1 option");
    assert_eq!(helper.starts(), 1);
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    // Without an identity: the reason, then sbt's own words.
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("CODEARTIFACT_STORE", "none")];
    sbt.run(&user, "cache/third", &service, &nobody, "update")
        .failure()
        .prints("no CodeArtifact token for http://127.0.0.1")
        .prints("there are no AWS credentials")
        .prints("hint: ")
        .prints("unauthorized: ");
    service.stop().success();
}
