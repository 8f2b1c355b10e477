//! What the menu knows of buckets and folders: what the engine remembers, read without waiting and without asking anybody.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagepic_core::Code;
use imagepic_core::destination::Destination;
use imagepic_core::engine::{Browse, Folder, Known, Spot, moment};

/// What was last seen longer ago than this is said to be old.
const OLD: Duration = Duration::from_secs(2 * 3600);

/// How much what is known is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Worth {
    /// As good as new.
    Fresh,
    /// Seen then, and not since: a time of today, or a day and its time.
    Old(String),
    /// It did not answer when it was last asked, for this reason; seen then, if ever.
    Troubled(Code, Option<String>),
}

/// What is known of one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    known: Known,
    pub(super) worth: Worth,
}

/// What is known of all, and where a person has looked, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(HashMap<String, Seen>, Vec<Spot>);

/// From memory, at this moment.
pub(super) fn known(browse: &Browse, destinations: &[Destination], now: SystemTime) -> Places {
    let seen = |destination: &Destination| (destination.id.clone(), Seen::of(browse.known(&destination.id), now));
    Places(destinations.iter().map(seen).collect(), browse.looked())
}

impl Places {
    pub(super) fn of(&self, destination: &str) -> Option<&Seen> {
        self.0.get(destination)
    }

    /// Where a person has looked, newest first.
    pub(super) fn looked(&self) -> &[Spot] {
        &self.1
    }

    #[cfg(test)]
    pub(super) fn with(destination: &str, known: Known, now: SystemTime) -> Self {
        Self(HashMap::from([(destination.to_owned(), Seen::of(known, now))]), Vec::new())
    }

    #[cfg(test)]
    pub(super) fn and_looked(mut self, looked: Vec<Spot>) -> Self {
        self.1 = looked;
        self
    }
}

impl Seen {
    fn of(known: Known, now: SystemTime) -> Self {
        let at = known.as_of.and_then(|at| u64::try_from(at).ok()).map(|at| UNIX_EPOCH + Duration::from_millis(at));
        let worth = match (&known.trouble, at) {
            (Some(trouble), at) => Worth::Troubled(trouble.code, at.map(|at| moment(at, now))),
            (None, Some(at)) if now.duration_since(at).is_ok_and(|age| age > OLD) => Worth::Old(moment(at, now)),
            _ => Worth::Fresh,
        };
        Self { known, worth }
    }

    /// The buckets, empty where they are not (yet) known or not to be listed.
    pub(super) fn buckets(&self) -> &[String] {
        self.known.buckets.as_deref().map_or(&[], Vec::as_slice)
    }

    /// What is known of a folder (no slash at either end).
    pub(super) fn folder(&self, bucket: &str, folder: &str) -> Option<&Folder> {
        self.known.folders.get(&(bucket.to_owned(), prefix(folder))).map(AsRef::as_ref)
    }

    /// Somebody asked to look into it, and the answer is on its way.
    pub(super) fn is_asked(&self, bucket: &str, folder: &str) -> bool {
        !self.known.asked.is_empty() && self.known.asked.contains(&(bucket.to_owned(), prefix(folder)))
    }
}

/// `docs/img` as a prefix of keys.
pub(super) fn prefix(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

/// `docs/img/` below `docs/` is called `img`. A folder without a name (a key with two slashes in a row) cannot be chosen.
pub(super) fn name<'a>(folder: &'a str, prefix: &str) -> Option<&'a str> {
    folder.strip_prefix(prefix)?.strip_suffix('/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_called_by_their_last_name() {
        let folders = ["docs/img/", "docs/设计稿/", "docs//", "other/"];
        let names: Vec<_> = folders.iter().filter_map(|folder| name(folder, "docs/")).collect();
        assert_eq!(names, ["img", "设计稿"]);
    }

    #[test]
    fn what_is_old_or_out_of_reach_is_said_to_be() {
        let now = SystemTime::now();
        let at = |ago: u64| {
            let since = (now - Duration::from_secs(ago)).duration_since(UNIX_EPOCH).expect("after 1970");
            i64::try_from(since.as_millis()).ok()
        };
        // Whole milliseconds, as they are kept.
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(at(0).expect("a time")).expect("after 1970"));
        let worth = |known: Known| Seen::of(known, now).worth;
        assert_eq!(worth(Known { as_of: at(60), ..Known::default() }), Worth::Fresh);
        assert_eq!(worth(Known::default()), Worth::Fresh, "nothing is known yet, which is no fault");
        let said = |ago: u64| Worth::Old(moment(now - Duration::from_secs(ago), now));
        assert_eq!(worth(Known { as_of: at(3 * 3600), ..Known::default() }), said(3 * 3600));
        let Worth::Old(days) = worth(Known { as_of: at(50 * 3600), ..Known::default() }) else { panic!("it is old") };
        assert_eq!(days.len(), "2026-11-21 10:32".len(), "the day is said: {days}");
        let text = imagepic_words::store::unreachable("s3.example");
        let trouble = Some(imagepic_core::error::Fault { code: Code::Unreachable, text });
        assert!(matches!(
            worth(Known { as_of: at(60), trouble: trouble.clone(), ..Known::default() }),
            Worth::Troubled(Code::Unreachable, Some(_))
        ));
        assert_eq!(worth(Known { trouble, ..Known::default() }), Worth::Troubled(Code::Unreachable, None));
    }
}
