//! What was fetched, kept for the next time: files of packages, and what the service said of them.
//!
//! Every answer is kept for the identity that was given it, under its address; the content by its digest, so that the same
//! file is there once. While the service can be reached it is asked each time whether what is kept is still what it has
//! (`If-None-Match`), so that a version that was withdrawn, or a permission, is gone here, too; only content travels once.
//! While it cannot be reached, files of packages are served at any age, what is said of them up to a bound.
//!
//! The folder is its owner's only. A file is written beside its place and put there whole; content is read through and
//! compared with its digest before a byte of it is served. Several processes may use the folder: nothing is ever changed
//! in place, and whoever finds less than it expected asks the service.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use codeartifact::{
    FolderError, Host,
    private_folder::{self, Durability},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The form of what is kept; another form has another folder.
const FORM: &str = "proxy-1";

/// Content that no note names is a leftover from this age on; before, its note may be on its way.
const ORPHAN: Duration = Duration::from_mins(10);

/// A note is no larger.
const LARGEST_NOTE: u64 = 64 << 10;

/// The folder.
#[derive(Debug)]
pub(super) struct Cache {
    notes: PathBuf,
    content: PathBuf,
    limit: u64,
    /// As far as this process knows.
    used: AtomicU64,
    host: Host,
}

/// What is kept of one answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Of whom and of what: the whole key, since a file's name is only its digest.
    key: String,
    /// SHA-256 of the content, in hexadecimal.
    digest: String,
    /// Bytes.
    pub(super) size: u64,
    /// Headers that are told with it.
    pub(super) headers: Vec<(String, String)>,
    /// When the service last said so: seconds since 1970.
    said: u64,
}

impl Note {
    /// Its entity tag.
    pub(super) fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.as_str())
    }

    /// How long ago the service said so.
    pub(super) fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(UNIX_EPOCH + Duration::from_secs(self.said)).unwrap_or_default()
    }
}

impl Cache {
    /// The folder of this user, made if it is not there; at most `limit` bytes.
    pub(super) fn open(host: &Host, limit: u64) -> Result<Option<Self>, FolderError> {
        let Some(root) = host.cache_dir() else { return Ok(None) };
        let folder = root.join(FORM);
        let (notes, content) = (folder.join("notes"), folder.join("content"));
        for folder in [&folder, &notes, &content] {
            private_folder::ensure(folder)?;
        }
        let cache = Self { notes, content, limit, used: AtomicU64::new(0), host: host.clone() };
        cache.used.store(cache.files().map(|(_, found)| found.len()).sum(), Ordering::Relaxed);
        Ok(Some(cache))
    }

    /// Bytes in use, as far as this process knows.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What is kept under a key.
    pub(super) fn find(&self, key: &str) -> Option<Note> {
        let mut bytes = Vec::new();
        File::open(self.note(key)).ok()?.take(LARGEST_NOTE).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice::<Note>(&bytes).ok().filter(|note| note.key == key && is_digest(&note.digest))
    }

    /// The content of a note, from its beginning, if it is what was kept; what is not, is removed.
    pub(super) fn content(&self, note: &Note) -> Option<File> {
        let path = self.content.join(&note.digest);
        let mut file = File::open(&path).ok()?;
        let mut hasher = Sha256::new();
        let size = io::copy(&mut file, &mut hasher).ok()?;
        if size != note.size || hex(&hasher.finalize()) != note.digest {
            let _ = fs::remove_file(path);
            self.forget(&note.key);
            return None;
        }
        file.rewind().ok()?;
        Some(file)
    }

    /// The service says that a note still holds.
    pub(super) fn renew(&self, note: &Note) {
        // Once in a while, for it also says what was used last.
        if note.age(self.host.now()) > Duration::from_mins(1) {
            let note = Note { said: self.seconds(), ..note.clone() };
            let _ = self.write(&note);
        }
    }

    /// It holds no longer.
    pub(super) fn forget(&self, key: &str) {
        let _ = fs::remove_file(self.note(key));
    }

    /// Room for content that comes in pieces.
    pub(super) fn begin(&self) -> io::Result<Unfinished> {
        let file = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(&self.content)?;
        Ok(Unfinished { file, hasher: Sha256::new(), size: 0 })
    }

    /// Keeps it under a key.
    pub(super) fn keep(&self, unfinished: Unfinished, key: String, headers: Vec<(String, String)>) -> io::Result<()> {
        let Unfinished { file, hasher, size } = unfinished;
        if size > self.limit {
            return Ok(());
        }
        let digest = hex(&hasher.finalize());
        file.persist(self.content.join(&digest)).map_err(|error| error.error)?;
        self.write(&Note { key, digest, size, headers, said: self.seconds() })?;
        if self.used.fetch_add(size, Ordering::Relaxed) + size > self.limit {
            self.make_room();
        }
        Ok(())
    }

    fn write(&self, note: &Note) -> io::Result<()> {
        let text = serde_json::to_vec(note).map_err(io::Error::other)?;
        private_folder::replace(&self.notes, &name(&note.key), &text, Durability::Lazy)
    }

    fn note(&self, key: &str) -> PathBuf {
        self.notes.join(name(key))
    }

    fn seconds(&self) -> u64 {
        self.host.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    fn files(&self) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
        let entries = fs::read_dir(&self.content).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
    }

