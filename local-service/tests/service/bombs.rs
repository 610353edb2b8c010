//! Packages that are small and unpack to much, that nest, that say what they are not: refused or kept as they are, in
//! bounded time and memory. Nothing of a package is ever unpacked to the disk.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    child::{Served, Serving},
    client::zip,
    formats::{Format, Release, gem_of, specification, tar_of},
};

/// Bytes that a request may cost beyond what the service has anyway: above what the values of a gem's YAML take, which
/// are the most that is read of any package.
const MEMORY: u64 = 100 << 20;
/// A number where a size or a place is expected.
const HUGE: &[u8] = &[0xf0, 0xff, 0xff, 0xff];
/// What is only accepted by who unpacks it as a whole.
const UNPACKED: [&str; 7] = [
    "an entry of spaces",
    "an entry that says it is small",
    "metadata of zeros",
    "metadata of spaces",
    "nested lists",
    "nested blocks",
    "many files",
];
/// Far above what any of these takes, also where the machine is busy.
const TIME: Duration = Duration::from_secs(20);

fn gzip(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in pieces {
        packer.write_all(&piece).unwrap();
    }
    packer.finish().unwrap()
}

fn zeros(mebibytes: usize) -> impl Iterator<Item = Vec<u8>> {
    std::iter::repeat_n(vec![0; 1 << 20], mebibytes)
}

