//! What listeners hear.

use std::time::Duration;

use imagepic_tests::relay::Relay;
use imagepic_tests::servers::{S3Server, ceph, postgres};
use imagepic_tests::team::Team;
use reqwest::Response;
use serde_json::{Value, json};

use crate::grants::{as_it_is, send, wish};
use crate::place::{END, PASSWORD, PHONE, Place, Store, file, png};

const LONG: Duration = Duration::from_secs(30);

struct Listening {
    answer: Response,
    text: String,
}

impl Listening {
    async fn begin(place: &Place, token: &str, query: &str) -> Response {
        Self::begin_at(&place.team, token, query).await
    }

    async fn begin_at(team: &Team, token: &str, query: &str) -> Response {
        let url = format!("{}/imagepic/notification/listen?{query}", team.url);
        team.http.get(url).header("authorization", token).send().await.expect("an answer")
    }

    async fn new(place: &Place, query: &str) -> Self {
        Self::at(&place.team, &place.token, query).await
    }

    async fn at(team: &Team, token: &str, query: &str) -> Self {
        let answer = Self::begin_at(team, token, query).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        tokio::time::timeout(LONG, async {
            loop {
                while let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.text = rest;
                    if let Some((name, data)) = event.strip_prefix("event: ").and_then(|event| event.split_once("\ndata: ")) {
                        return Some((name.to_owned(), serde_json::from_str(data).expect("JSON")));
                    }
                    assert!(event.starts_with(':'), "{event}");
                }
                let piece = self.answer.chunk().await.ok().flatten()?;
                self.text.push_str(std::str::from_utf8(&piece).expect("text"));
            }
        })
        .await
        .expect("an event")
    }
}

#[tokio::test]
async fn whoever_listens_hears_of_every_change_that_was_asked_for() {
    let place = Place::new(Store::Embedded).await;
    let at = |more: &str| format!("bucketName={}{more}", place.bucket);
    let mut all = Listening::new(&place, &at("")).await;
    let mut some = Listening::new(&place, &at("&prefix=shots%2F&suffix=.png&events=s3:ObjectRemoved:*")).await;
    let put = place.form(&[("folder", b"shots")], &[file("a.png", &png(700)), END.to_vec()].concat()).await;
    let (name, changed) = all.next().await.expect("an event");
    assert_eq!(name, "s3:ObjectCreated");
    let time = changed["time"].as_str().expect("a time");
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    let wanted = json!({
        "event": "s3:ObjectCreated", "bucketName": place.bucket, "objectName": "shots/a.png", "size": 700,
        "etag": put.body["data"]["etag"], "time": time,
    });
    assert_eq!(changed, wanted);
    let copy = json!({ "bucketName": place.bucket, "objectName": "shots/a.png", "targetName": "b.png" });
    place.data("object/copyObject", copy).await;
    assert_eq!(all.next().await.expect("an event").1["objectName"], "b.png");
    place.data("object/removeObjects", json!({ "bucketName": place.bucket, "objectNames": ["b.png", "shots/a.png"] })).await;
    for key in ["b.png", "shots/a.png"] {
        let (name, changed) = all.next().await.expect("an event");
        assert_eq!((name.as_str(), changed["objectName"].as_str()), ("s3:ObjectRemoved", Some(key)));
    }
    let (name, changed) = some.next().await.expect("an event");
    assert_eq!(
        (name.as_str(), changed["objectName"].as_str()),
        ("s3:ObjectRemoved", Some("shots/a.png")),
        "and nothing before it"
    );
}

/// No list of buckets is configured: only the store knows which there are.
#[tokio::test]
async fn nobody_listens_in_vain_for_a_bucket_that_does_not_exist() {
    let team = Team::start().await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    let none = Listening::begin_at(&team, &token, "bucketName=nowhere-at-all").await;
    assert_eq!(none.status(), 404);
    assert_eq!(none.json::<Value>().await.expect("JSON")["error"], "no_such_bucket");
    Listening::at(&team, &token, "bucketName=images").await;
}

