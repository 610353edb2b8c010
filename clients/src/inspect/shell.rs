//! Shells' start-up files: what is asked for each time a shell starts.

use super::{Form, Inspector, at};

pub(super) fn inspect(inspector: &mut Inspector<'_>) {
    for document in inspector.documents(Form::Shell) {
        for (number, line) in document.text.lines().enumerate() {
            let code = line.split('#').next().unwrap_or_default();
            let asks = ["codeartifact login", "codeartifact get-authorization-token"];
            if code.contains("aws") && asks.iter().any(|words| code.contains(words)) {
                let message =
                    "every shell that starts asks AWS for a token, and passes it on to all programs".to_owned();
                let fix = "remove the line: clients that `cargo codeartifact configure` set up ask when they need one";
                inspector.found("login-in-startup", "shell", &at(document, number + 1), message, fix);
            }
        }
    }
}
