//! How much a put costs over a bare keep-alive PUT of the same bytes to the same server: interleaved pairs, medians.
//!
//! `cargo run --release -p imagepic-s3 --example put -- ENDPOINT REGION ACCESS_KEY SECRET_KEY BUCKET [BYTES [PAIRS [FILE]]]`
//!
//! With FILE, the file is put once, and speed and peak memory are told.

#![expect(clippy::print_stdout, reason = "its answer")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use imagepic_s3::{Body, Client, Conditions, Config, Http, Put};
use sha2::{Digest as _, Sha256};

type Bare = hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [endpoint, region, access_key, secret_key, bucket, more @ ..] = arguments.as_slice() else {
        return Err("ENDPOINT REGION ACCESS_KEY SECRET_KEY BUCKET [BYTES [PAIRS [FILE]]]".into());
    };
    let size: usize = more.first().map_or(Ok(83_000), |text| text.parse())?;
    let pairs: usize = more.get(1).map_or(Ok(200), |text| text.parse())?;
    let made = Instant::now();
    let config = Config {
        endpoint: endpoint.clone(),
        region: region.clone(),
        access_key: access_key.clone(),
        secret_key: secret_key.clone().into(),
        path_style: true,
    };
    let client = Client::new(config, Http::default())?;
    client.set_conditions(Conditions::Honoured);
    println!("client made in {:?}", made.elapsed());
    if let Err(error) = client.make_bucket(bucket).await {
        println!("{error}");
    }
    if let Some(file) = more.get(2) {
        return whole_file(&client, bucket, file.into()).await;
    }

    let mut http = hyper_util::client::legacy::connect::HttpConnector::new();
    http.set_nodelay(true);
    let bare: Bare = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build(http);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs + 10 {
        let mut bytes = vec![0xA5; size];
        bytes[..8.min(size)].copy_from_slice(&pair.to_le_bytes()[..8.min(size)]);
        let bytes = Bytes::from(bytes);
        let link =
            client.presigned_put(bucket, &format!("bare-{pair}"), "image/png", SystemTime::now(), Duration::from_secs(600))?;
        let request = http::Request::put(&link).header("content-type", "image/png").body(Full::new(bytes.clone()))?;
        let started = Instant::now();
        let answer = bare.request(request).await?;
        let status = answer.status();
        answer.into_body().collect().await?;
        let bare_took = started.elapsed();
        assert!(status.is_success(), "the bare PUT answers {status}");

        let started = Instant::now();
        let sha256 = Sha256::digest(&bytes).into();
        let put = Put {
            bucket: bucket.clone(),
            key: format!("ours-{pair}"),
            body: Body::Bytes(bytes),
            size: size as u64,
            sha256,
            content_type: "image/png".to_owned(),
            content_disposition: None,
            if_absent: true,
            id: None,
        };
        client.put(&put, Arc::new(|_| {})).await?;
        let took = started.elapsed();
        client.remove(bucket, &put.key).await?;
        client.remove(bucket, &format!("bare-{pair}")).await?;
        // The first ones warm both connections up.
        if pair >= 10 {
            ours.push(took);
            theirs.push(bare_took);
            ratios.push(took.as_secs_f64() / bare_took.as_secs_f64());
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{size} B, {pairs} pairs: ours {ours:?}, bare {theirs:?}, difference {:?}, ratio {:.3}",
        ours.saturating_sub(theirs),
        ratios[pairs / 2]
    );
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn whole_file(client: &Client, bucket: &str, file: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let hashed = file.clone();
    let (size, sha256) = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        let size = std::io::copy(&mut std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(hashed)?), &mut hash)?;
        std::io::Result::Ok((size, hash.finalize()))
    })
    .await??;
    println!("hashed {size} B in {:?}", started.elapsed());
    let put = Put {
        bucket: bucket.to_owned(),
        key: "whole-file".to_owned(),
        body: Body::File(file),
        size,
        sha256: sha256.into(),
        content_type: "application/octet-stream".to_owned(),
        content_disposition: None,
        if_absent: false,
        id: None,
    };
    client.put(&put, Arc::new(|_| {})).await?;
    println!("stored after {:?}", started.elapsed());
    client.remove(bucket, "whole-file").await?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("peak memory is not known here"));
    Ok(())
}
