//! `proxy`: an endpoint on this machine that adds the token, for clients that have no hook, and keeps what was fetched.
//!
//! | module | what it does |
//! | --- | --- |
//! | `instance` | one for each user: start aside, find, stop |
//! | `serve` | connections, and when nobody comes any more |
//! | `guard`, `peer` | who may ask: the same user, and no web page |
//! | `target` | what a path means: which repository, which URL |
//! | `tokens` | a token for each domain |
//! | `pass` | one request: to the service and back |
//! | `rewrite` | addresses in answers, led here |
//! | `cache` | what is kept |
//! | `carried` | bodies on their way |
//!
//! Invariants: a request goes only to what [`Endpoint::recognise`](codeartifact::Endpoint::recognise) accepts, and a token
//! only with it. What is kept was given to the same identity. No request and no token is ever logged.

mod cache;
mod carried;
mod guard;
mod instance;
mod pass;
mod peer;
mod rewrite;
mod serve;
mod target;
mod tokens;

use std::{net::TcpListener, sync::Arc, time::Duration};

use anyhow::anyhow;
use codeartifact::Host;
use local_service::{Outward, Proxies};
use serde_json::json;
use tokio::sync::Notify;

pub(crate) use instance::{InstanceError, Running, ensure};
pub(crate) use target::OnProxy;

use crate::{
    cli,
    context::{Context, host_with},
    moment,
    report::{CommandError, Report},
};
use cache::Cache;
use instance::Gate;
use serve::{Activity, Proxy};
use tokens::Tokens;

/// When a proxy that was started aside stops, unless it is told otherwise.
const IDLE: Duration = Duration::from_mins(15);

/// Runs the command.
pub(crate) fn run(
    args: &cli::Proxy,
    globals: &cli::Globals,
    host: &Host,
    report: &mut Report,
) -> Result<(), CommandError> {
    if args.stop {
        return stop(host, report);
    }
    if args.status || args.key {
        let running = instance::running(host)?;
        let Some(running) = running else {
            return Err(
                CommandError::user(anyhow!("no proxy runs")).hint("start one: `cargo codeartifact proxy --detach`")
            );
        };
        if args.key {
            return report.document(format!("{}\n", running.key().as_str()).as_bytes());
        }
        return status(&running, report);
    }
    if !args.listen.ip().is_loopback() {
        return Err(CommandError::usage(anyhow!("`--listen {}` can be reached from elsewhere", args.listen))
            .hint("listen on this machine only: `--listen 127.0.0.1:PORT` or `--listen [::1]:PORT`"));
    }
    if args.detach { detach(args, globals, host, report) } else { foreground(args, globals, host, report) }
}

fn stop(host: &Host, report: &mut Report) -> Result<(), CommandError> {
    match instance::stop(host)? {
        Some(running) => report.note(&format!("the proxy at {} has stopped", running.url)),
        None => report.note("no proxy runs"),
    }
    Ok(())
}

fn status(running: &Running, report: &mut Report) -> Result<(), CommandError> {
    let mut about = running.ask("GET", "status")?;
    if report.json() {
        about["url"] = json!(running.url);
        about["pid"] = json!(running.pid);
        return report.value(&about);
    }
    let number = |name: &str| about[name].as_u64().unwrap_or_default();
    report.line(&format!("listening on {}, process {}", running.url, running.pid))?;
    report.line(&format!("repositories are at {}", form(&running.url)))?;
    report.line(&format!("asks as {}", about["identity"].as_str().unwrap_or_default()))?;
    report.line(&format!(
        "{} requests, {} of them from the cache of {} KiB; the last {} ago",
        number("requests"),
        number("fromCache"),
        number("cacheBytes") / 1024,
        moment::span(Duration::from_secs(number("idleSeconds"))),
    ))
}

fn form(url: &str) -> String {
    format!("{url}/d/DOMAIN-OWNER.REGION/FORMAT/REPOSITORY/")
}

