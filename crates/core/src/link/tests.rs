use super::*;
use proptest::prelude::*;

fn target<'a>(url: &'a str, name: &'a str) -> Target<'a> {
    Target { url, name, content_type: "image/png", width: Some(801), height: Some(600), density: 1 }
}

#[test]
fn each_format_is_what_its_readers_expect() {
    let target = target("https://cdn.example/a%20b.png?X=1&Y=2", "shot.png");
    for (format, expected) in [
        (Format::Url, "https://cdn.example/a%20b.png?X=1&Y=2"),
        (Format::Markdown, "![shot](https://cdn.example/a%20b.png?X=1&Y=2)"),
        (Format::Html, r#"<img src="https://cdn.example/a%20b.png?X=1&amp;Y=2" alt="shot" width="801" height="600">"#),
        (Format::Bbcode, "[img]https://cdn.example/a%20b.png?X=1&Y=2[/img]"),
        (Format::Css, r#"url("https://cdn.example/a%20b.png?X=1&Y=2")"#),
        (Format::Jsx, r#"<img src={"https://cdn.example/a%20b.png?X=1&Y=2"} alt={"shot"} width={801} height={600} />"#),
    ] {
        assert_eq!(text(&target, format, &[]), expected);
    }
}

#[test]
fn pictures_for_dense_screens_are_shown_at_their_intended_size() {
    let html = text(&target("https://x.example/a.png", "shot@2x.png"), Format::Html, &[]);
    assert_eq!(html, r#"<img src="https://x.example/a.png" alt="shot" width="401" height="300">"#);
}

#[test]
fn what_a_dense_screen_showed_is_shown_at_its_size_there_whatever_it_is_called() {
    let dense = |name| Target { density: 2, ..target("https://x.example/a.png", name) };
    let html = text(&dense("Screenshot 2026-11-23.png"), Format::Html, &[]);
    assert_eq!(html, r#"<img src="https://x.example/a.png" alt="Screenshot 2026-11-23" width="401" height="300">"#);
    let jsx = text(&dense("shot.png"), Format::Jsx, &[]);
    assert_eq!(jsx, r#"<img src={"https://x.example/a.png"} alt={"shot"} width={401} height={300} />"#);
    // What somebody wrote into the name is meant, and counts once.
    let html = text(&dense("shot@3x.png"), Format::Html, &[]);
    assert!(html.ends_with(r#"alt="shot" width="267" height="200">"#), "{html}");
    let html = text(&dense("shot@2x.png"), Format::Html, &[]);
    assert!(html.ends_with(r#"width="401" height="300">"#), "{html}");
}

#[test]
fn what_is_no_picture_is_linked_and_not_shown() {
    let film = Target { content_type: "video/mp4", ..target("https://x.example/a.mp4", "a.mp4") };
    assert_eq!(text(&film, Format::Markdown, &[]), "[a](https://x.example/a.mp4)");
    assert_eq!(
        text(&film, Format::Html, &[]),
        r#"<video src="https://x.example/a.mp4" width="801" height="600" controls></video>"#
    );
    let paper = Target { content_type: "application/pdf", ..target("https://x.example/a.pdf", "a.pdf") };
    assert_eq!(text(&paper, Format::Bbcode, &[]), "[url=https://x.example/a.pdf]a[/url]");
    assert_eq!(text(&paper, Format::Jsx, &[]), r#"<a href={"https://x.example/a.pdf"}>{"a"}</a>"#);
}

#[test]
fn a_hostile_name_or_address_breaks_out_of_nothing() {
    let name = "x](y)\"><script>alert(1)</script>{`[/img].png";
    let url = "https://x.example/a)b\"]'><script>\n[/img]{}\\.png";
    let hostile = target(url, name);
    assert_eq!(text(&hostile, Format::Url, &[]), "https://x.example/a)b%22]'%3E%3Cscript%3E%0A[/img]%7B%7D%5C.png");
    let bare = "https://x.example/a%29b%22%5D%27%3E%3Cscript%3E%0A%5B/img%5D%7B%7D%5C.png";
    assert!(text(&hostile, Format::Markdown, &[]).ends_with(&format!("]({bare})")));
    assert_eq!(text(&hostile, Format::Bbcode, &[]), format!("[img]{bare}[/img]"));
    assert_eq!(text(&hostile, Format::Css, &[]), format!("url(\"{bare}\")"));
    assert!(!text(&hostile, Format::Html, &[]).contains("<script"));
}

#[test]
fn several_links_come_one_a_line_in_order() {
    let both = [target("https://x.example/1", "1"), target("https://x.example/2", "2")];
    assert_eq!(texts(both, Format::Url, &[]), "https://x.example/1\nhttps://x.example/2");
}

#[test]
fn every_format_is_found_by_its_name() {
    for format in Format::ALL {
        assert_eq!(Format::named(&format.name().to_uppercase()), Some(format));
        assert_eq!(serde_json::to_value(format).expect("serialises"), format.word());
    }
}

proptest! {
    #[test]
    fn any_link_is_one_line_and_keeps_its_frame(url in "https://x\\.example/\\PC*", name in ".*") {
        for format in Format::ALL {
            let text = text(&target(&url, &name), format, &[]);
            prop_assert!(!text.contains(['\n', '\r']));
            match format {
                Format::Html => prop_assert_eq!(text.matches(['<', '>']).count(), 2),
                Format::Bbcode => prop_assert_eq!(text.matches(['[', ']']).count(), 4),
                Format::Css => prop_assert_eq!(text.matches(['"', '(', ')']).count(), 4),
                _ => {}
            }
        }
    }
}
