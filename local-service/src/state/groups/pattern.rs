//! Patterns of package groups: their grammar, which of them match a package, and which contain which.
//!
//! The service documents six forms, from the widest to the narrowest: `/*`, `/FORMAT/*`, `/FORMAT/NAMESPACE-PREFIX~`,
//! `/FORMAT/NAMESPACE/*`, `/FORMAT/NAMESPACE/NAME-PREFIX~` and `/FORMAT/NAMESPACE/NAME$`. Packages without a
//! namespace have an empty one there. A prefix ends with a word and matches only where a word ends: `foo~` is for
//! `foo` and `foo-bar` and not for `food`.
//!
//! Nothing here ever compares a package with every pattern: the patterns that match a package are few, follow from its
//! name alone, and are looked up.

use std::fmt;

use codeartifact::PackageFormat;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

use crate::state::coordinate::{NamespaceRule, api_name, namespace_rule};

/// The pattern of the group that every domain has.
pub(crate) const ROOT: &str = "/*";
/// Longest part of a package's coordinates, in bytes, as everywhere in the API.
const PART: usize = 255;

/// A valid pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    scope: Scope,
}

/// What a pattern selects.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    All,
    Format,
    NamespacePrefix { format: PackageFormat, prefix: String },
    Namespace { format: PackageFormat, namespace: String },
    NamePrefix { format: PackageFormat, namespace: String, prefix: String },
    Name { format: PackageFormat, namespace: String, name: String },
}

/// How narrow a pattern is: the form, then - for prefixes - the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u8, usize);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error(
        "is none of `/*`, `/FORMAT/*`, `/FORMAT/NAMESPACE-PREFIX~`, `/FORMAT/NAMESPACE/*`, \
         `/FORMAT/NAMESPACE/NAME-PREFIX~` and `/FORMAT/NAMESPACE/NAME$`"
    )]
    Form,
    #[error("begins with a format that is none of {}", formats())]
    Format,
    #[error("has `~` after what is neither a letter nor a digit: a prefix ends with a word")]
    Prefix,
    #[error("has a namespace or name that is longer than {PART} or has `#` or `*` in it")]
    Part,
    #[error("has a namespace, and {format} packages have none: leave it empty, as in `/{format}//NAME$`")]
    Namespace { format: PackageFormat },
    #[error("has no namespace, and every {format} package has one")]
    NoNamespace { format: PackageFormat },
    #[error("does not have the normalised names that {format} packages are stored under: write `{normalised}`")]
    Spelling { format: PackageFormat, normalised: String },
}

fn formats() -> String {
    PackageFormat::ALL.map(PackageFormat::as_str).join(", ")
}

impl Pattern {
    /// `/*`.
    pub(crate) fn root() -> Self {
        Self { text: ROOT.to_owned(), scope: Scope::All }
    }

