//! Package groups: what they restrict.

use codeartifact::RepositoryName;

use super::{coordinate::PackageKey, model::Domain};

/// What a package group can restrict for the packages in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Restriction {
    /// Publishing versions.
    Publish,
    /// Fetching versions through the repository's external connection.
    ExternalUpstream,
    /// Retaining versions of the repository's upstreams.
    InternalUpstream,
}

impl Domain {
    /// Why a repository may not do that with a package, if it may not. `name` is the package's name as clients spell
    /// it.
    #[expect(clippy::unused_self, reason = "no group but the root group, which allows everything")]
    pub(crate) fn restricted(
        &self,
        _restriction: Restriction,
        _package: &PackageKey,
        _name: &str,
        _repository: &RepositoryName,
    ) -> Option<String> {
        None
    }
}
