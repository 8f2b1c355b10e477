use super::*;
use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

fn encode(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn told(bytes: &[u8]) -> (&'static str, &'static str, Option<u32>, Option<u32>) {
    let media = sniff(bytes).expect("known");
    (media.mime, media.ext, media.width, media.height)
}

fn atom(kind: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len() + 8).expect("small");
    [&length.to_be_bytes()[..], kind, inside].concat()
}

#[test]
fn pictures_are_known_by_their_bytes_with_their_size() {
    for (format, mime, ext) in [
        (ImageFormat::Png, "image/png", "png"),
        (ImageFormat::Jpeg, "image/jpeg", "jpg"),
        (ImageFormat::Gif, "image/gif", "gif"),
        (ImageFormat::WebP, "image/webp", "webp"),
        (ImageFormat::Bmp, "image/bmp", "bmp"),
        (ImageFormat::Tiff, "image/tiff", "tiff"),
        (ImageFormat::Ico, "image/vnd.microsoft.icon", "ico"),
        (ImageFormat::Qoi, "image/qoi", "qoi"),
    ] {
        assert_eq!(told(&encode(format, 40, 30)), (mime, ext, Some(40), Some(30)), "{format:?}");
    }
    assert_eq!(told(&encode(ImageFormat::Ico, 256, 256)).2, Some(256));
}

