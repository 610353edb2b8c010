//! What the environment and the user's AWS files say about identity, Region and endpoint, without resolving a
//! credential and without the SDK: the warm path's view. The rules are the SDK's own.
//!
//! | question | answer, the first there is |
//! | --- | --- |
//! | profile | option, `AWS_PROFILE`, `default` |
//! | Region | option, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's `region`, that of its `source_profile`s |
//! | override | option; unless ignored: `AWS_ENDPOINT_URL_CODEARTIFACT`, `AWS_ENDPOINT_URL`, the profile's `services` section, its `endpoint_url` |
//! | ignored | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, the profile's `ignore_configured_endpoint_urls` |
//! | identity | keys in the environment, the profile, web identity, container, `default` (the order of the SDK's chain) |
//!
//! Only user-level files are read (`AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`, by default in `~/.aws`), each at
//! most once, and neither when the environment has said it all. A file that a project brings along has no say.

use std::{
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::endpoint::{EndpointError, Region, ServiceOverride, Trust};
use crate::host::Host;
use crate::token::{Identity, hex};

mod file;

use file::{Files, Kind, Section};

/// The largest settings file that is read, in bytes.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// The user-level AWS settings that matter here.
#[derive(Debug, Clone)]
pub struct AwsEnvironment {
    /// The profile by name (`AWS_PROFILE`, else `default`).
    pub profile: String,
    /// The Region, where one is set.
    pub region: Option<Region>,
    /// The endpoint override in force for CodeArtifact, in the documented order of precedence.
    pub service_override: Option<ServiceOverride>,
    /// Who asks.
    pub identity: Identity,
    /// Where the settings come from, for people.
    pub origins: Origins,
}

/// Where settings come from: a variable, an option, or a file and its line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Of the Region.
    pub region: Option<String>,
    /// Of the override.
    pub service_override: Option<String>,
}

/// What the command line says; it wins over variables and files.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsOptions<'a> {
    /// `--profile`
    pub profile: Option<&'a str>,
    /// `--region`
    pub region: Option<&'a str>,
    /// `--endpoint-url`; cannot be switched off by the variables that ignore configured ones.
    pub endpoint_url: Option<&'a str>,
}

/// A setting's text and where it stands.
struct Found {
    text: String,
    origin: String,
}

impl AwsEnvironment {
    /// Reads the variables and the user-level AWS files (never a project's).
    pub fn read(host: &Host) -> Result<Self, ProfileError> {
        Self::with_options(host, AwsOptions::default())
    }

    /// The same with what the command line says.
    ///
    /// Keys in the environment stay the identity even where `--profile` is given: that is the SDK's order, and the
    /// identity must be that of whoever will be asked.
    pub fn with_options(host: &Host, options: AwsOptions<'_>) -> Result<Self, ProfileError> {
        let profile = options.profile.or_else(|| host.var("AWS_PROFILE")).unwrap_or("default").to_owned();
        let region = option(options.region, "--region")
            .or_else(|| variable(host, "AWS_REGION"))
            .or_else(|| variable(host, "AWS_DEFAULT_REGION"));
        let by_option = option(options.endpoint_url, "--endpoint-url");
        let by_variable =
            variable(host, "AWS_ENDPOINT_URL_CODEARTIFACT").or_else(|| variable(host, "AWS_ENDPOINT_URL"));
        let ignored = host.var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").and_then(yes_or_no);
        let keys = environment_keys(host);

        let override_is_settled =
            by_option.is_some() || ignored == Some(true) || (ignored == Some(false) && by_variable.is_some());
        let files = if region.is_some() && override_is_settled && keys.is_some() {
            Files::default()
        } else {
            read_files(host)?
        };

        let region = region.or_else(|| profile_region(host, &files, &profile));
        let section = files.profile(&profile);
        let ignored = ignored
            .or_else(|| section?.text("ignore_configured_endpoint_urls").and_then(yes_or_no))
            .unwrap_or_default();
        let address = by_option
            .or_else(|| if ignored { None } else { by_variable.or_else(|| profile_override(host, &files, section?)) });
        let identity = keys
            .or_else(|| profile_identity(&files, &profile))
            .or_else(|| web_identity(host))
            .unwrap_or_else(|| rest_identity(host).to_owned());

        let origins = Origins {
            region: region.as_ref().map(|found| found.origin.clone()),
            service_override: address.as_ref().map(|found| found.origin.clone()),
        };
        let region = region
            .map(|found| found.text.parse().map_err(|source| ProfileError::Region { origin: found.origin, source }))
            .transpose()?;
        let service_override = address
            .map(|found| {
                ServiceOverride::parse(found.text.as_bytes())
                    .map_err(|source| ProfileError::Override { origin: found.origin, source })
            })
            .transpose()?;
        Ok(Self { profile, region, service_override, identity: Identity::new(&identity), origins })
    }

