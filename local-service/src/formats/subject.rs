//! What a path is about, for the audit trail: not part of serving a request, and read after it.

use codeartifact::{AccountId, DomainName, PackageFormat};
use hyper::Method;

use super::{Place, cargo, maven, npm, nuget, permission, place, pypi, ruby, swift};
use crate::http::Target;

/// Package and version that a path names, as far as it names any; as it spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// What a data-plane request is.
pub(crate) struct Described<'a> {
    pub(crate) domain: DomainName,
    pub(crate) owner: AccountId,
    pub(crate) repository: &'a str,
    pub(crate) format: PackageFormat,
    pub(crate) subject: Subject,
    /// What it must be allowed, as policies name it.
    pub(crate) action: &'static str,
}

impl Subject {
    /// Of a format without namespaces.
    pub(super) fn of(name: &str, version: Option<&str>) -> Self {
        Self { namespace: None, name: Some(name.to_owned()), version: version.map(ToOwned::to_owned) }
    }

    pub(super) fn within(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()), ..self }
    }
}

/// What a request is; `None` if its path is of no repository's.
pub(crate) fn described<'a>(method: &Method, target: &'a Target) -> Option<Described<'a>> {
    let parts = target.parts();
    let Place { name, owner, format, repository, path } = place(&parts)?;
    let subject = subject(format, &path);
    Some(Described {
        domain: name,
        owner,
        repository,
        format,
        subject,
        action: permission::action(format, method, &path),
    })
}

fn subject(format: PackageFormat, path: &[&str]) -> Subject {
    let subject = match format {
        PackageFormat::Cargo => cargo::subject(path),
        PackageFormat::Generic => match path {
            [namespace, name, version, _] => Some(Subject::of(name, Some(version)).within(namespace)),
            _ => None,
        },
        PackageFormat::Maven => maven::subject(path),
        PackageFormat::Npm => npm::subject(path),
        PackageFormat::Nuget => nuget::subject(path),
        PackageFormat::Pypi => pypi::subject(path),
        PackageFormat::Ruby => ruby::subject(path),
        PackageFormat::Swift => swift::subject(path),
    };
    subject.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_packages_and_versions() {
        use PackageFormat::{Cargo, Generic, Maven, Npm, Nuget, Pypi, Ruby, Swift};
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (format, path, namespace, name, version) in [
            (Cargo, "config.json", "", "", ""),
            (Cargo, "se/rd/serde", "", "serde", ""),
            (Cargo, "api/v1/crates/serde/1.0.0/download", "", "serde", "1.0.0"),
            (Cargo, "api/v1/crates/serde/1.0.0/yank", "", "serde", "1.0.0"),
            (Cargo, "api/v1/crates/serde/versions", "", "serde", ""),
            (Cargo, "api/v1/crates/new", "", "", ""),
            (Generic, "com.acme/app/1.0/app.bin", "com.acme", "app", "1.0"),
            (Maven, "com/acme/app/1.0/app-1.0.jar", "com.acme", "app", "1.0"),
            (Maven, "com/acme/app/1.0/app-1.0.jar.sha1", "com.acme", "app", "1.0"),
            (Maven, "com/acme/app/maven-metadata.xml", "com.acme", "app", ""),
            (Maven, "com/acme/app/1-SNAPSHOT/maven-metadata.xml", "com.acme", "app", "1-SNAPSHOT"),
            (Npm, "lodash", "", "lodash", ""),
            (Npm, "@acme%ui", "acme", "ui", ""),
            (Npm, "@acme%ui/-/ui-1.0.0.tgz", "acme", "ui", "1.0.0"),
            (Npm, "lodash/4.17.11", "", "lodash", "4.17.11"),
            (Npm, "lodash/latest", "", "lodash", ""),
            (Npm, "-/package/@acme%ui/dist-tags/next", "acme", "ui", ""),
            (Npm, "-/ping", "", "", ""),
            (Nuget, "v3/index.json", "", "", ""),
            (Nuget, "v3/flatcontainer/acme.core/1.0.0/acme.core.1.0.0.nupkg", "", "acme.core", "1.0.0"),
            (Nuget, "v3/flatcontainer/acme.core/index.json", "", "acme.core", ""),
            (Nuget, "v3/registration4/acme.core/1.0.0.json", "", "acme.core", "1.0.0"),
            (Nuget, "v3/package", "", "", ""),
            (Pypi, "simple/six/", "", "six", ""),
            (Pypi, "simple/six/1.16.0/six-1.16.0.tar.gz", "", "six", "1.16.0"),
            (Pypi, "", "", "", ""),
            (Ruby, "gems/rack-2.0.1.gem", "", "rack", "2.0.1"),
            (Ruby, "quick/Marshal.4.8/rack-2.0.1.gemspec.rz", "", "rack", "2.0.1"),
            (Ruby, "info/rack", "", "rack", ""),
            (Ruby, "versions", "", "", ""),
            (Swift, "acme/net", "acme", "net", ""),
            (Swift, "acme/net/1.0.0.zip", "acme", "net", "1.0.0"),
            (Swift, "acme/net/1.0.0/Package.swift", "acme", "net", "1.0.0"),
            (Swift, "login", "", "", ""),
        ] {
            let path: Vec<String> = path.split('/').map(|segment| segment.replace('%', "/")).collect();
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let expected = Subject { namespace: given(namespace), name: given(name), version: given(version) };
            assert_eq!(subject(format, &path), expected, "{format} {path:?}");
        }
    }
}
