//! The team server as a program: what it prints, how it ends, what it leaves behind; and what becomes of requests nobody sane would send.

mod described;
mod made_up;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use imagepic_tests::desktop::{built, root};
use imagepic_tests::pictures;
use imagepic_tests::team::{Team, TeamSetup};
use imagepic_tests::wait::{PATIENCE, eventually};
use serde_json::json;
use sha2::Digest as _;

const PHONE: &str = "13800138000";
const PASSWORD: &str = "abc12345";

#[tokio::test]
async fn with_nothing_set_it_is_a_whole_service_and_says_how_to_begin() {
    let team = Team::start().await;
    assert!(team.url.starts_with("http://127.0.0.1:"), "{}", team.url);
    eventually("it says how to register", async || team.said().contains("imagepic register --server").then_some(())).await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    let buckets = team.http.get(format!("{}/imagepic/bucket/listBuckets", team.url)).header("authorization", &token);
    let buckets: serde_json::Value =
        serde_json::from_str(&buckets.send().await.expect("an answer").text().await.expect("text")).expect("JSON");
    assert_eq!(buckets["data"][0]["name"], "images", "{buckets}");
    let picture = pictures::png(7, 40, 30);
    let put = team.put(&token, "images", "shots", "a.png", picture.clone()).await;
    assert_eq!((&put["code"], &put["data"]["objectName"]), (&json!("0"), &json!("shots/a.png")), "{put}");
    let link =
        team.post("object/presignedGetObject", Some(&token), &json!({"bucketName": "images", "objectName": "shots/a.png"})).await;
    imagepic_tests::http::gives_back(link["data"].as_str().expect("a link"), &picture, "image/png").await;
}

/// As behind a proxy that hands on the host it was asked for.
#[tokio::test]
async fn the_embedded_bucket_answers_below_the_public_address_to_what_was_signed_for_it() {
    let team = TeamSetup::default().set("IMAGEPIC_PUBLIC_URL", "https://pics.example.com").start().await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    let picture = pictures::png(7, 40, 30);
    assert_eq!(team.put(&token, "images", "截图", "a b.png", picture.clone()).await["code"], "0");
    let at = json!({"bucketName": "images", "objectName": "截图/a b.png"});
    let link = team.post("object/presignedGetObject", Some(&token), &at).await;
    let link = link["data"].as_str().expect("a link");
    let path = link.strip_prefix("https://pics.example.com/").unwrap_or_else(|| panic!("{link}"));
    assert!(path.starts_with("images/%E6%88%AA%E5%9B%BE/a%20b.png?"), "{link}");
    let get = async |path: &str, host: &str| {
        let answer = team.http.get(format!("{}/{path}", team.url)).header("host", host).send().await.expect("an answer");
        (answer.status().as_u16(), answer.bytes().await.expect("a body"))
    };
    assert_eq!(get(path, "pics.example.com").await, (200, picture.clone().into()));
    let plain = path.split('?').next().expect("a path");
    assert_eq!(get(plain, "pics.example.com").await.0, 403, "nobody reads without a signature");
    assert_eq!(get(&path.replace("a%20b", "b"), "pics.example.com").await.0, 403, "nor with one for something else");
    assert_eq!(get(path, "127.0.0.1").await.0, 403, "nor under another name");
    assert_eq!(get(path, "evil.example").await.0, 421);

    // And what was granted is put there in the same way.
    let (sha256, md5) = (sha2::Sha256::digest(&picture), md5::Md5::digest(&picture));
    let wish = json!({
        "bucketName": "images", "objectName": "granted.png", "contentType": "image/png", "size": picture.len(),
        "sha256": hex::encode(sha256), "md5": base64::prelude::BASE64_STANDARD.encode(md5),
    });
    let grant = team.post("object/presignedPutObject", Some(&token), &wish).await;
    let url = grant["data"]["url"].as_str().unwrap_or_else(|| panic!("{grant}"));
    let path = url.strip_prefix("https://pics.example.com/").unwrap_or_else(|| panic!("{url}"));
    let mut put = team.http.put(format!("{}/{path}", team.url)).header("host", "pics.example.com").body(picture.clone());
    for (name, value) in grant["data"]["headers"].as_object().expect("headers") {
        if name != "content-length" {
            put = put.header(name, value.as_str().expect("text"));
        }
    }
    assert_eq!(put.send().await.expect("an answer").status(), 200);
    let at = json!({"bucketName": "images", "objectName": "granted.png"});
    let done = team.post("object/putCompleted", Some(&token), &at).await;
    assert_eq!((&done["code"], &done["data"]["objectName"]), (&json!("0"), &json!("granted.png")), "{done}");
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut team = TeamSetup::default().data(&data).start().await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    let put = team.put(&token, "images", "", "a.png", pictures::png(1, 9, 9)).await;
    assert_eq!(put["code"], "0", "{put}");
    team.kill();
    let team = TeamSetup::default().data(&data).start().await;
    let stat = team.post("object/statObject", Some(&token), &json!({"bucketName": "images", "objectName": "a.png"})).await;
    assert_eq!(stat["code"], "0", "the token holds, since its key was kept: {stat}");
    team.login(PHONE, PASSWORD).await;
}

