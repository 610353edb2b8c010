//! `local`: the embedded service in the foreground, until somebody stops it.

use std::sync::mpsc;

use anyhow::anyhow;
use codeartifact::Host;
use local_service::{Clock, Identities, LocalService, Notices, Options, Proxies, SourceFinder};
use serde_json::json;

mod receivers;
mod sources;

use crate::{
    cli,
    report::{CommandError, Report},
};

/// Variables that lead the AWS tools and this program to the service. It takes any key pair, unless it is strict.
const KEY_PAIR: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")];
/// `aws` asks for the Region by one name, the SDKs by the other.
const REGION: [(&str, &str); 2] = [("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// What each client reads the authority from that it is to trust: the AWS tools, Cargo, pip and Node.
const TRUST: [&str; 4] = ["AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "PIP_CERT", "NODE_EXTRA_CA_CERTS"];

/// Runs the command.
pub(crate) fn run(args: &cli::Local, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let identities = match &args.strict_auth {
        Some(file) => {
            let file = host.current_dir().join(file);
            Identities::read(&file).map_err(|error| {
                CommandError::user(anyhow!(error).context(format!("cannot use `--strict-auth {}`", file.display())))
            })?
        }
        None => Identities::default(),
    };
    if !args.listen.ip().is_loopback() && !identities.is_strict() {
        return Err(CommandError::usage(anyhow!(
            "`--listen {}` can be reached from elsewhere: the embedded service gives a token to whoever asks",
            args.listen
        ))
        .hint("listen on this machine only: `--listen 127.0.0.1:PORT` or `--listen [::1]:PORT`")
        .hint("or say who may ask: `--strict-auth FILE`, with `strict` not set to false in it"));
    }
    let faults_file = args.faults.as_ref().map(|file| host.current_dir().join(file));
    if let Some(file) = &faults_file {
        local_service::read_faults(file).map_err(|error| {
            CommandError::user(anyhow!(error).context(format!("cannot use `--faults {}`", file.display())))
        })?;
    }
    if args.events.as_deref() == Some("-") && args.audit.as_deref() == Some("-") {
        return Err(CommandError::usage(anyhow!("`--events -` and `--audit -` would mix on standard output"))
            .hint("name a file for one of them"));
    }
    // Before the service: a signal that comes while it loads is not lost.
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // A second signal finds nobody who waits, and changes nothing: stopping is bounded.
        let _ = stop.send(());
    })
    .map_err(|error| CommandError::internal(anyhow!(error).context("cannot watch for signals")))?;

    let clock = Clock::of(host.clone());
    let (kept, kind) = match &args.data {
        Some(folder) => {
            let folder = host.current_dir().join(folder);
            (format!("in {}", folder.display()), Options::durable(folder, clock))
        }
        None => ("in memory: all is lost when it stops".to_owned(), Options::ephemeral(clock)),
    };
    let external = sources::named(&args.external)?;
    let finder = host.clone();
    let (events, gate) = args.events.as_deref().map(|asked| receivers::events(asked, host)).transpose()?.unzip();
    let (audit, audit_gate) = args.audit.as_deref().map(|asked| receivers::audit(asked, host)).unzip();
    let tls = args.tls.as_ref().map(|folder| host.current_dir().join(folder));
    let options = Options {
        listen: args.listen,
        identities,
        faults_file,
        external,
        find_source: Some(SourceFinder::new(move |connection| sources::find(connection, &finder))),
        proxies: proxies(host),
        events,
        audit: audit.unwrap_or_else(|| kind.audit.clone()),
        notices: Notices::new(report.warner()),
        tls: tls.clone(),
        ..kind
    };
    let service = LocalService::start(options)?;
    report.note(&format!("the embedded service keeps everything {kept}"));
    report.note("to use it, paste:");
    for line in exports(&service.url(), args.strict_auth.is_none()) {
        report.note(&line);
    }
    if let Some(file) = &args.strict_auth {
        report.note(&format!("and the key pair of one of the principals in {}", file.display()));
    }
    if let Some(folder) = tls {
        let authority = folder.join("ca.pem");
        for name in TRUST {
            report.note(&format!("export {name}={}", authority.display()));
        }
        report.note("npm takes the same file as its setting `cafile`");
    }
    if report.json() {
        report.value(&json!({ "listening": service.url() }))?;
    } else {
        report.line(&format!("listening on {}", service.url()))?;
    }
    drop((gate, audit_gate));

    // The sender lives in the handler for the life of the process.
    let _ = stopped.recv();
    report.note("stopping");
    service.stop();
    report.note("stopped");
    Ok(())
}

/// The proxies that the environment names, in either spelling.
fn proxies(host: &Host) -> Proxies {
    let variable = |name: &str| host.var(&name.to_ascii_lowercase()).or_else(|| host.var(name));
    Proxies::new(variable("HTTP_PROXY"), variable("HTTPS_PROXY"), variable("ALL_PROXY"), variable("NO_PROXY"))
}

/// The lines to paste into a shell; without a key pair where it matters which one.
fn exports(url: &str, any_key: bool) -> Vec<String> {
    let address = [("AWS_ENDPOINT_URL_CODEARTIFACT", url)];
    let keys = if any_key { &KEY_PAIR[..] } else { &[] };
    address.iter().chain(keys).chain(&REGION).map(|(name, value)| format!("export {name}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exports_are_what_the_tools_read() {
        assert_eq!(
            exports("http://127.0.0.1:4600", true),
            [
                "export AWS_ENDPOINT_URL_CODEARTIFACT=http://127.0.0.1:4600",
                "export AWS_ACCESS_KEY_ID=local",
                "export AWS_SECRET_ACCESS_KEY=local",
                "export AWS_REGION=us-east-1",
                "export AWS_DEFAULT_REGION=us-east-1",
            ]
        );
        let strict = exports("http://127.0.0.1:4600", false);
        assert!(strict.len() == 3 && strict.iter().all(|line| !line.contains("KEY")), "{strict:?}");
    }
}
