//! Which domain, owner, Region and repository a command is about, and who is asked.
//!
//! Each value comes from the first of these that has it: an option, an AWS variable, `codeartifact.toml`, the user's
//! AWS files, the user file. (A project's Region goes before the Region of a profile, which is that person's habit; a variable was set
//! for this very call.) Profile and service address come from options, variables and the user's AWS files only, the
//! profile from the account rules of the user file before the variables.

use std::{borrow::Cow, cell::OnceCell, fmt};

use anyhow::anyhow;
use codeartifact::{
    AccountId, Authorizer, AwsEnvironment, AwsOptions, ControlPlane, DomainName, Endpoint, Host, PackageFormat, Region,
    RepositoryName, Stores, TokenScope, UserSettings, account::Subject, control_plane::RepositoryId,
    control_plane::aws::AwsControlPlane, source::ControlPlaneSource,
};

use crate::{
    cli::Globals,
    project::{FILE_NAME, Project, PublishTo},
    report::{CommandError, Report},
    trust,
};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option of this call.
    Option,
    /// A variable.
    Variable,
    /// `codeartifact.toml`.
    Project,
    /// The user's AWS files.
    AwsFiles,
    /// The user file.
    UserFile,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Option => "an option",
            Self::Variable => "a variable",
            Self::Project => FILE_NAME,
            Self::AwsFiles => "the AWS files",
            Self::UserFile => "the user file",
        })
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// The first that is there.
fn first<T: Clone>(candidates: &[(Origin, Option<&T>)]) -> Option<Sourced<T>> {
    let (origin, value) = candidates.iter().find_map(|(origin, value)| value.map(|value| (*origin, value)))?;
    Some(Sourced { value: value.clone(), origin })
}

/// What a command is about.
pub(crate) struct Context {
    /// The surroundings, with options that stand in for variables set as those.
    pub(crate) host: Host,
    /// Profile, Region, service address and identity.
    pub(crate) aws: AwsEnvironment,
    /// The user's own file.
    pub(crate) settings: UserSettings,
    /// The project's file, if there is one.
    pub(crate) project: Option<Project>,
    domain: Option<Sourced<DomainName>>,
    owner: Option<Sourced<AccountId>>,
    region: Option<Sourced<Region>>,
    control_plane: OnceCell<Box<dyn ControlPlane>>,
}

/// The surroundings with those options that stand in for variables: everything below sees one source only.
pub(crate) fn host_with(globals: &Globals, host: &Host) -> Result<Host, CommandError> {
    let mut host = host.clone();
    if let Some(profile) = &globals.profile {
        host = host.with_var("AWS_PROFILE", profile);
    }
    if let Some(region) = &globals.region {
        host = host.with_var("AWS_REGION", region.as_str());
    }
    if let Some(url) = &globals.endpoint_url {
        // An address that was typed counts, also where configured ones are to be ignored (as in the AWS CLI).
        host = host
            .with_var("AWS_ENDPOINT_URL_CODEARTIFACT", url)
            .with_var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false");
    }
    if let Some(file) = &globals.config {
        let text = file.to_str().ok_or_else(|| {
            CommandError::usage(anyhow!("the name of the user file is not Unicode: `{}`", file.display()))
        })?;
        host = host.with_var(codeartifact::settings::CONFIG_VARIABLE, text);
    }
    Ok(host)
}

/// Profile, Region, service address and identity, as options, variables and the user's AWS files say.
pub(crate) fn aws(globals: &Globals, host: &Host) -> Result<AwsEnvironment, CommandError> {
    let options = AwsOptions {
        profile: globals.profile.as_deref(),
        region: globals.region.as_ref().map(Region::as_str),
        endpoint_url: globals.endpoint_url.as_deref(),
    };
    Ok(AwsEnvironment::with_options(host, options)?)
}

/// Whether a scope is among those the options choose: of that domain, that owner, that Region.
pub(crate) fn chosen(globals: &Globals, scope: &TokenScope) -> bool {
    globals.domain.as_ref().is_none_or(|domain| *domain == scope.domain)
        && globals.domain_owner.as_ref().is_none_or(|owner| *owner == scope.owner)
        && globals.region.as_ref().is_none_or(|region| *region == scope.region)
}

