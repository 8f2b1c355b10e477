//! What a person's hands do in a window, whichever language it speaks.

use fantoccini::elements::Element;
use imagepic_tests::web::Session;
use imagepic_tests::{Desktop, clipboard, display, eventually};
use serde_json::Value;

use crate::steps::set;

/// Ctrl+A, Enter and Backspace, as the driver writes them: what is typed after the first takes the place of all there was.
pub(crate) const ALL: &str = "\u{e009}a";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const BACKSPACE: &str = "\u{e003}";

/// The language of everything, from now on; returns once the window of this title is there.
pub(crate) async fn speaks(desktop: &Desktop, language: &str, title: &str) -> display::Shown {
    set(desktop, "general.language", language);
    display::wait_for_window(&desktop.machine, title).await
}

pub(crate) async fn click(session: &Session, css: &str) {
    reach(session, css).await.click().await.unwrap_or_else(|why| panic!("{css} cannot be clicked: {why}"));
}

/// Brings it into sight: the driver clicks only what is.
pub(crate) async fn reach(session: &Session, css: &str) -> Element {
    let found = session.find_soon(css).await;
    let script = format!("document.querySelector({}).scrollIntoView({{ block: 'center' }})", Value::from(css));
    session.execute(&script, Vec::new()).await.expect("a page");
    found
}

/// Types over whatever a field holds.
pub(crate) async fn type_over(session: &Session, css: &str, text: &str) {
    let field = reach(session, css).await;
    field.send_keys(ALL).await.expect("a field");
    field.send_keys(text).await.unwrap_or_else(|why| panic!("{css} takes no text: {why}"));
}

/// Chooses in one of the system's own lists.
pub(crate) async fn choose(session: &Session, css: &str, label: &str) {
    let list = reach(session, css).await;
    list.select_by_label(label).await.unwrap_or_else(|why| panic!("no {label} in {css}: {why}"));
}

/// Opens a menu by its button and chooses a line.
pub(crate) async fn from_menu(session: &Session, css: &str, line: &str) {
    click(session, css).await;
    session.pick(line).await;
}

/// Waits until a condition of the page holds.
pub(crate) async fn until(session: &Session, what: &str, condition: &str) {
    let script = format!("return Boolean({condition})");
    eventually(what, async || session.execute(&script, Vec::new()).await.ok()?.as_bool()?.then_some(())).await;
}

/// The entries of the library's list as they stand: numbers of uploads, or `f:` and `o:` with the key.
pub(crate) async fn entries(session: &Session) -> Vec<String> {
    let script = "return [...document.querySelectorAll('.cell')].map((one) => one.dataset.id)";
    let found = session.execute(script, Vec::new()).await.expect("a list");
    found.as_array().expect("a list").iter().map(|id| id.as_str().unwrap_or_default().to_owned()).collect()
}

/// Somebody copies a word meanwhile.
pub(crate) async fn copy_a_word(desktop: &Desktop, word: &str) -> clipboard::Owner {
    let owner = clipboard::copy(&desktop.machine, "UTF8_STRING", &desktop.file("word.txt", word.as_bytes())).await;
    clipboard::wait_for_text(&desktop.machine, "the word", |text| text == word).await;
    owner
}
