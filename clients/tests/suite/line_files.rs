//! Edits of ini, `.npmrc`, netrc and YAML files: there, there again, and back.

use clients::syntax::{Change, Editor, Grammar, Syntax, SyntaxError, Value, ini, lines, netrc, npmrc, yaml};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::corpus::corpus;
use crate::names_in;

/// An edit a client needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish {
    Set(&'static [&'static str], &'static str),
    SetList(&'static [&'static str], &'static [&'static str]),
    Append(&'static [&'static str], &'static str, &'static [&'static str]),
    Remove(&'static [&'static str]),
}

impl Wish {
    pub(crate) fn make<G: Grammar>(self, editor: &mut Editor<G>) -> Result<Option<Change>, SyntaxError> {
        match self {
            Wish::Set(keys, text) => editor.set(keys, &Value::Text(text.to_owned())),
            Wish::SetList(keys, list) => {
                editor.set(keys, &Value::List(list.iter().map(|&entry| entry.to_owned()).collect()))
            }
            Wish::Append(keys, entry, start) => editor.append(keys, entry, start),
            Wish::Remove(keys) => editor.remove(keys),
        }
    }
}

const URL: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/shared/";

pub(crate) const INI: &[Wish] = &[
    Wish::Set(&["global", "index-url"], "https://aws@my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/%20"),
    Wish::Append(&["global", "extra-index-url"], "https://extra.example.com/simple/", &[]),
    Wish::Append(&["distutils", "index-servers"], "codeartifact", &["mirror"]),
    Wish::Set(&["codeartifact", "repository"], "https://my-org.example.com/pypi/shared/"),
    Wish::Set(&["codeartifact", "username"], "aws"),
    Wish::SetList(&["install", "trusted-host"], &["one.example.com", "two.example.com"]),
    Wish::Set(&["install", "use-feature"], ""),
    Wish::Set(&["global", "timeout"], "60"),
    Wish::Remove(&["global", "index-url"]),
    Wish::Remove(&["pypi", "username"]),
];

pub(crate) const NPMRC: &[Wish] = &[
    Wish::Set(&["registry"], URL),
    Wish::Set(&["@my-scope:registry"], URL),
    Wish::Set(&["//my-org.example.com/npm/shared/:tokenHelper"], "/home/dev/My Programs/codeartifact-pnpm"),
    Wish::Set(&["//my-org.example.com/npm/shared/:_authToken"], "${CODEARTIFACT_AUTH_TOKEN}"),
    Wish::Set(&["message"], " odd; # \"text\" "),
    Wish::Append(&["public-hoist-pattern"], "*codeartifact*", &["*eslint*"]),
    Wish::Set(&["always-auth"], "true"),
    Wish::Set(&["prefix"], r"C:\new folder\;x"),
    Wish::Remove(&["registry"]),
    Wish::Remove(&["strict-ssl"]),
];

pub(crate) const NETRC: &[Wish] = &[
    Wish::Set(&["my-org.example.com", "login"], "aws"),
    Wish::Set(&["my-org.example.com", "password"], "pass word\"\\#"),
    Wish::Set(&["github.com", "login"], "other"),
    Wish::Set(&["github.com", "account"], "#mine"),
    Wish::Set(&["my host", "password"], "x"),
    Wish::Remove(&["github.com", "password"]),
];

