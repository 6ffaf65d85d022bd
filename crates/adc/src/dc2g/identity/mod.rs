//! Who a client is, proved: only the verifier of front-end handshakes makes a [`VerifiedIdentity`].

mod crl;
mod fetch;
mod ocsp;
mod schedule;
mod verifier;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use evercert_types::Fingerprint;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

pub(crate) use self::crl::{CrlSource, CrlStore};
pub(crate) use self::fetch::Fetcher;
pub(crate) use self::ocsp::{OcspChecker, Responder};
pub(crate) use self::schedule::Schedule;
pub(crate) use self::verifier::{BoundCa, FrontVerifier, Insistence};

/// What is known of the revocation of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationStatus {
    /// The configuration does not ask.
    NotChecked,
    /// It is not revoked.
    Good,
    /// Nobody could say, and the configuration lets that pass (`Optional`).
    Unknown,
}

/// A client's certificate that the verifier of its vserver accepted on this connection: in the handshake, or again when
/// its session was resumed.
#[derive(Debug)]
pub(crate) struct VerifiedIdentity {
    chain: Vec<CertificateDer<'static>>,
    fingerprint: Fingerprint,
    not_after: Timestamp,
    /// By CRL, in the handshake.
    status: RevocationStatus,
    /// By OCSP, whether it is unknown.
    is_unknown: AtomicBool,
    verifier: Arc<FrontVerifier>,
    /// What had been revoked when it was last looked at.
    revocations: AtomicU64,
}

/// A certificate is not accepted, or not any more.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("the client's certificate is not accepted ({0})")]
    Refused(rustls::Error),
    #[error("the client showed no certificate, and must")]
    Missing,
    #[error("the client's certificate cannot be read")]
    Unreadable,
    #[error("the client's certificate has expired")]
    Expired,
    #[error("the client's certificate was revoked")]
    Revoked,
    #[error("the revocation of the client's certificate cannot be told, and must be")]
    NoStatus,
}

impl VerifiedIdentity {
    /// The client's certificate.
    pub(crate) fn der(&self) -> &[u8] {
        // The verifier lets no empty chain pass.
        self.chain.first().map_or(&[], |leaf| leaf.as_ref())
    }

    /// SHA-256 of the client's certificate: two clients never share it, whatever their serial numbers.
    pub(crate) const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When the client's certificate ends.
    pub(crate) const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// What is known of its revocation, by CRL and OCSP.
    pub(crate) fn status(&self) -> RevocationStatus {
        match self.is_unknown.load(Ordering::Acquire) {
            true => RevocationStatus::Unknown,
            false => self.status,
        }
    }

    /// Whether this verifier accepted it.
    pub(crate) fn is_by(&self, verifier: &Arc<FrontVerifier>) -> bool {
        Arc::ptr_eq(&self.verifier, verifier)
    }

    /// That it is accepted now: [`Self::check`], and OCSP where the configuration wants it. Called for each request;
    /// answers of OCSP are kept for five minutes.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) async fn current(&self) -> Result<(), IdentityError> {
        self.check(self.verifier.now())?;
        let status = self.verifier.ask_responders(&self.chain).await?;
        let is_unknown = status == RevocationStatus::Unknown;
        self.is_unknown.store(is_unknown, Ordering::Release);
        Ok(())
    }

    /// That it is still in force, and not revoked by a CRL that came since.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), IdentityError> {
        if now > self.not_after {
            return Err(IdentityError::Expired);
        }
        let revocations = self.verifier.revocations();
        if self.revocations.load(Ordering::Acquire) != revocations {
            self.verifier.check_crls(&self.chain, now)?;
            self.revocations.store(revocations, Ordering::Release);
        }
        Ok(())
    }
}
