//! From "the clipboard holds something" to [`Content`]: asks for as little as the decision needs, and never for concealed content.
//! The same for every backend; how types are listed and fetched is the backend's [`Source`].

use std::thread;
use std::time::Duration;

use bytes::Bytes;

use crate::content::{self, Offered};
use crate::shared::Patience;
use crate::{Content, Error};

/// Small texts (lists of files, the password hint) are never larger than this.
const SMALL: u64 = 16 << 20;

/// HTML may carry the image itself as a `data:` address, so it gets room, but not all of it.
const HTML: u64 = 64 << 20;

/// How often content may be replaced under our hands before we give up.
const ATTEMPTS: usize = 50;

/// An owner that has just started may not answer the first time.
const RETRY: [Duration; 3] = [Duration::from_millis(30), Duration::from_millis(100), Duration::from_millis(300)];

/// Why one attempt to read ended.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The clipboard holds something else by now: read that instead.
    Changed,
    /// The owner does not give this type.
    Refused,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is there.
#[derive(Debug)]
pub(crate) struct Look {
    pub serial: u64,
    /// Nobody owns the clipboard.
    pub empty: bool,
    /// The names of the types, as offered.
    pub targets: Vec<String>,
}

/// One backend's way of reading.
pub(crate) trait Source: Send {
    /// Lists what is offered now.
    fn look(&mut self, patience: &mut Patience<'_>) -> Result<Look, Halt>;

    /// Fetches one type, but only out of the content that `serial` stands for. At most `limit` bytes.
    fn fetch(&mut self, serial: u64, target: &str, limit: u64, patience: &mut Patience<'_>) -> Result<Bytes, Halt>;
}

/// What was read, and of which change.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub content: Content,
    pub serial: u64,
    /// imagepic put it there, this process or another; its bytes were not read then if `skip_own`.
    pub own: bool,
}

/// What the caller wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// An image beside text is [`Content::Mixed`] instead of its bytes.
    pub lone_only: bool,
    /// Do not read what imagepic put there.
    pub skip_own: bool,
}

/// Reads the newest content.
///
/// # Errors
/// [`Error`], together with the serial of the content that could not be read, where one was seen.
pub(crate) fn gather(source: &mut dyn Source, wish: Wish, patience: &mut Patience<'_>) -> Result<Gathered, (Error, Option<u64>)> {
    let mut seen = None;
    for _ in 0..ATTEMPTS {
        match attempt(source, wish, patience, &mut seen) {
            Ok(gathered) => return Ok(gathered),
            Err(Halt::Changed) => {}
            Err(Halt::Refused) => return Err((Error::Refused("its list of types".to_owned()), seen)),
            Err(Halt::Failed(error)) => return Err((error, seen)),
        }
    }
    Err((Error::Restless, seen))
}

