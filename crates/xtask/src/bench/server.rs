//! The server all sides upload to, and how each side is told about it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use imagepic_virtual::VirtualDesktop;

use crate::sh;

/// The bucket everything goes to.
pub(super) const BUCKET: &str = "bench";

/// A folder of programs to measure as they are, instead of those that are packed.
const PROGRAMS: &str = "IMAGEPIC_BENCH_PROGRAMS";

/// The folder that [`PROGRAMS`] names.
pub(super) fn given() -> Option<PathBuf> {
    std::env::var_os(PROGRAMS).map(PathBuf::from)
}

/// A program of ours, optimised.
pub(super) fn program(name: &str) -> PathBuf {
    given().unwrap_or_else(|| sh::target().join("release")).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// An embedded bucket in a folder of its own, gone when this is dropped.
pub(super) struct Server {
    child: Child,
    dir: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub(super) endpoint: String,
    access_key: String,
    secret_key: String,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(super) fn start() -> Result<Self, String> {
        let dir = std::env::temp_dir().join(format!("imagepic-bench-{}", std::process::id()));
        std::fs::remove_dir_all(&dir).ok();
        std::fs::create_dir_all(dir.join("client")).map_err(|why| format!("{}: {why}", dir.display()))?;
        let mut command = sh::command(program("imagepic-bench"));
        command.arg("serve").arg(dir.join("bucket")).arg(BUCKET);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|why| format!("the bucket could not be started: {why}"))?;
        let mut server = Self { child, dir, endpoint: String::new(), access_key: String::new(), secret_key: String::new() };
        let start = Instant::now();
        while server.endpoint.is_empty() {
            if start.elapsed() > Duration::from_secs(20) {
                return Err("the bucket did not listen within 20 s".into());
            }
            std::thread::sleep(Duration::from_millis(20));
            server.endpoint = std::fs::read_to_string(server.dir.join("bucket/bench-address")).unwrap_or_default();
        }
        let keys = std::fs::read_to_string(server.dir.join("bucket/key")).map_err(|why| format!("the bucket's key: {why}"))?;
        let keys: serde_json::Value = serde_json::from_str(&keys).map_err(|why| format!("the bucket's key: {why}"))?;
        let key = |name: &str| keys[name].as_str().map(str::to_owned).ok_or(format!("the bucket's key has no {name}"));
        server.access_key = key("access_key")?;
        server.secret_key = key("secret_key")?;
        server.introduce(|| server.imagepic())?;
        Ok(server)
    }

    /// Room for files of the clients.
    pub(super) fn scratch(&self) -> &Path {
        &self.dir
    }

    /// The folder of the bucket itself.
    pub(super) fn bucket_dir(&self) -> PathBuf {
        self.dir.join("bucket")
    }

    /// Tells a home of ours about this server.
    fn introduce(&self, imagepic: impl Fn() -> Command) -> Result<(), String> {
        use std::io::Write as _;
        let mut add = imagepic();
        add.args(["destinations", "add", "s3", "--name", BUCKET, "--endpoint", &self.endpoint, "--region", "us-east-1"]);
        add.args(["--access-key", &self.access_key, "--secret-key-stdin", "--bucket", BUCKET, "--path-style"]);
        let mut child = add.stdin(Stdio::piped()).spawn().map_err(|why| format!("imagepic could not be started: {why}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(self.secret_key.as_bytes()).map_err(|why| format!("imagepic does not read: {why}"))?;
        }
        let status = child.wait().map_err(|why| why.to_string())?;
        if !status.success() {
            return Err("imagepic refused the destination".into());
        }
        sh::read(imagepic().args(["destinations", "use", BUCKET])).map(drop)
    }

    /// Our console program with a home of its own, where no keychain answers.
    pub(super) fn imagepic(&self) -> Command {
        let mut command = sh::command(program("imagepic"));
        command.env("IMAGEPIC_HOME", self.dir.join("client")).env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env("XDG_RUNTIME_DIR", self.dir.join("client"));
        command
    }

    /// The same, with another home, which keeps its keys in the keychain of a desktop.
    pub(super) fn imagepic_at(&self, desktop: &VirtualDesktop) -> Command {
        let mut command = sh::command(program("imagepic"));
        command.envs(desktop.environment()).env("IMAGEPIC_HOME", self.dir.join("client-at-desktop"));
        command
    }

    /// Tells that home about this server.
    pub(super) fn introduce_at(&self, desktop: &VirtualDesktop) -> Result<(), String> {
        self.introduce(|| self.imagepic_at(desktop))
    }

    /// Access key and secret key of the bucket.
    pub(super) fn keys(&self) -> (&str, &str) {
        (&self.access_key, &self.secret_key)
    }

    /// Our team server over this bucket, with its accounts in `data`.
    pub(super) fn team(&self, data: &Path) -> Command {
        let mut command = sh::command(program("imagepic"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("IMAGEPIC_DATA", data)
            .env("IMAGEPIC_HOME", self.dir.join("serve"));
        command.env("IMAGEPIC_S3_ENDPOINT", &self.endpoint).env("IMAGEPIC_S3_REGION", "us-east-1");
        command.env("IMAGEPIC_S3_ACCESS_KEY", &self.access_key).env("IMAGEPIC_S3_SECRET_KEY", &self.secret_key);
        command.env("IMAGEPIC_S3_PATH_STYLE", "true");
        command
    }

    /// rclone with this server as the remote `bench:`; keys by environment, so that no process list shows them.
    pub(super) fn rclone(&self) -> Command {
        let mut command = sh::command("rclone");
        // Loopback needs no certificates, and rclone refuses to start where this names a bundle.
        command.env_remove("AWS_CA_BUNDLE");
        command.args(["--config", "/dev/null", "--s3-no-check-bucket"]);
        let variables = [
            ("TYPE", "s3"),
            ("PROVIDER", "Other"),
            ("ENDPOINT", &self.endpoint),
            ("REGION", "us-east-1"),
            ("ACCESS_KEY_ID", &self.access_key),
            ("SECRET_ACCESS_KEY", &self.secret_key),
        ];
        for (name, value) in variables {
            command.env(format!("RCLONE_CONFIG_BENCH_{name}"), value);
        }
        command
    }

    /// picgo with this server as its only place.
    pub(super) fn picgo(&self) -> Result<Command, String> {
        let config = self.dir.join("picgo.json");
        let content = serde_json::json!({
            "picBed": {
                "uploader": "aws-s3",
                "current": "aws-s3",
                "aws-s3": {
                    "accessKeyID": self.access_key, "secretAccessKey": self.secret_key, "bucketName": BUCKET,
                    "uploadPath": "picgo/{year}/{md5}.{extName}", "endpoint": self.endpoint, "region": "us-east-1",
                    "pathStyleAccess": true
                }
            },
            "picgoPlugins": { "picgo-plugin-s3": true }
        });
        if !config.is_file() {
            std::fs::write(&config, content.to_string()).map_err(|why| format!("{}: {why}", config.display()))?;
            // picgo looks for plugins beside its configuration.
            let modules = sh::tools().join("picgo/node_modules");
            #[cfg(unix)]
            std::os::unix::fs::symlink(&modules, self.dir.join("node_modules"))
                .map_err(|why| format!("picgo's plugins: {why}"))?;
            std::fs::write(self.dir.join("package.json"), r#"{"dependencies":{"picgo-plugin-s3":"*"}}"#)
                .map_err(|why| format!("picgo's plugins: {why}"))?;
        }
        let mut command = sh::command(sh::tools().join("picgo/node_modules/.bin/picgo"));
        command.arg("-c").arg(config);
        Ok(command)
    }

    /// Makes `count` different PNG pictures of about `bytes` bytes and returns their paths; `name` keeps calls apart.
    pub(super) fn pictures(&self, name: &str, bytes: u64, count: usize) -> Result<Vec<PathBuf>, String> {
        let dir = self.dir.join("pictures").join(name);
        std::fs::create_dir_all(&dir).map_err(|why| format!("{}: {why}", dir.display()))?;
        let mut make = sh::command(program("imagepic-bench"));
        make.arg("pictures").arg(&dir).args([bytes.to_string(), count.to_string()]);
        Ok(sh::read(&mut make)?.lines().map(PathBuf::from).collect())
    }

    /// Presigned PUT addresses, for curl.
    pub(super) fn presigned(&self, prefix: &str, count: usize) -> Result<Vec<String>, String> {
        let mut sign = sh::command(program("imagepic-bench"));
        sign.args(["presign", &self.endpoint]).arg(self.bucket_dir()).args([BUCKET, prefix, &count.to_string()]);
        Ok(sh::read(&mut sign)?.lines().map(str::to_owned).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
