//! From names to an endpoint: where they are at hand and no URL is.

use super::{
    AccountId, DomainName, Endpoint, EndpointError, PackageFormat, Region, RepositoryName, Trust,
    hosts::{domain_and_owner, partition_of},
    invalid,
};

const KNOWN_REGION: &str = "repository hosts are known for the Regions of AWS's partitions only";
const PLACE: &str = "a domain's place is `DOMAIN-OWNER.REGION`, as in its repositories' host";

/// Stands where an endpoint is meant for its domain. A name like any other: nothing is asked of it.
const ANY_REPOSITORY: &str = "any-repository";

impl Endpoint {
    /// The endpoint of a repository by its names: on the embedded service where a loopback override is in force, else
    /// the classic host of the Region. No call is made; whether the repository exists is not known.
    ///
    /// # Errors
    /// The Region is of no partition that we know.
    pub fn of_repository(
        domain: &DomainName,
        owner: &AccountId,
        region: &Region,
        format: PackageFormat,
        repository: &RepositoryName,
        trust: &Trust,
    ) -> Result<Self, EndpointError> {
        let loopback = trust.service_override.as_ref().filter(|address| address.is_loopback());
        let raw = if let Some(address) = loopback {
            format!("{address}/d/{domain}-{owner}/{format}/{repository}/")
        } else {
            let unknown = || invalid("Region", region.as_str(), KNOWN_REGION);
            let suffix = partition_of(region.as_str()).ok_or_else(unknown)?.dns_suffix;
            format!("https://{domain}-{owner}.d.codeartifact.{region}.{suffix}/{format}/{repository}/")
        };
        // One grammar decides what is ours, here too.
        Self::recognise(raw.as_bytes(), trust)?.ok_or_else(|| invalid("Region", region.as_str(), KNOWN_REGION))
    }

    /// Whether its repository is the made-up one of [`Endpoint::of_domain`], and it is meant for its domain.
    pub(crate) fn is_of_domain(&self) -> bool {
        self.repository.as_str() == ANY_REPOSITORY
    }

    /// An endpoint of a domain by its place, `DOMAIN-OWNER.REGION`: for what concerns the domain as a whole, its token.
    /// The repository is made up.
    ///
    /// # Errors
    /// The text is no such place, or its Region is of no partition that we know.
    pub fn of_domain(place: &str, format: PackageFormat, trust: &Trust) -> Result<Self, EndpointError> {
        let (name, region) = place.split_once('.').ok_or_else(|| invalid("domain's place", place, PLACE))?;
        let (domain, owner) = domain_and_owner(name)?;
        let repository = ANY_REPOSITORY.parse()?;
        Self::of_repository(&domain, &owner, &region.parse()?, format, &repository, trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::ServiceOverride;

    fn compose(region: &str, address: Option<&str>) -> Result<String, EndpointError> {
        let trust =
            Trust { service_override: address.map(|address| ServiceOverride::parse(address.as_bytes()).unwrap()) };
        Endpoint::of_repository(
            &"my-org".parse().unwrap(),
            &"111122223333".parse().unwrap(),
            &region.parse().unwrap(),
            PackageFormat::Cargo,
            &"my-team-repo".parse().unwrap(),
            &trust,
        )
        .map(|endpoint| endpoint.base_url())
    }

    #[test]
    fn names_make_the_endpoint_that_is_recognised() {
        for (region, address, url) in [
            (
                "us-east-1",
                None,
                "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/my-team-repo/",
            ),
            (
                "cn-north-1",
                None,
                "https://my-org-111122223333.d.codeartifact.cn-north-1.amazonaws.com.cn/cargo/my-team-repo/",
            ),
            (
                "us-east-1",
                Some("http://127.0.0.1:4600"),
                "http://127.0.0.1:4600/d/my-org-111122223333/cargo/my-team-repo/",
            ),
            ("us-east-1", Some("http://[::1]:4600"), "http://[::1]:4600/d/my-org-111122223333/cargo/my-team-repo/"),
            (
                "us-east-1",
                Some("https://vpce-1.example.com"),
                "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/cargo/my-team-repo/",
            ),
        ] {
            assert_eq!(compose(region, address).unwrap(), url);
        }
    }

    #[test]
    fn a_region_of_no_partition_makes_none() {
        assert!(matches!(compose("xx-nowhere-1", None), Err(EndpointError::Invalid { part: "Region", .. })));
    }

    #[test]
    fn a_domains_place_makes_an_endpoint_of_that_domain() {
        let place = "my-org-2-111122223333.us-east-1";
        let endpoint = Endpoint::of_domain(place, PackageFormat::Npm, &Trust::default()).unwrap();
        assert_eq!(endpoint.domain().as_str(), "my-org-2");
        assert_eq!(endpoint.owner().as_str(), "111122223333");
        assert_eq!(endpoint.region().unwrap().as_str(), "us-east-1");
        let trust = Trust { service_override: Some(ServiceOverride::parse(b"http://127.0.0.1:4600").unwrap()) };
        let endpoint = Endpoint::of_domain(place, PackageFormat::Npm, &trust).unwrap();
        assert_eq!(endpoint.service_override(), trust.service_override.as_ref());
        for (place, part) in [
            ("", "domain's place"),
            ("my-org-111122223333", "domain's place"),
            ("my-org.us-east-1", "account"),
            ("my-org-1111.us-east-1", "account"),
            ("111122223333.us-east-1", "domain and owner"),
            ("my-org-111122223333.us-east-1.amazonaws.com", "Region"),
            ("my-org-111122223333.us-east-1/x", "Region"),
            ("my-org-111122223333.xx-nowhere-1", "Region"),
            ("my-org-111122223333.us-east-1\n", "Region"),
            ("my_org-111122223333.us-east-1", "domain name"),
        ] {
            let found = Endpoint::of_domain(place, PackageFormat::Npm, &Trust::default());
            assert!(matches!(found, Err(EndpointError::Invalid { part: of, .. }) if of == part), "{place}: {found:?}");
        }
    }
}
