//! SIGKILL in publishing and in importing, in every format: at the n-th system call of a kind, and at any moment, again
//! and again on one folder.
//!
//! What was acknowledged is there; what is there is whole; what was on its way has left nothing behind: the folder holds
//! exactly the assets that versions refer to.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    child::{self, Served, Serving, Tracer, size, was_killed},
    client::sha256,
    formats::{Ask, Format, Release},
    source::Source,
};

/// Kinds of calls, and which of them: for each format and way in, those are the points.
const CALLS: [(&str, &[usize]); 6] = [
    ("fsync", &[1, 2, 3, 4, 5, 6]),
    ("fdatasync", &[1, 2, 3, 4, 5, 6, 7]),
    ("pwrite64", &[1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20]),
    ("rename", &[1, 2, 3]),
    ("write", &[1, 2, 3]),
    ("openat", &[1, 2, 3, 4, 5]),
];

/// Versions of a copy.
const VERSIONS: usize = 100;

/// How versions come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Publish,
    Import,
}

/// When a round's service is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Call(&'static str, usize),
    /// After the first answer.
    Later(Duration),
}

/// One folder and what is known of it.
struct World {
    folder: TempDir,
    source: Source,
    token: String,
    /// The assets that versions refer to.
    referred: BTreeSet<String>,
    /// What was tried in the last round, and was it acknowledged?
    tried: Vec<(Release, bool)>,
    rounds: usize,
}

/// The ways of all formats.
fn ways() -> Vec<(Format, Way)> {
    let imported = Format::ALL.into_iter().filter(|format| format.connection().is_some());
    let imported = imported.map(|format| (format, Way::Import));
    Format::ALL.into_iter().map(|format| (format, Way::Publish)).chain(imported).collect()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::start();
        let served = Serving { folder: Some(folder.path()), ..Serving::default() }.start();
        let token = served.furnish();
        served.end();
        Self { folder, source, token, referred: BTreeSet::new(), tried: Vec::new(), rounds: 0 }
    }

    fn start(&self) -> Served {
        Serving { folder: Some(self.folder.path()), source: Some(&self.source.url()), ..Serving::default() }.start()
    }

    /// Looks at what the last round left, brings versions in by these ways at once, and kills; was it the tracer?
    fn round(&mut self, ways: &[(Format, Way)], moment: Moment) -> bool {
        let mut served = self.start();
        self.inspect(&served);
        self.rounds += 1;
        let work: Vec<Vec<Release>> = ways.iter().enumerate().map(|(at, way)| self.releases(*way, at)).collect();
        let tracer = match moment {
            Moment::Call(call, when) => Some(Tracer::attach(&served, call, "signal=KILL", when, &[])),
            Moment::Later(_) => None,
        };
        let tried = Mutex::new(Vec::new());
        let begun = AtomicBool::new(false);
        thread::scope(|scope| {
            for releases in work {
                let (address, token, tried, begun) = (served.address, &self.token, &tried, &begun);
                scope.spawn(move || {
                    for release in releases {
                        let outcome = bring(&release, address, token, begun);
                        let acknowledged = outcome.is_ok();
                        tried.lock().unwrap().push((release, acknowledged));
                        if !acknowledged {
                            return;
                        }
                    }
                });
            }
            if let Moment::Later(delay) = moment {
                child::until("the first answer", || begun.load(Ordering::SeqCst));
                thread::sleep(delay);
                served.process.kill().unwrap();
            }
        });
        // A number of calls that was not reached: then it is killed all the same.
        served.process.kill().unwrap();
        assert!(was_killed(served.process.wait().unwrap()));
        self.tried = tried.into_inner().unwrap();
        tracer.is_some() && self.tried.iter().any(|(_, acknowledged)| !acknowledged)
    }

    fn releases(&self, (format, way): (Format, Way), at: usize) -> Vec<Release> {
        let (repository, name) = match way {
            Way::Publish => ("team", format!("own{}x{at}", self.rounds)),
            Way::Import => ("app", format!("public{}x{at}", self.rounds)),
        };
        // Some are larger than what is written at a time.
        let ballast = if self.rounds.is_multiple_of(4) { 1_300_000 } else { 900 };
        let version = |number: usize| Release::new(format, repository, &name, &format!("1.{number}.0"));
        let releases: Vec<Release> = (0..4).map(|number| version(number).with_ballast(ballast)).collect();
        if way == Way::Import {
            Release::offer(&self.source, &releases);
        }
        releases
    }

    /// Looks at what there is, and at nothing else: no public source is asked for anything.
    fn inspect(&mut self, served: &Served) {
        assert_eq!(std::fs::read_dir(self.folder.path().join("staging")).unwrap().count(), 0, "staging is swept");
        for (release, acknowledged) in std::mem::take(&mut self.tried) {
            let digests = whole(&release, served.address, &self.token);
            assert!(!acknowledged || digests.is_some(), "{release:?} was acknowledged and is lost");
            self.referred.extend(digests.into_iter().flatten());
        }
        let stored = child::assets(self.folder.path());
        let referred: Vec<String> = self.referred.iter().cloned().collect();
        assert_eq!(stored, referred, "exactly what is referred to is stored");
    }

    /// The last look, with all that was ever stored.
    fn finish(mut self) {
        let served = self.start();
        self.inspect(&served);
        served.end();
        for digest in &self.referred {
            let path = self.folder.path().join("assets");
            let file = child::files(&path).into_iter().find(|file| file.ends_with(digest)).unwrap();
            assert_eq!(sha256(&std::fs::read(file).unwrap()), *digest);
        }
    }
}

