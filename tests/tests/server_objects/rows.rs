//! Every row about buckets and objects that the old service had, body by body. What is another here is named with its reason.

use imagepic_tests::contract::{Row, by_form, row, rows};
use serde_json::{Value, json};

use crate::over_every_store;
use crate::place::{Place, Store, png};

over_every_store!(buckets_are_listed_as_before, objects_are_put_listed_looked_at_and_removed_as_before, links_are_made_as_before);

impl Place {
    /// The row's words with this test's bucket in them.
    fn ours(&self, text: &str) -> String {
        text.replace("\"pics\"", &format!("\"{}\"", self.bucket)).replace("\"empty\"", &format!("\"{}\"", self.empty))
    }

    fn expected(&self, row: &Row) -> Value {
        let expected = row.expected.as_ref().unwrap_or_else(|| panic!("{} is cut off", row.title));
        serde_json::from_str(&self.ours(&expected.to_string())).expect("JSON")
    }

    /// Sends the row's request as it was sent to the old service.
    async fn sent(&self, row: &Row) -> Value {
        let url = format!("{}{}", self.team.url, row.path);
        let mut request = match row.body.as_str() {
            "" => self.team.http.get(url),
            body => self.team.http.post(url).header("content-type", "application/json").body(self.ours(body)),
        };
        // Reading needs a token too now.
        request = request.header("authorization", &self.token);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", row.title);
        answer.json().await.expect("JSON")
    }

    /// The body, compared; that a failure has a code for programs is checked on the way.
    async fn is_as_before(&self, title: &str, change: impl Fn(&mut Value)) {
        let row = row(title);
        let mut came = self.sent(&row).await;
        let error = came.as_object_mut().expect("an envelope").remove("error");
        assert_eq!(error.is_some(), came["success"] == false, "{title}: {came}");
        let mut expected = self.expected(&row);
        change(&mut expected);
        assert_eq!(by_form(&came), by_form(&expected), "{title}");
    }

