//! A version of a package in one word: `FORMAT:[NAMESPACE/]NAME@VERSION`.

use std::fmt;

use codeartifact::{PackageFormat, control_plane::PackageId};

/// The service's bound on names, namespaces and versions (shapes `PackageName`, `PackageNamespace`,
/// `PackageVersion`).
const LONGEST_PART: usize = 255;

/// One version of one package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spec {
    /// The package.
    pub(crate) package: PackageId,
    /// The version.
    pub(crate) version: String,
}

/// A word that names no version of a package.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{word}` names no package version: {fault}")]
pub(crate) struct SpecError {
    /// The word.
    pub(crate) word: String,
    /// What is wrong with it, and where.
    pub(crate) fault: SpecFault,
}

/// What is wrong with a word.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SpecFault {
    /// No colon.
    #[error("no format before a `:`")]
    NoFormat,
    /// A format that is none.
    #[error("`{0}` is no package format of the service")]
    UnknownFormat(String),
    /// No at sign after the name.
    #[error("no `@VERSION` after the name")]
    NoVersion,
    /// A part with nothing in it.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// A part with a character that none may have.
    #[error("the {part} has `{found}` in it, at character {at}")]
    Character {
        /// `namespace`, `name` or `version`.
        part: &'static str,
        /// The character, escaped.
        found: String,
        /// Where in the word, from 1.
        at: usize,
    },
    /// A part longer than the service takes.
    #[error("the {0} is longer than {LONGEST_PART} characters")]
    TooLong(&'static str),
    /// A format that has namespaces and needs one.
    #[error("a package of format {0} has a namespace, as in `{0}:NAMESPACE/NAME@VERSION`")]
    NeedsNamespace(PackageFormat),
    /// A format that has none.
    #[error("a package of format {0} has no namespace")]
    HasNoNamespace(PackageFormat),
}

impl Spec {
    /// Reads a word.
    pub(crate) fn parse(word: &str) -> Result<Self, SpecError> {
        Self::read(word).map_err(|fault| SpecError { word: word.to_owned(), fault })
    }

    fn read(word: &str) -> Result<Self, SpecFault> {
        let (format, rest) = word.split_once(':').ok_or(SpecFault::NoFormat)?;
        let format: PackageFormat = format.parse().map_err(|_| SpecFault::UnknownFormat(format.to_owned()))?;
        // The last at sign: an npm scope begins with one.
        let (path, version) = match rest.rsplit_once('@') {
            Some(("", _)) | None => return Err(SpecFault::NoVersion),
            Some((path, version)) if !version.contains('/') => (path, version),
            Some(_) => return Err(SpecFault::NoVersion),
        };
        let path_at = word.len() - rest.len();
        let (namespace, name, name_at) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace), name, path_at + namespace.len() + 1),
            None => (None, path, path_at),
        };
        let version_at = word.len() - version.len();
        let namespace = match namespace {
            Some(namespace) => {
                let bare = if format == PackageFormat::Npm {
                    namespace.strip_prefix('@').unwrap_or(namespace)
                } else {
                    namespace
                };
                Some(part(word, "namespace", bare, path_at + namespace.len() - bare.len())?)
            }
            None => None,
        };
        let name = part(word, "name", name, name_at)?;
        let version = part(word, "version", version, version_at)?;
        let namespace = match (namespaces(format), namespace) {
            (Namespaces::None, Some(_)) => return Err(SpecFault::HasNoNamespace(format)),
            (Namespaces::Needed, None) => return Err(SpecFault::NeedsNamespace(format)),
            (Namespaces::None | Namespaces::Needed | Namespaces::Optional, namespace) => namespace,
        };
        let (namespace, name) = as_the_service_names_it(format, namespace, &name);
        Ok(Self { package: PackageId { format, namespace, name }, version })
    }
}

/// Which formats have namespaces (API reference, `PackageNamespace`).
enum Namespaces {
    None,
    Optional,
    Needed,
}

fn namespaces(format: PackageFormat) -> Namespaces {
    match format {
        PackageFormat::Cargo | PackageFormat::Nuget | PackageFormat::Pypi | PackageFormat::Ruby => Namespaces::None,
        PackageFormat::Npm => Namespaces::Optional,
        PackageFormat::Generic | PackageFormat::Maven | PackageFormat::Swift => Namespaces::Needed,
    }
}

/// The API knows a Python package by its normalised name only; NuGet and Swift names it lowers itself, and equal names
/// are one package here too.
fn as_the_service_names_it(format: PackageFormat, namespace: Option<String>, name: &str) -> (Option<String>, String) {
    match format {
        PackageFormat::Pypi => {
            let mut normal = String::with_capacity(name.len());
            for character in name.chars() {
                if !matches!(character, '.' | '-' | '_') {
                    normal.push(character.to_ascii_lowercase());
                } else if !normal.ends_with('-') {
                    normal.push('-');
                }
            }
            (namespace, normal)
        }
        PackageFormat::Nuget | PackageFormat::Swift => {
            (namespace.map(|namespace| namespace.to_lowercase()), name.to_lowercase())
        }
        PackageFormat::Cargo
        | PackageFormat::Generic
        | PackageFormat::Maven
        | PackageFormat::Npm
        | PackageFormat::Ruby => (namespace, name.to_owned()),
    }
}

