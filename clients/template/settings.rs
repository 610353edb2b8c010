//! NAME's files (the page of its manual): where they are, which wins, what is written into which.

use crate::settings::{Choices, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile};
use crate::syntax::{Syntax, Value, toml::Toml};

/// NAME's settings.
pub(super) struct NameSettings;

impl Settings for NameSettings {
    fn choices(&self) -> Choices {
        let levels = &[Level::User, Level::Project];
        Choices { levels, roles: &[Role::Default], name: false, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["name.toml"], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let folder = match goal.level {
            Level::User => places.home.ok_or(SettingsError::NoHome { client: "NAME" })?,
            Level::Project => places.project,
        };
        let candidates = vec![folder.join(".name.toml")];
        Ok(vec![SettingsFile { candidates, level: goal.level, anchor: folder.to_path_buf() }])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates[0].clone();
        let in_file = |source| SettingsError::Syntax { path: path.clone(), source };
        let mut toml = Toml::parse(text.unwrap_or_default()).map_err(in_file)?;
        let url = Value::Text(goal.endpoint.base_url());
        let change = toml.set(&["repository", "url"], &url).map_err(in_file)?;
        Ok(Edit {
            before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
            after: toml.text(),
            path,
            why: "NAME reads packages from the repository".to_owned(),
            level: file.level,
            syntax: Syntax::Toml,
            changes: change.into_iter().collect(),
            present: Vec::new(),
            findings: Vec::new(),
        })
    }
}
