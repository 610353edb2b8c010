//! Who asks: the user's own file, AWS's files, profiles.

use codeartifact::{AwsEnvironment, AwsOptions, ProfileError, UserSettings, settings::SettingsError};

use super::visit::Visit;
use crate::{context, project::Project};

pub(super) fn check(visit: &mut Visit<'_>) {
    match UserSettings::read(visit.host) {
        Ok(settings) => visit.settings = Some(settings),
        Err(error) => user_file(visit, &error),
    }
    match Project::find(visit.host.current_dir()) {
        Ok(project) => visit.project = project,
        Err(error) => {
            let fix = error.hint().unwrap_or_else(|| "correct the file".to_owned());
            let message = causes(&error);
            visit.found("project-file-faulty", "project", message, fix);
        }
    }
    match context::aws(visit.globals, visit.host) {
        Ok(aws) => {
            let accounts = visit.settings.as_ref().map(UserSettings::accounts).unwrap_or_default();
            visit.aws = Some(aws.with_accounts(accounts));
        }
        Err(error) => {
            let message = error.lines().join(": ");
            visit.found("aws-files-faulty", "identity", message, "correct the value where it stands");
        }
    }
    profiles(visit);
}

/// An error and its causes in one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    lines.join(": ")
}

fn user_file(visit: &mut Visit<'_>, error: &SettingsError) {
    let (code, place) = match error {
        SettingsError::CoveredRule { path, line, .. }
        | SettingsError::ContradictingRule { path, line, .. }
        | SettingsError::EmptyRule { path, line } => ("account-rule-dead", Some((path.clone(), Some(*line)))),
        SettingsError::Syntax { path, line, .. }
        | SettingsError::UnknownKey { path, line, .. }
        | SettingsError::Value { path, line, .. } => ("user-file-faulty", Some((path.clone(), Some(*line)))),
        SettingsError::Unreadable { path, .. } => ("user-file-faulty", Some((path.clone(), None))),
        SettingsError::UnknownStore { .. } => ("user-file-faulty", None),
    };
    let fix = if code == "account-rule-dead" {
        "remove the rule, or put it before the one that covers it"
    } else {
        "correct it; until then no client gets a token"
    };
    let finding = visit.found(code, "identity", causes(error), fix);
    if let Some((path, line)) = place {
        finding.at(path, line);
    }
}

fn profiles(visit: &mut Visit<'_>) {
    let (Some(aws), host) = (visit.aws.clone(), visit.host) else { return };
    let by_keys = aws.identity.as_str().starts_with("key:");
    if let Some(origin) = &aws.origins.profile {
        if by_keys {
            let message =
                format!("AWS_ACCESS_KEY_ID is set, so the profile `{}` (from {origin}) does not count", aws.profile);
            let fix = "unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile";
            visit.found("profile-hidden", "identity", message, fix).of_variable("AWS_ACCESS_KEY_ID");
        } else if aws.has_profile().is_ok_and(|has| !has) && aws.profile != "default" {
            let message = format!("the profile `{}` (from {origin}) is not in the AWS files", aws.profile);
            let fix = "`aws configure list-profiles` shows those there are; set AWS_PROFILE to one of them";
            visit.found("profile-missing", "identity", message, fix);
        }
    }
    let rules = visit.settings.as_ref().map(|settings| settings.accounts().to_vec()).unwrap_or_default();
    for rule in rules {
        let Some(profile) = &rule.profile else { continue };
        let options = AwsOptions { profile: Some(&profile.value), ..AwsOptions::default() };
        let has: Result<bool, ProfileError> =
            AwsEnvironment::with_options(host, options).and_then(|aws| aws.has_profile());
        if has.is_ok_and(|has| !has) {
            let message =
                format!("the account rule asks by profile `{}`, which is not in the AWS files", profile.value);
            let fix = "correct the name, or make the profile with `aws configure sso`";
            visit
                .found("rule-profile-missing", "identity", message, fix)
                .at(rule.file.to_path_buf(), Some(profile.line));
        }
    }
}
