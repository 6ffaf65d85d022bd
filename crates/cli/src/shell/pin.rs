//! Trust in one certificate, by its SHA-256.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use evercert_types::Fingerprint;
use evercert_x509::tls::crypto_provider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};

/// The SHA-256 of the one certificate that is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Pin(Fingerprint);

impl FromStr for Pin {
    type Err = anyhow::Error;

    /// Hexadecimal digits, with or without colons, in any case.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.trim().replace(':', "").to_ascii_lowercase();
        digits.parse().map(Self).with_context(|| {
            format!("{text:?} is not the SHA-256 of a certificate (64 hexadecimal digits)")
        })
    }
}

impl Pin {
    /// A TLS client that accepts that certificate and no other.
    pub(super) fn client_config(&self) -> Result<ClientConfig> {
        let verifier = Arc::new(Verifier { pin: self.0 });
        let mut config = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .context("preparing TLS")?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Compares fingerprints; signatures are verified as always.
#[derive(Debug)]
struct Verifier {
    pin: Fingerprint,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if evercert_x509::sha256(end_entity) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            let reason = CertificateError::ApplicationVerificationFailure;
            Err(rustls::Error::InvalidCertificate(reason))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = crypto_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = crypto_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_may_have_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");

        assert_eq!(
            plain.parse::<Pin>().unwrap().0,
            colons.parse::<Pin>().unwrap().0
        );
        "abc".parse::<Pin>().unwrap_err();
    }
}
