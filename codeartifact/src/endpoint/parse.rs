//! The grammar of endpoint URLs, over raw bytes.
//!
//! URL libraries repair what they read: a newline inside a host disappears, `\` becomes `/`, `%2e` and the full-width
//! dot become dots, `127.1` becomes 127.0.0.1. A check after such a repair is a check of another text than the one the
//! client will connect to. Here nothing is repaired: a byte that has no place in the grammar ends recognition.
//!
//! ```text
//! URL       = [ "sparse+" ] SCHEME "://" [ "aws@" ] HOST [ ":" PORT ] PATH [ REST ]
//! SCHEME    = "https", or "http" for the loopback service in force; lowercase
//! HOST      = a row of `hosts`, in any case, without a final dot; or 127.0.0.1 or [::1]
//! PORT      = 443 on AWS's hosts; on loopback exactly the override's
//! PATH      = "/" FORMAT "/" REPO                          on DOMAIN-OWNER hosts
//!           | "/" FORMAT "/d/" DOMAIN-OWNER "/" REPO       on VPC endpoint hosts
//!           | "/d/" DOMAIN-OWNER "/" FORMAT "/" REPO       on loopback
//! REST      = [ "/" [ segments ] ] [ "?" query ] [ "#" fragment ]
//! ```
//!
//! Every byte of the URL is in the alphabet of RFC 3986 (appendix A), which leaves out control characters, blanks, quotes,
//! backslashes and all beyond ASCII; so no client has to repair it. The segments of PATH are compared as bytes: an escape
//! belongs to no name. In REST no segment before `?` or `#` is empty (but the last), and none is `.` or `..` in any
//! spelling of dots and slashes, so that no client climbs out of the repository.

use super::{
    Endpoint, EndpointError, Layout, ServiceOverride, Trust,
    hosts::{self, AwsHost},
    invalid,
    names::{PackageFormat, RepositoryName},
    service_override::{port_number, split_port},
};

/// The longest URL that is looked at, in bytes. What stands below a repository is made of names and versions of at most
/// 255 characters each.
const LONGEST: usize = 2048;

/// See [`Endpoint::recognise`].
pub(super) fn recognise(raw: &[u8], trust: &Trust) -> Result<Option<Endpoint>, EndpointError> {
    let parts = Parts::of(raw);
    let ours = |error| if hosts::has_outline(parts.authority) { Err(error) } else { Ok(None) };

    let Some(scheme) = parts.scheme else {
        return ours(invalid(
            "URL",
            parts.authority_without_user(),
            "the URL starts with `https://`, or `sparse+https://`",
        ));
    };
    let Ok(authority) = str::from_utf8(parts.authority) else {
        return ours(invalid(
            "host",
            parts.authority_without_user(),
            "a host is ASCII letters, digits, dashes and dots",
        ));
    };
    let (user, host_and_port) = match authority.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, authority),
    };
    let (host, port) = split_port(host_and_port);
    if matches!(host, "127.0.0.1" | "[::1]") {
        return loopback(raw, &parts, scheme, user, host, port, trust);
    }
    // From here on a fault is only worth a message if the host was meant to be AWS's.
    if !hosts::has_outline(parts.authority) {
        return Ok(None);
    }
    check_whole(raw, user)?;
    if scheme != "https" {
        return Err(invalid("URL scheme", scheme, "a repository of AWS is reached by `https` only"));
    }
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
        return Err(invalid("host", host, "a host is ASCII letters, digits, dashes and dots"));
    }
    // As IDNA has it: one client takes the letters as they are, another shows others in their place, a third refuses what
    // stands for none. A domain's name may begin like that.
    if host.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")) {
        return Err(invalid("host", host, "a host that begins with `xn--` is read differently by different clients"));
    }
    if port.is_some_and(|port| port != "443") {
        return Err(invalid("port", "not 443", "a repository of AWS has no port in its URL, or 443"));
    }
    let host = host.to_ascii_lowercase();
    let read = hosts::read(&host)?;
    let mut path = Path::of(parts.path)?;
    let (layout, domain, owner, region, format) = match read {
        AwsHost::OfDomain(domain, owner, region) => (Layout::Host, domain, owner, region, path.format()?),
        AwsHost::OfVpcEndpoint(region) => {
            let format = path.format()?;
            path.marker()?;
            let (domain, owner) = hosts::domain_and_owner(path.segment())?;
            (Layout::VpcEndpoint, domain, owner, region, format)
        }
    };
    let repository = path.repository()?;
    path.rest(format, parts.sparse)?;
    if let Some(in_force) = trust.service_override.as_ref().filter(|service| service.is_loopback()) {
        return Err(EndpointError::OtherService { service: "AWS".to_owned(), in_force: in_force.to_string() });
    }
    Ok(Some(Endpoint {
        raw: String::from_utf8(raw.to_owned()).expect("only ASCII got this far"),
        origin: format!("https://{host}"),
        layout,
        domain,
        owner,
        region: Some(region),
        format,
        repository,
        service_override: trust.service_override.clone(),
    }))
}

