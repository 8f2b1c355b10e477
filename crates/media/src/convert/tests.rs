use image::codecs::gif::{GifEncoder, Repeat};
use image::{Frame, GenericImageView as _, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;
use crate::{Outcome as Stripped, strip_metadata};

/// What is made here can be looked at here, but for AVIF.
const DECODED: [Format; 3] = [Format::Png, Format::Jpeg, Format::WebP];

/// Writes no AVIF.
fn nobody(_: &Order, _: Vec<u8>) -> Result<Vec<u8>, avif::Cause> {
    Err("nobody writes AVIF here".into())
}

/// Soft colours with a little grain, so that there is something to be saved, and a dark corner that says which way is up.
fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917) >> 29;
        let part = |at: u32, of: u32| u8::try_from(40 + at * 180 / of.max(1) + grain).expect("fits");
        if x < width / 4 && y < height / 4 { Rgb([10, 10, 10]) } else { Rgb([part(x, width), part(y, height), 120]) }
    })
}

fn save(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.into().write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn jpeg(picture: &RgbImage, change: impl FnOnce(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 97);
    change(&mut encoder);
    let side = |side: u32| u16::try_from(side).expect("small");
    encoder.encode(picture, side(picture.width()), side(picture.height()), jpeg_encoder::ColorType::Rgb).expect("encodes");
    out
}

fn png(width: u32, height: u32, change: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>), data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    change(&mut encoder);
    let mut writer = encoder.write_header().expect("a head");
    writer.write_image_data(data).expect("pixels");
    writer.finish().expect("an end");
    out
}

/// A PNG that leaves room for something smaller.
fn wasteful(out: &mut Vec<u8>) -> image::codecs::png::PngEncoder<&mut Vec<u8>> {
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};
    PngEncoder::new_with_quality(out, CompressionType::Uncompressed, FilterType::NoFilter)
}

/// As much of a profile as anybody here reads: what space it describes.
fn profile(space: &[u8; 4]) -> Vec<u8> {
    let mut profile = vec![0; 600];
    profile[..4].copy_from_slice(&600_u32.to_be_bytes());
    profile[16..20].copy_from_slice(space);
    profile[36..40].copy_from_slice(b"acsp");
    profile[200..210].copy_from_slice(b"Display P3");
    profile
}

const fn to(format: Format) -> Wish {
    Wish { format: Some(format), quality: None, max_width: None, max_height: None, squeeze: false, keep_exif: false, small: None }
}

fn wide(width: u32) -> Wish {
    Wish { max_width: Some(width), ..Wish::default() }
}

fn done(bytes: &[u8], wish: &Wish) -> Outcome {
    match look(bytes, wish).expect("looked at") {
        Look::Nothing => panic!("nothing is done"),
        Look::Kept(kept) => Outcome::Kept(kept),
        Look::Work(work) => work.run(&nobody).expect("made"),
    }
}

fn made(bytes: &[u8], wish: &Wish) -> Made {
    match done(bytes, wish) {
        Outcome::Made(made) => {
            let media = sniff(&made.bytes).expect("known");
            assert_eq!(media.mime, made.format.mime(), "it is what it says");
            assert_eq!((media.width, media.height), (Some(made.width), Some(made.height)));
            made
        }
        Outcome::Kept(kept) => panic!("kept: {kept:?}"),
    }
}

fn kept(bytes: &[u8], wish: &Wish) -> Kept {
    match done(bytes, wish) {
        Outcome::Kept(kept) => kept,
        Outcome::Made(made) => panic!("made: {:?} {} × {}", made.format, made.width, made.height),
    }
}

fn pixels(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).expect("decodes")
}

/// Mean difference of a channel.
fn difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let (one, other) = (one.to_rgb8(), other.to_rgb8());
    let sum: u64 = one.iter().zip(other.iter()).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}

fn profile_of(bytes: &[u8]) -> Option<Vec<u8>> {
    decoder(bytes).expect("decodes").icc_profile().expect("read")
}

