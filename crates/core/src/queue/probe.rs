//! Waiting for something outside: which upload tries, when, and who goes on once it has worked.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::Rng as _;

use super::Queue;
use crate::error::Waiting;
use crate::journal::{Row, RowState};
use crate::live::Entry;

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) pause: Duration,
    pub(super) due: Instant,
    /// The upload that tries at present.
    pub(super) row: Option<i64>,
}

impl Queue {
    /// Lets those go on whose time has come: busy stores' uploads, and one upload of each destination that is probed.
    pub(super) fn wake_due(&self) {
        let now = Instant::now();
        let mut probed = Vec::new();
        {
            let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
            for (destination, probe) in probes.iter_mut().filter(|(_, probe)| probe.due <= now) {
                probed.push(destination.clone());
                // Set anew when the probe has failed; until then nothing is due.
                probe.due = now + self.pace.probe.1.max(self.pace.sign_in) * 2;
            }
        }
        let chosen: Vec<(String, Option<i64>)> = self.hub.with(|live| {
            for entry in live.entries.values_mut().filter(|entry| entry.own && entry.due.is_some_and(|due| due <= now)) {
                entry.due = None;
                entry.row.state = RowState::Queued;
            }
            let choose = |destination: String| {
                let oldest = live.entries.values_mut().find(|entry| {
                    entry.own && !entry.sending && entry.row.destination == destination && waits_outside(&entry.row)
                });
                let row = oldest.map(|entry| {
                    entry.row.state = RowState::Queued;
                    entry.row.id
                });
                (destination, row)
            };
            probed.into_iter().map(choose).collect()
        });
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        for (destination, row) in chosen {
            match (row, probes.get_mut(&destination)) {
                (Some(_), Some(probe)) => probe.row = row,
                _ => drop(probes.remove(&destination)),
            }
        }
    }

    /// A probe that ended without an answer about its destination (its file was gone, a person stopped it) has told nothing: the next
    /// upload that waits tries at once.
    pub(super) fn follow_probes(&self) {
        let probes = || self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<i64> = probes().values().filter_map(|probe| probe.row).collect();
        if ended.is_empty() {
            return;
        }
        let tries = |entry: &Entry| entry.sending || (entry.own && !entry.blocked && entry.row.state == RowState::Queued);
        self.hub.with(|live| ended.retain(|id| !live.entries.get(id).is_some_and(tries)));
        for probe in probes().values_mut().filter(|probe| probe.row.is_some_and(|id| ended.contains(&id))) {
            probe.row = None;
            probe.due = Instant::now();
        }
    }

    /// Something changed that may let waiting uploads go on: a destination's settings, a secret (`None`: of all destinations).
    pub(crate) fn mended(&self, destination: Option<&str>) {
        self.mendings.fetch_add(1, Ordering::AcqRel);
        self.release(destination);
    }

    /// Uploads that wait for something outside go on.
    pub(super) fn release(&self, destination: Option<&str>) {
        let rows = self.hub.with(|live| {
            let concerned = |entry: &&mut Entry| {
                entry.own
                    && !entry.sending
                    && waits_outside(&entry.row)
                    && destination.is_none_or(|id| id == entry.row.destination)
            };
            live.entries
                .values_mut()
                .filter(concerned)
                .map(|entry| {
                    entry.row.state = RowState::Queued;
                    entry.row.clone()
                })
                .collect::<Vec<_>>()
        });
        {
            let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
            probes.retain(|id, _| destination.is_some_and(|destination| destination != id));
        }
        for row in &rows {
            self.hub.tell(row);
        }
        if !rows.is_empty() {
            self.wake();
        }
    }

    /// Uploads of one destination that wait go on: it has just answered.
    pub(super) fn answered(&self, destination: &str) {
        let probed = self.probes.lock().unwrap_or_else(PoisonError::into_inner).contains_key(destination);
        if probed {
            self.release(Some(destination));
        }
    }

    /// A new upload that meets the same trouble is no probe, and does not make the next one later.
    pub(super) fn plan_probe(&self, id: i64, destination: &str, waiting: Waiting) {
        let (first, longest) = if waiting == Waiting::SignIn { (self.pace.sign_in, self.pace.sign_in) } else { self.pace.probe };
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if probes.get(destination).is_some_and(|probe| probe.row != Some(id) && probe.due > now && probe.pause <= longest) {
            return;
        }
        let pause = probes.get(destination).map_or(first, |probe| (probe.pause * 2).min(longest).max(first));
        probes.insert(destination.to_owned(), Probe { pause, due: now + jitter(pause), row: None });
    }
}

/// It waits for something that a probe, or a person elsewhere, can mend.
fn waits_outside(row: &Row) -> bool {
    row.state == RowState::Waiting && !matches!(row.waiting, Some(Waiting::Retry | Waiting::Turn | Waiting::Name))
}

/// A fifth more or less, so that many clients do not come back at once.
pub(super) fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.8..1.2))
}
