//! What a person does on X11, with a well-behaved program on the other side.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use imagepic_clipboard::{Clipboard, Content, Display, Kind, Limits};

use crate::owner::{Answer, Owner};
use crate::support::{PATIENCE, Reports, XServer, ends_promptly, image, picture, silent_watch, sleeps};

/// A 4K screenshot of a photograph, about.
const LARGE: usize = 14 << 20;

#[test]
fn a_copied_image_arrives_byte_for_byte_whatever_its_size() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    assert_eq!(clipboard.backend().kind, Kind::X11);
    let reports = Reports::of(&clipboard);
    for (seed, length) in [(1, 9), (2, 83_000), (3, 300_000), (4, LARGE)] {
        let picture = picture(seed, length);
        server.copy("image/png", &picture);
        let change = reports.change();
        assert!(change.content == image(&picture), "{length} bytes arrive unchanged");
        assert_eq!(clipboard.current_mark().unwrap(), change.mark);
        let (content, mark) = clipboard.read(true).unwrap();
        assert!(content == image(&picture) && mark == change.mark);
    }
}

#[test]
fn a_hundred_copies_in_a_row_are_a_hundred_changes_none_lost_none_double() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    let mut marks = std::collections::HashSet::new();
    for seed in 0..100 {
        let picture = picture(seed, 5000);
        server.copy("image/png", &picture);
        let change = reports.change();
        assert!(change.content == image(&picture), "copy {seed}");
        marks.insert(change.mark);
    }
    assert_eq!(marks.len(), 100);
    // Had there been one more, it would come before this.
    server.copy("UTF8_STRING", b"the end");
    assert_eq!(reports.change().content, Content::Text);
}

#[test]
fn the_newest_of_copies_that_come_too_fast_is_reported_last() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    for seed in 0..20 {
        server.copy("image/png", &picture(seed, 100_000));
    }
    let newest = image(&picture(19, 100_000));
    while reports.change().content != newest {}
    server.copy("UTF8_STRING", b"the end");
    assert_eq!(reports.change().content, Content::Text);
}

#[test]
fn what_imagepic_puts_there_is_never_taken_for_a_new_image() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let other_process = server.clipboard();
    let reports = Reports::of(&clipboard);
    let mut marks = vec![clipboard.write_text("https://example.org/a.png").unwrap()];
    marks.push(clipboard.write_image(picture(1, 5000).into(), "image/png").unwrap());
    assert!(clipboard.is_own() && !other_process.is_own());
    assert_eq!(other_process.read(true).unwrap().0, image(&picture(1, 5000)));
    other_process.write_image(picture(2, 5000).into(), "image/png").unwrap();
    assert_eq!(clipboard.current_mark().map(|_| clipboard.is_own()), Ok(false));
    marks.push(clipboard.write_text("https://example.org/b.png").unwrap());
    assert_eq!(clipboard.current_mark().unwrap(), marks[2]);
    assert!(marks[0] != marks[1] && marks[1] != marks[2]);
    server.copy("image/png", &picture(3, 5000));
    assert!(reports.change().content == image(&picture(3, 5000)), "the first report is what somebody else copied");
}

#[test]
fn other_programs_can_paste_what_was_written() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    clipboard.write_text("https://example.org/é图.png").unwrap();
    for target in ["UTF8_STRING", "text/plain;charset=utf-8", "text/plain"] {
        assert_eq!(server.paste(target), "https://example.org/é图.png".as_bytes(), "{target}");
    }
    assert_eq!(server.paste("STRING"), b"https://example.org/\xe9?.png");
    let targets = String::from_utf8(server.paste("TARGETS")).unwrap();
    for name in ["TARGETS", "TIMESTAMP", "MULTIPLE", "UTF8_STRING", "STRING", "text/plain;charset=utf-8"] {
        assert!(targets.lines().any(|line| line == name), "{name} is listed: {targets}");
    }
}

#[test]
fn a_large_image_put_back_is_handed_over_whole_to_several_at_once() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let large = picture(7, LARGE);
    clipboard.restore(&image(&large)).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(server.paste("image/png") == large, "pasted whole"));
        }
        scope.spawn(|| assert!(clipboard.read(false).unwrap().0 == image(&large), "read back whole"));
    });
    // The clipboard may be taken again while it is still being handed over: who has begun gets the old content to its end.
    clipboard.write_text("next").unwrap();
    assert_eq!(server.paste("UTF8_STRING"), b"next");
}

