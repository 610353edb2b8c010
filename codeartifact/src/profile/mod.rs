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
//!
//! Where an [account rule](crate::account) names a profile, that one goes before `AWS_PROFILE` and before keys in the
//! environment: [`AwsEnvironment::serving`].

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::{Arc, OnceLock},
};

use sha2::{Digest, Sha256};

use crate::account::{AccountRule, Subject};
use crate::endpoint::{EndpointError, Region, ServiceOverride, Trust};
use crate::host::Host;
use crate::token::{Identity, hex};

mod file;
mod sign_in;

use file::{Files, Kind, Section};
pub use sign_in::SignIn;

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
    /// The account rule that the settings follow, where one does.
    pub rule: Option<Arc<AccountRule>>,
    /// The account rules that calls are compared with, in order.
    rules: Arc<[Arc<AccountRule>]>,
    said: Said,
    files: Arc<AwsFiles>,
}

/// What options and variables say, whichever the profile is.
#[derive(Debug, Clone, Default)]
struct Said {
    /// The profile was an option.
    chosen: bool,
    region: Option<Found>,
    override_by_option: Option<Found>,
    override_by_variable: Option<Found>,
    /// Whether configured overrides are ignored.
    ignored: Option<bool>,
}

/// The user's AWS files, read when they are needed, and once.
#[derive(Default)]
struct AwsFiles {
    config: Option<PathBuf>,
    credentials: Option<PathBuf>,
    content: OnceLock<Files>,
}

/// Where settings come from: a variable, an option, or a file and its line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Of the profile; `None` where nothing names one.
    pub profile: Option<String>,
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

