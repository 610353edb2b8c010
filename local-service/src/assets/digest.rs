//! The four digests that the service computes of every asset, while it comes in.

use std::{fmt, str::FromStr};

use md5::Md5;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// `N` bytes, written as lowercase hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hex<const N: usize>([u8; N]);

/// A SHA-256: an asset's name inside its domain.
pub(crate) type Digest = Hex<32>;

/// All digests of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digests {
    pub(crate) md5: Hex<16>,
    pub(crate) sha1: Hex<20>,
    pub(crate) sha256: Digest,
    pub(crate) sha512: Hex<64>,
}

/// Digests that somebody announced for an asset; what was not announced is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) md5: Option<Hex<16>>,
    pub(crate) sha1: Option<Hex<20>>,
    pub(crate) sha256: Option<Digest>,
    pub(crate) sha512: Option<Hex<64>>,
}

/// An asset has another digest than was announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the content has {algorithm} {found}, and {expected} was announced")]
pub(crate) struct OtherDigest {
    pub(crate) algorithm: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Expected {
    /// Are these the announced digests?
    pub(crate) fn check(&self, digests: &Digests) -> Result<(), OtherDigest> {
        // The strongest first: the error names what matters most.
        same("SHA-512", self.sha512.as_ref(), &digests.sha512)?;
        same("SHA-256", self.sha256.as_ref(), &digests.sha256)?;
        same("SHA-1", self.sha1.as_ref(), &digests.sha1)?;
        same("MD5", self.md5.as_ref(), &digests.md5)
    }
}

fn same<const N: usize>(algorithm: &'static str, expected: Option<&Hex<N>>, found: &Hex<N>) -> Result<(), OtherDigest> {
    match expected {
        Some(expected) if expected != found => {
            Err(OtherDigest { algorithm, expected: expected.to_string(), found: found.to_string() })
        }
        _ => Ok(()),
    }
}

/// Not `N` bytes of lowercase hexadecimal.
#[derive(Debug, thiserror::Error)]
#[error("a digest is {length} lowercase hexadecimal digits")]
pub(crate) struct NotADigest {
    length: usize,
}

/// Computes all digests in one pass over the bytes.
#[derive(Default)]
pub(crate) struct Hasher {
    md5: Md5,
    sha1: Sha1,
    sha256: Sha256,
    sha512: Sha512,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
    }

    pub(crate) fn finish(self) -> Digests {
        Digests {
            md5: Hex(self.md5.finalize().into()),
            sha1: Hex(self.sha1.finalize().into()),
            sha256: Hex(self.sha256.finalize().into()),
            sha512: Hex(self.sha512.finalize().into()),
        }
    }
}

impl Digest {
    /// The SHA-256 of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl<const N: usize> Hex<N> {
    /// From the bytes themselves, such as base64 has them; `None` if there are not `N`.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let refused = || NotADigest { length: N * 2 };
        let digits = text.as_bytes();
        if digits.len() != N * 2 {
            return Err(refused());
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0]).ok_or_else(refused)? << 4 | nibble(pair[1]).ok_or_else(refused)?;
        }
        Ok(Self(bytes))
    }
}

/// Upper case is refused: the API model has lowercase only, and one value must have one spelling.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digests_of_abc_are_the_published_ones() {
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"bc");
        let digests = hasher.finish();
        assert_eq!(digests.md5.to_string(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests.sha1.to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digests.sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(digests.sha512.to_string().starts_with("ddaf35a193617abacc417349ae204131"));
        assert_eq!(digests.sha256, Digest::of(b"abc"));
    }

    #[test]
    fn hexadecimal_has_one_spelling() {
        let good = "00".repeat(32);
        assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        for bad in ["", "00", &"0G".repeat(32), &"AB".repeat(32), &"00".repeat(33), &"0 ".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad:?}");
        }
    }
}
