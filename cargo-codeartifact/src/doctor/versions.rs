//! Versions of clients: those too old for the credential helper, and those with known faults.

use std::time::Duration;

use clients::Client;

use super::{asked::ask, visit::Visit};

/// What a program may take to say its version: Java ones take seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// A fault of a range of versions.
struct Fault {
    client: &'static str,
    /// The first version that has it.
    from: &'static str,
    /// The first that does not.
    until: &'static str,
    what: &'static str,
}

/// Faults that are the clients' own, and published.
const FAULTS: [Fault; 5] = [
    Fault {
        client: "cargo",
        from: "0",
        until: "1.96.0",
        what: "takes registries for one that differ by `.git` (CVE-2026-5222), and unpacks links of third-party packages \
               (CVE-2026-5223)",
    },
    Fault {
        client: "maven",
        from: "0",
        until: "3.8.1",
        what: "lets a package's POM name repositories without encryption (CVE-2021-26291)",
    },
    Fault { client: "pip", from: "0", until: "25.2", what: "unpacks links that lead out of a package (CVE-2025-8869)" },
    Fault {
        client: "pnpm",
        from: "11.0.0",
        until: "11.5.3",
        what: "takes variables for credentials from a project's files, which a stranger may have written",
    },
    Fault {
        client: "pnpm",
        from: "0",
        until: "10.34.5",
        what: "takes variables for credentials from a project's files, which a stranger may have written",
    },
];

/// Asking these downloads something, starts a server, or says the version of something else.
const NOT_ASKED: [&str; 4] = ["sbt", "bazel", "yarn1", "curl"];

pub(super) fn check(visit: &mut Visit<'_>) {
    let used = |client: &&Client| {
        visit.inspection.uses.iter().any(|used| used.client == client.name)
            || visit.clients.iter().any(|named| named.name == client.name)
    };
    let clients: Vec<&'static Client> = clients::CLIENTS
        .iter()
        .copied()
        .filter(|client| !NOT_ASKED.contains(&client.name) && used(client) && visit.concerns(client.name))
        .collect();
    let host = visit.host;
    // A client reads the settings of the folder it is started in: none of a project's, and none of the home folder's.
    let folder = std::path::Path::new(if cfg!(windows) { r"C:\" } else { "/" });
    // At the same time: each may take seconds.
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = clients
            .iter()
            .map(|client| {
                let program = client.programs.iter().find_map(|name| host.find_program(name));
                scope.spawn(move || program.map(|program| ask(&program, &["--version"], folder, host, PATIENCE)))
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().ok().flatten()).collect()
    });
    for (client, answer) in clients.iter().zip(answers) {
        match answer {
            None => {}
            Some(None) => visit.unchecked(format!("the version of {}", client.title), "it does not say it"),
            Some(Some(text)) => match version(&text) {
                Some(version) => judge(visit, client, &version),
                None => visit.unchecked(format!("the version of {}", client.title), "what it says is no version"),
            },
        }
    }
}

fn judge(visit: &mut Visit<'_>, client: &Client, said: &[u64]) {
    let shown = said.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
    // `dotnet` says the version of its SDK: 9.0.200 is the first with NuGet 6.13.
    let minimum = if client.name == "nuget" { "9.0.200" } else { client.minimum_version };
    // `yarn` may be Yarn 1, which is another client.
    let is_other = client.name == "yarn" && said.first().is_some_and(|major| *major < 2);
    if !is_other && said < &numbers(minimum)[..] {
        let message = format!("{} {shown} is too old to ask the credential helper", client.title);
        visit.found("client-too-old", client.name, message, format!("use version {minimum} or later"));
    }
    for fault in FAULTS.iter().filter(|fault| fault.client == client.name) {
        if said >= &numbers(fault.from)[..] && said < &numbers(fault.until)[..] {
            let message = format!("{} {shown} {}", client.title, fault.what);
            visit.found("client-version-faulty", client.name, message, format!("use version {} or later", fault.until));
        }
    }
}

/// The first version in what a program says: numbers with dots between.
pub(super) fn version(text: &str) -> Option<Vec<u64>> {
    text.split(|c: char| c.is_whitespace() || "(),".contains(c)).find_map(|word| {
        let word = word.strip_prefix('v').unwrap_or(word);
        let plain = word.split(['-', '+']).next()?;
        let numbers: Option<Vec<u64>> = plain.split('.').map(|part| part.parse().ok()).collect();
        numbers.filter(|numbers| numbers.len() >= 2)
    })
}

fn numbers(text: &str) -> Vec<u64> {
    text.split('.').filter_map(|part| part.parse().ok()).collect()
}
