//! Names of npm packages: `name` and `@scope/name`, in the three forms that clients send.

use std::fmt;

use codeartifact::PackageFormat;

use crate::state::PackageKey;

/// Characters of a name, its scope included: npm's rule.
const LENGTH: usize = 214;

/// A package's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Without its `@`.
    scope: Option<String>,
    base: String,
}

impl Name {
    /// A name as a manifest has it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH {
            return None;
        }
        let (scope, base) = match text.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').map(|(scope, base)| (Some(scope), base))?,
            None => (None, text),
        };
        let holds = is_part(base) && scope.is_none_or(is_part);
        holds.then(|| Self { scope: scope.map(ToOwned::to_owned), base: base.to_owned() })
    }

    /// The name that a path begins with, and the rest of the path: clients send `@scope%2fname` as one segment, and
    /// people write `@scope/name` as two.
    pub(super) fn of_path<'p, 'a>(path: &'p [&'a str]) -> Option<(Self, &'p [&'a str])> {
        match path {
            [scope, base, rest @ ..] if scope.starts_with('@') && !scope.contains('/') => {
                Some((Self::parse(&format!("{scope}/{base}"))?, rest))
            }
            [name, rest @ ..] => Some((Self::parse(name)?, rest)),
            [] => None,
        }
    }

    pub(super) fn key(&self) -> PackageKey {
        PackageKey::new(PackageFormat::Npm, self.scope.as_deref().unwrap_or_default(), &self.base)
    }

    /// The name without its scope, as the API has it.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The whole name, where the API's is only a part of it.
    pub(super) fn display_name(&self) -> Option<String> {
        self.scope.as_ref().map(|_| self.to_string())
    }

    /// As npm asks a registry for it.
    pub(super) fn escaped(&self) -> String {
        self.to_string().replace('/', "%2f")
    }

    /// Where a version's tarball is, below the repository.
    pub(super) fn tarball(&self, version: &str) -> String {
        format!("{self}/-/{}-{version}.tgz", self.base)
    }

    /// The version whose tarball has this name.
    pub(super) fn version_of<'a>(&self, file: &'a str) -> Option<&'a str> {
        let version = file.strip_prefix(&self.base)?.strip_prefix('-')?.strip_suffix(".tgz")?;
        Some(version).filter(|version| is_version(version))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "@{scope}/{}", self.base),
            None => f.write_str(&self.base),
        }
    }
}

/// What needs no escape in a URL, and does not begin like what is not a package. Old packages have uppercase letters.
fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(plain)
}

/// A version in a path; what a version really is, only publishing asks.
pub(super) fn is_version(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._~".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(plain)
}

/// A word for a version: not a version itself, nor what would need escapes.
pub(super) fn is_tag(text: &str) -> bool {
    (1..=LENGTH).contains(&text.len()) && is_part(text) && semver::VersionReq::parse(text).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_three_spellings_in_a_path() {
        for path in [&["@acme/left"][..], &["@acme", "left"]] {
            let (name, rest) = Name::of_path(path).unwrap();
            assert_eq!((name.to_string().as_str(), rest.len()), ("@acme/left", 0));
            assert_eq!((name.base(), name.key().namespace.as_str()), ("left", "acme"));
            assert_eq!(name.escaped(), "@acme%2fleft");
            assert_eq!(name.tarball("1.0.0"), "@acme/left/-/left-1.0.0.tgz");
        }
        let path = ["left", "-", "left-1.0.0.tgz"];
        let (name, rest) = Name::of_path(&path).unwrap();
        assert_eq!((name.to_string().as_str(), rest), ("left", &["-", "left-1.0.0.tgz"][..]));
        assert_eq!(name.version_of("left-1.0.0-rc.1+a.tgz"), Some("1.0.0-rc.1+a"));
    }

    #[test]
    fn what_is_no_name() {
        let long = "a".repeat(215);
        for bad in [
            "", "@", "@a", "@/a", "@a/", "a/b", "@a/b/c", ".a", "@.a/b", "@a/.b", "a b", "a%2fb", "a\\b", "é", "a:b",
            "@a@b/c", "a#b", &long,
        ] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
        for good in ["a", "-", "A.b_c", "@a/b", "_a"] {
            assert_eq!(Name::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_file_names_a_version_of_its_package_only() {
        let name = Name::parse("@acme/left").unwrap();
        for bad in ["left.tgz", "left-.tgz", "right-1.0.0.tgz", "left-1.0.0.zip", "left-../../x.tgz", "left-1 0.tgz"] {
            assert_eq!(name.version_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_tag_is_no_version() {
        for bad in ["", "1", "1.0.0", "^1.0", "*", "a b", "a/b", ".a"] {
            assert!(!is_tag(bad), "{bad}");
        }
        for good in ["latest", "next", "beta-1", "release-2.x"] {
            assert!(is_tag(good), "{good}");
        }
    }
}
