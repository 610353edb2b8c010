//! What the environment and the user's AWS files say about identity, Region and endpoint, without resolving a
//! credential and without the SDK: the warm path's view. The rules are the SDK's own.

use crate::endpoint::{Region, ServiceOverride};
use crate::host::Host;
use crate::token::Identity;

/// The user-level AWS settings that matter here.
#[derive(Debug, Clone)]
pub struct AwsEnvironment {
    /// The profile by name (`AWS_PROFILE`, else `default`).
    pub profile: String,
    /// The Region, where one is set.
    pub region: Option<Region>,
    /// The endpoint override in force for CodeArtifact, in the documented order of precedence.
    pub service_override: Option<ServiceOverride>,
    /// Who asks.
    pub identity: Identity,
}

impl AwsEnvironment {
    /// Reads the variables and the user-level AWS files (never a project's).
    pub fn read(_host: &Host) -> Result<Self, ProfileError> {
        todo!()
    }
}

/// The user-level AWS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The override is not an address we can use.
    #[error("the service endpoint override from {origin} cannot be used")]
    Override {
        /// The variable or file and line it comes from.
        origin: String,
        /// What is wrong with it.
        source: crate::endpoint::EndpointError,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
