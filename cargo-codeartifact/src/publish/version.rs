//! The version to publish under: the manifests', the one given, or one made of the git history.
//!
//! From git: at a commit tagged `vX.Y.Z` or `X.Y.Z` it is that version. After it, it is a pre-release of the next
//! patch, `X.Y.(Z+1)-dev.N.gHASH`, with N the commits since: above the release it follows, below the next one, and
//! growing with each commit. After a tagged pre-release `X.Y.Z-rc.1` it is `X.Y.Z-rc.1.dev.N.gHASH`: more fields
//! order higher, and `rc.2` is still above. Without any version tag it is `0.0.0-dev.N.gHASH`, below every release.
//! Never build metadata: a registry does not tell versions apart by it.

use codeartifact::Host;
use semver::{BuildMetadata, Prerelease, Version};
use std::path::{Path, PathBuf};

use super::VersionChoice;
use super::error::PublishError;
use super::git::GitTree;

/// A version for everything that is published, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) version: Version,
    /// In words: `given`, `tag v1.2.0`, ...
    pub(super) origin: String,
}

/// A version and the tag that names it.
type Tagged = (Version, String);

/// Digits of the commit in a version: as many as tell commits of large repositories apart.
const HASH_DIGITS: usize = 10;

/// The version for all published members of the workspace in `folder`; `None` where the manifests say. `scope` is what
/// of the folder makes a difference: where that is changed, the version is not the commit's.
pub(super) fn choose(
    choice: &VersionChoice,
    folder: &Path,
    scope: &[PathBuf],
    host: &Host,
) -> Result<Option<Chosen>, PublishError> {
    match choice {
        VersionChoice::Manifest => Ok(None),
        VersionChoice::Given(text) => given(text).map(Some),
        VersionChoice::Git => from_git(folder, scope, host).map(Some),
    }
}

fn given(text: &str) -> Result<Chosen, PublishError> {
    let parsed = Version::parse(text.trim());
    let version = parsed.map_err(|source| PublishError::InvalidVersion { text: text.to_owned(), source })?;
    let dropped = version.build.clone();
    let origin = if dropped.is_empty() { "given".to_owned() } else { format!("given, without `+{dropped}`") };
    Ok(Chosen { version: without_build(version), origin })
}

fn from_git(folder: &Path, scope: &[PathBuf], host: &Host) -> Result<Chosen, PublishError> {
    let no_history = || PublishError::NoHistory { path: folder.to_owned() };
    let tree = GitTree::holding(folder, host)?.ok_or_else(no_history)?;
    let head = tree.head()?.ok_or_else(no_history)?;
    let dirty = !tree.changes(scope)?.is_empty();
    let hash = &head[..HASH_DIGITS.min(head.len())];

    let at_head = highest(tree.tags_at(&head)?);
    if let (Some((version, tag)), false) = (&at_head, dirty) {
        return Ok(Chosen { version: version.clone(), origin: format!("tag `{tag}`") });
    }
    let (base, distance) = match at_head {
        Some(tagged) => (Some(tagged), 0),
        None if tree.is_shallow()? => return Err(PublishError::ShallowHistory { path: folder.to_owned() }),
        None => match nearest(&tree)? {
            Some((commit, tagged)) => (Some(tagged), tree.distance(Some(&commit))?),
            None => (None, tree.distance(None)?),
        },
    };
    let origin = match &base {
        Some((_, tag)) => format!("{distance} commits after tag `{tag}`"),
        None => format!("{distance} commits, no version tag"),
    };
    Ok(Chosen { version: between(base.map(|(version, _)| version), distance, hash, dirty), origin })
}

/// The nearest commit with a version tag, and the highest version on it.
fn nearest(tree: &GitTree) -> Result<Option<(String, Tagged)>, PublishError> {
    // Git's patterns let through `v1-nightly`: such tags are named and passed over, one by one.
    let mut besides = Vec::new();
    while let Some(tag) = tree.nearest_tag(&besides)? {
        if version_of(&tag).is_some()
            && let Some(commit) = tree.commit_of_tag(&tag)?
            && let Some(tagged) = highest(tree.tags_at(&commit)?)
        {
            return Ok(Some((commit, tagged)));
        }
        if besides.contains(&tag) {
            break;
        }
        besides.push(tag);
    }
    Ok(None)
}

/// The version between `base` and whatever may follow it.
fn between(base: Option<Version>, distance: u64, hash: &str, dirty: bool) -> Version {
    let steps = format!("dev.{distance}.g{hash}{}", if dirty { ".dirty" } else { "" });
    let (mut version, pre) = match base {
        None => (Version::new(0, 0, 0), steps),
        Some(base) if base.pre.is_empty() => (Version::new(base.major, base.minor, base.patch + 1), steps),
        Some(base) => {
            let pre = format!("{}.{steps}", base.pre);
            (base, pre)
        }
    };
    version.pre = Prerelease::new(&pre).expect("letters, digits and dots, no number with a leading zero");
    version
}

/// The highest version among tags.
fn highest(tags: Vec<String>) -> Option<Tagged> {
    tags.into_iter().filter_map(|tag| Some((version_of(&tag)?, tag))).max_by(|one, other| one.0.cmp(&other.0))
}

/// The version a tag names: `vX.Y.Z` or `X.Y.Z`, in full.
fn version_of(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok().map(without_build)
}

