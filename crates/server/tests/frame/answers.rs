use tokio::io::AsyncWriteExt as _;

use crate::support::{Server, hear};

#[tokio::test]
async fn paths_are_taken_in_any_case_with_and_without_a_slash() {
    let server = Server::start(|_| {}).await;
    for path in ["/imagepic/auth/register", "/imagepic/auth/register/", "/IMAGEPIC/Auth/REGISTER/", "/imagepic/auth/Register?x=1"]
    {
        let heard = server.post(path, "application/json", "{}").await;
        heard.failed(200, "bad_password");
        assert_eq!(heard.json()["data"]["err"], "密码不符合规范,邮箱填写不符合规范,手机号码填写不符合规范", "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_called_so_come_in_the_envelope() {
    let server = Server::start(|_| {}).await;
    for path in
        ["/", "/imagepic", "/imagepic/nothing", "/imagepic//auth/login", "/imagepic/auth/login//", "/favicon.ico", "/%ff%00"]
    {
        server.get(path).await.failed(404, "not_found");
    }
    let heard = server.get("/imagepic/auth/login").await;
    heard.failed(405, "not_found");
    assert_eq!(heard.header("allow"), Some("POST"));
}

#[tokio::test]
async fn bodies_that_are_no_fields_are_told_so() {
    let server = Server::start(|_| {}).await;
    let login = "/imagepic/auth/login";
    server.post(login, "application/json", "{").await.failed(400, "bad_request");
    server.post(login, "application/json", &"[".repeat(10_000)).await.failed(400, "bad_request");
    server.post(login, "text/xml", "<a/>").await.failed(400, "bad_request");
    server.post(login, "application/json", &format!("{{\"a\":\"{}\"}}", "x".repeat(70_000))).await.failed(413, "too_large");
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_harm_and_says_which_request_it_was() {
    let server = Server::start(|_| {}).await;
    let heard = server.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: deploy-7\r\n\r\n").await;
    assert_eq!(heard.status, 200);
    assert_eq!(heard.header("x-request-id"), Some("deploy-7"));
    for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("cache-control", "no-store")] {
        assert_eq!(heard.header(name), Some(value), "{name}");
    }
    let heard = server.send("GET /nothing HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\"c\r\n\r\n").await;
    assert_eq!(heard.header("x-request-id").map(str::len), Some(36), "an id that could forge a log line is replaced");
}

#[tokio::test]
async fn a_page_that_leads_its_own_name_to_this_computer_hears_nothing() {
    let server = Server::start(|config| {
        config.public_url = Some("https://pics.example.com/".parse().expect("an address"));
        // A proxy on this computer is trusted about addresses; browsers call from the same one.
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let ask = |host: &str| format!("GET /imagepic/capabilities HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for host in ["localhost:1", "127.0.0.1", "[::1]:80", "pics.example.com"] {
        assert_eq!(server.send(ask(host)).await.status, 200, "{host}");
    }
    server.send(ask("evil.example")).await.failed(421, "not_found");
}

#[tokio::test]
async fn pages_of_the_list_may_call_and_no_others() {
    let ask = |origin: &str| {
        format!(
            "OPTIONS /imagepic/object/putObject HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization,bucket,folder\r\n\r\n"
        )
    };
    let server = Server::start(|config| config.cors = vec!["https://tools.example.com".to_owned()]).await;
    let heard = server.send(ask("https://tools.example.com")).await;
    assert_eq!(heard.header("access-control-allow-origin"), Some("https://tools.example.com"));
    assert!(heard.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization")));
    assert_eq!(server.send(ask("https://evil.example")).await.header("access-control-allow-origin"), None);
    let closed = Server::start(|_| {}).await;
    assert_eq!(closed.send(ask("https://tools.example.com")).await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn capabilities_tell_what_a_client_needs_before_it_sends_a_password() {
    let server = Server::start(|config| {
        config.max_bytes = 12_345_678;
        config.public_base = imagepic_server::config::PublicBases::default().with("images", "https://pics.example.com/i");
    })
    .await;
    let told = server.get("/imagepic/capabilities").await.json();
    let data = &told["data"];
    assert_eq!((&told["code"], &data["server"]), (&"0".into(), &"imagepic".into()));
    assert_eq!(
        (&data["registration"], &data["maxBytes"], &data["anonymousReads"]),
        (&"open".into(), &12_345_678.into(), &false.into())
    );
    assert_eq!(data["publicBases"]["images"], "https://pics.example.com/i/");
    let routes: Vec<_> = data["routes"].as_array().expect("a list").iter().filter_map(|route| route.as_str()).collect();
    for ours in [
        "auth/refresh",
        "auth/logout",
        "object/presignedPutObject",
        "object/putCompleted",
        "object/copyObject",
        "object/removeObjects",
    ] {
        assert!(routes.contains(&ours), "{ours} is not in {routes:?}");
    }
    assert!(!routes.contains(&"auth/login") && !routes.iter().any(|route| route.contains("openapi")), "{routes:?}");
}

#[tokio::test]
async fn it_is_ready_when_store_and_accounts_answer() {
    let server = Server::start(|_| {}).await;
    let heard = server.get("/readyz").await;
    assert_eq!((heard.status, &heard.json()["data"]), (200, &serde_json::json!({"store": true, "accounts": true})));
    let dead =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port that nobody has");
    let server = Server::start(|config| {
        config.s3 = Some(imagepic_server::config::S3Settings {
            endpoint: format!("http://{dead}").parse().expect("an address"),
            region: "us-east-1".to_owned(),
            access_key: "a".to_owned(),
            secret_key: "b".into(),
            path_style: true,
        });
    })
    .await;
    server.get("/readyz").await.failed(503, "store_unreachable");
    assert_eq!(server.get("/healthz").await.status, 200, "a store that is away is no reason to be killed");
}

#[tokio::test]
async fn figures_are_on_their_own_address_and_count_reads_without_a_token() {
    let server = Server::start(|config| config.metrics = Some("127.0.0.1:0".parse().expect("an address"))).await;
    server
        .post("/imagepic/object/listObjects", "application/json", "{\"bucketName\":\"images\"}")
        .await
        .failed(200, "token_missing");
    server.get("/metrics").await.failed(404, "not_found");
    let mut figures = tokio::net::TcpStream::connect(server.metrics.expect("an address")).await.expect("it listens");
    figures.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a request");
    let text = String::from_utf8(hear(&mut figures).await.body).expect("text");
    for line in [
        "imagepic_anonymous_reads_refused_total{route=\"/imagepic/object/listObjects\"} 1",
        "imagepic_requests_total{route=\"unknown\",method=\"GET\",status=\"404\",error=\"not_found\"} 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
}