/// A zip archive of entries that are deflated.
fn deflated(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Changes a field of every entry in the directory of a zip archive.
fn lying(mut archive: Vec<u8>, offset: usize, value: &[u8]) -> Vec<u8> {
    let places: Vec<usize> =
        archive.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x01\x02").map(|(at, _)| at).collect();
    for at in places {
        archive[at + offset..][..value.len()].copy_from_slice(value);
    }
    archive
}

/// A gzipped tar of many entries.
fn many_in_tar(count: usize) -> Vec<u8> {
    let entry = tar_of(&[("demo-1.0.0/x", b"")]);
    gzip(std::iter::repeat_n(entry[..512].to_vec(), count))
}

/// An entry of a tar that says it is huge.
fn huge_in_tar(name: &str) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_size(8 << 30);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// What is sent for each format, and what it is; the file's name is the table's.
fn bombs() -> Vec<(Format, &'static str, Vec<u8>)> {
    let spaces = vec![b' '; 20 << 20];
    let zeros = gzip(zeros(120));
    let filled = |entry: &str| deflated(&[(entry, &spaces)]);
    let inner = deflated(&[("x", &spaces)]);
    let empty: Vec<String> = (0..60_000).map(|number| format!("demo/{number}")).collect();
    let entries = |first: (&'static str, &'static [u8])| {
        let mut all = vec![first];
        all.extend(empty.iter().map(|name| (name.as_str(), &b""[..])));
        zip(&all)
    };
    let (metadata, nuspec, manifest) = ("demo-1.0.0.dist-info/METADATA", "demo.nuspec", "demo/Package.swift");
    let deep = "<a>".repeat(2_000_000);
    let wide = "<dependency id=\"a\" version=\"1\"/>".repeat(100_000);
    let entities = format!(
        "<!DOCTYPE x [<!ENTITY a \"{}\"><!ENTITY b \"{}\"><!ENTITY c \"{}\">]><package><metadata><id>&c;</id></metadata>\
         </package>",
        "a".repeat(1000),
        "&a;".repeat(1000),
        "&b;".repeat(1000),
    );
    let yaml = |more: &str| gem_of(&gzip([format!("{}{more}", specification("demo", "1.0.0")).into_bytes()]), b"x");
    let mut aliases = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_vec();
    for level in 1..30 {
        let before = format!("*a{},", level - 1).repeat(10);
        writeln!(aliases, "a{level}: &a{level} [{}]", before.trim_end_matches(',')).unwrap();
    }
    let mut all = vec![
        (Format::Npm, "a tarball of zeros", zeros.clone()),
        (Format::Cargo, "a crate of zeros", zeros.clone()),
        (Format::Ruby, "metadata of zeros", gem_of(&zeros, b"x")),
        (Format::Ruby, "content of zeros", gem_of(&gzip([specification("demo", "1.0.0").into_bytes()]), &zeros)),
        (Format::Ruby, "nested lists", yaml(&format!("files: {}\n", "[".repeat(1_000_000)))),
        (Format::Ruby, "nested blocks", yaml(&"- ".repeat(500_000))),
        (Format::Ruby, "aliases", yaml(str::from_utf8(&aliases).unwrap())),
        (Format::Ruby, "many files", yaml(&format!("files:\n{}", "- a\n".repeat(3_900_000)))),
        (Format::Ruby, "one long key", yaml(&format!("? {}\n: x\n", "a".repeat(15_000_000)))),
        (Format::Ruby, "a quoted text", yaml(&format!("description: \"{}\"\n", "\\x41".repeat(3_900_000)))),
        (Format::Ruby, "a huge size", huge_in_tar("metadata.gz")),
        (Format::Ruby, "a huge size of the content", huge_in_tar("data.tar.gz")),
        (Format::Maven, "deep elements", format!("<project>{deep}").as_bytes()[..4 << 20].to_vec()),
        (Format::Maven, "entities", entities.clone().into_bytes()),
        (
            Format::Maven,
            "many dependencies",
            format!(
                "<project><dependencies>{}</dependencies></project>",
                "<dependency><groupId>a</groupId><artifactId>b</artifactId></dependency>".repeat(50_000)
            )
            .into_bytes(),
        ),
    ];
    for (format, entry, honest) in [
        (Format::Pypi, metadata, &b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0.0\n"[..]),
        (Format::Nuget, nuspec, b"<package><metadata><id>demo</id><version>1.0.0</version></metadata></package>"),
        (Format::Swift, manifest, b"// swift-tools-version:5.9\n"),
    ] {
        all.extend([
            (format, "an entry of spaces", filled(entry)),
            (format, "an entry that says it is small", lying(filled(entry), 24, &[9, 0, 0, 0])),
            (format, "an entry that says it is huge", lying(deflated(&[(entry, honest)]), 24, HUGE)),
            (format, "an entry that says it is packed huge", lying(deflated(&[(entry, honest)]), 20, HUGE)),
            (format, "an entry elsewhere", lying(deflated(&[(entry, honest)]), 42, HUGE)),
            (format, "an archive in an archive", deflated(&[(entry, &inner), ("x.zip", &inner)])),
            (format, "many entries", entries((entry, honest))),
            (format, "the same entry again and again", {
                let one = deflated(&[(entry, honest)]);
                let at = one.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
                let directory = &one[at..one.len() - 22];
                let mut whole = one[..at].to_vec();
                whole.extend(directory.repeat(60_000));
                let size = u32::try_from(directory.len() * 60_000).unwrap().to_le_bytes();
                let place = u32::try_from(at).unwrap().to_le_bytes();
                whole.extend(
                    [
                        b"PK\x05\x06\0\0\0\0",
                        &60_000_u16.to_le_bytes()[..],
                        &60_000_u16.to_le_bytes(),
                        &size,
                        &place,
                        &[0, 0],
                    ]
                    .concat(),
                );
                whole
            }),
        ]);
    }
    for (what, text) in [
        ("deep elements", format!("<package><metadata>{deep}")),
        ("many dependencies", format!("<package><metadata><dependencies>{wide}</dependencies></metadata></package>")),
        ("entities", entities),
        ("one long attribute", format!("<package><metadata x=\"{}\"/></package>", "a".repeat(8 << 20))),
    ] {
        all.push((Format::Nuget, what, deflated(&[(nuspec, text.as_bytes())])));
    }
    all
}

/// Sdists, whose name is another than the table's.
fn sdists() -> Vec<(&'static str, Vec<u8>)> {
    let bomb = vec![b' '; 8 << 20];
    vec![
        ("zeros", gzip(zeros(80))),
        (
            "zeros after an entry",
            gzip(std::iter::once(tar_of(&[("demo-1.0.0/x", b"")])[..512].to_vec()).chain(zeros(80))),
        ),
        ("metadata of spaces", gzip([tar_of(&[("demo-1.0.0/PKG-INFO", &bomb)])])),
        ("a huge size", gzip([huge_in_tar("demo-1.0.0/PKG-INFO")])),
        ("a huge size of another file", gzip(std::iter::once(huge_in_tar("demo-1.0.0/x")).chain(zeros(80)))),
        ("many entries", many_in_tar(150_000)),
        ("packed again and again", gzip([gzip([gzip(zeros(80))])])),
    ]
}

fn send(served: &Served, token: &str, what: &str, release: &Release, file: (String, Vec<u8>)) {
    let ballast = file.1.len() as u64;
    let ask = match release.format {
        // The POM is the second of its files.
        Format::Maven => release.publication().swap_remove(1),
        _ => release.files_publication(std::slice::from_ref(&file)).swap_remove(0),
    };
    let ask = if release.format == Format::Maven { crate::formats::Ask { body: file.1, ..ask } } else { ask };
    let began = Instant::now();
    let (answer, rise) = served.rise(|| ask.send(served.address, token).unwrap());
    let took = began.elapsed();
    assert!(took < TIME, "{:?} {what}: {took:?}", release.format);
    assert!(rise < MEMORY, "{:?} {what}: {} MiB for {ballast} bytes", release.format, rise >> 20);
    let refused = matches!(answer.status, 400 | 413 | 422);
    assert!(refused || (answer.status < 300 && !UNPACKED.contains(&what)), "{:?} {what}: {answer:?}", release.format);
}

#[test]
fn bombs_cost_little_and_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let served = Serving { folder: Some(folder.path()), ..Serving::default() }.start();
    let token = served.furnish();
    for (number, (format, what, bytes)) in bombs().into_iter().enumerate() {
        let release = Release::new(format, "team", "demo", "1.0.0");
        let file = release.files().pop().unwrap().0;
        // Another repository each time: some are accepted.
        let repository: &'static str = Box::leak(format!("of-{number}").into_boxed_str());
        let create = crate::formats::Ask::get(format!("/v1/repository?domain=acme&repository={repository}"));
        let created = crate::formats::Ask { method: "POST", ..create }.send(served.address, "").unwrap();
        assert_eq!(created.status, 200, "{}", created.text());
        send(&served, &token, what, &Release { repository, ..release }, (file, bytes));
    }
    for (what, bytes) in sdists() {
        let release = Release::new(Format::Pypi, "team", "demo", "1.0.0");
        send(&served, &token, what, &release, ("demo-1.0.0.tar.gz".to_owned(), bytes));
        let query = Format::Pypi.query("team", "demo");
        let delete = crate::formats::Ask::get(format!("/v1/package?{query}"));
        crate::formats::Ask { method: "DELETE", ..delete }.send(served.address, "").unwrap();
    }
    for format in Format::ALL {
        let release = Release::new(format, "shared", "demo", "1.0.0");
        assert!(release.publish(served.address, &token).unwrap().status < 300);
    }
    served.end();
}
