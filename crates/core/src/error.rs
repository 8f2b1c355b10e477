//! One error for everything the engine can refuse or fail at: a code that programs decide by, and a sentence that people read.

use std::fmt;

use imagepic_words::{Lang, Text};
use serde::{Deserialize, Serialize};

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs. Serialised in `snake_case`; the names are part of `--json` and of the journal and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// The argument or the setting is not one imagepic knows.
    BadRequest,
    /// The file is not there (any more).
    FileMissing,
    /// The file is there and cannot be read.
    FileUnreadable,
    /// A file taken by reference is no longer the one that was taken.
    FileChanged,
    /// The bytes are not an image this destination takes.
    NotAnImage,
    /// Something is wanted of a picture that is damaged, or made to do harm.
    BrokenImage,
    /// Larger than the destination's limit.
    TooLarge,
    /// Nothing in it.
    Empty,
    /// The clipboard holds nothing that can be uploaded.
    ClipboardEmpty,
    /// No clipboard can be reached.
    ClipboardUnavailable,
    /// No room left on this computer.
    DiskFull,
    /// The home cannot be written.
    HomeUnwritable,
    /// `settings.toml` does not parse; it is left as it is.
    SettingsBroken,
    /// A file of this home was written by a newer imagepic.
    HomeNewer,
    /// No destination of that name.
    NoSuchDestination,
    /// No upload of that number.
    NoSuchUpload,
    /// The store's address cannot be reached.
    Unreachable,
    /// The store did not answer in time.
    Timeout,
    /// The store's certificate is not accepted.
    Tls,
    /// This computer's clock is too far off for signatures.
    ClockSkew,
    /// The store signs for another region.
    WrongRegion,
    /// The store does not know the access key.
    WrongAccessKey,
    /// The store does not accept the signature.
    WrongSecretKey,
    /// No such bucket at this store.
    NoSuchBucket,
    /// No such object.
    NoSuchObject,
    /// The store says no.
    Forbidden,
    /// The name is taken by other bytes.
    NameTaken,
    /// The store refuses the object name.
    NameRefused,
    /// A person is to be asked for the name first.
    NameWanted,
    /// The address answers, but not as an S3 store.
    NotS3,
    /// Path and host style are mixed up.
    WrongStyle,
    /// The store is overloaded or broken for now (5xx, 429).
    StoreBusy,
    /// The store refused the request for another reason.
    StoreRefused,
    /// The store cannot do this.
    Unsupported,
    /// The bytes arrived damaged.
    ChecksumMismatch,
    /// The keychain is locked, or its prompt was not answered.
    KeychainLocked,
    /// No secret is saved for this address and key.
    SecretMissing,
    /// Other destinations use the same address and key with another secret, which would be changed for them too.
    SecretShared,
    /// Another process of this home has the same bytes for the same place in its queue and goes first.
    QueuedElsewhere,
    /// Nobody is signed in at the team server, or the session has ended.
    SignInNeeded,
    /// Phone number and password do not belong together.
    WrongPassword,
    /// The address answers, but not as a team server.
    NotTeamServer,
    /// The address is to be reached without encryption, and nobody has confirmed that.
    PlainHttp,
    /// The address is on this computer or in a network around it, and nobody has confirmed that.
    PrivateAddress,
    /// A person stopped it.
    Cancelled,
    /// This computer's bucket cannot have its port.
    BucketPortTaken,
    /// A fault of imagepic's own.
    Internal,
}

impl Code {
    /// The code as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> String {
        serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What the queue does about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Unreachable | Self::Timeout | Self::BucketPortTaken => Remedy::Wait(Waiting::Network),
            Self::KeychainLocked => Remedy::Wait(Waiting::Keychain),
            Self::SecretMissing | Self::WrongAccessKey | Self::WrongSecretKey | Self::SignInNeeded => {
                Remedy::Wait(Waiting::SignIn)
            }
            Self::DiskFull | Self::HomeUnwritable => Remedy::Wait(Waiting::Disk),
            Self::QueuedElsewhere => Remedy::Wait(Waiting::Turn),
            Self::NameWanted => Remedy::Wait(Waiting::Name),
            Self::StoreBusy | Self::ChecksumMismatch => Remedy::Retry,
            _ => Remedy::Fail,
        }
    }
}

/// What an upload that met an error does next (PRODUCT: waits without limit, five tries over ten minutes, or fails at once).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Waits without limit for something outside, and goes on by itself (but for [`Waiting::Name`]).
    Wait(Waiting),
    /// Is tried again, with growing pauses, a bounded number of times.
    Retry,
    /// Stays failed until a person retries it.
    Fail,
}

/// What an upload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Waiting {
    /// The network, or the store's host.
    Network,
    /// A person who signs in or gives the right key.
    SignIn,
    /// The system keychain.
    Keychain,
    /// Room on this computer.
    Disk,
    /// The next try after a busy store.
    Retry,
    /// Another process of this home, whose upload of the same bytes goes first.
    Turn,
    /// A person who names it, or says that it may go as it is called: it never goes on by itself.
    Name,
}

/// A failure: its code, its sentence and what caused it.
#[derive(Debug)]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// For people: what failed, on what, why, and what to do.
    pub text: Text,
    /// The field of a form that is wrong, where it is one field: `endpoint`, `region`, `bucket`…
    pub field: Option<&'static str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    #[must_use]
    pub const fn new(code: Code, text: Text) -> Self {
        Self { code, text, field: None, source: None }
    }

    /// The same with its cause, which goes to the log and never to a window.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, pointing at one field of a form.
    #[must_use]
    pub const fn at(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// The sentence in `lang`.
    #[must_use]
    pub fn message(&self, lang: Lang) -> String {
        self.text.to(lang)
    }

    /// Code and sentence, to keep in the journal or send to a window.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault { code: self.code, text: self.text.clone() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.to(Lang::En))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// What the journal keeps of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people, in whichever language they read it.
    pub text: Text,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::new(fault.code, fault.text)
    }
}
