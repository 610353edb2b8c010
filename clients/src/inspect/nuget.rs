//! NuGet: sources, those that are switched off, and plugins that are looked for elsewhere; Bundler and RubyGems.
//!
//! Files are merged, the nearest wins; `<clear />` drops what farther ones say (NuGet, "Common configurations").
//! `NUGET_PLUGIN_PATHS` takes the place of the search on PATH.

use crate::syntax::xml::Xml;

use super::{Form, Inspector, Setting, at};

const CLIENT: &str = "nuget";

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    let mut ours = Vec::new();
    let (mut cleared, mut disabled) = (None, Vec::new());
    for document in inspector.documents(Form::Nuget) {
        let xml = match Xml::parse(document.text.as_bytes()) {
            Ok(xml) => xml,
            Err(error) => {
                let message = error.to_string();
                let digits = message.strip_prefix("line ").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
                let line = digits.flatten().and_then(|digits| digits.parse().ok()).unwrap_or(1);
                inspector.faulty(CLIENT, &document.location.path, line, &message);
                continue;
            }
        };
        for source in xml.elements(&["configuration", "packageSources", "add"]) {
            let origin = at(document, source.line);
            let value = source.element.attribute("value").unwrap_or_default().to_owned();
            if inspector.address(CLIENT, &Setting { value, origin: origin.clone() }).is_some() {
                ours.push((source.element.attribute("key").unwrap_or_default().to_owned(), origin.clone()));
                if let Some(place) = &cleared {
                    let message = format!("`<clear />` drops the source that {origin} names");
                    let fix = "name the source in this file, too: `cargo codeartifact configure nuget --project`";
                    inspector.found("registry-overridden", CLIENT, place, message, fix);
                }
            }
        }
        for row in xml.elements(&["configuration", "disabledPackageSources", "add"]) {
            if row.element.attribute("value").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
                disabled.push((row.element.attribute("key").unwrap_or_default().to_owned(), at(document, row.line)));
            }
        }
        if let Some(clear) = xml.elements(&["configuration", "packageSources", "clear"]).first() {
            cleared = cleared.or_else(|| Some(at(document, clear.line)));
        }
    }
    for (name, origin) in &disabled {
        if ours.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)) {
            let message = "this source is switched off".to_owned();
            inspector.found(
                "source-disabled",
                CLIENT,
                origin,
                message,
                "remove the line: `dotnet nuget enable source NAME`",
            );
        }
    }
    if ours.is_empty() {
        return;
    }
    for name in ["NUGET_PLUGIN_PATHS", "NUGET_NETCORE_PLUGIN_PATHS"] {
        if let Some(setting) = Setting::of_variable(inspector.view, name)
            && !setting.value.contains("codeartifact")
        {
            let message = format!("NuGet looks for credential plugins where {name} says, and not on PATH");
            let fix = format!("unset {name}, or add the plugin's path to it");
            inspector.found("plugin-paths-set", CLIENT, &setting.origin, message, fix);
        }
    }
}
