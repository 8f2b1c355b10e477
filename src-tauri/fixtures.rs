//! What the tests of several parts need of the engine.

use imagepic_core::capture::Source;
use imagepic_core::error::Waiting;
use imagepic_core::event::{Place, Stage, Upload};

/// An upload that waits for this, or is under way.
pub(crate) fn upload(id: i64, waiting: Option<Waiting>) -> Upload {
    let text = String::new;
    let place = Place { destination: text(), name: text(), bucket: text(), folder: text(), max_bytes: None, only_here: false };
    Upload {
        id,
        batch: 1,
        position: 0,
        name: text(),
        size: 0,
        sent: 0,
        content_type: text(),
        width: None,
        height: None,
        source: Source::Drop,
        stage: if waiting.is_some() { Stage::Waiting } else { Stage::Sending },
        waiting,
        code: None,
        message: None,
        place,
        key: text(),
        taken_at: 0,
        done_at: None,
        reused: false,
        expires_at: None,
        closed: false,
        made: None,
    }
}
