//! Every upload in brief, in memory while somebody looks at the library: finding among a hundred thousand takes a few milliseconds,
//! whatever is sought, and counts come with it. It follows the journal by the number of the last change, so that it is never stale.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Found, LibraryQuery, LinkLife};
use crate::error::Result;
use crate::event::Stage;
use crate::journal::{Brief, Journal, RowState};
use crate::queue::blocking;

/// Rows that are read at a time, so that others who ask the journal do not wait for all of them.
const AT_ONCE: u32 = 10_000;
/// So long before their end links are called ending, in milliseconds.
const ENDING: i64 = 24 * 3600 * 1000;

/// So long the store is not asked again for a picture it could not give.
const ASKED_AGAIN: Duration = Duration::from_secs(120);
/// Uploads of which that is remembered.
const REMEMBERED: usize = 4096;

#[derive(Debug)]
struct Entry {
    taken_at: i64,
    id: i64,
    state: RowState,
    destination: u32,
    expires_at: Option<i64>,
    /// Name, bucket and key in lower case.
    text: Box<str>,
}

#[derive(Debug, Default)]
struct Loaded {
    /// Oldest first.
    entries: Vec<Entry>,
    destinations: HashMap<String, u32>,
    /// The last change that is in it.
    changed: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    loaded: Arc<Mutex<Option<Loaded>>>,
    /// One reads the journal at a time.
    filling: tokio::sync::Mutex<()>,
    /// Uploads whose small picture the store could not give, and since when: a list that is scrolled does not ask again and again.
    pictureless: Mutex<HashMap<i64, Instant>>,
}

impl Catalog {
    /// The store was asked for this picture a moment ago, in vain.
    pub(crate) fn lacks_picture(&self, id: i64) -> bool {
        lock(&self.pictureless).get(&id).is_some_and(|since| since.elapsed() < ASKED_AGAIN)
    }

    pub(crate) fn had_no_picture(&self, id: i64) {
        let mut known = lock(&self.pictureless);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(id, Instant::now());
    }

    /// Gives the memory back; the next search reads the journal anew.
    pub(crate) fn rest(&self) {
        *lock(&self.loaded) = None;
    }

    /// What the query asks for, newest first, without `hidden`.
    pub(crate) async fn find(&self, journal: &Journal, query: LibraryQuery, now: i64, hidden: Vec<i64>) -> Result<Found> {
        self.follow(journal).await?;
        let loaded = Arc::clone(&self.loaded);
        let hidden: HashSet<i64> = hidden.into_iter().collect();
        blocking(move || Ok(lock(&loaded).as_ref().map(|loaded| loaded.find(&query, now, &hidden)).unwrap_or_default())).await
    }

