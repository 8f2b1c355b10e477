//! Watched folders, with real files and the system's own events.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use imagepic_core::Code;
use imagepic_core::engine::{Engine, FolderState, HistoryQuery, Role};
use imagepic_core::event::{Event, Question, QuestionKind};

use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(60);

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn names(engine: &Engine) -> Vec<String> {
    let mut rows = engine.uploads().history(HistoryQuery::default()).await.expect("the history");
    rows.sort_by_key(|row| row.id);
    rows.into_iter().map(|row| row.name).collect()
}

async fn uploaded(engine: &Engine, wanted: &[&str]) {
    let wanted: HashSet<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
    eventually(&format!("{wanted:?} to be uploaded"), async || {
        let now = names(engine).await;
        (now.len() >= wanted.len() && wanted == now.into_iter().collect()).then_some(())
    })
    .await;
}

async fn state(engine: &Engine, path: &Path, wanted: FolderState) {
    eventually(&format!("{} to be {wanted:?}", path.display()), async || {
        let folders = engine.sources().folders();
        folders.iter().any(|view| view.folder.path == path && view.state == wanted).then_some(())
    })
    .await;
}

async fn question(engine: &Engine) -> Question {
    eventually("a question", async || engine.snapshot().questions.into_iter().next()).await
}

/// A watched folder that a person has agreed to, and its real path.
async fn watched(place: &Place, engine: &Engine, name: &str, recursive: bool) -> PathBuf {
    let folder = place.dir.path().join(name);
    std::fs::create_dir_all(&folder).expect("made");
    let folder = engine.sources().watch(&folder, None, recursive).await.expect("watched").path;
    state(engine, &folder, FolderState::Watching).await;
    folder
}

async fn agreed(place: &Place, engine: &Engine, name: &str, recursive: bool) -> PathBuf {
    let folder = watched(place, engine, name, recursive).await;
    std::fs::write(folder.join("first.png"), image(900, 500)).expect("written");
    let asked = question(engine).await;
    engine.sources().answer(asked.id, true).expect("answered");
    uploaded(engine, &["first.png"]).await;
    folder
}

#[tokio::test]
async fn the_first_pictures_of_a_folder_ask_and_later_ones_go_by_themselves() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = watched(&place, &engine, "shots", false).await;
    std::fs::write(folder.join("no.png"), image(1, 500)).expect("written");
    let asked = question(&engine).await;
    assert_eq!(asked.kind, QuestionKind::Folder);
    assert!(
        asked.title.contains("shots") && asked.text.contains("no.png") && asked.text.contains("Team / team / docs"),
        "{asked:?}"
    );
    assert_eq!(engine.sources().folders()[0].asking, 1);
    engine.sources().answer(asked.id, false).expect("answered");
    assert!(names(&engine).await.is_empty(), "it went though somebody said no");

    for name in ["a.png", "b.png"] {
        std::fs::write(folder.join(name), image(u64::from(name.as_bytes()[0]), 500)).expect("written");
    }
    let asked = eventually("a question about both", async || {
        engine.snapshot().questions.into_iter().find(|asked| asked.title.contains('2'))
    })
    .await;
    engine.sources().answer(asked.id, true).expect("answered");
    uploaded(&engine, &["a.png", "b.png"]).await;
    std::fs::write(folder.join("c.png"), image(4, 500)).expect("written");
    uploaded(&engine, &["a.png", "b.png", "c.png"]).await;
    assert!(engine.snapshot().questions.is_empty());
    engine.close().await;
}

#[tokio::test]
async fn a_file_that_is_written_slowly_is_taken_once_and_whole() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = agreed(&place, &engine, "shots", false).await;
    let picture = image(2, 60_000);
    let mut file = std::fs::File::create(folder.join("slow.png")).expect("made");
    for part in picture.chunks(20_000) {
        file.write_all(part).expect("written");
        file.sync_all().expect("flushed");
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(names(&engine).await, ["first.png"], "it was taken before it was complete");
    }
    drop(file);
    uploaded(&engine, &["first.png", "slow.png"]).await;
    // Touched, moved away and back: the same file.
    std::fs::rename(folder.join("slow.png"), place.dir.path().join("elsewhere.png")).expect("moved");
    std::fs::rename(place.dir.path().join("elsewhere.png"), folder.join("slow.png")).expect("moved back");
    std::fs::write(folder.join("last.png"), image(3, 500)).expect("written");
    uploaded(&engine, &["first.png", "slow.png", "last.png"]).await;
    assert_eq!(names(&engine).await.len(), 3);
    let sizes: Vec<u64> = remote.objects().await.iter().map(|object| object.size).collect();
    assert!(sizes.contains(&(picture.len() as u64)), "{sizes:?}");
    engine.close().await;
}

