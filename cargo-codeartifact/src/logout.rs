//! `logout`: forgets kept tokens. A token that was handed out holds until its end all the same: the service cannot
//! take one back.

use anyhow::anyhow;
use codeartifact::{Host, StoreError, Stores, TokenScope, settings::UserSettings};
use serde_json::json;

use crate::{
    cli::Globals,
    context::{self, chosen},
    report::{CommandError, Report},
    status::{described, reason, scope_json},
};

/// A scope and the stores that had its token.
type Forgotten = (TokenScope, Vec<&'static str>);

/// Runs the command.
pub(crate) fn run(globals: &Globals, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let host = context::host_with(globals, host)?;
    let settings = UserSettings::read(&host)?;
    // Not only the stores in use: a token may rest where the settings said so earlier.
    let stores = Stores::everywhere(&host, &settings);
    let is_in_use = |problem: &StoreError| settings.stores().iter().any(|name| name.as_str() == problem.store());
    // Forgotten first: a store that did not answer lately is asked all the same.
    stores.forget_notes();
    let now = host.now();
    let mut forgotten: Vec<Forgotten> = Vec::new();
    let mut problems: Vec<StoreError> = Vec::new();
    for listing in stores.list(now) {
        match listing.tokens {
            Ok(tokens) => {
                for scope in tokens.into_iter().map(|token| token.scope).filter(|scope| chosen(globals, scope)) {
                    match forgotten.iter_mut().find(|(known, _)| *known == scope) {
                        Some((_, names)) => names.push(listing.store),
                        None => forgotten.push((scope, vec![listing.store])),
                    }
                }
            }
            // What is not there on this system keeps nothing.
            Err(StoreError::Unavailable { .. }) => {}
            Err(problem) if is_in_use(&problem) => problems.push(problem),
            Err(_) => {}
        }
    }
    for (scope, _) in &forgotten {
        let failed = stores.forget(scope, now);
        problems.extend(failed.into_iter().filter(|problem| !matches!(problem, StoreError::Unavailable { .. })));
    }
    // What is damaged may hold parts of a token; what has ended is of no use.
    problems.extend(
        stores
            .purge(now)
            .into_iter()
            .filter(|problem| !matches!(problem, StoreError::Unavailable { .. }) && is_in_use(problem)),
    );
    forgotten.retain_mut(|(_, names)| {
        names.retain(|name| !problems.iter().any(|problem| problem.store() == *name));
        !names.is_empty()
    });
    show(&forgotten, &problems, report)?;
    if problems.is_empty() {
        return Ok(());
    }
    let mut names: Vec<&str> = problems.iter().map(StoreError::store).collect();
    names.dedup();
    let first = problems.swap_remove(0);
    let hint = first.hint();
    Err(CommandError::user(
        anyhow!(first).context(format!("not all is forgotten: {} may keep tokens", names.join(", "))),
    )
    .hint(hint))
}

fn show(forgotten: &[Forgotten], problems: &[StoreError], report: &mut Report) -> Result<(), CommandError> {
    if report.json() {
        let forgotten: Vec<_> = forgotten
            .iter()
            .map(|(scope, stores)| {
                let mut value = scope_json(scope);
                value["stores"] = json!(stores);
                value
            })
            .collect();
        let problems: Vec<_> = problems
            .iter()
            .map(|problem| json!({ "store": problem.store(), "reason": reason(problem).join(": ") }))
            .collect();
        return report.value(&json!({ "forgotten": forgotten, "problems": problems }));
    }
    for (scope, stores) in forgotten {
        report.line(&format!("forgotten: {} ({})", described(scope), stores.join(", ")))?;
    }
    if forgotten.is_empty() && problems.is_empty() {
        report.note("no token was kept");
    }
    Ok(())
}
