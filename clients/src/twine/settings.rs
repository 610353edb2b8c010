//! `.pypirc` in the home folder (twine 7.0, `twine.utils.get_config`), and Python's `keyring` library.
//!
//! `[distutils]` `index-servers` lists the names that are known, `[NAME]` says what each is. Without that list twine knows
//! `pypi` and `testpypi`, so a new list begins with these. A password is never written; one that is there, also that of
//! `[server-login]`, which twine sends to every repository, would be sent in a token's place.
//!
//! NAME is the repository's name unless chosen.

use crate::index_name::IndexNames;
use crate::keyring::Library;
use crate::protocol::shown;
use crate::settings::{
    Choices, Draft, Edit, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile, without_user,
};
use crate::syntax::{Syntax, ini::Sections};

const SERVERS: [&str; 2] = ["distutils", "index-servers"];
/// What twine knows without a list.
const DEFAULT_SERVERS: [&str; 2] = ["pypi", "testpypi"];
const FOR_ALL: [&str; 2] = ["server-login", "password"];

const NAMES: IndexNames =
    IndexNames { dots: true, reserved: &["default", "distutils", "server-login", "pypi", "testpypi"] };

/// twine's settings.
pub(super) struct TwineSettings;

impl Settings for TwineSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Named], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &[], is_outermost: |_, _| false }
    }

    fn files(&self, goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "twine" })?;
        let library = Library::files(goal, places, "twine")?;
        let pypirc = SettingsFile {
            candidates: vec![home.join(".pypirc")],
            level: Level::User,
            anchor: home.to_path_buf(),
        };
        Ok(library.into_iter().chain([pypirc]).collect())
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        if let Some(edit) = Library::edit(goal, file, text) {
            return edit;
        }
        let mut draft = Draft::<Sections>::read(file, text)?;
        let name = NAMES.choose(goal)?;
        let url = goal.endpoint.base_url();
        draft.refuse_taken(&[&name, "repository"], "repository", &name, &url)?;
        for keys in [FOR_ALL, [&name, "password"]] {
            draft.refuse_password(&keys)?;
        }
        draft.append_to(&SERVERS, &name, &DEFAULT_SERVERS)?;
        draft.set_text(&[&name, "repository"], &url)?;
        draft.set_text(&[&name, "username"], "aws")?;
        for section in draft.editor().keys(&[]) {
            let of_domain = draft.text_at(&[&section, "repository"]).is_some_and(|other| host(&other) == host(&url));
            if of_domain && draft.text_at(&[&section, "password"]).is_some() {
                let shown = shown(&section, 100);
                let message = format!("`[{shown}]` holds a password for the same domain, such as an old token: take it out");
                draft.find("password-at-rest", message, &[&section, "password"]);
            }
        }
        Ok(draft.done(Syntax::Ini, format!("twine knows the repository as `{name}`")))
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        NAMES.choose(goal).map(Some)
    }
}

/// A URL's host and port; on this machine with the domain, which stands in the path.
fn host(url: &str) -> Option<String> {
    let url = without_user(url);
    let (_, rest) = url.split_once("://")?;
    let mut parts = rest.split('/');
    let host = parts.next()?;
    Some(if parts.next() == Some("d") { format!("{host}/{}", parts.next()?) } else { host.to_owned() })
}
