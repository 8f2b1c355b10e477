//! The folder of the bucket: whose it is, which port it has, what lies in it.

use imagepic_bucket::{Config, Error, keys, open};

use crate::common::{BUCKET, Home, blobs, bytes, config};

#[tokio::test]
async fn a_second_process_is_told_that_the_bucket_is_in_use() {
    let home = Home::new().await;
    let again = open(config(home.dir.path()).0).await;
    assert!(matches!(again, Err(Error::Locked { .. })), "{again:?}");
    home.running.shutdown().await;
    home.server.close().await;
    assert!(home.server.ensure_bucket("late").await.is_err(), "a closed bucket says so");
    open(config(home.dir.path()).0).await.unwrap().close().await;
}

#[tokio::test]
async fn links_keep_their_port_from_run_to_run_and_a_taken_port_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let start = async || {
        let config = Config { port: None, ..config(dir.path()).0 };
        let server = open(config).await.unwrap();
        let bound = server.bind(None).await;
        (server, bound)
    };
    let (server, running) = start().await;
    let running = running.unwrap();
    let port = running.addr().port();
    assert!((20_000..60_000).contains(&port));
    assert!(running.addr().ip().is_loopback());
    assert_eq!(keys::stored_port(dir.path()).unwrap(), Some(port));
    assert!(matches!(server.bind(None).await, Err(Error::PortTaken { port: p }) if p == port));
    running.shutdown().await;
    server.close().await;
    let (server, running) = start().await;
    assert_eq!(running.as_ref().unwrap().addr().port(), port);
    running.unwrap().shutdown().await;
    server.close().await;
    let thief = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let (server, refused) = start().await;
    assert!(matches!(refused, Err(Error::PortTaken { port: p }) if p == port), "{refused:?}");
    drop(thief);
    server.bind(None).await.unwrap().shutdown().await;
    server.close().await;
}

#[tokio::test]
async fn an_index_of_a_newer_version_is_refused_and_left_untouched() {
    let home = Home::new().await;
    home.running.shutdown().await;
    home.server.close().await;
    let path = home.dir.path().join("index.sqlite");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "journal_mode", "DELETE").unwrap();
    conn.pragma_update(None, "user_version", 7).unwrap();
    drop(conn);
    let before = std::fs::read(&path).unwrap();
    let refused = open(config(home.dir.path()).0).await;
    assert!(matches!(refused, Err(Error::NewerFormat { found: 7, known: 1, .. })), "{refused:?}");
    assert!(std::fs::read(&path).unwrap() == before);
    std::fs::write(&path, "this is no database, just words, long enough to be looked at as a header of one").unwrap();
    let refused = open(config(home.dir.path()).0).await;
    assert!(matches!(refused, Err(Error::Foreign { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_index_that_is_gone_is_not_made_anew_beside_the_bytes_of_its_objects() {
    let home = Home::new().await;
    home.put("k", bytes(83_000)).await;
    home.running.shutdown().await;
    home.server.close().await;
    let (dir, kept) = (home.dir.path(), tempfile::tempdir().unwrap());
    let index = dir.join("index.sqlite");
    std::fs::rename(&index, kept.path().join("index")).unwrap();
    for emptied in [false, true] {
        if emptied {
            std::fs::write(&index, "").unwrap();
        }
        let refused = open(config(dir).0).await;
        assert!(matches!(&refused, Err(Error::Foreign { path, .. }) if *path == index), "{refused:?}");
        assert_eq!(index.exists(), emptied, "left as it is");
    }
    assert_eq!(blobs(dir), 1);
    std::fs::rename(kept.path().join("index"), &index).unwrap();
    let server = open(config(dir).0).await.unwrap();
    assert_eq!(server.usage().await.unwrap().objects, 1);
    server.close().await;
    // Without bytes there is nothing that a new one would not know.
    std::fs::remove_dir_all(dir.join("blobs")).unwrap();
    std::fs::remove_file(&index).unwrap();
    open(config(dir).0).await.unwrap().close().await;
}

#[tokio::test]
async fn an_index_that_is_damaged_is_named_by_its_file_whoever_reads_it() {
    let home = Home::new().await;
    home.running.shutdown().await;
    home.server.close().await;
    let index = home.dir.path().join("index.sqlite");
    let mut damaged = std::fs::read(&index).unwrap();
    damaged[100..].fill(0xff);
    for content in [damaged, b"no database at all, but long enough for the header of one".repeat(10)] {
        std::fs::write(&index, content).unwrap();
        let of_file = |result: Result<(), Error>| {
            assert!(matches!(&result, Err(Error::Foreign { path, .. }) if *path == index), "{result:?}");
        };
        of_file(open(config(home.dir.path()).0).await.map(drop));
        of_file(imagepic_bucket::usage(home.dir.path()).map(drop));
        of_file(imagepic_bucket::public(home.dir.path(), BUCKET).map(drop));
    }
}

#[test]
fn a_key_file_of_a_newer_version_is_told_as_that_whatever_else_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key"), r#"{"version": 2, "pairs": []}"#).unwrap();
    let refused = keys::load_or_create(dir.path());
    assert!(matches!(refused, Err(Error::NewerFormat { found: 2, known: 1, .. })), "{refused:?}");
}

#[tokio::test]
async fn nobody_else_on_this_machine_can_read_the_folder() {
    let home = Home::new().await;
    home.put("k", "x").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.dir.path().join("index.sqlite")), 0o600);
        assert_eq!(mode(home.dir.path().join("key")), 0o600);
        assert_eq!(mode(home.dir.path().join("blobs")), 0o700);
    }
}

#[tokio::test]
async fn puts_side_by_side_share_their_commit() {
    let home = Home::new().await;
    let counters = home.server.counters();
    let (before, commits) = (counters.fsyncs(), counters.commits());
    home.put("alone", "x").await;
    let cost = counters.fsyncs() - before;
    assert!((3..=4).contains(&cost), "one put costs its blob, its folder (new: twice) and a commit, not {cost}");
    let before = counters.commits();
    assert_eq!(before - commits, 1);
    let puts = (0..64).map(|n| home.s3.put_object().bucket(BUCKET).key(format!("{n}")).body(vec![n; 1000].into()).send());
    assert!(futures::future::join_all(puts).await.iter().all(Result::is_ok));
    assert!(counters.commits() - before < 64, "{} commits for 64 puts", counters.commits() - before);
}

#[tokio::test]
async fn a_shutdown_lets_an_upload_under_way_finish() {
    let home = Home::new().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<_, std::io::Error>>(1);
    let url = home.s3.put_object().bucket(BUCKET).key("k").presigned(crate::common::minute()).await.unwrap().uri().to_owned();
    _ = rustls::crypto::ring::default_provider().install_default();
    let stream = futures::stream::unfold(receiver, async |mut r| r.recv().await.map(|item| (item, r)));
    let put =
        reqwest::Client::new().put(url).header("content-length", "8").body(reqwest::Body::wrap_stream(Box::pin(stream))).send();
    let put = tokio::spawn(put);
    sender.send(Ok("half")).await.unwrap();
    sender.reserve().await.unwrap();
    let Home { running, server, dir, .. } = home;
    let stopping = tokio::spawn(running.shutdown());
    sender.send(Ok("rest")).await.unwrap();
    drop(sender);
    assert_eq!(put.await.unwrap().unwrap().status(), 200);
    stopping.await.unwrap();
    server.close().await;
    let home = Home::at(dir).await;
    assert_eq!(home.get("k").await, b"halfrest");
}