pub(crate) const YAML: &[Wish] = &[
    Wish::Set(&["npmRegistryServer"], URL),
    Wish::Set(&["npmScopes", "my-scope", "npmRegistryServer"], URL),
    Wish::Set(&["npmScopes", "my-scope", "npmAlwaysAuth"], "true"),
    Wish::Set(&["npmRegistries", "//my-org.example.com/npm/shared/", "npmAuthIdent"], "it's \"quoted\" # \\ not"),
    Wish::Append(&["unsafeHttpWhitelist"], "localhost", &[]),
    Wish::Append(&["npmPreapprovedPackages"], "@my-scope/*", &["first: one"]),
    Wish::Append(&["plugins"], ".yarn/codeartifact.cjs", &[]),
    Wish::SetList(&["immutablePatterns"], &["a", "- b"]),
    Wish::SetList(&[":sources"], &["https://my-org.example.com/ruby/shared/"]),
    Wish::Set(&["BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/"], "https://my-org.example.com/ruby/shared/"),
    Wish::Set(&["BUNDLE_PATH"], r"C:\vendor"),
    Wish::Remove(&["nodeLinker"]),
    Wish::Remove(&["npmScopes", "my-scope", "npmRegistryServer"]),
];

pub(crate) const LINES: &[Wish] = &[
    Wish::Set(
        &["my-org-111122223333.us-east-1"],
        "if token=$('/home/dev/My Programs/helper'); then export A=\"${token##* }\"; fi",
    ),
    Wish::Set(&["my-org.example.com"], "common --credential_helper=my-org.example.com=codeartifact"),
    Wish::Set(&["tied # down"], ""),
    Wish::Remove(&["present"]),
];

/// What others write before and behind.
const fn theirs(syntax: Syntax) -> (&'static str, &'static str) {
    match syntax {
        Syntax::Ini => ("# theirs\n", "[theirs]\nkey = 1\n"),
        Syntax::Npmrc => ("theirs-first=1\n", "theirs-last = 1\n"),
        Syntax::Netrc => ("machine theirs.example.com login me password REDACTED\n", "machine last.example.com\n"),
        // There are no comments, and nothing but white space beside the object.
        Syntax::Json => ("\n", " \n"),
        Syntax::Yaml | Syntax::Lines | Syntax::Toml | Syntax::Xml | Syntax::Whole => ("# theirs\n", "theirs: 1\n"),
    }
}

fn refused(error: &SyntaxError) -> bool {
    assert!(!error.to_string().contains("REDACTED"), "{error}");
    matches!(error, SyntaxError::NoRoom { .. } | SyntaxError::Type { .. } | SyntaxError::Invalid { .. })
}

fn back(syntax: Syntax, text: &str, changes: &[Change]) -> clients::syntax::TakenBack {
    // As a journal keeps them.
    let changes: Vec<Change> = serde_json::from_str(&serde_json::to_string(changes).unwrap()).unwrap();
    syntax.take_back(text.as_bytes(), &changes).unwrap()
}

/// Makes edits, makes them again, takes them back: says how many were made; `None` where the file is refused.
fn there_and_back<G: Grammar>(syntax: Syntax, before: &str, wishes: &[Wish]) -> Option<usize> {
    let mut editor = match Editor::<G>::parse(before.as_bytes()) {
        Ok(editor) => editor,
        Err(error) => {
            assert!(refused(&error), "{error}");
            return None;
        }
    };
    assert_eq!(editor.text(), before);
    let (mut changes, mut made) = (Vec::new(), Vec::new());
    for wish in wishes {
        let text = editor.text();
        match wish.make(&mut editor) {
            Ok(Some(change)) => {
                assert_ne!(editor.text(), text, "{wish:?}");
                let again = wish.make(&mut editor);
                assert_eq!(
                    again,
                    Ok(None),
                    "a second run of {wish:?} changes something:\n{before}\n=>\n{}",
                    editor.text()
                );
                if !matches!(wish, Wish::Remove(_)) {
                    let path = &change.keys.iter().map(String::as_str).collect::<Vec<_>>();
                    assert!(editor.line(path).is_some());
                }
                changes.push(change);
                made.push(*wish);
            }
            Ok(None) => assert_eq!(editor.text(), text),
            Err(error) => {
                assert!(refused(&error), "{error}");
                assert_eq!(editor.text(), text, "an error changes something");
            }
        }
    }
    let after = editor.text();
    let restored = back(syntax, &after, &changes);
    assert_eq!(restored.text, before, "not taken back to the byte, of {made:?} in\n{after}");
    assert!(restored.left.is_empty());
    assert_eq!(restored.changes.len(), changes.len());

    // The same where others have written above and below since.
    let (above, below) = theirs(syntax);
    let (mark, body) = after.strip_prefix('\u{feff}').map_or(("", after.as_str()), |body| ("\u{feff}", body));
    let above = if before.contains('\r') { above.replace('\n', "\r\n") } else { above.to_owned() };
    let ended = |text: &str| text.is_empty() || text.ends_with('\n');
    let below = if ended(before) && ended(&after) { below } else { "" };
    let moved = format!("{mark}{above}{body}{below}");
    // Where nothing at all was left, what was removed has no place to return to.
    if !body.trim().is_empty() && Editor::<G>::parse(moved.as_bytes()).is_ok() {
        let restored = back(syntax, &moved, &changes);
        let expected = format!("{mark}{above}{}{below}", before.strip_prefix('\u{feff}').unwrap_or(before));
        assert_eq!(restored.text, expected, "not taken back where others wrote, of {made:?} in\n{moved}");
        assert!(restored.left.is_empty(), "{:?} in\n{moved}\nof\n{before}", restored.left);
    }
    Some(changes.len())
}

