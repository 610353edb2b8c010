//! The contract of both stores.

use std::{io::Read, sync::mpsc};

use super::*;

fn domain(name: &str) -> DomainKey {
    DomainKey {
        region: "eu-west-1".parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn stage(assets: &Assets, bytes: &[u8]) -> Staged {
    let mut intake = assets.receive().unwrap();
    bytes.chunks(3).for_each(|chunk| intake.write(chunk).unwrap());
    intake.finish()
}

fn read(assets: &Assets, domain: &DomainKey, digest: &Digest) -> io::Result<Vec<u8>> {
    match assets.open(domain, digest)? {
        Content::Bytes(bytes) => Ok(bytes.to_vec()),
        Content::File(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        }
    }
}

type Told = mpsc::Receiver<(DomainKey, Digest)>;

/// Runs the contract against both stores; the second argument is what the writer would be told.
fn both(contract: impl Fn(&Arc<Assets>, &Told)) {
    let data = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let folder = Assets::in_folder(data.path(), move |domain, digest| tell.send((domain, digest)).unwrap()).unwrap();
    contract(&Arc::new(folder), &told);
    let (tell, told) = mpsc::channel();
    let memory = Assets::in_memory(move |domain, digest| tell.send((domain, digest)).unwrap());
    contract(&Arc::new(memory), &told);
}

#[test]
fn what_is_kept_is_read_back_with_its_digests() {
    both(|assets, _| {
        for content in [&b""[..], b"abc", &b"seven".repeat(20_000)] {
            let pin = assets.keep(&domain("one"), stage(assets, content)).unwrap();
            assert_eq!(pin.size(), content.len() as u64);
            assert_eq!(pin.digests().sha256, Digest::of(content));
            assert_eq!(read(assets, &domain("one"), &pin.digests().sha256).unwrap(), content);
        }
    });
}

#[test]
fn domains_share_nothing() {
    both(|assets, _| {
        let pin = assets.keep(&domain("one"), stage(assets, b"abc")).unwrap();
        let digest = pin.digests().sha256;
        assert_eq!(read(assets, &domain("two"), &digest).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(pin);
        assets.close(&domain("two"));
        assert!(read(assets, &domain("one"), &digest).is_ok());
        assets.close(&domain("one"));
        assert!(read(assets, &domain("one"), &digest).is_err());
    });
}

#[test]
fn a_pinned_asset_is_not_removed_and_the_last_pin_tells_the_writer() {
    both(|assets, told| {
        let first = assets.keep(&domain("one"), stage(assets, b"abc")).unwrap();
        let second = assets.keep(&domain("one"), stage(assets, b"abc")).unwrap();
        let digest = first.digests().sha256;
        drop(first);
        assert!(told.try_recv().is_err());
        assets.remove(&domain("one"), &digest);
        assets.close(&domain("one"));
        assert!(read(assets, &domain("one"), &digest).is_ok());
        drop(second);
        assert_eq!(told.try_recv().unwrap(), (domain("one"), digest));
        assets.remove(&domain("one"), &digest);
        assert!(read(assets, &domain("one"), &digest).is_err());
        // Removing what is not there is no error.
        assets.remove(&domain("one"), &digest);
    });
}

#[test]
fn the_folder_holds_digests_only_and_the_staging_place_is_left_empty() {
    let data = tempfile::tempdir().unwrap();
    let assets = Arc::new(Assets::in_folder(data.path(), |_, _| {}).unwrap());
    drop(stage(&assets, b"never kept"));
    drop(assets.receive().unwrap());
    drop(assets.keep(&domain("one"), stage(&assets, b"abc")).unwrap());
    assert_eq!(std::fs::read_dir(data.path().join("staging")).unwrap().count(), 0);
    let mut open = vec![data.path().join("assets")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
}

#[test]
fn a_start_sweeps_what_no_record_refers_to() {
    let data = tempfile::tempdir().unwrap();
    let keep = |assets: &Arc<Assets>, name, bytes: &[u8]| {
        assets.keep(&domain(name), stage(assets, bytes)).unwrap().digests().sha256
    };
    let first = Arc::new(Assets::in_folder(data.path(), |_, _| {}).unwrap());
    let wanted = keep(&first, "one", b"wanted");
    let orphan = keep(&first, "one", b"orphan");
    let stranger = keep(&first, "gone", b"wanted");
    std::fs::write(data.path().join("staging/7"), b"half").unwrap();

    let second = Arc::new(Assets::in_folder(data.path(), |_, _| {}).unwrap());
    second.sweep(&[domain("one")], |_, digest| *digest == wanted).unwrap();
    assert_eq!(read(&second, &domain("one"), &wanted).unwrap(), b"wanted");
    assert!(read(&second, &domain("one"), &orphan).is_err());
    assert!(read(&second, &domain("gone"), &stranger).is_err());
    assert_eq!(std::fs::read_dir(data.path().join("staging")).unwrap().count(), 0);
}
