//! What `codeartifact.toml` says the project uses, beside how the clients found here are set up: as `configure` without
//! arguments would plan it. Nothing is written, and the service is not asked.

use clients::settings::{Level, SettingsError};
use codeartifact::{Endpoint, PackageFormat};

use super::visit::Visit;
use crate::{
    configuration,
    configure::{self, ConfigureError, Request, Wish},
    context::Context,
};

pub(super) fn check(visit: &mut Visit<'_>) {
    if visit.project.is_none() || visit.settings.is_none() {
        return;
    }
    let Ok(context) = Context::open(visit.globals, visit.host) else { return };
    let (Ok(domain), Ok(region)) = (context.domain(), context.region()) else { return };
    let by_use = visit.inspection.uses.iter().find(|used| used.endpoint.domain() == domain);
    let Some(owner) = context.owner().or(by_use.map(|used| used.endpoint.owner())).cloned() else {
        visit.unchecked("what the project declares", "it does not say the domain's owner");
        return;
    };
    let Ok(helper) = configure::helper(visit.host) else {
        let message = "the credential helper is not beside this program: clients cannot be set up";
        let fix = "install it: from a checkout, `cargo build --release --workspace` builds both programs";
        visit.found("helper-missing", "helper", message, fix);
        return;
    };
    for wish in configuration::declared(&context) {
        let client = wish.client.name;
        if !visit.concerns(client) {
            continue;
        }
        let trust = context.aws.trust();
        let Ok(endpoint) =
            Endpoint::of_repository(domain, &owner, region, PackageFormat::Generic, &wish.repository, &trust)
        else {
            continue;
        };
        planned(
            visit,
            &context,
            Request {
                wishes: vec![wish],
                level: Level::User,
                endpoint,
                region: region.clone(),
                helper: helper.clone(),
                force: false,
            },
        );
    }
}

fn planned(visit: &mut Visit<'_>, context: &Context, request: Request) {
    let Some(Wish { client, repository, .. }) = request.wishes.first().cloned() else { return };
    let name = client.name;
    let is_used = visit.inspection.uses.iter().any(|used| used.client == name);
    match configure::plan(request, &context.host) {
        // What its settings bring with them.
        Ok(planned) if planned.is_empty() => {
            for finding in &planned.findings {
                let fix = format!("`cargo codeartifact help {name}` says more");
                let found = visit.found(finding.code, name, finding.message.clone(), fix);
                if let Some(path) = &finding.path {
                    found.at(path.clone(), finding.line);
                }
            }
        }
        // Set up in another way, by hand perhaps: the checks of its files judge that.
        _ if is_used => {}
        Ok(_) => {
            let message =
                format!("the project uses repository {repository}, and {} is not set up for it", client.title);
            visit.found("not-configured", name, message, format!("run `cargo codeartifact configure {name}`"));
        }
        Err(ConfigureError::Settings(error)) => refused(visit, name, &error),
        Err(error) => {
            let fix =
                error.hint().unwrap_or_else(|| format!("`cargo codeartifact configure {name} --dry-run` says more"));
            visit.found("file-not-ours", name, super::identity::causes(&error), fix);
        }
    }
}

/// Why `configure` would leave a file as it is.
fn refused(visit: &mut Visit<'_>, client: &'static str, error: &SettingsError) {
    let (code, place) = match error {
        SettingsError::SecretInTheWay { path, line, .. } => ("secret-in-the-way", Some((path, Some(*line)))),
        SettingsError::NameInUse { path, line, .. } => ("name-in-use", Some((path, Some(*line)))),
        SettingsError::Foreign { path } => ("file-not-ours", Some((path, None))),
        SettingsError::Syntax { path, .. } => ("file-faulty", Some((path, None))),
        _ => ("file-not-ours", None),
    };
    let fix = error.hint().unwrap_or_else(|| format!("`cargo codeartifact configure {client} --dry-run` says more"));
    let found = visit.found(code, client, super::identity::causes(error), fix);
    if let Some((path, line)) = place {
        found.at(path.clone(), line);
    }
}
