//! Notifications: what is said (`said`, pure) and how the desktop is told (`bus` on Linux).
//!
//! On Linux one connection of our own speaks to `org.freedesktop.Notifications`: it asks what the daemon can do, replaces what it said
//! before on the same matter, and stays, because some desktops close the notifications of a sender that left. Elsewhere nothing is
//! shown yet but in the windows and the tray; the log says so.

use std::time::Duration;

use imagepic_core::Code;
use imagepic_core::settings::Notifications;
use tokio::sync::{mpsc, oneshot};

use crate::windows::Name;

#[cfg(target_os = "linux")]
mod bus;
pub(crate) mod said;

/// More than this many wait only where the daemon hangs; the newest then give way.
const MOST_WAITING: usize = 64;
/// How long the end waits for a daemon that hangs.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    /// What it is about: a newer one on the same matter replaces it.
    pub(crate) matter: Matter,
    pub(crate) weight: Weight,
    pub(crate) title: String,
    /// Plain text; lines end in `\n`.
    pub(crate) body: String,
    /// In order, the most wanted first.
    pub(crate) buttons: Vec<(String, Button)>,
    /// What a click on the notification itself opens.
    pub(crate) opens: Option<Name>,
    /// Shows the picture of this upload.
    pub(crate) picture: Option<i64>,
}

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Matter {
    Batch(i64),
    Offer,
    /// Something only a person can decide.
    Question(u64),
    Waiting,
    /// Uploads that wait for their names.
    Names,
    Refused,
    /// A second trouble does not push the first one off the screen.
    Problem(Code),
    Desktop,
}

/// Who wants to see it (`general.notifications`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A result.
    Result,
    /// Something a person should know.
    Problem,
    /// A question.
    Question,
}

impl Weight {
    /// Whether the settings let it through.
    pub(crate) const fn passes(self, setting: Notifications) -> bool {
        match setting {
            Notifications::All => true,
            Notifications::Problems => matches!(self, Self::Problem | Self::Question),
            Notifications::Quiet => matches!(self, Self::Question),
        }
    }
}

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Button {
    CopyLinks(Vec<i64>),
    Undo(Vec<i64>),
    Retry(Vec<i64>),
    Offer { id: u64, upload: bool },
    Answer { id: u64, yes: bool },
    Open(Name),
}

#[derive(Debug)]
pub(crate) enum Order {
    Show(Box<Notification>),
    Withdraw(Matter),
    /// Answered once everything before it is with the desktop.
    Told(oneshot::Sender<()>),
}

/// Where notifications are handed in; never waits.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    orders: mpsc::Sender<Order>,
}

/// The other end of a [`Notifier`], for [`serve`].
pub(crate) type Orders = mpsc::Receiver<Order>;

impl Notifier {
    pub(crate) fn new() -> (Self, Orders) {
        let (orders, received) = mpsc::channel(MOST_WAITING);
        (Self { orders }, received)
    }

    /// Shows it, or replaces what was shown on the same matter.
    pub(crate) fn show(&self, notification: Notification) {
        self.send(Order::Show(Box::new(notification)));
    }

    /// Takes back what was shown on this matter.
    pub(crate) fn withdraw(&self, matter: Matter) {
        self.send(Order::Withdraw(matter));
    }

    /// Waits until everything that was handed in is with the desktop, for a moment at most: what is said last must not end with us.
    pub(crate) async fn told(&self) {
        let (done, told) = oneshot::channel();
        self.send(Order::Told(done));
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() {
            tracing::warn!("the desktop does not take the last notifications");
        }
    }

    fn send(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("a notification was dropped: the desktop takes none");
        }
    }
}

/// The daemon that shows notifications and what it can do; `None` where none answers.
#[cfg(target_os = "linux")]
pub(crate) async fn daemon() -> Option<(String, Vec<String>)> {
    bus::daemon().await
}

/// Shows what is handed in, until the app ends.
pub(crate) async fn serve(app: tauri::AppHandle, orders: Orders) {
    #[cfg(target_os = "linux")]
    bus::serve(app, orders).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = app;
        let mut orders = orders;
        while let Some(order) = orders.recv().await {
            if let Order::Show(notification) = order {
                tracing::info!(title = notification.title, "notifications are not shown on this platform yet");
            }
        }
    }
}
