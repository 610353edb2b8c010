//! The records in the database: one table per kind, JSON that says its version, loaded whole at the start.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use codeartifact::RepositoryName;
use redb::{ReadableDatabase, ReadableTable, TableDefinition, backends::InMemoryBackend};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    coordinate::{DomainKey, PackageKey, RepositoryKey, VersionKey},
    draft::Draft,
    event::VersionEvent,
    groups::{AboutGroup, Pattern},
    model::{AboutDomain, AboutPackage, AboutRepository, State, Version},
};
use crate::assets::Digest;

/// The version of the stored form as a whole. A folder with one that is not known is refused, and left as it is.
const SCHEMA: &str = "2";
/// Its predecessor: the same records, without the members that came later, and without the later tables. It is
/// brought up to date by a start; the program that wrote it then refuses it, as it should: it would lose them.
const OLDER: &str = "1";
/// The version of a single record.
const RECORD: u32 = 1;
/// The whole model is in memory: the database's own cache serves commits only. Its default is 1 GiB.
const CACHE_BYTES: usize = 4 << 20;
/// The database's file in the data folder.
const FILE: &str = "service.redb";
/// While it is being made: a half-made database is never found under its real name.
const NEW_FILE: &str = "service.redb.new";

const ABOUT: TableDefinition<&str, &str> = TableDefinition::new("about");

/// The tables, in the order in which they are loaded: owners before what they own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Domains,
    Groups,
    Repositories,
    Packages,
    Versions,
    Texts,
    /// By number.
    Events,
    /// Receivers of events: up to where each has them.
    Receivers,
}

/// Table and key of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordKey {
    table: Table,
    key: String,
}

/// The transactional database under the model.
pub(crate) struct Database {
    /// Shared for as long as one transaction takes, so that the lock is never held while the disk works.
    database: RwLock<Option<Arc<redb::Database>>>,
    file: Option<PathBuf>,
}

/// The database could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error("the data was written by another version: schema {found}, this program reads {SCHEMA}")]
    Schema { found: String },
    #[error("the record `{key}` is damaged: {problem}")]
    Record { key: String, problem: String },
    #[error("the database failed")]
    Storage(#[source] Box<redb::Error>),
    /// Beginning anew would take the assets for what nothing refers to, and remove them.
    #[error("it is not there, and the assets that it knew are")]
    Missing,
    #[error("its last transaction is damaged, although it was closed in good order")]
    LastTransaction,
    #[error("the folder failed")]
    Folder(#[source] io::Error),
}

/// Every record says its version, so that a later program can read an older one.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    record: T,
}

impl Table {
    const ALL: [Self; 8] = [
        Self::Domains,
        Self::Groups,
        Self::Repositories,
        Self::Packages,
        Self::Versions,
        Self::Texts,
        Self::Events,
        Self::Receivers,
    ];

    const fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(match self {
            Self::Domains => "domains",
            Self::Groups => "groups",
            Self::Repositories => "repositories",
            Self::Packages => "packages",
            Self::Versions => "versions",
            Self::Texts => "texts",
            Self::Events => "events",
            Self::Receivers => "receivers",
        })
    }

    /// Is it part of the model, or read when it is asked for?
    const fn is_loaded(self) -> bool {
        match self {
            Self::Domains | Self::Groups | Self::Repositories | Self::Packages | Self::Versions => true,
            Self::Texts | Self::Events | Self::Receivers => false,
        }
    }
}

/// No part of a key can hold a slash, but the last one of a group's: every name was validated before it got here.
impl RecordKey {
    pub(super) fn domain(domain: &DomainKey) -> Self {
        Self { table: Table::Domains, key: domain.to_string() }
    }

    pub(super) fn group(domain: &DomainKey, pattern: &Pattern) -> Self {
        Self { table: Table::Groups, key: format!("{domain}{pattern}") }
    }

