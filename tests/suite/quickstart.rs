//! The first command a newcomer types, in an empty home and without a network.

use std::{fs, path::Path, time::Duration};

use tests::{Outcome, Program, Sandbox, programs::find};

/// Marks every process of the run, whatever becomes of its parent.
const MARK: &str = "QUICKSTART_JOURNEY_MARK";

/// What the run itself may take. Its builds are those of the real cargo.
const LIMIT: Duration = Duration::from_secs(20);

/// The files and folders below `folder`, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.push(entry.path().display().to_string());
        if entry.path().is_dir() && !entry.path().is_symlink() {
            found.extend(listing(&entry.path()));
        }
    }
    found.sort();
    found
}

/// The processes that carry the mark with this value.
fn marked(value: &str) -> Vec<String> {
    let needle = format!("{MARK}={value}");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| {
            // Processes end while they are looked at.
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == needle.as_bytes())
        })
        .map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default().replace('\0', " "))
        .collect()
}

/// The command without a network but loopback, where the system allows that.
fn without_network(sandbox: &Sandbox, args: &[&str]) -> Program {
    let quickstart = sandbox.codeartifact(args);
    let (Some(unshare), Some(ip), true) = (find("unshare"), find("ip"), sandbox.keyrings().are_private()) else {
        println!("note: the network stays on");
        return quickstart;
    };
    let up = format!("{} link set lo up && exec \"$@\"", ip.display());
    let alone = |program: Program| program.args(["--net", "--", "/bin/sh", "-c", &up, "sh"]);
    if alone(sandbox.program(&unshare)).arg("true").run().code() != Some(0) {
        println!("note: the network stays on");
        return quickstart;
    }
    alone(sandbox.program(&unshare)).arg(tests::programs::ours().join("cargo-codeartifact")).args(args)
}

/// A newcomer's machine: no credentials, no settings.
fn newcomer(sandbox: &Sandbox, args: &[&str]) -> Program {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "CARGO_HOME"]
        .into_iter()
        .fold(without_network(sandbox, args), Program::without_var)
        .var(MARK, sandbox.path("").as_os_str())
        .limit(Duration::from_mins(5))
}

/// The steps stand in order, each command on its own line.
fn steps(outcome: &Outcome) {
    let text = format!("{}{}", outcome.stdout(), outcome.stderr()).to_lowercase();
    let mut at = 0;
    for step in ["start", "configure", "publish", "promote", "install"] {
        let found = text[at..].find(step).unwrap_or_else(|| panic!("no step `{step}`: {}", outcome.show()));
        at += found;
    }
    let commands: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).collect();
    for wanted in ["codeartifact local", "configure cargo", "codeartifact publish", "codeartifact promote"] {
        assert!(commands.iter().any(|command| command.contains(wanted)), "no `{wanted}`: {}", outcome.show());
    }
    for command in &commands {
        let program = command.split(' ').next().unwrap_or_default();
        assert!(!program.contains('='), "a command begins with its program: {command}");
    }
    assert!(text.contains("my-team-repo") && text.contains("my-shared-repo"), "{}", outcome.show());
}

#[test]
fn it_shows_everything_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let before = listing(&sandbox.path(""));
    let outcome = newcomer(&sandbox, &["quickstart"]).run().success();
    println!("quickstart took {:?}", outcome.took());
    steps(&outcome);
    assert_eq!(listing(&sandbox.path("")), before, "no file is left anywhere");
    let mark = sandbox.path("").display().to_string();
    assert_eq!(marked(&mark), Vec::<String>::new(), "no process is left");
    assert_eq!(keyring_entries(&sandbox), "", "no keyring entry is left");
    assert!(outcome.took() <= LIMIT, "it took {:?}", outcome.took());
}

#[test]
fn it_can_leave_its_folder_to_go_on_with() {
    let sandbox = Sandbox::new();
    let outcome = newcomer(&sandbox, &["quickstart", "--keep"]).run().success();
    let mark = sandbox.path("").display().to_string();
    assert_eq!(marked(&mark), Vec::<String>::new(), "no process is left");
    let said = format!("{}{}", outcome.stdout(), outcome.stderr());
    let folder = said
        .split(|character: char| character.is_whitespace() || "'\"`".contains(character))
        .find_map(|word| {
            let path = Path::new(word);
            (path.starts_with(sandbox.path("")) && path.is_dir()).then(|| path.to_path_buf())
        })
        .unwrap_or_else(|| panic!("the folder is named: {}", outcome.show()));
    assert!(!listing(&folder).is_empty());
    assert!(said.contains("local") && said.contains("--data"), "how to go on: {}", outcome.show());
    assert!(said.contains("export AWS_ENDPOINT_URL_CODEARTIFACT="), "the exports: {}", outcome.show());
    // The sandbox's own sweep finds no token in what was left; tokens of the service begin like this.
    for file in listing(&folder) {
        let bytes = fs::read(&file).unwrap_or_default();
        let found = bytes.windows(6).position(|window| window == b"eyJ2ZX");
        assert_eq!(found, None, "a token is in {file}");
    }
    assert_eq!(keyring_entries(&sandbox), "", "no keyring entry is left");
}

#[test]
fn cargo_finds_it_as_a_command_of_its_own() {
    let sandbox = Sandbox::new();
    let path = format!("{}:{}", tests::programs::ours().display(), sandbox.vars()["PATH"]);
    let version = sandbox.cargo(&["codeartifact", "--version"]).var("PATH", &path).run().success();
    assert!(version.stdout().starts_with("cargo-codeartifact "), "{}", version.show());
    sandbox.cargo(&["codeartifact", "nonsense"]).var("PATH", &path).run().exit(2).says("nonsense");
}

/// What the sandbox's keyrings hold of ours.
fn keyring_entries(sandbox: &Sandbox) -> String {
    let Some(keyctl) = find("keyctl").filter(|_| sandbox.keyrings().are_private()) else {
        println!("note: the keyrings are not looked at");
        return String::new();
    };
    let script = "keyctl show @s; keyctl show \"$(keyctl get_persistent @s)\"; keyctl show @u";
    let shown = sandbox.program(Path::new("/bin/sh")).args(["-c", &script.replace("keyctl", &keyctl.display().to_string())]);
    let text = shown.run().stdout();
    text.lines().filter(|line| line.contains("user:") || line.contains("codeartifact")).collect()
}
