//! The session bus: one connection for everything the shell says there, made at first use and kept.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::OnceCell;
use zbus::Connection;
use zbus::fdo::RequestNameFlags;
use zbus::zvariant::Value;

/// Long enough for a daemon that has to be started first, short enough for somebody who waits for a prompt.
const PATIENCE: Duration = Duration::from_secs(2);

/// The connection.
///
/// # Errors
/// Where there is no session bus; the next call tries again.
pub(crate) async fn session() -> zbus::Result<Connection> {
    static CONNECTION: OnceCell<Connection> = OnceCell::const_new();
    CONNECTION.get_or_try_init(Connection::session).await.cloned()
}

/// Takes a name on the bus, one a home: whoever looks (a session manager, a script) sees that imagepic is up.
pub(crate) async fn announce(home: String) {
    let name = format!("dev.imagepic.desktop.h{home}");
    let named = async {
        let bus = zbus::fdo::DBusProxy::new(&session().await?).await?;
        bus.request_name(name.as_str().try_into()?, RequestNameFlags::DoNotQueue.into()).await?;
        zbus::Result::Ok(())
    };
    if let Err(error) = named.await {
        tracing::info!(%error, name, "no name on the session bus");
    }
}

/// The program behind a name on the bus (`xfce4-panel`), as far as the system tells.
pub(crate) async fn owner(name: &'static str) -> Option<String> {
    let asked = async {
        let bus = zbus::fdo::DBusProxy::new(&session().await?).await?;
        let pid = bus.get_connection_unix_process_id(name.try_into()?).await?;
        zbus::Result::Ok(pid)
    };
    let pid = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
    let named = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(named.trim().to_owned()).filter(|name| !name.is_empty())
}

/// One plain notification from a process that is about to end: started from a menu, its standard error is read by nobody.
pub(crate) async fn say(title: &str, body: &str) {
    let told = async {
        let hints: HashMap<&str, Value<'_>> = HashMap::new();
        let arguments = ("imagepic", 0_u32, "imagepic-desktop", title, body, Vec::<&str>::new(), hints, -1_i32);
        let name = "org.freedesktop.Notifications";
        session().await?.call_method(Some(name), "/org/freedesktop/Notifications", Some(name), "Notify", &arguments).await
    };
    if !matches!(tokio::time::timeout(PATIENCE, told).await, Ok(Ok(_))) {
        tracing::info!("no notification daemon");
    }
}

/// Asks the file manager to show a file in its folder; whether one did.
pub(crate) async fn show_in_folder(url: &str) -> bool {
    let shown = async {
        let name = "org.freedesktop.FileManager1";
        let arguments = (vec![url], "");
        session().await?.call_method(Some(name), "/org/freedesktop/FileManager1", Some(name), "ShowItems", &arguments).await
    };
    matches!(tokio::time::timeout(PATIENCE, shown).await, Ok(Ok(_)))
}