#[test]
fn files_copied_in_a_file_manager_are_files() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    server.copy(
        "text/uri-list",
        "file:///tmp/a%20b.png\r\nfile://localhost/tmp/图%23.png\r\nfile://elsewhere/c.png\r\n".as_bytes(),
    );
    let paths = ["/tmp/a b.png", "/tmp/图#.png"].map(PathBuf::from).to_vec();
    assert_eq!(reports.change().content, Content::Files(paths.clone()));
    server.copy("x-special/gnome-copied-files", b"cut\nfile:///tmp/x.png");
    assert_eq!(reports.change().content, Content::Files(vec!["/tmp/x.png".into()]));
    // Beside an image and text, as some programs offer it.
    let uris = Answer::Bytes(b"file:///tmp/y.png\r\n".to_vec());
    let owner = Owner::take(
        &server.display,
        vec![
            ("image/png", Answer::Bytes(picture(1, 100))),
            ("UTF8_STRING", Answer::Bytes(b"/tmp/y.png".to_vec())),
            ("text/uri-list", uris),
        ],
    );
    assert_eq!(reports.change().content, Content::Files(vec!["/tmp/y.png".into()]));
    assert_eq!(owner.log(), ["TARGETS", "text/uri-list"]);
    clipboard.restore(&Content::Files(paths.clone())).unwrap();
    assert_eq!(clipboard.read(true).unwrap().0, Content::Files(paths));
    assert_eq!(
        server.paste("x-special/gnome-copied-files"),
        "copy\nfile:///tmp/a%20b.png\nfile:///tmp/%E5%9B%BE%23.png".as_bytes()
    );
}

#[test]
fn an_image_beside_text_counts_only_when_asked_for_by_hand() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    let beside = |name: &'static str, text: &str| {
        vec![(name, Answer::Bytes(text.as_bytes().to_vec())), ("image/png", Answer::Bytes(picture(1, 4000)))]
    };
    for (name, text) in [("UTF8_STRING", "a cell"), ("text/rtf", "{\\rtf1 a}"), ("text/html", "<p>a</p><img src=x>")] {
        let owner = Owner::take(&server.display, beside(name, text));
        assert_eq!(reports.change().content, Content::Mixed, "{name}");
        assert!(!owner.log().contains(&"image/png".to_owned()), "the image was not even read");
        assert_eq!(clipboard.read(true).unwrap().0, Content::Mixed);
        assert_eq!(clipboard.read(false).unwrap().0, image(&picture(1, 4000)));
    }
    let _browser =
        Owner::take(&server.display, beside("text/html", "<meta charset=utf-8><img src=\"https://a/b.png\" alt=\"c\">"));
    assert_eq!(reports.change().content, image(&picture(1, 4000)));
}

#[test]
fn without_png_the_next_best_type_is_taken_as_it_is() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let offered = |bytes: &[u8]| Answer::Bytes(bytes.to_vec());
    let _owner = Owner::take(
        &server.display,
        vec![("image/bmp", offered(b"BM...")), ("image/jpeg", offered(b"\xff\xd8\xff...")), ("image/png", Answer::Refusal)],
    );
    let expected = Content::Image { bytes: b"\xff\xd8\xff...".as_slice().into(), mime: "image/jpeg".to_owned() };
    assert_eq!(clipboard.read(true).unwrap().0, expected);
}

#[test]
fn an_empty_clipboard_is_nothing_and_can_be_put_back() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let (content, before) = clipboard.read(true).unwrap();
    assert_eq!(content, Content::Nothing);
    let link = clipboard.write_text("link").unwrap();
    assert_ne!(link, before);
    clipboard.restore(&Content::Nothing).unwrap();
    assert_eq!(clipboard.read(true).unwrap().0, Content::Nothing);
    assert!(clipboard.restore(&Content::Concealed).is_err() && clipboard.restore(&Content::Text).is_err());
}

#[test]
fn copy_waits_until_somebody_else_copies() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    clipboard.wait_replaced().unwrap();
    clipboard.write_text("first").unwrap();
    let (done, replaced) = mpsc::channel();
    let waiting = clipboard.clone();
    thread::spawn(move || done.send(waiting.wait_replaced()).unwrap());
    clipboard.write_text("second").unwrap();
    assert_eq!(server.paste("UTF8_STRING"), b"second");
    assert!(replaced.try_recv().is_err(), "it still waits: the clipboard is still ours");
    server.copy("UTF8_STRING", b"other");
    assert_eq!(replaced.recv_timeout(PATIENCE), Ok(Ok(())));
}

