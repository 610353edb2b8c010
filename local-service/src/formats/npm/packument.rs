//! The document of a package: its versions merged over the repositories and public sources that are looked at.
//!
//! Of each version the nearest record counts, whatever its status; only Published ones are shown. Of a tag the value
//! furthest upstream counts, as in the service: a `latest` published here stays invisible while an upstream that is
//! looked at has one, too. Among upstreams of one repository the first that has the tag decides. A tag that means no
//! version shown does not count at all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use codeartifact::PackageFormat;
use serde_json::value::RawValue;

use super::{
    external::{self, Opened},
    manifest::{Manifest, Object, Shown, Sums, iso},
    name::Name,
};
use crate::{
    aside::{LARGE, aside},
    external::{Document, ExternalError},
    failure::{Failure, ResourceKind},
    formats::{
        Refusal, Visit,
        prepared::{Prepared, Sources},
    },
    resolve::{Reach, Source},
    state::{Package, Status, Version},
};

/// What of the latest version is shown of the package, too.
const OF_PACKAGE: [&str; 9] =
    ["author", "bugs", "contributors", "description", "homepage", "keywords", "license", "maintainers", "repository"];

/// What one repository that is looked at, and the public source behind it, have of a package.
struct Layer {
    /// How many steps upstream it is.
    depth: usize,
    package: Option<Arc<Package>>,
    document: Option<Arc<Document>>,
}

/// All that is known of a package, nearest first.
#[derive(Clone)]
pub(super) struct Layers(Arc<[Layer]>);

/// The nearest record of a version.
pub(super) enum Record<'a> {
    Stored(&'a Version),
    Listed { manifest: &'a RawValue, time: Option<String> },
}

/// What clients see of a package.
pub(super) struct View<'a> {
    /// The nearest record of each version, hidden ones included.
    pub(super) records: HashMap<&'a str, Record<'a>>,
    pub(super) tags: BTreeMap<String, String>,
    /// When a source last changed it.
    modified: Option<String>,
}

impl Layers {
    /// What is known of a package. A source that is down has nothing; what is stored is shown all the same.
    pub(super) async fn gather(visit: &Visit<'_>, name: &Name) -> Result<Self, Refusal> {
        let state = visit.service.journal.snapshot();
        let (domain, repository) = state.repository(&visit.repository)?;
        let key = name.key();
        let reach = Reach::new(domain, repository, &key, name.base());
        let mut layers = Vec::new();
        let mut down: Option<ExternalError> = None;
        for step in reach.steps() {
            let package = step.repository.package_like(&key).cloned();
            let mut document = None;
            if let Some(connection) = step.connection {
                let source = Source { connection, repository: step.repository.name.clone() };
                match external::packument(visit, &source, name).await {
                    Ok(found) => document = found,
                    Err(error) => down = Some(error),
                }
            }
            layers.push(Layer { depth: step.depth, package, document });
        }
        match down {
            Some(error) if layers.iter().all(|layer| layer.package.is_none() && layer.document.is_none()) => {
                Err(error.into())
            }
            _ => Ok(Self(layers.into())),
        }
    }

    /// The document as a client at this URL sees it; `None` if no version is shown.
    pub(super) async fn prepared(&self, visit: &Visit<'_>, name: &Name, abbreviated: bool) -> Option<Prepared> {
        let mut sources = Sources::default();
        let mut shape = String::new();
        for Layer { depth, package, document } in &*self.0 {
            for (kind, there) in [("p", package.is_some()), ("d", document.is_some())] {
                if there {
                    shape.push_str(kind);
                    shape.push_str(&depth.to_string());
                }
            }
            sources.packages.extend(package.clone());
            sources.documents.extend(document.clone());
        }
        // Where the layers lie is part of the question: the same ones in another order make another answer.
        let what = format!("{name} {abbreviated} {shape} {}", visit.base_url);
        let (layers, name, base_url) = (self.clone(), name.clone(), visit.base_url.clone());
        let render = move |_: &Sources| {
            let opened = layers.open();
            layers.view(&opened).render(&name, &base_url, abbreviated)
        };
        visit.service.prepared.prepared(&visit.repository, PackageFormat::Npm, &what, sources, render).await
    }

