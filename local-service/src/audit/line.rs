//! A call as a line of JSON.

use std::{io, net::IpAddr, sync::Arc};

use hyper::Method;
use serde::Serialize;
use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    masked::{MASK, mask_tokens},
    trace::{Outcome, Record},
};
use crate::{
    assets::Digest,
    faults::exception_of,
    formats,
    http::Target,
    identity::ACCOUNT,
    policy::{Principal, PrincipalArn},
};

/// Characters of a text that a client or the service made up.
const TEXT: usize = 2_048;
/// Bytes of the JSON of a call: with a larger one, the parameters in it are left out.
const BODY: usize = 16 << 10;

/// The parameters in the query of a call, and what a line calls them. What is not here is not written down: page
/// tokens, and what no operation has.
const PARAMETERS: [(&str, &str); 33] = [
    ("administrator-account", "administratorAccount"),
    ("asset", "assetName"),
    ("destination-repository", "destinationRepository"),
    ("domain", "domainName"),
    ("domain-owner", "domainOwner"),
    ("duration", "durationSeconds"),
    ("endpointType", "endpointType"),
    ("external-connection", "externalConnection"),
    ("format", "packageFormat"),
    ("max-results", "maxResults"),
    ("namespace", "packageNamespace"),
    ("originRestrictionType", "originRestrictionType"),
    ("originType", "originType"),
    ("package", "packageName"),
    ("package-group", "packageGroup"),
    ("package-prefix", "packagePrefix"),
    ("policy-revision", "policyRevision"),
    ("prefix", "prefix"),
    ("preview", "preview"),
    ("publish", "publish"),
    ("repository", "repositoryName"),
    ("repository-prefix", "repositoryPrefix"),
    ("resourceArn", "resourceArn"),
    ("revision", "packageVersionRevision"),
    ("sortBy", "sortBy"),
    ("source-repository", "sourceRepository"),
    ("status", "status"),
    ("unfinished", "unfinished"),
    ("upstream", "upstream"),
    ("version", "packageVersion"),
    // Of package managers' requests: in the address only.
    ("gems", ""),
    ("q", ""),
    ("write", ""),
];

/// The parameters in the body of a call.
const MEMBERS: [&str; 23] = [
    "addAllowedRepositories",
    "allowOverwrite",
    "contactInfo",
    "description",
    "domain",
    "domainOwner",
    "encryptionKey",
    "expectedStatus",
    "includeFromUpstream",
    "maxResults",
    "packageGroup",
    "policyDocument",
    "policyRevision",
    "removeAllowedRepositories",
    "restrictions",
    "tagKeys",
    "tags",
    "targetStatus",
    "upstreams",
    "versionRevisions",
    "versions",
    "packages",
    "repositories",
];

/// Makes lines.
pub(super) struct Scribe {
    /// Makes the ids of this run's lines its own.
    run: u64,
    lines: u64,
    /// Who called last: mostly it is the same again.
    last: Option<(Arc<Principal>, Option<String>, Box<RawValue>)>,
    /// What stands for a caller who is not known.
    unknown: Box<RawValue>,
    /// The second of the last line, as text.
    second: (u64, String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    event_version: &'static str,
    user_identity: &'a RawValue,
    event_time: &'a str,
    event_source: &'static str,
    event_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_region: Option<&'a str>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: IpAddr,
    user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    request_parameters: Parameters<'a>,
    response_elements: Option<Value>,
    additional_event_data: Additional<'a>,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "eventID")]
    event_id: String,
    read_only: bool,
    event_type: &'static str,
    recipient_account_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Additional<'a> {
    http_method: &'a str,
    request_uri: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Call(Map<String, Value>),
    Request(RequestParameters<'a>),
}

/// What a package manager's request is about.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct RequestParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package_version: Option<&'a str>,
}

impl Scribe {
    pub(super) fn new() -> io::Result<Self> {
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(io::Error::other)?;
        let unknown = to_raw_value(&json!({ "type": "Unknown" })).map_err(io::Error::other)?;
        Ok(Self { run: u64::from_be_bytes(run), lines: 0, last: None, unknown, second: (u64::MAX, String::new()) })
    }

