//! Keys, chains and trust as rustls wants them, with the one crypto provider.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

use crate::certificate::{Certificate, CertificateError};
use crate::chain::Chain;
use crate::key::KeyPair;

/// Whether a server asks its clients for certificates.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuth {
    /// It does not.
    #[default]
    None,
    /// It asks, and goes on without; one that is sent must chain to the roots.
    Optional(RootCertStore),
    /// It insists.
    Required(RootCertStore),
}

/// Certificates, keys or roots cannot be used for TLS.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// rustls does not take the key, or it does not belong to the certificate.
    #[error("the certificate and key cannot be used for TLS")]
    CertifiedKey(#[source] rustls::Error),
    /// The trusted certificates could not be read.
    #[error("the trusted CA certificates could not be read")]
    Roots(#[source] CertificateError),
    /// A trusted certificate cannot be a trust anchor.
    #[error("the CA certificate {subject} cannot be trusted; give another")]
    Anchor {
        /// Its subject.
        subject: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A configuration could not be made.
    #[error("the TLS configuration could not be made ({0})")]
    Config(String),
    /// The server name is none.
    #[error("\"{0}\" is not a server name for TLS")]
    ServerName(String),
    /// The handshake with ourselves failed.
    #[error("a test handshake in TLS {version} for {server_name} failed")]
    Handshake {
        /// `1.2` or `1.3`.
        version: &'static str,
        /// The name asked for.
        server_name: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// The one crypto provider, aws-lc-rs with post-quantum key exchange preferred; no process default
/// is installed.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .clone()
}

/// A chain and its key, ready to serve.
///
/// # Errors
/// When they do not belong together.
pub fn certified_key(chain: &Chain, key: &KeyPair) -> Result<Arc<CertifiedKey>, TlsError> {
    let ders = chain
        .certificates()
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
        .collect();
    certified_key_from_der(ders, key.to_pkcs8_der().expose())
}

/// The same from DER: certificates leaf first, the key as PKCS#8.
///
/// # Errors
/// When the key is not readable, or is not the leaf's.
pub fn certified_key_from_der(
    chain: Vec<CertificateDer<'static>>,
    pkcs8: &[u8],
) -> Result<Arc<CertifiedKey>, TlsError> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
    CertifiedKey::from_der(chain, key, &crypto_provider())
        .map(Arc::new)
        .map_err(TlsError::CertifiedKey)
}

/// The certificates of a PEM text as trust anchors; at least one.
///
/// # Errors
/// When the text holds none, or one cannot be an anchor.
pub fn root_store(pems: &str) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in Certificate::all_from_pem(pems).map_err(TlsError::Roots)? {
        store
            .add(CertificateDer::from(certificate.der().to_vec()))
            .map_err(|source| TlsError::Anchor {
                subject: certificate.display_name(),
                source,
            })?;
    }
    Ok(store)
}

/// A client's configuration for TLS 1.2 and 1.3: trusts `roots`, shows `identity` when asked, offers
/// `alpn` in order of preference.
///
/// # Errors
/// When rustls refuses the versions, which a complete provider does not let happen.
pub fn client_config(
    roots: RootCertStore,
    identity: Option<Arc<CertifiedKey>>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(config_error)?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// A server's configuration for TLS 1.2 and 1.3; `alpn` in order of preference.
///
/// # Errors
/// When the clients' roots are empty.
pub fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    clients: ClientAuth,
    alpn: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(config_error)?;
    let verifier = |roots: RootCertStore| {
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
    };
    let builder = match clients {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional(roots) => builder.with_client_cert_verifier(
            verifier(roots)
                .allow_unauthenticated()
                .build()
                .map_err(config_error)?,
        ),
        ClientAuth::Required(roots) => {
            builder.with_client_cert_verifier(verifier(roots).build().map_err(config_error)?)
        }
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// A resolver that always answers with one certificate.
pub fn single_certificate(certified: Arc<CertifiedKey>) -> Arc<dyn ResolvesServerCert> {
    Arc::new(SingleCertAndKey::from(certified))
}

/// Performs a handshake with ourselves, in memory, in TLS 1.3 and 1.2: proves that key and leaf work
/// together before anybody is served by them. Trust and dates are not looked at; for a wildcard any
/// name under it is asked for.
///
/// # Errors
/// [`TlsError::Handshake`] with the version that failed.
pub fn self_handshake(certified: &Arc<CertifiedKey>, server_name: &str) -> Result<(), TlsError> {
    let concrete = match server_name.strip_prefix("*.") {
        Some(base) => format!("self-test.{base}"),
        None => server_name.to_owned(),
    };
    let name =
        ServerName::try_from(concrete).map_err(|_| TlsError::ServerName(server_name.to_owned()))?;
    handshake(certified, &name, &rustls::version::TLS13, "1.3")?;
    handshake(certified, &name, &rustls::version::TLS12, "1.2")
}

fn handshake(
    certified: &Arc<CertifiedKey>,
    name: &ServerName<'static>,
    protocol: &'static SupportedProtocolVersion,
    version: &'static str,
) -> Result<(), TlsError> {
    let failed = |source| TlsError::Handshake {
        version,
        server_name: name.to_str().into_owned(),
        source,
    };
    let server = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[protocol])
        .map_err(config_error)?
        .with_no_client_auth()
        .with_cert_resolver(single_certificate(certified.clone()));
    let client = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[protocol])
        .map_err(config_error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PossessionVerifier))
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(client), name.clone()).map_err(failed)?;
    let mut server = ServerConnection::new(Arc::new(server)).map_err(failed)?;
    pump(&mut client, &mut server).map_err(failed)
}

