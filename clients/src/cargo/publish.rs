//! How Cargo publishes: the command that packs a workspace, the upload, and the index entry that proves it arrived.
//!
//! The rules are those of Cargo's registry web API and registry index, as cargo 1.95 follows them: `PUT
//! api/v1/crates/new` with a length-prefixed JSON object and a length-prefixed `.crate` file; index files below a
//! path made of the lowercased name, one JSON object a line.
//!
//! Two rules are ours, so that a promoted copy resolves in the repository it was promoted to and nobody else's crate
//! of that name slips in: a dependency within the published workspace names no registry (`null` is "this registry"),
//! and Cargo does the same only where publishing is to its default registry.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, TableLike};

use crate::publish::{Run, Upload};

/// The first Cargo that packs a workspace as a whole, its members resolving to each other: major and minor version.
pub const PACKS_WORKSPACES: (u64, u64) = (1, 90);

/// What to pack and how to resolve it.
#[derive(Debug, Clone)]
pub struct Packing<'a> {
    /// The workspace's root manifest.
    pub manifest: &'a Path,
    /// Where built and packed files go: packed ones into `package/` below it.
    pub target_dir: &'a Path,
    /// The packages by name, all in one run so that they resolve to each other.
    pub packages: &'a [&'a str],
    /// Whether the packed crates are built.
    pub verify: bool,
    /// Where dependencies come from.
    pub resolution: &'a Resolution,
}

/// Where Cargo looks for what a workspace depends on, while it packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The workspace depends on nothing but itself: no network, whatever the user's configuration replaces.
    Alone,
    /// In registries, as the user's configuration has them; but these packages by name in these folders, whatever a
    /// registry has under their names.
    Registries {
        /// The workspace's own.
        own: Vec<(String, PathBuf)>,
    },
}

/// The address of the index that stands in for the default registry when nothing has to be looked up. Cargo wants an
/// address, and one that no other source has; port 9 (discard) of the loopback is never asked under `--offline`.
const NOWHERE: &str = "sparse+http://127.0.0.1:9/codeartifact-packing/";

impl Packing<'_> {
    /// The command that packs.
    pub fn command(&self) -> Run {
        let mut arguments: Vec<OsString> = vec!["package".into(), "--manifest-path".into(), self.manifest.into()];
        arguments.extend(["--target-dir".into(), self.target_dir.into()]);
        // Whether the tree is dirty was decided before: the manifests of a staged copy may carry another version.
        arguments.push("--allow-dirty".into());
        if !self.verify {
            arguments.push("--no-verify".into());
        }
        match self.resolution {
            // Cargo lays the crates being packed over the registry they are "for", and looks them up in the default
            // registry or in what replaces it. Here the two are the same, and nothing else is in it.
            Resolution::Alone => arguments.extend(
                [
                    "--offline",
                    "--config",
                    "source.crates-io.replace-with=\"codeartifact-packing\"",
                    "--config",
                    &format!("source.codeartifact-packing.registry=\"{NOWHERE}\""),
                    "--index",
                    NOWHERE,
                ]
                .map(OsString::from),
            ),
            Resolution::Registries { own } => {
                // Said, because `registry.default` may name another one, and where the default registry is replaced
                // cargo asks.
                arguments.extend(["--registry", "crates-io"].map(OsString::from));
                // Cargo takes the highest version it finds, here or in the registry: a stranger's crate with the name
                // of one being packed would be locked, and its build script run. What is patched goes before.
                for (name, folder) in own {
                    let folder = toml_edit::Value::from(folder.to_string_lossy().into_owned());
                    arguments.extend(["--config".into(), format!("patch.crates-io.{name}.path={folder}").into()]);
                }
            }
        }
        for package in self.packages {
            arguments.extend(["--package", package].map(OsString::from));
        }
        Run { program: "cargo", arguments }
    }
}

/// The file Cargo packs a version into, below the target folder.
pub fn packed_file(name: &str, version: &str) -> String {
    format!("package/{name}-{version}.crate")
}

/// The metadata of an upload: what the registry makes its index entry of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Cargo's registry web API, by its names")]
pub struct NewCrate {
    pub name: String,
    pub vers: String,
    pub deps: Vec<NewDependency>,
    pub features: serde_json::Map<String, serde_json::Value>,
    pub authors: Vec<String>,
    pub description: Option<String>,
    pub documentation: Option<String>,
    pub homepage: Option<String>,
    pub readme: Option<String>,
    pub readme_file: Option<String>,
    pub keywords: Vec<String>,
    pub categories: Vec<String>,
    pub license: Option<String>,
    pub license_file: Option<String>,
    pub repository: Option<String>,
    pub badges: serde_json::Map<String, serde_json::Value>,
    pub links: Option<String>,
    pub rust_version: Option<String>,
}

