//! Settings: read, set by key, and where secrets are kept.

use std::sync::Arc;

use super::Inner;
use crate::autostart::{self, Autostart};
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::link::{self, Format, LinkTemplate, Target};
use crate::naming::Template;
use crate::queue::blocking;
use crate::settings::exchange::{self, Import};
use crate::settings::{Settings, taken_back};

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
        let mut keys = self.inner.hub.settings().keys();
        keys.push(autostart::KEY.to_owned());
        keys
    }

    /// One setting as text.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none.
    pub fn get_key(&self, key: &str) -> Result<String> {
        if key == autostart::KEY {
            return Ok(Autostart::of(&self.inner.home).is_on().to_string());
        }
        self.inner.hub.settings().get_key(key)
    }

    /// Sets one setting from text, in the file and for every process of this home.
    ///
    /// # Errors
    /// `BadRequest` for a key that is none or a value it does not take; `SettingsBroken`, `HomeUnwritable`, `DiskFull`.
    pub async fn set(&self, key: &str, value: &str) -> Result<()> {
        if key == autostart::KEY {
            return self.start_at_log_in(value).await;
        }
        let (home, key, value) = (self.inner.home.clone(), key.to_owned(), value.to_owned());
        self.inner.change_settings(move |settings| settings.set_key_at(&home, &key, &value)).await
    }

    /// The names the next file and the next clipboard image would get with this destination's templates.
    #[must_use]
    pub fn name_preview(&self, destination: &Destination) -> (String, String) {
        super::destinations::name_preview(destination)
    }

    /// What is wrong with a destination's naming templates, in this order: for files, for the clipboard.
    #[must_use]
    pub fn name_faults(&self, destination: &Destination) -> (Option<Error>, Option<Error>) {
        let fault = |template: &str, field| Template::parse(template).err().map(|error| error.at(field));
        (fault(&destination.names.file, "file"), fault(&destination.names.clipboard, "clipboard"))
    }

    /// What the link of a screenshot at the present place would look like as text; with `template`, in that and not in `format`.
    ///
    /// # Errors
    /// `BadRequest` at `text` for a template that cannot be understood, at `format` for one that is none.
    pub fn link_preview(&self, format: Format, template: Option<&str>) -> Result<String> {
        let settings = self.inner.hub.settings();
        let place = settings.current();
        let (key, _) = super::destinations::name_preview(place);
        let base = match &place.link {
            crate::destination::LinkPolicy::Public { base: Some(base) } => base.trim_end_matches('/').to_owned(),
            _ => format!("https://images.example/{}", place.bucket),
        };
        let url = format!("{base}/{}", imagepic_s3::encode_key(&key));
        let target = Target {
            url: &url,
            name: "screenshot@2x.png",
            content_type: "image/png",
            width: Some(2560),
            height: Some(1440),
            density: 1,
        };
        match template {
            Some(template) => Ok(link::Template::parse(template)?.fill(&target)),
            None => {
                let (format, own) = self.inner.format(Some(format))?;
                Ok(link::text(&target, format, &own))
            }
        }
    }

    /// Whether the tray app starts at log-in.
    pub async fn starts_at_log_in(&self) -> bool {
        let home = self.inner.home.clone();
        crate::queue::blocking(move || Ok(Autostart::of(&home).is_on())).await.unwrap_or(false)
    }

    async fn start_at_log_in(&self, value: &str) -> Result<()> {
        let (home, value) = (self.inner.home.clone(), value.to_owned());
        crate::queue::blocking(move || autostart::set(&home, &value)).await?;
        self.inner.hub.emit(Event::Settings);
        Ok(())
    }

    /// All settings as a file that holds no secret.
    ///
    /// # Errors
    /// As [`exchange::export`].
    pub fn export(&self) -> Result<String> {
        exchange::export(&self.inner.hub.settings())
    }

    /// What importing this text would do; nothing is changed.
    ///
    /// # Errors
    /// As [`exchange::plan`].
    pub async fn plan_import(&self, text: String) -> Result<Import> {
        let (home, settings) = (self.inner.home.clone(), self.inner.hub.settings());
        blocking(move || exchange::plan(&home, &settings, &text)).await
    }

    /// Takes the text over, as planned anew against the settings as they are at that moment.
    ///
    /// # Errors
    /// As [`exchange::plan`]; `SettingsBroken`, `HomeUnwritable`, `DiskFull`.
    pub async fn import(&self, text: String) -> Result<Import> {
        let home = self.inner.home.clone();
        let take = move |settings: &mut Settings| {
            let import = exchange::plan(&home, settings, &text)?;
            *settings = import.settings.clone();
            Ok(import)
        };
        self.inner.change_settings(take).await
    }

    /// Takes an import back: what it changed is as it was before, but for what somebody has changed since.
    ///
    /// # Errors
    /// `BadRequest` while uploads wait for a destination that came with it; `SettingsBroken`, `HomeUnwritable`, `DiskFull`.
    pub async fn take_back(&self, import: Import) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let back = move |settings: &mut Settings| {
            let then = taken_back(&import.before, &import.settings, settings)?;
            let stays = |id: &str| then.destinations.iter().any(|destination| destination.id == id);
            settings.destinations.iter().filter(|now| !stays(&now.id)).try_for_each(|gone| inner.check_unused(gone))?;
            *settings = then;
            Ok(())
        };
        self.inner.change_settings(back).await
    }

    /// Where secrets are kept.
    pub async fn where_secrets(&self) -> SecretsPlace {
        self.inner.outside.secrets.place().await
    }
}

impl Inner {
    /// The format that was asked for, or the settings', and the templates it may be one of.
    ///
    /// # Errors
    /// `BadRequest` at `format` where it was asked for and is a template that is none.
    pub(crate) fn format(&self, asked: Option<Format>) -> Result<(Format, Vec<LinkTemplate>)> {
        let settings = self.hub.settings();
        if let Some(asked) = asked {
            settings.link.check(asked)?;
        }
        Ok((asked.unwrap_or(settings.link.format), settings.link.templates.clone()))
    }

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
        // Where a folder's images go may have changed too.
        if before.capture.folders != now.capture.folders
            || before.destinations != now.destinations
            || before.destination != now.destination
        {
            self.follow_folders();
        }
        self.hub.emit(Event::Settings);
        self.hub.tell_status();
        self.hub.emit(Event::Status);
    }
}
