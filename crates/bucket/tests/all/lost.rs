//! The folder of bytes lost some, behind the index's back: a person cleaned up, a disk was bad, a backup was half.

use std::path::{Path, PathBuf};

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::common::{BUCKET, Home, blobs, bytes, code, eventually};

/// Every file of bytes.
fn files(dir: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(dir.join("blobs")).unwrap();
    folders.flat_map(|f| std::fs::read_dir(f.unwrap().path()).unwrap().map(|f| f.unwrap().path())).collect()
}

fn shorten(path: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
}

/// What is done to a file behind the bucket's back.
type Harm = fn(&Path);

const HARMS: [Harm; 2] = [|path| std::fs::remove_file(path).unwrap(), shorten];

#[tokio::test]
async fn an_object_whose_bytes_are_gone_is_an_error_and_never_an_empty_success() {
    for harm in HARMS {
        for size in [5, 83_000, 3_000_000] {
            let home = Home::new().await;
            home.put("k", bytes(size)).await;
            files(home.dir.path()).iter().for_each(|path| harm(path));
            let object = || home.s3.get_object().bucket(BUCKET).key("k");
            for got in [object().send().await, object().range("bytes=1-2").send().await] {
                let error = got.expect_err("there is nothing to give").into_service_error();
                assert_eq!(error.code(), Some("InternalError"), "{size}");
                assert!(error.message().unwrap().contains("bytes"), "{error:?}");
            }
            let head = home.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap_err();
            assert_eq!(head.raw_response().unwrap().status().as_u16(), 500, "{size}");
            let copied = home.s3.copy_object().bucket(BUCKET).key("copy").copy_source("images/k").send().await;
            assert_eq!(code(copied), "InternalError");
            assert_eq!(home.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents().len(), 1);
            home.s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
            assert_eq!(home.server.usage().await.unwrap().objects, 0);
        }
    }
}

#[tokio::test]
async fn whoever_puts_the_same_file_again_has_it_again_though_its_name_is_protected() {
    for harm in HARMS {
        let home = Home::new().await;
        home.put("k", bytes(83_000)).await;
        home.put("whole", bytes(10)).await;
        let put = async |key: &str| {
            home.s3.put_object().bucket(BUCKET).key(key).if_none_match("*").body(bytes(83_000).into()).send().await
        };
        let file = files(home.dir.path()).into_iter().find(|path| path.metadata().unwrap().len() == 83_000).unwrap();
        assert_eq!(code(put("k").await), "PreconditionFailed", "while it is there");
        harm(&file);
        assert_eq!(code(put("whole").await), "PreconditionFailed", "another object is protected as ever");
        put("k").await.unwrap();
        assert!(home.get("k").await == bytes(83_000));
        eventually("what was left of the old one is gone", || blobs(home.dir.path()) == 2).await;
    }
}

#[tokio::test]
async fn parts_that_are_gone_are_not_put_together() {
    for harm in HARMS {
        let home = Home::new().await;
        let begun = home.s3.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap();
        let id = begun.upload_id().unwrap();
        let sent = home.s3.upload_part().bucket(BUCKET).key("k").upload_id(id).part_number(1).body(bytes(1000).into()).send();
        let part = CompletedPart::builder().part_number(1).e_tag(sent.await.unwrap().e_tag().unwrap()).build();
        files(home.dir.path()).iter().for_each(|path| harm(path));
        let list = CompletedMultipartUpload::builder().parts(part).build();
        let done = home.s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(id).multipart_upload(list).send().await;
        assert_eq!(code(done), "InternalError");
        assert_eq!(home.server.usage().await.unwrap().objects, 0);
    }
}
