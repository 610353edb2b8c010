//! `[publish] packages`: folders below the project's file, `*` for any name or part of one.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use anyhow::anyhow;

use crate::{project::Project, report::CommandError};

/// The folders that the file lists and that hold a Cargo manifest, in the file's order, each once.
pub(super) fn listed(project: &Project) -> Result<Vec<PathBuf>, CommandError> {
    let root = project.path.parent().unwrap_or(Path::new("."));
    let mut folders: Vec<PathBuf> = Vec::new();
    for pattern in &project.packages {
        let fault = |fault: &str| {
            CommandError::user(anyhow!("{}: `packages` has `{pattern}`, which {fault}", project.path.display()))
                .hint("name folders below the file, such as `rust` or `crates/*`")
        };
        let below =
            Path::new(pattern).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if pattern.is_empty() || !below {
            return Err(fault("is no folder below it"));
        }
        let found = matching(root, pattern).map_err(|error| {
            CommandError::user(anyhow!(error).context(format!("cannot look for the folders `{pattern}`")))
        })?;
        if found.is_empty() {
            return Err(fault("names no folder"));
        }
        for folder in found {
            if folder.join("Cargo.toml").is_file() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    if folders.is_empty() {
        return Err(CommandError::user(anyhow!(
            "{}: none of the folders of `packages` holds a Cargo.toml",
            project.path.display()
        )));
    }
    Ok(folders)
}

fn matching(root: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let mut next = Vec::new();
        for folder in folders {
            if !part.contains('*') {
                next.push(folder.join(part));
                continue;
            }
            let mut names = Vec::new();
            for entry in fs::read_dir(&folder)? {
                let name = entry?.file_name();
                // Hidden folders are tools' own, as shells see it.
                if name.to_str().is_some_and(|name| matches(part, name) && !name.starts_with('.')) {
                    names.push(name);
                }
            }
            names.sort();
            next.extend(names.into_iter().map(|name| folder.join(name)));
        }
        folders = next;
        folders.retain(|folder| folder.is_dir());
    }
    Ok(folders)
}

/// Whether a name is the pattern with something, perhaps nothing, for each `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_parts_of_a_name() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b", "ab", true),
            ("a*b", "a", false),
            ("a*a", "a", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_folders_of_the_file() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["rust", "crates/b", "crates/a", "crates/.hidden", "py"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            if folder != "py" {
                fs::write(root.path().join(folder).join("Cargo.toml"), "").unwrap();
            }
        }
        let project = |packages: &[&str]| Project {
            path: root.path().join("codeartifact.toml"),
            packages: packages.iter().map(|pattern| (*pattern).to_owned()).collect(),
            ..Project::default()
        };
        let found = listed(&project(&["crates/*", "rust", "py", "rust"])).unwrap();
        assert_eq!(found, ["crates/a", "crates/b", "rust"].map(|folder| root.path().join(folder)));
        for (packages, fault) in [
            (["../x"], "which is no folder below it"),
            (["/etc"], "which is no folder below it"),
            ([""], "which is no folder below it"),
            (["nothing"], "which names no folder"),
            (["py"], "none of the folders of `packages` holds a Cargo.toml"),
        ] {
            let error = listed(&project(&packages)).unwrap_err();
            assert!(error.lines()[0].ends_with(fault), "{:?}", error.lines());
            assert_eq!(error.code(), 1);
        }
    }
}
