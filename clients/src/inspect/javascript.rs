//! npm, pnpm, Yarn 1 and Bun, which read `.npmrc`, and Yarn.
//!
//! A variable `npm_config_KEY`, in any case, wins over every file; a project's file wins over the user's (npm's
//! `config`). pnpm takes a `tokenHelper` from the user's files only, by its absolute path.

use crate::syntax::{Editor, Value, npmrc, yaml};

use super::{Document, Form, Inspector, Origin, Program, Setting, Whose, at, references, url};

type Npmrc = Editor<npmrc::Settings>;
type Yaml = Editor<yaml::Document>;

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    let parsed: Vec<(&Document, Npmrc)> = inspector
        .documents(Form::Npmrc)
        .filter_map(|document| Some((document, Npmrc::parse(document.text.as_bytes()).ok()?)))
        .collect();
    registries(inspector, &parsed);
    for (document, npmrc) in &parsed {
        credentials(inspector, document, npmrc);
    }
    yarn1(inspector, &parsed);
    yarn(inspector);
    bun(inspector);
}

/// A text at a key.
fn text<G: crate::syntax::Grammar>(editor: &Editor<G>, keys: &[&str]) -> Option<String> {
    match editor.get(keys) {
        Ok(Some(Value::Text(text))) => Some(text),
        _ => None,
    }
}

fn setting(document: &Document, npmrc: &Npmrc, key: &str) -> Option<Setting> {
    let value = text(npmrc, &[key])?;
    Some(Setting { value, origin: at(document, npmrc.line(&[key]).unwrap_or(1)) })
}

/// `registry` and `@scope:registry`, each with all places that say it.
fn registries(inspector: &mut Inspector<'_>, parsed: &[(&Document, Npmrc)]) {
    let mut keys = vec!["registry".to_owned()];
    for (_, npmrc) in parsed {
        let scoped = npmrc.keys(&[]).into_iter().filter(|key| key.starts_with('@') && key.ends_with(":registry"));
        keys.extend(scoped);
    }
    keys.sort();
    keys.dedup();
    for key in keys {
        let variable = format!("npm_config_{key}");
        let of_variables = inspector.view.variables.iter();
        let mut settings: Vec<Setting> = of_variables
            .filter(|(name, _)| name.eq_ignore_ascii_case(&variable))
            .map(|(name, value)| Setting { value: value.clone(), origin: Origin::Variable(name.clone()) })
            .collect();
        settings.extend(parsed.iter().filter_map(|(document, npmrc)| setting(document, npmrc, &key)));
        let what = if key == "registry" { "registry".to_owned() } else { format!("`{key}`") };
        if inspector.slot("npm", &what, &settings).is_some() {
            // The others read the same files.
            for client in ["pnpm", "bun"] {
                inspector.address(client, &settings[0]);
            }
        }
    }
}

/// How npm is to authenticate, and pnpm.
fn credentials(inspector: &mut Inspector<'_>, document: &Document, npmrc: &Npmrc) {
    for key in npmrc.keys(&[]) {
        let Some(setting) = setting(document, npmrc, &key) else { continue };
        let name = key.rsplit(':').next().unwrap_or_default();
        match name {
            "tokenHelper" if document.location.whose == Whose::Project => {
                let message =
                    "pnpm takes a `tokenHelper` from the user's file only: this one is refused or passed over";
                let fix = "remove the line, and run `cargo codeartifact configure pnpm`";
                inspector.found("token-helper-in-project", "pnpm", &setting.origin, message.to_owned(), fix);
            }
            "tokenHelper" => {
                if setting.value.starts_with('/') || setting.value.get(1..3) == Some(":\\") {
                    let program = Program { client: "pnpm", name: setting.value, origin: setting.origin };
                    inspector.out.programs.push(program);
                } else {
                    let message = "pnpm wants the absolute path of a `tokenHelper`".to_owned();
                    let fix = "remove the line, and run `cargo codeartifact configure pnpm`";
                    inspector.found("token-helper-relative", "pnpm", &setting.origin, message, fix);
                }
            }
            "_authToken" | "_auth" | "_password" if references(&setting.value, "${").is_empty() => {}
            "_authToken" | "_auth" | "_password" => {
                inspector.unset("npm", &setting, "${");
                if document.location.whose == Whose::Project {
                    let message =
                        "pnpm since 10.34.5 and 11.5.3 passes over a credential in a project's file that refers \
                                   to a variable"
                            .to_owned();
                    let fix = "move the line to the user's `.npmrc`";
                    inspector.found("project-reference-ignored", "pnpm", &setting.origin, message, fix);
                }
            }
            _ => {}
        }
    }
}

