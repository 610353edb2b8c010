//! Metadata as it is sent, prepared once and kept in memory: read far more often than it changes.

use std::{
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use bytes::Bytes;
use codeartifact::PackageFormat;
use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
};
use md5::{Digest as _, Md5};
use tokio::sync::OnceCell;

use super::entity_tag;
use crate::{
    aside::{LARGE, aside},
    assets::{Digest, Hex},
    external::Document,
    http::{Reply, conditional},
    recent::{Bounds, Recent},
    state::{Domain, Package, Repository, RepositoryKey},
};

/// What is kept prepared: beyond, the answers that nobody asked for lately are prepared anew as they are asked for.
const KEPT: Bounds = Bounds { bytes: 32 << 20, entries: 20_000 };
/// What an answer takes beside its bytes.
const ENTRY: usize = 512;
/// Smaller answers are one packet as they are.
const WORTH_PACKING: usize = 1_400;
/// What is read of a version to list it, more or less.
const VERSION: usize = 512;

/// What an answer is made of. The model never changes a package in place: while these are the same, so is the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) packages: Vec<Arc<Package>>,
    /// Where an answer shows more than one package.
    pub(crate) repositories: Vec<Arc<Repository>>,
    /// Where it shows everything that there is.
    pub(crate) domains: Vec<Arc<Domain>>,
    /// What public sources said.
    pub(crate) documents: Vec<Arc<Document>>,
}

/// An answer as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) bytes: Bytes,
    /// Of the bytes.
    pub(crate) digest: Digest,
    /// The same by gzip, once somebody has asked for that.
    packed: Arc<OnceCell<Bytes>>,
    md5: Arc<OnceLock<Hex<16>>>,
}

impl Prepared {
    /// Of the bytes, for those who compare by it.
    pub(crate) fn md5(&self) -> Hex<16> {
        *self.md5.get_or_init(|| Hex::from_bytes(&Md5::digest(&self.bytes)).expect("an MD5 has 16 bytes"))
    }
}

/// Prepared answers.
pub(crate) struct PreparedCache(Mutex<Recent<Place, (Prepared, Made)>>);

/// The repository and format that were asked, and what for, in the format's own words.
type Place = (RepositoryKey, PackageFormat, String);

/// Which sources an answer was made of: it does not keep them, and no other takes the place of one that is gone.
struct Made {
    packages: Vec<Weak<Package>>,
    repositories: Vec<Weak<Repository>>,
    domains: Vec<Weak<Domain>>,
    documents: Vec<Weak<Document>>,
}

impl Default for PreparedCache {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(KEPT)))
    }
}

impl PreparedCache {
    fn kept(&self) -> MutexGuard<'_, Recent<Place, (Prepared, Made)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to `what`, if it was made of the same.
    pub(crate) fn find(
        &self,
        repository: &RepositoryKey,
        format: PackageFormat,
        what: &str,
        sources: &Sources,
    ) -> Option<Prepared> {
        let mut kept = self.kept();
        let (answer, made) = kept.get(&(repository.clone(), format, what.to_owned()))?;
        made.is_of(sources).then(|| answer.clone())
    }

    /// The answer to `what`, made anew if it was made of something else; `None` if there is nothing to answer with.
    /// Where there is much to read it is made aside.
    pub(crate) async fn prepared(
        &self,
        repository: &RepositoryKey,
        format: PackageFormat,
        what: &str,
        sources: Sources,
        render: impl FnOnce(&Sources) -> Option<Vec<u8>> + Send + 'static,
    ) -> Option<Prepared> {
        if let Some(answer) = self.find(repository, format, what, &sources) {
            return Some(answer);
        }
        let place = (repository.clone(), format, what.to_owned());
        // Made outside the lock: others are not held up by a package with ten thousand versions.
        let (made, long) = (Made::of(&sources), sources.are_large());
        let rendering = move || {
            let bytes = render(&sources)?;
            Some(Prepared {
                digest: Digest::of(&bytes),
                bytes: bytes.into(),
                packed: Arc::default(),
                md5: Arc::default(),
            })
        };
        let answer = aside(long, rendering).await?;
        // Packed, metadata is a quarter at most.
        let bytes = answer.bytes.len() * 5 / 4 + place.2.len() + ENTRY;
        self.kept().insert(place, (answer.clone(), made), bytes);
        Some(answer)
    }
}

impl Prepared {
    /// The answer to a client: by gzip if it takes that, or that it has it already.
    pub(crate) async fn reply(&self, headers: &HeaderMap, content_type: &'static str) -> Reply {
        let packed = self.bytes.len() >= WORTH_PACKING && conditional::takes_gzip(headers);
        // Other bytes, another strong tag.
        let etag = if packed { format!("\"{}-gzip\"", self.digest) } else { entity_tag(&self.digest) };
        let bytes = if packed && !conditional::has_already(headers, &etag) {
            self.packed.get_or_init(|| self.pack()).await
        } else {
            &self.bytes
        };
        let mut reply = conditional::prepared(headers, content_type, bytes.clone(), &etag);
        let said = reply.status() == StatusCode::OK;
        let headers = reply.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if packed && said {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        reply
    }

    async fn pack(&self) -> Bytes {
        let bytes = self.bytes.clone();
        let packing = move || {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&bytes).and_then(|()| packer.finish()).expect("memory takes what is written")
        };
        aside(self.bytes.len() > LARGE, packing).await.into()
    }
}

impl Made {
    fn of(sources: &Sources) -> Self {
        fn weak<T>(sources: &[Arc<T>]) -> Vec<Weak<T>> {
            sources.iter().map(Arc::downgrade).collect()
        }
        Self {
            packages: weak(&sources.packages),
            repositories: weak(&sources.repositories),
            domains: weak(&sources.domains),
            documents: weak(&sources.documents),
        }
    }

    fn is_of(&self, sources: &Sources) -> bool {
        same(&self.packages, &sources.packages)
            && same(&self.repositories, &sources.repositories)
            && same(&self.domains, &sources.domains)
            && same(&self.documents, &sources.documents)
    }
}

impl Sources {
    /// Is there much to read?
    fn are_large(&self) -> bool {
        let documents = self.documents.iter().map(|document| document.bytes.len());
        let packages = self.packages.iter().map(|package| package.versions().count() * VERSION);
        !self.domains.is_empty() || documents.chain(packages).sum::<usize>() > LARGE
    }
}

fn same<T>(kept: &[Weak<T>], now: &[Arc<T>]) -> bool {
    kept.len() == now.len() && kept.iter().zip(now).all(|(kept, now)| Weak::as_ptr(kept) == Arc::as_ptr(now))
}
