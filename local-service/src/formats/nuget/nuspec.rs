//! `ID.nuspec`: the description that every NuGet package carries, and what the service keeps of it.
//!
//! The reader knows no entities but XML's own five and follows no reference, so a description cannot grow.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use serde::{Deserialize, Serialize};

use super::version::NugetVersion;
use crate::state::AboutVersion;

/// Bytes of a description: what is larger is no description.
pub(super) const SIZE: u64 = 1 << 20;
/// Elements inside each other.
const DEPTH: usize = 32;
/// Dependencies of all groups.
const DEPENDENCIES: usize = 5_000;
/// Longest name; the bound of the public registry.
const ID: usize = 100;

/// What the service keeps of a version: what its registration is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Listing {
    /// As its author spells it.
    pub(super) id: String,
    /// As its author spells it, build metadata included.
    pub(super) version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authors: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) project_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) license_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) icon_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_client_version: Option<String>,
    pub(super) require_license_acceptance: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) package_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<Group>,
    /// When the public source published it, as it says; versions of this service have the record's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) published: Option<String>,
    /// The public source does not list it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) unlisted: bool,
}

/// Dependencies for one target framework.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    /// `None` is every framework.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) framework: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) dependencies: Vec<Needed>,
}

/// A dependency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needed {
    pub(super) id: String,
    /// As written; empty is any version.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(super) range: String,
}

/// A description that was read.
#[derive(Debug, Default)]
pub(super) struct Nuspec {
    pub(super) listing: Listing,
    /// The file with the readme, as the description names it.
    pub(super) readme: Option<String>,
    /// The file with the licence, if that is what it names.
    license_file: Option<String>,
}

impl Nuspec {
    /// Reads and checks a description; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the nuspec is not UTF-8".to_owned())?;
        let mut nuspec = parse(text.trim_start_matches('\u{feff}'))?;
        let listing = &mut nuspec.listing;
        if !is_id(&listing.id) {
            let shown: String = listing.id.chars().take(ID).flat_map(char::escape_debug).collect();
            return Err(format!(
                "the nuspec's id is `{shown}`: an id is 1 to {ID} letters, digits and `_`, with single `.` and `-` between"
            ));
        }
        if NugetVersion::parse(&listing.version).is_none() {
            let shown: String = listing.version.chars().take(64).flat_map(char::escape_debug).collect();
            return Err(format!("the nuspec's version is `{shown}`, which is not a version"));
        }
        if let Some(bad) = listing.groups.iter().flat_map(|group| &group.dependencies).find(|needed| !is_id(&needed.id))
        {
            let shown: String = bad.id.chars().take(ID).flat_map(char::escape_debug).collect();
            return Err(format!("the nuspec depends on `{shown}`, which is not an id"));
        }
        Ok(nuspec)
    }

    /// What the API describes the version with.
    pub(super) fn about(&self) -> AboutVersion {
        self.listing.about(self.license_file.as_ref())
    }
}

impl Listing {
    /// What the API describes the version with.
    pub(super) fn about(&self, license_file: Option<&String>) -> AboutVersion {
        AboutVersion {
            summary: self.summary.clone().or_else(|| self.description.clone()),
            home_page: self.project_url.clone(),
            source_code_repository: self.repository_url.clone(),
            license: self
                .license_expression
                .clone()
                .or_else(|| license_file.cloned())
                .or_else(|| self.license_url.clone()),
        }
    }

    pub(super) fn to_json(&self) -> Box<str> {
        serde_json::to_string(self).expect("a listing is plain data with text keys").into()
    }

    /// A stored listing.
    pub(super) fn of(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }
}

