//! What is dragged out of a web page: pictures that are no files, and files that the page may have named by itself.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, display, eventually, http, pictures, xdnd};

use crate::steps::{BUCKET, history, link_on_clipboard};

/// Drops it, until the window took it, once its page is there to say something about it.
async fn drop_on_zone(desktop: &Desktop, session: &Session, offers: &[xdnd::Offer]) {
    session.find_soon(".dz-foot .where").await;
    let zone = display::wait_for_window(&desktop.machine, "Drop zone").await;
    eventually("the drop zone to take the drop", async || {
        let dropped = xdnd::drop_offers(&desktop.machine, &zone, offers);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_dragged_out_of_a_page_is_refused_with_what_to_do_instead() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let signed = "https://cdn.example/shots/a.png?X-Amz-Signature=0123abcd";
    for (offers, name) in [
        (xdnd::out_of_firefox(signed), "cdn.example"),
        (xdnd::out_of_chromium("https://img.example/b.png"), "img.example"),
        (xdnd::out_of_firefox("data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="), "data:image"),
        (xdnd::out_of_chromium("blob:https://app.example/4711"), "blob:"),
    ] {
        drop_on_zone(&desktop, &session, &offers).await;
        let text = session.text_with("the refusal", |text| text.contains("web address") && text.contains(name)).await;
        assert!(text.contains("Save the image first"), "{text}");
        assert!(!text.contains("0123abcd"), "a signature is shown: {text}");
    }
    assert!(history(&desktop).is_empty());
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_page_named_goes_only_when_a_person_says_so() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let picture = pictures::png(90, 60, 40);
    let file = desktop.file("passport.png", &picture);
    for browser in [xdnd::out_of_firefox, xdnd::out_of_chromium] {
        drop_on_zone(&desktop, &session, &browser(&xdnd::file_uri(&file))).await;
        session.text_with("the question", |text| text.contains("A web page named a file of yours")).await;
        session.press("Don’t upload").await;
        session.text_with("the question to go", |text| text.contains("Drop images here")).await;
    }
    assert!(history(&desktop).is_empty(), "it went before anybody said so");
    drop_on_zone(&desktop, &session, &xdnd::out_of_firefox(&xdnd::file_uri(&file))).await;
    session.press("Upload").await;
    let link = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&link).await.bytes, picture);
    assert_eq!(desktop.keys(BUCKET).len(), 1);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_drop_with_a_web_address_the_file_goes_and_the_address_is_named() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let picture = pictures::png(91, 50, 40);
    let uris = [xdnd::file_uri(&desktop.file("good.png", &picture)), "https://img.example/bad.png".to_owned()];
    drop_on_zone(&desktop, &session, &[xdnd::uri_list(&uris)]).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&link).await.bytes, picture);
    session.text_with("both outcomes", |text| text.contains("good") && text.contains("img.example")).await;
    session.close().await;
}
