//! Several pictures at once where not all of them arrive: the others do not wait for it, and it is not forgotten. And one that was there.

use imagepic_tests::embedded::embedded;
use imagepic_tests::relay::Relay;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::hands::copy_a_word;
use crate::steps::{
    BUCKET, add_s3, drop_on_zone, gives_back_png, history, link_on_clipboard, links_on_clipboard, picture_files, set,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_is_named_holds_back_no_other_and_its_link_comes_to_its_place() {
    let desktop = Desktop::start().await;
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let line = Relay::before(&store.by_any_name().await.endpoint).await;
    add_s3(&desktop, "Line", &line.address, (store.reached.access_key, store.reached.secret_key));
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    for (language, quit, some, waits, all) in [
        ("en", "Quit", "2 of 3 links copied, 1 wait", "1 waiting for the network", "3 links copied"),
        ("zh-CN", "退出", "已复制 2 / 3 个链接，1 个在等待", "1 个等待网络", "已复制 3 个链接"),
    ] {
        set(&desktop, "general.language", language);
        desktop.tray().wait_for(&[quit]).await;
        let _word = copy_a_word(&desktop, "before").await;
        let files = picture_files(&desktop, &format!("{language}-p"), 3, 40);
        line.breaks_at(&format!("{language}-p01-"));
        drop_on_zone(&desktop, &files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()).await;
        let links = links_on_clipboard(&desktop, 2).await;
        gives_back_png(&links[0], &files[0].1).await;
        gives_back_png(&links[1], &files[2].1).await;
        let name = format!("{language}-p01.png");
        desktop.notifications().wait_for("what waits", |told| told.summary == some && told.body.contains(&name)).await;
        desktop.tray().wait_for(&[waits]).await;
        assert!(history(&desktop).iter().any(|one| one["waiting"] == "network" && one["name"] == *name));
        line.mends();
        // Given by hand less than a minute ago: all of them, in their order.
        let links = links_on_clipboard(&desktop, 3).await;
        for (link, (_, picture)) in links.iter().zip(&files) {
            gives_back_png(link, picture).await;
        }
        desktop.notifications().wait_for("all of them", |told| told.summary == all).await;
    }
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_picture_gives_the_link_it_has_and_another_of_its_name_gets_another() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.file_name", "{stem}.{ext}");
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    for (language, quit, again) in [("en", "Quit", "its link is used again"), ("zh-CN", "退出", "沿用原来的链接")] {
        set(&desktop, "general.language", language);
        set(&desktop, "destinations.this-computer.folder", language);
        desktop.tray().wait_for(&[quit]).await;
        let picture = pictures::png(970, 40, 30);
        let file = desktop.file(&format!("{language}/shot.png"), &picture);
        let _word = copy_a_word(&desktop, "before").await;
        drop_on_zone(&desktop, std::slice::from_ref(&file)).await;
        let first = link_on_clipboard(&desktop, None).await;
        gives_back_png(&first, &picture).await;
        let _word = copy_a_word(&desktop, "before").await;
        drop_on_zone(&desktop, std::slice::from_ref(&file)).await;
        assert_eq!(link_on_clipboard(&desktop, None).await, first);
        desktop.notifications().wait_for("that it was there", |told| told.body.contains(again)).await;
        let other = pictures::png(971, 40, 30);
        let file = desktop.file(&format!("{language}/shot.png"), &other);
        drop_on_zone(&desktop, &[file]).await;
        let second = link_on_clipboard(&desktop, Some(&first)).await;
        gives_back_png(&second, &other).await;
        gives_back_png(&first, &picture).await;
        eventually("both there", async || {
            let here = desktop.keys(BUCKET).into_iter().filter(|key| key.starts_with(&format!("{language}/"))).count();
            (here == 2).then_some(())
        })
        .await;
    }
    app.quit();
}
