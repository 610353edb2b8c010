//! Real configuration files, kept outside the repository: in the folder that `CODEARTIFACT_CORPUS` names, or in
//! `shared/corpus` beside the checkout. Each client's are in the folder of its name, or in that of a file that several read.

use std::path::PathBuf;

use clients::{CLIENTS, Client, protocol::causes, syntax::Syntax};
use codeartifact::Host;

use crate::editing::{there_and_back, wishes};
use crate::{crate_dir, names_in};

pub(crate) fn corpus() -> Option<PathBuf> {
    let host = Host::of_process();
    let named = host.var_os("CODEARTIFACT_CORPUS").map(PathBuf::from);
    let beside = crate_dir().join("../../shared/corpus");
    named.into_iter().chain([beside]).find(|folder| folder.is_dir())
}

/// The folder of files that a client's settings are written into, and how those files' names end.
fn files_of(client: &Client) -> (&'static str, &'static str) {
    match client.name {
        "npm" | "pnpm" | "yarn1" => ("npmrc", ""),
        "yarn" => ("yarn", ".yarnrc.yml"),
        "twine" => ("pypirc", ""),
        "poetry" | "pdm" | "hatch" => ("uv", ".toml"),
        "bundler" => ("bundler", ".bundle-config"),
        name => (name, ""),
    }
}

#[test]
fn edits_of_real_files_go_there_and_back() {
    let Some(corpus) = corpus() else {
        eprintln!("no corpus of real files: set CODEARTIFACT_CORPUS to its folder; generated files are tested");
        return;
    };
    for client in CLIENTS.iter().filter(|client| client.settings.is_some()) {
        let (folder, end) = files_of(client);
        let folder = corpus.join(folder);
        let names = names_in(&folder).into_iter().filter(|name| name.ends_with(end)).collect::<Vec<_>>();
        let (mut edited, mut refused) = (0, Vec::new());
        for name in &names {
            let before = std::fs::read(folder.join(name)).unwrap();
            for wish in wishes(client) {
                let files = wish.files(client);
                let syntax = |file| wish.edit(client, file, None).map(|edit| edit.syntax);
                // What is ours as a whole is no edit of somebody's file; of the others the last is the client's own, and
                // a library's may be written otherwise.
                let own = files.iter().map(syntax).rfind(|syntax| *syntax != Ok(Syntax::Whole));
                for file in files.iter().filter(|file| Some(syntax(file)) == own) {
                    match there_and_back(client, &wish, file, &before) {
                        Ok(()) => edited += 1,
                        Err(error) => refused.push(format!("{name}: {}", causes(&error).join(": "))),
                    }
                }
            }
        }
        eprintln!(
            "{}: {} real files, {edited} edits there and back, {} refused",
            client.name,
            names.len(),
            refused.len()
        );
        refused.dedup();
        for refused in &refused {
            eprintln!("  {refused}");
        }
        assert!(names.is_empty() || edited > 0, "no file of {} could be edited", client.name);
        // A file that cannot be edited is the exception: one that the client itself would refuse, or that holds a secret
        // where ours should go.
        assert!(edited >= 20 * refused.len(), "{}: too many are refused", client.name);
    }
}
