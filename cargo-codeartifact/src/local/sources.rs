//! Where the public sources are: as the user says, else as the package managers installed here have it.
//!
//! No address is built in. A package manager is asked for its setting, and where it has none, for the default that it
//! carries itself: npm prints it, pip's library and RubyGems' have it, cargo names a cache folder after it, and Maven
//! carries it in the model that all projects inherit. What is set to CodeArtifact (or to the embedded service) is no
//! public source: then the default is asked for. Folders of projects are not looked at.

use std::{
    collections::BTreeMap,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::anyhow;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use codeartifact::Host;
use local_service::{Connection, SourceAddress};
use quick_xml::events::Event;
use toml_edit::DocumentMut;
use zeroize::Zeroizing;

use crate::report::CommandError;

/// Of a client's answer or file; beyond, it is something else.
const LIMIT: u64 = 4 << 20;

/// The addresses of `--external`.
pub(super) fn named(options: &[String]) -> Result<BTreeMap<Connection, SourceAddress>, CommandError> {
    let mut named = BTreeMap::new();
    for option in options {
        let place = || format!("`--external {}`", option.split_once("://").map_or(option.as_str(), |(name, _)| name));
        let (name, url) = option.split_once('=').ok_or_else(|| {
            CommandError::usage(anyhow!("{} is not NAME=URL", place())).hint("such as `public:npmjs=URL`")
        })?;
        let connection: Connection =
            name.parse().map_err(|error| CommandError::usage(anyhow!("{}: {error}", place())))?;
        let address =
            SourceAddress::parse(url).map_err(|error| CommandError::usage(anyhow!("{}: {error}", place())))?;
        if named.insert(connection, address).is_some() {
            return Err(CommandError::usage(anyhow!("`--external {name}` is given twice")));
        }
    }
    Ok(named)
}

/// Where a public source is, if a package manager here knows.
pub(super) fn find(connection: Connection, host: &Host) -> Option<SourceAddress> {
    match connection {
        Connection::Npmjs => npm(host),
        Connection::Pypi => pip(host),
        Connection::CratesIo => cargo(host),
        Connection::MavenCentral => maven(host),
        Connection::RubyGemsOrg => gem(host),
        Connection::NugetOrg => nuget(host),
        // No client carries these by name: a project's build file or `--external` does.
        Connection::MavenGoogleAndroid
        | Connection::MavenGradlePlugins
        | Connection::MavenCommonsware
        | Connection::MavenClojars => None,
    }
}

/// What a program prints, trimmed; `None` if it is not there, fails, or prints nothing.
fn ask(host: &Host, program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(host.find_program(program)?);
    command.args(args).env_clear().envs(host.vars()).stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    // Not where the command was typed: a project's own files are somebody else's word.
    command.current_dir(host.home().filter(|home| home.is_dir()).unwrap_or_else(|| PathBuf::from("/")));
    let mut child = command.spawn().ok()?;
    let mut text = String::new();
    let read = child.stdout.take()?.take(LIMIT).read_to_string(&mut text);
    let ended = child.wait().ok()?;
    let text = text.trim();
    (read.is_ok() && ended.success() && !text.is_empty()).then(|| text.to_owned())
}

/// An address, unless it is one of CodeArtifact: that is a repository, not its source.
fn public(url: &str) -> Option<SourceAddress> {
    let ours = url.contains(".codeartifact.") || url.contains("/d/") && url.contains("://127.0.0.1");
    if ours || url == "undefined" { None } else { SourceAddress::parse(url).ok() }
}

/// npm prints its setting, the built-in one too; a token that its user has for exactly that address goes with it.
fn npm(host: &Host) -> Option<SourceAddress> {
    let setting = ask(host, "npm", &["config", "get", "registry"]);
    let with_token = setting.and_then(|url| {
        let address = public(&url)?;
        Some(match npm_token(host, &url) {
            Some(token) => address.with_authorization(token),
            None => address,
        })
    });
    with_token.or_else(|| {
        let none = if cfg!(windows) { "--userconfig=NUL" } else { "--userconfig=/dev/null" };
        public(&ask(host, "npm", &["config", "get", "registry", none])?)
    })
}

/// `//HOST/PATH/:_authToken=…` in the user's own file; a value may name a variable.
fn npm_token(host: &Host, url: &str) -> Option<Zeroizing<String>> {
    let file = match host.var_os("NPM_CONFIG_USERCONFIG").or_else(|| host.var_os("npm_config_userconfig")) {
        Some(file) => PathBuf::from(file),
        None => host.home()?.join(".npmrc"),
    };
    let text = Zeroizing::new(read(&file)?);
    let place = url.split_once(':')?.1.trim_end_matches('/');
    let line = text.lines().find_map(|line| {
        let (key, value) = line.trim().split_once('=')?;
        let key = key.trim().strip_suffix(":_authToken")?;
        (key.trim_end_matches('/') == place).then(|| value.trim().trim_matches('"'))
    })?;
    let value = match line.strip_prefix("${").and_then(|name| name.strip_suffix('}')) {
        Some(name) => host.var(name)?,
        None => line,
    };
    Some(Zeroizing::new(format!("Bearer {value}")))
}

/// The simple index. pip's setting comes from a variable or a file; the default is in its library, which has moved
/// within pip and may move again: then there is none.
fn pip(host: &Host) -> Option<SourceAddress> {
    const DEFAULT: &str = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
    let set = host.var("PIP_INDEX_URL").map(ToOwned::to_owned).or_else(|| {
        let get = ["config", "get", "global.index-url"];
        ask(host, "pip", &get).or_else(|| ask(host, "pip3", &get))
    });
    set.and_then(|url| public_with_user(&url))
        .or_else(|| public(&ask(host, "python3", &["-c", DEFAULT]).or_else(|| ask(host, "python", &["-c", DEFAULT]))?))
}

/// pip keeps name and password in the URL; here they go into a header.
fn public_with_user(url: &str) -> Option<SourceAddress> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return public(url) };
    let address = public(&format!("{scheme}://{}", &rest[at + 1..]))?;
    let user = Zeroizing::new(percent_decoded(&rest[..at]));
    let encoded = Zeroizing::new(STANDARD.encode(user.as_bytes()));
    Some(address.with_authorization(Zeroizing::new(format!("Basic {}", encoded.as_str()))))
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The sparse index that the default registry is replaced with; else the one that cargo uses by itself, whose host is
/// the first part of the name of its cache folder (`HOST-HASH`).
fn cargo(host: &Host) -> Option<SourceAddress> {
    let home = match host.var_os("CARGO_HOME") {
        Some(home) => host.current_dir().join(home),
        None => host.home()?.join(".cargo"),
    };
    let config = read(&home.join("config.toml")).or_else(|| read(&home.join("config")));
    let config: Option<DocumentMut> = config.and_then(|text| text.parse().ok());
    let replaced = config.as_ref().and_then(|config| {
        let mut name = "crates-io";
        let mut index = None;
        // Bounded: replacements can form a circle.
        for _ in 0..8 {
            let source = config.get("source").and_then(|sources| sources.get(name));
            let text =
                |item: &'static str| source.and_then(|source| source.get(item)).and_then(toml_edit::Item::as_str);
            index = text("registry")
                .or_else(|| config.get("registries")?.get(name).and_then(|registry| registry.get("index")?.as_str()));
            match text("replace-with") {
                Some(next) => name = next,
                None => break,
            }
        }
        public(index?.strip_prefix("sparse+")?)
    });
    replaced.or_else(|| public(&format!("https://{}/", default_index(&home.join("registry/index"))?)))
}

