//! pip, uv, Poetry, PDM and twine.
//!
//! pip: a variable `PIP_KEY` wins over files, the command's own section over `[global]` (pip, "Configuration").
//! uv: `UV_DEFAULT_INDEX` and the older `UV_INDEX_URL` win over files; `uv.toml` hides `[tool.uv]` beside it; the helper
//! is asked for an index with `authenticate = "always"` or with a user in its address, and only where
//! `keyring-provider` is `subprocess`.

use toml_edit::{Document as Toml, Item, TableLike};

use crate::syntax::{Editor, Value, ini};

use super::{Document, Form, Inspector, Origin, Setting, at, line_at, url};

type Ini = Editor<ini::Sections>;

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    pip(inspector);
    uv(inspector);
    sources(inspector);
    twine(inspector);
}

/// Why an address without a user is no good to pip.
const USER_FIX: &str = "write `https://aws@HOST/...`, as `cargo codeartifact configure` does";
const EXTRA_FIX: &str = "make the repository the only index, and connect it to the public source upstream";

/// Settings of one key, the winning one first. pip takes `_` for `-` in keys.
fn settings_of(parsed: &[(&Document, Ini)], sections: &[&str], key: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (document, ini) in parsed {
        for section in sections {
            let found =
                ini.keys(&[section]).into_iter().find(|found| found.replace('_', "-").eq_ignore_ascii_case(key));
            let Some(found) = found else { continue };
            let value = match ini.get(&[section, &found]) {
                Ok(Some(Value::Text(text))) => text,
                Ok(Some(Value::List(list))) => list.join(" "),
                _ => continue,
            };
            let line = ini.line(&[section, &found]).unwrap_or(1);
            settings.push(Setting { value, origin: at(document, line) });
        }
    }
    settings
}

fn pip(inspector: &mut Inspector<'_>) {
    let mut parsed: Vec<(&Document, Ini)> = Vec::new();
    for document in inspector.documents(Form::Pip) {
        match Ini::parse(document.text.as_bytes()) {
            Ok(ini) => parsed.push((document, ini)),
            Err(error) => {
                let line = line_of(&error.to_string());
                inspector.faulty("pip", &document.location.path, line, &error.to_string());
            }
        }
    }
    let with_variable = |name: &str, settings: Vec<Setting>, inspector: &Inspector<'_>| {
        Setting::of_variable(inspector.view, name).into_iter().chain(settings).collect::<Vec<_>>()
    };
    let sections = ["install", "global"];
    let index = with_variable("PIP_INDEX_URL", settings_of(&parsed, &sections, "index-url"), inspector);
    let default = inspector.slot("pip", "index", &index);
    if let Some((_, origin)) = &default {
        path_and_user(inspector, "pip", &index[0].value, origin);
    }
    let extra = with_variable("PIP_EXTRA_INDEX_URL", settings_of(&parsed, &sections, "extra-index-url"), inspector);
    let mut any_extra = None;
    if let Some(extra) = extra.first() {
        for address in extra.value.split_whitespace() {
            let setting = Setting { value: address.to_owned(), origin: extra.origin.clone() };
            if inspector.address("pip", &setting).is_some() {
                path_and_user(inspector, "pip", address, &extra.origin);
                any_extra = Some(extra.origin.clone());
            }
        }
        if any_extra.is_some() || default.is_some() {
            let message =
                "pip takes the highest version of all indexes: a stranger's package of the same name wins".to_owned();
            inspector.found("dependency-confusion", "pip", &extra.origin, message, EXTRA_FIX);
        }
    }
    let Some(used) = default.map(|(_, origin)| origin).or(any_extra) else { return };
    inspector.out.keyring_users.push("pip");
    let provider =
        with_variable("PIP_KEYRING_PROVIDER", settings_of(&parsed, &sections, "keyring-provider"), inspector);
    let silent = with_variable("PIP_NO_INPUT", settings_of(&parsed, &["global"], "no-input"), inspector);
    let is_silent =
        silent.first().is_some_and(|setting| !["0", "false", "no", "off"].contains(&setting.value.as_str()));
    let (word, origin) = provider.first().map_or(("auto", &used), |setting| (setting.value.as_str(), &setting.origin));
    if word == "disabled" || (word == "auto" && is_silent) {
        let message = format!("pip asks no credential helper: its keyring provider is `{word}`");
        let fix = "set `keyring-provider = subprocess`, as `cargo codeartifact configure pip` does";
        inspector.found("keyring-provider-off", "pip", origin, message, fix);
    }
}

/// The line in `line N, column M: ...`.
fn line_of(message: &str) -> usize {
    let digits = message.split_once("line ").map(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next());
    digits.flatten().and_then(|digits| digits.parse().ok()).unwrap_or(1)
}

/// An index ends in `/simple/`, and pip before 26.2 asks nobody for an address without a user.
fn path_and_user(inspector: &mut Inspector<'_>, client: &'static str, address: &str, origin: &Origin) {
    let bare = address.trim_end_matches('/');
    if !bare.ends_with("/simple") {
        let message = format!("`{}` is the repository, and not its index", url::shown(address));
        inspector.found("index-path-missing", client, origin, message, "add `simple/` at the end");
    }
    if client == "pip" && url::user(address).is_none() {
        let message = "pip before 26.2 asks no credential helper for an address without a user".to_owned();
        inspector.found("index-without-user", client, origin, message, USER_FIX);
    }
}

