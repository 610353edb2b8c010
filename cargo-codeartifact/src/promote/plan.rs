//! What will become of each version, seen before anything is done.

use std::{collections::BTreeMap, fmt};

use codeartifact::{
    ControlPlane, ControlPlaneError, RepositoryName,
    control_plane::{Asset, PackageVersionStatus, RepositoryId},
};
use serde_json::{Value, json};

use super::Spec;

/// One version and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) spec: Spec,
    /// The revision looked at, which the copy is pinned to.
    pub(super) revision: Option<String>,
    pub(super) assets: Vec<Asset>,
    pub(super) outcome: Outcome,
}

/// What becomes of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// To be copied.
    WouldCopy,
    /// Copied, and compared where it arrived.
    Copied,
    /// There before, identical.
    AlreadyThere,
    /// The source has no such version.
    Absent,
    /// The source has it, but not as something that may be handed on.
    NotPublished { status: PackageVersionStatus },
    /// The destination has other content under this version.
    Different { assets: Vec<Difference> },
    /// The destination has the same content, put away.
    ThereNotPublished { status: PackageVersionStatus },
    /// It was to be copied and was not: the service's code and words, or what the comparison found.
    Failed { code: String, message: String },
    /// Something before it failed.
    NotTried,
}

impl Outcome {
    /// Whether it stops the whole promotion.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Absent | Self::NotPublished { .. } | Self::Different { .. } | Self::ThereNotPublished { .. }
        )
    }

    /// Whether the version is at the destination now.
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Self::Copied | Self::AlreadyThere)
    }

    fn word(&self) -> &'static str {
        match self {
            Self::WouldCopy => "would-copy",
            Self::Copied => "copied",
            Self::AlreadyThere => "already-there",
            Self::Absent | Self::NotPublished { .. } | Self::Different { .. } | Self::ThereNotPublished { .. } => {
                "refused"
            }
            Self::Failed { .. } => "failed",
            Self::NotTried => "not-tried",
        }
    }

    /// What stands against it, in words.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::WouldCopy | Self::Copied | Self::AlreadyThere | Self::NotTried => None,
            Self::Absent => Some("not in the source".to_owned()),
            Self::NotPublished { status } => Some(format!("its status in the source is {}", word(*status))),
            Self::Different { assets } => {
                let list: Vec<String> = assets.iter().map(ToString::to_string).collect();
                Some(format!("the destination has other content under this version: {}", list.join("; ")))
            }
            Self::ThereNotPublished { status } => {
                Some(format!("the destination has it already, with status {}", word(*status)))
            }
            Self::Failed { code, message } if code.is_empty() => Some(message.clone()),
            Self::Failed { code, message } => Some(format!("{code}: {message}")),
        }
    }
}

/// An asset that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) name: String,
    /// SHA-256 in the source; `None` where it has no such asset.
    pub(super) source: Option<String>,
    /// SHA-256 in the destination.
    pub(super) destination: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |digest: &Option<String>| {
            digest.as_ref().map_or_else(|| "absent".to_owned(), |digest| format!("SHA-256 {digest}"))
        };
        let Self { name, source, destination } = self;
        write!(f, "`{name}` in the source {}, in the destination {}", side(source), side(destination))
    }
}

/// Looks at one version on both sides.
pub(super) fn look(
    control_plane: &dyn ControlPlane,
    from: &RepositoryId,
    to: &RepositoryName,
    spec: &Spec,
) -> Result<Row, ControlPlaneError> {
    let mut row = Row { spec: spec.clone(), revision: None, assets: Vec::new(), outcome: Outcome::Absent };
    let Some(version) = control_plane.describe_package_version(from, &spec.package, &spec.version)? else {
        return Ok(row);
    };
    row.revision = Some(version.revision);
    row.assets = control_plane.list_package_version_assets(from, &spec.package, &spec.version)?;
    row.outcome = if version.status == PackageVersionStatus::Published {
        arrived(control_plane, from, to, &row)?
    } else {
        Outcome::NotPublished { status: version.status }
    };
    Ok(row)
}

