//! Clients that send one byte at a time, that never finish, or that take nothing of their answers: others are served
//! meanwhile, memory is bounded, and those clients are dropped within the limits.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    child::{Served, Serving, until},
    formats::{Ask, Format, Release},
};

const EACH: usize = 50;
/// The limits of the service under test, each.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the dearest of ours may wait while the slow ones are there.
const BOUND: Duration = Duration::from_secs(10);

fn open(served: &Served, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

/// Sends a byte of each now and then, until the test is over; and not for ever if that fails.
fn trickle(streams: &mut [TcpStream], over: &AtomicBool) {
    let began = Instant::now();
    while !over.load(Ordering::SeqCst) && began.elapsed() < Duration::from_secs(80) {
        for stream in streams.iter_mut() {
            // One that was dropped takes nothing any more.
            drop(stream.write_all(b"a"));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn two_hundred_slow_clients_stop_nobody_and_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving { folder: Some(folder.path()), patience: Some(PATIENCE), ..Serving::default() };
    let served = serving.start();
    let token = served.furnish();
    let large = Release::new(Format::Cargo, "team", "large", "1.0.0").with_ballast(32 << 20);
    assert_eq!(large.publish(served.address, &token).unwrap().status, 200);
    let before = served.sockets();

    let publish = Release::new(Format::Npm, "team", "slow", "1.0.0").publication().swap_remove(0);
    let whole = publish.bytes(served.address, &token);
    let body = whole.len() - publish.body.len();
    let read = large.reading().swap_remove(0).0.bytes(served.address, &token);
    let over = AtomicBool::new(false);
    let ((), rise) = served.rise(|| {
        // Their header, byte by byte; their body, byte by byte; nothing after a header that promises a body; and an
        // answer that they take nothing of.
        let mut headers: Vec<_> = (0..EACH).map(|_| open(&served, b"GET / HTTP/1.1\r\nX: ")).collect();
        let mut bodies: Vec<_> = (0..EACH).map(|_| open(&served, &whole[..=body])).collect();
        let silent: Vec<_> = (0..EACH).map(|_| open(&served, &whole[..body])).collect();
        let deaf: Vec<_> = (0..EACH).map(|_| open(&served, &read)).collect();
        thread::scope(|scope| {
            let (over, (headers, bodies)) = (&over, (&mut headers, &mut bodies));
            scope.spawn(move || trickle(headers, over));
            scope.spawn(move || trickle(bodies, over));
            let began = Instant::now();
            let mut number = 0;
            while number < 4 || began.elapsed() < PATIENCE / 2 {
                let release = Release::new(Format::Pypi, "team", "quick", &format!("1.{number}.0"));
                let asked = Instant::now();
                assert!(release.publish(served.address, &token).unwrap().status < 300);
                let (ask, bytes): (Ask, Vec<u8>) = release.reading().swap_remove(0);
                assert_eq!(ask.send(served.address, &token).unwrap().body, bytes);
                assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
                number += 1;
            }
            // Dropped one by one, and not because they went away.
            until("the end of the slow ones", || served.sockets() <= before);
            over.store(true, Ordering::SeqCst);
        });
        // What they see: an answer that says so, or the end.
        for mut stream in headers.into_iter().chain(bodies).chain(silent) {
            let mut answer = [0; 12];
            match stream.read(&mut answer) {
                Ok(0) => {}
                Ok(count) => assert!(count < 12 || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}"),
                Err(error) => assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
            }
        }
        for stream in deaf {
            drop(stream.shutdown(Shutdown::Both));
        }
    });
    // Pieces of an answer on their way to each, and no more.
    assert!(rise < 100 << 20, "{} MiB", rise >> 20);
    assert!(std::fs::read_dir(folder.path().join("staging")).unwrap().next().is_none());
    served.end();
}

/// A connection that nobody uses any more is closed, too.
#[test]
fn an_idle_connection_is_closed() {
    let served = Serving { patience: Some(Duration::from_millis(300)), ..Serving::default() }.start();
    let began = Instant::now();
    let request = format!("GET /_local/counters HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    let mut stream = open(&served, request.as_bytes());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let mut stream = open(&served, b"");
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or_default(), 0);
    // The server's own default, which ours replaces, is half a minute.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    served.end();
}
