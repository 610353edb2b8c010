//! A public source on loopback: a folder's files over HTTP, and what was asked of it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Serves the files of a folder. Dropped, it is gone.
#[derive(Debug)]
pub struct Source {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    asked: Mutex<Vec<String>>,
    credentials: AtomicUsize,
    stopped: AtomicBool,
}

impl Source {
    /// Serves `folder` at a port of its own.
    pub fn serve(folder: impl Into<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener knows its address");
        let shared = Arc::new(Shared {
            folder: folder.into(),
            asked: Mutex::default(),
            credentials: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                thread::spawn(move || drop(answer(&serving, stream)));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().expect("no holder panics").iter().filter(|asked| *asked == path).count()
    }

    /// How many requests brought credentials, whatever they were.
    pub fn credentials(&self) -> usize {
        self.shared.credentials.load(Ordering::SeqCst)
    }

    /// Goes away: nobody listens there any more.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            // Wakes the thread that accepts, which closes the port.
            drop(TcpStream::connect(self.address));
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if line.to_ascii_lowercase().starts_with("authorization:") {
            shared.credentials.fetch_add(1, Ordering::SeqCst);
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.asked.lock().expect("no holder panics").push(path.clone());
    let relative = Path::new(path.trim_start_matches('/'));
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let file = shared.folder.join(relative);
    // A folder is what its page says.
    let file = if path.ends_with('/') { file.join("index.html") } else { file };
    let (status, content) = match fs::read(file).ok().filter(|_| plain) {
        Some(content) => ("200 OK", content),
        None => ("404 Not Found", Vec::new()),
    };
    let length = content.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(&[head.as_bytes(), &content].concat())
}
