//! Where a package manager's own settings lead: which repositories of CodeArtifact it may ask in this folder.
//!
//! For a program that is started through us every time, also where it has nothing to do with CodeArtifact, this has to be
//! known without asking anybody: the files that the program reads, its variables and its arguments are searched for
//! addresses, and each is recognised or passed over. No file is understood, so none can be misunderstood: an address too
//! many costs a look into the store, since a token goes to its own host only; one that is composed in a way of the
//! program's own is missed, and then the program is started as it is.
//!
//! Which files these are, as seen with npm 9.2 and 11.19, Yarn 1.22, Bun 1.4, Maven 3.8, `RubyGems` 3.3 and Bundler 2.3.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use codeartifact::{Endpoint, Host, PackageFormat, Trust};
use serde_json::Value;

use crate::proxy::OnProxy;

/// More than any real file of settings; of a larger one the beginning is searched.
const LARGEST_FILE: u64 = 1024 * 1024;

/// More repositories than one program is led to.
const MOST: usize = 16;

/// A program whose settings are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Npm,
    Yarn,
    Bun,
    Maven,
    RubyGems,
    Bundler,
}

impl Client {
    fn of(program: &Path) -> Option<Self> {
        let name = program.file_name()?.to_str()?;
        let stem = [".exe", ".cmd", ".bat"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        Some(match stem {
            "npm" | "npx" => Self::Npm,
            "yarn" | "yarnpkg" => Self::Yarn,
            "bun" | "bunx" => Self::Bun,
            "mvn" => Self::Maven,
            "gem" => Self::RubyGems,
            "bundle" | "bundler" => Self::Bundler,
            _ => return None,
        })
    }

    const fn format(self) -> PackageFormat {
        match self {
            Self::Npm | Self::Yarn | Self::Bun => PackageFormat::Npm,
            Self::Maven => PackageFormat::Maven,
            Self::RubyGems | Self::Bundler => PackageFormat::Ruby,
        }
    }

    /// Beginnings of the names of its variables, in any case.
    const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["npm_config_"],
            Self::Yarn => &["npm_config_", "yarn_"],
            Self::Bun => &["npm_config_", "bun_config_"],
            Self::Maven => &["maven_"],
            Self::RubyGems => &["rubygems_host"],
            Self::Bundler => &["bundle_"],
        }
    }

    /// Files in this folder or in one above.
    const fn above(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &[".npmrc", "package.json"],
            Self::Yarn => &[".yarnrc", ".npmrc", "package.json"],
            Self::Bun => &["bunfig.toml", ".npmrc", "package.json"],
            Self::Maven => &["pom.xml", ".mvn/maven.config", ".mvn/settings.xml", ".mvn/extensions.xml"],
            Self::RubyGems => &[],
            Self::Bundler => &[".bundle/config", "Gemfile", "gems.rb", "Gemfile.lock", "gems.locked"],
        }
    }

    /// Files in the user's home.
    const fn at_home(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &[".npmrc"],
            Self::Yarn => &[".yarnrc", ".npmrc"],
            Self::Bun => &[".bunfig.toml", ".npmrc", ".config/.bunfig.toml"],
            Self::Maven => &[".m2/settings.xml"],
            Self::RubyGems => &[".gemrc", ".config/gem/gemrc"],
            Self::Bundler => &[".bundle/config", ".gemrc"],
        }
    }

    /// Files that variables name.
    const fn named(self) -> &'static [&'static str] {
        match self {
            Self::Npm | Self::Yarn | Self::Bun => &[
                "npm_config_userconfig",
                "NPM_CONFIG_USERCONFIG",
                "npm_config_globalconfig",
                "NPM_CONFIG_GLOBALCONFIG",
            ],
            Self::Maven => &[],
            Self::RubyGems => &["GEMRC"],
            Self::Bundler => &["BUNDLE_GEMFILE", "BUNDLE_USER_CONFIG"],
        }
    }

    /// Options whose value, the next argument, is a file of settings.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Npm | Self::Yarn => &["--userconfig", "--globalconfig"],
            Self::Maven => &["-s", "--settings", "-gs", "--global-settings", "-f", "--file"],
            Self::Bun | Self::Bundler => &["--gemfile", "--config", "-c"],
            Self::RubyGems => &["--config-file"],
        }
    }

    /// The settings of the machine.
    fn of_the_machine(self, host: &Host) -> Vec<PathBuf> {
        match self {
            Self::Npm | Self::Yarn | Self::Bun => {
                // npm's prefix is where Node is.
                let beside_node = host
                    .find_program("node")
                    .and_then(|node| Some(node.canonicalize().ok()?.parent()?.parent()?.join("etc/npmrc")));
                let set = ["npm_config_prefix", "NPM_CONFIG_PREFIX"].iter().find_map(|name| host.var_os(name));
                let of_prefix = set.map(|prefix| Path::new(prefix).join("etc/npmrc"));
                // Debian's npm has its own.
                beside_node.into_iter().chain(of_prefix).chain([PathBuf::from("/etc/npmrc")]).collect()
            }
            Self::Maven => {
                let homes = ["MAVEN_HOME", "M2_HOME"].iter().filter_map(|name| host.var_os(name));
                homes.map(|home| Path::new(home).join("conf/settings.xml")).collect()
            }
            Self::RubyGems | Self::Bundler => vec![PathBuf::from("/etc/gemrc")],
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Leads {
    /// Repositories, each once: those that were said for this call first, then the project's, the user's, the machine's.
    pub(crate) endpoints: Vec<Endpoint>,
    /// How many of them are said for this call: by an argument or a variable.
    pub(crate) said: usize,
    /// Repositories on a proxy of ours.
    pub(crate) on_proxy: Vec<OnProxy>,
}

/// Where the settings of `program` lead, when it is started with these arguments. Nothing where it is a program whose
/// settings are not known, or that has a way of its own to ask for tokens.
pub(crate) fn of(program: &OsStr, arguments: &[OsString], host: &Host, trust: &Trust) -> Leads {
    let program = Path::new(program);
    let mut leads = Leads::default();
    let Some(client) = Client::of(program) else { return leads };
    if client == Client::Yarn && !is_version_1(program, host) {
        return leads;
    }
    let mut search = |text: &str| leads.search(text, client.format(), host, trust);
    arguments.iter().filter_map(|argument| argument.to_str()).for_each(&mut search);
    for (name, value) in host.vars() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        let name = name.to_ascii_lowercase();
        if client.variables().iter().any(|prefix| name.starts_with(prefix)) {
            search(value);
        }
    }
    leads.said = leads.endpoints.len();
    for text in files(client, arguments, host).iter().filter_map(|file| read(file)) {
        leads.search(&text, client.format(), host, trust);
    }
    leads
}

impl Leads {
    fn search(&mut self, text: &str, format: PackageFormat, host: &Host, trust: &Trust) {
        for address in addresses(&expanded(text, host)) {
            if let Some(found) = OnProxy::of(address)
                && !self.on_proxy.contains(&found)
                && self.on_proxy.len() < MOST
            {
                self.on_proxy.push(found);
            }
            // One that breaks a rule is the program's to complain about.
            let Ok(Some(endpoint)) = Endpoint::recognise(address.as_bytes(), trust) else { continue };
            if endpoint.format() != format || self.endpoints.len() == MOST {
                continue;
            }
            // As the repository is named, whatever stood below it.
            let repository = endpoint.sibling(format, endpoint.repository());
            if !self.endpoints.contains(&repository) {
                self.endpoints.push(repository);
            }
        }
    }
}

/// The files of settings, the nearest first.
fn files(client: Client, arguments: &[OsString], host: &Host) -> Vec<PathBuf> {
    let here = host.current_dir();
    let of_options = arguments.iter().enumerate().filter_map(|(place, argument)| {
        let argument = argument.to_str()?;
        let (option, value) = match argument.split_once('=') {
            Some((option, value)) => (option, Some(OsString::from(value))),
            None => (argument, arguments.get(place + 1).cloned()),
        };
        client.options().contains(&option).then_some(here.join(value?))
    });
    let mut files: Vec<PathBuf> = of_options.collect();
    for value in client.named().iter().filter_map(|name| host.var_os(name)) {
        files.extend(std::env::split_paths(value).map(|file| here.join(file)));
    }
    for folder in here.ancestors() {
        files.extend(client.above().iter().map(|name| folder.join(name)));
    }
    if let Some(home) = host.home() {
        files.extend(client.at_home().iter().map(|name| home.join(name)));
    }
    if let Some(folder) = host.var_os("XDG_CONFIG_HOME").filter(|_| client == Client::Bun) {
        files.push(here.join(folder).join(".bunfig.toml"));
    }
    files.extend(client.of_the_machine(host));
    files
}

/// The text of a file, as far as it is text.
fn read(file: &Path) -> Option<String> {
    let found = file.metadata().ok()?;
    // What is no file, a pipe above all, is not opened: that could wait for ever.
    if !found.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(file).ok()?.take(LARGEST_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text with `${NAME}`, and Maven's `${env.NAME}`, in place of which the variable's value stands.
fn expanded(text: &str, host: &Host) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        result.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        result.push_str(host.var(name.strip_prefix("env.").unwrap_or(name)).unwrap_or_default());
        rest = after;
    }
    result.push_str(rest);
    result
}

/// Everything in a text that begins like an address, up to what no address holds.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'+';
    text.match_indices("://").map(move |(colon, _)| {
        let start = colon - text.as_bytes()[..colon].iter().rev().take_while(|byte| is_scheme(byte)).count();
        let ends = |character: char| character.is_whitespace() || "\"'<>\\`{}|^()[],;".contains(character);
        let rest = &text[start..];
        // An address of version 6 holds brackets, and is the only one that does.
        let skipped = rest.find(']').filter(|_| rest[colon - start..].starts_with("://[")).map_or(0, |at| at + 1);
        let length = rest[skipped..].find(ends).map_or(rest.len(), |length| skipped + length);
        &rest[..length]
    })
}

