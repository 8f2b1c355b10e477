//! Images that are made into others on their way: what travels, what is kept of it, and what is refused.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use imagepic_core::Code;
use imagepic_core::destination::{Convert, Images};
use imagepic_core::engine::{Draft, Engine, Role, Submit};
use imagepic_core::event::{Event, Stage, Upload};
use imagepic_core::link::Format;
use imagepic_core::store::Store as _;
use std::collections::HashSet;

use crate::support::*;

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 28;
        Rgb([(x % 200 + grain) as u8, (y % 200 + grain) as u8, 90])
    });
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(pixels).write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn to_webp() -> Images {
    Images { convert: Some(Convert::Webp), max_width: Some(100), ..Images::default() }
}

async fn with(place: &Place, remote: &Remote, images: Images) -> Engine {
    let engine = place.with(remote).await;
    let mut destination = engine.destinations().current();
    destination.images = images;
    engine.destinations().save(Draft { destination, secret: None }).await.expect("saved");
    engine
}

async fn sent(engine: &Engine, bytes_of: Vec<u8>, name: &str, how: Submit) -> Upload {
    let batch = engine.uploads().submit(vec![bytes(bytes_of, Some(name))], how).await.expect("taken");
    assert_eq!(batch.refused, []);
    engine.uploads().settled(batch.id).await.expect("settled").uploads.remove(0)
}

async fn body(engine: &Engine, upload: &Upload) -> (String, Vec<u8>) {
    let link = engine.uploads().link(upload.id).await.expect("a link");
    let (status, head, body) = get(&link.url).await;
    assert_eq!(status, 200, "{head}");
    (head, body)
}

#[tokio::test]
async fn what_is_stored_said_and_kept_is_the_picture_that_was_made() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let given = picture(400, 300, ImageFormat::Bmp);
    let done = sent(&engine, given.clone(), "shot.bmp", quietly()).await;
    assert_eq!((done.content_type.as_str(), done.width, done.height), ("image/webp", Some(100), Some(75)));
    assert!(done.key.ends_with(".webp"), "{}", done.key);
    let (head, stored) = body(&engine, &done).await;
    assert!(head.contains("content-type: image/webp"), "{head}");
    assert_eq!(stored.len() as u64, done.size);
    let shown = image::load_from_memory_with_format(&stored, ImageFormat::WebP).expect("a WebP");
    assert_eq!((shown.width(), shown.height()), (100, 75));
    let object = remote.store().stat(BUCKET, &done.key).await.expect("asked").expect("there");
    let hash = engine.uploads().sha256(done.id).await.expect("known");
    assert_eq!(object.sha256, Some(hex::encode(hash)));

    let made = done.made.clone().expect("something was done");
    assert_eq!((made.converted, made.resized, made.squeezed), (Some(Convert::Webp), true, false));
    assert_eq!((made.was_size, made.was_type.as_deref()), (Some(given.len() as u64), Some("image/bmp")));
    assert_eq!((made.was_width, made.was_height), (Some(400), Some(300)));
    let summary = made.summary.clone().expect("told");
    assert!(summary.starts_with("360 kB → ") && summary.ends_with(", WebP, 100 × 75"), "{summary}");

    let again = sent(&engine, given, "copy.bmp", quietly()).await;
    assert!(again.reused && again.key == done.key, "the same picture is made of it, and that one is there");
    engine.close().await;
    let engine = place.open(Role::Desktop).await;
    let known = engine.uploads().get(done.id).await.expect("known");
    assert_eq!(known.made, Some(made), "the journal has it");
    engine.close().await;
}

/// A PNG that says it was taken on a screen of 144 dots an inch, as those of macOS do.
fn dense(width: u32, height: u32) -> Vec<u8> {
    let plain = picture(width, height, ImageFormat::Png);
    let mut phys = [b"pHYs", &5669_u32.to_be_bytes()[..], &5669_u32.to_be_bytes(), &[1]].concat();
    let sum = phys.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    });
    phys.extend((!sum).to_be_bytes());
    [&plain[..33], &9_u32.to_be_bytes(), &phys, &plain[33..]].concat()
}

