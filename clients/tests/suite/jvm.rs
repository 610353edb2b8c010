//! What is written for Maven, Gradle, sbt and Bazel into generated files: there, there again, and back.

use clients::find;
use clients::settings::{SettingsError, SettingsFile};
use proptest::prelude::*;

use crate::editing::{there_and_back, wishes};
use crate::line_files::{line_files, some};
use crate::xml;

const FILES: usize = 80;

/// Files, and which of a client's they stand for.
type Kind = (&'static str, fn(&SettingsFile) -> bool, Vec<String>);

fn is_named(file: &SettingsFile, end: &str) -> bool {
    file.candidates.iter().any(|path| path.ends_with(end))
}

/// Scripts of others, of ours, and of ours that others have changed: whole files are made, or left.
fn scripts() -> impl Strategy<Value = String> {
    const MARK: &str = "// written by `cargo codeartifact configure`; `--undo` takes it back\n";
    let body = "[a-z (){}\"'/\n\r\t\u{e9}]{0,80}";
    prop_oneof![
        3 => body.prop_map(|body| format!("{MARK}{body}")),
        2 => body.prop_map(|body| format!("\u{feff}{body}")),
        1 => Just(String::new()),
    ]
}

#[test]
fn edits_of_generated_files_go_there_and_back() {
    let lines = some(line_files(), FILES);
    let kinds: [Kind; 8] = [
        ("maven", |file| is_named(file, ".mavenrc"), lines.clone()),
        ("maven", |file| is_named(file, "settings.xml"), some(xml::settings(), FILES)),
        ("maven", |file| is_named(file, "settings.xml"), some(settings(), FILES)),
        ("bazel", |file| is_named(file, ".bazelrc"), lines.clone()),
        ("gradle", |file| is_named(file, "codeartifact.repositories"), lines),
        ("gradle", |file| is_named(file, "codeartifact.gradle"), some(scripts(), FILES)),
        ("sbt", |file| is_named(file, "codeartifact.sbt"), some(scripts(), FILES)),
        ("sbt", |file| !is_named(file, "codeartifact.sbt"), some(scripts(), FILES)),
    ];
    for (name, is_it, texts) in kinds {
        let client = find(name).unwrap();
        let (mut edited, mut files) = (0, 0);
        for (wish, file) in
            wishes(client).iter().flat_map(|wish| wish.files(client).into_iter().map(move |file| (wish, file)))
        {
            if !is_it(&file) {
                continue;
            }
            files += texts.len();
            for text in &texts {
                match there_and_back(client, wish, &file, text.as_bytes()) {
                    Ok(()) => edited += 1,
                    Err(
                        SettingsError::Foreign { .. }
                        | SettingsError::NameInUse { .. }
                        | SettingsError::SecretInTheWay { .. },
                    ) => {}
                    // A second section of a name, or text where elements should be.
                    Err(SettingsError::Syntax { .. }) if name == "maven" => {}
                    Err(error) => panic!("{error:?} in\n{text}"),
                }
            }
        }
        assert!(files > 0 && edited * 2 >= files, "{name}: only {edited} of {files} files were edited");
    }
}

/// Settings of Maven in which the repository is there already, in part or as something else.
fn settings() -> impl Strategy<Value = String> {
    const URL: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/maven/my-team-repo";
    let section = prop_oneof![
        Just("<servers><server><id>my-team-repo</id><username>aws</username></server></servers>".to_owned()),
        Just("<servers>\n\t<server>\n\t\t<id> my-team-repo </id>\n\t\t<password/>\n\t\t<configuration><timeout>1</timeout></configuration>\n\t</server>\n</servers>".to_owned()),
        Just("<servers>\n  <server><id>my-team-repo</id><password>${env.CODEARTIFACT_AUTH_TOKEN}</password></server>\n</servers>".to_owned()),
        Just(format!("<mirrors>\n    <mirror>\n      <url>{URL}/</url>\n      <id>my-team-repo</id>\n      <name>x</name>\n    </mirror>\n  </mirrors>")),
        Just(format!("<mirrors><mirror><id>my-team-repo</id><mirrorOf>*</mirrorOf><url>{URL}</url></mirror></mirrors>")),
        Just(format!("<profiles>\n  <profile>\n    <id>my-team-repo</id>\n    <repositories><repository><id>my-team-repo</id><url>{URL}/</url><snapshots/></repository></repositories>\n  </profile>\n</profiles>")),
        Just("<profiles><profile><id>other</id></profile></profiles>".to_owned()),
        Just("<activeProfiles>\n <activeProfile> my-team-repo </activeProfile>\n</activeProfiles>".to_owned()),
        Just("<!-- <servers/> -->".to_owned()),
    ];
    let ends = prop_oneof![Just("\n"), Just("\r\n")];
    (proptest::collection::vec(section, 0..5), ends, any::<bool>()).prop_map(|(sections, end, mark)| {
        let mut seen = std::collections::HashSet::new();
        let name = |section: &String| section.split('>').next().unwrap().to_owned();
        let sections: Vec<_> = sections.into_iter().filter(|section| seen.insert(name(section))).collect();
        let text = format!("<settings>\n  {}\n</settings>", sections.join("\n  ")).replace('\n', end);
        if mark { format!("\u{feff}{text}\n") } else { text }
    })
}

/// Any bytes at all: an edit or an error, no panic, and never something quoted.
#[test]
fn any_bytes_are_edited_or_refused() {
    let texts = some("[<>/a-z\"'= \\\\#\r\n\u{feff}&;!\\[\\]-]{0,80}", 200);
    for name in ["maven", "gradle", "sbt", "bazel"] {
        let client = find(name).unwrap();
        for (wish, file) in
            wishes(client).iter().flat_map(|wish| wish.files(client).into_iter().map(move |file| (wish, file)))
        {
            for text in &texts {
                drop(there_and_back(client, wish, &file, text.as_bytes()));
            }
            assert!(wish.edit(client, &file, Some(b"\xff\n")).is_err(), "{name}");
        }
    }
}
