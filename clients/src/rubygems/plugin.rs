//! The plugin that puts a token into what RubyGems sends to a repository, and asks the credential program for it then.
//!
//! `gem` loads it before it does anything, and Bundler before it downloads gems. Bundler needs it for these: where all
//! sources have a mirror it takes the mirror's credentials for the index, and forgets them for the gems (2.3.27: it looks
//! the mirror up a second time, for the address that has the credentials in it).

use std::path::{Path, PathBuf};

use crate::settings::{Edit, Finding, Goal, Level, SettingsError, SettingsFile};

/// RubyGems looks for this name in every folder of its load path.
const NAME: &str = "rubygems_plugin.rb";
const TEXT: &str = include_str!("shim/rubygems_plugin.rb");
/// What stands in it where the credential program's path belongs.
const HELPER: &str = "'codeartifact-credential-helper'";

/// Its file, the user's own.
pub(crate) fn file(goal: &Goal<'_>) -> SettingsFile {
    let folder = folder(goal);
    SettingsFile { candidates: vec![folder.join(NAME)], level: Level::User, anchor: folder }
}

/// Whether a file is its.
pub(crate) fn is_in(file: &SettingsFile) -> bool {
    file.candidates.last().is_some_and(|path| path.ends_with(NAME))
}

/// The edit that makes it.
///
/// # Errors
/// There is another file of its name, or the credential program's path is not text.
pub(crate) fn edit(goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
    let helper = goal.helper.to_str().ok_or_else(|| SettingsError::Path { path: goal.helper.to_path_buf() })?;
    let quoted = format!("'{}'", helper.replace('\\', r"\\").replace('\'', r"\'"));
    let why = "RubyGems asks the credential program for tokens";
    let mut edit = Edit::whole(file, text, &TEXT.replace(HELPER, &quoted), why)?;
    edit.findings.push(Finding {
        code: "rubygems-rubylib",
        message: format!(
            "RubyGems finds its plugin by a variable; in your shell's start-up file: `export RUBYLIB=\"{}\"`",
            folder(goal).display()
        ),
        path: None,
        line: None,
    });
    Ok(edit)
}

/// Beside the folder of links.
fn folder(goal: &Goal<'_>) -> PathBuf {
    goal.links.parent().unwrap_or(Path::new("/")).join("ruby")
}
