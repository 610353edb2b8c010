//! Maven with nothing but what its page says: nobody logs in, and no token is in a file. An extension of its core asks
//! for tokens by URL; the line in `~/.mavenrc` is the other way.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tests::{
    HelperOnPath, Outcome, Sandbox, Service, Source,
    helper_on_path::guard_token_of,
    programs::{find, workspace},
};

use crate::maven::{CONNECTION, DOMAIN, LIBRARY, Maven, chain, repository, resolved, versions};

/// What `tests/run` built; nothing, and a word about it, if it has not.
pub(crate) fn extension() -> Option<PathBuf> {
    let jar = workspace().join("target/tools/maven-extension.jar");
    if jar.exists() {
        return Some(jar);
    }
    let found = find(jar.to_str().expect("paths of tools are text"));
    assert!(found.is_none(), "a jar is no program");
    None
}

/// The extension as the page says: in the home, and loaded by the script that the `mvn` script reads.
fn install(sandbox: &Sandbox, jar: &PathBuf) {
    sandbox.write("home/.m2/codeartifact-maven.jar", std::fs::read(jar).expect("it was built"));
    let line = "MAVEN_OPTS=\"$MAVEN_OPTS -Dmaven.ext.class.path=$HOME/.m2/codeartifact-maven.jar\"\n";
    sandbox.write("home/.mavenrc", line);
}

/// Settings with a mirror for everything, and no server. What is deployed goes to a repository with another id.
fn settings(service: &Service, servers: &str) -> String {
    let url = repository(service, "team");
    format!(
        "<settings>
  {servers}
  <mirrors><mirror><id>mirror</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror></mirrors>
  <profiles><profile><id>team</id><properties><team>{url}</team></properties></profile></profiles>
  <activeProfiles><activeProfile>team</activeProfile></activeProfiles>
</settings>
"
    )
}

fn run(maven: &Maven, project: &std::path::Path, local: &str, words: &[&str]) -> Outcome {
    maven.program(project, local, "", words).without_var("CODEARTIFACT_AUTH_TOKEN").run()
}

#[test]
fn maven_asks_for_tokens_when_it_needs_them() {
    let (Some(maven), Some(public), Some(jar)) = (Maven::new(), resolved(), extension()) else { return };
    let sandbox = &maven.sandbox;
    let source = Source::serve(public);
    let external = format!("{CONNECTION}={}", source.url());
    let service = Service::start_with(sandbox, &["--ephemeral", "--external", &external]);
    chain(&service);
    let helper = HelperOnPath::install(sandbox, &[]);
    install(sandbox, &jar);
    sandbox.write("home/.m2/settings.xml", settings(&service, ""));

    // Plugins, libraries and what is deployed, from an empty local repository, with one question for all.
    let release = maven.sample("1.0.0");
    run(&maven, &release, "home/first", &["deploy"]).success();
    assert_eq!(helper.starts(), 1, "one URL, one question");
    let published = vec![("1.0.0".to_owned(), "Published".to_owned())];
    assert_eq!(versions(&service, "team", "com.acme", "greeting-app"), published);
    let token = guard_token_of(sandbox, &repository(&service, "team"));
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    // What was deployed, from another empty one.
    let user = maven.user("1.0.0");
    run(&maven, &user, "home/second", &["compile"]).success();
    assert_eq!(helper.starts(), 1);
    let of = |name: &str| format!("com/acme/{name}/1.0.0/{name}-1.0.0.jar");
    let jars = [of("greeting-app"), of("greeting-core"), LIBRARY.to_owned()];
    let said = maven.said(&user, "home/second", &jars.each_ref().map(String::as_str));
    assert_eq!(said, "hello with 1 option");
    // Offline there is nothing to ask for.
    run(&maven, &user, "home/second", &["--offline", "compile"]).success();
    assert_eq!(helper.starts(), 0, "nobody is asked offline");

    // Who may not publish is told so by Maven.
    let deny = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "codeartifact:PublishPackageVersion", "Resource": "*",
    }]});
    let policy = json!({ "policyDocument": deny.to_string() }).to_string();
    let put = service.call("PUT", &format!("repository/permissions/policy?domain={DOMAIN}&repository=team"), &policy);
    assert_eq!(put.status, 200, "{}", put.text());
    let next = maven.sample("1.0.1");
    run(&maven, &next, "home/second", &["deploy"]).failure().prints("status: 403 Forbidden");

    // The other way: the line for the token in the place of the extension, and a server for its id.
    let domain = format!("{DOMAIN}-{}.us-east-1", tests::sandbox::ACCOUNT);
    let lines = format!(
        "CODEARTIFACT_AUTH_TOKEN=$(codeartifact-credential-helper netrc {domain})\n\
         export CODEARTIFACT_AUTH_TOKEN=\"${{CODEARTIFACT_AUTH_TOKEN##* }}\"\n"
    );
    sandbox.write("home/.mavenrc", lines);
    helper.starts();
    let server = "<servers><server><id>mirror</id><username>aws</username>\
                  <password>${env.CODEARTIFACT_AUTH_TOKEN}</password></server></servers>";
    sandbox.write("home/.m2/settings.xml", settings(&service, server));
    run(&maven, &user, "home/third", &["compile"]).success();
    assert_eq!(helper.starts(), 1);
    assert_eq!(guard_token_of(sandbox, &repository(&service, "team")), token, "one token for all of it");
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    service.stop().success();
}

