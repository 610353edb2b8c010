//! What a POM says of its version. A POM that cannot be read says nothing: it is stored and served all the same, as
//! the public sources have some.

use std::collections::BTreeMap;

use super::{
    listing::{Listing, Named, Needed},
    xml::{self, Step},
};
use crate::state::AboutVersion;

/// Bytes of a POM that is read.
pub(super) const POM: u64 = 4 << 20;
/// Characters of a value with its properties filled in, and how often they may name others.
const VALUE: usize = 1_000;
const ROUNDS: usize = 4;
/// Dependencies that are listed.
const DEPENDENCIES: usize = 2_000;

#[derive(Default)]
struct Project {
    values: BTreeMap<String, String>,
    parent: Option<Needed>,
    dependencies: Vec<Needed>,
    optional: bool,
    licenses: Vec<Named>,
    packaging: String,
}

/// What a POM says.
pub(super) fn read(bytes: &[u8]) -> (AboutVersion, Listing) {
    let mut project = Project::default();
    if xml::walk(bytes, |path, step| project.take(path, step)).is_err() {
        return <_>::default();
    }
    project.told()
}

impl Project {
    fn take(&mut self, path: &[&str], step: &Step<'_>) {
        let ["project", path @ ..] = path else { return };
        match step {
            Step::Open => match path {
                ["parent"] => self.parent = Some(Needed { kind: "parent".to_owned(), ..Needed::default() }),
                ["dependencies", "dependency"] => {
                    self.optional = false;
                    self.dependencies.push(Needed { kind: "compile".to_owned(), ..Needed::default() });
                }
                ["licenses", "license"] => self.licenses.push(Named::default()),
                _ => {}
            },
            Step::Close(text) => self.close(path, text),
        }
    }

    fn close(&mut self, path: &[&str], text: &str) {
        let given = || Some(text.to_owned()).filter(|text| !text.is_empty());
        match path {
            ["packaging"] => text.clone_into(&mut self.packaging),
            [name @ ("groupId" | "artifactId" | "version" | "name" | "description" | "url")] => {
                self.values.insert(format!("project.{name}"), text.to_owned());
            }
            ["scm", "url"] => drop(self.values.insert("project.scm.url".to_owned(), text.to_owned())),
            ["properties", name] => drop(self.values.insert((*name).to_owned(), text.to_owned())),
            ["parent", part] => {
                self.values.insert(format!("project.parent.{part}"), text.to_owned());
                // Inherited, unless the POM has its own.
                if matches!(*part, "groupId" | "version") {
                    self.values.entry(format!("project.{part}")).or_insert_with(|| text.to_owned());
                }
                if let Some(parent) = &mut self.parent {
                    parent.set(part, text);
                }
            }
            ["dependencies", "dependency", "optional"] => self.optional = text == "true",
            ["dependencies", "dependency", part] => {
                if let Some(dependency) = self.dependencies.last_mut() {
                    dependency.set(part, text);
                }
            }
            ["dependencies", "dependency"] => {
                if let Some(dependency) = self.dependencies.last_mut().filter(|_| self.optional) {
                    "optional".clone_into(&mut dependency.kind);
                }
                self.dependencies.truncate(DEPENDENCIES);
            }
            ["licenses", "license", "name"] => {
                if let Some(license) = self.licenses.last_mut() {
                    license.name = given();
                }
            }
            ["licenses", "license", "url"] => {
                if let Some(license) = self.licenses.last_mut() {
                    license.url = given();
                }
            }
            _ => {}
        }
    }

    fn told(self) -> (AboutVersion, Listing) {
        let shown = |name: &str| {
            let value = self.filled(self.values.get(name)?);
            // The API shows these as they are: control characters and line breaks are nobody's description.
            let clean: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let clean: String = clean.chars().filter(|c| !c.is_control()).take(VALUE).collect();
            (!clean.is_empty()).then_some(clean)
        };
        let licenses: Vec<Named> =
            self.licenses.iter().filter(|one| one.name.is_some() || one.url.is_some()).cloned().collect();
        let about = AboutVersion {
            summary: shown("project.description").or_else(|| shown("project.name")),
            home_page: shown("project.url"),
            source_code_repository: shown("project.scm.url"),
            license: licenses.first().and_then(|license| license.name.clone().or_else(|| license.url.clone())),
        };
        let all = self.parent.iter().chain(&self.dependencies);
        let dependencies = all
            .map(|needed| Needed {
                group: self.filled(&needed.group),
                artifact: self.filled(&needed.artifact),
                version: self.filled(&needed.version),
                kind: needed.kind.clone(),
            })
            .filter(|needed| !needed.artifact.is_empty())
            .collect();
        let packaging = if self.packaging.is_empty() { "jar" } else { &self.packaging };
        (about, Listing { packaging: Some(packaging.to_owned()), dependencies, licenses, ..Listing::default() })
    }

