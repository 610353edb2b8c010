//! One call of an operation: who calls, with which parameters, and the model to answer from.

use std::sync::Arc;

use codeartifact::{AccountId, PackageFormat, RepositoryName};
use hyper::HeaderMap;
use serde_json::{Map, Value};

use super::validate::{self, choice};
use crate::{
    failure::{Failure, Reason},
    http::{Query, Request},
    identity::Caller,
    service::Service,
    state::{
        DomainKey, Draft, NamespaceRule, Package, PackageKey, RepositoryKey, Snapshot, Version, api_name,
        namespace_rule,
    },
};

/// An authenticated call.
pub(super) struct Call {
    pub(super) service: Arc<Service>,
    pub(super) operation: &'static str,
    pub(super) caller: Caller,
    pub(super) query: Query,
    pub(super) body: Map<String, Value>,
    pub(super) headers: HeaderMap,
    /// What the client calls this service by.
    pub(super) authority: String,
    /// The model when the call came.
    pub(super) state: Snapshot,
}

/// The package that a call names.
#[derive(Debug, Clone)]
pub(super) struct NamedPackage {
    pub(super) repository: RepositoryKey,
    pub(super) key: PackageKey,
    /// As the caller spells it.
    pub(super) name: String,
    pub(super) format: PackageFormat,
    pub(super) namespace: Option<String>,
}

impl Call {
    pub(super) fn new(service: &Arc<Service>, operation: &'static str, caller: Caller, request: &Request) -> Self {
        Self {
            service: Arc::clone(service),
            operation,
            caller,
            query: request.target.query.clone(),
            body: Map::new(),
            headers: request.headers.clone(),
            authority: request.authority.clone(),
            state: service.journal.snapshot(),
        }
    }

    /// Reads the JSON body, if there is one: the AWS tools send none where all input is in the query.
    pub(super) fn read_body(&mut self, body: &[u8]) -> Result<(), Failure> {
        if body.is_empty() {
            return Ok(());
        }
        let cannot_parse = |message: String| Failure::Validation { reason: Reason::CannotParse, message };
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => {
                // An absent member and one that is null are the same to the tools.
                self.body = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
                Ok(())
            }
            Ok(_) => Err(cannot_parse("the request body must be a JSON object".to_owned())),
            Err(error) => Err(cannot_parse(format!("the request body is not JSON: {error}"))),
        }
    }

    /// Applies a transition.
    pub(super) async fn apply<T, F>(&self, transition: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Draft) -> Result<T, Failure> + Send + 'static,
    {
        self.service.journal.apply(transition).await
    }

    /// A query parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.query.get(name).ok_or_else(|| Failure::field(format!("`{name}` is missing")))
    }

    /// The domain named by `domain` and `domain-owner`; the owner is the caller unless it is given.
    pub(super) fn domain(&self) -> Result<DomainKey, Failure> {
        let name = validate::name(self.required("domain")?)?;
        let owner = match self.query.get("domain-owner") {
            Some(owner) => validate::name::<AccountId>(owner)?,
            None => self.caller.account.clone(),
        };
        Ok(DomainKey { region: self.caller.region.clone(), owner, name })
    }

    /// The same, where the body names it.
    pub(super) fn domain_in_body(&self) -> Result<DomainKey, Failure> {
        let name = self.text("domain")?.ok_or_else(|| Failure::field("`domain` is missing"))?;
        let owner = match self.text("domainOwner")? {
            Some(owner) => validate::name::<AccountId>(owner)?,
            None => self.caller.account.clone(),
        };
        Ok(DomainKey { region: self.caller.region.clone(), owner, name: validate::name(name)? })
    }

    /// The repository named by `repository` in that domain.
    pub(super) fn repository(&self) -> Result<RepositoryKey, Failure> {
        let domain = self.domain()?;
        Ok(RepositoryKey { domain, name: validate::name(self.required("repository")?)? })
    }

    /// A repository parameter of another name.
    pub(super) fn repository_name(&self, parameter: &str) -> Result<RepositoryName, Failure> {
        validate::name(self.required(parameter)?)
    }

    /// The format.
    pub(super) fn format(&self) -> Result<PackageFormat, Failure> {
        validate::format(self.required("format")?)
    }

    /// Format, namespace and name, by the format's rule for namespaces.
    pub(super) fn coordinate(&self) -> Result<(PackageFormat, Option<String>, String), Failure> {
        let format = self.format()?;
        let namespace = match self.query.get("namespace") {
            // The only format whose namespaces have a normal form.
            Some(namespace) if format == PackageFormat::Swift => {
                Some(validate::package_part("namespace", namespace)?.to_lowercase())
            }
            Some(namespace) => Some(validate::package_part("namespace", namespace)?),
            None => None,
        };
        let name = validate::package_part("package", self.required("package")?)?;
        // The service normalises what it is asked for in these two, and not PyPI's names.
        let normalises = matches!(format, PackageFormat::Nuget | PackageFormat::Swift);
        let name = if normalises { api_name(format, &name) } else { name };
        match (namespace_rule(format), &namespace) {
            (NamespaceRule::Required, None) => {
                Err(Failure::other(format!("`namespace` is missing: every {format} package has one")))
            }
            (NamespaceRule::None, Some(_)) => {
                Err(Failure::other(format!("`namespace` is given, and {format} packages have none")))
            }
            _ => Ok((format, namespace, name)),
        }
    }

    /// The package named by repository and coordinate.
    pub(super) fn package(&self) -> Result<NamedPackage, Failure> {
        let repository = self.repository()?;
        let (format, namespace, name) = self.coordinate()?;
        let key = PackageKey::new(format, namespace.as_deref().unwrap_or_default(), &name);
        Ok(NamedPackage { repository, key, name, format, namespace })
    }

    /// The version parameter.
    pub(super) fn version(&self) -> Result<String, Failure> {
        validate::package_part("version", self.required("version")?)
    }

    /// The caller's choice among words, if given.
    pub(super) fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Failure> {
        self.query.get(name).map(|value| choice(name, value, words)).transpose()
    }

    /// A parameter that is `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.choice(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// A member of the body that is text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.body.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Failure::field(format!("`{name}` must be a string"))),
        }
    }

    /// A member of the body that is a list.
    pub(super) fn array(&self, name: &str) -> Result<Option<&[Value]>, Failure> {
        match self.body.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(Failure::field(format!("`{name}` must be a list"))),
        }
    }

    /// A member of the body that is true or false.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, Failure> {
        match self.body.get(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(Failure::field(format!("`{name}` must be true or false"))),
        }
    }

    /// A member of the body that maps text to text.
    pub(super) fn map(&self, name: &str) -> Result<Option<Vec<(&str, &str)>>, Failure> {
        let wrong = || Failure::field(format!("`{name}` must map strings to strings"));
        match self.body.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => members
                .iter()
                .map(|(key, value)| Ok((key.as_str(), value.as_str().ok_or_else(wrong)?)))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }
}

impl NamedPackage {
    /// The package in a model.
    pub(super) fn find<'a>(&self, state: &'a Snapshot) -> Result<&'a Arc<Package>, Failure> {
        state.package(&self.repository, &self.key, &self.name)
    }

    /// A version of it in a model.
    pub(super) fn find_version<'a>(&self, state: &'a Snapshot, version: &str) -> Result<&'a Arc<Version>, Failure> {
        self.find(state)?
            .version(version)
            .ok_or_else(|| Failure::not_found(crate::failure::ResourceKind::PackageVersion, version))
    }
}
