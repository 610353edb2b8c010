//! NuGet with nothing but a link, as its page says. The plugin protocol is held message by message, as NuGet's own
//! sources send it: .NET's command cannot be had here. The older way is `nuget.exe` itself, on Mono.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    HelperOnPath, Running, Sandbox, Service, helper_on_path::guard_token_of, sandbox::ACCOUNT, service::send,
};

use crate::nuget::{DOMAIN, NuGet};

/// NuGet's patience, from one message to the next.
const PATIENCE: Duration = Duration::from_secs(5);

fn index(service: &Service) -> String {
    format!("{}/d/{DOMAIN}-{ACCOUNT}/nuget/team/v3/index.json", service.url())
}

/// NuGet's side of a conversation.
struct NuGetSide {
    plugin: Running,
    requests: u32,
}

impl NuGetSide {
    /// Starts the plugin as NuGet does, and shakes hands.
    fn start(sandbox: &Sandbox, helper: &HelperOnPath) -> Self {
        let link = helper.folder().join("nuget-plugin-codeartifact");
        let plugin = sandbox.program(&link).arg("-Plugin").answers_secret().start_interactive();
        let mut side = Self { plugin, requests: 0 };
        let hello = side.heard();
        assert_eq!((&hello["Type"], &hello["Method"]), (&json!("Request"), &json!("Handshake")), "{hello}");
        let versions = json!({ "ProtocolVersion": "2.0.0", "MinimumProtocolVersion": "2.0.0" });
        let agreed = json!({ "ResponseCode": "Success", "ProtocolVersion": "2.0.0" });
        side.say(&json!({
            "RequestId": hello["RequestId"], "Type": "Response", "Method": "Handshake", "Payload": agreed,
        }));
        assert_eq!(side.asked("Handshake", &versions).0["ResponseCode"], "Success");
        for (method, payload) in [
            ("MonitorNuGetProcessExit", json!({ "ProcessId": std::process::id() })),
            ("Initialize", json!({ "ClientVersion": "6.13.0", "Culture": "en-US", "RequestTimeout": "00:00:05" })),
        ] {
            assert_eq!(side.asked(method, &payload).0["ResponseCode"], "Success", "{method}");
        }
        assert_eq!(side.asked("GetOperationClaims", &json!({})).0["Claims"], json!(["Authentication"]));
        assert_eq!(side.asked("SetLogLevel", &json!({ "LogLevel": "Information" })).0["ResponseCode"], "Success");
        side
    }

    fn say(&mut self, message: &Value) {
        self.plugin.write(&format!("{message}\r\n"));
    }

    fn heard(&mut self) -> Value {
        let line = self.plugin.line().expect("the plugin says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in `{line}`"))
    }

    /// The answer's payload, what was sent for NuGet's log, and how often the plugin said that it still works. Each of its
    /// messages must come while NuGet still has patience.
    fn asked(&mut self, method: &str, payload: &Value) -> (Value, Vec<String>, u32) {
        self.requests += 1;
        let id = format!("00000000-0000-0000-0000-{:012}", self.requests);
        self.say(&json!({ "RequestId": id, "Type": "Request", "Method": method, "Payload": payload }));
        let (mut log, mut beats) = (Vec::new(), 0);
        loop {
            let begun = Instant::now();
            let message = self.heard();
            assert!(begun.elapsed() < PATIENCE, "NuGet gave up after {:?}", begun.elapsed());
            match (message["Type"].as_str(), message["Method"].as_str()) {
                (Some("Request"), Some("Log")) => {
                    log.push(message["Payload"]["Message"].as_str().expect("it is text").to_owned());
                    let done = json!({ "ResponseCode": "Success" });
                    self.say(&json!({
                        "RequestId": message["RequestId"], "Type": "Response", "Method": "Log", "Payload": done,
                    }));
                }
                (Some("Progress"), Some(of)) if of == method && message["RequestId"] == *id => beats += 1,
                (Some("Response"), Some(of)) if of == method && message["RequestId"] == *id => {
                    return (message["Payload"].clone(), log, beats);
                }
                _ => panic!("not an answer to {method}: {message}"),
            }
        }
    }

    fn credentials(&mut self, uri: &str, is_retry: bool) -> (Value, Vec<String>, u32) {
        let question = json!({ "Uri": uri, "IsRetry": is_retry, "IsNonInteractive": true, "CanShowDialog": false });
        self.asked("GetAuthenticationCredentials", &question)
    }

    fn close(mut self) {
        self.requests += 1;
        let id = self.requests.to_string();
        self.say(&json!({ "RequestId": id, "Type": "Request", "Method": "Close" }));
        let outcome = self.plugin.wait().success();
        assert_eq!(outcome.stderr(), "", "NuGet shows it to the user");
    }
}