#[test]
fn what_nobody_asked_for_is_not_done() {
    let png = save(scene(40, 30), ImageFormat::Png);
    assert!(matches!(look(&png, &Wish::default()), Ok(Look::Nothing)));
    assert!(matches!(look(&png, &to(Format::Png)), Ok(Look::Nothing)), "it is a PNG already");
    assert!(matches!(look(&png, &wide(40)), Ok(Look::Nothing)), "nothing is enlarged");
    assert!(matches!(look(&png, &Wish { quality: Some(70), ..Wish::default() }), Ok(Look::Nothing)), "a PNG has no quality");
    for stranger in [&b"%PDF-1.7"[..], b"hello", b"", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"] {
        assert!(matches!(look(stranger, &to(Format::WebP)), Ok(Look::Nothing)));
    }
    assert!(matches!(look(&png[..20], &Wish::default()), Ok(Look::Nothing)), "a broken file of which nothing is wanted");
}

#[test]
fn every_format_becomes_every_other_with_the_same_picture_in_it() {
    let original = scene(320, 200);
    for source in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif, ImageFormat::WebP] {
        // WebP by `image` is lossless, so that something smaller can come of all of them.
        let bytes = save(original.clone(), source);
        let expected = pixels(&bytes);
        for format in DECODED {
            let wish = Wish { max_width: Some(160), ..to(format) };
            let made = made(&bytes, &wish);
            assert_eq!((made.width, made.height, made.resized, made.format), (160, 100, true, format), "{source:?}");
            let off = difference(&pixels(&made.bytes), &expected.resize_exact(160, 100, image::imageops::Lanczos3));
            assert!(off < 3.0, "{source:?} to {format:?} is off by {off}");
        }
    }
    let qoi = save(scene(320, 200).clone(), ImageFormat::Qoi);
    assert_eq!(made(&qoi, &wide(100)).format, Format::Png, "what nobody writes becomes what keeps every pixel");
}

#[test]
fn a_photo_of_every_orientation_stands_upright_and_its_way_up_is_not_applied_twice() {
    let shown = scene(96, 48);
    let (w, h) = shown.dimensions();
    for orientation in 1..=8_u8 {
        let (stored_w, stored_h) = if orientation >= 5 { (h, w) } else { (w, h) };
        // EXIF 2.32, table 6: where the first row and the first column of what is stored are shown.
        let stored = RgbImage::from_fn(stored_w, stored_h, |c, r| {
            let (x, y) = match orientation {
                1 => (c, r),
                2 => (w - 1 - c, r),
                3 => (w - 1 - c, h - 1 - r),
                4 => (c, h - 1 - r),
                5 => (r, c),
                6 => (w - 1 - r, c),
                7 => (w - 1 - r, h - 1 - c),
                _ => (r, h - 1 - c),
            };
            *shown.get_pixel(x, y)
        });
        let bytes = jpeg(&stored, |encoder| encoder.add_exif_metadata(&exif::only_orientation(orientation)).expect("small"));
        let media = sniff(&bytes).expect("a JPEG");
        assert_eq!((media.width, media.height), (Some(w), Some(h)), "{orientation}");
        for wish in [Wish { max_width: Some(48), ..to(Format::WebP) }, wide(48), Wish { keep_exif: true, ..wide(48) }] {
            let made = made(&bytes, &wish);
            let expected = DynamicImage::from(shown.clone()).resize_exact(48, 24, image::imageops::Lanczos3);
            let off = difference(&pixels(&made.bytes), &expected);
            assert!(off < 6.0, "{orientation} to {wish:?} is off by {off}");
            let left = decoder(&made.bytes).expect("decodes").orientation().expect("read");
            assert_eq!(left, Orientation::NoTransforms, "{orientation} would be turned again");
        }
    }
}

