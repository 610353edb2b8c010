//! What is listed of a gem: what is recorded with each version, a public source's compact index, and both merged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use codeartifact::PackageFormat;
use serde::{Deserialize, Serialize};

use super::{
    order::Rank,
    specification::{Kind, RUBY, Requirement, Specification, full_name, is_name, is_platform, is_version},
};
use crate::{
    assets::Digest,
    external::Document,
    formats::Sources,
    state::{Package, Status, Version, VersionKey},
};

/// The builds of one version by platform: recorded with the version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Builds(BTreeMap<String, Build>);

/// One build of a version: a gem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    pub(super) dependencies: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) development: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ruby: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rubygems: Option<String>,
}

/// A gem that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) version: String,
    pub(super) platform: String,
    pub(super) build: Build,
    pub(super) checksum: Option<Digest>,
}

impl Builds {
    pub(super) fn read(listing: &str) -> Self {
        serde_json::from_str(listing).unwrap_or_default()
    }

    pub(super) fn one(specification: &Specification) -> Self {
        let of = |kind| {
            let dependencies = specification.dependencies.iter().filter(move |dependency| dependency.kind == kind);
            dependencies.map(|dependency| (dependency.name.clone(), dependency.requirement.to_string())).collect()
        };
        let required = |requirement: &Requirement| (!requirement.is_any()).then(|| requirement.to_string());
        let build = Build {
            dependencies: of(Kind::Runtime),
            development: of(Kind::Development),
            ruby: required(&specification.required_ruby),
            rubygems: required(&specification.required_rubygems),
        };
        Self(BTreeMap::from([(specification.platform.clone(), build)]))
    }

    pub(super) fn of_listed<'a>(listed: impl IntoIterator<Item = &'a Listed>) -> Self {
        Self(listed.into_iter().map(|listed| (listed.platform.clone(), listed.build.clone())).collect())
    }

    pub(super) fn to_listing(&self) -> Box<str> {
        serde_json::to_string(self).expect("builds are plain data").into()
    }

    /// Every dependency of any build, and whether it is for development only.
    pub(super) fn dependencies(&self) -> BTreeSet<(bool, &str, &str)> {
        let builds = self.0.values();
        builds
            .flat_map(|build| {
                let runtime = build.dependencies.iter().map(|dependency| (false, dependency));
                runtime.chain(build.development.iter().map(|dependency| (true, dependency)))
            })
            .map(|(development, (name, requirement))| (development, name.as_str(), requirement.as_str()))
            .collect()
    }
}

/// Two listings of one version: what is recorded stays, what comes is added.
pub(super) fn merge(recorded: &str, coming: &str) -> Box<str> {
    let mut builds = Builds::read(coming);
    builds.0.append(&mut Builds::read(recorded).0);
    builds.to_listing()
}

/// The name of a gem's asset.
pub(super) fn file_name(name: &str, version: &str, platform: &str) -> String {
    format!("{}.gem", full_name(name, version, platform))
}

/// What a name like `NAME-VERSION[-PLATFORM]` may mean: names have dashes and digits, too.
pub(super) fn meanings(full_name: &str) -> Vec<(&str, &str, &str)> {
    let dashes = full_name.match_indices('-').map(|(at, _)| at);
    let mut meanings: Vec<_> = dashes
        .filter_map(|at| {
            let (name, rest) = (&full_name[..at], &full_name[at + 1..]);
            let (version, platform) = rest.split_once('-').unwrap_or((rest, RUBY));
            (is_name(name) && is_version(version) && is_platform(platform)).then_some((name, version, platform))
        })
        .collect();
    // The longest name first: that is what it nearly always is.
    meanings.reverse();
    meanings
}

/// The gems in an `info` file of a compact index; a line that is none is left out.
pub(super) fn read_info(bytes: &[u8]) -> Vec<Listed> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter(|line| *line != "---").filter_map(read_line).collect()
}

