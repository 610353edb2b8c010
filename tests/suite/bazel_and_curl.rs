//! Programs that take a header or a netrc file: curl itself, Bazel's helper protocol request by request, and the line that
//! hands a netrc file to an image build, up to `docker`.

use serde_json::json;
use tests::{
    HelperOnPath, Sandbox, Service,
    helper_on_path::guard_token_of,
    programs::{find, workspace},
    sandbox::ACCOUNT,
    service::send,
};

const DOMAIN: &str = "acme";
const FILE: &str = "com/acme/plain/1/plain-1.txt";

/// A service with a repository, and its URL.
fn repository(sandbox: &Sandbox) -> (Service, String) {
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    let url = format!("{}/d/{DOMAIN}-{ACCOUNT}/maven/team/", service.url());
    (service, url)
}

/// A version without the artifact's metadata is unfinished, and not to be read, until somebody says otherwise.
fn finish(service: &Service) {
    let place = format!("domain={DOMAIN}&repository=team&format=maven&namespace=com.acme&package=plain");
    let status = json!({ "versions": ["1"], "targetStatus": "Published" }).to_string();
    let answer = service.call("POST", &format!("package/versions/update_status?{place}"), &status);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The shell's own way to hand over what a program prints: no file, no argument.
#[test]
fn curl_reads_and_writes_by_netrc() {
    let (Some(_), Some(bash)) = (find("curl"), find("bash")) else { return };
    let sandbox = Sandbox::new();
    let (service, url) = repository(&sandbox);
    let helper = HelperOnPath::install(&sandbox, &[]);
    let curl = |words: &str| {
        let line = format!(
            "curl --silent --show-error --fail --netrc-file <(codeartifact-credential-helper netrc {url}) {words}"
        );
        sandbox.program(&bash).args(["-c", &line]).run()
    };
    curl(&format!("--upload-file - {url}{FILE} <<< plain")).success();
    assert_eq!(helper.starts(), 1);
    guard_token_of(&sandbox, &url);
    finish(&service);
    let read = curl(&format!("{url}{FILE}")).success();
    assert_eq!(read.stdout(), "plain\n");
    assert_eq!((helper.starts(), service.count("GetAuthorizationToken")), (1, 1));
    // A domain's name is enough.
    let line = format!("codeartifact-credential-helper netrc {DOMAIN}-{ACCOUNT}.us-east-1 {url}");
    let named = sandbox.program(&bash).args(["-c", &line]).answers_secret().run().success();
    assert_eq!(named.stdout().lines().count(), 1, "one host, one line");
    // Without a token curl is refused, and the reason stands before its own.
    let nobody = sandbox.program(&bash).without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY");
    let line = format!("curl --silent --show-error --fail --netrc-file <(codeartifact-credential-helper netrc {url}) {url}{FILE}");
    nobody.args(["-c", &line]).run().failure().says("there are no AWS credentials").says("401");
    service.stop().success();
}

#[test]
fn bazel_gets_a_header_that_works() {
    let sandbox = Sandbox::new();
    let (service, url) = repository(&sandbox);
    let helper = HelperOnPath::install(&sandbox, &["bazel-credential-codeartifact"]);
    let link = helper.folder().join("bazel-credential-codeartifact");
    let ask = |uri: &str| {
        let question = json!({ "uri": uri }).to_string();
        sandbox.program(&link).arg("get").stdin(question).answers_secret().run()
    };
    let answer = ask(&format!("{url}{FILE}")).success().json();
    guard_token_of(&sandbox, &url);
    let header = answer["headers"]["Authorization"][0].as_str().expect("there is one");
    let put = send("PUT", &format!("{url}{FILE}"), Some(header), b"plain");
    assert!((200..300).contains(&put.status), "{}", put.text());
    finish(&service);
    assert_eq!(send("GET", &format!("{url}{FILE}"), Some(header), b"").body, b"plain");
    let expires = answer["expires"].as_str().expect("it ends");
    assert!(expires.len() == 20 && expires.starts_with("20") && expires.ends_with('Z'), "{expires}");
    assert_eq!(ask("http://127.0.0.1:1/x").success().json(), json!({ "headers": {} }));
    let nobody = sandbox.program(&link).arg("get").stdin(json!({ "uri": url }).to_string());
    let nobody = nobody.without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY").run();
    nobody.exit(1).says("error: ").says("there are no AWS credentials").says("hint: ");
    service.stop().success();
}

/// The link for Maven 4, as its security library talks to a pinentry.
#[test]
fn maven_4_gets_a_pin() {
    let sandbox = Sandbox::new();
    let (service, url) = repository(&sandbox);
    let name = format!("codeartifact-pinentry-{DOMAIN}-{ACCOUNT}.us-east-1");
    let helper = HelperOnPath::install(&sandbox, &[&name]);
    let link = helper.folder().join(&name);
    let mut pinentry = sandbox.program(&link).answers_secret().start_interactive();
    assert!(pinentry.line().is_some_and(|line| line.starts_with("OK")), "it greets");
    for command in ["SETTIMEOUT 30", "OPTION grab", "SETKEYINFO n/maven", "SETTITLE Maven", "SETPROMPT Password"] {
        pinentry.write(&format!("{command}\n"));
        assert_eq!(pinentry.line().as_deref(), Some("OK"), "{command}");
    }
    pinentry.write("GETPIN\n");
    let answer = pinentry.line().expect("it answers");
    let token = answer.strip_prefix("D ").expect("it is a pin");
    assert_eq!(pinentry.line().as_deref(), Some("OK"));
    pinentry.write("BYE\n");
    assert_eq!(pinentry.line().as_deref(), Some("OK"));
    pinentry.wait().success();
    assert_eq!(guard_token_of(&sandbox, &url), token);
    assert_eq!((helper.starts(), service.count("GetAuthorizationToken")), (1, 1));

    let nobody = sandbox.program(&link).without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY");
    let refused = nobody.stdin("GETPIN\nBYE\n").run().success().says("there are no AWS credentials");
    let lines: Vec<String> = refused.stdout().lines().map(str::to_owned).collect();
    assert!(lines[1].starts_with("ERR 83886179 ") && lines[2] == "OK", "{lines:?}");
    service.stop().success();
}

/// The line of curl's page, with a `docker` that shows what it was given.
#[test]
fn an_image_build_gets_a_netrc_file_as_a_secret() {
    let Some(bash) = find("bash") else { return };
    let page = std::fs::read_to_string(workspace().join("clients/src/curl/page.md")).expect("the page is there");
    let line = page.lines().find(|line| line.contains("docker build")).expect("the page has the line").trim();
    let sandbox = Sandbox::new();
    let (service, url) = repository(&sandbox);
    let helper = HelperOnPath::install(&sandbox, &[]);
    let docker = "#!/bin/sh\n[ \"$*\" = 'build --secret id=netrc,env=NETRC_LINES .' ] || exit 3\n\
                  printf '%s\\n' \"$NETRC_LINES\" | wc -l; printf '%s' \"$NETRC_LINES\" | cut -c1-30\n";
    let file = helper.folder().join("docker");
    std::fs::write(&file, docker).expect("the sandbox takes files");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("the owner changes the mode");
    let line = line.replace("my-org-111122223333.us-east-1", &format!("{DOMAIN}-{ACCOUNT}.us-east-1"));
    let shown = sandbox.program(&bash).args(["-c", &line]).run().success();
    assert_eq!(shown.stdout(), "1\nmachine 127.0.0.1 login aws pa\n");
    guard_token_of(&sandbox, &url);
    service.stop().success();
}
