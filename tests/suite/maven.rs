//! Maven against the embedded service: a build of two modules whose plugins and libraries come through three
//! repositories, its releases and snapshots, and what Maven says when it is refused.
//!
//! The public source is what `tests/run` resolved once with the machine's own settings: a local repository of Maven has
//! the layout of a remote one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::{
    Outcome, Program, Sandbox, Service, Source,
    programs::{find, workspace},
    sandbox::ACCOUNT,
};

pub(crate) const DOMAIN: &str = "acme";
pub(crate) const CONNECTION: &str = "public:maven-central";

/// What `tests/run` resolved; nothing, and a word about it, if it has not.
pub(crate) fn resolved() -> Option<PathBuf> {
    let folder = workspace().join("target/tools/maven");
    if folder.exists() {
        return Some(folder);
    }
    let found = find(folder.to_str().expect("paths of tools are text"));
    assert!(found.is_none(), "a folder is no program");
    None
}

/// `team` has `internal` upstream, and that has `store`, which is connected.
pub(crate) fn chain(service: &Service) {
    service.make_chain(DOMAIN, "store", CONNECTION);
}

/// The versions that a repository has itself, with their statuses.
pub(crate) fn versions(service: &Service, repository: &str, group: &str, artifact: &str) -> Vec<(String, String)> {
    let query = format!("domain={DOMAIN}&repository={repository}&format=maven&namespace={group}&package={artifact}");
    let answer = service.call("POST", &format!("package/versions?{query}"), "");
    if answer.status == 404 {
        return Vec::new();
    }
    let body: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    let text = |version: &Value, name: &str| version[name].as_str().expect("it is text").to_owned();
    let listed = body["versions"].as_array().expect("it is a list").iter();
    listed.map(|version| (text(version, "version"), text(version, "status"))).collect()
}

/// A repository as these clients write it.
pub(crate) fn repository(service: &Service, name: &str) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/maven/{name}/", service.url())
}

/// Maven in a home of its own.
pub(crate) struct Maven {
    pub(crate) sandbox: Sandbox,
    program: PathBuf,
}

impl Maven {
    pub(crate) fn new() -> Option<Self> {
        let (program, _) = (find("mvn")?, find("javac")?);
        Some(Self::of(program))
    }

    /// Maven 4, if `tests/run` got it.
    pub(crate) fn four() -> Option<Self> {
        let program = workspace().join("target/tools/maven-4/bin/mvn");
        if program.exists() {
            return Some(Self::of(program));
        }
        let found = find(program.to_str().expect("paths of tools are text"));
        assert!(found.is_none(), "it is no program");
        None
    }

    fn of(program: PathBuf) -> Self {
        let sandbox = Sandbox::new();
        // Java asks the system for the home, not the environment. These runs are short: no second compiler.
        let home = sandbox.path("home");
        sandbox.set("MAVEN_OPTS", format!("-Duser.home={} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC", home.display()));
        sandbox.may_hold_secrets("data/service");
        Self { sandbox, program }
    }

    /// Leads it to a repository, as the service's documentation says.
    fn configure(&self, service: &Service) {
        let url = repository(service, "team");
        let settings = format!(
            "<settings>
  <servers><server>
    <id>aws</id><username>aws</username><password>${{env.CODEARTIFACT_AUTH_TOKEN}}</password>
  </server></servers>
  <mirrors><mirror><id>aws</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror></mirrors>
  <profiles><profile><id>team</id><properties><team>{url}</team></properties></profile></profiles>
  <activeProfiles><activeProfile>team</activeProfile></activeProfiles>
</settings>
"
        );
        self.sandbox.write("home/.m2/settings.xml", settings);
    }

    /// In a project's folder, with checksums that must be right, and a local repository.
    fn run(&self, project: &Path, local: &str, token: &str, words: &[&str]) -> Outcome {
        self.program(project, local, token, words).run()
    }

    pub(crate) fn program(&self, project: &Path, local: &str, token: &str, words: &[&str]) -> Program {
        let local = format!("-Dmaven.repo.local={}", self.sandbox.path(local).display());
        let program = self.sandbox.program(&self.program).args(["--batch-mode", "--strict-checksums", &local]);
        program.args(words).var("CODEARTIFACT_AUTH_TOKEN", token).current_dir(project)
    }

