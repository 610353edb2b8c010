//! The service: can it be reached, does it know us, does it give tokens, are the repositories there.
//!
//! Asked are `GetAuthorizationToken` for each domain that is in use, for 15 minutes, and `GetRepositoryEndpoint` for each
//! repository; and the address itself for its `Date`, without credentials.

use std::time::{Duration, SystemTime};

use codeartifact::{
    AccountId, AwsEnvironment, ControlPlane, ControlPlaneError, Endpoint, PackageFormat, Region, TokenScope,
    account::Subject,
    control_plane::{FailureKind, RepositoryId, aws::AwsControlPlane},
};

use super::visit::Visit;
use crate::context::Context;

/// What a signature may be off (AWS, "Signature Version 4": five minutes), less what the answer takes.
const SKEW: Duration = Duration::from_mins(4);
/// What asking for the time may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the token that is asked for would hold, in seconds: the shortest there is.
const LIFETIME: u32 = 900;
/// No more repositories than that are asked for.
const MOST: usize = 30;

pub(super) fn check(visit: &mut Visit<'_>) {
    let Some(aws) = visit.aws.clone() else {
        visit.unchecked("the service", "the AWS settings cannot be read");
        return;
    };
    if visit.settings.is_none() {
        visit.unchecked("the service", "the user file cannot be read");
        return;
    }
    let endpoints = endpoints(visit, &aws);
    if endpoints.is_empty() {
        visit.unchecked("identity, service and permissions", "no repository is in use here, and no domain is named");
        return;
    }
    let mut clocks: Vec<String> = Vec::new();
    let mut domains: Vec<(TokenScope, bool)> = Vec::new();
    let mut repositories: Vec<String> = Vec::new();
    for endpoint in endpoints {
        let subject = Subject::of(&endpoint, aws.region.as_ref());
        let served = match aws.serving(&subject) {
            Ok(served) => served.into_owned(),
            Err(error) => {
                let message = super::identity::causes(&error);
                visit.found("aws-files-faulty", "identity", message, "correct the value where it stands");
                continue;
            }
        };
        let Ok(scope) = TokenScope::of(&endpoint, &served) else {
            visit.unchecked(format!("domain {}", endpoint.domain()), "no Region is named");
            continue;
        };
        let address = address(&served, &scope.region);
        if !clocks.contains(&address) {
            clock(visit, &address, endpoint.is_loopback());
            clocks.push(address.clone());
        }
        let plane = AwsControlPlane::new(visit.host, &served).in_region(scope.region.clone());
        let known = domains.iter().find(|(known, _)| *known == scope).map(|(_, works)| *works);
        let works = known.unwrap_or_else(|| {
            let (domain, owner) = (endpoint.domain(), endpoint.owner());
            // The token is dropped at once.
            let failure = plane.get_authorization_token(domain, Some(owner), Some(LIFETIME)).err();
            if let Some(error) = &failure {
                failed(visit, &served, owner, error);
            }
            domains.push((scope, failure.is_none()));
            failure.is_none()
        });
        let name = endpoint.base_url();
        if !works || repositories.contains(&name) || repositories.len() >= MOST {
            continue;
        }
        repositories.push(name);
        // The domain itself, where no repository is in use.
        if endpoint.repository().as_str() == ANY {
            continue;
        }
        let id = RepositoryId {
            domain: endpoint.domain().clone(),
            owner: Some(endpoint.owner().clone()),
            repository: endpoint.repository().clone(),
        };
        match plane.get_repository_endpoint(&id, endpoint.format()) {
            Ok(_) => {}
            Err(error) if error.kind == FailureKind::NotFound => {
                let users: Vec<_> =
                    visit.inspection.uses.iter().filter(|used| used.endpoint == endpoint).cloned().collect();
                let message = format!("repository {} is not in domain {}", endpoint.repository(), endpoint.domain());
                let fix =
                    "correct the name, or ask the domain's owner to make it: `aws codeartifact list-repositories`";
                match users.first() {
                    Some(used) => {
                        let finding = visit.found("repository-missing", used.client, message, fix);
                        super::files::place(finding, Some(&used.origin));
                    }
                    None => {
                        visit.found("repository-missing", "service", message, fix);
                    }
                }
            }
            Err(error) => failed(visit, &served, endpoint.owner(), &error),
        }
    }
}

/// What stands for a domain's repositories where none is named.
const ANY: &str = "any-repository";

/// The repositories in use; where there is none, the one, or the domain, that options and files name.
fn endpoints(visit: &mut Visit<'_>, aws: &AwsEnvironment) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for used in &visit.inspection.uses {
        if visit.concerns(used.client) && !endpoints.contains(&used.endpoint) {
            endpoints.push(used.endpoint.clone());
        }
    }
    if !endpoints.is_empty() {
        return endpoints;
    }
    let Ok(context) = Context::open(visit.globals, visit.host) else { return endpoints };
    let (Ok(domain), Ok(region)) = (context.domain(), context.region()) else { return endpoints };
    let owner = match context.owner() {
        Some(owner) => owner.clone(),
        None => match context.control_plane().and_then(|plane| Ok(plane.describe_domain(domain, None)?)) {
            Ok(described) => described.owner,
            Err(error) => {
                let message = error.lines().join(": ");
                visit.unchecked(format!("domain {domain}"), message);
                return endpoints;
            }
        },
    };
    let repository = context.repository(None).or_else(|_| ANY.parse());
    let made = repository.ok().and_then(|repository| {
        Endpoint::of_repository(domain, &owner, region, PackageFormat::Generic, &repository, &aws.trust()).ok()
    });
    endpoints.extend(made);
    endpoints
}