/// One edit at a time, and all of them.
fn every_way<G: Grammar>(syntax: Syntax, before: &str, wishes: &[Wish]) -> Option<usize> {
    let one_by_one: Option<usize> = wishes.iter().map(|&wish| there_and_back::<G>(syntax, before, &[wish])).sum();
    Some(one_by_one? + there_and_back::<G>(syntax, before, wishes)?)
}

/// The files of a folder of the corpus whose names end so.
#[expect(clippy::print_stderr, reason = "says what is not tested")]
pub(crate) fn real(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let Some(corpus) = corpus() else {
        eprintln!("no corpus of real files: set CODEARTIFACT_CORPUS to its folder; generated files are tested");
        return Vec::new();
    };
    let names = names_in(&corpus.join(folder)).into_iter();
    let names = names.filter(|name| endings.iter().any(|ending| name.ends_with(ending)));
    let files = names.map(|name| (std::fs::read(corpus.join(folder).join(&name)).unwrap(), name));
    files.map(|(bytes, name)| (name, String::from_utf8(bytes).unwrap())).collect()
}

#[expect(clippy::print_stderr, reason = "says how much was tested")]
fn real_there_and_back<G: Grammar>(syntax: Syntax, folder: &str, endings: &[&str], wishes: &[Wish], least: usize) {
    let files = real(folder, endings);
    let mut edits = 0;
    for (name, text) in &files {
        let made = every_way::<G>(syntax, text, wishes).unwrap_or_else(|| panic!("{name} is refused"));
        assert!(made >= least, "{made} edits of {name}");
        edits += made;
    }
    eprintln!("{folder}: {} real files, {edits} edits there and back", files.len());
}

#[test]
fn edits_of_real_files_go_there_and_back() {
    real_there_and_back::<ini::Sections>(Syntax::Ini, "pip", &[""], INI, 14);
    real_there_and_back::<ini::Sections>(Syntax::Ini, "pypirc", &[""], INI, 14);
    real_there_and_back::<npmrc::Settings>(Syntax::Npmrc, "npmrc", &[""], NPMRC, 12);
    real_there_and_back::<netrc::Machines>(Syntax::Netrc, "netrc", &[""], NETRC, 8);
    real_there_and_back::<yaml::Document>(Syntax::Yaml, "yarn", &[".yarnrc.yml"], YAML, 14);
    real_there_and_back::<yaml::Document>(Syntax::Yaml, "bundler", &[".bundle-config"], YAML, 14);
    let uv = real("uv", &[".toml"]);
    for (name, text) in &uv {
        assert!(clients::syntax::toml::Toml::parse(text.as_bytes()).is_ok(), "{name} is refused");
    }
    eprintln!("uv: {} real files read", uv.len());
}

