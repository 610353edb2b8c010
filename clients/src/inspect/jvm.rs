//! Maven and Gradle.
//!
//! Maven takes the first mirror whose `mirrorOf` fits a repository (Maven, "Using Mirrors for Repositories"); the server of the
//! mirror's id has its credentials. `-s` in `.mvn/maven.config` or `MAVEN_ARGS` puts another file in the place of
//! `~/.m2/settings.xml`.

use crate::syntax::xml::Xml;

use super::{Form, Inspector, Origin, Setting, Whose, at, url};

const CLIENT: &str = "maven";

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    let mut used = None;
    for document in inspector.documents(Form::Maven) {
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
        let text = |element: &crate::syntax::xml::Element, name: &str| {
            element.child(name).map(|child| child.text().trim().to_owned()).unwrap_or_default()
        };
        let mut wide: Option<(String, Origin)> = None;
        for mirror in xml.elements(&["settings", "mirrors", "mirror"]) {
            let origin = at(document, mirror.line);
            let value = text(&mirror.element, "url");
            // Maven's own way to block repositories.
            if text(&mirror.element, "blocked") == "true" || value.contains("0.0.0.0") {
                continue;
            }
            let is_ours =
                inspector.address(CLIENT, &Setting { value: value.clone(), origin: origin.clone() }).is_some();
            if is_ours {
                used = used.or_else(|| Some(origin.clone()));
                if let Some((first, place)) = &wide {
                    let message = format!(
                        "Maven takes the first mirror that fits, which is `{}`, and not the repository of {origin}",
                        url::shown(first)
                    );
                    let fix = "put the mirror of the repository first";
                    inspector.found("registry-overridden", CLIENT, place, message, fix);
                }
            } else if ["*", "external:*", "central"].contains(&text(&mirror.element, "mirrorOf").as_str())
                && wide.is_none()
            {
                wide = Some((value, origin));
            }
        }
        for repository in [["repositories", "repository"], ["pluginRepositories", "pluginRepository"]] {
            for found in xml.elements(&["settings", "profiles", "profile", repository[0], repository[1]]) {
                let origin = at(document, found.line);
                let setting = Setting { value: text(&found.element, "url"), origin: origin.clone() };
                if inspector.address(CLIENT, &setting).is_some() {
                    used = used.or(Some(origin));
                }
            }
        }
        for server in xml.elements(&["settings", "servers", "server"]) {
            let value = text(&server.element, "password");
            inspector.unset(CLIENT, &Setting { value, origin: at(document, server.line) }, "${env.");
        }
    }
    if let Some(origin) = used {
        replaced(inspector, &origin);
    }
}

/// Options that put another settings file in the user's place.
fn replaced(inspector: &mut Inspector<'_>, used: &Origin) {
    let mut places = Vec::new();
    for document in inspector.documents(Form::MavenOptions).filter(|document| document.location.whose == Whose::Project)
    {
        for (number, line) in document.text.lines().enumerate() {
            places.push((line.to_owned(), at(document, number + 1)));
        }
    }
    places.extend(Setting::of_variable(inspector.view, "MAVEN_ARGS").map(|setting| (setting.value, setting.origin)));
    for (words, origin) in places {
        let replaces = words.split_whitespace().any(|word| {
            word == "-s" || word == "--settings" || word.starts_with("--settings=") || word.starts_with("-s=")
        });
        if replaces {
            let message = format!("Maven is given other settings than those of {used}");
            let fix = "remove the option, or put the mirror and its server into that file";
            inspector.found("settings-file-replaced", CLIENT, &origin, message, fix);
        }
    }
}
