//! The verifier of clients' certificates: path by webpki, revocation by CRL in the handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use evercert_ns::model::RevocationCheck;
use evercert_types::{Fingerprint, SharedClock};
use evercert_x509::forge::Original;
use evercert_x509::ocsp::Status;
use evercert_x509::tls::crypto_provider;
use evercert_x509::{Certificate, sha256};
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, HandshakeKind,
    RootCertStore, ServerConnection, SignatureScheme,
};

use super::crl::{CrlAnswer, CrlStore};
use super::ocsp::{OcspChecker, Responder};
use super::{IdentityError, RevocationStatus, VerifiedIdentity};
use crate::dc2g::registry::{Common, Dc2g};

/// Certificates of a chain that are looked at; webpki takes no longer ones.
const MAX_CHAIN: usize = 8;

/// A CA bound to a vserver with `-CA`.
#[derive(Clone, Debug)]
pub(crate) struct BoundCa {
    pub(crate) certificate: Certificate,
    /// `-crlCheck` or `-ocspCheck`.
    pub(crate) revocation: RevocationCheck,
    /// Whether clients are told its name (unless `-skipCAName`).
    pub(crate) is_named: bool,
    /// Who is asked by OCSP; the one a client's certificate names itself when there is none.
    pub(crate) responders: Vec<Responder>,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insistence {
    Optional,
    Mandatory,
}

/// Verifies the clients of one vserver.
#[derive(Debug)]
pub(crate) struct FrontVerifier {
    paths: Arc<dyn ClientCertVerifier>,
    cas: Vec<BoundCa>,
    rules: Fingerprint,
    hints: Vec<DistinguishedName>,
    crls: Arc<CrlStore>,
    ocsp: Arc<OcspChecker>,
    common: Arc<Common>,
    clock: SharedClock,
}

impl FrontVerifier {
    /// For these CAs, with the CRLs of the configuration. Without any CA every certificate is refused.
    ///
    /// # Errors
    /// When a CA cannot be a trust anchor.
    pub(crate) fn new(
        cas: Vec<BoundCa>,
        insistence: Insistence,
        dc2g: &Dc2g,
    ) -> Result<Self, Error> {
        let common = dc2g.common().clone();
        let paths = paths(&cas, insistence)?;
        let named = cas.iter().filter(|ca| ca.is_named);
        Ok(Self {
            hints: named
                .map(|ca| DistinguishedName::from(ca.certificate.subject_der().to_vec()))
                .collect(),
            rules: rules(&cas, insistence),
            paths,
            cas,
            crls: dc2g.crls().clone(),
            ocsp: dc2g.ocsp().clone(),
            clock: common.clock.clone(),
            common,
        })
    }