/// Lines in any order, with line ends of any kind.
fn file(lines: &'static [&'static str], first: &'static [&'static str]) -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(proptest::sample::select(lines), 0..9);
    let ends = prop_oneof![4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    (proptest::sample::select(first), lines, ends, any::<bool>(), any::<bool>(), 0..4_usize).prop_map(
        |(first, lines, end, ended, mark, blank)| {
            let all = [vec![first], lines].concat();
            let mut text = all.join("\n");
            if ended {
                text.push_str(&"\n".repeat(blank + 1));
            }
            let text = text.trim_start_matches('\n').replace('\n', end);
            if mark { format!("\u{feff}{text}") } else { text }
        },
    )
}

pub(crate) fn ini_files() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "[install]",
        "[distutils]",
        "[pypi]",
        "[codeartifact]",
        "  [ odd ] x ]",
        "[DEFAULT]",
        "[]",
        "[a",
        "",
        "index-url = https://a.example.com/%(x)s",
        "Extra-Index-URL: https://b.example.com/",
        "timeout=15",
        "    continued",
        "\tcontinued # no comment",
        "# comment",
        "  ; comment",
        "   ",
        "trusted-host =",
        "    pypi\n    other",
        "    pypi\n    # between\n\n    other",
        "index-servers =\n  pypi\n  testpypi",
        "use-feature\t=\tx y  z",
        "  username = me",
        "  password = REDACTED",
        "username: me",
        "a = b = c : d",
        "b\u{a0}= \u{1c}v\u{1d}",
        "no delimiter",
        "= no key",
        ": no key",
        "ünïcode = ÜNÏCODE",
        "KEY = ${VALUE}",
        "x =   ",
        "    [deep]",
        "\u{1c}  k = v",
        "repository = r",
    ];
    file(LINES, &["[global]", "[global]", "[global]", "# c\n[global] ; not a comment", "", "[DEFAULT]", "x = 1"])
}

pub(crate) fn npmrc_files() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "registry=https://a.example.com/",
        "registry = \"https://b.example.com/\" ",
        "@my-scope:registry=https://c.example.com/",
        "//d.example.com/:_authToken=${NPM_TOKEN}",
        "//my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-team-repo/:_authToken = REDACTED",
        "//my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-team-repo/:always-auth=false",
        "//my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-team-repo/:tokenHelper = '/opt/old'",
        "public-hoist-pattern[]=a",
        "public-hoist-pattern[] = b ; c",
        "public-hoist-pattern=c",
        "; comment",
        "# comment = x",
        "  # comment",
        "",
        "  ",
        "strict-ssl",
        "strict-ssl # why",
        "strict-ssl=",
        "always-auth=true",
        "always-auth = \"true\"",
        "message = 'it''s'",
        "message='[1]'",
        "message=\"a\\\"b\"",
        "semi=a\\;b;c",
        "hash = a\\#b # c",
        "back=C:\\new\\\\x\\",
        "[section]",
        "[my.section] ",
        "[x",
        "=nothing",
        "a=b=c",
        "  indented = x",
        "null=null",
        "\"quoted key\" = 1",
        "'5'=six",
        "__proto__=x",
        "\"",
        "k = '",
        "n='5'",
        "o='{\"a\":1}'",
        "x\u{feff}= \u{a0}y\u{feff}",
        "\u{85}=z",
        "line=a\u{2028}b",
        "[]=x",
        "a[]",
        "prefix=~",
        "key;cut=x",
    ];
    file(LINES, &["", "", "engine-strict = true", "; first", "[first]"])
}

