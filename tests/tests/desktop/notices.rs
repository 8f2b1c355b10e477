//! Buttons of notifications do what they say, and say what they did.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, eventually, http, pictures};

use crate::steps::{BUCKET, Elsewhere, app_watching, copy_picture, gives_back_png, history, link_on_clipboard, set};

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
async fn open_leads_to_the_picture_in_the_browser() {
    let mut desktop = Desktop::start().await;
    let outside = crate::uploads::Outside::of(&mut desktop).await;
    let app = desktop.launch::<&str>(&[]).await;
    let mut last = None;
    for (language, quit, copied, open) in [("en", "Quit", "Link copied", "Open"), ("zh-CN", "退出", "已复制 1 个链接", "打开")]
    {
        set(&desktop, "general.language", language);
        desktop.tray().wait_for(&[quit]).await;
        let picture = pictures::png(310, 60, if last.is_none() { 40 } else { 41 });
        assert!(desktop.start_app(&[desktop.file("shot.png", &picture)]).wait_for_end().await.success());
        let told = desktop.notifications().wait_for("the link", |told| told.summary == copied).await;
        let link = link_on_clipboard(&desktop, last.as_deref()).await;
        desktop.notifications().press(&told, open).await;
        assert_eq!(outside.browsed().await, link);
        gives_back_png(&link, &picture).await;
        last = Some(link);
    }
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
    // Its link can still be copied once its object is gone, and says so.
    store.loses(&desktop, "later", &history(&desktop)[0]);
    desktop.tray().click(&["Recent", "early.png"]).await;
    let nowhere = "early.png is no longer in later: its link opens nothing";
    desktop.notifications().wait_for("it leads nowhere", |told| told.body.contains(nowhere)).await;
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
    set(&desktop, "general.language", "zh-CN");
    desktop.tray().wait_for(&["退出"]).await;
    let half = desktop.file("半张.png", &whole[..whole.len() / 3]);
    assert!(desktop.start_app(&[&half]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("it goes damaged", |told| told.body.contains("半张.png")).await;
    assert!(told.summary == "已复制 1 个链接" && told.body.contains("损坏"), "{told:?}");
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

/// A PNG that claims more pixels than anybody has memory for; its head alone is right.
pub(crate) fn claims_too_much() -> Vec<u8> {
    let mut bomb = pictures::png(1, 8, 8);
    // IHDR: length, name, width, height, five bytes, and the sum of all but the length.
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let sum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    bomb
}

/// CRC-32 as PNG has it (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_question_about_a_copied_image_shows_it_unless_it_is_broken_or_claims_too_much() {
    let desktop = Desktop::start().await;
    let app = app_watching(&desktop, "ask").await;
    let asked = async |size: &str| {
        desktop.notifications().wait_for(size, |told| told.summary == "Upload this screenshot?" && told.body.contains(size)).await
    };
    let owner = copy_picture(&desktop, &pictures::png(97, 640, 400)).await;
    let (width, height) = asked("640 × 400").await.picture.expect("the picture is shown");
    assert!(width > 0 && height > 0 && width <= 512 && height <= 512, "{width} × {height}");
    drop(owner);
    let owner = copy_picture(&desktop, &claims_too_much()).await;
    let bomb = asked("60000 × 60000").await;
    assert_eq!((bomb.picture, bomb.actions.len()), (None, 2), "{bomb:?}");
    drop(owner);
    let mut broken = pictures::png(98, 300, 200);
    broken.truncate(60);
    let _owner = copy_picture(&desktop, &broken).await;
    let broken = asked("300 × 200").await;
    assert_eq!((broken.picture, broken.actions.len()), (None, 2), "{broken:?}");
    app.quit();
}

/// A store whose bucket nobody reads without a signature, as the place of uploads, whose links are set to be public all the same.
async fn closed_store(desktop: &Desktop) -> Elsewhere {
    let store = Elsewhere::start(desktop).await;
    store.add(desktop, "Elsewhere");
    desktop.imagepic(&["destinations", "edit", "Elsewhere", "--public-base", ""]).success();
    let first = desktop.file("first.png", &pictures::png(3, 8, 8));
    desktop.imagepic(&["upload", first.to_str().expect("plain"), "--to", "Elsewhere", "--bucket", "quiet", "--create"]).success();
    set(desktop, "destinations.Elsewhere.bucket", "quiet");
    set(desktop, "destinations.Elsewhere.folder", "docs");
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_link_that_opens_for_nobody_is_told_with_a_signed_one_at_one_click() {
    let desktop = Desktop::start().await;
    let _store = closed_store(&desktop).await;
    let app = desktop.launch::<&str>(&[]).await;
    let picture = pictures::png(99, 50, 40);
    assert!(desktop.start_app(&[desktop.file("shut.png", &picture)]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("it opens for nobody", |told| told.body.contains("Opens for nobody else")).await;
    let public = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&public).await.status, 403);
    // GNOME shows three buttons.
    let labels: Vec<_> = told.actions.iter().take(3).map(|(_, label)| label.as_str()).collect();
    assert_eq!(labels, ["Copy signed link", "Make folder public…", "Undo"]);
    desktop.notifications().press(&told, "Copy signed link").await;
    let signed = link_on_clipboard(&desktop, Some(&public)).await;
    gives_back_png(&signed, &picture).await;
    // Once more, from a daemon that left it standing: it is a signed one again, and nothing was told or copied in between.
    let _owner = copy_picture(&desktop, &picture).await;
    eventually("the picture", async || clipboard::targets(&desktop.machine).contains(&"image/png".to_owned()).then_some(()))
        .await;
    desktop.notifications().press(&told, "Copy signed link").await;
    gives_back_png(&link_on_clipboard(&desktop, Some(&public)).await, &picture).await;
    let all = desktop.notifications().all();
    assert_eq!(all.len(), 1, "{all:?}");
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_link_that_opens_for_nobody_a_person_is_led_to_who_may_open_its_folder_in_chinese() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let _store = closed_store(&desktop).await;
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let picture = pictures::png(100, 50, 40);
    assert!(desktop.start_app(&[desktop.file("shut.png", &picture)]).wait_for_end().await.success());
    let told = desktop.notifications().wait_for("别人打不开", |told| told.body.contains("别人打不开")).await;
    assert!(told.actions.iter().any(|(_, label)| label == "复制签名链接"), "{told:?}");
    let public = link_on_clipboard(&desktop, None).await;
    assert_eq!(http::get(&public).await.status, 403);
    desktop.notifications().press(&told, "公开文件夹…").await;
    session.text_with("who may open it, and what that means", |text| text.contains("图片还在这里，有链接的人就能打开")).await;
    assert_eq!(http::get(&public).await.status, 403, "nothing was changed by looking");
    session.find_soon(".details .card:last-child input[name=bucket-access] + .radio").await.click().await.expect("a choice");
    eventually("the link to open", async || (http::get(&public).await.status == 200).then_some(())).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_chinese_results_take_each_others_place_and_quiet_mode_still_asks() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    set(&desktop, "capture.clipboard", "ask");
    let app = desktop.launch::<&str>(&[]).await;
    let mut shown = Vec::new();
    for (number, name) in ["一.png", "二.png"].into_iter().enumerate() {
        let file = desktop.file(name, &pictures::png(300 + number as u64, 60, 60));
        assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
        shown.push(desktop.notifications().wait_for(name, |told| told.body.contains(name)).await);
    }
    assert!(shown.iter().all(|told| told.summary == "已复制 1 个链接"), "{shown:?}");
    assert_eq!((shown[0].replaces, shown[1].replaces), (0, shown[0].id), "{shown:?}");
    let labels: Vec<_> = shown[1].actions.iter().map(|(_, label)| label.as_str()).filter(|label| !label.is_empty()).collect();
    assert_eq!(labels, ["撤销", "打开", "在图库中显示"]);
    desktop.notifications().press(&shown[1], "撤销").await;
    desktop.notifications().wait_for("it is gone", |told| told.summary == "已删除 1 个上传").await;

    set(&desktop, "general.notifications", "quiet");
    let before = desktop.notifications().all().len();
    let file = desktop.file("三.png", &pictures::png(302, 60, 60));
    assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
    clipboard::wait_for_text(&desktop.machine, "the third link", |text| text.contains("%E4%B8%89")).await;
    let _owner = copy_picture(&desktop, &pictures::png(303, 70, 50)).await;
    let asked = desktop.notifications().wait_for("a question", |told| told.summary == "上传这张截图？").await;
    assert!(asked.body.contains("70 × 50") && asked.body.contains("到 "), "{}", asked.body);
    let told = desktop.notifications().all();
    assert!(told[before..].iter().all(|told| told.id == asked.id), "quiet: {told:?}");
    desktop.notifications().press(&asked, "上传").await;
    clipboard::wait_for_text(&desktop.machine, "its link", |text| text.starts_with("http") && !text.contains("%E4%B8%89")).await;
    app.quit();
}
