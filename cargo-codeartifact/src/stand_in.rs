//! For tests: a service in memory that answers what it was told to hold, and counts what it was asked.

use std::{cell::RefCell, collections::BTreeMap, io::Write};

use codeartifact::{
    AccountId, ControlPlane, ControlPlaneError, DomainName, PackageFormat, RepositoryName,
    control_plane::{
        Asset, CopyOutcome, CopyRequest, Domain, FailureKind, IssuedToken, PackageId, PackageVersion,
        PackageVersionStatus, PackageVersionSummary, Repository, RepositoryId,
    },
};

/// What a repository holds: by package and version.
type Versions = BTreeMap<(PackageId, String), (PackageVersion, Vec<Asset>)>;

/// The service.
#[derive(Default)]
pub(crate) struct StandIn {
    /// The caller's account, and its domains.
    pub(crate) own: Option<(AccountId, Vec<DomainName>)>,
    pub(crate) repositories: RefCell<BTreeMap<RepositoryName, Versions>>,
    /// The operations asked for, in order.
    pub(crate) asked: RefCell<Vec<&'static str>>,
    /// Operations that fail, from the call of that number (from 0) on.
    pub(crate) failing: Vec<(&'static str, usize, FailureKind)>,
    /// Versions a copy refuses: version, code, message.
    pub(crate) uncopyable: Vec<(&'static str, &'static str, &'static str)>,
    /// What a copy makes of the digests.
    pub(crate) corrupts: bool,
    /// The sizes of the copy calls.
    pub(crate) copies: RefCell<Vec<usize>>,
}

pub(crate) fn failure(operation: &'static str, kind: FailureKind) -> ControlPlaneError {
    ControlPlaneError {
        operation,
        kind,
        resource: "it".into(),
        status: Some(400),
        request_id: Some("r-1".into()),
        message: "refused".into(),
        source: None,
    }
}

impl StandIn {
    /// A service whose repositories are these, in domain `my-org` of the caller's account 111122223333.
    pub(crate) fn with(repositories: &[&str]) -> Self {
        Self {
            own: Some(("111122223333".parse().unwrap(), vec!["my-org".parse().unwrap()])),
            repositories: RefCell::new(
                repositories.iter().map(|name| (name.parse().unwrap(), Versions::new())).collect(),
            ),
            ..Self::default()
        }
    }

    /// Puts a version of one asset into a repository.
    pub(crate) fn hold(&self, repository: &str, package: &PackageId, version: &str, content: &str) {
        self.hold_as(repository, package, version, content, PackageVersionStatus::Published);
    }

    pub(crate) fn hold_as(
        &self,
        repository: &str,
        package: &PackageId,
        version: &str,
        content: &str,
        status: PackageVersionStatus,
    ) {
        let asset = Asset { name: "asset".into(), size: content.len() as u64, sha256: format!("{content:0>64}") };
        let held =
            PackageVersion { version: version.into(), revision: format!("rev-{content}"), status, published: None };
        let mut repositories = self.repositories.borrow_mut();
        let versions = repositories.get_mut(&repository.parse().unwrap()).unwrap();
        versions.insert((package.clone(), version.into()), (held, vec![asset]));
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.asked.borrow().iter().filter(|asked| **asked == operation).count()
    }

    fn ask(&self, operation: &'static str) -> Result<(), ControlPlaneError> {
        let before = self.count(operation);
        self.asked.borrow_mut().push(operation);
        match self.failing.iter().find(|(failing, from, _)| *failing == operation && before >= *from) {
            Some((_, _, kind)) => Err(failure(operation, *kind)),
            None => Ok(()),
        }
    }
}

impl ControlPlane for StandIn {
    fn get_authorization_token(
        &self,
        _: &DomainName,
        _: Option<&AccountId>,
        _: Option<u32>,
    ) -> Result<IssuedToken, ControlPlaneError> {
        unimplemented!("no test asks for a token here")
    }

    fn get_repository_endpoint(
        &self,
        repository: &RepositoryId,
        format: PackageFormat,
    ) -> Result<String, ControlPlaneError> {
        self.ask("GetRepositoryEndpoint")?;
        Ok(format!(
            "https://{}-111122223333.d.codeartifact.us-east-1.amazonaws.com/{format}/{}/",
            repository.domain, repository.repository
        ))
    }

    fn create_domain(&self, _: &DomainName) -> Result<Domain, ControlPlaneError> {
        unimplemented!("no test makes a domain here")
    }

    fn describe_domain(&self, domain: &DomainName, owner: Option<&AccountId>) -> Result<Domain, ControlPlaneError> {
        self.ask("DescribeDomain")?;
        assert_eq!(owner, None, "only the caller's own account is looked at");
        match &self.own {
            Some((account, domains)) if domains.contains(domain) => {
                Ok(Domain { name: domain.clone(), owner: account.clone(), repository_count: 0, asset_bytes: 0 })
            }
            _ => Err(failure("DescribeDomain", FailureKind::NotFound)),
        }
    }

    fn create_repository(
        &self,
        _: &RepositoryId,
        _: &str,
        _: &[RepositoryName],
    ) -> Result<Repository, ControlPlaneError> {
        unimplemented!("no test makes a repository here")
    }

    fn describe_repository(&self, repository: &RepositoryId) -> Result<Repository, ControlPlaneError> {
        self.ask("DescribeRepository")?;
        if !self.repositories.borrow().contains_key(&repository.repository) {
            return Err(failure("DescribeRepository", FailureKind::NotFound));
        }
        let account: AccountId = "111122223333".parse().unwrap();
        Ok(Repository {
            name: repository.repository.clone(),
            administrator: account.clone(),
            domain_owner: account,
            upstreams: Vec::new(),
            external_connections: Vec::new(),
        })
    }

    fn list_package_versions(
        &self,
        _: &RepositoryId,
        _: &PackageId,
    ) -> Result<Vec<PackageVersionSummary>, ControlPlaneError> {
        unimplemented!("no test lists versions here")
    }

    fn describe_package_version(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Option<PackageVersion>, ControlPlaneError> {
        self.ask("DescribePackageVersion")?;
        let repositories = self.repositories.borrow();
        let held = repositories.get(&repository.repository);
        Ok(held.and_then(|held| held.get(&(package.clone(), version.to_owned()))).map(|(version, _)| version.clone()))
    }

    fn list_package_version_assets(
        &self,
        repository: &RepositoryId,
        package: &PackageId,
        version: &str,
    ) -> Result<Vec<Asset>, ControlPlaneError> {
        self.ask("ListPackageVersionAssets")?;
        let repositories = self.repositories.borrow();
        let held = repositories.get(&repository.repository);
        let held = held.and_then(|held| held.get(&(package.clone(), version.to_owned())));
        Ok(held.map(|(_, assets)| assets.clone()).unwrap_or_default())
    }

    fn get_package_version_asset(
        &self,
        _: &RepositoryId,
        _: &PackageId,
        _: &str,
        _: &str,
        _: &mut dyn Write,
    ) -> Result<u64, ControlPlaneError> {
        unimplemented!("no test reads an asset here")
    }

    fn copy_package_versions(&self, copy: &CopyRequest<'_>) -> Result<CopyOutcome, ControlPlaneError> {
        self.ask("CopyPackageVersions")?;
        self.copies.borrow_mut().push(copy.versions.len());
        let mut outcome = CopyOutcome::default();
        let mut repositories = self.repositories.borrow_mut();
        for (version, revision) in copy.versions {
            if let Some((_, code, message)) = self.uncopyable.iter().find(|(of, ..)| of == version) {
                outcome.failed.push((version.clone(), (*code).into(), (*message).into()));
                continue;
            }
            let key = (copy.package.clone(), version.clone());
            let (held, mut assets) = repositories[&copy.source.repository][&key].clone();
            assert_eq!(held.revision, *revision, "the copy is pinned");
            if self.corrupts {
                assets[0].sha256 = "f".repeat(64);
            }
            repositories.get_mut(copy.destination).unwrap().insert(key, (held, assets));
            outcome.copied.push((version.clone(), revision.clone()));
        }
        Ok(outcome)
    }
}
