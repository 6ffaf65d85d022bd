//! Downloading certificates and the alternate chains a CA offers (RFC 8555 §7.4.2).

use evercert_x509::Certificate;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::client::{Post, Repeat};
use crate::error::AcmeError;
use crate::reply::Reply;
use crate::stage::Stage;

/// A certificate with its chain, as the CA sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    /// PEM, lines ended by a line feed; leaf first where the CA keeps to RFC 8555.
    pub pem: String,
    /// The URLs of other chains for the same certificate.
    pub alternates: Vec<String>,
}

const PEM_CHAIN: &str = "application/pem-certificate-chain";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

impl Account {
    /// Downloads a certificate with its default chain.
    ///
    /// # Errors
    /// What the CA or the network refuses; [`AcmeError::Malformed`] for something that is no
    /// certificate.
    pub async fn download(&self, certificate_url: &str) -> Result<Downloaded, AcmeError> {
        let post = Post {
            accept: Some(PEM_CHAIN),
            ..Post::read(Stage::Download, certificate_url, Repeat::Safe)
        };
        let reply = self.post(&post, self.client().deadline()).await?;
        let mut alternates = reply.links("alternate");
        alternates.retain(|url| url != certificate_url);
        Ok(Downloaded {
            pem: pem(&reply)?,
            alternates,
        })
    }

    /// Downloads every alternate chain, in the CA's order; one that fails is left out with a warning.
    pub async fn download_alternates(&self, default: &Downloaded) -> Vec<Downloaded> {
        let mut chains = Vec::new();
        for url in &default.alternates {
            match self.download(url).await {
                Ok(chain) => chains.push(chain),
                Err(error) => tracing::warn!(
                    acme.url = url,
                    error = &error as &dyn std::error::Error,
                    "an alternate chain could not be downloaded"
                ),
            }
        }
        chains
    }
}

fn pem(reply: &Reply) -> Result<String, AcmeError> {
    if let Ok(text) = std::str::from_utf8(&reply.body)
        && text.contains(BEGIN)
    {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        if !text.ends_with('\n') {
            text.push('\n');
        }
        return Ok(text);
    }
    let kind = reply.content_type();
    Certificate::from_der(reply.body.clone())
        .map(|certificate| certificate.to_pem())
        .map_err(|_| reply.malformed(format!("the answer ({kind}) is no certificate chain")))
}

#[cfg(test)]
mod tests {
    use evercert_types::{Clock, KeyAlgorithm, SystemClock};
    use evercert_x509::mint::Authority;
    use jiff::SignedDuration;

    use super::*;

    fn reply(body: &[u8]) -> Reply {
        Reply {
            stage: Stage::Download,
            url: "https://ca.test/cert/1".to_owned(),
            status: 200,
            headers: std::iter::once((
                "content-type".parse().unwrap(),
                "Application/PKIX-Cert; x=y".parse().unwrap(),
            ))
            .collect(),
            body: body.to_vec(),
            received: SystemClock.now(),
        }
    }

    #[test]
    fn carriage_returns_vanish_and_der_becomes_pem() {
        let life = SignedDuration::from_hours(24);
        let now = SystemClock.now();
        let ca = Authority::self_signed("Test CA", KeyAlgorithm::EcdsaP256, life, now).unwrap();
        let certificate = ca.certificate();
        let expected = certificate.to_pem();

        let crlf = pem(&reply(expected.trim_end().replace('\n', "\r\n").as_bytes())).unwrap();
        let der = pem(&reply(certificate.der())).unwrap();

        assert_eq!(crlf, expected);
        assert_eq!(der, expected);
    }

    #[test]
    fn a_page_instead_of_a_certificate_is_named_with_its_type() {
        let error = pem(&reply(b"<html>Please wait</html>")).unwrap_err();

        assert!(
            error
                .to_string()
                .contains("the answer (application/pkix-cert) is no certificate chain"),
            "{error}"
        );
    }
}
