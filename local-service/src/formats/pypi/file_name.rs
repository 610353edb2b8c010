//! The names of distributions: `NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl` (the binary distribution format) and
//! `NAME-VERSION.tar.gz` (PEP 625, and its looser forerunners). The name tells the version: a simple page has no other
//! place for it.

use codeartifact::PackageFormat;

use super::version;
use crate::state::api_name;

/// How sdists were packed over the years; the first two are what may be published.
const SDISTS: [&str; 6] = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z"];
/// Bytes of a name at most: the API's bound of asset names.
const LONGEST: usize = 255;

/// What kind of distribution a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wheel,
    Sdist,
}

/// Letters, digits, `.`, `_` and `-`, first and last a letter or a digit: the packaging specifications' rule.
pub(super) fn is_project(name: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= LONGEST
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The normal form of a project's name.
pub(super) fn normal(name: &str) -> String {
    api_name(PackageFormat::Pypi, name)
}

/// The kind and the version (in its normal form) of a file, if its name is one of a distribution of the project.
pub(super) fn read(file: &str, project: &str) -> Option<(Kind, String)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'!');
    if file.len() > LONGEST || file.starts_with(['.', '-']) || !file.bytes().all(plain) {
        return None;
    }
    if let Some(stem) = file.strip_suffix(".whl") {
        return Some((Kind::Wheel, wheel(stem, project)?));
    }
    let stem = SDISTS.iter().find_map(|suffix| file.strip_suffix(suffix))?;
    Some((Kind::Sdist, sdist(stem, project)?))
}

/// May a file of this name be published, and not only be mirrored?
pub(super) fn is_publishable(file: &str) -> bool {
    [".whl", SDISTS[0], SDISTS[1]].iter().any(|suffix| file.ends_with(suffix))
}

fn wheel(stem: &str, project: &str) -> Option<String> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version) = match *parts {
        [name, version, _, _, _] => (name, version),
        [name, version, build, _, _, _] if build.starts_with(|first: char| first.is_ascii_digit()) => (name, version),
        _ => return None,
    };
    if parts.iter().any(|part| part.is_empty()) || normal(name) != project {
        return None;
    }
    version::normal(version)
}

/// Old sdists have dashes in the name and in the version: the project's name says where the one ends.
fn sdist(stem: &str, project: &str) -> Option<String> {
    stem.match_indices('-').find_map(|(at, _)| {
        let (name, version) = (&stem[..at], &stem[at + 1..]);
        if normal(name) == project { version::normal(version) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_project() {
        for (file, project, kind, version) in [
            ("demo_pkg-1.0.0-py3-none-any.whl", "demo-pkg", Kind::Wheel, "1.0.0"),
            (
                "Demo.Pkg-1.0.0-1build-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                "demo-pkg",
                Kind::Wheel,
                "1.0.0",
            ),
            ("a-1.0+ubuntu.1-py2.py3-none-any.whl", "a", Kind::Wheel, "1.0+ubuntu.1"),
            ("demo_pkg-1.0.0.tar.gz", "demo-pkg", Kind::Sdist, "1.0.0"),
            ("demo-pkg-1.0-rc1.zip", "demo-pkg", Kind::Sdist, "1.0rc1"),
            ("foo-2-1.0.tar.gz", "foo-2", Kind::Sdist, "1.0"),
            ("foo-1.0-1.tar.bz2", "foo", Kind::Sdist, "1.0.post1"),
        ] {
            assert_eq!(read(file, project), Some((kind, version.to_owned())), "{file}");
        }
    }

    #[test]
    fn what_is_no_file_of_the_project() {
        for (file, project) in [
            ("other-1.0-py3-none-any.whl", "demo"),
            ("demo-1.0-none-any.whl", "demo"),
            ("demo-1.0-x1-py3-none-any.whl", "demo"),
            ("demo-1.0--none-any.whl", "demo"),
            ("demo-x-py3-none-any.whl", "demo"),
            ("demo-1.0.tar.gz", "demo-pkg"),
            ("demo-pkg-1.0.tar.gz", "demo"),
            ("demo.tar.gz", "demo"),
            ("demo-1.0.exe", "demo"),
            ("demo-1.0.egg", "demo"),
            ("../demo-1.0.tar.gz", "demo"),
            ("a/demo-1.0.tar.gz", "demo"),
            (".demo-1.0.tar.gz", "demo"),
            ("demo-1.0 .tar.gz", "demo"),
            ("demo-1.0\n.tar.gz", "demo"),
            ("", "demo"),
        ] {
            assert_eq!(read(file, project), None, "{file}");
        }
        assert_eq!(read(&format!("demo-{}.tar.gz", "1".repeat(300)), "demo"), None);
    }

    #[test]
    fn projects() {
        for good in ["a", "A.b_c-1", "zope.interface"] {
            assert!(is_project(good), "{good}");
        }
        for bad in ["", "-a", "a-", ".a", "a/b", "a b", "é", &"a".repeat(256)] {
            assert!(!is_project(bad), "{bad}");
        }
    }
}
