//! Consent: which accounts, other than the caller's own, may be the owners of domains we ask for tokens.
//!
//! A project's file may name any owner, and a token goes to that owner's domain. So an owner that is not the caller's
//! own account is agreed to once, by a person or with `--trust`, and then stands in the user's own file.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use codeartifact::{
    AccountId, ControlPlane, DomainName, Host,
    control_plane::FailureKind,
    settings::{CONFIG_VARIABLE, UserSettings},
};
use toml_edit::{DocumentMut, Item, Value};

use crate::report::{CommandError, Report};

/// The key of the user file.
const KEY: &str = "trusted-owners";

/// Whose domain it is, and what the command line says about that.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The domain.
    pub(crate) domain: &'a DomainName,
    /// Its owner.
    pub(crate) owner: &'a AccountId,
    /// `--trust`
    pub(crate) flag: Option<&'a AccountId>,
}

/// Returns if the owner is the caller's own account, or was or is agreed to; a new consent is remembered.
///
/// The service is asked only where nothing else decides; `ask` connects to it.
pub(crate) fn ensure_trusted<'a>(
    question: &Question<'_>,
    settings: &UserSettings,
    file: &UserFile,
    report: &mut Report,
    ask: &mut dyn FnMut() -> Result<&'a dyn ControlPlane, CommandError>,
) -> Result<(), CommandError> {
    let Question { domain, owner, flag } = question;
    if let Some(flag) = flag
        && flag != owner
    {
        return Err(CommandError::usage(anyhow!("`--trust` names {flag}, but domain `{domain}` belongs to {owner}"))
            .hint(format!("check the owner, then give `--trust {owner}`")));
    }
    if settings.trusted_owners().contains(owner) {
        return Ok(());
    }
    if flag.is_some() {
        return remember(file, owner, report);
    }
    if is_own_account(ask()?, domain, owner)? {
        return Ok(());
    }
    let text = format!("domain `{domain}` belongs to account {owner}, which is not your own");
    match report.confirm(&format!("{text}; trust this account from now on?")) {
        Some(true) => remember(file, owner, report),
        Some(false) => Err(CommandError::user(anyhow!("{text}, and was not trusted"))),
        None => Err(CommandError::user(anyhow!("{text}"))
            .hint(format!("if you know the account, trust it once: `--trust {owner}`"))),
    }
}

/// Without an owner the service takes the caller's account: a domain of that name there that has this owner means that
/// the owner is the caller. Who may not look is told so, and asked.
fn is_own_account(
    control_plane: &dyn ControlPlane,
    domain: &DomainName,
    owner: &AccountId,
) -> Result<bool, CommandError> {
    match control_plane.describe_domain(domain, None) {
        Ok(found) => Ok(found.owner == *owner),
        Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::Denied) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn remember(file: &UserFile, owner: &AccountId, report: &mut Report) -> Result<(), CommandError> {
    file.trust(owner)?;
    report.note(&format!("account {owner} is trusted from now on: `{KEY}` in {}", file.path.display()));
    Ok(())
}

/// The user file as something to write to.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: PathBuf,
    /// Keeps two of our programs from writing it at the same time.
    lock: PathBuf,
}

/// The user file could not be changed; it is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserFileError {
    /// There is no home folder to keep it in.
    #[error("there is no folder for the user file: neither HOME nor XDG_CONFIG_HOME is set")]
    Homeless,
    /// A file or folder cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Unusable {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not TOML, or the key is something else in it.
    #[error("cannot add to `{}`: {fault}", path.display())]
    Faulty {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        fault: String,
    },
}

impl UserFile {
    /// The file of these surroundings.
    pub(crate) fn of(host: &Host) -> Result<Self, UserFileError> {
        let named = host.var(CONFIG_VARIABLE).map(|name| host.current_dir().join(name));
        let path = match named {
            Some(path) => path,
            None => host.config_dir().ok_or(UserFileError::Homeless)?.join("config.toml"),
        };
        let lock = host.runtime_dir().ok_or(UserFileError::Homeless)?.join("user-file.lock");
        Ok(Self { path, lock })
    }

    /// Adds an owner; the rest of the file keeps its bytes.
    fn trust(&self, owner: &AccountId) -> Result<(), UserFileError> {
        let lock = self.lock.parent().unwrap_or(Path::new("."));
        private_folder(lock)?;
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&self.lock)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|source| unusable("lock", &self.lock, source))?;
        // A link, as people keep who have their settings in a repository, stays one: its target is written.
        let target = match fs::canonicalize(&self.path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.path.clone(),
            Err(source) => return Err(unusable("find", &self.path, source)),
        };
        let before = match fs::read_to_string(&target) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(unusable("read", &target, source)),
        };
        let after =
            with_owner(&before, owner).map_err(|fault| UserFileError::Faulty { path: target.clone(), fault })?;
        if after != before {
            replace(&target, &after)?;
        }
        drop(lock);
        Ok(())
    }
}

fn unusable(action: &'static str, path: &Path, source: io::Error) -> UserFileError {
    UserFileError::Unusable { action, path: path.to_owned(), source }
}

fn private_folder(folder: &Path) -> Result<(), UserFileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| unusable("make the folder", folder, source))
}

/// A new file in the same folder, on the disk, then in the old one's place: whatever happens, one of the two is there
/// whole. It is the user's alone (0600), as it says whom they trust.
fn replace(target: &Path, text: &str) -> Result<(), UserFileError> {
    let folder = target.parent().unwrap_or(Path::new("."));
    private_folder(folder)?;
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".config.toml.").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(target)?;
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(|source| unusable("write", target, source))
}

/// The text with one owner more.
fn with_owner(text: &str, owner: &AccountId) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let list = document.entry(KEY).or_insert_with(|| Item::Value(Value::Array(toml_edit::Array::new())));
    let list = list.as_array_mut().ok_or_else(|| format!("`{KEY}` is not a list"))?;
    if !list.iter().any(|value| value.as_str() == Some(owner.as_str())) {
        // A list with an entry a line keeps that form; what is before the line end may be a comment on another entry.
        let prefix = list.iter().last().and_then(|last| last.decor().prefix()).and_then(toml_edit::RawString::as_str);
        let indent = prefix.and_then(|prefix| prefix.rsplit_once('\n')).map(|(_, indent)| format!("\n{indent}"));
        let mut value = Value::from(owner.as_str());
        match indent {
            Some(indent) => {
                value.decor_mut().set_prefix(indent);
                list.push_formatted(value);
            }
            None => list.push(value),
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests;
