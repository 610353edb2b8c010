//! From names to an endpoint: where they are at hand and no URL is.

use super::{
    AccountId, DomainName, Endpoint, EndpointError, PackageFormat, Region, RepositoryName, Trust, hosts::partition_of,
    invalid,
};

const KNOWN_REGION: &str = "repository hosts are known for the Regions of AWS's partitions only";

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
}
