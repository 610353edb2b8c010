//! `--fix`: what can be mended without anybody missing anything.
//!
//! Rights are taken from others, links of ours are led to where the program is, our journal forgets what is in no file
//! any more, and lines of `.npmrc` with a token that has ended are removed. Nothing else is touched: what may be meant so, the
//! findings leave to people. `--dry-run` says what would be done. A removed token is kept nowhere, not even for
//! `--undo`: a secret is not copied, and one that has ended is of no use.

use codeartifact::Host;

use super::finding::{Finding, Mend};
use crate::configure;

/// A remedy, and why it failed.
pub(super) struct Mended {
    pub(super) mend: Mend,
    pub(super) failure: Option<String>,
}

/// Mends what can be mended; each remedy once, those of a file's last lines first.
pub(super) fn mend(findings: &[Finding], host: &Host, dry_run: bool) -> Vec<Mended> {
    let mut mends: Vec<Mend> = Vec::new();
    for mend in findings.iter().filter_map(|finding| finding.mend.clone()) {
        if !mends.contains(&mend) {
            mends.push(mend);
        }
    }
    let line = |mend: &Mend| match mend {
        Mend::RemoveEnded { line, .. } => line.number,
        _ => 0,
    };
    mends.sort_by_key(|mend| std::cmp::Reverse(line(mend)));
    mends
        .into_iter()
        .map(|mend| {
            let failure = if dry_run { None } else { done(&mend, host).err() };
            Mended { mend, failure }
        })
        .collect()
}

fn done(mend: &Mend, host: &Host) -> Result<(), String> {
    let said = |error: configure::ConfigureError| super::identity::causes(&error);
    match mend {
        Mend::Tighten(path) => tighten(path).map_err(|error| error.to_string()),
        Mend::Relink { folder, name } => configure::relink(folder, name, host).map_err(said),
        Mend::ForgetGone => configure::forget_gone(host).map_err(said),
        Mend::RemoveEnded { path, line } => configure::remove_line(path, line, host).map_err(said),
    }
}

#[cfg(unix)]
fn tighten(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path.metadata()?.permissions().mode() & 0o700;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn tighten(_: &std::path::Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
