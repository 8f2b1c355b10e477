//! AVIF is made by a process of its own: what comes of it, and what becomes of it when something ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use crate::support::*;

fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917) >> 29;
        Rgb([(x % 200 + grain) as u8, (y % 200 + grain) as u8, 90])
    })
}

fn save(picture: RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

/// What another program sees in it.
fn seen(file: &[u8]) -> RgbImage {
    let folder = tempfile::tempdir().expect("a folder");
    let (avif, png) = (folder.path().join("made.avif"), folder.path().join("seen.png"));
    std::fs::write(&avif, file).expect("written");
    let done =
        Command::new("avifdec").args(["--depth", "8"]).args([&avif, &png]).output().expect("avifdec of libavif-bin is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    image::open(&png).expect("a PNG").into_rgb8()
}

fn difference(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u64 = one.iter().zip(other.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn screenshots_and_photos_become_avif_that_others_can_read_and_have_thumbnails() {
    let home = Home::new();
    let shot = scene(320, 200);
    home.write("shot.png", &save(shot.clone(), ImageFormat::Png));
    home.write("photo.jpg", &save(scene(640, 480), ImageFormat::Jpeg));
    home.run(&["settings", "set", "destinations.this-computer.convert", "avif"]).ends(0);
    home.run(&["settings", "set", "destinations.this-computer.max_width", "320"]).ends(0);
    let run = home.run(&["upload", "shot.png", "photo.jpg", "--json"]).ends(0);
    assert!(run.err.contains("shot.png: ") && run.err.contains(", AVIF") && run.err.contains(", AVIF, 320 × 240"), "{}", run.err);
    assert!(!run.err.contains("private data"), "nothing of it went along: {}", run.err);
    let json = run.json();
    let smaller = DynamicImage::from(scene(640, 480)).resize_exact(320, 240, image::imageops::Lanczos3).into_rgb8();
    for (one, wanted) in json.as_array().expect("two").iter().zip([shot, smaller]) {
        assert_eq!((one["type"].as_str(), one["width"].as_u64()), (Some("image/avif"), Some(320)), "{one}");
        let url = one["url"].as_str().expect("a link");
        assert!(url.ends_with(".avif"), "{url}");
        let (status, head, body) = get(url);
        assert!(status == 200 && head.to_lowercase().contains("content-type: image/avif"), "{head}");
        assert!(
            body.len() as u64 == one["size"].as_u64().expect("a size")
                && one["image"]["was_size"].as_u64() > one["size"].as_u64()
        );
        let off = difference(&seen(&body), &wanted);
        assert!(off < 5.0, "off by {off}");
        let small = home.path().join("thumbnails").join(format!("{}.png", one["sha256"].as_str().expect("a hash")));
        let small = image::open(&small).expect("a small picture").into_rgb8();
        assert!(difference(&small, &wanted) < 5.0, "of what was made");
    }
}

#[test]
fn a_wide_gamut_and_transparency_go_along() {
    let home = Home::new();
    let clear = image::RgbaImage::from_fn(90, 60, |x, y| image::Rgba([x as u8, y as u8, 50, if x < 30 { 0 } else { 255 }]));
    let mut profile = vec![0; 600];
    profile[16..20].copy_from_slice(b"RGB ");
    let mut png = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut png,
        image::codecs::png::CompressionType::Uncompressed,
        image::codecs::png::FilterType::NoFilter,
    );
    image::ImageEncoder::set_icc_profile(&mut encoder, profile.clone()).expect("kept");
    clear.write_with_encoder(encoder).expect("encodes");
    home.write("clear.png", &png);
    let run = home.run(&["upload", "clear.png", "--convert", "avif"]).ends(0);
    let (_, _, body) = get(run.lines()[0]);
    assert!(body.windows(600).any(|part| part == profile), "the profile is in the file");
    let path = home.dir.path().join("made.avif");
    std::fs::write(&path, body).expect("written");
    let said = Command::new("avifdec").arg("--info").arg(&path).output().expect("avifdec of libavif-bin is there");
    let said = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Alpha : Not premultiplied") && said.contains("ICC Profile : Present (600 bytes)"), "{said}");
}

const WIDE: u32 = 3000;
const HIGH: u32 = 2000;

/// An upload whose conversion takes a while.
fn slow(home: &Home, more: &[&str]) -> Child {
    home.write("large.bmp", &save(scene(WIDE, HIGH), ImageFormat::Bmp));
    let arguments = [&["upload", "large.bmp", "--convert", "avif"], more].concat();
    home.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The encoder that this process has started, as `/proc` shows it.
fn encoder_of(parent: u32) -> Option<PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten().map(|entry| entry.path());
    processes.into_iter().find(|process| {
        let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        // After the name, which may hold anything: state, parent.
        let of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        of == Some(parent) && std::fs::read(process.join("cmdline")).is_ok_and(|line| line.ends_with(b"\0__avif\0"))
    })
}

fn send(signal: &str, process: &Path) {
    let number = process.file_name().expect("a number");
    assert!(Command::new("kill").arg(signal).arg(number).status().expect("kill").success());
}

#[test]
fn an_encoder_that_is_killed_costs_its_own_upload_and_no_other() {
    let home = Home::new();
    home.write("lines.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>");
    let child = slow(&home, &["lines.svg"]);
    send("-KILL", &wait_for("an encoder", || encoder_of(child.id())));
    let run = Run::of(child.wait_with_output().expect("it ends")).ends(1);
    assert!(run.err.contains("large.bmp was not taken: AVIF could not be made"), "{}", run.err);
    let links = run.lines();
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(get(links[0]).0, 200);
}

#[test]
fn no_encoder_goes_on_once_nobody_waits_for_it_and_it_was_told_nothing() {
    let home = Home::new();
    let mut child = slow(&home, &[]);
    let encoder = wait_for("an encoder", || encoder_of(child.id()));
    let environment = std::fs::read(encoder.join("environ")).expect("ours");
    assert!(environment.is_empty(), "{}", String::from_utf8_lossy(&environment));
    // From here on nothing that it waits for can end it.
    wait_for("the pixels to be with the encoder", || {
        let told = std::fs::read_to_string(encoder.join("io")).ok()?;
        let read = told.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse::<u32>().ok())?;
        (read > WIDE * HIGH * 3).then_some(())
    });
    let before = state(&encoder).1;
    child.kill().expect("killed");
    child.wait().expect("gone");
    let mut worked = 0;
    wait_for("the encoder to end", || {
        let (ended, so_far) = state(&encoder);
        worked = worked.max(so_far.saturating_sub(before));
        ended.then_some(())
    });
    // One that came to its end by itself has worked for many seconds.
    assert!(worked < 100, "it went on for {worked} hundredths of a second");
}

/// As `/proc` tells: whether it has ended, and what it has worked so far, in hundredths of a second of one core.
fn state(encoder: &Path) -> (bool, u64) {
    let stat = std::fs::read_to_string(encoder.join("stat")).unwrap_or_default();
    let line = std::fs::read(encoder.join("cmdline")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    // The 14th and 15th of all: what was spent outside of the kernel and in it.
    let worked = fields.iter().skip(11).take(2).filter_map(|spent| spent.parse::<u64>().ok()).sum();
    // Another process may have its number by now, and nobody may have asked for its end yet.
    (!line.ends_with(b"\0__avif\0") || fields.first() == Some(&"Z"), worked)
}
