//! PNG with the same pixels in fewer bytes.

use std::time::Duration;

use oxipng::{Options, PngError, StripChunks};

use super::{Error, MEMORY};

/// How hard is tried: filters, and no long search. A screenshot of four megapixels takes about a second.
const LEVEL: u8 = 2;
/// What has not become smaller by then goes as it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The smaller file, or the same one where it is small already. Every chunk stays.
pub(super) fn png(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut options = Options::from_preset(LEVEL);
    options.strip = StripChunks::None;
    options.timeout = Some(PATIENCE);
    options.max_decompressed_size = usize::try_from(MEMORY).ok();
    match oxipng::optimize_from_memory(bytes, &options) {
        Ok(made) => Ok(made),
        // Files with a signed origin must not change.
        Err(PngError::C2PAMetadataPreventsChanges) => Ok(bytes.to_vec()),
        Err(error) => Err(Error::Broken(Box::new(error))),
    }
}
