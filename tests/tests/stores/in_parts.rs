//! Whole files in parts, as they go where a store takes no large request.

use std::sync::atomic::{AtomicU64, Ordering};

use imagepic_core::store::{Body, Put};
use sha2::{Digest as _, Sha256};

use super::*;

const SIZE: usize = 20 * 1024 * 1024 + 5;

async fn bucket_of(server: &S3Server) -> (S3Store, String) {
    let store = open(&address(server), server.secret_key);
    store.client().set_largest_request(8 * 1024 * 1024);
    let bucket = format!("parts-{}", uuid::Uuid::new_v4().simple());
    store.make_bucket(&bucket).await.expect("a bucket");
    (store, bucket)
}

fn put(bucket: &str, content: &[u8], body: Body) -> Put {
    Put {
        bucket: bucket.to_owned(),
        key: "large.tif".to_owned(),
        body,
        size: content.len() as u64,
        sha256: Sha256::digest(content).into(),
        content_type: "image/tiff".to_owned(),
        content_disposition: None,
        if_absent: true,
        id: Some("an-id".to_owned()),
    }
}

async fn arrive(server: &S3Server, marks_parts: bool) {
    let (store, bucket) = bucket_of(server).await;
    let mut content: Vec<u8> = (0..SIZE).map(|at| (at / 7 % 251) as u8).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.tif");
    std::fs::write(&path, &content).unwrap();
    let put = put(&bucket, &content, Body::File(path.clone()));
    let last = Arc::new(AtomicU64::new(0));
    let telling = Arc::clone(&last);
    let progress = Arc::new(move |now| _ = telling.fetch_max(now, Ordering::Relaxed));
    let stored = store.put(put.clone(), progress).await.expect("stored");
    // Swift answers with the sum of its own segments.
    let etag = stored.etag.expect("an ETag");
    assert!(!marks_parts || etag.ends_with("-3"), "three parts: {etag}");
    assert_eq!(last.load(Ordering::Relaxed), SIZE as u64);
    let seen = store.stat(&bucket, &put.key).await.unwrap().expect("there");
    assert_eq!((seen.size, seen.sha256), (SIZE as u64, Some(hex_of(&content))));
    let link = store.client().presigned_get(&bucket, &put.key, std::time::SystemTime::now(), std::time::Duration::from_secs(60));
    let answer = imagepic_net::Http::default().get(&link.unwrap(), SIZE + 1).await.expect("an answer");
    assert!(answer.body() == &content, "the very bytes");

    let again = store.put(put.clone(), Arc::new(|_| {})).await.expect_err("taken");
    assert_eq!(again.code, Code::NameTaken);
    content[SIZE / 2] ^= 1;
    std::fs::write(&path, &content).unwrap();
    let changed = Put { key: "changed.tif".to_owned(), ..put };
    assert_eq!(store.put(changed, Arc::new(|_| {})).await.expect_err("changed").code, Code::FileChanged);
    assert_eq!(store.stat(&bucket, "changed.tif").await.unwrap(), None);
}

fn hex_of(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn files_arrive_whole_and_changed_ones_not_at_all() {
    arrive(&embedded().await.reached, true).await;
    arrive(&servers::ceph(), true).await;
    arrive(&servers::swift(), false).await;
}

/// The first runtime ends in the middle of the upload and takes along whoever would have told the store.
#[tokio::test]
async fn what_was_cut_off_leaves_nothing_once_the_same_file_has_arrived() {
    let server = servers::ceph();
    let (store, bucket) = bucket_of(&server).await;
    let content = vec![7_u8; SIZE];
    let put = put(&bucket, &content, Body::Bytes(content.clone().into()));
    let (begun, going) = std::sync::mpsc::channel();
    let cut_off = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, request) = (open(&address(&server), server.secret_key), put.clone());
    let (alive, over) = std::sync::mpsc::channel::<()>();
    cut_off.spawn(async move {
        let _alive = alive;
        // Blocks in the middle, so that the runtime ends before the upload can.
        let progress = Arc::new(move |now| {
            if (1..1024 * 1024).contains(&now) {
                _ = begun.send(());
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        });
        _ = first.put(request, progress).await;
    });
    tokio::task::spawn_blocking(move || {
        going.recv().expect("it has begun");
        cut_off.shutdown_background();
        over.recv().expect_err("it ends with its runtime");
    })
    .await
    .unwrap();
    let unfinished = || async { store.client().unfinished(&bucket, "large.tif").await.expect("a list") };
    assert_eq!(unfinished().await.len(), 1, "the cut must have left something behind");
    store.put(put, Arc::new(|_| {})).await.expect("stored");
    assert_eq!(unfinished().await.len(), 0);
}