    async fn follow(&self, journal: &Journal) -> Result<()> {
        let _alone = self.filling.lock().await;
        let known = lock(&self.loaded).as_ref().map(|loaded| loaded.changed);
        if let Some(known) = known {
            let (briefs, upto) = journal.briefs_since(known).await?;
            if let Some(loaded) = lock(&self.loaded).as_mut() {
                briefs.into_iter().for_each(|brief| loaded.take(brief));
                loaded.changed = upto;
            }
            return Ok(());
        }
        // What changes while it is read comes with the next look.
        let (_, upto) = journal.briefs_since(i64::MAX).await?;
        let mut loaded = Loaded { changed: upto, ..Loaded::default() };
        let mut after = 0;
        loop {
            let briefs = journal.briefs(after, AT_ONCE).await?;
            let last = briefs.len() < AT_ONCE as usize;
            after = briefs.last().map_or(after, |brief| brief.id);
            for brief in briefs {
                let entry = loaded.entry(brief);
                loaded.entries.push(entry);
            }
            if last {
                break;
            }
        }
        loaded.entries.sort_unstable_by_key(|entry| (entry.taken_at, entry.id));
        *lock(&self.loaded) = Some(loaded);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loaded {
    fn entry(&mut self, brief: Brief) -> Entry {
        let next = u32::try_from(self.destinations.len()).unwrap_or(u32::MAX);
        let destination = *self.destinations.entry(brief.destination).or_insert(next);
        let text = format!("{}\n{}/{}", brief.name, brief.bucket, brief.key).to_lowercase().into_boxed_str();
        let (id, taken_at, state, expires_at) = (brief.id, brief.taken_at, brief.state, brief.expires_at);
        Entry { taken_at, id, state, destination, expires_at, text }
    }

    fn take(&mut self, brief: Brief) {
        let gone = brief.state == RowState::Gone;
        match self.entries.binary_search_by_key(&(brief.taken_at, brief.id), |entry| (entry.taken_at, entry.id)) {
            Ok(at) if gone => drop(self.entries.remove(at)),
            Ok(at) => {
                let entry = self.entry(brief);
                self.entries[at] = entry;
            }
            Err(_) if gone => {}
            Err(at) => {
                let entry = self.entry(brief);
                self.entries.insert(at, entry);
            }
        }
    }

    fn find(&self, query: &LibraryQuery, now: i64, hidden: &HashSet<i64>) -> Found {
        let mut found = Found::default();
        let words = words(&query.text);
        let finders: Vec<_> = words.iter().map(|word| memchr::memmem::Finder::new(word.as_bytes())).collect();
        // One that no upload ever went to finds nothing.
        let destination = query.destination.as_ref().map(|wanted| self.destinations.get(wanted).copied().unwrap_or(u32::MAX));
        for entry in self.entries.iter().rev() {
            if hidden.contains(&entry.id) {
                continue;
            }
            let life = life(entry, now);
            found.all += 1;
            found.waiting += u32::from(entry.state == RowState::Waiting);
            found.failed += u32::from(entry.state == RowState::Failed);
            found.ending += u32::from(life == Some(LinkLife::Ending));
            let fits = destination.is_none_or(|wanted| wanted == entry.destination)
                && query.stage.is_none_or(|stage| stands(entry.state, stage))
                && query.life.is_none_or(|wanted| life == Some(wanted))
                && query.from.is_none_or(|from| entry.taken_at >= from)
                && query.until.is_none_or(|until| entry.taken_at < until)
                && finders.iter().all(|finder| finder.find(entry.text.as_bytes()).is_some());
            if fits {
                found.ids.push((entry.id, entry.taken_at));
            }
        }
        found
    }
}

const fn stands(state: RowState, stage: Stage) -> bool {
    matches!(
        (state, stage),
        (RowState::Queued, Stage::Queued | Stage::Sending)
            | (RowState::Waiting, Stage::Waiting)
            | (RowState::Done, Stage::Done)
            | (RowState::Failed, Stage::Failed)
            | (RowState::Cancelled, Stage::Cancelled)
    )
}

fn life(entry: &Entry, now: i64) -> Option<LinkLife> {
    let ends = entry.expires_at.filter(|_| entry.state == RowState::Done)?;
    if ends <= now {
        return Some(LinkLife::Ended);
    }
    (ends - now <= ENDING).then_some(LinkLife::Ending)
}

/// What has to be in the text, in lower case. A link, alone or inside Markdown and the like, stands for the object it opens.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        match linked(word) {
            Some(path) => words.push(path),
            None => words.push(word.to_lowercase()),
        }
    }
    words
}

