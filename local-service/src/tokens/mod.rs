//! Authorization tokens of this service, and the signature under page tokens.
//!
//! A token is stateless: its claims, signed with a key that stays in the data folder, so it survives a restart. It
//! has the outline of the real ones - a header that begins `eyJ` and carries `ver`, `isu`, `enc` and `tag`, a dot,
//! 300 to 1,024 characters of `[A-Za-z0-9._~-]` in all - so that one leak detector finds both, and so that it can
//! stand in a URL or an INI file as it is. It is signed and not encrypted: `enc` says so.

mod lately;

use std::{io, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use self::lately::Lately;
use crate::state::{DomainKey, Millis};

/// The key's file in the data folder.
const FILE: &str = "token.key";
const KEY_BYTES: usize = 32;
/// Random bytes in every token: two tokens are never equal, and none is shorter than real ones are.
const NONCE_BYTES: usize = 96;
/// Bounds of a token's length, the service's own and this one's.
const LENGTH: std::ops::RangeInclusive<usize> = 300..=1_024;
const VERSION: u8 = 1;
const SIGNED: &str = "HS256";
/// Bytes of a page token's signature.
const PAGE_TAG: usize = 16;

/// Issues and checks tokens.
pub(crate) struct Tokens {
    key: Zeroizing<[u8; KEY_BYTES]>,
    lately: Lately,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) domain: DomainKey,
    /// When the domain was created: a token does not serve a later domain of the same name.
    pub(crate) created: Millis,
    /// Whose the token is: an ARN, with the account in it.
    pub(crate) principal: String,
    pub(crate) issued: Millis,
    pub(crate) expires: Millis,
}

/// Why a token is not accepted. Nothing of it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("no token was given")]
    Missing,
    #[error("the token is not one of this service")]
    Foreign,
    #[error("the token has expired")]
    Expired,
    #[error("the token is of somebody who is not known to this service any more")]
    Unknown,
}

/// The key could not be read or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the file of the token key failed")]
    File(#[source] io::Error),
    #[error("the file `{FILE}` is not a token key")]
    Damaged,
    #[error("the file `{FILE}` can be read by other users")]
    Exposed,
    #[error("the operating system gave no random bytes")]
    Random,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    ver: u8,
    isu: u64,
    enc: &'a str,
    tag: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    claims: Claims,
    nonce: String,
}

impl Tokens {
    /// With the key in a data folder; made, readable by its owner only, if there is none.
    pub(crate) fn in_folder(data: &Path) -> Result<Self, KeyError> {
        let file = data.join(FILE);
        match std::fs::read(&file).map(Zeroizing::new) {
            Ok(bytes) => {
                check_mode(&file)?;
                let key = bytes.as_slice().try_into().map_err(|_| KeyError::Damaged)?;
                Ok(Self { key: Zeroizing::new(key), lately: Lately::default() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let tokens = Self::in_memory()?;
                write_key(data, &file, tokens.key.as_slice()).map_err(KeyError::File)?;
                Ok(tokens)
            }
            Err(error) => Err(KeyError::File(error)),
        }
    }

    /// With a key that lives and dies with this value.
    pub(crate) fn in_memory() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Ok(Self { key, lately: Lately::default() })
    }

    /// A new token.
    pub(crate) fn issue(&self, claims: Claims) -> Result<Zeroizing<String>, KeyError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| KeyError::Random)?;
        let issued = claims.issued / 1000;
        let body = Body { claims, nonce: URL_SAFE_NO_PAD.encode(nonce) };
        let body = Zeroizing::new(serde_json::to_vec(&body).expect("claims are plain data"));
        let body = Zeroizing::new(URL_SAFE_NO_PAD.encode(body.as_slice()));
        let tag = URL_SAFE_NO_PAD.encode(self.mac(issued, &body).finalize().into_bytes());
        let token = Zeroizing::new(format!("{}.{}", header(issued, &tag), body.as_str()));
        debug_assert!(LENGTH.contains(&token.len()), "{} characters", token.len());
        Ok(token)
    }

    /// What the token in an `Authorization` header says, if it is one of ours and holds now.
    pub(crate) fn verify_header(&self, header: Option<&[u8]>, now: Millis) -> Result<Arc<Claims>, TokenError> {
        let header = header.ok_or(TokenError::Missing)?;
        if let Some(claims) = self.lately.find(header) {
            return if claims.expires <= now { Err(TokenError::Expired) } else { Ok(claims) };
        }
        let claims = Arc::new(self.verify(&credential(header)?, now)?);
        self.lately.keep(header, &claims, now);
        Ok(claims)
    }

    /// What a token says, if it is one of ours and holds now.
    fn verify(&self, token: &str, now: Millis) -> Result<Claims, TokenError> {
        if !LENGTH.contains(&token.len()) {
            return Err(TokenError::Foreign);
        }
        let claims = self.read(token).ok_or(TokenError::Foreign)?;
        if claims.expires <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    fn read(&self, token: &str) -> Option<Claims> {
        let (head, body) = token.split_once('.')?;
        let decoded = URL_SAFE_NO_PAD.decode(head).ok()?;
        let Header { isu, tag, .. } = serde_json::from_slice(&decoded).ok()?;
        // One token has one spelling: a header that says the same in another way is none of ours.
        if header(isu, tag) != head {
            return None;
        }
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compares in constant time; nothing of the body is believed before.
        self.mac(isu, body).verify_slice(&tag).ok()?;
        let body: Body = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        Some(body.claims)
    }

    fn mac(&self, issued: u64, body: &str) -> Hmac<Sha256> {
        let mut mac = self.keyed("token");
        mac.update(&issued.to_be_bytes());
        mac.update(body.as_bytes());
        mac
    }

    /// One key, two uses: what is signed for one is nothing to the other.
    fn keyed(&self, purpose: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).expect("any key length serves");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac
    }

    /// A page token: where the next page of this very request begins.
    pub(crate) fn page_token(&self, request: &str, after: &str) -> String {
        let mut bytes = self.page_mac(request, after);
        bytes.extend_from_slice(after.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where a page begins, if the token was given out for this very request.
    pub(crate) fn read_page_token(&self, request: &str, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, after) = bytes.split_at_checked(PAGE_TAG)?;
        let after = std::str::from_utf8(after).ok()?;
        // No secret depends on this signature: it tells clients that they mixed up two requests.
        (self.page_mac(request, after) == tag).then(|| after.to_owned())
    }

    fn page_mac(&self, request: &str, after: &str) -> Vec<u8> {
        let mut mac = self.keyed("page");
        mac.update(&(request.len() as u64).to_be_bytes());
        mac.update(request.as_bytes());
        mac.update(after.as_bytes());
        mac.finalize().into_bytes()[..PAGE_TAG].to_vec()
    }
}

