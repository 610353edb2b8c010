//! Files before and after, and back again: what every edit of every client has to keep.

use std::path::{Path, PathBuf};

use clients::settings::{Edit, Goal, Level, Places, Role, SettingsError, SettingsFile};
use clients::{Client, find};
use codeartifact::{Endpoint, PackageFormat, Region, Trust};
use proptest::prelude::*;

pub(crate) const HELPER: &str = "/home/dev/.cargo/bin/codeartifact-credential-helper";
pub(crate) const LINKS: &str = "/home/dev/.local/share/codeartifact/bin";

pub(crate) fn endpoint(format: PackageFormat, repository: &str) -> Endpoint {
    let url = format!("https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/{format}/{repository}/");
    Endpoint::recognise(url.as_bytes(), &Trust::default()).unwrap().unwrap()
}

/// What a test asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) level: Level,
    pub(crate) repository: String,
    pub(crate) name: Option<String>,
    /// The client's usual one where `None`.
    pub(crate) role: Option<Role>,
    pub(crate) scopes: Vec<String>,
    pub(crate) helper: PathBuf,
    region: Region,
}

impl Wish {
    pub(crate) fn of(level: Level) -> Self {
        Self {
            level,
            repository: "my-team-repo".to_owned(),
            name: None,
            role: None,
            scopes: Vec::new(),
            helper: HELPER.into(),
            region: "us-east-1".parse().unwrap(),
        }
    }

    pub(crate) fn files(&self, client: &Client) -> Vec<SettingsFile> {
        let endpoint = endpoint(client.format, &self.repository);
        let places = Places { home: Some(Path::new("/home/dev")), project: Path::new("/project"), variable: &|_| None };
        client.settings.unwrap().files(&self.goal(client, &endpoint), &places).unwrap()
    }

    pub(crate) fn edit(
        &self,
        client: &Client,
        file: &SettingsFile,
        text: Option<&[u8]>,
    ) -> Result<Edit, SettingsError> {
        let endpoint = endpoint(client.format, &self.repository);
        client.settings.unwrap().edit(&self.goal(client, &endpoint), file, text)
    }

    fn goal<'a>(&'a self, client: &Client, endpoint: &'a Endpoint) -> Goal<'a> {
        Goal {
            level: self.level,
            endpoint,
            name: self.name.as_deref(),
            role: self.role.unwrap_or(client.settings.unwrap().choices().roles[0]),
            scopes: &self.scopes,
            region: &self.region,
            helper: &self.helper,
            links: Path::new(LINKS),
        }
    }
}

/// Plans, plans again, takes back. A file that cannot be edited gives the error, which names it and quotes nothing.
pub(crate) fn there_and_back(
    client: &Client,
    wish: &Wish,
    file: &SettingsFile,
    before: &[u8],
) -> Result<(), SettingsError> {
    let edit = wish.edit(client, file, Some(before))?;
    let text = String::from_utf8(before.to_vec()).unwrap();
    assert_eq!(edit.before.as_deref(), Some(text.as_str()));

    let again = wish.edit(client, file, Some(edit.after.as_bytes())).unwrap();
    assert!(again.is_empty(), "a second run plans something:\n{}", again.diff());
    assert_eq!(again.after, edit.after);
    assert!(edit.changes.is_empty() == (edit.after == text), "changes and text disagree");

    let back = edit.syntax.take_back(edit.after.as_bytes(), &edit.changes).unwrap();
    assert_eq!(back.text, text, "not taken back to the byte");
    assert!(back.left.is_empty());
    assert_eq!(back.changes.len(), edit.changes.len());

    let once_more = edit.syntax.take_back(back.text.as_bytes(), &edit.changes).unwrap();
    assert_eq!(once_more.text, text, "taken back twice");
    assert!(once_more.changes.is_empty());
    Ok(())
}

/// Every wish a client is asked in these tests.
pub(crate) fn wishes(client: &Client) -> Vec<Wish> {
    let choices = client.settings.unwrap().choices();
    let scopes = choices.scope.map(|what| match what {
        "scope" if client.name == "swift" => ["my-org", "my-other"],
        "pattern" => ["MyOrg.*", "MyOther.Package"],
        _ => ["@my-org", "@my-other"],
    });
    let scopes = scopes.map(|scopes| scopes.map(str::to_owned).to_vec());
    let scopes: Vec<_> = std::iter::once(Vec::new()).chain(scopes).collect();
    let mut wishes = Vec::new();
    for (&level, &role) in choices.levels.iter().flat_map(|level| choices.roles.iter().map(move |role| (level, role))) {
        for helper in [HELPER, "/home/dev/My Programs/codeartifact-credential-helper", r"C:\bin\helper.exe"] {
            for scopes in &scopes {
                let wish = Wish::of(level);
                wishes.push(Wish { role: Some(role), helper: helper.into(), scopes: scopes.clone(), ..wish });
            }
        }
    }
    wishes
}

