//! What is dragged out of a web page: pictures that are no files, and files that the page may have named by itself.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Site, clipboard, eventually, http, pictures, xdnd};

use crate::hands::speaks;
use crate::steps::{BUCKET, gives_back_png, history, link_on_clipboard, set};

/// Drops it, until the window took it, once its page is there to say something about it.
async fn drop_on_zone(desktop: &Desktop, session: &Session, offers: &[xdnd::Offer]) {
    session.find_soon(".dz-foot .where").await;
    let zone = crate::steps::zone(desktop).await;
    eventually("the drop zone to take the drop", async || {
        let dropped = xdnd::drop_offers(&desktop.machine, &zone, offers);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
}

/// What Firefox offers for a picture that is no link: no list of addresses.
fn without_a_list(address: &str) -> Vec<xdnd::Offer> {
    let offers = xdnd::out_of_firefox(address);
    let netscape = ("_NETSCAPE_URL", format!("{address}\nA picture").into_bytes());
    offers.into_iter().filter(|(target, _)| *target != "text/uri-list").chain([netscape]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_dragged_out_of_a_page_is_uploaded() {
    let desktop = Desktop::start().await;
    let site = Site::start();
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let picture = |seed| pictures::png(seed, 90, 60);
    let first = site.show("/shots/a.png", "image/png", &picture(1));
    // The site is on this computer: a person is asked, once for the host, and nothing is sent there before.
    drop_on_zone(&desktop, &session, &xdnd::out_of_firefox(&format!("{first}?X-Amz-Signature=0123abcd"))).await;
    let asked = desktop.notifications().wait_for("may it be fetched?", |told| told.summary.contains("your own network")).await;
    assert!(asked.body.contains("127.0.0.1") && asked.body.contains("/shots/a.png"), "{}", asked.body);
    assert!(!asked.body.contains("0123abcd"), "a signature is shown: {}", asked.body);
    assert!(site.asked().is_empty(), "it was asked before anybody said so");
    desktop.notifications().press(&asked, "Fetch").await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture(1)).await;
    // A link around a picture: the picture is meant.
    let (page, inside) = (site.show("/page", "text/html", b"<p>a page"), site.show("/b.png", "image/png", &picture(2)));
    let linked = [
        xdnd::uri_list(&[page]),
        ("text/html", format!("<a href=\"/page\"><img src=\"{inside}\"></a>").into_bytes()),
        ("chromium/x-renderer-taint", Vec::new()),
    ];
    drop_on_zone(&desktop, &session, &linked).await;
    let link = link_on_clipboard(&desktop, Some(&link)).await;
    gives_back_png(&link, &picture(2)).await;
    // Without a list of addresses.
    drop_on_zone(&desktop, &session, &without_a_list(&site.show("/c.png", "image/png", &picture(3)))).await;
    let link = link_on_clipboard(&desktop, Some(&link)).await;
    gives_back_png(&link, &picture(3)).await;
    // A picture that is inside its address.
    let inside =
        format!("data:image/png;base64,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, picture(4)));
    drop_on_zone(&desktop, &session, &xdnd::out_of_chromium(&inside)).await;
    let link = link_on_clipboard(&desktop, Some(&link)).await;
    gives_back_png(&link, &picture(4)).await;
    assert_eq!(history(&desktop).len(), 4);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dragged_out_of_a_page_and_is_no_picture_says_what_it_is() {
    let desktop = Desktop::start().await;
    let site = Site::start();
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let page = site.show("/page.html", "text/html", &b"<!doctype html><p>hello</p>".repeat(100));
    drop_on_zone(&desktop, &session, &[xdnd::uri_list(&[page])]).await;
    // Where notifications have no buttons the tray asks too.
    desktop.tray().click(&["Fetch from your own network?", "Fetch"]).await;
    session.text_with("what came", |text| text.contains("text/html") && text.contains("2.7 kB")).await;
    speaks(&desktop, "zh-CN", "拖放区").await;
    drop_on_zone(&desktop, &session, &xdnd::out_of_chromium("blob:https://app.example/4711")).await;
    session.text_with("the refusal", |text| text.contains("blob:") && text.contains("先保存图片，再拖放文件")).await;
    drop_on_zone(&desktop, &session, &[xdnd::uri_list(&[site.show("/no.png", "image/png", &pictures::png(5, 9, 9))])]).await;
    session.text_with("the picture", |text| text.contains("链接已复制")).await;
    assert_eq!(history(&desktop).len(), 1);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_and_the_clipboard_take_addresses_too() {
    let desktop = Desktop::start().await;
    let site = Site::start();
    let picture = pictures::png(6, 70, 50);
    let address = site.show("/a.png", "image/png", &picture);
    let said = desktop.imagepic(&["upload", &address]);
    assert!(!said.status.success() && said.err.contains("--allow-private"), "{}", said.err);
    assert!(site.asked().is_empty());
    let said = desktop.imagepic(&["upload", "--allow-private", &address]);
    gives_back_png(said.success().out.trim(), &picture).await;
    set(&desktop, "general.language", "zh-CN");
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(7, 70, 50);
    let copied = desktop.file("address.txt", site.show("/copied.png", "image/png", &picture).as_bytes());
    let _owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &copied).await;
    desktop.tray().click(&["上传剪贴板"]).await;
    let asked = desktop.notifications().wait_for("may it be fetched?", |told| told.summary == "从你自己的网络获取？").await;
    desktop.notifications().press(&asked, "获取").await;
    // The address is a link as well: what it becomes is another one.
    let address = site.show("/copied.png", "image/png", &picture);
    gives_back_png(&link_on_clipboard(&desktop, Some(&address)).await, &picture).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_page_named_goes_only_when_a_person_says_so() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let picture = pictures::png(90, 60, 40);
    let file = desktop.file("passport.png", &picture);
    drop_on_zone(&desktop, &session, &xdnd::out_of_firefox(&xdnd::file_uri(&file))).await;
    session.text_with("the question", |text| text.contains("A web page named a file of yours")).await;
    session.press("Don’t upload").await;
    session.text_with("the question to go", |text| text.contains("Drop images here")).await;
    speaks(&desktop, "zh-CN", "拖放区").await;
    drop_on_zone(&desktop, &session, &xdnd::out_of_chromium(&xdnd::file_uri(&file))).await;
    session.text_with("the question", |text| text.contains("有网页指定了你的一个文件")).await;
    session.press("不上传").await;
    session.text_with("the question to go", |text| text.contains("把图片拖到这里")).await;
    assert!(history(&desktop).is_empty(), "it went before anybody said so");
    drop_on_zone(&desktop, &session, &xdnd::out_of_firefox(&xdnd::file_uri(&file))).await;
    session.press("上传").await;
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
    let uris = [xdnd::file_uri(&desktop.file("good.png", &picture)), "blob:https://img.example/bad.png".to_owned()];
    drop_on_zone(&desktop, &session, &[xdnd::uri_list(&uris)]).await;
    let link = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&link).await.bytes, picture);
    session.text_with("both outcomes", |text| text.contains("good") && text.contains("img.example")).await;
    session.close().await;
}
