//! The real program on a home of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A home that leaves nothing running behind.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagepic"));
        command
            .args(args)
            .env("IMAGEPIC_HOME", self.path())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.dir.path())
            // No keychain and no desktop: what a person has there is none of a test's business.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .env("XDG_RUNTIME_DIR", self.dir.path())
            .env_remove("LANGUAGE")
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().expect("the program starts"))
    }

    /// As if somebody sat at a terminal and typed this: all that is written there.
    pub(crate) fn at_a_terminal(&self, line: &str, typed: &[u8]) -> String {
        self.in_a_shell(&format!("{} {line}", env!("CARGO_BIN_EXE_imagepic")), &[("", typed)])
    }

    /// The same with whatever a shell understands, typed once what was waited for has been written.
    pub(crate) fn in_a_shell(&self, commands: &str, typed: &[(&str, &[u8])]) -> String {
        let as_here = self.command(&[]);
        let mut command = Command::new("script");
        for (name, value) in as_here.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(["--quiet", "--return", "--command", commands, "/dev/null"]).env("SHELL", "/bin/sh");
        command.current_dir(self.dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("script, of bsdutils, starts");
        let (mut input, mut output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (mut said, mut looked) = (Vec::new(), 0);
        for (after, keys) in typed {
            let mut bytes = [0; 4096];
            loop {
                let new = String::from_utf8_lossy(&said[looked..]).into_owned();
                if new.contains(after) {
                    break;
                }
                let read = output.read(&mut bytes).expect("it writes");
                assert!(read > 0, "it ended without {after:?}: {new:?}");
                said.extend(&bytes[..read]);
            }
            looked = said.len();
            input.write_all(keys).expect("it reads");
        }
        drop(input);
        output.read_to_end(&mut said).expect("it writes");
        child.wait().expect("it ends");
        String::from_utf8_lossy(&said).into_owned()
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        child.stdin.take().expect("piped").write_all(input).expect("it reads");
        Run::of(child.wait_with_output().expect("it ends"))
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.path().join("bucket").exists() {
            let _ = self.command(&["bucket", "stop"]).output();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    pub(crate) fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A small PNG that no other `seed` has.
pub(crate) fn png(seed: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0\x12\x16\xf1\x4d".to_vec();
    bytes.extend([0, 0, 0, 4]);
    bytes.extend(b"IDAT");
    bytes.extend([seed; 8]);
    bytes.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
    bytes
}

/// What a browser would get: status, head and body.
pub(crate) fn get(url: &str) -> (u16, String, Vec<u8>) {
    let rest = url.strip_prefix("http://").expect("a link on loopback");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("somebody serves the bucket");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head, bytes[end..].to_vec())
}

#[track_caller]
pub(crate) fn opens(url: &str, bytes: &[u8]) {
    let (status, head, body) = get(url);
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("content-type: image/png"), "{head}");
    assert_eq!(body, bytes, "the very bytes");
}