fn default_index(cache: &Path) -> Option<String> {
    std::fs::read_dir(cache).ok()?.filter_map(Result::ok).find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (place, hash) = name.rsplit_once('-')?;
        // The default registry's host is the index's alone. Others are mirrors and repositories, with other names.
        let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hash && place.starts_with("index.")).then(|| place.to_owned())
    })
}

/// The mirror of `central` (or of all) in the user's settings or the installation's; else the address in the model
/// that every project inherits, inside Maven's own library.
fn maven(host: &Host) -> Option<SourceAddress> {
    let installed = host.find_program("mvn").and_then(|program| {
        let program = std::fs::canonicalize(program).ok()?;
        Some(program.parent()?.parent()?.to_owned())
    });
    let user = host.home().map(|home| home.join(".m2/settings.xml"));
    let global = installed.as_ref().map(|folder| folder.join("conf/settings.xml"));
    let mirror = [user, global].into_iter().flatten().find_map(|file| mirror_of_central(&read(&file)?));
    mirror.and_then(|url| public(&url)).or_else(|| {
        let libraries = std::fs::read_dir(installed?.join("lib")).ok()?;
        let library = libraries.filter_map(Result::ok).find(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("maven-model-builder") && name.ends_with(".jar")
        })?;
        let mut archive = zip::ZipArchive::new(std::fs::File::open(library.path()).ok()?).ok()?;
        let mut model = String::new();
        let file = archive.by_name("org/apache/maven/model/pom-4.0.0.xml").ok()?;
        file.take(LIMIT).read_to_string(&mut model).ok()?;
        public(&first_text(&model, &["project", "repositories", "repository", "url"])?)
    })
}

fn mirror_of_central(settings: &str) -> Option<String> {
    texts(settings, &["settings", "mirrors", "mirror"]).into_iter().find_map(|mirror| {
        let of = mirror.get("mirrorOf")?;
        // Maven's built-in mirror that blocks plain HTTP has this form and is no mirror.
        let matches = of.split(',').any(|part| matches!(part.trim(), "central" | "*" | "external:*"));
        mirror.get("url").filter(|_| matches && !mirror.contains_key("blocked")).cloned()
    })
}

fn first_text(xml: &str, path: &[&str]) -> Option<String> {
    let (last, parents) = path.split_last()?;
    texts(xml, parents).into_iter().find_map(|element| element.get(*last).cloned())
}

/// The text children of every element at a path.
fn texts(xml: &str, path: &[&str]) -> Vec<BTreeMap<String, String>> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut open, mut found, mut text): (Vec<String>, Vec<BTreeMap<String, String>>, String) = Default::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                open.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
                if open.iter().map(String::as_str).eq(path.iter().copied()) {
                    found.push(BTreeMap::new());
                }
            }
            Ok(Event::Text(part)) => text.push_str(&part.decode().unwrap_or_default()),
            Ok(Event::End(_)) => {
                let name = open.pop().unwrap_or_default();
                if open.iter().map(String::as_str).eq(path.iter().copied())
                    && let Some(element) = found.last_mut()
                {
                    element.insert(name, text.trim().to_owned());
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// The first of `gem sources`, which prints the built-in one where none is set.
fn gem(host: &Host) -> Option<SourceAddress> {
    let printed = ask(host, "gem", &["sources", "--list"])?;
    printed.lines().map(str::trim).filter(|line| line.starts_with("http")).find_map(public_with_user)
}

/// The first V3 source of `dotnet nuget list source`.
fn nuget(host: &Host) -> Option<SourceAddress> {
    let printed = ask(host, "dotnet", &["nuget", "list", "source", "--format", "short"])?;
    printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("E "))
        .filter(|url| url.ends_with("/index.json"))
        .find_map(public)
}

fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests;
