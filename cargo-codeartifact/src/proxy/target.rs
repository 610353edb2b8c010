//! What a path on the proxy means: `/d/DOMAIN-OWNER.REGION/FORMAT/REPOSITORY/…`, the place of a domain as its repositories'
//! host says it. So an address on the proxy says everything that an address at AWS says, and the settings of the one who
//! started it choose no domain.

use std::net::SocketAddr;

use codeartifact::{Endpoint, PackageFormat, RepositoryName, Trust};
use hyper::Uri;

/// A path that means nothing here.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetError {
    /// Another form.
    #[error("repositories are at /d/DOMAIN-OWNER.REGION/FORMAT/REPOSITORY/")]
    Form,
    /// A part of it breaks a rule.
    #[error(transparent)]
    Part(#[from] codeartifact::EndpointError),
}

/// A repository, and what is asked of it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// `DOMAIN-OWNER.REGION`
    pub(super) place: String,
    /// As the service has it.
    pub(super) endpoint: Endpoint,
    /// Below the repository, without the query.
    pub(super) rest: String,
    /// Where it is asked.
    pub(super) url: String,
}

impl Target {
    /// Of a request.
    pub(super) fn of(uri: &Uri, trust: &Trust) -> Result<Self, TargetError> {
        let mut parts = uri.path().strip_prefix("/d/").ok_or(TargetError::Form)?.splitn(4, '/');
        let (Some(place), Some(format), Some(repository)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TargetError::Form);
        };
        let rest = parts.next().unwrap_or_default();
        let format: PackageFormat = format.parse().map_err(|_| TargetError::Form)?;
        let endpoint = Endpoint::of_domain(place, format, trust)?.sibling(format, &repository.parse()?);
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}{rest}{query}", endpoint.base_url());
        // The one grammar of what may get a token decides about the whole of it.
        match Endpoint::recognise(url.as_bytes(), trust)? {
            Some(found) if found.base_url() == endpoint.base_url() => {}
            Some(_) | None => return Err(TargetError::Form),
        }
        Ok(Self { place: place.to_owned(), endpoint, rest: rest.to_owned(), url })
    }

    /// What every address of the domain at the service begins with, and what the same ones here do.
    pub(super) fn prefixes(&self, listening: &str) -> (String, String) {
        let base = self.endpoint.base_url();
        let tail = format!("{}/{}/", self.endpoint.format(), self.endpoint.repository());
        let theirs = base.strip_suffix(&tail).unwrap_or(&base).to_owned();
        (theirs, format!("http://{listening}/d/{}/", self.place))
    }

    /// Whether it is a file of a package: what a version's publisher made, and nobody changes under the same name.
    pub(super) fn is_asset(&self) -> bool {
        let file = self.rest.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|end| file.ends_with(end));
        match self.endpoint.format() {
            PackageFormat::Npm => self.rest.contains("/-/") && ends(&[".tgz"]),
            PackageFormat::Pypi => ends(&[".whl", ".tar.gz", ".zip", ".tar.bz2", ".egg", ".whl.metadata"]),
            PackageFormat::Maven => {
                file.contains('.') && !file.starts_with("maven-metadata.xml") && !self.rest.contains("-SNAPSHOT")
            }
            PackageFormat::Nuget => ends(&[".nupkg", ".snupkg", ".nuspec"]),
            PackageFormat::Ruby => ends(&[".gem", ".gemspec.rz"]),
            PackageFormat::Cargo => self.rest.ends_with("/download") || ends(&[".crate"]),
            PackageFormat::Swift => ends(&[".zip"]),
            PackageFormat::Generic => false,
        }
    }

    /// Whether it is the file by which Cargo knows a registry.
    pub(super) fn is_cargo_config(&self) -> bool {
        self.endpoint.format() == PackageFormat::Cargo && self.rest == "config.json"
    }
}

/// A repository on a proxy, as a client's settings have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnProxy {
    /// Where the proxy listens.
    pub(crate) listening: SocketAddr,
    /// `//ADDR:PORT/d/DOMAIN-OWNER.REGION/FORMAT/REPOSITORY/`
    pub(crate) repository: String,
}

impl OnProxy {
    /// The repository of an address; nothing where it is not on a proxy.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let rest = address.strip_prefix("sparse+").unwrap_or(address).strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/')?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let listening: SocketAddr = authority.parse().ok().filter(|at: &SocketAddr| at.ip().is_loopback())?;
        let mut parts = path.strip_prefix("d/")?.splitn(4, ['/', '?', '#']);
        let (place, format, repository) = (parts.next()?, parts.next()?, parts.next()?);
        // With the Region, which addresses of the embedded service do not have.
        Endpoint::of_domain(place, format.parse().ok()?, &Trust::default()).ok()?;
        repository.parse::<RepositoryName>().ok()?;
        Some(Self { listening, repository: format!("//{listening}/d/{place}/{format}/{repository}/") })
    }
}

#[cfg(test)]
mod tests {
    use codeartifact::ServiceOverride;

    use super::*;

    fn target(path: &str) -> Result<Target, TargetError> {
        Target::of(&path.parse().unwrap(), &Trust::default())
    }

