//! Where the bucket's own address is no use from here: bytes go through the server then, and nobody waits for that address again and
//! again. And where objects can be read without a signature, by what the server says of the buckets there are.

use imagepic_core::destination::S3Address;
use imagepic_core::settings::Proxy;
use imagepic_core::store::{S3Store, Store as _};
use imagepic_tests::embedded::embedded;
use imagepic_tests::servers::{S3Server, with_own_certificate};
use imagepic_tests::team::{Team, TeamSetup};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;

/// How often the server was asked at a route.
fn asked(server: &Team, route: &str) -> usize {
    let route = format!("\"route\":\"/imagepic/{route}\"");
    server.said().lines().filter(|line| line.contains(&route)).count()
}

async fn lies_at(server: &Team, key: &str) {
    let token = server.login(PHONE, PASSWORD).await;
    let stat = server.post("object/statObject", Some(&token), &json!({ "bucketName": "images", "objectName": key })).await;
    assert_eq!(stat["code"], "0", "{key}: {stat}");
}

async fn at(address: TeamAddress) -> Desk {
    let desk = Desk::new().await;
    let team = Destination { kind: Kind::Team(address.clone()), bucket: "images".to_owned(), ..destination("") };
    let saved = desk.engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    desk.engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
    desk.engine.accounts().login(&address, secret(PASSWORD), false).await.expect("signed in");
    desk
}

/// As the documents have it: a proxy with TLS before the server, and a store inside that has none.
#[tokio::test]
async fn a_server_behind_tls_before_a_store_without_it_takes_the_bytes_itself() {
    let server = Team::start().await;
    server.register(PHONE, PASSWORD).await;
    let folder = tempfile::tempdir().expect("a folder");
    let port = server.url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let behind = S3Server { endpoint: server.url.clone(), region: "", access_key: "", secret_key: "", port };
    let (url, authority) = with_own_certificate(&behind, folder.path());
    let desk = at(TeamAddress { ca_file: Some(authority), ..address(&url) }).await;
    for name in ["first", "second"] {
        let id = desk.give(&format!("{name}.png"), picture(name.as_bytes())).await;
        desk.becomes(id, "went through", |upload| done(upload) || upload.stage == Stage::Failed).await;
        assert!(done(&desk.becomes(id, "has ended", |_| true).await), "{:?}", desk.engine.snapshot());
        lies_at(&server, &format!("shots/{name}.png")).await;
    }
    assert_eq!(asked(&server, "object/putObject"), 2);
    assert_eq!(asked(&server, "object/presignedPutObject"), 1, "once was enough to know");
    shows(&desk, &server).await;
}

/// The library shows what lies there, by bytes that came through the server.
async fn shows(desk: &Desk, server: &Team) {
    let settings = desk.engine.settings().get();
    let id = &settings.destinations.iter().find(|one| matches!(one.kind, Kind::Team(_))).expect("the destination").id;
    let before = asked(server, "object/getObject");
    let (_, kind) = desk.engine.browse().picture(id, "images", "shots/first.png", "1").await.expect("a picture");
    assert_eq!((kind, asked(server, "object/getObject")), ("image/png", before + 1));
}

/// A server on another computer with nothing but its own bucket, whose address means that computer alone.
#[tokio::test]
async fn links_that_would_open_nowhere_are_not_handed_out_and_pictures_are_seen_all_the_same() {
    let server = TeamSetup::default().set("IMAGEPIC_PUBLIC_URL", "http://team.example/below").start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = Desk::new().await;
    // No name leads anywhere here; through a proxy one does, and the server is the proxy.
    desk.engine.settings().set("general.proxy", &server.url).await.expect("a proxy");
    let there = TeamAddress { allow_plain_http: true, ..address("http://team.example") };
    let team = Destination { kind: Kind::Team(there.clone()), bucket: "images".to_owned(), ..destination("") };
    let saved = desk.engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    desk.engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
    desk.engine.accounts().login(&there, secret(PASSWORD), false).await.expect("signed in");
    let id = desk.give("first.png", picture(b"first")).await;
    desk.becomes(id, "went through", done).await;
    shows(&desk, &server).await;
    let error = desk.engine.uploads().link(id).await.expect_err("it opens nowhere");
    assert_eq!((error.code, error.field), (Code::Unsupported, Some("link")), "{error}");
    assert!(error.to_string().contains("team.example") && error.to_string().contains("IMAGEPIC_PUBLIC_URL"), "{error}");
}