/// A part obeys the service's rule: 1 to 255 characters without `#`, `/` and white space. A `*` would be taken for
/// a pattern by a person, and is no version.
fn part(word: &str, what: &'static str, text: &str, at: usize) -> Result<String, SpecFault> {
    if text.is_empty() {
        return Err(SpecFault::Empty(what));
    }
    let hostile = |character: char| character.is_whitespace() || character.is_control() || "#/*".contains(character);
    if let Some((offset, character)) = text.char_indices().find(|(_, character)| hostile(*character)) {
        let before = word.get(..at + offset).unwrap_or(word);
        return Err(SpecFault::Character {
            part: what,
            found: character.escape_debug().to_string(),
            at: before.chars().count() + 1,
        });
    }
    if text.chars().count() > LONGEST_PART {
        return Err(SpecFault::TooLong(what));
    }
    Ok(text.to_owned())
}

/// As it can be typed again.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PackageId { format, namespace, name } = &self.package;
        match namespace {
            Some(namespace) if *format == PackageFormat::Npm => write!(f, "npm:@{namespace}/{name}")?,
            Some(namespace) => write!(f, "{format}:{namespace}/{name}")?,
            None => write!(f, "{format}:{name}")?,
        }
        write!(f, "@{}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_a_version() {
        for (word, format, namespace, name, version, printed) in [
            ("cargo:anvil@1.2.0", "cargo", None, "anvil", "1.2.0", "cargo:anvil@1.2.0"),
            ("cargo:anvil@1.2.0-rc.1+b.5", "cargo", None, "anvil", "1.2.0-rc.1+b.5", "cargo:anvil@1.2.0-rc.1+b.5"),
            ("npm:left@1.0.0", "npm", None, "left", "1.0.0", "npm:left@1.0.0"),
            ("npm:@my-org/ui@1.0.0", "npm", Some("my-org"), "ui", "1.0.0", "npm:@my-org/ui@1.0.0"),
            ("npm:my-org/ui@1.0.0", "npm", Some("my-org"), "ui", "1.0.0", "npm:@my-org/ui@1.0.0"),
            ("maven:com.example/app@2.1-SNAPSHOT", "maven", Some("com.example"), "app", "2.1-SNAPSHOT", ""),
            ("generic:team/file@7", "generic", Some("team"), "file", "7", ""),
            ("swift:Apple/NIO@1.0.0", "swift", Some("apple"), "nio", "1.0.0", "swift:apple/nio@1.0.0"),
            ("pypi:My_Pkg..x@1.0", "pypi", None, "my-pkg-x", "1.0", "pypi:my-pkg-x@1.0"),
            ("nuget:New.Json@13.0.1", "nuget", None, "new.json", "13.0.1", "nuget:new.json@13.0.1"),
            ("ruby:rails@7.0", "ruby", None, "rails", "7.0", ""),
        ] {
            let spec = Spec::parse(word).unwrap();
            assert_eq!(spec.package.format.as_str(), format, "{word}");
            assert_eq!(spec.package.namespace.as_deref(), namespace, "{word}");
            assert_eq!((spec.package.name.as_str(), spec.version.as_str()), (name, version), "{word}");
            let printed = if printed.is_empty() { word } else { printed };
            assert_eq!(spec.to_string(), printed, "{word}");
            assert_eq!(Spec::parse(&spec.to_string()).unwrap(), spec, "what is printed can be typed");
        }
    }

    #[test]
    fn words_that_do_not() {
        let character = |part, found: &str, at| SpecFault::Character { part, found: found.into(), at };
        for (word, fault) in [
            ("", SpecFault::NoFormat),
            ("anvil@1.2.0", SpecFault::NoFormat),
            ("crate:anvil@1.2.0", SpecFault::UnknownFormat("crate".into())),
            (":anvil@1.2.0", SpecFault::UnknownFormat(String::new())),
            ("cargo:anvil", SpecFault::NoVersion),
            ("npm:@my-org/ui", SpecFault::NoVersion),
            ("cargo:@1.0.0", SpecFault::NoVersion),
            ("cargo:anvil@", SpecFault::Empty("version")),
            ("npm:@/ui@1", SpecFault::Empty("namespace")),
            ("npm:@my-org/@1", SpecFault::Empty("name")),
            ("cargo:an vil@1", character("name", " ", 9)),
            ("cargo:anvil@1#", character("version", "#", 14)),
            ("cargo:anvil@*", character("version", "*", 13)),
            ("npm:é/a\u{1b}@1", character("name", "\\u{1b}", 8)),
            ("maven:a/b/c@1", character("namespace", "/", 8)),
            ("maven:app@1", SpecFault::NeedsNamespace(PackageFormat::Maven)),
            ("generic:app@1", SpecFault::NeedsNamespace(PackageFormat::Generic)),
            ("cargo:ns/anvil@1", SpecFault::HasNoNamespace(PackageFormat::Cargo)),
            ("pypi:ns/anvil@1", SpecFault::HasNoNamespace(PackageFormat::Pypi)),
        ] {
            assert_eq!(Spec::parse(word).unwrap_err().fault, fault, "{word}");
        }
        let long = format!("cargo:{}@1", "a".repeat(256));
        assert_eq!(Spec::parse(&long).unwrap_err().fault, SpecFault::TooLong("name"));
    }
}