    #[test]
    fn a_path_says_the_repository_and_what_is_below() {
        let found = target("/d/my-org-111122223333.us-east-1/npm/team/@a%2fb?write=true").unwrap();
        let host = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/";
        assert_eq!(found.url, format!("{host}npm/team/@a%2fb?write=true"));
        let ours = "http://127.0.0.1:1/d/my-org-111122223333.us-east-1/".to_owned();
        assert_eq!(found.prefixes("127.0.0.1:1"), (host.to_owned(), ours));
        assert_eq!(target("/d/my-org-111122223333.us-east-1/npm/team").unwrap().url, format!("{host}npm/team/"));
        let trust = Trust { service_override: Some(ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap()) };
        let local = Target::of(&"/d/aa-111122223333.us-east-1/pypi/team/simple/".parse().unwrap(), &trust);
        let local = local.map(|found| (found.url.clone(), found.prefixes("h").0));
        assert_eq!(
            local.ok(),
            Some((
                "http://127.0.0.1:4600/d/aa-111122223333/pypi/team/simple/".to_owned(),
                "http://127.0.0.1:4600/d/aa-111122223333/".to_owned()
            ))
        );
    }

    #[test]
    fn nothing_leads_out_of_a_repository() {
        for path in [
            "/",
            "/d/",
            "/d/my-org-111122223333.us-east-1/npm",
            "/d/my-org-111122223333/npm/team/",
            "/d/my-org-111122223333.us-east-1/conda/team/",
            "/d/my-org-111122223333.us-east-1/npm//x",
            "/d/my-org-111122223333.us-east-1/npm/te@m/",
            "/d/my-org-111122223333.us-east-1/npm/team/../other/",
            "/d/my-org-111122223333.us-east-1/npm/team/%2e%2e/other/",
            "/d/my-org-111122223333.us-east-1/npm/team/a//b",
            "/d/my-org-111122223333.us-east-1.example.com/npm/team/",
            "/d/my-org-111122223333.xx-nowhere-1/npm/team/",
            "/d/evil.example.com%2fmy-org-111122223333.us-east-1/npm/team/",
        ] {
            assert!(target(path).is_err(), "{path}");
        }
    }

    #[test]
    fn files_of_packages_are_told_from_what_changes() {
        for (path, is_asset) in [
            ("npm/rr/@a/b/-/b-1.0.0.tgz", true),
            ("npm/rr/@a%2fb", false),
            ("npm/rr/-/npm/v1/search", false),
            ("pypi/rr/simple/six/", false),
            ("pypi/rr/simple/six/1.0/six-1.0-py3-none-any.whl", true),
            ("maven/rr/com/x/app/1.0/app-1.0.jar", true),
            ("maven/rr/com/x/app/1.0/app-1.0.pom.sha1", true),
            ("maven/rr/com/x/app/maven-metadata.xml.sha1", false),
            ("maven/rr/com/x/app/1.0-SNAPSHOT/app-1.0-20260101.000000-1.jar", false),
            ("nuget/rr/v3/index.json", false),
            ("nuget/rr/v3/flatcontainer/a/1.0.0/a.1.0.0.nupkg", true),
            ("ruby/rr/gems/a-1.0.0.gem", true),
            ("ruby/rr/info/a", false),
            ("cargo/rr/config.json", false),
            ("cargo/rr/api/v1/crates/a/1.0.0/download", true),
            ("cargo/rr/an/vi/anvil", false),
            ("swift/rr/a/b/1.0.0.zip", true),
            ("generic/rr/a/b/1.0.0/c", false),
        ] {
            let found = target(&format!("/d/my-org-111122223333.us-east-1/{path}")).unwrap();
            assert_eq!(found.is_asset(), is_asset, "{path}");
        }
    }

    #[test]
    fn an_address_on_a_proxy_is_known_by_its_place() {
        let at = |address: &str| OnProxy::of(address).map(|found| found.repository);
        let place = "d/my-org-111122223333.us-east-1/npm/team/";
        for rest in ["", "@a%2fb", "x/-/x.tgz?y"] {
            let found = at(&format!("http://127.0.0.1:4601/{place}{rest}"));
            assert_eq!(found, Some(format!("//127.0.0.1:4601/{place}")));
        }
        let found = at("sparse+http://[::1]:1/d/my-org-111122223333.us-east-1/cargo/team");
        assert_eq!(found.as_deref(), Some("//[::1]:1/d/my-org-111122223333.us-east-1/cargo/team/"));
        for other in [
            "http://127.0.0.1:4600/d/my-org-111122223333/npm/team/".to_owned(),
            format!("https://127.0.0.1:4601/{place}"),
            format!("http://192.0.2.1:4601/{place}"),
            format!("http://localhost/{place}"),
            "http://127.0.0.1:4601".to_owned(),
            "http://127.0.0.1:4601/d/my-org-111122223333.us-east-1/npm".to_owned(),
            "http://127.0.0.1:4601/d/my-org-111122223333.us-east-1/conda/x/".to_owned(),
        ] {
            assert_eq!(at(&other), None, "{other}");
        }
    }
}