/// Whether a program is Yarn, and version 1 of it.
pub(crate) fn is_yarn_1(program: &OsStr, host: &Host) -> bool {
    let program = Path::new(program);
    Client::of(program) == Some(Client::Yarn) && is_version_1(program, host)
}

/// Whether the Yarn that would run here is version 1; younger ones ask by a plugin. Not asked itself, which would take
/// longer than many of its runs.
fn is_version_1(program: &Path, host: &Host) -> bool {
    let here = host.current_dir();
    // Where a project brings a Yarn of its own, every Yarn hands over to that.
    if here.ancestors().any(|folder| read(&folder.join(".yarnrc.yml")).is_some_and(|text| text.contains("yarnPath:"))) {
        return false;
    }
    let named = program.to_str().filter(|_| program.components().count() == 1).and_then(|name| host.find_program(name));
    let file = named.unwrap_or_else(|| here.join(program));
    let Ok(file) = file.canonicalize() else { return false };
    let of_file =
        file.ancestors().skip(1).find_map(|folder| manifest(folder).filter(|found| found["name"].is_string()));
    let (name, version) = match &of_file {
        Some(found) => (found["name"].as_str().unwrap_or_default(), found["version"].as_str().unwrap_or_default()),
        None => ("", ""),
    };
    match name {
        "yarn" | "yarnpkg" => version.starts_with("1."),
        // It runs the version that the project names, and version 1 where none does.
        "corepack" => {
            let wanted =
                here.ancestors().find_map(|folder| manifest(folder)?["packageManager"].as_str().map(str::to_owned));
            wanted.is_none_or(|wanted| wanted.starts_with("yarn@1."))
        }
        _ => false,
    }
}

fn manifest(folder: &Path) -> Option<Value> {
    serde_json::from_str(&read(&folder.join("package.json"))?).ok()
}

#[cfg(test)]
mod tests;
