//! Pages of a folder in a bucket that holds a million objects.

use std::path::Path;
use std::time::Instant;

use imagepic_bucket::bench;

use crate::Outcome;

const ROUNDS: usize = 25;

/// Fills a bucket of `count` objects (100 folders of 100 folders, the rest flat in one) and prints the median of both kinds of page.
pub(crate) async fn measure(dir: &Path, count: u32) -> Outcome {
    let keys = imagepic_bucket::keys::load_or_create(dir)?;
    let config = imagepic_bucket::Config {
        dir: dir.to_owned(),
        access_key: keys.access_key,
        secret_key: keys.secret_key,
        port: None,
        region: "us-east-1".to_owned(),
    };
    let server = imagepic_bucket::open(config).await?;
    server.ensure_bucket("many").await?;
    bench::fill(&server, "many", count, |n| {
        if n % 2 == 0 { format!("team/{:02}/{:02}/{n:07}.png", n / 2 % 100, n / 200 % 100) } else { format!("flat/{n:07}.png") }
    })
    .await?;
    let folders = page(&server, "team/", None).await?;
    let objects = page(&server, "flat/", Some(format!("flat/{:07}.png", count / 2))).await?;
    println!("{{\"folders_ms\":{folders},\"objects_ms\":{objects}}}");
    server.close().await;
    Ok(())
}

async fn page(server: &imagepic_bucket::Server, prefix: &str, after: Option<String>) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let (entries, _) = bench::page(server, "many", prefix, after.clone()).await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        if entries < 100 {
            return Err(format!("the page of {prefix} has only {entries} entries").into());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}