pub(crate) fn netrc_files() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "machine github.com login me password REDACTED",
        "machine git.example.com\n  login you\n  password REDACTED",
        "machine other.example.com\n\tuser \"a b\"\n\taccount x # comment\n\tpassword #REDACTED",
        "default login anonymous",
        "  default\n login x password y",
        "# comment",
        "# machine hidden login x",
        "",
        "   ",
        "macdef init\ncd /pub\nmachine no\n",
        "macdef open\nx",
        "login alone",
        "password",
        "machine \"quoted\\\" name\" login a\\ b",
        "machine a.example.com",
        "machine github.com\n password twice",
        "nonsense",
        "machine",
        "\"open",
        "machine back\\slash.example.com login q\"q",
        "machine b.example.com login x machine c.example.com login y",
        "account z",
        "#no-space comment",
    ];
    file(LINES, &["machine first.example.com login x", "", "# first\n#", "machine github.com"])
}

pub(crate) fn yaml_files() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "nodeLinker: node-modules",
        "npmRegistryServer: \"https://a.example.com/\" # why",
        "npmScopes:\n  other:\n    npmAlwaysAuth: true",
        "npmScopes:\n    my-scope:\n        npmRegistryServer: 'it''s'\n\n        # deep comment",
        "npmRegistries:\n  \"//my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/npm/my-team-repo\":\n    npmAuthToken: REDACTED",
        "npmAlwaysAuth: false",
        "npmScopes:",
        "npmScopes: {}",
        "npmScopes: {a: {b: c}}",
        "npmScopes: &anchor\n  my-scope:\n    npmRegistryServer: x",
        "unsafeHttpWhitelist:\n  - a\n  - 'b' # c\n# end",
        "unsafeHttpWhitelist:\n- a\n-  \"b\\u0041\"",
        "unsafeHttpWhitelist: [a, 'b', \"c\" ] # d",
        "unsafeHttpWhitelist: []",
        ":sources:\n- https://a.example.com/ # c\n\n# d\n- b",
        ":sources:\n  -\n    x\n  - y: 1",
        "unsafeHttpWhitelist: [ a,\n  b, # c\n  d,\n]",
        "unsafeHttpWhitelist: [[a], b]",
        "npmPreapprovedPackages:",
        "immutablePatterns: [\"x\"]",
        "plugins:\n  - path: .yarn/x.cjs\n    spec: '@yarnpkg/x'\n  - path: y",
        "plugins:\n  -\n    a: b\n  - - c\n    - d",
        "# comment",
        "",
        "literal: |\n  text # not a comment\n\n   more\n",
        "folded: >-\n  a\n  b",
        "many: a\n  b\n  c",
        "quoted: \"a\n  b\"",
        "alias: *anchor",
        "tagged: !!str 5",
        "complex:\n  ? a\n  : b",
        "nested:\n  deeper:\n    - x: 1\n      y: [2]",
        "\"quoted key\": 1",
        "'it''s': 2",
        "a:b:c: d",
        "BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/: \"https://m.example.com\"",
        "BUNDLE_PATH: vendor/bundle",
        "url: https://x.example.com:443/#a",
        "empty: \"\"",
        "nodeLinker: pnp",
        "bad: a: b",
        "bad",
        "  odd: indent",
        "\ttab: x",
        "bad: 'open",
        "bad: [open",
        "bad: \"a\" b",
        "---",
        "@x: 1",
        "merge:\n  <<: *anchor\n  k: v",
        "value below:\n  \"text\"",
        "flow: {a: 1,\n  b: 2}",
        "dash: - a",
        "number: 0x1F",
        "null: ~",
        "keep: |+\n  x\n\n",
    ];
    file(LINES, &["", "", "---", "# first", "--- # first", "yarnPath: .yarn/releases/yarn.cjs"])
}

