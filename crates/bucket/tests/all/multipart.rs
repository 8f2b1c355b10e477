//! Uploads in parts.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};

use crate::common::{BUCKET, Home, blobs, bytes, code, eventually};

const FIVE: usize = 5 * 1024 * 1024;

async fn begin(home: &Home, key: &str) -> String {
    let begun = home
        .s3
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .content_type("image/png")
        .metadata("m", "1")
        .send()
        .await
        .unwrap();
    begun.upload_id().unwrap().to_owned()
}

async fn part(home: &Home, key: &str, id: &str, number: i32, body: Vec<u8>) -> CompletedPart {
    let sent =
        home.s3.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number).body(body.into()).send().await.unwrap();
    CompletedPart::builder()
        .part_number(number)
        .e_tag(sent.e_tag().unwrap())
        .set_checksum_crc32(sent.checksum_crc32().map(Into::into))
        .build()
}

fn list(parts: &[CompletedPart]) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build()
}

#[tokio::test]
async fn an_upload_nobody_finished_gives_its_room_back_after_a_day() {
    let home = Home::new().await;
    for key in ["long-gone", "slow", "fresh"] {
        let id = begin(&home, key).await;
        part(&home, key, &id, 1, bytes(10)).await;
    }
    home.running.shutdown().await;
    home.server.close().await;
    let index = rusqlite::Connection::open(home.dir.path().join("index.sqlite")).unwrap();
    let two_days = 2 * 24 * 60 * 60 * 1000_i64;
    index.execute("UPDATE upload SET created = created - ? WHERE key <> CAST('fresh' AS BLOB)", [two_days]).unwrap();
    let gone =
        "UPDATE part SET modified = modified - ? WHERE upload = (SELECT id FROM upload WHERE key = CAST('long-gone' AS BLOB))";
    assert_eq!(index.execute(gone, [two_days]).unwrap(), 1);
    index.close().unwrap();
    assert_eq!(blobs(home.dir.path()), 3);

    let home = Home::at(home.dir).await;
    eventually("the bytes of the upload nobody finished are gone", || home.blobs() == 2).await;
    let left = home.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.uploads().iter().map(|u| u.key().unwrap()).collect::<Vec<_>>(), ["fresh", "slow"]);
}

#[tokio::test]
async fn a_large_file_in_parts_is_one_object_and_its_parts_are_not_copied() {
    let home = Home::new().await;
    let all = bytes(2 * FIVE + 1000);
    let id = begin(&home, "big").await;
    assert_eq!(home.server.usage().await.unwrap().objects, 0, "not there before it is complete");
    let mut parts = Vec::new();
    for (n, chunk) in (1..).zip(all.chunks(FIVE)) {
        parts.push(part(&home, "big", &id, n, chunk.to_vec()).await);
    }
    part(&home, "big", &id, 9, bytes(10)).await;
    let listed = home.s3.list_parts().bucket(BUCKET).key("big").upload_id(&id).max_parts(2).send().await.unwrap();
    assert_eq!((listed.parts().len(), listed.is_truncated(), listed.next_part_number_marker()), (2, Some(true), Some("2")));
    let rest = home.s3.list_parts().bucket(BUCKET).key("big").upload_id(&id).part_number_marker("2").send().await.unwrap();
    assert_eq!(rest.parts().iter().map(|p| p.part_number().unwrap()).collect::<Vec<_>>(), [3, 9]);
    let done = home
        .s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("big")
        .upload_id(&id)
        .multipart_upload(list(&parts))
        .send()
        .await
        .unwrap();
    assert!(done.e_tag().unwrap().ends_with("-3\""), "{:?}", done.e_tag());
    eventually("the part that was not named is gone, the others stay", || home.blobs() == 3).await;
    assert!(home.get("big").await == all);
    let across =
        home.s3.get_object().bucket(BUCKET).key("big").range(format!("bytes={}-{}", FIVE - 5, FIVE + 4)).send().await.unwrap();
    assert!(across.body.collect().await.unwrap().to_vec() == all[FIVE - 5..FIVE + 5]);
    let second = home.s3.get_object().bucket(BUCKET).key("big").part_number(2).send().await.unwrap();
    assert_eq!(second.parts_count(), Some(3));
    assert!(second.body.collect().await.unwrap().to_vec() == all[FIVE..2 * FIVE]);
    let head = home.s3.head_object().bucket(BUCKET).key("big").send().await.unwrap();
    assert_eq!((head.content_type(), head.e_tag()), (Some("image/png"), done.e_tag()));
    assert_eq!(head.metadata().unwrap()["m"], "1");
    assert_eq!(code(home.s3.list_parts().bucket(BUCKET).key("big").upload_id(&id).send().await), "NoSuchUpload");
    home.s3.delete_object().bucket(BUCKET).key("big").send().await.unwrap();
    eventually("all is gone", || home.blobs() == 0).await;
}

