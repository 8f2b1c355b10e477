//! The tray of Linux desktops: a StatusNotifierItem, spoken by ksni itself, which tells when its menu is about to open.
//!
//! Each line carries what it does, so that a click which left the panel before it saw the new menu still does what it said.

use ksni::menu::{CheckmarkItem, StandardItem, SubMenu};
use ksni::{Handle, MenuItem, OfflineReason, ToolTip, TrayMethods as _};
use tauri::{AppHandle, Manager};

use super::menu::{Action, Entry};
use super::{Changes, Present, icon};
use crate::shell::Shell;
use crate::windows::{self, Name};

/// The item on the session bus; it lives as long as the app.
#[derive(Clone)]
pub(super) struct Icon(Handle<Item>);

/// Puts the item up.
///
/// # Errors
/// Where the desktop has no tray, or no session bus.
pub(super) async fn put_up(app: &AppHandle, present: &Present) -> Result<Icon, String> {
    let picture = picture(present).map_err(|error| error.to_string())?;
    let item = Item { app: app.clone(), present: present.clone(), picture };
    item.spawn().await.map(Icon).map_err(|error| error.to_string())
}

impl Icon {
    /// Brings the item up to date; what did not change is left as it is.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub(super) async fn show(&self, _app: &AppHandle, present: &Present, changes: Changes) -> Result<(), String> {
        if changes == Changes::default() {
            return Ok(());
        }
        let picture = changes.picture.then(|| picture(present)).transpose().map_err(|error| error.to_string())?;
        let present = present.clone();
        self.0
            .update(move |item| {
                if let Some(picture) = picture {
                    item.picture = picture;
                }
                item.present = present;
            })
            .await;
        Ok(())
    }
}

/// ARGB in network byte order, as the specification of StatusNotifierItem has it.
fn picture(present: &Present) -> tauri::Result<ksni::Icon> {
    let image = icon::image(present.state, present.ink)?;
    let data = image.rgba().chunks_exact(4).flat_map(|pixel| [pixel[3], pixel[0], pixel[1], pixel[2]]).collect();
    // Ours are 44 pixels wide and high.
    let side = |length: u32| i32::try_from(length).unwrap_or_default();
    Ok(ksni::Icon { width: side(image.width()), height: side(image.height()), data })
}

struct Item {
    app: AppHandle,
    present: Present,
    picture: ksni::Icon,
}

impl Item {
    /// On the main thread, where everything a person asks for is done: the item answers the panel meanwhile.
    fn on_main(&self, deed: impl FnOnce(&AppHandle) + Send + 'static) {
        let app = self.app.clone();
        if let Err(error) = self.app.run_on_main_thread(move || deed(&app)) {
            tracing::warn!(%error, "what was chosen in the tray cannot be done");
        }
    }

    fn shown(entry: &Entry) -> MenuItem<Self> {
        let chosen = |action: &Action| {
            let action = action.clone();
            move |item: &mut Self| {
                let action = action.clone();
                item.on_main(move |app| super::chosen(app, action));
            }
        };
        match entry {
            Entry::Separator => MenuItem::Separator,
            Entry::Words(words) => StandardItem { label: escaped(words), enabled: false, ..StandardItem::default() }.into(),
            Entry::Item(label, action) => {
                StandardItem { label: escaped(label), activate: Box::new(chosen(action)), ..StandardItem::default() }.into()
            }
            Entry::Check(label, on, action) => {
                let activate = Box::new(chosen(action));
                CheckmarkItem { label: escaped(label), checked: *on, activate, ..CheckmarkItem::default() }.into()
            }
            Entry::Menu(label, below) => {
                SubMenu { label: escaped(label), submenu: below.iter().map(Self::shown).collect(), ..SubMenu::default() }.into()
            }
        }
    }

    fn is_there(&self, there: bool) {
        self.app.state::<Shell>().tray.there.store(there, std::sync::atomic::Ordering::Relaxed);
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "imagepic".to_owned()
    }

    fn title(&self) -> String {
        "imagepic".to_owned()
    }

    fn icon_pixmap(&self) -> Vec<ksni::Icon> {
        vec![self.picture.clone()]
    }

    fn tool_tip(&self) -> ToolTip {
        let description = super::tooltip(&self.present);
        ToolTip { icon_pixmap: self.icon_pixmap(), title: self.title(), description, ..ToolTip::default() }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.on_main(|app| windows::open(app, Name::DropZone));
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let (first, rest) = self.present.parts();
        let line = Entry::Words(self.present.line.clone());
        first.iter().chain([&line, &Entry::Separator]).chain(rest).map(Self::shown).collect()
    }

    fn menu_about_to_show(&mut self) {
        // Whoever opens the menu may choose a window next.
        windows::warm(&self.app);
    }

    fn watcher_online(&self) {
        self.is_there(true);
    }

    fn watcher_offline(&self, reason: OfflineReason) -> bool {
        tracing::info!(?reason, "the desktop's tray went away");
        self.is_there(false);
        true
    }
}

/// A bare `_` would become the mark of a keyboard shortcut.
fn escaped(label: &str) -> String {
    label.replace('_', "__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_in_a_name_stays_an_underscore() {
        assert_eq!(escaped("hero_banner & co"), "hero__banner & co");
    }
}