    async fn puts(&self, folder: Option<&str>, bucket: &str, name: &str, bytes: Vec<u8>) -> (u16, Value) {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let mut request = self.team.http.post(format!("{}/imagepic/object/putObject", self.team.url)).multipart(form);
        request = request.header("authorization", &self.token).header("bucket", bucket);
        if let Some(folder) = folder {
            request = request.header("folder", folder);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// As before, and the key beside it.
    async fn is_put_as_before(&self, title: &str, folder: Option<&str>, name: &str, bytes: Vec<u8>, key: &str) {
        let (status, mut came) = self.puts(folder, &self.bucket, name, bytes).await;
        let said = came["data"].as_object_mut().and_then(|data| data.remove("objectName"));
        assert_eq!((status, said), (200, Some(json!(key))), "{title}: {came}");
        assert_eq!(by_form(&came), by_form(&self.expected(&row(title))), "{title}");
    }
}

async fn buckets_are_listed_as_before(store: Store) {
    let place = Place::new(store).await;
    let titles = ["listBuckets", "listBuckets page", "listBuckets page 2", "listBuckets page past the end"];
    for title in titles {
        place.is_as_before(title, |_| {}).await;
    }
    // A stray parameter empties the list no more.
    let all = place.expected(&row("listBuckets"));
    for title in ["listBuckets only pageSize", "listBuckets unrelated query"] {
        place.is_as_before(title, |expected| *expected = all.clone()).await;
    }
    for query in ["pageSize=x&pageNum=1", "pageSize=1&pageNum=", "pageSize=0&pageNum=1", "pageSize=1&pageNum=-1"] {
        let none = Row { path: format!("/imagepic/bucket/listBuckets?{query}"), ..row("listBuckets") };
        assert_eq!(place.sent(&none).await["data"], json!([]), "{query}");
    }
}

async fn objects_are_put_listed_looked_at_and_removed_as_before(store: Store) {
    let place = Place::new(store).await;
    let (first, second) = (png(82_909), png(84_632));
    place.is_put_as_before("putObject ok", Some("shots"), "s100k.png", first.clone(), "shots/s100k.png").await;
    place.is_put_as_before("putObject no folder", None, "s100k.png", first.clone(), "s100k.png").await;
    let again = "putObject same name again (silent overwrite)";
    place.is_put_as_before(again, Some("shots"), "s100k.png", second.clone(), "shots/s100k.png").await;
    place.is_put_as_before("putObject Chinese filename", Some("shots"), "截图 1.png", first.clone(), "shots/截图 1.png").await;
    let climbing = "putObject filename with ../";
    place.is_put_as_before(climbing, Some("shots"), "../../evil.png", first.clone(), "shots/evil.png").await;
    assert_eq!(place.stored("shots/s100k.png").await.expect("there"), (second.clone(), "image/png".to_owned(), None));
    // The type comes from the bytes now, and these are no pictures.
    for (name, bytes) in [("page.html", b"<html>".to_vec()), ("noext", b"abc".to_vec()), ("empty.png", Vec::new())] {
        let (status, came) = place.puts(Some("shots"), &place.bucket, name, bytes).await;
        assert_eq!((status, &came["error"], &came["code"]), (415, &json!("type_refused"), &json!("-1")), "{name}");
    }
    let (status, mut came) = place.puts(Some("shots"), "nope-bucket", "a.png", first).await;
    let error = came.as_object_mut().and_then(|came| came.remove("error"));
    assert_eq!((status, error), (200, Some(json!("no_such_bucket"))));
    assert_eq!(by_form(&came), by_form(&place.expected(&row("putObject missing bucket"))));

    // Listings: the same entries in the same form; prefixes as they are.
    let root = place.sent(&row("listObjects root")).await;
    let before = place.expected(&row("listObjects root"));
    assert_eq!(root["data"]["total"], 2, "{root}");
    assert_eq!(by_form(&root["data"]["lists"][0]), by_form(&before["data"]["lists"][0]));
    assert_eq!(root["data"]["lists"][1], json!({ "prefix": "shots/", "size": 0 }));
    assert_eq!((&root["code"], &root["msg"], &root["success"]), (&before["code"], &before["msg"], &before["success"]));
    let page = place.sent(&row("listObjects page")).await;
    assert_eq!(page["data"]["total"], 3);
    assert_eq!(names(&page), ["shots/截图 1.png"], "the second page of two");
    let all = place.sent(&row("listObjects pageNum -1 (all)")).await;
    assert_eq!(names(&all), ["shots/evil.png", "shots/s100k.png", "shots/截图 1.png"]);
    // An empty place is a success.
    let empty = json!({"code":"0","data":{"total":0,"lists":[]},"msg":"成功","success":true});
    place.is_as_before("listObjects empty bucket", |expected| *expected = empty.clone()).await;

    let real = |expected: &mut Value| expected["data"]["metaData"]["content-type"] = json!("image/png");
    place.is_as_before("statObject ok", real).await;
    place.is_as_before("statObject Chinese", real).await;
    place.is_as_before("getObject ok", |_| {}).await;

    let at = |key: &str| json!({ "bucketName": place.bucket, "objectName": key });
    for route in ["object/statObject", "object/getObject"] {
        let gone = place.ask(route, at("nope.png")).await;
        assert_eq!((gone.status, gone.error()), (404, "no_such_object"), "{route}: hung before");
        let gone = place.ask(route, json!({ "bucketName": "nope-bucket", "objectName": "x" })).await;
        assert_eq!((gone.status, gone.error()), (404, "no_such_bucket"), "{route}: hung before");
        let odd = place.ask(route, json!({ "bucketName": place.bucket })).await;
        assert_eq!((odd.status, odd.error()), (400, "bad_request"), "{route}: hung before");
    }
    for title in ["removeObject ok", "removeObject again (missing)"] {
        let mut row = row(title);
        row.body = row.body.replace("page.html", "evil.png");
        let came = place.sent(&row).await;
        assert_eq!(Some(came), row.expected, "{title}");
    }
    assert!(place.stored("shots/evil.png").await.is_none());
    place.is_as_before("removeObject missing bucket", |_| {}).await;
}

fn names(listing: &Value) -> Vec<&str> {
    listing["data"]["lists"].as_array().expect("a list").iter().map(|one| one["name"].as_str().unwrap_or_default()).collect()
}

async fn links_are_made_as_before(store: Store) {
    let place = Place::new(store).await;
    for key in ["shots/s100k.png", "shots/截图 1.png"] {
        let put = place.team.put(&place.token, &place.bucket, "shots", key, png(1000)).await;
        assert_eq!(put["code"], "0", "{put}");
    }
    let titles: Vec<String> =
        rows().into_iter().map(|row| row.title).filter(|title| title.starts_with("presignedGetObject")).collect();
    assert_eq!(titles.len(), 4);
    for title in titles {
        let row = row(&title);
        let came = place.sent(&row).await;
        let link = came["data"].as_str().expect("a link");
        let before = row.expected.as_ref().expect("an answer")["data"].as_str().expect("a link").to_owned();
        let parts = |link: &str| {
            let url = reqwest::Url::parse(link).expect("an address");
            let key = url.path().splitn(3, '/').nth(2).unwrap_or_default().to_owned();
            let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            let expires = url.query_pairs().find(|(name, _)| name == "X-Amz-Expires").map(|(_, value)| value.into_owned());
            (key, names.into_iter().collect::<std::collections::BTreeSet<_>>(), expires)
        };
        assert_eq!(parts(link), parts(&before), "{title}");
        let opened = imagepic_tests::http::get(link).await;
        assert_eq!(opened.status, if title.contains("missing") { 404 } else { 200 }, "{title}");
    }
    for expiry in [json!(0), json!(-1), json!(604_801), json!("soon"), json!(1.5), json!([60])] {
        let came = place
            .ask("object/presignedGetObject", json!({ "bucketName": place.bucket, "objectName": "a", "expiry": expiry }))
            .await;
        assert_eq!((came.status, came.error()), (400, "bad_request"), "{expiry}");
    }
    let form = format!("bucketName={}&objectName=shots%2Fs100k.png&expiry=60", place.bucket);
    let request = place.team.http.post(format!("{}/imagepic/object/presignedGetObject", place.team.url)).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded").header("authorization", &place.token);
    let came: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(came["data"].as_str().expect("a link").contains("X-Amz-Expires=60"), "a form's numbers are text: {came}");
}
