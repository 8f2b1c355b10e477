//! Why a request got no answer at all, told apart by type and not by the text of somebody else's message.

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host's name leads nowhere.
    #[error("the name {0} cannot be resolved")]
    Dns(String),
    /// Nobody takes connections at the address.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, String),
    /// The connection broke, or the other side does not speak HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The address, or the way to it, stays silent: there was no connection in time, so nothing was sent.
    #[error("no connection to {0} in time")]
    ConnectTimeout(String),
    /// No byte either way for too long.
    #[error("no answer in time")]
    Timeout,
    /// The certificate was refused, or TLS could not be agreed on.
    #[error("TLS: {0}")]
    Tls(String),
    /// The other side answered a TLS greeting with something else; most likely it speaks plain HTTP.
    #[error("the address does not speak TLS")]
    NotTls,
    /// The proxy at this host cannot be used or refused to pass the request on.
    #[error("the proxy at {0} cannot be used")]
    Proxy(String),
    /// A file of certificate authorities cannot be read or holds none.
    #[error("no certificate can be read from {0}")]
    CaFile(String),
}

impl Failure {
    /// Whether it is certain that nothing of the request was sent: no connection to where it was to go was ever there.
    #[must_use]
    pub const fn is_before_sending(&self) -> bool {
        match self {
            Self::Dns(_)
            | Self::Connect(..)
            | Self::ConnectTimeout(_)
            | Self::Tls(_)
            | Self::NotTls
            | Self::Proxy(_)
            | Self::CaFile(_) => true,
            Self::Broken(_) | Self::Timeout => false,
        }
    }

    /// The failure inside an error of the HTTP client, which wraps it in its own.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return Some(failure);
            }
            // An `io::Error` made from another error hides it from `source()` of its own.
            if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
                && let Some(failure) = Self::find(inner)
            {
                return Some(failure);
            }
            next = error.source();
        }
        None
    }

    /// An error of the HTTP client as a failure; what carries none is a broken connection.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::find(error).cloned().unwrap_or_else(|| {
            let mut root = error;
            while let Some(source) = root.source() {
                root = source;
            }
            Self::Broken(root.to_string())
        })
    }
}
