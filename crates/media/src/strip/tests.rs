use super::*;
use image::{DynamicImage, ImageFormat, RgbImage};
use img_parts::{Bytes, ImageEXIF, ImageICC};
use proptest::prelude::*;
use std::io::Cursor;

/// A TIFF structure with an orientation, a camera and something that looks like a position.
fn exif_block(orientation: u8) -> Vec<u8> {
    let mut tiff = exif::only_orientation(orientation);
    tiff.extend_from_slice(b"SecretCam GPS 48.137,11.575");
    tiff
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(16, 12, |x, y| image::Rgb([(x * 16) as u8, (y * 20) as u8, ((x ^ y) * 10) as u8]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(pixels).write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn jpeg_with(segments: &[(u8, Vec<u8>)], tail: &[u8]) -> Vec<u8> {
    let plain = picture(ImageFormat::Jpeg);
    // Behind JFIF, as cameras do.
    let jfif = 4 + usize::from(u16::from_be_bytes([plain[4], plain[5]]));
    let mut out = plain[..jfif].to_vec();
    for (kind, body) in segments {
        out.extend([0xff, *kind]);
        out.extend(u16::try_from(body.len() + 2).expect("small").to_be_bytes());
        out.extend(body);
    }
    out.extend(&plain[jfif..]);
    out.extend(tail);
    out
}

fn stripped(bytes: &[u8]) -> Vec<u8> {
    match strip_metadata(bytes) {
        Outcome::Stripped { bytes: out, removed, unread, .. } => {
            assert!(!unread, "it is whole");
            assert_eq!(removed, (bytes.len() - out.len()) as u64);
            out
        }
        other => panic!("{other:?}"),
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn pixels(bytes: &[u8]) -> Vec<u8> {
    image::load_from_memory(bytes).expect("still a picture").into_rgba8().into_raw()
}

fn check(before: &[u8]) -> Vec<u8> {
    let after = stripped(before);
    assert!(!holds(&after, b"SecretCam"), "the camera is gone");
    assert_eq!(pixels(&after), pixels(before), "no pixel is touched");
    assert_eq!(strip_metadata(&after), Outcome::Unchanged, "once is enough");
    after
}

#[test]
fn a_jpeg_loses_position_and_camera_and_keeps_its_colours_and_its_top() {
    let exif = [exif::MARK, &exif_block(6)].concat();
    let xmp = [&b"http://ns.adobe.com/xap/1.0/\0"[..], b"<x>SecretCam</x>"].concat();
    let extension = [&b"http://ns.adobe.com/xmp/extension/\0"[..], &[b'0'; 40], b"SecretCam"].concat();
    let iptc = [&b"Photoshop 3.0\0"[..], b"SecretCam"].concat();
    let profile = [&b"ICC_PROFILE\0\x01\x01"[..], b"profile"].concat();
    let before = jpeg_with(
        &[
            (0xe1, exif),
            (0xe1, xmp),
            (0xe1, extension),
            (0xe2, profile.clone()),
            (0xe2, b"MPF\0SecretCam".to_vec()),
            (0xed, iptc),
            (0xee, b"Adobe\0\x64\0\0\0\0\x01".to_vec()),
            (0xfe, b"a comment".to_vec()),
        ],
        b"\xff\xd8\xff\xe1SecretCam",
    );
    let after = check(&before);
    for kept in [&b"JFIF\0"[..], &profile, b"Adobe\0", b"a comment"] {
        assert!(holds(&after, kept));
    }
    assert!(!holds(&after, b"MPF"));
    let media = crate::sniff(&after).expect("a JPEG");
    assert_eq!((media.width, media.height), (Some(12), Some(16)), "still shown upright");
    let parts = img_parts::jpeg::Jpeg::from_bytes(Bytes::from(after)).expect("another program reads it");
    assert_eq!(exif::orientation(&parts.exif().expect("the orientation")), 6);
    assert!(parts.icc_profile().is_some());
}

#[test]
fn a_jpeg_with_nothing_private_travels_as_it_is() {
    let plain = picture(ImageFormat::Jpeg);
    assert_eq!(strip_metadata(&plain), Outcome::Unchanged);
    let padded = [&plain[..], &[0; 8]].concat();
    assert_eq!(strip_metadata(&padded), Outcome::Unchanged);
    let upright = jpeg_with(&[(0xe1, [exif::MARK, &exif_block(1)].concat())], b"");
    assert_eq!(stripped(&upright), plain, "without a turn no EXIF is left at all");
}

#[test]
fn a_jpeg_of_several_scans_is_walked_to_its_end() {
    // A hand-made file: a scan with stuffing and restarts, EXIF between scans, a second scan.
    let scan = |body: &[u8]| [&[0xff, 0xda, 0, 4, 1, 0][..], body].concat();
    let exif = [exif::MARK, b"SecretCam"].concat();
    let private = [&[0xff, 0xe1, 0, u8::try_from(exif.len() + 2).expect("small")][..], &exif].concat();
    let one = scan(&[1, 0xff, 0x00, 2, 0xff, 0xd0, 3]);
    let two = scan(&[4, 5]);
    let before = [&[0xff, 0xd8][..], &[0xff, 0xdb, 0, 3, 9], &one, &private, &two, &[0xff, 0xd9]].concat();
    assert_eq!(stripped(&before), [&[0xff, 0xd8][..], &[0xff, 0xdb, 0, 3, 9], &one, &two, &[0xff, 0xd9]].concat());
}

#[test]
fn a_png_loses_its_metadata_and_what_lies_behind_its_end() {
    let plain = picture(ImageFormat::Png);
    let mut before = plain[..33].to_vec();
    for (kind, body) in [
        (*b"eXIf", exif_block(3)),
        (*b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x>SecretCam</x>".to_vec()),
        (*b"tEXt", b"Raw profile type exif\0SecretCam".to_vec()),
        (*b"tEXt", b"exif:Model\0SecretCam".to_vec()),
        (*b"tEXt", b"Software\0a painter".to_vec()),
        (*b"gAMA", 45455_u32.to_be_bytes().to_vec()),
    ] {
        before.extend(png_chunk(kind, &body));
    }
    before.extend(&plain[33..]);
    before.extend(b"SecretCam behind the end");
    let after = check(&before);
    assert!(holds(&after, b"a painter") && holds(&after, b"gAMA"));
    let parts = img_parts::png::Png::from_bytes(Bytes::from(after)).expect("another program reads it");
    assert_eq!(exif::orientation(&parts.exif().expect("the orientation")), 3);
    assert_eq!(strip_metadata(&plain), Outcome::Unchanged);
}

#[test]
fn a_webp_loses_its_metadata_and_says_so_in_its_flags() {
    let plain = picture(ImageFormat::WebP);
    let mut parts = img_parts::webp::WebP::from_bytes(Bytes::from(plain.clone())).expect("a WebP");
    parts.set_icc_profile(Some(Bytes::from_static(b"profile!")));
    parts.set_exif(Some(Bytes::from(exif_block(8))));
    let mut before = parts.encoder().bytes().to_vec();
    before.extend(b"XMP \x0a\0\0\0SecretCam!");
    let size = u32::try_from(before.len() - 8).expect("small").to_le_bytes();
    before[4..8].copy_from_slice(&size);
    before[20] |= 0x04;

    let after = check(&before);
    assert_eq!(after[20] & 0x04, 0, "no XMP any more");
    let parts = img_parts::webp::WebP::from_bytes(Bytes::from(after)).expect("another program reads it");
    assert_eq!(exif::orientation(&parts.exif().expect("the orientation")), 8);
    assert_eq!(parts.icc_profile().expect("the profile"), Bytes::from_static(b"profile!"));
    assert_eq!(strip_metadata(&plain), Outcome::Unchanged);
}

/// The first box of a film as phones write it, and some of what follows.
fn film() -> Vec<u8> {
    [&b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"[..], b"\0\0\0\x10mdatpictures"].concat()
}

/// What Samsung's phones append: pieces with their names, and the list of them.
fn samsung(pieces: &[(u16, &str, &[u8])]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
    let kind = |kind: u16| [[0, 0], kind.to_le_bytes()].concat();
    let whole = |(of, name, data): &(u16, &str, &[u8])| [&kind(*of)[..], &number(name.len()), name.as_bytes(), data].concat();
    let whole: Vec<_> = pieces.iter().map(whole).collect();
    let mut list = [&b"SEFH\x6b\0\0\0"[..], &number(pieces.len())].concat();
    for (at, piece) in pieces.iter().enumerate() {
        let back = whole[at..].iter().map(Vec::len).sum();
        list.extend([&kind(piece.0)[..], &number(back), &number(whole[at].len())].concat());
    }
    [&whole.concat()[..], &list, &number(list.len()), b"SEFT"].concat()
}

#[test]
fn what_goes_with_the_end_of_a_picture_is_known_by_kind_and_size() {
    let another = picture(ImageFormat::Jpeg);
    const TIME: (u16, &str, &[u8]) = (0x0a01, "Image_UTC_Data", b"1700000000000");
    let notes = samsung(&[TIME, (0x0aa1, "MCC_Data", b"262"), (0x0c61, "Camera_Capture_Mode_Info", b"1")]);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let plain = picture(format);
        let told = |tail: &[u8]| {
            let whole = [&plain[..], tail].concat();
            let Outcome::Stripped { bytes, behind, .. } = strip_metadata(&whole) else { panic!("{format:?}: nothing was cut") };
            assert_eq!(bytes, plain);
            assert_eq!(super::behind(&whole), behind, "the same to whoever makes another picture of it");
            behind.map(|behind| (behind.what, behind.bytes))
        };
        let size = |tail: &[u8]| tail.len() as u64;
        assert_eq!(told(&film()), Some((What::Film, size(&film()))));
        assert_eq!(told(&another), Some((What::Picture, size(&another))));
        let both = [&another[..], &film()].concat();
        assert_eq!(told(&both), Some((What::FilmAndPicture, size(&both))));
        // Samsung's: notes, a mark, the film, and a list of all that.
        let marked = [&b"\0\0\x30\x0aMotionPhoto_Data"[..], &film(), &notes].concat();
        assert_eq!(told(&marked), Some((What::Film, size(&marked))));
        let archive = b"PK\x03\x04 and what somebody hid there; no ftyp that is one";
        assert_eq!(told(archive), Some((What::Data, size(archive))));
        assert_eq!(told(&notes), None, "a camera's notes are private data and nothing else");
        let sound = samsung(&[TIME, (0x0100, "SoundShot_000", &[7; 8000])]);
        let hidden = [b"what somebody hid there", &notes[..]].concat();
        let ends_alike = [&archive[..], b"SEFT"].concat();
        for (what, tail) in [("a sound", sound), ("what no list names", hidden), ("the same end", ends_alike)] {
            assert_eq!(told(&tail), Some((What::Data, size(&tail))), "{what}");
        }
        assert_eq!(super::behind(&plain), None);
        assert_eq!(super::behind(&[&plain[..], &[0; 8]].concat()), None, "padding");
    }
    let private = jpeg_with(&[(0xe1, [exif::MARK, &exif_block(1)].concat())], b"");
    let Outcome::Stripped { behind, .. } = strip_metadata(&private) else { panic!("nothing was cut") };
    assert_eq!(behind, None, "what was cut lay before the end");
}

#[test]
fn what_is_not_cut_is_told() {
    assert_eq!(strip_metadata(&picture(ImageFormat::Tiff)), Outcome::Carries("image/tiff"));
    assert_eq!(strip_metadata(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Outcome::Carries("image/heic"));
    assert_eq!(strip_metadata(&picture(ImageFormat::Gif)), Outcome::Unchanged);
    assert_eq!(strip_metadata(b"<svg/>"), Outcome::Unchanged);
}

#[test]
fn of_a_damaged_picture_it_is_known_that_not_all_of_it_was_looked_through() {
    let unread = |bytes: &[u8]| match strip_metadata(bytes) {
        Outcome::Stripped { unread, .. } => unread,
        Outcome::Unread => true,
        Outcome::Unchanged | Outcome::Carries(_) => false,
    };
    let exif = [&b"\xff\xe1\0\x0c"[..], exif::MARK, b"GPS!"].concat();
    let jpeg = picture(ImageFormat::Jpeg);
    assert!(!unread(&jpeg) && !unread(&jpeg[..jpeg.len() - 200]), "only pixels are missing");
    assert!(unread(&[&jpeg[..20], b"\0\0\0", &exif, &jpeg[20..]].concat()), "what comes behind zeros may be anything");
    assert!(unread(&[&jpeg[..20], b"\xff\xfe\0\x01", &exif, &jpeg[20..]].concat()), "a comment of no length");
    let png = picture(ImageFormat::Png);
    assert!(!unread(&png) && !unread(&png[..png.len() - 20]));
    let half = b"\x7f\0\0\0tEXtRaw profile type exif\0...";
    assert!(unread(&[&png[..33], half].concat()), "a chunk that breaks off");
    let webp = picture(ImageFormat::WebP);
    assert!(!unread(&webp) && unread(&webp[..webp.len() - 4]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn mutilated_files_never_harm_and_twice_is_once(
        format in 0usize..3,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..16),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = match format {
            0 => jpeg_with(&[(0xe1, [exif::MARK, &exif_block(6)].concat()), (0xe2, b"MPF\0x".to_vec())], b"tail"),
            1 => [&picture(ImageFormat::Png)[..33], &png_chunk(*b"eXIf", &exif_block(3)), &picture(ImageFormat::Png)[33..]].concat(),
            _ => {
                let mut parts = img_parts::webp::WebP::from_bytes(Bytes::from(picture(ImageFormat::WebP))).expect("a WebP");
                parts.set_exif(Some(Bytes::from(exif_block(8))));
                parts.encoder().bytes().to_vec()
            }
        };
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        if let Outcome::Stripped { bytes: once, .. } = strip_metadata(&bytes) {
            let again = matches!(strip_metadata(&once), Outcome::Stripped { .. });
            prop_assert!(!again);
        }
    }
}
