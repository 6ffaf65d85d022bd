//! Services of the configuration as the data plane connects to them.

use std::sync::Arc;

use evercert_ns::model::{
    BackendSslView, Config, ServiceAddress, ServiceType, ServiceView, TlsVersions,
};
use evercert_types::DomainName;
use evercert_x509::tls::crypto_provider;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use super::Surroundings;
use super::certkeys::CertKeys;
use super::client_certificates;
use crate::config::Limits;
use crate::error::StartError;
use crate::tls::client_choice::ZeroTouchClient;
use crate::traffic::backend::{Offer, Service, ServiceParts, ServiceTls};
use crate::traffic::pool::PoolLimits;

/// Makes a service, or a warning where it cannot carry the vserver's traffic.
pub(super) fn service(
    view: &ServiceView,
    vserver: ServiceType,
    config: &Config,
    certkeys: &mut CertKeys,
    with: &Surroundings,
) -> Result<Result<Arc<Service>, String>, StartError> {
    let fits = match vserver {
        ServiceType::SslTcp => {
            matches!(
                view.kind,
                ServiceType::Tcp | ServiceType::SslTcp | ServiceType::Any
            )
        }
        _ => view.kind.is_http(),
    };
    if !fits || view.port == 65535 {
        let warning = format!(
            "service {} is not used: its type or port does not fit",
            view.name
        );
        return Ok(Err(warning));
    }
    let tls = match &view.ssl {
        Some(ssl) if view.kind.is_ssl() => Some(service_tls(view, ssl, config, certkeys, with)?),
        _ => None,
    };
    let limits = &with.limits;
    Ok(Ok(Arc::new(Service::new(ServiceParts {
        name: view.name.as_str().into(),
        address: address(view),
        tls,
        weight: usize::try_from(view.weight).unwrap_or(1),
        connect_timeout: limits.connect_timeout,
        response_timeout: view.server_timeout.min(limits.response_timeout),
        pool: pool_limits(view, limits),
        health: with.monitors.health(&view.name),
        most_clients: view.max_client.and_then(|most| usize::try_from(most).ok()),
    }))))
}

/// TLS of monitors, which verify nothing.
///
/// # Errors
/// When the TLS library refuses its own defaults.
pub(crate) fn unverified() -> Result<Arc<ClientConfig>, Error> {
    let verifier = ServiceVerifier {
        anchors: None,
        wanted: None,
    };
    let config = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&BOTH)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Connections for each client are kept only where certificates are made for clients.
fn pool_limits(view: &ServiceView, limits: &Limits) -> PoolLimits {
    let ssl = view.ssl.as_ref();
    let dynamic = ssl.and_then(|ssl| ssl.dynamic_client_cert.as_ref());
    PoolLimits::new(limits, dynamic.map_or(0, |dynamic| dynamic.idle))
}

fn address(view: &ServiceView) -> Box<str> {
    match &view.address {
        ServiceAddress::Ip(ip) => std::net::SocketAddr::new(*ip, view.port).to_string().into(),
        ServiceAddress::Domain(domain) => format!("{domain}:{}", view.port).into(),
    }
}

fn service_tls(
    view: &ServiceView,
    ssl: &BackendSslView,
    config: &Config,
    certkeys: &mut CertKeys,
    with: &Surroundings,
) -> Result<ServiceTls, StartError> {
    let failed = |source| StartError::Tls {
        vserver: view.name.clone(),
        source,
    };
    let anchors = match ssl.server_auth {
        false => None,
        true => Some(certkeys.anchors(config, ssl.ca_certkeys.iter().map(|ca| ca.name.as_str()))?),
    };
    let wanted = match &ssl.common_name {
        None => None,
        Some(name) => Some(server_name(name).map_err(failed)?),
    };
    let name = wanted
        .clone()
        .map_or_else(|| own_name(view).map_err(failed), Ok)?;
    let verifier = ServiceVerifier { anchors, wanted };
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(versions(ssl.versions))
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let forger = match &ssl.dynamic_client_cert {
        None => None,
        Some(dynamic) => {
            let dc2g = &with.dc2g;
            Some(client_certificates::forger(
                view, ssl, dynamic, config, certkeys, dc2g,
            )?)
        }
    };
    let mut tls = match (ssl.client_certkeys.first(), &ssl.zero_touch_cert) {
        // Never another one instead of one made for the client.
        _ if forger.is_some() => builder.with_no_client_auth(),
        (None, None) => builder.with_no_client_auth(),
        (None, Some(named)) => {
            builder.with_client_cert_resolver(Arc::new(zero_touch(view, named, with)?))
        }
        (Some(certkey), _) => {
            let certified = certkeys.server(config, &certkey.name)?.certified.clone();
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    // A resumed session shows the certificate of its first handshake: also after a renewal, or for another client.
    let renews = ssl.client_certkeys.is_empty() && ssl.zero_touch_cert.is_some();
    if !ssl.session_reuse || renews || forger.is_some() {
        tls.resumption = Resumption::disabled();
    }
    let http2 = match ssl.http2 && view.kind.is_http() {
        true => Offer::Http2,
        false => Offer::Http1,
    };
    if http2 == Offer::Http2 {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(ServiceTls {
        config: Arc::new(tls),
        server_name: name,
        http2,
        forger,
    })
}

/// A certificate bound by hand goes before it.
fn zero_touch(
    view: &ServiceView,
    named: &str,
    with: &Surroundings,
) -> Result<ZeroTouchClient, StartError> {
    let name = DomainName::new(named).map_err(|error| StartError::Tls {
        vserver: view.name.clone(),
        source: Error::General(format!("-zeroTouchCert: {error}")),
    })?;
    Ok(ZeroTouchClient {
        service: view.name.as_str().into(),
        name,
        table: with.table.clone(),
        hot: with.hot.clone(),
    })
}

static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    match (versions.tls12, versions.tls13) {
        (true, false) => &TLS12,
        (false, true) => &TLS13,
        _ => &BOTH,
    }
}

fn own_name(view: &ServiceView) -> Result<ServerName<'static>, Error> {
    match &view.address {
        ServiceAddress::Ip(ip) => Ok(ServerName::IpAddress(IpAddr::from(*ip))),
        ServiceAddress::Domain(domain) => server_name(domain),
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| Error::General(format!("\"{name}\" is no server name")))
}

/// Verifies a service as far as the configuration asks for it: not at all (`-serverAuth DISABLED`), its chain, or its
/// chain and name (`-commonName`). That it holds the key of the certificate it shows is always verified.
#[derive(Debug)]
struct ServiceVerifier {
    anchors: Option<RootCertStore>,
    wanted: Option<ServerName<'static>>,
}

impl ServerCertVerifier for ServiceVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(anchors) = &self.anchors {
            let leaf = ParsedCertificate::try_from(end_entity)?;
            let algorithms = crypto_provider().signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &leaf,
                anchors,
                intermediates,
                now,
                algorithms,
            )?;
            if let Some(wanted) = &self.wanted {
                verify_server_name(&leaf, wanted)?;
            }
        }
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
}
