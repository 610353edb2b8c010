//! Core metadata: what a distribution says of itself, in the fields of an upload form, in a wheel's `METADATA` or in an
//! sdist's `PKG-INFO`. The fields are the same, and so is their meaning.

use crate::{formats::Dependency, state::AboutVersion};

/// Bytes of a value that is shown on pages.
const VALUE: usize = 4_096;

/// The fields that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) requires_python: Option<String>,
    pub(super) requires_dist: Vec<String>,
    pub(super) description: Option<String>,
    summary: Option<String>,
    home_page: Option<String>,
    /// Label and URL.
    project_urls: Vec<(String, String)>,
    license: Option<String>,
    license_expression: Option<String>,
    classifiers: Vec<String>,
}

impl Metadata {
    /// Reads `METADATA` or `PKG-INFO`: fields like an e-mail's header, and the description as its body.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let (header, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut metadata = Self::default();
        let mut field: Option<(String, String)> = None;
        for line in header.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = &mut field {
                    value.push('\n');
                    // How old builders kept a description's lines apart from fields.
                    value.push_str(
                        line.strip_prefix("       |")
                            .or_else(|| line.strip_prefix("        "))
                            .unwrap_or_else(|| line.trim_start()),
                    );
                }
                continue;
            }
            if let Some((name, value)) = field.take() {
                metadata.set(&name, value);
            }
            field = line.split_once(':').map(|(name, value)| {
                (name.trim().to_ascii_lowercase().replace('-', "_"), value.trim_start().to_owned())
            });
        }
        if let Some((name, value)) = field {
            metadata.set(&name, value);
        }
        if !body.trim().is_empty() {
            metadata.description = Some(body.to_owned());
        }
        metadata
    }

    /// Takes a field by its name in forms; those of files differ in spelling only. What is not used is passed over.
    pub(super) fn set(&mut self, name: &str, value: String) {
        let value = match value.trim() {
            // What old builders wrote for nothing.
            "" | "UNKNOWN" => return,
            _ => value,
        };
        match name {
            "name" => self.name = Some(value),
            "version" => self.version = Some(value),
            "summary" => self.summary = shown(&value),
            "home_page" => self.home_page = shown(&value),
            "license" => self.license = Some(value),
            "license_expression" => self.license_expression = shown(&value),
            "requires_python" => self.requires_python = shown(&value),
            "requires_dist" => self.requires_dist.extend(shown(&value)),
            "description" => self.description = Some(value),
            "classifier" | "classifiers" => self.classifiers.push(value),
            "project_url" | "project_urls" => {
                if let Some((label, url)) = value.split_once(',') {
                    self.project_urls.push((label.trim().to_owned(), url.trim().to_owned()));
                }
            }
            _ => {}
        }
    }

    /// With what another one has where this one has nothing.
    pub(super) fn or(mut self, other: Self) -> Self {
        fn fill<T>(mine: &mut Option<T>, other: Option<T>) {
            if mine.is_none() {
                *mine = other;
            }
        }
        fn fill_list<T>(mine: &mut Vec<T>, other: Vec<T>) {
            if mine.is_empty() {
                *mine = other;
            }
        }
        fill(&mut self.name, other.name);
        fill(&mut self.version, other.version);
        fill(&mut self.requires_python, other.requires_python);
        fill_list(&mut self.requires_dist, other.requires_dist);
        fill(&mut self.description, other.description);
        fill(&mut self.summary, other.summary);
        fill(&mut self.home_page, other.home_page);
        fill_list(&mut self.project_urls, other.project_urls);
        fill(&mut self.license, other.license);
        fill(&mut self.license_expression, other.license_expression);
        fill_list(&mut self.classifiers, other.classifiers);
        self
    }

    /// What the API describes the version with.
    pub(super) fn about(&self) -> AboutVersion {
        AboutVersion {
            summary: self.summary.clone(),
            home_page: self.home_page.clone().or_else(|| self.link(&["homepage", "home", "home page"])),
            source_code_repository: self.link(&["source", "source code", "repository", "code", "github", "gitlab"]),
            license: self.license(),
        }
    }

    fn link(&self, labels: &[&str]) -> Option<String> {
        let wanted = |label: &str| labels.contains(&label.to_ascii_lowercase().as_str());
        self.project_urls.iter().find(|(label, _)| wanted(label)).and_then(|(_, url)| shown(url))
    }

    /// The expression, or the licence's name; some put its whole text there, and then the classifier names it.
    fn license(&self) -> Option<String> {
        let classified = || {
            let classifier = self.classifiers.iter().find_map(|classifier| classifier.strip_prefix("License :: "))?;
            shown(classifier.rsplit(" :: ").next()?)
        };
        let named = self.license.as_ref().filter(|license| !license.trim().contains('\n') && license.len() <= 255);
        self.license_expression.clone().or_else(|| named.and_then(|license| shown(license))).or_else(classified)
    }
}

