//! Other programs, asked for a little text within a limit.

use std::{
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use codeartifact::Host;

/// No answer is longer, in bytes.
const LONGEST: u64 = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// What a program prints, where it ends well in time. It is given no input, and neither a project's folder nor a terminal.
pub(super) fn ask(program: &Path, args: &[&str], folder: &Path, host: &Host, limit: Duration) -> Option<String> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(host.vars())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is what there is.
        let _ = stdout.take(LONGEST).read_to_end(&mut bytes);
        bytes
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if begun.elapsed() < limit => std::thread::sleep(PAUSE),
            None => {
                // It ended just now, or it ends now.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    // A grandchild may hold the pipe: not waited for beyond the limit.
    while !reader.is_finished() {
        if begun.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
    let bytes = reader.join().ok()?;
    status.success().then(|| String::from_utf8_lossy(&bytes).into_owned())
}
