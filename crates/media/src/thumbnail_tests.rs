use super::*;
use image::{GenericImageView, ImageFormat, RgbImage};
use proptest::prelude::*;

fn encode(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| image::Rgb([x as u8, 0, 0])))
        .write_to(&mut out, format)
        .expect("encodes");
    out.into_inner()
}

/// A PNG of zeros, written row by row.
fn blank(width: u32, height: u32, color: png::ColorType) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    let mut stream = writer.stream_writer().expect("a stream");
    let row = vec![0; width as usize * color.samples()];
    for _ in 0..height {
        stream.write_all(&row).expect("a row");
    }
    stream.finish().expect("an end");
    drop(writer);
    out
}

fn read(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory_with_format(bytes, ImageFormat::Png).expect("a PNG")
}

fn size(bytes: &[u8], side: u32) -> (u32, u32) {
    read(&thumbnail(bytes, side).expect("a thumbnail")).dimensions()
}

#[test]
fn pictures_become_small_and_small_ones_stay() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Qoi,
    ] {
        assert_eq!(size(&encode(format, 200, 100), 64), (64, 32), "{format:?}");
    }
    assert_eq!(size(&encode(ImageFormat::Png, 20, 10), 64), (20, 10));
    assert_eq!(size(&encode(ImageFormat::Png, 3000, 2), 64), (64, 1), "the narrowest keeps a pixel");
}

#[test]
fn a_photo_taken_upright_has_an_upright_thumbnail() {
    let plain = encode(ImageFormat::Jpeg, 200, 100);
    let exif = [crate::exif::MARK, &crate::exif::only_orientation(6)].concat();
    let length = u16::try_from(exif.len() + 2).expect("small").to_be_bytes();
    let turned = [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat();
    assert_eq!(size(&turned, 64), (32, 64));
    let mut turned = Vec::new();
    let mut info = png::Info::with_size(200, 100);
    info.exif_metadata = Some(crate::exif::only_orientation(6).into());
    let encoder = png::Encoder::with_info(&mut turned, info).expect("an encoder");
    encoder.write_header().expect("a header").write_image_data(&[0; 200 * 100]).expect("written");
    assert_eq!(size(&turned, 64), (32, 64));
}

#[test]
fn a_png_made_small_row_by_row_looks_as_one_that_was_decoded_whole() {
    let (width, height) = (301, 203);
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of).expect("a colour");
    let picture = image::RgbaImage::from_fn(width, height, |x, y| {
        image::Rgba([shade(x, width), shade(y, height), shade(x + y, width + height), 255 - shade(x, width * 2)])
    });
    let forms = [
        DynamicImage::from(picture.clone()),
        DynamicImage::from(picture.clone()).into_rgb8().into(),
        DynamicImage::from(picture.clone()).into_luma8().into(),
        DynamicImage::from(picture.clone()).into_luma_alpha8().into(),
        DynamicImage::from(picture).into_rgba16().into(),
    ];
    for form in forms {
        let mut bytes = Cursor::new(Vec::new());
        form.write_to(&mut bytes, ImageFormat::Png).expect("encodes");
        let small = read(&thumbnail(&bytes.into_inner(), 50).expect("a thumbnail"));
        assert_eq!((small.dimensions(), small.color().has_alpha()), ((50, 34), form.color().has_alpha()));
        let whole = form.resize_exact(50, 34, image::imageops::FilterType::Triangle).into_rgba8();
        let furthest = small.into_rgba8().iter().zip(whole.iter()).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(furthest < Some(12), "{:?}: {furthest:?}", form.color());
    }
}

#[test]
fn what_is_transparent_gives_no_colour_to_its_neighbours() {
    let picture =
        image::RgbaImage::from_fn(
            128,
            128,
            |x, _| if x % 2 == 0 { image::Rgba([200, 0, 0, 255]) } else { image::Rgba([0, 255, 0, 0]) },
        );
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("encodes");
    let small = read(&thumbnail(&bytes.into_inner(), 64).expect("a thumbnail")).into_rgba8();
    assert_eq!(small.get_pixel(10, 10).0, [200, 0, 0, 128]);
}

