//! What the source tree must not hold.

use std::{collections::BTreeSet, path::Path, process::Command};

use tests::programs::{find, host, workspace};

/// The files under version control, with their text where they are text.
fn files() -> Vec<(String, String)> {
    let Some(git) = find("git") else { return Vec::new() };
    let output = Command::new(git).args(["ls-files", "-z"]).current_dir(workspace()).output().expect("git runs");
    assert!(output.status.success(), "this is a checkout");
    let names = String::from_utf8(output.stdout).expect("names are text");
    names
        .split('\0')
        // Lock files name the registry of each package: cargo writes them so.
        .filter(|name| !name.is_empty() && Path::new(name).file_name().is_some_and(|file| file != "Cargo.lock"))
        .filter_map(|name| Some((name.to_owned(), std::fs::read_to_string(workspace().join(name)).ok()?)))
        .collect()
}

/// What a program prints, if it is there.
fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// The hosts of public registries, as the clients on this machine know them: to write them here would defeat the test.
fn registry_hosts() -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    hosts.extend(printed("npm", &["config", "get", "registry"]).split('/').nth(2).map(str::to_owned));
    let pip = "from pip._internal.models.index import PyPI; print(PyPI.netloc); print(PyPI.file_storage_domain)";
    hosts.extend(printed("python3", &["-c", pip]).lines().map(str::to_owned));
    let home = host().var("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(host().home()?.join(".cargo"))).unwrap_or_default();
    for entry in std::fs::read_dir(home.join("registry/index")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        hosts.extend(name.rsplit_once('-').map(|(name, _)| name.to_owned()));
    }
    hosts.into_iter().filter(|host| host.contains('.') && !host.starts_with("127.")).collect()
}

#[test]
fn no_registry_is_named() {
    let hosts = registry_hosts();
    for (name, text) in files() {
        for host in &hosts {
            assert!(!text.contains(host.as_str()), "{name} names a registry, {host:.6}…: ask its client for it");
        }
    }
}

#[test]
fn no_path_of_one_machine_is_named() {
    let checkout = workspace().to_str().expect("the checkout's path is text");
    let home = host().home().unwrap_or_default();
    let home = home.to_str().expect("the home's path is text");
    for (name, text) in files() {
        assert!(!text.contains(checkout), "{name} names the folder of this checkout");
        assert!(home.len() < 5 || !text.contains(&format!("{home}/")), "{name} names a home folder");
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    for (name, text) in files() {
        if Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
            assert!(text.lines().count() <= 800, "{name} has {} lines", text.lines().count());
        }
    }
}
