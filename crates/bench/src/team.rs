//! Load for a team server, ours or another of the same routes: how many requests it answers, and what it does with slow uploads.
//!
//! One connection a client, kept open, bodies made beforehand: what is measured is the server. The token comes by the environment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::Outcome;

const BOUNDARY: &str = "imagepic-bench-7d1f0a52c9";
const PHONE: &str = "13800138000";
const PASSWORD: &str = "bench12345";
/// The variable the token comes in, so that no process list shows it.
const TOKEN: &str = "IMAGEPIC_BENCH_TOKEN";

/// Registers where nobody has, logs in, and prints the token and what the log-in took.
pub(crate) async fn log_in(host: &str) -> Outcome {
    let mut connection = connect(host).await?;
    let person = json!({ "name": "bench", "tfs": "b1", "email": "bench@example.com", "phone": PHONE, "upwd": PASSWORD });
    answer(&mut connection, json_request(host, "/imagepic/auth/register", &person)?).await.ok();
    let start = Instant::now();
    let session =
        answer(&mut connection, json_request(host, "/imagepic/auth/login", &json!({ "phone": PHONE, "upwd": PASSWORD }))?)
            .await?;
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    let token = session["data"]["token"].as_str().ok_or("the log-in gave no token")?;
    println!("{}", json!({ "token": token, "milliseconds": milliseconds }));
    Ok(())
}

/// `count` requests over `clients` connections; prints how many a second were answered well. One that was not ends it.
pub(crate) async fn load(what: &str, host: &str, bucket: &str, clients: usize, count: usize, bytes: usize) -> Outcome {
    let token = std::env::var(TOKEN)?;
    let picture = picture(bytes);
    let left = Arc::new(AtomicUsize::new(count));
    let ready = Arc::new(Barrier::new(clients + 1));
    let mut workers = Vec::new();
    for client in 0..clients {
        let (left, ready, host, bucket, token, picture) =
            (left.clone(), ready.clone(), host.to_owned(), bucket.to_owned(), token.clone(), picture.clone());
        let list = what == "list";
        workers.push(tokio::spawn(async move {
            let mut connection = connect(&host).await.map_err(|why| why.to_string())?;
            ready.wait().await;
            let mut slowest = Duration::ZERO;
            while let Ok(number) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                let request = if list {
                    Request::get("/imagepic/bucket/listBuckets")
                        .header(header::HOST, &host)
                        .header(header::AUTHORIZATION, &token)
                        .body(Full::new(Bytes::new()))
                } else {
                    put(&host, &bucket, &token, &format!("{client}-{number}.png"), &picture)
                };
                let start = Instant::now();
                answer(&mut connection, request.map_err(|why| why.to_string())?).await.map_err(|why| why.to_string())?;
                slowest = slowest.max(start.elapsed());
            }
            Ok::<Duration, String>(slowest)
        }));
    }
    ready.wait().await;
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for worker in workers {
        slowest = slowest.max(worker.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let rate = count as f64 / seconds;
    println!("{}", json!({ "rate": rate, "slowest_ms": slowest.as_secs_f64() * 1000.0 }));
    Ok(())
}

/// `count` uploads side by side that stop in the middle until all have come so far, then go on; prints how each ended.
pub(crate) async fn slow(host: &str, bucket: &str, count: usize, bytes: usize) -> Outcome {
    let token = std::env::var(TOKEN)?;
    let picture = picture(bytes);
    let halfway = Arc::new(Barrier::new(count));
    let mut uploads = Vec::new();
    for number in 0..count {
        let (host, halfway) = (host.to_owned(), halfway.clone());
        let body = multipart(&format!("slow-{number}.png"), &picture);
        let head = format!(
            "POST /imagepic/object/putObject HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\nbucket: {bucket}\r\nfolder: slow\r\n\
             content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        uploads.push(tokio::spawn(async move {
            let stream = TcpStream::connect(&host).await.map_err(|why| why.to_string())?;
            let (mut from, mut to) = stream.into_split();
            // A server that refuses early answers while we still send.
            let sent = tokio::spawn(async move {
                let (first, rest) = body.split_at(body.len() / 2);
                let begun = async {
                    to.write_all(head.as_bytes()).await?;
                    to.write_all(first).await
                };
                let begun = begun.await;
                halfway.wait().await;
                // What was taken in shall be held, not only buffered on its way.
                tokio::time::sleep(Duration::from_secs(2)).await;
                if begun.is_ok() {
                    to.write_all(rest).await.ok();
                }
                to
            });
            let mut answer = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(120), from.read_to_end(&mut answer)).await;
            sent.abort();
            read.map_err(|_| "no answer within 120 s".to_owned())?.map_err(|why| why.to_string())?;
            Ok::<String, String>(String::from_utf8_lossy(&answer).into_owned())
        }));
    }
    let (mut stored, mut busy, mut other) = (0, 0, Vec::new());
    for upload in uploads {
        match upload.await? {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.contains(r#""success":true"#) => stored += 1,
            Ok(answer) if answer.starts_with("HTTP/1.1 503") && answer.to_ascii_lowercase().contains("retry-after:") => busy += 1,
            Ok(answer) => other.push(answer.chars().take(300).collect()),
            Err(why) => other.push(why),
        }
    }
    let count = other.len();
    other.sort();
    other.dedup();
    other.truncate(5);
    println!("{}", json!({ "stored": stored, "busy": busy, "other": count, "such_as": other }));
    Ok(())
}

async fn connect(host: &str) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The envelope of a success; anything else is an error that shows it.
async fn answer(connection: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Outcome<Value> {
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let envelope: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() && envelope["success"] == true {
        return Ok(envelope);
    }
    Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
}

fn json_request(host: &str, path: &str, body: &Value) -> Outcome<Request<Full<Bytes>>> {
    let body = Full::new(Bytes::from(body.to_string()));
    Ok(Request::post(path).header(header::HOST, host).header(header::CONTENT_TYPE, "application/json").body(body)?)
}

fn put(host: &str, bucket: &str, token: &str, name: &str, picture: &[u8]) -> hyper::http::Result<Request<Full<Bytes>>> {
    Request::post("/imagepic/object/putObject")
        .header(header::HOST, host)
        .header(header::AUTHORIZATION, token)
        .header("bucket", bucket)
        .header("folder", "load")
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Full::new(Bytes::from(multipart(name, picture))))
}

fn multipart(name: &str, picture: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(picture);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// Begins as a PNG does, which is all that servers look at here.
fn picture(bytes: usize) -> Vec<u8> {
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x03\0\x08\x02\0\0\0".to_vec();
    picture.extend(std::iter::repeat_with(rand::random::<u8>).take(bytes.saturating_sub(picture.len())));
    picture
}
