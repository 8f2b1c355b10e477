//! `kill -9` in the middle of registrations and changes, on a copy of a folder the old service left.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::serve::{Served, old_accounts};

const ROUNDS: usize = 5;
/// Registrations and changes that were answered, in all.
const WANTED: usize = 500;

/// What somebody was told last, and what was asked since without an answer.
#[derive(Default, Clone)]
struct Told {
    password: Option<String>,
    asked: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_half_written_and_every_answered_change_is_in_force() {
    let data = tempfile::tempdir().expect("a folder");
    let (folder, old) = old_accounts(data.path());
    let settings = [("IMAGEPIC_REGISTRATION", "open"), ("IMAGEPIC_ANONYMOUS_READS", "false")];
    let told: Arc<Mutex<BTreeMap<String, Told>>> = Arc::default();
    told.lock().expect("free").insert("13800138000".to_owned(), Told { password: Some("abc12345".to_owned()), asked: None });
    for round in 0..ROUNDS {
        let server = Arc::new(Served::start(data.path(), &settings).await);
        let answered = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..8_usize)
            .map(|worker| tokio::spawn(work(Arc::clone(&server), Arc::clone(&told), Arc::clone(&answered), round, worker)))
            .collect();
        while answered.load(Ordering::Relaxed) < WANTED / ROUNDS {
            assert!(!workers.iter().all(tokio::task::JoinHandle::is_finished), "the workers gave up");
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        server.kill_now();
        for worker in workers {
            worker.await.expect("no panic");
        }
        every_file_is_whole(&folder, &old);
    }
    let server = Served::start(data.path(), &settings).await;
    let told = told.lock().expect("free").clone();
    for (phone, told) in told {
        // What was answered is in force; what was asked since and not answered may be.
        let candidates = [told.password.clone(), told.asked.clone()];
        let mut good = told.password.is_none();
        for password in candidates.into_iter().flatten() {
            good |= server.login(&phone, &password).await.ok();
            if good {
                break;
            }
        }
        assert!(good, "{phone} cannot log in with what was answered last");
    }
    assert!(
        !std::fs::read_dir(&folder).expect("the folder").any(|entry| {
            let name = entry.expect("an entry").file_name();
            let name = name.to_string_lossy().into_owned();
            name.starts_with(".imagepic-")
        }),
        "what the killed servers left unfinished is swept"
    );
}

/// Registers numbers of its own and changes their passwords, until nobody answers.
async fn work(
    server: Arc<Served>,
    told: Arc<Mutex<BTreeMap<String, Told>>>,
    answered: Arc<AtomicUsize>,
    round: usize,
    worker: usize,
) {
    for i in 0..1000_usize {
        let phone = if worker == 0 && i % 4 == 3 { "13800138000".to_owned() } else { format!("136{round}{worker}{:06}", i / 2) };
        let known = told.lock().expect("free").get(&phone).cloned().unwrap_or_default();
        let new = format!("abc{round}{worker}{i:05}");
        told.lock().expect("free").entry(phone.clone()).or_default().asked = Some(new.clone());
        let answer = match &known.password {
            None => server.try_ask("auth/register", &json!({"name":"小红","email":"a@b.cd","phone":phone,"upwd":new})).await,
            Some(old) => {
                // The one number all rounds share may have what was asked before the server was killed.
                let mut answer = None;
                for old in [Some(old), known.asked.as_ref()].into_iter().flatten() {
                    answer = server.try_ask("auth/change", &json!({"phone":phone,"opwd":old,"npwd":new})).await;
                    if answer.as_ref().is_none_or(crate::serve::Answer::ok) {
                        break;
                    }
                }
                answer
            }
        };
        let Some(answer) = answer else { return };
        assert!(answer.ok(), "{answer:?}");
        told.lock().expect("free").insert(phone, Told { password: Some(new), asked: None });
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn every_file_is_whole(folder: &Path, old: &Path) {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(phone) = name.strip_prefix("auth_").and_then(|name| name.strip_suffix(".json")) else { continue };
        let bytes = std::fs::read(entry.path()).expect("readable");
        if phone != "13800138000" && old.join(&name).exists() {
            assert_eq!(bytes, std::fs::read(old.join(&name)).expect("the fixture"), "{name} was touched by nobody");
            continue;
        }
        let whole: Value = serde_json::from_slice(&bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(whole["_name"], "auth", "{name}");
        let person = &whole["_collections"][0];
        assert_eq!(person["phone"], phone, "{name}");
        assert!(person["_id"].is_string() && person["email"].is_string() && person["upwd"].is_string(), "{name}");
        count += 1;
    }
    assert!(count > 1);
}
