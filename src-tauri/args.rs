//! The command line of the tray app: a window to open, files to upload. What stays out: doing it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use imagepic_core::settings::shortcuts::Deed;
use imagepic_words::{Text, desktop as words};

use crate::windows::Name;

/// What this start asks for; handed to the running imagepic where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The window to open.
    pub(crate) show: Option<Name>,
    /// What keys would do.
    pub(crate) act: Option<Deed>,
    /// Absolute paths to upload, byte for byte as they were given.
    pub(crate) files: Vec<PathBuf>,
}

impl Request {
    /// A start that asks for nothing: of a running imagepic it means "where are you?".
    pub(crate) fn is_bare(&self) -> bool {
        self.show.is_none() && self.act.is_none() && self.files.is_empty()
    }
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Start, or ask the running one.
    Start(Request),
    /// `--version`
    Version,
    /// `--help`
    Help,
    /// Nothing that can be done; exit code 2 (the shell convention for a wrong command line).
    Wrong(Text),
}

/// Reads the arguments after the program's name; relative paths are taken from `folder`.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>, folder: &Path) -> Line {
    let mut request = Request::default();
    let mut options = true;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let option = argument.to_str().filter(|text| options && text.starts_with('-') && text.len() > 1);
        match option {
            None => request.files.push(folder.join(argument)),
            Some("--") => options = false,
            Some("--version" | "-V") => return Line::Version,
            Some("--help" | "-h") => return Line::Help,
            Some("--show") => match window(arguments.next().as_deref().and_then(std::ffi::OsStr::to_str)) {
                Ok(name) => request.show = Some(name),
                Err(text) => return Line::Wrong(text),
            },
            Some("--do") => match deed(arguments.next().as_deref().and_then(std::ffi::OsStr::to_str)) {
                Ok(deed) => request.act = Some(deed),
                Err(text) => return Line::Wrong(text),
            },
            Some(other) => match other.strip_prefix("--show=").map(|name| window(Some(name))) {
                Some(Ok(name)) => request.show = Some(name),
                Some(Err(text)) => return Line::Wrong(text),
                None => return Line::Wrong(words::unknown_option(other)),
            },
        }
    }
    Line::Start(request)
}

/// `upload-clipboard`; the settings' own spelling is understood too.
fn deed(name: Option<&str>) -> Result<Deed, Text> {
    let text = name.unwrap_or_default();
    let names = || Deed::ALL.map(|deed| deed.name().replace('_', "-")).join(", ");
    Deed::named(&text.replace('-', "_")).ok_or_else(|| imagepic_words::shortcuts::no_such_deed(names(), text))
}

fn window(name: Option<&str>) -> Result<Name, Text> {
    let list = |names: &[Name]| names.iter().map(|name| name.label()).collect::<Vec<_>>().join(", ");
    let Some(text) = name else { return Err(words::show_needs_a_window(list(&Name::ALL))) };
    let Some(name) = Name::of(text) else { return Err(words::no_such_window(text, list(&Name::ALL))) };
    let opens: Vec<_> = Name::ALL.into_iter().filter(|name| name.exists()).collect();
    if name.exists() { Ok(name) } else { Err(words::no_such_window_yet(text, list(&opens))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> Line {
        read(arguments.iter().map(OsString::from), Path::new("/some dir"))
    }

    #[test]
    fn a_bare_start_asks_for_nothing() {
        assert_eq!(line(&[]), Line::Start(Request::default()));
    }

    #[test]
    fn files_are_found_from_where_the_command_was_given() {
        let Line::Start(request) = line(&["a.png", "/b/c d.png", "--", "--show"]) else { panic!("starts") };
        let files = ["/some dir/a.png", "/b/c d.png", "/some dir/--show"].map(PathBuf::from);
        assert_eq!(request.files, files);
        assert_eq!(request.show, None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_no_unicode_stays_what_it_is() {
        use std::os::unix::ffi::OsStringExt;
        let name = OsString::from_vec(vec![b'/', 0xff, b'.', b'p', b'n', b'g']);
        assert_eq!(read([name.clone()], Path::new("/")), Line::Start(Request { files: vec![name.into()], ..Request::default() }));
    }

    #[test]
    fn windows_are_opened_by_name_and_what_is_none_is_said() {
        assert_eq!(line(&["--show", "settings"]), Line::Start(Request { show: Some(Name::Settings), ..Request::default() }));
        assert_eq!(line(&["--show=drop-zone"]), Line::Start(Request { show: Some(Name::DropZone), ..Request::default() }));
        for (arguments, key) in [
            (&["--show", "attic"][..], "desktop.no_such_window"),
            (&["--show"], "desktop.show_needs_a_window"),
            (&["--shew"], "desktop.unknown_option"),
            (&["--do"], "shortcuts.no_such_deed"),
            (&["--do", "nothing"], "shortcuts.no_such_deed"),
        ] {
            let Line::Wrong(text) = line(arguments) else { panic!("{arguments:?} is wrong") };
            assert_eq!(text.key(), key);
        }
    }

    #[test]
    fn what_keys_do_can_be_asked_for_by_a_command() {
        for (text, deed) in [("upload-clipboard", Deed::UploadClipboard), ("pause", Deed::Pause), ("drop_zone", Deed::DropZone)] {
            let wanted = Request { act: Some(deed), ..Request::default() };
            assert!(!wanted.is_bare());
            assert_eq!(line(&["--do", text]), Line::Start(wanted));
        }
    }

    #[test]
    fn version_and_help_win() {
        assert_eq!(line(&["a.png", "--version"]), Line::Version);
        assert_eq!(line(&["-h"]), Line::Help);
    }
}
