//! When the CA wants a certificate renewed (ARI, RFC 9773).

use std::time::Duration;

use evercert_x509::{Certificate, ari_certificate_id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::client::Client;
use crate::error::AcmeError;
use crate::stage::Stage;

/// The window in which a CA wants a certificate renewed; `start` is before `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalInfo {
    /// The window's begin; in the past after an incident.
    pub start: Timestamp,
    /// The window's end.
    pub end: Timestamp,
    /// A page that says why, for people.
    pub explanation_url: Option<String>,
    /// When to ask again, as the CA says; see [`Self::poll_after`].
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    suggested_window: Window,
    #[serde(default, rename = "explanationURL")]
    explanation_url: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl RenewalInfo {
    /// When to ask again: as the CA says, between a minute and a day; without its word, in 6 hours
    /// (RFC 9773 §4.3).
    pub fn poll_after(&self) -> Duration {
        const MINUTE: Duration = Duration::from_secs(60);
        const DAY: Duration = Duration::from_secs(86_400);
        self.retry_after
            .map_or(DAY / 4, |asked| asked.clamp(MINUTE, DAY))
    }
}

impl Client {
    /// Asks when to renew a certificate; needs no account.
    ///
    /// # Errors
    /// [`AcmeError::NotOffered`] where the CA has no ARI or the certificate no authority key
    /// identifier, [`AcmeError::Malformed`] for a window that ends before it begins.
    pub async fn renewal_info(&self, certificate: &Certificate) -> Result<RenewalInfo, AcmeError> {
        let id = ari_certificate_id(certificate)
            .ok_or_else(|| self.no_ari("authorityKeyIdentifier in the certificate"))?;
        let first = match self.renewal_info_at(&id).await {
            Err(error) if url_may_have_moved(&error) => error,
            result => return result,
        };
        // Let's Encrypt moved this URL in 2025 without notice: look whether it is still there.
        let moved = self
            .reload()
            .await
            .ok()
            .filter(|fresh| fresh.directory().renewal_info != self.directory().renewal_info);
        match moved {
            Some(fresh) => fresh.renewal_info_at(&id).await,
            None => Err(first),
        }
    }

    async fn renewal_info_at(&self, id: &str) -> Result<RenewalInfo, AcmeError> {
        let base = self.directory().renewal_info.as_deref();
        let base = base.ok_or_else(|| self.no_ari("renewalInfo"))?;
        let url = format!("{}/{id}", base.trim_end_matches('/'));
        let reply = self.get(Stage::RenewalInfo, &url, self.deadline()).await?;
        let wire: Wire = reply.json()?;
        let Window { start, end } = wire.suggested_window;
        if end <= start {
            return Err(reply.malformed("the renewal window ends before it begins".to_owned()));
        }
        Ok(RenewalInfo {
            start,
            end,
            explanation_url: wire.explanation_url,
            retry_after: reply.retry_after(),
        })
    }

    fn no_ari(&self, member: &'static str) -> AcmeError {
        AcmeError::NotOffered {
            stage: Stage::RenewalInfo,
            url: self.directory().url.clone(),
            member,
        }
    }
}

impl Account {
    /// As [`Client::renewal_info`].
    ///
    /// # Errors
    /// As there.
    pub async fn renewal_info(&self, certificate: &Certificate) -> Result<RenewalInfo, AcmeError> {
        self.client().renewal_info(certificate).await
    }
}

fn url_may_have_moved(error: &AcmeError) -> bool {
    let status = match error {
        AcmeError::Status { status, .. } => Some(*status),
        AcmeError::Redirect { .. } => return true,
        other => other.problem().and_then(|problem| problem.status),
    };
    matches!(status, Some(404 | 405 | 410))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The certificate of RFC 9773 appendix A.
    const EXAMPLE: &str = "-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
";

    #[test]
    fn the_certificate_id_is_that_of_rfc_9773() {
        let certificate = Certificate::from_pem(EXAMPLE).unwrap();

        assert_eq!(
            ari_certificate_id(&certificate).as_deref(),
            Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
        );
    }

    #[test]
    fn the_next_question_comes_within_a_minute_and_a_day() {
        let info = |retry_after: Option<u64>| RenewalInfo {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::MAX,
            explanation_url: None,
            retry_after: retry_after.map(Duration::from_secs),
        };

        assert_eq!(info(Some(1)).poll_after().as_secs(), 60);
        assert_eq!(info(Some(21_600)).poll_after().as_secs(), 21_600);
        assert_eq!(info(Some(u64::MAX)).poll_after().as_secs(), 86_400);
        assert_eq!(info(None).poll_after().as_secs(), 21_600);
    }
}