fn without_build(mut version: Version) -> Version {
    version.build = BuildMetadata::EMPTY;
    version
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::SystemTime;

    struct Repository {
        folder: tempfile::TempDir,
        host: Host,
    }

    impl Repository {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let host = git_host(folder.path());
            let repository = Self { folder, host };
            repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
            repository
        }

        fn git(&self, args: &[&str]) -> String {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]);
            git.env_clear().envs(self.host.vars());
            let output = git.args(args).current_dir(self.folder.path()).output().unwrap();
            assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        }

        fn commit(&self) -> &Self {
            self.git(&["commit", "--quiet", "--allow-empty", "--message=x"]);
            self
        }

        fn tag(&self, name: &str) -> &Self {
            self.git(&["tag", name]);
            self
        }

        fn chosen(&self) -> Result<Chosen, PublishError> {
            let folder = self.folder.path().canonicalize().unwrap();
            from_git(&folder, std::slice::from_ref(&folder), &self.host)
        }

        fn version(&self) -> String {
            self.chosen().unwrap().version.to_string()
        }

        fn hash(&self) -> String {
            self.git(&["rev-parse", "HEAD"])[..HASH_DIGITS].to_owned()
        }
    }

    /// What git needs of the surroundings, and nothing of the user's own settings.
    #[expect(clippy::disallowed_methods, reason = "a test starts real programs, which PATH leads to")]
    fn git_host(home: &Path) -> Host {
        let path = std::env::var("PATH").unwrap();
        let home = home.to_str().unwrap();
        let variables = [("PATH", path.as_str()), ("HOME", home), ("GIT_CONFIG_NOSYSTEM", "1")];
        Host::for_test(&[], &variables, home, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_tagged_commit_has_the_tags_version() {
        for (tags, version) in [
            (&["v1.2.3"][..], "1.2.3"),
            (&["1.2.3"], "1.2.3"),
            (&["v1.2.3", "v1.10.0", "latest"], "1.10.0"),
            (&["v2.0.0-rc.1"], "2.0.0-rc.1"),
            (&["v2.0.0-rc.1", "v2.0.0"], "2.0.0"),
            (&["v1.0.0+build.5"], "1.0.0"),
        ] {
            let repository = Repository::new();
            repository.commit();
            for tag in tags {
                repository.tag(tag);
            }
            assert_eq!(repository.version(), version, "{tags:?}");
        }
    }

    #[test]
    fn after_a_tag_versions_grow_between_two_releases() {
        let repository = Repository::new();
        repository.commit();
        assert_eq!(repository.version(), format!("0.0.0-dev.1.g{}", repository.hash()));
        repository.tag("v1.2.3").tag("v1").tag("v1-nightly").tag("not-a-version");
        repository.commit().tag("v2-nightly");
        let first = repository.version();
        assert_eq!(first, format!("1.2.4-dev.1.g{}", repository.hash()));
        for _ in 0..9 {
            repository.commit();
        }
        let tenth = repository.version();
        assert_eq!(tenth, format!("1.2.4-dev.10.g{}", repository.hash()));
        repository.tag("1.3.0-rc.1");
        let candidate = repository.version();
        let after = {
            repository.commit();
            repository.version()
        };
        assert_eq!(after, format!("1.3.0-rc.1.dev.1.g{}", repository.hash()));
        let order = ["1.2.3", &first, &tenth, "1.2.4", &candidate, &after, "1.3.0-rc.2", "1.3.0"];
        let versions: Vec<_> = order.iter().map(|text| Version::parse(text).unwrap()).collect();
        assert!(versions.is_sorted(), "{order:?}");
    }

    #[test]
    fn a_dirty_tree_is_never_the_tags_version() {
        let repository = Repository::new();
        std::fs::write(repository.folder.path().join("file"), "one").unwrap();
        repository.git(&["add", "file"]);
        repository.commit().tag("v1.0.0");
        assert_eq!(repository.version(), "1.0.0");
        std::fs::write(repository.folder.path().join("file"), "two").unwrap();
        assert_eq!(repository.version(), format!("1.0.1-dev.0.g{}.dirty", repository.hash()));
    }

    #[test]
    fn a_cut_history_is_not_counted() {
        let origin = Repository::new();
        origin.commit().tag("v1.0.0").commit().commit();
        let shallow = Repository::new();
        let url = format!("file://{}", origin.folder.path().display());
        shallow.git(&["fetch", "--quiet", "--depth=1", &url, "HEAD"]);
        shallow.git(&["checkout", "--quiet", "FETCH_HEAD"]);
        let error = shallow.chosen().unwrap_err();
        assert!(matches!(error, PublishError::ShallowHistory { .. }), "{error}");
        shallow.tag("v3.0.0");
        assert_eq!(shallow.version(), "3.0.0");
    }

    #[test]
    fn without_a_commit_there_is_no_version() {
        let empty = Repository::new();
        assert!(matches!(empty.chosen(), Err(PublishError::NoHistory { .. })));
        let folder = tempfile::tempdir().unwrap();
        let host = git_host(folder.path());
        assert!(matches!(from_git(folder.path(), &[], &host), Err(PublishError::NoHistory { .. })));
    }

    #[test]
    fn a_given_version_is_checked_and_loses_its_build_metadata() {
        assert_eq!(given("1.2.3-rc.1").unwrap().version.to_string(), "1.2.3-rc.1");
        assert_eq!(given("1.2.3+abc").unwrap().version.to_string(), "1.2.3");
        for text in ["", "1.2", "v1.2.3", "1.2.3-01", "latest", "1.2.3 -x"] {
            assert!(matches!(given(text), Err(PublishError::InvalidVersion { .. })), "{text}");
        }
    }
}