/// Lines of TOML as people write them, below a header.
fn body() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("true".to_owned()),
        Just("\"text # no comment\"".to_owned()),
        Just("'C:\\path'".to_owned()),
        Just("\"\"\"\nmany\n[lines]\n\"\"\"".to_owned()),
        Just("[ \"a\",\n  \"b\", # why\n]".to_owned()),
        Just("{ a = 1, b = { c = \"d\" } }".to_owned()),
        Just("2026-11-22T14:40:00Z".to_owned()),
    ];
    let line = prop_oneof![
        3 => ("[a-z]{1,6}", value, prop_oneof![Just(""), Just(" # comment"), Just("\t")])
            .prop_map(|(key, value, end)| format!("{key} = {value}{end}")),
        1 => Just("# comment with [brackets] = \"quotes\"".to_owned()),
        1 => Just(String::new()),
        1 => Just("   ".to_owned()),
    ];
    proptest::collection::vec(line, 0..5).prop_map(|lines| {
        // A key is written once.
        let mut seen = std::collections::HashSet::new();
        let lines: Vec<_> = lines
            .into_iter()
            .filter(|line| line.split_once(" = ").is_none_or(|(key, _)| seen.insert(key.to_owned())))
            .collect();
        lines.join("\n")
    })
}

/// Sections that touch what is edited, in the forms in which they are written.
fn section() -> impl Strategy<Value = String> {
    let own = prop_oneof![
        Just("[registries.other]\nindex = \"sparse+https://mirror.example.com/\""),
        Just("[registries]\nother = { index = \"sparse+https://mirror.example.com/\", token = \"REDACTED\" }"),
        Just("[registries]"),
        Just("[ registries . \"my-team-repo\" ] # ours\ntoken = 'REDACTED'"),
        Just("[registries.my-team-repo]"),
        Just("[registries]\nmy-team-repo.token = \"REDACTED\" # dotted\n"),
        Just("[registries]\nmy-team-repo = {}"),
        Just("[registries]\nmy-team-repo = { token = \"REDACTED\" }"),
        Just("[registry]\ndefault = \"other\""),
        Just("[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo:libsecret\"] # mine"),
        Just("[registry]\nglobal-credential-providers = [\n    # first\n    \"cargo:token\", # last\n]"),
        Just("[registry]\nglobal-credential-providers = [\n    \"cargo:token\",\n    \"other\" # last\n  ]"),
        Just("[registry]\nglobal-credential-providers = []"),
        Just("[registry]\nglobal-credential-providers = [ ] # none"),
        Just(
            "[source.crates-io]\nreplace-with = 'mirror' # near\n\n[source.mirror]\nregistry = \"sparse+https://mirror.example.com/\""
        ),
        Just("[source]\ncrates-io.replace-with = \"mirror\""),
        Just("[credential-alias]\nmine = [\"/bin/mine\", \"--x\"]"),
        Just("[source.crates-io]"),
    ];
    own.prop_map(str::to_owned)
}

