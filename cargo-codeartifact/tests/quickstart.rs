//! The quickstart as a whole: it tells the story, and nothing is left of it, however it ends.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise, in its shared functions too")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-codeartifact");

/// A quickstart in a folder for temporary files of its own, in the real surroundings.
struct Story {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    told: Vec<String>,
}

impl Story {
    fn begin(top: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("quickstart").args(arguments).env("TMPDIR", top).current_dir(top);
        // What a person may have set, and what must not matter.
        command
            .env("AWS_PROFILE", "nobody")
            .env("CARGO_TARGET_DIR", "/nowhere")
            .env("https_proxy", "http://127.0.0.1:9");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, told: Vec::new() }
    }

    /// Reads on until a line that begins so, or to the end.
    fn until(&mut self, start: &str) -> bool {
        loop {
            let mut line = String::new();
            if self.out.read_line(&mut line).unwrap() == 0 {
                return false;
            }
            self.told.push(line.trim_end().to_owned());
            if line.starts_with(start) {
                return true;
            }
        }
    }

    fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        self.until("\0");
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), self.told, err)
    }
}

/// Processes whose environment names the folder.
fn processes(top: &Path) -> Vec<String> {
    let top = top.to_str().unwrap().as_bytes();
    let ours = |folder: &Path| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        let started_by_us = environment.windows(top.len()).any(|part| part == top);
        started_by_us.then(|| fs::read_to_string(folder.join("cmdline")).unwrap_or_default())
    };
    fs::read_dir("/proc").unwrap().filter_map(|entry| ours(&entry.ok()?.path())).collect()
}

/// Fails where anything is left of a story that used the folder and the service's address.
#[track_caller]
fn nothing_is_left(top: &Path, told: &[String]) {
    let left: Vec<_> = fs::read_dir(top).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    let started = Instant::now();
    while !processes(top).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", processes(top));
        std::thread::sleep(Duration::from_millis(10));
    }
    let start = "export AWS_ENDPOINT_URL_CODEARTIFACT=http://";
    if let Some(address) = told.iter().find_map(|line| line.strip_prefix(start)) {
        let keys = fs::read_to_string("/proc/keys").unwrap_or_default();
        assert!(!keys.contains(address), "{keys}");
    }
}

#[test]
fn it_tells_the_story_and_leaves_nothing() {
    let top = tempfile::tempdir().unwrap();
    let (code, told, err) = Story::begin(top.path(), &[]).end();
    assert_eq!(code, Some(0), "{told:#?}\n{err}");
    let steps = ["start", "configure", "publish", "promote", "install"];
    let seen: Vec<_> = told.iter().filter_map(|line| line.split_once(": ")).map(|(step, _)| step).collect();
    let seen: Vec<_> = seen.into_iter().filter(|step| steps.contains(step)).collect();
    assert_eq!(seen, steps);
    let commands: Vec<_> = told.iter().filter_map(|line| line.strip_prefix("$ ")).collect();
    for start in [
        "cargo codeartifact local --listen 127.0.0.1:",
        "cargo codeartifact configure cargo --repository my-shared-repo",
        "cargo codeartifact publish workspace --repository my-team-repo",
        "cargo codeartifact promote cargo:my-words@1.0.0 cargo:my-greeting@1.0.0 --from my-team-repo --to my-shared",
        "cargo run ",
    ] {
        assert!(commands.iter().any(|command| command.starts_with(start)), "{start}: {commands:#?}");
    }
    assert!(told.iter().any(|line| line.trim() == "Hello from my-shared-repo, version 1.0.0!"), "{told:#?}");
    nothing_is_left(top.path(), &told);
}

#[test]
fn interrupted_anywhere_it_leaves_nothing() {
    for (signal, at) in [
        (Signal::INT, "everything"),
        (Signal::INT, "$ cargo codeartifact local"),
        (Signal::TERM, "configure:"),
        (Signal::INT, "$ cargo codeartifact publish"),
        (Signal::TERM, "$ cargo codeartifact promote"),
        (Signal::HUP, "$ cargo run"),
        (Signal::INT, "   Downloading"),
    ] {
        let top = tempfile::tempdir().unwrap();
        let mut story = Story::begin(top.path(), &[]);
        let there = story.until(at);
        kill_process(Pid::from_child(&story.child), signal).unwrap();
        let (code, told, err) = story.end();
        assert!(there, "{at}: {told:#?}\n{err}");
        assert_ne!(code, Some(0), "{at}: {told:#?}\n{err}");
        nothing_is_left(top.path(), &told);
    }
}

#[test]
fn kept_it_goes_on_where_it_stopped_and_holds_no_token() {
    let top = tempfile::tempdir().unwrap();
    let (code, told, err) = Story::begin(top.path(), &["--keep"]).end();
    assert_eq!(code, Some(0), "{told:#?}\n{err}");
    let started = Instant::now();
    while !processes(top.path()).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", processes(top.path()));
        std::thread::sleep(Duration::from_millis(10));
    }
    let folder = fs::read_dir(top.path()).unwrap().next().unwrap().unwrap().path();
    for file in files(&folder) {
        let bytes = fs::read(&file).unwrap();
        assert!(!holds_token(&bytes), "{}", file.display());
    }

    // The lines after the story, as somebody would paste them.
    let at = told.iter().position(|line| line.starts_with("the folder stays")).unwrap();
    let exports: Vec<_> = told[at..].iter().filter(|line| line.starts_with("export ")).cloned().collect();
    let local = told[at..].iter().find(|line| line.trim().starts_with("cargo codeartifact local")).unwrap().trim();
    assert!(local.contains("--data data"), "{local}");
    let script = format!(
        "cd {}\n{}\n# Nothing is left of this, either.\nexport CODEARTIFACT_STORE=none\n\
         ({local} & echo $!) > ready\nuntil grep -q listening ready; do sleep 0.1; done\n\
         cargo run --manifest-path consumer/Cargo.toml\n\
         cargo codeartifact publish workspace --repository my-team-repo --domain my-org\n\
         status=$?\nkill $(head -n 1 ready)\nexit $status\n",
        folder.display(),
        exports.join("\n")
    );
    let output = Command::new("timeout").args(["60", "sh", "-c", &script]).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("Hello from my-shared-repo") && out.contains("already published"), "{out}");
    fs::remove_dir_all(folder).unwrap();
    nothing_is_left(top.path(), &told);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// Whether there is anything of the outline of a token: `eyJ` and a long run of its alphabet.
fn holds_token(bytes: &[u8]) -> bool {
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-~".contains(byte);
    let starts = bytes.windows(3).enumerate().filter(|(_, three)| *three == b"eyJ");
    starts.into_iter().any(|(at, _)| bytes[at..].iter().take_while(|byte| alphabet(byte)).count() >= 200)
}
