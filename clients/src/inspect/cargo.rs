//! Cargo: registries, their providers, source replacement.

use std::collections::BTreeMap;

use toml_edit::{Document as Toml, Item};

use super::{Form, Inspector, Origin, Program, Setting, Whose, at, line_at, url};

const CLIENT: &str = "cargo";
/// Where cargo's default registry is replaced.
const DEFAULT: &str = "crates-io";

/// What the files and variables say, the winning value of each first.
#[derive(Default)]
struct Said {
    /// Addresses, by the registry's name.
    indexes: BTreeMap<String, Vec<Setting>>,
    /// Providers, by the registry's name.
    providers: BTreeMap<String, Vec<Setting>>,
    /// The entries of `global-credential-providers`.
    global: Vec<Setting>,
    /// `[source.crates-io] replace-with`
    replaced: Vec<Setting>,
    /// `[credential-alias]`
    aliases: BTreeMap<String, Setting>,
}

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    let mut said = Said::default();
    variables(inspector, &mut said);
    for document in inspector.documents(Form::Cargo) {
        let parsed = match Toml::parse(document.text.as_str()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let line = line_at(&document.text, error.span().map_or(0, |span| span.start));
                inspector.faulty(CLIENT, &document.location.path, line, "it is no TOML");
                continue;
            }
        };
        let setting = |item: &Item, value: &str| Setting {
            value: value.to_owned(),
            origin: at(document, line_at(&document.text, item.span().map_or(0, |span| span.start))),
        };
        let table = |name: &str| parsed.get(name).and_then(Item::as_table_like);
        for (name, registry) in table("registries").into_iter().flat_map(toml_edit::TableLike::iter) {
            if let Some((item, index)) = registry.get("index").and_then(|item| Some((item, item.as_str()?))) {
                said.indexes.entry(name.to_owned()).or_default().push(setting(item, index));
            }
            if let Some(item) = registry.get("credential-provider")
                && let Some(first) = first_word(item)
            {
                said.providers.entry(name.to_owned()).or_default().push(setting(item, &first));
            }
        }
        for (name, source) in table("source").into_iter().flat_map(toml_edit::TableLike::iter) {
            if let Some((item, index)) = source.get("registry").and_then(|item| Some((item, item.as_str()?))) {
                said.indexes.entry(name.to_owned()).or_default().push(setting(item, index));
            }
            if name == DEFAULT
                && let Some((item, target)) = source.get("replace-with").and_then(|item| Some((item, item.as_str()?)))
            {
                said.replaced.push(setting(item, target));
            }
        }
        for (name, alias) in table("credential-alias").into_iter().flat_map(toml_edit::TableLike::iter) {
            if let Some(first) = first_word(alias) {
                said.aliases.entry(name.to_owned()).or_insert_with(|| setting(alias, &first));
            }
        }
        if said.global.is_empty()
            && let Some(item) = table("registry").and_then(|registry| registry.get("global-credential-providers"))
        {
            let words = item.as_array().into_iter().flatten().filter_map(toml_edit::Value::as_str);
            said.global.extend(words.filter_map(|word| Some(setting(item, word.split_whitespace().next()?))));
        }
    }
    judge(inspector, &said);
}

/// The program of a provider: a word, or the first of a list.
fn first_word(item: &Item) -> Option<String> {
    match (item.as_str(), item.as_array()) {
        (Some(text), _) => text.split_whitespace().next().map(str::to_owned),
        (None, Some(list)) => list.iter().next()?.as_str().map(str::to_owned),
        (None, None) => None,
    }
}

/// `CARGO_REGISTRIES_NAME_INDEX` and its like win over every file (The Cargo Book, "Environment variables").
fn variables(inspector: &Inspector<'_>, said: &mut Said) {
    for (variable, value) in inspector.view.variables {
        let setting = Setting { value: value.clone(), origin: Origin::Variable(variable.clone()) };
        let Some(rest) = variable.strip_prefix("CARGO_REGISTRIES_") else { continue };
        let named = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        if let Some(name) = rest.strip_suffix("_INDEX") {
            said.indexes.entry(named(name)).or_default().push(setting);
        } else if let Some(name) = rest.strip_suffix("_CREDENTIAL_PROVIDER") {
            let value = setting.value.split_whitespace().next().unwrap_or_default().to_owned();
            said.providers.entry(named(name)).or_default().push(Setting { value, ..setting });
        }
    }
    if let Some(global) = Setting::of_variable(inspector.view, "CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS") {
        let words = global.value.split_whitespace().map(str::to_owned);
        said.global.extend(words.map(|value| Setting { value, origin: global.origin.clone() }));
    }
}

