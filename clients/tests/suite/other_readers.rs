//! What the clients' own readers read in the same files: Python's `configparser` and `netrc`, npm's `ini`, Ruby's Psych.

use std::io::Write;
use std::process::{Command, Stdio};

use clients::syntax::{Editor, Grammar, Value, ini, netrc, npmrc, yaml};
use serde_json::Value as Json;

use crate::line_files::{INI, NETRC, NPMRC, Wish, YAML, ini_files, netrc_files, npmrc_files, real, some, yaml_files};

const COUNT: usize = 3_000;

const CONFIGPARSER: &str = r"
import configparser, io, json, sys
def read(text):
    parser = configparser.RawConfigParser()
    try:
        parser.read_file(io.StringIO(text, newline=None))
    except configparser.Error:
        return None
    return {**parser._sections, 'DEFAULT': parser._defaults}
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
";

const NETRC_READER: &str = r"
import io, json, netrc, sys
def read(text):
    reader = netrc.netrc.__new__(netrc.netrc)
    reader.hosts, reader.macros = {}, {}
    try:
        reader._parse('netrc', io.StringIO(text, newline=None), False)
    except netrc.NetrcParseError:
        return None
    return reader.hosts
texts = json.load(sys.stdin)
print('null' if sys.version_info < (3, 11) else json.dumps([read(text) for text in texts]))
";

const NPM_INI: &str = r"
const path = require('node:path'), fs = require('node:fs');
const near = path.dirname(fs.realpathSync(process.execPath));
const places = [path.join(near, '../lib/node_modules/npm'), path.join(near, 'node_modules/npm'), '/usr/lib/node_modules/npm', '/usr/share/npm'];
let ini = null;
try { ini = require(require.resolve('ini', { paths: places })); } catch {}
const read = text => { try { return ini.parse(text); } catch { return null; } };
const texts = JSON.parse(fs.readFileSync(0, 'utf8'));
console.log(JSON.stringify(ini && texts.map(read)));
";

const PSYCH: &str = r"
require 'json'
require 'psych'
def plain(node)
  case node
  when Psych::Nodes::Scalar then { text: node.value }
  when Psych::Nodes::Sequence then { list: node.children.map { |child| plain(child) } }
  when Psych::Nodes::Mapping then { map: node.children.each_slice(2).map { |pair| pair.map { |child| plain(child) } } }
  else {}
  end
end
def read(text)
  documents = Psych.parse_stream(text).children
  { documents: documents.map { |document| plain(document.root) } }
rescue Psych::SyntaxError
  nil
end
puts JSON.generate(JSON.parse($stdin.read).map { |text| read(text) })
";

/// What a program reads in each text; `None`, with a message, where it is missing.
#[expect(clippy::print_stderr, reason = "says what is not compared")]
fn read_by(program: &str, arguments: &[&str], texts: &[String]) -> Option<Vec<Json>> {
    let spawned = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        eprintln!("{program} is not here: its reading is not compared");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = serde_json::to_vec(texts).unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program} fails");
    let read: Option<Vec<Json>> = serde_json::from_slice(&output.stdout).unwrap();
    if read.is_none() {
        eprintln!("{program} has no such reader: it is not compared");
    }
    read
}

/// Files as they are, and after edits. A byte order mark is for us to take off.
fn texts<G: Grammar>(generated: Vec<String>, real: Vec<(String, String)>, wishes: &[Wish]) -> Vec<String> {
    let mut texts = Vec::new();
    for (number, text) in generated.into_iter().chain(real.into_iter().map(|(_, text)| text)).enumerate() {
        let text = text.trim_start_matches('\u{feff}').to_owned();
        if let Ok(mut editor) = Editor::<G>::parse(text.as_bytes()) {
            let wish = wishes[number % wishes.len()];
            if let Ok(Some(_)) = wish.make(&mut editor) {
                texts.push(editor.text());
            }
        }
        texts.push(text);
    }
    texts
}

fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Array(_) | Json::Object(_) => None,
        other => Some(other.to_string()),
    }
}