/// Where the service is asked.
fn address(aws: &AwsEnvironment, region: &Region) -> String {
    if let Some(address) = &aws.service_override {
        return address.as_str().to_owned();
    }
    let suffix = if region.partition() == Some("aws-cn") { ".cn" } else { "" };
    format!("https://codeartifact.{region}.amazonaws.com{suffix}")
}

/// Compares the service's time with this machine's.
fn clock(visit: &mut Visit<'_>, address: &str, is_loopback: bool) {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        // Else the environment's, as for AWS's own programs.
        .proxy(if is_loopback { None } else { proxy(visit) })
        .build();
    // An operation without a signature: it is refused, and the refusal has the time.
    let asked = ureq::Agent::new_with_config(config).get(format!("{address}/v1/domain?domain=any")).call();
    let date = match &asked {
        Ok(answer) => answer.headers().get("date").and_then(|date| date.to_str().ok()).and_then(moment),
        Err(_) => None,
    };
    let Some(date) = date else {
        let reason = match asked {
            Ok(_) => "the service does not say its time".to_owned(),
            Err(error) => error.to_string(),
        };
        visit.unchecked("the clock", reason);
        return;
    };
    let now = visit.host.now();
    let (off, word) = match now.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if off > SKEW {
        let message = format!("this machine's clock is {} {word} the service's", crate::moment::span(off));
        visit.found(
            "clock-skewed",
            "service",
            message,
            "set the clock: `timedatectl set-ntp true`, or the system's settings",
        );
    }
}

fn proxy(visit: &Visit<'_>) -> Option<ureq::Proxy> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    names.iter().find_map(|name| ureq::Proxy::new(visit.host.var(name)?).ok())
}

/// A date of HTTP: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    let mut words = text.split_whitespace().skip(1);
    let (day, month, year) = (words.next()?.parse::<i64>().ok()?, words.next()?, words.next()?.parse::<i64>().ok()?);
    let mut time = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(names.iter().position(|name| *name == month)?).ok()? + 1;
    // Days since 1970: the calendar from March on, so that the leap day is a year's last.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 719_469;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// A call that failed, by what can be done about it.
fn failed(visit: &mut Visit<'_>, aws: &AwsEnvironment, owner: &AccountId, error: &ControlPlaneError) {
    let (code, about) = match error.kind {
        FailureKind::NoIdentity => ("identity-missing", "identity"),
        FailureKind::SignInEnded => ("sign-in-ended", "identity"),
        FailureKind::Expired => ("credentials-expired", "identity"),
        FailureKind::Clock => ("clock-skewed", "service"),
        FailureKind::Denied => ("denied", "service"),
        FailureKind::NotFound => ("domain-missing", "service"),
        FailureKind::Unreachable => ("service-unreachable", "service"),
        FailureKind::Conflict
        | FailureKind::Invalid
        | FailureKind::Quota
        | FailureKind::Throttled
        | FailureKind::Service => ("service-failed", "service"),
    };
    let fix = match aws.sign_in().filter(|_| error.kind == FailureKind::SignInEnded) {
        Some(sign_in) => format!("sign in: `{}`", sign_in.command()),
        None => error.hint(),
    };
    visit.found(code, about, error.to_string(), fix);
    let mine = account_of(aws.identity.as_str()).or_else(|| account_of(&error.message));
    if matches!(error.kind, FailureKind::Denied | FailureKind::NotFound)
        && let Some(mine) = mine.filter(|mine| mine != owner.as_str())
    {
        let by = match (&aws.rule, &aws.origins.profile) {
            (Some(rule), _) => format!("the account rule at {}", rule.place()),
            (None, Some(origin)) => format!("profile `{}`, from {origin}", aws.profile),
            (None, None) => format!("profile `{}`", aws.profile),
        };
        let message = format!("account {mine} asks ({by}), and the domain is account {owner}'s");
        let fix =
            "ask by a profile of that account: AWS_PROFILE, `--profile`, or an `[[account]]` rule in the user file";
        visit.found("wrong-account", "identity", message, fix);
    }
}

/// The account in an identity's label, or in the ARN of a refusal.
pub(super) fn account_of(text: &str) -> Option<String> {
    let digits = |text: &str| {
        let account = text.get(..12)?;
        (account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
    };
    let of_arn = |mark: &str| {
        let (_, rest) = text.rsplit_once(mark)?;
        digits(rest.split_once("::")?.1)
    };
    let of_sso = || digits(text.split_once(";sso=")?.1);
    of_arn(";assumes=arn:").or_else(|| of_arn(";role=arn:")).or_else(of_sso).or_else(|| {
        let (_, rest) = text.split_once("User: arn:")?;
        digits(rest.split_once("::")?.1)
    })
}
