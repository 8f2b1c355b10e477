//! `org.freedesktop.Notifications` (Desktop Notifications Specification 1.3), over one connection for the life of the app.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use tauri::{AppHandle, Manager};
use zbus::zvariant::{Structure, Value};

use super::{Button, Matter, Notification, Order, Orders, Picture};
use crate::shell::Shell;

/// Notifications whose buttons still do something; older ones have long left the screen.
const MOST_KEPT: usize = 64;
/// Urgency "normal" of the specification.
const NORMAL: u8 = 1;
/// How long it stays: as the daemon likes, or until somebody has seen to it.
const AS_USUAL: i32 = -1;
const UNTIL_ANSWERED: i32 = 0;

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Daemon {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    /// Name, maker, version, version of the specification.
    fn get_server_information(&self) -> zbus::Result<(String, String, String, String)>;

    #[expect(clippy::too_many_arguments, reason = "the specification's own call")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;

    fn close_notification(&self, id: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action_key: String) -> zbus::Result<()>;

    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// The key of a click on the notification itself (specification, "Basic Design").
const DEFAULT: &str = "default";

/// What is on the screen, as far as we know.
#[derive(Default)]
struct Shown {
    /// Oldest first.
    all: VecDeque<One>,
}

struct One {
    id: u32,
    matter: Matter,
    /// The next news takes its place.
    news: bool,
    buttons: Vec<Button>,
}

impl Shown {
    fn id(&self, matter: Matter) -> Option<u32> {
        self.all.iter().find(|one| one.matter == matter).map(|one| one.id)
    }

    /// Whose place it takes: of what was said on the same matter, or of the last news, so that ten screenshots do not leave ten of them.
    fn place(&self, matter: Matter, news: bool) -> Option<u32> {
        self.id(matter).or_else(|| self.all.iter().rfind(|one| one.news && news).map(|one| one.id))
    }

    fn put(&mut self, id: u32, matter: Matter, news: bool, buttons: Vec<Button>) {
        self.all.retain(|one| one.id != id && one.matter != matter);
        self.all.push_back(One { id, matter, news, buttons });
        if self.all.len() > MOST_KEPT {
            self.all.pop_front();
        }
    }

    fn pressed(&self, id: u32, key: &str) -> Option<Button> {
        let One { buttons, .. } = self.all.iter().find(|one| one.id == id)?;
        if key == DEFAULT {
            return buttons.iter().find(|button| matches!(button, Button::Open(_))).cloned();
        }
        buttons.get(key.parse::<usize>().ok()?).cloned()
    }

    fn closed(&mut self, id: u32) {
        self.all.retain(|one| one.id != id);
    }
}

/// A daemon that hangs must not keep the next word, nor what buttons say. One that has to be started first gets its time.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a notification says is worth more than its picture, which may have to be fetched from the store.
const PICTURE: Duration = Duration::from_millis(500);

async fn in_time<T>(asked: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    let late = |_| zbus::Error::Failure("the notification daemon does not answer".to_owned());
    tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
}

/// For diagnostics. Asked with patience: a daemon may have to be started first.
pub(super) async fn daemon() -> Option<(String, Vec<String>)> {
    let asked = async {
        let connection = crate::bus::session().await?;
        let daemon = DaemonProxy::new(&connection).await?;
        let (name, _, version, _) = daemon.get_server_information().await?;
        zbus::Result::Ok((format!("{name} {version}"), daemon.get_capabilities().await?))
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()
}

/// Shows what is handed in and does what buttons say, until the app ends. Without a session bus nothing can be shown; that is logged.
pub(super) async fn serve(app: AppHandle, mut orders: Orders) {
    let connected = async {
        let connection = crate::bus::session().await?;
        let daemon = DaemonProxy::new(&connection).await?;
        let (pressed, closed) = (daemon.receive_action_invoked().await?, daemon.receive_notification_closed().await?);
        zbus::Result::Ok((daemon, pressed, closed))
    };
    let (daemon, mut pressed, mut closed) = match connected.await {
        Ok(connected) => connected,
        Err(error) => {
            tracing::warn!(%error, "no session bus: notifications are not shown");
            while orders.recv().await.is_some() {}
            return;
        }
    };
    let mut shown = Shown::default();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Show(notification)) => show(&app, &daemon, &mut shown, *notification).await,
                Some(Order::Withdraw(matter)) => {
                    if let Some(id) = shown.id(matter) {
                        shown.closed(id);
                        // It may be gone already: then there is nothing to take back.
                        let _ = in_time(daemon.close_notification(id)).await;
                    }
                }
                Some(Order::Told(done)) => drop(done.send(())),
                None => return,
            },
            Some(signal) = pressed.next() => {
                if let Ok(arguments) = signal.args()
                    && let Some(button) = shown.pressed(arguments.id, &arguments.action_key)
                {
                    crate::actions::pressed(&app, button);
                }
            }
            Some(signal) = closed.next() => {
                if let Ok(arguments) = signal.args() {
                    shown.closed(arguments.id);
                }
            }
        }
    }
}

