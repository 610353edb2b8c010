//! `cargo publish`: a length, a JSON document, a length, a crate. The crate is opaque: it is never unpacked.

use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use serde_json::json;

use super::{crate_key, document::Document, external};
use crate::{
    assets::{Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats::{Refusal, Visit},
    http::{Payload, PayloadError, Reply, answer},
    resolve::Reach,
    state::{Asset, NewVersion},
};

/// Bytes of the document; readmes are in it.
const DOCUMENT: u32 = 4 << 20;

/// Reads a body by counts of bytes.
struct Parts<'a> {
    payload: &'a mut Payload,
    rest: Bytes,
}

pub(super) async fn publish(visit: &mut Visit<'_>) -> Result<Reply, Refusal> {
    let domain = visit.repository.domain.clone();
    let announced = visit.payload.announced();
    let mut parts = Parts { payload: &mut *visit.payload, rest: Bytes::new() };

    let document_size = parts.length().await?;
    if document_size > DOCUMENT {
        return Err(PayloadError::TooLarge { limit: u64::from(DOCUMENT) }.into());
    }
    let json = parts.exactly(document_size).await?;
    let mut document = Document::read(&json).map_err(Refusal::Invalid)?;
    let package = crate_key(&document.name)?;
    let crate_size = parts.length().await?;
    let counted = 8 + u64::from(document_size) + u64::from(crate_size);
    if announced.is_some_and(|announced| announced != counted) {
        return Err(wrong_lengths());
    }
    let mut upload = Upload::new(&visit.service.assets);
    let mut left = u64::from(crate_size);
    while left > 0 {
        let piece = parts.piece(left).await?.ok_or_else(wrong_lengths)?;
        left -= piece.len() as u64;
        upload.push(piece).await.map_err(|error| not_kept(&error))?;
    }
    if parts.piece(1).await?.is_some() {
        return Err(wrong_lengths());
    }
    let pin = upload.keep(domain, None).await.map_err(|error| not_kept(&error))?;

    let asset = Asset {
        name: format!("{}-{}.crate", document.name, document.vers),
        size: pin.size(),
        digests: pin.digests().clone(),
    };
    let new = NewVersion {
        about: document.about(),
        listing: document.line(&asset.digests.sha256),
        readme: document.readme.take().filter(|readme| !readme.is_empty()),
        assets: vec![asset],
        ..NewVersion::new(package, document.name, document.vers)
    };
    visit.may_publish(&new.package, &new.name, Some(&new.version))?;
    refuse_upstream(visit, &new).await?;
    let repository = visit.repository.clone();
    let published = visit.service.journal.apply(move |draft| draft.publish(&repository, new)).await;
    // Only now may the asset be collected, if nothing refers to it.
    drop(pin);
    published?;
    let warnings = json!({ "invalid_categories": [], "invalid_badges": [], "other": [] });
    Ok(answer::json(StatusCode::OK, &json!({ "warnings": warnings })))
}

/// What a public source has under this version cannot be published beside it. A source that is down cannot be asked,
/// and then does not stand in the way, as there.
async fn refuse_upstream(visit: &Visit<'_>, new: &NewVersion) -> Result<(), Refusal> {
    let state = visit.service.journal.snapshot();
    let (domain, repository) = state.repository(&visit.repository)?;
    let reach = Reach::new(domain, repository, &new.package, &new.name);
    if reach.version(&new.version).is_some() {
        return Ok(());
    }
    for source in reach.sources() {
        if let Ok(Some(_)) = external::find(visit, &source, &new.package, &new.name, &new.version).await {
            let message = format!("version {} of `{}` exists in {}", new.version, new.name, source.connection);
            return Err(Failure::conflict(ResourceKind::PackageVersion, &new.version, message).into());
        }
    }
    Ok(())
}

fn wrong_lengths() -> Refusal {
    Refusal::Invalid("the lengths in the request do not add up to its size".to_owned())
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::Storage(source) => Failure::storage(source),
        UploadError::OtherContent { .. } => Failure::conflict(ResourceKind::Asset, "crate", error.to_string()),
    }
}

impl Parts<'_> {
    /// The next bytes, `most` of them at most; `None` at the end.
    async fn piece(&mut self, most: u64) -> Result<Option<Bytes>, PayloadError> {
        while self.rest.is_empty() {
            match self.payload.next().await? {
                Some(bytes) => self.rest = bytes,
                None => return Ok(None),
            }
        }
        let count = usize::try_from(most).map_or(self.rest.len(), |most| most.min(self.rest.len()));
        Ok(Some(self.rest.split_to(count)))
    }

    async fn exactly(&mut self, size: u32) -> Result<Vec<u8>, Refusal> {
        let mut whole = Vec::new();
        while whole.len() < size as usize {
            let piece = self.piece(u64::from(size) - whole.len() as u64).await?.ok_or_else(wrong_lengths)?;
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// A length: four bytes, the lowest first.
    async fn length(&mut self) -> Result<u32, Refusal> {
        Ok(self.exactly(4).await?.as_slice().get_u32_le())
    }
}
