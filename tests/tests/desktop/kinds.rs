//! Pictures of every kind, as they leave: byte for byte where nothing is asked, and where something is, done or told why not.

use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb};
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, http, pictures};
use serde_json::Value;

use crate::hands::{click, copy_a_word, speaks};
use crate::steps::{BUCKET, drop_on_zone, history, links_on_clipboard, set};

/// Where a photo was taken, as a camera notes it.
const WHERE: &[u8] = b"GPS 48.8584N 2.2945E";

fn saved(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("memory takes any picture");
    bytes.into_inner()
}

fn noise(seed: u64) -> DynamicImage {
    image::load_from_memory(&pictures::png(seed, 24, 18)).expect("a picture")
}

/// A JPEG as a camera writes it: an orientation, and where it was.
fn photo() -> Vec<u8> {
    let plain = pictures::jpeg(700, 40, 30);
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0".to_vec();
    // Orientation (0x0112), a short: 6. The maker's own text (0x927c) behind the list.
    exif.extend([0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    exif.extend([0x7c, 0x92, 7, 0, u8::try_from(WHERE.len()).expect("short"), 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(WHERE);
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat()
}

/// Two frames of one pixel.
fn moving() -> Vec<u8> {
    let frame = |code| [&[0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2][..], &[code, 1, 0]].concat();
    [&b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"[..], &frame(0x44), &frame(0x4c), b"\x3b"].concat()
}

fn heic() -> Vec<u8> {
    [&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x20mdat"[..], WHERE, b"...."].concat()
}

const SVG: &[u8] =
    br##"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><path d="M9 9h70v40H9z" fill="#07c"/></svg>"##;

/// Each by its extension; what it is is read from the bytes.
fn all(language: &str) -> Vec<(String, Vec<u8>)> {
    let seed = if language == "en" { 710 } else { 720 };
    let deep = ImageBuffer::from_fn(20, 16, |x, y| {
        Rgb([u16::try_from(x * 3001).unwrap_or(0), u16::try_from(y * 4003).unwrap_or(0), 65_535])
    });
    let marked = |mut bytes: Vec<u8>, end: &[u8]| {
        bytes.extend(end);
        bytes
    };
    let svg = marked(SVG.to_vec(), format!("<!-- {language} -->").as_bytes());
    [
        ("bmp", saved(&noise(seed), ImageFormat::Bmp)),
        ("gif", moving()),
        ("heic", heic()),
        ("ico", saved(&noise(seed + 1), ImageFormat::Ico)),
        ("png", saved(&DynamicImage::ImageRgb16(deep), ImageFormat::Png)),
        ("qoi", saved(&noise(seed + 2), ImageFormat::Qoi)),
        ("svg", svg),
        ("tiff", saved(&noise(seed + 3), ImageFormat::Tiff)),
        ("webp", saved(&noise(seed + 4), ImageFormat::WebP)),
    ]
    .map(|(ext, bytes)| (format!("{language}.{ext}"), bytes))
    .into()
}

fn files(desktop: &Desktop, all: &[(String, Vec<u8>)]) -> Vec<PathBuf> {
    all.iter().map(|(name, bytes)| desktop.file(name, bytes)).collect()
}

/// What the history tells about this file, as JSON.
fn told(desktop: &Desktop, name: &str) -> Value {
    history(desktop).into_iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in the history"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_leaves_byte_for_byte_but_for_where_a_photo_was_taken() {
    let desktop = Desktop::start().await;
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for (language, title, stays) in
        [("en", "Drop zone", "private data cannot be cut out of HEIC"), ("zh-CN", "拖放区", "无法从 HEIC 中去除隐私数据")]
    {
        speaks(&desktop, language, title).await;
        session.find_soon(".dz-foot .where").await;
        // Other bytes in each language: the same ones would have their link already.
        set(&desktop, "destinations.this-computer.folder", language);
        let _word = copy_a_word(&desktop, "something else").await;
        let mut all = all(language);
        all.push((format!("{language}.jpeg"), photo()));
        drop_on_zone(&desktop, &files(&desktop, &all)).await;
        let links = links_on_clipboard(&desktop, all.len()).await;
        for (link, (name, bytes)) in links.iter().zip(&all) {
            let sent = http::get(link).await;
            assert_eq!(sent.status, 200, "{name}");
            if name.ends_with(".jpeg") {
                assert!(!sent.bytes.windows(WHERE.len()).any(|part| part == WHERE), "where it was taken went along");
                assert!(sent.bytes.windows(6).any(|part| part == b"Exif\0\0"), "and with it which way up it is");
                let pixels = |bytes: &[u8]| image::load_from_memory(bytes).expect("a picture").into_rgb8();
                assert!(pixels(&sent.bytes) == pixels(bytes), "a pixel was touched");
            } else {
                assert!(sent.bytes == *bytes, "{name} is not what it was");
            }
        }
        // Where it cannot be cut out, that is said with the link.
        desktop.notifications().wait_for("what stays in it", |told| told.body.contains(stays)).await;
        session.find_soon(&format!(".four [aria-label*='{stays}']")).await;
        click(&session, ".panel > header .last").await;
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_converted_goes_as_it_is_and_what_is_broken_or_a_bomb_is_refused_with_the_reason() {
    let desktop = Desktop::start().await;
    set(&desktop, "destinations.this-computer.convert", "webp");
    let session = Session::start(&desktop, &["--show", "drop-zone"]).await;
    for (language, title, [moves, lines, damaged, bomb, close]) in [
        (
            "en",
            "Drop zone",
            ["it moves", "SVG consists of lines", "breaks off before its end", "made to fill the memory", "Close"],
        ),
        ("zh-CN", "拖放区", ["这是动图", "SVG 是矢量图", "图片不完整", "用来耗尽内存", "关闭"]),
    ] {
        speaks(&desktop, language, title).await;
        session.find_soon(".dz-foot .where").await;
        set(&desktop, "destinations.this-computer.folder", language);
        let _word = copy_a_word(&desktop, "something else").await;
        let kinds = all(language);
        let pick = |ext: &str| kinds.iter().find(|(name, _)| name.ends_with(ext)).expect("one of them").clone();
        let some =
            [pick("gif"), pick("svg"), (format!("{language}-drawn.png"), pictures::drawn(if language == "en" { 1 } else { 2 }))];
        drop_on_zone(&desktop, &files(&desktop, &some)).await;
        let links = links_on_clipboard(&desktop, 3).await;
        for ((link, (name, bytes)), why) in links.iter().zip(&some).zip([moves, lines, ""]) {
            let sent = http::get(link).await;
            if why.is_empty() {
                assert_eq!(sent.content_type, "image/webp", "{name}");
                assert!(sent.bytes.len() < bytes.len(), "{name} became larger");
                assert!(told(&desktop, name).to_string().contains("WebP") || link.ends_with(".webp"), "{link}");
            } else {
                assert!(sent.bytes == *bytes, "{name} is not what it was");
                session.find_soon(&format!(".four [aria-label*='{why}']")).await;
            }
        }
        click(&session, ".panel > header .last").await;

        let before = desktop.keys(BUCKET).len();
        let mut half = pictures::jpeg(730, 400, 300);
        half.truncate(half.len() / 2);
        drop_on_zone(&desktop, &[desktop.file("half.jpeg", &half)]).await;
        session.text_with("why it was not taken", |text| text.contains("half") && text.contains(damaged)).await;
        session.press(close).await;
        drop_on_zone(&desktop, &[desktop.file("bomb.png", &crate::notices::claims_too_much())]).await;
        session.text_with("why it was not taken", |text| text.contains("bomb") && text.contains(bomb)).await;
        session.press(close).await;
        eventually("nothing of them to be there", async || (desktop.keys(BUCKET).len() == before).then_some(())).await;
    }
    session.close().await;
}
