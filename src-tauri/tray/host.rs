//! What the Linux desktop says about its tray: when one appears, and whether its panel is dark.

use std::collections::HashMap;

use futures_util::StreamExt;
use tauri::{AppHandle, Manager};
use zbus::zvariant::{OwnedValue, Value};

use super::{Ink, put_up};
use crate::shell::Shell;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";

#[zbus::proxy(
    interface = "org.kde.StatusNotifierWatcher",
    default_service = "org.kde.StatusNotifierWatcher",
    default_path = "/StatusNotifierWatcher"
)]
trait Watcher {
    #[zbus(signal)]
    fn status_notifier_host_registered(&self) -> zbus::Result<()>;
}

#[zbus::proxy(
    interface = "org.freedesktop.portal.Settings",
    default_service = "org.freedesktop.portal.Desktop",
    default_path = "/org/freedesktop/portal/desktop"
)]
trait PortalSettings {
    fn read_all(&self, namespaces: &[&str]) -> zbus::Result<HashMap<String, HashMap<String, OwnedValue>>>;

    #[zbus(signal)]
    fn setting_changed(&self, namespace: String, key: String, value: Value<'_>) -> zbus::Result<()>;
}

/// Puts the tray up as soon as the desktop has one: when the watcher appears on the bus, or a panel registers with it.
pub(super) async fn wait(app: AppHandle) {
    if let Err(error) = watch(&app).await {
        tracing::warn!(%error, "no session bus: there will be no tray");
    }
}

async fn watch(app: &AppHandle) -> zbus::Result<()> {
    let connection = crate::bus::session().await?;
    let bus = zbus::fdo::DBusProxy::new(&connection).await?;
    let mut owners = bus.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?;
    let watcher = WatcherProxy::new(&connection).await?;
    let mut panels = watcher.receive_status_notifier_host_registered().await?;
    // One may have come between the first try and the subscriptions.
    while !try_again(app).await {
        tokio::select! {
            Some(_) = owners.next() => {}
            Some(_) = panels.next() => {}
            else => break,
        }
    }
    Ok(())
}

async fn try_again(app: &AppHandle) -> bool {
    let there = put_up(app).await.inspect_err(|error| tracing::debug!(%error, "still no tray")).is_ok();
    if there {
        tracing::info!("a tray appeared");
    }
    there
}

/// Draws the icon for the panel this desktop has, and again when that changes.
pub(super) async fn follow_ink(app: AppHandle) {
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
    if let Err(error) = follow(&app, &desktop).await {
        tracing::debug!(%error, "the desktop does not say whether it is dark");
    }
}

async fn follow(app: &AppHandle, desktop: &str) -> zbus::Result<()> {
    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";
    let connection = crate::bus::session().await?;
    let portal = PortalSettingsProxy::new(&connection).await?;
    let mut changes = portal.receive_setting_changed_with_args(&[(0, NAMESPACE), (1, KEY)]).await?;
    let all = portal.read_all(&[NAMESPACE]).await?;
    let said = all.get(NAMESPACE).and_then(|values| values.get(KEY)).and_then(|value| value.downcast_ref::<u32>().ok());
    app.state::<Shell>().tray.set_ink(ink(desktop, said.unwrap_or(0)));
    while let Some(change) = changes.next().await {
        if let Ok(arguments) = change.args()
            && let Ok(said) = arguments.value.downcast_ref::<u32>()
        {
            app.state::<Shell>().tray.set_ink(ink(desktop, said));
        }
    }
    Ok(())
}

/// `scheme` is the portal's `color-scheme`: 0 no preference, 1 dark, 2 light. Some desktops keep a dark panel above light windows.
fn ink(desktop: &str, scheme: u32) -> Ink {
    let always_dark = desktop.split(':').any(|name| matches!(name, "GNOME" | "Unity" | "Pantheon" | "Budgie" | "XFCE"));
    if scheme == 2 && !always_dark { Ink::Dark } else { Ink::Light }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_glyph_can_be_seen_on_the_panel_each_desktop_has() {
        assert_eq!(ink("KDE", 2), Ink::Dark);
        assert_eq!(ink("KDE", 1), Ink::Light);
        assert_eq!(ink("ubuntu:GNOME", 2), Ink::Light);
        assert_eq!(ink("", 0), Ink::Light);
    }
}
