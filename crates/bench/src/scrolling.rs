//! What the library shows while it is scrolled: by a held key, by the wheel as a finger turns it, and by the thumb of its scroll bar, pulled
//! over the whole list and back. Each picture that the window draws meanwhile is looked at.
//!
//! An entry is in sight once it shows letters: its name at least. A grey tile is none.

use std::time::Duration;

use imagepic_tests::display::{self, Eye, Shown};
use imagepic_virtual::VirtualDesktop;

use crate::Outcome;

/// Pages that a held key scrolls through, thirty a second.
const PAGES: u32 = 240;
/// Of the window: the last column of tiles, which no heading reaches, its whole height.
const COLUMN: (i16, i16, u16, u16) = (668, 92, 204, 660);
/// So many rows of pixels hold a row of entries with its name, wherever the list stands, and a heading between two of them.
const ROW: usize = 250;
/// Letters have many greys; a tile without them has its ground, its edge and what lies between the two.
const LETTERS: usize = 16;
/// A list that moves for seconds shows more pictures than this, whatever moves it: where there are fewer, nothing was measured.
const LEAST: u32 = 30;
/// Somewhere in the list; where its thumb is while it stands at its top, and how far it goes: nearly to the end, whose last row has gaps.
const LIST: (i16, i16) = (500, 400);
const THUMB: (i16, i16) = (888, 96);
const DOWN: i16 = 630;

/// In hundredths of the pictures that were drawn: with no entry at all in sight, and with a row that shows none.
#[derive(Debug)]
pub(crate) struct Seen {
    drawn: u32,
    blank: u32,
    partly: u32,
}

impl Seen {
    /// For whoever compares.
    pub(crate) fn figures(&self) -> serde_json::Value {
        let share = |count: u32| 100.0 * f64::from(count) / f64::from(self.drawn.max(1));
        serde_json::json!({ "drawn": self.drawn, "blank_percent": share(self.blank), "partly_percent": share(self.partly) })
    }
}

/// Page Down is held for some seconds.
pub(crate) fn by_key(desktop: &VirtualDesktop, window: &Shown) -> Outcome<Seen> {
    watched(desktop, window, || display::page_down(desktop, window, PAGES))
}

/// Turns of the wheel, as fast as one reads, as one looks for something, and as fast as a wheel spins; the last up again.
pub(crate) fn by_wheel(desktop: &VirtualDesktop, window: &Shown) -> Outcome<Seen> {
    watched(desktop, window, || {
        for (notches, each) in [(4, 40), (8, 20), (16, 12), (40, 6), (-40, 6)].repeat(4) {
            display::wheel(desktop, window, LIST, notches, Duration::from_millis(each));
            std::thread::sleep(Duration::from_millis(250));
        }
    })
}

/// The thumb goes down the whole bar in three seconds, and up in one.
pub(crate) fn by_thumb(desktop: &VirtualDesktop, window: &Shown) -> Outcome<Seen> {
    display::press(desktop, window, "Home");
    std::thread::sleep(Duration::from_millis(500));
    watched(desktop, window, || {
        let way = [(0, Duration::ZERO), (DOWN, Duration::from_secs(3)), (0, Duration::from_secs(1))];
        display::drag(desktop, window, THUMB, &way);
    })
}

fn watched(desktop: &VirtualDesktop, window: &Shown, act: impl FnOnce() + Send) -> Outcome<Seen> {
    let eye = Eye::on(desktop, window, COLUMN);
    let mut seen = Seen { drawn: 0, blank: 0, partly: 0 };
    let mut last = Vec::new();
    std::thread::scope(|scope| {
        let acts = scope.spawn(act);
        while !acts.is_finished() {
            if let Some(now) = eye.look().filter(|now| *now != last) {
                let rows = rows(&now);
                seen.drawn += 1;
                seen.blank += u32::from(rows.iter().all(|letters| !letters));
                seen.partly += u32::from(rows.iter().any(|letters| !letters));
                last = now;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    if seen.drawn < LEAST {
        return Err(format!("only {} pictures were drawn while the library was scrolled: it hardly moved", seen.drawn).into());
    }
    Ok(seen)
}

/// Which parts as high as a row show letters, from top to bottom.
fn rows(pixels: &[u8]) -> Vec<bool> {
    let line = usize::from(COLUMN.2) * 4;
    let letters = |part: &[u8]| {
        let colours: std::collections::HashSet<&[u8]> = part.chunks_exact(4).map(|pixel| &pixel[..3]).collect();
        colours.len() >= LETTERS
    };
    let height = usize::from(COLUMN.3);
    [0, (height - ROW) / 2, height - ROW].map(|top| letters(&pixels[top * line..(top + ROW) * line])).to_vec()
}
