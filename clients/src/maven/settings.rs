//! Maven's settings (its "Settings Reference"; seen with 3.8.7 and 4.0.0-rc-5).
//!
//! - `~/.m2/settings.xml`, the user's: Maven 3 and 4 read the same one. What Maven 4 has beside (`.mvn/settings.xml` of a
//!   project) Maven 3 does not read, and a POM is the project's own work: so there is the user's level only.
//! - `~/.mavenrc`, which the `mvn` script of both runs before it starts Maven, unless `MAVEN_SKIP_RC` is set.
//!
//! | role | where in `settings.xml` | what is written |
//! | --- | --- | --- |
//! | either | `servers` | the id, the user `aws`, and `${env.VARIABLE}` for the password |
//! | default | `mirrors` | the id, the URL, and `*`: every repository's place is taken |
//! | named | `profiles`, `activeProfiles` | the repository, for packages and for plugins, asked before the public one |
//!
//! Neither Maven has a hook that both understand. Maven 4 could ask a pinentry, but the password that names it is sent to
//! the server as it stands by Maven 3. Both take a password from the environment, which `~/.mavenrc` fills: with a variable
//! for each domain, for a token is a domain's. Where the extension of Maven's core lies in `~/.m2`, Maven 3 loads it: nobody
//! is asked for a variable then, and it takes the place of a password that is no more than the name of one. Maven 4 asks
//! extensions for some of its requests only.
//!
//! The mirror that comes first takes a repository, and a second `<mirrors>` is an error to Maven: so a new element goes to
//! the end of the parent that is there.

use std::path::Path;

use crate::protocol::shown;
use crate::settings::{
    Choices, Edit, Finding, Goal, Level, Places, ProjectMarker, Role, Settings, SettingsError, SettingsFile,
    without_user,
};
use crate::syntax::{
    Change, Deed, Syntax, SyntaxError, Value,
    lines::Lines,
    xml::{By, Element, Xml},
};

const USER: &str = "aws";
const SETTINGS: &str = "settings.xml";
/// The line that loads the extension, by its key.
const EXTENSION: &str = "extension";
const SERVERS: [&str; 2] = ["settings", "servers"];
const MIRRORS: [&str; 2] = ["settings", "mirrors"];
const ACTIVE: [&str; 2] = ["settings", "activeProfiles"];

/// Maven's settings.
pub(super) struct MavenSettings;

impl Settings for MavenSettings {
    fn choices(&self) -> Choices {
        Choices { levels: &[Level::User], roles: &[Role::Named, Role::Default], name: true, scope: None }
    }

    fn project_marker(&self) -> ProjectMarker {
        ProjectMarker { files: &["pom.xml"], is_outermost: |_, text| text.contains("<modules>") }
    }

    fn files(&self, _goal: &Goal<'_>, places: &Places<'_>) -> Result<Vec<SettingsFile>, SettingsError> {
        let home = places.home.ok_or(SettingsError::NoHome { client: "Maven" })?;
        let file = |path| SettingsFile { candidates: vec![path], level: Level::User, anchor: home.to_path_buf() };
        Ok(vec![file(home.join(".mavenrc")), file(home.join(".m2").join(SETTINGS))])
    }

    fn edit(&self, goal: &Goal<'_>, file: &SettingsFile, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
        let path = file.candidates.last().cloned().unwrap_or_default();
        if path.ends_with(SETTINGS) { repositories(goal, &path, text) } else { tokens(goal, &path, text) }
    }

    fn repository_name(&self, goal: &Goal<'_>) -> Result<Option<String>, SettingsError> {
        id(goal).map(|id| Some(id.to_owned()))
    }
}

/// The id by which POMs and settings know the repository.
fn id<'a>(goal: &Goal<'a>) -> Result<&'a str, SettingsError> {
    let id = goal.name.unwrap_or(goal.endpoint.repository().as_str());
    let rule = if id.is_empty() {
        "it is empty"
    } else if matches!(id, "central" | "local") {
        "that is Maven's own name for another one"
    } else if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        "Maven takes letters, digits, `-`, `_` and `.`"
    } else {
        return Ok(id);
    };
    Err(SettingsError::Name { name: shown(id, 100), rule })
}

