//! The names by which Python's tools know an index or a repository.

use crate::protocol::shown;
use crate::settings::{Goal, SettingsError};

/// What a tool takes for a name.
#[derive(Clone, Copy)]
pub(crate) struct IndexNames {
    /// Whether dots, too: tools that look settings up by `repositories.NAME.url` cannot find one with a dot.
    pub(crate) dots: bool,
    /// The names that have a meaning of their own, in lower case.
    pub(crate) reserved: &'static [&'static str],
}

impl IndexNames {
    /// The name chosen, or else the repository's; where there are no dots, with `-` for each.
    ///
    /// # Errors
    /// [`SettingsError::Name`]: the tool does not take it.
    pub(crate) fn choose(self, goal: &Goal<'_>) -> Result<String, SettingsError> {
        let repository = goal.endpoint.repository().as_str();
        let name = match goal.name {
            Some(name) => name.to_owned(),
            None if self.dots => repository.to_owned(),
            None => repository.replace('.', "-"),
        };
        let rule = if name.is_empty() {
            "it is empty"
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            "an index's name has letters, digits, `-`, `_` and `.`"
        } else if name.contains('.') && !self.dots {
            "there is no dot in an index's name here"
        } else if self.reserved.contains(&name.to_lowercase().as_str()) {
            "that name has a meaning of its own"
        } else {
            return Ok(name);
        };
        Err(SettingsError::Name { name: shown(&name, 100), rule })
    }
}