#[test]
fn a_wide_gamut_goes_along_and_a_profile_for_other_channels_is_told() {
    let p3 = profile(b"RGB ");
    let sources = [jpeg(&scene(200, 120), |encoder| encoder.add_icc_profile(&p3).expect("fits")), {
        let mut out = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut out);
        image::ImageEncoder::set_icc_profile(&mut encoder, p3.clone()).expect("kept");
        DynamicImage::from(scene(200, 120)).write_with_encoder(encoder).expect("encodes");
        out
    }];
    for source in &sources {
        assert_eq!(profile_of(source).as_ref(), Some(&p3), "the test's own picture");
        for format in DECODED {
            let made = made(source, &Wish { max_width: Some(60), ..to(format) });
            assert_eq!(profile_of(&made.bytes).as_ref(), Some(&p3), "{format:?}");
            assert_eq!(made.losses, []);
        }
    }
    let mut grey = Vec::new();
    let mut encoder = wasteful(&mut grey);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile(b"GRAY")).expect("kept");
    DynamicImage::from(scene(200, 120)).into_luma8().write_with_encoder(encoder).expect("encodes");
    assert_eq!(profile_of(&made(&grey, &wide(60)).bytes), Some(profile(b"GRAY")), "grey stays grey");
    let coloured = made(&grey, &Wish { max_width: Some(60), ..to(Format::WebP) });
    assert_eq!((profile_of(&coloured.bytes), coloured.losses), (None, vec![Loss::Profile]));
}

#[test]
fn position_data_goes_unless_it_is_wanted() {
    let mut gps = b"II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x0f\x01\x02\0\x1e\0\0\0\x26\0\0\0\0\0\0\0".to_vec();
    gps.extend_from_slice(b"Taken at 52.5200 N, 13.4050 E\0");
    let source = jpeg(&scene(200, 100), |encoder| encoder.add_exif_metadata(&gps).expect("small"));
    let holds = |bytes: &[u8]| bytes.windows(7).any(|seven| seven == b"52.5200");
    assert!(holds(&source));
    for format in DECODED {
        let wish = Wish { max_width: Some(50), ..to(format) };
        let without = made(&source, &wish);
        assert!(!holds(&without.bytes), "{format:?}");
        assert_eq!(strip_metadata(&without.bytes), Stripped::Unchanged, "{format:?}");
        let with = made(&source, &Wish { keep_exif: true, ..wish });
        assert!(holds(&with.bytes), "{format:?}");
        assert_eq!((with.width, with.height), (50, 100), "it was lying");
    }
}

#[test]
fn sixteen_bits_stay_where_they_can_and_are_told_where_they_cannot() {
    let deep = image::ImageBuffer::from_fn(100, 60, |x, y| Rgb([(x * 631 * (y + 1)) as u16, (y * 1000) as u16, 0x1234]));
    let bytes = save(DynamicImage::ImageRgb16(deep), ImageFormat::Png);
    let small = made(&bytes, &wide(50));
    assert!(matches!(pixels(&small.bytes), DynamicImage::ImageRgb16(_)));
    assert_eq!(small.losses, []);
    for format in [Format::Jpeg, Format::WebP] {
        assert_eq!(made(&bytes, &to(format)).losses, [Loss::Depth]);
    }
}

#[test]
fn transparency_is_kept_or_told_and_one_that_says_nothing_costs_nothing() {
    let clear = RgbaImage::from_fn(120, 120, |x, y| {
        let inside = (x.abs_diff(60)).pow(2) + (y.abs_diff(60)).pow(2) < 2500;
        Rgba([200, 30, 30, if inside { 255 } else { 0 }])
    });
    let bytes = save(clear, ImageFormat::Bmp);
    let webp = made(&bytes, &to(Format::WebP));
    assert_eq!(pixels(&webp.bytes).get_pixel(1, 1)[3], 0);
    assert_eq!(webp.losses, []);
    let jpeg = made(&bytes, &to(Format::Jpeg));
    assert_eq!(jpeg.losses, [Loss::Transparency]);
    assert!(pixels(&jpeg.bytes).get_pixel(1, 1).0[..3].iter().all(|channel| *channel > 250), "white, not black");
    let solid = save(DynamicImage::from(scene(120, 120)).into_rgba8(), ImageFormat::Bmp);
    let jpeg = made(&solid, &to(Format::Jpeg));
    assert_eq!(jpeg.losses, []);
}

