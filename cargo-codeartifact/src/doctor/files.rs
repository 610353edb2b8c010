//! Clients' files: read here, judged by `clients::inspect`; and who else may read those with secrets.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clients::inspect::{self, Document, Ground, Location, Origin, View, Whose};

use crate::configure::SeenLine;

use super::{
    asked::ask,
    finding::{Finding, Mend, Place},
    visit::Visit,
};

/// Settings are not larger, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// What git may take to say whether it knows a file.
const GIT: Duration = Duration::from_secs(5);

pub(super) fn check(visit: &mut Visit<'_>) {
    let variables = visit.variables();
    let home = visit.host.home();
    let folders = folders(visit.host.current_dir(), home.as_deref());
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    let ground = Ground { home: home.as_deref(), folders: &folders, variables: &variables, exists: &exists };
    let mut documents = Vec::new();
    for location in inspect::locations(&ground) {
        match read(&location.path) {
            Ok(Some(text)) => documents.push(Document { location, text }),
            Ok(None) => {}
            Err(reason) => visit.unchecked(location.path.display().to_string(), reason),
        }
    }
    visit.files = documents.len();
    let trust = visit.aws.as_ref().map(codeartifact::AwsEnvironment::trust).unwrap_or_default();
    let view = View { documents: &documents, variables: &variables, trust: &trust, now: visit.host.now() };
    let inspection = inspect::inspect(&view);
    for found in &inspection.found {
        let mend = match (found.code, &found.origin) {
            ("token-expired-in-file", Some(Origin::File { path, line }))
                if found.client == "npm" || found.client == "pnpm" =>
            {
                let document = documents.iter().find(|document| document.location.path == *path);
                let seen = document.and_then(|document| SeenLine::of(&document.text, *line));
                seen.map(|line| Mend::RemoveEnded { path: path.clone(), line })
            }
            _ => None,
        };
        let finding = visit.found(found.code, found.client, found.message.clone(), found.fix.clone());
        place(finding, found.origin.as_ref());
        finding.mend = mend;
    }
    for (location, secret) in &inspection.secrets {
        exposed(visit, location, secret.line);
    }
    for program in &inspection.programs {
        let path = Path::new(&program.name);
        let is_there = if path.is_absolute() {
            path.is_file()
        } else {
            path.components().count() > 1 || visit.host.find_program(&program.name).is_some()
        };
        if !is_there {
            let message = format!("the program `{}` that this names is not there", program.name);
            let fix = format!("run `cargo codeartifact configure {}` again, or install the program", program.client);
            let finding = visit.found("helper-missing", program.client, message, fix);
            place(finding, Some(&program.origin));
        }
    }
    visit.inspection = inspection;
}

/// The place of a finding, from where a setting is made.
pub(super) fn place(finding: &mut Finding, origin: Option<&Origin>) {
    finding.place = origin.map(|origin| match origin {
        Origin::File { path, line } => Place::File(path.clone(), Some(*line)),
        Origin::Variable(name) => Place::Variable(name.clone()),
    });
}

/// The folder one stands in and those above, up to the home folder, which belongs to the user and to no project.
fn folders(from: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above_home = |folder: &&Path| home.is_none_or(|home| !home.starts_with(folder));
    from.ancestors().filter(|folder| folder.parent().is_some()).take_while(above_home).map(Path::to_path_buf).collect()
}

/// A file's text; nothing where there is none. What is no regular file is not waited for.
fn read(path: &Path) -> Result<Option<String>, String> {
    let is_absent = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
    };
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if metadata.is_dir() {
        return Ok(None);
    }
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err("it is no settings file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(Some(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }))
}

/// Others that may read a file with a secret: users of this machine, and whoever has the repository.
fn exposed(visit: &mut Visit<'_>, location: &Location, line: usize) {
    if location.whose == Whose::System {
        return;
    }
    let path = &location.path;
    let about = about(path);
    if is_committed(visit, path) {
        let message = "this file holds a secret, and git has it: everybody who has the repository has the secret";
        let fix = "revoke the secret, remove it from the file, and take the file out of the history";
        visit.found("secret-committed", about, message, fix).at(path.clone(), Some(line));
    } else if others_may_read(path) {
        let message = "this file holds a secret, and other users of this machine may read it";
        let finding = visit.found("secret-readable", about, message, "chmod 600 on the file");
        finding.at(path.clone(), Some(line)).mended_by(Mend::Tighten(path.clone()));
    }
}

/// What a file is shown under.
fn about(path: &Path) -> &'static str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        ".npmrc" => "npm",
        ".pypirc" => "twine",
        "settings.xml" => "maven",
        ".yarnrc.yml" => "yarn",
        "pip.conf" | "pip.ini" => "pip",
        "gradle.properties" => "gradle",
        "credentials.toml" => "cargo",
        _ if name.eq_ignore_ascii_case("nuget.config") => "nuget",
        _ => "files",
    }
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    // Files in a user's folders are that user's by the folder's access list.
    false
}

/// Whether git has the file. A repository's own settings must start no program here.
fn is_committed(visit: &Visit<'_>, path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return false;
    };
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return false;
    }
    let Some(git) = visit.host.find_program("git") else { return false };
    let args =
        ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "ls-files", "--error-unmatch", "--", name];
    ask(&git, &args, folder, visit.host, GIT).is_some()
}
