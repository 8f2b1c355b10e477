//! One tray app a home: the first start holds a lock, every further one hands it what was asked, waits for the answer and ends.
//!
//! The answer comes once files are taken in and not before: whoever is told so may delete them, and a crash loses none. Until then the
//! line is held open; where it breaks, the first one has ended, and the further one does by itself what it asked for.
//!
//! Tray app and console program both know this: the console asks without a window library to load first.
//!
//! A lock file and a socket in the home's `run/` folder do this on Unix, and not the session bus: there may be none, two homes never
//! meet, file names pass byte for byte, and whoever comes while the first one is just ending simply takes over.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use imagepic_core::home::Home;
mod request;

pub use request::{Request, Window, deed, spoken};

/// How long a further start waits for the running one to hear it, or to end. Once heard it waits as long as that takes: a person may
/// be asked first.
const PATIENCE: Duration = Duration::from_secs(8);
/// A request is a few paths; whoever sends more is not imagepic.
#[cfg(unix)]
const LARGEST: u64 = 16 * 1024 * 1024;

/// Who is first.
#[derive(Debug)]
pub enum Claim {
    /// This process is; as long as it keeps this.
    First(First),
    /// Another one is, and it did what was asked.
    HandedOver,
    /// Another one is, and it did not take all of it, for this reason.
    Refused(String),
    /// Another one is, and it does not answer.
    Silent,
}

/// The lock of the first one, and where others knock.
#[derive(Debug)]
pub struct First {
    _lock: File,
    #[cfg(unix)]
    door: Option<std::os::unix::net::UnixListener>,
    socket: PathBuf,
}

impl Drop for First {
    fn drop(&mut self) {
        self.close();
    }
}

/// Becomes the first of this home, or hands `request` to it.
///
/// # Errors
/// Where `run/` cannot be written.
pub fn claim(home: &Home, request: &Request) -> io::Result<Claim> {
    let run = home.run();
    let socket = run.join("desktop.sock");
    #[cfg_attr(not(unix), expect(unused_mut, reason = "nothing is handed over there"))]
    let mut until = Instant::now() + PATIENCE;
    loop {
        let lock = File::options().read(true).write(true).create(true).truncate(false).open(run.join("desktop.lock"))?;
        match lock.try_lock() {
            Ok(()) => {
                return Ok(Claim::First(First {
                    _lock: lock,
                    #[cfg(unix)]
                    door: unix::listen(&run, &socket),
                    socket,
                }));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        #[cfg(unix)]
        match unix::hand_over(&run, request) {
            Ok(unix::Heard::Taken) => return Ok(Claim::HandedOver),
            Ok(unix::Heard::Refused(words)) => return Ok(Claim::Refused(words)),
            // It ends: however long that took to begin, there is time to take over.
            Ok(unix::Heard::Nothing) => until = Instant::now() + PATIENCE,
            Err(_) => {}
        }
        #[cfg(not(unix))]
        let _ = request;
        if Instant::now() >= until {
            return Ok(Claim::Silent);
        }
        // The first one is starting or ending: its lock is held and its socket is not there.
        std::thread::sleep(Duration::from_millis(40));
    }
}

impl First {
    /// Nobody knocks any more: the next start waits for the lock and takes over.
    pub fn close(&self) {
        let _ = fs::remove_file(&self.socket);
    }

    /// Calls `asked` for every further start, until the process ends; it answers when it can, from wherever it likes. A home whose
    /// socket cannot be made has none, and further starts say so.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub fn listen(&self, asked: impl Fn(Request, Answer) + Send + 'static) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(door) = &self.door {
            let door = door.try_clone()?;
            std::thread::Builder::new().name("further-starts".into()).spawn(move || unix::serve(&door, asked))?;
        }
        #[cfg(not(unix))]
        let _ = asked;
        Ok(())
    }
}

