//! What listeners hear.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::place::{END, PASSWORD, PHONE, Place, Store, file, png};

const LONG: Duration = Duration::from_secs(30);

struct Listening {
    answer: Response,
    text: String,
}

impl Listening {
    async fn begin(place: &Place, token: &str, query: &str) -> Response {
        let url = format!("{}/imagepic/notification/listen?{query}", place.team.url);
        place.team.http.get(url).header("authorization", token).send().await.expect("an answer")
    }

    async fn new(place: &Place, query: &str) -> Self {
        let answer = Self::begin(place, &place.token, query).await;
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

#[tokio::test]
async fn a_server_that_stops_lets_its_listeners_go() {
    let mut place = Place::new(Store::Embedded).await;
    let mut listening = Listening::new(&place, &format!("bucketName={}", place.bucket)).await;
    place.team.ask_to_stop();
    assert_eq!(listening.next().await.expect("an event").0, "end");
    assert!(place.team.ended(LONG).await.success());
}
