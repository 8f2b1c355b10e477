//! The bucket in a process of its own, killed and starved.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use imagepic_bucket::{Config, open};

use crate::common::{BUCKET, Home, blobs, bytes, client, config, eventually};

const DIR: &str = "IMAGEPIC_TEST_BUCKET_DIR";
const KEYS: &str = "IMAGEPIC_TEST_BUCKET_KEYS";

/// Runs only as the child of the tests below.
#[tokio::test]
#[ignore = "the other half of the tests that kill it"]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let keys = std::env::var_os(KEYS).unwrap();
    let config = Config { dir: dir.into(), ..config(Path::new(&keys)).0 };
    let server = open(config).await.unwrap();
    server.ensure_bucket(BUCKET).await.unwrap();
    let running = server.bind(Some(0)).await.unwrap();
    println!("listens on {} as {}", running.addr().port(), std::process::id());
    std::future::pending::<()>().await;
}

pub(crate) struct Process(Child);

impl Process {
    /// Waits until it has ended by itself.
    pub(crate) fn ended(&mut self) {
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A bucket in a process of its own, its port and its process id; `wrap` is a program to run it under.
pub(crate) fn start(dir: &Path, keys: &Path, wrap: &[&str]) -> (Process, u16, u32) {
    let me = std::env::current_exe().unwrap();
    let child = ["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"];
    let mut command = match wrap {
        [] => Command::new(&me),
        [program, args @ ..] => {
            let mut command = Command::new(program);
            command.args(args).arg(&me);
            command
        }
    };
    let spawned = command.args(child).env(DIR, dir).env(KEYS, keys).stdout(Stdio::piped()).spawn();
    let mut process = Process(spawned.unwrap_or_else(|e| panic!("{wrap:?}: {e}; `cargo xtask setup` installs what tests need")));
    let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some((port, pid)) = line.split_once("listens on ").and_then(|(_, rest)| rest.split_once(" as ")) {
            return (process, port.parse().unwrap(), pid.trim().parse().unwrap());
        }
    }
    panic!("the bucket did not start; {wrap:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_and_nothing_else_stays_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let keys = config(dir.path()).1;
    // Which bytes each key may have: the acknowledged ones, and those of a put nobody answered any more.
    let acknowledged: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    for (round, more) in [1, 5, 2, 9, 3, 14, 4, 7].into_iter().enumerate() {
        let (process, port, _) = start(dir.path(), dir.path(), &[]);
        let s3 = client(port, &keys);
        let answered = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let (s3, acknowledged, answered) = (s3.clone(), Arc::clone(&acknowledged), Arc::clone(&answered));
                tokio::spawn(async move {
                    for n in 0.. {
                        let key = format!("{round}/{task}/{n}");
                        let size = [3, 83_000, 400_000, 2_500_000][(n + task) % 4];
                        if s3.put_object().bucket(BUCKET).key(&key).body(bytes(size).into()).send().await.is_err() {
                            return;
                        }
                        acknowledged.lock().unwrap().insert(key.clone(), size);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if n % 3 == 2 {
                            let gone = format!("{round}/{task}/{}", n - 1);
                            acknowledged.lock().unwrap().remove(&gone);
                            if s3.delete_object().bucket(BUCKET).key(&gone).send().await.is_err() {
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        // In the middle of whatever four writers do by then.
        eventually("so many puts are answered", || answered.load(Ordering::Relaxed) >= more).await;
        drop(process);
        for task in tasks {
            task.await.unwrap();
        }
    }
    let home = Home::at(dir).await;
    home.server.swept().await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 8, "only {} puts were acknowledged before the kills", acknowledged.len());
    for (key, size) in &acknowledged {
        assert!(home.get(key).await == bytes(*size), "{key}");
    }
    let mut token = None;
    let mut objects = 0;
    loop {
        let page = home.s3.list_objects_v2().bucket(BUCKET).set_continuation_token(token).send().await.unwrap();
        for object in page.contents() {
            objects += 1;
            let size = usize::try_from(object.size().unwrap()).unwrap();
            assert!(home.get(object.key().unwrap()).await == bytes(size), "{:?} is whole though nobody was told", object.key());
        }
        token = page.next_continuation_token().map(Into::into);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(blobs(home.dir.path()), objects, "a file for each object and none besides");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_no_half_object() {
    let dir = tempfile::tempdir().unwrap();
    // A small disk of its own, seen by the child only; the key lies beside it.
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let keys = config(dir.path()).1;
    let mount = format!("mount -t tmpfs -o size=6m tmpfs {} && exec \"$0\" \"$@\"", disk.display());
    let (_process, port, _) = start(&disk, dir.path(), &["unshare", "-Urm", "sh", "-c", &mount]);
    let s3 = client(port, &keys);
    let put = |key: &'static str, size: usize| s3.put_object().bucket(BUCKET).key(key).body(bytes(size).into()).send();
    put("fits", 1_000_000).await.unwrap();
    for size in [20_000_000, 5_500_000] {
        let refused = put("too much", size).await.unwrap_err();
        assert_eq!(refused.raw_response().map(|r| r.status().as_u16()), Some(507), "{refused:?}");
    }
    let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(listed.contents().len(), 1);
    // What was refused takes no space: there is room again.
    put("fits too", 2_000_000).await.unwrap();
    let got = s3.get_object().bucket(BUCKET).key("fits").send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == bytes(1_000_000));
}
