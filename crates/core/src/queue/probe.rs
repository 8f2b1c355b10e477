//! Waiting for something outside: which upload tries, when, and who goes on once it has worked.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
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
    /// Whoever holds this may look at the present beside it, never the other way round: so an upload that waits has its probe at
    /// every moment that others see.
    pub(super) fn probes(&self) -> MutexGuard<'_, HashMap<String, Probe>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets those go on whose time has come: busy stores' uploads, and one upload of each destination that is probed.
    pub(super) fn wake_due(&self) {
        let now = Instant::now();
        let mut probes = self.probes();
        let mut probed = Vec::new();
        for (destination, probe) in probes.iter_mut().filter(|(_, probe)| probe.due <= now) {
            probed.push(destination.clone());
            // Set anew when the probe has failed; until then nothing is due.
            probe.due = now + self.pace.probe.1.max(self.pace.sign_in) * 2;
        }
        let chosen: Vec<(String, Option<i64>)> = self.hub.with(|live| {
            for entry in live.entries.values_mut().filter(|entry| entry.own && entry.due.is_some_and(|due| due <= now)) {
                entry.due = None;
                entry.row.state = RowState::Queued;
            }
            let choose = |destination: String| {
                let oldest = live.entries.values_mut().find(|entry| {
                    let free = entry.own && !entry.sending && !entry.held_back;
                    free && entry.row.destination == destination && waits_outside(&entry.row)
                });
                let row = oldest.map(|entry| {
                    entry.row.state = RowState::Queued;
                    entry.row.id
                });
                (destination, row)
            };
            probed.into_iter().map(choose).collect()
        });
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
        let mut probes = self.probes();
        let mut ended: Vec<i64> = probes.values().filter_map(|probe| probe.row).collect();
        if ended.is_empty() {
            return;
        }
        let tries = |entry: &Entry| entry.sending || (entry.own && !entry.blocked && entry.row.state == RowState::Queued);
        self.hub.with(|live| ended.retain(|id| !live.entries.get(id).is_some_and(tries)));
        for probe in probes.values_mut().filter(|probe| probe.row.is_some_and(|id| ended.contains(&id))) {
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
        let mut probes = self.probes();
        let rows = self.hub.with(|live| {
            let concerned = |entry: &&mut Entry| {
                entry.own
                    && !entry.sending
                    && !entry.held_back
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
        probes.retain(|id, _| destination.is_some_and(|destination| destination != id));
        drop(probes);
        for row in &rows {
            self.hub.tell(row);
        }
        if !rows.is_empty() {
            self.wake();
        }
    }

    /// Uploads of one destination that wait go on: it has just answered.
    pub(super) fn answered(&self, destination: &str) {
        if self.probes().contains_key(destination) {
            self.release(Some(destination));
        }
    }

    /// A row waits from now on: its destination is probed, where that can mend it. A new upload that meets the same trouble is no probe,
    /// and does not make the next one later.
    pub(super) fn plan_probe(&self, probes: &mut HashMap<String, Probe>, row: &Row) {
        if !waits_outside(row) {
            return;
        }
        let sign_in = row.waiting == Some(Waiting::SignIn);
        let (first, longest) = if sign_in { (self.pace.sign_in, self.pace.sign_in) } else { self.pace.probe };
        let probe = probes.get(&row.destination);
        if probe.is_some_and(|probe| probe.row != Some(row.id) && probe.pause <= longest) {
            return;
        }
        let pause = probe.map_or(first, |probe| (probe.pause * 2).min(longest).max(first));
        probes.insert(row.destination.clone(), Probe { pause, due: Instant::now() + jitter(pause), row: None });
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
