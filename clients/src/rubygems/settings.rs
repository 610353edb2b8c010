//! RubyGems' configuration (`gem help env`; `rubygems/config_file.rb` and `rubygems/command.rb` of 3.3.15 were read).
//!
//! `gem` reads `~/.gemrc`, and only without it `gem/gemrc` in `XDG_CONFIG_HOME` (`~/.config`). There is no file of a
//! project.
//!
//! | role | what is written |
//! | --- | --- |
//! | default | `:sources:` with the repository alone |
//! | extra, with a list of sources | the repository at the end of `:sources:` |
//! | extra, without one | `--source URL` at the end of `gem:`, the arguments of every command that knows them: the built-in source stays, without being named |
//! | each | a plugin of RubyGems' own, in a folder of ours that `RUBYLIB` has to name |
//!
//! The plugin puts a token into what `gem` sends to the repository, and asks the credential program for it then. There is
//! no other hook: credentials in a source's URL would be in the file. `gem` writes its file anew when `gem sources --add`
//! changes it, without comments; taking back goes by values then.

use super::plugin;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
};
use crate::syntax::{Syntax, Value, yaml::Document};

const SOURCES: [&str; 1] = [":sources"];
const ARGUMENTS: [&str; 1] = ["gem"];

/// RubyGems' settings.
pub(super) struct RubyGemsSettings;

impl Settings for RubyGemsSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Default, Role::Extra], name: false, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        // It has no settings of a project's; a gem's own folder has no file of a fixed name.
        ProjectMarker { files: &[], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "RubyGems" })?;
        let config = (places.variable)("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), Into::into);
        let dotted = home.join(".gemrc");
        Ok(vec![
            // First: sources that nobody can authorize are the worse half.
            plugin::file(goal),
            SettingsFile {
                candidates: vec![dotted.clone(), config.join("gem/gemrc"), dotted],
                level: Level::User,
                anchor: home.to_path_buf(),
            },
        ])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if plugin::is_in(file) {
            return plugin::edit(goal, file, text);
        }
        let url = goal.endpoint.base_url();
        let mut draft = Draft::<Document>::read(file, text)?;
        let why = match goal.role {
            Role::Named | Role::Default => {
                draft.set(&SOURCES, Value::List(vec![url]))?;
                "gem takes the repository for its only source"
            }
            Role::Extra => {
                if draft.editor().line(&SOURCES).is_some() {
                    draft.append(&SOURCES, &url)?;
                    confusion(&mut draft, &SOURCES);
                } else {
                    let arguments = match draft.editor().get(&ARGUMENTS) {
                        Ok(Some(Value::Text(arguments))) => arguments,
                        _ => String::new(),
                    };
                    draft.set(&ARGUMENTS, Value::Text(with_source(&arguments, &url)))?;
                    confusion(&mut draft, &ARGUMENTS);
                }
                "gem asks the repository beside its other sources"
            }
        };
        Ok(draft.done(Syntax::Yaml, why))
    }
}

fn confusion(draft: &mut Draft<'_, Document>, keys: &[&str]) {
    let message = "gem takes the highest version of all its sources: a stranger's gem of the same name can win";
    draft.find("dependency-confusion", message.to_owned(), keys);
}

/// Arguments with the source at their end, unless it is among them.
fn with_source(arguments: &str, url: &str) -> String {
    let words: Vec<_> = arguments.split_whitespace().collect();
    if words.windows(2).any(|pair| pair == ["--source", url]) {
        return arguments.to_owned();
    }
    format!("{arguments} --source {url}").trim_start().to_owned()
}