/// What a further start waits for. Dropped without a word it says that nothing was taken: that start waits for the lock and does by
/// itself what it asked for.
#[derive(Debug)]
pub struct Answer(#[cfg(unix)] std::os::unix::net::UnixStream);

impl Answer {
    /// All that was asked for is done, or lasts.
    pub fn taken(self) {
        self.say(TAKEN, "");
    }

    /// It was not, or not all of it.
    pub fn refused(self, words: &str) {
        self.say(REFUSED, words);
    }

    fn say(self, word: &str, words: &str) {
        #[cfg(unix)]
        if let Err(error) = unix::answer(&self.0, word, words) {
            tracing::info!(%error, word, "a further start no longer waits for its answer");
        }
        #[cfg(not(unix))]
        let _ = (word, words);
    }
}

/// The first one has the request whole and is at work.
#[cfg(unix)]
const HEARD: &str = "heard";
const TAKEN: &str = "taken";
const REFUSED: &str = "refused";

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, Permissions};
    use std::io::{self, BufRead as _, BufReader, Read, Write};
    use std::net::Shutdown;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::{Answer, HEARD, LARGEST, REFUSED, TAKEN};
    use crate::Request;

    const SOCKET: &str = "desktop.sock";
    /// So much of a refusal is told, in bytes: it must fit into the socket while nobody reads.
    const TOLD: usize = 16 << 10;

    /// What the first one said.
    pub(super) enum Heard {
        Taken,
        Refused(String),
        /// It heard, and ended before it had an answer.
        Nothing,
    }

    /// A socket's address holds 108 bytes (`unix(7)`), less than a path may have: on Linux the way through an open folder is short.
    fn address(run: &Path) -> io::Result<(File, PathBuf)> {
        let folder = File::open(run)?;
        let path = if cfg!(target_os = "linux") {
            PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(SOCKET)
        } else {
            run.join(SOCKET)
        };
        Ok((folder, path))
    }

    pub(super) fn listen(run: &Path, socket: &Path) -> Option<UnixListener> {
        // Left by one that was killed: the lock says that nobody listens there.
        let _ = fs::remove_file(socket);
        let bound = address(run).and_then(|(_folder, path)| UnixListener::bind(path));
        match bound {
            Ok(door) => {
                // The folder is private already; this holds where a file system ignores the folder's mode.
                let _ = fs::set_permissions(socket, Permissions::from_mode(0o600));
                Some(door)
            }
            Err(error) => {
                tracing::warn!(%error, socket = %socket.display(), "further starts cannot reach this imagepic");
                None
            }
        }
    }

    /// # Errors
    /// Where nobody is there to hear it.
    pub(super) fn hand_over(run: &Path, request: &Request) -> io::Result<Heard> {
        let (_folder, path) = address(run)?;
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&crate::request::write(request))?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = BufReader::new(stream);
        let mut first = Vec::new();
        Read::by_ref(&mut answer).take(64).read_until(b'\n', &mut first)?;
        match first.strip_suffix(b"\n").unwrap_or(&first) {
            said if said == HEARD.as_bytes() => {}
            // An older one says this alone, and at once.
            said if said == TAKEN.as_bytes() => return Ok(Heard::Taken),
            _ => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        answer.get_ref().set_read_timeout(None)?;
        let mut rest = Vec::new();
        // A line that breaks says what its end says.
        let _ = answer.take(LARGEST).read_to_end(&mut rest);
        let rest = String::from_utf8_lossy(&rest);
        Ok(match rest.split_once('\n') {
            Some((TAKEN, _)) => Heard::Taken,
            Some((REFUSED, words)) => Heard::Refused(words.to_owned()),
            _ => Heard::Nothing,
        })
    }

    pub(super) fn answer(mut stream: &UnixStream, word: &str, words: &str) -> io::Result<()> {
        let told = &words[..words.floor_char_boundary(TOLD)];
        stream.write_all(format!("{word}\n{told}").as_bytes())
    }

    pub(super) fn serve(door: &UnixListener, asked: impl Fn(Request, Answer)) {
        for knock in door.incoming() {
            let heard = knock.and_then(|stream| {
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                stream.set_write_timeout(Some(Duration::from_secs(5)))?;
                let mut bytes = Vec::new();
                (&stream).take(LARGEST).read_to_end(&mut bytes)?;
                let request = crate::request::read(&bytes).ok_or(io::ErrorKind::InvalidData)?;
                // Whoever has gone meanwhile asks again, or somebody else: it must not happen twice.
                (&stream).write_all(format!("{HEARD}\n").as_bytes())?;
                asked(request, Answer(stream));
                Ok(())
            });
            if let Err(error) = heard {
                tracing::warn!(%error, "a further start was not understood");
                // An endless error (out of file descriptors) must not become a busy loop.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;

    use imagepic_core::settings::shortcuts::Deed;

    use super::request::{read, write};
    use super::*;

    fn home(dir: &tempfile::TempDir) -> Home {
        let home = Home::at(dir.path());
        home.prepare().expect("a fresh home");
        home
    }

    fn asks() -> Request {
        let files = vec![PathBuf::from("/tmp/截图 1.png"), PathBuf::from("/tmp/a\nb.png")];
        Request { show: Some(Window::DropZone), act: None, files }
    }

    #[test]
    fn a_second_start_gives_its_files_to_the_first_exactly_as_they_are_called() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        let (sender, received) = mpsc::channel();
        let hear = move |request, answer: Answer| {
            answer.taken();
            sender.send(request).expect("it is waited for");
        };
        first.listen(hear).expect("a thread");
        assert!(matches!(claim(&home, &asks()), Ok(Claim::HandedOver)));
        assert_eq!(received.recv().expect("one request"), asks());
    }

    #[test]
    fn a_second_start_ends_once_its_files_are_taken_and_keeps_no_third_one_waiting() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        let (sender, heard) = mpsc::channel();
        let hear = move |request: Request, answer: Answer| match request.files.is_empty() {
            true => answer.taken(),
            false => sender.send(answer).expect("it is waited for"),
        };
        first.listen(hear).expect("a thread");
        let there = home.clone();
        let second = std::thread::spawn(move || claim(&there, &asks()));
        let answer = heard.recv().expect("it knocks");
        assert!(matches!(claim(&home, &Request::default()), Ok(Claim::HandedOver)), "another one is answered meanwhile");
        assert!(!second.is_finished(), "nothing is taken yet");
        answer.taken();
        assert!(matches!(second.join().expect("no panic"), Ok(Claim::HandedOver)));
    }

    #[test]
    fn why_files_were_refused_comes_back_in_words_however_many() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        let words = "笔记.txt 不是图片。\n".repeat(10_000);
        let said = words.clone();
        first.listen(move |_, answer| answer.refused(&said)).expect("a thread");
        let Ok(Claim::Refused(heard)) = claim(&home, &asks()) else { panic!("they were refused") };
        assert!(!heard.is_empty() && words.starts_with(&heard));
    }

    #[test]
    fn who_comes_while_the_first_is_ending_takes_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        // It holds its lock and answers nobody any more.
        fs::remove_file(&first.socket).expect("its socket");
        let next = std::thread::spawn(move || matches!(claim(&home, &asks()), Ok(Claim::First(_))));
        std::thread::sleep(Duration::from_millis(60));
        drop(first);
        assert!(next.join().expect("no panic"));
    }

    #[test]
    fn files_given_to_one_that_is_quitting_go_to_the_next_and_are_not_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        let (sender, knocked) = mpsc::channel();
        // It was asked before its socket went away, and takes nothing any more.
        first.listen(move |request, _| sender.send(request).expect("it is waited for")).expect("a thread");
        let next = std::thread::spawn(move || matches!(claim(&home, &asks()), Ok(Claim::First(_))));
        assert_eq!(knocked.recv().expect("it knocks"), asks());
        drop(first);
        assert!(next.join().expect("no panic"), "it was told that its files were taken");
    }

    #[test]
    fn a_socket_left_by_a_kill_is_no_obstacle() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = home(&dir);
        drop(std::os::unix::net::UnixListener::bind(home.run().join("desktop.sock")).expect("a stale socket"));
        assert!(matches!(claim(&home, &Request::default()), Ok(Claim::First(_))));
    }

    #[test]
    fn a_home_with_a_very_long_path_has_its_door_too() {
        let dir = tempfile::tempdir().expect("a folder");
        let home = Home::at(dir.path().join("x".repeat(120)));
        home.prepare().expect("a fresh home");
        let Ok(Claim::First(first)) = claim(&home, &Request::default()) else { panic!("nobody else is there") };
        first.listen(|_, answer| answer.taken()).expect("a thread");
        assert!(matches!(claim(&home, &asks()), Ok(Claim::HandedOver)));
    }

    #[test]
    fn nonsense_at_the_door_is_not_a_request() {
        for bytes in [&b""[..], b"1", b"2\0\0", b"1\0cellar\0", b"1\0\0relative.png\0", b"1\0settings\0/a"] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
        assert_eq!(read(&write(&asks())), Some(asks()));
        assert_eq!(read(&write(&Request::default())), Some(Request::default()));
        let keys = Request { act: Some(Deed::Pause), ..Request::default() };
        assert_eq!(read(&write(&keys)), Some(keys));
        assert_eq!(read(b"1\0do:nothing\0"), None);
    }
}
