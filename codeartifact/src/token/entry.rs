//! The form in which a token rests in a store.
//!
//! ```text
//! "CAT1"                      magic and version
//! u16  length, key            the scope, as `TokenScope::key` names it
//! u64 u32  issued             seconds and nanoseconds since 1970
//! u64 u32  expires
//! u16  length, secret
//! [u8; 16]                    SHA-256 of all before, its first half
//! ```
//!
//! Numbers are big-endian. The scope is inside so that an entry moved under another name serves nobody; the digest
//! finds damage (whoever can write the store can write a valid entry: that is not what it is for). There is one spelling
//! of an entry, and any doubt makes it absent: a new token costs one request, a wrong one a build.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{AuthorizationToken, CLOCK_TOLERANCE, LONGEST_LIFE, TokenScope};
use crate::store::StoredToken;

const MAGIC: &[u8; 4] = b"CAT1";
const DIGEST_LENGTH: usize = 16;

/// The longest secret, in bytes. Those of the service are below 2 KiB.
const LONGEST_SECRET: usize = 20 * 1024;

/// The longest entry, in bytes.
const LONGEST_ENTRY: usize = 32 * 1024;

impl AuthorizationToken {
    /// The token as an entry of a store.
    pub fn to_entry(&self, scope: &TokenScope) -> Zeroizing<Vec<u8>> {
        let key = scope.key();
        // With its full size from the start, so that growing leaves no copies of the secret behind.
        let mut entry = Zeroizing::new(Vec::with_capacity(LONGEST_ENTRY.min(96 + key.len() + self.secret.len())));
        entry.extend_from_slice(MAGIC);
        put_bytes(&mut entry, key.as_bytes());
        put_time(&mut entry, self.issued);
        put_time(&mut entry, self.expires);
        put_bytes(&mut entry, self.secret.as_bytes());
        let digest = Sha256::digest(&*entry);
        entry.extend_from_slice(&digest[..DIGEST_LENGTH]);
        entry
    }

    /// The token in an entry, if it is whole, written for exactly this scope, and plausible: printable ASCII without
    /// spaces, at most 20 KiB, with a life of at most 12 h 5 min. Whether it is still good is for
    /// [`freshness`](Self::freshness) to say.
    pub fn from_entry(scope: &TokenScope, entry: &[u8]) -> Option<Self> {
        let parts = Parts::read(entry)?;
        if parts.key != scope.key() {
            return None;
        }
        let secret = Zeroizing::new(parts.secret.to_owned());
        Some(Self { secret, issued: parts.issued, expires: parts.expires })
    }

    /// What an entry says without its secret, which is not copied; for lists. As strict as
    /// [`from_entry`](Self::from_entry).
    pub fn peek_entry(entry: &[u8]) -> Option<StoredToken> {
        let parts = Parts::read(entry)?;
        Some(StoredToken { scope: TokenScope::from_key(parts.key)?, issued: parts.issued, expires: parts.expires })
    }
}

struct Parts<'a> {
    key: &'a str,
    issued: SystemTime,
    expires: SystemTime,
    secret: &'a str,
}

impl<'a> Parts<'a> {
    fn read(entry: &'a [u8]) -> Option<Self> {
        if entry.len() > LONGEST_ENTRY {
            return None;
        }
        let (body, digest) = entry.split_at_checked(entry.len().checked_sub(DIGEST_LENGTH)?)?;
        let mut rest = body.strip_prefix(MAGIC)?;
        if Sha256::digest(body)[..DIGEST_LENGTH] != *digest {
            return None;
        }
        let rest = &mut rest;
        let parts = Self {
            key: str::from_utf8(take_bytes(rest)?).ok()?,
            issued: take_time(rest)?,
            expires: take_time(rest)?,
            secret: str::from_utf8(take_bytes(rest)?).ok()?,
        };
        let life = parts.expires.duration_since(parts.issued).ok()?;
        let whole = rest.is_empty() && life <= LONGEST_LIFE + CLOCK_TOLERANCE && is_plausible(parts.secret);
        whole.then_some(parts)
    }
}

/// What may stand in a header, in a URL's user part, in an INI file and in a line of JSON alike.
fn is_plausible(secret: &str) -> bool {
    (1..=LONGEST_SECRET).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic())
}

fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    // What does not fit cannot be right; the reader drops an entry whose lengths do not add up.
    let length = u16::try_from(bytes.len()).unwrap_or(0);
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(&bytes[..usize::from(length)]);
}

fn put_time(into: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    into.extend_from_slice(&since.as_secs().to_be_bytes());
    into.extend_from_slice(&since.subsec_nanos().to_be_bytes());
}

fn take<'a, const N: usize>(from: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(taken)
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(u16::from_be_bytes(*take(from)?));
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

fn take_time(from: &mut &[u8]) -> Option<SystemTime> {
    let seconds = u64::from_be_bytes(*take(from)?);
    let nanoseconds = u32::from_be_bytes(*take(from)?);
    if nanoseconds >= 1_000_000_000 {
        return None;
    }
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}
