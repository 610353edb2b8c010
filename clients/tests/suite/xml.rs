//! XML settings files: what edits keep, real files and generated ones there and back, and what is refused.

use clients::syntax::xml::{By, Element, MARK, Xml};
use clients::syntax::{Change, Deed, Syntax, SyntaxError};
use proptest::prelude::*;

use crate::corpus::corpus;
use crate::names_in;

pub(crate) type Outcome = Result<Option<Change>, SyntaxError>;
type Read = fn(&[u8]) -> Result<Xml, SyntaxError>;
/// An edit as configuring Maven or NuGet makes it.
pub(crate) type Edit = (&'static str, fn(&mut Xml) -> Outcome);

const URL: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/maven/my-team-repo/";

pub(crate) fn maven(bytes: &[u8]) -> Result<Xml, SyntaxError> {
    let root = Element::new("settings").with_attribute("xmlns", "http://maven.apache.org/SETTINGS/1.2.0");
    Xml::parse(bytes)?.with_root(root)
}

pub(crate) fn nuget(bytes: &[u8]) -> Result<Xml, SyntaxError> {
    Xml::parse(bytes)?.with_root(Element::new("configuration"))
}

fn repository(name: &str, id: &str) -> Element {
    Element::new(name).with("id", id).with("url", URL).with_child(Element::new("snapshots").with("enabled", "true"))
}

pub(crate) const MAVEN: [Edit; 8] = [
    ("no mirror", |xml| match xml.elements(&["settings", "mirrors", "mirror"]).first() {
        Some(first) => xml.remove(&["settings", "mirrors", &By::Child("id").step(&first.element)]),
        None => Ok(None),
    }),
    ("mirror", |xml| {
        let mirror = Element::new("mirror").with("id", "my-team-repo").with("url", URL).with("mirrorOf", "*,!a & <b>");
        xml.put(&["settings", "mirrors"], &mirror, By::Child("id"))
    }),
    ("server", |xml| {
        let password = "${env.CODEARTIFACT_AUTH_TOKEN}";
        let server =
            Element::new("server").with("id", "my-team-repo").with("username", "aws").with("password", password);
        xml.put(&["settings", "servers"], &server, By::Child("id"))
    }),
    ("repository", |xml| {
        let path = ["settings", "profiles", "profile[id=codeartifact]", "repositories"];
        xml.put(&path, &repository("repository", "my-team-repo"), By::Child("id"))
    }),
    ("second repository", |xml| {
        let path = ["settings", "profiles", "profile[id=codeartifact]", "repositories"];
        xml.put(&path, &repository("repository", "other-repo"), By::Child("id"))
    }),
    ("plugin repository", |xml| {
        let path = ["settings", "profiles", "profile[id=codeartifact]", "pluginRepositories"];
        xml.put(&path, &repository("pluginRepository", "my-team-repo"), By::Child("id"))
    }),
    ("active profile", |xml| {
        let active = Element::new("activeProfile").with_text("codeartifact");
        xml.put(&["settings", "activeProfiles"], &active, By::Text)
    }),
    ("offline", |xml| xml.set(&["settings", "offline"], "false")),
];

pub(crate) const NUGET: [Edit; 6] = [
    ("no source", |xml| match xml.elements(&["configuration", "packageSources", "add"]).first() {
        Some(first) => xml.remove(&["configuration", "packageSources", &By::Attribute("key").step(&first.element)]),
        None => Ok(None),
    }),
    ("source", |xml| {
        let add = Element::new("add").with_attribute("key", "my-team-repo").with_attribute("value", URL);
        xml.put(&["configuration", "packageSources"], &add, By::Attribute("key"))
    }),
    ("protocol", |xml| set_of_source(xml, "@protocolVersion", "3")),
    ("url", |xml| set_of_source(xml, "@value", &URL.replace("my-team-repo", "other & \"repo\""))),
    ("mapping", |xml| {
        let path = ["configuration", "packageSourceMapping", "packageSource[@key=my-team-repo]"];
        xml.put(&path, &Element::new("package").with_attribute("pattern", "Example.*"), By::Attribute("pattern"))
    }),
    ("enabled", |xml| xml.remove(&["configuration", "disabledPackageSources", "add[@key=my-team-repo]"])),
];

/// An attribute of the source, where there is one.
fn set_of_source(xml: &mut Xml, attribute: &str, value: &str) -> Outcome {
    let source = ["configuration", "packageSources", "add[@key=my-team-repo]"];
    match xml.line(&source) {
        Some(_) => xml.set(&[source[0], source[1], source[2], attribute], value),
        None => Ok(None),
    }
}

/// Edits, edits again, takes back after each edit and after all: the text with all edits made.
fn there_and_back(read: Read, edits: &[Edit], before: &str) -> Result<String, SyntaxError> {
    let mut xml = read(before.as_bytes())?;
    assert_eq!(xml.text(), before, "read and written");
    let mut changes = Vec::new();
    for (name, edit) in edits {
        let earlier = xml.text();
        let Some(change) = edit(&mut xml)? else {
            assert_eq!(xml.text(), earlier, "{name}: no change, but another text");
            continue;
        };
        let text = xml.text();
        assert_ne!(text, earlier, "{name}");
        assert_eq!(only_ours(&earlier, &text, &change), "", "{name}: something else changed");
        if !name.starts_with("no ") {
            assert_eq!(edit(&mut xml), Ok(None), "{name}: again");
            assert_eq!(xml.text(), text, "{name}: again");
        }
        // As a journal keeps it.
        let change: Change = serde_json::from_str(&serde_json::to_string(&change).unwrap()).unwrap();
        let back = Syntax::Xml.take_back(text.as_bytes(), std::slice::from_ref(&change)).unwrap();
        assert_eq!(back.text, earlier, "{name}: not taken back to the byte");
        assert!(back.left.is_empty() && back.changes.len() == 1, "{name}");
        changes.push(change);
    }
    let after = xml.text();
    let back = Syntax::Xml.take_back(after.as_bytes(), &changes).unwrap();
    assert_eq!(back.text, before, "not taken back to the byte");
    assert!(back.left.is_empty());
    assert_eq!(back.changes.len(), changes.len());
    let once_more = Syntax::Xml.take_back(before.as_bytes(), &changes).unwrap();
    assert_eq!(once_more.text, before, "taken back twice");
    assert!(once_more.changes.is_empty(), "{:?}", once_more.changes);

    // What others wrote since stays, wherever it is, and is all that stays: at the end, and inside of the root.
    let theirs = format!("{after}<!-- theirs -->");
    let back = Syntax::Xml.take_back(theirs.as_bytes(), &changes).unwrap();
    if !before.trim_matches(['\u{feff}', ' ', '\r', '\n']).is_empty() {
        assert_eq!(back.text, format!("{before}<!-- theirs -->"));
        for spot in [before.find("<settings"), before.find("<configuration")].into_iter().flatten() {
            let within = |text: &str| {
                let spot = if text.len() == before.len() { spot } else { text.find(&before[spot..spot + 9]).unwrap() };
                [&text[..spot], "<!-- theirs, before the root -->", &text[spot..]].concat()
            };
            // Not where the root's name is inside of a comment.
            if read(within(before).as_bytes()).is_err() {
                continue;
            }
            let back = Syntax::Xml.take_back(within(&after).as_bytes(), &changes).unwrap();
            assert_eq!(back.text, within(before));
        }
    }
    Ok(after)
}

/// What a change did beside its splice; empty if nothing.
fn only_ours(before: &str, after: &str, change: &Change) -> String {
    let mark = before.len() - before.trim_start_matches('\u{feff}').len();
    let splice = &change.splice;
    let at = mark + splice.at;
    let made = [&before[..at], &splice.new, &before[at + splice.old.len()..]].concat();
    if made == after { String::new() } else { made }
}

#[test]
fn edits_of_real_files_go_there_and_back() {
    let Some(corpus) = corpus() else {
        eprintln!("no corpus of real files: set CODEARTIFACT_CORPUS to its folder; generated files are tested");
        return;
    };
    let refused = [
        ("022-latin1", "line 17 is not UTF-8"),
        ("010-renovate-with-malf", "line 1, column 1: text outside of the root element"),
    ];
    for (client, read, edits) in [("maven", maven as Read, &MAVEN[..]), ("nuget", nuget, &NUGET)] {
        let names = names_in(&corpus.join(client));
        for name in &names {
            let bytes = std::fs::read(corpus.join(client).join(name)).unwrap();
            let error = read(&bytes).err().map(|error| error.to_string());
            let expected = refused.iter().find(|(start, _)| name.starts_with(start)).map(|(_, error)| *error);
            assert_eq!(error.as_deref(), expected, "{name}");
            if error.is_some() {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            for edit in edits {
                there_and_back(read, &[*edit], &text).unwrap_or_else(|error| panic!("{name}, {}: {error}", edit.0));
            }
            there_and_back(read, edits, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        eprintln!("{client}: {} real files, {} edits each, there and back", names.len(), edits.len() + 1);
        assert!(names.len() >= 20, "only {} files for {client}", names.len());
    }
}

/// Parts of a Maven settings file as people write them.
fn sections() -> impl Strategy<Value = Vec<String>> {
    let section = prop_oneof![
        Just("<mirrors/>"),
        Just("<mirrors></mirrors>"),
        Just("<mirrors >\n</mirrors >"),
        Just("<mirrors><!-- none yet --></mirrors>"),
        Just("<mirrors>\n    <!-- none yet -->\n  </mirrors>"),
        Just(
            "<mirrors>\n<mirror><id>a</id><url>http://mirror.example.com/</url><mirrorOf>*</mirrorOf></mirror>\n</mirrors>"
        ),
        Just(
            "<mirrors>\n\t\t<mirror>\n\t\t\t<id> a </id> <!-- spaced -->\n\t\t\t<url><![CDATA[http://a&b/]]></url>\n\t\t</mirror>\n\t</mirrors>"
        ),
        Just(
            "<mirrors>\n   <mirror>\n     <id>my-team-repo</id>\n       <url>https://old.example.com/?a=1&amp;b=2</url></mirror></mirrors>"
        ),
        Just(
            "<mirrors>\n    <mirror><id>b</id></mirror>\n\n    <mirror><id>b</id></mirror> <!-- twice -->\n  </mirrors>"
        ),
        Just(
            "<servers>\n    <server>\n      <id>a</id>\n      <password>REDACTED</password>\n    </server>\n  </servers>"
        ),
        Just("<servers><server><id>my-team-repo</id></server></servers>"),
        Just("<servers\n/>"),
        Just("<profiles><profile><id>codeartifact</id></profile></profiles>"),
        Just(
            "<profiles>\n    <profile>\n      <id>codeartifact</id>\n      <repositories />\n    </profile>\n  </profiles>"
        ),
        Just(
            "<profiles>\n    <profile>\n      <id>x</id>\n      <repositories/>\n    </profile>\n    <profile><repositories/><id>codeartifact</id></profile>\n  </profiles>"
        ),
        Just("<activeProfiles>\n    <activeProfile>a</activeProfile>\n  </activeProfiles>"),
        Just("<activeProfiles><activeProfile>codeartifact</activeProfile></activeProfiles>"),
        Just("<offline>true</offline>"),
        Just("<offline><!-- why -->true</offline>"),
        Just("<offline/>"),
        Just("<!-- <mirrors><mirror/></mirrors> -->"),
        Just("<?editor keep?>"),
        Just(
            "<localRepository attribute = 'a>b \"quoted\"'\n   other=\"&lt;&#x20;\">/home/dev/&#46;m2</localRepository>"
        ),
    ];
    proptest::collection::vec(section.prop_map(str::to_owned), 0..6)
}

prop_compose! {
    /// A file: sections, line ends, byte order mark, prolog, indentation and last newline of any kind.
    pub(crate) fn settings()(
        sections in sections(),
        // Maven refuses a second section of a name; here it is just another element.
        duplicates in any::<bool>(),
        prolog in prop_oneof![
            Just(""), Just("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), Just("<?xml version='1.0' encoding='utf-8' standalone='yes' ?>"),
            Just("<!-- mine -->\n"), Just("<?xml version=\"1.0\"?>\n<!-- mine -->\n\n"),
        ],
        root in prop_oneof![
            Just("<settings>"), Just("<settings xmlns=\"http://maven.apache.org/SETTINGS/1.0.0\">"),
            Just("<settings\txmlns=\"http://maven.apache.org/SETTINGS/2.0.0\"\n  xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'\n>"),
        ],
        gap in prop_oneof![Just(""), Just("\n"), Just("\n  "), Just("\n\t"), Just("\n\n    "), Just("\n     "), Just(" ")],
        crlf in any::<bool>(),
        mark in any::<bool>(),
        end in prop_oneof![Just(""), Just("\n"), Just("\n\n"), Just("\n<!-- end -->"), Just("  ")],
    ) -> String {
        let mut seen = std::collections::HashSet::new();
        let name = |section: &String| section.trim_start_matches('<').chars().take_while(|c| c.is_alphanumeric()).collect::<String>();
        let sections: Vec<_> = sections.into_iter().filter(|section| duplicates || seen.insert(name(section))).collect();
        let inner: String = sections.iter().map(|section| [gap, section].concat()).collect();
        let close = if gap.contains('\n') && !inner.is_empty() { "\n" } else { gap };
        let mut text = [prolog, root, &inner, close, "</settings>", end].concat();
        if inner.is_empty() && gap == " " {
            text = [prolog, &root[..root.len() - 1], " />", end].concat();
        }
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
    fn edits_of_generated_files_go_there_and_back(text in settings()) {
        for edit in MAVEN {
            there_and_back(maven, &[edit], &text).unwrap();
        }
        there_and_back(maven, &MAVEN, &text).unwrap();
    }

    /// Any bytes at all: read or refused, no panic; what is read comes back as it is.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(xml) = Xml::parse(&bytes) {
            prop_assert_eq!(xml.text().into_bytes(), bytes);
        }
    }

    /// Pieces of markup in any order: read or refused, no panic; what is read can be edited and taken back.
    #[test]
    fn any_markup_is_edited_or_refused(pieces in proptest::collection::vec(prop_oneof![
        Just("<settings>"), Just("</settings>"), Just("<mirrors"), Just(">"), Just("/>"), Just("</mirrors>"), Just(" a='b'"),
        Just("<!--"), Just("-->"), Just("<![CDATA["), Just("]]>"), Just("&amp;"), Just("&#32;"), Just("&x;"), Just("<?a"),
        Just("?>"), Just("\r"), Just("\n"), Just(" "), Just("text"), Just("\u{feff}"), Just("é"), Just("<é>"), Just("\""),
        Just("<settings xmlns='x'>"), Just("<mirrors>"), Just("<mirror><id>"), Just("</id></mirror>"),
    ], 0..12)) {
        let text: String = pieces.concat();
        for edit in MAVEN {
            drop(there_and_back(maven, &[edit], &text));
        }
    }
}

/// One edit of a text.
fn edited(before: &str, edit: fn(&mut Xml) -> Outcome) -> String {
    let mut xml = Xml::parse(before.as_bytes()).unwrap();
    edit(&mut xml).unwrap().unwrap();
    xml.text()
}

fn add_mirror(xml: &mut Xml) -> Outcome {
    xml.put(&["settings", "mirrors"], &Element::new("mirror").with("id", "x"), By::Child("id"))
}

#[test]
fn new_elements_are_laid_out_as_their_neighbours_are() {
    for (before, after) in [
        // Below the last one, in its indentation.
        (
            "<settings>\n\t<mirrors>\n\t\t<mirror>\n\t\t\t<id>a</id>\n\t\t</mirror>\n\t</mirrors>\n</settings>",
            "<settings>\n\t<mirrors>\n\t\t<mirror>\n\t\t\t<id>a</id>\n\t\t</mirror>\n\t\t<!--MARK-->\n\t\t<mirror>\n\t\t\t<id>x</id>\n\t\t</mirror>\n\t</mirrors>\n</settings>",
        ),
        // All on one line.
        (
            "<settings><mirrors><mirror><id>a</id></mirror></mirrors></settings>",
            "<settings><mirrors><mirror><id>a</id></mirror><!--MARK--><mirror><id>x</id></mirror></mirrors></settings>",
        ),
        // A parent without anything in it becomes a pair of tags.
        (
            "<settings>\r\n    <mirrors />\r\n</settings>\r\n",
            "<settings>\r\n    <mirrors>\r\n        <!--MARK-->\r\n        <mirror>\r\n            <id>x</id>\r\n        </mirror>\r\n    </mirrors>\r\n</settings>\r\n",
        ),
        (
            "<settings>\n <mirrors></mirrors>\n</settings>",
            "<settings>\n <mirrors>\n  <!--MARK-->\n  <mirror>\n   <id>x</id>\n  </mirror>\n </mirrors>\n</settings>",
        ),
        // Sections with empty lines between them.
        (
            "<settings>\n\n  <servers/>\n\n  <proxies/>\n\n</settings>\n",
            "<settings>\n\n  <servers/>\n\n  <proxies/>\n\n  <!--MARK-->\n  <mirrors>\n    <mirror>\n      <id>x</id>\n    </mirror>\n  </mirrors>\n\n</settings>\n",
        ),
        // No indentation, as what is there has none; a prefix.
        (
            "<m:settings xmlns:m=\"urn:x\">\n<m:servers>\n</m:servers>\n</m:settings>",
            "<m:settings xmlns:m=\"urn:x\">\n<m:servers>\n</m:servers>\n<!--MARK-->\n<m:mirrors>\n<m:mirror>\n<m:id>x</m:id>\n</m:mirror>\n</m:mirrors>\n</m:settings>",
        ),
        (
            "",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!--MARK-->\n<settings>\n  <mirrors>\n    <mirror>\n      <id>x</id>\n    </mirror>\n  </mirrors>\n</settings>\n",
        ),
        (
            "\u{feff}<?xml version=\"1.0\"?>",
            "\u{feff}<?xml version=\"1.0\"?>\n<!--MARK-->\n<settings>\n  <mirrors>\n    <mirror>\n      <id>x</id>\n    </mirror>\n  </mirrors>\n</settings>",
        ),
    ] {
        let written = edited(before, add_mirror).replace(MARK, "MARK");
        assert_eq!(written, after);
    }
}

#[test]
fn attributes_and_text_change_in_their_place() {
    let before = "<configuration>\n  <packageSources>\n    <add\n      key='a'\n      value='https://a.example.com/?x=1&amp;y=2' />\n  </packageSources>\n  <note><!-- why --> old <!-- so --></note><gone/>\n</configuration>";
    let mut xml = nuget(before.as_bytes()).unwrap();
    let add = ["configuration", "packageSources", "add[@key=a]"];
    let value = [add[0], add[1], add[2], "@value"];
    assert_eq!(xml.get(&value).unwrap().as_deref(), Some("https://a.example.com/?x=1&y=2"));
    assert_eq!(xml.line(&value), Some(5));
    assert_eq!(xml.line(&add), Some(3));
    let mut changes = Vec::new();
    changes.extend(xml.set(&value, "it's <new>").unwrap());
    changes.extend(xml.set(&[add[0], add[1], add[2], "@protocolVersion"], "3").unwrap());
    changes.extend(xml.set(&["configuration", "note"], "new & better").unwrap());
    changes.extend(xml.set(&["configuration", "gone"], "here").unwrap());
    assert_eq!(
        xml.text(),
        before
            .replace("https://a.example.com/?x=1&amp;y=2' ", "it&apos;s &lt;new&gt;'\n      protocolVersion=\"3\" ")
            .replace("old", "new &amp; better")
            .replace("<gone/>", "<gone>here</gone>")
    );
    assert_eq!(changes.len(), 4);
    // Others moved everything on, and wrote the same tags elsewhere.
    let moved =
        |text: &str| text.replace("<configuration>", "<configuration>\n  <other><add key='b' value=''/></other>");
    let back = Syntax::Xml.take_back(moved(&xml.text()).as_bytes(), &changes).unwrap();
    assert_eq!(back.text, moved(before));
    // An attribute of what is not there has no place.
    let absent = ["configuration", "packageSources", "add[@key=b]", "@value"];
    assert!(matches!(xml.set(&absent, "x"), Err(SyntaxError::NoRoom { line: 2, .. })));
}

#[test]
fn what_is_read_is_decoded_and_placed() {
    let text = "<settings><servers>\n<server><id>a</id><password>p&amp;<![CDATA[<q>]]>&#x21;</password></server>\n\
                <server><id>a</id></server><x:server xmlns:x='urn:other'><id>b</id></x:server>\n\
                <y:server xmlns:y=''><y:id>c</y:id></y:server></servers></settings>";
    let xml = maven(text.as_bytes()).unwrap();
    let servers = xml.elements(&["settings", "servers", "server"]);
    let seen: Vec<_> = servers.iter().map(|server| (server.line, server.element.child("id").unwrap().text())).collect();
    assert_eq!(seen, [(2, "a".to_owned()), (3, "a".to_owned()), (4, "c".to_owned())]);
    let password = ["settings", "servers", "server[id=a]", "password"];
    assert_eq!(xml.get(&password).unwrap().as_deref(), Some("p&<q>!"));
    assert_eq!(xml.line(&["settings", "servers", "server[id=b]"]), None);
    assert!(matches!(xml.get(&password[..3]), Err(SyntaxError::Type { line: 2, .. })));
    assert!(!format!("{xml:?} {servers:?}").contains("<q>"), "{xml:?} {servers:?}");
}

#[test]
fn what_others_did_to_ours_stays_and_is_reported() {
    let before = "<settings>\n  <offline>true</offline>\n</settings>\n";
    let mut xml = maven(before.as_bytes()).unwrap();
    let changes: Vec<_> = MAVEN[1..3].iter().map(|(_, edit)| edit(&mut xml).unwrap().unwrap()).collect();
    let after = xml.text();

    // A value of theirs in our server.
    let theirs = after.replace("<username>aws</username>", "<username>me</username>");
    let back = Syntax::Xml.take_back(theirs.as_bytes(), &changes).unwrap();
    assert_eq!(back.left.len(), 1);
    assert_eq!(back.left[0].key(), "settings.servers.server[id=my-team-repo]");
    assert!(back.text.contains("<username>me</username>") && !back.text.contains("mirror"), "{}", back.text);

    // A mirror of theirs beside ours, in the list that we made.
    let mirror = "    <mirror><id>theirs</id></mirror>\n";
    let theirs = after.replace("  </mirrors>", &[mirror, "  </mirrors>"].concat());
    let back = Syntax::Xml.take_back(theirs.as_bytes(), &changes).unwrap();
    assert!(back.left.is_empty());
    let left = before.replace("</settings>", &format!("  <mirrors>\n{mirror}  </mirrors>\n</settings>"));
    assert_eq!(back.text.replace(&format!("  <!--{MARK}-->\n"), ""), left);

    // Another program wrote the file anew, in its own indentation.
    let theirs = after.replace("  <", "\t<").replace("\t\t", "\t").replace("\t  ", "\t");
    let back = Syntax::Xml.take_back(theirs.as_bytes(), &changes).unwrap();
    assert!(back.left.is_empty());
    assert_eq!(back.text, "<settings>\n\t<offline>true</offline>\n</settings>\n");

    // Ours is gone.
    let back = Syntax::Xml.take_back(before.as_bytes(), &changes).unwrap();
    assert!(back.left.is_empty() && back.changes.is_empty() && back.text == before);
}

#[test]
fn what_was_removed_comes_back_between_its_neighbours() {
    let line = |key: &str| format!("\n    <add key=\"{key}\" value=\"true\" />");
    let of = |keys: &[&str]| {
        let lines: String = keys.iter().map(|key| line(key)).collect();
        format!("<configuration>\n  <disabledPackageSources>{lines}\n  </disabledPackageSources>\n</configuration>")
    };
    let path = ["configuration", "disabledPackageSources", "add[@key=b]"];
    for (before, after, theirs, back) in [
        (&["a", "b", "c"][..], &["a", "c"][..], &["a", "c", "d"][..], &["a", "b", "c", "d"][..]),
        (&["b"], &[], &["a"], &["b", "a"]),
        // Of two, the first goes; and comes back once.
        (&["b", "a", "b"], &["a", "b"], &["a", "b"], &["b", "a", "b"]),
        // Somebody put it there again.
        (&["a", "b"], &["a"], &["a", "b"], &["a", "b"]),
    ] {
        let mut xml = nuget(of(before).as_bytes()).unwrap();
        let change = xml.remove(&path).unwrap().unwrap();
        assert!(matches!(change.deed, Deed::Cut { .. }));
        assert_eq!(xml.text(), of(after));
        assert_eq!(Syntax::Xml.take_back(of(theirs).as_bytes(), &[change]).unwrap().text, of(back));
    }
    assert!(matches!(nuget(of(&[]).as_bytes()).unwrap().remove(&["configuration"]), Err(SyntaxError::NoRoom { .. })));
}

#[test]
fn what_cannot_be_edited_is_refused_by_place_and_without_quoting_it() {
    let deep = |levels: usize| ["<settings>".repeat(levels), "</settings>".repeat(levels)].concat();
    let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (text, error) in [
        (
            "<settings>\n  <SECRET></settings>".as_bytes(),
            "line 2, column 11: an end tag of another name than its start tag",
        ),
        (
            b"<settings>\n <a b=SECRET/></settings>",
            "line 2, column 5: an attribute that is not written as `name=\"value\"`",
        ),
        (b"<a b='1'b='SECRET'/>", "line 1, column 9: an attribute that is not written as `name=\"value\"`"),
        (b"<a b='1' b='SECRET'/>", "line 1, column 10: an attribute that its element has already"),
        (b"<a b='SECRET", "line 1, column 1: an attribute whose quotes are never closed"),
        (b"<a b='<SECRET'/>", "line 1, column 7: a `<` in the value of an attribute"),
        ("<a>é&SECRET;</a>".as_bytes(), "line 1, column 5: a reference to what XML does not define"),
        (b"<a>&#0;</a>", "line 1, column 4: a reference to what XML does not define"),
        (b"<a>SECRET & more</a>", "line 1, column 11: an `&` that is not written as `&amp;`"),
        (b"<a><b></b>", "line 1, column 1: an element that is never closed"),
        (b"<a/>\n<SECRET/>", "line 2, column 1: a second root element"),
        (b"<a/>SECRET", "line 1, column 5: text outside of the root element"),
        (b"\xef\xbb\xbf\xef\xbb\xbf<a/>", "line 1, column 1: text outside of the root element"),
        (b"<a>]]></a>", "line 1, column 4: `]]>` outside of a CDATA section"),
        (b"<a><!-- SECRET -- --></a>", "line 1, column 16: `--` in a comment"),
        (b"<a>\x01</a>", "line 1, column 4: a character that XML does not allow"),
        (
            b"<!DOCTYPE a [<!ENTITY b 'SECRET'>]><a>&b;</a>",
            "line 1, column 1: a DOCTYPE, which is not accepted: it may define entities",
        ),
        (b" <?xml version='1.0'?><a/>", "line 1, column 2: an XML declaration that is not at the beginning"),
        (b"<?xml version='1.1'?><a/>", "line 1, column 1: an XML declaration of another version than 1.0"),
        (b"<a/></a>", "line 1, column 5: an end tag without a start tag"),
        (b"<1/>", "line 1, column 1: a tag without a valid name"),
        (b"<a>\n\xff</a>", "line 2 is not UTF-8"),
        (
            b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>",
            "the file is written in ISO-8859-1; only UTF-8 can be edited",
        ),
        (
            b"<?xml version='1.0' encoding='SECRET SECRET'?><a/>",
            "the file is written in an encoding of no known name; only UTF-8 can be edited",
        ),
        (&utf16, "the file is written in UTF-16; only UTF-8 can be edited"),
        (&[b"\xff\xfe", &utf16[..]].concat(), "the file is written in UTF-16; only UTF-8 can be edited"),
        (deep(65).as_bytes(), "line 1, column 641: elements nested deeper than 64"),
        (deep(1_000_000).as_bytes(), "line 1, column 1: the file is larger than 4 MiB"),
        (deep(100_000).as_bytes(), "line 1, column 641: elements nested deeper than 64"),
        (
            ["<a>", &"<b/>".repeat(60_000), "</a>"].concat().as_bytes(),
            "line 1, column 200000: more elements than settings have",
        ),
    ] {
        let refused = Xml::parse(text).unwrap_err();
        assert_eq!(refused.to_string(), error);
        assert!(!format!("{refused:?}").contains("SECRET"), "{refused:?}");
    }
    assert!(Xml::parse(deep(64).as_bytes()).is_ok());

    let wrong_root = maven(b"\n<configuration/>").unwrap_err();
    assert_eq!(wrong_root.to_string(), "line 2: `settings` is not the root element");
    let mut xml = maven(b"<settings>\n<mirrors>SECRET</mirrors><offline>a<!-- b -->c</offline></settings>").unwrap();
    let error = add_mirror(&mut xml).unwrap_err();
    assert_eq!(error.to_string(), "line 2: `settings.mirrors` is not a list of elements");
    assert!(matches!(xml.set(&["settings", "offline"], "x"), Err(SyntaxError::NoRoom { line: 2, .. })));
    assert!(matches!(xml.set(&["settings", "offline"], "\0"), Err(SyntaxError::Inexpressible { .. })));
    for element in
        [Element::new("a b"), Element::new("a").with("b", "\u{1}"), Element::new("a").with_attribute("b", "\u{ffff}")]
    {
        assert!(matches!(xml.put(&["settings"], &element, By::Name), Err(SyntaxError::Inexpressible { .. })));
    }
}

#[test]
fn what_is_there_in_other_words_is_left_alone() {
    let text = "<settings>\n  <mirrors><mirror><!-- ours -->\n<url><![CDATA[http://a&b]]></url><id> x </id></mirror></mirrors>\n</settings>";
    let mut xml = maven(text.as_bytes()).unwrap();
    let mirror = Element::new("mirror").with("id", "x").with("url", "http://a&b");
    assert_eq!(xml.put(&["settings", "mirrors"], &mirror, By::Child("id")), Ok(None));
    assert_eq!(xml.text(), text);
    let mut empty = maven(b"").unwrap();
    let made = empty.put(&["settings", "mirrors"], &mirror, By::Child("id")).unwrap().unwrap();
    assert!(made.same_as(&Xml::present(&["settings", "mirrors"], &mirror, By::Child("id"))));
}

#[test]
fn a_replaced_element_keeps_its_place_and_comes_back() {
    let before = "<settings>\n    <mirrors>\n        <mirror><id>x</id><!-- mine --></mirror>\n        <mirror>\n            <id>y</id>\n        </mirror>\n    </mirrors>\n</settings>";
    for (id, old, new) in [
        (
            "x",
            "<mirror><id>x</id><!-- mine --></mirror>",
            "<mirror>\n            <id>x</id>\n            <url>u</url>\n        </mirror>",
        ),
        ("y", "<id>y</id>\n", "<id>y</id>\n            <url>u</url>\n"),
    ] {
        let mut xml = maven(before.as_bytes()).unwrap();
        let mirror = Element::new("mirror").with("id", id).with("url", "u");
        let change = xml.put(&["settings", "mirrors"], &mirror, By::Child("id")).unwrap().unwrap();
        assert_eq!(xml.text(), before.replace(old, new));
        let shifted = |text: &str| text.replace("<settings>", "<settings>\n    <!-- shifted -->");
        let back = Syntax::Xml.take_back(shifted(&xml.text()).as_bytes(), &[change]).unwrap();
        assert_eq!(back.text, shifted(before));
    }
}

#[test]
fn what_is_written_is_read_as_it_was_meant() {
    let text = " & <b> ]]> \"q\" 'q' \t\r\n é\u{1f600} ";
    let mut xml = maven(b"").unwrap();
    let element = Element::new("server").with("id", text).with_attribute("a", text);
    xml.put(&["settings", "servers"], &element, By::Attribute("a")).unwrap().unwrap();
    let placed = xml.elements(&["settings", "servers", "server"]).pop().unwrap();
    assert_eq!(placed.element, element);
    assert_eq!(xml.get(&["settings", "servers", "server", "@a"]).unwrap().as_deref(), Some(text));
    assert_eq!(xml.set(&["settings", "servers", "server", "id"], text), Ok(None));
}