impl Context {
    /// Reads the user's files and the project's, and merges them with the options.
    pub(crate) fn open(globals: &Globals, host: &Host) -> Result<Self, CommandError> {
        let host = host_with(globals, host)?;
        let settings = UserSettings::read(&host)?;
        let mut aws = self::aws(globals, &host)?.with_accounts(settings.accounts());
        let project = Project::find(host.current_dir())?;
        let (said, usual) = (project.as_ref(), settings.defaults());
        let domain = first(&[
            (Origin::Option, globals.domain.as_ref()),
            (Origin::Project, said.and_then(|said| said.domain.as_ref())),
            (Origin::UserFile, usual.domain.as_ref()),
        ]);
        // A file's owner owns that file's domain, and says nothing about another one.
        let named_by = |origin| domain.as_ref().is_none_or(|domain| domain.origin == origin);
        let owner = first(&[
            (Origin::Option, globals.domain_owner.as_ref()),
            (Origin::Project, said.and_then(|said| said.owner.as_ref()).filter(|_| named_by(Origin::Project))),
            (Origin::UserFile, usual.owner.as_ref().filter(|_| named_by(Origin::UserFile))),
        ]);
        let by_variable = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().any(|name| host.var(name).is_some());
        let (variable, file) = if by_variable { (aws.region.as_ref(), None) } else { (None, aws.region.as_ref()) };
        let region = first(&[
            (Origin::Option, globals.region.as_ref()),
            (Origin::Variable, variable),
            (Origin::Project, said.and_then(|said| said.region.as_ref())),
            (Origin::AwsFiles, file),
            (Origin::UserFile, usual.region.as_ref()),
        ]);
        let mut host = host;
        if let Some(region) = &region {
            aws.region = Some(region.value.clone());
            // Programs that are started see the same Region.
            host = host.with_var("AWS_REGION", region.value.as_str());
        }
        Ok(Self { host, aws, settings, project, domain, owner, region, control_plane: OnceCell::new() })
    }

    /// The same without the project's file: for what is about no domain of its own, and must not stumble over a file that
    /// it does not need.
    pub(crate) fn outside(globals: &Globals, host: &Host) -> Result<Self, CommandError> {
        let host = host_with(globals, host)?;
        let settings = UserSettings::read(&host)?;
        let aws = self::aws(globals, &host)?.with_accounts(settings.accounts());
        let (domain, owner, region) = (None, None, None);
        Ok(Self { host, aws, settings, project: None, domain, owner, region, control_plane: OnceCell::new() })
    }

    /// The domain.
    pub(crate) fn domain(&self) -> Result<&DomainName, CommandError> {
        self.domain.as_ref().map(|domain| &domain.value).ok_or_else(|| {
            CommandError::usage(anyhow!("no domain is named"))
                .hint(format!("give `--domain NAME`, or write `domain` under `[project]` in {FILE_NAME}"))
        })
    }

    /// The domain's owner where one is named; without, it is the caller's own account.
    pub(crate) fn owner(&self) -> Option<&AccountId> {
        self.owner.as_ref().map(|owner| &owner.value)
    }

    /// The Region.
    pub(crate) fn region(&self) -> Result<&Region, CommandError> {
        self.region.as_ref().map(|region| &region.value).ok_or_else(|| {
            CommandError::usage(anyhow!("no Region is named")).hint(format!(
                "give `--region REGION`, set `AWS_REGION`, or write `region` under `[project]` in {FILE_NAME}"
            ))
        })
    }

    /// The repository to read from: the option's, else the project's.
    pub(crate) fn repository(&self, option: Option<&RepositoryName>) -> Result<RepositoryName, CommandError> {
        let said = self.project.as_ref().and_then(|project| project.repository.as_ref());
        option.or(said).or(self.settings.defaults().repository.as_ref()).cloned().ok_or_else(|| {
            CommandError::usage(anyhow!("no repository is named"))
                .hint(format!("give `--repository NAME`, or write `repository` under `[project]` in {FILE_NAME}"))
        })
    }

    /// The repository to publish a format to: the option's, else the project's `publish-to`. The repository to read
    /// from is no substitute: publishing is not undone easily.
    pub(crate) fn publish_to(
        &self,
        option: Option<&RepositoryName>,
        format: PackageFormat,
    ) -> Result<RepositoryName, CommandError> {
        let said = self.project.as_ref().and_then(|project| project.publish_to.of(format));
        option.or(said).cloned().ok_or_else(|| {
            let error = match self.project.as_ref().map(|project| &project.publish_to) {
                Some(PublishTo::ByFormat(_)) => anyhow!("no repository to publish {format} packages to is named"),
                Some(PublishTo::Unsaid | PublishTo::One(_)) | None => {
                    anyhow!("no repository to publish to is named")
                }
            };
            CommandError::usage(error)
                .hint(format!("give `--repository NAME`, or write `publish-to` under `[project]` in {FILE_NAME}"))
        })
    }