    pub(super) fn repository(repository: &RepositoryKey) -> Self {
        Self { table: Table::Repositories, key: repository.to_string() }
    }

    pub(super) fn package(repository: &RepositoryKey, package: &PackageKey) -> Self {
        Self { table: Table::Packages, key: format!("{repository}/{}", package.path()) }
    }

    pub(super) fn version(repository: &RepositoryKey, package: &PackageKey, version: &VersionKey) -> Self {
        Self { table: Table::Versions, key: format!("{repository}/{}/{}", package.path(), version.as_str()) }
    }

    pub(super) fn text(domain: &DomainKey, digest: &Digest) -> Self {
        Self { table: Table::Texts, key: format!("{domain}/{digest}") }
    }

    /// With all its digits, so that text sorts as numbers do.
    pub(super) fn event(number: u64) -> Self {
        Self { table: Table::Events, key: format!("{number:020}") }
    }

    pub(super) fn receiver(name: &str) -> Self {
        Self { table: Table::Receivers, key: name.to_owned() }
    }
}

/// A record in its stored form.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(&Envelope { v: RECORD, record }).expect("records are plain data with text keys")
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, DatabaseError> {
    let damaged = |problem: String| DatabaseError::Record { key: key.to_owned(), problem };
    let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    if envelope.v == RECORD {
        Ok(envelope.record)
    } else {
        Err(damaged(format!("it has version {}, this program reads {RECORD}", envelope.v)))
    }
}

impl Database {
    /// Opens the database in a folder that this process has locked, or makes it.
    pub(crate) fn open(folder: &Path) -> Result<Self, DatabaseError> {
        let file = folder.join(FILE);
        let database = if file.try_exists().map_err(DatabaseError::Folder)? {
            let database = open_checked(&file)?;
            bring_up_to_date(&database)?;
            database
        } else {
            if has_assets(folder).map_err(DatabaseError::Folder)? {
                return Err(DatabaseError::Missing);
            }
            create(folder, &file)?
        };
        Ok(Self { database: RwLock::new(Some(Arc::new(database))), file: Some(file) })
    }

    /// A database that lives and dies with this value.
    pub(crate) fn in_memory() -> Result<Self, DatabaseError> {
        let database = builder().create_with_backend(InMemoryBackend::new())?;
        initialise(&database)?;
        Ok(Self { database: RwLock::new(Some(Arc::new(database))), file: None })
    }

