//! The instance's identity: made from a one-time token, kept in the state directory, renewed at half-life.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evercert_api::instances::EnrollmentSecret;
use evercert_api::sync::{
    EnrollRequest, EnrollResponse, RenewIdentityRequest, RenewIdentityResponse, instance_from_uris,
};
use evercert_types::{Fingerprint, InstanceId, KeyAlgorithm, Labels, Secret, SharedClock};
use evercert_x509::tls::certified_key;
use evercert_x509::{
    Certificate, Chain, Csr, CsrParams, KeyPair, Subject, sha256, verify_key_matches,
};
use jiff::Timestamp;
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::cache::write_private;
use super::client::{Answer, CallError, ConsoleClient};
use super::trust::{Trust, client_config};
use crate::config::ConsoleLink;

/// The file in the state directory; mode 0600.
const FILE: &str = "identity.json";

/// What the Console knows this instance by.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: InstanceId,
    /// Its name, made unique by the Console.
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) certificate: Certificate,
    pub(crate) ca: Certificate,
    key: KeyPair,
    /// SHA-256 of the token it was made from, so that another token is recognised.
    token: Fingerprint,
}

/// An identity could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrollError {
    #[error("{0}")]
    Token(#[from] evercert_api::instances::EnrollmentTokenError),
    #[error("enrolling")]
    Call(#[from] CallError),
    #[error("making the key and request of an identity ({0})")]
    Make(String),
    #[error("the identity that the Console sent cannot be used ({0})")]
    Unusable(String),
    #[error("{what} {path}")]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is damaged ({why})")]
    Damaged { path: PathBuf, why: String },
}

impl EnrollError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Call(CallError::Status { problem: None, .. }) | Self::Token(_) | Self::Unusable(_) => {
                "Make a new token with `evercert instance token create`, and start with --enroll-token."
                    .to_owned()
            }
            Self::Call(error) => error.remedy(),
            Self::Make(_) => "Look at the system's random source.".to_owned(),
            Self::File { .. } => "Make the state directory writable.".to_owned(),
            Self::Damaged { .. } => {
                "Remove the file, make a new token with `evercert instance token create`, and start with --enroll-token."
                    .to_owned()
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Saved {
    instance_id: InstanceId,
    name: String,
    labels: Labels,
    certificate_pem: String,
    ca_pem: String,
    #[serde(serialize_with = "expose")]
    key_pem: Secret<String>,
    token_sha256: Fingerprint,
}

/// Enrols: the token proves the right, and pins the CA that the Console must show.
///
/// # Errors
/// See [`EnrollError`].
pub(crate) async fn enroll(
    link: &ConsoleLink,
    token: &Secret<String>,
    name: &str,
    clock: &SharedClock,
) -> Result<Identity, EnrollError> {
    let secret = EnrollmentSecret::parse(token.expose())?;
    let tls = client_config(Trust::Pinned(secret.ca_fingerprint), None, clock)
        .map_err(|error| EnrollError::Make(error.to_string()))?;
    let client = ConsoleClient::new(link, tls)?;
    let (key, csr) = key_and_request(name)?;
    let request = EnrollRequest {
        secret: secret.secret,
        name: name.to_owned(),
        kind: "adc".to_owned(),
        csr_pem: csr.to_pem(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let answer: Answer<EnrollResponse> = client
        .post("/zts/v1/enroll", &request, Duration::ZERO)
        .await?;
    let response = answer
        .body
        .ok_or_else(|| unusable("the answer was empty"))?;
    let ca = Certificate::from_pem(&response.ca_pem).map_err(unusable)?;
    if ca.fingerprint() != secret.ca_fingerprint {
        return Err(unusable("its CA is not the one that the token names"));
    }
    let identity = Identity {
        id: response.instance_id,
        name: response.name,
        labels: response.labels,
        certificate: leaf(&response.certificate_pem, &key, &ca)?,
        ca,
        key,
        token: sha256(token.expose().as_bytes()),
    };
    if instance_from_uris(identity.certificate.san_uris().iter().map(String::as_str))
        != Some(identity.id)
    {
        return Err(unusable("its certificate names another instance"));
    }
    Ok(identity)
}

impl Identity {
    /// The identity of a state directory; `None` before enrolment.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn load(state_dir: &Path) -> Result<Option<Self>, EnrollError> {
        let path = state_dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(EnrollError::File {
                    what: "reading",
                    path,
                    source,
                });
            }
        };
        Self::parse(&bytes)
            .map(Some)
            .map_err(|why| EnrollError::Damaged { path, why })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let saved: Saved = serde_json::from_slice(bytes).map_err(|e| text(&e))?;
        let key = KeyPair::from_pem(saved.key_pem.expose()).map_err(|e| text(&e))?;
        let ca = Certificate::from_pem(&saved.ca_pem).map_err(|e| text(&e))?;
        let certificate = Certificate::from_pem(&saved.certificate_pem).map_err(|e| text(&e))?;
        verify_key_matches(&certificate, &key).map_err(|e| text(&e))?;
        Ok(Self {
            id: saved.instance_id,
            name: saved.name,
            labels: saved.labels,
            certificate,
            ca,
            key,
            token: saved.token_sha256,
        })
    }

    /// Keeps it, readable by its owner only.
    ///
    /// # Errors
    /// [`EnrollError::File`].
    pub(crate) fn save(&self, state_dir: &Path) -> Result<(), EnrollError> {
        let saved = Saved {
            instance_id: self.id,
            name: self.name.clone(),
            labels: self.labels.clone(),
            certificate_pem: self.certificate.to_pem(),
            ca_pem: self.ca.to_pem(),
            key_pem: self.key.to_pkcs8_pem(),
            token_sha256: self.token,
        };
        let path = state_dir.join(FILE);
        let json = serde_json::to_vec_pretty(&saved).map(Zeroizing::new);
        json.map_err(io::Error::other)
            .and_then(|json| write_private(&path, &json))
            .map_err(|source| EnrollError::File {
                what: "writing",
                path,
                source,
            })
    }

    /// Whether it was made from this token.
    pub(crate) fn is_from(&self, token: &Secret<String>) -> bool {
        self.token == sha256(token.expose().as_bytes())
    }

    /// Whether its certificate has ended.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.certificate.not_after() <= now
    }

    /// Whether half of its life is over.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let (from, to) = (self.certificate.not_before(), self.certificate.not_after());
        now.duration_since(from) >= to.duration_since(from) / 2
    }

    /// A client that shows it.
    ///
    /// # Errors
    /// When it cannot be used for TLS.
    pub(crate) fn client(
        &self,
        link: &ConsoleLink,
        clock: &SharedClock,
    ) -> Result<ConsoleClient, EnrollError> {
        let tls = client_config(Trust::Ca(self.ca.clone()), Some(self.certified()?), clock)
            .map_err(|error| EnrollError::Make(error.to_string()))?;
        Ok(ConsoleClient::new(link, tls)?)
    }

    fn certified(&self) -> Result<Arc<CertifiedKey>, EnrollError> {
        let chain = Chain::from_certificates(vec![self.certificate.clone()]).map_err(unusable)?;
        certified_key(&chain, &self.key).map_err(unusable)
    }

    /// The next identity, for a new key.
    ///
    /// # Errors
    /// See [`EnrollError`]; this one stays good.
    pub(crate) async fn renew(&self, client: &ConsoleClient) -> Result<Self, EnrollError> {
        let (key, csr) = key_and_request(&self.name)?;
        let request = RenewIdentityRequest {
            csr_pem: csr.to_pem(),
        };
        let answer: Answer<RenewIdentityResponse> = client
            .post("/zts/v1/renew-identity", &request, Duration::ZERO)
            .await?;
        let response = answer
            .body
            .ok_or_else(|| unusable("the answer was empty"))?;
        let ca = Certificate::from_pem(&response.ca_pem).map_err(unusable)?;
        Ok(Self {
            certificate: leaf(&response.certificate_pem, &key, &ca)?,
            ca,
            key,
            ..self.clone()
        })
    }
}

fn key_and_request(name: &str) -> Result<(KeyPair, Csr), EnrollError> {
    let make = |error: &dyn std::fmt::Display| EnrollError::Make(error.to_string());
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).map_err(|e| make(&e))?;
    let params = CsrParams {
        subject: Subject {
            common_name: Some(name.chars().take(64).collect()),
            ..Subject::default()
        },
        ..CsrParams::default()
    };
    let csr = Csr::build(&params, &key).map_err(|e| make(&e))?;
    Ok((key, csr))
}

fn leaf(pem: &str, key: &KeyPair, ca: &Certificate) -> Result<Certificate, EnrollError> {
    let leaf = Certificate::from_pem(pem).map_err(unusable)?;
    verify_key_matches(&leaf, key).map_err(unusable)?;
    if !leaf.is_signed_by(ca) {
        return Err(unusable("its certificate is not signed by its CA"));
    }
    Ok(leaf)
}

fn unusable(why: impl std::fmt::Display) -> EnrollError {
    EnrollError::Unusable(why.to_string())
}

fn expose<S: serde::Serializer>(secret: &Secret<String>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(secret.expose())
}
