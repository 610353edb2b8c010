//! Any number of processes at once cause one request for a token, whatever happens to the one that makes it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{
    Outcome, Program, Running, Sandbox, ScriptedAnswer, ScriptedControlPlane, Service, conversation,
    sandbox::ACCOUNT,
};

const HERD: usize = 200;

/// Starts the program `count` times before it waits for any.
fn herd(program: &Program, count: usize) -> Vec<Outcome> {
    let running: Vec<Running> = (0..count).map(|_| program.clone().start()).collect();
    running.into_iter().map(Running::wait).collect()
}

fn secret(label: &str) -> String {
    format!("eyJ2ZXIiOjF9.{label}.{}", "q7Rm2XbT9Lc4".repeat(24))
}

#[test]
fn two_hundred_cold_helpers_ask_the_service_once() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);
    let index = service.cargo_index("acme", "team");
    let asked = conversation::asked(&sandbox, [&*index]);

    let begun = Instant::now();
    let tokens: Vec<String> =
        herd(&asked, HERD).into_iter().map(|outcome| conversation::only_token(&outcome.success())).collect();
    println!("{HERD} helpers in {:?}", begun.elapsed());

    assert_eq!(service.count("GetAuthorizationToken"), 1);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "all have the same token");
    sandbox.guard_token(&tokens[0]);
    let config = service.cargo_get("acme", "team", "config.json", &tokens[0]);
    assert_eq!(config.status, 200, "and the service takes it: {}", config.text());
}

#[test]
fn other_domains_and_regions_ask_for_themselves() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    let domains = ["first", "second", "third", "fourth"];
    for domain in domains {
        service.make(domain, &["team"]);
    }
    let running: Vec<Running> = (0..40)
        .map(|number| {
            let index = service.cargo_index(domains[number % domains.len()], "team");
            conversation::asked(&sandbox, [&*index]).start()
        })
        .collect();
    for helper in running {
        conversation::only_token(&helper.wait().success());
    }
    assert_eq!(service.count("GetAuthorizationToken"), 4, "one for each domain");
}

#[test]
fn the_others_finish_when_the_one_that_asks_is_killed() {
    let sandbox = Sandbox::new();
    let (first, second) = (secret("first"), secret("second"));
    sandbox.guard_token(&second);
    let plane = ScriptedControlPlane::start(move |number| match number {
        0 => ScriptedAnswer::Held { secret: first.clone() },
        _ => ScriptedAnswer::Token { secret: second.clone(), life: Duration::from_hours(12) },
    });
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    let asked = conversation::asked(&sandbox, [&*index]);

    let leader = asked.clone().start();
    assert!(plane.wait_for_requests(1, Duration::from_secs(20)), "the leader asks");
    let others: Vec<Running> = (0..HERD / 5).map(|_| asked.clone().start()).collect();
    leader.signal(Signal::KILL);
    assert_eq!(leader.wait().code(), None, "killed");
    let killed = Instant::now();
    for other in others {
        conversation::only_token(&other.wait().success());
    }
    assert_eq!(plane.token_requests(), 2, "one more request, not one for each");
    assert!(killed.elapsed() < Duration::from_secs(20), "nobody waits for the dead: {:?}", killed.elapsed());
}

#[test]
fn a_refusal_is_asked_for_once_and_told_to_all() {
    let sandbox = Sandbox::new();
    let plane = ScriptedControlPlane::start(|_| {
        ScriptedAnswer::Error(403, "AccessDeniedException", "not allowed: codeartifact:GetAuthorizationToken")
    });
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    for outcome in herd(&conversation::asked(&sandbox, [&*index]), HERD / 5) {
        let answers = conversation::answers(&outcome);
        assert_eq!(conversation::error_kind(&answers[0]), Some("other"), "{}", outcome.show());
        let message = answers[0].to_string();
        for part in ["GetAuthorizationToken", "acme", ACCOUNT] {
            assert!(message.contains(part), "`{part}` is not in {message}");
        }
    }
    assert!(plane.token_requests() <= 2, "{} requests", plane.token_requests());
}

#[test]
fn a_token_past_half_of_its_life_outlives_the_service() {
    let sandbox = Sandbox::new();
    let old = secret("old");
    sandbox.guard_token(&old);
    let issued = old.clone();
    // So short a life is past its half, and past the point where a caller waits for a new one, at once.
    let plane = ScriptedControlPlane::start(move |number| match number {
        0 => ScriptedAnswer::Token { secret: issued.clone(), life: Duration::from_mins(10) },
        _ => ScriptedAnswer::Error(500, "InternalServerException", "later"),
    });
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    let asked = conversation::asked(&sandbox, [&*index]);
    assert_eq!(conversation::only_token(&asked.clone().run().success()), old);
    assert_eq!(conversation::only_token(&asked.run().success()), old, "the service fails, the token still holds");
}
