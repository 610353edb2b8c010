//! TLS on request, for clients that refuse plain HTTP: a certificate authority of this machine's own.
//!
//! `--tls DIR` keeps in DIR what is made on first use: `ca.pem`, which clients are told to trust, and `ca.key`, its
//! owner's only. The authority signs for `127.0.0.1`, `::1` and `localhost`, for the names in the file of identities
//! and for the address listened on, and can sign for nothing else: that is written into it, so whoever trusts it trusts
//! no other host through it. It holds for ten years and is replaced by the first start in its last half year; clients
//! then need the new `ca.pem`. One that was made before a name was added is not replaced on its own: it is trusted
//! somewhere.
//!
//! The server's own key and certificate live in memory only: made at the start, for ninety days, and made anew by the
//! first connection after two thirds of that.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls::{
    RootCertStore, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use time::{Duration, OffsetDateTime};

use crate::clock::Clock;

/// What every certificate is for.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
/// Of the authority: how long it holds, and how much of that must be left.
const AUTHORITY_LIFE: Duration = Duration::days(3_652);
const AUTHORITY_LEFT: Duration = Duration::days(182);
/// Of the server's certificate. The longest that strict clients accept is 398 days.
const SERVER_LIFE: Duration = Duration::days(90);
const SERVER_USED: Duration = Duration::days(60);
/// Clocks differ.
const EARLIER: Duration = Duration::hours(1);

/// The authority could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The folder or a file in it.
    #[error("the file `{}` failed", .file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key can be read by others.
    #[error("the file `{}` can be read by other users: whoever has it can pose as this service", .file.display())]
    Exposed {
        /// The key's file.
        file: PathBuf,
    },
    /// What is in a file is not what this service wrote.
    #[error("the file `{}` is damaged: {problem}", .file.display())]
    Damaged {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The authority was made for other names.
    #[error(
        "the authority `{}` was made without `{name}` and cannot vouch for it: move the file away, and the next start \
         makes one that can, which clients then have to trust",
        .file.display()
    )]
    OtherNames {
        /// The authority's certificate.
        file: PathBuf,
        /// What it cannot vouch for.
        name: String,
    },
    /// Making a certificate.
    #[error("no certificate could be made: {problem}")]
    Certificate {
        /// What the library said.
        problem: String,
    },
}

/// Hands out the server's certificate, and renews it in time.
struct Server {
    issuer: Issuer<'static, KeyPair>,
    names: Vec<String>,
    clock: Clock,
    current: Mutex<(Arc<CertifiedKey>, OffsetDateTime)>,
}