/// Yarn 1 sends no token to a registry unless it is told to always do. It is in use where it has left its traces, or where
/// it is told so.
fn yarn1(inspector: &mut Inspector<'_>, parsed: &[(&Document, Npmrc)]) {
    let says = |value: &str| value.trim_matches('"') == "true";
    let in_npmrc = parsed.iter().any(|(_, npmrc)| {
        npmrc.keys(&[]).iter().any(|key| {
            (key == "always-auth" || key.ends_with(":always-auth"))
                && text(npmrc, &[key]).is_some_and(|value| says(&value))
        })
    });
    let in_yarnrc = inspector
        .documents(Form::Yarnrc1)
        .flat_map(|document| document.text.lines())
        .any(|line| line.contains("always-auth") && line.contains("true"));
    let is_told = in_npmrc || in_yarnrc;
    let is_used = inspector.documents(Form::Yarnrc1).next().is_some()
        || inspector.documents(Form::YarnLock).any(|document| document.text.contains("# yarn lockfile v1"));
    if !is_used && !is_told {
        return;
    }
    let mut settings: Vec<Setting> = Vec::new();
    for document in inspector.documents(Form::Yarnrc1) {
        for (number, line) in document.text.lines().enumerate() {
            if let Some(value) = line.trim().strip_prefix("registry ") {
                let value = value.trim().trim_matches('"').to_owned();
                settings.push(Setting { value, origin: at(document, number + 1) });
            }
        }
    }
    settings.extend(parsed.iter().filter_map(|(document, npmrc)| setting(document, npmrc, "registry")));
    let Some((_, origin)) = inspector.slot("yarn1", "registry", &settings) else { return };
    if !is_told {
        let message = "Yarn 1 sends no token to this registry unless `always-auth` is true".to_owned();
        let fix = "add `always-auth=true` to `.npmrc`, or run `cargo codeartifact configure yarn1`";
        inspector.found("always-auth-missing", "yarn1", &origin, message, fix);
    }
}

/// Yarn: `.yarnrc.yml`, and `YARN_NPM_REGISTRY_SERVER` before it.
fn yarn(inspector: &mut Inspector<'_>) {
    let mut parsed: Vec<(&Document, Yaml)> = Vec::new();
    for document in inspector.documents(Form::Yarnrc) {
        if let Ok(yaml) = Yaml::parse(document.text.as_bytes()) {
            parsed.push((document, yaml));
        }
    }
    let setting = |document: &Document, yaml: &Yaml, keys: &[&str]| {
        let value = text(yaml, keys)?;
        Some(Setting { value, origin: at(document, yaml.line(keys).unwrap_or(1)) })
    };
    let mut default: Vec<Setting> =
        Setting::of_variable(inspector.view, "YARN_NPM_REGISTRY_SERVER").into_iter().collect();
    default.extend(parsed.iter().filter_map(|(document, yaml)| setting(document, yaml, &["npmRegistryServer"])));
    let used = inspector.slot("yarn", "registry", &default);
    let mut scopes: Vec<String> = parsed.iter().flat_map(|(_, yaml)| yaml.keys(&["npmScopes"])).collect();
    scopes.sort();
    scopes.dedup();
    for scope in scopes {
        let keys = ["npmScopes", scope.as_str(), "npmRegistryServer"];
        let settings: Vec<Setting> =
            parsed.iter().filter_map(|(document, yaml)| setting(document, yaml, &keys)).collect();
        inspector.slot("yarn", &format!("registry of `@{}`", url::shown(&scope)), &settings);
    }
    for (document, _) in &parsed {
        let tokens = document.text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim_start();
            line.starts_with("npmAuthToken:") || line.starts_with("npmAuthIdent:")
        });
        for (number, line) in tokens {
            let setting = Setting { value: line.to_owned(), origin: at(document, number + 1) };
            inspector.unset("yarn", &setting, "${");
        }
    }
    let Some((_, origin)) = used else { return };
    let has = |word: &str| parsed.iter().any(|(document, _)| document.text.contains(word));
    let has_token =
        has("npmAuthToken") || has("npmAuthIdent") || inspector.view.variables.contains_key("YARN_NPM_AUTH_TOKEN");
    let is_always = parsed.iter().any(|(document, _)| {
        document.text.lines().any(|line| {
            let line = line.trim();
            line.starts_with("npmAlwaysAuth:") && line.contains("true")
        })
    });
    if has_token && !is_always {
        let message =
            "Yarn asks for packages without a scope without any token unless `npmAlwaysAuth` is true".to_owned();
        let fix = "add `npmAlwaysAuth: true`, or run `cargo codeartifact configure yarn`";
        inspector.found("always-auth-missing", "yarn", &origin, message, fix);
    }
}

/// Bun: `bunfig.toml` before `.npmrc`.
fn bun(inspector: &mut Inspector<'_>) {
    for document in inspector.documents(Form::Bunfig) {
        let parsed = match toml_edit::Document::parse(document.text.as_str()) {
            Ok(parsed) => parsed,
            Err(error) => {
                let line = super::line_at(&document.text, error.span().map_or(0, |span| span.start));
                inspector.faulty("bun", &document.location.path, line, "it is no TOML");
                continue;
            }
        };
        let registry = parsed.get("install").and_then(|install| install.get("registry"));
        let item = registry.and_then(|item| item.as_str().map(|_| item).or_else(|| item.get("url")));
        if let Some((item, value)) = item.and_then(|item| Some((item, item.as_str()?))) {
            let line = super::line_at(&document.text, item.span().map_or(0, |span| span.start));
            inspector.address("bun", &Setting { value: value.to_owned(), origin: at(document, line) });
        }
    }
}