    /// Writes the line of a call, with its end.
    pub(super) fn line(&mut self, record: &Record, target: &str, agent: &str, out: &mut Vec<u8>) {
        let from = out.len();
        self.lines += 1;
        self.tell_time(record.time / 1000);
        self.identify(record);
        let identity = self.last.as_ref().map(|(_, _, identity)| &**identity).filter(|_| record.caller.is_some());
        // It was parsed before, when it was served.
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let target = Target::of(path, query).unwrap_or_default();
        let of_client = path.starts_with("/d/");
        let described = if of_client { formats::described(&record.method, &target) } else { None };

        let (mut name, mut read_only) = (record.operation, is_reading(record.operation));
        if of_client {
            let action = record.noted.as_ref().map(|noted| noted.action).or(described.as_ref().map(|it| it.action));
            let reads = record.method == Method::GET || record.method == Method::HEAD;
            let fallback = if reads { "ReadFromRepository" } else { "PublishPackageVersion" };
            name = action.and_then(|action| action.strip_prefix("codeartifact:")).unwrap_or(fallback);
            read_only = name == "ReadFromRepository";
        }
        let call_parameters = || parameters(&target, &record.body);
        let (parameters, owner) = match &described {
            _ if !of_client => {
                let parameters = call_parameters();
                let owner = parameters.get("domainOwner").and_then(Value::as_str).map(ToOwned::to_owned);
                (Parameters::Call(parameters), owner)
            }
            None => (Parameters::Request(RequestParameters::default()), None),
            Some(described) => {
                let mut parameters = RequestParameters {
                    domain_name: Some(described.domain.as_str()),
                    domain_owner: Some(described.owner.as_str()),
                    repository_name: Some(described.repository),
                    package_name: described.subject.name.as_deref(),
                    package_namespace: described.subject.namespace.as_deref(),
                    package_format: Some(described.format.as_str()),
                    package_version: described.subject.version.as_deref(),
                };
                if let Some(noted) = &record.noted {
                    parameters.package_name = Some(&noted.name);
                    parameters.package_namespace = Some(noted.namespace.as_str()).filter(|it| !it.is_empty());
                    parameters.package_version = noted.version.as_deref().or(parameters.package_version);
                }
                (Parameters::Request(parameters), Some(described.owner.to_string()))
            }
        };
        let (error_code, error_message) = failure(record);
        let caller = record.caller.as_ref().map(|caller| caller.arn.account().as_str());
        let hidden = record.operation == "GetAuthorizationToken" && matches!(record.outcome, Outcome::Done);
        let line = Line {
            event_version: "1.05",
            user_identity: identity.unwrap_or(&self.unknown),
            event_time: &self.second.1,
            event_source: "codeartifact.amazonaws.com",
            event_name: name,
            aws_region: record.region.as_ref().map(codeartifact::Region::as_str),
            source_ip_address: record.peer.to_canonical(),
            user_agent: agent,
            error_code: error_code.as_deref(),
            error_message,
            request_parameters: parameters,
            response_elements: hidden.then(|| json!({ "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS" })),
            additional_event_data: Additional {
                http_method: record.method.as_str(),
                request_uri: request_uri(path, query, of_client),
            },
            request_id: format!("local-{}", record.number),
            event_id: self.event_id(),
            read_only,
            event_type: "AwsApiCall",
            recipient_account_id: owner.as_deref().or(caller).unwrap_or(ACCOUNT),
        };
        serde_json::to_writer(&mut *out, &line).expect("a line is plain data");
        mask_tokens(out, from);
        out.push(b'\n');
    }

    fn tell_time(&mut self, second: u64) {
        if self.second.0 != second {
            let time = i64::try_from(second).ok().and_then(|second| OffsetDateTime::from_unix_timestamp(second).ok());
            let text = time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
            self.second = (second, text);
        }
    }

    fn identify(&mut self, record: &Record) {
        let Some(caller) = &record.caller else { return };
        let same = |(known, key, _): &(Arc<Principal>, Option<String>, _)| {
            Arc::ptr_eq(known, caller) && *key == record.access_key
        };
        if !self.last.as_ref().is_some_and(same) {
            let mut identity = json!({
                "type": caller.arn.identity_type(),
                "principalId": principal_id(&caller.arn),
                "arn": caller.arn.as_str(),
                "accountId": caller.arn.account().as_str(),
            });
            if let Some(key) = &record.access_key {
                identity["accessKeyId"] = json!(cut(key, 128));
            }
            let identity = to_raw_value(&identity).expect("an object is JSON");
            self.last = Some((Arc::clone(caller), record.access_key.clone(), identity));
        }
    }

