//! What `configure` took down, beside what is in the files.

use super::{finding::Mend, identity::causes, visit::Visit};
use crate::configure::{self, Standing};

pub(super) fn check(visit: &mut Visit<'_>) {
    let standing = match configure::standing(visit.host) {
        Ok(standing) => standing,
        Err(error) => {
            let fix = error.hint().unwrap_or_else(|| "move it away".to_owned());
            visit.found("journal-faulty", "journal", causes(&error), fix);
            return;
        }
    };
    for Standing { path, key, client, is_gone } in standing {
        if !visit.concerns(&client) {
            continue;
        }
        if is_gone {
            let message = format!("`{key}`, which `configure {client}` wrote, is in this file no more");
            let fix = format!("run `cargo codeartifact configure {client}` again, or have it forgotten");
            visit.found("configured-gone", &client, message, fix).at(path, None).mended_by(Mend::ForgetGone);
        } else {
            let message = format!("`{key}`, which `configure {client}` wrote, was changed by others since");
            let fix = format!("run `cargo codeartifact configure {client}` again, or leave it so");
            visit.found("configured-changed", &client, message, fix).at(path, None);
        }
    }
}
