//! The same under a real compositor (sway), with wl-clipboard as the other programs.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use imagepic_clipboard::{Content, Kind, Limits};

use crate::support::{Compositor, PATIENCE, Reports, ends_promptly, image, picture, silent_watch, sleeps};

const LARGE: usize = 14 << 20;

#[test]
fn a_copied_image_arrives_byte_for_byte_whatever_its_size() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    assert!(matches!(clipboard.backend().kind, Kind::WlrDataControl | Kind::ExtDataControl));
    let reports = Reports::of(&clipboard);
    for (seed, length) in [(1, 9), (2, 83_000), (3, LARGE)] {
        let picture = picture(seed, length);
        compositor.copy("image/png", &picture);
        let change = reports.change();
        assert!(change.content == image(&picture), "{length} bytes arrive unchanged");
        assert_eq!(clipboard.current_mark().unwrap(), change.mark);
        let (content, mark) = clipboard.read(true).unwrap();
        assert!(content == image(&picture) && mark == change.mark);
    }
}

#[test]
fn a_hundred_copies_in_a_row_are_a_hundred_changes_none_lost_none_double() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    let reports = Reports::of(&clipboard);
    for seed in 0..100 {
        let picture = picture(seed, 5000);
        compositor.copy("image/png", &picture);
        assert!(reports.change().content == image(&picture), "copy {seed}");
    }
    compositor.copy("text/plain", b"the end");
    assert_eq!(reports.change().content, Content::Text);
}

#[test]
fn what_was_there_before_the_watch_began_is_not_swept_up() {
    let compositor = Compositor::start();
    compositor.copy("image/png", &picture(1, 5000));
    let clipboard = compositor.clipboard();
    let reports = Reports::of(&clipboard);
    compositor.copy("image/png", &picture(2, 5000));
    assert_eq!(reports.change().content, image(&picture(2, 5000)));
}

#[test]
fn what_imagepic_puts_there_is_never_taken_for_a_new_image() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    let other_process = compositor.clipboard();
    let reports = Reports::of(&clipboard);
    let first = clipboard.write_text("https://example.org/a.png").unwrap();
    let second = clipboard.write_image(picture(1, 5000).into(), "image/png").unwrap();
    assert!(first != second && clipboard.is_own());
    assert_eq!(other_process.read(true).unwrap().0, image(&picture(1, 5000)));
    other_process.write_image(picture(2, 5000).into(), "image/png").unwrap();
    assert_eq!(clipboard.current_mark().map(|_| clipboard.is_own()), Ok(false));
    let third = clipboard.write_text("https://example.org/b.png").unwrap();
    assert_eq!(clipboard.current_mark().unwrap(), third);
    compositor.copy("image/png", &picture(3, 5000));
    assert_eq!(reports.change().content, image(&picture(3, 5000)));
}

#[test]
fn other_programs_can_paste_what_was_written() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    clipboard.write_text("https://example.org/é图.png").unwrap();
    for mime in ["text/plain;charset=utf-8", "text/plain", "UTF8_STRING"] {
        assert_eq!(compositor.paste(mime), "https://example.org/é图.png".as_bytes(), "{mime}");
    }
    assert!(compositor.types().lines().any(|line| line == "text/plain;charset=utf-8"));
    let large = picture(7, LARGE);
    clipboard.restore(&image(&large)).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(compositor.paste("image/png") == large, "pasted whole"));
        }
        scope.spawn(|| assert!(clipboard.read(false).unwrap().0 == image(&large), "read back whole"));
    });
}

#[test]
fn files_and_concealed_content_and_nothing_are_told_apart() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    let reports = Reports::of(&clipboard);
    compositor.copy("text/uri-list", b"file:///tmp/a%20b.png\r\n");
    assert_eq!(reports.change().content, Content::Files(vec![PathBuf::from("/tmp/a b.png")]));
    compositor.copy("x-kde-passwordManagerHint", b"secret");
    assert_eq!(reports.change().content, Content::Concealed);
    compositor.clear();
    assert_eq!(reports.change().content, Content::Nothing);
    assert_eq!(clipboard.read(false).unwrap().0, Content::Nothing);
    clipboard.write_text("link").unwrap();
    clipboard.restore(&Content::Nothing).unwrap();
    assert_eq!(clipboard.read(false).unwrap().0, Content::Nothing);
}

#[test]
fn copy_waits_until_somebody_else_copies() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    clipboard.write_text("first").unwrap();
    let (done, replaced) = mpsc::channel();
    let waiting = clipboard.clone();
    thread::spawn(move || done.send(waiting.wait_replaced()).unwrap());
    clipboard.write_text("second").unwrap();
    assert_eq!(compositor.paste("text/plain"), b"second");
    assert!(replaced.try_recv().is_err(), "it still waits: the clipboard is still ours");
    compositor.copy("text/plain", b"other");
    assert_eq!(replaced.recv_timeout(PATIENCE), Ok(Ok(())));
}

#[test]
fn too_large_an_image_is_given_up_and_the_next_is_read() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard_with(Limits { bytes: 1 << 20, ..Limits::default() });
    let reports = Reports::of(&clipboard);
    compositor.copy("image/png", &picture(1, (1 << 20) + 1));
    assert!(reports.next().unwrap_err().to_string().contains("1048576"));
    compositor.copy("image/png", &picture(1, 1 << 20));
    assert!(reports.change().content == image(&picture(1, 1 << 20)));
}

#[test]
fn an_idle_watch_never_wakes_up_and_stops_at_once() {
    let compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    let (watch, gone) = silent_watch(&clipboard);
    compositor.copy("image/png", &picture(1, 100));
    assert_eq!(clipboard.read(true).unwrap().0, image(&picture(1, 100)));
    thread::sleep(Duration::from_millis(300));
    let before = sleeps();
    assert_eq!(before.len(), 2, "the hub and the watch: {before:?}");
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(sleeps(), before);
    drop(watch);
    assert!(ends_promptly(&gone));
}

#[test]
fn a_lost_compositor_is_told_once_and_never_hangs() {
    let mut compositor = Compositor::start();
    let clipboard = compositor.clipboard();
    clipboard.write_text("link").unwrap();
    let reports = Reports::of(&clipboard);
    compositor.kill();
    assert!(reports.next().unwrap_err().is_closed());
    assert!(reports.ended() && reports.watch.is_closed() && clipboard.is_closed());
    assert!(clipboard.wait_replaced().unwrap_err().is_closed());
    assert!(clipboard.read(true).unwrap_err().is_closed());
    assert!(clipboard.write_text("x").unwrap_err().is_closed());
}
