//! The tray of Windows and macOS, by tauri: entries become the system's items, and what is chosen becomes an [`Action`] again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Wry};

use super::menu::{Action, Entry};
use super::{Changes, Present, icon, lock};
use crate::windows::{self, Name};

/// Menus whose lines still do what they say: half a minute's. A click that left the desktop before it saw the new menu, or by somebody
/// who has been reading, belongs to one before.
const KEPT: usize = 30;

/// The icon, and what the lines of its menus mean.
#[derive(Clone)]
pub(super) struct Icon {
    icon: TrayIcon,
    shown: Arc<Mutex<Shown>>,
}

/// Puts the icon up.
///
/// # Errors
/// Where the system takes none.
pub(super) async fn put_up(app: &AppHandle, present: &Present) -> Result<Icon, String> {
    let present = present.clone();
    on_main(app, move |app| {
        let shown = Arc::new(Mutex::new(Shown::default()));
        let menu = lock(&shown).build(app, &present)?;
        let known = Arc::clone(&shown);
        app.on_menu_event(move |app, event| {
            let action = lock(&known).action(event.id().as_ref());
            match action {
                Some(action) => super::chosen(app, action),
                None => tracing::debug!(id = event.id().as_ref(), "a line of a menu that is long gone was chosen"),
            }
        });
        let icon = TrayIconBuilder::with_id("imagepic")
            .title("imagepic")
            .icon(icon::image(present.state, present.ink)?)
            .icon_as_template(true)
            .tooltip(super::tooltip(&present))
            .menu(&menu)
            .show_menu_on_left_click(false)
            .on_tray_icon_event(|icon, event| {
                if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
                    windows::open(icon.app_handle(), Name::DropZone);
                }
            })
            .build(app)?;
        Ok(Icon { icon, shown })
    })
    .await
}

impl Icon {
    /// Brings the icon up to date; what did not change is left as it is.
    ///
    /// # Errors
    /// When the system refuses a picture, words or the menu.
    pub(super) async fn show(&self, app: &AppHandle, present: &Present, changes: Changes) -> Result<(), String> {
        let (this, present) = (self.clone(), present.clone());
        on_main(app, move |app| {
            if changes.picture {
                this.icon.set_icon_with_as_template(Some(icon::image(present.state, present.ink)?), true)?;
            }
            if changes.line {
                this.icon.set_tooltip(Some(super::tooltip(&present)))?;
            }
            if changes.entries {
                let menu = lock(&this.shown).build(app, &present)?;
                return this.icon.set_menu(Some(menu));
            }
            if changes.line { lock(&this.shown).set_line(&present.line) } else { Ok(()) }
        })
        .await
    }
}

/// Menus may be touched on the main thread alone.
async fn on_main<T: Send + 'static>(
    app: &AppHandle,
    deed: impl FnOnce(&AppHandle) -> tauri::Result<T> + Send + 'static,
) -> Result<T, String> {
    let (done, finished) = tokio::sync::oneshot::channel();
    let handle = app.clone();
    let queued = app.run_on_main_thread(move || {
        let _ = done.send(deed(&handle));
    });
    queued.map_err(|error| error.to_string())?;
    finished.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// What is shown now, and what the lines of the last menus mean.
#[derive(Default)]
struct Shown {
    made: u64,
    line: Option<MenuItem<Wry>>,
    /// By number of the menu; newest last.
    actions: VecDeque<(u64, Vec<Action>)>,
}

impl Shown {
    /// Makes the menu, the state line between its parts. On the main thread.
    fn build(&mut self, app: &AppHandle, present: &Present) -> tauri::Result<Menu<Wry>> {
        self.made += 1;
        let mut maker = Maker { app, number: self.made, actions: Vec::new() };
        let menu = Menu::new(app)?;
        let (first, rest) = present.parts();
        for entry in first {
            menu.append(&*maker.item(entry)?)?;
        }
        let words = MenuItem::with_id(app, "line", escaped(&present.line), false, None::<&str>)?;
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
    fn set_line(&self, line: &str) -> tauri::Result<()> {
        self.line.as_ref().map_or(Ok(()), |item| item.set_text(escaped(line)))
    }

    /// What the item of this id does.
    fn action(&self, id: &str) -> Option<Action> {
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