/// The password or bearer token of an `Authorization` header, in any of the three forms that package managers use:
/// `Bearer TOKEN`, `Basic base64(USER:TOKEN)` whatever the user, and the bare token. White space around it is not
/// part of it (cargo on Windows can append a line end).
fn credential(header: &[u8]) -> Result<Zeroizing<String>, TokenError> {
    let text = std::str::from_utf8(header).map_err(|_| TokenError::Missing)?.trim();
    let Some((scheme, rest)) = text.split_once(' ') else {
        return if text.is_empty() { Err(TokenError::Missing) } else { Ok(Zeroizing::new(text.to_owned())) };
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Zeroizing::new(rest.trim().to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = base64::engine::general_purpose::STANDARD.decode(rest.trim()).map_err(|_| TokenError::Foreign)?;
        let decoded = Zeroizing::new(decoded);
        let pair = std::str::from_utf8(&decoded).map_err(|_| TokenError::Foreign)?;
        let (_, password) = pair.split_once(':').ok_or(TokenError::Foreign)?;
        return Ok(Zeroizing::new(password.trim().to_owned()));
    }
    Err(TokenError::Foreign)
}

fn header(issued: u64, tag: &str) -> String {
    let header = Header { ver: VERSION, isu: issued, enc: SIGNED, tag };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).expect("a header is plain data"))
}

