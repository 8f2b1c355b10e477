use std::fs;
use std::process::Command;

use super::*;

const fn order(width: u32, height: u32, channels: u8) -> Order {
    Order { width, height, channels, deep: false, quality: 90, fine: true, profile: None, exif: None }
}

/// Soft colours, and a corner that says which way is up.
fn scene(x: u32, y: u32) -> [u8; 3] {
    if x < 12 && y < 12 { [10, 10, 10] } else { [(40 + x) as u8, (30 + y) as u8, 120] }
}

fn pixels(order: &Order, of: impl Fn(u32, u32) -> Vec<u8>) -> Vec<u8> {
    (0..order.height).flat_map(|y| (0..order.width).map(move |x| (x, y))).flat_map(|(x, y)| of(x, y)).collect()
}

/// What another program (Debian's `avifdec`, over dav1d and libyuv) says of a file, and its pixels as eight-bit RGBA.
fn decoded(file: &[u8]) -> (String, image::RgbaImage) {
    let folder = tempfile::tempdir().expect("a folder");
    let (avif, png) = (folder.path().join("made.avif"), folder.path().join("seen.png"));
    fs::write(&avif, file).expect("written");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let done = Command::new("avifdec").args(arguments).output().expect("avifdec of libavif-bin is there");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{said}");
        said
    };
    let info = run(&["--info".as_ref(), avif.as_os_str()]);
    run(&["--depth".as_ref(), "8".as_ref(), avif.as_os_str(), png.as_os_str()]);
    (info.split_whitespace().collect::<Vec<_>>().join(" "), image::open(&png).expect("a PNG").into_rgba8())
}

/// The largest and the mean difference of the channels that are looked at.
fn difference(seen: &image::RgbaImage, channels: std::ops::Range<usize>, wanted: impl Fn(u32, u32) -> Vec<u8>) -> (u8, f64) {
    let mut all = Vec::new();
    for (x, y, pixel) in seen.enumerate_pixels() {
        let wanted = wanted(x, y);
        all.extend(channels.clone().map(|channel| pixel[channel].abs_diff(wanted[channel])));
    }
    let sum: u64 = all.iter().map(|off| u64::from(*off)).sum();
    (all.iter().copied().max().unwrap_or_default(), sum as f64 / all.len() as f64)
}

#[test]
fn a_picture_of_every_size_is_read_by_another_program_with_the_same_pixels_in_it() {
    for (width, height) in [(1, 1), (2, 3), (17, 5), (64, 64), (131, 97), (300, 1)] {
        for fine in [true, false] {
            let order = Order { fine, ..order(width, height, 3) };
            let given = pixels(&order, |x, y| scene(x, y).to_vec());
            let file = encode(&order, given.as_slice()).expect("made");
            let media = imagepic_media::sniff(&file).expect("known here");
            assert_eq!((media.mime, media.width, media.height, media.animated), ("image/avif", Some(width), Some(height), false));
            let (info, seen) = decoded(&file);
            assert_eq!(seen.dimensions(), (width, height), "{info}");
            for wanted in ["Bit Depth : 10", if fine { "YUV444" } else { "YUV420" }, "Range : Full", "Color Primaries: 1"] {
                assert!(info.contains(wanted), "{wanted} in {info}");
            }
            // An edge of the dark corner may share its colour with its neighbour.
            let (_, mean) = difference(&seen, 0..3, |x, y| scene(x, y).to_vec());
            assert!(mean < 4.0, "{width} × {height}, fine: {fine}, is off by {mean}");
        }
    }
}

#[test]
fn transparency_arrives_and_what_nobody_sees_does_not_bleed() {
    let hole = |x: u32, y: u32| {
        let inside = x.abs_diff(60).pow(2) + y.abs_diff(60).pow(2) < 2500;
        if inside { vec![200, 30, 30, 255] } else { vec![0, 255, 0, 0] }
    };
    let order = order(120, 120, 4);
    let (info, seen) = decoded(&encode(&order, pixels(&order, hole).as_slice()).expect("made"));
    assert!(info.contains("Alpha : Not premultiplied"), "{info}");
    assert!(difference(&seen, 3..4, hole).1 < 2.0);
    for (_, _, pixel) in seen.enumerate_pixels().filter(|(x, y, _)| hole(*x, *y)[3] == 255) {
        assert!(pixel[1] < 90, "{pixel:?}");
    }
}

#[test]
fn grey_stays_grey_and_sixteen_bits_become_ten() {
    let order = Order { deep: true, ..order(90, 40, 2) };
    let given = |x: u32, y: u32| [(x * 700) as u16, (65_535 - y * 900) as u16];
    let bytes = pixels(&order, |x, y| given(x, y).iter().flat_map(|value| value.to_ne_bytes()).collect());
    let (info, seen) = decoded(&encode(&order, bytes.as_slice()).expect("made"));
    assert!(info.contains("YUV400") && info.contains("Bit Depth : 10"), "{info}");
    let eight = |value: u16| (value >> 8) as u8;
    let (_, mean) = difference(&seen, 0..4, |x, y| {
        let [grey, alpha] = given(x, y);
        vec![eight(grey), eight(grey), eight(grey), eight(alpha)]
    });
    assert!(mean < 3.0, "off by {mean}");
}

#[test]
fn a_profile_and_wanted_exif_data_go_along() {
    let profile: Vec<u8> = (0..700_u32).map(|at| (at % 251) as u8).collect();
    let exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    let order = Order { profile: Some(profile.clone()), exif: Some(exif.clone()), ..order(40, 30, 4) };
    let file = encode(&order, pixels(&order, |x, y| [&scene(x, y)[..], &[9]].concat()).as_slice()).expect("made");
    let holds = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    assert!(holds(&profile) && holds(&exif));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made.avif");
    fs::write(&path, &file).expect("written");
    let said = Command::new("avifdec").arg("--info").arg(&path).output().expect("avifdec of libavif-bin is there");
    let said = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in ["ICC Profile : Present (700 bytes)", "Exif Metadata : Present (14 bytes)", "Color Primaries: 2"] {
        assert!(said.contains(wanted), "{wanted} in {said}");
    }
}

#[test]
fn quality_decides_between_bytes_and_likeness() {
    let noise =
        |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917) >> 26;
    let of = |x, y| scene(x, y).map(|channel| channel.saturating_add(noise(x, y) as u8)).to_vec();
    let mut before: Option<(usize, f64)> = None;
    for quality in [20, 60, 100] {
        let order = Order { quality, ..order(128, 128, 3) };
        let file = encode(&order, pixels(&order, of).as_slice()).expect("made");
        let off = difference(&decoded(&file).1, 0..3, of).1;
        if let Some((bytes, coarser)) = before {
            assert!(file.len() > bytes && off < coarser, "{quality}: {} bytes, off by {off}", file.len());
        }
        before = Some((file.len(), off));
    }
    assert!(before.is_some_and(|(_, off)| off < 1.5), "the best is close to what was given: {before:?}");
}

#[test]
fn pixels_that_break_off_are_no_picture() {
    let order = order(40, 30, 3);
    let given = pixels(&order, |x, y| scene(x, y).to_vec());
    assert!(matches!(encode(&order, &given[..given.len() - 1]), Err(Error::Pixels(_))));
}
