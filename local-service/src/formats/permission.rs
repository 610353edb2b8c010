//! What a data-plane request must be allowed: one rule for all formats, asked before any of them sees the request.
//!
//! Reading is `ReadFromRepository` on the repository; everything that is not reading is `PublishPackageVersion` on
//! the package, unless it is said here to be something else. Where only the body tells the package, or what is done to
//! it, the question is asked twice: before the body is read, as far as it can be, and by the format through
//! [`Visit::may_publish`] or [`Visit::may_change_metadata`].

use std::sync::Arc;

use codeartifact::PackageFormat;
use hyper::Method;

use super::{Refusal, Visit};
use crate::{
    audit::Noted,
    failure::Failure,
    policy::{Circumstances, Demand, Place, Principal, Target, package_arn},
    state::{Domain, PackageKey, RepositoryKey, api_name},
};

const READ: &str = "codeartifact:ReadFromRepository";
const PUBLISH: &str = "codeartifact:PublishPackageVersion";
const METADATA: &str = "codeartifact:PutPackageMetadata";
const STATUS: &str = "codeartifact:UpdatePackageVersionsStatus";

/// Who asks, and when and whence.
pub(crate) struct Permission {
    pub(super) principal: Arc<Principal>,
    pub(super) circumstances: Circumstances,
}

/// Who names the package of a change.
enum Named {
    /// The path does: namespace and name.
    Path(String, String),
    /// The body does, and the format asks once it has read it.
    Body,
    /// Nobody: it must be allowed for every package of the format.
    Nobody,
}

impl Permission {
    /// Asks for everything that is known of a request.
    pub(super) fn check(
        &self,
        domain: &Domain,
        repository: &RepositoryKey,
        format: PackageFormat,
        method: &Method,
        path: &[&str],
    ) -> Result<(), Failure> {
        if let (PackageFormat::Npm, [PUBLISH], Named::Path(namespace, name)) =
            (format, actions(format, method, path), named(format, path))
        {
            // The same request publishes and deprecates.
            let target = Target::Exactly(arn(repository, format, &namespace, &name));
            return self
                .ask(domain, repository, PUBLISH, &target)
                .or_else(|refused| self.ask(domain, repository, METADATA, &target).map_err(|_| refused));
        }
        for action in actions(format, method, path) {
            let target = if *action == READ {
                Target::Exactly(repository.arn())
            } else {
                match named(format, path) {
                    Named::Path(namespace, name) => Target::Exactly(arn(repository, format, &namespace, &name)),
                    Named::Body => Target::Under(package_arn(repository, &format!("{format}/"))),
                    Named::Nobody => Target::All(package_arn(repository, &format!("{format}/"))),
                }
            };
            self.ask(domain, repository, action, &target)?;
        }
        Ok(())
    }

    fn ask(&self, domain: &Domain, key: &RepositoryKey, action: &str, target: &Target) -> Result<(), Failure> {
        let about = domain.repository(&key.name).ok().map(|repository| &repository.about);
        let demand = Demand {
            principal: &self.principal,
            action,
            target,
            region: key.domain.region.as_str(),
            circumstances: self.circumstances,
            place: Place::Repository(key, &domain.about, about),
        };
        demand.decide()
    }
}

impl Visit<'_> {
    /// May this client publish this package?
    pub(crate) fn may_publish(&self, package: &PackageKey, name: &str, version: Option<&str>) -> Result<(), Refusal> {
        self.may(PUBLISH, package, name, version)
    }

    /// May it change what is said of this package?
    pub(crate) fn may_change_metadata(&self, package: &PackageKey, name: &str) -> Result<(), Refusal> {
        self.may(METADATA, package, name, None)
    }

    fn may(
        &self,
        action: &'static str,
        package: &PackageKey,
        name: &str,
        version: Option<&str>,
    ) -> Result<(), Refusal> {
        self.noted.get_or_init(|| Noted {
            action,
            namespace: package.namespace.clone(),
            name: api_name(package.format, name),
            version: version.map(ToOwned::to_owned),
        });
        let state = self.service.journal.snapshot();
        let domain = state.domain(&self.repository.domain)?;
        let target = Target::Exactly(arn(&self.repository, package.format, &package.namespace, name));
        Ok(self.permission.ask(domain, &self.repository, action, &target)?)
    }
}

fn arn(repository: &RepositoryKey, format: PackageFormat, namespace: &str, name: &str) -> String {
    package_arn(repository, &format!("{format}/{namespace}/{}", api_name(format, name)))
}

/// The action that a request is written down as.
pub(super) fn action(format: PackageFormat, method: &Method, path: &[&str]) -> &'static str {
    actions(format, method, path).last().copied().unwrap_or(READ)
}

/// The actions that a request needs, all of them.
fn actions(format: PackageFormat, method: &Method, path: &[&str]) -> &'static [&'static str] {
    if method == Method::GET || method == Method::HEAD {
        return &[READ];
    }
    match (format, path) {
        // The client's look at advisories after an install, and the like: nothing of npm is changed by POST.
        (PackageFormat::Npm, _) if method == Method::POST => &[READ],
        (PackageFormat::Npm, ["-", "package", .., "dist-tags", _]) => &[METADATA],
        // A yank is a change of status; the service has no word for it.
        (PackageFormat::Cargo, [.., "yank" | "unyank"]) => &[STATUS],
        (PackageFormat::Maven, [.., file]) if file.starts_with("maven-metadata.xml") => &[METADATA],
        // `dotnet` and `nuget` look at what is there before they push.
        (PackageFormat::Nuget, _) => &[READ, PUBLISH],
        // It asks whether the token is good.
        (PackageFormat::Swift, ["login"]) => &[READ],
        _ => &[PUBLISH],
    }
}

