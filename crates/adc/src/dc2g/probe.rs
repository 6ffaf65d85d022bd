//! What a certificate made before adds to opening a connection, for the benchmark.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evercert_ns::model::{DynamicClientCert, ForgedKeyAlgorithm};
use evercert_types::SystemClock;
use evercert_x509::forge::ForgingCa;
use evercert_x509::tls::client_config;
use evercert_x509::{Certificate, Chain, KeyPair};
use rustls::client::ResolvesClientCert as _;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use super::forger::{Forger, Occasion};
use super::resolver::IdentityResolver;
use super::settings::ForgerSettings;
use super::{Dc2g, refusal::Refusal};
use crate::metrics::Dc2gMetrics;

/// What servers take.
const SCHEMES: [SignatureScheme; 2] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::RSA_PSS_SHA256,
];

/// A forger with one certificate in its cache.
#[derive(Debug)]
pub struct ForgeProbe {
    forger: Arc<Forger>,
    template: Arc<ClientConfig>,
    occasion: Occasion,
}

impl ForgeProbe {
    /// Makes one certificate after `card`; the audit file lies in `dir`.
    ///
    /// # Panics
    /// When that cannot be done, for then there is nothing to measure.
    pub fn new(dir: &Path, ca: &Chain, key: &KeyPair, card: &[u8]) -> Self {
        let settings = ForgerSettings {
            view: view(),
            ca: ForgingCa::new(ca, key.clone()).ok(),
            fallback: Certificate::from_der(card).ok(),
        };
        let dc2g = Dc2g::new(dir, Arc::new(SystemClock), Dc2gMetrics::default());
        let forger = match dc2g.forger("probe", settings) {
            Ok(forger) => forger,
            Err(why) => panic!("no forger: {why}"),
        };
        let template = match client_config(RootCertStore::empty(), None, &[]) {
            Ok(config) => Arc::new(config),
            Err(why) => panic!("no TLS: {why}"),
        };
        let occasion = Occasion {
            vserver: "v".into(),
            service: "s".into(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let made: Result<_, Refusal> = forger.certificate(None, &occasion);
        assert!(made.is_ok(), "{made:?}");
        Self {
            forger,
            template,
            occasion,
        }
    }

    /// What a connection without made certificates needs: the service's configuration.
    pub fn plain(&self) -> Arc<ClientConfig> {
        self.template.clone()
    }

    /// What one with a certificate made before needs: a configuration and a resolver of its own, and the certificate.
    pub fn hit(&self) -> Arc<ClientConfig> {
        let resolver = IdentityResolver::new(self.forger.clone(), None, self.occasion.clone());
        let resolver = Arc::new(resolver);
        let mut config = ClientConfig::clone(&self.template);
        config.client_auth_cert_resolver = resolver.clone();
        let shown = resolver.resolve(&[], &SCHEMES);
        assert!(shown.is_some_and(|shown| !shown.cert.is_empty()));
        assert!(resolver.shown().is_some());
        Arc::new(config)
    }
}

fn view() -> DynamicClientCert {
    DynamicClientCert {
        lifetime: Duration::from_secs(86_400),
        extensions: None,
        custom_oids: Vec::new(),
        subject: None,
        key_algorithm: ForgedKeyAlgorithm::P256,
        has_fresh_key: false,
        fallback: None,
        drops_unknown_status: true,
        drops_unknown_critical: true,
        deny: Vec::new(),
        cache_size: 1000,
        cache_timeout: Duration::from_secs(3600),
        rate: None,
        crl_url: None,
        tells_provenance: false,
        idle: 0,
    }
}