/// `VERSION[-PLATFORM] NAME:REQUIREMENT,…|checksum:SHA256,ruby:REQUIREMENT,…`
fn read_line(line: &str) -> Option<Listed> {
    let (gem, rest) = line.split_once(' ')?;
    let (version, platform) = gem.split_once('-').unwrap_or((gem, RUBY));
    if !is_version(version) || !is_platform(platform) {
        return None;
    }
    let (dependencies, facts) = rest.split_once('|').unwrap_or((rest, ""));
    let pair = |text: &str| {
        let (name, requirement) = text.split_once(':')?;
        Some((name.to_owned(), requirement.to_owned()))
    };
    let dependencies = dependencies.split(',').filter(|dependency| !dependency.is_empty()).map(|dependency| {
        let (name, requirement) = pair(dependency)?;
        Some((name, Requirement::parse(&requirement)?.to_string())).filter(|(name, _)| is_name(name))
    });
    let facts: BTreeMap<String, String> = facts.split(',').filter_map(pair).collect();
    let required = |key| {
        let requirement = facts.get(key).and_then(|text| Requirement::parse(text));
        requirement.filter(|requirement| !requirement.is_any()).map(|requirement| requirement.to_string())
    };
    Some(Listed {
        version: version.to_owned(),
        platform: platform.to_owned(),
        build: Build {
            dependencies: dependencies.collect::<Option<_>>()?,
            development: Vec::new(),
            ruby: required("ruby"),
            rubygems: required("rubygems"),
        },
        checksum: facts.get("checksum").and_then(|digest| digest.parse().ok()),
    })
}

/// Of each version the nearest record, whatever its status: a hidden one hides what is further away.
pub(super) fn nearest(packages: &[Arc<Package>]) -> BTreeMap<&VersionKey, &Arc<Version>> {
    let mut nearest = BTreeMap::new();
    for package in packages {
        for (key, version) in package.versions() {
            nearest.entry(key).or_insert(version);
        }
    }
    nearest
}

/// Is the version one of a public source, which may have builds that are not stored?
pub(super) fn may_grow(version: &Version) -> bool {
    version.status == Status::Published && version.origin.kind() == "EXTERNAL"
}

/// The gems that clients see, oldest version first.
pub(super) fn listed(name: &str, sources: &Sources) -> Vec<Listed> {
    let nearest = nearest(&sources.packages);
    let mut listed = Vec::new();
    let mut known = BTreeSet::new();
    for version in nearest.values().filter(|version| version.status == Status::Published) {
        for (platform, build) in Builds::read(&version.listing).0 {
            let Some(asset) = version.asset(&file_name(name, &version.version, &platform)) else { continue };
            known.insert((version.version.clone(), platform.clone()));
            listed.push(Listed {
                version: version.version.clone(),
                platform,
                build,
                checksum: Some(asset.digests.sha256),
            });
        }
    }
    for coming in sources.documents.iter().flat_map(|document| read_info(&document.bytes)) {
        let stored = nearest.get(&VersionKey::new(PackageFormat::Ruby, &coming.version));
        if stored.is_none_or(|stored| may_grow(stored))
            && known.insert((coming.version.clone(), coming.platform.clone()))
        {
            listed.push(coming);
        }
    }
    listed.sort_by_cached_key(|listed| (Rank::of(&listed.version), listed.platform.clone()));
    listed
}

/// The `info` file of a gem; `None` if it would have no line.
///
/// What a public source says is passed on to the byte where nothing is recorded that it does not say: then its digest
/// is the one that the source's own `versions` file names.
pub(super) fn info(name: &str, sources: &Sources) -> Option<Vec<u8>> {
    let listed = listed(name, sources);
    if let [document] = sources.documents.as_slice()
        && says_all(document, &listed)
    {
        return Some(document.bytes.to_vec());
    }
    if listed.is_empty() {
        return None;
    }
    let mut info = "---\n".to_owned();
    for Listed { version, platform, build, checksum } in &listed {
        info.push_str(&build_name(version, platform));
        info.push(' ');
        let compact = |requirement: &str| {
            Requirement::parse(requirement).map_or_else(|| requirement.to_owned(), |requirement| requirement.compact())
        };
        let dependencies: Vec<String> =
            build.dependencies.iter().map(|(name, text)| format!("{name}:{}", compact(text))).collect();
        info.push_str(&dependencies.join(","));
        let facts = [
            ("checksum", checksum.map(|digest| digest.to_string())),
            ("ruby", build.ruby.as_deref().map(compact)),
            ("rubygems", build.rubygems.as_deref().map(compact)),
        ];
        let facts: Vec<String> =
            facts.into_iter().filter_map(|(key, value)| Some(format!("{key}:{}", value?))).collect();
        info.push('|');
        info.push_str(&facts.join(","));
        info.push('\n');
    }
    Some(info.into_bytes())
}