    /// What [`Endpoint::recognise`](crate::Endpoint::recognise) has to know of these settings.
    pub fn trust(&self) -> Trust {
        Trust { service_override: self.service_override.clone() }
    }

    /// The settings in lines of name and value, for `status` and its like. Holds no secret.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let with_origin = |value: Option<&str>, origin: &Option<String>, otherwise: &str| match (value, origin) {
            (Some(value), Some(origin)) => format!("{value} (from {origin})"),
            (Some(value), None) => value.to_owned(),
            (None, _) => otherwise.to_owned(),
        };
        vec![
            ("identity", self.identity.as_str().to_owned()),
            ("profile", self.profile.clone()),
            ("region", with_origin(self.region.as_ref().map(Region::as_str), &self.origins.region, "none set")),
            (
                "service",
                with_origin(
                    self.service_override.as_ref().map(ServiceOverride::as_str),
                    &self.origins.service_override,
                    "AWS",
                ),
            ),
        ]
    }
}

fn option(value: Option<&str>, name: &str) -> Option<Found> {
    value.map(|text| Found { text: text.to_owned(), origin: name.to_owned() })
}

fn variable(host: &Host, name: &str) -> Option<Found> {
    host.var(name).map(|text| Found { text: text.to_owned(), origin: name.to_owned() })
}

/// `true` and `false` in any case; the SDK takes nothing else and ignores the rest with a warning.
fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The profile's Region, else that of the profile its credentials come from, and so on.
fn profile_region(host: &Host, files: &Files, profile: &str) -> Option<Found> {
    let mut name = profile;
    let mut seen = Vec::new();
    while !seen.contains(&name) {
        seen.push(name);
        let section = files.profile(name)?;
        if let Some(setting) = section.get("region") {
            return Some(Found { text: setting.value.clone(), origin: place(host, setting.kind, setting.line) });
        }
        name = section.text("source_profile")?;
    }
    None
}

fn profile_override(host: &Host, files: &Files, section: &Section) -> Option<Found> {
    let for_service = || files.service(section.text("services")?, "codeartifact", "endpoint_url");
    let setting = for_service().or_else(|| section.get("endpoint_url"))?;
    Some(Found { text: setting.value.clone(), origin: place(host, setting.kind, setting.line) })
}

fn place(host: &Host, kind: Kind, line: usize) -> String {
    let path = path_of(host, kind).unwrap_or_default();
    format!("{}:{line}", path.display())
}

/// Keys in the environment: a digest of the key's identifier, for nothing else is known of whom it belongs to.
fn environment_keys(host: &Host) -> Option<String> {
    let set = |name| host.var(name).filter(|value| !value.trim().is_empty());
    let key = set("AWS_ACCESS_KEY_ID")?;
    set("AWS_SECRET_ACCESS_KEY").or_else(|| set("SECRET_ACCESS_KEY"))?;
    Some(format!("key:{}", digest(key)))
}

