//! Packages as a whole.

use codeartifact::PackageFormat;
use serde_json::{Value, json};

use super::{
    answer,
    call::Call,
    validate::{self, CONTROLS, choice},
};
use crate::{
    failure::Failure,
    state::{OriginControls, api_name},
};

/// `namespace` and `package-prefix` are prefixes here; `publish` and `upstream` select by origin controls.
pub(super) fn list(call: &Call) -> Result<Value, Failure> {
    let key = call.repository()?;
    let format = call.query.get("format").map(validate::format).transpose()?;
    let mut namespace = validate::prefix("namespace", call.query.get("namespace"))?;
    let mut prefix = validate::prefix("package-prefix", call.query.get("package-prefix"))?;
    // Normalised as the names are that they begin; PyPI's are asked for as they are stored.
    match format {
        Some(PackageFormat::Nuget) => prefix = prefix.to_lowercase(),
        Some(PackageFormat::Swift) => (namespace, prefix) = (namespace.to_lowercase(), prefix.to_lowercase()),
        _ => {}
    }
    let publish = call.choice("publish", CONTROLS)?;
    let upstream = call.choice("upstream", CONTROLS)?;
    let page = call.page(&[
        &key.to_string(),
        format.map_or("", PackageFormat::as_str),
        &namespace,
        &prefix,
        publish.map_or("", crate::state::Control::as_str),
        upstream.map_or("", crate::state::Control::as_str),
    ])?;
    let (_, repository) = call.state.repository(&key)?;
    let wanted = repository.packages().filter(|package| {
        let origin = package.about.origin;
        format.is_none_or(|format| package.key.format == format)
            && package.key.namespace.starts_with(&namespace)
            && package.about.name.starts_with(&prefix)
            && publish.is_none_or(|publish| origin.publish == publish)
            && upstream.is_none_or(|upstream| origin.upstream == upstream)
    });
    let (packages, next) =
        call.cut(&page, wanted.map(|package| (package.key.sort_key(), answer::package(package, "package"))));
    Ok(answer::with_next(json!({ "packages": packages }), next))
}

pub(super) fn describe(call: &Call) -> Result<Value, Failure> {
    let package = call.package()?;
    Ok(json!({ "package": answer::package(package.find(&call.state)?, "name") }))
}

pub(super) async fn delete(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    call.apply(move |draft| {
        let removed = answer::package(draft.state.package(&named.repository, &named.key, &named.name)?, "package");
        draft.delete_package(&named.repository, &named.key, &named.name)?;
        Ok(json!({ "deletedPackage": removed }))
    })
    .await
}

/// Both restrictions are always given together.
pub(super) async fn put_origin_configuration(call: &Call) -> Result<Value, Failure> {
    let named = call.package()?;
    let stored = api_name(named.format, &named.name);
    if stored != named.name {
        // It would stand beside the package that is meant, and keep it from ever being published.
        return Err(Failure::field(format!(
            "{} packages are known by normalised names: give `{stored}`",
            named.format
        )));
    }
    let restrictions = call.body.get("restrictions").ok_or_else(|| Failure::field("`restrictions` is missing"))?;
    let control = |name: &str| {
        let text = restrictions.get(name).and_then(Value::as_str);
        let text = text.ok_or_else(|| Failure::field(format!("`restrictions.{name}` must be ALLOW or BLOCK")))?;
        choice(name, text, CONTROLS)
    };
    let origin = OriginControls { publish: control("publish")?, upstream: control("upstream")? };
    call.apply(move |draft| {
        draft.put_origin_controls(&named.repository, &named.key, &named.name, origin)?;
        Ok(json!({ "originConfiguration": answer::origin_configuration(origin) }))
    })
    .await
}
