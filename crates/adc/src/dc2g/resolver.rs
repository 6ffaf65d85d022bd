//! What rustls asks when a server asks for a client certificate; never asked, nothing is made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use super::cache::Issued;
use super::forger::{Forger, Occasion};
use super::identity::VerifiedIdentity;
use super::refusal::Refusal;

/// The resolver of one connection to one server.
#[derive(Debug)]
pub(crate) struct IdentityResolver {
    forger: Arc<Forger>,
    identity: Option<Arc<VerifiedIdentity>>,
    occasion: Occasion,
    outcome: OnceLock<Result<Arc<Issued>, Refusal>>,
}

impl IdentityResolver {
    /// For a client with this identity, or with none.
    pub(crate) const fn new(
        forger: Arc<Forger>,
        identity: Option<Arc<VerifiedIdentity>>,
        occasion: Occasion,
    ) -> Self {
        Self {
            forger,
            identity,
            occasion,
            outcome: OnceLock::new(),
        }
    }

    /// Why the handshake was made to fail.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.outcome.get()?.as_ref().err()
    }

    /// Whether the server asked for a certificate.
    pub(crate) fn was_asked(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// What was shown; counts servers that did not ask. Called once, after the handshake.
    pub(crate) fn shown(&self) -> Option<&Arc<Issued>> {
        match self.outcome.get() {
            None => {
                self.forger.not_asked();
                None
            }
            Some(outcome) => outcome.as_ref().ok(),
        }
    }

    /// When the connection must not be used any more: what was shown ends, or else the client's certificate does.
    pub(crate) fn expires(&self, shown: Option<&Arc<Issued>>) -> Option<Timestamp> {
        match (shown, &self.identity) {
            (Some(issued), _) => Some(issued.not_after),
            (None, Some(identity)) => Some(identity.not_after()),
            (None, None) => None,
        }
    }

    fn certificate(
        &self,
        hints: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Result<Arc<Issued>, Refusal> {
        let issued = self
            .forger
            .certificate(self.identity.as_deref(), &self.occasion)?;
        if issued.certified.key.choose_scheme(schemes).is_none() {
            self.forger.refused(&Refusal::NoCommonScheme);
            return Err(Refusal::NoCommonScheme);
        }
        let subject = self.forger.ca_subject().unwrap_or_default();
        if !hints.is_empty() && !hints.contains(&subject) {
            warn_once(&self.forger, &self.occasion);
        }
        Ok(issued)
    }
}

/// The most common mistake, and one that the server's words do not tell.
fn warn_once(forger: &Forger, occasion: &Occasion) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            ssl.profile = forger.profile(),
            service.name = %occasion.service,
            "the service does not list the forging CA among those whose client certificates it takes; it is shown one \
             all the same"
        );
    }
}

impl ResolvesClientCert for IdentityResolver {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let outcome = self
            .outcome
            .get_or_init(|| self.certificate(hints, schemes));
        Some(match outcome {
            Ok(issued) => issued.certified.clone(),
            Err(_) => refusing_key(),
        })
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A key that never signs, with no certificate: the handshake fails on our side, whether the server insists on a
/// certificate or not, and nothing of anybody leaves.
pub(crate) fn refusing_key() -> Arc<CertifiedKey> {
    Arc::new(CertifiedKey::new(Vec::new(), Arc::new(RefusingKey)))
}

#[derive(Debug)]
struct RefusingKey;

#[derive(Debug)]
struct RefusingSigner(SignatureScheme);

impl SigningKey for RefusingKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = offered.first().copied();
        let scheme = scheme.unwrap_or(SignatureScheme::ECDSA_NISTP256_SHA256);
        Some(Box::new(RefusingSigner(scheme)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for RefusingSigner {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::General(
            "no client certificate is made for this client".to_owned(),
        ))
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}
