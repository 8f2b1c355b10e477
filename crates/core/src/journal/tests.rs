//! What the files are after a close, and what a change makes of a row.

use super::*;
use crate::live::tests::row;

fn open(dir: &Path) -> Journal {
    Journal::open(&dir.join("journal.sqlite"), dir.join("changed"), "1".to_owned()).expect("a journal")
}

fn log(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("journal.sqlite-wal")).map_or(0, |log| log.len())
}

#[tokio::test]
async fn a_short_log_waits_for_the_next_process_and_a_long_one_is_folded() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut rounds = 0;
    let mut longest = 0;
    // Every round is a process that uploads one file.
    loop {
        let journal = open(dir.path());
        let taken = journal.insert(vec![row(0, RowState::Queued, None)]).await.expect("taken");
        assert_eq!(taken[0].0.id, rounds + 1, "what the last round wrote is there");
        journal.close().await;
        rounds += 1;
        longest = longest.max(log(dir.path()));
        assert!(longest <= LOG_AT_REST, "{longest} bytes are left to be read again");
        if log(dir.path()) < longest {
            break;
        }
    }
    assert!(rounds > 3, "folded {rounds} times over for a few rows");
    let journal = open(dir.path());
    assert_eq!(journal.count().await.expect("read"), rounds.unsigned_abs());
    journal.close().await;
}

#[tokio::test]
async fn a_changed_row_is_in_memory_what_it_is_in_the_table() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path());
    let mut new = row(0, RowState::Queued, None);
    new.owner = Some("1".to_owned());
    let (taken, _) = journal.insert(vec![new]).await.expect("taken").remove(0);
    let secured = journal.secure(vec![(taken.id, "1_spooled".to_owned())]).await.expect("written").remove(0);
    assert_eq!(secured.spool.as_deref(), Some("1_spooled"));

    // The one who changes it has not heard of the spool file yet.
    let change = Change { key: Some("other.png".to_owned()), tries: 2, ..Change::of(&taken) };
    let changed = journal.change(&taken, taken.owner.clone(), change, Last::Now).await.expect("written").expect("it was open");
    assert_eq!(Some(&changed), journal.get(taken.id).await.expect("read").as_ref());
    assert_eq!((changed.key.as_str(), changed.tries, &changed.spool), ("other.png", 2, &secured.spool));

    let done = Change { state: RowState::Done, created: true, forgets_spool: true, ..Change::of(&changed) };
    let others = journal.change(&changed, Some("2".to_owned()), done.clone(), Last::Soon).await.expect("asked");
    assert_eq!(others, None, "it is another process's");
    let ended = journal.change(&changed, changed.owner.clone(), done.clone(), Last::Together).await.expect("written");
    assert_eq!(ended, journal.get(taken.id).await.expect("read"));
    assert_eq!(ended.map(|row| (row.state, row.spool, row.owner)), Some((RowState::Done, None, None)));
    let again = journal.change(&changed, changed.owner.clone(), done, Last::Now).await.expect("asked");
    assert_eq!(again, None, "it is over");
    journal.close().await;
}

#[tokio::test]
async fn who_takes_over_what_waits_for_its_name_does_not_let_it_go_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path());
    let mut unnamed = row(0, RowState::Waiting, Some(crate::error::Waiting::Name));
    unnamed.owner = Some("1".to_owned());
    unnamed.fault = Some(crate::queue::asked::wanted("a.png").fault());
    let mut offline = row(0, RowState::Waiting, Some(crate::error::Waiting::Network));
    offline.owner = Some("1".to_owned());
    let taken = journal.insert(vec![unnamed, offline]).await.expect("taken");
    assert_eq!(
        Some(&taken[0].0),
        journal.get(taken[0].0.id).await.expect("read").as_ref(),
        "the reason is on disk from the first moment"
    );

    let claimed = journal.claim("2".to_owned(), vec!["1".to_owned()]).await.expect("claimed");
    assert_eq!((claimed[0].state, claimed[0].waiting), (RowState::Waiting, Some(crate::error::Waiting::Name)));
    assert_eq!(claimed[0].fault, taken[0].0.fault);
    assert_eq!((claimed[1].state, claimed[1].waiting), (RowState::Queued, None));

    let id = claimed[0].id;
    let named =
        journal.named(id, "2".to_owned(), "b.png".to_owned(), Some("b.png".to_owned())).await.expect("named").expect("it waited");
    assert_eq!((named.state, named.waiting, named.fault.as_ref()), (RowState::Queued, None, None));
    assert_eq!((named.key.as_str(), named.name.as_str()), ("b.png", "b.png"));
    let again = journal.named(id, "2".to_owned(), "c.png".to_owned(), None).await.expect("asked");
    assert_eq!(again, None, "of two who name it one does");
    journal.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_whose_name_is_no_text_is_remembered_byte_for_byte_and_old_rows_are_read() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let journal = open(dir.path());
    let reference = |name: &[u8]| super::rows::Reference {
        path: Path::new("/tmp").join(std::ffi::OsStr::from_bytes(name)),
        device: 1,
        inode: 2,
        size: 3,
        modified: 4,
    };
    for name in [&b"bad\xff.png"[..], "图 1.png".as_bytes()] {
        let mut new = row(0, RowState::Queued, None);
        new.reference = Some(reference(name));
        let (taken, _) = journal.insert(vec![new]).await.expect("taken").remove(0);
        let read = journal.get(taken.id).await.expect("read").expect("there");
        assert_eq!(read.reference, Some(reference(name)));
    }
    journal.close().await;
    let plain = serde_json::to_string(&reference(b"a.png")).expect("written");
    assert_eq!(
        plain, r#"{"path":"/tmp/a.png","device":1,"inode":2,"size":3,"modified":4}"#,
        "as older versions write and read it"
    );
    assert_eq!(serde_json::from_str::<super::rows::Reference>(&plain).expect("read"), reference(b"a.png"));
}

#[test]
fn what_every_process_asks_at_its_start_and_end_reads_open_rows_and_not_all_of_a_long_history() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(open(dir.path()));
    let connection = rusqlite::Connection::open(dir.path().join("journal.sqlite")).expect("the journal");
    let present = format!("SELECT id FROM uploads WHERE {} ORDER BY id", table::OPEN);
    for statement in [present, queries::owners(), queries::left(2), changes::claim(2), changes::release(), changes::lost(2)] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).expect("a statement");
        let held = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(held), |step| step.get::<_, String>(3)).expect("a plan");
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().expect("steps");
        assert!(steps.iter().any(|step| step.contains("uploads_open")), "{statement}: {steps:?}");
        assert!(!steps.iter().any(|step| step == "SCAN uploads"), "{statement}: {steps:?}");
    }
}

#[test]
fn a_journal_that_many_make_at_the_same_moment_is_opened_by_all_of_them() {
    for _ in 0..30 {
        let dir = tempfile::tempdir().expect("a folder");
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            let opened = || {
                let connection = rusqlite::Connection::open(dir.path().join("journal.sqlite")).expect("a file");
                together.wait();
                schema::prepare(&connection, dir.path()).expect("a journal");
            };
            (0..8).for_each(|_| drop(scope.spawn(opened)));
        });
    }
}