#[tokio::test]
async fn nobody_listens_without_a_token_too_often_or_beyond_its_end() {
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_LISTENERS", 2)).await;
    let query = format!("bucketName={}", place.bucket);
    let none = Listening::begin(&place, "nonsense", &query).await;
    assert_eq!(none.json::<Value>().await.expect("JSON")["error"], "token_malformed");
    for (query, status) in [("", 400), ("bucketName=nowhere-at-all", 404), (&*format!("{query}&events=s3:Nothing"), 400)] {
        assert_eq!(Listening::begin(&place, &place.token, query).await.status(), status, "{query}");
    }
    let mut first = Listening::new(&place, &query).await;
    let second = Listening::new(&place, &query).await;
    let third = Listening::begin(&place, &place.token, &query).await;
    assert_eq!((third.status().as_u16(), third.headers().contains_key("retry-after")), (429, true));
    drop(second);
    let again = imagepic_tests::within(LONG, "a seat comes free", async || {
        let answer = Listening::begin(&place, &place.token, &query).await;
        (answer.status() == 200).then_some(answer)
    });
    drop(again.await);
    // The password changes: at the next heartbeat the listener hears so, and it is over.
    let change = json!({ "phone": PHONE, "opwd": PASSWORD, "npwd": "new12345" });
    assert_eq!(place.team.post("auth/change", None, &change).await["code"], "0");
    let (name, data) = first.next().await.expect("an event");
    assert_eq!((name.as_str(), &data), ("end", &json!({ "error": "token_revoked" })));
    assert!(first.next().await.is_none());
}

/// Whoever has sent a whole form and hangs up has put a file, and the others hear of it.
#[tokio::test]
async fn what_somebody_puts_who_does_not_wait_for_the_answer_is_told_to_the_others() {
    const MANY: usize = 24;
    let place = Place::new(Store::Embedded).await;
    let mut listening = Listening::new(&place, &format!("bucketName={}", place.bucket)).await;
    for at in 0..MANY {
        let form = [file(&format!("{at:02}.png"), &png(20_000)), END.to_vec()].concat();
        let length = form.len().to_string();
        let headers = [("content-type", &b"multipart/form-data; boundary=bound"[..]), ("content-length", length.as_bytes())];
        let mut line = place.begin(&headers).await;
        tokio::io::AsyncWriteExt::write_all(&mut line, &form).await.expect("it goes out");
    }
    let mut heard = Vec::new();
    while heard.len() < MANY {
        heard.push(next_key(&mut listening).await);
    }
    heard.sort();
    assert_eq!(heard, (0..MANY).map(|at| format!("{at:02}.png")).collect::<Vec<_>>());
    assert_eq!(place.count("").await, MANY);
}

