//! What can only be measured from inside a process. `cargo xtask bench` calls it and compares; by itself it makes no claim.

#![expect(clippy::print_stdout, reason = "its output is read by the caller")]

mod library;
mod page;
mod photo;
mod pictures;
mod resident;
mod scrolling;
mod team;
mod tray;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
imagepic-bench serve DIR BUCKET                              an embedded bucket until standard input ends
imagepic-bench pictures DIR BYTES COUNT                      different pictures of that size; prints their paths
imagepic-bench photo FILE                                    a JPEG of 24 megapixels
imagepic-bench presign ENDPOINT BUCKET_DIR BUCKET PREFIX COUNT   addresses to PUT a PNG to
imagepic-bench resident ENDPOINT BUCKET_DIR BUCKET PICGO_PORT HOME FILE…   engine, bare PUT and picgo in turn
imagepic-bench engine ENDPOINT BUCKET_DIR BUCKET HOME FILE…  the engine alone, to be watched by others
imagepic-bench page DIR COUNT                                pages among so many objects
imagepic-bench library APP HOME                              the library's window on a home of 100,000 uploads
imagepic-bench team-login HOST:PORT                          a token, and what the log-in took
imagepic-bench team-load put|list HOST:PORT BUCKET CLIENTS COUNT BYTES   answers a second; the token by the environment
imagepic-bench team-slow HOST:PORT BUCKET COUNT BYTES        uploads that pause in the middle, all at once
imagepic-bench tray APP CONSOLE                              the tray app's start and rest";

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", dir, bucket] => serve(Path::new(dir), bucket).await,
        ["pictures", dir, bytes, count] => pictures::make(Path::new(dir), bytes.parse()?, count.parse()?),
        ["photo", path] => photo::make(Path::new(path)),
        ["presign", endpoint, dir, bucket, prefix, count] => {
            let client = client(endpoint, Path::new(dir))?;
            for number in 0..count.parse::<usize>()? {
                println!("{}", put_address(&client, bucket, &format!("{prefix}/{number}.png"))?);
            }
            Ok(())
        }
        ["resident", endpoint, dir, bucket, port, home, ref files @ ..] => {
            let place = resident::Place { endpoint, bucket_dir: Path::new(dir), bucket, home: Path::new(home) };
            resident::compare(&place, port.parse()?, &paths(files)).await
        }
        ["engine", endpoint, dir, bucket, home, ref files @ ..] => {
            let place = resident::Place { endpoint, bucket_dir: Path::new(dir), bucket, home: Path::new(home) };
            resident::alone(&place, &paths(files)).await
        }
        ["library", app, home] => library::measure(Path::new(app), Path::new(home)).await,
        ["page", dir, count] => page::measure(Path::new(dir), count.parse()?).await,
        ["team-login", host] => team::log_in(host).await,
        ["team-load", what @ ("put" | "list"), host, bucket, clients, count, bytes] => {
            team::load(what, host, bucket, clients.parse()?, count.parse()?, bytes.parse()?).await
        }
        ["team-slow", host, bucket, count, bytes] => team::slow(host, bucket, count.parse()?, bytes.parse()?).await,
        ["tray", app, console] => tray::measure(Path::new(app), Path::new(console)).await,
        _ => Err(USAGE.into()),
    }
}

fn paths(files: &[&str]) -> Vec<PathBuf> {
    files.iter().map(PathBuf::from).collect()
}

/// Serves until its caller closes our standard input, or is gone.
async fn serve(dir: &Path, bucket: &str) -> Outcome {
    let keys = imagepic_bucket::keys::load_or_create(dir)?;
    let config = imagepic_bucket::Config {
        dir: dir.to_owned(),
        access_key: keys.access_key,
        secret_key: keys.secret_key,
        port: None,
        region: "us-east-1".to_owned(),
    };
    let server = imagepic_bucket::open(config).await?;
    server.ensure_bucket(bucket).await?;
    let running = server.bind(None).await?;
    let address = format!("http://{}", running.addr());
    std::fs::write(dir.join("bench-address.new"), &address)?;
    std::fs::rename(dir.join("bench-address.new"), dir.join("bench-address"))?;
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    running.shutdown().await;
    Ok(())
}

/// The same client the engine uses, for signing only.
fn client(endpoint: &str, bucket_dir: &Path) -> Outcome<imagepic_s3::Client> {
    let keys = imagepic_bucket::keys::load_or_create(bucket_dir)?;
    let config = imagepic_s3::Config {
        endpoint: endpoint.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: keys.access_key,
        secret_key: keys.secret_key,
        path_style: true,
    };
    Ok(imagepic_s3::Client::new(config, imagepic_net::Http::new(imagepic_net::Settings::default())?)?)
}

fn put_address(client: &imagepic_s3::Client, bucket: &str, key: &str) -> Outcome<String> {
    Ok(client.presigned_put(bucket, key, "image/png", SystemTime::now(), Duration::from_secs(3600))?)
}
