//! A web site on this computer that shows pictures, as a page has them: plain HTTP, one answer a connection.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Pages = Arc<Mutex<HashMap<String, (&'static str, String, Vec<u8>)>>>;

/// The site; what was asked of it is remembered.
#[derive(Debug)]
pub struct Site {
    port: u16,
    pages: Pages,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Starts on a free port. Its thread ends with the test's process.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (pages, asked) = (Pages::default(), Arc::<Mutex<Vec<String>>>::default());
        let (all, log) = (Arc::clone(&pages), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, log) = (Arc::clone(&all), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &all, &log));
            }
        });
        Self { port, pages, asked }
    }

    /// Shows something at a path; its address.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn show(&self, path: &str, content_type: &str, bytes: &[u8]) -> String {
        self.say(path, ("200 OK", content_type.to_owned(), bytes.to_vec()))
    }

    /// Refuses what is asked at a path, whoever asks, in these words; its address.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn refuse(&self, path: &str, content_type: &str, bytes: &[u8]) -> String {
        self.say(path, ("403 Forbidden", content_type.to_owned(), bytes.to_vec()))
    }

    fn say(&self, path: &str, page: (&'static str, String, Vec<u8>)) -> String {
        self.pages.lock().expect("nobody panics with it").insert(path.to_owned(), page);
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The paths that were asked for, in order.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

fn answer(mut stream: TcpStream, pages: &Pages, asked: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok();
    let mut request = [0; 8192];
    let read = stream.read(&mut request).unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    asked.lock().expect("nobody panics with it").push(path.clone());
    let page = pages.lock().expect("nobody panics with it").get(&path).cloned();
    let (status, content_type, bytes) = page.unwrap_or_else(|| ("404 Not Found", "text/plain".to_owned(), Vec::new()));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes)).ok();
}