async fn show(app: &AppHandle, daemon: &DaemonProxy<'_>, shown: &mut Shown, notification: Notification) {
    let setting = app.state::<Shell>().engine.settings().get().general.notifications;
    if !notification.weight.passes(setting) {
        return;
    }
    // Asked every time: the daemon may have been replaced by another one.
    let can = match in_time(daemon.get_capabilities()).await {
        Ok(can) => can,
        Err(error) => {
            tracing::info!(%error, title = notification.title, "no notification daemon: not shown");
            return;
        }
    };
    let can = |what: &str| can.iter().any(|capability| capability == what);
    let body = if can("body-markup") { escaped(&notification.body) } else { notification.body.clone() };
    let keys: Vec<_> = (0..notification.buttons.len()).map(|index| index.to_string()).collect();
    let mut actions: Vec<&str> = if can("actions") {
        keys.iter().zip(&notification.buttons).flat_map(|(key, (label, _))| [key.as_str(), label.as_str()]).collect()
    } else {
        Vec::new()
    };
    if can("actions") && notification.opens.is_some() {
        // Without a label of its own: daemons show none for it.
        actions.extend([DEFAULT, ""]);
    }
    let mut hints = HashMap::from([("urgency", Value::from(NORMAL)), ("desktop-entry", Value::from("imagepic"))]);
    if let Some(whose) = notification.picture
        && let Ok(Some(picture)) = tokio::time::timeout(PICTURE, picture(app, whose)).await
    {
        hints.insert("image-data", picture);
    }
    let news = notification.is_news();
    let replaces = shown.place(notification.matter, news).unwrap_or(0);
    let stays = if matches!(notification.matter, Matter::Question(_)) { UNTIL_ANSWERED } else { AS_USUAL };
    let sent = daemon.notify("imagepic", replaces, "imagepic-desktop", &notification.title, &body, &actions, hints, stays);
    match in_time(sent).await {
        Ok(id) => {
            let opens = notification.opens.map(Button::Open);
            let buttons = notification.buttons.into_iter().map(|(_, button)| button).chain(opens).collect();
            shown.put(id, notification.matter, news, buttons);
        }
        Err(error) => tracing::warn!(%error, title = notification.title, "the notification was not shown"),
    }
}

/// The specification's `image-data`: width, height, row stride, alpha, bits a sample, channels, pixels.
async fn picture(app: &AppHandle, whose: Picture) -> Option<Value<'static>> {
    let uploads = app.state::<Shell>().engine.uploads();
    let png = match whose {
        Picture::Upload(id) => uploads.thumbnail(id).await.ok()?.0,
        Picture::Offer(id) => uploads.offered_picture(id).await?,
    };
    let image = tauri::image::Image::from_bytes(&png).ok()?;
    let (width, height) = (i32::try_from(image.width()).ok()?, i32::try_from(image.height()).ok()?);
    let pixels = image.rgba().to_vec();
    Some(Value::from(Structure::from((width, height, width.checked_mul(4)?, true, 8_i32, 4_i32, pixels))))
}

/// The body is a small markup language where the daemon says so: a file name must not become a link or a tag.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_word_on_the_same_matter_takes_the_place_of_the_older() {
        let mut shown = Shown::default();
        shown.put(7, Matter::Waiting, false, Vec::new());
        shown.put(8, Matter::Batch(1), false, vec![Button::Undo(vec![3])]);
        assert_eq!(shown.id(Matter::Waiting), Some(7));
        shown.put(7, Matter::Waiting, false, vec![Button::Retry(vec![1])]);
        assert_eq!(shown.pressed(7, "0"), Some(Button::Retry(vec![1])));
        assert_eq!(shown.pressed(8, "0"), Some(Button::Undo(vec![3])));
        assert_eq!((shown.pressed(8, "1"), shown.pressed(8, "default"), shown.pressed(9, "0")), (None, None, None));
        shown.put(10, Matter::Offer, false, vec![Button::Undo(vec![3]), Button::Open(crate::windows::Name::Library)]);
        assert_eq!(shown.pressed(10, "default"), Some(Button::Open(crate::windows::Name::Library)));
        shown.closed(7);
        assert_eq!(shown.id(Matter::Waiting), None);
    }

    #[test]
    fn buttons_of_long_ago_are_forgotten() {
        let mut shown = Shown::default();
        for id in 1..=200 {
            shown.put(id, Matter::Batch(id.into()), false, Vec::new());
        }
        assert_eq!(shown.all.len(), MOST_KEPT);
        assert_eq!(shown.id(Matter::Batch(200)), Some(200));
    }

    #[test]
    fn a_file_name_cannot_put_a_link_into_a_notification() {
        assert_eq!(escaped("<a href=\"x\">a&b</a>.png"), "&lt;a href=\"x\"&gt;a&amp;b&lt;/a&gt;.png");
    }

    #[test]
    fn news_takes_the_place_of_news_and_of_nothing_else() {
        let mut shown = Shown::default();
        shown.put(1, Matter::Batch(1), false, Vec::new());
        shown.put(2, Matter::Batch(2), true, Vec::new());
        assert_eq!(shown.place(Matter::Batch(3), true), Some(2));
        assert_eq!(shown.place(Matter::Batch(3), false), None, "a failure pushes no result away");
        assert_eq!(shown.place(Matter::Batch(1), true), Some(1), "what failed is replaced by how it ended");
        shown.put(2, Matter::Batch(3), true, Vec::new());
        assert_eq!(shown.id(Matter::Batch(2)), None);
    }
}
