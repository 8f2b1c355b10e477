//! From capture to link in an engine that is already running, beside a bare keep-alive PUT and a resident picgo, in turn.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use imagepic_core::capture::{Capture, Content, Source};
use imagepic_core::destination::{Destination, Images, Kind, LinkPolicy, Names, S3Address};
use imagepic_core::engine::{Draft, Engine, Role, Submit};
use imagepic_core::event::Stage;
use imagepic_core::home::Home;
use imagepic_core::outside::Outside;
use tokio::net::TcpStream;

use crate::Outcome;

/// Where the uploads go, and where the engine keeps its state.
pub(crate) struct Place<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) bucket_dir: &'a Path,
    pub(crate) bucket: &'a str,
    pub(crate) home: &'a Path,
}

/// Rounds that only warm connections and caches.
const WARM: usize = 5;

/// Uploads every file through all three, one after the other, and prints the medians.
pub(crate) async fn compare(place: &Place<'_>, picgo: u16, files: &[PathBuf]) -> Outcome {
    let engine = engine(place).await?;
    let client = crate::client(place.endpoint, place.bucket_dir)?;
    let mut bare = Bare::connect(place.endpoint).await?;
    let resident = reqwest_client()?;

    let (mut ours, mut floor, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut bare_cpu) = (0.0, 0.0);
    for (round, file) in files.iter().enumerate() {
        let bytes = Bytes::from(std::fs::read(file)?);
        let address = crate::put_address(&client, place.bucket, &format!("bare/{}/{round}.png", bytes.len()))?;
        let before = processor_time()?;
        let start = Instant::now();
        bare.put(&address, bytes.clone()).await?;
        let bare_took = milliseconds(start);
        let bare_spent = processor_time()? - before;

        // Its own bytes, so that nothing is known of them yet.
        let before = processor_time()?;
        let start = Instant::now();
        upload(&engine, bytes).await?;
        let ours_took = milliseconds(start);
        let spent = processor_time()? - before;

        let start = Instant::now();
        let answer = resident
            .post(format!("http://127.0.0.1:{picgo}/upload"))
            .header("content-type", "application/json")
            .body(serde_json::json!({ "list": [file] }).to_string())
            .send()
            .await?
            .text()
            .await?;
        let picgo_took = milliseconds(start);
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        if answer["success"] != true {
            return Err(format!("picgo did not upload: {answer}").into());
        }
        if round >= WARM {
            floor.push(bare_took);
            ours.push(ours_took);
            theirs.push(picgo_took);
            cpu += spent;
            bare_cpu += bare_spent;
        }
    }
    let rounds = ours.len();
    let over: Vec<f64> = ours.iter().zip(&floor).map(|(ours, floor)| ours - floor).collect();
    let of_bare: Vec<f64> = ours.iter().zip(&floor).map(|(ours, floor)| ours / floor).collect();
    let of_picgo: Vec<f64> = theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect();
    println!(
        "{}",
        serde_json::json!({
            "engine_ms": median(ours), "bare_ms": median(floor), "picgo_ms": median(theirs),
            "over_bare_ms": median(over), "bare_ratio": median(of_bare), "picgo_ratio": median(of_picgo),
            "engine_cpu_ms": cpu / rounds as f64 * 1000.0, "bare_cpu_ms": bare_cpu / rounds as f64 * 1000.0,
        })
    );
    engine.close().await;
    Ok(())
}

/// Uploads every file through the engine and prints nothing.
pub(crate) async fn alone(place: &Place<'_>, files: &[PathBuf]) -> Outcome {
    let engine = engine(place).await?;
    for file in files {
        upload(&engine, Bytes::from(std::fs::read(file)?)).await?;
    }
    engine.close().await;
    Ok(())
}

async fn engine(place: &Place<'_>) -> Outcome<Engine> {
    let home = Home::at(place.home);
    let engine = Engine::open(home.clone(), Outside::without_desktop(&home), Role::Desktop).await?;
    if engine.destinations().resolve("bench").is_err() {
        let keys = imagepic_bucket::keys::load_or_create(place.bucket_dir)?;
        let destination = Destination {
            id: String::new(),
            name: "bench".to_owned(),
            kind: Kind::S3(S3Address {
                endpoint: place.endpoint.to_owned(),
                region: "us-east-1".to_owned(),
                access_key: keys.access_key,
                path_style: true,
                ca_file: None,
            }),
            bucket: place.bucket.to_owned(),
            folder: "engine".to_owned(),
            link: LinkPolicy::default(),
            names: Names::default(),
            images: Images::default(),
            max_bytes: None,
            any_file: false,
        };
        engine.destinations().save(Draft { destination, secret: Some(keys.secret_key) }).await?;
    }
    Ok(engine)
}

/// One capture as the clipboard makes it, until its link is there.
async fn upload(engine: &Engine, bytes: Bytes) -> Outcome {
    let capture = Capture { content: Content::Bytes { bytes, name: None }, source: Source::Clipboard, at: SystemTime::now() };
    let how = Submit { destination: Some("bench".to_owned()), ..Submit::default() };
    let batch = engine.uploads().submit(vec![capture], how).await?;
    let settled = engine.uploads().settled(batch.id).await?;
    match settled.uploads.first() {
        Some(upload) if upload.stage == Stage::Done && !upload.reused && !settled.text.is_empty() => Ok(()),
        other => Err(format!("the engine did not upload: {other:?}").into()),
    }
}

/// One open connection, one body in memory, one address made beforehand: the least an upload can take.
struct Bare {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
}

impl Bare {
    async fn connect(endpoint: &str) -> Outcome<Self> {
        let host = endpoint.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, host })
    }

    async fn put(&mut self, address: &str, body: Bytes) -> Outcome {
        let url = url::Url::parse(address)?;
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let request =
            Request::put(target).header("host", &self.host).header("content-type", "image/png").body(Full::new(body))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("the bare PUT was refused: {status} {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(())
    }
}

fn reqwest_client() -> Outcome<reqwest::Client> {
    rustls::crypto::ring::default_provider().install_default().ok();
    Ok(reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Processor time of this process so far, in seconds (`/proc/self/schedstat` counts nanoseconds, but of one thread; so all of them).
fn processor_time() -> Outcome<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task")?.flatten() {
        // A thread may end between the listing and the reading.
        if let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) {
            nanoseconds += text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
        }
    }
    Ok(nanoseconds / 1e9)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
