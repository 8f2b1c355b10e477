//! Pictures of the real windows for people and for the README: `cargo xtask shots` puts them into `artifacts/shots/`.
//!
//! Every window in both languages, light and dark, at 100 % and 200 %. They prove nothing; somebody has to look at them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{Rgba, RgbaImage, imageops};
use imagepic_tests::desktop::root;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, Setup, display, eventually, pictures};

use crate::steps::{BUCKET, links_on_clipboard, set};

#[derive(Debug, Clone, Copy)]
struct Look {
    language: &'static str,
    theme: &'static str,
    scale: u32,
}

impl Look {
    async fn desktop(self, first_start: bool) -> Desktop {
        let desktop = Desktop::with(&Setup { first_start, scale: self.scale, ..Setup::default() }).await;
        set(&desktop, "general.language", self.language);
        set(&desktop, "general.theme", self.theme);
        desktop
    }

    /// The words of this language.
    fn say(self, en: &'static str, zh: &'static str) -> &'static str {
        if self.language == "en" { en } else { zh }
    }

    fn file(self, what: &str) -> PathBuf {
        let folder = root().join("artifacts/shots");
        std::fs::create_dir_all(&folder).expect("the disk has room");
        folder.join(format!("{what}.{}.{}.{}x.png", self.language, self.theme, self.scale))
    }

    /// `session`: where the page can be asked whether it has drawn what it was told to.
    async fn picture(self, desktop: &Desktop, session: Option<&Session>, title: &str, what: &str) -> PathBuf {
        if let Some(session) = session {
            drawn(session).await;
        }
        let window = display::wait_for_window(&desktop.machine, title).await;
        let file = self.file(what);
        painted(desktop, &window, &file).await;
        file
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures, proves nothing: cargo xtask shots"]
async fn english_light() {
    all("en", "light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures, proves nothing: cargo xtask shots"]
async fn english_dark() {
    all("en", "dark").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures, proves nothing: cargo xtask shots"]
async fn chinese_light() {
    all("zh-CN", "light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes pictures, proves nothing: cargo xtask shots"]
async fn chinese_dark() {
    all("zh-CN", "dark").await;
}

async fn all(language: &'static str, theme: &'static str) {
    for scale in [1, 2] {
        let look = Look { language, theme, scale };
        welcome(look).await;
        settings(look).await;
        let zone = drop_zone(look).await;
        let library = library(look).await;
        if scale == 1 {
            together(look, &library, &zone);
        }
    }
}

async fn welcome(look: Look) {
    let desktop = look.desktop(true).await;
    let session = Session::start(&desktop, &["--show", "welcome"]).await;
    let step = async |number: u32, what: &str| {
        let at = format!("[...document.querySelectorAll('.steps i.on')].length === {number}");
        until(&session, &format!("step {number}"), &format!("{at} && !document.querySelector('.foot .spin')")).await;
        look.picture(&desktop, Some(&session), "imagepic", what).await;
    };
    // This computer needs neither keys nor readers: of the seven steps five are left.
    step(1, "welcome-1-where").await;
    click(&session, ".foot .primary").await;
    step(2, "welcome-3-place").await;
    click(&session, ".foot .primary").await;
    step(3, "welcome-5-habits").await;
    click(&session, ".foot .primary").await;
    step(4, "welcome-6-try").await;
    click(&session, ".well.try .btn:nth-of-type(2)").await;
    until(&session, "the sample to be read back", "document.querySelector('.wel .link')").await;
    until(&session, "its small picture", "document.querySelector('.proof img')?.naturalWidth > 0").await;
    step(4, "welcome-6-works").await;
    click(&session, ".foot .primary").await;
    step(5, "welcome-7-tray").await;
    session.close().await;
}

async fn settings(look: Look) {
    let desktop = look.desktop(false).await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;
    let title = look.say("Settings", "设置");
    for (at, pane) in ["destinations", "capture", "images", "links", "shortcuts", "general"].into_iter().enumerate() {
        click(&session, &format!(".nav li:nth-child({}) button", at + 1)).await;
        // What the keyboard stands on has a ring; these pictures are of the pane.
        session.execute("document.activeElement?.blur()", Vec::new()).await.expect("a script");
        look.picture(&desktop, Some(&session), title, &format!("settings-{pane}")).await;
    }
    click(&session, ".nav li:nth-child(1) button").await;
    click(&session, ".dests > .btn").await;
    look.picture(&desktop, Some(&session), title, "settings-new-destination").await;
    session.close().await;
}

async fn drop_zone(look: Look) -> PathBuf {
    let desktop = look.desktop(false).await;
    let app = desktop.launch(&["--show", "drop-zone"]).await;
    let title = look.say("Drop zone", "拖放区");
    look.picture(&desktop, None, title, "drop-zone").await;
    let zone = display::wait_for_window(&desktop.machine, title).await;
    let names = names(look);
    let files = names[..4].iter().zip(1..).map(|(name, seed)| desktop.file(name, &pictures::drawn(seed)));
    let uris: Vec<String> = files.map(|file| imagepic_tests::xdnd::file_uri(&file)).collect();
    eventually("the drop zone to take the drop", async || {
        let dropped = imagepic_tests::xdnd::drop_uris(&desktop.machine, &zone, &uris);
        (dropped.accepted && dropped.finished).then_some(())
    })
    .await;
    links_on_clipboard(&desktop, 4).await;
    // The last bar stays a moment before pictures take its place.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let done = look.picture(&desktop, None, title, "drop-zone-done").await;
    app.quit();
    done
}

fn names(look: Look) -> [&'static str; 12] {
    if look.language == "en" {
        [
            "checkout-empty-state.png",
            "登录页-深色.png",
            "latency-p95-week-47.png",
            "billing-table@2x.png",
            "onboarding-cards.png",
            "release-notes.png",
            "gateway-errors.png",
            "color-tokens-dark.png",
            "weekly-active.png",
            "sso-consent-screen.png",
            "search-results-with-a-rather-long-name-2026-11-21-at-10.32.png",
            "profile.png",
        ]
    } else {
        [
            "结算页-空状态.png",
            "登录页-深色.png",
            "延迟-p95-第47周.png",
            "账单表格@2x.png",
            "引导卡片.png",
            "发布说明.png",
            "网关错误.png",
            "色板-深色.png",
            "周活跃用户.png",
            "单点登录-授权页.png",
            "搜索结果页-这是一个相当长的名称-2026-11-21-10.32-截图.png",
            "个人资料.png",
        ]
    }
}

async fn library(look: Look) -> PathBuf {
    let desktop = look.desktop(false).await;
    for (name, seed) in names(look).iter().zip(1_u32..) {
        let file = desktop.file(name, &pictures::drawn(seed));
        let folder = look.say("docs/img", "文档/图片");
        let mut arguments = vec!["upload", file.to_str().expect("plain")];
        // Most lie together; some folders beside them.
        match seed {
            1 | 2 => arguments.extend(["--folder", look.say("docs/img/icons", "文档/图片/图标")]),
            3 => arguments.extend(["--folder", look.say("docs/img/drafts", "文档/图片/草稿")]),
            _ => arguments.extend(["--folder", folder]),
        }
        desktop.imagepic(&arguments).success();
    }
    let title = look.say("Library", "图库");
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let shown = "[...document.querySelectorAll('.tile img, .details img, .line img')].every((one) => one.naturalWidth > 0) && \
                 document.querySelectorAll('.tile img, .line img').length";
    let settled = async |least: u32| until(&session, "small pictures", &format!("{shown} >= {least}")).await;
    settled(8).await;
    let uploads = look.picture(&desktop, Some(&session), title, "library-uploads").await;
    session.execute("[1, 2, 4].forEach((at) => document.querySelectorAll('.cell')[at].dispatchEvent(new MouseEvent('click', { bubbles: true, ctrlKey: true })))", Vec::new()).await.expect("a script");
    look.picture(&desktop, Some(&session), title, "library-several").await;
    session
        .execute("document.querySelectorAll('.cell')[4].dispatchEvent(new MouseEvent('click', { bubbles: true }))", Vec::new())
        .await
        .expect("a script");
    let menu = "const cell = document.querySelectorAll('.cell')[4]; const box = cell.getBoundingClientRect(); \
                cell.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: box.left + 60, clientY: box.top + 40 }))";
    session.execute(menu, Vec::new()).await.expect("a script");
    session.find_soon("[role=menu]").await;
    look.picture(&desktop, Some(&session), title, "library-menu").await;
    session.execute("document.dispatchEvent(new Event('pointerdown', { bubbles: true }))", Vec::new()).await.expect("a script");
    click(&session, ".seg.icons label:nth-child(2)").await;
    settled(8).await;
    look.picture(&desktop, Some(&session), title, "library-list").await;
    click(&session, ".seg.icons label:nth-child(1)").await;

    let folder = look.say("docs/img/", "文档/图片/");
    let go = format!(
        "location.hash = '#buckets/this-computer/{BUCKET}/' + encodeURIComponent('{folder}'); dispatchEvent(new PopStateEvent('popstate'))"
    );
    session.execute(&go, Vec::new()).await.expect("a script");
    until(&session, "what lies there", &format!("document.querySelectorAll('.folder').length >= 2 && {shown} >= 4")).await;
    look.picture(&desktop, Some(&session), title, "library-bucket").await;
    session
        .execute("[...document.querySelectorAll('.cell')].find((one) => one.dataset.id.startsWith('o:')).click()", Vec::new())
        .await
        .expect("a script");
    until(&session, "its details", &format!("document.querySelectorAll('.details dt').length > 4 && {shown} >= 4")).await;
    look.picture(&desktop, Some(&session), title, "library-object").await;
    session.close().await;
    uploads
}

/// The library with the drop zone in front of it, as they stand on a screen: for the README.
fn together(look: Look, library: &Path, zone: &Path) {
    let open = |file: &Path| image::open(file).expect("it was made").to_rgba8();
    let (library, zone) = (open(library), open(zone));
    let (ground, edge) = match look.theme {
        "light" => (Rgba([226, 230, 238, 255]), Rgba([204, 208, 217, 255])),
        _ => (Rgba([54, 58, 68, 255]), Rgba([78, 83, 95, 255])),
    };
    let mut sheet = RgbaImage::from_pixel(library.width() + 80, library.height() + 110, ground);
    put(&mut sheet, &library, edge, 40, 40);
    let (x, y) = (sheet.width() - zone.width() - 16, sheet.height() - zone.height() - 20);
    put(&mut sheet, &zone, edge, x, y);
    let name = format!("windows{}{}.png", look.say("", "-zh"), if look.theme == "light" { "" } else { "-dark" });
    sheet.save(root().join("artifacts/shots").join(name)).expect("the disk has room");
}

/// A window with a shadow around it.
fn put(sheet: &mut RgbaImage, window: &RgbaImage, edge: Rgba<u8>, x: u32, y: u32) {
    const REACH: u32 = 32;
    const DARKEST: u32 = 56;
    let beyond = |at: u32, from: u32, length: u32| from.saturating_sub(at).max((at + 1).saturating_sub(from + length));
    for (px, py, pixel) in sheet.enumerate_pixels_mut() {
        // It lies a little below the window.
        let (aside, below) = (beyond(px, x, window.width()), beyond(py, y + 8, window.height()));
        if beyond(px, x, window.width()).max(beyond(py, y, window.height())) == 1 {
            *pixel = edge;
            continue;
        }
        let left = REACH.saturating_sub((aside * aside + below * below).isqrt());
        let shade = DARKEST * left * left / (REACH * REACH);
        for channel in &mut pixel.0[..3] {
            *channel = u8::try_from(u32::from(*channel) * (255 - shade) / 255).unwrap_or(u8::MAX);
        }
    }
    imageops::overlay(sheet, window, i64::from(x), i64::from(y));
}

async fn click(session: &Session, css: &str) {
    session.find_soon(css).await;
    let script = format!("document.querySelector({}).click()", serde_json::Value::from(css));
    session.execute(&script, Vec::new()).await.expect("a script");
}

/// Waits until a condition of the page holds.
async fn until(session: &Session, what: &str, condition: &str) {
    let script = format!("return Boolean({condition})");
    eventually(what, async || session.execute(&script, Vec::new()).await.ok()?.as_bool()?.then_some(())).await;
}

/// Waits until the page has drawn what it holds now: with the second frame from here on, the first is on its way to the screen.
async fn drawn(session: &Session) {
    let ask = "window.drawn = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = true; }))";
    session.execute(ask, Vec::new()).await.expect("a script");
    until(session, "the page to be drawn", "window.drawn && [...document.images].every((one) => one.complete)").await;
}

/// A window paints some time after it is listed, and nobody tells when it is done: three pictures in a row that are alike and show more
/// than an empty page are taken for the end. Two are not enough: on a busy machine a window stands half painted for longer than that.
async fn painted(desktop: &Desktop, window: &display::Shown, file: &Path) {
    let (mut last, mut alike) = (Vec::new(), 0);
    eventually("the window to be painted", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        display::screenshot(&desktop.machine, Some(window), file);
        let pixels = std::fs::read(file).expect("it was made");
        let colours: HashSet<_> = image::load_from_memory(&pixels).ok()?.to_rgb8().pixels().map(|pixel| pixel.0).collect();
        alike = if pixels == last && colours.len() > 20 { alike + 1 } else { 0 };
        last = pixels;
        (alike >= 2).then_some(())
    })
    .await;
}