/// The same of what went straight to the store, where the server is about to look at it.
#[tokio::test]
async fn what_came_under_a_grant_is_told_to_the_others_though_nobody_waits_for_the_answer() {
    let relay = Relay::before(&ceph().endpoint).await;
    let place = Place::over(S3Server { endpoint: relay.address.clone(), ..ceph() }, |setup, _| setup).await;
    let mut listening = Listening::new(&place, &format!("bucketName={}", place.bucket)).await;
    let bytes = png(70_000);
    let grant = place.data("object/presignedPutObject", wish(&place, "a.png", &bytes)).await;
    assert_eq!(send(&place, &grant, bytes, as_it_is).await, 200);
    relay.holds(&format!("HEAD /{}/a.png", place.bucket));
    let (host, body, token) = (place.team.url.trim_start_matches("http://"), place.at("a.png").to_string(), &place.token);
    let request = format!(
        "POST /imagepic/object/putCompleted HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut line = tokio::net::TcpStream::connect(host).await.expect("a connection");
    tokio::io::AsyncWriteExt::write_all(&mut line, request.as_bytes()).await.expect("it goes out");
    tokio::time::timeout(LONG, relay.has_held()).await.expect("the server looks");
    drop(line);
    // Long enough for the server to notice.
    tokio::time::sleep(Duration::from_millis(200)).await;
    relay.mends();
    assert_eq!(next_key(&mut listening).await, "a.png");
}

/// Two servers over one PostgreSQL; the database comes along.
async fn pair(name: &str) -> (Place, Team, String) {
    let url = postgres().database(name);
    let place = Place::with(Store::Embedded, |setup, _| setup.set("IMAGEPIC_ACCOUNTS", &url)).await;
    let other = place.replica().await;
    (place, other, url)
}

/// The key of the next event, where it is one about an object.
async fn next_key(listening: &mut Listening) -> String {
    let (name, changed) = listening.next().await.expect("an event");
    changed["objectName"].as_str().map_or(name, str::to_owned)
}

#[tokio::test]
async fn what_happens_at_one_server_is_heard_at_the_other_once() {
    let (place, other, _) = pair("news").await;
    let query = format!("bucketName={}", place.bucket);
    let (mut here, mut there) = (Listening::new(&place, &query).await, Listening::at(&other, &place.token, &query).await);
    for name in ["a.png", "b.png"] {
        assert_eq!(place.team.put(&place.token, &place.bucket, "", name, png(300)).await["code"], "0");
    }
    assert_eq!(other.put(&place.token, &place.bucket, "", "c.png", png(300)).await["code"], "0");
    for listening in [&mut here, &mut there] {
        let mut keys = [next_key(listening).await, next_key(listening).await, next_key(listening).await];
        // What a server tells itself is not behind what comes from the other one.
        keys.sort();
        assert_eq!(keys, ["a.png", "b.png", "c.png"]);
    }
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "d.png", png(300)).await["code"], "0");
    assert_eq!(
        (next_key(&mut here).await, next_key(&mut there).await),
        ("d.png".to_owned(), "d.png".to_owned()),
        "and not twice"
    );
}

#[tokio::test]
async fn who_listens_learns_of_what_happened_while_the_database_was_away() {
    let (place, other, url) = pair("news_away").await;
    let mut there = Listening::at(&other, &place.token, &format!("bucketName={}", place.bucket)).await;
    let form = [file("late.png", &png(5000)), END.to_vec()].concat();
    let length = form.len().to_string();
    let headers: [(&str, &[u8]); 3] = [
        ("content-type", b"multipart/form-data; boundary=bound"),
        ("content-length", length.as_bytes()),
        ("expect", b"100-continue"),
    ];
    let mut line = place.begin(&headers).await;
    // The token was looked at once the server asks for the body.
    let mut go_on = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut line, &mut go_on).await.expect("to go on");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let name = url.rsplit('/').next().expect("a name").to_owned();
    let ask = |query: &str| postgres().query("postgres://127.0.0.1/postgres", query);
    let _ = ask(&format!("alter database {name} allow_connections false"));
    let _ = ask(&format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"));
    tokio::io::AsyncWriteExt::write_all(&mut line, &form).await.expect("the form");
    assert_eq!(crate::place::answer(&mut line).await.body["code"], "0", "the store has it");
    // Both know that something is wrong before it is mended.
    assert_eq!(next_key(&mut there).await, "missed");
    imagepic_tests::within(LONG, "the first server has tried to tell", async || {
        place.team.said().contains("cannot be told").then_some(())
    })
    .await;
    let _ = ask(&format!("alter database {name} allow_connections true"));
    // Which of the two servers finds the database first is open: the news itself is heard, or that there was some.
    let heard = next_key(&mut there).await;
    assert!(["missed", "late.png"].contains(&heard.as_str()), "{heard}");
    assert_eq!(place.team.put(&place.token, &place.bucket, "", "next.png", png(300)).await["code"], "0");
    let mut heard = String::new();
    while heard != "next.png" {
        heard = next_key(&mut there).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_its_listeners_go() {
    let mut place = Place::new(Store::Embedded).await;
    let mut listening = Listening::new(&place, &format!("bucketName={}", place.bucket)).await;
    place.team.ask_to_stop();
    assert_eq!(listening.next().await.expect("an event").0, "end");
    assert!(place.team.ended(LONG).await.success());
}