/// A setting's text and where it stands. What it says is not shown: it may hold what was typed in the wrong place.
#[derive(Clone)]
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
        let profile = option(options.profile, "--profile")
            .or_else(|| variable(host, "AWS_PROFILE"))
            .unwrap_or_else(|| Found { text: "default".to_owned(), origin: String::new() });
        let said = Said {
            chosen: options.profile.is_some(),
            region: option(options.region, "--region")
                .or_else(|| variable(host, "AWS_REGION"))
                .or_else(|| variable(host, "AWS_DEFAULT_REGION")),
            override_by_option: option(options.endpoint_url, "--endpoint-url"),
            override_by_variable: variable(host, "AWS_ENDPOINT_URL_CODEARTIFACT")
                .or_else(|| variable(host, "AWS_ENDPOINT_URL")),
            ignored: host.var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").and_then(yes_or_no),
        };
        let keys = environment_keys(host);
        let aws_files = AwsFiles {
            config: path_of(host, Kind::Config),
            credentials: path_of(host, Kind::Credentials),
            content: OnceLock::new(),
        };

        let override_is_settled = said.override_by_option.is_some()
            || said.ignored == Some(true)
            || (said.ignored == Some(false) && said.override_by_variable.is_some());
        let none = Files::default();
        let files =
            if said.region.is_some() && override_is_settled && keys.is_some() { &none } else { aws_files.content()? };

        let (region, service_override, mut origins) = said.settings(files, &aws_files, &profile.text)?;
        origins.profile = Some(profile.origin).filter(|origin| !origin.is_empty());
        let identity = keys
            .or_else(|| profile_identity(files, &profile.text))
            .or_else(|| web_identity(host))
            .unwrap_or_else(|| rest_identity(host).to_owned());
        Ok(Self {
            profile: profile.text,
            region,
            service_override,
            identity: Identity::new(&identity),
            origins,
            rule: None,
            rules: Arc::default(),
            said,
            files: Arc::new(aws_files),
        })
    }

    /// The same with the user's account rules. Where the profile is an option's, none of them counts.
    #[must_use]
    pub fn with_accounts(mut self, rules: &[AccountRule]) -> Self {
        if !self.said.chosen {
            self.rules = rules.iter().cloned().map(Arc::new).collect();
        }
        self
    }

    /// The account rules that count, in order.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountRule> {
        self.rules.iter().map(Arc::as_ref)
    }

    /// The settings for a call: those of the first account rule that matches, else these. AWS's files are read where a
    /// rule names a profile and they were not read before.
    ///
    /// The Region is the environment's still; a rule's serves where there is none.
    ///
    /// # Errors
    /// What the rule's profile says cannot be used.
    pub fn serving(&self, subject: &Subject<'_>) -> Result<Cow<'_, Self>, ProfileError> {
        match self.rules.iter().find(|rule| rule.mismatch(subject).is_none()) {
            Some(rule) => self.following(rule).map(Cow::Owned),
            None => Ok(Cow::Borrowed(self)),
        }
    }

    /// The settings of an identity: these, or those of an account rule that leads to it. `None` where none does.
    pub(crate) fn of_identity(&self, identity: &Identity) -> Option<Cow<'_, Self>> {
        if *identity == self.identity {
            return Some(Cow::Borrowed(self));
        }
        // Two rules that lead to the same identity say the same.
        let followed = self.rules.iter().filter_map(|rule| self.following(rule).ok());
        followed.into_iter().find(|aws| aws.identity == *identity).map(Cow::Owned)
    }

    fn following(&self, rule: &Arc<AccountRule>) -> Result<Self, ProfileError> {
        let mut aws = Self { rule: Some(Arc::clone(rule)), ..self.clone() };
        let mut label = self.identity.as_str().to_owned();
        if let Some(profile) = &rule.profile {
            let files = self.files.content()?;
            let (region, service_override, mut origins) = self.said.settings(files, &self.files, &profile.value)?;
            origins.profile = Some(rule.place_of(profile.line));
            label = profile_identity(files, &profile.value).unwrap_or_else(|| format!("profile:{}", profile.value));
            aws = Self { profile: profile.value.clone(), region, service_override, origins, ..aws };
        }
        // The Region that the rule was chosen for.
        if self.region.is_some() {
            aws.region.clone_from(&self.region);
            aws.origins.region.clone_from(&self.origins.region);
        } else if let Some(region) = &rule.region {
            aws.region = Some(region.value.clone());
            aws.origins.region = Some(rule.place_of(region.line));
        }
        aws.identity = Identity::new(&(label + &rule.label()));
        Ok(aws)
    }

    /// Whether the user's AWS files have the profile in force.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn has_profile(&self) -> Result<bool, ProfileError> {
        Ok(self.files.content()?.profile(&self.profile).is_some())
    }

    /// Made-up settings, for tests.
    #[cfg(test)]
    pub(crate) fn for_test(
        profile: &str,
        region: Option<Region>,
        service_override: Option<ServiceOverride>,
        identity: &str,
    ) -> Self {
        Self {
            profile: profile.to_owned(),
            region,
            service_override,
            identity: Identity::new(identity),
            origins: Origins::default(),
            rule: None,
            rules: Arc::default(),
            said: Said::default(),
            files: Arc::default(),
        }
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

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Their settings are not shown: commands and keys are among them.
impl fmt::Debug for AwsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsFiles")
            .field("config", &self.config)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Said {
    /// Region and override of a profile, and where each comes from.
    fn settings(
        &self,
        files: &Files,
        places: &AwsFiles,
        profile: &str,
    ) -> Result<(Option<Region>, Option<ServiceOverride>, Origins), ProfileError> {
        let region = self.region.clone().or_else(|| profile_region(files, places, profile));
        let section = files.profile(profile);
        let ignored = self
            .ignored
            .or_else(|| section?.text("ignore_configured_endpoint_urls").and_then(yes_or_no))
            .unwrap_or_default();
        let configured = || self.override_by_variable.clone().or_else(|| profile_override(files, places, section?));
        let address = self.override_by_option.clone().or_else(|| if ignored { None } else { configured() });
        let origins = Origins {
            profile: None,
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
        Ok((region, service_override, origins))
    }
}

impl AwsFiles {
    fn path(&self, kind: Kind) -> Option<&Path> {
        match kind {
            Kind::Config => self.config.as_deref(),
            Kind::Credentials => self.credentials.as_deref(),
        }
    }

    /// What is in them, read now if it was not before.
    fn content(&self) -> Result<&Files, ProfileError> {
        if let Some(files) = self.content.get() {
            return Ok(files);
        }
        let mut files = Files::default();
        for kind in [Kind::Config, Kind::Credentials] {
            let Some(path) = self.path(kind) else { continue };
            match read_bounded(path) {
                Ok(text) => files.add(kind, &text),
                Err(error) if is_absent(&error) => {}
                Err(source) => return Err(ProfileError::Unreadable { path: path.to_owned(), source }),
            }
        }
        Ok(self.content.get_or_init(|| files))
    }

    /// `FILE:LINE`
    fn place(&self, kind: Kind, line: usize) -> String {
        format!("{}:{line}", self.path(kind).unwrap_or(Path::new("")).display())
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
fn profile_region(files: &Files, places: &AwsFiles, profile: &str) -> Option<Found> {
    let mut name = profile;
    let mut seen = Vec::new();
    while !seen.contains(&name) {
        seen.push(name);
        let section = files.profile(name)?;
        if let Some(setting) = section.get("region") {
            return Some(Found { text: setting.value.clone(), origin: places.place(setting.kind, setting.line) });
        }
        name = section.text("source_profile")?;
    }
    None
}

fn profile_override(files: &Files, places: &AwsFiles, section: &Section) -> Option<Found> {
    let for_service = || files.service(section.text("services")?, "codeartifact", "endpoint_url");
    let setting = for_service().or_else(|| section.get("endpoint_url"))?;
    Some(Found { text: setting.value.clone(), origin: places.place(setting.kind, setting.line) })
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