/// A dependency in the metadata of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewDependency {
    /// Whether a feature has to ask for it.
    pub optional: bool,
    /// Whether its default features are on.
    pub default_features: bool,
    /// The package's own name, whatever the manifest calls it.
    pub name: String,
    /// Features asked for.
    pub features: Vec<String>,
    /// The requirement.
    pub version_req: String,
    /// The platform it is for, as written.
    pub target: Option<String>,
    /// `normal`, `build` or `dev`.
    pub kind: &'static str,
    /// The index of the registry it comes from; `null` is the registry this is published to.
    pub registry: Option<String>,
    /// The name in the manifest, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explicit_name_in_toml: Option<String>,
}

impl NewCrate {
    /// The metadata of a packed crate: everything but the dependencies is read from the manifest that was packed, so
    /// that index and archive say the same.
    ///
    /// `readme` is the text of the packed file that [`readme_file`](Self::readme_file) names.
    pub fn read(manifest: &str, dependencies: Vec<NewDependency>) -> Result<Self, PackedManifestError> {
        let document: DocumentMut = manifest.parse()?;
        let package =
            document.get("package").and_then(Item::as_table_like).ok_or(PackedManifestError::Missing("package"))?;
        let text = |key| package.get(key).and_then(Item::as_str).map(str::to_owned);
        let list = |key| package.get(key).and_then(strings).unwrap_or_default();
        let table = |key| document.get(key).and_then(Item::as_table_like).map(json_table).unwrap_or_default();
        Ok(Self {
            name: text("name").ok_or(PackedManifestError::Missing("package.name"))?,
            vers: text("version").ok_or(PackedManifestError::Missing("package.version"))?,
            deps: dependencies,
            features: table("features"),
            authors: list("authors"),
            description: text("description"),
            documentation: text("documentation"),
            homepage: text("homepage"),
            readme: None,
            readme_file: text("readme"),
            keywords: list("keywords"),
            categories: list("categories"),
            license: text("license"),
            license_file: text("license-file"),
            repository: text("repository"),
            badges: table("badges"),
            links: text("links"),
            rust_version: text("rust-version"),
        })
    }

    /// The upload of the crate's `size` bytes under this metadata; `None` where a length is beyond the 32 bits the
    /// registry's form has for it.
    pub fn upload(&self, size: u64) -> Option<Upload> {
        // Texts, lists of texts and maps with text keys: there is nothing in it that could fail.
        let metadata = serde_json::to_vec(self).ok()?;
        let mut head = u32::try_from(metadata.len()).ok()?.to_le_bytes().to_vec();
        head.extend(metadata);
        head.extend(u32::try_from(size).ok()?.to_le_bytes());
        Some(Upload { method: "PUT", path: "api/v1/crates/new".to_owned(), head, shows_at: index_path(&self.name) })
    }
}

