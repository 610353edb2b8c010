//! Every code: how bad it is, and its page.

use super::finding::Severity::{self, Advice, Error, Warning};

/// A code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) page: &'static str,
}

/// Each row is a code and its page `pages/CODE.md`.
macro_rules! codes {
    ($($name:literal $severity:ident),+ $(,)?) => {
        [$(Code { name: $name, severity: $severity, page: include_str!(concat!("pages/", $name, ".md")) }),+]
    };
}

/// The codes, as people meet them: who asks, the service, addresses, secrets, programs, stores, our own files.
pub(super) const CODES: [Code; 76] = codes![
    "identity-missing" Error,
    "sign-in-ended" Error,
    "credentials-expired" Error,
    "profile-missing" Error,
    "profile-hidden" Warning,
    "rule-profile-missing" Error,
    "account-rule-dead" Error,
    "wrong-account" Warning,
    "aws-files-faulty" Error,
    "user-file-faulty" Error,
    "project-file-faulty" Error,
    "denied" Error,
    "domain-missing" Error,
    "repository-missing" Error,
    "service-unreachable" Error,
    "service-failed" Warning,
    "clock-skewed" Error,
    "registry-overridden" Warning,
    "registry-url-faulty" Error,
    "registries-merged" Warning,
    "registry-renamed" Advice,
    "http-registry" Warning,
    "file-faulty" Warning,
    "cargo-index-form" Error,
    "provider-missing" Warning,
    "project-names-program" Warning,
    "index-path-missing" Warning,
    "upload-to-index" Warning,
    "index-without-user" Warning,
    "keyring-provider-off" Warning,
    "dependency-confusion" Warning,
    "unsafe-index-strategy" Warning,
    "always-auth-missing" Warning,
    "token-helper-in-project" Error,
    "token-helper-relative" Error,
    "project-reference-ignored" Warning,
    "reference-unset" Warning,
    "settings-file-replaced" Warning,
    "source-disabled" Warning,
    "plugin-paths-set" Warning,
    "token-in-file" Warning,
    "token-expired-in-file" Warning,
    "environment-token-expired" Warning,
    "login-in-startup" Advice,
    "secret-readable" Warning,
    "secret-committed" Error,
    "secret-in-the-way" Warning,
    "name-in-use" Warning,
    "file-not-ours" Warning,
    "not-configured" Advice,
    // Settings' own, which `configure` says too.
    "rubygems-rubylib" Advice,
    "mirror-shadows" Warning,
    "token-by-exec" Advice,
    "helper-path-with-blanks" Warning,
    "swift-login" Advice,
    "bundler-mirror-overridden" Warning,
    "bundler-mirror-fallback" Warning,
    "installs-by-another" Advice,
    "keyring-chosen-elsewhere" Warning,
    "password-at-rest" Warning,
    "project-only" Advice,
    "helper-missing" Error,
    "helper-not-linked" Error,
    "foreign-helper-first" Error,
    "links-not-on-path" Warning,
    "link-broken" Warning,
    "client-too-old" Warning,
    "client-version-faulty" Advice,
    "store-none" Warning,
    "store-locked" Advice,
    "store-hung" Warning,
    "store-broken" Warning,
    "store-clear-text" Advice,
    "journal-faulty" Warning,
    "configured-gone" Warning,
    "configured-changed" Advice,
];

/// A code's severity. Settings' findings that have no row here are advice.
pub(super) fn severity(code: &str) -> Severity {
    CODES.iter().find(|known| known.name == code).map_or(Advice, |known| known.severity)
}

/// A code's page.
pub(crate) fn page(code: &str) -> Option<&'static str> {
    CODES.iter().find(|known| known.name == code).map(|known| known.page)
}
