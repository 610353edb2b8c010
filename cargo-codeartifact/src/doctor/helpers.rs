//! The names under which clients start the credential program: there, ours, and first on PATH.

use std::path::{Path, PathBuf};

use super::{finding::Mend, visit::Visit};
use crate::configure;

/// The credential programs' files begin so.
const OURS: &str = "codeartifact-credential";
const KEYRING: &str = "keyring";
const NUGET: &str = "nuget-plugin-codeartifact";

pub(super) fn check(visit: &mut Visit<'_>) {
    let folder = configure::links_folder(visit.host);
    let mut links: Vec<PathBuf> = folder
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .collect();
    links.sort();
    for link in &links {
        if link.metadata().is_err() && link.symlink_metadata().is_ok() {
            let message = "this link leads to a program that is gone: clients that start it get nothing";
            let fix = "run `codeartifact-credential-helper install` where the program is now";
            let finding = visit.found("link-broken", "helper", message, fix);
            finding.at(link.clone(), None);
            if let (Some(folder), Some(name)) = (link.parent(), link.file_name().and_then(|name| name.to_str())) {
                finding.mended_by(Mend::Relink { folder: folder.to_path_buf(), name: name.to_owned() });
            }
        }
    }
    let keyring_users = visit.inspection.keyring_users.clone();
    let users: Vec<&str> = keyring_users.into_iter().filter(|client| visit.concerns(client)).collect();
    if !users.is_empty() {
        first_on_path(visit, KEYRING, &links, &users);
    }
    let uses_nuget = visit.inspection.uses.iter().any(|used| used.client == "nuget") && visit.concerns("nuget");
    let has_other_plugin = visit.host.home().is_some_and(|home| home.join(".nuget/plugins").is_dir());
    if uses_nuget && !has_other_plugin && visit.host.var("NUGET_PLUGIN_PATHS").is_none() {
        first_on_path(visit, NUGET, &links, &["nuget"]);
    }
}

/// A name that clients look for on PATH.
fn first_on_path(visit: &mut Visit<'_>, name: &str, links: &[PathBuf], users: &[&str]) {
    let found: Vec<PathBuf> = visit.host.programs_on_path(name).collect();
    let in_folder = links.iter().find(|link| link.file_stem().is_some_and(|stem| stem == name));
    match found.first() {
        Some(first) if is_ours(first) => {}
        Some(first) if found.iter().any(|other| is_ours(other)) => {
            let message = format!(
                "{} start `{name}` from PATH, and the first there is not ours: {}",
                users.join(" and "),
                first.display()
            );
            let fix = "put the folder of the links first on PATH; ours hands over to the other what it does not know";
            visit.found("foreign-helper-first", "helper", message, fix).at(first.clone(), None);
        }
        first => {
            if let Some(link) = in_folder {
                let folder = link.parent().unwrap_or(Path::new("")).display();
                let message =
                    format!("the folder with `{name}` is not on PATH, where {} look for it", users.join(" and "));
                let fix = format!("in your shell's start-up file: `export PATH=\"{folder}:$PATH\"`");
                visit.found("links-not-on-path", "helper", message, fix).at(link.clone(), None);
            } else if let Some(first) = first {
                let message = format!(
                    "{} start `{name}` from PATH, and it is not ours: {}",
                    users.join(" and "),
                    first.display()
                );
                let fix =
                    format!("run `codeartifact-credential-helper install {name}`, and put its folder first on PATH");
                visit.found("foreign-helper-first", "helper", message, fix).at(first.clone(), None);
            } else {
                let message = format!("{} look for a program `{name}` on PATH, and there is none", users.join(" and "));
                let fix = format!("run `codeartifact-credential-helper install {name}`, and put its folder on PATH");
                visit.found("helper-not-linked", "helper", message, fix);
            }
        }
    }
}

/// Whether a program is the credential helper under another name. On Windows links are copies: those lie in a folder of
/// ours.
fn is_ours(program: &Path) -> bool {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_path_buf());
    let is_named = real.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OURS));
    is_named || (cfg!(windows) && real.to_string_lossy().contains(r"\codeartifact\bin\"))
}
