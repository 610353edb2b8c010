//! A data folder that was damaged, written by another version, or lost a part.
//!
//! Whatever was done to it: the service starts and everything is there, or it does not start, says which file and why,
//! and leaves the folder as it is.

use std::{collections::BTreeSet, path::Path};

use codeartifact::Host;
use local_service::{Clock, LocalService, Options, StartError};
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    child::{self, Serving, size},
    client::{Service, start},
    formats::{Ask, Format, Release, furnishing},
};

const DATABASE: &str = "service.redb";

/// A folder with a version of each format, and the bytes of its database.
struct Stocked {
    folder: TempDir,
    releases: Vec<Release>,
    database: Vec<u8>,
    assets: Vec<String>,
}

fn durable(folder: &Path) -> Options {
    Options::durable(folder, Clock::of(Host::of_process()))
}

fn stocked() -> Stocked {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(durable(folder.path()));
    for ask in furnishing() {
        assert_eq!(ask.send(service.address, "").unwrap().status, 200);
    }
    let token = service.token();
    let releases: Vec<Release> =
        Format::ALL.into_iter().map(|format| Release::new(format, "team", "demo", "1.0.0")).collect();
    for release in &releases {
        assert!(release.publish(service.address, &token).unwrap().status < 300, "{release:?}");
    }
    service.local.stop();
    let database = std::fs::read(folder.path().join(DATABASE)).unwrap();
    let assets = child::assets(folder.path());
    Stocked { folder, releases, database, assets }
}

impl Stocked {
    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Everything that was published is there.
    fn check_all(&self, service: &LocalService) {
        let address = service.address();
        let token = Ask { method: "POST", ..Ask::get("/v1/authorization-token?domain=acme".to_owned()) };
        let token = token.send(address, "").unwrap().json()["authorizationToken"].as_str().unwrap().to_owned();
        for release in &self.releases {
            let answer = release.list().send(address, &token).unwrap();
            assert_eq!(release.listed(&answer), ["1.0.0"], "{release:?}");
            for (ask, bytes) in release.reading() {
                let answer = ask.send(address, &token).unwrap();
                assert_eq!((answer.status, answer.body), (200, bytes), "{ask:?}");
            }
        }
    }

    /// Starts on another database: all or nothing. Was it refused?
    fn try_database(&self, what: &str, database: &[u8]) -> bool {
        std::fs::write(self.file(), database).unwrap();
        let refused = match start(&durable(self.folder.path())) {
            Ok(service) => {
                self.check_all(&service);
                service.stop();
                false
            }
            Err(error) => {
                let message = error.to_string();
                assert!(matches!(error, StartError::Damaged { .. } | StartError::Schema { .. }), "{what}: {error:?}");
                assert!(message.contains(DATABASE) && message.contains("nothing was changed"), "{what}: {message}");
                assert_eq!(std::fs::read(self.file()).unwrap(), database, "{what}: the file is as it was");
                true
            }
        };
        assert_eq!(child::assets(self.folder.path()), self.assets, "{what}: no asset is lost");
        refused
    }
}

/// Numbers that look like chance and are the same in every run.
pub(crate) fn chance(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}

