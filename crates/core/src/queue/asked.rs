//! Uploads that wait for their names: who asks is a window, who answers is a person, and nobody else lets them go on.
//!
//! Such a row stands in the journal as waiting from its first moment on, so that neither a kill nor another process takes it for one
//! that may go. The one thing that spares the question is that its very bytes are at their place already: then it has a link, whatever
//! it would be called. What stays out: which uploads are asked about (intake decides) and the window.

use std::sync::Arc;

use imagepic_words::asked as words;

use super::{Queue, same_content};
use crate::error::{Code, Error, Result, Waiting};
use crate::journal::{Row, RowState};
use crate::live::Live;
use crate::naming::{self, LONGEST_KEY, Misnamed};

/// Why an upload stands still that nobody has named yet.
pub(crate) fn wanted(key: &str) -> Error {
    Error::new(Code::NameWanted, words::waits(last(key)))
}

fn last(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

fn called(row: &Row) -> &str {
    if row.name.is_empty() { last(&row.key) } else { &row.name }
}

/// The key of an upload under the name that a person typed for it.
fn key_of(row: &Row, typed: &str) -> Result<String> {
    let wrong = |wrong| match wrong {
        Misnamed::Empty => words::empty(),
        Misnamed::Slash => words::slash(),
        Misnamed::Long => words::long(LONGEST_KEY),
    };
    naming::renamed(&row.key, typed).map_err(|misnamed| Error::new(Code::BadRequest, wrong(misnamed)).at("name"))
}

impl Queue {
    /// Lets an upload go on that waits for its name: under the one that is typed, or as it is called.
    pub(crate) async fn name(&self, id: i64, typed: Option<&str>) -> Result<()> {
        let mut changes = self.hub.generations();
        // Whether its bytes are there already is found out in a moment.
        while self.hub.with(|live| live.entries.get(&id).is_some_and(|entry| entry.sending && entry.row.wants_name())) {
            if changes.changed().await.is_err() {
                break;
            }
        }
        let row = self.row(id).await?;
        let over = |row: &Row| Error::new(Code::BadRequest, words::over(called(row)));
        if row.state != RowState::Waiting || !row.wants_name() {
            // Its bytes were there: it has its link, which is what was wanted.
            return if row.state == RowState::Done { Ok(()) } else { Err(over(&row)) };
        }
        let key = typed.map_or_else(|| Ok(row.key.clone()), |typed| key_of(&row, typed))?;
        let name = Some(last(&key).to_owned()).filter(|_| key != row.key);
        self.claim_spool(&row);
        let Some(named) = self.journal.named(id, self.owner.clone(), key, name).await? else { return Err(over(&row)) };
        self.hub.with(|live| {
            self.released(live, &named);
            live.put(named.clone(), true);
        });
        self.hub.tell(&named);
        self.wake();
        Ok(())
    }

    /// Whoever has named it has given it by hand at that moment: from then on counts how long its link may take the clipboard.
    pub(super) fn released(&self, live: &mut Live, row: &Row) {
        let now = self.now();
        let batch = live.batch_of(row);
        (batch.news, batch.told, batch.taken_at) = (true, None, now);
    }

    /// It was looked whether its bytes are at their place already, and they are not: a person is asked.
    pub(super) async fn unnamed(self: &Arc<Self>, row: &Row) {
        let stopped = self.hub.with(|live| {
            let entry = live.entries.get_mut(&row.id)?;
            if entry.cancel.is_cancelled() {
                return Some(true);
            }
            // In the journal it has waited all the time.
            (entry.sending, entry.row.state) = (false, RowState::Waiting);
            Some(false)
        });
        match stopped {
            Some(true) => self.cancelled(row).await,
            Some(false) => self.hub.tell(row),
            None => self.hub.tell_status(),
        }
    }

    /// An upload is done: others of the same bytes for the same place need no name.
    pub(super) fn spare_names(&self, done: &Row) {
        let content = same_content(done);
        let spared: Vec<Row> = self.hub.with(|live| {
            let same = live.entries.values_mut().filter(|entry| {
                let waits = entry.own && !entry.sending && entry.row.state == RowState::Waiting && entry.row.wants_name();
                waits && same_content(&entry.row) == content
            });
            same.map(|entry| {
                entry.row.state = RowState::Queued;
                entry.row.clone()
            })
            .collect()
        });
        for row in &spared {
            self.hub.tell(row);
        }
        if !spared.is_empty() {
            self.wake();
        }
    }

    /// Has the queue look whether the bytes of a row that waits for its name are at their place by now.
    pub(super) fn look_whether_there(live: &mut Live, id: i64) {
        if let Some(entry) = live.entries.get_mut(&id).filter(|entry| entry.row.waiting == Some(Waiting::Name)) {
            entry.row.state = RowState::Queued;
        }
    }
}
