//! The account store: one JSON document a person, found by phone, with the old service's four operations.
//!
//! Two homes: a folder of files as the old service left them, and PostgreSQL for several replicas. What a password or a session is
//! stays out: the store keeps documents and their versions, the invitations, and the key that signs tokens.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::{AccountsHome, Config};

pub(crate) mod document;
pub(crate) mod folder;
mod key;
mod postgres;

pub(crate) use folder::FolderHome;
pub(crate) use postgres::{Alone, PostgresHome};

/// A person's document as it lies in the store, unknown fields included, and the version that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The phone number in its bare form: what the document is found by.
    pub(crate) phone: String,
    /// `_id, name, tfs, email, phone, upwd`, and ours beside them: `role, ver, sessions, failures, disabled`.
    pub(crate) fields: Map<String, Value>,
    /// What [`Accounts::update`] asks for.
    pub(crate) version: Version,
}

impl Document {
    /// A field as what it should be; `None` where it is missing or something else.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.fields.get(name).and_then(|value| T::deserialize(value).ok())
    }

    /// A field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field that is `true`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.fields.get(name) == Some(&Value::Bool(true))
    }

    /// Sets a field where it stands, or adds it at the end.
    pub(crate) fn set(&mut self, name: &str, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.fields.insert(name.to_owned(), value);
        }
    }

    /// Drops a field; the others keep their order. Tells whether it was there.
    pub(crate) fn unset(&mut self, name: &str) -> bool {
        self.fields.shift_remove(name).is_some()
    }
}

/// Which state of a document was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) String);

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The phone number has a document.
    #[error("the phone number has an account already")]
    Exists,
    /// Somebody else was quicker: read again.
    #[error("the account was changed meanwhile")]
    Changed,
    /// There is a document, but nothing can be read from it.
    #[error("the account of {phone} cannot be read: {why}")]
    Broken {
        /// Whose.
        phone: String,
        /// Without its content.
        why: String,
    },
    /// The store itself failed.
    #[error("the account store failed: {0}")]
    Failed(String),
}

/// Where documents are kept.
#[async_trait]
pub(crate) trait Accounts: Send + Sync {
    /// The document of that phone number.
    async fn find(&self, phone: &str) -> Result<Option<Document>, StoreError>;

    /// Adds one; of two at once exactly one wins, the other gets `Exists`.
    async fn add(&self, phone: &str, fields: Map<String, Value>) -> Result<Document, StoreError>;

    /// Replaces the document if it is still at `document.version`, otherwise `Changed`.
    async fn update(&self, document: Document) -> Result<Document, StoreError>;

    /// Removes it; false where there was none.
    async fn remove(&self, phone: &str) -> Result<bool, StoreError>;

    /// All phone numbers that have a document, readable or not, in order.
    async fn phones(&self) -> Result<Vec<String>, StoreError>;
}

/// An invitation, as it is kept: the code itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Invite {
    /// Hex SHA-256 of the code.
    pub(crate) hash: String,
    /// How many may still register with it.
    pub(crate) uses: u32,
    /// Milliseconds since 1970.
    pub(crate) expires: i64,
}

/// Where invitations are kept, beside the documents.
#[async_trait]
pub(crate) trait Invites: Send + Sync {
    /// Keeps one, and drops those that are out of date at `now`.
    async fn invite(&self, invite: Invite, now: i64) -> Result<(), StoreError>;

    /// Takes one use, if there is one left at `now`.
    async fn take(&self, hash: &str, now: i64) -> Result<bool, StoreError>;

    /// Gives a use back that came to nothing.
    async fn give_back(&self, hash: &str) -> Result<(), StoreError>;
}

/// What opens a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    /// The server; of a folder there is one.
    Server,
    /// The console program, beside a server perhaps.
    Console,
}

/// The one of two homes that is configured. Clones are the same home.
#[derive(Clone)]
pub(crate) enum Home {
    /// JSON documents in a folder, one server.
    Folder(Arc<FolderHome>),
    /// Rows in a database, any number of servers.
    Postgres(Arc<PostgresHome>),
}

impl Home {
    /// Opens the home a configuration names. The reason of a failure is for whoever runs the server; it holds no password.
    pub(crate) async fn open(config: &Config, opener: Opener) -> Result<Self, String> {
        match &config.accounts {
            AccountsHome::Folder(root) => {
                let root = root.clone();
                let opened = tokio::task::spawn_blocking(move || FolderHome::open(&root, opener)).await;
                Ok(Self::Folder(Arc::new(opened.map_err(|error| error.to_string())??)))
            }
            AccountsHome::Postgres(url) => Ok(Self::Postgres(Arc::new(PostgresHome::open(url.expose_secret()).await?))),
        }
    }

    /// The documents.
    pub(crate) fn accounts(&self) -> Arc<dyn Accounts> {
        match self {
            Self::Folder(home) => Arc::clone(home) as Arc<dyn Accounts>,
            Self::Postgres(home) => Arc::clone(home) as Arc<dyn Accounts>,
        }
    }

    /// The invitations.
    pub(crate) fn invites(&self) -> Arc<dyn Invites> {
        match self {
            Self::Folder(home) => Arc::clone(home) as Arc<dyn Invites>,
            Self::Postgres(home) => Arc::clone(home) as Arc<dyn Invites>,
        }
    }

    /// The database, where accounts are in one: replicas tell each other the news by it.
    pub(crate) fn pool(&self) -> Option<&sqlx::PgPool> {
        match self {
            Self::Folder(_) => None,
            Self::Postgres(home) => Some(home.pool()),
        }
    }

    /// The database, where several servers count failures with numbers nobody has together.
    pub(crate) fn shared(&self) -> Option<&PostgresHome> {
        match self {
            Self::Folder(_) => None,
            Self::Postgres(home) => Some(home),
        }
    }

    /// The right to do something that nobody else over the same home does meanwhile; `None` where there is nobody else.
    pub(crate) async fn alone(&self, what: &str) -> Result<Option<Alone>, StoreError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::Postgres(home) => home.alone(what).await.map(Some),
        }
    }

    /// The key that signs tokens: given by the configuration, or made once and kept in the database or in the data folder.
    pub(crate) async fn signing_key(&self, config: &Config) -> Result<Vec<u8>, String> {
        if let Some(secret) = &config.jwt_secret {
            return key::given(secret);
        }
        match self {
            Self::Folder(_) => {
                let data = config.data.clone();
                tokio::task::spawn_blocking(move || key::in_folder(&data)).await.map_err(|error| error.to_string())?
            }
            Self::Postgres(home) => home.signing_key(&key::made()).await,
        }
    }
}
