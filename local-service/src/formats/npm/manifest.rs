//! One version's manifest: as a client published it, as a source has it, as it is stored, as it is shown.
//!
//! A stored listing is `{"dist": …, "manifest": …, "time": …}`: the manifest without what depends on the place
//! (`dist.tarball`) or on the stored bytes (`dist.shasum`, `dist.integrity`), and the time of the first publication if
//! that was elsewhere. Values are kept as they were written; only what is needed is looked into.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::name::Name;
use crate::{
    assets::{Digests, Expected, Hex},
    formats::Dependency,
    state::{AboutVersion, Millis},
};

/// Members of a JSON object, each as it was written.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Not shown and not stored: what belongs to the upload, or to the package and not to the version.
const LEFT_OUT: [&str; 4] = ["_attachments", "_npmOperationalInternal", "readme", "dist"];

/// What of `dist` holds wherever the tarball is. `attestations` is a link to the place it came from.
const DIST: [&str; 3] = ["fileCount", "signatures", "unpackedSize"];

/// What installing needs: the members of an abbreviated manifest.
const ABBREVIATED: [&str; 20] = [
    "_hasShrinkwrap",
    "acceptDependencies",
    "bin",
    "bundleDependencies",
    "bundledDependencies",
    "cpu",
    "dependencies",
    "deprecated",
    "devDependencies",
    "directories",
    "engines",
    "funding",
    "hasInstallScript",
    "libc",
    "name",
    "optionalDependencies",
    "os",
    "peerDependencies",
    "peerDependenciesMeta",
    "version",
];

/// Scripts that run when a package is installed.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// A version's manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest<'a> {
    /// What of `dist` is not about the bytes.
    #[serde(borrow)]
    dist: Members<'a>,
    #[serde(borrow, rename = "manifest")]
    members: Members<'a>,
    /// When it was first published, if that was elsewhere.
    #[serde(default)]
    pub(super) time: Option<String>,
}

/// Digests as a manifest has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) shasum: Option<String>,
    pub(super) integrity: Option<String>,
}

/// The `dist` of a manifest from outside.
#[derive(Debug, Default)]
pub(super) struct Dist {
    pub(super) sums: Sums,
    pub(super) tarball: Option<String>,
}

impl<'a> Manifest<'a> {
    /// As a client or a source wrote it; `None` if it is no object.
    pub(super) fn read(text: &'a str, time: Option<String>) -> Option<(Self, Dist)> {
        let mut members: Members<'a> = serde_json::from_str(text).ok()?;
        let mut dist: Members<'a> =
            members.get("dist").and_then(|dist| serde_json::from_str(dist.get()).ok()).unwrap_or_default();
        let sums = Sums { shasum: string(&dist, "shasum"), integrity: string(&dist, "integrity") };
        let tarball = string(&dist, "tarball");
        dist.retain(|name, _| DIST.contains(&name.as_str()));
        members.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
        Some((Self { dist, members, time }, Dist { sums, tarball }))
    }

    /// As it is stored.
    pub(super) fn stored(listing: &'a str) -> Option<Self> {
        serde_json::from_str(listing).ok()
    }

    /// To be stored.
    pub(super) fn listing(&self) -> Box<str> {
        serde_json::to_string(self).expect("members are JSON already").into()
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.members.get(name).copied()
    }

