//! `explain URL`: what becomes of a URL, and why. Nobody is asked: not AWS, not the network.
//!
//! Exit status: 0 the URL is ours and a token is given or asked for; 1 it is not ours; 2 usage; 3 it is ours and gets no
//! token, or the settings cannot be used.

use std::{error::Error, fmt::Write as _, time::SystemTime};

use clients::protocol::{causes, shown};
use codeartifact::{
    AccountRule, AuthorizationToken, AwsEnvironment, Endpoint, EndpointError, Freshness, Host, ServiceOverride, Stores,
    TokenScope, UserSettings, account::Subject, source::environment_token,
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{ANSWERED, FAILED, Said, Surroundings};

/// The URL is ours, and no token is given for it.
const REFUSED: u8 = 3;

/// The longest URL that is shown whole.
const LONGEST_SHOWN: usize = 2_048;

/// `explain`
pub(crate) fn run(host: &Host) -> Said {
    let arguments: Option<Vec<&str>> = host.args().iter().skip(2).map(|argument| argument.to_str()).collect();
    let (options, urls): (Vec<&str>, Vec<&str>) =
        arguments.unwrap_or_default().into_iter().partition(|argument| argument.starts_with('-'));
    let ([url], true) = (urls.as_slice(), options.iter().all(|option| *option == "--json")) else {
        return Said::usage("`explain` takes one URL, and `--json`");
    };
    let explanation = explain(host, url);
    let output =
        if options.is_empty() { explanation.text() } else { Value::Object(explanation.value).to_string() + "\n" };
    Said { output, messages: String::new(), status: explanation.status }
}

/// What is said: the same to people and to programs.
struct Explanation {
    status: u8,
    /// For programs.
    value: Map<String, Value>,
    /// For people: parts of lines, each with a heading of its own where it has one.
    parts: Vec<(&'static str, Vec<Line>)>,
}

/// A name, a value and where it comes from; the last two may be empty.
struct Line(String, String, String);

impl Explanation {
    fn new(url: &str) -> Self {
        let mut value = Map::new();
        value.insert("url".to_owned(), json!(url));
        Self { status: ANSWERED, value, parts: Vec::new() }
    }

    fn set(&mut self, key: &str, value: Value) {
        self.value.insert(key.to_owned(), value);
    }

    fn part(&mut self, heading: &'static str, lines: Vec<Line>) {
        self.parts.push((heading, lines));
    }

    /// The last word: what a client is answered.
    fn answer(mut self, status: u8, verdict: &str, answer: &str) -> Self {
        self.status = status;
        self.set("verdict", json!(verdict));
        self.set("answer", json!(answer));
        self.part("", vec![line("answer", answer, "")]);
        self
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (heading, lines) in &self.parts {
            if !text.is_empty() {
                text.push('\n');
            }
            if !heading.is_empty() {
                let _ = writeln!(text, "{heading}");
            }
            let width = |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0);
            let (names, values) = (width(|line| &line.0), width(|line| if line.2.is_empty() { "" } else { &line.1 }));
            for Line(name, value, origin) in lines {
                let whole = format!("{name:names$}  {value:values$}  {origin}");
                let _ = writeln!(text, "{}", whole.trim_end());
            }
        }
        text
    }
}

fn line(name: impl Into<String>, value: impl Into<String>, origin: impl Into<String>) -> Line {
    Line(name.into(), value.into(), origin.into())
}

/// A URL as it may be shown: control characters escaped, and a user part that may be a password left out.
fn shown_url(url: &str) -> String {
    let from = url.find("://").map_or(0, |at| at + 3);
    let authority = url[from..].split(['/', '?', '#']).next().unwrap_or_default();
    let url = match authority.rsplit_once('@') {
        Some((user, rest)) if user != "aws" => {
            format!("{}...@{rest}{}", &url[..from], &url[from + authority.len()..])
        }
        _ => url.to_owned(),
    };
    shown(&url, LONGEST_SHOWN)
}

fn explain(host: &Host, raw: &str) -> Explanation {
    let url = &*shown_url(raw);
    let mut explanation = Explanation::new(url);
    let surroundings = match Surroundings::read(host) {
        Ok(surroundings) => surroundings,
        Err(error) => return refused(explanation, url, "the settings cannot be used", &error),
    };
    let Surroundings { settings, aws } = &surroundings;
    match Endpoint::recognise(raw.as_bytes(), &aws.trust()) {
        Ok(Some(endpoint)) => ours(host, explanation, settings, aws, url, &endpoint),
        Ok(None) => {
            let reason = foreign(raw, aws);
            explanation.set("reason", json!(reason));
            explanation.part("", vec![line(url, "", ""), line(format!("is not ours: {reason}"), "", "")]);
            let answer =
                "that it is another provider's; a link hands the call over to the next program of its name on PATH";
            explanation.answer(FAILED, "not ours", answer)
        }
        Err(error) => refused(explanation, url, "is meant to be ours, and gets no token", &error),
    }
}

fn refused(mut explanation: Explanation, url: &str, what: &str, error: &(dyn Error + 'static)) -> Explanation {
    let reason = causes(error).join(": ");
    explanation.set("reason", json!(reason));
    let mut lines = vec![line(url, "", "")];
    if let Some(EndpointError::Invalid { part, found, .. }) = error.downcast_ref::<EndpointError>() {
        explanation.set("part", json!(part));
        // Not where it was escaped, or changed in case: then the message alone says it.
        if let Some(at) = url.find(found.as_str()).filter(|_| !found.is_empty()) {
            let (before, under) = (url[..at].chars().count(), found.chars().count());
            lines.push(line(format!("{}{}", " ".repeat(before), "^".repeat(under)), "", ""));
        }
    }
    lines.push(line(format!("{what}: {reason}"), "", ""));
    explanation.part("", lines);
    explanation.answer(REFUSED, "refused", &format!("no token: {reason}"))
}

/// Why a URL is not ours.
fn foreign(url: &str, aws: &AwsEnvironment) -> String {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    // A user part may be a password.
    let host = shown(authority.rsplit('@').next().unwrap_or_default(), 255);
    let is_here = ["127.", "localhost", "[::1]"].into_iter().any(|start| host.starts_with(start));
    match (&aws.service_override, &aws.origins.service_override) {
        (Some(service), Some(origin)) if is_here => {
            format!("its host `{host}` is not the service in force, {service} ({origin})")
        }
        _ if is_here => {
            format!(
                "its host `{host}` is this machine, and no service on it is in force (AWS_ENDPOINT_URL_CODEARTIFACT)"
            )
        }
        _ => format!(
            "its host `{host}` is none of CodeArtifact's repository hosts, such as \
             `DOMAIN-OWNER.d.codeartifact.REGION.amazonaws.com`"
        ),
    }
}

fn ours(
    host: &Host,
    mut explanation: Explanation,
    settings: &UserSettings,
    aws: &AwsEnvironment,
    url: &str,
    endpoint: &Endpoint,
) -> Explanation {
    what_it_is(&mut explanation, aws, url, endpoint);
    let subject = Subject::of(endpoint, aws.region.as_ref());
    rules(&mut explanation, aws, settings, &subject);
    let scope = TokenScope::of(endpoint, aws);
    let (scope, served) = match (&scope, aws.serving(&subject)) {
        (Ok(scope), Ok(served)) => (scope, served),
        (Err(error), _) => return no_scope(explanation, error),
        (_, Err(error)) => return no_scope(explanation, &error),
    };
    who_asks(&mut explanation, &served, scope);
    let now = host.now();
    let held = tokens(&mut explanation, host, settings, scope, now);
    if served.rule.as_ref().is_some_and(|rule| rule.profile.is_some()) && !served.has_profile().unwrap_or(true) {
        let text = format!("profile `{}` is not in the AWS files: no new token can be asked for", served.profile);
        explanation.part("", vec![line(format!("warning: {text}"), "", "")]);
        explanation.set("warning", json!(text));
    }
    let who = scope.identity.as_str();
    let answer = if environment_token(host, scope).is_some() {
        "the token of the environment, CODEARTIFACT_AUTH_TOKEN".to_owned()
    } else {
        match held {
            Some((store, Freshness::Fresh)) => format!("the token that {store} has"),
            Some((store, _)) => {
                format!("a new token, asked for as {who}; where that fails, the one that {store} has, while it holds")
            }
            None => format!("a new token, asked for as {who}: no store has one"),
        }
    };
    explanation.answer(ANSWERED, "ours", &answer)
}

fn no_scope(mut explanation: Explanation, error: &(dyn Error + 'static)) -> Explanation {
    let reason = causes(error).join(": ");
    explanation.set("reason", json!(reason));
    explanation.answer(REFUSED, "refused", &format!("no token: {reason}"))
}

/// The parts of the URL, and which of them decide that it is ours.
fn what_it_is(explanation: &mut Explanation, aws: &AwsEnvironment, url: &str, endpoint: &Endpoint) {
    let service = endpoint.service_override().map_or("AWS", ServiceOverride::as_str);
    let by = aws.origins.service_override.clone().unwrap_or_default();
    let in_path = endpoint.base_url().contains(&format!("/d/{}-{}/", endpoint.domain(), endpoint.owner()));
    let reason = if endpoint.is_loopback() {
        format!("scheme, host and port are those of the service in force ({by})")
    } else if in_path {
        "its host is that of a VPC endpoint of CodeArtifact".to_owned()
    } else {
        "its host is one of CodeArtifact's repository hosts".to_owned()
    };
    explanation.set("reason", json!(reason));
    explanation.part("", vec![line(url, "", ""), line(format!("is ours: {reason}"), "", "")]);
    let place = if in_path { "the path" } else { "the host" };
    let region = endpoint.region().map(ToString::to_string);
    let mut lines =
        vec![line("domain", endpoint.domain().to_string(), place), line("owner", endpoint.owner().to_string(), place)];
    if let Some(region) = &region {
        lines.push(line("region", region, "the host"));
    }
    lines.push(line("format", endpoint.format().to_string(), "the path"));
    lines.push(line("repository", endpoint.repository().to_string(), "the path"));
    lines.push(line("service", service, by));
    explanation.part("", lines);
    for (key, value) in [
        ("domain", endpoint.domain().to_string()),
        ("owner", endpoint.owner().to_string()),
        ("format", endpoint.format().to_string()),
        ("repository", endpoint.repository().to_string()),
        ("service", service.to_owned()),
    ] {
        explanation.set(key, json!(value));
    }
}

/// Every rule, and why it won or did not.
fn rules(explanation: &mut Explanation, aws: &AwsEnvironment, settings: &UserSettings, subject: &Subject<'_>) {
    let mut won = false;
    let judged: Vec<(&AccountRule, &str, String)> = aws
        .accounts()
        .map(|rule| match rule.mismatch(subject) {
            _ if won => (rule, "not looked at", "the first that matches decides".to_owned()),
            Some(mismatch) => (rule, "passed over", mismatch.to_string()),
            None => {
                won = true;
                (rule, "won", "all that it is for holds".to_owned())
            }
        })
        .collect();
    let listed: Vec<_> = judged
        .iter()
        .map(|(rule, verdict, reason)| json!({ "place": rule.place(), "verdict": verdict, "reason": reason }))
        .collect();
    explanation.set("rules", json!(listed));
    let mut lines: Vec<Line> =
        judged.iter().map(|(rule, verdict, reason)| line(rule.place(), *verdict, reason)).collect();
    if lines.is_empty() {
        let file =
            settings.file().map_or("there is no user file".to_owned(), |file| format!("none in {}", file.display()));
        lines.push(line(file, "", ""));
    }
    explanation.part("account rules", lines);
}

/// Profile, role, Region and lifetime, and where each comes from.
fn who_asks(explanation: &mut Explanation, served: &AwsEnvironment, scope: &TokenScope) {
    let rule = served.rule.as_deref();
    let from = |line: Option<usize>| line.and_then(|line| Some(rule?.place_of(line))).unwrap_or_default();
    let said_profile = served.origins.profile.clone();
    let assumed = rule.and_then(|rule| rule.role.as_ref());
    let lifetime = rule.and_then(|rule| rule.lifetime.as_ref());
    let region_from = if scope.region.partition().is_some() && served.region.as_ref() != Some(&scope.region) {
        "the URL".to_owned()
    } else {
        served.origins.region.clone().unwrap_or_else(|| "the URL".to_owned())
    };
    let none = "none is named";
    let lines = vec![
        line("identity", scope.identity.as_str(), ""),
        line("profile", &served.profile, said_profile.clone().unwrap_or_else(|| none.to_owned())),
        line(
            "role",
            assumed.map_or("the profile's own".to_owned(), |role| role.value.to_string()),
            from(assumed.map(|role| role.line)),
        ),
        line("region", scope.region.to_string(), region_from.clone()),
        line(
            "lifetime",
            lifetime.map_or("12 h".to_owned(), |lifetime| lifetime.value.to_string()),
            lifetime.map_or("the service's usual".to_owned(), |lifetime| from(Some(lifetime.line))),
        ),
    ];
    explanation.part("who asks", lines);
    let value =
        |value: Value, from: String| json!({ "value": value, "from": Some(from).filter(|from| !from.is_empty()) });
    explanation.set("identity", json!(scope.identity.as_str()));
    explanation.set("profile", value(json!(served.profile), said_profile.unwrap_or_default()));
    explanation.set("role", value(json!(assumed.map(|role| role.value.as_str())), from(assumed.map(|role| role.line))));
    explanation.set("region", value(json!(scope.region.as_str()), region_from));
    let seconds = lifetime.map_or(43_200, |lifetime| lifetime.value.duration_seconds());
    explanation.set("lifetime", value(json!(seconds), from(lifetime.map(|lifetime| lifetime.line))));
}

/// What each store has of the scope, never the token; the first that still holds.
fn tokens(
    explanation: &mut Explanation,
    host: &Host,
    settings: &UserSettings,
    scope: &TokenScope,
    now: SystemTime,
) -> Option<(&'static str, Freshness)> {
    let mut first = None;
    let (mut lines, mut listed) = (Vec::new(), Vec::new());
    for listing in Stores::new(host, settings).list(now) {
        let store = listing.store;
        match listing.tokens.map(|tokens| tokens.into_iter().find(|token| token.scope == *scope)) {
            Ok(Some(token)) => {
                // How fresh it is follows from its times alone.
                let freshness =
                    AuthorizationToken::new(String::new().into(), token.issued, token.expires).freshness(now);
                let state = match freshness {
                    Freshness::Fresh => "fresh",
                    Freshness::Due => "due: past half of its life",
                    Freshness::Expired => "expired",
                };
                if freshness != Freshness::Expired && first.is_none() {
                    first = Some((store, freshness));
                }
                let until = moment(token.expires);
                lines.push(line(store, format!("until {until}"), state));
                listed.push(json!({ "store": store, "until": until, "state": state }));
            }
            Ok(None) => {
                lines.push(line(store, "none", ""));
                listed.push(json!({ "store": store, "state": "none" }));
            }
            Err(error) => {
                let reason = causes(&error).join(": ");
                lines.push(line(store, "cannot be asked", &reason));
                listed.push(json!({ "store": store, "state": "cannot be asked", "reason": reason }));
            }
        }
    }
    explanation.set("tokens", json!(listed));
    explanation.part("tokens at rest", lines);
    first
}

/// A moment as scripts read it, in whole seconds.
fn moment(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_else(|_| "a time out of range".to_owned())
}
