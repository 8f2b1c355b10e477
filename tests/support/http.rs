//! Opening links as a browser would: no credentials, no proxy, no help.

use std::path::Path;

use reqwest::{Certificate, Client};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, empty where there is none.
    pub content_type: String,
    /// The body.
    pub bytes: Vec<u8>,
}

/// Opens a link.
///
/// # Panics
/// When nobody answers there.
pub async fn get(url: &str) -> Answer {
    // Fails where another test of this process installed it already.
    rustls::crypto::ring::default_provider().install_default().ok();
    open(&Client::builder().no_proxy().build().expect("a plain client"), url).await
}

/// Opens a link as somebody in a company does: through its proxy, trusting its authority (a PEM file) and no other.
///
/// # Panics
/// When nobody answers there, or the file is none.
pub async fn get_through(proxy: &str, authority: &Path, url: &str) -> Answer {
    rustls::crypto::ring::default_provider().install_default().ok();
    let authority = Certificate::from_pem(&std::fs::read(authority).expect("a file")).expect("a certificate");
    let client = Client::builder()
        .proxy(reqwest::Proxy::all(proxy).expect("a proxy"))
        .tls_certs_only([authority])
        .build()
        .expect("a plain client");
    open(&client, url).await
}

async fn open(client: &Client, url: &str) -> Answer {
    let answer = client.get(url).send().await.unwrap_or_else(|why| panic!("{url} does not open: {why}"));
    let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Answer { status: answer.status().as_u16(), content_type, bytes: answer.bytes().await.expect("the body comes whole").to_vec() }
}

/// Opens a link that must give back these very bytes.
///
/// # Panics
/// When it does not.
pub async fn gives_back(url: &str, bytes: &[u8], content_type: &str) {
    let answer = get(url).await;
    assert_eq!(answer.status, 200, "{url}: {}", String::from_utf8_lossy(&answer.bytes));
    assert!(
        answer.bytes == bytes,
        "{url} gives back {} bytes that are not the {} that were given",
        answer.bytes.len(),
        bytes.len()
    );
    assert_eq!(answer.content_type, content_type, "{url}");
}
