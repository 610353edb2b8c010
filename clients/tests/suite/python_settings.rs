//! The edits of pip, uv, twine, Poetry, PDM and Hatch over generated files: there, there again, and back.

use clients::settings::SettingsError;
use clients::syntax::SyntaxError;
use clients::{Client, find};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::editing::{there_and_back, wishes};
use crate::line_files::ini_files;

const CLIENTS: [&str; 6] = ["pip", "uv", "twine", "poetry", "pdm", "hatch"];
/// Files of each kind, and how many at least must be such as the client itself would read.
const FILES: usize = 300;
const AT_LEAST: usize = 60;

/// Tables and keys that these clients read, as people write them; some go together, some do not.
const SECTIONS: &[&str] = &[
    "[[index]]\nurl = \"https://mirror.example.com/simple\"\ndefault = true",
    "# the mirror\n  [[index]] # near\n  name = 'mirror'\n  url = 'https://mirror.example.com/simple'",
    "[[index]]\nname = \"my-team-repo\"\nurl = \"https://mirror.example.com/simple\"",
    "[[index]]\nname = \"my-team-repo\"",
    "index = []",
    "[index]\nname = \"none\"",
    "[pip]\nindex-url = \"https://mirror.example.com/simple\"\n",
    "[tool.uv]\npackage = false",
    "[tool]\nuv = { package = false }",
    "[tool.uv]\nindex = [{ url = \"https://mirror.example.com/simple\" }]",
    "[[tool.uv.index]]\nname = \"other\"\nurl = \"https://two.example.com/simple\"\nexplicit = true # only",
    "[[ tool . uv . index ]]\nurl = \"https://two.example.com/simple\"\ndefault = true\n\n",
    "[tool.uv.sources]\none = { index = \"other\" }",
    "[tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\npython = \"^3.9\"",
    "[[tool.poetry.source]]\nname = \"other\"\nurl = \"https://two.example.com/simple\"\npriority = \"explicit\"",
    "[[tool.poetry.source]]\nname = \"my-team-repo\"\npriority = 'supplemental'",
    "[tool.poetry]\nsource = []",
    "[tool.pdm]\ndistribution = false",
    "[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"https://mirror.example.com/simple\" # near\nverify_ssl = true",
    "[[tool.pdm.source]]\nname = \"other\"\nurl = \"https://two.example.com/simple\"\n[tool.pdm.scripts]\nx = \"y\"",
    "tool.pdm.distribution = true",
    "[repositories]\nother = { url = \"https://upload.example.com/\" }",
    "[repositories.other]\nurl = \"https://upload.example.com/\"",
    "[repositories]\nmy-team-repo.url = \"https://upload.example.com/\"",
    "[repositories.my-team-repo]",
    "[pypi]\nurl = \"https://mirror.example.com/simple\"\n  verify_ssl = true",
    "[pypi.other]\nurl = \"https://two.example.com/simple\"",
    "[pypi]\nmy-team-repo = { verify_ssl = false }",
    "[repository.other]\nurl = \"https://upload.example.com/\"\npassword = \"REDACTED\"",
    "[repository]\nmy-team-repo = {}",
    "[publish.index]\nrepo = \"other\"",
    "[publish.index.repos.other]\nurl = \"https://upload.example.com/\"\nauth = \"REDACTED\"",
    "[publish]\nindex = { repos = { } }",
    "[publish.index.repos]\nmy-team-repo = \"https://upload.example.com/\"",
    "[publish]\nindex.repo = \"other\"",
    "keyring-provider = \"disabled\" # why",
    "offline = true",
    "mode = 'local'",
    "[project]\nname = \"app\"\ndependencies = [\n    \"one\", # why\n]",
    "[broken",
    "key = ",
    "# a comment with [brackets] = \"quotes\"",
    "",
    "   ",
    "text = \"\"\"\n[[index]]\n\"\"\"",
];

