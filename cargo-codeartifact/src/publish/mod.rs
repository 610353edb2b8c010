//! Publishing Cargo workspaces.
//!
//! Plan first, then act: every workspace is packed by cargo in a private copy, and everything is compared with what the
//! repository has, before the first byte is uploaded. So what is refused leaves nothing half done, and what is there
//! already is skipped - which is also how an interrupted publish goes on: the same command again.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `workspace` | members, what is published, in which order |
//! | `version`, `git` | the version from the command line or from the history |
//! | `staging`, `manifest` | the copy that is packed, and what is changed in it |
//! | `cargo`, `cargo_config` | cargo as a program, and the little of its configuration that matters |
//! | `pack`, `archive`, `lock` | what cargo packed, whether two archives hold the same, the digests of siblings |
//! | `stored`, `upload` | what the repository has, and the way into it |

mod archive;
mod cargo;
mod cargo_config;
mod error;
mod git;
mod lock;
mod manifest;
mod pack;
mod staging;
mod stored;
#[cfg(test)]
mod test_registry;
#[cfg(test)]
mod tests;
mod upload;
mod version;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use cargo_metadata::DependencyKind;
use codeartifact::control_plane::{ControlPlane, RepositoryId};
use codeartifact::{Authorize, Endpoint, Host, PackageFormat, Trust};
use serde::Serialize;

pub(crate) use error::{FailureClass, PublishError};

use cargo::Cargo;
use cargo_config::CargoConfig;
use git::GitTree;
use lock::Digests;
use manifest::Rewrite;
use pack::{PackedCrate, Packer};
use staging::Stage;
use stored::{Repository, Stored};
use upload::{Registry, Uploaded};
use workspace::{Registries, Workspace, folder_of};

/// What to publish, where to, and how.
#[derive(Debug, Clone)]
pub(crate) struct PublishRequest {
    /// Folders of workspaces or packages, or their manifests; none is the folder the user stands in. At a workspace's
    /// root all members are published, elsewhere the member there and those it needs.
    pub(crate) paths: Vec<PathBuf>,
    /// To this repository.
    pub(crate) repository: RepositoryId,
    /// Under these versions.
    pub(crate) version: VersionChoice,
    /// Plan only: nothing is sent, and no token is fetched.
    pub(crate) dry_run: bool,
    /// Publish changes that are not committed.
    pub(crate) allow_dirty: bool,
    /// Build what is packed before it is uploaded.
    pub(crate) verify: bool,
}

/// Where versions come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionChoice {
    /// From each manifest.
    Manifest,
    /// This one for all.
    Given(String),
    /// Made of the git history, for all.
    Git,
}

/// What a publish works with.
pub(crate) struct PublishContext<'a> {
    /// The surroundings.
    pub(crate) host: &'a Host,
    /// Where tokens may go.
    pub(crate) trust: &'a Trust,
    /// The service.
    pub(crate) control_plane: &'a dyn ControlPlane,
    /// Tokens.
    pub(crate) authorize: &'a dyn Authorize,
}

/// A row of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PublishedCrate {
    /// The crate.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// SHA-256 of the `.crate` file as it is stored, or would be.
    pub(crate) sha256: String,
    /// The repository.
    pub(crate) repository: String,
}

/// What became of a crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Uploaded, and visible in the index.
    Published,
    /// Stored before, with the same content: skipped.
    AlreadyPublished,
    /// Would be uploaded.
    WouldPublish,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Published => "published",
            Outcome::AlreadyPublished => "already published, identical",
            Outcome::WouldPublish => "would publish",
        })
    }
}

/// How far a publish is; its `Display` is a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublishEvent {
    /// A workspace is read.
    Reading { path: PathBuf },
    /// A member is left out.
    Skipped { name: String, reason: String },
    /// One version for all.
    Version { version: String, origin: String },
    /// Cargo packs.
    Packing { crates: usize },
    /// Cargo builds what it packed.
    Verifying { crates: usize },
    /// A line of cargo's own.
    Cargo { line: String },
    /// What is packed is compared with what is stored.
    Comparing { name: String, version: String },
    /// Bytes go out.
    Uploading { name: String, version: String, bytes: u64, index: usize, total: usize },
    /// The index does not show it yet.
    Waiting { name: String, version: String },
    /// A crate is through.
    Done(PublishedCrate),
}

