//! The repository layout: `GROUP/AS/PATH/ARTIFACT/VERSION/FILE`, and what a path means.

use std::fmt;

use codeartifact::PackageFormat;

use crate::state::PackageKey;

/// Characters of a group, an artifact, a version, a file name: the API's bound.
const NAME: usize = 255;
const SNAPSHOT: &str = "-SNAPSHOT";
const METADATA: &str = "maven-metadata.xml";

/// A version by its coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coordinate {
    pub(super) group: String,
    pub(super) artifact: String,
    /// As the folder has it.
    pub(super) version: String,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    File(File),
    /// `maven-metadata.xml` of a snapshot version.
    Snapshot(Coordinate),
    /// `maven-metadata.xml` of an artifact: its versions. Of a group: its plugins. The folders do not tell which.
    Index(Vec<String>),
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) coordinate: Coordinate,
    pub(super) name: String,
    /// The timestamped version of a snapshot's file.
    pub(super) build: Option<String>,
}

/// A checksum that is asked for beside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// How its files end.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Md5 => ".md5",
            Self::Sha1 => ".sha1",
            Self::Sha256 => ".sha256",
            Self::Sha512 => ".sha512",
        }
    }
}

impl Coordinate {
    pub(super) fn key(&self) -> PackageKey {
        PackageKey::new(PackageFormat::Maven, &self.group, &self.artifact)
    }

    pub(super) fn is_snapshot(&self) -> bool {
        is_snapshot(&self.version)
    }

    /// The path of a file of it, below a repository; written as a URL has it.
    pub(super) fn link(&self, file: &str) -> String {
        let group = self.group.split('.').map(encoded).collect::<Vec<_>>().join("/");
        format!("{group}/{}/{}/{}", encoded(&self.artifact), encoded(&self.version), encoded(file))
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

impl File {
    /// The name of the version that has the file: a snapshot's build, or the version itself.
    pub(super) fn version(&self) -> &str {
        self.build.as_deref().unwrap_or(&self.coordinate.version)
    }

    /// The POM's name.
    pub(super) fn pom(&self) -> String {
        format!("{}-{}.pom", self.coordinate.artifact, self.version())
    }

    pub(super) fn link(&self) -> String {
        self.coordinate.link(&self.name)
    }
}

pub(super) fn is_snapshot(version: &str) -> bool {
    version.len() > SNAPSHOT.len() && version.ends_with(SNAPSHOT)
}

/// The path of a `maven-metadata.xml`, below a repository.
pub(super) fn index_link(folders: &[String]) -> String {
    let folders = folders.iter().map(|folder| encoded(folder)).collect::<Vec<_>>().join("/");
    format!("{folders}/{METADATA}")
}

/// A part of a path as a URL has it.
fn encoded(part: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(part, KEPT).to_string()
}

/// What a path below the repository means; `None`: nothing. The parts are decoded already.
pub(super) fn read(path: &[&str]) -> Option<(Place, Option<Algorithm>)> {
    let (last, folders) = path.split_last()?;
    let found = Algorithm::ALL.iter().find_map(|algorithm| Some((last.strip_suffix(algorithm.suffix())?, *algorithm)));
    let (name, checksum) = found.map_or((*last, None), |(name, algorithm)| (name, Some(algorithm)));
    if name.is_empty() || name.len() > NAME || name.contains('/') || !folders.iter().all(|folder| is_name(folder)) {
        return None;
    }
    if name == METADATA {
        return Some((metadata(folders)?, checksum));
    }
    let coordinate = coordinate(folders)?;
    let build = if coordinate.is_snapshot() { build(&coordinate, name) } else { None };
    Some((Place::File(File { coordinate, name: name.to_owned(), build }), checksum))
}

fn metadata(folders: &[&str]) -> Option<Place> {
    if folders.last().is_some_and(|last| is_snapshot(last))
        && let Some(coordinate) = coordinate(folders)
    {
        return Some(Place::Snapshot(coordinate));
    }
    // A folder of a group has no dots, which would be another folder.
    let (_, group) = folders.split_last()?;
    let group_holds = group.iter().all(|folder| !folder.contains('.')) && joined(group).len() <= NAME;
    group_holds.then(|| Place::Index(folders.iter().map(|folder| (*folder).to_owned()).collect()))
}

fn coordinate(folders: &[&str]) -> Option<Coordinate> {
    let [group @ .., artifact, version] = folders else { return None };
    let joined = joined(group);
    if group.is_empty() || joined.len() > NAME || group.iter().any(|folder| folder.contains('.')) {
        return None;
    }
    Some(Coordinate { group: joined, artifact: (*artifact).to_owned(), version: (*version).to_owned() })
}

pub(super) fn joined(group: &[impl AsRef<str>]) -> String {
    group.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(".")
}

/// The API's rule for names.
fn is_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len()) && !name.contains(|c: char| c == '/' || c == '#' || c.is_whitespace())
}