#[tokio::test]
async fn a_part_sent_again_replaces_the_first_and_an_abort_leaves_nothing() {
    let home = Home::new().await;
    let id = begin(&home, "k").await;
    part(&home, "k", &id, 1, bytes(100)).await;
    let again = part(&home, "k", &id, 1, b"again".to_vec()).await;
    eventually("the first is gone", || home.blobs() == 1).await;
    let home = home.restart().await;
    let done =
        home.s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).multipart_upload(list(&[again])).send().await;
    done.unwrap();
    assert_eq!(home.get("k").await, b"again", "an upload goes on after a restart");
    let id = begin(&home, "other").await;
    part(&home, "other", &id, 1, bytes(100)).await;
    home.s3.abort_multipart_upload().bucket(BUCKET).key("other").upload_id(&id).send().await.unwrap();
    eventually("only the object is left", || home.blobs() == 1).await;
    assert_eq!(code(home.s3.abort_multipart_upload().bucket(BUCKET).key("other").upload_id(&id).send().await), "NoSuchUpload");
}

#[tokio::test]
async fn an_upload_that_does_not_fit_together_is_refused_and_can_be_mended() {
    let home = Home::new().await;
    let id = begin(&home, "k").await;
    let small = part(&home, "k", &id, 1, bytes(100)).await;
    let last = part(&home, "k", &id, 2, bytes(200)).await;
    let complete = |parts: &[CompletedPart]| {
        home.s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).multipart_upload(list(parts))
    };
    assert_eq!(code(complete(&[small.clone(), last.clone()]).send().await), "EntityTooSmall");
    assert_eq!(code(complete(&[last.clone(), small.clone()]).send().await), "InvalidPartOrder");
    assert_eq!(code(complete(&[]).send().await), "MalformedXML");
    let missing = CompletedPart::builder().part_number(3).e_tag(small.e_tag().unwrap()).build();
    assert_eq!(code(complete(&[missing]).send().await), "InvalidPart");
    let wrong = CompletedPart::builder().part_number(1).e_tag(last.e_tag().unwrap()).build();
    assert_eq!(code(complete(&[wrong]).send().await), "InvalidPart");
    assert_eq!(code(complete(std::slice::from_ref(&small)).mpu_object_size(99).send().await), "InvalidRequest");
    let out_of_bounds =
        home.s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(10_001).body(vec![].into()).send().await;
    assert_eq!(code(out_of_bounds), "InvalidArgument");
    home.put("k", "there already").await;
    assert_eq!(code(complete(std::slice::from_ref(&small)).if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(code(complete(std::slice::from_ref(&small)).if_match("\"x\"").send().await), "PreconditionFailed");
    complete(&[small]).send().await.unwrap();
    assert!(home.get("k").await == bytes(100));
}

#[tokio::test]
async fn the_checksum_of_the_whole_is_joined_from_the_parts_and_a_wrong_claim_refused() {
    use base64::Engine as _;
    use s3s::crypto::{Checksum as _, Crc32, Crc64Nvme};
    let encode = |b: &[u8]| base64::engine::general_purpose::STANDARD.encode(b);
    let home = Home::new().await;
    let all = bytes(FIVE + 77);
    let (crc64, crc32) = (encode(&Crc64Nvme::checksum(&all)), encode(&Crc32::checksum(&all)));
    for (algorithm, kind, right) in [
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject, crc64),
        (ChecksumAlgorithm::Crc32, ChecksumType::FullObject, crc32.clone()),
        (ChecksumAlgorithm::Crc32, ChecksumType::Composite, String::new()),
        (ChecksumAlgorithm::Sha256, ChecksumType::Composite, String::new()),
    ] {
        let begun = home
            .s3
            .create_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone())
            .checksum_type(kind.clone());
        let id = begun.send().await.unwrap().upload_id().unwrap().to_owned();
        let mut parts = Vec::new();
        for (n, chunk) in (1..).zip(all.chunks(FIVE)) {
            let sent =
                home.s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(n).checksum_algorithm(algorithm.clone());
            let sent = sent.body(chunk.to_vec().into()).send().await.unwrap();
            parts.push(CompletedPart::builder().part_number(n).e_tag(sent.e_tag().unwrap()).build());
        }
        let complete =
            || home.s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).multipart_upload(list(&parts));
        if algorithm == ChecksumAlgorithm::Crc32 && kind == ChecksumType::FullObject {
            assert_eq!(code(complete().checksum_crc32("AAAAAA==").send().await), "BadDigest");
        }
        let done = complete().send().await.unwrap();
        let found =
            [done.checksum_crc64_nvme(), done.checksum_crc32(), done.checksum_sha256()].into_iter().flatten().next().unwrap();
        match kind {
            ChecksumType::FullObject => assert_eq!(found, right, "{algorithm:?}"),
            _ => assert!(found.ends_with("-2"), "{found}"),
        }
        let got = home.s3.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(got.checksum_type(), Some(&kind));
        assert!(got.body.collect().await.unwrap().to_vec() == all, "the SDK verified it");
    }
}

