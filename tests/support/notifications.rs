//! A notification daemon (freedesktop Desktop Notifications 1.2) that remembers what it is told and clicks what it is asked to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::zvariant::OwnedValue;
use zbus::{Connection, connection, interface};

use crate::wait::eventually;

/// One notification as it was sent.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The daemon's number for it.
    pub id: u32,
    /// The number it replaces, or 0.
    pub replaces: u32,
    /// First line.
    pub summary: String,
    /// The rest.
    pub body: String,
    /// Key and label of each button.
    pub actions: Vec<(String, String)>,
    /// Width and height of its picture, if it has one.
    pub picture: Option<(i32, i32)>,
    /// It was taken back by its sender.
    pub closed: bool,
}

#[derive(Default)]
struct Told {
    all: Vec<Notification>,
    last_id: u32,
    markup: bool,
}

/// The daemon; it is gone when dropped.
#[derive(Debug)]
pub struct Notifications {
    connection: Connection,
    told: Arc<Mutex<Told>>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

struct Daemon(Arc<Mutex<Told>>);

const PATH: &str = "/org/freedesktop/Notifications";
const INTERFACE: &str = "org.freedesktop.Notifications";

#[interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    fn get_capabilities(&self) -> Vec<String> {
        let markup = self.0.lock().expect("nobody panics with it").markup.then_some("body-markup");
        ["body", "actions", "persistence"].into_iter().chain(markup).map(str::to_owned).collect()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("imagepic tests".to_owned(), "imagepic".to_owned(), "1".to_owned(), "1.2".to_owned())
    }

    #[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "the specification's")]
    fn notify(
        &self,
        _app_name: String,
        replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let mut told = self.0.lock().expect("nobody panics with it");
        let id = if replaces > 0 {
            replaces
        } else {
            told.last_id += 1;
            told.last_id
        };
        let actions = actions.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let picture = hints.get("image-data").and_then(picture);
        told.all.push(Notification { id, replaces, summary, body, actions, picture, closed: false });
        id
    }

    async fn close_notification(&self, id: u32, #[zbus(connection)] connection: &Connection) -> zbus::fdo::Result<()> {
        for notification in
            self.0.lock().expect("nobody panics with it").all.iter_mut().filter(|notification| notification.id == id)
        {
            notification.closed = true;
        }
        // 3: by its sender.
        connection.emit_signal(None::<()>, PATH, INTERFACE, "NotificationClosed", &(id, 3_u32)).await.map_err(Into::into)
    }
}

/// Width and height of the specification's `image-data`, where its pixels are as many as it says.
fn picture(hint: &OwnedValue) -> Option<(i32, i32)> {
    type Data = (i32, i32, i32, bool, i32, i32, Vec<u8>);
    let (width, height, stride, _, _, _, pixels) = Data::try_from(hint.try_clone().ok()?).ok()?;
    (usize::try_from(stride.checked_mul(height)?).ok()? == pixels.len()).then_some((width, height))
}

impl Notifications {
    /// Starts on this bus.
    ///
    /// # Panics
    /// When another daemon is there.
    pub async fn start(bus: &str) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let connection = connection::Builder::address(bus)
            .and_then(|builder| builder.serve_at(PATH, Daemon(Arc::clone(&told))))
            .and_then(|builder| builder.name("org.freedesktop.Notifications"))
            .expect("fixed names are right")
            .build()
            .await
            .expect("a bus without another notification daemon");
        Self { connection, told }
    }

    /// From now on the body is markup, as GNOME's and KDE's daemons have it.
    ///
    /// # Panics
    /// Never.
    pub fn read_markup(&self) {
        self.told.lock().expect("nobody panics with it").markup = true;
    }

    /// Everything that was sent so far, in order; a replaced one stands there twice.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn all(&self) -> Vec<Notification> {
        self.told.lock().expect("nobody panics with it").all.clone()
    }

    /// Waits for one that pleases.
    pub async fn wait_for(&self, what: &str, pleases: impl Fn(&Notification) -> bool) -> Notification {
        eventually(&format!("a notification: {what}"), async || {
            self.all().into_iter().rev().find(|notification| pleases(notification))
        })
        .await
    }

    /// Presses the button with this label.
    ///
    /// # Panics
    /// When there is no such button.
    pub async fn press(&self, notification: &Notification, label: &str) {
        let (key, _) = notification
            .actions
            .iter()
            .find(|(_, text)| text == label)
            .unwrap_or_else(|| panic!("no \"{label}\" on {notification:?}"));
        self.connection
            .emit_signal(None::<()>, PATH, INTERFACE, "ActionInvoked", &(notification.id, key))
            .await
            .expect("the bus is there");
    }
}