#[tokio::test]
async fn a_screenshot_of_a_dense_screen_is_linked_at_its_size_there_in_any_format_and_after_a_restart() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, Images::default()).await;
    let html = async |engine: &Engine, id: i64| {
        let details = engine.library().details(id).await.expect("details");
        details.lines.into_iter().find(|line| line.format == Format::Html).expect("HTML").text
    };
    let shot = sent(&engine, dense(400, 300), "Screenshot 14.32.png", quietly()).await;
    assert_eq!((shot.width, shot.height), (Some(400), Some(300)), "its pixels stay what they are");
    assert!(html(&engine, shot.id).await.contains(r#"width="200" height="150""#));
    let plain = sent(&engine, picture(400, 300, ImageFormat::Png), "plain.png", quietly()).await;
    assert!(html(&engine, plain.id).await.contains(r#"width="400" height="300""#));

    let webp = Submit { images: Some(Images { convert: Some(Convert::Webp), ..Images::default() }), ..quietly() };
    let webp = sent(&engine, dense(402, 300), "shot.png", webp).await;
    assert_eq!((webp.content_type.as_str(), webp.width), ("image/webp", Some(402)));
    assert!(html(&engine, webp.id).await.contains(r#"width="201" height="150""#), "the same picture in another format");
    let small = Submit { images: Some(Images { max_width: Some(100), ..Images::default() }), ..quietly() };
    let small = sent(&engine, dense(404, 300), "small.png", small).await;
    assert!(html(&engine, small.id).await.contains(r#"width="100""#), "one that was made for its width is shown so wide");
    engine.close().await;
    let engine = place.open(Role::Desktop).await;
    assert!(html(&engine, shot.id).await.contains(r#"width="200" height="150""#));
    engine.close().await;
}

#[tokio::test]
async fn one_call_may_want_something_else_than_its_destination() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let given = picture(200, 100, ImageFormat::Bmp);
    let plain = sent(&engine, given.clone(), "a.bmp", Submit { images: Some(Images::default()), ..quietly() }).await;
    assert_eq!((plain.content_type.as_str(), plain.size, plain.made.is_none()), ("image/bmp", given.len() as u64, true));
    assert_eq!(body(&engine, &plain).await.1, given, "byte for byte");
    let jpeg = Images { convert: Some(Convert::Jpeg), quality: Some(60), ..Images::default() };
    let jpeg = sent(&engine, given.clone(), "b.bmp", Submit { images: Some(jpeg), ..quietly() }).await;
    assert_eq!((jpeg.content_type.as_str(), jpeg.width), ("image/jpeg", Some(200)));
    let wrong = Images { quality: Some(0), ..Images::default() };
    let how = Submit { images: Some(wrong), ..quietly() };
    let error = engine.uploads().submit(vec![bytes(given, Some("c.bmp"))], how).await.expect_err("no such quality");
    assert_eq!((error.code, error.field), (Code::BadRequest, Some("quality")));
    engine.close().await;
}

#[tokio::test]
async fn a_broken_picture_is_refused_by_name_where_something_is_wanted_of_it_and_goes_unchanged_where_not() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let whole = picture(300, 200, ImageFormat::Png);
    let half = whole[..whole.len() / 2].to_vec();
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let given =
        vec![bytes(half.clone(), Some("half.png")), bytes(bomb.clone(), Some("bomb.png")), bytes(whole, Some("whole.png"))];
    let batch = engine.uploads().submit(given, quietly()).await.expect("one is taken");
    assert_eq!(batch.uploads.len(), 1);
    for (refusal, name) in batch.refused.iter().zip(["half.png", "bomb.png"]) {
        assert_eq!((refusal.name.as_str(), refusal.code), (name, Code::BrokenImage));
        assert!(refusal.message.contains(name), "{}", refusal.message);
    }
    assert!(batch.refused[1].message.contains("65536 × 65536"), "{}", batch.refused[1].message);
    let nothing = Images { strip_metadata: false, ..Images::default() };
    for (broken, name) in [(half, "half.png"), (bomb, "bomb.png")] {
        let done = sent(&engine, broken.clone(), name, Submit { images: Some(nothing.clone()), ..quietly() }).await;
        assert_eq!(body(&engine, &done).await.1, broken, "{name}");
    }
    engine.close().await;
}

#[tokio::test]
async fn a_picture_that_breaks_off_is_uploaded_and_said_to() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif] {
        let whole = picture(300, 200, format);
        let half = whole[..whole.len() / 2].to_vec();
        let done = sent(&engine, half.clone(), "half", quietly()).await;
        assert_eq!(body(&engine, &done).await.1, half, "it is what was given");
        assert!(done.made.expect("told").notices[0].contains("damaged"), "{format:?}");
        assert_eq!(sent(&engine, whole, "whole", quietly()).await.made, None, "{format:?}");
    }
    engine.close().await;
}

#[tokio::test]
async fn what_cannot_be_made_smaller_or_must_not_be_touched_goes_as_it_is_and_says_why() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let mut moving = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut moving);
    let frame = |red| image::Frame::new(image::RgbaImage::from_pixel(200, 20, image::Rgba([red, 0, 0, 255])));
    encoder.encode_frames([frame(0), frame(200)]).expect("encodes");
    drop(encoder);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='900' height='9'/>".to_vec();
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    let mut tight = Vec::new();
    let checks = RgbImage::from_fn(64, 64, |x, y| if (x + y) % 2 == 0 { Rgb([255, 0, 0]) } else { Rgb([0, 255, 0]) });
    let encoder = PngEncoder::new_with_quality(&mut tight, CompressionType::Best, FilterType::NoFilter);
    checks.write_with_encoder(encoder).expect("encodes");
    for (given, name, reasons) in [
        (moving, "a.gif", &["it moves"][..]),
        (svg, "b.svg", &["SVG"]),
        (heic, "c.heic", &["HEIC is not converted", "may still say where"]),
        (tight, "d.png", &["instead of"]),
    ] {
        let done = sent(&engine, given.clone(), name, quietly()).await;
        assert_eq!(body(&engine, &done).await.1, given, "{name} is untouched");
        let made = done.made.expect("told");
        assert_eq!((made.summary, made.notices.len()), (None, reasons.len()), "{name}");
        for (notice, reason) in made.notices.iter().zip(reasons) {
            assert!(notice.contains(reason), "{name}: {notice}");
        }
    }
    engine.close().await;
}

#[tokio::test]
async fn a_file_too_large_to_be_copied_is_made_smaller_all_the_same() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let file = place.dir.path().join("large.bmp");
    std::fs::write(&file, picture(4000, 3000, ImageFormat::Bmp)).expect("written");
    assert!(std::fs::metadata(&file).expect("there").len() > imagepic_core::intake::COPIED_AT_MOST);
    let preview = engine.destinations().preview_image(to_webp(), file.clone()).await.expect("a preview");
    let batch = engine.uploads().submit(vec![path(&file)], quietly()).await.expect("taken");
    // What was made is in the spool: the file may go.
    std::fs::remove_file(&file).expect("removed");
    let done = engine.uploads().settled(batch.id).await.expect("settled").uploads.remove(0);
    assert_eq!((done.stage, done.width), (Stage::Done, Some(100)));
    assert_eq!((preview.after, preview.content_type, preview.width), (done.size, done.content_type, done.width));
    assert_eq!(preview.made, done.made, "what was shown before is what came of it");
    engine.close().await;
}

#[tokio::test]
async fn the_film_of_a_motion_photo_that_does_not_go_along_is_named_with_its_size_and_how_to_keep_it() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let photo = picture(300, 200, ImageFormat::Jpeg);
    let film = [&b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"[..], &[7; 4976]].concat();
    let motion = [&photo[..], &film].concat();
    let told = |upload: &Upload| upload.made.as_ref().map(|made| made.notices.clone()).unwrap_or_default();

    let cut = sent(&engine, motion.clone(), "motion.jpg", quietly()).await;
    assert_eq!(body(&engine, &cut).await.1, photo, "nothing but the film is gone");
    let [what, keep] = told(&cut).try_into().expect("what it was, and what to do");
    assert!(what.contains("a film (5 kB)"), "{what}");
    assert!(keep.contains("Cut out position and camera data") && keep.contains("--strip-metadata false"), "{keep}");
    assert!(cut.made.as_ref().is_some_and(|made| made.summary.is_none() && !made.damaged));

    let keeps = Images { strip_metadata: false, ..Images::default() };
    let kept = sent(&engine, motion.clone(), "kept.jpg", Submit { images: Some(keeps.clone()), ..quietly() }).await;
    assert_eq!((body(&engine, &kept).await.1, kept.made), (motion.clone(), None), "nothing is lost, and nothing told");

    for (images, name) in [(to_webp(), "a.jpg"), (Images { strip_metadata: false, ..to_webp() }, "b.jpg")] {
        let made = sent(&engine, motion.clone(), name, Submit { images: Some(images), ..quietly() }).await;
        let [what, keep] = told(&made).try_into().expect("what it was, and what to do");
        assert!(what.contains("a film (5 kB)") && keep.contains("neither converted"), "{what} {keep}");
    }
    engine.settings().set("general.language", "zh-CN").await.expect("set");
    let told = told(&engine.uploads().get(cut.id).await.expect("known"));
    assert!(told[0].contains("视频（5 kB") && told[1].contains("去除位置和相机数据"), "{told:?}");
    engine.close().await;
    let engine = place.open(Role::Desktop).await;
    assert_eq!(engine.uploads().get(cut.id).await.expect("known").made.expect("the journal has it").notices, told);
    engine.close().await;
}

#[tokio::test]
async fn what_is_being_made_of_a_picture_is_shown_until_the_upload_is() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    let mut events = engine.subscribe();
    let done = sent(&engine, picture(400, 300, ImageFormat::Bmp), "shot.bmp", quietly()).await;
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Upload(upload) if upload.id < 0 => {
                assert_eq!((upload.name.as_str(), upload.stage, upload.sent), ("shot.bmp", Stage::Sending, 0));
                assert_eq!((upload.message.as_deref(), upload.size), (Some("Making WebP"), 360_054));
                seen.push("made");
            }
            Event::Upload(upload) if upload.id == done.id && !seen.contains(&"taken") => seen.push("taken"),
            Event::Gone { id } if id < 0 => seen.push("gone"),
            _ => {}
        }
    }
    assert_eq!(seen, ["made", "taken", "gone"]);
    assert!(engine.snapshot().open.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn what_is_taken_back_while_it_is_made_or_waits_for_another_one_is_not_uploaded() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, Images { convert: Some(Convert::Webp), ..Images::default() }).await;
    let mut events = engine.subscribe();
    // The large one takes seconds: until then the small one is made and no upload yet.
    let files = [("small.bmp", 40, 30), ("large.bmp", 3000, 2000)]
        .map(|(name, width, height)| place.file(name, &picture(width, height, ImageFormat::Bmp)));
    let other = bytes(picture(50, 40, ImageFormat::WebP), Some("other.webp"));
    let given = files.iter().map(|file| path(file)).chain([other]).collect();
    let uploads = engine.uploads();
    let submit = tokio::spawn(async move { uploads.submit(given, quietly()).await });
    let mut back = Vec::new();
    while back.len() < 2 {
        let Event::Upload(upload) = events.recv().await.expect("an event") else { continue };
        if upload.id < 0 && ["small.bmp", "large.bmp"].contains(&upload.name.as_str()) && !back.contains(&upload.id) {
            engine.uploads().cancel(upload.id).await.expect("it is in time");
            let open = engine.snapshot().open;
            assert!(open.iter().all(|open| open.id != upload.id), "it is off the list at once: {open:?}");
            assert!(engine.uploads().cancel(upload.id).await.is_err(), "there is nothing more to be taken back");
            back.push(upload.id);
        }
    }
    let batch = submit.await.expect("no panic").expect("one is taken");
    let refused: Vec<_> = batch.refused.iter().map(|refusal| (refusal.name.as_str(), refusal.code)).collect();
    assert_eq!(refused, [("small.bmp", Code::Cancelled), ("large.bmp", Code::Cancelled)]);
    for refusal in &batch.refused {
        assert!(refusal.message.contains("WebP") && refusal.message.contains("The original is as it was"), "{}", refusal.message);
    }
    let settled = engine.uploads().settled(batch.id).await.expect("settled").uploads;
    assert_eq!(settled.iter().map(|upload| upload.name.as_str()).collect::<Vec<_>>(), ["other.webp"]);
    assert!(files.iter().all(|path| path.exists()), "what was given is untouched");
    engine.close().await;
    // What went up may keep its bytes for its small picture.
    let journal = rusqlite::Connection::open(place.home.journal_file()).expect("a journal");
    let mut rows = journal.prepare("SELECT spool FROM uploads WHERE spool IS NOT NULL").expect("a query");
    let named: HashSet<String> = rows.query_map([], |row| row.get(0)).expect("rows").map(|name| name.expect("a name")).collect();
    let left = std::fs::read_dir(place.home.spool()).expect("a spool").flatten().map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| !named.contains(&*name.to_string_lossy())).collect();
    assert!(left.is_empty(), "files that no row names: {left:?}");
}

