//! The CA's own HTTPS certificate: issued by its root, renewed in time.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use evercert_types::{Clock, DomainName, KeyAlgorithm, NameError, SystemClock};
use evercert_x509::mint::{Authority, LeafRequest, MintError};
use evercert_x509::tls::{TlsError, certified_key};
use evercert_x509::{KeyError, KeyPair};
use jiff::SignedDuration;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

const LIFE: SignedDuration = SignedDuration::from_hours(24 * 397);

/// The certificate in use; every handshake takes the current one.
#[derive(Debug)]
pub(crate) struct OwnCertificate {
    names: Vec<DomainName>,
    ips: Vec<IpAddr>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnError {
    #[error("\"{name}\" cannot be a name of the CA's HTTPS certificate")]
    Name {
        name: String,
        #[source]
        source: NameError,
    },
    #[error("the key of the CA's HTTPS certificate could not be made")]
    Key(#[from] KeyError),
    #[error("the CA's HTTPS certificate could not be issued")]
    Mint(#[from] MintError),
    #[error("the CA's HTTPS certificate could not be used")]
    Tls(#[from] TlsError),
}

impl OwnCertificate {
    /// Issues a certificate for these names and addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub(crate) fn new(root: &Authority, names: &[String]) -> Result<Self, OwnError> {
        let (mut domains, mut ips) = (Vec::new(), Vec::new());
        for name in names {
            match name.parse::<IpAddr>() {
                Ok(ip) if ips.contains(&ip) => {}
                Ok(ip) => ips.push(ip),
                Err(_) => {
                    let domain = DomainName::new(name).map_err(|source| OwnError::Name {
                        name: name.clone(),
                        source,
                    })?;
                    if !domains.contains(&domain) {
                        domains.push(domain);
                    }
                }
            }
        }
        let current = RwLock::new(issue(root, &domains, &ips)?);
        Ok(Self {
            names: domains,
            ips,
            current,
        })
    }

    /// Replaces the certificate by a new one.
    ///
    /// # Errors
    /// When it cannot be issued; the present one then stays.
    pub(crate) fn renew(&self, root: &Authority) -> Result<(), OwnError> {
        let new = issue(root, &self.names, &self.ips)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

fn issue(
    root: &Authority,
    names: &[DomainName],
    ips: &[IpAddr],
) -> Result<Arc<CertifiedKey>, OwnError> {
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256)?;
    // The machine's clock, not the CA's: clients of this certificate go by theirs.
    let mut request = LeafRequest::for_key(&key, names, LIFE, SystemClock.now());
    request.ips = ips.to_vec();
    request.common_name = Some("Evercert Local CA (HTTPS)".to_owned());
    Ok(certified_key(&root.issue_chain(&request)?, &key)?)
}