    /// The sample's sources with another version.
    pub(crate) fn sample(&self, version: &str) -> PathBuf {
        let sample = workspace().join("tests/jvm/maven");
        let folder = self.sandbox.path(format!("work/{version}"));
        for file in [
            "pom.xml",
            "core/pom.xml",
            "core/src/main/java/com/acme/Greeting.java",
            "app/pom.xml",
            "app/src/main/java/com/acme/App.java",
        ] {
            let text = std::fs::read_to_string(sample.join(file)).expect("the sample is whole");
            self.sandbox.write(folder.join(file), text.replace("<version>1.0.0<", &format!("<version>{version}<")));
        }
        folder
    }

    /// Lets the sample say something else.
    fn say(&self, project: &Path, word: &str) {
        let file = project.join("core/src/main/java/com/acme/Greeting.java");
        let text = std::fs::read_to_string(&file).expect("the sample was copied");
        self.sandbox.write(file, text.replace("\"hello", &format!("\"{word}")));
    }

    /// A project that needs the application in a version or a range of versions.
    pub(crate) fn user(&self, wanted: &str) -> PathBuf {
        let plugins =
            std::fs::read_to_string(workspace().join("tests/jvm/maven/pom.xml")).expect("the sample is whole");
        let (_, plugins) = plugins.split_once("<build>").expect("the sample says which plugins");
        let folder = self.sandbox.path("work/user");
        drop(std::fs::remove_dir_all(&folder));
        self.sandbox.write(
            folder.join("pom.xml"),
            format!(
                "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.acme</groupId><artifactId>user</artifactId><version>1</version>
  <properties><maven.compiler.release>11</maven.compiler.release></properties>
  <dependencies>
    <dependency><groupId>com.acme</groupId><artifactId>greeting-app</artifactId><version>{wanted}</version></dependency>
  </dependencies>
  <repositories>
    <repository><id>team</id><url>${{team}}</url><snapshots><enabled>true</enabled></snapshots></repository>
  </repositories>
  <build>{plugins}"
            ),
        );
        let main = "public final class User { public static void main(String[] w) { com.acme.App.main(w); } }\n";
        self.sandbox.write(folder.join("src/main/java/User.java"), main);
        folder
    }

    /// What the user's program says with these jars of a local repository.
    pub(crate) fn said(&self, user: &Path, local: &str, jars: &[&str]) -> String {
        let mut path = user.join("target/classes").into_os_string();
        for jar in jars {
            let jar = self.sandbox.path(local).join(jar);
            assert!(jar.exists(), "{}", jar.display());
            path.push(":");
            path.push(jar);
        }
        let java = find("java").expect("Maven ran");
        self.sandbox.program(&java).arg("-cp").arg(path).arg("User").run().success().stdout().trim().to_owned()
    }
}

pub(crate) const LIBRARY: &str = "commons-cli/commons-cli/1.5.0/commons-cli-1.5.0.jar";

