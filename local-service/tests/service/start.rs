//! Starting, stopping, starting again.

use std::{net::TcpListener, time::Duration};

use local_service::{Clock, FaultRule, Limits, LocalService, Options, StartError};

use crate::client::{Connection, Service, fixed_clock, request, signed};

fn durable(folder: &std::path::Path) -> Options {
    Options::durable(folder, fixed_clock())
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let service = Service::of(durable(&data));
    service.furnish();
    let token = service.token();
    assert_eq!(service.publish(&token, "shared", "demo", "1.0.0", b"one").status, 200);
    let before = service.ok("GET", "/v1/repository?domain=acme&repository=app", None);
    service.local.stop();
    service.local.stop();

    let service = Service::of(durable(&data));
    assert_eq!(service.ok("GET", "/v1/repository?domain=acme&repository=app", None), before);
    // The token of before holds: its key is part of the data.
    assert_eq!(service.cargo(&token, "GET", "app", "api/v1/crates/demo/1.0.0/download", b"").body, b"one");
    assert_eq!(service.ok("GET", "/v1/domain?domain=acme", None)["domain"]["assetSizeBytes"], 3);
}

#[test]
fn an_ephemeral_service_forgets() {
    let service = Service::furnished();
    service.local.stop();
    let service = Service::ephemeral();
    assert_eq!(service.refused("GET", "/v1/domain?domain=acme", None).0, 404);
}

#[test]
fn a_folder_in_use_is_refused_and_free_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let first = LocalService::start(durable(folder.path())).unwrap();
    let second = LocalService::start(durable(folder.path()));
    assert!(matches!(second, Err(StartError::InUse { .. })), "{second:?}");
    first.stop();
    drop(crate::client::start(&durable(folder.path())).unwrap());
    drop(crate::client::start(&durable(folder.path())).unwrap());
}

#[test]
fn somebody_elses_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), b"years of work").unwrap();
    let refused = LocalService::start(durable(folder.path()));
    assert!(matches!(&refused, Err(StartError::NotOurs { found, .. }) if found == "thesis.txt"), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let file = folder.path().join("thesis.txt");
    assert!(matches!(LocalService::start(durable(&file)), Err(StartError::Folder { .. })));
}

#[test]
fn a_damaged_or_unknown_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(LocalService::start(durable(folder.path())).unwrap());
    let file = folder.path().join("service.redb");
    let good = std::fs::read(&file).unwrap();

    std::fs::write(&file, b"not a database").unwrap();
    let refused = crate::client::start(&durable(folder.path()));
    assert!(matches!(refused, Err(StartError::Damaged { .. })), "{refused:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"not a database");

    std::fs::write(&file, &good).unwrap();
    {
        let database = redb::Database::open(&file).unwrap();
        let write = database.begin_write().unwrap();
        let about: redb::TableDefinition<&str, &str> = redb::TableDefinition::new("about");
        write.open_table(about).unwrap().insert("schema", "99").unwrap();
        write.commit().unwrap();
    }
    let refused = crate::client::start(&durable(folder.path()));
    assert!(matches!(&refused, Err(StartError::Schema { found, .. }) if found == "99"), "{refused:?}");

    std::fs::write(&file, &good).unwrap();
    {
        let database = redb::Database::open(&file).unwrap();
        let write = database.begin_write().unwrap();
        let domains: redb::TableDefinition<&str, &[u8]> = redb::TableDefinition::new("domains");
        let record: &[u8] = br#"{"v":2,"record":{}}"#;
        write.open_table(domains).unwrap().insert("eu-west-1/111122223333/acme", record).unwrap();
        write.commit().unwrap();
    }
    let refused = crate::client::start(&durable(folder.path()));
    let Err(StartError::Damaged { problem, .. }) = &refused else { panic!("{refused:?}") };
    assert!(problem.contains("eu-west-1/111122223333/acme"), "{problem}");
}

#[test]
fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "10.0.0.1:80"] {
        let mut options = Options::ephemeral(fixed_clock());
        options.listen = address.parse().unwrap();
        let refused = LocalService::start(options).unwrap_err();
        assert!(matches!(refused, StartError::NotLoopback { .. }), "{address}");
        assert!(refused.to_string().contains("--strict-auth"));
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::ephemeral(fixed_clock());
    options.listen = taken.local_addr().unwrap();
    assert!(matches!(LocalService::start(options), Err(StartError::Listen { .. })));
}

#[test]
fn open_requests_finish_before_the_stop_and_no_longer_than_its_bound() {
    for (delay, bound, answered) in [(200, 5_000, true), (60_000, 100, false)] {
        let mut options = Options::ephemeral(fixed_clock());
        options.limits = Limits { drain: Duration::from_millis(bound), ..Limits::default() };
        options.faults =
            vec![FaultRule { delay_ms: delay, operation: Some("ListDomains".to_owned()), ..FaultRule::default() }];
        let service = Service::of(options);
        let mut connection = Connection::open(service.address).unwrap();
        let asked = request(service.address, "POST", "/v1/domains", &[("Authorization", &signed("eu-west-1"))], b"");
        connection.send(&asked).unwrap();
        // Counted on arrival: from then on it is an open request.
        while service.local.calls("ListDomains").calls == 0 {
            std::thread::yield_now();
        }
        service.local.stop();
        assert_eq!(connection.receive(false).is_ok_and(|answer| answer.status == 200), answered);
        assert!(Connection::open(service.address).is_err());
    }
}

#[test]
fn the_clock_may_be_the_hosts() {
    let service = Service::of(Options::ephemeral(Clock::of(codeartifact::Host::of_process())));
    let created = service.ok("POST", "/v1/domain?domain=acme", None);
    assert!(created["domain"]["createdTime"].as_f64().unwrap() > 1_700_000_000.0);
}