/// What connections are secured with, by the authority in a folder. `others` are the names and addresses beside this
/// machine's loopback ones.
pub(crate) fn config(
    folder: &Path,
    others: impl IntoIterator<Item = String>,
    clock: Clock,
) -> Result<Arc<ServerConfig>, TlsError> {
    let names: Vec<String> = LOOPBACK.map(str::to_owned).into_iter().chain(others).collect();
    let now = now(&clock);
    let issuer = authority(folder, &names, now)?;
    let first = server(&issuer, &names, now)?;
    check_names(&folder.join(CERTIFICATE), &issuer, &names[LOOPBACK.len()..], now)?;
    let server = Server { issuer, names, clock, current: Mutex::new(first) };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unmade)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(server));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn now(clock: &Clock) -> OffsetDateTime {
    let seconds = i64::try_from(clock.millis() / 1000).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl ResolvesServerCert for Server {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now(&self.clock);
        if now >= current.1
            && let Ok(renewed) = server(&self.issuer, &self.names, now)
        {
            *current = renewed;
        }
        Some(Arc::clone(&current.0))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

/// A certificate for the names, and when to make the next.
fn server(
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    now: OffsetDateTime,
) -> Result<(Arc<CertifiedKey>, OffsetDateTime), TlsError> {
    let mut params = CertificateParams::new(names).map_err(unmade)?;
    params.distinguished_name = named("CodeArtifact local service");
    params.not_before = now - EARLIER;
    params.not_after = now + SERVER_LIFE;
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(unmade)?;
    let certificate = params.signed_by(&key, issuer).map_err(unmade)?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signer = rustls::crypto::ring::sign::any_ecdsa_type(&private).map_err(unmade)?;
    let certified = CertifiedKey::new(vec![certificate.der().clone()], signer);
    Ok((Arc::new(certified), now + SERVER_USED))
}

/// Would a client that trusts the authority believe a certificate for each of the names? What an authority may vouch for
/// stands in itself; it is asked of code that clients ask, by a certificate for that name alone, since one name too many
/// spoils all.
fn check_names(
    authority: &Path,
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    now: OffsetDateTime,
) -> Result<(), TlsError> {
    if names.is_empty() {
        return Ok(());
    }
    let damaged =
        |problem: &dyn fmt::Display| TlsError::Damaged { file: authority.to_owned(), problem: problem.to_string() };
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(authority).map_err(|_| damaged(&"it is not a certificate"))?;
    roots.add(root).map_err(|error| damaged(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|error| damaged(&error))?;
    let since = std::time::Duration::from_secs(u64::try_from(now.unix_timestamp()).unwrap_or_default());
    for name in names {
        let asked = ServerName::try_from(name.as_str()).map_err(unmade)?;
        let (made, _) = server(issuer, std::slice::from_ref(name), now)?;
        let moment = UnixTime::since_unix_epoch(since);
        if verifier.verify_server_cert(&made.cert[0], &[], &asked, &[], moment).is_err() {
            return Err(TlsError::OtherNames { file: authority.to_owned(), name: name.clone() });
        }
    }
    Ok(())
}

/// The authority of a folder: the one that is there, or a new one.
fn authority(folder: &Path, names: &[String], now: OffsetDateTime) -> Result<Issuer<'static, KeyPair>, TlsError> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    make_folder(folder).map_err(|source| TlsError::File { file: folder.to_owned(), source })?;
    // The certificate is written last: with it there, both are.
    if certificate.try_exists().map_err(|source| TlsError::File { file: certificate.clone(), source })? {
        let ends = end_of(&certificate)?;
        if ends - now >= AUTHORITY_LEFT {
            return Ok(Issuer::new(authority_params(names, now), read_key(&key)?));
        }
    }
    let pair = KeyPair::generate().map_err(unmade)?;
    let mut params = authority_params(names, now);
    params.serial_number = Some(serial()?);
    let made = params.self_signed(&pair).map_err(unmade)?;
    write(&key, &pair.serialize_pem(), 0o600)?;
    write(&certificate, &made.pem(), 0o644)?;
    Ok(Issuer::new(params, pair))
}

fn authority_params(names: &[String], now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("CodeArtifact local service authority");
    params.not_before = now - EARLIER;
    params.not_after = now + AUTHORITY_LIFE;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    };
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.iter().map(permitted).collect(),
        excluded_subtrees: Vec::new(),
    });
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn serial() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| unmade("the operating system gave no random bytes"))?;
    // Positive, and not zero at the front: one encoding.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn unmade(problem: impl fmt::Display) -> TlsError {
    TlsError::Certificate { problem: problem.to_string() }
}

fn read_key(file: &Path) -> Result<KeyPair, TlsError> {
    let failed = |source| TlsError::File { file: file.to_owned(), source };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(file).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(TlsError::Exposed { file: file.to_owned() });
        }
    }
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(file).map_err(failed)?);
    // What the library says of a key may quote it.
    KeyPair::from_pem(&text)
        .map_err(|_| TlsError::Damaged { file: file.to_owned(), problem: "it is not a private key".to_owned() })
}

/// When the authority in a file ends.
fn end_of(file: &Path) -> Result<OffsetDateTime, TlsError> {
    let damaged = |problem: &str| TlsError::Damaged { file: file.to_owned(), problem: problem.to_owned() };
    let pem = std::fs::read(file).map_err(|source| TlsError::File { file: file.to_owned(), source })?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged("it is not a certificate"))?;
    not_after(&der).ok_or_else(|| damaged("its end cannot be read"))
}

/// The end of a certificate's validity, read from the outside in: certificate, its signed part, then version, serial
/// number, algorithm, issuer, and the two times (RFC 5280, 4.1).
fn not_after(der: &[u8]) -> Option<OffsetDateTime> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (tag, text, _) = element(element(validity)?.2)?;
    let digits: Vec<u8> = text.strip_suffix(b"Z")?.iter().map(|byte| byte.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let pair = |at: usize| Some(digits.get(at)? * 10 + digits.get(at + 1)?);
    // Two digits of a year up to 2049, four after that.
    let (year, at) = match tag {
        0x17 => (2000 + i32::from(pair(0)?), 2),
        0x18 => (i32::from(pair(0)?) * 100 + i32::from(pair(2)?), 4),
        _ => return None,
    };
    let month = time::Month::try_from(pair(at)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, pair(at + 2)?).ok()?;
    Some(date.with_hms(pair(at + 4)?, pair(at + 6)?, pair(at + 8)?).ok()?.assume_utc())
}

