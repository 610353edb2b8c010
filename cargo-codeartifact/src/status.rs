//! `status`: who asks, where tokens rest, which are there and until when. Never a token.

use std::time::SystemTime;

use codeartifact::{
    AwsEnvironment, Host, StoreError, Stores, TokenScope,
    settings::UserSettings,
    store::{StoreListing, StoredToken},
};
use serde_json::{Value, json};

use crate::{
    cli::Globals,
    context::{self, chosen},
    moment,
    report::{CommandError, Report},
};

/// Runs the command.
pub(crate) fn run(globals: &Globals, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let host = context::host_with(globals, host)?;
    let settings = UserSettings::read(&host)?;
    let aws = context::aws(globals, &host)?;
    let now = host.now();
    let mut listings = Stores::new(&host, &settings).list(now);
    for listing in &mut listings {
        if let Ok(tokens) = &mut listing.tokens {
            tokens.retain(|token| chosen(globals, &token.scope));
        }
    }
    let status = Status { aws: &aws, settings: &settings, listings: &listings, now };
    if report.json() {
        report.value(&status.to_json())?;
    } else {
        for line in status.lines() {
            report.line(&line)?;
        }
    }
    if !listings.iter().any(|listing| listing.tokens.is_ok()) {
        report.warn("tokens are kept nowhere: none of the stores can be used");
        report.note(
            "hint: choose where they rest with `CODEARTIFACT_STORE` or `[store] use` in the user file: `file` keeps \
             them in clear text, readable by you alone; `none` asks the service each time",
        );
    }
    Ok(())
}

/// All that is shown.
struct Status<'a> {
    aws: &'a AwsEnvironment,
    settings: &'a UserSettings,
    listings: &'a [StoreListing],
    now: SystemTime,
}

impl Status<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.aws.describe().into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let origin = if self.settings.stores_are_chosen() { "chosen" } else { "the usual ones of this system" };
        let names: Vec<&str> = self.listings.iter().map(|listing| listing.store).collect();
        lines.push(format!("stores: {} ({origin})", names.join(", ")));
        for listing in self.listings {
            match &listing.tokens {
                Ok(tokens) if tokens.is_empty() => lines.push(format!("{}: no token", listing.store)),
                Ok(tokens) => {
                    lines.extend(tokens.iter().map(|token| format!("{}: {}", listing.store, self.token(token))));
                }
                Err(error) => lines.push(format!("{}: not in use: {}", listing.store, reason(error).join(": "))),
            }
        }
        lines
    }

    fn token(&self, token: &StoredToken) -> String {
        let until = moment::utc(token.expires);
        let left = match token.expires.duration_since(self.now) {
            Ok(left) if !left.is_zero() => format!("until {until}, for {} more", moment::span(left)),
            _ => format!("expired at {until}"),
        };
        let mut line = format!("{}, {left}", described(&token.scope));
        if token.scope.identity != self.aws.identity {
            line.push_str(", for another identity: ");
            line.push_str(token.scope.identity.as_str());
        }
        line
    }

    fn to_json(&self) -> Value {
        let Self { aws, settings, listings, now } = self;
        json!({
            "identity": aws.identity.as_str(),
            "profile": aws.profile,
            "region": aws.region.as_ref().map(codeartifact::Region::as_str),
            "region-origin": aws.origins.region,
            "service": aws.service_override.as_ref().map(codeartifact::ServiceOverride::as_str),
            "service-origin": aws.origins.service_override,
            "user-file": settings.file(),
            "stores-are-chosen": settings.stores_are_chosen(),
            "stores": listings.iter().map(|listing| match &listing.tokens {
                Ok(tokens) => json!({
                    "name": listing.store,
                    "in-use": true,
                    "tokens": tokens.iter().map(|token| {
                        let mut value = scope_json(&token.scope);
                        value["issued"] = moment::utc(token.issued).into();
                        value["expires"] = moment::utc(token.expires).into();
                        value["seconds-left"] = token.expires.duration_since(*now).unwrap_or_default().as_secs().into();
                        value["current-identity"] = (token.scope.identity == aws.identity).into();
                        value
                    }).collect::<Vec<_>>(),
                }),
                Err(error) => json!({ "name": listing.store, "in-use": false, "reason": reason(error).join(": ") }),
            }).collect::<Vec<_>>(),
        })
    }
}

/// Whom a token serves, in words.
pub(crate) fn described(scope: &TokenScope) -> String {
    let TokenScope { domain, owner, region, service_override, .. } = scope;
    match service_override {
        Some(address) => format!("domain {domain} of {owner} in {region} at {}", address.as_str()),
        None => format!("domain {domain} of {owner} in {region}"),
    }
}

/// Whom a token serves, for scripts.
pub(crate) fn scope_json(scope: &TokenScope) -> Value {
    json!({
        "domain": scope.domain.as_str(),
        "owner": scope.owner.as_str(),
        "region": scope.region.as_str(),
        "service": scope.service_override.as_ref().map(codeartifact::ServiceOverride::as_str),
        "identity": scope.identity.as_str(),
    })
}

/// The error and its causes, one each.
pub(crate) fn reason(error: &StoreError) -> Vec<String> {
    let mut reasons = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reasons.push(error.to_string());
        cause = error.source();
    }
    reasons
}
