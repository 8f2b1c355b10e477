//! Settings: read, set by key, and where secrets are kept.

use std::sync::Arc;

use super::Inner;
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::queue::blocking;
use crate::settings::Settings;

pub use crate::secrets::SecretsPlace;

/// Handle to settings.
#[derive(Clone)]
pub struct SettingsHandle {
    pub(super) inner: Arc<Inner>,
}

impl SettingsHandle {
    /// All settings as they are now; they hold no secret.
    #[must_use]
    pub fn get(&self) -> Settings {
        (*self.inner.hub.settings()).clone()
    }

    /// Every key there is.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.inner.hub.settings().keys()
    }

    /// One setting as text.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none.
    pub fn get_key(&self, key: &str) -> Result<String> {
        self.inner.hub.settings().get_key(key)
    }

    /// Sets one setting from text, in the file and for every process of this home.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none or a value it does not take; `SettingsBroken`, `HomeUnwritable`, `DiskFull`.
    pub async fn set(&self, key: &str, value: &str) -> Result<()> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.inner.change_settings(move |settings| settings.set_key(&key, &value)).await
    }

    /// The names the next file and the next clipboard image would get with this destination's templates.
    #[must_use]
    pub fn name_preview(&self, destination: &Destination) -> (String, String) {
        super::destinations::name_preview(destination)
    }

    /// Where secrets are kept.
    pub async fn where_secrets(&self) -> SecretsPlace {
        self.inner.outside.secrets.place().await
    }
}

impl Inner {
    /// Changes the file under its lock and takes what it then holds.
    pub(crate) async fn change_settings<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Settings) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let file = self.file.clone();
        let (value, settings) = blocking(move || file.change(change)).await?;
        self.take_settings(Ok(settings));
        Ok(value)
    }

    /// Settings changed, here or elsewhere, or can no longer be read: then the last good ones stay.
    pub(crate) fn take_settings(self: &Arc<Self>, settings: Result<Settings, Error>) {
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => return self.notice(&error),
        };
        let before = self.hub.replace_settings(settings);
        let now = self.hub.settings();
        if *before == *now {
            return;
        }
        let proxy = before.general.proxy != now.general.proxy;
        let gone = before.destinations.iter().filter(|old| now.destinations.iter().all(|new| new.id != old.id));
        let changed: Vec<String> = now
            .destinations
            .iter()
            .filter(|new| proxy || before.destinations.iter().all(|old| old != *new))
            .chain(gone)
            .map(|destination| destination.id.clone())
            .collect();
        for id in changed {
            self.stores.forget(&id);
            self.queue.mended(Some(&id));
        }
        if before.capture.clipboard != now.capture.clipboard {
            self.watch_clipboard();
        }
        self.hub.emit(Event::Settings);
        self.hub.tell_status();
        self.hub.emit(Event::Status);
    }
}
