//! What would come of an image on its way to a destination, without sending it.

use std::fs;
use std::path::PathBuf;

use imagepic_media::convert::Format;
use imagepic_words::{errors, images as words};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Destinations;
use crate::destination::Images;
use crate::error::{Code, Error, Result};
use crate::event::ImageWork;
use crate::prepare;
use crate::queue::blocking;

/// What would come of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct ImagePreview {
    /// Bytes as it is.
    pub before: u64,
    /// Bytes that would be sent.
    pub after: u64,
    /// Media type that would be sent.
    pub content_type: String,
    /// Pixels that would be sent.
    pub width: Option<u32>,
    /// Pixels that would be sent.
    pub height: Option<u32>,
    /// What would be done; `None`: nothing, and there is nothing to tell.
    pub made: Option<ImageWork>,
}

/// Somebody waits for it until imagepic ends.
struct Preview(CancellationToken);

impl prepare::Watched for Preview {
    fn making(&self, _: Format, _: u64) {}

    fn stopped(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl Destinations {
    /// Does to a file what a destination with these settings would, and tells what would come of it. Nothing is kept. Takes as long as the
    /// conversion does.
    ///
    /// # Errors
    /// `BadRequest` where the settings are out of bounds, `FileMissing`, `FileUnreadable`, `TooLarge`, `NotAnImage`, `BrokenImage`.
    pub async fn preview_image(&self, images: Images, path: PathBuf) -> Result<ImagePreview> {
        images.check()?;
        let (lang, watch) = (self.inner.hub.lang(), Preview(self.inner.making.clone()));
        blocking(move || {
            let lost = |error: std::io::Error| crate::intake::unreadable(&path, &error);
            let before = fs::metadata(&path).map_err(lost)?.len();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if before > prepare::LARGEST {
                let told = crate::intake::bytes;
                return Err(Error::new(
                    Code::TooLarge,
                    errors::too_large(&name, told(before), words::preview().to(lang), told(prepare::LARGEST)),
                ));
            }
            let bytes = bytes::Bytes::from(fs::read(&path).map_err(lost)?);
            let kind = prepare::kind(&bytes, &name);
            if !kind.image {
                return Err(Error::new(Code::NotAnImage, words::preview_not_an_image(&name)));
            }
            let prepared = prepare::apply(bytes, kind, &images, &name, &watch)?;
            let after = prepared.body.len() as u64;
            Ok(ImagePreview {
                before,
                after,
                content_type: prepared.kind.content_type.into_owned(),
                width: prepared.kind.width,
                height: prepared.kind.height,
                made: prepared.made.map(|made| made.view(after, lang)),
            })
        })
        .await
    }
}
