//! Questions that only a person can answer, and who waits for the answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use imagepic_words::{Lang, Text, sources as words};
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};
use crate::event::{Event, Question, QuestionKind};
use crate::hub::Hub;

/// A question in whichever language it is read.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) kind: QuestionKind,
    pub(crate) title: Text,
    pub(crate) text: Text,
    pub(crate) yes: Text,
    pub(crate) no: Text,
}

impl Asked {
    pub(crate) fn told(&self, id: u64, lang: Lang) -> Question {
        Question {
            id,
            kind: self.kind,
            title: self.title.to(lang),
            text: self.text.to(lang),
            yes: self.yes.to(lang),
            no: self.no.to(lang),
        }
    }
}

/// Every question that is open in this process.
pub(crate) struct Questions {
    hub: Arc<Hub>,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    open: HashMap<u64, (QuestionKind, oneshot::Sender<bool>)>,
    /// Whoever gives something is asked nothing any more.
    ending: bool,
}

/// Asked of somebody who has just given something, and waits for the answer.
const fn of_a_giver(kind: QuestionKind) -> bool {
    matches!(kind, QuestionKind::Address | QuestionKind::Amount)
}

/// One open question; it is taken back when this is dropped.
pub(crate) struct Asking {
    id: u64,
    questions: Arc<Questions>,
    answer: oneshot::Receiver<bool>,
}

impl Questions {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, next: AtomicU64::new(1), waiting: Mutex::default() }
    }

    fn waiting<R>(&self, run: impl FnOnce(&mut Waiting) -> R) -> R {
        run(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn ask(self: &Arc<Self>, asked: Asked) -> Asking {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let asks = self.waiting(|waiting| {
            let asks = !(waiting.ending && of_a_giver(asked.kind));
            if asks {
                waiting.open.insert(id, (asked.kind, sender));
            }
            asks
        });
        // An answer that nobody will give is no.
        if asks {
            self.tell(id, asked);
        }
        Asking { id, questions: Arc::clone(self), answer }
    }

    /// Answers with no what whoever gave something is asked, now and from now on.
    pub(crate) fn end(&self) {
        let open: Vec<_> = self.waiting(|waiting| {
            waiting.ending = true;
            waiting.open.extract_if(|_, (kind, _)| of_a_giver(*kind)).collect()
        });
        for (id, (_, sender)) in open {
            // Whoever asked may have gone at this very moment.
            let _ = sender.send(false);
            self.gone(id);
        }
    }

    fn tell(&self, id: u64, asked: Asked) {
        let question = asked.told(id, self.hub.lang());
        self.hub.with(|live| live.questions.insert(id, asked));
        self.hub.emit(Event::Question(question));
    }

    /// Answers a question, once.
    ///
    /// # Errors
    /// `BadRequest` where it is none any more.
    pub(crate) fn answer(&self, id: u64, yes: bool) -> Result<()> {
        let answered = self.waiting(|waiting| waiting.open.remove(&id)).is_some_and(|(_, sender)| sender.send(yes).is_ok());
        self.gone(id);
        if answered { Ok(()) } else { Err(Error::new(Code::BadRequest, words::question_gone())) }
    }

    fn gone(&self, id: u64) {
        if self.hub.with(|live| live.questions.remove(&id)).is_some() {
            self.hub.emit(Event::QuestionGone { id });
        }
    }
}

impl Asking {
    /// Asks the same in other words.
    pub(crate) fn reword(&self, asked: Asked) {
        if self.questions.waiting(|waiting| waiting.open.contains_key(&self.id)) {
            self.questions.tell(self.id, asked);
        }
    }

    /// Waits for the answer; may be waited for anew.
    pub(crate) async fn answer(&mut self) -> bool {
        (&mut self.answer).await.unwrap_or_default()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.questions.waiting(|waiting| waiting.open.remove(&self.id));
        self.questions.gone(self.id);
    }
}
