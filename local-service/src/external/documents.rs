//! Metadata of public sources, remembered for a bounded time: what the service itself does, for as long as it does.

use std::{
    any::Any,
    io::{self, Read as _},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use codeartifact::PackageFormat;
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode, Uri,
    body::Incoming,
    header::{self, HeaderValue},
};

use super::{Connection, External, ExternalError, client, remembered::Asked};
use crate::{
    aside::{LARGE, aside},
    counters::Counters,
};

/// Between two pieces of an answer.
const IDLE: Duration = Duration::from_secs(30);

/// What is asked of a source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    /// Below the source's address, or a whole URL that the source itself gave.
    pub(crate) link: String,
    /// The `Accept` header.
    pub(crate) accept: &'static str,
    /// Bytes of metadata at most, unpacked.
    pub(crate) limit: u64,
}

/// Metadata as a source sent it.
#[derive(Debug)]
pub(crate) struct Document {
    /// Where it came from, redirects followed: links in it are relative to this.
    uri: Uri,
    pub(crate) content_type: String,
    /// When it was last changed, as the source says.
    pub(crate) last_modified: Option<String>,
    pub(crate) bytes: Bytes,
    /// What a format reads out of it.
    read: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Document {
    /// A link in this document as a whole URL.
    pub(crate) fn link(&self, link: &str) -> Result<String, ExternalError> {
        client::join(&self.uri, link).map(|uri| uri.to_string())
    }

    /// What its format reads out of it: read once and kept with it. The same `read` every time.
    pub(crate) fn read<T: Any + Send + Sync>(&self, read: impl FnOnce(&Self) -> T) -> &T {
        let read = self.read.get_or_init(|| Box::new(read(self)));
        read.downcast_ref().expect("a document is of one format, which reads one thing out of it")
    }

    /// The same, and aside if the document is large.
    pub(crate) async fn read_aside<T: Any + Send + Sync>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> T + Clone + Send + 'static,
    ) -> &T {
        if self.read.get().is_none() {
            let (document, read) = (Arc::clone(self), read.clone());
            let reading = move || {
                document.read(read);
            };
            aside(self.bytes.len() > LARGE, reading).await;
        }
        self.read(read)
    }

    /// The same of nothing.
    fn with_no_bytes(&self) -> Self {
        Self {
            uri: self.uri.clone(),
            content_type: self.content_type.clone(),
            last_modified: self.last_modified.clone(),
            bytes: Bytes::new(),
            read: OnceLock::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: impl Into<Bytes>) -> Self {
        let (content_type, bytes) = (String::new(), bytes.into());
        Self { uri: Uri::from_static("/"), content_type, last_modified: None, bytes, read: OnceLock::new() }
    }
}

/// `None`: the source says that there is no such thing.
pub(super) type Answer = Option<Arc<Document>>;

/// A document with its bytes in gzip.
#[derive(Debug)]
pub(super) struct Packed(pub(super) Document);

impl Packed {
    pub(super) fn size(&self) -> usize {
        self.0.bytes.len()
    }

    /// The document itself; `None` if it is larger than that.
    pub(super) async fn unpack(&self, limit: u64) -> io::Result<Option<Document>> {
        let packed = self.0.bytes.clone();
        // Metadata is eight times as large unpacked, or more.
        let unpacked = aside(packed.len() > LARGE / 8, move || unpack(&packed, limit)).await?;
        Ok(unpacked.map(|bytes| Document { bytes, ..self.0.with_no_bytes() }))
    }
}

/// How long the service remembers a source's metadata, at most.
const fn age(format: PackageFormat) -> Duration {
    match format {
        PackageFormat::Maven => Duration::from_hours(3),
        PackageFormat::Cargo
        | PackageFormat::Generic
        | PackageFormat::Npm
        | PackageFormat::Nuget
        | PackageFormat::Pypi
        | PackageFormat::Ruby
        | PackageFormat::Swift => Duration::from_mins(30),
    }
}

impl External {
    /// Metadata of a source; `None` if the source has none under that link. An error is not remembered.
    pub(crate) async fn document(
        &self,
        counters: &Counters,
        connection: Connection,
        wanted: &Wanted,
    ) -> Result<Answer, ExternalError> {
        let key = (connection, wanted.clone());
        let ask = async || {
            counters.called("external:document");
            self.ask(connection, wanted).await.inspect_err(|_| counters.failed("external:document"))
        };
        self.documents.answer(&key, age(connection.format()), ask).await
    }

