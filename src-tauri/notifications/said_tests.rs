use imagepic_core::Code;
use imagepic_core::capture::Source;
use imagepic_core::event::ImageWork;

use super::*;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 86_400_000;

fn upload(id: i64, name: &str, stage: Stage) -> Upload {
    Upload {
        id,
        batch: 5,
        position: 0,
        name: name.to_owned(),
        size: 212_000,
        sent: 0,
        content_type: "image/png".to_owned(),
        width: None,
        height: None,
        source: Source::Clipboard,
        stage,
        waiting: None,
        code: None,
        message: None,
        place: Place {
            destination: "atelier".to_owned(),
            name: "Atelier".to_owned(),
            bucket: "assets".to_owned(),
            folder: "docs/img".to_owned(),
            max_bytes: None,
            only_here: false,
        },
        key: String::new(),
        taken_at: 0,
        done_at: None,
        reused: false,
        expires_at: Some(NOW + 7 * DAY - 900),
        closed: false,
        made: None,
    }
}

fn batch(uploads: Vec<Upload>, copied: bool) -> Settled {
    Settled { batch: 5, uploads, refused: Vec::new(), copied, moved_on: !copied, without_link: Vec::new(), text: String::new() }
}

fn labels(notification: &Notification) -> Vec<&str> {
    notification.buttons.iter().map(|(label, _)| label.as_str()).collect()
}

#[test]
fn one_link_says_which_in_what_form_and_for_how_long() {
    let done = batch(vec![upload(1, "checkout-empty-state.png", Stage::Done)], true);
    let said = settled(&done, Format::Markdown, NOW, Lang::En).expect("something to say");
    assert_eq!(said.title, "Link copied");
    assert_eq!(said.body, "checkout-empty-state.png · Markdown\nOpens for 7 days");
    assert_eq!(said.buttons[0], ("Undo".to_owned(), Button::Undo(vec![1])));
    assert_eq!((labels(&said), said.opens), (vec!["Undo", "Open", "Show in library"], Some(Name::Library)));
    assert_eq!(said.weight, Weight::Result);

    let said = settled(&done, Format::Markdown, NOW, Lang::ZhCn).expect("something to say");
    assert_eq!(said.body, "checkout-empty-state.png · Markdown\n7 天内有效");
}

#[test]
fn a_clipboard_that_moved_on_is_offered_its_link() {
    let done = batch(vec![upload(1, "登录页-深色@2x.png", Stage::Done)], false);
    let said = settled(&done, Format::Url, NOW, Lang::En).expect("something to say");
    assert_eq!(said.title, "Uploaded");
    assert_eq!(said.body, "登录页-深色@2x.png\nYou copied something else meanwhile.");
    assert_eq!(said.buttons[0], ("Copy link".to_owned(), Button::CopyLinks(vec![1])));
}

#[test]
fn what_was_never_meant_for_the_clipboard_is_offered_without_a_word_of_it() {
    let done = Settled { moved_on: false, ..batch(vec![upload(1, "a.png", Stage::Done)], false) };
    let said = settled(&done, Format::Url, NOW, Lang::En).expect("something to say");
    assert_eq!((said.title.as_str(), said.body.as_str()), ("Uploaded", "a.png\nOpens for 7 days"));
    assert_eq!(said.buttons[0], ("Copy link".to_owned(), Button::CopyLinks(vec![1])));
}

#[test]
fn a_damaged_picture_is_a_problem_and_what_else_there_is_to_know_of_a_picture_is_told_with_its_link() {
    let work = |damaged: bool, notice: &str| ImageWork {
        summary: None,
        was_size: None,
        was_type: None,
        was_width: None,
        was_height: None,
        converted: None,
        resized: false,
        squeezed: false,
        damaged,
        notices: vec![notice.to_owned()],
    };
    let of = |id: i64, name: &str, made| Upload { made: Some(made), ..upload(id, name, Stage::Done) };
    let one = batch(vec![of(1, "half.png", work(true, "It breaks off."))], true);
    let said = settled(&one, Format::Url, NOW, Lang::En).expect("something to say");
    assert_eq!(said.body, "half.png · URL\nhalf.png: It breaks off.\nOpens for 7 days");
    assert_eq!(said.weight, Weight::Problem);
    let one = batch(vec![of(1, "moving.gif", work(false, "It moves."))], true);
    let said = settled(&one, Format::Url, NOW, Lang::En).expect("something to say");
    assert!(said.body.contains("moving.gif: It moves."), "{}", said.body);
    assert_eq!(said.weight, Weight::Result);
    let many = (1..=9).map(|id| of(id, &format!("{id}.png"), work(id > 7, if id > 7 { "It breaks off." } else { "It moves." })));
    let said = settled(&batch(many.collect(), true), Format::Url, NOW, Lang::En).expect("something to say");
    let lines: Vec<_> = said.body.lines().skip(1).collect();
    assert_eq!(lines, ["8.png and 1 more: It breaks off.", "1.png and 6 more: It moves."], "the worst first, alike in one line");
    assert_eq!(said.weight, Weight::Problem);
}

