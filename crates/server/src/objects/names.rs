//! Which names objects and buckets may have.
//!
//! New objects get names that every store, browser and file system takes the same way. What is there already may be called anything:
//! reading and removing ask only that the name can be said.

use http::StatusCode;
use imagepic_api::Code;

use crate::answer::Refusal;

/// Bytes of a key (AWS, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;
/// Older buckets of some stores have names this long.
const LONGEST_BUCKET: usize = 255;

fn refused(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::NameRefused, reason)
}

/// Lets through what a new object may be called.
pub(crate) fn new_key(key: &str) -> Result<(), Refusal> {
    old_key(key)?;
    if key.chars().any(char::is_control) {
        return Err(refused("the name holds control characters"));
    }
    if key.split('/').any(str::is_empty) {
        return Err(refused("the name holds an empty part, or begins or ends with a slash"));
    }
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(refused("the name holds the part . or .."));
    }
    Ok(())
}

/// Lets through what an object may be called that is there already.
pub(crate) fn old_key(key: &str) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(refused("the name is empty"));
    }
    if key.len() > LONGEST_KEY {
        return Err(refused("the name is longer than 1024 bytes"));
    }
    Ok(())
}

/// Lets through what a link can lead to. Browsers resolve `.` and `..` before they ask, also where they are percent-encoded (WHATWG URL,
/// "path state"), so that such a link asks for another object than was signed.
pub(crate) fn linked_key(key: &str) -> Result<(), Refusal> {
    old_key(key)?;
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(refused("no link can lead to a name that holds the part . or .."));
    }
    Ok(())
}

/// Whether a bucket can have that name at all; what cannot has no place in an address.
pub(crate) fn is_bucket(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_BUCKET
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && name.bytes().any(|byte| byte != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stores_or_browsers_read_differently_is_refused() {
        for key in ["a.png", "截图/截图 1.png", "a/b/c..png", "...", "a\\b", "-", "a b"] {
            assert!(new_key(key).is_ok(), "{key}");
        }
        let long = "x".repeat(1025);
        for key in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\nb", "a\u{0}", "a\u{85}b", "a\r\nx: y", &long] {
            assert_eq!(new_key(key).map_err(|refusal| refusal.error), Err(Code::NameRefused), "{key:?}");
        }
    }

    #[test]
    fn what_a_browser_would_resolve_gets_no_link() {
        for key in ["a.png", "a//b", "/a", "a/..b", "...", "a/"] {
            assert!(linked_key(key).is_ok(), "{key}");
        }
        for key in ["", "..", "../a", "a/../b", "a/.", "./a"] {
            assert_eq!(linked_key(key).map_err(|refusal| refusal.error), Err(Code::NameRefused), "{key:?}");
        }
    }

    #[test]
    fn a_bucket_cannot_be_a_way_out_of_its_store() {
        for name in ["pics", "My_Pics.2", "a"] {
            assert!(is_bucket(name), "{name}");
        }
        for name in ["", "..", ".", "a/b", "../x", "a?b", "a b", "a\r\n", "ü", "a:b", &"x".repeat(256)] {
            assert!(!is_bucket(name), "{name:?}");
        }
    }
}
