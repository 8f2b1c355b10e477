//! Buckets in the library's window: seen, filled, renamed, deleted and taken back, by hand and by keyboard.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::steps::BUCKET;

async fn lies_there(desktop: &Desktop, folder: &str, seed: u64) -> String {
    let file = desktop.file(&format!("shot-{seed}.png"), &pictures::png(seed, 24, 18));
    let mut arguments = vec!["upload", file.to_str().expect("plain")];
    if !folder.is_empty() {
        arguments.extend(["--folder", folder]);
    }
    desktop.imagepic(&arguments).success();
    desktop.keys(BUCKET).into_iter().find(|key| key.contains(&format!("shot-{seed}"))).expect("it is there")
}

async fn at(session: &Session, folder: &str) {
    let encoded = folder.replace('/', "%2F");
    let script =
        format!("location.hash = '#buckets/this-computer/{BUCKET}/{encoded}'; dispatchEvent(new PopStateEvent('popstate'))");
    session.execute(&script, Vec::new()).await.expect("a script");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_browsed_and_a_deleted_folder_is_taken_back() {
    let desktop = Desktop::start().await;
    let top = lies_there(&desktop, "", 81).await;
    let inside = lies_there(&desktop, "docs", 82).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    session.press("This computer").await;
    session.press(BUCKET).await;
    session.text_with("what lies there", |text| text.contains("docs") && text.contains(&top[..7])).await;
    let folder = session.find_soon("[data-id='f:docs/']").await;
    folder.click().await.expect("a folder");
    let delete = session.find_soon(".details [aria-label='Delete folder']").await;
    delete.click().await.expect("a button");
    session.text_with("what was deleted", |text| text.contains("docs and 1 object deleted from images") && text.contains("Undo")).await;
    let undo = session.find_soon(".bulk .undo").await;
    undo.click().await.expect("Undo");
    session.find_soon("[data-id='f:docs/']").await;
    assert!(desktop.keys(BUCKET).contains(&inside), "nothing had happened yet");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_folder_is_made_and_an_object_renamed_and_moved_there() {
    let desktop = Desktop::start().await;
    let key = lies_there(&desktop, "", 83).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    at(&session, "").await;
    session.find_soon(&format!("[data-id='o:{key}']")).await.click().await.expect("an object");
    session.find_soon(".details [aria-label='Rename']").await.click().await.expect("a button");
    let name = session.find_soon("dialog input").await;
    name.clear().await.expect("a field");
    name.send_keys("截图 <b>.png").await.expect("a field");
    session.press("Rename").await;
    eventually("the other name", async || desktop.keys(BUCKET).contains(&"截图 <b>.png".to_owned()).then_some(())).await;
    session.text_with("the other name as it is", |text| text.contains("截图 <b>.png")).await;

    session.find_soon("[data-id='o:截图 <b>.png']").await.click().await.expect("an object");
    session.press("Move…").await;
    let place = session.find_soon("#naming").await;
    place.clear().await.expect("a field");
    place.send_keys("archive/2026").await.expect("a field");
    session.press("Move").await;
    eventually("the other place", async || desktop.keys(BUCKET).contains(&"archive/2026/截图 <b>.png".to_owned()).then_some(()))
        .await;
    session.find_soon("[data-id='f:archive/']").await;

    session.find_soon(".tools [aria-label='New folder']").await.click().await.expect("a button");
    let name = session.find_soon("dialog input").await;
    name.send_keys("..").await.expect("a field");
    session.press("Create").await;
    session.text_with("why not", |text| text.contains("no “.” or “..”")).await;
    name.clear().await.expect("a field");
    name.send_keys("设计稿").await.expect("a field");
    session.press("Create").await;
    session.text_with("the new folder", |text| text.contains("Nothing here yet")).await;
    session.close().await;
}