/// Where a change's package is named.
fn named(format: PackageFormat, path: &[&str]) -> Named {
    let from_path = match format {
        PackageFormat::Cargo if matches!(path, ["api", "v1", "crates", "new"]) => return Named::Body,
        PackageFormat::Nuget | PackageFormat::Pypi | PackageFormat::Ruby => return Named::Body,
        PackageFormat::Cargo => match path {
            ["api", "v1", "crates", name, ..] => Some((String::new(), (*name).to_owned())),
            _ => None,
        },
        PackageFormat::Npm => npm(path),
        PackageFormat::Maven => maven(path),
        PackageFormat::Swift => match path {
            [scope, name, ..] => Some((scope.to_lowercase(), (*name).to_owned())),
            _ => None,
        },
        PackageFormat::Generic => None,
    };
    from_path.map_or(Named::Nobody, |(namespace, name)| Named::Path(namespace, name))
}

/// `NAME/…`, `@SCOPE/NAME/…` with the slash escaped or not, and the same after `-/package/`.
fn npm(path: &[&str]) -> Option<(String, String)> {
    let path = path.strip_prefix(&["-", "package"]).unwrap_or(path);
    let (scope, name) = match path {
        [scoped, rest @ ..] if scoped.starts_with('@') => match (scoped.split_once('/'), rest) {
            (Some((scope, name)), _) => (scope, name),
            (None, [name, ..]) => (*scoped, *name),
            (None, []) => return None,
        },
        ["-", ..] | [] => return None,
        [name, ..] => ("", *name),
    };
    Some((scope.trim_start_matches('@').to_owned(), name.to_owned()))
}

/// `GROUP/AS/PATH/ARTIFACT/VERSION/FILE`, or metadata of an artifact, or of one of its snapshots.
fn maven(path: &[&str]) -> Option<(String, String)> {
    let (file, folders) = path.split_last()?;
    let of_snapshot = folders.last().is_some_and(|folder| folder.ends_with("-SNAPSHOT"));
    let coordinate =
        if file.starts_with("maven-metadata.xml") && !of_snapshot { folders } else { folders.split_last()?.1 };
    let (artifact, group) = coordinate.split_last().filter(|(_, group)| !group.is_empty())?;
    Some((group.join("."), (*artifact).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_changing_are_told_apart_for_every_format() {
        for format in PackageFormat::ALL {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(actions(format, &method, &["anything", "login", "yank"]), [READ], "{format}");
            }
            for method in [Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::OPTIONS] {
                if (format, &method) != (PackageFormat::Npm, &Method::POST) {
                    let needed = actions(format, &method, &["anything"]);
                    assert!(needed.contains(&PUBLISH), "{format} {method}");
                }
            }
        }
    }

    #[test]
    fn packages_are_found_in_paths() {
        use PackageFormat::{Cargo, Maven, Npm, Swift};
        let put = Method::PUT;
        for (format, path, needed, expected) in [
            (Npm, &["left-pad"][..], PUBLISH, Some(("", "left-pad"))),
            (Npm, &["@acme/ui"], PUBLISH, Some(("acme", "ui"))),
            (Npm, &["@acme", "ui"], PUBLISH, Some(("acme", "ui"))),
            (Npm, &["-", "package", "@acme/ui", "dist-tags", "next"], METADATA, Some(("acme", "ui"))),
            (Npm, &["-", "package", "ui", "dist-tags", "next"], METADATA, Some(("", "ui"))),
            (Npm, &["-", "other"], PUBLISH, None),
            (Npm, &["@acme"], PUBLISH, None),
            (Maven, &["com", "acme", "app", "1.0", "app-1.0.jar"], PUBLISH, Some(("com.acme", "app"))),
            (Maven, &["com", "acme", "app", "maven-metadata.xml"], METADATA, Some(("com.acme", "app"))),
            (Maven, &["com", "acme", "app", "maven-metadata.xml.sha1"], METADATA, Some(("com.acme", "app"))),
            (Maven, &["com", "acme", "app", "1-SNAPSHOT", "maven-metadata.xml"], METADATA, Some(("com.acme", "app"))),
            (Maven, &["file"], PUBLISH, None),
            (Swift, &["Acme", "Networking", "1.0.0"], PUBLISH, Some(("acme", "Networking"))),
            (Cargo, &["api", "v1", "crates", "serde", "1.0.0", "unyank"], STATUS, Some(("", "serde"))),
            (Cargo, &["api", "v1", "other"], PUBLISH, None),
        ] {
            assert_eq!(actions(format, &put, path), [needed], "{path:?}");
            let found = match named(format, path) {
                Named::Path(namespace, name) => Some((namespace, name)),
                Named::Body | Named::Nobody => None,
            };
            let expected = expected.map(|(namespace, name): (&str, &str)| (namespace.to_owned(), name.to_owned()));
            assert_eq!(found, expected, "{path:?}");
        }
        assert!(matches!(named(Cargo, &["api", "v1", "crates", "new"]), Named::Body));
    }
}
