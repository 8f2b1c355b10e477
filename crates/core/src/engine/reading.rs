//! Opening a link as a reader would: without credentials, from outside the store's client. For the proof at the end of the welcome and
//! for whoever wants to know why a link does not open.

use std::time::Instant;

use imagepic_net::Http;
use imagepic_words::welcome as words;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Uploads;
use crate::destination::Kind;
use crate::error::{Code, Error, Result};

/// Larger objects are not fetched only to be compared, in bytes.
const MOST: u64 = 64 << 20;

/// What a reader of a link gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export)]
pub struct Reading {
    /// The link opened.
    pub opened: bool,
    /// What came back has the hash of what was sent.
    pub same: bool,
    /// Bytes that came back.
    pub bytes: u64,
    /// Milliseconds.
    pub took_ms: u64,
    /// Why it did not open or is not the same.
    pub message: Option<String>,
    /// The link as text, in the format of the settings. Never logged, never stored.
    pub text: String,
}

impl Uploads {
    /// Fetches an upload's link as a reader would, and compares what comes back with what was sent.
    ///
    /// # Errors
    /// As [`link`](Self::link); `TooLarge` above 64 MB. A link that does not open is no error: the answer says so.
    pub async fn read_back(&self, id: i64) -> Result<Reading> {
        let row = self.inner.ended(id).await?;
        if row.size > MOST {
            return Err(Error::new(Code::TooLarge, words::too_large_to_read()));
        }
        let (link, text) = (self.link(id).await?, self.link_text(id, None).await?);
        let settings = self.inner.hub.settings();
        let ca_file = match &settings.find(&row.destination)?.kind {
            Kind::ThisComputer => None,
            Kind::S3(address) => address.ca_file.clone(),
            Kind::Team(address) => address.ca_file.clone(),
        };
        let lang = self.inner.hub.lang();
        let since = Instant::now();
        let most = usize::try_from(row.size + 1).unwrap_or(usize::MAX);
        let answer = match Http::new(settings.general.proxy.network(ca_file.as_ref())) {
            Ok(http) => http.get(&link.url, most).await,
            Err(failure) => Err(failure),
        };
        let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let closed = |message: imagepic_words::Text| Reading {
            opened: false,
            same: false,
            bytes: 0,
            took_ms,
            message: Some(message.to(lang)),
            text: text.clone(),
        };
        Ok(match answer {
            Err(failure) => {
                tracing::info!(id, %failure, "a link that was just made does not open");
                closed(words::does_not_answer())
            }
            Ok(answer) if !answer.status().is_success() => closed(words::does_not_open(answer.status().as_u16())),
            Ok(answer) => {
                let hash: [u8; 32] = Sha256::digest(answer.body()).into();
                let same = hash == row.prepared;
                let message = (!same).then(|| words::other_bytes().to(lang));
                Reading { opened: true, same, bytes: answer.body().len() as u64, took_ms, message, text }
            }
        })
    }
}
