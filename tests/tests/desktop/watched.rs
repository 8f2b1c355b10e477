//! Folders that are watched: pictures that appear in them become links.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagepic_tests::notifications::Notification;
use imagepic_tests::{Desktop, eventually, pictures};

use crate::steps::{BUCKET, gives_back_png, history, link_on_clipboard, set};

fn folder(desktop: &Desktop) -> PathBuf {
    let folder = desktop.machine.dir().join("Screenshots");
    fs::create_dir_all(&folder).expect("made");
    desktop.imagepic(&["watch", "add", folder.to_str().expect("plain")]).success();
    folder
}

/// Whether a process has one of the system's watches on a folder (Linux, proc(5): `fdinfo` of inotify).
fn is_watched(pid: u32, folder: &Path) -> bool {
    let inode = format!("ino:{:x} ", fs::metadata(folder).expect("it is there").ino());
    let all = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    all.filter_map(|entry| fs::read_to_string(entry.path()).ok()).any(|said| said.contains("inotify") && said.contains(&inode))
}

async fn asked(desktop: &Desktop, name: &str) -> Notification {
    desktop
        .notifications()
        .wait_for("may it upload?", |told| told.summary.contains("Screenshots") && told.body.contains(name) && !told.closed)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_is_copied_slowly_is_taken_once_when_it_is_complete() {
    let desktop = Desktop::start().await;
    let folder = folder(&desktop);
    let app = desktop.launch::<&str>(&[]).await;
    eventually("the folder to be watched", async || is_watched(app.pid(), &folder).then_some(())).await;
    let picture = pictures::png(1, 400, 300);
    let mut file = File::create(folder.join("slow.png")).expect("made");
    for part in picture.chunks(picture.len() / 3 + 1) {
        file.write_all(part).expect("written");
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(desktop.notifications().all().is_empty(), "it was seen before it was complete");
    }
    drop(file);
    // The first ones ask.
    let question = asked(&desktop, "slow.png").await;
    assert!(history(&desktop).is_empty());
    desktop.notifications().press(&question, "Upload").await;
    let link = link_on_clipboard(&desktop, None).await;
    gives_back_png(&link, &picture).await;
    // Later ones do not.
    let next = pictures::png(2, 90, 60);
    fs::write(folder.join("next.png"), &next).expect("written");
    let link = link_on_clipboard(&desktop, Some(&link)).await;
    gives_back_png(&link, &next).await;
    app.quit();

    // What comes while nobody watches stays, until somebody asks for it.
    fs::write(folder.join("meanwhile.png"), pictures::png(3, 90, 60)).expect("written");
    let app = desktop.launch::<&str>(&[]).await;
    eventually("the folder to be watched", async || is_watched(app.pid(), &folder).then_some(())).await;
    let last = pictures::png(4, 90, 60);
    fs::write(folder.join("last.png"), &last).expect("written");
    gives_back_png(&link_on_clipboard(&desktop, Some(&link)).await, &last).await;
    assert_eq!(desktop.keys(BUCKET).len(), 3, "{:?}", desktop.keys(BUCKET));
    let said = desktop.imagepic(&["watch", "upload", folder.to_str().expect("plain")]);
    assert_eq!(said.success().out.lines().count(), 1, "{}", said.out);
    assert_eq!(history(&desktop).len(), 4);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tray_asks_about_a_folders_first_pictures_and_no_means_no() {
    let desktop = Desktop::start().await;
    let app = desktop.launch::<&str>(&[]).await;
    // Watched while it runs.
    let folder = folder(&desktop);
    eventually("the folder to be watched", async || is_watched(app.pid(), &folder).then_some(())).await;
    fs::write(folder.join("a.png"), pictures::png(5, 50, 40)).expect("written");
    asked(&desktop, "a.png").await;
    desktop.tray().click(&["Upload a new image from Screenshots?", "Not these"]).await;
    eventually("the question to go", async || (!desktop.tray().menu_text().await.contains("Screenshots?")).then_some(())).await;
    let picture = pictures::png(6, 50, 40);
    fs::write(folder.join("b.png"), &picture).expect("written");
    desktop.tray().click(&["Upload a new image from Screenshots?", "Upload"]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    assert_eq!(history(&desktop).len(), 1);

    let said = desktop.imagepic(&["watch", "list"]);
    assert!(said.success().out.contains("Screenshots"), "{}", said.out);
    desktop.imagepic(&["watch", "remove", folder.to_str().expect("plain")]).success();
    assert!(desktop.imagepic(&["watch", "list", "--json"]).success().json().is_empty());
    let refused = desktop.imagepic(&["watch", "add", desktop.home().to_str().expect("plain")]);
    assert!(!refused.status.success() && refused.err.contains("feed itself"), "{}", refused.err);
    app.quit();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_files_and_links_to_elsewhere_are_left_alone_and_the_home_itself_is_not_watched() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let folder = folder(&desktop);
    let app = desktop.launch::<&str>(&[]).await;
    eventually("the folder to be watched", async || is_watched(app.pid(), &folder).then_some(())).await;
    let secret = desktop.file("elsewhere/secret.png", &pictures::png(41, 50, 40));
    fs::write(folder.join(".hidden.png"), pictures::png(42, 50, 40)).expect("written");
    std::os::unix::fs::symlink(&secret, folder.join("link.png")).expect("made");
    std::os::unix::fs::symlink(secret.parent().expect("a folder"), folder.join("folder")).expect("made");
    // One that counts shows that the watch is past the others.
    let picture = pictures::png(43, 50, 40);
    fs::write(folder.join("plain.png"), &picture).expect("written");
    let told = asked(&desktop, "plain.png").await;
    assert!(told.summary.contains("上传"), "{told:?}");
    desktop.tray().click(&[&told.summary, "上传"]).await;
    gives_back_png(&link_on_clipboard(&desktop, None).await, &picture).await;
    let next = pictures::png(44, 50, 40);
    fs::write(folder.join("next.png"), &next).expect("written");
    eventually("the next one", async || (history(&desktop).len() == 2).then_some(())).await;
    let names: Vec<_> = history(&desktop).iter().map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(names, ["next.png", "plain.png"]);
    let person = desktop.machine.dir().join("home");
    fs::create_dir_all(&person).expect("made");
    let refused = desktop.imagepic(&["watch", "add", person.to_str().expect("plain")]);
    assert!(!refused.status.success() && !refused.err.is_empty(), "the whole home is watched: {}", refused.out);
    app.quit();
}
