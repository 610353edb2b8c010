//! An event as EventBridge hands it on.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use codeartifact::AccountId;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    assets::Digest,
    state::{Millis, OperationType, VersionChanges, VersionEvent, partition},
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope<'a> {
    version: &'static str,
    id: String,
    detail_type: &'static str,
    source: &'static str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: [String; 1],
    detail: Detail<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    domain_name: &'a str,
    domain_owner: &'a str,
    repository_name: &'a str,
    repository_administrator: &'a str,
    package_format: String,
    /// Null where there is none: a member that is always there.
    package_namespace: Option<&'a str>,
    package_name: &'a str,
    package_version: &'a str,
    package_version_state: &'static str,
    package_version_revision: &'a str,
    changes: VersionChanges,
    operation_type: OperationType,
    sequence_number: u64,
    event_deduplication_id: String,
}

/// One line of JSON for each account that is told: the domain's owner, and the repository's administrator if that is
/// another.
pub(super) fn envelopes(number: u64, event: &VersionEvent) -> Vec<String> {
    let owner = &event.domain.owner;
    let administrator = Some(&event.administrator).filter(|administrator| *administrator != owner);
    [Some(owner), administrator].into_iter().flatten().map(|account| envelope(number, event, account)).collect()
}

fn envelope(number: u64, event: &VersionEvent, account: &AccountId) -> String {
    let VersionEvent { domain, repository, namespace, package, format, .. } = event;
    let resource = format!(
        "arn:{}:codeartifact:{}:{}:package/{}/{repository}/{format}/{}/{package}",
        partition(&domain.region),
        domain.region,
        domain.owner,
        domain.name,
        namespace.as_deref().unwrap_or_default(),
    );
    let named = format!("{resource}@{} {number} {}", event.version, event.time);
    let envelope = Envelope {
        version: "0",
        id: id(&Digest::of(format!("{account} {named}").as_bytes())),
        detail_type: "CodeArtifact Package Version State Change",
        source: "aws.codeartifact",
        account: account.as_str(),
        time: seconds(event.time),
        region: domain.region.as_str(),
        resources: [resource],
        detail: Detail {
            domain_name: domain.name.as_str(),
            domain_owner: domain.owner.as_str(),
            repository_name: repository.as_str(),
            repository_administrator: event.administrator.as_str(),
            package_format: format.to_string(),
            package_namespace: namespace.as_deref(),
            package_name: package,
            package_version: &event.version,
            package_version_state: event.status.as_str(),
            package_version_revision: &event.revision,
            changes: event.changes,
            operation_type: event.operation,
            sequence_number: number,
            event_deduplication_id: STANDARD.encode(Digest::of(named.as_bytes()).as_bytes()),
        },
    };
    serde_json::to_string(&envelope).expect("an event is plain data")
}

/// In the outline of a UUID.
fn id(digest: &Digest) -> String {
    let hex = digest.to_string();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

/// Whole seconds, as EventBridge writes times.
fn seconds(millis: Millis) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
