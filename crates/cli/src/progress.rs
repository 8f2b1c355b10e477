//! One bar for a batch, on a terminal only. It follows real bytes, told by the engine.

use std::collections::HashMap;
use std::time::Duration;

use imagepic_core::error::Waiting;
use imagepic_core::event::{Event, Stage};
use imagepic_words::{Lang, console as words};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is drawn for what is done sooner.
const PATIENCE: Duration = Duration::from_millis(150);

pub(crate) struct Progress {
    lang: Lang,
    bar: Option<ProgressBar>,
    begun: std::time::Instant,
    /// Bytes sent, bytes in all, and whether it is over.
    uploads: HashMap<i64, (u64, u64, bool)>,
    told: Option<Waiting>,
    /// What takes its time before anything travels.
    making: Option<String>,
    quiet: bool,
}

impl Progress {
    pub(crate) fn new(lang: Lang, quiet: bool) -> Self {
        Self { quiet, lang, bar: None, begun: std::time::Instant::now(), uploads: HashMap::new(), told: None, making: None }
    }

    /// Takes what the engine tells; words to say where something began to wait.
    pub(crate) fn take(&mut self, event: &Event, ours: &[i64]) -> Option<String> {
        match event {
            Event::Progress { id, sent, total } if ours.contains(id) => {
                self.uploads.insert(*id, (*sent, *total, false));
                self.draw(ours.len());
                None
            }
            Event::Upload(upload) if ours.contains(&upload.id) => {
                let over = matches!(upload.stage, Stage::Done | Stage::Failed | Stage::Cancelled);
                self.uploads.insert(upload.id, (if over { upload.size } else { upload.sent }, upload.size, over));
                self.making = upload.message.clone().filter(|_| upload.stage == Stage::Sending);
                self.draw(ours.len());
                let waiting = upload.waiting.filter(|_| upload.stage == Stage::Waiting)?;
                // Twenty files that wait for one network say it once.
                let new = self.told.replace(waiting) != Some(waiting);
                new.then(|| words::waits(upload.message.clone().unwrap_or_default()).to(self.lang))
            }
            _ => None,
        }
    }

    fn draw(&mut self, count: usize) {
        // Nothing else may come for a while that would draw it.
        let due = self.making.is_some() || self.begun.elapsed() > PATIENCE;
        if self.bar.is_none() && !self.quiet && due && crate::out::Out::watched() {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style);
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            let done = self.uploads.values().filter(|(_, _, over)| *over).count();
            bar.set_length(self.uploads.values().map(|(_, total, _)| total).sum());
            bar.set_position(self.uploads.values().map(|(sent, _, _)| sent).sum());
            bar.set_message(self.making.clone().unwrap_or_else(|| words::progress(done, count).to(self.lang)));
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
