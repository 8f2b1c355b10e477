//! The account store: one JSON document a person, found by phone, with the old service's four operations.
//!
//! Two homes: a folder of files as the old service left them, and PostgreSQL for several replicas. What a password or a session is
//! stays out: the store keeps documents and their versions.

use async_trait::async_trait;
use serde_json::{Map, Value};

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