#[test]
fn palettes_and_single_bits_are_pictures_like_others() {
    let palette: Vec<u8> = (0..=255_u8).flat_map(|index| [index, 255 - index, 128]).collect();
    let indices: Vec<u8> = (0..200 * 200_u32).map(|at| u8::try_from(at % 200).expect("fits")).collect();
    let bytes = png(
        200,
        200,
        |encoder| {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
            encoder.set_compression(png::Compression::NoCompression);
        },
        &indices,
    );
    let small = made(&bytes, &Wish { max_width: Some(100), ..to(Format::WebP) });
    let expected = pixels(&bytes).resize_exact(100, 100, image::imageops::Lanczos3);
    assert!(difference(&pixels(&small.bytes), &expected) < 4.0);
    let bits = png(64, 64, |encoder| encoder.set_depth(png::BitDepth::One), &[0b1010_1010; 8 * 64]);
    assert!(matches!(done(&bits, &wide(32)), Outcome::Made(_) | Outcome::Kept(Kept::NotSmaller(_))));
}

#[test]
fn progressive_photos_are_read_and_quality_alone_is_reason_enough() {
    let progressive = jpeg(&scene(300, 200), |encoder| encoder.set_progressive(true));
    let small = made(&progressive, &Wish { quality: Some(40), ..Wish::default() });
    assert_eq!((small.format, small.width, small.resized), (Format::Jpeg, 300, false));
    assert!(difference(&pixels(&small.bytes), &pixels(&progressive)) < 4.0);
    let again = Wish { quality: Some(100), ..Wish::default() };
    assert!(matches!(look(&progressive, &again), Ok(Look::Nothing)), "nothing is gained by a hundred");
    let lossless = made(&save(scene(300, 200), ImageFormat::Bmp), &Wish { quality: Some(100), ..to(Format::WebP) });
    assert_eq!(pixels(&lossless.bytes).to_rgb8(), scene(300, 200), "a hundred is without any loss");
}

#[test]
fn what_moves_stays_as_it_is() {
    let frames = || (0..3).map(|step| Frame::new(RgbaImage::from_pixel(40, 40, Rgba([step * 80, 0, 0, 255]))));
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    encoder.set_repeat(Repeat::Infinite).expect("loops");
    encoder.encode_frames(frames()).expect("encodes");
    drop(encoder);
    let mut apng = Vec::new();
    let mut encoder = png::Encoder::new(&mut apng, 8, 8);
    encoder.set_animated(2, 0).expect("moves");
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a head");
    writer.write_image_data(&[0; 192]).expect("a frame");
    writer.write_image_data(&[200; 192]).expect("a frame");
    writer.finish().expect("an end");
    let config = webp::WebPConfig::new().expect("a configuration");
    let stills: Vec<RgbaImage> = frames().map(Frame::into_buffer).collect();
    let mut encoder = webp::AnimEncoder::new(40, 40, &config);
    for (at, still) in stills.iter().enumerate() {
        encoder.add_frame(webp::AnimFrame::from_rgba(still, 40, 40, i32::try_from(at * 100).expect("short")));
    }
    let webp = encoder.encode().to_vec();
    for (what, bytes) in [("GIF", &gif), ("APNG", &apng), ("WebP", &webp)] {
        assert!(sniff(bytes).expect(what).animated, "{what}");
        for format in Format::ALL {
            if sniff(bytes).expect(what).mime != format.mime() {
                assert_eq!(kept(bytes, &to(format)), Kept::Animated, "{what}");
            }
        }
        assert_eq!(kept(bytes, &wide(4)), Kept::Animated, "{what}");
    }
    assert_eq!(kept(&apng, &Wish { squeeze: true, ..Wish::default() }), Kept::Animated);
    assert!(matches!(colour::gif(&gif), colour::Gif::Moves), "found where a first glance at a long frame finds none");
}

