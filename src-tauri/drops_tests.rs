use super::*;

fn refused(address: &str) -> String {
    from_address(address).expect_err("refused").key().to_owned()
}

#[test]
fn files_of_this_computer_are_taken_whatever_their_names() {
    let path = |address| file_at(address).expect("a file");
    assert_eq!(path("file:///tmp/%E6%88%AA%E5%9B%BE%20%231%25.png"), Path::new("/tmp/截图 #1%.png"));
    assert_eq!(path("file:///tmp/a?b#c.png"), Path::new("/tmp/a?b#c.png"), "sloppy sources leave these bare");
    assert_eq!(path("FILE:/tmp/a.png"), Path::new("/tmp/a.png"));
    assert_eq!(path("file://localhost/tmp/a.png"), Path::new("/tmp/a.png"), "RFC 8089: localhost is this computer");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_unicode_is_found_again() {
    use std::os::unix::ffi::OsStrExt;
    let path = file_at("file:///tmp/%ff.png").expect("a file");
    assert_eq!(path.as_os_str().as_bytes(), b"/tmp/\xff.png");
}

#[test]
fn what_is_no_file_of_this_computer_is_refused_with_its_reason() {
    for address in ["ftp://example.com/a.png", "data:text/html,hello", "blob:https://x/1", "https://"] {
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
    let picture = Thing::Picture(Url::parse("https://example.com/a.png").expect("an address"));
    assert_eq!(from_path(Path::new("https://example.com/a.png")).expect("a picture"), picture);
    assert_eq!(refused("blob:https://x/1"), "desktop.drop_web_address");
    assert_eq!(refused("localhost/x.png"), "desktop.drop_relative");
    assert_eq!(refused("../../etc/passwd"), "desktop.drop_relative");
    assert!(from_path(Path::new("/tmp/a:/b.png")).is_ok());
}

fn held(addresses: &[&str]) -> Held {
    Held { addresses: addresses.iter().map(|address| (*address).to_owned()).collect(), ..Held::default() }
}

#[test]
fn the_good_ones_of_a_drop_are_taken_and_the_others_named() {
    let held =
        held(&["file:///a.png", "blob:https://x.example/b.png", "https://x.example/c.png?X-Amz-Signature=abc", "file:///d.png"]);
    let sorted = sort(Some(&held), &[], Lang::En);
    assert_eq!(sorted.files, [PathBuf::from("/a.png"), PathBuf::from("/d.png")]);
    assert_eq!(sorted.addresses.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://x.example/c.png?X-Amz-Signature=abc"]);
    assert_eq!(sorted.refusals.len(), 1);
    assert_eq!(sorted.refusals[0].name, "blob:https://x.example/b.png");
}

#[test]
fn of_a_picture_inside_a_link_the_picture_is_taken() {
    let mut held = held(&["https://shop.example/product/7"]);
    held.picture = picture_in("<a href='/product/7'><img alt=\"x\" src=\"https://cdn.example/7.png?w=1&amp;h=2\"></a>");
    let sorted = sort(Some(&held), &[], Lang::En);
    assert_eq!(sorted.addresses.iter().map(Url::as_str).collect::<Vec<_>>(), ["https://cdn.example/7.png?w=1&h=2"]);
}

#[test]
fn a_page_names_its_picture_in_every_spelling_of_html_and_nothing_else_by_it() {
    let picture = |html: &str| picture_in(html).map(|url| url.as_str().to_owned());
    assert_eq!(picture("<IMG SRC = 'https://x.example/a.png'>").as_deref(), Some("https://x.example/a.png"));
    assert_eq!(
        picture("<img data-src=\"https://no.example/\" src=https://x.example/a.png />").as_deref(),
        Some("https://x.example/a.png")
    );
    assert!(picture("<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\">").is_some());
    for html in [
        "",
        "<p>words</p>",
        "<img>",
        "<img src>",
        "<img src=",
        "<img src=\"",
        "<img src=\"file:///etc/passwd\">",
        "<img src=\"a.png\">",
        "<img src=\"data:text/html,x\">",
        "<img src='https://x.example/a.png'><img src='https://x.example/b.png'>",
        "<img 截图src=\"https://x.example/a.png\"",
    ] {
        assert_eq!(picture(html), None, "{html}");
    }
}

#[test]
fn a_drop_of_thousands_is_refused_as_a_whole() {
    let held = held(&vec!["file:///a.png"; MOST + 1]);
    let sorted = sort(Some(&held), &[], Lang::En);
    assert!(sorted.files.is_empty() && sorted.addresses.is_empty());
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
