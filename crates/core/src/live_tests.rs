//! What windows see of rows, from beginnings and events; and the rows other tests start from.

use super::*;
use crate::capture::Source;

pub(crate) fn row(id: i64, state: RowState, waiting: Option<Waiting>) -> Row {
    Row {
        id,
        batch: 1,
        position: 0,
        state,
        source: Source::Drop,
        name: "a.png".to_owned(),
        spool: None,
        reference: None,
        size: 1000,
        content_type: "image/png".to_owned(),
        width: None,
        height: None,
        original: [0; 32],
        prepared: [0; 32],
        destination: "team".to_owned(),
        bucket: "assets".to_owned(),
        folder: String::new(),
        key: "a.png".to_owned(),
        etag: None,
        fault: None,
        waiting,
        tries: 0,
        next_try_at: None,
        owner: None,
        taken_at: 0,
        done_at: None,
        deliver: Deliver::No,
        format: None,
        reused: false,
        created: false,
        expires_at: None,
        made: None,
        density: 1,
        changed: id,
    }
}

fn fault(bucket: &str) -> crate::error::Fault {
    crate::error::Fault {
        code: crate::error::Code::NoSuchBucket,
        text: imagepic_words::store::no_such_bucket(bucket, "s3.example"),
    }
}

fn line(live: &Live) -> (State, String) {
    live.state(&Settings::default(), Lang::En)
}

#[test]
fn the_line_counts_what_is_on_its_way_and_starts_anew_when_all_is_done() {
    let mut live = Live::default();
    for id in 1..=4 {
        live.put(row(id, RowState::Queued, None), true);
    }
    live.put(row(1, RowState::Done, None), true);
    let second = live.entries.get_mut(&2).expect("it is open");
    second.sending = true;
    second.sent.store(1000, Ordering::Relaxed);
    assert_eq!(line(&live), (State::Working, "Uploading 2 of 4 · 50 %".to_owned()));
    for id in 2..=4 {
        live.put(row(id, RowState::Done, None), true);
    }
    assert_eq!(line(&live), (State::Idle, "Ready · This computer / images".to_owned()));
    live.put(row(5, RowState::Queued, None), true);
    assert_eq!(line(&live).1, "Uploading 1 of 1 · 0 %");
}

#[test]
fn what_a_person_can_mend_is_said_before_what_mends_itself() {
    let mut live = Live::default();
    live.put(row(1, RowState::Failed, None), false);
    assert_eq!(line(&live), (State::Failed, "1 failed".to_owned()));
    live.entries.get_mut(&1).expect("it is open").row.fault = Some(fault("images"));
    assert_eq!(line(&live).1, "1 failed: There is no bucket images at s3.example");
    assert_eq!(live.state(&Settings::default(), Lang::ZhCn).1.matches('。').count(), 0);
    live.put(Row { fault: Some(fault("images")), ..row(8, RowState::Failed, None) }, false);
    assert_eq!(line(&live).1, "2 failed: There is no bucket images at s3.example");
    live.put(Row { fault: Some(fault("other")), ..row(9, RowState::Failed, None) }, false);
    assert_eq!(line(&live).1, "3 failed");
    let long = first_sentence(&"截".repeat(500));
    assert_eq!(long.chars().count(), LONGEST_REASON + 1);
    live.put(row(2, RowState::Waiting, Some(Waiting::Network)), true);
    live.put(row(3, RowState::Waiting, Some(Waiting::Network)), true);
    assert_eq!(line(&live), (State::Waiting, "2 waiting for the network".to_owned()));
    live.put(row(4, RowState::Waiting, Some(Waiting::SignIn)), true);
    assert_eq!(line(&live), (State::Waiting, "1 waiting for the right key".to_owned()));
    live.put(row(5, RowState::Waiting, Some(Waiting::Name)), true);
    assert_eq!(line(&live), (State::Waiting, "1 waiting for its name".to_owned()));
    live.put(row(6, RowState::Waiting, Some(Waiting::Name)), true);
    assert_eq!(line(&live), (State::Waiting, "2 waiting for their names".to_owned()));
    live.paused = true;
    assert_eq!(line(&live).0, State::Paused);
}

#[test]
fn an_older_look_at_a_row_does_not_undo_a_newer_one() {
    let mut live = Live::default();
    let mut newer = row(1, RowState::Waiting, Some(Waiting::Network));
    newer.changed = 9;
    live.put(newer, true);
    live.put(row(1, RowState::Queued, None), true);
    assert_eq!(live.entries[&1].row.state, RowState::Waiting);
}
