//! Before and after: a folder per case, in it
//!
//! - `goal.toml`: `level`, and where they differ from the usual: `repository`, `name`, `role`, `scopes`, `helper`;
//!   `error` with the text of the error where there is no edit; `findings` with the codes of the findings;
//! - `before/` and `after/`: the files, each `LEVEL-` and its last candidate's name, such as `user-config.toml`; a file
//!   that is missing is not there.

use std::path::Path;

use clients::CLIENTS;
use clients::settings::{Level, Role};
use clients::syntax::Syntax;

use crate::editing::{Wish, there_and_back};
use crate::{crate_dir, names_in};

struct Case {
    wish: Wish,
    error: Option<String>,
    findings: Vec<String>,
}

fn read_case(folder: &Path) -> Case {
    let text = std::fs::read_to_string(folder.join("goal.toml")).unwrap();
    let goal = text.parse::<toml_edit::DocumentMut>().unwrap();
    let text = |key: &str| goal.get(key).and_then(|item| item.as_str()).map(str::to_owned);
    let list = |key: &str| {
        let list = goal.get(key).and_then(|item| item.as_array());
        list.map(|list| list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
    };
    let mut wish = Wish::of(match text("level").as_deref() {
        Some("user") => Level::User,
        Some("project") => Level::Project,
        other => panic!("level {other:?} in {}", folder.display()),
    });
    wish.repository = text("repository").unwrap_or(wish.repository);
    wish.name = text("name");
    wish.role = text("role").map(|role| match role.as_str() {
        "named" => Role::Named,
        "default" => Role::Default,
        "extra" => Role::Extra,
        other => panic!("role {other} in {}", folder.display()),
    });
    wish.scopes = list("scopes");
    wish.helper = text("helper").map_or(wish.helper, Into::into);
    Case { wish, error: text("error"), findings: list("findings") }
}

#[test]
fn every_case_goes_from_before_to_after() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for client in CLIENTS {
        let cases = crate_dir().join("src").join(client.name).join("fixtures/settings");
        for name in names_in(&cases) {
            let folder = cases.join(&name);
            let case = read_case(&folder);
            let (mut errors, mut findings) = (Vec::new(), Vec::new());
            for file in case.wish.files(client) {
                let file_name = file.candidates.last().and_then(|path| path.file_name()).unwrap().display();
                let in_case = format!("{}-{file_name}", file.level);
                let before = std::fs::read(folder.join("before").join(&in_case)).ok();
                let after = std::fs::read_to_string(folder.join("after").join(&in_case)).ok();
                match case.wish.edit(client, &file, before.as_deref()) {
                    Ok(edit) => {
                        // A script of ours is the same in every case: it may be left out.
                        let is_left_out = edit.syntax == Syntax::Whole && after.is_none();
                        if !is_left_out && after.as_deref().unwrap_or_default() != edit.after {
                            let name = format!("{}/{name}", client.name);
                            wrong.push(format!("== {name}, after/{in_case} should be\n{}==", edit.after));
                        }
                        findings.extend(edit.findings.iter().map(|finding| finding.code.to_owned()));
                        there_and_back(client, &case.wish, &file, &before.unwrap_or_default()).unwrap();
                    }
                    Err(error) => errors.push(clients::protocol::causes(&error).join(": ")),
                }
            }
            findings.dedup();
            if errors.first() != case.error.as_ref() {
                wrong.push(format!("== {}/{name}: errors {errors:?}, expected {:?}", client.name, case.error));
            }
            if findings != case.findings {
                wrong.push(format!("== {}/{name}: findings {findings:?}, expected {:?}", client.name, case.findings));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 15, "only {count} cases were found");
}
