//! Telling when `settings.toml` changes, whoever changed it: another process, an editor, a synchronised folder.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use imagepic_words::home as words;
use notify::EventKind;

use super::Settings;
use super::file::SettingsFile;
use crate::error::{Code, Error, Result};
use crate::watching::{self, Heard, Watching};

/// Editors write in several steps; what comes within this time is one change.
const CALM: Duration = Duration::from_millis(40);

/// Watches as long as it lives.
#[derive(Debug)]
pub struct Watch {
    watching: Vec<Watching>,
    thread: Option<JoinHandle<()>>,
}

impl SettingsFile {
    /// Calls `changed` on a thread of its own with the new settings, or with what keeps them from being read, each time the content
    /// changes. Not for what the file holds already. The folder must be there.
    ///
    /// # Errors
    /// `HomeUnwritable` where the system watches no folder.
    pub fn watch(&self, mut changed: impl FnMut(Result<Settings>) + Send + 'static) -> Result<Watch> {
        let file = self.clone();
        let folder = |path: PathBuf| path.parent().map(PathBuf::from).unwrap_or_default();
        let dir = folder(file.path().to_owned());
        let target = std::fs::canonicalize(file.path()).unwrap_or_else(|_| file.path().to_owned());
        let names = [file.path().file_name().map(ToOwned::to_owned), target.file_name().map(ToOwned::to_owned)];
        let failed = |error: notify::Error| {
            Error::new(Code::HomeUnwritable, words::unreadable(file.path().display(), &error)).because(error)
        };

        let (wake, woken) = mpsc::sync_channel::<()>(1);
        let heard: Heard = Arc::new(move |event: notify::Result<notify::Event>| {
            // An error (too many events at once) may have hidden a change: look.
            let ours = event.map_or(true, |event| {
                !matches!(event.kind, EventKind::Access(_))
                    && (event.paths.is_empty()
                        || event.paths.iter().any(|path| names.iter().any(|name| path.file_name() == name.as_deref())))
            });
            if ours {
                // A full channel means that a look is due already.
                let _ = wake.try_send(());
            }
        });
        let mut watching = vec![watching::watch(&dir, &heard).map_err(failed)?];
        let target_dir = folder(target);
        if std::fs::canonicalize(&dir).ok().as_ref() != Some(&target_dir) {
            watching.extend(watching::watch(&target_dir, &heard).ok());
        }
        // The watches alone hold the way to the thread, so that it ends with them.
        drop(heard);

        let told = |result: Result<Settings>| result.map_err(|error| error.to_string());
        let mut last = told(file.load());
        let file = file.clone();
        let thread = std::thread::Builder::new()
            .name("settings-watch".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    while woken.recv_timeout(CALM).is_ok() {}
                    let now = told(file.load());
                    if now != last {
                        last = now;
                        changed(file.load());
                    }
                }
            })
            .map_err(|error| Error::new(Code::Internal, words::unreadable(self.path().display(), &error)).because(error))?;
        Ok(Watch { watching, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // They hold the sender; without it the thread ends.
        self.watching.clear();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::settings::{ClipboardMode, Theme};

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_change_by_another_process_arrives_and_so_does_what_breaks_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path());
        home.prepare().expect("a fresh home");
        let file = SettingsFile::of(&home);
        let (send, told) = mpsc::channel();
        let watch = file.watch(move |settings| drop(send.send(settings))).expect("a watch");

        file.change(|settings| {
            settings.capture.clipboard = ClipboardMode::Ask;
            Ok(())
        })
        .expect("a change");
        assert_eq!(told.recv_timeout(LONG).expect("told").expect("good").capture.clipboard, ClipboardMode::Ask);

        std::fs::write(file.path(), "[general").expect("an editor");
        assert_eq!(told.recv_timeout(LONG).expect("told").expect_err("broken").code, Code::SettingsBroken);

        std::fs::write(file.path(), "[general]\ntheme = \"dark\"\n").expect("an editor");
        let settings = told.recv_timeout(LONG).expect("told").expect("good again");
        assert_eq!((settings.general.theme, settings.capture.clipboard), (Theme::Dark, ClipboardMode::Off));

        drop(watch);
        assert!(told.recv_timeout(LONG).is_err(), "nothing is told once the watch has ended");
    }
}
