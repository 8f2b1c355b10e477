//! A store as companies have them: reached only through the proxy, and certified by an authority of their own.

use imagepic_tests::embedded::embedded;
use imagepic_tests::proxy::Proxy;
use imagepic_tests::servers::{BY_NAME, with_own_certificate};
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, eventually, http, picker, pictures};
use serde_json::Value;

use crate::hands::{ENTER, choose, click, speaks, type_over, until};
use crate::steps::{BUCKET, link_on_clipboard, set};

/// Waits until the settings hold this proxy.
async fn holds(desktop: &Desktop, proxy: &str) {
    let now = || desktop.imagepic(&["settings", "get", "general.proxy"]).out.trim() == proxy;
    eventually("the proxy in the settings", async || now().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_behind_a_proxy_and_an_authority_of_its_own_is_used_once_both_are_named() {
    let desktop = Desktop::start().await;
    set(&desktop, "general.language", "zh-CN");
    let store = embedded().await;
    store.itself.ensure_bucket(BUCKET).await.expect("a bucket");
    let folder = desktop.machine.dir().join("authority");
    std::fs::create_dir_all(&folder).expect("ours");
    let (behind_tls, authority) = with_own_certificate(&store.by_any_name().await, &folder);
    let proxy = Proxy::to(behind_tls.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")).await;
    let session = Session::start(&desktop, &["--show", "settings"]).await;

    for (language, title, [pane, none, by_address]) in
        [("en", "Settings", ["General", "None", "Address"]), ("zh-CN", "设置", ["通用", "不使用", "指定地址"])]
    {
        speaks(&desktop, language, title).await;
        session.press(pane).await;
        choose(&session, "#proxy", none).await;
        holds(&desktop, "none").await;
        choose(&session, "#proxy", by_address).await;
        type_over(&session, "#proxy-address", &format!("{}{ENTER}", proxy.address)).await;
        holds(&desktop, &proxy.address).await;
    }

    session.press("上传目标").await;
    session.press("添加上传目标").await;
    let endpoint = format!("https://{BY_NAME}");
    for (field, text) in [
        ("name", "公司"),
        ("endpoint", &endpoint),
        ("region", store.reached.region),
        ("access_key", store.reached.access_key),
        ("secret", store.reached.secret_key),
        ("bucket", BUCKET),
    ] {
        type_over(&session, &format!("#field-{field}"), text).await;
    }
    session.click_text("路径").await;
    session.press("测试").await;
    session.text_with("the certificate to be named", |text| text.contains("证书不被接受")).await;
    assert!(!proxy.asked().is_empty(), "it went past the proxy");
    // What was typed stays as it is, whatever language is chosen meanwhile.
    speaks(&desktop, "en", "Settings").await;
    session.press("Test").await;
    session.text_with("the certificate to be named", |text| text.contains("is not accepted") && text.contains("CA file")).await;
    assert_eq!(store.itself.usage().await.expect("counted").objects, 0, "something went to a server nobody vouches for");

    click(&session, ".form .twist").await;
    click(&session, "[aria-label^='Choose a CA file']").await;
    picker::choose(&desktop.machine, "Choose a CA file", &authority).await;
    let in_field = format!("document.querySelector('#field-ca_file').value === {}", Value::from(authority.display().to_string()));
    until(&session, "the file's path", &in_field).await;
    // What was found out was said of other fields.
    session.press("Test").await;
    session.text_with("everything to be right", |text| text.contains("Everything right")).await;
    speaks(&desktop, "zh-CN", "设置").await;
    type_over(&session, "#field-ca_file", "/nowhere.pem").await;
    session.press("测试").await;
    session.text_with("the file to be named", |text| text.contains("/nowhere.pem")).await;
    click(&session, "[aria-label^='选择 CA 证书文件']").await;
    picker::choose(&desktop.machine, "选择 CA 证书文件", &authority).await;
    until(&session, "the file's path", &in_field).await;
    session.press("测试").await;
    session.text_with("everything to be right", |text| text.contains("全部正确")).await;
    session.press("保存").await;
    session.press("使用此上传目标").await;
    desktop.tray().wait_for(&["就绪 · 公司 / images"]).await;

    let picture = pictures::png(131, 60, 40);
    let before = proxy.asked().len();
    assert!(desktop.start_app(&[desktop.file("inside.png", &picture)]).wait_for_end().await.success());
    let link = link_on_clipboard(&desktop, None).await;
    assert!(link.starts_with(&endpoint), "{link}");
    let opened = http::get_through(&proxy.address, &authority, &link).await;
    assert!(opened.status == 200 && opened.bytes == picture, "{}: {}", opened.status, opened.bytes.len());
    assert!(
        proxy.asked().len() > before && proxy.asked().iter().all(|name| *name == format!("{BY_NAME}:443")),
        "{:?}",
        proxy.asked()
    );

    // This computer is never reached through a proxy.
    let asked = proxy.asked().len();
    speaks(&desktop, "en", "Settings").await;
    desktop.tray().wait_for(&["Ready · 公司 / images"]).await;
    click(&session, ".dests li:first-child button").await;
    session.press("Test").await;
    session.text_with("this computer's bucket to be right", |text| text.contains("Everything right")).await;
    assert_eq!(proxy.asked().len(), asked, "loopback went through the proxy");
    session.close().await;
}
