//! What the service knows and how it changes.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `coordinate` | keys of domains, repositories, packages and versions; which spellings are one name |
//! | `model` | the maps in memory, and reading them |
//! | `draft` | one transition's copy of the model, with the records it changes |
//! | `arrival` | the transitions that bring versions: publishing, fetching, retention |
//! | `snapshot` | Maven's: a version that shows the newest of its builds |
//! | `domain`, `repository`, `package`, `version`, `copy`, `tags` | the other transitions, by what they change |
//! | `policy` | resource policies |
//! | `event`, `log` | what is told of a change, and how far the log of that reaches |
//! | `groups` | package groups: association, restrictions |
//! | `relist` | other listings and tags for versions that are there |
//! | `records` | records in the database, their versions, and loading them |
//! | `past` | models of the last moments, for fault rules |
//! | `journal` | the one writer: transitions in, one durable transaction for a batch, then the new snapshot |

mod arrival;
pub(crate) mod as_text;
mod coordinate;
mod copy;
mod domain;
mod draft;
mod event;
mod groups;
mod journal;
mod log;
mod model;
mod package;
mod past;
mod policy;
mod records;
mod relist;
mod repository;
mod snapshot;
mod tags;
mod version;

pub(crate) use arrival::{NewVersion, Part, Published};
pub(crate) use coordinate::{
    DomainKey, NamespaceRule, PackageKey, RepositoryKey, VersionKey, api_name, namespace_rule, partition,
};
pub(crate) use copy::{Copy, Selection};
pub(crate) use draft::Draft;
pub(crate) use event::{OperationType, VersionChanges, VersionEvent};
pub(crate) use groups::{AllowedRepository, Group, GroupUpdate, Groups, ListChange, Mode, Pattern, Restriction};
pub(crate) use journal::{Inbox, Journal, Snapshot};
pub(crate) use model::{
    AboutDomain, AboutRepository, AboutVersion, Asset, Awaited, Control, Domain, Millis, Origin, OriginControls,
    Package, Repository, Status, Tags, Version,
};
pub(crate) use policy::Policy;
pub(crate) use records::{Database, DatabaseError, file_in};
pub(crate) use snapshot::NewSnapshot;
pub(crate) use tags::Tagged;
pub(crate) use version::{Expectations, GenericAsset, Outcome, VersionChange};

#[cfg(test)]
mod tests;
