//! Files dropped on the drop zone.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, http, pictures};

use crate::hands::speaks;
use crate::steps::{
    BUCKET, copy_picture, drop_on_zone, gives_back_png, link_on_clipboard, links_on_clipboard, picture_files, set,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_file_is_a_link_a_moment_later() {
    let desktop = Desktop::start().await;
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    let picture = pictures::png(20, 200, 100);
    let file = desktop.file("截图 #1 100%.png", &picture);
    drop_on_zone(&desktop, &[file]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn a_hundred_drops_make_a_hundred_links_no_loop_no_double() {
    let desktop = Desktop::start().await;
    // Whatever the app puts on the clipboard itself must not come back as an upload.
    set(&desktop, "capture.clipboard", "automatic");
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    let mut last: Option<String> = None;
    for number in 0..100 {
        let picture = pictures::png(3000 + number, 48, 32);
        let file = desktop.file(&format!("drop {number:03}.png"), &picture);
        drop_on_zone(&desktop, &[file]).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        gives_back_png(&link, &picture).await;
        last = Some(link);
    }
    assert_eq!(desktop.keys(BUCKET).len(), 100);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_dropped_files_are_twenty_links_in_their_order() {
    let desktop = Desktop::start().await;
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    // Sizes that fall: the first ones end last unless somebody keeps order.
    let files: Vec<_> = (0..20_u32)
        .map(|number| {
            let picture = pictures::png(u64::from(number) + 500, 20 + 20 * (20 - number), 60);
            (desktop.file(&format!("{number:02}.png"), &picture), picture)
        })
        .collect();
    let paths: Vec<_> = files.iter().map(|(file, _)| file.clone()).collect();
    drop_on_zone(&desktop, &paths).await;
    let links = links_on_clipboard(&desktop, 20).await;
    for (link, (_, picture)) in links.iter().zip(&files) {
        gives_back_png(link, picture).await;
    }
    assert_eq!(desktop.keys(BUCKET).len(), 20);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_folder_the_pictures_go_and_the_text_is_named_as_refused() {
    let desktop = Desktop::start().await;
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    let files = picture_files(&desktop, "album/p", 3, 50);
    let _notes = desktop.file("album/notes.txt", b"these are notes");
    let folder = files[0].0.parent().expect("it lies in the folder").to_path_buf();
    drop_on_zone(&desktop, &[folder]).await;
    let links = links_on_clipboard(&desktop, 3).await;
    for (link, (_, bytes)) in links.iter().zip(&files) {
        assert_eq!(&http::get(link).await.bytes, bytes);
    }
    desktop
        .notifications()
        .wait_for("the text file was refused", |told| told.body.contains("notes.txt") || told.summary.contains("notes.txt"))
        .await;
    assert_eq!(desktop.keys(BUCKET).len(), 3);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_offered_is_offered_no_longer_once_it_was_pasted() {
    let desktop = Desktop::start().await;
    set(&desktop, "capture.clipboard", "ask");
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
    session.text_with("the zone", |text| text.contains("Drop images here")).await;
    let picture = pictures::png(31, 120, 80);
    let _owner = copy_picture(&desktop, &picture).await;
    session.text_with("the offer", |text| text.contains("Upload the clipboard?")).await;
    display::press(&desktop.machine, &zone, "ctrl+v");
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    session.text_with("the result alone", |text| text.contains("Link copied") && !text.contains("120 × 80")).await;
    speaks(&desktop, "zh-CN", "拖放区").await;
    let picture = pictures::png(32, 121, 81);
    let _owner = copy_picture(&desktop, &picture).await;
    session.text_with("the offer", |text| text.contains("121 × 81")).await;
    session.press("上传").await;
    gives_back_png(&link_on_clipboard(&desktop, Some(&link)).await, &picture).await;
    session.text_with("the result alone", |text| text.contains("链接已复制") && !text.contains("121 × 81")).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_folder_of_hundreds_asks_and_no_means_no() {
    let desktop = Desktop::start().await;
    let files = picture_files(&desktop, "album/p", 201, 12);
    let folder = files[0].0.parent().expect("it lies in the folder").to_path_buf();
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    session.text_with("the zone", |text| text.contains("Drop images here")).await;
    drop_on_zone(&desktop, std::slice::from_ref(&folder)).await;
    session
        .text_with("the question", |text| text.contains("Upload 201 files from album?") && text.contains("This computer"))
        .await;
    session.press("Don’t upload").await;
    session.text_with("the zone again", |text| text.contains("Drop images here")).await;
    assert!(desktop.keys(BUCKET).is_empty(), "nothing went");
    speaks(&desktop, "zh-CN", "拖放区").await;
    drop_on_zone(&desktop, &[folder]).await;
    session.text_with("the question", |text| text.contains("上传 album 中的 201 个文件？")).await;
    session.press("上传 201 个").await;
    assert_eq!(links_on_clipboard(&desktop, 201).await.len(), 201);
    assert_eq!(desktop.keys(BUCKET).len(), 201);
    session.close().await;
}