    /// Reads a pattern. Its length and characters were looked at already, as the API model has them.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = text.strip_prefix('/').ok_or(PatternError::Form)?.split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        let format = |text: &str| text.parse::<PackageFormat>().map_err(|_| PatternError::Format);
        let scope = match parts {
            [Some("*"), None, ..] => Scope::All,
            [Some(first), Some("*"), None, _] => {
                format(first)?;
                Scope::Format
            }
            [Some(first), Some(namespace), None, _] => {
                let prefix = namespace.strip_suffix('~').ok_or(PatternError::Form)?;
                Scope::NamespacePrefix { format: format(first)?, prefix: prefix.to_owned() }
            }
            [Some(first), Some(namespace), Some("*"), None] => {
                Scope::Namespace { format: format(first)?, namespace: namespace.to_owned() }
            }
            [Some(first), Some(namespace), Some(last), None] => {
                let (format, namespace) = (format(first)?, namespace.to_owned());
                if let Some(prefix) = last.strip_suffix('~') {
                    Scope::NamePrefix { format, namespace, prefix: prefix.to_owned() }
                } else {
                    let name = last.strip_suffix('$').ok_or(PatternError::Form)?.to_owned();
                    Scope::Name { format, namespace, name }
                }
            }
            _ => return Err(PatternError::Form),
        };
        let pattern = Self { text: text.to_owned(), scope };
        pattern.check()?;
        Ok(pattern)
    }

    fn check(&self) -> Result<(), PatternError> {
        let Some((format, namespace, name)) = self.coordinates() else { return Ok(()) };
        let wrong = |part: &str| part.len() > PART || part.contains(['#', '*']);
        if wrong(namespace) || name.is_some_and(wrong) {
            return Err(PatternError::Part);
        }
        let prefix = match &self.scope {
            Scope::NamespacePrefix { prefix, .. } | Scope::NamePrefix { prefix, .. } => Some(prefix.as_str()),
            Scope::Name { name, .. } if name.is_empty() => return Err(PatternError::Form),
            _ => None,
        };
        if prefix.is_some_and(|prefix| word_ends(prefix).next() != Some(prefix.len())) {
            return Err(PatternError::Prefix);
        }
        match namespace_rule(format) {
            NamespaceRule::Required if namespace.is_empty() => return Err(PatternError::NoNamespace { format }),
            NamespaceRule::None if !namespace.is_empty() => return Err(PatternError::Namespace { format }),
            _ => {}
        }
        let normalised = self.spelled(
            &if format == PackageFormat::Swift { namespace.to_lowercase() } else { namespace.to_owned() },
            name.map(|name| api_name(format, name)),
        );
        if normalised == self.text { Ok(()) } else { Err(PatternError::Spelling { format, normalised }) }
    }

    /// Format, namespace or its prefix, and name or its prefix.
    fn coordinates(&self) -> Option<(PackageFormat, &str, Option<&str>)> {
        match &self.scope {
            Scope::All | Scope::Format => None,
            Scope::NamespacePrefix { format, prefix } => Some((*format, prefix, None)),
            Scope::Namespace { format, namespace } => Some((*format, namespace, None)),
            Scope::NamePrefix { format, namespace, prefix } => Some((*format, namespace, Some(prefix))),
            Scope::Name { format, namespace, name } => Some((*format, namespace, Some(name))),
        }
    }

    /// The text of a pattern of this form for other names.
    fn spelled(&self, namespace: &str, name: Option<String>) -> String {
        match (&self.scope, name) {
            (Scope::NamespacePrefix { format, .. }, _) => format!("/{format}/{namespace}~"),
            (Scope::Namespace { format, .. }, _) => format!("/{format}/{namespace}/*"),
            (Scope::NamePrefix { format, .. }, Some(name)) => format!("/{format}/{namespace}/{name}~"),
            (Scope::Name { format, .. }, Some(name)) => format!("/{format}/{namespace}/{name}$"),
            _ => self.text.clone(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The text under which patterns that look like this one are found.
    pub(super) fn folded(&self) -> String {
        match self.coordinates() {
            Some((_, namespace, name)) => self.spelled(&folded(namespace), name.map(folded)),
            None => self.text.clone(),
        }
    }

    /// Of two patterns that match a package, the one with the higher rank is more specific. Prefixes are as long as
    /// what they are folded to, so that look-alikes of each other have one rank.
    pub(super) fn rank(&self) -> Rank {
        match &self.scope {
            Scope::All => Rank(0, 0),
            Scope::Format => Rank(1, 0),
            Scope::NamespacePrefix { prefix, .. } => Rank(2, folded(prefix).len()),
            Scope::Namespace { .. } => Rank(3, 0),
            Scope::NamePrefix { prefix, .. } => Rank(4, folded(prefix).len()),
            Scope::Name { .. } => Rank(5, 0),
        }
    }

    /// The patterns that could contain this one, the nearest first.
    pub(super) fn wider(&self) -> impl Iterator<Item = String> + '_ {
        let all: Box<dyn Iterator<Item = String>> = match &self.scope {
            Scope::All | Scope::Format => Box::new([self.text.clone(), ROOT.to_owned()].into_iter()),
            Scope::NamespacePrefix { format, prefix: namespace } | Scope::Namespace { format, namespace } => {
                Box::new(of_namespace(*format, namespace))
            }
            Scope::NamePrefix { format, namespace, prefix: name } | Scope::Name { format, namespace, name } => {
                Box::new(of_package(*format, namespace, name))
            }
        };
        // From the one after itself; nothing is wider than the root.
        all.skip_while(|text| *text != self.text).skip(1).filter(|text| *text != self.text)
    }

    /// The same with names that a format's clients do not tell apart written as one.
    pub(super) fn map_name(&self, map: impl Fn(&str) -> String) -> String {
        match self.coordinates() {
            Some((_, namespace, name)) => self.spelled(namespace, name.map(map)),
            None => self.text.clone(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The texts of all patterns that match a package, the most specific first.
pub(super) fn of_package<'a>(
    format: PackageFormat,
    namespace: &'a str,
    name: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let prefixes = word_ends(name).map(move |end| format!("/{format}/{namespace}/{}~", &name[..end]));
    std::iter::once_with(move || format!("/{format}/{namespace}/{name}$"))
        .chain(prefixes)
        .chain(of_namespace(format, namespace))
}

fn of_namespace(format: PackageFormat, namespace: &str) -> impl Iterator<Item = String> + '_ {
    let prefixes = word_ends(namespace).map(move |end| format!("/{format}/{}~", &namespace[..end]));
    std::iter::once_with(move || format!("/{format}/{namespace}/*"))
        .chain(prefixes)
        .chain([format!("/{format}/*"), ROOT.to_owned()])
}

/// Where words end, the last one first. A word is a letter or digit and what follows of letters, digits and marks.
fn word_ends(text: &str) -> impl Iterator<Item = usize> + use<> {
    let mut ends = Vec::new();
    let mut inside = false;
    for (at, character) in text.char_indices() {
        let continues = match character.general_category_group() {
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number => true,
            GeneralCategoryGroup::Mark => inside,
            _ => false,
        };
        if inside && !continues {
            ends.push(at);
        }
        inside = continues;
    }
    if inside {
        ends.push(text.len());
    }
    ends.into_iter().rev()
}

/// What names that look alike have in common: letters without case, every run of `-`, `.` and `_` one dot, and
/// characters that look like others replaced by them (Unicode's confusables).
///
/// The service documents the three steps and not their order. Here case is folded again after look-alikes, because
/// some of them are capitals; a slash that comes out of a look-alike is kept apart from the slashes of patterns.
pub(super) fn folded(text: &str) -> String {
    let caseless =
        |text: &str| -> String { text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect() };
    let skeleton: String = unicode_security::skeleton(&caseless(text)).collect();
    let mut folded = String::with_capacity(skeleton.len());
    for character in caseless(&skeleton).chars() {
        match character {
            '-' | '.' | '_' => {
                if !folded.ends_with('.') {
                    folded.push('.');
                }
            }
            '/' => folded.push('\0'),
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_forms_and_no_others() {
        for good in [
            "/*",
            "/npm/*",
            "/npm//*",
            "/npm/acme~",
            "/npm/acme/*",
            "/npm/acme/ui~",
            "/npm/acme/ui$",
            "/npm//ui$",
            "/npm//ui~",
            "/maven/com.acme~",
            "/maven/com.acme/*",
            "/maven/com.acme/core$",
            "/pypi//my-pkg$",
            "/pypi//*",
            "/generic/ns/a~b$",
            "/generic/ns/a$$",
            "/cargo//Foo_bar$",
            "/swift/acme/lib~",
            "/nuget//newtonsoft.json$",
            "/ruby//été~",
            "/npm//7~",
        ] {
            assert_eq!(Pattern::parse(good).map(|pattern| pattern.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "/",
            "*",
            "npm/*",
            "//*",
            "/npm",
            "/npm/",
            "/npm//",
            "/npm/acme",
            "/npm/acme$",
            "/npm/acme/",
            "/npm/acme/ui",
            "/npm/acme/ui*",
            "/npm/acme*",
            "/npm/*/*",
            "/npm/*/ui$",
            "/npm/acme~/ui$x",
            "/npm/~",
            "/npm//~",
            "/npm//$",
            "/npm//ui-~",
            "/npm/acme./*/",
            "/npm/acme/ui/x$",
            "/npm/a/b/c/d/*",
            "/python//requests$",
            "/NPM/*",
            "/npm/a#b/*",
            "/*/",
            "/npm//ui.~",
            "/npm//\u{301}~",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&format!("/npm//{}$", "a".repeat(256))).is_err());
    }

    #[test]
    fn namespaces_and_names_are_those_that_the_format_has() {
        use PackageFormat::{Maven, Pypi, Swift};
        for (text, error) in [
            ("/pypi/acme~", PatternError::Namespace { format: Pypi }),
            ("/pypi/acme/requests$", PatternError::Namespace { format: Pypi }),
            ("/maven//core$", PatternError::NoNamespace { format: Maven }),
            ("/maven//*", PatternError::NoNamespace { format: Maven }),
            ("/pypi//My_Pkg$", PatternError::Spelling { format: Pypi, normalised: "/pypi//my-pkg$".to_owned() }),
            ("/swift/Acme/Lib~", PatternError::Spelling { format: Swift, normalised: "/swift/acme/lib~".to_owned() }),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn prefixes_end_where_words_end() {
        let ends = |text: &str| word_ends(text).collect::<Vec<_>>();
        assert_eq!(ends("foo-bar"), [7, 3]);
        assert_eq!(ends("foo"), [3]);
        assert_eq!(ends("foo--"), [3]);
        assert_eq!(ends("-"), [0_usize; 0]);
        assert_eq!(ends("e\u{301}a.b"), [6, 4], "a mark belongs to the letter before it");
        assert_eq!(ends("\u{301}a"), [3], "and begins no word");
        assert_eq!(ends("a1b2"), [4]);
        let matching: Vec<_> = of_package(PackageFormat::Npm, "acme.x", "ui-kit").collect();
        assert_eq!(
            matching,
            [
                "/npm/acme.x/ui-kit$",
                "/npm/acme.x/ui-kit~",
                "/npm/acme.x/ui~",
                "/npm/acme.x/*",
                "/npm/acme.x~",
                "/npm/acme~",
                "/npm/*",
                "/*"
            ]
        );
    }

    #[test]
    fn wider_patterns_are_those_of_the_same_place() {
        let wider = |text: &str| Pattern::parse(text).unwrap().wider().collect::<Vec<_>>();
        assert_eq!(wider("/*"), [""; 0]);
        assert_eq!(wider("/npm/*"), ["/*"]);
        assert_eq!(wider("/npm/acme.x~"), ["/npm/acme~", "/npm/*", "/*"]);
        assert_eq!(wider("/npm/acme/*"), ["/npm/acme~", "/npm/*", "/*"]);
        assert_eq!(wider("/npm//ui-kit~"), ["/npm//ui~", "/npm//*", "/npm/*", "/*"]);
        assert_eq!(wider("/npm//ui$"), ["/npm//ui~", "/npm//*", "/npm/*", "/*"]);
    }

    #[test]
    fn look_alikes_are_folded_together() {
        for (a, b) in [
            ("Foo", "foo"),
            ("foo-bar", "foo._-BAR"),
            ("paypal", "pаypаl"), // two Cyrillic letters
            ("l0dash", "1odash"),
            ("straße", "STRASSE"),
            ("a\u{2010}b", "a-b"),
            ("re\u{200b}act", "react"),
        ] {
            assert_eq!(folded(a), folded(b), "{a} {b}");
        }
        for (a, b) in [("foo", "food"), ("foo-bar", "foobar"), ("react", "preact")] {
            assert_ne!(folded(a), folded(b));
        }
        assert!(!folded("a\u{2044}b").contains('/'), "no part can pass for two");
    }
}