/// ASCII letters, digits and `_`, with single `.` and `-` between. (The format itself has letters of any script; the
/// public registry takes no others, and one name must have one lowercase.)
pub(super) fn is_id(id: &str) -> bool {
    (1..=ID).contains(&id.len())
        && id
            .split(['.', '-'])
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

fn parse(text: &str) -> Result<Nuspec, String> {
    let malformed = |error: &dyn std::fmt::Display| format!("the nuspec is malformed: {error}");
    let mut reader = Reader::from_str(text);
    let mut state = Parsing::default();
    loop {
        match reader.read_event().map_err(|error| malformed(&error))? {
            Event::Start(start) => state.open(&start)?,
            Event::Empty(start) => {
                state.open(&start)?;
                state.close();
            }
            Event::End(_) => state.close(),
            Event::Text(text) => state.text.push_str(&text.xml10_content().map_err(|error| malformed(&error))?),
            Event::CData(text) => state.text.push_str(&text.xml10_content().map_err(|error| malformed(&error))?),
            Event::GeneralRef(reference) => {
                if let Some(character) = reference.resolve_char_ref().map_err(|error| malformed(&error))? {
                    state.text.push(character);
                } else {
                    let name = reference.decode().map_err(|error| malformed(&error))?;
                    let meant = resolve_predefined_entity(&name);
                    state.text.push_str(meant.ok_or_else(|| malformed(&"it has an entity of its own"))?);
                }
            }
            Event::DocType(_) => return Err(malformed(&"it has a document type")),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !state.path.is_empty() {
        return Err(malformed(&"it ends early"));
    }
    Ok(state.nuspec)
}

#[derive(Default)]
struct Parsing {
    /// The elements that are open, without prefixes.
    path: Vec<String>,
    /// The `type` of the element that is open, where it has one.
    kind: String,
    text: String,
    dependencies: usize,
    nuspec: Nuspec,
}

impl Parsing {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.path.len() == DEPTH {
            return Err("the nuspec is nested too deeply".to_owned());
        }
        self.text.clear();
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        self.path.push(name);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let attribute = |name| attribute(start, name);
        let listing = &mut self.nuspec.listing;
        match path[..] {
            ["package", "metadata"] => listing.min_client_version = attribute("minClientVersion")?,
            ["package", "metadata", "license"] => self.kind = attribute("type")?.unwrap_or_default(),
            ["package", "metadata", "repository"] => listing.repository_url = attribute("url")?,
            ["package", "metadata", "packageTypes", "packageType"] => {
                listing.package_types.extend(attribute("name")?);
            }
            ["package", "metadata", "dependencies", "group"] => {
                listing.groups.push(Group { framework: attribute("targetFramework")?, dependencies: Vec::new() });
            }
            ["package", "metadata", "dependencies", "dependency"] => {
                // The old form, without groups.
                if listing.groups.last().is_none_or(|group| group.framework.is_some()) {
                    listing.groups.push(Group::default());
                }
                self.depend(start)?;
            }
            ["package", "metadata", "dependencies", "group", "dependency"] => self.depend(start)?,
            _ => {}
        }
        Ok(())
    }

    fn depend(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        self.dependencies += 1;
        if self.dependencies > DEPENDENCIES {
            return Err(format!("the nuspec has more than {DEPENDENCIES} dependencies"));
        }
        let id = attribute(start, "id")?.unwrap_or_default();
        let range = attribute(start, "version")?.unwrap_or_default();
        if let Some(group) = self.nuspec.listing.groups.last_mut() {
            group.dependencies.push(Needed { id, range });
        }
        Ok(())
    }

    fn close(&mut self) {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let text = shown(&self.text);
        let Nuspec { listing, readme, license_file } = &mut self.nuspec;
        if let ["package", "metadata", name] = path[..] {
            match name {
                "id" => listing.id = text.unwrap_or_default(),
                "version" => listing.version = text.unwrap_or_default(),
                "title" => listing.title = text,
                "authors" => listing.authors = text,
                "description" => listing.description = text,
                "summary" => listing.summary = text,
                "language" => listing.language = text,
                "tags" => listing.tags = tags(&text.unwrap_or_default()),
                "projectUrl" => listing.project_url = text,
                "licenseUrl" => listing.license_url = text,
                "iconUrl" => listing.icon_url = text,
                "license" if self.kind == "expression" => listing.license_expression = text,
                "license" => *license_file = text,
                "readme" => *readme = text,
                "requireLicenseAcceptance" => listing.require_license_acceptance = text.as_deref() == Some("true"),
                _ => {}
            }
        }
        self.text.clear();
        self.path.pop();
    }
}

/// Tags are separated by spaces, and by commas in old packages.
pub(super) fn tags(text: &str) -> Vec<String> {
    text.split([' ', ',', '\n', '\t']).filter(|tag| !tag.is_empty()).map(ToOwned::to_owned).collect()
}

/// Empty is absent; control characters but line breaks are nobody's description.
fn shown(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect();
    (!clean.is_empty()).then_some(clean)
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let malformed = |error: &dyn std::fmt::Display| format!("the nuspec is malformed: {error}");
    let found = start.try_get_attribute(name).map_err(|error| malformed(&error))?;
    let Some(found) = found else { return Ok(None) };
    let value = found.normalized_value(XmlVersion::Implicit1_0).map_err(|error| malformed(&error))?;
    Ok(shown(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.example/nuspec.xsd">
  <metadata minClientVersion="2.12">
    <id>Acme.Text</id><version>01.2.0.0-Beta+build.7</version>
    <authors>A &amp; B</authors><description><![CDATA[<Texts> &]]> &#65;</description>
    <license type="expression">MIT OR Apache-2.0</license><licenseUrl>https://licenses.example/MIT</licenseUrl>
    <projectUrl>https://acme.example/</projectUrl><readme>docs\README.md</readme><tags>one two,three</tags>
    <repository type="git" url="https://git.example/acme.git" commit="00"/>
    <requireLicenseAcceptance>true</requireLicenseAcceptance>
    <packageTypes><packageType name="DotnetTool"/></packageTypes>
    <dependencies>
      <group targetFramework="net8.0"><dependency id="Acme.Core" version="[1.0, 2.0)" exclude="Build"/></group>
      <group targetFramework=".NETStandard2.0"/>
    </dependencies>
  </metadata>
</package>"#;

    #[test]
    fn everything_that_is_shown_is_read() {
        let nuspec = Nuspec::read(format!("\u{feff}{FULL}").as_bytes()).unwrap();
        let listing = &nuspec.listing;
        assert_eq!((listing.id.as_str(), listing.version.as_str()), ("Acme.Text", "01.2.0.0-Beta+build.7"));
        assert_eq!(listing.authors.as_deref(), Some("A & B"));
        assert_eq!(listing.description.as_deref(), Some("<Texts> & A"));
        assert_eq!(listing.tags, ["one", "two", "three"]);
        assert_eq!(nuspec.readme.as_deref(), Some("docs\\README.md"));
        assert_eq!(listing.package_types, ["DotnetTool"]);
        assert!(listing.require_license_acceptance);
        assert_eq!(listing.groups.len(), 2);
        assert_eq!(listing.groups[0].framework.as_deref(), Some("net8.0"));
        assert_eq!(listing.groups[0].dependencies[0].range, "[1.0, 2.0)");
        let about = nuspec.about();
        assert_eq!(about.license.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(about.source_code_repository.as_deref(), Some("https://git.example/acme.git"));
        assert_eq!(Listing::of(&listing.to_json()), *listing);
    }

    fn with(metadata: &str) -> Result<Nuspec, String> {
        Nuspec::read(format!("<package><metadata>{metadata}</metadata></package>").as_bytes())
    }

    #[test]
    fn the_form_without_groups() {
        let nuspec = with(
            "<id>a</id><version>1</version><dependencies><dependency id='b'/><dependency id='c' version='1'/>\
             </dependencies>",
        )
        .unwrap();
        let groups = &nuspec.listing.groups;
        assert_eq!((groups.len(), groups[0].framework.as_deref(), groups[0].dependencies.len()), (1, None, 2));
    }

    #[test]
    fn a_description_that_breaks_a_rule_is_refused() {
        for (bad, named) in [
            ("<version>1</version>", "id"),
            ("<id>../a</id><version>1</version>", "id"),
            ("<id>a..b</id><version>1</version>", "id"),
            ("<id>ä</id><version>1</version>", "id"),
            ("<id>a</id>", "version"),
            ("<id>a</id><version>one</version>", "version"),
            ("<id>a</id><version>1</version><dependencies><dependency id='b/c'/></dependencies>", "depends"),
            ("<id>&own;</id><version>1</version>", "entity"),
            ("<id>a</id><version>1</version><description>", "malformed"),
        ] {
            let error = with(bad).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\">]><package/>";
        assert!(Nuspec::read(bomb.as_bytes()).unwrap_err().contains("document type"));
        assert!(Nuspec::read("<a>".repeat(100_000).as_bytes()).unwrap_err().contains("deeply"));
        assert!(Nuspec::read(b"\xff\xfe<\0").is_err());
        assert!(with(&"<id>a</id>".repeat(10).replace("id", &"a".repeat(100))).is_err());
    }
}