#[test]
fn ini_files_read_as_python_reads_them() {
    let found = [real("pip", &[""]), real("pypirc", &[""])].concat();
    let texts = texts::<ini::Sections>(some(ini_files(), COUNT), found, INI);
    let Some(theirs) = read_by("python3", &["-c", CONFIGPARSER], &texts) else { return };
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(theirs) {
        let ours = ini::Ini::parse(text.as_bytes());
        assert_eq!(ours.is_ok(), theirs.is_object(), "{text:?}: {:?}", ours.err());
        let Ok(ours) = ours else { continue };
        read += 1;
        for (section, values) in theirs.as_object().unwrap() {
            let values = values.as_object().unwrap();
            let mut keys = ours.keys(&[section]);
            keys.sort();
            let mut their_keys: Vec<_> = values.keys().cloned().collect();
            their_keys.sort();
            assert_eq!(keys, their_keys, "{text:?}");
            for (key, value) in values {
                assert_eq!(ours.get(&[section, key]), Ok(text_of(value).map(Value::Text)), "{key} of {text:?}");
            }
        }
        let sections = theirs.as_object().unwrap().keys().filter(|section| ours.has_table(&[section])).count();
        assert_eq!(sections, ours.keys(&[]).len(), "{text:?}");
    }
    eprintln!("{} files compared with Python's configparser, {read} of them read", texts.len());
    assert!(read > 800, "only {read}");
}

#[test]
fn netrc_files_read_as_python_reads_them() {
    let texts = texts::<netrc::Machines>(some(netrc_files(), COUNT), real("netrc", &[""]), NETRC);
    let Some(theirs) = read_by("python3", &["-c", NETRC_READER], &texts) else { return };
    let (mut read, mut lenient) = (0, 0);
    for (text, theirs) in texts.iter().zip(theirs) {
        let ours = netrc::Netrc::parse(text.as_bytes());
        let Some(hosts) = theirs.as_object() else {
            // Python alone takes the words of some comments for keywords.
            assert!(ours.is_err() || text.contains('#'), "{text:?}");
            lenient += usize::from(ours.is_ok());
            continue;
        };
        if has_comment_that_python_misses(text) {
            continue;
        }
        let ours = match ours {
            Ok(ours) => ours,
            // Python takes the end of the file for the end of a word.
            Err(error) if is_early_end(&error.to_string()) => continue,
            Err(error) => panic!("{text:?}: {error}"),
        };
        read += 1;
        let mut names = ours.keys(&[]);
        names.sort();
        let mut their_names: Vec<_> = hosts.keys().cloned().collect();
        their_names.sort();
        assert_eq!(names, their_names, "{text:?}");
        for (name, fields) in hosts {
            for (position, field) in ["login", "account", "password"].into_iter().enumerate() {
                let value = match ours.get(&[name, field]) {
                    Ok(Some(Value::Text(value))) => value,
                    Ok(None) => String::new(),
                    other => panic!("{other:?}"),
                };
                assert_eq!(value, fields[position].as_str().unwrap(), "{field} of {name} in {text:?}");
            }
        }
    }
    eprintln!("{} files compared with Python's netrc, {read} of them read, {lenient} by us alone", texts.len());
    assert!(read > 400, "only {read}");
}

fn is_early_end(error: &str) -> bool {
    error.contains("nothing is behind") || error.contains("a quote is not closed")
}

/// Python counts a line too many before such a comment, and reads its words.
fn has_comment_that_python_misses(text: &str) -> bool {
    let lines: Vec<_> = text.lines().flat_map(|line| line.split('\r')).map(str::trim).collect();
    lines.windows(2).any(|pair| pair[1].starts_with('#') && (pair[0].is_empty() || pair[0].ends_with('"')))
}

#[test]
fn npmrc_files_read_as_npm_reads_them() {
    let texts = texts::<npmrc::Settings>(some(npmrc_files(), COUNT), real("npmrc", &[""]), NPMRC);
    let Some(theirs) = read_by("node", &["-e", NPM_INI], &texts) else { return };
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(theirs) {
        let Ok(ours) = npmrc::Npmrc::parse(text.as_bytes()) else { panic!("{text:?} is refused") };
        let theirs = theirs.as_object().unwrap_or_else(|| panic!("{text:?} is refused by npm"));
        read += 1;
        for (key, value) in theirs {
            // A dotted section becomes several; npm itself knows none at all.
            if key == "my" {
                continue;
            }
            let inner = value.as_object().filter(|_| ours.has_table(&[key]));
            match (value, inner) {
                (_, Some(section)) => {
                    for (inner, value) in section.iter().filter(|(_, value)| !value.is_object()) {
                        same_npm_value(&ours, &[key, inner], value, text);
                    }
                }
                (value, None) => same_npm_value(&ours, &[key], value, text),
            }
        }
        let all = ours.keys(&[]).into_iter().filter(|key| key != "my.section").count();
        assert_eq!(all, theirs.keys().filter(|key| *key != "my").count(), "{text:?}");
    }
    eprintln!("{read} files compared with npm's ini");
}