/// Brings a version in; `Err` if the service is gone.
fn bring(release: &Release, address: SocketAddr, token: &str, begun: &AtomicBool) -> std::io::Result<()> {
    let asks = if release.repository == "app" {
        release.reading().into_iter().map(|(ask, bytes)| (ask, Some(bytes))).collect()
    } else {
        release.publication().into_iter().map(|ask| (ask, None)).collect::<Vec<_>>()
    };
    for (ask, expected) in asks {
        let answer = ask.send(address, token)?;
        assert!(answer.status < 300, "{ask:?}: {}", answer.text());
        assert!(expected.is_none_or(|expected| expected == answer.body), "{release:?}");
        begun.store(true, Ordering::SeqCst);
    }
    Ok(())
}

/// The digests of a version's assets, all of them verified; `None` if it is not there. A version is there with all that
/// makes it one or not at all: what grows file by file shows none of it before the last one, or is of files that came
/// one by one from a public source.
fn whole(release: &Release, address: SocketAddr, token: &str) -> Option<Vec<String>> {
    let query = format!("{}&version={}", release.format.query(release.repository, &release.name), release.version);
    let call = |method, target: String| Ask { method, ..Ask::get(target) }.send(address, token).unwrap();
    let listed = call("POST", format!("/v1/package/version/assets?{query}"));
    let published = published(release, address, token);
    if listed.status == 404 {
        assert!(!published, "{release:?} is listed and not there");
        return None;
    }
    let assets: Vec<Value> = listed.json()["assets"].as_array().unwrap().clone();
    let mut digests = Vec::new();
    for asset in &assets {
        let digest = asset["hashes"]["SHA-256"].as_str().unwrap();
        let name = asset["name"].as_str().unwrap();
        if published {
            let answer = call("GET", format!("/v1/package/version/asset?{query}&asset={name}"));
            assert_eq!(answer.status, 200, "{release:?} {name}: {}", answer.text());
            assert_eq!(sha256(&answer.body), digest, "{release:?} {name}");
        }
        digests.push(digest.to_owned());
    }
    let expected: Vec<String> = release.files().iter().map(|(_, bytes)| sha256(bytes)).collect();
    let there = expected.iter().filter(|digest| digests.contains(digest)).count();
    if published && release.repository == "team" {
        assert_eq!(there, expected.len(), "{release:?} is published in part");
    }
    assert!(there > 0, "{release:?} has other assets: {assets:?}");
    // Unfinished: what was acknowledged was not the whole.
    if release.repository == "team" && !published {
        let unfinished = matches!(release.format, Format::Maven | Format::Generic);
        assert!(unfinished, "{release:?} is there and not published");
    }
    Some(digests)
}

/// Is it in the list of its package?
fn published(release: &Release, address: SocketAddr, token: &str) -> bool {
    let query = release.format.query(release.repository, &release.name);
    let target = format!("/v1/package/versions?{query}&status=Published&max-results=1000");
    let answer = Ask { method: "POST", ..Ask::get(target) }.send(address, token).unwrap();
    if answer.status == 404 {
        return false;
    }
    let listed = answer.json()["versions"].as_array().unwrap().clone();
    let listed = listed.iter().any(|version| version["version"] == release.version.as_str());
    if release.repository == "team" {
        let shown = release.listed(&release.list().send(address, token).unwrap());
        assert_eq!(shown.contains(&release.version), listed, "{release:?}: {shown:?}");
    }
    listed
}

