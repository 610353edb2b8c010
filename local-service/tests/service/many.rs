//! Many at once, and many of one thing, in every format.

use std::{
    collections::BTreeSet,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    child::size,
    client::{Connection, Service},
    formats::{Ask, Format, Release},
};

/// A hundred different versions of one package from twenty threads.
#[test]
fn a_hundred_versions_at_once_are_all_listed_in_any_format() {
    for format in Format::ALL {
        let service = Service::furnished();
        let token = service.token();
        let release = |thread, number| Release::new(format, "team", "demo", &format!("{thread}.{number}.0"));
        thread::scope(|scope| {
            for thread in 0..20 {
                let (service, token) = (&service, &token);
                scope.spawn(move || {
                    for number in 0..5 {
                        let answer = release(thread, number).publish(service.address, token).unwrap();
                        assert!(answer.status < 300, "{format:?}: {}", answer.text());
                    }
                });
            }
        });
        let first = release(0, 0);
        let listed: BTreeSet<String> =
            first.listed(&first.list().send(service.address, &token).unwrap()).into_iter().collect();
        assert_eq!(listed.len(), 100, "{format:?}");
        for (ask, bytes) in (0..20).flat_map(|thread| release(thread, 4).reading()) {
            assert_eq!(ask.send(service.address, &token).unwrap().body, bytes, "{ask:?}");
        }
    }
}