    /// A value with the properties of this POM filled in; what it inherits is not known here and stays as it is.
    fn filled(&self, value: &str) -> String {
        let mut value = value.to_owned();
        for _ in 0..ROUNDS {
            let mut next = String::new();
            let mut rest = value.as_str();
            while let Some((before, (name, after))) =
                rest.split_once("${").and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
            {
                next.push_str(before);
                let known = self.values.get(name).or_else(|| self.values.get(&name.replacen("pom.", "project.", 1)));
                match known {
                    Some(known) => next.push_str(known),
                    None => next.extend(["${", name, "}"]),
                }
                rest = after;
            }
            next.push_str(rest);
            if next.len() > VALUE || next == value {
                break;
            }
            value = next;
        }
        value
    }
}

impl Needed {
    fn set(&mut self, part: &str, text: &str) {
        let known = match part {
            "groupId" => &mut self.group,
            "artifactId" => &mut self.artifact,
            "version" => &mut self.version,
            // The API has these words.
            "scope" if matches!(text, "compile" | "runtime" | "test" | "provided" | "system") => &mut self.kind,
            _ => return,
        };
        text.clone_into(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "<?xml version='1.0'?>
        <project xmlns='http://maven.apache.org/POM/4.0.0'>
          <parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>3</version></parent>
          <artifactId>lib</artifactId><packaging>bundle</packaging>
          <description> Two
            lines &amp; more </description>
          <url>https://acme.example/${project.artifactId}</url>
          <scm><url>https://git.example/lib</url></scm>
          <licenses><license><name>MIT</name><url>https://mit.example</url></license><license/></licenses>
          <properties><v>1.${minor}</v><minor>2</minor></properties>
          <dependencyManagement><dependencies><dependency><groupId>no</groupId><artifactId>no</artifactId>
          </dependency></dependencies></dependencyManagement>
          <dependencies>
            <dependency><groupId>${project.groupId}</groupId><artifactId>a</artifactId><version>${v}</version>
              <exclusions><exclusion><groupId>x</groupId><artifactId>x</artifactId></exclusion></exclusions></dependency>
            <dependency><groupId>g</groupId><artifactId>b</artifactId><scope>test</scope></dependency>
            <dependency><groupId>g</groupId><artifactId>c</artifactId><version>${unknown}</version>
              <scope>runtime</scope><optional>true</optional></dependency>
          </dependencies>
          <profiles><profile><dependencies><dependency><artifactId>no</artifactId></dependency></dependencies></profile>
          </profiles>
        </project>";

    #[test]
    fn what_a_pom_says() {
        let (about, listing) = read(SAMPLE.as_bytes());
        assert_eq!(about.summary.as_deref(), Some("Two lines & more"));
        assert_eq!(about.home_page.as_deref(), Some("https://acme.example/lib"));
        assert_eq!(about.source_code_repository.as_deref(), Some("https://git.example/lib"));
        assert_eq!(about.license.as_deref(), Some("MIT"));
        assert_eq!(listing.packaging.as_deref(), Some("bundle"));
        assert_eq!(listing.licenses.len(), 1);
        let needed: Vec<String> = listing
            .dependencies
            .iter()
            .map(|one| format!("{} {}:{}:{}", one.kind, one.group, one.artifact, one.version))
            .collect();
        let expected = ["parent com.acme:parent:3", "compile com.acme:a:1.2", "test g:b:", "optional g:c:${unknown}"];
        assert_eq!(needed, expected);
    }

    #[test]
    fn what_is_no_pom_says_nothing() {
        for bytes in [&b""[..], b"PK\x03\x04", b"<html><body>", b"<project><artifactId>a</project>"] {
            let (about, listing) = read(bytes);
            assert_eq!(about, AboutVersion::default());
            assert!(listing.dependencies.is_empty());
        }
    }

    #[test]
    fn properties_that_name_each_other_come_to_an_end() {
        let pom = "<project><url>${a}</url><properties><a>${b}${b}</a><b>${a}${a}</b></properties></project>";
        assert!(read(pom.as_bytes()).0.home_page.unwrap().len() <= VALUE);
        let open = "<project><url>${a ${</url></project>";
        assert_eq!(read(open.as_bytes()).0.home_page.as_deref(), Some("${a ${"));
    }
}
