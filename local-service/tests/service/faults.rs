//! Scripted failures.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use local_service::{Cut, FaultRule, Notices, Options};
use serde_json::json;

use crate::client::{Service, fixed_clock, send};

fn rule(operation: &str) -> FaultRule {
    FaultRule { operation: Some(operation.to_owned()), times: 1, ..FaultRule::default() }
}

#[test]
fn a_status_comes_with_its_exception_and_retry_after() {
    let service = Service::furnished();
    let throttled = FaultRule { status: Some(429), retry_after: Some(7), times: 2, ..rule("GetAuthorizationToken") };
    service.local.set_faults(vec![throttled]).unwrap();
    for _ in 0..2 {
        let answer = service.call("POST", "/v1/authorization-token?domain=acme", None);
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
        assert_eq!(answer.header("x-amzn-errortype"), Some("ThrottlingException"));
    }
    assert_eq!(service.call("POST", "/v1/authorization-token?domain=acme", None).status, 200);
    let calls = service.local.calls("GetAuthorizationToken");
    assert_eq!((calls.calls, calls.failures), (3, 2));
}

#[test]
fn the_data_plane_fails_in_its_clients_words() {
    let service = Service::furnished();
    let token = service.token();
    service.local.set_faults(vec![FaultRule { status: Some(503), ..rule("cargo:config") }]).unwrap();
    let answer = service.cargo(&token, "GET", "team", "config.json", b"");
    assert_eq!((answer.status, answer.json()), (503, json!({ "errors": [{ "detail": "scripted failure" }] })));
    service.local.set_faults(vec![FaultRule { expire_token: true, ..rule("cargo:config") }]).unwrap();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 401);
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
}

#[test]
fn a_connection_is_cut_before_after_or_in_the_middle() {
    let service = Service::furnished();
    let token = service.token();
    let cut = |when| vec![FaultRule { cut: Some(when), ..rule("cargo:publish") }];
    let publish = |version: &str| {
        let body = crate::client::publish_body("demo", version, b"content");
        let target = "/d/acme-111122223333/cargo/team/api/v1/crates/new";
        send(service.address, "PUT", target, &[("Authorization", &token)], &body)
    };
    let stored = |version: &str| {
        service.cargo(&token, "HEAD", "team", &format!("api/v1/crates/demo/{version}/download"), b"").status == 200
    };
    service.local.set_faults(cut(Cut::Before)).unwrap();
    assert!(publish("1.0.0").is_err());
    assert!(!stored("1.0.0"));
    // The answer is lost and the work done: the same again must be fine.
    service.local.set_faults(cut(Cut::After)).unwrap();
    assert!(publish("1.0.0").is_err());
    assert!(stored("1.0.0"));
    assert_eq!(publish("1.0.0").unwrap().status, 200);

    let middle = FaultRule { cut: Some(Cut::Body), ..rule("cargo:download") };
    service.local.set_faults(vec![middle]).unwrap();
    let target = "/d/acme-111122223333/cargo/team/api/v1/crates/demo/1.0.0/download";
    assert!(send(service.address, "GET", target, &[("Authorization", &token)], b"").is_err());
    assert_eq!(send(service.address, "GET", target, &[("Authorization", &token)], b"").unwrap().body, b"content");
}

#[test]
fn a_delay_delays() {
    let service = Service::furnished();
    let slow = FaultRule { path: Some("/v1/domain".to_owned()), delay_ms: 120, times: 1, ..FaultRule::default() };
    service.local.set_faults(vec![slow]).unwrap();
    let began = Instant::now();
    assert_eq!(service.call("GET", "/v1/domain?domain=acme", None).status, 200);
    assert!(began.elapsed() >= Duration::from_millis(120));
}

/// A clock that is wrong: in the header, in the tokens that are issued, and in what is judged by it.
#[test]
fn a_skewed_clock_is_wrong_everywhere() {
    let service = Service::furnished();
    let skewed = |operation: &str, clock_skew| vec![FaultRule { clock_skew, ..rule(operation) }];
    service.local.set_faults(skewed("GetAuthorizationToken", -43_200)).unwrap();
    let answer = service.call("POST", "/v1/authorization-token?domain=acme", None);
    assert_eq!(answer.header("date"), Some("Thu, 14 Jan 2027 20:00:00 GMT"));
    assert_eq!(answer.json()["expiration"], json!(1_800_000_000.0));
    // It ends now, and the service's own clock is right again.
    let token = answer.json()["authorizationToken"].as_str().unwrap().to_owned();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 401);
    let token = service.token();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
    service.local.set_faults(skewed("cargo:config", 43_200)).unwrap();
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 401);
    assert_eq!(service.cargo(&token, "GET", "team", "config.json", b"").status, 200);
}

