//! One vserver's TLS: versions, ALPN, client authentication, and tickets that are nobody else's.

use std::sync::Arc;

use evercert_types::SharedClock;
use rustls::pki_types::UnixTime;
use rustls::server::ServerSessionMemoryCache;
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use evercert_x509::tls::crypto_provider;

use super::hot::HotKeys;
use super::resolver::{ChoicePolicy, ConnectionResolver};
use crate::dc2g::Dc2g;
use crate::dc2g::identity::{BoundCa, FrontVerifier, IdentityError, Insistence, VerifiedIdentity};

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
    Optional(Vec<BoundCa>),
    Mandatory(Vec<BoundCa>),
}

/// A vserver's TLS, ready for handshakes.
pub(crate) struct VserverTls {
    pub(crate) policy: Arc<ChoicePolicy>,
    template: ServerConfig,
    versions: Versions,
    verifier: Option<Arc<FrontVerifier>>,
    hot: Arc<HotKeys>,
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
        dc2g: &Dc2g,
    ) -> Result<Self, rustls::Error> {
        let verifier = verifier(&settings.clients, dc2g)?;
        let versions: &[&SupportedProtocolVersion] = match settings.versions {
            Versions::Tls12 => &[&rustls::version::TLS12],
            Versions::Tls13 => &[&rustls::version::TLS13],
            Versions::Tls12And13 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        };
        let time = Arc::new(ClockTime(clock));
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
            versions: settings.versions,
            verifier,
            hot,
        })
    }

    /// The protocol versions that clients are offered, in NetScaler's words.
    pub(crate) const fn protocols(&self) -> &'static str {
        match self.versions {
            Versions::Tls12 => "TLSv1.2",
            Versions::Tls13 => "TLSv1.3",
            Versions::Tls12And13 => "TLSv1.2 TLSv1.3",
        }
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

    /// Goes into tickets: a session of other client authentication is not resumed, even if a key were shared.
    pub(crate) fn scope(&self) -> &[u8] {
        match &self.verifier {
            None => b"no client authentication",
            Some(verifier) => &verifier.rules().0,
        }
    }

    /// Who the client is after a handshake; the chain that a resumed session brings along is verified again.
    ///
    /// # Errors
    /// When the chain is no longer good, or is missing though mandatory.
    pub(crate) fn identity(
        &self,
        session: &ServerConnection,
    ) -> Result<Option<VerifiedIdentity>, IdentityError> {
        match &self.verifier {
            None => Ok(None),
            Some(verifier) => verifier.identity(session),
        }
    }

    /// Who the client of a standing connection is by the rules of now.
    ///
    /// # Errors
    /// When it is not accepted any more.
    pub(crate) async fn still(
        &self,
        identity: Option<&Arc<VerifiedIdentity>>,
    ) -> Result<Option<Arc<VerifiedIdentity>>, IdentityError> {
        match (&self.verifier, identity) {
            (None, _) => Ok(None),
            (Some(verifier), None) => verifier.nobody().map(|()| None),
            (Some(verifier), Some(identity)) => {
                let identity = match identity.is_by(verifier) {
                    true => identity.clone(),
                    false => Arc::new(verifier.again(identity)?),
                };
                identity.current().await?;
                Ok(Some(identity))
            }
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
    dc2g: &Dc2g,
) -> Result<Option<Arc<FrontVerifier>>, rustls::Error> {
    let (cas, insistence) = match clients {
        ClientAuthentication::None => return Ok(None),
        ClientAuthentication::Optional(cas) => (cas, Insistence::Optional),
        ClientAuthentication::Mandatory(cas) => (cas, Insistence::Mandatory),
    };
    let verifier = FrontVerifier::new(cas.clone(), insistence, dc2g)?;
    Ok(Some(Arc::new(verifier)))
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
