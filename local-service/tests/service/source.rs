//! A public source on loopback: files, and what was asked of them.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

/// A source that serves what it is given; stops with the value.
pub(crate) struct Source {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, File>>,
    asked: Mutex<Vec<String>>,
    /// The header lines of all requests.
    heard: Mutex<Vec<String>>,
    stopped: Mutex<bool>,
}

#[derive(Clone)]
struct File {
    status: u16,
    content_type: String,
    bytes: Vec<u8>,
    /// Before the body is sent.
    pause: Duration,
    /// Without saying how long it is.
    unmeasured: bool,
}

impl Source {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *serving.stopped.lock().unwrap() {
                    return;
                }
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || drop(stream.and_then(|stream| serve(&serving, stream))));
            }
        });
        Self { address, shared }
    }

    /// Its address, for the service's options.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    fn set(&self, path: &str, file: File) {
        self.shared.files.lock().unwrap().insert(path.to_owned(), file);
    }

    /// Puts a file; the path begins with a slash.
    pub(crate) fn put(&self, path: &str, content_type: &str, bytes: impl Into<Vec<u8>>) {
        self.set(
            path,
            File {
                status: 200,
                content_type: content_type.to_owned(),
                bytes: bytes.into(),
                pause: Duration::ZERO,
                unmeasured: false,
            },
        );
    }

    /// A file that takes its time.
    pub(crate) fn put_slow(&self, path: &str, bytes: impl Into<Vec<u8>>, pause: Duration) {
        let content_type = "application/octet-stream".to_owned();
        self.set(path, File { status: 200, content_type, bytes: bytes.into(), pause, unmeasured: false });
    }

    /// A file of a length that nobody says.
    pub(crate) fn put_unmeasured(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let content_type = "application/octet-stream".to_owned();
        let pause = Duration::ZERO;
        self.set(path, File { status: 200, content_type, bytes: bytes.into(), pause, unmeasured: true });
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }

    /// How often a header line came, in small letters.
    pub(crate) fn heard(&self, line: &str) -> usize {
        self.shared.heard.lock().unwrap().iter().filter(|heard| *heard == line).count()
    }

    /// Serves nobody any more.
    pub(crate) fn stop(&self) {
        let mut stopped = self.shared.stopped.lock().unwrap();
        if !*stopped {
            *stopped = true;
            drop(stopped);
            // Wakes the thread that accepts.
            drop(TcpStream::connect(self.address));
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        shared.heard.lock().unwrap().push(line.trim_end().to_lowercase());
    }
    if *shared.stopped.lock().unwrap() {
        return Ok(());
    }
    shared.asked.lock().unwrap().push(path.clone());
    let file = shared.files.lock().unwrap().get(&path).cloned();
    let stream = reader.get_mut();
    let Some(file) = file else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let length = if file.unmeasured { String::new() } else { format!("Content-Length: {}\r\n", file.bytes.len()) };
    let head = format!(
        "HTTP/1.1 {} Status\r\nContent-Type: {}\r\n{length}Connection: close\r\n\r\n",
        file.status, file.content_type
    );
    stream.write_all(head.as_bytes())?;
    std::thread::sleep(file.pause);
    stream.write_all(&file.bytes)
}
