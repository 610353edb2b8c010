//! What the service keeps of a release besides its archive.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::AboutVersion;

/// What came with a release, and the manifests in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Listing {
    /// As its author spells them.
    pub(super) scope: String,
    pub(super) name: String,
    /// As sent.
    pub(super) metadata: Value,
    /// Of the archive, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature_format: Option<String>,
    /// Of the metadata, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata_signature: Option<String>,
    pub(super) manifests: Vec<Manifest>,
}

/// A manifest in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// `Package.swift`, or `Package@swift-VERSION.swift`.
    pub(super) file: String,
    /// The archive's name for it.
    pub(super) entry: String,
    /// What its first line says.
    pub(super) tools: Option<String>,
}

impl Listing {
    pub(super) fn to_json(&self) -> Box<str> {
        serde_json::to_string(self).expect("a listing is plain data with text keys").into()
    }

    /// A stored listing.
    pub(super) fn of(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.metadata[name].as_str()?.trim();
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        (!clean.is_empty()).then_some(clean)
    }

    /// Where the sources are developed, as the metadata says.
    pub(super) fn repository_urls(&self) -> impl Iterator<Item = &str> {
        self.metadata["repositoryURLs"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// What the API describes the version with.
    pub(super) fn about(&self) -> AboutVersion {
        AboutVersion {
            summary: self.text("description"),
            home_page: None,
            source_code_repository: self.repository_urls().next().map(ToOwned::to_owned),
            license: self.text("licenseURL"),
        }
    }
}
