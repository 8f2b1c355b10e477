//! Programs of others that people point at any S3: rclone, s3cmd, the AWS command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use secrecy::ExposeSecret as _;
use sha2::Digest as _;

use crate::common::{BUCKET, Home, bytes};

const NAME: &str = "图 1 (kopie)+&.png";

/// The program, or a failure that says how to get it.
fn find(name: &str) -> PathBuf {
    let variable = format!("IMAGEPIC_TEST_{}", name.to_uppercase());
    if let Some(path) = std::env::var_os(&variable) {
        return path.into();
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/venv/bin").join(name);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(tools).chain(std::env::split_paths(&paths).map(|p| p.join(name))).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; `cargo xtask setup` installs it, or set {variable} to its path"))
}

/// Runs to the end beside the bucket, with nothing of the person's own configuration.
async fn run(home: &Home, name: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = Command::new(find(name));
    command.args(args).current_dir(home.dir.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home.dir.path()).env("LANG", "C.UTF-8").env("LC_ALL", "C.UTF-8").envs(env.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "{name} {args:?}:\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn files(home: &Home) -> PathBuf {
    let dir = home.dir.path().join("files");
    std::fs::create_dir_all(dir.join("deep")).unwrap();
    std::fs::write(dir.join(NAME), bytes(83_000)).unwrap();
    std::fs::write(dir.join("deep/big.bin"), bytes(18_000_000)).unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    dir
}

fn same(a: &Path, b: &Path) {
    for name in [NAME, "deep/big.bin", "empty"] {
        assert!(std::fs::read(a.join(name)).unwrap() == std::fs::read(b.join(name)).unwrap(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rclone_copies_there_checks_and_copies_back() {
    let home = Home::new().await;
    let from = files(&home);
    let endpoint = home.url("");
    let env = [
        ("RCLONE_CONFIG_B_TYPE", "s3"),
        ("RCLONE_CONFIG_B_PROVIDER", "Other"),
        ("RCLONE_CONFIG_B_ENDPOINT", &*endpoint),
        ("RCLONE_CONFIG_B_ACCESS_KEY_ID", &home.keys.access_key),
        ("RCLONE_CONFIG_B_SECRET_ACCESS_KEY", home.keys.secret_key.expose_secret()),
        ("RCLONE_CONFIG_B_UPLOAD_CUTOFF", "5M"),
        ("RCLONE_CONFIG_B_CHUNK_SIZE", "5M"),
        ("RCLONE_CONFIG", "/dev/null"),
    ];
    let from = from.to_str().unwrap();
    run(&home, "rclone", &["mkdir", "b:made"], &env).await;
    run(&home, "rclone", &["copy", from, "b:images/pics"], &env).await;
    run(&home, "rclone", &["check", "--download", from, "b:images/pics"], &env).await;
    let listed = run(&home, "rclone", &["lsf", "-R", "b:images"], &env).await;
    assert!(listed.contains(NAME) && listed.contains("pics/deep/big.bin"), "{listed}");
    run(&home, "rclone", &["copyto", "b:images/pics/deep/big.bin", "b:made/copied.bin"], &env).await;
    let back = home.dir.path().join("back");
    run(&home, "rclone", &["copy", "b:images/pics", back.to_str().unwrap()], &env).await;
    same(Path::new(from), &back);
    run(&home, "rclone", &["moveto", "b:images/pics/empty", "b:images/moved"], &env).await;
    run(&home, "rclone", &["purge", "b:made"], &env).await;
    run(&home, "rclone", &["delete", "b:images"], &env).await;
    assert_eq!(home.server.usage().await.unwrap().objects, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3cmd_puts_lists_gets_and_deletes() {
    let home = Home::new().await;
    let from = files(&home);
    let config = home.dir.path().join("s3cfg");
    let host = home.running.addr();
    let text = format!(
        "[default]\naccess_key = {}\nsecret_key = {}\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\nmultipart_chunk_size_mb = 5\n",
        home.keys.access_key,
        home.keys.secret_key.expose_secret()
    );
    std::fs::write(&config, text).unwrap();
    let s3cmd = async |args: &[&str]| {
        run(&home, "s3cmd", &[&["-c", config.to_str().unwrap(), "--no-progress"], args].concat(), &[]).await
    };
    let url = |name: &str| format!("s3://{BUCKET}/{name}");
    s3cmd(&["mb", "s3://made"]).await;
    s3cmd(&["put", "--recursive", &format!("{}/", from.display()), &url("pics/")]).await;
    let listed = s3cmd(&["ls", "--recursive", &url("")]).await;
    assert!(listed.contains(NAME) && listed.contains("pics/deep/big.bin"), "{listed}");
    let back = home.dir.path().join("back");
    std::fs::create_dir(&back).unwrap();
    s3cmd(&["get", "--recursive", &url("pics/"), &format!("{}/", back.display())]).await;
    same(&from, &back);
    s3cmd(&["cp", &url("pics/empty"), "s3://made/copied"]).await;
    s3cmd(&["mv", &url(&format!("pics/{NAME}")), &url("moved.png")]).await;
    let policy = home.dir.path().join("policy");
    let open = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::{BUCKET}/*"}}]}}"#
    );
    std::fs::write(&policy, open).unwrap();
    s3cmd(&["setpolicy", policy.to_str().unwrap(), &url("")]).await;
    _ = rustls::crypto::ring::default_provider().install_default();
    assert_eq!(reqwest::get(home.url("images/moved.png")).await.unwrap().bytes().await.unwrap(), bytes(83_000));
    let signed = s3cmd(&["signurl", &url("pics/empty"), "+60"]).await;
    assert!(signed.contains("Signature"), "{signed}");
    s3cmd(&["del", "--recursive", "--force", &url("")]).await;
    s3cmd(&["rb", "--force", "--recursive", "s3://made"]).await;
    assert_eq!(home.server.usage().await.unwrap().objects, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_command_line_does_its_usual_work() {
    let home = Home::new().await;
    let from = files(&home);
    let endpoint = home.url("");
    // Left alone it presigns with version 2, which AWS takes in its oldest region only.
    let config = home.dir.path().join("awsconfig");
    std::fs::write(&config, "[default]\ns3 =\n  signature_version = s3v4\n").unwrap();
    let env = [
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_ACCESS_KEY_ID", &*home.keys.access_key),
        ("AWS_SECRET_ACCESS_KEY", home.keys.secret_key.expose_secret()),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", endpoint.trim_end_matches('/')),
        ("AWS_PAGER", ""),
    ];
    let aws = async |args: &[&str]| run(&home, "aws", args, &env).await;
    let from_text = from.to_str().unwrap();
    aws(&["s3", "mb", "s3://made"]).await;
    aws(&["s3", "sync", from_text, "s3://images/pics", "--only-show-errors"]).await;
    let listed = aws(&["s3", "ls", "--recursive", "s3://images"]).await;
    assert!(listed.contains(NAME) && listed.contains("pics/deep/big.bin"), "{listed}");
    let back = home.dir.path().join("back");
    aws(&["s3", "sync", "s3://images/pics", back.to_str().unwrap(), "--only-show-errors"]).await;
    same(&from, &back);
    // 18 MB are copied in parts, from bucket to bucket.
    aws(&["s3", "cp", "s3://images/pics/deep/big.bin", "s3://made/copied.bin", "--only-show-errors"]).await;
    aws(&["s3api", "head-object", "--bucket", "made", "--key", "copied.bin", "--checksum-mode", "ENABLED"]).await;
    let body = from.join(NAME);
    let put =
        ["s3api", "put-object", "--bucket", "images", "--key", "once", "--body", body.to_str().unwrap(), "--if-none-match", "*"];
    aws(&put).await;
    // It leaves the computing of this one to the bucket.
    let sum = ["--bucket", "images", "--key", "summed"];
    aws(&[&["s3api", "put-object", "--body", body.to_str().unwrap(), "--checksum-algorithm", "SHA512"][..], &sum].concat()).await;
    let told = aws(&[&["s3api", "head-object", "--checksum-mode", "ENABLED"][..], &sum].concat()).await;
    let right = base64::engine::general_purpose::STANDARD.encode(sha2::Sha512::digest(bytes(83_000)));
    assert!(told.contains(&format!("\"ChecksumSHA512\": \"{right}\"")), "{told}");
    let link = aws(&["s3", "presign", "s3://images/once", "--expires-in", "60"]).await;
    _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(link.trim()).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    aws(&["s3", "rm", "--recursive", "s3://images", "--only-show-errors"]).await;
    aws(&["s3", "rb", "--force", "s3://made"]).await;
    let usage = home.server.usage().await.unwrap();
    assert_eq!((usage.buckets, usage.objects), (1, 0));
}