/// Lines of a shell's and of Bazel's, some of them ours, and nothing that a next line would go on.
pub(crate) fn line_files() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "# comment",
        "",
        "   ",
        "MAVEN_OPTS=\"$MAVEN_OPTS -Xmx1g\" # memory",
        "  export MAVEN_OPTS",
        "\tindented",
        "if [ -f x ]; then\n  y\nfi",
        "build --jobs=4",
        "common --credential_helper=other.example.com=/opt/helper",
        "build:ci --config=x \\\n  --config=y",
        "even \\\\",
        "try-import %workspace%/user.bazelrc",
        "x # written by `cargo codeartifact configure`; `--undo` takes it back: present",
        "y # written by `cargo codeartifact configure`; `--undo` takes it back: present  ",
        "z # written by `cargo codeartifact configure`; `--undo` takes it back: my-org.example.com",
        "# written by `cargo codeartifact configure`; `--undo` takes it back: no value",
        "w # written by `cargo codeartifact configure`; `--undo` takes it back",
        "token=$(cat <<'END'\ntext\nEND\n)",
        "\u{a0}spaces\u{2028}",
    ];
    file(LINES, &["", "", "#!/bin/sh", "# mine", "common --verbose_failures"])
}

/// Many files of a kind, the same in each run.
pub(crate) fn some(files: impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| files.new_tree(&mut runner).unwrap().current()).collect()
}

#[expect(clippy::print_stderr, reason = "says how much was tested")]
pub(crate) fn generated_there_and_back<G: Grammar>(
    syntax: Syntax,
    files: impl Strategy<Value = String>,
    wishes: &[Wish],
) {
    let (mut read, mut edits) = (0, 0);
    for text in some(files, 600) {
        if let Some(made) = every_way::<G>(syntax, &text, wishes) {
            read += 1;
            edits += made;
        }
    }
    eprintln!("{syntax:?}: {read} generated files, {edits} edits there and back");
    assert!(read >= 100, "only {read} files were read");
    assert!(edits >= read * wishes.len(), "only {edits} edits were made in {read} files");
}

#[test]
fn edits_of_generated_ini_files_go_there_and_back() {
    generated_there_and_back::<ini::Sections>(Syntax::Ini, ini_files(), INI);
}

#[test]
fn edits_of_generated_npmrc_files_go_there_and_back() {
    generated_there_and_back::<npmrc::Settings>(Syntax::Npmrc, npmrc_files(), NPMRC);
}

#[test]
fn edits_of_generated_netrc_files_go_there_and_back() {
    generated_there_and_back::<netrc::Machines>(Syntax::Netrc, netrc_files(), NETRC);
}

#[test]
fn edits_of_generated_yaml_files_go_there_and_back() {
    generated_there_and_back::<yaml::Document>(Syntax::Yaml, yaml_files(), YAML);
}

#[test]
fn edits_of_generated_lines_go_there_and_back() {
    generated_there_and_back::<lines::MarkedLines>(Syntax::Lines, line_files(), LINES);
}

pub(crate) fn edited<G: Grammar>(before: &str, wish: Wish) -> String {
    let mut editor = Editor::<G>::parse(before.as_bytes()).unwrap();
    wish.make(&mut editor).unwrap().unwrap();
    editor.text()
}

