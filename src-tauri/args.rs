//! The command line of the tray app: a window to open, files to upload. What stays out: doing it.

use std::ffi::OsString;
use std::path::Path;

use imagepic_core::settings::shortcuts::Deed;
use imagepic_instance::{Request, Window};
use imagepic_words::{Text, desktop as words};

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

fn deed(name: Option<&str>) -> Result<Deed, Text> {
    let text = name.unwrap_or_default();
    let names = || Deed::ALL.map(imagepic_instance::spoken).join(", ");
    imagepic_instance::deed(text).ok_or_else(|| imagepic_words::shortcuts::no_such_deed(names(), text))
}

fn window(name: Option<&str>) -> Result<Window, Text> {
    let names = || Window::ALL.map(Window::label).join(", ");
    let Some(text) = name else { return Err(words::show_needs_a_window(names())) };
    Window::of(text).ok_or_else(|| words::no_such_window(text, names()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
        assert_eq!(line(&["--show", "settings"]), Line::Start(Request { show: Some(Window::Settings), ..Request::default() }));
        assert_eq!(line(&["--show=drop-zone"]), Line::Start(Request { show: Some(Window::DropZone), ..Request::default() }));
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