/// One version, or one of its files where each is published by itself, from many at once: one of them wins, the others
/// are told that they did not, and the winner's bytes are the ones that are served.
#[test]
fn of_those_who_publish_one_version_one_wins_in_any_format() {
    const MANY: usize = 6;
    for format in Format::ALL {
        let service = Service::furnished();
        let token = service.token();
        for round in 0..size(12, 100) {
            let barrier = Barrier::new(MANY);
            let version = format!("1.{round}.0");
            let release = |number: usize| Release::new(format, "team", "demo", &version).with_ballast(500 + number);
            let outcomes: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..MANY)
                    .map(|number| {
                        let (service, token, barrier) = (&service, &token, &barrier);
                        let files = release(number).files();
                        let ask = release(number).files_publication(&files[..1]).swap_remove(0);
                        let bytes = ask.bytes(service.address, token);
                        scope.spawn(move || {
                            let mut connection = Connection::open(service.address).unwrap();
                            barrier.wait();
                            connection.send(&bytes).unwrap();
                            (number, connection.receive(false).unwrap())
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, answer)| answer.status < 300);
            assert_eq!(won.len(), 1, "{format:?} round {round}");
            for (_, answer) in lost {
                assert_eq!(answer.status, 409, "{format:?} round {round}: {}", answer.text());
                let said = match format {
                    Format::Cargo => answer.json()["errors"][0]["detail"].clone(),
                    Format::Npm => answer.json()["error"].clone(),
                    Format::Swift => answer.json()["detail"].clone(),
                    Format::Ruby => json!(answer.text()),
                    _ => answer.json()["message"].clone(),
                };
                assert!(!said.as_str().unwrap_or_default().is_empty(), "{format:?}: {}", answer.text());
            }
            let winner = release(won[0].0);
            if format == Format::Maven {
                // Shown when its metadata comes.
                let metadata = winner.publication().pop().unwrap();
                assert!(metadata.send(service.address, &token).unwrap().status < 300);
            }
            let (ask, bytes) = winner.reading().swap_remove(0);
            assert_eq!(ask.send(service.address, &token).unwrap().body, bytes, "{format:?} round {round}");
        }
    }
}

/// Ten thousand versions of one package: all are listed, page by page too, and one more goes in as before.
#[test]
fn a_package_may_have_very_many_versions() {
    let many = size(300, 10_000);
    for format in Format::ALL {
        let service = Service::furnished();
        let token = service.token();
        let release = |number: usize| {
            let version = format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100);
            Release::new(format, "team", "demo", &version).with_ballast(20)
        };
        // Maven's client sends all versions each time; here each sends its own.
        let publish = |connection: &mut Connection, number: usize| {
            for ask in release(number).publication() {
                connection.send(&ask.bytes(service.address, &token)).unwrap();
                let answer = connection.receive(false).unwrap();
                assert!(answer.status < 300, "{format:?}: {}", answer.text());
            }
        };
        let timed = |ask: &dyn Fn()| {
            let mut times: Vec<Duration> = (0..9)
                .map(|_| {
                    let began = Instant::now();
                    ask();
                    began.elapsed()
                })
                .collect();
            times.sort();
            times[4]
        };
        let mut connection = Connection::open(service.address).unwrap();
        for number in 0..100 {
            publish(&mut connection, number);
        }
        let next = std::cell::Cell::new(100);
        let one_more = |connection: &std::cell::RefCell<Connection>| {
            publish(&mut connection.borrow_mut(), next.replace(next.get() + 1));
        };
        let connection = std::cell::RefCell::new(connection);
        let publish_few = timed(&|| one_more(&connection));
        let first = release(0);
        let read = || {
            let answer = first.reading()[0].0.send(service.address, &token).unwrap();
            assert_eq!(answer.status, 200);
        };
        let read_few = timed(&read);
        while next.get() < many - 9 {
            one_more(&connection);
        }
        let publish_many = timed(&|| one_more(&connection));
        let read_many = timed(&read);
        let began = Instant::now();
        let listed = first.listed(&first.list().send(service.address, &token).unwrap());
        let list = began.elapsed();
        let listed: BTreeSet<String> = listed.into_iter().collect();
        // The API's own list gives a thousand at a time.
        assert_eq!(listed.len(), if format == Format::Generic { many.min(1_000) } else { many }, "{format:?}");
        let mut paged = BTreeSet::new();
        let mut token = String::new();
        loop {
            let query = format.query("team", "demo");
            let target = format!("/v1/package/versions?{query}&max-results=500{token}");
            let page = service.ok("POST", &target, None);
            let versions = page["versions"].as_array().unwrap();
            paged.extend(versions.iter().map(|version| version["version"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextToken"].as_str() else { break };
            token = format!("&next-token={next}");
        }
        assert_eq!(paged.len(), many, "{format:?}");
        let ratio = |many: Duration, few: Duration| many.as_secs_f64() / few.as_secs_f64();
        eprintln!(
            "{format:?}: a publish into {many} takes {:.2} of one into 100 ({publish_many:?}), a read {:.2}, the list \
             {list:?}",
            ratio(publish_many, publish_few),
            ratio(read_many, read_few),
        );
    }
}

/// A copy of a hundred versions of each format at once is seen in whole or not at all.
#[test]
fn a_copy_is_seen_in_whole_or_not_at_all() {
    for format in Format::ALL {
        let service = Service::furnished();
        let token = service.token();
        let versions: Vec<String> = (0..size(40, 100)).map(|number| format!("1.{number}.0")).collect();
        for version in &versions {
            let release = Release::new(format, "team", "demo", version).with_ballast(30);
            assert!(release.publish(service.address, &token).unwrap().status < 300);
        }
        let there = Release::new(format, "shared", "demo", "1.0.0").with_ballast(30);
        thread::scope(|scope| {
            let copy = scope.spawn(|| {
                let query = format.query("team", "demo").replace("&repository=", "&source-repository=");
                let target = format!("/v1/package/versions/copy?{query}&destination-repository=shared");
                service.ok("POST", &target, Some(&json!({ "versions": versions })))
            });
            while !copy.is_finished() {
                let listed = there.listed(&there.list().send(service.address, &token).unwrap()).len();
                assert!(listed == 0 || listed == versions.len(), "{format:?}: {listed} of {}", versions.len());
            }
            let copied = copy.join().unwrap();
            assert_eq!(copied["successfulVersions"].as_object().unwrap().len(), versions.len(), "{copied}");
        });
        let listed = there.listed(&there.list().send(service.address, &token).unwrap());
        assert_eq!(listed.len(), versions.len(), "{format:?}");
        let (ask, bytes): (Ask, Vec<u8>) = Release { repository: "team", ..there.clone() }.reading().swap_remove(0);
        let ask = Ask { target: ask.target.replace("/team/", "/shared/"), ..ask };
        assert_eq!(ask.send(service.address, &token).unwrap().body, bytes);
    }
}
