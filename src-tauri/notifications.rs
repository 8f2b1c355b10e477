//! Notifications: what is said (`said`, pure) and how the desktop is told (`bus` on Linux).
//!
//! On Linux one connection of our own speaks to `org.freedesktop.Notifications`: it asks what the daemon can do, replaces what it said
//! before on the same matter, and stays, because some desktops close the notifications of a sender that left. Elsewhere nothing is
//! shown yet but in the windows and the tray; the log says so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imagepic_core::Code;
use imagepic_core::settings::Notifications;
use tokio::sync::{mpsc, oneshot};

use crate::windows::Name;

#[cfg(target_os = "linux")]
mod bus;
pub(crate) mod said;

/// More than this many wait only where the daemon hangs; what was done long ago then gives way to what is new.
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
    /// Shows this picture, small, where there is one.
    pub(crate) picture: Option<Picture>,
}

impl Notification {
    /// Something went well and there is nothing left to do about it: the next of its kind may take its place.
    pub(crate) fn is_news(&self) -> bool {
        self.weight == Weight::Result
            && !self.buttons.iter().any(|(_, button)| matches!(button, Button::CopyLinks(_) | Button::CopyOpening(_)))
    }
}

/// Whose picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Of an upload.
    Upload(i64),
    /// Of what the clipboard watch offers.
    Offer(u64),
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
    /// With a signature where the public link opens for nobody.
    CopyOpening(Vec<i64>),
    /// Leads to where the folder of this upload is opened to everybody.
    OpenFolder(i64),
    /// Opens the link of this upload in the browser.
    Browse(i64),
    Undo(Vec<i64>),
    Retry(Vec<i64>),
    Offer {
        id: u64,
        upload: bool,
    },
    Answer {
        id: u64,
        yes: bool,
    },
    Open(Name),
}

#[derive(Debug)]
pub(crate) enum Order {
    Show(Box<Notification>),
    Withdraw(Matter),
    /// Answered once everything before it is with the desktop.
    Told(oneshot::Sender<()>),
}

impl Order {
    /// A later one on the same matter says all that this one would have said.
    const fn matter(&self) -> Option<Matter> {
        match self {
            Self::Show(notification) => Some(notification.matter),
            Self::Withdraw(matter) => Some(*matter),
            Self::Told(_) => None,
        }
    }
}

/// What has been handed in and is not with the desktop yet: one word on each matter, in the order of the last of them.
#[derive(Debug, Default)]
struct Waiting(VecDeque<Order>);

impl Waiting {
    /// What had to give way, where there were too many.
    fn push(&mut self, order: Order) -> Option<Order> {
        if let Some(matter) = order.matter() {
            self.0.retain(|older| older.matter() != Some(matter));
        }
        self.0.push_back(order);
        if self.0.len() <= MOST_WAITING {
            return None;
        }
        let is_result = |order: &Order| matches!(order, Order::Show(notification) if notification.weight == Weight::Result);
        let oldest = |which: &dyn Fn(&Order) -> bool| self.0.iter().position(which);
        // A question or a trouble is missed more than the news of something that went well; who waits for an answer is not left without.
        let at = oldest(&is_result).or_else(|| oldest(&|order| order.matter().is_some()))?;
        self.0.remove(at)
    }
}

/// Where notifications are handed in; never waits.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    waiting: Arc<Mutex<Waiting>>,
    /// One word is enough: there is something.
    wake: mpsc::Sender<()>,
}

/// The other end of a [`Notifier`], for [`serve`].
#[derive(Debug)]
pub(crate) struct Orders {
    waiting: Arc<Mutex<Waiting>>,
    woken: mpsc::Receiver<()>,
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Orders {
    /// The next; `None` once nobody can hand in any more. Loses nothing where it is given up in the middle.
    async fn recv(&mut self) -> Option<Order> {
        loop {
            let next = lock(&self.waiting).0.pop_front();
            if next.is_some() {
                return next;
            }
            if self.woken.recv().await.is_none() {
                return lock(&self.waiting).0.pop_front();
            }
        }
    }
}

impl Notifier {
    pub(crate) fn new() -> (Self, Orders) {
        let waiting = Arc::<Mutex<Waiting>>::default();
        let (wake, woken) = mpsc::channel(1);
        (Self { waiting: Arc::clone(&waiting), wake }, Orders { waiting, woken })
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
        if let Some(dropped) = lock(&self.waiting).push(order) {
            tracing::warn!(matter = ?dropped.matter(), "a notification gave way to newer ones: the desktop takes none");
        }
        // Full: whoever takes them out has been told already.
        let _ = self.wake.try_send(());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn word(matter: Matter, weight: Weight, title: &str) -> Notification {
        Notification {
            matter,
            weight,
            title: title.to_owned(),
            body: String::new(),
            buttons: Vec::new(),
            opens: None,
            picture: None,
        }
    }

    async fn all(notifier: Notifier, mut orders: Orders) -> Vec<String> {
        drop(notifier);
        let mut said = Vec::new();
        while let Some(order) = orders.recv().await {
            said.push(match order {
                Order::Show(notification) => notification.title,
                Order::Withdraw(matter) => format!("no more {matter:?}"),
                Order::Told(_) => "told".to_owned(),
            });
        }
        said
    }

    #[tokio::test]
    async fn a_desktop_that_hangs_misses_old_results_and_neither_questions_nor_the_newest_word() {
        let (notifier, orders) = Notifier::new();
        notifier.show(word(Matter::Question(1), Weight::Question, "a question"));
        notifier.withdraw(Matter::Names);
        for id in 0..200 {
            notifier.show(word(Matter::Batch(id), Weight::Result, &format!("batch {id}")));
        }
        notifier.show(word(Matter::Waiting, Weight::Problem, "the network"));
        let said = all(notifier, orders).await;
        assert_eq!(said.len(), MOST_WAITING);
        assert_eq!(said[..2], ["a question", "no more Names"]);
        assert_eq!(said[MOST_WAITING - 2..], ["batch 199", "the network"]);
    }

    #[tokio::test]
    async fn only_the_last_word_on_a_matter_reaches_a_desktop_that_was_slow() {
        let (notifier, orders) = Notifier::new();
        for percent in 0..500 {
            notifier.show(word(Matter::Waiting, Weight::Problem, &format!("{percent} wait")));
        }
        notifier.show(word(Matter::Question(1), Weight::Question, "a question"));
        notifier.withdraw(Matter::Question(1));
        notifier.show(word(Matter::Offer, Weight::Question, "an offer"));
        assert_eq!(all(notifier, orders).await, ["499 wait", "no more Question(1)", "an offer"]);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_word_gets_it_as_soon_as_it_is_said() {
        let (notifier, mut orders) = Notifier::new();
        let next = tokio::spawn(async move { orders.recv().await });
        notifier.withdraw(Matter::Desktop);
        assert!(matches!(next.await.expect("no panic"), Some(Order::Withdraw(Matter::Desktop))));
    }
}
