use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{PATIENCE, Server, hear};

#[tokio::test]
async fn who_is_refused_before_the_body_was_read_hears_why() {
    let server = Server::start(|_| {}).await;
    let mut connection = server.connect().await;
    let length = 8 << 20;
    let head = format!("POST /imagepic/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("it takes the head");
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..length / piece.len() {
        connection.write_all(&piece).await.expect("it takes all of the body");
    }
    hear(&mut connection).await.failed(404, "not_found");
    // And the connection is still good.
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the connection lives");
    assert_eq!(hear(&mut connection).await.status, 200);
}

#[tokio::test]
async fn who_waits_for_a_continue_hears_the_refusal_and_sends_nothing() {
    let server = Server::start(|_| {}).await;
    let heard = server
        .send("POST /imagepic/nothing HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
        .await;
    heard.failed(404, "not_found");
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_to_its_end() {
    let server = Server::start(|config| config.max_bytes = 1 << 20).await;
    let heard = server.send("POST /imagepic/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n").await;
    heard.failed(404, "not_found");
    assert_eq!(heard.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_a_place() {
    let server = Server::start(|config| config.limits.head_timeout = Duration::from_millis(300)).await;
    let mut connection = server.connect().await;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await.expect("a beginning");
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("it is closed").ok();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_comes_to_a_halt_is_given_up() {
    let server = Server::start(|config| config.limits.idle_timeout = Duration::from_millis(300)).await;
    let start = Instant::now();
    let head =
        "POST /imagepic/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let heard = server.send(head).await;
    heard.failed(408, "bad_request");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn heads_of_any_size_are_bounded() {
    let server = Server::start(|_| {}).await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
    assert_eq!(server.send(long).await.status, 431);
    let many: String = (0..1000).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(server.send(format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")).await.status, 431);
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let server = Server::start(|config| config.limits.connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = server.connect().await;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a request");
        assert_eq!(hear(&mut connection).await.status, 200);
        held.push(connection);
    }
    assert_eq!(server.get("/healthz").await.status, 0, "the fourth is closed without an answer");
    held.pop();
    let deadline = Instant::now() + PATIENCE;
    while server.get("/healthz").await.status != 200 {
        assert!(Instant::now() < deadline, "a place that was given back can be taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stop_lets_a_running_request_end_and_takes_no_new_ones() {
    let mut server = Server::start(|_| {}).await;
    let mut running = server.connect().await;
    let body = "{\"phone\":\"13800138000\",\"upwd\":\"abc12345\"}";
    let head = format!(
        "POST /imagepic/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    running.write_all(head.as_bytes()).await.expect("a head");
    running.write_all(&body.as_bytes()[..5]).await.expect("a beginning");
    // The server has the head before it is told to stop.
    let mut idle = server.connect().await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a request");
    hear(&mut idle).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {
        assert!(Instant::now() < deadline, "it takes no new connections");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.write_all(&body.as_bytes()[5..]).await.expect("the rest");
    hear(&mut running).await.failed(200, "wrong_credentials");
    tokio::time::timeout(PATIENCE, &mut server.running).await.expect("it ends").expect("it ends well");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut server = Server::start(|config| config.grace = Duration::from_millis(300)).await;
    let mut running = server.connect().await;
    let head =
        "POST /imagepic/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    running.write_all(head.as_bytes()).await.expect("a beginning");
    server.get("/healthz").await;
    server.stop();
    tokio::time::timeout(PATIENCE, &mut server.running).await.expect("it ends").expect("it ends well");
}
