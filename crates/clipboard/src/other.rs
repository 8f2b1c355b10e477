//! The clipboard of macOS and Windows, through clipboard-rs: Windows tells changes by a message, macOS has none and is asked five times
//! a second. **Never run yet**: written against the interfaces, tried on neither system.
//!
//! Names differ there, so that lists of files and bitmaps without a file format get the names [`crate::content`] knows.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use clipboard_rs::common::RustImage as _;
use clipboard_rs::{
    Clipboard as _, ClipboardContent, ClipboardContext, ClipboardHandler, ClipboardWatcher as _, ClipboardWatcherContext,
    ContentFormat, WatcherShutdown,
};

use crate::content::{self, OWN};
use crate::gather::{Halt, Look, Source};
use crate::shared::{Patience, Shared};
use crate::{Board, Entry, Error};

const FILES: &str = "text/uri-list";
/// Stands for a bitmap without a file format, which becomes PNG.
const BITMAP: &str = "image/png";
const INTERVAL: Duration = Duration::from_millis(200);
/// Until our own write is reported back.
const ECHO: Duration = Duration::from_secs(2);

pub(crate) struct System {
    shared: Arc<Shared>,
    /// What marks our latest content as ours.
    token: Arc<Mutex<Vec<u8>>>,
    stop: Option<WatcherShutdown>,
}

struct Handler {
    shared: Arc<Shared>,
    token: Arc<Mutex<Vec<u8>>>,
    context: ClipboardContext,
}

impl ClipboardHandler for Handler {
    fn on_clipboard_change(&mut self) {
        let formats = self.context.available_formats().unwrap_or_default();
        let own = formats.iter().any(|name| name == OWN)
            && self
                .context
                .get_buffer(OWN)
                .is_ok_and(|value| value == *self.token.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.changed(own, formats.is_empty());
    }
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::Unavailable(error.to_string())
}

impl System {
    pub(crate) fn connect() -> Result<Self, Error> {
        let shared = Arc::new(Shared::new());
        let token = Arc::new(Mutex::new(Vec::new()));
        let context = ClipboardContext::new().map_err(unavailable)?;
        shared.found(context.available_formats().unwrap_or_default().is_empty());
        let mut watcher = ClipboardWatcherContext::new_with_interval(INTERVAL).map_err(unavailable)?;
        watcher.add_handler(Handler { shared: Arc::clone(&shared), token: Arc::clone(&token), context });
        let stop = watcher.get_shutdown_channel();
        let ended = Arc::clone(&shared);
        thread::Builder::new()
            .name("clipboard".to_owned())
            .spawn(move || {
                watcher.start_watch();
                ended.close(Error::Closed("the system reports no more changes".to_owned()));
            })
            .map_err(unavailable)?;
        Ok(Self { shared, token, stop: Some(stop) })
    }
}

impl Board for System {
    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Neither system lets us wait for changes that are under way; a mark may be late by [`INTERVAL`] on macOS.
    fn sync(&self) -> Result<(), Error> {
        self.shared.now().map(|_| ())
    }

    fn write(&self, entries: Vec<Entry>) -> Result<u64, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let context = ClipboardContext::new().map_err(unavailable)?;
        let before = self.shared.now()?.serial;
        if entries.is_empty() {
            context.clear().map_err(unavailable)?;
            return Ok(self.shared.wait_for(ECHO, |state| state.serial != before).serial);
        }
        let token = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)).into_bytes();
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
        let mut contents = vec![ClipboardContent::Other(OWN.to_owned(), token)];
        for entry in entries {
            match entry.name.as_str() {
                "text/plain;charset=utf-8" => {
                    contents.push(ClipboardContent::Text(String::from_utf8_lossy(&entry.bytes).into_owned()));
                }
                FILES => {
                    let (paths, _) = content::file_list(&entry.bytes);
                    contents.push(ClipboardContent::Files(
                        paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect(),
                    ));
                }
                "image/png" if cfg!(windows) => contents.push(ClipboardContent::Other("PNG".to_owned(), entry.bytes.to_vec())),
                "image/png" => contents.push(ClipboardContent::Other("public.png".to_owned(), entry.bytes.to_vec())),
                name if name.starts_with("image/") => contents.push(ClipboardContent::Other(entry.name, entry.bytes.to_vec())),
                _ => {}
            }
        }
        context.set(contents).map_err(unavailable)?;
        let state = self.shared.wait_for(ECHO, |state| state.own && state.serial != before);
        Ok(state.serial)
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Reader { context: ClipboardContext::new().map_err(unavailable)?, shared: Arc::clone(&self.shared) }))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.stop();
        }
    }
}

struct Reader {
    context: ClipboardContext,
    shared: Arc<Shared>,
}

impl Source for Reader {
    fn look(&mut self, _patience: &mut Patience<'_>) -> Result<Look, Halt> {
        let serial = self.shared.now()?.serial;
        let mut targets = self.context.available_formats().map_err(unavailable)?;
        let offered = content::Offered::of(&targets);
        if self.context.has(ContentFormat::Files) {
            targets.push(FILES.to_owned());
        }
        if offered.images.is_empty() && self.context.has(ContentFormat::Image) {
            targets.push(BITMAP.to_owned());
        }
        if self.context.has(ContentFormat::Text) {
            targets.push("text/plain".to_owned());
        }
        Ok(Look { serial, empty: targets.is_empty(), targets })
    }

    fn fetch(&mut self, serial: u64, target: &str, limit: u64, patience: &mut Patience<'_>) -> Result<Bytes, Halt> {
        patience.begin(target, serial);
        let bytes = match target {
            FILES => {
                let files = self.context.get_files().map_err(|_| Halt::Refused)?;
                content::uri_list(&files.into_iter().map(PathBuf::from).collect::<Vec<_>>()).into_bytes()
            }
            BITMAP => {
                let image = self.context.get_image().map_err(|_| Halt::Refused)?;
                image.to_png().map_err(|_| Halt::Refused)?.get_bytes().to_vec()
            }
            name => self.context.get_buffer(name).map_err(|_| Halt::Refused)?,
        };
        patience.progress();
        patience.slice()?;
        patience.fits(bytes.len() as u64, limit)?;
        if self.shared.now()?.serial == serial { Ok(bytes.into()) } else { Err(Halt::Changed) }
    }
}