#[test]
fn a_damaged_database_is_refused_or_whole() {
    let stocked = stocked();
    let good = &stocked.database;
    assert!(!stocked.try_database("nothing", good));
    let (mut tried, mut refused) = (0, 0);
    let mut attempt = |what: String, database: &[u8]| {
        tried += 1;
        let was_refused = stocked.try_database(&what, database);
        refused += usize::from(was_refused);
        was_refused
    };
    // Cut off.
    for length in [0, 1, 9, 10, 64, 320, 4096, 8192, good.len() / 2, good.len() - 4096, good.len() - 1] {
        assert!(attempt(format!("{length} bytes"), &good[..length]) || length > 8192);
    }
    // Its header, in whole and bit by bit: both of its commit slots are in it.
    for length in [9, 64, 320, 4096] {
        let mut damaged = good.clone();
        damaged[..length].fill(0);
        assert!(attempt(format!("{length} zeros"), &damaged));
    }
    for at in (0..320).step_by(size(4, 1)) {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        attempt(format!("bit {} of byte {at}", at % 8), &damaged);
    }
    for bit in 0..8 {
        let mut damaged = good.clone();
        damaged[9] ^= 1 << bit;
        attempt(format!("flag {bit}"), &damaged);
    }
    // Any bit, and any page, of what is written at all.
    let pages: Vec<usize> =
        (0..good.len() / 4096).filter(|page| good[page * 4096..][..4096].iter().any(|byte| *byte != 0)).collect();
    let mut seed = 7;
    for _ in 0..size(100, 200) {
        let mut damaged = good.clone();
        let at = pages[chance(&mut seed) % pages.len()] * 4096 + chance(&mut seed) % 4096;
        damaged[at] ^= 1 << (chance(&mut seed) % 8);
        attempt(format!("a bit of byte {at}"), &damaged);
    }
    for page in pages.iter().take(size(30, 500)) {
        let mut damaged = good.clone();
        damaged[page * 4096..][..4096].fill(0);
        attempt(format!("page {page}"), &damaged);
    }
    attempt("more at its end".to_owned(), &[good.as_slice(), &[7; 5000]].concat());
    assert!(refused * 4 > tried, "only {refused} of {tried} were noticed");
    assert!(!stocked.try_database("nothing again", good));
}

/// Without its database a folder is not begun anew: that would remove every asset as one that nothing refers to.
#[test]
fn a_folder_without_its_database_is_refused() {
    let stocked = stocked();
    std::fs::remove_file(stocked.file()).unwrap();
    let refused = start(&durable(stocked.folder.path())).unwrap_err();
    let message = refused.to_string();
    assert!(matches!(refused, StartError::Damaged { .. }), "{refused:?}");
    assert!(message.contains(DATABASE) && message.contains("is not there"), "{message}");
    assert_eq!(child::assets(stocked.folder.path()), stocked.assets);
    assert!(!stocked.file().exists());
    assert!(!stocked.try_database("put back", &stocked.database));
}

/// What is done to a file.
type Damage<'a> = &'a dyn Fn(&Path);

/// An asset whose file is gone, or is not as long as it was, is an error; the others are served.
#[test]
fn an_asset_that_was_changed_on_the_disk_is_not_served() {
    let stocked = stocked();
    let service = Service::of(durable(stocked.folder.path()));
    let token = service.token();
    let damages: [(&str, Damage); 4] = [
        ("gone", &|file| std::fs::remove_file(file).unwrap()),
        ("empty", &|file| std::fs::write(file, b"").unwrap()),
        ("shorter", &|file| std::fs::write(file, &std::fs::read(file).unwrap()[1..]).unwrap()),
        ("longer", &|file| std::fs::write(file, [&std::fs::read(file).unwrap()[..], b"x"].concat()).unwrap()),
    ];
    for release in &stocked.releases {
        for (ask, bytes) in release.reading() {
            let digest = crate::client::sha256(&bytes);
            let file = child::files(&stocked.folder.path().join("assets"))
                .into_iter()
                .find(|file| file.ends_with(&digest))
                .unwrap();
            for (what, damage) in &damages {
                damage(&file);
                for method in ["GET", "HEAD"] {
                    let answer = Ask { method, ..ask.clone() }.send(service.address, &token).unwrap();
                    assert_eq!(answer.status, 500, "{what} {method} {ask:?}: {}", answer.text());
                }
                std::fs::write(&file, &bytes).unwrap();
            }
            assert_eq!(ask.send(service.address, &token).unwrap().body, bytes);
        }
    }
    service.local.stop();
}

type Rows = TableDefinition<'static, &'static str, &'static [u8]>;
const ABOUT: TableDefinition<'_, &str, &str> = TableDefinition::new("about");

