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
async fn who_goes_on_sending_after_the_last_answer_hears_it_and_no_reset() {
    let server = Server::start(|config| config.max_bytes = 1 << 20).await;
    let mut connection = server.connect().await;
    let head = "POST /imagepic/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.expect("a head");
    let mut heard = [0; 12];
    connection.read_exact(&mut heard).await.expect("an answer");
    assert_eq!(&heard, b"HTTP/1.1 404");
    for _ in 0..100 {
        connection.write_all(&[b'x'; 64 * 1024]).await.expect("nobody hangs up on who is still sending");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("the end").expect("and no reset");
    assert!(String::from_utf8_lossy(&rest).contains("not_found"));
}

/// Nobody takes them, as when a server is busy: the system keeps what waits.
#[tokio::test]
async fn a_crowd_that_comes_at_once_waits_and_is_not_reset() {
    let data = tempfile::tempdir().expect("a folder");
    let bound = imagepic_server::Bound::open(crate::support::config(data.path())).await.expect("it opens");
    // Older systems allow less.
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
    let crowd = allowed.unwrap_or(4096_usize).min(1000);
    let connect = |_| tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(bound.address));
    let connected = futures_util::future::join_all((0..crowd).map(connect)).await;
    let waiting = connected.iter().filter(|one| matches!(one, Ok(Ok(_)))).count();
    assert_eq!(waiting, crowd);
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
    let head = |bytes: usize| {
        let empty = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: \r\n\r\n".len();
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes - empty))
    };
    assert_eq!(server.send(head(65_536)).await.status, 200);
    for bytes in [65_537, 70_000, 115_000, 200_000] {
        assert_eq!(server.send(head(bytes)).await.status, 431, "{bytes}");
    }
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

/// Answers to requests that came in one go, larger together than what two systems keep on the way.
#[tokio::test]
async fn who_never_reads_an_answer_does_not_keep_a_place() {
    let server = Server::start(|config| {
        config.limits.connections_per_address = 1;
        config.limits.unread_timeout = Duration::from_millis(300);
    })
    .await;
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut deaf = socket.connect(server.address).await.expect("it listens");
    let ask = "GET /imagepic/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(400);
    // The server stops reading once its answers find no room any more.
    let _ = tokio::time::timeout(Duration::from_secs(2), deaf.write_all(ask.as_bytes())).await;
    let deadline = Instant::now() + PATIENCE;
    while server.get("/healthz").await.status != 200 {
        assert!(Instant::now() < deadline, "the place of somebody who reads nothing comes free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(deaf);
}

/// A byte now and then keeps the watch on silence awake for ever.
#[tokio::test]
async fn a_body_that_trickles_does_not_hold_a_place() {
    let server = Server::start(|config| config.limits.idle_timeout = Duration::from_millis(500)).await;
    let mut trickling = server.connect().await;
    let head = "POST /imagepic/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
    trickling.write_all(head.as_bytes()).await.expect("a head");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        // Once it has answered it may close.
        if trickling.write_all(b" ").await.is_err() {
            break;
        }
        let mut heard = [0; 12];
        if let Ok(Ok(12)) = tokio::time::timeout(Duration::from_millis(200), trickling.peek(&mut heard)).await {
            assert_eq!(&heard, b"HTTP/1.1 408");
            return;
        }
    }
    panic!("it was listened to for {:?}", begun.elapsed());
}

/// A stream that never ends by itself must not be waited for.
#[tokio::test]
async fn a_stop_does_not_wait_for_who_listens() {
    let mut server = Server::start(|config| config.grace = Duration::from_secs(60)).await;
    let register = r#"{"phone":"13800138000","upwd":"abc12345","email":"a@b.cd"}"#;
    assert_eq!(server.post("/imagepic/auth/register", "application/json", register).await.json()["code"], "0");
    let session = server.post("/imagepic/auth/login", "application/json", register).await.json();
    let token = session["data"]["token"].as_str().expect("a token");
    let ask = format!(
        "GET /imagepic/notification/listen?bucketName=images HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
    );
    let mut listeners = Vec::new();
    for _ in 0..3 {
        let mut one = server.connect().await;
        one.write_all(ask.as_bytes()).await.expect("a request");
        let mut heard = [0; 12];
        one.read_exact(&mut heard).await.expect("an answer");
        assert_eq!(&heard, b"HTTP/1.1 200");
        listeners.push(one);
    }
    server.stop();
    // Half of the grace: that it ran out is no way to end.
    tokio::time::timeout(PATIENCE, &mut server.running).await.expect("it ends").expect("it ends well");
    for mut one in listeners {
        let mut rest = String::new();
        one.read_to_string(&mut rest).await.expect("the end, and no reset");
        assert!(rest.contains("event: end"), "{rest}");
    }
}

/// Half of a registration is none: the account is there, and the invitation used, or neither.
#[tokio::test]
async fn who_leaves_while_registering_does_not_use_up_an_invitation_for_nothing() {
    use imagepic_server::keeping::Keeper;
    let (mut data, mut config) = (std::path::PathBuf::new(), None);
    let server = Server::start(|given| {
        given.registration = Some(imagepic_api::capabilities::Registration::Invite);
        given.limits.hashes = 1;
        data.clone_from(&given.data);
        config = Some(given.clone());
    })
    .await;
    let keeper = Keeper::open(&config.expect("it was set"), true).await.expect("beside the server");
    let code = keeper.invite(1, 1).await.expect("a code");
    let register = |phone: &str| format!(r#"{{"phone":"{phone}","upwd":"abc12345","email":"a@b.cd","invite":"{code}"}}"#);
    let body = register("13800138000");
    let head = format!(
        "POST /imagepic/auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut leaving = server.connect().await;
    leaving.write_all((head + &body).as_bytes()).await.expect("a request");
    let invites = data.join("accounts/db/imagepic/imagepic-invites.json");
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&invites).is_ok_and(|text| text.contains("\"uses\":0")) {
        assert!(Instant::now() < deadline, "the invitation is taken");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(leaving);
    let login = r#"{"phone":"13800138000","upwd":"abc12345"}"#;
    while server.post("/imagepic/auth/login", "application/json", login).await.json()["code"] != "0" {
        assert!(Instant::now() < deadline, "the registration comes to its end");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    server.post("/imagepic/auth/register", "application/json", &register("13800138001")).await.failed(200, "bad_invite");
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
