//! What is done to images, asked for by options and told on standard error.

use crate::support::*;

/// A BMP of 64 × 48 pixels of one colour.
fn bmp() -> Vec<u8> {
    let (width, height) = (64_u32, 48_u32);
    let pixels = vec![90_u8; (width * height * 3) as usize];
    let size = u32::try_from(54 + pixels.len()).expect("small");
    let mut bmp = b"BM".to_vec();
    for word in [size, 0, 54, 40, width, height] {
        bmp.extend(word.to_le_bytes());
    }
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    bmp.extend(pixels);
    bmp
}

/// As [`opens`], for what is no PNG.
#[track_caller]
fn gives(url: &str, bytes: &[u8]) {
    let (status, head, body) = get(url);
    assert!(status == 200 && head.contains("content-type: image/bmp"), "{head}");
    assert_eq!(body, bytes, "the very bytes");
}

#[test]
fn a_call_makes_another_picture_and_says_what_it_saved() {
    let home = Home::new();
    home.write("shot.bmp", &bmp());
    let run = home.run(&["upload", "shot.bmp", "--convert", "webp", "--max-width", "32", "--json"]).ends(0);
    assert!(run.err.contains("shot.bmp: 9.2 kB → ") && run.err.contains(", WebP, 32 × 24"), "{}", run.err);
    let one = &run.json()[0];
    assert_eq!((one["type"].as_str(), one["width"].as_u64()), (Some("image/webp"), Some(32)), "{one}");
    assert_eq!((one["image"]["was_type"].as_str(), one["image"]["was_width"].as_u64()), (Some("image/bmp"), Some(64)), "{one}");
    let (status, head, body) = get(one["url"].as_str().expect("a link"));
    assert!(status == 200 && head.to_lowercase().contains("content-type: image/webp"), "{head}");
    assert_eq!(Some(body.len() as u64), one["size"].as_u64());
    let plain = home.run(&["upload", "shot.bmp"]).ends(0);
    gives(plain.lines()[0], &bmp());
}

#[test]
fn a_destination_keeps_what_is_wanted_and_a_call_may_want_something_else() {
    let home = Home::new();
    home.write("shot.bmp", &bmp());
    home.write("half.bmp", &bmp()[..200]);
    home.run(&["settings", "set", "destinations.this-computer.convert", "jpeg"]).ends(0);
    let run = home.run(&["upload", "shot.bmp", "half.bmp"]).ends(1);
    assert!(run.lines()[0].ends_with(".jpg"), "{}", run.out);
    assert!(run.err.contains("half.bmp was not taken: the picture"), "{}", run.err);
    let plain = home.run(&["upload", "half.bmp", "--convert", "none"]).ends(0);
    gives(plain.lines()[0], &bmp()[..200]);
    let refused = home.run(&["upload", "shot.bmp", "--convert", "heic"]).ends(2);
    assert!(refused.err.contains("webp, avif"), "{}", refused.err);
}
