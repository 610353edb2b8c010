//! Uploads that break off, that are longer or shorter than they say, or that are not what they say: nothing of them is
//! seen, and the disk is as it was.

use std::{collections::BTreeMap, path::Path};

use codeartifact::Host;
use local_service::{Clock, Options};
use serde_json::json;

use crate::{
    child::{self, until},
    client::{Connection, Service, sha256},
    formats::{Ask, Format, Release, gem, specification},
};

struct Watched<'a> {
    service: &'a Service,
    token: String,
    folder: &'a Path,
    assets: Vec<String>,
}

impl Watched<'_> {
    /// Requests that failed so far.
    fn failed(&self) -> u64 {
        self.service.local.counters().values().map(|calls| calls.failures).sum()
    }

    /// Sends so much of a request and goes away; returns when the service has noticed.
    fn send_part(&self, bytes: &[u8]) {
        let before = self.failed();
        let mut connection = Connection::open(self.service.address).unwrap();
        connection.send(bytes).unwrap();
        drop(connection);
        until("the failure", || self.failed() > before);
    }

    /// Nothing of a release is seen, and nothing is left.
    #[track_caller]
    fn clean(&self, what: &str, release: &Release) {
        // What a request had staged goes when it ends.
        until("the end of the upload", || std::fs::read_dir(self.folder.join("staging")).unwrap().count() == 0);
        let (address, token) = (self.service.address, &self.token);
        let listed = release.listed(&release.list().send(address, token).unwrap());
        assert_eq!(listed, Vec::<String>::new(), "{what} {release:?}");
        for (ask, _) in release.reading() {
            assert_eq!(ask.send(address, token).unwrap().status, 404, "{what} {ask:?}");
        }
        until("the removal of the asset", || child::assets(self.folder) == self.assets);
    }
}

/// The same request, saying another length.
fn with_length(bytes: &[u8], body: usize, said: usize) -> Vec<u8> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len() - body]).into_owned();
    let other = head.replace(&format!("Content-Length: {body}\r\n"), &format!("Content-Length: {said}\r\n"));
    assert_ne!(head, other);
    [other.as_bytes(), &bytes[bytes.len() - body..]].concat()
}

#[test]
fn what_breaks_off_in_any_format_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(Options::durable(folder.path(), Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    // Something is there before, which must stay.
    for format in Format::ALL {
        let there = Release::new(format, "team", "there", "1.0.0");
        assert!(there.publish(service.address, &token).unwrap().status < 300);
    }
    let assets = child::assets(folder.path());
    let mut watched = Watched { service: &service, token, folder: folder.path(), assets };
    for format in Format::ALL {
        let release = Release::new(format, "team", "demo", "1.0.0").with_ballast(3 << 20);
        let first = &release.publication()[0];
        let bytes = first.bytes(service.address, &watched.token);
        for percent in [1, 50, 99] {
            watched.send_part(&bytes[..bytes.len() * percent / 100]);
            watched.clean(&format!("{percent} %"), &release);
        }
        // Longer than it is: the client goes away before all has come.
        watched.send_part(&with_length(&bytes, first.body.len(), first.body.len() + 10));
        watched.clean("a length that is too large", &release);
        // Shorter: what is cut off is read as the next request, which it is not.
        let before = watched.failed();
        let mut connection = Connection::open(service.address).unwrap();
        // The service may have closed it before all was sent.
        drop(connection.send(&with_length(&bytes, first.body.len(), first.body.len() - 5_000)));
        if format == Format::Maven {
            // A file is all there is of such a request; it is seen when its version is finished, which it is not.
            assert_eq!(connection.receive(false).unwrap().status, 201);
            let query = format.query("team", "demo");
            let body = json!({ "versions": ["1.0.0"] });
            service.ok("POST", &format!("/v1/package/versions/delete?{query}"), Some(&body));
        } else {
            if let Ok(answer) = connection.receive(false) {
                assert_eq!(answer.status, 400, "{}", answer.text());
            }
            until("the failure", || watched.failed() > before);
        }
        watched.clean("a length that is too small", &release);
        // After all that it goes in.
        assert!(release.publish(service.address, &watched.token).unwrap().status < 300);
        watched.assets = child::assets(folder.path());
    }
}

/// The bytes are not those that the client announced, where its format announces any.
#[test]
fn what_is_not_what_it_says_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::of(Options::durable(folder.path(), Clock::of(Host::of_process())));
    service.furnish();
    let token = service.token();
    let mut watched = Watched { service: &service, token, folder: folder.path(), assets: Vec::new() };
    let wrong = sha256(b"something else");
    let mut tried = BTreeMap::new();
    for format in Format::ALL {
        let release = Release::new(format, "team", "demo", "1.0.0").with_ballast(600_000);
        let mut asks = release.publication();
        let bytes = release.files().swap_remove(0).1;
        let replaced = |ask: &Ask, from: &str, to: &str| {
            let at = ask.body.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            let body = [&ask.body[..at], to.as_bytes(), &ask.body[at + from.len()..]].concat();
            Ask { body, ..ask.clone() }
        };
        let refused = match format {
            Format::Npm => vec![
                replaced(&asks[0], "\"integrity\":\"sha512-", "\"integrity\":\"sha512-AA"),
                replaced(&asks[0], "\"shasum\":\"", "\"shasum\":\"0"),
                replaced(&asks[0], "\"length\":", "\"length\":1"),
            ],
            Format::Pypi => vec![replaced(&asks[0], &sha256(&bytes), &wrong)],
            Format::Ruby => {
                let gem = gem(&specification("demo", "1.0.0"), &bytes);
                let sums = format!("---\nSHA256:\n  data.tar.gz: {wrong}\n");
                let gem = crate::formats::with_checksums(&gem, &sums);
                vec![Ask { body: gem, ..asks[0].clone() }]
            }
            Format::Generic => {
                vec![Ask { headers: vec![("x-amz-content-sha256", wrong.clone())], ..asks[0].clone() }]
            }
            Format::Maven => {
                // The checksum comes after the file; then the version is never finished.
                let jar = asks[0].send(service.address, &watched.token).unwrap();
                assert_eq!(jar.status, 201);
                let target = format!("{}.sha1", asks[0].target);
                let metadata = asks.pop().unwrap();
                vec![Ask { target, body: wrong.as_bytes()[..40].to_vec(), ..asks[0].clone() }, metadata]
            }
            // They announce lengths only.
            Format::Cargo | Format::Nuget | Format::Swift => continue,
        };
        for ask in refused {
            let answer = ask.send(service.address, &watched.token).unwrap();
            assert_eq!(answer.status, 400, "{format:?}: {}", answer.text());
            *tried.entry(format).or_insert(0) += 1;
        }
        if format == Format::Maven {
            let body = json!({ "versions": ["1.0.0"] });
            service.ok("POST", &format!("/v1/package/versions/delete?{}", format.query("team", "demo")), Some(&body));
        }
        watched.clean("another digest", &release);
        assert!(release.publish(service.address, &watched.token).unwrap().status < 300);
        watched.assets = child::assets(folder.path());
    }
    assert_eq!(tried.len(), 5, "{tried:?}");
}