#[tokio::test]
async fn parts_can_come_from_an_object_that_is_there() {
    let home = Home::new().await;
    let all = bytes(FIVE + 500);
    home.put("from", all.clone()).await;
    let id = begin(&home, "to").await;
    let mut parts = Vec::new();
    for (n, range) in [(1, format!("bytes=0-{}", FIVE - 1)), (2, format!("bytes={FIVE}-{}", FIVE + 499))] {
        let copied = home.s3.upload_part_copy().bucket(BUCKET).key("to").upload_id(&id).part_number(n);
        let copied = copied.copy_source(format!("{BUCKET}/from")).copy_source_range(range).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(n).e_tag(copied.copy_part_result().unwrap().e_tag().unwrap()).build());
    }
    let beyond = home.s3.upload_part_copy().bucket(BUCKET).key("to").upload_id(&id).part_number(3);
    assert_eq!(
        code(beyond.copy_source(format!("{BUCKET}/from")).copy_source_range("bytes=0-99999999").send().await),
        "InvalidRange"
    );
    home.s3
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("to")
        .upload_id(&id)
        .multipart_upload(list(&parts))
        .send()
        .await
        .unwrap();
    assert!(home.get("to").await == all);
}

#[tokio::test]
async fn uploads_under_way_are_listed_page_by_page() {
    let home = Home::new().await;
    for key in ["a/1", "a/2", "b", "b", "c"] {
        begin(&home, key).await;
    }
    let list = || home.s3.list_multipart_uploads().bucket(BUCKET);
    let all = list().send().await.unwrap();
    assert_eq!(all.uploads().iter().map(|u| u.key().unwrap()).collect::<Vec<_>>(), ["a/1", "a/2", "b", "b", "c"]);
    let folders = list().delimiter("/").send().await.unwrap();
    assert_eq!((folders.uploads().len(), folders.common_prefixes()[0].prefix()), (3, Some("a/")));
    assert_eq!(list().prefix("b").send().await.unwrap().uploads().len(), 2);
    let (mut seen, mut key, mut id) = (Vec::new(), None::<String>, None::<String>);
    loop {
        let page = list().max_uploads(1).set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
        seen.extend(page.uploads().iter().map(|u| (u.key().unwrap().to_owned(), u.upload_id().unwrap().to_owned())));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, id) = (page.next_key_marker().map(Into::into), page.next_upload_id_marker().map(Into::into));
    }
    let unique: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (5, 5));
    let full = home.s3.delete_bucket().bucket(BUCKET).send().await;
    full.unwrap();
    assert_eq!(code(list().send().await), "NoSuchBucket");
}