/// Carries bytes between the two until both are done; flights are few, so the rounds are bounded.
fn pump(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    for _ in 0..10 {
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok(());
        }
        flight(client, server)?;
        flight(server, client)?;
    }
    Err(rustls::Error::HandshakeNotComplete)
}

fn flight<A, B>(
    from: &mut rustls::ConnectionCommon<A>,
    to: &mut rustls::ConnectionCommon<B>,
) -> Result<(), rustls::Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).map_err(io_error)?;
    }
    let mut rest = wire.as_slice();
    while !rest.is_empty() {
        to.read_tls(&mut rest).map_err(io_error)?;
        to.process_new_packets()?;
    }
    Ok(())
}

/// Accepts every chain and checks only that the peer signs with the leaf's key.
#[derive(Debug)]
struct PossessionVerifier;

impl ServerCertVerifier for PossessionVerifier {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &crypto_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn io_error(error: std::io::Error) -> rustls::Error {
    rustls::Error::General(error.to_string())
}

fn config_error(error: impl std::fmt::Display) -> TlsError {
    TlsError::Config(error.to_string())
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;

    use super::*;
    use crate::mint::LeafRequest;
    use crate::samples::{self, FIXTURE_CA};

    #[test]
    fn key_and_leaf_of_every_family_shake_hands_with_themselves() {
        let (_, ca) = samples::authorities();
        for algorithm in [
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::Rsa2048,
        ] {
            let key = KeyPair::generate(algorithm).unwrap();
            let names = samples::names(&["*.a.example"]);
            let request = LeafRequest::for_key(&key, &names, samples::days(9), samples::now());
            let chain = ca.issue_chain(&request).unwrap();

            let certified = certified_key(&chain, &key).unwrap();

            self_handshake(&certified, "*.a.example").unwrap();
            self_handshake(&certified, "x.a.example").unwrap();
        }
    }

    #[test]
    fn a_foreign_key_is_refused_at_once() {
        let (_, chain, _) = samples::chain();
        let other = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();

        let error = certified_key(&chain, &other).unwrap_err();

        assert!(matches!(error, TlsError::CertifiedKey(_)), "{error}");
    }

    #[test]
    fn a_foreign_key_that_slipped_in_fails_the_handshake() {
        let (key, chain, _) = samples::chain();
        let (_, other, _) = samples::chain();
        let own = certified_key(&chain, &key).unwrap();
        let mixed = CertifiedKey::new(
            other
                .to_ders()
                .into_iter()
                .map(CertificateDer::from)
                .collect(),
            own.key.clone(),
        );

        let error = self_handshake(&Arc::new(mixed), "a.example").unwrap_err();

        assert!(
            matches!(error, TlsError::Handshake { version: "1.3", .. }),
            "{error}"
        );
    }

    #[test]
    fn mutual_authentication_works_between_our_configurations() {
        let (root, ca) = samples::authorities();
        let now = std::time::Duration::from_secs(1_767_225_600);
        let identity = |usage| {
            let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
            let names = samples::names(&["a.example"]);
            let mut request =
                LeafRequest::for_key(&key, &names, samples::days(36_500), samples::now());
            request.usage = usage;
            certified_key(&ca.issue_chain(&request).unwrap(), &key).unwrap()
        };
        let (server_id, client_id) = (
            identity(crate::mint::Usage::Server),
            identity(crate::mint::Usage::Client),
        );
        let roots = || root_store(&root.certificate().to_pem()).unwrap();
        let server = server_config(
            single_certificate(server_id),
            ClientAuth::Required(roots()),
            &[b"http/1.1"],
        )
        .unwrap();
        let client = client_config(roots(), Some(client_id), &[b"h2", b"http/1.1"]).unwrap();
        let frozen = Arc::new(FrozenTime(now));
        let (mut server, mut client) = (server, client);
        server.time_provider = frozen.clone();
        client.time_provider = frozen;
        let name = ServerName::try_from("a.example").unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();

        pump(&mut client, &mut server).unwrap();

        assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(server.peer_certificates().map(<[_]>::len), Some(2));
    }

    #[test]
    fn roots_are_read_and_a_text_without_any_is_refused() {
        assert_eq!(root_store(FIXTURE_CA).unwrap().len(), 1);
        assert!(matches!(root_store("nothing"), Err(TlsError::Roots(_))));
    }

    #[derive(Debug)]
    struct FrozenTime(std::time::Duration);

    impl rustls::time_provider::TimeProvider for FrozenTime {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(self.0))
        }
    }
}