#[test]
fn a_link_that_could_not_be_made_does_not_count_as_copied() {
    let two = || vec![upload(1, "a.png", Stage::Done), upload(2, "订单列表.png", Stage::Done)];
    let said = settled(&Settled { without_link: vec![2], ..batch(two(), true) }, Format::Url, NOW, Lang::En).expect("a word");
    assert_eq!(said.title, "1 of 2 links copied, 1 could not be made");
    assert!(!labels(&said).contains(&"Open"), "which of them?");
    assert!(said.body.contains("No link of 订单列表.png could be made just now"), "{}", said.body);
    let said =
        settled(&Settled { without_link: vec![1, 2], ..batch(two(), false) }, Format::Url, NOW, Lang::ZhCn).expect("a word");
    assert!(said.body.contains("现在无法生成 a.png 的链接") && !said.body.contains("复制了其他"), "{}", said.body);
}

#[test]
fn one_that_failed_is_named_and_does_not_hide_the_others() {
    let mut failed = upload(2, "订单列表.png", Stage::Failed);
    failed.message = Some("no answer (504) in 5 tries.".to_owned());
    let mixed = batch(vec![upload(1, "a.png", Stage::Done), failed.clone(), upload(3, "c.png", Stage::Done)], true);
    let said = settled(&mixed, Format::Url, NOW, Lang::En).expect("something to say");
    assert_eq!(said.title, "2 of 3 links copied, 1 failed");
    assert_eq!(said.body, "订单列表.png: no answer (504) in 5 tries.");
    assert_eq!(said.buttons[0], ("Retry".to_owned(), Button::Retry(vec![2])));
    assert_eq!(said.weight, Weight::Problem);

    let mut late = upload(2, "订单列表.png", Stage::Waiting);
    late.message = Some("s3.example cannot be reached.".to_owned());
    let said = settled(&batch(vec![upload(1, "a.png", Stage::Done), late], true), Format::Url, NOW, Lang::En).expect("a word");
    assert_eq!(said.title, "1 of 2 links copied, 1 wait");
    assert!(said.body.starts_with("a.png · URL\n订单列表.png: s3.example cannot be reached."), "{}", said.body);

    let said = settled(&batch(vec![failed], false), Format::Url, NOW, Lang::ZhCn).expect("something to say");
    assert_eq!(said.title, "1 个上传失败");
    assert_eq!(labels(&said), ["重试", "在图库中显示"]);
}

#[test]
fn an_image_that_was_there_before_cannot_be_undone_from_here() {
    let mut reused = upload(1, "a.png", Stage::Done);
    reused.reused = true;
    let said = settled(&batch(vec![reused], true), Format::Url, NOW, Lang::En).expect("something to say");
    assert!(said.body.ends_with("its link is used again"), "{}", said.body);
    assert_eq!(labels(&said), ["Open", "Show in library"]);
}

#[test]
fn a_batch_that_only_waits_or_was_cancelled_says_nothing_of_its_own() {
    assert_eq!(settled(&batch(vec![upload(1, "a.png", Stage::Waiting)], false), Format::Url, NOW, Lang::En), None);
    assert_eq!(settled(&batch(vec![upload(1, "a.png", Stage::Cancelled)], false), Format::Url, NOW, Lang::En), None);
}

#[test]
fn a_file_that_was_refused_beside_good_ones_is_named_with_them() {
    let mut done = batch(vec![upload(1, "a.png", Stage::Done)], true);
    let message = "notes.txt is not an image.".to_owned();
    done.refused = vec![Refusal { name: "notes.txt".to_owned(), code: Code::NotAnImage, message }];
    let said = settled(&done, Format::Url, NOW, Lang::En).expect("something to say");
    assert!(said.body.contains("notes.txt is not an image."), "{}", said.body);
    assert_eq!(said.weight, Weight::Problem);
}

#[test]
fn the_life_of_a_link_is_told_in_the_unit_that_fits() {
    let after = |millis: i64| life(&Upload { expires_at: Some(NOW + millis), ..upload(1, "a", Stage::Done) }, NOW, Lang::En);
    assert_eq!(after(7 * DAY), "Opens for 7 days");
    assert_eq!(after(5 * 3_600_000), "Opens for 5 hours");
    assert_eq!(after(60_000), "Opens for 1 minute");
    assert_eq!(after(-1), "Opens for 0 minutes");
    let mut here = upload(1, "a", Stage::Done);
    here.expires_at = None;
    assert_eq!(life(&here, NOW, Lang::En), "Public link, does not end");
    here.place.only_here = true;
    assert_eq!(life(&here, NOW, Lang::En), "Opens only on this computer, while imagepic runs");
}

