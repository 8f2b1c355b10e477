//! Who writes AVIF: the console program, in a process of its own that knows nothing but an order and pixels.
//!
//! Its encoder is larger than the rest of the picture code together, and slow; so it is in one of the two programs, and what it trips
//! over ends there. What stays out: the encoder itself.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use imagepic_media::convert::Format;
use imagepic_media::convert::avif::{COMMAND, Cause, Order};
use imagepic_words::images as words;

use super::images::stopped;
use super::made::name as called;
use super::{LOOKS, Watched};
use crate::error::{Code, Error};

/// The program without what systems put behind it.
const PROGRAM: &str = "imagepic";
/// No file is longer, beyond a fixed part: bytes for each pixel.
const MOST: u64 = 8;
/// What it may say of a fault, in bytes.
const SAID: u64 = 4 << 10;

/// Ends with whoever waits for it.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Already gone, mostly: then there is nobody to be stopped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes a file of pixels, of what is called `name`. Takes up to [`Order::limit`]: to be called on a thread for blocking work. Once nobody
/// waits any more, the encoder is ended at once.
///
/// # Errors
/// An [`Error`] with what to do where the program is not there, where it took too long and where it was stopped; otherwise what went wrong.
pub(super) fn code(order: &Order, pixels: Vec<u8>, name: &str, watch: &dyn Watched) -> Result<Vec<u8>, Cause> {
    let (begun, limit) = (Instant::now(), order.limit());
    let ends = || match (watch.stopped(), begun.elapsed() > limit) {
        (true, _) => Some(stopped(name, Format::Avif)),
        (_, true) => Some(too_slow(name, limit)),
        _ => None,
    };
    code_by(&program()?, order, pixels, &ends)
}

/// This program where it is the console program, and the one beside it otherwise.
fn program() -> Result<PathBuf, Cause> {
    let here = std::env::current_exe()?;
    if here.file_stem() == Some(OsStr::new(PROGRAM)) {
        return Ok(here);
    }
    Ok(here.with_file_name(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX)))
}

/// `ends` is asked all the time why it should not go on.
fn code_by(program: &Path, order: &Order, pixels: Vec<u8>, ends: &dyn Fn() -> Option<Error>) -> Result<Vec<u8>, Cause> {
    if let Some(why) = ends() {
        return Err(why.into());
    }
    let mut command = Command::new(program);
    // Nothing of what this process was told in its environment is that one's business.
    command.arg(COMMAND).env_clear();
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        /// No window, and below what somebody works with.
        const QUIETLY: u32 = 0x0800_0000 | 0x4000;
        command.creation_flags(QUIETLY);
        // Windows' own libraries are found by it.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut worker = Worker(command.spawn().map_err(|error| absent(program, error))?);
    let (Some(input), Some(output), Some(said)) = (worker.0.stdin.take(), worker.0.stdout.take(), worker.0.stderr.take()) else {
        return Err("no pipes to the encoder".into());
    };
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        scope.spawn(move || tell.send(talk(input, output, said, order, pixels)));
        let talk = loop {
            match told.recv_timeout(LOOKS) {
                Ok(talk) => break talk,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(why) = ends() {
                        // Its pipes break, and with them ends who talks to it.
                        drop(worker);
                        return Err(why.into());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err("nobody talked to the encoder".into()),
            }
        };
        let status = worker.0.wait()?;
        if status.success() {
            talk.given?;
            return Ok(talk.file?);
        }
        Err(format!("the encoder's process ended with {status}: {}", talk.said.trim()).into())
    })
}

/// What came of talking to the encoder.
struct Talk {
    given: io::Result<()>,
    file: io::Result<Vec<u8>>,
    said: String,
    /// Open until the encoder has ended: its end would tell it that nobody waits.
    _input: ChildStdin,
}

/// Gives it the order and its pixels, and takes what it has to say, until its end.
fn talk(mut input: ChildStdin, output: impl Read, said: impl Read, order: &Order, pixels: Vec<u8>) -> Talk {
    let given = order.write(&mut input).and_then(|()| input.write_all(&pixels)).and_then(|()| input.flush());
    // From here on the picture is there and not here.
    drop(pixels);
    let most = u64::from(order.width) * u64::from(order.height) * MOST + (64 << 20);
    let mut file = Vec::new();
    let read = output.take(most).read_to_end(&mut file);
    let mut why = String::new();
    let _ = said.take(SAID).read_to_string(&mut why);
    Talk { given, file: read.map(|_| file), said: why, _input: input }
}

fn too_slow(name: &str, limit: Duration) -> Error {
    Error::new(Code::BrokenImage, words::making_slow(name, called("image/avif"), limit.as_secs().div_ceil(60)))
}