#[test]
fn what_is_drawn_by_lines_made_for_print_or_unknown_here_stays_and_says_why() {
    let mut cmyk = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut cmyk, 90);
    encoder.encode(&[90; 64 * 64 * 4], 64, 64, jpeg_encoder::ColorType::Cmyk).expect("encodes");
    let avif = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec();
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>".to_vec();
    let ico = save(scene(64, 64), ImageFormat::Ico);
    let hdr = {
        let mut bytes = save(scene(64, 64), ImageFormat::Png);
        // Between IHDR and the pixels: BT.2100 by code points.
        let chunk = [&4_u32.to_be_bytes()[..], b"cICP", &[9, 16, 0, 1], &[0x46, 0x59, 0x11, 0x6c]].concat();
        bytes.splice(33..33, chunk);
        bytes
    };
    let linear = {
        let mut bytes = save(scene(64, 64), ImageFormat::Png);
        bytes.splice(33..33, [&4_u32.to_be_bytes()[..], b"gAMA", &100_000_u32.to_be_bytes(), &[0; 4]].concat());
        bytes
    };
    let pages = {
        let mut bytes = save(scene(64, 64), ImageFormat::Tiff);
        let directory = u32::from_le_bytes(bytes[4..8].try_into().expect("four")) as usize;
        let entries = usize::from(u16::from_le_bytes(bytes[directory..directory + 2].try_into().expect("two")));
        let next = directory + 2 + 12 * entries;
        bytes[next..next + 4].copy_from_slice(&8_u32.to_le_bytes());
        bytes
    };
    for (bytes, reason) in [
        (cmyk, Kept::Print),
        (avif, Kept::Format("image/avif")),
        (heic, Kept::Format("image/heic")),
        (svg, Kept::Vector),
        (ico, Kept::Several),
        (hdr, Kept::Colours),
        (linear, Kept::Colours),
        (pages, Kept::Several),
    ] {
        assert_eq!(kept(&bytes, &to(Format::WebP)), reason);
    }
}

#[test]
fn what_would_become_larger_stays() {
    let dot = save(RgbImage::from_pixel(1, 1, Rgb([1, 2, 3])), ImageFormat::Png);
    let Kept::NotSmaller(size) = kept(&dot, &to(Format::Jpeg)) else { panic!("a dot fits no JPEG") };
    assert!(size > dot.len() as u64);
    let photo = made(&save(scene(300, 200), ImageFormat::Bmp), &to(Format::Jpeg)).bytes;
    assert!(matches!(kept(&photo, &to(Format::Png)), Kept::NotSmaller(_)));
    let long = save(RgbImage::new(16_384, 2), ImageFormat::Bmp);
    assert_eq!(kept(&long, &to(Format::WebP)), Kept::TooLargeFor(Format::WebP));
    assert_eq!(made(&long, &Wish { max_width: Some(16_000), ..to(Format::WebP) }).width, 16_000);
}

#[test]
fn squeezing_changes_no_pixel_no_depth_and_no_profile() {
    let deep = image::ImageBuffer::from_fn(90, 70, |x, y| Rgba([(x * 700) as u16, (y * 900) as u16, 77, 60_000]));
    let mut large = Vec::new();
    let mut encoder = wasteful(&mut large);
    image::ImageEncoder::set_icc_profile(&mut encoder, profile(b"RGB ")).expect("kept");
    DynamicImage::ImageRgba16(deep.clone()).write_with_encoder(encoder).expect("encodes");
    let small = made(&large, &Wish { squeeze: true, ..Wish::default() });
    assert!(small.squeezed && !small.resized && small.bytes.len() < large.len() / 2);
    assert_eq!(pixels(&small.bytes).to_rgba16(), deep);
    assert_eq!(profile_of(&small.bytes), Some(profile(b"RGB ")));
    assert!(matches!(kept(&small.bytes, &Wish { squeeze: true, ..Wish::default() }), Kept::NotSmaller(_)), "it is small already");
    let both = made(&large, &Wish { squeeze: true, ..wide(45) });
    assert!(both.squeezed && both.resized);
}