/// An index of uv's.
struct Index {
    setting: Setting,
    is_default: bool,
    is_asked: bool,
    name: String,
}

#[derive(Default)]
struct Uv {
    indexes: Vec<Index>,
    provider: Option<Setting>,
    strategy: Option<Setting>,
}

fn uv(inspector: &mut Inspector<'_>) {
    let mut uv = Uv::default();
    let of_variables =
        [("UV_DEFAULT_INDEX", true), ("UV_INDEX_URL", true), ("UV_INDEX", false), ("UV_EXTRA_INDEX_URL", false)];
    for (name, is_default) in of_variables {
        let Some(setting) = Setting::of_variable(inspector.view, name) else { continue };
        for word in setting.value.split_whitespace() {
            let (name, address) = word.split_once('=').filter(|(name, _)| !name.contains(':')).unwrap_or(("", word));
            uv.indexes.push(Index {
                setting: Setting { value: address.to_owned(), origin: setting.origin.clone() },
                is_default,
                is_asked: false,
                name: name.to_owned(),
            });
        }
    }
    uv.provider = Setting::of_variable(inspector.view, "UV_KEYRING_PROVIDER");
    uv.strategy = Setting::of_variable(inspector.view, "UV_INDEX_STRATEGY");
    let documents = inspector.view.documents.iter();
    let hidden: Vec<_> = inspector.documents(Form::Uv).filter_map(|document| document.location.path.parent()).collect();
    for document in documents.filter(|document| matches!(document.location.form, Form::Uv | Form::Pyproject)) {
        let parsed = match Toml::parse(document.text.as_str()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let line = line_at(&document.text, error.span().map_or(0, |span| span.start));
                inspector.faulty("uv", &document.location.path, line, "it is no TOML");
                continue;
            }
        };
        if document.location.form == Form::Uv {
            read_uv(&mut uv, document, parsed.as_table());
        } else if !document.location.path.parent().is_some_and(|folder| hidden.contains(&folder))
            && let Some(table) = parsed.get("tool").and_then(|tool| tool.get("uv")).and_then(Item::as_table_like)
        {
            read_uv(&mut uv, document, table);
        }
    }
    judge_uv(inspector, &uv);
}

/// The position of an item of a document, as a setting.
fn located(document: &Document, item: &Item, value: &str) -> Setting {
    let line = line_at(&document.text, item.span().map_or(0, |span| span.start));
    Setting { value: value.to_owned(), origin: at(document, line) }
}

fn read_uv(uv: &mut Uv, document: &Document, table: &dyn TableLike) {
    let text = |table: &dyn TableLike, key: &str| {
        let item = table.get(key)?;
        Some(located(document, item, item.as_str()?))
    };
    for table in [Some(table), table.get("pip").and_then(Item::as_table_like)].into_iter().flatten() {
        uv.provider = uv.provider.take().or_else(|| text(table, "keyring-provider"));
        uv.strategy = uv.strategy.take().or_else(|| text(table, "index-strategy"));
        if let Some(setting) = text(table, "index-url") {
            uv.indexes.push(Index { setting, is_default: true, is_asked: false, name: String::new() });
        }
        if let Some(item) = table.get("extra-index-url") {
            for address in item.as_array().into_iter().flatten().filter_map(toml_edit::Value::as_str) {
                let setting = located(document, item, address);
                uv.indexes.push(Index { setting, is_default: false, is_asked: false, name: String::new() });
            }
        }
    }
    for index in tables(table.get("index")) {
        let Some(setting) = text(index, "url") else { continue };
        let word = |key: &str| index.get(key).and_then(Item::as_str).unwrap_or_default().to_owned();
        let is_default = index.get("default").and_then(Item::as_bool).unwrap_or_default();
        uv.indexes.push(Index { setting, is_default, is_asked: word("authenticate") == "always", name: word("name") });
    }
}

/// The tables of `[[NAME]]` or `NAME = [{ ... }]`.
fn tables(item: Option<&Item>) -> Vec<&dyn TableLike> {
    let Some(item) = item else { return Vec::new() };
    if let Some(list) = item.as_array_of_tables() {
        return list.iter().map(|table| table as &dyn TableLike).collect();
    }
    let inline = item.as_array().into_iter().flatten().filter_map(toml_edit::Value::as_inline_table);
    inline.map(|table| table as &dyn TableLike).collect()
}