    fn get(&self) -> Result<Arc<redb::Database>, DatabaseError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        database.clone().ok_or_else(|| redb::StorageError::DatabaseClosed.into())
    }

    /// Gives the file free.
    pub(super) fn close(&self) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// After a failed write the database accepts nothing more: opens it anew, repaired to its last commit.
    pub(super) fn reopen(&self) -> Result<(), DatabaseError> {
        if let Some(file) = &self.file {
            // The file's lock goes with the old value: it must be gone before the new one asks.
            self.close();
            let database = open_checked(file)?;
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(database));
        }
        Ok(())
    }

    /// Writes records in one transaction; returns when it is durable.
    pub(super) fn commit<'a>(
        &self,
        records: impl Iterator<Item = (&'a RecordKey, &'a Option<Vec<u8>>)>,
    ) -> Result<(), DatabaseError> {
        let database = self.get()?;
        let transaction = database.begin_write()?;
        for (RecordKey { table, key }, record) in records {
            let mut table = transaction.open_table(table.definition())?;
            match record {
                Some(record) => table.insert(key.as_str(), record.as_slice())?,
                None => table.remove(key.as_str())?,
            };
        }
        transaction.commit()?;
        Ok(())
    }

    /// A stored text.
    pub(super) fn text(&self, domain: &DomainKey, digest: &Digest) -> Result<Option<String>, DatabaseError> {
        let RecordKey { table, key } = RecordKey::text(domain, digest);
        let database = self.get()?;
        let table = database.begin_read()?.open_table(table.definition())?;
        let text = table.get(key.as_str())?;
        Ok(text.map(|text| String::from_utf8_lossy(text.value()).into_owned()))
    }

    /// Events after a number, the oldest first.
    pub(super) fn events(&self, after: u64, most: usize) -> Result<Vec<(u64, VersionEvent)>, DatabaseError> {
        let database = self.get()?;
        let events = database.begin_read()?.open_table(Table::Events.definition())?;
        let from = RecordKey::event(after.saturating_add(1)).key;
        let mut page = Vec::new();
        for row in events.range(from.as_str()..)?.take(most) {
            let (key, record) = row?;
            page.push((number(key.value())?, decode(key.value(), record.value())?));
        }
        Ok(page)
    }

    /// The first and the last number of the events that are kept.
    pub(super) fn event_bounds(&self) -> Result<Option<(u64, u64)>, DatabaseError> {
        let database = self.get()?;
        let events = database.begin_read()?.open_table(Table::Events.definition())?;
        match (events.first()?, events.last()?) {
            (Some((first, _)), Some((last, _))) => Ok(Some((number(first.value())?, number(last.value())?))),
            _ => Ok(None),
        }
    }

    /// Up to where a receiver has the events, if it is known.
    pub(super) fn receiver(&self, name: &str) -> Result<Option<u64>, DatabaseError> {
        let database = self.get()?;
        let receivers = database.begin_read()?.open_table(Table::Receivers.definition())?;
        receivers.get(name)?.map(|record| decode(name, record.value())).transpose()
    }

    /// The whole model.
    pub(crate) fn load(&self) -> Result<State, DatabaseError> {
        let database = self.get()?;
        let transaction = database.begin_read()?;
        // Put through a draft, so that references are counted by the one code that counts them.
        let mut draft = Draft::loading();
        for table in Table::ALL.into_iter().filter(|table| table.is_loaded()) {
            for row in transaction.open_table(table.definition())?.iter()? {
                let (key, record) = row?;
                put(&mut draft, table, key.value(), record.value())?;
            }
            draft.changes.records.clear();
        }
        Ok(draft.state)
    }
}

fn put(draft: &mut Draft, table: Table, key: &str, record: &[u8]) -> Result<(), DatabaseError> {
    let damaged = |problem: String| DatabaseError::Record { key: key.to_owned(), problem };
    let mut parts = key.split('/');
    let mut part = || parts.next().ok_or_else(|| damaged("its key is too short".to_owned()));
    let domain = DomainKey {
        region: part()?.parse().map_err(|error| damaged(format!("{error}")))?,
        owner: part()?.parse().map_err(|error| damaged(format!("{error}")))?,
        name: part()?.parse().map_err(|error| damaged(format!("{error}")))?,
    };
    if table == Table::Domains {
        draft.put_domain(&domain, decode::<AboutDomain>(key, record)?);
        return Ok(());
    }
    let orphan = |_| damaged("what it belongs to is missing".to_owned());
    if table == Table::Groups {
        let pattern = &key[domain.to_string().len()..];
        let pattern = Pattern::parse(pattern).map_err(|error| damaged(format!("its pattern {error}")))?;
        return draft.put_group(&domain, &pattern, decode::<AboutGroup>(key, record)?).map_err(orphan);
    }
    let name: RepositoryName = part()?.parse().map_err(|error| damaged(format!("{error}")))?;
    let repository = RepositoryKey { domain, name };
    if table == Table::Repositories {
        return draft.put_repository(&repository, decode::<AboutRepository>(key, record)?).map_err(orphan);
    }
    let format = part()?.parse().map_err(|error| damaged(format!("{error}")))?;
    let package = PackageKey::new(format, part()?, part()?);
    if table == Table::Packages {
        return draft.put_package(&repository, &package, decode::<AboutPackage>(key, record)?).map_err(orphan);
    }
    draft.put_version(&repository, &package, decode::<Version>(key, record)?).map_err(orphan)
}

