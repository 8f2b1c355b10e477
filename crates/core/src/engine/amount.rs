//! Asks before very many files go because a folder was given: whoever drops one does not see what lies below it.
//!
//! Only where somebody is there to answer ([`Submit::asks`](super::Submit::asks)), and only about folders: files that were named one by
//! one are meant. What stays out: how many files of a folder are looked at at all (intake).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use imagepic_words::intake as words;

use super::Inner;
use super::uploads::Each;
use crate::capture::Content;
use crate::destination::Destination;
use crate::error::{Code, Error, Result};
use crate::event::{QuestionKind, Refusal};
use crate::intake::{Item, Refused, bytes as size};
use crate::queue::blocking;
use crate::sources::asking::Asked;

/// More files than these out of folders are asked about.
const ASKED_ABOVE: usize = 200;

type Found = std::result::Result<Item, Refused>;

/// What lies in the folders of one giving.
#[derive(Debug, Default, PartialEq, Eq)]
struct Amount {
    files: usize,
    bytes: u64,
    /// Names of the folders, in the order they were given.
    folders: Vec<String>,
}

impl Inner {
    /// Leaves out what lies in folders where somebody is asked about it and says no; that is told in the answer alone.
    pub(super) async fn wanted(self: &Arc<Self>, items: Vec<Found>, to: &Destination) -> Result<(Vec<Found>, Vec<Each>)> {
        if items.iter().filter(|found| found.as_ref().is_ok_and(in_folder)).count() <= ASKED_ABOVE {
            return Ok((items, Vec::new()));
        }
        let (items, amount) = blocking(move || {
            let amount = Amount::of(&items);
            Ok((items, amount))
        })
        .await?;
        let mut asking = self.sources.questions.ask(amount.question(to));
        let yes = tokio::select! {
            yes = asking.answer() => yes,
            () = self.stop.cancelled() => false,
        };
        drop(asking);
        if yes {
            return Ok((items, Vec::new()));
        }
        let (declined, kept): (Vec<_>, Vec<_>) = items.into_iter().partition(|found| match found {
            Ok(item) => in_folder(item),
            Err(refused) => refused.from.within.is_some(),
        });
        let error = Error::new(Code::Cancelled, words::many_declined(amount.files, amount.names()));
        // One answer for each folder: nobody reads a thousand.
        let mut each = BTreeMap::new();
        for found in declined {
            let from = match found {
                Ok(item) => item.from,
                Err(refused) => refused.from,
            };
            each.entry(from.capture).or_insert_with(|| {
                let refusal = Refusal { name: amount.names(), code: error.code, message: error.message(self.hub.lang()) };
                Each { capture: from.capture, within: None, outcome: Err(refusal) }
            });
        }
        Ok((kept, each.into_values().collect()))
    }
}

fn in_folder(item: &Item) -> bool {
    item.from.within.is_some()
}

impl Amount {
    fn of(items: &[Found]) -> Self {
        let mut amount = Self::default();
        let mut last = None;
        for item in items.iter().flatten().filter(|item| in_folder(item)) {
            let Content::Path(path) = &item.content else { continue };
            amount.files += 1;
            amount.bytes += std::fs::metadata(path).map_or(0, |data| data.len());
            if last != Some(item.from.capture) {
                last = Some(item.from.capture);
                amount.folders.extend(item.from.within.as_deref().and_then(|within| folder(path, within)));
            }
        }
        amount
    }

    /// The first three and a sign for more.
    fn names(&self) -> String {
        let mut names = self.folders.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        if self.folders.len() > 3 {
            names.push_str(", …");
        }
        names
    }

    fn question(&self, to: &Destination) -> Asked {
        let place = [to.name.as_str(), to.bucket.as_str(), to.folder.as_str()];
        let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ");
        Asked {
            kind: QuestionKind::Amount,
            title: words::many(self.files, self.names()),
            text: words::many_text(size(self.bytes), place),
            yes: words::many_yes(self.files),
            no: words::many_no(),
        }
    }
}

/// The folder that was given, by a file in it and where below it that lies.
fn folder(file: &Path, within: &str) -> Option<String> {
    let root = file.ancestors().nth(within.split('/').count())?;
    Some(root.file_name().map_or_else(|| root.display().to_string(), |name| name.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::capture::Source;
    use crate::intake::From;

    fn lying(root: &Path, capture: usize, within: Option<&str>) -> Item {
        let content = Content::Path(within.map_or_else(|| root.to_owned(), |within| root.join(within)));
        let from = From { capture, within: within.map(str::to_owned) };
        Item { content, source: Source::Drop, at: SystemTime::now(), name: String::new(), from }
    }

    #[test]
    fn only_what_lies_in_folders_counts_and_each_folder_is_named_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let (album, more) = (dir.path().join("album"), dir.path().join("more"));
        std::fs::create_dir_all(album.join("deep")).expect("made");
        std::fs::write(album.join("a.png"), b"four").expect("written");
        std::fs::write(album.join("deep/b.png"), b"sixsix").expect("written");
        let items = [
            lying(&dir.path().join("alone.png"), 0, None),
            lying(&album, 1, Some("a.png")),
            lying(&album, 1, Some("deep/b.png")),
            lying(&more, 2, Some("gone.png")),
        ];
        let amount = Amount::of(&items.map(Ok));
        assert_eq!(amount, Amount { files: 3, bytes: 10, folders: vec!["album".to_owned(), "more".to_owned()] });
    }
}