/// The list lags behind, the download does not; after the delay the list has it.
#[test]
fn a_version_is_listed_later() {
    let service = Service::furnished();
    let token = service.token();
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", b"content").status, 200);
    let lagging = FaultRule { behind_ms: 700, times: 0, ..rule("cargo:index") };
    service.local.set_faults(vec![lagging]).unwrap();
    let listed = || service.cargo(&token, "GET", "team", "de/mo/demo", b"").text().lines().count();
    assert_eq!(listed(), 1);
    let began = Instant::now();
    assert_eq!(service.publish(&token, "team", "demo", "2.0.0", b"content").status, 200);
    let at_once = listed();
    // On a machine that stood still for so long there is nothing to see.
    assert!(at_once == 1 || began.elapsed() >= Duration::from_millis(700));
    assert_eq!(service.cargo(&token, "GET", "team", "api/v1/crates/demo/2.0.0/download", b"").status, 200);
    while listed() < 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "it is never listed");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= Duration::from_millis(700));
}

#[test]
fn a_slow_answer_is_slow_and_whole() {
    let service = Service::furnished();
    let token = service.token();
    let content = vec![7; 4_000];
    assert_eq!(service.publish(&token, "team", "demo", "1.0.0", &content).status, 200);
    let slow = FaultRule { bytes_per_second: std::num::NonZeroU32::new(20_000), ..rule("cargo:download") };
    service.local.set_faults(vec![slow]).unwrap();
    let began = Instant::now();
    let answer = service.cargo(&token, "GET", "team", "api/v1/crates/demo/1.0.0/download", b"");
    assert_eq!(answer.body, content);
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
}

/// The words for each status, on both planes.
#[test]
fn every_status_comes_with_its_exception() {
    let service = Service::furnished();
    let token = service.token();
    for (status, exception) in [
        (401, "AccessDeniedException"),
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "InternalServerException"),
    ] {
        let rules = ["ListDomains", "cargo:config"].map(|name| FaultRule { status: Some(status), ..rule(name) });
        service.local.set_faults(rules.to_vec()).unwrap();
        let (said, kind, _) = service.refused("POST", "/v1/domains", None);
        assert_eq!((said, kind.as_str()), (status, exception));
        let answer = service.cargo(&token, "GET", "team", "config.json", b"");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
}

#[test]
fn rules_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.json");
    std::fs::write(&file, r#"{"rules":[{"operation":"ListDomains","status":500,"times":1}]}"#).unwrap();
    let service = Service::ephemeral();
    service.local.set_faults(local_service::read_faults(&file).unwrap()).unwrap();
    assert_eq!(service.refused("POST", "/v1/domains", None).1, "InternalServerException");
    std::fs::write(&file, r#"{"rules":[{"operation":"ListDomains"}]}"#).unwrap();
    assert!(local_service::read_faults(&file).unwrap_err().to_string().contains("rule 1 (line 1) does nothing"));
    assert!(local_service::read_faults(&folder.path().join("none")).is_err());
}

/// Changed while the service runs: used, or told with its line; and what was not changed goes on counting.
#[test]
fn a_changed_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.json");
    let once = r#"{"operation":"ListRepositories","status":500,"times":1}"#;
    let write = |rules: &str| std::fs::write(&file, format!("{{\n\"rules\": [\n{rules}\n]}}")).unwrap();
    write(once);
    let said = Arc::new(Mutex::new(Vec::<String>::new()));
    let saying = Arc::clone(&said);
    let notices = Notices::new(move |text| saying.lock().unwrap().push(text.to_owned()));
    let options = Options { faults_file: Some(file.clone()), notices, ..Options::ephemeral(fixed_clock()) };
    let service = Service::of(options);
    let domains = || service.call("POST", "/v1/domains", None).status;
    let repositories = || service.call("POST", "/v1/repositories", None).status;
    let until = |what: &dyn Fn() -> bool| {
        let patience = Instant::now();
        while !what() {
            assert!(patience.elapsed() < Duration::from_secs(30), "the change is never seen");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    assert_eq!((repositories(), repositories(), domains()), (500, 200, 200));
    write(&format!("{once},\n{{\"operation\":\"ListDomains\",\"status\":503}}"));
    until(&|| domains() == 503);
    assert_eq!(repositories(), 200, "that rule is spent, and was not changed");

    write(&format!("{once},\n{{\"operation\":\"ListDomains\"}}"));
    until(&|| {
        assert_eq!(domains(), 503, "the rules of before stay");
        !said.lock().unwrap().is_empty()
    });
    std::fs::remove_file(&file).unwrap();
    until(&|| {
        assert_eq!(domains(), 503);
        said.lock().unwrap().len() > 1
    });
    let said = said.lock().unwrap().clone();
    assert!(said[0].contains("faults.json") && said[0].contains("rule 2 (line 4) does nothing"), "{said:?}");
    assert!(said[1].contains("could not be read"), "{said:?}");
    write(&once.replace("500", "501"));
    until(&|| domains() == 200);
    assert_eq!((repositories(), repositories()), (501, 200), "changed, it begins anew");
}
