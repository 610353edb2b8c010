//! Metadata as it is sent, prepared once and kept in memory: read far more often than it changes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use codeartifact::PackageFormat;

use crate::{
    assets::Digest,
    external::Document,
    state::{Package, Repository, RepositoryKey},
};

/// Prepared bytes kept at most; beyond, all are let go and prepared anew as they are asked for.
const KEPT: usize = 32 << 20;

/// What an answer is made of. The model never changes a package in place: while these are the same, so is the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) packages: Vec<Arc<Package>>,
    /// Where an answer shows more than one package.
    pub(crate) repositories: Vec<Arc<Repository>>,
    /// What public sources said.
    pub(crate) documents: Vec<Arc<Document>>,
}

/// An answer as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) bytes: Bytes,
    /// Of the bytes.
    pub(crate) digest: Digest,
    sources: Sources,
}

/// Prepared answers.
#[derive(Default)]
pub(crate) struct PreparedCache(Mutex<Kept>);

/// The repository and format that were asked, and what for, in the format's own words.
type Place = (RepositoryKey, PackageFormat, String);

#[derive(Default)]
struct Kept {
    answers: HashMap<Place, Prepared>,
    bytes: usize,
}

impl PreparedCache {
    /// The answer to `what`, made anew if it was made of something else; `None` if there is nothing to answer with.
    pub(crate) fn prepared(
        &self,
        repository: &RepositoryKey,
        format: PackageFormat,
        what: &str,
        sources: Sources,
        render: impl FnOnce(&Sources) -> Option<Vec<u8>>,
    ) -> Option<Prepared> {
        let place = (repository.clone(), format, what.to_owned());
        if let Some(answer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).answers.get(&place)
            && answer.sources.same(&sources)
        {
            return Some(answer.clone());
        }
        // Made outside the lock: others are not held up by a package with ten thousand versions.
        let bytes = render(&sources)?;
        let answer = Prepared { digest: Digest::of(&bytes), bytes: bytes.into(), sources };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(place, answer.clone());
        Some(answer)
    }
}

impl Sources {
    fn same(&self, now: &Self) -> bool {
        same(&self.packages, &now.packages)
            && same(&self.repositories, &now.repositories)
            && same(&self.documents, &now.documents)
    }
}

fn same<T>(kept: &[Arc<T>], now: &[Arc<T>]) -> bool {
    kept.len() == now.len() && kept.iter().zip(now).all(|(kept, now)| Arc::ptr_eq(kept, now))
}

impl Kept {
    fn keep(&mut self, place: Place, answer: Prepared) {
        if self.bytes + answer.bytes.len() > KEPT {
            self.answers.clear();
            self.bytes = 0;
        }
        self.bytes += answer.bytes.len();
        if let Some(replaced) = self.answers.insert(place, answer) {
            self.bytes -= replaced.bytes.len();
        }
    }
}
