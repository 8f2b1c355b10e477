//! A line that can break: it stands before a server and passes everything on, until it is told which question must not get through.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A relay before one server; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Relay {
    /// `http://127.0.0.1:{port}`
    pub address: String,
    broken: Arc<Mutex<Option<(String, Breaks)>>>,
    held: Arc<Notify>,
    mended: Arc<Notify>,
    heard: Arc<AtomicUsize>,
    pace: Arc<AtomicU32>,
}

/// Where a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Before,
    Behind,
    Held,
}

impl Relay {
    /// Before the server at `http://host:port`.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let this = Self {
            address,
            broken: Arc::default(),
            held: Arc::default(),
            mended: Arc::default(),
            heard: Arc::default(),
            pace: Arc::default(),
        };
        let (relay, server) = (this.clone(), server.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                let (relay, server) = (relay.clone(), server.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        relay.pass_on(visitor, server).await;
                    }
                });
            }
        });
        this
    }

    /// From now on every line breaks on which these bytes are sent, before the server sees them.
    pub fn breaks_at(&self, text: &str) {
        *self.broken() = Some((text.to_owned(), Breaks::Before));
    }

    /// From now on the server hears everything, but every line breaks on which it answers to these bytes.
    pub fn loses_answers_to(&self, text: &str) {
        *self.broken() = Some((text.to_owned(), Breaks::Behind));
    }

    /// From now on these bytes wait here until everything gets through again.
    pub fn holds(&self, text: &str) {
        *self.broken() = Some((text.to_owned(), Breaks::Held));
    }

    /// From now on a line carries so many bytes a second to the server; with 0 as many as there are.
    pub fn slows(&self, pace: u32) {
        self.pace.store(pace, Ordering::Relaxed);
    }

    /// Until such bytes wait here.
    pub async fn has_held(&self) {
        self.held.notified().await;
    }

    /// Everything gets through again.
    pub fn mends(&self) {
        *self.broken() = None;
        self.mended.notify_waiters();
    }

    /// In how many pieces something was asked of the server so far.
    #[must_use]
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    fn broken(&self) -> std::sync::MutexGuard<'_, Option<(String, Breaks)>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass_on(&self, visitor: TcpStream, server: TcpStream) {
        let ((mut from_visitor, mut to_visitor), (mut from_server, mut to_server)) = (visitor.into_split(), server.into_split());
        let lost = AtomicBool::new(false);
        let questions = async {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from_visitor.read(&mut piece).await {
                self.heard.fetch_add(1, Ordering::Relaxed);
                let breaks = self
                    .broken()
                    .clone()
                    .filter(|(text, _)| piece[..read].windows(text.len()).any(|window| window == text.as_bytes()));
                match breaks {
                    Some((_, Breaks::Before)) => return,
                    Some((_, Breaks::Behind)) => lost.store(true, Ordering::Relaxed),
                    Some((_, Breaks::Held)) => {
                        let mended = self.mended.notified();
                        self.held.notify_one();
                        if self.broken().is_some() {
                            mended.await;
                        }
                    }
                    None => {}
                }
                let pace = self.pace.load(Ordering::Relaxed);
                if pace > 0 {
                    let pieces = u32::try_from(read).unwrap_or(u32::MAX);
                    tokio::time::sleep(Duration::from_secs_f64(f64::from(pieces) / f64::from(pace))).await;
                }
                if to_server.write_all(&piece[..read]).await.is_err() {
                    return;
                }
            }
        };
        let answers = async {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from_server.read(&mut piece).await {
                if lost.load(Ordering::Relaxed) || to_visitor.write_all(&piece[..read]).await.is_err() {
                    return;
                }
            }
        };
        // Whichever ends first takes the other along.
        tokio::select! {
            () = questions => {}
            () = answers => {}
        }
    }
}