/// At the calls of each way in, one after the other.
#[test]
fn killed_at_a_call_in_any_format_nothing_acknowledged_is_lost() {
    if !child::strace_is_usable() {
        return;
    }
    let points: Vec<(&str, usize)> =
        CALLS.iter().flat_map(|(call, counts)| counts.iter().map(|when| (*call, *when))).collect();
    let ways = ways();
    // At the small size every format gets other points, so that together they are all.
    let each = size(4, points.len());
    let mut world = World::new();
    let (mut rounds, mut injected) = (0, 0);
    for (number, way) in ways.iter().enumerate() {
        let mut of_way = 0;
        for at in 0..each {
            let (call, when) = points[(number * each + at * 9) % points.len()];
            let killed = world.round(&[*way], Moment::Call(call, when));
            of_way += usize::from(killed);
            rounds += 1;
        }
        assert!(of_way * 2 >= each, "{way:?}: only {of_way} of {each} points were reached");
        injected += of_way;
        world = renewed(world, 100);
    }
    assert!(injected * 4 >= rounds * 3, "only {injected} of {rounds} points were reached");
    world.finish();
    report(&format!("{rounds} kills, {injected} of them at a call"));
}

/// At any moment, all ways at once.
#[test]
fn killed_at_any_moment_in_any_format_nothing_acknowledged_is_lost() {
    let ways = ways();
    let mut world = World::new();
    let rounds = size(24, 520);
    for number in 0..rounds {
        let four: Vec<_> = (0..4).map(|at| ways[(number * 4 + at * 3) % ways.len()]).collect();
        // The moments are spread over some versions' steps; what is proved does not rest on them.
        let delay = Duration::from_micros(u64::try_from(number * 7919 % 30_000).unwrap());
        world.round(&four, Moment::Later(delay));
        world = renewed(world, 100);
    }
    world.finish();
    report(&format!("{rounds} kills at any moment"));
}

/// Another folder after so many rounds: looking at one takes longer as it grows.
fn renewed(world: World, rounds: usize) -> World {
    if world.rounds < rounds {
        return world;
    }
    world.finish();
    World::new()
}

#[expect(clippy::print_stderr, reason = "what was measured")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// A copy of a hundred versions is one step: after a kill in it they are all there or none is.
#[test]
fn killed_in_a_copy_all_versions_are_there_or_none_is() {
    if !child::strace_is_usable() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving { folder: Some(folder.path()), ..Serving::default() };
    let served = serving.start();
    let token = served.furnish();
    let formats = [Format::Npm, Format::Maven];
    let versions: Vec<String> = (0..VERSIONS).map(|number| format!("1.{number}.0")).collect();
    for format in formats {
        for version in &versions {
            let release = Release::new(format, "team", "demo", version).with_ballast(50);
            assert!(release.publish(served.address, &token).unwrap().status < 300);
        }
    }
    served.end();
    let assets = child::assets(folder.path());
    let points: Vec<(&str, usize)> = [("pwrite64", size(10, 40)), ("fdatasync", size(3, 6)), ("openat", 2)]
        .into_iter()
        .flat_map(|(call, most)| (1..=most).map(move |when| (call, when)))
        .collect();
    let (mut killed, mut none, mut all) = (0, 0, 0);
    for (number, (call, when)) in points.into_iter().enumerate() {
        let format = formats[number % formats.len()];
        let to = format!("to-{number}");
        let mut served = serving.start();
        let create = Ask::get(format!("/v1/repository?domain=acme&repository={to}"));
        assert_eq!(Ask { method: "POST", ..create }.send(served.address, &token).unwrap().status, 200);
        let tracer = Tracer::attach(&served, call, "signal=KILL", when, &[]);
        let query = format.query("team", "demo").replace("&repository=", "&source-repository=");
        let copy = Ask {
            method: "POST",
            body: serde_json::json!({ "versions": versions }).to_string().into_bytes(),
            ..Ask::get(format!("/v1/package/versions/copy?{query}&destination-repository={to}"))
        };
        let acknowledged = copy.send(served.address, &token).is_ok_and(|answer| answer.status == 200);
        drop(served.process.stdin.take());
        killed += usize::from(was_killed(served.process.wait().unwrap()));
        drop(tracer);

        let served = serving.start();
        let list = format!("/v1/package/versions?{}&max-results=1000", format.query(&to, "demo"));
        let listed = Ask { method: "POST", ..Ask::get(list) }.send(served.address, &token).unwrap();
        let there = if listed.status == 404 { 0 } else { listed.json()["versions"].as_array().unwrap().len() };
        assert!(
            there == VERSIONS || (there == 0 && !acknowledged),
            "{call} {when}: {there}, acknowledged {acknowledged}"
        );
        *if there == 0 { &mut none } else { &mut all } += 1;
        served.end();
        assert_eq!(child::assets(folder.path()), assets);
    }
    assert!(killed >= 8 && none >= 3 && all >= 1, "{killed} killed; {none} with none and {all} with all");
}