fn absent(program: &Path, error: io::Error) -> Cause {
    Error::new(Code::Unsupported, words::avif_absent(program.display())).because(error).into()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const SIDE: u32 = 500;

    fn order() -> (Order, Vec<u8>) {
        let order =
            Order { width: SIDE, height: SIDE, channels: 3, deep: false, quality: 80, fine: true, profile: None, exif: None };
        let pixels = vec![7; order.row() * SIDE as usize];
        (order, pixels)
    }

    /// A program that does what the script says, in a folder that lasts as long as it does.
    fn script(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("imagepic");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("may be started");
        (folder, path)
    }

    fn coded(text: &str) -> Result<Vec<u8>, Cause> {
        coded_unless(text, || None)
    }

    fn coded_unless(text: &str, ends: impl Fn() -> Option<Error>) -> Result<Vec<u8>, Cause> {
        let (_folder, program) = script(text);
        let (order, pixels) = order();
        // A program that was written a moment ago is still held open by whoever started another one meanwhile.
        loop {
            match code_by(&program, &order, pixels.clone(), &ends) {
                Err(cause) if format!("{cause:?}").contains("ExecutableFileBusy") => std::thread::sleep(Duration::from_millis(5)),
                other => return other,
            }
        }
    }

    #[test]
    fn what_the_encoder_says_of_its_end_is_told_and_one_that_falls_over_takes_nobody_along() {
        for (script, told) in [
            ("head -c 100000 > /dev/null; echo 'no room' >&2; exit 3", "no room"),
            ("exit 3", "3"),
            ("head -c 1000 > /dev/null; kill -9 $$", "signal"),
            ("echo half; exit 1", "1"),
        ] {
            let cause = coded(script).expect_err(script).to_string();
            assert!(cause.contains(told), "{script}: {cause}");
        }
    }

    #[test]
    fn the_encoder_gets_all_pixels_and_no_word_of_what_this_process_was_told() {
        let path = std::env::var_os("PATH");
        assert!(path.is_some(), "this process has an environment");
        let (order, pixels) = order();
        let mut wanted = Vec::new();
        order.write(&mut wanted).expect("written");
        wanted.extend(pixels);
        let length = wanted.len();
        // It keeps its input open until it is answered, so that the encoder counts for itself.
        let answer = coded(&format!("head -c {length} | /usr/bin/sha256sum; /usr/bin/env; echo $1")).expect("answered");
        let answer = String::from_utf8(answer).expect("text");
        use sha2::Digest as _;
        assert!(answer.starts_with(&hex::encode(sha2::Sha256::digest(&wanted))), "{answer}");
        assert!(answer.trim_end().ends_with(COMMAND), "{answer}");
        // A shell sets these two for itself.
        let foreign =
            answer.lines().skip(1).filter(|line| line.contains('=') && !line.starts_with("PWD=") && !line.starts_with("_="));
        assert_eq!(foreign.count(), 0, "{answer}");
    }

    #[test]
    fn an_encoder_that_goes_on_for_ever_is_ended_once_nobody_waits_or_its_time_is_up() {
        // One that takes all pixels and one that takes none, so that whoever gives them is stuck; neither ever answers.
        for hangs in ["exec cat > /dev/null", "exec sleep 1000"] {
            let folder = tempfile::tempdir().expect("a folder");
            let begun = folder.path().join("begun");
            // Only a script that runs can be seen to end.
            let text = format!("echo $$ > '{0}.part' && mv '{0}.part' '{0}'; {hangs}", begun.display());
            let ends = || begun.exists().then(|| stopped("photo.jpg", Format::Avif));
            let error = coded_unless(&text, ends).expect_err(hangs).downcast::<Error>().expect("an error with a sentence");
            assert_eq!(error.code, Code::Cancelled);
            let number = fs::read_to_string(&begun).expect("it ran");
            assert!(!Path::new("/proc").join(number.trim()).exists() || cfg!(not(target_os = "linux")), "{hangs}: it is gone");
        }
    }

    #[test]
    fn no_encoder_is_begun_once_nobody_waits() {
        let (order, pixels) = order();
        // Who tried to begin one would trip over this.
        let program = Path::new("/nowhere/imagepic");
        let ends = || Some(stopped("photo.jpg", Format::Avif));
        let before = code_by(program, &order, pixels, &ends).expect_err("nobody waits");
        assert!(before.downcast::<Error>().is_ok_and(|error| error.code == Code::Cancelled));
    }

    #[test]
    fn the_time_an_encoder_has_grows_with_its_picture_and_who_ran_out_of_it_is_told() {
        let small = order().0;
        assert!(small.limit() >= Duration::from_secs(60));
        let large = Order { width: 6000, height: 4000, ..small };
        assert_eq!(large.limit(), Duration::from_secs(25 * 60));
        let error = too_slow("photo.jpg", large.limit());
        for lang in [imagepic_words::Lang::En, imagepic_words::Lang::ZhCn] {
            let told = error.message(lang);
            assert!(told.contains("photo.jpg") && told.contains("AVIF") && told.contains("25"), "{told}");
        }
    }

    #[test]
    fn where_the_program_is_missing_it_is_said_which_and_what_to_do() {
        let (order, pixels) = order();
        let cause = code_by(Path::new("/nowhere/imagepic"), &order, pixels, &|| None).expect_err("it is not there");
        let error = cause.downcast::<Error>().expect("an error with a sentence");
        assert_eq!(error.code, Code::Unsupported);
        for lang in [imagepic_words::Lang::En, imagepic_words::Lang::ZhCn] {
            assert!(error.message(lang).contains("/nowhere/imagepic"));
        }
    }
}
