//! Looking into stored distributions.

use std::io::Read as _;

use blake2::{Blake2b, Digest as _, digest::consts::U32};

use super::{
    archive::{self, ArchiveProblem},
    file_name::{self, Kind},
    listing::Listing,
    metadata::Metadata,
};
use crate::{
    assets::{Content, Digest, Hex},
    state::NewVersion,
};

/// What a distribution says of itself.
pub(super) struct Read {
    pub(super) metadata: Metadata,
    /// Of the file that says it, if clients may ask for that: a wheel's.
    pub(super) digest: Option<Digest>,
}

/// Reads a distribution's metadata. Blocks.
pub(super) fn read(content: Content, file: &str, project: &str) -> Result<Read, ArchiveProblem> {
    let bytes = archive::metadata(content, file, project)?;
    let wheel = matches!(file_name::read(file, project), Some((Kind::Wheel, _)));
    Ok(Read { metadata: Metadata::read(&bytes), digest: wheel.then(|| Digest::of(&bytes)) })
}

/// Completes what is known of a version by what is in a file of it that was fetched. Blocks.
pub(crate) fn complete(content: Content, file: &str, new: &mut NewVersion) {
    let Ok(Read { metadata, digest }) = read(content, file, &new.name) else { return };
    let mut listing = Listing::read(&new.listing);
    if let Some(digest) = digest {
        listing.files.entry(file.to_owned()).or_default().core_metadata = Some(digest);
    }
    new.about = metadata.about();
    new.display_name = metadata.name.filter(|name| *name != new.name && file_name::normal(name) == new.name);
    listing.requires_dist = metadata.requires_dist;
    new.listing = listing.text();
    new.readme = metadata.description;
}

/// The third digest that clients announce. Blocks.
pub(super) fn blake2b_256(content: Content) -> std::io::Result<Hex<32>> {
    let mut hasher = Blake2b::<U32>::new();
    match content {
        Content::Bytes(bytes) => hasher.update(&bytes),
        Content::File(mut file) => {
            let mut piece = vec![0; 256 << 10];
            loop {
                match file.read(&mut piece)? {
                    0 => break,
                    count => hasher.update(&piece[..count]),
                }
            }
        }
    }
    Ok(Hex::from_bytes(&hasher.finalize()).expect("this BLAKE2 has 32 bytes"))
}
