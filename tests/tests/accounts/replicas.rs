//! Several servers over one PostgreSQL and one Ceph.

use std::sync::Arc;
use std::time::Duration;

use imagepic_s3::{Client, Config, Http};
use imagepic_tests::pictures;
use imagepic_tests::servers::{ceph, postgres};
use secrecy::SecretString;
use serde_json::json;

use crate::serve::{Answer, Served};

struct Pair {
    url: String,
    servers: [Arc<Served>; 2],
    /// The store itself, past the servers.
    store: Client,
    bucket: String,
    _data: [tempfile::TempDir; 2],
}

async fn pair(name: &str) -> Pair {
    let url = postgres().database(name);
    let data = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let ceph = ceph();
    let config = Config {
        endpoint: ceph.endpoint.clone(),
        region: ceph.region.to_owned(),
        access_key: ceph.access_key.to_owned(),
        secret_key: SecretString::from(ceph.secret_key),
        path_style: true,
    };
    let store = Client::new(config, Http::default()).expect("a client");
    let bucket = format!("{name}-{}", uuid::Uuid::new_v4().simple());
    store.make_bucket(&bucket).await.expect("a bucket");
    let settings = [
        ("IMAGEPIC_REGISTRATION", "open"),
        ("IMAGEPIC_ACCOUNTS", url.as_str()),
        ("IMAGEPIC_S3_ENDPOINT", ceph.endpoint.as_str()),
        ("IMAGEPIC_S3_REGION", ceph.region),
        ("IMAGEPIC_S3_ACCESS_KEY", ceph.access_key),
        ("IMAGEPIC_S3_SECRET_KEY", ceph.secret_key),
        ("IMAGEPIC_BUCKETS", bucket.as_str()),
    ];
    // At once: of two that find no tables one makes them.
    let (one, other) = tokio::join!(Served::start(data[0].path(), &settings), Served::start(data[1].path(), &settings));
    Pair { servers: [Arc::new(one), Arc::new(other)], store, bucket, url, _data: data }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_register_twenty_numbers_at_two_servers_exactly_twenty_are_in() {
    let pair = pair("registrations").await;
    let all: Vec<_> = (0..200_usize)
        .map(|i| {
            let server = Arc::clone(&pair.servers[i % 2]);
            tokio::spawn(async move {
                let answer = loop {
                    let answer = server.register(&format!("139000000{:02}", i / 10), &format!("abc{i:05}")).await;
                    // Where hashes take long, some of so many at once are asked to come back.
                    if answer.status != 503 {
                        break answer;
                    }
                    tokio::time::sleep(std::time::Duration::from_secs(answer.retry_after.unwrap_or(1))).await;
                };
                assert!(answer.ok() || answer.body["data"]["err"] == "已注册", "{answer:?}");
                answer.ok().then_some(i)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for one in all {
        winners.extend(one.await.expect("no panic"));
    }
    assert_eq!(winners.len(), 20);
    assert_eq!(postgres().query(&pair.url, "select count(*) from imagepic_account"), "20");
    for (n, i) in winners.into_iter().enumerate() {
        let phone = format!("139000000{:02}", i / 10);
        assert!(pair.servers[n % 2].login(&phone, &format!("abc{i:05}")).await.ok(), "who was told to be in is in: {phone}");
    }
}

/// Whether a token opens anything.
async fn takes(server: &Served, bucket: &str, token: &str) -> Answer {
    server.with_token("object/removeObject", Some(token), json!({"bucketName": bucket, "objectName": "nothing.png"})).await
}

#[tokio::test]
async fn what_is_changed_at_one_server_holds_at_the_other_with_the_next_request() {
    let Pair { servers: [here, there], bucket, .. } = &pair("changes").await;
    assert!(here.register("13800138000", "abc12345").await.ok());
    let old = there.token("13800138000", "abc12345").await;
    assert!(takes(here, bucket, &old).await.ok(), "both sign with one key");
    let change = json!({"phone":"13800138000","opwd":"abc12345","npwd":"new12345"});
    assert!(here.ask("auth/change", change).await.ok());
    assert_eq!(takes(there, bucket, &old).await.body["data"], "登录密码不正确");
    assert_eq!(there.login("13800138000", "abc12345").await.error(), "wrong_credentials");
    let new = there.token("13800138000", "new12345").await;
    assert!(here.with_token("auth/logout", Some(&new), json!({})).await.ok());
    assert_eq!(takes(there, bucket, &new).await.error(), "token_revoked");
    let kept = here.ask("auth/login", json!({"phone":"13800138000","upwd":"new12345","device":"desk"})).await.body;
    let renewed = there.ask("auth/refresh", json!({"refreshToken":kept["data"]["refreshToken"]})).await;
    assert!(renewed.ok() && takes(here, bucket, renewed.body["data"]["token"].as_str().expect("a token")).await.ok());
    for _ in 0..8 {
        here.login("13800138000", "abc99999").await;
    }
    assert_eq!(there.login("13800138000", "new12345").await.status, 429, "the count of failures is shared");
}

/// Numbers nobody has are counted between servers as well: whoever is made to wait learns nothing by it.
#[tokio::test]
async fn whoever_guesses_at_two_servers_is_not_told_by_their_waits_who_is_registered() {
    let Pair { servers: [here, there], url, .. } = &pair("guesses").await;
    assert!(here.register("13800138000", "abc12345").await.ok());
    for phone in ["13800138000", "13900000000"] {
        // Until the wait is longer than one more question takes.
        loop {
            let answer = here.login(phone, "abc99999").await;
            match answer.retry_after {
                None => assert_eq!(answer.error(), "wrong_credentials", "{phone}: {answer:?}"),
                Some(4..) => break,
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            }
        }
        let answer = there.login(phone, "abc99999").await;
        assert_eq!((answer.status, answer.error()), (429, "too_many_attempts"), "{phone}: {answer:?}");
    }
    let kept = postgres().query(url, "select count(*) || ' ' || max(count) from imagepic_miss where key not like '%139%'");
    assert_eq!(kept, "1 7", "without the number itself");
}

/// What the workers were told before their server was gone.
#[derive(Debug)]
enum Told {
    Registered(String),
    Stored(String, Vec<u8>),
}

/// Registers numbers of its own, and puts pictures of its own, until nobody answers.
async fn work(server: Arc<Served>, token: String, bucket: String, worker: u32, told: tokio::sync::mpsc::UnboundedSender<Told>) {
    for i in 0..1000_u32 {
        let phone = format!("1370{worker:02}{i:05}");
        let fields = json!({"email":"a@b.cd","phone":phone,"upwd":"abc12345"});
        let Some(answer) = server.try_ask("auth/register", &fields).await else { return };
        assert!(answer.ok(), "{answer:?}");
        told.send(Told::Registered(phone)).expect("somebody listens");
        for turn in 0..2_u32 {
            let picture = pictures::png(u64::from(worker * 10_000 + i * 2 + turn), 60, 60);
            let name = format!("{i}-{turn}.png");
            let Some(answer) = server.try_put(&token, &bucket, &format!("w{worker}"), &name, picture.clone()).await else {
                return;
            };
            assert!(answer.ok(), "{answer:?}");
            told.send(Told::Stored(format!("w{worker}/{name}"), picture)).expect("somebody listens");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_takes_nothing_with_it_that_it_had_answered() {
    let Pair { servers: [dying, staying], store, bucket, _data, .. } = pair("killed").await;
    assert!(staying.register("13800138000", "abc12345").await.ok());
    let token = staying.token("13800138000", "abc12345").await;
    let mut news = staying.listen(&token, &bucket).await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let workers: Vec<_> = (0..4_u32)
        .map(|worker| tokio::spawn(work(Arc::clone(&dying), token.clone(), bucket.clone(), worker, told.clone())))
        .collect();
    drop(told);
    let (mut registered, mut stored) = (Vec::new(), Vec::new());
    let mut killed_at = None;
    while let Some(told) = heard.recv().await {
        match told {
            Told::Registered(phone) => registered.push(phone),
            Told::Stored(key, picture) => stored.push((key, picture)),
        }
        if killed_at.is_none() && registered.len() >= 20 && stored.len() >= 30 {
            dying.kill_now();
            killed_at = Some(stored.len());
        }
    }
    for worker in workers {
        worker.await.expect("no panic");
    }
    assert!(killed_at.is_some() && registered.len() < 100, "{} were registered", registered.len());
    for phone in registered {
        assert!(staying.login(&phone, "abc12345").await.ok(), "{phone}");
    }
    for (key, picture) in &stored {
        let at = json!({"bucketName": bucket, "objectName": key});
        let link = staying.with_token("object/presignedGetObject", Some(&token), at).await;
        imagepic_tests::http::gives_back(link.body["data"].as_str().expect("a link"), picture, "image/png").await;
    }
    // What was under way is there as a whole or not at all.
    for worker in 0..4_u32 {
        let mut cursor = None;
        loop {
            let page = store.list(&bucket, &format!("w{worker}/"), cursor.as_deref(), 1000).await.expect("listed");
            for object in page.objects {
                let (i, turn) = object.key[3..].trim_end_matches(".png").split_once('-').expect("a name of ours");
                let seed =
                    u64::from(worker) * 10_000 + i.parse::<u64>().expect("a number") * 2 + turn.parse::<u64>().expect("a number");
                assert_eq!(object.size, pictures::png(seed, 60, 60).len() as u64, "{}", object.key);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    // Who listens at the other server heard of what was stored, but for what the last moments kept back.
    let early: Vec<_> = stored.iter().take(20).map(|(key, _)| key.clone()).collect();
    let listening = async {
        let mut text = String::new();
        while !early.iter().all(|key| text.contains(&format!("\"{key}\""))) {
            let piece = news.chunk().await.expect("the line stands").expect("it goes on");
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), listening).await.expect("the others are told");
}