/// The profile's name and what it says of the identity behind it, so that an edit of the profile is another identity.
///
/// `None` where the SDK's chain passes over the profile: no profile at all, no `default` where none was asked for, or
/// a profile without credentials. Long-term keys count by a digest of their identifier; temporary ones (those with a
/// session token) do not, because whatever rotates them would make every token useless.
fn profile_identity(files: &Files, profile: &str) -> Option<String> {
    if files.is_empty() || (profile == "default" && files.profile("default").is_none()) {
        return None;
    }
    let label = format!("profile:{profile}");
    // A profile that is named but missing: the SDK will say so.
    let Some(section) = files.profile(profile) else { return Some(label) };
    let text = |name| section.text(name);
    // The order in which the SDK decides what a profile is (`profile/credentials/repr.rs` of `aws-config`).
    if let Some(role) = text("role_arn") {
        return Some(format!("{label};role={role}"));
    }
    if let Some(source) = text("credential_source") {
        return Some(format!("{label};source={source}"));
    }
    if let (Some(account), Some(role)) = (text("sso_account_id"), text("sso_role_name")) {
        let session = text("sso_session").or_else(|| text("sso_start_url")).unwrap_or_default();
        return Some(format!("{label};sso={account}/{role}/{session}"));
    }
    if let Some(session) = text("sso_session").or_else(|| text("sso_start_url")) {
        return Some(format!("{label};sso={session}"));
    }
    if let Some(login) = text("login_session") {
        return Some(format!("{label};login={login}"));
    }
    if let Some(command) = text("credential_process") {
        return Some(format!("{label};process={}", digest(command)));
    }
    let key = text("aws_access_key_id")?;
    Some(match text("aws_session_token") {
        Some(_) => label,
        None => format!("{label};key={}", digest(key)),
    })
}

fn web_identity(host: &Host) -> Option<String> {
    host.var("AWS_WEB_IDENTITY_TOKEN_FILE")?;
    Some(format!("role:{}", host.var("AWS_ROLE_ARN")?))
}

fn rest_identity(host: &Host) -> &'static str {
    let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    if container.iter().any(|name| host.var(name).is_some()) { "container" } else { "default" }
}

/// Twelve hexadecimal digits of SHA-256: enough to tell identities apart, and nothing can be read back.
fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..6])
}

fn read_files(host: &Host) -> Result<Files, ProfileError> {
    let mut files = Files::default();
    for kind in [Kind::Config, Kind::Credentials] {
        let Some(path) = path_of(host, kind) else { continue };
        match read_bounded(&path) {
            Ok(text) => files.add(kind, &text),
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(ProfileError::Unreadable { path, source }),
        }
    }
    Ok(files)
}

/// Nothing there; a path through a file that is no folder is nothing, too.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    // Room for an ordinary file, so that it takes one read and one more to see its end; none where there is no file.
    let mut bytes = Vec::with_capacity(16 * 1024);
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    // The SDK takes a file that is not UTF-8 as empty; a stray byte in a comment should not change the identity.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A settings file's path. A leading `~` is the home folder, in the variables too; a relative path is relative to the
/// folder the program was started in.
fn path_of(host: &Host, kind: Kind) -> Option<PathBuf> {
    let (variable, name) = match kind {
        Kind::Config => ("AWS_CONFIG_FILE", "config"),
        Kind::Credentials => ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    };
    let Some(path) = host.var_os(variable).map(Path::new) else {
        return Some(host.home()?.join(".aws").join(name));
    };
    let mut components = path.components();
    Some(match components.next() {
        Some(Component::Normal(first)) if first == "~" => host.home()?.join(components.as_path()),
        _ => host.current_dir().join(path),
    })
}

/// The user-level AWS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The override is not an address we can use.
    #[error("the service endpoint override from {origin} cannot be used")]
    Override {
        /// The option, the variable, or the file and line it comes from.
        origin: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// The Region is none.
    #[error("the Region from {origin} cannot be used")]
    Region {
        /// The option, the variable, or the file and line it comes from.
        origin: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