    /// Forgets what a source says under a link: it is known to have changed.
    pub(crate) fn forget(&self, connection: Connection, wanted: &Wanted) {
        self.documents.forget(&(connection, wanted.clone()));
    }

    async fn ask(&self, connection: Connection, wanted: &Wanted) -> Result<Asked, ExternalError> {
        let source = self.address(connection).await?;
        let headers = [
            (header::ACCEPT, HeaderValue::from_static(wanted.accept)),
            (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
        ];
        let (uri, response) = self.client().get(connection, source, source.resolve(&wanted.link)?, &headers).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
                return Ok(Asked { answer: None, packed: None });
            }
            status => return Err(ExternalError::Status { connection, status }),
        }
        let text = |name: header::HeaderName| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
        };
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        let last_modified = text(header::LAST_MODIFIED);
        let packed = text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"));
        let too_large = || ExternalError::TooLarge { connection, limit: wanted.limit };
        let bytes = read(connection, response, wanted.limit).await?.ok_or_else(too_large)?;
        let document = Document { uri, content_type, last_modified, bytes, read: OnceLock::new() };
        if !packed {
            return Ok(Asked { answer: Some(Arc::new(document)), packed: None });
        }
        let packed = Packed(document);
        let unpacked = packed
            .unpack(wanted.limit)
            .await
            .map_err(|error| ExternalError::Unreachable { connection, problem: error.to_string() })?
            .ok_or_else(too_large)?;
        Ok(Asked { answer: Some(Arc::new(unpacked)), packed: Some(packed) })
    }
}

/// The whole body; `None` if it is larger than that.
async fn read(
    connection: Connection,
    response: Response<Incoming>,
    limit: u64,
) -> Result<Option<Bytes>, ExternalError> {
    let mut body = response.into_body();
    let mut whole = BytesMut::new();
    while let Some(bytes) = next(connection, &mut body).await? {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(Some(whole.freeze()))
}

/// The next bytes of an answer; `None` at its end.
pub(super) async fn next(connection: Connection, body: &mut Incoming) -> Result<Option<Bytes>, ExternalError> {
    let unreachable = |problem: String| ExternalError::Unreachable { connection, problem };
    loop {
        let frame =
            tokio::time::timeout(IDLE, body.frame()).await.map_err(|_| unreachable("it fell silent".to_owned()))?;
        match frame.transpose().map_err(|error| unreachable(error.to_string()))? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Unpacks gzip; `None` if it is larger than that unpacked.
fn unpack(bytes: &[u8], limit: u64) -> io::Result<Option<Bytes>> {
    let mut whole = Vec::new();
    GzDecoder::new(bytes).take(limit + 1).read_to_end(&mut whole)?;
    Ok((whole.len() as u64 <= limit).then(|| whole.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn what_unpacks_to_more_than_the_limit_is_not_unpacked() {
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        writer.write_all(&vec![0; 1 << 20]).unwrap();
        let packed = writer.finish().unwrap();
        assert!(packed.len() < 4096);
        assert_eq!(unpack(&packed, 1 << 20).unwrap().unwrap().len(), 1 << 20);
        assert!(unpack(&packed, (1 << 20) - 1).unwrap().is_none());
        assert!(unpack(b"no gzip", 1 << 20).is_err());
    }
}
