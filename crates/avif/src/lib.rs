//! Writes AVIF. The encoder is larger and slower than everything else that is done to a picture, so it is here alone, in one program, and
//! works in a process of its own: what it trips over, or takes too long for, ends there.
//!
//! [`encode`] makes a file of pixels; [`serve`] is that process. What stays out: decoding, resizing, what is wanted of whom, and who starts
//! the process ([`imagepic_media::convert::avif`] says what passes between them).

mod coder;
mod container;
mod planes;
mod worker;

pub use imagepic_media::convert::avif::{COMMAND, Order};
pub use worker::serve;

use std::io::Read;

use coder::Plan;
use container::Picture;
use planes::Planes;

/// Why no file came of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order or the pixels did not come, or not all of them.
    #[error("the pixels did not arrive")]
    Pixels(#[source] std::io::Error),
    /// The encoder gave up, and says why.
    #[error("the encoder gave up: {0}")]
    Encoder(String),
    /// What came is more than the file's form can say.
    #[error("the file would be too large")]
    TooLarge,
}

/// Makes a file of the pixels that follow each other in `pixels`, rows from the top, channels side by side. Takes as many threads as there
/// are cores, eight at most, and [`Order::memory`].
///
/// # Errors
/// [`Error`].
pub fn encode(order: &Order, pixels: impl Read) -> Result<Vec<u8>, Error> {
    encode_after(order, pixels, || {})
}

/// As [`encode`]; `read` is called once all pixels are there.
fn encode_after(order: &Order, pixels: impl Read, read: impl FnOnce()) -> Result<Vec<u8>, Error> {
    let plan = Plan::of(order);
    let mut colour = plan.colour()?;
    let mut alpha = if order.channels.is_multiple_of(2) { Some(plan.alpha()?) } else { None };
    Planes::of(order, colour.frame(), alpha.as_mut().map(coder::Coder::frame)).fill(pixels).map_err(Error::Pixels)?;
    read();
    let colour = colour.finish()?;
    let alpha = alpha.map(coder::Coder::finish).transpose()?;
    let picture = Picture { order, grey: plan.grey, fine: plan.fine, colour: &colour, alpha: alpha.as_deref() };
    picture.file().ok_or(Error::TooLarge)
}

#[cfg(test)]
mod tests;
