//! The user's own file: `config.toml` in the configuration folder, or the one `CODEARTIFACT_CONFIG` names.
//!
//! ```toml
//! trusted-owners = ["111122223333"]   # accounts whose domains may be configured without asking
//!
//! [store]
//! use = ["kernel", "secret-service"]  # where tokens rest, in order
//!
//! [defaults]                          # where neither an option, a variable nor a project's file says it
//! domain = "my-org"
//! owner = "111122223333"              # of that domain
//! region = "us-east-1"
//! repository = "my-team-repo"         # to read from
//!
//! [[account]]                         # who asks for the tokens of which domain: the first rule that matches
//! owner = "444455556666"              # for domains of this account,
//! domain = "acme-*"                   # of these names (`*` is any run of characters),
//! region = "eu-west-1"                # in this Region,
//! repository = "team-*"               # for these repositories: all that are given have to match
//! profile = "work"                    # ask by this profile of the user's AWS files,
//! role = "arn:aws:iam::444455556666:role/reader"  # as this role, assumed by that profile,
//! lifetime = "1h"                     # for tokens that hold so long: 15m to 12h, or `session`, the role session's end
//! ```
//!
//! Of `profile`, `role` and `lifetime` a rule says at least one. A rule that could never match is an error that names
//! both lines: one that an earlier rule covers, or whose role and Region are of different partitions. (A role of another
//! partition than the *URL's* Region passes the rule over.) Rules and environment are weighed in
//! [`account`](crate::account).
//!
//! It is the user's: no project's file has a say in who is trusted, who asks or where tokens rest. It is opened once, and parsed
//! only where it exists, because the warm path passes here.

use std::{fmt, io, io::Read as _, ops::Range, path::Path, path::PathBuf, str::FromStr};

use toml_edit::{Document, Item, Value};

use crate::account::AccountRule;
use crate::endpoint::{AccountId, DomainName, EndpointError, Region, RepositoryName};
use crate::host::Host;

mod accounts;

/// The variable that names the stores, in order, separated by commas; it goes before the file.
pub const STORE_VARIABLE: &str = "CODEARTIFACT_STORE";

/// The variable that names the user's file.
pub const CONFIG_VARIABLE: &str = "CODEARTIFACT_CONFIG";

/// More than this is no settings file (1 MiB).
const LARGEST: u64 = 1 << 20;

/// Where tokens can rest, by the names used in settings and in `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreName {
    /// `kernel`: the Linux kernel's keyrings. In memory, gone at reboot.
    Kernel,
    /// `secret-service`: the desktop's keyring over D-Bus (GNOME Keyring, KWallet and others). Survives a reboot.
    SecretService,
    /// `keychain`: the macOS login keychain.
    Keychain,
    /// `credential-manager`: the Windows Credential Manager.
    CredentialManager,
    /// `encrypted-file`: a file of mode 0600 in the state folder, whose key rests in the Linux kernel's keyrings. Only
    /// where the user chose it.
    EncryptedFile,
    /// `file`: a file of mode 0600 in the state folder, in clear text. Only where the user chose it.
    File,
    /// `memory`: this process only.
    Memory,
    /// `none`: nowhere.
    None,
}

impl StoreName {
    /// All names, in the order in which they are listed to people.
    pub const ALL: [StoreName; 8] = [
        StoreName::Kernel,
        StoreName::SecretService,
        StoreName::Keychain,
        StoreName::CredentialManager,
        StoreName::EncryptedFile,
        StoreName::File,
        StoreName::Memory,
        StoreName::None,
    ];

    /// The stores used where nothing is set, in order.
    pub const fn defaults() -> &'static [StoreName] {
        if cfg!(target_os = "linux") {
            &[StoreName::Kernel, StoreName::SecretService]
        } else if cfg!(target_os = "macos") {
            &[StoreName::Keychain]
        } else if cfg!(windows) {
            &[StoreName::CredentialManager]
        } else {
            &[StoreName::None]
        }
    }

    /// The stores of this system in which tokens outlive a process, whether they are in use or not.
    pub const fn persistent() -> &'static [StoreName] {
        if cfg!(target_os = "linux") {
            &[StoreName::Kernel, StoreName::SecretService, StoreName::EncryptedFile, StoreName::File]
        } else if cfg!(target_os = "macos") {
            &[StoreName::Keychain, StoreName::File]
        } else if cfg!(windows) {
            &[StoreName::CredentialManager, StoreName::File]
        } else {
            &[StoreName::File]
        }
    }

    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            StoreName::Kernel => "kernel",
            StoreName::SecretService => "secret-service",
            StoreName::Keychain => "keychain",
            StoreName::CredentialManager => "credential-manager",
            StoreName::EncryptedFile => "encrypted-file",
            StoreName::File => "file",
            StoreName::Memory => "memory",
            StoreName::None => "none",
        }
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoreName {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        StoreName::ALL.into_iter().find(|name| name.as_str() == text).ok_or(())
    }
}