/// The build that a snapshot's file is of: `BASE-YYYYMMDD.HHMMSS-NUMBER` in its name.
fn build(coordinate: &Coordinate, file: &str) -> Option<String> {
    let base = coordinate.version.strip_suffix("SNAPSHOT")?;
    file.match_indices(base).find_map(|(at, _)| {
        let stamp = timestamp(&file[at + base.len()..])?;
        Some(format!("{base}{stamp}"))
    })
}

/// The `YYYYMMDD.HHMMSS-NUMBER` that a text begins with.
fn timestamp(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    if !(digits(0, 8) && bytes.get(8) == Some(&b'.') && digits(9, 15) && bytes.get(15) == Some(&b'-')) {
        return None;
    }
    let number = bytes[16..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = matches!(bytes.get(16 + number), None | Some(b'.' | b'-'));
    ((1..=10).contains(&number) && ends).then(|| &text[..16 + number])
}

/// Time and number of a build, by the snapshot it is of.
pub(super) fn stamp<'a>(snapshot: &str, build: &'a str) -> Option<(&'a str, &'a str)> {
    let stamp = build.strip_prefix(snapshot.strip_suffix("SNAPSHOT")?)?;
    (timestamp(stamp)? == stamp).then_some(())?;
    stamp.split_once('-')
}

