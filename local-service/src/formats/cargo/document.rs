//! The document that `cargo publish` sends with a crate, checked, and the index line that is made of it.

use std::collections::BTreeMap;

use semver::VersionReq;
use serde::{Deserialize, Serialize};

use super::Dependency;
use crate::{assets::Digest, state::AboutVersion};

/// Longest name; the bound of the public registry.
const NAME: usize = 64;
/// Longest of any other text that goes into the index.
const TEXT: usize = 4_096;

/// What cargo sends. Members that it may add later are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) vers: String,
    #[serde(default)]
    deps: Vec<SentDependency>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    links: Option<String>,
    rust_version: Option<String>,
    pub(super) readme: Option<String>,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    license: Option<String>,
    license_file: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SentDependency {
    name: String,
    version_req: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default = "yes")]
    default_features: bool,
    target: Option<String>,
    kind: Option<String>,
    registry: Option<String>,
    explicit_name_in_toml: Option<String>,
}

const fn yes() -> bool {
    true
}

/// A line of the index, without `yanked`: that is the version's status, and is added when the index is made.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    vers: &'a str,
    deps: Vec<LineDependency<'a>>,
    cksum: String,
    features: BTreeMap<&'a str, &'a [String]>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    features2: BTreeMap<&'a str, &'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rust_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<u32>,
}

#[derive(Debug, Serialize)]
struct LineDependency<'a> {
    name: &'a str,
    req: &'a str,
    features: &'a [String],
    optional: bool,
    default_features: bool,
    target: Option<&'a str>,
    kind: &'a str,
    /// `null` is this registry, whichever serves the line.
    registry: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
}

impl Document {
    /// Reads and checks what cargo sent; the error says which member breaks which rule.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        let document: Self =
            serde_json::from_slice(json).map_err(|error| format!("the crate's metadata is not valid: {error}"))?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        crate_name("name", &self.name)?;
        semver::Version::parse(&self.vers)
            .map_err(|error| format!("`vers` is `{}`: {error}", self.vers.escape_debug()))?;
        text("vers", &self.vers)?;
        self.deps.iter().try_for_each(SentDependency::check)?;
        for (name, enables) in &self.features {
            text("features", name)?;
            enables.iter().try_for_each(|enabled| text("features", enabled))?;
        }
        self.links.iter().try_for_each(|links| text("links", links))?;
        self.rust_version.iter().try_for_each(|version| text("rust_version", version))
    }

    /// What the API describes the version with.
    pub(super) fn about(&self) -> AboutVersion {
        // The API shows these as they are: empty is absent, and control characters are nobody's description.
        let shown = |text: &Option<String>| {
            let text = text.as_deref()?.trim();
            let clean: String = text.chars().filter(|c| !c.is_control()).collect();
            (!clean.is_empty()).then_some(clean)
        };
        AboutVersion {
            summary: shown(&self.description),
            home_page: shown(&self.homepage),
            source_code_repository: shown(&self.repository),
            license: shown(&self.license).or_else(|| shown(&self.license_file)),
        }
    }

    /// The index line. Features that old versions of cargo cannot read go to a member that these pass over.
    pub(super) fn line(&self, checksum: &Digest) -> Box<str> {
        let new_syntax =
            |enables: &[String]| enables.iter().any(|name| name.starts_with("dep:") || name.contains("?/"));
        let (features2, features): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .features
            .iter()
            .map(|(name, enables)| (name.as_str(), enables.as_slice()))
            .partition(|(_, enables)| new_syntax(enables));
        let line = Line {
            name: &self.name,
            vers: &self.vers,
            deps: self.deps.iter().map(SentDependency::line).collect(),
            cksum: checksum.to_string(),
            v: (!features2.is_empty()).then_some(2),
            features,
            features2,
            links: self.links.as_deref(),
            rust_version: self.rust_version.as_deref(),
        };
        serde_json::to_string(&line).expect("an index line is plain data with text keys").into()
    }
}

impl SentDependency {
    fn check(&self) -> Result<(), String> {
        crate_name("deps.name", &self.name)?;
        VersionReq::parse(&self.version_req).map_err(|error| {
            format!("the requirement `{}` of `{}`: {error}", self.version_req.escape_debug(), self.name)
        })?;
        text("deps.version_req", &self.version_req)?;
        self.features.iter().try_for_each(|feature| text("deps.features", feature))?;
        self.target.iter().try_for_each(|target| text("deps.target", target))?;
        self.registry.iter().try_for_each(|registry| text("deps.registry", registry))?;
        self.explicit_name_in_toml.iter().try_for_each(|name| text("deps.explicit_name_in_toml", name))?;
        match self.kind.as_deref() {
            None | Some("normal" | "build" | "dev") => Ok(()),
            Some(kind) => {
                Err(format!("the kind of `{}` is `{}`: not normal, build or dev", self.name, kind.escape_debug()))
            }
        }
    }