#[tokio::test]
async fn who_quits_does_not_wait_for_what_is_still_to_be_made() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, to_webp()).await;
    engine.uploads().stop_making();
    let small = picture(50, 40, ImageFormat::WebP);
    let given = vec![bytes(picture(400, 300, ImageFormat::Bmp), Some("shot.bmp")), bytes(small, Some("small.webp"))];
    let batch = engine.uploads().submit(given, quietly()).await.expect("one is taken");
    let [stopped] = batch.refused.as_slice() else { panic!("{:?}", batch.refused) };
    assert_eq!((stopped.name.as_str(), stopped.code, batch.uploads.len()), ("shot.bmp", Code::Cancelled, 1));
    assert!(stopped.message.contains("WebP") && stopped.message.contains("The original is as it was"), "{}", stopped.message);
    engine.close().await;
}

#[tokio::test]
async fn a_damaged_picture_that_may_say_where_it_was_taken_is_named() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let whole = picture(40, 30, ImageFormat::Jpeg);
    let exif = b"\xff\xe1\0\x0cExif\0\0GPS!";
    let damaged = [&whole[..20], b"\0\0\0", exif, &whole[20..]].concat();
    let mut events = engine.subscribe();
    let captures = vec![bytes(whole, Some("whole.jpg")), bytes(damaged, Some("damaged.jpg"))];
    let batch = engine.uploads().submit(captures, quietly()).await.expect("taken");
    assert_eq!(batch.keeps_private, ["damaged.jpg"]);
    let told = std::iter::from_fn(|| events.try_recv().ok()).find_map(|event| match event {
        Event::Notice { message, .. } => Some(message),
        _ => None,
    });
    assert!(told.expect("a notice").contains("damaged.jpg"));
    let settled = engine.uploads().settled(batch.id).await.expect("settled");
    let told = |at: usize| {
        settled.uploads[at].made.iter().flat_map(|made| &made.notices).any(|notice| notice.contains("looked through"))
    };
    assert!(!told(0) && told(1), "{settled:?}");
    engine.close().await;
}

#[tokio::test]
async fn what_a_taken_back_upload_looked_like_goes_with_the_last_upload_of_its_bytes() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = with(&place, &remote, Images::default()).await;
    let picture = picture(40, 30, ImageFormat::Png);
    let (first, second) = (
        sent(&engine, picture.clone(), "a.png", quietly()).await,
        sent(&engine, picture, "b.png", Submit { folder: Some("elsewhere".to_owned()), ..quietly() }).await,
    );
    engine.uploads().thumbnail(first.id).await.expect("it is one to look at");
    let kept = || std::fs::read_dir(place.home.thumbnails()).expect("a folder").count();
    assert_eq!(kept(), 1);
    engine.uploads().undo(first.id).await.expect("taken back");
    assert_eq!(kept(), 1, "another upload looks the same");
    engine.uploads().undo(second.id).await.expect("taken back");
    assert_eq!(kept(), 0);
    engine.close().await;
}
