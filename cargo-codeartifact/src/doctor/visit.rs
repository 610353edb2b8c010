//! What the checks look at and leave behind.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use clients::{Client, inspect::Inspection};
use codeartifact::{AwsEnvironment, Host, UserSettings};

use super::{
    codes,
    finding::{Finding, Mend, Place, Severity},
};
use crate::{cli, project::Project};

/// One look at everything.
pub(super) struct Visit<'a> {
    /// The clients that were named; all where there is none.
    pub(super) clients: &'a [&'static Client],
    pub(super) globals: &'a cli::Globals,
    pub(super) host: &'a Host,
    /// The user's file, where it can be read.
    pub(super) settings: Option<UserSettings>,
    /// The AWS settings, where they can be read.
    pub(super) aws: Option<AwsEnvironment>,
    /// The project's file, where there is one.
    pub(super) project: Option<Project>,
    /// What clients' files say.
    pub(super) inspection: Inspection,
    /// How many files were looked at.
    pub(super) files: usize,
    pub(super) findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub(super) unchecked: Vec<(String, String)>,
}

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) errors: usize,
    pub(super) warnings: usize,
    pub(super) advice: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        let Self { errors, warnings, advice } = *self;
        write!(f, "{errors} error{}, {warnings} warning{} and {advice} advice", plural(errors), plural(warnings))
    }
}

impl<'a> Visit<'a> {
    pub(super) fn new(clients: &'a [&'static Client], globals: &'a cli::Globals, host: &'a Host) -> Self {
        Self {
            clients,
            globals,
            host,
            settings: None,
            aws: None,
            project: None,
            inspection: Inspection::default(),
            files: 0,
            findings: Vec::new(),
            unchecked: Vec::new(),
        }
    }

    /// Takes down a finding.
    pub(super) fn found(
        &mut self,
        code: &'static str,
        about: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> &mut Finding {
        let finding = Finding {
            code,
            about: about.to_owned(),
            message: message.into(),
            place: None,
            fix: fix.into(),
            mend: None,
        };
        self.findings.push(finding);
        self.findings.last_mut().expect("one was pushed just now")
    }

    pub(super) fn unchecked(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.unchecked.push((what.into(), reason.into()));
    }

    /// Whether a client is looked at.
    pub(super) fn concerns(&self, client: &str) -> bool {
        self.clients.is_empty()
            || clients::find(client).is_none()
            || self.clients.iter().any(|named| named.name == client)
    }

    /// The variables that are set, not empty and Unicode.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
            Some((name.to_str()?.to_owned(), value.to_str().filter(|value| !value.is_empty())?.to_owned()))
        };
        self.host.vars().filter_map(text).collect()
    }

    /// Leaves what is about the clients that were named, once each, by client in the table's order and the worst first.
    pub(super) fn settle(&mut self) {
        let findings = std::mem::take(&mut self.findings);
        let mut kept: Vec<Finding> = Vec::new();
        for finding in findings {
            if self.concerns(&finding.about) && !kept.contains(&finding) {
                kept.push(finding);
            }
        }
        let order =
            |about: &str| clients::CLIENTS.iter().position(|client| client.name == about).map_or(0, |place| place + 1);
        kept.sort_by_key(|finding| {
            (order(&finding.about), finding.about.clone(), codes::severity(finding.code), finding.code)
        });
        self.findings = kept;
    }

    pub(super) fn counts(&self) -> Counts {
        let count = |severity| self.findings.iter().filter(|finding| codes::severity(finding.code) == severity).count();
        Counts { errors: count(Severity::Error), warnings: count(Severity::Warning), advice: count(Severity::Advice) }
    }
}

impl Finding {
    pub(super) fn at(&mut self, path: impl Into<PathBuf>, line: Option<usize>) -> &mut Self {
        self.place = Some(Place::File(path.into(), line));
        self
    }

    pub(super) fn of_variable(&mut self, name: &str) -> &mut Self {
        self.place = Some(Place::Variable(name.to_owned()));
        self
    }

    pub(super) fn mended_by(&mut self, mend: Mend) -> &mut Self {
        self.mend = Some(mend);
        self
    }
}
