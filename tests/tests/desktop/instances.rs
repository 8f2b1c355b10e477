//! One home, several processes.

use imagepic_tests::{Desktop, display, eventually, pictures};

use crate::steps::{BUCKET, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_with_files_uploads_them_in_the_first_one() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let files = picture_files(&desktop, "second", 2, 60);
    let mut second = desktop.start_app(&[&files[0].0, &files[1].0]);
    assert!(second.wait_for_end().await.success(), "{}", second.said());
    for (link, (_, bytes)) in links_on_clipboard(&desktop, 2).await.iter().zip(&files) {
        gives_back_png(link, bytes).await;
    }
    assert_eq!(desktop.tray().registrations(), 1, "a second icon in the tray");
    app.quit();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_name_is_no_text_goes_like_any_other() {
    use std::os::unix::ffi::OsStringExt as _;
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let files = picture_files(&desktop, "odd", 2, 60);
    let odd = files[1].0.with_file_name(std::ffi::OsString::from_vec(b"bad\xff.png".to_vec()));
    std::fs::rename(&files[1].0, &odd).expect("it is ours");
    let mut second = desktop.start_app(&[&files[0].0, &odd]);
    assert!(second.wait_for_end().await.success(), "{}", second.said());
    for (link, (_, bytes)) in links_on_clipboard(&desktop, 2).await.iter().zip(&files) {
        gives_back_png(link, bytes).await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_hears_why_its_files_were_not_taken() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let notes = desktop.file("notes.txt", b"these are notes");
    let picture = desktop.file("a.png", &pictures::png(31, 40, 40));
    let mut second = desktop.start_app(&[&notes, &picture]);
    assert_eq!(second.wait_for_end().await.code(), Some(1), "{}", second.said());
    assert!(second.said().contains("notes.txt") && !second.said().contains("a.png"), "{}", second.said());
    assert_eq!(desktop.keys(BUCKET).len(), 1, "the picture was taken all the same");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_about_a_folder_of_hundreds_keeps_nobody_else_waiting() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let many = picture_files(&desktop, "album/p", 201, 12);
    let folder = many[0].0.parent().expect("it lies in the folder").to_path_buf();
    let mut asks = desktop.start_app(&[&folder]);
    let question = desktop.notifications().wait_for("the question", |told| told.summary.contains("201 files")).await;
    let files = picture_files(&desktop, "beside", 1, 40);
    let mut beside = desktop.start_app(&[&files[0].0]);
    assert!(beside.wait_for_end().await.success(), "{}", beside.said());
    assert!(asks.ended().is_none(), "nobody has answered, and it says: {}", asks.said());
    desktop.notifications().press(&question, "Don’t upload").await;
    assert_eq!(asks.wait_for_end().await.code(), Some(1), "{}", asks.said());
    assert!(asks.said().contains("album"), "{}", asks.said());
    assert_eq!(desktop.keys(BUCKET).len(), 1);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_bare_start_shows_where_imagepic_is() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let mut second = desktop.start_app::<&str>(&[]);
    assert!(second.wait_for_end().await.success(), "{}", second.said());
    display::wait_for_window(&desktop.machine, "Drop zone").await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_beside_the_tray_app_uses_its_bucket() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let file = desktop.file("console.png", &pictures::png(30, 90, 90));
    let said = desktop.imagepic(&["upload", "--json", file.to_str().expect("plain")]);
    let results = said.success().json();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ok"], true, "{results:?}");
    let bytes = std::fs::read(&file).expect("it was written");
    assert_eq!(results[0]["sha256"].as_str(), Some(pictures::sha256(&bytes).as_str()));
    gives_back_png(results[0]["url"].as_str().expect("a link"), &bytes).await;
    // The tray hears of it.
    desktop.tray().wait_for(&["Recent", "console.png"]).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_starts_at_once_make_one_app_and_lose_no_file() {
    let desktop = Desktop::start().await;
    let files = picture_files(&desktop, "race", 2, 60);
    let mut one = desktop.start_app(&[&files[0].0]);
    let mut other = desktop.start_app(&[&files[1].0]);
    eventually("one of the two to hand over and end", async || one.ended().or_else(|| other.ended())).await;
    eventually("both files to be uploaded", async || {
        let done = history(&desktop).iter().filter(|upload| upload["stage"] == "done").count();
        (done == 2).then_some(())
    })
    .await;
    assert_eq!(desktop.keys(BUCKET).len(), 2);
    assert!(one.ended().is_none() || other.ended().is_none(), "both have ended");
    link_on_clipboard(&desktop, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_program_opens_windows_and_gives_files_to_the_tray_app() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    desktop.imagepic(&["desktop", "--show", "library"]).success();
    display::wait_for_window(&desktop.machine, "Library").await;
    let files = picture_files(&desktop, "given", 1, 60);
    desktop.imagepic(&["desktop".as_ref(), files[0].0.as_os_str()]).success();
    gives_back_png(&link_on_clipboard(&desktop, None).await, &files[0].1).await;
    let notes = desktop.file("notes.txt", b"these are notes");
    let refused = desktop.imagepic(&["desktop".as_ref(), notes.as_os_str()]);
    assert!(!refused.status.success() && refused.err.contains("notes.txt"), "{refused:?}");
    assert_eq!(desktop.tray().registrations(), 1, "a second icon in the tray");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_program_becomes_the_tray_app_where_none_runs() {
    let desktop = Desktop::start().await;
    let files = picture_files(&desktop, "first", 1, 60);
    let mut command = desktop.program("imagepic");
    command.arg("desktop").arg(&files[0].0);
    let app = desktop.start_command(command);
    gives_back_png(&link_on_clipboard(&desktop, None).await, &files[0].1).await;
    eventually("an icon in the tray", async || (desktop.tray().registrations() == 1).then_some(())).await;
    app.quit();
}