    /// A member that is text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        string(&self.members, name)
    }

    /// Says that the version should not be used, or takes that back.
    pub(super) fn set_deprecated(&mut self, message: Option<&'a RawValue>) {
        match message {
            Some(message) => drop(self.members.insert("deprecated".to_owned(), message)),
            None => drop(self.members.remove("deprecated")),
        }
    }

    /// What `DescribePackageVersion` shows.
    pub(super) fn about(&self) -> AboutVersion {
        // Each may be text or an object, and long ago licences were a list.
        let inner = |name: &str, member: &str| {
            let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(self.get(name)?.get()).ok()?;
            object.get(member)?.as_str().map(ToOwned::to_owned)
        };
        let licenses = || {
            let all: Vec<serde_json::Value> = serde_json::from_str(self.get("licenses")?.get()).ok()?;
            let first = all.first()?;
            first.as_str().or_else(|| first.get("type")?.as_str()).map(ToOwned::to_owned)
        };
        AboutVersion {
            summary: self.text("description"),
            home_page: self.text("homepage"),
            source_code_repository: self.text("repository").or_else(|| inner("repository", "url")),
            license: self.text("license").or_else(|| inner("license", "type")).or_else(licenses),
        }
    }

    /// The dependencies, by npm's four kinds; an optional one is written among the regular ones, too.
    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        let optional = self.requirements("optionalDependencies");
        let mut all = Vec::new();
        for (member, kind) in [
            ("dependencies", "regular"),
            ("devDependencies", "dev"),
            ("peerDependencies", "peer"),
            ("optionalDependencies", "optional"),
        ] {
            let mut of_kind = self.requirements(member);
            if kind == "regular" {
                of_kind.retain(|name, _| !optional.contains_key(name));
            }
            all.extend(of_kind.into_iter().map(|(name, requirement)| {
                let (namespace, package) = match name.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
                    Some((scope, base)) => (Some(scope.to_owned()), base.to_owned()),
                    None => (None, name),
                };
                Dependency { namespace, package, kind, requirement }
            }));
        }
        all
    }

    fn requirements(&self, member: &str) -> BTreeMap<String, String> {
        self.get(member).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// Does installing it run a script? Registries say so in abbreviated manifests, which have no scripts.
    fn has_install_script(&self) -> bool {
        if self.get("hasInstallScript").is_some_and(|raw| raw.get() == "true") {
            return true;
        }
        let scripts: BTreeSet<String> = self
            .get("scripts")
            .and_then(|raw| serde_json::from_str::<Members<'_>>(raw.get()).ok())
            .map(|scripts| scripts.into_keys().collect())
            .unwrap_or_default();
        INSTALL_SCRIPTS.iter().any(|script| scripts.contains(*script))
    }

    /// Writes it as a client at this base URL is to see it.
    pub(super) fn show(&self, out: &mut Vec<u8>, shown: &Shown<'_>) {
        let Shown { name, version, sums, base_url, abbreviated } = shown;
        let mut object = Object::begin(out);
        object.text("name", &name.to_string());
        object.text("version", version);
        if *abbreviated && self.has_install_script() {
            object.raw("hasInstallScript", "true");
        } else if !abbreviated {
            object.text("_id", &format!("{name}@{version}"));
        }
        for (member, value) in &self.members {
            let said = matches!(member.as_str(), "name" | "version" | "_id")
                || (*abbreviated && (member == "hasInstallScript" || !ABBREVIATED.contains(&member.as_str())));
            if !said {
                object.raw(member, value.get());
            }
        }
        object.name("dist");
        let mut dist = Object::begin(object.out);
        dist.text("tarball", &format!("{base_url}/{}", name.tarball(version)));
        for (member, sum) in [("shasum", &sums.shasum), ("integrity", &sums.integrity)] {
            if let Some(sum) = sum {
                dist.text(member, sum);
            }
        }
        for (member, value) in &self.dist {
            dist.raw(member, value.get());
        }
        dist.end();
        object.end();
    }
}

/// What a manifest is shown with.
pub(super) struct Shown<'a> {
    pub(super) name: &'a Name,
    pub(super) version: &'a str,
    pub(super) sums: &'a Sums,
    pub(super) base_url: &'a str,
    pub(super) abbreviated: bool,
}

impl Sums {
    /// Of stored bytes.
    pub(super) fn of(digests: &Digests) -> Self {
        Self {
            shasum: Some(digests.sha1.to_string()),
            integrity: Some(format!("sha512-{}", STANDARD.encode(digests.sha512.as_bytes()))),
        }
    }

    /// What they announce: `integrity` is a list of digests by algorithm, `shasum` a SHA-1. An algorithm that is not
    /// known announces nothing; what is no digest is refused.
    pub(super) fn expected(&self) -> Option<Expected> {
        let mut expected = Expected::default();
        if let Some(shasum) = &self.shasum {
            expected.sha1 = Some(shasum.parse().ok()?);
        }
        for announced in self.integrity.iter().flat_map(|integrity| integrity.split_ascii_whitespace()) {
            let (algorithm, digest) = announced.split_once('-')?;
            // Options may follow the digest.
            let digest = STANDARD.decode(digest.split('?').next()?).ok()?;
            match algorithm {
                "sha512" => expected.sha512 = Some(Hex::from_bytes(&digest)?),
                "sha256" => expected.sha256 = Some(Hex::from_bytes(&digest)?),
                "sha1" => expected.sha1 = Some(Hex::from_bytes(&digest)?),
                "md5" => expected.md5 = Some(Hex::from_bytes(&digest)?),
                _ => {}
            }
        }
        Some(expected)
    }
}

fn string(members: &Members<'_>, name: &str) -> Option<String> {
    members.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// A JSON object in the making: values that are JSON already go in as they are.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// The name of the member whose value the caller writes next.
    pub(super) fn name(&mut self, name: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.string(name);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    pub(super) fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// An object as the value of a member.
    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        self.name(name);
        Object::begin(self.out)
    }

    /// Where the value of the member goes that was named last.
    pub(super) fn value(&mut self) -> &mut Vec<u8> {
        self.out
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.out, text).expect("text is JSON, and memory takes it");
    }
}

/// npm puts a sentence in the place of a readme that is missing.
pub(super) fn is_readme(text: &str) -> bool {
    !text.is_empty() && text != "ERROR: No README data found!"
}