/// A packed manifest that is none.
#[derive(Debug, thiserror::Error)]
pub enum PackedManifestError {
    /// It is not TOML.
    #[error("the packed manifest is not TOML")]
    Syntax(#[from] toml_edit::TomlError),
    /// A key that every packed manifest has is not there.
    #[error("the packed manifest has no `{0}`")]
    Missing(&'static str),
}

fn strings(item: &Item) -> Option<Vec<String>> {
    Some(item.as_array()?.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// Tables of texts, lists and tables, which is all that features and badges hold.
fn json_table(table: &dyn TableLike) -> serde_json::Map<String, serde_json::Value> {
    let value = |item: &Item| -> Option<serde_json::Value> {
        if let Some(text) = item.as_str() {
            return Some(text.into());
        }
        if let Some(flag) = item.as_bool() {
            return Some(flag.into());
        }
        if let Some(number) = item.as_integer() {
            return Some(number.into());
        }
        if let Some(list) = strings(item) {
            return Some(list.into());
        }
        item.as_table_like().map(|inner| serde_json::Value::Object(json_table(inner)))
    };
    table.iter().filter_map(|(key, item)| Some((key.to_owned(), value(item)?))).collect()
}

/// The path of a crate's file in a sparse index.
pub fn index_path(name: &str) -> String {
    let name = name.to_lowercase();
    match name.chars().count() {
        0 => String::new(),
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", name.chars().take(1).collect::<String>()),
        _ => {
            let at = |from: usize| name.chars().skip(from).take(2).collect::<String>();
            format!("{}/{}/{name}", at(0), at(2))
        }
    }
}

/// A version as an index shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IndexEntry {
    /// The version.
    pub vers: String,
    /// SHA-256 of the `.crate` file, in hex.
    pub cksum: String,
}

/// The entry of a version in a crate's index file, if it is there. Lines of a later form than ours are passed over,
/// as Cargo does.
pub fn index_entry(file: &str, version: &str) -> Option<IndexEntry> {
    file.lines().filter_map(|line| serde_json::from_str::<IndexEntry>(line).ok()).find(|entry| entry.vers == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_paths_follow_the_length_of_the_name() {
        for (name, path) in [("a", "1/a"), ("ab", "2/ab"), ("abc", "3/a/abc"), ("Serde", "se/rd/serde")] {
            assert_eq!(index_path(name), path);
        }
    }

    #[test]
    fn finds_a_version_between_lines_it_does_not_understand() {
        let file = "not json\n{\"v\":9}\n{\"vers\":\"1.0.0\",\"cksum\":\"aa\"}\n{\"vers\":\"1.0.1\",\"cksum\":\"bb\"}";
        assert_eq!(index_entry(file, "1.0.1").map(|entry| entry.cksum), Some("bb".to_owned()));
        assert_eq!(index_entry(file, "2.0.0"), None);
    }

    #[test]
    fn reads_what_cargo_packed() {
        let manifest = "[package]\nname = \"app\"\nversion = \"0.2.0\"\nreadme = \"README.md\"\nlinks = \"zz\"\n\
            rust-version = \"1.85\"\nkeywords = [\"a\"]\nauthors = []\nlicense-file = \"LICENSE\"\n\
            [features]\nm = [\"dep:x\"]\n[badges.maintenance]\nstatus = \"none\"\n";
        let new = NewCrate::read(manifest, vec![]).unwrap();
        assert_eq!((new.name.as_str(), new.vers.as_str()), ("app", "0.2.0"));
        assert_eq!(new.readme_file.as_deref(), Some("README.md"));
        assert_eq!(new.rust_version.as_deref(), Some("1.85"));
        assert_eq!(new.license_file.as_deref(), Some("LICENSE"));
        assert_eq!(serde_json::Value::from(new.features.clone()), serde_json::json!({ "m": ["dep:x"] }));
        assert_eq!(serde_json::Value::from(new.badges), serde_json::json!({ "maintenance": { "status": "none" } }));
    }

    /// Byte for byte the form of the registry web API: lengths are little-endian and count bytes.
    #[test]
    fn frames_the_upload() {
        let new = NewCrate::read("[package]\nname = \"é\"\nversion = \"1.0.0\"\n", vec![]).unwrap();
        let upload = new.upload(7).unwrap();
        let json_length = usize::try_from(u32::from_le_bytes(upload.head[..4].try_into().unwrap())).unwrap();
        assert_eq!(upload.head.len(), 4 + json_length + 4);
        let json: serde_json::Value = serde_json::from_slice(&upload.head[4..4 + json_length]).unwrap();
        assert_eq!(json["name"], "é");
        assert_eq!(upload.head[4 + json_length..], 7u32.to_le_bytes());
        assert_eq!(new.upload(1 << 33), None);
    }

    #[test]
    fn a_dependency_of_the_workspace_names_no_registry() {
        let dependency = NewDependency {
            optional: false,
            default_features: true,
            name: "core".into(),
            features: vec![],
            version_req: "^1".into(),
            target: None,
            kind: "normal",
            registry: None,
            explicit_name_in_toml: None,
        };
        let json = serde_json::to_value(&dependency).unwrap();
        assert_eq!(json["registry"], serde_json::Value::Null);
        assert!(json.get("explicit_name_in_toml").is_none());
    }

    #[test]
    fn packing_alone_asks_no_network() {
        let packing = Packing {
            manifest: Path::new("Cargo.toml"),
            target_dir: Path::new("t"),
            packages: &["a", "b"],
            verify: false,
            resolution: &Resolution::Alone,
        };
        let arguments = packing.command().arguments;
        assert!(arguments.contains(&"--offline".into()) && arguments.contains(&"--no-verify".into()));
        assert_eq!(arguments.iter().filter(|argument| *argument == "--package").count(), 2);
    }
}