#[tokio::test]
async fn what_was_there_or_came_while_nobody_watched_stays_until_it_is_asked_for() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    place.file("shots/old.png", &image(1, 500));
    let folder = agreed(&place, &engine, "shots", false).await;
    engine.close().await;

    std::fs::write(folder.join("meanwhile.png"), image(2, 500)).expect("written");
    let engine = place.open(Role::Desktop).await;
    state(&engine, &folder, FolderState::Watching).await;
    std::fs::write(folder.join("after.png"), image(3, 500)).expect("written");
    // Agreed to in an earlier run.
    uploaded(&engine, &["first.png", "after.png"]).await;

    let batch = engine.sources().upload_what_is_there(&folder, quietly()).await.expect("a batch");
    assert_eq!(batch.uploads.len(), 2, "what was taken before is not taken again");
    uploaded(&engine, &["first.png", "after.png", "old.png", "meanwhile.png"]).await;
    let again = engine.sources().upload_what_is_there(&folder, quietly()).await.expect_err("nothing is left");
    assert_eq!(again.code, Code::Empty);
    engine.close().await;
}

#[tokio::test]
async fn only_finished_pictures_count_and_no_link_is_followed() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = agreed(&place, &engine, "shots", true).await;
    let secret = place.file("private/secret.png", &image(1, 500));
    for name in [".hidden.png", "a.png.part", "b.png.crdownload", "c.png~", "notes.txt", "deep/.git/d.png"] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let bytes = if name == "notes.txt" { b"words".to_vec() } else { image(2, 500) };
        std::fs::write(path, bytes).expect("written");
    }
    std::os::unix::fs::symlink(&secret, folder.join("link.png")).expect("a link");
    std::os::unix::fs::symlink(secret.parent().expect("a folder"), folder.join("way")).expect("a link");
    std::fs::write(secret.parent().expect("a folder").join("new.png"), image(3, 500)).expect("written");
    // A download that is done, a folder moved in with what is in it, and a further name for a file.
    std::fs::rename(folder.join("a.png.part"), folder.join("done.png")).expect("renamed");
    place.file("album/inside.png", &image(4, 500));
    std::fs::rename(place.dir.path().join("album"), folder.join("album")).expect("moved");
    std::fs::hard_link(place.file("other.png", &image(5, 500)), folder.join("linked.png")).expect("linked");
    std::fs::create_dir(folder.join("fresh")).expect("made");
    std::fs::write(folder.join("fresh/quick.png"), image(6, 500)).expect("written");
    uploaded(&engine, &["first.png", "done.png", "inside.png", "linked.png", "quick.png"]).await;
    engine.close().await;
}

#[tokio::test]
async fn imagepics_own_files_are_never_watched() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    for (path, recursive) in
        [(place.home.data().to_owned(), false), (place.home.spool(), false), (place.dir.path().to_owned(), true)]
    {
        let error = engine.sources().watch(&path, None, recursive).await.expect_err("it would feed itself");
        assert_eq!((error.code, error.text.key()), (Code::BadRequest, "sources.folder_is_home"), "{}", path.display());
    }
    let list = serde_json::json!([{ "path": place.home.spool(), "recursive": false }]).to_string();
    let error = engine.settings().set("capture.folders", &list).await.expect_err("by another way it is the same");
    assert_eq!(error.text.key(), "sources.folder_is_home");
    // Written into the file by hand it is refused as well, and said.
    let mut events = engine.subscribe();
    let file = place.home.settings_file();
    let text = std::fs::read_to_string(&file).expect("settings");
    let spool = place.home.spool();
    std::fs::write(&file, format!("{text}\n[[capture.folders]]\npath = {:?}\n", spool.display().to_string())).expect("written");
    let told = async {
        loop {
            if let Ok(Event::Notice { message, .. }) = events.recv().await {
                return message;
            }
        }
    };
    let message = tokio::time::timeout(PATIENCE, told).await.expect("told");
    assert!(message.contains("feed itself"), "{message}");
    assert_eq!(engine.sources().folders()[0].state, FolderState::Away);
    engine.close().await;
}