/// Answers every request with a challenge, and writes down what it was told.
fn stranger() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}/", listener.local_addr().expect("a listener knows its address"));
    let heard = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = String::new();
            let mut reader = BufReader::new(&stream);
            while reader.read_line(&mut request).is_ok_and(|length| length > 2) {}
            hearing.lock().expect("no holder panics").push_str(&request);
            let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"AWS CodeArtifact\"\r\n\
                             Content-Length: 0\r\nConnection: close\r\n\r\n";
            // Whoever does not wait for it has said enough.
            let _ = stream.write_all(challenge.as_bytes());
        }
    });
    (url, heard)
}

/// A repository that only a POM names gets its token by its URL; an id that it took for itself gets nothing.
#[test]
fn an_id_is_not_what_a_token_goes_by() {
    let (Some(maven), Some(jar)) = (Maven::new(), extension()) else { return };
    let sandbox = &maven.sandbox;
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    let (stranger, heard) = stranger();
    let helper = HelperOnPath::install(sandbox, &[]);
    install(sandbox, &jar);
    // The id of the settings' mirror, in a POM, for another place.
    let pom = |id: &str, url: &str| {
        format!(
            "<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.acme</groupId><artifactId>none</artifactId><version>1</version><relativePath/></parent>
  <artifactId>child</artifactId><packaging>pom</packaging>
  <repositories>
    <repository><id>central</id><url>{url}</url></repository><repository><id>{id}</id><url>{url}</url></repository>
  </repositories>
</project>
"
        )
    };
    let child = |url: &str| {
        let file = sandbox.write("work/child/pom.xml", pom("aws", url));
        file.parent().expect("a file lies in a folder").to_path_buf()
    };
    sandbox.write("home/.m2/settings.xml", "<settings/>");
    let url = repository(&service, "team");
    run(&maven, &child(&url), "home/ours", &["validate"])
        .failure()
        .prints("Could not find artifact com.acme:none:pom:1 in");
    assert!(helper.starts() > 0);
    guard_token_of(sandbox, &url);
    run(&maven, &child(&stranger), "home/theirs", &["validate"]).failure().prints("status: 401");
    let heard = heard.lock().expect("no holder panics").to_lowercase();
    assert!(heard.contains("get /com/acme/none/1/none-1.pom"), "it was asked: {heard}");
    assert!(!heard.contains("authorization:"), "it was told: {heard}");
    service.stop().success();
}

/// The reason and the next step come before Maven's own words.
#[test]
fn maven_says_why_there_is_no_token() {
    let (Some(maven), Some(jar)) = (Maven::new(), extension()) else { return };
    let sandbox = &maven.sandbox;
    let service = Service::start_denying_tokens(sandbox);
    service.make(DOMAIN, &["team"]);
    HelperOnPath::install(sandbox, &[]);
    install(sandbox, &jar);
    sandbox.write("home/.m2/settings.xml", settings(&service, ""));
    let project = sandbox.write(
        "work/child/pom.xml",
        "<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.acme</groupId><artifactId>none</artifactId><version>1</version><relativePath/></parent>
  <artifactId>child</artifactId><packaging>pom</packaging>
</project>
",
    );
    let project = project.parent().expect("a file lies in a folder");
    let refused = |program: tests::Program| {
        program
            .without_var("CODEARTIFACT_AUTH_TOKEN")
            .run()
            .failure()
            .prints("no CodeArtifact token for http://127.0.0.1")
            .prints("hint: ")
            .prints("status: 401 Unauthorized")
    };
    let program = || maven.program(project, "home/local", "", &["validate"]);
    refused(program()).prints("GetAuthorizationToken on domain acme").prints("403");
    let nobody = program().without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY");
    refused(nobody).prints("there are no AWS credentials");
    service.stop().success();
}
