use super::*;

fn refused(address: &str) -> String {
    from_address(address).expect_err("refused").key().to_owned()
}

#[test]
fn files_of_this_computer_are_taken_whatever_their_names() {
    let path = |address| from_address(address).expect("a file");
    assert_eq!(path("file:///tmp/%E6%88%AA%E5%9B%BE%20%231%25.png"), Path::new("/tmp/截图 #1%.png"));
    assert_eq!(path("file:///tmp/a?b#c.png"), Path::new("/tmp/a?b#c.png"), "sloppy sources leave these bare");
    assert_eq!(path("FILE:/tmp/a.png"), Path::new("/tmp/a.png"));
    assert_eq!(path("file://localhost/tmp/a.png"), Path::new("/tmp/a.png"), "RFC 8089: localhost is this computer");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_unicode_is_found_again() {
    use std::os::unix::ffi::OsStrExt;
    let path = from_address("file:///tmp/%ff.png").expect("a file");
    assert_eq!(path.as_os_str().as_bytes(), b"/tmp/\xff.png");
}

#[test]
fn what_is_no_file_of_this_computer_is_refused_with_its_reason() {
    for address in ["https://example.com/a.png", "HTTP://example.com", "data:image/png;base64,AAAA", "blob:https://x/1"] {
        assert_eq!(refused(address), "desktop.drop_web_address", "{address}");
    }
    assert_eq!(refused("file://nas/share/a.png"), "desktop.drop_other_computer");
    assert_eq!(refused("file://localhost.evil/a.png"), "desktop.drop_other_computer");
    for address in ["localhost/x.png", "a.png", "", "file:a.png", "file:", "file://localhost"] {
        assert_eq!(refused(address), "desktop.drop_relative", "{address}");
    }
    for address in ["file:///tmp/a%00.png", "smb://nas/a.png", "javascript:alert(1)"] {
        assert_eq!(refused(address), "desktop.drop_unreadable", "{address}");
    }
}

#[test]
fn a_toolkit_that_turns_addresses_into_paths_changes_nothing() {
    let refused = |path: &str| from_path(Path::new(path)).expect_err("refused").key().to_owned();
    assert_eq!(refused("https://example.com/a.png"), "desktop.drop_web_address");
    assert_eq!(refused("localhost/x.png"), "desktop.drop_relative");
    assert_eq!(refused("../../etc/passwd"), "desktop.drop_relative");
    assert!(from_path(Path::new("/tmp/a:/b.png")).is_ok());
}

#[test]
fn the_good_files_of_a_drop_are_taken_and_the_others_named() {
    let addresses = ["file:///a.png", "https://x.example/b.png?X-Amz-Signature=abc", "file:///c.png"].map(str::to_owned);
    let sorted = sort(Some(&addresses), &[], Lang::En);
    assert_eq!(sorted.files, [PathBuf::from("/a.png"), PathBuf::from("/c.png")]);
    assert_eq!(sorted.refusals.len(), 1);
    let refusal = &sorted.refusals[0];
    assert_eq!(refusal.name, "https://x.example/b.png");
    assert!(!refusal.message.contains("abc"), "a signature is never shown: {}", refusal.message);
}

#[test]
fn a_drop_of_thousands_is_refused_as_a_whole() {
    let addresses = vec!["file:///a.png".to_owned(); MOST + 1];
    let sorted = sort(Some(&addresses), &[], Lang::En);
    assert!(sorted.files.is_empty());
    assert!(sorted.refusals[0].message.contains("5001"), "{}", sorted.refusals[0].message);
}

#[test]
fn a_page_is_recognised_by_what_it_offers_beside_the_file() {
    assert!(made_by_a_page(["text/uri-list", "text/html"]));
    assert!(made_by_a_page(["text/uri-list", "chromium/x-renderer-taint"]));
    assert!(!made_by_a_page(["text/uri-list", "UTF8_STRING", "x-special/gnome-icon-list", "application/x-kde4-urilist"]));
}

#[test]
fn a_drop_is_answered_once() {
    let drops = Drops::default();
    let id = drops.ask(vec![PathBuf::from("/a.png")]);
    assert_eq!(drops.answered(id).expect("asked"), [PathBuf::from("/a.png")]);
    assert_eq!(drops.answered(id).expect_err("answered before").code, Code::BadRequest);
    assert!(drops.answered(id + 1).is_err());
}

#[test]
fn questions_nobody_answers_do_not_pile_up() {
    let drops = Drops::default();
    let first = drops.ask(Vec::new());
    let last = (0..MOST_ASKING).map(|_| drops.ask(Vec::new())).last().expect("some");
    assert!(drops.answered(first).is_err());
    assert!(drops.answered(last).is_ok());
}