/// The last two parts of a link's path: a bucket or a public address may stand before them, and keys are compared as a whole.
fn linked(word: &str) -> Option<String> {
    let begins = word.find("http://").or_else(|| word.find("https://"))?;
    let rest = &word[begins..];
    let end = rest.find(['"', '\'', '<', '>', ')', ']', '}']).unwrap_or(rest.len());
    let url = url::Url::parse(&rest[..end]).ok()?;
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().to_lowercase();
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let kept = parts.split_off(parts.len().saturating_sub(2));
    let last = (*kept.last()?).to_owned();
    // In the root of a bucket that the host names, nothing stands before the name.
    if parts.is_empty() { Some(last) } else { Some(kept.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(id: i64, name: &str, key: &str) -> Brief {
        Brief {
            id,
            taken_at: id * 1000,
            state: RowState::Done,
            destination: "team".to_owned(),
            expires_at: None,
            name: name.to_owned(),
            bucket: "assets".to_owned(),
            key: key.to_owned(),
        }
    }

    fn loaded(briefs: Vec<Brief>) -> Loaded {
        let mut loaded = Loaded::default();
        briefs.into_iter().for_each(|brief| loaded.take(brief));
        loaded
    }

    fn found(loaded: &Loaded, query: &LibraryQuery) -> Vec<i64> {
        loaded.find(query, 0, &HashSet::new()).ids.into_iter().map(|(id, _)| id).collect()
    }

    fn text(text: &str) -> LibraryQuery {
        LibraryQuery { text: text.to_owned(), ..LibraryQuery::default() }
    }

    #[test]
    fn two_letters_of_chinese_any_case_and_every_word_are_found() {
        let loaded = loaded(vec![
            brief(1, "登录页-深色.png", "docs/img/登录页-深色-9f3a1c7e.png"),
            brief(2, "Checkout-Empty.PNG", "docs/img/checkout-empty-41be20d9.png"),
            brief(3, "ÜBERSICHT.png", "x/übersicht.png"),
        ]);
        assert_eq!(found(&loaded, &text("登录")), [1]);
        assert_eq!(found(&loaded, &text("checkout 41BE")), [2]);
        assert_eq!(found(&loaded, &text("übersicht")), [3]);
        assert_eq!(found(&loaded, &text("checkout 登录")), [0_i64; 0]);
        assert_eq!(found(&loaded, &text("  ")), [3, 2, 1], "newest first");
        assert_eq!(found(&loaded, &text("100%_")), [0_i64; 0], "nothing in it is a pattern");
    }

    #[test]
    fn a_pasted_link_finds_its_upload_however_it_is_written() {
        let loaded = loaded(vec![brief(1, "登录.png", "docs/img/登录 a.png"), brief(2, "b.png", "b.png")]);
        for link in [
            "https://s3.example/assets/docs/img/%E7%99%BB%E5%BD%95%20a.png?X-Amz-Signature=00",
            "![x](https://cdn.example/docs/img/%E7%99%BB%E5%BD%95%20a.png)",
            "<img src=\"https://assets.s3.example/docs/img/登录%20a.png\">",
        ] {
            let link = link.split_whitespace().find(|word| word.contains("http")).unwrap_or(link);
            assert_eq!(found(&loaded, &text(link)), [1], "{link}");
        }
        assert_eq!(found(&loaded, &text("https://assets.s3.example/b.png")), [2]);
    }

    #[test]
    fn what_changed_replaces_what_was_and_what_is_gone_goes() {
        let mut loaded = loaded(vec![brief(1, "a.png", "a.png"), brief(2, "b.png", "b.png")]);
        loaded.take(Brief { key: "c.png".to_owned(), name: "c.png".to_owned(), ..brief(1, "", "") });
        loaded.take(Brief { state: RowState::Gone, ..brief(2, "b.png", "b.png") });
        loaded.take(Brief { state: RowState::Gone, ..brief(9, "never seen", "") });
        assert_eq!(found(&loaded, &text("")), [1]);
        assert_eq!(found(&loaded, &text("c.png")), [1]);
        assert_eq!(found(&loaded, &text("a.png")), [0_i64; 0]);
    }

    #[test]
    fn links_are_ending_for_a_day_and_then_ended() {
        let hour = 3_600_000;
        let loaded = loaded(vec![
            Brief { expires_at: Some(100 * hour), ..brief(1, "a", "a") },
            Brief { expires_at: Some(70 * hour), ..brief(2, "b", "b") },
            Brief { expires_at: Some(60 * hour), ..brief(3, "c", "c") },
            Brief { expires_at: Some(60 * hour), state: RowState::Waiting, ..brief(4, "d", "d") },
        ]);
        let of = |life| {
            let query = LibraryQuery { life: Some(life), ..LibraryQuery::default() };
            loaded.find(&query, 65 * hour, &HashSet::new()).ids.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        assert_eq!(of(LinkLife::Ending), [2]);
        assert_eq!(of(LinkLife::Ended), [3]);
        let counts = loaded.find(&LibraryQuery::default(), 65 * hour, &HashSet::from([2]));
        assert_eq!((counts.all, counts.ending, counts.waiting), (3, 0, 1), "what is hidden is not counted");
    }

    #[test]
    fn filters_narrow_together() {
        let loaded = loaded(vec![
            brief(1, "a", "a"),
            Brief { destination: "r2".to_owned(), ..brief(2, "a", "a") },
            Brief { state: RowState::Failed, ..brief(3, "a", "a") },
        ]);
        let query = LibraryQuery { destination: Some("team".to_owned()), ..LibraryQuery::default() };
        assert_eq!(found(&loaded, &query), [3, 1]);
        assert_eq!(found(&loaded, &LibraryQuery { stage: Some(Stage::Failed), ..query.clone() }), [3]);
        assert_eq!(found(&loaded, &LibraryQuery { until: Some(2000), ..query.clone() }), [1]);
        assert_eq!(found(&loaded, &LibraryQuery { destination: Some("nowhere".to_owned()), ..query }), [0_i64; 0]);
    }
}