    /// In the index a renamed dependency is known by its new name, and `package` is the crate's.
    fn line(&self) -> LineDependency<'_> {
        let renamed = self.explicit_name_in_toml.as_deref();
        LineDependency {
            name: renamed.unwrap_or(&self.name),
            req: &self.version_req,
            features: &self.features,
            optional: self.optional,
            default_features: self.default_features,
            target: self.target.as_deref(),
            kind: self.kind.as_deref().unwrap_or("normal"),
            registry: self.registry.as_deref(),
            package: renamed.map(|_| self.name.as_str()),
        }
    }
}

/// 1 to 64 letters, digits, `-` and `_`, first a letter: the public registry's rule.
pub(super) fn is_crate_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphabetic()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn crate_name(member: &str, name: &str) -> Result<(), String> {
    if is_crate_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME).flat_map(char::escape_debug).collect();
    Err(format!("`{member}` is `{shown}`: a crate's name is 1 to {NAME} letters, digits, `-` and `_`, first a letter"))
}

fn text(member: &str, text: &str) -> Result<(), String> {
    if text.len() <= TEXT && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(format!("`{member}` must have no control characters and {TEXT} bytes at most"))
    }
}

/// The dependencies of a stored line.
pub(super) fn read_dependencies(line: &str) -> Vec<Dependency> {
    #[derive(Deserialize)]
    struct Read {
        deps: Vec<ReadDependency>,
    }
    #[derive(Deserialize)]
    struct ReadDependency {
        name: String,
        req: String,
        kind: String,
        package: Option<String>,
    }
    let deps = serde_json::from_str::<Read>(line).map_or_else(|_| Vec::new(), |read| read.deps);
    deps.into_iter()
        .map(|dependency| Dependency {
            namespace: None,
            package: dependency.package.unwrap_or(dependency.name),
            kind: match dependency.kind.as_str() {
                "dev" => "dev",
                "build" => "build",
                _ => "regular",
            },
            requirement: dependency.req,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(document: &Value) -> Value {
        let document = Document::read(document.to_string().as_bytes()).unwrap();
        serde_json::from_str(&document.line(&Digest::of(b"crate"))).unwrap()
    }

    #[test]
    fn a_renamed_dependency_keeps_its_crate() {
        let line = line(&json!({
            "name": "a", "vers": "1.0.0",
            "deps": [
                { "name": "serde", "version_req": "^1", "explicit_name_in_toml": "se", "kind": "dev" },
                { "name": "b", "version_req": "=2.0.0", "registry": null },
            ],
        }));
        assert_eq!(line["deps"][0]["name"], "se");
        assert_eq!(line["deps"][0]["package"], "serde");
        assert_eq!(line["deps"][1]["registry"], Value::Null);
        assert_eq!(line["deps"][1]["kind"], "normal");
        assert_eq!(line["deps"][1]["default_features"], true);
        assert!(line.get("yanked").is_none() && line.get("v").is_none());
        let dependencies = read_dependencies(&line.to_string());
        assert_eq!((dependencies[0].package.as_str(), dependencies[0].kind), ("serde", "dev"));
        assert_eq!((dependencies[1].package.as_str(), dependencies[1].kind), ("b", "regular"));
    }

    #[test]
    fn new_feature_syntax_goes_where_old_cargos_do_not_look() {
        let line = line(&json!({
            "name": "a", "vers": "1.0.0", "deps": [],
            "features": { "default": ["std"], "std": [], "x": ["dep:b"], "y": ["b?/z"] },
        }));
        assert_eq!(line["features"], json!({ "default": ["std"], "std": [] }));
        assert_eq!(line["features2"], json!({ "x": ["dep:b"], "y": ["b?/z"] }));
        assert_eq!(line["v"], 2);
    }

    #[test]
    fn metadata_that_breaks_a_rule_is_refused_by_name() {
        let base = json!({ "name": "a", "vers": "1.0.0", "deps": [], "features": {} });
        let dependency = json!({ "name": "b", "version_req": "^1" });
        let with = |member: &str, value: Value| {
            let mut document = base.clone();
            document[member] = value;
            document
        };
        let with_dependency = |member: &str, value: Value| {
            let mut changed = dependency.clone();
            changed[member] = value;
            with("deps", json!([changed]))
        };
        for (bad, named) in [
            (with("name", json!("")), "name"),
            (with("name", json!("../x")), "name"),
            (with("name", json!("1a")), "name"),
            (with("name", json!("é")), "name"),
            (with("name", json!("a".repeat(65))), "name"),
            (with("vers", json!("1.0")), "vers"),
            (with("vers", json!("1.0.0/../x")), "vers"),
            (with("vers", json!("01.0.0")), "vers"),
            (with("links", json!("a\nb")), "links"),
            (with("features", json!({ "a\u{0}": [] })), "features"),
            (with_dependency("name", json!("b/c")), "deps.name"),
            (with_dependency("version_req", json!("nonsense")), "requirement"),
            (with_dependency("kind", json!("magic")), "kind"),
            (with_dependency("target", json!("a\u{1b}")), "target"),
            (with("deps", json!({})), "metadata"),
            (json!([]), "metadata"),
        ] {
            let error = Document::read(bad.to_string().as_bytes()).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
        assert!(Document::read(b"").is_err());
        assert!(Document::read("[".repeat(100_000).as_bytes()).is_err());
    }
}