/// Starts one that outlives this process.
fn detach(args: &cli::Proxy, globals: &cli::Globals, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    if instance::running(host)?.is_none() {
        let host = host_with(globals, host)?;
        let mut words = vec!["--aside".to_owned(), "--listen".to_owned(), args.listen.to_string()];
        words.extend(["--idle".to_owned(), format!("{}s", args.idle.unwrap_or(IDLE).as_secs())]);
        words.extend(["--stale-for".to_owned(), format!("{}s", args.stale_for.as_secs())]);
        words.extend(["--cache-size".to_owned(), args.cache_size.to_string()]);
        if args.no_cache {
            words.push("--no-cache".to_owned());
        }
        instance::detach(&host, &words)?;
    }
    let running =
        instance::running(host)?.ok_or_else(|| InstanceError::NotStarted { reason: "it is gone".to_owned() })?;
    said(&running.url, report)
}

fn said(url: &str, report: &mut Report) -> Result<(), CommandError> {
    report.note(&format!("repositories are at {}", form(url)));
    if report.json() { report.value(&json!({ "listening": url })) } else { report.line(&format!("listening on {url}")) }
}

/// Serves until a signal, `--stop`, or the end of the time without a request.
fn foreground(args: &cli::Proxy, globals: &cli::Globals, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    if args.aside {
        leave_the_caller();
    }
    let Context { host, aws, settings, .. } = Context::outside(globals, host)?;
    let gate = Gate::enter(&host)?;
    let place = match gate.take()? {
        Ok(place) => place,
        // Two were started at once, and the other was first: there is one, which is what was wanted.
        Err(running) if args.aside => return said(&running.url, report),
        Err(running) => return Err(InstanceError::Runs { url: running.url }.into()),
    };
    let in_use = |source| InstanceError::Listen { address: args.listen, source };
    let listener = TcpListener::bind(args.listen).map_err(in_use)?;
    let listening = listener.local_addr().map_err(in_use)?;
    let key = guard::Key::new()
        .map_err(|error| CommandError::internal(anyhow!("the system has no random numbers: {error}")))?;
    let running = Running::new(listening, &key);
    let cache = match (args.no_cache, Cache::open(&host, args.cache_size)) {
        (true, _) => None,
        (false, Ok(cache)) => cache.map(Arc::new),
        (false, Err(error)) => {
            report.warn(&format!("nothing is kept: {error}"));
            None
        }
    };
    let variable = |name: &str| host.var(&name.to_ascii_lowercase()).or_else(|| host.var(name));
    let proxies =
        Proxies::new(variable("HTTP_PROXY"), variable("HTTPS_PROXY"), variable("ALL_PROXY"), variable("NO_PROXY"));
    let outward = Outward::new(proxies).map_err(|problem| CommandError::user(anyhow!(problem)))?;
    let proxy = Arc::new(Proxy {
        listening,
        key,
        tokens: Arc::new(Tokens::new(host.clone(), aws, settings)),
        outward,
        cache,
        stale_for: args.stale_for,
        clock: host,
        activity: Activity::new(),
        stop: Notify::new(),
    });
    let told = Arc::clone(&proxy);
    ctrlc::set_handler(move || told.stop.notify_one())
        .map_err(|error| CommandError::internal(anyhow!(error).context("cannot watch for signals")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| CommandError::internal(anyhow!(error).context("cannot start threads")))?;
    place.announce(&running)?;
    drop(gate);
    said(&running.url, report)?;
    let served = runtime.block_on(serve::serve(listener, proxy, args.idle));
    // What waits for a keyring or a disk is not waited for.
    runtime.shutdown_background();
    place.leave();
    report.note("stopped");
    served.map_err(|error| CommandError::internal(anyhow!(error).context("cannot serve")))
}

/// A session of its own: no terminal, and no signal that is meant for the caller.
fn leave_the_caller() {
    #[cfg(unix)]
    {
        // Fails for the leader of a group only, which has no terminal of another then.
        let _ = rustix::process::setsid();
    }
}
