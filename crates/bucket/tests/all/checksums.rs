//! Every way a client can say what its bytes are; a wrong one is refused and leaves nothing.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use base64::Engine as _;
use reqwest::Client;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use sha2::{Digest as _, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use crate::common::{BUCKET, Home, bytes};
use crate::sign;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn claims(data: &[u8]) -> [(&'static str, String); 11] {
    [
        ("content-md5", base64(Md5::checksum(data))),
        ("x-amz-checksum-crc32", base64(Crc32::checksum(data))),
        ("x-amz-checksum-crc32c", base64(Crc32c::checksum(data))),
        ("x-amz-checksum-crc64nvme", base64(Crc64Nvme::checksum(data))),
        ("x-amz-checksum-sha1", base64(Sha1::checksum(data))),
        ("x-amz-checksum-sha256", base64(Sha256::checksum(data))),
        ("x-amz-checksum-md5", base64(Md5::checksum(data))),
        ("x-amz-checksum-sha512", base64(Sha512::digest(data))),
        ("x-amz-checksum-xxhash3", base64(XxHash3_64::oneshot(data).to_be_bytes())),
        ("x-amz-checksum-xxhash64", base64(XxHash64::oneshot(0, data).to_be_bytes())),
        ("x-amz-checksum-xxhash128", base64(XxHash3_128::oneshot(data).to_be_bytes())),
    ]
}

async fn put(home: &Home, path: &str, given: &[(&str, &str)], payload: &str, body: Vec<u8>) -> (u16, String) {
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = Client::new().put(home.url(&path[1..])).body(body);
    for (name, value) in sign::headers(&home.keys, "PUT", home.running.addr().port(), path, given, payload) {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let code = text.split_once("<Code>").and_then(|(_, t)| t.split_once("</Code>")).map_or("", |(c, _)| c);
    (status, code.to_owned())
}

#[tokio::test]
async fn a_right_checksum_in_a_header_is_taken_and_a_wrong_one_leaves_nothing() {
    let home = Home::new().await;
    for size in [5, 3_000_000] {
        let (data, other) = (bytes(size), bytes(size + 1));
        let payload = sign::sha256(&data);
        for ((name, right), (_, wrong)) in claims(&data).into_iter().zip(claims(&other)) {
            assert_eq!(
                put(&home, "/images/k", &[(name, &wrong)], &payload, data.clone()).await,
                (400, "BadDigest".into()),
                "{name}"
            );
            assert_eq!(home.blobs(), 0, "{name} left bytes");
            assert_eq!(home.server.usage().await.unwrap().objects, 0);
            let malformed = if name == "content-md5" { "InvalidDigest" } else { "InvalidRequest" };
            assert_eq!(
                put(&home, "/images/k", &[(name, "AAAA")], &payload, data.clone()).await,
                (400, malformed.into()),
                "{name}"
            );
            assert_eq!(put(&home, "/images/k", &[(name, &right)], &payload, data.clone()).await, (200, String::new()), "{name}");
            home.s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
            crate::common::eventually("the bytes are gone", || home.blobs() == 0).await;
        }
    }
}

#[tokio::test]
async fn the_hash_in_the_signature_is_checked_against_the_bytes() {
    let home = Home::new().await;
    for size in [5, 3_000_000] {
        let wrong = put(&home, "/images/k", &[], &sign::sha256(b"other"), bytes(size)).await;
        assert_eq!(wrong, (400, "XAmzContentSHA256Mismatch".into()));
        crate::common::eventually("nothing is left", || home.blobs() == 0).await;
    }
    assert_eq!(home.server.usage().await.unwrap().objects, 0);
    assert_eq!(put(&home, "/images/k", &[], "UNSIGNED-PAYLOAD", bytes(5)).await.0, 200);
}

/// Headers, the payload's hash as the signature has it, and the ETag that comes of it.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[tokio::test]
async fn an_object_that_names_its_own_signed_hash_is_known_by_it_and_every_other_by_its_md5() {
    let home = Home::new().await;
    for size in [5, 83_000, 3_000_000] {
        let data = bytes(size);
        let (hash, md5) = (sign::sha256(&data), hex::encode(Md5::checksum(&data)));
        let (other, sent_md5) = (sign::sha256(b"other"), base64(Md5::checksum(&data)));
        let by_hash = format!("{}-1", &hash[..32]);
        let cases: [Case<'_>; 5] = [
            (&[("x-amz-meta-sha256", &hash)], &hash, &by_hash),
            (&[("x-amz-meta-sha256", &hash), ("content-md5", &sent_md5)], &hash, &md5),
            (&[("x-amz-meta-sha256", &other)], &hash, &md5),
            (&[("x-amz-meta-sha256", &hash)], "UNSIGNED-PAYLOAD", &md5),
            (&[], &hash, &md5),
        ];
        for (given, payload, etag) in cases {
            assert_eq!(put(&home, "/images/k", given, payload, data.clone()).await, (200, String::new()), "{given:?}");
            let head = home.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
            assert_eq!(head.e_tag(), Some(format!("\"{etag}\"").as_str()), "{given:?} {payload}");
            let listed = home.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
            assert_eq!(listed.contents()[0].e_tag(), head.e_tag());
            assert!(home.get("k").await == data);
        }
        // The hash is not taken on trust: other bytes than it tells of leave nothing.
        home.s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
        let wrong = put(&home, "/images/k", &[("x-amz-meta-sha256", &hash)], &hash, bytes(size + 1)).await;
        assert_eq!(wrong, (400, "XAmzContentSHA256Mismatch".into()));
        crate::common::eventually("nothing is left", || home.blobs() == 0).await;
    }
}

fn trailing(data: &[u8], chunk: usize, trailer: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for part in data.chunks(chunk) {
        body.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    body
}

#[tokio::test]
async fn a_checksum_behind_the_bytes_counts_like_one_before_them() {
    let home = Home::new().await;
    const MODE: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    for (size, chunk) in [(5, 5), (3_000_000, 65_536), (3_000_000, 3_000_000)] {
        let (data, other) = (bytes(size), bytes(size + 1));
        let length = size.to_string();
        for ((name, right), (_, wrong)) in claims(&data).into_iter().zip(claims(&other)).skip(1) {
            let given =
                [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", &*length), ("x-amz-trailer", name)];
            let send = async |trailer: String| put(&home, "/images/k", &given, MODE, trailing(&data, chunk, &trailer)).await;
            assert_eq!(send(format!("{name}:{wrong}\r\n")).await, (400, "BadDigest".into()), "{name}");
            assert_eq!(send(String::new()).await, (400, "MalformedTrailerError".into()), "{name}");
            crate::common::eventually("nothing is left", || home.blobs() == 0).await;
            assert_eq!(send(format!("{name}:{right}\r\n")).await, (200, String::new()), "{name}");
            assert!(home.get("k").await == data);
            let head = home.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
            assert_eq!(head.content_encoding(), None, "aws-chunked is about the way, not the object");
            home.s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
            crate::common::eventually("the bytes are gone", || home.blobs() == 0).await;
        }
        let short = (size + 10).to_string();
        let given = [("x-amz-decoded-content-length", &*short), ("x-amz-trailer", "x-amz-checksum-crc32")];
        let trailer = format!("x-amz-checksum-crc32:{}\r\n", claims(&data)[1].1);
        assert_eq!(put(&home, "/images/k", &given, MODE, trailing(&data, chunk, &trailer)).await, (400, "IncompleteBody".into()));
        let cut = trailing(&data, chunk, &trailer);
        let cut = cut[..cut.len() / 2].to_vec();
        let given = [("x-amz-decoded-content-length", &*length), ("x-amz-trailer", "x-amz-checksum-crc32")];
        assert_eq!(put(&home, "/images/k", &given, MODE, cut).await.0, 400);
        crate::common::eventually("nothing is left", || home.blobs() == 0).await;
    }
}

/// What an object was given back with.
fn given_back(got: &GetObjectOutput) -> Vec<(&'static str, &str)> {
    let sums = [
        ("crc32", got.checksum_crc32()),
        ("crc32c", got.checksum_crc32_c()),
        ("crc64nvme", got.checksum_crc64_nvme()),
        ("sha1", got.checksum_sha1()),
        ("sha256", got.checksum_sha256()),
        ("md5", got.checksum_md5()),
        ("sha512", got.checksum_sha512()),
        ("xxhash3", got.checksum_xxhash3()),
        ("xxhash64", got.checksum_xxhash64()),
        ("xxhash128", got.checksum_xxhash128()),
    ];
    sums.into_iter().filter_map(|(name, sum)| Some((name, sum?))).collect()
}

#[tokio::test]
async fn the_sdk_gets_back_the_checksum_it_sent_in_every_algorithm() {
    let home = Home::new().await;
    let known = claims(&bytes(700_000));
    for algorithm in ChecksumAlgorithm::values().iter().map(|a| ChecksumAlgorithm::from(*a)) {
        let name = algorithm.as_str().to_lowercase();
        let right = &known.iter().find(|(header, _)| header.strip_prefix("x-amz-checksum-") == Some(&name)).unwrap().1;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes(700_000)).unwrap();
        let from_file = ByteStream::from_path(file.path()).await.unwrap();
        for body in [ByteStream::from(bytes(700_000)), from_file] {
            let put = home.s3.put_object().bucket(BUCKET).key("k").body(body);
            // These it passes on and does not make.
            let put = match &algorithm {
                ChecksumAlgorithm::Md5 => put.checksum_md5(right),
                ChecksumAlgorithm::Sha512 => put.checksum_sha512(right),
                ChecksumAlgorithm::Xxhash3 => put.checksum_xxhash3(right),
                ChecksumAlgorithm::Xxhash64 => put.checksum_xxhash64(right),
                ChecksumAlgorithm::Xxhash128 => put.checksum_xxhash128(right),
                _ => put.checksum_algorithm(algorithm.clone()),
            };
            put.send().await.unwrap_or_else(|e| panic!("{algorithm:?}: {e:?}"));
            let got = home.s3.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
            assert_eq!(given_back(&got), [(&*name, &**right)], "{algorithm:?}");
            assert!(got.body.collect().await.unwrap().to_vec() == bytes(700_000), "the SDK verified it");
        }
    }
}

#[tokio::test]
async fn a_checksum_nobody_here_can_check_is_refused_and_not_passed_over() {
    let home = Home::new().await;
    let data = bytes(5);
    let payload = sign::sha256(&data);
    for (name, value) in [
        ("x-amz-checksum-sha3", "AAAA"),
        ("x-amz-checksum-", "AAAA"),
        ("x-amz-sdk-checksum-algorithm", "SHA3"),
        ("x-amz-checksum-algorithm", "BLAKE3"),
        ("x-amz-trailer", "x-amz-checksum-sha3"),
    ] {
        let refused = put(&home, "/images/k", &[(name, value)], &payload, data.clone()).await;
        assert_eq!(refused, (400, "InvalidRequest".into()), "{name}: {value}");
        assert_eq!(home.server.usage().await.unwrap().objects, 0, "{name}");
    }
    let asked = [("x-amz-sdk-checksum-algorithm", "SHA512"), ("x-amz-checksum-type", "FULL_OBJECT")];
    assert_eq!(put(&home, "/images/k", &asked, &payload, data.clone()).await.0, 200);
    let head = home.s3.head_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.checksum_sha512(), Some(&*base64(Sha512::digest(&data))), "who names an algorithm gets its checksum back");
    home.s3.copy_object().bucket(BUCKET).key("copy").copy_source("images/k").send().await.unwrap();
    let copy = home.s3.head_object().bucket(BUCKET).key("copy").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(copy.checksum_sha512(), head.checksum_sha512());
    let again = home.s3.copy_object().bucket(BUCKET).key("copy").copy_source("images/k");
    again.clone().checksum_algorithm(ChecksumAlgorithm::Sha512).send().await.unwrap();
    let other = again.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
    assert_eq!(crate::common::code(other), "NotImplemented", "none is made of bytes that nobody reads");
    // Its list of parts could not name them.
    let parts = home.s3.create_multipart_upload().bucket(BUCKET).key("k").checksum_algorithm(ChecksumAlgorithm::Sha512);
    assert_eq!(crate::common::code(parts.send().await), "NotImplemented");
    let part = home.s3.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap();
    let path = format!("/images/k?partNumber=1&uploadId={}", part.upload_id().unwrap());
    for (name, wrong) in claims(b"other") {
        assert_eq!(put(&home, &path, &[(name, &wrong)], &payload, data.clone()).await, (400, "BadDigest".into()), "{name}");
    }
    for (name, right) in claims(&data) {
        assert_eq!(put(&home, &path, &[(name, &right)], &payload, data.clone()).await.0, 200, "{name}");
    }
}

#[tokio::test]
async fn a_body_cut_off_on_the_way_leaves_nothing() {
    use std::io::Write as _;
    let home = Home::new().await;
    for (announced, sent) in [(1000, 10), (10_000_000, 5_000_000)] {
        let length = announced.to_string();
        let mut stream = std::net::TcpStream::connect(home.running.addr()).unwrap();
        let mut head =
            format!("PUT /images/k HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-length: {length}\r\n", home.running.addr().port());
        for (name, value) in sign::headers(&home.keys, "PUT", home.running.addr().port(), "/images/k", &[], "UNSIGNED-PAYLOAD") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = bytes(sent);
        tokio::task::spawn_blocking(move || {
            stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        })
        .await
        .unwrap();
        home.put("other", "x").await;
        crate::common::eventually("only the other object is there", || home.blobs() == 1).await;
    }
    assert_eq!(home.server.usage().await.unwrap().objects, 1);
}