    /// A repository of the domain, as the control plane is asked for it.
    pub(crate) fn repository_id(&self, repository: RepositoryName) -> Result<RepositoryId, CommandError> {
        Ok(RepositoryId { domain: self.domain()?.clone(), owner: self.owner().cloned(), repository })
    }

    /// The service. Nothing is asked yet.
    pub(crate) fn control_plane(&self) -> Result<&dyn ControlPlane, CommandError> {
        if let Some(control_plane) = self.control_plane.get() {
            return Ok(control_plane.as_ref());
        }
        let region = self.region()?;
        // Without a domain there is nothing a rule could be about; a command that needs one says so itself.
        let aws = match &self.domain {
            Some(domain) => {
                let (owner, region) = (self.owner(), Some(region));
                self.aws.serving(&Subject { domain: &domain.value, owner, region, repository: None })?
            }
            None => Cow::Borrowed(&self.aws),
        };
        let control_plane: Box<dyn ControlPlane> = Box::new(AwsControlPlane::new(&self.host, &aws));
        Ok(self.control_plane.get_or_init(|| control_plane).as_ref())
    }

    /// An endpoint of the domain, for what concerns the domain as a whole: its token. Without a named owner the service
    /// is asked whose account the caller's is.
    pub(crate) fn domain_endpoint(&self) -> Result<Endpoint, CommandError> {
        let domain = self.domain()?;
        let region = self.region()?;
        let owner = match self.owner() {
            Some(owner) => owner.clone(),
            None => self.control_plane()?.describe_domain(domain, None)?.owner,
        };
        let any = "any-repository".parse::<RepositoryName>()?;
        let format = PackageFormat::Generic;
        Ok(Endpoint::of_repository(domain, &owner, region, format, &any, &self.aws.trust())?)
    }

    /// The way to tokens: the stores of the user's settings, then the service.
    pub(crate) fn authorizer(&self) -> Authorizer<'_> {
        let stores = Stores::new(&self.host, &self.settings);
        Authorizer::new(&self.host, &self.aws, stores, ControlPlaneSource::aws(&self.host, &self.aws))
    }

    /// Where the owner was chosen by the project's file, makes sure that the user agreed to it.
    pub(crate) fn consent(&self, flag: Option<&AccountId>, report: &mut Report) -> Result<(), CommandError> {
        match &self.owner {
            Some(owner) if owner.origin == Origin::Project => {
                let owner = owner.value.clone();
                self.consent_to(self.domain()?, &owner, flag, report)
            }
            _ => Ok(()),
        }
    }

    /// Makes sure that the user agreed to an owner.
    pub(crate) fn consent_to(
        &self,
        domain: &DomainName,
        owner: &AccountId,
        flag: Option<&AccountId>,
        report: &mut Report,
    ) -> Result<(), CommandError> {
        let file = trust::UserFile::of(&self.host)?;
        trust::ensure_trusted(&trust::Question { domain, owner, flag }, &self.settings, &file, report, &mut || {
            self.control_plane()
        })
    }

    /// Says, to those who ask for more, what the command is about and where each value comes from.
    pub(crate) fn describe(&self, report: &mut Report) {
        let line = |name: &str, value: Option<(String, Origin)>| match value {
            Some((value, origin)) => format!("{name}: {value} (from {origin})"),
            None => format!("{name}: not named"),
        };
        let domain = self.domain.as_ref().map(|of| (of.value.to_string(), of.origin));
        report.detail(&line("domain", domain));
        let owner = self.owner.as_ref().map(|of| (of.value.to_string(), of.origin));
        report.detail(&line("owner", owner));
        let region = self.region.as_ref().map(|of| (of.value.to_string(), of.origin));
        report.detail(&line("region", region));
        report.detail(&format!("identity: {}", self.aws.identity.as_str()));
        if let Some(address) = &self.aws.service_override {
            report.detail(&format!("service address in place of AWS's own: {}", address.as_str()));
        }
    }
}

#[cfg(test)]
mod tests;