/// Are these gems exactly the document's?
fn says_all(document: &Document, listed: &[Listed]) -> bool {
    let checksums = |listed: &[Listed]| -> BTreeSet<(String, String, Option<Digest>)> {
        listed.iter().map(|listed| (listed.version.clone(), listed.platform.clone(), listed.checksum)).collect()
    };
    !listed.is_empty() && checksums(&read_info(&document.bytes)) == checksums(listed)
}

/// `VERSION[-PLATFORM]`.
pub(super) fn build_name(version: &str, platform: &str) -> String {
    if platform == RUBY { version.to_owned() } else { format!("{version}-{platform}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_compact_index() {
        let checksum = "00".repeat(32);
        let line = format!(
            "1.0.0-x86_64-linux a:>= 1.0&< 2,b:= 3|checksum:{checksum},ruby:>= 2.7,rubygems:>= 0,created_at:2026-11-22T10:00:00Z"
        );
        let listed = read_line(&line).unwrap();
        assert_eq!((listed.version.as_str(), listed.platform.as_str()), ("1.0.0", "x86_64-linux"));
        let dependencies = [("a".to_owned(), ">= 1.0, < 2".to_owned()), ("b".to_owned(), "= 3".to_owned())];
        assert_eq!(listed.build.dependencies, dependencies);
        assert_eq!((listed.build.ruby.as_deref(), listed.build.rubygems), (Some(">= 2.7"), None));
        assert_eq!(listed.checksum.unwrap().to_string(), checksum);
        let bare = read_line("2.0 |").unwrap();
        assert_eq!((bare.platform.as_str(), bare.checksum, bare.build.dependencies.len()), (RUBY, None, 0));
        for bad in ["", "---", "1.0", "../x |", "1.0-../x |", "1.0 a|", "1.0 a:nonsense|", "1.0 ../a:>= 0|"] {
            assert!(read_line(bad).is_none(), "{bad}");
        }
        assert_eq!(read_info(b"---\n1.0 |checksum:x\n\xff\n2.0 |\n").len(), 2);
    }

    #[test]
    fn what_a_file_name_may_mean() {
        assert_eq!(meanings("six-1.0"), [("six", "1.0", RUBY)]);
        assert_eq!(meanings("six-1.0-x86_64-linux"), [("six", "1.0", "x86_64-linux")]);
        assert_eq!(meanings("six-2-1.0"), [("six-2", "1.0", RUBY)]);
        assert_eq!(meanings("a-1-b-2"), [("a-1-b", "2", RUBY), ("a", "1", "b-2")]);
        for bad in ["", "six", "-1.0", "six-", "six-x", "../six-1.0", "six-1.0-..", "a/b-1"] {
            assert!(meanings(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn listings_grow() {
        let build = |dependency: &str| Build {
            dependencies: vec![(dependency.to_owned(), ">= 0".to_owned())],
            development: Vec::new(),
            ruby: None,
            rubygems: None,
        };
        let builds = |platform: &str, dependency| Builds([(platform.to_owned(), build(dependency))].into());
        let recorded = builds(RUBY, "a").to_listing();
        assert_eq!(merge(&recorded, &builds(RUBY, "b").to_listing()), recorded);
        let grown = Builds::read(&merge(&recorded, &builds("java", "b").to_listing()));
        let dependencies: Vec<_> = grown.dependencies().into_iter().collect();
        assert_eq!(dependencies, [(false, "a", ">= 0"), (false, "b", ">= 0")]);
        assert_eq!(&*merge("", &recorded), &*recorded);
    }
}