    /// Removes what was said longest ago until a tenth of the room is free. One process at a time; others go on.
    fn make_room(&self) {
        let options = File::options().write(true).create(true).truncate(false).open(self.notes.join(".room"));
        let Ok(lock) = options else { return };
        if lock.try_lock().is_err() {
            return;
        }
        let mut notes: Vec<Note> = fs::read_dir(&self.notes)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path()).ok()?).ok())
            .collect();
        notes.sort_unstable_by_key(|note| std::cmp::Reverse(note.said));
        let (mut kept, mut room) = (std::collections::HashSet::new(), self.limit / 10 * 9);
        for note in &notes {
            if kept.contains(note.digest.as_str()) {
                continue;
            }
            if let Some(left) = room.checked_sub(note.size) {
                room = left;
                kept.insert(note.digest.as_str());
            } else {
                // What is older goes, too, even if it were small enough.
                room = 0;
                self.forget(&note.key);
            }
        }
        let is_gone =
            |path: &Path| !path.file_name().and_then(|name| name.to_str()).is_some_and(|name| kept.contains(name));
        let named: std::collections::HashSet<&str> = notes.iter().map(|note| note.digest.as_str()).collect();
        let now = self.host.now();
        let mut used = 0;
        for (path, found) in self.files() {
            let is_named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| named.contains(name));
            let age = found.modified().ok().and_then(|then| now.duration_since(then).ok()).unwrap_or_default();
            if is_gone(&path) && (is_named || age >= ORPHAN) && fs::remove_file(&path).is_ok() {
                continue;
            }
            used += found.len();
        }
        self.used.store(used, Ordering::Relaxed);
    }
}

/// Content that is on its way. Dropped, it leaves nothing.
#[derive(Debug)]
pub(super) struct Unfinished {
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    size: u64,
}

impl Unfinished {
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        Ok(())
    }
}

fn name(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A file's name, and no path.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path, limit: u64, seconds: u64) -> Cache {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let host = Host::for_test(&[], &[("XDG_CACHE_HOME", folder.to_str().unwrap())], "/", now);
        Cache::open(&host, limit).unwrap().unwrap()
    }

    fn keep(cache: &Cache, key: &str, content: &[u8]) {
        let mut unfinished = cache.begin().unwrap();
        unfinished.write(content).unwrap();
        cache.keep(unfinished, key.to_owned(), vec![("etag".to_owned(), "\"1\"".to_owned())]).unwrap();
    }

    fn read(cache: &Cache, key: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        cache.content(&cache.find(key)?)?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn what_is_kept_is_found_by_its_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = cache(folder.path(), 1000, 0);
        keep(&first, "me a", b"one");
        keep(&first, "me b", b"one");
        assert_eq!(fs::read_dir(&first.content).unwrap().count(), 1, "the same content is there once");
        drop(first.begin().unwrap());
        assert_eq!(fs::read_dir(&first.content).unwrap().count(), 1, "what is given up leaves nothing");
        // Also by another process, later.
        let second = cache(folder.path(), 1000, 100);
        assert_eq!((second.used(), read(&second, "me a").as_deref()), (3, Some(&b"one"[..])));
        assert!(second.find("you a").is_none());
        let note = second.find("me a").unwrap();
        assert_eq!((note.etag(), note.age(second.host.now())), (Some("\"1\""), Duration::from_secs(100)));
        second.renew(&note);
        assert_eq!(second.find("me a").unwrap().age(second.host.now()), Duration::ZERO);
        second.forget("me a");
        assert!(second.find("me a").is_none() && read(&second, "me b").is_some());
    }

    #[test]
    fn what_was_changed_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1000, 0);
        for spoil in [&b"twO"[..], b"tw", b""] {
            keep(&cache, "a", b"two");
            let path = cache.content.join(cache.find("a").unwrap().digest);
            fs::write(&path, spoil).unwrap();
            assert_eq!(read(&cache, "a"), None, "{spoil:?}");
            assert!(!path.exists() && cache.find("a").is_none());
        }
        // A note of another key, or one that leads elsewhere.
        keep(&cache, "a", b"two");
        fs::copy(cache.note("a"), cache.note("b")).unwrap();
        assert!(cache.find("b").is_none());
        let text = fs::read_to_string(cache.note("a")).unwrap();
        let digest = cache.find("a").unwrap().digest;
        fs::write(cache.note("a"), text.replace(&digest, "../../../etc/passwd")).unwrap();
        assert!(cache.find("a").is_none());
        fs::write(cache.note("a"), "{").unwrap();
        assert!(cache.find("a").is_none());
    }

    #[test]
    fn it_does_not_grow_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        for (number, key) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            let cache = cache(folder.path(), 100, number as u64 * 100);
            keep(&cache, key, &[u8::try_from(number).unwrap(); 30]);
            let size: u64 = cache.files().map(|(_, found)| found.len()).sum();
            assert!(size <= 100, "{size} after {key}");
        }
        let cache = cache(folder.path(), 100, 1000);
        assert!(read(&cache, "f").is_some() && read(&cache, "e").is_some(), "the youngest stay");
        assert!(cache.find("a").is_none(), "the oldest goes first");
        // What is larger than all of it is not kept, and drives nothing out.
        keep(&cache, "large", &[0; 200]);
        assert!(cache.find("large").is_none() && cache.find("f").is_some());
    }

    #[cfg(unix)]
    #[test]
    fn it_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1000, 0);
        keep(&cache, "a", b"one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&cache.content), mode(&cache.notes)), (0o700, 0o700));
        assert_eq!(mode(&cache.content.join(cache.find("a").unwrap().digest)), 0o600);
        assert_eq!(mode(&cache.note("a")), 0o600);
    }
}