    /// In the outline of a UUID of the version that everybody may make as they like.
    fn event_id(&self) -> String {
        let (run, line) = (format!("{:016x}", self.run), format!("{:015x}", self.lines));
        format!("{}-{}-8{}-8{}-{}", &run[..8], &run[8..12], &run[13..], &line[..3], &line[3..])
    }
}

/// Does an operation of the API only look? Fetching a token makes one, and is documented as a change.
fn is_reading(operation: &str) -> bool {
    operation != "GetAuthorizationToken" && ["Describe", "Get", "List"].iter().any(|it| operation.starts_with(it))
}

/// Stable, and of the outline of the real ones.
fn principal_id(arn: &PrincipalArn) -> String {
    let unique = |kind: &str, arn: &str| {
        let digest = Digest::of(arn.as_bytes()).to_string().to_uppercase();
        format!("{kind}{}", &digest[..17])
    };
    let last = || arn.as_str().rsplit('/').next().unwrap_or_default();
    match arn.identity_type() {
        "IAMUser" => unique("AIDA", arn.as_str()),
        "Role" => unique("AROA", arn.as_str()),
        "AssumedRole" => format!("{}:{}", unique("AROA", &arn.condition_value()), last()),
        "FederatedUser" => format!("{}:{}", arn.account(), last()),
        _ => arn.account().to_string(),
    }
}

fn parameters(target: &Target, body: &[u8]) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, called) in PARAMETERS.iter().filter(|(_, called)| !called.is_empty()) {
        if let Some(value) = target.query.get(name) {
            parameters.insert((*called).to_owned(), json!(cut(value, TEXT)));
        }
    }
    if body.len() > BODY {
        parameters.insert("omitted".to_owned(), json!(true));
        parameters.insert("originalSize".to_owned(), json!(body.len()));
    } else if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
        for (name, value) in members {
            if MEMBERS.contains(&name.as_str()) {
                parameters.insert(if name == "domain" { "domainName".to_owned() } else { name }, value);
            }
        }
    }
    parameters
}

/// Exception and message.
fn failure(record: &Record) -> (Option<String>, Option<String>) {
    let text = |code: &str, message: &str| (Some(code.to_owned()), Some(message.to_owned()));
    match &record.outcome {
        Outcome::Done => (None, None),
        Outcome::Abandoned => text("RequestAbandoned", "the client went away before it was answered"),
        Outcome::Cut => text("ConnectionCut", "the connection was cut by a fault rule"),
        Outcome::Refused { status, exception, body } => {
            let exception = exception.as_ref().and_then(|exception| exception.to_str().ok());
            let code = exception.unwrap_or_else(|| exception_of(*status));
            let message = message(body).unwrap_or_else(|| status.to_string());
            (Some(cut(code, 128).to_owned()), Some(cut(&message, TEXT).to_owned()))
        }
    }
}

/// The sentence in the body of a refusal, in any format's form.
fn message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.is_empty())?;
    let Ok(body) = serde_json::from_str::<Value>(text) else { return Some(text.to_owned()) };
    let places = ["/message", "/error", "/errors/0/detail", "/detail"];
    places.iter().find_map(|place| body.pointer(place)?.as_str()).map(ToOwned::to_owned)
}

/// The path below the domain, as the service writes it down, and of the query what is known.
fn request_uri(path: &str, query: Option<&str>, of_client: bool) -> String {
    let below = path.strip_prefix("/d/").filter(|_| of_client).and_then(|rest| Some(&rest[rest.find('/')?..]));
    let mut text = cut(below.unwrap_or(path), TEXT).to_owned();
    for (at, pair) in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        let known = pair.split('=').next().is_some_and(|name| PARAMETERS.iter().any(|(known, _)| *known == name));
        text.push_str(if known { cut(pair, TEXT) } else { MASK });
        if text.len() > 2 * TEXT {
            break;
        }
    }
    text
}

/// So many bytes at most, of whole characters.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
