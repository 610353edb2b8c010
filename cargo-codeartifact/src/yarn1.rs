//! Yarn 1's token: the user's `.npmrc` once more, in memory, with a line for each repository.
//!
//! Yarn 1 takes a credential from a file only. It lowers the case of variables' names and splits them at dots, so none can
//! be for a registry; a reference to a variable in `.npmrc` ends each of its commands where that is not set, and stands in
//! npm's way. But it reads the file that `npm_config_userconfig` names in place of the user's (1.22.22 was run), and that
//! may be one without a name: it goes with the process. Node does not hand it to what Yarn starts, so scripts of packages
//! have neither the file nor the token.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    process::Command,
};

use clients::syntax::{Value, npmrc::Npmrc};
use codeartifact::{Endpoint, Host, PackageFormat, Trust};
use zeroize::Zeroizing;

use crate::{
    grants::{Grant, Meant},
    leads,
};

/// Names the user's file to npm and to Yarn 1.
const USER_FILE: &str = "npm_config_userconfig";

/// Leads Yarn 1 to its file. `None` where the program is another, has no repository to ask, or the system has no such
/// files. What is returned has to be
/// there until the program is.
pub(crate) fn lead(
    command: &mut Command,
    (program, arguments): (&OsStr, &[OsString]),
    grants: &[Grant],
    host: &Host,
    trust: &Trust,
) -> io::Result<Option<File>> {
    if !leads::is_yarn_1(program, host) {
        return Ok(None);
    }
    let found = leads::of(program, arguments, host, trust).endpoints;
    let named = grants.iter().filter(|grant| grant.meant != Meant::Any);
    let named = named.map(|grant| grant.endpoint.sibling(PackageFormat::Npm, grant.endpoint.repository()));
    let endpoints: Vec<Endpoint> = found.into_iter().chain(named).collect();
    if endpoints.is_empty() {
        return Ok(None);
    }
    let file = [USER_FILE, "NPM_CONFIG_USERCONFIG"].iter().find_map(|name| host.var_os(name));
    let file = file.map(|file| host.current_dir().join(file)).or_else(|| host.home().map(|home| home.join(".npmrc")));
    let text = file.and_then(|file| fs::read(file).ok()).map(Zeroizing::new).unwrap_or_default();
    let text = with_tokens(&text, &endpoints, grants);
    let Some((memory, name)) = in_memory(&text)? else { return Ok(None) };
    command.env_remove("NPM_CONFIG_USERCONFIG").env(USER_FILE, name);
    Ok(Some(memory))
}

/// A file without a name, and the name that it has within the process and what that becomes.
#[cfg(target_os = "linux")]
fn in_memory(text: &str) -> io::Result<Option<(File, String)>> {
    use std::{io::Write as _, os::fd::AsRawFd as _};
    // Without `CLOEXEC`: it is for the program.
    let mut file = File::from(rustix::fs::memfd_create("npmrc", rustix::fs::MemfdFlags::empty())?);
    file.write_all(text.as_bytes())?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(Some((file, name)))
}

/// Elsewhere there is no such file.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn in_memory(_text: &str) -> io::Result<Option<(File, String)>> {
    Ok(None)
}

/// The text with the tokens, in the place of what it says of them. One that is not understood is left away: Yarn would not
/// understand it either.
fn with_tokens(text: &[u8], endpoints: &[Endpoint], grants: &[Grant]) -> Zeroizing<String> {
    let empty = || Npmrc::parse(b"").expect("nothing breaks no rule");
    let mut npmrc = Npmrc::parse(text).unwrap_or_else(|_| empty());
    for endpoint in endpoints {
        let is_of = |grant: &&Grant| grant.endpoint.sibling(PackageFormat::Npm, endpoint.repository()) == *endpoint;
        let Some(grant) = grants.iter().find(is_of) else { continue };
        let url = endpoint.base_url();
        let registry = url.split_once(':').map_or(url.as_str(), |(_, rest)| rest);
        for (key, value) in [("_authToken", grant.token.expose()), ("always-auth", "true")] {
            // A list of that name is none of ours to lead.
            let _ = npmrc.set(&[&format!("{registry}:{key}")], &Value::Text(value.to_owned()));
        }
    }
    Zeroizing::new(npmrc.text())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use codeartifact::AuthorizationToken;

    use super::*;

    #[test]
    fn the_users_file_is_kept_and_a_stale_token_is_not() {
        let url =
            |domain: &str| format!("https://{domain}-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/team/");
        let endpoint = |domain: &str| Endpoint::recognise(url(domain).as_bytes(), &Trust::default()).unwrap().unwrap();
        let now = SystemTime::UNIX_EPOCH;
        let token = AuthorizationToken::new("FRESH".to_owned().into(), now, now + Duration::from_hours(1));
        let grants = [Grant { endpoint: endpoint("acme"), token, meant: Meant::Any }];
        let key = &url("acme")["https:".len()..];
        let text = format!("save-exact=true\n{key}:_authToken=STALE ; old\n[section]\nx=1\n");
        let with = with_tokens(text.as_bytes(), &[endpoint("acme"), endpoint("other")], &grants);
        let expected =
            format!("save-exact=true\n{key}:_authToken=FRESH ; old\n{key}:always-auth=true\n[section]\nx=1\n");
        assert_eq!(*with, expected);
        assert!(with_tokens(b"\xff", &[endpoint("acme")], &grants).contains("FRESH"));
    }
}
