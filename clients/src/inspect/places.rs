//! Which files clients read, of each form the winning one first.
//!
//! | form | where, the first wins |
//! | --- | --- |
//! | Cargo | `.cargo/config.toml` from here upwards, `$CARGO_HOME` (The Cargo Book, "Configuration") |
//! | `.npmrc` | the project's (nearest folder with `package.json`), `$NPM_CONFIG_USERCONFIG` or `~/.npmrc` (npm 11's `config`) |
//! | `.yarnrc.yml` | from here upwards, `~/.yarnrc.yml` (Yarn 4) |
//! | `pip.conf` | `$PIP_CONFIG_FILE`, `$VIRTUAL_ENV`, the user's, the older `~/.pip`, `/etc` (`pip config debug`) |
//! | `uv.toml` | `$UV_CONFIG_FILE`, from here upwards (it hides `[tool.uv]` beside it), the user's (uv, "Configuration files") |
//! | `settings.xml` | `~/.m2` (`-s` replaces it) |
//! | `NuGet.Config` | from here upwards, the user's (NuGet, "Common configurations") |
//! | `.bundle/config` | from here upwards, `~/.bundle` |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Form, Location, Whose};

/// Where one stands.
pub struct Ground<'a> {
    /// The user's home folder.
    pub home: Option<&'a Path>,
    /// The folder one stands in and those above it, the nearest first, without the home folder and what is above that.
    pub folders: &'a [PathBuf],
    /// The variables that are set and not empty.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether a file or folder is there.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

/// Files of a project, in its folders from the nearest upwards.
const OF_PROJECTS: [(Form, &str); 19] = [
    (Form::Cargo, ".cargo/config"),
    (Form::Cargo, ".cargo/config.toml"),
    (Form::Yarnrc1, ".yarnrc"),
    (Form::YarnLock, "yarn.lock"),
    (Form::Yarnrc, ".yarnrc.yml"),
    (Form::Bunfig, "bunfig.toml"),
    (Form::Uv, "uv.toml"),
    (Form::Pyproject, "pyproject.toml"),
    (Form::PythonToml, "poetry.toml"),
    (Form::PythonToml, "pdm.toml"),
    (Form::MavenOptions, ".mvn/maven.config"),
    (Form::Maven, ".mvn/settings.xml"),
    (Form::Properties, "gradle.properties"),
    (Form::Nuget, "nuget.config"),
    (Form::Nuget, "NuGet.config"),
    (Form::Nuget, "NuGet.Config"),
    (Form::Bundle, ".bundle/config"),
    (Form::Swift, ".swiftpm/configuration/registries.json"),
    (Form::Bazelrc, ".bazelrc"),
];

/// Files in the home folder.
const OF_USERS: [(Form, &str); 43] = [
    (Form::Npmrc, ".npmrc"),
    (Form::Yarnrc1, ".yarnrc"),
    (Form::Yarnrc, ".yarnrc.yml"),
    (Form::Bunfig, ".bunfig.toml"),
    (Form::Pip, ".pip/pip.conf"),
    (Form::Pypirc, ".pypirc"),
    (Form::Maven, ".m2/settings.xml"),
    (Form::Properties, ".gradle/gradle.properties"),
    (Form::Properties, ".sbt/.credentials"),
    (Form::Properties, ".ivy2/.credentials"),
    (Form::Properties, ".sbt/1.0/plugins/credentials.sbt"),
    (Form::Nuget, ".nuget/NuGet/NuGet.Config"),
    (Form::Nuget, ".config/NuGet/NuGet.Config"),
    (Form::Bundle, ".bundle/config"),
    (Form::Gem, ".gemrc"),
    (Form::Gem, ".gem/credentials"),
    (Form::Swift, ".swiftpm/configuration/registries.json"),
    (Form::Bazelrc, ".bazelrc"),
    (Form::Gradle, ".gradle/init.d/codeartifact.gradle"),
    (Form::Gradle, ".gradle/init.d/codeartifact.repositories"),
    (Form::Sbt, ".sbt/1.0/codeartifact.sbt"),
    (Form::Netrc, ".netrc"),
    (Form::Netrc, "_netrc"),
    (Form::Shell, ".profile"),
    (Form::Shell, ".bashrc"),
    (Form::Shell, ".bash_profile"),
    (Form::Shell, ".bash_login"),
    (Form::Shell, ".zshrc"),
    (Form::Shell, ".zshenv"),
    (Form::Shell, ".zprofile"),
    (Form::Shell, ".mavenrc"),
    (Form::Shell, ".config/fish/config.fish"),
    (Form::Shell, ".config/environment.d/codeartifact.conf"),
    (Form::PythonToml, "Library/Application Support/pypoetry/auth.toml"),
    (Form::PythonToml, "Library/Application Support/pypoetry/config.toml"),
    (Form::PythonToml, "Library/Application Support/pdm/config.toml"),
    (Form::PythonToml, "Library/Application Support/hatch/config.toml"),
    (Form::Pip, "Library/Application Support/pip/pip.conf"),
    (Form::Pip, "AppData/Roaming/pip/pip.ini"),
    (Form::Nuget, "AppData/Roaming/NuGet/NuGet.Config"),
    (Form::PythonToml, "AppData/Roaming/pypoetry/auth.toml"),
    (Form::Uv, "AppData/Roaming/uv/uv.toml"),
    (Form::Shell, "Documents/PowerShell/profile.ps1"),
];

