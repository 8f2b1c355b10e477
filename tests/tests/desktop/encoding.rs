//! AVIF takes its time: it is shown meanwhile, whoever takes it back waits for nothing, and no encoder outlives who asked for it.

use std::fs;
use std::process::{Command, Stdio};

use imagepic_tests::desktop::descendants;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::hands::{click, speaks};
use crate::steps::{BUCKET, drop_on_zone, history, set};

struct Words {
    language: &'static str,
    title: &'static str,
    making: &'static str,
    cancel: &'static str,
    stopped: &'static str,
    close: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        language: "en",
        title: "Drop zone",
        making: "Making AVIF",
        cancel: "Cancel",
        stopped: "was not taken: making AVIF of it was stopped. The original is as it was",
        close: "Close",
    },
    Words {
        language: "zh-CN",
        title: "拖放区",
        making: "正在生成 AVIF",
        cancel: "取消",
        stopped: "生成 AVIF 时被停止。原图未受影响",
        close: "关闭",
    },
];

const WIDE: u32 = 3000;
const HIGH: u32 = 2000;

/// A picture that keeps the encoder busy for many seconds of one core.
fn large(desktop: &Desktop, name: &str) -> std::path::PathBuf {
    desktop.file(name, &pictures::jpeg(7, WIDE, HIGH))
}

/// The encoder that somebody here has started.
async fn encoder() -> u32 {
    let is_encoder = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0__avif\0"));
    eventually("an encoder", async || descendants(std::process::id()).into_iter().map(|(pid, _)| pid).find(is_encoder)).await
}

/// An encoder that does not come to its end by itself any more, unless it is let go.
struct Held(u32);

impl Held {
    fn new(encoder: u32) -> Self {
        signal("-STOP", encoder);
        Self(encoder)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        signal("-CONT", self.0);
    }
}

fn signal(which: &str, process: u32) {
    // It may be gone, and is meant to.
    let _ = Command::new("kill").args([which, &process.to_string()]).stderr(Stdio::null()).status();
}

/// As `/proc` tells: whether it has ended, and what it has worked so far, in hundredths of a second of one core.
fn state(encoder: u32) -> (bool, u64) {
    let stat = fs::read_to_string(format!("/proc/{encoder}/stat")).unwrap_or_default();
    let line = fs::read(format!("/proc/{encoder}/cmdline")).unwrap_or_default();
    // After the name, which may hold anything: state, and as the 14th and 15th of all what was spent outside of the kernel and in it.
    let fields: Vec<_> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    let worked = fields.iter().skip(11).take(2).filter_map(|spent| spent.parse::<u64>().ok()).sum();
    (!line.ends_with(b"\0__avif\0") || fields.first() == Some(&"Z"), worked)
}

async fn ends(encoder: u32) {
    eventually("the encoder to end", async || state(encoder).0.then_some(())).await;
}

/// From here on nothing that it waits for can end it.
async fn has_all_pixels(encoder: u32) {
    eventually("the pixels to be with the encoder", async || {
        let told = fs::read_to_string(format!("/proc/{encoder}/io")).ok()?;
        let read = told.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse::<u64>().ok())?;
        (read > u64::from(WIDE * HIGH * 3)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_is_shown_and_taken_back_at_once_however_long_it_would_still_take() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.convert", "avif");
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for words in BOTH {
        speaks(&desktop, words.language, words.title).await;
        let name = format!("{}.jpg", words.language);
        drop_on_zone(&desktop, &[large(&desktop, &name)]).await;
        let held = Held::new(encoder().await);
        session.text_with("what takes its time", |text| text.contains(words.making) && text.contains(words.language)).await;
        desktop.tray().wait_for(&[words.making]).await;
        click(&session, &format!("[aria-label='{} {name}']", words.cancel)).await;
        ends(held.0).await;
        session.text_with("what became of it", |text| text.contains(&name) && text.contains(words.stopped)).await;
        session.press(words.close).await;
    }
    assert!(history(&desktop).is_empty() && desktop.keys(BUCKET).is_empty());
    assert_eq!(fs::read_dir(desktop.home().join("spool")).map_or(0, Iterator::count), 0, "nothing is left of it");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_says_what_is_being_made_though_no_list_has_it_yet() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.convert", "avif");
    let session = Session::start(&desktop, &["--show", "library"]).await;
    let mut given = desktop.start_app(&[&large(&desktop, "photo.jpg")]);
    let held = Held::new(encoder().await);
    session.text_with("what takes its time", |text| text.contains("Making AVIF")).await;
    click(&session, "[aria-label='Cancel photo.jpg']").await;
    ends(held.0).await;
    session.text_with("the library as before", |text| !text.contains("Making AVIF")).await;
    assert_eq!(given.wait_for_end().await.code(), Some(1), "{}", given.said());
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quitting_waits_for_no_encoder_and_says_what_was_not_taken() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.convert", "avif");
    let app = desktop.launch::<&str>(&[]).await;
    let file = large(&desktop, "photo.jpg");
    let mut given = desktop.start_app(&[&file]);
    let held = Held::new(encoder().await);
    signal("-TERM", app.pid());
    let told = desktop.notifications().wait_for("what was not taken", |told| {
        format!("{} {}", told.summary, told.body).contains("making AVIF of it was stopped. The original is as it was")
    });
    told.await;
    desktop.app_ends().await;
    ends(held.0).await;
    assert_eq!(given.wait_for_end().await.code(), Some(1), "{}", given.said());
    assert!(given.said().contains("photo.jpg was not taken"), "{}", given.said());
    assert!(!app.said().contains("the engine did not end in time"), "{}", app.said());
    assert!(file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_encoder_outlives_a_tray_app_that_is_killed() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.convert", "avif");
    let mut app = desktop.launch::<&str>(&[]).await;
    let given = desktop.start_app(&[&large(&desktop, "photo.jpg")]);
    let encoder = encoder().await;
    has_all_pixels(encoder).await;
    let before = state(encoder).1;
    app.kill();
    let mut worked = 0;
    eventually("the encoder to end", async || {
        let (ended, so_far) = state(encoder);
        worked = worked.max(so_far.saturating_sub(before));
        ended.then_some(())
    })
    .await;
    // One that came to its end by itself has worked for many seconds.
    assert!(worked < 100, "it went on for {worked} hundredths of a second");
    drop(given);
}
