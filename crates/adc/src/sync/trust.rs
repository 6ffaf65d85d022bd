//! Whom this instance takes for its Console: whoever shows a certificate of the one identity CA.
//!
//! Before enrolment only the CA's fingerprint is known, from the token, and the CA must be in the chain shown.
//! The name in the URL is not compared: an instance may reach the Console by any address. That is safe because the
//! identity CA issues server certificates to the Console alone; certificates of instances are refused.

use std::sync::Arc;

use evercert_api::sync::instance_from_uris;
use evercert_types::{Fingerprint, SharedClock};
use evercert_x509::tls::crypto_provider;
use evercert_x509::{Certificate, sha256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use crate::tls::profile::unix_time;

/// The one CA that is trusted.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// By the SHA-256 of its DER; it must be among the certificates shown.
    Pinned(Fingerprint),
    /// Itself.
    Ca(Certificate),
}

/// TLS settings for calls to the Console, with an identity once there is one.
///
/// # Errors
/// When rustls refuses the versions, which a complete provider does not let happen.
pub(crate) fn client_config(
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
    clock: &SharedClock,
) -> Result<ClientConfig, Error> {
    let is_pinned = matches!(trust, Trust::Pinned(_));
    let time = Arc::new(ClockTime(clock.clone()));
    let builder = ClientConfig::builder_with_details(crypto_provider(), time)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ConsoleVerifier::new(trust)));
    let mut config = match identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    };
    // Without a server name the Console shows its own certificate, not the operator's for browsers; later the
    // certificate_authorities extension says the same (RFC 8446 §4.2.4).
    config.enable_sni = !is_pinned;
    Ok(config)
}

#[derive(Debug)]
struct ConsoleVerifier {
    trust: Trust,
    subjects: Vec<DistinguishedName>,
}

impl ConsoleVerifier {
    fn new(trust: Trust) -> Self {
        let subjects = match &trust {
            Trust::Pinned(_) => Vec::new(),
            Trust::Ca(ca) => vec![DistinguishedName::from(ca.subject_der().to_vec())],
        };
        Self { trust, subjects }
    }

    fn anchor(&self, shown: &[CertificateDer<'_>]) -> Result<CertificateDer<'static>, Error> {
        match &self.trust {
            Trust::Ca(ca) => Ok(CertificateDer::from(ca.der().to_vec())),
            Trust::Pinned(pin) => shown
                .iter()
                .find(|der| sha256(der) == *pin)
                .map(|der| der.clone().into_owned())
                .ok_or_else(|| {
                    Error::General(
                        "the server does not show the identity CA that the enrolment token names"
                            .to_owned(),
                    )
                }),
        }
    }
}

impl ServerCertVerifier for ConsoleVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.anchor(intermediates)?)?;
        let algorithms = crypto_provider().signature_verification_algorithms;
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &roots,
            intermediates,
            now,
            algorithms.all,
        )?;
        refuse_instances(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        (!self.subjects.is_empty()).then_some(&self.subjects)
    }
}

/// An instance must not pose as the Console with its own identity.
fn refuse_instances(leaf: &CertificateDer<'_>) -> Result<(), Error> {
    let leaf = Certificate::from_der(leaf.to_vec())
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let uris = leaf.san_uris();
    if instance_from_uris(uris.iter().map(String::as_str)).is_some() {
        let purpose = CertificateError::ApplicationVerificationFailure;
        return Err(Error::InvalidCertificate(purpose));
    }
    Ok(())
}

#[derive(Debug)]
struct ClockTime(SharedClock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evercert_api::sync::instance_uri;
    use evercert_types::{InstanceId, KeyAlgorithm};
    use evercert_x509::KeyPair;
    use evercert_x509::mint::{Authority, LeafRequest, Usage};
    use jiff::SignedDuration;

    use super::*;
    use crate::tls::samples::now;

    fn check(
        trust: Trust,
        ca: &Authority,
        change: impl FnOnce(&mut LeafRequest),
    ) -> Result<(), Error> {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let mut request = LeafRequest::for_key(&key, &[], SignedDuration::from_hours(24), now());
        request.names = vec!["console.example".parse().unwrap()];
        change(&mut request);
        let leaf = CertificateDer::from(ca.issue(&request).unwrap().der().to_vec());
        let shown = [CertificateDer::from(ca.certificate().der().to_vec())];
        let seconds = u64::try_from(now().as_second()).unwrap();
        ConsoleVerifier::new(trust)
            .verify_server_cert(
                &leaf,
                &shown,
                &ServerName::try_from("elsewhere.example").unwrap(),
                &[],
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            )
            .map(drop)
    }

    #[test]
    fn only_a_server_certificate_of_the_identity_ca_is_accepted() {
        let year = SignedDuration::from_hours(24 * 365);
        let make =
            || Authority::self_signed("Identity", KeyAlgorithm::EcdsaP256, year, now()).unwrap();
        let (ca, other) = (make(), make());
        let pin = Trust::Pinned(ca.certificate().fingerprint());
        let known = Trust::Ca(ca.certificate().clone());

        for trust in [pin, known] {
            check(trust.clone(), &ca, |_| ()).unwrap();
            check(trust.clone(), &other, |_| ()).unwrap_err();
            check(trust.clone(), &ca, |request| request.usage = Usage::Client).unwrap_err();
            let posing = |request: &mut LeafRequest| {
                request.uris.push(instance_uri(InstanceId::new()));
            };
            check(trust.clone(), &ca, posing).unwrap_err();
            let expired = |request: &mut LeafRequest| {
                request.not_after = now() - SignedDuration::from_secs(1);
            };
            check(trust, &ca, expired).unwrap_err();
        }
    }
}
