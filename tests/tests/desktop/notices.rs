//! Buttons of notifications do what they say, and say what they did.

use imagepic_tests::{Desktop, clipboard, eventually, http, pictures};

use crate::steps::{BUCKET, Elsewhere, copy_picture, gives_back_png, link_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undo_takes_the_object_out_of_the_bucket_gives_the_clipboard_back_and_says_so() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(92, 60, 60);
    let _owner = copy_picture(&desktop, &picture).await;
    desktop.tray().click(&["Upload clipboard"]).await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    let told = desktop.notifications().wait_for("the link", |told| told.summary == "Link copied").await;
    assert!(told.picture.is_some_and(|(width, height)| width > 0 && width == height), "the picture itself is shown: {told:?}");
    assert!(told.actions.iter().any(|(_, label)| label == "Show in library"), "{told:?}");
    desktop.notifications().press(&told, "Undo").await;
    let told = desktop.notifications().wait_for("it is gone", |told| told.summary == "Upload removed").await;
    assert!(told.body.contains("This computer / images"), "{}", told.body);
    assert!(told.actions.is_empty(), "{told:?}");
    assert!(desktop.keys(BUCKET).is_empty());
    assert_eq!(http::get(&link).await.status, 404);
    eventually("the picture on the clipboard again", async || {
        clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(())
    })
    .await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_result_takes_the_place_of_the_last_one() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    let mut shown = Vec::new();
    for name in ["one.png", "two.png", "three.png"] {
        let file = desktop.file(name, &pictures::png(name.len() as u64, 60, 60 + u32::try_from(shown.len()).expect("few")));
        assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
        shown.push(desktop.notifications().wait_for(name, |told| told.body.contains(name)).await);
    }
    assert!(shown.iter().all(|told| told.summary == "Link copied"), "{shown:?}");
    assert_eq!(shown[1..].iter().map(|told| told.replaces).collect::<Vec<_>>(), [shown[0].id; 2]);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_sends_what_failed_once_its_cause_is_mended() {
    let desktop = Desktop::start().await;
    let store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    set(&desktop, "destinations.Elsewhere.bucket", "later");
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(93, 60, 60);
    let file = desktop.file("early.png", &picture);
    assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
    let failed = desktop.notifications().wait_for("it failed", |told| told.summary == "Upload failed").await;
    assert!(failed.body.contains("early.png") && failed.body.contains("later"), "{}", failed.body);
    // The file may go: what was taken in is ours.
    std::fs::remove_file(&file).expect("ours");
    store.make_other_bucket(&desktop, "later");
    desktop.notifications().press(&failed, "Retry").await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    eventually("the failure to be replaced by the result", async || {
        desktop.notifications().all().into_iter().rfind(|told| told.id == failed.id).filter(|told| told.summary == "Link copied")
    })
    .await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_quiet_mode_no_result_is_told_and_afterwards_they_are_again() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.notifications", "quiet");
    let app = desktop.launch::<&str>(&[]).await;
    let quiet = desktop.file("quiet.png", &pictures::png(94, 60, 60));
    assert!(desktop.start_app(&[&quiet]).wait_for_end().await.success());
    let first = link_on_clipboard(&desktop, None).await;
    set(&desktop, "general.notifications", "all");
    // The running app hears of it a moment later; results from then on are told.
    let loud = desktop.file("loud.png", &pictures::png(95, 60, 60));
    eventually("a result that is told", async || {
        assert!(desktop.start_app(&[&loud]).wait_for_end().await.success());
        link_on_clipboard(&desktop, None).await;
        desktop.notifications().all().into_iter().find(|told| told.body.contains("loud"))
    })
    .await;
    let told = desktop.notifications().all();
    assert!(told.iter().all(|told| !told.body.contains("quiet")), "{told:?}");
    assert!(first.contains("quiet"), "{first}");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_breaks_off_is_told_as_damaged_with_its_link() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.notifications", "problems");
    let app = desktop.launch::<&str>(&[]).await;
    let whole = pictures::png(96, 60, 60);
    let half = desktop.file("half.png", &whole[..whole.len() / 2]);
    assert!(desktop.start_app(&[&half]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("it goes damaged", |told| told.summary == "Link copied").await;
    assert!(told.body.contains("damaged") && told.body.contains("half.png"), "{}", told.body);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_finishes_for_a_console_was_never_meant_for_the_clipboard() {
    let desktop = Desktop::start().await;
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "Elsewhere");
    store.stop();
    let picture = desktop.file("left.png", &pictures::png(97, 60, 60));
    let left = desktop.imagepic(&["upload", picture.to_str().expect("plain")]);
    assert_eq!(left.status.code(), Some(1), "{}", left.err);
    let app = desktop.launch::<&str>(&[]).await;
    store.again(&desktop).await;
    let told = desktop.notifications().wait_for("it is there", |told| told.summary == "Uploaded").await;
    assert!(told.body.contains("left.png") && !told.body.contains("copied something else"), "{}", told.body);
    assert!(told.actions.iter().any(|(_, label)| label == "Copy link"), "{told:?}");
    app.quit();
}