fn attempt(source: &mut dyn Source, wish: Wish, patience: &mut Patience<'_>, seen: &mut Option<u64>) -> Result<Gathered, Halt> {
    let look = look(source, patience)?;
    let serial = look.serial;
    *seen = Some(serial);
    let offered = Offered::of(&look.targets);
    let own = offered.own;
    let gathered = |content| Ok(Gathered { content, serial, own });
    if look.empty || offered.empty {
        return gathered(Content::Nothing);
    }
    if own && wish.skip_own {
        return gathered(Content::Text);
    }
    if offered.concealed {
        return gathered(Content::Concealed);
    }
    if let Some(hint) = &offered.hint {
        match source.fetch(serial, hint, SMALL, patience) {
            Ok(value) if value.trim_ascii() != b"secret" => {}
            Err(halt @ (Halt::Changed | Halt::Failed(Error::Stopped | Error::Closed(_)))) => return Err(halt),
            // A hint that cannot be read says enough: somebody meant to hide something.
            _ => return gathered(Content::Concealed),
        }
    }
    for target in &offered.files {
        let list = match source.fetch(serial, target, SMALL, patience) {
            Ok(list) => list,
            Err(Halt::Refused) => continue,
            Err(halt) => return Err(halt),
        };
        let (paths, left_out) = content::file_list(&list);
        if left_out > 0 {
            tracing::warn!(left_out, "the clipboard lists addresses that are no files of this computer; they are left out");
        }
        if !paths.is_empty() {
            return gathered(Content::Files(paths));
        }
    }
    if offered.images.is_empty() {
        return gathered(Content::Text);
    }
    if wish.lone_only {
        if offered.text {
            return gathered(Content::Mixed);
        }
        if let Some(target) = &offered.html {
            match source.fetch(serial, target, HTML, patience) {
                Ok(html) if html.is_empty() || content::is_single_image(&html) => {}
                Ok(_) | Err(Halt::Failed(Error::TooLarge(..))) => return gathered(Content::Mixed),
                Err(Halt::Refused) => {}
                Err(halt) => return Err(halt),
            }
        }
    }
    for (target, mime) in &offered.images {
        match source.fetch(serial, target, patience.limits.bytes, patience) {
            Ok(bytes) if !bytes.is_empty() => return gathered(Content::Image { bytes, mime: mime.clone() }),
            Ok(_) | Err(Halt::Refused) => {}
            Err(halt) => return Err(halt),
        }
    }
    let names: Vec<&str> = offered.images.iter().map(|(target, _)| target.as_str()).collect();
    Err(Halt::Failed(Error::Refused(names.join(", "))))
}

/// The text that is offered, where there is one of at most `limit` bytes, without reading anything else. Neither concealed text nor
/// imagepic's own.
///
/// # Errors
/// [`Error`].
pub(crate) fn text(source: &mut dyn Source, limit: u64, patience: &mut Patience<'_>) -> Result<Option<(String, u64)>, Error> {
    for _ in 0..ATTEMPTS {
        match text_of(source, limit, patience) {
            Ok(text) => return Ok(text),
            Err(Halt::Changed) => {}
            Err(Halt::Refused | Halt::Failed(Error::TooLarge(..))) => return Ok(None),
            Err(Halt::Failed(error)) => return Err(error),
        }
    }
    Err(Error::Restless)
}

fn text_of(source: &mut dyn Source, limit: u64, patience: &mut Patience<'_>) -> Result<Option<(String, u64)>, Halt> {
    let look = look(source, patience)?;
    let offered = Offered::of(&look.targets);
    if look.empty || offered.own || offered.concealed {
        return Ok(None);
    }
    if let Some(hint) = &offered.hint {
        match source.fetch(look.serial, hint, SMALL, patience) {
            Ok(value) if value.trim_ascii() != b"secret" => {}
            Err(halt @ (Halt::Changed | Halt::Failed(Error::Stopped | Error::Closed(_)))) => return Err(halt),
            _ => return Ok(None),
        }
    }
    // ICCCM's own names say which letters they hold; the bare media type comes last.
    let known = ["text/plain;charset=utf-8", "UTF8_STRING", "public.utf8-plain-text", "text/plain", "STRING"];
    for name in known {
        let Some(target) = look.targets.iter().find(|target| target.eq_ignore_ascii_case(name)) else { continue };
        match source.fetch(look.serial, target, limit, patience) {
            Ok(bytes) => return Ok(String::from_utf8(bytes.to_vec()).ok().map(|text| (text, look.serial))),
            Err(Halt::Refused) => {}
            Err(halt) => return Err(halt),
        }
    }
    Ok(None)
}

/// Lists the types, and gives an owner that is not ready yet a little time.
fn look(source: &mut dyn Source, patience: &mut Patience<'_>) -> Result<Look, Halt> {
    for pause in RETRY {
        match source.look(patience) {
            Ok(look) if look.empty || !look.targets.is_empty() => return Ok(look),
            Ok(_) | Err(Halt::Refused) => {}
            Err(halt) => return Err(halt),
        }
        thread::sleep(pause);
    }
    source.look(patience)
}
