//! A secret, in all the spellings it could leak in.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose};

/// How many bytes of a secret in a row are a leak. Shorter runs may be chance.
const WINDOW: usize = 12;

/// A planted secret. Its `Debug` shows its name only.
#[derive(Clone)]
pub struct Canary {
    name: String,
    /// By their first two bytes: folders of builds hold megabytes to search.
    needles: BTreeMap<[u8; 2], Vec<Vec<u8>>>,
    starts: Vec<bool>,
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canary").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Canary {
    /// Looks out for `secret` and for any part of it.
    pub fn new(name: &str, secret: &str) -> Self {
        assert!(secret.len() >= WINDOW, "a canary needs {WINDOW} bytes");
        let mut needles: Vec<Vec<u8>> = secret.as_bytes().windows(WINDOW).map(<[u8]>::to_vec).collect();
        // Base64 depends on where the secret starts in a group of three bytes; the edges mix with the neighbours.
        for shift in 0..3 {
            let shifted: Vec<u8> = std::iter::repeat_n(b' ', shift).chain(secret.bytes()).collect();
            for engine in [general_purpose::STANDARD_NO_PAD, general_purpose::URL_SAFE_NO_PAD] {
                let text = engine.encode(&shifted);
                let inner = &text.as_bytes()[4..text.len() - 4];
                needles.extend(inner.windows(WINDOW + 4).map(<[u8]>::to_vec));
            }
        }
        let encoded = secret.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "%{byte:02X}");
            text
        });
        needles.push(encoded.clone().into_bytes());
        needles.push(encoded.to_lowercase().into_bytes());
        needles.push(encoded.replace('%', "").into_bytes());
        needles.push(encoded.replace('%', "").to_lowercase().into_bytes());
        let mut canary = Self { name: name.into(), needles: BTreeMap::new(), starts: vec![false; 1 << 16] };
        for needle in needles {
            let pair = [needle[0], needle[1]];
            canary.starts[usize::from(u16::from_be_bytes(pair))] = true;
            canary.needles.entry(pair).or_default().push(needle);
        }
        canary
    }

    /// A token of the service: its header is the same in every token, so only what follows is looked out for.
    pub fn of_token(name: &str, token: &str) -> Self {
        let secret = token.split_once('.').map_or(token, |(_, secret)| secret);
        Self::new(name, secret)
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where in `bytes` a part of it is.
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(2).enumerate().find_map(|(at, pair)| {
            let pair = [pair[0], pair[1]];
            let near = self.starts[usize::from(u16::from_be_bytes(pair))];
            (near && self.needles[&pair].iter().any(|needle| bytes[at..].starts_with(needle))).then_some(at)
        })
    }

    /// The files below `folder` that hold a part of it.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            // A folder or file that vanishes while being looked at holds nothing any more.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind)
                        if kind.is_file()
                            && std::fs::read(entry.path()).is_ok_and(|bytes| self.find(&bytes).is_some()) =>
                    {
                        found.push(entry.path());
                    }
                    _ => {}
                }
                if self.find(entry.file_name().as_encoded_bytes()).is_some() {
                    found.push(entry.path());
                }
            }
        }
        found
    }
}
