//! The tray's menu and notifications in Chinese: the ways that are gone in English elsewhere.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, clipboard, display, eventually, http, pictures};

use crate::hands::ENTER;
use crate::steps::{BUCKET, Elsewhere, copy_picture, drop_on_zone, gives_back_png, history, link_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_menu_leads_through_buckets_formats_and_windows() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let shot = pictures::png(161, 40, 30);
    let file = desktop.file("登录页.png", &shot);
    desktop.imagepic(&["upload", file.to_str().expect("plain"), "--folder", "设计稿"]).success();
    let name = desktop.keys(BUCKET)[0].rsplit('/').next().expect("a name").to_owned();
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let tray = desktop.tray();

    // The newest image of a folder, and the same upload among the last ones.
    tray.wait_for(&["上传到", "✓ 本机", "✓ images", "设计稿", "最新图片：点选即复制链接"]).await;
    tray.click(&["上传到", "✓ 本机", "✓ images", "设计稿", &name]).await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &shot).await;
    tray.click(&["链接格式", "Markdown"]).await;
    // Its mark alone: a menu that is about to be made anew loses what is clicked in it.
    eventually("Markdown to be chosen", async || {
        let lines = tray.wait_for(&["链接格式"]).await.children;
        let marked: Vec<_> = lines.iter().filter(|line| line.checked).map(|line| line.label.as_str()).collect();
        (marked == ["Markdown"]).then_some(())
    })
    .await;
    tray.click(&["最近上传", "登录页.png"]).await;
    let copied = clipboard::wait_for_text(&desktop.machine, "it as Markdown", |text| text.starts_with("![")).await;
    assert_eq!(copied, format!("![登录页]({link})"));

    // That folder is where the next upload goes, unless uploads are paused.
    tray.click(&["上传到", "✓ 本机", "✓ images", "设计稿", "上传到这里"]).await;
    tray.wait_for(&["就绪 · 本机 / images / 设计稿"]).await;
    tray.click(&["暂停"]).await;
    tray.wait_for(&["已暂停"]).await;
    let picture = pictures::png(162, 50, 40);
    let _owner = copy_picture(&desktop, &picture).await;
    tray.click(&["上传剪贴板"]).await;
    tray.wait_for(&["已暂停 · 1 个排队中"]).await;
    assert_eq!(desktop.keys(BUCKET).len(), 1, "it went although uploads are paused");
    tray.click(&["暂停"]).await;
    let copied =
        clipboard::wait_for_text(&desktop.machine, "its link", |text| text.starts_with("![") && !text.contains(&name)).await;
    let (_, second) = copied.rsplit_once("](").expect("Markdown");
    let second = second.trim_end_matches(')');
    assert!(second.contains("/images/%E8%AE%BE%E8%AE%A1%E7%A8%BF/"), "{second}");
    gives_back_png(second, &picture).await;

    for (line, mode) in [("询问", "ask"), ("自动", "automatic"), ("关闭", "off")] {
        tray.click(&["监听剪贴板", line]).await;
        eventually(line, async || tray.wait_for(&["监听剪贴板", line]).await.checked.then_some(())).await;
        // A panel draws the mark at the click, before anything is written.
        let is = || desktop.imagepic(&["settings", "get", "capture.clipboard"]).success().out.trim() == mode;
        eventually(mode, async || is().then_some(())).await;
    }
    tray.click(&["上传到", "✓ 本机", "✓ images", "✓ 设计稿", "新建文件夹"]).await;
    let field = session.find_soon("dialog input").await;
    field.send_keys(&format!("图标{ENTER}")).await.expect("a field");
    tray.wait_for(&["上传到", "✓ 本机", "✓ images", "✓ 设计稿", "✓ 图标", "上传到这里"]).await;
    tray.click(&["最近上传", "全部上传"]).await;
    session.text_with("all of them", |text| text.contains("2 个上传")).await;
    for (line, title) in [("设置", "设置"), ("拖放区", "拖放区")] {
        tray.click(&[line]).await;
        display::wait_for_window(&desktop.machine, title).await;
    }
    tray.click(&["退出"]).await;
    desktop.app_ends().await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_tell_what_was_copied_what_waits_and_what_failed_and_their_buttons_act() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let mut store = Elsewhere::start(&desktop).await;
    store.add(&desktop, "别处");
    let app = desktop.launch::<&str>(&[]).await;
    let told = desktop.notifications();
    let give = async |name: &str, picture: &[u8]| {
        assert!(desktop.start_app(&[desktop.file(name, picture)]).wait_for_end().await.success());
    };
    let first = pictures::png(163, 50, 40);
    give("first.png", &first).await;
    let link = link_on_clipboard(&desktop, None).await;
    let copied = told.wait_for("the link", |told| told.summary == "已复制 1 个链接").await;
    assert!(copied.body.contains("7 天内有效") && copied.actions.iter().any(|(_, label)| label == "在图库中显示"), "{copied:?}");
    told.press(&copied, "撤销").await;
    let removed = told.wait_for("it is gone", |told| told.summary == "已删除 1 个上传").await;
    assert!(removed.body.contains("已不在 别处 / images 中"), "{}", removed.body);
    assert_eq!(http::get(&link).await.status, 404);

    store.stop();
    let second = pictures::png(164, 50, 40);
    give("second.png", &second).await;
    let waits = told.wait_for("no network", |told| told.summary == "没有网络：1 张图片在等待").await;
    assert!(waits.body.contains("会自动继续"), "{}", waits.body);
    desktop.tray().wait_for(&["1 个等待网络"]).await;
    store.again(&desktop).await;
    let link = link_on_clipboard(&desktop, Some(&link)).await;
    gives_back_png(&link, &second).await;

    set(&desktop, "destinations.别处.bucket", "later");
    desktop.tray().wait_for(&["就绪 · 别处 / later"]).await;
    let third = pictures::png(165, 50, 40);
    give("third.png", &third).await;
    let failed = told.wait_for("it failed", |told| told.summary == "1 个上传失败").await;
    assert!(failed.body.contains("third.png") && failed.body.contains("没有存储桶 later"), "{}", failed.body);
    eventually("the tray to say so", async || desktop.tray().menu_text().await.starts_with("1 个失败：").then_some(())).await;
    store.make_other_bucket(&desktop, "later");
    told.press(&failed, "重试").await;
    gives_back_png(&link_on_clipboard(&desktop, Some(&link)).await, &third).await;
    assert_eq!(history(&desktop).iter().filter(|upload| upload["stage"] == "done").count(), 2);

    // Its link can still be copied once its object is gone, and says so.
    store.loses(&desktop, "later", &history(&desktop)[0]);
    desktop.tray().click(&["最近上传", "third.png"]).await;
    told.wait_for("it leads nowhere", |told| told.body.contains("third.png 已不在 later 中：它的链接打不开任何内容")).await;
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_tray_the_drop_zone_is_home_and_leads_everywhere() {
    let desktop = Desktop::with(&Setup { tray: false, ..Setup::default() }).await;
    set(&desktop, "general.language", "zh-CN");
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    let told = desktop.notifications().wait_for("there is no tray", |told| told.summary == "当前桌面没有托盘").await;
    assert!(told.body.contains("AppIndicator and KStatusNotifierItem Support"), "{}", told.body);
    let picture = pictures::png(166, 50, 40);
    drop_on_zone(&desktop, &[desktop.file("no-tray.png", &picture)]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    for (line, title) in [("图库…", "图库"), ("设置…", "设置")] {
        crate::hands::from_menu(&session, ".dz-foot [aria-label=更多]", line).await;
        display::wait_for_window(&desktop.machine, title).await;
    }
    crate::hands::from_menu(&session, ".dz-foot [aria-label=更多]", "退出").await;
    desktop.app_ends().await;
}