#[test]
fn edits_look_like_what_is_around_them() {
    let append = Wish::Append(&["global", "extra-index-url"], "b", &[]);
    assert_eq!(
        edited::<ini::Sections>("[global]\nextra-index-url: a\n\n# c\n", append),
        "[global]\nextra-index-url: a\n    b\n\n# c\n"
    );
    assert_eq!(
        edited::<ini::Sections>("[global]\nextra-index-url =\n\ta\n  # c\n\td\n", append),
        "[global]\nextra-index-url =\n\ta\n  # c\n\td\n\tb\n"
    );
    assert_eq!(edited::<ini::Sections>("[global]\n x=1\n", Wish::Set(&["global", "y"], "2")), "[global]\n x=1\n y=2\n");
    assert_eq!(edited::<npmrc::Settings>("a = 1\n\n[s]\nb=2\n", Wish::Set(&["c"], "3")), "a = 1\nc = 3\n\n[s]\nb=2\n");
    assert_eq!(edited::<npmrc::Settings>("a=1 # why\n", Wish::Set(&["a"], "2")), "a=2 # why\n");
    assert_eq!(
        edited::<netrc::Machines>("machine a\n  login b\n\ndefault login c\n", Wish::Set(&["a", "password"], "d")),
        "machine a\n  login b\n  password d\n\ndefault login c\n"
    );
    assert_eq!(
        edited::<netrc::Machines>("default login c\n", Wish::Set(&["a", "login"], "b")),
        "machine a login b\ndefault login c\n"
    );
    assert_eq!(
        edited::<yaml::Document>("a:\n    b:\n        c: d\ne: f\n", Wish::Set(&["a", "g", "h"], "i")),
        "a:\n    b:\n        c: d\n    g:\n      h: \"i\"\ne: f\n"
    );
    assert_eq!(edited::<yaml::Document>("a: [b, c] # d\n", Wish::Append(&["a"], "e", &[])), "a: [b, c, \"e\"] # d\n");
    assert_eq!(edited::<yaml::Document>("a:\n- b\n", Wish::Append(&["a"], "e", &[])), "a:\n- b\n- \"e\"\n");
}

#[test]
fn what_is_not_understood_is_named_by_place_and_left_alone() {
    fn error<G: Grammar>(text: &str, wish: Wish) -> String {
        let edited = Editor::<G>::parse(text.as_bytes()).and_then(|mut editor| {
            let made = wish.make(&mut editor);
            assert!(made.is_ok() || editor.text() == text);
            made
        });
        edited.map_or_else(|error| error.to_string(), |change| panic!("{change:?}"))
    }
    let ini = |text| error::<ini::Sections>(text, Wish::Set(&["a", "b"], "c"));
    assert_eq!(ini("# x\n[a]\n[a]\n"), "line 3, column 1: this section is there twice");
    assert_eq!(ini("[a]\n  k=1\n  K: 2\n"), "line 3, column 3: this key is there twice in its section");
    assert_eq!(ini("[a]\nREDACTED\n"), "line 2, column 1: there is neither `=` nor `:` in this line");
    assert_eq!(ini("k = 1"), "line 1, column 1: there is no section header above this line");
    assert_eq!(
        ini("[a]\nb = 1\n # mine\n 2\n"),
        "line 2: `a.b` cannot be written here without changing something else"
    );
    let npmrc = |text| error::<npmrc::Settings>(text, Wish::Set(&["a"], "b"));
    assert_eq!(npmrc("\na[]=1\n"), "line 2: `a` is not text");
    assert_eq!(npmrc("'{}'=1\n"), "line 1, column 1: a key is no text");
    let netrc = |text| error::<netrc::Machines>(text, Wish::Set(&["a", "login"], "b"));
    assert_eq!(netrc("machine a login b\nmachine a login c\n"), "line 2, column 1: this machine is there twice");
    assert_eq!(netrc("machine b\n REDACTED x\n"), "line 2, column 2: this is no keyword of a netrc file");
    assert_eq!(netrc("macdef x\ny\n"), "line 1, column 1: this macro does not end with an empty line");
    let yaml = |text| error::<yaml::Document>(text, Wish::Set(&["a", "b"], "c"));
    let beyond = "this part of YAML is not edited here: an anchor, alias, tag, complex key or text of many lines";
    assert_eq!(yaml("x: 1\na: &x\n  b: c\n"), format!("line 2, column 4: {beyond}"));
    assert_eq!(yaml("a: {b: c}\n"), format!("line 1, column 4: {beyond}"));
    assert_eq!(yaml("a:\n  b: |\n    c\n"), format!("line 2, column 6: {beyond}"));
    assert_eq!(yaml("a: 1\n"), "line 1: `a` is not a table");
    assert_eq!(yaml("x:\n\ty: 1\n"), "line 2, column 1: a tab indents this line");
    assert_eq!(yaml("- a\n"), "line 1, column 1: the file is no mapping");
    assert_eq!(yaml("x: 'open\n"), "line 1, column 4: a quote is not closed");
}

