//! Files in which any address of ours is a repository in use, whatever the syntax; and the credential programs that files
//! name, Bazel's among them.

use super::{Document, Form, Inspector, Program, Setting, at, secrets, url};

/// The credential program's name, as scripts that `configure` writes hold it.
const HELPER: &str = "codeartifact-credential-helper";

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    for document in inspector.view.documents {
        let client = secrets::client(document);
        for (number, line) in document.text.lines().enumerate() {
            let origin = at(document, number + 1);
            if matches!(
                document.location.form,
                Form::Bundle | Form::Gem | Form::Swift | Form::Gradle | Form::PythonToml
            ) {
                for address in addresses(line) {
                    if matches!(url::judge(address, inspector.view.trust), url::Verdict::Ours(_)) {
                        inspector.address(client, &Setting { value: address.to_owned(), origin: origin.clone() });
                    }
                }
            }
            for name in programs(document, line) {
                let program = Program { client, name, origin: origin.clone() };
                if !inspector.out.programs.contains(&program) {
                    inspector.out.programs.push(program);
                }
            }
        }
    }
}

/// The words of a line that are addresses.
fn addresses(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| c.is_whitespace() || "\"'<>,;()".contains(c));
    words.filter(|word| word.starts_with("https://") || word.starts_with("http://"))
}

/// The credential programs that a line names by their path. A comment names none.
fn programs(document: &Document, line: &str) -> Vec<String> {
    let line = line.trim();
    if line.starts_with(['#', ';']) || line.starts_with("//") || line.starts_with('*') {
        return Vec::new();
    }
    if document.location.form == Form::Bazelrc {
        // `--credential_helper=[PATTERN=]PATH`; what begins with `%workspace%` is the project's.
        let helpers = line.split_whitespace().filter_map(|word| word.strip_prefix("--credential_helper="));
        let paths = helpers.map(|value| value.rsplit('=').next().unwrap_or_default().to_owned());
        return paths.filter(|path| !path.is_empty() && !path.starts_with('%')).collect();
    }
    if !matches!(document.location.form, Form::Shell | Form::Gradle | Form::Sbt) {
        return Vec::new();
    }
    let words = line.split(|c: char| "\"'`=()[]{};".contains(c));
    words.filter(|word| word.starts_with('/') && word.ends_with(HELPER)).map(str::to_owned).collect()
}