#[tokio::test]
async fn it_ends_well_when_it_is_asked_to() {
    let mut team = Team::start().await;
    team.register(PHONE, PASSWORD).await;
    team.ask_to_stop();
    assert!(team.ended(PATIENCE).await.success());
    assert!(team.said().contains("Stopping"), "{}", team.said());
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_says_who_is_there() {
    let team = Team::start().await;
    let refused = TeamSetup::default().data(&team.data).try_start().await.expect_err("one folder, one server");
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.said.contains("Another server is running"), "{}", refused.said);
}

#[tokio::test]
async fn a_bad_setting_is_told_in_the_language_of_whoever_starts_it() {
    let setup = || TeamSetup::default().set("IMAGEPIC_GRACE", "soon");
    let refused = setup().try_start().await.expect_err("no number");
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.said.contains("IMAGEPIC_GRACE is \"soon\", from the environment. Allowed:"), "{}", refused.said);
    let refused = setup().set("LC_ALL", "zh_CN.UTF-8").try_start().await.expect_err("no number");
    assert!(refused.said.contains("允许："), "{}", refused.said);
}

#[tokio::test]
async fn the_log_holds_no_password_no_token_no_number_and_no_name_of_an_object() {
    let team = TeamSetup::default().set("IMAGEPIC_LOG", "trace").start().await;
    team.register(PHONE, PASSWORD).await;
    let token = team.login(PHONE, PASSWORD).await;
    team.put(&token, "images", "private", "holiday.png", pictures::png(1, 9, 9)).await;
    let address = format!("{}/imagepic/object/getObject?bucketName=images&objectName=private/holiday.png", team.url);
    team.http
        .get(&address)
        .header("authorization", format!("Bearer {token}"))
        .header("x-request-id", "the-last-one")
        .send()
        .await
        .expect("an answer");
    eventually("the last request is in the log", async || team.said().contains("the-last-one").then_some(())).await;
    let said = team.said();
    let lines: Vec<serde_json::Value> =
        said.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().any(|line| line["route"] == "/imagepic/object/putObject" && line["status"] == 200), "{said}");
    for secret in [PASSWORD, token.as_str(), PHONE, "holiday", "objectName="] {
        assert!(!said.contains(secret), "{secret} is in the log:\n{said}");
    }
}

/// The image of `deploy/Dockerfile` has just this in it.
#[tokio::test]
async fn the_program_runs_in_a_root_with_nothing_but_what_the_image_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("image");
    let filled =
        Command::new(root().join("deploy/image-root.sh")).arg(built("imagepic")).arg(&image).output().expect("sh is there");
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    assert!(!Path::new(&image).join("bin/sh").exists());
    // Not in /data, which belongs to the image's own user, whom this person cannot become.
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "chroot"]).arg(&image).args(["/usr/bin/imagepic", "serve"]);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("IMAGEPIC_LISTEN", "127.0.0.1:0")
        .env("IMAGEPIC_DATA", "/tmp/data");
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("unshare is there");
    let mut first = String::new();
    let output = child.stdout.take().expect("piped");
    let read = tokio::task::spawn_blocking(move || {
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut first).map(|_| first)
    });
    let first = tokio::time::timeout(Duration::from_secs(30), read).await;
    child.kill().ok();
    let ended = child.wait_with_output().expect("a child of ours");
    let first = first.expect("it says something or ends").expect("nothing panics").expect("a pipe");
    assert!(first.starts_with("imagepic listening on http://127.0.0.1:"), "{first}{}", String::from_utf8_lossy(&ended.stderr));
}

/// Where the store is asked which buckets there are, since none are named.
#[tokio::test]
async fn a_rule_for_public_addresses_is_told_for_the_buckets_there_are() {
    let told = async |rule: &str| {
        let team = TeamSetup::default().set("IMAGEPIC_PUBLIC_BASE", rule).start().await;
        let answer = team.http.get(format!("{}/imagepic/capabilities", team.url)).send().await.expect("an answer");
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
        answer["data"]["publicBases"].clone()
    };
    assert_eq!(told("https://cdn.example/{bucket}").await, json!({ "images": "https://cdn.example/images/" }));
    let named = json!({ "images": "https://cdn.example/", "other": "https://other.example/x/" });
    assert_eq!(told("images=https://cdn.example,other=https://other.example/x").await, named);
}