/// A time as npm writes it.
pub(super) fn iso(millis: Millis) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second, millis) = (time.hour(), time.minute(), time.second(), time.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(manifest: &Manifest<'_>, abbreviated: bool) -> Value {
        let name = Name::parse("@acme/left").unwrap();
        let sums = Sums { shasum: Some("0a".repeat(20)), integrity: None };
        let (version, base_url) = ("1.0.0", "http://127.0.0.1:1/d/a-111122223333/npm/team");
        let mut out = Vec::new();
        manifest.show(&mut out, &Shown { name: &name, version, sums: &sums, base_url, abbreviated });
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn what_is_shown_names_our_place() {
        let text = json!({
            "name": "@other/name", "version": "9.9.9", "_id": "x", "readme": "# long", "description": "d",
            "scripts": { "postinstall": "node x" }, "dependencies": { "a": "^1" },
            "dist": {
                "tarball": "https://elsewhere.example/x.tgz", "shasum": "00", "integrity": "x", "fileCount": 3,
                "attestations": { "url": "https://elsewhere.example/a" }, "signatures": [{ "keyid": "k" }],
            },
        })
        .to_string();
        let (manifest, dist) = Manifest::read(&text, Some("2020-01-02T03:04:05.000Z".to_owned())).unwrap();
        assert_eq!(dist.tarball.as_deref(), Some("https://elsewhere.example/x.tgz"));
        let listing = manifest.listing();
        let manifest = Manifest::stored(&listing).unwrap();
        assert_eq!(manifest.time.as_deref(), Some("2020-01-02T03:04:05.000Z"));
        let tarball = "http://127.0.0.1:1/d/a-111122223333/npm/team/@acme/left/-/left-1.0.0.tgz";
        let dist = json!({
            "tarball": tarball, "shasum": "0a".repeat(20), "fileCount": 3, "signatures": [{ "keyid": "k" }]
        });
        let full = json!({
            "name": "@acme/left", "version": "1.0.0", "_id": "@acme/left@1.0.0", "description": "d", "dist": dist,
            "scripts": { "postinstall": "node x" }, "dependencies": { "a": "^1" },
        });
        assert_eq!(shown(&manifest, false), full);
        let abbreviated = json!({
            "name": "@acme/left", "version": "1.0.0", "dist": dist, "hasInstallScript": true,
            "dependencies": { "a": "^1" },
        });
        assert_eq!(shown(&manifest, true), abbreviated);
    }

    #[test]
    fn about_reads_every_form_there_is() {
        let about = |value: Value| Manifest::read(&value.to_string(), None).unwrap().0.about();
        let text = about(json!({ "description": "d", "homepage": "h", "repository": "r", "license": "MIT" }));
        let expected = AboutVersion {
            summary: Some("d".to_owned()),
            home_page: Some("h".to_owned()),
            source_code_repository: Some("r".to_owned()),
            license: Some("MIT".to_owned()),
        };
        assert_eq!(text, expected);
        let objects = about(json!({ "repository": { "type": "git", "url": "r" }, "license": { "type": "MIT" } }));
        assert_eq!((objects.source_code_repository.as_deref(), objects.license.as_deref()), (Some("r"), Some("MIT")));
        assert_eq!(about(json!({ "licenses": [{ "type": "MIT" }] })).license.as_deref(), Some("MIT"));
        assert_eq!(about(json!({ "description": 1, "repository": [], "licenses": {} })), AboutVersion::default());
    }

    #[test]
    fn dependencies_have_four_kinds() {
        let text = json!({
            "dependencies": { "a": "^1", "@acme/b": "2", "o": "3" }, "optionalDependencies": { "o": "3" },
            "devDependencies": { "d": "*" }, "peerDependencies": { "p": ">=1" },
        })
        .to_string();
        let (manifest, _) = Manifest::read(&text, None).unwrap();
        let shown: Vec<String> = manifest
            .dependencies()
            .into_iter()
            .map(|d| format!("{} {} {} {}", d.kind, d.namespace.unwrap_or_default(), d.package, d.requirement))
            .collect();
        assert_eq!(shown, ["regular acme b 2", "regular  a ^1", "dev  d *", "peer  p >=1", "optional  o 3"]);
    }

    #[test]
    fn sums_announce_what_they_can() {
        let digests = {
            let mut hasher = crate::assets::Hasher::default();
            hasher.update(b"abc");
            hasher.finish()
        };
        let sums = Sums::of(&digests);
        let expected = sums.expected().unwrap();
        assert!(expected.sha512.is_some() && expected.sha1.is_some());
        expected.check(&digests).unwrap();
        let integrity = |text: &str| Sums { shasum: None, integrity: Some(text.to_owned()) }.expected();
        assert_eq!(integrity("sha384-AAAA").unwrap(), Expected::default());
        assert!(integrity(&format!("{} sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", sums.integrity.unwrap())).is_some());
        for bad in ["sha512", "sha512-AAAA", "sha512-!", "abc"] {
            assert!(integrity(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_are_written_as_npm_does() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(1_800_000_000_007), "2027-01-15T08:00:00.007Z");
    }
}
