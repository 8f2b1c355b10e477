//! Files dropped on the drop zone.

use imagepic_tests::{Desktop, http, pictures};

use crate::steps::{BUCKET, drop_on_zone, gives_back_png, link_on_clipboard, links_on_clipboard, picture_files};

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