/// As the API and the pages show it: one line without control characters, and not endless.
fn shown(text: &str) -> Option<String> {
    let text = text.trim();
    let clean: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    (!clean.is_empty() && clean.len() <= VALUE).then_some(clean)
}

/// A `Requires-Dist` as the API lists it: the name, and all the rest as the requirement. The API's documentation has
/// the field's name as the kind.
pub(super) fn dependency(requirement: &str) -> Dependency {
    let end = requirement
        .find(|character: char| !character.is_ascii_alphanumeric() && !matches!(character, '-' | '_' | '.'))
        .unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at(end);
    Dependency { namespace: None, package: name.to_owned(), kind: "Requires-Dist", requirement: rest.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheels_metadata() {
        let metadata = Metadata::read(
            b"Metadata-Version: 2.4\r\nName: Demo_Pkg\r\nVersion: 1.0\r\nSummary: A demo\r\nLicense: Long\r\n text\r\n\
            Classifier: License :: OSI Approved :: MIT License\r\nRequires-Python: >=3.8\r\nRequires-Dist: six>=1\r\n\
            Requires-Dist: rich[jupyter]<14; extra == 'x'\r\nProject-URL: Source, https://a.example/src\r\n\
            Home-page: UNKNOWN\r\nProject-URL: Homepage, https://a.example\r\n\r\n# Demo\r\n\r\nText\r\n",
        );
        assert_eq!(metadata.name.as_deref(), Some("Demo_Pkg"));
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8"));
        assert_eq!(metadata.description.as_deref(), Some("# Demo\n\nText\n"));
        let about = metadata.about();
        assert_eq!(about.summary.as_deref(), Some("A demo"));
        assert_eq!(about.license.as_deref(), Some("MIT License"));
        assert_eq!(about.home_page.as_deref(), Some("https://a.example"));
        assert_eq!(about.source_code_repository.as_deref(), Some("https://a.example/src"));
        let dependencies: Vec<_> = metadata.requires_dist.iter().map(|text| dependency(text)).collect();
        let pairs: Vec<_> = dependencies.iter().map(|one| (one.package.as_str(), one.requirement.as_str())).collect();
        assert_eq!(pairs, [("six", ">=1"), ("rich", "[jupyter]<14; extra == 'x'")]);
    }

    #[test]
    fn an_old_description_is_unfolded() {
        let metadata = Metadata::read(b"Name: a\nDescription: One\n       |Two\n        Three\nVersion: 1\n");
        assert_eq!(metadata.description.as_deref(), Some("One\nTwo\nThree"));
        assert_eq!(metadata.version.as_deref(), Some("1"));
    }

    #[test]
    fn what_is_no_metadata_says_nothing() {
        for bytes in [&b""[..], b"\n\n", b"no field", b" folded into nothing", &[0xff; 64]] {
            assert_eq!(Metadata::read(bytes), Metadata::default(), "{bytes:?}");
        }
    }

    #[test]
    fn the_form_is_believed_before_the_file() {
        let mut form = Metadata::default();
        form.set("summary", "of the form".to_owned());
        let file = Metadata::read(b"Summary: of the file\nLicense: MIT\n");
        let about = form.or(file).about();
        assert_eq!((about.summary.as_deref(), about.license.as_deref()), (Some("of the form"), Some("MIT")));
    }
}