impl fmt::Display for PublishEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishEvent::Reading { path } => write!(f, "reading the workspace `{}`", path.display()),
            PublishEvent::Skipped { name, reason } => write!(f, "leaving out {name}: {reason}"),
            PublishEvent::Version { version, origin } => write!(f, "version {version} for all ({origin})"),
            PublishEvent::Packing { crates } => write!(f, "packing {}", Crates(*crates)),
            PublishEvent::Verifying { crates } => write!(f, "building {} as packed", Crates(*crates)),
            PublishEvent::Cargo { line } => f.write_str(&error::escaped(line)),
            PublishEvent::Comparing { name, version } => write!(f, "comparing {name} {version} with the repository"),
            PublishEvent::Uploading { name, version, bytes, index, total } => {
                write!(f, "uploading {name} {version} ({bytes} bytes, {index} of {total})")
            }
            PublishEvent::Waiting { name, version } => write!(f, "waiting for {name} {version} to show in the index"),
            PublishEvent::Done(row) => write!(f, "{} {}: {}", row.name, row.version, row.outcome),
        }
    }
}

struct Crates(usize);

impl fmt::Display for Crates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} crate{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Publishes. Rows are told by [`PublishEvent::Done`] as they are known, also before a failure.
pub(crate) fn publish(
    request: &PublishRequest,
    context: &PublishContext<'_>,
    events: &mut dyn FnMut(PublishEvent),
) -> Result<Vec<PublishedCrate>, PublishError> {
    let url = context.control_plane.get_repository_endpoint(&request.repository, PackageFormat::Cargo)?;
    let Some(endpoint) = Endpoint::recognise(url.as_bytes(), context.trust)? else {
        return Err(PublishError::ForeignEndpoint { url });
    };
    let repository = Repository { control_plane: context.control_plane, id: &request.repository };

    let mut releases = Vec::new();
    for workspace in workspaces(request, context.host)? {
        events(PublishEvent::Reading { path: workspace.root.clone() });
        releases.push(Release::plan(workspace, request, context, &endpoint, &repository, events)?);
    }
    refuse_same_names(&releases)?;

    let mut rows = Vec::new();
    for release in &mut releases {
        rows.extend(release.carry_out(request, context, &endpoint, &repository, events)?);
    }
    Ok(rows)
}

/// The workspaces at the paths asked for, each once.
fn workspaces(request: &PublishRequest, host: &Host) -> Result<Vec<Workspace>, PublishError> {
    if request.paths.is_empty() {
        // As cargo does: the nearest manifest at or above the folder.
        let here = host.current_dir();
        let manifest = here.ancestors().map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file());
        return Workspace::at(manifest.as_deref().unwrap_or(here), host).map(|workspace| vec![workspace]);
    }
    let mut seen = BTreeSet::new();
    let paths = request.paths.iter().map(|path| host.current_dir().join(path));
    paths.filter(|path| seen.insert(path.clone())).map(|path| Workspace::at(&path, host)).collect()
}

fn refuse_same_names(releases: &[Release]) -> Result<(), PublishError> {
    let mut seen: BTreeMap<&str, &PathBuf> = BTreeMap::new();
    for release in releases {
        for krate in &release.packed {
            let root = &release.workspace.root;
            if let Some(first) = seen.insert(&krate.name, root).filter(|first| *first != root) {
                return Err(PublishError::SameName {
                    name: krate.name.clone(),
                    first: first.clone(),
                    second: root.clone(),
                });
            }
        }
    }
    Ok(())
}

/// A workspace packed and compared: all that is left to do is to upload.
struct Release {
    workspace: Workspace,
    /// The members that are published, each after what it needs.
    names: Vec<String>,
    stage: Stage,
    cargo: Cargo,
    packed: Vec<PackedCrate>,
    /// For each packed crate, in order.
    stored: Vec<Stored>,
}

