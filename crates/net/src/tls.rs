//! Certificate checks: the system's authorities, and those of the files a person named. Always on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

use crate::Failure;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Reads the authorities (some milliseconds) and makes the configuration every client shares.
pub(crate) fn config(ca_files: &[PathBuf]) -> Result<ClientConfig, Failure> {
    let mut extra = Vec::new();
    for file in ca_files {
        extra.extend(authorities(file)?);
    }
    let verifier = Verifier::new_with_extra_roots(extra, provider()).map_err(|error| Failure::Tls(error.to_string()))?;
    let mut config = builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// At least one certificate, as PEM.
pub(crate) fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let unreadable = || Failure::CaFile(file.display().to_string());
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(unreadable)
}

/// For clients that only ever speak plain HTTP to this computer: reads nothing, trusts nobody.
pub(crate) fn nobody_trusted() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Failure> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Tls(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_file_without_a_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "no certificate in here\n").unwrap();
        for file in [empty, dir.path().join("missing.pem")] {
            let failure = config(std::slice::from_ref(&file)).expect_err("nothing to trust in it");
            assert_eq!(failure, Failure::CaFile(file.display().to_string()));
        }
    }
}
