use serde_json::Value;

use crate::support::Server;

/// Every `$ref` in a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(parts) => parts.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_tells_of_every_route_and_hangs_together() {
    let server = Server::start(|_| {}).await;
    let heard = server.get("/imagepic/openapi.json").await;
    assert_eq!(heard.header("content-type"), Some("application/json"));
    let document = heard.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    for path in [
        "auth/register",
        "auth/login",
        "auth/change",
        "auth/refresh",
        "auth/logout",
        "bucket/listBuckets",
        "object/listObjects",
        "object/getObject",
        "object/statObject",
        "object/presignedGetObject",
        "object/putObject",
        "object/removeObject",
        "object/presignedPutObject",
        "object/putCompleted",
        "object/copyObject",
        "object/removeObjects",
        "policy/getBucketPolicy",
        "policy/setBucketPolicy",
        "notification/listen",
        "capabilities",
    ] {
        assert!(paths.contains_key(&format!("/imagepic/{path}")), "{path} is not told of");
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    // Whoever says "any other answer" has said nothing.
    for operation in paths.values().flat_map(|item| item.as_object().into_iter().flatten()).map(|(_, operation)| operation) {
        let told = operation["responses"].as_object().expect("answers");
        assert!(told.contains_key("200") && told.contains_key("500") && !told.contains_key("default"), "{operation}");
    }
    // What is told is there: none of it is "no such route".
    for (path, item) in paths {
        let method = if item.get("get").is_some() { "GET" } else { "POST" };
        if path.ends_with("/listen") {
            continue;
        }
        let heard = server.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")).await;
        assert!(![404, 405].contains(&heard.status), "{method} {path}: {heard:?}");
    }
}

#[tokio::test]
async fn the_page_shows_the_document_and_runs_nothing_but_its_own_script() {
    let server = Server::start(|_| {}).await;
    for path in ["/imagepic/docs", "/imagepic/docs/", "/Imagepic/Docs"] {
        let page = server.get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        let policy = page.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = String::from_utf8(page.body).expect("text");
        assert!(!text.contains("://"), "nothing comes from elsewhere");
        for part in text.split(['"', '\'']).filter(|part| part.starts_with("/imagepic/docs/")) {
            assert_eq!(server.get(part).await.status, 200, "{part}");
        }
    }
}

#[tokio::test]
async fn whoever_opens_the_bare_address_in_a_browser_reads_what_it_is_for_and_programs_hear_what_they_did() {
    let server = Server::start(|_| {}).await;
    let ask = |method: &str, more: &str| format!("{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{more}\r\n");
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let page = server.send(ask("GET", browser)).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = String::from_utf8(page.body).expect("text");
    assert!(text.contains("Team server") && text.contains("may register") && !text.contains("://"), "{text}");
    for part in ["imagepic/docs\"", "imagepic/docs/page.css\""] {
        assert!(text.contains(part), "{text}");
        assert_eq!(server.get(&format!("/{}", part.trim_end_matches('"'))).await.status, 200, "{part}");
    }
    let chinese = server.send(ask("GET", &format!("{browser}Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n"))).await;
    let chinese = String::from_utf8(chinese.body).expect("text");
    assert!(chinese.contains("lang=\"zh-CN\"") && chinese.contains("团队服务器"), "{chinese}");
    for (method, more) in [("GET", ""), ("GET", "Accept: */*\r\n"), ("GET", "Accept: application/json\r\n"), ("POST", browser)] {
        server.send(ask(method, more)).await.failed(404, "not_found");
    }
    let closed = Server::start(|config| config.registration = Some(imagepic_api::capabilities::Registration::Closed)).await;
    let text = String::from_utf8(closed.send(ask("GET", browser)).await.body).expect("text");
    assert!(text.contains("takes no registrations"), "{text}");
}
