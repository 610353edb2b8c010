//! The little of Cargo's configuration that publishing depends on: which registry a name stands for. Read as cargo does
//! it: variables, then `.cargo/config.toml` from the folder upwards, then `$CARGO_HOME/config.toml`.

use std::path::{Path, PathBuf};

use codeartifact::Host;
use toml_edit::{DocumentMut, Item};

use super::error::PublishError;

/// Cargo's configuration as it applies in a folder, the nearest file first.
pub(super) struct CargoConfig<'a> {
    host: &'a Host,
    files: Vec<DocumentMut>,
}

impl<'a> CargoConfig<'a> {
    /// Reads the files.
    pub(super) fn read(folder: &Path, host: &'a Host) -> Result<Self, PublishError> {
        let home = match host.var_os("CARGO_HOME") {
            Some(home) => Some(host.current_dir().join(home)),
            None => host.home().map(|home| home.join(".cargo")),
        };
        let mut folders: Vec<PathBuf> = folder.ancestors().map(|folder| folder.join(".cargo")).collect();
        folders.extend(home.filter(|home| !folders.contains(home)));
        let mut files = Vec::new();
        for folder in folders {
            // The name without an ending is the older one, and cargo prefers it where both are there.
            for name in ["config", "config.toml"] {
                let path = folder.join(name);
                match std::fs::read_to_string(&path) {
                    Ok(text) => {
                        files.push(text.parse().map_err(|source| PublishError::Manifest { path, source })?);
                        break;
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {}
                    Err(source) => return Err(PublishError::File { action: "read", path, source }),
                }
            }
        }
        Ok(Self { host, files })
    }

    /// The index of a registry by name, if one is configured.
    pub(super) fn registry_index(&self, name: &str) -> Option<String> {
        let variable = name.to_uppercase().replace('-', "_");
        let said = self.host.var(&format!("CARGO_REGISTRIES_{variable}_INDEX")).map(str::to_owned);
        said.or_else(|| self.text(&["registries", name, "index"]))
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        self.files.iter().find_map(|file| {
            let item = path.iter().try_fold(file.as_item(), |item: &Item, key| item.get(key))?;
            item.as_str().map(str::to_owned)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn config(variables: &[(&str, &str)], files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<(String, String)>) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let home = folder.path().join("home").to_str().unwrap().to_owned();
        let mut all = vec![("HOME".to_owned(), home)];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        (folder, all)
    }

    /// Asks the configuration that a member of `project` sees under these variables and files.
    fn ask<T>(variables: &[(&str, &str)], files: &[(&str, &str)], question: fn(&CargoConfig<'_>) -> T) -> T {
        let (folder, variables) = config(variables, files);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let host = Host::for_test(&[], &variables, folder.path(), SystemTime::UNIX_EPOCH);
        question(&CargoConfig::read(&folder.path().join("project/member"), &host).unwrap())
    }

    #[test]
    fn names_come_from_variables_then_the_nearest_file() {
        let files = [
            ("home/.cargo/config.toml", "[registries]\nmy-reg = { index = \"home\" }\nother = { index = \"other\" }\n"),
            ("project/.cargo/config.toml", "[registries.my-reg]\nindex = \"project\"\n"),
        ];
        let index = |config: &CargoConfig<'_>| config.registry_index("my-reg");
        assert_eq!(ask(&[], &files, index).as_deref(), Some("project"));
        assert_eq!(ask(&[("CARGO_REGISTRIES_MY_REG_INDEX", "said")], &files, index).as_deref(), Some("said"));
        assert_eq!(ask(&[], &files, |config| config.registry_index("other")).as_deref(), Some("other"));
        assert_eq!(ask(&[], &files, |config| config.registry_index("none")), None);
    }
}
