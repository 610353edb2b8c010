//! `maven-metadata.xml`: read as clients and public sources send it, written as clients read it.

use std::fmt::Write as _;

use super::{
    listing::Kind,
    xml::{self, Step, XmlError, escaped},
};

/// Bytes of metadata: an artifact with ten thousand versions has half a MiB.
pub(super) const METADATA: u64 = 16 << 20;

/// Any `maven-metadata.xml`: of an artifact, of a snapshot, of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) versions: Vec<String>,
    pub(super) last_updated: Option<String>,
    /// Time and number of a snapshot's build.
    pub(super) snapshot: Option<(String, String)>,
    pub(super) files: Vec<SnapshotFile>,
    pub(super) plugins: Vec<Plugin>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SnapshotFile {
    pub(super) kind: Kind,
    /// The timestamped version.
    pub(super) value: String,
}

/// A plugin of a group: `mvn PREFIX:goal` means this artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) artifact: String,
}

impl Metadata {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, XmlError> {
        let mut read = Self::default();
        xml::walk(bytes, |path, step| match (path, step) {
            (["metadata", "versioning", "snapshotVersions", "snapshotVersion"], Step::Open) => {
                read.files.push(SnapshotFile::default());
            }
            (["metadata", "versioning", "snapshot"], Step::Open) => read.snapshot = Some(<_>::default()),
            (["metadata", "plugins", "plugin"], Step::Open) => read.plugins.push(Plugin::default()),
            (_, Step::Open) => {}
            (path, Step::Close(text)) => read.close(path, text),
        })?;
        Ok(read)
    }

