//! What the settings say about the network, in the form in which every HTTP client takes it.

use std::path::PathBuf;

use super::Proxy;

impl Proxy {
    /// With the certificate authorities of that file beside the system's.
    pub(crate) fn network(&self, ca_file: Option<&PathBuf>) -> imagepic_net::Settings {
        imagepic_net::Settings {
            proxy: match self {
                Self::System => imagepic_net::Proxy::System,
                Self::None => imagepic_net::Proxy::None,
                Self::Manual(address) => imagepic_net::Proxy::Manual(address.clone()),
            },
            ca_files: ca_file.into_iter().cloned().collect(),
            ..imagepic_net::Settings::default()
        }
    }
}
