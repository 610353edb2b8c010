//! Uploads as `multipart/form-data`, read while they come in.

use futures_util::stream;
use hyper::{HeaderMap, header};
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::Refusal;
use crate::http::{Payload, PayloadError, header_text};

/// The parts of a form, in order. The whole body has `limit` bytes at most.
pub(crate) fn parts<'a>(headers: &HeaderMap, payload: &'a mut Payload, limit: u64) -> Result<Multipart<'a>, Refusal> {
    let content_type = header_text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| Refusal::Invalid("the upload must be multipart/form-data with a boundary".to_owned()))?;
    if payload.announced().is_some_and(|announced| announced > limit) {
        return Err(PayloadError::TooLarge { limit }.into());
    }
    let pieces = stream::unfold(payload, |payload| async {
        let piece = payload.next().await.transpose()?;
        Some((piece, payload))
    });
    let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
    Ok(Multipart::with_constraints(pieces, boundary, constraints))
}

/// What a field holds, if it has `limit` bytes at most.
pub(crate) async fn text(mut field: Field<'_>, limit: usize) -> Result<String, Refusal> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(refusal)? {
        if text.len() + piece.len() > limit {
            return Err(PayloadError::TooLarge { limit: limit as u64 }.into());
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| Refusal::Invalid("a field of the form is not UTF-8".to_owned()))
}

/// Why a form could not be read on.
pub(crate) fn refusal(error: multer::Error) -> Refusal {
    match error {
        multer::Error::StreamReadFailed(source) => match source.downcast::<PayloadError>() {
            Ok(payload) => Refusal::Payload(*payload),
            Err(source) => Refusal::Invalid(format!("the form could not be read: {source}")),
        },
        multer::Error::StreamSizeExceeded { limit } => PayloadError::TooLarge { limit }.into(),
        error => Refusal::Invalid(format!("the form could not be read: {error}")),
    }
}