    /// Who the client of a completed handshake is, if it showed a certificate. A resumed session brings the chain along
    /// as it was accepted once: it is verified again, with today's date, CAs and CRLs.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn identity(
        self: &Arc<Self>,
        session: &ServerConnection,
    ) -> Result<Option<VerifiedIdentity>, IdentityError> {
        let now = self.clock.now();
        let Some(chain @ [leaf, intermediates @ ..]) = session.peer_certificates() else {
            return self.nobody().map(|()| None);
        };
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.paths
                .verify_client_cert(leaf, intermediates, unix(now))
                .map_err(IdentityError::Refused)?;
        }
        self.accepted(chain, now).map(Some)
    }

    /// What another verifier accepted, verified by this one: the vserver's rules changed while the connection stood.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn again(
        self: &Arc<Self>,
        identity: &VerifiedIdentity,
    ) -> Result<VerifiedIdentity, IdentityError> {
        let now = self.clock.now();
        let [leaf, intermediates @ ..] = identity.chain.as_slice() else {
            return Err(IdentityError::Missing);
        };
        self.paths
            .verify_client_cert(leaf, intermediates, unix(now))
            .map_err(IdentityError::Refused)?;
        self.accepted(&identity.chain, now)
    }

    /// That a client may be without a certificate.
    ///
    /// # Errors
    /// [`IdentityError::Missing`] when it must have one.
    pub(crate) fn nobody(&self) -> Result<(), IdentityError> {
        match self.paths.client_auth_mandatory() {
            true => Err(IdentityError::Missing),
            false => Ok(()),
        }
    }

    /// The rules in one value: sessions of other rules are not resumed.
    pub(crate) const fn rules(&self) -> &Fingerprint {
        &self.rules
    }

    fn accepted(
        self: &Arc<Self>,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<VerifiedIdentity, IdentityError> {
        let leaf = chain.first().ok_or(IdentityError::Missing)?;
        let revocations = self.revocations();
        let status = self.check_crls(chain, now)?;
        let read = Original::read(leaf).map_err(|_| IdentityError::Unreadable)?;
        Ok(VerifiedIdentity {
            fingerprint: sha256(leaf),
            not_after: read.not_after(),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            status,
            is_unknown: AtomicBool::new(false),
            verifier: self.clone(),
            revocations: AtomicU64::new(revocations),
        })
    }

    /// The instance's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often what is revoked has changed.
    pub(super) fn revocations(&self) -> u64 {
        self.common.revocations()
    }

    /// Whether any CA's clients are looked up in CRLs.
    fn uses_crls(&self) -> bool {
        let by_crl = |ca: &BoundCa| {
            matches!(
                ca.revocation,
                RevocationCheck::CrlOptional | RevocationCheck::CrlMandatory
            )
        };
        self.cas.iter().any(by_crl)
    }

    /// Looks the chain up in the CRLs, each certificate in its issuer's, from the client's to a bound CA.
    ///
    /// # Errors
    /// [`IdentityError::Revoked`], and [`IdentityError::NoStatus`] where a CRL is mandatory and none is good.
    pub(super) fn check_crls(
        &self,
        chain: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<RevocationStatus, IdentityError> {
        if !self.uses_crls() {
            return Ok(RevocationStatus::NotChecked);
        }
        let pieces: Result<Vec<Original<'_>>, _> = (chain.iter().take(MAX_CHAIN))
            .map(|der| Original::read(der))
            .collect();
        let pieces = pieces.map_err(|_| IdentityError::Unreadable)?;
        let path = path(&pieces);
        let Some(rule) = path.iter().find_map(|certificate| self.rule(certificate)) else {
            return Ok(RevocationStatus::NotChecked);
        };
        let mut status = RevocationStatus::Good;
        for certificate in path {
            match self
                .crls
                .look_up(certificate.issuer_der(), certificate.serial(), now)
            {
                CrlAnswer::Revoked => return Err(IdentityError::Revoked),
                CrlAnswer::Good => {}
                CrlAnswer::Unknown => status = RevocationStatus::Unknown,
            }
        }
        match (rule, status) {
            (RevocationCheck::CrlMandatory, RevocationStatus::Unknown) => {
                Err(IdentityError::NoStatus)
            }
            (RevocationCheck::CrlMandatory | RevocationCheck::CrlOptional, status) => Ok(status),
            _ => Ok(RevocationStatus::NotChecked),
        }
    }

    /// Asks the OCSP responders of the client's CA, where the configuration wants that.
    ///
    /// # Errors
    /// [`IdentityError::Revoked`], and [`IdentityError::NoStatus`] where an answer is mandatory and there is none.
    pub(super) async fn ask_responders(
        &self,
        chain: &[CertificateDer<'_>],
    ) -> Result<RevocationStatus, IdentityError> {
        let by_ocsp = |ca: &BoundCa| {
            matches!(
                ca.revocation,
                RevocationCheck::OcspOptional | RevocationCheck::OcspMandatory
            )
        };
        if !self.cas.iter().any(by_ocsp) {
            return Ok(RevocationStatus::NotChecked);
        }
        let asked = self.asked_about(chain)?;
        let Some(asked) = asked.filter(|asked| by_ocsp(asked.ca)) else {
            return Ok(RevocationStatus::NotChecked);
        };
        let (certificate, responders) = (asked.certificate, &asked.ca.responders);
        let answer = self
            .ocsp
            .status(certificate, &asked.issuer, responders)
            .await;
        match (answer, asked.ca.revocation) {
            (Some(Status::Good), _) => Ok(RevocationStatus::Good),
            (Some(Status::Revoked { .. }), _) => Err(IdentityError::Revoked),
            (_, RevocationCheck::OcspMandatory) => Err(IdentityError::NoStatus),
            _ => Ok(RevocationStatus::Unknown),
        }
    }

    /// The client's certificate, its issuer's, and the bound CA whose rule counts.
    fn asked_about<'c>(
        &self,
        chain: &'c [CertificateDer<'_>],
    ) -> Result<Option<Asked<'c, '_>>, IdentityError> {
        let pieces: Result<Vec<Original<'_>>, _> = (chain.iter().take(MAX_CHAIN))
            .map(|der| Original::read(der))
            .collect();
        let pieces = pieces.map_err(|_| IdentityError::Unreadable)?;
        let path = path(&pieces);
        let (Some(leaf), Some(client)) = (chain.first(), path.first()) else {
            return Ok(None);
        };
        let rule = path.iter().find_map(|certificate| self.issuer(certificate));
        let Some(rule) = rule else {
            return Ok(None);
        };
        let issuer = match (self.issuer(client), path.get(1)) {
            (Some(ca), _) => ca.certificate.clone(),
            (None, Some(sent)) => {
                let at = pieces.iter().position(|piece| std::ptr::eq(piece, *sent));
                let der = at
                    .and_then(|at| chain.get(at))
                    .ok_or(IdentityError::Unreadable)?;
                Certificate::from_der(der.to_vec()).map_err(|_| IdentityError::Unreadable)?
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Asked {
            certificate: leaf,
            issuer,
            ca: rule,
        }))
    }

    fn issuer(&self, certificate: &Original<'_>) -> Option<&BoundCa> {
        let issuer = |ca: &&BoundCa| ca.certificate.subject_der() == certificate.issuer_der();
        self.cas.iter().find(issuer)
    }

    /// How the bound CA that issued a certificate wants revocation checked.
    fn rule(&self, certificate: &Original<'_>) -> Option<RevocationCheck> {
        self.issuer(certificate).map(|ca| ca.revocation)
    }
}

