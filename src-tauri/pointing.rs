//! Where the library's window points: the folder it shows, which is where its drops go, and the one it was asked to show.

use std::sync::{Mutex, PoisonError};

use imagepic_core::engine::Submit;
use imagepic_core::event::Upload;
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Emitter, Manager};

use crate::windows::{self, Name};

/// A place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[ts(export)]
pub(crate) struct Aim {
    /// Id of the destination.
    pub(crate) destination: String,
    /// Empty: none yet.
    pub(crate) bucket: String,
    /// Below it; no slash at either end, may be empty.
    pub(crate) folder: String,
    /// Begin a new folder there.
    pub(crate) new_folder: bool,
    /// Show who may open what lies there, and what changing that means.
    pub(crate) access: bool,
}

/// Managed by tauri; one for the process.
#[derive(Debug, Default)]
pub(crate) struct Pointing {
    shown: Mutex<Option<Aim>>,
    asked: Mutex<Option<Aim>>,
}

impl Pointing {
    /// The library shows this place now, or none.
    pub(crate) fn shows(&self, aim: Option<Aim>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = aim;
    }

    /// What it was asked to show; once.
    pub(crate) fn asked(&self) -> Option<Aim> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How what is given to a window by hand is uploaded: into the folder it shows, where it shows one.
    pub(crate) fn by_hand_at(&self, label: &str) -> Submit {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shown.filter(|aim| label == Name::Library.label() && !aim.bucket.is_empty()) {
            Some(aim) => aim.submit(),
            None if label == Name::Welcome.label() => to_try(),
            None => crate::actions::by_hand(),
        }
    }
}

impl Aim {
    /// The folder an upload lies in, with who may open it.
    pub(crate) fn access_of(upload: &Upload) -> Self {
        let folder = upload.key.rfind('/').map_or("", |at| &upload.key[..at]);
        Self {
            destination: upload.place.destination.clone(),
            bucket: upload.place.bucket.clone(),
            folder: folder.to_owned(),
            new_folder: false,
            access: true,
        }
    }

    /// How what is meant for this place is uploaded.
    pub(crate) fn submit(self) -> Submit {
        Submit {
            destination: Some(self.destination),
            bucket: Some(self.bucket),
            folder: Some(self.folder),
            ..crate::actions::by_hand()
        }
    }
}

/// How the welcome uploads: it shows the way of a picture from one end to the other, and asks nothing in between.
pub(crate) fn to_try() -> Submit {
    Submit { by_hand: false, ..crate::actions::by_hand() }
}

/// Opens the library at a place.
pub(crate) fn show(app: &AppHandle, aim: Aim) {
    *app.state::<Pointing>().asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(aim);
    windows::open(app, Name::Library);
    // One that is open already asks when it hears this; a new one asks by itself.
    if let Err(error) = app.emit_to(Name::Library.label(), "browse", ()) {
        tracing::warn!(%error, "the library was not told where to go");
    }
}