fn toml_files() -> impl Strategy<Value = String> {
    let sections = proptest::collection::vec(proptest::sample::select(SECTIONS), 0..6);
    let end = prop_oneof![Just(""), Just("\n"), Just("\n\n"), Just("\n\n\n"), Just("\n# end"), Just("\n  ")];
    (sections, end, any::<bool>(), any::<bool>()).prop_map(|(sections, end, crlf, mark)| {
        let mut seen = std::collections::HashSet::new();
        let is_new = |section: &&'static str| section.starts_with("[[") || seen.insert(section.lines().next());
        let text = sections.into_iter().filter(is_new).collect::<Vec<_>>().join("\n") + end;
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        if mark { format!("\u{feff}{text}") } else { text }
    })
}

/// Generated files of the syntax that a name stands for.
fn generated(name: &str, runner: &mut TestRunner) -> Option<String> {
    match name.rsplit('.').next() {
        Some("conf" | "cfg" | "pypirc") => Some(ini_files().new_tree(runner).unwrap().current()),
        Some("toml") => Some(toml_files().new_tree(runner).unwrap().current()),
        _ => None,
    }
}

fn is_expected(error: &SettingsError) -> bool {
    assert!(!format!("{error} {error:?}").contains("REDACTED"), "{error:?}");
    match error {
        SettingsError::Syntax { source, .. } => !matches!(source, SyntaxError::Encoding { .. }),
        SettingsError::NameInUse { .. } | SettingsError::SecretInTheWay { .. } => true,
        _ => false,
    }
}

fn over_generated_files(client: &Client) {
    let mut runner = TestRunner::deterministic();
    let mut edited = std::collections::BTreeMap::<_, usize>::new();
    for wish in wishes(client).into_iter().step_by(3) {
        for file in wish.files(client) {
            let path = file.candidates.last().unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            for _ in 0..FILES {
                let Some(text) = generated(name, &mut runner) else { break };
                match there_and_back(client, &wish, &file, text.as_bytes()) {
                    Ok(()) => *edited.entry(name.to_owned()).or_default() += 1,
                    Err(error) => assert!(is_expected(&error), "{error:?} in\n{text}"),
                }
            }
        }
    }
    assert!(!edited.is_empty());
    for (name, edited) in edited {
        assert!(edited >= AT_LEAST, "only {edited} generated files like {name} could be edited for {}", client.name);
    }
}

#[test]
fn edits_of_generated_files_go_there_and_back() {
    for name in CLIENTS {
        over_generated_files(find(name).unwrap());
    }
}

/// What others wrote below since stays, and nothing of ours does.
#[test]
fn what_others_wrote_since_stays() {
    let mut runner = TestRunner::deterministic();
    for client in CLIENTS.map(|name| find(name).unwrap()) {
        let mut taken_back = 0;
        for wish in wishes(client).into_iter().step_by(3) {
            for file in wish.files(client) {
                let name = file.candidates.last().unwrap().file_name().unwrap().to_str().unwrap();
                for _ in 0..FILES {
                    let Some(text) = generated(name, &mut runner) else { break };
                    let Ok(edit) = wish.edit(client, &file, Some(text.as_bytes())) else { continue };
                    if edit.changes.is_empty() || text.contains('\r') {
                        continue;
                    }
                    let theirs = "\n\n[theirs]\nkey = 1\n";
                    let Ok(back) = edit.syntax.take_back(format!("{}{theirs}", edit.after).as_bytes(), &edit.changes)
                    else {
                        panic!("not even read:\n{}", edit.after);
                    };
                    assert!(back.left.is_empty(), "{:?} in\n{}", back.left, edit.after);
                    assert!(back.text.ends_with(theirs), "{}", back.text);
                    assert!(!back.text.contains("111122223333"), "left behind:\n{}", back.text);
                    taken_back += 1;
                }
            }
        }
        assert!(taken_back >= AT_LEAST, "{}: {taken_back}", client.name);
    }
}