#[test]
fn a_link_that_opens_for_nobody_is_a_problem_and_says_the_way_out() {
    let key = "docs/img/a.png".to_owned();
    let closed = Upload { closed: true, expires_at: None, key, ..upload(1, "a.png", Stage::Done) };
    let said = settled(&batch(vec![closed.clone()], true), Format::Url, NOW, Lang::En).expect("something to say");
    assert!(
        said.body.contains("assets/docs/img is not public") && said.body.contains("signed links for Atelier"),
        "{}",
        said.body
    );
    assert_eq!(said.weight, Weight::Problem);
    let several = settled(&batch(vec![upload(2, "b.png", Stage::Done), closed], true), Format::Url, NOW, Lang::ZhCn);
    assert!(several.expect("something to say").body.contains("别人打不开"));
    let mut here = Upload { expires_at: Some(NOW + 7 * DAY), ..upload(1, "a", Stage::Done) };
    here.place.only_here = true;
    assert_eq!(life(&here, NOW, Lang::En), "Opens for 7 days, only on this computer while imagepic runs");
}

#[test]
fn the_question_says_what_and_where_to() {
    let asked = Offer { id: 9, size: 212_000, width: Some(1440), height: Some(900), files: 0 };
    let said = offer(&asked, &upload(1, "", Stage::Done).place, Lang::En);
    assert_eq!(said.title, "Upload this screenshot?");
    assert_eq!(said.body, "1440 × 900, 212 kB\nto Atelier / assets / docs/img");
    assert_eq!(labels(&said), ["Upload", "Not this one"]);
}

#[test]
fn what_was_taken_back_is_named_with_the_place_it_left() {
    let said =
        undone(&[upload(1, "a.png", Stage::Done), upload(2, "b.png", Stage::Done)], &[], Lang::En).expect("something to say");
    assert_eq!((said.title.as_str(), said.matter), ("2 uploads removed", Matter::Batch(5)));
    assert_eq!(said.body, "a.png and 1 more\nNo longer in Atelier / assets / docs/img");
    assert_eq!(undone(&[], &[], Lang::En), None);
    // What another upload shares is still there, and nothing else is said of it.
    let stays = undone(&[], &[upload(1, "a.png", Stage::Done)], Lang::En).expect("something to say");
    assert_eq!(
        (stays.title.as_str(), stays.body.as_str()),
        ("Not removed", "a.png\nAnother upload has the same link, and it still opens.")
    );
    let some =
        undone(&[upload(1, "a.png", Stage::Done)], &[upload(2, "b.png", Stage::Done)], Lang::En).expect("something to say");
    assert_eq!(
        (some.title.as_str(), some.body.as_str()),
        ("Upload removed", "a.png\nOne stays: another upload has the same link.")
    );
}

#[test]
fn an_outage_says_how_many_wait_and_that_nothing_is_lost() {
    let uploads = [upload(1, "a.png", Stage::Waiting), upload(2, "b.png", Stage::Waiting)];
    let said = waiting(Waiting::Network, &uploads, Lang::En).expect("something to say");
    assert_eq!(said.title, "No network: 2 images are waiting");
    assert_eq!(said.body, "Kept on this computer; they go on by themselves.");
    assert_eq!(waiting(Waiting::Retry, &uploads, Lang::En), None);
    assert_eq!(waiting(Waiting::Network, &[], Lang::En), None);
}

#[test]
fn a_name_that_is_waited_for_is_asked_in_quiet_mode_too_and_leads_to_the_drop_zone() {
    let uploads = [upload(1, "a.png", Stage::Waiting), upload(2, "b.png", Stage::Waiting)];
    let said = unnamed(&uploads[..1], Lang::En).expect("something to say");
    assert_eq!((said.title.as_str(), said.weight), ("1 image waits for its name", Weight::Question));
    assert_eq!(said.body, "a.png\nKept on this computer. Nothing is sent before it has a name.");
    assert_eq!((said.buttons, said.opens), (vec![("Name…".to_owned(), Button::Open(Name::DropZone))], Some(Name::DropZone)));
    let said = unnamed(&uploads, Lang::ZhCn).expect("something to say");
    assert_eq!((said.title.as_str(), said.matter), ("2 张图片等待命名", Matter::Names));
    assert_eq!(unnamed(&[], Lang::En), None);
    assert_eq!(waiting(Waiting::Name, &uploads, Lang::En), None, "it is no outage");
}

#[test]
fn the_settings_decide_what_is_shown() {
    use imagepic_core::settings::Notifications;
    let pass = |setting| [Weight::Result, Weight::Problem, Weight::Question].map(|weight| weight.passes(setting));
    assert_eq!(pass(Notifications::All), [true, true, true]);
    assert_eq!(pass(Notifications::Problems), [false, true, true]);
    assert_eq!(pass(Notifications::Quiet), [false, false, true]);
}