fn same_npm_value(ours: &npmrc::Npmrc, keys: &[&str], theirs: &Json, text: &str) {
    match theirs {
        Json::Array(list) => {
            let list: Option<Vec<_>> = list.iter().map(text_of).collect();
            assert_eq!(ours.list(keys).ok().flatten(), list, "{keys:?} of {text:?}");
        }
        Json::Object(_) => assert!(ours.get(keys).is_err(), "{keys:?} of {text:?}"),
        theirs => assert_eq!(ours.get(keys), Ok(text_of(theirs).map(Value::Text)), "{keys:?} of {text:?}"),
    }
}

#[test]
fn yaml_files_read_as_ruby_reads_them() {
    let found = [real("yarn", &[".yml"]), real("bundler", &[".bundle-config"])].concat();
    let texts = texts::<yaml::Document>(some(yaml_files(), COUNT), found, YAML);
    let Some(theirs) = read_by("ruby", &["-e", PSYCH], &texts) else { return };
    let (mut read, mut values, mut beyond) = (0, 0, 0);
    for (text, theirs) in texts.iter().zip(theirs) {
        let ours = yaml::Yaml::parse(text.as_bytes());
        let documents = theirs["documents"].as_array();
        match (ours, documents) {
            (Err(_), None) => {}
            (Err(error), Some(documents)) => {
                let known = ["not edited here", "the document ends before", "the file is no mapping"];
                let error = error.to_string();
                assert!(known.iter().any(|known| error.contains(known)), "{text:?}: {error}, {documents:?}");
            }
            (Ok(_), None) => panic!("{text:?} is refused by Ruby"),
            (Ok(ours), Some(documents)) => {
                read += 1;
                if let Some(root) = documents.first() {
                    compare(&ours, &mut Vec::new(), root, text, &mut values, &mut beyond);
                }
            }
        }
    }
    eprintln!("{} files compared with Ruby's Psych, {read} read: {values} values, {beyond} beyond", texts.len());
    assert!(read > 1_000 && values > 2_000 && beyond < values, "{read} {values} {beyond}");
}

fn compare(
    ours: &yaml::Yaml,
    path: &mut Vec<String>,
    theirs: &Json,
    text: &str,
    values: &mut usize,
    beyond: &mut usize,
) {
    let keys: Vec<_> = path.iter().map(String::as_str).collect();
    if !keys.is_empty() && ours.get(&keys).is_err() {
        *beyond += 1;
        return;
    }
    if let Some(pairs) = theirs["map"].as_array() {
        assert!(keys.is_empty() || ours.has_table(&keys), "{keys:?} of {text:?}");
        let mut last = std::collections::BTreeMap::new();
        for pair in pairs {
            last.insert(pair[0]["text"].as_str().unwrap().to_owned(), &pair[1]);
        }
        let mut our_keys = ours.keys(&keys);
        our_keys.sort();
        assert_eq!(our_keys, last.keys().cloned().collect::<Vec<_>>(), "{text:?}");
        for (key, value) in last {
            path.push(key);
            compare(ours, path, value, text, values, beyond);
            path.pop();
        }
    } else if let Some(list) = theirs["list"].as_array() {
        let ours = ours.list(&keys).ok().flatten();
        if list.iter().all(|entry| entry["text"].is_string() || entry["map"].is_array()) {
            // A mapping in a list is an entry without a text of its own.
            let ours = ours.unwrap_or_else(|| panic!("{keys:?} of {text:?} is no list"));
            assert_eq!(ours.len(), list.len(), "{keys:?} of {text:?}");
            let same = |(ours, theirs): (&String, &Json)| theirs["text"].as_str().is_none_or(|theirs| ours == theirs);
            assert!(ours.iter().zip(list).all(same), "{keys:?} of {text:?}: {ours:?}");
        } else {
            assert_eq!(ours, None, "{keys:?} of {text:?}");
        }
        *values += 1;
    } else if let Some(value) = theirs["text"].as_str().filter(|_| !keys.is_empty()) {
        assert_eq!(ours.get(&keys), Ok(Some(Value::Text(value.to_owned()))), "{keys:?} of {text:?}");
        *values += 1;
    } else if keys.is_empty() {
        assert!(ours.keys(&[]).is_empty(), "{text:?}");
    }
}