#[test]
fn the_mark_says_whether_the_captured_thing_is_still_there() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    server.copy("image/png", &picture(1, 100));
    let (_, captured) = clipboard.read(true).unwrap();
    assert_eq!(clipboard.current_mark().unwrap(), captured);
    // The very same bytes copied anew are another act of copying.
    server.copy("image/png", &picture(1, 100));
    let again = clipboard.read(true).unwrap().1;
    assert_ne!(again, captured);
    let reconnected = server.clipboard();
    assert_ne!(reconnected.current_mark().unwrap(), captured);
}

#[test]
fn an_idle_watch_never_wakes_up() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let reports = Reports::of(&clipboard);
    server.copy("image/png", &picture(1, 100));
    reports.change();
    clipboard.current_mark().unwrap();
    // The hub may still be on its way to sleep after its last answer.
    thread::sleep(Duration::from_millis(300));
    let before = sleeps();
    assert_eq!(before.len(), 2, "the hub and the watch: {before:?}");
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(sleeps(), before);
}

#[test]
fn a_dropped_watch_stops_at_once_and_the_clipboard_goes_on() {
    let server = XServer::start();
    let clipboard = server.clipboard();
    let (watch, gone) = silent_watch(&clipboard);
    drop(watch);
    assert!(ends_promptly(&gone));
    let reports = Reports::of(&clipboard);
    server.copy("image/png", &picture(1, 100));
    assert_eq!(reports.change().content, image(&picture(1, 100)));
}

#[test]
fn a_lost_display_is_told_once_and_never_hangs() {
    let mut server = XServer::start();
    let clipboard = server.clipboard();
    clipboard.write_text("link").unwrap();
    let reports = Reports::of(&clipboard);
    let waiting = clipboard.clone();
    let waiter = thread::spawn(move || waiting.wait_replaced());
    server.kill();
    assert!(reports.next().unwrap_err().is_closed());
    assert!(reports.ended() && reports.watch.is_closed() && clipboard.is_closed());
    assert!(waiter.join().unwrap().unwrap_err().is_closed());
    assert!(clipboard.read(true).unwrap_err().is_closed());
    assert!(clipboard.write_text("x").unwrap_err().is_closed());
    assert!(clipboard.watch(|_| {}).unwrap_err().is_closed());
}

#[test]
fn a_display_that_is_not_there_is_named() {
    let nowhere = Display { x11: Some(":4711".to_owned()), wayland: Some("/nowhere/wayland-0".into()) };
    let text = Clipboard::connect_to(&nowhere, Limits::default()).unwrap_err().to_string();
    assert!(text.contains(":4711") && text.contains("/nowhere/wayland-0"), "{text}");
    let text = Clipboard::connect_to(&Display::default(), Limits::default()).unwrap_err().to_string();
    assert!(text.contains("DISPLAY"), "{text}");
}

#[test]
fn a_wayland_session_without_data_control_falls_back_and_says_why() {
    let server = XServer::start();
    let display = Display { x11: Some(server.display.clone()), wayland: Some("/nowhere/wayland-0".into()) };
    let clipboard = Clipboard::connect_to(&display, Limits::default()).unwrap();
    assert_eq!(clipboard.backend().kind, Kind::XWayland);
    assert!(clipboard.backend().reason.as_ref().unwrap().contains("/nowhere/wayland-0"));
}

#[test]
fn every_way_that_was_tried_is_named_once_and_without_numbers() {
    let nowhere = Display { x11: Some(":59999".to_owned()), wayland: Some(PathBuf::from("/nowhere/wayland-0")) };
    let error = Clipboard::connect_to(&nowhere, Limits::default()).expect_err("nobody is there").to_string();
    assert!(error.contains(":59999") && error.contains("/nowhere/wayland-0"), "{error}");
    assert_eq!(error.matches("no clipboard can be reached").count(), 1, "{error}");
    assert!(!error.contains("os error"), "{error}");
    let none = Display { x11: None, wayland: None };
    assert!(matches!(Clipboard::connect_to(&none, Limits::default()), Err(imagepic_clipboard::Error::NoDisplay)));
}