/// What NuGet would send with these credentials.
fn basic(credentials: &Value) -> String {
    let text = |name: &str| credentials[name].as_str().unwrap_or_else(|| panic!("no {name} in {credentials}"));
    format!("Basic {}", STANDARD.encode(format!("{}:{}", text("Username"), text("Password"))))
}

#[test]
fn a_restore_has_one_plugin_and_one_token() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    let helper = HelperOnPath::install(&sandbox, &["nuget-plugin-codeartifact"]);
    let index = index(&service);
    let token = {
        let mut nuget = NuGetSide::start(&sandbox, &helper);
        let foreign = nuget.credentials("http://127.0.0.1:1/v3/index.json", false).0;
        assert_eq!(foreign, json!({ "ResponseCode": "NotFound" }));
        // Cold: the first program becomes the other one in the middle of the conversation.
        let (granted, _, _) = nuget.credentials(&index, false);
        assert_eq!(granted["ResponseCode"], "Success", "{granted}");
        assert_eq!(send("GET", &index, Some(&basic(&granted)), b"").status, 200);
        assert_eq!(nuget.credentials(&index, false).0, granted);
        nuget.close();
        granted["Password"].as_str().expect("it is text").to_owned()
    };
    assert_eq!(guard_token_of(&sandbox, &index), token);
    assert_eq!((helper.starts(), service.count("GetAuthorizationToken")), (1, 1));

    // Warm; then the token was refused: a minute has not passed, so that another would be the same.
    let mut nuget = NuGetSide::start(&sandbox, &helper);
    assert_eq!(nuget.credentials(&index, false).0["Password"], token);
    assert_eq!(nuget.credentials(&index, true).0["ResponseCode"], "Success");
    nuget.close();
    assert_eq!(helper.starts(), 1);
    service.stop().success();
}

/// Twenty seconds are more than NuGet waits, and as long as the helper does.
#[test]
fn a_slow_service_does_not_cost_nugets_patience() {
    let sandbox = Sandbox::new();
    let slow = json!({ "rules": [{ "operation": "GetAuthorizationToken", "times": 1, "delay-ms": 12_000 }] });
    let faults = sandbox.write("tmp/faults.json", slow.to_string());
    let service =
        Service::start_with(&sandbox, &["--ephemeral", "--faults", faults.to_str().expect("sandbox paths are text")]);
    service.make(DOMAIN, &["team"]);
    let helper = HelperOnPath::install(&sandbox, &["nuget-plugin-codeartifact"]);
    let index = index(&service);
    let mut nuget = NuGetSide::start(&sandbox, &helper);
    let (granted, _, beats) = nuget.credentials(&index, false);
    assert_eq!(granted["ResponseCode"], "Success", "{granted}");
    assert!((4..=6).contains(&beats), "{beats} signs of life in twelve seconds");
    guard_token_of(&sandbox, &index);
    nuget.close();
    service.stop().success();
}