#[test]
fn a_bomb_is_refused_before_it_takes_memory() {
    let mut bomb = encode(ImageFormat::Bmp, 4, 4);
    bomb[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bomb[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    assert!(thumbnail(&bomb, 64).is_err());
    let mut wide = encode(ImageFormat::Qoi, 4, 4);
    wide[4..8].copy_from_slice(&60_000_u32.to_be_bytes());
    wide[8..12].copy_from_slice(&60_000_u32.to_be_bytes());
    assert!(matches!(thumbnail(&wide, 64), Err(Error::TooLarge { .. })));
    // Not too many pixels for a scan, and far too many for so few bytes.
    for side in [6_000_u32, 9_000] {
        wide[4..8].copy_from_slice(&side.to_be_bytes());
        wide[8..12].copy_from_slice(&side.to_be_bytes());
        assert!(matches!(thumbnail(&wide, 64), Err(Error::Bomb { .. })), "{side}");
    }
    let blank = blank(8_000, 5_000, png::ColorType::Grayscale);
    assert!(matches!(Small::look(Cursor::new(&blank)), Err(Error::Bomb { .. })), "{} bytes", blank.len());
}

#[test]
fn the_largest_screenshot_takes_the_memory_of_its_rows_and_everything_else_says_what_it_takes() {
    let blank = blank(6_000, 4_000, png::ColorType::Rgb);
    let small = Small::look(Cursor::new(&blank)).expect("a picture");
    assert!(small.memory() < 2 << 20, "{}", small.memory());
    assert_eq!(size(&blank, 320), (320, 213));
    let look = |bytes: Vec<u8>| Small::look(Cursor::new(bytes)).expect("a picture").memory();
    for (format, least) in [(ImageFormat::Jpeg, 3), (ImageFormat::Bmp, 4), (ImageFormat::Gif, 4), (ImageFormat::WebP, 4)] {
        assert!(look(encode(format, 400, 300)) > 400 * 300 * least, "{format:?}");
    }
}

#[test]
fn what_is_not_decoded_says_so() {
    assert!(matches!(thumbnail(b"<svg/>", 64), Err(Error::Unsupported)));
    assert!(matches!(thumbnail(b"", 64), Err(Error::Unsupported)));
}

/// As a drawing that may be shown, where it is one.
fn shown(text: &str) -> Option<Vec<u8>> {
    drawing(&mut Cursor::new(text.as_bytes())).expect("it can be read")
}

#[test]
fn a_small_drawing_is_shown_as_it_is() {
    for svg in [
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2"><defs><g id="a"/></defs><use href="#a"/></svg>"##,
        "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n<!-- drawn -->\n<svg:svg xmlns:svg='http://www.w3.org/2000/svg'><svg:title>设计 &amp; 稿</svg:title></svg:svg>",
    ] {
        assert_eq!(shown(svg).as_deref(), Some(svg.as_bytes()), "{svg}");
    }
    let rows = |count: usize| format!("<svg xmlns='http://www.w3.org/2000/svg'>{}</svg>", "<path d='M0 0h9'/>".repeat(count));
    assert!(shown(&rows(10_000)).is_some());
    assert!(shown(&rows(20_000)).is_none(), "too large");
    for other in ["", "<html></html>", "<p>svg</p>", "words"] {
        assert_eq!(shown(other), None, "{other}");
    }
    let png = encode(ImageFormat::Png, 3, 3);
    let mut reader = Cursor::new(png);
    assert_eq!(drawing(&mut reader).expect("read"), None);
    assert_eq!(reader.position(), 0, "whoever makes it small begins at its begin");
}

#[test]
fn a_drawing_that_means_harm_is_not_shown() {
    let within =
        |inside: &str| format!("<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/1999/xlink'>{inside}</svg>");
    for inside in [
        "<script>fetch('https://evil.example')</script>",
        "<SCRIPT/>",
        "<s:script xmlns:s='http://www.w3.org/2000/svg'/>",
        "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>",
        "<image x:href='https://evil.example/a.png'/>",
        "<rect style='background:url(DATA:image/png;base64,AAAA)'/>",
        "<rect style='background:url(&#100;ata:image/png;base64,AAAA)'/>",
        r"<style>svg{background:url(\64 ata:image/png;base64,AAAA)}</style>",
        "<style>@import 'https://evil.example/a.css'</style>",
        "<filter id='f'><feImage x:href='file:///etc/passwd'/></filter>",
    ] {
        assert_eq!(shown(&within(inside)), None, "{inside}");
    }
    for whole in [
        "<!DOCTYPE svg [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><svg xmlns='http://www.w3.org/2000/svg'><text>&b;</text></svg>",
        "<!doctype svg SYSTEM 'file:///etc/passwd'><svg xmlns='http://www.w3.org/2000/svg'/>",
        "<?xml version='1.0' encoding='UTF-7'?><svg xmlns='http://www.w3.org/2000/svg'>+ADw-script+AD4-</svg>",
        "<?xml-stylesheet href='https://evil.example/a.css'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    ] {
        assert_eq!(shown(whole), None, "{whole}");
    }
    // Each of twenty parts draws the one before it ten times.
    let part = |number: u32| format!("<g id='p{}'>{}</g>", number + 1, format!("<use x:href='#p{number}'/>").repeat(10));
    let bomb = within(&(0..20).map(part).collect::<String>());
    assert!(bomb.len() < 10_000);
    assert_eq!(shown(&bomb), None);
    assert_eq!(drawing(&mut Cursor::new([b"<svg>".as_slice(), &[0xff], b"</svg>"].concat())).expect("read"), None, "no text");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn mutilated_files_never_harm(format in 0usize..6, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10)) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Qoi];
        let mut bytes = encode(formats[format], 9, 7);
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = thumbnail(&bytes, 4);
    }
}