/// Tag, content and what follows of one DER element with a tag of one byte.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whole or not at all.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { file: file.to_owned(), source };
    let new = file.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut written = options.open(&new).map_err(failed)?;
    written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(failed)?;
    std::fs::rename(&new, file).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(folder: &Path, now: OffsetDateTime) -> Result<Issuer<'static, KeyPair>, TlsError> {
        super::authority(folder, &LOOPBACK.map(str::to_owned), now)
    }

    fn moment(days: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap() + Duration::days(days)
    }

    fn accepted(folder: &Path, certificate: &CertificateDer<'_>, name: &str, at: OffsetDateTime) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join(CERTIFICATE)).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let since = std::time::Duration::from_secs(u64::try_from(at.unix_timestamp()).unwrap());
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::since_unix_epoch(since)).is_ok()
    }

    #[test]
    fn the_authority_stays_and_signs_for_loopback_only() {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), moment(0)).unwrap();
        let kept = std::fs::read(folder.path().join(CERTIFICATE)).unwrap();
        let issuer = authority(folder.path(), moment(1_000)).unwrap();
        assert_eq!(std::fs::read(folder.path().join(CERTIFICATE)).unwrap(), kept);
        let (made, renew) = server(&issuer, &LOOPBACK.map(str::to_owned), moment(1_000)).unwrap();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(accepted(folder.path(), &made.cert[0], name, moment(1_000)), "{name}");
        }
        assert!(!accepted(folder.path(), &made.cert[0], "registry.example", moment(1_000)));
        assert!(!accepted(folder.path(), &made.cert[0], "localhost", moment(1_091)), "it ends");
        assert!(renew < moment(1_090), "and is renewed before");

        // With the authority's own key, and for another host: nobody believes it.
        let mut params = CertificateParams::new(["registry.example".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().unwrap();
        let stolen = params.signed_by(&key, &issuer).unwrap();
        assert!(!accepted(folder.path(), stolen.der(), "registry.example", moment(1_000)));
    }

    #[test]
    fn an_authority_vouches_for_the_names_it_was_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(CERTIFICATE);
        let names: Vec<String> = ["localhost", "packages.example", "192.0.2.7"].map(str::to_owned).into();
        let issuer = super::authority(folder.path(), &names, moment(0)).unwrap();
        let (made, _) = server(&issuer, &names, moment(0)).unwrap();
        check_names(&file, &issuer, &names, moment(0)).unwrap();
        for name in &names {
            assert!(accepted(folder.path(), &made.cert[0], name, moment(0)), "{name}");
        }

        // Asked for more later: it is not replaced, since it is trusted somewhere, and says what it lacks.
        let more: Vec<String> = ["localhost", "other.example"].map(str::to_owned).into();
        let issuer = super::authority(folder.path(), &more, moment(0)).unwrap();
        let refused = check_names(&file, &issuer, &more, moment(0)).unwrap_err();
        assert!(matches!(&refused, TlsError::OtherNames { name, .. } if name == "other.example"), "{refused:?}");
    }

    #[test]
    fn the_authority_is_replaced_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), moment(0)).unwrap();
        let file = folder.path().join(CERTIFICATE);
        assert_eq!(end_of(&file).unwrap(), moment(3_652));
        let first = std::fs::read(&file).unwrap();
        authority(folder.path(), moment(3_652 - 182)).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), first);
        let issuer = authority(folder.path(), moment(3_652 - 181)).unwrap();
        assert_ne!(std::fs::read(&file).unwrap(), first);
        // Beyond 2049 the times are written in the other form.
        assert_eq!(authority(folder.path(), moment(9_000)).map(|_| end_of(&file).unwrap()).unwrap(), moment(12_652));
        drop(issuer);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), moment(0)).unwrap();
        let key = folder.path().join(KEY);
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(authority(folder.path(), moment(0)), Err(TlsError::Exposed { .. })));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&key, "no key").unwrap();
        assert!(matches!(authority(folder.path(), moment(0)), Err(TlsError::Damaged { .. })));
        let certificate = folder.path().join(CERTIFICATE);
        std::fs::write(&certificate, "no certificate").unwrap();
        assert!(matches!(authority(folder.path(), moment(0)), Err(TlsError::Damaged { .. })));
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let folder = tempfile::tempdir().unwrap();
        authority(folder.path(), moment(0)).unwrap();
        let der = CertificateDer::from_pem_file(folder.path().join(CERTIFICATE)).unwrap();
        for end in 0..der.len() {
            let _ = not_after(&der[..end]);
            let mut changed = der.to_vec();
            changed[end] = 0xff;
            let _ = not_after(&changed);
        }
        assert_eq!(not_after(&der), Some(moment(3_652)));
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