#[test]
fn values_changed_by_others_stay_and_are_reported() {
    let mut editor = npmrc::Npmrc::parse(b"a=1\n").unwrap();
    let changes =
        [Wish::Set(&["registry"], "x"), Wish::Set(&["a"], "2")].map(|wish| wish.make(&mut editor).unwrap().unwrap());
    let back = Syntax::Npmrc.take_back(editor.text().replace("=x", "=theirs").as_bytes(), &changes).unwrap();
    assert_eq!(back.text, "a=1\nregistry=theirs\n");
    assert_eq!(back.left.len(), 1);
    assert_eq!(back.changes.len(), 1);
}

#[test]
fn sections_and_mappings_of_ours_that_others_wrote_into_stay() {
    let mut editor = ini::Ini::parse(b"[a]\nb = 1\n").unwrap();
    let change = Wish::Set(&["c", "d"], "2").make(&mut editor).unwrap().unwrap();
    let theirs = format!("{}theirs = 3\n", editor.text());
    let back = Syntax::Ini.take_back(theirs.as_bytes(), &[change]).unwrap();
    assert!(back.text.ends_with("[c]\ntheirs = 3\n"), "{}", back.text);

    let mut editor = yaml::Yaml::parse(b"a: 1\n").unwrap();
    let change = Wish::Set(&["c", "d"], "2").make(&mut editor).unwrap().unwrap();
    let theirs = format!("{}  theirs: 3\n", editor.text());
    let back = Syntax::Yaml.take_back(theirs.as_bytes(), std::slice::from_ref(&change)).unwrap();
    assert_eq!(back.text, "a: 1\nc:\n  theirs: 3\n");
    // Written anew by the client itself, in its own way.
    let back = Syntax::Yaml.take_back(b"a: 1\n\nc:\n    d: '2'\n", &[change]).unwrap();
    assert_eq!(back.text, "a: 1\n\n");
}

#[test]
fn a_journal_of_before_is_read() {
    let old = r#"{"keys":["a","b"],"deed":"set","value":"c","before":null,"splice":{"at":0,"old":"","new":"x"}}"#;
    let change: Change = serde_json::from_str(old).unwrap();
    assert_eq!(change.key(), "a.b");
    assert_eq!(serde_json::from_str::<Syntax>("\"toml\"").unwrap(), Syntax::Toml);
    let names =
        [Syntax::Ini, Syntax::Npmrc, Syntax::Netrc, Syntax::Yaml].map(|syntax| serde_json::to_string(&syntax).unwrap());
    assert_eq!(names, ["\"ini\"", "\"npmrc\"", "\"netrc\"", "\"yaml\""]);
}

proptest! {
    /// Any bytes at all: an edit or an error, no panic.
    #[test]
    fn any_bytes_are_edited_or_refused(text in "[ \\[\\]{}:=#;'\"\\\\|>&*!,\\-\r\n\ta-c?\u{a0}\u{feff}]{0,60}") {
        for (number, wish) in [INI, NPMRC, NETRC, YAML].concat().into_iter().enumerate().step_by(3) {
            match number % 4 {
                0 => { there_and_back::<ini::Sections>(Syntax::Ini, &text, &[wish]); }
                1 => { there_and_back::<npmrc::Settings>(Syntax::Npmrc, &text, &[wish]); }
                2 => { there_and_back::<netrc::Machines>(Syntax::Netrc, &text, &[wish]); }
                _ => { there_and_back::<yaml::Document>(Syntax::Yaml, &text, &[wish]); }
            }
        }
    }
}