/// A URL whose host is this machine: ours if it is the override in force, to the byte.
fn loopback(
    raw: &[u8],
    parts: &Parts<'_>,
    scheme: &str,
    user: Option<&str>,
    host: &str,
    port: Option<&str>,
    trust: &Trust,
) -> Result<Option<Endpoint>, EndpointError> {
    let default_port = if scheme == "https" { 443 } else { 80 };
    let Some(port) = port.map_or(Some(default_port), port_number) else { return Ok(None) };
    let service = format!("{scheme}://{host}:{port}");
    let in_force = trust.service_override.as_ref().filter(|in_force| in_force.as_str() == service);
    let read = || {
        check_whole(raw, user)?;
        let mut path = Path::of(parts.path)?;
        path.marker()?;
        let (domain, owner) = hosts::domain_and_owner(path.segment())?;
        let format = path.format()?;
        let repository = path.repository()?;
        path.rest(format, parts.sparse)?;
        Ok((domain, owner, format, repository))
    };
    let Some(in_force) = in_force else {
        // Any service of this machine may have this address; only the whole of our outline makes it worth a message.
        return match read() {
            Ok(_) => Err(EndpointError::OtherService {
                service,
                in_force: trust.service_override.as_ref().map_or("AWS", ServiceOverride::as_str).to_owned(),
            }),
            Err(_) => Ok(None),
        };
    };
    let (domain, owner, format, repository) = read()?;
    Ok(Some(Endpoint {
        raw: String::from_utf8(raw.to_owned()).expect("only ASCII got this far"),
        origin: service,
        layout: Layout::Loopback,
        domain,
        owner,
        region: None,
        format,
        repository,
        service_override: Some(in_force.clone()),
    }))
}

/// The URL cut at its first delimiters; nothing decided yet.
struct Parts<'a> {
    sparse: bool,
    scheme: Option<&'static str>,
    /// Up to the first byte that ends an authority for any client: `/`, `?`, `#`, `\`.
    authority: &'a [u8],
    path: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(raw: &'a [u8]) -> Self {
        let (sparse, rest) = match raw.strip_prefix(b"sparse+") {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let (scheme, rest) = match (rest.strip_prefix(b"https://"), rest.strip_prefix(b"http://")) {
            (Some(rest), _) => (Some("https"), rest),
            (_, Some(rest)) => (Some("http"), rest),
            _ => (None, rest),
        };
        // Without a scheme there is no authority; what is called so then only serves to choose a message.
        let looked_at = &rest[..rest.len().min(LONGEST)];
        let end = match scheme {
            Some(_) => looked_at.iter().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')),
            None => None,
        };
        let (authority, path) = rest.split_at(end.unwrap_or(looked_at.len()));
        Self { sparse, scheme, authority, path }
    }

    /// The authority for a message: a user part may hold a password.
    fn authority_without_user(&self) -> &'a [u8] {
        let from = self.authority.iter().rposition(|b| *b == b'@').map_or(0, |at| at + 1);
        &self.authority[from..]
    }
}

/// What holds for a URL as a whole.
fn check_whole(raw: &[u8], user: Option<&str>) -> Result<(), EndpointError> {
    if raw.len() > LONGEST {
        let found = format!("{} bytes", raw.len());
        return Err(invalid("URL", found, "the URL is at most 2,048 bytes"));
    }
    if user.is_some_and(|user| user != "aws") {
        let rule = "a user in the URL is `aws`, without a password";
        return Err(invalid("user in the URL", "not shown", rule));
    }
    match raw.iter().find(|byte| !is_url_byte(**byte)) {
        Some(byte) => {
            let rule = "a URL is made of ASCII letters, digits and -._~:/?#[]@!$&'()*+,;=% (RFC 3986)";
            Err(invalid("character in the URL", [*byte], rule))
        }
        None => Ok(()),
    }
}

fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// A path, read segment by segment. ASCII: [`check_whole`] has been there.
struct Path<'a>(&'a str);

impl<'a> Path<'a> {
    fn of(path: &'a [u8]) -> Result<Self, EndpointError> {
        let rule = "the path of a repository is `/FORMAT/REPOSITORY/`";
        let text = str::from_utf8(path).expect("only ASCII got this far");
        match text.strip_prefix('/') {
            Some(rest) => Ok(Self(rest)),
            None => Err(invalid("path", path, rule)),
        }
    }

    /// The next segment, without its slash; empty at the end.
    fn segment(&mut self) -> &'a str {
        let (segment, rest) = match self.0.find(['/', '?', '#']) {
            Some(end) if self.0.as_bytes()[end] == b'/' => (&self.0[..end], &self.0[end + 1..]),
            Some(end) => self.0.split_at(end),
            None => (self.0, ""),
        };
        self.0 = rest;
        segment
    }

    fn marker(&mut self) -> Result<(), EndpointError> {
        match self.segment() {
            "d" => Ok(()),
            other => Err(invalid("path", other, "`d` stands before `DOMAIN-OWNER` in the path of this host")),
        }
    }

    fn format(&mut self) -> Result<PackageFormat, EndpointError> {
        self.segment().parse()
    }

    fn repository(&mut self) -> Result<RepositoryName, EndpointError> {
        self.segment().parse()
    }

    /// What follows the repository.
    fn rest(self, format: PackageFormat, sparse: bool) -> Result<(), EndpointError> {
        if sparse && format != PackageFormat::Cargo {
            return Err(invalid("URL", "sparse+", "`sparse+` stands before endpoints of format cargo only"));
        }
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let path = path.to_ascii_lowercase().replace("%2e", ".");
        let rule = "no segment of the path is empty, `.` or `..`, in whatever spelling";
        let inner = path.strip_suffix('/').unwrap_or(&path);
        let has_empty = !path.is_empty() && inner.split('/').any(str::is_empty);
        // Some servers read an escaped slash as one.
        let has_dots = inner.replace("%2f", "/").replace("%5c", "/").split('/').any(|part| matches!(part, "." | ".."));
        if has_empty || has_dots {
            return Err(invalid("path below the repository", self.0, rule));
        }
        Ok(())
    }
}
