//! A server of a few lines on loopback.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
};

/// A server of scripted answers, the last one for ever, that keeps the requests' heads.
pub(crate) struct Stub {
    pub(crate) address: String,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// Hangs up where the test ends.
    pub(crate) _alive: mpsc::Sender<()>,
}

impl Stub {
    pub(crate) fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (alive, is_alive) = mpsc::channel();
        let is_alive = Arc::new(Mutex::new(is_alive));
        let kept = requests.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let answer = answers[number.min(answers.len() - 1)].clone();
                let (kept, is_alive) = (kept.clone(), is_alive.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &answer, &kept, &is_alive));
            }
        });
        Self { address, requests, _alive: alive }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: &str, kept: &Mutex<Vec<String>>, is_alive: &Mutex<mpsc::Receiver<()>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let body = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut content = vec![0; body.unwrap_or(0)];
    stream.read_exact(&mut content).unwrap();
    kept.lock().unwrap().push(head + &String::from_utf8_lossy(&content));
    let (text, ending) = answer.split_once('\u{0}').unwrap_or((answer, ""));
    let _ = stream.write_all(text.as_bytes());
    if ending == "stall" {
        let _ = is_alive.lock().unwrap().recv();
    }
}

/// An answer of HTTP; `headers` end in a line end each.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}