fn number(key: &str) -> Result<u64, DatabaseError> {
    key.parse().map_err(|_| DatabaseError::Record { key: key.to_owned(), problem: "its key is no number".to_owned() })
}

/// Makes the database under another name first. It stays open over the renaming: closing and opening it would cost as
/// many flushes again.
fn create(folder: &Path, file: &Path) -> Result<redb::Database, DatabaseError> {
    let new = folder.join(NEW_FILE);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(DatabaseError::Folder(error)),
        _ => {}
    }
    let database = builder().create(&new)?;
    initialise(&database)?;
    std::fs::rename(&new, file).map_err(DatabaseError::Folder)?;
    crate::assets::sync_folder(folder).map_err(DatabaseError::Folder)?;
    Ok(database)
}

/// The file of the database in a data folder.
pub(crate) fn file_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Is an asset stored? The folder of one that holds none may be there from a start that was interrupted.
fn has_assets(folder: &Path) -> io::Result<bool> {
    match std::fs::read_dir(folder.join("assets")) {
        Ok(mut domains) => Ok(domains.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens the database with every page's checksum looked at: without that, a file that was altered is believed as long
/// as it can be read at all.
///
/// A transaction that was cut off when the power went is undone, and was not acknowledged. If the file was closed in
/// good order, the same sight means that an acknowledged one is damaged: that is not undone in silence.
fn open_checked(file: &Path) -> Result<redb::Database, DatabaseError> {
    let closed = was_closed(file).map_err(DatabaseError::Folder)?;
    let mut builder = builder();
    builder.set_check_integrity_on_open(true).set_repair_callback(move |repair| {
        // After the first of three looks, and only if the last transaction is to be undone.
        if closed && repair.progress() > 0.2 && repair.progress() < 0.5 {
            repair.abort();
        }
    });
    match builder.open(file) {
        Err(redb::DatabaseError::RepairAborted) => Err(DatabaseError::LastTransaction),
        opened => Ok(opened?),
    }
}

/// Was it closed in good order? One bit of the header's tenth byte says so in this form of the file.
fn was_closed(file: &Path) -> io::Result<bool> {
    const UNCLEAN: u8 = 2;
    let mut header = Vec::with_capacity(10);
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(file)?, 10), &mut header)?;
    Ok(header.get(9).is_some_and(|flags| flags & UNCLEAN == 0))
}

fn builder() -> redb::Builder {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes the tables that are not there, so that reading never meets a missing one.
fn initialise(database: &redb::Database) -> Result<(), DatabaseError> {
    let transaction = database.begin_write()?;
    for table in Table::ALL {
        transaction.open_table(table.definition())?;
    }
    transaction.open_table(ABOUT)?.insert("schema", SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

/// In one transaction: a folder is of the one version or of the other.
fn bring_up_to_date(database: &redb::Database) -> Result<(), DatabaseError> {
    match schema(database)? {
        found if found == SCHEMA => {
            let there = database.begin_read()?.list_tables()?.count();
            // One of the tables, and not a form of their records, may be younger than the folder.
            if there > Table::ALL.len() { Ok(()) } else { initialise(database) }
        }
        found if found == OLDER => initialise(database),
        found => Err(DatabaseError::Schema { found }),
    }
}

fn schema(database: &redb::Database) -> Result<String, DatabaseError> {
    let transaction = database.begin_read()?;
    match transaction.open_table(ABOUT) {
        Ok(table) => Ok(table.get("schema")?.map_or_else(|| "none".to_owned(), |schema| schema.value().to_owned())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok("none".to_owned()),
        Err(error) => Err(error.into()),
    }
}

impl DatabaseError {
    /// Did the disk run full?
    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Storage(error)
            if matches!(&**error, redb::Error::Io(error)
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)))
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for DatabaseError {
            fn from(error: $error) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        })*
    };
}
from_redb!(redb::DatabaseError, redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);
