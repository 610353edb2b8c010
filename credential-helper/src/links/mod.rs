//! `install`, `uninstall`, `list`: the names that package managers look for.
//!
//! The links are made in a folder of their own, because one of the names, `keyring`, is also that of a program of
//! Python's: a folder that the user puts first on PATH, and can take away again, decides which of the two is asked. (What
//! is not ours goes on to the other: `next`.) The links lead to the small program where it is now; after it has moved,
//! `install` once more leads them to it.
//!
//! Exit status: 0 done; 1 something could not be done, and is named; 2 usage.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clients::protocol::{LinkName, causes};
use codeartifact::{Host, PackageFormat, Trust, UserSettings, endpoint::Endpoint};
use serde_json::json;

use crate::{FAILED, Said, call, call::PROGRAM, hand_over};

mod journal;
mod place;

use journal::{Journal, JournalError, Kind, Link, digest};
use place::{Found, PlaceError};

/// What was typed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    dir: Option<PathBuf>,
    domains: Vec<String>,
    names: Vec<String>,
    json: bool,
}

impl Arguments {
    fn parse(host: &Host) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut rest = host.args().iter().skip(2);
        while let Some(argument) = rest.next() {
            let Some(text) = argument.to_str() else { return Err("an argument is not Unicode".to_owned()) };
            let (name, value) = match text.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (text, None),
            };
            let mut value = |what: &str| {
                let next = value.clone().or_else(|| rest.next()?.to_str().map(str::to_owned));
                next.filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` needs {what}"))
            };
            match name {
                "--dir" => arguments.dir = Some(host.current_dir().join(value("a folder")?)),
                "--domain" => arguments.domains.push(value("a domain, as DOMAIN-OWNER.REGION")?),
                "--json" => arguments.json = true,
                _ if name.starts_with('-') => return Err(format!("there is no option `{name}` here")),
                _ => arguments.names.push(text.to_owned()),
            }
        }
        Ok(arguments)
    }
}

/// A name that a package manager looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    name: String,
    /// Clients look for it on PATH. Those made for a domain are set by their path.
    on_path: bool,
}

/// Every name there is: those of all protocols, and those of each domain.
fn names(domains: &[String]) -> Vec<Name> {
    let links = clients::PROTOCOLS.iter().flat_map(|spoken| spoken.links);
    links
        .flat_map(|link| match *link {
            LinkName::Whole(name) => vec![Name { name: name.to_owned(), on_path: true }],
            LinkName::ForDomain(prefix) => {
                let name = |domain| Name { name: format!("{prefix}{domain}"), on_path: false };
                domains.iter().map(name).collect()
            }
        })
        .collect()
}

/// The domains that the user's file names: those of rules that name all three parts, and the usual one.
fn known_domains(settings: &UserSettings) -> Vec<String> {
    let usual = settings.defaults();
    let usual = match (&usual.domain, &usual.owner, &usual.region) {
        (Some(domain), Some(owner), Some(region)) => Some(format!("{domain}-{owner}.{region}")),
        _ => None,
    };
    let by_rules = settings.accounts().iter().filter_map(|rule| {
        let (domain, owner, region) = (rule.domain.as_ref()?.name()?, rule.owner.as_ref()?, rule.region.as_ref()?);
        Some(format!("{domain}-{owner}.{}", region.value))
    });
    let mut domains: Vec<String> = usual.into_iter().chain(by_rules).collect();
    domains.sort();
    domains.dedup();
    domains
}

/// The names that are asked for.
fn wanted(arguments: &Arguments, settings: &UserSettings) -> Result<Vec<Name>, String> {
    for domain in &arguments.domains {
        Endpoint::of_domain(domain, PackageFormat::Generic, &Trust::default())
            .map_err(|error| format!("`--domain {domain}`: {error}"))?;
    }
    let mut domains = known_domains(settings);
    domains.extend(arguments.domains.iter().filter(|domain| !known_domains(settings).contains(domain)).cloned());
    let all = names(&domains);
    if arguments.names.is_empty() {
        return Ok(all);
    }
    let one = |name: &String| {
        if let Some(known) = all.iter().find(|known| known.name == *name) {
            return Ok(known.clone());
        }
        let of_domain = |domain| Endpoint::of_domain(domain, PackageFormat::Generic, &Trust::default()).is_ok();
        let selects = clients::PROTOCOLS.iter().find_map(|spoken| spoken.selected_by(name)).flatten();
        if selects.is_some_and(of_domain) {
            return Ok(Name { name: name.clone(), on_path: false });
        }
        let known: Vec<&str> = all.iter().map(|known| known.name.as_str()).collect();
        Err(format!("`{name}` is no name that a package manager looks for; there are: {}", known.join(", ")))
    };
    arguments.names.iter().map(one).collect()
}

/// Where links go that nobody chose a folder for.
fn usual_folder(host: &Host) -> Option<PathBuf> {
    host.data_dir().map(|folder| folder.join("bin"))
}

/// The program that links lead to: under the name by which PATH has it, where that is this one, because such a name
/// stays where it is when a new version comes.
fn target(host: &Host) -> Option<PathBuf> {
    let program = host.program()?;
    let program = program.with_file_name(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
    let same = |file: &PathBuf| file.canonicalize().is_ok_and(|file| Some(file) == program.canonicalize().ok());
    Some(host.programs_on_path(PROGRAM).find(same).unwrap_or(program))
}

/// Something is in the way of a link, or it cannot be made.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{} is not ours, and stays as it is; choose another folder with --dir, or move it away", .path.display())]
    Foreign { path: PathBuf },
    #[error("cannot make {}", .path.display())]
    Failed { path: PathBuf, source: std::io::Error },
}

/// Nothing can be made.
#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("the folder of this program cannot be found")]
    NoProgram,
    #[error("there is no folder for links: give --dir, or set HOME")]
    NoFolder,
    #[error("the folder's name is not Unicode: {}", .0.display())]
    NotText(PathBuf),
    #[error(transparent)]
    Settings(#[from] codeartifact::SettingsError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("cannot read {}", .path.display())]
    Program { path: PathBuf, source: std::io::Error },
}

/// `install`
pub(crate) fn install(host: &Host) -> Said {
    let arguments = match Arguments::parse(host) {
        Ok(arguments) if !arguments.json => arguments,
        Ok(_) => return Said::usage("there is no option `--json` here"),
        Err(reason) => return Said::usage(&reason),
    };
    let settings = match UserSettings::read(host) {
        Ok(settings) => settings,
        Err(error) => return Said::failed(&InstallError::Settings(error)),
    };
    match wanted(&arguments, &settings) {
        Ok(names) => make(host, arguments.dir, &names).unwrap_or_else(|error| Said::failed(&error)),
        Err(reason) => Said::usage(&reason),
    }
}

fn make(host: &Host, dir: Option<PathBuf>, names: &[Name]) -> Result<Said, InstallError> {
    let program = target(host).ok_or(InstallError::NoProgram)?;
    let folder = dir.or_else(|| usual_folder(host)).ok_or(InstallError::NoFolder)?;
    let mut journal = Journal::open(host)?;
    let made = place::ensure_folder(&folder)?;
    // By its real name: PATH may have it by another, and the journal shall have it by one.
    let folder = folder.canonicalize().map_err(|source| PlaceError::Unusable { path: folder.clone(), source })?;
    for path in [&folder, &program] {
        path.to_str().ok_or_else(|| InstallError::NotText(path.clone()))?;
    }
    journal.folders.extend(made.into_iter().filter_map(|folder| folder.canonicalize().ok()));
    let mut said = Said { output: String::new(), messages: String::new(), status: crate::ANSWERED };
    let mut files: Vec<(PathBuf, PathBuf)> =
        names.iter().map(|name| (folder.join(file_name(&name.name)), program.clone())).collect();
    if cfg!(not(unix)) {
        // A copy looks for its sibling beside itself.
        let sibling = hand_over::sibling(&program).ok_or(InstallError::NoProgram)?;
        files.push((folder.join(sibling.file_name().unwrap_or_default()), sibling));
        files.dedup();
    }
    for (path, program) in files {
        let kind = if cfg!(unix) {
            Kind::Symbolic(program.clone())
        } else {
            let failed = |source| InstallError::Program { path: program.clone(), source };
            Kind::Copy(digest(&program).map_err(failed)?)
        };
        match make_one(&mut journal, Link { path: path.clone(), kind }, &program)? {
            // Writing to a string cannot fail.
            Ok(done) => drop(writeln!(said.output, "{done:9} {}", path.display())),
            Err(error) => {
                said.status = FAILED;
                let _ = writeln!(said.messages, "error: {}", causes(&error).join(": "));
            }
        }
    }
    journal.write()?;
    said.messages += &advice(host, &folder, names);
    Ok(said)
}

/// Makes or repairs one link; the journal has it before it is there.
fn make_one(
    journal: &mut Journal,
    link: Link,
    program: &Path,
) -> Result<Result<&'static str, LinkError>, JournalError> {
    let failed = |source| LinkError::Failed { path: link.path.clone(), source };
    let known = journal.links.iter().find(|known| known.path == link.path).cloned();
    let found = match place::look(&link.path, &link.kind, known.as_ref()) {
        Ok(found) => found,
        Err(error) => return Ok(Err(failed(error))),
    };
    let (done, result) = match found {
        Found::InPlace => return Ok(Ok("in place")),
        Found::Foreign => return Ok(Err(LinkError::Foreign { path: link.path })),
        Found::Nothing => {
            journal.put(link.clone());
            journal.write()?;
            ("made", place::make(&link, program))
        }
        Found::Stale => {
            // First the link: until it is replaced, the journal has to know the old one.
            let result = place::repair(&link, program);
            if result.is_ok() {
                journal.put(link.clone());
                journal.write()?;
            }
            ("repaired", result)
        }
    };
    Ok(match result {
        Ok(()) => Ok(done),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(LinkError::Foreign { path: link.path }),
        Err(error) => Err(failed(error)),
    })
}

/// Once with the suffix of programs, whether the name has it or not.
fn file_name(name: &str) -> String {
    let suffix = std::env::consts::EXE_SUFFIX;
    format!("{}{suffix}", name.strip_suffix(suffix).unwrap_or(name))
}

/// What the user has to know for the links to be found, and for nobody to be surprised.
fn advice(host: &Host, folder: &Path, names: &[Name]) -> String {
    let mut text = String::new();
    let same = |other: &PathBuf| other.canonicalize().is_ok_and(|other| other == folder);
    let on_path = host.folders_on_path().any(|other| same(&other));
    let shadowed: Vec<(&str, PathBuf)> = names
        .iter()
        .filter(|name| name.on_path)
        .filter_map(|name| Some((name.name.as_str(), first_other(host, &folder.join(file_name(&name.name)))?)))
        .collect();
    if !on_path && names.iter().any(|name| name.on_path) {
        let line = if cfg!(windows) {
            format!("setx PATH \"{};%PATH%\"", folder.display())
        } else {
            format!("export PATH=\"{}:$PATH\"", folder.display())
        };
        let _ = writeln!(text, "hint: the folder is not on PATH: put this into your shell's start-up file\n{line}");
    }
    for (name, other) in shadowed {
        let (other, ours) = (other.display(), folder.display());
        let _ = if on_path {
            writeln!(text, "warning: clients that look for `{name}` find {other} first: put {ours} before it on PATH")
        } else {
            writeln!(
                text,
                "note: `{name}` on PATH is {other}; once {ours} is before it, ours is asked first and hands over to it \
                 what is not for CodeArtifact"
            )
        };
    }
    // pip 23.1 and later: "it ignores a `keyring` in the folder of its own scripts".
    let is_pip = |name: &str| folder.join(file_name(name)).exists();
    if names.iter().any(|name| name.name == "keyring") && ["pip", "pip3"].into_iter().any(is_pip) {
        let _ = writeln!(
            text,
            "warning: this is a folder of pip's own scripts, and pip passes over a `keyring` there: choose another \
             folder with --dir"
        );
    }
    text
}

/// The program of a link's name that PATH has before that link, where it has one.
fn first_other(host: &Host, link: &Path) -> Option<PathBuf> {
    let name = link.file_name()?.to_str()?;
    let first = host.find_program(name)?;
    // Another link to this program is as good.
    let same = first.canonicalize().ok()? == link.canonicalize().ok()?;
    (!same).then_some(first)
}

/// `uninstall`
pub(crate) fn uninstall(host: &Host) -> Said {
    let arguments = match Arguments::parse(host) {
        Ok(arguments) if !arguments.json && arguments.domains.is_empty() => arguments,
        Ok(_) => return Said::usage("`uninstall` takes `--dir` and names"),
        Err(reason) => return Said::usage(&reason),
    };
    remove(host, &arguments).unwrap_or_else(|error| Said::failed(&error))
}

fn remove(host: &Host, arguments: &Arguments) -> Result<Said, InstallError> {
    let mut journal = Journal::open(host)?;
    let mut said = Said { output: String::new(), messages: String::new(), status: crate::ANSWERED };
    let dir = arguments.dir.as_ref().map(|dir| dir.canonicalize().unwrap_or_else(|_| dir.clone()));
    let is_meant = |link: &Link| {
        let name = link.path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap_or(&name);
        dir.as_ref().is_none_or(|dir| link.path.parent() == Some(dir))
            && (arguments.names.is_empty() || arguments.names.iter().any(|other| other == name))
    };
    let (meant, mut kept): (Vec<Link>, Vec<Link>) = journal.links.drain(..).partition(is_meant);
    if meant.is_empty() {
        said.messages.push_str("note: no such link was made by `install`\n");
    }
    for link in meant {
        let path = link.path.display();
        match place::is_still(&link).and_then(|state| match state {
            Some(true) => std::fs::remove_file(&link.path).map(|()| "removed"),
            Some(false) => Ok("left"),
            None => Ok("gone"),
        }) {
            Ok("left") => drop(writeln!(said.messages, "note: {path} is no longer ours, and stays as it is")),
            Ok(done) => drop(writeln!(said.output, "{done:9} {path}")),
            Err(error) => {
                said.status = FAILED;
                let error = LinkError::Failed { path: link.path.clone(), source: error };
                let _ = writeln!(said.messages, "error: {}", causes(&error).join(": "));
                kept.push(link);
            }
        }
    }
    journal.links = kept;
    // The inner ones first; one that is not empty is in use by somebody, and stays.
    let mut folders = std::mem::take(&mut journal.folders);
    folders.sort();
    folders.dedup();
    for folder in folders.into_iter().rev() {
        if journal.links.iter().any(|link| link.path.starts_with(&folder)) {
            journal.folders.insert(0, folder);
        } else {
            let _ = std::fs::remove_dir(&folder);
        }
    }
    journal.write()?;
    Ok(said)
}

/// `list`
pub(crate) fn list(host: &Host) -> Said {
    let arguments = match Arguments::parse(host) {
        Ok(arguments) if arguments.dir.is_none() && arguments.domains.is_empty() && arguments.names.is_empty() => {
            arguments
        }
        Ok(_) => return Said::usage("`list` takes `--json` and nothing else"),
        Err(reason) => return Said::usage(&reason),
    };
    let links = match Journal::look(host) {
        Ok(links) => links,
        Err(error) => return Said::failed(&error),
    };
    let shown: Vec<Shown> = links.iter().map(|link| Shown::of(host, link)).collect();
    let output = if arguments.json {
        let protocols: Vec<_> =
            clients::PROTOCOLS.iter().map(|spoken| json!({ "protocol": spoken.word, "about": spoken.about })).collect();
        let links: Vec<_> = shown
            .iter()
            .map(|link| {
                let before = link.before.as_ref().map(|before| before.display().to_string());
                json!({ "name": link.name, "path": link.path, "state": link.state, "behind": before })
            })
            .collect();
        json!({ "protocols": protocols, "links": links }).to_string() + "\n"
    } else {
        let width = shown.iter().map(|link| link.path.len()).max().unwrap_or_default();
        let heading = if shown.is_empty() { "" } else { "\nlinks that `install` made:\n" };
        shown.iter().fold(call::protocols() + heading, |mut text, link| {
            let behind = link.before.as_ref().map(|before| format!(" {}", before.display())).unwrap_or_default();
            let _ = writeln!(text, "{:width$}  {}{behind}", link.path, link.state);
            text
        })
    };
    Said { output, messages: String::new(), status: crate::ANSWERED }
}

/// A link as it is shown.
struct Shown {
    name: String,
    path: String,
    state: &'static str,
    /// The program that clients find before it.
    before: Option<PathBuf>,
}

impl Shown {
    fn of(host: &Host, link: &Link) -> Self {
        let name = link.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bare = name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap_or(&name);
        let on_path = is_sought(bare);
        let folder = link.path.parent().unwrap_or(Path::new(""));
        let is_on_path = || host.folders_on_path().any(|other| other.canonicalize().is_ok_and(|other| other == folder));
        let before = if on_path { first_other(host, &link.path) } else { None };
        let state = match place::is_still(link) {
            Ok(Some(true)) if !place::is_sound(link) => "leads nowhere: run `install` again",
            Ok(Some(true)) if !on_path => "set by its path",
            Ok(Some(true)) if before.is_some() => "on PATH behind",
            Ok(Some(true)) if is_on_path() => "first on PATH",
            Ok(Some(true)) => "not on PATH",
            Ok(Some(false)) => "no longer ours",
            Ok(None) => "gone: run `install` again",
            Err(_) => "cannot be looked at",
        };
        let before = before.filter(|_| state == "on PATH behind");
        Self { name: bare.to_owned(), path: link.path.display().to_string(), state, before }
    }
}

/// Whether clients look for a name on PATH.
fn is_sought(name: &str) -> bool {
    let links = clients::PROTOCOLS.iter().flat_map(|spoken| spoken.links);
    links.into_iter().any(|link| matches!(link, LinkName::Whole(whole) if *whole == name))
}
