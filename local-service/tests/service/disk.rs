//! A disk that is full or fails, in every format: the request says so in its client's words, everything stored is
//! served, and when there is room again the next request succeeds.

use std::path::{Path, PathBuf};

use crate::{
    child::{self, Served, Serving, Tracer, size},
    client::Answer,
    formats::{Format, Release},
};

/// The error is one that the format's client reads.
#[track_caller]
fn in_the_clients_words(format: Format, answer: &Answer) {
    let said = match format {
        Format::Cargo => answer.json()["errors"][0]["detail"].is_string(),
        Format::Npm => answer.json()["error"].is_string(),
        Format::Ruby => answer.header("content-type").unwrap().starts_with("text/plain") && !answer.body.is_empty(),
        Format::Swift => {
            answer.header("content-type") == Some("application/problem+json") && answer.json()["detail"].is_string()
        }
        Format::Generic => {
            answer.header("x-amzn-errortype") == Some("InternalServerException") && answer.json()["message"].is_string()
        }
        Format::Pypi | Format::Maven | Format::Nuget => answer.json()["message"].is_string(),
    };
    assert!(said, "{format:?}: {answer:?}");
}

#[track_caller]
fn served(served: &Served, token: &str, releases: &[Release]) {
    for (ask, bytes) in releases.iter().flat_map(Release::reading) {
        let answer = ask.send(served.address, token).unwrap();
        assert_eq!((answer.status, answer.body == bytes), (200, true), "{ask:?}");
    }
    let Some(first) = releases.first() else { return };
    let mut listed = first.listed(&first.list().send(served.address, token).unwrap());
    listed.sort();
    let mut expected: Vec<&str> = releases.iter().map(|release| release.version.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected, "{:?}", first.format);
}

/// A small file system of the child's own, full in earnest.
#[test]
fn on_a_full_disk_what_is_stored_is_served_and_publishing_goes_on_later() {
    let alone = ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let as_root = [&["-r"], &alone[..]].concat();
    let spaces: &[&str] = if child::is_usable_quietly("unshare", &alone) {
        &["-m"]
    } else if child::is_usable("unshare", &as_root) {
        &["-r", "-m"]
    } else {
        return;
    };
    for format in Format::ALL {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().canonicalize().unwrap();
        let script = "mount -t tmpfs -o size=9m tmpfs \"$0\" && exec \"$@\"";
        let wrapper = [&["unshare"], spaces, &["sh", "-c", script, folder.to_str().unwrap()]].concat();
        let data = folder.join("data");
        let child = Serving { folder: Some(&data), wrapper: &wrapper, ..Serving::default() }.start();
        assert!(!data.exists(), "the file system is the child's own");
        let inside = PathBuf::from(format!("/proc/{}/root{}", child.process.id(), folder.display()));
        let token = child.furnish();
        let mut stored = vec![Release::new(format, "team", "demo", "1.0.0")];
        assert!(stored[0].publish(child.address, &token).unwrap().status < 300);
        // Somebody else's file, to be removed when it hurts.
        std::fs::write(inside.join("ballast"), vec![7; 1 << 20]).unwrap();
        let refused = loop {
            let version = format!("2.{}.0", stored.len());
            let release = Release::new(format, "team", "demo", &version).with_ballast(700_000);
            let answer = release.publish(child.address, &token).unwrap();
            if answer.status >= 300 {
                break answer;
            }
            stored.push(release);
            assert!(stored.len() < 20, "{format:?}: nothing is ever full");
        };
        assert_eq!(refused.status, 507, "{format:?}: {}", refused.text());
        assert!(refused.text().contains("full"), "{}", refused.text());
        in_the_clients_words(format, &refused);
        served(&child, &token, &stored);
        child::until("the end of the upload", || {
            std::fs::read_dir(inside.join("data/staging")).unwrap().next().is_none()
        });

        // To the last byte: now the database cannot grow either.
        drop(std::fs::write(inside.join("rest"), vec![7; 9 << 20]));
        let small = Release::new(format, "team", "demo", "3.0.0");
        let refused = small.publish(child.address, &token).unwrap();
        assert_eq!(refused.status, 507, "{format:?}: {}", refused.text());
        in_the_clients_words(format, &refused);
        served(&child, &token, &stored);

        std::fs::remove_file(inside.join("rest")).unwrap();
        std::fs::remove_file(inside.join("ballast")).unwrap();
        let answer = small.publish(child.address, &token).unwrap();
        assert!(answer.status < 300, "{format:?}: {}", answer.text());
        stored.push(small);
        served(&child, &token, &stored);
        child.end();
    }
}

/// At the n-th write or flush of an asset or of the database: each fails once.
#[test]
fn a_disk_that_fails_once_costs_one_request_in_any_format() {
    if !child::strace_is_usable() {
        return;
    }
    let mut failures = 0;
    for format in Format::ALL {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().canonicalize().unwrap();
        let child = Serving { folder: Some(&data), ..Serving::default() }.start();
        let token = child.furnish();
        let mut stored = Vec::new();
        for (call, error, database, whens) in [
            ("write", "ENOSPC", false, 1..2),
            ("fsync", "EIO", false, 1..2),
            ("pwrite64", "ENOSPC", true, 1..size(4, 12)),
            ("fdatasync", "EIO", true, 1..size(2, 4)),
        ] {
            for when in whens {
                let version = format!("1.{}.0", stored.len());
                let release = Release::new(format, "team", "demo", &version);
                let tracer = Tracer::attach(&child, call, &format!("error={error}"), when, &paths(&data, database));
                let answer = release.publish(child.address, &token).unwrap();
                // Calls of a publish may be fewer: then it succeeds, or the next one meets the failure.
                if answer.status >= 300 {
                    let expected = if error == "ENOSPC" { 507 } else { 500 };
                    assert_eq!(answer.status, expected, "{format:?} {call} {when}: {}", answer.text());
                    in_the_clients_words(format, &answer);
                    failures += 1;
                    served(&child, &token, &stored);
                }
                drop(tracer);
                let again = release.publish(child.address, &token).unwrap();
                assert!(again.status < 300, "{format:?} {call} {when}: {}", again.text());
                stored.push(release);
                served(&child, &token, &stored);
            }
        }
        child.end();
        // All of it is on the disk.
        let child = Serving { folder: Some(&data), ..Serving::default() }.start();
        served(&child, &token, &stored);
        child.end();
    }
    assert!(failures >= 4 * Format::ALL.len(), "only {failures} requests met a failure");
}

/// The files whose calls are counted.
fn paths(data: &Path, database: bool) -> Vec<String> {
    if database {
        return vec![format!("{}/service.redb", data.display())];
    }
    (0..200).map(|number| format!("{}/staging/{number}", data.display())).collect()
}
