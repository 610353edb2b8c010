//! Real configuration files, kept outside the repository: in the folder that `CODEARTIFACT_CORPUS` names, or in
//! `shared/corpus` beside the checkout. Each client's are in the folder of its name.

use std::path::PathBuf;

use clients::CLIENTS;
use codeartifact::Host;

use crate::editing::{there_and_back, wishes};
use crate::{crate_dir, names_in};

pub(crate) fn corpus() -> Option<PathBuf> {
    let host = Host::of_process();
    let named = host.var_os("CODEARTIFACT_CORPUS").map(PathBuf::from);
    let beside = crate_dir().join("../../shared/corpus");
    named.into_iter().chain([beside]).find(|folder| folder.is_dir())
}

#[test]
fn edits_of_real_files_go_there_and_back() {
    let Some(corpus) = corpus() else {
        eprintln!("no corpus of real files: set CODEARTIFACT_CORPUS to its folder; generated files are tested");
        return;
    };
    for client in CLIENTS.iter().filter(|client| client.settings.is_some()) {
        let folder = corpus.join(client.name);
        let names = names_in(&folder);
        let mut edited = 0;
        for name in &names {
            let before = std::fs::read(folder.join(name)).unwrap();
            for wish in wishes() {
                for file in wish.files(client) {
                    assert!(there_and_back(client, &wish, &file, &before), "no room in {name}");
                    edited += 1;
                }
            }
        }
        eprintln!("{}: {} real files, {edited} edits there and back", client.name, names.len());
        assert!(edited > 0, "no files for {}", client.name);
    }
}