/// What the destination has of a version, compared asset by asset with the source's.
pub(super) fn arrived(
    control_plane: &dyn ControlPlane,
    from: &RepositoryId,
    to: &RepositoryName,
    row: &Row,
) -> Result<Outcome, ControlPlaneError> {
    let Spec { package, version } = &row.spec;
    let destination = RepositoryId { repository: to.clone(), ..from.clone() };
    let Some(there) = control_plane.describe_package_version(&destination, package, version)? else {
        return Ok(Outcome::WouldCopy);
    };
    let assets = match there.status {
        // Nothing is kept under it, and the name is free again.
        PackageVersionStatus::Deleted => return Ok(Outcome::WouldCopy),
        PackageVersionStatus::Disposed => return Ok(Outcome::ThereNotPublished { status: there.status }),
        PackageVersionStatus::Published
        | PackageVersionStatus::Unfinished
        | PackageVersionStatus::Unlisted
        | PackageVersionStatus::Archived => {
            control_plane.list_package_version_assets(&destination, package, version)?
        }
    };
    let differences = differences(&row.assets, &assets);
    Ok(if !differences.is_empty() {
        Outcome::Different { assets: differences }
    } else if there.status == PackageVersionStatus::Published {
        Outcome::AlreadyThere
    } else {
        Outcome::ThereNotPublished { status: there.status }
    })
}

/// The assets whose digests differ, by name. Digests decide: a revision also covers metadata, such as npm tags, which
/// a copy may change where it arrives.
fn differences(source: &[Asset], destination: &[Asset]) -> Vec<Difference> {
    let mut sides: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for asset in source {
        sides.entry(&asset.name).or_default().0 = Some(&asset.sha256);
    }
    for asset in destination {
        sides.entry(&asset.name).or_default().1 = Some(&asset.sha256);
    }
    sides
        .into_iter()
        .filter(|(_, (source, destination))| source != destination)
        .map(|(name, (source, destination))| Difference {
            name: name.to_owned(),
            source: source.map(str::to_owned),
            destination: destination.map(str::to_owned),
        })
        .collect()
}

/// The service's word for a status.
fn word(status: PackageVersionStatus) -> &'static str {
    match status {
        PackageVersionStatus::Published => "Published",
        PackageVersionStatus::Unfinished => "Unfinished",
        PackageVersionStatus::Unlisted => "Unlisted",
        PackageVersionStatus::Archived => "Archived",
        PackageVersionStatus::Disposed => "Disposed",
        PackageVersionStatus::Deleted => "Deleted",
    }
}

/// `copied: cargo:anvil@1.2.0 (SHA-256 …)`
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.outcome.word().replace('-', " "), self.spec)?;
        if let Some(reason) = self.outcome.reason() {
            return write!(f, ": {reason}");
        }
        match self.assets.as_slice() {
            [] => Ok(()),
            [asset] => write!(f, " (SHA-256 {})", asset.sha256),
            assets => write!(f, " ({} assets)", assets.len()),
        }
    }
}

impl Row {
    /// The row as JSON; the package in the service's own words.
    pub(super) fn to_json(&self) -> Value {
        let Spec { package, version } = &self.spec;
        let mut row = json!({
            "spec": self.spec.to_string(),
            "format": package.format.as_str(),
            "namespace": package.namespace,
            "package": package.name,
            "version": version,
            "outcome": self.outcome.word(),
            "reason": self.outcome.reason(),
            "revision": self.revision,
            "assets": self.assets.iter().map(|asset| json!({
                "name": asset.name, "size": asset.size, "sha256": asset.sha256,
            })).collect::<Vec<_>>(),
        });
        if let Outcome::Different { assets } = &self.outcome {
            row["differences"] = assets
                .iter()
                .map(|asset| {
                    json!({
                        "name": asset.name, "source-sha256": asset.source, "destination-sha256": asset.destination,
                    })
                })
                .collect();
        }
        row
    }
}