#[tokio::test]
async fn a_folder_that_is_gone_is_said_so_once_and_watched_again_when_it_is_back() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = agreed(&place, &engine, "shots", false).await;
    let mut events = engine.subscribe();
    std::fs::remove_dir_all(&folder).expect("removed");
    state(&engine, &folder, FolderState::Away).await;
    assert!(engine.sources().folders()[0].message.as_deref().is_some_and(|message| message.contains("not there")));
    // Made anew with something in it before anybody looks.
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("back.png"), image(2, 500)).expect("written");
    state(&engine, &folder, FolderState::Watching).await;
    uploaded(&engine, &["first.png", "back.png"]).await;
    std::fs::write(folder.join("on.png"), image(3, 500)).expect("written");
    uploaded(&engine, &["first.png", "back.png", "on.png"]).await;
    let mut notices = 0;
    while let Ok(event) = events.try_recv() {
        notices += usize::from(matches!(event, Event::Notice { .. }));
    }
    assert_eq!(notices, 1, "said once");
    engine.close().await;
}

#[tokio::test]
async fn folders_follow_the_settings_each_to_its_own_destination() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let team = engine.destinations().current().id;
    engine.destinations().use_("this-computer", None, None).await.expect("chosen");
    let (one, two) = (place.dir.path().join("one"), place.dir.path().join("two"));
    for folder in [&one, &two] {
        std::fs::create_dir(folder).expect("made");
    }
    let one = engine.sources().watch(&one, Some("Team"), false).await.expect("watched").path;
    let two = engine.sources().watch(&two, None, false).await.expect("watched").path;
    assert_eq!(engine.sources().watch(&two, None, false).await.expect_err("twice").code, Code::BadRequest);
    for folder in [&one, &two] {
        state(&engine, folder, FolderState::Watching).await;
        std::fs::write(
            folder.join("x.png"),
            image(
                folder.as_os_str().len() as u64 + folder.as_os_str().as_encoded_bytes()[folder.as_os_str().len() - 1] as u64,
                500,
            ),
        )
        .expect("written");
        let asked = question(&engine).await;
        engine.sources().answer(asked.id, true).expect("answered");
        eventually("the question to go", async || engine.snapshot().questions.is_empty().then_some(())).await;
    }
    let places = eventually("both", async || {
        let rows = engine.uploads().history(HistoryQuery::default()).await.expect("the history");
        (rows.len() == 2).then(|| rows.into_iter().map(|row| row.place.destination).collect::<HashSet<_>>())
    })
    .await;
    assert_eq!(places, HashSet::from([team, "this-computer".to_owned()]));

    engine.sources().unwatch(&one).await.expect("given up");
    assert_eq!(engine.sources().folders().len(), 1);
    std::fs::write(one.join("y.png"), image(77, 500)).expect("written");
    std::fs::write(two.join("z.png"), image(78, 500)).expect("written");
    eventually("the other one", async || names(&engine).await.contains(&"z.png".to_owned()).then_some(())).await;
    assert!(!names(&engine).await.contains(&"y.png".to_owned()));
    // Watched again, it asks again.
    engine.sources().watch(&one, Some("Team"), false).await.expect("watched");
    state(&engine, &one, FolderState::Watching).await;
    std::fs::write(one.join("again.png"), image(79, 500)).expect("written");
    assert!(question(&engine).await.text.contains("again.png"));
    engine.close().await;
}

#[tokio::test]
async fn what_cannot_be_taken_now_is_taken_later_and_what_never_can_is_named() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = agreed(&place, &engine, "shots", false).await;
    let mut events = engine.subscribe();
    std::fs::write(folder.join("fake.png"), b"this is no picture").expect("written");
    let told = async {
        loop {
            if let Ok(Event::Notice { code, message }) = events.recv().await {
                return (code, message);
            }
        }
    };
    let (code, message) = tokio::time::timeout(PATIENCE, told).await.expect("told");
    assert!(code == Code::NotAnImage && message.contains("fake.png"), "{message}");
    remote.set(Line::Dead);
    std::fs::write(folder.join("later.png"), image(4, 500)).expect("written");
    uploaded(&engine, &["first.png", "later.png"]).await;
    remote.set(Line::Open);
    eventually("it to arrive", async || (remote.objects().await.len() == 2).then_some(())).await;
    engine.close().await;
}

