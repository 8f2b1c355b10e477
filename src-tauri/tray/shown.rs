//! The menu as the system shows it: entries become its items, and what is chosen becomes an [`Action`] again.

use std::collections::VecDeque;

use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Wry};

use super::menu::{Action, Entry};

/// Menus whose lines still do what they say: half a minute's. A click that left the desktop before it saw the new menu, or by somebody
/// who has been reading, belongs to one before.
const KEPT: usize = 30;

/// What is shown now, and what the lines of the last menus mean.
#[derive(Default)]
pub(super) struct Shown {
    made: u64,
    line: Option<MenuItem<Wry>>,
    /// By number of the menu; newest last.
    actions: VecDeque<(u64, Vec<Action>)>,
}

impl Shown {
    /// Makes the menu; `line` stands after the first `above` entries. On the main thread.
    pub(super) fn build(&mut self, app: &AppHandle, entries: &[Entry], above: usize, line: &str) -> tauri::Result<Menu<Wry>> {
        self.made += 1;
        let mut maker = Maker { app, number: self.made, actions: Vec::new() };
        let menu = Menu::new(app)?;
        let (first, rest) = entries.split_at(above.min(entries.len()));
        for entry in first {
            menu.append(&*maker.item(entry)?)?;
        }
        let words = MenuItem::with_id(app, "line", escaped(line), false, None::<&str>)?;
        menu.append(&words)?;
        menu.append(&PredefinedMenuItem::separator(app)?)?;
        for entry in rest {
            menu.append(&*maker.item(entry)?)?;
        }
        self.line = Some(words);
        self.actions.push_back((self.made, maker.actions));
        if self.actions.len() > KEPT {
            self.actions.pop_front();
        }
        Ok(menu)
    }

    /// Changes the state line in place. On the main thread.
    pub(super) fn set_line(&self, line: &str) -> tauri::Result<()> {
        self.line.as_ref().map_or(Ok(()), |item| item.set_text(escaped(line)))
    }

    /// What the item of this id does.
    pub(super) fn action(&self, id: &str) -> Option<Action> {
        let (number, index) = id.split_once('.')?;
        let number: u64 = number.parse().ok()?;
        let (_, actions) = self.actions.iter().find(|(made, _)| *made == number)?;
        actions.get(index.parse::<usize>().ok()?).cloned()
    }
}

struct Maker<'a> {
    app: &'a AppHandle,
    number: u64,
    actions: Vec<Action>,
}

impl Maker<'_> {
    fn id(&mut self, action: &Action) -> String {
        self.actions.push(action.clone());
        format!("{}.{}", self.number, self.actions.len() - 1)
    }

    fn item(&mut self, entry: &Entry) -> tauri::Result<Box<dyn IsMenuItem<Wry>>> {
        let app = self.app;
        Ok(match entry {
            Entry::Separator => Box::new(PredefinedMenuItem::separator(app)?),
            Entry::Words(words) => Box::new(MenuItem::new(app, escaped(words), false, None::<&str>)?),
            Entry::Item(label, action) => Box::new(MenuItem::with_id(app, self.id(action), escaped(label), true, None::<&str>)?),
            Entry::Check(label, on, action) => {
                Box::new(CheckMenuItem::with_id(app, self.id(action), escaped(label), true, *on, None::<&str>)?)
            }
            Entry::Menu(label, below) => {
                let menu = Submenu::new(app, escaped(label), true)?;
                for entry in below {
                    menu.append(&*self.item(entry)?)?;
                }
                Box::new(menu)
            }
        })
    }
}

/// A bare `&` would become the mark of a keyboard shortcut.
fn escaped(label: &str) -> String {
    label.replace('&', "&&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_on_the_menu_that_was_just_replaced_still_does_what_it_said() {
        let mut shown = Shown::default();
        for number in 1..=KEPT as u64 + 2 {
            shown
                .actions
                .push_back((number, vec![Action::UploadClipboard, Action::CopyLink(i64::try_from(number).expect("small"))]));
            if shown.actions.len() > KEPT {
                shown.actions.pop_front();
            }
        }
        assert_eq!(shown.action("32.1"), Some(Action::CopyLink(32)));
        assert_eq!(shown.action("3.1"), Some(Action::CopyLink(3)));
        for id in ["2.1", "32.2", "line", "", "5.", ".1", "x.y"] {
            assert_eq!(shown.action(id), None, "{id}");
        }
    }

    #[test]
    fn an_ampersand_in_a_name_stays_an_ampersand() {
        assert_eq!(escaped("R&D"), "R&&D");
    }
}
