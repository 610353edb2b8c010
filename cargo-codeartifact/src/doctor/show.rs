//! Findings as lines for people, and as JSON.
//!
//! The JSON is one value: `version` (1), `findings` (each with `code`, `severity`, `about`, `message`, `path`, `line`,
//! `variable`, `fix`, `fixable`), `used` (clients that are set up for a repository of ours), `unchecked` (`what`, `reason`), `mended` (`what`, `done`, `failure`), `counts`
//! (`error`, `warning`, `advice`). Members are added, and none is removed or renamed without another `version`.

use serde_json::{Value, json};

use super::{
    codes,
    finding::{Finding, Place},
    mend::Mended,
    visit::Visit,
};
use crate::report::{CommandError, Report};

pub(super) fn show(
    visit: &Visit<'_>,
    mended: &[Mended],
    dry_run: bool,
    report: &mut Report,
) -> Result<(), CommandError> {
    if report.json() {
        let counts = visit.counts();
        return report.value(&json!({
            "version": 1,
            "findings": visit.findings.iter().map(value).collect::<Vec<_>>(),
            "used": used(visit),
            "unchecked": visit.unchecked.iter().map(|(what, reason)| json!({ "what": what, "reason": reason })).collect::<Vec<_>>(),
            "mended": mended.iter().map(|mended| json!({
                "what": mended.mend.to_string(), "done": !dry_run && mended.failure.is_none(), "failure": mended.failure,
            })).collect::<Vec<_>>(),
            "counts": { "error": counts.errors, "warning": counts.warnings, "advice": counts.advice },
        }));
    }
    for mended in mended {
        match (&mended.failure, dry_run) {
            (Some(reason), _) => report.warn(&format!("could not {}: {reason}", mended.mend)),
            (None, true) => report.line(&format!("would {}", mended.mend))?,
            (None, false) => report.line(&format!("mended: {}", mended.mend))?,
        }
    }
    let mut about = "";
    for finding in &visit.findings {
        if finding.about != about {
            about = &finding.about;
            report.line(title(about))?;
        }
        let severity = codes::severity(finding.code).word();
        let place = finding.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        report.line(&format!("  {severity}[{}]: {place}{}", finding.code, finding.message))?;
        report.line(&format!("    fix: {}", finding.fix))?;
        if finding.mend.is_some() && mended.is_empty() {
            report.line("    `--fix` does it")?;
        }
    }
    if visit.findings.is_empty() {
        let clients = used(visit).join(", ");
        let clients = if clients.is_empty() { "no package manager" } else { &clients };
        report.line(&format!("nothing is wrong; looked at {} files, {clients} in use", visit.files))?;
    }
    for (what, reason) in &visit.unchecked {
        report.note(&format!("not checked: {what}: {reason}"));
    }
    Ok(())
}

/// The clients that are set up for a repository of ours.
fn used(visit: &Visit<'_>) -> Vec<&'static str> {
    let mut names: Vec<_> = visit.inspection.uses.iter().map(|used| used.client).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn title(about: &str) -> &str {
    clients::find(about).map_or(about, |client| client.title)
}

fn value(finding: &Finding) -> Value {
    let (path, line, variable) = match &finding.place {
        Some(Place::File(path, line)) => (Some(path), *line, None),
        Some(Place::Variable(name)) => (None, None, Some(name)),
        None => (None, None, None),
    };
    json!({
        "code": finding.code,
        "severity": codes::severity(finding.code).word(),
        "about": finding.about,
        "message": finding.message,
        "path": path,
        "line": line,
        "variable": variable,
        "fix": finding.fix,
        "fixable": finding.mend.is_some(),
    })
}
