//! The system calls of a run, as `strace` wrote them down.

use std::path::Path;

/// The calls of a process and its children, in order.
#[derive(Debug)]
pub struct Trace(Vec<Call>);

/// One call.
#[derive(Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its arguments and result, as `strace` shows them, with escapes undone where they are one byte.
    pub text: String,
}

impl Trace {
    /// Reads a log of `strace -f -o FILE`.
    pub(crate) fn read(log: &Path) -> Self {
        let text = std::fs::read(log).expect("strace writes its log");
        let text = String::from_utf8_lossy(&text);
        Self(text.lines().filter_map(call).collect())
    }

    /// All calls.
    pub fn calls(&self) -> &[Call] {
        &self.0
    }

    /// The calls of a name.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Call> {
        self.0.iter().filter(move |call| call.name == name)
    }

    /// Whether anything was sent, or was about to be, beyond a socket of this machine's file system.
    pub fn network(&self) -> Vec<&Call> {
        self.0
            .iter()
            .filter(|call| match call.name.as_str() {
                "socket" => !call.text.contains("AF_UNIX") && !call.text.contains("AF_LOCAL"),
                "connect" | "sendto" | "sendmsg" => call.text.contains("AF_INET"),
                _ => false,
            })
            .collect()
    }
}

/// `PID name(arguments) = result`, also split in two lines around another process's call.
fn call(line: &str) -> Option<Call> {
    let line = line.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start();
    let line = line.strip_prefix("<... ").map_or_else(|| line.to_owned(), |rest| rest.replacen(" resumed>", "(", 1));
    let (name, text) = line.split_once('(')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| Call { name: name.into(), text: text.into() })
}
