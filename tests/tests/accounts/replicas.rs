//! Several servers over one PostgreSQL.

use std::sync::Arc;

use imagepic_tests::servers::postgres;
use serde_json::json;

use crate::serve::Served;

struct Pair {
    url: String,
    servers: [Arc<Served>; 2],
    _data: [tempfile::TempDir; 2],
}

async fn pair(name: &str) -> Pair {
    let url = postgres().database(name);
    let data = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let settings = [("IMAGEPIC_REGISTRATION", "open"), ("IMAGEPIC_ACCOUNTS", url.as_str())];
    // At once: of two that find no tables one makes them.
    let (one, other) = tokio::join!(Served::start(data[0].path(), &settings), Served::start(data[1].path(), &settings));
    Pair { servers: [Arc::new(one), Arc::new(other)], url, _data: data }
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

#[tokio::test]
async fn what_is_changed_at_one_server_holds_at_the_other_with_the_next_request() {
    let Pair { servers: [here, there], .. } = &pair("changes").await;
    assert!(here.register("13800138000", "abc12345").await.ok());
    let old = there.token("13800138000", "abc12345").await;
    assert!(here.takes(&old).await.ok(), "both sign with one key");
    let change = json!({"phone":"13800138000","opwd":"abc12345","npwd":"new12345"});
    assert!(here.ask("auth/change", change).await.ok());
    assert_eq!(there.takes(&old).await.body["data"], "登录密码不正确");
    assert_eq!(there.login("13800138000", "abc12345").await.error(), "wrong_credentials");
    let new = there.token("13800138000", "new12345").await;
    assert!(here.with_token("auth/logout", Some(&new), json!({})).await.ok());
    assert_eq!(there.takes(&new).await.error(), "token_revoked");
    let kept = here.ask("auth/login", json!({"phone":"13800138000","upwd":"new12345","device":"desk"})).await.body;
    let renewed = there.ask("auth/refresh", json!({"refreshToken":kept["data"]["refreshToken"]})).await;
    assert!(renewed.ok() && here.takes(renewed.body["data"]["token"].as_str().expect("a token")).await.ok());
    for _ in 0..8 {
        here.login("13800138000", "abc99999").await;
    }
    assert_eq!(there.login("13800138000", "new12345").await.status, 429, "the count of failures is shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_takes_nothing_with_it_that_it_had_answered() {
    let Pair { servers: [dying, staying], _data, .. } = pair("killed").await;
    let (answered, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let workers: Vec<_> = (0..4_u32)
        .map(|worker| {
            let (dying, answered) = (Arc::clone(&dying), answered.clone());
            tokio::spawn(async move {
                for i in 0..1000_u32 {
                    let phone = format!("1370{worker:02}{i:05}");
                    let fields = json!({"email":"a@b.cd","phone":phone,"upwd":"abc12345"});
                    match dying.try_ask("auth/register", &fields).await {
                        Some(answer) => {
                            assert!(answer.ok(), "{answer:?}");
                            answered.send(phone).expect("somebody listens");
                        }
                        None => break,
                    }
                }
            })
        })
        .collect();
    drop(answered);
    let mut registered = Vec::new();
    while let Some(phone) = heard.recv().await {
        registered.push(phone);
        if registered.len() == 20 {
            dying.kill_now();
        }
    }
    for worker in workers {
        worker.await.expect("no panic");
    }
    assert!((20..100).contains(&registered.len()), "{} were registered", registered.len());
    for phone in registered {
        assert!(staying.login(&phone, "abc12345").await.ok(), "{phone}");
    }
}