fn judge(inspector: &mut Inspector<'_>, said: &Said) {
    let mut ours = BTreeMap::new();
    for (name, settings) in &said.indexes {
        let what = format!("registry `{name}`");
        let settings: Vec<Setting> = settings.iter().map(|setting| formed(inspector, setting)).collect();
        if let Some((endpoint, origin)) = inspector.slot(CLIENT, &what, &settings) {
            provider(inspector, said, name, &origin);
            ours.insert(name.clone(), (endpoint, origin));
        }
    }
    // A replacement that is itself hidden by another file.
    let targets: Vec<&String> = said.replaced.iter().map(|setting| &setting.value).collect();
    if let (Some(winner), Some(hidden)) =
        (said.replaced.first(), said.replaced.iter().find(|setting| ours.contains_key(&setting.value)))
        && !ours.contains_key(&winner.value)
    {
        let message = format!(
            "cargo takes `{}` for its default registry, and not `{}` as {} says",
            url::shown(targets[0]),
            hidden.value,
            hidden.origin
        );
        let fix = format!("remove `replace-with` at {}", winner.origin);
        inspector.found("registry-overridden", CLIENT, &winner.origin, message, fix);
    }
    // CVE-2026-5222: cargo before 1.96 keeps both in one place.
    let rows: Vec<_> = ours.iter().collect();
    for (place, (name, (endpoint, _))) in rows.iter().enumerate() {
        for (other, (twin, origin)) in &rows[place + 1..] {
            let bare = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_owned();
            let (one, two) = (endpoint.base_url(), twin.base_url());
            if one != two && bare(&one) == bare(&two) {
                let message =
                    format!("cargo before 1.96 takes registries `{name}` and `{other}` for one: they differ by `.git`");
                let fix = "rename one of the repositories, or use cargo 1.96 or later";
                inspector.found("registries-merged", CLIENT, origin, message, fix);
            }
        }
    }
    for setting in said.providers.values().filter_map(|settings| settings.first()).chain(&said.global) {
        let setting = said.aliases.get(&setting.value).unwrap_or(setting);
        if !setting.value.starts_with("cargo:") && !setting.value.is_empty() {
            let program = Program { client: CLIENT, name: setting.value.clone(), origin: setting.origin.clone() };
            if !inspector.out.programs.contains(&program) {
                inspector.out.programs.push(program);
            }
        }
    }
    for document in inspector.documents(Form::Cargo).filter(|document| document.location.whose == Whose::Project) {
        // A program in a file that is committed runs for everybody who enters the project.
        for (name, providers) in &said.providers {
            let here = |setting: &&Setting| matches!(&setting.origin, Origin::File { path, .. } if *path == document.location.path);
            if let Some(setting) = providers.iter().find(here).filter(|setting| setting.value.contains('/')) {
                let message = format!("the project names a program of one machine for registry `{name}`");
                let fix =
                    "move `credential-provider` to the user's file: `cargo codeartifact configure cargo --project`";
                inspector.found("project-names-program", CLIENT, &setting.origin, message, fix);
            }
        }
    }
}

/// Cargo takes an address for a git repository unless it says `sparse+`, and wants a slash at its end: gives the setting
/// as it was meant.
fn formed(inspector: &mut Inspector<'_>, setting: &Setting) -> Setting {
    let lacks = if !setting.value.starts_with("sparse+") {
        "`sparse+` at its beginning"
    } else if !setting.value.ends_with('/') {
        "`/` at its end"
    } else {
        return setting.clone();
    };
    let meant = format!("sparse+{}/", setting.value.trim_start_matches("sparse+").trim_end_matches('/'));
    if !matches!(url::judge(&meant, inspector.view.trust), url::Verdict::Ours(_)) {
        return setting.clone();
    }
    let message = format!("cargo cannot use `{}`: it lacks {lacks}", url::shown(&setting.value));
    let fix = "write `sparse+https://.../`, as `cargo codeartifact configure cargo` does";
    inspector.found("cargo-index-form", CLIENT, &setting.origin, message, fix);
    Setting { value: meant, origin: setting.origin.clone() }
}

/// Somebody has to be asked for the token.
fn provider(inspector: &mut Inspector<'_>, said: &Said, name: &str, origin: &Origin) {
    let own = said.providers.get(name).and_then(|settings| settings.first());
    let token = format!("CARGO_REGISTRIES_{}_TOKEN", name.to_ascii_uppercase().replace('-', "_"));
    let asked: Vec<&Setting> = own.map_or_else(|| said.global.iter().collect(), |own| vec![own]);
    let is_program = |setting: &&Setting| !setting.value.starts_with("cargo:") || setting.value.contains("stdout");
    if asked.iter().any(is_program) || inspector.view.variables.contains_key(&token) {
        return;
    }
    let message = format!("nobody is asked for a token for registry `{name}`: it has no credential provider");
    let fix = "run `cargo codeartifact configure cargo`";
    inspector.found("provider-missing", CLIENT, origin, message, fix);
}
