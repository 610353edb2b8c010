//! What we write is what other programs read: Python's `xml.etree`, and Maven's own reader of its settings where Maven's
//! library and a Java compiler are installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clients::syntax::xml::{Element, Xml};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::corpus::corpus;
use crate::xml::{MAVEN, NUGET, maven, nuget, settings};
use crate::{crate_dir, names_in};

/// Maven's own library, as Debian's package installs it.
const MAVEN_LIBRARY: &str = "/usr/share/maven/lib";

/// Real files with all edits made, as far as they can be read at all.
fn real(client: &str) -> Vec<String> {
    let Some(folder) = corpus().map(|corpus| corpus.join(client)) else {
        return Vec::new();
    };
    let read = |name| std::fs::read(folder.join(name)).unwrap();
    let edits = if client == "maven" { &MAVEN[..] } else { &NUGET[..] };
    let parse = if client == "maven" { maven } else { nuget };
    names_in(&folder).into_iter().filter_map(|name| parse(&read(name)).ok()).map(|xml| edited(xml, edits)).collect()
}

fn edited(mut xml: Xml, edits: &[crate::xml::Edit]) -> String {
    for (_, edit) in edits {
        edit(&mut xml).unwrap();
    }
    xml.text()
}

fn seen(element: &Element, depth: usize, all: &mut Vec<serde_json::Value>) {
    let text: String = element.text().split_whitespace().collect();
    let is_plain = |(name, _): &(&str, &str)| *name != "xmlns" && !name.contains(':');
    let mut attributes: Vec<_> = element.attributes().filter(is_plain).collect();
    attributes.sort_unstable();
    all.push(serde_json::json!([depth, element.name(), text, attributes]));
    for child in element.children() {
        seen(child, depth + 1, all);
    }
}

#[test]
fn python_reads_what_was_written() {
    let mut runner = TestRunner::deterministic();
    let mut texts: Vec<_> = (0..60)
        .map(|_| edited(maven(settings().new_tree(&mut runner).unwrap().current().as_bytes()).unwrap(), &MAVEN))
        .collect();
    texts.extend(real("maven").into_iter().chain(real("nuget")));
    texts.extend([edited(maven(b"").unwrap(), &MAVEN), edited(nuget(b"").unwrap(), &NUGET)]);

    let script = crate_dir().join("tests/readers/read.py");
    let started = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = started else {
        eprintln!("no python3: not compared with what Python reads");
        return;
    };
    python.stdin.take().unwrap().write_all(serde_json::to_string(&texts).unwrap().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let read: Vec<Vec<serde_json::Value>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read.len(), texts.len());
    for (text, read) in texts.iter().zip(read) {
        let xml = Xml::parse(text.as_bytes()).unwrap();
        let root = ["settings", "configuration"].iter().find_map(|root| xml.elements(&[root]).pop()).unwrap();
        let mut all = Vec::new();
        seen(&root.element, 0, &mut all);
        assert_eq!(read, all, "{text}");
    }
    eprintln!("{} edited files read alike by Python", texts.len());
}

/// What the Java program prints for settings, as we read them.
fn expected(xml: &Xml) -> String {
    let mut lines = "file\n".to_owned();
    let mut list = |kind: &str, elements: &[&Element], names: &[&str]| {
        for element in elements {
            let text = |name: &&str| element.child(name).map(Element::text).unwrap_or_default();
            let values: Vec<_> = names.iter().map(text).collect();
            writeln!(lines, "{}", [&[kind.to_owned()], &values[..]].concat().join("|")).unwrap();
        }
    };
    let root = xml.elements(&["settings"]).pop().unwrap().element;
    let of = |element: &Element, name: &str| element.child(name).cloned().unwrap_or(Element::new(name));
    list("mirror", &of(&root, "mirrors").children().collect::<Vec<_>>(), &["id", "url", "mirrorOf"]);
    list("server", &of(&root, "servers").children().collect::<Vec<_>>(), &["id", "username", "password"]);
    for profile in of(&root, "profiles").children() {
        list("profile", &[profile], &["id"]);
        for (list_of, kind) in [("repositories", "repository"), ("pluginRepositories", "pluginRepository")] {
            list(kind, &of(profile, list_of).children().collect::<Vec<_>>(), &["id", "url"]);
        }
    }
    for active in of(&root, "activeProfiles").children() {
        writeln!(lines, "active|{}", active.text()).unwrap();
    }
    lines
}

#[test]
fn maven_reads_what_was_written() {
    let jars = ["maven-settings-3.x.jar", "plexus-utils.jar"].map(|name| Path::new(MAVEN_LIBRARY).join(name));
    if !jars.iter().all(|jar| jar.exists()) || Command::new("javac").arg("-version").output().is_err() {
        eprintln!("no library of Maven, or no javac: not compared with what Maven reads");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("settings");
    std::fs::create_dir_all(&folder).unwrap();
    let mut texts = real("maven");
    texts.extend(
        [
            "",
            "\u{feff}<settings/>",
            "<settings>\r\n\t<mirrors/>\r\n\t<!-- \u{e9} -->\r\n\t<servers></servers>\r\n</settings>",
        ]
        .map(|text| edited(maven(text.as_bytes()).unwrap(), &MAVEN)),
    );
    let files: Vec<_> = (0..texts.len()).map(|number| folder.join(format!("{number}.xml"))).collect();
    for (file, text) in files.iter().zip(&texts) {
        std::fs::write(file, text).unwrap();
    }
    let path = jars.map(|jar| jar.to_str().unwrap().to_owned()).join(":");
    // One file of source is compiled as it is run.
    let source = crate_dir().join("tests/readers/ReadSettings.java");
    let output = Command::new("java").args(["-cp", &path]).arg(source).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: String = texts.iter().map(|text| expected(&maven(text.as_bytes()).unwrap())).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(expected.matches("|my-team-repo").count() >= 3 * texts.len(), "{expected}");
    eprintln!("{} edited files read alike by Maven's own reader", texts.len());
}