    /// Looks at what clients see; aside if there is much to read.
    pub(super) async fn look<T: Send + 'static>(&self, look: impl FnOnce(&View<'_>) -> T + Send + 'static) -> T {
        let read: usize = self.0.iter().filter_map(|layer| layer.document.as_ref()).map(|it| it.bytes.len()).sum();
        let layers = self.clone();
        let looking = move || {
            let opened = layers.open();
            look(&layers.view(&opened))
        };
        aside(read > LARGE, looking).await
    }

    /// The documents of the layers, opened; what is no document of a package opens as nothing.
    pub(super) fn open(&self) -> Vec<Option<Opened<'_>>> {
        self.0.iter().map(|layer| Opened::new(layer.document.as_deref()?)).collect()
    }

    /// What clients see. `opened` is what [`Layers::open`] gave.
    pub(super) fn view<'a>(&'a self, opened: &'a [Option<Opened<'a>>]) -> View<'a> {
        let mut records = HashMap::new();
        let mut modified = None;
        for (layer, opened) in self.0.iter().zip(opened) {
            for (_, version) in layer.package.iter().flat_map(|package| package.versions()) {
                records.entry(version.version.as_str()).or_insert(Record::Stored(version));
            }
            if let Some(opened) = opened {
                for (version, manifest) in &opened.versions {
                    records.entry(version).or_insert_with(|| Record::Listed { manifest, time: opened.time(version) });
                }
                modified = modified.max(opened.time("modified"));
            }
        }
        let mut view = View { records, tags: BTreeMap::new(), modified };
        view.tags = self.tags(opened, &view);
        view
    }

    /// The tags: from the last layer to the first, so that what is further upstream is known when it is to win.
    fn tags(&self, opened: &[Option<Opened<'_>>], view: &View<'_>) -> BTreeMap<String, String> {
        // By depth: the merged tags of the layers there that come after the one that is looked at.
        let mut below: HashMap<usize, BTreeMap<String, String>> = HashMap::new();
        for (layer, opened) in self.0.iter().zip(opened).rev() {
            let mut tags = layer.package.as_ref().map(|package| package.about.tags.clone()).unwrap_or_default();
            tags.retain(|_, version| view.shows(version));
            let listed = opened.iter().flat_map(Opened::tags).filter(|(_, version)| view.shows(version));
            tags.extend(listed.map(|(tag, version)| (tag.clone(), version)));
            tags.extend(below.remove(&(layer.depth + 1)).unwrap_or_default());
            let beside = below.entry(layer.depth).or_default();
            for (tag, version) in std::mem::take(beside) {
                tags.entry(tag).or_insert(version);
            }
            *beside = tags;
        }
        below.remove(&0).unwrap_or_default()
    }
}

impl View<'_> {
    /// Do clients see this version?
    pub(super) fn shows(&self, version: &str) -> bool {
        self.records.get(version).is_some_and(Record::is_shown)
    }

    /// The version that a word means: a version, or a tag.
    pub(super) fn version<'b>(&'b self, word: &'b str) -> Option<&'b str> {
        if self.shows(word) { Some(word) } else { self.tags.get(word).map(String::as_str) }
    }

    /// One manifest.
    pub(super) fn manifest(&self, name: &Name, version: &str, base_url: &str) -> Option<Vec<u8>> {
        let (manifest, sums) = self.records.get(version)?.manifest()?;
        let mut out = Vec::new();
        manifest.show(&mut out, &Shown { name, version, sums: &sums, base_url, abbreviated: false });
        Some(out)
    }

    fn render(&self, name: &Name, base_url: &str, abbreviated: bool) -> Option<Vec<u8>> {
        let mut shown: Vec<_> = self
            .records
            .iter()
            .filter(|(_, record)| record.is_shown())
            .filter_map(|(version, record)| {
                let (manifest, sums) = record.manifest()?;
                Some((*version, record.time(), manifest, sums))
            })
            .collect();
        shown.sort_by_cached_key(|(version, ..)| (semver::Version::parse(version).ok(), *version));
        if shown.is_empty() {
            return None;
        }
        let times = || shown.iter().map(|(_, time, ..)| time);
        let created = times().flatten().min().cloned();
        let modified = times().max().cloned().flatten().max(self.modified.clone());

        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        let text = name.to_string();
        if !abbreviated {
            object.text("_id", &text);
        }
        object.text("name", &text);
        let mut tags = object.object("dist-tags");
        for (tag, version) in &self.tags {
            tags.text(tag, version);
        }
        tags.end();
        object.name("versions");
        let mut versions = Object::begin(object.value());
        for (version, _, manifest, sums) in &shown {
            versions.name(version);
            manifest.show(versions.value(), &Shown { name, version, sums, base_url, abbreviated });
        }
        versions.end();
        // Abbreviated documents have one elsewhere only as `modified`; clients that refuse young versions need all.
        let mut time = object.object("time");
        for (member, value) in [("created", &created), ("modified", &modified)] {
            if let Some(value) = value {
                time.text(member, value);
            }
        }
        for (version, published, ..) in &shown {
            if let Some(published) = published {
                time.text(version, published);
            }
        }
        time.end();
        if abbreviated {
            if let Some(modified) = &modified {
                object.text("modified", modified);
            }
        } else {
            let latest =
                self.tags.get("latest").and_then(|latest| shown.iter().find(|(version, ..)| version == latest));
            if let Some((_, _, manifest, _)) = latest.or(shown.last()) {
                for member in OF_PACKAGE {
                    if let Some(value) = manifest.get(member) {
                        object.raw(member, value.get());
                    }
                }
            }
        }
        object.end();
        Some(out)
    }
}

impl<'a> Record<'a> {
    fn is_shown(&self) -> bool {
        match self {
            Self::Stored(version) => version.status == Status::Published,
            Self::Listed { .. } => true,
        }
    }

    pub(super) fn manifest(&self) -> Option<(Manifest<'a>, Sums)> {
        match self {
            Self::Stored(version) => {
                let sums = version.assets.first().map(|asset| Sums::of(&asset.digests)).unwrap_or_default();
                Some((Manifest::stored(&version.listing)?, sums))
            }
            Self::Listed { manifest, time } => {
                Manifest::read(manifest.get(), time.clone()).map(|(manifest, dist)| (manifest, dist.sums))
            }
        }
    }

    /// When it was first published.
    fn time(&self) -> Option<String> {
        match self {
            Self::Stored(version) => {
                let elsewhere = Manifest::stored(&version.listing).and_then(|manifest| manifest.time);
                Some(elsewhere.unwrap_or_else(|| iso(version.published)))
            }
            Self::Listed { time, .. } => time.clone(),
        }
    }
}

pub(super) fn not_found(name: &Name) -> Failure {
    Failure::not_found(ResourceKind::Package, name.to_string())
}