/// Makes of a database one as the first form had it: without the tables and the members that came later.
fn to_first_form(file: &Path) {
    let database = redb::Database::open(file).unwrap();
    let write = database.begin_write().unwrap();
    for later in ["groups", "events", "receivers"] {
        assert!(write.delete_table(Rows::new(later)).unwrap());
    }
    for (table, members) in [
        ("domains", &["policy"][..]),
        ("repositories", &["connection", "policy"]),
        ("packages", &["display_name", "tags"]),
        ("versions", &["awaited"]),
    ] {
        let mut table = write.open_table(Rows::new(table)).unwrap();
        let rows: Vec<(String, Value)> = table
            .iter()
            .unwrap()
            .map(|row| row.unwrap())
            .map(|(key, value)| (key.value().to_owned(), serde_json::from_slice(value.value()).unwrap()))
            .collect();
        for (key, mut record) in rows {
            for member in members {
                assert!(record["record"].as_object_mut().unwrap().remove(*member).is_some(), "{member}");
            }
            table.insert(key.as_str(), record.to_string().as_bytes()).unwrap();
        }
    }
    write.open_table(ABOUT).unwrap().insert("schema", "1").unwrap();
    write.commit().unwrap();
}

fn tables(file: &Path) -> BTreeSet<String> {
    let database = redb::Database::open(file).unwrap();
    let read = database.begin_read().unwrap();
    read.list_tables().unwrap().map(|table| table.name().to_owned()).collect()
}

/// A folder as the first form had it: crates only, and no public source.
fn first_form() -> Stocked {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(durable(folder.path()));
    service.furnish();
    let token = service.token();
    let releases: Vec<Release> =
        ["one", "two"].into_iter().map(|name| Release::new(Format::Cargo, "team", name, "1.0.0")).collect();
    for release in &releases {
        assert_eq!(release.publish(service.address, &token).unwrap().status, 200);
    }
    service.local.stop();
    let file = folder.path().join(DATABASE);
    to_first_form(&file);
    assert_eq!(tables(&file).len(), 6);
    let database = std::fs::read(&file).unwrap();
    let assets = child::assets(folder.path());
    Stocked { folder, releases, database, assets }
}

#[test]
fn a_folder_of_the_first_form_is_brought_up_to_date_with_all_that_is_in_it() {
    let stocked = first_form();
    assert!(!stocked.try_database("the first form", &stocked.database));
    assert_eq!(tables(&stocked.file()).len(), 9);
    // It takes what the first form had not.
    let service = Service::of(durable(stocked.folder.path()));
    let release = Release::new(Format::Npm, "team", "three", "1.0.0");
    assert_eq!(release.publish(service.address, &service.token()).unwrap().status, 200);
    let group = json!({ "packageGroup": "/npm/*" });
    service.ok("POST", "/v1/package-group?domain=acme", Some(&group));
    let tag = format!(
        "/v1/repository/external-connection?domain=acme&repository=shared&external-connection={}",
        "public:npmjs"
    );
    service.ok("POST", &tag, None);
    service.local.stop();
    let service = Service::of(durable(stocked.folder.path()));
    assert_eq!(release.reading()[0].0.send(service.address, &service.token()).unwrap().status, 200);
}

/// Killed while it is brought up to date, at each call that writes: then it is of the one form or of the other.
#[cfg(target_os = "linux")]
#[test]
fn killed_while_it_is_brought_up_to_date_a_folder_starts() {
    if !child::strace_is_usable() {
        return;
    }
    let stocked = first_form();
    let mut killed = 0;
    for call in ["pwrite64", "fdatasync", "fsync", "ftruncate", "openat"] {
        let counts: Vec<usize> =
            if call == "openat" { (12..size(20, 60)).collect() } else { (1..size(6, 25)).collect() };
        for when in counts {
            std::fs::write(stocked.file(), &stocked.database).unwrap();
            let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={when}"));
            let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let serving = Serving { folder: Some(stocked.folder.path()), wrapper: &wrapper, ..Serving::default() };
            let mut process = serving.spawn("child::served");
            child::address(&mut process);
            drop(process.stdin.take());
            killed += usize::from(child::was_killed(process.wait().unwrap()));
            let service = start(&durable(stocked.folder.path())).unwrap();
            stocked.check_all(&service);
            service.stop();
            assert_eq!(child::assets(stocked.folder.path()), stocked.assets);
        }
    }
    assert!(killed >= 8, "only {killed} were killed on the way");
}
