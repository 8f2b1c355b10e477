//! A company's proxy: whatever a program asks for by name, it leads to one server of the test, and remembers who was asked for.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// An HTTP proxy that opens tunnels (`CONNECT`) and does nothing else; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// `http://127.0.0.1:{port}`
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Every tunnel through it ends at this port of this computer.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let this = Self { address, asked: Arc::default() };
        let asked = Arc::clone(&this.asked);
        tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                let asked = Arc::clone(&asked);
                // A visitor that hangs up is none of a proxy's business.
                tokio::spawn(async move { tunnel(visitor, port, &asked).await.ok() });
            }
        });
        this
    }

    /// Host and port of every tunnel that was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn tunnel(mut visitor: TcpStream, port: u16, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the tunnel's.
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        head.push(visitor.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let Some(name) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        return visitor.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    visitor.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut visitor, &mut server).await.map(drop)
}
