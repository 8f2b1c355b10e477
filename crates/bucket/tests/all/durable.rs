//! What is answered lies on the disk, and what passes through takes no more memory however large it is: seen from outside, in a
//! process of its own.
#![cfg(target_os = "linux")]

use std::process::Command;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::{Body, Client};

use crate::common::{BUCKET, bytes, client, config};
use crate::crash::start;
use crate::sign;

/// Where in a trace the last call of a kind that names `what` had returned.
fn returned(trace: &[&str], call: &str, what: &str, before: usize) -> Option<usize> {
    let begun = (0..before).rev().find(|&n| trace[n].contains(&format!("{call}(")) && trace[n].contains(what))?;
    if !trace[begun].contains("<unfinished") {
        return trace[begun].contains("= 0").then_some(begun);
    }
    let thread = trace[begun].split_whitespace().next()?;
    let resumed = format!("<... {call} resumed>");
    (begun..before).find(|&n| trace[n].starts_with(thread) && trace[n].contains(&resumed) && trace[n].contains("= 0"))
}

#[tokio::test]
async fn an_object_is_answered_only_once_its_bytes_its_folder_and_its_row_are_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let keys = config(dir.path()).1;
    let log = dir.path().join("trace");
    let calls = "trace=fsync,fdatasync,write,writev,sendto,sendmsg";
    let wrap = ["strace", "-f", "-q", "-y", "-e", "signal=none", "-e", calls, "-o", log.to_str().unwrap()];
    let (mut process, port, pid) = start(&dir.path().join("bucket"), dir.path(), &wrap);
    let s3 = client(port, &keys);
    // The first makes the folder of the bytes; what the second costs is what every put costs.
    for (key, size) in [("first", 10), ("small", 83_000), ("large", 3_000_000)] {
        s3.put_object().bucket(BUCKET).key(key).body(bytes(size).into()).send().await.unwrap();
    }
    // The tracer would leave it behind.
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    process.ended();
    let text = std::fs::read_to_string(&log).unwrap();
    let trace: Vec<&str> = text.lines().collect();
    let answers: Vec<usize> = (0..trace.len()).filter(|&n| trace[n].contains("\"HTTP/1.1 200 OK")).collect();
    assert_eq!(answers.len(), 3, "{text}");
    let mut since = 0;
    for answer in answers {
        let blob = returned(&trace, "fdatasync", "/bucket/blobs/", answer);
        let folder = returned(&trace, "fsync", "/bucket/blobs/", answer);
        let row = ["fdatasync", "fsync"].iter().filter_map(|call| returned(&trace, call, "index.sqlite-wal", answer)).max();
        let all = [blob, folder, row].map(|at| at.filter(|&at| at >= since));
        assert!(all.iter().all(Option::is_some), "{all:?} before {answer} and after {since} in\n{text}");
        assert!(all.is_sorted(), "bytes, then folder, then row: {all:?} in\n{text}");
        since = answer;
    }
}

/// The most memory a process has had so far, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

const MIB: usize = 1024 * 1024;

/// So many mebibytes that this process does not hold either.
fn zeroes(mebibytes: usize) -> Body {
    static ZEROES: [u8; MIB] = [0; MIB];
    let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&ZEROES));
    Body::wrap_stream(futures::stream::iter((0..mebibytes).map(move |_| chunk())))
}

async fn read_through(http: &Client, link: String) -> usize {
    let mut body = http.get(link).send().await.unwrap().error_for_status().unwrap().bytes_stream();
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        read += chunk.unwrap().len();
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_megabytes_pass_through_some_megabytes_of_memory() {
    const PARTS: usize = 3;
    const PART: usize = 40;
    const WHOLE: usize = 200;
    _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let keys = config(dir.path()).1;
    let (_process, port, pid) = start(&dir.path().join("bucket"), dir.path(), &[]);
    let (s3, http) = (client(port, &keys), Client::new());
    let link = |method, path: &str, query: &[(&str, &str)]| sign::presign(&keys, method, port, path, query, &[], 600);
    let put = async |link: String, mebibytes: usize| {
        let sent = http.put(link).header("content-length", mebibytes * MIB).body(zeroes(mebibytes)).send().await.unwrap();
        sent.error_for_status().unwrap().headers()["etag"].to_str().unwrap().to_owned()
    };
    // Whatever the first requests cost once.
    put(link("PUT", "/images/first", &[]), 2).await;
    read_through(&http, link("GET", "/images/first", &[])).await;
    let before = peak(pid);

    put(link("PUT", "/images/whole", &[]), WHOLE).await;
    assert_eq!(read_through(&http, link("GET", "/images/whole", &[])).await, WHOLE * MIB);
    let begun = s3.create_multipart_upload().bucket(BUCKET).key("parts").send().await.unwrap();
    let upload = begun.upload_id().unwrap();
    let parts = (1..=PARTS).map(|number| {
        let link = link("PUT", "/images/parts", &[("partNumber", &*number.to_string()), ("uploadId", upload)]);
        let put = &put;
        async move {
            let etag = put(link, PART).await;
            CompletedPart::builder().part_number(i32::try_from(number).unwrap()).e_tag(etag).build()
        }
    });
    let parts = futures::future::join_all(parts).await;
    let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    s3.complete_multipart_upload().bucket(BUCKET).key("parts").upload_id(upload).multipart_upload(list).send().await.unwrap();
    assert_eq!(read_through(&http, link("GET", "/images/parts", &[])).await, PARTS * PART * MIB);
    let copy = s3.upload_part_copy().bucket(BUCKET).key("copy").copy_source("images/whole").part_number(1);
    let begun = s3.create_multipart_upload().bucket(BUCKET).key("copy").send().await.unwrap();
    copy.upload_id(begun.upload_id().unwrap()).send().await.unwrap();

    let grown = (peak(pid) - before) / MIB as u64;
    assert!(grown < 24, "{grown} MiB more than before, for {WHOLE} in one piece and {} in parts", PARTS * PART);
}

#[test]
fn the_order_of_calls_is_read_from_a_trace_of_several_threads() {
    let trace = [
        "1 fdatasync(3</d/bucket/blobs/aa/aa00>) = 0",
        "2 fsync(4</d/bucket/blobs/aa> <unfinished ...>",
        "1 fdatasync(5</d/bucket/index.sqlite-wal>) = -1 EIO",
        "2 <... fsync resumed>)              = 0",
    ];
    assert_eq!(returned(&trace, "fdatasync", "/blobs/", 4), Some(0));
    assert_eq!(returned(&trace, "fsync", "/blobs/", 4), Some(3));
    assert_eq!(returned(&trace, "fsync", "/blobs/", 3), None, "it had not returned yet");
    assert_eq!(returned(&trace, "fdatasync", "wal", 4), None, "it failed");
}