/// A port at which nobody answers, not even with a refusal: its queue is full, and what comes is dropped.
async fn silent() -> (String, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(1).expect("listens");
    let at = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(at)).await {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue has an end");
    }
    (format!("http://{at}"), listener, queue)
}

#[tokio::test]
async fn a_store_nobody_hears_of_costs_one_wait_and_not_one_for_each_upload() {
    let store = embedded().await;
    store.itself.ensure_bucket("images").await.expect("a bucket");
    let (nowhere, _listener, _queue) = silent().await;
    let setup = TeamSetup::default().store(&store.reached);
    let server = setup.set("IMAGEPIC_S3_PUBLIC_ENDPOINT", &nowhere).start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = at(address(&server.url)).await;
    for name in ["first", "second"] {
        let id = desk.give(&format!("{name}.png"), picture(name.as_bytes())).await;
        desk.becomes(id, "went through", done).await;
        lies_at(&server, &format!("shots/{name}.png")).await;
    }
    // Each upload from a console is a process of its own.
    let console = open(&desk.home).await;
    let content = Content::Bytes { bytes: Bytes::from(picture(b"third")), name: Some("third.png".to_owned()) };
    let capture = Capture { content, source: Source::CommandLine, at: SystemTime::now() };
    let how = Submit { deliver: Deliver::No, ..Submit::default() };
    let id = console.uploads().submit(vec![capture], how).await.expect("taken").uploads[0];
    becomes(&console, id, "went through", done).await;
    lies_at(&server, "shots/third.png").await;
    assert_eq!(asked(&server, "object/putObject"), 3);
    assert_eq!(asked(&server, "object/presignedPutObject"), 1, "the silent address was tried once");
}

/// One rule for all buckets, and none of them named: links are public ones, also in a bucket that is made later.
#[tokio::test]
async fn a_rule_for_every_bucket_makes_public_links_in_whatever_bucket_there_is() {
    let store = embedded().await;
    let base = format!("{}/{{bucket}}", store.reached.endpoint);
    let direct = S3Address {
        endpoint: store.reached.endpoint.clone(),
        region: store.reached.region.to_owned(),
        access_key: store.reached.access_key.to_owned(),
        path_style: true,
        ca_file: None,
    };
    let direct = S3Store::open(&direct, secret(store.reached.secret_key), &Proxy::None).expect("a store");
    direct.make_bucket("images").await.expect("a bucket");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::images/*"}
    ]});
    direct.client().set_policy("images", &policy.to_string()).await.expect("open for readers");
    let server = TeamSetup::default().store(&store.reached).set("IMAGEPIC_PUBLIC_BASE", &base).start().await;
    server.register(PHONE, PASSWORD).await;
    let desk = Desk::new().await;
    let team = Destination { bucket: "images".to_owned(), link: LinkPolicy::Public { base: None }, ..destination(&server.url) };
    let saved = desk.engine.destinations().save(Draft { destination: team, secret: None }).await.expect("saved");
    desk.engine.destinations().use_(&saved.id, None, None).await.expect("chosen");
    desk.engine.accounts().login(&address(&server.url), secret(PASSWORD), false).await.expect("signed in");
    let id = desk.give("open.png", picture(b"open")).await;
    desk.becomes(id, "went through", done).await;
    let link = desk.link(id).await;
    assert_eq!(link, format!("{}/images/shots/open.png", store.reached.endpoint));
    assert_eq!(fetch(&link).await, picture(b"open"));
}
