//! The copying: package by package, in calls of the service's largest size, at the service's pace.

use std::{
    thread,
    time::{Duration, Instant},
};

use codeartifact::{
    ControlPlane, ControlPlaneError, RepositoryName,
    control_plane::{CopyRequest, PackageId, RepositoryId},
};

use super::plan::{Outcome, Row, arrived};
use crate::report::Report;

/// Versions in one call (API reference, `CopyPackageVersions`).
const LARGEST_CALL: usize = 100;

/// The account's quota is five calls a second.
const PACE: Duration = Duration::from_millis(200);

/// Copies what is to be copied, and writes into the rows what became of it. A failed call stops the work and is
/// returned: what came before it is copied and compared, what comes after it was not tried.
pub(super) fn copy(
    control_plane: &dyn ControlPlane,
    from: &RepositoryId,
    to: &RepositoryName,
    rows: &mut [Row],
    report: &mut Report,
) -> Option<ControlPlaneError> {
    let calls = calls(rows);
    let mut stopped = None;
    let mut last: Option<Instant> = None;
    for (index, (package, members)) in calls.iter().enumerate() {
        if stopped.is_some() {
            for member in members {
                rows[*member].outcome = Outcome::NotTried;
            }
            continue;
        }
        report.progress(&format!("copying to {to} ({} of {})", index + 1, calls.len()));
        if let Some(last) = last {
            thread::sleep(PACE.saturating_sub(last.elapsed()));
        }
        last = Some(Instant::now());
        stopped = call(control_plane, from, to, package, members, rows).err();
    }
    stopped
}

/// The calls to make: a package each, and the rows that go into it.
fn calls(rows: &[Row]) -> Vec<(PackageId, Vec<usize>)> {
    let mut calls: Vec<(PackageId, Vec<usize>)> = Vec::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.outcome == Outcome::WouldCopy) {
        let package = &row.spec.package;
        match calls.iter_mut().find(|(of, members)| of == package && members.len() < LARGEST_CALL) {
            Some((_, members)) => members.push(index),
            None => calls.push((package.clone(), vec![index])),
        }
    }
    calls
}

fn call(
    control_plane: &dyn ControlPlane,
    from: &RepositoryId,
    to: &RepositoryName,
    package: &PackageId,
    members: &[usize],
    rows: &mut [Row],
) -> Result<(), ControlPlaneError> {
    let pinned: Vec<(String, String)> = members
        .iter()
        .map(|member| &rows[*member])
        .map(|row| (row.spec.version.clone(), row.revision.clone().unwrap_or_default()))
        .collect();
    let request = CopyRequest { source: from, destination: to, package, versions: &pinned };
    let outcome = match control_plane.copy_package_versions(&request) {
        Ok(outcome) => outcome,
        Err(error) => {
            for member in members {
                rows[*member].outcome =
                    Outcome::Failed { code: String::new(), message: "the call to copy it failed".to_owned() };
            }
            return Err(error);
        }
    };
    let failed = |message: &str| Outcome::Failed { code: String::new(), message: message.to_owned() };
    let mut accepted = Vec::new();
    for member in members {
        let failure = outcome.failed.iter().find(|(version, ..)| *version == rows[*member].spec.version);
        rows[*member].outcome = if let Some((_, code, message)) = failure {
            Outcome::Failed { code: code.clone(), message: message.clone() }
        } else {
            accepted.push(*member);
            failed("copied, but it could not be compared where it arrived")
        };
    }
    // Named as copied, or in neither list: then somebody else copied it in the meantime. Both must be seen there.
    for member in accepted {
        rows[member].outcome = match arrived(control_plane, from, to, &rows[member])? {
            Outcome::AlreadyThere => Outcome::Copied,
            other => {
                let found = other.reason().unwrap_or_else(|| "it is not in the destination".to_owned());
                failed(&format!("copied, but then {found}"))
            }
        };
    }
    Ok(())
}
