//! What differs between two runs, replaced by its name.

use crate::{Sandbox, Service};

/// `text` with the sandbox's paths, the service's address and all digests replaced.
pub fn redacted(text: &str, sandbox: &Sandbox, service: Option<&Service>) -> String {
    let mut text = text.replace(&sandbox.path("").display().to_string(), "SANDBOX/");
    if let Some(service) = service {
        text = text.replace(service.address(), "127.0.0.1:PORT");
    }
    let mut redacted = String::with_capacity(text.len());
    let mut digits = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_hexdigit() {
            digits.push(character);
            continue;
        }
        redacted.push_str(if digits.len() == 64 { "SHA256" } else { &digits });
        digits.clear();
        redacted.push(character);
    }
    redacted.pop();
    redacted
}