fn table_of(section: &str) -> String {
    section.trim_start_matches(['[', ' ']).chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

prop_compose! {
    /// A file: root keys, sections, line ends, byte order mark and last newline of any kind.
    fn file()(
        root in body(),
        own in proptest::collection::vec(section(), 0..4),
        others in proptest::collection::vec(("[a-z]{3,8}", body()), 0..3),
        order in any::<u64>(),
        crlf in any::<bool>(),
        mark in any::<bool>(),
        end in prop_oneof![Just(""), Just("\n"), Just("\n\n"), Just("\n\n\n"), Just("\n# end"), Just("\n  ")],
    ) -> String {
        let mut seen = std::collections::HashSet::new();
        // Two letters more, so that no generated table is one of cargo's, nor one of the root's keys.
        let others = others.into_iter().map(|(name, body)| format!("[{name}-x]\n{body}"));
        let mut sections: Vec<_> =
            own.into_iter().chain(others).filter(|section| seen.insert(table_of(section))).collect();
        let count = sections.len().max(1);
        sections.rotate_left(usize::try_from(order % count as u64).unwrap());
        let mut text = [vec![root], sections].concat().join("\n") + end;
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if mark {
            text.insert(0, '\u{feff}');
        }
        text
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn edits_of_generated_files_go_there_and_back(text in file(), wish in proptest::sample::select(wishes(find("cargo").unwrap()))) {
        let cargo = find("cargo").unwrap();
        for file in wish.files(cargo) {
            let done = there_and_back(cargo, &wish, &file, text.as_bytes());
            prop_assert!(done.is_ok(), "{:?} in\n{}", done, text);
        }
    }

    /// Somebody else's lines, written before, between and after ours, stay when ours are taken back.
    #[test]
    fn what_others_wrote_since_stays(text in file(), wish in proptest::sample::select(wishes(find("cargo").unwrap())), tail in "[a-z]{1,5}") {
        let cargo = find("cargo").unwrap();
        for file in wish.files(cargo) {
            let edit = wish.edit(cargo, &file, Some(text.as_bytes())).unwrap();
            let theirs = format!("{}\n[{tail}-y]\nkey = 1\n", edit.after);
            let back = edit.syntax.take_back(theirs.as_bytes(), &edit.changes).unwrap();
            prop_assert_eq!(back.changes.len(), edit.changes.len());
            prop_assert!(back.left.is_empty());
            let ending = format!("\n[{tail}-y]\nkey = 1\n");
            prop_assert!(back.text.ends_with(&ending));
            prop_assert!(!back.text.contains("credential-helper"), "left behind:\n{}", back.text);
        }
    }

    /// Any bytes at all: an edit or an error, no panic; what is no TOML gives an error.
    #[test]
    fn any_bytes_are_edited_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let cargo = find("cargo").unwrap();
        let wish = Wish::of(Level::User);
        for file in wish.files(cargo) {
            if wish.edit(cargo, &file, Some(&bytes)).is_ok() {
                prop_assert!(std::str::from_utf8(&bytes).is_ok());
            }
        }
    }
}

#[test]
fn keys_added_to_our_table_by_others_stay_and_ours_go() {
    let cargo = find("cargo").unwrap();
    let wish = Wish::of(Level::User);
    let file = &wish.files(cargo)[0];
    let edit = wish.edit(cargo, file, Some(b"[net]\nretry = 3\n")).unwrap();
    let theirs = format!("{}token = \"REDACTED\"\n", edit.after);
    let back = edit.syntax.take_back(theirs.as_bytes(), &edit.changes).unwrap();
    assert!(back.text.ends_with("[registries.my-team-repo]\ntoken = \"REDACTED\"\n"), "{}", back.text);
    assert!(!back.text.contains("index") && !back.text.contains("credential-provider"), "{}", back.text);
}

#[test]
fn values_changed_by_others_stay_and_are_reported() {
    let cargo = find("cargo").unwrap();
    let wish = Wish::of(Level::User);
    let file = &wish.files(cargo)[0];
    let edit = wish.edit(cargo, file, None).unwrap();
    let theirs = edit.after.replace(HELPER, "/opt/other-helper");
    let back = edit.syntax.take_back(theirs.as_bytes(), &edit.changes).unwrap();
    assert!(back.text.contains("/opt/other-helper") && !back.text.contains("index"), "{}", back.text);
    assert_eq!(back.left.len(), 1);
    assert_eq!(back.left[0].key(), "registries.my-team-repo.credential-provider");
}

#[test]
fn entries_added_to_our_list_by_others_stay() {
    let cargo = find("cargo").unwrap();
    let wish = Wish::of(Level::Project);
    let file = &wish.files(cargo)[0];
    assert_eq!(file.level, Level::User);
    let edit = wish.edit(cargo, file, None).unwrap();
    let theirs = edit.after.replace(&format!("\"{HELPER}\""), &format!("\"{HELPER}\", \"theirs\""));
    let back = edit.syntax.take_back(theirs.as_bytes(), &edit.changes).unwrap();
    assert!(back.text.contains("global-credential-providers = [\"cargo:token\", \"theirs\"]"), "{}", back.text);
    assert!(back.left.is_empty());
}

#[test]
fn invalid_files_are_refused_by_line_and_without_quoting_them() {
    let cargo = find("cargo").unwrap();
    let wish = Wish::of(Level::User);
    let file = &wish.files(cargo)[0];
    for (text, place) in [
        (b"a = 1\n[registries.x]\ntoken = SECRET-TOKEN\n".as_slice(), "line 3, column 9"),
        (b"a = 1\nb = \"\xff\"\n", "line 2 is not UTF-8"),
        (b"registries = 5\n", "line 1: `registries` is not a table"),
        (b"[registries]\nmy-team-repo = \"x\"\n", "line 2: `registries.my-team-repo` is not a table"),
        (b"[[registries.my-team-repo]]\n", "line 1: `registries.my-team-repo` is not a table"),
    ] {
        let error = wish.edit(cargo, file, Some(text)).unwrap_err();
        let SettingsError::Syntax { path, source } = &error else { panic!("{error:?}") };
        assert!(source.to_string().starts_with(place), "{source}");
        assert!(path.ends_with(".cargo/config.toml"));
        assert!(!format!("{error} {source} {error:?}").contains("SECRET"), "{error:?}");
        assert!(error.hint().is_some());
    }
}