#[test]
fn maven_builds_and_deploys() {
    let (Some(maven), Some(public)) = (Maven::new(), resolved()) else { return };
    let source = Source::serve(public);
    let external = format!("{CONNECTION}={}", source.url());
    let data = maven.sandbox.path("data/service");
    let data = data.to_str().expect("sandbox paths are text");
    let service = Service::start_with(&maven.sandbox, &["--data", data, "--external", &external]);
    chain(&service);
    let token = service.token(DOMAIN);
    maven.sandbox.guard_token(&token);
    maven.configure(&service);

    // Plugins, libraries and their parents come through the chain; then the release is deployed.
    let release = maven.sample("1.0.0");
    maven.run(&release, "home/first", &token, &["deploy"]).success();
    let only = |version: &str, status: &str| vec![(version.to_owned(), status.to_owned())];
    for artifact in ["greeting", "greeting-core", "greeting-app"] {
        assert_eq!(versions(&service, "team", "com.acme", artifact), only("1.0.0", "Published"));
    }
    let kept = only("1.5.0", "Published");
    for (name, expected) in [("team", &kept), ("internal", &Vec::new()), ("store", &kept)] {
        assert_eq!(versions(&service, name, "commons-cli", "commons-cli"), *expected, "{name}");
    }
    let plugins = "org.apache.maven.plugins";
    assert_eq!(versions(&service, "store", plugins, "maven-deploy-plugin"), only("3.1.1", "Published"));
    assert_eq!(source.asked(&format!("/{LIBRARY}")), 1);
    assert!(service.count("maven:checksum") > 0 && service.count("maven:publish-checksum") > 0);

    // From here on nothing is left of the source, nor of what the service or Maven remembers.
    source.stop();
    std::fs::remove_dir_all(maven.sandbox.path("home/first")).expect("Maven made it");
    let address = service.address().to_owned();
    service.stop().success();
    let options = ["--data", data, "--listen", &address, "--external", &external];
    let service = Service::start_with(&maven.sandbox, &options);
    let token = service.token(DOMAIN);
    maven.sandbox.guard_token(&token);

    // Two builds of a snapshot: who asks for it gets the second one.
    let snapshot = maven.sample("1.1.0-SNAPSHOT");
    maven.run(&snapshot, "home/second", &token, &["deploy"]).success();
    maven.say(&snapshot, "second hello");
    maven.run(&snapshot, "home/second", &token, &["deploy"]).success();
    let listed = versions(&service, "team", "com.acme", "greeting-core");
    let count = |status: &str| listed.iter().filter(|(_, has)| has == status).count();
    // The release, the snapshot that is shown, and its builds.
    assert_eq!((count("Published"), count("Unlisted"), listed.len()), (2, 2, 4), "{listed:?}");
    let user = maven.user("1.1.0-SNAPSHOT");
    maven.run(&user, "home/third", &token, &["compile"]).success();
    let of = |name: &str, version: &str| format!("com/acme/{name}/{version}/{name}-{version}.jar");
    let jars = |version: &str| [of("greeting-app", version), of("greeting-core", version), LIBRARY.to_owned()];
    let said = |version: &str| {
        let jars = jars(version);
        maven.said(&maven.sandbox.path("work/user"), "home/third", &jars.each_ref().map(String::as_str))
    };
    assert_eq!(said("1.1.0-SNAPSHOT"), "second hello with 1 option");
    // The versions in a range are what the service's own metadata lists.
    let user = maven.user("[1.0,1.0.99]");
    maven.run(&user, "home/third", &token, &["compile"]).success();
    assert_eq!(said("1.0.0"), "hello with 1 option");

    // The release again: the same bytes are no conflict, others are.
    maven.say(&release, "other hello");
    let conflict = maven.run(&release, "home/second", &token, &["deploy"]).failure();
    conflict.prints("greeting-core-1.0.0.jar").prints("status: 409 Conflict");
    // And with a policy that does not let anybody publish.
    let deny = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "codeartifact:PublishPackageVersion", "Resource": "*",
    }]});
    let policy = json!({ "policyDocument": deny.to_string() }).to_string();
    let put = service.call("PUT", &format!("repository/permissions/policy?domain={DOMAIN}&repository=team"), &policy);
    assert_eq!(put.status, 200, "{}", put.text());
    let refused = maven.run(&snapshot, "home/second", &token, &["deploy"]).failure();
    refused.prints("Failed to deploy artifacts").prints("status: 403 Forbidden");
    service.stop().success();
}

/// A parent that is asked for before anything else.
#[test]
fn maven_says_why_it_is_refused() {
    let Some(maven) = Maven::new() else { return };
    let service = Service::start(&maven.sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        maven.sandbox.guard_token(token);
    }
    maven.configure(&service);
    let pom = "<project>
  <modelVersion>4.0.0</modelVersion>
  <parent><groupId>com.acme</groupId><artifactId>none</artifactId><version>1</version><relativePath/></parent>
  <artifactId>child</artifactId><packaging>pom</packaging>
</project>
";
    let file = maven.sandbox.write("work/child/pom.xml", pom);
    let project = file.parent().expect("a file lies in a folder");
    for (local, token, expected) in [
        ("home/401", "nonsense", "status: 401 Unauthorized"),
        ("home/403", foreign.as_str(), "status: 403 Forbidden"),
        ("home/404", &token, "Could not find artifact com.acme:none:pom:1 in aws"),
    ] {
        maven.run(project, local, token, &["validate"]).failure().prints(expected);
    }
    let url = repository(&service, "team");
    let mirror = format!("<mirror><id>nobody</id><mirrorOf>*</mirrorOf><url>{url}</url></mirror>");
    maven.sandbox.write("home/.m2/settings.xml", format!("<settings><mirrors>{mirror}</mirrors></settings>"));
    maven.run(project, "home/none", "", &["validate"]).failure().prints("status: 401 Unauthorized");
    service.stop().success();
}
