//! Which variables bring a token to which program: the table of `exec --help`.
//!
//! As few as possible, and only what that program reads, since whatever it starts inherits them. Two rules:
//!
//! - Where a variable binds the token to a host or a repository, that one is taken, and `CODEARTIFACT_AUTH_TOKEN` is
//!   left out.
//! - Where a program sends the token of a variable to whatever registry it is set up for, which a project's own files may
//!   say, the variable is set only together with the one that says the registry, and wins over those files.
//!
//! Seen: npm 8.19 to 11.19, Bun 1.4, Bundler 2.3, `RubyGems` 3.3, twine 7.0, uv 0.13 and Poetry 2.5.

use std::path::Path;

use anyhow::anyhow;
use codeartifact::{PackageFormat, source::TOKEN_VARIABLE};
use zeroize::Zeroizing;

use crate::{
    cli,
    grants::{Grant, Meant},
    proxy::{OnProxy, Running},
    report::CommandError,
};

/// A variable with a secret in it, or beside one.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Zeroizing<String>,
}

impl Variable {
    fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Zeroizing::new(value.into()) }
    }
}

/// A program whose way to take a token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Npm,
    Bun,
    Bundler,
    RubyGems,
    Twine,
    Uv,
    Poetry,
    Other,
}

impl Reader {
    fn of(program: &Path) -> Self {
        let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = [".exe", ".cmd", ".bat"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        match stem {
            "npm" | "npx" => Self::Npm,
            "bun" | "bunx" => Self::Bun,
            "bundle" | "bundler" => Self::Bundler,
            "gem" => Self::RubyGems,
            "twine" => Self::Twine,
            "uv" | "uvx" => Self::Uv,
            "poetry" => Self::Poetry,
            _ => Self::Other,
        }
    }
}

/// The variables for a program, never none.
///
/// # Errors
/// The options do not fit the program, or contradict each other.
pub(crate) fn of(program: &Path, grants: &[Grant], targets: &cli::Targets) -> Result<Vec<Variable>, CommandError> {
    let reader = Reader::of(program);
    let Some(first) = grants.first() else { return Ok(Vec::new()) };
    let led = (first.meant == Meant::Led).then_some(first);
    let names = &targets.index;
    let mut variables = match (reader, led) {
        (Reader::Uv, _) if !names.is_empty() => indexes(names, "UV_INDEX_", first),
        (Reader::Poetry, _) if !names.is_empty() => indexes(names, "POETRY_HTTP_BASIC_", first),
        _ if !names.is_empty() => {
            return Err(CommandError::usage(anyhow!("`--index` is for uv and Poetry"))
                .hint("name the variable that the program reads: `--var NAME`"));
        }
        (Reader::Npm, _) => npm(grants, led),
        (Reader::Bun, Some(led)) => vec![
            Variable::new("NPM_CONFIG_REGISTRY", url(led, PackageFormat::Npm)),
            Variable::new("NPM_CONFIG_TOKEN", led.token.expose()),
        ],
        (Reader::Bundler, _) => bundler(grants)?,
        (Reader::RubyGems, Some(led)) => vec![
            Variable::new("RUBYGEMS_HOST", url(led, PackageFormat::Ruby).trim_end_matches('/')),
            Variable::new("GEM_HOST_API_KEY", format!("Bearer {}", led.token.expose())),
        ],
        (Reader::Twine, Some(led)) => vec![
            Variable::new("TWINE_REPOSITORY_URL", url(led, PackageFormat::Pypi)),
            Variable::new("TWINE_USERNAME", USER),
            Variable::new("TWINE_PASSWORD", led.token.expose()),
        ],
        (Reader::Bun | Reader::RubyGems | Reader::Twine | Reader::Uv | Reader::Poetry | Reader::Other, _) => {
            vec![Variable::new(TOKEN_VARIABLE, first.token.expose())]
        }
    };
    for name in &targets.var {
        if !variables.iter().any(|variable| variable.name == *name) {
            variables.push(Variable::new(name, first.token.expose()));
        }
    }
    Ok(variables)
}

/// What npm is to say to a proxy of ours: it publishes nothing without a credential for the very repository, whatever that
/// is. Where the system does not tell the proxy whose a connection is, it has to be the proxy's key.
pub(crate) fn of_proxy(program: &Path, repositories: &[OnProxy], running: &Running) -> Vec<Variable> {
    const ANY: &str = "the-proxy-has-it";
    if Reader::of(program) != Reader::Npm {
        return Vec::new();
    }
    let value = || if running.needs_key { running.key() } else { Zeroizing::new(ANY.to_owned()) };
    // Another proxy than the one that runs is given nothing.
    let here = repositories.iter().filter(|on| running.url == format!("http://{}", on.listening));
    here.map(|on| Variable { name: format!("npm_config_{}:_authToken", on.repository), value: value() }).collect()
}

/// The user that goes with every token where one is asked for.
const USER: &str = "aws";

fn url(grant: &Grant, format: PackageFormat) -> String {
    grant.endpoint.sibling(format, grant.endpoint.repository()).base_url()
}

/// Keys of npm's settings. npm takes the most exact one that is there, wherever it stands; so what a project's file says
/// of a repository is outdone only by the same key, and variables go before files.
fn npm(grants: &[Grant], led: Option<&Grant>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut put = |key: &str, grant: &Grant| {
        let name = format!("npm_config_{key}:_authToken");
        // What came first holds: it is the repository that was named first.
        if !variables.iter().any(|variable| variable.name == name) {
            variables.push(Variable::new(name, grant.token.expose()));
        }
    };
    for grant in grants {
        let url = url(grant, PackageFormat::Npm);
        let repository = url.split_once(':').map_or(url.as_str(), |(_, rest)| rest);
        let all = repository.strip_suffix(&format!("{}/", grant.endpoint.repository()));
        put(all.unwrap_or(repository), grant);
        if grant.meant != Meant::Any {
            put(repository, grant);
        }
    }
    variables.extend(led.map(|led| Variable::new("npm_config_registry", url(led, PackageFormat::Npm))));
    variables
}

/// A credential for a host: `.` is `__` in the variable's name and `-` is `___` (`bundle help config`).
fn bundler(grants: &[Grant]) -> Result<Vec<Variable>, CommandError> {
    let mut variables: Vec<Variable> = Vec::new();
    for grant in grants {
        let url = url(grant, PackageFormat::Ruby);
        let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let name = format!("BUNDLE_{}", host.to_ascii_uppercase().replace('-', "___").replace('.', "__"));
        let value = format!("{USER}:{}", grant.token.expose());
        match variables.iter().find(|variable| variable.name == name) {
            Some(same) if *same.value == value => {}
            Some(_) => {
                return Err(CommandError::usage(anyhow!("Bundler takes one token for the host `{host}`, not two"))
                    .hint("name repositories of one domain"));
            }
            None => variables.push(Variable::new(name, value)),
        }
    }
    Ok(variables)
}

/// User and password of an index whose address the project's files say.
fn indexes(names: &[String], prefix: &str, grant: &Grant) -> Vec<Variable> {
    names
        .iter()
        .flat_map(|name| {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let name: String = name.chars().map(plain).collect();
            [
                Variable::new(format!("{prefix}{name}_USERNAME"), USER),
                Variable::new(format!("{prefix}{name}_PASSWORD"), grant.token.expose()),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests;