#[test]
fn a_photo_taken_upright_is_told_as_it_is_shown() {
    let plain = encode(ImageFormat::Jpeg, 40, 30);
    let exif = [exif::MARK, &exif::only_orientation(6)].concat();
    let length = u16::try_from(exif.len() + 2).expect("small").to_be_bytes();
    let turned = [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat();
    assert_eq!(told(&turned), ("image/jpeg", "jpg", Some(30), Some(40)));
}

#[test]
fn moving_pictures_are_known_to_move() {
    let mut gif = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
    for _ in 0..2 {
        encoder.encode_frame(image::Frame::new(image::RgbaImage::new(8, 8))).expect("a frame");
    }
    drop(encoder);
    assert!(sniff(&gif).expect("a GIF").animated);
    assert!(!sniff(&encode(ImageFormat::Gif, 8, 8)).expect("a GIF").animated);

    let png = encode(ImageFormat::Png, 8, 8);
    let actl = [&8_u32.to_be_bytes()[..], b"acTL", &2_u32.to_be_bytes(), &0_u32.to_be_bytes(), &[0; 4]].concat();
    assert!(sniff(&[&png[..33], &actl, &png[33..]].concat()).expect("an APNG").animated);
    assert!(!sniff(&png).expect("a PNG").animated);
}

#[test]
fn only_a_png_that_says_it_was_taken_on_a_dense_screen_is_shown_smaller() {
    let png = encode(ImageFormat::Png, 80, 60);
    let with = |across: u32, down: u32, unit: u8| {
        let phys = [&9_u32.to_be_bytes()[..], b"pHYs", &across.to_be_bytes(), &down.to_be_bytes(), &[unit], &[0; 4]].concat();
        sniff(&[&png[..33], &phys, &png[33..]].concat()).expect("a PNG").density
    };
    assert_eq!(sniff(&png).expect("a PNG").density, 1, "one that says nothing");
    // 144 and 192 dots an inch, rounded either way.
    assert_eq!([5669, 5670, 7559, 7560].map(|pixels| with(pixels, pixels, 1)), [2; 4]);
    // 72, 96, 150, 216 and 300 dots an inch; not as wide as high; no unit.
    assert_eq!([2835, 3780, 5906, 8504, 11811].map(|pixels| with(pixels, pixels, 1)), [1; 5]);
    assert_eq!([with(5669, 2835, 1), with(5669, 5669, 0), with(0, 0, 1)], [1; 3]);
    // A photograph of 144 dots an inch, by JFIF: it says how large to print it.
    let mut jpeg = encode(ImageFormat::Jpeg, 80, 60);
    assert_eq!(&jpeg[6..11], b"JFIF\0");
    jpeg[13..18].copy_from_slice(&[1, 0, 144, 0, 144]);
    assert_eq!(sniff(&jpeg).expect("a JPEG").density, 1);
}

#[test]
fn what_a_dense_screen_is_told_by_outlives_the_private_data() {
    let png = encode(ImageFormat::Png, 8, 8);
    let phys = [&9_u32.to_be_bytes()[..], b"pHYs", &5669_u32.to_be_bytes(), &5669_u32.to_be_bytes(), &[1], &[0; 4]].concat();
    let text = b"XML:com.adobe.xmp\0\0\0\0\0<x/>";
    let xmp = [&u32::try_from(text.len()).expect("small").to_be_bytes()[..], b"iTXt", text, &[0; 4]].concat();
    let crate::Outcome::Stripped { bytes, .. } = crate::strip_metadata(&[&png[..33], &phys, &xmp, &png[33..]].concat()) else {
        panic!("there was something to cut")
    };
    assert_eq!(sniff(&bytes).expect("a PNG").density, 2);
}

#[test]
fn formats_of_boxes_are_told_apart_by_their_brands() {
    let ispe = |width: u32, height: u32| atom(b"ispe", &[&[0; 4], &width.to_be_bytes()[..], &height.to_be_bytes()].concat());
    let meta = |more: &[u8]| {
        let ipco = atom(b"ipco", &[&ispe(512, 512)[..], &ispe(4032, 3024), more].concat());
        atom(b"meta", &[&[0; 4], &atom(b"iprp", &ipco)[..]].concat())
    };
    let ftyp = |brands: &[u8]| atom(b"ftyp", brands);
    let heic = [ftyp(b"heic\0\0\0\0mif1heic"), meta(&[])].concat();
    assert_eq!(told(&heic), ("image/heic", "heic", Some(4032), Some(3024)));
    let turned = [ftyp(b"mif1\0\0\0\0mif1heic"), meta(&atom(b"irot", &[1]))].concat();
    assert_eq!(told(&turned), ("image/heic", "heic", Some(3024), Some(4032)));
    let avif = [ftyp(b"mif1\0\0\0\0mif1avif"), meta(&[])].concat();
    assert_eq!(told(&avif), ("image/avif", "avif", Some(4032), Some(3024)));

    let mut tkhd = vec![0; 76];
    tkhd.extend((1920_u32 << 16).to_be_bytes());
    tkhd.extend((1080_u32 << 16).to_be_bytes());
    let moov = atom(b"moov", &[atom(b"trak", &atom(b"tkhd", &[0; 84])), atom(b"trak", &atom(b"tkhd", &tkhd))].concat());
    let mp4 = [ftyp(b"isom\0\0\x02\0isommp41"), atom(b"mdat", &[0; 300]), moov].concat();
    assert_eq!(told(&mp4), ("video/mp4", "mp4", Some(1920), Some(1080)));
    assert_eq!(sniff(&ftyp(b"XXXX\0\0\0\0YYYY")), None);
}

#[test]
fn webm_is_told_from_matroska() {
    let doc = |name: &[u8]| {
        let inside = [&[0x42, 0x82, 0x80 | u8::try_from(name.len()).expect("short")], name].concat();
        [&[0x1a, 0x45, 0xdf, 0xa3, 0x80 | u8::try_from(inside.len()).expect("short")], &inside[..]].concat()
    };
    let video = [0xe0, 0x88, 0xb0, 0x82, 0x05, 0x00, 0xba, 0x82, 0x02, 0xd0];
    let track = [&[0xae, 0x80 | 10], &video[..]].concat();
    let tracks = [&[0x16, 0x54, 0xae, 0x6b, 0x80 | 12], &track[..]].concat();
    let segment = [&[0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &tracks[..]].concat();
    assert_eq!(told(&[doc(b"webm"), segment.clone()].concat()), ("video/webm", "webm", Some(1280), Some(720)));
    assert_eq!(told(&[doc(b"matroska"), segment].concat()).0, "video/x-matroska");
}

#[test]
fn texts_that_browsers_run_are_known_as_such() {
    for (text, size) in [
        ("<svg xmlns='http://www.w3.org/2000/svg' width='120px' height=\"80\"/>", Some((120, 80))),
        (
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC \"x\" \"y\">\n<svg viewBox=\"0 0 24,16\">",
            Some((24, 16)),
        ),
        ("<!DOCTYPE svg [<!ENTITY a \"<b>\">]><svg:svg width='100%' height='50%'></svg:svg>", None),
    ] {
        let media = sniff(text.as_bytes()).expect(text);
        assert_eq!((media.mime, media.width.zip(media.height), media.active), ("image/svg+xml", size, true), "{text}");
    }
    for text in ["<!DOCTYPE html><svg/>", " \n<HTML><body>", "<script>alert(1)</script>"] {
        let media = sniff(text.as_bytes()).expect(text);
        assert!(media.active && !media.is_image(), "{text}");
    }
}

#[test]
fn what_is_no_picture_is_none() {
    for bytes in [
        &b""[..],
        b"hello",
        b"BM is short for something",
        b"<notes><svg/></notes>",
        b"\0\0\x01\0\0\0",
        b"GIF8",
        b"RIFF\0\0\0\0WAVE",
    ] {
        assert_eq!(sniff(bytes), None, "{bytes:?}");
    }
}

#[test]
fn a_name_means_nothing_and_a_cut_file_keeps_its_type() {
    let png = encode(ImageFormat::Png, 40, 30);
    assert_eq!(told(&png[..24]), ("image/png", "png", Some(40), Some(30)));
    assert_eq!(told(&png[..8]), ("image/png", "png", None, None));
}

#[test]
fn an_endless_film_is_given_up_in_time() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(0x21);
            Ok(buffer.len())
        }
    }
    impl Seek for Endless {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    assert_eq!(sniff_reader(Endless).expect("no error"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn mutilated_files_never_harm(format in 0usize..8, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>()) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Ico, ImageFormat::Qoi];
        let mut bytes = encode(formats[format], 9, 7);
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = sniff(&bytes);
    }

    #[test]
    fn any_bytes_after_any_magic_never_harm(magic in 0usize..10, rest in prop::collection::vec(any::<u8>(), 0..300)) {
        let magics: [&[u8]; 10] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X", b"\0\0\0\x18ftypheic", b"\x1a\x45\xdf\xa3", b"BM", b"II*\0", b"\0\0\x01\0", b"<svg "];
        let _ = sniff(&[magics[magic], &rest].concat());
    }

    #[test]
    fn any_text_never_harms(text in "[<>!?=\"' \\[\\]a-zA-Z:svg-]{0,200}") {
        let _ = sniff(text.as_bytes());
        let _ = sniff(format!("<svg {text}").as_bytes());
        let _ = sniff(format!("<!DOCTYPE {text}").as_bytes());
    }
}
