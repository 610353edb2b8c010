//! A gem: a tar file with the packed metadata, the packed content, and their digests. It is read, never unpacked.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::{
    specification::{Specification, SpecificationError},
    yaml::{Document, YamlError},
};
use crate::assets::Digest;

const BLOCK: usize = 512;
/// Entries looked at; a gem has three, a signed one six.
const ENTRIES: usize = 32;
/// Bytes of an entry that is read, packed and unpacked.
const PACKED: u64 = 4 << 20;
const UNPACKED: u64 = 16 << 20;

/// Not a gem, or not one that this service takes.
#[derive(Debug, thiserror::Error)]
pub(super) enum GemError {
    #[error("the gem cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("this is not a gem: {0}")]
    Tar(&'static str),
    #[error("the gem has no `{0}`")]
    Missing(&'static str),
    #[error("`{entry}` of the gem has more than {limit} bytes")]
    TooLarge { entry: &'static str, limit: u64 },
    #[error("`{entry}` of the gem is not the one that `checksums.yaml.gz` names")]
    Checksum { entry: String },
    #[error("`{entry}` of the gem is not UTF-8")]
    Encoding { entry: &'static str },
    #[error("the YAML in the gem cannot be read: {0}")]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    Specification(#[from] SpecificationError),
}

const METADATA: &str = "metadata.gz";
const CONTENT: &str = "data.tar.gz";
const CHECKSUMS: &str = "checksums.yaml.gz";

/// The specification of a gem that is stored: what is in it was looked at when it came.
pub(super) fn specification(gem: &mut dyn Read) -> Result<Specification, GemError> {
    let mut entries = Entries { gem, left: ENTRIES };
    while let Some(mut entry) = entries.next()? {
        if entry.name == METADATA {
            return read_specification(&unpacked(METADATA, &entry.read(METADATA)?)?);
        }
        entry.skip()?;
    }
    Err(GemError::Missing(METADATA))
}

/// The specification of a gem that comes: all its parts are there, and are the ones that it names.
pub(super) fn verified(gem: &mut dyn Read) -> Result<Specification, GemError> {
    let mut entries = Entries { gem, left: ENTRIES };
    let mut specification = None;
    let mut checksums = None;
    let mut found: Vec<(&'static str, Digest)> = Vec::new();
    while let Some(mut entry) = entries.next()? {
        match entry.name.as_str() {
            METADATA => {
                let packed = entry.read(METADATA)?;
                found.push((METADATA, Digest::of(&packed)));
                specification = Some(read_specification(&unpacked(METADATA, &packed)?)?);
            }
            CONTENT => found.push((CONTENT, entry.digest()?)),
            CHECKSUMS => checksums = Some(unpacked(CHECKSUMS, &entry.read(CHECKSUMS)?)?),
            _ => entry.skip()?,
        }
    }
    if !found.iter().any(|(name, _)| *name == CONTENT) {
        return Err(GemError::Missing(CONTENT));
    }
    // Gems of before 2012 have none.
    if let Some(checksums) = checksums {
        let checksums = Document::parse(&checksums)?;
        let named = checksums.root().get("SHA256");
        for (name, digest) in found {
            let expected = named.and_then(|named| named.get(name)).and_then(super::yaml::Node::text);
            if expected.is_some_and(|expected| expected != digest.to_string()) {
                return Err(GemError::Checksum { entry: name.to_owned() });
            }
        }
    }
    specification.ok_or(GemError::Missing(METADATA))
}

fn read_specification(yaml: &str) -> Result<Specification, GemError> {
    Ok(Specification::read(&Document::parse(yaml)?)?)
}

fn unpacked(entry: &'static str, packed: &[u8]) -> Result<String, GemError> {
    let mut unpacked = Vec::new();
    GzDecoder::new(packed).take(UNPACKED + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > UNPACKED {
        return Err(GemError::TooLarge { entry, limit: UNPACKED });
    }
    String::from_utf8(unpacked).map_err(|_| GemError::Encoding { entry })
}

/// The entries of a tar file, as RubyGems writes it: no extended headers.
struct Entries<'a> {
    gem: &'a mut dyn Read,
    left: usize,
}

struct Entry<'a> {
    name: String,
    size: u64,
    gem: &'a mut dyn Read,
}

impl Entries<'_> {
    /// The next entry; it must be read, digested or skipped.
    fn next(&mut self) -> Result<Option<Entry<'_>>, GemError> {
        let mut header = Vec::with_capacity(BLOCK);
        match (&mut *self.gem).take(BLOCK as u64).read_to_end(&mut header)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(GemError::Tar("it ends early")),
        }
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if self.left == 0 {
            return Err(GemError::Tar("it has too many entries"));
        }
        self.left -= 1;
        // The sum counts its own field as spaces.
        let sum: u64 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if octal(&header[148..156]) != Some(sum) {
            return Err(GemError::Tar("it is no tar file"));
        }
        let size = octal(&header[124..136]).ok_or(GemError::Tar("an entry has no size"))?;
        let name: Vec<u8> = header[..100].iter().copied().take_while(|byte| *byte != 0).collect();
        // What is no plain file has no name that is looked for.
        let name =
            if matches!(header[156], 0 | b'0') { String::from_utf8_lossy(&name).into_owned() } else { String::new() };
        Ok(Some(Entry { name, size, gem: &mut *self.gem }))
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

impl Entry<'_> {
    fn read(&mut self, entry: &'static str) -> Result<Vec<u8>, GemError> {
        if self.size > PACKED {
            return Err(GemError::TooLarge { entry, limit: PACKED });
        }
        let mut bytes = Vec::new();
        self.each(|piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    fn digest(&mut self) -> Result<Digest, GemError> {
        let mut hasher = Sha256::new();
        self.each(|piece| hasher.update(piece))?;
        Ok(Digest::from_bytes(&hasher.finalize()).expect("a SHA-256 has 32 bytes"))
    }

    fn skip(&mut self) -> Result<(), GemError> {
        self.each(|_| {})
    }

    /// All bytes, and then what fills the last block.
    fn each(&mut self, mut act: impl FnMut(&[u8])) -> Result<(), GemError> {
        let mut piece = [0; 8192];
        let mut left = self.size;
        while left > 0 {
            let most = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            let count = self.gem.read(&mut piece[..most])?;
            if count == 0 {
                return Err(GemError::Tar("it ends early"));
            }
            act(&piece[..count]);
            left -= count as u64;
        }
        let filling = self.size.next_multiple_of(BLOCK as u64) - self.size;
        io::copy(&mut (&mut *self.gem).take(filling), &mut io::sink())?;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// A gem of these entries, packed where their names say so.
    pub(in super::super) fn gem(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, content) in entries {
            let content = if name.rsplit('.').next() == Some("gz") {
                let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
                packer.write_all(content).unwrap();
                packer.finish().unwrap()
            } else {
                content.to_vec()
            };
            tar.extend(header(name, content.len() as u64));
            tar.extend_from_slice(&content);
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        }
        tar.resize(tar.len() + 2 * BLOCK, 0);
        tar
    }

    fn header(name: &str, size: u64) -> [u8; BLOCK] {
        let mut header = [0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }

    const YAML: &[u8] =
        b"--- !ruby/object:Gem::Specification\nname: six\nversion: !ruby/object:Gem::Version\n  version: 1.0.0\n";

    fn refusal(gem: &[u8]) -> String {
        verified(&mut &gem[..]).unwrap_err().to_string()
    }

    #[test]
    fn a_gem_is_its_metadata_and_its_content() {
        let whole = gem(&[("metadata.gz", YAML), ("data.tar.gz", b"x")]);
        assert_eq!(verified(&mut whole.as_slice()).unwrap().name, "six");
        assert_eq!(specification(&mut whole.as_slice()).unwrap().version, "1.0.0");
        assert!(refusal(&gem(&[("data.tar.gz", b"x")])).contains("metadata.gz"));
        assert!(refusal(&gem(&[("metadata.gz", YAML)])).contains("data.tar.gz"));
        assert!(refusal(&gem(&[])).contains("no `"));
    }

    #[test]
    fn parts_are_the_ones_that_the_gem_names() {
        let plain = gem(&[("metadata.gz", YAML)]);
        let size = usize::try_from(octal(&plain[124..136]).unwrap()).unwrap();
        let packed = &plain[BLOCK..BLOCK + size];
        let checksums = |digest: &str| format!("---\nSHA256:\n  metadata.gz: {digest}\n");
        let with = |checksums: &str| {
            gem(&[("metadata.gz", YAML), ("data.tar.gz", b"x"), ("checksums.yaml.gz", checksums.as_bytes())])
        };
        assert!(verified(&mut with(&checksums(&Digest::of(packed).to_string())).as_slice()).is_ok());
        assert!(refusal(&with(&checksums(&Digest::of(b"").to_string()))).contains("checksums.yaml.gz"));
    }

    #[test]
    fn what_is_no_gem_is_refused() {
        for (bad, says) in [
            (b"".as_slice(), "has no `data.tar.gz`"),
            (b"x", "not a gem: it ends early"),
            (&[1; 2000], "not a gem: it is no tar file"),
            (&[0; 2000], "has no `data.tar.gz`"),
            (b"\x1f\x8b", "not a gem"),
        ] {
            assert!(refusal(bad).contains(says), "{}", refusal(bad));
        }
        let mut cut = gem(&[("metadata.gz", YAML), ("data.tar.gz", &[7; 5000])]);
        cut.truncate(BLOCK + 20);
        assert!(refusal(&cut).contains("ends early"));
        // An announced size costs nothing until the bytes come.
        let mut huge = header("metadata.gz", (1 << 33) - 1).to_vec();
        huge.extend([0; BLOCK]);
        assert!(refusal(&huge).contains("more than"));
        let mut huge = header("data.tar.gz", (1 << 33) - 1).to_vec();
        huge.extend([0; BLOCK]);
        assert!(refusal(&huge).contains("ends early"));
        let many = vec![("x", b"".as_slice()); 100];
        assert!(refusal(&gem(&many)).contains("too many"));
        let bomb = vec![b' '; usize::try_from(UNPACKED).unwrap() + 10];
        assert!(refusal(&gem(&[("metadata.gz", &bomb)])).contains("more than"));
        assert!(refusal(&gem(&[("metadata.gz", b"\xff"), ("data.tar.gz", b"x")])).contains("UTF-8"));
        assert!(refusal(&gem(&[("../metadata.gz", YAML), ("data.tar.gz", b"x")])).contains("no `metadata.gz`"));
    }
}
