//! The trust table: which host names belong to AWS's CodeArtifact, by partition.
//!
//! Tokens go to the hosts listed here and nowhere else, so each row names its source:
//!
//! * Partition, Region pattern and DNS suffix: the partition data of the AWS SDK for Rust
//!   (`endpoint_lib.rs` of `aws-sdk-codeartifact` 1.122, version 1.1 of the data). A Region the SDK's pattern does not
//!   match is assigned to partition `aws` by the SDK; here it is refused.
//! * `d.codeartifact` in front of the Region: the user guide's repository endpoints.
//! * The dual-stack name has no `d` label and ends in `on.aws`, not in the control plane's `api.aws`. Seen for the
//!   partitions whose DNS zones are those of `aws`; for the others no dual-stack repository host is documented.
//! * `vpce-ID.d.codeartifact.REGION.vpce.SUFFIX`: the user guide, "Use CodeArtifact from a VPC".
//! * FIPS: the SDK's rules know `codeartifact-fips.REGION.SUFFIX` for the control plane. No FIPS host of a repository is
//!   documented, so none is recognised.

use super::{
    EndpointError, invalid,
    names::{AccountId, DomainName, Region},
};

/// A partition of AWS: Regions that share DNS suffixes and nothing with other partitions.
#[derive(Debug)]
pub(super) struct Partition {
    /// The partition's identifier, as in ARNs.
    pub(super) id: &'static str,
    /// What stands before `-WORD-NUMBER` in its Regions.
    pub(super) region_prefixes: &'static [&'static str],
    /// What follows the Region in classic hosts.
    pub(super) dns_suffix: &'static str,
    /// What follows the Region in dual-stack hosts, where a dual-stack repository host is documented.
    pub(super) dual_stack_suffix: Option<&'static str>,
}

/// All partitions.
pub(super) const PARTITIONS: &[Partition] = &[
    Partition {
        id: "aws",
        region_prefixes: &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
        dns_suffix: "amazonaws.com",
        dual_stack_suffix: Some("on.aws"),
    },
    Partition { id: "aws-cn", region_prefixes: &["cn"], dns_suffix: "amazonaws.com.cn", dual_stack_suffix: None },
    Partition {
        id: "aws-us-gov",
        region_prefixes: &["us-gov"],
        dns_suffix: "amazonaws.com",
        dual_stack_suffix: Some("on.aws"),
    },
    Partition { id: "aws-iso", region_prefixes: &["us-iso"], dns_suffix: "c2s.ic.gov", dual_stack_suffix: None },
    Partition { id: "aws-iso-b", region_prefixes: &["us-isob"], dns_suffix: "sc2s.sgov.gov", dual_stack_suffix: None },
    Partition { id: "aws-iso-e", region_prefixes: &["eu-isoe"], dns_suffix: "cloud.adc-e.uk", dual_stack_suffix: None },
    Partition { id: "aws-iso-f", region_prefixes: &["us-isof"], dns_suffix: "csp.hci.ic.gov", dual_stack_suffix: None },
    Partition { id: "aws-eusc", region_prefixes: &["eusc-de"], dns_suffix: "amazonaws.eu", dual_stack_suffix: None },
];

/// The partition of a Region: `PREFIX-WORD-NUMBER`, the number of one or two digits.
pub(super) fn partition_of(region: &str) -> Option<&'static Partition> {
    let (front, number) = region.rsplit_once('-')?;
    let (prefix, word) = front.rsplit_once('-')?;
    let number_holds = (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let word_holds = (1..=20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase());
    if !(number_holds && word_holds) {
        return None;
    }
    PARTITIONS.iter().find(|partition| partition.region_prefixes.contains(&prefix))
}

/// What a repository host of AWS names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AwsHost {
    /// `DOMAIN-OWNER.d.codeartifact.REGION.SUFFIX` or `DOMAIN-OWNER.codeartifact.REGION.DUAL-STACK-SUFFIX`.
    OfDomain(DomainName, AccountId, Region),
    /// `vpce-ID.d.codeartifact.REGION.vpce.SUFFIX`: the domain stands in the path.
    OfVpcEndpoint(Region),
}

const SHAPE: &str = "a repository host is `DOMAIN-OWNER.d.codeartifact.REGION.SUFFIX`, \
    `DOMAIN-OWNER.codeartifact.REGION.on.aws` or `vpce-ID.d.codeartifact.REGION.vpce.SUFFIX`";

/// Reads a lowercase host name.
pub(super) fn read(host: &str) -> Result<AwsHost, EndpointError> {
    let no_shape = || invalid("host", host, SHAPE);
    let (first, rest) = host.split_once('.').ok_or_else(no_shape)?;
    let (classic, rest) = match (rest.strip_prefix("d.codeartifact."), rest.strip_prefix("codeartifact.")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(no_shape()),
    };
    let (region, suffix) = rest.split_once('.').ok_or_else(no_shape)?;
    let partition = partition_of(region).ok_or_else(|| {
        let rule = "the Region in a repository host is one of a partition this program knows, such as us-east-1";
        invalid("Region", region, rule)
    })?;
    let (of_vpc_endpoint, behind) = match suffix.strip_prefix("vpce.") {
        Some(behind) if classic => (true, behind),
        _ => (false, suffix),
    };
    let expected = if classic { Some(partition.dns_suffix) } else { partition.dual_stack_suffix };
    if expected != Some(behind) {
        let rule = "the host ends in the DNS suffix of its Region's partition, such as amazonaws.com";
        return Err(invalid("host suffix", suffix, rule));
    }
    let region: Region = region.parse()?;
    if of_vpc_endpoint {
        if !is_vpc_endpoint_id(first) {
            let rule = "the first label of a VPC endpoint's host is `vpce-` and the endpoint's identifier";
            return Err(invalid("VPC endpoint", first, rule));
        }
        return Ok(AwsHost::OfVpcEndpoint(region));
    }
    let (domain, owner) = domain_and_owner(first)?;
    Ok(AwsHost::OfDomain(domain, owner, region))
}

/// Splits `DOMAIN-OWNER` from the right: the owner is the last 12 digits, the domain may hold dashes and digits.
pub(super) fn domain_and_owner(text: &str) -> Result<(DomainName, AccountId), EndpointError> {
    let (domain, owner) = text.rsplit_once('-').ok_or_else(|| {
        let rule = "`DOMAIN-OWNER` is a domain name, a dash and the 12 digits of its owner's account";
        invalid("domain and owner", text, rule)
    })?;
    Ok((domain.parse()?, owner.parse()?))
}

/// `vpce-0743fe535b883ffff-76ddffff`, with the availability zone behind it where the name is the zone's own.
fn is_vpc_endpoint_id(label: &str) -> bool {
    label.len() <= 63
        && label.strip_prefix("vpce-").is_some_and(|id| {
            id.len() >= 8
                && id
                    .split('-')
                    .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        })
}

/// Whether an authority looks as if it was meant to be CodeArtifact's: a label that begins with `codeartifact`, and
/// somewhere a DNS suffix of AWS. Decides between "not ours" and an error that says what is wrong; never about trust.
pub(super) fn has_outline(authority: &[u8]) -> bool {
    let text = authority.to_ascii_lowercase();
    let holds = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    (text.starts_with(b"codeartifact") || holds(b".codeartifact") || holds(b"@codeartifact") || holds(b"/codeartifact"))
        && PARTITIONS.iter().any(|partition| {
            holds(partition.dns_suffix.as_bytes())
                || partition.dual_stack_suffix.is_some_and(|suffix| holds(suffix.as_bytes()))
        })
}