impl Release {
    fn plan(
        workspace: Workspace,
        request: &PublishRequest,
        context: &PublishContext<'_>,
        endpoint: &Endpoint,
        repository: &Repository<'_>,
        events: &mut dyn FnMut(PublishEvent),
    ) -> Result<Self, PublishError> {
        let host = context.host;
        let config = CargoConfig::read(&workspace.root, host)?;
        let registries = Registries { config: &config, target: endpoint, trust: context.trust };
        let selection = workspace.select(&registries)?;
        for (name, reason) in &selection.skipped {
            events(PublishEvent::Skipped { name: name.clone(), reason: reason.clone() });
        }
        let cargo = Cargo::in_folder(workspace.root.clone(), host);
        cargo.check_version()?;

        let names: BTreeSet<&str> = selection.published.iter().map(String::as_str).collect();
        let mut members = workspace.members();
        members.retain(|member| names.contains(member.name.as_str()));
        let published: BTreeSet<PathBuf> = members.iter().map(|member| folder_of(member).to_owned()).collect();
        let mut scope: Vec<PathBuf> = published.iter().cloned().collect();
        scope.push(workspace.root.join("Cargo.toml"));
        if !request.allow_dirty
            && let Some(tree) = GitTree::holding(&workspace.root, host)?
        {
            let files = tree.changes(&scope)?;
            if !files.is_empty() {
                return Err(PublishError::Dirty { path: workspace.root.clone(), files });
            }
        }
        let chosen = version::choose(&request.version, &workspace.root, &scope, host)?;
        if let Some(chosen) = &chosen {
            let (version, origin) = (chosen.version.to_string(), chosen.origin.clone());
            events(PublishEvent::Version { version, origin });
        }

        let folders = staging::folders(&workspace);
        let stage = Stage::copy(&workspace, &folders, host)?;
        let needed = members.iter().flat_map(|member| &member.dependencies);
        let versionless = needed
            .filter(|it| it.kind != DependencyKind::Development && it.req == semver::VersionReq::STAR)
            .filter_map(|it| it.path.as_ref().map(|path| path.as_std_path().to_owned()))
            .collect();
        let version = chosen.as_ref().map(|chosen| &chosen.version);
        let changed = members.iter().filter(|member| version.is_some_and(|version| *version != member.version));
        let rewrite = Rewrite {
            version,
            published: &published,
            changed: &changed.map(|member| folder_of(member).to_owned()).collect(),
            versionless: &versionless,
            copied: &folders,
        };
        stage.rewrite(&workspace, &rewrite)?;

        events(PublishEvent::Packing { crates: selection.published.len() });
        let packing = Packer {
            stage: &stage,
            cargo: &cargo,
            registries: &registries,
            original: &workspace.metadata,
            names: &selection.published,
        };
        let packed = packing.pack(events)?;
        let mut stored = Vec::new();
        for krate in &packed {
            events(PublishEvent::Comparing { name: krate.name.clone(), version: krate.version.clone() });
            stored.push(repository.compare(krate, &stage.scratch("stored.crate"))?);
        }
        Ok(Self { workspace, names: selection.published, stage, cargo, packed, stored })
    }

    fn carry_out(
        &mut self,
        request: &PublishRequest,
        context: &PublishContext<'_>,
        endpoint: &Endpoint,
        repository: &Repository<'_>,
        events: &mut dyn FnMut(PublishEvent),
    ) -> Result<Vec<PublishedCrate>, PublishError> {
        let total = self.stored.iter().filter(|stored| **stored == Stored::Nothing).count();
        if request.verify && !request.dry_run && total > 0 {
            events(PublishEvent::Verifying { crates: self.packed.len() });
            let config = CargoConfig::read(&self.workspace.root, context.host)?;
            let packing = Packer {
                stage: &self.stage,
                cargo: &self.cargo,
                registries: &Registries { config: &config, target: endpoint, trust: context.trust },
                original: &self.workspace.metadata,
                names: &self.names,
            };
            packing.verify(&mut self.packed, events)?;
        }
        let registry = Registry::new(endpoint, context.authorize, context.host)?;
        let mut rows = Vec::new();
        let mut index = 0;
        let mut digests = Digests::new();
        for (krate, stored) in self.packed.iter_mut().zip(&self.stored) {
            if *stored == Stored::Nothing {
                krate.correct_lock(&digests, None)?;
            }
            let (outcome, sha256) = match stored {
                Stored::Identical(sha256) => (Outcome::AlreadyPublished, sha256.clone()),
                Stored::Nothing if request.dry_run => (Outcome::WouldPublish, krate.sha256.clone()),
                Stored::Nothing => {
                    index += 1;
                    let (name, version) = (krate.name.clone(), krate.version.clone());
                    events(PublishEvent::Uploading {
                        name: name.clone(),
                        version: version.clone(),
                        bytes: krate.size,
                        index,
                        total,
                    });
                    let uploaded = registry.upload(krate, repository, &self.stage.scratch("stored.crate"))?;
                    events(PublishEvent::Waiting { name, version });
                    let (outcome, sha256) = match uploaded {
                        Uploaded::Stored => (Outcome::Published, krate.sha256.clone()),
                        Uploaded::SomeoneElses(sha256) => (Outcome::AlreadyPublished, sha256),
                    };
                    registry.wait_until_visible(krate, &sha256)?;
                    (outcome, sha256)
                }
            };
            digests.insert((krate.name.clone(), krate.version.clone()), sha256.clone());
            let row = PublishedCrate {
                name: krate.name.clone(),
                version: krate.version.clone(),
                outcome,
                sha256,
                repository: request.repository.repository.to_string(),
            };
            events(PublishEvent::Done(row.clone()));
            rows.push(row);
        }
        Ok(rows)
    }
}
