//! Why the system could not read or write something, in a language of ours: it says that in English only, and with numbers.

use std::io::{Error, ErrorKind};

use crate::{Text, reasons as words};

/// What an error of the system means, as a part of a sentence: `{path} cannot be read: {reason}.` What is not known here is told as the
/// system says it.
#[must_use]
pub fn reason(error: &Error) -> Text {
    match error.kind() {
        ErrorKind::PermissionDenied => words::no_permission(),
        ErrorKind::NotFound => words::not_there(),
        ErrorKind::AlreadyExists => words::there_already(),
        ErrorKind::IsADirectory => words::is_folder(),
        ErrorKind::NotADirectory => words::no_folder(),
        ErrorKind::ReadOnlyFilesystem => words::read_only(),
        ErrorKind::StorageFull => words::no_room(),
        ErrorKind::QuotaExceeded => words::quota(),
        ErrorKind::FileTooLarge => words::too_large(),
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => words::busy(),
        ErrorKind::InvalidFilename => words::bad_name(),
        ErrorKind::StaleNetworkFileHandle => words::moved_away(),
        ErrorKind::TimedOut => words::slow(),
        ErrorKind::UnexpectedEof => words::ended_early(),
        // Of the standard library only what reads text says so.
        ErrorKind::InvalidData if error.raw_os_error().is_none() => words::no_text(),
        _ => by_number(error),
    }
}

/// Those that the standard library has no name for (errno(3), the numbers of Linux).
fn by_number(error: &Error) -> Text {
    match error.raw_os_error().filter(|_| cfg!(target_os = "linux")) {
        Some(5 | 6 | 121) => words::device(),
        Some(23 | 24) => words::too_many_files(),
        Some(40) => words::link_loop(),
        _ => {
            let text = error.to_string();
            words::other(text.split(" (os error").next().unwrap_or_default().to_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lang;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_says_about_files_is_said_in_chinese_too() {
        // What open(2), read(2), write(2), rename(2) and mkdir(2) say, by number.
        for number in [1, 2, 5, 6, 13, 16, 17, 20, 21, 23, 24, 26, 27, 28, 30, 36, 40, 110, 116, 121, 122] {
            let reason = reason(&Error::from_raw_os_error(number));
            let (en, zh) = (reason.to(Lang::En), reason.to(Lang::ZhCn));
            assert!(!en.contains("os error") && !en.is_empty(), "{number}: {en}");
            assert!(!zh.is_ascii(), "{number}: {zh}");
        }
        let unknown = reason(&Error::from_raw_os_error(95));
        assert_eq!(unknown.to(Lang::En), unknown.to(Lang::ZhCn));
        assert!(!unknown.to(Lang::En).contains("os error"));
    }

    #[test]
    fn a_text_that_is_none_is_told_as_that() {
        let error = std::io::read_to_string(&b"\xff"[..]).expect_err("no text");
        assert_eq!(reason(&error).key(), "reasons.no_text");
    }
}
