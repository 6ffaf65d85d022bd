//! One vserver's TLS: versions, ALPN, client authentication, and tickets that are nobody else's.

use std::sync::Arc;

use evercert_types::SharedClock;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};

use evercert_x509::tls::crypto_provider;

use super::hot::HotKeys;
use super::resolver::{ChoicePolicy, ConnectionResolver};

/// Sessions kept for clients that resume by session id (TLS 1.2 without tickets).
const SESSION_CACHE: usize = 2048;

/// TLS settings of a vserver, from its SSL profile and parameters.
#[derive(Clone, Debug)]
pub(crate) struct TlsSettings {
    pub(crate) versions: Versions,
    pub(crate) alpn: Alpn,
    pub(crate) clients: ClientAuthentication,
    /// Whether sessions may be resumed.
    pub(crate) resumption: Resumption,
}

/// Which protocol versions are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Tls12,
    Tls13,
    Tls12And13,
}

/// Which application protocols are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/2 and HTTP/1.1.
    Http2,
    /// HTTP/1.1 only.
    Http1,
    /// None: the bytes are not HTTP.
    None,
}

/// Whether sessions may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumption {
    Enabled,
    Disabled,
}

/// Whether clients are asked for certificates.
#[derive(Clone, Debug)]
pub(crate) enum ClientAuthentication {
    None,
    Optional(Arc<RootCertStore>),
    Mandatory(Arc<RootCertStore>),
}

/// A vserver's TLS, ready for handshakes.
pub(crate) struct VserverTls {
    pub(crate) policy: Arc<ChoicePolicy>,
    template: ServerConfig,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    hot: Arc<HotKeys>,
    clock: SharedClock,
}

impl VserverTls {
    /// Builds it, with a ticketer and a session store of its own: a ticket from a vserver without client
    /// authentication must never resume on one with it.
    ///
    /// # Errors
    /// When the client CAs cannot be used, or the system gives no random octets for ticket keys.
    pub(crate) fn new(
        settings: &TlsSettings,
        policy: Arc<ChoicePolicy>,
        hot: Arc<HotKeys>,
        clock: SharedClock,
    ) -> Result<Self, rustls::Error> {
        let verifier = verifier(&settings.clients)?;
        let versions: &[&SupportedProtocolVersion] = match settings.versions {
            Versions::Tls12 => &[&rustls::version::TLS12],
            Versions::Tls13 => &[&rustls::version::TLS13],
            Versions::Tls12And13 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let time = Arc::new(ClockTime(clock.clone()));
        let builder = ServerConfig::builder_with_details(crypto_provider(), time)
            .with_protocol_versions(versions)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
            None => builder.with_no_client_auth(),
        };
        let unset = Arc::new(ConnectionResolver::new(policy.clone(), hot.clone()));
        let mut template = builder.with_cert_resolver(unset);
        template.alpn_protocols = alpn(settings.alpn);
        set_resumption(&mut template, settings.resumption)?;
        Ok(Self {
            policy,
            template,
            verifier,
            hot,
            clock,
        })
    }

    /// The configuration of one connection, and the resolver that will know what was served.
    pub(crate) fn for_connection(&self) -> (Arc<ServerConfig>, Arc<ConnectionResolver>) {
        let resolver = Arc::new(ConnectionResolver::new(
            self.policy.clone(),
            self.hot.clone(),
        ));
        let mut config = self.template.clone();
        config.cert_resolver = resolver.clone();
        (Arc::new(config), resolver)
    }

    /// Whether clients are asked for certificates.
    pub(crate) const fn asks_clients(&self) -> bool {
        self.verifier.is_some()
    }

    /// Verifies a client's chain again: a resumed session brings it along unverified.
    ///
    /// # Errors
    /// When the chain is no longer good, or is missing though mandatory.
    pub(crate) fn verify_resumed(
        &self,
        peer: Option<&[CertificateDer<'_>]>,
    ) -> Result<(), rustls::Error> {
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        match peer {
            Some([leaf, intermediates @ ..]) => {
                let now = unix_time(&self.clock);
                verifier.verify_client_cert(leaf, intermediates, now)?;
                Ok(())
            }
            _ if verifier.client_auth_mandatory() => Err(rustls::Error::NoCertificatesPresented),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for VserverTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VserverTls").finish_non_exhaustive()
    }
}

fn verifier(
    clients: &ClientAuthentication,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, rustls::Error> {
    if let ClientAuthentication::Optional(roots) | ClientAuthentication::Mandatory(roots) = clients
        && roots.is_empty()
    {
        let is_mandatory = matches!(clients, ClientAuthentication::Mandatory(_));
        return Ok(Some(Arc::new(NoAnchors { is_mandatory })));
    }
    let builder = |roots: &Arc<RootCertStore>| {
        WebPkiClientVerifier::builder_with_provider(roots.clone(), crypto_provider())
    };
    let built = match clients {
        ClientAuthentication::None => return Ok(None),
        ClientAuthentication::Optional(roots) => builder(roots).allow_unauthenticated().build(),
        ClientAuthentication::Mandatory(roots) => builder(roots).build(),
    };
    built
        .map(Some)
        .map_err(|error| rustls::Error::General(format!("the client CAs cannot be used: {error}")))
}

/// Asks for certificates and accepts none: no CA is bound to verify them with.
#[derive(Debug)]
struct NoAnchors {
    is_mandatory: bool,
}

impl ClientCertVerifier for NoAnchors {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(CertificateError::UnknownIssuer.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn alpn(alpn: Alpn) -> Vec<Vec<u8>> {
    match alpn {
        Alpn::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Alpn::Http1 => vec![b"http/1.1".to_vec()],
        Alpn::None => Vec::new(),
    }
}

fn set_resumption(config: &mut ServerConfig, resumption: Resumption) -> Result<(), rustls::Error> {
    match resumption {
        Resumption::Enabled => {
            config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
            config.session_storage = ServerSessionMemoryCache::new(SESSION_CACHE);
        }
        Resumption::Disabled => {
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
    }
    Ok(())
}

/// rustls's clock is ours.
#[derive(Debug)]
struct ClockTime(SharedClock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(&self.0))
    }
}

/// The clock's instant as rustls wants it.
pub(crate) fn unix_time(clock: &SharedClock) -> UnixTime {
    let seconds = u64::try_from(clock.now().as_second()).unwrap_or(0);
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}
