//! What a link looks like in each form, what an upload is known by, and what names are made of: chosen in the windows, as people do.

use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, http, pictures};

use crate::hands::{ENTER, click, copy_a_word, from_menu, speaks, type_over, until};
use crate::steps::{BUCKET, history, link_on_clipboard, set};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_copied_in_every_form_at_half_the_pixels_of_a_dense_screen_with_all_that_is_known_of_it() {
    let desktop = Desktop::start().await;
    set(&desktop, "link.templates.Own", "{url} {name} {stem} {alt} {width} {height} {type}");
    let picture = pictures::png(800, 640, 400);
    let file = desktop.file("登录 页@2x.png", &picture);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    assert!(desktop.start_app(&[&file]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    let key = link.rsplit('/').next().expect("a name").to_owned();
    for (language, title, copy, known) in [
        (
            "en",
            "Library",
            "Copy ",
            [
                "command line",
                "This computer / images",
                "Opens only here",
                "While imagepic runs on this computer",
                ", unchanged",
                "checksum equal",
            ],
        ),
        (
            "zh-CN",
            "图库",
            "复制 ",
            ["命令行", "本机 / images", "只能在本机打开", "需要 imagepic 在本机运行", "未改动", "校验一致"],
        ),
    ] {
        speaks(&desktop, language, title).await;
        for word in known.into_iter().chain(["640 × 400", "image/png", &pictures::sha256(&picture)[..8]]) {
            session.text_with(word, |text| text.contains(word)).await;
        }
        for (form, wanted) in [
            ("URL", link.clone()),
            ("Markdown", format!("![登录 页]({link})")),
            ("HTML", format!("<img src=\"{link}\" alt=\"登录 页\" width=\"320\" height=\"200\">")),
            ("BBCode", format!("[img]{link}[/img]")),
            ("CSS", format!("url(\"{link}\")")),
            ("JSX", format!("<img src={{\"{link}\"}} alt={{\"登录 页\"}} width={{320}} height={{200}} />")),
            ("Own", format!("{link} 登录 页@2x.png 登录 页@2x 登录 页 320 200 image/png")),
        ] {
            let _word = copy_a_word(&desktop, "something else").await;
            let choose = format!(
                "[...document.querySelectorAll('.details .formats button')].find((one) => one.textContent === '{form}').click()"
            );
            session.execute(&choose, Vec::new()).await.expect("it is among them");
            session.press(&format!("{copy}{form}")).await;
            let copied = clipboard::wait_for_text(&desktop.machine, form, |text| text != "something else").await;
            assert_eq!(copied, wanted, "{form}");
        }
    }
    assert!(desktop.keys(BUCKET)[0].contains("登录 页@2x"), "{key}");
    assert_eq!(http::get(&link).await.bytes, picture);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_made_of_what_the_settings_show_beforehand_and_what_links_look_like_is_shown_as_well() {
    let mut desktop = Desktop::start().await;
    desktop.set_env("USER", "ada");
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    for (number, (language, title, images, links, next)) in
        [("en", "Settings", "Images & names", "Links", "Next:"), ("zh-CN", "设置", "图片与命名", "链接", "")]
            .into_iter()
            .enumerate()
    {
        speaks(&desktop, language, title).await;
        session.press(images).await;
        let template = format!("{language}/{{source}}-{{user}}-{{width}}x{{height}}-{{counter}}-{{hash:6}}.{{ext}}");
        type_over(&session, "#set-file", &format!("{template}{ENTER}")).await;
        until(
            &session,
            "the next name",
            &format!("document.querySelector('#set-file-said')?.textContent.includes('{language}/')"),
        )
        .await;
        let shown =
            session.execute("return document.querySelector('#set-file-said').textContent", Vec::new()).await.expect("a page");
        let shown = shown.as_str().expect("a text").to_owned();
        assert!(shown.contains(next) && !shown.contains('{') && shown.ends_with(".png"), "{shown}");
        let saved = || desktop.imagepic(&["settings", "get", "destinations.this-computer.file_name"]).out.trim() == template;
        imagepic_tests::eventually("it in the settings", async || saved().then_some(())).await;
        let picture = pictures::png(810 + number as u64, 50, 40);
        assert!(desktop.start_app(&[desktop.file("shot.png", &picture)]).wait_for_end().await.success());
        let begins = format!("{language}/command_line-");
        let key =
            imagepic_tests::eventually("its key", async || desktop.keys(BUCKET).into_iter().find(|key| key.starts_with(&begins)))
                .await;
        let parts: Vec<_> = key.trim_start_matches(&begins).trim_end_matches(".png").split('-').map(str::to_owned).collect();
        let [user, size, counter, hash] = &parts[..] else { panic!("{key}") };
        assert!(!user.is_empty() && size == "50x40" && counter.parse::<u64>().is_ok(), "{key}");
        assert_eq!(*hash, pictures::sha256(&picture)[..6], "{key}");

        session.press(links).await;
        click(&session, "#add-template").await;
        let field = |what: &str| format!("#template-{what}-{number}");
        type_over(&session, &field("name"), &format!("Form {number}")).await;
        type_over(&session, &field("text"), "<<{url}|{stem}|{width}>>").await;
        let seen = "[...document.querySelectorAll('.template .hint')].some((one) => one.textContent.startsWith('<<http') && one.textContent.endsWith('>>') && !one.textContent.includes('{'))";
        until(&session, "what it would look like", seen).await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_leaves_out_what_is_older() {
    let desktop = Desktop::start().await;
    for (name, days) in [("today", 0_i64), ("days", 4), ("weeks", 20), ("months", 200)] {
        let file = desktop.file(&format!("{name}.png"), &pictures::png(820 + days.unsigned_abs(), 50, 40));
        desktop.imagepic(&["upload", file.to_str().expect("plain")]).success();
        let journal = rusqlite::Connection::open(desktop.home().join("journal.sqlite")).expect("the journal");
        let changed = journal.execute(
            "UPDATE uploads SET taken_at = taken_at - ?1, done_at = done_at - ?1 WHERE name = ?2",
            rusqlite::params![days * 86_400_000, format!("{name}.png")],
        );
        assert_eq!(changed.expect("it is there"), 1);
    }
    assert_eq!(history(&desktop).len(), 4);
    let session = Session::start(&desktop, &["--show", "library"]).await;
    for (language, title, date, [today, week, month], count) in [
        ("en", "Library", "Date:", ["Today", "Last 7 days", "Last 30 days"], ["1 upload", "2 uploads", "3 uploads"]),
        ("zh-CN", "图库", "日期：", ["今天", "最近 7 天", "最近 30 天"], ["1 个上传", "2 个上传", "3 个上传"]),
    ] {
        speaks(&desktop, language, title).await;
        for ((span, count), gone) in
            [month, week, today].into_iter().zip(count.into_iter().rev()).zip(["months", "weeks", "days"])
        {
            from_menu(&session, &format!("[aria-label^='{date}']"), span).await;
            let count = format!("document.querySelector('.status, .count-line, main').textContent.includes('{count}')");
            until(&session, span, &count).await;
            let left =
                format!("![...document.querySelectorAll('.cell .name')].some((one) => one.textContent.startsWith('{gone}'))");
            until(&session, span, &left).await;
        }
    }
    session.close().await;
}
