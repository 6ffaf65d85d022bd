//! Tokens of Entra ID: for an application by secret or certificate, for the virtual machine, or one that was given.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use evercert_types::Secret;
use jiff::Timestamp;
use serde_json::json;

use super::CODE;
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;
use crate::native::api::{Api, Repeat};
use crate::native::jwt::SigningKey;
use crate::provider::Context;
use crate::setting::Reader;

/// What a certificate's owner claims is good for so long, seconds.
const CLAIM: i64 = 600;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Where tokens come from.
#[derive(Debug)]
pub(super) enum Identity {
    Application(Application),
    Managed {
        metadata: Api,
        client: Option<String>,
    },
    Given(Secret<String>),
}

/// An application that is registered in a directory.
#[derive(Debug)]
pub(super) struct Application {
    login: Api,
    tenant: String,
    client: String,
    proof: Proof,
}

/// How an application shows who it is.
#[derive(Debug)]
enum Proof {
    Secret(Secret<String>),
    /// The key, and the certificate's SHA-1 hash in Base64.
    Certificate(SigningKey, String),
}

impl Identity {
    /// The one that the settings name.
    ///
    /// # Errors
    /// When they name none, or half of one.
    pub(super) fn read(
        reader: &Reader<'_>,
        login: &str,
        context: &Context,
    ) -> Result<Self, DnsError> {
        if let Some(token) = reader.secret("bearer_token") {
            return Ok(Self::Given(token));
        }
        if reader.text("managed_identity") == Some("true") {
            return Ok(Self::Managed {
                metadata: Api::metadata(CODE, reader.required("metadata_url")?, context)?,
                client: reader.text("client_id").map(str::to_owned),
            });
        }
        let proof = match (
            reader.secret("client_secret"),
            reader.text("client_certificate"),
        ) {
            (Some(secret), None) => Some(Proof::Secret(secret)),
            (None, Some(pem)) => Some(certificate(pem).ok_or_else(|| {
                reader.error("client_certificate holds no certificate with its RSA key in PEM")
            })?),
            _ => None,
        };
        let parts = (reader.text("tenant_id"), reader.text("client_id"), proof);
        let (Some(tenant), Some(client), Some(proof)) = parts else {
            return Err(reader.error(
                "settings are missing: give tenant_id, client_id and client_secret or client_certificate, or managed_identity, or bearer_token",
            ));
        };
        let mut login = Api::new(CODE, login, reader.text("ca_bundle"), context)?;
        login.secrets = reader.secret("client_secret").into_iter().collect();
        Ok(Self::Application(Application {
            login,
            tenant: tenant.to_owned(),
            client: client.to_owned(),
            proof,
        }))
    }

    /// Asks for a token for the resource; answers also who was asked.
    pub(super) async fn ask(
        &self,
        step: Step,
        resource: &str,
        now: Timestamp,
    ) -> Result<(&Api, Reply), DnsError> {
        match self {
            Self::Application(application) => application.ask(step, resource, now).await,
            Self::Managed { metadata, client } => {
                let mut query = vec![
                    ("api-version", "2018-02-01".to_owned()),
                    ("resource", format!("{resource}/")),
                ];
                query.extend(client.clone().map(|client| ("client_id", client)));
                let url = format!("{}/metadata/identity/oauth2/token", metadata.base);
                let make = || {
                    let request = metadata.client.get(&url).query(&query);
                    request.header("Metadata", "true")
                };
                let reply = metadata.send(step, Repeat::Always, make).await?;
                Ok((metadata, reply))
            }
            Self::Given(_) => {
                let what = "there is no identity to ask for a token";
                Err(DnsError::setting(CODE, what))
            }
        }
    }
}

impl Application {
    async fn ask(
        &self,
        step: Step,
        resource: &str,
        now: Timestamp,
    ) -> Result<(&Api, Reply), DnsError> {
        let url = format!("{}/{}/oauth2/v2.0/token", self.login.base, self.tenant);
        let mut form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", self.client.clone()),
            ("scope", format!("{resource}/.default")),
        ];
        match &self.proof {
            Proof::Secret(secret) => form.push(("client_secret", secret.expose().clone())),
            Proof::Certificate(key, hash) => {
                let assertion = self.claim(&url, key, hash, now).ok_or_else(|| {
                    let what = "the application's key cannot sign";
                    DnsError::new(CODE, step, Fault::Configuration, what)
                })?;
                form.push(("client_assertion_type", ASSERTION.to_owned()));
                form.push(("client_assertion", assertion));
            }
        }
        let make = || self.login.client.post(&url).form(&form);
        let reply = self.login.send(step, Repeat::Always, make).await?;
        Ok((&self.login, reply))
    }

    /// The claim to be the application, signed.
    fn claim(&self, url: &str, key: &SigningKey, hash: &str, now: Timestamp) -> Option<String> {
        let now = now.as_second();
        let mut octets = [0u8; 16];
        aws_lc_rs::rand::fill(&mut octets).ok()?;
        let claims = json!({
            "aud": url,
            "iss": self.client,
            "sub": self.client,
            "jti": URL_SAFE_NO_PAD.encode(octets),
            "nbf": now,
            "exp": now + CLAIM,
        });
        key.sign(&claims, &[("x5t", hash.to_owned())])
    }
}

/// Key and hash of a certificate in PEM.
fn certificate(pem: &str) -> Option<Proof> {
    let key = SigningKey::from_pem(pem)?;
    let (_, tail) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (inside, _) = tail.split_once("-----END CERTIFICATE-----")?;
    let text: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &STANDARD.decode(text).ok()?);
    Some(Proof::Certificate(key, URL_SAFE_NO_PAD.encode(hash)))
}