/// What is behind `ARTIFACT-VERSION` in a file's name: classifier and extension.
pub(super) fn kind<'a>(artifact: &str, version: &str, file: &'a str) -> Option<(Option<&'a str>, &'a str)> {
    let rest = file.strip_prefix(artifact)?.strip_prefix('-')?.strip_prefix(version)?;
    if let Some(extension) = rest.strip_prefix('.') {
        return (!extension.is_empty()).then_some((None, extension));
    }
    let (classifier, extension) = rest.strip_prefix('-')?.split_once('.')?;
    (!classifier.is_empty() && !extension.is_empty()).then_some((Some(classifier), extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<(Place, Option<Algorithm>)> {
        read(&path.split('/').collect::<Vec<_>>())
    }

    fn file(path: &str) -> (String, String, Option<Algorithm>) {
        match of(path) {
            Some((Place::File(file), checksum)) => {
                (file.coordinate.to_string(), format!("{} {}", file.version(), file.name), checksum)
            }
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn files() {
        let named = |coordinate: &str, file: &str, checksum| (coordinate.to_owned(), file.to_owned(), checksum);
        assert_eq!(file("com/acme/lib/1.0+b/lib-1.0+b.jar"), named("com.acme:lib:1.0+b", "1.0+b lib-1.0+b.jar", None));
        assert_eq!(
            file("acme/lib/1.0/lib-1.0.pom.sha1"),
            named("acme:lib:1.0", "1.0 lib-1.0.pom", Some(Algorithm::Sha1))
        );
        assert_eq!(
            file("acme/lib/1.0/lib-1.0.jar.asc.sha512"),
            named("acme:lib:1.0", "1.0 lib-1.0.jar.asc", Some(Algorithm::Sha512))
        );
        assert_eq!(
            file("acme/lib/1.0-SNAPSHOT/lib-1.0-20261122.190000-12-sources.jar"),
            named("acme:lib:1.0-SNAPSHOT", "1.0-20261122.190000-12 lib-1.0-20261122.190000-12-sources.jar", None)
        );
        let plain = "lib-1.0-SNAPSHOT.jar";
        let expected = named("acme:lib:1.0-SNAPSHOT", &format!("1.0-SNAPSHOT {plain}"), None);
        assert_eq!(file(&format!("acme/lib/1.0-SNAPSHOT/{plain}")), expected);
    }

    #[test]
    fn metadata() {
        let folders = |path: &str| path.split('/').map(str::to_owned).collect();
        assert_eq!(of("com/acme/lib/maven-metadata.xml"), Some((Place::Index(folders("com/acme/lib")), None)));
        assert_eq!(of("acme/maven-metadata.xml.md5"), Some((Place::Index(folders("acme")), Some(Algorithm::Md5))));
        assert_eq!(of("acme/lib.x/maven-metadata.xml"), Some((Place::Index(folders("acme/lib.x")), None)));
        let (place, _) = of("com/acme/lib/1.0-SNAPSHOT/maven-metadata.xml").unwrap();
        assert!(matches!(place, Place::Snapshot(coordinate) if coordinate.to_string() == "com.acme:lib:1.0-SNAPSHOT"));
    }

    #[test]
    fn what_means_nothing() {
        let long = "x".repeat(256);
        for bad in [
            "",
            "a",
            "maven-metadata.xml",
            "a/b",
            "a/b/c",
            "lib/1.0/lib-1.0.jar",
            "com/acme/lib/1.0/",
            "com//lib/1.0/lib-1.0.jar",
            "com.acme/lib/1.0/lib-1.0.jar",
            "a.b/c/maven-metadata.xml",
            "a/b c/1/x.jar",
            "a/b#c/1/x.jar",
            "a/b/1/.sha1",
            &format!("a/{long}/1/x.jar"),
            &format!("a/b/1/{long}"),
            &format!("{}a/b/1/x.jar", "abcdefgh/".repeat(29)),
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(read(&["a", "b/c", "1", "x.jar"]), None);
        assert_eq!(read(&["a", "b", "1", "../x.jar"]), None);
    }

    #[test]
    fn builds_and_kinds() {
        assert_eq!(stamp("1.0-SNAPSHOT", "1.0-20261122.190000-3"), Some(("20261122.190000", "3")));
        for none in ["1.0-2026112.190000-3", "1.0-20261122.190000-", "2.0-20261122.190000-3", "1.0-20261122.190000-3x"]
        {
            assert_eq!(stamp("1.0-SNAPSHOT", none), None, "{none}");
        }
        assert_eq!(kind("lib", "1.0", "lib-1.0.tar.gz"), Some((None, "tar.gz")));
        assert_eq!(kind("lib", "1.0", "lib-1.0-bin.tar.gz"), Some((Some("bin"), "tar.gz")));
        for none in ["lib-1.0", "lib-1.0.", "lib-1.0-.jar", "lib-1.0-x", "lib-1.01.jar", "other-1.0.jar"] {
            assert_eq!(kind("lib", "1.0", none), None, "{none}");
        }
    }

    #[test]
    fn links_are_urls() {
        let (Place::File(file), _) = of("com/acme/lib/1.0+b/lib-1.0+b é.jar").unwrap() else { panic!() };
        assert_eq!(file.link(), "com/acme/lib/1.0%2Bb/lib-1.0%2Bb%20%C3%A9.jar");
        assert_eq!(file.pom(), "lib-1.0+b.pom");
    }
}