/// What the user's file and variables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    file: Option<PathBuf>,
    trusted_owners: Vec<AccountId>,
    stores: Option<Vec<StoreName>>,
    defaults: Defaults,
    accounts: Vec<AccountRule>,
}

/// What the user usually means, where nothing nearer says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The domain.
    pub domain: Option<DomainName>,
    /// That domain's owner.
    pub owner: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The repository to read from.
    pub repository: Option<RepositoryName>,
}

impl UserSettings {
    /// Reads the variables and, where there is one, the file. A file named by `CODEARTIFACT_CONFIG` must exist.
    pub fn read(host: &Host) -> Result<Self, SettingsError> {
        let named = host.var(CONFIG_VARIABLE).map(|path| host.current_dir().join(path));
        let must_exist = named.is_some();
        let path = named.or_else(|| host.config_dir().map(|folder| folder.join("config.toml")));
        let mut settings = match path {
            Some(path) => match content(&path) {
                Ok(text) => Self::parse(&path, &text)?,
                Err(error) if !must_exist && error.kind() == io::ErrorKind::NotFound => Self::default(),
                // A folder on the way that is a file: there is no settings file either.
                Err(error) if !must_exist && error.kind() == io::ErrorKind::NotADirectory => Self::default(),
                Err(source) => return Err(SettingsError::Unreadable { path, source }),
            },
            None => Self::default(),
        };
        if let Some(list) = host.var(STORE_VARIABLE) {
            settings.stores = Some(
                list.split(',')
                    .map(|name| {
                        let name = name.trim();
                        name.parse().map_err(|()| SettingsError::UnknownStore {
                            origin: STORE_VARIABLE.to_owned(),
                            found: shown(name),
                        })
                    })
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(settings)
    }

    /// The file that was read, where there was one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Accounts whose domains the user agreed to.
    pub fn trusted_owners(&self) -> &[AccountId] {
        &self.trusted_owners
    }

    /// What the file says for want of anything nearer.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// The account rules, in order.
    pub fn accounts(&self) -> &[AccountRule] {
        &self.accounts
    }

    /// The stores in force, in order: the variable's, else the file's, else the system's usual ones.
    pub fn stores(&self) -> &[StoreName] {
        self.stores.as_deref().unwrap_or(StoreName::defaults())
    }

    /// Whether the user chose the stores.
    pub fn stores_are_chosen(&self) -> bool {
        self.stores.is_some()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let file = File { path, text };
        let document = Document::parse(text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            line: file.line(error.span()),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        let mut settings = UserSettings { file: Some(path.to_owned()), ..UserSettings::default() };
        for (key, item) in document.iter() {
            match key {
                "trusted-owners" => {
                    settings.trusted_owners = file.list(key, item, |found| {
                        found.parse().map_err(|_| file.wrong(key, item, found, "accounts have exactly 12 digits"))
                    })?;
                }
                "store" => {
                    let table = item
                        .as_table_like()
                        .ok_or_else(|| file.wrong(key, item, item.type_name(), "it is a table: `[store]`"))?;
                    for (inner, item) in table.iter() {
                        if inner != "use" {
                            let span = table.key(inner).and_then(toml_edit::Key::span);
                            return Err(file.unknown(&format!("store.{inner}"), span, &["store.use"]));
                        }
                        settings.stores = Some(file.list("store.use", item, |found| {
                            found.parse().map_err(|()| SettingsError::UnknownStore {
                                origin: format!("{}:{}", path.display(), file.line(item.span())),
                                found: shown(found),
                            })
                        })?);
                    }
                }
                "defaults" => {
                    let table = item
                        .as_table_like()
                        .ok_or_else(|| file.wrong(key, item, item.type_name(), "it is a table: `[defaults]`"))?;
                    let defaults = &mut settings.defaults;
                    for (inner, item) in table.iter() {
                        match inner {
                            "domain" => defaults.domain = Some(file.name("defaults.domain", item)?),
                            "owner" => defaults.owner = Some(file.name("defaults.owner", item)?),
                            "region" => defaults.region = Some(file.name("defaults.region", item)?),
                            "repository" => defaults.repository = Some(file.name("defaults.repository", item)?),
                            _ => {
                                let span = table.key(inner).and_then(toml_edit::Key::span);
                                let known =
                                    ["defaults.domain", "defaults.owner", "defaults.region", "defaults.repository"];
                                return Err(file.unknown(&format!("defaults.{inner}"), span, &known));
                            }
                        }
                    }
                }
                "account" => settings.accounts = accounts::read(&file, item)?,
                other => {
                    let span = document.key(other).and_then(toml_edit::Key::span);
                    return Err(file.unknown(other, span, &["trusted-owners", "store", "defaults", "account"]));
                }
            }
        }
        Ok(settings)
    }
}

/// One open, and no more than a settings file can have.
fn content(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    if file.take(LARGEST + 1).read_to_string(&mut text)? as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

/// The file while it is read: where things are in it.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// The line, from 1.
    fn line(&self, span: Option<Range<usize>>) -> usize {
        let end = span.map_or(0, |span| span.start).min(self.text.len());
        1 + self.text.get(..end).unwrap_or_default().matches('\n').count()
    }

    fn list<T>(
        &self,
        key: &str,
        item: &Item,
        each: impl Fn(&str) -> Result<T, SettingsError>,
    ) -> Result<Vec<T>, SettingsError> {
        let array = item
            .as_array()
            .ok_or_else(|| self.wrong(key, item, item.type_name(), "it is a list of texts: [\"...\", \"...\"]"))?;
        array
            .iter()
            .map(|value| match value {
                Value::String(text) => each(text.value()),
                other => Err(self.wrong(key, item, other.type_name(), "it is a list of texts: [\"...\", \"...\"]")),
            })
            .collect()
    }

    /// A text that is one of the field's names.
    fn name<T: FromStr<Err = EndpointError>>(&self, key: &str, item: &Item) -> Result<T, SettingsError> {
        let text = item.as_str().ok_or_else(|| self.wrong(key, item, item.type_name(), "it is text in quotes"))?;
        text.parse().map_err(|error| match error {
            EndpointError::Invalid { rule, .. } => self.wrong(key, item, text, rule),
            EndpointError::OtherService { .. } => self.wrong(key, item, text, "it is a name"),
        })
    }

    fn wrong(&self, key: &str, item: &Item, found: &str, rule: &'static str) -> SettingsError {
        SettingsError::Value {
            path: self.path.to_owned(),
            line: self.line(item.span()),
            key: key.to_owned(),
            found: shown(found),
            rule,
        }
    }

    fn unknown(&self, key: &str, span: Option<Range<usize>>, known: &[&'static str]) -> SettingsError {
        let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key)).copied();
        SettingsError::UnknownKey {
            path: self.path.to_owned(),
            line: self.line(span),
            key: shown(key),
            nearest: nearest.unwrap_or_default(),
        }
    }
}

/// What was found, fit for one line of a message.
fn shown(found: &str) -> String {
    found.escape_debug().take(80).collect()
}

fn valid_stores() -> String {
    StoreName::ALL.map(|name| format!("`{name}`")).join(", ")
}

/// The user's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there, or was asked for, and cannot be read.
    #[error("cannot read the settings file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that means nothing to us.
    #[error("{path}:{line}: unknown key `{key}`; the nearest known key is `{nearest}`")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The known key most like it.
        nearest: &'static str,
    },
    /// A value breaks its key's rule.
    #[error("{path}:{line}: `{key}` cannot be `{found}`: {rule}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What was found, or its type.
        found: String,
        /// The rule, in words.
        rule: &'static str,
    },
    /// A rule that an earlier one covers.
    #[error(
        "{path}:{line}: this account rule never matches, as the one in line {earlier} matches first whatever it is for"
    )]
    CoveredRule {
        /// The file.
        path: PathBuf,
        /// The line of the rule, from 1.
        line: usize,
        /// The line of the earlier one.
        earlier: usize,
    },
    /// A rule whose parts exclude each other.
    #[error("{path}:{line}: this account rule never matches: {reason} (line {other})")]
    ContradictingRule {
        /// The file.
        path: PathBuf,
        /// The line of one part, from 1.
        line: usize,
        /// The line of the other.
        other: usize,
        /// How they do.
        reason: String,
    },
    /// A rule that asks for nothing.
    #[error(
        "{path}:{line}: this account rule says neither `profile` nor `role` nor `lifetime`, so nothing follows from it"
    )]
    EmptyRule {
        /// The file.
        path: PathBuf,
        /// The line of the rule, from 1.
        line: usize,
    },
    /// A store of that name does not exist.
    #[error("{origin}: there is no store `{found}`; valid stores are {valid}", valid = valid_stores())]
    UnknownStore {
        /// The variable, or file and line.
        origin: String,
        /// The name that was found.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn read(text: &str) -> Result<UserSettings, String> {
        UserSettings::parse(Path::new("/c.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_is_there() {
        let settings = read("# mine\ntrusted-owners = [\"111122223333\"]\n\n[store]\nuse = [\"kernel\", \"file\"]\n");
        let settings = settings.unwrap();
        assert_eq!(settings.trusted_owners(), ["111122223333".parse().unwrap()]);
        assert_eq!(settings.stores(), [StoreName::Kernel, StoreName::File]);
        assert!(settings.stores_are_chosen());
        assert_eq!(read("store.use = []").unwrap().stores(), []);
        let text =
            "[defaults]\ndomain = \"my-org\"\nowner = \"111122223333\"\nregion = \"us-east-1\"\nrepository = \"r1\"\n";
        let defaults = read(text).unwrap().defaults().clone();
        assert_eq!(defaults.domain, Some("my-org".parse().unwrap()));
        assert_eq!(defaults.owner, Some("111122223333".parse().unwrap()));
        assert_eq!(defaults.region, Some("us-east-1".parse().unwrap()));
        assert_eq!(defaults.repository, Some("r1".parse().unwrap()));
        let empty = read("").unwrap();
        assert_eq!(empty.stores(), StoreName::defaults());
        assert!(!empty.stores_are_chosen());
    }

    #[test]
    fn errors_name_place_cause_and_next_step() {
        for (text, error) in [
            (
                "\n\ntrusted-owner = []",
                "/c.toml:3: unknown key `trusted-owner`; the nearest known key is `trusted-owners`",
            ),
            ("[stor]\nuse = []", "/c.toml:1: unknown key `stor`; the nearest known key is `store`"),
            ("[store]\nuses = []", "/c.toml:2: unknown key `store.uses`; the nearest known key is `store.use`"),
            (
                "[store]\nuse = \"kernel\"",
                "/c.toml:2: `store.use` cannot be `string`: it is a list of texts: [\"...\", \"...\"]",
            ),
            ("store = 1", "/c.toml:1: `store` cannot be `integer`: it is a table: `[store]`"),
            (
                "trusted-owners = [\"12\"]",
                "/c.toml:1: `trusted-owners` cannot be `12`: accounts have exactly 12 digits",
            ),
            (
                "[defaults]\ndomian = \"a1\"",
                "/c.toml:2: unknown key `defaults.domian`; the nearest known key is `defaults.domain`",
            ),
            ("[defaults]\nowner = 12", "/c.toml:2: `defaults.owner` cannot be `integer`: it is text in quotes"),
            (
                "\n[store]\nuse = [\"keyring\"]",
                "/c.toml:3: there is no store `keyring`; valid stores are `kernel`, `secret-service`, `keychain`, \
                 `credential-manager`, `encrypted-file`, `file`, `memory`, `none`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
        assert!(read("a = \n").unwrap_err().starts_with("/c.toml:1: "), "{:?}", read("a = \n"));
        assert!(read("[store]\nuse = [").unwrap_err().starts_with("/c.toml:2: "), "{:?}", read("[store]\nuse = ["));
    }

    fn host(variables: &[(&str, &str)]) -> Host {
        Host::for_test(&[], variables, "/", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_variable_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[store]\nuse = [\"kernel\"]").unwrap();
        let path = path.to_str().unwrap();
        let stores = |variables: &[(&str, &str)]| UserSettings::read(&host(variables)).unwrap().stores().to_vec();
        assert_eq!(stores(&[(CONFIG_VARIABLE, path)]), [StoreName::Kernel]);
        assert_eq!(
            stores(&[(CONFIG_VARIABLE, path), (STORE_VARIABLE, "file, none")]),
            [StoreName::File, StoreName::None]
        );
        let error = UserSettings::read(&host(&[(STORE_VARIABLE, "file,,")])).unwrap_err().to_string();
        assert!(error.starts_with("CODEARTIFACT_STORE: there is no store ``; valid stores are `kernel`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_fine_unless_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        assert_eq!(UserSettings::read(&host(&[("HOME", home)])).unwrap(), UserSettings::default());
        let missing = format!("{home}/missing.toml");
        let error = UserSettings::read(&host(&[("HOME", home), (CONFIG_VARIABLE, &missing)])).unwrap_err();
        assert!(matches!(error, SettingsError::Unreadable { .. }), "{error:?}");
    }

    #[test]
    fn a_huge_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, vec![b'\n'; usize::try_from(LARGEST).unwrap() + 1]).unwrap();
        let error = UserSettings::read(&host(&[(CONFIG_VARIABLE, path.to_str().unwrap())])).unwrap_err();
        assert!(matches!(error, SettingsError::Unreadable { .. }), "{error:?}");
    }
}
