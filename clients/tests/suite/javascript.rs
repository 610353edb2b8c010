//! The edits of the JavaScript clients in generated files: there, there again, and back, beside what others write.

use clients::settings::{Level, SettingsError};
use clients::syntax::{Syntax, SyntaxError};
use clients::{Client, find, protocol::causes};
use proptest::prelude::*;

use crate::editing::{Wish, there_and_back, wishes};
use crate::line_files::{npmrc_files, some, yaml_files};

/// As many files as are generated of each kind.
const COUNT: usize = 300;

/// `bunfig.toml` as people write it: sections in any order, each once.
fn bunfig_files() -> impl Strategy<Value = String> {
    const REGISTRIES: &[&str] = &[
        "",
        "[install]\nexact = true # always",
        "[install]\nregistry = \"https://npm.example.com/\" # theirs",
        "[install]\nregistry = { url = 'https://npm.example.com/', token = \"$NPM_TOKEN\" }",
        "[install]\nregistry.url = \"https://npm.example.com/\"\n  registry.token = '$NPM_TOKEN'",
        "[install.registry]\nurl = \"https://npm.example.com/\"",
        "[ install . registry ] # odd",
        "[install]\nregistry = { url = \"https://npm.example.com/\", username = \"me\", password = \"REDACTED\" }",
        "[install]\nregistry = {}",
    ];
    const SCOPES: &[&str] = &[
        "",
        "[install.scopes]\nother = \"https://npm.example.com/\"",
        "[install.scopes]\n\"@my-org\" = { url = \"https://npm.example.com/\", token = \"$NPM_TOKEN\" } # why",
        "[install.scopes.my-org]\nurl = \"https://npm.example.com/\"",
        "[install.scopes.\"@my-other\"]",
        "[install.scopes]\nmy-org = \"https://npm.example.com/\"",
    ];
    const OTHERS: &[&str] = &[
        "",
        "[test]\ncoverage = true",
        "# [install]\n[run]\n\nbun = true",
        "[serve.static]\nplugins = [\n  \"a\", # b\n]",
    ];
    let first =
        proptest::sample::select(&["", "telemetry = false\n", "# first\n\n", "logLevel = \"warn\" # root\n"][..]);
    let ends = proptest::sample::select(&["", "\n", "\n\n", "\n# end", "\n  "][..]);
    let parts =
        (proptest::sample::select(REGISTRIES), proptest::sample::select(SCOPES), proptest::sample::select(OTHERS));
    (first, parts, 0..3_usize, ends, any::<bool>(), any::<bool>()).prop_map(|(first, parts, turn, end, crlf, mark)| {
        let mut sections = [parts.0, parts.1, parts.2];
        sections.rotate_left(turn);
        let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        let text = format!("{first}{}{end}", sections.join("\n"));
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        if mark { format!("\u{feff}{text}") } else { text }
    })
}

/// Says how many files took every edit.
#[expect(clippy::print_stderr, reason = "says how much was tested")]
fn generated(client: &Client, files: &[String]) {
    let (mut edits, mut whole) = (0, 0);
    for text in files {
        let mut took_all = true;
        for wish in wishes(client) {
            for file in wish.files(client) {
                if wish.edit(client, &file, None).is_ok_and(|edit| edit.syntax == Syntax::Whole) {
                    continue;
                }
                match there_and_back(client, &wish, &file, text.as_bytes()) {
                    Ok(()) => edits += 1,
                    Err(error) => {
                        took_all = false;
                        assert!(!causes(&error).join(" ").contains("REDACTED"), "{error:?}");
                        let known = matches!(
                            error,
                            SettingsError::SecretInTheWay { .. }
                                | SettingsError::Syntax {
                                    source: SyntaxError::Type { .. }
                                        | SyntaxError::Invalid { .. }
                                        | SyntaxError::NoRoom { .. },
                                    ..
                                }
                        );
                        assert!(known, "{error:?} in\n{text}");
                    }
                }
            }
        }
        whole += usize::from(took_all);
    }
    eprintln!(
        "{}: {edits} edits there and back, all of them in {whole} of {} generated files",
        client.name,
        files.len()
    );
    assert!(whole >= 60, "{}: only {whole} files took every edit", client.name);
}

#[test]
fn edits_of_generated_npmrc_files_go_there_and_back() {
    let files = some(npmrc_files(), COUNT);
    for name in ["npm", "pnpm", "yarn1"] {
        generated(find(name).unwrap(), &files);
    }
}

#[test]
fn edits_of_generated_yarnrc_files_go_there_and_back() {
    generated(find("yarn").unwrap(), &some(yaml_files(), COUNT));
}

#[test]
fn edits_of_generated_bunfig_files_go_there_and_back() {
    generated(find("bun").unwrap(), &some(bunfig_files(), COUNT));
}

/// Two clients that share a file, in both orders: what is taken back is taken back, what serves the other stays.
#[test]
fn clients_that_share_a_file_do_not_get_in_each_others_way() {
    let wish = Wish::of(Level::User);
    let [npm, pnpm, yarn1] = ["npm", "pnpm", "yarn1"].map(|name| find(name).unwrap());
    for (one, other) in [(npm, pnpm), (pnpm, npm), (npm, yarn1), (yarn1, pnpm)] {
        let file = &wish.files(one)[0];
        let first = wish.edit(one, file, Some(b"a=1")).unwrap();
        let second = wish.edit(other, file, Some(first.after.as_bytes())).unwrap();
        // What the second relies on is what the first wrote: a journal gives it to both.
        assert_eq!(second.present.len(), 1, "{} after {}", other.name, one.name);
        assert!(second.present.iter().all(|present| first.changes.iter().any(|change| change.same_as(present))));
        let again = wish.edit(one, file, Some(second.after.as_bytes())).unwrap();
        assert!(again.is_empty(), "{} is undone by {}:\n{}", one.name, other.name, again.diff());
        let back = second.syntax.take_back(second.after.as_bytes(), &second.changes).unwrap();
        assert_eq!(back.text, first.after);
    }
}

/// Never a token, and in a project's files nothing of this machine.
#[test]
fn projects_files_hold_nothing_of_the_machine() {
    for name in ["npm", "pnpm", "yarn", "yarn1", "bun"] {
        let client = find(name).unwrap();
        for wish in wishes(client) {
            for file in wish.files(client).iter().filter(|file| file.level == Level::Project) {
                let after = wish.edit(client, file, None).unwrap().after;
                for machine in ["/home", "helper", "\\", "bin"] {
                    assert!(!after.contains(machine), "{name}: {machine} in\n{after}");
                }
            }
        }
    }
}