    fn close(&mut self, path: &[&str], text: &str) {
        let text = text.to_owned();
        match path {
            ["metadata", "versioning", "versions", "version"] if !text.is_empty() => self.versions.push(text),
            ["metadata", "versioning", "lastUpdated"] => self.last_updated = Some(text),
            ["metadata", "versioning", "snapshot", part] => {
                if let Some((time, number)) = &mut self.snapshot {
                    match *part {
                        "timestamp" => *time = text,
                        "buildNumber" => *number = text,
                        _ => {}
                    }
                }
            }
            ["metadata", "versioning", "snapshotVersions", "snapshotVersion", part] => {
                if let Some(file) = self.files.last_mut() {
                    match *part {
                        "classifier" => file.kind.classifier = text,
                        "extension" => file.kind.extension = text,
                        "value" => file.value = text,
                        _ => {}
                    }
                }
            }
            ["metadata", "plugins", "plugin", part] => {
                if let Some(plugin) = self.plugins.last_mut() {
                    match *part {
                        "name" => plugin.name = text,
                        "prefix" => plugin.prefix = text,
                        "artifactId" => plugin.artifact = text,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

const BEGIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The versions of an artifact, oldest first.
pub(super) fn of_artifact(
    group: &str,
    artifact: &str,
    versions: &[&str],
    release: Option<&str>,
    last_updated: &str,
) -> String {
    let mut xml = String::with_capacity(400 + versions.len() * 40);
    xml.push_str(BEGIN);
    xml.push_str("<metadata>\n");
    element(&mut xml, 1, "groupId", group);
    element(&mut xml, 1, "artifactId", artifact);
    xml.push_str("  <versioning>\n");
    if let Some(latest) = versions.last() {
        element(&mut xml, 2, "latest", latest);
    }
    if let Some(release) = release {
        element(&mut xml, 2, "release", release);
    }
    xml.push_str("    <versions>\n");
    for version in versions {
        element(&mut xml, 3, "version", version);
    }
    xml.push_str("    </versions>\n");
    element(&mut xml, 2, "lastUpdated", last_updated);
    xml.push_str("  </versioning>\n</metadata>\n");
    xml
}

/// The files of a snapshot's build.
pub(super) fn of_snapshot(
    group: &str,
    artifact: &str,
    version: &str,
    build: &str,
    (time, number): (&str, &str),
    kinds: &[Kind],
) -> String {
    // Maven's own form of the time: the build's, without the point.
    let updated = time.replace('.', "");
    let mut xml = String::from(BEGIN);
    xml.push_str("<metadata modelVersion=\"1.1.0\">\n");
    element(&mut xml, 1, "groupId", group);
    element(&mut xml, 1, "artifactId", artifact);
    element(&mut xml, 1, "version", version);
    xml.push_str("  <versioning>\n    <snapshot>\n");
    element(&mut xml, 3, "timestamp", time);
    element(&mut xml, 3, "buildNumber", number);
    xml.push_str("    </snapshot>\n");
    element(&mut xml, 2, "lastUpdated", &updated);
    xml.push_str("    <snapshotVersions>\n");
    for Kind { classifier, extension } in kinds {
        xml.push_str("      <snapshotVersion>\n");
        if !classifier.is_empty() {
            element(&mut xml, 4, "classifier", classifier);
        }
        element(&mut xml, 4, "extension", extension);
        element(&mut xml, 4, "value", build);
        element(&mut xml, 4, "updated", &updated);
        xml.push_str("      </snapshotVersion>\n");
    }
    xml.push_str("    </snapshotVersions>\n  </versioning>\n</metadata>\n");
    xml
}

/// The plugins of a group.
pub(super) fn of_group(plugins: &[Plugin]) -> String {
    let mut xml = String::from(BEGIN);
    xml.push_str("<metadata>\n  <plugins>\n");
    for Plugin { name, prefix, artifact } in plugins {
        xml.push_str("    <plugin>\n");
        element(&mut xml, 3, "name", name);
        element(&mut xml, 3, "prefix", prefix);
        element(&mut xml, 3, "artifactId", artifact);
        xml.push_str("    </plugin>\n");
    }
    xml.push_str("  </plugins>\n</metadata>\n");
    xml
}

fn element(xml: &mut String, depth: usize, name: &str, text: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(xml, "{:1$}<{name}>{2}</{name}>", "", depth * 2, escaped(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let xml = of_artifact("g", "a&b", &["1.0", "1.1-SNAPSHOT"], Some("1.0"), "20261122190000");
        let read = Metadata::read(xml.as_bytes()).unwrap();
        assert_eq!(read.versions, ["1.0", "1.1-SNAPSHOT"]);
        assert_eq!(read.last_updated.as_deref(), Some("20261122190000"));
        assert!(xml.contains("<latest>1.1-SNAPSHOT</latest>") && xml.contains("<release>1.0</release>"), "{xml}");
        assert!(xml.contains("<artifactId>a&amp;b</artifactId>"));

        let kind = |classifier: &str, extension: &str| Kind {
            classifier: classifier.to_owned(),
            extension: extension.to_owned(),
        };
        let kinds = [kind("", "jar"), kind("sources", "jar")];
        let build = "1-20261122.190000-7";
        let xml = of_snapshot("g", "a", "1-SNAPSHOT", build, ("20261122.190000", "7"), &kinds);
        let read = Metadata::read(xml.as_bytes()).unwrap();
        assert_eq!(read.snapshot, Some(("20261122.190000".to_owned(), "7".to_owned())));
        assert_eq!(read.files.len(), 2);
        assert!(read.files.iter().all(|file| file.value == build));
        assert_eq!(read.files[1].kind, kinds[1]);

        let plugin = Plugin { name: "N".to_owned(), prefix: "p".to_owned(), artifact: "p-maven-plugin".to_owned() };
        let read = Metadata::read(of_group(std::slice::from_ref(&plugin)).as_bytes()).unwrap();
        assert_eq!(read.plugins, [plugin]);
    }

    #[test]
    fn what_is_no_metadata_has_nothing() {
        assert_eq!(Metadata::read(b"<html/>").unwrap(), Metadata::default());
        assert!(Metadata::read(b"<metadata>").is_err());
    }
}