#[test]
fn a_hanging_service_is_told_of_in_time() {
    let sandbox = Sandbox::new();
    let hangs = json!({ "rules": [{ "operation": "GetAuthorizationToken", "delay-ms": 120_000 }] });
    let faults = sandbox.write("tmp/faults.json", hangs.to_string());
    let service =
        Service::start_with(&sandbox, &["--ephemeral", "--faults", faults.to_str().expect("sandbox paths are text")]);
    service.make(DOMAIN, &["team"]);
    let helper = HelperOnPath::install(&sandbox, &["nuget-plugin-codeartifact"]);
    let mut nuget = NuGetSide::start(&sandbox, &helper);
    let begun = Instant::now();
    let (refused, log, beats) = nuget.credentials(&index(&service), false);
    assert_eq!(refused["ResponseCode"], "Error", "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert!(beats >= 5, "{beats} signs of life in {:?}", begun.elapsed());
    assert!(log[0].contains("GetAuthorizationToken"), "{log:?}");
    nuget.close();
    service.kill();
}

#[test]
fn nuget_is_told_why_there_is_no_token() {
    let sandbox = Sandbox::new();
    let service = Service::start_denying_tokens(&sandbox);
    service.make(DOMAIN, &["team"]);
    let helper = HelperOnPath::install(&sandbox, &["nuget-plugin-codeartifact"]);
    for (words, keys) in [(&["403", "GetAuthorizationToken on domain acme", "hint: "][..], true), (&["no AWS credentials"], false)] {
        if !keys {
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
                sandbox.set(name, "");
            }
        }
        let mut nuget = NuGetSide::start(&sandbox, &helper);
        let (refused, log, _) = nuget.credentials(&index(&service), false);
        assert_eq!(refused["ResponseCode"], "Error", "{refused}");
        for word in words {
            assert!(log.len() == 1 && log[0].contains(word), "`{word}` is not in {log:?}");
            assert!(refused["Message"].as_str().is_some_and(|message| message.contains(word)), "{refused}");
        }
        nuget.close();
    }
    service.stop().success();
}

/// The older way, with the real client: installs what it pushed, from nothing that was remembered.
#[test]
fn nuget_exe_asks_in_the_older_way() {
    let Some(nuget) = NuGet::new() else { return };
    let sandbox = &nuget.sandbox;
    let service = Service::start(sandbox);
    service.make(DOMAIN, &["team"]);
    let helper = HelperOnPath::install(sandbox, &["CredentialProvider.CodeArtifact.exe"]);
    sandbox.set("NUGET_CREDENTIALPROVIDERS_PATH", helper.folder());
    let index = index(&service);
    let settings = format!(
        "<configuration>
  <packageSources><clear/><add key=\"team\" value=\"{index}\" protocolVersion=\"3\"/></packageSources>
</configuration>
"
    );
    // In a folder that must hold no secret, unlike that of the journeys with a password in the settings.
    sandbox.write("work/NuGet.Config", settings);
    let package = nuget.pack("Acme.Own", "own", "");
    nuget.push(&package).success().prints("Your package was pushed");
    nuget.install("Acme.Own", "work/first").success();
    assert_eq!(nuget.said("work/first", "Acme.Own"), "own");
    assert!((2..=4).contains(&helper.starts()), "one question for each run of NuGet's");
    guard_token_of(sandbox, &index);
    assert_eq!(service.count("GetAuthorizationToken"), 1);

    // Without an identity NuGet goes on without; the reason is for whoever calls the program by hand.
    let link = helper.folder().join("CredentialProvider.CodeArtifact.exe");
    let ask = |uri: &str| sandbox.program(&link).args(["-uri", uri, "-nonInteractive"]).var("CODEARTIFACT_STORE", "none");
    let nobody = ask(&index).without_var("AWS_ACCESS_KEY_ID").without_var("AWS_SECRET_ACCESS_KEY").run().exit(1);
    let message = nobody.json()["Message"].to_string();
    assert!(message.contains("there are no AWS credentials") && message.contains("hint: "), "{message}");
    assert_eq!(nobody.stderr(), "", "NuGet on Mono fails over it");
    assert_eq!(ask("http://127.0.0.1:1/v3/index.json").run().exit(1).stdout(), "", "others' are left to others");
    service.stop().success();
}