fn write_key(data: &Path, file: &Path, key: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let new = data.join("token.key.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(key)?;
    written.sync_all()?;
    std::fs::rename(&new, file)?;
    crate::assets::sync_folder(data)
}

#[cfg(unix)]
fn check_mode(file: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).map_err(KeyError::File)?.permissions().mode();
    let others = mode & 0o077;
    if others == 0 { Ok(()) } else { Err(KeyError::Exposed) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(domain: &str) -> Claims {
        Claims {
            domain: DomainKey {
                region: "eu-west-1".parse().unwrap(),
                owner: "111122223333".parse().unwrap(),
                name: domain.parse().unwrap(),
            },
            created: 5,
            principal: "arn:aws:iam::111122223333:root".to_owned(),
            issued: 1_000_000,
            expires: 2_000_000,
        }
    }

    #[test]
    fn a_token_has_the_outline_of_the_real_ones() {
        let tokens = Tokens::in_memory().unwrap();
        for domain in ["ab", &"a".repeat(50)] {
            let token = tokens.issue(claims(domain)).unwrap();
            assert!(LENGTH.contains(&token.len()), "{}", token.len());
            assert!(token.starts_with("eyJ"));
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte)));
            let header = URL_SAFE_NO_PAD.decode(token.split_once('.').unwrap().0).unwrap();
            let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
            for member in ["ver", "isu", "enc", "tag"] {
                assert!(header.get(member).is_some(), "{member}");
            }
        }
        assert_ne!(tokens.issue(claims("ab")).unwrap(), tokens.issue(claims("ab")).unwrap());
    }

    #[test]
    fn a_token_holds_until_it_expires_and_for_its_own_service_only() {
        let tokens = Tokens::in_memory().unwrap();
        let token = tokens.issue(claims("acme")).unwrap();
        assert_eq!(tokens.verify(&token, 1_999_999), Ok(claims("acme")));
        assert_eq!(tokens.verify(&token, 2_000_000), Err(TokenError::Expired));
        assert_eq!(Tokens::in_memory().unwrap().verify(&token, 1_500_000), Err(TokenError::Foreign));
    }

    #[test]
    fn no_changed_character_passes() {
        let tokens = Tokens::in_memory().unwrap();
        let token = tokens.issue(claims("acme")).unwrap();
        for at in 0..token.len() {
            for other in ['A', 'z', '0', '-', '.'] {
                let mut changed = token.to_string();
                changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
                if changed != *token {
                    assert_eq!(tokens.verify(&changed, 1_500_000), Err(TokenError::Foreign), "at {at}");
                }
            }
            assert!(tokens.verify(&token[..at], 1_500_000).is_err());
        }
        assert!(tokens.verify(&format!("{}=", token.as_str()), 1_500_000).is_err());
        assert!(tokens.verify(&"eyJ".repeat(400), 1_500_000).is_err());
    }

    #[test]
    fn every_form_of_credential_is_understood() {
        let basic = |text: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
        let read = |text: &str| credential(text.as_bytes()).map(|token| token.to_string());
        for form in ["abc", " abc\n", "Bearer abc", "bearer  abc ", &basic("aws:abc"), &basic("token:abc\r\n")] {
            assert_eq!(read(form).as_deref(), Ok("abc"), "{form:?}");
        }
        assert_eq!(read(&basic("aws:a:b")).as_deref(), Ok("a:b"));
        for none in ["", "  "] {
            assert_eq!(read(none), Err(TokenError::Missing));
        }
        for foreign in ["Digest abc", "Basic !!!", &basic("no colon"), "AWS4-HMAC-SHA256 Credential=x"] {
            assert_eq!(read(foreign), Err(TokenError::Foreign), "{foreign:?}");
        }
        assert_eq!(credential(b"\xff\xfe").unwrap_err(), TokenError::Missing);
    }

    /// The second look is not at the signature, and must be as strict: with the time, with every byte, and with other
    /// services' tokens.
    #[test]
    fn a_header_that_was_good_is_good_until_it_expires_and_no_other_is() {
        let tokens = Tokens::in_memory().unwrap();
        let header = format!("Bearer {}", tokens.issue(claims("acme")).unwrap().as_str());
        let verify = |tokens: &Tokens, header: &str, now| {
            tokens.verify_header(Some(header.as_bytes()), now).map(|claims| Claims::clone(&claims))
        };
        for _ in 0..2 {
            assert_eq!(verify(&tokens, &header, 1_999_999), Ok(claims("acme")));
        }
        assert_eq!(tokens.lately.len(), 1);
        assert_eq!(verify(&tokens, &header, 2_000_000), Err(TokenError::Expired));
        assert_eq!(verify(&tokens, &header[..header.len() - 1], 1_500_000), Err(TokenError::Foreign));
        assert_eq!(verify(&Tokens::in_memory().unwrap(), &header, 1_500_000), Err(TokenError::Foreign));
        assert_eq!(tokens.verify_header(None, 1_500_000), Err(TokenError::Missing));
        assert_eq!(tokens.lately.len(), 1, "what is not good is not kept");
    }

    #[test]
    fn there_is_an_end_to_the_headers_that_are_kept() {
        let tokens = Tokens::in_memory().unwrap();
        let token = tokens.issue(claims("acme")).unwrap();
        for user in 0..3_000 {
            let pair = format!("{user}:{}", token.as_str());
            let header = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
            assert!(tokens.verify_header(Some(header.as_bytes()), 1_500_000).is_ok());
        }
        let kept = tokens.lately.len();
        assert!((1..=1_024).contains(&kept), "{kept}");
        let header = format!("{}Bearer {}", " ".repeat(2_048), token.as_str());
        assert!(tokens.verify_header(Some(header.as_bytes()), 1_500_000).is_ok());
        assert_eq!(tokens.lately.len(), kept, "nothing is kept of a header that is padded");
    }

    #[test]
    fn a_page_token_serves_its_own_request_only() {
        let tokens = Tokens::in_memory().unwrap();
        let token = tokens.page_token("ListPackages a", "cargo//x");
        assert_eq!(tokens.read_page_token("ListPackages a", &token).as_deref(), Some("cargo//x"));
        assert_eq!(tokens.read_page_token("ListPackages b", &token), None);
        for bad in ["", "x", "not base64!", "AAAA", &token[1..]] {
            assert_eq!(tokens.read_page_token("ListPackages a", bad), None, "{bad:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_its_owners_only_and_survives() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        let token = Tokens::in_folder(data.path()).unwrap().issue(claims("acme")).unwrap();
        let file = data.path().join(FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Tokens::in_folder(data.path()).unwrap().verify(&token, 1_500_000).is_ok());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Tokens::in_folder(data.path()), Err(KeyError::Exposed)));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, b"short").unwrap();
        assert!(matches!(Tokens::in_folder(data.path()), Err(KeyError::Damaged)));
    }
}