#[tokio::test]
async fn who_agreed_to_one_destination_is_asked_again_when_another_becomes_the_current_one() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = agreed(&place, &engine, "shots", false).await;
    let team = engine.destinations().current();
    engine.settings().set("destination.current", "this-computer").await.expect("set");
    std::fs::write(folder.join("second.png"), image(901, 500)).expect("written");
    let asked = question(&engine).await;
    assert!(asked.text.contains("second.png") && !asked.text.contains("Team"), "{asked:?}");
    assert_eq!(names(&engine).await, ["first.png"], "it went where nobody has agreed to");
    // Asked about another one meanwhile: what is agreed to is what was read last.
    engine.settings().set("destination.current", &team.id).await.expect("set");
    eventually("the question to name the other one", async || {
        engine.snapshot().questions.into_iter().find(|asked| asked.text.contains("Team"))
    })
    .await;
    engine.sources().answer(asked.id, true).expect("answered");
    uploaded(&engine, &["first.png", "second.png"]).await;
    eventually("both to lie at the one that was agreed to", async || (remote.objects().await.len() == 2).then_some(())).await;
    engine.close().await;
}

#[tokio::test]
async fn a_folder_of_too_many_files_says_so_once_by_its_name() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let folder = place.dir.path().join("heap");
    std::fs::create_dir_all(&folder).expect("made");
    for number in 0..=20_000 {
        std::fs::File::create(folder.join(format!("{number}.png"))).expect("made");
    }
    let mut events = engine.subscribe();
    let folder = engine.sources().watch(&folder, None, false).await.expect("watched").path;
    let shown = eventually("the folder to say so", async || engine.sources().folders()[0].message.clone()).await;
    assert!(shown.contains("heap") && shown.contains("20000"), "{shown}");
    // Looked at anew: nothing more is said.
    engine.settings().set("capture.folders", "[]").await.expect("set");
    let list = serde_json::json!([{ "path": folder, "recursive": false }]).to_string();
    let notices = |events: &mut tokio::sync::broadcast::Receiver<Event>| {
        let mut notices = 0;
        while let Ok(event) = events.try_recv() {
            notices += usize::from(matches!(&event, Event::Notice { message, .. } if *message == shown));
        }
        notices
    };
    assert_eq!(notices(&mut events), 1);
    engine.settings().set("capture.folders", &list).await.expect("set");
    eventually("the folder to say so again", async || engine.sources().folders()[0].message.clone()).await;
    assert_eq!(notices(&mut events), 1, "whoever adds it again hears it again");
    let error = engine.sources().upload_what_is_there(&folder, quietly()).await.expect_err("all are empty");
    assert_eq!(error.code, Code::Empty);
    engine.close().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_watched_is_refused_whichever_way_it_comes_into_the_settings() {
    let (place, remote) = (Place::new(), Remote::start().await);
    let engine = place.with(&remote).await;
    let (good, gone, file) = (place.dir.path().join("good"), place.dir.path().join("gone"), place.file("file", b"x"));
    std::fs::create_dir_all(&good).expect("made");
    let list = |paths: &[&Path]| {
        serde_json::to_string(
            &paths.iter().map(|path| serde_json::json!({ "path": path, "recursive": false })).collect::<Vec<_>>(),
        )
        .expect("a list")
    };
    for (path, code) in [(&gone, Code::FileMissing), (&file, Code::BadRequest)] {
        let error = engine.settings().set("capture.folders", &list(&[&good, path])).await.expect_err("refused");
        assert_eq!(error.code, code, "{error}");
    }
    assert!(engine.sources().folders().is_empty());
    engine.settings().set("capture.folders", &list(&[&good])).await.expect("set");
    // One that is watched may go away, and stays in the list that is written again.
    std::fs::remove_dir(&good).expect("removed");
    let other = place.dir.path().join("other");
    std::fs::create_dir_all(&other).expect("made");
    engine.settings().set("capture.folders", &list(&[&good, &other])).await.expect("set");

    let text = format!(
        "[[capture.folders]]\npath = {:?}\n[[capture.folders]]\npath = {:?}\n",
        other.display().to_string(),
        gone.display().to_string()
    );
    let plan = engine.settings().plan_import(text.clone()).await.expect("a plan");
    assert!(plan.left_out.len() == 1 && plan.left_out[0].reason.contains("gone"), "{:?}", plan.left_out);
    engine.settings().import(text).await.expect("imported");
    let paths: Vec<_> = engine.sources().folders().into_iter().map(|view| view.folder.path).collect();
    assert_eq!(paths, [other]);
    engine.close().await;
}
