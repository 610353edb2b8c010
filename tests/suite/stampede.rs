//! Any number of processes at once cause one request for a token, whatever protocol each speaks, and whatever happens to
//! the one that makes it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::{
    Asking, Outcome, Running, Sandbox, ScriptedAnswer, ScriptedControlPlane, Service, asking, conversation,
    programs::full_size, sandbox::ACCOUNT,
};

const HERD: usize = 200;

/// Starts `count` processes, all protocols in turn, before it waits for any.
fn herd(sandbox: &Sandbox, address: &str, count: usize, domain: impl Fn(usize) -> String) -> Vec<(Asking, Outcome)> {
    let running: Vec<(Asking, Running)> = (0..count)
        .map(|number| {
            let asking = asking::ALL[number % asking::ALL.len()];
            (asking, asking.for_domain(sandbox, address, &domain(number)).start())
        })
        .collect();
    running.into_iter().map(|(asking, one)| (asking, one.wait())).collect()
}

fn secret(label: &str) -> String {
    format!("eyJ2ZXIiOjF9.{label}.{}", "q7Rm2XbT9Lc4".repeat(24))
}

#[test]
fn two_hundred_cold_helpers_ask_the_service_once() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make("acme", &["team"]);

    let begun = Instant::now();
    let outcomes = herd(&sandbox, service.url(), HERD, |_| "acme".to_owned());
    println!("{HERD} helpers in {:?}", begun.elapsed());

    assert_eq!(service.count("GetAuthorizationToken"), 1);
    let index = service.cargo_index("acme", "team");
    let token = conversation::only_token(&conversation::asked(&sandbox, [&*index]).run().success());
    sandbox.guard_token(&token);
    for (asking, outcome) in outcomes {
        assert!(asking.gives(&outcome, &token), "{}: {}", asking.word, outcome.show());
    }
    assert_eq!(service.count("GetAuthorizationToken"), 1);
    let config = service.cargo_get("acme", "team", "config.json", &token);
    assert_eq!(config.status, 200, "and the service takes it: {}", config.text());
}

#[test]
fn eight_domains_ask_for_themselves() {
    const DOMAINS: usize = 8;
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    let domain = |number: usize| format!("domain-{}", (number / asking::ALL.len()) % DOMAINS);
    for number in 0..DOMAINS {
        service.make(&format!("domain-{number}"), &["team"]);
    }
    for (asking, outcome) in herd(&sandbox, service.url(), HERD, domain) {
        assert!(asking.gives(&outcome, "eyJ") || asking.word == "bazel", "{}: {}", asking.word, outcome.show());
        assert_eq!(outcome.code(), Some(0), "{}: {}", asking.word, outcome.show());
    }
    assert_eq!(service.count("GetAuthorizationToken"), DOMAINS as u64, "one for each domain");
}

#[test]
fn fifty_killed_leaders_cost_a_request_each_and_hold_nobody_up() {
    const KILLED: usize = 50;
    let sandbox = Sandbox::new();
    let (first, second) = (secret("first"), secret("second"));
    sandbox.guard_token(&second);
    let answer = second.clone();
    let plane = ScriptedControlPlane::start(move |number| match number {
        ..KILLED => ScriptedAnswer::Held { secret: first.clone() },
        _ => ScriptedAnswer::Token { secret: answer.clone(), life: Duration::from_hours(12) },
    });
    sandbox.point_at(&plane.url());
    for number in 0..KILLED {
        let asking = asking::ALL[number % asking::ALL.len()];
        let leader = asking.for_domain(&sandbox, &plane.url(), "acme").start();
        assert!(plane.wait_for_requests(number + 1, Duration::from_secs(20)), "{} asks", asking.word);
        if number + 1 < KILLED {
            leader.signal(Signal::KILL);
            assert_eq!(leader.wait().code(), None, "killed");
            continue;
        }
        // The last one has others behind it.
        let others: Vec<(Asking, Running)> = (0..HERD / 5)
            .map(|number| asking::ALL[number % asking::ALL.len()])
            .map(|asking| (asking, asking.for_domain(&sandbox, &plane.url(), "acme").start()))
            .collect();
        leader.signal(Signal::KILL);
        assert_eq!(leader.wait().code(), None, "killed");
        let killed = Instant::now();
        for (asking, other) in others {
            let outcome = other.wait();
            assert!(asking.gives(&outcome, &second), "{}: {}", asking.word, outcome.show());
        }
        // Starting forty processes takes a loaded machine more than the two seconds that are promised.
        let limit = Duration::from_secs(if full_size() { 2 } else { 20 });
        assert!(killed.elapsed() < limit, "nobody waits for the dead: {:?}", killed.elapsed());
    }
    assert_eq!(plane.token_requests(), KILLED + 1, "one more request, not one for each");
}

#[test]
fn a_refusal_is_asked_for_once_and_told_to_all() {
    let sandbox = Sandbox::new();
    let plane = ScriptedControlPlane::start(|_| {
        ScriptedAnswer::Error(403, "AccessDeniedException", "not allowed: codeartifact:GetAuthorizationToken")
    });
    sandbox.point_at(&plane.url());
    for (asking, outcome) in herd(&sandbox, &plane.url(), HERD / 5, |_| "acme".to_owned()) {
        let message = asking.refusal(&outcome);
        for part in ["GetAuthorizationToken", "acme", ACCOUNT, "hint: "] {
            assert!(message.contains(part), "{}: `{part}` is not in {message}", asking.word);
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