/// Files below `$XDG_CONFIG_HOME`, by default `~/.config`.
const OF_CONFIGURATION: [(Form, &str); 10] = [
    (Form::Npmrc, "pnpm/rc"),
    (Form::Npmrc, "pnpm/auth.ini"),
    (Form::Pip, "pip/pip.conf"),
    (Form::Uv, "uv/uv.toml"),
    (Form::PythonToml, "pypoetry/auth.toml"),
    (Form::PythonToml, "pypoetry/config.toml"),
    (Form::PythonToml, "pdm/config.toml"),
    (Form::PythonToml, "hatch/config.toml"),
    (Form::Bunfig, ".bunfig.toml"),
    (Form::Gem, "gem/gemrc"),
];

/// The files that clients may read, of each form the winning one first.
pub fn locations(ground: &Ground<'_>) -> Vec<Location> {
    let mut list = List(Vec::new());
    let named = |name: &str| ground.variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    for (name, form) in [("PIP_CONFIG_FILE", Form::Pip), ("UV_CONFIG_FILE", Form::Uv), ("NETRC", Form::Netrc)] {
        list.add(named(name), "", form, Whose::User);
    }
    list.add(named("VIRTUAL_ENV"), "pip.conf", Form::Pip, Whose::User);
    let package = ground.folders.iter().find(|folder| (ground.exists)(&folder.join("package.json")));
    list.add(package.or(ground.folders.first()).cloned(), ".npmrc", Form::Npmrc, Whose::Project);
    for folder in ground.folders {
        for (form, name) in OF_PROJECTS {
            list.add(Some(folder.clone()), name, form, Whose::Project);
        }
    }
    let home = ground.home.map(Path::to_path_buf);
    let below_home = |name: &str| home.as_ref().map(|home| home.join(name));
    let cargo_home = named("CARGO_HOME").or_else(|| below_home(".cargo"));
    for (name, form) in [
        ("config", Form::Cargo),
        ("config.toml", Form::Cargo),
        ("credentials", Form::CargoCredentials),
        ("credentials.toml", Form::CargoCredentials),
    ] {
        list.add(cargo_home.clone(), name, form, Whose::User);
    }
    let of_npm = ["NPM_CONFIG_USERCONFIG", "npm_config_userconfig"].into_iter().find_map(named);
    list.add(of_npm, "", Form::Npmrc, Whose::User);
    let configuration = named("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    for (form, name) in OF_CONFIGURATION {
        list.add(configuration.clone(), name, form, Whose::User);
    }
    let data = named("XDG_DATA_HOME").or_else(|| below_home(".local/share"));
    list.add(data, "uv/credentials/credentials.toml", Form::UvCredentials, Whose::User);
    for (form, name) in [
        (Form::Properties, "gradle.properties"),
        (Form::Gradle, "init.d/codeartifact.gradle"),
        (Form::Gradle, "init.d/codeartifact.repositories"),
    ] {
        list.add(named("GRADLE_USER_HOME"), name, form, Whose::User);
    }
    for (form, name) in OF_USERS {
        list.add(home.clone(), name, form, Whose::User);
    }
    for (path, form) in [("/etc/pip.conf", Form::Pip), ("/etc/uv/uv.toml", Form::Uv)] {
        list.add(Some(PathBuf::from(path)), "", form, Whose::System);
    }
    list.0
}

struct List(Vec<Location>);

impl List {
    /// A name in a folder, where there is that folder; an empty name is the folder's path itself.
    fn add(&mut self, folder: Option<PathBuf>, name: &str, form: Form, whose: Whose) {
        let Some(folder) = folder else { return };
        let path = if name.is_empty() { folder } else { folder.join(name) };
        if !self.0.iter().any(|location| location.path == path) {
            self.0.push(Location { path, form, whose });
        }
    }
}