#[test]
fn broken_and_hostile_files_are_refused_before_they_take_memory() {
    let photo = jpeg(&scene(300, 200), |_| {});
    let webp = made(&save(scene(300, 200), ImageFormat::Bmp), &to(Format::WebP)).bytes;
    let shot = save(scene(300, 200), ImageFormat::Png);
    for whole in [photo, shot, save(scene(300, 200), ImageFormat::Gif), save(scene(300, 200), ImageFormat::Bmp), webp] {
        let half = &whole[..whole.len() / 2];
        let what = sniff(half).expect("its head is there").mime;
        let refused = match look(half, &Wish { max_width: Some(100), ..to(Format::WebP) }) {
            Ok(Look::Work(work)) => work.run(&nobody).map(drop),
            Ok(_) => panic!("{what} was looked over"),
            Err(error) => Err(error),
        };
        assert!(matches!(refused, Err(Error::Truncated | Error::Broken(_))), "{what}: {refused:?}");
    }
    let mut bomb = save(scene(4, 4), ImageFormat::Png);
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let mut wide_bmp = save(scene(4, 4), ImageFormat::Bmp);
    wide_bmp[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    wide_bmp[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    // More than a hundred million pixels that deflate packs into some kilobytes.
    let zeros = vec![0_u8; 12_000 / 8];
    let mut packed = Vec::new();
    let mut encoder = png::Encoder::new(&mut packed, 12_000, 12_000);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a head");
    let mut stream = writer.stream_writer().expect("a stream");
    for _ in 0..12_000 {
        std::io::Write::write_all(&mut stream, &zeros).expect("a row");
    }
    stream.finish().expect("an end");
    writer.finish().expect("an end");
    // Few enough to be decoded, and still nothing that anybody drew.
    let mut smaller = wide_bmp.clone();
    smaller[18..22].copy_from_slice(&6_000_u32.to_le_bytes());
    smaller[22..26].copy_from_slice(&6_000_u32.to_le_bytes());
    for bytes in [bomb, wide_bmp, packed, smaller] {
        for wish in [to(Format::WebP), wide(100), Wish { squeeze: true, max_height: Some(1), ..Wish::default() }] {
            assert!(matches!(look(&bytes, &wish), Err(Error::Bomb { .. })), "{} bytes", bytes.len());
        }
    }
    let mut panorama = save(RgbImage::new(1200, 900), ImageFormat::Bmp);
    panorama[18..22].copy_from_slice(&20_000_u32.to_le_bytes());
    panorama[22..26].copy_from_slice(&10_000_u32.to_le_bytes());
    assert_eq!(kept(&panorama, &wide(100)), Kept::TooLarge, "large, and no more than a file of its size may be");
}

#[test]
fn what_is_reserved_covers_what_a_photo_of_24_megapixels_takes() {
    let mut head = jpeg(&scene(16, 16), |_| {});
    let frame = head.windows(2).position(|two| two == [0xff, 0xc0]).expect("a frame");
    head[frame + 5..frame + 7].copy_from_slice(&4000_u16.to_be_bytes());
    head[frame + 7..frame + 9].copy_from_slice(&6000_u16.to_be_bytes());
    let wish = Wish { max_width: Some(2000), ..to(Format::WebP) };
    let Ok(Look::Work(work)) = look(&head, &wish) else { panic!("there is something to do") };
    let memory = work.memory();
    assert!((96_000_000..200_000_000).contains(&memory), "{memory}");
}

/// The least that says it is an AVIF of this size.
fn head(width: u32, height: u32) -> Vec<u8> {
    let boxed = |kind: &[u8; 4], content: &[u8]| {
        [&u32::try_from(content.len() + 8).expect("small").to_be_bytes()[..], kind, content].concat()
    };
    let ispe = boxed(b"ispe", &[&[0; 4][..], &width.to_be_bytes(), &height.to_be_bytes()].concat());
    let meta = [&[0; 4][..], &boxed(b"iprp", &boxed(b"ipco", &ispe))].concat();
    [boxed(b"ftyp", b"avif\0\0\0\0avifmif1"), boxed(b"meta", &meta)].concat()
}

fn ordered(bytes: &[u8], wish: &Wish) -> (Order, Vec<u8>, Made) {
    let Ok(Look::Work(work)) = look(bytes, wish) else { panic!("there is something to do") };
    let seen = std::cell::RefCell::new(None);
    let coder = |order: &Order, pixels: Vec<u8>| {
        seen.replace(Some((order.clone(), pixels)));
        Ok(head(order.width, order.height))
    };
    let Ok(Outcome::Made(made)) = work.run(&coder) else { panic!("nothing was made") };
    let (order, pixels) = seen.into_inner().expect("somebody was asked");
    assert_eq!(pixels.len(), order.row() * order.height as usize);
    (order, pixels, made)
}

#[test]
fn whoever_writes_avif_gets_the_pixels_as_they_are_to_be_shown_and_a_small_picture_stays_here() {
    let shown = scene(96, 48);
    let lying = DynamicImage::from(shown.clone()).rotate270().into_rgb8();
    let photo = jpeg(&lying, |encoder| {
        encoder.add_exif_metadata(&exif::only_orientation(6)).expect("small");
        encoder.add_icc_profile(&profile(b"RGB ")).expect("fits");
    });
    let wish = Wish { max_width: Some(48), small: Some(24), quality: Some(70), ..to(Format::Avif) };
    let (order, given, photo) = ordered(&photo, &wish);
    let wanted = Order {
        width: 48,
        height: 24,
        channels: 3,
        deep: false,
        quality: 70,
        fine: false,
        profile: Some(profile(b"RGB ")),
        exif: None,
    };
    assert_eq!(order, wanted);
    let upright = DynamicImage::from(shown).resize_exact(48, 24, image::imageops::Lanczos3);
    let given = DynamicImage::from(RgbImage::from_raw(48, 24, given).expect("as many"));
    assert!(difference(&given, &upright) < 6.0);
    assert_eq!((photo.format, photo.width, photo.height, photo.resized), (Format::Avif, 48, 24, true));
    let small = pixels(&photo.small.expect("a small one"));
    assert_eq!(small.dimensions(), (24, 12));

    let deep = image::ImageBuffer::from_fn(40, 30, |x, y| Rgba([(x * 1600) as u16, (y * 2000) as u16, 7, 60_000]));
    let deep = save(DynamicImage::ImageRgba16(deep), ImageFormat::Tiff);
    let (order, _, made) = ordered(&deep, &to(Format::Avif));
    assert_eq!((order.channels, order.deep, order.fine, order.quality), (4, true, true, QUALITY));
    assert_eq!((made.losses, made.small), (vec![Loss::Depth], None));
    let (order, ..) = ordered(&save(DynamicImage::from(scene(60, 60)).into_luma8(), ImageFormat::Png), &to(Format::Avif));
    assert_eq!(order.channels, 1, "grey stays grey");
}

#[test]
fn what_is_no_avif_of_that_size_or_never_came_is_no_upload() {
    let shot = save(scene(60, 60), ImageFormat::Bmp);
    type Answer = fn() -> Result<Vec<u8>, avif::Cause>;
    let answers: [Answer; 4] =
        [|| Ok(Vec::new()), || Ok(b"\x89PNG\r\n\x1a\n".to_vec()), || Ok(head(60, 61)), || Err("it is gone".into())];
    for answer in answers {
        let Ok(Look::Work(work)) = look(&shot, &to(Format::Avif)) else { panic!("there is something to do") };
        assert!(matches!(work.run(&|_, _| answer()), Err(Error::Unmade(_))));
    }
}

#[test]
fn more_pixels_than_avif_is_made_of_stay_as_they_are_unless_they_become_fewer() {
    let mut huge = save(RgbImage::new(1200, 900), ImageFormat::Bmp);
    huge[18..22].copy_from_slice(&8_000_u32.to_le_bytes());
    huge[22..26].copy_from_slice(&6_000_u32.to_le_bytes());
    assert_eq!(kept(&huge, &to(Format::Avif)), Kept::TooManyFor(Format::Avif, avif::PIXELS));
    let Ok(Look::Work(work)) = look(&huge, &Wish { max_width: Some(4000), ..to(Format::Avif) }) else { panic!("it fits") };
    assert!((4000 * 3000 * 20..800 << 20).contains(&work.memory()), "{}", work.memory());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn mutilated_files_never_harm(format in 0usize..7, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10), wish in 0usize..4) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Qoi, ImageFormat::Tiff];
        let mut bytes = save(scene(19, 17), formats[format]);
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let wishes = [to(Format::WebP), to(Format::Jpeg), Wish { squeeze: true, ..wide(9) }, Wish { keep_exif: true, ..to(Format::Png) }];
        if let Ok(Look::Work(work)) = look(&bytes, &wishes[wish]) {
            // A head may claim so much that a whole minute passes with honest work; that is not what is looked for.
            if work.memory() < 20_000_000 {
                let _ = work.run(&nobody);
            }
        }
    }
}
