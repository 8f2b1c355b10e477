use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_text_is_an_address_only_when_it_is_nothing_but_one() {
    assert_eq!(address(" https://x.example/a.png\r\n").expect("one").as_str(), "https://x.example/a.png");
    assert_eq!(address("HTTP://x.example").expect("one").scheme(), "http");
    for text in [
        "see https://x.example/a.png",
        "https://x.example/a.png https://x.example/b.png",
        "x.example/a.png",
        "ftp://x.example/a.png",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "",
    ] {
        assert!(address(text).is_none(), "{text}");
    }
}

#[test]
fn what_may_be_a_secret_in_an_address_is_never_shown() {
    let secret = url("https://me:hunter2@x.example:8443/shots/a.png?X-Amz-Signature=0123#frag");
    assert_eq!(shown(&secret), "https://x.example:8443/shots/a.png");
    let long = shown(&url(&format!("https://x.example/{}.png", "a".repeat(500))));
    assert!(long.chars().count() <= LONGEST_SHOWN && long.ends_with(".png") && long.contains('…'), "{long}");
    assert!(!shown(&url("data:image/png;base64,AAAA")).contains("AAAA"));
    assert_eq!(allowed(&secret).expect_err("credentials").text.key(), "sources.address_password");
    assert_eq!(allowed(&url("blob:https://x.example/4711")).expect_err("inside the browser").text.key(), "sources.address_blob");
    assert_eq!(allowed(&url("ftp://x.example/a.png")).expect_err("not the web").text.key(), "sources.address_bad");
}

#[test]
fn a_name_from_outside_stays_one_name() {
    let name = |text: &str| name_of(&url(text));
    assert_eq!(name("https://x.example/shots/a%20b.png?size=2"), "a b.png");
    assert_eq!(name("https://x.example/%E6%88%AA%E5%9B%BE.png"), "截图.png");
    assert_eq!(name("https://x.example/a/..%2f..%2fetc%2fpasswd"), "passwd");
    assert_eq!(name("https://x.example/photo/"), "photo");
    for bare in ["https://x.example/", "https://x.example/...", "https://x.example/%00%01"] {
        assert_eq!(name(bare), "image", "{bare}");
    }
    assert_eq!(sanitised("..\\..\\boot.png").as_deref(), Some("boot.png"));
    assert_eq!(sanitised("\u{202e}gnp.exe\u{200b}.png").as_deref(), Some("gnp.exe.png"));
    let long = sanitised(&format!("{}é.png", "é".repeat(300))).expect("a name");
    assert!(long.len() <= LONGEST_NAME && long.ends_with("é.png"), "{long}");
}

#[test]
fn the_name_the_other_side_gives_is_taken_where_it_is_one() {
    for (header, name) in [
        ("inline; filename=\"a b.png\"", Some("a b.png")),
        ("attachment; filename=plain.png; size=12", Some("plain.png")),
        ("attachment; filename=\"x.png\"; filename*=UTF-8''%E6%88%AA%E5%9B%BE.png", Some("截图.png")),
        ("attachment; filename*=iso-8859-1'en'%A3.png", Some("£.png")),
        ("attachment; FILENAME=\"q\\\"uote.png\"", Some("q-uote.png")),
        ("attachment; filename=\"../../.ssh/id.png\"", Some("id.png")),
        ("attachment; filename*=UTF-8''%FF.png; filename=\"good.png\"", Some("good.png")),
        ("inline", None),
        ("attachment; filename=\"\"", None),
        ("attachment; filename=\"broken", Some("broken")),
        ("attachment; =;;=\"", None),
    ] {
        assert_eq!(disposed(header).as_deref(), name, "{header}");
    }
}

#[test]
fn a_picture_inside_its_address_is_taken_and_nothing_else_in_one() {
    let gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    let got = of_data(&url(&format!("data:image/gif;base64,{gif}")), Lang::En).expect("a picture");
    assert_eq!((got.name.as_str(), &got.bytes[..6]), ("image.gif", &b"GIF89a"[..]));
    let wrapped = of_data(&url(&format!("data:image/png;charset=x;BASE64,{}%0A{}", &gif[..20], &gif[20..])), Lang::En);
    assert_eq!(wrapped.expect("a picture").name, "image.gif", "by its bytes, not by what it says");
    let svg = of_data(&url("data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E"), Lang::En).expect("a picture");
    assert_eq!(svg.name, "image.svg");
    let refused = |text: &str| of_data(&url(text), Lang::En).expect_err(text);
    let text = refused("data:text/html,<b>hello");
    assert_eq!(text.code, Code::NotAnImage);
    assert!(text.to_string().contains("text/html"), "{text}");
    assert_eq!(refused("data:image/png;base64,!!!!").text.key(), "sources.data_bad");
    assert_eq!(refused("data:,").text.key(), "sources.data_bad");
}
