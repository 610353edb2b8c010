//! A private D-Bus session: with a real Secret Service, with a locked one, or one that never answers.

use std::{
    io::Read as _,
    os::unix::net::UnixListener,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{Running, Sandbox, programs::find};

/// How long the keyring daemon may take to come up.
const READY: Duration = Duration::from_secs(20);

/// A session bus of one sandbox, whose programs find it from now on. Dropped, its processes end.
#[derive(Debug)]
#[must_use = "the bus ends when dropped"]
pub struct SessionBus {
    address: String,
    // In the order they end.
    processes: Vec<Running>,
}

impl SessionBus {
    /// A bus with an unlocked gnome-keyring, if both are installed.
    pub fn with_keyring(sandbox: &Sandbox) -> Option<Self> {
        let mut bus = Self::alone(sandbox)?;
        let daemon = sandbox.program(&find("gnome-keyring-daemon")?);
        let daemon = daemon.args(["--unlock", "--components=secrets", "--foreground"]).stdin("a password");
        bus.processes.insert(0, daemon.limit(Duration::from_mins(10)).start());
        Self::wait_for_secrets(sandbox)?;
        Some(bus)
    }

    /// A bus with a gnome-keyring whose collection nobody has unlocked, and nobody to ask.
    pub fn with_locked_keyring(sandbox: &Sandbox) -> Option<Self> {
        let mut bus = Self::alone(sandbox)?;
        let daemon = sandbox.program(&find("gnome-keyring-daemon")?);
        let daemon = daemon.args(["--components=secrets", "--foreground"]);
        bus.processes.insert(0, daemon.limit(Duration::from_mins(10)).start());
        Self::wait_for_secrets(sandbox)?;
        Some(bus)
    }

    /// A bus that takes connections and never says a word.
    pub fn black_hole(sandbox: &Sandbox) -> Self {
        let path = sandbox.path("run/black-hole");
        let listener = UnixListener::bind(&path).expect("the sandbox takes sockets");
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Reads to the end and answers nothing: neither full buffers nor a closed socket help the caller.
                thread::spawn(move || stream.read_to_end(&mut Vec::new()));
            }
        });
        let address = format!("unix:path={}", path.display());
        sandbox.set("DBUS_SESSION_BUS_ADDRESS", &address);
        Self { address, processes: Vec::new() }
    }

    /// The bus's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn alone(sandbox: &Sandbox) -> Option<Self> {
        let daemon = sandbox.program(&find("dbus-daemon")?).args(["--session", "--nofork", "--print-address=1"]);
        let mut running = daemon.limit(Duration::from_mins(10)).start_interactive();
        let address = running.line().expect("the bus says its address");
        sandbox.set("DBUS_SESSION_BUS_ADDRESS", &address);
        Some(Self { address, processes: vec![running] })
    }

    /// Asks the bus, not the service: a call to the service would start a second, locked daemon by activation.
    fn wait_for_secrets(sandbox: &Sandbox) -> Option<()> {
        let send = find("dbus-send")?;
        let begun = Instant::now();
        loop {
            let question = sandbox
                .program(&send)
                .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
                .args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"])
                .run();
            if question.stdout().contains("true") {
                return Some(());
            }
            assert!(begun.elapsed() < READY, "no Secret Service after {READY:?}: {}", question.show());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        for process in &self.processes {
            process.signal(Signal::TERM);
        }
    }
}