fn paths(cas: &[BoundCa], insistence: Insistence) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    if cas.is_empty() {
        return Ok(Arc::new(NoAnchors(insistence)));
    }
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(CertificateDer::from(ca.certificate.der().to_vec()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider());
    let builder = match insistence {
        Insistence::Optional => builder.allow_unauthenticated(),
        Insistence::Mandatory => builder,
    };
    let built = builder.build();
    built.map_err(|error| Error::General(format!("the client CAs cannot be used: {error}")))
}

fn rules(cas: &[BoundCa], insistence: Insistence) -> Fingerprint {
    let mut text = format!("{insistence:?}");
    for ca in cas {
        let (certificate, check) = (ca.certificate.fingerprint(), ca.revocation);
        text.push_str(&format!(" {certificate} {check:?}"));
    }
    sha256(text.as_bytes())
}

/// What OCSP is asked about.
struct Asked<'c, 'v> {
    /// The client's.
    certificate: &'c [u8],
    issuer: Certificate,
    /// The bound CA whose rule counts.
    ca: &'v BoundCa,
}

/// The client's certificate and those that issued it, as far as the client sent them; a self-signed one is no link.
fn path<'p, 'd>(pieces: &'p [Original<'d>]) -> Vec<&'p Original<'d>> {
    let mut path: Vec<&Original<'_>> = pieces.first().into_iter().collect();
    while let Some(last) = path.last()
        && path.len() < pieces.len()
    {
        let issuer = pieces.iter().find(|piece| {
            piece.subject_der() == last.issuer_der() && piece.subject_der() != piece.issuer_der()
        });
        match issuer {
            Some(issuer) if !path.iter().any(|known| std::ptr::eq(*known, issuer)) => {
                path.push(issuer);
            }
            _ => break,
        }
    }
    path
}

fn unix(now: Timestamp) -> UnixTime {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}

impl ClientCertVerifier for FrontVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.paths.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.paths.verify_client_cert(leaf, intermediates, now)?;
        if self.uses_crls() {
            let mut chain = vec![leaf.clone()];
            chain.extend(intermediates.iter().cloned());
            self.check_crls(&chain, self.clock.now())
                .map_err(|error| Error::InvalidCertificate(certificate_error(&error)))?;
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.paths.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.paths.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.paths.supported_verify_schemes()
    }
}

/// As rustls has it: the client gets the alert that fits.
const fn certificate_error(error: &IdentityError) -> CertificateError {
    match error {
        IdentityError::Revoked => CertificateError::Revoked,
        IdentityError::Expired => CertificateError::Expired,
        IdentityError::NoStatus => CertificateError::UnknownRevocationStatus,
        IdentityError::Refused(_) | IdentityError::Missing | IdentityError::Unreadable => {
            CertificateError::BadEncoding
        }
    }
}

/// Asks for certificates and accepts none: no CA is bound to verify them with.
#[derive(Debug)]
struct NoAnchors(Insistence);

impl ClientCertVerifier for NoAnchors {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0 == Insistence::Mandatory
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