fn judge_uv(inspector: &mut Inspector<'_>, uv: &Uv) {
    let default: Vec<Setting> =
        uv.indexes.iter().filter(|index| index.is_default).map(|index| index.setting.clone()).collect();
    inspector.slot("uv", "default index", &default);
    let mut used = None;
    for index in &uv.indexes {
        if inspector.address("uv", &index.setting).is_none() {
            continue;
        }
        let origin = &index.setting.origin;
        used = used.or_else(|| Some(origin.clone()));
        if !index.setting.value.trim_end_matches('/').ends_with("/simple") {
            let message = format!("`{}` is the repository, and not its index", url::shown(&index.setting.value));
            inspector.found("index-path-missing", "uv", origin, message, "add `simple/` at the end");
        }
        let stem: String =
            index.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let by_variable =
            !stem.is_empty() && inspector.view.variables.contains_key(&format!("UV_INDEX_{stem}_USERNAME"));
        if !index.is_asked && !by_variable && url::user(&index.setting.value).is_none() {
            let message =
                "uv asks no credential helper for an index without a user or `authenticate = \"always\"`".to_owned();
            let fix = "add `authenticate = \"always\"` to the index, or run `cargo codeartifact configure uv`";
            inspector.found("index-without-user", "uv", origin, message, fix);
        }
    }
    let Some(used) = used else { return };
    inspector.out.keyring_users.push("uv");
    let provider = uv.provider.as_ref();
    let by_password =
        inspector.view.variables.keys().any(|name| name.starts_with("UV_INDEX_") && name.ends_with("_PASSWORD"));
    if provider.is_none_or(|provider| provider.value != "subprocess") && !by_password {
        let word = provider.map_or("not set", |provider| provider.value.as_str());
        let message = format!("uv asks no credential helper: its keyring provider is {}", url::shown(word));
        let fix = "set `keyring-provider = \"subprocess\"`, as `cargo codeartifact configure uv` does";
        let origin = provider.map_or(&used, |provider| &provider.origin);
        inspector.found("keyring-provider-off", "uv", origin, message, fix);
    }
    if let Some(strategy) = uv.strategy.as_ref().filter(|strategy| strategy.value.starts_with("unsafe")) {
        let message = "uv looks for a package in all indexes: a stranger's package of the same name can win over yours"
            .to_owned();
        let fix = "remove `index-strategy`: uv then takes a package from the first index that has it";
        inspector.found("unsafe-index-strategy", "uv", &strategy.origin, message, fix);
    }
}

/// `[[tool.poetry.source]]` and `[[tool.pdm.source]]`, and PDM's `pypi.url`.
fn sources(inspector: &mut Inspector<'_>) {
    for document in inspector.documents(Form::Pyproject) {
        let Ok(parsed) = Toml::parse(document.text.as_str()) else { continue };
        for client in ["poetry", "pdm"] {
            let table = parsed.get("tool").and_then(|tool| tool.get(client));
            let sources = tables(table.and_then(|table| table.get("source")));
            let (mut ours, mut others, mut whole) = (Vec::new(), Vec::new(), false);
            for source in sources {
                let Some((item, address)) = source.get("url").and_then(|item| Some((item, item.as_str()?))) else {
                    continue;
                };
                let word = |key: &str| source.get(key).and_then(Item::as_str).unwrap_or_default();
                let setting = located(document, item, address);
                let is_ours = inspector.address(client, &setting).is_some();
                if is_ours && !address.trim_end_matches('/').ends_with("/simple") {
                    let message = format!("`{}` is the repository, and not its index", url::shown(address));
                    inspector.found("index-path-missing", client, &setting.origin, message, "add `simple/` at the end");
                }
                // A source that is asked only for packages that name it cannot be mixed up with another.
                if word("priority") == "explicit" || source.get("include_packages").is_some() {
                    continue;
                }
                // PDM's source of this name stands in the place of the public one; Poetry's primary ones do.
                whole |= is_ours
                    && (word("name") == "pypi"
                        || (client == "poetry" && matches!(word("priority"), "" | "primary" | "default")));
                if is_ours { ours.push(setting) } else { others.push(setting) }
            }
            if let Some(first) = ours.first()
                && (!whole || !others.is_empty())
            {
                let message = format!("{client} asks several sources: a stranger's package of the same name can win");
                inspector.found("dependency-confusion", client, &first.origin, message, EXTRA_FIX);
            }
        }
    }
}

/// `.pypirc`: repositories by name.
fn twine(inspector: &mut Inspector<'_>) {
    for document in inspector.documents(Form::Pypirc) {
        let ini = match Ini::parse(document.text.as_bytes()) {
            Ok(ini) => ini,
            Err(error) => {
                let line = line_of(&error.to_string());
                inspector.faulty("twine", &document.location.path, line, &error.to_string());
                continue;
            }
        };
        for section in ini.keys(&[]) {
            let Ok(Some(Value::Text(value))) = ini.get(&[&section, "repository"]) else { continue };
            let origin = at(document, ini.line(&[&section, "repository"]).unwrap_or(1));
            let bare = value.trim_end_matches('/').ends_with("/simple");
            if inspector.address("twine", &Setting { value, origin: origin.clone() }).is_some() && bare {
                let message = "twine uploads to the repository, and this is its index".to_owned();
                inspector.found("upload-to-index", "twine", &origin, message, "remove `simple/` at the end");
            }
        }
    }
    if let Some(setting) = Setting::of_variable(inspector.view, "TWINE_REPOSITORY_URL") {
        inspector.address("twine", &setting);
    }
}