/// The variable that holds the token of the domain.
fn variable(goal: &Goal<'_>) -> String {
    let domain = goal.domain_link("CODEARTIFACT_AUTH_TOKEN_");
    domain.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// `~/.mavenrc`: lines for a POSIX shell that cannot end it, whatever the helper answers.
fn tokens(goal: &Goal<'_>, path: &Path, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
    let in_file = |source| SettingsError::Syntax { path: path.to_path_buf(), source };
    let unwritable = || SettingsError::Path { path: goal.helper.to_path_buf() };
    let helper = goal.helper.to_str().ok_or_else(unwritable)?;
    let folder = goal.helper.parent().and_then(Path::to_str).ok_or_else(unwritable)?;
    let (domain, variable) = (goal.domain_link(""), variable(goal));
    // It is Maven 3's, and looks for the helper on PATH. In a file that is sourced `$0` is the `mvn` script.
    let extension = format!(
        "[ ! -f ~/.m2/codeartifact-maven.jar ] || \
         case $(echo \"$(dirname \"$(readlink -f \"$0\")\")\"/../lib/maven-core-*) in \
         */maven-core-3.*) codeartifact_extension=1; PATH=$PATH:{}; \
         MAVEN_OPTS=\"${{MAVEN_OPTS-}} -Dmaven.ext.class.path=$HOME/.m2/codeartifact-maven.jar\";; esac",
        quoted(folder)
    );
    let token = format!(
        "[ -n \"${{codeartifact_extension-}}\" ] || if {variable}=$({} netrc {domain}); \
         then export {variable}=\"${{{variable}##* }}\"; fi",
        quoted(helper)
    );
    let mut lines = Lines::parse(text.unwrap_or_default()).map_err(in_file)?;
    let (mut changes, mut present) = (Vec::new(), Vec::new());
    for (key, line) in [(EXTENSION, extension), (domain.as_str(), token)] {
        let line = Value::Text(line);
        match lines.set(&[key], &line).map_err(in_file)? {
            Some(change) => changes.push(change),
            None => present.push(Change::present(&[key], Deed::Set { value: line, before: None })),
        }
    }
    Ok(Edit {
        path: path.to_path_buf(),
        before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
        after: lines.text(),
        why: format!("the `mvn` script asks the credential program for the token of {domain}"),
        level: Level::User,
        syntax: Syntax::Lines,
        changes,
        present,
        findings: Vec::new(),
    })
}

/// Text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn repositories(goal: &Goal<'_>, path: &Path, text: Option<&[u8]>) -> Result<Edit, SettingsError> {
    let in_file = |source| SettingsError::Syntax { path: path.to_path_buf(), source };
    let id = id(goal)?;
    let root = Element::new("settings").with_attribute("xmlns", "http://maven.apache.org/SETTINGS/1.0.0");
    let xml = Xml::parse(text.unwrap_or_default()).and_then(|xml| xml.with_root(root)).map_err(in_file)?;
    let mut work = Work { xml, path, changes: Vec::new(), present: Vec::new() };
    work.server(id, &variable(goal))?;
    let url = goal.endpoint.base_url();
    let mut findings = Vec::new();
    let why = if goal.role == Role::Default {
        findings.extend(work.shadow(Some(id)));
        work.mirror(id, &url)?;
        format!("Maven takes everything from `{id}`")
    } else {
        findings.extend(work.shadow(None));
        work.profile(id, &url)?;
        format!("Maven asks the repository as `{id}`, before the public one")
    };
    Ok(Edit {
        path: path.to_path_buf(),
        before: text.map(|text| String::from_utf8_lossy(text).into_owned()),
        after: work.xml.text(),
        why,
        level: Level::User,
        syntax: Syntax::Xml,
        changes: work.changes,
        present: work.present,
        findings,
    })
}

/// `settings.xml` on its way to what it should be.
struct Work<'a> {
    xml: Xml,
    path: &'a Path,
    changes: Vec<Change>,
    present: Vec<Change>,
}

