//! The Console's own CA: it says who the Console is to instances, and who they are to it.
//!
//! Made at the first start, kept sealed in the database, and shared by all Consoles on it. It signs
//! two kinds of certificates, both short: the Console's own for TLS ([`server`]), and those of
//! instances ([`Identity::issue_instance`]). An enrolment token pins it by its fingerprint.

pub(crate) mod server;

use std::net::IpAddr;
use std::sync::Arc;

use evercert_api::sync::instance_uri;
use evercert_db::{Db, DbError};
use evercert_types::{DomainName, Fingerprint, InstanceId, KeyAlgorithm, SharedClock};
use evercert_x509::mint::{Authority, LeafRequest, MintError, Usage};
use evercert_x509::tls::{TlsError, certified_key_from_der, root_store};
use evercert_x509::{Certificate, Csr, KeyError, KeyPair};
use jiff::SignedDuration;
use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

/// How long the identity CA is valid.
const CA_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 3653);
/// How long an instance's certificate is valid; it is renewed at half of it.
pub(crate) const INSTANCE_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How long the Console's own certificate is valid; it is renewed at half of it.
pub(crate) const SERVER_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 14);
/// The setting that holds the CA.
const SETTING: &str = "identity_ca";

/// The identity CA, opened.
#[derive(Debug)]
pub(crate) struct Identity {
    authority: Authority,
    clock: SharedClock,
}

/// The Console's CA cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// It could not be read or saved.
    #[error("opening the Console's identity CA")]
    Database(#[source] DbError),
    /// What is saved is no CA.
    #[error("the saved identity CA is not in the form that this program writes; restore a backup")]
    Form,
    /// It could not be made, read, or would not sign.
    #[error("using the Console's identity CA")]
    Mint(#[source] MintError),
    /// A key could not be generated.
    #[error("generating a key for the Console's TLS certificate")]
    Key(#[source] KeyError),
    /// rustls does not take what it signed.
    #[error("using a certificate of the identity CA for TLS")]
    Tls(#[source] TlsError),
    /// An operator's file cannot be used.
    #[error("reading the Console's TLS certificate from {path}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[derive(Serialize, Deserialize)]
struct Saved {
    certificate_pem: String,
    key_pem: String,
}

impl Identity {
    /// Opens the identity CA, making it when this is a new database.
    ///
    /// # Errors
    /// When the database fails, or what is saved cannot be read.
    pub(crate) async fn open(db: &Db, clock: SharedClock) -> Result<Self, IdentityError> {
        let saved = db
            .sealed_setting(SETTING)
            .await
            .map_err(IdentityError::Database)?;
        let saved = match saved {
            Some(saved) => saved,
            None => {
                let made = make(&clock)?;
                db.sealed_setting_or_insert(SETTING, &made)
                    .await
                    .map_err(IdentityError::Database)?
            }
        };
        let saved: Saved =
            serde_json::from_slice(saved.expose()).map_err(|_| IdentityError::Form)?;
        let authority = Authority::from_pem(&saved.certificate_pem, &saved.key_pem)
            .map_err(IdentityError::Mint)?;
        Ok(Self { authority, clock })
    }

    /// The CA certificate.
    pub(crate) fn certificate(&self) -> &Certificate {
        self.authority.certificate()
    }

    /// The CA certificate in PEM: what `--cacert` takes.
    pub(crate) fn ca_pem(&self) -> String {
        self.certificate().to_pem()
    }

    /// What an enrolment token pins.
    pub(crate) fn ca_fingerprint(&self) -> Fingerprint {
        self.certificate().fingerprint()
    }

    /// Whom instances must be certified by.
    pub(crate) fn roots(&self) -> Result<RootCertStore, IdentityError> {
        root_store(&self.ca_pem()).map_err(IdentityError::Tls)
    }

    /// Signs an instance's certificate for the key of its request, whose signature was verified; names
    /// and subject of the request are not looked at.
    ///
    /// # Errors
    /// When the key is of a kind that the CA does not sign.
    pub(crate) fn issue_instance(
        &self,
        id: InstanceId,
        csr: &Csr,
    ) -> Result<Certificate, IdentityError> {
        let mut request = LeafRequest::for_csr(csr, INSTANCE_VALIDITY, self.clock.now());
        (request.names, request.ips) = (Vec::new(), Vec::new());
        request.uris = vec![instance_uri(id)];
        request.common_name = Some(id.to_string());
        request.usage = Usage::Client;
        self.authority.issue(&request).map_err(IdentityError::Mint)
    }

    /// Signs a TLS certificate for the Console; the chain ends in the CA itself, for who pins it.
    ///
    /// # Errors
    /// When the key cannot be generated.
    pub(crate) fn issue_server(
        &self,
        names: &[DomainName],
        ips: &[IpAddr],
    ) -> Result<Arc<CertifiedKey>, IdentityError> {
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).map_err(IdentityError::Key)?;
        let mut request = LeafRequest::for_key(&key, names, SERVER_VALIDITY, self.clock.now());
        request.ips = ips.to_vec();
        request.common_name = Some("Evercert Console".to_owned());
        let leaf = self
            .authority
            .issue(&request)
            .map_err(IdentityError::Mint)?;
        let chain = [&leaf, self.certificate()].map(|c| c.der().to_vec().into());
        certified_key_from_der(chain.to_vec(), key.to_pkcs8_der().expose())
            .map_err(IdentityError::Tls)
    }
}

fn make(clock: &SharedClock) -> Result<Vec<u8>, IdentityError> {
    let name = format!(
        "Evercert identity CA {}",
        &crate::auth::secret::random_text()[..8]
    );
    let authority =
        Authority::self_signed(&name, KeyAlgorithm::EcdsaP256, CA_VALIDITY, clock.now())
            .map_err(IdentityError::Mint)?;
    let saved = Saved {
        certificate_pem: authority.certificate().to_pem(),
        key_pem: authority.key().to_pkcs8_pem().expose().clone(),
    };
    serde_json::to_vec(&saved).map_err(|_| IdentityError::Form)
}
