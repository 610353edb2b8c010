//! The words of AWS CodeArtifact, and the way from a repository URL to an authorization token.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`endpoint`] | [`Endpoint`] and its parts: every URL shape in and out, from raw bytes |
//! | [`token`] | [`AuthorizationToken`], [`TokenScope`]: what a token is, whom it serves, when it is stale |
//! | [`store`] | [`TokenStore`]: tokens at rest, in the operating system's keyrings |
//! | [`source`] | [`TokenSource`]: where a new token comes from |
//! | [`authorizer`] | [`Authorizer`]: store, one flight to the source, store again; the only way programs get tokens |
//! | [`control_plane`] | [`ControlPlane`]: the service's operations in plain data; `aws` is the only user of the SDK |
//! | [`profile`] | what the environment and the user's AWS files say, without resolving a credential |
//! | [`settings`] | the user's own file: trusted owners, where tokens rest, account rules |
//! | [`account`] | [`AccountRule`]: by which profile, and as which role, the tokens of a domain are asked for |
//! | [`private_folder`] | folders that only the user may enter, and files in them, whole or not at all |
//! | [`host`] | [`Host`]: everything ambient - arguments, variables, folders, clock - through one value |
//!
//! Invariants: this crate knows no package manager, no terminal and no command line. Deciding whether a URL is ours
//! makes no network call. A token found fresh in a store builds no SDK client and no runtime. Absent on purpose: a
//! credential chain of our own (the SDK's is used), and any way to print a token but [`AuthorizationToken::expose`].
#![forbid(unsafe_code)]

pub mod account;
pub mod authorizer;
pub mod control_plane;
pub mod endpoint;
pub mod host;
pub mod private_folder;
pub mod profile;
pub mod settings;
pub mod source;
pub mod store;
pub mod token;

pub use account::AccountRule;
pub use authorizer::{Authorize, AuthorizeError, Authorizer};
pub use control_plane::{ControlPlane, ControlPlaneError};
pub use endpoint::{
    AccountId, DomainName, Endpoint, EndpointError, PackageFormat, Region, RepositoryName, ServiceOverride, Trust,
};
pub use host::Host;
pub use private_folder::FolderError;
pub use profile::{AwsEnvironment, AwsOptions, ProfileError};
pub use settings::{SettingsError, StoreName, UserSettings};
pub use source::{SourceError, TokenSource};
pub use store::{StoreError, Stores, TokenStore};
pub use token::{AuthorizationToken, Freshness, Identity, ScopeError, TokenScope};
