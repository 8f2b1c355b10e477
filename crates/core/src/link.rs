//! Link → text in a format. Pure.

use serde::{Deserialize, Serialize};

/// `link.format`: what is put on the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Format {
    /// The bare address.
    #[default]
    Url,
    /// `![alt](url)`
    Markdown,
    /// `<img src alt width height>`
    Html,
    /// `[img]url[/img]`
    Bbcode,
    /// `url("…")`
    Css,
    /// `<img src={…} />`
    Jsx,
}