impl Work<'_> {
    /// The id's credentials. Somebody's own password is neither used nor replaced.
    fn server(&mut self, id: &str, variable: &str) -> Result<(), SettingsError> {
        let password = format!("${{env.{variable}}}");
        let step = format!("server[id={id}]");
        let server = [SERVERS[0], SERVERS[1], &step];
        for key in ["password", "passphrase", "privateKey"] {
            let keys = [server[0], server[1], server[2], key];
            let found = self.xml.get(&keys).map_err(|source| self.in_file(source))?.unwrap_or_default();
            let found = found.trim();
            // The name of a variable or of a property is no secret.
            let is_name = found.starts_with("${") && found.ends_with('}');
            if !is_name && !found.is_empty() {
                return Err(SettingsError::SecretInTheWay {
                    path: self.path.to_path_buf(),
                    line: self.xml.line(&keys).unwrap_or(1),
                    key: keys.join("."),
                });
            }
        }
        let ours = Element::new("server").with("id", id).with("username", USER).with("password", &password);
        if self.xml.line(&server).is_none() {
            return self.put(&SERVERS, &ours, By::Child("id"));
        }
        // An earlier run made it, or this one makes do with what is there.
        self.present.push(Xml::present(&SERVERS, &ours, By::Child("id")));
        for (key, value) in [("username", USER), ("password", &password)] {
            self.set(&[server[0], server[1], server[2], key], value)?;
        }
        Ok(())
    }

    /// A mirror of everything.
    fn mirror(&mut self, id: &str, url: &str) -> Result<(), SettingsError> {
        let step = format!("mirror[id={id}]");
        let mirror = Element::new("mirror").with("id", id).with("mirrorOf", "*").with("url", url);
        if self.is_there(&[MIRRORS[0], MIRRORS[1], &step], "mirror", id, url)? {
            // Whatever else is said of it stays.
            self.present.push(Xml::present(&MIRRORS, &mirror, By::Child("id")));
            return self.set(&[MIRRORS[0], MIRRORS[1], &step, "mirrorOf"], "*");
        }
        self.put(&MIRRORS, &mirror, By::Child("id"))
    }

    /// A profile that is always active, with the repository for packages and for plugins.
    fn profile(&mut self, id: &str, url: &str) -> Result<(), SettingsError> {
        let profile = format!("profile[id={id}]");
        let way = ["settings", "profiles", &profile];
        let own = format!("repository[id={id}]");
        let is_own = self.xml.line(&[way[0], way[1], way[2], "repositories", &own]).is_some();
        if !is_own && self.xml.line(&way).is_some() {
            // A profile for something else is not made to count everywhere.
            return Err(self.taken(&way, "profile", id, "something else"));
        }
        for (list, name) in [("repositories", "repository"), ("pluginRepositories", "pluginRepository")] {
            let step = format!("{name}[id={id}]");
            let parent = [way[0], way[1], way[2], list];
            let repository = Element::new(name).with("id", id).with("url", url);
            if self.is_there(&[way[0], way[1], way[2], list, &step], "repository", id, url)? {
                self.present.push(Xml::present(&parent, &repository, By::Child("id")));
            } else {
                self.put(&parent, &repository, By::Child("id"))?;
            }
        }
        self.put(&ACTIVE, &Element::new("activeProfile").with_text(id), By::Text)
    }

    /// A mirror that comes first and takes the repository's place.
    fn shadow(&self, own: Option<&str>) -> Option<Finding> {
        let mirrors = self.xml.elements(&[MIRRORS[0], MIRRORS[1], "mirror"]).into_iter();
        let child = |mirror: &Element, name: &str| mirror.child(name).map(|child| child.text().trim().to_owned());
        let mut above = mirrors.take_while(|placed| own.is_none() || child(&placed.element, "id").as_deref() != own);
        let first = above.find(|placed| {
            let takes = child(&placed.element, "mirrorOf").unwrap_or_default();
            takes.split(',').any(|pattern| matches!(pattern.trim(), "*" | "external:*"))
        })?;
        let name = shown(&child(&first.element, "id").unwrap_or_default(), 100);
        Some(Finding {
            code: "mirror-shadows",
            message: format!("Maven asks mirror `{name}` in the place of this repository, as it comes first"),
            path: Some(self.path.to_path_buf()),
            line: Some(first.line),
        })
    }

    /// Whether an element of this id is there; one that leads elsewhere is an error.
    fn is_there(
        &self,
        way: &[&str],
        what: &'static str,
        id: &str,
        url: &str,
    ) -> Result<bool, SettingsError> {
        if self.xml.line(way).is_none() {
            return Ok(false);
        }
        let keys = [way, &["url"]].concat();
        let found = self.xml.get(&keys).map_err(|source| self.in_file(source))?.unwrap_or_default();
        if found.trim().trim_end_matches('/') == url.trim_end_matches('/') {
            return Ok(true);
        }
        Err(self.taken(&keys, what, id, found.trim()))
    }

    fn taken(&self, keys: &[&str], what: &'static str, id: &str, url: &str) -> SettingsError {
        SettingsError::NameInUse {
            path: self.path.to_path_buf(),
            line: self.xml.line(keys).unwrap_or(1),
            what,
            name: id.to_owned(),
            url: without_user(&shown(url, 300)),
        }
    }

    fn set(&mut self, keys: &[&str], text: &str) -> Result<(), SettingsError> {
        let change = self.xml.set(keys, text).map_err(|source| self.in_file(source))?;
        if let Some(change) = change {
            self.changes.push(change);
        } else {
            let deed = Deed::Set { value: Value::Text(text.to_owned()), before: None };
            self.present.push(Change::present(keys, deed));
        }
        Ok(())
    }

    fn put(&mut self, parent: &[&str], element: &Element, by: By<'_>) -> Result<(), SettingsError> {
        match self.xml.put(parent, element, by).map_err(|source| self.in_file(source))? {
            Some(change) => self.changes.push(change),
            None => self.present.push(Xml::present(parent, element, by)),
        }
        Ok(())
    }

    fn in_file(&self, source: SyntaxError) -> SettingsError {
        SettingsError::Syntax { path: self.path.to_path_buf(), source }
    }
}
