//! What a store tells of its objects by itself, as a stream of events (`text/event-stream`, WHATWG HTML, "Server-sent events").
//!
//! Only what imagepic asks for: `event` and `data`, each event bounded. Reconnecting is the listener's business.

use bytes::{Buf as _, BytesMut};
use imagepic_api::object::{Changed, Happened};
use imagepic_net::Coming;

/// Bytes of one event that are taken at most; a key has 1,024, escaped six times that.
const LONGEST: usize = 64 * 1024;

/// Something that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An object came or was replaced.
    Created {
        /// Full key.
        key: String,
        /// Bytes, where told.
        size: Option<u64>,
        /// Milliseconds since 1970, where told.
        at: Option<i64>,
    },
    /// An object is gone.
    Removed {
        /// Full key.
        key: String,
    },
    /// Something happened that is not told any more: look again.
    Missed,
}

/// An open line to a store that tells.
#[derive(Debug)]
pub struct News {
    coming: Coming,
    held: BytesMut,
}

impl News {
    pub(crate) fn new(coming: Coming) -> Self {
        Self { coming, held: BytesMut::new() }
    }

    /// The next thing; `None` at the end of the line, however it ended.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            while let Some((end, gap)) = event_end(&self.held) {
                let block = self.held.split_to(end);
                self.held.advance(gap);
                match parse(&String::from_utf8_lossy(&block)) {
                    Said::Heard(heard) => return Some(heard),
                    Said::End => return None,
                    Said::Nothing => {}
                }
            }
            if self.held.len() > LONGEST {
                return None;
            }
            match self.coming.next().await {
                Some(Ok(piece)) => self.held.extend_from_slice(&piece),
                Some(Err(error)) => {
                    tracing::debug!(%error, "the line to the store broke");
                    return None;
                }
                None => return None,
            }
        }
    }
}

/// Where the first event ends, and how many bytes divide it from the next.
fn event_end(held: &[u8]) -> Option<(usize, usize)> {
    (0..held.len()).find_map(|at| match &held[at..] {
        [b'\n', b'\n', ..] => Some((at, 2)),
        [b'\r', b'\n', b'\r', b'\n', ..] => Some((at, 4)),
        _ => None,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Heard(Heard),
    End,
    /// A sign of life, or something newer than this program.
    Nothing,
}

fn parse(block: &str) -> Said {
    let (mut name, mut data) = ("", String::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value,
            "data" => data.push_str(value),
            _ => {}
        }
    }
    match name {
        "missed" => Said::Heard(Heard::Missed),
        "end" => Said::End,
        _ => match serde_json::from_str::<Changed>(&data) {
            Ok(Changed { event: Happened::Created, object_name: key, size, time, .. }) => {
                let at = chrono::DateTime::parse_from_rfc3339(&time).ok().map(|at| at.timestamp_millis());
                Said::Heard(Heard::Created { key, size, at })
            }
            Ok(Changed { event: Happened::Removed, object_name: key, .. }) => Said::Heard(Heard::Removed { key }),
            Err(_) => Said::Nothing,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_understood_and_what_it_may_say_one_day_is_let_by() {
        let created = "event: s3:ObjectCreated\ndata: {\"event\":\"s3:ObjectCreated\",\"bucketName\":\"b\",\"objectName\":\"a/\u{622a}.png\",\
                       \"size\":5,\"etag\":\"x\",\"time\":\"2026-11-21T10:00:00.000Z\"}";
        let heard = Heard::Created { key: "a/\u{622a}.png".to_owned(), size: Some(5), at: Some(1_795_255_200_000) };
        assert_eq!(parse(created), Said::Heard(heard));
        let removed = "data: {\"event\":\"s3:ObjectRemoved\",\"bucketName\":\"b\",\"objectName\":\"a\",\"time\":\"\"}";
        assert_eq!(parse(removed), Said::Heard(Heard::Removed { key: "a".to_owned() }));
        assert_eq!(parse("event: missed\r\ndata: {}"), Said::Heard(Heard::Missed));
        assert_eq!(parse("event: end\ndata: {\"error\":\"token_expired\"}"), Said::End);
        for other in [": here", "", "event: new\ndata: 5", "data: {", "event"] {
            assert_eq!(parse(other), Said::Nothing, "{other}");
        }
    }

    #[test]
    fn an_event_ends_at_an_empty_line() {
        assert_eq!(event_end(b": here\n\nrest"), Some((6, 2)));
        assert_eq!(event_end(b"a\r\n\r\nb"), Some((1, 4)));
        assert_eq!(event_end(b"a\nb"), None);
    }
}
